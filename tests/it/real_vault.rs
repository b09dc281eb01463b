//! The providers `vault` and `openBao` against the real OpenBao, with the operator's own credentials: what the server really says when a
//! key, a version, a mount, a namespace or a right is missing, and that each login works, is repeated when its token ends, and is
//! refused as a credential. LDAP and the clouds' logins have no server here.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use keyferry::cluster::credentials::ScopedCredentials;
use keyferry::cluster::kube::{Connection, KubeCluster};
use keyferry_stores::base::clock::SystemClock;
use keyferry_stores::base::refs::Scope;
use keyferry_stores::base::{Kind, Result};
use keyferry_stores::net::client::HttpPool;
use keyferry_stores::provider::{
    Batch, Entry, Env, Payload, Probe, Provider, Query, RemoteKey, Store, Want, openbao::OpenBao,
    vault::Vault,
};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::keyferry::eventually;
use crate::plane::Plane;
use crate::proxy::Proxy;

/// A server and its root token.
struct Bao {
    address: String,
    token: String,
    client: reqwest::Client,
}

impl Bao {
    /// The server of this test run.
    fn shared(plane: &Plane) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let bao = plane.openbao();
        Self { address: bao.address.clone(), token: bao.token.clone(), client }
    }

    /// Status and body of a call.
    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}/v1/{path}", self.address));
        let request = request.header("X-Vault-Token", &self.token).body(body.to_string());
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask("POST", path, body).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }
}

/// A namespace of the cluster, and in OpenBao what is called after it: two key-value engines, a policy to read them, and auth mounts.
struct World {
    plane: Plane,
    bao: Bao,
    cluster: Arc<KubeCluster>,
    team: String,
}

/// Whether the test passed or not, its namespace goes.
impl Drop for World {
    fn drop(&mut self) {
        let binding = format!("{}-reviewer", self.team);
        let _ = self.plane.kubectl(&["delete", "clusterrolebinding", &binding, "--ignore-not-found"], "");
        let _ = self.plane.kubectl(&["delete", "namespace", &self.team, "--wait=false"], "");
    }
}

impl World {
    async fn new(name: &str) -> Self {
        let plane = Plane::get();
        let bao = Bao::shared(&plane);
        Self::over(name, plane, bao).await
    }

    async fn over(name: &str, plane: Plane, bao: Bao) -> Self {
        let connection = Connection { kubeconfig: Some(plane.kubeconfig.clone()), ..Connection::default() };
        let cluster = KubeCluster::connect(&connection, Arc::new(SystemClock::new())).await.unwrap();
        let world = Self { plane, bao, cluster: Arc::new(cluster), team: format!("bao-{name}") };
        world.kubectl(&["create", "namespace", &world.team]);
        for version in ["1", "2"] {
            let engine = json!({"type": "kv", "options": {"version": version}});
            world.bao.post(&format!("sys/mounts/{}", world.mount(version)), engine).await;
        }
        let rules = ["1", "2"].map(|version| rule(&world.mount(version), "read\", \"list"));
        let denied =
            ["data", "metadata"].map(|part| rule(&format!("{}/{part}/forbidden", world.mount("2")), "deny"));
        let policy = [rules.concat(), denied.concat()].concat();
        world.bao.post(&format!("sys/policies/acl/{}", world.team), json!({"policy": policy})).await;
        world.secret("bao", &[("token", &world.token().await)]);
        world
    }

    fn mount(&self, version: &str) -> String {
        format!("{}-{version}", self.team)
    }

