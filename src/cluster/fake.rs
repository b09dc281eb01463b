//! A cluster in memory, for story tests.
//!
//! It keeps what the contract asks of the API server: resourceVersions that grow over the whole cluster, UIDs, conflicts,
//! preconditions, finalizers, immutability, the owners of fields as `Update` leaves them, and feeds. It does not know RBAC, schemas,
//! garbage collection or namespaces that end. Objects of any kind are kept beside the others: a ConfigMap among them is not the one that
//! [`Cluster::config_map`] reads. Both it and the real API server pass `tests/it/cluster_contract.rs`.
//!
//! Every request that comes through [`Cluster`] is written down ([`FakeCluster::requests`]); what a test does through the other methods
//! is the rest of the world and is not.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{
    StreamExt,
    channel::mpsc::{UnboundedSender, unbounded},
    stream,
};
use jiff::Timestamp;
use keyferry_stores::{
    base::{Error, Kind, Result, SecretBytes, limits, refs::ServiceAccount},
    provider::env::ServiceAccountToken,
};
use serde_json::{Map, Value};

use super::{
    Cluster, Event, FieldOwner, ObjectKey, Precondition, Secret, StatusKind, Subject, WritePermit,
    generic::{GenericObject, ManagedObject, ObjectKind, check_content},
    kinds::{cluster_scoped, unknown},
    managed::{DigestKey, ManagedSecret},
    watch::{
        Change, Feed, Gone, Metadata, MetadataKind, Namespace, Namespaces, Pairs, RawObject, Versioned,
        Watches,
    },
};

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// GET of one object.
    Get,
    /// POST of an object or a token.
    Create,
    /// PUT.
    Update,
    /// DELETE.
    Delete,
    /// PATCH.
    Patch,
}

/// A request that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What it does.
    pub verb: Verb,
    /// The plural, with the subresource (`secrets`, `externalsecrets/status`, `serviceaccounts/token`); of an object of any kind
    /// `objects/` and the kind in lower case (`objects/configmap`).
    pub resource: String,
    /// The object.
    pub key: ObjectKey,
    /// The field manager of a write that names one.
    pub manager: Option<String>,
}

/// The cluster. Clones share it.
#[derive(Clone, Default)]
pub struct FakeCluster(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    revision: u64,
    secrets: BTreeMap<ObjectKey, Secret>,
    generics: BTreeMap<(ObjectKind, ObjectKey), GenericObject>,
    objects: BTreeMap<(StatusKind, ObjectKey), RawObject>,
    metadata: BTreeMap<(MetadataKind, ObjectKey), Metadata>,
    config_maps: BTreeMap<ObjectKey, BTreeMap<String, String>>,
    namespaces: BTreeMap<String, Namespace>,
    faults: Vec<(Verb, String, Error)>,
    requests: Vec<Request>,
    events: Vec<Event>,
    feeds: Feeds,
}

/// Everybody who watches.
#[derive(Default)]
struct Feeds {
    objects: Vec<(StatusKind, Listener<RawObject>)>,
    secrets: Vec<Listener<Secret>>,
    targets: Vec<(ObjectKind, Listener<ManagedObject>)>,
    metadata: Vec<(MetadataKind, Listener<Metadata>)>,
    namespaces: Vec<Listener<Namespace>>,
    deaf: bool,
}

struct Listener<T> {
    over: Namespaces,
    to: UnboundedSender<Change<T>>,
}

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeCluster")
    }
}

/// What a test does and sees as the rest of the world.
impl FakeCluster {
    /// An empty cluster.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes or changes a custom resource: a new spec raises the generation, finalizers and status stay.
    pub fn put_object(&self, kind: StatusKind, key: &ObjectKey, spec: &Value) -> RawObject {
        self.change_object(kind, key, |object| object.spec = spec.to_string().into_bytes().into())
    }

    /// Changes anything of a custom resource; made with an empty spec if it is not there. The resourceVersion is new, and so is the
    /// generation if the spec changed.
    pub fn change_object(
        &self,
        kind: StatusKind,
        key: &ObjectKey,
        change: impl FnOnce(&mut RawObject),
    ) -> RawObject {
        let mut state = self.state();
        let known = state.objects.get(&(kind, key.clone())).cloned();
        let mut object = known.unwrap_or_else(|| state.blank(key));
        let spec = object.spec.clone();
        change(&mut object);
        object.generation += i64::from(object.spec != spec || object.generation == 0);
        state.store_object(kind, object)
    }

