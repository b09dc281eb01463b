//! JSON as `encoding/json` scans it, piece by piece, with its messages.

use crate::quote::first_char;

/// How deep Go lets values lie in each other.
const MAX_DEPTH: usize = 10_000;

/// What Go says of a text that is no JSON.
#[derive(Debug)]
pub(super) struct Syntax(pub(super) String);

/// A text, and where it is read.
pub(super) struct JsonText<'t> {
    bytes: &'t [u8],
    /// If the text is no JSON it stays at the byte that is wrong, or at the end.
    at: usize,
}

impl<'t> JsonText<'t> {
    pub(super) const fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Goes past the byte that was looked at.
    pub(super) const fn step(&mut self) {
        self.at += 1;
    }

    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte that is no space.
    pub(super) fn next(&mut self) -> Result<u8, Syntax> {
        self.skip_space();
        self.peek().ok_or_else(|| Syntax("unexpected end of JSON input".into()))
    }

    /// The next byte where a space is as wrong as any: Go takes the end for one.
    fn within(&self) -> u8 {
        self.peek().unwrap_or(b' ')
    }

    /// Nothing but spaces may follow the value.
    pub(super) fn end(&mut self) -> Result<(), Syntax> {
        self.skip_space();
        self.peek().map_or(Ok(()), |byte| Err(invalid(byte, "after top-level value")))
    }

    /// Whether the array or the object that the brace or bracket closes is empty; if so it is gone past.
    pub(super) fn is_empty(&mut self, close: u8) -> Result<bool, Syntax> {
        let is_empty = self.next()? == close;
        self.at += usize::from(is_empty);
        Ok(is_empty)
    }

    /// After a value: whether there is another one before that brace or bracket.
    pub(super) fn more(&mut self, close: u8) -> Result<bool, Syntax> {
        let byte = self.next()?;
        if byte != b',' && byte != close {
            let context = if close == b'}' { "after object key:value pair" } else { "after array element" };
            return Err(invalid(byte, context));
        }
        self.at += 1;
        Ok(byte == b',')
    }

    /// The name of an object's member, up to its value.
    pub(super) fn name(&mut self) -> Result<Vec<u8>, Syntax> {
        let byte = self.next()?;
        if byte != b'"' {
            return Err(invalid(byte, "looking for beginning of object key string"));
        }
        let name = self.string()?;
        let byte = self.next()?;
        if byte != b':' {
            return Err(invalid(byte, "after object key"));
        }
        self.at += 1;
        Ok(name)
    }

    /// Goes past a value that lies so deep, and gives its text. Each of its numbers is shown.
    pub(super) fn skip(
        &mut self,
        depth: usize,
        number: &mut dyn FnMut(&'t [u8]),
    ) -> Result<&'t [u8], Syntax> {
        self.skip_space();
        let start = self.at;
        let mut open = Vec::new();
        loop {
            let byte = self.next()?;
            let close = match byte {
                b'{' => Some(b'}'),
                b'[' => Some(b']'),
                _ => None,
            };
            match close {
                None => self.scalar(number)?,
                Some(_) if depth + open.len() >= MAX_DEPTH => {
                    return Err(invalid(byte, "exceeded max depth"));
                }
                Some(close) if self.opens(close, &mut open)? => continue,
                Some(_) => {}
            }
            if self.ends(&mut open)? {
                return Ok(&self.bytes[start..self.at]);
            }
        }
    }

    /// At a brace or a bracket: whether there is anything in it. If so, goes on to the first value.
    fn opens(&mut self, close: u8, open: &mut Vec<u8>) -> Result<bool, Syntax> {
        self.at += 1;
        if self.is_empty(close)? {
            return Ok(false);
        }
        open.push(close);
        self.before_item(close)?;
        Ok(true)
    }

    /// After a value: whether it ends all that is open. If not, goes on to the next value.
    fn ends(&mut self, open: &mut Vec<u8>) -> Result<bool, Syntax> {
        while let Some(close) = open.last() {
            if self.more(*close)? {
                self.before_item(*close)?;
                return Ok(false);
            }
            open.pop();
        }
        Ok(true)
    }

    fn before_item(&mut self, close: u8) -> Result<(), Syntax> {
        if close == b'}' { self.name().map(drop) } else { Ok(()) }
    }

