//! Maps. `set`, `unset` and the merging functions change the map that they are given, for all who hold it.

use super::deep::deep_copy;
use super::growth::appended;
use super::merge::merge_into;
use super::{Args, Func};
use crate::error::Fault;
use crate::print;
use crate::run::{MAP_STEPS, Run};
use crate::types::Type;
use crate::value::{Map, Str, Value};

const ANY: Type = Type::Any;
const DICT: Type = Type::DICT;
const STRING: Type = Type::String;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::variadic("dict", &[ANY], DICT, dict),
    Func::fixed("get", &[DICT, STRING], ANY, |_, args| {
        Ok(args.map(0)?.get(args.str(1)?).unwrap_or_else(|| "".into()))
    }),
    Func::fixed("set", &[DICT, STRING, ANY], DICT, |run, args| {
        args.map(0)?.insert_within(run, args.str(1)?.clone(), args.value(2).clone())?;
        Ok(args.value(0).clone())
    }),
    Func::fixed("unset", &[DICT, STRING], DICT, |_, args| {
        args.map(0)?.remove(args.str(1)?);
        Ok(args.value(0).clone())
    }),
    Func::fixed("hasKey", &[DICT, STRING], Type::Bool, |_, args| {
        Ok(args.map(0)?.contains(args.str(1)?).into())
    }),
    Func::variadic("pluck", &[STRING, DICT], Type::LIST, pluck),
    Func::variadic("keys", &[DICT], Type::STRINGS, keys),
    Func::fixed("values", &[DICT], Type::LIST, |run, args| {
        let entries = entries(run, args.map(0)?)?;
        Ok(appended(ANY, entries.into_iter().map(|(_, value)| value).collect()))
    }),
    Func::variadic("pick", &[DICT, STRING], DICT, |run, args| kept(run, args, true)),
    Func::variadic("omit", &[DICT, STRING], DICT, |run, args| kept(run, args, false)),
    Func::variadic("merge", &[DICT, DICT], ANY, |run, args| {
        Ok(merged(run, args, false)?.unwrap_or_else(|| "".into()))
    }),
    Func::variadic("mergeOverwrite", &[DICT, DICT], ANY, |run, args| {
        Ok(merged(run, args, true)?.unwrap_or_else(|| "".into()))
    }),
    Func::variadic("mustMerge", &[DICT, DICT], ANY, |run, args| {
        merged(run, args, false)?.ok_or_else(|| Fault::from(DIFFERENT))
    }),
    Func::variadic("mustMergeOverwrite", &[DICT, DICT], ANY, |run, args| {
        merged(run, args, true)?.ok_or_else(|| Fault::from(DIFFERENT))
    }),
    Func::variadic("dig", &[ANY], ANY, dig),
    Func::fixed("deepCopy", &[ANY], ANY, copy),
    Func::fixed("mustDeepCopy", &[ANY], ANY, copy),
];

const DIFFERENT: &str = "src and dst must be of same type";

fn entries(run: &mut Run<'_>, map: &Map) -> Result<Vec<(Str, Value)>, Fault> {
    run.spend(map.len() as u64)?;
    Ok(map.entries())
}

/// A map of keys and values in turn. What is no text becomes one; a last key without a value has the empty text.
fn dict(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    run.spend(MAP_STEPS + args.len() as u64)?;
    let map = Map::new::<Str>(ANY, []);
    for pair in args.all().chunks(2) {
        let key = match &pair[0] {
            Value::Str(text) => text.clone(),
            Value::Bytes(bytes) => bytes.into(),
            other => {
                let text = print::display_up_to(other, run.limits().output)?;
                run.make(text.len())?;
                text.into()
            }
        };
        map.insert(key, pair.get(1).cloned().unwrap_or_else(|| "".into()))?;
    }
    Ok(Value::Map(map))
}

fn pluck(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let key = args.str(0)?;
    let maps = args.rest(1).iter().filter_map(as_map);
    Ok(appended(ANY, maps.filter_map(|map| map.get(key)).collect()))
}

fn keys(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut out = Vec::new();
    for map in args.all().iter().filter_map(as_map) {
        run.spend(map.len() as u64)?;
        out.extend(map.keys().into_iter().map(Value::Str));
    }
    Ok(appended(STRING, out))
}

const fn as_map(value: &Value) -> Option<&Map> {
    match value {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// A new map with the entries whose keys are among those named, or are not.
fn kept(run: &mut Run<'_>, args: Args<'_>, named: bool) -> Result<Value, Fault> {
    let entries = entries(run, args.map(0)?)?;
    run.spend(MAP_STEPS + (entries.len() as u64).saturating_mul(args.len() as u64) / 64)?;
    let is_named =
        |key: &Str| args.rest(1).iter().any(|other| matches!(other, Value::Str(other) if other == key));
    Ok(Value::dict(entries.into_iter().filter(|(key, _)| is_named(key) == named)))
}

/// Merges maps into the first, one after the other; `None` if their types differ where they must not.
fn merged(run: &mut Run<'_>, args: Args<'_>, overwrite: bool) -> Result<Option<Value>, Fault> {
    let mut into = args.map(0)?.clone();
    for from in args.rest(1).iter().filter_map(as_map) {
        if into.is_nil() && !from.is_nil() {
            into = Map::new::<Str>(ANY, []);
        }
        if !merge_into(run, &into, from, overwrite)? {
            return Ok(None);
        }
    }
    Ok(Some(Value::Map(into)))
}

/// The value under the keys, each in the map under the one before; or a default, where a map lacks the key.
fn dig(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let [keys @ .., default, dict] = args.all() else {
        return Err(Fault::from("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(Fault::from("dig needs at least three arguments"));
    }
    let mut value = dict.clone();
    as_dict(&value)?;
    for key in keys {
        if !matches!(key, Value::Str(_)) {
            return Err(not_of(key, STRING));
        }
    }
    for key in keys {
        let Value::Str(key) = key else { continue };
        match as_dict(&value)?.get(key) {
            Some(found) => value = found,
            None => return Ok(default.clone()),
        }
    }
    Ok(value)
}

fn as_dict(value: &Value) -> Result<&Map, Fault> {
    as_map(value).filter(|map| map.go_type() == DICT).ok_or_else(|| not_of(value, DICT))
}

fn not_of(value: &Value, wanted: Type) -> Fault {
    let name = if value.go_type().is_some() { value.type_name() } else { "nil".into() };
    Fault::new(format!("interface conversion: interface {{}} is {name}, not {wanted}"))
}

fn copy(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    match args.value(0) {
        Value::Nil | Value::NoValue => Err(Fault::from("reflect: call of reflect.Value.Type on zero Value")),
        value => deep_copy(run, value),
    }
}
