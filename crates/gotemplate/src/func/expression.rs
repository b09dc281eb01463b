//! Regular expressions as Go's `regexp/syntax` reads them, made into the syntax trees of the `regex` crate's engine.
//!
//! Both engines mean the same by the same tree: the leftmost match, the first alternative first. Only the languages
//! differ, so this is Go's parser with Go's messages, and the trees are built directly. Where they would still differ:
//!
//! * `\d`, `\s`, `\w`, `\b` and the named classes are ASCII; `$` is the end of the text, never before a last newline;
//! * classes and folding know Unicode 15.0 and no more (see [`super::letter`]);
//! * of the scripts whose names have two words Go finds none (`\p{Old_Italic}`), so neither does this;
//! * half of a surrogate pair is in no text, so it never matches.
//!
//! What is too large for that engine is for the one of [`super::automaton`], made of the same tree.

use regex_automata::Input;
use regex_automata::meta::{self, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::captures::Captures;
use regex_syntax::hir::{Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition};

use crate::error::Fault;
use crate::func::automaton::{Automaton, Walk};
use crate::func::letter::{KNOWN, NOT_YET_EQUAL, chars, class};
use crate::quote::first_char;
use crate::run::Run;

/// What compiled expressions may need, in bytes, with what a search for their groups needs.
const MAX_MEMORY: usize = 8 << 20;

/// How many ranges the classes that a text names may have in all; each takes 8 bytes.
const MAX_RANGES: u64 = (MAX_MEMORY / 8) as u64;

/// How long a state of the `regex` crate's engine is while it is built.
const STATE: usize = 32;

/// From what cost on that engine is not even tried. A character takes it 32 bytes, a range of a class some 60: what
/// costs so much is too large but for rare classes, and our engine has room for those, too.
const HOPELESS: u64 = (MAX_MEMORY / 16) as u64;

/// For how many of its states one of our engine counts, which takes longer to meet.
const SLOWER: u64 = 8;

/// What is asked of matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Find {
    /// Where they are.
    Bounds,
    /// Where their groups are, too.
    Groups,
}

impl Find {
    /// How many positions a search notes: where the match begins and ends, and where each group does that is asked for.
    const fn slots(self, groups: usize) -> usize {
        match self {
            Self::Bounds => 2,
            Self::Groups => 2 + 2 * groups,
        }
    }
}

/// How deeply an expression may be nested to be compiled.
const MAX_DEPTH: u32 = 250;

/// How deeply Go lets expressions nest.
const GO_MAX_DEPTH: u32 = 1000;

/// How many instructions Go lets an expression have.
const GO_MAX_SIZE: u64 = (128 << 20) / 40;

/// How often something may be repeated, repetitions of repetitions included.
const MAX_REPEAT: u64 = 1000;

/// What searches. It is for text in which each byte that is not UTF-8 has become U+FFFD.
enum Engine {
    /// The `regex` crate's.
    Bytes(Regex),
    /// Ours.
    Characters(Automaton),
}

/// A compiled expression.
pub(super) struct Expression {
    engine: Engine,
    /// The names of the groups, from group 1 on; empty for those without.
    pub(super) names: Vec<Vec<u8>>,
    /// How many states a byte of the text meets at most, about; those that remember groups weigh more, and those of our
    /// engine.
    pub(super) states: u64,
    /// What each of them weighs.
    pub(super) weight: u64,
}

impl Expression {
    /// Compiles.
    ///
    /// # Errors
    /// With Go's message if Go refuses it; a limit if it is too large.
    pub(super) fn compile(run: &mut Run<'_>, text: &[u8], find: Find) -> Result<Self, Fault> {
        run.spend(40 + text.len() as u64 * 2)?;
        let parsed = Parser::new(text).parse();
        let (piece, names) = parsed.map_err(|refusal| refusal.fault())?;
        if piece.depth > MAX_DEPTH {
            let why = format!("the regular expression is nested more than {MAX_DEPTH} levels deep");
            return Err(Fault::limit(why));
        }
        run.spend(piece.cost / 2)?;
        let slots = find.slots(names.len());
        let engine = match over_bytes(&piece, find, slots)? {
            Some(regex) => Engine::Bytes(regex),
            None => Engine::Characters(over_characters(&piece, slots)?),
        };
        Ok(Self::new(engine, piece.cost, slots, names))
    }

    fn new(engine: Engine, cost: u64, slots: usize, names: Vec<Vec<u8>>) -> Self {
        let noting = 1 + slots as u64 / 16;
        let (states, weight) = match &engine {
            Engine::Bytes(_) => (cost, noting),
            Engine::Characters(automaton) => (automaton.size() as u64, SLOWER * noting),
        };
        Self { engine, names, states: states.saturating_mul(weight), weight }
    }

    /// Whether it matches anywhere in the text.
    pub(super) fn is_match(&self, text: &[u8]) -> bool {
        match &self.engine {
            Engine::Bytes(regex) => regex.is_match(text),
            Engine::Characters(automaton) => automaton.walk(text).find(0).is_some(),
        }
    }

    /// A search through a text.
    pub(super) fn finder<'a>(&'a self, text: &'a [u8]) -> Finder<'a> {
        match &self.engine {
            Engine::Bytes(regex) => Finder::Bytes { regex, text, captures: regex.create_captures() },
            Engine::Characters(automaton) => Finder::Characters(Box::new(automaton.walk(text))),
        }
    }
}

