//! Go's `strconv` for strings: quoting, unquoting, and the classes of characters that both and the lexer ask for.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex_automata::meta::Regex;

use crate::pattern::constant;

/// Go 1.26 knows Unicode 15.0: what was assigned later is neither letter nor printable.
static LETTER: LazyLock<Regex> = LazyLock::new(|| constant(r"^[\p{L}&&\p{age:15.0}]$"));
static DIGIT: LazyLock<Regex> = LazyLock::new(|| constant(r"^[\p{Nd}&&\p{age:15.0}]$"));
static PRINT: LazyLock<Regex> = LazyLock::new(|| constant(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}&&\p{age:15.0}]$"));

fn is_in(class: &LazyLock<Regex>, c: char) -> bool {
    class.is_match(&*c.encode_utf8(&mut [0; 4]))
}

/// `unicode.IsLetter`.
pub(crate) fn is_letter(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_alphabetic() } else { is_in(&LETTER, c) }
}

/// `unicode.IsDigit`.
pub(crate) fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { is_in(&DIGIT, c) }
}

/// `strconv.IsPrint`.
pub(crate) fn is_print(c: char) -> bool {
    if c.is_ascii() { (' '..='~').contains(&c) } else { is_in(&PRINT, c) }
}

/// The first character and its length; `None` where the bytes are not UTF-8 (Go's `RuneError` of width 1).
pub(crate) fn first_char(bytes: &[u8]) -> (Option<char>, usize) {
    let Some(lead) = bytes.first() else { return (None, 0) };
    let len = match lead {
        0..=0x7f => return (Some(char::from(*lead)), 1),
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return (None, 1),
    };
    let c = bytes.get(..len).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.chars().next());
    if c.is_some() { (c, len) } else { (None, 1) }
}

/// `utf8.RuneCount`.
pub(crate) fn count_chars(bytes: &[u8]) -> usize {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.chars().count();
    }
    let mut at = 0;
    let mut count = 0;
    while at < bytes.len() {
        at += first_char(&bytes[at..]).1;
        count += 1;
    }
    count
}

/// `strconv.AppendQuote`, or `AppendQuoteToASCII`.
pub(crate) fn quote_into(out: &mut Vec<u8>, text: &[u8], ascii: bool) {
    out.push(b'"');
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        let (c, len) = first_char(rest);
        match (c, rest.first()) {
            (Some(c), _) => escape_char(out, c, '"', ascii),
            (None, Some(byte)) => out.extend(format!("\\x{byte:02x}").bytes()),
            (None, None) => {}
        }
        rest = &rest[len..];
    }
    out.push(b'"');
}

/// `strconv.AppendQuoteRune`, or `AppendQuoteRuneToASCII`.
pub(crate) fn quote_char_into(out: &mut Vec<u8>, c: char, ascii: bool) {
    out.push(b'\'');
    escape_char(out, c, '\'', ascii);
    out.push(b'\'');
}

fn escape_char(out: &mut Vec<u8>, c: char, quote: char, ascii: bool) {
    if c == quote || c == '\\' {
        out.push(b'\\');
        out.push(if c == '\\' { b'\\' } else { quote as u8 });
        return;
    }
    if is_print(c) && (c.is_ascii() || !ascii) {
        out.extend(c.encode_utf8(&mut [0; 4]).bytes());
        return;
    }
    if let Some((_, letter)) = ESCAPES.iter().find(|(char, _)| *char == c) {
        out.extend([b'\\', *letter]);
        return;
    }
    let code = u32::from(c);
    let text = match code {
        0..=0x1f | 0x7f => format!("\\x{code:02x}"),
        0x80..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    };
    out.extend(text.bytes());
}

/// The characters with an escape of one letter.
const ESCAPES: &[(char, u8)] = &[
    ('\u{7}', b'a'),
    ('\u{8}', b'b'),
    ('\u{c}', b'f'),
    ('\n', b'n'),
    ('\r', b'r'),
    ('\t', b't'),
    ('\u{b}', b'v'),
];

/// `strconv.CanBackquote`.
pub(crate) fn can_backquote(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| {
        text.chars().all(|c| c != '\u{feff}' && c != '`' && c != '\u{7f}' && (c >= ' ' || c == '\t'))
    })
}