    /// Goes past a value that holds no others.
    fn scalar(&mut self, number: &mut dyn FnMut(&'t [u8])) -> Result<(), Syntax> {
        match self.next()? {
            b'"' => self.string().map(drop),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number().map(number),
            byte => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    pub(super) fn literal(&mut self, word: &str) -> Result<(), Syntax> {
        for wanted in word.bytes() {
            let byte = self.within();
            if byte != wanted {
                let wanted = char::from(wanted);
                return Err(invalid(byte, &format!("in literal {word} (expecting '{wanted}')")));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The text of a number.
    pub(super) fn number(&mut self) -> Result<&'t [u8], Syntax> {
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
        Ok(&self.bytes[start..self.at])
    }

    fn digits(&mut self, context: &str) -> Result<(), Syntax> {
        if !self.within().is_ascii_digit() {
            return Err(invalid(self.within(), context));
        }
        while self.within().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    /// What a string that begins here means.
    pub(super) fn string(&mut self) -> Result<Vec<u8>, Syntax> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek() {
                None => return Err(Syntax("unexpected end of JSON input".into())),
                Some(b'"') => break,
                Some(b'\\') => self.escape(&mut out)?,
                Some(byte @ 0..=0x1f) => return Err(invalid(byte, "in string literal")),
                Some(0x20..=0x7f) => {
                    let rest = &self.bytes[self.at..];
                    let is_plain = |byte: &u8| matches!(byte, 0x20..=0x7f) && !matches!(byte, b'"' | b'\\');
                    let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
                    out.extend_from_slice(&rest[..plain]);
                    self.at += plain;
                }
                Some(_) => {
                    let (char, len) = first_char(&self.bytes[self.at..]);
                    push(&mut out, char.unwrap_or(char::REPLACEMENT_CHARACTER));
                    self.at += len;
                }
            }
        }
        self.at += 1;
        Ok(out)
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<(), Syntax> {
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

    fn unit(&mut self) -> Result<u32, Syntax> {
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
            (unit, self.bytes.get(self.at..self.at + 6))
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

/// A name, and the text of its value.
type Member<'t> = (Vec<u8>, &'t [u8]);

/// The members of an object, one after another.
pub(super) struct Members<'a, 't> {
    text: &'a mut JsonText<'t>,
    is_first: bool,
}

impl<'a, 't> Members<'a, 't> {
    /// Of the object whose brace comes next.
    pub(super) const fn new(text: &'a mut JsonText<'t>) -> Self {
        text.step();
        Self { text, is_first: true }
    }

    /// The next one.
    pub(super) fn next(&mut self) -> Result<Option<Member<'t>>, Syntax> {
        let has_more = if self.is_first { !self.text.is_empty(b'}')? } else { self.text.more(b'}')? };
        self.is_first = false;
        if !has_more {
            return Ok(None);
        }
        let name = self.text.name()?;
        let value = self.text.skip(1, &mut |_| ())?;
        Ok(Some((name, value)))
    }
}

fn push(out: &mut Vec<u8>, char: char) {
    out.extend(char.encode_utf8(&mut [0; 4]).bytes());
}

/// A byte, shown as the character of that number, where it may not stand.
pub(super) fn invalid(byte: u8, context: &str) -> Syntax {
    let shown = match byte {
        b'\'' => r"\'".into(),
        b'"' => "\"".into(),
        byte => {
            let quoted = crate::print::quote(char::from(byte).encode_utf8(&mut [0; 4]).as_bytes());
            String::from_utf8_lossy(&quoted[1..quoted.len() - 1]).into_owned()
        }
    };
    Syntax(format!("invalid character '{shown}' {context}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(text: &str) -> Result<(String, Vec<String>), String> {
        let mut numbers = Vec::new();
        let mut note = |number: &[u8]| numbers.push(String::from_utf8_lossy(number).into_owned());
        let value = JsonText::new(text.as_bytes()).skip(0, &mut note).map_err(|syntax| syntax.0)?;
        Ok((String::from_utf8_lossy(value).into_owned(), numbers))
    }

    #[test]
    fn values_are_skipped_to_their_end() {
        for text in ["1", "\"a]\"", "null", "[]", "{}", "[[],{\"a\":[{}]}, 1]", "{\"]\":{ } , \"b\":[true]}"]
        {
            assert_eq!(skipped(&format!(" {text} ]")).unwrap().0, text);
        }
        assert_eq!(skipped("[1,{\"2\":-3e4},\"5\"]").unwrap().1, ["1", "-3e4"]);
    }

    #[test]
    fn what_is_skipped_is_looked_at() {
        for (text, want) in [
            ("[1 2]", "invalid character '2' after array element"),
            ("{\"a\":{1:2}}", "invalid character '1' looking for beginning of object key string"),
            ("{\"a\" \"b\"}", "invalid character '\"' after object key"),
            ("{\"a\":[]]", "invalid character ']' after object key:value pair"),
            ("[,]", "invalid character ',' looking for beginning of value"),
            ("[{\"a\":", "unexpected end of JSON input"),
        ] {
            assert_eq!(skipped(text).unwrap_err(), want, "{text}");
        }
    }

    #[test]
    fn values_may_lie_ten_thousand_deep() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(skipped(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(skipped(&nested(MAX_DEPTH + 1)).unwrap_err(), "invalid character '[' exceeded max depth");
    }
}
