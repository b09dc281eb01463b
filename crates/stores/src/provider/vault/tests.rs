//! The provider over scripted HTTP.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::*;
use crate::{
    base::refs::RefKind,
    net::scripted::{Authority, Exchange, Reply, Scripted},
    provider::{
        Payload,
        contract::{self, Fault, MARKER, Script, Subject},
        held::{Held, LeapingClock},
    },
};

/// What the server says of a key that is not there.
const NOTHING: &str = r#"{"errors":[]}"#;
const REFUSED: &str = r#"{"errors":["permission denied"]}"#;

fn config(url: &str, more: &Value) -> VaultConfig {
    let mut config = json!({"server": url, "path": "secret", "auth": {"tokenSecretRef": {"name": "vault", "key": "token"}}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn held() -> Held {
    let tokens = |namespace: &str, name: &str, audiences: &[String]| {
        Ok(format!("{namespace}.{name}.{}", audiences.join("+")))
    };
    [
        ("token", "the-token\n"),
        ("secret-id", "the-secret-id\n"),
        ("role-id", "the-role-id"),
        ("jwt", "a.b.c\n"),
    ]
    .into_iter()
    .chain([("password", "p \"w\" ")])
    .fold(Held::new(Scope::Namespace("team".into())), |held, pair| held.secret("team", "vault", pair))
    .tokens(Box::new(tokens))
}

async fn open(url: &str, more: &Value) -> Result<Arc<dyn Store>> {
    Vault::open(config(url, more), held().env("vault", &[])).await
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

fn text(entry: &Entry) -> &str {
    match &entry.payload {
        Payload::Bytes(bytes) => bytes.expose_str().unwrap(),
        Payload::Fields(_) => panic!("fields"),
    }
}

fn at(path: &str) -> Exchange {
    Exchange::get(&format!("/v1/{path}"))
}

fn listing(path: &str) -> Exchange {
    at(path).query("list", "true")
}

fn names(names: &[&str]) -> Reply {
    Reply::json(200, json!({"data": {"keys": names}}).to_string())
}

fn v2(value: &Value) -> Reply {
    let metadata = json!({"version": 3, "deletion_time": "", "destroyed": false});
    Reply::json(200, json!({"data": {"data": value, "metadata": metadata}}).to_string())
}

/// What the server says of the mount that a path lies in.
fn mount(path: &str, version: &str) -> Exchange {
    let name = path.split('/').next().unwrap();
    let mount = json!({"data": {"path": format!("{name}/"), "type": "kv", "options": {"version": version}}});
    at(&format!("sys/internal/ui/mounts/{path}")).answers(Reply::json(200, mount.to_string()))
}

fn look_up(status: u16) -> Exchange {
    at("auth/token/lookup-self").answers(Reply::json(status, REFUSED))
}

fn login(path: &str) -> Exchange {
    Exchange::post(&format!("/v1/auth/{path}"))
}

fn granted(token: &str, seconds: u64) -> Reply {
    Reply::json(200, json!({"auth": {"client_token": token, "lease_duration": seconds}}).to_string())
}

/// Version 2 of the engine, by token.
struct Versioned;

#[async_trait]
impl Subject for Versioned {
    async fn open(&self, url: &str) -> Result<Arc<dyn Store>> {
        open(url, &json!({})).await
    }

    fn read(&self, key: &str) -> Exchange {
        at(&format!("secret/data/{key}")).header("x-vault-token", "the-token").no_query("list")
    }

    fn entry(&self, _key: &str, value: &str) -> Reply {
        v2(&json!({"value": value}))
    }

    fn payload(&self, value: &str) -> Payload {
        Payload::Bytes(json!({"value": value}).to_string().into())
    }

    fn absent(&self, key: &str) -> Vec<Exchange> {
        let path = format!("secret/data/{key}");
        vec![self.read(key).answers(Reply::json(404, NOTHING)), mount(&path, "2")]
    }

    fn elsewhere(&self, key: &str) -> Vec<Exchange> {
        let path = format!("secret/data/{key}");
        vec![self.read(key).answers(Reply::json(404, NOTHING)), mount(&path, "1")]
    }

    fn script(&self, fault: Fault, key: &str) -> Script {
        match fault {
            Fault::Conflict => Script::Never("the server has no such status"),
            Fault::Forbidden => Script::Own(vec![self.read(key).answers(fault.reply("")), look_up(200)]),
            _ => Script::Usual,
        }
    }

    fn find(&self) -> Option<(Query, Exchange)> {
        Some((Query { name: Some(".".into()), ..Query::default() }, listing("secret/metadata")))
    }
}

/// Version 1 of the engine, by a login.
struct Plain;

#[async_trait]
impl Subject for Plain {
    async fn open(&self, url: &str) -> Result<Arc<dyn Store>> {
        let auth = json!({"userPass": {"path": "userpass", "username": "me", "secretRef": {"name": "vault", "key": "password"}}});
        open(url, &json!({"version": "v1", "auth": auth})).await
    }

    fn prologue(&self) -> Vec<Exchange> {
        vec![login("userpass/login/me").answers(granted("issued", 3600))]
    }

    fn read(&self, key: &str) -> Exchange {
        at(&format!("secret/{key}")).header("x-vault-token", "issued")
    }

    fn entry(&self, _key: &str, value: &str) -> Reply {
        Reply::json(200, json!({"data": {"value": value}}).to_string())
    }

    fn payload(&self, value: &str) -> Payload {
        Versioned.payload(value)
    }

    fn absent(&self, key: &str) -> Vec<Exchange> {
        vec![self.read(key).answers(Reply::json(404, NOTHING)), mount(&format!("secret/{key}"), "1")]
    }

    fn elsewhere(&self, key: &str) -> Vec<Exchange> {
        let body = json!({"errors": [format!("no handler for route {MARKER}")]});
        vec![self.read(key).answers(Reply::json(404, body.to_string()))]
    }

    fn script(&self, fault: Fault, key: &str) -> Script {
        match fault {
            Fault::Conflict => Script::Never("the server has no such status"),
            Fault::Forbidden => Script::Own(vec![self.read(key).answers(fault.reply("")), look_up(200)]),
            _ => Script::Usual,
        }
    }
}

#[tokio::test]
async fn the_contract_holds_for_version_2() {
    contract::check(&Versioned).await;
}

#[tokio::test]
async fn the_contract_holds_for_version_1() {
    contract::check(&Plain).await;
}

/// One read of `app` against a script of its own: what comes of it.
struct Case {
    name: &'static str,
    more: Value,
    script: Vec<Exchange>,
    kind: Kind,
}

fn case(name: &'static str, more: Value, script: Vec<Exchange>, kind: Kind) -> Case {
    Case { name, more, script, kind }
}

async fn check(cases: Vec<Case>) {
    for Case { name, more, script, kind } in cases {
        let server = Scripted::start(script.into_iter().map(Exchange::repeated)).await;
        let outcome = async { one(&*open(server.url(), &more).await?, RemoteKey::value("app")).await };
        let error = outcome.await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(!format!("{error:?}").contains(MARKER), "{name}: {error:?}");
    }
}

fn read(status: u16, body: &str) -> Exchange {
    at("secret/data/app").answers(Reply::json(status, body))
}

fn looked_at(status: u16, body: &str) -> Exchange {
    at("sys/internal/ui/mounts/secret/data/app").answers(Reply::json(status, body))
}

#[tokio::test]
async fn an_absence_is_believed_only_of_the_right_mount() {
    let deleted =
        r#"{"data":{"data":null,"metadata":{"deletion_time":"2026-01-01T00:00:00Z","destroyed":false}}}"#;
    let database = r#"{"data":{"path":"secret/","type":"database"}}"#;
    let other = r#"{"data":{"path":"other/","type":"kv","options":{"version":"2"}}}"#;
    let no_route = format!(r#"{{"errors":["no handler for route {MARKER}"]}}"#);
    let no_namespace = format!(r#"{{"errors":["namespace not found {MARKER}"]}}"#);
    let absent = || read(404, NOTHING);
    check(vec![
        case("absent", json!({}), vec![absent(), mount("secret/data/app", "2")], Kind::NotFound),
        case("deleted", json!({}), vec![read(404, deleted), mount("secret/data/app", "2")], Kind::NotFound),
        case("deleted, as 200", json!({}), vec![read(200, deleted)], Kind::NotFound),
        case("engine of version 1", json!({}), vec![absent(), mount("secret/data/app", "1")], Kind::Invalid),
        case("another engine", json!({}), vec![absent(), looked_at(200, database)], Kind::Invalid),
        case("another mount", json!({}), vec![absent(), looked_at(200, other)], Kind::Invalid),
        case("nothing mounted", json!({}), vec![read(404, &no_route)], Kind::Invalid),
        case("no such namespace", json!({"namespace": "x"}), vec![read(404, &no_namespace)], Kind::Invalid),
        case(
            "mount not to be seen",
            json!({}),
            vec![absent(), looked_at(403, REFUSED), look_up(200)],
            Kind::Forbidden,
        ),
        case("mount not described", json!({}), vec![absent(), looked_at(404, NOTHING)], Kind::Invalid),
        case("look fails", json!({}), vec![absent(), looked_at(500, "{}")], Kind::Unavailable),
        case("look unreadable", json!({}), vec![absent(), looked_at(200, "{}")], Kind::Malformed),
        case("empty 404", json!({}), vec![at("secret/data/app").answers(Reply::status(404))], Kind::Invalid),
    ])
    .await;
}

#[tokio::test]
async fn what_a_403_means_is_asked_of_the_token() {
    let denied = || read(403, REFUSED);
    let role = json!({"auth": {"appRole": {"path": "approle", "roleId": "r", "secretRef": {"name": "vault", "key": "secret-id"}}}});
    let log_in = || login("approle/login").answers(granted("issued", 3600));
    check(vec![
        case("good token", json!({}), vec![denied(), look_up(200)], Kind::Forbidden),
        case("dead token", json!({}), vec![denied(), look_up(403)], Kind::Unauthenticated),
        case("fresh token is denied too", role, vec![log_in(), denied(), look_up(403)], Kind::Forbidden),
        case("the look-up fails", json!({}), vec![denied(), look_up(503)], Kind::Unavailable),
        case("the look-up is not there", json!({}), vec![denied(), look_up(404)], Kind::Invalid),
        case("no token at all", json!({"auth": null}), vec![denied(), look_up(403)], Kind::Unauthenticated),
    ])
    .await;
}

#[tokio::test]
async fn every_failed_login_has_a_kind() {
    let auth =
        json!({"auth": {"jwt": {"path": "jwt", "role": "r", "secretRef": {"name": "vault", "key": "jwt"}}}});
    let no_mount = format!(r#"{{"errors":["no handler for route {MARKER}"]}}"#);
    let refused = format!(r#"{{"errors":["{MARKER}"]}}"#);
    let answered = |reply| vec![login("jwt/login").answers(reply)];
    check(vec![
        case(
            "wrong credential",
            auth.clone(),
            answered(Reply::json(400, refused.clone())),
            Kind::Unauthenticated,
        ),
        case("refused", auth.clone(), answered(Reply::json(403, refused.clone())), Kind::Unauthenticated),
        case("401", auth.clone(), answered(Reply::json(401, refused)), Kind::Unauthenticated),
        case("no such mount", auth.clone(), answered(Reply::json(404, no_mount)), Kind::Invalid),
        case("nothing there", auth.clone(), answered(Reply::json(404, NOTHING)), Kind::Invalid),
        case("throttled", auth.clone(), answered(Reply::json(429, "{}")), Kind::Throttled),
        case("sealed", auth.clone(), answered(Reply::json(503, "{}")), Kind::Unavailable),
        case("closed", auth.clone(), answered(Reply::closed()), Kind::Unavailable),
        case("no token in it", auth.clone(), answered(Reply::json(200, r#"{"auth":null}"#)), Kind::Malformed),
        case("a page", auth, answered(Reply::html(200)), Kind::Malformed),
    ])
    .await;
}

#[tokio::test]
async fn a_store_that_cannot_log_in_as_written_makes_no_call() {
    let secret = json!({"name": "vault", "key": "absent"});
    let elsewhere = json!({"name": "vault", "key": "token", "namespace": "other"});
    let gcp = json!({"role": "r"});
    let iam = json!({"vaultRole": "r"});
    check(vec![
        case("no such key", json!({"auth": {"tokenSecretRef": secret}}), vec![], Kind::Unauthenticated),
        case("another namespace", json!({"auth": {"tokenSecretRef": elsewhere}}), vec![], Kind::Refused),
        case("no method", json!({"auth": {}}), vec![], Kind::Invalid),
        case("gcp", json!({"auth": {"gcp": gcp}}), vec![], Kind::Unsupported),
        case("iam", json!({"auth": {"iam": iam}}), vec![], Kind::Unsupported),
        case("own token", json!({"auth": {"kubernetes": {"role": "r"}}}), vec![], Kind::Unsupported),
        case(
            "half a certificate",
            json!({"tls": {"certSecretRef": {"name": "vault"}}}),
            vec![],
            Kind::Invalid,
        ),
        case("no certificate", json!({"caBundle": "AAAA"}), vec![], Kind::Invalid),
        case("a metadata address", json!({"server": "http://169.254.169.254"}), vec![], Kind::Refused),
        case("no address", json!({"server": "vault:8200"}), vec![], Kind::Invalid),
        case("a key that leaves", json!({"path": "secret/../sys"}), vec![], Kind::Invalid),
        case("a header of two lines", json!({"headers": {"x": "a\nb"}}), vec![], Kind::Invalid),
    ])
    .await;
}

#[tokio::test]
async fn every_login_sends_what_the_api_takes() {
    let secret = |key: &str| json!({"name": "vault", "key": key});
    let account = json!({"name": "reader", "audiences": ["mine"]});
    let jwt_account = json!({"serviceAccountRef": account, "audiences": ["theirs"]});
    let password = r#"{"password":"p \"w\" "}"#;
    let cases = [
        (
            json!({"appRole": {"roleId": "r", "secretRef": secret("secret-id")}}),
            "approle/login",
            r#"{"role_id":"r","secret_id":"the-secret-id"}"#,
        ),
        (
            json!({"appRole": {"path": "a/b", "roleRef": secret("role-id"), "secretRef": secret("secret-id")}}),
            "a/b/login",
            r#"{"role_id":"the-role-id","secret_id":"the-secret-id"}"#,
        ),
        (
            json!({"kubernetes": {"role": "r", "serviceAccountRef": account}}),
            "kubernetes/login",
            r#"{"jwt":"team.reader.mine","role":"r"}"#,
        ),
        (
            json!({"kubernetes": {"mountPath": "k8s", "role": "r", "secretRef": secret("jwt")}}),
            "k8s/login",
            r#"{"jwt":"a.b.c","role":"r"}"#,
        ),
        (json!({"ldap": {"username": "me", "secretRef": secret("password")}}), "ldap/login/me", password),
        (
            json!({"userPass": {"username": "me", "secretRef": secret("password")}}),
            "userpass/login/me",
            password,
        ),
        (json!({"jwt": {"secretRef": secret("jwt")}}), "jwt/login", r#"{"jwt":"a.b.c"}"#),
        (
            json!({"jwt": {"path": "oidc", "role": "r", "kubernetesServiceAccountToken": jwt_account}}),
            "oidc/login",
            r#"{"jwt":"team.reader.mine+theirs","role":"r"}"#,
        ),
        (
            json!({"jwt": {"kubernetesServiceAccountToken": {"serviceAccountRef": {"name": "reader"}}}}),
            "jwt/login",
            r#"{"jwt":"team.reader.vault"}"#,
        ),
    ];
    for (auth, path, body) in cases {
        let server = Scripted::start([
            login(path).no_header("x-vault-token").answers(granted("issued", 60)),
            at("secret/data/app").header("x-vault-token", "issued").answers(v2(&json!({}))),
        ])
        .await;
        let store = open(server.url(), &json!({"auth": auth})).await.unwrap();
        one(&*store, RemoteKey::value("app")).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(server.requests()[0].text(), body, "{path}");
        server.finish();
    }
}

#[tokio::test]
async fn the_first_method_in_the_documented_order_is_used() {
    let auth = json!({
        "tokenSecretRef": {"name": "vault", "key": "token"},
        "userPass": {"username": "me", "secretRef": {"name": "vault", "key": "password"}},
    });
    let server = Scripted::start([at("secret/data/app").answers(v2(&json!({})))]).await;
    let store = open(server.url(), &json!({"auth": auth})).await.unwrap();
    one(&*store, RemoteKey::value("app")).await.unwrap();
    server.finish();
}

#[tokio::test]
async fn a_client_certificate_goes_to_the_login_alone() {
    let authority = Authority::default();
    let (certificate, key) = authority.client("reader");
    let server = Scripted::start_tls(
        [
            login("cert/login").body_contains(r#"{"name":"web"}"#).answers(granted("issued", 60)),
            at("secret/data/app").header("x-vault-token", "issued").answers(v2(&json!({}))),
        ],
        &authority,
        false,
    )
    .await;
    let auth = json!({"vaultRole": "web", "clientCert": {"name": "pair"}, "secretRef": {"name": "pair"}});
    let more =
        json!({"auth": {"cert": auth}, "caProvider": {"type": "ConfigMap", "name": "ca", "key": "ca.crt"}});
    let held = held()
        .secret("team", "pair", ("tls.crt", certificate.expose_str().unwrap()))
        .secret("team", "pair", ("tls.key", key.expose_str().unwrap()))
        .config_map("team", "ca", ("ca.crt", authority.pem()));
    let store = Vault::open(config(server.url(), &more), held.env("vault", &[])).await.unwrap();
    one(&*store, RemoteKey::value("app")).await.unwrap();
    server.finish();
}

#[tokio::test]
async fn a_store_may_present_a_certificate_on_every_call() {
    let authority = Authority::default();
    let (certificate, key) = authority.client("reader");
    let server = Scripted::start_tls([at("secret/data/app").answers(v2(&json!({})))], &authority, true).await;
    let tls = json!({"certSecretRef": {"name": "pair"}, "keySecretRef": {"name": "pair"}});
    let more = |tls: Value| json!({"tls": tls, "caBundle": authority.pem()});
    let held = held().secret("team", "pair", ("tls.crt", certificate.expose_str().unwrap())).secret(
        "team",
        "pair",
        ("tls.key", key.expose_str().unwrap()),
    );
    let env = held.env("vault", &[]);
    let store = Vault::open(config(server.url(), &more(tls)), env.clone()).await.unwrap();
    one(&*store, RemoteKey::value("app")).await.unwrap();
    let bare = Vault::open(config(server.url(), &more(json!({}))), env).await.unwrap();
    assert_eq!(one(&*bare, RemoteKey::value("app")).await.unwrap_err().kind(), Kind::Unavailable);
    server.finish();
}

fn by_password(more: &Value) -> Value {
    let mut config =
        json!({"auth": {"userPass": {"username": "me", "secretRef": {"name": "vault", "key": "password"}}}});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

async fn open_at(clock: Arc<LeapingClock>, url: &str, more: &Value) -> Arc<dyn Store> {
    Vault::open(config(url, more), held().clock(clock).env("vault", &[])).await.unwrap()
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends() {
    let clock = Arc::new(LeapingClock::default());
    let server = Scripted::start([
        login("userpass/login/me").answers(granted("first", 60)),
        login("userpass/login/me").answers(granted("second", 60)),
        at("secret/data/app").header("x-vault-token", "first").answers(v2(&json!({}))).times(2),
        at("secret/data/app").header("x-vault-token", "second").answers(v2(&json!({}))),
    ])
    .await;
    let store = open_at(clock.clone(), server.url(), &by_password(&json!({}))).await;
    for leap in [0, 50, 9] {
        clock.leap(Duration::from_secs(leap));
        one(&*store, RemoteKey::value("app")).await.unwrap();
    }
    server.finish();
}

#[tokio::test]
async fn a_token_that_is_revoked_is_replaced_without_an_error() {
    let server = Scripted::start([
        login("userpass/login/me").answers(granted("first", 3600)),
        at("secret/data/app").header("x-vault-token", "first").answers(Reply::json(403, REFUSED)),
        look_up(403).header("x-vault-token", "first"),
        login("userpass/login/me").answers(granted("second", 3600)),
        at("secret/data/app").header("x-vault-token", "second").answers(v2(&json!({"a": 1}))),
    ])
    .await;
    let store = open(server.url(), &by_password(&json!({}))).await.unwrap();
    assert_eq!(text(&one(&*store, RemoteKey::value("app")).await.unwrap()), r#"{"a":1}"#);
    server.finish();
}

#[tokio::test]
async fn a_token_that_was_replaced_a_moment_ago_may_end_too() {
    let server = Scripted::start([
        login("userpass/login/me").answers(granted("first", 3600)),
        at("secret/data/app").header("x-vault-token", "first").answers(Reply::json(403, REFUSED)),
        look_up(403),
        login("userpass/login/me").answers(granted("second", 3600)),
        at("secret/data/app").header("x-vault-token", "second").answers(v2(&json!({}))),
        at("secret/data/app").header("x-vault-token", "second").answers(Reply::json(403, REFUSED)),
        look_up(403),
        login("userpass/login/me").answers(granted("third", 3600)),
        at("secret/data/app").header("x-vault-token", "third").answers(v2(&json!({}))),
    ])
    .await;
    let store = open(server.url(), &by_password(&json!({}))).await.unwrap();
    for _ in 0..2 {
        one(&*store, RemoteKey::value("app")).await.unwrap();
    }
    server.finish();
}

#[tokio::test]
async fn a_dead_token_whose_login_is_refused_is_a_dead_credential() {
    let server = Scripted::start([
        login("userpass/login/me").answers(granted("first", 3600)),
        at("secret/data/app").answers(Reply::json(403, REFUSED)),
        look_up(403),
        login("userpass/login/me").answers(Reply::json(400, REFUSED)),
    ])
    .await;
    let store = open(server.url(), &by_password(&json!({}))).await.unwrap();
    let error = one(&*store, RemoteKey::value("app")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthenticated);
    server.finish();
}

#[tokio::test]
async fn many_forbidden_keys_ask_for_the_token_once_a_minute() {
    let clock = Arc::new(LeapingClock::default());
    let denied = |key: &str| at(&format!("secret/data/{key}")).answers(Reply::json(403, REFUSED)).repeated();
    let server = Scripted::start([denied("a"), denied("b"), look_up(200).times(2)]).await;
    let store = open_at(clock.clone(), server.url(), &json!({})).await;
    for leap in [0, 59, 1] {
        clock.leap(Duration::from_secs(leap));
        for answer in answers(&*store, &["a", "b"].map(RemoteKey::value)).await {
            assert_eq!(answer.unwrap_err().kind(), Kind::Forbidden);
        }
    }
    server.finish();
}

#[tokio::test]
async fn many_absent_keys_look_at_the_mount_once_a_minute() {
    let clock = Arc::new(LeapingClock::default());
    let absent = |key: &str| at(&format!("secret/data/{key}")).answers(Reply::json(404, NOTHING)).repeated();
    let server = Scripted::start([absent("a"), absent("b"), mount("secret/data/a", "2").times(2)]).await;
    let store = open_at(clock.clone(), server.url(), &json!({})).await;
    for leap in [0, 59, 1] {
        clock.leap(Duration::from_secs(leap));
        for answer in answers(&*store, &["a", "b"].map(RemoteKey::value)).await {
            assert_eq!(answer.unwrap_err().kind(), Kind::NotFound);
        }
    }
    server.finish();
}

#[tokio::test]
async fn namespaces_and_headers_go_on_the_wire() {
    let more = by_password(&json!({
        "namespace": "team-a", "headers": {"X-Trace": "on"}, "readYourWrites": true, "forwardInconsistent": true,
    }));
    let mut more = more;
    more["auth"]["namespace"] = json!("logins");
    let index = granted("issued", 60).header("x-vault-index", "state-1");
    let server = Scripted::start([
        login("userpass/login/me")
            .header("x-vault-namespace", "logins")
            .header("x-trace", "on")
            .answers(index),
        at("secret/data/app")
            .header("x-vault-namespace", "team-a")
            .header("x-vault-request", "true")
            .header("x-trace", "on")
            .header("x-vault-inconsistent", "forward-active-node")
            .header("x-vault-index", "state-1")
            .answers(v2(&json!({}))),
    ])
    .await;
    let store = open(server.url(), &more).await.unwrap();
    one(&*store, RemoteKey::value("app")).await.unwrap();
    server.finish();
}

#[tokio::test]
async fn without_read_your_writes_neither_index_nor_forwarding_is_asked_for() {
    let server = Scripted::start([
        login("userpass/login/me").answers(granted("issued", 60).header("x-vault-index", "state-1")),
        at("secret/data/app")
            .no_header("x-vault-index")
            .no_header("x-vault-inconsistent")
            .answers(v2(&json!({}))),
    ])
    .await;
    let store = open(server.url(), &by_password(&json!({"forwardInconsistent": true}))).await.unwrap();
    one(&*store, RemoteKey::value("app")).await.unwrap();
    server.finish();
}

#[tokio::test]
async fn a_version_is_asked_for_and_the_answers_version_is_told() {
    let server =
        Scripted::start([at("secret/data/app").query("version", "3").answers(v2(&json!({"a": "b"})))]).await;
    let store = open(server.url(), &json!({})).await.unwrap();
    let key = RemoteKey { version: Some("3".into()), ..RemoteKey::value("app") };
    let entry = one(&*store, key).await.unwrap();
    assert_eq!((text(&entry), entry.version.as_deref()), (r#"{"a":"b"}"#, Some("3")));
    server.finish();
}

fn metadata() -> RemoteKey {
    RemoteKey { want: Want::Metadata, ..RemoteKey::value("app") }
}

#[tokio::test]
async fn metadata_are_read_from_their_own_path_and_their_absence_is_not_that_of_the_entry() {
    let custom = r#"{"data":{"custom_metadata":{"owner":"a"},"current_version":4,"max_versions":0}}"#;
    let server = Scripted::start([at("secret/metadata/app").answers(Reply::json(200, custom))]).await;
    let store = open(server.url(), &json!({})).await.unwrap();
    assert_eq!(text(&one(&*store, metadata()).await.unwrap()), r#"{"current_version":4,"owner":"a"}"#);
    server.expect(at("secret/metadata/app").answers(Reply::json(404, NOTHING)));
    server.expect(mount("secret/metadata/app", "2"));
    assert_eq!(one(&*store, metadata()).await.unwrap_err().kind(), Kind::Invalid);
    server.finish();
}

#[tokio::test]
async fn version_1_has_neither_metadata_nor_tags() {
    let server = Scripted::start([]).await;
    let store = open(server.url(), &json!({"version": "v1"})).await.unwrap();
    let query = Query { tags: BTreeMap::from([("a".into(), "b".into())]), ..Query::default() };
    assert_eq!(one(&*store, metadata()).await.unwrap_err().kind(), Kind::Unsupported);
    assert_eq!(store.find(&query).await.unwrap_err().kind(), Kind::Unsupported);
    server.finish();
}

fn found(found: &[Found]) -> Vec<(&str, &str)> {
    found.iter().map(|found| (found.name.as_str(), text(&found.entry))).collect()
}

#[tokio::test]
async fn a_find_walks_all_folders_and_reads_what_matches() {
    let server = Scripted::start([
        listing("secret/metadata").answers(names(&["a", "deep/", "skipped"])),
        listing("secret/metadata/deep").answers(names(&["a", "er/", "gone/", "deleted-a"])),
        listing("secret/metadata/deep/er").answers(names(&["a"])),
        listing("secret/metadata/deep/gone").answers(Reply::json(404, NOTHING)),
        mount("secret/metadata/deep/gone", "2"),
        at("secret/data/a").answers(v2(&json!({"n": 1}))),
        at("secret/data/deep/a").answers(v2(&json!({"n": 2}))),
        at("secret/data/deep/er/a").answers(v2(&json!({"n": 3}))),
        at("secret/data/deep/deleted-a").answers(Reply::json(404, NOTHING)),
    ])
    .await;
    let store = open(server.url(), &json!({})).await.unwrap();
    let all = store.find(&Query { name: Some("a$".into()), ..Query::default() }).await.unwrap();
    assert_eq!(found(&all), [("a", r#"{"n":1}"#), ("deep/a", r#"{"n":2}"#), ("deep/er/a", r#"{"n":3}"#)]);
    server.finish();
}

#[tokio::test]
async fn a_find_by_tags_compares_custom_metadata() {
    let tags =
        |owner: &str| Reply::json(200, json!({"data": {"custom_metadata": {"owner": owner}}}).to_string());
    let server = Scripted::start([
        listing("secret/metadata/app").answers(names(&["a", "b"])),
        at("secret/metadata/app/a").no_query("list").answers(tags("me")),
        at("secret/metadata/app/b").no_query("list").answers(tags("you")),
        at("secret/data/app/a").answers(v2(&json!({"n": 1}))),
    ])
    .await;
    let store = open(server.url(), &json!({})).await.unwrap();
    let tags = BTreeMap::from([("owner".into(), "me".into())]);
    let query = Query { tags, path: Some("app".into()), ..Query::default() };
    assert_eq!(found(&store.find(&query).await.unwrap()), [("app/a", r#"{"n":1}"#)]);
    server.finish();
}

#[tokio::test]
async fn a_find_is_complete_or_an_error() {
    let denied = || Reply::json(403, REFUSED);
    let cases = [
        (
            "a folder is forbidden",
            vec![
                listing("secret/metadata").answers(names(&["deep/"])),
                listing("secret/metadata/deep").answers(denied()),
                look_up(200),
            ],
            Kind::Forbidden,
        ),
        (
            "an entry is forbidden",
            vec![
                listing("secret/metadata").answers(names(&["a"])),
                at("secret/data/a").answers(denied()),
                look_up(200),
            ],
            Kind::Forbidden,
        ),
        (
            "a folder fails",
            vec![
                listing("secret/metadata").answers(names(&["deep/"])),
                listing("secret/metadata/deep").answers(Reply::json(500, "{}")),
            ],
            Kind::Unavailable,
        ),
        (
            "the root is absent",
            vec![
                listing("secret/metadata").answers(Reply::json(404, NOTHING)),
                mount("secret/metadata", "2"),
            ],
            Kind::NotFound,
        ),
        (
            "the root is elsewhere",
            vec![
                listing("secret/metadata").answers(Reply::json(404, NOTHING)),
                mount("secret/metadata", "1"),
            ],
            Kind::Invalid,
        ),
        ("folders without end", vec![listing("secret/metadata").answers(names(&["/"]))], Kind::Malformed),
    ];
    for (name, script, kind) in cases {
        let server = Scripted::start(script.into_iter().map(Exchange::repeated)).await;
        let store = open(server.url(), &json!({})).await.unwrap();
        let error = store.find(&Query { name: Some(".".into()), ..Query::default() }).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
}

#[tokio::test]
async fn a_bad_expression_makes_no_call() {
    let server = Scripted::start([]).await;
    let store = open(server.url(), &json!({})).await.unwrap();
    let query = Query { name: Some("(".into()), ..Query::default() };
    assert_eq!(store.find(&query).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn closing_revokes_a_token_of_our_own_only() {
    let server = Scripted::start([
        login("userpass/login/me").answers(granted("issued", 60)),
        at("secret/data/app").answers(v2(&json!({}))).times(2),
        login("token/revoke-self").header("x-vault-token", "issued").answers(Reply::status(204)),
    ])
    .await;
    for more in [by_password(&json!({})), json!({})] {
        let store = open(server.url(), &more).await.unwrap();
        one(&*store, RemoteKey::value("app")).await.unwrap();
        store.close().await;
    }
    open(server.url(), &by_password(&json!({}))).await.unwrap().close().await;
    server.finish();
}

#[tokio::test]
async fn a_probe_tells_a_live_token_from_a_dead_one() {
    for (status, ready) in [(200, true), (403, false)] {
        let server = Scripted::start([look_up(status).repeated()]).await;
        let store = open(server.url(), &json!({})).await.unwrap();
        let outcome = store.probe().await;
        assert_eq!(outcome.is_ok(), ready, "{outcome:?}");
        assert!(outcome.err().is_none_or(|error| error.kind() == Kind::Unauthenticated));
    }
}

#[test]
fn problems_name_their_field() {
    let fields = |more: Value| -> Vec<String> {
        let problems =
            Vault::validate(&config("http://vault.example:8200", &more), &Scope::Namespace("team".into()));
        problems.into_iter().map(|problem| problem.field).collect()
    };
    let cases = [
        (json!({}), vec![]),
        (json!({"auth": null}), vec![]),
        (json!({"server": "vault"}), vec!["server"]),
        (json!({"server": "https://vault.example/?x=1"}), vec!["server"]),
        (json!({"headers": {"a b": "c"}}), vec!["headers"]),
        (json!({"auth": {}}), vec!["auth"]),
        (json!({"auth": {"appRole": {"secretRef": {}}}}), vec!["auth"]),
        (json!({"auth": {"cert": {}}}), vec!["auth"]),
        (json!({"tls": {"keySecretRef": {"name": "x"}}}), vec!["tls"]),
        (json!({"checkAndSet": {"required": true}}), vec![]),
        (json!({"checkAndSet": {"required": true}, "version": "v1"}), vec!["checkAndSet"]),
    ];
    for (more, want) in cases {
        assert_eq!(fields(more.clone()), want, "{more}");
    }
}

#[test]
fn every_reference_is_told() {
    let secret = json!({"name": "vault"});
    let account = json!({"name": "reader"});
    let more = json!({
        "caProvider": {"type": "Secret", "name": "ca"},
        "tls": {"certSecretRef": secret, "keySecretRef": secret},
        "auth": {
            "tokenSecretRef": secret,
            "appRole": {"roleRef": secret, "secretRef": secret},
            "kubernetes": {"role": "r", "secretRef": secret, "serviceAccountRef": account},
            "ldap": {"username": "me", "secretRef": secret},
            "userPass": {"username": "me", "secretRef": secret},
            "jwt": {"secretRef": secret, "kubernetesServiceAccountToken": {"serviceAccountRef": account}},
            "cert": {"clientCert": secret, "secretRef": secret},
        },
    });
    let refs = Vault::refs(&config("http://vault", &more));
    let of_kind = |kind| refs.iter().filter(|reference| reference.kind == kind).count();
    assert_eq!((of_kind(RefKind::Secret), of_kind(RefKind::ServiceAccount), refs.len()), (12, 2, 14));
}

#[test]
fn stores_of_one_credential_share_an_identity_across_namespaces() {
    let config = config("http://vault", &json!({}));
    let identity = |namespace: &str, version: &str| {
        let (scope, versions) = (Scope::Cluster(namespace.into()), [version.to_string()]);
        let consumer = Consumer {
            scope: &scope,
            store_kind: "ClusterSecretStore",
            store_name: "x",
            versions: &versions,
        };
        Vault::identity(&config, &consumer)
    };
    assert_eq!(identity("a", "ops/vault@u:1"), identity("b", "ops/vault@u:1"));
    assert_ne!(identity("a", "ops/vault@u:1"), identity("a", "ops/vault@u:2"));
    assert_ne!(identity("a", "?"), identity("b", "?"));
}

#[test]
fn one_server_has_one_quota() {
    let quota = |url: &str| Vault::quota(&config(url, &json!({})));
    assert_eq!(quota("https://vault.example"), quota("https://vault.example:443/"));
    assert_ne!(quota("https://vault.example"), quota("https://vault.example:8200"));
}