    /// A custom resource as it is.
    #[must_use]
    pub fn object(&self, kind: StatusKind, key: &ObjectKey) -> Option<RawObject> {
        self.state().objects.get(&(kind, key.clone())).cloned()
    }

    /// The status of a custom resource; `Null` if it has none or is not there.
    #[must_use]
    pub fn status(&self, kind: StatusKind, key: &ObjectKey) -> Value {
        let status = self.object(kind, key).and_then(|object| object.status);
        status.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default()
    }

    /// Deletes a custom resource, as a user does: finalizers hold it back, and it is marked as being deleted.
    pub fn delete_object(&self, kind: StatusKind, key: &ObjectKey) {
        let mut state = self.state();
        let Some(mut object) = state.objects.get(&(kind, key.clone())).cloned() else { return };
        object.deleting = true;
        state.store_object(kind, object);
    }

    /// Writes a Secret as somebody else does: made or replaced whatever its resourceVersion is.
    pub fn put_secret(&self, mut secret: Secret, manager: &str) -> Secret {
        let mut state = self.state();
        let known = state.secrets.get(&secret.key()).cloned();
        secret.uid = known.as_ref().map_or_else(|| state.uid(), |known| known.uid.clone());
        state.store_secret(secret, known.as_ref(), manager)
    }

    /// A Secret as it is.
    #[must_use]
    pub fn secret(&self, key: &ObjectKey) -> Option<Secret> {
        self.state().secrets.get(key).cloned()
    }

    /// All Secrets, in the order of their keys.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        self.state().secrets.values().cloned().collect()
    }

    /// Takes a Secret away, whatever its finalizers are.
    pub fn remove_secret(&self, key: &ObjectKey) {
        self.state().drop_secret(key);
    }

    /// Writes an object of any kind as somebody else does: made or replaced whatever its resourceVersion is.
    pub fn put_generic(&self, mut object: GenericObject, manager: &str) -> GenericObject {
        let mut state = self.state();
        let known = state.generic(&object.kind, &object.key());
        object.uid = known.as_ref().map_or_else(|| state.uid(), |known| known.uid.clone());
        state.store_generic(object, known.as_ref(), manager)
    }

    /// An object of any kind as it is.
    #[must_use]
    pub fn generic(&self, kind: &ObjectKind, key: &ObjectKey) -> Option<GenericObject> {
        self.state().generic(kind, key)
    }

    /// Takes an object of any kind away, whatever its finalizers are.
    pub fn remove_generic(&self, kind: &ObjectKind, key: &ObjectKey) {
        self.state().drop_generic(kind, key);
    }

    /// Makes or changes a ConfigMap.
    pub fn put_config_map(&self, key: &ObjectKey, data: &[(&str, &str)]) {
        let mut state = self.state();
        state.config_maps.insert(key.clone(), data.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect());
        state.store_metadata(MetadataKind::ConfigMap, key, Pairs::default());
    }

    /// Makes or changes a ServiceAccount.
    pub fn put_service_account(&self, key: &ObjectKey, annotations: &[(&str, &str)]) {
        let annotations = annotations.iter().copied().collect();
        self.state().store_metadata(MetadataKind::ServiceAccount, key, annotations);
    }

    /// Makes or changes a namespace.
    pub fn put_namespace(&self, name: &str, labels: &[(&str, &str)]) {
        let mut state = self.state();
        let (uid, resource_version) = (state.uid().into(), state.next().into());
        let labels = labels.iter().copied().collect();
        let namespace = Namespace { key: ObjectKey::new("", name), uid, resource_version, labels };
        state.namespaces.insert(name.into(), namespace.clone());
        state.feeds.tell_namespaces(&Change::Applied(namespace));
    }

    /// The next request of this kind fails with this error and does nothing. Several wait in line.
    pub fn fail_next(&self, verb: Verb, resource: &str, error: Error) {
        self.state().faults.push((verb, resource.into(), error));
    }

    /// Every request so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// How many requests of this kind came in.
    #[must_use]
    pub fn count(&self, verb: Verb, resource: &str) -> usize {
        let matches = |request: &&Request| request.verb == verb && request.resource == resource;
        self.state().requests.iter().filter(matches).count()
    }

    /// Forgets the requests so far.
    pub fn forget_requests(&self) {
        self.state().requests.clear();
    }

    /// Every event so far, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.state().events.clone()
    }

    /// Cuts every feed: changes from now on are not told, until [`FakeCluster::relist`].
    pub fn cut_feeds(&self) {
        self.state().feeds.deaf = true;
    }

    /// Lists every feed again, as after a 410.
    pub fn relist(&self) {
        self.state().relist();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, request: Request) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        let fault = state
            .faults
            .iter()
            .position(|(verb, resource, _)| *verb == request.verb && *resource == request.resource);
        state.requests.push(request);
        match fault {
            Some(at) => Err(state.faults.remove(at).2),
            None => Ok(state),
        }
    }
}