/// Whatever engine it would be for.
fn too_large() -> Fault {
    Fault::limit(format!("the regular expression needs more than {MAX_MEMORY} bytes"))
}

/// The expression for the `regex` crate's engine; nothing if it is too large for that.
fn over_bytes(piece: &Piece, find: Find, slots: usize) -> Result<Option<Regex>, Fault> {
    if piece.cost > HOPELESS {
        return Ok(None);
    }
    let kept = match find {
        Find::Bounds => WhichCaptures::Implicit,
        Find::Groups => WhichCaptures::All,
    };
    // A search may keep all slots of each state, twice: there must be room for that, so the states must be few.
    let states = MAX_MEMORY / (2 * slots * size_of::<usize>());
    let size = MAX_MEMORY.min(states.saturating_mul(STATE));
    let config = crate::pattern::config().utf8_empty(true).which_captures(kept).nfa_size_limit(Some(size));
    match meta::Builder::new().configure(config).build_from_hir(&piece.hir) {
        Ok(regex) => Ok(Some(regex)),
        Err(error) if error.size_limit().is_some() => Ok(None),
        Err(error) => Err(Fault::new(format!("the regular expression cannot be compiled: {error}"))),
    }
}

/// The expression for our engine.
fn over_characters(piece: &Piece, slots: usize) -> Result<Automaton, Fault> {
    Automaton::new(&piece.hir, slots, MAX_MEMORY).ok_or_else(too_large)
}

/// A search through a text, match by match.
pub(super) enum Finder<'a> {
    Bytes { regex: &'a Regex, text: &'a [u8], captures: Captures },
    Characters(Box<Walk<'a>>),
}

impl Finder<'_> {
    /// Where the first match from a position on begins and ends. What is before is looked at only by `^`, `\b` and the
    /// like.
    pub(super) fn find(&mut self, from: usize) -> Option<(usize, usize)> {
        match self {
            Self::Bytes { regex, text, captures } => {
                regex.search_captures(&Input::new(*text).span(from..text.len()), captures);
                captures.get_match().map(|found| (found.start(), found.end()))
            }
            Self::Characters(walk) => walk.find(from),
        }
    }

    /// Where a group of the match begins and ends; nothing if it matched nothing.
    pub(super) fn group(&self, index: usize) -> Option<(usize, usize)> {
        match self {
            Self::Bytes { captures, .. } => captures.get_group(index).map(|span| (span.start, span.end)),
            Self::Characters(walk) => walk.group(index),
        }
    }

    /// How many states were met so far, at all positions together; the `regex` crate's engine does not tell.
    pub(super) fn met(&self) -> u64 {
        match self {
            Self::Bytes { .. } => 0,
            Self::Characters(walk) => walk.met(),
        }
    }
}

/// Go's reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    CharRange,
    Escape,
    NamedCapture,
    PerlOp,
    RepeatOp,
    RepeatSize,
    Utf8,
    MissingBracket,
    MissingParen,
    MissingRepeatArgument,
    TrailingBackslash,
    UnexpectedParen,
    NestingDepth,
    Large,
    /// Not one of Go's: the classes alone take more memory than an expression may.
    Memory,
}

impl Code {
    const fn text(self) -> &'static str {
        match self {
            Self::CharRange => "invalid character class range",
            Self::Escape => "invalid escape sequence",
            Self::NamedCapture => "invalid named capture",
            Self::PerlOp => "invalid or unsupported Perl syntax",
            Self::RepeatOp => "invalid nested repetition operator",
            Self::RepeatSize => "invalid repeat count",
            Self::Utf8 => "invalid UTF-8",
            Self::MissingBracket => "missing closing ]",
            Self::MissingParen => "missing closing )",
            Self::MissingRepeatArgument => "missing argument to repetition operator",
            Self::TrailingBackslash => "trailing backslash at end of expression",
            Self::UnexpectedParen => "unexpected )",
            Self::NestingDepth => "expression nests too deeply",
            Self::Large | Self::Memory => "expression too large",
        }
    }
}

/// Why an expression is refused, and the part to blame.
struct Refusal<'t>(Code, &'t [u8]);

impl Refusal<'_> {
    fn fault(&self) -> Fault {
        if self.0 == Code::Memory {
            return too_large();
        }
        let part: String = chars(self.1).collect();
        Fault::new(format!("error parsing regexp: {}: `{part}`", self.0.text()))
    }
}

type Read<'t, T> = Result<(T, &'t [u8]), Refusal<'t>>;

/// What `(?ims-U)` sets.
#[derive(Clone, Copy, Default)]
struct Flags {
    fold: bool,
    lines: bool,
    dot_all: bool,
    lazy: bool,
}

/// A part of an expression, with what limits ask about it.
struct Piece {
    hir: Hir,
    /// How often something in it is repeated at most.
    repeats: u64,
    /// Go's count of its instructions.
    size: u64,
    /// The work of compiling it.
    cost: u64,
    depth: u32,
}

impl Piece {
    const fn simple(hir: Hir) -> Self {
        Self { hir, repeats: 1, size: 1, cost: 1, depth: 1 }
    }

