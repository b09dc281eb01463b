//! Rules on values that a schema cannot hold. Pure; the reconciler calls them, whatever an admission webhook may have said.

use std::{collections::BTreeMap, time::Duration};

use jiff::SignedDuration;
use keyferry_stores::base::{Error, Kind, Result, duration, pattern::Pattern};

use super::{
    external_secret::ExternalSecretSpec,
    store::{IntOrString, StoreSpec},
};

/// The interval of an ExternalSecret that names none.
pub const DEFAULT_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// `spec.refreshInterval`; zero and negative mean that it is never refreshed by time.
///
/// # Errors
/// `Invalid`, naming field and remedy.
pub fn interval(spec: &ExternalSecretSpec) -> Result<SignedDuration> {
    match spec.refresh_interval.as_deref() {
        None | Some("") => Ok(DEFAULT_INTERVAL),
        Some(text) => duration::parse(text).map_err(|error| error.within("spec.refreshInterval")),
    }
}

/// `spec.refreshInterval` of a store; `None` = the process's default (absent and zero).
///
/// # Errors
/// `Invalid` for what is negative or does not parse (text without a unit included).
pub fn store_interval(spec: &StoreSpec) -> Result<Option<Duration>> {
    let refuse = |why: String| Error::new(Kind::Invalid, format!("invalid refreshInterval: {why}"));
    let parsed = match &spec.refresh_interval {
        None => return Ok(None),
        Some(IntOrString::Int(seconds)) => SignedDuration::from_secs(*seconds),
        Some(IntOrString::Text(text)) => duration::parse(text).map_err(|error| refuse(error.to_string()))?,
    };
    let positive = Duration::try_from(parsed).map_err(|_| refuse("it must not be negative".into()))?;
    Ok(Some(positive).filter(|interval| !interval.is_zero()))
}

/// True if a ClusterSecretStore may be used from a namespace (reference 3.4): it has no conditions, or any entry matches by
/// selector, name or expression.
///
/// # Errors
/// `Invalid` for an expression that does not compile.
pub fn admits(spec: &StoreSpec, namespace: &str, labels: &BTreeMap<String, String>) -> Result<bool> {
    if spec.conditions.is_empty() {
        return Ok(true);
    }
    for (i, condition) in spec.conditions.iter().enumerate() {
        let selected = condition.namespace_selector.as_ref().is_some_and(|selector| selector.matches(labels));
        if selected || condition.namespaces.iter().any(|name| name == namespace) {
            return Ok(true);
        }
        for (j, expression) in condition.namespace_regexes.iter().enumerate() {
            let field = format!("spec.conditions[{i}].namespaceRegexes[{j}]");
            if Pattern::new(expression).map_err(|error| error.within(field))?.is_match(namespace) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn store(spec: serde_json::Value) -> StoreSpec {
        let mut whole = json!({ "provider": { "fake": { "data": [] } } });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn intervals_of_an_external_secret() {
        let interval = |text: &str| {
            let spec: ExternalSecretSpec =
                serde_json::from_value(json!({ "refreshInterval": text })).unwrap();
            super::interval(&spec).map(|interval| interval.as_secs())
        };
        assert_eq!(interval("15s").unwrap(), 15);
        assert_eq!(interval("-1h").unwrap(), -3600);
        let error = interval("1 day").unwrap_err();
        assert!(error.to_string().contains("spec.refreshInterval"), "{error}");
    }

    #[test]
    fn intervals_of_a_store() {
        let interval = |value| store_interval(&store(json!({ "refreshInterval": value })));
        assert_eq!(interval(json!(30)).unwrap(), Some(Duration::from_secs(30)));
        assert_eq!(interval(json!("1m")).unwrap(), Some(Duration::from_secs(60)));
        assert_eq!(interval(json!(0)).unwrap(), None);
        for wrong in [json!(-1), json!("300"), json!("-5m"), json!("1 day")] {
            assert_eq!(interval(wrong).unwrap_err().kind(), Kind::Invalid);
        }
    }

    #[test]
    fn a_namespace_is_admitted_by_any_entry() {
        let labels = BTreeMap::from([("team".to_string(), "a".to_string())]);
        let admits =
            |conditions| super::admits(&store(json!({ "conditions": conditions })), "team-a", &labels);
        for (conditions, admitted) in [
            (json!([]), true),
            (json!([{}]), false),
            (json!([{ "namespaces": ["other"] }, { "namespaces": ["team-a"] }]), true),
            (json!([{ "namespaceRegexes": ["am-"] }]), true),
            (json!([{ "namespaceRegexes": ["^b"] }]), false),
            (json!([{ "namespaceSelector": {} }]), true),
            (json!([{ "namespaceSelector": { "matchLabels": { "team": "b" } } }]), false),
            (
                json!([{ "namespaceSelector": { "matchExpressions": [{ "key": "team", "operator": "In", "values": ["a"] }] } }]),
                true,
            ),
            (
                json!([{ "namespaceSelector": { "matchExpressions": [{ "key": "team", "operator": "DoesNotExist" }] } }]),
                false,
            ),
        ] {
            assert_eq!(admits(conditions.clone()).unwrap(), admitted, "{conditions}");
        }
        assert_eq!(admits(json!([{ "namespaceRegexes": ["("] }])).unwrap_err().kind(), Kind::Invalid);
    }
}
