//! Words in names, as sprig's `camelcase`, `snakecase` and `kebabcase` see them: where one ends, and how the next is
//! written.

use crate::func::letter::{LETTER, NUMBER, PUNCT, UPPER, is_space, pieces, to_lower, to_upper};

/// Between words: becomes `_` or `-`, or the next letter's case.
const fn is_connector(c: char) -> bool {
    matches!(c, '-' | '_') || is_space(c)
}

/// A letter of a script with words: not one of the Chinese characters that were known when Go's module was written.
fn is_alphabetic(c: char) -> bool {
    LETTER.has(c) && !matches!(c, '㐀'..='\u{4d85}' | '一'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}')
}

/// Words without connectors, each with a capital; the rest of a word that is all capitals becomes small.
pub(super) fn pascal_case(text: &[u8]) -> Vec<u8> {
    let mut chars = pieces(text).map(|(c, _)| c).peekable();
    let mut out = String::with_capacity(text.len());
    while let Some(c) = chars.next_if(|c| is_connector(*c)) {
        out.push(c);
    }
    let Some(first) = chars.next() else {
        // Of nothing but connectors the last appears twice.
        out.extend(out.chars().next_back());
        return out.into_bytes();
    };
    let mut in_capitals = UPPER.has(first);
    let mut last = to_upper(first);
    for c in chars {
        let after_connector = is_connector(last);
        let next = match c {
            _ if after_connector && is_connector(c) => c,
            _ if after_connector => {
                in_capitals = UPPER.has(c);
                to_upper(c)
            }
            _ => {
                in_capitals &= UPPER.has(c);
                if in_capitals { to_lower(c) } else { c }
            }
        };
        if !after_connector || is_connector(c) {
            out.push(last);
        }
        last = next;
    }
    out.push(last);
    out.into_bytes()
}

/// Small words with `_` between them.
pub(super) fn snake_case(text: &[u8]) -> Vec<u8> {
    small_words(text, b'_')
}

/// Small words with `-` between them.
pub(super) fn kebab_case(text: &[u8]) -> Vec<u8> {
    small_words(text, b'-')
}

/// What a word is made of, which decides whether a connector stands before the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Bytes that are not UTF-8, up to the end; also what comes after the last word.
    Invalid,
    Number,
    /// Begins with a capital.
    Capital,
    Alphabetic,
    Connector,
    Punctuation,
    Other,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            char::REPLACEMENT_CHARACTER => Self::Invalid,
            _ if is_connector(c) => Self::Connector,
            _ if PUNCT.has(c) => Self::Punctuation,
            _ if UPPER.has(c) => Self::Capital,
            _ if is_alphabetic(c) => Self::Alphabetic,
            _ if NUMBER.has(c) => Self::Number,
            _ => Self::Other,
        }
    }

    /// Whether a word of this kind goes on with the character. One with capitals is cut elsewhere.
    fn goes_on(self, c: char) -> bool {
        match self {
            Self::Connector => is_connector(c),
            Self::Punctuation => PUNCT.has(c),
            Self::Capital | Self::Alphabetic => is_alphabetic(c) && !UPPER.has(c),
            Self::Number => NUMBER.has(c),
            Self::Other => !is_connector(c) && !is_alphabetic(c) && !NUMBER.has(c) && !PUNCT.has(c),
            Self::Invalid => false,
        }
    }

    /// Whether a word of this kind has a connector before it, where words touch.
    const fn stands_apart(self) -> bool {
        !matches!(self, Self::Connector | Self::Punctuation)
    }

    /// Whether it belongs to the number before it, as in `2nd`.
    const fn follows_number(self) -> bool {
        matches!(self, Self::Alphabetic | Self::Number)
    }
}

/// The first character that is one, with the length of what is not UTF-8 before it; at the end the one before.
fn next_valid(text: &[u8], before: char) -> (char, usize) {
    let mut size = 0;
    for (c, piece) in pieces(text) {
        size += piece.len();
        if c != char::REPLACEMENT_CHARACTER {
            return (c, size);
        }
    }
    (before, size)
}

/// The text that is left, and the character that was looked at last.
struct Reader<'t> {
    rest: &'t [u8],
    c: char,
}

impl Reader<'_> {
    /// Reads on while the characters are so. Gives the size of the last that was read.
    fn read_while(&mut self, is_so: impl Fn(char) -> bool) -> usize {
        let mut last = 0;
        while !self.rest.is_empty() {
            let (c, size) = next_valid(self.rest, self.c);
            self.c = c;
            if !is_so(c) {
                break;
            }
            last = size;
            self.rest = &self.rest[size..];
        }
        last
    }
}

