//! A store that is down: how often it is asked meanwhile, how often the objects' statuses are written, how soon all is well again.
//!
//! | stores | objects | the store answers | then it is well again, and answers |
//! |---|---|---|---|
//! | ten of one account | N | 503 for T, 429 with `Retry-After: 5` for T/3 | that 429 alone, for T/2 |
//! | ten of one server, an account each | N/4 | 503 for T/2 | that 429 alone, for T/3 |
//!
//! The objects refresh every T/4 and the stores are judged every T/2, so each of them meets the outage. It begins between ticks, at a
//! moment when the reads of a tick come before the next judgement of a store, which would find the outage in their place: all of them
//! come again as regularly as they came before. The values are the same before and after: no Secret may be written.
//!
//! All stores are of one server, so all that arrives is of one quota, whoever asks. It is judged over the whole of each answer's time,
//! and at its busiest second: in every second from the moment on at which keyferry can know that the store is down. That is when [`KNOWN_BY`]
//! requests have failed and what was under way with them has ended. What arrives before is judged by how much may be under way at once,
//! which is ours. A 429 after 503s needs no such moment: the store is down already.
//!
//! keyferry runs with `--status-stamp-interval=never`, not with its defaults. A stamp is a status write that comes because of the time,
//! store or no store (`steady` judges how many there are), and one that falls into the measurement would be taken for the outage's:
//! with stamps, 1 of 2 000 objects was seen to write its status thrice. Without them a third write has no such excuse.
//!
//! All of it happens beside the audit log, which takes the API server's time: that all are Ready again is told in seconds, and its limit
//! sees a recovery that nobody notices, but it is no measure of speed.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Arguments, Row, Run, rest};
use crate::{
    Result,
    audit::{self, Counts},
    clock,
    controller::Controller,
    observer::Observer,
    plane::{Api, Identity, Plane},
    standin::{Behaviour, Failing, StandIn},
    table::{Figure, Report, Table},
    workload::{Shape, Workload},
};

/// How long all objects may take to become Ready, at first and again. Beyond the longest wait between two tries of an object.
const PATIENCE: Duration = Duration::from_secs(900);
/// `Retry-After` of the 429s, in seconds.
const RETRY_AFTER: u64 = 5;
/// Requests that must have failed before keyferry can know that the store is down.
const KNOWN_BY: usize = 3;
/// What was under way then has arrived after this time: answers take no time, and a read is tried again 0.2 s later.
const UNDER_WAY: Duration = Duration::from_secs(1);
/// Requests that may be under way at once, those that make it known included.
const AT_ONCE: f64 = 64.0;
const SECOND: Duration = Duration::from_secs(1);
/// The status of an ExternalSecret, as the audit log names it.
const STATUS: &str = "externalsecrets/status";
/// How often it is looked what comes next.
const LOOK_CLOSELY: Duration = Duration::from_millis(50);
/// How often it is looked how many objects and stores fail.
const LOOK: Duration = Duration::from_millis(100);
/// The audit log rests if it tells of nothing new for this long.
const REST: Duration = Duration::from_secs(2);
const STORES: &str = "/apis/external-secrets.io/v1/clustersecretstores";
/// The verbs that change a Secret.
const WRITES: [&str; 5] = ["create", "update", "patch", "delete", "deletecollection"];

/// The row of this benchmark.
pub(super) const ROW: Row = Row {
    name: "outage",
    objects: 2_000,
    time: Duration::from_secs(60),
    about: "a store that answers 503 for T and then 429, or 429 alone: requests to it, status writes, recovery",
    run,
};

/// An answer that the store gives to everything for a part of T.
#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    retry_after: Option<u64>,
    /// What T is divided by.
    part: u32,
}

const fn unavailable(part: u32) -> Answer {
    Answer { status: 503, retry_after: None, part }
}

const fn throttled(part: u32) -> Answer {
    Answer { status: 429, retry_after: Some(RETRY_AFTER), part }
}

