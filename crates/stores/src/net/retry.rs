//! The one retry loop of this crate.
//!
//! It repeats reads that failed for a reason that passes by itself. Everything longer than a few seconds is the business of the
//! controllers' schedule, which does not hold a fetch open while it waits.

use std::time::Duration;

use crate::base::{Clock, Error, Kind, Result, backoff::Backoff, limits};

/// `spec.retrySettings` of a store (reference 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// Retries after the first try; `None` where the block does not say.
    pub max_retries: Option<u32>,
    /// Fixed wait between tries; `None` where the block does not say.
    pub interval: Option<Duration>,
}

/// How often to repeat, and how long to wait between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    retries: u32,
    wait: Wait,
    /// True if only requests whose connection was lost are repeated.
    lost_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Doubling(Backoff),
    Fixed(Duration),
}

impl Retry {
    /// The policy of a store: ours without a `retrySettings` block, which repeats only what got no answer at all (what a store answers is
    /// for the gate to hear at once); with one its number of retries, else the number that the provider documents, and its fixed
    /// interval, else our doubling wait.
    #[must_use]
    pub fn of(settings: Option<RetrySettings>, documented: u32) -> Self {
        let doubling = Wait::Doubling(limits::READ_RETRY);
        match settings {
            None => Self { retries: limits::READ_RETRIES, wait: doubling, lost_only: true },
            Some(settings) => Self {
                retries: settings.max_retries.unwrap_or(documented),
                wait: settings.interval.map_or(doubling, Wait::Fixed),
                lost_only: false,
            },
        }
    }

    /// The wait after `failures` failed tries, or `None` if the last of them stands.
    fn wait(self, failures: u32, error: &Error, chance: f64) -> Option<Duration> {
        if failures > self.retries || self.lost_only && !error.is_lost() || !passes_by_itself(error) {
            return None;
        }
        let own = match self.wait {
            Wait::Doubling(backoff) => backoff.wait(failures, chance),
            Wait::Fixed(interval) => interval,
        };
        Some(own.max(error.wait().unwrap_or_default()))
    }
}

/// True where the same read may succeed within seconds. A `Conflict` is not: the write must be decided anew.
fn passes_by_itself(error: &Error) -> bool {
    let soon = error.wait().is_none_or(|wait| wait <= limits::RETRY_AFTER_WAITED);
    match error.kind() {
        Kind::Unavailable | Kind::Throttled => soon,
        Kind::NotFound
        | Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Conflict
        | Kind::Invalid
        | Kind::Unsupported
        | Kind::Refused
        | Kind::Malformed
        | Kind::Bug => false,
    }
}

/// Runs `operation` until it succeeds, fails for good, or the policy is used up. `chance` yields numbers in 0..1
/// ([`jitter`] outside tests).
///
/// # Errors
/// The last error of `operation`.
pub async fn retry<T, F: Future<Output = Result<T>>>(
    clock: &dyn Clock,
    policy: Retry,
    mut chance: impl FnMut() -> f64,
    mut operation: impl FnMut() -> F,
) -> Result<T> {
    let mut failures = 0;
    loop {
        let error = match operation().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        failures += 1;
        match policy.wait(failures, &error, chance()) {
            Some(wait) => clock.sleep(wait).await,
            None => return Err(error),
        }
    }
}

/// A number in 0..1 from the process's random source. If that fails, 1: the longest wait.
#[must_use]
pub fn jitter() -> f64 {
    let mut bytes = [0; 4];
    match aws_lc_rs::rand::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::base::clock::SystemClock;

    /// The policy of a block that sets the number alone.
    fn block(retries: u32) -> Retry {
        Retry::of(Some(RetrySettings { max_retries: Some(retries), interval: None }), 3)
    }

    /// Runs an operation that always fails with `error`; how often it ran and how long that took.
    async fn tries(policy: Retry, error: Error) -> (u32, Duration) {
        let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
        let mut runs = 0;
        let outcome: Result<()> = retry(
            &clock,
            policy,
            || 1.0,
            || {
                runs += 1;
                std::future::ready(Err(error.clone()))
            },
        )
        .await;
        assert_eq!(outcome.unwrap_err().kind(), error.kind());
        let passed = clock.now().duration_since(Timestamp::UNIX_EPOCH);
        (runs, passed.unsigned_abs())
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_passes_by_itself_is_tried_again() {
        for kind in Kind::ALL {
            let again = u32::from(matches!(kind, Kind::Unavailable | Kind::Throttled));
            let (runs, _) = tries(block(1), Error::new(kind, "x")).await;
            assert_eq!(runs, 1 + again, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_block_only_a_lost_connection_is_tried_again() {
        let error = Error::new(Kind::Unavailable, "x");
        assert_eq!(tries(Retry::of(None, 3), error.clone()).await.0, 1);
        assert_eq!(tries(Retry::of(None, 3), error.lost()).await.0, 1 + limits::READ_RETRIES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_retry_after_is_left_to_the_schedule() {
        let told = |seconds| Error::new(Kind::Throttled, "x").after(Some(Duration::from_secs(seconds)));
        assert_eq!(tries(block(1), told(2)).await, (2, Duration::from_secs(2)));
        assert_eq!(tries(block(1), told(60)).await, (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn the_block_sets_number_and_interval_and_the_provider_fills_the_rest() {
        let interval = Some(Duration::from_secs(7));
        let error = || Error::new(Kind::Unavailable, "x");
        let policy = Retry::of(Some(RetrySettings { max_retries: Some(5), interval }), 3);
        assert_eq!(tries(policy, error()).await, (6, Duration::from_secs(35)));
        let policy = Retry::of(Some(RetrySettings { max_retries: None, interval }), 3);
        assert_eq!(tries(policy, error()).await, (4, Duration::from_secs(21)));
        let policy = Retry::of(Some(RetrySettings { max_retries: Some(0), interval }), 3);
        assert_eq!(tries(policy, error()).await, (1, Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_block_the_wait_doubles() {
        let policy = block(3);
        let (_, passed) = tries(policy, Error::new(Kind::Unavailable, "x")).await;
        assert_eq!(passed, Duration::from_millis(200 + 400 + 800));
    }

    #[test]
    fn chance_stays_in_its_range() {
        assert!((0..100).all(|_| (0.0..=1.0).contains(&jitter())));
    }
}
