//! What Go's library reads a document into: maps with keys of any kind, as Go prints them when a key is refused.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::Stop;
use super::emit::float_text;
use super::scan::Scan;
use crate::func::growth::appended;
use crate::print;
use crate::run::Run;
use crate::types::Type;
use crate::value::{Map, Str, Value};

/// A value of a document.
#[derive(Debug)]
pub(super) enum Any {
    Scalar(Value),
    List(Vec<Any>),
    Map(AnyMap),
}

/// A map whose keys are scalars.
#[derive(Debug, Default)]
pub(super) struct AnyMap {
    entries: Vec<(Value, Any)>,
    /// Where the entry of a key is.
    places: HashMap<Key, usize>,
}

/// A key as it is equal to others.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Nil,
    Str(Str),
    Uint(u64),
    Int(i64),
    Float(u64),
    Bool(bool),
}

impl Key {
    /// None is equal to what is no number.
    fn of(key: &Value) -> Option<Self> {
        Some(match key {
            Value::Str(text) => Self::Str(text.clone()),
            Value::Uint(_, number) => Self::Uint(*number),
            Value::Int(_, number) => Self::Int(*number),
            Value::Float(_, number) if number.is_nan() => return None,
            // Both zeros are the same.
            Value::Float(_, number) => Self::Float((*number + 0.0).to_bits()),
            Value::Bool(word) => Self::Bool(*word),
            _ => Self::Nil,
        })
    }
}

impl AnyMap {
    /// A later entry takes the place of one with an equal key.
    pub(super) fn insert(&mut self, key: Value, value: Any) {
        let place = Key::of(&key).map(|key| *self.places.entry(key).or_insert(self.entries.len()));
        match place.and_then(|place| self.entries.get_mut(place)) {
            Some(entry) => *entry = (key, value),
            None => self.entries.push((key, value)),
        }
    }

    fn with_text_keys(self, run: &mut Run<'_>) -> Scan<Value> {
        let texts = Map::new::<Str>(Type::Any, []);
        for (key, value) in self.entries {
            let Some(text) = text_of(&key) else { return Err(unsupported(run, key, &value)?) };
            texts.insert(text, value.with_text_keys(run)?)?;
        }
        Ok(Value::Map(texts))
    }
}

impl Any {
    /// The value, if all of its keys can be texts.
    pub(super) fn with_text_keys(self, run: &mut Run<'_>) -> Scan<Value> {
        match self {
            Self::Scalar(value) => Ok(value),
            Self::List(items) => {
                let items: Scan<Vec<Value>> =
                    items.into_iter().map(|item| item.with_text_keys(run)).collect();
                Ok(appended(Type::Any, items?))
            }
            Self::Map(map) => map.with_text_keys(run),
        }
    }

    /// As Go's `%#v` prints it.
    pub(super) fn go_syntax(&self, run: &mut Run<'_>) -> Scan<String> {
        let mut printer = Printer { run, out: Vec::new() };
        match self {
            Self::Scalar(Value::Nil) => return Ok("<nil>".into()),
            value => printer.value(value)?,
        }
        let out = printer.out;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }
}

/// Writes values as they stand in Go's source.
struct Printer<'r, 'e> {
    run: &'r mut Run<'e>,
    out: Vec<u8>,
}

impl Printer<'_, '_> {
    fn value(&mut self, value: &Any) -> Scan<()> {
        match value {
            Any::Scalar(value) => self.scalar(value)?,
            Any::List(items) => {
                self.out.extend_from_slice(b"[]interface {}{");
                for (at, item) in items.iter().enumerate() {
                    self.separate(at);
                    self.value(item)?;
                }
                self.out.push(b'}');
            }
            Any::Map(map) => self.map(map)?,
        }
        Ok(())
    }