    fn class(class: ClassUnicode) -> Self {
        let cost = 1 + class.ranges().len() as u64;
        Self { cost, ..Self::simple(Hir::class(Class::Unicode(class))) }
    }

    /// Several pieces as one; `between` is what each but the first adds to the size.
    fn joined(mut pieces: Vec<Self>, between: u64, join: fn(Vec<Hir>) -> Hir) -> Self {
        if pieces.len() == 1
            && let Some(only) = pieces.pop()
        {
            return only;
        }
        let extra = between * (pieces.len() as u64).saturating_sub(1);
        Self {
            repeats: pieces.iter().map(|piece| piece.repeats).max().unwrap_or(1),
            size: extra + pieces.iter().map(|piece| piece.size).sum::<u64>().max(1),
            cost: 1 + pieces.iter().map(|piece| piece.cost).sum::<u64>(),
            depth: 1 + pieces.iter().map(|piece| piece.depth).max().unwrap_or_default(),
            hir: join(pieces.into_iter().map(|piece| piece.hir).collect()),
        }
    }

    fn captured(self, index: u32) -> Self {
        let hir = Hir::capture(Capture { index, name: None, sub: Box::new(self.hir) });
        Self { hir, size: self.size + 2, cost: self.cost + 2, depth: self.depth + 1, ..self }
    }

    fn repeated(self, count: Count, greedy: bool) -> Self {
        let (min, max) = (u64::from(count.min), count.max.map(u64::from));
        let times = max.unwrap_or(min).max(1);
        let size = match (count.is_operator, max) {
            (true, None) if min == 0 => self.size + 2,
            (true, _) => self.size + 1,
            (false, None) if min == 0 => self.size + 2,
            (false, None) => min * self.size + 1,
            (false, Some(max)) => max * self.size + (max - min),
        };
        let sub = Box::new(self.hir);
        Self {
            hir: Hir::repetition(Repetition { min: count.min, max: count.max, greedy, sub }),
            repeats: match (count.is_operator, count.max) {
                (true, _) => self.repeats,
                (false, Some(0)) => 1,
                (false, _) => times.saturating_mul(self.repeats),
            },
            size: size.max(1),
            cost: self.cost.saturating_mul(times).saturating_add(1),
            depth: self.depth + 1,
        }
    }
}

/// How often.
#[derive(Clone, Copy)]
struct Count {
    min: u32,
    max: Option<u32>,
    /// Whether it is `*`, `+` or `?`, which count as no repetition.
    is_operator: bool,
}

/// A group that is open. The first one is the whole expression.
struct Group {
    /// The flags outside of it.
    flags: Flags,
    capture: Option<u32>,
    branches: Vec<Piece>,
    pieces: Vec<Piece>,
}

impl Group {
    const fn new(flags: Flags, capture: Option<u32>) -> Self {
        Self { flags, capture, branches: Vec::new(), pieces: Vec::new() }
    }

    fn end_branch(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        self.branches.push(Piece::joined(pieces, 0, Hir::concat));
    }

    fn close(mut self) -> Piece {
        self.end_branch();
        let piece = Piece::joined(self.branches, 1, Hir::alternation);
        match self.capture {
            Some(index) => piece.captured(index),
            None => piece,
        }
    }
}

/// What is read, from `rest` on, into the groups.
struct Parser<'t> {
    whole: &'t [u8],
    rest: &'t [u8],
    flags: Flags,
    outer: Vec<Group>,
    group: Group,
    names: Vec<Vec<u8>>,
    /// The ranges of all classes so far, about.
    ranges: u64,
}

impl<'t> Parser<'t> {
    fn new(text: &'t [u8]) -> Self {
        let flags = Flags::default();
        let group = Group::new(flags, None);
        Self { whole: text, rest: text, flags, outer: Vec::new(), group, names: Vec::new(), ranges: 0 }
    }

