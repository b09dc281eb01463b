//! Finds the bounds of values in JSON without judging it. Broken JSON is read as the Go module reads it:
//! unknown bytes are skipped, and a value ends where its own kind ends.
//!
//! Everything works on bytes: a cut `\u` escape can leave text that is not UTF-8, and only the final
//! [`Value`](crate::Value) is made text again.

use std::borrow::Cow;

use crate::{Kind, number};

/// A value inside a buffer.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) kind: Kind,
    pub(crate) raw: &'a [u8],
}

impl<'a> Piece<'a> {
    /// What a lookup that finds nothing gives.
    pub(crate) const NOTHING: Self = Self { kind: Kind::Null, raw: b"" };

    pub(crate) fn exists(self) -> bool {
        self.kind != Kind::Null || !self.raw.is_empty()
    }

    pub(crate) fn is_object(self) -> bool {
        self.kind == Kind::Json && self.raw.starts_with(b"{")
    }

    pub(crate) fn is_array(self) -> bool {
        self.kind == Kind::Json && self.raw.starts_with(b"[")
    }

    pub(crate) fn text(self) -> Cow<'a, [u8]> {
        match self.kind {
            Kind::Null => Cow::Borrowed(b""),
            Kind::False => Cow::Borrowed(b"false"),
            Kind::True => Cow::Borrowed(b"true"),
            Kind::Json => Cow::Borrowed(self.raw),
            Kind::Number => number::text(self.raw),
            Kind::String => string_text(self.raw),
        }
    }

    /// Go's `Result.Bool()`, for the options of modifiers.
    pub(crate) fn truth(self) -> bool {
        match self.kind {
            Kind::True => true,
            Kind::String => boolean(&self.text()).unwrap_or(false),
            Kind::Number => number::parse(self.raw) != 0.0,
            Kind::Null | Kind::False | Kind::Json => false,
        }
    }
}

/// What `strconv.ParseBool` makes of a text, in any case.
pub(crate) fn boolean(text: &[u8]) -> Option<bool> {
    let is = |word: &&[u8]| text.eq_ignore_ascii_case(word);
    let yes: [&[u8]; 3] = [b"1", b"t", b"true"];
    let no: [&[u8]; 3] = [b"0", b"f", b"false"];
    if yes.iter().any(is) { Some(true) } else { no.iter().any(is).then_some(false) }
}

/// What begins at a byte.
pub(crate) enum Lexeme {
    /// A string, number or word, with the index after it.
    Scalar(Kind, usize),
    /// An object or an array.
    Container,
    /// A string without its closing quote.
    Unterminated,
    /// No value: white space, punctuation, rubbish.
    Other,
}

/// What begins at `at`, which must lie inside of the JSON.
pub(crate) fn lexeme(json: &[u8], at: usize) -> Lexeme {
    let odd_n = || json.get(at + 1).is_some_and(|next| *next != b'u');
    match json[at] {
        b'"' => string_end(json, at).map_or(Lexeme::Unterminated, |end| Lexeme::Scalar(Kind::String, end)),
        b'{' | b'[' => Lexeme::Container,
        b't' => Lexeme::Scalar(Kind::True, word_end(json, at)),
        b'f' => Lexeme::Scalar(Kind::False, word_end(json, at)),
        // "nan" is a number to the Go module.
        b'n' if !odd_n() => Lexeme::Scalar(Kind::Null, word_end(json, at)),
        b'n' | b'+' | b'-' | b'0'..=b'9' | b'i' | b'I' | b'N' => {
            Lexeme::Scalar(Kind::Number, number_end(json, at))
        }
        _ => Lexeme::Other,
    }
}

