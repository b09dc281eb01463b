//! What the watches tell, in one place that all reconcilers read: stores, namespaces, managed Secrets, and the versions of the
//! objects that stores refer to.
//!
//! Behind one lock that is held for map look-ups only. Nothing is reconciled before [`World::is_listed`].

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyferry_stores::{
    base::{
        Error, Kind, Result,
        refs::{Ref, RefKind, Resolved, Scope},
    },
    provider::{Consumer, Digest, RetrySettings, list::ProviderConfig},
};

use crate::{
    api::{store::StoreSpec, validate},
    cluster::{
        ObjectKey, StatusKind,
        managed::ManagedSecret,
        mirror::{Effect, Mirror},
        watch::{Change, Metadata, MetadataKind, Namespace, Namespaces, Pairs, RawObject},
    },
    sync::{fetch::Target, stores::{StoreRef, Usable}},
};

/// What the reconcilers hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A store came, changed or went.
    Store(StoreRef),
    /// A managed Secret came, changed or went.
    Target(ObjectKey),
    /// An object that stores refer to came, changed or went; these stores name it.
    Credential(Vec<StoreRef>),
    /// A namespace's labels changed.
    Namespace(String),
    /// Some list became complete.
    Listed,
}

/// Why a store cannot be asked.
#[derive(Debug, Clone)]
pub enum Unusable {
    /// It has not been judged yet: wait a little, silently.
    Unjudged(Error),
    /// It cannot be, and this is the reason.
    No(Error),
}

/// One store as parsed from its last version.
#[derive(Debug)]
struct Parsed {
    spec: Result<Arc<StoreSpec>>,
    config: Result<Arc<ProviderConfig>>,
    retry: Option<RetrySettings>,
    refs: Vec<Ref>,
    ready: Option<bool>,
}

/// Everything that is watched, but the ExternalSecrets themselves.
#[derive(Debug)]
pub struct World {
    stores: Mirror<RawObject>,
    cluster_stores: Mirror<RawObject>,
    parsed: HashMap<StoreRef, Parsed>,
    namespaces: Mirror<Namespace>,
    /// Managed Secrets, as digests.
    pub secrets: Mirror<ManagedSecret>,
    credentials: HashMap<Resolved, String>,
    named: HashMap<Resolved, HashSet<StoreRef>>,
    credential_lists: HashSet<(MetadataKind, usize)>,
    expected: Expected,
}

/// What is watched at all.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The namespaces.
    pub over: Namespaces,
    /// SecretStores.
    pub stores: bool,
    /// ClusterSecretStores, and with them namespaces and their labels.
    pub cluster_stores: bool,
}

/// A shared [`World`].
#[derive(Debug, Clone)]
pub struct SharedWorld(Arc<Mutex<World>>);

impl SharedWorld {
    /// An empty world.
    #[must_use]
    pub fn new(expected: Expected) -> Self {
        Self(Arc::new(Mutex::new(World::new(expected))))
    }

