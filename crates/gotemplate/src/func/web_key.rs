//! JSON web keys as `lestrrat-go/jwx` reads them, with its error texts, turned into PEM.

use serde_json::error::Category;
use serde_json::{Map, Value as Json};

use super::curve::Curve;
use super::der::{Refused, trimmed};
use super::encoding::Base64;
use super::pem;
use super::private_key::{EcKey, PrivateKey, PublicKey};
use super::rsa_key::RsaNumbers;
use crate::error::Fault;
use crate::func::{Args, Func};
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("jwkPublicKeyPem", &[Type::String], Type::String, |run, args| {
        let key = read(run, args)?;
        let info = key.to_public().map_err(|refused| key.fault(run, refused))?;
        Ok(Value::str(pem::encode("PUBLIC KEY", info)))
    }),
    Func::fixed("jwkPrivateKeyPem", &[Type::String], Type::String, |run, args| {
        let key = read(run, args)?;
        key.pay(run)?;
        let info = key.to_private().map_err(|refused| key.fault(run, refused))?;
        Ok(Value::str(pem::encode("PRIVATE KEY", info)))
    }),
];

/// More bytes than any key has.
const MAX_BYTES: usize = 1 << 20;

/// The types of keys: `kty`, Go's types without and with `d`, the fields that it must have, and those that hold bytes.
struct Kind {
    name: &'static str,
    go_types: [&'static str; 2],
    required: &'static [&'static str],
    bytes: &'static [&'static str],
}

static KINDS: &[Kind] = &[
    Kind {
        name: "RSA",
        go_types: ["rsaPublicKey", "rsaPrivateKey"],
        required: &["e", "n"],
        bytes: &["d", "dp", "dq", "e", "n", "p", "q", "qi"],
    },
    Kind {
        name: "EC",
        go_types: ["ecdsaPublicKey", "ecdsaPrivateKey"],
        required: &["crv", "x", "y"],
        bytes: &["d", "x", "y"],
    },
    Kind {
        name: "OKP",
        go_types: ["okpPublicKey", "okpPrivateKey"],
        required: &["crv", "x"],
        bytes: &["d", "x"],
    },
    Kind { name: "oct", go_types: ["symmetricKey"; 2], required: &["k"], bytes: &["k"] },
];

/// Fields that hold text in every key.
const TEXTS: &[&str] = &["alg", "crv", "kid", "use", "x5t", "x5t#S256", "x5u"];

/// A key as it stands in JSON, its fields checked.
struct WebKey {
    kind: &'static Kind,
    is_private: bool,
    fields: Map<String, Json>,
}

/// What Go says of a value that should have been another.
fn mismatch(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn read(run: &mut Run<'_>, args: Args<'_>) -> Result<WebKey, Fault> {
    let text = args.str(0)?;
    if text.len() > MAX_BYTES {
        return Err(Fault::limit(format!("a JSON web key of more than {MAX_BYTES} bytes")));
    }
    run.spend(5_000)?;
    let failed = |reason: String| Fault::new(format!("failed to unmarshal JSON into key hint: {reason}"));
    let fields = match serde_json::from_slice(text) {
        Ok(Json::Object(fields)) => fields,
        Ok(Json::Null) => Map::new(),
        Ok(other) => {
            let wanted = r#"struct { Kty string "json:\"kty\""; D json.RawMessage "json:\"d\"" }"#;
            let got = mismatch(&other);
            return Err(failed(format!("json: cannot unmarshal {got} into Go value of type {wanted}")));
        }
        Err(error) => return Err(failed(syntax(text, &error))),
    };
    let name = match fields.get("kty") {
        None | Some(Json::Null) => "",
        Some(Json::String(name)) => name,
        Some(other) => {
            let got = mismatch(other);
            return Err(failed(format!(
                "json: cannot unmarshal {got} into Go struct field .kty of type string"
            )));
        }
    };
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| {
        run.conceal(name);
        format!("invalid key type from JSON ({name})")
    })?;
    let key = WebKey { kind, is_private: fields.contains_key("d"), fields };
    let go_type = kind.go_types[usize::from(key.is_private)];
    key.check()
        .map_err(|refused| format!("failed to unmarshal JSON into key (*jwk.{go_type}): {refused}"))?;
    Ok(key)
}

/// Go's words for text that is no JSON, as far as they depend on where it goes wrong alone.
fn syntax(text: &[u8], error: &serde_json::Error) -> String {
    if text.trim_ascii().is_empty() {
        return "EOF".into();
    }
    if error.classify() == Category::Eof {
        return "unexpected EOF".into();
    }
    let line = text.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let wrong = line.get(error.column().saturating_sub(1)).copied().unwrap_or_default();
    format!("invalid character {:?} looking for beginning of value", char::from(wrong))
}

impl WebKey {
    fn check(&self) -> Result<(), Refused> {
        self.fields.iter().try_for_each(|(name, value)| self.check_field(name, value))?;
        match self.kind.required.iter().find(|name| !self.fields.contains_key(**name)) {
            None => Ok(()),
            Some(name) => Err(format!("required field {name} is missing")),
        }
    }

