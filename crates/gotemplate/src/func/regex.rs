//! Sprig's functions on regular expressions. What they mean is in `expression`.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::Fault;
use crate::func::expression::{Expression, Find, Finder};
use crate::func::growth::appended_to;
use crate::func::letter::{DIGIT, LETTER, pieces};
use crate::func::{Args, Func};
use crate::print::quote;
use crate::quote::{can_backquote, first_char};
use crate::run::Run;
use crate::types::Type;
use crate::value::{List, Str, Value};

const TWO_TEXTS: &[Type] = &[Type::String, Type::String];
const TEXTS_AND_COUNT: &[Type] = &[Type::String, Type::String, Type::INT];
const THREE_TEXTS: &[Type] = &[Type::String, Type::String, Type::String];

/// The table.
pub static ROWS: &[Func] = &[
    Func::fixed("regexMatch", TWO_TEXTS, Type::Bool, |run, args| match is_match(run, args) {
        Err(fault) if !fault.is_limit() => Ok(false.into()),
        answer => answer,
    }),
    Func::fixed("mustRegexMatch", TWO_TEXTS, Type::Bool, is_match),
    Func::fixed("regexFind", TWO_TEXTS, Type::String, |run, args| compiled(run, args, (Find::Bounds, find))),
    Func::fixed("mustRegexFind", TWO_TEXTS, Type::String, |run, args| tried(run, args, (Find::Bounds, find))),
    Func::fixed("regexFindAll", TEXTS_AND_COUNT, Type::STRINGS, |run, args| {
        compiled(run, args, (Find::Bounds, find_all))
    }),
    Func::fixed("mustRegexFindAll", TEXTS_AND_COUNT, Type::STRINGS, |run, args| {
        tried(run, args, (Find::Bounds, find_all))
    }),
    Func::fixed("regexSplit", TEXTS_AND_COUNT, Type::STRINGS, |run, args| {
        compiled(run, args, (Find::Bounds, split))
    }),
    Func::fixed("mustRegexSplit", TEXTS_AND_COUNT, Type::STRINGS, |run, args| {
        tried(run, args, (Find::Bounds, split))
    }),
    Func::fixed("regexReplaceAll", THREE_TEXTS, Type::String, |run, args| {
        compiled(run, args, replacing(args)?)
    }),
    Func::fixed("mustRegexReplaceAll", THREE_TEXTS, Type::String, |run, args| {
        tried(run, args, replacing(args)?)
    }),
    Func::fixed("regexReplaceAllLiteral", THREE_TEXTS, Type::String, |run, args| {
        compiled(run, args, LITERALLY)
    }),
    Func::fixed("mustRegexReplaceAllLiteral", THREE_TEXTS, Type::String, |run, args| {
        tried(run, args, LITERALLY)
    }),
    Func::fixed("regexQuoteMeta", &[Type::String], Type::String, quote_meta),
];

/// What an item of a list costs, in bytes.
const ITEM: usize = 24;

/// What a function does with an expression, and what it asks of the matches.
type Use = (Find, fn(&mut Run<'_>, &Expression, Args<'_>) -> Result<Value, Fault>);

const LITERALLY: Use = (Find::Bounds, replace_literally);

/// Only a replacement with a `$` in it may name groups: to find them takes memory.
fn replacing(args: Args<'_>) -> Result<Use, Fault> {
    Ok(if args.str(2)?.contains(&b'$') { (Find::Groups, replace) } else { LITERALLY })
}

/// Uses the first argument as an expression.
fn tried(run: &mut Run<'_>, args: Args<'_>, (find, then): Use) -> Result<Value, Fault> {
    let expression = Expression::compile(run, args.str(0)?, find)?;
    then(run, &expression, args)
}

/// As [`tried`], but fails as `regexp.MustCompile` panics.
fn compiled(run: &mut Run<'_>, args: Args<'_>, (find, then): Use) -> Result<Value, Fault> {
    let text = args.str(0)?;
    let expression = Expression::compile(run, text, find).map_err(|fault| {
        let shown = if can_backquote(text) { [b"`", text.as_bytes(), b"`"].concat() } else { quote(text) };
        let why = format!("regexp: Compile({}): {fault}", String::from_utf8_lossy(&shown));
        if fault.is_limit() { fault } else { Fault::new(why) }
    })?;
    then(run, &expression, args)
}

/// Text to be searched. Go takes each byte that is not UTF-8 for U+FFFD; here it becomes that, and positions are
/// counted back.
struct Subject<'t> {
    original: &'t [u8],
    text: Cow<'t, [u8]>,
    /// Where, in `text`, a byte became three.
    replaced: Vec<usize>,
}

