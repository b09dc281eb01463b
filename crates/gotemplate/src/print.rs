//! Go's `fmt`: how values print, with every verb and flag. A value's address cannot be printed: there is none.

use std::io::Write;

use memchr::memchr;

use crate::error::Fault;
use crate::float;
use crate::quote::{can_backquote, count_chars, first_char, is_print, quote_char_into, quote_into};
use crate::run::too_long;
use crate::types::{Float, Kind, Type, Uint};
use crate::value::{Bytes, List, Map, Object, Value, is_exported};

/// What the functions here make at most, unless the caller has a limit of its own.
const MAX_TEXT: usize = 16 << 20;

/// How deeply values may be nested in each other to be printed.
const MAX_DEPTH: usize = 500;

/// `fmt.Sprint(value)`: what `%v` gives.
///
/// # Errors
/// If the value is nested too deeply or is too long.
pub fn display(value: &Value) -> Result<Vec<u8>, Fault> {
    display_up_to(value, MAX_TEXT)
}

/// [`display`], up to so many bytes.
pub(crate) fn display_up_to(value: &Value, max: usize) -> Result<Vec<u8>, Fault> {
    sprint_up_to(std::slice::from_ref(value), max)
}

/// [`display`] behind what is there already, up to so many bytes in all.
pub(crate) fn display_into(out: &mut Vec<u8>, value: &Value, max: usize) -> Result<(), Fault> {
    let more = max.saturating_sub(out.len());
    Printer::new(out, more).argument(value, 'v')
}

/// `fmt.Sprint`: spaces between operands when neither is a string.
///
/// # Errors
/// If a value is nested too deeply or is too long.
pub fn sprint(values: &[Value]) -> Result<Vec<u8>, Fault> {
    sprint_up_to(values, MAX_TEXT)
}

/// [`sprint`], up to so many bytes.
pub(crate) fn sprint_up_to(values: &[Value], max: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, max);
    let mut after_string = false;
    for (i, value) in values.iter().enumerate() {
        let is_string = value.kind() == Kind::String;
        if i > 0 && !is_string && !after_string {
            printer.out.push(b' ');
        }
        printer.argument(value, 'v')?;
        after_string = is_string;
    }
    Ok(out)
}

/// `fmt.Sprintln`.
///
/// # Errors
/// If a value is nested too deeply or is too long.
pub fn sprintln(values: &[Value]) -> Result<Vec<u8>, Fault> {
    sprintln_up_to(values, MAX_TEXT)
}

/// [`sprintln`], up to so many bytes.
pub(crate) fn sprintln_up_to(values: &[Value], max: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut printer = Printer::new(&mut out, max);
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            printer.out.push(b' ');
        }
        printer.argument(value, 'v')?;
    }
    out.push(b'\n');
    Ok(out)
}

/// `fmt.Sprintf`. As in Go, what does not fit is told in the text: `%!d(string=a)`.
///
/// # Errors
/// If a value is nested too deeply or is too long, or if an address is asked for.
///
/// ```
/// use gotemplate::{Value, print::sprintf};
/// assert_eq!(sprintf(b"%05.1f|%-4d|%q", &[Value::float(2.25), Value::int(7), "a".into()]).unwrap(), b"002.2|7   |\"a\"");
/// ```
pub fn sprintf(format: &[u8], values: &[Value]) -> Result<Vec<u8>, Fault> {
    sprintf_up_to(format, values, MAX_TEXT)
}

/// [`sprintf`], up to so many bytes.
pub(crate) fn sprintf_up_to(format: &[u8], values: &[Value], max: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let printer = Printer::new(&mut out, max);
    Format { text: format, at: 0, values, next: 0, reordered: false, good: true, closes: 0, printer }
        .run()?;
    Ok(out)
}

/// `strconv.Quote`.
#[must_use]
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    quote_into(&mut out, text, false);
    out
}

/// What stands between `%` and the verb.
#[derive(Clone, Copy, Default)]
struct Flags {
    width: Option<usize>,
    precision: Option<usize>,
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`.
    plus_v: bool,
    /// `%#v`.
    sharp_v: bool,
}

impl Flags {
    /// Whether none of them matters to a decimal integer.
    const fn is_plain(&self) -> bool {
        self.width.is_none() && self.precision.is_none() && !self.plus && !self.space && !self.sharp
    }
}