    fn parse(mut self) -> Result<(Piece, Vec<Vec<u8>>), Refusal<'t>> {
        let mut repeated = None;
        while let Some(first) = self.rest.first() {
            repeated = self.step(*first, repeated)?;
            self.count_ranges()?;
        }
        if !self.outer.is_empty() {
            return Err(Refusal(Code::MissingParen, self.whole));
        }
        let piece = self.group.close();
        Self::check(&piece, self.whole)?;
        Ok((piece, self.names))
    }

    /// Counts the ranges of the last class: each place where the text has one holds its own.
    fn count_ranges(&mut self) -> Result<(), Refusal<'t>> {
        if let Some(piece) = self.group.pieces.last()
            && matches!(piece.hir.kind(), HirKind::Class(_))
        {
            self.ranges += piece.cost;
        }
        if self.ranges > MAX_RANGES { Err(Refusal(Code::Memory, self.whole)) } else { Ok(()) }
    }

    fn check(piece: &Piece, whole: &'t [u8]) -> Result<(), Refusal<'t>> {
        match piece {
            _ if piece.size > GO_MAX_SIZE => Err(Refusal(Code::Large, whole)),
            _ if piece.depth > GO_MAX_DEPTH => Err(Refusal(Code::NestingDepth, whole)),
            _ => Ok(()),
        }
    }

    /// Reads one item. Gives the text from a repetition on if that is what was read: two in a row are an error.
    fn step(&mut self, first: u8, repeated: Option<&'t [u8]>) -> Result<Option<&'t [u8]>, Refusal<'t>> {
        let before = self.rest;
        let count = match first {
            b'*' => Some((Count { min: 0, max: None, is_operator: true }, &before[1..])),
            b'+' => Some((Count { min: 1, max: None, is_operator: true }, &before[1..])),
            b'?' => Some((Count { min: 0, max: Some(1), is_operator: true }, &before[1..])),
            b'{' => counted(before)?,
            _ => None,
        };
        if let Some((count, after)) = count {
            self.repeat(count, after, repeated)?;
            return Ok(Some(before));
        }
        match first {
            b'(' if before.starts_with(b"(?") => self.open_special()?,
            b'(' => {
                self.names.push(Vec::new());
                self.open(Some(self.names.len()));
                self.rest = &before[1..];
            }
            b')' => self.close()?,
            b'|' => {
                self.group.end_branch();
                self.rest = &before[1..];
            }
            b'^' => self.push(
                1,
                Piece::simple(Hir::look(if self.flags.lines { Look::StartLF } else { Look::Start })),
            ),
            b'$' => {
                self.push(1, Piece::simple(Hir::look(if self.flags.lines { Look::EndLF } else { Look::End })))
            }
            b'.' => self.push(1, Piece::class(if self.flags.dot_all { all() } else { all_but_newline() })),
            b'[' => self.class()?,
            b'\\' => self.escaped()?,
            _ => {
                let (c, rest) = next_char(before)?;
                self.literal(u32::from(c), rest);
            }
        }
        Ok(None)
    }

    /// Adds a piece that is written with so many bytes.
    fn push(&mut self, len: usize, piece: Piece) {
        self.group.pieces.push(piece);
        self.rest = &self.rest[len..];
    }

    /// Adds a character by its number.
    fn literal(&mut self, code: u32, rest: &'t [u8]) {
        self.group.pieces.push(match char::from_u32(code) {
            None => Piece::simple(Hir::fail()),
            Some(_) if self.flags.fold => Piece::class(folded(range(code, code))),
            Some(c) => literal(c),
        });
        self.rest = rest;
    }

    fn repeat(
        &mut self,
        count: Count,
        after: &'t [u8],
        repeated: Option<&'t [u8]>,
    ) -> Result<(), Refusal<'t>> {
        let before = self.rest;
        let is_marked = after.first() == Some(&b'?');
        let after = &after[usize::from(is_marked)..];
        if let Some(repeated) = repeated {
            return Err(Refusal(Code::RepeatOp, &repeated[..repeated.len() - after.len()]));
        }
        let operator = &before[..before.len() - after.len()];
        let piece = self.group.pieces.pop().ok_or(Refusal(Code::MissingRepeatArgument, operator))?;
        let piece = piece.repeated(count, self.flags.lazy == is_marked);
        Self::check(&piece, self.whole)?;
        if !count.is_operator && count.min.max(count.max.unwrap_or(0)) >= 2 && piece.repeats > MAX_REPEAT {
            return Err(Refusal(Code::RepeatSize, operator));
        }
        self.group.pieces.push(piece);
        self.rest = after;
        Ok(())
    }

    // Groups.

    fn open(&mut self, capture: Option<usize>) {
        let capture = capture.map(|index| u32::try_from(index).unwrap_or(u32::MAX));
        let group = Group::new(self.flags, capture);
        self.outer.push(std::mem::replace(&mut self.group, group));
    }

    fn close(&mut self) -> Result<(), Refusal<'t>> {
        let outer = self.outer.pop().ok_or(Refusal(Code::UnexpectedParen, self.whole))?;
        let group = std::mem::replace(&mut self.group, outer);
        self.flags = group.flags;
        let piece = group.close();
        Self::check(&piece, self.whole)?;
        self.push(1, piece);
        Ok(())
    }

    /// Reads what begins with `(?`: a named group, or flags with or without a group.
    fn open_special(&mut self) -> Result<(), Refusal<'t>> {
        let text = self.rest;
        let name = match text {
            [_, _, b'P', b'<', _, ..] => 4,
            [_, _, b'<', _, ..] => 3,
            _ => return self.flags(),
        };
        let Some(end) = text.iter().position(|byte| *byte == b'>') else {
            check_utf8(text)?;
            return Err(Refusal(Code::NamedCapture, text));
        };
        let name = &text[name..end];
        check_utf8(name)?;
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Err(Refusal(Code::NamedCapture, &text[..=end]));
        }
        self.names.push(name.to_vec());
        self.open(Some(self.names.len()));
        self.rest = &text[end + 1..];
        Ok(())
    }

    /// Reads `(?i)`, `(?i-s:` and the like.
    fn flags(&mut self) -> Result<(), Refusal<'t>> {
        let text = self.rest;
        let mut rest = &text[2..];
        let mut flags = self.flags;
        let (mut sets, mut saw_one) = (true, false);
        while !rest.is_empty() {
            let (c, after) = next_char(rest)?;
            rest = after;
            match c {
                'i' => flags.fold = sets,
                'm' => flags.lines = sets,
                's' => flags.dot_all = sets,
                'U' => flags.lazy = sets,
                '-' if sets => (sets, saw_one) = (false, false),
                ':' | ')' if sets || saw_one => {
                    self.set(flags, c == ':', rest);
                    return Ok(());
                }
                _ => break,
            }
            saw_one |= c != '-';
        }
        Err(Refusal(Code::PerlOp, &text[..text.len() - rest.len()]))
    }

    /// Sets the flags, for a group of their own or for the rest of this one.
    fn set(&mut self, flags: Flags, opens: bool, rest: &'t [u8]) {
        if opens {
            self.open(None);
        }
        self.flags = flags;
        self.rest = rest;
    }

    // Escapes and classes.

    /// Reads what begins with a backslash, outside of a class.
    fn escaped(&mut self) -> Result<(), Refusal<'t>> {
        let text = self.rest;
        let look = match text.get(1) {
            Some(b'A') => Some(Look::Start),
            Some(b'z') => Some(Look::End),
            Some(b'b') => Some(Look::WordAscii),
            Some(b'B') => Some(Look::WordAsciiNegate),
            Some(b'C') => return Err(Refusal(Code::Escape, &text[..2])),
            Some(b'Q') => return self.quoted(),
            _ => None,
        };
        if let Some(look) = look {
            self.push(2, Piece::simple(Hir::look(look)));
            return Ok(());
        }
        if let Some((class, rest)) = class_escape(text, self.flags.fold)? {
            self.push(text.len() - rest.len(), Piece::class(class));
            return Ok(());
        }
        let (code, rest) = char_escape(text)?;
        self.literal(code, rest);
        Ok(())
    }

    /// Reads `\Q…\E`, or to the end.
    fn quoted(&mut self) -> Result<(), Refusal<'t>> {
        let text = &self.rest[2..];
        let end = text.windows(2).position(|two| two == br"\E");
        let mut literal = &text[..end.unwrap_or(text.len())];
        while !literal.is_empty() {
            let (c, rest) = next_char(literal)?;
            self.literal(u32::from(c), rest);
            literal = rest;
        }
        self.rest = end.map_or(b"", |end| &text[end + 2..]);
        Ok(())
    }

    /// Reads `[…]`.
    fn class(&mut self) -> Result<(), Refusal<'t>> {
        let whole = self.rest;
        let negated = whole.starts_with(b"[^");
        let mut rest = &whole[1 + usize::from(negated)..];
        let mut class = ClassUnicode::empty();
        let mut is_first = true;
        while is_first || rest.first() != Some(&b']') {
            is_first = false;
            let (part, after) = class_part(rest, whole, self.flags.fold)?;
            class.union(&part);
            rest = after;
        }
        if negated {
            class.negate();
        }
        self.group.pieces.push(Piece::class(class));
        self.rest = &rest[1..];
        Ok(())
    }
}

