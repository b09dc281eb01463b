//! The recorded cases as a store of templates, data and literals to begin with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

use crate::mutate::tokens;

/// A recorded case.
pub(crate) struct Recorded {
    pub(crate) text: Vec<u8>,
    pub(crate) data: Vec<(String, Vec<u8>)>,
}

/// All that is recorded.
pub(crate) struct Record {
    pub(crate) cases: Vec<Recorded>,
    /// The texts that stand in templates beside a function, by its name.
    pub(crate) literals: BTreeMap<String, Vec<Vec<u8>>>,
    /// All texts of templates and data.
    pub(crate) texts: Vec<Vec<u8>>,
}

impl Record {
    pub(crate) fn read() -> Self {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let mut files: Vec<_> =
            std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
        files.sort();
        let lines = files.iter().map(|path| std::fs::read_to_string(path).unwrap());
        let cases = lines.flat_map(|text| text.lines().map(|line| recorded(&data, line)).collect::<Vec<_>>());
        Self::of(cases.collect())
    }

    fn of(cases: Vec<Recorded>) -> Self {
        let mut literals: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for case in &cases {
            let tokens = tokens(&case.text);
            let mut texts: Vec<Vec<u8>> = tokens.iter().filter_map(|token| unquoted(token)).collect();
            texts.extend(case.data.iter().map(|(_, value)| value.clone()));
            let names = tokens.iter().filter(|token| token[0].is_ascii_alphabetic());
            for name in names.filter_map(|name| std::str::from_utf8(name).ok()) {
                literals.entry(name.to_owned()).or_default().extend(texts.iter().cloned());
            }
        }
        let texts: BTreeSet<Vec<u8>> = literals.values().flatten().cloned().collect();
        let literals = literals.into_iter().map(|(name, texts)| (name, texts.into_iter().collect()));
        Self { cases, literals: literals.collect(), texts: texts.into_iter().collect() }
    }
}

fn recorded(data: &Path, line: &str) -> Recorded {
    let case: Json = serde_json::from_str(line).unwrap();
    let text = match case["text_b64"].as_str() {
        Some(encoded) => STANDARD.decode(encoded).unwrap(),
        None => case["text"].as_str().unwrap_or_default().into(),
    };
    let mut values = Vec::new();
    for (key, value) in case["data"].as_object().into_iter().flatten() {
        values.push((key.clone(), STANDARD.decode(value.as_str().unwrap_or_default()).unwrap()));
    }
    for (key, name) in case["files"].as_object().into_iter().flatten() {
        let path = data.join("certificates").join(name.as_str().unwrap());
        values.push((key.clone(), std::fs::read(path).unwrap()));
    }
    Recorded { text, data: values }
}

/// What a literal says; it need not be exact.
fn unquoted(token: &[u8]) -> Option<Vec<u8>> {
    match token {
        [b'`', text @ .., b'`'] => Some(text.to_vec()),
        [b'"', .., b'"'] => {
            let text = String::from_utf8_lossy(token);
            Some(serde_json::from_str::<String>(&text).ok()?.into_bytes())
        }
        _ => None,
    }
}
