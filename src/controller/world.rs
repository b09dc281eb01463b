//! What the watches tell, in one place that all reconcilers read: stores, namespaces, managed Secrets, the versions of the objects that
//! stores refer to, and who uses which object as a template.
//!
//! Behind one lock that is held for map look-ups only. Nothing is reconciled before [`World::is_listed`].

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use keyferry_stores::{
    base::{
        Error, Kind, Result,
        refs::{Ref, Resolved, Scope},
    },
    provider::{Consumer, Digest, RetrySettings, list::Configured},
};

use super::{
    kin::Kin,
    versions::{self, Versions},
};
use crate::{
    api::{parse, store::StoreSpec, validate},
    cluster::{
        ObjectKey, StatusKind,
        generic::{ManagedObject, ObjectKind},
        identity::Uid,
        managed::{ManagedSecret, Owner},
        mirror::{Effect, Mirror},
        watch::{Change, Metadata, MetadataKind, Namespace, Namespaces, RawObject},
    },
    sync::{
        fetch::Target,
        shelf::Seen,
        stores::{StoreRef, Usable},
    },
};

/// What the reconcilers hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A store came, changed or went.
    Store(StoreRef),
    /// All stores of one identity are judged now: these.
    Judged(Vec<StoreRef>),
    /// A managed Secret came, changed or went.
    Target(ObjectKey),
    /// A managed object of another kind came, changed or went.
    Object(ObjectKind, ObjectKey),
    /// A list of the managed objects of this kind became complete.
    Objects(ObjectKind),
    /// An object that stores refer to came, changed or went; these stores name it.
    Credential(Vec<StoreRef>),
    /// This ConfigMap or Secret came, changed or went; these objects use it as a template.
    Template(Resolved, Vec<ObjectKey>),
    /// A namespace's labels changed.
    Namespace(String),
    /// Some list became complete.
    Listed,
}

/// Why a store cannot be asked.
#[derive(Debug, Clone)]
pub enum Unusable {
    /// It is not there, or was not seen yet: wait a moment, silently.
    Missing(Error),
    /// It has not been judged yet: wait a little, silently.
    Unjudged(Error),
    /// It was judged and is not ready: who has told of a failure need not tell of this one, and who is in sync may wait a little.
    Unready(Error),
    /// Waiting does not help; this is why.
    No(Error),
}

impl Unusable {
    /// The reason.
    #[must_use]
    pub fn error(&self) -> &Error {
        match self {
            Self::Missing(error) | Self::Unjudged(error) | Self::Unready(error) | Self::No(error) => error,
        }
    }
}

/// One store as parsed from its last version.
#[derive(Debug)]
struct Parsed {
    spec: Result<Arc<StoreSpec>>,
    config: Result<Arc<Configured>>,
    retry: Option<RetrySettings>,
    refs: Vec<Ref>,
    ready: Option<bool>,
    /// The identity without the versions of its credentials.
    line: Option<Digest>,
}

/// Everything that is watched, but the ExternalSecrets themselves.
#[derive(Debug)]
pub struct World {
    stores: Mirror<RawObject>,
    cluster_stores: Mirror<RawObject>,
    parsed: HashMap<StoreRef, Parsed>,
    namespaces: Mirror<Namespace>,
    /// Managed Secrets, as digests.
    secrets: Mirror<ManagedSecret>,
    /// Secrets behind the UID of the ExternalSecret that controls them.
    owned: BTreeSet<(Uid, ObjectKey)>,
    /// Managed objects of other kinds, of those that are watched.
    kinds: HashMap<ObjectKind, Mirror<ManagedObject>>,
    versions: Versions,
    named: HashMap<Resolved, HashSet<StoreRef>>,
    /// What each of them names.
    names: HashMap<StoreRef, Vec<Resolved>>,
    /// ConfigMaps and Secrets with the objects that use them as templates.
    templated: BTreeSet<(Resolved, ObjectKey)>,
    kin: Kin,
    /// What [`World::usable`] has found, until anything that it looked at changes.
    usable: HashMap<Asked, Arc<Usable>>,
    expected: Expected,
}