/// The next character.
fn next_char(text: &[u8]) -> Read<'_, char> {
    match first_char(text) {
        (Some(c), len) => Ok((c, &text[len..])),
        (None, _) => Err(Refusal(Code::Utf8, text)),
    }
}

fn check_utf8(mut text: &[u8]) -> Result<(), Refusal<'_>> {
    while !text.is_empty() {
        text = next_char(text)?.1;
    }
    Ok(())
}

fn literal(c: char) -> Piece {
    Piece::simple(Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes()))
}

/// `{2}`, `{2,}` or `{2,3}`; nothing if it is no such thing, and so only a brace.
fn counted(text: &[u8]) -> Result<Option<(Count, &[u8])>, Refusal<'_>> {
    let Some((min, rest)) = number(&text[1..]) else { return Ok(None) };
    let (max, rest) = match rest {
        [b',', b'}', ..] => (None, &rest[1..]),
        [b',', ..] => match number(&rest[1..]) {
            Some((max, rest)) => (Some(max), rest),
            None => return Ok(None),
        },
        _ => (Some(min), rest),
    };
    let Some(after) = rest.strip_prefix(b"}") else { return Ok(None) };
    if u64::from(min.max(max.unwrap_or(0))) > MAX_REPEAT || max.is_some_and(|max| min > max) {
        return Err(Refusal(Code::RepeatSize, &text[..text.len() - after.len()]));
    }
    Ok(Some((Count { min, max, is_operator: false }, after)))
}

/// Digits without a leading zero; one that is too large is as large as can be.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    match digits {
        [] | [b'0', _, ..] => None,
        _ => Some((std::str::from_utf8(digits).ok()?.parse().unwrap_or(u32::MAX), rest)),
    }
}

/// The character that an escape stands for, by its number.
fn char_escape(text: &[u8]) -> Read<'_, u32> {
    if text.len() == 1 {
        return Err(Refusal(Code::TrailingBackslash, b""));
    }
    let (c, rest) = next_char(&text[1..])?;
    match c {
        '0'..='7' if c == '0' || matches!(rest.first(), Some(b'0'..=b'7')) => {
            let is_octal = |byte: &&u8| matches!(byte, b'0'..=b'7');
            let more = rest.iter().take(2).take_while(is_octal).count();
            let digits = text[1..2 + more].iter();
            Ok((digits.fold(0, |code, digit| code * 8 + u32::from(digit - b'0')), &rest[more..]))
        }
        'x' => hex_escape(text, rest),
        'a' => Ok((7, rest)),
        'f' => Ok((0xc, rest)),
        'n' => Ok((0xa, rest)),
        'r' => Ok((0xd, rest)),
        't' => Ok((9, rest)),
        'v' => Ok((0xb, rest)),
        _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok((u32::from(c), rest)),
        _ => Err(Refusal(Code::Escape, &text[..text.len() - rest.len()])),
    }
}

