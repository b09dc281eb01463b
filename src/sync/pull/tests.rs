//! One object's job over the cluster in memory: which requests it costs, what it tells, and what it leaves alone.
//!
//! The answers come from the real pool over the provider `fake`; no value of the store may show anywhere but in a Secret.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use base64::{Engine, engine::general_purpose::STANDARD};
use keyferry_stores::{
    base::{Clock, SecretBytes, clock::SystemClock, limits::SECRET_BYTES, refs::Scope},
    net::client::HttpPool,
    provider::{Consumer, Env},
};
use serde_json::json;
use tokio::sync::mpsc;

use super::*;
use crate::{
    api::{store::StoreSpec, validate},
    cluster::{
        CREATED_BY_LABEL, Cluster, DATA_HASH_ANNOTATION, MANAGED_LABEL, OwnerReference, Secret,
        credentials::ScopedCredentials,
        fake::{FakeCluster, Verb},
        managed::DigestKey,
    },
    sync::{
        apply::UNTOLD,
        fetch::{Request, Target, Waiter},
        gate::Lane,
        pipeline::Breaker,
        report::Stamp,
        stores::{Fetcher, Notice, Opening, Usable},
        templates::{Delimiters, Pace, Templates},
    },
    telemetry::leak,
};

const MARKER: &str = "mArk\"er/<ü>+& \\4711";
const SECRETS: &str = "secrets";
const STATUS: &str = "externalsecrets/status";

struct Bench {
    cluster: FakeCluster,
    pipeline: Pipeline,
    env: Env,
    fetcher: Fetcher,
    notices: mpsc::UnboundedReceiver<Notice>,
    store: Vec<(String, String)>,
    /// When the last job's answers were found empty without a proof.
    empty_since: Option<Timestamp>,
    /// The target of the next job as an earlier cache showed it.
    cached: Option<Option<ManagedSecret>>,
    refused: Option<Error>,
    pace: Pace,
}

impl Bench {
    fn new() -> Self {
        let cluster = FakeCluster::new();
        let clock: Arc<dyn Clock> =
            Arc::new(SystemClock::starting_at(Timestamp::from_second(1_000).unwrap()));
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
        let (sender, notices) = mpsc::unbounded_channel();
        let fetcher = Fetcher::new(clock.clone(), sender);
        let served = fetcher.clone();
        tokio::spawn(async move { served.run().await });
        let digests = Arc::new(DigestKey::new(&[7; 32]));
        let (stamp, breaker) = (Stamp::Never, Arc::new(Breaker::default()));
        let templates = Arc::new(Templates::new(&Delimiters::default(), clock.clone()));
        let (shelf, generic_targets) = (Arc::default(), true);
        let pipeline =
            Pipeline { cluster: shared, clock, digests, stamp, breaker, templates, shelf, generic_targets };
        let (store, empty_since, cached, refused, pace) = (Vec::new(), None, None, None, Pace::Quick);
        let bench =
            Self { cluster, pipeline, env, fetcher, notices, store, empty_since, cached, refused, pace };
        bench.holding(&[("k", MARKER), ("l", "w")])
    }

    fn holding(mut self, entries: &[(&str, &str)]) -> Self {
        self.hold(entries);
        self
    }

    fn hold(&mut self, entries: &[(&str, &str)]) {
        self.store = entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    }

    /// Puts the object `team/es` with this specification.
    fn object(&self, yaml: &str) {
        let mut spec: Value = serde_saphyr::from_str(yaml).unwrap();
        spec["secretStoreRef"] = json!({ "name": "s" });
        self.cluster.put_object(StatusKind::ExternalSecret, &es(), &spec);
    }

    /// The job that the object calls for, with its answers.
    async fn job(&mut self, raw: &RawObject) -> Job {
        let spec = match parse::external_secret(&raw.spec) {
            Ok(spec) => spec,
            Err(error) => return Job::Fail(Failed::Fetch, error),
        };
        if let Some(error) = shape::unbuilt(&spec) {
            return Job::Fail(Failed::Unsupported, error);
        }
        if let Err(error) = validate::interval(&spec) {
            return Job::Fail(Failed::Fetch, error);
        }
        let asks = asks(&spec, "team");
        if let Some(error) = self.refused.take() {
            return Job::Sync(asks.iter().map(|_| Slot::failed(error.clone())).collect());
        }
        Job::Sync(self.read(asks).await)
    }

    async fn read(&mut self, asks: Vec<(StoreRef, Option<Ask>)>) -> Vec<Slot> {
        let usable = self.usable();
        let object = es();
        let now = self.pipeline.clock.now();
        let mut slots = Vec::new();
        let mut requests = Vec::new();
        for (slot, (_, ask)) in asks.into_iter().enumerate() {
            let Some(ask) = ask else {
                slots.push(Slot::empty());
                continue;
            };
            slots.push(Slot::waiting(usable.config.absence(), &ask));
            let waiter = Waiter { object: object.clone(), slot, ticket: 0 };
            let request = Request { target: usable.target, ask, waiter, cause: now, lane: Lane::First };
            requests.push((request, Opening::of(&usable, &self.env, &self.pipeline.cluster)));
        }
        self.fetcher.queue(requests, None);
        while slots.iter().any(|slot| slot.answer.is_none()) {
            let Notice::Answers(answers) = self.notices.recv().await.unwrap() else { continue };
            for delivered in answers {
                let slot = delivered.delivery.waiter.slot;
                slots[slot].take(delivered);
            }
        }
        slots
    }

    fn usable(&self) -> Usable {
        let data: Vec<_> =
            self.store.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let spec: StoreSpec =
            serde_json::from_value(json!({ "provider": { "fake": { "data": data } } })).unwrap();
        let config = Arc::new(spec.provider.chosen().unwrap());
        let scope = Scope::Namespace("team".into());
        let consumer = Consumer { scope: &scope, store_kind: "SecretStore", store_name: "s", versions: &[] };
        let (identity, quota, budget) = (config.identity(&consumer), config.quota(), config.budget());
        let store = StoreRef::named(None, "s", "team");
        Usable { store, target: Target { identity, quota, budget }, config, scope, retry: None }
    }

    /// Does the job of the object as it is now.
    async fn pull(&mut self) -> Finished {
        let raw = self.cluster.object(StatusKind::ExternalSecret, &es()).unwrap();
        let job = self.job(&raw).await;
        self.run(raw, job).await
    }

    async fn run(&mut self, raw: RawObject, job: Job) -> Finished {
        let target = parse::external_secret(&raw.spec)
            .map(|spec| spec.target_name("es").to_string())
            .unwrap_or_default();
        let managed: Vec<ManagedSecret> = self
            .cluster
            .secrets()
            .iter()
            .filter(|secret| secret.meta.is_managed())
            .map(|secret| ManagedSecret::of(secret, &self.pipeline.digests))
            .collect();
        let controlled = |secret: &&ManagedSecret| {
            secret.is_controlled_by(&raw.uid.to_string()) && *secret.key.name() != *target
        };
        let cached = managed.iter().find(|secret| *secret.key.name() == *target).cloned();
        let object = Object {
            status: raw.status.clone(),
            began: self.pipeline.clock.now(),
            target: self.cached.take().unwrap_or(cached),
            orphans: managed.iter().filter(controlled).cloned().collect(),
            empty_since: self.empty_since,
            seen: Seen::new(),
            raw,
            pace: self.pace,
        };
        let finished = pull(&self.pipeline, object, job).await;
        self.empty_since = finished.empty_since;
        finished
    }

