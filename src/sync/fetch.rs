//! Coalescing and batching: which reads go out, when, and who is answered.
//!
//! Pure. An object that waits is a [`Waiter`] here, not a future: its specification is parsed again when all its answers are
//! there. [`super::stores::Fetcher`] is the thin shell that opens stores, sends, and delivers.
//!
//! - A read answers every request for the same (identity, key, version, want) whose *cause* is not younger than the read's start:
//!   the tick of a periodic refresh, the event that brought an object, the annotation that forced one. No value outlives the
//!   delivery to those who waited for it.
//! - A tick's requests are gathered ([`Reads::add`]), made distinct, and started together ([`Reads::start`] with a [`Spread`]) in key
//!   order, evenly over the spread.
//! - Reads of a store that is not open wait until its one opening ends; a failed opening answers all of them.
//! - A refused *batch call* is no answer for a key: its reads go singly, and the identity reads singly for an hour.
//! - A throttled read goes back into its gate, which is closed meanwhile; after [`THROTTLED_TRIES`] tries its objects hear of it.
//! - A read that a store failed to answer is tried once more after [`BLIP`]. After [`DOWN_AFTER`] failures in a row the store is down: who
//!   waits for it hears of that once, and then waits here, silently ([`Waiter::patient`]), while one read of its quota every
//!   [`PROBE_EVERY`] finds out when it is back.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::{
    base::{
        Error, Kind, Result,
        limits::{self, BLIP, DOWN_AFTER, PROBE_EVERY},
    },
    provider::{Budget, Capabilities, Digest, Entry, Found, Query, RemoteKey},
};

use super::gate::{Gate, Lane, ReadId, Verdict, later};
use crate::cluster::ObjectKey;

/// How often a read is tried while the store throttles.
pub const THROTTLED_TRIES: u32 = 3;
/// What is true of a store, and not of one entry: all that an error says to those whose entry it is not about.
const OF_THE_STORE: &[&str] = &["host", "reason", "status"];
/// How long a gate without reads is kept. Longer than most refresh intervals, so that a pace that was cut is remembered between two ticks.
const GATE_IDLE: SignedDuration = SignedDuration::from_secs(3_600);

/// What one read asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ask {
    /// One key.
    Key(RemoteKey),
    /// One find.
    Find(Query),
}

/// What makes two reads the same read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReadKey {
    /// The identity of the store.
    pub identity: Digest,
    /// What is asked.
    pub ask: Ask,
}

/// Who waits: an object, its n-th slot, and the ticket of the attempt (an answer for an older ticket is nobody's).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waiter {
    /// The object.
    pub object: ObjectKey,
    /// Index of the entry in the object's specification.
    pub slot: usize,
    /// The attempt.
    pub ticket: u64,
    /// True for an object whose status says already that its store fails: while the store is down it waits for an answer, and does not
    /// hear the same again.
    pub patient: bool,
}

/// The store a request goes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Identity: what reaches the wire.
    pub identity: Digest,
    /// Quota: whose budget it uses.
    pub quota: Digest,
    /// The published budget.
    pub budget: Budget,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Where to.
    pub target: Target,
    /// What.
    pub ask: Ask,
    /// For whom.
    pub waiter: Waiter,
    /// The time of the event that makes it due: a read started before it does not answer it.
    pub cause: Timestamp,
    /// Which lane.
    pub lane: Lane,
}

/// The window over which the distinct reads of one tick are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// The tick.
    pub start: Timestamp,
    /// Its width.
    pub width: Duration,
}

/// What a store answered to one read.
#[derive(Debug, Clone)]
pub enum Answered {
    /// To a key.
    Entry(Arc<Entry>),
    /// To a find.
    Found(Arc<Vec<Found>>),
}

impl Answered {
    /// Bytes of plaintext.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Entry(entry) => entry.payload.size(),
            Self::Found(found) => {
                found.iter().map(|found| found.name.len() + found.entry.payload.size()).sum()
            }
        }
    }
}

/// One call to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Open the store of this identity; then [`Reads::opened`] or [`Reads::not_opened`].
    Open(Digest),
    /// Read these keys in one call; then [`Reads::done`], or [`Reads::batch_refused`].
    Get(Digest, Vec<(ReadId, RemoteKey)>),
    /// Find; then [`Reads::done`].
    Find(Digest, ReadId, Query),
}

