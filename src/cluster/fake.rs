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
    Cluster, Event, FieldOwner, HasMeta, Meta, ObjectKey, Precondition, Secret, StatusKind, Subject,
    WritePermit, Writer,
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

/// A Secret or an object of any kind, as the cluster keeps it.
trait Stored: HasMeta + Clone + PartialEq {
    /// What tells it apart from others.
    type Place: Ord;

    fn place(&self) -> Self::Place;

    /// Under which name requests about it are written down, and namespace and name.
    fn named(place: &Self::Place) -> Result<(String, &ObjectKey)>;

    fn all(state: &mut State) -> &mut BTreeMap<Self::Place, Self>;

    /// What the API server checks, as far as stories run into it.
    fn check(&self, known: Option<&Self>) -> Result<()>;

    /// What the API server fills in or leaves away.
    fn settle(&mut self);

    /// The data whose owners are told.
    fn data(&self) -> BTreeMap<String, Vec<u8>>;

    /// Tells the feeds what became of it: those of managed objects, and those of all.
    fn tell(&self, feeds: &mut Feeds, managed: Option<Change<()>>, any: Change<()>);
}

impl Stored for Secret {
    type Place = ObjectKey;

    fn place(&self) -> ObjectKey {
        self.meta.key()
    }

    fn named(key: &ObjectKey) -> Result<(String, &ObjectKey)> {
        Ok(("secrets".into(), key))
    }

    fn all(state: &mut State) -> &mut BTreeMap<ObjectKey, Self> {
        &mut state.secrets
    }

    fn check(&self, known: Option<&Self>) -> Result<()> {
        let invalid = |what: String| {
            Err(Error::new(Kind::Invalid, format!("Secret \"{}\" is invalid: {what}", self.meta.name)))
        };
        if let Some(key) = self.data.keys().find(|key| !is_data_key(key)) {
            return invalid(format!("data[{key}]: Invalid value"));
        }
        if self.data.values().map(SecretBytes::len).sum::<usize>() > limits::SECRET_BYTES {
            return invalid("data: Too long".into());
        }
        let Some(known) = known else { return Ok(()) };
        let type_ = if self.type_.is_empty() { "Opaque" } else { &self.type_ };
        if known.type_ != type_ {
            return invalid("type: field is immutable".into());
        }
        if known.immutable == Some(true) && (known.data != self.data || self.immutable != Some(true)) {
            return invalid("data: Forbidden: field is immutable when `immutable` is set".into());
        }
        Ok(())
    }

    fn settle(&mut self) {
        if self.type_.is_empty() {
            self.type_ = "Opaque".into();
        }
    }

    fn data(&self) -> BTreeMap<String, Vec<u8>> {
        self.data.iter().map(|(key, value)| (key.clone(), value.expose().to_vec())).collect()
    }

    fn tell(&self, feeds: &mut Feeds, managed: Option<Change<()>>, any: Change<()>) {
        if let Some(change) = managed {
            feeds.tell_secrets(&change.map(|()| self.clone()));
        }
        feeds.tell_metadata(MetadataKind::Secret, &any.map(|()| metadata(self)));
    }
}

impl Stored for GenericObject {
    type Place = (ObjectKind, ObjectKey);

    fn place(&self) -> (ObjectKind, ObjectKey) {
        (self.kind.clone(), self.meta.key())
    }

    fn named((kind, key): &(ObjectKind, ObjectKey)) -> Result<(String, &ObjectKey)> {
        Ok((resource(kind)?, key))
    }

    fn all(state: &mut State) -> &mut BTreeMap<(ObjectKind, ObjectKey), Self> {
        &mut state.generics
    }

    fn data(&self) -> BTreeMap<String, Vec<u8>> {
        let data = self.body.get("data").and_then(Value::as_object).into_iter().flatten();
        data.map(|(key, value)| (key.clone(), value.to_string().into_bytes())).collect()
    }

    fn check(&self, _: Option<&Self>) -> Result<()> {
        check_content(self)?;
        let data = self.body.get("data").and_then(Value::as_object).filter(|_| is_config_map(self));
        for (key, value) in data.into_iter().flatten() {
            if !is_data_key(key) || !value.is_string() {
                let text = format!("ConfigMap \"{}\" is invalid: data[{key}]: Invalid value", self.meta.name);
                return Err(Error::new(Kind::Invalid, text));
            }
        }
        Ok(())
    }

    /// Of a ConfigMap no empty map is kept.
    fn settle(&mut self) {
        if is_config_map(self) {
            self.body.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
        }
    }

