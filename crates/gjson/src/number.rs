//! Numbers as Go reads and prints them: `strconv.ParseFloat` and `strconv.FormatFloat(f, 'f', -1, 64)`.

use std::borrow::Cow;

/// The value of a number's text. Text that is no number is 0, as in Go, where the error is ignored;
/// a number too large is infinite.
pub(crate) fn parse(text: &[u8]) -> f64 {
    let Ok(text) = std::str::from_utf8(text) else { return 0.0 };
    let Some(text) = without_separators(text) else { return 0.0 };
    // Rust reads a signed "nan", Go does not.
    let signed = text.starts_with(['+', '-']);
    text.parse().ok().filter(|number: &f64| !(signed && number.is_nan())).unwrap_or(0.0)
}

/// Takes out the underscores that Go allows between two digits; `None` if one stands elsewhere.
fn without_separators(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('_') {
        return Some(Cow::Borrowed(text));
    }
    let digits = |part: Option<&u8>| part.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let misplaced = |at: usize| at == 0 || !digits(bytes.get(at - 1)) || !digits(bytes.get(at + 1));
    if text.match_indices('_').any(|(at, _)| misplaced(at)) {
        return None;
    }
    Some(Cow::Owned(text.replace('_', "")))
}

/// A number's text as Go's `Result.String()` gives it: plain digits stay as they are written, whatever
/// their length; everything else is printed from the 64-bit float, without an exponent.
pub(crate) fn text(raw: &[u8]) -> Cow<'_, [u8]> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    if digits.iter().all(u8::is_ascii_digit) {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(format(parse(raw)).into_bytes())
}

fn format(number: f64) -> String {
    if number.is_infinite() {
        return String::from(if number > 0.0 { "+Inf" } else { "-Inf" });
    }
    number.to_string()
}

/// Whole number of a float, for options such as a width: cut towards zero, clamped to 64 bits.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates, which is what Go's f2i does")]
pub(crate) fn whole(number: f64) -> i64 {
    number as i64
}

/// An unsigned decimal of digits only, such as an array's index. `None` if it is empty, holds another
/// byte or exceeds 64 bits.
pub(crate) fn index(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_go_parses_floats() {
        let cases: [(&str, f64); 14] = [
            ("1", 1.0),
            ("-2.50", -2.5),
            ("+3", 3.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1e999", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("1_000", 1000.0),
            ("1__0", 0.0),
            ("_1", 0.0),
            ("0x1p4", 0.0),
            ("-nan", 0.0),
            ("", 0.0),
        ];
        for (text, number) in cases {
            assert_eq!(parse(text.as_bytes()).to_bits(), number.to_bits(), "{text}");
        }
    }

    #[test]
    fn only_digits_are_printed_as_they_are_written() {
        let cases = [
            ("7", "7"),
            ("007", "007"),
            ("-0", "-0"),
            ("12345678901234567890", "12345678901234567890"),
            ("1.0", "1"),
            ("1e21", "1000000000000000000000"),
            ("1e-7", "0.0000001"),
            ("1e999", "+Inf"),
            ("nan", "NaN"),
            ("1-2", "0"),
        ];
        for (raw, printed) in cases {
            assert_eq!(text(raw.as_bytes()), printed.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn an_index_has_digits_only() {
        assert_eq!(index(b"007"), Some(7));
        assert_eq!(index(b"18446744073709551615"), Some(u64::MAX));
        for text in ["", "-1", "+1", "1x", "18446744073709551616"] {
            assert_eq!(index(text.as_bytes()), None, "{text}");
        }
    }
}
