//! Numbers: lenient conversions, 64-bit arithmetic that wraps, decimal arithmetic, rounding, sequences.

use super::cast::{float_to_int, parse_decimal, to_float, to_int};
use super::decimal::Decimal;
use super::growth::appended;
use super::{Args, Func};
use crate::error::Fault;
use crate::print;
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

const ANY: Type = Type::Any;
const INT: Type = Type::INT;
const INT64: Type = Type::INT64;
const FLOAT: Type = Type::FLOAT64;
const INTS: Type = Type::Slice(&Type::INT);

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("atoi", &[Type::String], INT, |_, args| {
        Ok(Value::int(parse_decimal(&args.str(0)?.to_text())))
    }),
    Func::fixed("int", &[ANY], INT, |_, args| Ok(Value::int(to_int(args.value(0))))),
    Func::fixed("int64", &[ANY], INT64, |_, args| Ok(Value::int64(to_int(args.value(0))))),
    Func::fixed("float64", &[ANY], FLOAT, |_, args| Ok(Value::float(to_float(args.value(0))))),
    Func::fixed("toDecimal", &[ANY], INT64, |run, args| {
        let text = print::display_up_to(args.value(0), run.limits().output)?;
        run.make(text.len())?;
        Ok(Value::int64(i64::from_str_radix(&String::from_utf8_lossy(&text), 8).unwrap_or_default()))
    }),
    Func::fixed("add1", &[ANY], INT64, |_, args| Ok(Value::int64(to_int(args.value(0)).wrapping_add(1)))),
    Func::variadic("add", &[ANY], INT64, |_, args| {
        Ok(Value::int64(args.all().iter().map(to_int).fold(0, i64::wrapping_add)))
    }),
    Func::fixed("sub", &[ANY, ANY], INT64, |_, args| {
        Ok(Value::int64(to_int(args.value(0)).wrapping_sub(to_int(args.value(1)))))
    }),
    Func::fixed("div", &[ANY, ANY], INT64, |_, args| quotient(args, i64::wrapping_div)),
    Func::fixed("mod", &[ANY, ANY], INT64, |_, args| quotient(args, i64::wrapping_rem)),
    Func::variadic("mul", &[ANY, ANY], INT64, |_, args| {
        Ok(Value::int64(args.all().iter().map(to_int).fold(1, i64::wrapping_mul)))
    }),
    Func::variadic("max", &[ANY, ANY], INT64, largest),
    Func::variadic("biggest", &[ANY, ANY], INT64, largest),
    Func::variadic("min", &[ANY, ANY], INT64, |_, args| {
        Ok(Value::int64(args.all().iter().map(to_int).min().unwrap_or_default()))
    }),
    Func::variadic("maxf", &[ANY, ANY], FLOAT, |_, args| fold_floats(args, larger)),
    Func::variadic("minf", &[ANY, ANY], FLOAT, |_, args| fold_floats(args, |a, b| -larger(-a, -b))),
    Func::fixed("add1f", &[ANY], FLOAT, |run, args| {
        decimals(run, to_float(args.value(0)), &[Value::int(1)], |a, b| Ok(a.add(b)))
    }),
    Func::variadic("addf", &[ANY], FLOAT, |run, args| decimals(run, 0.0, args.all(), |a, b| Ok(a.add(b)))),
    Func::variadic("subf", &[ANY, ANY], FLOAT, |run, args| {
        decimals(run, to_float(args.value(0)), args.rest(1), |a, b| Ok(a.sub(b)))
    }),
    Func::variadic("mulf", &[ANY, ANY], FLOAT, |run, args| {
        decimals(run, to_float(args.value(0)), args.rest(1), |a, b| Ok(a.mul(b)))
    }),
    Func::variadic("divf", &[ANY, ANY], FLOAT, |run, args| {
        decimals(run, to_float(args.value(0)), args.rest(1), Decimal::div)
    }),
    Func::fixed("ceil", &[ANY], FLOAT, |_, args| Ok(Value::float(to_float(args.value(0)).ceil()))),
    Func::fixed("floor", &[ANY], FLOAT, |_, args| Ok(Value::float(to_float(args.value(0)).floor()))),
    Func::variadic("round", &[ANY, INT, FLOAT], FLOAT, round),
    Func::fixed("until", &[INT], INTS, |run, args| {
        let stop = args.int(0)?;
        ints(run, Steps { start: 0, stop, step: if stop < 0 { -1 } else { 1 } })
    }),
    Func::fixed("untilStep", &[INT, INT, INT], INTS, |run, args| {
        ints(run, Steps { start: args.int(0)?, stop: args.int(1)?, step: args.int(2)? })
    }),
    Func::variadic("seq", &[INT], Type::String, seq),
];

fn quotient(args: Args<'_>, operation: fn(i64, i64) -> i64) -> Result<Value, Fault> {
    let divisor = to_int(args.value(1));
    if divisor == 0 {
        return Err(Fault::from("runtime error: integer divide by zero"));
    }
    Ok(Value::int64(operation(to_int(args.value(0)), divisor)))
}

fn largest(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    Ok(Value::int64(args.all().iter().map(to_int).max().unwrap_or_default()))
}

fn fold_floats(args: Args<'_>, operation: fn(f64, f64) -> f64) -> Result<Value, Fault> {
    let folded = args.all().iter().map(to_float).reduce(operation);
    Ok(Value::float(folded.unwrap_or_default()))
}

