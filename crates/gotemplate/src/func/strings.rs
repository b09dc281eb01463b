//! Sprig's functions on strings, but for those that draw at random.

use std::collections::HashSet;

use memchr::memmem;

use crate::error::Fault;
use crate::func::letter::{
    LOWER, TITLE, UPPER, chars, is_space, map, pieces, to_lower, to_title, to_upper, trim,
};
use crate::func::words::{kebab_case, pascal_case, snake_case};
use crate::func::{Args, Func};
use crate::print;
use crate::quote::count_chars;
use crate::run::Run;
use crate::types::{Kind, Type};
use crate::value::{List, Str, Value};

const TEXT: &[Type] = &[Type::String];
const TWO_TEXTS: &[Type] = &[Type::String, Type::String];
const COUNT_AND_TEXT: &[Type] = &[Type::INT, Type::String];
const ANYTHING: &[Type] = &[Type::Any];

/// The table.
pub static ROWS: &[Func] = &[
    Func::fixed("hello", &[], Type::String, |_, _| Ok("Hello!".into())),
    Func::fixed("abbrev", COUNT_AND_TEXT, Type::String, abbrev),
    Func::fixed("abbrevboth", &[Type::INT, Type::INT, Type::String], Type::String, abbrevboth),
    Func::fixed("trunc", COUNT_AND_TEXT, Type::String, trunc),
    Func::fixed("trim", TEXT, Type::String, |_, args| Ok(Value::str(trim(args.str(0)?, is_space)))),
    Func::fixed("upper", TEXT, Type::String, |run, args| mapped(run, args.str(0)?, to_upper)),
    Func::fixed("lower", TEXT, Type::String, |run, args| mapped(run, args.str(0)?, to_lower)),
    Func::fixed("title", TEXT, Type::String, title),
    Func::fixed("untitle", TEXT, Type::String, untitle),
    Func::fixed("swapcase", TEXT, Type::String, swapcase),
    Func::fixed("substr", &[Type::INT, Type::INT, Type::String], Type::String, substr),
    Func::fixed("repeat", COUNT_AND_TEXT, Type::String, |run, args| repeat(run, args.str(1)?, args.int(0)?)),
    Func::fixed("trimall", TWO_TEXTS, Type::String, trim_all),
    Func::fixed("trimAll", TWO_TEXTS, Type::String, trim_all),
    Func::fixed("trimSuffix", TWO_TEXTS, Type::String, |_, args| {
        let text = args.str(1)?;
        Ok(text.strip_suffix(args.str(0)?.as_bytes()).map_or_else(|| text.clone().into(), Value::str))
    }),
    Func::fixed("trimPrefix", TWO_TEXTS, Type::String, |_, args| {
        let text = args.str(1)?;
        Ok(text.strip_prefix(args.str(0)?.as_bytes()).map_or_else(|| text.clone().into(), Value::str))
    }),
    Func::fixed("nospace", TEXT, Type::String, nospace),
    Func::fixed("initials", TEXT, Type::String, initials),
    Func::fixed("snakecase", TEXT, Type::String, |run, args| made(run, snake_case(args.str(0)?))),
    Func::fixed("camelcase", TEXT, Type::String, |run, args| made(run, pascal_case(args.str(0)?))),
    Func::fixed("kebabcase", TEXT, Type::String, |run, args| made(run, kebab_case(args.str(0)?))),
    Func::fixed("wrap", COUNT_AND_TEXT, Type::String, |run, args| {
        Wrap { width: args.int(0)?, end: b"\n", breaks_words: false }.wrap(run, args.str(1)?)
    }),
    Func::fixed("wrapWith", &[Type::INT, Type::String, Type::String], Type::String, |run, args| {
        let end = if args.str(1)?.is_empty() { b"\n" } else { args.str(1)?.as_bytes() };
        Wrap { width: args.int(0)?, end, breaks_words: true }.wrap(run, args.str(2)?)
    }),
    Func::fixed("contains", TWO_TEXTS, Type::Bool, |_, args| {
        Ok(memmem::find(args.str(1)?, args.str(0)?).is_some().into())
    }),
    Func::fixed("hasPrefix", TWO_TEXTS, Type::Bool, |_, args| {
        Ok(args.str(1)?.starts_with(args.str(0)?).into())
    }),
    Func::fixed("hasSuffix", TWO_TEXTS, Type::Bool, |_, args| {
        Ok(args.str(1)?.ends_with(args.str(0)?).into())
    }),
    Func::variadic("quote", ANYTHING, Type::String, |run, args| {
        spaced(run, args, |run, value| Ok(print::quote(&text_of(run, value)?)))
    }),
    Func::variadic("squote", ANYTHING, Type::String, |run, args| {
        spaced(run, args, |run, value| Ok([b"'", &shown(run, value)?[..], b"'"].concat()))
    }),
    Func::variadic("cat", ANYTHING, Type::String, |run, args| spaced(run, args, shown)),
    Func::fixed("indent", COUNT_AND_TEXT, Type::String, |run, args| indent(run, args, b"")),
    Func::fixed("nindent", COUNT_AND_TEXT, Type::String, |run, args| indent(run, args, b"\n")),
    Func::fixed("replace", &[Type::String, Type::String, Type::String], Type::String, |run, args| {
        made_by_replacing(run, args.str(2)?, args.str(0)?, args.str(1)?)
    }),
    Func::fixed("plural", &[Type::String, Type::String, Type::INT], Type::String, |_, args| {
        Ok(args.str(usize::from(args.int(2)? != 1))?.clone().into())
    }),
    Func::fixed("toString", ANYTHING, Type::String, |run, args| {
        let text = text_of(run, args.value(0))?;
        made(run, text)
    }),
    Func::fixed("toStrings", ANYTHING, Type::STRINGS, |run, args| {
        Ok(Value::List(to_strings(run, args.value(0))?))
    }),
    Func::fixed("join", &[Type::String, Type::Any], Type::String, join),
    Func::fixed("sortAlpha", ANYTHING, Type::STRINGS, sort_alpha),
    Func::fixed("split", TWO_TEXTS, Type::STRING_MAP, |run, args| {
        numbered(run, args.str(1)?, args.str(0)?, -1)
    }),
    Func::fixed("splitn", &[Type::String, Type::INT, Type::String], Type::STRING_MAP, |run, args| {
        numbered(run, args.str(2)?, args.str(0)?, args.int(1)?)
    }),
    Func::fixed("splitList", TWO_TEXTS, Type::STRINGS, |run, args| {
        Ok(Value::strings(split(run, args.str(1)?, args.str(0)?, -1)?))
    }),
];

