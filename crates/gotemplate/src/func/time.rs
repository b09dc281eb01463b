//! `time.Time`: moments, how layouts show them, their methods.

use std::any::Any;
use std::time::SystemTime;

use super::calendar::{MONTH, Named, WEEKDAY};
use super::civil::{Date, SECONDS_OF_DAY, split, weekday};
use super::duration::{self, DURATION, Duration, SECOND};
use super::layout::{Cut, Fraction, Offset, Part};
use super::location::{LOCATION, Location, NoLocation};
use super::time_parts::{cuts, fraction, offset, pieces};
use super::zone::{Rule, Zone};
use super::{Args, Method, Signature};
use crate::error::Fault;
use crate::run::Run;
use crate::types::{Kind, Type, Uint};
use crate::value::{Bytes, Object, Value};

/// The type of moments.
pub(super) const TIME: Type = Type::Named("time.Time", Kind::Struct);

/// From the year 1, where Go's zero time is, to 1970.
const YEAR_1_TO_1970: i64 = 62_135_596_800;

/// As JSON and YAML show a moment: as long as what it shows at most.
const RFC3339: &[u8] = b"2006-01-02T15:04:05.999999999Z07:00";
/// The most bytes of a moment in `encoding/gob`.
const BINARY: usize = 16;

/// A moment, shown in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Time {
    /// Since 1970.
    pub(super) seconds: i64,
    pub(super) nanos: i64,
    pub(super) zone: Zone,
}

/// What a clock and a calendar on the wall show.
struct Wall {
    days: i64,
    date: Date,
    hour: i64,
    minute: i64,
    second: i64,
    rule: Rule,
}

