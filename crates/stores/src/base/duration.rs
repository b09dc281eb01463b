//! Durations in Go's syntax, in which the API speaks (`1h30m`, `1.5h`, `300ms`; `1d` and `5` are refused, `0` is not).

use jiff::SignedDuration;

use super::error::{Error, Kind, Result};

const NANOS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Parses as Go's `time.ParseDuration`.
///
/// # Errors
/// `Invalid`, naming the text: durations are never secret.
pub fn parse(text: &str) -> Result<SignedDuration> {
    let refuse = || {
        Error::new(
            Kind::Invalid,
            format!("invalid duration {text:?}: write it like 1h30m, 90s or 0 (units: ns, us, ms, s, m, h)"),
        )
    };
    let (sign, rest) = match text.as_bytes() {
        [b'-', ..] => (-1, &text[1..]),
        [b'+', ..] => (1, &text[1..]),
        _ => (1, text),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    let nanos = terms(rest).ok_or_else(refuse)?;
    let nanos = i64::try_from(sign * nanos).map_err(|_| refuse())?;
    Ok(SignedDuration::from_nanos(nanos))
}

/// Sums `<number><unit>` terms; `None` if there is none or one is malformed.
fn terms(mut rest: &str) -> Option<i128> {
    let mut sum = 0i128;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let number = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (digits, tail) = rest.split_at(number);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let (_, scale) = NANOS.iter().find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(scaled(digits, *scale)?)?;
        rest = tail;
    }
    Some(sum)
}

fn scaled(digits: &str, scale: i128) -> Option<i128> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = fraction.get(..fraction.len().min(18))?;
    let part = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<i128>().ok()? * scale / 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?
    };
    whole.checked_mul(scale)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_accepts_these() {
        let cases = [
            ("0", 0),
            ("1h", 3_600_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1.5h", 5_400_000_000_000),
            ("300ms", 300_000_000),
            ("-5m", -300_000_000_000),
            ("+1s", 1_000_000_000),
            (".5s", 500_000_000),
            ("1h0m0s", 3_600_000_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse(text).unwrap().as_nanos(), nanos, "{text}");
        }
    }

    #[test]
    fn go_refuses_these() {
        for text in ["", "1d", "1 day", "5", "s", "1h 30m", "--1s", "1..5s", ".s", "99999999999h"] {
            assert_eq!(parse(text).unwrap_err().kind(), Kind::Invalid, "{text}");
        }
    }
}
