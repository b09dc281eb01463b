//! Takes paths apart: components, multipaths, and where a path stops being applied to each element.

use std::borrow::Cow;

use crate::modifier;
use crate::query::Query;
use crate::{number, scan};

/// What follows a component.
#[derive(Clone, Copy)]
pub(crate) enum Next<'p> {
    /// Nothing: the component's value is the result.
    End,
    /// A path inside of the value.
    Inside(&'p [u8]),
    /// A path to apply to the whole result so far.
    Piped(&'p [u8]),
}

impl<'p> Next<'p> {
    /// What follows the separator at `at`. A dot acts as a pipe before a modifier or a multipath, if it may.
    fn after(path: &'p [u8], at: usize, dot_may_pipe: bool) -> Self {
        let rest = &path[at + 1..];
        if path[at] == b'|' || (dot_may_pipe && begins_anew(rest)) {
            Self::Piped(rest)
        } else {
            Self::Inside(rest)
        }
    }

    pub(crate) fn inside(self) -> Option<&'p [u8]> {
        match self {
            Self::Inside(path) => Some(path),
            Self::End | Self::Piped(_) => None,
        }
    }
}

/// True for a path that begins with a multipath or a known modifier.
fn begins_anew(path: &[u8]) -> bool {
    match path.split_first() {
        Some((b'[' | b'{', _)) => true,
        Some((b'@', rest)) => {
            let end = rest.iter().position(|byte| matches!(byte, b'.' | b'|' | b':')).unwrap_or(rest.len());
            modifier::find(&rest[..end]).is_some()
        }
        _ => false,
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'.' | b'|')
}

/// A component that is applied to an object.
pub(crate) struct KeyPart<'p> {
    /// The key or, with wildcards, the pattern; escapes are taken out.
    pub(crate) name: Cow<'p, [u8]>,
    pub(crate) wild: bool,
    pub(crate) next: Next<'p>,
}

impl<'p> KeyPart<'p> {
    pub(crate) fn parse(path: &'p [u8]) -> Self {
        let mut unescaped: Option<Vec<u8>> = None;
        let mut wild = false;
        let mut at = 0;
        while at < path.len() && !is_separator(path[at]) {
            let escape = path[at] == b'\\';
            if escape {
                unescaped.get_or_insert_with(|| path[..at].to_vec());
                at += 1;
            }
            let Some(byte) = path.get(at) else { break };
            // An escaped wildcard next to a plain one acts as a wildcard too: the module forgets the escape.
            wild |= !escape && matches!(byte, b'*' | b'?');
            unescaped.iter_mut().for_each(|name| name.push(*byte));
            at += 1;
        }
        let next = if at < path.len() { Next::after(path, at, true) } else { Next::End };
        let name = unescaped.map_or(Cow::Borrowed(&path[..at]), Cow::Owned);
        Self { name, wild, next }
    }
}

/// What a component asks of an array.
pub(crate) enum ArrayStep<'p> {
    /// The element with this index; none if it is no index.
    Element(Option<u64>),
    /// `#`: how many elements there are.
    Count,
    /// `#.path`: the values of a path in all elements.
    Each(&'p [u8]),
    /// `#(…)` and `#(…)#`.
    Query(Query<'p>),
    /// A `#` among other characters, which selects nothing.
    Nothing,
}

/// A component that is applied to an array.
pub(crate) struct ArrayPart<'p> {
    pub(crate) step: ArrayStep<'p>,
    pub(crate) next: Next<'p>,
}

impl<'p> ArrayPart<'p> {
    pub(crate) fn parse(path: &'p [u8]) -> Self {
        let (query, start) = match path {
            [b'#', b'(' | b'[', ..] => match Query::parse(path) {
                Some((query, end)) => (Some(query), end),
                // A query that does not close swallows the path and accepts whatever exists.
                None => return Self { step: ArrayStep::Query(Query::default()), next: Next::End },
            },
            _ => (None, 0),
        };
        let end = path[start..].iter().position(|byte| is_separator(*byte)).map(|length| start + length);
        let part = &path[..end.unwrap_or(path.len())];
        let hashed = query.is_some() || part.contains(&b'#');
        let next = end.map_or(Next::End, |at| Next::after(path, at, !hashed));
        let step = match (query, part, next) {
            (Some(query), _, _) => ArrayStep::Query(query),
            (None, b"#", Next::Inside(each)) => ArrayStep::Each(each),
            (None, b"#", _) => ArrayStep::Count,
            (None, _, _) if hashed => ArrayStep::Nothing,
            (None, index, _) => ArrayStep::Element(number::index(index)),
        };
        Self { step, next }
    }