/// `strconv.Unquote` of a string in double or back quotes. `None` is Go's `invalid syntax`.
pub(crate) fn unquote(quoted: &[u8]) -> Option<Vec<u8>> {
    if quoted.len() < 2 {
        return None;
    }
    let (quote, inner) = (quoted[0], &quoted[1..quoted.len() - 1]);
    if quote == b'`' {
        return Some(inner.iter().copied().filter(|b| *b != b'\r').collect());
    }
    let mut out = Vec::with_capacity(inner.len());
    let text = to_text(inner);
    let mut rest = &*text;
    while !rest.is_empty() {
        let plain = rest.find(['\\', '"', '\n']).unwrap_or(rest.len());
        out.extend(&rest.as_bytes()[..plain]);
        rest = &rest[plain..];
        if !rest.is_empty() {
            let (unit, tail) = unquote_char(rest, '"')?;
            unit.push_to(&mut out);
            rest = tail;
        }
    }
    Some(out)
}

/// The bytes as text, with U+FFFD for each byte that is not UTF-8.
fn to_text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let (c, len) = first_char(&bytes[at..]);
        out.push(c.unwrap_or(char::REPLACEMENT_CHARACTER));
        at += len;
    }
    Cow::Owned(out)
}

/// What one character or escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A character.
    Char(char),
    /// A byte, from `\x` or an octal escape.
    Byte(u8),
}

impl Unit {
    /// Its number.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Char(c) => u32::from(c),
            Self::Byte(b) => u32::from(b),
        }
    }

    fn push_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Char(c) => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            Self::Byte(b) => out.push(b),
        }
    }
}

/// `strconv.UnquoteChar`: the first character or escape, and the rest.
pub(crate) fn unquote_char(text: &str, quote: char) -> Option<(Unit, &str)> {
    let mut chars = text.chars();
    let c = chars.next()?;
    if c == quote || c == '\n' && quote == '"' {
        return None;
    }
    if c != '\\' {
        return Some((Unit::Char(c), chars.as_str()));
    }
    let letter = chars.next()?;
    let rest = chars.as_str();
    if let Some((c, _)) = ESCAPES.iter().find(|(_, known)| char::from(*known) == letter) {
        return Some((Unit::Char(*c), rest));
    }
    match letter {
        '\\' => Some((Unit::Char('\\'), rest)),
        '\'' | '"' if letter == quote => Some((Unit::Char(letter), rest)),
        'x' => digits(rest, 2, 16).and_then(|(n, rest)| Some((Unit::Byte(u8::try_from(n).ok()?), rest))),
        'u' => digits(rest, 4, 16).and_then(|(n, rest)| Some((Unit::Char(char::from_u32(n)?), rest))),
        'U' => digits(rest, 8, 16).and_then(|(n, rest)| Some((Unit::Char(char::from_u32(n)?), rest))),
        '0'..='7' => {
            digits(&text[1..], 3, 8).and_then(|(n, rest)| Some((Unit::Byte(u8::try_from(n).ok()?), rest)))
        }
        _ => None,
    }
}

fn digits(text: &str, count: usize, radix: u32) -> Option<(u32, &str)> {
    let (head, rest) = text.split_at_checked(count)?;
    let valid = head.chars().all(|c| c.is_digit(radix));
    valid.then(|| u32::from_str_radix(head, radix).ok()).flatten().map(|n| (n, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_go_does() {
        for (text, want) in [
            (&b"a\"b\\c\n"[..], r#""a\"b\\c\n""#),
            (b"\xff\x00\x7f", r#""\xff\x00\x7f""#),
            ("é\u{200b}\u{a0}".as_bytes(), r#""é\u200b\u00a0""#),
            ("\u{1f600}\u{e0001}".as_bytes(), "\"\u{1f600}\\U000e0001\""),
        ] {
            let mut out = Vec::new();
            quote_into(&mut out, text, false);
            assert_eq!(String::from_utf8_lossy(&out), want);
        }
    }

    #[test]
    fn unquotes_what_go_unquotes_and_nothing_else() {
        assert_eq!(unquote(br#""\x41\u00e9\101\t\"""#).unwrap(), "AéA\t\"".as_bytes());
        assert_eq!(unquote(b"`a\\n\r\n`").unwrap(), b"a\\n\n");
        assert_eq!(unquote(br#""\xff""#).unwrap(), b"\xff");
        assert_eq!(unquote(b"\"\xff\"").unwrap(), "\u{fffd}".as_bytes());
        for bad in [r#""\'""#, r#""\q""#, r#""\ud800""#, r#""\400""#, r#""\x4""#] {
            assert_eq!(unquote(bad.as_bytes()), None, "{bad}");
        }
    }
}
