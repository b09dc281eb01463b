//! The steady state: unchanged objects are refreshed every 15 seconds, and nothing but their store should notice.
//!
//! It is measured for a whole number of refreshes, with the ten stores of every workload. They are one account, so their objects tick
//! together, and a key must be read once an interval whichever of them names it. When the ticks are, no one outside knows; but between
//! two of them the store is at rest, so the reads between two rests are one tick, whose spread is judged.
//!
//! There are twenty objects for each key, not ten as elsewhere: the goals are those of 2 000 objects with 100 keys. The controller
//! writes an object's `refreshTime` once in a quarter of an hour, at a moment that follows from its UID. These stamps fall into every
//! measurement, evenly, and are judged apart from other requests. A watch ends after some minutes, as keyferry asks for it: one that is
//! opened again is nobody's request, as often as its life fits into the measurement. A list is one: a watch can be taken up without.
//!
//! All of it is measured beside the audit log, which takes time of its own: the times here say how reads lie within an interval, which
//! timers decide. They are no measure of speed. keyferry's CPU time and memory are the kernel's and its own.
//!
//! Then come a few refreshes in a fresh control plane with the stamps off, in which nothing at all may be written.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use super::{Arguments, Row, Run, rest};
use crate::{
    Result,
    audit::{self, Counts},
    clock,
    controller::Controller,
    floor,
    observer::Observer,
    plane::{Identity, Plane},
    process::{self, Series},
    standin::{Read, StandIn},
    table::{Figure, Report, Table},
    workload::{Shape, Workload},
};

/// The row of this benchmark.
pub(super) const ROW: Row = Row {
    name: "steady",
    objects: 2_000,
    time: Duration::from_secs(60),
    about: "unchanged objects are refreshed every 15 s for T; memory is judged from 10m on",
    run,
};

/// The interval of every object.
const INTERVAL: Duration = Duration::from_secs(15);
/// The part of the interval over which the reads of one tick are to be spread.
const WINDOW: Duration = Duration::from_millis(1_500);
/// The most of a tick's reads that a tenth of the window may hold. Even ones put a tenth there; what is let pass is ours.
const DENSEST: f64 = 0.3;
/// What a tick may take of its window. Timers fire late on a busy machine; how late, is ours.
const WIDEST: f64 = 1.1;
/// How often an object is stamped: the default of `--status-stamp-interval`.
const STAMP: Duration = Duration::from_secs(15 * 60);
/// Refreshes without stamps, at most.
const REFRESHES_WITHOUT_STAMPS: u32 = 4;
/// Turns stamps off.
const NO_STAMPS: &str = "--status-stamp-interval=never";
/// Memory is judged if it was watched this long.
const LONG: Duration = Duration::from_secs(10 * 60);
/// The end of a long measurement, over which memory is judged.
const SETTLED: Duration = Duration::from_secs(8 * 60);

/// How long nothing may have asked the store at a moment between two ticks.
const QUIET: Duration = Duration::from_secs(2);
/// How long nothing but stamps may have asked the API server before it counts as at rest.
const REST: Duration = Duration::from_secs(10);
/// A pause after which the audit log has no more to tell of a controller that has ended.
const LOG_RESTS: Duration = Duration::from_secs(2);
/// How often it is looked whether the store rests.
const LOOK: Duration = Duration::from_millis(100);
/// All objects may take this long and [`PATIENCE_EACH`] for each to come into sync; a machine that needs longer measures nothing.
const PATIENCE: Duration = Duration::from_secs(300);
/// See [`PATIENCE`]. An event of each object is written at 20 a second.
const PATIENCE_EACH: Duration = Duration::from_millis(200);

/// The goals for CPU time are those of this many objects.
const GOALS_ARE_FOR: f64 = 2_000.0;
/// The status of an ExternalSecret, as the audit log names it.
pub(super) const STATUS: &str = "externalsecrets/status";
pub(super) const MEBIBYTE: f64 = 1_048_576.0;

fn run(arguments: Arguments) -> Run {
    Box::pin(measure(arguments))
}

async fn measure(Arguments { objects, time }: Arguments) -> Result<Report> {
    let refreshes = refreshes_in(time);
    let shape = Shape { keys: (objects / 20).max(3), interval: "15s".to_owned(), ..Shape::shared(objects) };
    let stamped = watch(&shape, &[], refreshes).await?;
    let unstamped = watch(&shape, &[NO_STAMPS], refreshes.min(REFRESHES_WITHOUT_STAMPS)).await?;
    Ok(Findings { objects, stamped, unstamped }.report())
}