/// What to do now.
#[derive(Debug, Default)]
pub struct Work {
    /// Calls to make.
    pub calls: Vec<Call>,
    /// When to ask again at the latest, if nothing else happens.
    pub wake: Option<Timestamp>,
}

/// An answer for one waiter. `capabilities` are those of the store that answered; `None` if it was never opened.
#[derive(Debug)]
pub struct Delivery {
    /// For whom.
    pub waiter: Waiter,
    /// The answer.
    pub answer: Result<Answered>,
    /// What the store can do.
    pub capabilities: Option<Capabilities>,
}

/// All reads, queued and under way.
#[derive(Debug, Default)]
pub struct Reads {
    gates: HashMap<Digest, Gate>,
    lines: HashMap<Digest, Line>,
    reads: HashMap<ReadId, Read>,
    queued: HashMap<Arc<ReadKey>, ReadId>,
    flying: HashMap<Arc<ReadKey>, Vec<ReadId>>,
    delayed: BTreeSet<(Timestamp, Arc<ReadKey>, ReadId)>,
    /// When the stores of a quota may be asked next while they are down.
    probes: HashMap<Digest, Timestamp>,
    came_back: bool,
    next_id: ReadId,
}

/// New reads of requests that are queued together.
#[derive(Debug, Default)]
pub struct Fresh(BTreeMap<Arc<ReadKey>, ReadId>);

#[derive(Debug)]
struct Read {
    key: Arc<ReadKey>,
    quota: Digest,
    waiters: Vec<Waiter>,
    /// One waiter of each namespace: the gate is fair between these.
    namespaces: Vec<ObjectKey>,
    lane: Lane,
    /// When it may start; `None` while its tick is gathered.
    not_before: Option<Timestamp>,
    started: Option<Timestamp>,
    throttled: u32,
    failed: bool,
    /// True while it waits for its store to come back.
    stranded: bool,
}

/// One identity.
#[derive(Debug)]
struct Line {
    quota: Digest,
    state: LineState,
    parked: Vec<(ReadId, String)>,
    batch_refused_until: Option<Timestamp>,
    failures: u32,
    last_error: Option<Error>,
    /// Reads that wait until the store is back.
    stranded: VecDeque<ReadId>,
    /// When one of them was last let through to find out.
    asked: Option<Timestamp>,
    /// When the last failure was counted.
    failed: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    Closed,
    Opening,
    Open(Capabilities),
}

impl Read {
    fn new(key: &Arc<ReadKey>, quota: Digest, lane: Lane, waiter: Waiter) -> Self {
        let (key, namespaces, waiters) = (key.clone(), vec![waiter.object.clone()], vec![waiter]);
        Self {
            key,
            quota,
            waiters,
            namespaces,
            lane,
            not_before: None,
            started: None,
            throttled: 0,
            failed: false,
            stranded: false,
        }
    }

    /// Adds a waiter; true if it is the first of its namespace.
    fn join(&mut self, waiter: Waiter) -> bool {
        let is_new = self.namespaces.iter().all(|object| object.namespace() != waiter.object.namespace());
        if is_new {
            self.namespaces.push(waiter.object.clone());
        }
        self.waiters.push(waiter);
        is_new
    }
}

impl Line {
    fn new(quota: Digest) -> Self {
        let (parked, state, stranded) = (Vec::new(), LineState::Closed, VecDeque::new());
        Self {
            quota,
            state,
            parked,
            batch_refused_until: None,
            failures: 0,
            last_error: None,
            stranded,
            asked: None,
            failed: None,
        }
    }

    fn strand(&mut self, id: ReadId, read: &mut Read) {
        if !std::mem::replace(&mut read.stranded, true) {
            self.stranded.push_back(id);
        }
    }

    /// The store is back: the reads that waited for it.
    fn come_back(&mut self) -> VecDeque<ReadId> {
        self.failures = 0;
        self.last_error = None;
        std::mem::take(&mut self.stranded)
    }

    fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER
    }

    fn capabilities(&self) -> Option<Capabilities> {
        match self.state {
            LineState::Open(capabilities) => Some(capabilities),
            LineState::Closed | LineState::Opening => None,
        }
    }

    fn batch(&self, now: Timestamp) -> usize {
        if self.batch_refused_until.is_some_and(|until| until > now) {
            return 1;
        }
        self.capabilities().map_or(1, |capabilities| capabilities.batch.max(1))
    }
}

impl Reads {
    /// Enters a request: it joins the queued or running read that answers it; else there is a new read, which waits in `fresh` until
    /// [`Reads::start`].
    pub fn add(&mut self, now: Timestamp, request: Request, fresh: &mut Fresh) {
        if let Some((key, id)) = self.join_or_add(now, request) {
            fresh.0.insert(key, id);
        }
    }

    /// Queues new reads, all before any is sent. With `spread` they start in key order, evenly over its window.
    pub fn start(&mut self, now: Timestamp, Fresh(fresh): Fresh, spread: Option<Spread>) {
        let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX).max(1);
        for (nth, id) in (0u32..).zip(fresh.into_values()) {
            let start = spread.map_or(now, |spread| later(spread.start, spread.width * nth / count));
            self.enqueue(id, start, now);
        }
    }

    fn join_or_add(&mut self, now: Timestamp, request: Request) -> Option<(Arc<ReadKey>, ReadId)> {
        let key = Arc::new(ReadKey { identity: request.target.identity, ask: request.ask });
        self.gates.entry(request.target.quota).or_insert_with(|| Gate::new(request.target.budget, now));
        self.lines.entry(key.identity).or_insert_with(|| Line::new(request.target.quota));
        if let Some(id) = self.queued.get(&key).copied() {
            self.join_queued(id, request.waiter, request.lane, now);
            return None;
        }
        if let Some(id) = self.running_since(&key, request.cause) {
            self.reads.get_mut(&id)?.waiters.push(request.waiter);
            return None;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.reads.insert(id, Read::new(&key, request.target.quota, request.lane, request.waiter));
        self.queued.insert(key.clone(), id);
        Some((key, id))
    }

    fn running_since(&self, key: &ReadKey, cause: Timestamp) -> Option<ReadId> {
        let running = self.flying.get(key)?;
        running
            .iter()
            .copied()
            .find(|id| self.reads.get(id).and_then(|read| read.started).is_some_and(|at| at >= cause))
    }

    /// Joins a queued read. A first sync pulls a periodic read forward; a second namespace takes a turn of its own for it.
    fn join_queued(&mut self, id: ReadId, waiter: Waiter, lane: Lane, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        let object = waiter.object.clone();
        let new_namespace = read.join(waiter);
        let promoted = lane < read.lane;
        read.lane = read.lane.min(lane);
        let Some(start) = read.not_before else { return };
        if promoted && start > now {
            self.delayed.remove(&(start, read.key.clone(), id));
            read.not_before = Some(now);
        }
        let is_delayed = start > now && !promoted;
        if (promoted || new_namespace) && !is_delayed {
            let (quota, lane) = (read.quota, read.lane);
            if let Some(gate) = self.gates.get_mut(&quota) {
                gate.push(lane, object.namespace(), id);
            }
        }
    }

    fn enqueue(&mut self, id: ReadId, start: Timestamp, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        let start = if read.lane == Lane::First { now } else { start.max(now) };
        read.not_before = Some(start);
        if start > now {
            self.delayed.insert((start, read.key.clone(), id));
            return;
        }
        self.push(id);
    }

    /// Puts a due read into its gate, or leaves it with the others if its store is down.
    fn push(&mut self, id: ReadId) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        match self.lines.get_mut(&read.key.identity).filter(|line| line.is_down()) {
            Some(line) => line.strand(id, read),
            None => self.push_to_gate(id),
        }
    }

    /// Once for every namespace that waits for it.
    fn push_to_gate(&mut self, id: ReadId) {
        let Some(read) = self.reads.get(&id) else { return };
        if let Some(gate) = self.gates.get_mut(&read.quota) {
            read.namespaces.iter().for_each(|object| gate.push(read.lane, object.namespace(), id));
        }
    }

    /// The calls to make now. `full` says of a namespace that the plaintext held for it is at its bound.
    pub fn work(&mut self, now: Timestamp, full: &dyn Fn(&str) -> bool) -> Work {
        self.release_due(now);
        let probe = self.release_probes(now);
        let due = self.delayed.first().map(|(at, _, _)| *at);
        let mut work = Work { wake: [due, probe].into_iter().flatten().min(), ..Work::default() };
        let quotas: Vec<Digest> =
            self.gates.iter().filter(|(_, gate)| !gate.is_empty()).map(|(id, _)| *id).collect();
        for quota in quotas {
            let wake = self.drain(quota, now, full, &mut work.calls);
            work.wake = [work.wake, wake].into_iter().flatten().min();
        }
        work
    }

    fn release_due(&mut self, now: Timestamp) {
        while self.delayed.first().is_some_and(|(at, _, _)| *at <= now) {
            let Some((_, _, id)) = self.delayed.pop_first() else { return };
            self.push(id);
        }
    }

    /// Lets one read of every quota whose time has come find out whether its store is back; when the next one may.
    fn release_probes(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut next: Option<Timestamp> = None;
        let lines = self.lines.iter().filter(|(_, line)| !line.stranded.is_empty());
        let mut stranded: Vec<(Option<Timestamp>, Digest, Digest)> =
            lines.map(|(identity, line)| (line.asked, line.quota, *identity)).collect();
        // Who has not been asked for longest goes first: one that stays down takes no turn from another that is back.
        stranded.sort_by_key(|(asked, _, _)| *asked);
        for (_, quota, identity) in stranded {
            let mut at = self.probes.get(&quota).copied().unwrap_or(now);
            if at <= now && self.release_first(identity, now) {
                at = later(now, PROBE_EVERY);
                self.probes.insert(quota, at);
            }
            next = Some(next.map_or(at, |next| next.min(at)));
        }
        next
    }

    /// False if nothing waits any more.
    fn release_first(&mut self, identity: Digest, now: Timestamp) -> bool {
        if let Some(line) = self.lines.get_mut(&identity) {
            line.asked = Some(now);
        }
        while let Some(id) = self.lines.get_mut(&identity).and_then(|line| line.stranded.pop_front()) {
            if let Some(read) = self.reads.get_mut(&id).filter(|read| read.stranded) {
                read.stranded = false;
                self.push_to_gate(id);
                return true;
            }
        }
        false
    }

    fn drain(
        &mut self,
        quota: Digest,
        now: Timestamp,
        full: &dyn Fn(&str) -> bool,
        calls: &mut Vec<Call>,
    ) -> Option<Timestamp> {
        loop {
            match self.gates.get_mut(&quota)?.next(now, full) {
                Verdict::Idle => return None,
                Verdict::At(at) => return Some(at),
                Verdict::Send(id) => calls.extend(self.dispatch(quota, id, now)),
            }
        }
    }

    /// Makes a call out of a read that the gate let through, or parks it until its store is open.
    fn dispatch(&mut self, quota: Digest, id: ReadId, now: Timestamp) -> Option<Call> {
        let read = self.reads.get(&id).filter(|read| read.started.is_none() && !read.stranded)?;
        let (key, namespace) = (read.key.clone(), read.waiters.first()?.object.namespace().to_string());
        let line = self.lines.get_mut(&key.identity)?;
        match line.state {
            LineState::Opening => {
                line.parked.push((id, namespace));
                None
            }
            LineState::Closed => {
                line.state = LineState::Opening;
                line.parked.push((id, namespace));
                Some(Call::Open(key.identity))
            }
            LineState::Open(_) => {
                let batch = line.batch(now);
                Some(self.call(quota, id, batch, now))
            }
        }
    }

    fn call(&mut self, quota: Digest, id: ReadId, batch: usize, now: Timestamp) -> Call {
        let key = self.reads[&id].key.clone();
        let ids = match &key.ask {
            Ask::Key(asked) if batch > 1 && asked.version.is_none() => self.pack(&key, id, batch),
            Ask::Key(_) | Ask::Find(_) => vec![id],
        };
        for id in &ids {
            self.mark_started(*id, now);
        }
        if let Some(gate) = self.gates.get_mut(&quota) {
            gate.sent();
        }
        match &key.ask {
            Ask::Find(query) => Call::Find(key.identity, id, query.clone()),
            Ask::Key(_) => {
                Call::Get(key.identity, ids.into_iter().filter_map(|id| self.remote_key(id)).collect())
            }
        }
    }

    fn remote_key(&self, id: ReadId) -> Option<(ReadId, RemoteKey)> {
        match &self.reads.get(&id)?.key.ask {
            Ask::Key(key) => Some((id, key.clone())),
            Ask::Find(_) => None,
        }
    }

    /// Up to `batch` queued reads of one identity, in key order from the first on: those of the tick that are not due yet come
    /// along, which is what makes a batch full.
    fn pack(&self, first: &ReadKey, id: ReadId, batch: usize) -> Vec<ReadId> {
        let fits = |key: &ReadKey| match (&key.ask, &first.ask) {
            (Ask::Key(key), Ask::Key(first)) => {
                key.version.is_none() && key.want == first.want && key.property.is_none()
            }
            (Ask::Key(_) | Ask::Find(_), Ask::Key(_) | Ask::Find(_)) => false,
        };
        let mut others: Vec<(&Arc<ReadKey>, ReadId)> = self
            .queued
            .iter()
            .filter(|(key, other)| key.identity == first.identity && **other != id && fits(key))
            .map(|(key, other)| (key, *other))
            .collect();
        others.sort();
        std::iter::once(id).chain(others.into_iter().map(|(_, other)| other)).take(batch).collect()
    }

    fn mark_started(&mut self, id: ReadId, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        if let Some(start) = read.not_before {
            self.delayed.remove(&(start, read.key.clone(), id));
        }
        read.started = Some(now);
        self.queued.remove(&read.key);
        self.flying.entry(read.key.clone()).or_default().push(id);
    }

    /// The store of an identity is open.
    pub fn opened(&mut self, identity: Digest, capabilities: Capabilities) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        line.state = LineState::Open(capabilities);
        for (id, namespace) in std::mem::take(&mut line.parked) {
            let Some(read) = self.reads.get(&id) else { continue };
            if let Some(gate) = self.gates.get_mut(&read.quota) {
                gate.push(read.lane, &namespace, id);
            }
        }
    }

    /// The store of an identity could not be opened: everything that waits for it hears why.
    pub fn not_opened(&mut self, identity: Digest, error: &Error, now: Timestamp) -> Vec<Delivery> {
        if let Some(line) = self.lines.get_mut(&identity) {
            line.state = LineState::Closed;
            line.parked.clear();
        }
        if error.kind() == Kind::Unavailable {
            self.note_silence(identity, error, now, now);
        }
        self.fail_queued(identity, error)
    }

    /// Answers what is queued for a store with its error. The patient stay, if the store is down.
    fn fail_queued(&mut self, identity: Digest, error: &Error) -> Vec<Delivery> {
        let ids: Vec<ReadId> =
            self.queued.iter().filter(|(key, _)| key.identity == identity).map(|(_, id)| *id).collect();
        ids.into_iter().flat_map(|id| self.fail(id, error)).collect()
    }

    fn fail(&mut self, id: ReadId, error: &Error) -> Vec<Delivery> {
        let Some(read) = self.reads.get_mut(&id) else { return Vec::new() };
        let line = self.lines.get_mut(&read.key.identity).filter(|line| line.is_down());
        let (Some(line), true) = (line, read.waiters.iter().any(|waiter| waiter.patient)) else {
            return self.deliver(id, Err(error.clone()));
        };
        let capabilities = line.capabilities();
        let told = read.waiters.extract_if(.., |waiter| !waiter.patient);
        let told = told.map(|waiter| Delivery { waiter, answer: Err(error.clone()), capabilities }).collect();
        if let Some(start) = read.not_before {
            self.delayed.remove(&(start, read.key.clone(), id));
        }
        line.strand(id, read);
        told
    }

    /// The batch call was refused: its reads go singly, and so does this identity for an hour.
    pub fn batch_refused(&mut self, quota: Digest, identity: Digest, ids: &[ReadId], now: Timestamp) {
        if let Some(line) = self.lines.get_mut(&identity) {
            line.batch_refused_until = Some(later(now, limits::BATCH_REFUSED));
        }
        if let Some(gate) = self.gates.get_mut(&quota) {
            gate.answered(now);
        }
        ids.iter().for_each(|id| self.requeue(*id, now));
    }

    fn requeue(&mut self, id: ReadId, now: Timestamp) {
        self.requeue_at(id, now, now);
    }

    fn requeue_at(&mut self, id: ReadId, start: Timestamp, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        read.started = None;
        read.not_before = Some(start);
        let key = read.key.clone();
        if let Some(running) = self.flying.get_mut(&key) {
            running.retain(|other| *other != id);
        }
        match self.queued.get(&key).copied() {
            Some(other) => self.merge(id, other, now),
            None => {
                self.queued.insert(key.clone(), id);
                match start > now {
                    true => drop(self.delayed.insert((start, key, id))),
                    false => self.push(id),
                }
            }
        }
    }

    /// A read that goes back into the queue meets one of the same key that was queued meanwhile.
    fn merge(&mut self, from: ReadId, into: ReadId, now: Timestamp) {
        let Some(read) = self.reads.remove(&from) else { return };
        for waiter in read.waiters {
            self.join_queued(into, waiter, read.lane, now);
        }
    }

    /// A call came back: one result a read, in the order they were asked. Who waited is answered; throttled reads go back
    /// into the gate.
    pub fn done(
        &mut self,
        quota: Digest,
        results: Vec<(ReadId, Result<Answered>)>,
        now: Timestamp,
    ) -> Vec<Delivery> {
        self.pace(quota, &results, now);
        let mut deliveries = Vec::with_capacity(results.len());
        for (id, result) in results {
            deliveries.extend(self.settle(id, result, now));
        }
        deliveries
    }

    fn pace(&mut self, quota: Digest, results: &[(ReadId, Result<Answered>)], now: Timestamp) {
        let Some(gate) = self.gates.get_mut(&quota) else { return };
        let errors = || results.iter().filter_map(|(_, result)| result.as_ref().err());
        let throttled = errors().find(|error| error.kind() == Kind::Throttled);
        match throttled {
            Some(error) => gate.throttled(now, error.wait()),
            None => gate.answered(now),
        }
    }

    fn settle(&mut self, id: ReadId, result: Result<Answered>, now: Timestamp) -> Vec<Delivery> {
        let Some(identity) = self.reads.get(&id).map(|read| read.key.identity) else { return Vec::new() };
        let was_down = self.lines.get(&identity).is_some_and(Line::is_down);
        match result {
            Err(error) if error.kind() == Kind::Unavailable => self.unanswered(id, identity, &error, now),
            // A store that is coming back is not back while it wants to be left alone.
            Err(error) if error.kind() == Kind::Throttled && was_down => {
                self.requeue(id, now);
                Vec::new()
            }
            Err(error) if error.kind() == Kind::Throttled && self.may_try_again(id) => {
                self.requeue(id, now);
                drop(error);
                Vec::new()
            }
            result => {
                self.note_answer(identity);
                self.deliver(id, result)
            }
        }
    }

    /// A read that the store failed to answer: a first failure is tried again, unless the store is down.
    fn unanswered(&mut self, id: ReadId, identity: Digest, error: &Error, now: Timestamp) -> Vec<Delivery> {
        let began = self.reads.get(&id).and_then(|read| read.started).unwrap_or(now);
        self.note_silence(identity, error, began, now);
        match self.down_error(identity) {
            None if self.may_blip(id) => {
                self.requeue_at(id, later(now, BLIP), now);
                Vec::new()
            }
            None => self.deliver(id, Err(error.clone())),
            Some(down) => {
                self.requeue(id, now);
                self.fail_queued(identity, &down)
            }
        }
    }

    fn may_blip(&mut self, id: ReadId) -> bool {
        self.reads.get_mut(&id).is_some_and(|read| !std::mem::replace(&mut read.failed, true))
    }

    fn may_try_again(&mut self, id: ReadId) -> bool {
        let Some(read) = self.reads.get_mut(&id) else { return false };
        read.throttled += 1;
        read.throttled < THROTTLED_TRIES
    }

    /// A store gave no answer to a read or a probe that began at `began`. What was under way together fails together and counts once: one
    /// cut connection, or one login that all share, does not make a store count as down.
    pub fn note_silence(&mut self, identity: Digest, error: &Error, began: Timestamp, now: Timestamp) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        if line.failed.is_none_or(|failed| began >= failed) {
            line.failures = line.failures.saturating_add(1);
            line.failed = Some(now);
        }
        line.last_error = Some(error.clone().only(OF_THE_STORE));
        self.probes.insert(line.quota, later(now, PROBE_EVERY));
    }

    /// A store answered a read or a probe. If it was down it is back, and so may be all others of its quota: what waits for them is sent.
    pub fn note_answer(&mut self, identity: Digest) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        if !line.is_down() {
            line.failures = 0;
            return;
        }
        let quota = line.quota;
        self.probes.remove(&quota);
        let back = self.lines.values_mut().filter(|line| line.quota == quota && line.is_down());
        let stranded: Vec<ReadId> = back.flat_map(Line::come_back).collect();
        for id in stranded {
            if let Some(read) = self.reads.get_mut(&id).filter(|read| read.stranded) {
                read.stranded = false;
                self.push_to_gate(id);
            }
        }
        self.came_back = true;
    }

    /// True once after a store came back.
    pub fn take_came_back(&mut self) -> bool {
        std::mem::take(&mut self.came_back)
    }

    fn down_error(&self, identity: Digest) -> Option<Error> {
        self.lines.get(&identity).filter(|line| line.is_down())?.last_error.clone()
    }

    /// If the store of this identity is down, and it is not time to ask it again: the error to answer with at once.
    #[must_use]
    pub fn refusal(&self, identity: Digest, now: Timestamp) -> Option<Error> {
        let line = self.lines.get(&identity).filter(|line| line.is_down())?;
        let early = self.probes.get(&line.quota).is_some_and(|at| *at > now);
        line.last_error.clone().filter(|_| early)
    }

    fn deliver(&mut self, id: ReadId, result: Result<Answered>) -> Vec<Delivery> {
        let Some(read) = self.reads.remove(&id) else { return Vec::new() };
        if let Some(start) = read.not_before {
            self.delayed.remove(&(start, read.key.clone(), id));
        }
        if self.queued.get(&read.key) == Some(&id) {
            self.queued.remove(&read.key);
        }
        if let Some(running) = self.flying.get_mut(&read.key) {
            running.retain(|other| *other != id);
            if running.is_empty() {
                self.flying.remove(&read.key);
            }
        }
        let capabilities = self.lines.get(&read.key.identity).and_then(Line::capabilities);
        let deliver = |waiter| Delivery { waiter, answer: result.clone(), capabilities };
        read.waiters.into_iter().map(deliver).collect()
    }

    /// The namespace to which the plaintext of a running read is charged.
    #[must_use]
    pub fn namespace_of(&self, id: ReadId) -> Option<&str> {
        Some(self.reads.get(&id)?.waiters.first()?.object.namespace())
    }

    /// The quota of a running read.
    #[must_use]
    pub fn quota_of(&self, id: ReadId) -> Option<Digest> {
        Some(self.reads.get(&id)?.quota)
    }

    /// Forgets an identity whose store was closed; false if reads still use it.
    pub fn forget(&mut self, identity: Digest) -> bool {
        if self.reads.values().any(|read| read.key.identity == identity) {
            return false;
        }
        self.lines.remove(&identity);
        true
    }

    /// Removes the gates that no read needs and that paced nothing for [`GATE_IDLE`]: a quota whose stores are gone must not be kept
    /// for ever. A gate that comes again starts at its quota.
    pub fn sweep_gates(&mut self, now: Timestamp) {
        let needed: HashSet<Digest> = self.reads.values().map(|read| read.quota).collect();
        self.gates.retain(|quota, gate| needed.contains(quota) || !gate.is_idle_since(now, GATE_IDLE));
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
