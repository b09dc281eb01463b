//! The local control plane that `tests/cluster/plane.py with` started around this test run.
//!
//! Tests that use it carry `#[ignore = "needs the local control plane: ./justw test"]`. All of them share one control plane at the
//! same time, so a test makes a namespace of its own, names cluster-wide objects after itself, and takes its keys in OpenBao and
//! moto from under its own name.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use serde::Deserialize;
use tempfile::TempDir;

use crate::keyferry::eventually;

/// Names the file with the description; `plane.py` sets it.
const VARIABLE: &str = "KEYFERRY_TEST_PLANE";

/// What runs and how to reach it: the JSON object that `plane.py` describes.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Plane {
    /// The API server's URL.
    pub(crate) server: String,
    /// The certificate (PEM) of the CA that signed the API server's certificate; client certificates signed by it are taken too.
    pub(crate) ca: PathBuf,
    /// That CA's key (PEM, PKCS #8, P-256).
    pub(crate) ca_key: PathBuf,
    /// A bearer token of a cluster admin.
    pub(crate) token: String,
    /// The cluster admin's kubeconfig.
    pub(crate) kubeconfig: PathBuf,
    /// The kubectl program of the API server's version.
    pub(crate) kubectl: PathBuf,
    /// The helm program.
    pub(crate) helm: Option<PathBuf>,
    /// An OpenBao dev server, with a version 2 key-value engine at `secret/`.
    pub(crate) openbao: Option<OpenBao>,
    /// moto: every AWS service at one address.
    pub(crate) moto: Option<Moto>,
    /// The API server's audit log, an event a line.
    pub(crate) audit: Option<PathBuf>,
}

/// A request that the API server has answered, as its audit log tells it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub(crate) verb: String,
    /// Who asked.
    pub(crate) user: User,
    /// What was asked for; none for a path such as `/readyz`.
    pub(crate) object_ref: Option<ObjectRef>,
}

/// Who asked.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    /// The user name, `system:serviceaccount:<namespace>:<name>` for a service account.
    pub(crate) username: String,
}

/// What was asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ObjectRef {
    /// The plural name of the kind.
    pub(crate) resource: String,
    /// Empty for cluster-wide kinds and lists of all namespaces.
    pub(crate) namespace: String,
    /// `status` and the like, else empty.
    pub(crate) subresource: String,
}

/// How to reach OpenBao.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OpenBao {
    /// A URL without a path, plain HTTP.
    pub(crate) address: String,
    /// The root token.
    pub(crate) token: String,
    /// The program, for tests that need a server of another shape.
    pub(crate) binary: PathBuf,
}

/// How to reach moto.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Moto {
    /// A URL without a path, plain HTTP. Any access key is taken.
    pub(crate) address: String,
}

impl Plane {
    /// The control plane of this run.
    ///
    /// # Panics
    /// If there is none: a test that cannot run must not pass.
    pub(crate) fn get() -> Self {
        let file = std::env::var_os(VARIABLE).unwrap_or_else(|| {
            panic!("{VARIABLE} is not set: this test needs the local control plane, run ./justw test")
        });
        Self::described_in(Path::new(&file))
    }

    /// The control plane that a file describes.
    ///
    /// # Panics
    /// If the file does not hold a description.
    pub(crate) fn described_in(file: &Path) -> Self {
        let text =
            std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// OpenBao, which `./justw test` always starts.
    pub(crate) fn openbao(&self) -> &OpenBao {
        self.openbao.as_ref().expect("the control plane was started without --with openbao")
    }

    /// moto, which `./justw test` always starts.
    pub(crate) fn moto(&self) -> &Moto {
        self.moto.as_ref().expect("the control plane was started without --with moto")
    }

    /// helm, which `./justw test` always has.
    pub(crate) fn helm(&self) -> &Path {
        self.helm.as_deref().expect("the control plane was started without --with helm")
    }

    /// All requests so far by users whose name `user` is, in the order of their answers. A watch is told once, when it ends.
    pub(crate) fn requests(&self, user: &str) -> Vec<Request> {
        let file = self.audit.as_ref().expect("the control plane was started without --audit");
        let text = std::fs::read_to_string(file).expect("the audit log can be read");
        // The last line may be half written.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        let parse = |line| serde_json::from_str::<Request>(line).expect("an audit event a line");
        whole.lines().map(parse).filter(|request| request.user.username == user).collect()
    }

    /// Runs kubectl as the cluster admin with `stdin` as its input; its output, or what it wrote to standard error. Blocks.
    pub(crate) fn kubectl(&self, args: &[&str], stdin: &str) -> Result<String, String> {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(args);
        run(command, stdin)
    }
}

/// A control plane for one test alone. It ends with this value, and with the test's process however that ends.
pub(crate) struct OwnPlane {
    /// How to reach it; without stores and audit log.
    pub(crate) plane: Plane,
    process: Child,
    _dir: TempDir,
}

impl OwnPlane {
    /// Starts it. It is ready when this returns.
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (described, log) = (dir.path().join("plane.json"), dir.path().join("log"));
        let mut process = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/plane.py"))
            .args(["up", "--with", "helm", "--json"])
            .arg(&described)
            .stdin(Stdio::piped())
            .stderr(File::create(&log).expect("a file"))
            .spawn()
            .expect("python3 starts");
        eventually("a control plane to be up", async || {
            let ended = process.try_wait().expect("a child of ours");
            let log = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "the control plane ended\n{}", log());
            described.exists().then_some(())
        })
        .await;
        Self { plane: Plane::described_in(&described), process, _dir: dir }
    }
}

