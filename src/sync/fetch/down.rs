//! Reads of stores that are down: who waits, who asks, who is told.

use std::{collections::HashSet, time::Duration};

use jiff::Timestamp;
use keyferry_stores::{
    base::{
        Error, Kind,
        limits::{GATE_WAITED, PROBE_EVERY},
    },
    provider::Digest,
};

use super::{
    Delivery, Gate, Line, Read, ReadId, Reads, Target,
    outage::{Round, Turn},
};
use crate::sync::gate::later;

/// Reads that are kept to ask with while their store is down, though nobody waits for their answer any more.
pub(super) const ASKING: usize = 16;
/// Stores of a quota that were found down, one after the other and none of them answered, after which all are said to be.
const QUOTA_DOWN_AFTER: usize = 3;

impl Reads {
    /// Puts a read in line with those that wait for their store, if that is down.
    pub(super) fn strand(&mut self, id: ReadId, now: Timestamp) -> bool {
        let Some(read) = self.reads.get_mut(&id) else { return false };
        let line = self.lines.get_mut(&read.key.identity);
        let Some(line) = line.filter(|line| line.outage.is_down()) else { return false };
        if read.stranded.is_some() {
            return true;
        }
        read.stranded = Some(now);
        line.outage.wait(id, read.failed);
        true
    }

    /// The quotas of which some store is down.
    pub(super) fn quotas_down(&self) -> HashSet<Digest> {
        let down = self.lines.values().filter(|line| line.outage.is_down());
        down.map(|line| line.quota).collect()
    }

    pub(super) fn is_down(&self, identity: Digest) -> bool {
        self.lines.get(&identity).is_some_and(|line| line.outage.is_down())
    }

    /// Lets one read of every quota whose time has come find out whether its store is back; when the next one may.
    pub(super) fn take_turns(&mut self, now: Timestamp) -> Option<Timestamp> {
        let quotas: Vec<Digest> = self.turns.keys().copied().collect();
        quotas.into_iter().filter_map(|quota| self.take_turn_of(quota, now)).min()
    }

    fn take_turn_of(&mut self, quota: Digest, now: Timestamp) -> Option<Timestamp> {
        let asking = self.turns.get(&quota)?.asking;
        let asking = asking.and_then(|id| self.reads.get(&id)).filter(|read| read.stranded.is_none());
        let Some(identity) = self.next_to_ask(quota, now) else { return self.left_alone_until(quota, now) };
        // An entry that takes its time to fail keeps nobody of a store of which nothing is known from asking, nor, once it has failed before,
        // anybody who has not.
        let is_presumed = self.lines.get(&identity).is_some_and(|line| line.outage.is_presumed());
        let keeps = |asking: &Read| {
            let is_passed = is_presumed && asking.key.identity != identity;
            !is_passed && (!asking.failed || self.has_failed(identity))
        };
        if asking.is_some_and(keeps) {
            return None;
        }
        if let Err(until) = self.turns.get_mut(&quota)?.take_for_read(now) {
            return Some(until);
        }
        let asking = self.release(identity, now);
        let turn = self.turns.get_mut(&quota)?;
        turn.asking = asking;
        Some(turn.next)
    }

    /// The stores of a quota that are down and for which reads wait.
    fn waited_for(&self, quota: Digest) -> impl Iterator<Item = (&Digest, &Line)> {
        let down = self.lines.iter().filter(move |(_, line)| line.quota == quota && line.outage.is_down());
        down.filter(|(_, line)| !line.outage.waiting().is_empty())
    }

    /// The store of a quota that is down and whose turn it is: first one of which nothing is known, then one with a read that has not failed
    /// yet, then who was not asked for longest; none that wants to be left alone.
    fn next_to_ask(&self, quota: Digest, now: Timestamp) -> Option<Digest> {
        let open = self.waited_for(quota).filter(|(_, line)| line.outage.left_alone(now).is_none());
        let rank = |(identity, line): &(&Digest, &Line)| {
            (!line.outage.is_presumed(), self.has_failed(**identity), line.outage.asked())
        };
        open.min_by_key(rank).map(|(identity, _)| *identity)
    }

    /// When the first of those that want to be left alone may be asked.
    fn left_alone_until(&self, quota: Digest, now: Timestamp) -> Option<Timestamp> {
        self.waited_for(quota).filter_map(|(_, line)| line.outage.left_alone(now)).min()
    }

