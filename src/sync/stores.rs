//! The store pool and the shell around [`Reads`]: one opened store per identity, shared by all objects, closed when unused.
//!
//! Everything that waits is here; every rule is in [`super::fetch`] and [`super::gate`]. A panic of a provider ends its call as
//! `Bug`, never the process.

use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    fmt::Debug,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;
use keyferry_stores::{
    base::{Clock, Error, Kind, Result, limits, refs::Scope},
    provider::{
        Batch, Capabilities, Digest, Env, Probe, Query, RemoteKey, RetrySettings, Store, list::Configured,
    },
};
use tokio::sync::{Notify, mpsc};

use super::{
    fetch::{Answered, Call, Delivery, Fresh, Reads, Request, Spread, Target, Work, is_answer},
    gate::ReadId,
};
use crate::cluster::{Cluster, ObjectKey, StatusKind, credentials::ScopedCredentials};

/// A store by kind, namespace (empty for cluster-scoped) and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreRef {
    /// `SecretStore` or `ClusterSecretStore`.
    pub kind: StatusKind,
    /// Namespace and name.
    pub key: ObjectKey,
}

impl StoreRef {
    /// The store that `kind` and `name` mean in a namespace: any kind but `ClusterSecretStore` is a `SecretStore`.
    #[must_use]
    pub fn named(kind: Option<&str>, name: &str, namespace: &str) -> Self {
        match kind {
            Some("ClusterSecretStore") => {
                Self { kind: StatusKind::ClusterSecretStore, key: ObjectKey::new("", name) }
            }
            _ => Self { kind: StatusKind::SecretStore, key: ObjectKey::new(namespace, name) },
        }
    }
}

/// A store that can be asked, for one consumer.
#[derive(Debug, Clone)]
pub struct Usable {
    /// Which store.
    pub store: StoreRef,
    /// Identity, quota, budget.
    pub target: Target,
    /// Its provider.
    pub config: Arc<Configured>,
    /// What its references may name.
    pub scope: Scope,
    /// Its retry settings.
    pub retry: Option<RetrySettings>,
}

/// Opens the store of one identity. The real one holds the provider's configuration and its scoped environment.
#[async_trait]
pub trait Opener: Send + Sync + Debug {
    /// Opens the store; may read credentials and log in.
    ///
    /// # Errors
    /// Those of [`keyferry_stores::provider::Provider::open`].
    async fn open(&self) -> Result<Arc<dyn Store>>;
}

/// Opens a store from its configuration, with credentials bounded by the scope of whoever asks.
#[derive(Debug)]
pub struct Opening {
    config: Arc<Configured>,
    env: Env,
}

impl Opening {
    /// How to open `usable`: in `env`, but with its own credentials, name and retry settings.
    #[must_use]
    pub fn of(usable: &Usable, env: &Env, cluster: &Arc<dyn Cluster>) -> Arc<dyn Opener> {
        let credentials = Arc::new(ScopedCredentials::new(cluster.clone(), usable.scope.clone()));
        let store_name = usable.store.key.name().into();
        let env = Env { credentials, store_name, retry: usable.retry, ..env.clone() };
        Arc::new(Self { config: usable.config.clone(), env })
    }
}

#[async_trait]
impl Opener for Opening {
    async fn open(&self) -> Result<Arc<dyn Store>> {
        Configured::clone(&self.config).open(self.env.clone()).await
    }
}

/// An answer on its way to one waiter. While it lives, its bytes count against the plaintext budget.
#[derive(Debug)]
pub struct Delivered {
    /// The answer.
    pub delivery: Delivery,
    held: Option<Arc<Held>>,
}

impl Delivered {
    /// The answer and what counts its bytes, for who keeps them apart: the bytes count while that lives.
    #[must_use]
    pub fn into_parts(self) -> (Delivery, Option<Arc<Held>>) {
        (self.delivery, self.held)
    }
}

/// What the fetcher tells those who asked, in the order in which it happened.
#[derive(Debug)]
pub enum Notice {
    /// Answers.
    Answers(Vec<Delivered>),
    /// The stores of these identities, which were down, answer again.
    Back(Vec<Digest>),
}

