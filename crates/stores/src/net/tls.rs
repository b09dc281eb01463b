//! Certificates as stores name them.

use base64::{Engine, engine::general_purpose};
use rustls::RootCertStore;
use rustls_pki_types::{
    CertificateDer,
    pem::{PemObject, SectionKind},
};
use zeroize::Zeroizing;

use crate::base::{Error, Kind, Result, SecretBytes};

/// The base64 layers that are taken off a `caBundle`: that of the field's `format: byte`, and one more, since certificates are
/// often pasted from a Secret's `data` (ESO takes both).
const LAYERS: usize = 2;

/// The PEM of a `caBundle`, which is PEM or base64 (either alphabet) of PEM. Its first block must be an X.509 certificate.
///
/// # Errors
/// `Invalid`.
pub fn ca_bundle(bundle: &[u8]) -> Result<Vec<u8>> {
    let mut pem = bundle.to_vec();
    for _ in 0..LAYERS {
        if is_pem(&pem) {
            break;
        }
        pem = decode(&pem).ok_or_else(|| invalid("the CA bundle is neither PEM nor base64 of PEM"))?;
    }
    check(&pem)?;
    Ok(pem)
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bare = &text[..text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1)];
    [&general_purpose::STANDARD_NO_PAD, &general_purpose::URL_SAFE_NO_PAD]
        .iter()
        .find_map(|alphabet| alphabet.decode(bare).ok())
}

fn check(pem: &[u8]) -> Result<()> {
    let first = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem).next();
    let Some(Ok((SectionKind::Certificate, der))) = first else {
        return Err(invalid("the first block of the CA bundle is not a certificate"));
    };
    RootCertStore::empty()
        .add(CertificateDer::from(der))
        .map_err(|error| invalid("the first certificate of the CA bundle does not parse").because(error))
}

fn invalid(what: &str) -> Error {
    Error::new(Kind::Invalid, what)
}

/// What [`super::client::Trust::client`] takes: certificate and key in one PEM.
///
/// # Errors
/// `Invalid` if either is not PEM. Whether they belong together shows when the client is made.
pub fn client_identity(certificate: &SecretBytes, key: &SecretBytes) -> Result<SecretBytes> {
    if !is_pem(certificate.expose()) {
        return Err(invalid("the client certificate is not PEM"));
    }
    if !is_pem(key.expose()) {
        return Err(invalid("the client key is not PEM"));
    }
    let mut both = Zeroizing::new(Vec::with_capacity(certificate.len() + key.len() + 1));
    both.extend_from_slice(certificate.expose());
    both.push(b'\n');
    both.extend_from_slice(key.expose());
    Ok(SecretBytes::from(both))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> String {
        rcgen::generate_simple_self_signed(vec!["store.example".to_string()]).unwrap().cert.pem()
    }

    #[test]
    fn a_bundle_is_pem_or_base64_of_it() {
        let pem = certificate();
        let once = general_purpose::STANDARD.encode(&pem);
        let forms = [
            pem.clone(),
            format!("# a comment\n{pem}"),
            once.clone(),
            general_purpose::URL_SAFE_NO_PAD.encode(&pem),
            general_purpose::STANDARD.encode(&once),
            once.as_bytes().chunks(64).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect(),
        ];
        for form in forms {
            assert!(ca_bundle(form.as_bytes()).unwrap().ends_with(pem.as_bytes()), "{form}");
        }
    }

    #[test]
    fn what_does_not_start_with_a_certificate_is_invalid() {
        let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
        let pem = certificate();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cases = [String::new(), "not base64!".into(), key.clone(), key + &pem, format!("{broken}{pem}")];
        for case in cases {
            assert_eq!(ca_bundle(case.as_bytes()).unwrap_err().kind(), Kind::Invalid, "{case}");
        }
    }

    #[test]
    fn an_identity_needs_both_halves() {
        let (pem, other) = (SecretBytes::from(certificate()), SecretBytes::from("x"));
        assert!(client_identity(&pem, &pem).is_ok());
        assert_eq!(client_identity(&other, &pem).unwrap_err().kind(), Kind::Invalid);
        assert_eq!(client_identity(&pem, &other).unwrap_err().kind(), Kind::Invalid);
    }
}