/// `\x7f` or `\x{10ffff}`, behind the `x`.
fn hex_escape<'t>(text: &'t [u8], rest: &'t [u8]) -> Read<'t, u32> {
    let refused = |rest: &[u8]| Refusal(Code::Escape, &text[..text.len() - rest.len()]);
    if rest.is_empty() {
        return Err(refused(rest));
    }
    let (first, mut rest) = next_char(rest)?;
    if first != '{' {
        // At the end of the text there is no character, which is no hexadecimal digit either.
        let none = rest.is_empty().then(|| refused(rest));
        let (second, rest) = next_char(rest).map_err(|refusal| none.unwrap_or(refusal))?;
        let digits = first.to_digit(16).zip(second.to_digit(16));
        return digits.map(|(high, low)| (high * 16 + low, rest)).ok_or_else(|| refused(rest));
    }
    let mut code = None;
    while !rest.is_empty() {
        let (c, after) = next_char(rest)?;
        rest = after;
        if c == '}' {
            return code.map(|code| (code, rest)).ok_or_else(|| refused(rest));
        }
        let larger = c.to_digit(16).map(|digit| code.unwrap_or(0) * 16 + digit);
        code = Some(larger.filter(|code| *code <= 0x10_ffff).ok_or_else(|| refused(rest))?);
    }
    Err(refused(rest))
}

/// A character, a range or a class within a class.
fn class_part<'t>(text: &'t [u8], whole: &'t [u8], fold: bool) -> Read<'t, ClassUnicode> {
    if let Some(end) = text.strip_prefix(b"[:").and_then(|name| name.windows(2).position(|two| two == b":]"))
    {
        let (name, rest) = text.split_at(end + 4);
        let class = named_class(&name[2..end + 2], fold).ok_or(Refusal(Code::CharRange, name))?;
        return Ok((class, rest));
    }
    if let Some(found) = class_escape(text, fold)? {
        return Ok(found);
    }
    let (low, mut rest) = class_char(text, whole)?;
    let mut high = low;
    if rest.len() >= 2 && rest[0] == b'-' && rest[1] != b']' {
        (high, rest) = class_char(&rest[1..], whole)?;
        if high < low {
            return Err(Refusal(Code::CharRange, &text[..text.len() - rest.len()]));
        }
    }
    let class = range(low, high);
    Ok((if fold { folded(class) } else { class }, rest))
}

fn class_char<'t>(text: &'t [u8], whole: &'t [u8]) -> Read<'t, u32> {
    match text.first() {
        None => Err(Refusal(Code::MissingBracket, whole)),
        Some(b'\\') => char_escape(text),
        Some(_) => next_char(text).map(|(c, rest)| (u32::from(c), rest)),
    }
}

/// `\d`, `\pL`, `\p{Han}` and the like; nothing if it is no such escape.
fn class_escape(text: &[u8], fold: bool) -> Result<Option<(ClassUnicode, &[u8])>, Refusal<'_>> {
    let [b'\\', letter, ..] = text else { return Ok(None) };
    let plain = match letter.to_ascii_lowercase() {
        b'd' => range('0'.into(), '9'.into()),
        b's' => class(r"[\t\n\x0c\r ]"),
        b'w' => class("[0-9A-Za-z_]"),
        b'p' => return unicode_class(text, fold).map(Some),
        _ => return Ok(None),
    };
    Ok(Some((signed(plain, fold, letter.is_ascii_lowercase()), &text[2..])))
}

/// A class, folded if that is wanted, and then negated if it is not meant itself.
fn signed(class: ClassUnicode, fold: bool, is_meant: bool) -> ClassUnicode {
    let mut class = if fold { folded(class) } else { class };
    if !is_meant {
        class.negate();
    }
    class
}

/// The class of `[:alpha:]` or `[:^alpha:]`.
fn named_class(name: &[u8], fold: bool) -> Option<ClassUnicode> {
    let (is_meant, name) = name.strip_prefix(b"^").map_or((true, name), |name| (false, name));
    let known: &[&[u8]] = &[
        b"alnum", b"alpha", b"ascii", b"blank", b"cntrl", b"digit", b"graph", b"lower", b"print", b"punct",
        b"space", b"upper", b"word", b"xdigit",
    ];
    let name = known.contains(&name).then(|| std::str::from_utf8(name).ok()).flatten()?;
    Some(signed(class(&format!("[[:{name}:]]")), fold, is_meant))
}

