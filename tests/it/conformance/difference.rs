//! How two observations differ, and where they may.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A place at which an observation is not what is expected. `None` is nothing there.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    path: Vec<String>,
    expected: Option<Value>,
    got: Option<Value>,
}

/// A difference from the record that is on purpose: a row of `differences.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deliberate {
    pub(super) case: String,
    /// Counted from 0.
    steps: Vec<usize>,
    path: Vec<String>,
    /// What is held instead of what is recorded; nothing may be there if it is left out.
    #[serde(default)]
    expected: Option<Value>,
    /// The rule that says so.
    because: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        write!(f, "{}: expected {}, got {}", self.path.join(" . "), text(&self.expected), text(&self.got))
    }
}

impl Deliberate {
    /// Puts what is held into the records of the case's steps.
    ///
    /// # Panics
    /// If it changes nothing, or there is no such step or path.
    pub(super) fn write_into(&self, records: &mut [Value]) {
        assert!(!self.because.is_empty() && !self.steps.is_empty(), "without a reason or a step: {self:?}");
        for step in &self.steps {
            let record = records.get_mut(*step).unwrap_or_else(|| panic!("no such step: {self:?}"));
            self.write(record);
        }
    }

    fn write(&self, record: &mut Value) {
        let Some((last, way)) = self.path.split_last() else { panic!("without a path: {self:?}") };
        let parent = way.iter().try_fold(record, |at, part| at.get_mut(part));
        let Some(Value::Object(fields)) = parent else { panic!("no such path: {self:?}") };
        let before = match &self.expected {
            Some(value) => fields.insert(last.clone(), value.clone()),
            None => fields.remove(last),
        };
        assert_ne!(before, self.expected, "this is what is recorded: {self:?}");
    }
}

/// Everything at which `got` is not what is `expected`. Objects are gone through, all else is compared whole.
pub(super) fn between(expected: &Value, got: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(&mut Vec::new(), Some(expected), Some(got), &mut found);
    found
}

fn walk(path: &mut Vec<String>, expected: Option<&Value>, got: Option<&Value>, found: &mut Vec<Difference>) {
    match (expected, got) {
        (Some(Value::Object(expected)), Some(Value::Object(got))) => walk_object(path, expected, got, found),
        // An event that may come and that came or did not.
        (Some(Value::String(may_be)), _) if is_event(path) && may_be == "may be" => {}
        _ if expected == got => {}
        _ => found.push(Difference { path: path.clone(), expected: expected.cloned(), got: got.cloned() }),
    }
}

fn walk_object(
    path: &mut Vec<String>,
    expected: &Map<String, Value>,
    got: &Map<String, Value>,
    found: &mut Vec<Difference>,
) {
    let more = got.keys().filter(|key| !expected.contains_key(*key));
    for key in expected.keys().chain(more) {
        path.push(key.clone());
        walk(path, expected.get(key), got.get(key), found);
        path.pop();
    }
}

fn is_event(path: &[String]) -> bool {
    path.first().is_some_and(|part| part == "events")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(expected: &Value, got: &Value) -> Vec<String> {
        between(expected, got).iter().map(Difference::to_string).collect()
    }

    fn deliberate(path: &[&str], expected: Option<Value>) -> Deliberate {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Deliberate { case: "c".into(), steps: vec![0], path, expected, because: "a rule".into() }
    }

    #[test]
    fn a_difference_is_told_with_its_path() {
        let expected = json!({ "Secret/a": { "data": { "k": "1", "gone": "2" } }, "events": {} });
        let got = json!({ "Secret/a": { "data": { "k": "9", "more": "3" } }, "events": {} });
        let lines = [
            "Secret/a . data . gone: expected \"2\", got nothing",
            "Secret/a . data . k: expected \"1\", got \"9\"",
            "Secret/a . data . more: expected nothing, got \"3\"",
        ];
        assert_eq!(told(&expected, &got), lines);
    }

    #[test]
    fn events_may_be_fewer_and_not_others() {
        let expected = json!({ "events": { "Normal Created E/e": "may be" } });
        assert_eq!(told(&expected, &json!({ "events": {} })), [""; 0]);
        assert_eq!(told(&expected, &json!({ "events": { "Normal Created E/e": "seen" } })), [""; 0]);
        let other = json!({ "events": { "Warning Bad E/e": "seen" } });
        assert_eq!(told(&expected, &other), ["events . Warning Bad E/e: expected nothing, got \"seen\""]);
    }

    #[test]
    fn a_deliberate_difference_is_held_exactly() {
        let mut records = [json!({ "ExternalSecret/e": { "status": { "a": "1" } } })];
        deliberate(&["ExternalSecret/e", "status", "a"], Some("2".into())).write_into(&mut records);
        deliberate(&["Secret/s"], Some(json!({}))).write_into(&mut records);
        assert_eq!(records[0], json!({ "ExternalSecret/e": { "status": { "a": "2" } }, "Secret/s": {} }));
        deliberate(&["Secret/s"], None).write_into(&mut records);
        assert!(records[0].get("Secret/s").is_none());
    }

    #[test]
    #[should_panic(expected = "this is what is recorded")]
    fn a_deliberate_difference_that_is_none_is_refused() {
        deliberate(&["a"], Some("1".into())).write_into(&mut [json!({ "a": "1" })]);
    }

    #[test]
    #[should_panic(expected = "no such step")]
    fn a_deliberate_difference_of_no_step_is_refused() {
        deliberate(&["a"], Some("1".into())).write_into(&mut []);
    }
}
