//! JSON as the store wrote it, printed as Go's `json.Marshal` prints a map: compact, keys sorted at every level, numbers as they
//! stand, `<`, `>`, `&`, U+2028 and U+2029 escaped. That is what ESO hands on for a whole Vault secret, so templates, hashes and
//! Secrets stay equal to the byte.
//!
//! Not `serde_json::Value`: it would read `1e3` and 20-digit numbers as floats, and leave unwiped copies behind.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::{Zeroize, Zeroizing};

use crate::base::{Error, Kind, Result, SecretBytes};

/// Nesting that is followed; the same bound as `serde_json`'s own for values.
const DEPTH: usize = 128;

/// The fields of an object, untouched. `None` for any other value.
pub(in crate::provider) fn fields(raw: &RawValue) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Prints `raw` as Go would.
///
/// # Errors
/// `Malformed` for text that Go's decoder would not read either, and for nesting beyond 128.
pub(in crate::provider) fn compact(raw: &RawValue) -> Result<SecretBytes> {
    let mut ink = Ink(Zeroizing::new(Vec::with_capacity(raw.get().len() + raw.get().len() / 8)));
    value(raw, DEPTH, &mut ink)?;
    Ok(ink.0.into())
}

/// Prints fields as an object, as Go would.
///
/// # Errors
/// As [`compact`].
pub(in crate::provider) fn compact_fields(fields: &BTreeMap<String, &RawValue>) -> Result<SecretBytes> {
    let size = fields.iter().map(|(name, raw)| name.len() + raw.get().len() + 4).sum::<usize>();
    let mut ink = Ink(Zeroizing::new(Vec::with_capacity(size + 2)));
    object(fields, DEPTH, &mut ink)?;
    Ok(ink.0.into())
}

/// A buffer that wipes what it leaves behind when it grows.
struct Ink(Zeroizing<Vec<u8>>);

impl Ink {
    fn put(&mut self, bytes: &[u8]) {
        if self.0.capacity() - self.0.len() < bytes.len() {
            let mut wider = Zeroizing::new(Vec::with_capacity(2 * self.0.capacity() + bytes.len()));
            wider.extend_from_slice(&self.0);
            self.0 = wider;
        }
        self.0.extend_from_slice(bytes);
    }
}

/// A string of JSON, unescaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Drop for Text<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}

fn value(raw: &RawValue, depth: usize, ink: &mut Ink) -> Result<()> {
    let unreadable = || Error::new(Kind::Malformed, "the value of the entry is no readable json");
    if depth == 0 {
        return Err(
            Error::new(Kind::Malformed, "the value of the entry is nested too deeply").with("limit", DEPTH)
        );
    }
    match raw.get().as_bytes().first() {
        Some(b'{') => object(&fields(raw).ok_or_else(unreadable)?, depth, ink),
        Some(b'[') => {
            array(&serde_json::from_str::<Vec<&RawValue>>(raw.get()).map_err(|_| unreadable())?, depth, ink)
        }
        Some(b'"') => {
            let text: Text<'_> = serde_json::from_str(raw.get()).map_err(|_| unreadable())?;
            string(&text.0, ink);
            Ok(())
        }
        _ => {
            ink.put(raw.get().as_bytes());
            Ok(())
        }
    }
}

fn object(fields: &BTreeMap<String, &RawValue>, depth: usize, ink: &mut Ink) -> Result<()> {
    ink.put(b"{");
    for (i, (name, field)) in fields.iter().enumerate() {
        if i > 0 {
            ink.put(b",");
        }
        string(name, ink);
        ink.put(b":");
        value(field, depth - 1, ink)?;
    }
    ink.put(b"}");
    Ok(())
}

fn array(items: &[&RawValue], depth: usize, ink: &mut Ink) -> Result<()> {
    ink.put(b"[");
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            ink.put(b",");
        }
        value(item, depth - 1, ink)?;
    }
    ink.put(b"]");
    Ok(())
}

fn string(text: &str, ink: &mut Ink) {
    ink.put(b"\"");
    let mut buffer = [0; 4];
    for character in text.chars() {
        match character {
            '"' => ink.put(b"\\\""),
            '\\' => ink.put(b"\\\\"),
            '\n' => ink.put(b"\\n"),
            '\r' => ink.put(b"\\r"),
            '\t' => ink.put(b"\\t"),
            '\u{8}' => ink.put(b"\\b"),
            '\u{c}' => ink.put(b"\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                ink.put(format!("\\u{:04x}", u32::from(character)).as_bytes());
            }
            _ => ink.put(character.encode_utf8(&mut buffer).as_bytes()),
        }
    }
    ink.put(b"\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(json: &str) -> Result<String> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        compact(raw).map(|bytes| bytes.expose_str().unwrap().to_string())
    }

    #[test]
    fn objects_are_printed_as_go_prints_maps() {
        let cases = [
            (
                r#" { "b" : 1 , "a" : { "z" : [ 1 , 2 ] , "y" : null } } "#,
                r#"{"a":{"y":null,"z":[1,2]},"b":1}"#,
            ),
            (
                r#"{"n":1.50,"e":1e3,"big":12345678901234567890}"#,
                r#"{"big":12345678901234567890,"e":1e3,"n":1.50}"#,
            ),
            (r#"{"h":"<a&b>"}"#, "{\"h\":\"\\u003ca\\u0026b\\u003e\"}"),
            ("{\"c\":\"\\u0001\\b\\f\\/\\u00e9\\u2028\"}", "{\"c\":\"\\u0001\\b\\f/é\\u2028\"}"),
            (r#"{"q":"a\"b\\c\n"}"#, r#"{"q":"a\"b\\c\n"}"#),
            (r#"{"é":1,"z":2,"A":3}"#, r#"{"A":3,"z":2,"é":1}"#),
            ("{}", "{}"),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ];
        for (given, want) in cases {
            assert_eq!(printed(given).unwrap(), want);
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(printed(&deep).unwrap(), deep);
        let deeper = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let raw = RawValue::from_string(deeper);
        assert!(raw.is_err() || compact(&raw.unwrap()).is_err());
    }

    #[test]
    fn a_growing_buffer_keeps_every_byte() {
        let text = "<".repeat(10_000);
        assert_eq!(printed(&format!("[\"{text}\"]")).unwrap(), format!("[\"{}\"]", "\\u003c".repeat(10_000)));
    }
}
