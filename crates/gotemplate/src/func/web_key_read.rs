//! The fields of JSON web keys, read as `lestrrat-go/jwx` reads them with `encoding/json`, with its error texts.

use super::cast::parse_float;
use super::der::Refused;
use super::encoding::Base64;
use super::json_read::no_float;
use super::json_text::{JsonText, Members, Syntax};
use crate::error::Fault;
use crate::run::Run;

/// More bytes than any key has.
const MAX_BYTES: usize = 1 << 20;

/// A type of keys: `kty`, and what its public and its private keys are in Go.
pub(super) struct Kind {
    pub(super) name: &'static str,
    shapes: [Shape; 2],
}

/// Go's type, the fields that it must have, and those that hold bytes.
struct Shape {
    go_type: &'static str,
    required: &'static [&'static str],
    bytes: &'static [&'static str],
}

const SYMMETRIC: Shape = Shape { go_type: "symmetricKey", required: &["k"], bytes: &["k"] };

static KINDS: &[Kind] = &[
    Kind {
        name: "RSA",
        shapes: [
            Shape { go_type: "rsaPublicKey", required: &["e", "n"], bytes: &["e", "n"] },
            Shape {
                go_type: "rsaPrivateKey",
                required: &["d", "e", "n"],
                bytes: &["d", "dp", "dq", "e", "n", "p", "q", "qi"],
            },
        ],
    },
    Kind {
        name: "EC",
        shapes: [
            Shape { go_type: "ecdsaPublicKey", required: &["crv", "x", "y"], bytes: &["x", "y"] },
            Shape { go_type: "ecdsaPrivateKey", required: &["crv", "d", "x", "y"], bytes: &["d", "x", "y"] },
        ],
    },
    Kind {
        name: "OKP",
        shapes: [
            Shape { go_type: "okpPublicKey", required: &["crv", "x"], bytes: &["x"] },
            Shape { go_type: "okpPrivateKey", required: &["crv", "d", "x"], bytes: &["d", "x"] },
        ],
    },
    Kind { name: "oct", shapes: [SYMMETRIC, SYMMETRIC] },
];

/// A key as it stands in JSON.
pub(super) struct WebKey {
    pub(super) kind: &'static Kind,
    pub(super) is_private: bool,
    curve: Option<String>,
    bytes: Vec<(&'static str, Vec<u8>)>,
}

impl WebKey {
    pub(super) fn read(run: &mut Run<'_>, text: &[u8]) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            return Err(Fault::limit(format!("a JSON web key of more than {MAX_BYTES} bytes")));
        }
        run.spend(5_000)?;
        let hint =
            Hint::read(text).map_err(|why| format!("failed to unmarshal JSON into key hint: {why}"))?;
        let kind = KINDS.iter().find(|kind| kind.name == hint.name).ok_or_else(|| {
            run.conceal(&*hint.name);
            format!("invalid key type from JSON ({})", hint.name)
        })?;
        let mut key = Self { kind, is_private: hint.is_private, curve: None, bytes: Vec::new() };
        let go_type = key.shape().go_type;
        key.read_fields(run, text)
            .map_err(|why| format!("failed to unmarshal JSON into key (*jwk.{go_type}): {why}"))?;
        Ok(key)
    }

