//! Reads dates by Go's layouts, with the messages of `time.ParseError`.

use super::civil::{Date, MONTHS, WEEKDAYS, days_of_month, is_leap};
use super::duration::{leading_int, quote};
use super::layout::{Cut, Fraction, Offset, Part, cut};
use super::time::Time;
use super::zone::Zone;
use crate::error::Fault;

/// Why a part of a text could not be read.
enum Bad {
    /// It is not of the part's form.
    Form,
    /// It is, but the number is too large; what it would be.
    Range(&'static str),
}

type Read<T> = Result<T, Bad>;

/// What a text has said of its date so far.
#[derive(Default)]
struct Draft {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    /// Both halves of the day may be named, if the layout has two of them.
    before_noon: bool,
    after_noon: bool,
    utc: bool,
    offset: Option<i64>,
    zone_name: Vec<u8>,
}

/// `time.ParseInLocation`: the moment that the text names, in the local zone if it names no other.
pub(super) fn parse(layout: &[u8], text: &[u8], local: &Zone) -> Result<Time, Fault> {
    let mut draft = Draft::default();
    let (mut layout_rest, mut rest) = (layout, text);
    loop {
        let Cut { before, part, after } = cut(layout_rest);
        rest = skip(rest, before).map_err(|rest| cannot(layout, text, before, rest))?;
        let Some((part, written)) = part else { break };
        let follows = cut(after).part.map(|(part, _)| part);
        match draft.read(part, rest, follows) {
            Ok(after) => rest = after,
            Err(Bad::Form) => return Err(cannot(layout, text, written, rest)),
            Err(Bad::Range(what)) => return Err(refused(text, &format!("{what} out of range"))),
        }
        layout_rest = after;
    }
    if !rest.is_empty() {
        return Err(refused(text, &format!("extra text: {}", quote(rest))));
    }
    let date = draft.date().map_err(|what| refused(text, what))?;
    Ok(draft.moment(date, local))
}

fn cannot(layout: &[u8], text: &[u8], wanted: &[u8], found: &[u8]) -> Fault {
    let (layout, text) = (quote(layout), quote(text));
    Fault::new(format!("parsing time {text} as {layout}: cannot parse {} as {}", quote(found), quote(wanted)))
}

fn refused(text: &[u8], why: &str) -> Fault {
    Fault::new(format!("parsing time {}: {why}", quote(text)))
}

/// What comes after a literal text, of which any spaces match any others; else what does not match.
fn skip<'t>(mut text: &'t [u8], mut literal: &[u8]) -> Result<&'t [u8], &'t [u8]> {
    while let [first, others @ ..] = literal {
        if *first == b' ' {
            if text.first().is_some_and(|byte| *byte != b' ') {
                return Err(text);
            }
            literal = without_spaces(literal);
            text = without_spaces(text);
            continue;
        }
        text = text.strip_prefix(&[*first]).ok_or(text)?;
        literal = others;
    }
    Ok(text)
}

fn without_spaces(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|byte| **byte == b' ').count()..]
}