/// A format that is being carried out.
struct Format<'f> {
    text: &'f [u8],
    at: usize,
    values: &'f [Value],
    /// The argument for the next verb.
    next: usize,
    /// Whether an argument was chosen by its number.
    reordered: bool,
    /// Whether all such numbers so far were good, in this verb.
    good: bool,
    /// Where the next `]` stands, if that is not before `at`; the end of the text if there is none.
    closes: usize,
    printer: Printer<'f>,
}

impl Format<'_> {
    fn run(mut self) -> Result<(), Fault> {
        while self.at < self.text.len() {
            let rest = &self.text[self.at..];
            let plain = rest.iter().position(|b| *b == b'%').unwrap_or(rest.len());
            self.printer.out.extend_from_slice(&rest[..plain]);
            self.at += plain + 1;
            if plain < rest.len() {
                self.verb()?;
                self.printer.check_size()?;
            }
        }
        self.extra()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn verb(&mut self) -> Result<(), Fault> {
        self.good = true;
        self.printer.flags = Flags::default();
        self.flags();
        let mut chosen = self.choose();
        chosen = self.width(chosen);
        chosen = self.precision(chosen);
        if !chosen {
            self.choose();
        }
        if self.at >= self.text.len() {
            self.printer.out.extend(b"%!(NOVERB)");
            return Ok(());
        }
        let (c, len) = first_char(&self.text[self.at..]);
        let verb = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        self.at += len;
        match self.values.get(self.next) {
            _ if verb == '%' => self.printer.out.push(b'%'),
            _ if !self.good => self.printer.out.extend(format!("%!{verb}(BADINDEX)").bytes()),
            None => self.printer.out.extend(format!("%!{verb}(MISSING)").bytes()),
            Some(value) => {
                self.next += 1;
                self.printer.for_verb(verb);
                return self.printer.argument(value, verb);
            }
        }
        Ok(())
    }

    fn flags(&mut self) {
        while let Some(byte) = self.peek() {
            let flags = &mut self.printer.flags;
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => return,
            }
            self.at += 1;
        }
    }

    /// `[n]`: chooses the argument. Whether there was one.
    fn choose(&mut self) -> bool {
        if self.peek() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.text[self.at..];
        // Each part of the text is looked at once, however many brackets are not closed.
        if self.closes < self.at {
            self.closes = self.at + memchr(b']', rest).unwrap_or(rest.len());
        }
        let Some(close) = Some(self.closes - self.at).filter(|close| *close < rest.len() && rest.len() >= 3)
        else {
            self.good = false;
            self.at += 1;
            return false;
        };
        let number =
            std::str::from_utf8(&rest[1..close]).ok().filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let number = number.and_then(|n| n.parse::<usize>().ok());
        self.at += close + 1;
        match number {
            Some(number) if (1..=self.values.len()).contains(&number) => self.next = number - 1,
            _ => self.good = false,
        }
        number.is_some()
    }

    fn width(&mut self, chosen: bool) -> bool {
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star() {
                Some(width) => {
                    let flags = &mut self.printer.flags;
                    flags.width = Some(width.unsigned_abs() as usize);
                    flags.minus |= width < 0;
                    flags.zero &= width >= 0;
                }
                None => self.printer.out.extend(b"%!(BADWIDTH)"),
            }
            return false;
        }
        self.printer.flags.width = self.number();
        if chosen && self.printer.flags.width.is_some() {
            self.good = false;
        }
        chosen
    }

    fn precision(&mut self, chosen: bool) -> bool {
        if self.peek() != Some(b'.') || self.at + 1 >= self.text.len() {
            return chosen;
        }
        self.at += 1;
        if chosen {
            self.good = false;
        }
        let chosen = self.choose();
        if self.peek() == Some(b'*') {
            self.at += 1;
            match self.star() {
                Some(precision) if precision >= 0 => {
                    self.printer.flags.precision = Some(precision.unsigned_abs() as usize);
                }
                _ => self.printer.out.extend(b"%!(BADPREC)"),
            }
            return false;
        }
        self.printer.flags.precision = Some(self.number().unwrap_or(0));
        chosen
    }

    /// The integer argument that a `*` stands for.
    fn star(&mut self) -> Option<i64> {
        let value = self.values.get(self.next)?;
        self.next += 1;
        let number = match value.plain() {
            Value::Int(_, n) => Some(n),
            Value::Uint(_, n) => i64::try_from(n).ok(),
            _ => None,
        };
        number.filter(|n| n.unsigned_abs() <= TOO_LARGE as u64)
    }

    /// Decimal digits. Beyond a million Go takes the rest of the format for the number.
    fn number(&mut self) -> Option<usize> {
        let mut number = None;
        while let Some(digit) = self.peek().filter(u8::is_ascii_digit) {
            if number.unwrap_or(0) > TOO_LARGE {
                self.at = self.text.len();
                return None;
            }
            number = Some(number.unwrap_or(0) * 10 + usize::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    /// Tells of arguments that no verb used.
    fn extra(&mut self) -> Result<(), Fault> {
        if self.reordered || self.next >= self.values.len() {
            return Ok(());
        }
        self.printer.flags = Flags::default();
        self.printer.out.extend(b"%!(EXTRA ");
        for (i, value) in self.values[self.next..].iter().enumerate() {
            if i > 0 {
                self.printer.out.extend(b", ");
            }
            self.printer.typed(value)?;
        }
        self.printer.out.push(b')');
        Ok(())
    }
}

/// The largest width, precision and argument number.
const TOO_LARGE: usize = 1_000_000;

/// Prints values by a verb and its flags.
struct Printer<'o> {
    out: &'o mut Vec<u8>,
    max: usize,
    flags: Flags,
    /// Printing what does not fit a verb: methods are not called then.
    erroring: bool,
    /// Within a field that is not exported: methods are not called there either.
    hidden: bool,
    depth: usize,
}

impl<'o> Printer<'o> {
    const fn new(out: &'o mut Vec<u8>, more: usize) -> Self {
        let max = out.len().saturating_add(more);
        let flags = Flags {
            width: None,
            precision: None,
            minus: false,
            plus: false,
            sharp: false,
            space: false,
            zero: false,
            plus_v: false,
            sharp_v: false,
        };
        Self { out, max, flags, erroring: false, hidden: false, depth: 0 }
    }

    /// `%#v` and `%+v` are formats of their own.
    const fn for_verb(&mut self, verb: char) {
        if matches!(verb, 'v' | 'w') {
            self.flags.sharp_v = self.flags.sharp;
            self.flags.plus_v = self.flags.plus;
            self.flags.sharp = false;
            self.flags.plus = false;
        }
    }

    // Values.

    /// A value that is an argument itself.
    fn argument(&mut self, value: &Value, verb: char) -> Result<(), Fault> {
        match (value, verb) {
            (Value::NoValue | Value::Nil, 'T' | 'v') => {
                self.pad(b"<nil>");
                Ok(())
            }
            (Value::NoValue | Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => {
                let name = value.type_name();
                self.string(name.as_bytes());
                Ok(())
            }
            (_, 'p') => self.address(value, verb),
            (Value::Bytes(bytes), _) => self.bytes(bytes, verb, "[]byte"),
            _ => self.value(value, verb),
        }
    }

    /// A value at any depth.
    fn value(&mut self, value: &Value, verb: char) -> Result<(), Fault> {
        self.plain(value, value, verb)
    }

    /// The plain number or string that a value is; in what does not fit the verb, the value itself is named.
    fn plain(&mut self, value: &Value, plain: &Value, verb: char) -> Result<(), Fault> {
        match plain {
            Value::NoValue | Value::Nil => {
                let text: &[u8] = if self.flags.sharp_v { b"interface {}(nil)" } else { b"<nil>" };
                self.out.extend_from_slice(text);
                Ok(())
            }
            _ if verb == 'w' => self.bad_verb(value, verb),
            Value::Bool(b) if matches!(verb, 't' | 'v') => {
                self.pad(if *b { b"true" } else { b"false" });
                Ok(())
            }
            Value::Int(_, n) => self.integer(value, (n.unsigned_abs(), *n < 0, true), verb),
            Value::Uint(_, n) => self.integer(value, (*n, false, false), verb),
            Value::Float(of, f) => self.float(value, *f, if *of == Float::Float32 { 32 } else { 64 }, verb),
            Value::Complex(re, im) => self.complex(value, *re, *im, verb),
            Value::Str(text) => self.text(value, text, verb),
            Value::Bytes(bytes) => self.bytes(bytes, verb, "[]uint8"),
            Value::List(list) => self.list(list, verb),
            Value::Map(map) => self.map(map, verb),
            Value::Object(object) => self.object(value, &**object, verb),
            Value::Func(_) => self.address(value, verb),
            Value::Bool(_) => self.bad_verb(value, verb),
        }
    }

    /// `%!verb(type=value)`.
    fn bad_verb(&mut self, value: &Value, verb: char) -> Result<(), Fault> {
        self.erroring = true;
        let depth = std::mem::take(&mut self.depth);
        self.out.extend(format!("%!{verb}(").bytes());
        self.typed(value)?;
        self.out.push(b')');
        self.depth = depth;
        self.erroring = false;
        Ok(())
    }

    /// `type=value`.
    fn typed(&mut self, value: &Value) -> Result<(), Fault> {
        if value.go_type().is_none() {
            self.out.extend(b"<nil>");
            return Ok(());
        }
        self.out.extend(value.type_name().bytes());
        self.out.push(b'=');
        self.argument(value, 'v')
    }

    fn address(&mut self, value: &Value, verb: char) -> Result<(), Fault> {
        match (value.kind(), verb) {
            (Kind::Map | Kind::Slice | Kind::Ptr | Kind::Func, 'v' | 'p' | 'b' | 'o' | 'd' | 'x' | 'X') => {
                Err(Fault::from("cannot print an address"))
            }
            _ => self.bad_verb(value, verb),
        }
    }

    fn text(&mut self, value: &Value, text: &[u8], verb: char) -> Result<(), Fault> {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text),
            'v' | 's' => self.string(text),
            'x' => self.hex(text, b"0123456789abcdefx"),
            'X' => self.hex(text, b"0123456789ABCDEFX"),
            'q' => self.quoted(text),
            _ => return self.bad_verb(value, verb),
        }
        self.check_size()
    }

    fn bytes(&mut self, bytes: &Bytes, verb: char, name: &str) -> Result<(), Fault> {
        let nil = self.flags.sharp_v && bytes.is_nil();
        let bytes = &*bytes.borrow();
        match verb {
            'v' | 'd' if nil => self.out.extend(format!("{name}(nil)").bytes()),
            'v' | 'd' if self.flags.sharp_v => {
                self.out.extend(format!("{name}{{").bytes());
                self.numbers(bytes, 'v')?;
                self.out.push(b'}');
            }
            's' => self.string(bytes),
            'x' => self.hex(bytes, b"0123456789abcdefx"),
            'X' => self.hex(bytes, b"0123456789ABCDEFX"),
            'q' => self.quoted(bytes),
            _ if nil => self.out.extend(b"[]uint8(nil)"),
            _ => {
                let (open, close) = if self.flags.sharp_v { ("[]uint8{", b'}') } else { ("[", b']') };
                self.out.extend(open.bytes());
                self.numbers(bytes, verb)?;
                self.out.push(close);
            }
        }
        self.check_size()
    }

    /// The bytes as the numbers they are.
    fn numbers(&mut self, bytes: &[u8], verb: char) -> Result<(), Fault> {
        for (i, byte) in bytes.iter().enumerate() {
            self.out.extend(separator(i, self.flags.sharp_v).bytes());
            self.value(&Value::Uint(Uint::Uint8, u64::from(*byte)), verb)?;
        }
        Ok(())
    }

    /// Refuses what is too long, before it grows further.
    fn check_size(&self) -> Result<(), Fault> {
        if self.out.len() > self.max {
            return Err(too_long(self.max));
        }
        Ok(())
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::limit(format!("cannot print values nested deeper than {MAX_DEPTH}")));
        }
        self.check_size()
    }

    fn list(&mut self, list: &List, verb: char) -> Result<(), Fault> {
        self.enter()?;
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out.extend(list.go_type().to_string().bytes());
        }
        if sharp && list.is_nil() {
            self.out.extend(b"(nil)");
        } else {
            self.out.push(if sharp { b'{' } else { b'[' });
            for i in 0..list.len() {
                self.out.extend(separator(i, sharp).bytes());
                self.value(&list.get(i).unwrap_or_default(), verb)?;
                self.check_size()?;
            }
            self.out.push(if sharp { b'}' } else { b']' });
        }
        self.depth -= 1;
        Ok(())
    }

    fn map(&mut self, map: &Map, verb: char) -> Result<(), Fault> {
        self.enter()?;
        let sharp = self.flags.sharp_v;
        let name = if sharp { map.go_type().to_string() } else { "map".to_owned() };
        self.out.extend(name.bytes());
        if sharp && map.is_nil() {
            self.out.extend(b"(nil)");
        } else {
            self.out.push(if sharp { b'{' } else { b'[' });
            for (i, (key, value)) in map.entries().into_iter().enumerate() {
                self.out.extend(separator(i, sharp).bytes());
                self.value(&Value::Str(key), verb)?;
                self.out.push(b':');
                self.value(&value, verb)?;
                self.check_size()?;
            }
            self.out.push(if sharp { b'}' } else { b']' });
        }
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self, value: &Value, object: &dyn Object, verb: char) -> Result<(), Fault> {
        if object.go_type().kind() == Kind::Interface {
            return self.value(&value.clone().held(), verb);
        }
        if object.is_nil() {
            return self.nil_pointer(value, verb);
        }
        if let Some(text) = self.text_of(object, verb) {
            if self.flags.sharp_v {
                self.string(&text);
                return Ok(());
            }
            return self.text(value, &text, verb);
        }
        if let Some(plain) = object.underlying() {
            return self.plain(value, &plain, verb);
        }
        match object.go_type() {
            Type::Named(name, Kind::Ptr) if self.depth == 0 => {
                self.out.push(b'&');
                self.fields(name.trim_start_matches('*'), object, verb)
            }
            Type::Named(name, Kind::Struct) => self.fields(name, object, verb),
            _ => self.address(value, verb),
        }
    }

    fn nil_pointer(&mut self, value: &Value, verb: char) -> Result<(), Fault> {
        match verb {
            'v' if self.flags.sharp_v => {
                self.out.extend(format!("({})(nil)", value.type_name()).bytes());
                Ok(())
            }
            'v' => {
                self.pad(b"<nil>");
                Ok(())
            }
            'b' | 'o' | 'd' | 'x' | 'X' => self.integer(value, (0, false, false), verb),
            _ => self.bad_verb(value, verb),
        }
    }

    /// What the object's own methods make of it, where the verb takes a text.
    fn text_of(&self, object: &dyn Object, verb: char) -> Option<Vec<u8>> {
        if self.erroring || self.hidden {
            return None;
        }
        if self.flags.sharp_v {
            return object.go_syntax();
        }
        matches!(verb, 'v' | 's' | 'x' | 'X' | 'q').then(|| object.text()).flatten()
    }

    fn fields(&mut self, name: &str, object: &dyn Object, verb: char) -> Result<(), Fault> {
        self.enter()?;
        if self.flags.sharp_v {
            self.out.extend(name.bytes());
        }
        self.out.push(b'{');
        for (i, (field, value)) in object.fields().into_iter().enumerate() {
            self.out.extend(separator(i, self.flags.sharp_v).bytes());
            if self.flags.plus_v || self.flags.sharp_v {
                self.out.extend(format!("{field}:").bytes());
            }
            let hidden = self.hidden;
            self.hidden |= !is_exported(field);
            self.value(&value, verb)?;
            self.hidden = hidden;
        }
        self.out.push(b'}');
        self.depth -= 1;
        Ok(())
    }

    // Text.

    /// Adds the text with spaces or zeros up to the width.
    fn pad(&mut self, text: &[u8]) {
        if self.flags.width.is_none() {
            self.out.extend_from_slice(text);
            return;
        }
        let missing = self.flags.width.map_or(0, |width| width.saturating_sub(count_chars(text)));
        if self.flags.minus {
            self.out.extend_from_slice(text);
            self.fill(missing, b' ');
        } else {
            self.fill(missing, if self.flags.zero { b'0' } else { b' ' });
            self.out.extend_from_slice(text);
        }
    }

    fn pad_with_spaces(&mut self, text: &[u8]) {
        let zero = std::mem::take(&mut self.flags.zero);
        self.pad(text);
        self.flags.zero = zero;
    }

    fn fill(&mut self, count: usize, byte: u8) {
        self.out.resize(self.out.len() + count, byte);
    }

    /// The part of a text that the precision lets through.
    fn cut<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let Some(precision) = self.flags.precision else { return text };
        let mut at = 0;
        for _ in 0..precision.min(text.len()) {
            at += first_char(&text[at..]).1;
        }
        &text[..at]
    }

    fn string(&mut self, text: &[u8]) {
        self.pad(self.cut(text));
    }

    fn quoted(&mut self, text: &[u8]) {
        let text = self.cut(text);
        let mut out = Vec::with_capacity(text.len() + 2);
        if self.flags.sharp && can_backquote(text) {
            out.push(b'`');
            out.extend_from_slice(text);
            out.push(b'`');
        } else {
            quote_into(&mut out, text, self.flags.plus);
        }
        self.pad(&out);
    }

    /// The bytes as hexadecimal digits, with `0x` and spaces as the flags say.
    fn hex(&mut self, text: &[u8], digits: &[u8; 17]) {
        let text = &text[..self.flags.precision.map_or(text.len(), |precision| precision.min(text.len()))];
        let mut out = Vec::with_capacity(text.len() * 2);
        for (i, byte) in text.iter().enumerate() {
            if i > 0 && self.flags.space {
                out.push(b' ');
            }
            if self.flags.sharp && (i == 0 || self.flags.space) {
                out.extend([b'0', digits[16]]);
            }
            out.extend([digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]);
        }
        self.pad(&out);
    }

    // Numbers.

    /// An integer: its magnitude, whether it is negative, whether its type has a sign.
    fn integer(
        &mut self,
        value: &Value,
        (magnitude, negative, signed): (u64, bool, bool),
        verb: char,
    ) -> Result<(), Fault> {
        let number = (magnitude, negative);
        let bits = if negative { magnitude.wrapping_neg() } else { magnitude };
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hex_integer(magnitude),
            'v' | 'd' if self.flags.is_plain() => {
                // By far the most usual way, without the detours of the others.
                let _ = write!(self.out, "{}{magnitude}", if negative { "-" } else { "" });
            }
            'v' | 'd' => self.digits(number, 10, verb),
            'b' => self.digits(number, 2, verb),
            'o' | 'O' => self.digits(number, 8, verb),
            'x' | 'X' => self.digits(number, 16, verb),
            'c' => self.pad(char_of(bits).encode_utf8(&mut [0; 4]).as_bytes()),
            'q' => {
                let mut out = Vec::new();
                quote_char_into(&mut out, char_of(bits), self.flags.plus);
                self.pad(&out);
            }
            'U' => self.code_point(bits),
            _ => return self.bad_verb(value, verb),
        }
        self.check_size()
    }

    /// `0x…`, whatever the flags.
    fn hex_integer(&mut self, number: u64) {
        let sharp = std::mem::replace(&mut self.flags.sharp, true);
        self.digits((number, false), 16, 'v');
        self.flags.sharp = sharp;
    }

    fn digits(&mut self, (magnitude, negative): (u64, bool), base: u64, verb: char) {
        let flags = self.flags;
        if flags.precision == Some(0) && magnitude == 0 {
            self.fill(flags.width.unwrap_or(0), b' ');
            return;
        }
        let signed = negative || flags.plus || flags.space;
        let from_width = flags.width.filter(|_| flags.zero && !flags.minus);
        let least = flags.precision.or(from_width.map(|width| width.saturating_sub(usize::from(signed))));
        let mut text = in_base(magnitude, base, verb == 'X');
        while text.len() < least.unwrap_or(0) {
            text.push(b'0');
        }
        if flags.sharp {
            match base {
                2 => text.extend(b"b0"),
                8 if text.last() != Some(&b'0') => text.push(b'0'),
                16 => text.extend(if verb == 'X' { b"X0" } else { b"x0" }),
                _ => {}
            }
        }
        if verb == 'O' {
            text.extend(b"o0");
        }
        if signed {
            text.push(if negative {
                b'-'
            } else if flags.plus {
                b'+'
            } else {
                b' '
            });
        }
        text.reverse();
        self.pad_with_spaces(&text);
    }

    /// `U+0041`, with `#` the character too.
    fn code_point(&mut self, code: u64) {
        let width = self.flags.precision.unwrap_or(4).max(4);
        let mut text = in_base(code, 16, true);
        text.resize(text.len().max(width), b'0');
        text.extend(b"+U");
        text.reverse();
        let c = u32::try_from(code).ok().and_then(char::from_u32).filter(|c| is_print(*c));
        if let Some(c) = c.filter(|_| self.flags.sharp) {
            text.extend(format!(" '{c}'").bytes());
        }
        self.pad_with_spaces(&text);
    }

    fn float(&mut self, value: &Value, float: f64, bits: u32, verb: char) -> Result<(), Fault> {
        let (letter, precision) = match verb {
            'v' => (b'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => (verb as u8, None),
            'f' | 'e' | 'E' => (verb as u8, Some(6)),
            'F' => (b'f', Some(6)),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(precision);
        let mut text = float::format(float, letter, precision, bits);
        if !matches!(text[0], b'-' | b'+') {
            text.insert(0, if self.flags.space && !self.flags.plus { b' ' } else { b'+' });
        } else if text[0] == b'+' && self.flags.space && !self.flags.plus {
            text[0] = b' ';
        }
        if !float.is_finite() {
            self.not_finite(&text, float.is_nan());
            return self.check_size();
        }
        if self.flags.sharp && letter != b'b' {
            keep_zeros(&mut text, letter, precision);
        }
        self.signed_float(&text);
        self.check_size()
    }

    /// Infinity and NaN are never padded with zeros.
    fn not_finite(&mut self, text: &[u8], nan: bool) {
        let drop_sign = nan && !self.flags.space && !self.flags.plus;
        self.pad_with_spaces(&text[usize::from(drop_sign)..]);
    }

    /// A number behind its sign, which is shown if asked for or if it is not plus.
    fn signed_float(&mut self, text: &[u8]) {
        let flags = self.flags;
        if !flags.plus && text[0] == b'+' {
            self.pad(&text[1..]);
            return;
        }
        let width = flags.width.unwrap_or(0);
        if flags.zero && !flags.minus && width > text.len() {
            self.out.push(text[0]);
            self.fill(width - text.len(), b'0');
            self.out.extend_from_slice(&text[1..]);
            return;
        }
        self.pad(text);
    }

    fn complex(&mut self, value: &Value, re: f64, im: f64, verb: char) -> Result<(), Fault> {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        let plus = self.flags.plus;
        self.out.push(b'(');
        self.float(value, re, 64, verb)?;
        self.flags.plus = true;
        self.float(value, im, 64, verb)?;
        self.out.extend(b"i)");
        self.flags.plus = plus;
        Ok(())
    }
}

const fn separator(index: usize, sharp: bool) -> &'static str {
    match (index, sharp) {
        (0, _) => "",
        (_, true) => ", ",
        (_, false) => " ",
    }
}