    /// Tells who waits for a store that is asked so late that nobody should wait for it with other answers in hand.
    pub(super) fn tell_late(&mut self, now: Timestamp) -> Vec<Delivery> {
        if self.turns.is_empty() {
            return Vec::new();
        }
        let far = later(now, GATE_WAITED);
        let is_late = |line: &Line| {
            let turn = self.turns.get(&line.quota).map(|turn| turn.next);
            let asked = turn.max(line.outage.left_alone(now));
            line.outage.is_down() && asked.is_some_and(|asked| asked > far)
        };
        let late = self.lines.iter().filter(|(_, line)| !line.outage.waiting().is_empty() && is_late(line));
        let late: Vec<Digest> = late.map(|(identity, _)| *identity).collect();
        let round = Round { began: now, stood_for_all: true };
        let mut told = Vec::new();
        for identity in late {
            told.extend(self.tell_line(identity, &round));
            self.keep_few(identity);
        }
        told
    }

    /// True if the first read in line has failed before.
    fn has_failed(&self, identity: Digest) -> bool {
        let first = self.lines.get(&identity).and_then(|line| line.outage.waiting().front());
        first.and_then(|id| self.reads.get(id)).is_none_or(|read| read.failed)
    }

    /// Lets the first read in line go.
    fn release(&mut self, identity: Digest, now: Timestamp) -> Option<ReadId> {
        loop {
            let id = self.lines.get_mut(&identity)?.outage.next(now)?;
            if let Some(read) = self.reads.get_mut(&id).filter(|read| read.stranded.is_some()) {
                read.stranded = None;
                self.push_to_gate(id);
                return Some(id);
            }
        }
    }

    /// Enters a store that is about to be proved, whether or not anybody reads from it.
    pub fn know(&mut self, target: Target, now: Timestamp) {
        self.gates.entry(target.quota).or_insert_with(|| Gate::new(target.budget, now));
        self.enter_line(target.identity, target.quota);
    }

    /// Enters an identity. One that comes while its quota is silent is presumed to be down as the others are.
    pub(super) fn enter_line(&mut self, identity: Digest, quota: Digest) {
        if self.lines.contains_key(&identity) {
            return;
        }
        let silence = self.silence_of(quota);
        let line = self.lines.entry(identity).or_insert(Line::new(quota));
        if let Some((since, error)) = silence {
            line.outage.presume(since, &error);
        }
    }

    /// Since when a quota is silent, and how: a store of it was found down, and no other has answered since it fell silent.
    fn silence_of(&self, quota: Digest) -> Option<(Timestamp, Error)> {
        self.turns.get(&quota)?;
        let of_it =
            || self.lines.values().map(|line| (line.quota, &line.outage)).filter(|(of, _)| *of == quota);
        let found = of_it().filter(|(_, outage)| outage.is_down() && !outage.is_presumed());
        let (_, found) = found.max_by_key(|(_, outage)| outage.silent_since())?;
        let since = found.silent_since()?;
        let is_alive = of_it().any(|(_, outage)| outage.answered() > Some(since));
        found.error().filter(|_| !is_alive).map(|error| (since, error.clone()))
    }

    /// Why a store is not asked now: the error with which it is down, or that it wants to be left alone for so long.
    #[must_use]
    pub fn why_not(&self, identity: Digest, wait: Duration) -> Error {
        let down = self.lines.get(&identity).and_then(|line| line.outage.error().cloned());
        down.unwrap_or_else(|| Error::new(Kind::Throttled, "the store asks to be left alone"))
            .after(Some(wait))
    }

    /// Takes the turn of proving the store of this identity, if it is down. While reads of its own wait, those decide; with reads of others it
    /// takes turns; while it wants to be left alone, nobody has one.
    ///
    /// # Errors
    /// How long there is no turn.
    pub fn take_turn(&mut self, identity: Digest, now: Timestamp) -> Result<(), Duration> {
        let Some(line) = self.lines.get(&identity) else { return Ok(()) };
        let quota = line.quota;
        if let Some(closed) = self.gates.get(&quota).and_then(|gate| gate.closed_for(now)) {
            return Err(closed);
        }
        if let Some(until) = line.outage.left_alone(now) {
            return Err(until.duration_since(now).try_into().unwrap_or(PROBE_EVERY));
        }
        let (is_down, own_wait) = (line.outage.is_down(), !line.outage.waiting().is_empty());
        let throttles = self.turns.get(&quota).is_some_and(|turn| turn.throttled.is_some());
        if !is_down && !throttles {
            return Ok(());
        }
        let is_busy = || self.gates.get(&quota).is_some_and(Gate::is_busy);
        let gives_way = if is_down { own_wait } else { is_busy() };
        if gives_way {
            return Err(PROBE_EVERY);
        }
        let reads_wait = self.next_to_ask(quota, now).is_some();
        let Some(turn) = self.turns.get_mut(&quota) else { return Ok(()) };
        turn.take_for_proof(now, reads_wait)?;
        if !is_down && let Some(gate) = self.gates.get_mut(&quota) {
            gate.hold(later(now, PROBE_EVERY));
        }
        Ok(())
    }

