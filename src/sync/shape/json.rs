//! JSON as ESO's Go code takes it apart and puts it together again, byte for byte.
//!
//! Two renderings exist, and which one a store has is data ([`Capabilities`](keyferry_stores::provider::Capabilities)): most stores keep
//! a field's value as the raw text it had ([`raw_field`]); Vault and the merge rewrite decode it first ([`Json::render`]), which makes
//! every number a float. `serde_json`'s own numbers are not used: without its slower float mode they differ in the last digit.

use std::collections::BTreeMap;

use keyferry_stores::base::{Error, Kind, Result, SecretBytes};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Deserializer;
use zeroize::Zeroizing;

/// Deeper values are refused, so that no value can exhaust the stack.
const DEPTH: usize = 128;

/// The refusal of a value that is not a JSON object. ESO's text without the excerpt that Go's decoder adds.
pub(crate) fn not_an_object() -> Error {
    Error::new(Kind::Malformed, "unable to unmarshal secret: the value is not a JSON object")
}

/// True if `value` is JSON.
pub(super) fn is_json(value: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(value).is_ok()
}

/// The members of a JSON object with the raw text of each value; of equal names the last wins. `null` has no members, as in Go.
///
/// # Errors
/// `Malformed` if `value` is anything else.
pub(super) fn object(value: &[u8]) -> Result<BTreeMap<String, &str>> {
    let text =
        std::str::from_utf8(value).ok().filter(|text| is_json(text.as_bytes())).ok_or_else(not_an_object)?;
    let text = trim(text);
    if text == "null" {
        return Ok(BTreeMap::new());
    }
    members(text).ok_or_else(not_an_object)
}

/// The bytes of a member as most stores render it: a string without its quotes, `null` as nothing, anything else as it stood.
///
/// # Errors
/// `Malformed` if a string holds half of a surrogate pair.
pub(super) fn raw_field(raw: &str) -> Result<SecretBytes> {
    match raw.as_bytes().first() {
        Some(b'"') => Ok(SecretBytes::from(string(raw)?)),
        Some(b'n') => Ok(SecretBytes::from("")),
        Some(_) | None => Ok(SecretBytes::from(raw)),
    }
}

/// The bytes of a member as a decoding store renders it.
///
/// # Errors
/// `Malformed` if the value is nested too deep or a number has no float.
pub(super) fn decoded_field(raw: &str) -> Result<SecretBytes> {
    Ok(Json::parse(raw)?.render())
}

/// One JSON object of named byte fields: keys sorted, no HTML escaping, bytes that are not UTF-8 as `\ufffd`.
pub(super) fn of_fields(fields: &BTreeMap<String, SecretBytes>) -> SecretBytes {
    let mut out = Zeroizing::new(String::new());
    for (i, (key, value)) in fields.iter().enumerate() {
        out.push(separator(i, '{'));
        quote(key.as_bytes(), false, &mut out);
        out.push(':');
        quote(value.expose(), false, &mut out);
    }
    out.push_str(if fields.is_empty() { "{}" } else { "}" });
    secret(&out)
}

