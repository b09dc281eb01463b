//! The operator over its seams: feeds into reconcilers, reconcilers onto the store pool. The process puts the real cluster
//! in, stories put the one in memory in.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use keyferry_stores::{
    base::{Clock, Result, refs::Scope},
    net::client::HttpPool,
    provider::{Env, calls::Calls},
};
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
};

use crate::{
    cluster::{
        Cluster, StatusKind,
        credentials::ScopedCredentials,
        generic::{ManagedObject, ObjectKind},
        managed::DigestKey,
        watch::{Change, Feed, MetadataKind, Namespaces, Watches},
    },
    controller::{
        external_secret::{self, ExternalSecrets, Watching},
        store::{self, Stores},
        table::Table,
        world::{Expected, SharedWorld, Signal, World},
    },
    sync::{
        pipeline::{Breaker, Pipeline},
        report::Stamp,
        stores::{Fetcher, Notice},
        templates::{Delimiters, Templates},
    },
};

/// What the command line settles.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The namespaces that are watched.
    pub over: Namespaces,
    /// Stores of this class, and of none, are ours.
    pub class: String,
    /// Handle ClusterSecretStores.
    pub cluster_stores: bool,
    /// Judge SecretStores.
    pub stores: bool,
    /// Refuse stores that are not ready.
    pub flood_gate: bool,
    /// Jobs at once.
    pub concurrent: usize,
    /// How often a store is validated that does not say itself.
    pub store_interval: Duration,
    /// When an unchanged object's refreshTime is written.
    pub stamp: Stamp,
    /// What stands around the actions of templates.
    pub delimiters: Delimiters,
    /// Write objects of other kinds than Secret.
    pub generic_targets: bool,
}

impl Default for Settings {
    /// As `keyferry controller` without flags.
    fn default() -> Self {
        Self {
            over: Namespaces::All,
            class: "default".into(),
            cluster_stores: true,
            stores: true,
            flood_gate: true,
            concurrent: 32,
            store_interval: Duration::from_secs(300),
            stamp: Stamp::Every(Duration::from_secs(900)),
            delimiters: Delimiters::default(),
            generic_targets: false,
        }
    }
}

/// The world outside: the API server, its feeds, time, and what the process found in its environment.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The API server.
    pub cluster: Arc<dyn Cluster>,
    /// Its feeds.
    pub watches: Arc<dyn Watches>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Environment variables that concern stores (`AWS_*`).
    pub variables: BTreeMap<String, String>,
}

/// All parts of a running operator.
#[derive(Debug)]
pub struct Operator {
    settings: Settings,
    outside: Outside,
    digests: Arc<DigestKey>,
    world: SharedWorld,
    fetcher: Fetcher,
    env: Env,
    /// Live state of the ExternalSecrets.
    pub objects: Arc<Table>,
    /// Live state of the SecretStores and the ClusterSecretStores.
    pub stores: [Arc<Table>; 2],
    ears: Ears,
}

/// Where the reconcilers are told things.
#[derive(Debug, Clone)]
struct Ears {
    objects: mpsc::UnboundedSender<external_secret::Message>,
    stores: mpsc::UnboundedSender<store::Message>,
    kinds: mpsc::UnboundedSender<Watching>,
}

/// What the reconcilers listen to.
#[derive(Debug)]
struct Inboxes {
    objects: mpsc::UnboundedReceiver<external_secret::Message>,
    stores: mpsc::UnboundedReceiver<store::Message>,
    answers: mpsc::UnboundedReceiver<Notice>,
    kinds: mpsc::UnboundedReceiver<Watching>,
}

/// Both ends of every channel; the last is where the fetcher delivers.
fn channels() -> (Ears, Inboxes, mpsc::UnboundedSender<Notice>) {
    let (objects, object_inbox) = mpsc::unbounded_channel();
    let (stores, store_inbox) = mpsc::unbounded_channel();
    let (deliveries, answers) = mpsc::unbounded_channel();
    let (kinds, kind_inbox) = mpsc::unbounded_channel();
    let inboxes = Inboxes { objects: object_inbox, stores: store_inbox, answers, kinds: kind_inbox };
    (Ears { objects, stores, kinds }, inboxes, deliveries)
}

