//! The real cluster, over kube's client.
//!
//! Requests are built here and not by `kube::Api`: its answers come through typed trees that keep values and `managedFields`, and it
//! logs a body that it cannot read. Of kube we take the connection, authentication and (in `feeds`) the watcher. Its own retry is off:
//! the controllers' schedule says when something is tried again.
//!
//! Plaintext: bodies out are built in a wiped buffer of the right size; bodies in are wiped after decoding where nobody else holds
//! them. What the TLS layer buffers is out of our hands.

use std::{collections::BTreeMap, fmt, future::Future, path::PathBuf, sync::Arc, time::Duration};

use ::kube::{
    Client, Config,
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
};
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
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
    Cluster, Event, ObjectKey, Precondition, Secret, Subject, WritePermit,
    events::{self, EventQueue},
    feeds::{ApiKind, KubeWatches, Statuses},
    gate::{Budget, Gate},
    refusal::{failure, refused},
    wire::{ConfigMapWire, MetaWire, SecretBody, SecretWire, TokenWire, body_bytes},
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
        Ok(Self(Arc::new(Inner { client, clock, gate, events, statuses: Arc::default() })))
    }

    /// The feeds of this cluster.
    #[must_use]
    pub fn watches(&self) -> KubeWatches {
        KubeWatches::new(self.0.client.clone(), Arc::clone(&self.0.statuses))
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
        let call = Call::among(Method::POST, ApiKind::EVENT, &due.namespace)?.json(&body)?;
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
        let call = Call::on(Method::PATCH, subject.kind.into(), &subject.key)?.below(below).json(patch)?;
        let call = call.patch("application/json-patch+json").only_metadata();
        let MetaWire { metadata } = decode(self.write(permit, call).await?)?;
        Ok(metadata.resource_version)
    }

    async fn write_secret(&self, permit: WritePermit, call: Call, secret: &Secret) -> Result<Secret> {
        let body = secret_body(secret)?;
        let sent = self.write(permit, call.body(body)).await.map_err(|error| redact(error, secret))?;
        decode::<SecretWire>(sent).map(Into::into)
    }
}

#[async_trait]
impl Cluster for KubeCluster {
    async fn get_secret(&self, key: &ObjectKey) -> Result<Secret> {
        let wire: SecretWire = self.read(Call::on(Method::GET, ApiKind::SECRET, key)?).await?;
        Ok(wire.into())
    }

    async fn create_secret(&self, permit: WritePermit, secret: &Secret, manager: &str) -> Result<Secret> {
        let call = Call::among(Method::POST, ApiKind::SECRET, &secret.namespace)?.query(&managed_by(manager));
        self.write_secret(permit, call, secret).await
    }

    async fn replace_secret(&self, permit: WritePermit, secret: &Secret, manager: &str) -> Result<Secret> {
        if secret.resource_version.is_empty() {
            return Err(Error::new(Kind::Bug, "a Secret is replaced without its resourceVersion"));
        }
        let call = Call::on(Method::PUT, ApiKind::SECRET, &secret.key())?.query(&managed_by(manager));
        self.write_secret(permit, call, secret).await
    }

    async fn delete_secret(&self, permit: WritePermit, key: &ObjectKey, state: &Precondition) -> Result<()> {
        let preconditions = json!({ "uid": state.uid, "resourceVersion": state.resource_version });
        let options = json!({ "kind": "DeleteOptions", "apiVersion": "v1", "preconditions": preconditions });
        let call = Call::on(Method::DELETE, ApiKind::SECRET, key)?.json(&options)?;
        self.write(permit, call).await.map(drop)
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
        let read = Call::on(Method::GET, subject.kind.into(), &subject.key)?.only_metadata();
        let MetaWire { metadata } = match self.read(read).await {
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
        let wire: ConfigMapWire = self.read(Call::on(Method::GET, ApiKind::CONFIG_MAP, key)?).await?;
        Ok(wire.data)
    }

    async fn service_account(&self, key: &ObjectKey) -> Result<ServiceAccount> {
        let call = Call::on(Method::GET, ApiKind::SERVICE_ACCOUNT, key)?.only_metadata();
        let MetaWire { metadata } = self.read(call).await?;
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
        let call = Call::on(Method::POST, ApiKind::SERVICE_ACCOUNT, key)?.below("/token").json(&body)?;
        let TokenWire { status } = self.read(call).await?;
        Ok(ServiceAccountToken { value: status.token, expires: status.expiration_timestamp })
    }

    fn event(&self, event: Event) {
        self.0.events.push(event, self.0.clock.now());
    }
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
    fn among(method: Method, kind: ApiKind, namespace: &str) -> Result<Self> {
        let (path, content) = (kind.path(&segment(namespace)?), "application/json");
        Ok(Self { method, path, name: String::new(), body: Bytes::new(), content, accept: content })
    }

    /// To an object.
    fn on(method: Method, kind: ApiKind, key: &ObjectKey) -> Result<Self> {
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
fn segment(name: &str) -> Result<String> {
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

/// Takes the values of a Secret out of what the API server (or a webhook in it) says of its write: raw, base64 and JSON-escaped.
/// Values under four bytes stay: they would tear every sentence apart and are no secret.
fn redact(error: Error, secret: &Secret) -> Error {
    let text = error.to_string();
    let mut clean = text.clone();
    for value in secret.data.values().filter(|value| value.len() >= 4) {
        let encoded = Zeroizing::new(STANDARD.encode(value.expose()));
        clean = clean.replace(encoded.as_str(), "[redacted]");
        let Some(raw) = value.expose_str() else { continue };
        let escaped = Zeroizing::new(raw.escape_debug().to_string());
        clean = clean.replace(raw, "[redacted]").replace(escaped.as_str(), "[redacted]");
    }
    if clean == text { error } else { Error::new(error.kind(), clean).after(error.wait()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_becomes_a_path() {
        for name in ["", "..", ".", "a/b", "a%2fb", "a?b", "A", "../../kube-system/secrets/x", "ä"] {
            let key = ObjectKey::new("ns", name);
            let refused = Call::on(Method::GET, ApiKind::SECRET, &key).map(|call| call.path);
            assert_eq!(refused.unwrap_err().kind(), Kind::Invalid, "{name}");
            assert!(Call::among(Method::POST, ApiKind::SECRET, name).is_err(), "{name}");
        }
        assert!(Call::on(Method::GET, ApiKind::SECRET, &ObjectKey::new("ns", "a.b-1")).is_ok());
    }

    #[test]
    fn values_are_taken_out_of_what_a_webhook_says() {
        let mut secret = Secret::default();
        secret.data.insert("k".into(), "hunter\n2".into());
        let text = format!("denied: hunter\n2 {} {}", "hunter\\n2", STANDARD.encode("hunter\n2"));
        let clean = redact(Error::new(Kind::Forbidden, text), &secret);
        assert_eq!(clean.to_string(), "denied: [redacted] [redacted] [redacted]");
    }

    #[test]
    fn the_body_of_a_secret_is_wiped_memory_of_the_right_size() {
        let mut secret = Secret { namespace: "n".into(), name: "s".into(), ..Secret::default() };
        secret.data.insert("k".into(), keyferry_stores::base::SecretBytes::new(vec![7; 100_000]));
        let body: Value = serde_json::from_slice(&secret_body(&secret).unwrap()).unwrap();
        assert_eq!(body["data"]["k"].as_str().unwrap().len(), 133_336);
        assert!(body["metadata"].get("managedFields").is_none());
    }
}
