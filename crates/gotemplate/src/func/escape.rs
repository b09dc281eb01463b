//! The escaping of `html`, `js` and `urlquery`.

use crate::quote::{first_char, is_print};

/// `template.HTMLEscapeString`.
pub(super) fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        let escaped: &[u8] = match byte {
            0 => "\u{fffd}".as_bytes(),
            b'"' => b"&#34;",
            b'\'' => b"&#39;",
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            _ => std::slice::from_ref(byte),
        };
        out.extend_from_slice(escaped);
    }
    out
}

/// `template.JSEscapeString`.
pub(super) fn js(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let (c, len) = first_char(&text[at..]);
        let bytes = &text[at..at + len];
        at += len;
        match c {
            Some('\\') => out.extend(b"\\\\"),
            Some('\'') => out.extend(b"\\'"),
            Some('"') => out.extend(b"\\\""),
            Some(c @ ('<' | '>' | '&' | '=' | '\0'..='\x1f')) => {
                out.extend(format!("\\u{:04X}", c as u32).bytes())
            }
            Some(c) if !c.is_ascii() && !is_print(c) => out.extend(format!("\\u{:04X}", c as u32).bytes()),
            _ => out.extend_from_slice(bytes),
        }
    }
    out
}

/// `url.QueryEscape`.
pub(super) fn url_query(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => out.push(b'+'),
            b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            _ if byte.is_ascii_alphanumeric() => out.push(*byte),
            _ => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_escapes_what_go_escapes() {
        assert_eq!(html(b"<a b='c'>&\"\0"), "&lt;a b=&#39;c&#39;&gt;&amp;&#34;\u{fffd}".as_bytes());
        assert_eq!(
            js("a'\\\"<=\n\u{200b}é\x7f".as_bytes()),
            "a\\'\\\\\\\"\\u003C\\u003D\\u000A\\u200Bé\x7f".as_bytes()
        );
        assert_eq!(url_query("a b/ä~".as_bytes()), b"a+b%2F%C3%A4~");
    }

    #[test]
    fn bytes_that_are_not_utf8_pass() {
        assert_eq!(js(b"\xff"), b"\xff");
    }
}
