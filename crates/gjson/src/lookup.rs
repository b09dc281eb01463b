//! One lookup: a modifier, a literal or a multipath at a path's beginning, else a walk.

use std::borrow::Cow;

use crate::limits::Effort;
use crate::scan::{self, Piece};
use crate::{Kind, modifier, path, quote, valid, walk};

/// A value found, in the JSON or in a buffer of its own.
pub(crate) struct Found<'a> {
    pub(crate) kind: Kind,
    pub(crate) raw: Cow<'a, [u8]>,
}

impl<'a> From<Piece<'a>> for Found<'a> {
    fn from(piece: Piece<'a>) -> Self {
        Self { kind: piece.kind, raw: Cow::Borrowed(piece.raw) }
    }
}

impl<'a> Found<'a> {
    pub(crate) fn nothing() -> Self {
        Self::from(Piece::NOTHING)
    }

    pub(crate) fn piece(&self) -> Piece<'_> {
        Piece { kind: self.kind, raw: &self.raw }
    }

    /// What a path finds in this value.
    pub(crate) fn follow(self, path: &[u8], effort: Effort<'_>) -> Self {
        within(self.raw, |json| get(json, path, effort))
    }

    fn into_owned<'b>(self) -> Found<'b> {
        Found { kind: self.kind, raw: Cow::Owned(self.raw.into_owned()) }
    }
}

/// Looks into a buffer. What is found in an owned one is copied out of it.
fn within<'a>(json: Cow<'a, [u8]>, look: impl Fn(&[u8]) -> Found<'_>) -> Found<'a> {
    match json {
        Cow::Borrowed(json) => look(json),
        Cow::Owned(json) => look(&json).into_owned(),
    }
}

/// What a path finds in a text.
pub(crate) fn get<'j>(json: &'j [u8], path: &[u8], effort: Effort<'_>) -> Found<'j> {
    let Some(effort) = effort.deeper(json.len() + path.len() + 1) else { return Found::nothing() };
    match path {
        [b'@', _, ..] => match modifier::apply(json, path, effort) {
            Some((made, rest)) => continued(made, rest, effort),
            None => walk::walk(json, path, effort),
        },
        [b'!', _, ..] => match literal(path) {
            Some((text, rest)) => continued(Cow::Owned(text.to_vec()), rest, effort),
            None => walk::walk(json, path, effort),
        },
        [b'[' | b'{', _, ..] => multipath(json, path, effort),
        _ => walk::walk(json, path, effort),
    }
}

/// Goes on with what a modifier or a literal made. Without a separator the rest of the path is ignored.
fn continued<'j>(made: Cow<'j, [u8]>, rest: &[u8], effort: Effort<'_>) -> Found<'j> {
    match rest {
        [b'|' | b'.', rest @ ..] => within(made, |json| get(json, rest, effort)),
        _ => within(made, |json| Found::from(scan::document(json))),
    }
}

/// The JSON of the literal that a path begins with, and what follows it. A container, string or number runs to the
/// bracket that closes it as if its first character were an opening one, which for the latter two is
/// mostly the path's end.
fn literal(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = &path[1..];
    if matches!(text.first(), Some(b'{' | b'[' | b'"' | b'+' | b'-' | b'0'..=b'9')) {
        return Some(text.split_at(scan::container_end(text, 0).min(text.len())));
    }
    let end = text.iter().position(|byte| matches!(byte, b'|' | b'.')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let words: [&[u8]; 5] = [b"true", b"false", b"null", b"nan", b"inf"];
    words.iter().any(|word| name.eq_ignore_ascii_case(word)).then_some((name, rest))
}

/// A new object or array of what several paths find. A multipath that does not close is as good as an empty path;
/// of one with something behind it only that is followed.
fn multipath<'j>(json: &'j [u8], path: &[u8], effort: Effort<'_>) -> Found<'j> {
    let (selectors, rest) = match path::selectors(path) {
        Some((selectors, rest @ ([] | [b'|' | b'.', ..]))) => (selectors, rest),
        other => return walk::walk(json, other.map_or(b"", |(_, rest)| rest), effort),
    };
    let keyed = path[0] == b'{';
    let mut out = vec![path[0]];
    for selector in selectors {
        let found = get(json, selector.path, effort);
        if !found.piece().exists() || !effort.spend(found.raw.len()) {
            continue;
        }
        if out.len() > 1 {
            out.push(b',');
        }
        if keyed {
            push_name(&mut out, &selector);
            out.push(b':');
        }
        out.extend_from_slice(&found.raw);
    }
    out.push(if keyed { b'}' } else { b']' });
    let made = Found { kind: Kind::Json, raw: Cow::Owned(out) };
    if rest.is_empty() { made } else { made.follow(&rest[1..], effort) }
}

fn push_name(out: &mut Vec<u8>, selector: &path::Selector<'_>) {
    match selector.name {
        b"" => quote::push_string(out, path::default_name(selector.path)),
        name if name[0] == b'"' && valid::valid(name) => out.extend_from_slice(name),
        name => quote::push_string(out, name),
    }
}
