//! A control plane for one measurement, and the administrator's door to it.
//!
//! [`Plane::start`] has `tests/cluster/plane.py` start a real etcd, API server and controller manager, and installs the kinds.
//! [`Plane::identity`] gives what the chart gives to keyferry, so that the program is measured with the rights that it has in a
//! cluster. [`Api`] makes and reads objects as administrator; its requests stand in the audit log under another name than keyferry's.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use reqwest::{Method, RequestBuilder, Response, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use crate::Result;

/// How often it is looked whether the control plane is up.
const LOOK: Duration = Duration::from_millis(50);
/// How long the lists of a new kind may take to be served. Long, because it only matters when a benchmark fails.
const LISTED_WITHIN: Duration = Duration::from_secs(60);
/// The namespace of keyferry's ServiceAccount; the account, the release and the roles are named the same.
const NAME: &str = "keyferry";
/// Longer than any measurement, so that no token has to be renewed.
const TOKEN_SECONDS: u64 = 8 * 60 * 60;

/// A real control plane with keyferry's kinds installed. It ends with this value, and with our process however that ends.
pub struct Plane {
    described: Described,
    api: Api,
    // Before the directory, so that it is gone only after the process.
    _process: Process,
    _dir: TempDir,
}

/// What `plane.py` says of the control plane: the fields of its description that matter here.
#[derive(Debug, Deserialize)]
struct Described {
    server: String,
    ca: PathBuf,
    token: String,
    kubeconfig: PathBuf,
    kubectl: PathBuf,
    helm: PathBuf,
    audit: Option<PathBuf>,
}

/// A running `plane.py`, which stays up until its standard input closes.
struct Process(Child);

/// What keyferry runs as: the chart's ServiceAccount, bound to the chart's roles.
pub struct Identity {
    /// A kubeconfig with the token. Gone with this value.
    pub kubeconfig: PathBuf,
    /// The user's name in the audit log.
    pub user: String,
    /// The bearer token, good for eight hours.
    pub token: String,
    _dir: TempDir,
}

/// The API server, as one user. Clones share their connections.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    server: Arc<str>,
    token: Arc<str>,
}

impl Plane {
    /// Starts a control plane and installs `crds/`; all of it is ready when this returns. `audit`: whether the API server writes down
    /// every request. The first start on a machine builds the programs, which takes minutes; `plane.py` tells so on standard error.
    ///
    /// # Errors
    /// If the control plane does not come up or refuses the kinds.
    pub async fn start(audit: bool) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("plane.json");
        let mut process = Process::start(&file, audit)?;
        process.until_described(&file).await?;
        let described: Described = serde_json::from_slice(&std::fs::read(&file)?)?;
        let api = Api::new(&described.server, &described.ca, &described.token)?;
        let plane = Self { described, api, _process: process, _dir: dir };
        plane.install_kinds().await?;
        Ok(plane)
    }

    /// The API server, as administrator.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The API server's URL.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.described.server
    }

    /// The certificate (PEM) of the CA that signed the API server's certificate.
    #[must_use]
    pub fn ca(&self) -> &Path {
        &self.described.ca
    }

    /// The audit log; none if the control plane was started without.
    #[must_use]
    pub fn audit(&self) -> Option<&Path> {
        self.described.audit.as_deref()
    }

    /// The chart's ServiceAccount and roles, and a kubeconfig that reaches the API server at `server`: the real URL
    /// ([`Plane::server`]) or the `http://` address of a proxy. May be called again, with another address.
    ///
    /// # Errors
    /// If helm or the API server refuses.
    pub async fn identity(&self, server: &str) -> Result<Identity> {
        let manifests = format!("{}\n---\n{}", namespace(), self.rendered_roles().await?);
        self.kubectl(&["apply", "-f", "-"], &manifests).await?;
        let path = format!("/api/v1/namespaces/{NAME}/serviceaccounts/{NAME}/token");
        let wanted = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": { "expirationSeconds": TOKEN_SECONDS } });
        let answer = self.api.post(&path, &wanted).await?;
        let token =
            answer["status"]["token"].as_str().ok_or("the answer to the token request has no token")?;
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("kubeconfig");
        std::fs::write(&file, kubeconfig(server, self.ca(), token).to_string())?;
        let user = format!("system:serviceaccount:{NAME}:{NAME}");
        Ok(Identity { kubeconfig: file, user, token: token.to_owned(), _dir: dir })
    }

    /// Plain client-side apply, as the README has people do it.
    async fn install_kinds(&self) -> Result<()> {
        let crds = in_repository("crds");
        let crds = crds.to_string_lossy();
        self.kubectl(&["apply", "-f", &crds], "").await?;
        self.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", &crds], "").await?;
        let kinds = self.api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").await?;
        for path in kinds["items"].as_array().into_iter().flatten().flat_map(lists) {
            self.until_listed(&path).await?;
        }
        Ok(())
    }

    /// Established is not all: for a second or so lists are still answered with "storage is (re)initializing", and a controller that
    /// is told so waits.
    async fn until_listed(&self, path: &str) -> Result<()> {
        let listed = async {
            loop {
                match self.api.get(path).await {
                    Ok(_) => return,
                    Err(_not_yet) => tokio::time::sleep(LOOK).await,
                }
            }
        };
        let in_time = tokio::time::timeout(LISTED_WITHIN, listed).await;
        in_time.map_err(|_| {
            format!("{path} cannot be listed {} s after the kind was made", LISTED_WITHIN.as_secs()).into()
        })
    }

    /// The manifests of the chart's ServiceAccount and roles.
    async fn rendered_roles(&self) -> Result<String> {
        let mut command = tokio::process::Command::new(&self.described.helm);
        command.args(["template", NAME]).arg(in_repository("charts/keyferry")).args(["--namespace", NAME]);
        command.args(["--show-only", "templates/serviceaccount.yaml", "--show-only", "templates/rbac.yaml"]);
        command.args(["--set", "serviceAccount.name=keyferry"]);
        output(command, "").await
    }

    async fn kubectl(&self, args: &[&str], stdin: &str) -> Result<String> {
        let mut command = tokio::process::Command::new(&self.described.kubectl);
        command.arg("--kubeconfig").arg(&self.described.kubeconfig).args(args);
        output(command, stdin).await
    }
}

