//! The API server as a case sees it: what people do to it, and what there is to be seen.

use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::case::{Delete, Patch};
use crate::plane::Plane;

/// Between two looks at the cluster.
const LOOK: Duration = Duration::from_millis(200);
const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const WHO: &str = "fieldManager=conformance";

/// The kinds of the cases: kind, where the API server has it, plural, whether it lives in a namespace.
const KINDS: [(&str, &str, &str, bool); 9] = [
    ("ClusterSecretStore", "apis/external-secrets.io/v1", "clustersecretstores", false),
    ("ConfigMap", "api/v1", "configmaps", true),
    ("Event", "api/v1", "events", true),
    ("ExternalSecret", "apis/external-secrets.io/v1", "externalsecrets", true),
    ("Role", "apis/rbac.authorization.k8s.io/v1", "roles", true),
    ("RoleBinding", "apis/rbac.authorization.k8s.io/v1", "rolebindings", true),
    ("Secret", "api/v1", "secrets", true),
    ("SecretStore", "apis/external-secrets.io/v1", "secretstores", true),
    ("ServiceAccount", "api/v1", "serviceaccounts", true),
];

/// A kind that observations are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Listed {
    Secret,
    ConfigMap,
    ExternalSecret,
    SecretStore,
    ClusterSecretStore,
    Event,
}

const LISTED: [(Listed, &str); 6] = [
    (Listed::Secret, "Secret"),
    (Listed::ConfigMap, "ConfigMap"),
    (Listed::ExternalSecret, "ExternalSecret"),
    (Listed::SecretStore, "SecretStore"),
    (Listed::ClusterSecretStore, "ClusterSecretStore"),
    (Listed::Event, "Event"),
];

/// Every object of the listed kinds, of all namespaces, at about one moment.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    lists: Vec<(Listed, Vec<Value>)>,
}

impl Snapshot {
    /// The objects of a kind.
    pub(super) fn of(&self, kind: Listed) -> impl Iterator<Item = &Value> {
        self.lists.iter().filter(move |(listed, _)| *listed == kind).flat_map(|(_, objects)| objects)
    }
}

/// A cluster admin's connection.
#[derive(Debug, Clone)]
pub(super) struct Api {
    http: Client,
    server: String,
    ca: String,
}

impl Api {
    pub(super) fn new(plane: &Plane) -> Self {
        let ca = std::fs::read_to_string(&plane.ca).expect("the CA can be read");
        let trust = reqwest::Certificate::from_pem(ca.as_bytes()).expect("a certificate");
        let bearer = HeaderValue::from_str(&format!("Bearer {}", plane.token)).expect("a token");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let http = Client::builder().no_proxy().tls_certs_only([trust]).default_headers(headers);
        Self { http: http.build().expect("a client"), server: plane.server.clone(), ca }
    }

    /// Makes a namespace.
    pub(super) async fn make_namespace(&self, name: &str, labels: Value) -> Result<(), String> {
        let body = json!({ "metadata": { "name": name, "labels": labels } });
        self.call(Method::POST, "api/v1/namespaces", Some((APPLICATION_JSON, &body))).await.map(drop)
    }

    /// Deletes a namespace, without waiting for it to go.
    pub(super) async fn delete_namespace(&self, name: &str) -> Result<(), String> {
        self.call(Method::DELETE, &format!("api/v1/namespaces/{name}"), None).await.map(drop)
    }

    /// Server-side apply, by force, into `namespace` unless the object names another or is cluster-wide.
    pub(super) async fn apply(&self, namespace: &str, object: &Value) -> Result<(), String> {
        let object = self.completed(namespace, object);
        let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
        let path = format!("{}?{WHO}&force=true", path(kind, text(&object["metadata"]["namespace"]), name));
        let answer = self.call(Method::PATCH, &path, Some((APPLY, &object))).await;
        answer.map(drop).map_err(|refusal| format!("apply {kind} {name}: {refusal}"))
    }

