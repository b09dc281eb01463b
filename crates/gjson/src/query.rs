//! Queries: `#(path operator value)`.

use std::borrow::Cow;

use crate::limits::Effort;
use crate::path::quote_end;
use crate::scan::{self, Piece};
use crate::{Kind, number, pattern};

/// How a value is compared.
#[derive(Clone, Copy, Default)]
enum Operator {
    /// No operator: the value must exist.
    #[default]
    Exists,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    NotLike,
    /// A lone `!`: nothing passes.
    Never,
}

/// What the query looks for on its right side.
enum Operand<'q> {
    Text(&'q [u8]),
    /// `~true` and the like: how the value is turned into true or false before it is compared to true.
    Truth(fn(Piece<'_>) -> bool),
    /// A `~` with another word: nothing passes.
    Never,
}

/// A query, taken apart.
#[derive(Default)]
pub(crate) struct Query<'p> {
    /// `#(…)#`: all elements that pass, not the first.
    pub(crate) all: bool,
    /// The path of what is compared inside of an element; empty for the element itself.
    pub(crate) path: &'p [u8],
    operator: Operator,
    value: Cow<'p, [u8]>,
}

impl<'p> Query<'p> {
    /// The query that a path begins with and the index after it. `None` if it does not close.
    pub(crate) fn parse(path: &'p [u8]) -> Option<(Self, usize)> {
        let bounds = Bounds::find(path)?;
        let after = bounds.close + 1;
        let all = path.get(after) == Some(&b'#');
        let Some(operator_at) = bounds.operator else {
            let whole = trim(&path[2..bounds.close]);
            return Some((Self { all, path: whole, ..Self::default() }, after));
        };
        let (operator, value) = operator(trim(&path[operator_at..bounds.close]));
        let value = unquote(trim(value), bounds.escapes);
        Some((Self { all, path: trim(&path[2..operator_at]), operator, value }, after))
    }

    /// True if a value passes.
    pub(crate) fn accepts(&self, value: Piece<'_>, effort: Effort<'_>) -> bool {
        match self.operand() {
            Operand::Never => false,
            Operand::Truth(judge) => self.compare_truth(judge(value), b"true"),
            Operand::Text(_) if !value.exists() => false,
            Operand::Text(text) => self.compare(value, text, effort),
        }
    }

    fn operand(&self) -> Operand<'_> {
        match self.value.strip_prefix(b"~") {
            None => Operand::Text(&self.value),
            Some(b"*") => Operand::Truth(|value| value.exists()),
            Some(b"null") => Operand::Truth(|value| value.kind == Kind::Null),
            Some(b"true") => Operand::Truth(|value| value.truth()),
            Some(b"false") => Operand::Truth(is_false),
            Some(_) => Operand::Never,
        }
    }

    fn compare(&self, value: Piece<'_>, wanted: &[u8], effort: Effort<'_>) -> bool {
        if matches!(self.operator, Operator::Exists) {
            return true;
        }
        match value.kind {
            Kind::String => self.compare_text(&value.text(), wanted, effort),
            Kind::Number => self.compare_number(number::parse(value.raw), number::parse(wanted)),
            Kind::True => self.compare_truth(true, wanted),
            Kind::False => self.compare_truth(false, wanted),
            Kind::Null | Kind::Json => false,
        }
    }

    fn compare_text(&self, text: &[u8], wanted: &[u8], effort: Effort<'_>) -> bool {
        match self.operator {
            Operator::Exists => true,
            Operator::Equal => text == wanted,
            Operator::NotEqual => text != wanted,
            Operator::Less => text < wanted,
            Operator::LessOrEqual => text <= wanted,
            Operator::Greater => text > wanted,
            Operator::GreaterOrEqual => text >= wanted,
            Operator::Like => pattern::matches(text, wanted, effort),
            Operator::NotLike => !pattern::matches(text, wanted, effort),
            Operator::Never => false,
        }
    }

    #[expect(clippy::float_cmp, reason = "numbers are equal if they are the same float, as in Go")]
    fn compare_number(&self, number: f64, wanted: f64) -> bool {
        match self.operator {
            Operator::Exists => true,
            Operator::Equal => number == wanted,
            Operator::NotEqual => number != wanted,
            Operator::Less => number < wanted,
            Operator::LessOrEqual => number <= wanted,
            Operator::Greater => number > wanted,
            Operator::GreaterOrEqual => number >= wanted,
            Operator::Like | Operator::NotLike | Operator::Never => false,
        }
    }

    /// False is less than true; a word that is neither is only "not equal", and lies on the far side of `<=`
    /// and `>=`.
    fn compare_truth(&self, truth: bool, wanted: &[u8]) -> bool {
        let same: &[u8] = if truth { b"true" } else { b"false" };
        let other: &[u8] = if truth { b"false" } else { b"true" };
        match self.operator {
            Operator::Exists => true,
            Operator::Equal => wanted == same,
            Operator::NotEqual => wanted != same,
            Operator::Less => !truth && wanted == other,
            Operator::LessOrEqual => !truth,
            Operator::Greater => truth && wanted == other,
            Operator::GreaterOrEqual => truth,
            Operator::Like | Operator::NotLike | Operator::Never => false,
        }
    }
}

