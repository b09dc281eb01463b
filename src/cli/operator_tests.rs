//! Stories: the whole operator over the cluster in memory, under paused time.
//!
//! The stores are of the provider `fake`, whose values stand in their specification; where a credential matters, of `vault`, at an
//! address that is never called. Waits under jitter are given the whole of their range.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use jiff::Timestamp;
use keyferry_stores::base::{Error, Kind, SecretBytes, clock::SystemClock};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::{
    cluster::{
        Event, ObjectKey, OwnerReference, Secret,
        fake::{FakeCluster, Verb},
        watch::RawObject,
    },
    telemetry::{leak, metrics},
};

#[path = "operator_generic_tests.rs"]
mod generic;

const ES: StatusKind = StatusKind::ExternalSecret;
const STORE: StatusKind = StatusKind::SecretStore;
const SECRETS: &str = "secrets";
const STATUS: &str = "externalsecrets/status";

/// A running operator. It ends with the story.
struct Story {
    cluster: FakeCluster,
    operator: Operator,
    parts: JoinSet<()>,
}

impl Story {
    /// A cluster with the store `team/s` that holds `k: v`, and an operator as without flags.
    async fn new() -> Self {
        let cluster = FakeCluster::new();
        put_store(&cluster, "s", &[("k", "v")]);
        Self::over(cluster, Settings::default()).await
    }

    /// An operator over this cluster, with its first lists complete.
    async fn over(cluster: FakeCluster, settings: Settings) -> Self {
        let clock = SystemClock::starting_at(Timestamp::from_second(1_000_000_000).unwrap());
        let outside = Outside {
            cluster: Arc::new(cluster.clone()),
            watches: Arc::new(cluster.clone()),
            clock: Arc::new(clock),
            variables: BTreeMap::new(),
        };
        let mut parts = JoinSet::new();
        let operator = Operator::start(settings, outside, &mut parts).unwrap();
        let story = Self { cluster, operator, parts };
        story.settle().await;
        assert!(story.operator.is_listed());
        story
    }

    /// Lets all that is due happen; hardly any time passes.
    async fn settle(&self) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.settle().await;
    }

    async fn object(&self, name: &str, spec: &Value) {
        self.cluster.put_object(ES, &key(name), spec);
        self.settle().await;
    }

    fn value(&self, name: &str) -> Option<String> {
        let secret = self.cluster.secret(&key(name))?;
        Some(String::from_utf8_lossy(secret.data.get("a")?.expose()).into_owned())
    }

    /// Status and message of an object's Ready condition; empty if there is none.
    fn ready(&self, name: &str) -> (String, String) {
        ready(&self.cluster, ES, name)
    }

    fn events(&self, reason: &str) -> Vec<Event> {
        self.cluster.events().into_iter().filter(|event| event.reason == reason).collect()
    }

    /// Ends this operator and starts another on the same cluster.
    async fn restart(mut self) -> Self {
        self.parts.shutdown().await;
        self.cluster.forget_requests();
        Self::over(self.cluster, Settings::default()).await
    }
}

fn ready(cluster: &FakeCluster, kind: StatusKind, name: &str) -> (String, String) {
    let status = cluster.status(kind, &key(name));
    let text = |field: &str| status["conditions"][0][field].as_str().unwrap_or_default().to_string();
    (text("status"), text("message"))
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("team", name)
}

fn fake(entries: &[(&str, &str)]) -> Value {
    let data: Vec<_> = entries.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({ "provider": { "fake": { "data": data } } })
}

fn put_store(cluster: &FakeCluster, name: &str, entries: &[(&str, &str)]) -> RawObject {
    cluster.put_object(STORE, &key(name), &fake(entries))
}

/// The key `a` from the entry `k` of the store `s`, with members of the specification besides.
fn spec(besides: &Value) -> Value {
    let mut spec = json!({ "secretStoreRef": { "name": "s" },
        "data": [{ "secretKey": "a", "remoteRef": { "key": "k" } }] });
    let members = besides.as_object().unwrap().clone();
    spec.as_object_mut().unwrap().extend(members);
    spec
}

fn hourly() -> Value {
    spec(&json!({ "refreshInterval": "1h" }))
}

fn every(interval: &str) -> Value {
    spec(&json!({ "refreshInterval": interval }))
}

/// A store of the provider `vault` with a token from the Secret `token`, in `namespace` if one is named.
fn vault(namespace: Option<&str>) -> Value {
    let mut token = json!({ "name": "token", "key": "t" });
    if let Some(namespace) = namespace {
        token["namespace"] = json!(namespace);
    }
    json!({ "provider": { "vault": { "server": "https://vault.invalid:8200", "path": "kv",
        "auth": { "tokenSecretRef": token } } } })
}

fn token(namespace: &str, value: &str) -> Secret {
    let data = BTreeMap::from([("t".to_string(), SecretBytes::from(value))]);
    Secret { data, ..Secret::new(&ObjectKey::new(namespace, "token")) }
}

#[tokio::test(start_paused = true)]
async fn a_new_object_is_synced_at_once_by_one_post_and_one_status() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
    let count = |verb, resource| story.cluster.count(verb, resource);
    assert_eq!(
        (count(Verb::Create, SECRETS), count(Verb::Get, SECRETS), count(Verb::Patch, STATUS)),
        (1, 0, 1)
    );
    assert_eq!(count(Verb::Patch, "externalsecrets"), 0, "no finalizer");
}