impl Request {
    fn new(verb: Verb, resource: &str, key: &ObjectKey) -> Self {
        Self { verb, resource: resource.into(), key: key.clone(), manager: None }
    }

    fn by(self, manager: &str) -> Self {
        Self { manager: Some(manager.into()), ..self }
    }
}

#[async_trait]
impl Cluster for FakeCluster {
    async fn get_secret(&self, key: &ObjectKey) -> Result<Secret> {
        let state = self.enter(Request::new(Verb::Get, "secrets", key))?;
        state.secrets.get(key).cloned().ok_or_else(|| absent("secrets", key))
    }

    async fn create_secret(&self, _: WritePermit, secret: &Secret, manager: &str) -> Result<Secret> {
        let key = secret.key();
        let mut state = self.enter(Request::new(Verb::Create, "secrets", &key).by(manager))?;
        check_secret(secret, None)?;
        if state.secrets.contains_key(&key) {
            return Err(conflict(format!("secrets \"{}\" already exists", key.name())));
        }
        let fresh = Secret { uid: state.uid(), deleting: false, ..secret.clone() };
        Ok(state.store_secret(fresh, None, manager))
    }

    async fn replace_secret(&self, _: WritePermit, secret: &Secret, manager: &str) -> Result<Secret> {
        let key = secret.key();
        let mut state = self.enter(Request::new(Verb::Update, "secrets", &key).by(manager))?;
        let known = state.secrets.get(&key).cloned().ok_or_else(|| absent("secrets", &key))?;
        if known.resource_version != secret.resource_version
            || (!secret.uid.is_empty() && known.uid != secret.uid)
        {
            return Err(conflict(format!("secrets \"{}\": the object has been modified", key.name())));
        }
        check_secret(secret, Some(&known))?;
        let next = Secret { uid: known.uid.clone(), deleting: known.deleting, ..secret.clone() };
        Ok(state.store_secret(next, Some(&known), manager))
    }

    async fn delete_secret(&self, _: WritePermit, key: &ObjectKey, expected: &Precondition) -> Result<()> {
        let mut state = self.enter(Request::new(Verb::Delete, "secrets", key))?;
        let known = state.secrets.get(key).cloned().ok_or_else(|| absent("secrets", key))?;
        if known.uid != expected.uid || known.resource_version != expected.resource_version {
            return Err(conflict(format!("secrets \"{}\": the precondition failed", key.name())));
        }
        if known.finalizers.is_empty() {
            state.drop_secret(key);
        } else {
            let marked = Secret { deleting: true, ..known.clone() };
            state.store_secret(marked, Some(&known), "");
        }
        Ok(())
    }

    async fn get_object(&self, kind: &ObjectKind, key: &ObjectKey) -> Result<GenericObject> {
        let resource = resource(kind)?;
        let state = self.enter(Request::new(Verb::Get, &resource, key))?;
        state.generic(kind, key).ok_or_else(|| absent(&resource, key))
    }

    async fn create_object(
        &self,
        _: WritePermit,
        object: &GenericObject,
        manager: &str,
    ) -> Result<GenericObject> {
        let (resource, key) = (resource(&object.kind)?, object.key());
        let mut state = self.enter(Request::new(Verb::Create, &resource, &key).by(manager))?;
        check_generic(object)?;
        if state.generic(&object.kind, &key).is_some() {
            return Err(conflict(format!("{resource} \"{}\" already exists", key.name())));
        }
        let fresh = GenericObject { uid: state.uid(), deleting: false, ..object.clone() };
        Ok(state.store_generic(fresh, None, manager))
    }

    async fn replace_object(
        &self,
        _: WritePermit,
        object: &GenericObject,
        manager: &str,
    ) -> Result<GenericObject> {
        let (resource, key) = (resource(&object.kind)?, object.key());
        let mut state = self.enter(Request::new(Verb::Update, &resource, &key).by(manager))?;
        let known = state.generic(&object.kind, &key).ok_or_else(|| absent(&resource, &key))?;
        if known.resource_version != object.resource_version
            || (!object.uid.is_empty() && known.uid != object.uid)
        {
            return Err(conflict(format!("{resource} \"{}\": the object has been modified", key.name())));
        }
        check_generic(object)?;
        let next = GenericObject { uid: known.uid.clone(), deleting: known.deleting, ..object.clone() };
        Ok(state.store_generic(next, Some(&known), manager))
    }

