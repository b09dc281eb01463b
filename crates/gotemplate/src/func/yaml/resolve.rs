//! What a scalar stands for: YAML 1.1's words and numbers, as the library of Kubernetes resolves them.

use super::Stop;
use super::scan::Scan;
use super::tree::Scalar;
use crate::func::cast::parse_float;
use crate::func::date_parse;
use crate::func::encoding::base64_decode;
use crate::func::zone::Zone;
use crate::number;

const STR: &str = "tag:yaml.org,2002:str";
const BOOL: &str = "tag:yaml.org,2002:bool";
const INT: &str = "tag:yaml.org,2002:int";
const FLOAT: &str = "tag:yaml.org,2002:float";
const NULL: &str = "tag:yaml.org,2002:null";
const TIMESTAMP: &str = "tag:yaml.org,2002:timestamp";
const BINARY: &str = "tag:yaml.org,2002:binary";
const MERGE: &str = "tag:yaml.org,2002:merge";

/// A scalar's value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    /// Larger than any [`Resolved::Int`].
    Uint(u64),
    Float(f64),
    Str(Vec<u8>),
    /// A string that looks like a time.
    Timestamp,
}

impl Resolved {
    const fn tag(&self) -> &'static str {
        match self {
            Self::Null => NULL,
            Self::Bool(_) => BOOL,
            Self::Int(_) | Self::Uint(_) => INT,
            Self::Float(_) => FLOAT,
            Self::Str(_) => STR,
            Self::Timestamp => TIMESTAMP,
        }
    }
}

/// The words that are no strings, each in lower case, capitalised, and in upper case.
const WORDS: &[(&str, Resolved)] = &[
    ("y", Resolved::Bool(true)),
    ("yes", Resolved::Bool(true)),
    ("true", Resolved::Bool(true)),
    ("on", Resolved::Bool(true)),
    ("n", Resolved::Bool(false)),
    ("no", Resolved::Bool(false)),
    ("false", Resolved::Bool(false)),
    ("off", Resolved::Bool(false)),
    ("", Resolved::Null),
    ("~", Resolved::Null),
    ("null", Resolved::Null),
    (".inf", Resolved::Float(f64::INFINITY)),
    ("+.inf", Resolved::Float(f64::INFINITY)),
    ("-.inf", Resolved::Float(f64::NEG_INFINITY)),
    (".nan", Resolved::Float(f64::NAN)),
];

/// What a text without quotes stands for.
pub(super) fn resolve_plain(text: &str) -> Resolved {
    if let Some(word) = word(text) {
        return word;
    }
    match text.as_bytes().first() {
        Some(b'.') => parse_float(text).map(Resolved::Float),
        Some(b'0'..=b'9' | b'+' | b'-') if is_timestamp(text) => Some(Resolved::Timestamp),
        Some(b'0'..=b'9' | b'+' | b'-') => number(&text.replace('_', "")),
        _ => None,
    }
    .unwrap_or_else(|| Resolved::Str(text.as_bytes().to_vec()))
}

fn word(text: &str) -> Option<Resolved> {
    let lower = text.to_ascii_lowercase();
    let (_, word) = WORDS.iter().find(|(word, _)| *word == lower)?;
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    let rest = letters.get(1..).unwrap_or_default();
    let first_is_upper = letters.starts_with(|first: char| first.is_ascii_uppercase());
    let is_lower = rest.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_upper = rest.bytes().all(|byte| byte.is_ascii_uppercase());
    // `.NaN` is written in a way of its own, and `.Nan` is not.
    let fits = match lower.as_str() {
        ".nan" => matches!(letters.as_str(), "nan" | "NaN" | "NAN"),
        _ => is_lower || is_upper && first_is_upper,
    };
    fits.then(|| word.clone())
}

fn number(text: &str) -> Option<Resolved> {
    if let Some(int) = number::parse_int(text) {
        return Some(Resolved::Int(int));
    }
    if let Some(uint) = number::parse_uint(text) {
        return Some(Resolved::Uint(uint));
    }
    if looks_like_float(text) {
        return parse_float(text).map(Resolved::Float);
    }
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let digits = digits.strip_prefix("0b")?;
    i64::from_str_radix(&format!("{sign}{digits}"), 2).ok().map(Resolved::Int)
}

