//! A store that is down: how often it is asked meanwhile, how often the objects' statuses are written, how soon all is well again.
//!
//! The store answers 503 for the time that is asked for, then 429 with `Retry-After: 5` for a third of it, then as before. The
//! objects refresh every quarter of that time and the stores are judged every half of it, so each of them meets the outage. The values
//! are the same before and after: no Secret may be written.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Arguments, Row, Run};
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
/// What was under way as the store went down still arrives within this time.
const UNDER_WAY: Duration = Duration::from_secs(5);
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
    changes: Vec<usize>,
    /// keyferry's requests to the API server.
    requests: Counts,
}

async fn measure(Arguments { objects, time }: Arguments) -> Result<Outage> {
    let scene = Scene::set(objects, time).await?;
    let (changes, requests) = (scene.observer.status_changes(), scene.rested().await?);
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
        changes: more(&changes, &scene.observer.status_changes()),
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
        // A stamp is written because of the time, not because of the outage.
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
        Ok(Phase { status, length, arrivals, reads, objects_failing, stores_failing })
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
        in_time(self.until_rested(), "keyferry still sends requests to the API server").await
    }

    async fn until_rested(&self) -> Result<Counts> {
        let log = self.plane.audit().ok_or("the control plane has no audit log")?;
        let mut counts = audit::count(log, &self.identity.user)?;
        loop {
            tokio::time::sleep(REST).await;
            let later = audit::count(log, &self.identity.user)?;
            if later == counts {
                return Ok(counts);
            }
            counts = later;
        }
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
fn more(before: &BTreeMap<String, usize>, after: &BTreeMap<String, usize>) -> Vec<usize> {
    after.iter().map(|(key, count)| count - before.get(key).copied().unwrap_or_default()).collect()
}

impl Phase {
    /// Requests a second, over the phase from `from` on.
    fn rate(&self, from: Duration) -> f64 {
        let arrived = self.arrivals.iter().filter(|at| **at >= from).count();
        arrived as f64 / self.length.saturating_sub(from).as_secs_f64()
    }

    /// The rate as text; empty where the phase was over by then.
    fn told_rate(&self, from: Duration) -> String {
        if self.length > from { format!("{:.2}", self.rate(from)) } else { String::new() }
    }

    /// The most requests that arrived within one second, counted in whole seconds from the start.
    fn busiest(&self) -> usize {
        let mut seconds: BTreeMap<u64, usize> = BTreeMap::new();
        for at in &self.arrivals {
            *seconds.entry(at.as_secs()).or_default() += 1;
        }
        seconds.into_values().max().unwrap_or_default()
    }

    fn figure(&self) -> Figure {
        let name = format!("requests a second while the store answers {}", self.status);
        Figure::at_most(&name, self.rate(Duration::ZERO), "/s", 1.0, 1.0)
    }
}

impl Outage {
    fn report(&self) -> Report {
        Report { tables: vec![self.down(), self.again(), self.asked()], figures: self.figures() }
    }

    fn figures(&self) -> Vec<Figure> {
        let told = self.phases.iter().map(|phase| phase.objects_failing).max().unwrap_or_default();
        let untold = self.objects.saturating_sub(told);
        let most = self.changes.iter().max().copied().unwrap_or_default();
        let patches = self.requests.get("patch", "externalsecrets/status") as f64 / self.objects as f64;
        let secrets: u64 = WRITES.iter().map(|verb| self.requests.get(verb, "secrets")).sum();
        let [unavailable, throttled] = self.phases.each_ref().map(Phase::figure);
        vec![
            unavailable,
            throttled,
            Figure::at_most("most changes of one object's status", most as f64, "", 2.0, 2.0),
            Figure::at_most("status writes an object, audit log", patches, "", 2.0, 2.0),
            Figure::exactly("Secrets written", secrets as f64, "", 0.0),
            Figure::exactly("objects that never told of the outage", untold as f64, "", 0.0),
        ]
    }

    fn down(&self) -> Table {
        let heads =
            ["answer", "time", "requests", "reads", "a second", "after 5 s", "busiest second", "failing"];
        let mut table = Table::new("requests to the store while it is down", &heads);
        for phase in &self.phases {
            table.row([
                phase.status.to_string(),
                format!("{:.0} s", phase.length.as_secs_f64()),
                phase.arrivals.len().to_string(),
                phase.reads.to_string(),
                phase.told_rate(Duration::ZERO),
                phase.told_rate(UNDER_WAY),
                phase.busiest().to_string(),
                format!("{} objects, {} stores", phase.objects_failing, phase.stores_failing),
            ]);
        }
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
        let length = Duration::from_secs(length);
        Phase { status, length, arrivals, reads: 0, objects_failing: 4, stores_failing: 0 }
    }

    fn outage(changes: &[usize]) -> Outage {
        Outage {
            objects: 4,
            stores: 1,
            phases: [phase(503, 60, &[0.1; 60]), phase(429, 20, &[0.0, 5.1])],
            objects_ready: Duration::ZERO,
            stores_ready: Duration::ZERO,
            changes: changes.to_vec(),
            requests: Counts::default(),
        }
    }

    fn verdicts(outage: &Outage) -> Vec<Verdict> {
        outage.figures().iter().map(Figure::verdict).collect()
    }

    #[test]
    fn a_rate_counts_what_arrived_from_a_moment_on() {
        let phase = phase(503, 10, &[0.0, 0.2, 4.9, 5.0, 9.9]);
        assert!((phase.rate(Duration::ZERO) - 0.5).abs() < f64::EPSILON);
        assert!((phase.rate(UNDER_WAY) - 0.4).abs() < f64::EPSILON);
        assert_eq!(phase.busiest(), 2);
    }

    #[test]
    fn an_outage_that_all_were_told_of_once_and_of_its_end_once_is_good() {
        assert_eq!(verdicts(&outage(&[2, 2, 2, 2])), [Verdict::Good; 6]);
    }

    #[test]
    fn one_object_whose_status_changed_thrice_is_too_many() {
        assert_eq!(verdicts(&outage(&[2, 3, 2, 2]))[2], Verdict::Missed);
    }

    #[test]
    fn an_object_that_kept_silent_is_missed() {
        let outage = Outage { objects: 5, ..outage(&[2; 5]) };
        assert_eq!(verdicts(&outage)[5], Verdict::Missed);
    }

    #[test]
    fn what_changed_before_is_not_counted() {
        let counts = |pairs: &[(&str, usize)]| pairs.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect();
        assert_eq!(more(&counts(&[("a/b", 3)]), &counts(&[("a/b", 5), ("a/c", 1)])), [2, 1]);
    }

    #[test]
    fn a_store_fails_by_its_condition_ready() {
        let store = |kind, status| json!({"status": {"conditions": [{"type": kind, "status": status}]}});
        assert!(fails(&store("Ready", "False")));
        assert!(!fails(&store("Ready", "True")) && !fails(&store("Other", "False")) && !fails(&json!({})));
    }
}
