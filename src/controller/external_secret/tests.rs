//! Messages in an order that stories cannot bring about: what reaches the reconciler while a job is under way.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use keyferry_stores::{
    base::{Clock, clock::SystemClock, refs::Scope},
    net::client::HttpPool,
};
use serde_json::json;

use super::*;
use crate::{
    cluster::{Cluster, credentials::ScopedCredentials, fake::FakeCluster, managed::DigestKey, watch::Gone},
    controller::world::Expected,
    sync::{
        fetch::Delivery,
        pipeline::Breaker,
        report::Stamp,
        templates::{Delimiters, Templates},
    },
};

/// A clock that panics, when it is told to, as it is read for the n-th time from then on.
#[derive(Debug)]
struct Mined {
    clock: SystemClock,
    left: AtomicUsize,
}

#[async_trait]
impl Clock for Mined {
    fn now(&self) -> Timestamp {
        let left = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        assert_ne!(left, Ok(1), "a bug of ours");
        self.clock.now()
    }

    async fn sleep(&self, wait: Duration) {
        self.clock.sleep(wait).await;
    }
}

/// A reconciler whose lists are complete, without anybody who runs it.
fn reconciler(cluster: &FakeCluster) -> ExternalSecrets {
    let clock = Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH));
    reconciler_at(cluster, clock)
}

