//! Writes YAML as the library of Kubernetes does: block style, two spaces a level, lists no deeper than their keys,
//! lines folded after 80 characters where that changes nothing.

use super::resolve::{Resolved, resolve_plain};
use super::text::is_break;
use crate::error::Fault;
use crate::float;
use crate::run::Run;

/// After how many characters a line is folded at a space.
const WIDTH: usize = 80;
/// How long a key may be that has no `?` before it.
const MAX_KEY: usize = 128;

/// What is written.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// Null, a bool or a number, as it is written.
    Plain(String),
    Text(String),
    List(Vec<Item>),
    Map(Vec<(Item, Item)>),
}

/// A float as YAML writes it.
pub(super) fn float_text(number: f64, bits: u32) -> String {
    match String::from_utf8_lossy(&float::format(number, b'g', None, bits)).as_ref() {
        "+Inf" => ".inf".into(),
        "-Inf" => "-.inf".into(),
        "NaN" => ".nan".into(),
        text => text.to_owned(),
    }
}

/// The document, with a line break at its end.
///
/// # Errors
/// If it is longer than a text may be.
pub(super) fn emit(run: &mut Run<'_>, item: &Item) -> Result<String, Fault> {
    let most = run.limits().output;
    let mut emitter = Emitter { out: String::new(), most, column: 0, spaced: true, indented: true };
    emitter.item(item, Context { indent: -1, place: Place::Root });
    emitter.indent(0);
    run.make(emitter.out.len())?;
    Ok(emitter.out)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    Item,
    /// A key on one line.
    Key,
    /// A key after `?`, or a value.
    Value,
}

#[derive(Clone, Copy, Debug)]
struct Context {
    /// That of the collection around; -1 outside of all.
    indent: i64,
    place: Place,
}

struct Emitter {
    out: String,
    /// When it is longer than this, nothing more is written: it will be refused.
    most: usize,
    column: usize,
    /// Whether a space or a break was written last.
    spaced: bool,
    /// Whether nothing but indentation and `-`, `?`, `:` stands on the line.
    indented: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

impl Emitter {
    const fn is_full(&self) -> bool {
        self.out.len() > self.most
    }

    fn put(&mut self, char: char) {
        if !self.is_full() {
            self.out.push(char);
        }
        self.column += 1;
    }

    fn line_break(&mut self) {
        if !self.is_full() {
            self.out.push('\n');
        }
        self.column = 0;
    }

    /// Begins a line of so many spaces, unless one has just begun.
    fn indent(&mut self, indent: i64) {
        let indent = usize::try_from(indent).unwrap_or_default();
        if !self.indented || self.column > indent || self.column == indent && !self.spaced {
            self.line_break();
        }
        while self.column < indent && !self.is_full() {
            self.put(' ');
        }
        self.spaced = true;
        self.indented = true;
    }

    /// A mark that structures the document.
    fn mark(&mut self, mark: &str, space_before: bool, keeps_indentation: bool) {
        if space_before && !self.spaced {
            self.put(' ');
        }
        mark.chars().for_each(|char| self.put(char));
        self.spaced = false;
        self.indented = self.indented && keeps_indentation;
    }

    fn item(&mut self, item: &Item, context: Context) {
        match item {
            Item::List(items) if items.is_empty() => self.empty("[", "]"),
            Item::Map(entries) if entries.is_empty() => self.empty("{", "}"),
            Item::List(items) => self.list(items, context),
            Item::Map(entries) => self.map(entries, context),
            Item::Plain(text) => self.scalar(text, true, context),
            Item::Text(text) => self.scalar(text, false, context),
        }
    }

    fn empty(&mut self, open: &str, close: &str) {
        self.mark(open, true, false);
        self.mark(close, false, false);
    }

    fn list(&mut self, items: &[Item], context: Context) {
        let unindented = matches!(context.place, Place::Key | Place::Value) && !self.indented;
        let indent = deeper(context.indent, unindented);
        for item in items {
            self.indent(indent);
            self.mark("-", true, true);
            self.item(item, Context { indent, place: Place::Item });
        }
    }

    fn map(&mut self, entries: &[(Item, Item)], context: Context) {
        let indent = deeper(context.indent, false);
        for (key, value) in entries {
            self.indent(indent);
            if is_simple(key) {
                self.item(key, Context { indent, place: Place::Key });
                self.mark(":", false, false);
            } else {
                self.mark("?", true, true);
                self.item(key, Context { indent, place: Place::Value });
                self.indent(indent);
                self.mark(":", true, true);
            }
            self.item(value, Context { indent, place: Place::Value });
        }
    }

    fn scalar(&mut self, text: &str, is_plain: bool, context: Context) {
        let key = context.place == Place::Key;
        let indent = if context.indent < 0 { 2 } else { context.indent + 2 };
        match style(text, is_plain, key) {
            Style::Plain => self.plain(text, indent, !key),
            Style::Single => self.single_quoted(text, indent, !key),
            Style::Double => self.double_quoted(text, indent, !key),
            Style::Literal => self.literal(text, indent),
        }
    }