static METHODS: &[Method<Time>] = &[
    Method::new("Format", &[Type::String], Type::String, |time, run, args| {
        let layout = args.str(0)?;
        pay_for_layout(run, layout)?;
        Ok(Value::str(time.format(layout)))
    }),
    Method::new("AppendFormat", &[Type::BYTES, Type::String], Type::BYTES, |time, run, args| {
        let (before, layout) = (args.bytes(0)?, args.str(1)?);
        run.make(before.len().saturating_add(layout.len()))?;
        pay_for_layout(run, layout)?;
        Ok(Value::Bytes(time.append_format(before, layout)))
    }),
    Method::new("String", &[], Type::String, |time, _, _| Ok(time.to_text().into())),
    Method::new("GoString", &[], Type::String, |time, _, _| Ok(time.to_go_syntax().into())),
    Method::new("Unix", &[], Type::INT64, |time, _, _| Ok(Value::int64(time.seconds))),
    Method::new("UnixMilli", &[], Type::INT64, |time, _, _| Ok(time.since_1970(1000))),
    Method::new("UnixMicro", &[], Type::INT64, |time, _, _| Ok(time.since_1970(1_000_000))),
    Method::new("UnixNano", &[], Type::INT64, |time, _, _| Ok(time.since_1970(SECOND))),
    Method::new("Year", &[], Type::INT, |time, _, _| Ok(Value::int(time.wall().date.year))),
    Method::new("Month", &[], MONTH, |time, _, _| Ok(Value::object(Named::Month(time.wall().date.month)))),
    Method::new("Day", &[], Type::INT, |time, _, _| Ok(Value::int(time.wall().date.day))),
    Method::new("Weekday", &[], WEEKDAY, |time, _, _| {
        Ok(Value::object(Named::Weekday(weekday(time.wall().days))))
    }),
    Method::new("YearDay", &[], Type::INT, |time, _, _| Ok(Value::int(time.wall().date.day_of_year()))),
    Method::new("Hour", &[], Type::INT, |time, _, _| Ok(Value::int(time.wall().hour))),
    Method::new("Minute", &[], Type::INT, |time, _, _| Ok(Value::int(time.wall().minute))),
    Method::new("Second", &[], Type::INT, |time, _, _| Ok(Value::int(time.wall().second))),
    Method::new("Nanosecond", &[], Type::INT, |time, _, _| Ok(Value::int(time.nanos))),
    Method::new("Add", &[DURATION], TIME, |time, _, args| {
        Ok(Value::object(time.add(duration::argument(args, 0))))
    }),
    Method::new("AddDate", &[Type::INT, Type::INT, Type::INT], TIME, |time, _, args| {
        Ok(Value::object(time.add_date(args.int(0)?, args.int(1)?, args.int(2)?)))
    }),
    Method::new("Sub", &[TIME], DURATION, |time, _, args| {
        Ok(Value::object(time.since(args.object::<Time>(0)?)))
    }),
    Method::new("Before", &[TIME], Type::Bool, |time, _, args| {
        Ok((time.moment() < args.object::<Time>(0)?.moment()).into())
    }),
    Method::new("After", &[TIME], Type::Bool, |time, _, args| {
        Ok((time.moment() > args.object::<Time>(0)?.moment()).into())
    }),
    Method::new("Equal", &[TIME], Type::Bool, |time, _, args| {
        Ok((time.moment() == args.object::<Time>(0)?.moment()).into())
    }),
    Method::new("Compare", &[TIME], Type::INT, |time, _, args| {
        Ok(Value::int(time.moment().cmp(&args.object::<Time>(0)?.moment()) as i64))
    }),
    Method::new("UTC", &[], TIME, |time, _, _| Ok(Value::object(time.within(Zone::Utc)))),
    Method::new("Local", &[], TIME, |time, run, _| Ok(Value::object(time.within(local(run))))),
    Method::new("In", &[LOCATION], TIME, |time, _, args| match args.value(0).downcast::<Location>() {
        Some(location) => Ok(Value::object(time.within(location.0.clone()))),
        None => Err(Fault::from("time: missing Location in call to Time.In")),
    }),
    Method::new("Location", &[], LOCATION, |time, _, _| Ok(Value::object(Location(time.zone.clone())))),
    Method::new("Truncate", &[DURATION], TIME, |time, _, args| {
        Ok(Value::object(time.truncate(duration::argument(args, 0))))
    }),
    Method::new("Round", &[DURATION], TIME, |time, _, args| {
        Ok(Value::object(time.round(duration::argument(args, 0))))
    }),
    Method::new("IsZero", &[], Type::Bool, |time, _, _| Ok((time.moment() == Time::zero().moment()).into())),
    Method::new("IsDST", &[], Type::Bool, |time, _, _| Ok(time.zone.at(time.seconds).summer.into())),
    Method::new("AppendText", &[Type::BYTES], Type::BYTES, |time, run, args| {
        run.make(args.bytes(0)?.len().saturating_add(RFC3339.len()))?;
        Ok(Value::Bytes(time.append_rfc3339(args.bytes(0)?, "AppendText")?))
    }),
    Method::new("AppendBinary", &[Type::BYTES], Type::BYTES, |time, run, args| {
        run.make(args.bytes(0)?.len().saturating_add(BINARY))?;
        Ok(Value::Bytes(time.append_binary(args.bytes(0)?)?))
    }),
    Method::new("MarshalBinary", &[], Type::BYTES, |time, _, _| {
        Ok(Value::Bytes(time.append_binary(&Bytes::with_capacity(&[], BINARY))?))
    }),
    Method::new("GobEncode", &[], Type::BYTES, |time, _, _| {
        Ok(Value::Bytes(time.append_binary(&Bytes::with_capacity(&[], BINARY))?))
    }),
    Method::new("MarshalText", &[], Type::BYTES, |time, _, _| {
        let empty = Bytes::with_capacity(&[], RFC3339.len());
        Ok(Value::Bytes(time.append_rfc3339(&empty, "MarshalText")?))
    }),
    Method::new("MarshalJSON", &[], Type::BYTES, |time, _, _| {
        let quote = Bytes::with_capacity(b"\"", RFC3339.len() + 2);
        Ok(Value::Bytes(time.append_rfc3339(&quote, "MarshalJSON")?.append(b"\"")))
    }),
];