impl<'t> Subject<'t> {
    fn new(original: &'t [u8]) -> Self {
        if std::str::from_utf8(original).is_ok() {
            return Self { original, text: Cow::Borrowed(original), replaced: Vec::new() };
        }
        let mut text = String::with_capacity(original.len());
        let mut replaced = Vec::new();
        for (c, piece) in pieces(original) {
            if c.len_utf8() != piece.len() {
                replaced.push(text.len());
            }
            text.push(c);
        }
        Self { original, text: Cow::Owned(text.into_bytes()), replaced }
    }

    /// The part of the original that lies between two positions in the text.
    fn part(&self, from: usize, to: usize) -> &'t [u8] {
        let back = |at: usize| at - 2 * self.replaced.partition_point(|replaced| *replaced < at);
        &self.original[back(from)..back(to)]
    }

    /// The length of the character at a position; 0 at the end.
    fn width(&self, at: usize) -> usize {
        first_char(&self.text[at..]).1
    }

    fn len(&self) -> usize {
        self.text.len()
    }
}

/// How many meetings of a byte with a state a step pays for.
const MEETINGS_PER_STEP: u64 = 512;

/// Pays for one way through the text, which nothing interrupts. At worst each byte meets each state of the expression.
/// Gives the number of those meetings.
fn scan(run: &mut Run<'_>, expression: &Expression, subject: &Subject<'_>) -> Result<u64, Fault> {
    let meetings = expression.states.saturating_mul(subject.len() as u64);
    run.spend(meetings / MEETINGS_PER_STEP)?;
    Ok(meetings)
}

/// A search through a text, match by match.
struct Search<'a, 't> {
    subject: &'a Subject<'t>,
    expression: &'a Expression,
    finder: Finder<'a>,
    /// How many meetings are paid for.
    paid: u64,
}

impl<'a, 't> Search<'a, 't> {
    fn new(run: &mut Run<'_>, expression: &'a Expression, subject: &'a Subject<'t>) -> Result<Self, Fault> {
        let paid = scan(run, expression, subject)?;
        Ok(Self { subject, expression, finder: expression.finder(&subject.text), paid })
    }

    /// The first match from a position on. What is before is looked at only by `^`, `\b` and the like.
    fn find(&mut self, run: &mut Run<'_>, from: usize) -> Result<Option<(usize, usize)>, Fault> {
        // It may have to look at all that is left, each time again.
        let left = (self.subject.len() - from) as u64;
        run.spend(1 + (left >> 13) + (self.expression.states.saturating_mul(left) >> 18))?;
        let found = self.finder.find(from);
        self.settle(run)?;
        Ok(found)
    }

    /// Pays for the meetings that our engine tells of, as far as they are not paid for yet. Those of one match are at
    /// most those of one way through the text, so no more than that is ever owed.
    fn settle(&mut self, run: &mut Run<'_>) -> Result<(), Fault> {
        let met = self.finder.met().saturating_mul(self.expression.weight);
        let steps = met.saturating_sub(self.paid) / MEETINGS_PER_STEP;
        self.paid = self.paid.saturating_add(steps * MEETINGS_PER_STEP);
        run.spend(steps)
    }

    /// What a group matched; nothing if it matched nothing.
    fn group(&self, index: usize) -> Option<&'t [u8]> {
        self.finder.group(index).map(|(from, to)| self.subject.part(from, to))
    }
}

fn is_match(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let expression = Expression::compile(run, args.str(0)?, Find::Bounds)?;
    let subject = Subject::new(args.str(1)?);
    scan(run, &expression, &subject)?;
    Ok(expression.is_match(&subject.text).into())
}

fn find(run: &mut Run<'_>, expression: &Expression, args: Args<'_>) -> Result<Value, Fault> {
    let subject = Subject::new(args.str(1)?);
    let found = Search::new(run, expression, &subject)?.find(run, 0)?;
    Ok(Value::str(found.map_or(&b""[..], |(from, to)| subject.part(from, to))))
}

/// All matches, up to so many if the number is not negative. An empty one right behind another is none.
fn matches(
    run: &mut Run<'_>,
    expression: &Expression,
    subject: &Subject<'_>,
    most: i64,
) -> Result<Vec<(usize, usize)>, Fault> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut search = Search::new(run, expression, subject)?;
    let mut found = Vec::new();
    let (mut at, mut last_end) = (0, None);
    while found.len() < most && at <= subject.len() {
        let Some((from, to)) = search.find(run, at)? else { break };
        let is_none = to == at && last_end == Some(from);
        // After an empty match at this very place the search goes on behind the next character.
        at = if to == at { at + subject.width(at).max(1) } else { to };
        last_end = Some(to);
        if !is_none {
            found.push((from, to));
        }
    }
    run.make(found.len().saturating_mul(ITEM))?;
    Ok(found)
}