impl Process {
    fn start(description: &Path, audit: bool) -> Result<Self> {
        let mut command = Command::new("python3");
        command.arg(in_repository("tests/cluster/plane.py")).args(["up", "--with", "helm"]);
        command.args(audit.then_some("--audit")).arg("--json").arg(description);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
        Ok(Self(child.map_err(|error| format!("python3 does not start: {error}"))?))
    }

    /// Waits until the description is there, or the process has given up; why is then on standard error.
    async fn until_described(&mut self, description: &Path) -> Result<()> {
        while !description.exists() {
            if let Some(status) = self.0.try_wait()? {
                return Err(format!("the control plane did not come up: plane.py ended with {status}").into());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ended = self.0.wait();
    }
}

impl Api {
    /// The API server at `server`, whose certificate was signed by `ca` (a PEM file), as the user of a bearer token.
    ///
    /// # Errors
    /// If the CA cannot be read.
    pub fn new(server: &str, ca: &Path, token: &str) -> Result<Self> {
        let pem = std::fs::read(ca).map_err(|error| format!("{}: {error}", ca.display()))?;
        let trusted = reqwest::Certificate::from_pem(&pem)?;
        // A proxy from the environment must not see loopback requests.
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build()?;
        Ok(Self { client, server: server.into(), token: token.into() })
    }

    /// Reads what is at a path below the API server's root.
    ///
    /// # Errors
    /// What every request here may fail with: no answer, or one that is no success or not JSON. The text tells method, path, status and
    /// the message of the API server.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.answer(Method::GET, path, |request| request).await
    }

    /// Creates an object.
    ///
    /// # Errors
    /// See [`Api::get`].
    pub async fn post(&self, path: &str, object: &Value) -> Result<Value> {
        self.answer(Method::POST, path, |request| request.json(object)).await
    }

    /// Changes an object by a patch of the kind that `content_type` names, such as `application/merge-patch+json`.
    ///
    /// # Errors
    /// See [`Api::get`].
    pub async fn patch(&self, path: &str, content_type: &str, patch: &Value) -> Result<Value> {
        let body = patch.to_string();
        self.answer(Method::PATCH, path, |request| request.header(CONTENT_TYPE, content_type).body(body))
            .await
    }

    /// Deletes an object or a collection of them.
    ///
    /// # Errors
    /// See [`Api::get`].
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.answer(Method::DELETE, path, |request| request).await
    }

