//! The wire of the API server: URLs, one judged call, and what answers hold.
//!
//! What it says was measured on an API server 1.36 and is pinned by `tests/it/real_kubernetes.rs`:
//!
//! | case | answer |
//! |---|---|
//! | absent Secret | 404 `Status`, reason `NotFound`, `details` `{kind: secrets, name}` |
//! | absent **namespace** | **the same** |
//! | listing in an absent namespace | 200 and an empty list |
//! | a path that it does not have | 404 in plain text |
//!
//! So absence of a Secret is never proof enough to delete: see `Kubernetes::ABSENCE`.

use std::{collections::BTreeMap, fmt};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use reqwest::Url;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Visitor},
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::auth::{Bearer, Door};
use crate::{
    base::{Error, Kind, Result, SecretBytes},
    net::{
        client::{self, Answer},
        retry::{Retry, jitter, retry},
    },
    provider::env::Env,
};

/// One API server, as one store reaches it.
#[derive(Debug)]
pub(super) struct Server {
    client: reqwest::Client,
    url: Url,
    bearer: Bearer,
    env: Env,
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Call {
    /// Reads a path.
    pub(super) fn read(path: &[&str]) -> Self {
        let path = path.iter().map(ToString::to_string).collect();
        Self { method: Method::GET, path, query: Vec::new(), body: None }
    }

    /// Asks the API server about the rights of the caller.
    pub(super) fn review(kind: &str, resource: &str, spec: &Value) -> Self {
        let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
        let path = ["apis", "authorization.k8s.io", "v1", resource];
        Self { method: Method::POST, body: Some(body.to_string()), ..Self::read(&path) }
    }

    /// Adds a parameter.
    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Adds a parameter, if there is a value.
    pub(super) fn query_if(self, name: &'static str, value: Option<&str>) -> Self {
        value.into_iter().fold(self, |call, value| call.query(name, value))
    }

    /// The name under which it is counted.
    fn name(&self) -> &'static str {
        match self.path.last().map(String::as_str) {
            Some("selfsubjectrulesreviews") => "CreateSelfSubjectRulesReview",
            Some("selfsubjectaccessreviews") => "CreateSelfSubjectAccessReview",
            Some("secrets") => "ListSecrets",
            _ => "GetSecret",
        }
    }

    fn url(&self, server: &Url) -> Url {
        let mut url = server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&self.path);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }

    fn request(&self, server: &Url, bearer: Option<&HeaderValue>) -> reqwest::Request {
        let mut request = reqwest::Request::new(self.method.clone(), self.url(server));
        let json = HeaderValue::from_static("application/json");
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, json.clone());
        headers.extend(bearer.map(|bearer| (header::AUTHORIZATION, bearer.clone())));
        if let Some(body) = &self.body {
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.clone().into());
        }
        request
    }
}

impl Server {
    /// Opens the door.
    ///
    /// # Errors
    /// `Invalid` for TLS material that does not fit; those of the first token.
    pub(super) async fn open(door: Door, env: Env) -> Result<Self> {
        let client = env.http.client(&door.trust)?;
        // A ServiceAccount that is not there shows when the store is opened, as with ESO.
        door.bearer.get(&env).await?;
        Ok(Self { client, url: door.server, bearer: door.bearer, env })
    }

    /// The answer to a call: a success or a 404, which the caller knows how to read. A refused token is replaced once.
    ///
    /// # Errors
    /// Those of HTTP, and of the request for a token.
    pub(super) async fn ask(&self, call: &Call) -> Result<Answer> {
        let token = self.bearer.get(&self.env).await?;
        let outcome = self.send(call, token.as_ref().map(|token| &token.value)).await;
        let (Err(error), Some(token)) = (&outcome, &token) else { return outcome };
        if error.kind() != Kind::Unauthenticated {
            return outcome;
        }
        match self.bearer.another(token, &self.env).await? {
            Some(fresh) => self.send(call, Some(&fresh.value)).await,
            None => outcome,
        }
    }

    /// Every call only reads, reviews included, so every call may be repeated.
    async fn send(&self, call: &Call, bearer: Option<&HeaderValue>) -> Result<Answer> {
        let clock = &*self.env.clock;
        let send = async || {
            let answer = client::send(&self.client, call.request(&self.url, bearer)).await;
            let judged = answer.and_then(|answer| judged(answer, clock.now()));
            self.env.calls.note("Kubernetes", call.name(), judged.is_ok());
            judged.map_err(|error| error.with("host", self.host()))
        };
        retry(clock, Retry::of(self.env.retry, 0), jitter, send).await
    }

    /// What a 404 means that is no proof of absence, and any other answer that does not fit.
    pub(super) fn fault(&self, answer: &Answer) -> Error {
        answer.fault(self.env.clock.now()).with("host", self.host())
    }

    /// Host and port.
    fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
    }
}

fn judged(answer: Answer, now: Timestamp) -> Result<Answer> {
    match answer.status {
        StatusCode::NOT_FOUND => Ok(answer),
        status if status.is_success() => Ok(answer),
        // The server forgot where a listing was: it took too long. The next one begins anew.
        StatusCode::GONE => Err(answer.fault(now).as_kind(Kind::Unavailable)),
        _ => Err(answer.fault(now)),
    }
}

