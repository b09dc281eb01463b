//! Number constants: Go's ideal constants, under every type that can hold them.

use crate::lex::{Tok, quoted};
use crate::quote::unquote_char;

/// A number as it is written, and what it is as each type; `None` where the type cannot hold it.
#[derive(Debug, Default)]
pub(crate) struct Number {
    pub(crate) text: String,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
}

/// What a constant is where no type asks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ideal {
    Int(i64),
    Float(f64),
    Complex(f64, f64),
    /// Too large for an `int`.
    Overflow,
}

impl Number {
    /// The number that an item is, or Go's message.
    pub(crate) fn parse(tok: Tok, text: &str) -> Result<Self, String> {
        let mut number = Self { text: text.to_owned(), ..Self::default() };
        match tok {
            Tok::CharConstant => number.set_char(text)?,
            Tok::Complex => number.set_complex(scan_complex(text)?),
            _ => number.set_plain(text)?,
        }
        Ok(number)
    }

    /// Its value where no type asks for one: the syntax decides.
    pub(crate) fn ideal(&self) -> Ideal {
        if let Some((re, im)) = self.complex {
            return Ideal::Complex(re, im);
        }
        let looks_float = self.text.contains(['.', 'e', 'E', 'p', 'P'])
            && !is_hex_int(&self.text)
            && !self.text.starts_with('\'');
        match (self.float, self.int) {
            (Some(float), _) if looks_float => Ideal::Float(float),
            (_, Some(int)) => Ideal::Int(int),
            _ => Ideal::Overflow,
        }
    }

    fn set_char(&mut self, text: &str) -> Result<(), String> {
        let (unit, tail) = unquote_char(&text[1..], '\'').ok_or("invalid syntax")?;
        if tail != "'" {
            return Err(format!("malformed character constant: {text}"));
        }
        let code = unit.code();
        self.int = Some(code.into());
        self.uint = Some(code.into());
        self.float = Some(code.into());
        Ok(())
    }

    fn set_complex(&mut self, (re, im): (f64, f64)) {
        self.complex = Some((re, im));
        if im == 0.0 {
            self.float = Some(re);
            self.int = float_to_int(re);
            self.uint = float_to_uint(re);
        }
    }

    fn set_plain(&mut self, text: &str) -> Result<(), String> {
        if let Some(im) = text.strip_suffix('i').and_then(parse_float) {
            self.set_complex((0.0, im));
            return Ok(());
        }
        self.uint = parse_uint(text);
        self.int = parse_int(text);
        if self.int == Some(0) {
            self.uint = Some(0);
        }
        if let Some(int) = self.int {
            self.float = Some(int as f64);
        } else if let Some(uint) = self.uint {
            self.float = Some(uint as f64);
        } else {
            let float = parse_float(text).ok_or_else(|| illegal(text))?;
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quoted(text)));
            }
            self.float = Some(float);
            self.int = float_to_int(float);
            self.uint = float_to_uint(float);
        }
        Ok(())
    }
}

fn illegal(text: &str) -> String {
    format!("illegal number syntax: {}", quoted(text))
}

fn is_hex_int(text: &str) -> bool {
    text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P'])
}

fn float_to_int(float: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (float.fract() == 0.0 && (-LIMIT..LIMIT).contains(&float)).then_some(float as i64)
}

fn float_to_uint(float: f64) -> Option<u64> {
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    (float.fract() == 0.0 && (0.0..LIMIT).contains(&float)).then_some(float as u64)
}

/// `fmt.Sscan` of a complex number, with its messages.
fn scan_complex(text: &str) -> Result<(f64, f64), String> {
    let (re, im) = split_complex(text).ok_or("syntax error scanning complex number")?;
    Ok((scan_float(re)?, scan_float(im)?))
}

fn scan_float(text: &str) -> Result<f64, String> {
    let why = match read_float(text) {
        Some(float) if float.is_finite() => return Ok(float),
        Some(_) => "value out of range",
        None => "invalid syntax",
    };
    Err(format!("strconv.ParseFloat: parsing {}: {why}", quoted(text)))
}

/// The two parts of `1+2i`, the second with its sign.
fn split_complex(text: &str) -> Option<(&str, &str)> {
    let (re, im) = text.split_at(float_len(text));
    let unsigned = im.strip_prefix(['+', '-'])?;
    let len = float_len(unsigned);
    (len > 0 && unsigned[len..].starts_with('i')).then(|| (re, &im[..=len]))
}

/// How many bytes of a text `fmt` takes for a float. They need not be one.
fn float_len(text: &str) -> usize {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // An `i` might be the beginning of `inf`; `fmt` does not give it back.
    let unsigned = unsigned.strip_prefix('i').unwrap_or(unsigned);
    let hex = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X"));
    let (radix, marks) = if hex.is_some() { (16, ['p', 'P']) } else { (10, ['e', 'E']) };
    let is_digit = |c: char| c == '_' || c.is_digit(radix);
    let mut rest = hex.unwrap_or(unsigned).trim_start_matches(is_digit);
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(is_digit);
    }
    if let Some(exponent) = rest.strip_prefix(marks) {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        rest = digits.trim_start_matches(|c: char| c == '_' || c.is_ascii_digit());
    }
    text.len() - rest.len()
}

