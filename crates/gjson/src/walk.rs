//! Follows a path into JSON, component by component, reading each byte once.

use std::borrow::Cow;

use crate::lookup::{self, Found};
use crate::path::{self, ArrayPart, ArrayStep, KeyPart, Next};
use crate::query::Query;
use crate::scan::{self, Lexeme, Piece};
use crate::{Kind, limits::Effort, pattern};

/// A walk over one text.
struct Walk<'j, 'p> {
    json: &'j [u8],
    found: Found<'j>,
    /// The path to apply to what is found. A component that is never reached asks for none.
    pipe: Option<&'p [u8]>,
}

/// Where a reader stopped, and whether it found the value.
type Stop = (usize, bool);

/// Follows a path that begins with neither a modifier, a literal nor a multipath.
pub(crate) fn walk<'j>(json: &'j [u8], path: &[u8], effort: Effort<'_>) -> Found<'j> {
    let mut walk = Walk { json, found: Found::nothing(), pipe: None };
    if let Some(line_path) = path.strip_prefix(b"..") {
        walk.array(0, line_path, effort);
    } else if let Some(open) = json.iter().position(|byte| matches!(byte, b'{' | b'[')) {
        walk.container(open, path, effort);
    }
    match walk.pipe {
        Some(pipe) => walk.found.follow(pipe, effort),
        None => walk.found,
    }
}

impl<'j, 'p> Walk<'j, 'p> {
    fn container(&mut self, open: usize, path: &'p [u8], effort: Effort<'_>) -> Stop {
        let Some(effort) = effort.deeper(0) else { return (self.json.len() + 1, false) };
        if self.json[open] == b'{' {
            self.object(open + 1, path, effort)
        } else {
            self.array(open + 1, path, effort)
        }
    }

    fn piped(&mut self, next: Next<'p>) {
        if let Next::Piped(pipe) = next {
            self.pipe = Some(pipe);
        }
    }

    fn object(&mut self, mut at: usize, path: &'p [u8], effort: Effort<'_>) -> Stop {
        let part = KeyPart::parse(path);
        self.piped(part.next);
        loop {
            let (key, after_key) = match self.key(at) {
                Ok(key) => key,
                Err(end) => return (end, false),
            };
            let matched = matches_key(&part, key, effort);
            let (start, lexeme) = self.value(after_key, None);
            let inside = if matched { part.next.inside() } else { None };
            let stop = match (lexeme, inside) {
                (Some(Lexeme::Container), Some(inside)) => self.container(start, inside, effort),
                (Some(Lexeme::Container), None) => {
                    self.take_if(matched, Kind::Json, start, scan::container_end(self.json, start))
                }
                (Some(Lexeme::Scalar(kind, end)), inside) => {
                    self.take_if(matched && inside.is_none(), kind, start, end)
                }
                (Some(Lexeme::Unterminated | Lexeme::Other) | None, _) => return (self.json.len(), false),
            };
            if stop.1 {
                return stop;
            }
            at = stop.0;
        }
    }

    /// The next key, in its quotes, and the index after it; or where the object ends.
    fn key(&self, start: usize) -> Result<(&'j [u8], usize), usize> {
        let rest = self.json.get(start..).unwrap_or_default();
        let mark = rest.iter().position(|byte| matches!(byte, b'"' | b'}')).ok_or(self.json.len())?;
        let at = start + mark;
        if self.json[at] == b'}' {
            return Err(at + 1);
        }
        let end = scan::string_end(self.json, at).ok_or(self.json.len())?;
        Ok((scan::part(self.json, at, end), end))
    }

    /// What the next value begins with, and where; nothing at the closing byte and at the end of the text.
    fn value(&self, mut at: usize, close: Option<u8>) -> (usize, Option<Lexeme>) {
        while self.json.get(at).is_some_and(|byte| Some(*byte) != close) {
            match scan::lexeme(self.json, at) {
                Lexeme::Other => at += 1,
                found => return (at, Some(found)),
            }
        }
        (at.min(self.json.len()), None)
    }

    fn take_if(&mut self, wanted: bool, kind: Kind, start: usize, end: usize) -> Stop {
        if wanted {
            self.found = Found::from(Piece { kind, raw: scan::part(self.json, start, end) });
        }
        (end, wanted)
    }

    /// The end of the text closes an array as a bracket does, but not one whose last value ended beyond it.
    fn array(&mut self, mut at: usize, path: &'p [u8], effort: Effort<'_>) -> Stop {
        let part = ArrayPart::parse(path);
        self.piped(part.next);
        let mut tally = Tally::default();
        while at <= self.json.len() {
            tally.mark(&part, at);
            let (start, lexeme) = self.value(at, Some(b']'));
            let (kind, end) = match (lexeme, part.inside_of(tally.seen)) {
                (None, _) => return (start + 1, self.close(&part, &tally, effort)),
                (Some(Lexeme::Unterminated | Lexeme::Other), _) => return (self.json.len(), false),
                (Some(Lexeme::Scalar(kind, end)), _) => (kind, end),
                (Some(Lexeme::Container), None) => (Kind::Json, scan::container_end(self.json, start)),
                (Some(Lexeme::Container), Some(inside)) => match self.container(start, inside, effort) {
                    (end, false) => {
                        (at, tally.seen) = (end, tally.seen + 1);
                        continue;
                    }
                    stop => return stop,
                },
            };
            let element = Piece { kind, raw: scan::part(self.json, start, end) };
            if self.element(&part, element, &mut tally, effort) {
                return (end, true);
            }
            (at, tally.seen) = (end, tally.seen + 1);
        }
        (at, false)
    }