    /// An answer that comes a JSON value a line, as watches do, for as long as the API server sends.
    ///
    /// # Errors
    /// See [`Api::get`]. The stream's items are errors if the connection breaks or a line is not JSON; nothing comes after the first.
    pub async fn lines(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<Value>> + Send + Unpin + use<>> {
        let answer = self.successful(Method::GET, path, |request| request).await?;
        Ok(values(answer.bytes_stream().map(|chunk| Ok(chunk?))))
    }

    /// The bytes of an answer as they come, for those who read more of them than they want to hold as values.
    ///
    /// # Errors
    /// See [`Api::get`]. The stream's items are errors if the connection breaks.
    pub async fn stream(
        &self,
        path: &str,
    ) -> Result<impl Stream<Item = Result<Bytes>> + Send + Unpin + use<>> {
        let answer = self.successful(Method::GET, path, |request| request).await?;
        Ok(answer.bytes_stream().map(|chunk| Ok(chunk?)).boxed())
    }

    async fn answer(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Value> {
        let asked = format!("{method} {path}");
        let body = self.successful(method, path, complete).await?.bytes().await;
        let body = body.map_err(|error| format!("{asked}: {}", with_causes(&error)))?;
        serde_json::from_slice(&body)
            .map_err(|error| format!("{asked}: the answer is not JSON: {error}").into())
    }

    async fn successful(
        &self,
        method: Method,
        path: &str,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response> {
        let asked = format!("{method} {path}");
        let request = self.client.request(method, format!("{}{path}", self.server)).bearer_auth(&self.token);
        let sent = complete(request).send().await;
        let answer = sent.map_err(|error| format!("{asked}: {}", with_causes(&error)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body = answer.bytes().await.unwrap_or_default();
        Err(format!("{asked}: {status}: {}", message(&body)).into())
    }
}

/// A path below the root of the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Runs a program to its end; what it wrote to standard output.
async fn output(mut command: tokio::process::Command, stdin: &str) -> Result<String> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let mut input = child.stdin.take().ok_or("standard input is piped")?;
    // Side by side: a program that prints before it has read everything would otherwise wait for us and we for it. One that ends
    // without reading all its input is no fault; its exit code says whether it was content.
    let write = async {
        let _unread = input.write_all(stdin.as_bytes()).await;
        drop(input);
    };
    let ((), ended) = tokio::join!(write, child.wait_with_output());
    let ended = ended?;
    if ended.status.success() {
        return Ok(String::from_utf8(ended.stdout)?);
    }
    Err(format!("{program}: {}: {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim()).into())
}

/// The paths of a kind's lists: one a version that is served.
fn lists(kind: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&kind["spec"]["group"]), text(&kind["spec"]["names"]["plural"]));
    let versions = kind["spec"]["versions"].as_array().into_iter().flatten();
    let served = versions.filter(|version| version["served"] == true).map(|version| text(&version["name"]));
    served.map(|version| format!("/apis/{group}/{version}/{plural}?limit=1")).collect()
}

/// keyferry's namespace, as a manifest.
fn namespace() -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAME } })
}

/// A kubeconfig (JSON is YAML). A CA only where the address is one of TLS.
fn kubeconfig(server: &str, ca: &Path, token: &str) -> Value {
    let mut cluster = json!({ "server": server });
    if server.starts_with("https://") {
        cluster["certificate-authority"] = json!(ca);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "cluster", "cluster": cluster }],
        "users": [{ "name": "user", "user": { "token": token } }],
        "contexts": [{ "name": "context", "context": { "cluster": "cluster", "user": "user", "namespace": NAME } }],
        "current-context": "context",
    })
}

/// An error and what it came from: reqwest's own text does not say why.
fn with_causes(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The message of a Status; the body itself if it is none.
fn message(body: &[u8]) -> String {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    status["message"].as_str().map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned)
}

/// JSON values, one a line, from a body's chunks. Ends after the first error.
fn values(
    chunks: impl Stream<Item = Result<Bytes>> + Send + 'static,
) -> impl Stream<Item = Result<Value>> + Send + Unpin {
    let state = Some((chunks.boxed(), BytesMut::new()));
    let next = |state: Option<(stream::BoxStream<'static, Result<Bytes>>, BytesMut)>| async {
        let (mut chunks, mut buffer) = state?;
        match next_value(&mut chunks, &mut buffer).await {
            Ok(value) => value.map(|value| (Ok(value), Some((chunks, buffer)))),
            Err(error) => Some((Err(error), None)),
        }
    };
    stream::unfold(state, next).boxed()
}

/// The next value; none at the end.
async fn next_value(
    chunks: &mut stream::BoxStream<'static, Result<Bytes>>,
    buffer: &mut BytesMut,
) -> Result<Option<Value>> {
    loop {
        if let Some(line) = next_line(buffer) {
            return Ok(Some(serde_json::from_slice(&line)?));
        }
        let Some(chunk) = chunks.next().await else { break };
        buffer.extend_from_slice(&chunk?);
    }
    let rest = buffer.split();
    if rest.is_empty() { Ok(None) } else { Ok(Some(serde_json::from_slice(&rest)?)) }
}