/// What an item of a list costs, in bytes.
const ITEM: usize = 24;

fn made(run: &mut Run<'_>, text: Vec<u8>) -> Result<Value, Fault> {
    run.make(text.len())?;
    Ok(Value::str(text))
}

fn mapped(run: &mut Run<'_>, text: &[u8], change: impl FnMut(char) -> char) -> Result<Value, Fault> {
    made(run, map(text, change))
}

/// A number as a length; none if it is negative.
fn length(number: i64) -> Option<usize> {
    usize::try_from(number).ok()
}

// Shortening.

fn abbrev(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (width, text) = (args.int(0)?, args.str(1)?);
    let width = length(width).filter(|width| *width >= 4 && *width < text.len());
    Ok(width.map_or_else(|| text.clone().into(), |width| Value::str(with_dots(text, width))))
}

/// The beginning, with an ellipsis, that makes up the width.
fn with_dots(text: &[u8], width: usize) -> Vec<u8> {
    if text.len() <= width { text.to_vec() } else { [&text[..width - 3], b"..."].concat() }
}

/// Cuts on both sides. `left` is a position that the result shows, not what it begins with.
fn abbrevboth(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (left, right, text) = (args.int(0)?, args.int(1)?, args.str(2)?);
    let width = length(right).filter(|width| *width >= if left > 0 { 7 } else { 4 } && *width < text.len());
    let Some(width) = width else { return Ok(text.clone().into()) };
    let room = width - 3;
    // A position far before the text overflows in Go, and then counts as one behind it.
    let (len, most) = (text.len().cast_signed() as i64, room.cast_signed() as i64);
    let offset =
        if len.wrapping_sub(left) < most { text.len() - room } else { length(left).unwrap_or_default() };
    if offset <= 4 {
        return Ok(Value::str(with_dots(text, width)));
    }
    let shown = if offset + room < text.len() {
        with_dots(&text[offset..], room)
    } else {
        text[text.len() - room..].to_vec()
    };
    Ok(Value::str([b"...", &shown[..]].concat()))
}