impl Draft {
    /// Reads a part, and returns what comes after it.
    fn read<'t>(&mut self, part: Part, text: &'t [u8], follows: Option<Part>) -> Read<&'t [u8]> {
        match part {
            Part::LongYear | Part::Year => self.read_year(part, text),
            Part::LongMonth | Part::Month => {
                let (at, rest) = name(&MONTHS, text, part == Part::Month)?;
                self.month = Some(at + 1);
                Ok(rest)
            }
            Part::LongWeekday | Part::Weekday => {
                name(&WEEKDAYS, text, part == Part::Weekday).map(|(_, rest)| rest)
            }
            Part::MonthNumber | Part::MonthTwoDigits => {
                let (month, rest) = number(text, part == Part::MonthTwoDigits)?;
                self.month = Some(within(month, 1, 12, "month")?);
                Ok(rest)
            }
            Part::Day | Part::DayPadded | Part::DayTwoDigits => {
                let text = if part == Part::DayPadded { without_space(text) } else { text };
                let (day, rest) = number(text, part == Part::DayTwoDigits)?;
                self.day = Some(day);
                Ok(rest)
            }
            Part::YearDay | Part::YearDayPadded => self.read_day_of_year(part, text),
            Part::UpperHalf | Part::LowerHalf => self.read_half(part, text),
            Part::ZoneName => self.read_zone_name(text),
            Part::Offset(form) => self.read_offset(form, text),
            Part::Fraction(form) => self.read_fraction(form, text),
            Part::Hour
            | Part::Hour12
            | Part::Hour12TwoDigits
            | Part::Minute
            | Part::MinuteTwoDigits
            | Part::Second
            | Part::SecondTwoDigits => self.read_clock(part, text, follows),
        }
    }

    fn read_year<'t>(&mut self, part: Part, text: &'t [u8]) -> Read<&'t [u8]> {
        let digits = if part == Part::Year { 2 } else { 4 };
        let (year, rest) = text.split_at_checked(digits).ok_or(Bad::Form)?;
        if part == Part::LongYear && !text[0].is_ascii_digit() {
            return Err(Bad::Form);
        }
        let year = signed(year)?;
        self.year = match part {
            Part::Year if year >= 69 => year + 1900,
            Part::Year => year + 2000,
            _ => year,
        };
        Ok(rest)
    }

    fn read_day_of_year<'t>(&mut self, part: Part, mut text: &'t [u8]) -> Read<&'t [u8]> {
        if part == Part::YearDayPadded {
            text = without_space(without_space(text));
        }
        let digits = text.iter().take(3).take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || part == Part::YearDay && digits != 3 {
            return Err(Bad::Form);
        }
        self.day_of_year = Some(signed(&text[..digits])?);
        Ok(&text[digits..])
    }

    fn read_clock<'t>(&mut self, part: Part, text: &'t [u8], follows: Option<Part>) -> Read<&'t [u8]> {
        let fixed = matches!(part, Part::Hour12TwoDigits | Part::MinuteTwoDigits | Part::SecondTwoDigits);
        let (value, rest) = number(text, fixed)?;
        match part {
            Part::Hour => self.hour = within(value, 0, 23, "hour")?,
            Part::Hour12 | Part::Hour12TwoDigits => self.hour = within(value, 0, 12, "hour")?,
            Part::Minute | Part::MinuteTwoDigits => self.minute = within(value, 0, 59, "minute")?,
            _ => {
                self.second = within(value, 0, 59, "second")?;
                return self.read_unasked_fraction(rest, follows);
            }
        }
        Ok(rest)
    }

    /// A fraction after the seconds, where the layout has none.
    fn read_unasked_fraction<'t>(&mut self, text: &'t [u8], follows: Option<Part>) -> Read<&'t [u8]> {
        let [b'.' | b',', digit, ..] = text else { return Ok(text) };
        if !digit.is_ascii_digit() || matches!(follows, Some(Part::Fraction(_))) {
            return Ok(text);
        }
        let len = 1 + text[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.nanos = nanoseconds(&text[..len])?;
        Ok(&text[len..])
    }

    fn read_half<'t>(&mut self, part: Part, text: &'t [u8]) -> Read<&'t [u8]> {
        let (half, rest) = text.split_at_checked(2).ok_or(Bad::Form)?;
        match (part, half) {
            (Part::UpperHalf, b"PM") | (Part::LowerHalf, b"pm") => self.after_noon = true,
            (Part::UpperHalf, b"AM") | (Part::LowerHalf, b"am") => self.before_noon = true,
            _ => return Err(Bad::Form),
        }
        Ok(rest)
    }

    fn read_offset<'t>(&mut self, form: Offset, text: &'t [u8]) -> Read<&'t [u8]> {
        if let (true, [b'Z', rest @ ..]) = (form.z, text) {
            self.utc = true;
            return Ok(rest);
        }
        let step = if form.colon { 3 } else { 2 };
        let len = form.numbers * step + if form.colon { 0 } else { 1 };
        let (written, rest) = text.split_at_checked(len).ok_or(Bad::Form)?;
        let colons = (1..form.numbers).filter(|_| form.colon).map(|at| written[at * 3]);
        if colons.clone().any(|byte| byte != b':') {
            return Err(Bad::Form);
        }
        let mut numbers = [0; 3];
        let mut bad = false;
        for (at, into) in numbers.iter_mut().enumerate().take(form.numbers) {
            match number(&written[1 + at * step..3 + at * step], true) {
                Ok((value, _)) if !bad => *into = value,
                _ => bad = true,
            }
        }
        let units = ["time zone offset hour", "time zone offset minute", "time zone offset second"];
        // Of several that are too large Go names the last.
        for ((value, max), unit) in numbers.iter().zip([24, 60, 60]).zip(units).rev() {
            within(*value, 0, max, unit)?;
        }
        let seconds = (numbers[0] * 60 + numbers[1]) * 60 + numbers[2];
        self.offset = Some(match written[0] {
            _ if bad => return Err(Bad::Form),
            b'+' => seconds,
            b'-' => -seconds,
            _ => return Err(Bad::Form),
        });
        Ok(rest)
    }

    fn read_zone_name<'t>(&mut self, text: &'t [u8]) -> Read<&'t [u8]> {
        if let Some(rest) = text.strip_prefix(b"UTC") {
            self.utc = true;
            return Ok(rest);
        }
        let (name, rest) = text.split_at(zone_name_len(text).ok_or(Bad::Form)?);
        self.zone_name = name.to_vec();
        Ok(rest)
    }

    fn read_fraction<'t>(&mut self, form: Fraction, text: &'t [u8]) -> Read<&'t [u8]> {
        let len = if form.trimmed {
            let [b'.' | b',', digit, ..] = text else { return Ok(text) };
            if !digit.is_ascii_digit() {
                return Ok(text);
            }
            1 + text[1..].iter().take_while(|byte| byte.is_ascii_digit()).count()
        } else {
            1 + form.digits
        };
        let (written, rest) = text.split_at_checked(len).ok_or(Bad::Form)?;
        self.nanos = nanoseconds(written)?;
        Ok(rest)
    }

    /// The date, if the calendar has it.
    fn date(&self) -> Result<Date, &'static str> {
        let year = self.year;
        if let Some(day_of_year) = self.day_of_year {
            return self.date_of(day_of_year);
        }
        let date = Date { year, month: self.month.unwrap_or(1), day: self.day.unwrap_or(1) };
        if date.day < 1 || date.day > days_of_month(year, date.month) {
            return Err("day out of range");
        }
        Ok(date)
    }

    fn date_of(&self, day_of_year: i64) -> Result<Date, &'static str> {
        let days = if is_leap(self.year) { 366 } else { 365 };
        if day_of_year < 1 || day_of_year > days {
            return Err("day-of-year out of range");
        }
        let first = Date { year: self.year, month: 1, day: 1 };
        let date = Date::of_days(first.days() + day_of_year - 1);
        if self.month.is_some_and(|month| month != date.month) {
            return Err("day-of-year does not match month");
        }
        if self.day.is_some_and(|day| day != date.day) {
            return Err("day-of-year does not match day");
        }
        Ok(date)
    }

    fn moment(&self, date: Date, local: &Zone) -> Time {
        let hour = match self.hour {
            hour if self.after_noon && hour < 12 => hour + 12,
            12 if self.before_noon => 0,
            hour => hour,
        };
        let second = (hour * 60 + self.minute) * 60 + self.second;
        let wall = |zone: Zone| Time::of_wall(date, second, self.nanos, zone);
        let name = String::from_utf8_lossy(&self.zone_name).into_owned();
        if self.utc {
            return wall(Zone::Utc);
        }
        // One second west of UTC Go takes for no offset.
        if let Some(offset) = self.offset.filter(|offset| *offset != -1) {
            let time = wall(Zone::fixed(name.clone(), offset));
            let rule = local.at(time.seconds);
            let fits = rule.offset == offset && (name.is_empty() || rule.name == name);
            return if fits { time.within(local.clone()) } else { time };
        }
        if name.is_empty() {
            return wall(local.clone());
        }
        match local.offset_of(&name, wall(Zone::Utc).seconds) {
            Some(offset) => wall(Zone::fixed(String::new(), offset)).within(local.clone()),
            None => {
                // Go does not subtract these hours: the clocks of UTC show that time.
                let hours = name.strip_prefix("GMT").and_then(|hours| hours.parse::<i64>().ok());
                wall(Zone::Utc).within(Zone::fixed(name, hours.unwrap_or_default() * 3600))
            }
        }
    }
}

