//! The modifiers: path components that begin with `@` and make new JSON of the JSON before them.
//!
//! What a modifier makes is an ordinary buffer that may hold secrets. It is not wiped when it is dropped.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::limits::Effort;
use crate::query::trim;
use crate::scan::{self, Piece};
use crate::{lookup, pretty, quote, valid};

/// What a modifier works on.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a, 'p> {
    pub(crate) json: &'a [u8],
    /// What follows the colon after the name; empty without one.
    pub(crate) argument: &'p [u8],
    pub(crate) effort: Effort<'p>,
}

/// A modifier: JSON in, JSON out. Nothing out means that no value exists.
type Modifier = for<'a, 'p> fn(Call<'a, 'p>) -> Cow<'a, [u8]>;

/// Every modifier there is. Go programs may add their own; keyferry's tenants may not.
const MODIFIERS: &[(&[u8], Modifier)] = &[
    (b"dig", dig),
    (b"flatten", flatten),
    (b"fromstr", fromstr),
    (b"group", group),
    (b"join", join),
    (b"keys", keys),
    (b"pretty", pretty),
    (b"reverse", reverse),
    (b"this", |call| Cow::Borrowed(call.json)),
    (b"tostr", tostr),
    (b"ugly", ugly),
    (b"valid", |call| Cow::Borrowed(if valid::valid(call.json) { call.json } else { b"" })),
    (b"values", values),
];

/// The modifier with a name, without its `@`.
pub(crate) fn find(name: &[u8]) -> Option<Modifier> {
    MODIFIERS.iter().find(|(known, _)| *known == name).map(|(_, modifier)| *modifier)
}

/// Applies the modifier that a path begins with: its result and what follows it. `None` if there is no such
/// modifier.
pub(crate) fn apply<'j, 'p>(
    json: &'j [u8],
    path: &'p [u8],
    effort: Effort<'p>,
) -> Option<(Cow<'j, [u8]>, &'p [u8])> {
    let text = &path[1..];
    let end = text.iter().position(|byte| matches!(byte, b':' | b'|' | b'.')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let modifier = find(name)?;
    let (argument, rest) = match rest {
        [b':', rest @ ..] => argument(rest),
        _ => (&rest[..0], rest),
    };
    let made = modifier(Call { json, argument, effort });
    effort.spend(made.len());
    Some((made, rest))
}

/// Splits an argument from what follows it: a JSON value ends where it closes, plain text at a pipe
/// outside of brackets and quotes.
fn argument(text: &[u8]) -> (&[u8], &[u8]) {
    if matches!(text.first(), Some(b'{' | b'[' | b'"')) {
        return text.split_at(scan::enclosed(text).len());
    }
    let mut end = 0;
    while end < text.len() && text[end] != b'|' {
        end += match text[end] {
            b'{' | b'[' | b'"' | b'(' => scan::enclosed(&text[end..]).len(),
            _ => 1,
        };
    }
    text.split_at(end)
}

impl<'a> Call<'a, '_> {
    fn document(&self) -> Piece<'a> {
        scan::document(self.json)
    }

    /// True if the argument is an object that says so.
    fn option(&self, name: &[u8]) -> bool {
        let options = scan::members(scan::document(self.argument));
        let named = options.filter(|(key, _)| *key.text() == *name);
        named.last().is_some_and(|(_, value)| value.truth())
    }
}

/// Puts items between brackets, with commas.
fn listed<T: AsRef<[u8]>>(open: u8, items: impl IntoIterator<Item = T>, close: u8) -> Vec<u8> {
    let mut out = vec![open];
    for (position, item) in items.into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item.as_ref());
    }
    out.push(close);
    out
}

fn member(key: &[u8], value: &[u8]) -> Vec<u8> {
    [key, b":", value].concat()
}

fn pretty<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let mut style = pretty::Style::default();
    for (key, value) in scan::members(scan::document(call.argument)) {
        style.set(&key.text(), value);
    }
    Cow::Owned(pretty::pretty(call.json, &style, call.effort))
}

fn ugly<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    Cow::Owned(pretty::ugly(call.json))
}

fn tostr<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let mut out = Vec::with_capacity(call.json.len() + 2);
    quote::push_string(&mut out, call.json);
    Cow::Owned(out)
}

fn fromstr<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    if valid::valid(call.json) { call.document().text() } else { Cow::Borrowed(b"") }
}