    /// The world; hold it for look-ups only, never across an await.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn new(expected: Expected) -> Self {
        Self {
            stores: Mirror::new(expected.over.clone()),
            cluster_stores: Mirror::new(Namespaces::All),
            parsed: HashMap::new(),
            namespaces: Mirror::new(Namespaces::All),
            secrets: Mirror::new(expected.over.clone()),
            credentials: HashMap::new(),
            named: HashMap::new(),
            credential_lists: HashSet::new(),
            expected,
        }
    }

    /// True once every first list is complete.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        let Expected { over, stores, cluster_stores } = &self.expected;
        let lists = [MetadataKind::Secret, MetadataKind::ConfigMap, MetadataKind::ServiceAccount];
        self.secrets.is_listed()
            && (!stores || self.stores.is_listed())
            && (!cluster_stores || self.cluster_stores.is_listed() && self.namespaces.is_listed())
            && self.credential_lists.len() >= lists.len() * over.parts()
    }

    fn mirror(&self, kind: StatusKind) -> &Mirror<RawObject> {
        match kind {
            StatusKind::ClusterSecretStore => &self.cluster_stores,
            StatusKind::SecretStore | StatusKind::ExternalSecret => &self.stores,
        }
    }

    /// The last version of a store.
    #[must_use]
    pub fn store(&self, store: &StoreRef) -> Option<&RawObject> {
        self.mirror(store.kind).get(&store.key)
    }

    /// The parsed specification of a store.
    ///
    /// # Errors
    /// `Invalid` if it is not there or does not parse.
    pub fn spec(&self, store: &StoreRef) -> Result<Arc<StoreSpec>> {
        self.parsed.get(store).ok_or_else(|| not_found(store))?.spec.clone()
    }

    /// All stores.
    #[must_use]
    pub fn stores(&self) -> Vec<StoreRef> {
        self.parsed.keys().cloned().collect()
    }

    /// Takes a change of a store in.
    pub fn apply_store(&mut self, kind: StatusKind, change: Change<RawObject>) -> Vec<Signal> {
        let effect = match kind {
            StatusKind::ClusterSecretStore => self.cluster_stores.apply(change),
            StatusKind::SecretStore | StatusKind::ExternalSecret => self.stores.apply(change),
        };
        let store = |key: ObjectKey| StoreRef { kind, key };
        match effect {
            Effect::Nothing => Vec::new(),
            Effect::Added(key) => vec![self.learn(store(key))],
            Effect::Updated(old) => vec![self.learn(store(old.key))],
            Effect::Removed(old) => vec![self.unlearn(store(old.key))],
            Effect::Listed(gone) => {
                let mut signals: Vec<Signal> = gone.into_iter().map(|old| self.unlearn(store(old.key))).collect();
                signals.push(Signal::Listed);
                signals
            }
        }
    }

    fn learn(&mut self, store: StoreRef) -> Signal {
        if let Some(raw) = self.store(&store) {
            let parsed = Parsed::of(raw);
            self.unname(&store);
            let scope = self.scope_of(&store, None);
            self.name_refs(&store, &parsed.refs, &scope);
            self.parsed.insert(store.clone(), parsed);
        }
        Signal::Store(store)
    }

    fn unlearn(&mut self, store: StoreRef) -> Signal {
        self.parsed.remove(&store);
        self.unname(&store);
        Signal::Store(store)
    }

    fn unname(&mut self, store: &StoreRef) {
        self.named.retain(|_, stores| {
            stores.remove(store);
            !stores.is_empty()
        });
        let named = &self.named;
        self.credentials.retain(|resolved, _| named.contains_key(resolved));
    }

    /// Enters the objects that a store names, so that their changes are kept and wake it.
    fn name_refs(&mut self, store: &StoreRef, refs: &[Ref], scope: &Scope) {
        for resolved in refs.iter().filter_map(|reference| scope.resolve(reference).ok()) {
            self.named.entry(resolved).or_default().insert(store.clone());
        }
    }

    fn scope_of(&self, store: &StoreRef, consumer: Option<&str>) -> Scope {
        match (store.kind, consumer) {
            (StatusKind::ClusterSecretStore, Some(namespace)) => Scope::Cluster(namespace.to_string()),
            (StatusKind::ClusterSecretStore, None) => Scope::ClusterOnly,
            (StatusKind::SecretStore | StatusKind::ExternalSecret, _) => Scope::Namespace(store.key.namespace.clone()),
        }
    }

    /// Takes a change of a managed Secret in.
    pub fn apply_secret(&mut self, change: Change<ManagedSecret>) -> Vec<Signal> {
        let effect = self.secrets.apply(change);
        signals(effect, |old| old.key, Signal::Target)
    }

    /// Takes a change of a namespace in.
    pub fn apply_namespace(&mut self, change: Change<Namespace>) -> Vec<Signal> {
        let effect = self.namespaces.apply(change);
        signals(effect, |old| old.key, |key| Signal::Namespace(key.name))
    }

    /// Takes a change of an object that stores may refer to in; only named ones are kept.
    pub fn apply_metadata(&mut self, kind: MetadataKind, change: Change<Metadata>) -> Vec<Signal> {
        match change {
            Change::Seen(object) | Change::Applied(object) => self.learn_version(kind, object),
            Change::Deleted(gone) => self.forget_version(&resolved(kind, gone.key)),
            Change::Listed(part) => {
                let first = self.credential_lists.insert((kind, part));
                if first { vec![Signal::Listed] } else { Vec::new() }
            }
            Change::Begin(_) | Change::Failed(..) => Vec::new(),
        }
    }

    fn learn_version(&mut self, kind: MetadataKind, object: Metadata) -> Vec<Signal> {
        let resolved = resolved(kind, object.key);
        let Some(stores) = self.named.get(&resolved) else { return Vec::new() };
        let version = format!("{}:{}", object.uid, object.resource_version);
        let wakes = Signal::Credential(stores.iter().cloned().collect());
        let old = self.credentials.insert(resolved, version.clone());
        if old.as_ref() == Some(&version) { Vec::new() } else { vec![wakes] }
    }

    fn forget_version(&mut self, resolved: &Resolved) -> Vec<Signal> {
        self.credentials.remove(resolved);
        let stores = self.named.get(resolved).map(|stores| stores.iter().cloned().collect());
        stores.map(Signal::Credential).into_iter().collect()
    }

    /// A store for a consumer in `namespace` (`None` = the store's own validation), with every check of reference 2.6: it exists,
    /// it admits the namespace, it is judged ready (`gate`), its references stay in scope.
    ///
    /// # Errors
    /// [`Unusable`].
    pub fn usable(&mut self, store: &StoreRef, namespace: Option<&str>, gate: bool) -> Result<Usable, Unusable> {
        let parsed = self.parsed.get(store).ok_or_else(|| Unusable::No(not_found(store)))?;
        let spec = parsed.spec.clone().map_err(Unusable::No)?;
        let (config, retry, ready, refs) = (parsed.config.clone(), parsed.retry, parsed.ready, parsed.refs.clone());
        if let Some(namespace) = namespace.filter(|_| store.kind == StatusKind::ClusterSecretStore) {
            self.admits(&spec, store, namespace).map_err(Unusable::No)?;
        }
        if gate && ready != Some(true) {
            let error = Error::new(Kind::Refused, format!("{} {:?} is not ready", store.kind.kind(), store.key.name));
            return Err(if ready.is_none() { Unusable::Unjudged(error) } else { Unusable::No(error) });
        }
        let config = config.map_err(Unusable::No)?;
        let scope = self.scope_of(store, namespace);
        let target = self.target(store, &config, &refs, &scope).map_err(Unusable::No)?;
        Ok(Usable { store: store.clone(), target, config, scope, retry })
    }

    fn target(&mut self, store: &StoreRef, config: &ProviderConfig, refs: &[Ref], scope: &Scope) -> Result<Target> {
        self.name_refs(store, refs, scope);
        let versions = refs.iter().map(|reference| self.version(reference, scope)).collect::<Result<Vec<_>>>()?;
        let (store_kind, store_name) = (store.kind.kind(), store.key.name.as_str());
        let consumer = Consumer { scope, store_kind, store_name, versions: &versions };
        let identity: Digest = config.identity(&consumer)?;
        Ok(Target { identity, quota: config.quota()?, budget: config.budget()? })
    }

    fn version(&self, reference: &Ref, scope: &Scope) -> Result<String> {
        let resolved = scope.resolve(reference)?;
        let version = self.credentials.get(&resolved).map_or("?", String::as_str);
        Ok(format!("{}/{}@{version}", resolved.namespace, resolved.name))
    }

    /// Reference 3.4.
    fn admits(&self, spec: &StoreSpec, store: &StoreRef, namespace: &str) -> Result<()> {
        let labels = self.namespaces.get(&ObjectKey::new("", namespace)).map(|known| known.labels.clone());
        if validate::admits(spec, namespace, &labels.unwrap_or_else(Pairs::default).to_map())? {
            return Ok(());
        }
        let name = &store.key.name;
        let text = format!("using cluster store {name:?} is not allowed from namespace {namespace:?}: denied by spec.condition");
        Err(Error::new(Kind::Refused, text))
    }
}

