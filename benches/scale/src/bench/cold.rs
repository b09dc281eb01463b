//! A cold start: the objects are there, keyferry starts, all become Ready; beside the floor, which makes the same writes.
//!
//! Requests are counted in a run of their own, through the audit log and a recording proxy, because both cost time. Then come the
//! pairs, keyferry and the floor in turn, each in a fresh control plane without either. Both are timed from the moment at which they
//! may begin until the same observer has seen the last object Ready. For keyferry that is the start of the process; the floor is
//! started before and has read its requests, so its time is the shorter one by what a program takes to start. Both list what they
//! watch within their time. CPU and resident memory are those at the end of that time; the floor's CPU is counted from the word to
//! begin. keyferry's peak and its reads of the store are taken when it has come to rest after that, so that what follows is seen too.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use super::{Arguments, Row, Run, rest};
use crate::{
    Result,
    audit::{self, Counts},
    clock,
    controller::{self, Controller},
    floor::{self, Floor, Script, Spans, Uids},
    observer::Observer,
    plane::Plane,
    process::{self, Usage},
    recorder::{Record, Recorder},
    standin::StandIn,
    table::{Figure, Report, Table},
    workload::{Shape, Workload},
};

/// The row of this benchmark.
pub const ROW: Row = Row {
    name: "cold",
    objects: 10_000,
    time: Duration::from_secs(1),
    about: "all objects are there, keyferry starts, all become Ready; beside the floor (T has no meaning)",
    run,
};

/// Pairs of runs; odd, so that one of them is the median.
const PAIRS: usize = 3;

/// A debug build of this program has a slower floor, which flatters keyferry.
const PAIRS_TITLE: &str = if cfg!(debug_assertions) {
    "pairs; a debug build's floor is too slow: the ratio means nothing"
} else {
    "pairs"
};

/// How long nothing may be asked of the API server before all that follows from all objects Ready counts as done.
const REST: Duration = Duration::from_secs(5);

/// All objects may take this long and [`PATIENCE_EACH`] for each; a machine that needs longer measures nothing.
const PATIENCE: Duration = Duration::from_secs(120);
/// See [`PATIENCE`]. What follows, such as events, may take as long again.
const PATIENCE_EACH: Duration = Duration::from_millis(100);

/// The goals for CPU time and memory are those of this many objects.
const GOALS_ARE_FOR: f64 = 10_000.0;

const MEBIBYTE: f64 = 1_048_576.0;

fn run(arguments: Arguments) -> Run {
    Box::pin(measure(arguments.objects))
}

async fn measure(objects: usize) -> Result<Report> {
    let shape = Shape::shared(objects);
    let counted = count(&shape).await?;
    let mut pairs = Vec::with_capacity(PAIRS);
    for _ in 0..PAIRS {
        let keyferry = start_keyferry(&shape).await?;
        let floor = start_floor(&shape, &counted.script).await?;
        pairs.push(Pair { keyferry, floor });
    }
    let unshared = start_keyferry(&Shape::unshared(objects)).await?;
    let stores = shape.stores as u64;
    let program = controller::program_size()?;
    Ok(Findings { objects, stores, program, counted, pairs, unshared }.report())
}

/// A control plane with all objects in it, the store that they draw from, and who watches them.
struct Scene {
    observer: Observer,
    workload: Workload,
    store: StandIn,
    /// Only the floor needs them. They are asked for everywhere, so that all API servers have done the same before the clock starts.
    uids: Uids,
    plane: Plane,
}

impl Scene {
    async fn set(shape: &Shape, audit: bool) -> Result<Self> {
        let plane = Plane::start(audit).await?;
        let store = StandIn::start()?;
        let workload = Workload::new(shape.clone(), store.address());
        workload.create(plane.api()).await?;
        let uids = floor::uids(plane.api()).await?;
        let observer = Observer::start(plane.api()).await?;
        Ok(Self { observer, workload, store, uids, plane })
    }

