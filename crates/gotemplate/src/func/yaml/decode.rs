//! The value of a YAML document: aliases followed, maps merged, scalars resolved.

use std::collections::HashSet;

use super::Stop;
use super::emit::float_text;
use super::resolve::{Resolved, is_merge, resolve};
use super::scan::Scan;
use super::tree::{Id, Node, Tree};
use crate::func::growth::appended;
use crate::print;
use crate::run::{LIST_STEPS, MAP_STEPS, Run};
use crate::types::{Type, Uint};
use crate::value::{Map, Str, Value};

/// How deep values may lie in each other, aliases included.
const MAX_DEPTH: usize = 500;

/// The value of the first document, and the first key that JSON cannot have.
pub(super) struct Decoded {
    pub(super) value: Value,
    unsupported: Option<String>,
}

pub(super) fn decode(run: &mut Run<'_>, text: &[u8]) -> Scan<Decoded> {
    /// How many characters are read in one step.
    const CHARS_PER_STEP: u64 = 16;
    run.make(text.len())?;
    run.spend(text.len() as u64 / CHARS_PER_STEP)?;
    let tree = Tree::read(run, text)?;
    let mut decoder = Decoder {
        run,
        tree: &tree,
        open: HashSet::new(),
        depth: 0,
        count: Count::default(),
        unsupported: None,
    };
    let value = match tree.root {
        Some(root) => decoder.value(root)?,
        None => Value::Nil,
    };
    Ok(Decoded { value, unsupported: decoder.unsupported })
}

/// The value, if all of its keys can be texts.
pub(super) fn with_text_keys(decoded: Decoded) -> Scan<Value> {
    match decoded.unsupported {
        None => Ok(decoded.value),
        Some(why) => Err(Stop::Malformed(why)),
    }
}

/// How many nodes were decoded, and how many of them through aliases.
#[derive(Default)]
struct Count {
    all: u64,
    aliased: u64,
    alias_depth: usize,
}

impl Count {
    /// A small document may consist of aliases almost wholly, a large one only in part.
    fn is_excessive(&self) -> bool {
        const LOW: f64 = 400_000.0;
        const HIGH: f64 = 4_000_000.0;
        let all = self.all as f64;
        let share = 0.99 - 0.89 * ((all.clamp(LOW, HIGH) - LOW) / (HIGH - LOW));
        self.aliased > 100 && self.all > 1000 && self.aliased as f64 / all > share
    }
}

struct Decoder<'r, 'e, 't> {
    run: &'r mut Run<'e>,
    tree: &'t Tree,
    /// The aliases that are being followed.
    open: HashSet<Id>,
    depth: usize,
    count: Count,
    unsupported: Option<String>,
}

const WANT_MAP: &str = "map merge requires map or sequence of maps as the value";

fn malformed<T>(problem: impl Into<String>) -> Scan<T> {
    Err(Stop::Malformed(problem.into()))
}

impl<'t> Decoder<'_, '_, 't> {
    fn node(&self, id: Id) -> &'t Node {
        &self.tree.nodes[id]
    }

    fn counted(&mut self) -> Scan<()> {
        self.run.spend(1)?;
        self.count.all += 1;
        if self.count.alias_depth > 0 {
            self.count.aliased += 1;
        }
        if self.count.is_excessive() {
            return malformed("document contains excessive aliasing");
        }
        Ok(())
    }

    fn value(&mut self, id: Id) -> Scan<Value> {
        self.counted()?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Stop::too_deep(MAX_DEPTH));
        }
        let value = match self.node(id) {
            Node::Scalar(scalar) => {
                // An alias copies its text.
                self.run.make(scalar.text.len())?;
                plain_value(resolve(scalar)?)
            }
            Node::List(items) => {
                self.run.spend(LIST_STEPS)?;
                let items: Scan<Vec<Value>> = items.iter().map(|item| self.value(*item)).collect();
                appended(Type::Any, items?)
            }
            Node::Map(entries) => {
                self.run.spend(MAP_STEPS)?;
                let map = Map::new::<Str>(Type::Any, []);
                self.entries(entries, &map)?;
                Value::Map(map)
            }
            Node::Alias(name, target) => self.followed(id, name, |decoder| decoder.value(*target))?,
        };
        self.depth -= 1;
        Ok(value)
    }

    /// Does something with what an alias names.
    fn followed<T>(&mut self, id: Id, name: &str, follow: impl FnOnce(&mut Self) -> Scan<T>) -> Scan<T> {
        if !self.open.insert(id) {
            return malformed(format!("anchor '{name}' value contains itself"));
        }
        self.count.alias_depth += 1;
        let found = follow(self)?;
        self.count.alias_depth -= 1;
        self.open.remove(&id);
        Ok(found)
    }

    /// Entries in their order: later ones win.
    fn entries(&mut self, entries: &[(Id, Id)], into: &Map) -> Scan<()> {
        for (key, value) in entries {
            if matches!(self.node(*key), Node::Scalar(scalar) if is_merge(scalar)) {
                self.merge(*value, into)?;
                continue;
            }
            let key = self.value(*key)?;
            if let Value::List(_) | Value::Map(_) = key {
                let shown = print::sprintf(b"%#v", &[key])?;
                return malformed(format!("invalid map key: {}", String::from_utf8_lossy(&shown)));
            }
            let value = self.value(*value)?;
            match text_of(&key) {
                Some(text) => into.insert(text, value)?,
                None => self.unsupported(key, value)?,
            }
        }
        Ok(())
    }

    fn unsupported(&mut self, key: Value, value: Value) -> Scan<()> {
        if self.unsupported.is_some() {
            return Ok(());
        }
        let of = key.go_type().map_or_else(|| "%!s(<nil>)".to_owned(), |of| of.to_string());
        let show = |value| match value {
            Value::Nil => Ok("<nil>".to_owned()),
            value => print::sprintf(b"%#v", &[value]).map(|text| String::from_utf8_lossy(&text).into_owned()),
        };
        let (shown, value) = (show(key)?, show(value)?);
        let why = format!("unsupported map key of type: {of}, key: {shown}, value: {value}");
        self.unsupported = Some(why);
        Ok(())
    }

    /// The entries of a map, or of several of which the first win, put into another one.
    fn merge(&mut self, id: Id, into: &Map) -> Scan<()> {
        match self.node(id) {
            Node::List(items) => items.iter().rev().try_for_each(|item| self.merge_one(*item, into)),
            _ => self.merge_one(id, into),
        }
    }

    fn merge_one(&mut self, id: Id, into: &Map) -> Scan<()> {
        self.counted()?;
        match self.node(id) {
            Node::Map(entries) => self.entries(entries, into),
            Node::Alias(name, target) => match self.node(*target) {
                Node::Map(entries) => self.followed(id, name, |decoder| decoder.entries(entries, into)),
                _ => malformed(WANT_MAP),
            },
            _ => malformed(WANT_MAP),
        }
    }
}

fn plain_value(resolved: Resolved) -> Value {
    match resolved {
        Resolved::Null => Value::Nil,
        Resolved::Bool(b) => b.into(),
        Resolved::Int(int) => Value::int(int),
        Resolved::Uint(uint) => Value::Uint(Uint::Uint64, uint),
        Resolved::Float(float) => Value::float(float),
        Resolved::Str(text) => Value::str(text),
        Resolved::Timestamp => Value::Nil,
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
