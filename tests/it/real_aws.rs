//! The AWS provider against moto: what really goes over the wire of the official SDKs, and what comes back.
//!
//! moto checks no permission, no external id, no tag and no token; what it does not check is asserted on the requests themselves.
//! All tests share one moto, so each keeps to names of its own and, where it finds, to a path or a region of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keyferry_stores::base::clock::SystemClock;
use keyferry_stores::base::refs::Scope;
use keyferry_stores::base::{Kind, Result};
use keyferry_stores::net::scripted::{Received, Recorder};
use keyferry_stores::provider::aws::Aws;
use keyferry_stores::provider::held::Held;
use keyferry_stores::provider::{Batch, Entry, Payload, Probe, Provider, Query, RemoteKey, Store, Want};
use serde_json::{Value, json};

use crate::keyferry::Corner;
use crate::plane::Plane;
use crate::proxy::{Proxy, Seen};

const NAMESPACE: &str = "team";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";

/// moto's control side and stores that use it, in one region.
struct World {
    address: String,
    region: &'static str,
}

impl World {
    fn new(region: &'static str) -> Self {
        Self { address: Plane::get().moto().address.clone(), region }
    }

    /// Calls an action of a service that speaks JSON 1.1.
    async fn call(&self, service: &str, target: &str, body: Value) -> Value {
        let scope = format!("{KEY_ID}/20250101/{}/{service}/aws4_request", self.region);
        let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let request = reqwest::Client::builder().no_proxy().build().unwrap().post(&self.address);
        let request = request.header("X-Amz-Target", target).header("Authorization", signature);
        let request = request.header("Content-Type", "application/x-amz-json-1.1").body(body.to_string());
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{target}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    async fn secrets_manager(&self, action: &str, body: Value) -> Value {
        self.call("secretsmanager", &format!("secretsmanager.{action}"), body).await
    }

    async fn ssm(&self, action: &str, body: Value) -> Value {
        self.call("ssm", &format!("AmazonSSM.{action}"), body).await
    }

    async fn secret(&self, name: &str, value: &str, tags: &[(&str, &str)]) -> Value {
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        let body = json!({"Name": name, "SecretString": value, "Tags": tags, "ClientRequestToken": token(name, value)});
        self.secrets_manager("CreateSecret", body).await
    }

    async fn parameter(&self, name: &str, value: &str, tags: &[(&str, &str)]) {
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        self.ssm("PutParameter", json!({"Name": name, "Value": value, "Type": "SecureString", "Tags": tags}))
            .await;
    }

    /// A store with an access key; `more` goes over the plain configuration.
    async fn store(&self, service: &str, more: Value) -> Arc<dyn Store> {
        self.store_at(&self.address, service, more).await
    }

    /// The same, with all services at `address`.
    async fn store_at(&self, address: &str, service: &str, more: Value) -> Arc<dyn Store> {
        let mut config = json!({
            "service": service,
            "region": self.region,
            "auth": {"secretRef": {
                "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
                "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
            }},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let config = serde_json::from_value(config).unwrap();
        assert_eq!(Aws::validate(&config, &Scope::Namespace(NAMESPACE.into())), []);
        Aws::open(config, cluster().env("store", &[("AWS_ENDPOINT_URL", address)])).await.unwrap()
    }
}

/// The objects that the stores refer to.
fn cluster() -> Held {
    let role = ("eks.amazonaws.com/role-arn", "arn:aws:iam::111111111111:role/reader");
    Held::new(Scope::Namespace(NAMESPACE.into()))
        .clock(Arc::new(SystemClock::new()))
        .secret(NAMESPACE, "aws", ("id", KEY_ID))
        .secret(NAMESPACE, "aws", ("secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"))
        .account(NAMESPACE, "reader", &[role])
        .tokens(Box::new(|namespace, name, audiences| {
            Ok(format!("{namespace}.{name}.{}", audiences.join("+")))
        }))
}

/// A request token, which moto and AWS make the version of: 32 to 64 letters.
fn token(name: &str, value: &str) -> String {
    let letters: String =
        format!("{name}-{value}").chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("{letters:0<40}")
}

async fn answers(store: &dyn Store, keys: &[RemoteKey]) -> Vec<Result<Entry>> {
    match store.get(keys).await {
        Batch::Answers(answers) => answers,
        Batch::Refused(error) => panic!("{error}"),
    }
}

async fn one(store: &dyn Store, key: RemoteKey) -> Result<Entry> {
    answers(store, &[key]).await.remove(0)
}

fn text(entry: &Entry) -> String {
    match &entry.payload {
        Payload::Bytes(bytes) => bytes.expose_str().expect("text").to_string(),
        Payload::Fields(_) => panic!("fields"),
    }
}

fn version(key: &str, version: &str) -> RemoteKey {
    RemoteKey { version: Some(version.into()), ..RemoteKey::value(key) }
}

fn metadata(key: &str) -> RemoteKey {
    RemoteKey { want: Want::Metadata, ..RemoteKey::value(key) }
}

async fn found(store: &dyn Store, query: Query) -> BTreeMap<String, String> {
    let found = store.find(&query).await.unwrap();
    found.into_iter().map(|found| (found.name, text(&found.entry))).collect()
}

fn by_name(expression: &str, path: Option<&str>) -> Query {
    Query { name: Some(expression.into()), path: path.map(Into::into), ..Query::default() }
}

fn by_tags(tags: &[(&str, &str)], path: Option<&str>) -> Query {
    let tags = tags.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect();
    Query { tags, path: path.map(Into::into), name: None }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_secret_is_read_by_stage_and_by_version_id() {
    let world = World::new("us-east-1");
    let first = world.secret("stages/db", "one", &[]).await["VersionId"].as_str().unwrap().to_string();
    world.secrets_manager("PutSecretValue", json!({"SecretId": "stages/db", "SecretString": "two"})).await;
    let store = world.store("SecretsManager", json!({})).await;
    let keys = [
        RemoteKey::value("stages/db"),
        version("stages/db", "AWSCURRENT"),
        version("stages/db", "AWSPREVIOUS"),
        version("stages/db", &format!("uuid/{first}")),
    ];
    let mut values = Vec::new();
    for key in keys {
        values.push(text(&one(&*store, key).await.unwrap()));
    }
    assert_eq!(values, ["two", "two", "one", "one"]);
    assert_eq!(one(&*store, version("stages/db", "AWSPREVIOUS")).await.unwrap().version, Some(first));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn bytes_come_back_as_they_went_in() {
    let world = World::new("us-east-1");
    world.secrets_manager("CreateSecret", json!({"Name": "bytes/raw", "SecretBinary": "AP8KgA=="})).await;
    let store = world.store("SecretsManager", json!({"prefix": "bytes/"})).await;
    let entry = one(&*store, RemoteKey::value("raw")).await.unwrap();
    let Payload::Bytes(bytes) = entry.payload else { panic!("fields") };
    assert_eq!(bytes.expose(), [0x00, 0xff, 0x0a, 0x80]);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn twenty_keys_are_read_with_one_answer_each_and_absence_is_per_key() {
    let world = World::new("us-east-1");
    for i in 0..19 {
        world.secret(&format!("batch/{i}"), &format!("value {i}"), &[]).await;
    }
    let store = world.store("SecretsManager", json!({"prefix": "batch/"})).await;
    let mut keys: Vec<_> = (0..19).map(|i| RemoteKey::value(i.to_string())).collect();
    keys.insert(7, RemoteKey::value("absent"));
    assert_eq!(keys.len(), store.capabilities().batch);
    let mut answers = answers(&*store, &keys).await;
    assert_eq!(answers.remove(7).unwrap_err().kind(), Kind::NotFound);
    let values: Vec<_> = answers.into_iter().map(|answer| text(&answer.unwrap())).collect();
    assert_eq!(values, (0..19).map(|i| format!("value {i}")).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_key_may_be_an_arn_in_a_batch_too() {
    let world = World::new("us-east-1");
    let arn = world.secret("arn/one", "1", &[]).await["ARN"].as_str().unwrap().to_string();
    world.secret("arn/two", "2", &[]).await;
    let store = world.store("SecretsManager", json!({})).await;
    let keys = [RemoteKey::value(&arn), RemoteKey::value("arn/two"), RemoteKey::value("arn/one")];
    let values: Vec<_> =
        answers(&*store, &keys).await.into_iter().map(|answer| text(&answer.unwrap())).collect();
    assert_eq!(values, ["1", "2", "1"]);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn absent_and_marked_for_deletion_are_not_found() {
    let world = World::new("us-east-1");
    world.secret("gone/marked", "x", &[]).await;
    world.secrets_manager("DeleteSecret", json!({"SecretId": "gone/marked"})).await;
    let store = world.store("SecretsManager", json!({})).await;
    for key in ["gone/never", "gone/marked"] {
        let error = one(&*store, RemoteKey::value(key)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{error}");
    }
    let both = answers(&*store, &[RemoteKey::value("gone/never"), RemoteKey::value("gone/marked")]).await;
    let kinds: Vec<_> = both.into_iter().map(|answer| answer.unwrap_err().kind()).collect();
    assert_eq!(kinds, [Kind::NotFound, Kind::NotFound]);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn tags_are_the_metadata_of_a_secret_and_of_a_parameter() {
    let world = World::new("us-east-1");
    world.secret("tags/db", "x", &[("team", "a"), ("env", "<prod>")]).await;
    world.parameter("/tags/db", "x", &[("team", "b")]).await;
    let secrets = world.store("SecretsManager", json!({"prefix": "tags/"})).await;
    let parameters = world.store("ParameterStore", json!({"prefix": "/tags/"})).await;
    let tags = text(&one(&*secrets, metadata("db")).await.unwrap());
    assert_eq!(tags, r#"{"env":"\u003cprod\u003e","team":"a"}"#);
    assert_eq!(text(&one(&*parameters, metadata("db")).await.unwrap()), r#"{"team":"b"}"#);
    assert_eq!(one(&*secrets, metadata("absent")).await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn secrets_are_found_by_name_path_and_tags_and_the_prefix_does_not_matter() {
    // A region of its own: a find by name alone sees all secrets of the region.
    let world = World::new("eu-north-1");
    world.secret("find/a", "1", &[("team", "x"), ("env", "y")]).await;
    world.secret("find/b", "2", &[("team", "y"), ("env", "x")]).await;
    world.secret("other/a", "3", &[("team", "x"), ("env", "z")]).await;
    let store = world.store("SecretsManager", json!({"prefix": "find/"})).await;
    let both = map(&[("find/a", "1"), ("other/a", "3")]);
    assert_eq!(found(&*store, by_name("/a$", None)).await, both);
    assert_eq!(found(&*store, by_name("a", Some("find/"))).await, map(&[("find/a", "1")]));
    assert_eq!(found(&*store, by_tags(&[("team", "x")], None)).await, both);
    assert_eq!(found(&*store, by_tags(&[("team", "x")], Some("other"))).await, map(&[("other/a", "3")]));
    assert_eq!(found(&*store, by_tags(&[("team", "x"), ("env", "y")], None)).await, map(&[("find/a", "1")]));
    assert_eq!(found(&*store, by_name("nothing", None)).await, map(&[]));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_find_reads_all_pages() {
    let world = World::new("eu-west-3");
    for i in 0..110 {
        world.secret(&format!("pages/{i}"), &i.to_string(), &[]).await;
    }
    for i in 0..23 {
        world.parameter(&format!("/pages/{i}"), &i.to_string(), &[("pages", "yes")]).await;
    }
    let secrets = world.store("SecretsManager", json!({})).await;
    let parameters = world.store("ParameterStore", json!({})).await;
    assert_eq!(found(&*secrets, by_name("^pages/", None)).await.len(), 110);
    assert_eq!(found(&*parameters, by_name("pages", Some("/pages"))).await.len(), 23);
    assert_eq!(found(&*parameters, by_tags(&[("pages", "yes")], None)).await.len(), 23);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_find_that_asks_for_nothing_or_for_nonsense_is_invalid() {
    let world = World::new("us-east-1");
    for service in ["SecretsManager", "ParameterStore"] {
        let store = world.store(service, json!({})).await;
        for query in [Query::default(), by_name("(", None)] {
            assert_eq!(store.find(&query).await.unwrap_err().kind(), Kind::Invalid, "{service} {query:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn parameters_are_read_decrypted_by_version_and_in_batches() {
    let world = World::new("us-east-1");
    world.parameter("/values/a", "old", &[]).await;
    world
        .ssm(
            "PutParameter",
            json!({"Name": "/values/a", "Value": "new", "Type": "SecureString", "Overwrite": true}),
        )
        .await;
    world.parameter("/values/b", "b", &[]).await;
    let store = world.store("ParameterStore", json!({"prefix": "/values/"})).await;
    assert_eq!(store.capabilities().batch, 10);
    let entry = one(&*store, RemoteKey::value("a")).await.unwrap();
    assert_eq!((text(&entry), entry.version.as_deref()), ("new".into(), Some("2")));
    assert_eq!(text(&one(&*store, version("a", "1")).await.unwrap()), "old");
    let keys =
        [RemoteKey::value("b"), RemoteKey::value("absent"), RemoteKey::value("a"), RemoteKey::value("b")];
    let mut answers = answers(&*store, &keys).await;
    assert_eq!(answers.remove(1).unwrap_err().kind(), Kind::NotFound);
    let values: Vec<_> = answers.into_iter().map(|answer| text(&answer.unwrap())).collect();
    assert_eq!(values, ["b", "new", "b"]);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_absent_version_of_a_parameter_is_not_an_absent_parameter() {
    let world = World::new("us-east-1");
    world.parameter("/versions/a", "x", &[]).await;
    let store = world.store("ParameterStore", json!({})).await;
    assert_eq!(one(&*store, version("/versions/a", "9")).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn parameters_are_found_by_name_and_by_tags() {
    let world = World::new("eu-central-1");
    world.parameter("/find/a", "1", &[("team", "x")]).await;
    world.parameter("/find/deep/b", "2", &[("team", "x")]).await;
    world.parameter("/other/a", "3", &[("team", "y")]).await;
    let store = world.store("ParameterStore", json!({"prefix": "/find/"})).await;
    let below = map(&[("/find/a", "1"), ("/find/deep/b", "2")]);
    assert_eq!(found(&*store, by_name("/a$", None)).await, map(&[("/find/a", "1"), ("/other/a", "3")]));
    assert_eq!(found(&*store, by_name(".", Some("/find"))).await, below);
    assert_eq!(found(&*store, by_tags(&[("team", "x")], None)).await, below);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_chain_of_roles_ends_in_the_account_of_the_last() {
    let world = World::new("us-east-1");
    world.secret("roles/own", "of the key's account", &[]).await;
    let roles = json!({
        "additionalRoles": ["arn:aws:iam::222222222222:role/middle"],
        "role": "arn:aws:iam::333333333333:role/last",
    });
    let store = world.store("SecretsManager", roles).await;
    assert!(matches!(store.probe().await.unwrap(), Probe::Ready));
    // moto gives every account its own secrets, so this one is not there for the role.
    assert_eq!(one(&*store, RemoteKey::value("roles/own")).await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_service_account_becomes_its_role() {
    let world = World::new("us-east-1");
    let jwt = json!({"auth": {"jwt": {"serviceAccountRef": {"name": "reader"}}}});
    let store = world.store("SecretsManager", jwt).await;
    assert!(matches!(store.probe().await.unwrap(), Probe::Ready));
    assert_eq!(one(&*store, RemoteKey::value("jwt/absent")).await.unwrap_err().kind(), Kind::NotFound);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_access_key_is_shown_to_sts() {
    let store = World::new("us-east-1").store("ParameterStore", json!({})).await;
    assert!(matches!(store.probe().await.unwrap(), Probe::Ready));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_certificate_is_exported_with_its_decrypted_key() {
    let world = World::new("us-east-1");
    let request = |export: &str| json!({"DomainName": "app.example", "Options": {"Export": export}});
    let arn = async |export: &str| {
        let answer = world.call("acm", "CertificateManager.RequestCertificate", request(export)).await;
        answer["CertificateArn"].as_str().unwrap().to_string()
    };
    let store = world.store("CertificateManager", json!({})).await;
    let pem = text(&one(&*store, RemoteKey::value(arn("ENABLED").await)).await.unwrap());
    let (certificates, key) = pem.split_once("-----BEGIN PRIVATE KEY-----").unwrap();
    assert!(certificates.starts_with("-----BEGIN CERTIFICATE-----\n"));
    let key = format!("-----BEGIN PRIVATE KEY-----{key}");
    rcgen::KeyPair::from_pem(&key).unwrap();
    for key in [arn("DISABLED").await, format!("{}x", arn("ENABLED").await)] {
        let error = one(&*store, RemoteKey::value(key)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
    }
}

/// The decoded form of a request to STS.
fn form(text: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

/// The id of the access key that signed a request; empty if nobody did.
fn signer(request: &Received) -> String {
    let header = request.headers.get("authorization").cloned().unwrap_or_default();
    let credential = header.split_once("Credential=").map(|(_, rest)| rest.to_string()).unwrap_or_default();
    credential.split('/').next().unwrap_or_default().to_string()
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn what_moto_does_not_check_of_a_chain_is_on_the_requests() {
    let world = World::new("us-east-1");
    let recorder = Recorder::start(&world.address).await;
    let chain = json!({
        "auth": {"jwt": {"serviceAccountRef": {"name": "reader", "audiences": ["extra"]}}},
        "additionalRoles": ["arn:aws:iam::222222222222:role/middle"],
        "role": "arn:aws:iam::333333333333:role/last",
        "externalID": "the-external-id",
        "sessionTagsPolicy": "Custom",
        "customSessionTags": {"team": "a b"},
        "transitiveTagKeys": ["team"],
    });
    let store = world.store_at(recorder.url(), "SecretsManager", chain).await;
    assert_eq!(one(&*store, RemoteKey::value("chain/absent")).await.unwrap_err().kind(), Kind::NotFound);
    let requests = recorder.requests();
    let forms: Vec<_> = requests[..3].iter().map(|request| form(&request.text())).collect();
    assert_eq!(forms[0]["WebIdentityToken"], format!("{NAMESPACE}.reader.sts.amazonaws.com+extra"));
    assert!(!forms[1].contains_key("ExternalId") && !forms[1].contains_key("Tags.member.1.Key"));
    assert_eq!(forms[2]["ExternalId"], "the-external-id");
    assert_eq!(forms[2]["TransitiveTagKeys.member.1"], "team");
    let tags: Vec<_> = (1..=4)
        .map(|n| (&*forms[2][&format!("Tags.member.{n}.Key")], &*forms[2][&format!("Tags.member.{n}.Value")]))
        .collect();
    let expected = [
        ("esoNamespace", NAMESPACE),
        ("esoStoreName", "store"),
        ("esoStoreKind", "SecretStore"),
        ("team", "a b"),
    ];
    assert_eq!(tags, expected);
    // moto issues a new key each time, so each step is signed by the one before and by no other.
    let signers: Vec<_> = requests.iter().map(signer).collect();
    assert_eq!((requests.len(), &*signers[0]), (4, ""));
    assert!(signers[1..].iter().all(|id| id.starts_with("ASIA")), "{signers:?}");
    assert_eq!(BTreeSet::from_iter(&signers).len(), 4, "{signers:?}");
    assert!(requests[1..].iter().all(|request| request.headers.contains_key("x-amz-security-token")));
}

/// A SecretStore that names no credential, and an object that reads one key through it.
const PROCESS: &str = "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider: {aws: {service: SecretsManager, region: eu-west-1}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: object}
spec:
  refreshInterval: 1h
  secretStoreRef: {name: store}
  data: [{secretKey: a, remoteRef: {key: NAMESPACE/key}}]
";

/// Has the operator itself prove who it is, as `environment` says, behind a proxy that answers what `platform` says; what was asked.
async fn as_the_process(
    name: &str,
    platform: impl Fn(&Seen) -> Option<(u16, &'static str)> + Send + Sync + 'static,
    environment: impl Fn(&str) -> Vec<(&'static str, String)>,
) -> Vec<Seen> {
    let corner = Corner::new(name);
    World::new("eu-west-1").secret(&format!("{name}/key"), "value", &[]).await;
    let proxy = Proxy::refusing(&corner.plane.moto().address, platform).await;
    corner.apply(PROCESS);
    let mut variables = environment(&proxy.address);
    variables.push(("AWS_ENDPOINT_URL", proxy.address.clone()));
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let _process = corner.start(&[], &variables);
    corner.until_ready("object", "True", "SecretSynced").await;
    proxy.seen(|_| true)
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_operator_proves_itself_with_the_token_file_that_eks_mounts() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "the-token").unwrap();
    let path = file.path().to_str().unwrap().to_string();
    let environment = |_: &str| {
        let role = "arn:aws:iam::123456789012:role/operator".to_string();
        vec![("AWS_ROLE_ARN", role), ("AWS_WEB_IDENTITY_TOKEN_FILE", path.clone())]
    };
    let seen = as_the_process("aws-irsa", |_| None, environment).await;
    let exchange = seen.iter().find(|seen| seen.body.contains("AssumeRoleWithWebIdentity")).unwrap();
    assert_eq!(form(&exchange.body)["WebIdentityToken"], "the-token");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_operator_proves_itself_to_the_agent_of_its_node() {
    const ISSUED: &str = r#"{"AccessKeyId":"ASIAOFTHEAGENT","SecretAccessKey":"secret","Token":"token","AccountId":"123456789012","Expiration":"2099-01-01T00:00:00Z"}"#;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "the-token").unwrap();
    let path = file.path().to_str().unwrap().to_string();
    let agent = |seen: &Seen| (seen.path == "/v1/credentials").then_some((200, ISSUED));
    let environment = |proxy: &str| {
        let url = format!("{proxy}/v1/credentials");
        vec![
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.clone()),
        ]
    };
    let seen = as_the_process("aws-agent", agent, environment).await;
    assert_eq!(seen.iter().filter(|seen| seen.path == "/v1/credentials").count(), 1);
}
