//! `eq` and `lt`, on which the other comparisons are built: by kind, and never across kinds.

use std::rc::Rc;

use crate::error::Fault;
use crate::print::sprintf;
use crate::types::Kind;
use crate::value::Value;

/// What is compared with what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Basic {
    None,
    Bool,
    Complex,
    Int,
    Float,
    String,
    Uint,
}

const fn basic(value: &Value) -> Basic {
    match value {
        Value::Bool(_) => Basic::Bool,
        Value::Complex(..) => Basic::Complex,
        Value::Int(..) => Basic::Int,
        Value::Float(..) => Basic::Float,
        Value::Str(_) => Basic::String,
        Value::Uint(..) => Basic::Uint,
        _ => Basic::None,
    }
}

const BAD: &str = "invalid type for comparison";

/// Whether the first equals any of the others.
pub(super) fn equal(first: &Value, others: &[Value]) -> Result<bool, Fault> {
    if others.is_empty() {
        return Err(Fault::from("missing argument for comparison"));
    }
    for other in others {
        if equal_pair(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn equal_pair(first: &Value, other: &Value) -> Result<bool, Fault> {
    let (first, other) = (&first.clone().held(), &other.clone().held());
    match (&first.plain(), &other.plain()) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Complex(a, b), Value::Complex(c, d)) => Ok(a == c && b == d),
        (Value::Int(_, a), Value::Int(_, b)) => Ok(a == b),
        (Value::Uint(_, a), Value::Uint(_, b)) => Ok(a == b),
        (Value::Float(_, a), Value::Float(_, b)) => Ok(a == b),
        (Value::Str(a), Value::Str(b)) => Ok(a == b),
        (Value::Int(_, a), Value::Uint(_, b)) | (Value::Uint(_, b), Value::Int(_, a)) => {
            Ok(u64::try_from(*a).is_ok_and(|a| a == *b))
        }
        (a, b) if basic(a) != basic(b) => {
            if a.go_type().is_none() || b.go_type().is_none() {
                return Ok(false);
            }
            Err(incompatible(first, other))
        }
        _ => equal_others(first, other),
    }
}

fn incompatible(first: &Value, other: &Value) -> Fault {
    Fault::new(format!("incompatible types for comparison: {} and {}", first.type_name(), other.type_name()))
}

/// Values that are neither numbers nor strings nor bools.
fn equal_others(first: &Value, other: &Value) -> Result<bool, Fault> {
    let (kind, other_kind) = (first.kind(), other.kind());
    if kind != other_kind && kind != Kind::Invalid && other_kind != Kind::Invalid {
        return Err(mixed(first, other));
    }
    if first.is_nil() || other.is_nil() {
        return Ok(first.is_nil() == other.is_nil());
    }
    match (first, other) {
        (Value::Object(a), Value::Object(b)) if kind == Kind::Ptr && Rc::ptr_eq(a, b) => Ok(true),
        (Value::Object(a), Value::Object(b)) => a.is_same(&**b).ok_or_else(|| not_comparable(other)),
        _ => Err(not_comparable(other)),
    }
}

fn mixed(first: &Value, other: &Value) -> Fault {
    let shown = sprintf(b"%s", std::slice::from_ref(first)).unwrap_or_default();
    let other_shown = sprintf(b"%v", std::slice::from_ref(other)).unwrap_or_default();
    let (shown, other_shown) = (String::from_utf8_lossy(&shown), String::from_utf8_lossy(&other_shown));
    let types = (first.type_name(), other.type_name());
    Fault::new(format!("non-comparable types {shown}: {}, {}: {other_shown}", types.0, types.1))
}

fn not_comparable(value: &Value) -> Fault {
    let shown = sprintf(b"%s", std::slice::from_ref(value)).unwrap_or_default();
    Fault::new(format!("non-comparable type {}: {}", String::from_utf8_lossy(&shown), value.type_name()))
}

/// Whether the first is less than the second.
pub(super) fn less(first: &Value, second: &Value) -> Result<bool, Fault> {
    let (first, second) = (&first.clone().held(), &second.clone().held());
    let (a, b) = (first.plain(), second.plain());
    if basic(&a) == Basic::None || basic(&b) == Basic::None {
        return Err(Fault::from(BAD));
    }
    match (&a, &b) {
        (Value::Int(_, a), Value::Int(_, b)) => Ok(a < b),
        (Value::Uint(_, a), Value::Uint(_, b)) => Ok(a < b),
        (Value::Float(_, a), Value::Float(_, b)) => Ok(a < b),
        (Value::Str(a), Value::Str(b)) => Ok(a < b),
        (Value::Int(_, a), Value::Uint(_, b)) => Ok(u64::try_from(*a).map_or(true, |a| a < *b)),
        (Value::Uint(_, a), Value::Int(_, b)) => Ok(u64::try_from(*b).is_ok_and(|b| *a < b)),
        _ if basic(&a) == basic(&b) => Err(Fault::from(BAD)),
        _ => Err(incompatible(first, second)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Int, Uint};

    #[test]
    fn integers_compare_whatever_their_sign_and_width() {
        let (int, uint) = (Value::Int(Int::Int8, -1), Value::Uint(Uint::Uint64, u64::MAX));
        assert!(!equal(&int, std::slice::from_ref(&uint)).unwrap());
        assert!(less(&int, &uint).unwrap());
        assert!(!less(&uint, &int).unwrap());
    }

    #[test]
    fn kinds_do_not_mix() {
        for (a, b, want) in [
            (Value::int(1), Value::float(1.0), "incompatible types for comparison: int and float64"),
            (
                Value::str("a"),
                Value::list(vec![]),
                "incompatible types for comparison: string and []interface {}",
            ),
            (Value::list(vec![]), Value::list(vec![]), "non-comparable type []: []interface {}"),
            (
                Value::list(vec![Value::int(1)]),
                Value::dict([("a", Value::int(1))]),
                "non-comparable types [%!s(int=1)]: []interface {}, map[string]interface {}: map[a:1]",
            ),
        ] {
            assert_eq!(equal(&a, &[b]).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn nil_equals_nil_alone() {
        assert!(equal(&Value::Nil, &[Value::NoValue]).unwrap());
        assert!(!equal(&Value::Nil, &[Value::int(0)]).unwrap());
    }
}
