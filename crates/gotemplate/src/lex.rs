//! Cuts a template into items, one at a time, as Go's lexer does: the parser's messages depend on what has been read.

use std::borrow::Cow;

use crate::quote::{first_char, is_digit, is_letter, is_print};

/// What an item is. Everything from `Block` on is a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tok {
    Error,
    Bool,
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

const KEYWORDS: &[(&str, Tok)] = &[
    ("block", Tok::Block),
    ("break", Tok::Break),
    ("continue", Tok::Continue),
    ("define", Tok::Define),
    ("else", Tok::Else),
    ("end", Tok::End),
    ("if", Tok::If),
    ("nil", Tok::Nil),
    ("range", Tok::Range),
    ("template", Tok::Template),
    ("with", Tok::With),
];

/// A piece of the template.
#[derive(Clone, Debug)]
pub(crate) struct Item<'t> {
    pub(crate) tok: Tok,
    /// Where it begins, in bytes.
    pub(crate) pos: usize,
    /// Its text; of an error, the message.
    pub(crate) val: Cow<'t, [u8]>,
    /// The line it begins on, from 1.
    pub(crate) line: usize,
}

impl Item<'_> {
    /// One past its last byte.
    pub(crate) fn end(&self) -> usize {
        if self.tok == Tok::Error { self.pos + 1 } else { self.pos + self.val.len() }
    }

    /// How Go's messages show it.
    pub(crate) fn describe(&self) -> String {
        match self.tok {
            Tok::Eof => "EOF".to_owned(),
            Tok::Error => self.text().into_owned(),
            tok if tok >= Tok::Block => format!("<{}>", self.text()),
            _ if self.val.len() > 10 => format!("{}...", quoted(&self.val[..prefix(&self.val, 10)])),
            _ => quoted(&self.val),
        }
    }

    /// Its text. Words and messages are UTF-8; of anything else this is good enough to be shown.
    pub(crate) fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.val)
    }
}

/// Go's `%q`.
pub(crate) fn quoted(text: impl AsRef<[u8]>) -> String {
    let mut out = Vec::new();
    crate::quote::quote_into(&mut out, text.as_ref(), false);
    String::from_utf8_lossy(&out).into_owned()
}

/// Go's `%#U`.
fn code_point(c: Option<char>) -> String {
    match c {
        None => "U+FFFFFFFFFFFFFFFF".to_owned(),
        Some(c) if is_print(c) => format!("U+{:04X} '{c}'", u32::from(c)),
        Some(c) => format!("U+{:04X}", u32::from(c)),
    }
}

/// Whether `break` and `continue` are keywords here: not where functions have their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopWords {
    pub(crate) break_ok: bool,
    pub(crate) continue_ok: bool,
}

/// The lexer.
#[derive(Debug)]
pub(crate) struct Lexer<'t> {
    input: &'t [u8],
    left: &'t [u8],
    right: &'t [u8],
    words: LoopWords,
    pos: usize,
    start: usize,
    line: usize,
    start_line: usize,
    parens: i32,
    inside: bool,
}

const LEFT_COMMENT: &[u8] = b"/*";
const RIGHT_COMMENT: &[u8] = b"*/";
/// The marker and the space beside it.
const TRIM_LEN: usize = 2;
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

impl<'t> Lexer<'t> {
    pub(crate) fn new(input: &'t [u8], (left, right): (&'t str, &'t str), words: LoopWords) -> Self {
        let left = if left.is_empty() { "{{" } else { left };
        let right = if right.is_empty() { "}}" } else { right };
        let (left, right) = (left.as_bytes(), right.as_bytes());
        Self { input, left, right, words, pos: 0, start: 0, line: 1, start_line: 1, parens: 0, inside: false }
    }

