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
//! - Reads of a store that is not open wait until its one opening ends; one that is refused answers all of them.
//! - A refused *batch call* is no answer for a key: its reads go singly, and the identity reads singly for an hour.
//! - A throttled read goes back into its gate, which is closed meanwhile; after [`THROTTLED_TRIES`] tries its objects hear of it, and at
//!   once if the gate stays closed for longer than [`limits::GATE_WAITED`].
//! - A read, or an opening, that a store failed to answer is tried once more after [`BLIP`]. While a store is down
//!   (`outage.rs`) its reads wait, and take turns in finding out whether it is back. When one that has not failed before fails, all
//!   who waited are told ([`Delivery::is_down`]); their reads stay in line without them, and [`Reads::take_back`] says when the store is
//!   back.

mod down;
mod outage;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::{
    base::{
        Error, Kind, Result,
        limits::{self, BLIP},
    },
    provider::{Budget, Capabilities, Digest, Entry, Found, Query, RemoteKey},
};

use self::outage::{Outage, Round, Turn};
use super::gate::{Choice, Gate, Lane, ReadId, Verdict, later};
use crate::cluster::ObjectKey;

/// How often a read is tried while the store throttles.
pub const THROTTLED_TRIES: u32 = 3;
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
    /// Who is told that the store wants to be left alone for longer than anybody should wait with other answers in hand.
    pub told: Vec<Delivery>,
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
    /// True for an error of a store that is down: that it is back will be told.
    pub is_down: bool,
}

/// All reads, queued and under way.
#[derive(Debug, Default)]
pub struct Reads {
    gates: HashMap<Digest, Gate>,
    lines: HashMap<Digest, Line>,
    reads: HashMap<ReadId, Read>,
    queued: BTreeMap<Arc<ReadKey>, ReadId>,
    flying: HashMap<Arc<ReadKey>, Vec<ReadId>>,
    delayed: BTreeSet<(Timestamp, Arc<ReadKey>, ReadId)>,
    /// The quotas of which some store is down, or which ask to be left alone.
    turns: HashMap<Digest, Turn>,
    /// Stores that were found still down, until those who wait for them are told.
    found_down: BTreeMap<Digest, Round>,
    back: Vec<Digest>,
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
    /// When the most hurried of its waiters wants it to start at the latest.
    latest: Timestamp,
    started: Option<Timestamp>,
    throttled: u32,
    failed: bool,
    /// Since when it waits for its store to come back.
    stranded: Option<Timestamp>,
}

