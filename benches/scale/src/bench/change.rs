//! A value changes in the store and a sync is forced: how long until the Secret holds it; and how late periodic refreshes are.
//!
//! Two runs, each in a control plane of its own. They differ in one thing: the interval of the objects is an hour, so that none is due,
//! or [`INTERVAL`], so that all are due together at every tick. In each run [`SAMPLES`] changes are spread over T with chance, which keeps
//! them out of step with the ticks. A change is one of a key that only one object names, an object of the same stores and interval
//! beside the others: so it is one Secret that changes, and no read of the others' keys was caused by a sample. Those keys are read by
//! the ticks alone, so their reads are judged in two ways:
//!
//! - *against each other*: two reads of a key are one interval apart, early as wrong as late.
//! - *against the tick*: the reads of a tick are to start in the order of their keys, evenly over its window, so each key has a place
//!   there, and what it is read after that is its lateness. All stores are one account and tick together. When that is follows from a
//!   hash that only the program knows, so it is taken from the reads: the one that is least late counts as on time, and all others
//!   in the run are held against the ticks that lie whole intervals from there. Ticks that drift or stray from each other are late
//!   then; what all reads are late by, and always, cannot be seen.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{Stream, StreamExt, future::try_join_all};
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use super::{Arguments, Row, Run, running::Running};
use crate::{
    Result, clock,
    plane::{Api, Plane},
    samples::Samples,
    standin::{Read, StandIn, mix},
    table::{Figure, Report, Table},
    workload::{Shape, Workload},
};

/// The row of this benchmark.
pub(super) const ROW: Row = Row {
    name: "change",
    objects: 10_000,
    time: Duration::from_secs(60),
    about: "a value changes and a sync is forced, 100 times in T, idle and with all objects due every 15 s",
    run,
};

/// Changes in a run.
const SAMPLES: usize = 100;
/// `spec.refreshInterval` of objects that are due.
const INTERVAL: Duration = Duration::from_secs(15);
/// `spec.refreshInterval` of objects that are not: no tick lies in a run, or one in a few of them.
const IDLE_INTERVAL: Duration = Duration::from_secs(3600);
/// The part of [`INTERVAL`] over which the reads of one tick are spread.
const WINDOW: Duration = Duration::from_millis(1_500);
/// The shortest run: in it every key is read twice, which makes a distance.
const SHORTEST: Duration = Duration::from_secs(45);
/// What the design grants a refresh, in percent of its interval.
const SLACK: f64 = 5.0;
/// How long the last changes may take. Long, because it only matters when a benchmark fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// When changes are made follows from this.
const MOMENTS_SEED: u64 = 0x6368_616e_6765_0001;

fn run(arguments: Arguments) -> Run {
    Box::pin(measure(arguments))
}

async fn measure(Arguments { objects, time }: Arguments) -> Result<Report> {
    if time < SHORTEST {
        return Err(format!("{time:?} hold no two ticks of every key: give at least {SHORTEST:?}").into());
    }
    let idle = observe(objects, IDLE_INTERVAL, time).await?;
    let busy = observe(objects, INTERVAL, time).await?;
    Ok(Findings { objects, idle: idle.changes, busy: busy.changes, ticks: busy.ticks }.report())
}

/// What one run has shown.
struct Observed {
    changes: Samples,
    ticks: Ticks,
}

/// The objects of one run, all in sync.
struct Scene {
    running: Running,
    others: Workload,
    changing: Workload,
    store: StandIn,
}

async fn observe(objects: usize, interval: Duration, time: Duration) -> Result<Observed> {
    let scene = Scene::set(objects, interval).await?;
    // The first refresh after the first sync may come early; it is over by then.
    sleep(INTERVAL).await;
    scene.store.reset();
    let changes = scene.change_all(time).await?;
    let [others, changing] = [&scene.others, &scene.changing].map(Workload::all_keys);
    let ticks = Ticks::of(&scene.store.reads(), &others, &changing);
    scene.running.end().await?;
    Ok(Observed { changes, ticks })
}

