//! How `dario.cat/mergo` merges a map into another one, with what it does to lists, nil and empty values.

use crate::error::Fault;
use crate::run::Run;
use crate::types::{Kind, Type};
use crate::value::{List, Map, Str, Value};

/// Puts what `into` lacks into it, and with `overwrite` also what it has otherwise. Maps in maps are merged. Whether it
/// could be done: a pointer that meets something else ends it.
pub(super) fn merge_into(run: &mut Run<'_>, into: &Map, from: &Map, overwrite: bool) -> Result<bool, Fault> {
    Merge { run, overwrite }.maps(into, from, 0)
}

/// How deep maps may lie in each other.
const MAX_DEPTH: usize = 500;

struct Merge<'r, 'e> {
    run: &'r mut Run<'e>,
    overwrite: bool,
}

impl Merge<'_, '_> {
    fn maps(&mut self, into: &Map, from: &Map, depth: usize) -> Result<bool, Fault> {
        if depth > MAX_DEPTH {
            return Err(Fault::limit(format!("a map is nested deeper than {MAX_DEPTH} levels")));
        }
        for (key, new) in from.entries() {
            self.run.spend(1)?;
            let entry = Entry { into, key, from_elem: from.elem() };
            // Within `interface {}` only nil without a type is nil.
            let is_nil = if from.elem() == Type::Any { matches!(new, Value::Nil) } else { new.is_nil() };
            if is_nil && self.overwrite {
                entry.set(self.run, new)?;
            } else if !is_nil && !self.entry(&entry, new, depth)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One key. Whether it could be merged.
    fn entry(&mut self, entry: &Entry<'_>, new: Value, depth: usize) -> Result<bool, Fault> {
        let old = entry.into.get(&entry.key);
        let fits = match (new.kind(), &old, &new) {
            (Kind::Map, Some(Value::Map(old)), Value::Map(new)) if !old.is_nil() => {
                self.maps(old, new, depth + 1)?
            }
            (Kind::Map | Kind::Struct, Some(old), _) => self.overwrite || old.kind() != Kind::Ptr,
            (Kind::Slice, _, _) => {
                self.list(entry, old.as_ref(), &new)?;
                true
            }
            _ => true,
        };
        if !fits {
            return Ok(false);
        }
        let kept = old.as_ref().filter(|old| !is_empty(old));
        let done = kept.is_some_and(|old| {
            new.kind() == Kind::Slice || new.kind() == Kind::Map && old.kind() == Kind::Map
        });
        if !done && (self.overwrite || kept.is_none()) {
            entry.set(self.run, new)?;
        }
        Ok(true)
    }

    /// A list takes the place of what is there, of whatever type, but only to overwrite or where all is empty. `mergo` asks what is there
    /// whether it is nil, which no text can be asked.
    fn list(&mut self, entry: &Entry<'_>, old: Option<&Value>, new: &Value) -> Result<(), Fault> {
        if old.is_some() && entry.into.elem() == Type::String {
            return Err(Fault::new("reflect: call of reflect.Value.IsNil on string Value"));
        }
        if self.overwrite || entry.into.is_empty() {
            return entry.set_as(self.run, new.clone(), new.go_type());
        }
        match old {
            None | Some(Value::Nil) => {
                let empty = match new {
                    Value::List(list) => Value::List(List::new(list.elem(), Vec::new())),
                    _ => Value::bytes(&[][..]),
                };
                entry.set_as(self.run, empty, new.go_type())
            }
            Some(old) => entry.set_as(self.run, old.clone(), old.go_type()),
        }
    }
}

/// A key of the map that is merged into.
struct Entry<'m> {
    into: &'m Map,
    key: Str,
    from_elem: Type,
}

impl Entry<'_> {
    /// Sets a value as it lay in the other map.
    fn set(&self, run: &mut Run<'_>, value: Value) -> Result<(), Fault> {
        self.set_as(run, value, Some(self.from_elem))
    }

    /// Sets a value that Go takes for one of that type.
    fn set_as(&self, run: &mut Run<'_>, value: Value, of: Option<Type>) -> Result<(), Fault> {
        let (of, elem) = (of.unwrap_or(Type::Any), self.into.elem());
        if elem != Type::Any && elem != of {
            return Err(Fault::new(format!(
                "reflect.Value.SetMapIndex: value of type {of} is not assignable to type {elem}"
            )));
        }
        self.into.insert_within(run, self.key.clone(), value)
    }
}

/// Empty as `mergo` sees it: a struct, a pointer and a complex number never are.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Complex(..) => false,
        other => super::deep::is_empty(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    fn merged(into: &Value, from: &Value, overwrite: bool) -> (Result<bool, Fault>, Vec<u8>) {
        let (Value::Map(a), Value::Map(b)) = (into, from) else { panic!("no maps") };
        let done = merge_into(&mut Run::new(&Env::default()), a, b, overwrite);
        (done, crate::print::display(into).unwrap())
    }

    #[test]
    fn what_is_empty_is_filled_and_what_is_not_stays() {
        let into = Value::dict([("a", Value::int(0)), ("b", Value::int(1)), ("c", Value::Nil)]);
        let from = Value::dict([("a", Value::int(5)), ("b", Value::int(2)), ("c", Value::int(3))]);
        assert_eq!(merged(&into, &from, false).1, b"map[a:5 b:1 c:3]");
    }

    #[test]
    fn nil_overwrites() {
        let into = Value::dict([("a", Value::int(1))]);
        assert_eq!(merged(&into, &Value::dict([("a", Value::Nil)]), true).1, b"map[a:<nil>]");
    }

    #[test]
    fn no_list_meets_an_entry_of_a_map_of_texts() {
        let from = Value::dict([("a", Value::list(Vec::new()))]);
        for overwrite in [false, true] {
            let (done, into) = merged(&Value::string_map([("a", "x")]), &from, overwrite);
            let told = done.unwrap_err().to_string();
            assert_eq!(told, "reflect: call of reflect.Value.IsNil on string Value");
            assert_eq!(into, b"map[a:x]");
        }
    }

    #[test]
    fn a_map_of_texts_takes_no_other_values() {
        let into = Value::string_map([("a", "x")]);
        let (done, _) = merged(&into, &Value::dict([("b", Value::int(1))]), false);
        assert_eq!(
            done.unwrap_err().to_string(),
            "reflect.Value.SetMapIndex: value of type interface {} is not assignable to type string"
        );
    }
}
