//! The characters of a YAML text, and where one is in it.

use super::Stop;
use super::reader::Reader;

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
pub(super) struct Text<'t> {
    reader: Reader<'t>,
    chars: Vec<char>,
    /// How many ends were put behind the characters.
    ends: usize,
    /// Where the characters begin that are held at once.
    window: usize,
    pub(super) mark: Mark,
}

impl<'t> Text<'t> {
    pub(super) const fn new(bytes: &'t [u8]) -> Self {
        let mark = Mark { index: 0, line: 0, column: 0 };
        Self { reader: Reader::new(bytes), chars: Vec::new(), ends: 0, window: 0, mark }
    }

    /// Reads on until so many characters can be looked at. When there are fewer, those before this place are dropped.
    pub(super) fn need(&mut self, count: usize) -> Result<(), Stop> {
        let here = self.mark.index;
        if self.chars.len() + self.ends >= here + count {
            return Ok(());
        }
        self.window = here;
        let wanted = (here + count).saturating_sub(self.ends);
        self.reader.fill(&mut self.chars, wanted).map_err(|problem| Stop::Malformed(problem.into()))?;
        self.ends += usize::from(self.reader.ended);
        Ok(())
    }

    /// Whether a byte order mark is the first of all characters that are held. Go's library looks there, wherever it is.
    pub(super) fn window_has_mark(&self) -> bool {
        self.chars.get(self.window) == Some(&'\u{feff}')
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
    pub(super) fn take_break(&mut self) -> Result<Option<char>, Stop> {
        if is_break(self.char()) {
            self.need(2)?;
        }
        let (len, char) = match (self.char(), self.peek(1)) {
            ('\r', '\n') => (2, '\n'),
            ('\r' | '\n' | '\u{85}', _) => (1, '\n'),
            (separator @ ('\u{2028}' | '\u{2029}'), _) => (1, separator),
            _ => return Ok(None),
        };
        self.mark.index += len;
        self.mark.line += 1;
        self.mark.column = 0;
        Ok(Some(char))
    }

    /// Goes past all up to the end of the line.
    pub(super) fn skip_comment(&mut self) -> Result<(), Stop> {
        if self.char() == '#' {
            while !is_break_or_end(self.char()) {
                self.skip(1);
                self.need(1)?;
            }
        }
        Ok(())
    }

    pub(super) fn skip_blanks(&mut self) -> Result<(), Stop> {
        self.need(1)?;
        while is_blank(self.char()) {
            self.skip(1);
            self.need(1)?;
        }
        Ok(())
    }

    /// Whether the line begins with `---` or `...` alone.
    pub(super) fn at_document_mark(&self) -> bool {
        let three = [self.peek(0), self.peek(1), self.peek(2)];
        self.mark.column == 0 && (three == ['-'; 3] || three == ['.'; 3]) && self.is_gap(3)
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
