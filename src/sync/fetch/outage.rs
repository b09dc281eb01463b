//! A store that does not answer: when it counts as down, who waits for it, and who asks next whether it is back. Pure.
//!
//! A store is down after [`DOWN_AFTER`] failures in a row. What was under way together fails together and counts once: one cut
//! connection, or one login that all share, is no outage. While it is down its reads wait here, and one of them goes out every
//! [`PROBE_EVERY`] over all stores of its quota: first those that have not failed yet, so that an entry which always fails does not keep
//! the others from finding out that the store answers.
//!
//! Stores of one quota are most often one server. When the first of them is down, the others are presumed to be, unless one of them has
//! answered meanwhile: they wait in the same line, and the first that is answered relieves all who were only presumed to be down.

use std::{collections::VecDeque, time::Duration};

use jiff::Timestamp;
use keyferry_stores::base::{
    Error,
    limits::{DOWN_AFTER, PROBE_EVERY},
};

use crate::sync::gate::{ReadId, later};

/// What is true of a store, and not of one entry: all that an error says to those whose entry it is not about.
const OF_THE_STORE: &[&str] = &["host", "reason", "status"];

/// What is known of the silence of one store.
#[derive(Debug, Default)]
pub(super) struct Outage {
    failures: u32,
    /// When the first call began that was not answered.
    silent_since: Option<Timestamp>,
    /// When the last failure was counted.
    counted: Option<Timestamp>,
    /// Since when it counts as down for no other reason than that another store of its quota is.
    presumed: Option<Timestamp>,
    /// When the last call began that was answered.
    answered: Option<Timestamp>,
    /// Until when it wants to be left alone.
    left_alone: Option<Timestamp>,
    error: Option<Error>,
    /// Reads that wait for their turn to ask: those that have not failed yet before those that have.
    waiting: VecDeque<ReadId>,
    /// When one of them last had its turn.
    asked: Option<Timestamp>,
}

impl Outage {
    /// The store gave no answer to a call, of which this says when it began and ended. True if it counts as down from now on; one failure is
    /// enough where `others` of its quota are.
    pub(super) fn failed(
        &mut self,
        error: &Error,
        (began, now): (Timestamp, Timestamp),
        others: bool,
    ) -> bool {
        let was_down = self.is_down();
        self.silent_since.get_or_insert(began);
        if self.counted.is_none_or(|counted| began > counted) {
            self.failures = self.failures.saturating_add(1);
            self.counted = Some(now);
        }
        if others {
            self.failures = self.failures.max(DOWN_AFTER);
        }
        if self.failures >= DOWN_AFTER {
            self.presumed = None;
        }
        self.left_alone = error.wait().map(|wait| later(now, wait));
        self.error = Some(error.clone().only(OF_THE_STORE));
        self.is_down() && !was_down
    }

    /// Another store of its quota is down, silent since `since` with `error`: so is this one, as long as nothing else is known of it.
    pub(super) fn presume(&mut self, since: Timestamp, error: &Error) {
        if !self.is_down() {
            self.presumed = Some(since);
            // How long the other wants to be left alone is its own affair.
            self.error = Some(error.clone().after(None));
        }
    }

    /// Since when it has not answered, if it has not.
    pub(super) fn silent_since(&self) -> Option<Timestamp> {
        self.silent_since
    }

    /// When the last call began that it answered.
    pub(super) fn answered(&self) -> Option<Timestamp> {
        self.answered
    }

    /// Until when it wants to be left alone yet.
    pub(super) fn left_alone(&self, now: Timestamp) -> Option<Timestamp> {
        self.left_alone.filter(|until| *until > now)
    }

    /// Notes an answer to a call that began at `began`. False if it is down, and the call began before it was last found to be.
    pub(super) fn answer_ends(&mut self, began: Timestamp) -> bool {
        self.answered = self.answered.max(Some(began));
        !self.is_down() || self.counted.or(self.presumed).is_none_or(|found| began > found)
    }

    /// The store answered: the reads that waited for that.
    pub(super) fn end(&mut self) -> VecDeque<ReadId> {
        let answered = self.answered;
        std::mem::replace(self, Self { answered, ..Self::default() }).waiting
    }