/// The pool, the reads, and the task that serves them.
#[derive(Debug, Clone)]
pub struct Fetcher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Arc<Notify>,
    back: Arc<Notify>,
    clock: Arc<dyn Clock>,
    plaintext: Arc<Plaintext>,
    notices: mpsc::UnboundedSender<Notice>,
}

#[derive(Debug, Default)]
struct State {
    reads: Reads,
    pool: HashMap<Digest, Arc<Pooled>>,
}

/// One identity of the pool. The lock makes opening single-flight: reads and probes share one login.
#[derive(Debug)]
struct Pooled {
    opener: Arc<dyn Opener>,
    store: tokio::sync::Mutex<Option<Arc<dyn Store>>>,
    /// The last proof and when it began; locked while there is one under way.
    probed: tokio::sync::Mutex<Option<(Timestamp, Result<Probed>)>>,
}

impl Pooled {
    async fn open(&self) -> Result<Arc<dyn Store>> {
        let mut store = self.store.lock().await;
        if let Some(store) = &*store {
            return Ok(store.clone());
        }
        let opened = guarded(self.opener.open()).await?;
        *store = Some(opened.clone());
        Ok(opened)
    }

    async fn probe(&self) -> Result<Probed> {
        let store = self.open().await?;
        let probe = guarded(store.probe()).await;
        Ok(Probed { probe, capabilities: store.capabilities() })
    }
}

/// Requests on their way into the queue; nothing happens before [`Gathering::send`].
#[derive(Debug)]
#[must_use]
pub struct Gathering {
    shared: Arc<Shared>,
    now: Timestamp,
    spread: Option<Spread>,
    fresh: Fresh,
}

/// What a store says of itself.
#[derive(Debug, Clone)]
pub struct Probed {
    /// The verdict, or why it cannot be used.
    pub probe: Result<Probe>,
    /// What it can do.
    pub capabilities: Capabilities,
}

impl Fetcher {
    /// A fetcher whose answers go to `notices`. It does nothing until [`Fetcher::run`] runs.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, notices: mpsc::UnboundedSender<Notice>) -> Self {
        let wake = Arc::new(Notify::new());
        let plaintext = Arc::new(Plaintext { ledger: Mutex::default(), freed: wake.clone() });
        let (state, back) = (Mutex::default(), Arc::default());
        Self(Arc::new(Shared { state, wake, back, clock, plaintext, notices }))
    }

    /// Gathers requests that are to be queued together, none of them sent before all are. With `spread` they start evenly over its window.
    pub fn gather(&self, spread: Option<Spread>) -> Gathering {
        let (shared, now) = (self.0.clone(), self.0.clock.now());
        Gathering { shared, now, spread, fresh: Fresh::default() }
    }

    /// Proves the credential of a store, sharing its login with the reads; stores of one identity that are judged together share one
    /// proof. A store that is down is asked in its turn; if others have that, what it said last still holds.
    ///
    /// # Errors
    /// The error of opening it, or that with which it is down.
    pub async fn probe(&self, target: Target, opener: Arc<dyn Opener>) -> Result<Probed> {
        let (asked, identity) = (self.0.clock.now(), target.identity);
        let pooled = {
            let mut state = self.0.state();
            state.reads.know(target, asked);
            state.pooled(identity, || opener)
        };
        let mut last = pooled.probed.lock().await;
        if let Some((_, probed)) = last.as_ref().filter(|(began, _)| *began >= asked) {
            return probed.clone();
        }
        if let Some(error) = self.0.misses_turn(identity).await {
            return last.as_ref().map_or(Err(error), |(_, probed)| probed.clone());
        }
        let began = self.0.clock.now();
        let probed = pooled.probe().await;
        self.0.note_probe(identity, &probed, began);
        *last = Some((began, probed.clone()));
        probed
    }

    /// Told each time a store that was down has answered again.
    #[must_use]
    pub fn back(&self) -> Arc<Notify> {
        self.0.back.clone()
    }

    /// Serves until the process ends.
    pub async fn run(&self) {
        loop {
            let now = self.0.clock.now();
            let work = self.0.work(now);
            for call in work.calls {
                self.spawn(call);
            }
            let woken = self.0.wake.notified();
            match work.wake {
                Some(at) => {
                    let wait = at.duration_since(now).try_into().unwrap_or_default();
                    tokio::select! { () = woken => (), () = self.0.clock.sleep(wait) => () }
                }
                None => woken.await,
            }
        }
    }

    /// Closes the stores that no object uses any more, and forgets the gates behind which nothing waits.
    pub async fn close_unused(&self, in_use: &HashSet<Digest>) {
        let unused: Vec<Arc<Pooled>> = {
            let mut state = self.0.state();
            let idle: Vec<Digest> =
                state.pool.keys().filter(|identity| !in_use.contains(identity)).copied().collect();
            let closing =
                idle.into_iter().filter(|identity| state.reads.forget(*identity)).collect::<Vec<_>>();
            state.reads.sweep_gates(self.0.clock.now());
            closing.iter().filter_map(|identity| state.pool.remove(identity)).collect()
        };
        for pooled in unused {
            if let Some(store) = pooled.store.lock().await.take() {
                store.close().await;
            }
        }
    }

    fn spawn(&self, call: Call) {
        let shared = self.0.clone();
        tokio::spawn(async move {
            match call {
                Call::Open(identity) => shared.open(identity).await,
                Call::Get(identity, keys) => shared.get(identity, keys).await,
                Call::Find(identity, id, query) => shared.find(identity, id, query).await,
            }
            shared.wake.notify_one();
        });
    }
}