    /// Fields that nobody knows may be anything.
    fn check_field(&self, name: &str, value: &Json) -> Result<(), Refused> {
        let is_text = TEXTS.contains(&name);
        if !is_text && !self.kind.bytes.contains(&name) {
            return Ok(());
        }
        let failed = |reason: &str| Err(format!("failed to decode value for key {name}: {reason}"));
        if !matches!(value, Json::String(_) | Json::Null) {
            let read = if name == "alg" { "" } else { "error reading next value: " };
            let got = mismatch(value);
            return failed(&format!("{read}json: cannot unmarshal {got} into Go value of type string"));
        }
        if !is_text && self.decoded(name).is_none() {
            return failed("expected base64 encoded []byte (string)");
        }
        Ok(())
    }

    /// Errors name the curve as it reads without JSON's escapes.
    fn fault(&self, run: &mut Run<'_>, refused: Refused) -> Fault {
        run.conceal(self.text("crv"));
        refused.into()
    }

    fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Json::as_str).unwrap_or_default()
    }

    /// Which base64 it is the text itself tells.
    fn decoded(&self, name: &str) -> Option<Vec<u8>> {
        let text = self.text(name).as_bytes();
        let url = !text.iter().any(|byte| matches!(byte, b'+' | b'/'));
        Base64 { url, padded: text.ends_with(b"=") }.decode(text).ok()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        self.decoded(name).unwrap_or_default()
    }

    /// The curve of an EC key.
    fn curve(&self) -> Result<Curve, Refused> {
        let name = self.text("crv");
        Curve::of_name(name)
            .ok_or_else(|| format!("failed to build public key: invalid curve algorithm {name}"))
    }

    /// The uncompressed point of an EC key.
    fn point(&self, curve: Curve) -> Result<Vec<u8>, Refused> {
        let mut point = vec![4];
        for name in ["x", "y"] {
            let bytes = self.bytes(name);
            let bytes = trimmed(&bytes);
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
        Ok(match (self.kind.name, self.text("crv")) {
            ("RSA", _) => by_privacy(["*rsa.PublicKey", "*rsa.PrivateKey"]),
            ("EC", _) => {
                self.curve()?;
                by_privacy(["*ecdsa.PublicKey", "*ecdsa.PrivateKey"])
            }
            ("OKP", "Ed25519") => by_privacy(["ed25519.PublicKey", "ed25519.PrivateKey"]),
            ("OKP", "X25519") => by_privacy(["x25519.PublicKey", "x25519.PrivateKey"]),
            ("OKP", name) => {
                return Err(format!("failed to build public key: invalid curve algorithm {name}"));
            }
            _ => "[]uint8",
        })
    }

    /// `x509.MarshalPKIXPublicKey`.
    fn to_public(&self) -> Result<Vec<u8>, Refused> {
        let key = match self.go_type()? {
            "*rsa.PublicKey" => PublicKey::Rsa(self.bytes("n"), self.exponent()),
            "*ecdsa.PublicKey" => {
                let curve = self.curve()?;
                let point = self.point(curve)?;
                curve.check(&point)?;
                PublicKey::Ec(curve, point)
            }
            "ed25519.PublicKey" => PublicKey::Ed25519(self.bytes("x")),
            "ed25519.PrivateKey" => {
                self.seed()?;
                return Err("x509: unsupported public key type: ed25519.PrivateKey".into());
            }
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
            "ed25519.PrivateKey" => PrivateKey::Ed25519(self.seed()?),
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
        let remainders = are_given.then(|| remainders.each_ref().map(Vec::as_slice));
        of(RsaNumbers { n: &n, e: self.exponent(), d: &d, primes: vec![&p, &q], remainders })
    }

    fn rsa(&self) -> Result<PrivateKey, Refused> {
        let key = self.with_numbers(|numbers| numbers.key())?;
        Ok(PrivateKey::Rsa(Box::new(key)))
    }

    fn ec(&self) -> Result<PrivateKey, Refused> {
        let curve = self.curve()?;
        let point = self.point(curve)?;
        let bytes = self.bytes("d");
        let bytes = trimmed(&bytes);
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
    fn seed(&self) -> Result<[u8; 32], Refused> {
        let failed = |reason: &str| format!("failed to build public key: {reason}");
        let seed = self.bytes("d");
        if seed.is_empty() {
            return Err(failed("cannot use empty seed"));
        }
        let seed = seed.try_into().map_err(|_| failed("wrong private key size"))?;
        match PrivateKey::Ed25519(seed).public() {
            Ok(public) if public.bits() == self.bytes("x") => Ok(seed),
            _ => Err(failed("invalid x value given d value")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    fn refusal(text: &str) -> String {
        let env = Env::default();
        let read = read(&mut Run::new(&env), Args::new(&[text.into()]));
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
