//! The provider over scripted HTTP: what goes over the wire, and what the answers mean.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use serde_json::{Value, json};

use super::*;
use crate::{
    base::{Error, Kind, refs::RefKind},
    net::scripted::{Exchange, Received, Reply, Scripted},
    provider::{
        Batch, Entry, Payload, Probe, Query, RemoteKey, RetrySettings, Want,
        contract::{self, MARKER, Subject},
        held::{Held, LeapingClock},
    },
};

const REGION: &str = "eu-central-1";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const ROLE: &str = "arn:aws:iam::111111111111:role/reader";

/// A service and how it is spoken to.
#[derive(Debug, Clone, Copy)]
struct Wire {
    service: &'static str,
    prefix: &'static str,
    one: &'static str,
    batch: &'static str,
    list: &'static str,
    absent: &'static str,
}

const SM: Wire = Wire {
    service: "SecretsManager",
    prefix: "secretsmanager",
    one: "GetSecretValue",
    batch: "BatchGetSecretValue",
    list: "ListSecrets",
    absent: "ResourceNotFoundException",
};
const SSM: Wire = Wire {
    service: "ParameterStore",
    prefix: "AmazonSSM",
    one: "GetParameter",
    batch: "GetParameters",
    list: "GetParametersByPath",
    absent: "ParameterNotFound",
};
const BOTH: [Wire; 2] = [SM, SSM];

impl Wire {
    fn action(self, action: &str) -> Exchange {
        Exchange::post("/").header("x-amz-target", &format!("{}.{action}", self.prefix))
    }

