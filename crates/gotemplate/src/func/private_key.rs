//! Private keys: made, read and written as Go's `crypto/x509` and sprig do, with their error texts.

use dsa::{Components, KeySize};

use super::curve::Curve;
use super::der::{self, Refused, context};
use super::pem;
use super::random_bytes::{Chance, random};
use super::rsa_key::RsaKey;
use crate::error::Fault;
use crate::func::Func;
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[Func::fixed("genPrivateKey", &[Type::String], Type::String, |run, args| {
    let kind = args.str(0)?;
    let key = match &**kind {
        b"" | b"rsa" => PrivateKey::generate_rsa(run, 4096)?,
        b"dsa" => generate_dsa(run)?,
        b"ecdsa" => generate_ec(run, Curve::P256)?,
        b"ed25519" => PrivateKey::Ed25519(random(run)?),
        _ => return Ok(Value::str([b"Unknown type ", &**kind].concat())),
    };
    Ok(Value::str(key.to_pem().encode()))
})];

pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
pub(super) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(super) const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
const SHA256_WITH_RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const ECDSA_WITH_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3];

/// A private key of any kind that Go reads.
#[derive(Clone)]
pub(super) enum PrivateKey {
    Rsa(Box<RsaKey>),
    Ec(EcKey),
    /// The seed.
    Ed25519([u8; 32]),
    X25519([u8; 32]),
    /// The key in its DER: nothing is done with it but to write it again.
    Dsa(Vec<u8>),
}

/// A private key on a curve.
#[derive(Clone)]
pub(super) struct EcKey {
    pub(super) curve: Curve,
    /// As long as the curve's numbers.
    pub(super) scalar: Vec<u8>,
    /// The public key, uncompressed.
    pub(super) point: Vec<u8>,
}

/// A public key that can stand in a certificate.
pub(super) enum PublicKey {
    /// Modulus, big-endian, and exponent.
    Rsa(Vec<u8>, i64),
    /// The uncompressed point.
    Ec(Curve, Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    /// The content of the bit string.
    pub(super) fn bits(&self) -> Vec<u8> {
        match self {
            Self::Rsa(modulus, exponent) => der::sequence(&[&der::number(modulus), &der::int(*exponent)]),
            Self::Ec(_, point) => point.clone(),
            Self::Ed25519(bytes) => bytes.clone(),
        }
    }

    /// The `SubjectPublicKeyInfo`.
    pub(super) fn info(&self) -> Vec<u8> {
        let algorithm = match self {
            Self::Rsa(..) => der::algorithm(RSA, der::NULL),
            Self::Ec(curve, _) => der::algorithm(EC, &der::element(der::OID, curve.oid())),
            Self::Ed25519(_) => der::algorithm(ED25519, &[]),
        };
        der::sequence(&[&algorithm, &der::bits(&self.bits())])
    }
}

impl PrivateKey {
    /// A new RSA key of so many bits.
    pub(super) fn generate_rsa(run: &mut Run<'_>, bits: usize) -> Result<Self, Fault> {
        // A third of what such a key takes: a template may make several.
        run.spend(if bits > 2048 { 200_000 } else { 50_000 })?;
        let failed = |why: String| Fault::new(format!("failed to generate private key: {why}"));
        let made = rsa::RsaPrivateKey::new(&mut Chance::new(run)?, bits);
        let made = made.map_err(|error| failed(format!("crypto/rsa: {error}")))?;
        Ok(Self::Rsa(Box::new(RsaKey::of_parts(&made).map_err(failed)?)))
    }

    /// The name of its type in Go.
    fn go_type(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "*rsa.PrivateKey",
            Self::Ec(_) => "*ecdsa.PrivateKey",
            Self::Ed25519(_) => "ed25519.PrivateKey",
            Self::X25519(_) => "*ecdh.PrivateKey",
            Self::Dsa(_) => "*dsa.PrivateKey",
        }
    }

