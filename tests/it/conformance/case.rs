//! The recorded cases: what is applied, step by step, and what was seen after each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::difference::Deliberate;
use super::observation::{self, Events};

/// What the cases say where they want no refresh by time, and what keyferry is given for it. ESO refreshes first when the interval is
/// over; keyferry at a moment of the interval that hangs on the store, which some case would meet within an hour.
const NO_REFRESH: [&str; 2] = ["1h", "87600h"];

/// A case with what is expected after each step.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    /// An observation a step, deliberate differences included.
    pub(super) expected: Vec<Value>,
}

/// What is done in one step, in this order.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Step {
    /// Objects for server-side apply.
    pub(super) apply: Vec<Value>,
    pub(super) patch: Option<Patch>,
    pub(super) delete: Option<Delete>,
    /// Seconds for which nothing else may happen, where the usual time is too short to tell.
    wait: Option<f64>,
}

/// A JSON merge patch.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) merge: Value,
}

/// A deletion.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    #[serde(rename = "about")]
    _about: String,
    steps: Vec<Step>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unbuilt {
    #[serde(rename = "because")]
    _because: String,
    cases: Vec<String>,
}

impl Step {
    /// How long the observation must stay as it is: `usual`, or what the case asks for.
    pub(super) fn hold(&self, usual: Duration) -> Duration {
        self.wait.map_or(usual, Duration::from_secs_f64)
    }

    /// See [`NO_REFRESH`].
    fn without_refresh(&mut self) {
        let patched = self.patch.iter_mut().map(|patch| &mut patch.merge);
        self.apply.iter_mut().chain(patched).for_each(stretch);
    }
}

impl Case {
    /// The case's own namespace. Recorded hashes depend on it.
    pub(super) fn namespace(&self) -> String {
        format!("c-{}", self.name)
    }

    /// The names of the ClusterSecretStores that it makes.
    pub(super) fn cluster_stores(&self) -> Vec<String> {
        let applied = self.steps.iter().flat_map(|step| &step.apply);
        let stores = applied.filter(|object| object["kind"] == "ClusterSecretStore");
        stores.filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned)).collect()
    }
}

/// Makes every `refreshInterval` of [`NO_REFRESH`] long.
fn stretch(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(interval) if key == "refreshInterval" && interval == NO_REFRESH[0] => {
                        NO_REFRESH[1].clone_into(interval);
                    }
                    other => stretch(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(stretch),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

/// All cases of what is built.
///
/// # Panics
/// If a file is not what it should be, or a deliberate difference belongs to no step.
pub(super) fn built() -> Vec<Case> {
    let mut deliberate: BTreeMap<String, Vec<Deliberate>> = BTreeMap::new();
    for entry in read::<Vec<Deliberate>>("differences.yaml") {
        deliberate.entry(entry.case.clone()).or_default().push(entry);
    }
    let unbuilt = unbuilt();
    let names = names("cases").into_iter().filter(|name| !unbuilt.contains(name));
    let cases = names.map(|name| case(&name, deliberate.remove(&name).unwrap_or_default())).collect();
    assert!(deliberate.is_empty(), "differences of cases that do not run: {deliberate:?}");
    cases
}

fn case(name: &str, deliberate: Vec<Deliberate>) -> Case {
    let Script { mut steps, .. } = read(&format!("cases/{name}.yaml"));
    steps.iter_mut().for_each(Step::without_refresh);
    let records: Vec<Value> = read(&format!("observed/{name}.yaml"));
    assert_eq!(steps.len(), records.len(), "{name}: a record a step");
    let mut expected: Vec<_> =
        records.iter().map(|record| observation::normalised(record, Events::Recorded)).collect();
    for entry in deliberate {
        entry.write_into(&mut expected);
    }
    Case { name: name.to_owned(), steps, expected }
}

fn unbuilt() -> BTreeSet<String> {
    let groups: Vec<Unbuilt> = read("unbuilt.yaml");
    groups.into_iter().flat_map(|group| group.cases).collect()
}

/// The names of the files of a folder, in order.
fn names(folder: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join(folder)).expect("the folder is there");
    let name =
        |file: std::fs::DirEntry| file.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
    files.filter_map(|file| name(file.expect("the folder can be read"))).collect()
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    // In YAML 1.2 `y` and `n` are text, as the API server's own tools read them.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/conformance")
}

#[test]
fn every_case_has_a_record() {
    assert_eq!(names("cases"), names("observed"));
}

#[test]
fn what_is_said_to_be_unbuilt_is_a_case() {
    let cases = names("cases");
    let strangers: Vec<_> = unbuilt().into_iter().filter(|name| !cases.contains(name)).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

/// Deliberate differences are checked on the way.
#[test]
fn every_case_of_what_is_built_can_be_read() {
    assert!(built().len() > 50);
}

#[test]
fn no_case_meets_a_tick_that_it_does_not_ask_for() {
    let mut steps = built().into_iter().flat_map(|case| case.steps);
    let asks_for_an_hour = |value: &Value| value.to_string().contains(r#""refreshInterval":"1h""#);
    assert!(steps.all(|step| !step.apply.iter().any(asks_for_an_hour)));
}