    fn map(&mut self, map: &AnyMap) -> Scan<()> {
        self.run.spend(map.entries.len() as u64)?;
        self.out.extend_from_slice(b"map[interface {}]interface {}{");
        let mut entries: Vec<_> = map.entries.iter().collect();
        entries.sort_by(|(a, _), (b, _)| in_order(a, b));
        for (at, (key, value)) in entries.into_iter().enumerate() {
            self.separate(at);
            self.scalar(key)?;
            self.out.push(b':');
            self.value(value)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn separate(&mut self, at: usize) {
        if at > 0 {
            self.out.extend_from_slice(b", ");
        }
    }

    fn scalar(&mut self, value: &Value) -> Scan<()> {
        self.run.spend(1)?;
        if let Value::Str(text) = value {
            self.run.make(text.len())?;
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"interface {}(nil)"),
            value => self.out.extend_from_slice(&print::sprintf(b"%#v", std::slice::from_ref(value))?),
        }
        Ok(())
    }
}

/// The order in which Go prints keys: nil, and then by the places of their types, which its linker chooses.
fn in_order(a: &Value, b: &Value) -> Ordering {
    const fn of_type(key: &Value) -> u8 {
        match key {
            Value::Str(_) => 1,
            Value::Uint(..) => 2,
            Value::Int(..) => 3,
            Value::Float(..) => 4,
            Value::Bool(_) => 5,
            _ => 0,
        }
    }
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Uint(_, a), Value::Uint(_, b)) => a.cmp(b),
        (Value::Int(_, a), Value::Int(_, b)) => a.cmp(b),
        // What is no number comes first.
        (Value::Float(_, a), Value::Float(_, b)) => {
            a.partial_cmp(b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
        }
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => of_type(a).cmp(&of_type(b)),
    }
}

/// A key as a text, if JSON can have it.
fn text_of(key: &Value) -> Option<Str> {
    match key {
        Value::Str(text) => Some(text.clone()),
        Value::Int(_, int) => Some(int.to_string().into()),
        Value::Bool(b) => Some(b.to_string().into()),
        Value::Float(_, float) => Some(float_text(*float, 32).into()),
        _ => None,
    }
}

fn unsupported(run: &mut Run<'_>, key: Value, value: &Any) -> Scan<Stop> {
    let of = key.go_type().map_or_else(|| "%!s(<nil>)".to_owned(), |of| of.to_string());
    let (key, value) = (Any::Scalar(key).go_syntax(run)?, value.go_syntax(run)?);
    Ok(Stop::Malformed(format!("unsupported map key of type: {of}, key: {key}, value: {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Env, Limits};

    fn map(entries: Vec<(Value, &str)>) -> Any {
        let mut map = AnyMap::default();
        entries.into_iter().for_each(|(key, value)| map.insert(key, Any::Scalar(value.into())));
        Any::Map(map)
    }

    fn shown(value: &Any) -> String {
        value.go_syntax(&mut Run::new(&Env::default())).unwrap()
    }

    #[test]
    fn equal_keys_are_one_and_keys_of_other_types_are_not() {
        let zeros = vec![
            (Value::float(0.0), "a"),
            (Value::float(-0.0), "b"),
            (Value::int(0), "c"),
            ("0".into(), "d"),
        ];
        assert_eq!(shown(&map(zeros)), r#"map[interface {}]interface {}{"0":"d", 0:"c", -0:"b"}"#);
        let nans =
            vec![(Value::float(1.0), "a"), (Value::float(f64::NAN), "b"), (Value::float(f64::NAN), "c")];
        assert_eq!(shown(&map(nans)), r#"map[interface {}]interface {}{NaN:"b", NaN:"c", 1:"a"}"#);
    }

    #[test]
    fn printing_is_paid_for() {
        let limits = Limits { steps: 100, ..Limits::default() };
        let env = Env { limits, ..Env::default() };
        let long = "x".repeat(100_000);
        let many: Vec<_> = (0..200).map(|at| (Value::int(at), "x")).collect();
        for value in [map(vec![(Value::int(1), &long)]), map(many)] {
            let stop = value.go_syntax(&mut Run::new(&env)).unwrap_err();
            assert!(matches!(stop, Stop::Limit(fault) if fault.wants_steps()));
        }
    }
}