impl Object for Time {
    fn go_type(&self) -> Type {
        TIME
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        let location = match self.zone {
            Zone::Utc => Value::object(NoLocation),
            _ => Value::object(Location(self.zone.clone())),
        };
        vec![
            ("wall", Value::Uint(Uint::Uint64, self.nanos.cast_unsigned())),
            ("ext", Value::int64(self.seconds.wrapping_add(YEAR_1_TO_1970))),
            ("loc", location),
        ]
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(METHODS, name, self, run, args)
    }

    fn uncallable(&self, name: &str) -> Option<String> {
        let second = |of: &str| {
            format!("invalid function signature for {name}: second return value should be error; is {of}")
        };
        match name {
            "ISOWeek" | "Zone" => Some(second("int")),
            "ZoneBounds" => Some(second("time.Time")),
            "Date" | "Clock" => Some(format!("function {name} has 3 return values; should be 1 or 2")),
            _ => None,
        }
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.to_text().into_bytes())
    }

    fn go_syntax(&self) -> Option<Vec<u8>> {
        Some(self.to_go_syntax().into_bytes())
    }

    fn json(&self) -> Option<Value> {
        Some(self.to_rfc3339("MarshalJSON").map_or(Value::Nil, Value::str))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }

    fn is_same(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn Any = other;
        let is_same = |other: &Self| self == other && self.zone.is_same(&other.zone);
        Some(other.downcast_ref().is_some_and(is_same))
    }
}

/// What it costs to show a moment: a layout may consist of parts alone.
pub(super) fn pay_for_layout(run: &mut Run<'_>, layout: &[u8]) -> Result<(), Fault> {
    run.make(layout.len())?;
    run.spend(layout.len() as u64 / 16)
}

/// The local zone of the rendering; UTC if there is none of its name.
pub(super) fn local(run: &Run<'_>) -> Zone {
    Zone::load(run.zone()).unwrap_or(Zone::Utc)
}

impl Time {
    /// The 1st of January of the year 1.
    pub(super) const fn zero() -> Self {
        Self { seconds: -YEAR_1_TO_1970, nanos: 0, zone: Zone::Utc }
    }

    pub(super) const fn from_unix(seconds: i64, zone: Zone) -> Self {
        Self { seconds, nanos: 0, zone }
    }