impl Scene {
    async fn set(objects: usize, interval: Duration) -> Result<Self> {
        let (plane, store) = (Plane::start(false).await?, StandIn::start()?);
        let of = |shape| Shape { interval: format!("{}s", interval.as_secs()), ..shape };
        let others = Workload::new(of(Shape::shared(objects)), store.address());
        let changing = Workload::new(of(Shape::unshared(SAMPLES)), store.address()).of_service("changing");
        others.create(plane.api()).await?;
        changing.create_objects(plane.api()).await?;
        let running = Running::start(plane).await?;
        running.until_ready(objects + SAMPLES).await?;
        Ok(Self { running, others, changing, store })
    }

    /// Makes all changes within `time`; how long each took.
    async fn change_all(&self, time: Duration) -> Result<Samples> {
        let secrets = Secrets::watch(self.running.api()).await?;
        let changes = try_join_all((0..SAMPLES).map(|n| self.change(n, moment(n, time))));
        let changed = changes.await?;
        let values: Vec<_> = (0..SAMPLES).map(value).collect();
        let arrived = self.running.explained(secrets.until_seen(&values).await)?;
        Ok(Samples::milliseconds(arrived.iter().zip(&changed).map(|(there, at)| there.duration_since(*at))))
    }

    /// One change, after a wait; when it was made.
    async fn change(&self, n: usize, wait: Duration) -> Result<Instant> {
        sleep(wait).await;
        let key = self.changing.key(n, 0).ok_or("an object names no key")?;
        let at = clock::now();
        self.store.set(&key, &value(n));
        self.changing.force_sync(self.running.api(), n, "changed").await?;
        Ok(at)
    }
}

/// When the change `n` is made: in the `n`th part of the time, at a moment that looks like chance.
fn moment(n: usize, time: Duration) -> Duration {
    // The upper 53 bits are what a double holds exactly: a fraction below 1.
    let chance = (mix(MOMENTS_SEED, n as u64) >> 11) as f64 / (1_u64 << 53) as f64;
    time.mul_f64((n as f64 + chance) / SAMPLES as f64)
}

/// The new value of the object `n`; no other has it.
fn value(n: usize) -> String {
    format!("the changed value {n}")
}

/// Which values were seen in Secrets since the start of a watch. Dropping it ends the watch.
struct Secrets {
    seen: watch::Receiver<Seen>,
    task: JoinHandle<()>,
}

/// When a value was first seen, by its base64.
type Seen = HashMap<String, Instant>;