    /// A path of the engine of version 2.
    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.mount("2"))
    }

    async fn put(&self, key: &str, value: Value) {
        self.bao.post(&self.at(&format!("data/{key}")), json!({"data": value})).await;
    }

    /// A token that the policy's rights are given to.
    async fn token(&self) -> String {
        let granted = self.bao.post("auth/token/create", json!({"policies": [self.team]})).await;
        granted["auth"]["client_token"].as_str().unwrap().to_string()
    }

    fn kubectl(&self, args: &[&str]) -> String {
        self.plane.kubectl(args, "").unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    fn apply(&self, object: &Value) {
        self.plane.kubectl(&["apply", "-n", &self.team, "-f", "-"], &object.to_string()).unwrap();
    }

    fn secret(&self, name: &str, data: &[(&str, &str)]) {
        let data: BTreeMap<_, _> = data.iter().copied().collect();
        self.apply(
            &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}),
        );
    }

    /// Opens a store of a provider.
    async fn open<P: Provider>(&self, config: Value) -> Result<Arc<dyn Store>> {
        let scope = Scope::Namespace(self.team.clone());
        let config = serde_json::from_value(config).unwrap();
        assert_eq!(P::validate(&config, &scope), []);
        let env = Env {
            http: Arc::new(HttpPool::default()),
            clock: Arc::new(SystemClock::new()),
            credentials: Arc::new(ScopedCredentials::new(self.cluster.clone(), scope)),
            store_name: "bao".into(),
            variables: Arc::default(),
            calls: Arc::default(),
            retry: None,
        };
        P::open(config, env).await
    }

    /// A store of the engine of version 2 with the token; `more` goes over that.
    async fn vault(&self, more: Value) -> Result<Arc<dyn Store>> {
        let mut config = json!({
            "server": self.bao.address,
            "path": self.mount("2"),
            "auth": {"tokenSecretRef": {"name": "bao", "key": "token"}},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.open::<Vault>(config).await
    }

    /// The same by the provider `openBao`.
    async fn openbao(&self, more: Value) -> Result<Arc<dyn Store>> {
        let mut config = json!({
            "server": self.bao.address,
            "path": self.mount("2"),
            "auth": {"tokenSecretRef": {"name": "bao", "key": "token"}},
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.open::<OpenBao>(config).await
    }

    /// What reading `app` with this configuration comes to.
    async fn kind(&self, more: Value) -> Option<Kind> {
        let outcome = async { read(&*self.vault(more).await?, "app").await };
        outcome.await.err().map(|error| error.kind())
    }

    /// Enables a login method, called after the team; its path.
    async fn enable(&self, method: &str) -> String {
        let path = format!("{}-{method}", self.team);
        self.bao.post(&format!("sys/auth/{path}"), json!({"type": method})).await;
        path
    }

    /// Ends all tokens that a login method has granted, as their time would.
    async fn end_tokens(&self, path: &str) {
        self.bao.post(&format!("sys/leases/revoke-prefix/auth/{path}"), Value::Null).await;
    }

    /// A login works, works again when its token has ended, and is refused as a credential: with what is `wrong` in it, and at a mount
    /// that is not there.
    async fn check_login(&self, path: &str, auth: &Value, wrong: &Value) {
        self.put("app", json!({"a": "b"})).await;
        let store = self.vault(json!({"auth": auth})).await.unwrap();
        assert!(matches!(store.probe().await, Ok(Probe::Ready)), "{auth}");
        assert_eq!(text(&read(&*store, "app").await.unwrap()), r#"{"a":"b"}"#, "{auth}");
        self.end_tokens(path).await;
        read(&*store, "app").await.unwrap_or_else(|error| panic!("{auth}: {error}"));
        store.close().await;
        assert_eq!(self.kind(json!({"auth": wrong})).await, Some(Kind::Unauthenticated), "{wrong}");
    }

    /// Certificate and key of a name, signed by the control plane's CA.
    fn pair(&self, wanted: CertificateParams) -> (String, String) {
        pair(&self.plane, wanted)
    }
}

fn rule(path: &str, capabilities: &str) -> String {
    format!("path \"{path}/*\" {{ capabilities = [\"{capabilities}\"] }}\n")
}

fn pair(plane: &Plane, mut wanted: CertificateParams) -> (String, String) {
    let signing_key = KeyPair::from_pem(&fs::read_to_string(&plane.ca_key).unwrap()).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&fs::read_to_string(&plane.ca).unwrap(), signing_key).unwrap();
    let key = KeyPair::generate().unwrap();
    wanted.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    (wanted.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
}

async fn answer(store: &dyn Store, key: RemoteKey) -> Result<Entry> {
    match store.get(&[key]).await {
        Batch::Answers(mut answers) => answers.remove(0),
        Batch::Refused(error) => panic!("{error}"),
    }
}

async fn read(store: &dyn Store, key: &str) -> Result<Entry> {
    answer(store, RemoteKey::value(key)).await
}

async fn failure(store: &dyn Store, key: &str) -> Kind {
    read(store, key).await.unwrap_err().kind()
}

fn version(key: &str, version: &str) -> RemoteKey {
    RemoteKey { version: Some(version.into()), ..RemoteKey::value(key) }
}

fn metadata(key: &str) -> RemoteKey {
    RemoteKey { want: Want::Metadata, ..RemoteKey::value(key) }
}

fn text(entry: &Entry) -> String {
    match &entry.payload {
        Payload::Bytes(bytes) => bytes.expose_str().expect("text").to_string(),
        Payload::Fields(_) => panic!("fields"),
    }
}

async fn found(store: &dyn Store, query: Query) -> BTreeMap<String, String> {
    let found = store.find(&query).await.unwrap();
    found.into_iter().map(|found| (found.name, text(&found.entry))).collect()
}

fn by_name(expression: &str, path: Option<&str>) -> Query {
    Query { name: Some(expression.into()), path: path.map(Into::into), ..Query::default() }
}

fn by_tag(name: &str, value: &str) -> Query {
    Query { tags: BTreeMap::from([(name.into(), value.into())]), ..Query::default() }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn values_of_both_versions_are_whole_objects() {
    let world = World::new("values").await;
    let value = json!({"z": 1.5, "a": "<&>", "n": null, "deep": {"y": [1, "x"]}});
    let printed = r#"{"a":"\u003c\u0026\u003e","deep":{"y":[1,"x"]},"n":null,"z":1.5}"#;
    world.put("team/a b", value.clone()).await;
    world.bao.post(&format!("{}/team/a%20b", world.mount("1")), value).await;
    let first = world.vault(json!({"path": world.mount("1"), "version": "v1"})).await.unwrap();
    let second = world.vault(json!({})).await.unwrap();
    let without_path = world.vault(json!({"path": null})).await.unwrap();
    let (by_mount, by_api) = (world.at("team/a b"), world.at("data/team/a b"));
    let reads = [
        (&first, "team/a b", None),
        (&second, "team/a b", Some("1")),
        (&second, by_mount.as_str(), Some("1")),
        (&without_path, by_mount.as_str(), Some("1")),
        (&without_path, by_api.as_str(), Some("1")),
    ];
    for (store, key, version) in reads {
        let entry = read(&**store, key).await.unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!((text(&entry).as_str(), entry.version.as_deref()), (printed, version), "{key}");
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn versions_are_read_by_number_and_deleted_ones_are_absent() {
    let world = World::new("versions").await;
    for n in 1..=4 {
        world.put("app", json!({"n": n})).await;
    }
    world.bao.post(&world.at("delete/app"), json!({"versions": [2]})).await;
    world.bao.post(&world.at("destroy/app"), json!({"versions": [3]})).await;
    let store = world.vault(json!({})).await.unwrap();
    for (n, value) in [("1", r#"{"n":1}"#), ("4", r#"{"n":4}"#), ("0", r#"{"n":4}"#)] {
        assert_eq!(text(&answer(&*store, version("app", n)).await.unwrap()), value, "version {n}");
    }
    for n in ["2", "3", "9"] {
        assert_eq!(
            answer(&*store, version("app", n)).await.unwrap_err().kind(),
            Kind::NotFound,
            "version {n}"
        );
    }
    world.bao.post(&world.at("undelete/app"), json!({"versions": [2]})).await;
    assert_eq!(text(&answer(&*store, version("app", "2")).await.unwrap()), r#"{"n":2}"#);
    assert_eq!(answer(&*store, version("app", "latest")).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_entry_whose_latest_version_is_deleted_is_absent() {
    let world = World::new("deleted").await;
    world.put("app", json!({"n": 1})).await;
    let (status, _) = world.bao.ask("DELETE", &world.at("data/app"), Value::Null).await;
    assert_eq!(status, 204);
    let store = world.vault(json!({})).await.unwrap();
    assert_eq!(failure(&*store, "app").await, Kind::NotFound);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn metadata_are_custom_fields_and_three_of_the_servers() {
    let world = World::new("metadata").await;
    world.put("app", json!({})).await;
    let wanted = json!({"custom_metadata": {"owner": "me", "current_version": "mine"}, "delete_version_after": "3h0m0s"});
    world.bao.post(&world.at("metadata/app"), wanted).await;
    let store = world.vault(json!({})).await.unwrap();
    let told: Value = serde_json::from_str(&text(&answer(&*store, metadata("app")).await.unwrap())).unwrap();
    assert!(told["created_time"].as_str().unwrap().starts_with("20"), "{told}");
    assert_eq!((&told["owner"], &told["current_version"]), (&json!("me"), &json!("mine")));
    assert_eq!((&told["delete_version_after"], told.as_object().unwrap().len()), (&json!("3h0m0s"), 4));
    assert_eq!(answer(&*store, metadata("absent")).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn entries_are_found_by_name_and_by_tags_in_all_folders() {
    let world = World::new("find").await;
    for (key, owner) in
        [("a", "me"), ("deep/a", "you"), ("deep/er/a", "me"), ("deep/b", "me"), ("deep/gone-a", "me")]
    {
        world.put(key, json!({"k": key})).await;
        world
            .bao
            .post(&world.at(&format!("metadata/{key}")), json!({"custom_metadata": {"owner": owner}}))
            .await;
        world.bao.post(&format!("{}/{key}", world.mount("1")), json!({"k": key})).await;
    }
    world.bao.post(&world.at("delete/deep/gone-a"), json!({"versions": [1]})).await;
    let store = world.vault(json!({})).await.unwrap();
    let (a, deep_a) = (("a", r#"{"k":"a"}"#), ("deep/a", r#"{"k":"deep/a"}"#));
    let (deeper, deep_b) = (("deep/er/a", r#"{"k":"deep/er/a"}"#), ("deep/b", r#"{"k":"deep/b"}"#));
    assert_eq!(found(&*store, by_name("a$", None)).await, map(&[a, deep_a, deeper]));
    assert_eq!(found(&*store, by_name("a$", Some("deep"))).await, map(&[deep_a, deeper]));
    assert_eq!(found(&*store, by_tag("owner", "me")).await, map(&[a, deeper, deep_b]));
    assert_eq!(found(&*store, by_name("nothing", None)).await, map(&[]));
    assert_eq!(store.find(&by_name(".", Some("absent"))).await.unwrap_err().kind(), Kind::NotFound);
    let first = world.vault(json!({"path": world.mount("1"), "version": "v1"})).await.unwrap();
    assert_eq!(found(&*first, by_name("er/", None)).await, map(&[deeper]));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_empty_engine_is_proven_to_hold_nothing() {
    let world = World::new("empty").await;
    let first = world.vault(json!({"path": world.mount("1"), "version": "v1"})).await.unwrap();
    let second = world.vault(json!({})).await.unwrap();
    for store in [first, second] {
        assert_eq!(store.find(&by_name(".", None)).await.unwrap_err().kind(), Kind::NotFound);
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_find_that_meets_a_forbidden_folder_is_no_partial_answer() {
    let world = World::new("find-denied").await;
    world.put("a", json!({})).await;
    world.put("forbidden/a", json!({})).await;
    let store = world.vault(json!({})).await.unwrap();
    assert_eq!(store.find(&by_name(".", None)).await.unwrap_err().kind(), Kind::Forbidden);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn absence_is_proven_only_by_the_engine_that_the_store_names() {
    let world = World::new("absence").await;
    world.bao.post(&format!("sys/mounts/{}-transit", world.team), json!({"type": "transit"})).await;
    let root = json!({"tokenSecretRef": {"name": "root", "key": "token"}});
    world.secret("root", &[("token", &world.bao.token)]);
    let folder = world.at("team");
    let cases = [
        (json!({}), Kind::NotFound),
        (json!({"path": world.mount("1"), "version": "v1"}), Kind::NotFound),
        (json!({"path": world.mount("1"), "version": "v2"}), Kind::Invalid),
        (json!({"path": world.mount("2"), "version": "v1"}), Kind::Invalid),
        (json!({"path": folder}), Kind::Invalid),
        (json!({"path": format!("{}-transit", world.team), "version": "v1", "auth": root}), Kind::Invalid),
        (json!({"path": format!("{}-absent", world.team), "auth": root}), Kind::Invalid),
        (json!({"path": format!("{}-absent", world.team)}), Kind::Forbidden),
        (json!({"namespace": format!("{}-absent", world.team)}), Kind::Invalid),
    ];
    for (more, kind) in cases {
        assert_eq!(world.kind(more.clone()).await, Some(kind), "{more}");
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_refused_key_is_forbidden_with_a_good_token_and_not_with_a_dead_one() {
    let world = World::new("forbidden").await;
    let store = world.vault(json!({})).await.unwrap();
    for key in ["forbidden/absent", "forbidden/app"] {
        assert_eq!(failure(&*store, key).await, Kind::Forbidden, "{key}");
    }
    world.secret("dead", &[("token", "s.never-was-one")]);
    let dead = json!({"tokenSecretRef": {"name": "dead", "key": "token"}});
    assert_eq!(world.kind(json!({"auth": dead})).await, Some(Kind::Unauthenticated));
    assert_eq!(world.kind(json!({"auth": null})).await, Some(Kind::Unauthenticated));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_token_that_ended_is_read_anew_from_its_secret() {
    let world = World::new("token").await;
    world.put("app", json!({"a": "b"})).await;
    let first = world.token().await;
    world.secret("rotated", &[("token", &first)]);
    let store =
        world.vault(json!({"auth": {"tokenSecretRef": {"name": "rotated", "key": "token"}}})).await.unwrap();
    assert!(matches!(store.probe().await, Ok(Probe::Ready)));
    read(&*store, "app").await.unwrap();
    world.bao.post("auth/token/revoke", json!({"token": first})).await;
    assert_eq!(failure(&*store, "app").await, Kind::Unauthenticated);
    assert_eq!(store.probe().await.unwrap_err().kind(), Kind::Unauthenticated);
    world.secret("rotated", &[("token", &world.token().await)]);
    assert_eq!(text(&read(&*store, "app").await.unwrap()), r#"{"a":"b"}"#);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_token_that_was_given_to_us_outlives_the_store() {
    let world = World::new("outlives").await;
    world.put("app", json!({})).await;
    let store = world.vault(json!({})).await.unwrap();
    read(&*store, "app").await.unwrap();
    store.close().await;
    assert_eq!(world.kind(json!({})).await, None);
}

/// An AppRole with the team's rights: its mount and the `auth.appRole` of a store.
async fn app_role(world: &World, more: Value) -> (String, Value) {
    let path = world.enable("approle").await;
    let role = format!("auth/{path}/role/reader");
    let mut wanted = json!({"token_policies": [world.team], "token_ttl": "1h"});
    wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.bao.post(&role, wanted).await;
    let id = world.bao.get(&format!("{role}/role-id")).await["data"]["role_id"].as_str().unwrap().to_string();
    let secret = world.bao.post(&format!("{role}/secret-id"), json!({})).await["data"]["secret_id"].clone();
    world.secret("role", &[("id", &id), ("secret", secret.as_str().unwrap()), ("wrong", "no-such-id")]);
    let auth = json!({"path": path, "roleId": id, "secretRef": {"name": "role", "key": "secret"}});
    (path, auth)
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_app_role_logs_in() {
    let world = World::new("approle").await;
    let (path, given) = app_role(&world, json!({})).await;
    let mut wrong = given.clone();
    wrong["secretRef"]["key"] = json!("wrong");
    world.check_login(&path, &json!({"appRole": given}), &json!({"appRole": wrong})).await;
    let mut by_secret = given;
    by_secret["roleId"] = Value::Null;
    by_secret["roleRef"] = json!({"name": "role", "key": "id"});
    let mut wrong = by_secret.clone();
    wrong["roleRef"]["key"] = json!("wrong");
    world.check_login(&path, &json!({"appRole": by_secret}), &json!({"appRole": wrong})).await;
}

/// Tokens that a login method has granted and that live.
async fn living_tokens(world: &World, path: &str) -> usize {
    let (status, body) =
        world.bao.ask("GET", &format!("sys/leases/lookup/auth/{path}/login?list=true"), Value::Null).await;
    if status == 404 { 0 } else { body["data"]["keys"].as_array().unwrap().len() }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn sec_10_many_reads_share_one_login_and_closing_ends_its_token() {
    let world = World::new("lifecycle").await;
    let (path, auth) = app_role(&world, json!({})).await;
    let proxy = Proxy::start(&world.bao.address).await;
    let store = world.vault(json!({"server": proxy.address, "auth": {"appRole": auth}})).await.unwrap();
    futures::future::join_all((0..20).map(|_| read(&*store, "app"))).await;
    assert_eq!(proxy.seen(|seen| seen.path.ends_with("/login")).len(), 1);
    assert_eq!(living_tokens(&world, &path).await, 1);
    store.close().await;
    assert_eq!(living_tokens(&world, &path).await, 0);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_token_whose_time_is_over_is_replaced_without_an_error() {
    let world = World::new("expiry").await;
    let (path, auth) = app_role(&world, json!({"token_ttl": "1s", "token_max_ttl": "1s"})).await;
    world.put("app", json!({})).await;
    let store = world.vault(json!({"auth": {"appRole": auth}})).await.unwrap();
    read(&*store, "app").await.unwrap();
    eventually("the token to end", async || (living_tokens(&world, &path).await == 0).then_some(())).await;
    read(&*store, "app").await.unwrap();
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_token_for_one_call_is_replaced_for_each() {
    let world = World::new("one-use").await;
    let (_, auth) = app_role(&world, json!({"token_num_uses": 1})).await;
    world.put("app", json!({})).await;
    let store = world.vault(json!({"auth": {"appRole": auth}})).await.unwrap();
    for _ in 0..3 {
        read(&*store, "app").await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_name_and_a_password_log_in() {
    let world = World::new("userpass").await;
    let path = world.enable("userpass").await;
    let user = json!({"password": "p \"w\" ", "token_policies": [world.team]});
    world.bao.post(&format!("auth/{path}/users/me"), user).await;
    world.secret("password", &[("right", "p \"w\" "), ("wrong", "p")]);
    let auth = |key: &str| json!({"userPass": {"path": path, "username": "me", "secretRef": {"name": "password", "key": key}}});
    world.check_login(&path, &auth("right"), &auth("wrong")).await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_service_account_logs_in_by_token_review() {
    let world = World::new("kubernetes").await;
    let path = world.enable("kubernetes").await;
    for account in ["reader", "stranger", "reviewer"] {
        world.kubectl(&["create", "serviceaccount", account, "-n", &world.team]);
    }
    let (binding, reviewer) =
        (format!("{}-reviewer", world.team), format!("--serviceaccount={}:reviewer", world.team));
    world.kubectl(&[
        "create",
        "clusterrolebinding",
        &binding,
        "--clusterrole=system:auth-delegator",
        &reviewer,
    ]);
    let token =
        |account: &str| world.kubectl(&["create", "token", account, "-n", &world.team]).trim().to_string();
    let config = json!({
        "kubernetes_host": world.plane.server,
        "kubernetes_ca_cert": fs::read_to_string(&world.plane.ca).unwrap(),
        "token_reviewer_jwt": token("reviewer"),
        "disable_local_ca_jwt": true,
    });
    world.bao.post(&format!("auth/{path}/config"), config).await;
    let role = json!({
        "bound_service_account_names": ["reader"],
        "bound_service_account_namespaces": [world.team],
        "token_policies": [world.team],
    });
    world.bao.post(&format!("auth/{path}/role/reader"), role).await;
    world.secret("jwt", &[("token", &token("reader")), ("stranger", &token("stranger"))]);
    let auth = |more: Value| {
        let mut auth = json!({"mountPath": path, "role": "reader"});
        auth.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"kubernetes": auth})
    };
    let account = |name: &str| auth(json!({"serviceAccountRef": {"name": name}}));
    world.check_login(&path, &account("reader"), &account("stranger")).await;
    let secret = |more: Value| auth(json!({"secretRef": more}));
    let (right, wrong) = (json!({"name": "jwt"}), json!({"name": "jwt", "key": "stranger"}));
    world.check_login(&path, &secret(right), &secret(wrong)).await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_json_web_token_logs_in() {
    let world = World::new("jwt").await;
    let path = world.enable("jwt").await;
    world.kubectl(&["create", "serviceaccount", "reader", "-n", &world.team]);
    // The key that the API server's tokens are signed with stands beside its CA.
    let key = fs::read_to_string(world.plane.ca.with_file_name("sa.pub")).unwrap();
    world.bao.post(&format!("auth/{path}/config"), json!({"jwt_validation_pubkeys": [key]})).await;
    let role = json!({
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["vault"],
        "bound_subject": format!("system:serviceaccount:{}:reader", world.team),
        "token_policies": [world.team],
    });
    world.bao.post(&format!("auth/{path}/role/reader"), role).await;
    let token = |audience: &str| {
        let audience = format!("--audience={audience}");
        world.kubectl(&["create", "token", "reader", "-n", &world.team, &audience]).trim().to_string()
    };
    world.secret("jwt", &[("right", &token("vault")), ("wrong", &token("other"))]);
    let secret = |key: &str| json!({"jwt": {"path": path, "role": "reader", "secretRef": {"name": "jwt", "key": key}}});
    world.check_login(&path, &secret("right"), &secret("wrong")).await;
    let account = |audiences: Value| {
        let token = json!({"serviceAccountRef": {"name": "reader"}, "audiences": audiences});
        json!({"jwt": {"path": path, "role": "reader", "kubernetesServiceAccountToken": token}})
    };
    world.check_login(&path, &account(Value::Null), &account(json!(["other"]))).await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_login_at_a_mount_that_is_not_there_cannot_be_told_from_a_refused_one() {
    let world = World::new("no-login").await;
    world.secret("password", &[("p", "p")]);
    let auth = json!({"userPass": {"path": "no-such-mount", "username": "me", "secretRef": {"name": "password", "key": "p"}}});
    assert_eq!(world.kind(json!({"auth": auth})).await, Some(Kind::Unauthenticated));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn entries_and_logins_may_lie_in_different_namespaces() {
    let world = World::new("namespaces").await;
    let (parent, child) = (world.team.clone(), format!("{}/child", world.team));
    world.bao.post(&format!("sys/namespaces/{parent}"), Value::Null).await;
    world.bao.post(&format!("{parent}/sys/namespaces/child"), Value::Null).await;
    let engine = json!({"type": "kv", "options": {"version": "2"}});
    world.bao.post(&format!("{child}/sys/mounts/kv"), engine).await;
    world.bao.post(&format!("{child}/kv/data/app"), json!({"data": {"a": "b"}})).await;
    let policy = rule("child/kv", "read\", \"list");
    world.bao.post(&format!("{parent}/sys/policies/acl/reader"), json!({"policy": policy})).await;
    world.bao.post(&format!("{parent}/sys/auth/userpass"), json!({"type": "userpass"})).await;
    let user = json!({"password": "p", "token_policies": ["reader"]});
    world.bao.post(&format!("{parent}/auth/userpass/users/me"), user).await;
    world.secret("password", &[("p", "p")]);
    let user_pass = json!({"username": "me", "secretRef": {"name": "password", "key": "p"}});
    let config =
        json!({"namespace": child, "path": "kv", "auth": {"namespace": parent, "userPass": user_pass}});
    for store in [world.vault(config.clone()).await.unwrap(), world.openbao(config.clone()).await.unwrap()] {
        assert_eq!(text(&read(&*store, "app").await.unwrap()), r#"{"a":"b"}"#);
        assert_eq!(failure(&*store, "absent").await, Kind::NotFound);
        store.probe().await.unwrap();
    }
    let elsewhere = json!({"namespace": child, "path": "kv", "auth": {"userPass": user_pass}});
    assert_eq!(world.kind(elsewhere).await, Some(Kind::Unauthenticated));
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn headers_of_the_store_reach_the_server() {
    let world = World::new("headers").await;
    world.bao.post(&format!("sys/namespaces/{}", world.team), Value::Null).await;
    world.bao.post(&format!("{}/sys/mounts/kv", world.team), json!({"type": "kv"})).await;
    world.bao.post(&format!("{}/kv/app", world.team), json!({"a": "b"})).await;
    world.secret("root", &[("token", &world.bao.token)]);
    let config = json!({
        "path": "kv", "version": "v1",
        "auth": {"tokenSecretRef": {"name": "root", "key": "token"}},
        "headers": {"X-Vault-Namespace": world.team},
    });
    let store = world.vault(config).await.unwrap();
    assert_eq!(text(&read(&*store, "app").await.unwrap()), r#"{"a":"b"}"#);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_rate_limit_of_the_server_is_throttling() {
    let world = World::new("throttled").await;
    world.put("app", json!({})).await;
    let limit = json!({"path": format!("{}/", world.mount("2")), "rate": 1, "interval": "1h"});
    world.bao.post(&format!("sys/quotas/rate-limit/{}", world.team), limit).await;
    let store = world.vault(json!({})).await.unwrap();
    read(&*store, "app").await.unwrap();
    assert_eq!(failure(&*store, "app").await, Kind::Throttled);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_provider_of_its_own_reads_both_versions_and_one_folder() {
    let world = World::new("own").await;
    for key in ["deep/a", "deep/b", "deep/er/a", "deep/gone-a"] {
        world.put(key, json!({"k": key})).await;
    }
    world.put("deep/a", json!({"k": "again"})).await;
    world.bao.post(&world.at("delete/deep/gone-a"), json!({"versions": [1]})).await;
    world.bao.post(&format!("{}/app", world.mount("1")), json!({"k": "first"})).await;
    let second = world.openbao(json!({})).await.unwrap();
    let first = world.openbao(json!({"path": world.mount("1"), "version": "v1"})).await.unwrap();
    assert_eq!(text(&read(&*first, "app").await.unwrap()), r#"{"k":"first"}"#);
    assert_eq!(text(&answer(&*second, version("deep/a", "1")).await.unwrap()), r#"{"k":"deep/a"}"#);
    assert_eq!(found(&*second, by_name("a$", Some("deep"))).await, map(&[("a", r#"{"k":"again"}"#)]));
    assert_eq!(found(&*second, by_name(".", Some("absent"))).await, map(&[]));
    assert_eq!(failure(&*second, "absent").await, Kind::NotFound);
    assert_eq!(failure(&*second, "forbidden/a").await, Kind::Forbidden);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_probe_of_the_provider_of_its_own_compares_the_mount() {
    let world = World::new("own-probe").await;
    world.secret("dead", &[("token", "s.never-was-one")]);
    let dead = json!({"tokenSecretRef": {"name": "dead", "key": "token"}});
    let cases = [
        (json!({}), None),
        (json!({"path": world.mount("1"), "version": "v1"}), None),
        (json!({"path": world.mount("1")}), Some(Kind::Invalid)),
        (json!({"version": "v1"}), Some(Kind::Invalid)),
        (json!({"path": "sys"}), Some(Kind::Invalid)),
        (json!({"path": "no-such-mount"}), Some(Kind::Forbidden)),
        (json!({"auth": dead}), Some(Kind::Unauthenticated)),
    ];
    for (more, kind) in cases {
        let outcome = world.openbao(more.clone()).await.unwrap().probe().await;
        assert_eq!(outcome.err().map(|error| error.kind()), kind, "{more}");
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_provider_of_its_own_logs_in_with_an_app_role() {
    let world = World::new("own-login").await;
    let (path, auth) = app_role(&world, json!({})).await;
    world.put("app", json!({"a": "b"})).await;
    let store = world.openbao(json!({"auth": {"appRole": auth}})).await.unwrap();
    read(&*store, "app").await.unwrap();
    world.end_tokens(&path).await;
    read(&*store, "app").await.unwrap();
    store.close().await;
    assert_eq!(living_tokens(&world, &path).await, 0);
    let mut wrong = auth;
    wrong["secretRef"]["key"] = json!("wrong");
    let refused = world.openbao(json!({"auth": {"appRole": wrong}})).await.unwrap();
    assert_eq!(failure(&*refused, "app").await, Kind::Unauthenticated);
}

/// A server of a test's own, over TLS, with a certificate of the control plane's CA. It ends with its owner.
struct Server {
    child: Child,
    /// The address at which only clients with a certificate get in.
    strict: String,
    _dir: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    async fn start(plane: &Plane) -> (Self, Bao) {
        let dir = tempfile::tempdir().unwrap();
        let (open, strict) = (free_address(), free_address());
        let file = dir.path().join("config.json");
        fs::write(&file, configuration(plane, dir.path(), (&open, &strict)).to_string()).unwrap();
        let mut child = Command::new(&plane.openbao().binary)
            .arg("server")
            .arg(format!("-config={}", file.display()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let server = Self { child, strict: format!("https://{strict}"), _dir: dir };
        // The rest is read too: a full pipe would stop the server.
        let mut lines = lines.map_while(std::result::Result::ok);
        assert!(lines.any(|line| line.contains("server started")), "the server does not start");
        std::thread::spawn(move || lines.for_each(drop));
        let ca = reqwest::Certificate::from_pem(&fs::read(&plane.ca).unwrap()).unwrap();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().unwrap();
        let mut bao = Bao { address: format!("https://{open}"), token: String::new(), client };
        let keys = bao.post("sys/init", json!({"secret_shares": 1, "secret_threshold": 1})).await;
        bao.token = keys["root_token"].as_str().unwrap().to_string();
        bao.post("sys/unseal", json!({"key": keys["keys"][0]})).await;
        let active = async || (bao.ask("GET", "sys/health", Value::Null).await.0 == 200).then_some(());
        eventually("the server to be active", active).await;
        (server, bao)
    }
}

fn configuration(plane: &Plane, dir: &Path, (open, strict): (&str, &str)) -> Value {
    let (certificate, key) = pair(plane, CertificateParams::new(vec!["127.0.0.1".to_string()]).unwrap());
    let (certificate_file, key_file) = (dir.join("server.crt"), dir.join("server.key"));
    fs::write(&certificate_file, certificate).unwrap();
    fs::write(&key_file, key).unwrap();
    let listener = |address: &str, more: Value| {
        let mut listener =
            json!({"address": address, "tls_cert_file": certificate_file, "tls_key_file": key_file});
        listener.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"tcp": listener})
    };
    let clients = json!({"tls_require_and_verify_client_cert": true, "tls_client_ca_file": plane.ca});
    json!({
        "storage": {"inmem": {}},
        "api_addr": format!("https://{open}"),
        "listener": [listener(open, json!({})), listener(strict, clients)],
    })
}

/// An address that was free a moment ago.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn client(name: &str) -> CertificateParams {
    let mut wanted = CertificateParams::default();
    wanted.distinguished_name.push(DnType::CommonName, name);
    wanted
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn tls_needs_the_stores_ca_and_where_asked_for_the_stores_certificate() {
    let plane = Plane::get();
    let (server, bao) = Server::start(&plane).await;
    let world = World::over("tls", plane, bao).await;
    world.put("app", json!({})).await;
    let ca = fs::read_to_string(&world.plane.ca).unwrap();
    world.secret("ca", &[("ca.crt", &ca)]);
    world.apply(
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": ca}}),
    );
    let (certificate, key) = world.pair(client("reader"));
    world.secret("pair", &[("tls.crt", &certificate), ("tls.key", &key)]);
    let bundle = STANDARD.encode(&ca);
    let pair = json!({"certSecretRef": {"name": "pair"}, "keySecretRef": {"name": "pair"}});
    let provider = |kind: &str| json!({"type": kind, "name": "ca", "key": "ca.crt"});
    let cases = [
        (json!({}), Some(Kind::Unavailable)),
        (json!({"caBundle": bundle}), None),
        (json!({"caProvider": provider("Secret")}), None),
        (json!({"caProvider": provider("ConfigMap")}), None),
        (json!({"caBundle": bundle, "server": server.strict}), Some(Kind::Unavailable)),
        (json!({"caBundle": bundle, "server": server.strict, "tls": pair}), None),
        (
            json!({"caBundle": bundle, "server": world.bao.address.replace("https", "http")}),
            Some(Kind::Invalid),
        ),
    ];
    for (more, kind) in cases {
        assert_eq!(world.kind(more.clone()).await, kind, "{more}");
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_client_certificate_logs_in() {
    let plane = Plane::get();
    let (_server, bao) = Server::start(&plane).await;
    let world = World::over("cert", plane, bao).await;
    let path = world.enable("cert").await;
    let ca = fs::read_to_string(&world.plane.ca).unwrap();
    for (role, name) in [("web", "reader"), ("other", "somebody")] {
        let wanted =
            json!({"certificate": ca, "allowed_common_names": [name], "token_policies": [world.team]});
        world.bao.post(&format!("auth/{path}/certs/{role}"), wanted).await;
    }
    for name in ["reader", "stranger"] {
        let (certificate, key) = world.pair(client(name));
        world.secret(name, &[("tls.crt", &certificate), ("tls.key", &key)]);
    }
    let auth = |role: Option<&str>, name: &str| {
        let secret = json!({"name": name});
        json!({"cert": {"path": path, "vaultRole": role, "clientCert": secret, "secretRef": secret}})
    };
    world.put("app", json!({})).await;
    let config = |auth: Value| json!({"auth": auth, "caBundle": STANDARD.encode(&ca)});
    let store = world.vault(config(auth(Some("web"), "reader"))).await.unwrap();
    read(&*store, "app").await.unwrap();
    world.end_tokens(&path).await;
    read(&*store, "app").await.unwrap();
    let cases = [
        (auth(None, "reader"), None),
        (auth(Some("other"), "reader"), Some(Kind::Unauthenticated)),
        (auth(None, "stranger"), Some(Kind::Unauthenticated)),
    ];
    for (auth, kind) in cases {
        assert_eq!(world.kind(config(auth.clone())).await, kind, "{auth}");
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_sealed_server_is_unavailable() {
    let plane = Plane::get();
    let (_server, bao) = Server::start(&plane).await;
    let world = World::over("sealed", plane, bao).await;
    let bundle = STANDARD.encode(fs::read(&world.plane.ca).unwrap());
    let store = world.vault(json!({"caBundle": bundle})).await.unwrap();
    assert_eq!(failure(&*store, "app").await, Kind::NotFound);
    world.bao.post("sys/seal", Value::Null).await;
    assert_eq!(failure(&*store, "app").await, Kind::Unavailable);
    assert_eq!(store.probe().await.unwrap_err().kind(), Kind::Unavailable);
}
