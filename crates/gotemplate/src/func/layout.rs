//! Go's layouts of dates: which part of the reference time `Mon Jan 2 15:04:05 MST 2006` a piece of text stands for.

/// A part of a layout that stands for a part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `January`.
    LongMonth,
    /// `Jan`.
    Month,
    /// `1`.
    MonthNumber,
    /// `01`.
    MonthTwoDigits,
    /// `Monday`.
    LongWeekday,
    /// `Mon`.
    Weekday,
    /// `2`.
    Day,
    /// `_2`.
    DayPadded,
    /// `02`.
    DayTwoDigits,
    /// `__2`.
    YearDayPadded,
    /// `002`.
    YearDay,
    /// `15`.
    Hour,
    /// `3`.
    Hour12,
    /// `03`.
    Hour12TwoDigits,
    /// `4`.
    Minute,
    /// `04`.
    MinuteTwoDigits,
    /// `5`.
    Second,
    /// `05`.
    SecondTwoDigits,
    /// `2006`.
    LongYear,
    /// `06`.
    Year,
    /// `PM`.
    UpperHalf,
    /// `pm`.
    LowerHalf,
    /// `MST`.
    ZoneName,
    /// `-0700` and its kin.
    Offset(Offset),
    /// `.000`: that many digits.
    Fraction(Fraction),
}

/// How an offset from UTC is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    /// `Z` stands for UTC.
    pub(super) z: bool,
    /// A colon stands between the numbers.
    pub(super) colon: bool,
    /// How many two-digit numbers: hours, minutes, seconds.
    pub(super) numbers: usize,
}

/// How a fraction of a second is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fraction {
    /// `.` or `,`.
    pub(super) separator: u8,
    /// How many digits at most.
    pub(super) digits: usize,
    /// Written with nines: without trailing zeros, and absent if it is zero.
    pub(super) trimmed: bool,
}

/// A layout cut at its first part.
pub(super) struct Cut<'l> {
    /// What stands before the part, to be taken literally.
    pub(super) before: &'l [u8],
    /// The part and how it is written, if there is one.
    pub(super) part: Option<(Part, &'l [u8])>,
    /// What stands after it.
    pub(super) after: &'l [u8],
}

/// Cuts a layout at the first part in it.
pub(super) fn cut(layout: &[u8]) -> Cut<'_> {
    for at in 0..layout.len() {
        if let Some((skipped, part, len)) = part_at(&layout[at..]) {
            let start = at + skipped;
            let (written, after) = layout[start..].split_at(len);
            return Cut { before: &layout[..start], part: Some((part, written)), after };
        }
    }
    Cut { before: layout, part: None, after: &[] }
}

/// What a text begins with, longer ones before shorter ones that they begin with.
const FIXED: &[(&[u8], Part)] = &[
    (b"January", Part::LongMonth),
    (b"Monday", Part::LongWeekday),
    (b"MST", Part::ZoneName),
    (b"01", Part::MonthTwoDigits),
    (b"02", Part::DayTwoDigits),
    (b"03", Part::Hour12TwoDigits),
    (b"04", Part::MinuteTwoDigits),
    (b"05", Part::SecondTwoDigits),
    (b"06", Part::Year),
    (b"002", Part::YearDay),
    (b"15", Part::Hour),
    (b"1", Part::MonthNumber),
    (b"2006", Part::LongYear),
    (b"2", Part::Day),
    (b"__2", Part::YearDayPadded),
    (b"3", Part::Hour12),
    (b"4", Part::Minute),
    (b"5", Part::Second),
    (b"PM", Part::UpperHalf),
    (b"pm", Part::LowerHalf),
    (b"-070000", Part::Offset(Offset { z: false, colon: false, numbers: 3 })),
    (b"-07:00:00", Part::Offset(Offset { z: false, colon: true, numbers: 3 })),
    (b"-0700", Part::Offset(Offset { z: false, colon: false, numbers: 2 })),
    (b"-07:00", Part::Offset(Offset { z: false, colon: true, numbers: 2 })),
    (b"-07", Part::Offset(Offset { z: false, colon: false, numbers: 1 })),
    (b"Z070000", Part::Offset(Offset { z: true, colon: false, numbers: 3 })),
    (b"Z07:00:00", Part::Offset(Offset { z: true, colon: true, numbers: 3 })),
    (b"Z0700", Part::Offset(Offset { z: true, colon: false, numbers: 2 })),
    (b"Z07:00", Part::Offset(Offset { z: true, colon: true, numbers: 2 })),
    (b"Z07", Part::Offset(Offset { z: true, colon: false, numbers: 1 })),
];

/// The part that a text begins with, how many bytes of it are literal all the same, and how many are the part.
fn part_at(text: &[u8]) -> Option<(usize, Part, usize)> {
    if let Some((written, part)) = FIXED.iter().find(|(written, _)| text.starts_with(written)) {
        return Some((0, *part, written.len()));
    }
    let no_word = !text.get(3).is_some_and(u8::is_ascii_lowercase);
    match text {
        [b'J', b'a', b'n', ..] if no_word => Some((0, Part::Month, 3)),
        [b'M', b'o', b'n', ..] if no_word => Some((0, Part::Weekday, 3)),
        [b'_', b'2', b'0', b'0', b'6', ..] => Some((1, Part::LongYear, 4)),
        [b'_', b'2', ..] => Some((0, Part::DayPadded, 2)),
        [separator @ (b'.' | b','), digit @ (b'0' | b'9'), ..] => {
            let digits = text[1..].iter().take_while(|byte| *byte == digit).count();
            let alone = !text.get(1 + digits).is_some_and(u8::is_ascii_digit);
            let fraction = Fraction { separator: *separator, digits, trimmed: *digit == b'9' };
            alone.then_some((0, Part::Fraction(fraction), 1 + digits))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(layout: &str) -> Vec<Part> {
        let mut rest = layout.as_bytes();
        let mut out = Vec::new();
        while let Cut { part: Some((part, _)), after, .. } = cut(rest) {
            out.push(part);
            rest = after;
        }
        out
    }

    #[test]
    fn a_month_in_a_word_is_none() {
        assert_eq!(parts("Janet"), []);
        assert_eq!(parts("Jan Monkey"), [Part::Month]);
    }

    #[test]
    fn an_underscore_before_a_year_is_literal() {
        assert_eq!(cut(b"_2006").before, b"_");
        assert_eq!(parts("_2 __2"), [Part::DayPadded, Part::YearDayPadded]);
    }

    #[test]
    fn a_fraction_before_other_digits_is_none() {
        assert_eq!(parts(".0001"), [Part::MonthTwoDigits]);
        assert_eq!(parts(",99"), [Part::Fraction(Fraction { separator: b',', digits: 2, trimmed: true })]);
    }
}