fn reconciler_at(cluster: &FakeCluster, clock: Arc<dyn Clock>) -> ExternalSecrets {
    let shared: Arc<dyn Cluster> = Arc::new(cluster.clone());
    let (deliveries, answers) = mpsc::unbounded_channel();
    let pipeline = Pipeline {
        cluster: shared.clone(),
        clock: clock.clone(),
        digests: Arc::new(DigestKey::new(&[7; 32])),
        stamp: Stamp::Never,
        breaker: Arc::new(Breaker::default()),
        templates: Arc::new(Templates::new(&Delimiters::default(), clock.clone())),
        shelf: Arc::default(),
        generic_targets: false,
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
    let settings = Settings {
        class: "default".into(),
        flood_gate: true,
        cluster_stores: true,
        concurrent: 1,
        generic_targets: false,
    };
    let context = Context {
        pipeline,
        world: SharedWorld::new(Expected {
            over: Namespaces::All,
            cluster_stores: true,
            class: "default".into(),
        }),
        fetcher: Fetcher::new(Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH)), deliveries),
        env,
        table: Table::new("externalsecret"),
        settings: Arc::new(settings),
        kinds: mpsc::unbounded_channel().0,
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
    reconciler.done(&key, &uid, Pace::Quick, Finished::panicked(&key, Timestamp::UNIX_EPOCH));
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

/// An object of the store `s`, as the watch brings it.
fn bring(reconciler: &mut ExternalSecrets, cluster: &FakeCluster, name: &str) -> ObjectKey {
    let spec = json!({ "secretStoreRef": { "name": "s" }, "data": [{ "secretKey": "a", "remoteRef": { "key": "k" } }] });
    let key = ObjectKey::new("team", name);
    reconciler.changed(Change::Applied(cluster.put_object(StatusKind::ExternalSecret, &key, &spec)));
    key
}

/// The job of an object ends with this error.
fn end_job(reconciler: &mut ExternalSecrets, key: &ObjectKey, kind: Kind) {
    assert!(matches!(reconciler.records[key].phase, Phase::Working), "{:?}", reconciler.records[key].phase);
    let uid = reconciler.objects.get(key).unwrap().uid.clone();
    let error = Some(Error::new(kind, "scripted"));
    let is_silence = kind.is_silence();
    let finished = Finished { error, is_silence, ..Finished::panicked(key, Timestamp::UNIX_EPOCH) };
    reconciler.done(key, &uid, Pace::Quick, finished);
}

/// Its store, which is down, gives an object no answer.
fn no_answer(reconciler: &mut ExternalSecrets, key: &ObjectKey) {
    no_answer_for(reconciler, key, reconciler.records[key].ticket, true);
}

fn no_answer_for(reconciler: &mut ExternalSecrets, key: &ObjectKey, ticket: u64, is_down: bool) {
    let waiter = Waiter { object: key.clone(), slot: 0, ticket };
    let answer = Err(Error::new(Kind::Unavailable, "no answer"));
    let delivery = Delivery { waiter, answer, capabilities: None, is_down };
    reconciler.noticed(Notice::Answers(vec![Delivered::uncounted(delivery)]));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_one_reconcile_never_ends_the_process() {
    let cluster = FakeCluster::new();
    let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
    let clock = Arc::new(Mined { clock, left: AtomicUsize::new(0) });
    let mut reconciler = reconciler_at(&cluster, clock.clone());
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let mut hit = 0;
    // Wherever it looks at the clock: the object fails, and is tried again.
    for nth in 2..=3 {
        clock.left.store(nth, Ordering::SeqCst);
        let key = bring(&mut reconciler, &cluster, &format!("unlucky-{nth}"));
        clock.left.store(0, Ordering::SeqCst);
        if matches!(reconciler.records[&key].phase, Phase::Working) {
            hit += 1;
            end_job(&mut reconciler, &key, Kind::Bug);
            assert!(reconciler.records[&key].failing && reconciler.schedule.next().is_some());
        }
    }
    assert!(hit > 0, "the panic came about");
    let other = bring(&mut reconciler, &cluster, "other");
    assert!(matches!(reconciler.records[&other].phase, Phase::Waiting(_)));
}

#[tokio::test(start_paused = true)]
async fn an_object_hears_once_that_its_store_is_down_and_asks_when_it_is_back() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    no_answer(&mut reconciler, &key);
    end_job(&mut reconciler, &key, Kind::Unavailable);
    reconciler.look(&key, Cause::wake(Timestamp::UNIX_EPOCH));
    no_answer(&mut reconciler, &key);
    assert!(matches!(reconciler.records[&key].phase, Phase::Parked), "its status says so already");
    reconciler.signalled(&changed("t", &key));
    assert!(matches!(reconciler.records[&key].phase, Phase::Parked), "its template is read after the store");
    let identities = reconciler.records[&key].identities.to_vec();
    reconciler.noticed(Notice::Back(vec![Digest::of([b"another".as_slice()])]));
    assert!(matches!(reconciler.records[&key].phase, Phase::Parked));
    reconciler.noticed(Notice::Back(identities));
    assert!(matches!(reconciler.records[&key].phase, Phase::Waiting(_)));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_while_its_object_is_told_that_it_is_down_is_asked_at_once() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    let identities = reconciler.records[&key].identities.to_vec();
    no_answer(&mut reconciler, &key);
    reconciler.noticed(Notice::Back(identities));
    end_job(&mut reconciler, &key, Kind::Unavailable);
    assert!(matches!(reconciler.records[&key].phase, Phase::Waiting(_)));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_fails_for_another_reason_is_told_that_its_store_is_down() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    let fails = Job::Fail(Failed::Fetch, Error::new(Kind::Invalid, "scripted"));
    reconciler.records.get_mut(&key).unwrap().phase = Phase::Idle;
    reconciler.work(&key, fails);
    end_job(&mut reconciler, &key, Kind::Invalid);
    reconciler.look(&key, Cause::wake(Timestamp::UNIX_EPOCH));
    no_answer(&mut reconciler, &key);
    assert!(matches!(reconciler.records[&key].phase, Phase::Working), "its status says something else");
}

#[tokio::test(start_paused = true)]
async fn an_object_hears_once_that_its_store_is_not_ready() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "False"));
    let key = bring(&mut reconciler, &cluster, "es");
    end_job(&mut reconciler, &key, Kind::Refused);
    reconciler.look(&key, Cause::wake(Timestamp::UNIX_EPOCH));
    assert!(matches!(reconciler.records[&key].phase, Phase::Idle));
    tell(&mut reconciler, store(&cluster, "s", "True"));
    assert!(matches!(reconciler.records[&key].phase, Phase::Waiting(_)), "now it is");
}