    async fn delete_object(
        &self,
        _: WritePermit,
        kind: &ObjectKind,
        key: &ObjectKey,
        expected: &Precondition,
    ) -> Result<()> {
        let resource = resource(kind)?;
        let mut state = self.enter(Request::new(Verb::Delete, &resource, key))?;
        let known = state.generic(kind, key).ok_or_else(|| absent(&resource, key))?;
        if known.uid != expected.uid || known.resource_version != expected.resource_version {
            return Err(conflict(format!("{resource} \"{}\": the precondition failed", key.name())));
        }
        if known.finalizers.is_empty() {
            state.drop_generic(kind, key);
        } else {
            let marked = GenericObject { deleting: true, ..known.clone() };
            state.store_generic(marked, Some(&known), "");
        }
        Ok(())
    }

    async fn patch_status(&self, _: WritePermit, subject: &Subject, status: Value) -> Result<String> {
        let resource = format!("{}/status", subject.kind.plural());
        let mut state = self.enter(Request::new(Verb::Patch, &resource, &subject.key))?;
        let mut object = state.subject(subject)?;
        if object.uid != subject.uid.as_str().into() {
            return Err(conflict(format!("{}: the UID in the precondition differs", subject.key)));
        }
        let Value::Object(fields) = status else {
            return Err(Error::new(Kind::Bug, "a status is not an object"));
        };
        let known = object.status.as_deref().and_then(|json| serde_json::from_slice(json).ok());
        let mut after: Map<String, Value> = known.unwrap_or_default();
        after.extend(fields);
        after.retain(|_, value| !value.is_null());
        object.status = Some(Value::Object(after).to_string().into_bytes().into());
        Ok(state.store_object(subject.kind, object).resource_version.to_string())
    }

    async fn remove_finalizer(&self, _: WritePermit, subject: &Subject, finalizer: &str) -> Result<()> {
        let mut state = self.enter(Request::new(Verb::Patch, subject.kind.plural(), &subject.key))?;
        let Ok(mut object) = state.subject(subject) else { return Ok(()) };
        if object.uid != subject.uid.as_str().into() {
            return Ok(());
        }
        object.finalizers = object.finalizers.iter().filter(|name| ***name != *finalizer).cloned().collect();
        state.store_object(subject.kind, object);
        Ok(())
    }

    async fn config_map(&self, key: &ObjectKey) -> Result<BTreeMap<String, String>> {
        let state = self.enter(Request::new(Verb::Get, "configmaps", key))?;
        state.config_maps.get(key).cloned().ok_or_else(|| absent("configmaps", key))
    }

    async fn service_account(&self, key: &ObjectKey) -> Result<ServiceAccount> {
        let state = self.enter(Request::new(Verb::Get, "serviceaccounts", key))?;
        state.account(key)
    }

    async fn token(&self, key: &ObjectKey, _: &[String], seconds: i64) -> Result<ServiceAccountToken> {
        let state = self.enter(Request::new(Verb::Create, "serviceaccounts/token", key))?;
        let account = state.account(key)?;
        let value = SecretBytes::from(format!("token-of-{}/{}", account.namespace, account.name));
        let life = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        Ok(ServiceAccountToken {
            value,
            expires: Timestamp::UNIX_EPOCH.saturating_add(life).unwrap_or_default(),
        })
    }

    fn event(&self, event: Event) {
        self.state().events.push(event);
    }
}

impl Watches for FakeCluster {
    fn objects(&self, kind: StatusKind, over: &Namespaces) -> Feed<RawObject> {
        let mut state = self.state();
        let over = if kind == StatusKind::ClusterSecretStore { Namespaces::All } else { over.clone() };
        let (listener, feed) = Listener::new(over);
        listener.list(&state.objects_of(kind));
        state.feeds.objects.push((kind, listener));
        feed
    }

    fn managed(&self, over: &Namespaces, key: &Arc<DigestKey>) -> Feed<ManagedSecret> {
        let mut state = self.state();
        let (listener, feed) = Listener::new(over.clone());
        listener.list(&state.managed());
        state.feeds.secrets.push(listener);
        let key = Arc::clone(key);
        feed.map(move |change| change.map(|secret| ManagedSecret::of(&secret, &key))).boxed()
    }

    fn targets(&self, kind: &ObjectKind, over: &Namespaces) -> Feed<ManagedObject> {
        let mut state = self.state();
        let (listener, feed) = Listener::new(over.clone());
        match resource(kind) {
            Err(error) => listener.fail(&error),
            Ok(_) => {
                listener.list(&state.targets_of(kind));
                state.feeds.targets.push((kind.clone(), listener));
            }
        }
        feed
    }