    /// The requests since the last look, as `Verb resource`.
    fn requests(&self) -> Vec<String> {
        let shown = self.cluster.requests();
        self.cluster.forget_requests();
        shown.iter().map(|request| format!("{:?} {}", request.verb, request.resource)).collect()
    }

    /// Status, reason and message of the Ready condition.
    fn ready(&self) -> (String, String, String) {
        let status = self.cluster.status(StatusKind::ExternalSecret, &es());
        let ready = &status["conditions"][0];
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_string();
        (text("status"), text("reason"), text("message"))
    }

    fn assert_synced(&self) {
        let ready = self.ready();
        assert_eq!((ready.0.as_str(), ready.2.as_str()), ("True", "secret synced"));
    }

    fn value(&self, key: &str) -> Option<String> {
        let secret = self.cluster.secret(&out())?;
        Some(String::from_utf8_lossy(secret.data.get(key)?.expose()).into_owned())
    }

    fn writes(&self) -> usize {
        [Verb::Create, Verb::Update, Verb::Delete].iter().map(|verb| self.cluster.count(*verb, SECRETS)).sum()
    }

    /// Everywhere that one of the values shows outside of a Secret's data.
    fn leaks(&self, finished: &Finished, values: &[&str]) -> Vec<String> {
        let status = self.cluster.status(StatusKind::ExternalSecret, &es()).to_string();
        let events = format!("{:?}", self.cluster.events());
        let error = format!(
            "{:?} {}",
            finished.error,
            finished.error.as_ref().map_or_else(String::new, ToString::to_string)
        );
        let all = format!("{finished:?}");
        [("status", status), ("events", events), ("error", error), ("finished", all)]
            .iter()
            .flat_map(|(place, text)| leak::found(place, text, values))
            .collect()
    }
}

fn es() -> ObjectKey {
    ObjectKey::new("team", "es")
}

fn out() -> ObjectKey {
    ObjectKey::new("team", "out")
}

const ONE: &str = "{target: {name: out}, data: [{secretKey: a, remoteRef: {key: k}}]}";

/// A Secret `team/out` that somebody else made.
fn foreign(pairs: &[(&str, &str)]) -> Secret {
    let data = pairs.iter().map(|(key, value)| ((*key).to_string(), SecretBytes::from(*value))).collect();
    Secret { data, ..Secret::new(&out()) }
}

fn owned_by(kind: &str, api_version: &str, mut secret: Secret) -> Secret {
    let owner = OwnerReference {
        api_version: api_version.into(),
        kind: kind.into(),
        name: "first".into(),
        uid: "uid-first".into(),
        controller: true,
        block_owner_deletion: true,
    };
    secret.meta.owners = vec![owner];
    secret
}

#[test]
fn an_entry_takes_32_bytes_whether_it_is_answered_or_not() {
    assert_eq!(size_of::<Slot>(), 32);
}