impl Gathering {
    /// Enters a request. `opener` is asked for only if its identity is not in the pool.
    pub fn add(&mut self, request: Request, opener: impl FnOnce() -> Arc<dyn Opener>) {
        let mut state = self.shared.state();
        state.pooled(request.target.identity, opener);
        state.reads.add(self.now, request, self.spread, &mut self.fresh);
    }

    /// Queues what was gathered.
    pub fn send(self) {
        self.shared.state().reads.start(self.now, self.fresh, self.spread);
        self.shared.wake.notify_one();
    }
}

impl State {
    fn pooled(&mut self, identity: Digest, opener: impl FnOnce() -> Arc<dyn Opener>) -> Arc<Pooled> {
        let (store, probed) = Default::default();
        let pooled = || Arc::new(Pooled { opener: opener(), store, probed });
        self.pool.entry(identity).or_insert_with(pooled).clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, now: Timestamp) -> Work {
        let mut state = self.state();
        let granted = Cell::new(false);
        let mut work = state.reads.work(now, &|namespace| match self.plaintext.room(namespace) {
            Room::Free => false,
            Room::LastOne => granted.replace(true),
            Room::None => true,
        });
        for call in &work.calls {
            if let Some(namespace) = first_read(call).and_then(|id| state.reads.namespace_of(id)) {
                self.plaintext.started(namespace);
            }
        }
        self.tell(&mut state, std::mem::take(&mut work.told), None);
        work
    }

    async fn open(&self, identity: Digest) {
        let pooled = self.state().pool.get(&identity).cloned();
        let Some(pooled) = pooled else { return };
        match pooled.open().await {
            Ok(store) => self.state().reads.opened(identity, store.capabilities()),
            Err(error) => {
                let mut state = self.state();
                let failed = state.reads.not_opened(identity, &error, self.clock.now());
                self.tell(&mut state, failed, None);
            }
        }
    }

