//! `dataFrom[].rewrite`: operations on the keys, one after the other (reference 2.6.1).

use std::collections::BTreeMap;

use keyferry_stores::base::{Error, Kind, Result, pattern::Pattern};

use super::{
    json::{self, Json},
    keys::Values,
};
use crate::{
    api::external_secret::{
        MergeConflictPolicy, MergePriorityPolicy, MergeStrategy, Rewrite, RewriteMerge, RewriteRegexp,
        RewriteTransform,
    },
    sync::templates::{Purpose, Session, Text},
};

/// Applies the operations in order.
///
/// # Errors
/// `Invalid` (pattern, template, conflict, missing priority key), `Malformed` (a value to merge is no JSON object).
pub(super) fn apply(operations: &[Rewrite], values: Values, session: &Session<'_>) -> Result<Values> {
    let steps = operations.iter().enumerate();
    steps.into_iter().try_fold(values, |values, (i, operation)| {
        step(operation, values, session)
            .map_err(|error| error.within(format!("failed rewrite operation[{i}]")))
    })
}

fn step(operation: &Rewrite, values: Values, session: &Session<'_>) -> Result<Values> {
    match operation {
        Rewrite { merge: Some(merge), .. } => merged(merge, values),
        Rewrite { regexp: Some(regexp), .. } => replaced(regexp, values),
        Rewrite { transform: Some(transform), .. } => transformed(transform, values, session),
        Rewrite { merge: None, regexp: None, transform: None } => Ok(values),
    }
}

/// Of keys that become one, the last in sorted order stays; ESO's choice changes from run to run.
fn replaced(operation: &RewriteRegexp, values: Values) -> Result<Values> {
    let pattern = Pattern::new(&operation.source)
        .map_err(|error| error.within("regexp failed with failed to compile"))?;
    let rewritten =
        values.into_iter().map(|(key, value)| (pattern.replace_all(&key, &operation.target), value));
    Ok(rewritten.collect())
}

/// Of keys that become one, the last in sorted order stays, as in [`replaced`].
fn transformed(operation: &RewriteTransform, values: Values, session: &Session<'_>) -> Result<Values> {
    let text = Text { name: "transform", bytes: operation.template.as_bytes(), secret: false };
    let rewritten = values.into_iter().map(|(key, value)| {
        let dot = gotemplate::Value::string_map([("value", key.as_str())]);
        let rendered = session.render(Purpose::Rewrite, text, || &dot);
        let rendered =
            rendered.map_err(|error| error.within("transform failed with failed to transform key"))?;
        Ok((String::from_utf8_lossy(rendered.expose()).into_owned(), value))
    });
    rewritten.collect()
}

fn merged(operation: &RewriteMerge, mut values: Values) -> Result<Values> {
    let (object, conflicts) = collect(operation, &values)?;
    if operation.conflict_policy != Some(MergeConflictPolicy::Ignore) && !conflicts.is_empty() {
        return Err(Error::new(
            Kind::Invalid,
            format!("merge failed with conflicts: {}", conflicts.join(", ")),
        ));
    }
    match operation.strategy.unwrap_or(MergeStrategy::Extract) {
        MergeStrategy::Extract => Ok(object.into_iter().map(|(key, value)| (key, value.render())).collect()),
        MergeStrategy::Json => {
            let into = operation.into.as_deref().filter(|into| !into.is_empty());
            let into =
                into.ok_or_else(|| Error::new(Kind::Invalid, "merge failed with missing 'into' field"))?;
            values.insert(into.to_string(), Json::Object(object).marshal(false));
            Ok(values)
        }
    }
}

/// The members of all values in one object, and the names that occurred more than once, as often as they clashed.
fn collect(operation: &RewriteMerge, values: &Values) -> Result<(BTreeMap<String, Json>, Vec<String>)> {
    let (mut object, mut conflicts) = (BTreeMap::new(), Vec::new());
    for key in order(operation, values)? {
        let members = json::object(values[key].expose()).map_err(|error| {
            error.within(format!("merge failed with failed to unmarshal JSON of key {key:?}"))
        })?;
        for (name, raw) in members {
            let value = Json::parse(raw)?;
            if object.insert(name.clone(), value).is_some() {
                conflicts.push(name);
            }
        }
    }
    Ok((object, conflicts))
}

/// Keys without priority first, sorted; then those with priority as listed, so that a later one wins.
fn order<'v>(operation: &'v RewriteMerge, values: &'v Values) -> Result<Vec<&'v String>> {
    let priority = operation.priority.as_deref().unwrap_or_default();
    let mut keys: Vec<_> = values.keys().filter(|key| !priority.contains(key)).collect();
    for key in priority {
        if values.contains_key(key) {
            keys.push(key);
        } else if operation.priority_policy != Some(MergePriorityPolicy::IgnoreNotFound) {
            return Err(Error::new(
                Kind::Invalid,
                format!("merge failed with key {key:?} not found in input map"),
            ));
        }
    }
    Ok(keys)
}
