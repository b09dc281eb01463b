//! Takes what no message may hold out of what the API server, or a webhook in it, says of our writes.

use std::{cmp::Reverse, fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use keyferry_stores::base::{Error, limits};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Secret, generic::GenericObject};

/// Values under so many bytes are not taken out of messages: they would tear every sentence apart and are no secret.
const HIDDEN_BYTES: usize = 4;

/// A text that errors about a write must not hold, beside the values of `data` and the texts of a body: what a template rendered into a key,
/// a label or an annotation.
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
    /// Looked at only where a message holds the text: to search long templates for many takes long.
    fn is_said(&self) -> bool {
        self.said.as_ref().is_some_and(|said| said.contains(self.text.as_str()))
    }
}

/// Takes values, in each of these forms, and what is unsaid out of what the API server (or a webhook in it) says of their write. Where its
/// message was cut off in the midst of one, so is what is left.
pub(super) fn redact(error: Error, mut forms: Vec<Zeroizing<String>>, unsaid: &[Unsaid]) -> Error {
    const HIDDEN: &str = "[redacted]";
    let text = error.to_string();
    let met = unsaid
        .iter()
        .filter(|unsaid| unsaid.text.len() >= HIDDEN_BYTES)
        .map(|unsaid| (unsaid, forms_of(&unsaid.text)));
    let met = met.filter(|(unsaid, forms)| is_met(&text, forms) && !unsaid.is_said());
    forms.extend(met.flat_map(|(_, forms)| forms));
    let end = cut_value(&text, &forms);
    forms.sort_by_key(|form| Reverse(form.len()));
    let whole = text[..end].to_string();
    let mut clean = forms.iter().fold(whole, |clean, form| clean.replace(form.as_str(), HIDDEN));
    if end < text.len() {
        clean.push_str(HIDDEN);
    }
    if clean == text { error } else { Error::new(error.kind(), clean).after(error.wait()) }
}

/// True if the text holds one of the forms, or was cut off in the midst of one.
fn is_met(text: &str, forms: &[Zeroizing<String>]) -> bool {
    cut_value(text, forms) < text.len() || forms.iter().any(|form| text.contains(form.as_str()))
}

/// Where the value begins in the midst of which a text was cut off; the text's end if it was not.
fn cut_value(text: &str, forms: &[Zeroizing<String>]) -> usize {
    // What is cut may be short by a part of a character.
    let is_cut = text.len() + 3 >= limits::MESSAGE_BYTES;
    let tails = text.char_indices().map(|(at, _)| (at, &text[at..])).filter(|_| is_cut);
    let mut long = tails.take_while(|(_, tail)| tail.len() >= HIDDEN_BYTES);
    let cut = long.find(|(_, tail)| forms.iter().any(|form| form.starts_with(*tail)));
    cut.map_or(text.len(), |(at, _)| at)
}

/// The values of a Secret in each form in which a message may tell them.
pub(super) fn values_of_secret(secret: &Secret) -> Vec<Zeroizing<String>> {
    let values = secret.data.values().filter(|value| value.len() >= HIDDEN_BYTES);
    let forms = values.flat_map(|value| {
        let encoded = Zeroizing::new(STANDARD.encode(value.expose()));
        value.expose_str().map(forms_of).into_iter().flatten().chain([encoded])
    });
    forms.collect()
}

/// The texts and numbers in an object likewise.
pub(super) fn values_of_object(object: &GenericObject) -> Vec<Zeroizing<String>> {
    let values = object.body.values().flat_map(texts);
    values.filter(|value| value.len() >= HIDDEN_BYTES).flat_map(|value| forms_of(&value)).collect()
}

/// A text as it is, as it is quoted, and as JSON has it, with and without what Go's encoder does for the sake of HTML.
fn forms_of(text: &str) -> [Zeroizing<String>; 4] {
    let quoted = Zeroizing::new(text.escape_debug().to_string());
    let json = Zeroizing::new(serde_json::to_string(text).unwrap_or_default());
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    let mut for_html = Zeroizing::new(String::with_capacity(6 * inner.len()));
    for letter in inner.chars() {
        match letter {
            '<' => for_html.push_str("\\u003c"),
            '>' => for_html.push_str("\\u003e"),
            '&' => for_html.push_str("\\u0026"),
            other => for_html.push(other),
        }
    }
    [Zeroizing::new(text.to_string()), quoted, Zeroizing::new(inner.to_string()), for_html]
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
        let clean = redact(Error::new(Kind::Forbidden, text), values_of_secret(&secret), &[]);
        assert_eq!(clean.to_string(), "denied: [redacted] [redacted] [redacted]");
    }

    fn object(body: Value) -> GenericObject {
        let Value::Object(body) = body else { panic!("{body} is no object") };
        let kind = ObjectKind { api_version: "v1".into(), kind: "ConfigMap".into() };
        GenericObject { body, ..GenericObject::new(kind, &ObjectKey::new("n", "c")) }
    }

    /// What is told of a message about an object.
    fn told(message: &str, body: Value) -> String {
        redact(Error::new(Kind::Invalid, message), values_of_object(&object(body)), &[]).to_string()
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
        let told = |message: &str| redact(Error::new(Kind::Forbidden, message), vec![], &unsaid).to_string();
        assert_eq!(
            told(r#"denied: annotation n is "it's \"hunter2\"", no tls.crt"#),
            r#"denied: annotation n is "[redacted]", no tls.crt"#
        );
        let long = format!("{}it's \"hun", "x".repeat(limits::MESSAGE_BYTES - 9));
        assert!(told(&long).ends_with("x[redacted]"));
    }
}
