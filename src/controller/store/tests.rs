//! What a store's judgement says: the table of reference 3.1, row by row.

use std::collections::BTreeMap;

use keyferry_stores::{
    base::{clock::SystemClock, refs::Scope},
    net::client::HttpPool,
    provider::{Capabilities, MapRule, PropertyRule},
};
use serde_json::json;

use super::*;
use crate::{
    cluster::{
        ObjectKey, Secret,
        credentials::ScopedCredentials,
        fake::{FakeCluster, Verb},
        watch::{Change, Namespaces},
    },
    controller::world::Expected,
};

const INTERVAL: Duration = Duration::from_secs(300);

struct Bench {
    cluster: FakeCluster,
    context: Context,
    store: StoreRef,
}

impl Bench {
    fn new(kind: StatusKind, spec: &Value) -> Self {
        let namespace = if kind == StatusKind::ClusterSecretStore { "" } else { "team" };
        let store = StoreRef { kind, key: ObjectKey::new(namespace, "s") };
        let cluster = FakeCluster::new();
        let raw = cluster.put_object(kind, &store.key, spec);
        let context = context(&cluster);
        context.world.lock().apply_store(kind, Change::Applied(raw));
        Self { cluster, context, store }
    }

    async fn judge(&self) -> Judged {
        self.judge_after(false).await
    }

    /// After a judgement that had an answer or not.
    async fn judge_after(&self, unanswered: bool) -> Judged {
        let raw = self.cluster.object(self.store.kind, &self.store.key).unwrap();
        let status = self.cluster.status(self.store.kind, &self.store.key);
        self.context.judge(&self.store, &raw, Known { status, unanswered }).await
    }

    /// Status, reason and message of the Ready condition, and the capabilities.
    fn told(&self) -> [String; 4] {
        let status = self.cluster.status(self.store.kind, &self.store.key);
        let ready = &status["conditions"][0];
        [&ready["status"], &ready["reason"], &ready["message"], &status["capabilities"]]
            .map(|text| text.as_str().unwrap_or_default().to_string())
    }

    fn events(&self) -> Vec<&'static str> {
        self.cluster.events().iter().map(|event| event.reason).collect()
    }
}

fn context(cluster: &FakeCluster) -> Context {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH));
    let shared: Arc<dyn Cluster> = Arc::new(cluster.clone());
    let env = Env {
        http: Arc::new(HttpPool::default()),
        clock: clock.clone(),
        credentials: Arc::new(ScopedCredentials::new(shared.clone(), Scope::ClusterOnly)),
        store_name: "".into(),
        variables: Arc::new(BTreeMap::new()),
        calls: Arc::default(),
        retry: None,
    };
    Context {
        cluster: shared,
        world: SharedWorld::new(Expected {
            over: Namespaces::All,
            cluster_stores: true,
            class: "default".into(),
        }),
        fetcher: Fetcher::new(clock.clone(), mpsc::unbounded_channel().0),
        clock,
        env,
        tables: [Table::new("secretstore"), Table::new("clustersecretstore")],
        class: "ours".into(),
        judges: [true, true],
        interval: INTERVAL,
    }
}

fn fake() -> Value {
    json!({ "provider": { "fake": { "data": [] } } })
}