#[tokio::test(start_paused = true)]
async fn what_wakes_an_object_that_waits_for_answers_asks_nothing_twice() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    let ticket = reconciler.records[&key].ticket;
    reconciler.records.get_mut(&key).unwrap().failing = true;
    reconciler.signalled(&Signal::Credential(reconciler.records[&key].stores.to_vec()));
    assert_eq!(reconciler.records[&key].ticket, ticket);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_does_not_begin_with_the_one_that_it_replaces() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    assert!(waits(&reconciler, &key));
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let wrong = json!({ "secretStoreRef": { "name": "s" }, "refreshInterval": "wrong" });
    reconciler.changed(Change::Applied(cluster.put_object(StatusKind::ExternalSecret, &key, &wrong)));
    let Some(Message::Done(_, _, _, finished)) = reconciler.inbox.recv().await else {
        panic!("no job ended")
    };
    assert_eq!(finished.began, reconciler.now());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_heard_of_an_outage_is_not_told_of_each_failure_after_it() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    no_answer(&mut reconciler, &key);
    end_job(&mut reconciler, &key, Kind::Unavailable);
    for _ in 0..3 {
        reconciler.look(&key, Cause::wake(Timestamp::UNIX_EPOCH));
        let ticket = reconciler.records[&key].ticket;
        no_answer_for(&mut reconciler, &key, ticket, false);
        assert!(matches!(reconciler.records[&key].phase, Phase::Parked));
    }
    let next = reconciler.schedule.next().unwrap().duration_since(reconciler.now());
    assert!(next.as_secs() < 60, "it tries again as after any failure: {next}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_while_its_object_hears_the_old_news_is_asked_at_once() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    no_answer(&mut reconciler, &key);
    end_job(&mut reconciler, &key, Kind::Unavailable);
    reconciler.look(&key, Cause::wake(Timestamp::UNIX_EPOCH));
    let identities = reconciler.records[&key].identities.to_vec();
    reconciler.noticed(Notice::Back(identities));
    no_answer(&mut reconciler, &key);
    assert!(matches!(reconciler.records[&key].phase, Phase::Waiting(_)));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_made_anew_takes_no_answer_to_its_predecessor() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    let of_the_old = reconciler.records[&key].ticket;
    let gone = Gone::of(reconciler.objects.get(&key).unwrap());
    cluster.delete_object(StatusKind::ExternalSecret, &key);
    reconciler.changed(Change::Deleted(gone));
    bring(&mut reconciler, &cluster, "es");
    no_answer_for(&mut reconciler, &key, of_the_old, true);
    assert!(matches!(reconciler.records[&key].phase, Phase::Waiting(_)));
}

#[tokio::test(start_paused = true)]
async fn objects_ask_together_when_the_signal_of_their_store_comes_though_the_world_knows_earlier() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let judged = store(&cluster, "s", "True");
    let signals = reconciler.context.world.lock().apply_store(StatusKind::SecretStore, judged);
    let keys = ["one", "two"].map(|name| bring(&mut reconciler, &cluster, name));
    assert!(keys.iter().all(|key| matches!(reconciler.records[key].phase, Phase::Idle)));
    signals.iter().for_each(|signal| reconciler.signalled(signal));
    assert!(keys.iter().all(|key| matches!(reconciler.records[key].phase, Phase::Waiting(_))));
}

#[tokio::test(start_paused = true)]
async fn a_new_object_does_not_wait_for_the_end_of_a_large_tick() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    for n in 0..HEARD_EVERY {
        let key = bring(&mut reconciler, &cluster, &format!("es-{n}"));
        reconciler.schedule.set(key, Timestamp::UNIX_EPOCH);
    }
    let key = ObjectKey::new("team", "new");
    let raw =
        cluster.put_object(StatusKind::ExternalSecret, &key, &json!({ "secretStoreRef": { "name": "s" } }));
    reconciler.sender.send(Message::Object(Change::Applied(raw))).unwrap();
    reconciler.tick().await;
    assert!(reconciler.records.contains_key(&key));
}