/// The whole refreshes that fit into a time; one at least.
fn refreshes_in(time: Duration) -> u32 {
    u32::try_from(time.as_secs() / INTERVAL.as_secs()).unwrap_or(u32::MAX).max(1)
}

async fn watch(shape: &Shape, flags: &[&str], refreshes: u32) -> Result<Measured> {
    let scene = Scene::set(shape).await?;
    let controller = scene.start(flags)?;
    scene.until_in_sync(&controller).await?;
    // Every object has had its tick, and the next one of all begins the measurement.
    tokio::time::sleep(INTERVAL).await;
    scene.until_between_ticks().await;
    scene.measure(controller, refreshes).await
}

/// A control plane with all objects in it, the store that they draw from, and who watches them.
pub(super) struct Scene {
    observer: Observer,
    workload: Workload,
    pub(super) store: StandIn,
    identity: Identity,
    plane: Plane,
}

impl Scene {
    pub(super) async fn set(shape: &Shape) -> Result<Self> {
        let plane = Plane::start(true).await?;
        let store = StandIn::start()?;
        let workload = Workload::new(shape.clone(), store.address());
        workload.create(plane.api()).await?;
        let observer = Observer::start(plane.api()).await?;
        let identity = plane.identity(plane.server()).await?;
        Ok(Self { observer, workload, store, identity, plane })
    }

    pub(super) fn start(&self, flags: &[&str]) -> Result<Controller> {
        Controller::start(&self.identity, flags)
    }

    /// Waits until all objects are Ready and what follows from that, such as their events, is written.
    pub(super) async fn until_in_sync(&self, controller: &Controller) -> Result<()> {
        let objects = self.workload.shape().objects;
        let patience = PATIENCE + PATIENCE_EACH * u32::try_from(objects)?;
        let ready = self.observer.until_ready(objects, patience).await;
        ready.map_err(|error| format!("{error}; the end of keyferry's log:\n{}", controller.tail()))?;
        self.until_at_rest(patience).await
    }

    /// Waits until keyferry has made no request but stamps for a while.
    pub(super) async fn until_at_rest(&self, within: Duration) -> Result<()> {
        let count = || self.requests().map(|requests| requests.total() - requests.get("patch", STATUS));
        rest::until_same(REST, within, count).await.map(drop)
    }

    /// Waits for a tick and then until the store was not asked for a while, but no longer than two intervals: there is no such moment if
    /// ticks do not fall together. What begins right before a tick cuts the later ones, which are some milliseconds early or late, in two.
    async fn until_between_ticks(&self) {
        let before = self.store.arrivals().len();
        let quiet = async {
            while self.store.arrivals().len() == before {
                tokio::time::sleep(LOOK).await;
            }
            while self.store.arrivals().last().is_some_and(|at| clock::now().duration_since(*at) < QUIET) {
                tokio::time::sleep(LOOK).await;
            }
        };
        // Measured at any other moment, a key may be read once more or less than was counted on, and that shows.
        let _no_such_moment = tokio::time::timeout(2 * INTERVAL, quiet).await;
    }

    /// What keyferry has asked the API server for so far.
    pub(super) fn requests(&self) -> Result<Counts> {
        let log = self.plane.audit().ok_or("the control plane has no audit log")?;
        audit::count(log, &self.identity.user)
    }

    /// Ends the controller: without it the audit log comes to rest, though stamps have no end, and tells of all that was measured.
    async fn measure(&self, controller: Controller, refreshes: u32) -> Result<Measured> {
        let (requests, changes) = (self.requests()?, self.observer.status_changes());
        let (cpu, time) = (process::usage(controller.pid())?.cpu, INTERVAL * refreshes);
        self.store.reset();
        let begun = clock::now();
        let memory = process::sample(controller.pid(), Duration::from_secs(1), time).await?;
        let cpu = process::usage(controller.pid())?.cpu.saturating_sub(cpu);
        let reads: Vec<_> =
            self.store.reads().into_iter().filter(|read| read.at.duration_since(begun) < time).collect();
        let most_stamps = most_new(&self.observer.status_changes(), &changes);
        let other_store_requests = self.store.requests().saturating_sub(self.store.read_count());
        controller.end().await?;
        let rested = rest::until_same(LOG_RESTS, PATIENCE, || self.requests()).await?;
        Ok(Measured {
            begun,
            refreshes,
            distinct: self.workload.distinct_keys(),
            cpu,
            memory,
            requests: rested.since(&requests),
            most_stamps,
            other_store_requests,
            reads,
        })
    }
}

