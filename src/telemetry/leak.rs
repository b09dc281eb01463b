//! Looks for secret values in what the process says, in every form in which one may hide there. For tests.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// A form that is shorter than this is found everywhere.
const SHORTEST: usize = 6;

/// One way to write a value, and the value written so.
type Form = (&'static str, String);

/// The value in every form: raw, base64 in both alphabets at each of the three alignments, URL-encoded, hexadecimal, as JSON
/// (once, and in a text that is escaped again) and Rust escape it, as a list of decimal bytes.
pub(crate) fn forms(value: &str) -> Vec<Form> {
    let bytes = value.as_bytes();
    let mut forms = vec![
        ("raw", value.to_string()),
        ("URL", url(bytes, |byte| format!("%{byte:02X}"))),
        ("URL, lower case", url(bytes, |byte| format!("%{byte:02x}"))),
        ("form", url(bytes, |byte| if byte == b' ' { "+".into() } else { format!("%{byte:02X}") })),
        ("hexadecimal", joined(bytes, "", |byte| format!("{byte:02x}"))),
        ("hexadecimal, upper case", joined(bytes, "", |byte| format!("{byte:02X}"))),
        ("JSON", json(value)),
        ("JSON, ASCII", ascii_json(value)),
        ("JSON in JSON", json(&json(value))),
        ("Debug", inner(&format!("{value:?}"))),
        ("bytes", joined(bytes, ", ", |byte| byte.to_string())),
        ("bytes as Go prints them", joined(bytes, " ", |byte| byte.to_string())),
    ];
    for before in 0..3 {
        let text = base64(bytes, before);
        forms.push(("base64, URL alphabet", text.replace('+', "-").replace('/', "_")));
        forms.push(("base64", text));
    }
    forms.retain(|(_, text)| text.len() >= SHORTEST);
    forms
}

/// Where a text shows one of the values, and in which form.
pub(crate) fn found(place: &str, text: &str, values: &[&str]) -> Vec<String> {
    let all = values.iter().flat_map(|value| forms(value));
    all.filter(|(_, form)| text.contains(form)).map(|(form, _)| format!("{place}: {form}")).collect()
}

/// The characters that stand for the value alone when `before` bytes stand before it in what was encoded.
fn base64(bytes: &[u8], before: usize) -> String {
    let text = STANDARD_NO_PAD.encode([&vec![0; before], bytes].concat());
    let (start, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
    text[start..end].to_string()
}

fn url(bytes: &[u8], escape: impl Fn(u8) -> String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    bytes
        .iter()
        .map(|byte| if plain(*byte) { char::from(*byte).to_string() } else { escape(*byte) })
        .collect()
}

fn joined(bytes: &[u8], between: &str, show: impl Fn(u8) -> String) -> String {
    bytes.iter().map(|byte| show(*byte)).collect::<Vec<_>>().join(between)
}

/// As it stands in JSON.
fn json(value: &str) -> String {
    inner(&serde_json::Value::from(value).to_string())
}

/// A quoted text without its quotes.
fn inner(quoted: &str) -> String {
    quoted[1..quoted.len() - 1].to_string()
}

/// As writers do that keep JSON in ASCII and out of HTML.
fn ascii_json(value: &str) -> String {
    let mut text = String::new();
    for c in json(value).chars() {
        if c.is_ascii() && !"<>&".contains(c) {
            text.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a String cannot fail.
                let _infallible = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    const MARKER: &str = "mArk\"er/<ü>+& \\4711?~";

    #[test]
    fn a_planted_leak_is_found_in_every_form() {
        let around = |text: &str| format!("error: got {text}, gave up");
        for (form, text) in forms(MARKER) {
            let found = found("log", &around(&text), &[MARKER]);
            assert!(found.contains(&format!("log: {form}")), "{form}: {text}");
        }
    }

    #[test]
    fn a_planted_leak_is_found_in_base64_whatever_stands_around_it() {
        for (before, after) in (0..7).flat_map(|before| (0..4).map(move |after| (before, after))) {
            let whole = format!("{}{MARKER}{}", "x".repeat(before), "y".repeat(after));
            for text in [STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
                assert!(!found("status", &text, &[MARKER]).is_empty(), "{before} before, {after} after");
            }
        }
    }

    #[test]
    fn a_text_without_the_value_is_clean() {
        assert!(found("log", "secret synced; marker 4711; mArk er", &[MARKER]).is_empty());
    }
}
