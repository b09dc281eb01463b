use std::collections::BTreeSet;

use keyferry_stores::{
    base::{SecretBytes, limits::DOWN_AFTER},
    provider::{Access, MapRule, PropertyRule, Want},
};

use super::{down::ASKING, *};

const NOT_FULL: &dyn Fn(&str) -> bool = &|_| false;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

fn digest(name: &str) -> Digest {
    Digest::of([name.as_bytes()])
}

fn target(identity: &str) -> Target {
    Target {
        identity: digest(identity),
        quota: digest("quota"),
        budget: Budget { per_second: 1e6, in_flight: 1000 },
    }
}

fn request(identity: &str, key: &str, object: &str, cause: i64) -> Request {
    let (namespace, name) = object.split_once('/').unwrap_or(("n", object));
    let waiter = Waiter { object: ObjectKey::new(namespace, name), slot: 0, ticket: 1 };
    let ask = Ask::Key(RemoteKey::value(key));
    Request { target: target(identity), ask, waiter, cause: at(cause), lane: Lane::Second }
}

fn capabilities(batch: usize) -> Capabilities {
    let (access, property) = (Access::ReadOnly, PropertyRule::Path);
    Capabilities {
        access,
        find: true,
        batch,
        property,
        property_absence: false,
        map: MapRule::Raw,
        find_converts: false,
    }
}

fn open(reads: &mut Reads, identity: &str, batch: usize, now: i64) -> Vec<Call> {
    let calls = reads.work(at(now), NOT_FULL).calls;
    assert_eq!(calls, [Call::Open(digest(identity))]);
    reads.opened(digest(identity), capabilities(batch));
    reads.work(at(now), NOT_FULL).calls
}

fn keys(call: &Call) -> Vec<&str> {
    match call {
        Call::Get(_, keys) => keys.iter().map(|(_, key)| key.key.as_str()).collect(),
        Call::Open(_) | Call::Find(..) => panic!("not a read: {call:?}"),
    }
}

fn ids(call: &Call) -> Vec<ReadId> {
    match call {
        Call::Get(_, keys) => keys.iter().map(|(id, _)| *id).collect(),
        Call::Open(_) | Call::Find(..) => panic!("not a read: {call:?}"),
    }
}

fn entry() -> Answered {
    Answered::Entry(Arc::new(Entry::bytes(SecretBytes::from("v"))))
}

fn answer_all(reads: &mut Reads, call: &Call, result: &Result<Answered>, now: i64) -> Vec<Delivery> {
    let results = ids(call).into_iter().map(|id| (id, result.clone())).collect();
    reads.done(digest("quota"), results, at(now))
}

fn failure(kind: Kind) -> Result<Answered> {
    Err(Error::new(kind, "scripted"))
}

impl Reads {
    /// Gathers and starts in one step.
    fn request(&mut self, now: Timestamp, requests: Vec<Request>, spread: Option<Spread>) {
        let mut fresh = Fresh::default();
        requests.into_iter().for_each(|request| self.add(now, request, spread, &mut fresh));
        self.start(now, fresh, spread);
    }
}

#[test]
fn objects_of_one_tick_share_one_read() {
    let mut reads = Reads::default();
    reads.request(at(0), (0..200).map(|n| request("a", "key", &format!("n/{n}"), 0)).collect(), None);
    let calls = open(&mut reads, "a", 1, 0);
    assert_eq!(calls.len(), 1);
    assert_eq!(answer_all(&mut reads, &calls[0], &Ok(entry()), 5).len(), 200);
    assert!(reads.reads.is_empty());
}

#[test]
fn a_gate_is_forgotten_an_hour_after_its_last_read() {
    const HOUR: i64 = 3_600_000;
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0)], None);
    let calls = open(&mut reads, "a", 1, 0);
    reads.sweep_gates(at(2 * HOUR));
    assert_eq!(reads.gates.len(), 1, "a read is under way");
    answer_all(&mut reads, &calls[0], &Ok(entry()), 2 * HOUR);
    reads.sweep_gates(at(3 * HOUR - 1));
    assert_eq!(reads.gates.len(), 1, "it paced something not long ago");
    reads.sweep_gates(at(3 * HOUR));
    assert!(reads.gates.is_empty());
}

#[test]
fn identities_never_share_a_read() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0), request("b", "key", "n/2", 0)], None);
    let opens = reads.work(at(0), NOT_FULL).calls.len();
    reads.opened(digest("a"), capabilities(20));
    reads.opened(digest("b"), capabilities(20));
    let calls = reads.work(at(0), NOT_FULL).calls;
    assert_eq!((opens, calls.len()), (2, 2));
}

#[test]
fn a_read_answers_causes_that_are_not_younger_than_its_start() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0)], None);
    let first = open(&mut reads, "a", 1, 10);
    reads.request(at(20), vec![request("a", "key", "n/old", 5)], None);
    assert!(reads.work(at(20), NOT_FULL).calls.is_empty(), "the cause is older than the start: it joins");
    reads.request(at(20), vec![request("a", "key", "n/new", 15)], None);
    let second = reads.work(at(20), NOT_FULL).calls;
    assert_eq!(second.len(), 1, "the cause is younger than the start: a read of its own");
    assert_eq!(answer_all(&mut reads, &first[0], &Ok(entry()), 30).len(), 2);
    assert_eq!(answer_all(&mut reads, &second[0], &Ok(entry()), 30).len(), 1);
}

#[test]
fn no_value_outlives_its_delivery() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0)], None);
    let first = open(&mut reads, "a", 1, 0);
    answer_all(&mut reads, &first[0], &Ok(entry()), 5);
    reads.request(at(6), vec![request("a", "key", "n/2", 0)], None);
    assert_eq!(reads.work(at(6), NOT_FULL).calls.len(), 1);
}

#[test]
fn forty_keys_cost_two_batch_calls() {
    let mut reads = Reads::default();
    let spread = Spread { start: at(0), width: Duration::from_secs(6) };
    let requests = (0..40).map(|n| request("a", &format!("key-{n:02}"), &format!("n/{n}"), 0)).collect();
    reads.request(at(0), requests, Some(spread));
    let mut calls = open(&mut reads, "a", 20, 0);
    for millis in (0..6_000).step_by(100) {
        calls.extend(reads.work(at(millis), NOT_FULL).calls);
    }
    assert_eq!(calls.iter().map(|call| keys(call).len()).collect::<Vec<_>>(), [20, 20]);
    assert_eq!(keys(&calls[0])[..3], ["key-00", "key-01", "key-02"]);
}

