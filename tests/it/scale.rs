//! Small versions of what the benchmarks of `benches/scale` judge: reads of the store, writes and requests. Counts, never times.
//!
//! Objects and store are those of the benchmarks, moved into a corner: a few namespaces of its own, and ClusterSecretStores of its class
//! that are named after it. Requests to the API server are counted by its audit log, those to the store by the store.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use keyferry_scale::{
    audit::{self, Counts},
    clock, floor,
    standin::{Behaviour, Failing, StandIn},
    workload::{Shape, TOKEN, TOKEN_SECRET, Workload},
};
use serde_json::{Value, json};

use crate::keyferry::{Corner, Keyferry, eventually, ready};

/// ClusterSecretStores of a workload, all of one account.
const STORES: usize = 4;
/// Namespaces of a workload.
const NAMESPACES: usize = 2;
/// keyferry is at rest if it has asked the API server for nothing in this time. Events are written some 50 ms apart.
const REST: Duration = Duration::from_secs(2);
/// The shortest interval between two ticks that leaves a pause long enough to be told from the tick, which takes a tenth of it.
const INTERVAL: Duration = Duration::from_secs(2);
/// A pause of the store that no tick has within itself.
const PAUSE: Duration = Duration::from_millis(800);
/// No stamps, so that nothing is to be written for objects that do not change.
const NO_STAMPS: &str = "--status-stamp-interval=never";
/// The status of an ExternalSecret, as the audit log names it.
const STATUS: &str = "externalsecrets/status";

/// A corner with all objects of a workload in it, and the store that they draw from.
struct Scene {
    corner: Corner,
    namespaces: Vec<String>,
    store: StandIn,
    workload: Workload,
}

impl Scene {
    /// `name` is a DNS label that no other test uses. Namespaces and stores of `shape` are left aside.
    fn set(name: &str, shape: Shape) -> Self {
        let mut corner = Corner::new(name);
        let others: Vec<String> = (1..NAMESPACES).map(|n| format!("{name}-{n}")).collect();
        others.iter().for_each(|other| corner.namespace(other));
        let store = StandIn::start().unwrap();
        let shape = Shape { namespaces: NAMESPACES, stores: STORES, ..shape };
        let workload = Workload::new(shape, store.address()).at_account(name);
        let namespaces = [vec![name.to_owned()], others].concat();
        let scene = Self { corner, namespaces, store, workload };
        scene.corner.apply(&token());
        scene.create(scene.workload.stores().into_iter().map(|store| scene.of_the_corner(store)));
        scene.create_objects(&scene.workload);
        scene
    }

    /// A store of a workload as one of the corner.
    fn of_the_corner(&self, mut store: Value) -> Value {
        store["spec"]["controller"] = json!(self.corner.name);
        store["spec"]["provider"]["vault"]["auth"]["tokenSecretRef"]["namespace"] = json!(self.corner.name);
        store
    }

    /// Creates the objects of a workload in the corner's namespaces.
    fn create_objects(&self, workload: &Workload) {
        self.create((0..workload.shape().objects).map(|n| {
            let mut object = workload.object(n);
            object["metadata"]["namespace"] = json!(self.namespace(n));
            object
        }));
    }

    /// The namespace of object `n`.
    fn namespace(&self, n: usize) -> &str {
        &self.namespaces[n % self.namespaces.len()]
    }

    fn create(&self, objects: impl Iterator<Item = Value>) {
        let manifests: String = objects.map(|object| format!("---\n{object}\n")).collect();
        self.corner.plane.kubectl(&["create", "-f", "-"], &manifests).unwrap();
    }

    /// Asks for a sync of object `n` by an annotation.
    fn force(&self, n: usize) {
        let (name, namespace) = (self.workload.name(n), self.namespace(n));
        let args = ["annotate", "externalsecret", &name, "-n", namespace, "--overwrite", "force-sync=now"];
        self.corner.plane.kubectl(&args, "").unwrap();
    }

    fn start(&self, flags: &[&str]) -> Keyferry {
        self.corner.start(flags, &[])
    }

