//! A store that is down: how often it is asked meanwhile, how often the objects' statuses are written, how soon all is well again.
//!
//! The store answers 503 for the time that is asked for, then 429 with `Retry-After: 5` for a third of it, then as before. The
//! objects refresh every quarter of that time and the stores are judged every half of it, so each of them meets the outage. The values
//! are the same before and after: no Secret may be written.
//!
//! All stores are one account, so all that arrives is of one quota. It is judged over the whole of each answer's time, and at its
//! busiest second: in every second from the moment on at which keyferry can know that the store is down. That is when [`KNOWN_BY`]
//! requests have failed and what was under way with them has ended. What arrives before is judged by how much may be under way at once,
//! which is ours. The second answer needs no such moment: the store is down already.
//!
//! keyferry runs with `--status-stamp-interval=never`, not with its defaults. A stamp is a status write that comes because of the time,
//! store or no store (`steady` judges how many there are), and one that falls into the measurement would be taken for the outage's:
//! with stamps, 1 of 2 000 objects was seen to write its status thrice. Without them a third write has no such excuse.

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
    about: "a store that answers 503 for T and 429 for a third of it: requests to it, status writes, recovery",
    run,
};

/// Runs the benchmark.
pub(super) fn run(arguments: Arguments) -> Run {
    Box::pin(async move { Ok(measure(arguments).await?.report()) })
}

/// All parts of a measurement, with every object Ready.
struct Scene {
    stand_in: StandIn,
    observer: Observer,
    _controller: Controller,
    identity: Identity,
    plane: Plane,
    workload: Workload,
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
    /// How many of them read a key.
    reads: usize,
    /// The most objects that failed at once.
    objects_failing: usize,
    /// The most stores that failed at once.
    stores_failing: usize,
}

/// All that was measured.
struct Outage {
    objects: usize,
    stores: usize,
    phases: [Phase; 2],
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

async fn measure(Arguments { objects, time }: Arguments) -> Result<Outage> {
    let scene = Scene::set(objects, time).await?;
    let (requests, writes) = (scene.rested().await?, scene.status_writes()?);
    let changes = scene.status_changes();
    let phases = [scene.phase(503, None, time).await?, scene.phase(429, Some(RETRY_AFTER), time / 3).await?];
    scene.stand_in.behave(Behaviour::default());
    let recovered = clock::now();
    let (objects_ready, stores_ready) =
        tokio::try_join!(scene.observer.until_ready(objects, PATIENCE), scene.stores_ready())?;
    let requests = scene.rested().await?.since(&requests);
    Ok(Outage {
        objects,
        stores: scene.workload.shape().stores,
        phases,
        objects_ready: objects_ready.saturating_duration_since(recovered),
        stores_ready: stores_ready.saturating_duration_since(recovered),
        changes: more(&changes, &scene.status_changes()),
        writes: more(&writes, &scene.status_writes()?),
        requests,
    })
}

impl Scene {
    /// All is well, and everything that is periodic will happen within an outage of `time`.
    async fn set(objects: usize, time: Duration) -> Result<Self> {
        let (plane, stand_in) = (Plane::start(true).await?, StandIn::start()?);
        let shape = Shape { interval: period(time / 4), ..Shape::shared(objects) };
        let workload = Workload::new(shape, stand_in.address());
        workload.create(plane.api()).await?;
        let identity = plane.identity(plane.server()).await?;
        let observer = Observer::start(plane.api()).await?;
        let judged = format!("--store-requeue-interval={}", period(time / 2));
        let flags = [judged.as_str(), "--status-stamp-interval=never"];
        let mut controller = Controller::start(&identity, &flags)?;
        controller.until_listed().await?;
        observer.until_ready(objects, PATIENCE).await?;
        Ok(Self { stand_in, observer, _controller: controller, identity, plane, workload })
    }