impl Secrets {
    /// All Secrets as administrator, from now on.
    async fn watch(api: &Api) -> Result<Self> {
        let list = api.get("/api/v1/secrets?limit=1").await?;
        let version = list["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let events = api.lines(&format!("/api/v1/secrets?watch=1&resourceVersion={version}")).await?;
        let (sender, seen) = watch::channel(Seen::new());
        let task = tokio::spawn(note(events, sender));
        Ok(Self { seen, task })
    }

    /// Waits until all values are in a Secret; when each was first seen there, in their order.
    async fn until_seen(&self, values: &[String]) -> Result<Vec<Instant>> {
        let values: Vec<String> = values.iter().map(|value| STANDARD.encode(value)).collect();
        let mut seen = self.seen.clone();
        let all = seen.wait_for(|seen| values.iter().all(|value| seen.contains_key(value)));
        match tokio::time::timeout(PATIENCE, all).await {
            Ok(seen) => {
                let seen = seen.map_err(|_| "the watch of Secrets has ended")?;
                Ok(values.iter().filter_map(|value| seen.get(value).copied()).collect())
            }
            Err(_) => Err(format!("not all changed values are in Secrets after {PATIENCE:?}").into()),
        }
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Notes the values of every Secret that changes, until the watch ends.
async fn note(mut events: impl Stream<Item = Result<Value>> + Unpin, seen: watch::Sender<Seen>) {
    while let Some(Ok(event)) = events.next().await {
        let now = clock::now();
        let values = event["object"]["data"].as_object().into_iter().flat_map(|data| data.values());
        let values: Vec<String> = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
        seen.send_modify(|seen| {
            for value in values {
                seen.entry(value).or_insert(now);
            }
        });
    }
}

/// The periodic reads of a run.
struct Ticks {
    keys: usize,
    reads: usize,
    /// Keys that were read less than twice.
    unread: usize,
    /// How far consecutive reads of a key are off the interval, in percent of it.
    off: Samples,
    /// How long after their places in their ticks keys were read, in percent of the interval.
    late: Samples,
}

impl Ticks {
    /// Of these keys. The others are read for other reasons as well, and have places beside them.
    fn of(reads: &[Read], keys: &HashSet<String>, others: &HashSet<String>) -> Self {
        let mut moments: BTreeMap<&str, Vec<Instant>> =
            keys.iter().map(|key| (key.as_str(), vec![])).collect();
        for read in reads {
            moments.entry(&read.key).and_modify(|moments| moments.push(read.at));
        }
        let distances = moments.values().flat_map(|moments| moments.windows(2).map(|two| two[1] - two[0]));
        Self {
            keys: keys.len(),
            reads: moments.values().map(Vec::len).sum(),
            unread: moments.values().filter(|moments| moments.len() < 2).count(),
            off: distances.map(off_the_interval).collect(),
            late: late(&moments, &places(keys.union(others))),
        }
    }
}

/// In percent of the interval.
fn off_the_interval(distance: Duration) -> f64 {
    percent(distance.abs_diff(INTERVAL).as_secs_f64())
}

/// When each key is to be read after its tick, in seconds.
fn places<'a>(keys: impl Iterator<Item = &'a String>) -> HashMap<&'a str, f64> {
    let sorted: BTreeSet<&str> = keys.map(String::as_str).collect();
    let each = WINDOW.as_secs_f64() / sorted.len().max(1) as f64;
    sorted.into_iter().zip(0_u32..).map(|(key, nth)| (key, f64::from(nth) * each)).collect()
}

/// The lateness of each read; see the module. In percent of the interval.
fn late(moments: &BTreeMap<&str, Vec<Instant>>, places: &HashMap<&str, f64>) -> Samples {
    let Some(begun) = moments.values().flatten().min() else { return Samples::default() };
    let of_key = |(key, moments): (&&str, &Vec<Instant>)| {
        let place = places.get(key).copied().unwrap_or_default();
        moments.iter().map(|at| at.duration_since(*begun).as_secs_f64() - place).collect::<Vec<_>>()
    };
    // Each is when the tick of a read was, if the read came in its place.
    let ticks: Vec<f64> = moments.iter().flat_map(of_key).collect();
    let apart = ticks.iter().map(|tick| from_nearest_tick(tick - ticks[0])).collect::<Vec<_>>();
    let first = apart.iter().copied().fold(f64::INFINITY, f64::min);
    apart.into_iter().map(|tick| percent(tick - first)).collect()
}

/// The seconds that are left when whole intervals are taken off: at most half an interval, before or after.
fn from_nearest_tick(seconds: f64) -> f64 {
    let interval = INTERVAL.as_secs_f64();
    seconds - interval * (seconds / interval).round()
}

fn percent(seconds: f64) -> f64 {
    seconds / INTERVAL.as_secs_f64() * 100.0
}

/// All that was found.
struct Findings {
    objects: usize,
    idle: Samples,
    busy: Samples,
    ticks: Ticks,
}

impl Findings {
    /// The design says nothing of how long a change takes, so what the ratio is held against is ours. What it says of refreshes, it
    /// says of each of them.
    fn report(&self) -> Report {
        let Ticks { unread, off, late, .. } = &self.ticks;
        let most = |name: &str, samples: &Samples| {
            Figure::at_most(name, samples.percentile(100), "% of the interval", SLACK, SLACK)
        };
        let figures = vec![
            Figure::at_most(
                "change to Secret p99, busy ÷ idle (goal and limit ours)",
                self.ratio(99),
                "×",
                3.0,
                5.0,
            ),
            most("refreshes late in their tick, the latest", late),
            most("refreshes off their distance, the farthest", off),
            Figure::exactly("keys that are not refreshed", *unread as f64, "", 0.0),
        ];
        Report { tables: vec![self.changes(), self.refreshes()], figures }
    }

