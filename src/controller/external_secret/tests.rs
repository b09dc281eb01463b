//! Messages in an order that stories cannot bring about: what reaches the reconciler while a job is under way.

use keyferry_stores::{
    base::{clock::SystemClock, refs::Scope},
    net::client::HttpPool,
};
use serde_json::json;

use super::*;
use crate::{
    cluster::{Cluster, credentials::ScopedCredentials, fake::FakeCluster, managed::DigestKey},
    controller::world::Expected,
    sync::{pipeline::Breaker, report::Stamp},
};

/// A reconciler whose lists are complete, without anybody who runs it.
fn reconciler(cluster: &FakeCluster) -> ExternalSecrets {
    let shared: Arc<dyn Cluster> = Arc::new(cluster.clone());
    let clock = Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH));
    let (deliveries, answers) = mpsc::unbounded_channel();
    let pipeline = Pipeline {
        cluster: shared.clone(),
        clock: clock.clone(),
        digests: Arc::new(DigestKey::new(&[7; 32])),
        stamp: Stamp::Never,
        breaker: Arc::new(Breaker::default()),
    };
    let env = Env {
        http: Arc::new(HttpPool::default()),
        clock: clock.clone(),
        credentials: Arc::new(ScopedCredentials::new(shared, Scope::ClusterOnly)),
        store_name: "".into(),
        variables: Arc::default(),
        calls: Arc::default(),
        retry: None,
    };
    let settings =
        Settings { class: "default".into(), flood_gate: true, cluster_stores: true, concurrent: 1 };
    let context = Context {
        pipeline,
        world: SharedWorld::new(Expected {
            over: Namespaces::All,
            cluster_stores: true,
            class: "default".into(),
        }),
        fetcher: Fetcher::new(clock, deliveries),
        env,
        table: Table::new("externalsecret"),
        settings: Arc::new(settings),
    };
    let mut reconciler = ExternalSecrets::new(context, Namespaces::All, mpsc::unbounded_channel(), answers);
    reconciler.started = true;
    reconciler
}

fn store(cluster: &FakeCluster, name: &str, ready: &str) -> Change<RawObject> {
    let key = ObjectKey::new("team", name);
    cluster.put_object(StatusKind::SecretStore, &key, &json!({ "provider": { "fake": { "data": [] } } }));
    let status = json!({ "conditions": [{ "type": "Ready", "status": ready }] });
    let status = Some(status.to_string().into_bytes().into_boxed_slice());
    Change::Applied(cluster.change_object(StatusKind::SecretStore, &key, |object| object.status = status))
}

fn tell(reconciler: &mut ExternalSecrets, change: Change<RawObject>) {
    let signals = reconciler.context.world.lock().apply_store(StatusKind::SecretStore, change);
    signals.iter().for_each(|signal| reconciler.signalled(signal));
}

#[tokio::test(start_paused = true)]
async fn a_wake_up_while_the_job_is_under_way_that_fails_is_not_lost() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "False"));
    let spec = json!({ "secretStoreRef": { "name": "s" }, "data": [{ "secretKey": "a", "remoteRef": { "key": "k" } }] });
    let key = ObjectKey::new("team", "es");
    let object = cluster.put_object(StatusKind::ExternalSecret, &key, &spec);
    let uid = object.uid.clone();
    reconciler.changed(Change::Applied(object));
    assert!(matches!(reconciler.records[&key].phase, Phase::Working), "the refusal is being told");
    tell(&mut reconciler, store(&cluster, "s", "True"));
    reconciler.done(&key, &uid, Finished::panicked(Timestamp::UNIX_EPOCH));
    assert!(matches!(reconciler.records[&key].phase, Phase::Waiting(_)), "the store is asked at once");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_behind_an_entry_whose_store_cannot_be_asked() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "False"));
    tell(&mut reconciler, store(&cluster, "t", "True"));
    let entry = |store: &str| json!({ "secretKey": store, "remoteRef": { "key": "k" }, "sourceRef": { "storeRef": { "name": store } } });
    for (name, stores, waits) in [("refused", ["s", "t"], false), ("read", ["t", "s"], true)] {
        let key = ObjectKey::new("team", name);
        let spec = json!({ "data": stores.map(entry) });
        let object = cluster.put_object(StatusKind::ExternalSecret, &key, &spec);
        reconciler.changed(Change::Applied(object));
        assert_eq!(matches!(reconciler.records[&key].phase, Phase::Waiting(_)), waits, "{name}");
    }
}
