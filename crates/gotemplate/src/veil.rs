//! Messages without what came from values: what an embedder may show where the values are secrets.

use std::collections::{BTreeSet, HashMap};

use memchr::memmem;

use crate::func::duration;
use crate::print;
use crate::value::{Str, Value};

/// What stands for what came from a value.
pub(crate) const VEIL: &str = "<value>";

/// Pieces of a message that are this long, and are found in a value, come from it. Shorter ones are found everywhere.
const PIECE: usize = 5;
/// How many values are looked through, and how much text of them. Values that share their parts can be larger than any
/// memory.
const VALUES: usize = 10_000;
const TEXT: usize = 1 << 20;
/// The longest message that is looked through.
const MESSAGE: usize = 16 << 10;

/// The message without what is found in the values, be it as it is or quoted. What stands in the template's own text is
/// no secret of the values.
pub(crate) fn veiled<'v>(
    message: &str,
    mut values: impl Iterator<Item = &'v Value>,
    source: &[u8],
) -> String {
    let mut texts = Texts { left: VALUES, room: TEXT, found: BTreeSet::new() };
    if message.len() > MESSAGE || !values.all(|value| texts.collect(value)) {
        return VEIL.to_owned();
    }
    let others: Vec<Vec<u8>> = texts.found.iter().flat_map(|text| other_forms(text)).collect();
    texts.found.extend(others);
    let mut runs = quoted_runs(message.as_bytes());
    let mut hidden = vec![false; message.len()];
    let mut pieces = pieces(message.as_bytes());
    for text in &texts.found {
        hide(&mut hidden, &mut pieces, text);
        let quoted = print::quote(text);
        hide(&mut hidden, &mut pieces, &quoted[1..quoted.len() - 1]);
        hide_word(&mut hidden, message.as_bytes(), text);
        hide_runs(&mut hidden, &mut runs, text);
        hide_runs(&mut hidden, &mut runs, &quoted);
    }
    hide_headers(&mut hidden, message.as_bytes());
    replaced(message, &hidden, source)
}

/// Hides what Go tells of the first bytes of an element that is not the one that was expected.
fn hide_headers(hidden: &mut [bool], message: &[u8]) {
    for at in memmem::find_iter(message, b"{class:") {
        let end =
            message[at..].iter().position(|byte| *byte == b'}').map_or(message.len(), |end| at + end + 1);
        hidden[at..end].fill(true);
    }
}

/// The texts that values show.
struct Texts {
    left: usize,
    room: usize,
    found: BTreeSet<Vec<u8>>,
}

impl Texts {
    /// False if there is too much to look at. Values are looked at one after the other: in each other, they might be too
    /// deep for the stack.
    fn collect(&mut self, value: &Value) -> bool {
        let mut open = vec![value.clone()];
        while let Some(value) = open.pop() {
            let Some(left) = self.left.checked_sub(1) else { return false };
            self.left = left;
            if !self.collect_one(&value, &mut open) {
                return false;
            }
        }
        true
    }

    /// What is in the value is opened, as far as it may be looked at.
    fn collect_one(&mut self, value: &Value, open: &mut Vec<Value>) -> bool {
        match value {
            Value::NoValue | Value::Nil | Value::Bool(_) | Value::Func(_) => true,
            Value::Str(text) => self.add_text(text),
            Value::Bytes(bytes) => self.add_text(&bytes.into()),
            Value::List(list) => {
                let is_short = list.len() <= self.left;
                if is_short {
                    list.each(|item| open.push(item.clone()));
                }
                is_short
            }
            Value::Map(map) => {
                let is_short = map.len() <= self.left;
                if is_short {
                    open.extend(map.entries().into_iter().flat_map(|(key, value)| [Value::Str(key), value]));
                }
                is_short
            }
            Value::Int(..) | Value::Uint(..) | Value::Float(..) | Value::Complex(..) | Value::Object(_) => {
                print::display(value).is_ok_and(|text| self.add(&text))
            }
        }
    }

    /// Messages show what is no UTF-8 as U+FFFD.
    fn add_text(&mut self, text: &Str) -> bool {
        self.add(text) && self.add(text.to_text().as_bytes())
    }