/// Takes the first complete line out of the buffer.
fn next_line(buffer: &mut BytesMut) -> Option<BytesMut> {
    let end = buffer.iter().position(|byte| *byte == b'\n')?;
    Some(buffer.split_to(end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(chunks: &[&'static str]) -> Vec<std::result::Result<Value, String>> {
        let chunks: Vec<_> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        values(stream::iter(chunks)).map(|value| value.map_err(|error| error.to_string())).collect().await
    }

    #[tokio::test]
    async fn lines_are_whole_however_the_body_is_cut() {
        let seen = read(&["{\"a\":", "1}\n{\"a\":2}\n{\"a", "\":3}\n", "{\"a\":4}"]).await;
        assert_eq!(seen, (1..=4).map(|number| Ok(json!({ "a": number }))).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_line_that_is_cut_by_the_end_is_an_error_and_the_last_item() {
        let seen = read(&["{\"a\":1}\n{\"a\":"]).await;
        assert_eq!(seen[0], Ok(json!({ "a": 1 })));
        assert!(seen[1].as_ref().is_err_and(|error| error.contains("EOF")), "{seen:?}");
        assert_eq!(seen.len(), 2);
    }

    #[test]
    fn a_kubeconfig_names_the_ca_only_for_addresses_of_tls() {
        let cluster =
            |server| kubeconfig(server, Path::new("/ca"), "token")["clusters"][0]["cluster"].clone();
        assert_eq!(
            cluster("https://there"),
            json!({ "server": "https://there", "certificate-authority": "/ca" })
        );
        assert_eq!(cluster("http://there"), json!({ "server": "http://there" }));
    }

    #[test]
    fn a_kind_has_a_list_for_every_version_that_is_served() {
        let versions = [json!({ "name": "v1", "served": true }), json!({ "name": "v0", "served": false })];
        let kind =
            json!({ "spec": { "group": "g.io", "names": { "plural": "things" }, "versions": versions } });
        assert_eq!(lists(&kind), ["/apis/g.io/v1/things?limit=1"]);
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_api_server() {
        assert_eq!(message(br#"{"kind":"Status","message":"no such thing"}"#), "no such thing");
        assert_eq!(message(b"404 page not found"), "404 page not found");
    }

    #[tokio::test]
    #[ignore = "needs the local control plane: ./justw test"]
    async fn what_the_chart_s_account_asks_for_stands_under_its_name_in_the_audit_log() {
        let plane = Plane::start(true).await.unwrap();
        let identity = plane.identity(plane.server()).await.unwrap();
        let again = plane.identity("http://127.0.0.1:1").await.unwrap();
        assert_eq!((&again.user, again.token == identity.token), (&identity.user, false));
        let account = Api::new(plane.server(), plane.ca(), &identity.token).unwrap();
        let refused = account.post("/api/v1/namespaces", &named("mine")).await.unwrap_err().to_string();
        assert!(
            refused.starts_with("POST /api/v1/namespaces: 403 Forbidden: namespaces is forbidden"),
            "{refused}"
        );
        account.get("/apis/external-secrets.io/v1/externalsecrets").await.unwrap();
        let mut watch = account.lines("/apis/external-secrets.io/v1/secretstores?watch=1").await.unwrap();
        plane.api().post(STORES, &store()).await.unwrap();
        assert_eq!(watch.next().await.unwrap().unwrap()["object"]["metadata"]["name"], "store");
        let told = counted_until(&plane, &identity.user, 3).await.to_string();
        assert_eq!(told, "create namespaces 1\nlist externalsecrets 1\nwatch secretstores 1\n");
    }

    const STORES: &str = "/apis/external-secrets.io/v1/namespaces/default/secretstores";

    fn store() -> Value {
        let mut store = named("store");
        store["spec"] = json!({ "provider": { "fake": { "data": [] } } });
        store["apiVersion"] = json!("external-secrets.io/v1");
        store["kind"] = json!("SecretStore");
        store
    }

    fn named(name: &str) -> Value {
        json!({ "metadata": { "name": name } })
    }

    async fn counted_until(plane: &Plane, user: &str, total: u64) -> crate::audit::Counts {
        loop {
            let counts = crate::audit::count(plane.audit().unwrap(), user).unwrap();
            if counts.total() >= total {
                return counts;
            }
            tokio::task::yield_now().await;
        }
    }
}