/// One identity.
#[derive(Debug)]
struct Line {
    quota: Digest,
    state: LineState,
    parked: Vec<(ReadId, String)>,
    batch_refused_until: Option<Timestamp>,
    outage: Outage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineState {
    Closed,
    /// Since when.
    Opening(Timestamp),
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
            latest: Timestamp::MAX,
            started: None,
            throttled: 0,
            failed: false,
            stranded: None,
        }
    }

    /// False while it is under way, while it waits for its store or for its next try.
    fn may_go(&self, now: Timestamp) -> bool {
        let is_due = self.not_before.is_some_and(|at| at <= now);
        self.started.is_none() && self.stranded.is_none() && is_due
    }

    /// The namespace that pays for it.
    fn namespace(&self) -> &str {
        self.namespaces.first().map_or("", |object| object.namespace())
    }

    /// Adds a waiter; true if it is the first of its namespace.
    fn join(&mut self, waiter: Waiter) -> bool {
        if self.waiters.is_empty() {
            self.namespaces.clear();
        }
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
        let (parked, state, outage) = (Vec::new(), LineState::Closed, Outage::default());
        Self { quota, state, parked, batch_refused_until: None, outage }
    }

    fn capabilities(&self) -> Option<Capabilities> {
        match self.state {
            LineState::Open(capabilities) => Some(capabilities),
            LineState::Closed | LineState::Opening(_) => None,
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
    /// [`Reads::start`]. With `spread` it may wait for as long as that is wide, without not at all: a read that it joins and that is delayed
    /// for longer waits in `fresh` too.
    pub fn add(&mut self, now: Timestamp, request: Request, spread: Option<Spread>, fresh: &mut Fresh) {
        let latest = spread.map_or(now, |spread| later(spread.start, spread.width));
        if let Some((key, id)) = self.join_or_add(now, request, latest) {
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

    fn join_or_add(
        &mut self,
        now: Timestamp,
        request: Request,
        latest: Timestamp,
    ) -> Option<(Arc<ReadKey>, ReadId)> {
        let key = Arc::new(ReadKey { identity: request.target.identity, ask: request.ask });
        self.gates.entry(request.target.quota).or_insert_with(|| Gate::new(request.target.budget, now));
        self.enter_line(key.identity, request.target.quota);
        if let Some(id) = self.queued.get(&key).copied() {
            let must_hurry = self.join_queued(id, request.waiter, (request.lane, latest), now);
            return must_hurry.then_some((key, id));
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

    /// Joins a queued read. A first sync pulls a periodic read forward; a second namespace takes a turn of its own for it. True if the read
    /// is delayed for longer than this waiter may wait: it is to be started like a new one.
    fn join_queued(
        &mut self,
        id: ReadId,
        waiter: Waiter,
        (lane, latest): (Lane, Timestamp),
        now: Timestamp,
    ) -> bool {
        let Some(read) = self.reads.get_mut(&id) else { return false };
        let new_namespace = read.join(waiter);
        let promoted = lane < read.lane;
        read.lane = read.lane.min(lane);
        read.latest = read.latest.min(latest);
        let Some(start) = read.not_before else { return false };
        match start > now {
            true if promoted => self.advance(id, now, now),
            true => return latest < start,
            false if promoted || new_namespace => self.push_last(id, now),
            false => (),
        }
        false
    }

    fn enqueue(&mut self, id: ReadId, start: Timestamp, now: Timestamp) {
        let Some(read) = self.reads.get(&id).filter(|read| read.started.is_none()) else { return };
        let start = if read.lane == Lane::First { now } else { start.min(read.latest).max(now) };
        match read.not_before {
            None => self.start_at(id, start, now),
            // It was delayed before, or another has taken it along meanwhile.
            Some(_) => self.advance(id, start, now),
        }
    }

    /// Lets a delayed read start earlier, unless it is delayed to be tried again.
    fn advance(&mut self, id: ReadId, start: Timestamp, now: Timestamp) {
        let Some(read) = self.reads.get(&id) else { return };
        let Some(before) = read.not_before.filter(|before| start < *before) else { return };
        if read.failed && before <= later(now, limits::RETRY_AFTER_WAITED) {
            return;
        }
        self.delayed.remove(&(before, read.key.clone(), id));
        self.start_at(id, start, now);
    }

    /// Lets a queued read start now, or later.
    fn start_at(&mut self, id: ReadId, start: Timestamp, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        read.not_before = Some(start);
        match start > now {
            true => drop(self.delayed.insert((start, read.key.clone(), id))),
            false => self.push(id, now),
        }
    }

    /// Puts a due read into its gate, or in line if its store is down.
    fn push(&mut self, id: ReadId, now: Timestamp) {
        if !self.strand(id, now) {
            self.push_to_gate(id);
        }
    }

    /// Once for every namespace that waits for it.
    fn push_to_gate(&mut self, id: ReadId) {
        let Some(read) = self.reads.get(&id) else { return };
        if let Some(gate) = self.gates.get_mut(&read.quota) {
            read.namespaces.iter().for_each(|object| gate.push(read.lane, object.namespace(), id));
        }
    }

    /// Puts a due read into its gate for the namespace that joined last, or in line if its store is down.
    fn push_last(&mut self, id: ReadId, now: Timestamp) {
        if self.strand(id, now) {
            return;
        }
        let Some(read) = self.reads.get(&id) else { return };
        if let (Some(gate), Some(object)) = (self.gates.get_mut(&read.quota), read.namespaces.last()) {
            gate.push(read.lane, object.namespace(), id);
        }
    }

    /// The calls to make now. `full` says of a namespace that the plaintext held for it is at its bound.
    pub fn work(&mut self, now: Timestamp, full: &dyn Fn(&str) -> bool) -> Work {
        self.release_due(now);
        let probe = self.take_turns(now);
        let due = self.delayed.first().map(|(at, _, _)| *at);
        let wake = [due, probe].into_iter().flatten().min();
        let mut work = Work { wake, told: self.tell_late(now), ..Work::default() };
        let quotas: Vec<Digest> =
            self.gates.iter().filter(|(_, gate)| !gate.is_empty()).map(|(id, _)| *id).collect();
        for quota in quotas {
            let wake = self.drain(quota, now, full, &mut work.calls);
            work.wake = [work.wake, wake].into_iter().flatten().min();
            work.told.extend(self.turn_away(quota, now));
        }
        work
    }

    /// Who waits before a gate that stays closed for long is told so.
    fn turn_away(&mut self, quota: Digest, now: Timestamp) -> Vec<Delivery> {
        let Some(gate) = self.gates.get_mut(&quota) else { return Vec::new() };
        let Some(wait) = gate.closed_for(now).filter(|wait| *wait > limits::GATE_WAITED) else {
            return Vec::new();
        };
        let error = Error::new(Kind::Throttled, "the store asks to be left alone").after(Some(wait));
        let mut waiting = gate.take_all();
        waiting.retain(|id| self.reads.get(id).is_some_and(|read| read.may_go(now)));
        waiting.into_iter().flat_map(|id| self.deliver(id, Err(error.clone()))).collect()
    }

    fn release_due(&mut self, now: Timestamp) {
        while self.delayed.first().is_some_and(|(at, _, _)| *at <= now) {
            let Some((_, _, id)) = self.delayed.pop_first() else { return };
            self.push(id, now);
        }
    }

    fn drain(
        &mut self,
        quota: Digest,
        now: Timestamp,
        full: &dyn Fn(&str) -> bool,
        calls: &mut Vec<Call>,
    ) -> Option<Timestamp> {
        loop {
            let reads = &self.reads;
            let may_go = |id: &ReadId| reads.get(id).is_some_and(|read| read.may_go(now));
            let choose = |namespace: &str, id: &ReadId| match may_go(id) {
                false => Choice::Drop,
                true if full(namespace) => Choice::Skip,
                true => Choice::Take,
            };
            match self.gates.get_mut(&quota)?.next(now, &choose) {
                Verdict::Idle => return None,
                Verdict::At(at) => return Some(at),
                Verdict::Send(id) => calls.extend(self.dispatch(quota, id, now)),
            }
        }
    }

    /// Makes a call out of a read that the gate let through, or parks it until its store is open.
    fn dispatch(&mut self, quota: Digest, id: ReadId, now: Timestamp) -> Option<Call> {
        let read = self.reads.get(&id).filter(|read| read.may_go(now))?;
        let (key, namespace) = (read.key.clone(), read.namespace().to_string());
        let line = self.lines.get_mut(&key.identity)?;
        match line.state {
            LineState::Opening(_) => {
                line.parked.push((id, namespace));
                None
            }
            LineState::Closed => {
                line.state = LineState::Opening(now);
                line.parked.push((id, namespace));
                self.gates.get_mut(&line.quota).into_iter().for_each(Gate::opening);
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

    /// Up to `batch` queued reads of one identity, in key order from the first on and then from the least: those of the tick that are not
    /// due yet come along, which is what makes a batch full.
    fn pack(&self, first: &ReadKey, id: ReadId, batch: usize) -> Vec<ReadId> {
        let fits = |key: &ReadKey| match (&key.ask, &first.ask) {
            (Ask::Key(key), Ask::Key(first)) => {
                key.version.is_none() && key.want == first.want && key.property.is_none()
            }
            (Ask::Key(_) | Ask::Find(_), Ask::Key(_) | Ask::Find(_)) => false,
        };
        let of_it = |key: &ReadKey| key.identity == first.identity;
        let behind = self.queued.range(first.clone()..).take_while(|(key, _)| of_it(key));
        let before = self.queued.range(..first.clone()).rev().take_while(|(key, _)| of_it(key));
        let others = behind.chain(before).filter(|(key, other)| **other != id && fits(key));
        std::iter::once(id).chain(others.map(|(_, other)| *other)).take(batch).collect()
    }

    fn mark_started(&mut self, id: ReadId, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        if let Some(start) = read.not_before {
            self.delayed.remove(&(start, read.key.clone(), id));
        }
        read.started = Some(now);
        if read.stranded.take().is_some()
            && let Some(line) = self.lines.get_mut(&read.key.identity)
        {
            line.outage.retain(|other| other != id);
        }
        self.queued.remove(&read.key);
        self.flying.entry(read.key.clone()).or_default().push(id);
    }

    /// The store of an identity is open.
    pub fn opened(&mut self, identity: Digest, capabilities: Capabilities) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        line.state = LineState::Open(capabilities);
        self.gates.get_mut(&line.quota).into_iter().for_each(Gate::opened);
        for (id, namespace) in std::mem::take(&mut line.parked) {
            let Some(read) = self.reads.get(&id) else { continue };
            if let Some(gate) = self.gates.get_mut(&read.quota) {
                gate.push(read.lane, &namespace, id);
            }
        }
    }

    /// The store of an identity could not be opened. If it gave no answer, that is what happened to the reads for which it was opened; else
    /// everything that waits for it hears why.
    pub fn not_opened(&mut self, identity: Digest, error: &Error, now: Timestamp) -> Vec<Delivery> {
        let Some(line) = self.lines.get_mut(&identity) else { return Vec::new() };
        let began = if let LineState::Opening(began) = line.state { began } else { now };
        let parked: BTreeSet<ReadId> =
            std::mem::take(&mut line.parked).into_iter().map(|(id, _)| id).collect();
        line.state = LineState::Closed;
        self.gates.get_mut(&line.quota).into_iter().for_each(Gate::opened);
        match error.kind() {
            Kind::Throttled => self.note_throttled(identity, error.wait(), now),
            Kind::Unavailable => (),
            Kind::NotFound
            | Kind::Unauthenticated
            | Kind::Forbidden
            | Kind::Conflict
            | Kind::Invalid
            | Kind::Unsupported
            | Kind::Refused
            | Kind::Malformed
            | Kind::Bug => {
                if is_answer(error) {
                    self.note_answer(identity, began);
                }
                return self.fail_queued(identity, error);
            }
        }
        let failed = |id| self.settle(id, Err(error.clone()), began, now);
        let told: Vec<Delivery> = parked.into_iter().flat_map(failed).collect();
        told.into_iter().chain(self.tell_found_down()).collect()
    }

    /// Answers what is queued for a store with its error.
    fn fail_queued(&mut self, identity: Digest, error: &Error) -> Vec<Delivery> {
        let ids: Vec<ReadId> =
            self.queued.iter().filter(|(key, _)| key.identity == identity).map(|(_, id)| *id).collect();
        ids.into_iter().flat_map(|id| self.deliver(id, Err(error.clone()))).collect()
    }

    /// The batch call was refused: its reads go singly, and so does this identity for an hour.
    pub fn batch_refused(&mut self, quota: Digest, identity: Digest, ids: &[ReadId], now: Timestamp) {
        if let Some(line) = self.lines.get_mut(&identity) {
            line.batch_refused_until = Some(later(now, limits::BATCH_REFUSED));
        }
        if let Some(gate) = self.gates.get_mut(&quota) {
            gate.answered(now);
        }
        let began = ids.first().and_then(|id| self.reads.get(id)).and_then(|read| read.started);
        self.note_answer(identity, began.unwrap_or(now));
        ids.iter().for_each(|id| self.requeue(*id, now));
    }

    fn requeue(&mut self, id: ReadId, now: Timestamp) {
        self.requeue_at(id, now, now);
    }

    fn requeue_at(&mut self, id: ReadId, start: Timestamp, now: Timestamp) {
        let Some(read) = self.reads.get_mut(&id) else { return };
        read.started = None;
        let key = read.key.clone();
        if let Some(running) = self.flying.get_mut(&key) {
            running.retain(|other| *other != id);
        }
        match self.queued.get(&key).copied() {
            Some(other) if other != id => self.merge(id, other, start, now),
            _ => {
                self.queued.insert(key, id);
                self.start_at(id, start, now);
            }
        }
    }

    /// A read that goes back into the queue, to start at `start`, meets one of the same key that was queued meanwhile.
    fn merge(&mut self, from: ReadId, into: ReadId, start: Timestamp, now: Timestamp) {
        let Some(read) = self.reads.remove(&from) else { return };
        for waiter in read.waiters {
            if self.join_queued(into, waiter, (read.lane, start), now) {
                self.advance(into, start.max(now), now);
            }
        }
        if let Some(into) = self.reads.get_mut(&into) {
            into.failed |= read.failed;
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
            let began = self.reads.get(&id).and_then(|read| read.started).unwrap_or(now);
            deliveries.extend(self.settle(id, result, began, now));
        }
        deliveries.extend(self.tell_found_down());
        deliveries
    }

    fn pace(&mut self, quota: Digest, results: &[(ReadId, Result<Answered>)], now: Timestamp) {
        let errors = || results.iter().filter_map(|(_, result)| result.as_ref().err());
        let throttled = errors().find(|error| error.kind() == Kind::Throttled);
        match (throttled, self.gates.get_mut(&quota)) {
            (Some(error), Some(gate)) => {
                gate.throttled(now, error.wait());
                self.leave_alone(quota, error.wait(), now);
            }
            (None, Some(gate)) => gate.answered(now),
            (_, None) => (),
        }
    }

    /// What became of a read that went out, or wanted to, at `began`.
    fn settle(
        &mut self,
        id: ReadId,
        result: Result<Answered>,
        began: Timestamp,
        now: Timestamp,
    ) -> Vec<Delivery> {
        let Some(identity) = self.reads.get(&id).map(|read| read.key.identity) else { return Vec::new() };
        match result {
            Err(error) if error.kind() == Kind::Unavailable => {
                self.note_silence(identity, &error, began, now);
                self.unanswered(id, &error, began, now)
            }
            // A store that is coming back is not back while it wants to be left alone.
            // Nor does a fault of ours prove anything.
            Err(error) if matches!(error.kind(), Kind::Throttled | Kind::Bug) && self.is_down(identity) => {
                self.still_down(id, &error, began, now)
            }
            Err(error) if error.kind() == Kind::Throttled && self.may_try_again(id) => {
                self.requeue(id, now);
                Vec::new()
            }
            result => {
                if result.as_ref().err().is_none_or(is_answer) {
                    self.note_answer(identity, began);
                }
                self.deliver(id, result)
            }
        }
    }

    /// A read that the store failed to answer: a first failure is tried again, unless the store is down.
    fn unanswered(&mut self, id: ReadId, error: &Error, began: Timestamp, now: Timestamp) -> Vec<Delivery> {
        let Some(identity) = self.reads.get(&id).map(|read| read.key.identity) else { return Vec::new() };
        if self.is_down(identity) {
            return self.still_down(id, error, began, now);
        }
        let wait = error.wait().unwrap_or_default().max(BLIP);
        if self.fails_again(id) || wait > limits::RETRY_AFTER_WAITED {
            return self.deliver(id, Err(error.clone()));
        }
        self.requeue_at(id, later(now, wait), now);
        Vec::new()
    }

    /// Notes that a read failed; whether it had before.
    fn fails_again(&mut self, id: ReadId) -> bool {
        self.reads.get_mut(&id).is_some_and(|read| std::mem::replace(&mut read.failed, true))
    }

    fn may_try_again(&mut self, id: ReadId) -> bool {
        let Some(read) = self.reads.get_mut(&id) else { return false };
        read.throttled += 1;
        read.throttled < THROTTLED_TRIES
    }

    fn deliver(&mut self, id: ReadId, result: Result<Answered>) -> Vec<Delivery> {
        let Some(read) = self.drop_read(id) else { return Vec::new() };
        let capabilities = self.lines.get(&read.key.identity).and_then(Line::capabilities);
        let deliver = |waiter| Delivery { waiter, answer: result.clone(), capabilities, is_down: false };
        read.waiters.into_iter().map(deliver).collect()
    }

    fn drop_read(&mut self, id: ReadId) -> Option<Read> {
        let read = self.reads.remove(&id)?;
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
        Some(read)
    }

    /// The namespace to which the plaintext of a running read is charged.
    #[must_use]
    pub fn namespace_of(&self, id: ReadId) -> Option<&str> {
        Some(self.reads.get(&id)?.namespace())
    }

    /// The quota of a running read.
    #[must_use]
    pub fn quota_of(&self, id: ReadId) -> Option<Digest> {
        Some(self.reads.get(&id)?.quota)
    }

    /// Forgets an identity whose store was closed; false if it is being opened or reads still use it.
    pub fn forget(&mut self, identity: Digest) -> bool {
        let of_it = |read: &Read| read.key.identity == identity;
        let is_wanted = |read: &Read| !read.waiters.is_empty() || read.started.is_some();
        let is_opening =
            self.lines.get(&identity).is_some_and(|line| matches!(line.state, LineState::Opening(_)));
        if is_opening || self.reads.values().any(|read| of_it(read) && is_wanted(read)) {
            return false;
        }
        let unwanted: Vec<ReadId> =
            self.reads.iter().filter(|(_, read)| of_it(read)).map(|(id, _)| *id).collect();
        unwanted.into_iter().for_each(|id| drop(self.drop_read(id)));
        self.lines.remove(&identity);
        true
    }

    /// Removes the gates that no read needs and that paced nothing for [`GATE_IDLE`]: a quota whose stores are gone must not be kept
    /// for ever. A gate that comes again starts at its quota.
    pub fn sweep_gates(&mut self, now: Timestamp) {
        let needed: HashSet<Digest> = self.reads.values().map(|read| read.quota).collect();
        self.gates.retain(|quota, gate| {
            needed.contains(quota) || gate.is_busy() || !gate.is_idle_since(now, GATE_IDLE)
        });
        let down = self.quotas_down();
        self.turns.retain(|quota, turn| {
            down.contains(quota) || turn.throttled.is_some() && later(turn.next, limits::GATE_WAITED) > now
        });
    }
}

/// True for an error that only a store which answers can cause.
pub(super) fn is_answer(error: &Error) -> bool {
    !error.kind().is_silence() && error.kind() != Kind::Bug
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