#[tokio::test(start_paused = true)]
async fn of_more_messages_than_are_heard_at_a_time_the_rest_is_heard_next() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    for n in 0..HEARD_EVERY + 2 {
        let (key, spec) = (ObjectKey::new("team", format!("es-{n}")), json!({}));
        let raw = cluster.put_object(StatusKind::ExternalSecret, &key, &spec);
        reconciler.sender.send(Message::Object(Change::Applied(raw))).unwrap();
    }
    reconciler.hear_waiting();
    assert_eq!(reconciler.records.len(), HEARD_EVERY);
    reconciler.hear_waiting();
    assert_eq!(reconciler.records.len(), HEARD_EVERY + 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_put_to_work_in_the_middle_of_a_tick_is_not_asked_for_twice() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let at = |n: usize| Timestamp::from_second(i64::try_from(n).unwrap()).unwrap();
    let mut last = None;
    for n in 0..=HEARD_EVERY {
        let key = bring(&mut reconciler, &cluster, &format!("es-{n}"));
        // As if it were in sync.
        reconciler.records.get_mut(&key).unwrap().phase = Phase::Idle;
        reconciler.schedule.set(key.clone(), at(n));
        last = Some(key);
    }
    let last = last.unwrap();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    let raw = cluster.change_object(StatusKind::ExternalSecret, &last, |object| object.generation += 1);
    reconciler.sender.send(Message::Object(Change::Applied(raw))).unwrap();
    let tickets = reconciler.tickets;
    reconciler.tick().await;
    assert_eq!(reconciler.tickets - tickets, HEARD_EVERY as u64 + 1);
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_own_read_failed_before_its_store_was_known_to_be_down_is_not_told_again() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring(&mut reconciler, &cluster, "es");
    let ticket = reconciler.records[&key].ticket;
    no_answer_for(&mut reconciler, &key, ticket, false);
    end_job(&mut reconciler, &key, Kind::Unavailable);
    reconciler.look(&key, Cause::wake(Timestamp::UNIX_EPOCH));
    no_answer(&mut reconciler, &key);
    assert!(matches!(reconciler.records[&key].phase, Phase::Parked));
}

/// The Secret of this name changed, which the object uses as a template.
fn changed(name: &str, user: &ObjectKey) -> Signal {
    let (namespace, name) = ("team".into(), name.into());
    Signal::Template(Resolved { kind: RefKind::Secret, namespace, name }, vec![user.clone()])
}

/// An object of the store `s` that renders a key of the Secret `template` into the Secret of its own name.
fn bring_templated(
    reconciler: &mut ExternalSecrets,
    cluster: &FakeCluster,
    name: &str,
    template: &str,
) -> ObjectKey {
    let from = json!([{ "secret": { "name": template, "items": [{ "key": "t" }] } }]);
    let spec = json!({ "refreshInterval": "1h", "secretStoreRef": { "name": "s" },
        "target": { "template": { "templateFrom": from } },
        "data": [{ "secretKey": "a", "remoteRef": { "key": "k" } }] });
    let key = ObjectKey::new("team", name);
    reconciler.changed(Change::Applied(cluster.put_object(StatusKind::ExternalSecret, &key, &spec)));
    key
}

/// The store answers, and the job of the object begins.
fn begin_job(reconciler: &mut ExternalSecrets, key: &ObjectKey) {
    let ticket = reconciler.records[key].ticket;
    no_answer_for(reconciler, key, ticket, false);
    assert!(matches!(reconciler.records[key].phase, Phase::Working), "{:?}", reconciler.records[key].phase);
}

/// The job of an object ends well.
fn end_well(reconciler: &mut ExternalSecrets, key: &ObjectKey) {
    let uid = reconciler.objects.get(key).unwrap().uid.clone();
    let (error, ready, refreshed) = (None, Some(true), Some(reconciler.now()));
    let finished = Finished { error, ready, refreshed, ..Finished::panicked(key, Timestamp::UNIX_EPOCH) };
    reconciler.done(key, &uid, Pace::Quick, finished);
}

fn waits(reconciler: &ExternalSecrets, key: &ObjectKey) -> bool {
    matches!(reconciler.records[key].phase, Phase::Waiting(_))
}

#[tokio::test(start_paused = true)]
async fn objects_whose_secrets_are_each_others_templates_wake_each_other_seldom() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let keys = ["a", "b"].map(|name| {
        let other = if name == "a" { "b" } else { "a" };
        bring_templated(&mut reconciler, &cluster, name, other)
    });
    let mut refreshes = 0;
    // Each write changes the Secret, as it does with a random value in it.
    for turn in 0..1200 {
        let (key, other) = (&keys[turn % 2], &keys[(turn + 1) % 2]);
        if waits(&reconciler, key) {
            refreshes += 1;
            begin_job(&mut reconciler, key);
            end_well(&mut reconciler, key);
            reconciler.signalled(&changed(key.name(), other));
        }
        tokio::time::advance(Duration::from_millis(50)).await;
        reconciler.tick().await;
    }
    assert!((12..=26).contains(&refreshes), "{refreshes} in a minute");
}

