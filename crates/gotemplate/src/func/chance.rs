//! What is random: texts, bytes, numbers, identifiers. All of it drawn from the one source of the rendering.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Args, Func};
use crate::error::Fault;
use crate::quote::first_char;
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("randAlphaNum", &[Type::INT], Type::String, |run, args| {
        text(run, args, |byte| byte.is_ascii_alphanumeric())
    }),
    Func::fixed("randAlpha", &[Type::INT], Type::String, |run, args| {
        text(run, args, |byte| byte.is_ascii_alphabetic())
    }),
    Func::fixed("randAscii", &[Type::INT], Type::String, |run, args| {
        text(run, args, |byte| (b' '..=b'~').contains(&byte))
    }),
    Func::fixed("randNumeric", &[Type::INT], Type::String, |run, args| {
        text(run, args, |byte| byte.is_ascii_digit())
    }),
    Func::fixed("randBytes", &[Type::INT], Type::String, bytes),
    Func::fixed("randInt", &[Type::INT, Type::INT], Type::INT, |run, args| {
        let (min, max) = (args.int(0)?, args.int(1)?);
        let span = u64::try_from(max.wrapping_sub(min)).ok().filter(|span| *span > 0);
        let span = span.ok_or("invalid argument to Intn")?;
        Ok(Value::int(min.wrapping_add(below(run, span)?.cast_signed())))
    }),
    Func::fixed("shuffle", &[Type::String], Type::String, shuffle),
    Func::fixed("uuidv4", &[], Type::String, uuid),
];

/// So many of the characters that fit, each as likely as the others. None if the number is negative.
fn text(run: &mut Run<'_>, args: Args<'_>, fits: fn(u8) -> bool) -> Result<Value, Fault> {
    let count = usize::try_from(args.int(0)?).unwrap_or_default();
    run.make(count)?;
    let alphabet: Vec<u8> = (0..=u8::MAX).filter(|byte| fits(*byte)).collect();
    let mut out = Vec::with_capacity(count);
    let mut drawn = [0; 256];
    while out.len() < count {
        run.spend(1)?;
        run.random(&mut drawn)?;
        // 127 is more than any alphabet has: seven bits, drawn again if they stand for no character.
        let drawn = drawn.iter().filter_map(|byte| alphabet.get(usize::from(byte & 0x7f)));
        out.extend(drawn.take(count - out.len()));
    }
    Ok(Value::str(out))
}

fn bytes(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let count = usize::try_from(args.int(0)?).map_err(|_| "runtime error: makeslice: len out of range")?;
    run.make(count.saturating_mul(4) / 3)?;
    let mut drawn = vec![0; count];
    run.random(&mut drawn)?;
    Ok(Value::str(STANDARD.encode(drawn)))
}

/// A number below `bound`, which is not 0: drawn again if it lies beyond the last whole multiple.
fn below(run: &Run<'_>, bound: u64) -> Result<u64, Fault> {
    let last = u64::MAX - u64::MAX % bound;
    loop {
        let mut drawn = [0; 8];
        run.random(&mut drawn)?;
        let drawn = u64::from_le_bytes(drawn);
        if drawn < last {
            return Ok(drawn % bound);
        }
    }
}

/// The characters in any order.
fn shuffle(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let mut rest = args.str(0)?.as_bytes();
    run.spend(rest.len() as u64)?;
    let mut chars = Vec::new();
    while !rest.is_empty() {
        let (char, len) = first_char(rest);
        chars.push(char.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = &rest[len..];
    }
    for at in (1..chars.len()).rev() {
        let other = below(run, at as u64 + 1)?;
        chars.swap(at, usize::try_from(other).unwrap_or_default());
    }
    Ok(Value::str(chars.into_iter().collect::<String>()))
}

fn uuid(run: &mut Run<'_>, _: Args<'_>) -> Result<Value, Fault> {
    let mut bytes = [0; 16];
    run.random(&mut bytes)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut out = String::with_capacity(36);
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        write!(out, "{byte:02x}").map_err(|error| error.to_string())?;
    }
    Ok(Value::str(out))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::run::Env;

    fn counting() -> impl Fn(&mut [u8]) {
        let next = Cell::new(0u8);
        move |buffer: &mut [u8]| {
            for byte in buffer {
                *byte = next.replace(next.get().wrapping_add(1));
            }
        }
    }

    fn call(name: &str, args: &[Value]) -> Result<Vec<u8>, Fault> {
        let random = counting();
        let env = Env { random: Some(&random), ..Env::default() };
        let row = ROWS.iter().find(|row| row.name() == name).unwrap();
        crate::print::display(&row.call(&mut Run::new(&env), Args::new(args))?)
    }

    #[test]
    fn identifiers_carry_their_version_and_variant() {
        assert_eq!(call("uuidv4", &[]).unwrap(), b"00010203-0405-4607-8809-0a0b0c0d0e0f");
    }

    #[test]
    fn texts_are_of_the_alphabet_and_the_length() {
        let text = call("randAlphaNum", &[Value::int(1000)]).unwrap();
        assert_eq!(text.len(), 1000);
        assert!(text.iter().all(u8::is_ascii_alphanumeric));
        assert_eq!(call("randNumeric", &[Value::int(-1)]).unwrap(), b"");
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_before_it_is_made() {
        assert!(call("randBytes", &[Value::int(i64::MAX)]).unwrap_err().is_limit());
        assert!(call("randAscii", &[Value::int(i64::MAX)]).unwrap_err().is_limit());
    }

    #[test]
    fn a_shuffle_keeps_the_characters() {
        let mut chars: Vec<char> =
            String::from_utf8(call("shuffle", &["äbcäd".into()]).unwrap()).unwrap().chars().collect();
        chars.sort_unstable();
        assert_eq!(chars, ['b', 'c', 'd', 'ä', 'ä']);
    }
}