    pub(super) async fn patch(&self, namespace: &str, patch: &Patch) -> Result<(), String> {
        let Patch { kind, name, merge } = patch;
        let path = format!("{}?{WHO}", path(kind, namespace, name));
        let answer = self.call(Method::PATCH, &path, Some((MERGE, merge))).await;
        answer.map(drop).map_err(|refusal| format!("patch {kind} {name}: {refusal}"))
    }

    pub(super) async fn delete(&self, namespace: &str, delete: &Delete) -> Result<(), String> {
        let Delete { kind, name } = delete;
        let answer = self.call(Method::DELETE, &path(kind, namespace, name), None).await;
        answer.map(drop).map_err(|refusal| format!("delete {kind} {name}: {refusal}"))
    }

    /// Deletes all objects of a kind in a namespace.
    pub(super) async fn delete_all(&self, kind: &str, namespace: &str) -> Result<(), String> {
        self.call(Method::DELETE, &path(kind, namespace, ""), None).await.map(drop)
    }

    /// Looks at the cluster for ever and tells of each look. Ends when nobody listens any more.
    ///
    /// One pair of eyes for all cases: each asking for itself would cost the API server many times as much.
    pub(super) async fn look(&self, tell: watch::Sender<Arc<Snapshot>>) {
        while !tell.is_closed() {
            let lists = try_join_all(LISTED.map(|(listed, kind)| self.list(listed, kind))).await;
            // A list that fails is tried again; should it never come, the cases say that they waited in vain.
            if let Ok(lists) = lists {
                tell.send_replace(Arc::new(Snapshot { lists }));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn list(&self, listed: Listed, kind: &str) -> Result<(Listed, Vec<Value>), String> {
        // At the resource version 0 the answer may be older than what a case has just done.
        let mut answer = self.call(Method::GET, &path(kind, "", ""), None).await?;
        match answer["items"].take() {
            Value::Array(items) => Ok((listed, items)),
            _ => Err(format!("the list of {kind} has no items")),
        }
    }

    /// With its API version, its namespace, and the addresses of this cluster.
    fn completed(&self, namespace: &str, object: &Value) -> Value {
        let mut object = self.filled(object);
        let (_, api, _, namespaced) = row(text(&object["kind"]));
        let version = api.split_once('/').map_or(api, |(_, version)| version);
        let metadata = &mut object["metadata"];
        if namespaced && metadata["namespace"].is_null() {
            metadata["namespace"] = namespace.into();
        }
        object["apiVersion"] = version.into();
        object
    }

    /// With `$(SERVER)` and `$(CA)` put in.
    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => text.replace("$(SERVER)", &self.server).replace("$(CA)", &self.ca).into(),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), self.filled(value))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// The answer, or the status and the message of a refusal.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<(&'static str, &Value)>,
    ) -> Result<Value, String> {
        let mut request = self.http.request(method, format!("{}/{path}", self.server));
        if let Some((kind, body)) = body {
            request = request.header(CONTENT_TYPE, kind).body(body.to_string());
        }
        let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| format!("{status}: {error:?}"))?;
        if status.is_success() {
            Ok(body)
        } else {
            Err(format!("{} {}", status.as_u16(), text(&body["message"])))
        }
    }
}

const APPLICATION_JSON: &str = "application/json";

fn path(kind: &str, namespace: &str, name: &str) -> String {
    let (_, api, plural, namespaced) = row(kind);
    let namespace = if namespaced { namespace } else { "" };
    let place = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
    let name = if name.is_empty() { String::new() } else { format!("/{name}") };
    format!("{api}{place}/{plural}{name}")
}

fn row(kind: &str) -> (&'static str, &'static str, &'static str, bool) {
    *KINDS.iter().find(|row| row.0 == kind).unwrap_or_else(|| panic!("{kind} is no kind of these cases"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
