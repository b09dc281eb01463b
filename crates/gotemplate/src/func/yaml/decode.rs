//! The value of a YAML document: aliases followed, maps merged, scalars resolved.

use std::collections::HashSet;

use super::Stop;
use super::any::{Any, AnyMap};
use super::resolve::{Resolved, is_merge, resolve};
use super::scan::Scan;
use super::tree::{Id, Node, Tree};
use crate::run::{LIST_STEPS, MAP_STEPS, Run};
use crate::types::Uint;
use crate::value::Value;

/// How deep values may lie in each other, aliases included.
const MAX_DEPTH: usize = 500;

/// The value of the first document.
pub(super) fn decode(run: &mut Run<'_>, text: &[u8]) -> Scan<Any> {
    /// How many characters are read in one step.
    const CHARS_PER_STEP: u64 = 16;
    run.make(text.len())?;
    run.spend(text.len() as u64 / CHARS_PER_STEP)?;
    let tree = Tree::read(run, text)?;
    let mut decoder = Decoder { run, tree: &tree, open: HashSet::new(), depth: 0, count: Count::default() };
    tree.root.map_or(Ok(Any::Scalar(Value::Nil)), |root| decoder.value(root))
}

/// The same, if all of its keys can be texts.
pub(super) fn with_text_keys(run: &mut Run<'_>, text: &[u8]) -> Scan<Value> {
    decode(run, text)?.with_text_keys(run)
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

    fn value(&mut self, id: Id) -> Scan<Any> {
        self.counted()?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Stop::too_deep(MAX_DEPTH));
        }
        let value = match self.node(id) {
            Node::Scalar(scalar) => {
                // An alias copies its text.
                self.run.make(scalar.text.len())?;
                Any::Scalar(plain_value(resolve(scalar)?))
            }
            Node::List(items) => {
                self.run.spend(LIST_STEPS)?;
                let items: Scan<Vec<Any>> = items.iter().map(|item| self.value(*item)).collect();
                Any::List(items?)
            }
            Node::Map(entries) => {
                self.run.spend(MAP_STEPS)?;
                let mut map = AnyMap::default();
                self.entries(entries, &mut map)?;
                Any::Map(map)
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
    fn entries(&mut self, entries: &[(Id, Id)], into: &mut AnyMap) -> Scan<()> {
        for (key, value) in entries {
            if matches!(self.node(*key), Node::Scalar(scalar) if is_merge(scalar)) {
                self.merge(*value, into)?;
                continue;
            }
            let key = match self.value(*key)? {
                Any::Scalar(key) => key,
                other => return malformed(format!("invalid map key: {}", other.go_syntax(self.run)?)),
            };
            let value = self.value(*value)?;
            into.insert(key, value);
        }
        Ok(())
    }

    /// The entries of a map, or of several of which the first win, put into another one.
    fn merge(&mut self, id: Id, into: &mut AnyMap) -> Scan<()> {
        match self.node(id) {
            Node::List(items) => items.iter().rev().try_for_each(|item| self.merge_one(*item, into)),
            _ => self.merge_one(id, into),
        }
    }

    fn merge_one(&mut self, id: Id, into: &mut AnyMap) -> Scan<()> {
        self.counted()?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Stop::too_deep(MAX_DEPTH));
        }
        self.merged(id, into)?;
        self.depth -= 1;
        Ok(())
    }

    fn merged(&mut self, id: Id, into: &mut AnyMap) -> Scan<()> {
        match self.node(id) {
            Node::Map(entries) => self.entries(entries, into),
            Node::Alias(name, target) => match self.node(*target) {
                Node::Map(entries) => self.followed(id, name, |decoder| {
                    decoder.counted()?;
                    decoder.entries(entries, into)
                }),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Env, Limits};

    #[test]
    fn merges_are_followed_to_a_depth() {
        // With too few other nodes the aliases would be excessive.
        let others = "x, ".repeat(60_000);
        let chain = |links: usize| {
            let links = (1..links).map(|at| format!("k{at}: &a{at} {{<<: *a{}}}\n", at - 1));
            format!("o: [{others}]\nk0: &a0 {{x: 1}}\n{}", links.collect::<String>())
        };
        let limits = Limits { steps: 10_000_000, ..Limits::default() };
        let env = Env { limits, ..Env::default() };
        let read = |text: &str| decode(&mut Run::new(&env), text.as_bytes());
        assert!(read(&chain(200)).is_ok());
        assert!(matches!(read(&chain(600)), Err(Stop::Limit(_))));
    }
}
