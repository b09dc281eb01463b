//! The gate: one per quota, fair between namespaces, two lanes, paced by what the store grants.
//!
//! Pure: every method takes `now`, and nothing waits here. [`super::fetch::Reads`] asks "may I send, and what?", sends, and reports
//! how it went.
//!
//! - **Lanes.** What was never synced or has changed goes first; periodic refreshes still get every fifth send, so neither starves.
//! - **Fairness.** Within a lane the namespaces take turns, so a tenant with ten thousand objects delays a tenant with one by one
//!   send, not by ten thousand.
//! - **Pace.** Starts at the published quota. A throttled answer halves it (at most once a second: one burst of refusals is one
//!   signal), success adds a twentieth of the quota a second. `Retry-After` closes the gate for everybody; the first send after it goes
//!   alone, be it a read, a login or a proof of the store's, and until it is answered nobody follows.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::provider::Budget;

/// Which of the two queues a read waits in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Never synced, changed, forced, or failing and woken.
    #[default]
    First,
    /// Periodic.
    Second,
}

/// One send in this many is taken from the second lane while it has something to send.
const SECOND_LANE_SHARE: u64 = 5;
/// Pace is not cut twice within this time.
const CUT_ONCE: SignedDuration = SignedDuration::from_secs(1);
/// How long a throttling store without `Retry-After` is left alone.
const COOL_DOWN: Duration = Duration::from_secs(1);
/// The slowest pace: a store that throttles everything is still asked once in a while.
const SLOWEST: f64 = 0.2;
/// Tokens that may be saved up, as a share of a second.
const BURST_SECONDS: f64 = 0.05;

/// An identifier of a read, given out by [`super::fetch::Reads`].
pub type ReadId = u64;

/// One gate.
#[derive(Debug)]
pub struct Gate {
    budget: Budget,
    rate: f64,
    tokens: f64,
    filled: Timestamp,
    closed_until: Option<Timestamp>,
    held_until: Option<Timestamp>,
    last_cut: Option<Timestamp>,
    last_raise: Timestamp,
    /// True after a throttled answer, until a call that was sent alone after it is answered.
    careful: bool,
    /// True while that call is under way.
    alone: bool,
    in_flight: usize,
    lanes: Lanes<ReadId>,
}

/// What to do with who stands first in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is its turn.
    Take,
    /// Its namespace must wait.
    Skip,
    /// It stands in line no more.
    Drop,
}

/// What the gate answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send this read now.
    Send(ReadId),
    /// Nothing before this time.
    At(Timestamp),
    /// Nothing until something is queued or comes back.
    Idle,
}

impl Gate {
    /// A gate that starts at the published budget.
    #[must_use]
    pub fn new(budget: Budget, now: Timestamp) -> Self {
        Self {
            budget,
            rate: budget.per_second,
            tokens: burst(budget.per_second),
            filled: now,
            closed_until: None,
            held_until: None,
            last_cut: None,
            last_raise: now,
            careful: false,
            alone: false,
            in_flight: 0,
            lanes: Lanes::default(),
        }
    }

    /// Queues a read for a namespace.
    pub fn push(&mut self, lane: Lane, namespace: &str, read: ReadId) {
        self.lanes.push(lane, namespace, read);
    }

    /// The next read, if the pace allows one. `choose` says of a namespace and its next read what to do with it.
    pub fn next(&mut self, now: Timestamp, choose: &dyn Fn(&str, &ReadId) -> Choice) -> Verdict {
        if let Some(until) = self.closed_until.max(self.held_until).filter(|until| *until > now) {
            return if self.is_empty() { Verdict::Idle } else { Verdict::At(until) };
        }
        if self.in_flight >= if self.careful { 1 } else { self.budget.in_flight } {
            return Verdict::Idle;
        }
        self.fill(now);
        if self.tokens < 1.0 {
            return if self.is_empty() { Verdict::Idle } else { Verdict::At(self.token_at(now)) };
        }
        match self.lanes.pop(choose) {
            Some(read) => Verdict::Send(read),
            None => Verdict::Idle,
        }
    }

    /// A call was sent.
    pub fn sent(&mut self) {
        self.lanes.served();
        self.in_flight += 1;
        self.alone = self.careful;
        self.tokens -= 1.0;
    }

    /// A store is being opened, for a read that was let through: a login is a call like any other to who counts them.
    pub fn opening(&mut self) {
        self.in_flight += 1;
    }