fn reverse<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let value = call.document();
    let mut members: Vec<_> = scan::members(value).collect();
    members.reverse();
    if value.is_array() {
        Cow::Owned(listed(b'[', members.iter().map(|(_, value)| value.raw), b']'))
    } else if value.is_object() {
        Cow::Owned(listed(b'{', members.iter().map(|(key, value)| member(key.raw, value.raw)), b'}'))
    } else {
        Cow::Borrowed(call.json)
    }
}

fn keys<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let value = call.document();
    let name = |key: Piece<'a>| if value.is_object() { key.raw } else { b"null" };
    Cow::Owned(listed(b'[', scan::members(value).map(|(key, _)| name(key)), b']'))
}

fn values<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let value = call.document();
    if value.is_array() {
        return Cow::Borrowed(call.json);
    }
    Cow::Owned(listed(b'[', scan::members(value).map(|(_, value)| value.raw), b']'))
}

fn flatten<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let value = call.document();
    if !value.is_array() {
        return Cow::Borrowed(call.json);
    }
    let deep = call.option(b"deep");
    Cow::Owned(flat(value, deep, call.effort))
}

fn flat(array: Piece<'_>, deep: bool, effort: Effort<'_>) -> Vec<u8> {
    let Some(effort) = effort.deeper(array.raw.len()) else { return Vec::new() };
    let contents = scan::members(array).map(|(_, element)| match (element.is_array(), deep) {
        (false, _) => Cow::Borrowed(element.raw),
        (true, false) => Cow::Borrowed(unwrap(element.raw)),
        (true, true) => Cow::Owned(unwrap(&flat(element, deep, effort)).to_vec()),
    });
    let trimmed = contents.map(|content| trim_space(&content).to_vec());
    listed(b'[', trimmed.filter(|content| !content.is_empty()), b']')
}

/// Takes the first and last byte off a container.
fn unwrap(json: &[u8]) -> &[u8] {
    match trim(json) {
        [b'[' | b'{', inner @ .., _] => inner,
        other => other,
    }
}

/// Without the white space of Unicode at both ends.
fn trim_space(text: &[u8]) -> &[u8] {
    std::str::from_utf8(text).map_or(text.trim_ascii(), |text| text.trim().as_bytes())
}

fn join<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let value = call.document();
    if !value.is_array() {
        return Cow::Borrowed(call.json);
    }
    let objects = scan::members(value).map(|(_, element)| element).filter(|element| element.is_object());
    if call.option(b"preserve") {
        return Cow::Owned(listed(b'{', objects.map(|object| unwrap(object.raw)), b'}'));
    }
    let mut places = HashMap::new();
    let mut joined: Vec<(&[u8], &[u8])> = Vec::new();
    for (key, value) in objects.flat_map(scan::members) {
        let place = *places.entry(key.text()).or_insert(joined.len());
        match joined.get_mut(place) {
            Some(known) => known.1 = value.raw,
            None => joined.push((key.raw, value.raw)),
        }
    }
    Cow::Owned(listed(b'{', joined.iter().map(|(key, value)| member(key, value)), b'}'))
}

fn group<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let value = call.document();
    if !value.is_object() {
        return Cow::Borrowed(b"");
    }
    let mut rows: Vec<Vec<Vec<u8>>> = Vec::new();
    for (key, column) in scan::members(value).filter(|(_, column)| column.is_array()) {
        for (row, (_, cell)) in scan::members(column).enumerate() {
            if row == rows.len() {
                rows.push(Vec::new());
            }
            // A long key is repeated in each row.
            if !call.effort.spend(key.raw.len() + cell.raw.len()) {
                return Cow::Borrowed(b"");
            }
            rows[row].push(member(key.raw, cell.raw));
        }
    }
    Cow::Owned(listed(b'[', rows.into_iter().map(|row| listed(b'{', row, b'}')), b']'))
}

fn dig<'a>(call: Call<'a, '_>) -> Cow<'a, [u8]> {
    let mut found = Vec::new();
    dig_into(call.document(), call.argument, call.effort, &mut found);
    Cow::Owned(listed(b'[', found, b']'))
}

/// Collects what a path finds in a value and, in order, in all that it holds.
fn dig_into(value: Piece<'_>, path: &[u8], effort: Effort<'_>, found: &mut Vec<Vec<u8>>) {
    let Some(effort) = effort.deeper(1) else { return };
    let here = lookup::get(value.raw, path, effort);
    if here.piece().exists() {
        found.push(here.raw.into_owned());
    }
    if value.is_array() || value.is_object() {
        scan::members(value).for_each(|(_, member)| dig_into(member, path, effort, found));
    }
}