    /// A store gave no answer to a read, an opening or a probe that began at `began`. Where another of its quota is down it is down at once.
    /// If it is down from now on, what is queued for it waits, and so do the others of its quota of which nothing better is known.
    pub fn note_silence(&mut self, identity: Digest, error: &Error, began: Timestamp, now: Timestamp) {
        let Some(quota) = self.lines.get(&identity).map(|line| line.quota) else { return };
        let is_known = self.silence_of(quota).is_some();
        let Some(line) = self.lines.get_mut(&identity) else { return };
        let is_new = line.outage.failed(error, (began, now), is_known);
        if !line.outage.is_down() {
            return;
        }
        // Who fails late, because its call took its time, keeps nobody from asking.
        let turn = self.turns.entry(quota).or_insert(Turn::after(now, None));
        if is_new {
            turn.next = turn.next.max(later(now, PROBE_EVERY));
            self.presume(quota);
            self.strand_queued(now);
        }
    }

    /// A store of a quota was found down. If the quota is silent, nothing better is known of its other stores.
    fn presume(&mut self, quota: Digest) {
        let Some((since, error)) = self.silence_of(quota) else { return };
        let of_it = self.lines.values_mut().filter(|line| line.quota == quota);
        of_it.for_each(|line| line.outage.presume(since, &error));
    }

    /// Puts what is queued for stores that are down in line.
    fn strand_queued(&mut self, now: Timestamp) {
        let due = |id: &ReadId| self.reads.get(id).is_some_and(|read| read.may_go(now));
        let queued = self.queued.iter().filter(|(key, id)| self.is_down(key.identity) && due(id));
        let queued: Vec<ReadId> = queued.map(|(_, id)| *id).collect();
        for id in queued {
            self.strand(id, now);
        }
    }

    /// A read found its store still down. Who waits for it is told at once; who else is, [`Self::tell_found_down`] says.
    pub(super) fn still_down(
        &mut self,
        id: ReadId,
        error: &Error,
        began: Timestamp,
        now: Timestamp,
    ) -> Vec<Delivery> {
        let Some(identity) = self.reads.get(&id).map(|read| read.key.identity) else { return Vec::new() };
        let stood_for_all = !self.fails_again(id);
        let round = self.found_down.entry(identity).or_insert(Round { began, stood_for_all });
        round.began = round.began.max(began);
        round.stood_for_all |= stood_for_all;
        let told = self.tell(id, error);
        self.requeue(id, now);
        told
    }

    /// Tells of the stores that were just found still down. All who were in line before the call went out are told if it was the first
    /// failure of its entry, for then it stood for them too; else those whose own entry has failed before. Where several stores of a quota
    /// are down, each of them stands for all.
    pub(super) fn tell_found_down(&mut self) -> Vec<Delivery> {
        let mut told = Vec::new();
        for (found, round) in std::mem::take(&mut self.found_down) {
            for identity in self.stand_for(found) {
                told.extend(self.tell_line(identity, &round));
                self.keep_few(identity);
            }
        }
        told
    }

    /// The stores that are down if this one is found to be.
    fn stand_for(&self, found: Digest) -> Vec<Digest> {
        let quota = self.lines.get(&found).map(|line| line.quota);
        let down = self.lines.iter().filter(|(_, line)| Some(line.quota) == quota && line.outage.is_down());
        let down: Vec<_> = down.collect();
        let of_it = self.lines.values().filter(|line| Some(line.quota) == quota);
        let answered = of_it.filter_map(|line| line.outage.answered()).max();
        let is_proved = |line: &Line| !line.outage.is_presumed() && line.outage.silent_since() > answered;
        let all = down.iter().filter(|(_, line)| is_proved(line)).count() >= QUOTA_DOWN_AFTER;
        down.into_iter()
            .filter(|(identity, _)| all || **identity == found)
            .map(|(identity, _)| *identity)
            .collect()
    }

    /// Tells who waits for a read that its store is down. The read stays, to ask again with.
    fn tell(&mut self, id: ReadId, error: &Error) -> Vec<Delivery> {
        let Some(read) = self.reads.get_mut(&id) else { return Vec::new() };
        read.namespaces.truncate(1);
        let waiters = std::mem::take(&mut read.waiters);
        let capabilities = self.lines.get(&read.key.identity).and_then(Line::capabilities);
        let told = |waiter| Delivery { waiter, answer: Err(error.clone()), capabilities, is_down: true };
        waiters.into_iter().map(told).collect()
    }