#[test]
fn a_key_with_a_version_never_goes_into_a_batch() {
    let mut reads = Reads::default();
    let mut versioned = request("a", "k", "n/1", 0);
    versioned.ask = Ask::Key(RemoteKey { version: Some("7".into()), ..RemoteKey::value("k") });
    reads.request(at(0), vec![versioned, request("a", "k", "n/2", 0), request("a", "l", "n/3", 0)], None);
    let calls = open(&mut reads, "a", 20, 0);
    let mut sizes: Vec<_> = calls.iter().map(|call| keys(call).len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2]);
}

#[test]
fn a_refused_batch_call_falls_back_to_single_reads_for_an_hour() {
    let mut reads = Reads::default();
    reads.request(at(0), (0..3).map(|n| request("a", &format!("k{n}"), "n/1", 0)).collect(), None);
    let batch = open(&mut reads, "a", 20, 0);
    reads.batch_refused(digest("quota"), digest("a"), &ids(&batch[0]), at(1));
    let singles = reads.work(at(1), NOT_FULL).calls;
    assert_eq!(singles.iter().map(|call| keys(call).len()).collect::<Vec<_>>(), [1, 1, 1]);
    let delivered: usize =
        singles.iter().map(|call| answer_all(&mut reads, call, &Ok(entry()), 2).len()).sum();
    assert_eq!(delivered, 3);
    let hour = 3_600_000;
    reads.request(at(hour), (0..3).map(|n| request("a", &format!("k{n}"), "n/1", hour)).collect(), None);
    assert_eq!(reads.work(at(hour), NOT_FULL).calls.len(), 3);
    reads.request(at(hour + 2), (3..6).map(|n| request("a", &format!("k{n}"), "n/1", hour)).collect(), None);
    assert_eq!(reads.work(at(hour + 2), NOT_FULL).calls.len(), 1);
}

#[test]
fn a_key_that_two_namespaces_share_waits_for_its_place_in_the_tick() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "warm", "n/0", 0)], None);
    let warm = open(&mut reads, "a", 1, 0);
    answer_all(&mut reads, &warm[0], &Ok(entry()), 1);
    let spread = Spread { start: at(1_000), width: Duration::from_secs(10) };
    let shared = |key: &str| ["one/es", "two/es"].map(|object| request("a", key, object, 1_000));
    reads.request(at(1_000), [shared("k0"), shared("k1")].concat(), Some(spread));
    let sent = |reads: &mut Reads, millis| reads.work(at(millis), NOT_FULL).calls.len();
    assert_eq!((sent(&mut reads, 1_000), sent(&mut reads, 5_999), sent(&mut reads, 6_000)), (1, 0, 1));
}

#[test]
fn a_tick_is_spread_in_key_order_over_its_window() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "warm", "n/0", 0)], None);
    let warm = open(&mut reads, "a", 1, 0);
    answer_all(&mut reads, &warm[0], &Ok(entry()), 1);
    let spread = Spread { start: at(1_000), width: Duration::from_secs(1) };
    let requests = ["d", "b", "a", "c"].map(|key| request("a", key, "n/1", 1_000)).to_vec();
    reads.request(at(1_000), requests, Some(spread));
    let mut order = Vec::new();
    for millis in (1_000..2_000).step_by(50) {
        for call in reads.work(at(millis), NOT_FULL).calls {
            order.push((millis, keys(&call)[0].to_string()));
        }
    }
    let expected = [(1_000, "a"), (1_250, "b"), (1_500, "c"), (1_750, "d")]
        .map(|(millis, key)| (millis, key.to_string()));
    assert_eq!(order, expected);
}

#[test]
fn a_first_sync_pulls_a_spread_read_forward() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "warm", "n/0", 0)], None);
    let warm = open(&mut reads, "a", 1, 0);
    answer_all(&mut reads, &warm[0], &Ok(entry()), 1);
    let spread = Spread { start: at(60_000), width: Duration::from_secs(6) };
    reads.request(at(10), vec![request("a", "key", "n/1", 10)], Some(spread));
    assert!(reads.work(at(11), NOT_FULL).calls.is_empty());
    reads.request(at(12), vec![Request { lane: Lane::First, ..request("a", "key", "n/2", 12) }], None);
    let calls = reads.work(at(12), NOT_FULL).calls;
    assert_eq!(answer_all(&mut reads, &calls[0], &Ok(entry()), 13).len(), 2);
}

/// A store that is open, and a read that its tick delays by half an hour of 2.4.
fn long_spread() -> (Reads, Spread) {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "warm", "n/0", 0)], None);
    let warm = open(&mut reads, "a", 1, 0);
    answer_all(&mut reads, &warm[0], &Ok(entry()), 1);
    let day = Spread { start: at(1_800_000), width: Duration::from_secs(8_640) };
    reads.request(at(10), vec![request("a", "key", "n/1", 10)], Some(day));
    (reads, day)
}

#[test]
fn who_must_not_wait_as_long_pulls_spread_reads_forward_evenly_over_its_own_spread() {
    let minute = Spread { start: at(20), width: Duration::from_secs(6) };
    for (spread, starts) in [(None, [20; 3]), (Some(minute), [20, 2_020, 4_020])] {
        let (mut reads, day) = long_spread();
        let keys = ["k0", "k1", "k2"];
        let asked = |now| keys.iter().map(|key| request("a", key, "n/1", now)).collect();
        reads.request(at(10), asked(10), Some(day));
        reads.request(at(20), asked(20), spread);
        let mut seen = Vec::new();
        for now in [20, 2_019, 2_020, 4_019, 4_020] {
            for call in reads.work(at(now), NOT_FULL).calls {
                seen.push(now);
                assert_eq!(answer_all(&mut reads, &call, &Ok(entry()), now).len(), 2, "{spread:?}");
            }
        }
        assert_eq!(seen, starts, "{spread:?}");
        assert_eq!(reads.delayed.len(), 1, "the daily read alone: {:?}", reads.delayed);
    }
}

#[test]
fn who_may_wait_longer_leaves_a_read_where_it_is() {
    let (mut reads, day) = long_spread();
    reads.request(at(20), vec![request("a", "key", "n/2", 20)], Some(day));
    assert!(reads.work(at(1_799_999), NOT_FULL).calls.is_empty());
    assert_eq!(reads.work(at(1_800_000), NOT_FULL).calls.len(), 1);
}

