//! Time: the one place that may ask for it, and the one seam that waits.
//!
//! Functions of values take `now`; only what must wait holds a [`Clock`]. Under tokio's paused time [`SystemClock`] follows the
//! paused instant, so a story test moves wall time and waits together and never sleeps.

use std::{fmt::Debug, time::Duration};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// Wall time and waiting.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// The wall time now.
    fn now(&self) -> Timestamp;

    /// Waits for `wait`.
    async fn sleep(&self, wait: Duration);
}

/// The process's clock: wall time read once, advanced by the monotonic clock of the runtime.
#[derive(Debug, Clone)]
pub struct SystemClock {
    wall: Timestamp,
    start: tokio::time::Instant,
}

impl SystemClock {
    /// Reads the wall time. A step of the system clock after this is not followed; Kubernetes only ever sees times that
    /// differ from the nodes' by that step.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the time")]
    pub fn new() -> Self {
        Self { wall: Timestamp::now(), start: tokio::time::Instant::now() }
    }

    /// A clock that starts at `wall`, for tests under paused time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the time")]
    pub fn starting_at(wall: Timestamp) -> Self {
        Self { wall, start: tokio::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.start.elapsed()).unwrap_or(SignedDuration::MAX);
        self.wall.checked_add(passed).unwrap_or(Timestamp::MAX)
    }

    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wall_time_follows_the_paused_runtime() {
        let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), Timestamp::from_second(90).unwrap());
    }
}
