//! `time.Duration`: nanoseconds in 64 bits, how it is written and read, and its methods.

use super::{Args, Method, Signature};
use crate::error::Fault;
use crate::run::Run;
use crate::types::{Kind, Type};
use crate::value::{Object, Value};

/// The type.
pub(super) const DURATION: Type = Type::Named("time.Duration", Kind::Int64);

pub(super) const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A span of time in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Duration(pub(super) i64);

static METHODS: &[Method<Duration>] = &[
    Method::new("String", &[], Type::String, |span, _, _| Ok(span.to_text().into())),
    Method::new("Seconds", &[], Type::FLOAT64, |span, _, _| Ok(span.in_units(SECOND))),
    Method::new("Minutes", &[], Type::FLOAT64, |span, _, _| Ok(span.in_units(MINUTE))),
    Method::new("Hours", &[], Type::FLOAT64, |span, _, _| Ok(span.in_units(HOUR))),
    Method::new("Milliseconds", &[], Type::INT64, |span, _, _| Ok(Value::int64(span.0 / 1_000_000))),
    Method::new("Microseconds", &[], Type::INT64, |span, _, _| Ok(Value::int64(span.0 / 1000))),
    Method::new("Nanoseconds", &[], Type::INT64, |span, _, _| Ok(Value::int64(span.0))),
    Method::new("Abs", &[], DURATION, |span, _, _| Ok(Value::object(Duration(span.0.saturating_abs())))),
    Method::new("Round", &[DURATION], DURATION, |span, _, args| {
        Ok(Value::object(span.round(argument(args, 0))))
    }),
    Method::new("Truncate", &[DURATION], DURATION, |span, _, args| {
        let unit = argument(args, 0).0;
        Ok(Value::object(if unit <= 0 { *span } else { Duration(span.0 - span.0 % unit) }))
    }),
];

/// An argument of this type: an object, or a number as a template writes it.
pub(super) fn argument(args: Args<'_>, index: usize) -> Duration {
    match args.value(index).plain() {
        Value::Int(_, number) => Duration(number),
        _ => Duration(0),
    }
}

impl Object for Duration {
    fn go_type(&self) -> Type {
        DURATION
    }

    fn method(&self, name: &str) -> Option<Signature> {
        super::find(METHODS, name)
    }

    fn call(&self, name: &str, run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
        super::call(METHODS, name, self, run, args)
    }

    fn text(&self) -> Option<Vec<u8>> {
        Some(self.to_text().into_bytes())
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::int64(self.0))
    }

    fn with_number(&self, number: i64) -> Option<Value> {
        Some(Value::object(Self(number)))
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let other: &dyn std::any::Any = other;
        Some(other.downcast_ref::<Self>() == Some(self))
    }
}

impl Duration {
    fn in_units(self, unit: i64) -> Value {
        Value::float((self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64)
    }

    /// To the nearest multiple, half away from zero; the largest span if that is beyond all.
    pub(super) fn round(self, unit: Self) -> Self {
        if unit.0 <= 0 {
            return self;
        }
        let rest = self.0 % unit.0;
        let half = rest.unsigned_abs() * 2 < unit.0.unsigned_abs();
        let down = self.0 - rest;
        Self(if half { down } else { down.saturating_add(unit.0 * self.0.signum()) })
    }

    /// As in `1h2m3.5s`.
    pub(super) fn to_text(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        if nanos < SECOND as u64 {
            return match nanos {
                0 => "0s".into(),
                1..1000 => format!("{sign}{nanos}ns"),
                1000..1_000_000 => format!("{sign}{}µs", with_fraction(nanos, 1000)),
                _ => format!("{sign}{}ms", with_fraction(nanos, 1_000_000)),
            };
        }
        let (minutes, rest) = (nanos / MINUTE as u64, nanos % MINUTE as u64);
        let seconds = with_fraction(rest, SECOND as u64);
        match (minutes / 60, minutes % 60) {
            (0, 0) => format!("{sign}{seconds}s"),
            (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
            (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
        }
    }

    /// `time.ParseDuration`.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let (negative, mut rest) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        if rest == b"0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(invalid(text));
        }
        let mut total = 0u64;
        while !rest.is_empty() {
            let (amount, after) = parse_amount(rest, text)?;
            total = total.checked_add(amount).filter(|total| *total <= LIMIT).ok_or_else(|| invalid(text))?;
            rest = after;
        }
        if negative {
            return Ok(Self(total.cast_signed().wrapping_neg()));
        }
        i64::try_from(total).map(Self).map_err(|_| invalid(text))
    }
}

/// One more than the largest span: the smallest is one larger.
const LIMIT: u64 = 1 << 63;

fn with_fraction(amount: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let fraction = format!("{:0digits$}", amount % unit);
    match fraction.trim_end_matches('0') {
        "" => (amount / unit).to_string(),
        fraction => format!("{}.{fraction}", amount / unit),
    }
}

fn invalid(text: &[u8]) -> Fault {
    Fault::new(format!("time: invalid duration {}", quote(text)))
}

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1000),
    ("\u{b5}s", 1000),
    ("\u{3bc}s", 1000),
    ("ms", 1_000_000),
    ("s", SECOND as u64),
    ("m", MINUTE as u64),
    ("h", HOUR as u64),
];

