//! base64, base32 and hexadecimal text, and digests. The decoders are Go's: they tell the very byte that is wrong, and
//! sprig gives that message as the value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use crate::error::Fault;
use crate::func::{Args, Func};
use crate::quote::is_print;
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("b64enc", &[Type::String], Type::String, |run, args| encoded(run, args, base64_encode)),
    Func::fixed("b64dec", &[Type::String], Type::String, |run, args| decoded(run, args, base64_text)),
    Func::fixed("b32enc", &[Type::String], Type::String, |run, args| encoded(run, args, base32_encode)),
    Func::fixed("b32dec", &[Type::String], Type::String, |run, args| decoded(run, args, base32_text)),
    Func::fixed("hexdec", &[Type::String], Type::String, |run, args| decoded(run, args, hex_decode)),
    Func::fixed("sha1sum", &[Type::String], Type::String, digest::<Sha1>),
    Func::fixed("sha256sum", &[Type::String], Type::String, digest::<Sha256>),
    Func::fixed("sha512sum", &[Type::String], Type::String, digest::<Sha512>),
    Func::fixed("adler32sum", &[Type::String], Type::String, |run, args| {
        run.spend(args.str(0)?.len() as u64 / 1024)?;
        Ok(Value::str(adler32(args.str(0)?).to_string()))
    }),
];

/// Encoding makes at most twice the bytes.
fn encoded(run: &mut Run<'_>, args: Args<'_>, encode: fn(&[u8]) -> String) -> Result<Value, Fault> {
    let bytes = args.str(0)?;
    run.make(bytes.len().saturating_mul(2))?;
    Ok(Value::str(encode(bytes)))
}

/// An error is a value here.
fn decoded(
    run: &mut Run<'_>,
    args: Args<'_>,
    decode: fn(&[u8]) -> Result<Vec<u8>, String>,
) -> Result<Value, Fault> {
    let text = args.str(0)?;
    run.make(text.len())?;
    Ok(match decode(text) {
        Ok(bytes) => Value::str(bytes),
        Err(message) => Value::str(message),
    })
}

fn digest<D: Digest>(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let bytes = args.str(0)?;
    run.spend(bytes.len() as u64 / 256)?;
    Ok(Value::str(hex(&D::digest(&**bytes))))
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn hex_decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let digit = |byte: u8| {
        let value = char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
        value.ok_or_else(|| format!("encoding/hex: invalid byte: {}", code_point(byte)))
    };
    let mut out = Vec::with_capacity(text.len() / 2);
    for pair in text.chunks(2) {
        let high = digit(pair[0])?;
        let Some(low) = pair.get(1) else { return Err("encoding/hex: odd length hex string".into()) };
        out.push(high << 4 | digit(*low)?);
    }
    Ok(out)
}

/// Go's `%#U` of a character up to U+00FF.
fn code_point(byte: u8) -> String {
    let c = char::from(byte);
    if is_print(c) { format!("U+{byte:04X} '{c}'") } else { format!("U+{byte:04X}") }
}

fn adler32(bytes: &[u8]) -> u32 {
    const PRIME: u32 = 65521;
    // So many bytes fit into 32 bits before the sums must be reduced.
    let sums = bytes.chunks(5552).fold((1, 0), |(mut low, mut high), chunk| {
        for byte in chunk {
            low += u32::from(*byte);
            high += low;
        }
        (low % PRIME, high % PRIME)
    });
    sums.1 << 16 | sums.0
}

/// With padding, in the standard alphabet.
pub(super) fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn base64_text(text: &[u8]) -> Result<Vec<u8>, String> {
    base64_decode(text).map_err(|at| format!("illegal base64 data at input byte {at}"))
}

/// Which base64 is read.
#[derive(Clone, Copy)]
pub(super) struct Base64 {
    /// `-` and `_` in place of `+` and `/`.
    pub(super) url: bool,
    /// Whether the text ends with `=` up to a multiple of four characters, and must.
    pub(super) padded: bool,
}