/// Stores and objects, and the outages that they see one after the other.
struct Setting {
    name: &'static str,
    own_tokens: bool,
    /// What N is divided by.
    part: usize,
    /// The answers of each outage.
    outages: &'static [&'static [Answer]],
}

const SETTINGS: [Setting; 2] = [
    Setting {
        name: "one account",
        own_tokens: false,
        part: 1,
        outages: &[&[unavailable(1), throttled(3)], &[throttled(2)]],
    },
    Setting {
        name: "an account a store",
        own_tokens: true,
        part: 4,
        outages: &[&[unavailable(2)], &[throttled(3)]],
    },
];

/// Runs the benchmark.
pub(super) fn run(arguments: Arguments) -> Run {
    Box::pin(measure(arguments))
}

async fn measure(Arguments { objects, time }: Arguments) -> Result<Report> {
    let mut outages = Vec::new();
    for setting in &SETTINGS {
        let scene = Scene::set(setting, (objects / setting.part).max(1), time).await?;
        for answers in setting.outages {
            outages.push(scene.outage(setting, answers).await?);
        }
    }
    Ok(report(&outages))
}

/// All parts of a measurement, with every object Ready.
struct Scene {
    stand_in: StandIn,
    observer: Observer,
    _controller: Controller,
    identity: Identity,
    plane: Plane,
    workload: Workload,
    /// T.
    time: Duration,
}

/// What the stand-in was asked while it answered one status.
struct Phase {
    /// The status that it answered.
    status: u16,
    /// True if it was down before.
    known: bool,
    length: Duration,
    /// When requests arrived, from the phase's start on.
    arrivals: Vec<Duration>,
    /// When those of them arrived that read a key.
    reads: Vec<Duration>,
    /// The most objects that failed at once.
    objects_failing: usize,
    /// The most stores that failed at once.
    stores_failing: usize,
}

/// All that was measured of one outage.
struct Outage {
    /// What the store answered, and whose stores it is.
    name: String,
    objects: usize,
    stores: usize,
    phases: Vec<Phase>,
    /// From the store's recovery until all objects are Ready, if any failed.
    objects_ready: Duration,
    /// From the store's recovery until all stores are Ready, if any failed.
    stores_ready: Duration,
    /// How often each object's status changed, as a watch saw it.
    changes: Vec<u64>,
    /// How often each object's status was written that was written at all, as the audit log tells.
    writes: Vec<u64>,
    /// keyferry's requests to the API server.
    requests: Counts,
}

impl Scene {
    /// All is well, and everything that is periodic will happen within an outage of `time`.
    async fn set(setting: &Setting, objects: usize, time: Duration) -> Result<Self> {
        let (plane, stand_in) = (Plane::start(true).await?, StandIn::start()?);
        let shape = Shape { interval: period(time / 4), ..Shape::shared(objects) };
        let workload = Workload::new(shape, stand_in.address());
        let workload = if setting.own_tokens { workload.with_own_tokens() } else { workload };
        workload.create(plane.api()).await?;
        let identity = plane.identity(plane.server()).await?;
        let observer = Observer::start(plane.api()).await?;
        let judged = format!("--store-requeue-interval={}", period(time / 2));
        let flags = [judged.as_str(), "--status-stamp-interval=never"];
        let mut controller = Controller::start(&identity, &flags)?;
        controller.until_listed().await?;
        observer.until_ready(objects, PATIENCE).await?;
        Ok(Self { stand_in, observer, _controller: controller, identity, plane, workload, time })
    }

    /// One outage, from objects in sync until they are again.
    async fn outage(&self, setting: &Setting, answers: &[Answer]) -> Result<Outage> {
        let Shape { objects, stores, .. } = *self.workload.shape();
        let (requests, writes) = (self.rested().await?, self.status_writes()?);
        let changes = self.status_changes();
        self.until_reads_come_first().await?;
        let mut phases = Vec::with_capacity(answers.len());
        for answer in answers {
            phases.push(self.phase(*answer, !phases.is_empty()).await?);
        }
        self.stand_in.behave(Behaviour::default());
        let recovered = clock::now();
        let (objects_ready, stores_ready) =
            tokio::try_join!(self.observer.until_ready(objects, PATIENCE), self.stores_ready())?;
        let requests = self.rested().await?.since(&requests);
        Ok(Outage {
            name: named(setting, answers),
            objects,
            stores,
            phases,
            objects_ready: objects_ready.saturating_duration_since(recovered),
            stores_ready: stores_ready.saturating_duration_since(recovered),
            changes: more(&changes, &self.status_changes()),
            writes: more(&writes, &self.status_writes()?),
            requests,
        })
    }

