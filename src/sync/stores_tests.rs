use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use keyferry_stores::{
    base::{SecretBytes, clock::SystemClock},
    provider::{Access, Budget, Consumer, Entry, MapRule, PropertyRule},
};

use super::*;
use crate::{
    cluster::ObjectKey,
    sync::{
        fetch::{Ask, Target, Waiter},
        gate::Lane,
    },
};

#[derive(Debug, Default)]
struct Counts {
    opens: AtomicUsize,
    reads: AtomicUsize,
    most_at_once: AtomicUsize,
    now: AtomicUsize,
    closes: AtomicUsize,
    probes: AtomicUsize,
}

#[derive(Debug, Clone)]
struct Scripted {
    counts: Arc<Counts>,
    size: usize,
    opens: bool,
    panics: bool,
    /// While it is set, the store gives no answer.
    is_down: Arc<AtomicBool>,
}

#[async_trait]
impl Opener for Scripted {
    async fn open(&self) -> Result<Arc<dyn Store>> {
        self.counts.opens.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if self.opens {
            Ok(Arc::new(self.clone()))
        } else {
            Err(Error::new(Kind::Unauthenticated, "refused"))
        }
    }
}

#[async_trait]
impl Store for Scripted {
    fn capabilities(&self) -> Capabilities {
        let (access, property) = (Access::ReadOnly, PropertyRule::Path);
        Capabilities {
            access,
            find: true,
            batch: 1,
            property,
            property_absence: false,
            map: MapRule::Raw,
            find_converts: false,
        }
    }

    async fn get(&self, keys: &[RemoteKey]) -> Batch {
        assert!(!self.panics, "a provider's bug");
        if self.is_down.load(Ordering::SeqCst) {
            return Batch::Answers(
                keys.iter().map(|_| Err(Error::new(Kind::Unavailable, "no answer"))).collect(),
            );
        }
        let now = self.counts.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.counts.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.counts.now.fetch_sub(1, Ordering::SeqCst);
        self.counts.reads.fetch_add(keys.len(), Ordering::SeqCst);
        Batch::Answers(
            keys.iter().map(|_| Ok(Entry::bytes(SecretBytes::new(vec![b'v'; self.size])))).collect(),
        )
    }

    async fn probe(&self) -> Result<Probe> {
        self.counts.probes.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(Probe::Ready)
    }

    async fn close(&self) {
        self.counts.closes.fetch_add(1, Ordering::SeqCst);
    }
}

impl Delivered {
    /// An answer whose bytes nobody counts.
    pub(crate) const fn uncounted(delivery: Delivery) -> Self {
        Self { delivery, held: None }
    }
}

impl Fetcher {
    /// Gathers and sends in one step.
    pub(crate) fn queue(&self, requests: Vec<(Request, Arc<dyn Opener>)>, spread: Option<Spread>) {
        let mut gathering = self.gather(spread);
        requests.into_iter().for_each(|(request, opener)| gathering.add(request, || opener));
        gathering.send();
    }
}

fn scripted(size: usize) -> Scripted {
    Scripted { counts: Arc::default(), size, opens: true, panics: false, is_down: Arc::default() }
}

fn identity() -> Digest {
    Digest::of([b"identity".as_slice()])
}

fn target() -> Target {
    Target { identity: identity(), quota: identity(), budget: Budget { per_second: 1e6, in_flight: 64 } }
}

fn requests(count: usize, store: &Scripted) -> Vec<(Request, Arc<dyn Opener>)> {
    let request = |n: usize| Request {
        target: target(),
        ask: Ask::Key(RemoteKey::value(format!("key-{n}"))),
        waiter: Waiter { object: ObjectKey::new("n", format!("es-{n}")), slot: 0, ticket: 1 },
        cause: Timestamp::UNIX_EPOCH,
        lane: Lane::First,
    };
    (0..count).map(|n| (request(n), Arc::new(store.clone()) as Arc<dyn Opener>)).collect()
}