/// The standard alphabet with padding. The error is the offset of the byte that is wrong.
pub(crate) fn base64_decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    Base64 { url: false, padded: true }.decode(text)
}

/// As [`base64_decode`], into a buffer that is used again.
pub(super) fn base64_decode_into(text: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
    out.clear();
    Base64 { url: false, padded: true }.decode_into(text, out)
}

impl Base64 {
    /// Line ends are skipped wherever they stand. Bits that remain are not looked at.
    pub(super) fn decode(self, text: &[u8]) -> Result<Vec<u8>, usize> {
        let mut out = Vec::new();
        self.decode_into(text, &mut out)?;
        Ok(out)
    }

    fn decode_into(self, text: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
        out.reserve(text.len() / 4 * 3 + 3);
        let (mut bits, mut count, mut at) = (0_u32, 0, 0);
        loop {
            if count == 0 {
                at += self.whole_groups(&text[at..], out);
            }
            let Some(byte) = text.get(at) else { break };
            match self.value(*byte) {
                NONE if matches!(byte, b'\n' | b'\r') => {}
                NONE if *byte == b'=' && self.padded => {
                    check_padding(text, at, count)?;
                    push_rest(out, bits, count);
                    return Ok(());
                }
                NONE => return Err(at),
                value => {
                    bits = bits << 6 | u32::from(value);
                    count += 1;
                }
            }
            if count == 4 {
                out.extend(&bits.to_be_bytes()[1..]);
                (bits, count) = (0, 0);
            }
            at += 1;
        }
        if count == 1 || count > 0 && self.padded {
            return Err(text.len() - count);
        }
        push_rest(out, bits, count);
        Ok(())
    }

    /// Reads groups of four characters up to the end of the line, or the first that holds anything else; how many
    /// characters they have.
    fn whole_groups(self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let line = &text[..memchr(b'\n', text).unwrap_or(text.len())];
        let (start, mut count) = (out.len(), 0);
        out.resize(start + line.len() / 4 * 3, 0);
        for (group, bytes) in line.chunks_exact(4).zip(out[start..].chunks_exact_mut(3)) {
            let [a, b, c, d] = [0, 1, 2, 3].map(|i| self.value(group[i]));
            if a | b | c | d == NONE {
                break;
            }
            bytes.copy_from_slice(&[a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
            count += 1;
        }
        out.truncate(start + count * 3);
        count * 4
    }

    /// The six bits of a character, or [`NONE`].
    const fn value(self, byte: u8) -> u8 {
        if self.url { URL_VALUES[byte as usize] } else { STANDARD_VALUES[byte as usize] }
    }
}

/// No character of the alphabet. It has all bits, so that it shows in a group.
const NONE: u8 = 0xff;

static STANDARD_VALUES: [u8; 256] = values(b'+', b'/');
static URL_VALUES: [u8; 256] = values(b'-', b'_');

/// What each character stands for, given the last two of the alphabet.
const fn values(plus: u8, slash: u8) -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < 26 {
        values[(b'A' + value) as usize] = value;
        values[(b'a' + value) as usize] = 26 + value;
        value += 1;
    }
    value = 0;
    while value < 10 {
        values[(b'0' + value) as usize] = 52 + value;
        value += 1;
    }
    values[plus as usize] = 62;
    values[slash as usize] = 63;
    values
}

/// What follows the first `=`, which stands at `at` behind `count` characters of a group.
fn check_padding(text: &[u8], at: usize, count: usize) -> Result<(), usize> {
    let next = |from: usize| {
        let found = text[from..].iter().position(|byte| !matches!(byte, b'\n' | b'\r'));
        found.map_or(text.len(), |found| from + found)
    };
    let mut end = next(at + 1);
    if count < 2 {
        return Err(at);
    }
    if count == 2 {
        if end == text.len() {
            return Err(end);
        }
        if text[end] != b'=' {
            return Err(end - 1);
        }
        end = next(end + 1);
    }
    if end < text.len() { Err(end) } else { Ok(()) }
}

/// The bytes of a last group of two or three characters.
fn push_rest(out: &mut Vec<u8>, bits: u32, count: usize) {
    match count {
        2 => out.push((bits >> 4) as u8),
        3 => out.extend(&(bits << 6).to_be_bytes()[1..3]),
        _ => {}
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let bits = (0..5).fold(0_u64, |bits, i| bits << 8 | u64::from(*chunk.get(i).unwrap_or(&0)));
        let count = (chunk.len() * 8).div_ceil(5);
        for i in 0..8 {
            let index = (bits >> (35 - 5 * i) & 31) as usize;
            out.push(if i < count { char::from(BASE32[index]) } else { '=' });
        }
    }
    out
}

fn base32_text(text: &[u8]) -> Result<Vec<u8>, String> {
    base32_decode(text).map_err(|at| format!("illegal base32 data at input byte {at}"))
}

fn base32_decode(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5 + 5);
    for (start, group) in text.chunks(8).enumerate().map(|(i, group)| (i * 8, group)) {
        let mut bits = 0_u64;
        for (j, byte) in group.iter().enumerate() {
            let at = start + j;
            if *byte == b'=' && j >= 2 && text.len() - at <= 8 {
                check_base32_padding(&text, at, j)?;
                out.extend(&(bits << (40 - 5 * j)).to_be_bytes()[3..3 + j * 5 / 8]);
                return Ok(out);
            }
            let value = BASE32.iter().position(|letter| letter == byte).ok_or(at)?;
            bits = bits << 5 | value as u64;
        }
        if group.len() < 8 {
            return Err(start);
        }
        out.extend(&bits.to_be_bytes()[3..]);
    }
    Ok(out)
}