/// For so many matches Go makes room when it finds the first.
const ROOM: usize = 10;

fn find_all(run: &mut Run<'_>, expression: &Expression, args: Args<'_>) -> Result<Value, Fault> {
    let subject = Subject::new(args.str(1)?);
    let found = matches(run, expression, &subject, args.int(2)?)?;
    if found.is_empty() {
        return Ok(Value::List(List::nil(Type::String)));
    }
    let found = found.into_iter().map(|(from, to)| Value::str(subject.part(from, to)));
    Ok(appended_to(Type::String, found.collect(), ROOM))
}

fn split(run: &mut Run<'_>, expression: &Expression, args: Args<'_>) -> Result<Value, Fault> {
    let (pattern, text, most) = (args.str(0)?, args.str(1)?, args.int(2)?);
    if most == 0 {
        return Ok(Value::List(List::nil(Type::String)));
    }
    if !pattern.is_empty() && text.is_empty() {
        return Ok(Value::strings([""]));
    }
    let most_cuts = usize::try_from(most).map_or(usize::MAX, |most| most - 1);
    let subject = Subject::new(text);
    let mut parts: Vec<&[u8]> = Vec::new();
    let (mut from, mut cut) = (0, 0);
    let cuts = matches(run, expression, &subject, most)?;
    let room = cuts.len();
    for (start, end) in cuts {
        if parts.len() >= most_cuts {
            break;
        }
        cut = start;
        // An empty match at the very beginning cuts nothing off.
        if end != 0 {
            parts.push(subject.part(from, start));
        }
        from = end;
    }
    if cut != subject.len() {
        parts.push(subject.part(from, subject.len()));
    }
    Ok(appended_to(Type::String, parts.into_iter().map(Value::str).collect(), room))
}

/// The text with each match replaced by what `write` writes. An empty match right behind another is none.
fn replaced(
    run: &mut Run<'_>,
    mut search: Search<'_, '_>,
    looks: usize,
    write: impl Fn(&Search<'_, '_>, &mut Vec<u8>),
) -> Result<Value, Fault> {
    let subject = search.subject;
    let mut out = Vec::new();
    let (mut at, mut last_end) = (0, 0);
    while at <= subject.len() {
        let Some((from, to)) = search.find(run, at)? else { break };
        out.extend(subject.part(last_end, from));
        if to > last_end || from == 0 {
            run.spend(looks as u64)?;
            write(&search, &mut out);
        }
        // More would only make it longer.
        if out.len() > run.limits().output {
            break;
        }
        last_end = to;
        // At least one character further; beyond the end there is nothing to search.
        at = to.max(at + subject.width(at).max(1));
    }
    out.extend(subject.part(last_end, subject.len()));
    run.make(out.len())?;
    Ok(Value::str(out))
}

fn replace_literally(run: &mut Run<'_>, expression: &Expression, args: Args<'_>) -> Result<Value, Fault> {
    let (subject, replacement) = (Subject::new(args.str(1)?), args.str(2)?);
    let search = Search::new(run, expression, &subject)?;
    replaced(run, search, 0, |_, out| out.extend(replacement.iter()))
}

fn replace(run: &mut Run<'_>, expression: &Expression, args: Args<'_>) -> Result<Value, Fault> {
    let (subject, replacement) = (Subject::new(args.str(1)?), args.str(2)?);
    // Each `$` makes two parts, which take more room than a step pays for.
    run.spend(replacement.iter().filter(|byte| **byte == b'$').count() as u64 * 2)?;
    let mut groups: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (name, index) in expression.names.iter().zip(1..) {
        groups.entry(name).or_default().push(index);
    }
    let parts: Vec<Part<'_>> = template(replacement).into_iter().map(|part| part.resolved(&groups)).collect();
    let search = Search::new(run, expression, &subject)?;
    let max = run.limits().output;
    replaced(run, search, parts.iter().map(Part::looks).sum(), |search, out| {
        for part in &parts {
            if out.len() <= max {
                out.extend(part.text(search));
            }
        }
    })
}