impl Ears {
    /// The receivers are gone only when the process ends.
    fn tell(&self, signals: Vec<Signal>) {
        for signal in signals {
            let _ended = self.stores.send(store::Message::Signal(signal.clone()));
            let _ended = self.objects.send(external_secret::Message::Signal(signal));
        }
    }
}

impl Operator {
    /// Starts every part as a task of `parts`. None of them ends by itself.
    ///
    /// # Errors
    /// `Bug` if the system gives no random bytes.
    pub fn start(settings: Settings, outside: Outside, parts: &mut JoinSet<()>) -> Result<Self> {
        let (ears, inboxes, deliveries) = channels();
        let expected = Expected {
            over: settings.over.clone(),
            cluster_stores: settings.cluster_stores,
            class: settings.class.clone(),
        };
        let operator = Self {
            digests: Arc::new(DigestKey::random()?),
            world: SharedWorld::new(expected),
            fetcher: Fetcher::new(outside.clock.clone(), deliveries),
            env: environment(&outside),
            objects: Table::new("externalsecret"),
            stores: [Table::new("secretstore"), Table::new("clustersecretstore")],
            ears,
            settings,
            outside,
        };
        operator.watch(parts);
        operator.reconcile(inboxes, parts);
        Ok(operator)
    }

    /// The calls of stores' APIs so far.
    #[must_use]
    pub fn calls(&self) -> Arc<Calls> {
        self.env.calls.clone()
    }

    /// True once every first list but that of the ExternalSecrets is complete.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.world.lock().is_listed()
    }

    /// Closes every store: leased tokens are given back.
    pub async fn close_stores(&self) {
        self.fetcher.close_unused(&std::collections::HashSet::new()).await;
    }

    fn watch(&self, parts: &mut JoinSet<()>) {
        let (watches, over) = (&self.outside.watches, &self.settings.over);
        let ears = self.ears.objects.clone();
        let mut objects = watches.objects(StatusKind::ExternalSecret, over);
        parts.spawn(async move {
            while let Some(change) = objects.next().await {
                // The receiver is gone only when the process ends.
                let _ended = ears.send(external_secret::Message::Object(change));
            }
        });
        self.follow(
            parts,
            "SecretStores",
            watches.objects(StatusKind::SecretStore, over),
            |world, change| world.apply_store(StatusKind::SecretStore, change),
        );
        self.follow(parts, "managed Secrets", watches.managed(over, &self.digests), World::apply_secret);
        for kind in [MetadataKind::Secret, MetadataKind::ConfigMap, MetadataKind::ServiceAccount] {
            let feed = watches.metadata(kind, over);
            self.follow(parts, "credentials and templates", feed, move |world, change| {
                world.apply_metadata(kind, change)
            });
        }
        if self.settings.cluster_stores {
            let feed = watches.objects(StatusKind::ClusterSecretStore, over);
            self.follow(parts, "ClusterSecretStores", feed, |world, change| {
                world.apply_store(StatusKind::ClusterSecretStore, change)
            });
            self.follow(parts, "namespaces", watches.namespaces(), World::apply_namespace);
        }
    }

    /// Keeps the world equal to a feed, and tells the reconcilers what changed.
    fn follow<T: Send + 'static>(
        &self,
        parts: &mut JoinSet<()>,
        what: &'static str,
        mut feed: Feed<T>,
        apply: impl Fn(&mut World, Change<T>) -> Vec<Signal> + Send + 'static,
    ) {
        let (world, ears) = (self.world.clone(), self.ears.clone());
        parts.spawn(async move {
            while let Some(change) = feed.next().await {
                log_failure(what, &change);
                let signals = apply(&mut world.lock(), change);
                ears.tell(signals);
            }
        });
    }

    /// Keeps the world equal to the feeds of the kinds that targets have.
    fn follow_kinds(&self, inbox: mpsc::UnboundedReceiver<Watching>) -> impl Future<Output = ()> + use<> {
        let (watches, over) = (self.outside.watches.clone(), self.settings.over.clone());
        let (world, ears) = (self.world.clone(), self.ears.clone());
        follow_kinds(inbox, move |kind| {
            let feed = watches.targets(&kind, &over);
            follow_kind(kind, feed, (world.clone(), ears.clone()))
        })
    }

    fn reconcile(&self, inboxes: Inboxes, parts: &mut JoinSet<()>) {
        let inbox = (self.ears.objects.clone(), inboxes.objects);
        let over = self.settings.over.clone();
        let objects = ExternalSecrets::new(self.for_objects(), over, inbox, inboxes.answers);
        let stores = Stores::new(self.for_stores(), (self.ears.stores.clone(), inboxes.stores));
        let fetcher = self.fetcher.clone();
        parts.spawn(self.follow_kinds(inboxes.kinds));
        parts.spawn(async move { fetcher.run().await });
        parts.spawn(objects.run());
        parts.spawn(stores.run());
    }

    fn for_objects(&self) -> external_secret::Context {
        let settings = external_secret::Settings {
            class: self.settings.class.clone(),
            flood_gate: self.settings.flood_gate,
            cluster_stores: self.settings.cluster_stores,
            concurrent: self.settings.concurrent,
            generic_targets: self.settings.generic_targets,
        };
        let pipeline = Pipeline {
            cluster: self.outside.cluster.clone(),
            clock: self.outside.clock.clone(),
            digests: self.digests.clone(),
            stamp: self.settings.stamp,
            breaker: Arc::new(Breaker::default()),
            templates: Arc::new(Templates::new(&self.settings.delimiters, self.outside.clock.clone())),
            shelf: Arc::default(),
            generic_targets: self.settings.generic_targets,
        };
        external_secret::Context {
            pipeline,
            world: self.world.clone(),
            fetcher: self.fetcher.clone(),
            env: self.env.clone(),
            table: self.objects.clone(),
            settings: Arc::new(settings),
            kinds: self.ears.kinds.clone(),
        }
    }

    fn for_stores(&self) -> store::Context {
        store::Context {
            cluster: self.outside.cluster.clone(),
            world: self.world.clone(),
            fetcher: self.fetcher.clone(),
            clock: self.outside.clock.clone(),
            env: self.env.clone(),
            tables: self.stores.clone(),
            class: self.settings.class.clone(),
            judges: [self.settings.stores, self.settings.cluster_stores],
            interval: self.settings.store_interval,
        }
    }
}

