//! `@pretty` and `@ugly`: JSON laid out for people, and without white space.

use std::cmp::Ordering;

use crate::limits::Effort;
use crate::scan::{self, Piece};
use crate::{Kind, number, valid};

/// How JSON is laid out.
pub(crate) struct Style {
    /// Columns that an array on a single line may take; 0 or less: every element gets its own line.
    width: i64,
    prefix: Vec<u8>,
    indent: Vec<u8>,
    sort_keys: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self { width: 80, prefix: Vec::new(), indent: b"  ".to_vec(), sort_keys: false }
    }
}

impl Style {
    /// Sets an option of `@pretty`'s argument; unknown ones are ignored.
    pub(crate) fn set(&mut self, name: &[u8], value: Piece<'_>) {
        match name {
            b"sortKeys" => self.sort_keys = value.truth(),
            b"indent" => self.indent = space_only(&value.text()),
            b"prefix" => self.prefix = space_only(&value.text()),
            b"width" => self.width = whole(value),
            _ => {}
        }
    }
}

fn space_only(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).collect()
}

/// Go's `Result.Int()`.
fn whole(value: Piece<'_>) -> i64 {
    match value.kind {
        Kind::True => 1,
        Kind::Number | Kind::String => {
            let text = value.text();
            let exact = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
            exact.unwrap_or_else(|| number::whole(number::parse(&text)))
        }
        Kind::Null | Kind::False | Kind::Json => 0,
    }
}

/// Takes the white space outside of strings out.
pub(crate) fn ugly(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut at = 0;
    while at < json.len() {
        let end = match json[at] {
            b'"' => scan::string_end(json, at).unwrap_or(json.len()),
            _ => at + 1,
        };
        if json[at] > b' ' {
            out.extend_from_slice(&json[at..end]);
        }
        at = end;
    }
    out
}

/// Lays JSON out, with a line end behind it.
pub(crate) fn pretty(json: &[u8], style: &Style, effort: Effort<'_>) -> Vec<u8> {
    let mut layout = Layout { json, at: 0, out: style.prefix.clone(), line: 0, style };
    layout.value(Mode { tabs: 0, lines: true, effort });
    if !layout.out.is_empty() {
        layout.out.push(b'\n');
    }
    layout.out
}

/// How the value at hand is laid out.
#[derive(Clone, Copy)]
struct Mode<'w> {
    tabs: usize,
    /// Each member on its own line. False inside of the try to put an array onto a single one.
    lines: bool,
    effort: Effort<'w>,
}

/// A member of an object: where its key lies in the JSON and its text in the output.
struct Member {
    key: (usize, usize),
    text: (usize, usize),
}

struct Layout<'a> {
    json: &'a [u8],
    at: usize,
    out: Vec<u8>,
    /// Where the last line of the output begins.
    line: usize,
    style: &'a Style,
}