    /// The store is open, or is not. That says nothing of whether it throttles still: some open without a call.
    pub fn opened(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A call came back with an answer of the store, whatever it said.
    pub fn answered(&mut self, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        // What was under way when the cut came proves nothing about after it: only the answer to the one that went alone does.
        if std::mem::take(&mut self.alone) {
            self.careful = false;
        }
        if now.duration_since(self.last_raise) >= SignedDuration::from_secs(1) {
            self.last_raise = now;
            self.rate = (self.rate + self.budget.per_second / 20.0).min(self.budget.per_second);
        }
    }

    /// A call came back throttled: close for `after`, and slow down.
    pub fn throttled(&mut self, now: Timestamp, after: Option<Duration>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.slow_down(now, after);
    }

    /// The store wants to be left alone for `after`.
    pub fn slow_down(&mut self, now: Timestamp, after: Option<Duration>) {
        self.careful = true;
        self.alone = false;
        let cut = self.last_cut.is_none_or(|last| now.duration_since(last) >= CUT_ONCE);
        if cut {
            self.rate = (self.rate / 2.0).max(SLOWEST);
            self.last_cut = Some(now);
            self.last_raise = now;
        }
        let until = later(now, after.unwrap_or(COOL_DOWN));
        self.closed_until = self.closed_until.max(Some(until));
    }

    /// A proof of the store's goes alone: nothing follows until this time, or until it is answered.
    pub fn hold(&mut self, until: Timestamp) {
        self.held_until = Some(until);
    }

    /// That proof was answered.
    pub fn let_go(&mut self) {
        self.held_until = None;
        self.careful = false;
    }

    /// Takes out all that waits.
    pub fn take_all(&mut self) -> Vec<ReadId> {
        let mut waiting = Vec::new();
        while let Some(read) = self.lanes.pop(&|_, _| Choice::Take) {
            waiting.push(read);
        }
        waiting
    }

    /// How long it is closed yet, if it is.
    #[must_use]
    pub fn closed_for(&self, now: Timestamp) -> Option<Duration> {
        let left = Duration::try_from(self.closed_until?.duration_since(now)).ok()?;
        (!left.is_zero()).then_some(left)
    }

    /// True if something waits here, or is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.in_flight > 0 || !self.is_empty()
    }

    /// True if nothing waits here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// True if it is open and has not been asked to send for a while.
    #[must_use]
    pub fn is_idle_since(&self, now: Timestamp, idle: SignedDuration) -> bool {
        self.closed_until.is_none_or(|until| until <= now)
            && now.duration_since(self.last_raise.max(self.filled)) >= idle
    }

    fn fill(&mut self, now: Timestamp) {
        let passed = now.duration_since(self.filled).as_secs_f64().max(0.0);
        self.tokens = (self.tokens + passed * self.rate).min(burst(self.rate));
        self.filled = now;
    }

    fn token_at(&self, now: Timestamp) -> Timestamp {
        // A millisecond more, so that rounding never wakes us just before the token is there.
        later(now, Duration::from_secs_f64((1.0 - self.tokens) / self.rate) + Duration::from_millis(1))
    }
}

fn burst(rate: f64) -> f64 {
    (rate * BURST_SECONDS).max(1.0)
}

/// `now + wait`, at most the end of time.
#[must_use]
pub fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// Two lanes, in each of them a queue a namespace: who stands in line for anything that is scarce. The first lane goes first, the second
/// has every fifth turn, and within a lane the namespaces take turns.
#[derive(Debug)]
pub struct Lanes<T> {
    served: u64,
    lanes: [Turns<T>; 2],
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { served: 0, lanes: [Turns::default(), Turns::default()] }
    }
}

impl<T> Lanes<T> {
    /// Puts `one` at the end of its namespace's queue.
    pub fn push(&mut self, lane: Lane, namespace: &str, one: T) {
        self.lanes[lane as usize].push(namespace, one);
    }

    /// Whose turn it is. `choose` says of a namespace and its next one what to do with it.
    pub fn pop(&mut self, choose: &dyn Fn(&str, &T) -> Choice) -> Option<T> {
        let second_first = self.served % SECOND_LANE_SHARE == SECOND_LANE_SHARE - 1;
        let order = if second_first { [1, 0] } else { [0, 1] };
        order.into_iter().find_map(|lane| self.lanes[lane].pop(choose))
    }

    /// Counts a turn as used.
    pub fn served(&mut self) {
        self.served += 1;
    }

    /// True if nobody stands in line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.iter().all(Turns::is_empty)
    }
}

/// A queue a namespace; the namespaces take turns.
#[derive(Debug)]
struct Turns<T> {
    order: VecDeque<String>,
    queues: HashMap<String, VecDeque<T>>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), queues: HashMap::new() }
    }
}

impl<T> Turns<T> {
    fn push(&mut self, namespace: &str, one: T) {
        if !self.queues.contains_key(namespace) {
            self.order.push_back(namespace.to_string());
        }
        self.queues.entry(namespace.to_string()).or_default().push_back(one);
    }

