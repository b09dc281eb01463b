//! The lenient conversions of `spf13/cast`: everything becomes a number, what does not becomes 0.

use crate::number;
use crate::value::Value;

/// `cast.ToInt64`, which on 64 bits is also `cast.ToInt`.
pub(super) fn to_int(value: &Value) -> i64 {
    match value.plain() {
        Value::Bool(b) => b.into(),
        Value::Int(_, number) => number,
        Value::Uint(_, number) => number.cast_signed(),
        Value::Float(_, number) => float_to_int(number),
        Value::Str(text) => parse_int(&text.to_text()).unwrap_or_default(),
        _ => 0,
    }
}

/// `cast.ToFloat64`.
pub(super) fn to_float(value: &Value) -> f64 {
    match value.plain() {
        Value::Bool(b) => f64::from(u8::from(b)),
        Value::Int(_, number) => number as f64,
        Value::Uint(_, number) => number as f64,
        Value::Float(_, number) => number,
        Value::Str(text) => parse_float(&text.to_text()).unwrap_or_default(),
        _ => 0.0,
    }
}

/// As the processor of the recorded cases does it: what does not fit becomes the smallest number.
pub(super) fn float_to_int(number: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&number) { number as i64 } else { i64::MIN }
}

/// `strconv.ParseInt(text, 10, 64)` without its error: what is no number is 0, what is too large the largest number.
/// What comes after the digits that 64 bits without a sign cannot hold is not looked at.
pub(super) fn parse_decimal(text: &str) -> i64 {
    use std::num::IntErrorKind::PosOverflow;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with('+') {
        return 0;
    }
    match digits.parse::<u64>() {
        Ok(number) if negative => 0i64.checked_sub_unsigned(number).unwrap_or(i64::MIN),
        Ok(number) => i64::try_from(number).unwrap_or(i64::MAX),
        Err(error) if *error.kind() != PosOverflow => 0,
        Err(_) if negative => i64::MIN,
        Err(_) => i64::MAX,
    }
}

fn parse_int(text: &str) -> Option<i64> {
    number::parse_int(without_fraction(text))
}

/// A decimal number without its fraction; all else as it is.
fn without_fraction(text: &str) -> &str {
    let Some((whole, fraction)) = text.split_once('.') else { return text };
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let is_decimal = digits.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    match (is_decimal, digits.is_empty()) {
        (false, _) => text,
        (true, true) => "0",
        (true, false) => whole,
    }
}

/// `strconv.ParseFloat(text, 64)`; what is too large is no number.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let (sign, name) = match text.strip_prefix('-') {
        Some(name) => (-1.0, name),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    match name.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        "nan" if name.len() == text.len() => Some(f64::NAN),
        _ => number::parse_float(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_integers_as_in_go() {
        for (text, want) in
            [("1.9", 1), ("-.5", 0), ("010", 8), ("0x1F", 31), ("08", 0), ("1e3", 0), (" 4", 0), ("1.x", 0)]
        {
            assert_eq!(to_int(&text.into()), want, "{text}");
        }
    }

    #[test]
    fn digits_beyond_64_bits_end_a_number() {
        for (text, want) in [
            ("18446744073709551615.1", 0),
            ("18446744073709551616.1", i64::MAX),
            ("184467440737095516160.1", i64::MAX),
            ("-184467440737095516160x", i64::MIN),
            ("-9223372036854775808", i64::MIN),
            ("++1", 0),
            ("-+1", 0),
        ] {
            assert_eq!(parse_decimal(text), want, "{text}");
        }
    }

    #[test]
    fn texts_become_floats_as_in_go() {
        assert_eq!(parse_float("-Infinity"), Some(f64::NEG_INFINITY));
        assert!(parse_float("-nan").is_none());
        assert!(parse_float("1e999").is_none());
    }
}