impl Layout<'_> {
    /// Writes the next value; bytes that begin none are skipped. False if it does not fit onto a single line.
    fn value(&mut self, mode: Mode<'_>) -> bool {
        while let Some(byte) = self.json.get(self.at) {
            let odd_n = *byte == b'n' && self.json.get(self.at + 1).is_some_and(|next| *next != b'u');
            match byte {
                b'"' => self.copy(scan::string_end(self.json, self.at)),
                b'0'..=b'9' | b'-' | b'+' | b'i' | b'I' | b'N' => self.copy(self.number_end()),
                b'n' if odd_n => self.copy(self.number_end()),
                b'{' => return self.container(b'}', mode),
                b'[' => return self.array(mode),
                b't' => self.word(b"true"),
                b'f' => self.word(b"false"),
                b'n' => self.word(b"null"),
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            return true;
        }
        true
    }

    fn copy(&mut self, end: Option<usize>) {
        let end = end.unwrap_or(self.json.len());
        self.out.extend_from_slice(&self.json[self.at..end]);
        self.at = end;
    }

    fn word(&mut self, word: &[u8]) {
        self.out.extend_from_slice(word);
        self.at += word.len();
    }

    fn number_end(&self) -> Option<usize> {
        let ends = |byte: &u8| *byte <= b' ' || matches!(byte, b',' | b':' | b']' | b'}');
        self.json[self.at + 1..].iter().position(ends).map(|length| self.at + 1 + length)
    }

    /// An array goes onto one line if it fits there and holds no object.
    fn array(&mut self, mode: Mode<'_>) -> bool {
        let used = i64::try_from(self.out.len().saturating_sub(self.line)).unwrap_or(i64::MAX);
        let room = self.style.width.saturating_sub(used);
        if self.style.width <= 0 || !mode.lines || room <= 3 {
            return self.container(b']', mode);
        }
        let (start, at, line) = (self.out.len(), self.at, self.line);
        let fits = self.container(b']', Mode { tabs: 0, lines: false, ..mode });
        self.line = line;
        if fits && i64::try_from(self.out.len() - start).is_ok_and(|length| length <= room) {
            return true;
        }
        self.out.truncate(start);
        self.at = at;
        self.container(b']', mode)
    }

    fn container(&mut self, close: u8, mode: Mode<'_>) -> bool {
        let Some(effort) = mode.effort.deeper(1) else { return false };
        let inner = Mode { tabs: mode.tabs + 1, effort, ..mode };
        let keyed = close == b'}';
        if keyed && !mode.lines && self.style.width > 0 {
            return false;
        }
        self.out.push(self.json[self.at]);
        self.at += 1;
        let mut members = Vec::new();
        let mut count = 0;
        while let Some(byte) = self.next_byte(mode.effort) {
            if byte == close {
                self.close(close, mode, &members, count);
                return !keyed;
            }
            if byte <= b' ' || (keyed && byte != b'"') {
                self.at += 1;
                continue;
            }
            self.separate(keyed, count, mode);
            let (member, fits) = self.member(keyed, inner);
            if !fits && !mode.lines {
                return false;
            }
            members.push(member);
            count += 1;
        }
        !keyed
    }

    /// The byte at hand; none once the work is used up, which otherwise would leave a reader where it is for ever.
    fn next_byte(&self, effort: Effort<'_>) -> Option<u8> {
        if effort.exhausted() { None } else { self.json.get(self.at).copied() }
    }

    fn separate(&mut self, keyed: bool, count: usize, mode: Mode<'_>) {
        if count > 0 {
            self.out.push(b',');
            if !keyed && self.style.width != -1 {
                self.out.push(b' ');
            }
        }
        if mode.lines {
            self.new_line();
        }
    }

    fn member(&mut self, keyed: bool, mode: Mode<'_>) -> (Member, bool) {
        let (start, key) = (self.out.len(), self.at);
        if mode.lines {
            self.indent(mode);
        }
        let mut key_end = key;
        if keyed {
            self.copy(scan::string_end(self.json, self.at));
            key_end = self.at;
            self.out.extend_from_slice(if mode.lines { b": " } else { b":" });
        }
        let written = self.out.len();
        let before = self.at;
        let fits = self.value(mode);
        mode.effort.spend(self.out.len().saturating_sub(written) / 2 + self.at - before);
        (Member { key: (key, key_end), text: (start, self.out.len()) }, fits)
    }

    fn close(&mut self, close: u8, mode: Mode<'_>, members: &[Member], count: usize) {
        if mode.lines {
            if close == b'}' && self.style.sort_keys {
                self.sort(members);
            }
            if count > 0 {
                self.new_line();
            }
            if count > 0 {
                self.indent(mode);
            }
        }
        self.out.push(close);
        self.at += 1;
    }

    /// Begins a line, in place of a space at the end of the last one.
    fn new_line(&mut self) {
        self.line = self.out.len();
        match self.out.last_mut() {
            Some(last) if *last == b' ' => *last = b'\n',
            _ => self.out.push(b'\n'),
        }
    }

    fn indent(&mut self, mode: Mode<'_>) {
        if !mode.effort.spend(self.style.prefix.len() + self.style.indent.len() * mode.tabs) {
            return;
        }
        self.out.extend_from_slice(&self.style.prefix);
        for _ in 0..mode.tabs {
            self.out.extend_from_slice(&self.style.indent);
        }
    }

    /// Puts the members just written in the order of their keys, and of their values where keys are equal.
    fn sort(&mut self, members: &[Member]) {
        let mut order: Vec<&Member> = members.iter().collect();
        order.sort_by(|one, other| self.compare(one, other));
        let moved = order.iter().zip(members).any(|(new, old)| new.text != old.text);
        let (Some(first), true) = (members.first(), moved) else { return };
        let sorted: Vec<&[u8]> = order.iter().map(|member| &self.out[member.text.0..member.text.1]).collect();
        let sorted = sorted.join(&b",\n"[..]);
        self.out.truncate(first.text.0);
        self.out.extend_from_slice(&sorted);
    }

    fn compare(&self, one: &Member, other: &Member) -> Ordering {
        let (first, second) = (self.key(one), self.key(other));
        compare(first, second)
            .then_with(|| compare(self.member_value(one, first), self.member_value(other, second)))
    }

    fn key(&self, member: &Member) -> &[u8] {
        &self.json[member.key.0..member.key.1]
    }

    /// A member's value in the output, behind as many bytes as its key has.
    fn member_value(&self, member: &Member, key: &[u8]) -> &[u8] {
        let text = self.out[member.text.0..member.text.1].trim_ascii();
        text.get(key.len() + 1..).map_or(text, <[u8]>::trim_ascii)
    }
}