    fn add(&mut self, text: &[u8]) -> bool {
        let Some(room) = self.room.checked_sub(text.len()) else { return false };
        self.room = room;
        self.found.insert(text.to_vec());
        true
    }
}

/// Where each piece of a message stands in it.
fn pieces(message: &[u8]) -> HashMap<&[u8], Vec<usize>> {
    let mut pieces: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, piece) in message.windows(PIECE).enumerate() {
        pieces.entry(piece).or_default().push(at);
    }
    pieces
}

/// Hides the pieces that stand in the text, and forgets them: once is enough.
fn hide(hidden: &mut [bool], pieces: &mut HashMap<&[u8], Vec<usize>>, text: &[u8]) {
    for at in text.windows(PIECE).filter_map(|piece| pieces.remove(piece)).flatten() {
        hidden[at..at + PIECE].fill(true);
    }
}

/// A text shorter than a piece is hidden where it stands as a word.
fn hide_word(hidden: &mut [bool], message: &[u8], text: &[u8]) {
    if text.is_empty() || text.len() >= PIECE {
        return;
    }
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    // Places may overlap, so the search goes on one byte further.
    let mut from = 0;
    while let Some(at) = memmem::find(&message[from..], text).map(|at| from + at) {
        let end = at + text.len();
        let before = at.checked_sub(1).and_then(|before| message.get(before));
        if is_edge(before) && is_edge(message.get(end)) {
            hidden[at..end].fill(true);
        }
        from = at + 1;
    }
}

/// Other forms in which messages show a text: as Go's package `time` quotes, as decimals, as if each byte was a character.
fn other_forms(text: &[u8]) -> Vec<Vec<u8>> {
    let decimals = || text.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
    let mut forms = vec![format!("[{}]", decimals()).into_bytes()];
    if !text.is_ascii() {
        let quoted = duration::quote(text).into_bytes();
        forms.push(quoted[1..quoted.len() - 1].to_vec());
        forms.push(text.iter().copied().map(char::from).collect::<String>().into_bytes());
    }
    forms
}

/// Where each run between quotes stands that is shorter than a piece.
fn quoted_runs(message: &[u8]) -> HashMap<&[u8], Vec<usize>> {
    let mut runs: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (at, quote) in message.iter().enumerate().filter(|(_, byte)| b"\"`'".contains(byte)) {
        let inner = &message[at + 1..];
        // The first of them may be a quote of the run itself.
        for len in (1..PIECE).filter(|len| inner.get(*len) == Some(quote)) {
            runs.entry(&inner[..len]).or_default().push(at + 1);
        }
    }
    runs
}

/// Hides the runs that stand in the text, and forgets them: once is enough.
fn hide_runs(hidden: &mut [bool], runs: &mut HashMap<&[u8], Vec<usize>>, text: &[u8]) {
    if runs.is_empty() {
        return;
    }
    for run in (1..PIECE).flat_map(|len| text.windows(len)) {
        for at in runs.remove(run).unwrap_or_default() {
            hidden[at..at + run.len()].fill(true);
        }
    }
}