    /// The next item. After an error or the end there are only ends.
    pub(crate) fn next_item(&mut self) -> Item<'t> {
        if self.inside { self.inside_action() } else { self.text() }
    }

    fn rest(&self) -> &'t [u8] {
        &self.input[self.pos..]
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.pos += first_char(self.rest()).1;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    /// The next character; U+FFFD for a byte that is not UTF-8.
    fn peek(&self) -> Option<char> {
        match first_char(self.rest()) {
            (None, 0) => None,
            (c, _) => Some(c.unwrap_or(char::REPLACEMENT_CHARACTER)),
        }
    }

    fn item(&mut self, tok: Tok) -> Item<'t> {
        let val = Cow::Borrowed(&self.input[self.start..self.pos]);
        let item = Item { tok, pos: self.start, val, line: self.start_line };
        self.start = self.pos;
        self.start_line = self.line;
        item
    }

    /// Skips what was passed over without `next`.
    fn ignore(&mut self) {
        self.count_lines();
        self.start = self.pos;
        self.start_line = self.line;
    }

    fn count_lines(&mut self) {
        self.line += self.input[self.start..self.pos].iter().filter(|b| **b == b'\n').count();
    }

    fn error(&mut self, message: impl Into<String>) -> Item<'t> {
        let val = Cow::Owned(message.into().into_bytes());
        let item = Item { tok: Tok::Error, pos: self.start, val, line: self.start_line };
        self.input = b"";
        self.start = 0;
        self.pos = 0;
        self.inside = false;
        item
    }

    fn accept(&mut self, valid: &str) -> bool {
        let ok = self.peek().is_some_and(|c| valid.contains(c));
        if ok {
            self.next();
        }
        ok
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    fn text(&mut self) -> Item<'t> {
        loop {
            let Some(found) = find(self.rest(), self.left) else { return self.last_text() };
            if let Some(text) = self.text_before(found) {
                return text;
            }
            match self.left_delim() {
                Some(item) => return item,
                None => continue,
            }
        }
    }

    fn last_text(&mut self) -> Item<'t> {
        self.pos = self.input.len();
        let tok = if self.pos > self.start { Tok::Text } else { Tok::Eof };
        self.count_lines();
        self.item(tok)
    }

    /// The text up to the delimiter `len` bytes ahead, trimmed if the delimiter says so; `None` if nothing is left.
    fn text_before(&mut self, len: usize) -> Option<Item<'t>> {
        if len == 0 {
            return None;
        }
        self.pos += len;
        let after = &self.input[self.pos + self.left.len()..];
        let text = &self.input[self.start..self.pos];
        let trim = if has_left_marker(after) { len - trimmed_end(text) } else { 0 };
        self.pos -= trim;
        self.count_lines();
        let item = self.item(Tok::Text);
        self.pos += trim;
        self.ignore();
        (!item.val.is_empty()).then_some(item)
    }

    /// The delimiter; `None` if it began a comment, which has been skipped.
    fn left_delim(&mut self) -> Option<Item<'t>> {
        self.pos += self.left.len();
        let marker = if has_left_marker(self.rest()) { TRIM_LEN } else { 0 };
        if self.input[self.pos + marker..].starts_with(LEFT_COMMENT) {
            self.pos += marker;
            self.ignore();
            return self.comment();
        }
        let item = self.item(Tok::LeftDelim);
        self.inside = true;
        self.pos += marker;
        self.ignore();
        self.parens = 0;
        Some(item)
    }

    /// Skips a comment; `Some` is an error.
    fn comment(&mut self) -> Option<Item<'t>> {
        self.pos += LEFT_COMMENT.len();
        let Some(end) = find(self.rest(), RIGHT_COMMENT) else { return Some(self.error("unclosed comment")) };
        self.pos += end + RIGHT_COMMENT.len();
        let Some(trim) = self.right_delim_here() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.pass_right_delim(trim);
        self.ignore();
        None
    }

    /// Whether a right delimiter is here, and whether it trims.
    fn right_delim_here(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_marker(rest) && rest[TRIM_LEN..].starts_with(self.right) {
            return Some(true);
        }
        rest.starts_with(self.right).then_some(false)
    }

    fn pass_right_delim(&mut self, trim: bool) {
        self.pos += self.right.len();
        if trim {
            self.pos += TRIM_LEN;
            self.pos += spaces_at_start(self.rest());
        }
    }

    fn right_delim(&mut self, trim: bool) -> Item<'t> {
        if trim {
            self.pos += TRIM_LEN;
            self.ignore();
        }
        self.pos += self.right.len();
        let item = self.item(Tok::RightDelim);
        if trim {
            self.pos += spaces_at_start(self.rest());
            self.ignore();
        }
        self.inside = false;
        item
    }

    fn inside_action(&mut self) -> Item<'t> {
        if let Some(trim) = self.right_delim_here() {
            let open = self.parens != 0;
            return if open { self.error("unclosed left paren") } else { self.right_delim(trim) };
        }
        let Some(c) = self.peek() else { return self.error("unclosed action") };
        if SPACES.contains(&c) {
            return self.space();
        }
        if c.is_ascii_digit() || c == '+' || c == '-' {
            return self.number();
        }
        self.next();
        match c {
            '=' => self.item(Tok::Assign),
            ':' if self.accept("=") => self.item(Tok::Declare),
            ':' => self.error("expected :="),
            '|' => self.item(Tok::Pipe),
            '"' => self.quote('"', Tok::String, "unterminated quoted string"),
            '`' => self.raw_quote(),
            '$' if self.at_end_of_word() => self.item(Tok::Variable),
            '$' => self.word_after(Tok::Variable),
            '\'' => self.quote('\'', Tok::CharConstant, "unterminated character constant"),
            '.' => self.dot(),
            '(' | ')' => self.paren(c),
            c if is_alphanumeric(c) => self.identifier(),
            c if c.is_ascii() && is_print(c) => self.item(Tok::Char),
            c => self.error(format!("unrecognized character in action: {}", code_point(Some(c)))),
        }
    }

    fn paren(&mut self, paren: char) -> Item<'t> {
        if paren == '(' {
            self.parens += 1;
            return self.item(Tok::LeftParen);
        }
        self.parens -= 1;
        if self.parens < 0 { self.error("unexpected right paren") } else { self.item(Tok::RightParen) }
    }

    /// A run of spaces, without the one that belongs to a trimming delimiter.
    fn space(&mut self) -> Item<'t> {
        while self.peek().is_some_and(|c| SPACES.contains(&c)) {
            self.next();
        }
        let last = &self.input[self.pos - 1..];
        if has_right_marker(last) && last[TRIM_LEN..].starts_with(self.right) {
            self.pos -= 1;
            self.line -= usize::from(last.starts_with(b"\n"));
            if self.pos == self.start {
                return self.right_delim(true);
            }
        }
        self.item(Tok::Space)
    }

    fn dot(&mut self) -> Item<'t> {
        if self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.pos -= 1;
            return self.number();
        }
        if self.rest().is_empty() {
            // Go's lexer goes on to a number here, which the lone dot at the end of the text happens to be.
            return self.item(Tok::Number);
        }
        if self.at_end_of_word() { self.item(Tok::Dot) } else { self.word_after(Tok::Field) }
    }

    /// The rest of a field or a variable.
    fn word_after(&mut self, tok: Tok) -> Item<'t> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        if self.at_end_of_word() { self.item(tok) } else { self.bad_character() }
    }

    fn bad_character(&mut self) -> Item<'t> {
        let c = self.peek();
        self.error(format!("bad character {}", code_point(c)))
    }

    fn identifier(&mut self) -> Item<'t> {
        while self.peek().is_some_and(is_alphanumeric) {
            self.next();
        }
        if !self.at_end_of_word() {
            return self.bad_character();
        }
        let word = &self.input[self.start..self.pos];
        let keyword = KEYWORDS.iter().find(|(name, _)| name.as_bytes() == word).map(|(_, tok)| *tok);
        let tok = match keyword {
            Some(Tok::Break) if !self.words.break_ok => Tok::Identifier,
            Some(Tok::Continue) if !self.words.continue_ok => Tok::Identifier,
            Some(tok) => tok,
            None if word == b"true" || word == b"false" => Tok::Bool,
            None => Tok::Identifier,
        };
        self.item(tok)
    }

    /// Whether a word may end here.
    fn at_end_of_word(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(self.right),
        }
    }

    /// The rest of a constant in quotes. Its syntax is the parser's matter.
    fn quote(&mut self, quote: char, tok: Tok, unterminated: &str) -> Item<'t> {
        loop {
            let c = match self.next() {
                Some('\\') => self.next().filter(|c| *c != '\n').map(|_| '\\'),
                c => c.filter(|c| *c != '\n'),
            };
            match c {
                None => return self.error(unterminated),
                Some(c) if c == quote => return self.item(tok),
                Some(_) => {}
            }
        }
    }

    fn raw_quote(&mut self) -> Item<'t> {
        loop {
            match self.next() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.item(Tok::RawString),
                Some(_) => {}
            }
        }
    }

    fn number(&mut self) -> Item<'t> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if !matches!(self.peek(), Some('+' | '-')) {
            return self.item(Tok::Number);
        }
        if !self.scan_number() || !self.input[..self.pos].ends_with(b"i") {
            return self.bad_number();
        }
        self.item(Tok::Complex)
    }

    fn bad_number(&mut self) -> Item<'t> {
        let text = &self.input[self.start..self.pos];
        self.error(format!("bad number syntax: {}", quoted(text)))
    }

    /// Passes over what looks like a number; the parser knows better.
    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        let exponent = if digits.len() == 11 { "eE" } else { "pP" };
        if digits.len() >= 11 && self.accept(exponent) {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || is_letter(c) || is_digit(c)
}