/// A number with its unit, in nanoseconds, and what comes after it.
fn parse_amount<'t>(text: &'t [u8], whole_text: &[u8]) -> Result<(u64, &'t [u8]), Fault> {
    let (whole, rest) = cut_digits(text);
    let (fraction, rest) = match rest {
        [b'.', rest @ ..] => cut_digits(rest),
        _ => (&[][..], rest),
    };
    let number = leading_int(whole);
    let (Some(number), false) = (number, whole.is_empty() && fraction.is_empty()) else {
        return Err(invalid(whole_text));
    };
    let end = rest.iter().position(|byte| *byte == b'.' || byte.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    if unit.is_empty() {
        return Err(Fault::new(format!("time: missing unit in duration {}", quote(whole_text))));
    }
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| name.as_bytes() == unit) else {
        let unit = quote(unit);
        return Err(Fault::new(format!("time: unknown unit {unit} in duration {}", quote(whole_text))));
    };
    if number > LIMIT / scale {
        return Err(invalid(whole_text));
    }
    let (parts, of) = leading_fraction(fraction);
    let amount = number * scale + (parts as f64 * (*scale as f64 / of)) as u64;
    if amount > LIMIT { Err(invalid(whole_text)) } else { Ok((amount, rest)) }
}

fn cut_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

/// The number that the digits are, if it is not larger than Go takes.
pub(super) fn leading_int(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let next = number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        (next <= LIMIT).then_some(next)
    })
}

/// As many digits as fit, and what they are parts of.
fn leading_fraction(digits: &[u8]) -> (u64, f64) {
    let (mut number, mut scale) = (0u64, 1.0);
    for digit in digits {
        let next = number.checked_mul(10).and_then(|next| next.checked_add(u64::from(digit - b'0')));
        let Some(next) = next.filter(|next| *next <= LIMIT) else { break };
        number = next;
        scale *= 10.0;
    }
    (number, scale)
}

/// As Go's package `time` quotes: what is not plain ASCII as bytes.
pub(crate) fn quote(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(*byte)]),
            b' '..=0x7f => out.push(char::from(*byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_they_are_written() {
        for text in
            ["1h2m3.5s", "-1m0s", "1.5µs", "100ms", "2562047h47m16.854775807s", "-2562047h47m16.854775808s"]
        {
            assert_eq!(Duration::parse(text.as_bytes()).unwrap().to_text(), text);
        }
    }

    #[test]
    fn what_is_no_span_gets_gos_message() {
        for (text, want) in [
            ("1d", "time: unknown unit \"d\" in duration \"1d\""),
            ("3", "time: missing unit in duration \"3\""),
            ("9223372036854775808ns", "time: invalid duration \"9223372036854775808ns\""),
            ("ü", "time: invalid duration \"\\xc3\\xbc\""),
        ] {
            assert_eq!(Duration::parse(text.as_bytes()).unwrap_err().to_string(), want);
        }
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!(Duration(-1500).round(Duration(1000)), Duration(-2000));
        assert_eq!(Duration(i64::MAX).round(Duration(HOUR)), Duration(i64::MAX));
    }
}