    /// Waits until the condition Ready of all objects has this status.
    async fn until_all(&self, status: &str) {
        let objects = self.workload.shape().objects;
        eventually(&format!("{objects} objects to be Ready={status}"), async || {
            let mut count = 0;
            for namespace in &self.namespaces {
                let path = format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets");
                let list = self.corner.get(&path).await?;
                let says =
                    |object: &&Value| ready(object).is_some_and(|condition| condition["status"] == status);
                count += list["items"].as_array()?.iter().filter(says).count();
            }
            (count == objects).then_some(())
        })
        .await;
    }

    /// What keyferry has asked the API server for so far.
    fn requests(&self) -> Counts {
        let log = self.corner.plane.audit.as_ref().expect("the control plane was started without --audit");
        audit::count(log, &self.corner.user()).unwrap()
    }

    /// Waits until keyferry asks the API server for nothing more; what it has asked for.
    async fn at_rest(&self) -> Counts {
        let (mut known, mut since) = (self.requests(), clock::now());
        eventually("keyferry to leave the API server alone", async || {
            if clock::now().duration_since(since) < REST {
                return None;
            }
            let before = std::mem::replace(&mut known, self.requests());
            since = clock::now();
            (before == known).then(|| known.clone())
        })
        .await
    }

    /// Waits until all objects are in sync and all that follows from it is written; what keyferry has asked for until then.
    async fn in_sync(&self) -> Counts {
        self.until_all("True").await;
        self.at_rest().await
    }

    /// Waits until the stores, judged every so often, were judged a moment ago: the next tick comes before the next judgement.
    async fn just_judged(&self, every: Duration) {
        eventually("the stores to be judged", async || {
            let ago = clock::now().duration_since(self.store.others().last().copied()?);
            (every / 20..every / 3).contains(&ago).then_some(())
        })
        .await;
    }

    /// Waits until the store was not asked for a moment; without end if the ticks of its objects do not fall together.
    async fn between_ticks(&self) {
        eventually("a pause between two ticks", async || {
            let last = self.store.arrivals().last().copied();
            last.is_some_and(|last| passed(last, PAUSE)).then_some(())
        })
        .await;
    }

    /// How often each key was read.
    fn reads(&self) -> BTreeMap<Arc<str>, usize> {
        let mut reads = BTreeMap::new();
        self.store.reads().into_iter().for_each(|read| *reads.entry(read.key).or_default() += 1);
        reads
    }

