//! The AWS provider against moto: what really goes over the wire of the official SDKs, and what comes back.
//!
//! moto checks no permission and no external id; what it does not check is asserted on requests, in the provider's own tests.
//! All tests share one moto, so each keeps to names of its own and, where it finds, to a path or a region of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyferry_stores::base::refs::Scope;
use keyferry_stores::base::{Kind, Result};
use keyferry_stores::provider::aws::Aws;
use keyferry_stores::provider::{Batch, Entry, Payload, Probe, Provider, Query, RemoteKey, Store, Want};
use serde_json::{Value, json};

use crate::credentials::InMemory;
use crate::plane::Plane;

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
        let mut config = json!({
            "service": service,
            "region": self.region,
            "auth": {"secretRef": {
                "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
                "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
            }},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let credentials = InMemory::new(Scope::Namespace(NAMESPACE.into()))
            .secret(NAMESPACE, "aws", ("id", KEY_ID))
            .secret(NAMESPACE, "aws", ("secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"))
            .account(
                NAMESPACE,
                "reader",
                &[("eks.amazonaws.com/role-arn", "arn:aws:iam::111111111111:role/reader")],
            )
            .tokens(Box::new(|namespace, name, audiences| {
                Ok(format!("{namespace}.{name}.{}", audiences.join("+")))
            }));
        let env = credentials.env("store", &[("AWS_ENDPOINT_URL", &self.address)]);
        let config = serde_json::from_value(config).unwrap();
        assert_eq!(Aws::validate(&config, &Scope::Namespace(NAMESPACE.into())), []);
        Aws::open(config, env).await.unwrap()
    }
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
