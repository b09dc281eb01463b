//! Cuts a YAML 1.1 text into tokens. Only while reading on does it turn out that a scalar was a key: the tokens that
//! say so are then put before it, as long as the key stands on one line and is not longer than 1024 characters.

use std::collections::{HashMap, VecDeque};

use super::Stop;
use super::text::{END, Mark, Text, is_blank, is_break};

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
pub(super) struct Scanner<'t> {
    pub(super) text: Text<'t>,
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
    /// Which of them begin with a token.
    keys_by_token: HashMap<usize, usize>,
}

pub(super) type Scan<T> = Result<T, Stop>;

impl<'t> Scanner<'t> {
    pub(super) fn new(text: Text<'t>) -> Self {
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
            keys_by_token: HashMap::new(),
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
        match self.keys_by_token.get(&self.taken) {
            Some(at) => self.still_possible(*at),
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

    pub(super) fn push(&mut self, kind: Kind, start: Mark) {
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
            self.keys_by_token.insert(self.keys[at].token, at);
        }
        Ok(())
    }

    /// What was perhaps a key is none.
    fn remove_key(&mut self) -> Scan<()> {
        let at = self.last_key();
        if self.keys[at].possible && self.keys[at].required {
            return Err(self.fault("could not find expected ':'"));
        }
        if self.keys[at].possible {
            self.forget_key(at);
        }
        Ok(())
    }

    fn forget_key(&mut self, at: usize) {
        self.keys[at].possible = false;
        self.keys_by_token.remove(&self.keys[at].token);
    }

    /// Puts a token before another one, or behind all if that one is taken already.
    fn insert(&mut self, before: usize, token: Token) {
        let at = before.checked_sub(self.taken).unwrap_or(self.tokens.len());
        self.tokens.insert(at, token);
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
        let before = before.unwrap_or(self.taken + self.tokens.len());
        self.insert(before, Token { kind, start: mark });
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
        self.text.need(1)?;
        if !self.started {
            self.started = true;
            self.push(Kind::StreamStart, self.text.mark);
            return Ok(());
        }
        self.skip_to_token()?;
        self.unroll(self.text.mark.column as i64);
        self.text.need(4)?;
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

    fn skip_to_token(&mut self) -> Scan<()> {
        loop {
            self.text.need(1)?;
            // So it is in Go's library: any character goes that begins a line.
            if self.text.mark.column == 0 && self.text.window_has_mark() {
                self.text.skip(1);
                self.text.need(1)?;
            }
            let tabs = self.in_flow() || !self.key_allowed;
            while self.text.char() == ' ' || tabs && self.text.char() == '\t' {
                self.text.skip(1);
                self.text.need(1)?;
            }
            self.text.skip_comment()?;
            if self.text.take_break()?.is_none() {
                return Ok(());
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
        // It has the number of the bracket, though it is no key yet.
        let token = self.taken + self.tokens.len();
        self.keys.push(MaybeKey { token, ..MaybeKey::default() });
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
            self.end_level();
        }
        self.key_allowed = false;
        self.fetch_mark(kind);
        Ok(())
    }

    /// Within `{}` and `[]` is nothing that could be a key, so the number that is forgotten is that of the bracket: Go's
    /// library then does not wait for a `:` behind, and says too late that they are a key.
    fn end_level(&mut self) {
        if let Some(key) = self.keys.pop() {
            self.keys_by_token.remove(&key.token);
        }
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
            self.insert(key.token, Token { kind: Kind::Key, start: key.mark });
            self.roll(key.mark.column as i64, Some(key.token), Kind::BlockMapping, key.mark)?;
            self.forget_key(at);
            self.key_allowed = false;
        } else {
            self.begin_entry(Kind::BlockMapping, "mapping values are not allowed in this context")?;
            self.key_allowed = !self.in_flow();
        }
        self.fetch_mark(Kind::Value);
        Ok(())
    }

    /// Whether what is read next is a break or a blank.
    pub(super) fn at_space(&self) -> bool {
        is_blank(self.text.char()) || is_break(self.text.char())
    }
}
