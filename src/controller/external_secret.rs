//! The reconciler of ExternalSecrets.
//!
//! One task owns the state of all objects and handles one message at a time: a change of an object, a [`Signal`] about something
//! it depends on, answers of stores, the end of a job, the clock. It never waits for a store nor for the API server: reads are
//! queued at the [`Fetcher`], writes are jobs of their own ([`crate::sync::pull`]). An object that waits is a [`Record`]; its
//! specification is parsed again when its answers are complete.
//!
//! An object is never worked on twice at once. What happens while its job runs makes it be looked at again after.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::{
    base::{Clock, Error, Kind, Result, limits},
    provider::{Digest, Env},
};
use tokio::sync::{Semaphore, mpsc};

use super::{
    schedule::{History, Schedule, next_tick, wait_after},
    table::Table,
    world::{SharedWorld, Signal, StoreRef, Unusable, Usable},
};
use crate::{
    api::{digest, external_secret::ExternalSecretSpec, validate},
    cluster::{
        Cluster, ObjectKey,
        managed::DigestKey,
        mirror::{Effect, Mirror},
        watch::{Change, Namespaces, RawObject},
    },
    sync::{
        self, Answer, Finished, Job, Slot,
        fetch::{Request, Spread, Waiter},
        gate::{Lane, later},
        plan,
        stores::{Delivered, Fetcher},
    },
};

/// What the command line settles.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--controller-class`.
    pub class: String,
    /// `--enable-flood-gate`.
    pub flood_gate: bool,
    /// `--enable-cluster-store-reconciler`.
    pub cluster_stores: bool,
    /// `--status-stamp-interval`.
    pub stamp: crate::sync::report::Stamp,
    /// Jobs at once.
    pub concurrent: usize,
}

/// What the reconciler works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The API server.
    pub cluster: Arc<dyn Cluster>,
    /// What the watches tell.
    pub world: SharedWorld,
    /// The store pool.
    pub fetcher: Fetcher,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The environment of stores; its credentials are replaced by scoped ones for each store.
    pub env: Env,
    /// The key of the digests that are kept of Secrets.
    pub digests: Arc<DigestKey>,
    /// Live state for metrics.
    pub table: Arc<Table>,
    /// Flags.
    pub settings: Arc<Settings>,
}

/// What the task hears.
#[derive(Debug)]
pub enum Message {
    /// An ExternalSecret changed.
    Object(Change<RawObject>),
    /// Something that it may depend on changed.
    Signal(Signal),
    /// A job ended.
    Done(Arc<ObjectKey>, Box<Finished>),
}

/// Why an object is looked at: when, in which lane, and whether its tick has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cause {
    at: Timestamp,
    lane: Lane,
    tick: bool,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Waiting(Vec<Slot>),
    Working,
}

/// The state of one object between two messages.
#[derive(Debug, Default)]
struct Record {
    phase: Phase,
    ticket: u64,
    again: Option<Cause>,
    failures: u32,
    failing: bool,
    gate_since: Option<Timestamp>,
    refreshed: Option<Timestamp>,
    status: Option<Box<[u8]>>,
    status_version: String,
    stores: Box<[StoreRef]>,
    identities: Box<[Digest]>,
    target: Option<ObjectKey>,
    interval: Option<Duration>,
    began: Option<Timestamp>,
}

/// What to do with an object now.
enum Decision {
    Ignore,
    Sleep(Option<Timestamp>),
    Work(Job),
    Fetch(Vec<Request>, Vec<Usable>, Vec<Slot>),
}

/// The reconciler.
#[derive(Debug)]
pub struct ExternalSecrets {
    context: Context,
    objects: Mirror<RawObject>,
    records: HashMap<Arc<ObjectKey>, Record>,
    schedule: Schedule,
    by_store: HashMap<StoreRef, HashSet<Arc<ObjectKey>>>,
    by_target: HashMap<ObjectKey, HashSet<Arc<ObjectKey>>>,
    started: bool,
    jobs: Arc<Semaphore>,
    sender: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    answers: mpsc::UnboundedReceiver<Vec<Delivered>>,
}