/// `strconv.ParseInt(text, 0, 64)`.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = i128::from(parse_uint(digits)?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// `strconv.ParseUint(text, 0, 64)`.
pub(crate) fn parse_uint(text: &str) -> Option<u64> {
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &text[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &text[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &text[2..]),
        [b'0', ..] => (8, text),
        _ => (10, text),
    };
    if digits.starts_with(['+', '-']) || !underscores_are_fine(text) {
        return None;
    }
    u64::from_str_radix(&digits.replace('_', ""), radix).ok()
}

/// Underscores stand between digits, or between a base prefix and a digit.
fn underscores_are_fine(text: &str) -> bool {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text).as_bytes();
    let prefixed = matches!(body, [b'0', b'x' | b'X' | b'b' | b'B' | b'o' | b'O', ..]);
    let hex = matches!(body, [b'0', b'x' | b'X', ..]);
    let mut before = if prefixed { b'0' } else { b'^' };
    for byte in &body[if prefixed { 2 } else { 0 }..] {
        let class = match byte {
            b'_' => b'_',
            byte if byte.is_ascii_digit() || hex && byte.is_ascii_hexdigit() => b'0',
            _ => b'!',
        };
        let lonely = class == b'_' && before != b'0' || before == b'_' && class != b'0';
        if lonely {
            return false;
        }
        before = class;
    }
    before != b'_'
}

/// `strconv.ParseFloat(text, 64)` of decimal and hexadecimal numbers.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    read_float(text).filter(|float| float.is_finite())
}

/// The float that a number is nearest to, infinite beyond the largest; `None` if it is no number.
fn read_float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.starts_with(['+', '-']) || text.contains('_') && !underscores_are_fine(text) {
        return None;
    }
    let digits = digits.replace('_', "");
    let magnitude: f64 = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => read_hex_float(hex)?,
        None if digits.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) => digits.parse().ok()?,
        None => return None,
    };
    Some(if text.starts_with('-') { -magnitude } else { magnitude })
}

/// How many hexadecimal digits count. Of those behind them it only counts whether all are zero.
const HEX_DIGITS: usize = 16;

/// What stands behind `0x`, without underscores.
fn read_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let values: Option<Vec<u8>> = whole.bytes().chain(fraction.bytes()).map(hex_value).collect();
    let values = values.filter(|values| !values.is_empty())?;
    let zeros = values.iter().take_while(|value| **value == 0).count();
    let (kept, behind) = values[zeros..].split_at(HEX_DIGITS.min(values.len() - zeros));
    // One binary digit more stands for all that are left out: it tells a little more than half from a half.
    let more = behind.iter().any(|value| *value != 0);
    let number =
        kept.iter().fold(0, |number, value| number << 4 | u128::from(*value)) << 1 | u128::from(more);
    let dropped = behind.len() as i64 - fraction.len() as i64;
    Some(scaled(number, read_exponent(exponent)? + 4 * dropped - 1))
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// An exponent. From 10 000 on Go reads no further digit.
fn read_exponent(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let next =
        |exponent, digit| if exponent < 10_000 { 10 * exponent + i64::from(digit - b'0') } else { exponent };
    let exponent = digits.bytes().fold(0, next);
    Some(if text.starts_with('-') { -exponent } else { exponent })
}

