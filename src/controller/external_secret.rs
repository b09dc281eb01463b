//! The reconciler of ExternalSecrets.
//!
//! One task owns the state of all objects and handles one message at a time: a change of an object, a [`Signal`] about something
//! it depends on, answers of stores, the end of a job, the clock. It never waits for a store nor for the API server: reads are
//! queued at the [`Fetcher`], writes are jobs of their own ([`crate::sync::pull`]). An object that waits is a [`Record`]; its
//! specification is parsed again when its answers are complete. What an object needs at all is decided by `need`.
//!
//! An object is never worked on twice at once. What happens while its job runs makes it be looked at again after.

mod need;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::{
    base::{
        Error, Kind, limits,
        refs::{RefKind, Resolved, Scope},
    },
    net::retry::jitter,
    provider::{Digest, Env},
};
use tokio::sync::mpsc;

use self::need::{Facts, Need, Told, phase, slack};
use super::{
    schedule::{History, Schedule, next_tick, wait_after},
    slow::{Place, Slow, Use},
    table::Table,
    world::{SharedWorld, Signal, Unusable, panicked},
};
use crate::{
    api::{
        digest,
        external_secret::{CreationPolicy, ExternalSecretSpec},
        parse, validate,
    },
    cluster::{
        ObjectKey, StatusKind,
        generic::ObjectKind,
        identity::{Uid, Version},
        mirror::{Effect, Mirror},
        watch::{Change, Namespaces, RawObject},
    },
    sync::{
        fetch::{Request, Spread, Waiter},
        gate::{Choice, Lane, Lanes, later},
        pipeline::Pipeline,
        plan::{self, Failed, Timing},
        pull::{self, Finished, Job, Object, Slot, Written},
        render::{self, generic},
        shape,
        stores::{Delivered, Fetcher, Gathering, Notice, Opening, StoreRef, Usable},
        templates::Pace,
    },
};

/// How often stores that no object uses are looked for.
const SWEEP_STORES: Duration = Duration::from_secs(60);
/// Objects of one tick that are looked at, or messages that are heard, before others have their turn: some milliseconds of work.
const HEARD_EVERY: usize = 256;
/// The least time between a refresh and the repair of its target.
const REPAIR_PAUSE: Duration = Duration::from_secs(1);
/// The least time between a refresh and the next for a changed template. Two objects may each use the other's Secret as a template, and then
/// each write of one wakes the other: with a random value in them that never ends. So it costs little, and who waits for an edit does not
/// notice it.
const TEMPLATE_PAUSE: Duration = Duration::from_secs(5);

/// What the command line settles.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--controller-class`.
    pub class: String,
    /// `--enable-flood-gate`.
    pub flood_gate: bool,
    /// `--enable-cluster-store-reconciler`.
    pub cluster_stores: bool,
    /// Jobs at once.
    pub concurrent: usize,
    /// `--unsafe-allow-generic-targets`.
    pub generic_targets: bool,
}

/// What the reconciler works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// What a job works with.
    pub pipeline: Pipeline,
    /// What the watches tell.
    pub world: SharedWorld,
    /// The store pool.
    pub fetcher: Fetcher,
    /// The environment of stores; its credentials are replaced by scoped ones for each store.
    pub env: Env,
    /// Live state for metrics.
    pub table: Arc<Table>,
    /// Flags.
    pub settings: Arc<Settings>,
    /// Who is told of the kinds of targets that are to be watched.
    pub kinds: mpsc::UnboundedSender<Watching>,
}

/// What kind of targets is to be watched from now on, or not any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watching {
    /// It has a target that was written.
    Begin(ObjectKind),
    /// Nobody fills one any more.
    End(ObjectKind),
}

/// What the task hears.
#[derive(Debug)]
pub enum Message {
    /// An ExternalSecret changed.
    Object(Change<RawObject>),
    /// Something that it may depend on changed.
    Signal(Signal),
    /// The job of an object with this UID, which had this pace, ended.
    Done(ObjectKey, Uid, Pace, Box<Finished>),
}

/// Why an object is looked at: since when, in which lane, and whether it must be refreshed whatever its times say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cause {
    at: Timestamp,
    lane: Lane,
    must: bool,
}

impl Cause {
    fn change(at: Timestamp) -> Self {
        Self { at, lane: Lane::First, must: false }
    }

    fn wake(at: Timestamp) -> Self {
        Self { at, lane: Lane::First, must: true }
    }

    /// Both causes in one.
    fn and(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| Self { must: self.must || other.must, ..self })
    }
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    /// For its store, which is down. Its status says so.
    Parked,
    /// For its turn among those whose templates take long.
    PutOff,
    /// For answers.
    Waiting(Vec<Slot>),
    /// For a free worker.
    Ready(Job),
    Working,
}

/// The state of one object between two messages.
#[derive(Debug, Default)]
struct Record {
    phase: Phase,
    /// The attempt; answers to another one are nobody's.
    ticket: u64,
    /// What happened while a job ran.
    again: Option<Cause>,
    /// The lane of what it is looked at for.
    lane: Lane,
    /// Failures in a row.
    failures: u32,
    failing: bool,
    /// True if this attempt met a store that is down or not ready.
    cut_off: bool,
    /// True if the status already says that a store is down, not ready or silent.
    told_cut_off: bool,
    /// True if something that it depends on changed while it was under way: should it fail, it is looked at again at once.
    woken: bool,
    /// True if a template changed while its job ran, which may have read it before.
    outdated: bool,
    /// True if it is due for a repair, a changed template or a second look at empty answers and not for its tick: its reads are not spread.
    hurries: bool,
    /// True if the reads that it waits for are spread over a part of its interval.
    spread: bool,
    /// True if its templates took long.
    slow: bool,
    /// True if it names a store of another class.
    left_alone: bool,
    /// Since when it waits for its store to be judged.
    gate_since: Option<Timestamp>,
    /// When what it waits there for happened: reads that began later are good enough for it.
    gate_cause: Timestamp,
    /// Since when the answers are empty without a proof.
    empty_since: Option<Timestamp>,
    refreshed: Option<Timestamp>,
    /// The status that we wrote, until the watch has it too.
    own_status: Option<Box<OwnStatus>>,
    stores: Box<[StoreRef]>,
    /// The ConfigMaps and Secrets that it uses as templates.
    templates: Box<[Resolved]>,
    identities: Box<[Digest]>,
    /// Its target, if that is a Secret.
    target: Option<ObjectKey>,
    /// Its target, if that is an object of another kind.
    generic: Option<Arc<GenericTarget>>,
    manner: Manner,
    began: Option<Timestamp>,
}

/// An object of another kind than Secret that is filled.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct GenericTarget {
    kind: ObjectKind,
    key: ObjectKey,
}

