//! The bytes of a YAML text as characters, in portions: what is wrong with bytes is found when their portion is read.

/// How many bytes are read at once.
const PORTION: usize = 512;
const CONTROL: &str = "control characters are not allowed";

/// How the characters are written.
#[derive(Clone, Copy, Debug)]
enum Encoding {
    Utf8,
    Utf16(fn([u8; 2]) -> u16),
}

/// A text of which the first bytes have been read.
#[derive(Debug)]
pub(super) struct Reader<'t> {
    bytes: &'t [u8],
    /// What has been read, and how much of it has become characters.
    end: usize,
    at: usize,
    encoding: Option<Encoding>,
    /// Whether reading has met the end.
    pub(super) ended: bool,
}

impl<'t> Reader<'t> {
    pub(super) const fn new(bytes: &'t [u8]) -> Self {
        Self { bytes, end: 0, at: 0, encoding: None, ended: false }
    }

    fn left(&self) -> &'t [u8] {
        &self.bytes[self.at..self.end]
    }

    /// Reads another portion. Only the reading after the last byte meets the end.
    fn portion(&mut self) {
        self.ended = self.ended || self.end == self.bytes.len();
        self.end = self.bytes.len().min(self.at + PORTION);
    }

    /// The encoding, by the mark that the text begins with.
    fn encoding(&mut self) -> Encoding {
        if let Some(encoding) = self.encoding {
            return encoding;
        }
        while !self.ended && self.left().len() < 3 {
            self.portion();
        }
        let (encoding, mark) = match self.left() {
            [0xff, 0xfe, ..] => (Encoding::Utf16(u16::from_le_bytes), 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16(u16::from_be_bytes), 2),
            [0xef, 0xbb, 0xbf, ..] => (Encoding::Utf8, 3),
            _ => (Encoding::Utf8, 0),
        };
        self.at += mark;
        self.encoding = Some(encoding);
        encoding
    }

    /// Adds characters until there are so many, as far as the text has them.
    pub(super) fn fill(&mut self, chars: &mut Vec<char>, count: usize) -> Result<(), &'static str> {
        let encoding = self.encoding();
        let mut first = true;
        while chars.len() < count {
            if !first || self.left().is_empty() {
                self.portion();
            }
            first = false;
            while let Some((char, width)) = self.next(encoding)? {
                chars.push(char);
                self.at += width;
            }
            if self.ended {
                break;
            }
        }
        Ok(())
    }

    /// The next character and how many bytes it has; none if the portion does not hold all of it.
    fn next(&self, encoding: Encoding) -> Result<Option<(char, usize)>, &'static str> {
        let left = self.left();
        if left.is_empty() {
            return Ok(None);
        }
        let found = match encoding {
            Encoding::Utf8 => utf8(left)?,
            Encoding::Utf16(unit) => utf16(left, unit)?,
        };
        match found {
            Found::Char(char, _) if !is_allowed(char) => Err(CONTROL),
            Found::Char(char, width) => Ok(Some((char, width))),
            Found::Incomplete(problem) if self.ended => Err(problem),
            Found::Incomplete(_) => Ok(None),
        }
    }
}

/// What some bytes begin with.
enum Found {
    Char(char, usize),
    /// A part of a character, and what is wrong if no more follows.
    Incomplete(&'static str),
}

fn utf8(bytes: &[u8]) -> Result<Found, &'static str> {
    let (width, bits) = match bytes[0] {
        byte @ ..=0x7f => (1, byte),
        byte @ 0xc0..=0xdf => (2, byte & 0x1f),
        byte @ 0xe0..=0xef => (3, byte & 0x0f),
        byte @ 0xf0..=0xf7 => (4, byte & 0x07),
        _ => return Err("invalid leading UTF-8 octet"),
    };
    let Some(trailing) = bytes.get(1..width) else {
        return Ok(Found::Incomplete("incomplete UTF-8 octet sequence"));
    };
    if trailing.iter().any(|byte| byte & 0xc0 != 0x80) {
        return Err("invalid trailing UTF-8 octet");
    }
    let code = trailing.iter().fold(u32::from(bits), |code, byte| code << 6 | u32::from(byte & 0x3f));
    if code < [0, 0x80, 0x800, 0x1_0000][width - 1] {
        return Err("invalid length of a UTF-8 sequence");
    }
    let char = char::from_u32(code).ok_or("invalid Unicode character")?;
    Ok(Found::Char(char, width))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Found, &'static str> {
    let unit = |at: usize| bytes.get(at..at + 2).map(|pair| unit([pair[0], pair[1]]));
    let Some(high) = unit(0) else { return Ok(Found::Incomplete("incomplete UTF-16 character")) };
    let high = match high {
        0xdc00..=0xdfff => return Err("unexpected low surrogate area"),
        0xd800..=0xdbff => u32::from(high & 0x3ff),
        _ => return Ok(Found::Char(char::from_u32(high.into()).unwrap_or_default(), 2)),
    };
    let Some(low) = unit(2) else { return Ok(Found::Incomplete("incomplete UTF-16 surrogate pair")) };
    if !(0xdc00..=0xdfff).contains(&low) {
        return Err("expected low surrogate area");
    }
    let code = 0x1_0000 + (high << 10) + u32::from(low & 0x3ff);
    Ok(Found::Char(char::from_u32(code).unwrap_or_default(), 4))
}

const fn is_allowed(char: char) -> bool {
    matches!(
        char,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many characters are there when one is asked for.
    fn first(bytes: &[u8]) -> Result<usize, &'static str> {
        let mut chars = Vec::new();
        Reader::new(bytes).fill(&mut chars, 1).map(|()| chars.len())
    }

    #[test]
    fn a_portion_has_512_bytes() {
        assert_eq!(first(&[b'a'; 600]), Ok(512));
        assert_eq!(first(&[&b"\xef\xbb\xbf"[..], &[b'a'; 600]].concat()), Ok(509));
        assert_eq!(first(&[&b"\xff\xfe"[..], &b"a\0".repeat(600)].concat()), Ok(255));
    }

    #[test]
    fn damage_is_met_with_its_portion() {
        let damaged = |at: usize| [&vec![b'a'; at][..], b"\xff"].concat();
        assert_eq!(first(&damaged(511)), Err("invalid leading UTF-8 octet"));
        assert_eq!(first(&damaged(512)), Ok(512));
        assert_eq!(first(&[&[b'a'; 511][..], "\u{e9}".as_bytes()].concat()), Ok(511));
    }

    #[test]
    fn a_text_may_end_within_no_character() {
        assert_eq!(first(b"\xc3"), Err("incomplete UTF-8 octet sequence"));
        assert_eq!(first(b"\xff\xfea"), Err("incomplete UTF-16 character"));
        assert_eq!(first(b"\xff\xfe\x3d\xd8\0"), Err("incomplete UTF-16 surrogate pair"));
        assert_eq!(first(b""), Ok(0));
    }
}
