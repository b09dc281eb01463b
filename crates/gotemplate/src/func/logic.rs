//! Sprig's functions that choose between values: defaults, emptiness, failure.

use crate::error::Fault;
use crate::func::Func;
use crate::func::deep::is_empty;
use crate::func::letter::chars;
use crate::types::Type;
use crate::value::Value;

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
    Func::fixed("ternary", &[Type::Any, Type::Any, Type::Bool], Type::Any, |_, args| {
        Ok(args.value(usize::from(!args.bool(2)?)).clone())
    }),
    Func::fixed("fail", &[Type::String], Type::String, |_, args| {
        Err(Fault::new(chars(args.str(0)?).collect::<String>()))
    }),
];

/// What Go panics with where sprig asks nil for its type.
pub(super) const NIL_POINTER: &str = "runtime error: invalid memory address or nil pointer dereference";
