//! Waits that double, with full jitter. Chance comes in as a number, so every wait can be tested by table.

use std::time::Duration;

/// A wait that starts at `first`, doubles with every attempt and never exceeds `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub most: Duration,
}

impl Backoff {
    /// The upper bound of the wait after `attempt` failures in a row (1 = the first).
    #[must_use]
    pub fn bound(self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.most)
    }

    /// The wait: between half of the bound and the bound, by `chance` in 0..1. Half stays, so that a wait never collapses to
    /// nothing; the other half spreads objects that failed together.
    #[must_use]
    pub fn wait(self, attempt: u32, chance: f64) -> Duration {
        let bound = self.bound(attempt);
        bound / 2 + (bound / 2).mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_and_stops() {
        let backoff = Backoff { first: Duration::from_secs(5), most: Duration::from_secs(300) };
        let bounds: Vec<_> = [1, 2, 3, 7, 8, 400].iter().map(|n| backoff.bound(*n).as_secs()).collect();
        assert_eq!(bounds, [5, 10, 20, 300, 300, 300]);
    }

    #[test]
    fn chance_moves_the_wait_within_the_upper_half() {
        let backoff = Backoff { first: Duration::from_secs(4), most: Duration::from_secs(300) };
        assert_eq!(backoff.wait(1, 0.0), Duration::from_secs(2));
        assert_eq!(backoff.wait(1, 1.0), Duration::from_secs(4));
    }
}