    /// The place of the last of these keys in the order in which keys arrived at the store for the first time, once all of them have.
    fn place_of_last(&self, keys: &[String]) -> Option<usize> {
        let reads = self.store.reads();
        let place = |key: &String| reads.iter().position(|read| *read.key == **key);
        keys.iter().map(place).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Has the store answer every request with `status` for a time; how many requests came.
    async fn failing(&self, status: u16, retry_after: Option<u64>, time: Duration) -> usize {
        self.store.reset();
        let failing = Some(Failing { share: 1.0, status, retry_after });
        self.store.behave(Behaviour { failing, ..Behaviour::default() });
        let begun = clock::now();
        eventually("the outage to end", async || passed(begun, time).then_some(())).await;
        self.store.requests()
    }
}

/// Whether the test passed or not, its stores go.
impl Drop for Scene {
    fn drop(&mut self) {
        let stores = self.workload.stores();
        let names = stores.iter().filter_map(|store| store["metadata"]["name"].as_str());
        let args: Vec<&str> =
            ["delete", "clustersecretstore", "--wait=false"].into_iter().chain(names).collect();
        let _ = self.corner.plane.kubectl(&args, "");
    }
}

/// The Secret with the stores' token.
fn token() -> String {
    let metadata = json!({ "name": TOKEN_SECRET });
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": { "token": TOKEN } })
        .to_string()
}

fn passed(since: Instant, time: Duration) -> bool {
    clock::now().duration_since(since) >= time
}

/// Requests that no first sync of so many objects needs within `time`: all but its two, a list and a watch of each resource and
/// namespace, watches that were opened again, events, the statuses of stores, and a read of the token a store.
fn unneeded(requests: &Counts, objects: usize, time: Duration) -> Vec<String> {
    let (lists, watches) = (floor::listed(objects), floor::opened(time));
    let known = |most: &BTreeMap<&str, u64>, of: &str| most.get(of).copied().unwrap_or_default();
    let most = |verb: &str, of: &str| match (verb, of) {
        ("list", of) => known(&lists, of) * parts(of),
        ("watch", of) => known(&watches, of) * parts(of),
        ("get", "secrets") => STORES as u64,
        ("create", "secrets" | "events") | ("patch", STATUS | "clustersecretstores/status") => u64::MAX,
        _ => 0,
    };
    let rest = requests.rows().filter(|(verb, of, count)| *count > most(verb, of));
    rest.map(|(verb, of, count)| format!("{verb} {of} {count}")).collect()
}

/// How many lists a resource has: what lies in namespaces is listed and watched in each of them.
fn parts(of: &str) -> u64 {
    if ["clustersecretstores", "namespaces"].contains(&of) { 1 } else { NAMESPACES as u64 }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_cold_start_costs_two_writes_an_object_and_a_read_a_key() {
    const OBJECTS: usize = 200;
    let scene = Scene::set("scale-cold", Shape::shared(OBJECTS));
    let begun = clock::now();
    let _process = scene.start(&[]);
    let requests = scene.in_sync().await;
    let time = clock::now().duration_since(begun);
    let writes = [requests.get("create", "secrets"), requests.get("patch", STATUS)];
    assert_eq!(writes, [OBJECTS as u64; 2], "POSTs of Secrets and PATCHes of statuses in\n{requests}");
    assert_eq!(unneeded(&requests, OBJECTS, time), Vec::<String>::new());
    let reads = scene.reads();
    assert_eq!(reads.len(), scene.workload.distinct_keys());
    assert!(
        reads.values().all(|times| *times == 1),
        "four stores of one account share their reads: {reads:?}"
    );
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn references_that_share_no_key_cost_a_read_each() {
    const OBJECTS: usize = 100;
    let shape = Shape::unshared(OBJECTS);
    let references = OBJECTS * shape.per_object;
    let scene = Scene::set("scale-unshared", shape);
    let _process = scene.start(&[]);
    scene.in_sync().await;
    assert_eq!((scene.store.read_count(), scene.reads().len()), (references, references));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn unchanged_objects_cost_a_read_a_key_and_tick_and_no_request() {
    const TICKS: usize = 4;
    let scene = Scene::set("scale-steady", Shape { interval: "2s".into(), ..Shape::shared(100) });
    let distinct = scene.workload.distinct_keys();
    let _process = scene.start(&[NO_STAMPS]);
    let before = scene.in_sync().await;
    scene.between_ticks().await;
    scene.store.reset();
    let begun = clock::now();
    eventually("some ticks", async || (scene.store.read_count() >= TICKS * distinct).then_some(())).await;
    scene.between_ticks().await;
    let intervals = clock::now().duration_since(begun).div_duration_f64(INTERVAL);
    let reads = scene.reads();
    assert_eq!(reads.len(), distinct);
    let times: BTreeSet<usize> = reads.values().copied().collect();
    assert!(
        times.len() == 1 && times.iter().all(|times| (*times as f64 - intervals).abs() < 1.0),
        "each key is read once a tick, whichever of four stores names it: {intervals:.1} intervals, {reads:?}"
    );
    assert_eq!(scene.at_rest().await.since(&before).to_string(), "", "requests to the API server");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_restart_of_objects_in_sync_costs_no_write_and_no_read() {
    let scene = Scene::set("scale-restart", Shape { interval: "24h".into(), ..Shape::shared(100) });
    let told_to_end = scene.start(&[]);
    scene.in_sync().await;
    assert_eq!(told_to_end.end().await.code(), Some(0));
    let mut before = scene.at_rest().await;
    for ended_by in ["SIGTERM", "SIGKILL"] {
        scene.store.reset();
        // Dropped, it is killed.
        let process = scene.start(&[]);
        process.until_ready().await;
        let after = scene.at_rest().await;
        let requests = after.since(&before);
        assert!(requests.get("list", "externalsecrets") > 0, "the audit log tells of the start: {requests}");
        assert_eq!(requests.writes(), 0, "after {ended_by}:\n{requests}");
        assert_eq!(scene.store.read_count(), 0, "reads after {ended_by}");
        before = after;
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_outage_costs_two_status_writes_an_object_and_a_request_a_second() {
    const OBJECTS: usize = 100;
    /// The store answers 503, then 429.
    const TIMES: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(6)];
    const JUDGED_EVERY: Duration = Duration::from_secs(4);
    /// Distinct keys. All are asked for at a tick before the first failures are told, as are the stores if they are judged just then; each
    /// of these requests is tried once more. When the store answers 429 it is known to be down: nothing is under way.
    const KEYS: usize = 10;
    const UNDER_WAY: usize = 2 * (KEYS + STORES);
    let shape = Shape { interval: "2s".into(), keys: KEYS, ..Shape::shared(OBJECTS) };
    let scene = Scene::set("scale-outage", shape);
    let _process =
        scene.start(&[NO_STAMPS, &format!("--store-requeue-interval={}s", JUDGED_EVERY.as_secs())]);
    let before = scene.in_sync().await;
    scene.just_judged(JUDGED_EVERY).await;
    let unavailable = scene.failing(503, None, TIMES[0]).await;
    assert!(scene.store.read_count() > 0, "reads meet the outage, not judgements alone");
    scene.until_all("False").await;
    let throttled = scene.failing(429, Some(1), TIMES[1]).await;
    scene.store.behave(Behaviour::default());
    let requests = scene.in_sync().await.since(&before);
    let most = [TIMES[0].as_secs() as usize + UNDER_WAY, TIMES[1].as_secs() as usize + 1];
    assert!(
        unavailable <= most[0] && throttled <= most[1],
        "{unavailable} and {throttled} of at most {most:?}"
    );
    // Each was told of the outage and of its end, so none of them more than once if these are all.
    assert_eq!(requests.get("patch", STATUS), 2 * OBJECTS as u64, "in\n{requests}");
    let of_secrets = ["create", "update", "patch", "delete"].map(|verb| requests.get(verb, "secrets"));
    assert_eq!(of_secrets, [0; 4], "writes of Secrets in\n{requests}");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_store_that_only_throttles_is_asked_once_a_second() {
    const OBJECTS: usize = 100;
    const TIME: Duration = Duration::from_secs(6);
    /// Distinct keys. All may be under way when the first of them is refused.
    const KEYS: usize = 10;
    let shape = Shape { interval: "2s".into(), keys: KEYS, ..Shape::shared(OBJECTS) };
    let scene = Scene::set("scale-throttle", shape);
    let _process = scene.start(&[NO_STAMPS]);
    scene.in_sync().await;
    scene.between_ticks().await;
    let asked = scene.failing(429, Some(1), TIME).await;
    let most = KEYS + TIME.as_secs() as usize;
    assert!((1..=most).contains(&asked), "{asked} requests of at most {most}");
    scene.store.behave(Behaviour::default());
    scene.in_sync().await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_new_object_and_a_forced_one_are_read_before_most_of_a_tick() {
    const OBJECTS: usize = 200;
    /// Within a tenth of the interval all reads of a tick are queued.
    const QUEUED: Duration = Duration::from_millis(500);
    /// So long that the queue outlives the making of an object. The sends of a gate in flight at once are a tenth of the tick's reads.
    const LATENCY: Duration = Duration::from_secs(3);
    let scene = Scene::set("scale-fair", Shape { interval: "5s".into(), ..Shape::unshared(OBJECTS) });
    let newcomer = Workload::new(Shape { stores: STORES, ..Shape::unshared(1) }, scene.store.address())
        .of_service("newcomer")
        .at_account("scale-fair");
    let _process = scene.start(&[NO_STAMPS]);
    scene.in_sync().await;
    scene.between_ticks().await;
    scene.store.behave(Behaviour { latency: LATENCY, failing: None });
    scene.store.reset();
    eventually("all reads of a tick to be queued", async || {
        passed(scene.store.arrivals().first().copied()?, QUEUED).then_some(())
    })
    .await;
    // A tick reads in the order of its keys: nothing of this object would come before half of them by itself.
    let forced = (0..OBJECTS).max_by_key(|n| scene.workload.keys(*n).into_iter().min()).unwrap();
    scene.force(forced);
    scene.create_objects(&newcomer);
    let keys = [scene.workload.keys(forced), newcomer.keys(0)].concat();
    let last = eventually("both to be read", async || scene.place_of_last(&keys)).await;
    scene.store.behave(Behaviour::default());
    let all: HashSet<_> = scene.workload.all_keys();
    eventually("the whole tick to be read", async || {
        let read: HashSet<String> = scene.store.reads().iter().map(|read| read.key.to_string()).collect();
        all.is_subset(&read).then_some(())
    })
    .await;
    assert!(last < all.len() / 2, "{last} reads came before the last of theirs, of {} queued", all.len());
}