    /// The present of the rendering, in its local zone.
    pub(super) fn now(run: &Run<'_>) -> Result<Self, Fault> {
        let zone = local(run);
        Ok(match run.now()?.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => {
                Self { seconds: after.as_secs().cast_signed(), nanos: after.subsec_nanos().into(), zone }
            }
            Err(before) => {
                let before = i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX);
                Self::from_unix(0, zone).add(Duration(-before))
            }
        })
    }

    /// The moment when the clocks of a zone show this. Of two such moments, or none, Go's choice.
    pub(super) fn of_wall(date: Date, second_of_day: i64, nanos: i64, zone: Zone) -> Self {
        let seconds = date.days().wrapping_mul(SECONDS_OF_DAY).wrapping_add(second_of_day);
        let guess = seconds.wrapping_sub(zone.at(seconds).offset);
        let offset = zone.at(guess).offset;
        Self { seconds: seconds.wrapping_sub(offset), nanos, zone }
    }

    /// The same moment, shown in another zone.
    pub(super) fn within(&self, zone: Zone) -> Self {
        Self { zone, ..self.clone() }
    }

    /// Since the year 1, from where Go counts: seconds and nanoseconds.
    const fn moment(&self) -> (i64, i64) {
        (self.seconds.wrapping_add(YEAR_1_TO_1970), self.nanos)
    }

    /// In so many units a second; beyond 64 bits it wraps.
    fn since_1970(&self, units: i64) -> Value {
        Value::int64(self.seconds.wrapping_mul(units).wrapping_add(self.nanos / (SECOND / units)))
    }

    /// The end is 2^63 - 1 seconds before and after the year 1.
    pub(super) fn add(&self, span: Duration) -> Self {
        let nanos = self.nanos + span.0 % SECOND;
        let seconds = span.0 / SECOND + nanos.div_euclid(SECOND);
        let end = if seconds > 0 { i64::MAX } else { -i64::MAX };
        let seconds = self.moment().0.checked_add(seconds).unwrap_or(end).wrapping_sub(YEAR_1_TO_1970);
        Self { seconds, nanos: nanos.rem_euclid(SECOND), zone: self.zone.clone() }
    }

    fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let wall = self.wall();
        let date = Date {
            year: wall.date.year.wrapping_add(years),
            month: wall.date.month.wrapping_add(months),
            day: wall.date.day.wrapping_add(days),
        };
        let second_of_day = (wall.hour * 60 + wall.minute) * 60 + wall.second;
        Self::of_wall(date, second_of_day, self.nanos, self.zone.clone())
    }

    /// The span since an earlier moment, as far as a span reaches.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        let (seconds, nanos) = (self.seconds.wrapping_sub(earlier.seconds), self.nanos - earlier.nanos);
        let span = Duration(seconds.wrapping_mul(SECOND).wrapping_add(nanos));
        if earlier.add(span).moment() == self.moment() {
            span
        } else {
            Duration(if self.moment() < earlier.moment() { i64::MIN } else { i64::MAX })
        }
    }

    /// What is over a multiple of the span since the year 1.
    fn over(&self, span: Duration) -> Duration {
        let (seconds, nanos) = self.moment();
        if (seconds, nanos) == (i64::MIN, 0) && span.0 % SECOND == 0 {
            // This one Go cannot make positive.
            let over = seconds % (span.0 / SECOND) * SECOND;
            return if over == 0 { Duration(0) } else { Duration(span.0.wrapping_sub(over)) };
        }
        let all = i128::from(seconds) * i128::from(SECOND) + i128::from(nanos);
        Duration(all.rem_euclid(i128::from(span.0)) as i64)
    }

    fn truncate(&self, span: Duration) -> Self {
        if span.0 <= 0 { self.clone() } else { self.add(Duration(self.over(span).0.wrapping_neg())) }
    }

    fn round(&self, span: Duration) -> Self {
        if span.0 <= 0 {
            return self.clone();
        }
        let over = self.over(span).0;
        let down = over.cast_unsigned().wrapping_mul(2) < span.0.cast_unsigned();
        self.add(Duration(if down { over.wrapping_neg() } else { span.0.wrapping_sub(over) }))
    }

    fn wall(&self) -> Wall {
        let rule = self.zone.at(self.seconds);
        let (days, second) = split(self.seconds.wrapping_add(rule.offset));
        Wall {
            days,
            date: Date::of_days(days),
            hour: second / 3600,
            minute: second / 60 % 60,
            second: second % 60,
            rule,
        }
    }

    pub(super) fn to_text(&self) -> String {
        let text = self.format(b"2006-01-02 15:04:05.999999999 -0700 MST");
        String::from_utf8_lossy(&text).into_owned()
    }

    fn to_go_syntax(&self) -> String {
        let Wall { date, hour, minute, second, .. } = self.wall();
        let month = Named::Month(date.month).name();
        let zone = match &self.zone {
            Zone::Utc => "time.UTC".to_owned(),
            zone => format!("time.Location({})", duration::quote(zone.name().as_bytes())),
        };
        let clock = format!("{hour}, {minute}, {second}, {}", self.nanos);
        format!("time.Date({}, time.{month}, {}, {clock}, {zone})", date.year, date.day)
    }

    /// As JSON and YAML show it.
    pub(super) fn to_rfc3339(&self, method: &str) -> Result<Vec<u8>, Fault> {
        Ok(self.append_rfc3339(&Bytes::from(""), method)?.to_vec())
    }

    /// That, behind what is there already.
    fn append_rfc3339(&self, before: &Bytes, method: &str) -> Result<Bytes, Fault> {
        let wall = self.wall();
        if !(0..=9999).contains(&wall.date.year) {
            return Err(Fault::new(format!("Time.{method}: year outside of range [0,9999]")));
        }
        if wall.rule.offset.abs() >= SECONDS_OF_DAY {
            return Err(Fault::new(format!("Time.{method}: timezone hour outside of range [0,23]")));
        }
        Ok(self.append_format(before, RFC3339))
    }

    /// As `encoding/gob` has it: a version, the seconds since the year 1, the nanoseconds, the minutes east of UTC or
    /// -1 for UTC itself. The second version has the seconds of the offset too.
    fn append_binary(&self, before: &Bytes) -> Result<Bytes, Fault> {
        let is_utc = self.zone == Zone::Utc;
        let offset = if is_utc { -60 } else { self.zone.at(self.seconds).offset };
        let minutes = i16::try_from(offset / 60).ok().filter(|minutes| *minutes != -1 || is_utc);
        let minutes = minutes.ok_or("Time.MarshalBinary: unexpected zone offset")?;
        let seconds = (offset % 60) as i8;
        let mut out = vec![if seconds == 0 { 1 } else { 2 }];
        out.extend(self.seconds.wrapping_add(YEAR_1_TO_1970).to_be_bytes());
        out.extend((self.nanos as u32).to_be_bytes());
        out.extend(minutes.to_be_bytes());
        let out = before.append(&out);
        Ok(if seconds == 0 { out } else { out.append(&seconds.to_be_bytes()) })
    }

    /// The moment as a layout shows it.
    pub(super) fn format(&self, layout: &[u8]) -> Vec<u8> {
        let wall = self.wall();
        let mut out = Vec::with_capacity(layout.len() + 8);
        for Cut { before, part, .. } in cuts(layout) {
            out.extend(before);
            if let Some((part, _)) = part {
                out.extend(self.show(part, &wall).into_bytes());
            }
        }
        out
    }

    /// The same, behind what is there already, in the pieces in which Go appends it: room for them grows with each.
    fn append_format(&self, before: &Bytes, layout: &[u8]) -> Bytes {
        let wall = self.wall();
        let mut out = before.clone();
        for Cut { before, part, .. } in cuts(layout) {
            out = out.append(before);
            if let Some((part, _)) = part {
                let text = self.show(part, &wall);
                out = match part {
                    Part::Fraction(form) => self.append_fraction(&out, form, &text),
                    _ => pieces(part, text.as_bytes(), &wall.rule)
                        .iter()
                        .fold(out, |out, piece| out.append(piece)),
                };
            }
        }
        out
    }

    /// Go appends all nine digits, and takes back what is too much.
    fn append_fraction(&self, before: &Bytes, form: Fraction, text: &str) -> Bytes {
        if form.trimmed && self.nanos == 0 {
            return before.clone();
        }
        let digits = format!("{:09}", self.nanos);
        let zeros = digits.bytes().take(8).take_while(|digit| *digit == b'0').count();
        let (zeros, number) = digits.as_bytes().split_at(zeros);
        let all = zeros.chunks(1).fold(before.append(&[form.separator]), |out, zero| out.append(zero));
        all.append(number).slice(0, before.len() + text.len()).unwrap_or_default()
    }

    fn show(&self, part: Part, wall: &Wall) -> String {
        let date = wall.date;
        let hour12 = if wall.hour % 12 == 0 { 12 } else { wall.hour % 12 };
        let half = if wall.hour >= 12 { "PM" } else { "AM" };
        let month = Named::Month(date.month).name();
        let day_name = Named::Weekday(weekday(wall.days)).name();
        match part {
            Part::LongMonth => month.to_owned(),
            Part::Month => month[..3].to_owned(),
            Part::MonthNumber => date.month.to_string(),
            Part::MonthTwoDigits => format!("{:02}", date.month),
            Part::LongWeekday => day_name.to_owned(),
            Part::Weekday => day_name[..3].to_owned(),
            Part::Day => date.day.to_string(),
            Part::DayPadded => format!("{:2}", date.day),
            Part::DayTwoDigits => format!("{:02}", date.day),
            Part::YearDayPadded => format!("{:3}", date.day_of_year()),
            Part::YearDay => format!("{:03}", date.day_of_year()),
            Part::Hour => format!("{:02}", wall.hour),
            Part::Hour12 => hour12.to_string(),
            Part::Hour12TwoDigits => format!("{hour12:02}"),
            Part::Minute => wall.minute.to_string(),
            Part::MinuteTwoDigits => format!("{:02}", wall.minute),
            Part::Second => wall.second.to_string(),
            Part::SecondTwoDigits => format!("{:02}", wall.second),
            Part::LongYear if date.year < 0 => format!("-{:04}", -date.year),
            Part::LongYear => format!("{:04}", date.year),
            Part::Year => format!("{:02}", date.year.abs() % 100),
            Part::UpperHalf => half.to_owned(),
            Part::LowerHalf => half.to_ascii_lowercase(),
            Part::ZoneName if wall.rule.name.is_empty() => {
                offset(wall.rule.offset, Offset { z: false, colon: false, numbers: 2 })
            }
            Part::ZoneName => wall.rule.name.clone(),
            Part::Offset(form) => offset(wall.rule.offset, form),
            Part::Fraction(form) => fraction(self.nanos, form),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_of_five_digits_and_before_zero_are_shown() {
        let late = Time::from_unix(253_402_300_800, Zone::Utc);
        assert_eq!(late.format(b"2006-01-02"), b"10000-01-01");
        assert!(late.to_rfc3339("MarshalJSON").is_err());
        assert_eq!(Time::from_unix(-62_198_755_200, Zone::Utc).format(b"2006"), b"-0001");
    }

    #[test]
    fn a_format_is_appended_to_bytes() {
        let args = [Value::bytes(&b"in "[..]), "2006".into()];
        let env = crate::run::Env::default();
        let time = Time::from_unix(0, Zone::Utc);
        let made = time.call("AppendFormat", &mut Run::new(&env), Args::new(&args)).unwrap();
        assert!(matches!(made, Value::Bytes(text) if *text.borrow() == *b"in 1970"));
    }

    #[test]
    fn a_clock_that_was_turned_on_shows_no_such_hour() {
        let berlin = Zone::load("Europe/Berlin").unwrap();
        let time = Time::of_wall(Date { year: 2024, month: 3, day: 31 }, 2 * 3600 + 1800, 0, berlin);
        assert_eq!(time.to_text(), "2024-03-31 03:30:00 +0200 CEST");
    }

    #[test]
    fn months_added_count_on_into_the_next_year() {
        let time = Time::from_unix(1_700_000_000, Zone::Utc).add_date(0, 14, -14);
        assert_eq!(time.format(b"2006-01-02"), b"2024-12-31");
    }

    #[test]
    fn a_moment_that_go_cannot_make_positive_is_rounded_as_there() {
        let first = Time::from_unix(i64::MIN.wrapping_sub(YEAR_1_TO_1970), Zone::Utc);
        let (before, span) = (first.moment(), Duration(7 * SECOND));
        assert_eq!(before, (i64::MIN, 0));
        assert_eq!(first.over(span), Duration(8 * SECOND));
        assert_eq!(first.truncate(span).moment(), (-i64::MAX, 0));
    }

    #[test]
    fn moments_before_1970_have_whole_units_before_them() {
        let time = Time::from_unix(0, Zone::Utc).add(Duration(-1));
        assert_eq!((time.seconds, time.nanos), (-1, 999_999_999));
    }
}