/// The two ends of the task's ears.
pub type Inbox = (mpsc::UnboundedSender<Message>, mpsc::UnboundedReceiver<Message>);

impl ExternalSecrets {
    /// A reconciler over these namespaces.
    #[must_use]
    pub fn new(
        context: Context,
        over: Namespaces,
        inbox: Inbox,
        answers: mpsc::UnboundedReceiver<Vec<Delivered>>,
    ) -> Self {
        let jobs = Arc::new(Semaphore::new(context.settings.concurrent));
        Self {
            context,
            objects: Mirror::new(over),
            records: HashMap::new(),
            schedule: Schedule::default(),
            by_store: HashMap::new(),
            by_target: HashMap::new(),
            started: false,
            jobs,
            sender: inbox.0,
            inbox: inbox.1,
            answers,
        }
    }

    /// Runs until the process ends.
    pub async fn run(mut self) {
        let mut sweep = self.now();
        loop {
            self.tick();
            if self.now() >= sweep {
                sweep = later(self.now(), SWEEP_STORES);
                self.close_unused();
            }
            let next = self.schedule.next().map_or(sweep, |due| due.min(sweep));
            let wait = next.duration_since(self.now()).try_into().unwrap_or_default();
            tokio::select! {
                message = self.inbox.recv() => self.hear(message),
                answers = self.answers.recv() => self.take(answers.unwrap_or_default()),
                () = self.context.clock.clone().sleep(wait) => (),
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    /// Handles a message and all that already wait behind it, so that what comes together is queued together.
    fn hear(&mut self, first: Option<Message>) {
        let mut next = first;
        while let Some(message) = next {
            match message {
                Message::Object(change) => self.changed(change),
                Message::Signal(signal) => self.signalled(&signal),
                Message::Done(key, finished) => self.done(&key, *finished),
            }
            next = self.inbox.try_recv().ok();
        }
        self.start_when_listed();
    }

    fn start_when_listed(&mut self) {
        if self.started || !self.objects.is_listed() || !self.context.world.lock().is_listed() {
            return;
        }
        self.started = true;
        let keys: Vec<_> = self.records.keys().cloned().collect();
        tracing::info!(objects = keys.len(), "every first list is complete");
        self.look_at_all(keys, |_| true);
    }

    fn changed(&mut self, change: Change<RawObject>) {
        if let Change::Failed(_, error) = &change {
            tracing::warn!(%error, "ExternalSecrets could not be watched; trying again");
        }
        match self.objects.apply(change) {
            Effect::Nothing => (),
            Effect::Added(key) => self.learn(Arc::new(key), None),
            Effect::Updated(old) => self.learn(Arc::new(old.key.clone()), Some(&old)),
            Effect::Removed(old) => self.forget(&old.key),
            Effect::Listed(gone) => gone.iter().for_each(|old| self.forget(&old.key)),
        }
    }

    /// A new version of an object: what only its status changed is nobody's cause (reference 2.1).
    fn learn(&mut self, key: Arc<ObjectKey>, old: Option<&RawObject>) {
        let Some(raw) = self.objects.get(&key) else { return };
        let replaced = old.is_some_and(|old| old.uid != raw.uid);
        if replaced {
            self.forget(&key);
            return self.learn(key, None);
        }
        let same = old.is_some_and(|old| is_same_request(old, raw));
        let record = self.records.entry(key.clone()).or_default();
        if !is_older(&raw.resource_version, &record.status_version) {
            record.status.clone_from(&raw.status);
        }
        if same {
            return;
        }
        record.failures = 0;
        record.gate_since = None;
        record.refreshed = record.refreshed.max(plan::refresh_time(record.status.as_deref()));
        record.failing = super::world::ready(record.status.as_deref()) == Some(false);
        self.index(&key);
        let at = self.now();
        self.look(&key, Cause { at, lane: Lane::First, tick: false });
    }

    fn index(&mut self, key: &Arc<ObjectKey>) {
        self.unindex(key);
        let Some(raw) = self.objects.get(key) else { return };
        let Ok(spec) = serde_json::from_slice::<ExternalSecretSpec>(&raw.spec) else { return };
        let stores = sync::stores_of(&spec, &key.namespace);
        let target = ObjectKey::new(&key.namespace, sync::target_name(&spec, &key.name));
        for store in &stores {
            self.by_store.entry(store.clone()).or_default().insert(key.clone());
        }
        self.by_target.entry(target.clone()).or_default().insert(key.clone());
        if let Some(record) = self.records.get_mut(key) {
            record.stores = stores.into_boxed_slice();
            record.target = Some(target);
            record.interval = validate::interval(&spec).ok().flatten();
        }
    }

    fn unindex(&mut self, key: &ObjectKey) {
        let Some(record) = self.records.get_mut(key) else { return };
        for store in std::mem::take(&mut record.stores) {
            remove_from(&mut self.by_store, &store, key);
        }
        if let Some(target) = record.target.take() {
            remove_from(&mut self.by_target, &target, key);
        }
    }

    fn forget(&mut self, key: &ObjectKey) {
        self.unindex(key);
        self.records.remove(key);
        self.schedule.remove(key);
        self.context.table.remove(key);
    }

    fn signalled(&mut self, signal: &Signal) {
        match signal {
            Signal::Store(store) => self.wake_failing(std::slice::from_ref(store)),
            Signal::Credential(stores) => self.wake_failing(stores),
            Signal::Namespace(namespace) => {
                let keys = self.records.keys().filter(|key| key.namespace == *namespace).cloned().collect();
                self.look_at_all(keys, |record| record.failing);
            }
            Signal::Target(target) => {
                let keys = self.by_target.get(target).into_iter().flatten().cloned().collect();
                self.look_at_all(keys, |_| true);
            }
            Signal::Listed => (),
        }
    }

    /// A changed store or credential wakes the objects that fail, and those that wait at the flood gate.
    fn wake_failing(&mut self, stores: &[StoreRef]) {
        let users = stores.iter().filter_map(|store| self.by_store.get(store)).flatten();
        let keys = users.cloned().collect::<HashSet<_>>().into_iter().collect();
        self.look_at_all(keys, |record| record.failing || record.gate_since.is_some());
    }

    /// Looks at many objects and queues their requests together.
    fn look_at_all(&mut self, keys: Vec<Arc<ObjectKey>>, only: impl Fn(&Record) -> bool) {
        let at = self.now();
        let mut requests = Vec::new();
        for key in keys {
            if self.records.get(&key).is_some_and(&only) {
                requests.extend(self.prepare(&key, Cause { at, lane: Lane::First, tick: false }));
            }
        }
        self.send(requests, None);
    }

    fn look(&mut self, key: &Arc<ObjectKey>, cause: Cause) {
        let requests = self.prepare(key, cause);
        self.send(requests, None);
    }

    /// Objects whose time has come; those of one tick queue their reads together, spread over a tenth of the interval.
    fn tick(&mut self) {
        if !self.started {
            return;
        }
        let now = self.now();
        let mut ticks: HashMap<(Timestamp, Duration), Vec<(Request, Usable)>> = HashMap::new();
        for (at, key) in self.schedule.take_due(now) {
            let Some(record) = self.records.get(&key) else { continue };
            let periodic = !record.failing && record.refreshed.is_some() && record.gate_since.is_none();
            let lane = if periodic { Lane::Second } else { Lane::First };
            let width = record.interval.filter(|_| periodic).unwrap_or_default() / 10;
            let requests = self.prepare(&key, Cause { at, lane, tick: true });
            ticks.entry((at, width)).or_default().extend(requests);
        }
        for ((start, width), requests) in ticks {
            self.send(requests, Some(Spread { start, width }));
        }
    }

    fn send(&self, requests: Vec<(Request, Usable)>, spread: Option<Spread>) {
        if requests.is_empty() {
            return;
        }
        let opener = |usable: &Usable| sync::opener(&self.context.env, &self.context.cluster, usable);
        let requests = requests.into_iter().map(|(request, usable)| (request, opener(&usable))).collect();
        self.context.fetcher.request(requests, spread);
    }

    /// Decides what an object needs now, starts a job or enters it as waiting, and gives its requests.
    fn prepare(&mut self, key: &Arc<ObjectKey>, cause: Cause) -> Vec<(Request, Usable)> {
        let Some(record) = self.records.get_mut(key) else { return Vec::new() };
        if matches!(record.phase, Phase::Working) {
            record.again = Some(cause);
            return Vec::new();
        }
        if !self.started {
            return Vec::new();
        }
        record.ticket += 1;
        record.phase = Phase::Idle;
        match self.decide(key, cause) {
            Decision::Ignore => {
                self.schedule.remove(key);
                Vec::new()
            }
            Decision::Sleep(until) => {
                self.sleep(key, until);
                Vec::new()
            }
            Decision::Work(job) => {
                self.work(key, job);
                Vec::new()
            }
            Decision::Fetch(requests, stores, slots) => self.wait_for(key, requests, stores, slots),
        }
    }

    fn sleep(&mut self, key: &Arc<ObjectKey>, until: Option<Timestamp>) {
        match until {
            Some(until) => self.schedule.set(key.clone(), until),
            None => self.schedule.remove(key),
        }
    }

    fn wait_for(
        &mut self,
        key: &Arc<ObjectKey>,
        requests: Vec<Request>,
        stores: Vec<Usable>,
        slots: Vec<Slot>,
    ) -> Vec<(Request, Usable)> {
        self.schedule.remove(key);
        let now = self.now();
        if let Some(record) = self.records.get_mut(key) {
            record.identities = stores.iter().map(|usable| usable.target.identity).collect();
            record.began = Some(now);
            record.phase = Phase::Waiting(slots);
        }
        if requests.is_empty() {
            self.complete(key);
        }
        requests.into_iter().zip(stores).collect()
    }

    fn decide(&mut self, key: &Arc<ObjectKey>, cause: Cause) -> Decision {
        let (Some(raw), Some(record)) = (self.objects.get(key), self.records.get(key)) else { return Decision::Ignore };
        if raw.deleting {
            return if sync::has_esos_finalizer(raw) { Decision::Work(Job::Clean) } else { Decision::Ignore };
        }
        let spec = match sync::parse(raw) {
            Ok(spec) => spec,
            Err(error) => return Decision::Work(Job::Fail(error)),
        };
        if self.is_left_alone(&spec, &key.namespace) {
            return Decision::Ignore;
        }
        let due = match self.due(key, raw, record, &spec, cause) {
            Ok(due) => due,
            Err(error) => return Decision::Work(Job::Fail(error)),
        };
        match due {
            plan::Due::Now => self.ask(key, &spec, cause),
            plan::Due::At(at) => Decision::Sleep(Some(at)),
            plan::Due::OnChange => Decision::Sleep(None),
        }
    }

    /// Steps 4 and 5 of reference 2.2: objects that are another controller's.
    fn is_left_alone(&self, spec: &ExternalSecretSpec, namespace: &str) -> bool {
        let settings = &self.context.settings;
        let world = self.context.world.lock();
        let other = |store: &StoreRef| {
            let class = world.spec(store).ok().and_then(|spec| spec.controller.clone()).unwrap_or_default();
            !class.is_empty() && class != settings.class
        };
        let clustered = sync::default_store(spec, namespace)
            .is_some_and(|store| store.kind == crate::cluster::StatusKind::ClusterSecretStore);
        clustered && !settings.cluster_stores || sync::stores_of(spec, namespace).iter().any(other)
    }

    fn due(
        &self,
        key: &ObjectKey,
        raw: &RawObject,
        record: &Record,
        spec: &ExternalSecretSpec,
        cause: Cause,
    ) -> Result<plan::Due> {
        let interval = validate::interval(spec)?;
        if cause.tick && record.failing {
            return Ok(plan::Due::Now);
        }
        let valid = {
            let world = self.context.world.lock();
            let target = ObjectKey::new(&key.namespace, sync::target_name(spec, &key.name));
            plan::is_target_valid(spec, world.secrets.get(&target))
        };
        let (annotations, labels) = (raw.annotations.to_map(), raw.labels.to_map());
        let version = digest::synced_resource_version(raw.generation, &annotations, &labels);
        let state = plan::RefreshState {
            synced_version: plan::synced_version(record.status.as_deref()),
            version,
            refreshed: record.refreshed,
            failing: record.failing,
            target_valid: valid,
            tick: cause.tick,
            now: self.now(),
        };
        let slack = self.context.settings.stamp.slack();
        let due = plan::due(spec, interval, &state, slack);
        Ok(match due {
            plan::Due::At(_) => interval.map_or(plan::Due::OnChange, |interval| plan::Due::At(self.next_tick(spec, key, interval))),
            plan::Due::Now | plan::Due::OnChange => due,
        })
    }

    fn next_tick(&self, spec: &ExternalSecretSpec, key: &ObjectKey, interval: Duration) -> Timestamp {
        let store = sync::default_store(spec, &key.namespace);
        let seed = sync::tick_seed(store.as_ref(), interval);
        next_tick(self.now(), SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX), seed)
    }

    /// Resolves the store of every entry. What cannot be asked becomes its entry's answer, so that the first failing entry in
    /// ESO's order names the failure; a store that is not judged yet keeps the object waiting for a while.
    fn ask(&mut self, key: &Arc<ObjectKey>, spec: &ExternalSecretSpec, cause: Cause) -> Decision {
        let now = self.now();
        let Some(record) = self.records.get_mut(key) else { return Decision::Ignore };
        let since = *record.gate_since.get_or_insert(now);
        let patient = now < later(since, limits::FLOOD_GATE);
        let (mut requests, mut stores, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        let asks = sync::asks(spec, &key.namespace);
        let mut world = self.context.world.lock();
        for (slot, (store, ask)) in asks.into_iter().enumerate() {
            match world.usable(&store, Some(&key.namespace), self.context.settings.flood_gate) {
                Err(Unusable::Unjudged(_)) if patient => return Decision::Sleep(Some(later(since, limits::FLOOD_GATE))),
                Err(Unusable::Unjudged(error) | Unusable::No(error)) => slots.push(Slot::failed(error)),
                Ok(usable) => {
                    let waiter = Waiter { object: key.clone(), slot, ticket: record.ticket };
                    let (target, at, lane) = (usable.target, cause.at, cause.lane);
                    requests.push(Request { target, ask, waiter, cause: at, lane });
                    slots.push(Slot::waiting(usable.config.absence()));
                    stores.push(usable);
                }
            }
        }
        record.gate_since = None;
        Decision::Fetch(requests, stores, slots)
    }

    fn take(&mut self, answers: Vec<Delivered>) {
        let mut complete = Vec::new();
        for delivered in answers {
            let key = delivered.delivery.waiter.object.clone();
            let Some(record) = self.records.get_mut(&key) else { continue };
            if record.ticket != delivered.delivery.waiter.ticket {
                continue;
            }
            let Phase::Waiting(slots) = &mut record.phase else { continue };
            if let Some(slot) = slots.get_mut(delivered.delivery.waiter.slot) {
                slot.answer = Some(Answer::Store(delivered));
            }
            if slots.iter().all(|slot| slot.answer.is_some()) {
                complete.push(key);
            }
        }
        complete.iter().for_each(|key| self.complete(key));
    }

    fn complete(&mut self, key: &Arc<ObjectKey>) {
        let Some(record) = self.records.get_mut(key) else { return };
        if let Phase::Waiting(slots) = std::mem::take(&mut record.phase) {
            self.work(key, Job::Sync(slots));
        }
    }

    fn work(&mut self, key: &Arc<ObjectKey>, job: Job) {
        let (Some(raw), Some(record)) = (self.objects.get(key), self.records.get_mut(key)) else { return };
        record.phase = Phase::Working;
        self.schedule.remove(key);
        let began = record.began.take().unwrap_or_else(|| self.context.clock.now());
        let object = sync::Object { raw: raw.clone(), status: record.status.clone(), began };
        let (context, jobs, sender, key) = (self.context.clone(), self.jobs.clone(), self.sender.clone(), key.clone());
        tokio::spawn(async move {
            let _job = jobs.acquire_owned().await;
            let finished = sync::pull(&context.pipeline(), object, job).await;
            // The receiver is gone only when the process ends.
            let _ended = sender.send(Message::Done(key, Box::new(finished)));
        });
    }

    fn done(&mut self, key: &Arc<ObjectKey>, finished: Finished) {
        let now = self.now();
        if let Some(secret) = finished.written {
            self.context.world.lock().secrets.put_own(secret);
        }
        let Some(record) = self.records.get_mut(key) else { return };
        record.phase = Phase::Idle;
        record.failing = finished.error.is_some();
        record.failures = if record.failing { record.failures.saturating_add(1) } else { 0 };
        if let Some((status, version)) = finished.status {
            record.status = Some(status);
            record.status_version = version;
        }
        record.refreshed = finished.refreshed.or(record.refreshed);
        let took = now.duration_since(finished.began);
        self.context.table.note(key, took, finished.ready, finished.error.is_some());
        let again = record.again.take();
        self.plan_next(key, finished.error.as_ref(), now);
        if let Some(cause) = again {
            self.look(key, cause);
        }
    }

    fn plan_next(&mut self, key: &Arc<ObjectKey>, error: Option<&Error>, now: Timestamp) {
        let Some(error) = error else {
            let cause = Cause { at: now, lane: Lane::Second, tick: false };
            return self.look(key, cause);
        };
        let Some(record) = self.records.get(key) else { return };
        let history =
            History { synced: record.refreshed.is_some(), failures: record.failures, interval: record.interval };
        if error.kind() == Kind::Conflict && record.failures == 1 {
            return self.schedule.set(key.clone(), now);
        }
        let wait = wait_after(error, history, fastrand::f64());
        self.sleep(key, wait.map(|wait| later(now, wait)));
    }

    fn close_unused(&self) {
        let used = self.records.values().flat_map(|record| record.identities.iter().copied()).collect();
        let (fetcher, world) = (self.context.fetcher.clone(), self.context.world.clone());
        tokio::spawn(async move { fetcher.close_unused(&world.identities_in_use(used)).await });
    }
}

/// How often stores that no object uses are looked for.
const SWEEP_STORES: Duration = Duration::from_secs(60);

/// True if nothing changed that makes a reconcile (reference 2.1): generation, labels, annotations, finalizers, deletion.
fn is_same_request(old: &RawObject, new: &RawObject) -> bool {
    old.generation == new.generation
        && old.labels == new.labels
        && old.annotations == new.annotations
        && old.finalizers == new.finalizers
        && old.deleting == new.deleting
}

/// True if `event` is a decimal smaller than `known`; what does not compare is not older.
fn is_older(event: &str, known: &str) -> bool {
    match (event.parse::<u128>(), known.parse::<u128>()) {
        (Ok(event), Ok(known)) => event < known,
        _ => false,
    }
}

fn remove_from<K: std::hash::Hash + Eq>(
    index: &mut HashMap<K, HashSet<Arc<ObjectKey>>>,
    at: &K,
    key: &ObjectKey,
) {
    if let Some(keys) = index.get_mut(at) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(at);
        }
    }
}