fn has_left_marker(text: &[u8]) -> bool {
    matches!(text, [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

/// Where the needle begins.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The length of the text without the spaces at its end.
fn trimmed_end(text: &[u8]) -> usize {
    text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1)
}

fn spaces_at_start(text: &[u8]) -> usize {
    text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len())
}

/// The length of the first characters.
fn prefix(text: &[u8], characters: usize) -> usize {
    (0..characters).fold(0, |at, _| at + first_char(&text[at..]).1)
}

fn has_right_marker(text: &[u8]) -> bool {
    matches!(text, [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<(Tok, String)> {
        let mut lexer =
            Lexer::new(text.as_bytes(), ("", ""), LoopWords { break_ok: true, continue_ok: true });
        let mut out = Vec::new();
        loop {
            let item = lexer.next_item();
            let done = matches!(item.tok, Tok::Eof | Tok::Error);
            out.push((item.tok, item.text().into_owned()));
            if done {
                return out;
            }
        }
    }

    #[test]
    fn markers_trim_the_text_beside_them() {
        let texts: Vec<_> =
            items("a \n{{- 1 -}}\n b").into_iter().filter(|i| i.0 == Tok::Text).map(|i| i.1).collect();
        assert_eq!(texts, ["a", "b"]);
    }

    #[test]
    fn a_negative_number_is_no_marker() {
        assert!(items("{{-3}}").contains(&(Tok::Number, "-3".into())));
    }

    #[test]
    fn comments_vanish_with_the_space_they_trim() {
        assert_eq!(items("a {{- /* c */ -}} b")[..2], [(Tok::Text, "a".into()), (Tok::Text, "b".into())]);
    }

    #[test]
    fn errors_have_gos_words() {
        for (text, want) in [
            ("{{/*}}", "unclosed comment"),
            ("{{/**/ }}", "comment ends before closing delimiter"),
            ("{{\"a}}", "unterminated quoted string"),
            ("{{`a}}", "unterminated raw quoted string"),
            ("{{'a}}", "unterminated character constant"),
            ("{{3k}}", "bad number syntax: \"3k\""),
            ("{{.x+}}", "bad character U+002B '+'"),
            ("{{(1}}", "unclosed left paren"),
            ("{{1)}}", "unexpected right paren"),
            ("{{\u{1}}}", "unrecognized character in action: U+0001"),
            ("{{", "unclosed action"),
        ] {
            assert_eq!(items(text).last().unwrap().1, want, "{text}");
        }
    }
}