/// What follows the first `=`, which stands at `at` behind `count` characters of a group. The offsets of errors are
/// Go's, strange as some are.
fn check_base32_padding(text: &[u8], at: usize, count: usize) -> Result<(), usize> {
    let rest = &text[at + 1..];
    if rest.len() + count < 7 {
        return Err(text.len());
    }
    if let Some(k) = rest.iter().take(7 - count).position(|byte| *byte != b'=') {
        return Err(at + k);
    }
    if matches!(count, 1 | 3 | 6) { Err(at) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_tells_the_byte_that_is_wrong() {
        for (text, want) in [
            ("YQ==", Ok("a")),
            ("Y\nW\r\nJj", Ok("abc")),
            ("YQ=\n=\n", Ok("a")),
            ("YR==", Ok("a")),
            ("YQ", Err(0)),
            ("YWJjY", Err(4)),
            ("YQ=", Err(3)),
            ("YQ=a", Err(2)),
            ("Y===", Err(1)),
            ("=", Err(0)),
            ("YQ==YQ==", Err(4)),
            ("YW-_", Err(2)),
            ("YQ\n", Err(1)),
        ] {
            let want = want.map(|text| text.as_bytes().to_vec());
            assert_eq!(base64_decode(text.as_bytes()), want, "{text:?}");
        }
    }

    #[test]
    fn unpadded_base64_takes_no_padding() {
        let raw = Base64 { url: true, padded: false };
        assert_eq!(raw.decode(b"YW-_YQ"), Ok(b"ao\xbfa".to_vec()));
        assert_eq!(raw.decode(b"YQ="), Err(2));
        assert_eq!(raw.decode(b"Y"), Err(0));
    }

    #[test]
    fn base32_goes_there_and_back() {
        for text in ["", "a", "ab", "abc", "abcd", "abcde", "abcdef"] {
            assert_eq!(
                base32_decode(base32_encode(text.as_bytes()).as_bytes()),
                Ok(text.as_bytes().to_vec())
            );
        }
    }

    #[test]
    fn adler_sums_are_reduced_in_time() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[0xff; 100_000]), 0x149a_302c);
    }
}
