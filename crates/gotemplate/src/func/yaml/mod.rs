//! YAML, as ESO's `toYaml` and `fromYaml` have it: by way of JSON, with the YAML 1.1 that Kubernetes reads and writes.

use std::collections::BTreeMap;

use super::json_read;
use super::json_write::{Style, write};
use super::{Args, Func};
use crate::error::Fault;
use crate::float;
use crate::run::{Env, Run};
use crate::types::Type;
use crate::value::{Map, Str, Value};

mod any;
mod decode;
mod direct;
mod directive;
mod document;
mod emit;
mod order;
mod reader;
mod resolve;
mod scalar;
mod scan;
mod text;
mod tree;

pub use document::document;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("toYaml", &[Type::Any], Type::String, to_yaml),
    Func::fixed("fromYaml", &[Type::String], Type::DICT, from_yaml),
];

/// Why a text could not be read.
#[derive(Debug)]
enum Stop {
    /// It is not YAML, with the library's message.
    Malformed(String),
    Limit(Fault),
}

impl Stop {
    fn too_deep(levels: usize) -> Self {
        Self::Limit(Fault::limit(format!("YAML is nested deeper than {levels} levels")))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Limit(fault)
    }
}

/// Nothing if the value cannot be written; without the line break at the end.
fn to_yaml(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    if let Some(item) = direct::item(run, args.value(0))? {
        return written(run, &item);
    }
    let json = match write(run, args.value(0), Style::Compact) {
        Ok(json) => json,
        Err(fault) if fault.is_limit() => return Err(fault),
        Err(_) => return Ok(Value::str("")),
    };
    match decode::with_text_keys(run, &json) {
        Ok(value) => written(run, &order::item(&value)),
        Err(Stop::Malformed(_)) => Ok(Value::str("")),
        Err(Stop::Limit(fault)) => Err(fault),
    }
}

fn written(run: &mut Run<'_>, item: &emit::Item) -> Result<Value, Fault> {
    let yaml = emit::emit(run, item)?;
    Ok(Value::str(yaml.strip_suffix('\n').unwrap_or(&yaml)))
}

/// A map; one with the key `Error` if the text is not that of a map.
fn from_yaml(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    match read(run, args.str(0)?) {
        Ok(Value::Map(map)) => Ok(Value::Map(map)),
        Ok(Value::Nil) => Ok(Value::Map(Map::new::<Str>(Type::Any, []))),
        Ok(other) => {
            let kind = match other {
                Value::List(_) => "array",
                Value::Str(_) => "string",
                Value::Bool(_) => "bool",
                _ => "number",
            };
            Ok(failed(&format!(
                "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type {}",
                Type::DICT
            )))
        }
        Err(Stop::Malformed(why)) => Ok(failed(&format!("error converting YAML to JSON: {why}"))),
        Err(Stop::Limit(fault)) => Err(fault),
    }
}

/// What a document may be for Kubernetes: UTF-8. Bytes that happen to begin like UTF-16 would be lost.
fn text_of(bytes: &[u8]) -> Result<&[u8], Stop> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.as_bytes()),
        Err(_) => Err(Stop::Malformed("invalid UTF-8".into())),
    }
}

fn failed(why: &str) -> Value {
    Value::dict([("Error", why.into())])
}

/// The entries of a YAML text that is a map of strings, as Kubernetes' library reads it into Go's `map[string]string`: numbers
/// and bools that are not quoted become text, null becomes the empty one, a text without content has no entries. Of a number with a
/// fraction or an exponent that text has what 32 bits hold of it, some seven digits: write it in quotes.
///
/// # Errors
/// Why it is none, with the line where that is known, and without anything of the text: it may hold secrets. A limit, if one is
/// reached; [`Limits::output`](crate::Limits::output) bounds all values together, since aliases may say one many times.
///
/// ```
/// use gotemplate::{Env, func::yaml::string_map};
/// let entries = string_map(&Env::default(), b"port: 0x10\nname: db\n").unwrap();
/// assert_eq!(entries["port"], "16");
/// let fault = string_map(&Env::default(), b"a: [1]").unwrap_err();
/// assert_eq!(fault.to_string(), "a value is a list and not a string");
/// ```
pub fn string_map(env: &Env<'_>, text: &[u8]) -> Result<BTreeMap<String, String>, Fault> {
    let mut run = Run::new(env);
    let decoded = text_of(text).and_then(|text| decode::with_text_keys(&mut run, text));
    match decoded.map_err(without_content)? {
        Value::Nil => Ok(BTreeMap::new()),
        Value::Map(map) => strings_of(&mut run, &map),
        other => Err(Fault::new(format!("the text is {} and not a map", described(&other)))),
    }
}

