//! Credentials, identities and the configuration's own rules.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::base::Clock;

const MIDDLE: &str = "arn:aws:iam::222222222222:role/middle";
const LAST: &str = "arn:aws:iam::333333333333:role/last";

/// An answer of STS with a temporary key whose id is `id`.
fn issued(action: &str, id: &str) -> Reply {
    issued_until(action, id, "2099-01-01T00:00:00Z")
}

fn issued_until(action: &str, id: &str, ends: &str) -> Reply {
    let credentials = format!(
        "<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>token-of-{id}</SessionToken><Expiration>{ends}</Expiration></Credentials>"
    );
    sts(action, &credentials)
}

fn sts(action: &str, result: &str) -> Reply {
    let body = format!(
        r#"<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{result}</{action}Result></{action}Response>"#
    );
    Reply::body(200, "text/xml", body)
}

fn refused(status: u16, code: &str) -> Reply {
    let body = format!(
        r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{MARKER}</Message></Error></ErrorResponse>"#
    );
    Reply::body(status, "text/xml", body)
}

fn assume(role: &str) -> Exchange {
    Exchange::post("/").body_contains("Action=AssumeRole&").body_contains(&encoded(role))
}

fn web_identity() -> Exchange {
    Exchange::post("/").body_contains("Action=AssumeRoleWithWebIdentity")
}

fn encoded(text: &str) -> String {
    text.replace(':', "%3A").replace('/', "%2F")
}

/// The decoded form of a request, as a map.
fn form(request: &Received) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{}", request.text())).unwrap();
    url.query_pairs().into_owned().filter(|(key, _)| key != "Version").collect()
}

fn read_and_answer() -> Exchange {
    SM.read("app").answers(SM.single("app", "x"))
}

async fn read(store: &dyn Store) -> Result<Entry> {
    one(store, RemoteKey::value("app")).await
}

fn account(annotations: &[(&str, &str)]) -> Held {
    keys().account("team", "reader", annotations).tokens(Box::new(|namespace, name, audiences| {
        Ok(format!("{namespace}.{name}.{}", audiences.join("+")))
    }))
}

fn jwt(more: Value) -> AwsConfig {
    let mut config = SM.config(more);
    let auth = json!({"jwt": {"serviceAccountRef": {"name": "reader", "audiences": ["extra"]}}});
    config.auth = serde_json::from_value(auth).unwrap();
    config
}

#[tokio::test]
async fn a_session_token_goes_with_every_request() {
    let server =
        Scripted::start([read_and_answer().header("x-amz-security-token", "the-session-token")]).await;
    let mut config = SM.config(json!({}));
    let secret_ref = config.auth.as_mut().unwrap().secret_ref.as_mut().unwrap();
    let selector = SecretKeySelector { name: Some("aws".into()), key: Some("token".into()), namespace: None };
    secret_ref.session_token_secret_ref = Some(selector);
    let store = Aws::open(config, keys().env("store", &[("AWS_ENDPOINT_URL", server.url())])).await.unwrap();
    read(&*store).await.unwrap();
    assert_eq!(signer(&server.requests()[0]), KEY_ID);
    server.finish();
}

#[tokio::test]
async fn an_empty_or_missing_credential_is_unauthenticated_before_anybody_is_asked() {
    for key in ["empty", "absent"] {
        let mut config = SM.config(json!({}));
        let secret_ref = config.auth.as_mut().unwrap().secret_ref.as_mut().unwrap();
        secret_ref.access_key_id_secret_ref.as_mut().unwrap().key = Some(key.into());
        let env = keys().secret("team", "aws", ("empty", " \n")).env("store", &[]);
        assert_eq!(Aws::open(config, env).await.unwrap_err().kind(), Kind::Unauthenticated, "{key}");
    }
}

