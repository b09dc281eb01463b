//! Writes JSON strings as Go does: with `<`, `>`, `&`, U+2028 and U+2029 escaped.

/// Appends a text as a JSON string. A byte that is no UTF-8 becomes U+FFFD.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        chunk.valid().chars().for_each(|letter| push_char(out, letter));
        chunk.invalid().iter().for_each(|_| push_char(out, char::REPLACEMENT_CHARACTER));
    }
    out.push(b'"');
}

fn push_char(out: &mut Vec<u8>, letter: char) {
    match letter {
        '"' | '\\' => out.extend([b'\\', letter as u8]),
        '\u{8}' => out.extend(b"\\b"),
        '\u{c}' => out.extend(b"\\f"),
        '\n' => out.extend(b"\\n"),
        '\r' => out.extend(b"\\r"),
        '\t' => out.extend(b"\\t"),
        '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            out.extend(format!("\\u{:04x}", u32::from(letter)).into_bytes());
        }
        _ => out.extend(letter.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_as_go_writes_them() {
        let cases: [(&[u8], &str); 6] = [
            (b"a", r#""a""#),
            (b"\"\\\n\r\t\x08\x0c", r#""\"\\\n\r\t\b\f""#),
            (b"\x00\x1f\x7f", "\"\\u0000\\u001f\x7f\""),
            (b"<&>", r#""\u003c\u0026\u003e""#),
            ("ü\u{2028}".as_bytes(), r#""ü\u2028""#),
            (b"\xff\xfe", "\"\u{fffd}\u{fffd}\""),
        ];
        for (text, expected) in cases {
            let mut out = Vec::new();
            push_string(&mut out, text);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