/// `\pL`, `\p{Han}`, `\P{Han}` or `\p{^Han}`.
fn unicode_class(text: &[u8], fold: bool) -> Read<'_, ClassUnicode> {
    if text.len() == 2 {
        return Err(Refusal(Code::CharRange, text));
    }
    let (c, rest) = next_char(&text[2..])?;
    let (name, rest) = if c == '{' {
        let Some(end) = text.iter().position(|byte| *byte == b'}') else {
            check_utf8(text)?;
            return Err(Refusal(Code::CharRange, text));
        };
        check_utf8(&text[3..end])?;
        (&text[3..end], &text[end + 1..])
    } else {
        (&text[2..text.len() - rest.len()], rest)
    };
    let (is_plain, name) = name.strip_prefix(b"^").map_or((true, name), |name| (false, name));
    let whole = &text[..text.len() - rest.len()];
    let name = lookup_name(name);
    let found = unicode_set(&name).ok_or(Refusal(Code::CharRange, whole))?;
    // Go has no table for the other cases of the letters with case.
    let fold = fold && !matches!(&name[..], "Lc" | "Casedletter");
    Ok((signed(found, fold, is_plain == (text[1] == b'p')), rest))
}

/// The general categories by their letters.
const CATEGORIES: &str = "C Cc Cf Cn Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps \
    S Sc Sk Sm So Z Zl Zp Zs";

/// Their names, as they are looked up.
const CATEGORY_NAMES: &[(&str, &str)] = &[
    ("Casedletter", "LC"),
    ("Closepunctuation", "Pe"),
    ("Cntrl", "Cc"),
    ("Combiningmark", "M"),
    ("Connectorpunctuation", "Pc"),
    ("Control", "Cc"),
    ("Currencysymbol", "Sc"),
    ("Dashpunctuation", "Pd"),
    ("Decimalnumber", "Nd"),
    ("Digit", "Nd"),
    ("Enclosingmark", "Me"),
    ("Finalpunctuation", "Pf"),
    ("Format", "Cf"),
    ("Initialpunctuation", "Pi"),
    ("Lc", "LC"),
    ("Letter", "L"),
    ("Letternumber", "Nl"),
    ("Lineseparator", "Zl"),
    ("Lowercaseletter", "Ll"),
    ("Mark", "M"),
    ("Mathsymbol", "Sm"),
    ("Modifierletter", "Lm"),
    ("Modifiersymbol", "Sk"),
    ("Nonspacingmark", "Mn"),
    ("Number", "N"),
    ("Openpunctuation", "Ps"),
    ("Other", "C"),
    ("Otherletter", "Lo"),
    ("Othernumber", "No"),
    ("Otherpunctuation", "Po"),
    ("Othersymbol", "So"),
    ("Paragraphseparator", "Zp"),
    ("Privateuse", "Co"),
    ("Punct", "P"),
    ("Punctuation", "P"),
    ("Separator", "Z"),
    ("Spaceseparator", "Zs"),
    ("Spacingmark", "Mc"),
    ("Surrogate", "Cs"),
    ("Symbol", "S"),
    ("Titlecaseletter", "Lt"),
    ("Unassigned", "Cn"),
    ("Uppercaseletter", "Lu"),
];

/// The scripts that Go finds.
const SCRIPTS: &str = "Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi \
    Braille Buginese Buhid Carian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cyrillic Deseret \
    Devanagari Dogra Duployan Elbasan Elymaic Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han \
    Hangul Hanunoo Hatran Hebrew Hiragana Inherited Javanese Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki \
    Khudawadi Lao Latin Lepcha Limbu Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen \
    Medefaidrin Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari Newa Nko Nushu Ogham Oriya Osage Osmanya \
    Palmyrene Phoenician Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham Sinhala Sogdian Soyombo Sundanese \
    Syriac Tagalog Tagbanwa Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai \
    Vithkuqi Wancho Yezidi Yi";

/// The characters of a category or a script, by its [`lookup_name`].
fn unicode_set(name: &str) -> Option<ClassUnicode> {
    let is_in = |list: &str| list.split_ascii_whitespace().any(|known| known == name);
    let alias = CATEGORY_NAMES.iter().find(|(known, _)| *known == name).map(|(_, category)| *category);
    match name {
        "Any" => Some(all()),
        "Ascii" => Some(range(0, 0x7f)),
        "Assigned" => {
            let mut assigned = category("Cn");
            assigned.negate();
            Some(assigned)
        }
        _ if is_in(CATEGORIES) => Some(category(name)),
        _ if is_in(SCRIPTS) => Some(known(class(&format!(r"\p{{sc={name}}}")))),
        _ => alias.map(category),
    }
}

/// A capital and small letters, without what separates words.
fn lookup_name(name: &[u8]) -> String {
    let kept = name.iter().filter(|byte| !b"_- ".contains(byte)).map(|byte| char::from(*byte));
    kept.enumerate()
        .map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() })
        .collect()
}

fn category(letters: &str) -> ClassUnicode {
    let mut found = class(&format!(r"\p{{gc={letters}}}"));
    match letters {
        // What came later is not assigned yet.
        "C" | "Cn" => {
            let mut later = KNOWN.class().clone();
            later.negate();
            found.union(&later);
            return found;
        }
        "Mn" => found.union(&moved_mark()),
        "Mc" => found.difference(&moved_mark()),
        _ => {}
    }
    known(found)
}

/// The one mark that has become a spacing one since Unicode 15.0.
fn moved_mark() -> ClassUnicode {
    range(0x1171e, 0x1171e)
}