impl Drop for OwnPlane {
    fn drop(&mut self) {
        // It stays up until its standard input closes.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Runs a program to its end; its output, or what it wrote to standard error if it failed.
fn run(mut command: Command, stdin: &str) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let mut input = child.stdin.take().expect("standard input is piped");
    // From a thread: a program that prints before it has read everything would otherwise wait for us and we for it. A program
    // that ends without reading all its input is no fault of this run; its exit code says whether it was content.
    let text = stdin.to_owned();
    let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    writer.join().expect("the writer does not panic");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
#[ignore = "needs the local control plane: ./justw test"]
fn kubectl_takes_manifests_on_standard_input_and_reports_refusals() {
    let plane = Plane::get();
    let manifest = "apiVersion: v1\nkind: Namespace\nmetadata: {name: plane-kubectl}\n";
    plane.kubectl(&["create", "-f", "-"], manifest).expect("the manifest is read from standard input");
    let refused = plane.kubectl(&["create", "-f", "-"], manifest).expect_err("the namespace exists");
    assert!(refused.contains("AlreadyExists"), "{refused}");
    plane.kubectl(&["delete", "namespace", "plane-kubectl"], "").expect("the controller manager removes it");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_api_server_takes_client_certificates_of_its_ca_and_logs_their_requests() {
    let plane = Plane::get();
    let url = format!("{}/api/v1/namespaces/plane-audit/secrets", plane.server);
    let answer = client(&plane, Some("plane-audit")).get(url).send().await.expect("an answer");
    assert_eq!(answer.status(), 403, "known, and without any role");
    let requests = plane.requests("plane-audit");
    let told: Vec<_> = requests.iter().map(|request| (&*request.verb, request.object_ref.clone())).collect();
    let [("list", Some(object))] = &*told else { panic!("{told:?}") };
    assert_eq!((&*object.resource, &*object.namespace, &*object.subresource), ("secrets", "plane-audit", ""));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_tokens_of_the_api_server_and_of_openbao_are_good() {
    let plane = Plane::get();
    let openbao = plane.openbao();
    let cluster =
        client(&plane, None).get(format!("{}/api/v1/secrets", plane.server)).bearer_auth(&plane.token);
    let mounts = client(&plane, None)
        .get(format!("{}/v1/sys/mounts/secret", openbao.address))
        .header("X-Vault-Token", &openbao.token);
    assert_eq!(cluster.send().await.expect("an answer").status(), 200);
    assert_eq!(mounts.send().await.expect("an answer").status(), 200);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn moto_speaks_the_secrets_manager_protocol() {
    let plane = Plane::get();
    // moto tells the services apart by the scope of the signature, which it does not check.
    let scope = "Credential=any/20260101/us-east-1/secretsmanager/aws4_request";
    let list = client(&plane, None)
        .post(&plane.moto().address)
        .header("Authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"))
        .header("X-Amz-Target", "secretsmanager.ListSecrets")
        .header("Content-Type", "application/x-amz-json-1.1")
        .body("{}");
    let answer = list.send().await.expect("an answer").text().await.expect("a body");
    assert!(answer.contains("SecretList"), "{answer}");
}

#[test]
#[ignore = "needs the local control plane: ./justw test"]
fn helm_is_of_the_fourth_version() {
    let mut command = Command::new(Plane::get().helm());
    command.args(["version", "--short"]);
    assert!(run(command, "").expect("helm runs").starts_with("v4."));
}

/// An HTTP client that trusts the API server and, with a `user`, holds a certificate of its CA for that user.
fn client(plane: &Plane, user: Option<&str>) -> reqwest::Client {
    let read = |path: &Path| std::fs::read_to_string(path).expect("the CA can be read");
    let (ca, ca_key) = (read(&plane.ca), read(&plane.ca_key));
    let trust = reqwest::Certificate::from_pem(ca.as_bytes()).expect("a certificate");
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([trust]);
    let Some(user) = user else { return builder.build().expect("a client") };
    let signing_key = KeyPair::from_pem(&ca_key).expect("a key");
    let issuer = Issuer::from_ca_cert_pem(&ca, signing_key).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name.push(DnType::CommonName, user);
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let pem = wanted.signed_by(&key, &issuer).expect("a certificate").pem() + &key.serialize_pem();
    let identity = reqwest::Identity::from_pem(pem.as_bytes()).expect("a certificate and its key");
    builder.identity(identity).build().expect("a client")
}