    async fn get(&self, identity: Digest, keys: Vec<(ReadId, RemoteKey)>) {
        let (ids, keys): (Vec<ReadId>, Vec<RemoteKey>) = keys.into_iter().unzip();
        let answers = match self.store(identity).await {
            Ok(store) => guarded(async { Ok(store.get(&keys).await) }).await,
            Err(error) => Err(error),
        };
        let count = ids.len();
        let results = match answers {
            Ok(Batch::Refused(error)) if count > 1 => return self.refuse_batch(identity, &ids, &error),
            Ok(Batch::Answers(answers)) if answers.len() == count => answers,
            Ok(Batch::Refused(error)) | Err(error) => vec![Err(error); count],
            Ok(Batch::Answers(_)) => {
                vec![Err(Error::new(Kind::Bug, "the provider answered another number of keys")); count]
            }
        };
        let results = results.into_iter().map(|result| result.map(|entry| Answered::Entry(Arc::new(entry))));
        self.finish(ids.into_iter().zip(results).collect());
    }

    async fn find(&self, identity: Digest, id: ReadId, query: Query) {
        let answer = match self.store(identity).await {
            Ok(store) => guarded(store.find(&query)).await,
            Err(error) => Err(error),
        };
        self.finish(vec![(id, answer.map(|found| Answered::Found(Arc::new(found))))]);
    }

    async fn store(&self, identity: Digest) -> Result<Arc<dyn Store>> {
        let pooled = self.state().pool.get(&identity).cloned();
        let closed = || Error::new(Kind::Bug, "the store was closed while a read was queued");
        pooled.ok_or_else(closed)?.open().await
    }

    fn refuse_batch(&self, identity: Digest, ids: &[ReadId], error: &Error) {
        tracing::info!(%error, "the batch call was refused; reading singly for an hour");
        let mut state = self.state();
        if let Some(namespace) = ids.first().and_then(|id| state.reads.namespace_of(*id)) {
            self.plaintext.ended(namespace);
        }
        if let Some(quota) = ids.first().and_then(|id| state.reads.quota_of(*id)) {
            state.reads.batch_refused(quota, identity, ids, self.clock.now());
        }
    }

    fn finish(&self, results: Vec<(ReadId, Result<Answered>)>) {
        let first = results.first().map(|(id, _)| *id);
        let size: usize =
            results.iter().filter_map(|(_, result)| result.as_ref().ok()).map(Answered::size).sum();
        let mut state = self.state();
        let namespace = first.and_then(|id| state.reads.namespace_of(id)).unwrap_or_default().to_string();
        let Some(quota) = first.and_then(|id| state.reads.quota_of(id)) else { return };
        self.plaintext.ended(&namespace);
        let held = Held::new(&self.plaintext, namespace, size);
        let deliveries = state.reads.done(quota, results, self.clock.now());
        self.tell(&mut state, deliveries, Some(held));
    }

    /// Waits for the next turn of asking a store, if it is down or wants to be left alone; why, if that is far off or somebody else's.
    async fn misses_turn(&self, identity: Digest) -> Option<Error> {
        let turn = || self.state().reads.take_turn(identity, self.clock.now());
        let mut wait = turn().err()?;
        if wait <= limits::PROBE_EVERY {
            self.clock.sleep(wait).await;
            wait = turn().err()?;
        }
        Some(self.state().reads.why_not(identity, wait))
    }

    /// What a proof says of the store's silence. One that cannot tell proves nothing.
    fn note_probe(&self, identity: Digest, probed: &Result<Probed>, began: Timestamp) {
        let probe = probed.as_ref().map_or_else(Err, |probed| probed.probe.as_ref());
        let mut state = self.state();
        match probe {
            Ok(Probe::Unknown(_)) => (),
            Err(error) if error.kind() == Kind::Unavailable => {
                state.reads.note_silence(identity, error, began, self.clock.now());
            }
            Err(error) if error.kind() == Kind::Throttled => {
                state.reads.note_throttled(identity, error.wait(), self.clock.now());
            }
            Err(error) if !is_answer(error) => (),
            Ok(Probe::Ready) | Err(_) => state.reads.note_proof(identity, began),
        }
        self.tell(&mut state, Vec::new(), None);
        self.wake.notify_one();
    }