#[tokio::test]
async fn roles_are_assumed_one_after_another_each_with_the_credential_before() {
    let server = Scripted::start([
        assume(ROLE).answers(issued("AssumeRole", "FIRST")),
        assume(MIDDLE).answers(issued("AssumeRole", "SECOND")),
        assume(LAST).answers(issued("AssumeRole", "THIRD")),
        read_and_answer(),
    ])
    .await;
    let roles = json!({
        "additionalRoles": [ROLE, MIDDLE], "role": LAST, "externalID": "the-external-id",
        "sessionTags": [{"key": "team", "value": "a b"}], "transitiveTagKeys": ["team"],
    });
    let store = SM.open(server.url(), roles).await.unwrap();
    read(&*store).await.unwrap();
    let requests = server.requests();
    let signers: Vec<_> = requests.iter().map(signer).collect();
    assert_eq!(signers, [KEY_ID, "FIRST", "SECOND", "THIRD"]);
    assert_eq!(requests[3].headers["x-amz-security-token"], "token-of-THIRD");
    let session = ("RoleSessionName", "external-secrets-provider-aws");
    let bare = |role| map(&[("Action", "AssumeRole"), ("RoleArn", role), session]);
    assert_eq!((form(&requests[0]), form(&requests[1])), (bare(ROLE), bare(MIDDLE)));
    let mut last = bare(LAST);
    last.extend(map(&[
        ("ExternalId", "the-external-id"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "a b"),
        ("TransitiveTagKeys.member.1", "team"),
    ]));
    assert_eq!(form(&requests[2]), last);
    server.finish();
}

#[tokio::test]
async fn a_role_is_assumed_once_for_many_reads() {
    let server = Scripted::start([
        assume(LAST).answers(issued("AssumeRole", "LAST")),
        SM.read("app").answers(SM.single("app", "x")).times(20),
    ])
    .await;
    let store = SM.open(server.url(), json!({"role": LAST})).await.unwrap();
    let reads = (0..20).map(|_| read(&*store));
    assert!(futures::future::join_all(reads).await.iter().all(Result::is_ok));
    server.finish();
}

#[tokio::test]
async fn a_role_is_assumed_anew_when_its_session_ends() {
    let clock = Arc::new(LeapingClock::default());
    let ends = clock.now() + Duration::from_secs(900);
    let server = Scripted::start([
        assume(LAST).answers(issued_until("AssumeRole", "A", &ends.to_string())),
        assume(LAST).answers(issued("AssumeRole", "B")),
        SM.read("app").answers(SM.single("app", "x")).times(3),
    ])
    .await;
    let env = keys().clock(clock.clone()).env("store", &[("AWS_ENDPOINT_URL", server.url())]);
    let store = Aws::open(SM.config(json!({"role": LAST})), env).await.unwrap();
    read(&*store).await.unwrap();
    clock.leap(Duration::from_secs(800));
    read(&*store).await.unwrap();
    clock.leap(Duration::from_secs(90));
    read(&*store).await.unwrap();
    let signers: Vec<_> = server.requests().iter().map(signer).collect();
    assert_eq!(signers, [KEY_ID, "A", "A", KEY_ID, "B"]);
    server.finish();
}

#[tokio::test]
async fn a_refused_session_is_exchanged_once_and_at_once() {
    let server = Scripted::start([
        assume(LAST).answers(issued("AssumeRole", "A")),
        SM.read("app").answers(fault(400, "ExpiredTokenException", MARKER)),
        assume(LAST).answers(issued("AssumeRole", "B")),
        read_and_answer(),
    ])
    .await;
    let store = SM.open(server.url(), json!({"role": LAST})).await.unwrap();
    read(&*store).await.unwrap();
    server.finish();
}

#[tokio::test]
async fn a_refused_access_key_is_not_shown_twice() {
    let refusal = fault(400, "UnrecognizedClientException", MARKER);
    let server = Scripted::start([SM.read("app").answers(refusal)]).await;
    let store = SM.open(server.url(), json!({})).await.unwrap();
    assert_eq!(read(&*store).await.unwrap_err().kind(), Kind::Unauthenticated);
    server.finish();
}

#[tokio::test]
async fn a_service_account_token_is_exchanged_for_the_role_it_is_annotated_with() {
    let server = Scripted::start([
        web_identity().no_header("authorization").answers(issued("AssumeRoleWithWebIdentity", "JWT")),
        read_and_answer(),
    ])
    .await;
    let env = account(&[("eks.amazonaws.com/role-arn", ROLE)]);
    let store =
        Aws::open(jwt(json!({})), env.env("store", &[("AWS_ENDPOINT_URL", server.url())])).await.unwrap();
    read(&*store).await.unwrap();
    let requests = server.requests();
    let expected = map(&[
        ("Action", "AssumeRoleWithWebIdentity"),
        ("RoleArn", ROLE),
        ("RoleSessionName", "external-secrets-provider-aws"),
        ("WebIdentityToken", "team.reader.sts.amazonaws.com+extra"),
    ]);
    assert_eq!(form(&requests[0]), expected);
    assert_eq!(signer(&requests[1]), "JWT");
    server.finish();
}