    /// Waits until all objects are Ready; when the last became so.
    async fn all_ready(&self) -> Result<Instant> {
        self.observer.until_ready(self.workload.shape().objects, self.patience()?).await
    }

    fn patience(&self) -> Result<Duration> {
        Ok(PATIENCE + PATIENCE_EACH * u32::try_from(self.workload.shape().objects)?)
    }

    async fn ready_by(&self, controller: &Controller) -> Result<Instant> {
        let ready = self.all_ready().await;
        ready.map_err(|error| format!("{error}; the end of keyferry's log:\n{}", controller.tail()).into())
    }

    fn reads(&self) -> Reads {
        Reads { made: self.store.read_count(), distinct: self.workload.distinct_keys() }
    }
}

/// What the run that counts has found.
struct Counted {
    requests: Counts,
    /// How long they were counted.
    time: Duration,
    reads: Reads,
    script: Script,
}

/// Reads of the store.
#[derive(Clone, Copy)]
struct Reads {
    made: usize,
    /// Distinct keys that the objects name; all of them are read as one identity.
    distinct: usize,
}

/// One run on the clock.
struct Timed {
    wall: Duration,
    /// When all objects were Ready; keyferry's peak is that of the whole run.
    usage: Usage,
}

struct Pair {
    keyferry: (Timed, Reads),
    floor: (Timed, Spans),
}

/// keyferry through the recording proxy, beside the audit log.
async fn count(shape: &Shape) -> Result<Counted> {
    let scene = Scene::set(shape, true).await?;
    let ca = std::fs::read(scene.plane.ca())?;
    let recorder = Recorder::start(scene.plane.server(), Some(&ca), Record::Writes)?;
    let identity = scene.plane.identity(recorder.address()).await?;
    let begun = clock::now();
    let controller = Controller::start(&identity, &[])?;
    scene.ready_by(&controller).await?;
    let log = scene.plane.audit().ok_or("the control plane has no audit log")?;
    let requests = rest::until_same(REST, scene.patience()?, || audit::count(log, &identity.user)).await?;
    let time = clock::now().duration_since(begun);
    holds_the_same_watches(&requests)?;
    let script = Script::of(&recorder.written())?;
    if script.objects() != shape.objects {
        return Err(format!("{} of {} objects were recorded", script.objects(), shape.objects).into());
    }
    controller.end().await?;
    Ok(Counted { requests, time, reads: scene.reads(), script })
}

/// The floor's list of watches is written by hand; it must not fall behind keyferry's. A watch that ended early was opened twice.
fn holds_the_same_watches(requests: &Counts) -> Result<()> {
    let floor = floor::watched();
    let unknown = requests.rows().find(|(verb, of, _)| *verb == "watch" && !floor.contains_key(of));
    let missing = floor.iter().find(|(of, times)| requests.get("watch", of) < **times);
    match unknown.map(|(_, of, _)| of).or(missing.map(|(of, _)| *of)) {
        Some(of) => Err(format!("the floor and keyferry do not watch {of} alike: mend the floor").into()),
        None => Ok(()),
    }
}

async fn start_keyferry(shape: &Shape) -> Result<(Timed, Reads)> {
    let scene = Scene::set(shape, false).await?;
    let identity = scene.plane.identity(scene.plane.server()).await?;
    let begun = clock::now();
    let controller = Controller::start(&identity, &[])?;
    let wall = scene.ready_by(&controller).await?.duration_since(begun);
    let at_ready = process::usage(controller.pid())?;
    let later = process::at_rest(controller.pid(), scene.patience()?).await?;
    controller.end().await?;
    let timed = Timed { wall, usage: at_ready.with_peak_until(later) };
    Ok((timed, scene.reads()))
}

