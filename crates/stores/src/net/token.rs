//! Tokens: fetched once for many, renewed before they end, dropped when refused.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::base::{Clock, Error, Result, limits};

/// What a login yields.
#[derive(Clone)]
pub struct Fresh<T> {
    /// The token, with whatever its user needs besides.
    pub value: T,
    /// When it ends; `None` if it does not say, then it serves until it is refused.
    pub expires: Option<Timestamp>,
}

/// A token in use. `generation` names it in [`TokenCache::invalidate`].
#[derive(Clone)]
pub struct Token<T> {
    /// The token.
    pub value: T,
    /// Which login it came from.
    pub generation: u64,
}

/// One token, shared by all reads of an opened store.
///
/// At most one login is under way. Who waited for it shares its outcome, also its error: a login server that hangs costs all
/// waiters one time-out, not one each in a row. Errors are not kept for callers that come later. A caller that goes away in the
/// middle of its login leaves the next waiter to log in.
pub struct TokenCache<T> {
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
    logins: AtomicU64,
    refused: AtomicU64,
}

struct State<T> {
    held: Option<Held<T>>,
    failed: Option<(u64, Error)>,
}

struct Held<T> {
    token: Token<T>,
    renew: Option<Timestamp>,
}

impl<T: Clone> TokenCache<T> {
    /// An empty cache.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Mutex::new(State { held: None, failed: None });
        Self { clock, state, logins: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    /// The token, from `login` if there is none that is good for a while.
    ///
    /// # Errors
    /// Those of `login`.
    pub async fn get(&self, login: impl AsyncFnOnce() -> Result<Fresh<T>>) -> Result<Token<T>> {
        let before = self.logins.load(Ordering::Acquire);
        let mut state = self.state.lock().await;
        if let Some(token) = state.good(self.clock.now(), self.refused.load(Ordering::Acquire)) {
            return Ok(token);
        }
        if let Some((login, error)) = &state.failed
            && *login > before
        {
            return Err(error.clone());
        }
        let outcome = login().await;
        let generation = self.logins.fetch_add(1, Ordering::AcqRel) + 1;
        state.settle(generation, outcome, self.clock.now())
    }

    /// Drops the token of this generation because the store refused it. A newer one stays, so that many reads that failed
    /// together cost one login.
    pub fn invalidate(&self, generation: u64) {
        self.refused.fetch_max(generation, Ordering::AcqRel);
    }

    /// Takes the token out, to revoke it.
    pub async fn take(&self) -> Option<T> {
        self.state.lock().await.held.take().map(|held| held.token.value)
    }
}

impl<T: Clone> State<T> {
    fn good(&self, now: Timestamp, refused: u64) -> Option<Token<T>> {
        let held = self.held.as_ref()?;
        let good = held.token.generation > refused && held.renew.is_none_or(|renew| now < renew);
        good.then(|| held.token.clone())
    }

    fn settle(&mut self, generation: u64, outcome: Result<Fresh<T>>, now: Timestamp) -> Result<Token<T>> {
        match outcome {
            Ok(fresh) => {
                let token = Token { value: fresh.value, generation };
                let renew = fresh.expires.map(|expires| renewal(expires, now));
                self.failed = None;
                self.held = Some(Held { token: token.clone(), renew });
                Ok(token)
            }
            Err(error) => {
                self.failed = Some((generation, error.clone()));
                Err(error)
            }
        }
    }
}

/// When a token that was made at `now` is renewed: a margin before its end, but not more than a tenth of its life, so that a
/// short-lived one is not renewed on every read.
fn renewal(expires: Timestamp, now: Timestamp) -> Timestamp {
    let life = Duration::try_from(expires.duration_since(now)).unwrap_or_default();
    let margin = limits::TOKEN_MARGIN.min(life / 10);
    expires.checked_sub(SignedDuration::try_from(margin).unwrap_or_default()).unwrap_or(expires)
}

impl<T> fmt::Debug for TokenCache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCache").field("logins", &self.logins).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::base::{Kind, clock::SystemClock};

    fn cache() -> (Arc<SystemClock>, TokenCache<u64>) {
        let clock = Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH));
        (clock.clone(), TokenCache::new(clock))
    }

    /// A login that takes a second and yields the number of the second it was made in, good for `life` seconds.
    async fn login(clock: &SystemClock, life: i64) -> Result<Fresh<u64>> {
        clock.sleep(Duration::from_secs(1)).await;
        let now = clock.now();
        let expires = Some(now + SignedDuration::from_secs(life));
        Ok(Fresh { value: now.as_second().unsigned_abs(), expires })
    }

    #[tokio::test(start_paused = true)]
    async fn many_callers_share_one_login() {
        let (clock, cache) = cache();
        let tokens = join_all((0..100).map(|_| cache.get(async || login(&clock, 600).await))).await;
        assert!(tokens.into_iter().all(|token| token.unwrap().value == 1));
    }

    #[tokio::test(start_paused = true)]
    async fn many_callers_share_one_failure_and_the_next_logs_in_again() {
        let (clock, cache) = cache();
        let fails = async || {
            clock.sleep(Duration::from_secs(30)).await;
            Err(Error::new(Kind::Unavailable, "x"))
        };
        let outcomes = join_all((0..100).map(|_| cache.get(fails))).await;
        assert!(outcomes.iter().all(Result::is_err));
        assert_eq!(clock.now().as_second(), 30);
        assert_eq!(cache.get(async || login(&clock, 600).await).await.unwrap().value, 31);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_a_margin_before_its_end() {
        for (life, good_for) in [(600, 569), (100, 89)] {
            let (clock, cache) = cache();
            let get = || cache.get(async || login(&clock, life).await);
            let first = get().await.unwrap().value;
            clock.sleep(Duration::from_secs(good_for)).await;
            assert_eq!(get().await.unwrap().value, first, "life {life}");
            clock.sleep(Duration::from_secs(1)).await;
            assert_ne!(get().await.unwrap().value, first, "life {life}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_refusals_of_one_token_cost_one_login() {
        let (clock, cache) = cache();
        let refused = cache.get(async || login(&clock, 600).await).await.unwrap();
        let reads = (0..100).map(async |_| {
            cache.invalidate(refused.generation);
            cache.get(async || login(&clock, 600).await).await.unwrap().value
        });
        assert!(join_all(reads).await.into_iter().all(|value| value == 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_refusal_of_an_old_token_does_not_drop_the_new_one() {
        let (clock, cache) = cache();
        let old = cache.get(async || login(&clock, 600).await).await.unwrap();
        cache.invalidate(old.generation);
        let new = cache.get(async || login(&clock, 600).await).await.unwrap();
        cache.invalidate(old.generation);
        assert_eq!(cache.get(async || login(&clock, 600).await).await.unwrap().value, new.value);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_leaves_the_login_to_the_next() {
        let (clock, cache) = cache();
        let gone = cache.get(async || std::future::pending().await);
        assert!(tokio::time::timeout(Duration::from_secs(5), gone).await.is_err());
        assert_eq!(cache.get(async || login(&clock, 600).await).await.unwrap().value, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_without_an_end_serves_until_it_is_taken() {
        let (clock, cache) = cache();
        let forever = async || Ok(Fresh { value: 7, expires: None });
        assert_eq!(cache.get(forever).await.unwrap().value, 7);
        clock.sleep(Duration::from_secs(1_000_000)).await;
        assert_eq!(cache.get(async || login(&clock, 600).await).await.unwrap().value, 7);
        assert_eq!((cache.take().await, cache.take().await), (Some(7), None));
    }
}