    /// Whether a line is folded at this space.
    fn folds(&self, chars: &[char], at: usize) -> bool {
        self.column > WIDTH && chars.get(at + 1) != Some(&' ')
    }

    fn plain(&mut self, text: &str, indent: i64, may_fold: bool) {
        if !self.spaced {
            self.put(' ');
        }
        let chars: Vec<char> = text.chars().collect();
        let mut after_space = false;
        for (at, char) in chars.iter().enumerate() {
            if *char == ' ' && may_fold && !after_space && self.folds(&chars, at) {
                self.indent(indent);
            } else {
                self.put(*char);
            }
            after_space = *char == ' ';
            self.indented = self.indented && after_space;
        }
        self.spaced = false;
        self.indented = false;
    }

    fn single_quoted(&mut self, text: &str, indent: i64, may_fold: bool) {
        self.mark("'", true, false);
        let chars: Vec<char> = text.chars().collect();
        let (mut after_space, mut after_break) = (false, false);
        for (at, char) in chars.iter().copied().enumerate() {
            let inside = at > 0 && at + 1 < chars.len();
            let folds = may_fold && !after_space && inside && self.folds(&chars, at);
            if char == ' ' {
                self.space(folds.then_some(indent));
                after_space = true;
            } else if is_break(char) {
                self.quoted_break(char, after_break);
                after_break = true;
            } else {
                self.in_line(char, after_break.then_some(indent));
                self.second_quote(char);
                (after_space, after_break) = (false, false);
            }
        }
        self.mark("'", false, false);
    }

    /// A space, or the break that takes its place.
    fn space(&mut self, indent: Option<i64>) {
        match indent {
            Some(indent) => self.indent(indent),
            None => self.put(' '),
        }
    }

    /// A character that is no break, on a new line perhaps.
    fn in_line(&mut self, char: char, indent: Option<i64>) {
        if let Some(indent) = indent {
            self.indent(indent);
        }
        self.put(char);
        self.indented = false;
    }

    /// A quote in quotes is written twice.
    fn second_quote(&mut self, char: char) {
        if char == '\'' {
            self.put(char);
        }
    }

    /// The first of some line feeds is written twice, as reading folds it.
    fn quoted_break(&mut self, char: char, after_break: bool) {
        if !after_break && char == '\n' {
            self.line_break();
        }
        self.written_break(char);
        self.indented = true;
    }

    fn written_break(&mut self, char: char) {
        if char == '\n' {
            self.line_break();
        } else {
            self.put(char);
            self.column = 0;
        }
    }

    fn double_quoted(&mut self, text: &str, indent: i64, may_fold: bool) {
        self.mark("\"", true, false);
        let chars: Vec<char> = text.chars().collect();
        let mut after_space = false;
        // With a byte order mark at the beginning, Go's library takes every character for one.
        let all = chars.first() == Some(&'\u{feff}');
        // Where the last character begins, as Go counts it: in bytes of all but one.
        let mut byte = 0;
        for (at, char) in chars.iter().copied().enumerate() {
            let inside = byte > 0 && byte + 1 < text.len();
            if all || must_escape(char) {
                escaped(char).chars().for_each(|char| self.put(char));
            } else if char == ' ' && may_fold && !after_space && self.column > WIDTH && inside {
                self.indent(indent);
                // A space that begins a line would not be read.
                self.escape_before(chars.get(at + 1).copied());
            } else {
                self.put(char);
            }
            after_space = char == ' ' && !all;
            byte += char.len_utf8();
        }
        self.mark("\"", false, false);
    }

    fn escape_before(&mut self, next: Option<char>) {
        if next == Some(' ') {
            self.put('\\');
        }
    }