/// The message with a word in the place of each hidden run, but for runs that stand in the source.
fn replaced(message: &str, hidden: &[bool], source: &[u8]) -> String {
    let mut out = Vec::with_capacity(message.len());
    let mut at = 0;
    while let Some(hides) = hidden.get(at) {
        let end = hidden[at..].iter().position(|other| other != hides).map_or(hidden.len(), |run| at + run);
        let run = &message.as_bytes()[at..end];
        let is_told = !hides || memmem::find(source, run).is_some();
        out.extend_from_slice(if is_told { run } else { VEIL.as_bytes() });
        at = end;
    }
    // A run may have begun or ended inside of a character.
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::func::der::Reader;

    fn veiled_of(message: &str, value: impl Into<Value>, source: &str) -> String {
        veiled(message, [value.into()].iter(), source.as_bytes())
    }

    #[test]
    fn values_in_each_other_are_looked_through_on_a_small_stack() {
        let work = || {
            let mut value = Value::from("hunter22");
            for _ in 0..VALUES - 1 {
                value = Value::list(vec![value]);
            }
            veiled("it was hunter22", std::iter::once(&value), b"")
        };
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(work).unwrap();
        assert_eq!(thread.join().unwrap(), "it was <value>");
    }

    #[test]
    fn what_a_value_holds_is_hidden_however_it_is_quoted() {
        for (message, value, expected) in [
            ("parsing \"hunter22\": invalid", "hunter22", "parsing \"<value>\": invalid"),
            ("cannot parse \"nter22\"", "hunter22", "cannot parse \"<value>\""),
            ("parsing \"a\\\"bcde\\nf\"", "a\"bcde\nf", "parsing \"<value>\""),
            ("value abc is bad, not abcd", "abc", "value <value> is bad, not abcd"),
            ("ünïcödé secret", "ünïcödé", "<value> secret"),
            ("nothing to see", "hunter22", "nothing to see"),
        ] {
            assert_eq!(veiled_of(message, value, ""), expected, "{message}");
        }
    }

    #[test]
    fn what_is_quoted_is_hidden_however_short_it_is() {
        for (message, value, source, expected) in [
            ("invalid port \":ab\" after host", "u:ab/cd", "", "invalid port \"<value>\" after host"),
            ("unknown unit `d` in '1d'", "31d2", "", "unknown unit `<value>` in '<value>'"),
            ("bad \"a\\\"\"", "xa\"x", "", "bad \"<value>\""),
            ("bad \"\\\\\"", "x\\x", "", "bad \"<value>\""),
            ("unknown unit \"d\" in it", "31d2", "{{ \"3d\" }}", "unknown unit \"d\" in it"),
            ("cannot be \"no\"", "yes", "", "cannot be \"no\""),
        ] {
            assert_eq!(veiled_of(message, value, source), expected, "{message}");
        }
    }

    #[test]
    fn what_is_shown_byte_by_byte_is_hidden() {
        for (message, value, expected) in [
            ("parsing \"\\xc3\\xbcb\"", Value::str("übel"), "parsing \"<value>\""),
            ("non-comparable [104 117 110]: int", Value::bytes("hun"), "non-comparable <value>: int"),
            ("invalid character 'Ã' here", Value::str("ü"), "invalid character '<value>' here"),
        ] {
            assert_eq!(veiled_of(message, value, ""), expected, "{message}");
        }
    }

    #[test]
    fn the_first_bytes_of_an_element_are_hidden() {
        let refused = Reader::new(b"hunter22").sequence("pfxPdu").unwrap_err();
        assert!(refused.contains("tag:8 length:117"), "{refused}");
        let told = veiled_of(&refused, "aHVudGVyMjI=", "");
        assert!(
            told.starts_with("asn1: structure error: tags don't match (16 vs <value>) {optional:"),
            "{told}"
        );
    }

    #[test]
    fn what_lies_deep_in_a_value_is_hidden_too() {
        let list = Value::list(vec!["first one".into(), Value::dict([("key name", "hunter22".into())])]);
        assert_eq!(veiled_of("hunter22 under key name", list, ""), "<value> under <value>");
        assert_eq!(veiled_of("index 1234567 is out", Value::int(1_234_567), ""), "index <value> is out");
    }

    #[test]
    fn the_templates_own_words_are_shown() {
        let message = "the port must be set";
        assert_eq!(veiled_of(message, message, "{{ $m := \"the port must be set\" }}{{ fail $m }}"), message);
        assert_eq!(veiled_of("my password1", "my password1", "{{ .password }}"), "<value>");
    }

    #[test]
    fn what_cannot_be_looked_through_is_hidden_whole() {
        let mut value = Value::list(Vec::new());
        for _ in 0..30 {
            value = Value::list(vec![value.clone(), value]);
        }
        assert_eq!(veiled_of("anything", value, ""), VEIL);
    }

    #[test]
    fn messages_and_values_of_any_size_take_little_time() {
        let long = "x".repeat(8 << 20);
        assert_eq!(veiled_of(&long, long.as_str(), ""), VEIL);
        assert_eq!(veiled_of("xxxxxx", long.as_str(), ""), VEIL);
        let message = "x".repeat(MESSAGE);
        assert_eq!(veiled_of(&message, message.as_str(), ""), VEIL);
        let words = Value::list((1000..9000).map(|n| n.to_string().into()).collect());
        assert_eq!(veiled_of(&"1234 ".repeat(3000), words, "").len(), 3000 * (VEIL.len() + 1));
    }
}