/// The most that was added to any count.
fn most_new(after: &BTreeMap<String, usize>, before: &BTreeMap<String, usize>) -> usize {
    let new = |(object, count): (&String, &usize)| count - before.get(object).unwrap_or(&0);
    after.iter().map(new).max().unwrap_or_default()
}

/// What came to be seen within a number of refreshes.
struct Measured {
    begun: Instant,
    refreshes: u32,
    /// Distinct keys that the objects name; all of them are read as one identity.
    distinct: usize,
    cpu: Duration,
    memory: Series,
    requests: Counts,
    /// Changes of the status of that object whose status changed most often.
    most_stamps: usize,
    /// Logins and the like.
    other_store_requests: usize,
    reads: Vec<Read>,
}

impl Measured {
    fn time(&self) -> Duration {
        INTERVAL * self.refreshes
    }

    fn expected_reads(&self) -> f64 {
        self.distinct as f64 * f64::from(self.refreshes)
    }

    fn stamps(&self) -> u64 {
        self.requests.get("patch", STATUS)
    }

    /// Keys that were not read as often as there were refreshes. A key that nobody names counts as well.
    fn uneven_keys(&self) -> usize {
        let mut times: HashMap<&str, u32> = HashMap::new();
        for read in &self.reads {
            *times.entry(&read.key).or_default() += 1;
        }
        let uneven = times.values().filter(|times| **times != self.refreshes).count();
        uneven + times.len().abs_diff(self.distinct)
    }

    /// When the reads of each tick came, from the beginning on: a tick an interval.
    fn ticks(&self) -> Vec<Vec<Duration>> {
        let mut ticks: BTreeMap<u128, Vec<Duration>> = BTreeMap::new();
        for at in self.reads.iter().map(|read| read.at.duration_since(self.begun)) {
            ticks.entry(at.as_nanos() / INTERVAL.as_nanos()).or_default().push(at);
        }
        ticks.into_values().collect()
    }

    /// Seconds between the first and the last read of the widest tick. Not a number if there was none.
    fn widest(&self) -> f64 {
        let width = |tick: &Vec<Duration>| (*tick.last()? - *tick.first()?).as_secs_f64().into();
        self.ticks().iter().filter_map(width).fold(f64::NAN, f64::max)
    }

    /// The greatest share of a tick's reads that lie within a tenth of the window, wherever that begins.
    fn densest(&self) -> f64 {
        self.ticks().iter().map(|tick| densest(tick)).fold(f64::NAN, f64::max)
    }

    /// Requests that nothing calls for: all but stamps, and watches that were opened again because their lives were over.
    fn uncalled(&self) -> u64 {
        let reopened = floor::reopened(self.time());
        let called = |verb: &str, of: &str| match (verb, of) {
            ("patch", STATUS) => u64::MAX,
            ("watch", of) => reopened.get(of).copied().unwrap_or_default(),
            _ => 0,
        };
        self.requests.rows().map(|(verb, of, count)| count.saturating_sub(called(verb, of))).sum()
    }

    /// The growth of resident memory in MiB a minute, at the end of a long measurement or over the whole of a short one.
    fn growth(&self) -> f64 {
        let from = if self.time() >= LONG { self.time() - SETTLED } else { Duration::ZERO };
        self.memory.slope(from) / MEBIBYTE
    }
}

/// See [`Measured::densest`]. `tick` is in the order of time.
fn densest(tick: &[Duration]) -> f64 {
    let within = |from: usize| tick[from..].partition_point(|at| *at < tick[from] + WINDOW / 10);
    (0..tick.len()).map(within).max().unwrap_or_default() as f64 / tick.len() as f64
}

/// The stamps that the rule lets expect, and the most that chance may make of them: each object has one moment in [`STAMP`], and these
/// moments are spread by hashes. Four standard deviations are passed once in 30 000 measurements.
fn stamps_in(time: Duration, objects: usize) -> (f64, f64) {
    let rounds = time.div_duration_f64(STAMP);
    let (whole, part) = (rounds.trunc(), rounds.fract());
    let expected = objects as f64 * rounds;
    let chance = 4.0 * (objects as f64 * part * (1.0 - part)).sqrt();
    (expected, (expected + chance).ceil().min(objects as f64 * (whole + 1.0)))
}