    /// The single read of a key.
    fn read(self, key: &str) -> Exchange {
        let field = if self.service == SM.service { "SecretId" } else { "Name" };
        self.action(self.one).body_contains(&format!(r#""{field}":"{key}""#))
    }

    fn entry(self, key: &str, value: &str) -> Value {
        if self.service == SM.service {
            json!({"Name": key, "ARN": arn(key), "SecretString": value, "VersionId": "v1"})
        } else {
            json!({"Name": key, "Value": value, "Type": "SecureString", "Version": 3})
        }
    }

    /// The answer to a single read.
    fn single(self, key: &str, value: &str) -> Reply {
        let entry = self.entry(key, value);
        said(&if self.service == SM.service { entry } else { json!({"Parameter": entry}) })
    }

    /// The answer to a batch.
    fn several(self, entries: &[(&str, Option<&str>)]) -> Reply {
        let there: Vec<_> =
            entries.iter().filter_map(|(key, value)| Some(self.entry(key, (*value)?))).collect();
        let absent = entries.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| *key);
        if self.service == SM.service {
            let error = |key: &str| json!({"SecretId": key, "ErrorCode": self.absent, "Message": MARKER});
            return said(&json!({"SecretValues": there, "Errors": absent.map(error).collect::<Vec<_>>()}));
        }
        said(&json!({"Parameters": there, "InvalidParameters": absent.collect::<Vec<_>>()}))
    }

    fn absence(self) -> Reply {
        fault(400, self.absent, MARKER)
    }

    async fn open(self, url: &str, more: Value) -> Result<Arc<dyn Store>> {
        Aws::open(self.config(more), keys().env("store", &[("AWS_ENDPOINT_URL", url)])).await
    }

    fn config(self, more: Value) -> AwsConfig {
        let mut config = json!({"service": self.service, "region": REGION, "auth": {"secretRef": {
            "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
            "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
        }}});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:111111111111:secret:{name}-AbCdEf")
}

fn said(body: &Value) -> Reply {
    Reply::body(200, "application/x-amz-json-1.1", body.to_string())
}

fn fault(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({"__type": code, "message": message}).to_string();
    Reply::body(status, "application/x-amz-json-1.1", body)
}

fn held(scope: Scope) -> Held {
    Held::new(scope)
        .secret("team", "aws", ("id", KEY_ID))
        .secret("team", "aws", ("secret", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"))
        .secret("team", "aws", ("token", "the-session-token"))
}

fn keys() -> Held {
    held(Scope::Namespace("team".into()))
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

fn plain(keys: &[&str]) -> Vec<RemoteKey> {
    keys.iter().map(|key| RemoteKey::value(*key)).collect()
}

fn text(entry: &Entry) -> String {
    match &entry.payload {
        Payload::Bytes(bytes) => bytes.expose_str().unwrap().to_string(),
        Payload::Fields(_) => panic!("fields"),
    }
}

fn version(key: &str, version: &str) -> RemoteKey {
    RemoteKey { version: Some(version.into()), ..RemoteKey::value(key) }
}

fn by_name(expression: &str, path: Option<&str>) -> Query {
    Query { name: Some(expression.into()), path: path.map(Into::into), ..Query::default() }
}

fn by_tags(tags: &[(&str, &str)], path: Option<&str>) -> Query {
    let tags = tags.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect();
    Query { tags, path: path.map(Into::into), name: None }
}

async fn found(store: &dyn Store, query: Query) -> BTreeMap<String, String> {
    let found = store.find(&query).await.unwrap();
    found.into_iter().map(|found| (found.name, text(&found.entry))).collect()
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

fn body(request: &Received) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// The id of the access key that signed a request; empty if nobody did.
fn signer(request: &Received) -> String {
    let header = request.headers.get("authorization").cloned().unwrap_or_default();
    let credential = header.split_once("Credential=").map(|(_, rest)| rest.to_string()).unwrap_or_default();
    credential.split('/').next().unwrap_or_default().to_string()
}

#[async_trait]
impl Subject for Wire {
    async fn open(&self, url: &str) -> Result<Arc<dyn Store>> {
        Wire::open(*self, url, json!({})).await
    }

    fn read(&self, key: &str) -> Exchange {
        Wire::read(*self, key)
    }

    fn entry(&self, key: &str, value: &str) -> Reply {
        self.single(key, value)
    }

    fn absent(&self, key: &str) -> Vec<Exchange> {
        vec![Wire::read(*self, key).answers(self.absence())]
    }

    fn elsewhere(&self, key: &str) -> Vec<Exchange> {
        // The code of the other service: whatever answers, it is not the one that keeps the entry.
        let other = BOTH.iter().find(|wire| wire.service != self.service).unwrap();
        vec![Wire::read(*self, key).answers(fault(400, other.absent, MARKER))]
    }

    fn many(&self, entries: &[(&str, Option<&str>)]) -> Vec<Exchange> {
        let batch = self.action(self.batch).answers(self.several(entries));
        let absent = entries.iter().filter(|(_, value)| value.is_none());
        let absent = absent.flat_map(|(key, _)| self.absent(key));
        std::iter::once(batch).chain(absent).collect()
    }

    fn find(&self) -> Option<(Query, Exchange)> {
        // Parameters are listed below a path first, and described where that is denied: two calls. By tags it is one.
        let one_call = if self.service == SM.service { self.list } else { "DescribeParameters" };
        Some((by_tags(&[("team", "a")], None), self.action(one_call)))
    }
}

#[tokio::test]
async fn the_contract_holds_for_secrets() {
    contract::check(&SM).await;
}

#[tokio::test]
async fn the_contract_holds_for_parameters() {
    contract::check(&SSM).await;
}

/// Codes over the wire, and what they mean.
const CODES: [(u16, &str, Kind); 16] = [
    (400, "UnrecognizedClientException", Kind::Unauthenticated),
    (400, "ExpiredTokenException", Kind::Unauthenticated),
    (400, "InvalidSignatureException", Kind::Unauthenticated),
    (400, "AccessDeniedException", Kind::Forbidden),
    (400, "DecryptionFailure", Kind::Forbidden),
    (400, "ThrottlingException", Kind::Throttled),
    (400, "RequestLimitExceeded", Kind::Throttled),
    (429, "TooManyRequestsException", Kind::Throttled),
    (500, "InternalServiceError", Kind::Unavailable),
    (503, "ServiceUnavailableException", Kind::Unavailable),
    (400, "ValidationException", Kind::Invalid),
    (400, "InvalidParameterException", Kind::Invalid),
    (400, "InvalidRequestException", Kind::Invalid),
    (400, "ParameterVersionNotFound", Kind::Invalid),
    (400, "SomethingNew", Kind::Invalid),
    (400, "UnknownOperationException", Kind::Unsupported),
];

/// What a read and a find make of a code.
async fn outcomes(wire: Wire, status: u16, code: &str) -> [Error; 2] {
    let answered = |request: Exchange| request.answers(fault(status, code, MARKER)).repeated();
    let requests = [wire.read("app"), wire.action(wire.list), wire.action("DescribeParameters")];
    let server = Scripted::start(requests.map(answered)).await;
    let store = wire.open(server.url(), json!({})).await.unwrap();
    let read = one(&*store, RemoteKey::value("app")).await.unwrap_err();
    [read, store.find(&by_name(".", None)).await.unwrap_err()]
}

#[tokio::test]
async fn every_code_has_the_same_kind_for_reads_and_for_finds() {
    let mut wrong = String::new();
    let all = BOTH.into_iter().flat_map(|wire| CODES.map(|row| (wire, row)));
    for (wire, (status, code, kind)) in all {
        let errors = outcomes(wire, status, code).await;
        let is_wrong = |error: &&Error| error.kind() != kind || format!("{error:?}").contains(MARKER);
        for error in errors.iter().filter(is_wrong) {
            writeln!(wrong, "{} {code}: {error:?}", wire.service).unwrap();
        }
    }
    assert_eq!(wrong, "");
}

#[tokio::test]
async fn a_missing_listing_proves_nothing_absent() {
    for wire in BOTH {
        let server = Scripted::start([wire.action(wire.list).answers(wire.absence())]).await;
        let store = wire.open(server.url(), json!({})).await.unwrap();
        assert_eq!(store.find(&by_name(".", None)).await.unwrap_err().kind(), Kind::Invalid);
    }
}

#[tokio::test]
async fn a_batch_is_one_call_with_every_key_once_and_answers_in_order() {
    for wire in BOTH {
        let reply = wire.several(&[("p/a", Some("1")), ("p/b", Some("2"))]);
        let server = Scripted::start([wire.action(wire.batch).answers(reply)]).await;
        let store = wire.open(server.url(), json!({"prefix": "p/"})).await.unwrap();
        let answers = answers(&*store, &plain(&["b", "a", "b"])).await;
        let values: Vec<_> = answers.iter().map(|answer| text(answer.as_ref().unwrap())).collect();
        assert_eq!(values, ["2", "1", "2"]);
        let asked = body(&server.requests()[0]);
        let list = asked.get("SecretIdList").or(asked.get("Names")).unwrap();
        assert_eq!(*list, json!(["p/a", "p/b"]));
        server.finish();
    }
}

#[tokio::test]
async fn a_role_that_may_not_batch_is_refused_the_batch_and_can_still_read() {
    for wire in BOTH {
        let server = Scripted::start([
            wire.action(wire.batch).answers(fault(400, "AccessDeniedException", MARKER)),
            wire.read("a").answers(wire.single("a", "1")),
        ])
        .await;
        let store = wire.open(server.url(), json!({})).await.unwrap();
        let Batch::Refused(error) = store.get(&plain(&["a", "b"])).await else { panic!("not refused") };
        assert_eq!(error.kind(), Kind::Forbidden);
        assert_eq!(text(&one(&*store, RemoteKey::value("a")).await.unwrap()), "1");
        server.finish();
    }
}

#[tokio::test]
async fn a_batch_that_one_bad_key_spoils_is_read_singly() {
    for wire in BOTH {
        let server = Scripted::start([
            wire.action(wire.batch).answers(fault(400, "ValidationException", MARKER)),
            wire.read("a").answers(wire.single("a", "1")),
            wire.read("b d").answers(fault(400, "ValidationException", MARKER)),
        ])
        .await;
        let store = wire.open(server.url(), json!({})).await.unwrap();
        let answers = answers(&*store, &plain(&["a", "b d"])).await;
        assert_eq!(text(answers[0].as_ref().unwrap()), "1");
        assert_eq!(answers[1].as_ref().unwrap_err().kind(), Kind::Invalid);
        server.finish();
    }
}

#[tokio::test]
async fn a_throttled_batch_throttles_every_key_and_is_not_read_singly() {
    for wire in BOTH {
        let reply = fault(400, "ThrottlingException", MARKER).header("retry-after", "30");
        let server = Scripted::start([wire.action(wire.batch).answers(reply)]).await;
        let store = wire.open(server.url(), json!({})).await.unwrap();
        for answer in answers(&*store, &plain(&["a", "b"])).await {
            let error = answer.unwrap_err();
            assert_eq!((error.kind(), error.wait()), (Kind::Throttled, Some(Duration::from_secs(30))));
        }
        server.finish();
    }
}

#[tokio::test]
async fn a_batch_that_comes_in_pages_is_read_to_its_end() {
    let page = |token: Option<&str>, key: &str| {
        said(&json!({"SecretValues": [SM.entry(key, key)], "Errors": [], "NextToken": token}))
    };
    let server = Scripted::start([
        SM.action(SM.batch).body_contains(r#""NextToken":"2""#).answers(page(None, "b")),
        SM.action(SM.batch).answers(page(Some("2"), "a")),
    ])
    .await;
    let store = SM.open(server.url(), json!({})).await.unwrap();
    let answers = answers(&*store, &plain(&["a", "b"])).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    server.finish();
}

#[tokio::test]
async fn one_denied_secret_of_a_batch_is_that_secrets_answer() {
    let errors = json!([{"SecretId": "b", "ErrorCode": "AccessDeniedException", "Message": MARKER}]);
    let reply = said(&json!({"SecretValues": [SM.entry("a", "1")], "Errors": errors}));
    let server = Scripted::start([SM.action(SM.batch).answers(reply)]).await;
    let store = SM.open(server.url(), json!({})).await.unwrap();
    let answers = answers(&*store, &plain(&["a", "b"])).await;
    assert!(answers[0].is_ok());
    assert_eq!(answers[1].as_ref().unwrap_err().kind(), Kind::Forbidden);
}

#[tokio::test]
async fn a_batch_that_is_silent_about_a_key_proves_nothing() {
    for wire in BOTH {
        let server =
            Scripted::start([wire.action(wire.batch).answers(wire.several(&[("a", Some("1"))]))]).await;
        let store = wire.open(server.url(), json!({})).await.unwrap();
        let answers = answers(&*store, &plain(&["a", "b"])).await;
        assert_eq!(answers[1].as_ref().unwrap_err().kind(), Kind::Malformed);
    }
}

#[tokio::test]
async fn stages_and_version_ids_go_where_the_service_wants_them() {
    let table = [
        (None, "AWSCURRENT", None),
        (Some("AWSPREVIOUS"), "AWSPREVIOUS", None),
        (Some("uuid/7f"), "", Some("7f")),
    ];
    for (version, stage, id) in table {
        let server = Scripted::start([SM.read("app").answers(SM.single("app", "x"))]).await;
        let store = SM.open(server.url(), json!({})).await.unwrap();
        let key = RemoteKey { version: version.map(Into::into), ..RemoteKey::value("app") };
        assert_eq!(one(&*store, key).await.unwrap().version.as_deref(), Some("v1"));
        let asked = body(&server.requests()[0]);
        let word = |name: &str| asked.get(name).and_then(Value::as_str).map(str::to_string);
        assert_eq!(word("VersionStage").unwrap_or_default(), stage, "{version:?}");
        assert_eq!(word("VersionId").as_deref(), id, "{version:?}");
    }
}

#[tokio::test]
async fn a_version_of_a_parameter_is_part_of_its_name_and_it_comes_decrypted() {
    let server = Scripted::start([SSM.read("/p/app:7").answers(SSM.single("/p/app", "x"))]).await;
    let store = SSM.open(server.url(), json!({"prefix": "/p/"})).await.unwrap();
    assert_eq!(one(&*store, version("app", "7")).await.unwrap().version.as_deref(), Some("3"));
    assert_eq!(body(&server.requests()[0])["WithDecryption"], json!(true));
    server.finish();
}

#[tokio::test]
async fn a_binary_secret_is_its_bytes() {
    let reply = said(&json!({"Name": "app", "SecretBinary": "AP8KgA==", "VersionId": "v1"}));
    let server = Scripted::start([SM.read("app").answers(reply)]).await;
    let store = SM.open(server.url(), json!({})).await.unwrap();
    let Payload::Bytes(bytes) = one(&*store, RemoteKey::value("app")).await.unwrap().payload else {
        panic!("fields")
    };
    assert_eq!(bytes.expose(), [0x00, 0xff, 0x0a, 0x80]);
}

#[tokio::test]
async fn the_metadata_of_an_entry_are_its_tags_and_its_value_is_not_read() {
    let tags = json!([{"Key": "team", "Value": "<a>"}, {"Key": "env", "Value": ""}]);
    let of_secret = SM
        .action("DescribeSecret")
        .body_contains(r#""SecretId":"p/app""#)
        .answers(said(&json!({"Tags": tags})));
    let of_parameter = SSM
        .action("ListTagsForResource")
        .body_contains(r#""ResourceId":"p/app""#)
        .body_contains(r#""ResourceType":"Parameter""#)
        .answers(said(&json!({"TagList": tags})));
    for (wire, exchange) in [(SM, of_secret), (SSM, of_parameter)] {
        let server = Scripted::start([exchange]).await;
        let store = wire.open(server.url(), json!({"prefix": "p/"})).await.unwrap();
        let key = RemoteKey { want: Want::Metadata, ..RemoteKey::value("app") };
        let entry = one(&*store, key).await.unwrap();
        assert_eq!(text(&entry), r#"{"env":"","team":"\u003ca\u003e"}"#);
        server.finish();
    }
}

fn listed(names: &[(&str, &[(&str, &str)])], next: Option<&str>) -> Reply {
    let tags = |tags: &[(&str, &str)]| -> Value {
        tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    };
    let entries: Vec<_> =
        names.iter().map(|(name, of)| json!({"Name": name, "ARN": arn(name), "Tags": tags(of)})).collect();
    said(&json!({"SecretList": entries, "NextToken": next}))
}

#[tokio::test]
async fn secrets_are_found_by_name_over_all_pages_and_read_by_their_whole_names() {
    let server = Scripted::start([
        SM.action("ListSecrets")
            .body_contains(r#""NextToken":"2""#)
            .answers(listed(&[("p/b", &[]), ("other", &[])], None)),
        SM.action("ListSecrets").answers(listed(&[("p/a", &[])], Some("2"))),
        SM.action(SM.batch).answers(SM.several(&[("p/a", Some("1")), ("p/b", Some("2"))])),
    ])
    .await;
    let store = SM.open(server.url(), json!({"prefix": "p/"})).await.unwrap();
    assert_eq!(found(&*store, by_name("/[ab]$", None)).await, map(&[("p/a", "1"), ("p/b", "2")]));
    assert_eq!(body(&server.requests()[0]).get("Filters"), None);
    server.finish();
}

#[tokio::test]
async fn tags_of_secrets_are_filtered_by_the_service_and_compared_in_pairs() {
    let crossed: &[(&str, &str)] = &[("team", "y"), ("env", "x")];
    let right: &[(&str, &str)] = &[("team", "x"), ("env", "y")];
    let server = Scripted::start([
        SM.action("ListSecrets").answers(listed(&[("p/a", right), ("p/b", crossed)], None)),
        SM.read("p/a").answers(SM.single("p/a", "1")),
    ])
    .await;
    let store = SM.open(server.url(), json!({})).await.unwrap();
    assert_eq!(found(&*store, by_tags(right, Some("p/"))).await, map(&[("p/a", "1")]));
    let filters = json!([
        {"Key": "name", "Values": ["p/"]},
        {"Key": "tag-key", "Values": ["env"]}, {"Key": "tag-value", "Values": ["y"]},
        {"Key": "tag-key", "Values": ["team"]}, {"Key": "tag-value", "Values": ["x"]},
    ]);
    assert_eq!(body(&server.requests()[0])["Filters"], filters);
    server.finish();
}

#[tokio::test]
async fn a_find_reads_singly_where_the_role_may_not_batch_and_forgets_what_went_away() {
    let server = Scripted::start([
        SM.action("ListSecrets").answers(listed(&[("a", &[]), ("b", &[])], None)),
        SM.action(SM.batch).answers(fault(400, "AccessDeniedException", MARKER)),
        SM.read("a").answers(SM.single("a", "1")),
        SM.read("b").answers(SM.absence()),
    ])
    .await;
    let store = SM.open(server.url(), json!({})).await.unwrap();
    assert_eq!(found(&*store, by_name(".", None)).await, map(&[("a", "1")]));
    server.finish();
}

#[tokio::test]
async fn a_find_with_one_unreadable_entry_is_an_error_and_never_a_part() {
    let server = Scripted::start([
        SM.action("ListSecrets").answers(listed(&[("a", &[]), ("b", &[])], None)),
        SM.action(SM.batch).answers(SM.several(&[("a", Some("1"))])),
    ])
    .await;
    let store = SM.open(server.url(), json!({})).await.unwrap();
    assert_eq!(store.find(&by_name(".", None)).await.unwrap_err().kind(), Kind::Malformed);
}

#[tokio::test]
async fn parameters_are_found_below_a_path_with_their_values() {
    let page = |names: &[&str], next: Option<&str>| {
        let parameters: Vec<_> = names.iter().map(|name| SSM.entry(name, name)).collect();
        said(&json!({"Parameters": parameters, "NextToken": next}))
    };
    let server = Scripted::start([
        SSM.action(SSM.list).body_contains(r#""NextToken":"2""#).answers(page(&["/a/2", "/b"], None)),
        SSM.action(SSM.list).body_contains(r#""Path":"/""#).answers(page(&["/a/1"], Some("2"))),
    ])
    .await;
    let store = SSM.open(server.url(), json!({"prefix": "/p/"})).await.unwrap();
    // Tags beside a name do not count, as in ESO.
    let query = Query { tags: map(&[("k", "v")]), ..by_name("^/a/", None) };
    assert_eq!(found(&*store, query).await, map(&[("/a/1", "/a/1"), ("/a/2", "/a/2")]));
    let asked = body(&server.requests()[0]);
    assert_eq!((&asked["Recursive"], &asked["WithDecryption"]), (&json!(true), &json!(true)));
    server.finish();
}

#[tokio::test]
async fn parameters_are_described_and_read_where_the_path_may_not_be_listed() {
    let names = json!({"Parameters": [{"Name": "/p/a"}, {"Name": "/p/b"}]});
    let server = Scripted::start([
        SSM.action(SSM.list).answers(fault(400, "AccessDeniedException", MARKER)),
        SSM.action("DescribeParameters").answers(said(&names)),
        SSM.read("/p/a").answers(SSM.single("/p/a", "1")),
    ])
    .await;
    let store = SSM.open(server.url(), json!({})).await.unwrap();
    assert_eq!(found(&*store, by_name("a$", Some("/p"))).await, map(&[("/p/a", "1")]));
    let filters = json!([{"Key": "Path", "Option": "Recursive", "Values": ["/p"]}]);
    assert_eq!(body(&server.requests()[1])["ParameterFilters"], filters);
    server.finish();
}

#[tokio::test]
async fn parameters_are_found_by_all_of_their_tags() {
    let server = Scripted::start([
        SSM.action("DescribeParameters").answers(said(&json!({"Parameters": [{"Name": "/a"}]}))),
        SSM.read("/a").answers(SSM.single("/a", "1")),
    ])
    .await;
    let store = SSM.open(server.url(), json!({})).await.unwrap();
    assert_eq!(found(&*store, by_tags(&[("a", "1"), ("b", "2")], None)).await, map(&[("/a", "1")]));
    let filters = json!([
        {"Key": "tag:a", "Option": "Equals", "Values": ["1"]},
        {"Key": "tag:b", "Option": "Equals", "Values": ["2"]},
    ]);
    assert_eq!(body(&server.requests()[0])["ParameterFilters"], filters);
    server.finish();
}

#[tokio::test]
async fn an_empty_path_is_no_path() {
    let server = Scripted::start([
        SM.action("ListSecrets").answers(listed(&[], None)),
        SSM.action(SSM.list).body_contains(r#""Path":"/""#).answers(said(&json!({"Parameters": []}))),
    ])
    .await;
    for wire in BOTH {
        let store = wire.open(server.url(), json!({})).await.unwrap();
        assert_eq!(found(&*store, by_name(".", Some(""))).await, map(&[]));
    }
    assert_eq!(body(&server.requests()[0]).get("Filters"), None);
    server.finish();
}

mod certificates;
mod sessions;
