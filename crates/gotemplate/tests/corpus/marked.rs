//! SEC-08: messages without values show none. The recorded cases are rendered once more, each of their string constants replaced by a value
//! of dot that holds a marker, and what goes wrong is searched for it.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, SystemTime};

use gotemplate::{Env, Limits, Template, Value};
use regex::{Captures, Match, Regex};
use serde_json::Value as Json;

use crate::case::engine;
use crate::record::{cases, topics};

/// Plain, beyond ASCII, and with what must be escaped between quotes.
const MARKERS: [&str; 3] = ["Zq7Xw9Kv3Jy", "zÿqþxðwßkæy", "Z\"q\\X'w`K\tv<J"];
/// Values are searched for in parts of so many characters: messages may show a part.
const PART: usize = 5;

/// What becomes of a constant: the marker alone, or the marker somewhere in it, also in a way that functions decode. Where that has no
/// place in it, it stays as it is.
const SHAPES: [fn(&str, &str) -> String; 6] = [
    |_, marker| marker.to_string(),
    |constant, marker| format!("{constant}{marker}"),
    |constant, marker| format!("{marker}{constant}"),
    |constant, marker| constant.replace("\":\"", &format!("\":\"{marker}")),
    |constant, marker| constant.replace("\":\"", &format!("\":\"{}", json_escaped(marker))),
    |constant, marker| constant.replace("://", &format!("://{}", percent_escaped(marker))),
];

fn percent_escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn json_escaped(text: &str) -> String {
    text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()
}

static CONSTANT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"`([^`]*)`|"((?:[^"\\]|\\.)*)""#).unwrap());

/// The template with values in place of its constants, and the values; none if no marker came in.
fn marked(
    text: &str,
    shape: fn(&str, &str) -> String,
    marker: &str,
) -> Option<(String, Vec<(String, String)>)> {
    let (mut values, mut is_marked) = (Vec::new(), false);
    let text = CONSTANT.replace_all(text, |found: &Captures<'_>| {
        let quoted = |text: Match<'_>| text.as_str().replace("\\\"", "\"").replace("\\\\", "\\");
        let raw = found.get(1).map(|text| text.as_str().to_string());
        let constant = raw.or_else(|| found.get(2).map(quoted)).unwrap_or_default();
        let value = shape(&constant, marker);
        is_marked |= value != constant;
        let name = format!("m{}", values.len());
        values.push((name.clone(), value));
        format!("$.{name}")
    });
    is_marked.then(|| (text.into_owned(), values))
}

/// How messages may show a marker: as it is, quoted as `%q` does, with bytes as `\x`, `%` or JSON's `\u` escapes.
fn forms(marker: &str) -> [String; 5] {
    let escaped = |is_kept: fn(u8) -> bool, escape: fn(u8) -> String| -> String {
        let show = |byte: u8| if is_kept(byte) { char::from(byte).to_string() } else { escape(byte) };
        marker.bytes().map(show).collect()
    };
    let quoted = marker.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t");
    let json =
        marker.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) });
    [
        marker.to_string(),
        quoted,
        escaped(|byte| byte.is_ascii(), |byte| format!("\\x{byte:02x}")),
        escaped(|byte| byte.is_ascii_alphanumeric(), |byte| format!("%{byte:02X}")),
        json.collect(),
    ]
}

/// The parts of a marker in all of its forms, in small letters.
fn parts(marker: &str) -> BTreeSet<String> {
    let of = |form: String| {
        let chars: Vec<char> = form.to_lowercase().chars().collect();
        chars.windows(PART).map(String::from_iter).collect::<Vec<_>>()
    };
    forms(marker).into_iter().flat_map(of).collect()
}

/// The message without values, if the template fails while it is rendered.
fn failure(template: &Template, values: Vec<(String, String)>) -> Option<String> {
    let random = |buffer: &mut [u8]| buffer.fill(7);
    let limits = Limits { steps: 20_000, ..Limits::default() };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let env = Env { now: Some(now), random: Some(&random), limits, ..Env::default() };
    let error = template.render(&Value::string_map(values), &env).err()?;
    Some(error.without_values().to_string())
}

/// What was searched, and what was found.
#[derive(Default)]
struct Found {
    messages: usize,
    shown: Vec<String>,
}

impl Found {
    /// Renders a case with each marker in each shape.
    fn search(&mut self, case: &Json, markers: &[(&str, BTreeSet<String>)]) {
        let (engine, text) = (engine(case), case["text"].as_str().unwrap_or_default());
        for (shape, (marker, parts)) in
            SHAPES.iter().flat_map(|shape| markers.iter().map(move |of| (shape, of)))
        {
            let Some((text, values)) = marked(text, *shape, marker) else { continue };
            let Some(message) = engine.compile("case", &text).ok().and_then(|of| failure(&of, values)) else {
                continue;
            };
            self.messages += 1;
            let lower = message.to_lowercase();
            if parts.iter().any(|part| lower.contains(part)) {
                self.shown.push(format!("{}: {text}\n   {message}", case["id"]));
            }
        }
    }
}

fn searched(cases: &[Json]) -> Found {
    let markers = MARKERS.map(|marker| (marker, parts(marker)));
    let mut found = Found::default();
    cases.iter().for_each(|case| found.search(case, &markers));
    found
}

#[test]
fn sec_08_no_message_without_values_shows_a_value() {
    let cases: Vec<Vec<Json>> = topics().iter().map(|topic| cases(topic)).collect();
    let found: Vec<Found> = thread::scope(|scope| {
        let threads: Vec<_> = cases.iter().map(|cases| scope.spawn(|| searched(cases))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let messages: usize = found.iter().map(|found| found.messages).sum();
    let shown: Vec<&String> = found.iter().flat_map(|found| &found.shown).collect();
    assert!(shown.is_empty(), "{} of {messages} messages\n{:#?}", shown.len(), &shown[..shown.len().min(40)]);
    assert!(messages > 10_000, "{messages}");
}

#[test]
fn a_marker_is_found_in_each_of_its_forms() {
    let parts = parts("zÿqþxðwßkæy");
    for message in ["at ZÿqþX", "at \\xc3\\xbfq", "at %C3%BFq", "at \\u00ffq\\u00fe"] {
        assert!(parts.iter().any(|part| message.to_lowercase().contains(part)), "{message}");
    }
}

#[test]
fn what_functions_decode_is_hidden_too() {
    let engine = engine(&Json::Null);
    for (text, value, decoded) in [
        ("{{ jwkPublicKeyPem .v }}", r#"{"kty":"\u005aq7Xw9"}"#, "Zq7Xw9"),
        ("{{ jwkPublicKeyPem .v }}", r#"{"kty":"EC","crv":"\u005aq7Xw9","x":"AQ","y":"AQ"}"#, "Zq7Xw9"),
        ("{{ jwkPrivateKeyPem .v }}", r#"{"kty":"OKP","crv":"\u005aq7Xw9","x":"AQ"}"#, "Zq7Xw9"),
        ("{{ urlParse .v }}", "http://[1%25%5a%71%37%58%77%39]/", "Zq7Xw9"),
    ] {
        let values = [("v".to_string(), value.to_string())].to_vec();
        let template = engine.compile("case", text).unwrap();
        let shown =
            template.render(&Value::string_map(values.clone()), &Env::default()).unwrap_err().to_string();
        assert!(shown.contains(decoded), "{text}: {shown}");
        let told = failure(&template, values).unwrap();
        assert!(!told.contains(decoded), "{text}: {told}");
    }
}