/// The index after the string that opens at `open`; `None` if it does not close.
pub(crate) fn string_end(json: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    while at < json.len() {
        match json[at] {
            b'\\' => at += 2,
            b'"' => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The index after the bracket that closes the one at `open`. Every kind of bracket, parentheses too, closes
/// every other. Without one it is the length of the JSON, and one more if it ends inside of a string:
/// the difference tells an array's reader whether to act as if the array were closed.
pub(crate) fn container_end(json: &[u8], open: usize) -> usize {
    let mut depth = 1;
    let mut at = open + 1;
    while at < json.len() {
        match json[at] {
            b'"' => match string_end(json, at) {
                Some(end) => at = end - 1,
                None => return json.len() + 1,
            },
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The part of `json` from `start` to `end`, or to its own end where that comes first.
pub(crate) fn part(json: &[u8], start: usize, end: usize) -> &[u8] {
    &json[start..end.min(json.len())]
}

/// The container, parenthesis or string that `text` begins with.
pub(crate) fn enclosed(text: &[u8]) -> &[u8] {
    let end = match text.first() {
        Some(b'"') => string_end(text, 0).unwrap_or(text.len()),
        _ => container_end(text, 0),
    };
    part(text, 0, end)
}

fn word_end(json: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| !byte.is_ascii_lowercase();
    json[start + 1..].iter().position(ends).map_or(json.len(), |length| start + 1 + length)
}

fn number_end(json: &[u8], start: usize) -> usize {
    let ends = |byte: &u8| *byte <= b' ' || matches!(byte, b',' | b']' | b'}');
    json[start + 1..].iter().position(ends).map_or(json.len(), |length| start + 1 + length)
}

/// The next value at or after `at`, and the index after it.
pub(crate) fn next_value(json: &[u8], mut at: usize) -> Option<(Piece<'_>, usize)> {
    while at < json.len() {
        let (kind, end) = match lexeme(json, at) {
            Lexeme::Scalar(kind, end) => (kind, end),
            Lexeme::Container => (Kind::Json, container_end(json, at)),
            Lexeme::Unterminated => return None,
            Lexeme::Other => {
                at += 1;
                continue;
            }
        };
        return Some((Piece { kind, raw: part(json, at, end) }, end));
    }
    None
}

/// The value that a document is. An object or an array is taken to the end of the text, with whatever
/// follows it.
pub(crate) fn document(json: &[u8]) -> Piece<'_> {
    let Some(start) = json.iter().position(|byte| *byte > b' ') else { return Piece::NOTHING };
    let rest = &json[start..];
    match lexeme(json, start) {
        Lexeme::Scalar(kind, end) => Piece { kind, raw: part(json, start, end) },
        Lexeme::Container => Piece { kind: Kind::Json, raw: rest },
        Lexeme::Unterminated => Piece { kind: Kind::String, raw: rest },
        Lexeme::Other => Piece::NOTHING,
    }
}

/// The members of a value, as pairs of key and value: of an object both, of an array nothing and the
/// element, of a scalar nothing and itself.
pub(crate) fn members(value: Piece<'_>) -> Members<'_> {
    let json = if value.kind == Kind::Json { value.raw } else { b"" };
    let alone = (value.kind != Kind::Json && value.exists()).then_some(value);
    Members { json, at: 1, keyed: value.is_object(), alone }
}

/// See [`members`].
pub(crate) struct Members<'a> {
    json: &'a [u8],
    at: usize,
    keyed: bool,
    alone: Option<Piece<'a>>,
}

impl<'a> Members<'a> {
    fn key(&mut self) -> Option<Piece<'a>> {
        let rest = self.json.get(self.at..)?;
        let start = self.at + rest.iter().position(|byte| *byte == b'"')?;
        let end = string_end(self.json, start)?;
        self.at = end;
        Some(Piece { kind: Kind::String, raw: part(self.json, start, end) })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (Piece<'a>, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(value) = self.alone.take() {
            return Some((Piece::NOTHING, value));
        }
        let key = if self.keyed { self.key()? } else { Piece::NOTHING };
        let (value, end) = next_value(self.json, self.at)?;
        // The byte after a value is taken for its comma, unseen.
        self.at = end + 1;
        Some((key, value))
    }
}

/// A string's text: without its quotes, its escapes resolved.
pub(crate) fn string_text(raw: &[u8]) -> Cow<'_, [u8]> {
    let closed = string_end(raw, 0) == Some(raw.len());
    let inner = &raw[1..raw.len() - usize::from(closed)];
    if inner.contains(&b'\\') { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner) }
}

/// Resolves the escapes of a string. It ends at the first control character or broken escape.
pub(crate) fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (0..b' ', _) => return out,
            (b'\\', Some(b'u')) => match unicode_escape(text, at) {
                Some((symbol, end)) => {
                    out.extend_from_slice(symbol.encode_utf8(&mut [0; 4]).as_bytes());
                    at = end;
                }
                None => return out,
            },
            (b'\\', escaped) => match escaped.copied().and_then(simple_escape) {
                Some(byte) => {
                    out.push(byte);
                    at += 2;
                }
                None => return out,
            },
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn simple_escape(letter: u8) -> Option<u8> {
    Some(match letter {
        b'\\' | b'/' | b'"' => letter,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}

/// The character of the `\uXXXX` at `at` and the index after it. A half of a surrogate pair is U+FFFD, and takes
/// a `\u` escape that follows it along, whatever that holds.
fn unicode_escape(text: &[u8], at: usize) -> Option<(char, usize)> {
    let first = hex(text.get(at + 2..at + 6)?);
    let end = at + 6;
    if !(0xd800..0xe000).contains(&first) {
        return Some((char::from_u32(first)?, end));
    }
    let Some([b'\\', b'u', digits @ ..]) = text.get(end..end + 6) else {
        return Some((char::REPLACEMENT_CHARACTER, end));
    };
    let second = hex(digits);
    let paired = first < 0xdc00 && (0xdc00..0xe000).contains(&second);
    let code = if paired { 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00) } else { 0xfffd };
    Some((char::from_u32(code)?, end + 6))
}

/// Four hexadecimal digits; 0 if one of them is none.
fn hex(digits: &[u8]) -> u32 {
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    digits.iter().try_fold(0, |sum, digit| Some(sum * 16 + value(digit)?)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved_up_to_the_first_broken_one() {
        let cases: [(&str, &str); 9] = [
            (r#"a\"b\/\\"#, "a\"b/\\"),
            (r"\b\f\n\r\t", "\u{8}\u{c}\n\r\t"),
            (r"\u00fc", "ü"),
            (r"\ud83d\ude00", "😀"),
            (r"\ud83dx", "\u{fffd}x"),
            (r"\ud83d\u0041x", "\u{fffd}x"),
            (r"a\xb", "a"),
            (r"a\u12", "a"),
            ("a\u{1}b", "a"),
        ];
        for (escaped, text) in cases {
            assert_eq!(unescape(escaped.as_bytes()), text.as_bytes(), "{escaped}");
        }
    }

    #[test]
    fn a_container_ends_at_any_closing_bracket_outside_of_strings() {
        for (json, end) in [("[1]x", 3), ("{\"]\":[1]}x", 9), ("[1}x", 3), ("[[1]", 4), ("[\"a", 4), ("[", 1)]
        {
            assert_eq!(container_end(json.as_bytes(), 0), end, "{json}");
        }
    }

    #[test]
    fn members_come_in_pairs() {
        let pairs = |json: &'static str| -> Vec<(&str, &str)> {
            let text = |piece: Piece<'static>| std::str::from_utf8(piece.raw).unwrap();
            members(document(json.as_bytes())).map(|(key, value)| (text(key), text(value))).collect()
        };
        assert_eq!(pairs(r#" {"a" : 1, "b":[2]}"#), [("\"a\"", "1"), ("\"b\"", "[2]")]);
        assert_eq!(pairs("[1, null ,{}]"), [("", "1"), ("", "null"), ("", "{}")]);
        assert_eq!(pairs("7"), [("", "7")]);
        assert_eq!(pairs(""), []);
    }
}