/// A status as we wrote it.
#[derive(Debug)]
struct OwnStatus {
    json: Box<[u8]>,
    version: Version,
}

/// What of a specification matters between two looks at it.
#[derive(Debug, Default)]
struct Manner {
    /// Who owns the target; `None` where nothing was parsed.
    creation: Option<CreationPolicy>,
    /// `spec.refreshInterval`, where it is right.
    interval: Option<SignedDuration>,
    /// True if it has ticks.
    is_timed: bool,
    /// The place of its default store among its stores: what it has in common with others that tick with it.
    default_store: Option<usize>,
    /// True if it asks for what is not built, or not allowed.
    hopeless: bool,
}

impl Record {
    /// True if nothing of it is under way.
    const fn is_at_rest(&self) -> bool {
        matches!(self.phase, Phase::Idle | Phase::Parked)
    }

    /// What it does with its turn, if it has one.
    const fn turn(&self) -> Use {
        match self.phase {
            Phase::Waiting(_) => Use::Asks,
            Phase::Working => Use::Works,
            Phase::Ready(_) => Use::Ready,
            Phase::Idle | Phase::Parked | Phase::PutOff => Use::Nothing,
        }
    }

    /// True if the change of this template is its business: always while it fails; in sync if it is refreshed by time, and not for its own
    /// target, which it writes itself.
    fn heeds(&self, template: &Resolved) -> bool {
        self.failing || self.manner.is_timed && !self.writes(template)
    }

    /// True if this is its target.
    fn writes(&self, object: &Resolved) -> bool {
        let is_same =
            |target: &ObjectKey| *target.name() == *object.name && *target.namespace() == *object.namespace;
        match object.kind {
            RefKind::Secret => self.target.as_ref().is_some_and(is_same),
            RefKind::ConfigMap => self.generic.as_ref().is_some_and(|target| {
                (&*target.kind.api_version, &*target.kind.kind) == ("v1", "ConfigMap") && is_same(&target.key)
            }),
            RefKind::ServiceAccount => false,
        }
    }

    /// The cause of a refresh for a changed template.
    fn template_cause(&self, now: Timestamp) -> Cause {
        let lane = if self.failing { Lane::First } else { Lane::Second };
        Cause { lane, ..Cause::wake(now) }
    }

    /// The cause of an object that waits for the spread reads of its tick and has to hurry. Those that were to answer it still do, unless
    /// they may be about to fail for a reason that is gone.
    fn hurry(&self, lane: Lane, now: Timestamp) -> Cause {
        let at = if self.woken { now } else { self.gate_cause };
        Cause { lane, ..Cause::wake(at) }
    }

    /// The last status that is known.
    fn status<'a>(&'a self, raw: &'a RawObject) -> Option<&'a [u8]> {
        self.own_status.as_ref().map(|own| &*own.json).or(raw.status.as_deref())
    }
}

/// What an object is indexed by.
struct Understood {
    manner: Manner,
    stores: Vec<StoreRef>,
    templates: Vec<Resolved>,
    target: ObjectKey,
    kind: Option<ObjectKind>,
}

impl Understood {
    /// `None` if it does not parse.
    fn of(raw: &RawObject, settings: &Settings) -> Option<Self> {
        let spec = parse::external_secret(&raw.spec).ok()?;
        let stores = pull::stores_of(&spec, raw.key.namespace());
        let interval = validate::interval(&spec).ok();
        let default = pull::default_store(&spec, raw.key.namespace());
        let manner = Manner {
            creation: Some(spec.creation_policy()),
            interval,
            is_timed: interval.is_some_and(|interval| plan::is_timed(spec.refresh_policy(), interval)),
            default_store: stores.iter().position(|store| default.as_ref() == Some(store)),
            hopeless: check(&spec, settings).is_err_and(|(what, _)| what != Failed::Fetch),
        };
        let (target, kind) = (target_of(&spec, &raw.key), generic::kind_of(&spec));
        Some(Self { manner, stores, templates: templates_of(&spec, raw.key.namespace()), target, kind })
    }
}

impl Manner {
    /// The interval, unless it is negative.
    fn interval(&self) -> Option<Duration> {
        self.interval.and_then(|interval| Duration::try_from(interval).ok())
    }
}

/// What to do with an object now.
enum Decision {
    Ignore,
    LeaveAlone,
    Sleep(Option<Timestamp>),
    Work(Job),
    Fetch(Fetch),
}

/// The reads that an object needs.
#[derive(Default)]
struct Fetch {
    requests: Vec<(Request, Arc<Usable>)>,
    slots: Vec<Slot>,
    /// True if the store of some entry cannot be asked.
    failed: bool,
}

