//! The characters of a YAML text, and where one is in it.

/// A place in the text, counted from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) index: usize,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// Stands for the end of the text. It may not occur in one.
pub(super) const END: char = '\0';

/// A text that is read from its beginning to its end.
#[derive(Debug)]
pub(super) struct Text {
    chars: Vec<char>,
    pub(super) mark: Mark,
}

impl Text {
    /// The text of these bytes, if it has only characters that YAML allows.
    pub(super) fn new(bytes: &[u8]) -> Result<Self, &'static str> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let valid = error.valid_up_to();
            let before = std::str::from_utf8(&bytes[..valid]).unwrap_or_default();
            if before.chars().any(|char| !is_allowed(char)) { CONTROL } else { malformed(&bytes[valid..]) }
        })?;
        let chars: Vec<char> = text.chars().collect();
        if !chars.iter().copied().all(is_allowed) {
            return Err(CONTROL);
        }
        Ok(Self { chars, mark: Mark::default() })
    }

    /// The character so many places on.
    pub(super) fn peek(&self, on: usize) -> char {
        self.chars.get(self.mark.index + on).copied().unwrap_or(END)
    }

    /// The next character.
    pub(super) fn char(&self) -> char {
        self.peek(0)
    }

    /// Whether a blank, a break or the end is so many places on.
    pub(super) fn is_gap(&self, on: usize) -> bool {
        is_blank(self.peek(on)) || is_break_or_end(self.peek(on))
    }

    /// Goes past so many characters of this line.
    pub(super) fn skip(&mut self, count: usize) {
        self.mark.index += count;
        self.mark.column += count;
    }

    /// Takes the next character.
    pub(super) fn take(&mut self) -> char {
        let char = self.char();
        self.skip(1);
        char
    }

    /// Takes a line break, as it counts in scalars: one line feed, unless it is a separator of Unicode.
    pub(super) fn take_break(&mut self) -> Option<char> {
        let (len, char) = match (self.char(), self.peek(1)) {
            ('\r', '\n') => (2, '\n'),
            ('\r' | '\n' | '\u{85}', _) => (1, '\n'),
            (separator @ ('\u{2028}' | '\u{2029}'), _) => (1, separator),
            _ => return None,
        };
        self.mark.index += len;
        self.mark.line += 1;
        self.mark.column = 0;
        Some(char)
    }

    /// Goes past all up to the end of the line.
    pub(super) fn skip_comment(&mut self) {
        if self.char() == '#' {
            while !is_break_or_end(self.char()) {
                self.skip(1);
            }
        }
    }

    pub(super) fn skip_blanks(&mut self) {
        while is_blank(self.char()) {
            self.skip(1);
        }
    }

    /// Whether the line begins with `---` or `...` alone.
    pub(super) fn at_document_mark(&self) -> bool {
        let three = [self.peek(0), self.peek(1), self.peek(2)];
        self.mark.column == 0 && (three == ['-'; 3] || three == ['.'; 3]) && self.is_gap(3)
    }
}

const CONTROL: &str = "control characters are not allowed";

const fn is_allowed(char: char) -> bool {
    matches!(
        char,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..
    )
}

/// Why bytes are not the beginning of a text in UTF-8.
fn malformed(bytes: &[u8]) -> &'static str {
    let width = match bytes.first() {
        Some(0..=0x7f) => 1,
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => return "invalid leading UTF-8 octet",
    };
    if bytes.len() < width {
        return "incomplete UTF-8 octet sequence";
    }
    if bytes[1..width].iter().any(|byte| byte & 0xc0 != 0x80) {
        return "invalid trailing UTF-8 octet";
    }
    match (bytes[0], bytes[1]) {
        (0xc0 | 0xc1, _) | (0xe0, ..0xa0) | (0xf0, ..0x90) => "invalid length of a UTF-8 sequence",
        _ => "invalid Unicode character",
    }
}

pub(super) const fn is_blank(char: char) -> bool {
    matches!(char, ' ' | '\t')
}

pub(super) const fn is_break(char: char) -> bool {
    matches!(char, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) const fn is_break_or_end(char: char) -> bool {
    is_break(char) || char == END
}

/// What anchors and tag handles are made of.
pub(super) const fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '_' | '-')
}
