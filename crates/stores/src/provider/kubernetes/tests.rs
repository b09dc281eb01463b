//! The provider over scripted HTTP.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::*;
use crate::{
    base::{SecretBytes, refs::RefKind},
    net::scripted::{Authority, Exchange, Reply, Scripted},
    provider::{
        contract::{self, MARKER, Subject},
        held::{Held, LeapingClock},
    },
};

const SECRETS: &str = "/api/v1/namespaces/remote/secrets";
const REVIEW: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
const ACCESS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

fn config(url: &str, auth: &Value) -> KubernetesConfig {
    serde_json::from_value(json!({"server": {"url": url}, "remoteNamespace": "remote", "auth": auth}))
        .unwrap()
}

fn by_token() -> Value {
    json!({"token": {"bearerToken": {"name": "credential", "key": "token"}}})
}

fn by_account() -> Value {
    json!({"serviceAccount": {"name": "reader", "audiences": ["remote"]}})
}

fn held() -> Held {
    Held::new(Scope::Namespace("team".into())).secret("team", "credential", ("token", "the-token\n"))
}

async fn open(url: &str, auth: &Value) -> Result<Arc<dyn Store>> {
    Kubernetes::open(config(url, auth), held().env("kube", &[])).await
}

fn get(name: &str) -> Exchange {
    Exchange::get(&format!("{SECRETS}/{name}"))
}

fn object(name: &str, data: &[(&str, &str)]) -> Value {
    let data: BTreeMap<_, _> = data.iter().map(|(key, value)| (key, STANDARD.encode(value))).collect();
    json!({"metadata": {"name": name, "namespace": "remote", "resourceVersion": "7"}, "data": data, "type": "Opaque"})
}

fn secret(name: &str, data: &[(&str, &str)]) -> Reply {
    let mut object = object(name, data);
    object["kind"] = json!("Secret");
    Reply::json(200, object.to_string())
}

fn list(items: &[Value], next: &str) -> Reply {
    let list = json!({"kind": "SecretList", "metadata": {"continue": next}, "items": items});
    Reply::json(200, list.to_string())
}

fn status(code: u16, reason: &str, kind: &str, name: &str) -> Reply {
    let status = json!({"kind": "Status", "status": "Failure", "message": MARKER, "reason": reason,
        "details": {"name": name, "kind": kind}, "code": code});
    Reply::json(code, status.to_string())
}

fn fields(pairs: &[(&str, &str)]) -> Payload {
    Payload::Fields(pairs.iter().map(|(key, value)| ((*key).into(), SecretBytes::from(*value))).collect())
}

async fn answers(store: &dyn Store, keys: &[RemoteKey]) -> Vec<Result<Entry>> {
    match store.get(keys).await {
        Batch::Answers(answers) => answers,
        Batch::Refused(error) => panic!("{error}"),
    }
}

async fn one(store: &dyn Store, key: &str) -> Result<Entry> {
    answers(store, &[RemoteKey::value(key)]).await.remove(0)
}

struct OverHttp;

#[async_trait]
impl Subject for OverHttp {
    async fn open(&self, url: &str) -> Result<Arc<dyn Store>> {
        open(url, &by_token()).await
    }

    fn read(&self, key: &str) -> Exchange {
        get(key).header("authorization", "Bearer the-token")
    }

    fn entry(&self, key: &str, value: &str) -> Reply {
        secret(key, &[("value", value)])
    }

    fn payload(&self, value: &str) -> Payload {
        fields(&[("value", value)])
    }

    fn absent(&self, key: &str) -> Vec<Exchange> {
        vec![self.read(key).answers(status(404, "NotFound", "secrets", key))]
    }

    fn elsewhere(&self, key: &str) -> Vec<Exchange> {
        vec![self.read(key).answers(Reply::body(404, "text/plain", "404 page not found"))]
    }

    fn find(&self) -> Option<(Query, Exchange)> {
        let query = Query { name: Some(".".into()), ..Query::default() };
        Some((query, Exchange::get(SECRETS)))
    }
}

#[tokio::test]
async fn the_contract_holds() {
    contract::check(&OverHttp).await;
}