/// The reconciler.
#[derive(Debug)]
pub struct ExternalSecrets {
    context: Context,
    objects: Mirror<RawObject>,
    records: HashMap<ObjectKey, Box<Record>>,
    schedule: Schedule<ObjectKey>,
    /// Stores and who reads from them.
    by_store: BTreeSet<(StoreRef, ObjectKey)>,
    /// Stores that were judged, as far as their signals have come.
    heard_of: HashSet<StoreRef>,
    /// Targets and who writes them, but for those that are called as their object is.
    by_target: BTreeSet<(ObjectKey, ObjectKey)>,
    /// Targets of other kinds and who fills them.
    by_generic: BTreeSet<(Arc<GenericTarget>, ObjectKey)>,
    /// Kinds of them that are watched.
    watched: HashSet<ObjectKind>,
    started: bool,
    /// Counts the attempts of all objects, so that none takes an answer for its predecessor of the same name.
    tickets: u64,
    /// Objects whose job waits for a free worker: the first lane first, and no namespace behind the crowd of another. A job's object is
    /// made when it starts, so who waits holds no specification.
    ready: Lanes<ObjectKey>,
    working: usize,
    /// Objects whose templates take long. They have no worker: who has a turn there has a place of its own.
    slow: Slow,
    sender: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    answers: mpsc::UnboundedReceiver<Notice>,
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
        answers: mpsc::UnboundedReceiver<Notice>,
    ) -> Self {
        Self {
            context,
            objects: Mirror::new(over),
            records: HashMap::new(),
            schedule: Schedule::default(),
            by_store: BTreeSet::new(),
            heard_of: HashSet::new(),
            by_target: BTreeSet::new(),
            by_generic: BTreeSet::new(),
            watched: HashSet::new(),
            started: false,
            tickets: 0,
            ready: Lanes::default(),
            working: 0,
            slow: Slow::default(),
            sender: inbox.0,
            inbox: inbox.1,
            answers,
        }
    }

    /// Runs until the process ends.
    pub async fn run(mut self) {
        let clock = self.context.pipeline.clock.clone();
        let mut sweep = self.now();
        loop {
            self.tick().await;
            self.serve_slow();
            if self.now() >= sweep {
                sweep = later(self.now(), SWEEP_STORES);
                self.close_unused();
            }
            let due = self.schedule.next().filter(|_| self.started);
            let next = [due, self.next_slow()].into_iter().flatten().fold(sweep, Timestamp::min);
            let wait = next.duration_since(self.now()).try_into().unwrap_or_default();
            tokio::select! {
                message = self.inbox.recv() => self.hear(message),
                Some(notice) = self.answers.recv() => self.noticed(notice),
                () = clock.sleep(wait) => (),
            }
            // What this has woken runs on this thread, or not at all while nobody else is free.
            tokio::task::yield_now().await;
        }
    }

    fn now(&self) -> Timestamp {
        self.context.pipeline.clock.now()
    }

    /// Handles what was said meanwhile.
    fn hear_waiting(&mut self) {
        let message = self.inbox.try_recv().ok();
        self.hear(message);
        while let Ok(notice) = self.answers.try_recv() {
            self.noticed(notice);
        }
    }

    /// Handles a message and those that already wait behind it, so that what comes together is queued together.
    fn hear(&mut self, first: Option<Message>) {
        let (mut next, mut left) = (first, HEARD_EVERY);
        while let Some(message) = next {
            match message {
                Message::Object(change) => self.changed(change),
                Message::Signal(signal) => self.signalled(&signal),
                Message::Done(key, uid, pace, finished) => self.done(&key, &uid, pace, *finished),
            }
            left -= 1;
            next = if left > 0 { self.inbox.try_recv().ok() } else { None };
        }
        self.start_when_listed();
    }

    fn start_when_listed(&mut self) {
        if self.started || !self.objects.is_listed() || !self.context.world.lock().is_listed() {
            return;
        }
        self.started = true;
        tracing::info!(objects = self.records.len(), "every first list is complete");
        let now = self.now();
        let keys = self.records.keys().cloned().collect();
        self.look_at_all(keys, |record| Some(Cause { must: record.failing, ..Cause::change(now) }));
    }

    fn changed(&mut self, change: Change<RawObject>) {
        if let Change::Failed(_, error) = &change {
            tracing::warn!(%error, "ExternalSecrets could not be watched; trying again");
        }
        match self.objects.apply(change) {
            Effect::Nothing => (),
            Effect::Added(key) => self.learn(&key, None),
            Effect::Updated(old) => self.learn(&old.key, Some(&old)),
            Effect::Removed(old) => self.forget(&old.key),
            Effect::Listed(gone) => gone.iter().for_each(|old| self.forget(&old.key)),
        }
    }

    /// A new version of an object: what only its status changed is nobody's cause (reference 2.1).
    fn learn(&mut self, key: &ObjectKey, old: Option<&RawObject>) {
        let Some(raw) = self.objects.get(key) else { return };
        if old.is_some_and(|old| old.uid != raw.uid) {
            self.forget(key);
            return self.learn(key, None);
        }
        let same = old.is_some_and(|old| is_same_request(old, raw));
        let record = self.records.entry(key.clone()).or_default();
        if record.own_status.as_ref().is_some_and(|own| !raw.resource_version.is_older(&own.version)) {
            record.own_status = None;
        }
        if same {
            return;
        }
        let told = Told::of(record.status(raw));
        record.failures = 0;
        record.gate_since = None;
        // What was empty may have been another question.
        record.empty_since = None;
        record.refreshed = record.refreshed.max(told.refreshed);
        record.failing = told.ready == Some(false);
        record.told_cut_off &= old.is_some_and(|old| old.generation == raw.generation);
        self.context.table.know(key, told.ready);
        self.index(key);
        self.look(key, Cause::change(self.now()));
        if told.ready == Some(true) {
            self.watch_target(key);
        }
    }

    fn index(&mut self, key: &ObjectKey) {
        let before = self.unindex(key);
        self.enter(key);
        self.unwatch(before);
    }

    fn enter(&mut self, key: &ObjectKey) {
        let Some(raw) = self.objects.get(key) else { return };
        // What cannot be understood has no index; who looks at the object says why.
        let settings = &self.context.settings;
        let understood = catch_unwind(AssertUnwindSafe(|| Understood::of(raw, settings)));
        let understood = understood.map_err(|_| panicked(key)).ok().flatten();
        let Some(Understood { manner, stores, templates, target, kind }) = understood else { return };
        for store in &stores {
            self.by_store.insert((store.clone(), key.clone()));
        }
        let (target, generic) = match kind {
            None => (Some(target), None),
            Some(kind) => (None, Some(Arc::new(GenericTarget { kind, key: target }))),
        };
        if let Some(target) = target.as_ref().filter(|target| *target != key) {
            self.by_target.insert((target.clone(), key.clone()));
        }
        if let Some(generic) = &generic {
            self.by_generic.insert((generic.clone(), key.clone()));
        }
        if let Some(record) = self.records.get_mut(key) {
            record.manner = manner;
            record.slow = false;
            record.stores = stores.into_boxed_slice();
            record.templates = templates.into_boxed_slice();
            record.target = target;
            record.generic = generic;
            if !record.templates.is_empty() {
                self.context.world.lock().name_templates(key, &record.templates);
            }
        }
    }

    /// Takes an object out of every index; gives the object of another kind that it filled.
    fn unindex(&mut self, key: &ObjectKey) -> Option<Arc<GenericTarget>> {
        let record = self.records.get_mut(key)?;
        for store in std::mem::take(&mut record.stores) {
            self.by_store.remove(&(store, key.clone()));
        }
        let templates = std::mem::take(&mut record.templates);
        if !templates.is_empty() {
            self.context.world.lock().unname_templates(key, templates);
        }
        record.manner = Manner::default();
        if let Some(target) = record.target.take() {
            self.by_target.remove(&(target, key.clone()));
        }
        let generic = record.generic.take()?;
        self.by_generic.remove(&(generic.clone(), key.clone()));
        Some(generic)
    }

    /// Begins to watch objects of the kind that this one fills: it was written once, so the kind is there and may be read.
    fn watch_target(&mut self, key: &ObjectKey) {
        let Some(record) = self.records.get(key).filter(|record| !record.left_alone) else { return };
        let writes = record.manner.creation.is_some_and(|creation| creation != CreationPolicy::None);
        let Some(generic) = record.generic.as_ref().filter(|_| writes) else { return };
        if self.context.settings.generic_targets && self.watched.insert(generic.kind.clone()) {
            self.context.world.lock().begin_kind(&generic.kind);
            // The receiver is gone only when the process ends.
            let _ended = self.context.kinds.send(Watching::Begin(generic.kind.clone()));
        }
    }

    /// Ends the watch of a kind if nobody fills an object of it any more.
    fn unwatch(&mut self, before: Option<Arc<GenericTarget>>) {
        let Some(kind) = before.map(|generic| generic.kind.clone()) else { return };
        if self.users_of(&kind).next().is_none() && self.watched.remove(&kind) {
            self.context.world.lock().end_kind(&kind);
            let _ended = self.context.kinds.send(Watching::End(kind));
        }
    }

    /// Who fills objects of a kind.
    fn users_of<'a>(&'a self, kind: &'a ObjectKind) -> impl Iterator<Item = &'a ObjectKey> {
        let first = GenericTarget { kind: kind.clone(), key: ObjectKey::new("", "") };
        let first = (Arc::new(first), ObjectKey::new("", ""));
        self.by_generic.range(first..).take_while(move |(used, _)| used.kind == *kind).map(|(_, key)| key)
    }

    fn forget(&mut self, key: &ObjectKey) {
        let before = self.unindex(key);
        self.unwatch(before);
        self.records.remove(key);
        self.slow.forget(key);
        self.schedule.remove(key);
        self.context.table.remove(key);
    }

    fn signalled(&mut self, signal: &Signal) {
        match signal {
            Signal::Store(store) => {
                self.hear_of(store);
                // A store that has just become unready is of no help to those who fail.
                let is_ready = self.context.world.lock().ready(store) != Some(false);
                self.wake_users(std::slice::from_ref(store), is_ready);
            }
            Signal::Credential(stores) => self.wake_users(stores, true),
            Signal::Judged(stores) => {
                stores.iter().for_each(|store| self.hear_of(store));
                self.wake_users(stores, true);
            }
            Signal::Template(template, users) => self.wake_templated(template, users),
            Signal::Namespace(namespace) => {
                let keys = self.records.keys().filter(|key| key.namespace() == *namespace).cloned().collect();
                self.wake(keys, true);
            }
            Signal::Target(target) => self.look_after_target(target),
            Signal::Object(kind, target) => self.look_after_object(kind, target),
            Signal::Objects(kind) => self.look_after_objects(kind),
            Signal::Listed => (),
        }
    }

    /// From now on objects of this store go by what the world says of it.
    fn hear_of(&mut self, store: &StoreRef) {
        match self.context.world.lock().ready(store) {
            Some(_) => drop(self.heard_of.insert(store.clone())),
            None => drop(self.heard_of.remove(store)),
        }
    }

    /// A changed store or credential wakes the objects that fail, that wait at the flood gate, or that were left to another class.
    fn wake_users(&mut self, stores: &[StoreRef], failing: bool) {
        let users = stores.iter().flat_map(|store| self.users(store));
        let keys = users.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        self.wake(keys, failing);
    }

    fn users(&self, store: &StoreRef) -> impl Iterator<Item = &ObjectKey> {
        let first = (store.clone(), ObjectKey::new("", ""));
        let users = self.by_store.range(first..).take_while(move |(used, _)| used == store);
        users.map(|(_, key)| key)
    }

    fn wake(&mut self, keys: Vec<ObjectKey>, failing: bool) {
        let now = self.now();
        for key in &keys {
            let Some(record) = self.records.get_mut(key) else { continue };
            // What is under way may be about to fail for a reason that is gone now: it is looked at again if it does.
            record.woken |= !record.is_at_rest();
        }
        self.look_at_all(keys, |record| {
            // That a store was judged makes nothing older than it was: who is woken a moment later shares the reads of who has gone.
            let waits = failing && record.failing || record.left_alone || record.gate_since.is_some();
            let at_gate = record.gate_since.filter(|_| !record.failing).map(|_| record.gate_cause);
            (waits && record.is_at_rest()).then(|| Cause::wake(at_gate.unwrap_or(now)))
        });
    }

    fn noticed(&mut self, notice: Notice) {
        match notice {
            Notice::Answers(answers) => self.take(answers),
            Notice::Back(identities) => self.came_back(&identities),
        }
    }

    /// Stores that were down answer again: who waited for them asks at once, behind those who have never had a Secret.
    fn came_back(&mut self, identities: &[Digest]) {
        let now = self.now();
        let asks = |record: &Record| record.identities.iter().any(|identity| identities.contains(identity));
        let users: Vec<ObjectKey> =
            self.records.iter().filter(|(_, record)| asks(record)).map(|(key, _)| key.clone()).collect();
        for key in &users {
            let Some(record) = self.records.get_mut(key) else { continue };
            record.woken |= !record.is_at_rest();
        }
        self.look_at_all(users, |record| {
            let lane = if record.refreshed.is_some() { Lane::Second } else { Lane::First };
            (record.is_at_rest() && record.told_cut_off).then(|| Cause { lane, ..Cause::wake(now) })
        });
    }

    /// A changed template wakes the objects that fail, and those in sync that are refreshed by time, but none in a loop with what it writes
    /// itself. Who waits for answers or for its store reads its templates after them; a tick's answers are then not waited for as long.
    fn wake_templated(&mut self, template: &Resolved, keys: &[ObjectKey]) {
        let now = self.now();
        let (mut due, mut waiting) = (Vec::new(), Vec::new());
        for key in keys {
            let Some(record) = self.records.get_mut(key) else { continue };
            // What took long may not any more.
            record.slow = false;
            match record.phase {
                Phase::Waiting(_) if record.spread && record.heeds(template) => waiting.push(key.clone()),
                Phase::Parked | Phase::PutOff | Phase::Waiting(_) | Phase::Ready(_) => (),
                // What changes its target while its job runs is this job.
                Phase::Working => record.outdated |= !record.writes(template),
                Phase::Idle if record.heeds(template) => due.extend(self.calm(key, now)),
                Phase::Idle => (),
            }
        }
        self.look_at_all(due, |record| Some(record.template_cause(now)));
        self.look_at_all(waiting, |record| Some(record.hurry(Lane::Second, now)));
    }

    /// The object, if its last refresh is long enough ago for another one for a changed template; else it is due as soon as it is.
    fn calm(&mut self, key: &ObjectKey, now: Timestamp) -> Option<ObjectKey> {
        let record = self.records.get(key)?;
        let calm = record.refreshed.map_or(now, |refreshed| later(refreshed, TEMPLATE_PAUSE));
        if calm <= now {
            return Some(key.clone());
        }
        self.hurry(key, calm);
        None
    }

    /// Makes an object due, before its tick, for something else: its reads go out at once then.
    fn hurry(&mut self, key: &ObjectKey, at: Timestamp) {
        if let Some(record) = self.records.get_mut(key) {
            record.hurries = true;
            self.schedule.no_later_than(key.clone(), at);
        }
    }

    fn look_after_target(&mut self, target: &ObjectKey) {
        let first = (target.clone(), ObjectKey::new("", ""));
        let writers = self.by_target.range(first..).take_while(|(written, _)| written == target);
        let namesake = self.records.get_key_value(target);
        let namesake = namesake.filter(|(_, record)| record.target.as_ref() == Some(target));
        let keys: Vec<_> = writers.map(|(_, key)| key).chain(namesake.map(|(key, _)| key)).cloned().collect();
        self.repair(keys);
    }

    fn look_after_object(&mut self, kind: &ObjectKind, target: &ObjectKey) {
        let target = Arc::new(GenericTarget { kind: kind.clone(), key: target.clone() });
        let first = (target.clone(), ObjectKey::new("", ""));
        let users = self.by_generic.range(first..).take_while(|(filled, _)| *filled == target);
        let keys = users.map(|(_, key)| key.clone()).collect();
        self.repair(keys);
    }

    /// The first list of a kind is complete: what is not in it is gone.
    fn look_after_objects(&mut self, kind: &ObjectKind) {
        let keys = self.users_of(kind).cloned().collect();
        self.repair(keys);
    }

    /// A target that somebody else changed is repaired at once, but not in a loop with one who changes it at once again.
    fn repair(&mut self, keys: Vec<ObjectKey>) {
        let now = self.now();
        for key in keys {
            let Some(record) = self.records.get(&key).filter(|record| self.is_broken(record)) else {
                continue;
            };
            let calm = record.refreshed.map_or(now, |refreshed| later(refreshed, REPAIR_PAUSE));
            match record.phase {
                // A tick may take its time for the answers.
                Phase::Waiting(_) if record.spread => self.look(&key, record.hurry(Lane::First, now)),
                // The answers that it waits for, or has, repair it.
                Phase::PutOff | Phase::Waiting(_) | Phase::Ready(_) => (),
                Phase::Idle | Phase::Parked if calm > now => self.hurry(&key, calm),
                Phase::Idle | Phase::Parked | Phase::Working => self.look(&key, Cause::change(now)),
            }
        }
    }

    /// The watch tells of our own writes too, and those leave nothing to repair.
    fn is_broken(&self, record: &Record) -> bool {
        let is_whole = |creation| self.target_is_valid(record, creation);
        record.manner.creation.is_some_and(|creation| !is_whole(creation))
    }

    /// See [`plan::target_is_valid`].
    fn target_is_valid(&self, record: &Record, creation: CreationPolicy) -> bool {
        let world = self.context.world.lock();
        match (&record.generic, &record.target) {
            (Some(generic), _) => plan::is_nobodys(creation) || world.is_whole(&generic.kind, &generic.key),
            (None, target) => {
                plan::target_is_valid(creation, target.as_ref().and_then(|target| world.secret(target)))
            }
        }
    }

    /// Looks at many objects and queues their requests together.
    fn look_at_all(&mut self, keys: Vec<ObjectKey>, cause: impl Fn(&Record) -> Option<Cause>) {
        let mut gathering = self.context.fetcher.gather(None);
        for key in keys {
            if let Some(cause) = self.records.get(&key).and_then(|record| cause(record)) {
                self.prepare(&key, cause, &mut gathering);
            }
        }
        gathering.send();
    }

    fn look(&mut self, key: &ObjectKey, cause: Cause) {
        let mut gathering = self.context.fetcher.gather(None);
        self.prepare(key, cause, &mut gathering);
        gathering.send();
    }

    /// Objects whose time has come; those of one tick queue their reads together, spread over a tenth of the interval.
    async fn tick(&mut self) {
        if !self.started {
            return;
        }
        let mut ticks: HashMap<(Timestamp, Duration), Gathering> = HashMap::new();
        for (nth, (at, key)) in (1..).zip(self.schedule.take_due(self.now())) {
            if nth % HEARD_EVERY == 0 {
                self.hear_waiting();
                tokio::task::yield_now().await;
            }
            // What was said meanwhile may have put it to work already.
            let Some(record) = self.records.get_mut(&key).filter(|record| record.is_at_rest()) else {
                continue;
            };
            let periodic = !record.failing && record.refreshed.is_some() && record.gate_since.is_none();
            let lane = if periodic { Lane::Second } else { Lane::First };
            let spreads = !std::mem::take(&mut record.hurries) && periodic;
            let width = record.manner.interval().filter(|_| spreads).unwrap_or_default() / 10;
            let spread = Some(Spread { start: at, width });
            let gathering = ticks.entry((at, width)).or_insert_with(|| self.context.fetcher.gather(spread));
            self.prepare(&key, Cause { at, lane, must: true }, gathering);
            if let Some(record) = self.records.get_mut(&key) {
                record.spread = !width.is_zero() && matches!(record.phase, Phase::Waiting(_));
            }
        }
        ticks.into_values().for_each(Gathering::send);
    }

    /// Decides what an object needs now: starts a job, or enters it as waiting with its requests among those that are gathered.
    fn prepare(&mut self, key: &ObjectKey, cause: Cause, gathering: &mut Gathering) {
        let Some(record) = self.records.get_mut(key) else { return };
        if matches!(record.phase, Phase::Working) {
            record.again = Some(cause.and(record.again));
            return;
        }
        if !self.started {
            return;
        }
        let cause = Cause { must: cause.must || !record.is_at_rest(), ..cause };
        self.tickets += 1;
        record.ticket = self.tickets;
        record.lane = cause.lane;
        record.phase = Phase::Idle;
        record.woken = false;
        record.left_alone = false;
        record.cut_off = false;
        record.spread = false;
        record.began = None;
        let hurries = std::mem::take(&mut record.hurries);
        match self.decide_guarded(key, cause) {
            Decision::Ignore => self.schedule.remove(key),
            Decision::LeaveAlone => self.leave(key),
            Decision::Sleep(until) => self.rest(key, until, hurries),
            Decision::Work(job) => self.work(key, job),
            Decision::Fetch(fetch) if !fetch.failed && self.stands_in_line(key) => self.put_off(key),
            Decision::Fetch(fetch) => self.wait_for(key, fetch, gathering),
        }
    }

    fn leave(&mut self, key: &ObjectKey) {
        self.schedule.remove(key);
        if let Some(record) = self.records.get_mut(key) {
            record.left_alone = true;
        }
    }

    /// Nothing is to be done before `until`; what is due earlier, because the object fails or hurries, stays due.
    fn rest(&mut self, key: &ObjectKey, until: Option<Timestamp>, hurries: bool) {
        let Some(record) = self.records.get_mut(key) else { return };
        record.hurries = hurries;
        let stays_due = record.failing || hurries;
        match until {
            Some(until) if stays_due => self.schedule.no_later_than(key.clone(), until),
            None if stays_due => (),
            until => self.sleep(key, until),
        }
    }

    fn sleep(&mut self, key: &ObjectKey, until: Option<Timestamp>) {
        match until {
            Some(until) => self.schedule.set(key.clone(), until),
            None => self.schedule.remove(key),
        }
    }

    fn wait_for(&mut self, key: &ObjectKey, fetch: Fetch, gathering: &mut Gathering) {
        self.schedule.remove(key);
        let now = self.now();
        let identities: BTreeSet<Digest> =
            fetch.requests.iter().map(|(request, _)| request.target.identity).collect();
        if let Some(record) = self.records.get_mut(key) {
            record.identities = identities.into_iter().collect();
            record.began = Some(now);
            record.phase = Phase::Waiting(fetch.slots);
        }
        if fetch.requests.is_empty() {
            self.complete(key);
        }
        let (env, cluster) = (&self.context.env, &self.context.pipeline.cluster);
        for (request, usable) in fetch.requests {
            gathering.add(request, || Opening::of(&usable, env, cluster));
        }
    }

    /// [`Self::decide`]; a panic in it is the failure of this object and of no other.
    fn decide_guarded(&mut self, key: &ObjectKey, cause: Cause) -> Decision {
        let decided = catch_unwind(AssertUnwindSafe(|| self.decide(key, cause)));
        decided.unwrap_or_else(|_| Decision::Work(Job::Fail(Failed::Fetch, panicked(key))))
    }

    fn decide(&mut self, key: &ObjectKey, cause: Cause) -> Decision {
        let (Some(raw), Some(record)) = (self.objects.get(key), self.records.get(key)) else {
            return Decision::Ignore;
        };
        if raw.deleting {
            let esos = raw.finalizers.iter().any(|finalizer| **finalizer == *pull::ESO_FINALIZER);
            return if esos { Decision::Work(Job::Clean) } else { Decision::Ignore };
        }
        let spec = match parse::external_secret(&raw.spec) {
            Ok(spec) => spec,
            Err(error) => return Decision::Work(Job::Fail(Failed::Fetch, error)),
        };
        if self.is_left_alone(record, &spec, key.namespace()) {
            return Decision::LeaveAlone;
        }
        let interval = match check(&spec, &self.context.settings) {
            Ok(interval) => interval,
            Err((what, error)) => return Decision::Work(Job::Fail(what, error)),
        };
        match self.need(raw, record, (&spec, interval), cause) {
            Need::Refresh => self.ask(key, &spec, cause),
            Need::Tick => Decision::Sleep(self.next_tick(record)),
            Need::Change => Decision::Sleep(None),
        }
    }

    /// Steps 4 and 5 of reference 2.2: objects that are another controller's.
    fn is_left_alone(&self, record: &Record, spec: &ExternalSecretSpec, namespace: &str) -> bool {
        let settings = &self.context.settings;
        let world = self.context.world.lock();
        let other = |store: &StoreRef| {
            let class = world.spec(store).ok().and_then(|spec| spec.controller.clone()).unwrap_or_default();
            !class.is_empty() && class != settings.class
        };
        let default = pull::default_store(spec, namespace);
        let clustered = default.is_some_and(|store| store.kind == StatusKind::ClusterSecretStore);
        clustered && !settings.cluster_stores || record.stores.iter().any(other)
    }

    fn need(
        &self,
        raw: &RawObject,
        record: &Record,
        (spec, interval): (&ExternalSecretSpec, SignedDuration),
        cause: Cause,
    ) -> Need {
        let (annotations, labels) = (raw.annotations.to_map(), raw.labels.to_map());
        let version = digest::synced_resource_version(raw.generation, &annotations, &labels);
        let told = Told::of(record.status(raw));
        let (policy, refreshed) = (spec.refresh_policy(), record.refreshed);
        let timing = Timing { policy, interval, refreshed, synced_version: &told.version, version: &version };
        let target_is_valid = self.target_is_valid(record, spec.creation_policy());
        let slack = slack(self.context.pipeline.stamp);
        Facts { timing, slack, target_is_valid, must: cause.must }.need(self.now())
    }

    /// Resolves the store of every entry. What cannot be asked becomes its entry's answer, so that the first failing entry in
    /// ESO's order names the failure; a store that is not judged yet keeps the object waiting for a while.
    fn ask(&mut self, key: &ObjectKey, spec: &ExternalSecretSpec, cause: Cause) -> Decision {
        let now = self.now();
        let Some(record) = self.records.get_mut(key) else { return Decision::Ignore };
        record.gate_cause = match record.gate_since {
            Some(_) => record.gate_cause.max(cause.at),
            None => cause.at,
        };
        let since = *record.gate_since.get_or_insert(now);
        let (seen, until) = (later(since, limits::NOT_SEEN_YET), later(since, limits::FLOOD_GATE));
        let (gate, mut world) = (self.context.settings.flood_gate, self.context.world.lock());
        let is_new = gate && record.refreshed.is_none();
        let asks = pull::asks(spec, key.namespace());
        let mut fetch = Fetch { slots: Vec::with_capacity(asks.len()), ..Fetch::default() };
        for (slot, (store, ask)) in asks.into_iter().enumerate() {
            // The first entry that cannot be had fails the object: what stands behind it need not be read.
            let ask = ask.filter(|_| !fetch.failed);
            match (world.usable(&store, Some(key.namespace()), gate), ask) {
                (Err(Unusable::Unjudged(_)), _) if now < until => return Decision::Sleep(Some(until)),
                (Err(Unusable::Missing(_)), _) if now < seen => return Decision::Sleep(Some(seen)),
                (Err(Unusable::Unready(_)), _) if record.told_cut_off => {
                    record.gate_since = None;
                    return Decision::Sleep(Some(later(now, limits::SYNCED_OTHER)));
                }
                (Err(Unusable::Unready(_)), _) if record.refreshed.is_some() && now < until => {
                    return Decision::Sleep(Some(until));
                }
                (Err(unusable), _) => {
                    record.cut_off |= matches!(unusable, Unusable::Unready(_));
                    fetch.failed = true;
                    fetch.slots.push(Slot::failed(unusable.error().clone()));
                }
                // Its signal wakes all who wait for it, so that they ask together. The world may know earlier.
                (Ok(_), _) if is_new && now < until && !self.heard_of.contains(&store) => {
                    return Decision::Sleep(Some(until));
                }
                (Ok(usable), _)
                    if is_new && let Some(until) = world.awaits_kin(&usable.target.identity, now) =>
                {
                    return Decision::Sleep(Some(until));
                }
                (Ok(_), None) => fetch.slots.push(Slot::empty()),
                (Ok(usable), Some(ask)) => {
                    fetch.slots.push(Slot::waiting(usable.config.absence(), &ask));
                    let waiter = Waiter { object: key.clone(), slot, ticket: record.ticket };
                    let (target, lane) = (usable.target, cause.lane);
                    fetch.requests.push((Request { target, ask, waiter, cause: cause.at, lane }, usable));
                }
            }
        }
        record.gate_since = None;
        Decision::Fetch(fetch)
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
            record.cut_off |= delivered.delivery.is_down;
            if let Some(slot) = slots.get_mut(delivered.delivery.waiter.slot) {
                slot.take(delivered);
            }
            if slots.iter().all(|slot| slot.answer.is_some()) {
                complete.push(key);
            }
        }
        complete.iter().for_each(|key| self.complete(key));
    }

    fn complete(&mut self, key: &ObjectKey) {
        let Some(record) = self.records.get_mut(key) else { return };
        let Phase::Waiting(slots) = std::mem::take(&mut record.phase) else { return };
        let is_known = record.told_cut_off && pull::says_only_that_stores_are_silent(&slots);
        match is_known {
            // Something has changed since it asked; the store may be back.
            true if std::mem::take(&mut record.woken) => self.look(key, Cause::wake(self.now())),
            true => self.park(key),
            false => self.work(key, Job::Sync(slots)),
        }
    }

    /// An object whose status says that its store does not answer keeps none of its values and waits: until the store is back, if it is down
    /// (should nobody tell of that, it asks again all the same); else as after any failure.
    fn park(&mut self, key: &ObjectKey) {
        let now = self.now();
        let Some(record) = self.records.get_mut(key) else { return };
        record.phase = Phase::Parked;
        record.failures = record.failures.saturating_add(1);
        let wait = match record.cut_off {
            true => limits::SYNCED_OTHER,
            false => limits::SYNCED_TRANSIENT.wait(record.failures, jitter()),
        };
        self.schedule.set(key.clone(), later(now, wait));
    }

    fn work(&mut self, key: &ObjectKey, job: Job) {
        self.schedule.remove(key);
        // What needs no template waits for no turn.
        match matches!(job, Job::Sync(_)) && self.slow.has_turn(key) {
            true => self.work_slowly(key, job),
            false if self.working < self.context.settings.concurrent => self.start(key, job, Pace::Quick),
            false => self.make_ready(key, job),
        }
    }

    fn work_slowly(&mut self, key: &ObjectKey, job: Job) {
        match (self.slow.place(key), self.records.get_mut(key)) {
            (Place::Free, _) => self.start(key, job, Pace::Long),
            (Place::Next, Some(record)) => record.phase = Phase::Ready(job),
            // Others were answered first.
            (Place::Next | Place::Taken, _) => self.put_off(key),
        }
    }

    /// Starts who has the next place among those whose templates take long.
    fn start_ripe(&mut self) {
        let Some(key) = self.slow.ripe() else { return };
        let Some(record) = self.records.get_mut(&key) else { return };
        match std::mem::take(&mut record.phase) {
            Phase::Ready(job) => self.start(&key, job, Pace::Long),
            other => record.phase = other,
        }
    }

    fn make_ready(&mut self, key: &ObjectKey, job: Job) {
        if let Some(record) = self.records.get_mut(key) {
            record.phase = Phase::Ready(job);
            self.ready.push(record.lane, key.namespace(), key.clone());
        }
    }

    /// Gives free workers their next jobs. Who has been looked at again since it stood in line, or is gone, has none there.
    fn start_ready(&mut self) {
        while self.working < self.context.settings.concurrent {
            let Some(key) = self.ready.pop(&|_, _| Choice::Take) else { return };
            let Some(record) = self.records.get_mut(&key) else { continue };
            match std::mem::take(&mut record.phase) {
                Phase::Ready(job) => {
                    self.ready.served();
                    self.start(&key, job, Pace::Quick);
                }
                other => record.phase = other,
            }
        }
    }

    /// True if the templates of an object took long, and it is not its turn.
    fn stands_in_line(&self, key: &ObjectKey) -> bool {
        self.records.get(key).is_some_and(|record| record.slow) && !self.slow.has_turn(key)
    }

    /// Lets an object whose templates take long wait for its turn, with nothing in hand.
    fn put_off(&mut self, key: &ObjectKey) {
        self.schedule.remove(key);
        if let Some(record) = self.records.get_mut(key) {
            record.phase = Phase::PutOff;
            self.slow.wait(record.lane, key);
        }
    }

    /// Gives those whose templates take long their turns.
    fn serve_slow(&mut self) {
        let now = self.now();
        loop {
            let records = &self.records;
            self.slow.pass(now, |key| records.get(key).map_or(Use::Nothing, |record| record.turn()));
            let Some(key) = self.slow.next(now) else { return };
            match self.records.get(&key).is_some_and(|record| matches!(record.phase, Phase::PutOff)) {
                true => {
                    self.slow.taken();
                    self.look(&key, Cause::wake(now));
                }
                false => self.slow.declined(&key),
            }
        }
    }

    /// When the next turn ends because stores take too long.
    fn next_slow(&self) -> Option<Timestamp> {
        self.slow.next_end(|key| self.records.get(key).is_some_and(|record| record.turn() == Use::Asks))
    }

    fn start(&mut self, key: &ObjectKey, job: Job, pace: Pace) {
        let (Some(raw), Some(record)) = (self.objects.get(key), self.records.get_mut(key)) else { return };
        record.phase = Phase::Working;
        match pace {
            Pace::Quick => self.working += 1,
            Pace::Long => self.slow.begin(key),
        }
        let began = record.began.take().unwrap_or_else(|| self.context.pipeline.clock.now());
        let (target, orphans, seen) = {
            let world = self.context.world.lock();
            let target = record.target.as_ref().and_then(|target| world.secret(target).cloned());
            let others =
                world.controlled_by(&raw.uid).filter(|secret| record.target.as_ref() != Some(&secret.key));
            // Where no change of a template is heeded, none may be missed: what is kept of them may be older than the object.
            let templates = if record.manner.is_timed { &*record.templates } else { &[] };
            (target, others.cloned().collect(), world.versions_of(templates))
        };
        let (status, empty_since) = (record.status(raw).map(Into::into), record.empty_since);
        let object = Object { raw: raw.clone(), status, began, target, orphans, empty_since, seen, pace };
        let (pipeline, sender) = (self.context.pipeline.clone(), self.sender.clone());
        let (key, uid) = (key.clone(), raw.uid.clone());
        tokio::spawn(async move {
            let finished = pull::pull(&pipeline, object, job).await;
            // The receiver is gone only when the process ends.
            let _ended = sender.send(Message::Done(key, uid, pace, Box::new(finished)));
        });
    }

    fn done(&mut self, key: &ObjectKey, uid: &Uid, pace: Pace, finished: Finished) {
        match pace {
            Pace::Quick => self.working = self.working.saturating_sub(1),
            Pace::Long => self.slow.end(key),
        }
        self.settle(key, uid, finished);
        self.start_ripe();
        self.start_ready();
    }

    fn settle(&mut self, key: &ObjectKey, uid: &Uid, finished: Finished) {
        let now = self.now();
        match finished.written {
            Some(Written::Secret(secret)) => self.context.world.lock().put_own(secret),
            Some(Written::Object(kind, object)) => self.context.world.lock().put_own_object(&kind, object),
            None => (),
        }
        // An object that was made anew while the job of its predecessor ran has a job of its own.
        let Some(raw) = self.objects.get(key).filter(|raw| raw.uid == *uid) else { return };
        let Some(record) = self.records.get_mut(key) else { return };
        record.phase = Phase::Idle;
        if finished.put_off {
            return self.found_slow(key);
        }
        record.failing = finished.error.is_some();
        record.failures = if record.failing { record.failures.saturating_add(1) } else { 0 };
        record.told_cut_off = record.failing && (record.cut_off || finished.is_silence) && !finished.untold;
        let again = record.again.take();
        record.empty_since = finished.empty_since.filter(|_| again.is_none());
        if let Some((json, version)) = finished.status
            && raw.resource_version.is_older(&version)
        {
            record.own_status = Some(Box::new(OwnStatus { json, version }));
        }
        record.refreshed = finished.refreshed.or(record.refreshed);
        record.hurries = finished.error.is_none() && finished.confirm.is_some();
        let took = now.duration_since(finished.began);
        self.context.table.note(key, took, finished.ready, finished.error.is_some());
        if finished.ready == Some(true) {
            self.watch_target(key);
        }
        let next = match (&finished.error, finished.confirm) {
            (Some(error), _) => self.after_failure(key, error, finished.untold),
            (None, Some(wait)) => Some(later(now, wait)),
            (None, None) => self.after_success(key),
        };
        self.sleep(key, next);
        let woken = self
            .records
            .get_mut(key)
            .is_some_and(|record| std::mem::take(&mut record.woken) && record.failing);
        let wake = woken.then(|| Cause::wake(now));
        if let Some(cause) = wake.map(|wake| wake.and(again)).or(again) {
            self.look(key, cause);
        }
        self.catch_up(key);
    }

    /// The templates of an object take long, so nothing was done: it waits for its turn, unless it is to be looked at for something else.
    fn found_slow(&mut self, key: &ObjectKey) {
        let Some(record) = self.records.get_mut(key) else { return };
        // What was rendered may not be what it has now.
        record.slow = record.again.is_none() && !record.outdated;
        // They are read when its turn comes.
        record.outdated = false;
        // It has values: what was empty before is no longer.
        record.empty_since = None;
        match record.again.take() {
            Some(cause) => self.look(key, Cause { must: true, ..cause }),
            None => self.put_off(key),
        }
    }

    /// A template changed while the job ran: the job may have read the one before.
    fn catch_up(&mut self, key: &ObjectKey) {
        let now = self.now();
        let Some(record) = self.records.get_mut(key) else { return };
        let is_outdated = std::mem::take(&mut record.outdated) && (record.failing || record.manner.is_timed);
        if !is_outdated || !matches!(record.phase, Phase::Idle) {
            return;
        }
        let cause = record.template_cause(now);
        if let Some(key) = self.calm(key, now) {
            self.look(&key, cause);
        }
    }

    fn after_success(&self, key: &ObjectKey) -> Option<Timestamp> {
        self.objects.get(key).filter(|raw| !raw.deleting)?;
        self.next_tick(self.records.get(key)?)
    }

    fn next_tick(&self, record: &Record) -> Option<Timestamp> {
        let interval = record.manner.interval.filter(|_| record.manner.is_timed)?;
        let store = record.manner.default_store.and_then(|place| record.stores.get(place));
        let line = store.and_then(|store| self.context.world.lock().line(store));
        Some(next_tick(self.now(), interval, phase(line.as_ref(), store, interval)))
    }

    /// `untold`: its status does not say so yet.
    fn after_failure(&self, key: &ObjectKey, error: &Error, untold: bool) -> Option<Timestamp> {
        let (raw, record) = (self.objects.get(key)?, self.records.get(key)?);
        let now = self.now();
        // A lost race, and a credential that may have been renewed meanwhile, are tried again at once, once.
        let once = matches!(error.kind(), Kind::Conflict | Kind::Unauthenticated);
        if once && record.failures == 1 && (record.refreshed.is_some() || error.kind() == Kind::Conflict) {
            return Some(now);
        }
        let (synced, failures, interval) =
            (record.refreshed.is_some(), record.failures, record.manner.interval());
        let wait = wait_after(error, History { synced, failures, interval }, jitter());
        if untold {
            let soon = limits::SYNCED_TRANSIENT.wait(failures, jitter());
            return Some(later(now, wait.min(soon.max(error.wait().unwrap_or_default()))));
        }
        // What is not built, or not allowed, is not a minute later; a change of the specification comes by itself. Who goes must get away.
        (!record.manner.hopeless || raw.deleting).then(|| later(now, wait))
    }

    fn close_unused(&self) {
        let used = self.records.values().flat_map(|record| record.identities.iter().copied()).collect();
        let (fetcher, world) = (self.context.fetcher.clone(), self.context.world.clone());
        tokio::spawn(async move {
            let used = world.lock().identities_in_use(used);
            fetcher.close_unused(&used).await;
        });
    }
}