    fn tell(&self, feeds: &mut Feeds, managed: Option<Change<()>>, _: Change<()>) {
        if let Some(change) = managed {
            feeds.tell_targets(&self.kind, &change.map(|()| ManagedObject::of(self)));
        }
    }
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
    pub fn put_secret(&self, secret: Secret, manager: &str) -> Secret {
        self.state().put(secret, manager)
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
        self.state().remove::<Secret>(key);
    }

    /// Writes an object of any kind as somebody else does: made or replaced whatever its resourceVersion is.
    pub fn put_generic(&self, object: GenericObject, manager: &str) -> GenericObject {
        self.state().put(object, manager)
    }

    /// An object of any kind as it is.
    #[must_use]
    pub fn generic(&self, kind: &ObjectKind, key: &ObjectKey) -> Option<GenericObject> {
        self.state().generics.get(&(kind.clone(), key.clone())).cloned()
    }

    /// Takes an object of any kind away, whatever its finalizers are.
    pub fn remove_generic(&self, kind: &ObjectKind, key: &ObjectKey) {
        self.state().remove::<GenericObject>(&(kind.clone(), key.clone()));
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

    fn get<T: Stored>(&self, place: &T::Place) -> Result<T> {
        let (resource, key) = T::named(place)?;
        let mut state = self.enter(Request::new(Verb::Get, &resource, key))?;
        T::all(&mut state).get(place).cloned().ok_or_else(|| absent(&resource, key))
    }

    fn create<T: Stored>(&self, object: &T, manager: &str) -> Result<T> {
        let place = object.place();
        let (resource, key) = T::named(&place)?;
        let mut state = self.enter(Request::new(Verb::Create, &resource, key).by(manager))?;
        object.check(None)?;
        if T::all(&mut state).contains_key(&place) {
            return Err(conflict(format!("{resource} \"{}\" already exists", key.name())));
        }
        let mut fresh = object.clone();
        fresh.meta_mut().uid = state.uid();
        fresh.meta_mut().deleting = false;
        Ok(state.store(fresh, None, manager))
    }

    fn replace<T: Stored>(&self, object: &T, manager: &str) -> Result<T> {
        let (place, meta) = (object.place(), object.meta());
        let (resource, key) = T::named(&place)?;
        let mut state = self.enter(Request::new(Verb::Update, &resource, key).by(manager))?;
        let known = T::all(&mut state).get(&place).cloned().ok_or_else(|| absent(&resource, key))?;
        let (uid, deleting) = (known.meta().uid.clone(), known.meta().deleting);
        if known.meta().resource_version != meta.resource_version || (!meta.uid.is_empty() && uid != meta.uid)
        {
            return Err(conflict(format!("{resource} \"{}\": the object has been modified", key.name())));
        }
        object.check(Some(&known))?;
        let mut next = object.clone();
        next.meta_mut().uid = uid;
        next.meta_mut().deleting = deleting;
        Ok(state.store(next, Some(&known), manager))
    }

    fn delete<T: Stored>(&self, place: &T::Place, expected: &Precondition) -> Result<()> {
        let (resource, key) = T::named(place)?;
        let mut state = self.enter(Request::new(Verb::Delete, &resource, key))?;
        let known = T::all(&mut state).get(place).cloned().ok_or_else(|| absent(&resource, key))?;
        if known.meta().state() != *expected {
            return Err(conflict(format!("{resource} \"{}\": the precondition failed", key.name())));
        }
        if known.meta().finalizers.is_empty() {
            state.remove::<T>(place);
        } else {
            let mut marked = known.clone();
            marked.meta_mut().deleting = true;
            state.store(marked, Some(&known), "");
        }
        Ok(())
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
        self.get(key)
    }

    async fn create_secret(&self, _: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret> {
        self.create(secret, by.manager).map_err(|error| by.refused(error, secret.hidden()))
    }

    async fn replace_secret(&self, _: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret> {
        self.replace(secret, by.manager).map_err(|error| by.refused(error, secret.hidden()))
    }

    async fn delete_secret(&self, _: WritePermit, key: &ObjectKey, expected: &Precondition) -> Result<()> {
        self.delete::<Secret>(key, expected)
    }

    async fn get_object(&self, kind: &ObjectKind, key: &ObjectKey) -> Result<GenericObject> {
        self.get(&(kind.clone(), key.clone()))
    }

    async fn create_object(
        &self,
        _: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject> {
        self.create(object, by.manager).map_err(|error| by.refused(error, object.hidden()))
    }

    async fn replace_object(
        &self,
        _: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject> {
        self.replace(object, by.manager).map_err(|error| by.refused(error, object.hidden()))
    }

    async fn delete_object(
        &self,
        _: WritePermit,
        kind: &ObjectKind,
        key: &ObjectKey,
        expected: &Precondition,
    ) -> Result<()> {
        self.delete::<GenericObject>(&(kind.clone(), key.clone()), expected)
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

    /// Stores an object whatever its resourceVersion is.
    fn put<T: Stored>(&mut self, mut object: T, manager: &str) -> T {
        let known = T::all(self).get(&object.place()).cloned();
        object.meta_mut().uid = known.as_ref().map_or_else(|| self.uid(), |known| known.meta().uid.clone());
        self.store(object, known.as_ref(), manager)
    }

    /// Stores an object as written by a manager. A write that changes nothing keeps the resourceVersion, as the API server does.
    fn store<T: Stored>(&mut self, mut object: T, known: Option<&T>, manager: &str) -> T {
        object.settle();
        object.meta_mut().field_owners = owners_after(known, &object, manager);
        if let Some(known) = known {
            object.meta_mut().resource_version.clone_from(&known.meta().resource_version);
            if object == *known {
                return object;
            }
        }
        if object.meta().deleting && object.meta().finalizers.is_empty() {
            self.remove::<T>(&object.place());
            return object;
        }
        object.meta_mut().resource_version = self.next();
        T::all(self).insert(object.place(), object.clone());
        // What loses the label leaves the feed of what has it.
        let managed = match (object.meta().is_managed(), known.is_some_and(|known| known.meta().is_managed()))
        {
            (true, _) => Some(Change::Applied(())),
            (false, true) => Some(Change::Deleted(gone(object.meta()))),
            (false, false) => None,
        };
        object.tell(&mut self.feeds, managed, Change::Applied(()));
        object
    }

    fn remove<T: Stored>(&mut self, place: &T::Place) {
        let Some(mut object) = T::all(self).remove(place) else { return };
        object.meta_mut().resource_version = self.next();
        let gone = Change::Deleted(gone(object.meta()));
        object.tell(&mut self.feeds, object.meta().is_managed().then(|| gone.clone()), gone);
    }

    fn targets_of(&self, kind: &ObjectKind) -> Vec<ManagedObject> {
        let of_kind = self.generics.values().filter(|object| object.kind == *kind);
        of_kind.filter(|object| object.meta.is_managed()).map(ManagedObject::of).collect()
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
        self.secrets.values().filter(|secret| secret.meta.is_managed()).cloned().collect()
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

    fn tell_secrets(&mut self, change: &Change<Secret>) {
        self.secrets.iter().for_each(|listener| listener.tell(change, self.deaf));
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
        &self.meta.namespace
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

fn gone(meta: &Meta) -> Gone {
    let (uid, resource_version) = (meta.uid.as_str().into(), meta.resource_version.as_str().into());
    Gone { key: meta.key(), uid, resource_version }
}

fn metadata(secret: &Secret) -> Metadata {
    let Gone { key, uid, resource_version } = gone(&secret.meta);
    Metadata { key, uid, resource_version, annotations: Pairs::default() }
}

fn absent(resource: &str, key: &ObjectKey) -> Error {
    Error::new(Kind::NotFound, format!("{resource} \"{}\" not found", key.name()))
}

fn conflict(what: String) -> Error {
    Error::new(Kind::Conflict, what)
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

/// Who owns what after an `Update`: a changed or new field goes over to the writer alone, an unchanged one stays with whom it was, a
/// removed one is nobody's.
fn owners_after<T: Stored>(known: Option<&T>, next: &T, manager: &str) -> Vec<FieldOwner> {
    let nothing = Meta::default();
    let before = known.map_or(&nothing, HasMeta::meta);
    let data_before = known.map(Stored::data).unwrap_or_default();
    let (next, data) = (next.meta(), next.data());
    let mut writer = FieldOwner {
        manager: manager.into(),
        data: taken(&data_before, &data),
        labels: taken(&before.labels, &next.labels),
        annotations: taken(&before.annotations, &next.annotations),
    };
    let mut owners = Vec::new();
    for owner in &before.field_owners {
        let own = owner.manager == manager;
        let kept = FieldOwner {
            manager: owner.manager.clone(),
            data: kept(&owner.data, &writer.data, &data),
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