    fn shape(&self) -> &'static Shape {
        &self.kind.shapes[usize::from(self.is_private)]
    }

    /// The name of its curve; empty if it has none.
    pub(super) fn curve_name(&self) -> &str {
        self.curve.as_deref().unwrap_or_default()
    }

    /// What a field holds; nothing if it is not there.
    pub(super) fn bytes(&self, name: &str) -> &[u8] {
        let field = self.bytes.iter().find(|(field, _)| *field == name);
        field.map_or(&[], |(_, bytes)| bytes)
    }

    fn has(&self, name: &str) -> bool {
        if name == "crv" { self.curve.is_some() } else { self.bytes.iter().any(|(field, _)| *field == name) }
    }

    /// The fields in their order. Of those with the same name the last one counts, but all must be right.
    fn read_fields(&mut self, run: &mut Run<'_>, text: &[u8]) -> Result<(), Refused> {
        let mut json = JsonText::new(text);
        json.skip_space();
        let mut members = Members::new(&mut json);
        while let Some((name, value)) = members.next().map_err(|Syntax(why)| why)? {
            self.read_field(run, &String::from_utf8_lossy(&name), value)?;
        }
        match self.shape().required.iter().find(|name| !self.has(name)) {
            None => Ok(()),
            Some(name) => Err(format!("required field {name} is missing")),
        }
    }

    fn read_field(&mut self, run: &mut Run<'_>, name: &str, value: &[u8]) -> Result<(), Refused> {
        let failed = |why: Refused| format!("failed to decode value for key {name}: {why}");
        let next = |why: Refused| format!("error reading next value: {why}");
        let shape = self.shape();
        match name {
            "kty" => {
                let kind =
                    string(value, "string").map_err(|why| format!("error reading token: {}", next(why)))?;
                self.check_kind(run, kind)
            }
            "alg" => string(value, "string").map(drop).map_err(failed),
            "crv" if shape.required.contains(&name) => {
                self.curve = Some(string(value, "jwa.EllipticCurveAlgorithm").map_err(failed)?);
                Ok(())
            }
            "kid" | "use" | "x5t" | "x5t#S256" | "x5u" => {
                string(value, "string").map(drop).map_err(|why| failed(next(why)))
            }
            "key_ops" => strings(value, "jwk.KeyOperationList", "jwk.KeyOperation").map_err(failed),
            "x5c" => strings(value, "[]string", "string")
                .map_err(|why| failed(format!("failed to unmarshal certificate chain: {why}"))),
            _ => match shape.bytes.iter().find(|field| **field == name) {
                Some(field) => {
                    let text = string(value, "string").map_err(|why| failed(next(why)))?;
                    let decoded = decoded(&text);
                    let bytes =
                        decoded.ok_or_else(|| failed("expected base64 encoded []byte (string)".into()))?;
                    self.bytes.retain(|(other, _)| other != field);
                    self.bytes.push((field, bytes));
                    Ok(())
                }
                None => anything(run, name, value),
            },
        }
    }

    fn check_kind(&self, run: &mut Run<'_>, name: String) -> Result<(), Refused> {
        if name == self.kind.name {
            return Ok(());
        }
        let refused = format!("invalid kty value for RSAPublicKey ({name})");
        run.conceal(name);
        Err(refused)
    }
}

/// What Go looks at before it knows what type of key it reads.
#[derive(Default)]
struct Hint {
    name: String,
    is_private: bool,
}

impl Hint {
    /// Reads all of the value, and nothing behind it.
    fn read(text: &[u8]) -> Result<Self, Refused> {
        let mut json = JsonText::new(text);
        match Self::of_value(&mut json) {
            Ok(hint) => hint,
            Err(Syntax(why)) if !json.is_at_end() => Err(why),
            Err(_) if text.trim_ascii().is_empty() => Err("EOF".into()),
            Err(_) => Err("unexpected EOF".into()),
        }
    }

    fn of_value(json: &mut JsonText<'_>) -> Result<Result<Self, Refused>, Syntax> {
        if json.next()? == b'{' {
            return Self::of_object(Members::new(json));
        }
        Ok(match mismatch(json.skip(0, &mut |_| ())?) {
            "null" => Ok(Self::default()),
            got => {
                let wanted = r#"struct { Kty string "json:\"kty\""; D json.RawMessage "json:\"d\"" }"#;
                Err(format!("json: cannot unmarshal {got} into Go value of type {wanted}"))
            }
        })
    }

    /// Names may be in any case here. Of the errors in values the first one counts, and one in the syntax more.
    fn of_object(mut members: Members<'_, '_>) -> Result<Result<Self, Refused>, Syntax> {
        let mut hint = Self::default();
        let mut refused = None;
        while let Some((name, value)) = members.next()? {
            match &*folded(&name) {
                b"d" => hint.is_private = true,
                b"kty" => match mismatch(value) {
                    "null" => {}
                    "string" => hint.name = string(value, "string").unwrap_or_default(),
                    got => {
                        let why =
                            format!("json: cannot unmarshal {got} into Go struct field .kty of type string");
                        refused.get_or_insert(why);
                    }
                },
                _ => {}
            }
        }
        Ok(refused.map_or(Ok(hint), Err))
    }
}