/// A store whose credential is the Secret `token`, in `namespace` if one is named.
fn vault(namespace: Option<&str>) -> Value {
    let mut token = json!({ "name": "token", "key": "t" });
    if let Some(namespace) = namespace {
        token["namespace"] = json!(namespace);
    }
    json!({ "provider": { "vault": { "server": "https://vault.invalid:8200", "path": "kv",
        "auth": { "tokenSecretRef": token } } } })
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_opened_is_not_ready_and_tried_again_soon() {
    for (what, spec) in [
        ("no provider", json!({ "provider": {} })),
        ("does not parse", json!({ "provider": 5 })),
        ("another namespace", vault(Some("other"))),
        ("a wrong interval", json!({ "provider": { "fake": { "data": [] } }, "refreshInterval": "1 day" })),
    ] {
        let bench = Bench::new(StatusKind::SecretStore, &spec);
        let judged = bench.judge().await;
        let [status, reason, message, _] = bench.told();
        assert_eq!((status.as_str(), reason.as_str()), ("False", "InvalidProviderConfig"), "{what}");
        assert!(message.starts_with("unable to create client: "), "{what}: {message}");
        assert_eq!((judged.failed, judged.wait), (true, None), "{what}");
        assert_eq!(bench.events(), ["InvalidProviderConfig"], "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_works_is_ready_and_judged_again_after_its_interval() {
    for (own, wait) in [(json!(null), INTERVAL), (json!("1h"), Duration::from_secs(3_600))] {
        let mut spec = fake();
        spec["refreshInterval"] = own;
        let bench = Bench::new(StatusKind::SecretStore, &spec);
        let judged = bench.judge().await;
        assert_eq!(bench.told(), ["True", "Valid", "store validated", "ReadWrite"]);
        assert_eq!((judged.failed, judged.wait), (false, Some(wait)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_store_whose_credential_is_the_consumers_is_valid_unasked() {
    let bench = Bench::new(StatusKind::ClusterSecretStore, &vault(None));
    bench.judge().await;
    assert_eq!(bench.told()[..3], ["True", "Valid", "store validated"]);
    assert_eq!(bench.cluster.count(Verb::Get, "secrets"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_judgement_that_says_the_same_again_writes_and_records_nothing() {
    let bench = Bench::new(StatusKind::SecretStore, &fake());
    bench.judge().await;
    let events = bench.events();
    assert!(bench.judge().await.written.is_none());
    assert_eq!(bench.events(), events);
}

#[tokio::test(start_paused = true)]
async fn an_unmaintained_provider_is_told_unless_the_store_asks_for_silence() {
    for (annotation, events) in [
        ("any", vec!["Valid", "StoreUnmaintained"]),
        ("external-secrets.io/ignore-maintenance-checks", vec!["Valid"]),
    ] {
        let bench = Bench::new(StatusKind::SecretStore, &fake());
        bench.cluster.change_object(bench.store.kind, &bench.store.key, |raw| {
            raw.annotations = [(annotation, "")].into_iter().collect();
        });
        bench.judge().await;
        assert_eq!(bench.events(), events, "{annotation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_could_not_be_written_is_tried_again_soon() {
    let bench = Bench::new(StatusKind::SecretStore, &fake());
    let down = Error::new(Kind::Unavailable, "down");
    bench.cluster.fail_next(Verb::Patch, "secretstores/status", down);
    let judged = bench.judge().await;
    assert_eq!((judged.failed, judged.wait), (true, None));
    assert!(bench.events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_went_meanwhile_needs_no_status() {
    let bench = Bench::new(StatusKind::SecretStore, &fake());
    bench.cluster.fail_next(Verb::Patch, "secretstores/status", Error::new(Kind::NotFound, "gone"));
    assert!(!bench.judge().await.failed);
}

#[test]
fn what_a_probe_says_becomes_its_row_of_the_table() {
    let error = || Error::new(Kind::Unavailable, "no answer");
    let rows = [
        (Err(error()), false, "InvalidProviderConfig", "unable to create client: no answer"),
        (probed(Err(error())), false, "InvalidProviderConfig", "unable to validate store: no answer"),
        (
            probed(Ok(Probe::Unknown(Some(error())))),
            true,
            "ValidationUnknown",
            "could not determine validation status: no answer",
        ),
        (probed(Ok(Probe::Unknown(None))), true, "Valid", "store validated"),
        (probed(Ok(Probe::Ready)), true, "Valid", "store validated"),
    ];
    let bench = Bench::new(StatusKind::SecretStore, &fake());
    let usable = bench.context.world.lock().usable(&bench.store, None, false).unwrap();
    for (probed, ready, reason, message) in rows {
        let verdict = of_probe(probed, &usable);
        assert_eq!((verdict.ready, verdict.reason, verdict.message.as_str()), (ready, reason, message));
        assert_eq!(verdict.retry, !ready, "{message}");
        let access = (reason == "Valid").then_some(Access::ReadOnly);
        assert_eq!(verdict.access, access, "{message}: capabilities");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_waits_as_its_failure_asks_and_those_without_an_answer_are_judged_when_it_is_back() {
    let after = |seconds| Some(Duration::from_secs(seconds));
    for (kind, asks, between, is_unanswered) in [
        (Kind::Unavailable, None, 2..=5, true),
        (Kind::Unavailable, after(9), 9..=9, true),
        (Kind::Throttled, None, 2..=5, true),
        (Kind::Throttled, after(900), 900..=900, true),
        (Kind::Forbidden, None, 150..=300, false),
    ] {
        let bench = Bench::new(StatusKind::SecretStore, &fake());
        let mut stores = Stores::new(bench.context.clone(), mpsc::unbounded_channel());
        stores.records.entry(bench.store.clone()).or_default();
        for _ in 0..8 {
            let error = Some(Error::new(kind, "scripted").after(asks));
            stores.done(
                &bench.store,
                Judged { error, ..Judged::panicked(&bench.store, Timestamp::UNIX_EPOCH) },
            );
        }
        let wait = stores.schedule.next().unwrap().duration_since(bench.context.clock.now());
        assert!(between.contains(&wait.as_secs()), "{kind:?} {asks:?}: {wait}");
        assert_eq!(stores.records[&bench.store].unanswered, is_unanswered, "{kind:?}");
    }
}

#[tokio::test]
async fn an_outage_is_told_once_in_whatever_words_it_goes_on() {
    // Nobody listens there.
    let mut spec = vault(None);
    spec["provider"]["vault"]["server"] = json!("http://127.0.0.1:1");
    let bench = Bench::new(StatusKind::SecretStore, &spec);
    let data = [("t".to_string(), "token".into())].into();
    let key = ObjectKey::new("team", "token");
    bench.cluster.put_secret(Secret { data, ..Secret::new(&key) }, "kubectl");
    for (unanswered, writes) in [(true, false), (false, true)] {
        let judged = bench.judge_after(unanswered).await;
        assert!(judged.is_unanswered(), "{judged:?}");
        assert_eq!(judged.written.is_some(), writes);
    }
}

#[tokio::test(start_paused = true)]
async fn the_silence_of_a_changed_store_is_news_though_its_predecessor_was_being_judged() {
    for again in [true, false] {
        let bench = Bench::new(StatusKind::SecretStore, &fake());
        let mut stores = Stores::new(bench.context.clone(), mpsc::unbounded_channel());
        stores.records.entry(bench.store.clone()).or_default().again = again;
        let error = Some(Error::new(Kind::Unavailable, "scripted"));
        stores.done(&bench.store, Judged { error, ..Judged::panicked(&bench.store, Timestamp::UNIX_EPOCH) });
        assert_eq!(stores.records[&bench.store].unanswered, !again);
    }
}

fn probed(probe: Result<Probe>) -> Result<Probed> {
    let capabilities = Capabilities {
        access: Access::ReadOnly,
        find: false,
        batch: 1,
        property: PropertyRule::Path,
        property_absence: false,
        map: MapRule::Raw,
        find_converts: false,
    };
    Ok(Probed { probe, capabilities })
}

#[test]
fn stores_of_our_class_and_of_none_are_ours() {
    for (class, ours) in [(json!(null), true), (json!("ours"), true), (json!("theirs"), false)] {
        let mut spec = fake();
        spec["controller"] = class.clone();
        let bench = Bench::new(StatusKind::SecretStore, &spec);
        let stores = Stores::new(bench.context.clone(), mpsc::unbounded_channel());
        assert_eq!(stores.is_ours(&bench.store), ours, "{class}");
    }
}

#[test]
fn a_kind_that_is_switched_off_is_not_ours() {
    let bench = Bench::new(StatusKind::SecretStore, &fake());
    let context = Context { judges: [false, true], ..bench.context };
    assert!(!Stores::new(context, mpsc::unbounded_channel()).is_ours(&bench.store));
}

#[test]
fn the_status_that_we_wrote_counts_until_the_watch_knows_a_later_one() {
    let bench = Bench::new(StatusKind::SecretStore, &fake());
    let mut raw = bench.cluster.object(bench.store.kind, &bench.store.key).unwrap();
    raw.status = Some(Box::from(*br#"{"by":"watch"}"#));
    for (seen, written, by) in [("9", "10", "us"), ("10", "10", "watch"), ("11", "10", "watch")] {
        raw.resource_version = seen.into();
        let status = Some(json!({ "by": "us" }));
        let record = Record { status, version: written.into(), ..Record::default() };
        assert_eq!(latest_status(&record, &raw)["by"], by, "{seen} {written}");
    }
}