/// A part of a replacement.
enum Part<'t> {
    Text(&'t [u8]),
    /// `$1` or `${1}`
    Group(usize),
    /// `$name` or `${name}`
    Named(&'t [u8]),
    /// The groups of one name: the first that matched counts.
    FirstOf(&'t [usize]),
}

impl<'t> Part<'t> {
    /// With the groups in the place of their name.
    fn resolved(self, groups: &'t HashMap<&[u8], Vec<usize>>) -> Self {
        match self {
            Self::Named(name) => Self::FirstOf(groups.get(name).map(Vec::as_slice).unwrap_or_default()),
            other => other,
        }
    }

    /// How much there is to look at for each match.
    const fn looks(&self) -> usize {
        if let Self::FirstOf(groups) = self { 1 + groups.len() } else { 1 }
    }

    fn text<'s>(&'s self, search: &Search<'_, 's>) -> &'s [u8]
    where
        't: 's,
    {
        match self {
            Self::Text(text) => text,
            Self::Group(index) => search.group(*index).unwrap_or_default(),
            Self::FirstOf(groups) => groups.iter().find_map(|group| search.group(*group)).unwrap_or_default(),
            Self::Named(_) => b"",
        }
    }
}

/// The parts of a replacement. A `$` that names nothing is itself.
fn template(mut text: &[u8]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    while let Some(at) = text.iter().position(|byte| *byte == b'$') {
        parts.push(Part::Text(&text[..at]));
        let dollar = &text[at..=at];
        text = &text[at + 1..];
        if let Some(rest) = text.strip_prefix(b"$") {
            parts.push(Part::Text(dollar));
            text = rest;
        } else if let Some((name, rest)) = group_name(text) {
            parts.push(group_number(name).map_or(Part::Named(name), Part::Group));
            text = rest;
        } else {
            parts.push(Part::Text(dollar));
        }
    }
    parts.push(Part::Text(text));
    parts
}

/// The name behind a `$`, the longest of letters, digits and `_`, or what is in braces.
fn group_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"{");
    let text = inner.unwrap_or(text);
    let is_name = |c: char| c == '_' || LETTER.has(c) || DIGIT.has(c);
    let len = pieces(text).take_while(|(c, _)| is_name(*c)).map(|(_, piece)| piece.len()).sum();
    let (name, rest) = text.split_at(len);
    let rest = if inner.is_some() { rest.strip_prefix(b"}")? } else { rest };
    (!name.is_empty()).then_some((name, rest))
}

/// The number that a name is: digits without a leading zero.
fn group_number(name: &[u8]) -> Option<usize> {
    let is_number = name.iter().all(u8::is_ascii_digit) && (name.len() == 1 || name[0] != b'0');
    std::str::from_utf8(name).ok().filter(|_| is_number)?.parse().ok()
}