#[test]
fn a_read_of_two_ticks_at_once_starts_within_the_narrower_spread() {
    let (mut reads, day) = long_spread();
    let hour = Spread { start: at(20), width: Duration::from_secs(360) };
    let (mut first, mut second) = (Fresh::default(), Fresh::default());
    reads.add(at(20), request("a", "both", "n/2", 20), Some(day), &mut first);
    reads.add(at(20), request("a", "both", "n/3", 20), Some(hour), &mut second);
    reads.start(at(20), first, Some(day));
    reads.start(at(20), second, Some(hour));
    assert_eq!(keys(&reads.work(at(360_020), NOT_FULL).calls[0]), ["both"]);
}

#[test]
fn what_failed_is_tried_again_no_sooner_for_who_joins_it() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0)], None);
    let calls = open(&mut reads, "a", 1, 0);
    let wait = Duration::from_secs(2);
    let error = Error::new(Kind::Unavailable, "scripted").after(Some(wait));
    assert_eq!(answer_all(&mut reads, &calls[0], &Err(error), 10).len(), 0);
    reads.request(at(20), vec![request("a", "key", "n/2", 20)], None);
    assert!(reads.work(at(2_009), NOT_FULL).calls.is_empty());
    assert_eq!(reads.work(at(2_010), NOT_FULL).calls.len(), 1);
}

/// The read of a tick met one that failed; that store's outage is no reason to wait for hours.
#[test]
fn a_delayed_read_that_meets_a_failed_one_can_still_be_pulled_forward() {
    let (mut reads, day) = long_spread();
    reads.request(at(20), vec![request("a", "met", "n/1", 20)], None);
    let flying = reads.work(at(20), NOT_FULL).calls;
    reads.request(at(30), vec![request("a", "met", "n/2", 30)], Some(Spread { start: at(900_000), ..day }));
    assert_eq!(answer_all(&mut reads, &flying[0], &failure(Kind::Unavailable), 40).len(), 0);
    let again = reads.work(at(40 + i64::try_from(BLIP.as_millis()).unwrap()), NOT_FULL).calls;
    assert_eq!(keys(&again[0]), ["met"], "it is tried again for who waited");
    let (mut reads, _) = long_spread();
    let read = reads.reads.values_mut().next().unwrap();
    read.failed = true;
    reads.request(at(20), vec![request("a", "key", "n/2", 20)], None);
    assert_eq!(
        reads.work(at(20), NOT_FULL).calls.len(),
        1,
        "what is delayed for longer than a retry is no retry"
    );
}

#[test]
fn one_failed_opening_answers_everybody_who_waited() {
    let mut reads = Reads::default();
    reads.request(
        at(0),
        (0..50).map(|n| request("a", &format!("k{n}"), &format!("n/{n}"), 0)).collect(),
        None,
    );
    assert_eq!(reads.work(at(0), NOT_FULL).calls.len(), 1);
    let deliveries = reads.not_opened(digest("a"), &Error::new(Kind::Unauthenticated, "refused"), at(0));
    assert_eq!(deliveries.len(), 50);
    assert!(reads.reads.is_empty() && reads.work(at(1), NOT_FULL).calls.is_empty());
}

#[test]
fn a_throttled_read_waits_in_the_closed_gate_and_its_objects_hear_nothing() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0)], None);
    let first = open(&mut reads, "a", 1, 0);
    let throttled = Err(Error::new(Kind::Throttled, "slow down").after(Some(Duration::from_secs(5))));
    assert!(answer_all(&mut reads, &first[0], &throttled, 1).is_empty());
    let work = reads.work(at(2), NOT_FULL);
    assert_eq!((work.calls.len(), work.wake), (0, Some(at(5_001))));
    let again = reads.work(at(5_001), NOT_FULL).calls;
    assert_eq!(answer_all(&mut reads, &again[0], &Ok(entry()), 5_002).len(), 1);
}

#[test]
fn a_store_that_throttles_for_good_is_heard_of() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0)], None);
    let mut calls = open(&mut reads, "a", 1, 0);
    let mut now = 0;
    for _ in 1..THROTTLED_TRIES {
        assert!(answer_all(&mut reads, &calls[0], &failure(Kind::Throttled), now).is_empty());
        now += 20_000;
        calls = reads.work(at(now), NOT_FULL).calls;
    }
    let deliveries = answer_all(&mut reads, &calls[0], &failure(Kind::Throttled), now);
    assert_eq!(deliveries[0].answer.as_ref().unwrap_err().kind(), Kind::Throttled);
}

/// Makes the store `a` fail so often, one round after the other, that it is down; nobody waits for it then.
fn take_down(reads: &mut Reads) {
    reads.request(at(0), vec![request("a", "first", "n/first", 0)], None);
    open(reads, "a", 1, 0);
    fail_in_a_row(reads, "a");
    let ids: Vec<ReadId> = reads.reads.keys().copied().collect();
    ids.into_iter().for_each(|id| drop(reads.drop_read(id)));
    reads.gates.get_mut(&digest("quota")).unwrap().answered(at(10));
}

fn fail_in_a_row(reads: &mut Reads, identity: &str) {
    for round in 1..=i64::from(DOWN_AFTER) {
        let error = Error::new(Kind::Unavailable, "scripted").with("path", "somebody/else").with("host", "h");
        reads.note_silence(digest(identity), &error, at(round), at(round));
    }
}

/// Something with the millisecond at which it happened.
type At<T> = (i64, T);

/// Works until `end`, a step each 100 ms; the store answers each key as `answer` says. What was asked when, and what was delivered.
fn work_until(
    reads: &mut Reads,
    (start, end): (i64, i64),
    answer: impl Fn(&str) -> Result<Answered>,
) -> (Vec<At<String>>, Vec<At<Delivery>>) {
    let (mut asked, mut delivered) = (Vec::new(), Vec::new());
    for now in (start..end).step_by(100) {
        let work = reads.work(at(now), NOT_FULL);
        delivered.extend(work.told.into_iter().map(|delivery| (now, delivery)));
        for call in work.calls {
            let key = keys(&call)[0].to_string();
            let answers = answer_all(reads, &call, &answer(&key), now + 1);
            delivered.extend(answers.into_iter().map(|delivery| (now, delivery)));
            asked.push((now, key));
        }
    }
    (asked, delivered)
}

