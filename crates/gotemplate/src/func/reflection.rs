//! Sprig's functions on types and kinds, and `reflect.DeepEqual`.

use std::rc::Rc;

use crate::error::Fault;
use crate::func::Func;
use crate::print;
use crate::run::Run;
use crate::types::Type;
use crate::value::{List, Map, Object, Value};

const ANYTHING: &[Type] = &[Type::Any];
const NAME_AND_VALUE: &[Type] = &[Type::String, Type::Any];

/// The table.
pub static ROWS: &[Func] = &[
    Func::fixed("typeOf", ANYTHING, Type::String, |_, args| Ok(Value::str(type_of(args.value(0))?))),
    Func::fixed("typeIs", NAME_AND_VALUE, Type::Bool, |_, args| {
        Ok((type_of(args.value(1))? == args.str(0)?.as_bytes()).into())
    }),
    Func::fixed("typeIsLike", NAME_AND_VALUE, Type::Bool, |_, args| {
        let (name, found) = (args.str(0)?.as_bytes(), type_of(args.value(1))?);
        Ok((found == name || found.strip_prefix(b"*") == Some(name)).into())
    }),
    Func::fixed("kindOf", ANYTHING, Type::String, |_, args| Ok(args.value(0).kind().to_string().into())),
    Func::fixed("kindIs", NAME_AND_VALUE, Type::Bool, |_, args| {
        Ok((args.value(1).kind().to_string().as_bytes() == args.str(0)?.as_bytes()).into())
    }),
    Func::fixed("deepEqual", &[Type::Any, Type::Any], Type::Bool, |run, args| {
        Ok(deep_equal(run, args.value(0), args.value(1), 0)?.into())
    }),
];

/// How deeply values may be nested in each other to be compared.
const MAX_DEPTH: usize = 500;

/// The type as `%T` prints it.
fn type_of(value: &Value) -> Result<Vec<u8>, Fault> {
    print::sprintf(b"%T", std::slice::from_ref(value))
}

/// Whether both are of one type and hold the same, all the way down. Nil is not the same as empty.
pub(super) fn deep_equal(run: &mut Run<'_>, a: &Value, b: &Value, depth: usize) -> Result<bool, Fault> {
    run.spend(1)?;
    if depth > MAX_DEPTH {
        return Err(Fault::limit(format!("a value is nested more than {MAX_DEPTH} levels deep")));
    }
    if a.go_type() != b.go_type() {
        return Ok(false);
    }
    Ok(match (a, b) {
        (Value::NoValue | Value::Nil, _) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(_, a), Value::Int(_, b)) => a == b,
        (Value::Uint(_, a), Value::Uint(_, b)) => a == b,
        (Value::Float(_, a), Value::Float(_, b)) => a == b,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::Str(a), Value::Str(b)) | (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => equal_lists(run, a, b, depth)?,
        (Value::Map(a), Value::Map(b)) => equal_maps(run, a, b, depth)?,
        (Value::Object(a), Value::Object(b)) => equal_objects(a, b),
        // Two functions are equal only if both are nil, and none is.
        _ => false,
    })
}

fn equal_lists(run: &mut Run<'_>, a: &List, b: &List, depth: usize) -> Result<bool, Fault> {
    if a.is_nil() != b.is_nil() || a.len() != b.len() {
        return Ok(false);
    }
    for (a, b) in a.to_vec().iter().zip(&b.to_vec()) {
        if !deep_equal(run, a, b, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn equal_maps(run: &mut Run<'_>, a: &Map, b: &Map, depth: usize) -> Result<bool, Fault> {
    if a.is_same(b) {
        return Ok(true);
    }
    if a.is_nil() != b.is_nil() || a.len() != b.len() {
        return Ok(false);
    }
    for (key, item) in a.entries() {
        let Some(other) = b.get(&key) else { return Ok(false) };
        if !deep_equal(run, &item, &other, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Objects that cannot say whether they are equal are what they print.
fn equal_objects(a: &Rc<dyn Object>, b: &Rc<dyn Object>) -> bool {
    Rc::ptr_eq(a, b) || a.equals(&**b).unwrap_or_else(|| a.text().is_some() && a.text() == b.text())
}
