//! YAML, as ESO's `toYaml` and `fromYaml` have it: by way of JSON, with the YAML 1.1 that Kubernetes reads and writes.

use super::json_read;
use super::json_write::{Style, write};
use super::{Args, Func};
use crate::error::Fault;
use crate::run::Run;
use crate::types::Type;
use crate::value::{Map, Str, Value};

mod decode;
mod emit;
mod order;
mod resolve;
mod scalar;
mod scan;
mod text;
mod tree;

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
    let json = match write(run, args.value(0), Style::Compact) {
        Ok(json) => json,
        Err(fault) if fault.is_limit() => return Err(fault),
        Err(_) => return Ok(Value::str("")),
    };
    match decode::decode(run, &json) {
        Ok(value) => {
            let yaml = emit::emit(&order::item(&value));
            run.make(yaml.len())?;
            Ok(Value::str(yaml.strip_suffix('\n').unwrap_or(&yaml)))
        }
        Err(Stop::Malformed(_)) => Ok(Value::str("")),
        Err(Stop::Limit(fault)) => Err(fault),
    }
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

fn failed(why: &str) -> Value {
    Value::dict([("Error", why.into())])
}

/// The value of a text, as JSON would have it.
fn read(run: &mut Run<'_>, text: &[u8]) -> Result<Value, Stop> {
    let value = decode::decode(run, text).map_err(|stop| match stop {
        Stop::Malformed(why) => Stop::Malformed(format!("yaml: {why}")),
        limit @ Stop::Limit(_) => limit,
    })?;
    let value = decode::with_text_keys(value)?;
    let json = write(run, &value, Style::Compact).map_err(|fault| {
        if fault.is_limit() { Stop::Limit(fault) } else { Stop::Malformed(fault.to_string()) }
    })?;
    json_read::read(run, &json)?.map_err(|refusal| Stop::Malformed(refusal.text))
}