async fn start_floor(shape: &Shape, script: &Script) -> Result<(Timed, Spans)> {
    let scene = Scene::set(shape, false).await?;
    let identity = scene.plane.identity(scene.plane.server()).await?;
    let dir = tempfile::tempdir()?;
    let requests = dir.path().join("requests");
    floor::save(&requests, &script.with(&scene.uids)?)?;
    let mut floor = Floor::ready(&identity.kubeconfig, &requests).await?;
    let before = process::usage(floor.pid()?)?;
    let begun = clock::now();
    floor.go().await?;
    let (spans, ready) = tokio::try_join!(floor.done(), scene.all_ready())?;
    let after = process::usage(floor.pid()?)?;
    floor.end().await?;
    let usage = Usage { cpu: after.cpu.saturating_sub(before.cpu), ..after };
    Ok((Timed { wall: ready.duration_since(begun), usage }, spans))
}

/// All that was found.
struct Findings {
    objects: usize,
    stores: u64,
    /// Bytes of the program.
    program: u64,
    counted: Counted,
    pairs: Vec<Pair>,
    unshared: (Timed, Reads),
}

impl Findings {
    fn report(&self) -> Report {
        let tables = vec![self.requests(), self.runs(), self.ratios()];
        Report { tables, figures: [self.costs(), self.counts()].concat() }
    }

    fn requests(&self) -> Table {
        let mut table = Table::new("requests of keyferry", &["verb", "resource", "count", "an object"]);
        let store = ("read", "keys of the store", self.counted.reads.made as u64);
        for (verb, resource, count) in self.counted.requests.rows().chain([store]) {
            let each = format!("{:.3}", count as f64 / self.objects as f64);
            table.row([verb.to_owned(), resource.to_owned(), count.to_string(), each]);
        }
        table
    }

    fn runs(&self) -> Table {
        let columns = ["run", "wall s", "CPU s", "RSS MiB", "peak MiB", "store reads", "distinct keys"];
        let mut table = Table::new("runs", &columns);
        let no_reads = Reads { made: 0, distinct: 0 };
        for (number, pair) in (1..).zip(&self.pairs) {
            table.rows.push(pair.keyferry.0.cells(&format!("keyferry {number}"), pair.keyferry.1));
            table.rows.push(pair.floor.0.cells(&format!("floor {number}"), no_reads));
        }
        table.rows.push(self.unshared.0.cells("keyferry, nothing shared", self.unshared.1));
        table
    }

    fn ratios(&self) -> Table {
        let columns =
            ["pair", "keyferry s", "floor s", "÷", "floor's watches open s", "floor's last answer s"];
        let mut table = Table::new(PAIRS_TITLE, &columns);
        for (number, pair) in (1..).zip(&self.pairs) {
            let spans = pair.floor.1;
            let [keyferry, floor] = [pair.keyferry.0.wall, pair.floor.0.wall].map(seconds);
            let [opening, whole] = [spans.opening, spans.whole].map(seconds);
            table.row([number.to_string(), keyferry, floor, format!("{:.3}", pair.ratio()), opening, whole]);
        }
        table
    }

    /// What is held against the floor, and against numbers that grow with the objects.
    fn costs(&self) -> Vec<Figure> {
        let share = self.objects as f64 / GOALS_ARE_FOR;
        let usages: Vec<_> = self.pairs.iter().map(|pair| pair.keyferry.0.usage).collect();
        let ratio = median(self.pairs.iter().map(Pair::ratio).collect());
        let cpu = median(usages.iter().map(|usage| usage.cpu.as_secs_f64()).collect());
        let peak = usages.iter().map(|usage| usage.peak as f64 / MEBIBYTE).fold(0.0, f64::max);
        // A program has a size without any object, so fewer of them earn no smaller limit.
        let room = 60.0 * share.max(1.0);
        vec![
            Figure::at_most("cold wall ÷ floor", ratio, "×", 1.25, 1.5),
            Figure::at_most("CPU", cpu, "s", 10.0 * share, 16.0 * share),
            Figure::at_most("peak RSS", peak, "MiB", room, room),
            Figure::at_most("program", self.program as f64 / 1e6, "MB", 30.0, 30.0),
        ]
    }

    fn needed(&self) -> Needed {
        let (lists, watches) = (floor::listed(self.objects), floor::opened(self.counted.time));
        Needed { stores: self.stores, lists, watches }
    }

