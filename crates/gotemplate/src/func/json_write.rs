//! Values as JSON, byte for byte as `encoding/json` writes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::time::Time;
use crate::error::Fault;
use crate::float;
use crate::quote::first_char;
use crate::run::Run;
use crate::types::Float;
use crate::value::{List, Map, Value, is_exported};

/// How deep values may lie in each other.
const MAX_DEPTH: usize = 500;

/// How JSON is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// On one line, with `<`, `>` and `&` escaped.
    Compact,
    /// On one line, with nothing escaped that need not be.
    Raw,
    /// As [`Style::Compact`], but indented by two spaces a level.
    Pretty,
}

/// The value as JSON.
pub(super) fn write(run: &mut Run<'_>, value: &Value, style: Style) -> Result<Vec<u8>, Fault> {
    let mut writer = Writer { run, style, out: Vec::new(), depth: 0 };
    let written = writer.value(value);
    let out = writer.out;
    // Also if something in the value cannot be written: all before it has been.
    run.make(out.len())?;
    written.map(|()| out)
}

/// A float, which must be finite.
pub(super) fn float_text(of: Float, number: f64) -> Result<Vec<u8>, Fault> {
    let bits = if of == Float::Float32 { 32 } else { 64 };
    if !number.is_finite() {
        let shown = float::format(number, b'g', None, bits);
        return Err(Fault::new(format!("json: unsupported value: {}", String::from_utf8_lossy(&shown))));
    }
    let plain = number == 0.0 || (1e-6..1e21).contains(&number.abs());
    let mut text = float::format(number, if plain { b'f' } else { b'e' }, None, bits);
    // One digit of the exponent is enough: `e-7`.
    if let [.., b'e', b'-', b'0', _] = text[..] {
        text.remove(text.len() - 2);
    }
    Ok(text)
}

/// A time must have a year of four digits.
fn check_time(value: &Value) -> Result<(), Fault> {
    let Some(time) = value.downcast::<Time>() else { return Ok(()) };
    let why = |fault| Fault::new(format!("json: error calling MarshalJSON for type time.Time: {fault}"));
    time.to_rfc3339("MarshalJSON").map(drop).map_err(why)
}

struct Writer<'r, 'e> {
    run: &'r mut Run<'e>,
    style: Style,
    out: Vec<u8>,
    depth: usize,
}

