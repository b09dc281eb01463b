//! A YAML text as the JSON that Kubernetes makes of it.

use serde_json::Value as Json;

use super::decode;
use super::scan::Scan;
use super::{Stop, text_of, without_content};
use crate::error::Fault;
use crate::func::json_write;
use crate::run::{Env, LIST_STEPS, MAP_STEPS, Run};
use crate::types::Float;
use crate::value::{Str, Value};

/// How deep values may lie in each other: what becomes JSON must be read again, also by readers that follow a hundred levels.
const MAX_LEVELS: usize = 64;

/// The value of a YAML text, as Kubernetes' library reads it into anything: numbers without a fraction are integers, a text
/// without content is null, of several documents the first counts.
///
/// # Errors
/// Inside, why it is no YAML, with the line where that is known. Outside, the limit that was reached, or that the text holds
/// bytes which are no text. Without anything of the text: it may hold secrets.
///
/// ```
/// use gotemplate::{Env, func::yaml::document};
/// let read = |text: &str| document(&Env::default(), text.as_bytes()).unwrap();
/// assert_eq!(read("{port: 5432, hosts: [db]}").unwrap(), serde_json::json!({"port": 5432, "hosts": ["db"]}));
/// assert_eq!(read("a: b: c").unwrap_err().to_string(), "mapping values are not allowed in this context");
/// ```
pub fn document(env: &Env<'_>, text: &[u8]) -> Result<Result<Json, Fault>, Fault> {
    let mut run = Run::new(env);
    let decoded = text_of(text).and_then(|text| decode::with_text_keys(&mut run, text));
    match decoded.and_then(|value| json(&mut run, &value, 0)) {
        Ok(json) => Ok(Ok(json)),
        Err(Stop::Limit(fault)) => Err(fault),
        Err(malformed @ Stop::Malformed(_)) => Ok(Err(without_content(malformed))),
    }
}

fn json(run: &mut Run<'_>, value: &Value, level: usize) -> Scan<Json> {
    run.spend(1)?;
    if level > MAX_LEVELS {
        return Err(Stop::too_deep(MAX_LEVELS));
    }
    match value {
        Value::NoValue | Value::Nil => Ok(Json::Null),
        Value::Bool(word) => Ok(Json::Bool(*word)),
        Value::Int(_, number) => Ok(Json::from(*number)),
        // Kubernetes has no larger integers.
        Value::Uint(_, number) => float(*number as f64),
        Value::Float(_, number) => float(*number),
        Value::Str(text) => string(run, text).map(Json::String),
        Value::List(list) => array(run, &list.to_vec(), level + 1),
        Value::Map(map) => object(run, &map.entries(), level + 1),
        Value::Bytes(_) | Value::Object(_) | Value::Complex(..) | Value::Func(_) => {
            Err(Stop::Malformed("json: unsupported type".into()))
        }
    }
}

/// As Go writes it and reads it again: an integer, if it looks like one.
fn float(number: f64) -> Scan<Json> {
    // The negative zero is written with its sign, and read without.
    let number = if number == 0.0 { 0.0 } else { number };
    let text = json_write::float_text(Float::Float64, number)
        .map_err(|_| Stop::Malformed("json: unsupported value".into()))?;
    let text = String::from_utf8_lossy(&text);
    let whole = text.parse::<i64>().map(Json::from).or_else(|_| text.parse::<u64>().map(Json::from));
    Ok(whole.unwrap_or_else(|_| Json::from(number)))
}

fn string(run: &mut Run<'_>, text: &Str) -> Scan<String> {
    run.make(text.len())?;
    match std::str::from_utf8(text) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(Stop::Limit(Fault::new("a value is not UTF-8"))),
    }
}

fn array(run: &mut Run<'_>, items: &[Value], level: usize) -> Scan<Json> {
    run.spend(LIST_STEPS)?;
    let items: Scan<Vec<Json>> = items.iter().map(|item| json(run, item, level)).collect();
    Ok(Json::Array(items?))
}

fn object(run: &mut Run<'_>, entries: &[(Str, Value)], level: usize) -> Scan<Json> {
    run.spend(MAP_STEPS)?;
    let mut object = serde_json::Map::new();
    for (key, value) in entries {
        let key = string(run, key)?;
        object.insert(key, json(run, value, level)?);
    }
    Ok(Json::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Limits;

    #[test]
    fn what_is_no_yaml_is_told_without_showing_it() {
        for (text, why) in [
            ("a: 'x'\nb: \"hunter2", "line 2: found unexpected end of stream"),
            ("*hunter2", "unknown anchor in the text"),
            ("? [hunter2]\n: x", "invalid map key in the text"),
            ("~: hunter2", "unsupported map key in the text"),
            ("!!int hunter2", "cannot decode in the text"),
            ("[hunter2, .inf]", "json: unsupported value"),
            ("[hunter2, .nan]", "json: unsupported value"),
        ] {
            let fault = document(&Env::default(), text.as_bytes()).unwrap().unwrap_err();
            assert_eq!(fault.to_string(), why, "{text}");
        }
        for bytes in [&b"hunter2: \xff"[..], b"\xff\xfe", b"\xff\xfeh\0", b"\xfe\xff\0h"] {
            assert!(document(&Env::default(), bytes).unwrap().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_and_not_lost() {
        for text in ["!!binary /w==", "{a: [!!binary /w==]}", "{!!binary /w==: a}"] {
            let fault = document(&Env::default(), text.as_bytes()).unwrap_err();
            assert_eq!(fault.to_string(), "a value is not UTF-8", "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let document = |text: String| document(&Env::default(), text.as_bytes());
        assert!(document(nested(MAX_LEVELS + 1)).unwrap().is_ok());
        let fault = document(nested(MAX_LEVELS + 2)).unwrap_err();
        assert_eq!(fault.to_string(), "YAML is nested deeper than 64 levels");
        assert!(!fault.wants_steps());
    }

    #[test]
    fn work_is_counted_where_the_caller_says() {
        let spent = std::cell::Cell::new(0);
        let limits = Limits { steps: 2000, ..Limits::default() };
        let env = Env { limits, spent: Some(&spent), ..Env::default() };
        let text = format!("[{}]", "x, ".repeat(5000));
        assert!(document(&env, text.as_bytes()).unwrap_err().wants_steps());
        assert!(spent.get() >= 2000, "{}", spent.get());
    }

    /// Texts behind aliases are copied, and copies are paid for.
    #[test]
    fn a_text_that_aliases_say_many_times_is_bounded() {
        let env = Env { limits: Limits { steps: 20_000, ..Limits::default() }, ..Env::default() };
        let text = |aliases: usize| format!("[&a {}, {}]", "x".repeat(100_000), "*a, ".repeat(aliases));
        assert!(document(&env, text(2).as_bytes()).unwrap().is_ok());
        assert!(document(&env, text(200).as_bytes()).unwrap_err().wants_steps());
    }
}