    /// What is counted, and known exactly.
    fn counts(&self) -> Vec<Figure> {
        let (requests, objects) = (&self.counted.requests, self.objects as f64);
        let others = self.needed().others(requests);
        let shared = self.pairs.iter().map(|pair| pair.keyferry.1).chain([self.counted.reads]);
        let most = shared.map(|reads| reads.made).max().unwrap_or_default();
        let reads = |name, made: usize, distinct: usize| {
            Figure::at_most(name, made as f64, "", distinct as f64, distinct as f64)
        };
        vec![
            Figure::exactly("POSTs of Secrets", requests.get("create", "secrets") as f64, "", objects),
            Figure::exactly("PATCHes of statuses", requests.get("patch", STATUS) as f64, "", objects),
            Figure::exactly("other requests for objects", others as f64, "", 0.0),
            reads("store reads", most, self.counted.reads.distinct),
            reads("store reads, nothing shared", self.unshared.1.made, self.unshared.1.distinct),
        ]
    }
}

/// The status of an ExternalSecret, as the audit log names it.
const STATUS: &str = "externalsecrets/status";

/// What a start needs at most.
struct Needed {
    stores: u64,
    /// Lists of each resource.
    lists: BTreeMap<&'static str, u64>,
    /// Watches of each resource.
    watches: BTreeMap<&'static str, u64>,
}

impl Needed {
    /// Requests beyond what is needed: the two an object, a list of what is watched and a watch, what is done for events and stores, and
    /// one read a store of the Secret with its token.
    fn others(&self, requests: &Counts) -> u64 {
        requests.rows().map(|(verb, of, count)| count.saturating_sub(self.most(verb, of))).sum()
    }

    fn most(&self, verb: &str, of: &str) -> u64 {
        let known = |most: &BTreeMap<&str, u64>| most.get(of).copied().unwrap_or_default();
        match (verb, of) {
            ("list", _) => known(&self.lists),
            ("watch", _) => known(&self.watches),
            ("get", "secrets") => self.stores,
            // How many of the first two there must be is a figure of its own.
            ("create", "secrets") | ("patch", STATUS) => u64::MAX,
            ("create", "events") | ("patch", "clustersecretstores/status" | "secretstores/status") => {
                u64::MAX
            }
            _ => 0,
        }
    }
}

impl Timed {
    fn cells(&self, run: &str, reads: Reads) -> Vec<String> {
        let memory = |bytes: u64| format!("{:.1}", bytes as f64 / MEBIBYTE);
        vec![
            run.to_owned(),
            seconds(self.wall),
            format!("{:.2}", self.usage.cpu.as_secs_f64()),
            memory(self.usage.resident),
            memory(self.usage.peak),
            reads.made.to_string(),
            reads.distinct.to_string(),
        ]
    }
}

