//! Reads of stores that are down: who waits, who asks, who is told.

use std::time::Duration;

use jiff::Timestamp;
use keyferry_stores::{base::Error, provider::Digest};

use super::{Delivery, Line, ReadId, Reads, outage::Turn};

/// Reads that are kept to ask with while their store is down, though nobody waits for their answer any more.
pub(super) const ASKING: usize = 16;

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
        if asking.is_some_and(|id| self.reads.get(&id).is_some_and(|read| read.stranded.is_none())) {
            return None;
        }
        let identity = self.next_to_ask(quota)?;
        if self.turns.get_mut(&quota)?.take(now).is_ok() {
            let asking = self.release(identity, now);
            self.turns.get_mut(&quota)?.asking = asking;
        }
        Some(self.turns.get(&quota)?.next)
    }

    /// The store of a quota that is down and whose turn it is: one with a read that has not failed yet, else who was not asked for longest.
    fn next_to_ask(&self, quota: Digest) -> Option<Digest> {
        let down = self.lines.iter().filter(|(_, line)| line.quota == quota && line.outage.is_down());
        let first = |line: &Line| line.outage.waiting().front().and_then(|id| self.reads.get(id));
        let turns = down.filter(|(_, line)| !line.outage.waiting().is_empty());
        let rank = |line: &Line| (first(line).is_none_or(|read| read.failed), line.outage.asked());
        turns.min_by_key(|(_, line)| rank(line)).map(|(identity, _)| *identity)
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

    /// Takes the turn of asking the store of this identity, if it is down.
    ///
    /// # Errors
    /// How long somebody else has the turn.
    pub fn take_turn(&mut self, identity: Digest, now: Timestamp) -> Result<(), Duration> {
        let down = self.lines.get(&identity).filter(|line| line.outage.is_down());
        let turn = down.and_then(|line| self.turns.get_mut(&line.quota));
        turn.map_or(Ok(()), |turn| turn.take(now))
    }

    /// A store gave no answer to a read, an opening or a probe that began at `began`. If it is down from now on, what is queued for it
    /// waits.
    pub fn note_silence(&mut self, identity: Digest, error: &Error, began: Timestamp, now: Timestamp) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        let is_new = line.outage.failed(error, began, now);
        if !line.outage.is_down() {
            return;
        }
        self.turns.entry(line.quota).or_insert_with(|| Turn::after(now)).next = Turn::after(now).next;
        if is_new {
            let due = |id: &ReadId| self.reads.get(id).is_some_and(|read| read.may_go(now));
            let queued = self.queued.iter().filter(|(key, id)| key.identity == identity && due(id));
            let queued: Vec<ReadId> = queued.map(|(_, id)| *id).collect();
            for id in queued {
                self.strand(id, now);
            }
        }
    }

    /// A read found its store still down. Who waits for it is told; if it is the first time that it fails, so are all who were in line
    /// before it went out: it stood for them too.
    pub(super) fn still_down(
        &mut self,
        id: ReadId,
        error: &Error,
        began: Timestamp,
        now: Timestamp,
    ) -> Vec<Delivery> {
        let identity = self.reads[&id].key.identity;
        let stood_for_all = !self.fails_again(id);
        let mut told = self.tell(id, error);
        self.requeue(id, now);
        if stood_for_all {
            told.extend(self.tell_line(identity, began));
        }
        self.keep_few(identity);
        told
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

    /// Tells all who were in line at `began` that the store is down.
    fn tell_line(&mut self, identity: Digest, began: Timestamp) -> Vec<Delivery> {
        let Some(outage) = self.lines.get(&identity).map(|line| &line.outage) else { return Vec::new() };
        let Some(error) = outage.error().cloned() else { return Vec::new() };
        let since = |id: &ReadId| self.reads.get(id).and_then(|read| read.stranded);
        let early = outage.waiting().iter().filter(|id| since(id).is_some_and(|since| since <= began));
        let early: Vec<ReadId> = early.copied().collect();
        early.into_iter().flat_map(|id| self.tell(id, &error)).collect()
    }

    /// Of the reads in line that nobody waits for any more, keeps a few to ask with.
    fn keep_few(&mut self, identity: Digest) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        let mut spare = Vec::new();
        line.outage.retain(|id| {
            let Some(read) = self.reads.get(&id) else { return false };
            let is_kept = !read.waiters.is_empty() || spare.len() < ASKING;
            if read.waiters.is_empty() {
                spare.push(id);
            }
            is_kept
        });
        spare.into_iter().skip(ASKING).for_each(|id| drop(self.drop_read(id)));
    }

    /// A store answered a read or a probe. If it was down it is back, and so may be all others of its quota: what waits for them is sent.
    pub fn note_answer(&mut self, identity: Digest) {
        let Some(line) = self.lines.get_mut(&identity) else { return };
        if !line.outage.is_down() {
            line.outage.end();
            return;
        }
        let quota = line.quota;
        self.turns.remove(&quota);
        let back = self.lines.iter_mut().filter(|(_, line)| line.quota == quota && line.outage.is_down());
        let mut waited = Vec::new();
        for (identity, line) in back {
            self.back.push(*identity);
            waited.extend(line.outage.end());
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
