//! The real cluster, over kube's client.
//!
//! Requests are built here and not by `kube::Api`: its answers come through typed trees that keep values and `managedFields`, and it
//! logs a body that it cannot read. Of kube we take the connection, authentication and (in `feeds`) the watcher. Its own retry is off:
//! the controllers' schedule says when something is tried again.
//!
//! Plaintext: bodies out are built in a wiped buffer of the right size; bodies in are wiped after decoding where nobody else holds
//! them. What the TLS layer buffers is out of our hands.

use std::{collections::BTreeMap, fmt, future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use ::kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use jiff::Timestamp;
use keyferry_stores::{
    base::{Clock, Error, Kind, Result, limits, refs::ServiceAccount},
    net::client::retry_after,
    provider::env::ServiceAccountToken,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{
    Cluster, Event, ObjectKey, Precondition, Secret, Subject, WritePermit, Writer,
    events::{self, EventQueue},
    feeds::{ApiKind, KubeWatches, Statuses},
    gate::{Budget, Gate},
    generic::{GenericObject, ObjectKind, check_content},
    kinds::{Kinds, Served, document, unknown},
    refusal::{failure, is_of_unserved_path, refused},
    wire::{
        ConfigMapWire, GenericBody, GenericWire, PartialWire, SecretBody, SecretWire, TokenWire, body_bytes,
    },
};

/// A connection on which nothing has come for this long is dead. Longer than a watch (kube ends those after 290 s), so only lists and
/// watches whose server vanished are cut by it; our own requests have [`limits::REQUEST_TIMEOUT`].
const SILENCE: Duration = Duration::from_secs(300);

/// How to reach the API server.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    /// A kubeconfig file; else `KUBECONFIG`, `~/.kube/config`, or the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig; else its current one.
    pub context: Option<String>,
    /// A budget of requests; none unless the user sets one.
    pub budget: Option<Budget>,
}

/// The API server.
#[derive(Clone)]
pub struct KubeCluster(Arc<Inner>);

struct Inner {
    client: Client,
    clock: Arc<dyn Clock>,
    gate: Gate,
    events: EventQueue,
    statuses: Arc<Statuses>,
    kinds: Kinds,
}

impl fmt::Debug for KubeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KubeCluster")
    }
}

impl KubeCluster {
    /// Sets the connection up; nothing is sent yet.
    ///
    /// # Errors
    /// `Invalid` if there is no usable configuration.
    pub async fn connect(connection: &Connection, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut config = configuration(connection).await?;
        config.default_retry = false;
        config.read_timeout = Some(SILENCE);
        config.reset_reader_on_write = true;
        let agent = HeaderValue::from_static(concat!("keyferry/", env!("CARGO_PKG_VERSION")));
        config.headers.push((header::USER_AGENT, agent));
        let client =
            Client::try_from(config).map_err(|error| unusable("the configuration does not work", error))?;
        let gate = Gate::new(Arc::clone(&clock), connection.budget);
        let events = EventQueue::new();
        let (statuses, kinds) = (Arc::default(), Kinds::default());
        Ok(Self(Arc::new(Inner { client, clock, gate, events, statuses, kinds })))
    }

    /// The feeds of this cluster.
    #[must_use]
    pub fn watches(&self) -> KubeWatches {
        KubeWatches::new(self.clone())
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(super) fn statuses(&self) -> &Arc<Statuses> {
        &self.0.statuses
    }

    /// How objects of a kind are asked for. The API server tells it once.
    pub(super) async fn look_up(&self, kind: &ObjectKind) -> Result<ApiKind> {
        if let Some(known) = self.0.kinds.get(kind) {
            return Ok(known);
        }
        let read = self.read::<Served>(Call::document(document(kind)?)).await;
        let found = match read {
            Err(error) if is_of_unserved_path(&error) => Err(unknown(kind)),
            Err(error) => Err(error.within(format!("looking for the kind {kind}"))),
            Ok(served) => served.find(kind),
        }?;
        self.0.kinds.know(kind, found.clone());
        Ok(found)
    }

    /// Sends the events that were recorded, at their own pace, until it is dropped. To be spawned once.
    pub fn send_events(&self) -> impl Future<Output = ()> + Send + 'static {
        self.clone().drain_events()
    }

    async fn drain_events(self) {
        self.0.events.drain(&*self.0.clock, |due| self.post_event(due)).await;
    }

    /// What became of the events since the start.
    #[must_use]
    pub fn event_counts(&self) -> events::Counts {
        self.0.events.counts()
    }