/// A name by which `encoding/json` finds a field. The sign for kelvin is a `k` to it.
fn folded(name: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(name).replace('\u{212a}', "k").to_ascii_lowercase().into_bytes()
}

/// What Go says of a value that should have been another.
fn mismatch(value: &[u8]) -> &'static str {
    match value.first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "bool",
        Some(b'n') => "null",
        _ => "number",
    }
}

fn refusal(value: &[u8], go_type: &str) -> Refused {
    format!("json: cannot unmarshal {} into Go value of type {go_type}", mismatch(value))
}

/// A string; `null` is an empty one.
fn string(value: &[u8], go_type: &str) -> Result<String, Refused> {
    match mismatch(value) {
        "null" => Ok(String::new()),
        "string" => {
            let text = JsonText::new(value).string().map_err(|Syntax(why)| why)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        _ => Err(refusal(value, go_type)),
    }
}

/// A list of strings; `null` is an empty one.
fn strings(value: &[u8], go_type: &str, item_type: &str) -> Result<(), Refused> {
    match mismatch(value) {
        "null" => Ok(()),
        "array" => items(value, item_type).map_err(|Syntax(why)| why)?,
        _ => Err(refusal(value, go_type)),
    }
}

fn items(list: &[u8], go_type: &str) -> Result<Result<(), Refused>, Syntax> {
    let mut json = JsonText::new(list);
    json.step();
    let mut has_more = !json.is_empty(b']')?;
    while has_more {
        let item = json.skip(1, &mut |_| ())?;
        if !matches!(mismatch(item), "string" | "null") {
            return Ok(Err(refusal(item, go_type)));
        }
        has_more = json.more(b']')?;
    }
    Ok(Ok(()))
}

/// A field that nobody knows may be anything, but its numbers become floats.
fn anything(run: &mut Run<'_>, name: &str, value: &[u8]) -> Result<(), Refused> {
    let mut too_large = None;
    let mut check = |number: &[u8]| {
        let number = String::from_utf8_lossy(number);
        if too_large.is_none() && parse_float(&number).is_none() {
            too_large = Some(number.into_owned());
        }
    };
    JsonText::new(value).skip(1, &mut check).map_err(|Syntax(why)| why)?;
    let Some(number) = too_large else { return Ok(()) };
    let why = no_float(&number);
    run.conceal(number);
    run.conceal(name);
    Err(format!("could not decode field {name}: failed to decode field {name}: {why}"))
}

/// Which base64 it is the text itself tells.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let url = !text.contains(['+', '/']);
    Base64 { url, padded: text.ends_with('=') }.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    fn refusal_of(text: &str) -> String {
        let env = Env::default();
        WebKey::read(&mut Run::new(&env), text.as_bytes())
            .err()
            .map_or_else(String::new, |why| why.to_string())
    }

    #[test]
    fn all_of_the_text_is_looked_at_before_any_field() {
        for (text, want) in [
            (" ", "EOF"),
            ("{\"kty\":1", "unexpected EOF"),
            ("{\"kty\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("{\"kty\":1,\"a\":\"\0\"}", "invalid character '\\x00' in string literal"),
            ("{\"kty\":1} x", "json: cannot unmarshal number into Go struct field .kty of type string"),
        ] {
            assert_eq!(refusal_of(text), format!("failed to unmarshal JSON into key hint: {want}"), "{text}");
        }
    }

    #[test]
    fn the_type_may_have_its_name_in_any_case() {
        for name in ["kty", "KTY", "\\u212atY"] {
            let text = format!(r#"{{"{name}":"RSA","n":"AQ","e":"AQ"}}"#);
            assert_eq!(refusal_of(&text), "");
        }
    }

    #[test]
    fn the_first_field_that_is_wrong_is_told() {
        let failed = |text: &str| refusal_of(text).rsplit(": ").next().unwrap_or_default().to_owned();
        let text = r#"{"kty":"RSA","n":"!","e":1}"#;
        assert_eq!(failed(text), "expected base64 encoded []byte (string)");
        let text = r#"{"kty":"RSA","e":1,"n":"!"}"#;
        assert_eq!(
            failed(text),
            "json: cannot unmarshal number into Go value of type string".rsplit(": ").next().unwrap()
        );
    }
}