/// Store, namespace of the consumer, and whether the store must be ready.
type Asked = (StoreRef, Option<Box<str>>, bool);

/// What is watched at all.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The namespaces.
    pub over: Namespaces,
    /// ClusterSecretStores, and with them namespaces and their labels.
    pub cluster_stores: bool,
    /// The controller class of this process: stores of another are never judged here.
    pub class: String,
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
            owned: BTreeSet::new(),
            kinds: HashMap::new(),
            versions: Versions::new(expected.over.clone()),
            named: HashMap::new(),
            names: HashMap::new(),
            templated: BTreeSet::new(),
            kin: Kin::default(),
            usable: HashMap::new(),
            expected,
        }
    }

    /// True once every first list is complete.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        let clustered = self.expected.cluster_stores;
        self.secrets.is_listed()
            && self.stores.is_listed()
            && (!clustered || self.cluster_stores.is_listed() && self.namespaces.is_listed())
            && self.versions.is_listed()
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

    /// What stores that are configured alike have in common; `None` for a store that is not there or cannot be asked.
    #[must_use]
    pub fn line(&self, store: &StoreRef) -> Option<Digest> {
        self.parsed.get(store)?.line
    }

    /// The Ready condition of a store; `None` if it has none, or is not there.
    #[must_use]
    pub fn ready(&self, store: &StoreRef) -> Option<bool> {
        self.parsed.get(store)?.ready
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
            Effect::Added(key) => self.learn(store(key)),
            Effect::Updated(old) => self.learn(store(old.key)),
            Effect::Removed(old) => self.unlearn(store(old.key)),
            Effect::Listed(gone) => {
                let gone = gone.into_iter().flat_map(|old| self.unlearn(store(old.key)));
                gone.collect::<Vec<_>>().into_iter().chain([Signal::Listed]).collect()
            }
        }
    }

    fn learn(&mut self, store: StoreRef) -> Vec<Signal> {
        self.usable.clear();
        if let Some(raw) = self.store(&store) {
            let parsed = catch_unwind(|| Parsed::of(raw, &store)).unwrap_or_else(|_| Parsed::broken(&store));
            self.unname(&store);
            let scope = scope_of(&store, None);
            self.name_refs(&store, &parsed.refs, &scope);
            self.parsed.insert(store.clone(), parsed);
        }
        let mut relieved = self.enter_kin(&store);
        if !relieved.is_empty() {
            relieved.push(store.clone());
        }
        relieving(relieved).chain([Signal::Store(store)]).collect()
    }

    /// See [`Kin::enter`]. A store that cannot be asked, or that others judge, is nobody's kin.
    fn enter_kin(&mut self, store: &StoreRef) -> Vec<StoreRef> {
        let class = self.spec(store).ok().and_then(|spec| spec.controller.clone()).unwrap_or_default();
        let ours = class.is_empty() || class == self.expected.class;
        let usable = self.usable(store, None, false).ok().filter(|_| ours);
        let judged = self.parsed.get(store).is_some_and(|parsed| parsed.ready.is_some());
        self.kin.enter(store, usable.map(|usable| usable.target.identity), judged)
    }

    /// See [`Kin::awaited_until`].
    pub fn awaits_kin(&mut self, identity: &Digest, now: Timestamp) -> Option<Timestamp> {
        self.kin.awaited_until(identity, now)
    }

    fn unlearn(&mut self, store: StoreRef) -> Vec<Signal> {
        self.usable.clear();
        self.parsed.remove(&store);
        let relieved = self.kin.leave(&store);
        self.unname(&store);
        relieving(relieved).chain([Signal::Store(store)]).collect()
    }

    fn unname(&mut self, store: &StoreRef) {
        for object in self.names.remove(store).unwrap_or_default() {
            let Some(stores) = self.named.get_mut(&object) else { continue };
            stores.remove(store);
            if stores.is_empty() {
                self.named.remove(&object);
            }
        }
    }

    /// Enters the objects that a store names, so that their changes are kept and wake it.
    fn name_refs(&mut self, store: &StoreRef, refs: &[Ref], scope: &Scope) {
        for resolved in refs.iter().filter_map(|reference| scope.resolve(reference).ok()) {
            if self.named.entry(resolved.clone()).or_default().insert(store.clone()) {
                self.names.entry(store.clone()).or_default().push(resolved);
            }
        }
    }

    /// Enters the ConfigMaps and Secrets that an object uses as templates, so that their changes wake it.
    pub fn name_templates(&mut self, object: &ObjectKey, templates: &[Resolved]) {
        self.templated.extend(templates.iter().map(|template| (template.clone(), object.clone())));
    }

    /// Takes off what [`World::name_templates`] entered.
    pub fn unname_templates(&mut self, object: &ObjectKey, templates: impl IntoIterator<Item = Resolved>) {
        for template in templates {
            self.templated.remove(&(template, object.clone()));
        }
    }

    /// The versions of these objects, as far as they were seen.
    #[must_use]
    pub fn versions_of(&self, objects: &[Resolved]) -> Seen {
        let version = |object: &Resolved| Some((object.clone(), self.versions.version(object)?));
        objects.iter().filter_map(version).collect()
    }

    /// A managed Secret.
    #[must_use]
    pub fn secret(&self, key: &ObjectKey) -> Option<&ManagedSecret> {
        self.secrets.get(key)
    }

    /// The Secrets that the ExternalSecret with this UID controls.
    pub fn controlled_by(&self, uid: &Uid) -> impl Iterator<Item = &ManagedSecret> {
        let first = (uid.clone(), ObjectKey::new("", ""));
        let keys = self.owned.range(&first..).take_while(move |(owner, _)| *owner == first.0);
        keys.filter_map(|(_, key)| self.secrets.get(key))
    }

    /// Takes a change of a managed Secret in.
    pub fn apply_secret(&mut self, change: Change<ManagedSecret>) -> Vec<Signal> {
        let effect = self.secrets.apply(change);
        self.index_secret(&effect);
        signals(effect, |old| old.key, Signal::Target)
    }

    /// Takes the answer of our own write in, ahead of the watch.
    pub fn put_own(&mut self, secret: ManagedSecret) {
        let effect = self.secrets.put_own(secret);
        self.index_secret(&effect);
    }

    /// From now on objects of this kind are watched.
    pub fn begin_kind(&mut self, kind: &ObjectKind) {
        let over = self.expected.over.clone();
        self.kinds.entry(kind.clone()).or_insert_with(|| Mirror::new(over));
    }

    /// Objects of this kind are not watched any more.
    pub fn end_kind(&mut self, kind: &ObjectKind) {
        self.kinds.remove(kind);
    }

    /// True if a managed object is as we left it, as far as is known: nobody misses one of a kind that was not listed yet.
    #[must_use]
    pub fn is_whole(&self, kind: &ObjectKind, key: &ObjectKey) -> bool {
        let known = self.kinds.get(kind).filter(|objects| objects.is_listed());
        known.is_none_or(|objects| objects.get(key).is_some_and(|object| object.whole))
    }

    /// Takes a change of a managed object of another kind in.
    pub fn apply_object(&mut self, kind: &ObjectKind, change: Change<ManagedObject>) -> Vec<Signal> {
        let Some(objects) = self.kinds.get_mut(kind) else { return Vec::new() };
        let change = change.map(|object: ManagedObject| {
            let before = objects.get(&object.key);
            object.after(before)
        });
        match objects.apply(change) {
            Effect::Listed(_) => vec![Signal::Objects(kind.clone())],
            effect => signals(effect, |old| old.key, |key| Signal::Object(kind.clone(), key)),
        }
    }

    /// Takes the answer of our own write in, ahead of the watch.
    pub fn put_own_object(&mut self, kind: &ObjectKind, object: ManagedObject) {
        self.begin_kind(kind);
        if let Some(objects) = self.kinds.get_mut(kind) {
            objects.put_own(ManagedObject { whole: true, ..object });
        }
    }

    fn index_secret(&mut self, effect: &Effect<ManagedSecret>) {
        match effect {
            Effect::Nothing => (),
            Effect::Added(key) => self.own(key),
            Effect::Updated(old) => {
                self.disown(old);
                self.own(&old.key);
            }
            Effect::Removed(old) => self.disown(old),
            Effect::Listed(gone) => gone.iter().for_each(|old| self.disown(old)),
        }
    }

    fn own(&mut self, key: &ObjectKey) {
        let owned = self.secrets.get(key).and_then(owned);
        self.owned.extend(owned);
    }

    fn disown(&mut self, old: &ManagedSecret) {
        if let Some(owned) = owned(old) {
            self.owned.remove(&owned);
        }
    }

    /// Takes a change of a namespace in.
    pub fn apply_namespace(&mut self, change: Change<Namespace>) -> Vec<Signal> {
        let effect = self.namespaces.apply(change);
        self.usable.clear();
        signals(effect, |old| old.key, |key| Signal::Namespace(key.name().into()))
    }

    /// Takes in a change of an object that stores may refer to, or that may be used as a template.
    pub fn apply_metadata(&mut self, kind: MetadataKind, change: Change<Metadata>) -> Vec<Signal> {
        match self.versions.apply(kind, change) {
            versions::Effect::Nothing => Vec::new(),
            versions::Effect::Changed(object) => self.wake(&object),
            versions::Effect::Listed(gone) => self.gone(&gone),
        }
    }

    fn wake(&mut self, object: &Resolved) -> Vec<Signal> {
        let woken = self.wake_stores(object);
        woken.into_iter().chain(self.wake_templated(object)).collect()
    }

    fn wake_stores(&mut self, object: &Resolved) -> Vec<Signal> {
        let Some(stores) = self.named.get(object) else { return Vec::new() };
        let stores: Vec<StoreRef> = stores.iter().cloned().collect();
        self.usable.clear();
        let relieved = stores.iter().flat_map(|store| self.enter_kin(store)).collect::<Vec<_>>();
        relieving(relieved).chain([Signal::Credential(stores)]).collect()
    }

    fn wake_templated(&self, template: &Resolved) -> Option<Signal> {
        let first = (template.clone(), ObjectKey::new("", ""));
        let users = self.templated.range(first..).take_while(|(used, _)| used == template);
        let users: Vec<ObjectKey> = users.map(|(_, user)| user.clone()).collect();
        (!users.is_empty()).then(|| Signal::Template(template.clone(), users))
    }

    fn gone(&mut self, gone: &HashSet<u64>) -> Vec<Signal> {
        let used = self.named.keys().chain(self.templated.iter().map(|(template, _)| template));
        let lost: BTreeSet<Resolved> =
            used.filter(|object| self.versions.is_among(object, gone)).cloned().collect();
        lost.iter().flat_map(|object| self.wake(object)).chain([Signal::Listed]).collect()
    }

    /// A store for a consumer in `namespace` (`None` = the store's own validation), with every check of reference 2.6: it exists,
    /// it admits the namespace, it is judged ready (`gate`), its references stay in scope.
    ///
    /// # Errors
    /// [`Unusable`], which says whether waiting may help.
    pub fn usable(
        &mut self,
        store: &StoreRef,
        namespace: Option<&str>,
        gate: bool,
    ) -> Result<Arc<Usable>, Unusable> {
        let asked = (store.clone(), namespace.map(Into::into), gate);
        if let Some(usable) = self.usable.get(&asked) {
            return Ok(usable.clone());
        }
        let found = catch_unwind(AssertUnwindSafe(|| self.find_usable(store, namespace, gate)));
        let usable = Arc::new(found.unwrap_or_else(|_| Err(Unusable::No(panicked(&store.key))))?);
        self.usable.insert(asked, usable.clone());
        Ok(usable)
    }

    fn find_usable(
        &mut self,
        store: &StoreRef,
        namespace: Option<&str>,
        gate: bool,
    ) -> Result<Usable, Unusable> {
        if store.kind == StatusKind::ClusterSecretStore && !self.expected.cluster_stores {
            let text = "ClusterSecretStores are switched off (--enable-cluster-store-reconciler=false)";
            return Err(Unusable::No(Error::new(Kind::Refused, text)));
        }
        let parsed = self.parsed.get(store).ok_or_else(|| Unusable::Missing(not_found(store)))?;
        let spec = parsed.spec.clone().map_err(Unusable::No)?;
        let (config, retry, ready, refs) =
            (parsed.config.clone(), parsed.retry, parsed.ready, parsed.refs.clone());
        if let Some(namespace) = namespace.filter(|_| store.kind == StatusKind::ClusterSecretStore) {
            self.admits(&spec, store, namespace).map_err(Unusable::No)?;
        }
        if gate && ready != Some(true) {
            let error = Error::new(
                Kind::Refused,
                format!("{} {:?} is not ready", store.kind.kind(), store.key.name()),
            );
            return Err(if ready.is_none() { Unusable::Unjudged(error) } else { Unusable::Unready(error) });
        }
        let config = config.map_err(Unusable::No)?;
        let scope = scope_of(store, namespace);
        let target = self.target(store, &config, &refs, &scope).map_err(Unusable::No)?;
        Ok(Usable { store: store.clone(), target, config, scope, retry })
    }

    /// These identities, and those under which the stores themselves are judged.
    #[must_use]
    pub fn identities_in_use(&mut self, mut used: HashSet<Digest>) -> HashSet<Digest> {
        let own = self.stores().into_iter().filter_map(|store| self.usable(&store, None, false).ok());
        used.extend(own.map(|usable| usable.target.identity).collect::<Vec<_>>());
        used
    }

    /// True if the store names objects that were not seen.
    #[must_use]
    pub fn lacks_references(&self, store: &StoreRef) -> bool {
        let scope = scope_of(store, None);
        let refs = self.parsed.get(store).map(|parsed| parsed.refs.as_slice()).unwrap_or_default();
        let mut named = refs.iter().filter_map(|reference| scope.resolve(reference).ok());
        named.any(|object| !self.versions.is_known(&object))
    }

    fn target(
        &mut self,
        store: &StoreRef,
        config: &Configured,
        refs: &[Ref],
        scope: &Scope,
    ) -> Result<Target> {
        self.name_refs(store, refs, scope);
        let versions =
            refs.iter().map(|reference| self.version(reference, scope)).collect::<Result<Vec<_>>>()?;
        let (store_kind, store_name) = (store.kind.kind(), store.key.name());
        let consumer = Consumer { scope, store_kind, store_name, versions: &versions };
        // A store's retries are those of its client, so equal stores that differ in them do not share one.
        let retry = self.parsed.get(store).and_then(|parsed| parsed.retry);
        let identity = Digest::of([config.identity(&consumer).as_bytes(), format!("{retry:?}").as_bytes()]);
        Ok(Target { identity, quota: config.quota(), budget: config.budget() })
    }

    /// The version of an object that a store names. One in the namespace of a consumer that is not there has none: such a store is judged
    /// by its specification alone, and nothing is opened under that identity.
    fn version(&self, reference: &Ref, scope: &Scope) -> Result<String> {
        if scope.is_referent(std::slice::from_ref(reference)) {
            return Ok(format!("{}@?", reference.name));
        }
        Ok(self.versions.text(&scope.resolve(reference)?))
    }

    /// Reference 3.4.
    fn admits(&self, spec: &StoreSpec, store: &StoreRef, namespace: &str) -> Result<()> {
        let labels = self.namespaces.get(&ObjectKey::new("", namespace)).map(|known| known.labels.clone());
        if validate::admits(spec, namespace, &labels.unwrap_or_default().to_map())? {
            return Ok(());
        }
        let name = store.key.name();
        let text = format!(
            "using cluster store {name:?} is not allowed from namespace {namespace:?}: denied by spec.condition"
        );
        Err(Error::new(Kind::Refused, text))
    }
}

