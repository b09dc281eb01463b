//! The real program beside the local control plane, as the chart's ServiceAccount and with its roles.
//!
//! Many of them run at once. So that each minds its own business, a test's stores name a controller class of the test, and the
//! process is started with that class and for the test's namespaces. Only the conformance lane has the default class and all
//! namespaces, and a control plane of its own for that.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::plane::Plane;

/// How long something may take to happen. Long, because it only matters when a test fails.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether it has happened.
const LOOK: Duration = Duration::from_millis(50);

/// A test's own corner of the cluster: a namespace and a controller class, both named after the test.
pub(crate) struct Corner {
    pub(crate) plane: Plane,
    pub(crate) name: String,
    client: reqwest::Client,
    namespaces: Vec<String>,
    identity: Identity,
}

/// What a process runs as.
struct Identity {
    kubeconfig: PathBuf,
    _dir: TempDir,
}

/// A running process.
pub(crate) struct Keyferry {
    child: Child,
    live: SocketAddr,
    metrics: SocketAddr,
    log: PathBuf,
    _dir: TempDir,
}

impl Corner {
    /// A corner with the kinds installed and the chart's roles bound. `name` is a DNS label that no other test uses.
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, &[])
    }

    /// A corner whose roles are the chart's with these values (`path=value`).
    pub(crate) fn with(name: &str, values: &[&str]) -> Self {
        let plane = Plane::get();
        install_kinds_once(&plane);
        Self::on(plane, name, values)
    }

    /// A corner of a control plane that has the kinds already.
    pub(crate) fn on(plane: Plane, name: &str, values: &[&str]) -> Self {
        let ca = reqwest::Certificate::from_pem(&std::fs::read(&plane.ca).unwrap()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
        plane.kubectl(&["create", "namespace", name], "").unwrap();
        let identity = identity(&plane, name, values);
        Self { plane, name: name.into(), client, namespaces: vec![name.into()], identity }
    }

    /// A further namespace of this corner.
    pub(crate) fn namespace(&mut self, name: &str) {
        self.plane.kubectl(&["create", "namespace", name], "").unwrap();
        self.namespaces.push(name.into());
    }

    /// Applies manifests; `CLASS` in them stands for the corner's class, `NAMESPACE` for its first namespace.
    pub(crate) fn apply(&self, manifests: &str) {
        let text = manifests.replace("CLASS", &self.name).replace("NAMESPACE", &self.name);
        self.plane.kubectl(&["apply", "-n", &self.name, "-f", "-"], &text).unwrap();
    }

    /// An object by its path below the API server's root; `None` if it is not there.
    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let url = format!("{}{path}", self.plane.server);
        let answer = self.client.get(url).bearer_auth(&self.plane.token).send().await.unwrap();
        if answer.status() == 404 {
            return None;
        }
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        Some(serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// A Secret of the first namespace.
    pub(crate) async fn secret(&self, name: &str) -> Option<Value> {
        self.get(&format!("/api/v1/namespaces/{}/secrets/{name}", self.name)).await
    }

    /// An ExternalSecret of the first namespace.
    pub(crate) async fn external_secret(&self, name: &str) -> Option<Value> {
        self.get(&format!("/apis/external-secrets.io/v1/namespaces/{}/externalsecrets/{name}", self.name))
            .await
    }

    /// Waits until this ExternalSecret's Ready condition has this reason and status; the condition.
    pub(crate) async fn until_ready(&self, name: &str, status: &str, reason: &str) -> Value {
        let what = format!("externalsecret {name} to be {status} {reason}");
        eventually(&what, async || {
            let condition = ready(&self.external_secret(name).await?)?;
            (condition["status"] == status && condition["reason"] == reason).then_some(condition)
        })
        .await
    }

    /// Starts the program for this corner.
    pub(crate) fn start(&self, flags: &[&str], environment: &[(&str, &str)]) -> Keyferry {
        let class = format!("--controller-class={}", self.name);
        let over = format!("--namespace={}", self.namespaces.join(","));
        let mut all = vec![class.as_str(), over.as_str()];
        all.extend(flags);
        Keyferry::start(&self.identity.kubeconfig, &all, environment)
    }

    /// Starts the program for the whole cluster and the default class, so on a control plane of its own only.
    pub(crate) fn start_for_all(&self, flags: &[&str]) -> Keyferry {
        Keyferry::start(&self.identity.kubeconfig, flags, &[])
    }

    /// The name under which the program's requests stand in the audit log.
    pub(crate) fn user(&self) -> String {
        format!("system:serviceaccount:{}:keyferry", self.name)
    }
}

/// Whether the test passed or not, its namespaces go, and what it made beside them.
impl Drop for Corner {
    fn drop(&mut self) {
        for namespace in &self.namespaces {
            let _ = self.plane.kubectl(&["delete", "namespace", namespace, "--wait=false"], "");
        }
        let ours = format!("-l=app.kubernetes.io/instance={}", self.name);
        let kinds =
            "clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding";
        let _ = self.plane.kubectl(&["delete", kinds, &ours], "");
    }
}

impl Keyferry {
    /// Starts `keyferry controller`; it listens on ports of its own.
    pub(crate) fn start(kubeconfig: &Path, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let (live, metrics) = (free_address(), free_address());
        let output = File::create(&log).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_keyferry"))
            .arg("controller")
            .args([format!("--live-addr={live}"), format!("--metrics-addr={metrics}")])
            .args(flags)
            .env("KUBECONFIG", kubeconfig)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self { child, live, metrics, log, _dir: dir }
    }

    /// Waits until every first list is complete.
    pub(crate) async fn until_ready(&self) {
        let url = format!("http://{}/readyz", self.live);
        eventually("keyferry to be ready", async || {
            let answer = reqwest::get(&url).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn until_end(&mut self) -> ExitStatus {
        let log = self.log.clone();
        let child = tokio::sync::Mutex::new(&mut self.child);
        let what = format!("keyferry to end; its log: {}", log.display());
        eventually(&what, async || child.lock().await.try_wait().unwrap()).await
    }

    /// The metrics.
    pub(crate) async fn metrics(&self) -> String {
        reqwest::get(format!("http://{}/metrics", self.metrics)).await.unwrap().text().await.unwrap()
    }

    /// All that it has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Tells it to end (SIGTERM) and waits; how it ended.
    pub(crate) async fn end(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.until_end().await
    }
}

/// Whether the test passed or not, the process ends.
impl Drop for Keyferry {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("keyferry's log:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition, looking often; panics if it does not come.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            tokio::time::sleep(LOOK).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// The Ready condition of an object.
pub(crate) fn ready(object: &Value) -> Option<Value> {
    let conditions = object["status"]["conditions"].as_array()?;
    conditions.iter().find(|condition| condition["type"] == "Ready").cloned()
}

/// Installs `crds/` once for all tests that share a control plane.
fn install_kinds_once(plane: &Plane) {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| install_kinds(plane));
}

/// Installs `crds/`, with plain client-side apply.
pub(crate) fn install_kinds(plane: &Plane) {
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
    plane.kubectl(&["apply", "-f", crds], "").unwrap();
    plane.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", crds], "").unwrap();
}

/// The chart's ServiceAccount and roles in a namespace, as these values make them, and a kubeconfig with its token.
fn identity(plane: &Plane, name: &str, values: &[&str]) -> Identity {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/keyferry");
    let chosen = ["--show-only", "templates/serviceaccount.yaml", "--show-only", "templates/rbac.yaml"];
    let named = format!("fullnameOverride={name}-keyferry");
    let all = [&["serviceAccount.name=keyferry", &*named], values].concat();
    let rendered = Command::new(plane.helm())
        .args(["template", name, chart, "--namespace", name])
        .args(chosen)
        .args(all.iter().flat_map(|value| ["--set", *value]))
        .output()
        .unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    plane.kubectl(&["apply", "-n", name, "-f", "-"], &String::from_utf8(rendered.stdout).unwrap()).unwrap();
    let token = plane.kubectl(&["create", "token", "keyferry", "-n", name, "--duration=8h"], "").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("kubeconfig");
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "c", "cluster": { "server": plane.server, "certificate-authority": plane.ca } }],
        "users": [{ "name": "u", "user": { "token": token.trim() } }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u", "namespace": name } }],
        "current-context": "x",
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    Identity { kubeconfig, _dir: dir }
}

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