impl Writer<'_, '_> {
    fn value(&mut self, value: &Value) -> Result<(), Fault> {
        self.run.spend(1)?;
        match value {
            Value::NoValue | Value::Nil => self.out.extend(b"null"),
            Value::Bool(b) => self.out.extend(if *b { &b"true"[..] } else { b"false" }),
            Value::Int(_, number) => self.out.extend(number.to_string().into_bytes()),
            Value::Uint(_, number) => self.out.extend(number.to_string().into_bytes()),
            Value::Float(of, number) => self.float(*of, *number)?,
            Value::Str(text) => self.text(text)?,
            Value::Bytes(bytes) if bytes.is_nil() => self.out.extend(b"null"),
            Value::Bytes(bytes) => {
                self.room(bytes.len() / 3 * 4)?;
                self.text(STANDARD.encode(&*bytes.borrow()).as_bytes())?;
            }
            Value::List(list) if list.is_nil() => self.out.extend(b"null"),
            Value::List(list) => self.list(list)?,
            Value::Map(map) if map.is_nil() => self.out.extend(b"null"),
            Value::Map(map) => self.map(map)?,
            Value::Object(object) => {
                check_time(value)?;
                match object.json() {
                    Some(json) => self.instead(&json)?,
                    None => self.fields(&object.fields())?,
                }
            }
            Value::Complex(..) | Value::Func(_) => {
                return Err(Fault::new(format!("json: unsupported type: {}", value.type_name())));
            }
        }
        Ok(())
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::limit(format!("a value is nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(())
    }

    /// Refuses what would make the text too long. What is made is paid for when all of it is there.
    fn room(&mut self, bytes: usize) -> Result<(), Fault> {
        let total = self.out.len().saturating_add(bytes);
        if total > self.run.limits().output { self.run.make(total) } else { Ok(()) }
    }

    fn list(&mut self, list: &List) -> Result<(), Fault> {
        self.open(b'[')?;
        for (at, item) in list.to_vec().iter().enumerate() {
            self.separate(at)?;
            self.value(item)?;
        }
        self.close(b']', list.is_empty())
    }

    fn map(&mut self, map: &Map) -> Result<(), Fault> {
        let entries = map.entries();
        self.entries(entries.iter().map(|(key, value)| (&**key, value)))
    }

    /// What stands for another value.
    fn instead(&mut self, value: &Value) -> Result<(), Fault> {
        self.deeper()?;
        self.value(value)?;
        self.depth -= 1;
        Ok(())
    }

    /// The fields of a struct, in its order.
    fn fields(&mut self, fields: &[(&str, Value)]) -> Result<(), Fault> {
        let exported = fields.iter().filter(|(name, _)| is_exported(name));
        self.entries(exported.map(|(name, value)| (name.as_bytes(), value)))
    }

    fn entries<'v>(&mut self, entries: impl Iterator<Item = (&'v [u8], &'v Value)>) -> Result<(), Fault> {
        self.open(b'{')?;
        let mut empty = true;
        for (at, (key, value)) in entries.enumerate() {
            empty = false;
            self.separate(at)?;
            self.text(key)?;
            self.out.extend(if self.style == Style::Pretty { &b": "[..] } else { b":" });
            self.value(value)?;
        }
        self.close(b'}', empty)
    }

    fn open(&mut self, mark: u8) -> Result<(), Fault> {
        self.deeper()?;
        self.out.push(mark);
        Ok(())
    }

    /// What stands before an item.
    fn separate(&mut self, at: usize) -> Result<(), Fault> {
        if at > 0 {
            self.out.push(b',');
        }
        self.line()
    }

    fn close(&mut self, mark: u8, empty: bool) -> Result<(), Fault> {
        self.depth -= 1;
        if !empty {
            self.line()?;
        }
        self.out.push(mark);
        Ok(())
    }

    fn line(&mut self) -> Result<(), Fault> {
        if self.style == Style::Pretty {
            self.room(1 + 2 * self.depth)?;
            self.out.push(b'\n');
            self.out.resize(self.out.len() + 2 * self.depth, b' ');
        }
        self.room(1)
    }

    fn float(&mut self, of: Float, number: f64) -> Result<(), Fault> {
        self.out.extend(float_text(of, number)?);
        Ok(())
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Fault> {
        self.room(text.len())?;
        self.out.push(b'"');
        let mut rest = text;
        while !rest.is_empty() {
            // Escapes make it longer.
            self.room(rest.len())?;
            let plain = rest.iter().position(|byte| !self.is_plain(*byte)).unwrap_or(rest.len());
            self.out.extend_from_slice(&rest[..plain]);
            rest = &rest[plain..];
            let (char, len) = first_char(rest);
            match char {
                Some(char) if self.needs_escape(char) => self.escape(char),
                Some(_) => self.out.extend(&rest[..len]),
                None if len > 0 => self.out.extend(b"\\ufffd"),
                None => {}
            }
            rest = &rest[len..];
        }
        self.out.push(b'"');
        Ok(())
    }

    /// Whether it is a character that stands for itself.
    const fn is_plain(&self, byte: u8) -> bool {
        byte.is_ascii() && !self.needs_escape(byte as char)
    }

    const fn needs_escape(&self, char: char) -> bool {
        match char {
            '"' | '\\' | '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => true,
            '<' | '>' | '&' => !matches!(self.style, Style::Raw),
            _ => false,
        }
    }

    fn escape(&mut self, char: char) {
        let short = match char {
            '"' | '\\' => Some(char),
            '\x08' => Some('b'),
            '\x0c' => Some('f'),
            '\n' => Some('n'),
            '\r' => Some('r'),
            '\t' => Some('t'),
            _ => None,
        };
        match short {
            Some(short) => self.out.extend(format!("\\{short}").into_bytes()),
            None => self.out.extend(format!("\\u{:04x}", u32::from(char)).into_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Env, Limits};

    fn written(value: &Value, style: Style) -> String {
        String::from_utf8(write(&mut Run::new(&Env::default()), value, style).unwrap()).unwrap()
    }

    #[test]
    fn floats_have_no_needless_digits() {
        for (float, want) in [(1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-7, "1e-7"), (-0.0, "-0")]
        {
            assert_eq!(written(&Value::float(float), Style::Compact), want);
        }
    }

    #[test]
    fn what_browsers_read_is_escaped_unless_raw() {
        assert_eq!(
            written(&"<&\u{2028}\x7f".into(), Style::Compact),
            r#""\u003c\u0026\u2028"#.to_owned() + "\x7f\""
        );
        assert_eq!(written(&"<&>".into(), Style::Raw), "\"<&>\"");
    }

    #[test]
    fn a_text_that_grows_beyond_the_limit_is_refused() {
        let env = Env { limits: Limits { output: 100, ..Limits::default() }, ..Env::default() };
        let value = Value::list(vec![Value::str("x".repeat(60)), Value::str("x".repeat(60))]);
        assert!(write(&mut Run::new(&env), &value, Style::Compact).unwrap_err().is_limit());
    }

    #[test]
    fn escapes_count_for_the_limit_while_they_are_written() {
        let env = Env { limits: Limits { output: 1 << 10, ..Limits::default() }, ..Env::default() };
        let run = &mut Run::new(&env);
        let mut writer = Writer { run, style: Style::Compact, out: Vec::new(), depth: 0 };
        assert!(writer.text("<".repeat(1 << 10).as_bytes()).unwrap_err().is_limit());
        assert!(writer.out.len() < 1 << 10);
    }

    #[test]
    fn what_is_written_costs_as_much_as_any_string() {
        let spent = std::cell::Cell::new(0);
        let env = Env { spent: Some(&spent), ..Env::default() };
        let value = Value::str("x".repeat(128_000));
        assert!(write(&mut Run::new(&env), &value, Style::Compact).is_ok());
        assert_eq!(spent.get(), 1 + 1000);
    }
}