#[tokio::test(start_paused = true)]
async fn a_first_sync_is_done_once_though_the_watch_tells_of_its_own_write() {
    let story = Story::new().await;
    for n in 0..20 {
        story.cluster.put_object(ES, &key(&format!("es-{n:02}")), &hourly());
    }
    story.pass(30).await;
    let calls = calls(&story);
    assert_eq!(calls.len(), 20);
    assert!(calls.iter().all(|calls| calls.ends_with(" 1")), "{calls:?}");
}

/// The reconciles of each object, as the metrics tell them.
fn calls(story: &Story) -> Vec<String> {
    let lines = metrics_of(story);
    lines
        .lines()
        .filter(|line| line.starts_with("externalsecret_sync_calls_total{"))
        .map(Into::into)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn objects_and_stores_may_come_in_any_order() {
    let cluster = FakeCluster::new();
    let story = Story::over(cluster.clone(), Settings::default()).await;
    story.object("es", &hourly()).await;
    put_store(&cluster, "s", &[("k", "v")]);
    story.settle().await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
}

#[tokio::test(start_paused = true)]
async fn a_changed_value_comes_with_the_next_tick_and_costs_one_get_and_one_put_an_object() {
    let story = Story::new().await;
    for n in 0..20 {
        story.object(&format!("es-{n}"), &every("60s")).await;
    }
    story.cluster.forget_requests();
    put_store(&story.cluster, "s", &[("k", "new")]);
    story.settle().await;
    assert_eq!(story.cluster.count(Verb::Update, SECRETS), 0, "a healthy object waits for its tick");
    story.pass(67).await;
    for n in 0..20 {
        assert_eq!(story.value(&format!("es-{n}")).as_deref(), Some("new"), "{n}");
    }
    assert_eq!(story.cluster.count(Verb::Get, SECRETS), 20);
    assert_eq!(story.cluster.count(Verb::Update, SECRETS), 20);
}

#[tokio::test(start_paused = true)]
async fn unchanged_objects_cost_no_request_but_their_stamps() {
    let story = Story::new().await;
    for n in 0..20 {
        story.object(&format!("es-{n}"), &every("15s")).await;
    }
    story.cluster.forget_requests();
    story.pass(1_800).await;
    let secrets = story.cluster.requests().iter().filter(|request| request.resource == SECRETS).count();
    assert_eq!(secrets, 0);
    let stamps = story.cluster.count(Verb::Patch, STATUS);
    assert!((38..=42).contains(&stamps), "{stamps} stamps of 20 objects in half an hour");
}

#[tokio::test(start_paused = true)]
async fn stamps_of_one_store_are_not_written_at_one_moment() {
    let story = Story::new().await;
    for n in 0..60 {
        story.object(&format!("es-{n}"), &every("15s")).await;
    }
    let mut most = 0;
    for _ in 0..60 {
        story.cluster.forget_requests();
        story.pass(15).await;
        most = most.max(story.cluster.count(Verb::Patch, STATUS));
    }
    assert!(most <= 10, "{most} of 60 stamps in one tick of 60");
}

#[tokio::test(start_paused = true)]
async fn each_tick_refreshes_an_object_once() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    let story = Story::over(cluster, Settings { stamp: Stamp::Each, ..Settings::default() }).await;
    story.object("es", &every("15s")).await;
    story.cluster.forget_requests();
    story.pass(150).await;
    let refreshes = story.cluster.count(Verb::Patch, STATUS);
    assert!((9..=11).contains(&refreshes), "{refreshes} refreshes in ten intervals");
}

#[tokio::test(start_paused = true)]
async fn ticks_that_were_slept_through_do_not_stack() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    let story = Story::over(cluster, Settings { stamp: Stamp::Each, ..Settings::default() }).await;
    story.object("es", &every("15s")).await;
    story.cluster.forget_requests();
    tokio::time::advance(Duration::from_secs(1_500)).await;
    story.settle().await;
    assert!(story.cluster.count(Verb::Patch, STATUS) <= 1, "{}", story.cluster.count(Verb::Patch, STATUS));
}

#[tokio::test(start_paused = true)]
async fn a_forced_sync_reads_at_once() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    put_store(&story.cluster, "s", &[("k", "new")]);
    story.settle().await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
    story.cluster.change_object(ES, &key("es"), |object| {
        object.annotations = [("force-sync", "1")].into_iter().collect();
    });
    story.settle().await;
    assert_eq!(story.value("es").as_deref(), Some("new"));
}