fn known(mut class: ClassUnicode) -> ClassUnicode {
    class.intersect(KNOWN.class());
    class
}

fn all() -> ClassUnicode {
    range(0, 0x10_ffff)
}

fn all_but_newline() -> ClassUnicode {
    let mut class = range('\n'.into(), '\n'.into());
    class.negate();
    class
}

/// The characters with these numbers, both ends included.
fn range(low: u32, high: u32) -> ClassUnicode {
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    ClassUnicode::new((low <= high).then(|| ClassUnicodeRange::new(low, high)))
}

/// The class with the other cases of its characters.
fn folded(class: ClassUnicode) -> ClassUnicode {
    let mut folded = class.clone();
    if folded.try_case_fold_simple().is_err() {
        return class;
    }
    let mut folded = known(folded);
    folded.difference(NOT_YET_EQUAL.class());
    folded.union(&class);
    folded
}

/// Whether these are cases of one letter.
pub(super) fn is_case_of(one: char, other: char) -> bool {
    let class = folded(ClassUnicode::new([ClassUnicodeRange::new(one, one)]));
    class.iter().any(|range| (range.start()..=range.end()).contains(&other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    impl Expression {
        /// An expression in both engines, the `regex` crate's and ours.
        pub(crate) fn in_each_engine(text: &str, find: Find) -> [Self; 2] {
            let parsed = Parser::new(text.as_bytes()).parse();
            let (piece, names) = parsed.unwrap_or_else(|refusal| panic!("{text}: {}", refusal.fault()));
            let slots = find.slots(names.len());
            let regex = over_bytes(&piece, find, slots).unwrap().unwrap();
            let automaton = over_characters(&piece, slots).unwrap();
            [Engine::Bytes(regex), Engine::Characters(automaton)]
                .map(|engine| Self::new(engine, piece.cost, slots, names.clone()))
        }
    }

    /// How many states an expression has in our engine, if it is for that.
    fn states_of_ours(text: &str, find: Find) -> Option<usize> {
        let env = Env::default();
        match Expression::compile(&mut Run::new(&env), text.as_bytes(), find).unwrap().engine {
            Engine::Bytes(_) => None,
            Engine::Characters(automaton) => Some(automaton.size()),
        }
    }

    #[test]
    fn what_is_too_large_for_one_engine_takes_a_state_a_character_in_the_other() {
        // Beside them the match itself, where it begins and where it ends.
        assert_eq!(states_of_ours(r"\pL{20}", Find::Bounds), None);
        assert_eq!(states_of_ours(r"\pL{222}", Find::Bounds), Some(222 + 3));
        assert_eq!(states_of_ours(r"\pL{1000}", Find::Bounds), Some(1000 + 3));
        assert_eq!(states_of_ours(r"(\pL{10}){100}", Find::Bounds), Some(1000 + 3));
        assert_eq!(states_of_ours(r"(\pL{10}){100}", Find::Groups), Some(1000 + 200 + 3));
    }

    fn refusal(text: &str) -> Option<String> {
        Parser::new(text.as_bytes()).parse().err().map(|refusal| refusal.fault().to_string())
    }

    #[test]
    fn what_go_refuses_is_refused_with_its_reason() {
        for (text, why) in [
            ("a**", "invalid nested repetition operator: `**`"),
            ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
            ("(*)", "missing argument to repetition operator: `*`"),
            ("a{1001}", "invalid repeat count: `{1001}`"),
            ("((a{10}){10}){11}", "invalid repeat count: `{11}`"),
            ("[b-a]", "invalid character class range: `b-a`"),
            ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
            (r"\p{Old_Italic}", r"invalid character class range: `\p{Old_Italic}`"),
            ("[a", "missing closing ]: `[a`"),
            ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
            ("(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"),
            ("(?P<n", "invalid named capture: `(?P<n`"),
            (r"\C", r"invalid escape sequence: `\C`"),
            (r"\x{110000}", r"invalid escape sequence: `\x{110000`"),
            (r"\p", r"invalid character class range: `\p`"),
            (r"[\P", r"invalid character class range: `\P`"),
            (r"\x4", r"invalid escape sequence: `\x4`"),
            (r"a\", "trailing backslash at end of expression: ``"),
            ("a)", "unexpected ): `a)`"),
            ("(a", "missing closing ): `(a`"),
        ] {
            assert_eq!(refusal(text), Some(format!("error parsing regexp: {why}")), "{text}");
        }
    }

    #[test]
    fn what_looks_like_a_count_and_is_none_is_text() {
        for text in ["a{,2}", "a{x}", "a{02}", "{", "a{2", "a{2,x}", r"\Qa**\E", "(?i)a*(?-i)*", "x{0}{,1}"] {
            assert_eq!(refusal(text), None, "{text}");
        }
    }

    #[test]
    fn classes_hold_what_go_1_26_knows() {
        assert!(
            unicode_set(&lookup_name(b"cased letter")).is_some_and(|class| class.ranges()[0].start() == 'A')
        );
        assert!(["Garay", "Latn", ""].iter().all(|name| unicode_set(name).is_none()));
        assert_eq!(folded(range('k'.into(), 'k'.into())).ranges().len(), 3);
        assert_eq!(folded(range(0x264, 0x264)).ranges().len(), 1);
    }
}