fn trunc(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (count, text) = (args.int(0)?, args.str(1)?);
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if size >= text.len() {
        return Ok(text.clone().into());
    }
    Ok(Value::str(if count < 0 { &text[text.len() - size..] } else { &text[..size] }))
}

fn substr(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (start, end, text) = (args.int(0)?, args.int(1)?, args.str(2)?);
    let len = text.len();
    let beyond = |bounds: String| Fault::new(format!("runtime error: slice bounds out of range [{bounds}"));
    let Some(from) = length(start) else {
        let Some(to) = length(end) else { return Err(beyond(format!(":{end}]"))) };
        let part = text.get(..to).ok_or_else(|| beyond(format!(":{to}] with length {len}")))?;
        return Ok(Value::str(part));
    };
    let to = length(end).filter(|end| *end <= len).unwrap_or(len);
    let part = text.get(from..to).ok_or_else(|| beyond(format!("{from}:{to}]")))?;
    Ok(Value::str(part))
}

// Trimming.

fn trim_all(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let cut: HashSet<char> = chars(args.str(0)?).collect();
    Ok(Value::str(trim(args.str(1)?, |c| cut.contains(&c))))
}

// Case.

/// The first letter of each word as in a title. A word ends at what is neither letter nor digit nor `_`; beyond ASCII
/// only at a space.
fn title(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let ends_word = |c: char| match c {
        '_' => false,
        _ if c.is_ascii() => !c.is_ascii_alphanumeric(),
        _ => is_space(c),
    };
    let mut before = ' ';
    mapped(run, args.str(0)?, |c| {
        let changed = if ends_word(before) { to_title(c) } else { c };
        before = c;
        changed
    })
}

fn untitle(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut begins = true;
    mapped(run, args.str(0)?, |c| {
        let first = begins && !is_space(c);
        begins = is_space(c);
        if first { to_lower(c) } else { c }
    })
}

fn swapcase(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut begins = true;
    mapped(run, args.str(0)?, |c| {
        let is_lower = LOWER.has(c);
        let swapped = match c {
            _ if UPPER.has(c) || TITLE.has(c) => to_lower(c),
            _ if is_lower && begins => to_title(c),
            _ if is_lower => to_upper(c),
            _ => c,
        };
        let has_case = is_lower || UPPER.has(c) || TITLE.has(c);
        begins = !has_case && is_space(c);
        swapped
    })
}

// Characters. Here Go takes bytes for characters: those from 0x80 on come out as U+0080 and up.

fn nospace(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let text = args.str(0)?;
    if !text.iter().any(|byte| is_space(char::from(*byte))) {
        return Ok(text.clone().into());
    }
    let kept: String = text.iter().map(|byte| char::from(*byte)).filter(|c| !is_space(*c)).collect();
    made(run, kept.into_bytes())
}

fn initials(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut after_gap = true;
    let mut begins = |c: &char| {
        let first = after_gap && !is_space(*c);
        after_gap = is_space(*c);
        first
    };
    let initials: String = args.str(0)?.iter().map(|byte| char::from(*byte)).filter(|c| begins(c)).collect();
    made(run, initials.into_bytes())
}