#[tokio::test(start_paused = true)]
async fn an_object_without_a_timer_is_refreshed_by_a_change_alone() {
    for (besides, refreshed) in [
        (json!({ "refreshPolicy": "OnChange", "refreshInterval": "15s" }), true),
        (json!({ "refreshPolicy": "CreatedOnce", "refreshInterval": "15s" }), false),
        (json!({ "refreshInterval": "0" }), false),
        (json!({ "refreshInterval": "-15s" }), false),
    ] {
        let story = Story::new().await;
        story.object("es", &spec(&besides)).await;
        put_store(&story.cluster, "s", &[("k", "new")]);
        story.pass(7_200).await;
        assert_eq!(story.value("es").as_deref(), Some("v"), "{besides}");
        story.cluster.change_object(ES, &key("es"), |object| {
            object.annotations = [("force-sync", "1")].into_iter().collect();
        });
        story.settle().await;
        assert_eq!(story.value("es").as_deref() == Some("new"), refreshed, "{besides}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tampered_secret_is_repaired() {
    for interval in ["1h", "0"] {
        let story = Story::new().await;
        story.object("es", &every(interval)).await;
        story.pass(5).await;
        let mut secret = story.cluster.secret(&key("es")).unwrap();
        secret.data.insert("a".into(), "tampered".into());
        story.cluster.put_secret(secret, "kubectl");
        story.settle().await;
        assert_eq!(story.value("es").as_deref(), Some("v"), "{interval}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_changed_again_and_again_is_repaired_once_a_second() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    put_store(&cluster, "t", &[("k", "w")]);
    let story = Story::over(cluster, Settings::default()).await;
    // From two stores, so that of reads which are spread over a part of the interval one comes too late.
    let entry = |key: &str, store: &str| {
        let source = json!({ "storeRef": { "name": store } });
        json!({ "secretKey": key, "remoteRef": { "key": "k" }, "sourceRef": source })
    };
    let data = [entry("a", "s"), entry("b", "t")];
    story.object("es", &spec(&json!({ "refreshInterval": "1h", "data": data }))).await;
    story.pass(5).await;
    story.cluster.forget_requests();
    for _ in 0..100 {
        let mut secret = story.cluster.secret(&key("es")).unwrap();
        secret.data.insert("a".into(), "tampered".into());
        story.cluster.put_secret(secret, "kubectl");
        story.settle().await;
    }
    let repairs = story.cluster.count(Verb::Update, SECRETS);
    assert!((4..=7).contains(&repairs), "{repairs} repairs in five seconds");
    story.pass(2).await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_secret_is_made_again() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    story.pass(5).await;
    story.cluster.remove_secret(&key("es"));
    story.settle().await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_lost_our_label_gets_it_back() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    story.pass(5).await;
    let mut secret = story.cluster.secret(&key("es")).unwrap();
    let labels = std::mem::take(&mut secret.meta.labels);
    story.cluster.put_secret(secret, "kubectl");
    story.settle().await;
    assert_eq!(story.cluster.secret(&key("es")).unwrap().meta.labels, labels);
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_store_is_not_judged_waits_ten_seconds_and_then_says_so() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    let story = Story::over(cluster, Settings { stores: false, ..Settings::default() }).await;
    story.object("es", &hourly()).await;
    story.pass(9).await;
    assert_eq!((story.ready("es"), story.cluster.events()), (Default::default(), Vec::new()));
    story.pass(1).await;
    let (status, message) = story.ready("es");
    assert_eq!(status, "False");
    assert!(message.ends_with("SecretStore \"s\" is not ready"), "{message}");
    story.pass(3_600).await;
    assert_eq!(story.cluster.count(Verb::Patch, STATUS), 1, "it is told once");
    story.cluster.change_object(STORE, &key("s"), |store| {
        let ready = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
        store.status = Some(ready.to_string().into_bytes().into());
    });
    story.settle().await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_judged_in_time_costs_no_wrong_status() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    cluster.put_object(ES, &key("es"), &hourly());
    let story = Story::over(cluster, Settings::default()).await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
    assert_eq!(story.cluster.count(Verb::Patch, STATUS), 1);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_becomes_ready_wakes_its_objects() {
    let cluster = FakeCluster::new();
    let mut broken = fake(&[("k", "v")]);
    broken["provider"]["fake"]["validationResult"] = json!(2);
    cluster.put_object(STORE, &key("s"), &broken);
    let story = Story::over(cluster, Settings::default()).await;
    story.object("es", &hourly()).await;
    assert!(story.ready("es").1.ends_with("SecretStore \"s\" is not ready"), "{:?}", story.ready("es"));
    assert_eq!(ready(&story.cluster, STORE, "s").1, "unable to validate store: unable to validate");
    put_store(&story.cluster, "s", &[("k", "v")]);
    story.settle().await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_breaks_takes_nothing_from_its_objects() {
    let story = Story::new().await;
    story.object("es", &every("60s")).await;
    let mut broken = fake(&[]);
    broken["provider"]["fake"]["validationResult"] = json!(2);
    story.cluster.put_object(STORE, &key("s"), &broken);
    story.pass(300).await;
    assert_eq!((story.value("es").as_deref(), story.ready("es").0.as_str()), (Some("v"), "False"));
}

#[tokio::test(start_paused = true)]
async fn a_repaired_credential_wakes_the_objects_that_fail() {
    let cluster = FakeCluster::new();
    cluster.put_object(STORE, &key("s"), &vault(None));
    let settings = Settings { flood_gate: false, ..Settings::default() };
    let story = Story::over(cluster.clone(), settings).await;
    story.object("es", &hourly()).await;
    let (status, message) = story.ready("es");
    let missing = "cannot get Kubernetes secret \"token\" from namespace \"team\"";
    assert_eq!(status, "False");
    assert!(message.ends_with(missing), "{message}");
    cluster.put_secret(token("team", "two\nlines"), "kubectl");
    story.settle().await;
    let (_, message) = story.ready("es");
    assert!(!message.contains(missing), "{message}");
    let shown = format!("{message} {:?}", story.cluster.events());
    assert!(!shown.contains("two") && !shown.contains("lines"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_does_not_parse_says_so_and_delays_nobody() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    let poisons = [
        ("a-type", spec(&json!({ "refreshInterval": 5 }))),
        ("b-words", spec(&json!({ "refreshInterval": "1 day" }))),
        ("c-text", json!("nonsense")),
        ("d-null", Value::Null),
        ("e-policy", spec(&json!({ "refreshPolicy": "Sometimes" }))),
    ];
    for (name, spec) in &poisons {
        cluster.put_object(ES, &key(name), spec);
    }
    cluster.put_object(ES, &key("es"), &hourly());
    let story = Story::over(cluster, Settings::default()).await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
    for (name, _) in &poisons {
        let (status, message) = story.ready(name);
        assert_eq!(status, "False", "{name}");
        assert!(message.starts_with("could not get secret data from provider: "), "{name}: {message}");
        assert_eq!(story.cluster.secret(&key(name)), None, "{name}");
    }
    assert_eq!(story.events("UpdateFailed").len(), poisons.len());
}

#[tokio::test(start_paused = true)]
async fn a_poison_that_is_mended_is_synced_at_once() {
    let story = Story::new().await;
    story.object("es", &every("1 day")).await;
    assert_eq!(story.ready("es").0, "False");
    story.object("es", &every("24h")).await;
    assert_eq!(story.ready("es").0, "True");
}

/// The key `a` from the key `a` of the ConfigMap `tpl`, over the entry `k`; with members of the specification besides.
fn templated(besides: &Value) -> Value {
    let mut spec = spec(&json!({ "refreshInterval": "1h", "target": { "template": {
        "templateFrom": [{ "configMap": { "name": "tpl", "items": [{ "key": "a" }] } }] } } }));
    spec.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
    spec
}

#[tokio::test(start_paused = true)]
async fn a_changed_template_is_rendered_at_once_by_objects_that_are_refreshed_by_time() {
    let story = Story::new().await;
    let template =
        |namespace, text| story.cluster.put_config_map(&ObjectKey::new(namespace, "tpl"), &[("a", text)]);
    template("team", "one {{ .a }}");
    for (name, besides) in [
        ("timed", json!({})),
        ("never", json!({ "refreshInterval": "0" })),
        ("on-change", json!({ "refreshPolicy": "OnChange" })),
        ("once", json!({ "refreshPolicy": "CreatedOnce" })),
    ] {
        story.object(name, &templated(&besides)).await;
        assert_eq!(story.value(name).as_deref(), Some("one v"), "{name}");
    }
    story.object("other", &hourly()).await;
    story.cluster.forget_requests();
    template("elsewhere", "two {{ .a }}");
    story.pass(5).await;
    assert_eq!(story.cluster.requests(), [], "a ConfigMap of another namespace is nobody's template");
    template("team", "two {{ .a }}");
    story.pass(5).await;
    assert_eq!(story.value("timed").as_deref(), Some("two v"));
    for name in ["never", "on-change", "once"] {
        assert_eq!(story.value(name).as_deref(), Some("one v"), "{name}");
    }
    assert_eq!(story.cluster.count(Verb::Get, "configmaps"), 1, "who is not woken reads nothing");
}

#[tokio::test(start_paused = true)]
async fn a_template_that_comes_or_is_mended_wakes_the_objects_that_fail() {
    let story = Story::new().await;
    for (name, besides) in [("timed", json!({})), ("on-change", json!({ "refreshPolicy": "OnChange" }))] {
        story.object(name, &templated(&besides)).await;
        let (status, message) = story.ready(name);
        assert_eq!(status, "False");
        assert!(message.ends_with("configmaps \"tpl\" not found"), "{message}");
    }
    for (text, value) in [("{{ .nope }}", None), ("now {{ .a }}", Some("now v"))] {
        story.cluster.put_config_map(&key("tpl"), &[("a", text)]);
        story.settle().await;
        for name in ["timed", "on-change"] {
            assert_eq!(story.value(name).as_deref(), value, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_template_costs_no_request_at_a_refresh() {
    let cluster = FakeCluster::new();
    put_store(&cluster, "s", &[("k", "v")]);
    let story = Story::over(cluster, Settings { stamp: Stamp::Never, ..Settings::default() }).await;
    story.cluster.put_config_map(&key("tpl"), &[("a", "one {{ .a }}")]);
    for i in 0..5 {
        story.object(&format!("es-{i}"), &templated(&json!({ "refreshInterval": "10s" }))).await;
    }
    assert_eq!(story.cluster.count(Verb::Get, "configmaps"), 1, "one object's read serves all");
    story.cluster.forget_requests();
    story.pass(300).await;
    assert_eq!(story.cluster.requests(), []);
}

#[tokio::test(start_paused = true)]
async fn who_hears_of_no_change_of_its_template_reads_it_anew() {
    let story = Story::new().await;
    story.cluster.put_config_map(&key("tpl"), &[("a", "one {{ .a }}")]);
    let policies = [("timed", json!({}), 0), ("on-change", json!({ "refreshPolicy": "OnChange" }), 1)];
    for (name, besides, _) in &policies {
        story.object(name, &templated(besides)).await;
    }
    for (name, _, reads) in policies {
        story.cluster.forget_requests();
        story.cluster.change_object(ES, &key(name), |object| {
            object.annotations = [("force-sync", "1")].into_iter().collect();
        });
        story.settle().await;
        assert_eq!(story.cluster.count(Verb::Patch, STATUS), 1, "{name} is refreshed");
        assert_eq!(story.cluster.count(Verb::Get, "configmaps"), reads, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_a_template_and_its_own_target_makes_no_loop() {
    let story = Story::new().await;
    let template = json!({ "mergePolicy": "Merge", "templateFrom": [{ "secret": { "name": "es", "items": [{ "key": "a" }] } }] });
    let target = json!({ "creationPolicy": "Merge", "template": template });
    let data = BTreeMap::from([("a".to_string(), SecretBytes::from("x{{ \"{{\" }} .a }}"))]);
    story.cluster.put_secret(Secret { data, ..Secret::new(&key("es")) }, "kubectl");
    story.object("es", &spec(&json!({ "refreshInterval": "1h", "target": target }))).await;
    story.pass(60).await;
    assert_eq!(story.value("es").as_deref(), Some("x{{ .a }}"), "what was written is not rendered again");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_built_is_refused_before_a_store_is_asked_and_never_tried_again() {
    let cluster = FakeCluster::new();
    let story = Story::over(cluster, Settings::default()).await;
    let generator =
        json!({ "dataFrom": [{ "sourceRef": { "generatorRef": { "kind": "UUID", "name": "u" } } }] });
    story.object("es", &spec(&generator)).await;
    let status = story.cluster.status(ES, &key("es"));
    assert_eq!(status["conditions"][0]["reason"], "Unsupported");
    story.cluster.forget_requests();
    story.pass(86_400).await;
    assert!(story.cluster.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_object_with_esos_finalizer_goes_and_takes_its_secret_if_asked_to() {
    for (policy, left) in [("Delete", false), ("Retain", true), ("Merge", true)] {
        let story = Story::new().await;
        story.object("es", &spec(&json!({ "target": { "deletionPolicy": policy } }))).await;
        story.cluster.change_object(ES, &key("es"), |object| {
            object.finalizers =
                vec![Box::from("externalsecrets.external-secrets.io/externalsecret-cleanup")].into();
        });
        story.settle().await;
        story.cluster.delete_object(ES, &key("es"));
        story.settle().await;
        assert_eq!(story.cluster.object(ES, &key("es")), None, "{policy}");
        assert_eq!(story.cluster.secret(&key("es")).is_some(), left, "{policy}");
        assert!(!metrics_of(&story).contains("name=\"es\""), "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_object_with_a_finalizer_of_others_is_left_alone() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    story.cluster.change_object(ES, &key("es"), |object| object.finalizers = vec![Box::from("f/g")].into());
    story.settle().await;
    story.cluster.forget_requests();
    story.cluster.delete_object(ES, &key("es"));
    story.pass(7_200).await;
    assert!(story.cluster.requests().is_empty(), "{:?}", story.cluster.requests());
}

#[tokio::test(start_paused = true)]
async fn a_renamed_target_leaves_no_orphan() {
    let story = Story::new().await;
    story.object("es", &spec(&json!({ "target": { "name": "before" } }))).await;
    assert!(story.cluster.secret(&key("before")).is_some());
    story.object("es", &spec(&json!({ "target": { "name": "after" } }))).await;
    let names: Vec<_> = story.cluster.secrets().into_iter().map(|secret| secret.meta.name).collect();
    assert_eq!(names, ["after"]);
    assert_eq!(story.events("Deleted").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_vanishes_deletes_only_where_asked_to() {
    for (policy, left, status) in
        [("Delete", false, "True"), ("Retain", true, "False"), ("Merge", true, "True")]
    {
        let story = Story::new().await;
        let target = json!({ "refreshInterval": "60s", "target": { "deletionPolicy": policy } });
        story.object("es", &spec(&target)).await;
        put_store(&story.cluster, "s", &[("other", "v")]);
        story.pass(70).await;
        assert_eq!(story.cluster.secret(&key("es")).is_some(), left, "{policy}");
        assert_eq!(story.ready("es").0, status, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_find_deletes_at_the_second_look() {
    let story = Story::new().await;
    let find = json!({ "secretStoreRef": { "name": "s" }, "refreshInterval": "1h",
        "target": { "deletionPolicy": "Delete" }, "dataFrom": [{ "find": { "name": { "regexp": "^k" } } }] });
    story.object("es", &find).await;
    put_store(&story.cluster, "s", &[("other", "v")]);
    story.cluster.change_object(ES, &key("es"), |object| {
        object.annotations = [("force-sync", "1")].into_iter().collect();
    });
    story.pass(9).await;
    assert!(story.cluster.secret(&key("es")).is_some());
    story.pass(2).await;
    assert_eq!(story.cluster.secret(&key("es")), None);
}

#[tokio::test(start_paused = true)]
async fn an_empty_find_under_another_specification_is_a_first_look() {
    let story = Story::new().await;
    let find = |regexp: &str| {
        json!({ "secretStoreRef": { "name": "s" }, "refreshInterval": "1h",
            "target": { "deletionPolicy": "Delete" }, "dataFrom": [{ "find": { "name": { "regexp": regexp } } }] })
    };
    story.object("es", &find("^k")).await;
    story.object("es", &find("^nothing")).await;
    story.pass(9).await;
    story.object("es", &find("^neither")).await;
    story.pass(8).await;
    assert!(story.cluster.secret(&key("es")).is_some(), "this find was empty for eight seconds only");
    story.pass(3).await;
    assert_eq!(story.cluster.secret(&key("es")), None);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_deleted_takes_nothing_from_its_objects() {
    let story = Story::new().await;
    let target = json!({ "refreshInterval": "60s", "target": { "deletionPolicy": "Delete" } });
    story.object("es", &spec(&target)).await;
    story.cluster.delete_object(STORE, &key("s"));
    story.pass(300).await;
    let (status, message) = story.ready("es");
    assert_eq!((story.value("es").as_deref(), status.as_str()), (Some("v"), "False"));
    assert!(message.contains("SecretStore.external-secrets.io \"s\" not found"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn an_emptied_store_does_not_delete_everything_at_once() {
    let story = Story::new().await;
    let target = json!({ "refreshInterval": "60s", "target": { "deletionPolicy": "Delete" } });
    for n in 0..60 {
        story.object(&format!("es-{n:02}"), &spec(&target)).await;
    }
    put_store(&story.cluster, "s", &[("other", "v")]);
    let mut waited = 0;
    while story.cluster.secrets().len() == 60 {
        story.pass(1).await;
        waited += 1;
        assert!(waited < 70, "nothing was deleted within the tick");
    }
    story.pass(10).await;
    assert_eq!(story.cluster.secrets().len(), 10);
    let held = (0..60).map(|n| story.ready(&format!("es-{n:02}"))).filter(|(status, _)| status == "False");
    let held: Vec<String> = held.map(|(_, message)| message).collect();
    assert_eq!(held.len(), 10);
    assert!(held.iter().all(|message| message.contains("the deletion is held")), "{held:?}");
    put_store(&story.cluster, "s", &[("k", "v")]);
    story.pass(600).await;
    assert_eq!(story.cluster.secrets().len(), 60, "the store was broken, not emptied");
}

#[tokio::test(start_paused = true)]
async fn sec_05_a_namespaced_store_that_names_another_namespace_reaches_nothing_there() {
    for flood_gate in [true, false] {
        let cluster = FakeCluster::new();
        cluster.put_secret(token("other", "loot"), "kubectl");
        cluster.put_object(STORE, &key("s"), &vault(Some("other")));
        let story = Story::over(cluster.clone(), Settings { flood_gate, ..Settings::default() }).await;
        story.object("es", &hourly()).await;
        story.pass(600).await;
        let (status, message) = ready(&cluster, STORE, "s");
        assert_eq!(status, "False");
        assert!(message.contains("namespace should either be empty or match"), "{message}");
        assert_eq!(story.ready("es").0, "False");
        assert!(cluster.requests().iter().all(|request| request.key.namespace() == "team"));
    }
}

#[tokio::test(start_paused = true)]
async fn sec_20_an_operator_serves_its_class_alone() {
    let cluster = FakeCluster::new();
    let of_class = |class: Option<&str>, value: &str| {
        let mut store = fake(&[("k", value)]);
        class.into_iter().for_each(|class| store["controller"] = json!(class));
        store
    };
    for (name, class) in [("one", Some("one")), ("two", Some("two")), ("other", Some("other"))] {
        cluster.put_object(STORE, &key(name), &of_class(class, name));
        cluster.put_object(ES, &key(name), &spec(&json!({ "secretStoreRef": { "name": name } })));
    }
    let class = |class: &str| Settings { class: class.into(), ..Settings::default() };
    let one = Story::over(cluster.clone(), class("one")).await;
    assert_eq!((one.value("one").as_deref(), one.value("two")), (Some("one"), None));
    assert_eq!(cluster.status(STORE, &key("two")), Value::Null);
    let two = Story::over(cluster.clone(), class("two")).await;
    two.pass(7_200).await;
    assert_eq!(two.value("two").as_deref(), Some("two"));
    assert_eq!(cluster.status(STORE, &key("other")), Value::Null);
    assert_eq!((cluster.status(ES, &key("other")), two.value("other")), (Value::Null, None));
    assert_eq!(cluster.count(Verb::Create, SECRETS), 2);
    assert_eq!(cluster.count(Verb::Update, SECRETS), 0);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_to_our_class_is_used_by_those_who_waited_for_it() {
    let cluster = FakeCluster::new();
    let mut store = fake(&[("k", "v")]);
    store["controller"] = json!("other");
    cluster.put_object(STORE, &key("s"), &store);
    let story = Story::over(cluster, Settings::default()).await;
    story.object("es", &hourly()).await;
    assert_eq!(story.value("es"), None);
    put_store(&story.cluster, "s", &[("k", "v")]);
    story.settle().await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_store_serves_the_namespaces_that_its_conditions_admit() {
    let cluster = FakeCluster::new();
    cluster.put_namespace("team", &[]);
    let mut store = fake(&[("k", "v")]);
    store["conditions"] = json!([{ "namespaceSelector": { "matchLabels": { "may": "yes" } } }]);
    cluster.put_object(StatusKind::ClusterSecretStore, &ObjectKey::new("", "s"), &store);
    let story = Story::over(cluster.clone(), Settings::default()).await;
    let reference = json!({ "secretStoreRef": { "name": "s", "kind": "ClusterSecretStore" } });
    story.object("es", &spec(&reference)).await;
    assert!(story.ready("es").1.contains("denied by spec.condition"), "{:?}", story.ready("es"));
    assert!(cluster.secrets().is_empty());
    cluster.put_namespace("team", &[("may", "yes")]);
    story.settle().await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_not_watched_is_not_touched() {
    let cluster = FakeCluster::new();
    for namespace in ["team", "other"] {
        let at = |name| ObjectKey::new(namespace, name);
        cluster.put_object(STORE, &at("s"), &fake(&[("k", "v")]));
        cluster.put_object(ES, &at("es"), &hourly());
    }
    let over = Namespaces::Some(vec!["team".into()]);
    let story = Story::over(cluster.clone(), Settings { over, ..Settings::default() }).await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
    assert!(cluster.requests().iter().all(|request| request.key.namespace() == "team"));
}

#[tokio::test(start_paused = true)]
async fn a_restart_writes_nothing_and_reads_no_secret() {
    let story = Story::new().await;
    for (n, besides) in [
        json!({ "refreshInterval": "1h" }),
        json!({ "refreshInterval": "0" }),
        json!({ "refreshPolicy": "OnChange" }),
        json!({ "refreshPolicy": "CreatedOnce" }),
        json!({ "target": { "creationPolicy": "Orphan" } }),
    ]
    .iter()
    .enumerate()
    {
        story.object(&format!("es-{n}"), &spec(besides)).await;
    }
    story.pass(60).await;
    let story = story.restart().await;
    story.pass(5).await;
    assert!(story.cluster.requests().is_empty(), "{:?}", story.cluster.requests());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_fails_is_tried_again_after_a_restart() {
    let story = Story::new().await;
    story
        .object(
            "es",
            &spec(&json!({ "target": { "deletionPolicy": "Retain" }, "refreshInterval": "1h",
        "data": [{ "secretKey": "a", "remoteRef": { "key": "later" } }] })),
        )
        .await;
    assert_eq!(story.ready("es").0, "False");
    put_store(&story.cluster, "s", &[("later", "v")]);
    let story = story.restart().await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
}

#[tokio::test(start_paused = true)]
async fn a_failing_object_is_mended_by_its_store_without_waiting() {
    let story = Story::new().await;
    story
        .object("es", &spec(&json!({ "data": [{ "secretKey": "a", "remoteRef": { "key": "later" } }] })))
        .await;
    assert_eq!(story.ready("es").0, "False");
    put_store(&story.cluster, "s", &[("later", "v")]);
    story.settle().await;
    assert_eq!(story.value("es").as_deref(), Some("v"));
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_fails_once_costs_one_more_try() {
    let story = Story::new().await;
    story.cluster.fail_next(Verb::Create, SECRETS, Error::new(Kind::Unavailable, "down"));
    story.object("es", &hourly()).await;
    assert_eq!(story.ready("es"), ("False".into(), "could not update secret: down".into()));
    story.pass(6).await;
    assert_eq!(story.ready("es"), ("True".into(), "secret synced".into()));
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_run_again_at_once_without_a_word() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    story.pass(5).await;
    put_store(&story.cluster, "s", &[("k", "new")]);
    story.cluster.fail_next(Verb::Update, SECRETS, Error::new(Kind::Conflict, "modified"));
    story.cluster.change_object(ES, &key("es"), |object| {
        object.annotations = [("force-sync", "1")].into_iter().collect();
    });
    story.settle().await;
    assert_eq!((story.value("es").as_deref(), story.ready("es").0.as_str()), (Some("new"), "True"));
    assert!(story.events("UpdateFailed").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_touched_target_does_not_put_the_next_try_of_a_failing_object_off() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    story.cluster.fail_next(Verb::Update, SECRETS, Error::new(Kind::Unavailable, "down"));
    put_store(&story.cluster, "s", &[("k", "new")]);
    // The tick of the hour, wherever in it that is.
    for _ in 0..7_200 {
        if story.ready("es").0 == "True" {
            story.pass(1).await;
        }
    }
    let mut secret = story.cluster.secret(&key("es")).unwrap();
    secret.meta.labels.insert("touched".into(), "yes".into());
    story.cluster.put_secret(secret, "kubectl");
    story.pass(5).await;
    assert_eq!((story.value("es").as_deref(), story.ready("es").0.as_str()), (Some("new"), "True"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_given_free_is_taken() {
    let story = Story::new().await;
    let shared = json!({ "target": { "name": "out" } });
    story.object("first", &spec(&shared)).await;
    story.object("second", &spec(&shared)).await;
    assert_eq!(story.ready("first").0, "True");
    assert!(story.ready("second").1.starts_with("target is owned by another ExternalSecret"));
    story.cluster.delete_object(ES, &key("first"));
    story.cluster.remove_secret(&key("out"));
    story.settle().await;
    assert_eq!(story.ready("second").0, "True");
}

#[tokio::test(start_paused = true)]
async fn a_target_of_strangers_that_is_given_free_is_taken_though_nobody_watched_it() {
    let story = Story::new().await;
    let owner = OwnerReference {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
        name: "theirs".into(),
        uid: "u".into(),
        controller: true,
        block_owner_deletion: false,
    };
    let mut theirs = Secret::new(&key("es"));
    theirs.meta.owners = vec![owner];
    story.cluster.put_secret(theirs, "kubectl");
    story.object("es", &hourly()).await;
    assert_eq!(story.ready("es").0, "False");
    story.cluster.remove_secret(&key("es"));
    story.pass(310).await;
    assert_eq!((story.value("es").as_deref(), story.ready("es").0.as_str()), (Some("v"), "True"));
}

#[tokio::test(start_paused = true)]
async fn the_metrics_of_a_restarted_process_know_every_object_at_once() {
    let story = Story::new().await;
    story.object("es", &spec(&json!({ "refreshPolicy": "CreatedOnce" }))).await;
    let story = story.restart().await;
    let line =
        r#"externalsecret_status_condition{name="es",namespace="team",condition="Ready",status="True"} 1"#;
    assert!(metrics_of(&story).contains(line), "{}", metrics_of(&story));
}

#[tokio::test(start_paused = true)]
async fn what_happened_while_the_watches_were_cut_is_found_by_the_next_list() {
    let story = Story::new().await;
    story.object("es", &hourly()).await;
    story.pass(5).await;
    story.cluster.cut_feeds();
    story.cluster.remove_secret(&key("es"));
    story.cluster.put_object(ES, &key("new"), &hourly());
    story.settle().await;
    assert_eq!(story.value("new"), None);
    story.cluster.relist();
    story.settle().await;
    assert_eq!((story.value("es").as_deref(), story.value("new").as_deref()), (Some("v"), Some("v")));
}

fn metrics_of(story: &Story) -> String {
    let [stores, cluster_stores] = story.operator.stores.clone();
    metrics::text(&[story.operator.objects.clone(), stores, cluster_stores])
}

/// Everything that is logged, at every level, by the thread of the test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    fn capture(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(self.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The values that must show nowhere: of a store, of a credential, of a Secret that somebody else wrote.
const MARKERS: [&str; 3] = ["mArk\"er/<ü>+& \\4711", "tOken/of+the=store\n0815", "fOreign&value?~#5150"];

/// Objects that succeed and objects that fail in every way in which a value was in our hands.
fn leaky_objects() -> Vec<(&'static str, Value)> {
    let remote = |key: &str, besides: Value| {
        let mut remote = json!({ "key": key });
        remote.as_object_mut().unwrap().extend(besides.as_object().unwrap().clone());
        json!({ "data": [{ "secretKey": "a", "remoteRef": remote }] })
    };
    let extract = |rewrite: Value| json!({ "data": [], "dataFrom": [{ "extract": { "key": "object" }, "rewrite": rewrite }] });
    let template = |template: Value| json!({ "target": { "template": template } });
    vec![
        ("good", json!({})),
        ("property", remote("plain", json!({ "property": "x.y" }))),
        ("encoding", remote("plain", json!({ "decodingStrategy": "Base64" }))),
        ("null", remote("null", json!({ "nullBytePolicy": "Fail" }))),
        ("large", remote("large", json!({}))),
        ("metadata", remote("plain", json!({ "metadataPolicy": "Fetch" }))),
        ("text", json!({ "data": [], "dataFrom": [{ "extract": { "key": "plain" } }] })),
        ("broken", json!({ "data": [], "dataFrom": [{ "extract": { "key": "broken" } }] })),
        (
            "merge",
            json!({ "data": [], "dataFrom": [{ "find": { "name": { "regexp": "plain" } }, "rewrite": [{ "merge": {} }] }] }),
        ),
        ("key", extract(json!([{ "regexp": { "source": "x", "target": "x y" } }]))),
        ("expression", extract(json!([{ "regexp": { "source": "(", "target": "x" } }]))),
        ("transform", extract(json!([{ "transform": { "template": "{{ .value }} x" } }]))),
        ("template", template(json!({ "data": { "x": "{{ fail .a }}" } }))),
        ("document", template(json!({ "templateFrom": [{ "literal": "{{ .a }}" }] }))),
        ("label", template(json!({ "metadata": { "labels": { "x": "{{ .a }}!" } } }))),
        ("taken", json!({ "target": { "name": "taken" } })),
        ("vault", json!({ "secretStoreRef": { "name": "vault" } })),
    ]
}

fn leaky_cluster() -> FakeCluster {
    let cluster = FakeCluster::new();
    let marker = MARKERS[0];
    let object = json!({ "x": marker }).to_string();
    let entries = [
        ("k", marker.to_string()),
        ("plain", marker.to_string()),
        ("null", format!("{marker}\0")),
        ("large", marker.repeat(60_000)),
        ("broken", object.replace('}', "")),
        ("object", object),
    ];
    let entries: Vec<(&str, &str)> = entries.iter().map(|(key, value)| (*key, value.as_str())).collect();
    put_store(&cluster, "s", &entries);
    cluster.put_object(STORE, &key("vault"), &vault(None));
    cluster.put_secret(token("team", MARKERS[1]), "kubectl");
    let mut taken = token("team", MARKERS[2]);
    taken.meta.name = "taken".into();
    taken.meta.owners = vec![crate::cluster::OwnerReference {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "d".into(),
        uid: "uid-d".into(),
        controller: true,
        block_owner_deletion: true,
    }];
    cluster.put_secret(taken, "kubectl");
    cluster
}

#[tokio::test(start_paused = true)]
async fn sec_08_no_value_shows_in_logs_events_statuses_or_metrics() {
    let log = Log::default();
    let _captured = log.capture();
    let story = Story::over(leaky_cluster(), Settings { flood_gate: false, ..Settings::default() }).await;
    for (name, besides) in leaky_objects() {
        story.object(name, &spec(&besides)).await;
    }
    let good = story.cluster.secret(&key("good")).unwrap();
    story
        .cluster
        .put_secret(Secret { data: BTreeMap::from([("a".into(), MARKERS[2].into())]), ..good }, "kubectl");
    story.pass(30).await;
    let failing = leaky_objects().iter().filter(|(name, _)| story.ready(name).0 == "False").count();
    assert_eq!(failing, leaky_objects().len() - 1);
    let statuses: Vec<String> = leaky_objects()
        .iter()
        .map(|(name, _)| story.cluster.status(ES, &key(name)).to_string())
        .chain(["s", "vault"].map(|name| story.cluster.status(STORE, &key(name)).to_string()))
        .collect();
    let said = [
        ("log", log.text()),
        ("events", format!("{:?}", story.cluster.events())),
        ("statuses", statuses.join("\n")),
        ("metrics", metrics_of(&story)),
    ];
    assert!(said.iter().all(|(_, text)| !text.is_empty()));
    let found: Vec<String> =
        said.iter().flat_map(|(place, text)| leak::found(place, text, &MARKERS)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_leak_that_is_planted_in_the_log_is_found() {
    let log = Log::default();
    let _captured = log.capture();
    for (form, text) in leak::forms(MARKERS[0]) {
        tracing::trace!(answer = %text, "planted");
        let logged = log.text();
        // Forms with escapes are escaped once more by the logger; of those, the one that a careless caller would log is looked for.
        let escaped = ["JSON in JSON", "JSON, ASCII", "Debug"].contains(&form);
        let found = leak::found("log", &logged, &MARKERS);
        assert!(escaped || !found.is_empty(), "{form}: {logged}");
        log.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
