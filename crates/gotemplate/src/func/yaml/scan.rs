//! Cuts a YAML 1.1 text into tokens. Only while reading on does it turn out that a scalar was a key: the tokens that
//! say so are then put before it, as long as the key stands on one line and is not longer than 1024 characters.

use std::collections::VecDeque;

use super::Stop;
use super::text::{END, Mark, Text, is_blank, is_break, is_break_or_end, is_word};

/// How long a key may be that has no `?` before it.
const MAX_KEY: usize = 1024;
/// How deep collections may lie in each other.
const MAX_DEPTH: usize = 500;

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    StreamStart,
    StreamEnd,
    /// `%YAML` with its numbers.
    Version(u32, u32),
    /// `%TAG` with handle and prefix.
    TagDirective(String, String),
    DocumentStart,
    DocumentEnd,
    BlockSequence,
    BlockMapping,
    BlockEnd,
    FlowSequence,
    FlowSequenceEnd,
    FlowMapping,
    FlowMappingEnd,
    /// `-`.
    Entry,
    /// `,`.
    FlowEntry,
    Key,
    /// `:`.
    Value,
    Alias(String),
    Anchor(String),
    /// Handle and suffix.
    Tag(String, String),
    /// Its text, and whether it stands there without quotes.
    Scalar(String, bool),
}

/// A token and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: Mark,
}

/// What may yet turn out to be a key.
#[derive(Clone, Copy, Debug, Default)]
struct MaybeKey {
    possible: bool,
    /// It must be one, as it begins where the block's keys do.
    required: bool,
    /// The number of its token.
    token: usize,
    mark: Mark,
}

/// The tokens of a text, found as they are asked for.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) text: Text,
    tokens: VecDeque<Token>,
    /// How many have been taken.
    taken: usize,
    started: bool,
    ended: bool,
    /// The column of the block, -1 outside of all.
    pub(super) indent: i64,
    indents: Vec<i64>,
    flow_level: usize,
    /// Whether a key may stand here.
    pub(super) key_allowed: bool,
    /// One a level of flow.
    keys: Vec<MaybeKey>,
}

pub(super) type Scan<T> = Result<T, Stop>;

impl Scanner {
    pub(super) fn new(text: Text) -> Self {
        Self {
            text,
            tokens: VecDeque::new(),
            taken: 0,
            started: false,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            key_allowed: true,
            keys: vec![MaybeKey::default()],
        }
    }

    pub(super) const fn in_flow(&self) -> bool {
        self.flow_level > 0
    }

    /// A fault at the place where the text is read.
    pub(super) fn fault(&self, problem: &str) -> Stop {
        // A line is not told where it is the first, as in Go.
        match self.text.mark.line {
            0 => Stop::Malformed(problem.to_owned()),
            line => Stop::Malformed(format!("line {}: {problem}", line + 1)),
        }
    }

    /// The next token.
    pub(super) fn peek(&mut self) -> Scan<&Token> {
        while self.needs_more()? {
            self.fetch()?;
        }
        self.tokens.front().ok_or_else(|| Stop::Malformed("unexpected end of stream".into()))
    }

    pub(super) fn take(&mut self) -> Scan<Token> {
        let token = self.peek()?.clone();
        self.tokens.pop_front();
        self.taken += 1;
        Ok(token)
    }

    /// As long as the next token may be a key, it is not certain what comes before it.
    fn needs_more(&mut self) -> Scan<bool> {
        if self.tokens.is_empty() {
            return Ok(!self.ended);
        }
        let next = self.taken;
        match self.keys.iter().position(|key| key.possible && key.token == next) {
            Some(at) => self.still_possible(at),
            None => Ok(false),
        }
    }

    fn still_possible(&mut self, at: usize) -> Scan<bool> {
        let key = self.keys[at];
        let here = self.text.mark;
        let stale = key.mark.line < here.line || key.mark.index + MAX_KEY < here.index;
        if key.possible && stale {
            if key.required {
                return Err(self.fault("could not find expected ':'"));
            }
            self.keys[at].possible = false;
        }
        Ok(self.keys[at].possible)
    }

    fn push(&mut self, kind: Kind, start: Mark) {
        self.tokens.push_back(Token { kind, start });
    }

    fn last_key(&self) -> usize {
        self.keys.len() - 1
    }