#[test]
fn a_read_that_failed_once_is_tried_again_a_moment_later_and_nobody_hears_of_it() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "key", "n/1", 0)], None);
    let first = open(&mut reads, "a", 1, 0);
    assert!(answer_all(&mut reads, &first[0], &failure(Kind::Unavailable), 1).is_empty());
    let work = reads.work(at(2), NOT_FULL);
    assert_eq!((work.calls.len(), work.wake), (0, Some(at(201))));
    let second = reads.work(at(201), NOT_FULL).calls;
    let heard = answer_all(&mut reads, &second[0], &failure(Kind::Unavailable), 202);
    assert_eq!(heard[0].answer.as_ref().unwrap_err().kind(), Kind::Unavailable);
    assert!(!heard[0].is_down, "two failures are no outage");
}

#[test]
fn an_opening_that_failed_once_is_tried_again_a_moment_later_and_nobody_hears_of_it() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "k", "n/1", 0), request("a", "l", "n/2", 0)], None);
    let opening = [Call::Open(digest("a"))];
    let error = Error::new(Kind::Unavailable, "no route");
    assert_eq!(reads.work(at(0), NOT_FULL).calls, opening);
    assert!(reads.not_opened(digest("a"), &error, at(10)).is_empty());
    let work = reads.work(at(11), NOT_FULL);
    assert_eq!((work.calls.len(), work.wake), (0, Some(at(210))));
    assert_eq!(reads.work(at(210), NOT_FULL).calls, opening);
    assert_eq!(reads.not_opened(digest("a"), &error, at(220)).len(), 2);
}

#[test]
fn a_throttled_opening_closes_the_gate_and_nobody_hears_of_it() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "k", "n/1", 0)], None);
    reads.work(at(0), NOT_FULL);
    let error = Error::new(Kind::Throttled, "slow down").after(Some(Duration::from_secs(5)));
    assert!(reads.not_opened(digest("a"), &error, at(1)).is_empty());
    let work = reads.work(at(2), NOT_FULL);
    assert_eq!((work.calls.len(), work.wake), (0, Some(at(5_001))));
    assert_eq!(reads.work(at(5_001), NOT_FULL).calls, [Call::Open(digest("a"))]);
}

#[test]
fn stores_of_a_quota_that_throttles_log_in_one_after_another() {
    let mut reads = Reads::default();
    let identities = ["a", "b", "c"];
    reads.request(at(0), identities.map(|identity| request(identity, "k", "n/1", 0)).into(), None);
    assert_eq!(reads.work(at(0), NOT_FULL).calls.len(), 3, "nothing is known against it");
    let slow = Error::new(Kind::Throttled, "slow down").after(Some(Duration::from_secs(5)));
    for identity in identities {
        assert!(reads.not_opened(digest(identity), &slow, at(1)).is_empty());
    }
    let mut open = BTreeSet::new();
    for now in (5_001..).step_by(1_000).take(3) {
        let calls = reads.work(at(now), NOT_FULL).calls;
        let [Call::Open(identity)] = *calls else { panic!("not one login: {calls:?}") };
        assert!(open.insert(identity), "opened twice");
        assert!(!reads.forget(identity), "it is being opened");
        reads.opened(identity, capabilities(1));
    }
    let calls = reads.work(at(9_000), NOT_FULL).calls;
    assert!(
        matches!(*calls, [Call::Get(..)]),
        "an open store has not proved yet that it may be read: {calls:?}"
    );
    answer_all(&mut reads, &calls[0], &Ok(entry()), 9_001);
    assert_eq!(reads.work(at(9_002), NOT_FULL).calls.len(), 2);
}

#[test]
fn a_store_that_is_being_opened_for_nobody_any_more_is_not_forgotten_before_it_is_open() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "k", "n/1", 0)], None);
    reads.work(at(0), NOT_FULL);
    fail_in_a_row(&mut reads, "a");
    let silent = Error::new(Kind::Unavailable, "down");
    assert_eq!(reads.not_opened(digest("a"), &silent, at(5)).len(), 1, "who waited is told");
    assert_eq!(reads.work(at(2_500), NOT_FULL).calls, [Call::Open(digest("a"))], "its read asks without it");
    assert!(!reads.forget(digest("a")), "its login counts yet");
    reads.not_opened(digest("a"), &silent, at(2_600));
    assert!(reads.forget(digest("a")) && !reads.gates[&digest("quota")].is_busy());
}

#[test]
fn reads_that_were_under_way_together_and_fail_together_do_not_make_a_store_count_as_down() {
    let mut reads = Reads::default();
    let requests = (0..20).map(|n| request("a", &format!("k{n}"), &format!("n/{n}"), 0)).collect();
    reads.request(at(0), requests, None);
    let calls = open(&mut reads, "a", 1, 0);
    for call in &calls {
        assert!(answer_all(&mut reads, call, &failure(Kind::Unavailable), 1).is_empty());
    }
    assert!(calls.len() > DOWN_AFTER as usize && !reads.is_down(digest("a")));
}

#[test]
fn while_a_store_is_down_one_read_in_two_seconds_asks_and_all_who_waited_for_it_are_told_once() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let requests = (0..50).map(|n| request("a", &format!("k{n:02}"), &format!("n/{n}"), 20)).collect();
    reads.request(at(20), requests, None);
    let (asked, told) = work_until(&mut reads, (20, 20_020), |_| failure(Kind::Unavailable));
    assert!((9..=10).contains(&asked.len()), "{asked:?}");
    assert_eq!(told.len(), 50);
    assert!(told.iter().all(|(when, delivery)| delivery.is_down && *when < 2_200));
    assert!(reads.reads.len() <= ASKING, "nobody waits for {} reads", reads.reads.len());
}

#[test]
fn what_others_hear_of_a_store_that_is_down_names_no_entry() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    reads.request(at(20), vec![request("a", "k", "n/1", 20), request("a", "l", "n/2", 20)], None);
    let error = Error::new(Kind::Unavailable, "no answer").with("path", "its/own").with("host", "h");
    let (_, told) = work_until(&mut reads, (20, 3_000), |_| Err(error.clone()));
    let text = |n: usize| told[n].1.answer.as_ref().unwrap_err().to_string();
    assert!(text(0).contains("its/own"), "{}", text(0));
    assert!(text(1).contains('h') && !text(1).contains("its/own"), "{}", text(1));
}