    fn tell_line(&mut self, identity: Digest, round: &Round) -> Vec<Delivery> {
        let Some(outage) = self.lines.get(&identity).map(|line| &line.outage) else { return Vec::new() };
        let Some(error) = outage.error().cloned() else { return Vec::new() };
        let hears = |read: &Read| {
            let was_there = read.stranded.is_some_and(|since| since <= round.began);
            was_there && (round.stood_for_all || read.failed)
        };
        let hearers = outage.waiting().iter().filter(|id| self.reads.get(id).is_some_and(hears));
        let hearers: Vec<ReadId> = hearers.copied().collect();
        hearers.into_iter().flat_map(|id| self.tell(id, &error)).collect()
    }

    /// Of the reads in line that nobody waits for any more, keeps a few to ask with.
    fn keep_few(&mut self, identity: Digest) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        let (mut spare, mut dropped) = (0, Vec::new());
        line.outage.retain(|id| {
            let Some(read) = self.reads.get(&id) else { return false };
            if !read.waiters.is_empty() || read.started.is_some() {
                return true;
            }
            spare += 1;
            if spare > ASKING {
                dropped.push(id);
            }
            spare <= ASKING
        });
        dropped.into_iter().for_each(|id| drop(self.drop_read(id)));
    }

    /// A store wants to be left alone for `wait`, by reads and proofs alike.
    pub fn note_throttled(&mut self, identity: Digest, wait: Option<Duration>, now: Timestamp) {
        let Some(quota) = self.lines.get(&identity).map(|line| line.quota) else { return };
        if let Some(gate) = self.gates.get_mut(&quota) {
            gate.slow_down(now, wait);
        }
        self.leave_alone(quota, wait, now);
    }

    pub(super) fn leave_alone(&mut self, quota: Digest, wait: Option<Duration>, now: Timestamp) {
        let after = Turn::after(now, wait);
        let next = after.next;
        let turn = self.turns.entry(quota).or_insert(after);
        turn.next = turn.next.max(next);
        turn.throttled = Some(now);
    }

    /// A store proved that it can be used. While reads wait for it, one of those decides whether it is back: what answers a proof is not
    /// always what answers a read.
    pub fn note_proof(&mut self, identity: Digest, began: Timestamp) {
        let line = self.lines.get(&identity);
        if line.is_some_and(|line| !line.outage.is_down() || line.outage.waiting().is_empty()) {
            self.note_answer(identity, began);
        }
    }

    /// A store answered a call that began at `began`. If it was down it is back, and so may be all others of its quota: what waits for them
    /// is sent. If it was only presumed to be down, so were others, and those that were found down still are.
    pub(super) fn note_answer(&mut self, identity: Digest, began: Timestamp) {
        let line = self.lines.get_mut(&identity);
        let Some(line) = line.and_then(|line| line.outage.answer_ends(began).then_some(line)) else { return };
        let (quota, was_down) = (line.quota, line.outage.is_down());
        let found_down = was_down && !line.outage.is_presumed();
        if !was_down {
            line.outage.end();
        }
        if self.turns.get_mut(&quota).is_some_and(|turn| turn.throttles_no_more(began)) {
            self.gates.get_mut(&quota).into_iter().for_each(Gate::let_go);
            // Stores that were throttled may have been judged for that, and their objects told.
            let spared = self.lines.iter().filter(|(_, line)| line.quota == quota && !line.outage.is_down());
            self.back.extend(spared.map(|(identity, _)| *identity));
        }
        let is_back = |line: &Line| line.outage.is_presumed() || found_down && line.outage.is_down();
        let back = self.lines.iter_mut().filter(|(_, line)| line.quota == quota && is_back(line));
        let mut waited = Vec::new();
        for (identity, line) in back {
            self.back.push(*identity);
            waited.extend(line.outage.end());
        }
        if found_down {
            self.turns.remove(&quota);
        }
        waited.into_iter().for_each(|id| self.go_on(id));
    }

    /// Lets a read go whose store is back, if anybody still waits for it.
    fn go_on(&mut self, id: ReadId) {
        let Some(read) = self.reads.get_mut(&id).filter(|read| read.stranded.is_some()) else { return };
        read.stranded = None;
        read.failed = false;
        match read.waiters.is_empty() {
            true => drop(self.drop_read(id)),
            false => self.push_to_gate(id),
        }
    }

    /// The stores that have come back since it was last asked.
    pub fn take_back(&mut self) -> Vec<Digest> {
        std::mem::take(&mut self.back)
    }
}