    /// What comes next may be a key.
    fn save_key(&mut self) -> Scan<()> {
        if self.key_allowed {
            let column = self.text.mark.column as i64;
            self.remove_key()?;
            let at = self.last_key();
            self.keys[at] = MaybeKey {
                possible: true,
                required: !self.in_flow() && self.indent == column,
                token: self.taken + self.tokens.len(),
                mark: self.text.mark,
            };
        }
        Ok(())
    }

    /// What was perhaps a key is none.
    fn remove_key(&mut self) -> Scan<()> {
        let at = self.last_key();
        if self.keys[at].possible && self.keys[at].required {
            return Err(self.fault("could not find expected ':'"));
        }
        self.keys[at].possible = false;
        Ok(())
    }

    /// A block begins, if the column is beyond that of the one around it.
    fn roll(&mut self, column: i64, before: Option<usize>, kind: Kind, mark: Mark) -> Scan<()> {
        if self.in_flow() || self.indent >= column {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = column;
        if self.indents.len() > MAX_DEPTH {
            return Err(Stop::too_deep(MAX_DEPTH));
        }
        let at = before.map_or(self.tokens.len(), |token| token - self.taken);
        self.tokens.insert(at, Token { kind, start: mark });
        Ok(())
    }

    /// All blocks beyond the column end.
    fn unroll(&mut self, column: i64) {
        while !self.in_flow() && self.indent > column {
            self.push(Kind::BlockEnd, self.text.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch(&mut self) -> Scan<()> {
        if !self.started {
            self.started = true;
            self.push(Kind::StreamStart, self.text.mark);
            return Ok(());
        }
        self.skip_to_token();
        self.unroll(self.text.mark.column as i64);
        let char = self.text.char();
        if char == END {
            return self.fetch_end();
        }
        if self.text.mark.column == 0 && char == '%' {
            self.unroll(-1);
            self.remove_key()?;
            self.key_allowed = false;
            return self.fetch_directive();
        }
        if self.text.at_document_mark() {
            self.unroll(-1);
            self.remove_key()?;
            self.key_allowed = false;
            let kind = if char == '-' { Kind::DocumentStart } else { Kind::DocumentEnd };
            self.push(kind, self.text.mark);
            self.text.skip(3);
            return Ok(());
        }
        self.fetch_by_char(char)
    }

    fn fetch_by_char(&mut self, char: char) -> Scan<()> {
        let (flow, gap) = (self.in_flow(), self.text.is_gap(1));
        match char {
            '[' => self.fetch_flow_start(Kind::FlowSequence),
            '{' => self.fetch_flow_start(Kind::FlowMapping),
            ']' => self.fetch_flow_end(Kind::FlowSequenceEnd),
            '}' => self.fetch_flow_end(Kind::FlowMappingEnd),
            ',' => {
                self.remove_key()?;
                self.key_allowed = true;
                self.fetch_mark(Kind::FlowEntry);
                Ok(())
            }
            '-' if gap => self.fetch_entry(),
            '?' if flow || gap => self.fetch_key(),
            ':' if flow || gap => self.fetch_value(),
            '*' | '&' | '!' => {
                self.save_key()?;
                self.key_allowed = false;
                if char == '!' { self.fetch_tag() } else { self.fetch_anchor(char) }
            }
            '|' | '>' if !flow => {
                self.remove_key()?;
                self.key_allowed = true;
                self.fetch_scalar(|scanner| scanner.block_scalar(char == '|'))
            }
            '\'' | '"' => {
                self.save_key()?;
                self.key_allowed = false;
                self.fetch_scalar(|scanner| scanner.quoted_scalar(char))
            }
            _ if self.begins_plain(char) => {
                self.save_key()?;
                self.key_allowed = false;
                self.fetch_scalar(Self::plain_scalar)
            }
            _ => Err(self.fault("found character that cannot start any token")),
        }
    }

    fn begins_plain(&self, char: char) -> bool {
        match char {
            '-' => !is_blank(self.text.peek(1)),
            '?' | ':' => !self.in_flow() && !self.text.is_gap(1),
            _ => !self.text.is_gap(0) && !",[]{}#&*!|>'\"%@`".contains(char),
        }
    }

    fn fetch_scalar(&mut self, scan: impl FnOnce(&mut Self) -> Scan<Kind>) -> Scan<()> {
        let start = self.text.mark;
        let kind = scan(self)?;
        self.push(kind, start);
        Ok(())
    }

    /// A token of one character.
    fn fetch_mark(&mut self, kind: Kind) {
        self.push(kind, self.text.mark);
        self.text.skip(1);
    }

    fn skip_to_token(&mut self) {
        loop {
            if self.text.mark.column == 0 && self.text.char() == '\u{feff}' {
                self.text.skip(1);
            }
            let tabs = self.in_flow() || !self.key_allowed;
            while self.text.char() == ' ' || tabs && self.text.char() == '\t' {
                self.text.skip(1);
            }
            self.text.skip_comment();
            if self.text.take_break().is_none() {
                return;
            }
            if !self.in_flow() {
                self.key_allowed = true;
            }
        }
    }

    fn fetch_end(&mut self) -> Scan<()> {
        if self.text.mark.column != 0 {
            self.text.mark.column = 0;
            self.text.mark.line += 1;
        }
        self.unroll(-1);
        self.remove_key()?;
        self.key_allowed = false;
        self.ended = true;
        self.push(Kind::StreamEnd, self.text.mark);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: Kind) -> Scan<()> {
        self.save_key()?;
        self.keys.push(MaybeKey::default());
        self.flow_level += 1;
        if self.flow_level > MAX_DEPTH {
            return Err(Stop::too_deep(MAX_DEPTH));
        }
        self.key_allowed = true;
        self.fetch_mark(kind);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: Kind) -> Scan<()> {
        self.remove_key()?;
        if self.in_flow() {
            self.flow_level -= 1;
            self.keys.pop();
        }
        self.key_allowed = false;
        self.fetch_mark(kind);
        Ok(())
    }

    /// An entry of a block begins here, perhaps as the first of it.
    fn begin_entry(&mut self, kind: Kind, refusal: &str) -> Scan<()> {
        if self.in_flow() {
            return Ok(());
        }
        if !self.key_allowed {
            return Err(self.fault(refusal));
        }
        let mark = self.text.mark;
        self.roll(mark.column as i64, None, kind, mark)
    }

    fn fetch_entry(&mut self) -> Scan<()> {
        self.begin_entry(Kind::BlockSequence, "block sequence entries are not allowed in this context")?;
        self.remove_key()?;
        self.key_allowed = true;
        self.fetch_mark(Kind::Entry);
        Ok(())
    }

    fn fetch_key(&mut self) -> Scan<()> {
        self.begin_entry(Kind::BlockMapping, "mapping keys are not allowed in this context")?;
        self.remove_key()?;
        self.key_allowed = !self.in_flow();
        self.fetch_mark(Kind::Key);
        Ok(())
    }

    fn fetch_value(&mut self) -> Scan<()> {
        let at = self.last_key();
        if self.still_possible(at)? {
            let key = self.keys[at];
            self.tokens.insert(key.token - self.taken, Token { kind: Kind::Key, start: key.mark });
            self.roll(key.mark.column as i64, Some(key.token), Kind::BlockMapping, key.mark)?;
            self.keys[at].possible = false;
            self.key_allowed = false;
        } else {
            self.begin_entry(Kind::BlockMapping, "mapping values are not allowed in this context")?;
            self.key_allowed = !self.in_flow();
        }
        self.fetch_mark(Kind::Value);
        Ok(())
    }

    fn fetch_anchor(&mut self, mark: char) -> Scan<()> {
        let start = self.text.mark;
        self.text.skip(1);
        let name = self.word();
        if name.is_empty() || !(self.text.is_gap(0) || "?:,]}%@`".contains(self.text.char())) {
            return Err(self.fault("did not find expected alphabetic or numeric character"));
        }
        self.push(if mark == '*' { Kind::Alias(name) } else { Kind::Anchor(name) }, start);
        Ok(())
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while is_word(self.text.char()) {
            word.push(self.text.take());
        }
        word
    }

    fn fetch_tag(&mut self) -> Scan<()> {
        let start = self.text.mark;
        let (handle, suffix) = if self.text.peek(1) == '<' {
            self.text.skip(2);
            let suffix = self.uri("")?;
            if self.text.char() != '>' {
                return Err(self.fault("did not find the expected '>'"));
            }
            self.text.skip(1);
            (String::new(), suffix)
        } else {
            self.short_tag()?
        };
        if !self.text.is_gap(0) {
            return Err(self.fault("did not find expected whitespace or line break"));
        }
        self.push(Kind::Tag(handle, suffix), start);
        Ok(())
    }

    fn short_tag(&mut self) -> Scan<(String, String)> {
        let handle = self.handle(false)?;
        if handle.len() > 1 && handle.ends_with('!') {
            return Ok((handle, self.uri("")?));
        }
        let suffix = self.uri(&handle)?;
        Ok(if suffix.is_empty() { (suffix, "!".into()) } else { ("!".into(), suffix) })
    }

    fn handle(&mut self, directive: bool) -> Scan<String> {
        if self.text.char() != '!' {
            return Err(self.fault("did not find expected '!'"));
        }
        self.text.skip(1);
        let mut handle = format!("!{}", self.word());
        if self.text.char() == '!' {
            self.text.skip(1);
            handle.push('!');
        } else if directive && handle != "!" {
            return Err(self.fault("did not find expected '!'"));
        }
        Ok(handle)
    }

    /// The rest of a tag, after a handle that turned out to be none.
    fn uri(&mut self, head: &str) -> Scan<String> {
        let mut bytes = head.as_bytes().get(1..).unwrap_or_default().to_vec();
        let mut found = !head.is_empty();
        loop {
            let char = self.text.char();
            if char == '%' {
                self.uri_escape(&mut bytes)?;
            } else if is_word(char) || ";/?:@&=+$,.!~*'()[]".contains(char) && char != END {
                bytes.push(self.text.take() as u8);
            } else {
                break;
            }
            found = true;
        }
        if !found {
            return Err(self.fault("did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn uri_escape(&mut self, out: &mut Vec<u8>) -> Scan<()> {
        let (high, low) = (self.text.peek(1).to_digit(16), self.text.peek(2).to_digit(16));
        let (Some(high), Some(low)) = (high, low) else {
            return Err(self.fault("did not find URI escaped octet"));
        };
        out.push((high * 16 + low) as u8);
        self.text.skip(3);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Scan<()> {
        let start = self.text.mark;
        self.text.skip(1);
        let name = self.word();
        if name.is_empty() {
            return Err(self.fault("could not find expected directive name"));
        }
        if !self.text.is_gap(0) {
            return Err(self.fault("found unexpected non-alphabetical character"));
        }
        let kind = match name.as_str() {
            "YAML" => self.version()?,
            "TAG" => self.tag_directive()?,
            _ => return Err(self.fault("found unknown directive name")),
        };
        self.text.skip_blanks();
        self.text.skip_comment();
        if !is_break_or_end(self.text.char()) {
            return Err(self.fault("did not find expected comment or line break"));
        }
        self.text.take_break();
        self.push(kind, start);
        Ok(())
    }

    fn version(&mut self) -> Scan<Kind> {
        self.text.skip_blanks();
        let major = self.version_number()?;
        if self.text.char() != '.' {
            return Err(self.fault("did not find expected digit or '.' character"));
        }
        self.text.skip(1);
        Ok(Kind::Version(major, self.version_number()?))
    }

    fn version_number(&mut self) -> Scan<u32> {
        let (mut number, mut digits) = (0, 0);
        while let Some(digit) = self.text.char().to_digit(10) {
            digits += 1;
            if digits > 2 {
                return Err(self.fault("found extremely long version number"));
            }
            number = number * 10 + digit;
            self.text.skip(1);
        }
        if digits == 0 {
            return Err(self.fault("did not find expected version number"));
        }
        Ok(number)
    }

    fn tag_directive(&mut self) -> Scan<Kind> {
        self.text.skip_blanks();
        let handle = self.handle(true)?;
        if !is_blank(self.text.char()) {
            return Err(self.fault("did not find expected whitespace"));
        }
        self.text.skip_blanks();
        let prefix = self.uri("")?;
        if !self.text.is_gap(0) {
            return Err(self.fault("did not find expected whitespace or line break"));
        }
        Ok(Kind::TagDirective(handle, prefix))
    }

    /// Whether what is read next is a break or a blank.
    pub(super) fn at_space(&self) -> bool {
        is_blank(self.text.char()) || is_break(self.text.char())
    }
}