    fn literal(&mut self, text: &str, indent: i64) {
        self.mark("|", true, false);
        if text.starts_with(|char| char == ' ' || is_break(char)) {
            self.mark("2", false, false);
        }
        let mut from_end = text.chars().rev();
        match (from_end.next().is_some_and(is_break), from_end.next()) {
            (false, _) => self.mark("-", false, false),
            (true, before) if before.is_none_or(is_break) => self.mark("+", false, false),
            (true, _) => {}
        }
        self.line_break();
        self.indented = true;
        self.spaced = true;
        let mut after_break = true;
        for char in text.chars() {
            if is_break(char) {
                self.written_break(char);
                self.indented = true;
                after_break = true;
            } else {
                self.in_line(char, after_break.then_some(indent));
                after_break = false;
            }
        }
    }
}

const fn deeper(indent: i64, unindented: bool) -> i64 {
    match indent {
        ..0 => 0,
        _ if unindented => indent,
        _ => indent + 2,
    }
}

/// Whether a key can stand on one line before its colon.
fn is_simple(key: &Item) -> bool {
    match key {
        Item::Plain(text) | Item::Text(text) => text.len() <= MAX_KEY && !text.contains(is_break),
        Item::List(items) => items.is_empty(),
        Item::Map(entries) => entries.is_empty(),
    }
}

/// What a text may be written as.
#[derive(Debug)]
struct Allowed {
    plain: bool,
    single: bool,
    literal: bool,
    multiline: bool,
}

fn style(text: &str, is_plain: bool, key: bool) -> Style {
    let allowed = allowed(text);
    let mut style = if is_plain || !text.contains('\n') && reads_as_text(text) {
        Style::Plain
    } else if text.contains('\n') {
        Style::Literal
    } else {
        Style::Double
    };
    if key && allowed.multiline {
        style = Style::Double;
    }
    if style == Style::Plain && (!allowed.plain || text.is_empty() && key) {
        style = Style::Single;
    }
    if style == Style::Single && !allowed.single || style == Style::Literal && (!allowed.literal || key) {
        style = Style::Double;
    }
    style
}

/// Whether a text without quotes would be read as a text again, by readers of base 60 too.
fn reads_as_text(text: &str) -> bool {
    matches!(resolve_plain(text), Resolved::Str(_)) && !is_base_60(text)
}

/// `12:30:45.6`.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !first.starts_with(|char: char| char.is_ascii_digit()) || !digits(first) {
        return false;
    }
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return false };
    let (last, fraction) = last.split_once('.').unwrap_or((last, ""));
    let sixtieth = |text: &str| match text.as_bytes() {
        [digit] => digit.is_ascii_digit(),
        [b'0'..=b'5', digit] => digit.is_ascii_digit(),
        _ => false,
    };
    digits(fraction) && sixtieth(last) && parts.into_iter().all(sixtieth)
}

/// Which styles keep the text as it is.
fn allowed(text: &str) -> Allowed {
    if text.is_empty() {
        return Allowed { plain: true, single: true, literal: false, multiline: false };
    }
    let chars: Vec<char> = text.chars().collect();
    let is_space = |at: Option<&char>| at == Some(&' ');
    let is_line_end = |at: Option<&char>| at.copied().is_some_and(is_break);
    let (first, last) = (chars.first(), chars.last());
    let pairs = || chars.windows(2);
    let break_space = pairs().any(|pair| is_break(pair[0]) && pair[1] == ' ');
    let space_break = pairs().any(|pair| pair[0] == ' ' && is_break(pair[1]));
    let special = chars.iter().copied().any(|char| !is_printable(char));
    let multiline = chars.iter().copied().any(is_break);
    let edges = is_space(first) || is_line_end(first) || is_space(last) || is_line_end(last);
    Allowed {
        plain: !(edges || break_space || space_break || special || multiline || has_indicators(&chars)),
        single: !(break_space || space_break || special),
        literal: !(is_space(last) || space_break || special),
        multiline,
    }
}

/// Whether something in the text would be read as structure.
fn has_indicators(chars: &[char]) -> bool {
    if chars.starts_with(&['-'; 3]) || chars.starts_with(&['.'; 3]) {
        return true;
    }
    let is_gap = |char: Option<&char>| char.is_none_or(|char| matches!(char, ' ' | '\t'));
    chars.iter().enumerate().any(|(at, char)| {
        let before_gap = is_gap(chars.get(at + 1));
        match char {
            '#' if at > 0 => matches!(chars[at - 1], ' ' | '\t' | '\0') || is_break(chars[at - 1]),
            ':' => before_gap,
            '?' | '-' if at == 0 => before_gap,
            _ => at == 0 && "#,[]{}&*!|>'\"%@`".contains(*char),
        }
    })
}

/// What the library prints as it is; line feeds are among it.
const fn is_printable(char: char) -> bool {
    matches!(
        char,
        '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}'
    )
}

fn must_escape(char: char) -> bool {
    !is_printable(char) || is_break(char) || matches!(char, '"' | '\\')
}

fn escaped(char: char) -> String {
    let short = match char {
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0b' => 'v',
        '\x0c' => 'f',
        '\r' => 'r',
        '\x1b' => 'e',
        '"' | '\\' => char,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            return match u32::from(char) {
                code @ ..=0xff => format!("\\x{code:02X}"),
                code @ ..=0xffff => format!("\\u{code:04X}"),
                code => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_beyond_the_limit() {
        for text in ["a b\n", "a b ", "\u{1} ", "' \u{85} "].map(|part| part.repeat(1000)) {
            let mut emitter =
                Emitter { out: String::new(), most: 50, column: 0, spaced: true, indented: true };
            let list = (0..10).map(|_| Item::Text(text.clone())).collect();
            emitter.item(&Item::List(list), Context { indent: 400, place: Place::Root });
            assert!((51..60).contains(&emitter.out.len()), "{text:.8}: {}", emitter.out.len());
        }
    }
}
