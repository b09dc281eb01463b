//! Certificate Manager.

use super::*;
use crate::provider::Capabilities;

const APP: &str = "arn:aws:acm:eu-central-1:111111111111:certificate/app";

fn export(key: &str) -> Exchange {
    let request = Exchange::post("/").header("x-amz-target", "CertificateManager.ExportCertificate");
    request.body_contains(&format!(r#""CertificateArn":"{key}""#)).body_contains(r#""Passphrase":""#)
}

async fn open(url: &str) -> Arc<dyn Store> {
    let config = SM.config(json!({"service": "CertificateManager", "prefix": "p/"}));
    Aws::open(config, keys().env("store", &[("AWS_ACM_ENDPOINT", url)])).await.unwrap()
}

/// What a read of the one certificate gives for a reply.
async fn of(reply: Reply) -> Result<Entry> {
    let server = Scripted::start([export(APP).answers(reply).repeated()]).await;
    one(&*open(server.url()).await, RemoteKey::value(APP)).await
}

#[tokio::test]
async fn a_certificate_is_exported_by_its_whole_arn() {
    let entry = of(said(&json!({"Certificate": "CERT\n", "CertificateChain": "CHAIN\n"}))).await.unwrap();
    assert_eq!(text(&entry), "CERT\nCHAIN\n");
}

#[tokio::test]
async fn a_key_that_does_not_open_is_malformed_and_not_shown() {
    let error = of(said(&json!({"Certificate": "CERT", "PrivateKey": MARKER}))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
    assert!(!format!("{error:?}").contains(MARKER));
}

#[tokio::test]
async fn every_code_has_its_kind_and_none_proves_absence() {
    let more = [
        (400, "ResourceNotFoundException", Kind::Invalid),
        (400, "RequestInProgressException", Kind::Unavailable),
    ];
    for (status, code, kind) in CODES.into_iter().chain(more) {
        let error = of(fault(status, code, MARKER)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{code}: {error}");
        assert!(!format!("{error:?}").contains(MARKER));
    }
}

#[tokio::test]
async fn what_is_no_arn_of_a_certificate_is_invalid_and_not_asked_for() {
    let server = Scripted::start([]).await;
    let store = open(server.url()).await;
    for key in ["", "app", "arn:aws:secretsmanager:eu-central-1:1:secret:app"] {
        assert_eq!(one(&*store, RemoteKey::value(key)).await.unwrap_err().kind(), Kind::Invalid, "{key}");
    }
}

#[tokio::test]
async fn find_and_metadata_are_unsupported() {
    let server = Scripted::start([]).await;
    let store = open(server.url()).await;
    assert!(matches!(store.capabilities(), Capabilities { find: false, batch: 1, .. }));
    assert_eq!(store.find(&by_name(".", None)).await.unwrap_err().kind(), Kind::Unsupported);
    let key = RemoteKey { want: Want::Metadata, ..RemoteKey::value(APP) };
    assert_eq!(one(&*store, key).await.unwrap_err().kind(), Kind::Unsupported);
}