fn fetcher() -> (Fetcher, mpsc::UnboundedReceiver<Notice>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let fetcher = Fetcher::new(Arc::new(SystemClock::starting_at(Timestamp::UNIX_EPOCH)), sender);
    let running = fetcher.clone();
    tokio::spawn(async move { running.run().await });
    (fetcher, receiver)
}

async fn receive(receiver: &mut mpsc::UnboundedReceiver<Notice>, count: usize) -> Vec<Delivered> {
    let mut all = Vec::new();
    while all.len() < count {
        if let Notice::Answers(answers) = receiver.recv().await.unwrap() {
            all.extend(answers);
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn many_reads_and_a_probe_share_one_login() {
    let store = scripted(1);
    let (fetcher, mut receiver) = fetcher();
    fetcher.queue(requests(100, &store), None);
    let probed = fetcher.probe(target(), Arc::new(store.clone())).await.unwrap();
    assert!(matches!(probed.probe.unwrap(), Probe::Ready));
    assert_eq!(receive(&mut receiver, 100).await.len(), 100);
    assert_eq!(store.counts.opens.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_tried_once_for_all_that_wait() {
    let store = Scripted { opens: false, ..scripted(1) };
    let (fetcher, mut receiver) = fetcher();
    fetcher.queue(requests(100, &store), None);
    let all = receive(&mut receiver, 100).await;
    assert!(all.iter().all(|one| one.delivery.answer.as_ref().unwrap_err().kind() == Kind::Unauthenticated));
    assert_eq!(store.counts.opens.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_provider_is_a_bug_of_that_read_and_nothing_else() {
    let store = Scripted { panics: true, ..scripted(1) };
    let (fetcher, mut receiver) = fetcher();
    fetcher.queue(requests(1, &store), None);
    let all = receive(&mut receiver, 1).await;
    assert_eq!(all[0].delivery.answer.as_ref().unwrap_err().kind(), Kind::Bug);
}

#[tokio::test(start_paused = true)]
async fn stores_of_one_identity_that_are_judged_together_share_one_proof() {
    let store = scripted(1);
    let (fetcher, _receiver) = fetcher();
    let prove = || fetcher.probe(target(), Arc::new(store.clone()));
    let (first, second) = tokio::join!(prove(), prove());
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(store.counts.probes.load(Ordering::SeqCst), 1);
    prove().await.unwrap();
    assert_eq!(
        store.counts.probes.load(Ordering::SeqCst),
        2,
        "what was proved before it was asked proves nothing"
    );
}

/// Answers that came before it was told that the store is back.
async fn until_back(receiver: &mut mpsc::UnboundedReceiver<Notice>) -> Vec<Delivered> {
    let mut all = Vec::new();
    loop {
        match receiver.recv().await.unwrap() {
            Notice::Answers(answers) => all.extend(answers),
            Notice::Back(identities) => {
                assert_eq!(identities, [identity()]);
                return all;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_back_is_told_of_after_all_who_heard_that_it_is_down() {
    let store = scripted(1);
    let (fetcher, mut receiver) = fetcher();
    let back = fetcher.back();
    store.is_down.store(true, Ordering::SeqCst);
    let mut heard = Vec::new();
    while !heard.iter().any(|one: &Delivered| one.delivery.is_down) {
        fetcher.queue(requests(1, &store), None);
        heard = receive(&mut receiver, 1).await;
    }
    store.is_down.store(false, Ordering::SeqCst);
    assert!(until_back(&mut receiver).await.is_empty(), "nobody waited any more");
    back.notified().await;
}

#[tokio::test(start_paused = true)]
async fn while_reads_ask_whether_a_store_is_back_nobody_proves_it() {
    let store = scripted(1);
    let (fetcher, mut receiver) = fetcher();
    store.is_down.store(true, Ordering::SeqCst);
    let mut heard = Vec::new();
    while !heard.iter().any(|one: &Delivered| one.delivery.is_down) {
        fetcher.queue(requests(1, &store), None);
        heard = receive(&mut receiver, 1).await;
    }
    let error = fetcher.probe(target(), Arc::new(store.clone())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(store.counts.probes.load(Ordering::SeqCst), 0);
    store.is_down.store(false, Ordering::SeqCst);
    assert!(until_back(&mut receiver).await.is_empty());
    fetcher.probe(target(), Arc::new(store.clone())).await.unwrap().probe.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_store_that_asks_to_be_left_alone_for_long_keeps_no_judgement_waiting() {
    let store = scripted(1);
    let (fetcher, _receiver) = fetcher();
    let (opener, began) = (|| Arc::new(store.clone()), fetcher.0.clock.now());
    fetcher.probe(target(), opener()).await.unwrap().probe.unwrap();
    let busy = Error::new(Kind::Unavailable, "busy").after(Some(Duration::from_secs(3_600)));
    for _ in 0..limits::DOWN_AFTER {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let now = fetcher.0.clock.now();
        fetcher.0.state().reads.note_silence(identity(), &busy, now, now);
    }
    fetcher.probe(target(), opener()).await.unwrap().probe.unwrap();
    let waited = fetcher.0.clock.now().duration_since(began);
    assert!(waited.as_secs() < 1, "what it said last still holds: {waited}");
}

#[tokio::test(start_paused = true)]
async fn over_the_plaintext_bound_reads_go_one_by_one_and_never_stop() {
    let store = scripted(limits::PLAINTEXT_NAMESPACE_BYTES);
    let (fetcher, mut receiver) = fetcher();
    fetcher.queue(requests(1, &store), None);
    let mut kept = receive(&mut receiver, 1).await;
    store.counts.most_at_once.store(0, Ordering::SeqCst);
    fetcher.queue(requests(5, &store), None);
    kept.extend(receive(&mut receiver, 5).await);
    assert_eq!(store.counts.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unused_store_is_closed_and_a_used_one_is_not() {
    let store = scripted(1);
    let (fetcher, mut receiver) = fetcher();
    fetcher.queue(requests(1, &store), None);
    receive(&mut receiver, 1).await;
    fetcher.close_unused(&HashSet::from([identity()])).await;
    assert_eq!(store.counts.closes.load(Ordering::SeqCst), 0);
    fetcher.close_unused(&HashSet::new()).await;
    assert_eq!(store.counts.closes.load(Ordering::SeqCst), 1);
}

#[test]
fn sec_07_consumers_with_credentials_of_their_own_share_no_store() {
    let secret = serde_json::json!({ "name": "s", "key": "k" });
    let vault = serde_json::json!({ "vault": { "server": "https://vault.invalid", "auth": { "tokenSecretRef": secret } } });
    let access = serde_json::json!({ "accessKeyIDSecretRef": secret, "secretAccessKeySecretRef": secret });
    let aws = serde_json::json!({ "aws": { "service": "SecretsManager", "region": "eu-west-1", "auth": { "secretRef": access } } });
    for provider in [vault, aws] {
        let config: keyferry_stores::provider::list::ProviderConfig =
            serde_json::from_value(provider.clone()).unwrap();
        let config = config.chosen().unwrap();
        let identity = |namespace: &str, version: &str| {
            let scope = Scope::Cluster(namespace.into());
            let at = format!("{namespace}/s@{version}");
            let versions = vec![at; config.refs().len()];
            let (store_kind, store_name) = ("ClusterSecretStore", "shared");
            config.identity(&Consumer { scope: &scope, store_kind, store_name, versions: &versions })
        };
        assert_eq!(identity("a", "1"), identity("a", "1"), "{provider}");
        assert_ne!(identity("a", "1"), identity("b", "1"), "{provider}: another tenant");
        assert_ne!(identity("a", "1"), identity("a", "2"), "{provider}: a rotated credential");
        assert_ne!(identity("a", "?"), identity("b", "?"), "{provider}: credentials that are not known yet");
    }
}