#[tokio::test]
async fn the_annotation_names_the_audience_and_a_role_may_follow() {
    let server = Scripted::start([
        web_identity()
            .body_contains("WebIdentityToken=team.reader.own%2Bextra")
            .answers(issued("AssumeRoleWithWebIdentity", "JWT")),
        assume(LAST).answers(issued("AssumeRole", "LAST")),
        read_and_answer(),
    ])
    .await;
    let env = account(&[("eks.amazonaws.com/role-arn", ROLE), ("eks.amazonaws.com/audience", "own")]);
    let env = env.env("store", &[("AWS_ENDPOINT_URL", server.url())]);
    let store = Aws::open(jwt(json!({"role": LAST})), env).await.unwrap();
    read(&*store).await.unwrap();
    assert_eq!(signer(&server.requests()[1]), "JWT");
    server.finish();
}

#[tokio::test]
async fn a_service_account_without_a_role_is_invalid_and_says_which() {
    let error = Aws::open(jwt(json!({})), account(&[]).env("store", &[])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let text = error.to_string();
    assert!(text.contains("an IAM role must be associated with service account"), "{text}");
    assert!(text.contains("serviceAccount=team/reader"), "{text}");
}

#[tokio::test]
async fn the_verdicts_of_sts_are_the_kinds_of_the_read() {
    let table = [
        (403, "AccessDenied", Kind::Forbidden),
        (403, "ExpiredToken", Kind::Unauthenticated),
        (403, "InvalidClientTokenId", Kind::Unauthenticated),
        (403, "SignatureDoesNotMatch", Kind::Unauthenticated),
        (400, "InvalidIdentityToken", Kind::Unauthenticated),
        (400, "IDPCommunicationError", Kind::Unavailable),
        (400, "Throttling", Kind::Throttled),
        (503, "ServiceUnavailable", Kind::Unavailable),
        (400, "ValidationError", Kind::Invalid),
        (403, "RegionDisabledException", Kind::Invalid),
        (404, "ResourceNotFoundException", Kind::Invalid),
    ];
    for (status, code, kind) in table {
        let server = Scripted::start([assume(LAST).answers(refused(status, code)).repeated()]).await;
        let store = SM.open(server.url(), json!({"role": LAST})).await.unwrap();
        let error = read(&*store).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert!(error.to_string().contains(LAST), "{error}");
        assert!(!format!("{error:?}").contains(MARKER));
    }
}

#[tokio::test]
async fn the_environment_gives_an_access_key_where_the_store_names_none() {
    let server =
        Scripted::start([read_and_answer().header("x-amz-security-token", "of-the-environment")]).await;
    let mut config = SM.config(json!({}));
    config.auth = None;
    let variables = [
        ("AWS_ENDPOINT_URL", server.url()),
        ("AWS_ACCESS_KEY_ID", "OFTHEENVIRONMENT"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "of-the-environment"),
    ];
    let store = Aws::open(config, keys().env("store", &variables)).await.unwrap();
    read(&*store).await.unwrap();
    assert_eq!(signer(&server.requests()[0]), "OFTHEENVIRONMENT");
    server.finish();
}

#[tokio::test]
async fn each_service_has_the_endpoint_that_its_variable_names() {
    let secrets = Scripted::start([read_and_answer()]).await;
    let parameters = Scripted::start([SSM.read("app").answers(SSM.single("app", "x"))]).await;
    let role = Scripted::start([assume(LAST).answers(issued("AssumeRole", "LAST")).times(2)]).await;
    let variables = [
        ("AWS_SECRETSMANAGER_ENDPOINT", secrets.url()),
        ("AWS_SSM_ENDPOINT", parameters.url()),
        ("AWS_STS_ENDPOINT", role.url()),
    ];
    for wire in BOTH {
        let config = wire.config(json!({"role": LAST}));
        let store = Aws::open(config, keys().env("store", &variables)).await.unwrap();
        read(&*store).await.unwrap();
    }
    for server in [secrets, parameters, role] {
        server.finish();
    }
}

#[tokio::test]
async fn a_failing_service_is_asked_as_often_as_the_store_says_and_not_more() {
    let block = |max_retries| Some(RetrySettings { max_retries, interval: Some(Duration::from_secs(1)) });
    let table = [(None, 1), (block(None), 4), (block(Some(0)), 1), (block(Some(5)), 6)];
    for (retry, expected) in table {
        let reply = fault(500, "InternalServiceError", MARKER);
        let server = Scripted::start([SM.read("app").answers(reply).repeated()]).await;
        let env = Env { retry, ..keys().env("store", &[("AWS_ENDPOINT_URL", server.url())]) };
        let store = Aws::open(SM.config(json!({})), env).await.unwrap();
        assert_eq!(read(&*store).await.unwrap_err().kind(), Kind::Unavailable);
        assert_eq!(server.requests().len(), expected as usize, "{retry:?}");
    }
}

#[tokio::test]
async fn a_probe_shows_an_access_key_to_sts_and_reads_no_secret() {
    let who = || Exchange::post("/").body_contains("Action=GetCallerIdentity");
    let known = sts("GetCallerIdentity", "<Account>1</Account>");
    let table = [
        (known, "ready"),
        (refused(403, "InvalidClientTokenId"), "unauthenticated"),
        (refused(503, "ServiceUnavailable"), "unknown"),
    ];
    for (reply, expected) in table {
        let server = Scripted::start([who().answers(reply)]).await;
        let store = SM.open(server.url(), json!({})).await.unwrap();
        let outcome = match store.probe().await {
            Ok(Probe::Ready) => "ready",
            Ok(Probe::Unknown(_)) => "unknown",
            Err(error) => error.kind().word(),
        };
        assert_eq!(outcome, expected);
        server.finish();
    }
}

#[tokio::test]
async fn a_probe_of_a_role_assumes_it() {
    for (reply, ready) in [(issued("AssumeRole", "A"), true), (refused(403, "AccessDenied"), false)] {
        let server = Scripted::start([assume(LAST).answers(reply)]).await;
        let store = SM.open(server.url(), json!({"role": LAST})).await.unwrap();
        assert_eq!(store.probe().await.is_ok(), ready);
        server.finish();
    }
}

#[tokio::test]
async fn tokens_are_asked_for_once_a_session_and_not_once_a_read() {
    let server = Scripted::start([
        web_identity().answers(issued("AssumeRoleWithWebIdentity", "JWT")),
        SM.read("app").answers(SM.single("app", "x")).times(3),
    ])
    .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let env = account(&[("eks.amazonaws.com/role-arn", ROLE)]).tokens(Box::new(move |_, _, _| {
        counted.fetch_add(1, Ordering::Relaxed);
        Ok("token".into())
    }));
    let env = env.env("store", &[("AWS_ENDPOINT_URL", server.url())]);
    let store = Aws::open(jwt(json!({})), env).await.unwrap();
    for _ in 0..3 {
        read(&*store).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    server.finish();
}

/// The identity of a cluster-scoped store used from `namespace`.
fn identity(config: &AwsConfig, namespace: &str, versions: &[&str]) -> Digest {
    let scope = Scope::Cluster(namespace.into());
    let versions: Vec<_> = versions.iter().map(|version| (*version).to_string()).collect();
    let kind = "ClusterSecretStore";
    Aws::identity(
        config,
        &Consumer { scope: &scope, store_kind: kind, store_name: "aws", versions: &versions },
    )
}

const KNOWN: [&str; 2] = ["vault/aws@uid:1", "vault/aws@uid:1"];

#[test]
fn namespaces_share_one_identity_where_nothing_of_theirs_reaches_the_wire() {
    let config = SM.config(json!({"role": LAST, "sessionTags": [{"key": "k", "value": "v"}]}));
    assert_eq!(identity(&config, "a", &KNOWN), identity(&config, "b", &KNOWN));
    let mut process = config.clone();
    process.auth = None;
    assert_eq!(identity(&process, "a", &[]), identity(&process, "b", &[]));
}

#[test]
fn namespaces_whose_session_tags_differ_share_nothing() {
    for policy in ["Simple", "Custom"] {
        let config = SM.config(json!({"role": LAST, "sessionTagsPolicy": policy}));
        assert_ne!(identity(&config, "a", &KNOWN), identity(&config, "b", &KNOWN), "{policy}");
        assert_eq!(identity(&config, "a", &KNOWN), identity(&config, "a", &KNOWN), "{policy}");
    }
}

#[test]
fn another_credential_or_configuration_is_another_identity() {
    let config = SM.config(json!({}));
    let rotated = ["vault/aws@uid:2", "vault/aws@uid:2"];
    assert_ne!(identity(&config, "a", &KNOWN), identity(&config, "a", &rotated));
    assert_ne!(identity(&config, "a", &KNOWN), identity(&SSM.config(json!({})), "a", &KNOWN));
    let more = [
        json!({"role": LAST}),
        json!({"prefix": "p"}),
        json!({"region": "us-east-1"}),
        json!({"externalID": "x"}),
    ];
    for more in more {
        assert_ne!(identity(&config, "a", &KNOWN), identity(&SM.config(more.clone()), "a", &KNOWN), "{more}");
    }
}

#[test]
fn a_credential_that_is_not_known_is_shared_with_nobody() {
    let config = SM.config(json!({}));
    for versions in [["?", "?"], ["vault/aws@uid:1", "?"]] {
        assert_ne!(identity(&config, "a", &versions), identity(&config, "b", &versions));
    }
    assert_ne!(identity(&config, "a", &[]), identity(&config, "b", &[]));
}

#[test]
fn a_quota_belongs_to_account_region_and_service() {
    let quota = |more: Value| Aws::quota(&SM.config(more));
    let (one, other) = ("arn:aws:iam::111111111111:role/a", "arn:aws:iam::111111111111:role/b");
    assert_eq!(quota(json!({"role": one})), quota(json!({"role": other, "prefix": "p"})));
    assert_eq!(quota(json!({"role": one})), quota(json!({"additionalRoles": [LAST], "role": one})));
    assert_ne!(quota(json!({"role": one})), quota(json!({"role": LAST})));
    assert_ne!(quota(json!({"role": one})), quota(json!({"role": one, "region": "us-east-1"})));
    assert_ne!(quota(json!({"role": one})), Aws::quota(&SSM.config(json!({"role": one}))));
}

#[test]
fn references_are_those_of_the_credential_that_is_used() {
    let named = |config: &AwsConfig| -> Vec<_> {
        Aws::refs(config).into_iter().map(|found| (found.kind, found.name)).collect()
    };
    let key = || (RefKind::Secret, "aws".to_string());
    assert_eq!(named(&SM.config(json!({}))), [key(), key()]);
    assert_eq!(named(&jwt(json!({}))), [(RefKind::ServiceAccount, "reader".to_string())]);
    let mut process = SM.config(json!({}));
    process.auth = None;
    assert_eq!(named(&process), []);
}

#[test]
fn a_configuration_that_cannot_work_names_its_field() {
    let table = [
        (json!({}), ""),
        (json!({"region": "eu-central"}), "region"),
        (json!({"region": ""}), "region"),
        (json!({"region": "https://eu-central-1"}), "region"),
        (json!({"region": "us-gov-west-1"}), ""),
        (json!({"role": "reader"}), "role"),
        (json!({"additionalRoles": [ROLE, "reader"]}), "additionalRoles[1]"),
        (json!({"sessionTags": [{"key": "", "value": "x"}]}), "sessionTags[0].key"),
        (json!({"customSessionTags": {"esoNamespace": "x"}}), "customSessionTags.esoNamespace"),
        (json!({"auth": {"jwt": {}}}), "auth.jwt.serviceAccountRef"),
        (
            json!({"auth": {"secretRef": {"accessKeyIDSecretRef": {"name": "a", "key": "b"}}}}),
            "auth.secretRef.secretAccessKeySecretRef",
        ),
        (
            json!({"auth": {"jwt": {"serviceAccountRef": {"name": "a", "namespace": "other"}}}}),
            "auth.jwt.serviceAccountRef",
        ),
        (json!({"secretsManager": {"recoveryWindowInDays": 6}}), "secretsManager.recoveryWindowInDays"),
        (json!({"secretsManager": {"recoveryWindowInDays": 31}}), "secretsManager.recoveryWindowInDays"),
        (json!({"secretsManager": {"recoveryWindowInDays": 30}}), ""),
        (
            json!({"secretsManager": {"recoveryWindowInDays": 7, "forceDeleteWithoutRecovery": true}}),
            "secretsManager.recoveryWindowInDays",
        ),
    ];
    for (more, field) in table {
        let problems = Aws::validate(&SM.config(more.clone()), &Scope::Namespace("team".into()));
        let fields: Vec<_> = problems.into_iter().map(|problem| problem.field).collect();
        assert_eq!(fields.join(","), field, "{more}");
    }
}

#[test]
fn a_cluster_store_may_leave_the_namespace_to_its_consumer() {
    assert_eq!(Aws::validate(&SM.config(json!({})), &Scope::ClusterOnly), []);
}
