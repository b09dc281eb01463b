//! JSON web keys as `lestrrat-go/jwx` makes keys of them, with its error texts, turned into PEM.

use ed25519_dalek::VerifyingKey;
use ed25519_dalek::hazmat::ExpandedSecretKey;

use super::curve::Curve;
use super::der::{Refused, trimmed};
use super::pem;
use super::private_key::{EcKey, PrivateKey, PublicKey};
use super::rsa_key::RsaNumbers;
use super::web_key_read::WebKey;
use crate::error::Fault;
use crate::func::Func;
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("jwkPublicKeyPem", &[Type::String], Type::String, |run, args| {
        let key = WebKey::read(run, args.str(0)?)?;
        let info = key.to_public().map_err(|refused| key.fault(run, refused))?;
        Ok(Value::str(pem::encode("PUBLIC KEY", info)))
    }),
    Func::fixed("jwkPrivateKeyPem", &[Type::String], Type::String, |run, args| {
        let key = WebKey::read(run, args.str(0)?)?;
        key.pay(run)?;
        let info = key.to_private().map_err(|refused| key.fault(run, refused))?;
        Ok(Value::str(pem::encode("PRIVATE KEY", info)))
    }),
];

impl WebKey {
    /// Errors name the curve as it reads without JSON's escapes.
    fn fault(&self, run: &mut Run<'_>, refused: Refused) -> Fault {
        run.conceal(self.curve_name());
        refused.into()
    }

    /// The curve of an EC key.
    fn curve(&self) -> Result<Curve, Refused> {
        let name = self.curve_name();
        Curve::of_name(name)
            .ok_or_else(|| format!("failed to build public key: invalid curve algorithm {name}"))
    }

    /// The uncompressed point of an EC key.
    fn point(&self, curve: Curve) -> Result<Vec<u8>, Refused> {
        let mut point = vec![4];
        for name in ["x", "y"] {
            let bytes = trimmed(self.bytes(name));
            if curve.overflows(bytes) {
                return Err("overflowing coordinate".into());
            }
            point.resize(point.len() + curve.size() - bytes.len(), 0);
            point.extend(bytes);
        }
        Ok(point)
    }

    /// The name of the key's type in Go, after what Go checks when it makes one.
    fn go_type(&self) -> Result<&'static str, Refused> {
        let by_privacy = |names: [&'static str; 2]| names[usize::from(self.is_private)];
        Ok(match self.kind.name {
            "RSA" => by_privacy(["*rsa.PublicKey", "*rsa.PrivateKey"]),
            "EC" => {
                self.curve()?;
                by_privacy(["*ecdsa.PublicKey", "*ecdsa.PrivateKey"])
            }
            "OKP" => self.okp_type().map_err(|why| format!("failed to build public key: {why}"))?,
            _ => "[]uint8",
        })
    }