/// Where the parts of a query lie in its path.
struct Bounds {
    operator: Option<usize>,
    close: usize,
    /// A backslash stands inside of a quoted text.
    escapes: bool,
}

impl Bounds {
    fn find(path: &[u8]) -> Option<Self> {
        let mut bounds = Self { operator: None, close: 0, escapes: false };
        let (mut depth, mut at) = (1, 2);
        while at < path.len() {
            match path[at] {
                b'!' | b'=' | b'<' | b'>' | b'%' if depth == 1 && bounds.operator.is_none() => {
                    bounds.operator = Some(at);
                }
                b'\\' => at += 1,
                b'[' | b'(' => depth += 1,
                b']' | b')' => depth -= 1,
                b'"' => {
                    let end = quote_end(path, at);
                    bounds.escapes |= scan::part(path, at, end).contains(&b'\\');
                    at = end;
                }
                _ => {}
            }
            if depth == 0 {
                bounds.close = at;
                return Some(bounds);
            }
            at += 1;
        }
        None
    }
}

/// The operator that a text begins with, and the rest.
fn operator(text: &[u8]) -> (Operator, &[u8]) {
    match text {
        [b'!', b'=', rest @ ..] => (Operator::NotEqual, rest),
        [b'!', b'%', rest @ ..] => (Operator::NotLike, rest),
        [b'<', b'=', rest @ ..] => (Operator::LessOrEqual, rest),
        [b'>', b'=', rest @ ..] => (Operator::GreaterOrEqual, rest),
        [b'=', b'=', rest @ ..] | [b'=', rest @ ..] => (Operator::Equal, rest),
        [b'<', rest @ ..] => (Operator::Less, rest),
        [b'>', rest @ ..] => (Operator::Greater, rest),
        [b'%', rest @ ..] => (Operator::Like, rest),
        [b'!'] => (Operator::Never, b""),
        // A "!" before anything else is no operator; the module then only asks whether the value exists.
        _ => (Operator::Exists, text),
    }
}

fn unquote(value: &[u8], escapes: bool) -> Cow<'_, [u8]> {
    match value {
        [b'"', inner @ .., b'"'] if escapes => Cow::Owned(scan::unescape(inner)),
        [b'"', inner @ .., b'"'] => Cow::Borrowed(inner),
        _ => Cow::Borrowed(value),
    }
}

/// Without the white space and control characters at both ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [0..=b' ', rest @ ..] | [rest @ .., 0..=b' '] = text {
        text = rest;
    }
    text
}

fn is_false(value: Piece<'_>) -> bool {
    match value.kind {
        Kind::Null | Kind::False => true,
        Kind::String => scan::boolean(&value.text()) == Some(false),
        Kind::Number => number::parse(value.raw) == 0.0,
        Kind::True | Kind::Json => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(query: &str, json: &str) -> bool {
        let work = Effort::granted(0);
        let (query, end) = Query::parse(query.as_bytes()).unwrap();
        assert!(end > 0 && query.path.is_empty());
        query.accepts(scan::document(json.as_bytes()), Effort::new(&work))
    }

    #[test]
    fn a_query_is_cut_at_its_first_operator() {
        let (query, end) = Query::parse(br#"#( a.#(b=1)# >= "x)" )#.c"#).unwrap();
        assert_eq!((query.all, query.path, &*query.value, end), (true, &b"a.#(b=1)#"[..], &b"x)"[..], 22));
        assert!(Query::parse(b"#(a=1").is_none());
    }

    #[test]
    fn values_are_compared_by_their_type() {
        let cases = [
            ("#(=1)", "1.0", true),
            ("#(=1)", "\"1\"", true),
            ("#(=1)", "\"1.0\"", false),
            ("#(<10)", "9", true),
            ("#(<10)", "\"9\"", false),
            ("#(%\"a*\")", "\"abc\"", true),
            ("#(!%\"a*\")", "\"abc\"", false),
            ("#(=true)", "true", true),
            ("#(<true)", "false", true),
            ("#(=null)", "null", false),
            ("#(=\"a\\u0062\")", "\"ab\"", true),
            ("#(!)", "1", false),
        ];
        for (query, json, expected) in cases {
            assert_eq!(passes(query, json), expected, "{query} {json}");
        }
    }

    #[test]
    fn a_tilde_asks_for_the_truth_of_a_value() {
        let cases = [
            ("~true", "1", true),
            ("~true", "\"t\"", true),
            ("~true", "0", false),
            ("~false", "null", true),
            ("~false", "\"F\"", true),
            ("~false", "", true),
            ("~null", "", true),
            ("~null", "false", false),
            ("~*", "false", true),
            ("~*", "", false),
            ("~other", "true", false),
        ];
        for (operand, json, expected) in cases {
            assert_eq!(passes(&format!("#(={operand})"), json), expected, "{operand} {json}");
        }
    }
}