    /// True if this element ends the walk.
    fn element(
        &mut self,
        part: &ArrayPart<'p>,
        element: Piece<'j>,
        tally: &mut Tally,
        effort: Effort<'_>,
    ) -> bool {
        match &part.step {
            ArrayStep::Element(index) if *index == Some(tally.seen) && part.next.inside().is_none() => {
                self.found = Found::from(element);
                true
            }
            ArrayStep::Query(query) => match self.query(query, part.next, element, effort) {
                Some(result) if query.all => {
                    tally.collect(&result.raw, effort);
                    false
                }
                Some(result) => {
                    self.found = result;
                    true
                }
                None => false,
            },
            ArrayStep::Element(_) | ArrayStep::Count | ArrayStep::Each(_) | ArrayStep::Nothing => false,
        }
    }

    /// What a query makes of an element; nothing if the element does not pass.
    fn query(
        &mut self,
        query: &Query<'p>,
        next: Next<'p>,
        element: Piece<'j>,
        effort: Effort<'_>,
    ) -> Option<Found<'j>> {
        let compared = match (element.kind, query.path) {
            (Kind::Json, path) => lookup::get(element.raw, path, effort),
            (_, b"") => Found::from(element),
            _ => return None,
        };
        if !query.accepts(compared.piece(), effort) {
            return None;
        }
        let Some(rest) = next.inside() else { return Some(Found::from(element)) };
        let rest = self.split(rest);
        Some(lookup::get(element.raw, rest, effort))
    }

    /// The part of a path that is for each element; the rest is remembered for the result.
    fn split(&mut self, path: &'p [u8]) -> &'p [u8] {
        let Some((each, pipe)) = path::split_pipe(path) else { return path };
        self.pipe = Some(pipe);
        each
    }

    /// What is known only at an array's end. True if that is the value.
    fn close(&mut self, part: &ArrayPart<'p>, tally: &Tally, effort: Effort<'_>) -> bool {
        match &part.step {
            ArrayStep::Count => {
                let raw = Cow::Owned(tally.seen.to_string().into_bytes());
                self.found = Found { kind: Kind::Number, raw };
                true
            }
            ArrayStep::Each(path) => {
                let path = self.split(path);
                self.found = self.each(path, &tally.marks, effort);
                true
            }
            ArrayStep::Query(query) if query.all && !self.found.piece().exists() => {
                self.found = array_of(&tally.collected);
                false
            }
            ArrayStep::Element(_) | ArrayStep::Query(_) | ArrayStep::Nothing => false,
        }
    }

    fn each(&self, path: &[u8], marks: &[usize], effort: Effort<'_>) -> Found<'j> {
        let mut tally = Tally::default();
        for mark in marks {
            let after_space = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let Some(space) = self.json[*mark..].iter().position(after_space) else { continue };
            let start = mark + space;
            // Where the array ends in a comma, this reads on behind it, as the module does.
            if self.json[start] == b']' {
                continue;
            }
            if let Some((element, _)) = scan::next_value(self.json, start) {
                tally.collect(&lookup::get(element.raw, path, effort).raw, effort);
            }
        }
        array_of(&tally.collected)
    }
}

/// What an array's reader keeps while it passes the elements.
#[derive(Default)]
struct Tally {
    seen: u64,
    /// Where each element may begin; only for `#.path`.
    marks: Vec<usize>,
    /// Results, with commas between them.
    collected: Vec<u8>,
}

impl Tally {
    fn mark(&mut self, part: &ArrayPart<'_>, at: usize) {
        if matches!(part.step, ArrayStep::Each(_)) {
            self.marks.push(at);
        }
    }

    /// Adds a result, if there is one.
    fn collect(&mut self, raw: &[u8], effort: Effort<'_>) {
        if raw.is_empty() || !effort.spend(raw.len()) {
            return;
        }
        if !self.collected.is_empty() {
            self.collected.push(b',');
        }
        self.collected.extend_from_slice(raw);
    }
}

fn array_of<'j>(elements: &[u8]) -> Found<'j> {
    Found { kind: Kind::Json, raw: Cow::Owned([b"[", elements, b"]"].concat()) }
}

fn matches_key(part: &KeyPart<'_>, key: &[u8], effort: Effort<'_>) -> bool {
    let key = scan::string_text(key);
    if part.wild { pattern::matches(&key, &part.name, effort) } else { *key == *part.name }
}
