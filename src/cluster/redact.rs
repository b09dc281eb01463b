//! Takes what no message may hold out of what the API server, or a webhook in it, says of our writes.
//!
//! A message may tell a text as it is, quoted as Go quotes, as JSON, as either within the other, or in base64; a line of it; the beginning of a
//! long one; and it may be cut off in the midst of one. What a webhook computes from a value is not recognised, nor are texts of less than
//! four bytes.

use std::{collections::HashSet, fmt, ops::Range, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use keyferry_stores::base::{Error, SecretBytes, limits};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Secret, generic::GenericObject};

/// Texts under so many bytes are not taken out of messages: they would tear every sentence apart and are no secret.
const HIDDEN_BYTES: usize = 4;
/// Lines of texts likewise.
const LINE_BYTES: usize = 8;
/// Of texts of so many bytes the beginning is taken out too, if so many bytes of it are told.
const LONG_BYTES: usize = 24;
const HEAD_BYTES: usize = 12;
const HIDDEN: &str = "[redacted]";

/// A text that errors about a write must not hold.
#[derive(Clone, PartialEq, Eq)]
pub struct Unsaid {
    /// The text.
    pub text: Zeroizing<String>,
    /// What everybody may read: what stands in there may be told.
    pub said: Option<Arc<str>>,
}

/// Without the text.
impl fmt::Debug for Unsaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unsaid([redacted])")
    }
}

impl Unsaid {
    /// A text that nobody may read.
    #[must_use]
    pub fn secret(text: &str) -> Self {
        Self { text: Zeroizing::new(text.into()), said: None }
    }

    /// A value; what is no text is told in base64.
    #[must_use]
    pub fn value(value: &SecretBytes) -> Self {
        match value.expose_str() {
            Some(text) => Self::secret(text),
            None => Self { text: Zeroizing::new(STANDARD.encode(value.expose())), said: None },
        }
    }

    /// Looked at only where a message holds the text: to search long templates for many takes long.
    fn is_said(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.contains(self.text.as_str()))
    }
}

impl Secret {
    /// Its values.
    #[must_use]
    pub fn hidden(&self) -> Vec<Unsaid> {
        self.data.values().map(Unsaid::value).collect()
    }
}

impl GenericObject {
    /// The texts and numbers in its body.
    #[must_use]
    pub fn hidden(&self) -> Vec<Unsaid> {
        self.body.values().flat_map(texts).map(|text| Unsaid { text, said: None }).collect()
    }
}

/// Takes these texts out of an error. Its kind, its facts and its wait stay.
#[must_use]
pub fn redact(error: Error, unsaid: &[Unsaid]) -> Error {
    let told = error.what();
    let mut seen = HashSet::new();
    let mut spans: Vec<Range<usize>> = Vec::new();
    for each in
        unsaid.iter().filter(|each| each.text.len() >= HIDDEN_BYTES && seen.insert(each.text.as_str()))
    {
        let found: Vec<_> = forms_of(&each.text).iter().flat_map(|form| spans_of(told, form)).collect();
        if !found.is_empty() && !each.is_said() {
            spans.extend(found);
        }
    }
    if spans.is_empty() {
        return error;
    }
    let clean = without(told, spans);
    error.reworded(clean)
}

/// The text with a word in the place of each span.
fn without(told: &str, mut spans: Vec<Range<usize>>) -> String {
    spans.sort_by_key(|span| span.start);
    let (mut clean, mut at) = (String::with_capacity(told.len()), 0);
    for span in spans {
        if span.start >= at {
            clean.push_str(&told[at..span.start]);
            clean.push_str(HIDDEN);
        }
        at = at.max(span.end);
    }
    clean.push_str(&told[at..]);
    clean
}

/// Where a message tells a form, or as much of it as tells it.
fn spans_of(told: &str, form: &str) -> Vec<Range<usize>> {
    // What is cut may be short by a part of a character.
    let is_cut = told.len() + 3 >= limits::MESSAGE_BYTES;
    let head =
        &form[..form.floor_char_boundary(if form.len() >= LONG_BYTES { HEAD_BYTES } else { form.len() })];
    let mut spans: Vec<_> = starts_of(told, head)
        .map(|at| at..told.floor_char_boundary(at + shared(&told[at..], form)))
        .collect();
    if is_cut {
        let least = &form[..form.floor_char_boundary(HIDDEN_BYTES)];
        spans.extend(
            starts_of(told, least).filter(|at| form.starts_with(&told[*at..])).map(|at| at..told.len()),
        );
    }
    spans
}

/// Where a part begins, overlapping ones included.
fn starts_of<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = usize> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let at = from + text.get(from..)?.find(part).filter(|_| !part.is_empty())?;
        from = text.ceil_char_boundary(at + 1);
        Some(at)
    })
}

/// How many bytes both begin with.
fn shared(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count()
}