    /// Sees for as long as a store takes to be judged again who asks when, and waits until reads are the next to ask.
    async fn until_reads_come_first(&self) -> Result<()> {
        self.stand_in.reset();
        tokio::time::sleep(self.time / 2).await;
        let found = async {
            while !self.reads_come_first() {
                tokio::time::sleep(LOOK_CLOSELY).await;
            }
            Ok(())
        };
        in_time(found, "a judgement always comes before the reads of a tick").await
    }

    fn reads_come_first(&self) -> bool {
        let (now, ticks, judgements) = (clock::now(), self.time / 4, self.time / 2);
        let reads: Vec<_> = self.stand_in.reads().into_iter().map(|read| read.at).collect();
        come_first(next(&reads, ticks, now), next(&self.stand_in.others(), judgements, now), self.time / 60)
    }

    /// Has the stand-in answer all requests alike for a time. `known`: whether it was down before.
    async fn phase(&self, answer: Answer, known: bool) -> Result<Phase> {
        let Answer { status, retry_after, part } = answer;
        let length = self.time / part;
        self.stand_in.reset();
        let failing = Some(Failing { share: 1.0, status, retry_after });
        self.stand_in.behave(Behaviour { failing, ..Behaviour::default() });
        let (started, mut objects_failing, mut stores_failing) = (clock::now(), 0, 0);
        while clock::now().duration_since(started) < length {
            objects_failing = objects_failing.max(self.observer.failing());
            stores_failing = stores_failing.max(failing_stores(self.plane.api()).await?);
            tokio::time::sleep(LOOK).await;
        }
        let since = |at: Instant| at.saturating_duration_since(started);
        let arrivals = self.stand_in.arrivals().into_iter().map(since).collect();
        let reads = self.stand_in.reads().into_iter().map(|read| since(read.at)).collect();
        Ok(Phase { status, known, length, arrivals, reads, objects_failing, stores_failing })
    }

    /// Waits until no store fails; when that was seen.
    async fn stores_ready(&self) -> Result<Instant> {
        let ready = async {
            while failing_stores(self.plane.api()).await? > 0 {
                tokio::time::sleep(LOOK).await;
            }
            Ok(clock::now())
        };
        in_time(ready, "a store still fails").await
    }

    /// keyferry's requests so far, when nothing but events is written to the log. Those take a minute of their own and are not judged.
    async fn rested(&self) -> Result<Counts> {
        let count = || audit::count(self.log()?, &self.identity.user);
        rest::until_same(REST, PATIENCE, || count().map(|requests| without_events(&requests))).await?;
        count()
    }

    fn log(&self) -> Result<&Path> {
        Ok(self.plane.audit().ok_or("the control plane has no audit log")?)
    }

    fn status_writes(&self) -> Result<BTreeMap<String, u64>> {
        audit::writes_of_each(self.log()?, &self.identity.user, STATUS)
    }

    fn status_changes(&self) -> BTreeMap<String, u64> {
        self.observer.status_changes().into_iter().map(|(key, count)| (key, count as u64)).collect()
    }
}

/// All requests that are none for an event.
fn without_events(requests: &Counts) -> u64 {
    requests.rows().filter(|(_, of, _)| *of != "events").map(|(.., count)| count).sum()
}

/// What is told of an outage: its answers, and whose stores saw it.
fn named(setting: &Setting, answers: &[Answer]) -> String {
    let statuses: Vec<_> = answers.iter().map(|answer| answer.status.to_string()).collect();
    format!("{}, {}", statuses.join(" and "), setting.name)
}

