//! Go's `strconv.FormatFloat`.

/// How many digits a `float64` can have; what is asked for beyond them is zeros.
const MAX_DIGITS: usize = 1100;

/// The significant digits of a number, without zeros at the end, and where the point stands among them.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

impl Decimal {
    /// Reads Rust's `{:e}`.
    fn read(scientific: &str) -> Self {
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = if digits.is_empty() { 0 } else { exponent.parse().unwrap_or(0) + 1 };
        Self { digits, point }
    }

    /// As few digits as identify the number.
    fn shortest(float: f64, bits: u32) -> Self {
        Self::read(&shortest(float, bits))
    }

    /// So many digits, rounded.
    fn rounded(float: f64, digits: usize) -> Self {
        Self::read(&format!("{:.*e}", digits.clamp(1, MAX_DIGITS) - 1, float))
    }

    fn digit(&self, at: i32) -> u8 {
        usize::try_from(at).ok().and_then(|at| self.digits.get(at)).copied().unwrap_or(b'0')
    }

    /// `-d.dddde±dd`, with `precision` digits behind the point.
    fn scientific(&self, precision: usize, letter: u8) -> Vec<u8> {
        let mut out = vec![self.digit(0)];
        if precision > 0 {
            out.push(b'.');
            out.extend(self.digits.iter().skip(1).take(precision));
            out.resize(2 + precision, b'0');
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        out.push(letter);
        out.extend(format!("{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()).bytes());
        out
    }

    /// `ddd.ddd`, with `precision` digits behind the point.
    fn plain(&self, precision: usize) -> Vec<u8> {
        let mut out: Vec<u8> = (0..self.point).map(|at| self.digit(at)).collect();
        if out.is_empty() {
            out.push(b'0');
        }
        if precision > 0 {
            out.push(b'.');
            out.extend(
                (0..precision).map(|at| self.digit(self.point + i32::try_from(at).unwrap_or(i32::MAX / 2))),
            );
        }
        out
    }
}

/// Fewer digits than these leave one choice alone; by the bits of the number.
const fn clear_digits(bits: u32) -> usize {
    if bits == 32 { 7 } else { 16 }
}

/// As few digits as identify the number, as `d.ddde±d`. Of two such texts that are equally near it is the even one;
/// Rust's is the greater one.
pub(crate) fn shortest(float: f64, bits: u32) -> String {
    let text = if bits == 32 { format!("{:e}", float as f32) } else { format!("{float:e}") };
    let mantissa = text.split('e').next().unwrap_or(&text);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    if digits < clear_digits(bits) {
        return text;
    }
    let nearest = format!("{:.*e}", digits - 1, float);
    let is_the_same = match bits {
        32 => nearest.parse() == Ok(float as f32),
        _ => nearest.parse() == Ok(float),
    };
    if is_the_same { nearest } else { text }
}

/// `strconv.FormatFloat(float, verb, precision, bits)`; no precision means as many digits as the number needs.
pub(crate) fn format(float: f64, verb: u8, precision: Option<usize>, bits: u32) -> Vec<u8> {
    // What 32 bits cannot hold is infinite.
    let float = if bits == 32 { f64::from(float as f32) } else { float };
    if float.is_nan() {
        return b"NaN".to_vec();
    }
    if float.is_infinite() {
        return if float > 0.0 { b"+Inf".to_vec() } else { b"-Inf".to_vec() };
    }
    let magnitude = float.abs();
    let text = match verb {
        b'b' => binary(magnitude, bits),
        b'x' | b'X' => hexadecimal(magnitude, verb, precision, bits),
        b'e' | b'E' => with_exponent(magnitude, verb, precision, bits),
        b'f' => without_exponent(magnitude, precision, bits),
        _ => general(magnitude, verb, precision, bits),
    };
    if float.is_sign_negative() { [b"-".to_vec(), text].concat() } else { text }
}

fn with_exponent(float: f64, letter: u8, precision: Option<usize>, bits: u32) -> Vec<u8> {
    match precision {
        Some(precision) => Decimal::rounded(float, precision + 1).scientific(precision, letter),
        None => {
            let decimal = Decimal::shortest(float, bits);
            decimal.scientific(decimal.digits.len().saturating_sub(1), letter)
        }
    }
}

fn without_exponent(float: f64, precision: Option<usize>, bits: u32) -> Vec<u8> {
    let Some(precision) = precision else {
        let decimal = Decimal::shortest(float, bits);
        let behind = i32::try_from(decimal.digits.len()).unwrap_or(0) - decimal.point;
        return decimal.plain(usize::try_from(behind).unwrap_or(0));
    };
    let mut out = format!("{:.*}", precision.min(MAX_DIGITS), float).into_bytes();
    out.resize(out.len() + precision.saturating_sub(MAX_DIGITS), b'0');
    out
}

fn general(float: f64, verb: u8, precision: Option<usize>, bits: u32) -> Vec<u8> {
    let decimal = match precision {
        Some(precision) => Decimal::rounded(float, precision),
        None => Decimal::shortest(float, bits),
    };
    let count = decimal.digits.len();
    let precision_or_count = precision.map_or(count, |precision| precision.max(1));
    let integral = usize::try_from(decimal.point).is_ok_and(|point| count >= point);
    let threshold = match precision {
        None => 6,
        Some(_) if precision_or_count > count && integral => count,
        Some(_) => precision_or_count,
    };
    let exponent = decimal.point - 1;
    if exponent < -4 || exponent >= i32::try_from(threshold).unwrap_or(i32::MAX) {
        let digits = precision_or_count.min(count);
        return decimal.scientific(digits.saturating_sub(1), verb - 2);
    }
    let digits = if i32::try_from(precision_or_count).unwrap_or(i32::MAX) > decimal.point {
        count
    } else {
        precision_or_count
    };
    let behind = i32::try_from(digits).unwrap_or(i32::MAX).saturating_sub(decimal.point);
    decimal.plain(usize::try_from(behind).unwrap_or(0))
}

/// The mantissa with its leading one, the exponent, and how many bits the mantissa has behind the point.
fn parts(float: f64, bits: u32) -> (u64, i32, u32) {
    let (raw, mantissa_bits, exponent_bits, bias) = match bits {
        32 => (u64::from((float as f32).to_bits()), 23, 8, -127),
        _ => (float.to_bits(), 52, 11, -1023),
    };
    let exponent = i32::try_from((raw >> mantissa_bits) & ((1 << exponent_bits) - 1)).unwrap_or(0);
    let mantissa = raw & ((1 << mantissa_bits) - 1);
    if exponent == 0 {
        return (mantissa, 1 + bias, mantissa_bits);
    }
    (mantissa | (1 << mantissa_bits), exponent + bias, mantissa_bits)
}

fn binary(float: f64, bits: u32) -> Vec<u8> {
    let (mantissa, exponent, mantissa_bits) = parts(float, bits);
    format!("{mantissa}p{:+}", exponent - mantissa_bits.cast_signed()).into_bytes()
}

fn hexadecimal(float: f64, verb: u8, precision: Option<usize>, bits: u32) -> Vec<u8> {
    let (mantissa, exponent, mantissa_bits) = parts(float, bits);
    let (mantissa, exponent) = normalised(mantissa << (60 - mantissa_bits), exponent);
    let (mantissa, exponent) = rounded_to(mantissa, exponent, precision);
    let mut fraction = format!("{:015x}", mantissa & ((1 << 60) - 1)).into_bytes();
    match precision {
        Some(precision) => fraction.resize(precision, b'0'),
        None => fraction.truncate(fraction.iter().rposition(|b| *b != b'0').map_or(0, |last| last + 1)),
    }
    let mut text = format!("0x{}", (mantissa >> 60) & 1).into_bytes();
    text.extend(if fraction.is_empty() { "" } else { "." }.bytes());
    text.extend(fraction);
    let sign = if exponent < 0 { '-' } else { '+' };
    text.extend(format!("p{sign}{:02}", exponent.abs()).bytes());
    if verb == b'X' { text.to_ascii_uppercase() } else { text }
}

/// Shifts the leading one to bit 60.
const fn normalised(mut mantissa: u64, mut exponent: i32) -> (u64, i32) {
    if mantissa == 0 {
        return (0, 0);
    }
    while mantissa & (1 << 60) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    (mantissa, exponent)
}

/// Rounds to so many hexadecimal digits behind the point, half to even.
fn rounded_to(mantissa: u64, exponent: i32, precision: Option<usize>) -> (u64, i32) {
    let Some(precision) = precision.filter(|precision| *precision < 15) else { return (mantissa, exponent) };
    let shift = precision * 4;
    let extra = (mantissa << shift) & ((1 << 60) - 1);
    let mut kept = mantissa >> (60 - shift);
    if extra | (kept & 1) > 1 << 59 {
        kept += 1;
    }
    kept <<= 60 - shift;
    if kept & (1 << 61) == 0 { (kept, exponent) } else { (kept >> 1, exponent + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(float: f64, verb: u8, precision: Option<usize>) -> String {
        String::from_utf8(format(float, verb, precision, 64)).unwrap()
    }

    #[test]
    fn floats_print_as_strconv_prints_them() {
        for (float, verb, precision, want) in [
            (0.0, b'g', None, "0"),
            (1_000_000.0, b'g', None, "1e+06"),
            (100_000.0, b'g', None, "100000"),
            (12_345_678.0, b'g', None, "1.2345678e+07"),
            (123_456.789, b'g', None, "123456.789"),
            (0.000_01, b'g', None, "1e-05"),
            (-0.5, b'g', None, "-0.5"),
            (1e21, b'g', None, "1e+21"),
            (3.0, b'f', Some(2), "3.00"),
            (2.5, b'f', Some(0), "2"),
            (1234.5, b'e', Some(3), "1.234e+03"),
            (0.0, b'e', None, "0e+00"),
            (100.0, b'g', Some(2), "1e+02"),
            (100.0, b'g', Some(3), "100"),
            (1.5, b'b', None, "6755399441055744p-52"),
            (1.5, b'x', None, "0x1.8p+00"),
            (1.5, b'X', Some(0), "0X1P+01"),
            (f64::NEG_INFINITY, b'g', None, "-Inf"),
        ] {
            assert_eq!(text(float, verb, precision), want, "{float} {}", char::from(verb));
        }
    }

    #[test]
    fn any_precision_is_served() {
        assert_eq!(text(1.0, b'f', Some(1_000_000)).len(), 1_000_002);
        assert_eq!(text(1.0, b'e', Some(1_000_000)).len(), 1_000_006);
    }
}