/// A Secret, as far as it is read.
#[derive(Deserialize)]
pub(super) struct Secret {
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    data: Option<BTreeMap<String, Decoded>>,
}

/// Metadata of a Secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectMeta {
    pub(super) name: String,
    pub(super) resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Secret {
    /// Its data.
    pub(super) fn fields(self) -> BTreeMap<String, SecretBytes> {
        self.data.unwrap_or_default().into_iter().map(|(key, Decoded(value))| (key, value)).collect()
    }

    /// Labels and annotations, as `metadataPolicy: Fetch` gives them. An annotation may hold a copy of the data.
    ///
    /// # Errors
    /// None: maps of text can be written.
    pub(super) fn labels_and_annotations(&self) -> Result<SecretBytes> {
        #[derive(Serialize)]
        struct Both<'a> {
            annotations: Option<&'a BTreeMap<String, String>>,
            labels: Option<&'a BTreeMap<String, String>>,
        }
        let ObjectMeta { annotations, labels, .. } = &self.metadata;
        let both = Both { annotations: annotations.as_ref(), labels: labels.as_ref() };
        let text = serde_json::to_vec(&both);
        text.map(SecretBytes::new)
            .map_err(|_| Error::new(Kind::Bug, "labels and annotations cannot be written"))
    }
}

/// A page of a listing.
pub(super) struct Page {
    pub(super) items: Vec<Secret>,
    /// Where the next page begins.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct SecretList {
    metadata: ListMeta,
    items: Vec<Secret>,
}

#[derive(Deserialize)]
struct ListMeta {
    #[serde(rename = "continue")]
    next: Option<String>,
}

/// A value, decoded while it is read: its base64 is never kept.
struct Decoded(SecretBytes);

impl<'de> Deserialize<'de> for Decoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Base64)
    }
}

struct Base64;

impl Visitor<'_> for Base64 {
    type Value = Decoded;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Decoded, E> {
        let decoded = STANDARD.decode(text).map_err(|_| E::custom("not base64"))?;
        Ok(Decoded(SecretBytes::from(Zeroizing::new(decoded))))
    }

    fn visit_unit<E>(self) -> std::result::Result<Decoded, E> {
        Ok(Decoded(SecretBytes::new(Vec::new())))
    }
}

#[derive(Deserialize)]
struct TypeMeta {
    kind: String,
}

/// Reads an object of this kind.
///
/// # Errors
/// `Malformed`. The parser's own error may quote the body, so it is not kept.
fn object<T: DeserializeOwned>(answer: &Answer, kind: &str) -> Result<T> {
    let malformed = || Error::new(Kind::Malformed, format!("the answer of the API server is no {kind}"));
    let meta: TypeMeta = serde_json::from_slice(&answer.body).map_err(|_| malformed())?;
    if meta.kind != kind {
        return Err(malformed());
    }
    serde_json::from_slice(&answer.body).map_err(|_| malformed())
}

/// The Secret that was asked for.
///
/// # Errors
/// `Malformed`, also for another one.
pub(super) fn secret(answer: &Answer, name: &str) -> Result<Secret> {
    let secret: Secret = object(answer, "Secret")?;
    if secret.metadata.name != name {
        return Err(Error::new(Kind::Malformed, "the API server answers with another Secret"));
    }
    Ok(secret)
}

/// A page of a listing.
///
/// # Errors
/// `Malformed`.
pub(super) fn page(answer: &Answer) -> Result<Page> {
    let list: SecretList = object(answer, "SecretList")?;
    Ok(Page { items: list.items, next: list.metadata.next.filter(|next| !next.is_empty()) })
}

/// True if a 404 says that this Secret is absent, and not that the address is wrong.
pub(super) fn says_absent(answer: &Answer, name: &str) -> bool {
    #[derive(Deserialize)]
    struct Status {
        reason: String,
        details: Details,
    }
    #[derive(Deserialize)]
    struct Details {
        kind: String,
        name: String,
    }
    let status = object::<Status>(answer, "Status");
    status.is_ok_and(|Status { reason, details }| {
        reason == "NotFound" && details.kind == "secrets" && details.name == name
    })
}

/// True if the rules that a `SelfSubjectRulesReview` lists let the caller get Secrets.
///
/// # Errors
/// `Malformed`.
pub(super) fn rules_allow(answer: &Answer) -> Result<bool> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        resource_rules: Option<Vec<Rule>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    #[derive(Default)]
    struct Rule {
        verbs: Vec<String>,
        api_groups: Vec<String>,
        resources: Vec<String>,
    }
    let names = |list: &[String], name: &str| list.iter().any(|item| item == name || item == "*");
    let review: Review = object(answer, "SelfSubjectRulesReview")?;
    Ok(review.status.resource_rules.unwrap_or_default().iter().any(|rule| {
        let group = rule.api_groups.is_empty() || names(&rule.api_groups, "");
        group && names(&rule.resources, "secrets") && names(&rule.verbs, "get")
    }))
}

/// What a `SelfSubjectAccessReview` says.
///
/// # Errors
/// `Malformed`.
pub(super) fn access_allows(answer: &Answer) -> Result<bool> {
    #[derive(Deserialize)]
    struct Review {
        status: Status,
    }
    #[derive(Deserialize)]
    struct Status {
        allowed: bool,
    }
    object::<Review>(answer, "SelfSubjectAccessReview").map(|review| review.status.allowed)
}
