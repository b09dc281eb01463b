//! What holds requests to the API server back: one gate for all after a 429, an optional budget, and at most so many writes at once.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::base::{Clock, limits};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a 429 without `Retry-After` closes the gate: the API server's own answer is almost always one second.
const UNTOLD_WAIT: Duration = Duration::from_secs(1);

/// A budget of requests, counted only where the user sets one (`--client-qps`, `--client-burst`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Requests a second; more than 0.
    pub per_second: f64,
    /// Requests that may go at once after a quiet time; at least 1.
    pub burst: u32,
}

/// Tokens of a [`Budget`]. May fall below zero: each request takes its turn and waits for it.
#[derive(Debug)]
pub(super) struct Bucket {
    budget: Budget,
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    pub(super) fn new(budget: Budget, now: Timestamp) -> Self {
        Self { budget, tokens: f64::from(budget.burst.max(1)), at: now }
    }

    /// Takes one token and says how long to wait for it.
    pub(super) fn take(&mut self, now: Timestamp) -> Duration {
        let passed = now.duration_since(self.at).as_secs_f64().max(0.0);
        let most = f64::from(self.budget.burst.max(1));
        self.at = now;
        self.tokens = (self.tokens + passed * self.budget.per_second).min(most) - 1.0;
        if self.tokens >= 0.0 { Duration::ZERO } else { self.debt() }
    }

    fn debt(&self) -> Duration {
        Duration::try_from_secs_f64(-self.tokens / self.budget.per_second).unwrap_or(limits::REQUEST_TIMEOUT)
    }
}

/// The gate before the API server.
#[derive(Debug)]
pub(super) struct Gate {
    clock: Arc<dyn Clock>,
    writes: Semaphore,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    closed_until: Timestamp,
    bucket: Option<Bucket>,
}

impl Gate {
    pub(super) fn new(clock: Arc<dyn Clock>, budget: Option<Budget>) -> Self {
        let now = clock.now();
        let bucket = budget.filter(|budget| budget.per_second > 0.0).map(|budget| Bucket::new(budget, now));
        let state = Mutex::new(State { closed_until: now, bucket });
        Self { clock, writes: Semaphore::new(limits::WRITES_IN_FLIGHT), state }
    }

    /// Waits until a read may be sent.
    pub(super) async fn read(&self) {
        let turn = self.turn();
        if !turn.is_zero() {
            self.clock.sleep(turn).await;
        }
        self.open().await;
    }

    /// Waits until a write may be sent. Nobody waits for an open gate with a place among the writers in hand; `None` only if the
    /// semaphore were closed, which nobody does.
    pub(super) async fn write(&self) -> Option<SemaphorePermit<'_>> {
        self.read().await;
        loop {
            let place = self.writes.acquire().await.ok()?;
            if self.closed_for().is_zero() {
                return Some(place);
            }
            drop(place);
            self.open().await;
        }
    }

    /// Closes the gate for all, as a 429 asks. A shorter wait never shortens a longer one.
    pub(super) fn close(&self, wait: Option<Duration>) {
        let wait = SignedDuration::try_from(wait.unwrap_or(UNTOLD_WAIT)).unwrap_or(SignedDuration::ZERO);
        let until = self.clock.now().checked_add(wait).unwrap_or(Timestamp::MAX);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed_until = state.closed_until.max(until);
    }

    async fn open(&self) {
        loop {
            let wait = self.closed_for();
            if wait.is_zero() {
                return;
            }
            self.clock.sleep(wait).await;
        }
    }

    fn turn(&self) -> Duration {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bucket.as_mut().map_or(Duration::ZERO, |bucket| bucket.take(now))
    }

    fn closed_for(&self) -> Duration {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::try_from(state.closed_until.duration_since(self.clock.now())).unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use keyferry_stores::base::clock::SystemClock;
    use tokio::time::timeout;

    use super::*;

    fn gate(budget: Option<Budget>) -> Gate {
        Gate::new(Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH)), budget)
    }

    #[test]
    fn a_budget_gives_its_burst_and_then_one_turn_after_the_other() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let mut bucket = Bucket::new(Budget { per_second: 10.0, burst: 2 }, at(0));
        let waits: Vec<_> = (0..4).map(|_| bucket.take(at(0)).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
        assert_eq!(bucket.take(at(10_000)), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_holds_every_write_until_its_wait_is_over() {
        let gate = gate(None);
        gate.close(Some(Duration::from_secs(7)));
        gate.close(Some(Duration::from_secs(2)));
        assert!(timeout(Duration::from_millis(6999), gate.write()).await.is_err());
        assert!(timeout(Duration::from_millis(2), gate.write()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_writes_are_under_way_at_once() {
        let gate = gate(None);
        let mut places = Vec::new();
        for _ in 0..limits::WRITES_IN_FLIGHT {
            places.push(gate.write().await);
        }
        assert!(timeout(Duration::from_secs(60), gate.write()).await.is_err());
        places.pop();
        assert!(timeout(Duration::from_secs(60), gate.write()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn reads_pass_beside_the_writers() {
        let gate = gate(None);
        let mut places = Vec::new();
        for _ in 0..limits::WRITES_IN_FLIGHT {
            places.push(gate.write().await);
        }
        assert!(timeout(Duration::from_secs(1), gate.read()).await.is_ok());
    }
}