    fn metadata(&self, kind: MetadataKind, over: &Namespaces) -> Feed<Metadata> {
        let mut state = self.state();
        let (listener, feed) = Listener::new(over.clone());
        listener.list(&state.metadata_of(kind));
        state.feeds.metadata.push((kind, listener));
        feed
    }

    fn namespaces(&self) -> Feed<Namespace> {
        let mut state = self.state();
        let (listener, feed) = Listener::new(Namespaces::All);
        listener.list(&state.namespaces.values().cloned().collect::<Vec<_>>());
        state.feeds.namespaces.push(listener);
        feed
    }
}

impl State {
    fn next(&mut self) -> String {
        self.revision += 1;
        self.revision.to_string()
    }

    fn uid(&mut self) -> String {
        self.revision += 1;
        format!("00000000-0000-4000-8000-{:012}", self.revision)
    }

    fn blank(&mut self, key: &ObjectKey) -> RawObject {
        RawObject {
            key: key.clone(),
            uid: self.uid().into(),
            resource_version: "".into(),
            generation: 0,
            labels: Pairs::default(),
            annotations: Pairs::default(),
            finalizers: Box::default(),
            deleting: false,
            spec: Box::from(*b"{}"),
            status: None,
        }
    }

    fn subject(&self, subject: &Subject) -> Result<RawObject> {
        let object = self.objects.get(&(subject.kind, subject.key.clone()));
        object.cloned().ok_or_else(|| absent(subject.kind.plural(), &subject.key))
    }

    fn account(&self, key: &ObjectKey) -> Result<ServiceAccount> {
        let known = self.metadata.get(&(MetadataKind::ServiceAccount, key.clone()));
        let known = known.ok_or_else(|| absent("serviceaccounts", key))?;
        let (namespace, name) = (key.namespace().to_string(), key.name().to_string());
        Ok(ServiceAccount { namespace, name, annotations: known.annotations.to_map() })
    }

    /// Stores a state, tells of it, and lets the object go if nothing holds it back any more.
    fn store_object(&mut self, kind: StatusKind, mut object: RawObject) -> RawObject {
        let at = (kind, object.key.clone());
        if self.objects.get(&at) == Some(&object) {
            return object;
        }
        object.resource_version = self.next().into();
        let goes = object.deleting && object.finalizers.is_empty();
        let change = if goes { Change::Deleted(Gone::of(&object)) } else { Change::Applied(object.clone()) };
        if goes {
            self.objects.remove(&at);
        } else {
            self.objects.insert(at, object.clone());
        }
        self.feeds.tell_objects(kind, &change);
        object
    }

    /// Stores a Secret as written by a manager. A write that changes nothing keeps the resourceVersion, as the API server does.
    fn store_secret(&mut self, mut secret: Secret, known: Option<&Secret>, manager: &str) -> Secret {
        if secret.type_.is_empty() {
            secret.type_ = "Opaque".into();
        }
        secret.field_owners = owners_after(known, &secret, manager);
        if let Some(known) = known {
            secret.resource_version.clone_from(&known.resource_version);
            if secret == *known {
                return secret;
            }
        }
        if secret.deleting && secret.finalizers.is_empty() {
            self.drop_secret(&secret.key());
            return secret;
        }
        secret.resource_version = self.next();
        let was = known.is_some_and(Secret::is_managed);
        self.secrets.insert(secret.key(), secret.clone());
        self.tell_secret(&secret, was);
        secret
    }

    fn drop_secret(&mut self, key: &ObjectKey) {
        let Some(mut secret) = self.secrets.remove(key) else { return };
        secret.resource_version = self.next();
        let gone = gone(&secret);
        if secret.is_managed() {
            self.feeds.tell_secrets(&Change::Deleted(gone.clone()), &gone.key);
        }
        self.feeds.tell_metadata(MetadataKind::Secret, &Change::Deleted(gone));
    }

    /// A Secret that loses the label leaves the feed of managed ones.
    fn tell_secret(&mut self, secret: &Secret, was_managed: bool) {
        let key = secret.key();
        match (secret.is_managed(), was_managed) {
            (true, _) => self.feeds.tell_secrets(&Change::Applied(secret.clone()), &key),
            (false, true) => self.feeds.tell_secrets(&Change::Deleted(gone(secret)), &key),
            (false, false) => {}
        }
        self.feeds.tell_metadata(MetadataKind::Secret, &Change::Applied(metadata(secret)));
    }

