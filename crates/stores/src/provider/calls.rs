//! How often each call of a store's API was made, and how it ended: what `externalsecret_provider_api_calls_count` counts (reference
//! 8.1). The names of providers and calls are those of ESO.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// A call: provider, name, and whether it succeeded.
type Call = (&'static str, &'static str, bool);

/// Counts of a process.
#[derive(Debug, Default)]
pub struct Calls(Mutex<BTreeMap<Call, u64>>);

impl Calls {
    /// A call ended. That an entry is absent is an answer, so it is no failure.
    pub fn note(&self, provider: &'static str, call: &'static str, succeeded: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((provider, call, succeeded)).or_default() += 1;
    }

    /// Every call that was made, with how often it ended so.
    #[must_use]
    pub fn all(&self) -> Vec<(Call, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(call, count)| (*call, *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_name_and_outcome() {
        let calls = Calls::default();
        for succeeded in [true, true, false] {
            calls.note("P", "Read", succeeded);
        }
        assert_eq!(calls.all(), [(("P", "Read", false), 1), (("P", "Read", true), 2)]);
    }
}
