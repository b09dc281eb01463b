//! Go's `unicode` and the character side of its `strings`: classes, and the case of one character by itself.
//!
//! Go maps a character to one character, never to several and never by its neighbours, and it knows Unicode 15.0: what
//! came later is in no class and has no other case.

use std::sync::LazyLock;

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, HirKind};

use super::expression::is_case_of;
use crate::quote::first_char;

/// A set of characters.
pub(super) struct Letters(LazyLock<Members>);

struct Members {
    class: ClassUnicode,
    /// A bit for each ASCII character.
    ascii: u128,
}

impl Members {
    fn of(pattern: &str) -> Self {
        let class = class(pattern);
        let bits = (0..128_u8).filter(|byte| holds(&class, char::from(*byte))).map(|byte| 1 << byte);
        Self { ascii: bits.fold(0, |all, bit: u128| all | bit), class }
    }
}

fn holds(class: &ClassUnicode, c: char) -> bool {
    let ranges = class.ranges();
    let at = ranges.partition_point(|range| range.end() < c);
    ranges.get(at).is_some_and(|range| range.start() <= c)
}

impl Letters {
    /// Whether it holds the character.
    pub(super) fn has(&self, c: char) -> bool {
        if c.is_ascii() { self.0.ascii >> u32::from(c) & 1 == 1 } else { holds(&self.0.class, c) }
    }

    /// The set itself.
    pub(super) fn class(&self) -> &ClassUnicode {
        &self.0.class
    }
}

/// All that Unicode 15.0 assigns.
pub(super) static KNOWN: Letters = Letters(LazyLock::new(|| Members::of(r"\p{age:15.0}")));
/// `unicode.IsLetter`.
pub(super) static LETTER: Letters = Letters(LazyLock::new(|| Members::of(r"[\p{L}&&\p{age:15.0}]")));
/// `unicode.IsDigit`.
pub(super) static DIGIT: Letters = Letters(LazyLock::new(|| Members::of(r"[\p{Nd}&&\p{age:15.0}]")));
/// `unicode.IsNumber`.
pub(super) static NUMBER: Letters = Letters(LazyLock::new(|| Members::of(r"[\p{N}&&\p{age:15.0}]")));
/// `unicode.IsPunct`.
pub(super) static PUNCT: Letters = Letters(LazyLock::new(|| Members::of(r"[\p{P}&&\p{age:15.0}]")));
/// `unicode.IsUpper`.
pub(super) static UPPER: Letters = Letters(LazyLock::new(|| Members::of(r"[\p{Lu}&&\p{age:15.0}]")));
/// `unicode.IsLower`.
pub(super) static LOWER: Letters = Letters(LazyLock::new(|| Members::of(r"[\p{Ll}&&\p{age:15.0}]")));
/// `unicode.IsTitle`.
pub(super) static TITLE: Letters = Letters(LazyLock::new(|| Members::of(r"[\p{Lt}&&\p{age:15.0}]")));

/// Letters that equal each other but for their case only since Unicode 15.1.
pub(super) static NOT_YET_EQUAL: Letters =
    Letters(LazyLock::new(|| Members::of(r"[\x{390}\x{3b0}\x{1fd3}\x{1fe3}\x{fb05}\x{fb06}]")));

/// The characters of a class as the `regex` crate writes it; none if it knows no such class.
pub(super) fn class(pattern: &str) -> ClassUnicode {
    match regex_syntax::parse(pattern).map(|hir| hir.into_kind()) {
        Ok(HirKind::Class(Class::Unicode(class))) => class,
        // A class of one character comes back as a literal.
        Ok(HirKind::Literal(literal)) => {
            let (c, _) = first_char(&literal.0);
            ClassUnicode::new(c.map(|c| ClassUnicodeRange::new(c, c)))
        }
        _ => ClassUnicode::empty(),
    }
}

/// `unicode.IsSpace`.
pub(super) const fn is_space(c: char) -> bool {
    c.is_whitespace()
}

/// The characters of a string as Go's `range` gives them: U+FFFD for each byte that is not UTF-8.
pub(super) fn chars(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    pieces(bytes).map(|(c, _)| c)
}

/// The characters with the bytes that stand for them.
pub(super) fn pieces(mut bytes: &[u8]) -> impl Iterator<Item = (char, &[u8])> {
    std::iter::from_fn(move || {
        let (c, len) = first_char(bytes);
        let (piece, rest) = bytes.split_at(len);
        bytes = rest;
        (len > 0).then_some((c.unwrap_or(char::REPLACEMENT_CHARACTER), piece))
    })
}

/// Without the characters at both ends that are to go.
pub(super) fn trim(mut text: &[u8], goes: impl Fn(char) -> bool) -> &[u8] {
    while let Some((c, piece)) = pieces(text).next()
        && goes(c)
    {
        text = &text[piece.len()..];
    }
    loop {
        let (c, len) = last_char(text);
        if len == 0 || !goes(c) {
            return text;
        }
        text = &text[..text.len() - len];
    }
}

