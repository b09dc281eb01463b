//! Dates and spans of time. The present and the local zone are those of the rendering.

use super::cast::parse_decimal;
use super::date_parse::parse;
use super::duration::{Duration, SECOND};
use super::time::{TIME, Time, local, pay_for_layout};
use super::zone::Zone;
use super::{Args, Func};
use crate::error::Fault;
use crate::run::Run;
use crate::types::{Int, Type};
use crate::value::Value;

const ANY: Type = Type::Any;
const STRING: Type = Type::String;
const HTML: &[u8] = b"2006-01-02";

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("now", &[], TIME, |run, _| Ok(Value::object(Time::now(run)?))),
    Func::fixed("ago", &[ANY], STRING, |run, args| {
        let now = Time::now(run)?;
        let from = match args.value(0) {
            Value::Int(Int::Int32, _) => None,
            other => as_time(other),
        };
        let span = from.map_or(Duration(0), |from| now.since(&from));
        Ok(span.round(Duration(SECOND)).to_text().into())
    }),
    Func::fixed("date", &[STRING, ANY], STRING, |run, args| {
        let zone = local(run);
        shown(run, args.str(0)?, args.value(1), zone)
    }),
    Func::fixed("dateInZone", &[STRING, ANY, STRING], STRING, date_in_zone),
    Func::fixed("date_in_zone", &[STRING, ANY, STRING], STRING, date_in_zone),
    Func::fixed("htmlDate", &[ANY], STRING, |run, args| {
        let zone = local(run);
        shown(run, HTML, args.value(0), zone)
    }),
    Func::fixed("htmlDateInZone", &[ANY, STRING], STRING, |run, args| {
        let zone = zone_named(run, args.str(1)?);
        shown(run, HTML, args.value(0), zone)
    }),
    Func::fixed("dateModify", &[STRING, TIME], TIME, |_, args| modified(args).or(Ok(args.value(1).clone()))),
    Func::fixed("date_modify", &[STRING, TIME], TIME, |_, args| modified(args).or(Ok(args.value(1).clone()))),
    Func::fixed("mustDateModify", &[STRING, TIME], TIME, |_, args| modified(args)),
    Func::fixed("must_date_modify", &[STRING, TIME], TIME, |_, args| modified(args)),
    Func::fixed("duration", &[ANY], STRING, |_, args| {
        let seconds = match args.value(0) {
            Value::Str(text) => parse_decimal(&text.to_text()),
            Value::Int(Int::Int64, seconds) => *seconds,
            _ => 0,
        };
        Ok(Duration(seconds.wrapping_mul(SECOND)).to_text().into())
    }),
    Func::fixed("durationRound", &[ANY], STRING, duration_round),
    Func::fixed("toDate", &[STRING, STRING], TIME, |run, args| {
        let time = parse(args.str(0)?, args.str(1)?, &local(run));
        Ok(Value::object(time.unwrap_or_else(|_| Time::zero())))
    }),
    Func::fixed("mustToDate", &[STRING, STRING], TIME, |run, args| {
        Ok(Value::object(parse(args.str(0)?, args.str(1)?, &local(run))?))
    }),
    Func::fixed("unixEpoch", &[TIME], STRING, |_, args| {
        Ok(args.object::<Time>(0)?.seconds.to_string().into())
    }),
];

/// What sprig takes for a date.
fn as_time(value: &Value) -> Option<Time> {
    match value {
        Value::Int(Int::Int | Int::Int64 | Int::Int32, seconds) => Some(Time::from_unix(*seconds, Zone::Utc)),
        other => other.downcast::<Time>().cloned(),
    }
}

/// The zone of that name, `Local` included; UTC if there is none.
fn zone_named(run: &Run<'_>, name: &[u8]) -> Zone {
    match std::str::from_utf8(name) {
        Ok("Local") => local(run),
        Ok(name) => Zone::load(name).unwrap_or(Zone::Utc),
        Err(_) => Zone::Utc,
    }
}

/// A date, or the present if it is none, as a layout shows it.
fn shown(run: &mut Run<'_>, layout: &[u8], date: &Value, zone: Zone) -> Result<Value, Fault> {
    pay_for_layout(run, layout)?;
    let time = match as_time(date) {
        Some(time) => time,
        None => Time::now(run)?,
    };
    Ok(Value::str(time.within(zone).format(layout)))
}

fn date_in_zone(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let zone = zone_named(run, args.str(2)?);
    shown(run, args.str(0)?, args.value(1), zone)
}

fn modified(args: Args<'_>) -> Result<Value, Fault> {
    let span = Duration::parse(args.str(0)?)?;
    Ok(Value::object(args.object::<Time>(1)?.add(span)))
}

const MINUTE: u64 = 60 * SECOND as u64;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The units of [`duration_round`], the longest first.
const UNITS: &[(u64, &str)] =
    &[(365 * DAY, "y"), (30 * DAY, "mo"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND as u64, "s")];

/// A span in whole ones of the longest unit that it exceeds.
fn duration_round(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let span = match args.value(0) {
        Value::Str(text) => Duration::parse(text).unwrap_or(Duration(0)),
        Value::Int(Int::Int64, nanos) => Duration(*nanos),
        other => match other.downcast::<Time>() {
            Some(time) => Time::now(run)?.since(time),
            None => Duration(0),
        },
    };
    let nanos = span.0.unsigned_abs();
    let unit = UNITS.iter().find(|(unit, _)| nanos > *unit);
    Ok(unit.map_or_else(|| "0s".into(), |(unit, name)| format!("{}{name}", nanos / unit).into()))
}