    /// Its public key, if a certificate can have it; else the name of the public key's type in Go.
    pub(super) fn public(&self) -> Result<PublicKey, &'static str> {
        match self {
            Self::Rsa(key) => {
                let (modulus, exponent) = key.public();
                Ok(PublicKey::Rsa(modulus, exponent))
            }
            Self::Ec(key) => Ok(PublicKey::Ec(key.curve, key.point.clone())),
            Self::Ed25519(seed) => {
                let key = ed25519_dalek::SigningKey::from_bytes(seed);
                Ok(PublicKey::Ed25519(key.verifying_key().to_bytes().to_vec()))
            }
            Self::X25519(_) => Err("*ecdh.PublicKey"),
            Self::Dsa(_) => Err("*dsa.PublicKey"),
        }
    }

    /// The algorithm of its signatures; `None` if it cannot sign.
    pub(super) fn signature_algorithm(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(_) => Some(der::algorithm(SHA256_WITH_RSA, der::NULL)),
            Self::Ec(key) => Some(der::algorithm(&[ECDSA_WITH_SHA2, &[key.curve.signature()]].concat(), &[])),
            Self::Ed25519(_) => Some(der::algorithm(ED25519, &[])),
            Self::X25519(_) | Self::Dsa(_) => None,
        }
    }

    /// The signature of a message.
    pub(super) fn sign(&self, run: &mut Run<'_>, message: &[u8]) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Rsa(key) => key.sign(run, message),
            Self::Ec(key) => {
                key.curve.sign(&key.scalar, message).ok_or_else(|| "ecdsa: private key is zero".into())
            }
            Self::Ed25519(seed) => {
                use ed25519_dalek::Signer;
                Ok(ed25519_dalek::SigningKey::from_bytes(seed).sign(message).to_bytes().to_vec())
            }
            Self::X25519(_) | Self::Dsa(_) => {
                Err("x509: certificate private key does not implement crypto.Signer".into())
            }
        }
    }

    /// As sprig writes it.
    pub(super) fn to_pem(&self) -> pem::Block {
        match self {
            Self::Rsa(key) => pem::Block::new("RSA PRIVATE KEY", key.to_pkcs1()),
            Self::Ec(key) => pem::Block::new("EC PRIVATE KEY", sec1(key, true)),
            Self::Dsa(der) => pem::Block::new("DSA PRIVATE KEY", der.clone()),
            Self::Ed25519(seed) => pem::Block::new("PRIVATE KEY", pkcs8_of_seed(ED25519, seed)),
            Self::X25519(seed) => pem::Block::new("PRIVATE KEY", pkcs8_of_seed(X25519, seed)),
        }
    }

    /// `x509.MarshalPKCS8PrivateKey`.
    pub(super) fn to_pkcs8(&self) -> Result<Vec<u8>, Refused> {
        match self {
            Self::Rsa(key) => Ok(pkcs8(&der::algorithm(RSA, der::NULL), &key.to_pkcs1())),
            Self::Ec(key) => {
                let curve = der::element(der::OID, key.curve.oid());
                Ok(pkcs8(&der::algorithm(EC, &curve), &sec1(key, false)))
            }
            Self::Ed25519(seed) => Ok(pkcs8_of_seed(ED25519, seed)),
            Self::X25519(seed) => Ok(pkcs8_of_seed(X25519, seed)),
            Self::Dsa(_) => {
                Err(format!("x509: unknown key type while marshaling PKCS#8: {}", self.go_type()))
            }
        }
    }
}

fn generate_dsa(run: &mut Run<'_>) -> Result<PrivateKey, Fault> {
    run.spend(200_000)?;
    let mut chance = Chance::new(run)?;
    let Ok(components) = Components::try_generate_from_rng_with_key_size(&mut chance, KeySize::DSA_2048_256);
    let Ok(key) = dsa::SigningKey::try_generate_from_rng_with_components(&mut chance, components);
    let public = key.verifying_key();
    let [p, q, g] = [public.components().p().as_ref(), public.components().q(), public.components().g()];
    let numbers = [p, q, g, public.y(), key.x()].map(|number| der::number(&number.to_be_bytes()));
    Ok(PrivateKey::Dsa(der::sequence(&[&der::small(0), &numbers.concat()])))
}

fn generate_ec(run: &mut Run<'_>, curve: Curve) -> Result<PrivateKey, Fault> {
    run.spend(200)?;
    let scalar = curve.generate(&mut Chance::new(run)?);
    let point = curve.public(&scalar).map_err(|_| "failed to generate private key")?;
    Ok(PrivateKey::Ec(EcKey { curve, scalar, point }))
}

fn sec1(key: &EcKey, with_curve: bool) -> Vec<u8> {
    let curve = der::compound(context(0), &[&der::element(der::OID, key.curve.oid())]);
    der::sequence(&[
        &der::small(1),
        &der::element(der::OCTETS, &key.scalar),
        if with_curve { &curve } else { &[] },
        &der::compound(context(1), &[&der::bits(&key.point)]),
    ])
}

fn pkcs8(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::small(0), algorithm, &der::element(der::OCTETS, key)])
}

fn pkcs8_of_seed(oid: &[u8], seed: &[u8]) -> Vec<u8> {
    pkcs8(&der::algorithm(oid, &[]), &der::element(der::OCTETS, seed))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::super::read_key;
    use super::*;
    use crate::run::Env;

    /// Numbers from a counter: the same in each run, and good enough to find primes with.
    fn counting(count: &std::cell::Cell<u64>) -> impl Fn(&mut [u8]) + '_ {
        |buffer| {
            for chunk in buffer.chunks_mut(32) {
                count.set(count.get() + 1);
                chunk.copy_from_slice(&Sha256::digest(count.get().to_be_bytes())[..chunk.len()]);
            }
        }
    }

    #[test]
    fn every_kind_of_key_is_read_as_it_is_written() {
        let count = std::cell::Cell::new(0);
        let random = counting(&count);
        let env = Env { random: Some(&random), ..Env::default() };
        let mut run = Run::new(&env);
        let keys = [
            PrivateKey::generate_rsa(&mut run, 1024).unwrap(),
            generate_dsa(&mut run).unwrap(),
            generate_ec(&mut run, Curve::P256).unwrap(),
            generate_ec(&mut run, Curve::P224).unwrap(),
            PrivateKey::Ed25519([7; 32]),
            PrivateKey::X25519([7; 32]),
        ];
        for key in keys {
            let text = key.to_pem().encode();
            let read = read_key::from_pem(&mut run, &text).unwrap().unwrap();
            assert_eq!(read.to_pem().encode(), text);
            if let Ok(der) = key.to_pkcs8() {
                assert_eq!(read_key::any(&mut run, &der).unwrap().unwrap().to_pkcs8().unwrap(), der);
            }
        }
    }

    #[test]
    fn without_chance_there_is_no_key() {
        let env = Env::default();
        assert!(PrivateKey::generate_rsa(&mut Run::new(&env), 2048).is_err());
        assert!(generate_ec(&mut Run::new(&env), Curve::P256).is_err());
    }
}