fn within(value: i64, min: i64, max: i64, what: &'static str) -> Read<i64> {
    if (min..=max).contains(&value) { Ok(value) } else { Err(Bad::Range(what)) }
}

fn without_space(text: &[u8]) -> &[u8] {
    text.strip_prefix(b" ").unwrap_or(text)
}

/// A number of one or two digits; of two if the layout has two.
fn number(text: &[u8], fixed: bool) -> Read<(i64, &[u8])> {
    match text {
        [a, b, rest @ ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Ok((i64::from(a - b'0') * 10 + i64::from(b - b'0'), rest))
        }
        [a, rest @ ..] if a.is_ascii_digit() && !fixed => Ok(((a - b'0').into(), rest)),
        _ => Err(Bad::Form),
    }
}

/// All of a text as a number, with a sign perhaps.
fn signed(text: &[u8]) -> Read<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    };
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(Bad::Form);
    }
    let number = leading_int(digits).ok_or(Bad::Form)?.cast_signed();
    Ok(if negative { -number } else { number })
}

/// A separator and digits as nanoseconds; digits beyond nine do not count.
fn nanoseconds(text: &[u8]) -> Read<i64> {
    const DIGITS: usize = 9;
    let [b'.' | b',', digits @ ..] = text else { return Err(Bad::Form) };
    let digits = &digits[..digits.len().min(DIGITS)];
    let number = within(signed(digits)?, 0, i64::MAX, "fractional second")?;
    let missing = u32::try_from(DIGITS - digits.len()).unwrap_or_default();
    Ok(number * 10i64.pow(missing))
}