#[tokio::test(start_paused = true)]
async fn a_template_that_changes_while_the_job_runs_is_rendered_after_it() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring_templated(&mut reconciler, &cluster, "es", "t");
    begin_job(&mut reconciler, &key);
    reconciler.signalled(&changed("t", &key));
    end_job(&mut reconciler, &key, Kind::Invalid);
    assert!(waits(&reconciler, &key), "it failed, and the change may mend it");
    begin_job(&mut reconciler, &key);
    reconciler.signalled(&changed("t", &key));
    end_well(&mut reconciler, &key);
    assert!(matches!(reconciler.records[&key].phase, Phase::Idle), "it was refreshed just now");
    assert_eq!(reconciler.schedule.next(), Some(later(reconciler.now(), TEMPLATE_PAUSE)));
    tokio::time::advance(TEMPLATE_PAUSE).await;
    reconciler.tick().await;
    assert!(waits(&reconciler, &key));
}

#[tokio::test(start_paused = true)]
async fn its_own_target_as_a_template_wakes_an_object_only_while_it_fails() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring_templated(&mut reconciler, &cluster, "es", "es");
    assert_eq!(reconciler.records[&key].templates.len(), 1, "it hears of its own target");
    begin_job(&mut reconciler, &key);
    reconciler.signalled(&changed("es", &key));
    end_well(&mut reconciler, &key);
    tokio::time::advance(2 * TEMPLATE_PAUSE).await;
    reconciler.tick().await;
    reconciler.signalled(&changed("es", &key));
    assert!(matches!(reconciler.records[&key].phase, Phase::Idle), "it wrote it itself");
    reconciler.look(&key, Cause::wake(reconciler.now()));
    begin_job(&mut reconciler, &key);
    end_job(&mut reconciler, &key, Kind::Invalid);
    reconciler.signalled(&changed("es", &key));
    assert!(waits(&reconciler, &key), "it fails, and somebody gave its target what it needs");
}