/// How long it takes from `now` until the next of these comes again, each of which does after `period`.
fn next(came: &[Instant], period: Duration, now: Instant) -> Option<Duration> {
    let again =
        |at: &Instant| period.checked_sub(now.saturating_duration_since(*at)).filter(|left| !left.is_zero());
    came.iter().filter_map(again).min()
}

/// True if it takes a moment until the next read, so that a whole tick comes, and that comes before the next judgement by `margin`.
fn come_first(read: Option<Duration>, judgement: Option<Duration>, margin: Duration) -> bool {
    let before = |(read, judgement)| read >= LOOK && read + margin <= judgement;
    read.zip(judgement).is_some_and(before)
}

/// What `wait` ends with; an error that says what is the case instead if it does not end.
async fn in_time<T>(wait: impl Future<Output = Result<T>>, instead: &str) -> Result<T> {
    let ended = tokio::time::timeout(PATIENCE, wait).await;
    ended.unwrap_or_else(|_| Err(format!("{instead} after {} s", PATIENCE.as_secs()).into()))
}

async fn failing_stores(api: &Api) -> Result<usize> {
    let list = api.get(STORES).await?;
    Ok(list["items"].as_array().into_iter().flatten().filter(|store| fails(store)).count())
}

/// True if a store's condition Ready is False.
fn fails(store: &Value) -> bool {
    let conditions = store["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "False")
}

/// A time as flags and fields of objects have it.
fn period(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

/// How much each object's count has grown.
fn more(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Vec<u64> {
    after.iter().map(|(key, count)| count - before.get(key).copied().unwrap_or_default()).collect()
}

impl Phase {
    /// Requests a second, over the whole phase.
    fn rate(&self) -> f64 {
        self.arrivals.len() as f64 / self.length.as_secs_f64()
    }

    /// From when on keyferry can know that the store is down; see the module. The phase's end if too few requests arrived.
    fn known_from(&self) -> Duration {
        let known = || self.arrivals.get(KNOWN_BY - 1).map_or(self.length, |failed| *failed + UNDER_WAY);
        if self.known { Duration::ZERO } else { known() }
    }

    /// The most requests that arrived within a second from then on, wherever that second begins.
    fn busiest(&self) -> usize {
        let after: Vec<_> = self.arrivals.iter().filter(|at| **at >= self.known_from()).collect();
        let within = |first: usize| after[first..].partition_point(|at| **at < *after[first] + SECOND);
        (0..after.len()).map(within).max().unwrap_or_default()
    }

    /// Requests that arrived before.
    fn unknowing(&self) -> usize {
        self.arrivals.iter().filter(|at| **at < self.known_from()).count()
    }

    /// Reads that arrived before.
    fn reads_met(&self) -> usize {
        self.reads.iter().filter(|at| **at < self.known_from()).count()
    }

    /// `outage` names the one that it is of.
    fn figures(&self, outage: &str) -> Vec<Figure> {
        let named = |what: &str| format!("{what} while the store answers {} ({outage})", self.status);
        let figure = |what: &str, value: f64, unit: &str, most: f64| {
            Figure::at_most(&named(what), value, unit, most, most)
        };
        let before = || {
            let under_way = "requests until that is known (limit ours)";
            [
                Figure::at_least(&named("reads that met the outage"), self.reads_met() as f64, "", 1.0),
                figure(under_way, self.unknowing() as f64, "", AT_ONCE),
            ]
        };
        let known = [
            figure("requests a second", self.rate(), "/s", 1.0),
            figure("requests in the busiest second", self.busiest() as f64, "", 1.0),
        ];
        known.into_iter().chain((!self.known).then(before).into_iter().flatten()).collect()
    }
}

fn report(outages: &[Outage]) -> Report {
    let each = outages.iter().flat_map(|outage| [outage.told(), outage.asked()]);
    let tables = [down(outages), again(outages)].into_iter().chain(each).collect();
    Report { tables, figures: outages.iter().flat_map(Outage::figures).collect() }
}

fn down(outages: &[Outage]) -> Table {
    let heads = [
        "outage",
        "answer",
        "time",
        "requests",
        "reads",
        "a second",
        "until known",
        "busiest second",
        "objects failing",
        "stores failing",
    ];
    let mut table = Table::new("requests to the store while it is down", &heads);
    for (outage, phase) in
        outages.iter().flat_map(|outage| outage.phases.iter().map(move |phase| (outage, phase)))
    {
        table.row([
            outage.name.clone(),
            phase.status.to_string(),
            format!("{:.0} s", phase.length.as_secs_f64()),
            phase.arrivals.len().to_string(),
            phase.reads.len().to_string(),
            format!("{:.2}", phase.rate()),
            phase.unknowing().to_string(),
            phase.busiest().to_string(),
            phase.objects_failing.to_string(),
            phase.stores_failing.to_string(),
        ]);
    }
    table
}

fn again(outages: &[Outage]) -> Table {
    let heads = ["outage", "ExternalSecrets", "time", "ClusterSecretStores", "time"];
    let mut table = Table::new("from the store's recovery until all are Ready", &heads);
    let time = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    for outage in outages {
        let (objects, stores) = (outage.objects.to_string(), outage.stores.to_string());
        table.row([
            outage.name.clone(),
            objects,
            time(outage.objects_ready),
            stores,
            time(outage.stores_ready),
        ]);
    }
    table
}

impl Outage {
    fn figures(&self) -> Vec<Figure> {
        let named = |what: &str| format!("{what} ({})", self.name);
        let most = |counts: &[u64]| counts.iter().max().copied().unwrap_or_default() as f64;
        let secrets: u64 = WRITES.iter().map(|verb| self.requests.get(verb, "secrets")).sum();
        let status = |what: &str, counts: &[u64]| Figure::at_most(&named(what), most(counts), "", 2.0, 2.0);
        let again = self.objects_ready.max(self.stores_ready).as_secs_f64();
        let of_objects = [
            status("most writes of one object's status", &self.writes),
            status("most changes of one object's status", &self.changes),
            Figure::exactly(&named("Secrets written"), secrets as f64, "", 0.0),
            // The last Retry-After, a turn to ask, and the reads themselves.
            Figure::at_most(&named("time until all are Ready again (limit ours)"), again, "s", 10.0, 20.0),
        ];
        let of_phases = self.phases.iter().flat_map(|phase| phase.figures(&self.name));
        of_phases.chain(of_objects).chain(self.untold()).collect()
    }

    /// A store that only asks to be left alone is not down: its objects wait, and need not tell.
    fn untold(&self) -> Option<Figure> {
        let is_down = self.phases.iter().any(|phase| phase.status == 503);
        let told = self.phases.iter().map(|phase| phase.objects_failing).max().unwrap_or_default();
        let untold = self.objects.saturating_sub(told);
        let name = format!("objects that never told of the outage ({})", self.name);
        is_down.then(|| Figure::exactly(&name, untold as f64, "", 0.0))
    }

    /// How many objects wrote their status how often. Those that did not are not in the log.
    fn told(&self) -> Table {
        let mut objects = BTreeMap::from([(0, self.objects.saturating_sub(self.writes.len()))]);
        self.writes.iter().for_each(|writes| *objects.entry(*writes).or_default() += 1);
        let mut table = Table::new(&format!("writes of a status ({})", self.name), &["writes", "objects"]);
        objects
            .into_iter()
            .for_each(|(writes, objects)| table.row([writes.to_string(), objects.to_string()]));
        table
    }

    fn asked(&self) -> Table {
        let title = format!("requests to the API server ({})", self.name);
        let mut table = Table::new(&title, &["verb", "resource", "count"]);
        for (verb, resource, count) in self.requests.rows() {
            table.row([verb.to_owned(), resource.to_owned(), count.to_string()]);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::table::Verdict;

    fn phase(status: u16, length: u64, arrivals: &[f64]) -> Phase {
        let arrivals: Vec<_> = arrivals.iter().map(|at| Duration::from_secs_f64(*at)).collect();
        let (known, length, reads) = (status == 429, Duration::from_secs(length), arrivals.clone());
        Phase { status, known, length, arrivals, reads, objects_failing: 4, stores_failing: 0 }
    }

    fn outage(writes: &[u64]) -> Outage {
        Outage {
            name: "test".to_owned(),
            objects: 4,
            stores: 1,
            phases: vec![phase(503, 60, &[0.1; 60]), phase(429, 20, &[0.0, 5.1])],
            objects_ready: Duration::ZERO,
            stores_ready: Duration::ZERO,
            changes: vec![2; 4],
            writes: writes.to_vec(),
            requests: Counts::default(),
        }
    }

    fn missed(outage: &Outage) -> Vec<String> {
        let figures = outage.figures().into_iter();
        figures
            .filter(|figure| figure.verdict() == Verdict::Missed)
            .map(|figure| figure.name.replace(" (test)", ""))
            .collect()
    }

    #[test]
    fn an_outage_that_all_were_told_of_once_and_of_its_end_once_is_good() {
        assert_eq!(missed(&outage(&[2, 2, 2, 2])), [""; 0]);
    }

    #[test]
    fn a_rate_counts_all_that_arrived() {
        let rate = phase(503, 10, &[0.0, 0.2, 4.9, 5.0, 9.9]).rate();
        assert!((rate - 0.5).abs() < f64::EPSILON);
        let outage =
            Outage { phases: vec![phase(503, 60, &[0.1; 61]), phase(429, 20, &[])], ..outage(&[2; 4]) };
        assert_eq!(missed(&outage), ["requests a second while the store answers 503"]);
    }

    #[test]
    fn what_arrives_before_the_store_is_known_to_be_down_is_what_was_under_way() {
        let with = |arrivals| {
            let phases = vec![phase(503, 100, &vec![0.1; arrivals]), phase(429, 20, &[])];
            missed(&Outage { phases, ..outage(&[2; 4]) })
        };
        assert_eq!(with(64), [""; 0]);
        assert_eq!(with(65), ["requests until that is known (limit ours) while the store answers 503"]);
    }

    #[test]
    fn the_busiest_second_may_begin_anywhere_once_the_store_is_known_to_be_down() {
        let busiest = |arrivals: &[f64]| phase(503, 10, arrivals).busiest();
        assert_eq!(busiest(&[0.0, 0.1, 0.2, 0.5, 1.1, 3.0, 5.0]), 1);
        assert_eq!(busiest(&[0.0, 0.1, 0.2, 1.3, 2.2, 5.0]), 2);
        assert_eq!(busiest(&[0.0, 0.1, 0.2, 1.3, 2.3, 3.3]), 1);
        assert_eq!(phase(503, 10, &[0.0, 0.1, 0.2, 0.5, 1.3, 3.0]).unknowing(), 4);
    }

    #[test]
    fn while_requests_are_too_few_to_know_it_by_there_is_no_busiest_second() {
        assert_eq!((phase(503, 10, &[1.0, 1.1]).busiest(), phase(503, 10, &[]).busiest()), (0, 0));
    }

    #[test]
    fn a_store_that_was_down_before_is_known_to_be_at_once() {
        let phases = vec![phase(503, 60, &[1.0]), phase(429, 20, &[0.0, 0.1])];
        let missed = missed(&Outage { phases, ..outage(&[2; 4]) });
        assert_eq!(missed, ["requests in the busiest second while the store answers 429"]);
    }

    #[test]
    fn a_store_that_only_throttles_is_not_known_to_at_first() {
        let alone = |arrivals: &[f64]| {
            let phases = vec![Phase { known: false, objects_failing: 0, ..phase(429, 30, arrivals) }];
            missed(&Outage { phases, ..outage(&[0; 4]) })
        };
        assert_eq!(alone(&[0.0, 0.0, 0.1, 0.2, 5.1, 10.2]), [""; 0]);
        let bursts = alone(&[0.0, 0.0, 0.1, 0.2, 5.1, 5.2]);
        assert_eq!(bursts, ["requests in the busiest second while the store answers 429"]);
    }

    #[test]
    fn an_outage_that_a_judgement_meets_in_the_place_of_reads_is_missed() {
        let judged = Phase { reads: vec![Duration::from_secs(5)], ..phase(503, 60, &[0.1, 0.1, 0.3, 5.0]) };
        let phases = vec![judged, phase(429, 20, &[])];
        let missed = missed(&Outage { phases, ..outage(&[2; 4]) });
        assert_eq!(missed, ["reads that met the outage while the store answers 503"]);
    }

    #[test]
    fn what_comes_again_is_known_by_when_it_came() {
        let (begun, tick) = (clock::now(), Duration::from_secs(15));
        let came = [0, 1, 16].map(|second| begun + Duration::from_secs(second));
        let left = |second| next(&came, tick, begun + Duration::from_secs(second)).map(|left| left.as_secs());
        // The first is over: it should have come again. The second came again as the third.
        assert_eq!([1, 14, 16, 17, 31].map(left), [Some(14), Some(1), Some(15), Some(14), None]);
    }

    #[test]
    fn an_outage_begins_where_a_whole_tick_comes_before_a_judgement() {
        let seconds = |read, judgement| [read, judgement].map(Duration::from_secs_f64);
        let begins = |(read, judgement)| {
            let [read, judgement] = seconds(read, judgement);
            come_first(Some(read), Some(judgement), Duration::from_secs(1))
        };
        assert_eq!(
            [(5.0, 6.0), (5.0, 5.9), (0.01, 9.0), (9.0, 5.0)].map(begins),
            [true, false, false, false]
        );
        assert!(!come_first(None, Some(Duration::MAX), Duration::ZERO));
        assert!(!come_first(Some(Duration::from_secs(5)), None, Duration::ZERO));
    }

    #[test]
    fn events_do_not_keep_the_log_from_resting() {
        let made = [("create", "events", 7), ("patch", "events", 2), ("patch", STATUS, 3)];
        assert_eq!(without_events(&crate::bench::steady::tests::requests(&made)), 3);
    }

    #[test]
    fn a_recovery_that_nobody_notices_for_a_minute_is_missed() {
        let late = Outage { stores_ready: Duration::from_secs(60), ..outage(&[2; 4]) };
        assert_eq!(missed(&late), ["time until all are Ready again (limit ours)"]);
    }

    #[test]
    fn one_object_whose_status_was_written_thrice_is_too_many() {
        assert_eq!(missed(&outage(&[2, 3, 2, 1])), ["most writes of one object's status"]);
        let changed = Outage { changes: vec![2, 3], ..outage(&[2; 4]) };
        assert_eq!(missed(&changed), ["most changes of one object's status"]);
    }

    #[test]
    fn objects_are_told_by_their_writes() {
        let rows = outage(&[2, 3, 2]).told().rows;
        assert_eq!(rows, [["0", "1"], ["2", "2"], ["3", "1"]]);
    }

    #[test]
    fn an_object_that_kept_silent_is_missed() {
        let outage = Outage { objects: 5, ..outage(&[2; 5]) };
        assert_eq!(missed(&outage), ["objects that never told of the outage"]);
    }

    #[test]
    fn what_changed_before_is_not_counted() {
        let counts = |pairs: &[(&str, u64)]| pairs.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect();
        assert_eq!(more(&counts(&[("a/b", 3)]), &counts(&[("a/b", 5), ("a/c", 1)])), [2, 1]);
    }

    #[test]
    fn a_store_fails_by_its_condition_ready() {
        let store = |kind, status| json!({"status": {"conditions": [{"type": kind, "status": status}]}});
        assert!(fails(&store("Ready", "False")));
        assert!(!fails(&store("Ready", "True")) && !fails(&store("Other", "False")) && !fails(&json!({})));
    }
}