    fn generic(&self, kind: &ObjectKind, key: &ObjectKey) -> Option<GenericObject> {
        self.generics.get(&(kind.clone(), key.clone())).cloned()
    }

    /// Stores an object as [`State::store_secret`] does a Secret.
    fn store_generic(
        &mut self,
        mut object: GenericObject,
        known: Option<&GenericObject>,
        manager: &str,
    ) -> GenericObject {
        drop_empty(&mut object);
        object.field_owners = owners_after(known.map(head).as_ref(), &head(&object), manager);
        if let Some(known) = known {
            object.resource_version.clone_from(&known.resource_version);
            if object == *known {
                return object;
            }
        }
        if object.deleting && object.finalizers.is_empty() {
            self.drop_generic(&object.kind, &object.key());
            return object;
        }
        object.resource_version = self.next();
        let was = known.is_some_and(GenericObject::is_managed);
        self.generics.insert((object.kind.clone(), object.key()), object.clone());
        self.tell_generic(&object, was);
        object
    }

    fn drop_generic(&mut self, kind: &ObjectKind, key: &ObjectKey) {
        let Some(mut object) = self.generics.remove(&(kind.clone(), key.clone())) else { return };
        object.resource_version = self.next();
        if object.is_managed() {
            self.feeds.tell_targets(kind, &Change::Deleted(Gone::of(&ManagedObject::of(&object))));
        }
    }

    /// An object that loses the label leaves the feed of targets.
    fn tell_generic(&mut self, object: &GenericObject, was_managed: bool) {
        let managed = ManagedObject::of(object);
        match (object.is_managed(), was_managed) {
            (true, _) => self.feeds.tell_targets(&object.kind, &Change::Applied(managed)),
            (false, true) => self.feeds.tell_targets(&object.kind, &Change::Deleted(Gone::of(&managed))),
            (false, false) => {}
        }
    }

    fn targets_of(&self, kind: &ObjectKind) -> Vec<ManagedObject> {
        let of_kind = self.generics.values().filter(|object| object.kind == *kind);
        of_kind.filter(|object| object.is_managed()).map(ManagedObject::of).collect()
    }

    fn store_metadata(&mut self, kind: MetadataKind, key: &ObjectKey, annotations: Pairs) {
        let known = self.metadata.get(&(kind, key.clone())).map(|known| known.uid.clone());
        let uid = known.unwrap_or_else(|| self.uid().into());
        let metadata = Metadata { key: key.clone(), uid, resource_version: self.next().into(), annotations };
        self.metadata.insert((kind, key.clone()), metadata.clone());
        self.feeds.tell_metadata(kind, &Change::Applied(metadata));
    }

    fn objects_of(&self, kind: StatusKind) -> Vec<RawObject> {
        let of_kind = self.objects.iter().filter(|((known, _), _)| *known == kind);
        of_kind.map(|(_, object)| object.clone()).collect()
    }

    fn managed(&self) -> Vec<Secret> {
        self.secrets.values().filter(|secret| secret.is_managed()).cloned().collect()
    }

    fn metadata_of(&self, kind: MetadataKind) -> Vec<Metadata> {
        match kind {
            MetadataKind::Secret => self.secrets.values().map(metadata).collect(),
            MetadataKind::ConfigMap | MetadataKind::ServiceAccount => {
                let of_kind = self.metadata.iter().filter(|((known, _), _)| *known == kind);
                of_kind.map(|(_, metadata)| metadata.clone()).collect()
            }
        }
    }

    fn relist(&mut self) {
        self.feeds.deaf = false;
        for (kind, listener) in &self.feeds.objects {
            listener.list(&self.objects_of(*kind));
        }
        for listener in &self.feeds.secrets {
            listener.list(&self.managed());
        }
        for (kind, listener) in &self.feeds.targets {
            listener.list(&self.targets_of(kind));
        }
        for (kind, listener) in &self.feeds.metadata {
            listener.list(&self.metadata_of(*kind));
        }
        for listener in &self.feeds.namespaces {
            listener.list(&self.namespaces.values().cloned().collect::<Vec<_>>());
        }
    }
}

impl Feeds {
    fn tell_objects(&mut self, kind: StatusKind, change: &Change<RawObject>) {
        let listeners = self.objects.iter().filter(|(known, _)| *known == kind);
        listeners.for_each(|(_, listener)| listener.tell(change, self.deaf));
    }