/// Digits with a point and an exponent, each perhaps: no words, no other bases.
fn looks_like_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// The ways to write a time, as Go's layouts.
const TIMES: &[&str] = &[
    "2006-1-2T15:4:5.999999999Z07:00",
    "2006-1-2t15:4:5.999999999Z07:00",
    "2006-1-2 15:4:5.999999999",
    "2006-1-2",
];

fn is_timestamp(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    let begins = year == 4 && text.as_bytes().get(4) == Some(&b'-');
    begins
        && TIMES
            .iter()
            .any(|layout| date_parse::parse(layout.as_bytes(), text.as_bytes(), &Zone::Utc).is_ok())
}

/// What a scalar of a document stands for. A tag has the last word, if the text fits it.
pub(super) fn resolve(scalar: &Scalar) -> Scan<Resolved> {
    let text = || Resolved::Str(scalar.text.as_bytes().to_vec());
    match scalar.tag.as_str() {
        "" if !scalar.plain => Ok(text()),
        "" => Ok(plain_or_text(&scalar.text)),
        STR => Ok(text()),
        BINARY => match base64_decode(scalar.text.as_bytes()) {
            Ok(bytes) => Ok(Resolved::Str(bytes)),
            Err(_) => Err(Stop::Malformed("!!binary value contains invalid base64 data".into())),
        },
        tag @ (BOOL | INT | FLOAT | NULL | TIMESTAMP) => tagged(&scalar.text, tag),
        _ => Ok(text()),
    }
}

/// What looks like a time stays a string.
fn plain_or_text(text: &str) -> Resolved {
    match resolve_plain(text) {
        Resolved::Timestamp => Resolved::Str(text.as_bytes().to_vec()),
        resolved => resolved,
    }
}

fn tagged(text: &str, tag: &str) -> Scan<Resolved> {
    let resolved = match resolve_plain(text) {
        // Only without a tag, or with that of times, is a text looked at as a time.
        Resolved::Timestamp if tag != TIMESTAMP => {
            number(&text.replace('_', "")).unwrap_or_else(|| Resolved::Str(text.as_bytes().to_vec()))
        }
        resolved => resolved,
    };
    match (tag, &resolved) {
        (FLOAT, Resolved::Int(int)) => Ok(Resolved::Float(*int as f64)),
        (TIMESTAMP, Resolved::Timestamp) => Ok(Resolved::Str(text.as_bytes().to_vec())),
        _ if resolved.tag() == tag => Ok(resolved),
        _ => {
            let short = |tag: &str| tag.replace("tag:yaml.org,2002:", "!!");
            let (found, wanted) = (short(resolved.tag()), short(tag));
            Err(Stop::Malformed(format!("cannot decode {found} `{text}` as a {wanted}")))
        }
    }
}

/// Whether a key stands for the entries of its value.
pub(super) fn is_merge(scalar: &Scalar) -> bool {
    scalar.text == "<<" && (scalar.plain || scalar.tag == MERGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_written_in_three_ways() {
        assert_eq!(resolve_plain("Yes"), Resolved::Bool(true));
        assert_eq!(resolve_plain("OFF"), Resolved::Bool(false));
        assert_eq!(resolve_plain("yEs"), Resolved::Str(b"yEs".to_vec()));
        assert_eq!(resolve_plain("Y"), Resolved::Bool(true));
        assert_eq!(resolve_plain("nULL"), Resolved::Str(b"nULL".to_vec()));
    }

    #[test]
    fn numbers_are_read_in_any_base() {
        for (text, want) in [
            ("0x1F", Resolved::Int(31)),
            ("0o17", Resolved::Int(15)),
            ("017", Resolved::Int(15)),
            ("08", Resolved::Float(8.0)),
            ("-0b11", Resolved::Int(-3)),
            ("1_000", Resolved::Int(1000)),
            ("18446744073709551615", Resolved::Uint(u64::MAX)),
            (".5", Resolved::Float(0.5)),
            ("1e3", Resolved::Float(1000.0)),
            ("1:30", Resolved::Str(b"1:30".to_vec())),
            ("2024-1-2", Resolved::Timestamp),
        ] {
            assert_eq!(resolve_plain(text), want, "{text}");
        }
    }
}
