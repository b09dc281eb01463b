//! The parts of a moment as layouts show them: offsets, fractions, and the pieces in which Go writes them.

use super::layout::{Cut, Fraction, Offset, Part, cut};
use super::zone::Rule;

/// A layout cut into its parts.
pub(super) fn cuts(mut layout: &[u8]) -> impl Iterator<Item = Cut<'_>> {
    std::iter::from_fn(move || {
        let found = (!layout.is_empty()).then(|| cut(layout))?;
        layout = found.after;
        Some(found)
    })
}

/// The pieces in which Go appends a part: signs, paddings and the numbers of an offset one by one.
pub(super) fn pieces<'t>(part: Part, text: &'t [u8], rule: &Rule) -> Vec<&'t [u8]> {
    let padding = |byte: u8| text.iter().take(text.len() - 1).take_while(|other| **other == byte).count();
    let alone = match part {
        Part::Offset(_) => return in_pairs(text),
        Part::ZoneName if rule.name.is_empty() => return in_pairs(text),
        Part::DayPadded | Part::YearDayPadded => padding(b' '),
        Part::YearDay => padding(b'0'),
        Part::LongYear => usize::from(text.starts_with(b"-")),
        _ => 0,
    };
    let (alone, rest) = text.split_at(alone);
    alone.chunks(1).chain([rest]).collect()
}

fn in_pairs(offset: &[u8]) -> Vec<&[u8]> {
    let digits = |a: &u8, b: &u8| a.is_ascii_digit() && b.is_ascii_digit();
    offset.chunk_by(digits).flat_map(|run| run.chunks(2)).collect()
}

pub(super) fn offset(seconds: i64, form: Offset) -> String {
    if form.z && seconds == 0 {
        return "Z".into();
    }
    // The sign is that of the whole minutes, as in Go; without any, seconds have their own.
    let sign = if seconds / 60 < 0 { '-' } else { '+' };
    let own = if seconds < 0 && seconds / 60 == 0 && seconds % 60 != 0 { "-" } else { "" };
    let seconds = seconds.abs();
    let numbers = [
        format!("{:02}", seconds / 3600),
        format!("{:02}", seconds / 60 % 60),
        format!("{own}{:02}", seconds % 60),
    ];
    format!("{sign}{}", numbers[..form.numbers].join(if form.colon { ":" } else { "" }))
}

pub(super) fn fraction(nanos: i64, form: Fraction) -> String {
    if form.trimmed && nanos == 0 {
        return String::new();
    }
    let digits = format!("{nanos:09}");
    let digits = &digits[..form.digits.min(9)];
    let digits = if form.trimmed { digits.trim_end_matches('0') } else { digits };
    if form.trimmed && digits.is_empty() {
        return String::new();
    }
    format!("{}{digits}", char::from(form.separator))
}