    /// Has the stand-in answer all requests with `status` for a time.
    async fn phase(&self, status: u16, retry_after: Option<u64>, length: Duration) -> Result<Phase> {
        self.stand_in.reset();
        let failing = Some(Failing { share: 1.0, status, retry_after });
        self.stand_in.behave(Behaviour { failing, ..Behaviour::default() });
        let (started, mut objects_failing, mut stores_failing) = (clock::now(), 0, 0);
        while clock::now().duration_since(started) < length {
            objects_failing = objects_failing.max(self.observer.failing());
            stores_failing = stores_failing.max(failing_stores(self.plane.api()).await?);
            tokio::time::sleep(LOOK).await;
        }
        let arrivals = self.stand_in.arrivals().into_iter();
        let arrivals = arrivals.map(|at| at.saturating_duration_since(started)).collect();
        let reads = self.stand_in.read_count();
        let known = retry_after.is_some();
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

    /// keyferry's requests so far, when nothing more is written to the log.
    async fn rested(&self) -> Result<Counts> {
        let log = self.log()?;
        rest::until_same(REST, PATIENCE, || audit::count(log, &self.identity.user)).await
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

    fn figures(&self) -> Vec<Figure> {
        let figure = |what: &str, value: f64, unit: &str, most: f64| {
            let name = format!("{what} while the store answers {}", self.status);
            Figure::at_most(&name, value, unit, most, most)
        };
        let before =
            || figure("requests until that is known (limit ours)", self.unknowing() as f64, "", AT_ONCE);
        let known = [
            figure("requests a second", self.rate(), "/s", 1.0),
            figure("requests in the busiest second", self.busiest() as f64, "", 1.0),
        ];
        known.into_iter().chain((!self.known).then(before)).collect()
    }
}

impl Outage {
    fn report(&self) -> Report {
        let tables = vec![self.down(), self.again(), self.told(), self.asked()];
        Report { tables, figures: self.figures() }
    }

    fn figures(&self) -> Vec<Figure> {
        let told = self.phases.iter().map(|phase| phase.objects_failing).max().unwrap_or_default();
        let untold = self.objects.saturating_sub(told);
        let most = |counts: &[u64]| counts.iter().max().copied().unwrap_or_default() as f64;
        let secrets: u64 = WRITES.iter().map(|verb| self.requests.get(verb, "secrets")).sum();
        let status = |name: &str, counts: &[u64]| Figure::at_most(name, most(counts), "", 2.0, 2.0);
        let again = self.objects_ready.max(self.stores_ready);
        let of_objects = [
            status("most writes of one object's status", &self.writes),
            status("most changes of one object's status", &self.changes),
            Figure::exactly("Secrets written", secrets as f64, "", 0.0),
            Figure::exactly("objects that never told of the outage", untold as f64, "", 0.0),
            // The last Retry-After, a turn to ask, and the reads themselves.
            Figure::at_most(
                "time until all are Ready again (limit ours)",
                again.as_secs_f64(),
                "s",
                10.0,
                20.0,
            ),
        ];
        self.phases.iter().flat_map(Phase::figures).chain(of_objects).collect()
    }

    fn down(&self) -> Table {
        let heads =
            ["answer", "time", "requests", "reads", "a second", "until known", "busiest second", "failing"];
        let mut table = Table::new("requests to the store while it is down", &heads);
        for phase in &self.phases {
            table.row([
                phase.status.to_string(),
                format!("{:.0} s", phase.length.as_secs_f64()),
                phase.arrivals.len().to_string(),
                phase.reads.to_string(),
                format!("{:.2}", phase.rate()),
                phase.unknowing().to_string(),
                phase.busiest().to_string(),
                format!("{} objects, {} stores", phase.objects_failing, phase.stores_failing),
            ]);
        }
        table
    }

    /// How many objects wrote their status how often. Those that did not are not in the log.
    fn told(&self) -> Table {
        let mut objects = BTreeMap::from([(0, self.objects.saturating_sub(self.writes.len()))]);
        self.writes.iter().for_each(|writes| *objects.entry(*writes).or_default() += 1);
        let mut table = Table::new("writes of a status", &["writes", "objects"]);
        objects
            .into_iter()
            .for_each(|(writes, objects)| table.row([writes.to_string(), objects.to_string()]));
        table
    }

    fn again(&self) -> Table {
        let mut table =
            Table::new("from the store's recovery until all are Ready", &["what", "how many", "time"]);
        let time = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        table.row(["ExternalSecrets".to_owned(), self.objects.to_string(), time(self.objects_ready)]);
        table.row(["ClusterSecretStores".to_owned(), self.stores.to_string(), time(self.stores_ready)]);
        table
    }

    fn asked(&self) -> Table {
        let mut table = Table::new("requests to the API server", &["verb", "resource", "count"]);
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
        let arrivals = arrivals.iter().map(|at| Duration::from_secs_f64(*at)).collect();
        let (known, length) = (status == 429, Duration::from_secs(length));
        Phase { status, known, length, arrivals, reads: 0, objects_failing: 4, stores_failing: 0 }
    }

    fn outage(writes: &[u64]) -> Outage {
        Outage {
            objects: 4,
            stores: 1,
            phases: [phase(503, 60, &[0.1; 60]), phase(429, 20, &[0.0, 5.1])],
            objects_ready: Duration::ZERO,
            stores_ready: Duration::ZERO,
            changes: vec![2; 4],
            writes: writes.to_vec(),
            requests: Counts::default(),
        }
    }

    fn missed(outage: &Outage) -> Vec<String> {
        let figures = outage.figures().into_iter();
        figures.filter(|figure| figure.verdict() == Verdict::Missed).map(|figure| figure.name).collect()
    }

    #[test]
    fn an_outage_that_all_were_told_of_once_and_of_its_end_once_is_good() {
        assert_eq!(missed(&outage(&[2, 2, 2, 2])), [""; 0]);
    }

    #[test]
    fn a_rate_counts_all_that_arrived() {
        let rate = phase(503, 10, &[0.0, 0.2, 4.9, 5.0, 9.9]).rate();
        assert!((rate - 0.5).abs() < f64::EPSILON);
        let outage = Outage { phases: [phase(503, 60, &[0.1; 61]), phase(429, 20, &[])], ..outage(&[2; 4]) };
        assert_eq!(missed(&outage), ["requests a second while the store answers 503"]);
    }

    #[test]
    fn what_arrives_before_the_store_is_known_to_be_down_is_what_was_under_way() {
        let with = |arrivals| {
            let phases = [phase(503, 100, &vec![0.1; arrivals]), phase(429, 20, &[])];
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
        let outage = Outage { phases: [phase(503, 60, &[]), phase(429, 20, &[0.0, 0.1])], ..outage(&[2; 4]) };
        assert_eq!(missed(&outage), ["requests in the busiest second while the store answers 429"]);
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