/// The target of an object. One that is called as its object is shares the text of its key.
fn target_of(spec: &ExternalSecretSpec, key: &ObjectKey) -> ObjectKey {
    let name = spec.target_name(key.name());
    if *name == *key.name() { key.clone() } else { ObjectKey::new(key.namespace(), name) }
}

/// What an object uses as templates, in its own namespace.
fn templates_of(spec: &ExternalSecretSpec, namespace: &str) -> Vec<Resolved> {
    let scope = Scope::Namespace(namespace.into());
    render::sources_of(spec).into_iter().filter_map(|source| scope.resolve(&source).ok()).collect()
}

/// Rules that need no store; the refresh interval.
///
/// # Errors
/// What failed and why: `Unsupported` for what is not built, `Refused` for an object of another kind than Secret that is not allowed,
/// `Invalid` for a wrong interval.
fn check(spec: &ExternalSecretSpec, settings: &Settings) -> Result<SignedDuration, (Failed, Error)> {
    if let Some(error) = shape::unbuilt(spec) {
        return Err((Failed::Unsupported, error));
    }
    if !settings.generic_targets && generic::kind_of(spec).is_some() {
        let why = "generic targets are disabled. Enable with --unsafe-allow-generic-targets flag";
        return Err((Failed::Kind, Error::new(Kind::Refused, why)));
    }
    validate::interval(spec).map_err(|error| (Failed::Fetch, error))
}

/// True if nothing changed that makes a reconcile (reference 2.1): generation, labels, annotations, finalizers, deletion.
fn is_same_request(old: &RawObject, new: &RawObject) -> bool {
    old.generation == new.generation
        && old.labels == new.labels
        && old.annotations == new.annotations
        && old.finalizers == new.finalizers
        && old.deleting == new.deleting
}

#[cfg(test)]
mod tests;