    pub(super) fn is_down(&self) -> bool {
        self.failures >= DOWN_AFTER || self.is_presumed()
    }

    /// True if it counts as down because another of its quota is.
    pub(super) fn is_presumed(&self) -> bool {
        self.presumed.is_some()
    }

    /// What to say to those whose own read did not fail.
    pub(super) fn error(&self) -> Option<&Error> {
        self.error.as_ref().filter(|_| self.is_down())
    }

    /// Puts a read in line.
    pub(super) fn wait(&mut self, id: ReadId, has_failed: bool) {
        match has_failed {
            true => self.waiting.push_back(id),
            false => self.waiting.push_front(id),
        }
    }

    /// The reads in line.
    pub(super) fn waiting(&self) -> &VecDeque<ReadId> {
        &self.waiting
    }

    /// Keeps only some of them.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(ReadId) -> bool) {
        self.waiting.retain(|id| keeps(*id));
    }

    /// The read whose turn it is.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<ReadId> {
        self.asked = Some(now);
        self.waiting.pop_front()
    }

    /// When one of its reads last had a turn.
    pub(super) fn asked(&self) -> Option<Timestamp> {
        self.asked
    }
}

/// Whose turn it is among the stores of one quota, of which some are down or which asks to be left alone.
#[derive(Debug)]
pub(super) struct Turn {
    /// Since when it asks to be left alone, if that is the last that was heard: then proofs of all its stores take turns.
    pub(super) throttled: Option<Timestamp>,
    /// Nobody asks before.
    pub(super) next: Timestamp,
    /// The read that asks. It has its turn until it is answered.
    pub(super) asking: Option<ReadId>,
    /// True if a proof had the last turn: the next one is the reads', if any wait.
    pub(super) was_proof: bool,
    /// A proof waits for the next turn: no read takes it before this time.
    pub(super) reserved: Option<Timestamp>,
}

/// What a round of calls found out of a store that is down.
#[derive(Debug)]
pub(super) struct Round {
    /// When the youngest of them began.
    pub(super) began: Timestamp,
    /// True if one of them had not failed before: it stood for all who were in line.
    pub(super) stood_for_all: bool,
}

impl Turn {
    /// A turn after the usual wait, or after the longer one that the store asked for.
    pub(super) fn after(now: Timestamp, asked: Option<Duration>) -> Self {
        let next = later(now, asked.unwrap_or_default().max(PROBE_EVERY));
        Self { throttled: None, next, asking: None, was_proof: false, reserved: None }
    }

    /// Takes the turn for a read, if it is free; else when it may be.
    pub(super) fn take_for_read(&mut self, now: Timestamp) -> Result<(), Timestamp> {
        if let Some(until) = self.reserved.filter(|until| *until > now) {
            return Err(until);
        }
        self.take(now).map_err(|_| self.next)?;
        self.was_proof = false;
        Ok(())
    }

    /// Takes the turn for a proof, if it is free; else how long it is not. It is kept for a moment then, unless it is the reads' one.
    pub(super) fn take_for_proof(&mut self, now: Timestamp, reads_wait: bool) -> Result<(), Duration> {
        if self.was_proof && reads_wait {
            return Err(PROBE_EVERY);
        }
        if let Err(wait) = self.take(now) {
            self.reserved = Some(later(self.next, PROBE_EVERY / 2));
            return Err(wait);
        }
        self.was_proof = true;
        Ok(())
    }

    /// Notes an answer to a call that began at `began`; true if that ends being throttled, which what was under way before does not.
    pub(super) fn throttles_no_more(&mut self, began: Timestamp) -> bool {
        self.throttled.take_if(|since| began > *since).is_some()
    }

    fn take(&mut self, now: Timestamp) -> Result<(), Duration> {
        match Duration::try_from(self.next.duration_since(now)) {
            Ok(wait) if !wait.is_zero() => Err(wait),
            Ok(_) | Err(_) => {
                self.next = later(now, PROBE_EVERY);
                self.reserved = None;
                Ok(())
            }
        }
    }
}