fn quote_meta(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let text: &Str = args.str(0)?;
    let is_special = |byte: &u8| br"\.+*?()|[]{}^$".contains(byte);
    let specials = text.iter().filter(|byte| is_special(byte)).count();
    run.make(text.len() + specials)?;
    let mut out = Vec::with_capacity(text.len() + specials);
    for byte in text.iter() {
        if is_special(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    Ok(Value::str(out))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    fn all(pattern: &str, text: &[u8]) -> Vec<String> {
        let env = Env::default();
        let run = &mut Run::new(&env);
        let expression = Expression::compile(run, pattern.as_bytes(), Find::Bounds).unwrap();
        let subject = Subject::new(text);
        let found = matches(run, &expression, &subject, -1).unwrap();
        found.into_iter().map(|(from, to)| subject.part(from, to).escape_ascii().to_string()).collect()
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_one_character() {
        assert_eq!(all(".", b"a\xff\xfe"), ["a", r"\xff", r"\xfe"]);
        assert_eq!(all(r"\x{FFFD}b", b"a\xffb"), [r"\xffb"]);
        assert_eq!(all(r"\w$", b"\xff\xffb"), ["b"]);
    }

    #[test]
    fn nothing_is_found_within_a_character() {
        assert_eq!(all("", "é".as_bytes()).len(), 2);
        assert_eq!(all(r"\B", "aé".as_bytes()).len(), 1);
    }

    #[test]
    fn case_is_folded_in_letters_beside_each_other() {
        assert_eq!(all("(?i)ā", "Āā".as_bytes()).len(), 2);
        assert_eq!(all("(?i)k", "kK\u{212a}".as_bytes()).len(), 3);
        assert_eq!(all("(?i)ɤ", "ɤ\u{a7cb}".as_bytes()).len(), 1);
    }

    #[test]
    fn an_expression_that_would_be_huge_is_a_limit() {
        let env = Env::default();
        let refused =
            |pattern: &str| Expression::compile(&mut Run::new(&env), pattern.as_bytes(), Find::Bounds).err();
        // Too large for both engines; for the second one that of the `regex` crate is not even tried.
        // The last one is not even read to its end: its classes alone are.
        for pattern in ["[^a]{1000}".repeat(150), "[^a]{1000}".repeat(200), r"\pL".repeat(10_000)] {
            let fault = refused(&pattern).unwrap();
            assert!(fault.is_limit());
            assert_eq!(fault.to_string(), "the regular expression needs more than 8388608 bytes");
        }
        assert!(
            refused(&format!("{}a{}", "(".repeat(300), ")".repeat(300)))
                .is_some_and(|fault| fault.is_limit())
        );
        let deep = format!("{}a{}", "(".repeat(1001), ")".repeat(1001));
        assert!(
            refused(&deep).is_some_and(|fault| fault.to_string().contains("expression nests too deeply"))
        );
    }

    #[test]
    fn a_class_may_be_repeated_as_often_as_go_lets_it() {
        let env = Env::default();
        let is_found = |pattern: &str, text: String| {
            let mut run = Run::new(&env);
            let found = is_match(&mut run, Args::new(&[Value::str(pattern), Value::str(text)])).unwrap();
            assert!(run.taken() < 500_000, "{pattern}: {}", run.taken());
            matches!(found, Value::Bool(true))
        };
        for (pattern, letters, after) in [
            (r"^\pL{222}$", 222, ""),
            (r"\pL{1000}", 1000, ""),
            (r"(?i)\pL{500}x", 500, "X"),
            (r"(\pL{10}){100}", 1000, ""),
        ] {
            assert!(is_found(pattern, "é".repeat(letters) + after), "{pattern}");
            assert!(!is_found(pattern, "é".repeat(letters - 1) + after), "{pattern}");
        }
    }

    #[test]
    fn matches_and_groups_of_many_letters_are_found() {
        assert_eq!(all(r"\pL{222}", "a".repeat(500).as_bytes()), ["a".repeat(222), "a".repeat(222)]);
        let env = Env::default();
        let text = format!("-{}abcdefghijx", "é".repeat(990));
        let args = [Value::str(r"(\pL{10}){100}(x)?"), Value::str(text), Value::str("<$1$2>")];
        let replaced = tried(&mut Run::new(&env), Args::new(&args), (Find::Groups, replace)).unwrap();
        assert!(matches!(replaced, Value::Str(text) if &*text == b"-<abcdefghijx>"));
    }

    #[test]
    fn groups_take_memory_only_where_they_are_asked_for() {
        let env = Env::default();
        let groups = "()".repeat(5000);
        let compile = |find| Expression::compile(&mut Run::new(&env), groups.as_bytes(), find).map(drop);
        assert_eq!(compile(Find::Bounds), Ok(()));
        let refused = compile(Find::Groups).unwrap_err();
        assert!(refused.is_limit());
        assert_eq!(refused.to_string(), "the regular expression needs more than 8388608 bytes");
    }

    #[test]
    fn each_part_of_a_replacement_is_paid_for_at_each_match() {
        let env = Env::default();
        let replaced = |parts: usize, text: &str| {
            let args = [Value::str("(?P<n>a)"), Value::str(text), Value::str("$n$x".repeat(parts))];
            let mut run = Run::new(&env);
            tried(&mut run, Args::new(&args), (Find::Groups, replace))
        };
        assert!(matches!(replaced(2, "aba"), Ok(Value::Str(text)) if &*text == b"aabaa"));
        assert!(replaced(10_000, &"a".repeat(200)).unwrap_err().wants_steps());
    }

    #[test]
    fn a_replacement_names_groups_as_go_reads_them() {
        let shown = |text: &str| -> Vec<String> {
            let parts = template(text.as_bytes());
            let show = |part: &Part<'_>| match part {
                Part::Text(text) => text.escape_ascii().to_string(),
                Part::Group(index) => format!("<{index}>"),
                Part::Named(name) => format!("<{}>", name.escape_ascii()),
                Part::FirstOf(groups) => format!("{groups:?}"),
            };
            parts.iter().map(show).filter(|part| !part.is_empty()).collect()
        };
        assert_eq!(shown("$1x"), ["<1x>"]);
        assert_eq!(shown("${1}x"), ["<1>", "x"]);
        assert_eq!(shown("a$$1 $ ${ $01"), ["a", "$", "1 ", "$", " ", "$", "{ ", "<01>"]);
    }
}
