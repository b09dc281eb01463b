//! The provider over scripted HTTP. What it shares with `vault` is tested there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    net::scripted::{Exchange, Reply, Scripted},
    provider::{
        Payload,
        contract::{self, Fault, Script, Subject},
        held::Held,
    },
};

const NOTHING: &str = r#"{"errors":[]}"#;

fn config(url: &str, more: &Value) -> OpenBaoConfig {
    let role = json!({"roleId": "the-role", "secretRef": {"name": "bao", "key": "secret-id"}});
    let mut config = json!({"server": url, "auth": {"appRole": role}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn held() -> Held {
    [("secret-id", "the-secret-id\n"), ("token", "the-token"), ("password", "p w")]
        .into_iter()
        .fold(Held::new(Scope::Namespace("team".into())), |held, pair| held.secret("team", "bao", pair))
}

async fn open(url: &str, more: &Value) -> Result<Arc<dyn Store>> {
    OpenBao::open(config(url, more), held().env("bao", &[])).await
}

async fn one(store: &dyn Store, key: RemoteKey) -> Result<Entry> {
    match store.get(&[key]).await {
        Batch::Answers(mut answers) => answers.remove(0),
        Batch::Refused(error) => panic!("{error}"),
    }
}

fn at(path: &str) -> Exchange {
    Exchange::get(&format!("/v1/{path}"))
}

fn listing(path: &str, names: &[&str]) -> Exchange {
    let reply = Reply::json(200, json!({"data": {"keys": names}}).to_string());
    at(path).query("list", "true").answers(reply)
}

fn v2(value: &Value) -> Reply {
    Reply::json(200, json!({"data": {"data": value, "metadata": {"version": 3}}}).to_string())
}

fn mount(path: &str, engine: &str, version: &str) -> Exchange {
    let mount = json!({"data": {"path": "kv/", "type": engine, "options": {"version": version}}});
    at(&format!("sys/internal/ui/mounts/{path}")).answers(Reply::json(200, mount.to_string()))
}

fn log_in() -> Exchange {
    let granted = Reply::json(200, r#"{"auth":{"client_token":"issued","lease_duration":3600}}"#);
    Exchange::post("/v1/auth/approle/login").answers(granted).repeated()
}

fn look_up(status: u16) -> Exchange {
    at("auth/token/lookup-self").answers(Reply::json(status, "{}"))
}

struct OverHttp;

#[async_trait]
impl Subject for OverHttp {
    async fn open(&self, url: &str) -> Result<Arc<dyn Store>> {
        open(url, &json!({})).await
    }

    fn prologue(&self) -> Vec<Exchange> {
        vec![log_in()]
    }

    fn read(&self, key: &str) -> Exchange {
        at(&format!("kv/data/{key}")).header("x-vault-token", "issued")
    }

    fn entry(&self, _key: &str, value: &str) -> Reply {
        v2(&json!({"value": value}))
    }

    fn payload(&self, value: &str) -> Payload {
        Payload::Bytes(json!({"value": value}).to_string().into())
    }

    fn absent(&self, key: &str) -> Vec<Exchange> {
        vec![self.read(key).answers(Reply::json(404, NOTHING)), mount(&format!("kv/data/{key}"), "kv", "2")]
    }

    fn elsewhere(&self, key: &str) -> Vec<Exchange> {
        let body = r#"{"errors":["no handler for route \"kv/data/app\""]}"#;
        vec![self.read(key).answers(Reply::json(404, body))]
    }

    fn script(&self, fault: Fault, key: &str) -> Script {
        let refused = || self.read(key).answers(Fault::Forbidden.reply(""));
        match fault {
            Fault::Conflict => Script::Never("the server has no such status"),
            Fault::Forbidden => Script::Own(vec![refused(), look_up(200)]),
            _ => Script::Usual,
        }
    }

    fn find(&self) -> Option<(Query, Exchange)> {
        Some((by_name(".", None), at("kv/metadata").query("list", "true")))
    }
}

fn by_name(name: &str, path: Option<&str>) -> Query {
    Query { name: Some(name.into()), path: path.map(Into::into), ..Query::default() }
}

#[tokio::test]
async fn the_contract_holds() {
    contract::check(&OverHttp).await;
}

#[tokio::test]
async fn a_key_is_relative_to_the_mount() {
    let cases = [
        (json!({}), "kv/app", "kv/data/kv/app"),
        (json!({"path": "team/secrets/"}), "data/app", "team/secrets/data/data/app"),
        (json!({"path": "", "version": "v1"}), "app", "kv/app"),
        (json!({"path": "old", "version": "v1"}), "old/app", "old/old/app"),
    ];
    for (more, key, path) in cases {
        let server = Scripted::start([log_in(), at(path).answers(v2(&json!({})))]).await;
        let store = open(server.url(), &more).await.unwrap();
        one(&*store, RemoteKey::value(key)).await.unwrap();
        server.finish();
    }
}

#[tokio::test]
async fn a_version_is_a_number_and_of_version_2_of_the_engine() {
    let version = |version: &str| RemoteKey { version: Some(version.into()), ..RemoteKey::value("app") };
    let server =
        Scripted::start([log_in(), at("kv/data/app").query("version", "7").answers(v2(&json!({})))]).await;
    let store = open(server.url(), &json!({})).await.unwrap();
    assert_eq!(one(&*store, version("7")).await.unwrap().version.as_deref(), Some("3"));
    assert_eq!(one(&*store, version("latest")).await.unwrap_err().kind(), Kind::Invalid);
    let first = open(server.url(), &json!({"version": "v1"})).await.unwrap();
    assert_eq!(one(&*first, version("7")).await.unwrap_err().kind(), Kind::Invalid);
    server.finish();
}

#[tokio::test]
async fn metadata_are_not_supported() {
    let server = Scripted::start([]).await;
    let store = open(server.url(), &json!({})).await.unwrap();
    let key = RemoteKey { want: Want::Metadata, ..RemoteKey::value("app") };
    assert_eq!(one(&*store, key).await.unwrap_err().kind(), Kind::Unsupported);
}

#[tokio::test]
async fn a_find_reads_one_folder_and_names_entries_as_it_lists_them() {
    let server = Scripted::start([
        log_in(),
        listing("kv/metadata/team", &["a", "b", "a-deep/", "a-deleted"]),
        at("kv/data/team/a").answers(v2(&json!({"n": 1}))),
        at("kv/data/team/a-deleted").answers(Reply::json(404, NOTHING)),
        mount("kv/data/team/a-deleted", "kv", "2"),
    ])
    .await;
    let store = open(server.url(), &json!({})).await.unwrap();
    let found = store.find(&by_name("^a", Some("team"))).await.unwrap();
    let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    server.finish();
}

#[tokio::test]
async fn a_folder_that_is_proven_absent_holds_nothing() {
    let cases = [("v1", "kv", "kv", "1"), ("v2", "kv/metadata", "kv/metadata", "2")];
    for (version, folder, looked_at, engine) in cases {
        let absent = at(folder).query("list", "true").answers(Reply::json(404, NOTHING));
        let server = Scripted::start([log_in(), absent, mount(looked_at, "kv", engine)]).await;
        let store = open(server.url(), &json!({"version": version})).await.unwrap();
        assert_eq!(store.find(&by_name(".", None)).await.unwrap(), [], "{version}");
        server.finish();
    }
}

#[tokio::test]
async fn a_find_needs_a_name_and_knows_no_tags() {
    let server = Scripted::start([]).await;
    let store = open(server.url(), &json!({})).await.unwrap();
    let tags = BTreeMap::from([("a".into(), "b".into())]);
    let cases = [
        (Query::default(), Kind::Invalid),
        (by_name("(", None), Kind::Invalid),
        (Query { tags, ..by_name(".", None) }, Kind::Unsupported),
    ];
    for (query, kind) in cases {
        assert_eq!(store.find(&query).await.unwrap_err().kind(), kind, "{query:?}");
    }
}

#[tokio::test]
async fn a_probe_looks_at_the_mount() {
    let denied = || at("sys/internal/ui/mounts/kv/data").answers(Reply::json(403, "{}"));
    let cases = [
        (vec![mount("kv/data", "kv", "2")], None),
        (vec![mount("kv/data", "kv", "1")], Some(Kind::Invalid)),
        (vec![mount("kv/data", "database", "2")], Some(Kind::Invalid)),
        (vec![denied(), look_up(200)], Some(Kind::Forbidden)),
        (vec![denied(), look_up(403)], Some(Kind::Unauthenticated)),
    ];
    for (script, kind) in cases {
        let server = Scripted::start(script.into_iter().map(Exchange::repeated)).await;
        let store = open(server.url(), &json!({"auth": {"tokenSecretRef": {"name": "bao", "key": "token"}}}))
            .await
            .unwrap();
        assert_eq!(store.probe().await.err().map(|error| error.kind()), kind);
    }
}

#[tokio::test]
async fn every_login_and_namespace_goes_on_the_wire() {
    let cases = [
        (
            json!({"appRole": {"path": "roles", "roleRef": {"name": "bao", "key": "token"}, "secretRef": {"name": "bao", "key": "secret-id"}}}),
            "roles/login",
            r#"{"role_id":"the-token","secret_id":"the-secret-id"}"#,
        ),
        (
            json!({"userPass": {"username": "me", "secretRef": {"name": "bao", "key": "password"}}}),
            "userpass/login/me",
            r#"{"password":"p w"}"#,
        ),
    ];
    for (mut auth, path, body) in cases {
        auth["namespace"] = json!("logins");
        let granted = Reply::json(200, r#"{"auth":{"client_token":"issued","lease_duration":60}}"#);
        let server = Scripted::start([
            Exchange::post(&format!("/v1/auth/{path}"))
                .header("x-vault-namespace", "logins")
                .answers(granted),
            at("kv/data/app")
                .header("x-vault-namespace", "team-a")
                .header("x-vault-token", "issued")
                .answers(v2(&json!({}))),
        ])
        .await;
        let store = open(server.url(), &json!({"auth": auth, "namespace": "team-a"})).await.unwrap();
        one(&*store, RemoteKey::value("app")).await.unwrap();
        assert_eq!(server.requests()[0].text(), body);
        server.finish();
    }
}

#[test]
fn problems_name_their_field() {
    let secret = json!({"name": "bao"});
    let cases = [
        (json!({}), vec![]),
        (json!({"auth": null}), vec![]),
        (json!({"auth": {}}), vec!["auth"]),
        (
            json!({"auth": {"tokenSecretRef": secret, "userPass": {"username": "me", "secretRef": secret}}}),
            vec!["auth"],
        ),
        (json!({"auth": {"userPass": {"username": "me"}}}), vec!["auth"]),
        (json!({"auth": {"appRole": {"secretRef": secret}}}), vec!["auth"]),
        (json!({"auth": {"appRole": {"roleId": "r", "roleRef": secret, "secretRef": secret}}}), vec!["auth"]),
        (json!({"server": "bao"}), vec!["server"]),
        (json!({"caBundle": "x", "caProvider": {"type": "Secret", "name": "ca"}}), vec!["caBundle"]),
    ];
    for (more, want) in cases {
        let problems = OpenBao::validate(&config("http://bao:8200", &more), &Scope::Namespace("team".into()));
        let fields: Vec<_> = problems.into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields, want, "{more}");
    }
}

#[test]
fn every_reference_is_told() {
    let secret = json!({"name": "bao"});
    let more = json!({
        "caProvider": {"type": "ConfigMap", "name": "ca"},
        "auth": {
            "tokenSecretRef": secret,
            "appRole": {"roleRef": secret, "secretRef": secret},
            "userPass": {"username": "me", "secretRef": secret},
        },
    });
    assert_eq!(OpenBao::refs(&config("http://bao", &more)).len(), 5);
}

#[test]
fn one_server_has_one_quota_whichever_provider_speaks_to_it() {
    let vault = serde_json::from_value(json!({"server": "http://bao:8200/"})).unwrap();
    let ours = OpenBao::quota(&config("http://bao:8200", &json!({})));
    assert_eq!(ours, super::super::vault::Vault::quota(&vault));
}