    fn pop(&mut self, choose: &dyn Fn(&str, &T) -> Choice) -> Option<T> {
        for _ in 0..self.order.len() {
            let namespace = self.order.pop_front()?;
            let queue = self.queues.get_mut(&namespace)?;
            let taken = pop_of(queue, |one| choose(&namespace, one));
            if queue.is_empty() {
                self.queues.remove(&namespace);
            } else {
                self.order.push_back(namespace);
            }
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

fn pop_of<T>(queue: &mut VecDeque<T>, choose: impl Fn(&T) -> Choice) -> Option<T> {
    loop {
        match choose(queue.front()?) {
            Choice::Take => return queue.pop_front(),
            Choice::Skip => return None,
            Choice::Drop => drop(queue.pop_front()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    const TAKE: &dyn Fn(&str, &ReadId) -> Choice = &|_, _| Choice::Take;

    fn gate(per_second: f64, in_flight: usize) -> Gate {
        Gate::new(Budget { per_second, in_flight }, at(0))
    }

    fn drain(gate: &mut Gate, now: Timestamp) -> Vec<ReadId> {
        let mut sent = Vec::new();
        while let Verdict::Send(read) = gate.next(now, TAKE) {
            gate.sent();
            sent.push(read);
        }
        sent
    }

    #[test]
    fn namespaces_take_turns() {
        let mut gate = gate(10_000.0, 100);
        for read in 0..4 {
            gate.push(Lane::First, "big", read);
        }
        gate.push(Lane::First, "small", 9);
        assert_eq!(drain(&mut gate, at(0)), [0, 9, 1, 2, 3]);
    }

    #[test]
    fn every_fifth_send_is_periodic_while_new_objects_keep_coming() {
        let mut gate = gate(10_000.0, 100);
        for read in 0..20 {
            gate.push(Lane::First, "n", read);
            gate.push(Lane::Second, "n", 100 + read);
        }
        let sent = drain(&mut gate, at(0));
        let periodic = sent.iter().take(20).filter(|read| **read >= 100).count();
        assert_eq!(periodic, 4);
    }

    #[test]
    fn the_pace_is_the_published_quota() {
        let mut gate = gate(40.0, 1_000);
        for read in 0..1_000 {
            gate.push(Lane::Second, "n", read);
        }
        let mut sent = 0;
        for millis in (0..=2_000).step_by(5) {
            sent += drain(&mut gate, at(millis)).len();
        }
        assert!((78..=84).contains(&sent), "{sent} in two seconds");
    }

    #[test]
    fn calls_under_way_are_bounded_and_make_room_when_they_end() {
        let mut gate = gate(10_000.0, 2);
        for read in 0..3 {
            gate.push(Lane::First, "n", read);
        }
        assert_eq!(drain(&mut gate, at(0)).len(), 2);
        gate.answered(at(1));
        assert_eq!(drain(&mut gate, at(1)), [2]);
    }

    #[test]
    fn retry_after_closes_the_gate_for_everybody() {
        let mut gate = gate(10_000.0, 10);
        gate.push(Lane::First, "a", 1);
        gate.push(Lane::First, "b", 2);
        assert_eq!(gate.next(at(0), TAKE), Verdict::Send(1));
        gate.sent();
        gate.throttled(at(0), Some(Duration::from_secs(5)));
        assert_eq!(gate.next(at(4_999), TAKE), Verdict::At(at(5_000)));
        assert_eq!(gate.next(at(5_000), TAKE), Verdict::Send(2));
    }

    #[test]
    fn a_burst_of_refusals_halves_the_pace_once() {
        let mut gate = gate(100.0, 100);
        for _ in 0..10 {
            gate.sent();
            gate.throttled(at(0), None);
        }
        assert!((gate.rate - 50.0).abs() < f64::EPSILON);
        for second in 2..30 {
            gate.sent();
            gate.answered(at(second * 1_000));
        }
        assert!((gate.rate - 100.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_namespace_over_its_budget_waits_and_the_others_go_on() {
        let mut gate = gate(10_000.0, 100);
        gate.push(Lane::First, "full", 1);
        gate.push(Lane::First, "other", 2);
        let skip =
            |namespace: &str, _: &ReadId| if namespace == "full" { Choice::Skip } else { Choice::Take };
        assert_eq!(gate.next(at(0), &skip), Verdict::Send(2));
        assert_eq!(gate.next(at(0), &skip), Verdict::Idle);
        assert_eq!(gate.next(at(0), TAKE), Verdict::Send(1));
    }

    #[test]
    fn after_a_throttled_answer_one_goes_alone_whatever_was_under_way() {
        let mut gate = gate(1e6, 32);
        (0..40).for_each(|read| gate.push(Lane::First, "n", read));
        assert_eq!(drain(&mut gate, at(0)).len(), 32);
        gate.throttled(at(1), Some(Duration::from_secs(1)));
        (0..30).for_each(|_| gate.answered(at(2)));
        assert_eq!(drain(&mut gate, at(2_000)).len(), 0, "one is still under way");
        gate.answered(at(2_001));
        assert_eq!(drain(&mut gate, at(2_002)).len(), 1, "what was sent before proves nothing of after");
        gate.answered(at(2_003));
        assert_eq!(drain(&mut gate, at(2_004)).len(), 7);
    }

    #[test]
    fn what_went_alone_before_another_refusal_proves_nothing_of_after() {
        let mut gate = gate(1e6, 32);
        (0..9).for_each(|read| gate.push(Lane::First, "n", read));
        gate.slow_down(at(0), Some(Duration::from_secs(1)));
        assert_eq!(drain(&mut gate, at(1_000)).len(), 1);
        gate.slow_down(at(1_001), Some(Duration::from_secs(1)));
        gate.answered(at(1_002));
        assert_eq!(drain(&mut gate, at(2_002)).len(), 1);
    }
}