/// The entry of a Secret that an ExternalSecret controls.
fn owned(secret: &ManagedSecret) -> Option<(Uid, ObjectKey)> {
    match &secret.owner {
        Some(Owner::ExternalSecret(uid)) => Some((uid.clone(), secret.key.clone())),
        Some(Owner::Other) | None => None,
    }
}

/// What the references of a store may name; `consumer` is the namespace of the object that asks, if one does.
fn scope_of(store: &StoreRef, consumer: Option<&str>) -> Scope {
    match (store.kind, consumer) {
        (StatusKind::ClusterSecretStore, Some(namespace)) => Scope::Cluster(namespace.to_string()),
        (StatusKind::ClusterSecretStore, None) => Scope::ClusterOnly,
        (StatusKind::SecretStore | StatusKind::ExternalSecret, _) => {
            Scope::Namespace(store.key.namespace().into())
        }
    }
}

impl Parsed {
    fn of(raw: &RawObject, store: &StoreRef) -> Self {
        let spec = parse::store(&raw.spec).map(Arc::new);
        let config =
            spec.as_ref().map_err(Clone::clone).and_then(|spec| spec.provider.chosen().map(Arc::new));
        let refs = config.as_ref().map(|config| config.refs()).unwrap_or_default();
        let retry = spec.as_ref().ok().and_then(|spec| spec.retry());
        let (scope, store_kind, store_name) = (scope_of(store, None), store.kind.kind(), store.key.name());
        let consumer = Consumer { scope: &scope, store_kind, store_name, versions: &[] };
        let line = config.as_ref().ok().map(|config| config.identity(&consumer));
        Self { spec, config, retry, refs, ready: ready(raw.status.as_deref()), line }
    }