// Making.

fn repeat(run: &mut Run<'_>, text: &[u8], count: i64) -> Result<Value, Fault> {
    let count = length(count).ok_or("strings: negative Repeat count")?;
    let size = text.len().checked_mul(count).filter(|size| i64::try_from(*size).is_ok());
    run.make(size.ok_or("strings: Repeat output length overflow")?)?;
    Ok(Value::str(text.repeat(count)))
}

fn indent(run: &mut Run<'_>, args: Args<'_>, before: &[u8]) -> Result<Value, Fault> {
    let (count, text) = (args.int(0)?, args.str(1)?);
    let count = length(count).ok_or("strings: negative Repeat count")?;
    let lines = text.iter().filter(|byte| **byte == b'\n').count() + 1;
    run.make(lines.saturating_mul(count).saturating_add(text.len()))?;
    let pad = b" ".repeat(count);
    let end = [b"\n", &pad[..]].concat();
    let body = text.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&end[..]);
    Ok(Value::str([before, &pad, &body].concat()))
}

/// All parts of the text that are `old`, replaced; of the empty string there is one around each character.
fn made_by_replacing(run: &mut Run<'_>, text: &Str, old: &[u8], new: &[u8]) -> Result<Value, Fault> {
    let places =
        if old.is_empty() { count_chars(text) + 1 } else { split_at(text, old, usize::MAX).len() - 1 };
    run.make(places.saturating_mul(new.len()).saturating_add(text.len()))?;
    if old.is_empty() {
        let mut out = new.to_vec();
        pieces(text).for_each(|(_, piece)| out.extend(piece.iter().chain(new)));
        return Ok(Value::str(out));
    }
    Ok(Value::str(split_at(text, old, usize::MAX).join(new)))
}

/// How lines are broken: after so many bytes at most, at a space if there is one.
struct Wrap<'a> {
    width: i64,
    end: &'a [u8],
    breaks_words: bool,
}

impl Wrap<'_> {
    fn wrap(&self, run: &mut Run<'_>, text: &[u8]) -> Result<Value, Fault> {
        let width = length(self.width).unwrap_or_default().max(1);
        let mut out: Vec<u8> = Vec::new();
        let mut rest = text;
        while rest.len() > width {
            if rest[0] == b' ' {
                rest = &rest[1..];
                continue;
            }
            let (line, next) = self.line(rest, width);
            rest = next.unwrap_or_default();
            // More would only make it longer.
            if out.len() > run.limits().output {
                break;
            }
            out.extend(line);
            if next.is_some() {
                out.extend(self.end);
            }
        }
        out.extend(rest);
        made(run, out)
    }

    /// The next line, and what comes after it; nothing if the line is the last.
    fn line<'t>(&self, text: &'t [u8], width: usize) -> (&'t [u8], Option<&'t [u8]>) {
        let space = text[..=width].iter().rposition(|byte| *byte == b' ');
        if let Some(space) = space {
            return (&text[..space], Some(&text[space + 1..]));
        }
        if self.breaks_words {
            return (&text[..width], Some(&text[width..]));
        }
        match text[width..].iter().position(|byte| *byte == b' ') {
            Some(more) => (&text[..width + more], Some(&text[width + more + 1..])),
            None => (text, None),
        }
    }
}

// Values as text.

/// A value as sprig makes text of it: strings and bytes as they are, the rest as an action prints it.
fn text_of(run: &Run<'_>, value: &Value) -> Result<Vec<u8>, Fault> {
    match value {
        Value::Str(text) => Ok(text.to_vec()),
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        other => shown(run, other),
    }
}

/// A value as an action prints it.
fn shown(run: &Run<'_>, value: &Value) -> Result<Vec<u8>, Fault> {
    print::display_up_to(value, run.limits().output)
}