/// All that was found.
struct Findings {
    objects: usize,
    stamped: Measured,
    unstamped: Measured,
}

impl Findings {
    fn report(&self) -> Report {
        let tables = vec![
            asked("requests of keyferry", &self.stamped.requests, self.expected_stamps().0),
            asked("requests of keyferry, stamps off", &self.unstamped.requests, 0.0),
            self.runs(),
        ];
        let figures = [self.costs(), self.counts(), self.writes(), self.spread()];
        Report { tables, figures: figures.concat() }
    }

    fn expected_stamps(&self) -> (f64, f64) {
        stamps_in(self.stamped.time(), self.objects)
    }

    fn runs(&self) -> Table {
        let columns = [
            "run",
            "s",
            "CPU s",
            "highest RSS MiB",
            "RSS MiB a minute",
            "store reads",
            "distinct keys",
            "other store requests",
            "widest tick s",
            "densest tenth",
        ];
        let mut table = Table::new("runs", &columns);
        for (run, measured) in [("as released", &self.stamped), ("stamps off", &self.unstamped)] {
            table.row([
                run.to_owned(),
                measured.time().as_secs().to_string(),
                format!("{:.2}", measured.cpu.as_secs_f64()),
                format!("{:.1}", measured.memory.highest() as f64 / MEBIBYTE),
                format!("{:.2}", measured.growth()),
                measured.reads.len().to_string(),
                measured.distinct.to_string(),
                measured.other_store_requests.to_string(),
                format!("{:.2}", measured.widest()),
                format!("{:.2}", measured.densest()),
            ]);
        }
        table
    }

    /// CPU time and, if it was watched long enough, memory.
    fn costs(&self) -> Vec<Figure> {
        let measured = &self.stamped;
        let minutes = measured.time().as_secs_f64() / 60.0;
        // A program that refreshes nothing costs something too, so fewer objects earn no smaller limit.
        let share = minutes * (self.objects as f64 / GOALS_ARE_FOR).max(1.0);
        let mut figures = vec![Figure::at_most("CPU", measured.cpu.as_secs_f64(), "s", share, share)];
        if measured.time() >= LONG {
            figures.push(Figure::at_most("RSS slope", measured.growth(), "MiB a minute", 0.1, 0.1));
        }
        figures
    }

    /// What is counted, and known exactly.
    fn counts(&self) -> Vec<Figure> {
        let measured = &self.stamped;
        let exactly = |name: &str, value: f64, goal: f64| Figure::exactly(name, value, "", goal);
        let off = self.unstamped.uncalled() + self.unstamped.stamps();
        vec![
            exactly("requests between stamps", measured.uncalled() as f64, 0.0),
            exactly("requests with stamps off", off as f64, 0.0),
            exactly("store reads", measured.reads.len() as f64, measured.expected_reads()),
            exactly("keys not read once an interval", measured.uneven_keys() as f64, 0.0),
        ]
    }

    /// Stamps: four an object and hour, of which chance may put some more into a measurement than into others; see [`stamps_in`]. So
    /// each object is held against its own moments too, where chance has no say.
    fn writes(&self) -> Vec<Figure> {
        let measured = &self.stamped;
        let most = self.expected_stamps().1;
        let rounds = measured.time().div_duration_f64(STAMP).floor() + 1.0;
        let at_most = |name: &str, value: f64, most: f64| Figure::at_most(name, value, "", most, most);
        vec![
            at_most("writes, 4 an object and hour and chance", measured.stamps() as f64, most),
            at_most("writes of one object, 1 in 15 minutes", measured.most_stamps as f64, rounds),
        ]
    }

    /// How the reads of a tick lie: evenly over the window. Of a few reads a tenth may hold one more than the tenth of them.
    fn spread(&self) -> Vec<Figure> {
        let (measured, window) = (&self.stamped, WINDOW.as_secs_f64());
        let even = 0.1 + 1.0 / measured.distinct.max(1) as f64;
        let dense = DENSEST.max(even);
        vec![
            Figure::at_most("widest tick (limit ours)", measured.widest(), "s", window, window * WIDEST),
            Figure::at_most("densest tenth of a tick (limit ours)", measured.densest(), "", even, dense),
        ]
    }
}

