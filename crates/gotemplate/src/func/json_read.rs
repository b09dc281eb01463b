//! JSON as `encoding/json` reads it into `interface {}`, with its messages.

use super::cast::parse_float;
use super::failure::Failure;
use super::growth::appended;
use super::json_text::{JsonText, Syntax, invalid};
use crate::error::Fault;
use crate::run::{LIST_STEPS, MAP_STEPS, Run};
use crate::types::Type;
use crate::value::{Map, Str, Value};

/// How deep values may lie in each other.
const MAX_DEPTH: usize = 500;

/// Why a text was refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) text: String,
    /// What Go has read all the same: nothing, but for numbers that are too large, which are nil in it.
    pub(super) partly: Value,
}

/// Why reading ended.
enum Stop {
    /// The text is no JSON.
    Syntax(String),
    Limit(Fault),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Limit(fault)
    }
}

impl From<Syntax> for Stop {
    fn from(Syntax(text): Syntax) -> Self {
        Self::Syntax(text)
    }
}

/// The value of a text; `Err` in `Ok` if it is no JSON, `Err` if a limit is reached.
pub(super) fn read(run: &mut Run<'_>, text: &[u8]) -> Result<Result<Value, Refusal>, Fault> {
    run.make(text.len())?;
    let mut reader = Reader { run, text: JsonText::new(text), depth: 0, too_large: None };
    match reader.document() {
        Ok(value) => Ok(match reader.too_large.take() {
            None => Ok(value),
            Some(text) => Err(Refusal { text, partly: value }),
        }),
        Err(Stop::Syntax(text)) => Ok(Err(Refusal { text, partly: Value::Nil })),
        Err(Stop::Limit(fault)) => Err(fault),
    }
}

/// The string of a text, empty for `null`; what Go says if it is none, as [`read`].
pub(super) fn read_string(run: &mut Run<'_>, text: &[u8]) -> Result<Result<Vec<u8>, Failure>, Fault> {
    run.make(text.len())?;
    let mut reader = Reader { run, text: JsonText::new(text), depth: 0, too_large: None };
    let value = match reader.document() {
        Ok(value) => value,
        Err(Stop::Syntax(why)) => return Ok(Err(Failure::Syntax(why, text.len().min(reader.text.at() + 1)))),
        Err(Stop::Limit(fault)) => return Err(fault),
    };
    let (begin, end) = (text.len() - text.trim_ascii_start().len(), text.trim_ascii_end().len());
    let what = match (value, text.get(begin)) {
        (Value::Str(text), _) => return Ok(Ok(text.to_vec())),
        (Value::List(_), _) => Failure::NoString("array", begin + 1),
        (Value::Map(_), _) => Failure::NoString("object", begin + 1),
        (Value::Bool(_), _) => Failure::NoString("bool", end),
        (_, Some(b'n')) => return Ok(Ok(Vec::new())),
        _ => Failure::NoString("number", end),
    };
    Ok(Err(what))
}

struct Reader<'r, 'e, 't> {
    run: &'r mut Run<'e>,
    text: JsonText<'t>,
    depth: usize,
    /// Of the first number that no float can hold.
    too_large: Option<String>,
}

impl Reader<'_, '_, '_> {
    fn document(&mut self) -> Result<Value, Stop> {
        let value = self.value()?;
        self.text.end()?;
        Ok(value)
    }

    fn value(&mut self) -> Result<Value, Stop> {
        self.run.spend(1)?;
        match self.text.next()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => Ok(Value::str(self.text.string()?)),
            b't' => self.literal("true", true.into()),
            b'f' => self.literal("false", false.into()),
            b'n' => self.literal("null", Value::Nil),
            b'-' | b'0'..=b'9' => self.number(),
            byte => Err(invalid(byte, "looking for beginning of value").into()),
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Stop> {
        self.text.literal(word)?;
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Stop>) -> Result<Value, Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let text = format!("a value is nested deeper than {MAX_DEPTH} levels");
            return Err(Stop::Limit(Fault::limit(text)));
        }
        self.text.step();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, Stop> {
        self.run.spend(LIST_STEPS)?;
        let mut items = Vec::new();
        if self.text.is_empty(b']')? {
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value()?);
            if !self.text.more(b']')? {
                return Ok(appended(Type::Any, items));
            }
        }
    }

    fn object(&mut self) -> Result<Value, Stop> {
        self.run.spend(MAP_STEPS)?;
        let map = Map::new::<Str>(Type::Any, []);
        if self.text.is_empty(b'}')? {
            return Ok(Value::Map(map));
        }
        loop {
            let name = self.text.name()?;
            let value = self.value()?;
            map.insert(name, value)?;
            if !self.text.more(b'}')? {
                return Ok(Value::Map(map));
            }
        }
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let text = String::from_utf8_lossy(self.text.number()?);
        let number = parse_float(&text);
        if number.is_none() {
            self.too_large.get_or_insert_with(|| no_float(&text));
        }
        Ok(number.map_or(Value::Nil, Value::float))
    }
}

/// What Go says of a number that no float can hold.
pub(super) fn no_float(number: &str) -> String {
    format!("json: cannot unmarshal number {number} into Go value of type float64")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    fn shown(text: &str) -> String {
        match read(&mut Run::new(&Env::default()), text.as_bytes()).unwrap() {
            Ok(value) => String::from_utf8(crate::print::display(&value).unwrap()).unwrap(),
            Err(refusal) => refusal.text,
        }
    }

    #[test]
    fn halves_of_pairs_are_replaced() {
        assert_eq!(shown(r#""\ud83d\ude00 \ud83d \ude00\u0041""#), "😀 \u{fffd} \u{fffd}A");
    }

    #[test]
    fn what_is_no_json_gets_gos_message() {
        for (text, want) in [
            ("", "unexpected end of JSON input"),
            ("nul", "invalid character ' ' in literal null (expecting 'l')"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
        ] {
            assert_eq!(shown(text), want);
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        let text = "[".repeat(100_000);
        assert!(read(&mut Run::new(&Env::default()), text.as_bytes()).unwrap_err().is_limit());
    }
}