    /// A store that could not be taken in through a fault of ours.
    fn broken(store: &StoreRef) -> Self {
        let error = panicked(&store.key);
        Self {
            spec: Err(error.clone()),
            config: Err(error),
            retry: None,
            refs: Vec::new(),
            ready: None,
            line: None,
        }
    }
}

/// What a panic of ours is to the object that brought it about; all others go on.
pub(super) fn panicked(object: &ObjectKey) -> Error {
    tracing::error!(%object, "the reconciler panicked; this is a bug of keyferry");
    Error::new(Kind::Bug, "the reconciler panicked")
}

/// Objects of these stores waited for their kin, and ask together.
fn relieving(stores: Vec<StoreRef>) -> impl Iterator<Item = Signal> {
    Some(stores).filter(|stores| !stores.is_empty()).map(Signal::Judged).into_iter()
}

/// The status of the Ready condition; `None` if there is none.
fn ready(status: Option<&[u8]>) -> Option<bool> {
    let status: serde_json::Value = serde_json::from_slice(status?).ok()?;
    let conditions = status.get("conditions")?.as_array()?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready")?;
    Some(ready["status"] == "True")
}

fn signals<T>(
    effect: Effect<T>,
    key: impl Fn(T) -> ObjectKey,
    signal: impl Fn(ObjectKey) -> Signal,
) -> Vec<Signal> {
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
    let (kind, name) = (store.kind.kind(), store.key.name());
    Error::new(
        Kind::Invalid,
        format!("could not get {kind} {name:?}, {kind}.external-secrets.io {name:?} not found"),
    )
}

#[cfg(test)]
mod tests;