/// The float that is nearest to a number times a power of two, the even one of two.
fn scaled(number: u128, power: i64) -> f64 {
    const DIGITS: i64 = f64::MANTISSA_DIGITS as i64;
    let bits = i64::from(u128::BITS - number.leading_zeros());
    // The power of its first binary digit, and how many digits a float has from there on: near zero it has fewer.
    let first = bits - 1 + power;
    let kept = DIGITS.min(first - i64::from(f64::MIN_EXP) + 1 + DIGITS);
    if number == 0 || kept < 0 {
        return 0.0;
    }
    if first > i64::from(f64::MAX_EXP) {
        return f64::INFINITY;
    }
    let dropped = u32::try_from(bits - kept).unwrap_or_default();
    let whole = number.checked_shr(dropped).unwrap_or_default();
    let rest = number - whole.checked_shl(dropped).unwrap_or_default();
    let half = 1_u128.checked_shl(dropped).unwrap_or_default() / 2;
    let up = dropped > 0 && (rest > half || rest == half && whole & 1 == 1);
    // In steps: the power alone may be beyond the floats.
    let (mut float, mut left) = ((whole + u128::from(up)) as f64, power + i64::from(dropped));
    while left != 0 {
        let step = left.clamp(-1000, 1000);
        float *= 2f64.powi(step as i32);
        left -= step;
    }
    float
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_go() {
        for (text, int, float) in [
            ("0x1F", Some(31), Some(31.0)),
            ("0b1_01", Some(5), Some(5.0)),
            ("017", Some(15), Some(15.0)),
            ("0o17", Some(15), Some(15.0)),
            ("1_000", Some(1000), Some(1000.0)),
            ("-5", Some(-5), Some(-5.0)),
            ("1e3", Some(1000), Some(1000.0)),
            ("1.5", None, Some(1.5)),
            ("0x1p4", Some(16), Some(16.0)),
            ("18446744073709551615", None, Some(18_446_744_073_709_551_615.0)),
        ] {
            let number = Number::parse(Tok::Number, text).unwrap();
            assert_eq!((number.int, number.float), (int, float), "{text}");
        }
    }

    #[test]
    fn hexadecimal_floats_near_zero_and_infinity_read_as_in_go() {
        for (text, bits) in [
            ("0x1p-1022", 0x0010_0000_0000_0000),
            ("0x1p-1030", 0x0000_1000_0000_0000),
            ("0x1.8p-1022", 0x0018_0000_0000_0000),
            ("0x1p-1074", 1),
            ("0x1p-1075", 0),
            ("0x1.8p-1075", 1),
            ("0x1.8p-1074", 2),
            ("0x1p-1076", 0),
            ("0x1p-5000", 0),
            ("0x0.0000000000001p-1022", 1),
            ("0x1.ffffffffffffep-1023", 0x000f_ffff_ffff_ffff),
            ("0x1.fffffffffffffp-1023", 0x0010_0000_0000_0000),
            ("0x1.00000000000008p0", 0x3ff0_0000_0000_0000),
            ("0x1.00000000000018p0", 0x3ff0_0000_0000_0002),
            ("0x1.fffffffffffffp1023", 0x7fef_ffff_ffff_ffff),
            ("0x10000000000000000000000000000p-1100", 0x0230_0000_0000_0000),
            ("0x1.00000000000000000000000000000000p0", 0x3ff0_0000_0000_0000),
            ("0x1.000000000000080000000000000000000000001p0", 0x3ff0_0000_0000_0001),
            ("0x1.00000000000017ffffffffffffffffffffffffp0", 0x3ff0_0000_0000_0001),
            ("0x0.00000000000000000000000000000000000000018p160", 0x3ff8_0000_0000_0000),
            ("0x1.0000000000000000000000000000000000000001p-1075", 1),
            ("0x1p-99999999999999999999", 0),
            ("0x0p99999999999999999999", 0),
        ] {
            assert_eq!(parse_float(text).map(f64::to_bits), Some(bits), "{text}");
        }
        assert_eq!(parse_float("0x1p1024"), None);
        assert_eq!(parse_float("0x1p99999999999999999999"), None);
        assert_eq!(parse_float("0x1.fffffffffffff8p1023"), None);
    }

    #[test]
    fn what_is_no_complex_number_gets_gos_message() {
        let of_float = |part: &str, why: &str| format!("strconv.ParseFloat: parsing \"{part}\": {why}");
        for (text, want) in [
            ("1+i", "syntax error scanning complex number".into()),
            ("1-i", "syntax error scanning complex number".into()),
            ("1e999+1i", of_float("1e999", "value out of range")),
            ("1+1e999i", of_float("+1e999", "value out of range")),
            ("1__0+2i", of_float("1__0", "invalid syntax")),
            ("0x1+2i", of_float("0x1", "invalid syntax")),
            ("1.+.i", of_float("+.", "invalid syntax")),
            ("1e1+1e+i", of_float("+1e+", "invalid syntax")),
            ("1e+i", "syntax error scanning complex number".into()),
            ("0b1+1i", "syntax error scanning complex number".into()),
            ("1+0o7i", "syntax error scanning complex number".into()),
            ("+i-2i", of_float("+i", "invalid syntax")),
            ("1i+1i", "syntax error scanning complex number".into()),
        ] {
            assert_eq!(Number::parse(Tok::Complex, text).unwrap_err(), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_gets_gos_message() {
        for (text, want) in [
            ("089", "integer overflow: \"089\""),
            ("99999999999999999999", "integer overflow: \"99999999999999999999\""),
            (".", "illegal number syntax: \".\""),
            ("0x1.2", "illegal number syntax: \"0x1.2\""),
            ("1__0", "illegal number syntax: \"1__0\""),
            ("1e999", "illegal number syntax: \"1e999\""),
        ] {
            assert_eq!(Number::parse(Tok::Number, text).unwrap_err(), want);
        }
    }

    #[test]
    fn character_constants_are_numbers() {
        assert_eq!(Number::parse(Tok::CharConstant, r"'\x41'").unwrap().int, Some(65));
        assert_eq!(
            Number::parse(Tok::CharConstant, "'ab'").unwrap_err(),
            "malformed character constant: 'ab'"
        );
    }
}