#[tokio::test]
async fn several_keys_are_answered_in_their_order() {
    let server = Scripted::start([
        get("b").answers(secret("b", &[("k", "1")])),
        get("gone").answers(status(404, "NotFound", "secrets", "gone")),
        get("a").answers(secret("a", &[])),
    ])
    .await;
    let store = open(server.url(), &by_token()).await.unwrap();
    let keys = ["b", "gone", "a"].map(RemoteKey::value);
    let told: Vec<_> = answers(&*store, &keys)
        .await
        .into_iter()
        .map(|answer| answer.map(|entry| entry.payload).map_err(|error| error.kind()))
        .collect();
    assert_eq!(told, [Ok(fields(&[("k", "1")])), Err(Kind::NotFound), Ok(fields(&[]))]);
    server.finish();
}

#[tokio::test]
async fn the_text_of_an_absence_is_the_api_servers_own() {
    let server = Scripted::start([get("gone").answers(status(404, "NotFound", "secrets", "gone"))]).await;
    let store = open(server.url(), &by_token()).await.unwrap();
    let error = one(&*store, "gone").await.unwrap_err();
    assert_eq!(error.to_string(), "secrets \"gone\" not found (namespace=remote)");
}

#[tokio::test]
async fn only_a_status_about_this_secret_is_an_absence() {
    let replies = [
        Reply::status(404),
        Reply::html(404),
        Reply::json(404, "{}"),
        status(404, "NotFound", "namespaces", "app"),
        status(404, "NotFound", "secrets", "other"),
        status(404, "Unknown", "secrets", "app"),
    ];
    for reply in replies {
        let server = Scripted::start([get("app").answers(reply.clone())]).await;
        let store = open(server.url(), &by_token()).await.unwrap();
        assert_eq!(one(&*store, "app").await.unwrap_err().kind(), Kind::Invalid, "{reply:?}");
    }
}

