//! JSON as `encoding/json` reads it into `interface {}`, with its messages.

use super::cast::parse_float;
use super::failure::Failure;
use super::growth::appended;
use crate::error::Fault;
use crate::quote::first_char;
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

/// The value of a text; `Err` in `Ok` if it is no JSON, `Err` if a limit is reached.
pub(super) fn read(run: &mut Run<'_>, text: &[u8]) -> Result<Result<Value, Refusal>, Fault> {
    run.make(text.len())?;
    let mut reader = Reader { run, text, at: 0, depth: 0, too_large: None };
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
    let mut reader = Reader { run, text, at: 0, depth: 0, too_large: None };
    let value = match reader.document() {
        Ok(value) => value,
        Err(Stop::Syntax(why)) => return Ok(Err(Failure::Syntax(why, text.len().min(reader.at + 1)))),
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
    text: &'t [u8],
    /// Where it reads. If the text is no JSON it stays at the byte that is wrong.
    at: usize,
    depth: usize,
    /// Of the first number that no float can hold.
    too_large: Option<String>,
}

impl Reader<'_, '_, '_> {
    fn document(&mut self) -> Result<Value, Stop> {
        let value = self.value()?;
        self.skip_space();
        match self.peek() {
            None => Ok(value),
            Some(byte) => Err(invalid(byte, "after top-level value")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no space.
    fn next(&mut self) -> Result<u8, Stop> {
        self.skip_space();
        self.peek().ok_or_else(|| Stop::Syntax("unexpected end of JSON input".into()))
    }

    /// The next byte where a space is as wrong as any: Go takes the end for one.
    fn within(&self) -> u8 {
        self.peek().unwrap_or(b' ')
    }

    fn value(&mut self) -> Result<Value, Stop> {
        self.run.spend(1)?;
        match self.next()? {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => Ok(Value::str(self.string()?)),
            b't' => self.literal("true", true.into()),
            b'f' => self.literal("false", false.into()),
            b'n' => self.literal("null", Value::Nil),
            b'-' | b'0'..=b'9' => self.number(),
            byte => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, Stop>) -> Result<Value, Stop> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let text = format!("a value is nested deeper than {MAX_DEPTH} levels");
            return Err(Stop::Limit(Fault::limit(text)));
        }
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, Stop> {
        self.run.spend(LIST_STEPS)?;
        let mut items = Vec::new();
        if self.next()? == b']' {
            self.at += 1;
            return Ok(Value::list(items));
        }
        loop {
            items.push(self.value()?);
            match self.next()? {
                b',' => self.at += 1,
                b']' => break,
                byte => return Err(invalid(byte, "after array element")),
            }
        }
        self.at += 1;
        Ok(appended(Type::Any, items))
    }

    fn object(&mut self) -> Result<Value, Stop> {
        self.run.spend(MAP_STEPS)?;
        let map = Map::new::<Str>(Type::Any, []);
        if self.next()? == b'}' {
            self.at += 1;
            return Ok(Value::Map(map));
        }
        loop {
            let byte = self.next()?;
            if byte != b'"' {
                return Err(invalid(byte, "looking for beginning of object key string"));
            }
            let key = self.string()?;
            let byte = self.next()?;
            if byte != b':' {
                return Err(invalid(byte, "after object key"));
            }
            self.at += 1;
            let value = self.value()?;
            map.insert(key, value)?;
            match self.next()? {
                b',' => self.at += 1,
                b'}' => break,
                byte => return Err(invalid(byte, "after object key:value pair")),
            }
        }
        self.at += 1;
        Ok(Value::Map(map))
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Stop> {
        for wanted in word.bytes() {
            let byte = self.within();
            if byte != wanted {
                let wanted = char::from(wanted);
                return Err(invalid(byte, &format!("in literal {word} (expecting '{wanted}')")));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, Stop> {
        let start = self.at;
        if self.within() == b'-' {
            self.at += 1;
        }
        match self.within() {
            b'0' => self.at += 1,
            _ => self.digits("in numeric literal")?,
        }
        if self.within() == b'.' {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.within(), b'e' | b'E') {
            self.at += 1;
            if matches!(self.within(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        let text = String::from_utf8_lossy(&self.text[start..self.at]);
        let number = parse_float(&text);
        if number.is_none() {
            let why = format!("json: cannot unmarshal number {text} into Go value of type float64");
            self.too_large.get_or_insert(why);
        }
        Ok(number.map_or(Value::Nil, Value::float))
    }

    fn digits(&mut self, context: &str) -> Result<(), Stop> {
        if !self.within().is_ascii_digit() {
            return Err(invalid(self.within(), context));
        }
        while self.within().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Vec<u8>, Stop> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek() {
                None => return Err(Stop::Syntax("unexpected end of JSON input".into())),
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut out)?,
                Some(byte @ 0..=0x1f) => return Err(invalid(byte, "in string literal")),
                Some(0x20..=0x7f) => {
                    let rest = &self.text[self.at..];
                    let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7f) && !matches!(byte, b'"' | b'\\');
                    let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
                    out.extend_from_slice(&rest[..plain]);
                    self.at += plain;
                }
                Some(_) => {
                    let (char, len) = first_char(&self.text[self.at..]);
                    push(&mut out, char.unwrap_or(char::REPLACEMENT_CHARACTER));
                    self.at += len;
                }
            }
        }
        self.at += 1;
        Ok(out)
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Stop> {
        self.at += 1;
        let byte = self.within();
        match byte {
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'\\' | b'/' | b'"' => out.push(byte),
            b'u' => {
                self.at += 1;
                let unit = self.unit()?;
                push(out, self.char_of(unit));
                return Ok(());
            }
            byte => return Err(invalid(byte, "in string escape code")),
        }
        self.at += 1;
        Ok(())
    }

    fn unit(&mut self) -> Result<u32, Stop> {
        let mut unit = 0;
        for _ in 0..4 {
            let byte = self.within();
            let digit = char::from(byte).to_digit(16);
            unit = unit * 16 + digit.ok_or_else(|| invalid(byte, "in \\u hexadecimal character escape"))?;
            self.at += 1;
        }
        Ok(unit)
    }

    /// The character of a UTF-16 unit, with the half that follows if it is the first of a pair.
    fn char_of(&mut self, unit: u32) -> char {
        if let (0xd800..0xdc00, Some([b'\\', b'u', digits @ ..])) =
            (unit, self.text.get(self.at..self.at + 6))
        {
            let low =
                std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 16).ok());
            if let Some(low @ 0xdc00..0xe000) = low {
                self.at += 6;
                let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

fn push(out: &mut Vec<u8>, char: char) {
    out.extend(char.encode_utf8(&mut [0; 4]).bytes());
}

/// A byte, shown as the character of that number, where it may not stand.
fn invalid(byte: u8, context: &str) -> Stop {
    let shown = match byte {
        b'\'' => r"\'".into(),
        b'"' => "\"".into(),
        byte => {
            let quoted = crate::print::quote(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes());
            String::from_utf8_lossy(&quoted[1..quoted.len() - 1]).into_owned()
        }
    };
    Stop::Syntax(format!("invalid character '{shown}' {context}"))
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