    async fn post_event(&self, due: events::Due) -> Result<()> {
        self.0.gate.read().await;
        let body = due.body();
        let call = Call::among(Method::POST, &ApiKind::EVENT, &due.namespace)?.json(&body)?;
        self.send(call).await.map(drop)
    }

    /// A read: waits for the gate only.
    async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        self.0.gate.read().await;
        decode(self.send(call).await?)
    }

    /// A write: waits for the gate and a place, and is not sent past the permit's deadline.
    async fn write(&self, permit: WritePermit, call: Call) -> Result<Bytes> {
        let _place = self.0.gate.write().await;
        if permit.deadline.is_some_and(|deadline| self.0.clock.now() >= deadline) {
            return Err(Error::new(Kind::Refused, "the leave to write has ended"));
        }
        self.send(call).await
    }

    async fn send(&self, call: Call) -> Result<Bytes> {
        let exchange = exchange(&self.0.client, call, self.0.clock.now());
        let answer = tokio::time::timeout(limits::REQUEST_TIMEOUT, exchange).await;
        let late = |_| Err(Error::new(Kind::Unavailable, "the API server did not answer in time"));
        let result = answer.unwrap_or_else(late);
        if let Err(error) = &result
            && error.kind() == Kind::Throttled
        {
            self.0.gate.close(error.wait());
        }
        result
    }

    /// Sends a JSON patch to an object or a subresource of it; the answer is its metadata, which nobody reads.
    async fn patch_object(
        &self,
        permit: WritePermit,
        subject: &Subject,
        (patch, below): (&Value, &str),
    ) -> Result<String> {
        let call = Call::on(Method::PATCH, &subject.kind.into(), &subject.key)?.below(below).json(patch)?;
        let call = call.patch("application/json-patch+json").only_metadata();
        let PartialWire { metadata } = decode(self.write(permit, call).await?)?;
        Ok(metadata.resource_version)
    }

    async fn write_secret(
        &self,
        permit: WritePermit,
        call: Call,
        (secret, by): (&Secret, Writer<'_>),
    ) -> Result<Secret> {
        let call = call.query(&managed_by(by.manager)).body(secret_body(secret)?);
        let sent = self.write(permit, call).await;
        let sent = sent.map_err(|error| by.refused(error, secret.hidden()))?;
        decode::<SecretWire>(sent).map(Into::into)
    }

    async fn write_object(
        &self,
        permit: WritePermit,
        call: Call,
        (object, by): (&GenericObject, Writer<'_>),
    ) -> Result<GenericObject> {
        let call = call.query(&managed_by(by.manager)).body(object_body(object)?);
        let sent = self.still_served(&object.kind, self.write(permit, call).await);
        let sent = sent.map_err(|error| by.refused(error, object.hidden()))?;
        Ok(decode::<GenericWire>(sent)?.into_object(&object.kind))
    }

    /// The answer about an object. If nothing is served at its path any more, the kind was removed: the next request looks for it again
    /// and tells what is the case. That the object is absent does not follow.
    fn still_served<T>(&self, kind: &ObjectKind, answer: Result<T>) -> Result<T> {
        if answer.as_ref().is_err_and(is_of_unserved_path) {
            self.0.kinds.forget(kind);
        }
        answer
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn get_secret(&self, key: &ObjectKey) -> Result<Secret> {
        let wire: SecretWire = self.read(Call::on(Method::GET, &ApiKind::SECRET, key)?).await?;
        Ok(wire.into())
    }

    async fn create_secret(&self, permit: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret> {
        let call = Call::among(Method::POST, &ApiKind::SECRET, &secret.meta.namespace)?;
        self.write_secret(permit, call, (secret, by)).await
    }

    async fn replace_secret(&self, permit: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret> {
        if secret.meta.resource_version.is_empty() {
            return Err(Error::new(Kind::Bug, "a Secret is replaced without its resourceVersion"));
        }
        let call = Call::on(Method::PUT, &ApiKind::SECRET, &secret.meta.key())?;
        self.write_secret(permit, call, (secret, by)).await
    }

    async fn delete_secret(&self, permit: WritePermit, key: &ObjectKey, state: &Precondition) -> Result<()> {
        let call = Call::on(Method::DELETE, &ApiKind::SECRET, key)?.json(&only_in(state))?;
        self.write(permit, call).await.map(drop)
    }

    async fn get_object(&self, kind: &ObjectKind, key: &ObjectKey) -> Result<GenericObject> {
        let call = Call::on(Method::GET, &self.look_up(kind).await?, key)?;
        let read = self.read::<GenericWire>(call).await;
        Ok(self.still_served(kind, read)?.into_object(kind))
    }

    async fn create_object(
        &self,
        permit: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject> {
        let kind = self.look_up(&object.kind).await?;
        let call = Call::among(Method::POST, &kind, &object.meta.namespace)?;
        self.write_object(permit, call, (object, by)).await
    }

    async fn replace_object(
        &self,
        permit: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject> {
        if object.meta.resource_version.is_empty() {
            return Err(Error::new(Kind::Bug, "an object is replaced without its resourceVersion"));
        }
        let kind = self.look_up(&object.kind).await?;
        let call = Call::on(Method::PUT, &kind, &object.meta.key())?;
        self.write_object(permit, call, (object, by)).await
    }

    async fn delete_object(
        &self,
        permit: WritePermit,
        kind: &ObjectKind,
        key: &ObjectKey,
        state: &Precondition,
    ) -> Result<()> {
        let call = Call::on(Method::DELETE, &self.look_up(kind).await?, key)?.json(&only_in(state))?;
        let sent = self.write(permit, call).await;
        self.still_served(kind, sent).map(drop)
    }

    async fn patch_status(&self, permit: WritePermit, subject: &Subject, status: Value) -> Result<String> {
        let Value::Object(fields) = status else {
            return Err(Error::new(Kind::Bug, "a status is not an object"));
        };
        let (first, second) = match self.0.statuses.is_known(&subject.uid.as_str().into()) {
            true => (into_status(subject, &fields), new_status(subject, &fields)),
            false => (new_status(subject, &fields), into_status(subject, &fields)),
        };
        let mut sent = self.patch_object(permit, subject, (&first, "/status")).await;
        if sent.as_ref().is_err_and(|error| error.kind() == Kind::Conflict) {
            sent = self.patch_object(permit, subject, (&second, "/status")).await;
        }
        if sent.is_ok() {
            self.0.statuses.know(&subject.uid.as_str().into());
        }
        sent
    }

    async fn remove_finalizer(&self, permit: WritePermit, subject: &Subject, finalizer: &str) -> Result<()> {
        let read = Call::on(Method::GET, &subject.kind.into(), &subject.key)?.only_metadata();
        let PartialWire { metadata } = match self.read(read).await {
            Err(error) if error.kind() == Kind::NotFound => return Ok(()),
            other => other?,
        };
        let place = metadata.finalizers.iter().position(|name| name == finalizer);
        let Some(place) = place.filter(|_| metadata.uid == subject.uid) else { return Ok(()) };
        let path = format!("/metadata/finalizers/{place}");
        let patch = json!([
            { "op": "test", "path": "/metadata/uid", "value": subject.uid },
            { "op": "test", "path": path, "value": finalizer },
            { "op": "remove", "path": path },
        ]);
        match self.patch_object(permit, subject, (&patch, "")).await {
            Err(error) if error.kind() == Kind::NotFound => Ok(()),
            other => other.map(drop),
        }
    }

    async fn config_map(&self, key: &ObjectKey) -> Result<BTreeMap<String, String>> {
        let wire: ConfigMapWire = self.read(Call::on(Method::GET, &ApiKind::CONFIG_MAP, key)?).await?;
        Ok(wire.data)
    }

    async fn service_account(&self, key: &ObjectKey) -> Result<ServiceAccount> {
        let call = Call::on(Method::GET, &ApiKind::SERVICE_ACCOUNT, key)?.only_metadata();
        let PartialWire { metadata } = self.read(call).await?;
        let annotations = metadata.annotations.pairs().to_map();
        Ok(ServiceAccount {
            namespace: key.namespace().to_string(),
            name: key.name().to_string(),
            annotations,
        })
    }

    async fn token(
        &self,
        key: &ObjectKey,
        audiences: &[String],
        seconds: i64,
    ) -> Result<ServiceAccountToken> {
        let spec = json!({ "audiences": audiences, "expirationSeconds": seconds });
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
        let call = Call::on(Method::POST, &ApiKind::SERVICE_ACCOUNT, key)?.below("/token").json(&body)?;
        let TokenWire { status } = self.read(call).await?;
        Ok(ServiceAccountToken { value: status.token, expires: status.expiration_timestamp })
    }

    fn event(&self, event: Event) {
        self.0.events.push(event, self.0.clock.now());
    }
}

/// The options of a deletion that is meant for one state of an object.
fn only_in(state: &Precondition) -> Value {
    let preconditions = json!({ "uid": state.uid, "resourceVersion": state.resource_version });
    json!({ "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions })
}

/// The patch for an object that has no status yet.
///
/// Both patches test the UID. A merge patch with `metadata.uid` would not do: the API server puts the live metadata back before it
/// compares, and writes the status of one object into its successor (measured with 1.36).
fn new_status(subject: &Subject, fields: &Map<String, Value>) -> Value {
    let status: Map<_, _> =
        fields.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
    json!([
        { "op": "test", "path": "/metadata/uid", "value": subject.uid },
        { "op": "test", "path": "/status", "value": null },
        { "op": "add", "path": "/status", "value": status },
    ])
}

/// The patch for an object that has a status: `add` replaces what is there, and what is not there is added before it is removed.
fn into_status(subject: &Subject, fields: &Map<String, Value>) -> Value {
    let test = json!({ "op": "test", "path": "/metadata/uid", "value": subject.uid });
    let path = |name: &str| format!("/status/{name}");
    let adds = fields.iter().map(|(name, value)| json!({ "op": "add", "path": path(name), "value": value }));
    let nulls = fields.iter().filter(|(_, value)| value.is_null());
    let removes = nulls.map(|(name, _)| json!({ "op": "remove", "path": path(name) }));
    std::iter::once(test).chain(adds).chain(removes).collect()
}

async fn configuration(connection: &Connection) -> Result<Config> {
    let options = KubeConfigOptions { context: connection.context.clone(), ..KubeConfigOptions::default() };
    if let Some(path) = &connection.kubeconfig {
        let file =
            Kubeconfig::read_from(path).map_err(|error| unusable("the kubeconfig cannot be read", error))?;
        let config = Config::from_custom_kubeconfig(file, &options).await;
        return config.map_err(|error| unusable("the kubeconfig does not work", error));
    }
    if connection.context.is_some() {
        let config = Config::from_kubeconfig(&options).await;
        return config.map_err(|error| unusable("the kubeconfig does not work", error));
    }
    Config::infer()
        .await
        .map_err(|error| unusable("found neither a kubeconfig nor a pod's service account", error))
}

/// What is wrong with a configuration names files and contexts only, so the user may read it.
fn unusable(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Invalid, format!("{what}: {error}")).because(error)
}

/// One request to be.
struct Call {
    method: Method,
    path: String,
    /// The name of the object, which a 404 must name to prove that it is absent.
    name: String,
    body: Bytes,
    content: &'static str,
    accept: &'static str,
}

impl Call {
    /// To the collection of a namespace.
    fn among(method: Method, kind: &ApiKind, namespace: &str) -> Result<Self> {
        Ok(Self { method, ..Self::document(kind.path(&segment(namespace)?)) })
    }

    /// A read of what is not about one object.
    fn document(path: String) -> Self {
        let (method, content) = (Method::GET, "application/json");
        Self { method, path, name: String::new(), body: Bytes::new(), content, accept: content }
    }

    /// To an object.
    fn on(method: Method, kind: &ApiKind, key: &ObjectKey) -> Result<Self> {
        let namespace = if key.namespace().is_empty() { String::new() } else { segment(key.namespace())? };
        let (path, content) =
            (format!("{}/{}", kind.path(&namespace), segment(key.name())?), "application/json");
        Ok(Self { method, path, name: key.name().to_string(), body: Bytes::new(), content, accept: content })
    }

    fn below(mut self, subresource: &str) -> Self {
        self.path.push_str(subresource);
        self
    }

    fn query(mut self, query: &str) -> Self {
        self.path = format!("{}?{query}", self.path);
        self
    }

    fn json(self, body: &impl serde::Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(body).map_err(|error| unbuilt().because(error))?;
        Ok(self.body(bytes.into()))
    }

    fn body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    fn patch(self, content: &'static str) -> Self {
        Self { content, ..self }
    }

    /// Asks for an answer without spec and status.
    fn only_metadata(self) -> Self {
        Self { accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", ..self }
    }

    fn request(self) -> Result<Request<Body>> {
        let request = Request::builder()
            .method(self.method)
            .uri(self.path)
            .header(header::ACCEPT, self.accept)
            .header(header::CONTENT_TYPE, self.content);
        request.body(Body::from(self.body)).map_err(|error| unbuilt().because(error))
    }
}

/// A name as a segment of a path. Tenants write names; one that Kubernetes would never give must not become a way to another object.
pub(super) fn segment(name: &str) -> Result<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if starts && name.len() <= 253 && name.bytes().all(plain) {
        return Ok(name.to_string());
    }
    Err(Error::new(Kind::Invalid, "not a name of a Kubernetes object").with("name", name.escape_debug()))
}

fn unbuilt() -> Error {
    Error::new(Kind::Bug, "a request to the API server could not be built")
}

/// The query that names the field manager; `/` and `.` are all that its names hold besides letters, digits and dashes.
fn managed_by(manager: &str) -> String {
    format!("fieldManager={}", manager.replace('/', "%2F"))
}

/// The body of a Secret in a buffer that is wiped when the request is over.
fn secret_body(secret: &Secret) -> Result<Bytes> {
    let mut body = Zeroizing::new(Vec::with_capacity(body_bytes(secret)));
    serde_json::to_writer(&mut *body, &SecretBody::from(secret)).map_err(|_| unbuilt())?;
    Ok(Bytes::from_owner(Wiped(body)))
}

/// The body of an object, in a buffer of its size for the same reason.
fn object_body(object: &GenericObject) -> Result<Bytes> {
    check_content(object)?;
    let (json, mut size) = (GenericBody::from(object), Size(0));
    serde_json::to_writer(&mut size, &json).map_err(|_| unbuilt())?;
    let mut body = Zeroizing::new(Vec::with_capacity(size.0));
    serde_json::to_writer(&mut *body, &json).map_err(|_| unbuilt())?;
    Ok(Bytes::from_owner(Wiped(body)))
}

/// Counts what is written to it.
struct Size(usize);

impl io::Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

async fn exchange(client: &Client, call: Call, now: Timestamp) -> Result<Bytes> {
    let name = call.name.clone();
    let answer = client.send(call.request()?).await.map_err(failure)?;
    let (head, body) = answer.into_parts();
    let body = body.collect_bytes().await.map_err(failure)?;
    let wait = retry_after(&head.headers, now);
    if head.status.is_success() { Ok(body) } else { Err(refused(head.status, wait, (&body, &name))) }
}

/// Reads an answer and wipes it. What the decoder says of a body may quote it, so it is not told.
fn decode<T: DeserializeOwned>(body: Bytes) -> Result<T> {
    let read = serde_json::from_slice(&body);
    if let Ok(mut own) = body.try_into_mut() {
        zeroize::Zeroize::zeroize(&mut *own);
    }
    read.map_err(|_: serde_json::Error| {
        Error::new(Kind::Malformed, "the answer of the API server is unreadable")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_becomes_a_path() {
        for name in ["", "..", ".", "a/b", "a%2fb", "a?b", "A", "../../kube-system/secrets/x", "ä"] {
            let key = ObjectKey::new("ns", name);
            let refused = Call::on(Method::GET, &ApiKind::SECRET, &key).map(|call| call.path);
            assert_eq!(refused.unwrap_err().kind(), Kind::Invalid, "{name}");
            assert!(Call::among(Method::POST, &ApiKind::SECRET, name).is_err(), "{name}");
        }
        assert!(Call::on(Method::GET, &ApiKind::SECRET, &ObjectKey::new("ns", "a.b-1")).is_ok());
    }

    fn object(body: Value) -> GenericObject {
        let Value::Object(body) = body else { panic!("{body} is no object") };
        let kind = ObjectKind { api_version: "v1".into(), kind: "ConfigMap".into() };
        GenericObject { body, ..GenericObject::new(kind, &ObjectKey::new("n", "c")) }
    }

    #[test]
    fn the_body_of_an_object_is_its_identity_and_its_content_in_a_buffer_that_fits() {
        let mut object = object(json!({ "data": { "a": "ü\n" }, "immutable": true }));
        object.meta.labels.insert("l".into(), "1".into());
        let body = object_body(&object).unwrap();
        let read: Value = serde_json::from_slice(&body).unwrap();
        let metadata = json!({ "name": "c", "namespace": "n", "labels": { "l": "1" }, "annotations": {},
            "ownerReferences": [], "finalizers": [] });
        let sent = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
            "data": { "a": "ü\n" }, "immutable": true });
        assert_eq!(read, sent);
        object.body.insert("metadata".into(), json!({ "name": "other" }));
        assert_eq!(object_body(&object).unwrap_err().kind(), Kind::Invalid);
    }

    #[test]
    fn the_body_of_a_secret_is_wiped_memory_of_the_right_size() {
        let mut secret = Secret::new(&ObjectKey::new("n", "s"));
        secret.data.insert("k".into(), keyferry_stores::base::SecretBytes::new(vec![7; 100_000]));
        let body: Value = serde_json::from_slice(&secret_body(&secret).unwrap()).unwrap();
        assert_eq!(body["data"]["k"].as_str().unwrap().len(), 133_336);
        assert!(body["metadata"].get("managedFields").is_none());
    }
}