    fn okp_type(&self) -> Result<&'static str, Refused> {
        if self.is_private && self.bytes("d").is_empty() {
            return Err("cannot use empty seed".into());
        }
        Ok(match (self.curve_name(), self.is_private) {
            ("Ed25519", false) => "ed25519.PublicKey",
            ("Ed25519", true) => {
                self.ed25519_seed()?;
                "ed25519.PrivateKey"
            }
            ("X25519", false) => "x25519.PublicKey",
            ("X25519", true) => {
                self.check_x25519()?;
                "x25519.PrivateKey"
            }
            (name, _) => return Err(format!("invalid curve algorithm {name}")),
        })
    }

    /// `x509.MarshalPKIXPublicKey`.
    fn to_public(&self) -> Result<Vec<u8>, Refused> {
        let key = match self.go_type()? {
            "*rsa.PublicKey" => PublicKey::Rsa(self.bytes("n").to_vec(), self.exponent()),
            "*ecdsa.PublicKey" => {
                let curve = self.curve()?;
                let point = self.point(curve)?;
                curve.check(&point)?;
                PublicKey::Ec(curve, point)
            }
            "ed25519.PublicKey" => PublicKey::Ed25519(self.bytes("x").to_vec()),
            other => return Err(format!("x509: unsupported public key type: {other}")),
        };
        Ok(key.info())
    }

    /// `x509.MarshalPKCS8PrivateKey`.
    fn to_private(&self) -> Result<Vec<u8>, Refused> {
        let key = match self.go_type()? {
            "*rsa.PrivateKey" => self.rsa()?,
            "*ecdsa.PrivateKey" => self.ec().map_err(|refused| {
                format!("x509: failed to marshal EC private key while building PKCS#8: {refused}")
            })?,
            "ed25519.PrivateKey" => PrivateKey::Ed25519(self.ed25519_seed()?),
            other => return Err(format!("x509: unknown key type while marshaling PKCS#8: {other}")),
        };
        key.to_pkcs8()
    }

    /// Pays for what is computed to see whether the numbers of a private key fit each other.
    fn pay(&self, run: &mut Run<'_>) -> Result<(), Fault> {
        run.spend(if self.kind.name == "RSA" { self.with_numbers(|numbers| numbers.steps()) } else { 0 })
    }

    /// The exponent of an RSA key. Go keeps its last 64 bits.
    fn exponent(&self) -> i64 {
        self.bytes("e").iter().fold(0, |number, byte| number << 8 | i64::from(*byte))
    }

    /// What comes of the numbers of an RSA key.
    fn with_numbers<T>(&self, of: impl FnOnce(RsaNumbers<'_>) -> T) -> T {
        let [n, d, p, q] = ["n", "d", "p", "q"].map(|name| self.bytes(name));
        let remainders = ["dp", "dq", "qi"].map(|name| self.bytes(name));
        let are_given = remainders.iter().all(|number| !number.is_empty());
        let remainders = are_given.then_some(remainders);
        of(RsaNumbers { n, e: self.exponent(), d, primes: vec![p, q], remainders })
    }

    fn rsa(&self) -> Result<PrivateKey, Refused> {
        let key = self.with_numbers(|numbers| numbers.key())?;
        Ok(PrivateKey::Rsa(Box::new(key)))
    }

    fn ec(&self) -> Result<PrivateKey, Refused> {
        let curve = self.curve()?;
        let point = self.point(curve)?;
        let bytes = trimmed(self.bytes("d"));
        if curve.overflows(bytes) {
            return Err("ecdsa: private key scalar too large".into());
        }
        if bytes.is_empty() {
            return Err("ecdsa: private key scalar is zero or negative".into());
        }
        curve.check(&point)?;
        let scalar = [&vec![0; curve.size() - bytes.len()][..], bytes].concat();
        curve.public(&scalar).map_err(|_| "input overflows the modulus")?;
        Ok(PrivateKey::Ec(EcKey { curve, scalar, point }))
    }

    /// The seed of an Ed25519 key whose public key is the right one.
    fn ed25519_seed(&self) -> Result<[u8; 32], Refused> {
        let seed = self.bytes("d").try_into().map_err(|_| "wrong private key size")?;
        match PrivateKey::Ed25519(seed).public() {
            Ok(public) if public.bits() == self.bytes("x") => Ok(seed),
            _ => Err("invalid x value given d value".into()),
        }
    }

    /// That the public key of an X25519 key is the right one.
    fn check_x25519(&self) -> Result<(), Refused> {
        let seed = self.bytes("d");
        let seed = seed.try_into().map_err(|_| {
            let len = seed.len();
            format!("unable to construct x25519 private key from seed: unexpected seed size: {len}")
        })?;
        if x25519_public(seed) != *self.bytes("x") {
            return Err("invalid x value given d value".into());
        }
        Ok(())
    }
}

/// The public key of an X25519 seed: the point of the Edwards curve that the seed gives, on Montgomery's curve.
fn x25519_public(seed: &[u8; 32]) -> [u8; 32] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(seed);
    let key = VerifyingKey::from(&ExpandedSecretKey::from_bytes(&bytes));
    key.to_montgomery().to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::func::Args;
    use crate::run::Env;

    fn refusal(text: &str) -> String {
        let env = Env::default();
        let read = WebKey::read(&mut Run::new(&env), text.as_bytes());
        read.and_then(|key| Ok(key.to_private()?)).unwrap_err().to_string()
    }

    #[test]
    fn a_seed_must_fit_its_public_key() {
        let key =
            r#"{"kty":"OKP","crv":"Ed25519","x":"AQ","d":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}"#;
        assert_eq!(refusal(key), "failed to build public key: invalid x value given d value");
    }

    #[test]
    fn a_long_modulus_is_paid_for_before_it_is_looked_at() {
        let n = "_".repeat(2730);
        let key: Value =
            format!(r#"{{"kty":"RSA","n":"{n}","e":"Aw","d":"{n}","p":"{n}","q":"{n}"}}"#).into();
        let limits = crate::run::Limits { steps: 500_000, ..Default::default() };
        let env = Env { limits, ..Env::default() };
        let fault = ROWS[1].call(&mut Run::new(&env), Args::new(&[key])).unwrap_err();
        assert!(fault.wants_steps());
    }

    #[test]
    fn coordinates_fit_the_curve() {
        let long = "A".repeat(2) + &"_".repeat(44);
        let key = format!(r#"{{"kty":"EC","crv":"P-256","x":"{long}","y":"AQ","d":"AQ"}}"#);
        assert!(refusal(&key).ends_with("building PKCS#8: overflowing coordinate"), "{}", refusal(&key));
    }
}