    fn tell_secrets(&mut self, change: &Change<Secret>, key: &ObjectKey) {
        let listeners = self.secrets.iter().filter(|listener| listener.over.contains(key.namespace()));
        listeners.for_each(|listener| listener.send(change, self.deaf));
    }

    fn tell_targets(&mut self, kind: &ObjectKind, change: &Change<ManagedObject>) {
        let listeners = self.targets.iter().filter(|(known, _)| known == kind);
        listeners.for_each(|(_, listener)| listener.tell(change, self.deaf));
    }

    fn tell_metadata(&mut self, kind: MetadataKind, change: &Change<Metadata>) {
        let listeners = self.metadata.iter().filter(|(known, _)| *known == kind);
        listeners.for_each(|(_, listener)| listener.tell(change, self.deaf));
    }

    fn tell_namespaces(&mut self, change: &Change<Namespace>) {
        self.namespaces.iter().for_each(|listener| listener.tell(change, self.deaf));
    }
}

/// What a listener sorts by.
trait Placed {
    fn namespace(&self) -> &str;
}

impl<T: Versioned> Placed for T {
    fn namespace(&self) -> &str {
        self.key().namespace()
    }
}

impl Placed for Secret {
    fn namespace(&self) -> &str {
        &self.namespace
    }
}

impl<T: Clone + Send + 'static + Placed> Listener<T> {
    fn new(over: Namespaces) -> (Self, Feed<T>) {
        let (to, changes) = unbounded();
        (Self { over, to }, changes.chain(stream::pending()).boxed())
    }

    fn list(&self, all: &[T]) {
        for part in 0..self.over.parts() {
            let here = all.iter().filter(|object| self.over.part(object.namespace()) == Some(part));
            self.send(&Change::Begin(part), false);
            here.for_each(|object| self.send(&Change::Seen(object.clone()), false));
            self.send(&Change::Listed(part), false);
        }
    }

    /// No part can be listed.
    fn fail(&self, error: &Error) {
        (0..self.over.parts()).for_each(|part| self.send(&Change::Failed(part, error.clone()), false));
    }

    fn tell(&self, change: &Change<T>, deaf: bool) {
        let namespace = match change {
            Change::Applied(object) | Change::Seen(object) => object.namespace(),
            Change::Deleted(gone) => gone.key.namespace(),
            Change::Begin(_) | Change::Listed(_) | Change::Failed(..) => return,
        };
        if self.over.contains(namespace) {
            self.send(change, deaf);
        }
    }

    /// A listener that went away is no fault of the cluster.
    fn send(&self, change: &Change<T>, deaf: bool) {
        if !deaf {
            let _gone = self.to.unbounded_send(change.clone());
        }
    }
}

fn gone(secret: &Secret) -> Gone {
    let (uid, resource_version) = (secret.uid.as_str().into(), secret.resource_version.as_str().into());
    Gone { key: secret.key(), uid, resource_version }
}

fn metadata(secret: &Secret) -> Metadata {
    let (uid, resource_version) = (secret.uid.as_str().into(), secret.resource_version.as_str().into());
    Metadata { key: secret.key(), uid, resource_version, annotations: Pairs::default() }
}

fn absent(resource: &str, key: &ObjectKey) -> Error {
    Error::new(Kind::NotFound, format!("{resource} \"{}\" not found", key.name()))
}

fn conflict(what: String) -> Error {
    Error::new(Kind::Conflict, what)
}

/// What the API server checks of a Secret, as far as stories run into it.
fn check_secret(secret: &Secret, known: Option<&Secret>) -> Result<()> {
    let invalid = |what: String| {
        Err(Error::new(Kind::Invalid, format!("Secret \"{}\" is invalid: {what}", secret.name)))
    };
    if let Some(key) = secret.data.keys().find(|key| !is_data_key(key)) {
        return invalid(format!("data[{key}]: Invalid value"));
    }
    if secret.data.values().map(SecretBytes::len).sum::<usize>() > limits::SECRET_BYTES {
        return invalid("data: Too long".into());
    }
    let Some(known) = known else { return Ok(()) };
    let type_ = if secret.type_.is_empty() { "Opaque" } else { &secret.type_ };
    if known.type_ != type_ {
        return invalid("type: field is immutable".into());
    }
    if known.immutable == Some(true) && (known.data != secret.data || secret.immutable != Some(true)) {
        return invalid("data: Forbidden: field is immutable when `immutable` is set".into());
    }
    Ok(())
}

fn is_data_key(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !key.is_empty() && key.len() <= limits::SECRET_KEY_BYTES && key.bytes().all(plain)
}