impl Parsed {
    fn of(raw: &RawObject) -> Self {
        let spec = serde_json::from_slice::<StoreSpec>(&raw.spec).map(Arc::new).map_err(|error| {
            Error::new(Kind::Invalid, format!("the specification of the store does not parse: {error}"))
        });
        let config = spec.as_ref().map_err(Clone::clone).and_then(|spec| spec.provider.checked().map(Arc::new));
        let refs = config.as_ref().map(|config| config.refs().unwrap_or_default()).unwrap_or_default();
        let retry = spec.as_ref().ok().and_then(|spec| spec.retry());
        Self { spec, config, retry, refs, ready: ready(raw.status.as_deref()) }
    }
}

/// The status of the Ready condition; `None` if there is none.
#[must_use]
pub fn ready(status: Option<&[u8]>) -> Option<bool> {
    let status: serde_json::Value = serde_json::from_slice(status?).ok()?;
    let conditions = status.get("conditions")?.as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    Some(ready["status"] == "True")
}

fn resolved(kind: MetadataKind, key: ObjectKey) -> Resolved {
    let kind = match kind {
        MetadataKind::Secret => RefKind::Secret,
        MetadataKind::ConfigMap => RefKind::ConfigMap,
        MetadataKind::ServiceAccount => RefKind::ServiceAccount,
    };
    Resolved { kind, namespace: key.namespace, name: key.name }
}

fn signals<T>(effect: Effect<T>, key: impl Fn(T) -> ObjectKey, signal: impl Fn(ObjectKey) -> Signal) -> Vec<Signal> {
    match effect {
        Effect::Nothing => Vec::new(),
        Effect::Added(added) => vec![signal(added)],
        Effect::Updated(old) | Effect::Removed(old) => vec![signal(key(old))],
        Effect::Listed(gone) => {
            let mut signals: Vec<Signal> = gone.into_iter().map(|old| signal(key(old))).collect();
            signals.push(Signal::Listed);
            signals
        }
    }
}

/// Not the taxonomy's `NotFound`: that a store is missing proves nothing about what it holds.
fn not_found(store: &StoreRef) -> Error {
    let (kind, name) = (store.kind.kind(), &store.key.name);
    Error::new(Kind::Invalid, format!("could not get {kind} {name:?}, {kind}.external-secrets.io {name:?} not found"))
}