/// The first word, and the rest.
fn next_word(text: &[u8]) -> (Kind, &[u8], &[u8]) {
    let (first, size) = next_valid(text, char::REPLACEMENT_CHARACTER);
    let kind = Kind::of(first);
    let mut reader = Reader { rest: &text[size..], c: first };
    let mut left = 0;
    if kind == Kind::Capital {
        let last = reader.read_while(|c| UPPER.has(c));
        if last == 0 {
            reader.read_while(|c| kind.goes_on(c));
        } else if !reader.rest.is_empty() && is_alphabetic(reader.c) {
            // The last of many capitals begins the next word: HTTPStatus.
            left = last;
        }
    } else {
        reader.read_while(|c| kind.goes_on(c));
    }
    let (word, rest) = text.split_at(text.len() - reader.rest.len() - left);
    (kind, word, rest)
}

fn words(text: &[u8]) -> Vec<(Kind, &[u8])> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (kind, word, after) = next_word(rest);
        words.push((kind, word));
        rest = after;
    }
    words
}

/// Small words, written one after the other.
struct SmallWords<'t> {
    words: Vec<(Kind, &'t [u8])>,
    at: usize,
    connector: u8,
    out: Vec<u8>,
}

fn small_words(text: &[u8], connector: u8) -> Vec<u8> {
    let out = Vec::with_capacity(text.len());
    let mut small = SmallWords { words: words(text), at: 0, connector, out };
    while small.at + 1 < small.words.len() {
        small.write_with_next();
    }
    small.write(small.at);
    small.out
}

impl SmallWords<'_> {
    fn kind(&self) -> Kind {
        self.words.get(self.at).map_or(Kind::Invalid, |(kind, _)| *kind)
    }

    fn write(&mut self, at: usize) {
        let Some((kind, word)) = self.words.get(at).copied() else { return };
        if !matches!(kind, Kind::Capital | Kind::Connector) {
            self.out.extend(word);
            return;
        }
        for (c, _) in pieces(word) {
            let c = match c {
                _ if is_connector(c) => char::from(self.connector),
                _ if UPPER.has(c) => to_lower(c),
                _ => c,
            };
            self.out.extend(c.encode_utf8(&mut [0; 4]).bytes());
        }
    }

    fn connect_if(&mut self, connects: bool) {
        if connects {
            self.out.push(self.connector);
        }
    }

    /// Writes the word, and what belongs between it and the next.
    fn write_with_next(&mut self) {
        let (kind, before) = (self.kind(), self.at);
        self.write(before);
        self.at += 1;
        match kind {
            Kind::Number => self.write_number_tail(),
            Kind::Connector | Kind::Punctuation => {}
            Kind::Invalid | Kind::Capital | Kind::Alphabetic | Kind::Other => self.write_after_letters(),
        }
    }

    /// What belongs to a number that was written, and the connector after it.
    fn write_number_tail(&mut self) {
        while self.kind().follows_number() {
            self.write(self.at);
            self.at += 1;
        }
        self.connect_if(self.kind().stands_apart() && self.kind() != Kind::Invalid);
    }

    /// A number belongs to the word before it, as in `bld4`, unless small letters follow it, as in `http_2xx`.
    fn write_after_letters(&mut self) {
        if self.kind() != Kind::Number {
            return self.connect_if(self.kind().stands_apart());
        }
        if self.at + 1 >= self.words.len() {
            return;
        }
        let number = self.at;
        self.at += 1;
        if self.kind() != Kind::Alphabetic {
            self.write(number);
            return self.connect_if(self.kind().stands_apart());
        }
        self.connect_if(true);
        self.write(number);
        self.write_number_tail();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        for (name, snake, pascal) in [
            ("FirstName", "first_name", "FirstName"),
            ("HTTPServer", "http_server", "Httpserver"),
            ("GO PATH", "go_path", "GoPath"),
            ("http2xx", "http_2xx", "Http2xx"),
            ("HTTP20xOK", "http_20x_ok", "Http20xOK"),
            ("Duration2m3s", "duration_2m3s", "Duration2m3s"),
            ("Bld4Floor3rd", "bld4_floor_3rd", "Bld4Floor3rd"),
            ("_complex__case_", "_complex__case_", "_Complex_Case_"),
            ("a.b,c", "a.b,c", "A.b,c"),
            ("_", "_", "__"),
            ("", "", ""),
        ] {
            let text = |bytes| String::from_utf8(bytes).unwrap();
            assert_eq!(text(snake_case(name.as_bytes())), snake, "{name}");
            assert_eq!(text(pascal_case(name.as_bytes())), pascal, "{name}");
        }
    }
}