/// An object in sync waits for the answers of its tick, which may be hours away.
async fn await_tick(reconciler: &mut ExternalSecrets, cluster: &FakeCluster) -> ObjectKey {
    tell(reconciler, store(cluster, "s", "True"));
    let key = bring_templated(reconciler, cluster, "es", "t");
    begin_job(reconciler, &key);
    end_well(reconciler, &key);
    let tick = reconciler.schedule.next().unwrap();
    tokio::time::advance(tick.duration_since(reconciler.now()).try_into().unwrap()).await;
    reconciler.tick().await;
    assert!(waits(reconciler, &key) && reconciler.records[&key].lane == Lane::Second);
    key
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_answers_of_its_tick_hurries_once_if_its_target_goes_or_a_template_changes() {
    let key = ObjectKey::new("team", "es");
    for (signal, lane) in [(Signal::Target(key.clone()), Lane::First), (changed("t", &key), Lane::Second)] {
        let cluster = FakeCluster::new();
        let mut reconciler = reconciler(&cluster);
        assert_eq!(await_tick(&mut reconciler, &cluster).await, key);
        let ticket = reconciler.records[&key].ticket;
        for _ in 0..2 {
            reconciler.signalled(&signal);
            let record = &reconciler.records[&key];
            assert!(waits(&reconciler, &key), "{signal:?}");
            assert_eq!((record.lane, record.ticket), (lane, ticket + 1), "{signal:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn its_own_target_as_a_template_hurries_nobody_who_waits_for_its_tick() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let key = await_tick(&mut reconciler, &cluster).await;
    let ticket = reconciler.records[&key].ticket;
    reconciler.signalled(&changed("es", &key));
    assert_eq!(reconciler.records[&key].ticket, ticket);
}

/// What waits for a change of the specification alone waits for nothing else, once its status says so.
#[tokio::test(start_paused = true)]
async fn an_object_that_is_hopeless_is_tried_again_until_it_is_told_and_until_it_is_gone() {
    for (untold, deleting, again) in [(false, false, false), (true, false, true), (false, true, true)] {
        let cluster = FakeCluster::new();
        let mut reconciler = reconciler(&cluster);
        let spec = json!({ "target": { "manifest": { "apiVersion": "v1", "kind": "ConfigMap" } },
            "data": [{ "secretKey": "a", "remoteRef": { "key": "k" } }] });
        let key = ObjectKey::new("team", "es");
        cluster.put_object(StatusKind::ExternalSecret, &key, &spec);
        let raw = cluster.change_object(StatusKind::ExternalSecret, &key, |object| {
            object.deleting = deleting;
            object.finalizers = vec![Box::from(pull::ESO_FINALIZER)].into();
        });
        let uid = raw.uid.clone();
        reconciler.changed(Change::Applied(raw));
        assert!(works(&reconciler, &key));
        let error = Some(Error::new(Kind::Refused, "scripted"));
        let finished = Finished { error, untold, ..Finished::panicked(&key, Timestamp::UNIX_EPOCH) };
        reconciler.done(&key, &uid, Pace::Quick, finished);
        let waits = reconciler.schedule.next().map(|next| next.duration_since(reconciler.now()));
        assert_eq!(waits.is_some(), again, "untold: {untold}, deleting: {deleting}");
        let soon = SignedDuration::try_from(limits::SYNCED_TRANSIENT.first * 2).unwrap();
        assert!(!untold || waits.is_some_and(|wait| wait <= soon), "{waits:?}");
    }
}

fn works(reconciler: &ExternalSecrets, key: &ObjectKey) -> bool {
    matches!(reconciler.records[key].phase, Phase::Working)
}

/// How many of these wait for the answers of their store.
fn asking(reconciler: &ExternalSecrets, keys: &[ObjectKey]) -> usize {
    keys.iter().filter(|key| waits(reconciler, key)).count()
}

/// The templates of an object, whose job is under way, take too long for its pace.
fn put_off(reconciler: &mut ExternalSecrets, key: &ObjectKey) {
    assert!(works(reconciler, key));
    let uid = reconciler.objects.get(key).unwrap().uid.clone();
    let finished = Finished { put_off: true, error: None, ..Finished::panicked(key, reconciler.now()) };
    reconciler.done(key, &uid, Pace::Quick, finished);
}

/// The store answers an object whose turn it is, and its job ends well.
fn end_slow(reconciler: &mut ExternalSecrets, key: &ObjectKey) {
    begin_job(reconciler, key);
    end_long(reconciler, key);
}

fn end_long(reconciler: &mut ExternalSecrets, key: &ObjectKey) {
    assert!(works(reconciler, key));
    let uid = reconciler.objects.get(key).unwrap().uid.clone();
    let refreshed = Some(reconciler.now());
    let finished = Finished { error: None, refreshed, ..Finished::panicked(key, reconciler.now()) };
    reconciler.done(key, &uid, Pace::Long, finished);
    reconciler.serve_slow();
}

/// Objects of a store that is ready, whose jobs begin one after the other and are put off.
fn slow_objects(reconciler: &mut ExternalSecrets, cluster: &FakeCluster, names: &[&str]) -> Vec<ObjectKey> {
    tell(reconciler, store(cluster, "s", "True"));
    let mut put_off = |name: &&str| {
        let key = bring_templated(reconciler, cluster, name, "t");
        begin_job(reconciler, &key);
        put_off(reconciler, &key);
        key
    };
    let keys = names.iter().map(&mut put_off).collect();
    reconciler.serve_slow();
    keys
}

#[tokio::test(start_paused = true)]
async fn slow_templates_of_a_namespace_are_rendered_one_after_the_other_and_hold_neither_worker_nor_answer() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a", "b", "c"]);
    let quick = bring(&mut reconciler, &cluster, "quick");
    begin_job(&mut reconciler, &quick);
    for (nth, key) in slow.iter().enumerate() {
        assert!(works(&reconciler, &quick), "the only worker is its own");
        assert_eq!(asking(&reconciler, &slow), 1, "it asks when it is its turn: {nth}");
        end_slow(&mut reconciler, key);
        assert!(reconciler.records[key].refreshed.is_some());
    }
    let tick = reconciler.schedule.next().unwrap();
    tokio::time::advance(tick.duration_since(reconciler.now()).try_into().unwrap()).await;
    reconciler.tick().await;
    assert_eq!(asking(&reconciler, &slow), 0, "that they take long is known");
    reconciler.serve_slow();
    assert_eq!(asking(&reconciler, &slow), 1);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changes_while_it_is_put_off_is_looked_at_anew() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a", "b"]);
    let change = |reconciler: &mut ExternalSecrets, key| {
        let raw = cluster.change_object(StatusKind::ExternalSecret, key, |object| object.generation += 1);
        reconciler.changed(Change::Applied(raw));
    };
    change(&mut reconciler, &slow[1]);
    begin_job(&mut reconciler, &slow[1]);
    end_well(&mut reconciler, &slow[1]);
    end_slow(&mut reconciler, &slow[0]);
    assert_eq!(asking(&reconciler, &slow), 0, "nobody stands in line any more");
    change(&mut reconciler, &slow[1]);
    begin_job(&mut reconciler, &slow[1]);
    change(&mut reconciler, &slow[1]);
    put_off(&mut reconciler, &slow[1]);
    reconciler.serve_slow();
    assert!(waits(&reconciler, &slow[1]), "it is its turn");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_use_its_turn_keeps_nobody_from_it() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a", "b", "c", "d"]);
    // One has its turn, one stands in line; then both are gone.
    for key in &slow[..2] {
        let gone = Gone::of(reconciler.objects.get(key).unwrap());
        reconciler.changed(Change::Deleted(gone));
    }
    reconciler.serve_slow();
    assert!(waits(&reconciler, &slow[2]));
    tell(&mut reconciler, store(&cluster, "s", "False"));
    reconciler.look(&slow[2], Cause::wake(reconciler.now()));
    end_long(&mut reconciler, &slow[2]);
    assert!(works(&reconciler, &slow[3]), "it is told so in its turn");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_takes_its_time_keeps_nobody_else_from_a_turn() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let names = ["a", "b", "c", "d", "e", "f"];
    let slow = slow_objects(&mut reconciler, &cluster, &names);
    for turns in 1..=names.len() {
        assert_eq!(asking(&reconciler, &slow), turns);
        assert_eq!(reconciler.next_slow(), Some(later(reconciler.now(), limits::SLOW_ASKS)));
        tokio::time::advance(limits::SLOW_ASKS).await;
        reconciler.serve_slow();
    }
    assert_eq!(reconciler.next_slow(), None);
    begin_job(&mut reconciler, &slow[0]);
    for key in &slow[1..3] {
        let ticket = reconciler.records[key].ticket;
        no_answer_for(&mut reconciler, key, ticket, false);
    }
    assert!(matches!(reconciler.records[&slow[1]].phase, Phase::Ready(_)), "it has the next place");
    assert!(matches!(reconciler.records[&slow[2]].phase, Phase::PutOff), "one of a namespace at a time");
    end_long(&mut reconciler, &slow[0]);
    assert!(works(&reconciler, &slow[1]), "what was answered late is not asked again");
    end_long(&mut reconciler, &slow[1]);
    assert!(waits(&reconciler, &slow[2]), "and the other has its turn again");
    slow[2..].iter().for_each(|key| end_slow(&mut reconciler, key));
}

#[tokio::test(start_paused = true)]
async fn who_was_mended_while_it_stood_in_line_takes_no_turn_from_others() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a", "b", "c"]);
    reconciler.look(&slow[1], Cause::wake(reconciler.now()));
    // It is mended, and its store takes its time.
    let raw = cluster.change_object(StatusKind::ExternalSecret, &slow[1], |object| object.generation += 1);
    reconciler.changed(Change::Applied(raw));
    assert!(waits(&reconciler, &slow[1]));
    end_slow(&mut reconciler, &slow[0]);
    assert!(waits(&reconciler, &slow[2]), "its turn comes at once");
    assert!(!reconciler.slow.has_turn(&slow[1]));
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_waits_for_no_turn() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a", "b"]);
    tokio::time::advance(limits::SLOW_ASKS).await;
    reconciler.serve_slow();
    begin_job(&mut reconciler, &slow[0]);
    assert!(waits(&reconciler, &slow[1]));
    let raw = cluster.change_object(StatusKind::ExternalSecret, &slow[1], |object| {
        object.finalizers = Box::new([pull::ESO_FINALIZER.into()]);
        object.deleting = true;
    });
    reconciler.changed(Change::Applied(raw));
    assert!(works(&reconciler, &slow[1]));
}

#[tokio::test(start_paused = true)]
async fn what_was_mended_while_its_slow_templates_were_rendered_is_not_known_to_be_slow() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring_templated(&mut reconciler, &cluster, "es", "t");
    begin_job(&mut reconciler, &key);
    let raw = cluster.change_object(StatusKind::ExternalSecret, &key, |object| object.generation += 1);
    reconciler.changed(Change::Applied(raw));
    put_off(&mut reconciler, &key);
    assert!(waits(&reconciler, &key) && !reconciler.records[&key].slow);
}

#[tokio::test(start_paused = true)]
async fn values_between_two_empty_answers_prove_that_nothing_is_gone_though_their_templates_are_put_off() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    tell(&mut reconciler, store(&cluster, "s", "True"));
    let key = bring_templated(&mut reconciler, &cluster, "es", "t");
    begin_job(&mut reconciler, &key);
    reconciler.records.get_mut(&key).unwrap().empty_since = Some(reconciler.now());
    put_off(&mut reconciler, &key);
    assert_eq!(reconciler.records[&key].empty_since, None);
}