/// A decoded value. Text is wiped on drop.
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(Zeroizing<String>),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Decodes one value. `raw` must be valid JSON: it is a part of what [`object`] gave.
    ///
    /// # Errors
    /// `Malformed` if the value is nested too deep or a number has no float.
    pub(super) fn parse(raw: &str) -> Result<Self> {
        Self::nested(trim(raw), DEPTH)
    }

    fn nested(raw: &str, depth: usize) -> Result<Self> {
        let malformed = || {
            Error::new(
                Kind::Malformed,
                "unable to unmarshal secret: a value is nested too deep or a number is too large",
            )
        };
        let depth = depth.checked_sub(1).ok_or_else(malformed)?;
        Ok(match raw.as_bytes().first() {
            Some(b'{') => {
                let members = members(raw).ok_or_else(malformed)?;
                let members = members.into_iter().map(|(key, value)| Ok((key, Self::nested(value, depth)?)));
                Self::Object(members.collect::<Result<_>>()?)
            }
            Some(b'[') => {
                let elements = elements(raw).ok_or_else(malformed)?;
                Self::List(
                    elements.into_iter().map(|value| Self::nested(value, depth)).collect::<Result<_>>()?,
                )
            }
            Some(b'"') => Self::Text(Zeroizing::new(string(raw)?)),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            Some(_) | None => {
                let number = raw.parse::<f64>().ok().filter(|number| number.is_finite());
                Self::Number(number.ok_or_else(malformed)?)
            }
        })
    }

    /// The bytes of a top-level value: text raw, a number in decimals without exponent, `null` as nothing, lists and objects as
    /// compact JSON with `<`, `>` and `&` escaped.
    pub(super) fn render(&self) -> SecretBytes {
        match self {
            Self::Null => SecretBytes::from(""),
            Self::Bool(value) => SecretBytes::from(value.to_string()),
            Self::Number(number) => SecretBytes::from(number.to_string()),
            Self::Text(text) => SecretBytes::from(text.as_str()),
            Self::List(_) | Self::Object(_) => self.marshal(true),
        }
    }

    /// Compact JSON as Go's encoder writes it, keys sorted.
    pub(super) fn marshal(&self, escape_html: bool) -> SecretBytes {
        let mut out = Zeroizing::new(String::new());
        self.write(escape_html, &mut out);
        secret(&out)
    }

    fn write(&self, escape_html: bool, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(number) => out.push_str(&float(*number)),
            Self::Text(text) => quote(text.as_bytes(), escape_html, out),
            Self::List(values) => {
                for (i, value) in values.iter().enumerate() {
                    out.push(separator(i, '['));
                    value.write(escape_html, out);
                }
                out.push_str(if values.is_empty() { "[]" } else { "]" });
            }
            Self::Object(members) => {
                for (i, (key, value)) in members.iter().enumerate() {
                    out.push(separator(i, '{'));
                    quote(key.as_bytes(), escape_html, out);
                    out.push(':');
                    value.write(escape_html, out);
                }
                out.push_str(if members.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

/// What stands before the i-th member.
const fn separator(i: usize, open: char) -> char {
    if i == 0 { open } else { ',' }
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::from(text)
}

/// A number within JSON, as Go's encoder writes it: an exponent below 1e-6 and from 1e21.
fn float(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        return if size < 1.0 { text } else { text.replace('e', "e+") };
    }
    number.to_string()
}

/// Writes a JSON string as Go's encoder does.
fn quote(bytes: &[u8], escape_html: bool, out: &mut String) {
    out.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| escape(c, escape_html, out));
        chunk.invalid().iter().for_each(|_| out.push_str("\\ufffd"));
    }
    out.push('"');
}

fn escape(c: char, escape_html: bool, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        '<' | '>' | '&' if escape_html => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        other => out.push(other),
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\n', '\t', '\r'])
}

fn string(raw: &str) -> Result<String> {
    serde_json::from_str(raw)
        .map_err(|_| Error::new(Kind::Malformed, "unable to unmarshal secret: a string is not text"))
}

/// Takes one value off the front: the value as `T` and the text behind it.
fn value<T: DeserializeOwned>(text: &str) -> Option<(T, &str)> {
    let mut stream = Deserializer::from_str(text).into_iter::<T>();
    let value = stream.next()?.ok()?;
    Some((value, &text[stream.byte_offset()..]))
}

/// Takes one value off the front: its raw text and the text behind it.
fn raw(text: &str) -> Option<(&str, &str)> {
    let text = trim(text);
    let (_, rest) = value::<IgnoredAny>(text)?;
    Some((&text[..text.len() - rest.len()], trim(rest)))
}

fn members(text: &str) -> Option<BTreeMap<String, &str>> {
    let mut rest = trim(text.strip_prefix('{')?.strip_suffix('}')?);
    let mut members = BTreeMap::new();
    while !rest.is_empty() {
        let (key, after) = value::<String>(rest)?;
        let (raw, after) = raw(trim(after).strip_prefix(':')?)?;
        members.insert(key, raw);
        rest = trim(after.strip_prefix(',').unwrap_or(after));
    }
    Some(members)
}

