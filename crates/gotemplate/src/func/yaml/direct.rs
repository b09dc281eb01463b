//! Values that become YAML without the detour by way of JSON, because nothing in them reads there in a way of its own.

use super::emit::{Item, float_text};
use super::order;
use super::resolve::{Resolved, resolve_plain};
use crate::error::Fault;
use crate::func::json_write;
use crate::run::{MAP_STEPS, Run};
use crate::types::Float;
use crate::value::{Str, Value};

/// How deep values may lie in each other here.
const MAX_DEPTH: usize = 100;
/// How long a key may be: a long one may not be a key in YAML.
const MAX_KEY: usize = 128;
/// The key that merges maps.
const MERGE: &[u8] = b"<<";

/// What is written for a value; none if it must take the detour.
pub(super) fn item(run: &mut Run<'_>, value: &Value) -> Result<Option<Item>, Fault> {
    let room = run.limits().output;
    Reader { run, room }.item(value, 0)
}

struct Reader<'r, 'e> {
    run: &'r mut Run<'e>,
    /// How many bytes of text may still be taken.
    room: usize,
}

impl Reader<'_, '_> {
    fn item(&mut self, value: &Value, depth: usize) -> Result<Option<Item>, Fault> {
        self.run.spend(1)?;
        if depth > MAX_DEPTH {
            return Ok(None);
        }
        Ok(match value {
            Value::NoValue | Value::Nil => Some(Item::Plain("null".into())),
            Value::Bool(b) => Some(Item::Plain(b.to_string())),
            Value::Int(_, int) => Some(Item::Plain(int.to_string())),
            Value::Uint(_, uint) => Some(Item::Plain(uint.to_string())),
            Value::Float(of, float) => number(*of, *float),
            Value::Str(text) => self.text(text)?.map(Item::Text),
            Value::List(list) if list.is_nil() => Some(Item::Plain("null".into())),
            Value::List(list) => self.list(&list.to_vec(), depth + 1)?,
            Value::Map(map) if map.is_nil() => Some(Item::Plain("null".into())),
            Value::Map(map) => self.map(&map.entries(), depth + 1)?,
            Value::Bytes(_) | Value::Object(_) | Value::Complex(..) | Value::Func(_) => None,
        })
    }

    fn list(&mut self, values: &[Value], depth: usize) -> Result<Option<Item>, Fault> {
        let mut items = Vec::with_capacity(values.len());
        for value in values {
            let Some(item) = self.item(value, depth)? else { return Ok(None) };
            items.push(item);
        }
        Ok(Some(Item::List(items)))
    }

    fn map(&mut self, entries: &[(Str, Value)], depth: usize) -> Result<Option<Item>, Fault> {
        self.run.spend(MAP_STEPS)?;
        let mut items = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if key.len() > MAX_KEY || &**key == MERGE {
                return Ok(None);
            }
            let Some(key) = self.text(key)? else { return Ok(None) };
            let Some(item) = self.item(value, depth)? else { return Ok(None) };
            items.push((key.chars().collect(), item));
        }
        Ok(Some(order::in_order(items)))
    }

    /// A text of characters that JSON and YAML have in common.
    fn text(&mut self, text: &[u8]) -> Result<Option<String>, Fault> {
        self.run.spend(text.len() as u64 / 1024)?;
        let Some(room) = self.room.checked_sub(text.len()) else { return Ok(None) };
        self.room = room;
        let is_common = text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'));
        Ok(is_common.then(|| String::from_utf8_lossy(text).into_owned()))
    }
}

/// A number as YAML reads what JSON writes: one without a fraction is an integer.
fn number(of: Float, float: f64) -> Option<Item> {
    let json = json_write::float_text(of, float).ok()?;
    Some(Item::Plain(match resolve_plain(&String::from_utf8_lossy(&json)) {
        Resolved::Int(int) => int.to_string(),
        Resolved::Uint(uint) => uint.to_string(),
        Resolved::Float(float) => float_text(float, 64),
        _ => return None,
    }))
}
