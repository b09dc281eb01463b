//! Reads values out of JSON by path, in the syntax of Go's [gjson](https://github.com/tidwall/gjson) v1.20.0: keys,
//! wildcards, indices, `#`, queries, modifiers, multipaths, literals, JSON lines. Pure: no I/O, no state, no
//! dependencies.
//!
//! ```
//! let json = r#"{"db":{"users":[{"name":"app","port":5432},{"name":"root","port":1}]}}"#;
//! assert_eq!(gjson::get(json, "db.users.0.name").text(), "app");
//! assert_eq!(gjson::get(json, r#"db.users.#(name=="root").port"#).text(), "1");
//! assert!(!gjson::get(json, "db.password").exists());
//! ```
//!
//! Like the Go module it does not ask whether the JSON is [valid]: of broken JSON it finds what
//! the module would find. No JSON and no path makes it panic.
//!
//! # Where it differs from the Go module, on purpose
//!
//! * A lookup is bounded: [`MAX_STEPS`], [`WORK_BASE`], [`WORK_PER_BYTE`]. Beyond them [`get`] finds nothing and [`find`]
//!   fails. Without these bounds a short path makes results of any size, and deep JSON overflows the stack, which ends
//!   the process.
//! * Numbers in hexadecimal (`0x1p4`, no JSON) count as 0, as all other text that is no number does.
//! * Where a cut escape leaves bytes that are not UTF-8, each of them is U+FFFD.
//! * There are no modifiers but the module's own.
//! * A wildcard or duplicate key that leads first to an array with a `#(…)#` component and then to a plain `null` of
//!   that very name gives null; the module gives a "JSON" value with the text `null`.
//!
//! # Secrets
//!
//! The values are secrets to its users: nothing here prints them, [`Value`]'s `Debug` included. What is
//! found lies in the caller's JSON where possible, but modifiers, multipaths, `#` and escapes make new buffers. Wiping
//! a result is the caller's task; the buffers between the parts of a path are freed without being wiped.
//!
//! # Map
//!
//! `lookup` takes modifiers (`modifier`, `pretty`), literals and multipaths from a path's beginning; `walk` follows the
//! rest through objects and arrays, with `path` and `query` to read the components, `pattern` for wildcards and `scan`
//! to find where values end. `number`, `quote` and `valid` hold what Go's standard library would. `limits` bounds it all.

use std::borrow::Cow;
use std::fmt;

mod limits;
mod lookup;
mod modifier;
mod number;
mod path;
mod pattern;
mod pretty;
mod query;
mod quote;
mod scan;
mod valid;
mod walk;

pub use limits::{MAX_STEPS, WORK_BASE, WORK_PER_BYTE};

/// The type of a value, in the order in which values of different types are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `null`, and what does not exist.
    Null,
    /// `false`.
    False,
    /// A number.
    Number,
    /// A string.
    String,
    /// `true`.
    True,
    /// An object or an array.
    Json,
}

/// What a path found.
#[derive(Clone, PartialEq, Eq)]
pub struct Value<'a> {
    /// Its type; [`Kind::Null`] if nothing was found.
    pub kind: Kind,
    /// Its JSON, as it is written: a string with its quotes and escapes. Empty if nothing was found.
    pub raw: Cow<'a, str>,
}

impl Value<'_> {
    /// False if the path leads nowhere. A `null` exists.
    pub fn exists(&self) -> bool {
        self.kind != Kind::Null || !self.raw.is_empty()
    }

    /// The value as text: a string without quotes and escapes; a number as it is written if it has digits only, else
    /// as the 64-bit float it is, without an exponent; nothing for null and for what does not exist; the JSON of an
    /// object or array.
    pub fn text(&self) -> Cow<'_, str> {
        text_of(scan::Piece { kind: self.kind, raw: self.raw.as_bytes() }.text())
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Value").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A lookup passed its bounds, so whether the path leads anywhere is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the path or the json is too deep, or their lookup takes too much work")
    }
}

impl std::error::Error for Exhausted {}

/// The value that a path leads to, or one that does not exist: also where the lookup passes its bounds. Use [`find`] if
/// anything follows from the absence of a value.
pub fn get<'a>(json: &'a str, path: &str) -> Value<'a> {
    find(json, path).unwrap_or(Value { kind: Kind::Null, raw: Cow::Borrowed("") })
}

/// The value that a path leads to, or one that does not exist.
///
/// # Errors
/// [`Exhausted`] if the lookup passes [`MAX_STEPS`], or [`WORK_BASE`] and [`WORK_PER_BYTE`].
pub fn find<'a>(json: &'a str, path: &str) -> Result<Value<'a>, Exhausted> {
    let work = limits::Effort::granted(json.len());
    let effort = limits::Effort::new(&work);
    let found = lookup::get(json.as_bytes(), path.as_bytes(), effort);
    if effort.exhausted() {
        return Err(Exhausted);
    }
    Ok(Value { kind: found.kind, raw: text_of(found.raw) })
}

/// True if the text is one JSON document, of any depth.
pub fn valid(json: &str) -> bool {
    valid::valid(json.as_bytes())
}

/// A path component that stands for exactly this key, whatever characters it holds.
pub fn escape(component: &str) -> Cow<'_, str> {
    path::escape(component)
}

fn text_of(bytes: Cow<'_, [u8]>) -> Cow<'_, str> {
    match bytes {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(repaired(bytes)), Cow::Borrowed)
        }
        Cow::Owned(bytes) => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|bad| repaired(bad.as_bytes())))
        }
    }
}

/// Puts a U+FFFD in place of each byte that is no UTF-8. The standard library's way puts one in place of several.
fn repaired(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_null_exists_and_has_no_text() {
        let found = get(r#"{"a":null}"#, "a");
        assert_eq!((found.exists(), &*found.text(), &*found.raw), (true, "", "null"));
        assert!(!get(r#"{"a":null}"#, "b").exists());
    }

    #[test]
    fn what_is_in_the_json_is_not_copied() {
        assert!(matches!(get(r#"{"a":{"b":"c"}}"#, "a.b").raw, Cow::Borrowed("\"c\"")));
    }

    #[test]
    fn a_lookup_beyond_its_bounds_is_not_an_absent_value() {
        let path = vec!["0"; 1_000].join(".");
        assert_eq!(find(&"[".repeat(1_000), &path), Err(Exhausted));
        assert!(!get(&"[".repeat(1_000), &path).exists());
        assert!(!find("[]", &path).unwrap().exists());
    }

    #[test]
    fn no_value_is_printed() {
        assert_eq!(format!("{:?}", get(r#"{"a":"marker"}"#, "a")), "Value { kind: String, .. }");
    }
}