#[tokio::test(start_paused = true)]
async fn a_successor_has_its_turn_after_the_job_of_its_predecessor() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a"]);
    begin_job(&mut reconciler, &slow[0]);
    let gone = Gone::of(reconciler.objects.get(&slow[0]).unwrap());
    let predecessor = gone.uid.clone();
    reconciler.changed(Change::Deleted(gone));
    cluster.delete_object(StatusKind::ExternalSecret, &slow[0]);
    let successor = bring_templated(&mut reconciler, &cluster, "a", "t");
    begin_job(&mut reconciler, &successor);
    put_off(&mut reconciler, &successor);
    reconciler.serve_slow();
    assert!(!reconciler.slow.has_turn(&successor));
    let finished = Finished { error: None, ..Finished::panicked(&successor, reconciler.now()) };
    reconciler.done(&successor, &predecessor, Pace::Long, finished);
    reconciler.serve_slow();
    assert!(waits(&reconciler, &successor) && reconciler.slow.has_turn(&successor));
}

#[tokio::test(start_paused = true)]
async fn an_object_with_slow_templates_hears_in_no_line_that_its_store_fails() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a", "b"]);
    tell(&mut reconciler, store(&cluster, "s", "False"));
    reconciler.look(&slow[1], Cause::wake(reconciler.now()));
    assert!(works(&reconciler, &slow[1]) && waits(&reconciler, &slow[0]));
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changes_again_and_again_leaves_its_turn_to_others() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a", "b"]);
    begin_job(&mut reconciler, &slow[0]);
    reconciler.look(&slow[0], Cause::wake(reconciler.now()));
    end_long(&mut reconciler, &slow[0]);
    assert!(waits(&reconciler, &slow[1]) && !waits(&reconciler, &slow[0]));
}

#[tokio::test(start_paused = true)]
async fn who_has_its_turn_does_not_wait_for_its_place_in_a_tick() {
    let cluster = FakeCluster::new();
    let mut reconciler = reconciler(&cluster);
    let slow = slow_objects(&mut reconciler, &cluster, &["a"]);
    end_slow(&mut reconciler, &slow[0]);
    let tick = reconciler.schedule.next().unwrap();
    tokio::time::advance(tick.duration_since(reconciler.now()).try_into().unwrap()).await;
    reconciler.tick().await;
    assert_eq!(reconciler.records[&slow[0]].lane, Lane::Second);
    reconciler.serve_slow();
    assert_eq!(reconciler.records[&slow[0]].lane, Lane::First);
}