#[test]
fn an_entry_that_always_fails_does_not_keep_the_others_from_a_store_that_answers() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let answer = |key: &str| if key == "bad" { failure(Kind::Unavailable) } else { Ok(entry()) };
    reads.request(at(20), vec![request("a", "bad", "n/bad", 20)], None);
    let (asked, told) = work_until(&mut reads, (20, 5_000), answer);
    assert_eq!((asked.len(), told.len()), (2, 1), "{asked:?}");
    let good = (0..5).map(|n| request("a", &format!("good{n}"), &format!("n/{n}"), 5_000)).collect();
    reads.request(at(5_000), good, None);
    let (_, told) = work_until(&mut reads, (5_000, 8_000), answer);
    assert_eq!(told.iter().filter(|(_, delivery)| delivery.answer.is_ok()).count(), 5);
    assert!(told.iter().all(|(_, delivery)| delivery.answer.is_ok()), "nobody hears of an outage");
}

#[test]
fn who_came_after_a_read_had_gone_out_is_not_told_of_its_failure() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    reads.request(at(20), vec![request("a", "k", "n/1", 20)], None);
    let calls = reads.work(at(3_000), NOT_FULL).calls;
    reads.request(at(3_001), vec![request("a", "l", "n/2", 3_001)], None);
    let told = answer_all(&mut reads, &calls[0], &failure(Kind::Unavailable), 9_000);
    assert_eq!(told.iter().map(|delivery| delivery.waiter.object.name()).collect::<Vec<_>>(), ["1"]);
}

#[test]
fn when_a_store_is_back_all_who_waited_are_served_and_the_others_are_told() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let requests = |from: i64| (0..5).map(move |n| request("a", &format!("k{n}"), &format!("n/{n}"), from));
    reads.request(at(20), requests(20).collect(), None);
    work_until(&mut reads, (20, 2_100), |_| failure(Kind::Unavailable));
    reads.request(at(2_100), requests(2_100).take(3).collect(), None);
    let (_, served) = work_until(&mut reads, (2_100, 6_000), |_| Ok(entry()));
    assert_eq!(served.len(), 3);
    assert_eq!(reads.take_back(), [digest("a")]);
    assert!(reads.take_back().is_empty() && reads.reads.is_empty() && reads.turns.is_empty());
}

#[test]
fn identities_of_one_quota_that_are_down_take_turns() {
    let mut reads = Reads::default();
    for identity in ["a", "b"] {
        reads.request(at(0), vec![request(identity, "key", "n/1", 0)], None);
        reads.work(at(0), NOT_FULL);
        reads.opened(digest(identity), capabilities(1));
        fail_in_a_row(&mut reads, identity);
    }
    let mut asked = BTreeSet::new();
    for now in (2..9_000).step_by(100) {
        for call in reads.work(at(now), NOT_FULL).calls {
            if let Call::Get(identity, _) = &call {
                asked.insert(*identity);
            }
            answer_all(&mut reads, &call, &failure(Kind::Unavailable), now);
        }
    }
    assert_eq!(asked.len(), 2, "both have had a turn");
}

#[test]
fn a_store_that_wants_to_be_left_alone_while_it_comes_back_is_not_back_and_says_so() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let requests = (0..5).map(|n| request("a", &format!("k{n}"), &format!("n/{n}"), 20)).collect();
    reads.request(at(20), requests, None);
    let throttled = Error::new(Kind::Throttled, "slow down").after(Some(Duration::from_secs(5)));
    let (asked, told) = work_until(&mut reads, (20, 22_020), |_| Err(throttled.clone()));
    assert!((4..=5).contains(&asked.len()), "one in five seconds: {asked:?}");
    assert!(told.len() == 5 && reads.take_back().is_empty());
}

#[test]
fn one_read_at_a_time_asks_however_long_its_answer_takes() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let requests = (0..5).map(|n| request("a", &format!("k{n}"), &format!("n/{n}"), 20)).collect();
    reads.request(at(20), requests, None);
    let asked: usize = (20..30_000).step_by(100).map(|now| reads.work(at(now), NOT_FULL).calls.len()).sum();
    assert_eq!(asked, 1);
}

#[test]
fn proofs_of_a_store_that_is_down_take_turns_and_leave_them_to_its_reads() {
    let mut reads = Reads::default();
    assert_eq!(reads.take_turn(digest("a"), at(0)), Ok(()), "nothing is known against it");
    take_down(&mut reads);
    let wait = reads.take_turn(digest("a"), at(20)).unwrap_err();
    let turn = 20 + i64::try_from(wait.as_millis()).unwrap();
    assert_eq!(reads.take_turn(digest("a"), at(turn)), Ok(()));
    reads.request(at(turn), vec![request("a", "k", "n/1", turn)], None);
    assert_eq!(reads.work(at(turn), NOT_FULL).calls.len(), 0, "the turn is taken");
    assert!(reads.take_turn(digest("a"), at(turn + 2_000)).is_err(), "the next is the read's");
    assert_eq!(reads.work(at(turn + 2_000), NOT_FULL).calls.len(), 1);
}

#[test]
fn a_store_whose_quota_is_known_to_be_down_is_down_at_its_first_failure() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let error = Error::new(Kind::Unavailable, "scripted");
    for (identity, quota, is_down) in [("b", "quota", true), ("c", "another", false)] {
        reads.know(Target { quota: digest(quota), ..target(identity) }, at(20));
        reads.note_silence(digest(identity), &error, at(20), at(21));
        assert_eq!(reads.is_down(digest(identity)), is_down, "{identity}");
    }
}

/// Two identities `b` and `c` of the quota of `a` that are open and were never asked, each with a read that is queued at 20.
fn two_more(reads: &mut Reads) {
    for identity in ["b", "c"] {
        reads.request(at(0), vec![request(identity, "at first", &format!("n/{identity}"), 0)], None);
        let calls = open(reads, identity, 1, 0);
        answer_all(reads, &calls[0], &Ok(entry()), 0);
    }
}