/// The texts of the values but nil, as long as they are not too long together.
fn texts(
    run: &mut Run<'_>,
    values: &[Value],
    text: impl Fn(&Run<'_>, &Value) -> Result<Str, Fault>,
) -> Result<Vec<Str>, Fault> {
    run.spend(values.len() as u64)?;
    let mut total = 0;
    let mut texts = Vec::with_capacity(values.len());
    for value in values.iter().filter(|value| !matches!(value, Value::Nil)) {
        let text = text(run, value)?;
        total += text.len();
        if total > run.limits().output {
            run.make(total)?;
        }
        texts.push(text);
    }
    Ok(texts)
}

/// Each value but nil as text, with spaces between.
fn spaced(
    run: &mut Run<'_>,
    args: Args<'_>,
    text: impl Fn(&Run<'_>, &Value) -> Result<Vec<u8>, Fault>,
) -> Result<Value, Fault> {
    let texts = texts(run, args.all(), |run, value| Ok(text(run, value)?.into()))?;
    made(run, texts.iter().map(Str::as_bytes).collect::<Vec<_>>().join(&b' '))
}

/// [`text_of`], shared where there is a string already.
fn shared_text_of(run: &Run<'_>, value: &Value) -> Result<Str, Fault> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::Bytes(bytes) => Ok(bytes.into()),
        other => Ok(text_of(run, other)?.into()),
    }
}

/// The items of a list as text, without nil; of anything else the one text. A `[]string` is itself.
fn to_strings(run: &mut Run<'_>, value: &Value) -> Result<List, Fault> {
    let texts = match value {
        Value::List(list) if list.elem() == Type::String => return Ok(list.clone()),
        Value::List(list) => texts(run, &list.to_vec(), shared_text_of)?,
        Value::Bytes(bytes) => {
            run.make(bytes.len().saturating_mul(ITEM))?;
            run.spend(bytes.len() as u64)?;
            bytes.borrow().iter().map(|byte| byte.to_string().into()).collect()
        }
        Value::Nil => Vec::new(),
        other => vec![shared_text_of(run, other)?],
    };
    let capacity = if let Value::List(list) = value { list.len() } else { 0 };
    Ok(List::with_capacity(Type::String, texts.into_iter().map(Value::Str).collect(), capacity))
}

/// The strings of a `[]string`.
fn strings_of(list: &List) -> Vec<Str> {
    let text = |value| if let Value::Str(text) = value { text } else { Str::default() };
    list.to_vec().into_iter().map(text).collect()
}

fn join(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let separator = args.str(0)?;
    let texts = strings_of(&to_strings(run, args.value(1))?);
    let size: usize = texts.iter().map(|text| text.len().saturating_add(separator.len())).sum();
    run.make(size.saturating_sub(if texts.is_empty() { 0 } else { separator.len() }))?;
    Ok(Value::str(texts.iter().map(Str::as_bytes).collect::<Vec<_>>().join(separator.as_bytes())))
}

/// Sorts by bytes. A `[]string` is sorted in place, for all who hold it.
fn sort_alpha(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let value = args.value(0);
    if value.kind() != Kind::Slice {
        return Ok(Value::strings([text_of(run, value)?]));
    }
    let list = to_strings(run, value)?;
    let mut texts = strings_of(&list);
    // At worst all have the same beginning.
    let bytes: usize = texts.iter().map(|text| text.len() + 128).sum();
    run.spend((bytes as u64 / 1024).saturating_mul(u64::from(texts.len().max(1).ilog2()) + 1))?;
    texts.sort();
    for (i, text) in texts.into_iter().enumerate() {
        list.set(i, text.into())?;
    }
    Ok(Value::List(list))
}

// Splitting.

/// The parts between separators, at most so many; the last has the rest.
fn split_at<'t>(text: &'t [u8], separator: &[u8], most: usize) -> Vec<&'t [u8]> {
    let mut from = 0;
    let mut parts = Vec::new();
    for at in memmem::find_iter(text, separator).take(most - 1) {
        parts.push(&text[from..at]);
        from = at + separator.len();
    }
    parts.push(&text[from..]);
    parts
}