/// The digits of a number, the last one first.
fn in_base(mut number: u64, base: u64, upper: bool) -> Vec<u8> {
    let digits: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    let mut out = Vec::with_capacity(24);
    loop {
        out.push(digits[(number % base) as usize]);
        number /= base;
        if number == 0 {
            return out;
        }
    }
}

fn char_of(code: u64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The `#` flag of floats: a point always, and with `%g` the zeros that it would leave out.
fn keep_zeros(text: &mut Vec<u8>, letter: u8, precision: Option<usize>) {
    let mut missing = match letter {
        b'g' | b'G' | b'x' => precision.map_or(6, |precision| i64::try_from(precision).unwrap_or(i64::MAX)),
        _ => 0,
    };
    let hex = matches!(letter, b'x' | b'X');
    let is_exponent = |b: &u8| matches!(b, b'p' | b'P') || !hex && matches!(b, b'e' | b'E');
    let end = text.iter().position(is_exponent).unwrap_or(text.len());
    let tail = text.split_off(end);
    let has_point = text.contains(&b'.');
    let significant = text[1..].iter().filter(|b| **b != b'.').skip_while(|b| **b == b'0').count();
    missing -= i64::try_from(significant).unwrap_or(0);
    if !has_point {
        missing -= i64::from(text.len() == 2 && text[1] == b'0');
        text.push(b'.');
    }
    text.resize(text.len() + usize::try_from(missing).unwrap_or(0), b'0');
    text.extend(tail);
}