/// A text, and each long line of it, in every form.
fn forms_of(text: &str) -> Vec<Zeroizing<String>> {
    let mut forms = Vec::new();
    add_forms(text, &mut forms);
    forms.push(Zeroizing::new(STANDARD.encode(text)));
    let lines =
        text.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES && line.len() < text.len());
    lines.for_each(|line| add_forms(line, &mut forms));
    forms
}

/// As it is, as it is quoted, and as JSON has it, with and without what Go's encoder does for the sake of HTML; each within the other.
fn add_forms(text: &str, forms: &mut Vec<Zeroizing<String>>) {
    forms.push(Zeroizing::new(text.to_string()));
    let is_plain =
        |byte: u8| (b' '..=b'~').contains(&byte) && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&');
    if text.bytes().all(is_plain) {
        return;
    }
    let (quoted, json, for_html) = (quoted(text), json(text, false), json(text, true));
    forms.extend([
        quoted_again(&quoted),
        quoted_again(&json),
        quoted_again(&for_html),
        quoted,
        json,
        for_html,
    ]);
}

fn quoted_again(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As Go's `strconv.Quote` has it, without the quotes.
fn quoted(text: &str) -> Zeroizing<String> {
    let mut out = Zeroizing::new(String::with_capacity(2 * text.len()));
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            ' '..='~' => out.push(letter),
            '\0'..='\u{7f}' => out.push_str(&format!("\\x{:02x}", u32::from(letter))),
            _ if is_printed(letter) => out.push(letter),
            '\u{80}'..='\u{ffff}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => out.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    out
}

/// Whether Go prints a letter beyond ASCII as it is, but for what no font has.
fn is_printed(letter: char) -> bool {
    let format = matches!(
        letter,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}'
    );
    !format && !letter.is_control() && !letter.is_whitespace()
}

/// As Go's `encoding/json` has it, without the quotes.
fn json(text: &str, for_html: bool) -> Zeroizing<String> {
    let whole = Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
    let inner = whole.get(1..whole.len().saturating_sub(1)).unwrap_or_default();
    let mut out = Zeroizing::new(String::with_capacity(2 * inner.len()));
    for letter in inner.chars() {
        match letter {
            '<' | '>' | '&' if for_html => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            '\u{2028}' | '\u{2029}' => out.push_str(&format!("\\u{:04x}", u32::from(letter))),
            _ => out.push(letter),
        }
    }
    out
}