#[test]
fn where_one_store_of_a_quota_is_down_the_others_wait_until_one_of_them_is_answered() {
    for is_up in [true, false] {
        let mut reads = Reads::default();
        two_more(&mut reads);
        take_down(&mut reads);
        let requests = ["a", "b", "c"].map(|of| request(of, of, &format!("n/{of}"), 20));
        reads.request(at(20), requests.into(), None);
        let answer = |key: &str| if is_up && key != "a" { Ok(entry()) } else { failure(Kind::Unavailable) };
        let (asked, told) = work_until(&mut reads, (20, 2_220), answer);
        let first: Vec<&str> = asked.iter().map(|(_, key)| key.as_str()).collect();
        if is_up {
            assert!(asked[0].1 != "a" && asked[1].0 - asked[0].0 < 200 && first.len() == 2, "{asked:?}");
            assert!(told.iter().all(|(_, delivery)| delivery.answer.is_ok()));
            assert!(reads.is_down(digest("a")), "one that was found down is still");
        } else {
            assert_eq!(first.len(), 1, "{asked:?}");
            let (asked, _) = work_until(&mut reads, (2_220, 22_220), answer);
            assert!(asked.len() <= 10, "one in two seconds: {asked:?}");
        }
    }
}

#[test]
fn a_store_that_answers_while_another_of_its_quota_fails_is_not_presumed_to_be_down() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    reads.note_answer(digest("c"), at(2));
    take_down(&mut reads);
    let [is_a, is_b, is_c] = ["a", "b", "c"].map(|identity| reads.is_down(digest(identity)));
    assert_eq!([is_a, is_b, is_c], [true, false, false]);
}

#[test]
fn a_call_that_hangs_keeps_no_store_from_asking_that_is_only_presumed_to_be_down() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    reads.request(at(20), vec![request("a", "hangs", "n/a", 20)], None);
    let hangs = reads.work(at(2_020), NOT_FULL).calls;
    assert_eq!(hangs.len(), 1);
    reads.request(at(2_030), vec![request("b", "k", "n/b", 2_030)], None);
    assert!(reads.work(at(2_040), NOT_FULL).calls.is_empty(), "one in two seconds");
    assert_eq!(keys(&reads.work(at(4_040), NOT_FULL).calls[0]), ["k"]);
}

#[test]
fn where_three_stores_of_a_quota_are_down_one_turn_tells_the_objects_of_all() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    let error = Error::new(Kind::Unavailable, "scripted");
    ["b", "c"].into_iter().for_each(|identity| reads.note_silence(digest(identity), &error, at(11), at(12)));
    let requests = ["a", "b", "c"].map(|of| request(of, of, &format!("n/{of}"), 20));
    reads.request(at(20), requests.into(), None);
    let (asked, told) = work_until(&mut reads, (20, 2_220), |_| failure(Kind::Unavailable));
    assert_eq!((asked.len(), told.len()), (1, 3), "{asked:?}");
}

#[test]
fn stores_that_were_down_before_another_answered_do_not_speak_for_all() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    fail_in_a_row(&mut reads, "b");
    reads.know(target("d"), at(0));
    reads.note_answer(digest("d"), at(15));
    // Of the three that are down now, two fell silent before that answer.
    for round in 16..=18 {
        let error = Error::new(Kind::Unavailable, "scripted");
        reads.note_silence(digest("c"), &error, at(round), at(round));
    }
    let requests = ["a", "b", "c"].map(|of| request(of, of, &format!("n/{of}"), 20));
    reads.request(at(20), requests.into(), None);
    let (asked, told) = work_until(&mut reads, (20, 2_220), |_| failure(Kind::Unavailable));
    assert_eq!((asked.len(), told.len()), (1, 1), "{asked:?}");
}

#[test]
fn that_a_store_throttles_is_not_forgotten_before_it_is_asked_again() {
    let mut reads = Reads::default();
    reads.know(target("a"), at(0));
    reads.note_throttled(digest("a"), Some(Duration::from_secs(5)), at(0));
    reads.sweep_gates(at(6_000));
    assert_eq!(reads.take_turn(digest("a"), at(6_000)), Ok(()));
    assert!(reads.take_turn(digest("a"), at(6_001)).is_err(), "proofs still take turns");
}

#[test]
fn a_read_that_went_along_while_its_tick_was_gathered_is_not_delayed_by_it() {
    let mut reads = Reads::default();
    let mut fresh = Fresh::default();
    reads.add(at(0), request("a", "one", "n/1", 0), None, &mut fresh);
    reads.request(at(0), vec![request("a", "two", "n/2", 0)], None);
    // A full batch takes it along, and is not answered.
    let calls = open(&mut reads, "a", 2, 0);
    assert_eq!(keys(&calls[0]).len(), 2);
    answer_all(&mut reads, &calls[0], &failure(Kind::Throttled), 1);
    reads.start(at(2), fresh, Some(Spread { start: at(900_000), width: Duration::from_secs(1) }));
    assert!(reads.delayed.is_empty(), "it has its time already: {:?}", reads.delayed);
    let again = reads.work(at(2_000), NOT_FULL).calls;
    assert_eq!(keys(&again[0]).len(), 2, "both are tried again: {again:?}");
}

#[test]
fn a_proof_of_a_store_that_was_presumed_to_be_down_goes_before_reads_that_have_failed() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    reads.request(at(20), vec![request("a", "k", "n/1", 20)], None);
    work_until(&mut reads, (20, 2_220), |_| failure(Kind::Unavailable));
    assert!(reads.take_turn(digest("a"), at(5_000)).is_err(), "its reads take the turns");
    assert_eq!(reads.take_turn(digest("b"), at(5_000)), Ok(()));
    reads.note_proof(digest("b"), at(5_000));
    let [is_a, is_b, is_c] = ["a", "b", "c"].map(|identity| reads.is_down(digest(identity)));
    assert_eq!([is_a, is_b, is_c], [true, false, false]);
}

#[test]
fn proofs_of_a_store_that_nobody_reads_take_turns_with_the_reads_of_another() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    fail_in_a_row(&mut reads, "b");
    reads.request(at(20), vec![request("a", "k", "n/1", 20)], None);
    let fails = |_: &str| failure(Kind::Unavailable);
    let (asked, _) = work_until(&mut reads, (20, 10_000), fails);
    let wait = reads.take_turn(digest("b"), at(10_000)).unwrap_err();
    let turn = 10_000 + i64::try_from(wait.as_millis()).unwrap();
    work_until(&mut reads, (10_000, turn), fails);
    assert_eq!(reads.take_turn(digest("b"), at(turn)), Ok(()), "kept for it");
    assert!(reads.take_turn(digest("b"), at(turn + 2_000)).is_err(), "the next is the read's");
    let (after, _) = work_until(&mut reads, (turn + 2_000, turn + 10_000), fails);
    assert!(asked.len() >= 4 && after.len() >= 3, "{asked:?} {after:?}");
}

