//! Certificate Manager: reads of exportable certificates (reference 10.2).
//!
//! The key is the whole ARN; the store's `prefix` is for pushes. The value is one PEM text: certificate, chain, private key. ESO asks
//! twice more (whether the certificate changed, whether it may be exported) to save exports by a cache of private keys; here no
//! value outlives its delivery, so a refresh is one export.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_acm::{Client, operation::export_certificate::ExportCertificateOutput, primitives::Blob};
use zeroize::Zeroizing;

use super::{auth::Session, error::Call, private_key, transport::Service};
use crate::{
    base::{Error, Kind, Result, SecretBytes},
    provider::{Access, Batch, Capabilities, Entry, MapRule, Probe, PropertyRule, RemoteKey, Store, Want},
};

/// Certificates of one account and region.
#[derive(Debug)]
pub(super) struct CertificateManager {
    client: Client,
    session: Arc<Session>,
}

impl CertificateManager {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { client: Client::new(&session.sdk(Service::CertificateManager)), session }
    }

    async fn one(&self, key: &RemoteKey) -> Result<Entry> {
        let arn = checked(key)?;
        let passphrase = passphrase()?;
        let export = || {
            let request = self.client.export_certificate().certificate_arn(arn);
            request.passphrase(Blob::new(passphrase.as_bytes())).send()
        };
        let call =
            Call { service: Service::CertificateManager, action: "ExportCertificate", entry: Some(arn) };
        let answer = self.session.call(call, export).await.map_err(explained)?;
        bundle(arn, answer, passphrase.as_bytes())
    }
}

#[async_trait]
impl Store for CertificateManager {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            access: Access::ReadWrite,
            find: false,
            batch: 1,
            property: PropertyRule::EscapedThenPath,
            property_absence: false,
            map: MapRule::Raw,
            find_converts: false,
        }
    }

    async fn get(&self, keys: &[RemoteKey]) -> Batch {
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            answers.push(self.one(key).await);
        }
        Batch::Answers(answers)
    }

    async fn probe(&self) -> Result<Probe> {
        self.session.probe().await
    }
}

/// The ARN that a key names. A version is ignored, as ESO does.
fn checked(key: &RemoteKey) -> Result<&str> {
    if key.want == Want::Metadata {
        return Err(Error::new(Kind::Unsupported, "certificates have no metadata that can be read"));
    }
    let is_arn = key.key.starts_with("arn:") && key.key.split(':').nth(2) == Some("acm");
    let invalid = || Error::new(Kind::Invalid, "remoteRef.key must be the ARN of a certificate");
    if is_arn { Ok(&key.key) } else { Err(invalid().with("entry", &key.key)) }
}

/// 32 hexadecimal digits for one export. The service refuses some special characters.
fn passphrase() -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new([0; 16]);
    aws_lc_rs::rand::fill(&mut *bytes)
        .map_err(|_| Error::new(Kind::Unavailable, "the random source of the process failed"))?;
    let mut text = Zeroizing::new(String::with_capacity(32));
    bytes.iter().for_each(|byte| {
        text.extend([byte >> 4, byte & 15].map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])));
    });
    Ok(text)
}

/// The service says "invalid" of a certificate that is not there and of one that may not be exported.
fn explained(error: Error) -> Error {
    if error.kind() != Kind::Invalid {
        return error;
    }
    error.within("the certificate must exist and be exportable")
}

fn bundle(arn: &str, answer: ExportCertificateOutput, passphrase: &[u8]) -> Result<Entry> {
    let ExportCertificateOutput { certificate, certificate_chain, private_key, .. } = answer;
    let key = private_key.map(Zeroizing::new).map(|key| private_key::decrypted(&key, passphrase));
    let key = key.transpose().map_err(|error| error.with("entry", arn))?;
    let public = [certificate, certificate_chain].into_iter().flatten().map(Zeroizing::new);
    let mut text = Zeroizing::new(Vec::new());
    for part in public.chain(key) {
        text.extend_from_slice(part.trim_end_matches(['\r', '\n']).as_bytes());
        text.push(b'\n');
    }
    if text.is_empty() {
        return Err(Error::new(Kind::Malformed, "the export is empty").with("entry", arn));
    }
    Ok(Entry::bytes(SecretBytes::from(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_long_plain_and_never_the_same() {
        let (one, other) = (passphrase().unwrap(), passphrase().unwrap());
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert_ne!(one, other);
    }

    #[test]
    fn the_parts_of_a_bundle_stand_on_lines_of_their_own() {
        let answer = ExportCertificateOutput::builder().certificate("CERT\r\n").certificate_chain("CHAIN");
        let entry = bundle("arn", answer.build(), b"").unwrap();
        assert_eq!(entry, Entry::bytes("CERT\nCHAIN\n".into()));
    }

    #[test]
    fn an_empty_export_is_malformed() {
        let answer = ExportCertificateOutput::builder().build();
        assert_eq!(bundle("arn", answer, b"").unwrap_err().kind(), Kind::Malformed);
    }
}
