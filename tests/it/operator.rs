//! keyferry as people run it: the program, as the chart's ServiceAccount and with its rights alone, on a control plane of its own.
//!
//! Of its own because it acts on every namespace: on the plane that all tests share it would work on other tests' objects.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::plane::Plane;

const RELEASE: &str = "keyferry";
const HOME: &str = "keyferry-system";
/// What the process needs of the chart: its identity and its rights. No pods run here.
const TEMPLATES: [&str; 2] = ["templates/serviceaccount.yaml", "templates/rbac.yaml"];
/// How long parts may take to be ready. Long, because it only matters when a test fails.
const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at whether something is ready.
const LOOK: Duration = Duration::from_millis(100);
/// Below the range that the kernel gives to outgoing connections, so that none of those can take a port between choice and use.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A control plane with keyferry on it. Both end with this value, and with the test's process however that ends.
pub(crate) struct Operator {
    keyferry: Child,
    control: Child,
    plane: Plane,
    directory: TempDir,
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.keyferry.kill();
        let _ = self.keyferry.wait();
        // The control plane stays up until its standard input closes.
        drop(self.control.stdin.take());
        let _ = self.control.wait();
    }
}

impl Operator {
    /// Starts the control plane, installs the kinds and the chart's rights, and starts the program. Ready when this returns.
    ///
    /// # Panics
    /// If any of it does not work.
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let (control, plane) = start_plane(directory.path()).await;
        install(&plane);
        let kubeconfig = write_kubeconfig(&plane, directory.path());
        let (metrics, live) = (free_port(), free_port());
        let log = File::create(directory.path().join("keyferry.log")).expect("a file");
        let keyferry = Command::new(env!("CARGO_BIN_EXE_keyferry"))
            .arg("controller")
            .arg(format!("--metrics-addr=127.0.0.1:{metrics}"))
            .arg(format!("--live-addr=127.0.0.1:{live}"))
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut operator = Self { keyferry, control, plane, directory };
        operator.wait_until_ready(live).await;
        operator
    }

    /// The control plane that it runs on.
    pub(crate) fn plane(&self) -> &Plane {
        &self.plane
    }

    /// The end of the log if the program has ended, which it never should.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let status = self.keyferry.try_wait().expect("a child of ours")?;
        Some(format!("{status}\n{}", self.log_about("", 20)))
    }

    /// The last `count` lines of the log that contain `text`.
    pub(crate) fn log_about(&self, text: &str, count: usize) -> String {
        let log = File::open(self.directory.path().join("keyferry.log")).expect("the log can be read");
        let lines = BufReader::new(log).lines().map_while(Result::ok);
        let lines: Vec<_> = lines.filter(|line| line.contains(text)).collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    async fn wait_until_ready(&mut self, live: u16) {
        let url = format!("http://127.0.0.1:{live}/readyz");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let ready = async {
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                assert_eq!(self.ended(), None, "keyferry ended");
                tokio::time::sleep(LOOK).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, ready).await;
        assert!(in_time.is_ok(), "keyferry is not ready\n{}", self.log_about("", 20));
    }
}

async fn start_plane(directory: &Path) -> (Child, Plane) {
    let described = directory.join("plane.json");
    let mut control = Command::new("python3")
        .arg(root().join("tests/cluster/plane.py"))
        .args(["up", "--with", "helm", "--json"])
        .arg(&described)
        .stdin(Stdio::piped())
        .stderr(File::create(directory.join("plane.log")).expect("a file"))
        .spawn()
        .expect("python3 starts");
    let up = async {
        while !described.exists() {
            let log = || std::fs::read_to_string(directory.join("plane.log")).unwrap_or_default();
            assert!(control.try_wait().expect("a child of ours").is_none(), "no control plane\n{}", log());
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(PATIENCE, up).await.expect("the control plane is up in time");
    (control, Plane::described_in(&described))
}

fn install(plane: &Plane) {
    let kinds = root().join("crds");
    let kinds = kinds.to_str().expect("a path in UTF-8");
    kubectl(plane, &["apply", "-f", kinds], "");
    kubectl(plane, &["wait", "--for=condition=Established", "--timeout=60s", "-f", kinds], "");
    kubectl(plane, &["create", "namespace", HOME], "");
    kubectl(plane, &["apply", "-n", HOME, "-f", "-"], &rendered_chart(plane));
}

fn rendered_chart(plane: &Plane) -> String {
    let mut helm = Command::new(plane.helm());
    helm.args(["template", RELEASE]).arg(root().join("charts/keyferry")).args(["--namespace", HOME]);
    for template in TEMPLATES {
        helm.args(["--show-only", template]);
    }
    let output = helm.output().expect("helm starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("manifests are UTF-8")
}

/// A kubeconfig for the chart's ServiceAccount that only its owner can read. JSON is YAML.
fn write_kubeconfig(plane: &Plane, directory: &Path) -> PathBuf {
    let token = kubectl(plane, &["create", "token", RELEASE, "-n", HOME, "--duration=8h"], "");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "plane",
        "contexts": [{ "name": "plane", "context": { "cluster": "plane", "user": "user", "namespace": HOME } }],
        "clusters": [{ "name": "plane", "cluster": { "server": plane.server, "certificate-authority": plane.ca } }],
        "users": [{ "name": "user", "user": { "token": token.trim() } }],
    });
    let path = directory.join("keyferry.kubeconfig");
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("a new file");
    serde_json::to_writer(file, &config).expect("the file can be written");
    path
}

fn kubectl(plane: &Plane, args: &[&str], stdin: &str) -> String {
    plane.kubectl(args, stdin).unwrap_or_else(|error| panic!("kubectl {}: {error}", args.join(" ")))
}

/// A port that nobody listens on at this moment; different processes begin to look at different places.
fn free_port() -> u16 {
    let begin = PORTS.start + u16::try_from(std::process::id() % 10_000).expect("below 10,000");
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (begin..PORTS.end).chain(PORTS).find(free).expect("a free port")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