    /// Sends while the state is locked, so that nobody hears of two things in another order than they happened in.
    fn tell(&self, state: &mut State, deliveries: Vec<Delivery>, held: Option<Arc<Held>>) {
        let deliver = |delivery| Delivered { delivery, held: held.clone() };
        let answers: Vec<Delivered> = deliveries.into_iter().map(deliver).collect();
        let back = state.reads.take_back();
        // The receiver is gone only when the process ends.
        if !answers.is_empty() {
            let _ended = self.notices.send(Notice::Answers(answers));
        }
        if !back.is_empty() {
            let _ended = self.notices.send(Notice::Back(back));
            self.back.notify_one();
            self.wake.notify_one();
        }
    }
}

fn first_read(call: &Call) -> Option<ReadId> {
    match call {
        Call::Open(_) => None,
        Call::Get(_, keys) => keys.first().map(|(id, _)| *id),
        Call::Find(_, id, _) => Some(*id),
    }
}

/// Runs a provider's future; a panic is `Bug`.
async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let panicked = |_| Error::new(Kind::Bug, "the provider panicked");
    AssertUnwindSafe(work).catch_unwind().await.map_err(panicked)?
}

/// How much plaintext is held between fetch and apply, and for whom.
///
/// Over the bound, one read at a time still goes out (one in all, or one a namespace): an object that holds some of its answers and
/// waits for the others must not wait for itself.
#[derive(Debug)]
struct Plaintext {
    ledger: Mutex<Ledger>,
    freed: Arc<Notify>,
}

/// Whether another read may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// It may.
    Free,
    /// Over the bound, and nothing is under way: one may.
    LastOne,
    /// It must wait.
    None,
}

#[derive(Debug, Default)]
struct Ledger {
    bytes: usize,
    flying: usize,
    namespaces: HashMap<String, Account>,
}

#[derive(Debug, Default)]
struct Account {
    bytes: usize,
    flying: usize,
}

impl Plaintext {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn room(&self, namespace: &str) -> Room {
        let ledger = self.ledger();
        let account = ledger.namespaces.get(namespace);
        let over_all = ledger.bytes >= limits::PLAINTEXT_BYTES;
        let over_own = account.is_some_and(|account| account.bytes >= limits::PLAINTEXT_NAMESPACE_BYTES);
        let flying = if over_all { ledger.flying } else { account.map_or(0, |account| account.flying) };
        match (over_all || over_own, flying) {
            (false, _) => Room::Free,
            (true, 0) => Room::LastOne,
            (true, _) => Room::None,
        }
    }

    fn started(&self, namespace: &str) {
        self.change(namespace, |ledger, account| {
            ledger.flying += 1;
            account.flying += 1;
        });
    }

    fn ended(&self, namespace: &str) {
        self.change(namespace, |ledger, account| {
            ledger.flying = ledger.flying.saturating_sub(1);
            account.flying = account.flying.saturating_sub(1);
        });
    }

    fn change(&self, namespace: &str, change: impl FnOnce(&mut Ledger, &mut Account)) {
        let mut ledger = self.ledger();
        let mut account = ledger.namespaces.remove(namespace).unwrap_or_default();
        change(&mut ledger, &mut account);
        if account.bytes > 0 || account.flying > 0 {
            ledger.namespaces.insert(namespace.to_string(), account);
        }
    }
}

/// Plaintext of one answer; gives its bytes back when the last waiter is done with it.
#[derive(Debug)]
pub struct Held {
    plaintext: Arc<Plaintext>,
    namespace: String,
    bytes: usize,
}

impl Held {
    fn new(plaintext: &Arc<Plaintext>, namespace: String, bytes: usize) -> Arc<Self> {
        plaintext.change(&namespace, |ledger, account| {
            ledger.bytes += bytes;
            account.bytes += bytes;
        });
        Arc::new(Self { plaintext: plaintext.clone(), namespace, bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.plaintext.change(&self.namespace, |ledger, account| {
            ledger.bytes = ledger.bytes.saturating_sub(self.bytes);
            account.bytes = account.bytes.saturating_sub(self.bytes);
        });
        self.plaintext.freed.notify_one();
    }
}

#[cfg(test)]
#[path = "stores_tests.rs"]
mod tests;