#[test]
fn how_long_a_store_wants_to_be_left_alone_is_told_to_its_readers_and_does_not_keep_others_from_asking() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    let hour = Some(Duration::from_secs(3_600));
    let busy = Error::new(Kind::Unavailable, "busy").with("host", "h").after(hour);
    reads.note_silence(digest("a"), &busy, at(15), at(16));
    let requests = ["a", "b"].map(|of| request(of, of, &format!("n/{of}"), 20));
    reads.request(at(20), requests.into(), None);
    let (asked, told) = work_until(&mut reads, (20, 2_220), |_| Ok(entry()));
    assert_eq!(asked.iter().map(|(_, key)| &**key).collect::<Vec<_>>(), ["b"]);
    assert_eq!(told.len(), 2, "one is answered, the other told: {told:?}");
    let wait = reads.take_turn(digest("a"), at(3_000)).unwrap_err();
    assert!(wait > Duration::from_secs(3_590), "{wait:?}");
}

#[test]
fn calls_that_fail_late_keep_nobody_from_asking() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    reads.request(at(20), vec![request("b", "k", "n/b", 20)], None);
    let error = Error::new(Kind::Unavailable, "no answer in time");
    for late in (500..2_000).step_by(500) {
        reads.note_silence(digest("a"), &error, at(0), at(late));
    }
    assert_eq!(reads.work(at(2_020), NOT_FULL).calls.len(), 1);
}

#[test]
fn neither_a_read_nor_a_proof_goes_beside_the_other_after_a_throttled_answer() {
    let wait = Some(Duration::from_secs(5));
    let throttled = || {
        let mut reads = Reads::default();
        reads.know(target("a"), at(0));
        reads.note_throttled(digest("a"), wait, at(0));
        reads.opened(digest("a"), capabilities(1));
        reads
    };
    let mut reads = throttled();
    reads.request(at(10), vec![request("a", "waits", "n/1", 10)], None);
    assert!(reads.take_turn(digest("a"), at(5_000)).is_err(), "a read waits");
    assert_eq!(reads.work(at(5_000), NOT_FULL).calls.len(), 1);
    assert!(reads.take_turn(digest("a"), at(5_001)).is_err(), "a read is under way");

    let mut reads = throttled();
    assert_eq!(reads.take_turn(digest("a"), at(5_000)), Ok(()));
    reads.request(at(5_001), vec![request("a", "comes later", "n/1", 5_001)], None);
    assert!(reads.work(at(5_001), NOT_FULL).calls.is_empty(), "a proof is under way");
    reads.note_proof(digest("a"), at(5_000));
    assert_eq!(reads.work(at(5_100), NOT_FULL).calls.len(), 1, "it was answered");
}

#[test]
fn an_identity_that_comes_while_its_quota_is_silent_asks_in_its_turn() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let requests = (0..5).map(|n| request("new", &format!("k{n}"), &format!("n/{n}"), 20)).collect();
    reads.request(at(20), requests, None);
    assert!(reads.work(at(20), NOT_FULL).calls.is_empty());
    assert_eq!(reads.work(at(2_020), NOT_FULL).calls, [Call::Open(digest("new"))]);
}

#[test]
fn beside_a_store_that_is_down_one_failure_of_another_that_answered_since_is_no_outage() {
    let mut reads = Reads::default();
    two_more(&mut reads);
    take_down(&mut reads);
    reads.note_answer(digest("c"), at(20));
    let error = Error::new(Kind::Unavailable, "scripted");
    reads.note_silence(digest("b"), &error, at(30), at(31));
    assert!(reads.is_down(digest("a")) && !reads.is_down(digest("b")));
}

#[test]
fn that_a_store_throttles_no_more_is_told_like_the_end_of_an_outage() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "k", "n/1", 0)], None);
    let before = open(&mut reads, "a", 1, 0);
    reads.note_throttled(digest("a"), Some(Duration::from_secs(5)), at(1));
    answer_all(&mut reads, &before[0], &Ok(entry()), 2);
    assert!(reads.take_back().is_empty(), "what was under way before says nothing of after");
    reads.request(at(3), vec![request("a", "k", "n/1", 3)], None);
    let alone = reads.work(at(5_001), NOT_FULL).calls;
    answer_all(&mut reads, &alone[0], &Ok(entry()), 5_002);
    assert_eq!(reads.take_back(), [digest("a")]);
}

#[test]
fn before_a_gate_that_stays_closed_for_long_nobody_waits() {
    for (seconds, told) in [(29, 0), (31, 2)] {
        let mut reads = Reads::default();
        reads.request(at(0), vec![request("a", "k", "n/1", 0)], None);
        open(&mut reads, "a", 1, 0);
        reads.note_throttled(digest("a"), Some(Duration::from_secs(seconds)), at(2));
        reads.request(at(2), vec![request("a", "j", "n/2", 2), request("a", "j", "m/3", 2)], None);
        let work = reads.work(at(2), NOT_FULL);
        assert!(work.calls.is_empty());
        let errors: Vec<&Error> = work.told.iter().map(|told| told.answer.as_ref().unwrap_err()).collect();
        assert_eq!(errors.len(), told, "{seconds}");
        assert!(errors.iter().all(|error| error.wait() == Some(Duration::from_secs(31))));
    }
}

#[test]
fn what_was_answered_for_another_namespace_takes_nobody_the_last_place() {
    let mut reads = Reads::default();
    let shared = ["a", "b", "c"].map(|namespace| request("a", "shared", &format!("{namespace}/1"), 0));
    reads.request(at(0), shared.into(), None);
    let calls = open(&mut reads, "a", 1, 0);
    answer_all(&mut reads, &calls[0], &Ok(entry()), 1);
    reads.request(at(2), vec![request("a", "own", "b/1", 2)], None);
    // One may go, whoever it is.
    let granted = std::cell::Cell::new(false);
    let calls = reads.work(at(2), &|_| granted.replace(true)).calls;
    assert_eq!(calls.iter().map(|call| keys(call)[0]).collect::<Vec<_>>(), ["own"]);
}