    fn ratio(&self, percent: usize) -> f64 {
        self.busy.percentile(percent) / self.idle.percentile(percent)
    }

    fn changes(&self) -> Table {
        let title = format!("from a change to the Secret, beside {} objects", self.objects);
        let mut table = Table::new(&title, &["run", "samples", "p50 ms", "p99 ms", "max ms"]);
        for (run, samples) in [("idle", &self.idle), ("all due every 15 s", &self.busy)] {
            let told = [50, 99, 100].map(|percent| format!("{:.1}", samples.percentile(percent)));
            let [middle, high, most] = told;
            table.row([run.to_owned(), samples.count().to_string(), middle, high, most]);
        }
        let ratios = [50, 99, 100].map(|percent| format!("{:.2}", self.ratio(percent)));
        let [middle, high, most] = ratios;
        table.row(["÷".to_owned(), String::new(), middle, high, most]);
        table
    }

    fn refreshes(&self) -> Table {
        let Ticks { keys, reads, off, late, .. } = &self.ticks;
        let title = format!("{reads} refreshes of {keys} keys, in percent of the interval of 15 s");
        let mut table = Table::new(&title, &["what", "samples", "p50 %", "p99 %", "max %"]);
        for (what, samples) in [("late in their tick", late), ("off their distance", off)] {
            let [middle, high, most] =
                [50, 99, 100].map(|percent| format!("{:.2}", samples.percentile(percent)));
            table.row([what.to_owned(), samples.count().to_string(), middle, high, most]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reads(made: &[(&str, u64)]) -> Vec<Read> {
        let begun = clock::now();
        let read = |(key, at): &(&str, u64)| Read {
            key: (*key).into(),
            at: begun + Duration::from_millis(*at),
            status: 200,
        };
        made.iter().map(read).collect()
    }

    fn ticks(made: &[(&str, u64)]) -> Ticks {
        Ticks::of(&reads(made), &["a", "b"].map(str::to_owned).into(), &["changed".to_owned()].into())
    }

    fn findings(idle: u32, busy: u32, reads: &[(&str, u64)]) -> Findings {
        let samples = |most: u32| (1..=most).map(f64::from).collect();
        Findings { objects: 10, idle: samples(idle), busy: samples(busy), ticks: ticks(reads) }
    }

    fn value_of(findings: &Findings, at: usize) -> f64 {
        findings.report().figures[at].value
    }

    fn latest(made: &[(&str, u64)]) -> f64 {
        ticks(made).late.percentile(100)
    }

    #[test]
    fn a_read_that_comes_early_is_as_wrong_as_one_that_is_late() {
        let ticks = ticks(&[("a", 0), ("b", 100), ("a", 14_700), ("b", 15_400)]);
        assert_eq!((ticks.reads, ticks.off.count()), (4, 2));
        assert!(ticks.off.percentile(1) > 1.99 && ticks.off.percentile(100) < 2.01, "{:?}", ticks.off);
    }

    #[test]
    fn keys_of_samples_say_nothing_of_ticks() {
        let ticks = ticks(&[("a", 0), ("changed", 1), ("changed", 2), ("a", 15_000)]);
        assert_eq!((ticks.reads, ticks.off.count(), ticks.late.count()), (2, 1, 2));
    }

    #[test]
    fn keys_that_are_read_in_their_places_are_not_late() {
        // Three keys: half a second each.
        let whole = |tick: u64| [("a", tick), ("b", tick + 500), ("changed", tick + 1_000)];
        let ticks = ticks(&[whole(0), whole(15_000), whole(45_000)].concat());
        assert!(ticks.late.count() == 6 && ticks.late.percentile(100) < 1e-6, "{:?}", ticks.late);
    }

    #[test]
    fn a_read_that_is_late_in_one_tick_or_in_all_of_them_is_seen() {
        for late in [&[("a", 0), ("b", 1_250), ("a", 15_000), ("b", 15_500)][..], &[("a", 0), ("b", 1_250)]] {
            assert!((latest(late) - 5.0).abs() < 1e-6, "{late:?}");
        }
    }

    #[test]
    fn ticks_that_drift_are_seen_though_their_distances_are_good() {
        let drifting: Vec<_> = (0..5).map(|tick| ("a", tick * 15_300)).collect();
        assert!((latest(&drifting) - 8.0).abs() < 1e-6);
        assert!(ticks(&drifting).off.percentile(100) < 2.01);
    }

    #[test]
    fn stores_that_do_not_tick_together_are_seen() {
        assert!(latest(&[("a", 0), ("b", 4_000), ("a", 15_000), ("b", 19_000)]) > 20.0);
    }

    #[test]
    fn whole_intervals_are_taken_off_on_both_sides() {
        for (seconds, left) in [(0.0, 0.0), (16.0, 1.0), (-1.0, -1.0), (-29.5, 0.5), (44.0, -1.0)] {
            assert!((from_nearest_tick(seconds) - left).abs() < 1e-9, "{seconds}");
        }
    }

    #[test]
    fn a_key_that_is_refreshed_no_more_is_seen() {
        assert_eq!(ticks(&[("a", 0), ("b", 500), ("a", 15_000)]).unread, 1);
        assert_eq!(ticks(&[]).unread, 2);
    }

    #[test]
    fn a_tick_that_is_read_twice_and_one_that_is_missed_are_seen() {
        assert!(value_of(&findings(1, 1, &[("a", 0), ("a", 100)]), 2) > 99.0);
        assert!(value_of(&findings(1, 1, &[("a", 0), ("a", 30_000)]), 2) > 99.0);
    }

    #[test]
    fn reads_without_a_distance_meet_no_goal() {
        assert!(value_of(&findings(1, 1, &[("a", 0), ("b", 0)]), 2).is_nan());
        assert!(value_of(&findings(1, 1, &[]), 1).is_nan());
    }

    #[test]
    fn the_ratio_is_that_of_the_percentiles() {
        assert!((value_of(&findings(100, 200, &[]), 0) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn each_change_has_a_part_of_the_time_of_its_own() {
        let time = Duration::from_secs(50);
        for n in 0..SAMPLES {
            let part = u64::try_from(n).unwrap() * 500;
            let (from, to) = (Duration::from_millis(part), Duration::from_millis(part + 500));
            assert!((from..to).contains(&moment(n, time)), "{n}");
        }
    }

    #[tokio::test]
    async fn a_value_is_seen_when_it_first_comes() {
        let event = |value: &str| Ok(json!({ "object": { "data": { "k": STANDARD.encode(value) } } }));
        let (sender, seen) = watch::channel(Seen::new());
        note(futures::stream::iter([event("one"), event("two"), event("one")]), sender).await;
        let task = tokio::spawn(async {});
        let secrets = Secrets { seen, task };
        let moments = secrets.until_seen(&["two".to_owned(), "one".to_owned()]).await.unwrap();
        assert!(moments[1] <= moments[0]);
        let error = secrets.until_seen(&["three".to_owned()]).await.unwrap_err();
        assert_eq!(error.to_string(), "the watch of Secrets has ended");
    }
}