/// The requests of a run in which the rule lets expect so many stamps.
fn asked(title: &str, requests: &Counts, stamps: f64) -> Table {
    let mut table = Table::new(title, &["verb", "resource", "count", "remark"]);
    let remark = |verb: &str, of: &str| match (verb, of) {
        ("patch", STATUS) => format!("stamps; the rule lets expect {stamps:.0}"),
        ("watch", _) => "opened again".to_owned(),
        _ => String::new(),
    };
    for (verb, of, count) in requests.rows() {
        table.row([verb.to_owned(), of.to_owned(), count.to_string(), remark(verb, of)]);
    }
    table
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::Verdict;

    /// Counts as the audit log of these requests gives them.
    pub(in crate::bench) fn requests(made: &[(&str, &str, u64)]) -> Counts {
        let mut log = String::new();
        for (verb, of, count) in made {
            let (resource, subresource) = of.split_once('/').unwrap_or((of, ""));
            let of = json!({ "resource": resource, "subresource": subresource });
            for n in 0..*count {
                let id = format!("{verb}{of}{n}");
                let line = json!({ "auditID": id, "verb": verb, "requestURI": "/", "user": { "username": "u" }, "objectRef": of });
                log += &format!("{line}\n");
            }
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("audit.log"), log).unwrap();
        audit::count(&dir.path().join("audit.log"), "u").unwrap()
    }

    /// Ten keys, read each tick at these milliseconds after it.
    fn measured(refreshes: u32, at: [u64; 10]) -> Measured {
        let begun = clock::now();
        let read = |tick: u32, key: usize| {
            let at = begun + INTERVAL * tick + Duration::from_secs(3) + Duration::from_millis(at[key]);
            Read { key: format!("key-{key}").into(), at, status: 200 }
        };
        Measured {
            begun,
            refreshes,
            distinct: 10,
            cpu: Duration::ZERO,
            memory: Series::default(),
            requests: Counts::default(),
            most_stamps: 0,
            other_store_requests: 0,
            reads: (0..refreshes)
                .flat_map(|tick| (0..10).map(move |key| (tick, key)))
                .map(|(t, k)| read(t, k))
                .collect(),
        }
    }

    const EVEN: [u64; 10] = [0, 150, 300, 450, 600, 750, 900, 1050, 1200, 1350];

    fn missed(stamped: Measured) -> Vec<String> {
        missed_beside(stamped, measured(4, EVEN))
    }

    fn missed_beside(stamped: Measured, unstamped: Measured) -> Vec<String> {
        let report = Findings { objects: 200, stamped, unstamped }.report();
        let missed = report.figures.into_iter().filter(|figure| figure.verdict() == Verdict::Missed);
        missed.map(|figure| figure.name).collect()
    }

    #[test]
    fn a_time_is_cut_to_whole_refreshes_of_which_there_is_one_at_least() {
        let refreshes = [1, 15, 59, 60, 600].map(|seconds| refreshes_in(Duration::from_secs(seconds)));
        assert_eq!(refreshes, [1, 1, 3, 4, 40]);
    }

    #[test]
    fn keys_that_are_read_evenly_once_an_interval_miss_nothing() {
        assert_eq!(missed(measured(4, EVEN)), Vec::<String>::new());
    }

    #[test]
    fn a_key_that_is_read_twice_for_one_that_is_not_read_is_seen() {
        let mut swapped = measured(4, EVEN);
        swapped.reads[3].key = swapped.reads[4].key.clone();
        assert_eq!(missed(swapped), ["keys not read once an interval"]);
    }

    #[test]
    fn a_read_more_is_seen_whichever_tick_it_came_with() {
        let mut more = measured(4, EVEN);
        more.reads.push(more.reads[39].clone());
        assert_eq!(missed(more), ["store reads", "keys not read once an interval"]);
    }

    #[test]
    fn a_tick_that_takes_longer_than_its_window_is_seen_even_if_it_is_one_of_many() {
        let mut late = measured(4, EVEN);
        late.reads[29].at += Duration::from_millis(400);
        assert_eq!(missed(late), ["widest tick (limit ours)"]);
    }

    #[test]
    fn a_burst_within_the_window_is_seen() {
        let burst = measured(4, [0, 10, 20, 30, 600, 750, 900, 1050, 1200, 1350]);
        assert_eq!(missed(burst), ["densest tenth of a tick (limit ours)"]);
    }

    #[test]
    fn without_a_read_nothing_is_spread() {
        let mut none = measured(4, EVEN);
        none.reads.clear();
        assert_eq!(missed(none).len(), 4);
    }

    #[test]
    fn stamps_and_watches_that_are_opened_again_are_no_requests_between_stamps() {
        let calm = |made: &[_]| Measured { requests: requests(made), ..measured(4, EVEN) };
        assert_eq!(missed(calm(&[("patch", STATUS, 20), ("watch", "secrets", 2)])), [""; 0]);
        for (verb, of) in [("get", "secrets"), ("create", "events"), ("list", "secrets")] {
            assert_eq!(missed(calm(&[(verb, of, 1)])), ["requests between stamps"], "{verb} {of}");
        }
    }

    #[test]
    fn a_watch_that_is_opened_more_often_than_it_can_have_ended_is_seen() {
        let watches = |refreshes, count| {
            let requests = requests(&[("watch", "namespaces", count)]);
            Measured { requests, ..measured(refreshes, EVEN) }.uncalled()
        };
        assert_eq!((watches(4, 1), watches(4, 2), watches(4, 60)), (0, 1, 59));
        assert_eq!((watches(40, 3), watches(40, 4)), (0, 1));
        let strange = Measured { requests: requests(&[("watch", "pods", 1)]), ..measured(4, EVEN) };
        assert_eq!(strange.uncalled(), 1);
    }

    #[test]
    fn without_stamps_nothing_may_be_written() {
        let off = |made: &[_]| Measured { requests: requests(made), ..measured(4, EVEN) };
        assert_eq!(missed_beside(measured(4, EVEN), off(&[("watch", "secrets", 2)])), [""; 0]);
        let names = missed_beside(measured(4, EVEN), off(&[("patch", STATUS, 1)]));
        assert_eq!(names, ["requests with stamps off"]);
    }

    #[test]
    fn an_object_may_be_stamped_four_times_an_hour_and_by_chance_a_little_more() {
        // In a minute 13 of 200 objects are, and 28 by chance.
        let stamped =
            |stamps| Measured { requests: requests(&[("patch", STATUS, stamps)]), ..measured(4, EVEN) };
        assert_eq!(missed(stamped(28)), [""; 0]);
        assert_eq!(missed(stamped(29)), ["writes, 4 an object and hour and chance"]);
        let twice = Measured { most_stamps: 2, ..measured(4, EVEN) };
        assert_eq!(missed(twice), ["writes of one object, 1 in 15 minutes"]);
    }

    #[test]
    fn a_minute_of_two_thousand_objects_may_take_a_second_of_cpu_time() {
        let busy = |milliseconds| Measured { cpu: Duration::from_millis(milliseconds), ..measured(4, EVEN) };
        assert_eq!((missed(busy(1_000)), missed(busy(1_010))), (vec![], vec!["CPU".to_owned()]));
    }

    #[test]
    fn more_stamps_than_chance_allows_are_seen() {
        let (expected, most) = stamps_in(Duration::from_secs(60), 2_000);
        assert!((expected - 133.3).abs() < 0.1 && (most - 178.0).abs() < 1.5, "{expected} {most}");
        // Each object once, and a stamp more would be the second of one.
        assert_eq!(stamps_in(STAMP, 2_000), (2_000.0, 2_000.0));
    }

    #[test]
    fn the_object_that_was_stamped_most_counts() {
        let counts = |a, b| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        assert_eq!(most_new(&counts(3, 9), &counts(1, 9)), 2);
    }

    #[test]
    fn memory_is_judged_by_the_last_eight_of_ten_minutes_and_not_before() {
        let grows = |second: u64| if second < 120 { second << 20 } else { 120 << 20 };
        let samples = (0..=600).map(|second| (Duration::from_secs(second), grows(second))).collect();
        let long = Measured { memory: Series { samples }, ..measured(40, EVEN) };
        assert!(long.growth().abs() < 1e-6, "{}", long.growth());
        let growing = (0..=600).map(|second| (Duration::from_secs(second), second << 18)).collect();
        let growing = Series { samples: growing };
        let names = missed(Measured { memory: growing.clone(), ..measured(40, EVEN) });
        assert_eq!(names, ["RSS slope"]);
        assert!(missed(Measured { memory: growing, ..measured(4, EVEN) }).is_empty());
    }
}