/// The name that the text begins with, in any case, by its place in the list.
fn name<'t>(names: &[&str], text: &'t [u8], short: bool) -> Read<(i64, &'t [u8])> {
    for (at, name) in names.iter().enumerate() {
        let name = if short { &name[..3] } else { name };
        match text.split_at_checked(name.len()) {
            Some((found, rest)) if found.eq_ignore_ascii_case(name.as_bytes()) => {
                return Ok((at as i64, rest));
            }
            _ => {}
        }
    }
    Err(Bad::Form)
}

/// How long the abbreviation of a zone is that the text begins with.
fn zone_name_len(text: &[u8]) -> Option<usize> {
    match text {
        [b'C', b'h', b'S', b'T', ..] | [b'M', b'e', b'S', b'T', ..] => return Some(4),
        [b'G', b'M', b'T', rest @ ..] => return Some(3 + signed_hours_len(rest).unwrap_or_default()),
        [b'+' | b'-', _, _, ..] => return signed_hours_len(text),
        _ => {}
    }
    let letters = text.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count();
    match letters {
        3 => Some(3),
        4 if text[3] == b'T' || text.starts_with(b"WITA") => Some(4),
        5 if text[4] == b'T' => Some(5),
        _ => None,
    }
}

/// How long a sign with hours up to 23 is.
fn signed_hours_len(text: &[u8]) -> Option<usize> {
    let [b'+' | b'-', digits @ ..] = text else { return None };
    let len = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let hours = leading_int(&digits[..len])?;
    (len > 0 && hours <= 23).then_some(1 + len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(layout: &str, text: &str, zone: &Zone) -> String {
        match parse(layout.as_bytes(), text.as_bytes(), zone) {
            Ok(time) => time.to_text(),
            Err(fault) => fault.to_string(),
        }
    }

    #[test]
    fn a_text_without_a_zone_is_local() {
        let berlin = Zone::load("Europe/Berlin").unwrap();
        assert_eq!(shown("2006-01-02 15:04", "2024-07-01 12:00", &berlin), "2024-07-01 12:00:00 +0200 CEST");
        assert_eq!(shown("15:04 MST", "12:00 XYZ", &berlin), "0000-01-01 12:00:00 +0000 XYZ");
        assert_eq!(
            shown("2006-01-02 15:04 MST", "2024-01-01 12:00 CET", &berlin),
            "2024-01-01 12:00:00 +0100 CET"
        );
    }

    #[test]
    fn days_of_the_year_must_agree_with_the_date() {
        assert_eq!(shown("2006 002", "2024 060", &Zone::Utc), "2024-02-29 00:00:00 +0000 UTC");
        assert_eq!(
            shown("2006-01 002", "2024-01 060", &Zone::Utc),
            "parsing time \"2024-01 060\": day-of-year does not match month"
        );
    }

    #[test]
    fn both_halves_of_a_day_may_be_named() {
        assert_eq!(shown("PM-pm-PM", "PM-pm-AM", &Zone::Utc), "0000-01-01 12:00:00 +0000 UTC");
        assert_eq!(shown("3PM pm", "12PM am", &Zone::Utc), "0000-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn an_offset_of_a_second_to_the_west_is_none() {
        let berlin = Zone::load("Europe/Berlin").unwrap();
        assert_eq!(shown("2006 -07:00:00", "2024 -00:00:01", &berlin), "2024-01-01 00:00:00 +0100 CET");
    }

    #[test]
    fn offsets_are_bounded() {
        assert_eq!(
            shown("-07:00", "+25:00", &Zone::Utc),
            "parsing time \"+25:00\": time zone offset hour out of range"
        );
        assert_eq!(shown("MST", "GMT+3", &Zone::Utc), "0000-01-01 03:00:00 +0300 GMT+3");
    }
}