/// Kinds that lie in no namespace.
const CLUSTER_SCOPED: [&str; 6] = [
    "ClusterRole",
    "ClusterSecretStore",
    "CustomResourceDefinition",
    "Namespace",
    "Node",
    "PersistentVolume",
];

/// Under which name requests about objects of a kind are written down. Every kind is known but `Unknown`.
fn resource(kind: &ObjectKind) -> Result<String> {
    match &*kind.kind {
        "Unknown" => Err(unknown(kind)),
        name if CLUSTER_SCOPED.contains(&name) => Err(cluster_scoped(kind)),
        name => Ok(format!("objects/{}", name.to_lowercase())),
    }
}

fn is_config_map(object: &GenericObject) -> bool {
    (&*object.kind.api_version, &*object.kind.kind) == ("v1", "ConfigMap")
}

/// What the API server checks of an object, as far as stories run into it.
fn check_generic(object: &GenericObject) -> Result<()> {
    check_content(object)?;
    let data = object.body.get("data").and_then(Value::as_object).filter(|_| is_config_map(object));
    for (key, value) in data.into_iter().flatten() {
        if !is_data_key(key) || !value.is_string() {
            let text = format!("ConfigMap \"{}\" is invalid: data[{key}]: Invalid value", object.name);
            return Err(Error::new(Kind::Invalid, text));
        }
    }
    Ok(())
}

/// The API server leaves an empty map of a ConfigMap away.
fn drop_empty(object: &mut GenericObject) {
    if is_config_map(object) {
        object.body.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
}

/// What the owners of fields are about.
fn head(object: &GenericObject) -> Secret {
    let GenericObject { labels, annotations, field_owners, .. } = object.clone();
    Secret { labels, annotations, field_owners, ..Secret::default() }
}

/// Who owns what after an `Update`: a changed or new field goes over to the writer alone, an unchanged one stays with whom it was, a
/// removed one is nobody's.
fn owners_after(known: Option<&Secret>, next: &Secret, manager: &str) -> Vec<FieldOwner> {
    let empty = Secret::default();
    let before = known.unwrap_or(&empty);
    let mut writer = FieldOwner {
        manager: manager.into(),
        data: taken(&before.data, &next.data),
        labels: taken(&before.labels, &next.labels),
        annotations: taken(&before.annotations, &next.annotations),
    };
    let mut owners = Vec::new();
    for owner in &before.field_owners {
        let own = owner.manager == manager;
        let kept = FieldOwner {
            manager: owner.manager.clone(),
            data: kept(&owner.data, &writer.data, &next.data),
            labels: kept(&owner.labels, &writer.labels, &next.labels),
            annotations: kept(&owner.annotations, &writer.annotations, &next.annotations),
        };
        owners.push(if own { join(kept, std::mem::take(&mut writer)) } else { kept });
    }
    owners.push(writer);
    owners
        .retain(|owner| !owner.data.is_empty() || !owner.labels.is_empty() || !owner.annotations.is_empty());
    owners
}

fn taken<V: PartialEq>(before: &BTreeMap<String, V>, next: &BTreeMap<String, V>) -> Vec<String> {
    next.iter().filter(|(key, value)| before.get(*key) != Some(value)).map(|(key, _)| key.clone()).collect()
}

fn kept<V>(owned: &[String], taken: &[String], next: &BTreeMap<String, V>) -> Vec<String> {
    owned.iter().filter(|key| next.contains_key(*key) && !taken.contains(key)).cloned().collect()
}

fn join(one: FieldOwner, other: FieldOwner) -> FieldOwner {
    let both = |one: Vec<String>, other: Vec<String>| {
        let mut all: Vec<_> = one.into_iter().chain(other).collect();
        all.sort();
        all
    };
    FieldOwner {
        manager: one.manager,
        data: both(one.data, other.data),
        labels: both(one.labels, other.labels),
        annotations: both(one.annotations, other.annotations),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_hits_the_next_request_of_its_kind_only() {
        let (cluster, key) = (FakeCluster::new(), ObjectKey::new("n", "s"));
        cluster.fail_next(Verb::Get, "secrets", Error::new(Kind::Unavailable, "down"));
        let kind = |request| cluster.enter(request).map(drop).map_err(|error| error.kind());
        assert_eq!(kind(Request::new(Verb::Get, "configmaps", &key)), Ok(()));
        assert_eq!(kind(Request::new(Verb::Get, "secrets", &key)), Err(Kind::Unavailable));
        assert_eq!(kind(Request::new(Verb::Get, "secrets", &key)), Ok(()));
        assert_eq!(cluster.count(Verb::Get, "secrets"), 2);
    }
}