/// Go's `TrimSpace`.
pub(super) fn trim_space(text: &[u8]) -> &[u8] {
    trim(text, is_space)
}

/// Whether both are the same but for the case of letters: Go's `EqualFold`.
pub(super) fn equal_fold(one: &[u8], other: &[u8]) -> bool {
    let fits = |one: char, other: char| match (one.is_ascii(), other.is_ascii()) {
        (true, true) => one.eq_ignore_ascii_case(&other),
        _ => one == other || is_case_of(one, other),
    };
    let (mut one, mut other) = (chars(one), chars(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if fits(a, b) => {}
            _ => return false,
        }
    }
}

/// The last character and its length.
pub(super) fn last_char(bytes: &[u8]) -> (char, usize) {
    let last = |len: usize| {
        let (c, size) = first_char(&bytes[bytes.len().checked_sub(len)?..]);
        c.filter(|_| size == len).map(|c| (c, len))
    };
    (1..=4).find_map(last).unwrap_or((char::REPLACEMENT_CHARACTER, bytes.len().min(1)))
}

/// `unicode.ToUpper`.
pub(super) fn to_upper(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(upper), None) => known(c, upper),
        _ => with_iota(c),
    }
}

/// `unicode.ToLower`.
pub(super) fn to_lower(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    // Only İ becomes two characters, the first of which is what Go gives.
    known(c, c.to_lowercase().next().unwrap_or(c))
}

/// `unicode.ToTitle`.
pub(super) fn to_title(c: char) -> char {
    match c {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        // Georgian has capitals, but no word begins with one.
        'ა'..='ჺ' | 'ჽ'..='ჿ' => c,
        _ => to_upper(c),
    }
}

/// The other case, if both characters are older than Go's tables.
fn known(c: char, other: char) -> char {
    if c == other || KNOWN.has(c) && KNOWN.has(other) { other } else { c }
}

/// The capital of a Greek letter with an iota below. What else has no capital of one character stays as it is.
fn with_iota(c: char) -> char {
    let step = match u32::from(c) {
        0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7 => 8,
        0x1fb3 | 0x1fc3 | 0x1ff3 => 9,
        _ => 0,
    };
    char::from_u32(u32::from(c) + step).unwrap_or(c)
}

/// A string of characters made from each character: `strings.Map`.
pub(super) fn map(bytes: &[u8], mut change: impl FnMut(char) -> char) -> Vec<u8> {
    let mut out = String::with_capacity(bytes.len());
    out.extend(chars(bytes).map(&mut change));
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_but_for_the_case_of_letters() {
        for (one, other, same) in [
            ("Certificate", "CERTIFICATE", true),
            ("ſ", "S", true),
            ("k", "\u{212a}", true),
            ("ΑΣ", "ας", true),
            ("İ", "i\u{307}", false),
            ("ß", "SS", false),
            ("a", "ab", false),
            ("[", "{", false),
        ] {
            assert_eq!(equal_fold(one.as_bytes(), other.as_bytes()), same, "{one} {other}");
        }
        assert!(equal_fold(b"\xff", b"\xfe"), "both stand for U+FFFD");
    }

    #[test]
    fn a_character_becomes_one_character() {
        for (c, upper, title, lower) in [
            ('ß', 'ß', 'ß', 'ß'),
            ('ﬁ', 'ﬁ', 'ﬁ', 'ﬁ'),
            ('ῳ', 'ῼ', 'ῼ', 'ῳ'),
            ('ᾀ', 'ᾈ', 'ᾈ', 'ᾀ'),
            ('ა', 'Ა', 'ა', 'ა'),
            ('ǆ', 'Ǆ', 'ǅ', 'ǆ'),
            ('İ', 'İ', 'İ', 'i'),
            ('Σ', 'Σ', 'Σ', 'σ'),
            // Its capital came with Unicode 16.
            ('\u{264}', '\u{264}', '\u{264}', '\u{264}'),
        ] {
            assert_eq!((to_upper(c), to_title(c), to_lower(c)), (upper, title, lower), "{c}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_characters_of_one_byte() {
        assert_eq!(chars(b"a\xff\xe2\x82").collect::<String>(), "a\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(last_char("aé".as_bytes()), ('é', 2));
        assert_eq!(last_char(b"a\xe2\x82"), ('\u{fffd}', 1));
        assert_eq!(last_char(b""), ('\u{fffd}', 0));
    }

    #[test]
    fn what_is_newer_than_the_tables_is_in_no_class() {
        assert!(UPPER.has('É') && LETTER.has('日') && PUNCT.has('-'));
        assert!(!UPPER.has('\u{a7cb}') && !LETTER.has('\u{10d50}'));
    }
}