#[test]
fn a_proof_that_is_throttled_leaves_the_store_alone_for_as_long_as_it_asks() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let wait = Some(Duration::from_secs(9));
    reads.note_throttled(digest("a"), wait, at(1_000));
    assert_eq!(reads.take_turn(digest("a"), at(9_000)), Err(Duration::from_secs(1)));
    reads.request(at(9_000), vec![request("a", "k", "n/1", 9_000)], None);
    assert!(reads.work(at(9_999), NOT_FULL).calls.is_empty());
    assert_eq!(reads.work(at(10_000), NOT_FULL).calls.len(), 1);
}

#[test]
fn a_store_that_throttles_and_was_never_down_is_not_proved_while_it_wants_to_be_left_alone() {
    let mut reads = Reads::default();
    reads.know(target("a"), at(0));
    reads.note_throttled(digest("a"), Some(Duration::from_secs(5)), at(0));
    reads.know(target("b"), at(0));
    for identity in ["a", "b"] {
        assert_eq!(reads.take_turn(digest(identity), at(1_000)), Err(Duration::from_secs(4)), "{identity}");
    }
    assert_eq!(reads.take_turn(digest("a"), at(5_000)), Ok(()));
    assert_eq!(reads.take_turn(digest("b"), at(5_000)), Err(Duration::from_secs(2)), "one after the other");
    reads.note_proof(digest("a"), at(5_001));
    assert_eq!(reads.take_turn(digest("b"), at(5_100)), Ok(()), "it throttles no more");
}

#[test]
fn an_answer_of_another_kind_is_an_answer_and_a_fault_of_ours_is_none() {
    for (kind, is_back) in [(Kind::NotFound, true), (Kind::Forbidden, true), (Kind::Bug, false)] {
        let mut reads = Reads::default();
        take_down(&mut reads);
        reads.request(at(20), vec![request("a", "k", "n/1", 20)], None);
        work_until(&mut reads, (20, 3_000), |_| failure(kind));
        assert_eq!(!reads.is_down(digest("a")), is_back, "{kind:?}");
    }
}

#[test]
fn a_store_that_is_down_and_that_nobody_waits_for_can_be_forgotten() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    reads.request(at(20), vec![request("a", "k", "n/1", 20)], None);
    assert!(!reads.forget(digest("a")), "an object waits for it");
    work_until(&mut reads, (20, 3_000), |_| failure(Kind::Unavailable));
    assert!(reads.forget(digest("a")) && reads.reads.is_empty() && reads.queued.is_empty());
    reads.sweep_gates(at(3_000));
    assert!(reads.turns.is_empty());
}

#[test]
fn a_second_namespace_takes_a_turn_of_its_own_for_a_shared_read() {
    let mut reads = Reads::default();
    let mut requests: Vec<_> = (0..5).map(|n| request("a", &format!("k{n}"), "big/1", 0)).collect();
    requests.push(request("a", "k4", "small/1", 0));
    reads.request(at(0), requests, None);
    let calls = open(&mut reads, "a", 1, 0);
    let order: Vec<_> = calls.iter().map(|call| keys(call)[0].to_string()).collect();
    assert!(order.iter().position(|key| key == "k4") <= Some(1), "{order:?}");
}

#[test]
fn metadata_and_value_are_two_reads() {
    let mut reads = Reads::default();
    let mut metadata = request("a", "k", "n/1", 0);
    metadata.ask = Ask::Key(RemoteKey { want: Want::Metadata, ..RemoteKey::value("k") });
    reads.request(at(0), vec![metadata, request("a", "k", "n/1", 0)], None);
    assert_eq!(open(&mut reads, "a", 20, 0).len(), 2);
}

#[test]
fn reads_that_are_packed_into_one_call_stand_in_line_once_however_often_it_fails() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    reads.opened(digest("a"), capabilities(20));
    let requests = (0..10).map(|n| request("a", &format!("k{n}"), &format!("n/{n}"), 20)).collect();
    reads.request(at(20), requests, None);
    let (asked, told) = work_until(&mut reads, (20, 20_020), |_| failure(Kind::Unavailable));
    assert!(asked.len() >= 9 && told.len() == 10);
    assert_eq!(reads.lines[&digest("a")].outage.waiting().len(), reads.reads.len());
}

#[test]
fn who_joins_an_entry_that_has_failed_hears_of_the_next_failure_of_any_such() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    let request_of = |n: i64, now: i64| request("a", &format!("k{n}"), &format!("n/{n}"), now);
    reads.request(at(20), (0..5).map(|n| request_of(n, 20)).collect(), None);
    work_until(&mut reads, (20, 20_000), |_| failure(Kind::Unavailable));
    reads.request(at(20_000), (0..5).map(|n| request_of(n, 20_000)).collect(), None);
    let (asked, told) = work_until(&mut reads, (20_000, 22_100), |_| failure(Kind::Unavailable));
    assert_eq!((asked.len(), told.len()), (1, 5), "{asked:?}");
}

#[test]
fn an_answer_to_what_was_sent_before_an_outage_does_not_end_it() {
    let mut reads = Reads::default();
    reads.request(at(0), vec![request("a", "slow", "n/1", 0), request("a", "k", "n/2", 0)], None);
    let calls = open(&mut reads, "a", 1, 0);
    fail_in_a_row(&mut reads, "a");
    assert_eq!(answer_all(&mut reads, &calls[0], &Ok(entry()), 10).len(), 1);
    assert!(reads.is_down(digest("a")) && reads.take_back().is_empty());
}

#[test]
fn a_store_that_is_down_is_left_alone_for_as_long_as_it_asks() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    reads.request(at(20), vec![request("a", "k", "n/1", 20)], None);
    let busy = Error::new(Kind::Unavailable, "busy").after(Some(Duration::from_secs(9)));
    let (asked, _) = work_until(&mut reads, (20, 20_000), |_| Err(busy.clone()));
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn an_entry_that_hangs_before_it_fails_again_keeps_no_other_from_asking() {
    let mut reads = Reads::default();
    take_down(&mut reads);
    reads.request(at(20), vec![request("a", "hangs", "n/1", 20)], None);
    work_until(&mut reads, (20, 2_100), |_| failure(Kind::Unavailable));
    assert_eq!(reads.work(at(5_000), NOT_FULL).calls.len(), 1);
    reads.request(at(7_100), vec![request("a", "good", "n/2", 7_100)], None);
    let calls = reads.work(at(7_100), NOT_FULL).calls;
    assert_eq!(calls.iter().map(|call| keys(call)[0]).collect::<Vec<_>>(), ["good"]);
}