#[tokio::test]
async fn an_answer_about_something_else_is_malformed() {
    let replies = [
        secret("other", &[]),
        list(&[], ""),
        Reply::json(200, r#"{"metadata":{"name":"app"}}"#),
        Reply::json(
            200,
            format!(r#"{{"kind":"Secret","metadata":{{"name":"app"}},"data":{{"k":"{MARKER}"}}}}"#),
        ),
        Reply::json(200, r#"{"kind":"Secret","metadata":{"name":"app"},"data":{"k":7}}"#),
    ];
    for reply in replies {
        let server = Scripted::start([get("app").answers(reply.clone())]).await;
        let store = open(server.url(), &by_token()).await.unwrap();
        let error = one(&*store, "app").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{reply:?}");
        assert!(!format!("{error:?}").contains(MARKER), "{error:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_name_makes_no_request() {
    let server = Scripted::start([]).await;
    let store = open(server.url(), &by_token()).await.unwrap();
    for key in ["", ".", "..", "a/b", "a%2fb", "../../nodes"] {
        assert_eq!(one(&*store, key).await.unwrap_err().kind(), Kind::Invalid, "{key}");
    }
    server.finish();
}

#[tokio::test]
async fn an_address_may_have_a_path() {
    let path = format!("/k8s/clusters/c-1{SECRETS}/app");
    let server = Scripted::start([Exchange::get(&path).answers(secret("app", &[]))]).await;
    let store = open(&format!("{}/k8s/clusters/c-1/", server.url()), &by_token()).await.unwrap();
    assert!(one(&*store, "app").await.is_ok());
    server.finish();
}

#[tokio::test]
async fn metadata_are_labels_and_annotations() {
    let table = [
        (json!({"name": "app"}), r#"{"annotations":null,"labels":null}"#),
        (
            json!({"name": "app", "labels": {"b": "2", "a": "<1>"}, "annotations": {"n": "1"}}),
            r#"{"annotations":{"n":"1"},"labels":{"a":"<1>","b":"2"}}"#,
        ),
    ];
    for (metadata, text) in table {
        let object = json!({"kind": "Secret", "metadata": metadata, "data": {"k": "eA=="}});
        let server = Scripted::start([get("app").answers(Reply::json(200, object.to_string()))]).await;
        let store = open(server.url(), &by_token()).await.unwrap();
        let key = RemoteKey { want: Want::Metadata, ..RemoteKey::value("app") };
        let entry = answers(&*store, &[key]).await.remove(0).unwrap();
        assert_eq!(entry.payload, Payload::Bytes(text.into()));
    }
}

fn names(found: &[Found]) -> Vec<&str> {
    found.iter().map(|found| found.name.as_str()).collect()
}

#[tokio::test]
async fn a_find_by_name_reads_every_page() {
    let server = Scripted::start([
        Exchange::get(SECRETS)
            .query("limit", "500")
            .no_query("continue")
            .no_query("labelSelector")
            .answers(list(&[object("app-1", &[("k", "1")]), object("other", &[])], "t+1")),
        Exchange::get(SECRETS).query("continue", "t+1").answers(list(&[object("app-2", &[])], "")),
    ])
    .await;
    let store = open(server.url(), &by_token()).await.unwrap();
    let query = Query { name: Some("^app".into()), path: Some("ignored".into()), ..Query::default() };
    let found = store.find(&query).await.unwrap();
    assert_eq!(names(&found), ["app-1", "app-2"]);
    assert_eq!(found[0].entry, Entry { payload: fields(&[("k", "1")]), version: Some("7".into()) });
    server.finish();
}

#[tokio::test]
async fn tags_are_a_label_selector_and_win_over_the_name() {
    let server = Scripted::start([Exchange::get(SECRETS)
        .query("labelSelector", "app.kubernetes.io/name=x,tier=")
        .answers(list(&[object("app", &[])], ""))])
    .await;
    let store = open(server.url(), &by_token()).await.unwrap();
    let tags = [("app.kubernetes.io/name", "x"), ("tier", "")].map(|(k, v)| (k.to_string(), v.to_string()));
    let query = Query { name: Some("^no".into()), tags: tags.into(), path: None };
    assert_eq!(names(&store.find(&query).await.unwrap()), ["app"]);
    server.finish();
}

#[tokio::test]
async fn what_is_no_search_makes_no_request() {
    let server = Scripted::start([]).await;
    let store = open(server.url(), &by_token()).await.unwrap();
    let tag =
        |name: &str, value: &str| Query { tags: [(name.into(), value.into())].into(), ..Query::default() };
    let broken = Query { name: Some("(".into()), ..Query::default() };
    for query in [Query::default(), broken, tag("a", "b,c=d"), tag("a in (b)", ""), tag("", "b")] {
        assert_eq!(store.find(&query).await.unwrap_err().kind(), Kind::Invalid, "{query:?}");
    }
    server.finish();
}

#[tokio::test]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let page = |size: &str| Exchange::get(SECRETS).query("limit", size);
    let server = Scripted::start([
        page("500").answers(Reply::huge(200)),
        page("50").no_query("continue").answers(list(&[object("a", &[])], "t")),
        page("50").query("continue", "t").answers(list(&[object("b", &[])], "")),
    ])
    .await;
    let store = open(server.url(), &by_token()).await.unwrap();
    let query = Query { name: Some(".".into()), ..Query::default() };
    assert_eq!(names(&store.find(&query).await.unwrap()), ["a", "b"]);
    server.finish();
}

#[tokio::test]
async fn a_listing_that_the_server_forgot_is_unavailable_and_never_a_part() {
    let server = Scripted::start([
        Exchange::get(SECRETS).no_query("continue").answers(list(&[object("a", &[])], "t")),
        Exchange::get(SECRETS).query("continue", "t").answers(status(410, "Expired", "", "")).repeated(),
    ])
    .await;
    let store = open(server.url(), &by_token()).await.unwrap();
    let query = Query { name: Some(".".into()), ..Query::default() };
    assert_eq!(store.find(&query).await.unwrap_err().kind(), Kind::Unavailable);
}

/// Credentials whose n-th token is `token-n`, and their clock.
fn accounts() -> (Held, Arc<LeapingClock>) {
    let clock = Arc::new(LeapingClock::default());
    let count = std::sync::atomic::AtomicUsize::new(0);
    let held = held().clock(clock.clone()).tokens(Box::new(move |namespace, name, audiences| {
        assert_eq!((namespace, name, audiences), ("team", "reader", ["remote".to_string()].as_slice()));
        Ok(format!("token-{}", count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)))
    }));
    (held, clock)
}

#[tokio::test]
async fn a_token_of_a_service_account_is_requested_once_and_again_before_its_end() {
    let with = |token: &str| get("app").header("authorization", token).answers(secret("app", &[]));
    let server = Scripted::start([with("Bearer token-0").times(2), with("Bearer token-1")]).await;
    let (held, clock) = accounts();
    let store = Kubernetes::open(config(server.url(), &by_account()), held.env("kube", &[])).await.unwrap();
    assert!(one(&*store, "app").await.is_ok());
    clock.leap(limits::STORE_TOKEN / 2);
    assert!(one(&*store, "app").await.is_ok());
    clock.leap(limits::STORE_TOKEN / 2);
    assert!(one(&*store, "app").await.is_ok());
    server.finish();
}

#[tokio::test]
async fn a_refused_token_of_a_service_account_is_replaced_once() {
    let refused = |token: &str| get("app").header("authorization", token).answers(Reply::status(401));
    let server = Scripted::start([
        refused("Bearer token-0"),
        get("app").header("authorization", "Bearer token-1").answers(secret("app", &[])),
        refused("Bearer token-1"),
        refused("Bearer token-2"),
    ])
    .await;
    let (held, _) = accounts();
    let store = Kubernetes::open(config(server.url(), &by_account()), held.env("kube", &[])).await.unwrap();
    assert!(one(&*store, "app").await.is_ok());
    assert_eq!(one(&*store, "app").await.unwrap_err().kind(), Kind::Unauthenticated);
    server.finish();
}

#[tokio::test]
async fn a_missing_credential_shows_when_the_store_is_opened() {
    let pair = json!({"clientCert": {"name": "gone", "key": "c"}, "clientKey": {"name": "gone", "key": "k"}});
    let gone = json!({"token": {"bearerToken": {"name": "gone", "key": "token"}}});
    for auth in [gone, by_account(), json!({"cert": pair})] {
        let error = open("https://127.0.0.1:1", &auth).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthenticated);
        assert!(error.to_string().starts_with("failed to prepare auth: "), "{error}");
    }
}

#[tokio::test]
async fn a_client_certificate_and_an_authority_by_reference_open_a_connection() {
    let authority = Authority::default();
    let exchange = get("app").no_header("authorization").answers(secret("app", &[]));
    let server = Scripted::start_tls([exchange], &authority, true).await;
    let (certificate, key) = authority.client("keyferry");
    let held = held()
        .secret("team", "pair", ("tls.crt", certificate.expose_str().unwrap()))
        .secret("team", "pair", ("tls.key", key.expose_str().unwrap()))
        .config_map("team", "ca", ("ca.crt", authority.pem()));
    let config = json!({
        "server": {"url": server.url(), "caProvider": {"type": "ConfigMap", "name": "ca", "key": "ca.crt"}},
        "remoteNamespace": "remote",
        "auth": {"cert": {
            "clientCert": {"name": "pair", "key": "tls.crt"},
            "clientKey": {"name": "pair", "key": "tls.key"},
        }},
    });
    let store =
        Kubernetes::open(serde_json::from_value(config).unwrap(), held.env("kube", &[])).await.unwrap();
    assert!(one(&*store, "app").await.is_ok());
    server.finish();
}

#[tokio::test]
async fn a_kubeconfig_brings_address_trust_and_token() {
    let authority = Authority::default();
    let exchange = get("app").header("authorization", "Bearer t").answers(secret("app", &[]));
    let server = Scripted::start_tls([exchange], &authority, false).await;
    let kubeconfig = json!({
        "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "b", "user": "c", "namespace": "not-this-one"}}],
        "clusters": [{"name": "b", "cluster": {
            "server": server.url(), "certificate-authority-data": STANDARD.encode(authority.pem()),
        }}],
        "users": [{"name": "c", "user": {"token": "t"}}],
    });
    let held = held().secret("team", "kubeconfig", ("config", &kubeconfig.to_string()));
    let config = json!({"authRef": {"name": "kubeconfig", "key": "config"}, "remoteNamespace": "remote"});
    let store =
        Kubernetes::open(serde_json::from_value(config).unwrap(), held.env("kube", &[])).await.unwrap();
    assert!(one(&*store, "app").await.is_ok());
    server.finish();
}

fn rules(rules: &Value) -> Exchange {
    let review = json!({"kind": "SelfSubjectRulesReview", "status": {"resourceRules": rules}});
    Exchange::post(REVIEW)
        .body_contains(r#""spec":{"namespace":"remote"}"#)
        .answers(Reply::json(201, review.to_string()))
}

fn access(allowed: bool) -> Exchange {
    let review = json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": allowed}});
    Exchange::post(ACCESS).answers(Reply::json(201, review.to_string()))
}

#[tokio::test]
async fn a_probe_looks_for_the_right_to_get_secrets() {
    let rule = |verb: &str, group: &str, resource: &str| json!([{"verbs": [verb], "apiGroups": [group], "resources": [resource]}]);
    let table = [
        (vec![rules(&rule("get", "", "secrets"))], true),
        (vec![rules(&rule("*", "*", "*"))], true),
        (vec![rules(&json!([{"verbs": ["get"], "resources": ["secrets"]}]))], true),
        (vec![rules(&rule("list", "", "secrets")), access(false)], false),
        (vec![rules(&rule("get", "apps", "secrets")), access(false)], false),
        (vec![rules(&rule("get", "", "configmaps")), access(true)], true),
        (vec![rules(&Value::Null), access(false)], false),
    ];
    for (exchanges, allowed) in table {
        let server = Scripted::start(exchanges).await;
        let store = open(server.url(), &by_token()).await.unwrap();
        match store.probe().await {
            Ok(Probe::Ready) => assert!(allowed),
            Ok(Probe::Unknown(error)) => panic!("{error:?}"),
            Err(error) => {
                assert!(!allowed, "{error}");
                assert_eq!(error.kind(), Kind::Forbidden);
                assert_eq!(error.to_string(), "client is not allowed to get secrets (namespace=remote)");
            }
        }
        server.finish();
    }
}

#[tokio::test]
async fn a_probe_that_is_not_answered_proves_nothing() {
    for reply in [Reply::status(401), Reply::status(503), Reply::html(404), Reply::html(200)] {
        let server = Scripted::start([Exchange::post(REVIEW).answers(reply).repeated()]).await;
        let store = open(server.url(), &by_token()).await.unwrap();
        let outcome = store.probe().await.unwrap();
        let Probe::Unknown(Some(error)) = outcome else { panic!("{outcome:?}") };
        assert!(error.to_string().starts_with("could not verify if client is valid: "), "{error}");
    }
}

fn parsed(value: Value) -> KubernetesConfig {
    serde_json::from_value(value).unwrap()
}

#[test]
fn references_are_those_that_will_be_read() {
    let ca = json!({"type": "ConfigMap", "name": "ca", "key": "ca.crt"});
    let named = |value: Value| {
        let refs = Kubernetes::refs(&parsed(value));
        refs.into_iter()
            .map(|reference| (reference.kind, reference.field, reference.name))
            .collect::<Vec<_>>()
    };
    let (config_map, account) = (RefKind::ConfigMap, RefKind::ServiceAccount);
    assert_eq!(
        named(json!({"server": {"caProvider": ca}, "auth": by_account()})),
        [(config_map, "server.caProvider", "ca".into()), (account, "auth.serviceAccount", "reader".into())]
    );
    assert_eq!(
        named(json!({"server": {"caBundle": "x", "caProvider": ca}, "auth": by_token()})),
        [(RefKind::Secret, "auth.token.bearerToken", "credential".into())]
    );
    assert_eq!(
        named(
            json!({"server": {"caProvider": ca}, "auth": by_token(), "authRef": {"name": "file", "key": "k"}})
        ),
        [(RefKind::Secret, "authRef", "file".into())]
    );
}

#[test]
fn a_configuration_that_cannot_work_is_told_by_field() {
    let table = [
        (json!({"auth": by_token()}), None),
        (json!({"auth": by_account()}), None),
        (json!({"server": {"url": "ftp://a"}}), Some("server.url")),
        (json!({"auth": {"token": {"bearerToken": {"key": "k"}}}}), Some("auth.token.bearerToken.name")),
        (json!({"auth": {"token": {"bearerToken": {"name": "n"}}}}), Some("auth.token.bearerToken.key")),
        (
            json!({"auth": {"cert": {"clientCert": {"name": "n", "key": "k"}, "clientKey": {"name": "n"}}}}),
            Some("auth.cert.clientKey.key"),
        ),
        (json!({"authRef": {"name": "n"}}), Some("authRef.key")),
    ];
    for (config, field) in table {
        let problems = Kubernetes::validate(&parsed(config.clone()), &Scope::Namespace("team".into()));
        let fields: Vec<_> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, field.into_iter().collect::<Vec<_>>(), "{config}");
    }
}

#[test]
fn consumers_share_when_all_credentials_are_known() {
    let config = parsed(json!({"auth": {"serviceAccount": {"name": "reader", "namespace": "central"}}}));
    let identity = |namespace: &str, version: &str| {
        let (scope, versions) = (Scope::Cluster(namespace.into()), [version.to_string()]);
        let consumer = Consumer {
            scope: &scope,
            store_kind: "ClusterSecretStore",
            store_name: "kube",
            versions: &versions,
        };
        Kubernetes::identity(&config, &consumer)
    };
    assert_eq!(identity("a", "central/reader@1:1"), identity("b", "central/reader@1:1"));
    assert_ne!(identity("a", "central/reader@1:1"), identity("a", "central/reader@1:2"));
    assert_ne!(identity("a", "?"), identity("b", "?"));
}