fn elements(text: &str) -> Option<Vec<&str>> {
    let mut rest = trim(text.strip_prefix('[')?.strip_suffix(']')?);
    let mut elements = Vec::new();
    while !rest.is_empty() {
        let (raw, after) = raw(rest)?;
        elements.push(raw);
        rest = trim(after.strip_prefix(',').unwrap_or(after));
    }
    Some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &SecretBytes) -> &str {
        bytes.expose_str().unwrap()
    }

    const TYPES: &str = r#" {"str": "s", "int": 7, "exp": 1e+21, "small": 1e-06, "big": 12345678901234567890, "t": true,
        "nil": null, "obj": {"b": 1, "a": "<x>"}, "arr": [1, "2", null], "uni": "\u00fc", "emp": ""} "#;

    #[test]
    fn most_stores_keep_the_text_of_a_value() {
        let expected = [
            ("arr", r#"[1, "2", null]"#),
            ("big", "12345678901234567890"),
            ("emp", ""),
            ("exp", "1e+21"),
            ("int", "7"),
            ("nil", ""),
            ("obj", r#"{"b": 1, "a": "<x>"}"#),
            ("small", "1e-06"),
            ("str", "s"),
            ("t", "true"),
            ("uni", "ü"),
        ];
        let object = object(TYPES.as_bytes()).unwrap();
        let rendered: Vec<_> =
            object.iter().map(|(key, raw)| (key.as_str(), raw_field(raw).unwrap())).collect();
        let rendered: Vec<_> = rendered.iter().map(|(key, value)| (*key, text(value))).collect();
        assert_eq!(rendered, expected);
    }

    #[test]
    fn a_decoding_store_renders_as_go() {
        let cases = [
            ("7", "7"),
            ("1e+21", "1000000000000000000000"),
            ("1e-7", "0.0000001"),
            ("12345678901234567890", "12345678901234567000"),
            ("1.50", "1.5"),
            ("true", "true"),
            ("null", ""),
            (r#""<a>""#, "<a>"),
            (
                r#"{"b": 1e21, "a": ["<&>", 1e-7, 0.000001, null, -0.5, 1.0], "c": {}, "d": []}"#,
                "{\"a\":[\"\\u003c\\u0026\\u003e\",1e-7,0.000001,null,-0.5,1],\"b\":1e+21,\"c\":{},\"d\":[]}",
            ),
        ];
        for (raw, rendered) in cases {
            assert_eq!(text(&decoded_field(raw).unwrap()), rendered, "{raw}");
        }
    }

    #[test]
    fn fields_become_an_object_of_strings() {
        let fields = BTreeMap::from([
            ("b".to_string(), SecretBytes::from(r#"{"c":"<x>"}"#)),
            ("a".to_string(), SecretBytes::new(b"1\xff\n\x01\x08".to_vec())),
        ]);
        assert_eq!(text(&of_fields(&fields)), r#"{"a":"1\ufffd\n\u0001\b","b":"{\"c\":\"<x>\"}"}"#);
        assert_eq!(text(&of_fields(&BTreeMap::new())), "{}");
    }

    #[test]
    fn only_an_object_has_members() {
        for value in ["plain", "[1]", "\"{}\"", "{\"a\":1} x", "{\"a\":}", "", "7"] {
            assert_eq!(object(value.as_bytes()).unwrap_err().kind(), Kind::Malformed, "{value}");
        }
        assert!(object(b"null").unwrap().is_empty());
        assert!(object(b" { } ").unwrap().is_empty());
        assert_eq!(object(br#"{"a":1,"a":2}"#).unwrap()["a"], "2");
    }

    #[test]
    fn a_refusal_shows_nothing_of_the_value() {
        let error = object(b"marker-value").unwrap_err();
        assert!(!error.to_string().contains("marker"), "{error}");
    }

    #[test]
    fn a_value_that_is_nested_too_deep_is_malformed() {
        let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(decoded_field(&deep).unwrap_err().kind(), Kind::Malformed);
    }
}