/// Orders values by type, then by text or number.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    rank(one).cmp(&rank(other)).then_with(|| match rank(one) {
        Kind::String => sort_text(one).cmp(&sort_text(other)),
        // Adding zero makes the two zeros equal, as they are to Go.
        Kind::Number => (number::parse(one) + 0.0).total_cmp(&(number::parse(other) + 0.0)),
        Kind::Null | Kind::False | Kind::True | Kind::Json => one.cmp(other),
    })
}

fn rank(value: &[u8]) -> Kind {
    match value.first() {
        None | Some(b'n') => Kind::Null,
        Some(b'f') => Kind::False,
        Some(b'"') => Kind::String,
        Some(b't') => Kind::True,
        Some(b'[' | b'{') => Kind::Json,
        Some(_) => Kind::Number,
    }
}

/// The text that a string is sorted by; a broken one sorts as if it were empty.
fn sort_text(raw: &[u8]) -> Vec<u8> {
    let whole = scan::string_end(raw, 0) == Some(raw.len());
    let usable = whole && (!raw.contains(&b'\\') || valid::valid(raw));
    if usable { scan::string_text(raw).into_owned() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid_out(json: &str, style: &Style) -> String {
        let work = Effort::granted(json.len());
        String::from_utf8(pretty(json.as_bytes(), style, Effort::new(&work))).unwrap()
    }

    #[test]
    fn short_arrays_without_objects_stay_on_one_line() {
        let json = r#"{"b":[1,[2]],"a":[{"c":""}],"d":{}}"#;
        let expected =
            "{\n  \"b\": [1, [2]],\n  \"a\": [\n    {\n      \"c\": \"\"\n    }\n  ],\n  \"d\": {}\n}\n";
        assert_eq!(laid_out(json, &Style::default()), expected);
        let narrow = Style { width: 0, ..Style::default() };
        assert_eq!(laid_out("[1,2]", &narrow), "[\n  1,\n  2\n]\n");
    }

    #[test]
    fn keys_are_sorted_if_asked() {
        let style = Style { sort_keys: true, ..Style::default() };
        assert_eq!(laid_out(r#"{"b":1,"a":2}"#, &style), "{\n  \"a\": 2,\n  \"b\": 1\n}\n");
    }

    #[test]
    fn ugly_keeps_the_white_space_of_strings() {
        assert_eq!(ugly(b" { \"a b\" :\n[ 1 ,\t2 ] } "), b"{\"a b\":[1,2]}");
    }
}