/// Follows each kind for as long as it is asked for.
async fn follow_kinds<F>(mut inbox: mpsc::UnboundedReceiver<Watching>, follow: impl Fn(ObjectKind) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut feeds = JoinSet::new();
    let mut running: HashMap<ObjectKind, AbortHandle> = HashMap::new();
    while let Some(watching) = inbox.recv().await {
        // Those that were ended.
        while feeds.try_join_next().is_some() {}
        match watching {
            Watching::Begin(kind) => drop(running.insert(kind.clone(), feeds.spawn(follow(kind)))),
            Watching::End(kind) => running.remove(&kind).iter().for_each(AbortHandle::abort),
        }
    }
}

async fn follow_kind(kind: ObjectKind, mut feed: Feed<ManagedObject>, (world, ears): (SharedWorld, Ears)) {
    let what = kind.to_string();
    while let Some(change) = feed.next().await {
        log_failure(&what, &change);
        let signals = world.lock().apply_object(&kind, change);
        ears.tell(signals);
    }
}

fn log_failure<T>(what: &str, change: &Change<T>) {
    if let Change::Failed(_, error) = change {
        tracing::warn!(what, %error, "could not be watched; trying again");
    }
}

/// The environment of stores. Its credentials reach nothing: each store is opened with its own.
fn environment(outside: &Outside) -> Env {
    Env {
        http: Arc::new(HttpPool::default()),
        clock: outside.clock.clone(),
        credentials: Arc::new(ScopedCredentials::new(outside.cluster.clone(), Scope::ClusterOnly)),
        store_name: "".into(),
        variables: Arc::new(outside.variables.clone()),
        calls: Arc::default(),
        retry: None,
    }
}

#[cfg(test)]
#[path = "operator_tests.rs"]
mod tests;