fn strings_of(run: &mut Run<'_>, map: &Map) -> Result<BTreeMap<String, String>, Fault> {
    let most = run.limits().output;
    let mut left = most;
    let mut strings = BTreeMap::new();
    for (key, value) in map.entries() {
        run.spend(1)?;
        let value = scalar_text(&value)?;
        let rest = left.checked_sub(value.len());
        left = rest.ok_or_else(|| Fault::limit(format!("the values exceed the limit of {most} bytes")))?;
        strings.insert(key.to_text().into_owned(), value);
    }
    Ok(strings)
}

fn scalar_text(value: &Value) -> Result<String, String> {
    match value {
        Value::Nil => Ok(String::new()),
        Value::Str(text) => Ok(text.to_text().into_owned()),
        Value::Bool(word) => Ok(word.to_string()),
        Value::Int(_, number) => Ok(number.to_string()),
        Value::Uint(_, number) => Ok(number.to_string()),
        Value::Float(_, number) => {
            Ok(String::from_utf8_lossy(&float::format(*number, b'g', None, 32)).into_owned())
        }
        other => Err(format!("a value is {} and not a string", described(other))),
    }
}

const fn described(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "a map",
        Value::List(_) => "a list",
        Value::Str(_) => "a string",
        Value::Bool(_) => "a bool",
        _ => "a number",
    }
}

/// The library's message, but where it quotes what was read.
fn without_content(stop: Stop) -> Fault {
    const QUOTING: &[&str] =
        &["invalid map key", "unsupported map key", "unknown anchor", "anchor", "cannot decode"];
    match stop {
        Stop::Limit(fault) => fault,
        Stop::Malformed(why) => {
            let quoting = QUOTING.iter().find(|start| why.starts_with(**start));
            Fault::new(quoting.map_or(why, |start| format!("{start} in the text")))
        }
    }
}

/// The value of a text, as JSON would have it.
fn read(run: &mut Run<'_>, text: &[u8]) -> Result<Value, Stop> {
    let value = decode::decode(run, text).map_err(|stop| match stop {
        Stop::Malformed(why) => Stop::Malformed(format!("yaml: {why}")),
        limit @ Stop::Limit(_) => limit,
    })?;
    let value = value.with_text_keys(run)?;
    let json = write(run, &value, Style::Compact).map_err(|fault| {
        if fault.is_limit() { Stop::Limit(fault) } else { Stop::Malformed(fault.to_string()) }
    })?;
    json_read::read(run, &json)?.map_err(|refusal| Stop::Malformed(refusal.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Result<Vec<(String, String)>, String> {
        let entries = string_map(&Env::default(), text.as_bytes());
        entries.map(|entries| entries.into_iter().collect()).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_text_that_aliases_say_many_times_is_bounded() {
        let aliases: String = (0..200).map(|i| format!("k{i}: *a\n")).collect();
        let text = format!("a: &a {}\n{aliases}", "x".repeat(100_000));
        let fault = string_map(&Env::default(), text.as_bytes()).unwrap_err();
        assert!(fault.is_limit(), "{fault}");
    }

    #[test]
    fn work_is_counted_where_the_caller_says() {
        let spent = std::cell::Cell::new(0);
        let limits = crate::Limits { steps: 2000, ..crate::Limits::default() };
        let env = Env { limits, spent: Some(&spent), ..Env::default() };
        let text: String = (0..5000).map(|i| format!("k{i}: x\n")).collect();
        assert!(string_map(&env, text.as_bytes()).unwrap_err().wants_steps());
        assert!(spent.get() >= 2000, "{}", spent.get());
    }

    #[test]
    fn what_is_no_map_of_strings_is_refused_without_showing_it() {
        for (text, why) in [
            ("a: {hunter2: x}", "a value is a map and not a string"),
            ("- hunter2", "the text is a list and not a map"),
            ("hunter2", "the text is a string and not a map"),
            ("a: 'x'\nb: \"hunter2", "line 2: found unexpected end of stream"),
            ("a: *hunter2", "unknown anchor in the text"),
            ("? [hunter2]\n: x", "invalid map key in the text"),
            ("a: !!int hunter2", "cannot decode in the text"),
            ("~: hunter2", "unsupported map key in the text"),
        ] {
            assert_eq!(strings(text).unwrap_err(), why, "{text}");
        }
    }
}