#[tokio::test(start_paused = true)]
async fn a_first_sync_is_one_post_and_one_status() {
    let mut bench = Bench::new();
    bench.object(ONE);
    let finished = bench.pull().await;
    assert_eq!(bench.requests(), ["Create secrets", "Patch externalsecrets/status"]);
    assert_eq!(bench.value("a").as_deref(), Some(MARKER));
    bench.assert_synced();
    assert_eq!((finished.ready, finished.written.is_some()), (Some(true), true));
    let status = bench.cluster.status(StatusKind::ExternalSecret, &es());
    assert_eq!(status["binding"]["name"], "out");
    assert_eq!(status["refreshTime"], "1970-01-01T00:16:40Z");
    assert!(bench.leaks(&finished, &[MARKER]).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_write_bears_the_field_manager_of_its_object() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    let requests = bench.cluster.requests();
    assert_eq!(requests[0].manager.as_deref(), Some("externalsecrets.external-secrets.io/es"));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_refresh_makes_no_request() {
    for target in [
        "{name: out}",
        "{name: out, creationPolicy: Orphan}",
        "{name: out, creationPolicy: CreateOrMerge}",
        "{name: out, immutable: true}",
        "{name: out, template: {type: Opaque, metadata: {labels: {l: '1'}, annotations: {n: '1'}}}}",
        "{name: out, deletionPolicy: Delete}",
    ] {
        let mut bench = Bench::new();
        bench.object(&format!("{{target: {target}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"));
        bench.pull().await;
        bench.requests();
        let finished = bench.pull().await;
        assert!(bench.requests().is_empty(), "{target}");
        assert_eq!((finished.ready, finished.refreshed.is_some()), (Some(true), true), "{target}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_template_of_what_is_not_to_be_written_is_rendered() {
    let template = "{data: {a: '{{ fail \"broken\" }}'}}";
    for (target, is_there, synced) in [
        ("immutable: true", true, true),
        ("immutable: true", false, false),
        ("immutable: false", true, false),
        ("creationPolicy: None", true, true),
        ("creationPolicy: None", false, true),
        ("creationPolicy: Merge", true, false),
        ("creationPolicy: Merge", false, true),
    ] {
        let mut bench = Bench::new();
        if is_there {
            bench.object(ONE);
            bench.pull().await;
        }
        let target = format!("{{name: out, {target}, template: {template}}}");
        bench.object(&format!("{{target: {target}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"));
        let finished = bench.pull().await;
        assert_eq!(finished.error.is_none(), synced, "{target} {is_there}: {:?}", bench.ready());
        assert_eq!(bench.value("a").is_some(), is_there, "{target} {is_there}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_template_of_an_immutable_target_that_the_cache_does_not_hold_is_rendered() {
    let mut bench = Bench::new();
    bench.cluster.put_secret(foreign(&[("a", "theirs")]), "kubectl");
    let target = "{name: out, immutable: true, template: {data: {a: '{{ fail \"broken\" }}'}}}";
    bench.object(&format!("{{target: {target}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"));
    bench.pull().await;
    bench.assert_synced();
    assert_eq!(bench.value("a").as_deref(), Some("theirs"));
    assert_eq!(bench.requests()[..2], ["Get secrets", "Update secrets"]);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_there_to_merge_into_one_look_tells() {
    let mut bench = Bench::new();
    bench.object("{target: {name: out, creationPolicy: Merge}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    assert_eq!(
        bench.ready(),
        (
            "True".into(),
            "SecretMissing".into(),
            "secret will not be created due to CreationPolicy=Merge".into()
        )
    );
    assert_eq!(bench.requests(), ["Get secrets", "Patch externalsecrets/status"]);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_looked_at_is_not_written() {
    for (target, fails) in [
        ("creationPolicy: Merge", Kind::Unavailable),
        // Its template is broken, and only of a target that is there that is nobody's business.
        ("immutable: true, template: {data: {a: '{{ fail \"x\" }}'}}", Kind::Invalid),
    ] {
        let mut bench = Bench::new();
        bench.object(&format!(
            "{{target: {{name: out, {target}}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
        ));
        bench.cluster.fail_next(Verb::Get, SECRETS, Error::new(Kind::Unavailable, "down"));
        let finished = bench.pull().await;
        assert_eq!(finished.error.map(|error| error.kind()), Some(fails), "{target}");
        assert!(bench.cluster.secret(&out()).is_none(), "{target}");
    }
}

/// A value in every place that a webhook may quote, of what is written, of what was there, and of the store itself.
#[tokio::test(start_paused = true)]
async fn what_a_webhook_quotes_of_a_write_is_told_without_values() {
    let refused = |verb| {
        let text = format!("denied: {MARKER}; {}; 'x-{MARKER}!'; old-secret", STANDARD.encode(MARKER));
        (verb, Error::new(Kind::Forbidden, text))
    };
    let label = "{metadata: {annotations: {l: 'x-{{ .a }}'}}, data: {b: fixed}}";
    for (target, there) in [
        (format!("template: {label}"), None),
        (format!("template: {label}"), Some(foreign(&[("a", "old-secret")]))),
        ("template: {data: {a: '{{ .a | len }}'}}".into(), Some(foreign(&[("a", "old-secret")]))),
    ] {
        let mut bench = Bench::new();
        let (verb, error) = refused(if there.is_some() { Verb::Update } else { Verb::Create });
        if let Some(secret) = there {
            bench.cluster.put_secret(secret, "kubectl");
        }
        bench.object(&format!(
            "{{target: {{name: out, {target}}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
        ));
        bench.cluster.fail_next(verb, SECRETS, error);
        let finished = bench.pull().await;
        let (_, _, message) = bench.ready();
        assert!(message.contains("denied: [redacted]; [redacted]; '"), "{target}: {message}");
        assert_eq!(message.contains("old-secret"), verb == Verb::Create, "{target}: {message}");
        assert_eq!(bench.leaks(&finished, &[MARKER]), Vec::<String>::new(), "{target}");
    }
}

/// A template that renders a value into an annotation, which is called as a label, into a key and into another's value.
const EVERYWHERE: &str = "{metadata: {labels: {n: label}, annotations: {n: 'x {{ .a }}'}}, templateFrom: [{literal: '{\"k-{{ .a | sha256sum }}\": y, tls.crt: z, v: {{ .a | toJson }}}'}]}";

/// What a policy says that quotes the annotation, the key, and a key that is not rendered.
fn quoting_it() -> Error {
    let hash = "f1c8c2f80f941d0bc614c68dce2741f144f8c6559e8556ec3832c0ee3dbe9e5b";
    Error::new(Kind::Forbidden, format!("denied: x {MARKER}; k-{hash}; tls.crt"))
}

#[tokio::test(start_paused = true)]
async fn what_a_webhook_quotes_of_what_was_there_is_told_without_what_was_rendered_into_it() {
    let mut bench = Bench::new();
    bench.object(&format!(
        "{{target: {{name: out, template: {EVERYWHERE}}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
    ));
    bench.pull().await;
    bench.hold(&[("k", "another")]);
    bench.cluster.fail_next(Verb::Update, SECRETS, quoting_it());
    let finished = bench.pull().await;
    let (_, _, message) = bench.ready();
    assert_eq!(message, "could not update secret: denied: [redacted]; [redacted]; tls.crt");
    assert_eq!(bench.leaks(&finished, &[MARKER]), Vec::<String>::new());
}

/// Labels of the object, which its target has too, its name and its namespace, and keys of the store.
#[tokio::test(start_paused = true)]
async fn what_everybody_may_read_stays_in_a_refusal() {
    let mut bench = Bench::new().holding(&[("k", r#"{"host": "mArKeR-1", "port": "mArKeR-2"}"#)]);
    bench.object("{target: {name: out}, dataFrom: [{extract: {key: k}}]}");
    bench.cluster.change_object(StatusKind::ExternalSecret, &es(), |object| {
        object.labels = [("team", "payments"), ("tier", "gold")].into_iter().collect();
    });
    bench.pull().await;
    assert_eq!(bench.cluster.secret(&out()).unwrap().meta.labels["team"], "payments");
    bench.hold(&[("k", r#"{"host": "mArKeR-3", "port": "mArKeR-4"}"#)]);
    let told =
        "secrets \"out\" of payments (tier gold) is forbidden in the namespace \"team\": host and port";
    let error = Error::new(Kind::Forbidden, format!("{told}, mArKeR-1 mArKeR-3"));
    bench.cluster.fail_next(Verb::Update, SECRETS, error);
    bench.pull().await;
    assert_eq!(bench.ready().2, format!("could not update secret: {told}, [redacted] [redacted]"));
}

/// The content stays, and with it labels that were rendered before anybody can tell from what.
#[tokio::test(start_paused = true)]
async fn what_a_webhook_quotes_of_a_frozen_target_is_told_without_its_labels() {
    let spec = |immutable: bool| {
        format!(
            "{{target: {{name: out, immutable: {immutable}, template: {{metadata: {{annotations: {{n: 'x {{{{ .a }}}}'}}}}}}}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
        )
    };
    let mut bench = Bench::new();
    bench.object(&spec(false));
    bench.pull().await;
    bench.hold(&[("k", "another")]);
    bench.object(&spec(true));
    bench.cluster.fail_next(
        Verb::Update,
        SECRETS,
        Error::new(Kind::Forbidden, format!("denied: x {MARKER}")),
    );
    let finished = bench.pull().await;
    let (_, _, message) = bench.ready();
    assert!(message.contains("denied: [redacted]"), "{message}");
    assert_eq!(bench.leaks(&finished, &[MARKER]), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_a_webhook_quotes_of_an_orphan_is_told_without_what_it_holds() {
    let data = "data: [{secretKey: a, remoteRef: {key: k}}]";
    let mut bench = Bench::new();
    let target = |name: &str| format!("{{target: {{name: {name}, template: {EVERYWHERE}}}, {data}}}");
    bench.object(&target("before"));
    bench.pull().await;
    bench.object(&target("out"));
    for (reading, told) in [
        (None, "could not delete orphaned secrets: denied: [redacted]; [redacted]; tls.crt"),
        (
            Some(Error::new(Kind::Unavailable, "down")),
            &*format!("could not delete orphaned secrets: {UNTOLD}"),
        ),
    ] {
        bench.cluster.fail_next(Verb::Delete, SECRETS, quoting_it());
        reading.into_iter().for_each(|error| bench.cluster.fail_next(Verb::Get, SECRETS, error));
        let finished = bench.pull().await;
        assert_eq!(finished.error.as_ref().map(Error::kind), Some(Kind::Forbidden));
        let (_, _, message) = bench.ready();
        assert_eq!(message, told);
        assert_eq!(bench.leaks(&finished, &[MARKER]), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_webhook_quotes_when_an_object_takes_its_target_along_is_told_without_what_that_holds() {
    // The metadata of an object of another kind is not rendered.
    let config_map = ("manifest: {apiVersion: v1, kind: ConfigMap}, ", "objects/configmap", "x [redacted]");
    for (manifest, resource, annotation) in [("", SECRETS, "[redacted]"), config_map] {
        let mut bench = Bench::new();
        bench.object(&format!(
            "{{target: {{name: out, deletionPolicy: Delete, {manifest}template: {EVERYWHERE}}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
        ));
        bench.pull().await;
        bench.assert_synced();
        bench.cluster.change_object(StatusKind::ExternalSecret, &es(), |object| {
            object.finalizers = vec![Box::from(ESO_FINALIZER)].into();
        });
        bench.cluster.delete_object(StatusKind::ExternalSecret, &es());
        let raw = bench.cluster.object(StatusKind::ExternalSecret, &es()).unwrap();
        bench.cluster.fail_next(Verb::Delete, resource, quoting_it());
        let finished = bench.run(raw, Job::Clean).await;
        let told = finished.error.as_ref().map(ToString::to_string);
        assert_eq!(told, Some(format!("denied: {annotation}; [redacted]; tls.crt")), "{resource}");
        assert_eq!(bench.leaks(&finished, &[MARKER]), Vec::<String>::new(), "{resource}");
    }
}

/// A clock that panics when the job asks it for the first time.
#[derive(Debug, Default)]
struct Broken(AtomicUsize);

#[async_trait::async_trait]
impl Clock for Broken {
    fn now(&self) -> Timestamp {
        assert_ne!(self.0.fetch_add(1, Ordering::SeqCst), 1, "a bug of ours");
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, _: Duration) {}
}

#[tokio::test(start_paused = true)]
async fn a_job_that_panics_is_told_as_a_failure() {
    let mut bench = Bench::new();
    bench.object(ONE);
    let raw = bench.cluster.object(StatusKind::ExternalSecret, &es()).unwrap();
    let job = bench.job(&raw).await;
    bench.pipeline.clock = Arc::new(Broken::default());
    let finished = bench.run(raw, job).await;
    assert_eq!(finished.error.map(|error| error.kind()), Some(Kind::Bug));
    let ready = bench.ready();
    assert_eq!(
        (&*ready.0, &*ready.1, &*ready.2),
        ("False", "SecretSyncedError", "could not update secret: the job panicked")
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_that_meets_another_writer_is_not_taken_for_told() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.cluster.fail_next(Verb::Patch, STATUS, Error::new(Kind::Conflict, "scripted"));
    let finished = bench.pull().await;
    assert!(finished.untold && finished.error.is_some());
    bench.pull().await;
    bench.assert_synced();
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_is_put_off_without_a_request() {
    let slow = "{{ range 50000 }}{{ end }}";
    let data = format!("target: {{name: out, template: {{data: {{a: '{slow}{{{{ .a }}}}'}}}}}}");
    let rewrite = format!("[{{transform: {{template: '{slow}{{{{ .value }}}}'}}}}]");
    let entry = "data: [{secretKey: a, remoteRef: {key: k}}]";
    let found = format!("dataFrom: [{{find: {{name: {{regexp: '^k$'}}}}, rewrite: {rewrite}}}]");
    for (spec, key) in
        [(format!("{{{data}, {entry}}}"), "a"), (format!("{{target: {{name: out}}, {found}}}"), "k")]
    {
        let mut bench = Bench::new();
        bench.object(&spec);
        let finished = bench.pull().await;
        assert_eq!((bench.requests(), finished.error.is_none()), (vec![], true), "{spec}");
        assert_eq!(bench.leaks(&finished, &[MARKER]), Vec::<String>::new());
        assert!(finished.put_off);
        bench.pace = Pace::Long;
        assert!(!bench.pull().await.put_off);
        bench.assert_synced();
        assert_eq!(bench.value(key).as_deref(), Some(MARKER));
    }
}

#[tokio::test(start_paused = true)]
async fn an_immutable_target_that_has_gone_is_not_made_without_its_content() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    let secret = bench.cluster.secret(&out()).unwrap();
    let seen = ManagedSecret::of(&secret, &bench.pipeline.digests);
    let state = secret.meta.state();
    bench.pipeline.cluster.delete_secret(WritePermit::sole(), &out(), &state).await.unwrap();
    bench.object("{target: {name: out, immutable: true}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.cached = Some(Some(seen));
    let finished = bench.pull().await;
    assert_eq!(finished.error.map(|error| error.kind()), Some(Kind::Conflict));
    assert!(bench.cluster.secret(&out()).is_none());
    bench.pull().await;
    assert_eq!(bench.value("a").as_deref(), Some(MARKER));
}

#[tokio::test(start_paused = true)]
async fn nothing_to_merge_is_merged_without_a_request_too() {
    let mut bench = Bench::new().holding(&[]);
    bench.object("{target: {name: out, deletionPolicy: Merge}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    assert_eq!(bench.requests(), ["Create secrets", "Patch externalsecrets/status"]);
    bench.pull().await;
    assert!(bench.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_value_is_a_get_a_put_and_a_status() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    bench.requests();
    bench.hold(&[("k", "changed")]);
    bench.pull().await;
    assert_eq!(bench.requests(), ["Get secrets", "Update secrets", "Patch externalsecrets/status"]);
    assert_eq!(bench.value("a").as_deref(), Some("changed"));
    let reasons: Vec<_> = bench.cluster.events().iter().map(|event| event.reason).collect();
    assert_eq!(reasons, ["Created", "Updated"]);
}

#[tokio::test(start_paused = true)]
async fn an_object_of_a_namespace_that_is_being_deleted_is_told_nothing() {
    let mut bench = Bench::new();
    bench.object(ONE);
    let ending = Error::new(Kind::Forbidden, "forbidden").with("cause", "NamespaceTerminating");
    bench.cluster.fail_next(Verb::Create, SECRETS, ending);
    let finished = bench.pull().await;
    assert_eq!(bench.requests(), ["Create secrets"]);
    assert_eq!(finished.error.map(|error| error.kind()), Some(Kind::Forbidden));
    assert!(bench.cluster.events().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_post_that_meets_a_secret_becomes_a_get_and_a_put() {
    let mut bench = Bench::new();
    bench.cluster.put_secret(foreign(&[("mine", "1")]), "kubectl");
    bench.object(ONE);
    bench.pull().await;
    let expected = ["Create secrets", "Get secrets", "Update secrets", "Patch externalsecrets/status"];
    assert_eq!(bench.requests(), expected);
    bench.assert_synced();
    assert_eq!((bench.value("a").as_deref(), bench.value("mine")), (Some(MARKER), None));
}

#[tokio::test(start_paused = true)]
async fn a_merge_keeps_the_keys_of_others_and_makes_no_secret() {
    let mut bench = Bench::new();
    bench.object("{target: {name: out, creationPolicy: Merge}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    assert_eq!(bench.requests(), ["Get secrets", "Patch externalsecrets/status"]);
    let (status, reason, message) = bench.ready();
    let missing = "secret will not be created due to CreationPolicy=Merge";
    assert_eq!((status.as_str(), reason.as_str(), message.as_str()), ("True", "SecretMissing", missing));
    bench.cluster.put_secret(foreign(&[("mine", "1")]), "kubectl");
    bench.pull().await;
    assert_eq!(bench.requests(), ["Get secrets", "Update secrets", "Patch externalsecrets/status"]);
    bench.assert_synced();
    assert_eq!((bench.value("a").as_deref(), bench.value("mine").as_deref()), (Some(MARKER), Some("1")));
    bench.pull().await;
    assert!(bench.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn under_policy_none_nothing_is_written_and_all_is_well() {
    let mut bench = Bench::new();
    bench.object("{target: {name: out, creationPolicy: None}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    assert_eq!(bench.requests(), ["Patch externalsecrets/status"]);
    bench.assert_synced();
    assert_eq!(bench.cluster.status(StatusKind::ExternalSecret, &es())["binding"]["name"], "");
}

#[tokio::test(start_paused = true)]
async fn a_lost_race_is_tried_again_and_told_to_nobody() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    bench.requests();
    bench.hold(&[("k", "changed")]);
    bench.cluster.fail_next(Verb::Update, SECRETS, Error::new(Kind::Conflict, "modified"));
    let finished = bench.pull().await;
    assert_eq!(bench.requests(), ["Get secrets", "Update secrets"]);
    assert_eq!(finished.error.map(|error| error.kind()), Some(Kind::Conflict));
    bench.assert_synced();
    bench.pull().await;
    assert_eq!(bench.value("a").as_deref(), Some("changed"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_vanishes_between_read_and_write_is_a_lost_race() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    bench.hold(&[("k", "changed")]);
    bench.cluster.fail_next(Verb::Update, SECRETS, Error::new(Kind::NotFound, "gone"));
    let finished = bench.pull().await;
    assert_eq!(finished.error.map(|error| error.kind()), Some(Kind::Conflict));
    bench.assert_synced();
}

#[tokio::test(start_paused = true)]
async fn an_orphan_deleted_before_a_lost_race_has_its_event() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    bench.object("{target: {name: renamed}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    for _ in 0..2 {
        bench.cluster.fail_next(Verb::Create, SECRETS, Error::new(Kind::Conflict, "exists"));
    }
    let finished = bench.pull().await;
    assert_eq!(finished.error.map(|error| error.kind()), Some(Kind::Conflict));
    let messages: Vec<_> = bench.cluster.events().into_iter().map(|event| event.message).collect();
    assert_eq!(messages, ["secret created", "secret deleted because it was orphaned"]);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_target_is_made_and_the_old_one_deleted() {
    let mut bench = Bench::new();
    bench.object("{target: {name: before}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    bench.requests();
    bench.object(ONE);
    bench.pull().await;
    assert_eq!(bench.requests(), ["Delete secrets", "Create secrets", "Patch externalsecrets/status"]);
    let names: Vec<_> = bench.cluster.secrets().into_iter().map(|secret| secret.meta.name).collect();
    assert_eq!(names, ["out"]);
}

#[tokio::test(start_paused = true)]
async fn orphans_stay_while_the_values_are_not_known() {
    let mut bench = Bench::new();
    bench.object("{target: {name: before}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    bench.object("{target: {name: out}, data: [{secretKey: a, remoteRef: {key: gone}}]}");
    bench.requests();
    bench.pull().await;
    assert_eq!(bench.requests(), ["Patch externalsecrets/status"]);
    assert_eq!(bench.cluster.secrets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_entries_for_one_key_the_later_is_written() {
    let mut bench = Bench::new();
    bench.object(
        "{target: {name: out}, data: [{secretKey: a, remoteRef: {key: k}}, {secretKey: a, remoteRef: {key: l}}]}",
    );
    bench.pull().await;
    bench.assert_synced();
    assert_eq!(bench.value("a").as_deref(), Some("w"));
}

#[tokio::test(start_paused = true)]
async fn values_of_exactly_a_mebibyte_are_written() {
    let value = "x".repeat(SECRET_BYTES);
    let mut bench = Bench::new().holding(&[("k", &value)]);
    bench.object(ONE);
    bench.pull().await;
    bench.assert_synced();
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_proven_gone_takes_the_secret_along_if_asked_to() {
    let mut bench = Bench::new();
    bench
        .object("{target: {name: out, deletionPolicy: Delete}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    bench.requests();
    bench.hold(&[]);
    bench.pull().await;
    assert_eq!(bench.requests(), ["Get secrets", "Delete secrets", "Patch externalsecrets/status"]);
    let (status, reason, _) = bench.ready();
    assert_eq!(
        (status.as_str(), reason.as_str(), bench.cluster.secret(&out())),
        ("True", "SecretDeleted", None)
    );
    let events: Vec<_> = bench.cluster.events().into_iter().map(|event| event.message).collect();
    let missing = "secret does not exist at provider using spec.dataFrom[0] (key=k)";
    assert_eq!(events, ["secret created", missing, "secret deleted due to DeletionPolicy=Delete"]);
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_believed_at_the_second_look_ten_seconds_later() {
    let mut bench = Bench::new();
    let yaml = "{target: {name: out, deletionPolicy: Delete}, dataFrom: [{find: {name: {regexp: ^k}}}]}";
    bench.object(yaml);
    bench.pull().await;
    bench.requests();
    bench.hold(&[]);
    let first = bench.pull().await;
    assert_eq!((first.confirm, first.ready), (Some(Duration::from_secs(10)), None));
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(bench.pull().await.confirm, Some(Duration::from_secs(1)));
    bench.assert_synced();
    assert_eq!(bench.writes(), 0);
    tokio::time::advance(Duration::from_secs(1)).await;
    bench.pull().await;
    assert_eq!(bench.cluster.secret(&out()), None);
}

#[tokio::test(start_paused = true)]
async fn a_value_in_between_starts_the_confirmation_anew() {
    let mut bench = Bench::new();
    bench.object("{target: {name: out, deletionPolicy: Delete}, dataFrom: [{find: {name: {regexp: ^k}}}]}");
    bench.pull().await;
    for between in [Some("back"), None] {
        bench.hold(&[]);
        assert!(bench.pull().await.confirm.is_some());
        tokio::time::advance(Duration::from_secs(30)).await;
        match between {
            Some(value) => bench.hold(&[("k", value)]),
            None => bench.refused = Some(Error::new(Kind::Unavailable, "down")),
        }
        assert_eq!(bench.pull().await.confirm, None);
        bench.hold(&[]);
        assert_eq!(bench.pull().await.confirm, Some(Duration::from_secs(10)));
        bench.hold(&[("k", "v")]);
        bench.pull().await;
    }
    assert!(bench.cluster.secret(&out()).is_some());
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_under_retain_leaves_the_secret() {
    let mut bench = Bench::new();
    bench.object("{target: {name: out}, dataFrom: [{find: {name: {regexp: ^k}}}]}");
    bench.pull().await;
    bench.requests();
    bench.hold(&[]);
    bench.pull().await;
    assert_eq!(bench.requests(), ["Patch externalsecrets/status"]);
    assert_eq!(bench.ready().2, "secret retained due to DeletionPolicy=Retain");
    assert!(bench.cluster.secret(&out()).is_some());
}

/// A specification that fails, what was there before, and what is told.
struct Row {
    what: &'static str,
    spec: &'static str,
    entries: Vec<(&'static str, String)>,
    before: Option<Secret>,
    reason: &'static str,
    message: &'static str,
}

impl Row {
    fn new(what: &'static str, spec: &'static str, message: &'static str) -> Self {
        let entries = vec![("k", MARKER.to_string())];
        Self { what, spec, entries, before: None, reason: "SecretSyncedError", message }
    }

    fn of(self, key: &'static str, value: String) -> Self {
        Self { entries: vec![(key, value)], ..self }
    }

    fn over(self, secret: Secret) -> Self {
        Self { before: Some(secret), ..self }
    }

    fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }
}

/// JSON with the marker as the value of each of these keys.
fn object(keys: &[&str]) -> String {
    let members = keys.iter().map(|key| ((*key).to_string(), Value::from(MARKER)));
    Value::Object(members.collect()).to_string()
}

fn stores_rows() -> Vec<Row> {
    vec![
        Row::new(
            "an absent entry",
            "{target: {name: out}, data: [{secretKey: a, remoteRef: {key: k}}, {secretKey: b, remoteRef: {key: gone}}]}",
            "could not get secret data from provider: error processing spec.data[1] (key: gone), err: ",
        ),
        Row::new(
            "a missing property",
            "{target: {name: out}, data: [{secretKey: a, remoteRef: {key: k, property: x.y}}]}",
            "could not get secret data from provider: error processing spec.data[0] (key: k), err: ",
        )
        .of("k", object(&["other"])),
        Row::new(
            "plain text where an object is asked for",
            "{target: {name: out}, dataFrom: [{extract: {key: k}}]}",
            "could not get secret data from provider: error processing spec.dataFrom[0].extract, err: unable to unmarshal secret: ",
        ),
        Row::new(
            "an object cut short",
            "{target: {name: out}, dataFrom: [{extract: {key: k}}]}",
            "could not get secret data from provider: error processing spec.dataFrom[0].extract, err: unable to unmarshal secret: ",
        )
        .of("k", object(&["x"]).replace('}', "")),
        Row::new(
            "a value that is not in its encoding",
            "{target: {name: out}, data: [{secretKey: a, remoteRef: {key: k, decodingStrategy: Base64}}]}",
            "could not get secret data from provider: error processing spec.data[0] (key: k), err: error applying decoding strategy Base64",
        ),
        Row::new(
            "a NUL byte",
            "{target: {name: out}, data: [{secretKey: a, remoteRef: {key: k, nullBytePolicy: Fail}}]}",
            "could not get secret data from provider: error processing spec.data[0] (key: k), err: fetched secret value for key \"a\" contains null bytes",
        )
        .of("k", format!("{MARKER}\0")),
        Row::new(
            "metadata that the store does not keep",
            "{target: {name: out}, data: [{secretKey: a, remoteRef: {key: k, metadataPolicy: Fetch}}]}",
            "could not get secret data from provider: error processing spec.data[0] (key: k), err: the fake provider keeps no metadata",
        ),
        Row::new(
            "an expression of find that does not compile",
            "{target: {name: out}, dataFrom: [{find: {name: {regexp: '(['}}}]}",
            "could not get secret data from provider: error processing spec.dataFrom[0].find, err: error getting all secrets: ",
        ),
        Row::new(
            "more than fits",
            ONE,
            "could not get secret data from provider: the values do not fit into a Secret (bytes=",
        )
        .of("k", MARKER.repeat(SECRET_BYTES / MARKER.len() + 1)),
    ]
}

fn keys_rows() -> Vec<Row> {
    vec![
        Row::new(
            "keys that become one",
            "{target: {name: out}, dataFrom: [{extract: {key: k}}]}",
            "could not get secret data from provider: error processing spec.dataFrom[0].extract, err: error applying conversion strategy  \
             to keys: secret name collision during conversion: a_b",
        )
        .of("k", object(&["a b", "a/b"])),
        Row::new(
            "a key that no Secret holds",
            "{target: {name: out}, dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: x, target: 'x y'}}]}]}",
            "could not get secret data from provider: error processing spec.dataFrom[0].extract, err: invalid secret keys (TIP: use \
             rewrite or conversionStrategy to change keys): key has invalid character  ",
        )
        .of("k", object(&["x"])),
        Row::new(
            "an expression of rewrite that does not compile",
            "{target: {name: out}, dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: '(', target: x}}]}]}",
            "could not get secret data from provider: error processing spec.dataFrom[0].extract, err: error applying rewrite to keys: \
             failed rewrite operation[0]: regexp failed with failed to compile",
        )
        .of("k", object(&["x"])),
        Row::new(
            "values to merge that are no objects",
            "{target: {name: out}, dataFrom: [{find: {name: {regexp: ^k}}, rewrite: [{merge: {}}]}]}",
            "could not get secret data from provider: error processing spec.dataFrom[0].find, err: error applying rewrite to keys: failed \
             rewrite operation[0]: merge failed with failed to unmarshal JSON of key \"k\"",
        ),
        Row::new(
            "a key of the specification that no Secret holds",
            "{target: {name: out}, data: [{secretKey: 'a b', remoteRef: {key: k}}]}",
            "could not update secret: Secret \"out\" is invalid: data[a b]",
        ),
    ]
}

fn spec_rows() -> Vec<Row> {
    vec![
        Row::new(
            "a template that does not parse",
            "{target: {name: out, template: {data: {a: '{{ .k'}}}, data: [{secretKey: k, remoteRef: {key: k}}]}",
            "could not update secret: could not apply template: template.data: unable to parse template at key a: template: a:1: unclosed action",
        ),
        Row::new(
            "a template that repeats a value",
            "{target: {name: out, template: {data: {a: '{{ fail .k }}'}}}, data: [{secretKey: k, remoteRef: {key: k}}]}",
            "could not update secret: could not apply template: template.data: unable to execute template at key a: template: a:1:3: executing \"a\" at <fail .k>: error calling fail: <value>",
        ),
        Row::new(
            "a template from a ConfigMap that is not there",
            "{target: {name: out, template: {templateFrom: [{configMap: {name: gone, items: [{key: f}]}}]}}, data: [{secretKey: k, remoteRef: {key: k}}]}",
            "could not update secret: could not apply template: error fetching templateFrom data: templateFrom[0]: configmaps \"gone\" not found",
        ),
        Row::new(
            "a generator",
            "{target: {name: out}, dataFrom: [{sourceRef: {generatorRef: {kind: UUID, name: u}}}]}",
            "the specification asks for what is not supported: spec.dataFrom[0].sourceRef.generatorRef is not built yet",
        )
        .because("Unsupported"),
        Row::new(
            "an interval in words",
            "{refreshInterval: 1 day, target: {name: out}, data: [{secretKey: a, remoteRef: {key: k}}]}",
            "could not get secret data from provider: spec.refreshInterval: invalid duration \"1 day\"",
        ),
        Row::new(
            "a specification that does not parse",
            "{refreshInterval: 5, target: {name: out}, data: [{secretKey: a, remoteRef: {key: k}}]}",
            "could not get secret data from provider: the specification does not parse: spec.refreshInterval: expected ",
        ),
        Row::new(
            "no entry at all",
            "{target: {name: out, deletionPolicy: Delete}}",
            "could not get secret data from provider: either data or dataFrom should be specified",
        ),
        Row::new(
            "no entry that asks for something",
            "{target: {name: out, deletionPolicy: Delete}, dataFrom: [{sourceRef: {storeRef: {name: s}}}]}",
            "could not get secret data from provider: deletionPolicy=Delete needs an entry that asks a store",
        ),
        Row::new(
            "a privileged type",
            "{target: {name: out, template: {type: bootstrap.kubernetes.io/token}}, data: [{secretKey: a, remoteRef: {key: k}}]}",
            "could not update secret: could not apply template: template.type=\"bootstrap.kubernetes.io/token\" is not allowed",
        ),
        Row::new(
            "a deletion without ownership",
            "{target: {name: out, creationPolicy: Orphan, deletionPolicy: Delete}, data: [{secretKey: a, remoteRef: {key: gone}}]}",
            "could not delete secret: unable to delete secret out: creationPolicy=Orphan is not Owner",
        ),
    ]
}

fn target_rows() -> Vec<Row> {
    let immutable = Secret { immutable: Some(true), ..foreign(&[("a", "first")]) };
    let mut token = Secret { type_: "kubernetes.io/service-account-token".into(), ..foreign(&[]) };
    token.meta.annotations.insert("kubernetes.io/service-account.name".into(), "admin".into());
    vec![
        Row::new(
            "a target of another ExternalSecret",
            ONE,
            "target is owned by another ExternalSecret: unable to mutate secret out: secret is owned by another ExternalSecret: first",
        )
        .over(owned_by("ExternalSecret", "external-secrets.io/v1", foreign(&[("a", "v")]))),
        Row::new(
            "a target of another controller",
            ONE,
            "failed to take ownership of target secret: secret out is already controlled by Deployment first",
        )
        .over(owned_by("Deployment", "apps/v1", foreign(&[("a", "v")]))),
        Row::new(
            "an immutable target without ownership",
            "{target: {name: out, creationPolicy: Merge}, data: [{secretKey: a, remoteRef: {key: k}}]}",
            "could not update secret, target is immutable: secret out is immutable",
        )
        .over(managed(immutable)),
        Row::new(
            "a token of a ServiceAccount",
            "{target: {name: out, creationPolicy: Merge}, data: [{secretKey: a, remoteRef: {key: k}}]}",
            "could not update secret: could not apply template: template.type=\"kubernetes.io/service-account-token\" with annotation",
        )
        .over(token),
        Row::new(
            "a deletion of what was not made by us",
            "{target: {name: out, deletionPolicy: Delete}, data: [{secretKey: a, remoteRef: {key: gone}}]}",
            "could not delete secret: unable to delete secret out: it was not made by this ExternalSecret",
        )
        .over(foreign(&[("a", "v")])),
    ]
}

/// Label and hash as a sync leaves them, so that only the content is left to change; the object's own metadata is empty.
fn managed(mut secret: Secret) -> Secret {
    secret.meta.labels.insert(MANAGED_LABEL.into(), "true".into());
    let mut data = secret.data.clone();
    data.insert("a".into(), "first".into());
    secret.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), digest::of_data(&data));
    secret
}

async fn check(row: Row) {
    let entries: Vec<(&str, &str)> = row.entries.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let mut bench = Bench::new().holding(&entries);
    if let Some(secret) = row.before {
        bench.cluster.put_secret(secret, "kubectl");
    }
    bench.object(row.spec);
    let before = bench.cluster.secrets();
    let finished = bench.pull().await;
    let (status, reason, message) = bench.ready();
    assert_eq!((status.as_str(), reason.as_str()), ("False", row.reason), "{}", row.what);
    assert!(message.starts_with(row.message), "{}: {message}", row.what);
    assert_eq!(bench.cluster.secrets(), before, "{}", row.what);
    assert_eq!(bench.cluster.count(Verb::Delete, SECRETS), 0, "{}", row.what);
    let warnings: Vec<_> = bench.cluster.events().iter().map(|event| (event.warning, event.reason)).collect();
    assert_eq!(warnings.last(), Some(&(true, "UpdateFailed")), "{}", row.what);
    assert_eq!(bench.leaks(&finished, &[MARKER]), Vec::<String>::new(), "{}", row.what);
    bench.requests();
    bench.pull().await;
    assert_eq!(bench.cluster.count(Verb::Patch, STATUS), 0, "{}: it is told once", row.what);
}

#[tokio::test(start_paused = true)]
async fn sec_08_what_the_stores_answer_wrongly_is_told_without_a_value_and_changes_nothing() {
    for row in stores_rows() {
        check(row).await;
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_fit_no_secret_are_told_and_change_nothing() {
    for row in keys_rows() {
        check(row).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_specification_that_cannot_work_is_told_and_changes_nothing() {
    for row in spec_rows() {
        check(row).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_ours_to_change_stays_and_is_told() {
    for row in target_rows() {
        check(row).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_any_kind_deletes_and_writes_nothing_under_any_policy() {
    sec_09(|_| ()).await;
}

#[tokio::test(start_paused = true)]
async fn sec_09_only_a_stores_own_absence_may_delete() {
    sec_09(|bench| bench.empty_since = Some(Timestamp::UNIX_EPOCH)).await;
}

/// Every kind of error of a store that could not be asked, under every deletion policy, over a target that is ours.
async fn sec_09(prepare: impl Fn(&mut Bench)) {
    for policy in ["Retain", "Delete", "Merge"] {
        for kind in Kind::ALL {
            let mut bench = Bench::new();
            bench.object(&format!(
                "{{target: {{name: out, deletionPolicy: {policy}}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
            ));
            bench.pull().await;
            bench.requests();
            prepare(&mut bench);
            let before = bench.cluster.secrets();
            bench.refused = Some(Error::new(kind, "scripted"));
            bench.pull().await;
            assert_eq!(bench.cluster.secrets(), before, "{policy} {kind:?}");
            assert_eq!(bench.writes(), 0, "{policy} {kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_api_server_is_told_and_tried_again() {
    for (verb, kind) in [
        (Verb::Create, Kind::Forbidden),
        (Verb::Create, Kind::Unavailable),
        (Verb::Create, Kind::Throttled),
        (Verb::Create, Kind::Invalid),
    ] {
        let mut bench = Bench::new();
        bench.object(ONE);
        bench.cluster.fail_next(verb, SECRETS, Error::new(kind, "scripted"));
        let finished = bench.pull().await;
        assert!(!finished.is_silence, "{kind:?}: its store has answered");
        assert_eq!(finished.error.map(|error| error.kind()), Some(kind));
        let (status, reason, message) = bench.ready();
        assert_eq!((status.as_str(), reason.as_str()), ("False", "SecretSyncedError"));
        assert_eq!(message, "could not update secret: scripted");
        bench.pull().await;
        bench.assert_synced();
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_store_that_gives_no_answer_is_silent() {
    for (kind, is_silence) in [(Kind::Unavailable, true), (Kind::Throttled, true), (Kind::Forbidden, false)] {
        let mut bench = Bench::new();
        bench.object(ONE);
        bench.refused = Some(Error::new(kind, "scripted"));
        assert_eq!(bench.pull().await.is_silence, is_silence, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_could_not_be_written_is_written_by_the_next_try() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.cluster.fail_next(Verb::Patch, STATUS, Error::new(Kind::Unavailable, "down"));
    let finished = bench.pull().await;
    assert_eq!((finished.error.map(|error| error.kind()), finished.status), (Some(Kind::Unavailable), None));
    bench.requests();
    bench.pull().await;
    assert_eq!(bench.requests(), ["Patch externalsecrets/status"]);
    bench.assert_synced();
}

#[tokio::test(start_paused = true)]
async fn a_status_is_never_written_to_an_object_made_anew() {
    let mut bench = Bench::new();
    bench.object(ONE);
    let mut raw = bench.cluster.object(StatusKind::ExternalSecret, &es()).unwrap();
    let job = bench.job(&raw).await;
    raw.uid = "uid-before".into();
    let finished = bench.run(raw, job).await;
    assert_eq!((finished.error.map(|error| error.kind()), finished.status), (Some(Kind::Conflict), None));
    assert_eq!(bench.cluster.status(StatusKind::ExternalSecret, &es()), Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_negative_or_zero_interval_is_a_valid_specification() {
    for interval in ["-1h", "0", "0s"] {
        let mut bench = Bench::new();
        bench.object(&format!(
            "{{refreshInterval: '{interval}', target: {{name: out}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
        ));
        bench.pull().await;
        bench.assert_synced();
    }
}

#[tokio::test(start_paused = true)]
async fn a_binding_is_told_for_a_target_that_was_there_even_if_it_stays_as_it_is() {
    for (before, expected) in [
        (owned_by("ExternalSecret", "external-secrets.io/v1", foreign(&[("a", "v")])), "out"),
        (owned_by("Deployment", "apps/v1", foreign(&[("a", "v")])), "out"),
        (Secret { immutable: Some(true), ..foreign(&[("a", "v")]) }, "out"),
    ] {
        let mut bench = Bench::new();
        bench.cluster.put_secret(before, "kubectl");
        bench.object(ONE);
        bench.pull().await;
        let status = bench.cluster.status(StatusKind::ExternalSecret, &es());
        assert_eq!(status["binding"]["name"], expected, "{}", status["conditions"][0]["message"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_cache_costs_a_read_and_never_a_wrong_write() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    bench.requests();
    bench.cached = Some(None);
    bench.pull().await;
    assert_eq!(bench.requests(), ["Create secrets", "Get secrets"]);
    bench.assert_synced();
}

#[tokio::test(start_paused = true)]
async fn sec_18_a_forged_status_leads_to_no_other_secret() {
    let mut bench = Bench::new();
    let mut victim = foreign(&[("a", "v")]);
    victim.meta.name = "victim".into();
    bench.cluster.put_secret(victim, "kubectl");
    bench.object(ONE);
    bench.cluster.change_object(StatusKind::ExternalSecret, &es(), |object| {
        let forged = json!({ "binding": { "name": "victim" }, "refreshTime": "2999-01-01T00:00:00Z",
            "syncedResourceVersion": "1-x", "conditions": [{ "type": "Ready", "status": "True" }] });
        object.status = Some(forged.to_string().into_bytes().into());
    });
    bench.pull().await;
    assert!(bench.cluster.requests().iter().all(|request| request.key.name() != "victim"));
    let status = bench.cluster.status(StatusKind::ExternalSecret, &es());
    assert_eq!(
        (&status["binding"]["name"], &status["refreshTime"]),
        (&json!("out"), &json!("1970-01-01T00:16:40Z"))
    );
}

#[tokio::test(start_paused = true)]
async fn sec_21_a_written_secret_holds_its_values_in_its_data_alone() {
    let mut bench = Bench::new();
    bench.object(ONE);
    bench.pull().await;
    let secret = bench.cluster.secret(&out()).unwrap();
    let around = format!("{:?} {:?} {:?}", secret.meta.labels, secret.meta.annotations, secret.meta.owners);
    assert!(leak::found("metadata", &around, &[MARKER]).is_empty(), "{around}");
    assert!(secret.meta.labels.contains_key(CREATED_BY_LABEL));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_object_takes_its_own_secret_along_and_lets_esos_finalizer_go() {
    for (policy, left) in [("Delete", false), ("Retain", true)] {
        let mut bench = Bench::new();
        bench.object(&format!(
            "{{target: {{name: out, deletionPolicy: {policy}}}, data: [{{secretKey: a, remoteRef: {{key: k}}}}]}}"
        ));
        bench.pull().await;
        bench.cluster.change_object(StatusKind::ExternalSecret, &es(), |object| {
            object.finalizers = vec![Box::from(ESO_FINALIZER)].into();
        });
        bench.cluster.delete_object(StatusKind::ExternalSecret, &es());
        let raw = bench.cluster.object(StatusKind::ExternalSecret, &es()).unwrap();
        bench.run(raw, Job::Clean).await;
        assert_eq!(bench.cluster.secret(&out()).is_some(), left, "{policy}");
        assert_eq!(bench.cluster.object(StatusKind::ExternalSecret, &es()), None, "{policy}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_object_keeps_its_finalizer_until_its_secret_is_gone() {
    let mut bench = Bench::new();
    bench
        .object("{target: {name: out, deletionPolicy: Delete}, data: [{secretKey: a, remoteRef: {key: k}}]}");
    bench.pull().await;
    bench.cluster.change_object(StatusKind::ExternalSecret, &es(), |object| {
        object.finalizers = vec![Box::from(ESO_FINALIZER)].into();
    });
    bench.cluster.delete_object(StatusKind::ExternalSecret, &es());
    let raw = bench.cluster.object(StatusKind::ExternalSecret, &es()).unwrap();
    bench.cluster.fail_next(Verb::Delete, SECRETS, Error::new(Kind::Unavailable, "down"));
    let finished = bench.run(raw.clone(), Job::Clean).await;
    assert_eq!(finished.error.map(|error| error.kind()), Some(Kind::Unavailable));
    assert!(bench.cluster.object(StatusKind::ExternalSecret, &es()).is_some());
    bench.run(raw, Job::Clean).await;
    assert_eq!(bench.cluster.object(StatusKind::ExternalSecret, &es()), None);
}

#[test]
fn a_specification_that_does_not_parse_is_told_by_its_member_without_its_value() {
    let raw = |spec: Value| {
        let cluster = FakeCluster::new();
        cluster.put_object(StatusKind::ExternalSecret, &es(), &spec)
    };
    let entry = json!({ "secretKey": "a", "remoteRef": { "key": "k" } });
    let table = [
        (json!({ "target": MARKER }), "spec.target: expected "),
        (json!({ "target": { "template": { "data": { "a": 4711 } } } }), "spec.target: expected a string"),
        (json!({ "refreshPolicy": MARKER }), "spec.refreshPolicy: expected "),
        (json!({ "data": [entry, { "secretKey": "b" }] }), "spec.data[1]: missing field `remoteRef`"),
        (json!(MARKER), "spec: expected "),
    ];
    for (spec, expected) in table {
        let error = parse::external_secret(&raw(spec).spec).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("the specification does not parse: {expected}")), "{text}");
        assert_eq!(
            (error.kind(), leak::found("error", &text, &[MARKER, "4711"])),
            (Kind::Invalid, Vec::new())
        );
    }
}