/// `math.Max`: unlike Rust's, infinity beats NaN beats all else, and 0 is larger than -0.
fn larger(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        return f64::INFINITY;
    }
    if a.is_nan() || b.is_nan() {
        return f64::NAN;
    }
    if a == 0.0 && b == 0.0 {
        return if a.is_sign_negative() { b } else { a };
    }
    a.max(b)
}

type Operation = fn(&Decimal, &Decimal) -> Result<Decimal, Fault>;

fn decimals(run: &mut Run<'_>, first: f64, others: &[Value], operation: Operation) -> Result<Value, Fault> {
    let mut result = Decimal::from_float(first)?;
    for other in others {
        run.spend(1 + result.bits() / 1024)?;
        result = operation(&result, &Decimal::from_float(to_float(other))?)?;
    }
    // To write so many digits takes a time that grows with their square.
    run.spend((result.bits() / 1024).pow(2))?;
    Ok(Value::float(result.to_float()))
}

/// To so many places, up from a fraction of `roundOn`, which is one half if not given.
fn round(_: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let round_on = if args.len() > 2 { args.float(2)? } else { 0.5 };
    let power = power_of_ten(args.int(1)? as f64);
    let shifted = power * to_float(args.value(0));
    let whole = if shifted.fract() >= round_on { shifted.ceil() } else { shifted.floor() };
    Ok(Value::float(whole / power))
}

/// `math.Pow(10, exponent)` of a whole exponent, with the same roundings: squares of the mantissa, powers of two apart.
fn power_of_ten(exponent: f64) -> f64 {
    const MANTISSA: f64 = 0.625;
    const POWER_OF_TWO: i32 = 4;
    if exponent == 0.0 || exponent == 1.0 {
        return if exponent == 0.0 { 1.0 } else { 10.0 };
    }
    // Beyond the range of floats the result is 0 or infinity, whatever the digits.
    let mut rest = float_to_int(exponent.abs().min(4096.0));
    let (mut mantissa, mut two) = (1.0, 0);
    let (mut square, mut square_two) = (MANTISSA, POWER_OF_TWO);
    while rest != 0 {
        if rest & 1 == 1 {
            mantissa *= square;
            two += square_two;
        }
        square *= square;
        square_two *= 2;
        if square < 0.5 {
            square += square;
            square_two -= 1;
        }
        rest >>= 1;
    }
    if exponent < 0.0 { times_power_of_two(1.0 / mantissa, -two) } else { times_power_of_two(mantissa, two) }
}

/// In steps that a float can hold. Only the last of them rounds.
fn times_power_of_two(mut number: f64, mut power: i32) -> f64 {
    const STEP: i32 = 900;
    while power.abs() > STEP && number != 0.0 && number.is_finite() {
        let step = STEP * power.signum();
        number *= 2f64.powi(step);
        power -= step;
    }
    number * 2f64.powi(power.clamp(-STEP, STEP))
}

/// Numbers from a start to before a stop.
#[derive(Clone, Copy)]
struct Steps {
    start: i64,
    stop: i64,
    step: i64,
}

impl Steps {
    fn count(self) -> u64 {
        let down = self.stop < self.start;
        if self.step == 0 || down != (self.step < 0) {
            return 0;
        }
        self.start.abs_diff(self.stop).div_ceil(self.step.unsigned_abs())
    }

    /// All of them, if they fit the limits.
    fn numbers(self, run: &mut Run<'_>) -> Result<impl Iterator<Item = i64>, Fault> {
        const BYTES_EACH: usize = 24;
        let count = self.count();
        run.make(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(BYTES_EACH))?;
        run.spend(count)?;
        Ok((0..count.cast_signed()).map(move |at| self.start.wrapping_add(at.wrapping_mul(self.step))))
    }
}

fn ints(run: &mut Run<'_>, steps: Steps) -> Result<Value, Fault> {
    Ok(appended(Type::INT, steps.numbers(run)?.map(Value::int).collect()))
}

/// The numbers up to and with the end, as the program `seq` prints them, on one line.
fn seq(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (start, step, end) = match args.len() {
        1 => (1, None, args.int(0)?),
        2 => (args.int(0)?, None, args.int(1)?),
        3 => (args.int(0)?, Some(args.int(1)?), args.int(2)?),
        _ => return Ok(Value::str("")),
    };
    let direction = if end < start { -1 } else { 1 };
    if direction < 0 && step.is_some_and(|step| step > 0) {
        return Ok(Value::str(""));
    }
    let steps = Steps { start, stop: end.wrapping_add(direction), step: step.unwrap_or(direction) };
    let words: Vec<_> = steps.numbers(run)?.map(|number| number.to_string()).collect();
    Ok(Value::str(words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_beyond_the_range_of_floats_are_infinite_or_zero() {
        assert_eq!(power_of_ten(400.0), f64::INFINITY);
        assert_eq!(power_of_ten(-400.0), 0.0);
        assert_eq!(power_of_ten(-2.0), 0.01);
        assert_eq!(power_of_ten(22.0), 1e22);
    }

    #[test]
    fn steps_are_counted_without_overflow() {
        assert_eq!(Steps { start: i64::MIN, stop: i64::MAX, step: i64::MAX }.count(), 3);
        assert_eq!(Steps { start: 3, stop: 0, step: -1 }.count(), 3);
        assert_eq!(Steps { start: 0, stop: 3, step: -1 }.count(), 0);
    }
}