impl Pair {
    fn ratio(&self) -> f64 {
        self.keyferry.0.wall.as_secs_f64() / self.floor.0.wall.as_secs_f64()
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

/// The middle one; of an even number the upper of both. Not a number if there is none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::Verdict;

    /// Counts as the audit log of these requests gives them.
    fn requests(made: &[(&str, &str, u64)]) -> Counts {
        let line = |id: String, verb: &str, of: &str| {
            let (resource, subresource) = of.split_once('/').unwrap_or((of, ""));
            let of = json!({ "resource": resource, "subresource": subresource });
            json!({ "auditID": id, "verb": verb, "requestURI": "/", "user": { "username": "u" }, "objectRef": of })
        };
        let times = |(verb, of, count): &(&str, &str, u64)| {
            let lines = (0..*count).map(|n| format!("{}\n", line(format!("{verb}{of}{n}"), verb, of)));
            lines.collect::<String>()
        };
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("audit.log");
        std::fs::write(&log, made.iter().map(times).collect::<String>()).unwrap();
        audit::count(&log, "u").unwrap()
    }

    fn timed(seconds: u64, mebibytes: u64) -> Timed {
        let usage = Usage { cpu: Duration::from_secs(1), resident: 0, peak: mebibytes << 20, anonymous: 0 };
        Timed { wall: Duration::from_secs(seconds), usage }
    }

    fn findings(walls: [u64; 3], made: &[(&str, &str, u64)]) -> Findings {
        let reads = Reads { made: 5, distinct: 5 };
        let spans = Spans { opening: Duration::ZERO, whole: Duration::ZERO };
        let pairs =
            walls.map(|wall| Pair { keyferry: (timed(wall, wall), reads), floor: (timed(10, 9), spans) });
        let counted = Counted {
            requests: requests(made),
            time: Duration::ZERO,
            reads,
            script: Script::of(&[]).unwrap(),
        };
        let unshared = (timed(1, 1), Reads { made: 31, distinct: 30 });
        Findings { objects: 10, stores: 2, program: 30_000_000, counted, pairs: pairs.into(), unshared }
    }

    fn others(made: &[(&str, &str, u64)]) -> u64 {
        findings([10; 3], made).needed().others(&requests(made))
    }

    fn figure(findings: &Findings, name: &str) -> f64 {
        findings.report().figures.iter().find(|figure| figure.name == name).unwrap().value
    }

    #[test]
    fn the_ratio_is_that_of_the_middle_pair_and_the_peak_that_of_the_worst() {
        let findings = findings([11, 40, 12], &[]);
        assert!((figure(&findings, "cold wall ÷ floor") - 1.2).abs() < 1e-9);
        assert!((figure(&findings, "peak RSS") - 40.0).abs() < 1e-9);
    }

    #[test]
    fn a_program_may_have_thirty_megabytes() {
        let at = |program| Findings { program, ..findings([10; 3], &[]) };
        let verdict = |findings: Findings| {
            findings.report().figures.iter().find(|figure| figure.name == "program").unwrap().verdict()
        };
        assert_eq!(verdict(at(30_000_000)), Verdict::Good);
        assert_eq!(verdict(at(30_000_001)), Verdict::Missed);
    }

    #[test]
    fn what_events_and_stores_need_is_no_request_for_an_object() {
        let made = [
            ("list", "secrets", 2),
            ("list", "externalsecrets", 1),
            ("watch", "secrets", 3),
            ("create", "secrets", 4),
            ("create", "events", 5),
            ("patch", STATUS, 4),
            ("patch", "clustersecretstores/status", 2),
            ("get", "secrets", 2),
        ];
        assert_eq!(others(&made), 0);
    }

    #[test]
    fn a_read_of_each_secret_and_a_write_of_each_object_are_seen() {
        assert_eq!(others(&[("get", "secrets", 12)]), 10);
        assert_eq!(others(&[("patch", "externalsecrets", 3), ("update", "secrets", 1)]), 4);
    }

    #[test]
    fn a_list_or_a_watch_too_many_is_seen() {
        assert_eq!(others(&[("list", "externalsecrets", 2), ("list", "secrets", 5)]), 4);
        assert_eq!(others(&[("watch", "secrets", 7), ("watch", "namespaces", 3)]), 1);
        assert_eq!(others(&[("list", "pods", 1), ("watch", "pods", 1)]), 2);
    }

    #[test]
    fn a_key_that_is_read_twice_is_seen() {
        let findings = findings([10; 3], &[]);
        let missed =
            |figure: &&Figure| figure.name == "store reads, nothing shared" && figure.value > figure.limit;
        assert_eq!(findings.report().figures.iter().filter(missed).count(), 1);
    }

    #[test]
    fn the_floor_and_keyferry_watch_the_same() {
        let floor = floor::watched();
        let mut made: Vec<_> = floor.iter().map(|(of, times)| ("watch", *of, *times)).collect();
        assert!(holds_the_same_watches(&requests(&made)).is_ok());
        made.push(("watch", "pods", 1));
        assert!(
            holds_the_same_watches(&requests(&made)).unwrap_err().to_string().contains("watch pods alike")
        );
        assert!(holds_the_same_watches(&requests(&made[1..])).is_err());
    }
}
