//! Specifications from the JSON that the API server sent. What does not parse is told by its member and what was expected, never by
//! the value that stands there: it may be a secret in the wrong place.

use keyferry_stores::base::{Error, Kind, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{external_secret::ExternalSecretSpec, store::StoreSpec};

/// The specification of an ExternalSecret.
///
/// # Errors
/// `Invalid`, naming the member and never a value.
pub fn external_secret(spec: &[u8]) -> Result<ExternalSecretSpec> {
    parse(spec, &Map::new())
}

/// The specification of a store.
///
/// # Errors
/// `Invalid`, naming the member and never a value.
pub fn store(spec: &[u8]) -> Result<StoreSpec> {
    parse(spec, &Map::from_iter([("provider".to_string(), json!({}))]))
}

/// `least` is the smallest specification that parses.
fn parse<T: DeserializeOwned>(spec: &[u8], least: &Map<String, Value>) -> Result<T> {
    serde_json::from_slice(spec).map_err(|error| {
        let (member, error) = culprit::<T>(spec, least).unwrap_or_else(|| ("spec".into(), error));
        let why = without_value(&error);
        Error::new(Kind::Invalid, format!("the specification does not parse: {member}: {why}"))
    })
}

/// The first member of the specification, or item of one, that does not parse for itself.
fn culprit<T: DeserializeOwned>(
    spec: &[u8],
    least: &Map<String, Value>,
) -> Option<(String, serde_json::Error)> {
    let spec: Map<String, Value> = serde_json::from_slice(spec).ok()?;
    let parts = spec.into_iter().flat_map(|(name, value)| match value {
        Value::Array(items) => {
            let item = |(i, item)| (format!("spec.{name}[{i}]"), name.clone(), json!([item]));
            items.into_iter().enumerate().map(item).collect()
        }
        whole => vec![(format!("spec.{name}"), name, whole)],
    });
    parts.into_iter().find_map(|(member, name, value)| {
        let mut part = least.clone();
        part.insert(name, value);
        let error = serde_json::from_value::<T>(Value::Object(part)).err()?;
        Some((member, error))
    })
}

/// serde's text without the value that it met: what is left is what was expected, or which field is missing.
fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None if text.starts_with("missing field") => text,
        None => "it is not what the kind asks for".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_parse_is_named_by_its_member_and_never_by_its_value() {
        let cases: [(Result<()>, &str); 4] = [
            (
                external_secret(br#"{"data": [{"secretKey": "a", "remoteRef": {"key": {"v": "marker"}}}]}"#)
                    .map(drop),
                "spec.data[0]",
            ),
            (external_secret(br#"{"target": {"creationPolicy": "marker"}}"#).map(drop), "spec.target"),
            (store(br#"{"provider": {"vault": {"server": ["marker"]}}}"#).map(drop), "spec.provider"),
            (
                store(br#"{"provider": {"fake": {"data": []}}, "conditions": "marker"}"#).map(drop),
                "spec.conditions",
            ),
        ];
        for (parsed, member) in cases {
            let text = parsed.unwrap_err().to_string();
            assert!(text.contains(member) && !text.contains("marker"), "{text}");
        }
    }
}
