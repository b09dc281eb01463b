//! Sprig's functions that choose between values: defaults, emptiness, failure, and copies.

use crate::error::Fault;
use crate::func::letter::chars;
use crate::func::{Args, Func};
use crate::run::Run;
use crate::types::{Kind, Type};
use crate::value::{List, Map, Value};

const ANYTHING: &[Type] = &[Type::Any];

/// The table.
pub static ROWS: &[Func] = &[
    Func::variadic("default", &[Type::Any, Type::Any], Type::Any, |_, args| {
        let given = if args.len() < 2 || is_empty(args.value(1)) { args.value(0) } else { args.value(1) };
        Ok(given.clone())
    }),
    Func::fixed("empty", ANYTHING, Type::Bool, |_, args| Ok(is_empty(args.value(0)).into())),
    Func::variadic("coalesce", ANYTHING, Type::Any, |_, args| {
        Ok(args.all().iter().find(|value| !is_empty(value)).cloned().unwrap_or(Value::Nil))
    }),
    Func::variadic("all", ANYTHING, Type::Bool, |_, args| Ok((!args.all().iter().any(is_empty)).into())),
    Func::variadic("any", ANYTHING, Type::Bool, |_, args| {
        Ok(args.all().iter().any(|value| !is_empty(value)).into())
    }),
    Func::fixed("compact", ANYTHING, Type::LIST, compact),
    Func::fixed("mustCompact", ANYTHING, Type::LIST, compact),
    Func::fixed("ternary", &[Type::Any, Type::Any, Type::Bool], Type::Any, |_, args| {
        Ok(args.value(usize::from(!args.bool(2)?)).clone())
    }),
    Func::fixed("fail", &[Type::String], Type::String, |_, args| {
        Err(Fault::new(chars(args.str(0)?).collect::<String>()))
    }),
    Func::fixed("deepCopy", ANYTHING, Type::Any, deep_copy),
    Func::fixed("mustDeepCopy", ANYTHING, Type::Any, deep_copy),
];

/// How deeply values may be nested in each other to be copied.
const MAX_DEPTH: usize = 500;

/// What Go panics with where sprig asks nil for its type.
pub(super) const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";

/// Whether sprig takes the value for absent: as for `if`, but that objects are there even if they stand for nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) if matches!(object.go_type().kind(), Kind::Struct | Kind::Ptr) => false,
        _ => !value.truth(),
    }
}

fn compact(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let items = match args.value(0) {
        Value::List(list) => list.to_vec(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| byte_value(*byte)).collect(),
        Value::Nil | Value::NoValue => return Err(NIL_POINTER.into()),
        other => return Err(Fault::new(format!("Cannot compact on type {}", other.kind()))),
    };
    run.spend(items.len() as u64 / 16)?;
    Ok(Value::list(items.into_iter().filter(|item| !is_empty(item)).collect()))
}

/// An item of a `[]byte`.
const fn byte_value(byte: u8) -> Value {
    Value::Uint(crate::Uint::Uint8, byte as u64)
}

fn deep_copy(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    match args.value(0) {
        Value::Nil | Value::NoValue => Err("reflect: call of reflect.Value.Type on zero Value".into()),
        value => copy(run, value, 0),
    }
}

/// The value with lists and maps of its own. A value that is there twice is copied twice, so each copy counts.
fn copy(run: &mut Run<'_>, value: &Value, depth: usize) -> Result<Value, Fault> {
    run.spend(1)?;
    if depth > MAX_DEPTH {
        return Err(Fault::limit(format!("a value is nested more than {MAX_DEPTH} levels deep")));
    }
    match value {
        Value::List(list) if !list.is_nil() => {
            let items = list.to_vec();
            let items = items.iter().map(|item| copy(run, item, depth + 1)).collect::<Result<_, _>>()?;
            Ok(Value::List(List::new(list.elem(), items)))
        }
        Value::Map(map) if !map.is_nil() => {
            let copies = map.entries().into_iter().map(|(key, item)| Ok((key, copy(run, &item, depth + 1)?)));
            Ok(Value::Map(Map::new(map.elem(), copies.collect::<Result<Vec<_>, Fault>>()?)))
        }
        _ => Ok(value.clone()),
    }
}