    /// The path to follow inside of the element with this index.
    pub(crate) fn inside_of(&self, index: u64) -> Option<&'p [u8]> {
        let wanted = matches!(self.step, ArrayStep::Element(Some(wanted)) if wanted == index);
        if wanted { self.next.inside() } else { None }
    }
}

/// Splits a path that is applied to each element at its first pipe outside of a query, a multipath or an escape:
/// what follows the pipe is applied once, to all the results.
pub(crate) fn split_pipe(path: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(inside) = path.strip_prefix(b"{") {
        // The module looks for the end from the character after the brace, whatever that is: a name in quotes there
        // hides the pipe.
        let length = 1 + scan::enclosed(inside).len();
        return (path.get(length) == Some(&b'|')).then(|| (&path[..length], &path[length + 1..]));
    }
    let mut at = 0;
    while at < path.len() {
        match path[at] {
            b'|' => return Some((&path[..at], &path[at + 1..])),
            b'\\' => at += 1,
            b'.' if path.get(at + 1) == Some(&b'#') => at = after_hash(path, at + 2)?,
            b'.' if at + 1 == path.len() => return None,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The index of the last byte of a `#` component's query, or of the byte after the `#`, at `at`, if there is none.
fn after_hash(path: &[u8], at: usize) -> Option<usize> {
    let (open, close) = match path.get(at)? {
        b'(' => (b'(', b')'),
        b'[' => (b'[', b']'),
        _ => return Some(at),
    };
    let mut depth = 1;
    let mut at = at + 1;
    while at < path.len() {
        match path[at] {
            b'\\' => at += 1,
            b'"' => at = quote_end(path, at),
            byte if byte == open => depth += 1,
            byte if byte == close => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        at += 1;
    }
    Some(at)
}

/// The index of the quote that closes the one at `open`, or the path's length or more.
pub(crate) fn quote_end(path: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < path.len() && path[at] != b'"' {
        at += 1 + usize::from(path[at] == b'\\');
    }
    at
}

/// One path of a multipath, with its name if it has one.
pub(crate) struct Selector<'p> {
    pub(crate) name: &'p [u8],
    pub(crate) path: &'p [u8],
}

impl<'p> Selector<'p> {
    fn new(text: &'p [u8], colon: Option<usize>) -> Self {
        match colon {
            Some(colon) => Self { name: &text[..colon], path: &text[colon + 1..] },
            None => Self { name: b"", path: text },
        }
    }
}

/// The paths of the multipath that the path begins with, and what follows it. `None` if it does not close.
pub(crate) fn selectors(path: &[u8]) -> Option<(Vec<Selector<'_>>, &[u8])> {
    let mut found = Vec::new();
    let (mut start, mut colon, mut modifier, mut depth) = (1, None, false, 1);
    let mut at = 1;
    while at < path.len() {
        let mut ends = false;
        match path[at] {
            b'\\' => at += 1,
            b'"' => at = quote_end(path, at),
            // The colon after a modifier begins its argument.
            b'@' => modifier |= is_separator(path[at - 1]),
            b':' if !modifier && depth == 1 => colon = colon.or(Some(at - start)),
            b',' => ends = depth == 1,
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => {
                depth -= 1;
                ends = depth == 0;
            }
            _ => {}
        }
        if ends {
            found.push(Selector::new(&path[start..at], colon));
            (start, colon, modifier) = (at + 1, None, false);
        }
        if depth == 0 {
            return Some((found, &path[at + 1..]));
        }
        at += 1;
    }
    None
}

/// The name that a multipath gives to a value without a name: the path's last component, or `_` if that is
/// no simple name.
pub(crate) fn default_name(path: &[u8]) -> &[u8] {
    let escaped = |at: usize| at > 0 && path[at - 1] == b'\\';
    let separator = (0..path.len()).rev().find(|at| is_separator(path[*at]) && !escaped(*at));
    let last = separator.map_or(path, |at| &path[at + 1..]);
    let special = |byte: &u8| {
        *byte < b' ' || matches!(byte, b'[' | b']' | b'{' | b'}' | b'(' | b')' | b'#' | b'|' | b'!')
    };
    if last.iter().any(special) { b"_" } else { last }
}

/// Escapes what has a meaning in a path, so that the component is a plain key: every ASCII character but letters,
/// digits, `_`, `-`, `:`, white space and control characters, as Go's `Escape` does it.
pub(crate) fn escape(component: &str) -> Cow<'_, str> {
    let special = |letter: char| letter.is_ascii_graphic() && !letter.is_ascii_alphanumeric();
    let special = |letter: char| special(letter) && !matches!(letter, '_' | '-' | ':');
    if !component.contains(special) {
        return Cow::Borrowed(component);
    }
    let mut out = String::with_capacity(component.len() + 8);
    for letter in component.chars() {
        if special(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_ends_at_a_separator_that_is_not_escaped() {
        let cases: [(&str, &str, bool, Option<&str>); 6] = [
            ("a", "a", false, None),
            ("a.b", "a", false, Some("b")),
            (r"a\.b.c", "a.b", false, Some("c")),
            ("a*.b", "a*", true, Some("b")),
            (r"a\*", "a*", false, None),
            ("a|b", "a", false, None),
        ];
        for (path, name, wild, inside) in cases {
            let part = KeyPart::parse(path.as_bytes());
            assert_eq!((&*part.name, part.wild), (name.as_bytes(), wild), "{path}");
            assert_eq!(part.next.inside(), inside.map(str::as_bytes), "{path}");
        }
    }

    #[test]
    fn a_dot_is_a_pipe_before_a_modifier_or_a_multipath() {
        for path in ["a|b", "a.@this", "a.@this.b", "a.[b]", "a.{b}"] {
            assert!(matches!(KeyPart::parse(path.as_bytes()).next, Next::Piped(_)), "{path}");
        }
        assert!(matches!(KeyPart::parse(b"a.@unknown").next, Next::Inside(_)));
    }

    #[test]
    fn the_path_of_an_element_ends_at_its_first_own_pipe() {
        let cases: [(&str, Option<(&str, &str)>); 6] = [
            ("a.b", None),
            ("a.b|c|d", Some(("a.b", "c|d"))),
            (r"a\|b|c", Some((r"a\|b", "c"))),
            ("a.#(b=\"|\")#.c|d", Some(("a.#(b=\"|\")#.c", "d"))),
            ("{a,b|c}|d", Some(("{a,b|c}", "d"))),
            ("{a}.b|c", None),
        ];
        for (path, parts) in cases {
            let parts = parts.map(|(each, rest)| (each.as_bytes(), rest.as_bytes()));
            assert_eq!(split_pipe(path.as_bytes()), parts, "{path}");
        }
    }

    #[test]
    fn a_multipath_is_split_at_its_own_commas() {
        let (found, rest) = selectors(br#"{a,"x,y":b.#(c="}"),z.@pretty:{"d":1}}.z"#).unwrap();
        let found: Vec<_> = found.iter().map(|selector| (selector.name, selector.path)).collect();
        let expected: [(&[u8], &[u8]); 3] =
            [(b"", b"a"), (b"\"x,y\"", b"b.#(c=\"}\")"), (b"", b"z.@pretty:{\"d\":1}")];
        assert_eq!(found, expected);
        assert_eq!(rest, b".z");
        assert!(selectors(b"{a,b").is_none());
    }

    #[test]
    fn a_value_without_a_name_is_named_by_its_last_component() {
        for (path, name) in
            [("a", "a"), ("a.b", "b"), ("a|b", "b"), (r"a\.b", r"a\.b"), ("a.#", "_"), ("a.#(b)", "_")]
        {
            assert_eq!(default_name(path.as_bytes()), name.as_bytes(), "{path}");
        }
    }
}