/// Every text and number in a content, however deep.
fn texts(content: &Value) -> Vec<Zeroizing<String>> {
    match content {
        Value::String(text) => vec![Zeroizing::new(text.clone())],
        Value::Number(number) => vec![Zeroizing::new(number.to_string())],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use keyferry_stores::base::Kind;
    use serde_json::json;

    use super::*;
    use crate::cluster::{ObjectKey, generic::ObjectKind};

    #[test]
    fn values_are_taken_out_of_what_a_webhook_says() {
        let mut secret = Secret::default();
        secret.data.insert("k".into(), "hunter\n2".into());
        let text = format!("denied: hunter\n2 {} {}", "hunter\\n2", STANDARD.encode("hunter\n2"));
        let clean = redact(Error::new(Kind::Forbidden, text), &secret.hidden());
        assert_eq!(clean.to_string(), "denied: [redacted] [redacted] [redacted]");
    }

    fn object(body: Value) -> GenericObject {
        let Value::Object(body) = body else { panic!("{body} is no object") };
        let kind = ObjectKind { api_version: "v1".into(), kind: "ConfigMap".into() };
        GenericObject { body, ..GenericObject::new(kind, &ObjectKey::new("n", "c")) }
    }

    /// What is told of a message about an object.
    fn told(message: &str, body: Value) -> String {
        redact(Error::new(Kind::Invalid, message), &object(body).hidden()).to_string()
    }

    #[test]
    fn texts_of_an_object_are_taken_out_of_what_the_api_server_says_of_it() {
        let table = [
            (
                "spec.a: Invalid value: \"hunter2\"",
                json!({ "spec": { "a": "hunter2" } }),
                "spec.a: Invalid value: \"[redacted]\"",
            ),
            ("value [hunter2]", json!({ "spec": [{ "deep": ["hunter2"] }] }), "value [[redacted]]"),
            (r#"a: "it's\nx""#, json!({ "data": { "a": "it's\nx" } }), "a: \"[redacted]\""),
            (r#"{"a":"x\u003cy\u003e\u0026"}"#, json!({ "data": { "a": "x<y>&" } }), r#"{"a":"[redacted]"}"#),
            ("hunter2-long", json!({ "data": { "a": "hunter2", "b": "hunter2-long" } }), "[redacted]"),
            (
                "yes or no",
                json!({ "data": { "a": "yes", "b": "no", "c": 7, "d": null, "e": true } }),
                "yes or no",
            ),
        ];
        for (message, body, clean) in table {
            assert_eq!(told(message, body), clean);
        }
    }

    #[test]
    fn a_value_in_whose_midst_the_message_was_cut_is_not_told() {
        let key = "0123456789abcdef\n".repeat(100);
        let message = format!("spec.key: Invalid value: {}", serde_json::to_string(&key).unwrap());
        let cut = &message[..limits::MESSAGE_BYTES];
        let body = json!({ "spec": { "key": key, "part": "456789ab" } });
        assert_eq!(told(cut, body), "spec.key: Invalid value: \"[redacted]");
        let whole = "unknown field spec.key";
        assert_eq!(told(whole, json!({ "spec": { "a": "spec.keyhole" } })), whole);
    }

    #[test]
    fn texts_and_numbers_are_found_however_deep() {
        let content = json!({ "a": ["x", { "b": "y" }], "c": 1, "d": null, "e": "z" });
        let found = texts(&content);
        let found: Vec<&str> = found.iter().map(|text| text.as_str()).collect();
        assert_eq!(found, ["x", "y", "1", "z"]);
    }

    #[test]
    fn what_templates_rendered_into_keys_labels_and_annotations_is_taken_out_but_not_what_they_say() {
        let unsaid = |text: &str| Unsaid {
            text: Zeroizing::new(text.into()),
            said: Some("team: {{ .team }}, tls.crt: {{ .crt }}".into()),
        };
        let unsaid = [unsaid("it's \"hunter2\""), unsaid("no"), unsaid("tls.crt")];
        let told = |message: &str| redact(Error::new(Kind::Forbidden, message), &unsaid).to_string();
        assert_eq!(
            told(r#"denied: annotation n is "it's \"hunter2\"", no tls.crt"#),
            r#"denied: annotation n is "[redacted]", no tls.crt"#
        );
        let long = format!("{}it's \"hun", "x".repeat(limits::MESSAGE_BYTES - 9));
        assert!(told(&long).ends_with("x[redacted]"));
    }

    #[test]
    fn a_text_is_found_in_every_form_in_which_go_tells_it() {
        let text = "a\u{1b}b\u{7}\u{a0}\u{feff}\u{2028}'<\"\n\u{7f}end";
        let quoted = r#"a\x1bb\a\u00a0\ufeff\u2028'<\"\n\x7fend"#;
        let json = r#"a\u001bb\u0007\u{a0}\u{feff}\u2028'\u003c\"\n\u{7f}end"#;
        let json =
            json.replace("\\u{a0}", "\u{a0}").replace("\\u{feff}", "\u{feff}").replace("\\u{7f}", "\u{7f}");
        let twice = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        for form in [text, quoted, &json, &twice(quoted), &twice(&json), &STANDARD.encode(text)] {
            let error = Error::new(Kind::Invalid, format!("x {form} y"));
            assert_eq!(redact(error, &[Unsaid::secret(text)]).what(), "x [redacted] y", "{form}");
        }
    }

    #[test]
    fn parts_that_tell_a_text_are_taken_out() {
        for (text, message, clean) in [
            (
                "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n",
                "bad: MIIEvQIBADANBg, ok",
                "bad: [redacted], ok",
            ),
            ("hunter2-hunter2-hunter2-hunter2", "too long: hunter2-hunter2...", "too long: [redacted]..."),
            ("hunter2-value", "hunter2 is not told", "hunter2 is not told"),
        ] {
            let error = Error::new(Kind::Invalid, message);
            assert_eq!(redact(error, &[Unsaid::secret(text)]).what(), clean);
        }
        let both = [Unsaid::secret("abcdefg"), Unsaid::secret("efghij")];
        assert_eq!(redact(Error::new(Kind::Invalid, "x abcdefghij y"), &both).what(), "x [redacted] y");
    }

    #[test]
    fn kind_facts_and_wait_stay() {
        let wait = Some(std::time::Duration::from_secs(3));
        let error = Error::new(Kind::Forbidden, "namespace prod ends")
            .with("cause", "NamespaceTerminating")
            .after(wait);
        let clean = redact(error, &[Unsaid::secret("prod"), Unsaid::secret("Terminating")]);
        assert_eq!(clean.to_string(), "namespace [redacted] ends (cause=NamespaceTerminating)");
        assert_eq!((clean.kind(), clean.wait()), (Kind::Forbidden, wait));
    }

    #[test]
    fn a_hundred_thousand_texts_are_looked_for_once_each() {
        let said: Arc<str> = "x".repeat(1 << 20).into();
        let one =
            |n: usize| Unsaid { text: Zeroizing::new(format!("key-{}", n / 2)), said: Some(said.clone()) };
        let unsaid: Vec<_> = (0..100_000).map(one).collect();
        let message = format!("{} key-49999", "y".repeat(limits::MESSAGE_BYTES));
        let clean = redact(Error::new(Kind::Invalid, message), &unsaid);
        assert!(clean.what().ends_with("y [redacted]"), "{}", clean.what());
    }
}
