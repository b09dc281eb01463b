//! What `reflect.DeepEqual`, sprig's `empty` and `copystructure` make of values.

use std::rc::Rc;

use crate::error::Fault;
use crate::run::{LIST_STEPS, MAP_STEPS, Run};
use crate::types::Kind;
use crate::value::{Bytes, List, Map, Value};

/// How deep values may lie in each other.
const MAX_DEPTH: usize = 500;

fn deeper(run: &mut Run<'_>, depth: usize) -> Result<(), Fault> {
    run.spend(1)?;
    if depth > MAX_DEPTH {
        return Err(Fault::limit(format!("a value is nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(())
}

/// Whether both are of the same type and equal in all that they hold. Nil is not empty, NaN is not NaN.
pub(super) fn deep_equal(run: &mut Run<'_>, a: &Value, b: &Value) -> Result<bool, Fault> {
    equal_at(run, a, b, 0)
}

fn equal_at(run: &mut Run<'_>, a: &Value, b: &Value, depth: usize) -> Result<bool, Fault> {
    deeper(run, depth)?;
    if a.go_type() != b.go_type() {
        return Ok(false);
    }
    Ok(match (a, b) {
        (Value::Nil | Value::NoValue, _) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(_, a), Value::Int(_, b)) => a == b,
        (Value::Uint(_, a), Value::Uint(_, b)) => a == b,
        (Value::Float(_, a), Value::Float(_, b)) => a == b,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::Bytes(a), Value::Bytes(b)) => {
            run.spend(a.len().min(b.len()) as u64 / 1024)?;
            a == b
        }
        (Value::Str(a), Value::Str(b)) => {
            run.spend(a.len().min(b.len()) as u64 / 1024)?;
            a == b
        }
        (Value::List(a), Value::List(b)) => lists_equal(run, a, b, depth)?,
        (Value::Map(a), Value::Map(b)) => maps_equal(run, a, b, depth)?,
        (Value::Object(a), Value::Object(b)) => Rc::ptr_eq(a, b) || a.equals(&**b) == Some(true),
        _ => false,
    })
}

/// What is the same is equal, even if there is NaN in it.
fn lists_equal(run: &mut Run<'_>, a: &List, b: &List, depth: usize) -> Result<bool, Fault> {
    if a.is_same(b) {
        return Ok(true);
    }
    if a.len() != b.len() || a.is_nil() != b.is_nil() {
        return Ok(false);
    }
    for i in 0..a.len() {
        let (a, b) = (a.get(i).unwrap_or_default(), b.get(i).unwrap_or_default());
        if !equal_at(run, &a, &b, depth + 1)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps_equal(run: &mut Run<'_>, a: &Map, b: &Map, depth: usize) -> Result<bool, Fault> {
    if a.is_same(b) {
        return Ok(true);
    }
    if a.len() != b.len() || a.is_nil() != b.is_nil() {
        return Ok(false);
    }
    a.all_beside(b, |(key, a), (other_key, b)| {
        run.spend(key.len().min(other_key.len()) as u64 / 1024)?;
        Ok(key == other_key && equal_at(run, a, b, depth + 1)?)
    })
}

/// Whether sprig takes the value for absent: nothing, false, zero, or without items. A struct and a pointer are never
/// empty.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(object) if matches!(object.go_type().kind(), Kind::Struct | Kind::Ptr) => false,
        other => !other.truth(),
    }
}

/// A copy that shares no list and no map with the value.
pub(super) fn deep_copy(run: &mut Run<'_>, value: &Value) -> Result<Value, Fault> {
    copy_at(run, value, 0)
}

fn copy_at(run: &mut Run<'_>, value: &Value, depth: usize) -> Result<Value, Fault> {
    deeper(run, depth)?;
    Ok(match value {
        Value::List(list) if !list.is_nil() => {
            run.spend(LIST_STEPS)?;
            let mut items = Vec::with_capacity(list.len());
            for item in list.to_vec() {
                items.push(copy_at(run, &item, depth + 1)?);
            }
            Value::List(List::with_capacity(list.elem(), items, list.capacity()))
        }
        Value::Map(map) if !map.is_nil() => {
            run.spend(MAP_STEPS)?;
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map.entries() {
                entries.push((key, copy_at(run, &value, depth + 1)?));
            }
            Value::Map(Map::new(map.elem(), entries))
        }
        Value::Bytes(bytes) if !bytes.is_nil() => {
            run.spend(1)?;
            run.make(bytes.capacity())?;
            Value::Bytes(Bytes::with_capacity(&bytes.borrow(), bytes.capacity()))
        }
        Value::Object(object) => {
            run.make(object.weight())?;
            object.copied().unwrap_or_else(|| value.clone())
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;
    use crate::types::Type;

    fn equal(a: &Value, b: &Value) -> bool {
        deep_equal(&mut Run::new(&Env::default()), a, b).unwrap()
    }

    #[test]
    fn equality_asks_for_the_same_type() {
        assert!(!equal(&Value::int(1), &Value::int64(1)));
        assert!(!equal(&Value::list(vec![]), &Value::List(List::nil(Type::Any))));
        assert!(equal(&Value::list(vec![Value::int(1)]), &Value::list(vec![Value::int(1)])));
        assert!(!equal(&Value::float(f64::NAN), &Value::float(f64::NAN)));
    }

    /// What many lists share is copied for each of them.
    #[test]
    fn copies_of_bytes_and_of_errors_are_paid_for_before_they_are_made() {
        let error =
            Value::object(crate::func::failure::Failure::Number("ParseUint", "9".repeat(12_800), "x"));
        for value in [Value::bytes(vec![7; 12_800]), error] {
            let shared = Value::list(vec![value.clone(), value]);
            for (steps, enough) in [(150, false), (250, true)] {
                let env =
                    Env { limits: crate::Limits { steps, ..crate::Limits::default() }, ..Env::default() };
                assert_eq!(deep_copy(&mut Run::new(&env), &shared).is_ok(), enough, "{steps} steps");
            }
        }
    }

    #[test]
    fn a_list_equals_itself_whatever_is_in_it() {
        let list = List::new(Type::Any, vec![Value::int(1), Value::float(f64::NAN)]);
        let items = Value::List(list.clone());
        assert!(equal(&items, &items));
        assert!(equal(&Value::list(vec![items.clone()]), &Value::list(vec![items.clone()])));
        assert!(equal(&Value::List(list.slice(1, 2).unwrap()), &Value::List(list.slice(1, 2).unwrap())));
        assert!(!equal(&items, &Value::list(list.to_vec())));
    }

    #[test]
    fn only_what_is_compared_is_paid_for_and_looked_at() {
        let steps = |a: &Value, b: &Value| {
            let env = Env::default();
            let mut run = Run::new(&env);
            deep_equal(&mut run, a, b).unwrap();
            run.taken()
        };
        let list = |first: i64| Value::list((first..first + 1000).map(Value::int).collect());
        assert_eq!((steps(&list(0), &list(1)), steps(&list(0), &list(0))), (2, 1001));
        let map = |first: i64| Value::dict((0..1000).map(|i| (format!("{i:04}"), Value::int(first + i))));
        assert_eq!((steps(&map(0), &map(1)), steps(&map(0), &map(0))), (2, 1001));
    }

    #[test]
    fn a_copy_shares_no_map() {
        let inner = Map::new(Type::Any, [("a", Value::int(1))]);
        let copy =
            deep_copy(&mut Run::new(&Env::default()), &Value::dict([("inner", Value::Map(inner.clone()))]));
        inner.insert("b", Value::Nil).unwrap();
        let Ok(Value::Map(copy)) = copy else { panic!("no map") };
        assert!(matches!(copy.get(b"inner"), Some(Value::Map(map)) if map.len() == 1));
    }
}