/// The characters, at most so many; the last has the rest.
fn explode(text: &[u8], most: usize) -> Vec<&[u8]> {
    let mut parts: Vec<&[u8]> = pieces(text).map(|(_, piece)| piece).take(most).collect();
    let shown: usize = parts.iter().map(|part| part.len()).sum();
    if let Some(last) = parts.last_mut() {
        *last = &text[shown - last.len()..];
    }
    parts
}

/// `strings.SplitN`: all parts if `most` is negative, none if it is 0.
fn split<'t>(run: &mut Run<'_>, text: &'t [u8], separator: &[u8], most: i64) -> Result<Vec<&'t [u8]>, Fault> {
    let most = length(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Ok(Vec::new());
    }
    // Each part takes room beyond its bytes.
    let parts = if separator.is_empty() { explode(text, most) } else { split_at(text, separator, most) };
    run.make(parts.len().saturating_mul(ITEM))?;
    run.spend(parts.len() as u64)?;
    Ok(parts)
}

/// The parts under `_0`, `_1` and so on.
fn numbered(run: &mut Run<'_>, text: &[u8], separator: &[u8], most: i64) -> Result<Value, Fault> {
    let parts = split(run, text, separator, most)?;
    Ok(Value::string_map(parts.into_iter().enumerate().map(|(i, part)| (format!("_{i}"), part))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Env, Limits};
    use crate::{Engine, Step};

    /// The output, or the message behind the place.
    fn outcome(text: &str) -> String {
        let data = Value::string_map([("s", "a".repeat(100))]);
        let env = Env { limits: Limits { output: 1000, ..Limits::default() }, ..Env::default() };
        let engine = Engine::new().functions(ROWS);
        match engine.compile("case", text).and_then(|template| template.render(&data, &env)) {
            Ok(out) => String::from_utf8_lossy(&out).into_owned(),
            Err(error) if error.step() == Step::Limit => "a limit".to_owned(),
            Err(error) => error.to_string().rsplit(">: ").next().unwrap_or_default().to_owned(),
        }
    }

    #[test]
    fn what_would_be_too_long_is_not_made() {
        for text in [
            "{{ $x := repeat 11 .s }}",
            "{{ $x := repeat 1000000000000 .s }}",
            "{{ $x := indent 2000 .s }}",
            "{{ $x := wrapWith 1 .s .s }}",
            "{{ $x := replace \"\" .s .s }}",
            "{{ $x := replace \"a\" .s .s }}",
            "{{ $x := cat .s .s .s .s .s .s .s .s .s .s .s }}",
            "{{ $x := splitList \"\" .s | join .s }}",
            "{{ $x := splitList \"a\" .s }}",
        ] {
            assert_eq!(outcome(text), "a limit", "{text}");
        }
    }

    #[test]
    fn a_list_of_strings_is_sorted_for_all_who_hold_it() {
        let text = "{{ $l := splitList \",\" \"b,a\" }}{{ $m := sortAlpha $l }}{{ $l }}{{ $m }}";
        assert_eq!(outcome(text), "[a b][a b]");
    }

    #[test]
    fn bytes_are_taken_for_characters_where_go_does() {
        assert_eq!(outcome("{{ nospace \"ä\" }} {{ nospace \"ä ö\" }} {{ initials \"ä ö\" }}"), "ä Ã¤Ã¶ ÃÃ");
    }

    #[test]
    fn messages_are_those_of_the_go_runtime() {
        assert_eq!(
            outcome("{{ substr -1 5 \"abc\" }}"),
            "error calling substr: runtime error: slice bounds out of range [:5] with length 3"
        );
        assert_eq!(outcome("{{ repeat -1 \"\" }}"), "error calling repeat: strings: negative Repeat count");
    }
}
