//! What Go's gjson v1.20.0 answered to the cases of `oracle/`, against what this crate answers; and the same cases,
//! damaged, against panics.

use std::borrow::Cow;
use std::path::PathBuf;

use gjson::Kind;
use serde_json::Value as Json;

/// The file of the functions that take no path.
const PLAIN: &str = "plain";

/// Cases in which the crate deliberately answers something else: document, path, its own raw answer (`None` if nothing
/// exists) and the reason.
const DIFFERENCES: &[(&str, &str, Option<&str>, &str)] = &[];

/// A lookup and what the Go module found: type, raw JSON and text.
struct Case {
    json: String,
    path: String,
    found: Option<[String; 3]>,
}

fn read(name: &str) -> Json {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(format!("{name}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn names() -> Vec<String> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> =
        files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != PLAIN);
    names.sort();
    names
}

fn list(value: &Json) -> &[Json] {
    value.as_array().unwrap()
}

fn text(value: &Json) -> String {
    value.as_str().unwrap().to_string()
}

fn cases(name: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for document in list(&read(name)) {
        let json = text(&document["json"]);
        for row in list(&document["found"]) {
            let [path, kind, raw] = [0, 1, 2].map(|column| text(&row[column]));
            let shown = row.get(3).map_or_else(|| raw.clone(), text);
            cases.push(Case { json: json.clone(), path, found: Some([kind, raw, shown]) });
        }
        for path in list(&document["absent"]) {
            cases.push(Case { json: json.clone(), path: text(path), found: None });
        }
    }
    cases
}

fn all_cases() -> Vec<Case> {
    names().iter().flat_map(|name| cases(name)).collect()
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "Null",
        Kind::False => "False",
        Kind::Number => "Number",
        Kind::String => "String",
        Kind::True => "True",
        Kind::Json => "JSON",
    }
}

fn ours(case: &Case) -> Option<[String; 3]> {
    let value = gjson::get(&case.json, &case.path);
    value.exists().then(|| {
        [Cow::Borrowed(kind_name(value.kind)), value.raw.clone(), value.text()].map(Cow::into_owned)
    })
}

fn difference(case: &Case) -> Option<Option<&'static str>> {
    let listed =
        DIFFERENCES.iter().find(|(json, path, ..)| (*json, *path) == (&*case.json, &*case.path))?;
    Some(listed.2)
}

#[test]
fn every_recorded_lookup_is_answered_as_go_does() {
    let mut wrong = Vec::new();
    for name in names() {
        for case in cases(&name).iter().filter(|case| difference(case).is_none()) {
            let ours = ours(case);
            if ours != case.found {
                let Case { json, path, found } = case;
                wrong.push(format!("{name}: {path:?}\n   in {json:?}\n   go {found:?}\n ours {ours:?}"));
            }
        }
    }
    let first = wrong.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} differ:\n{first}", wrong.len());
}

#[test]
fn the_record_covers_the_syntax() {
    let count = all_cases().len();
    assert!(count > 15_000, "{count}");
}

#[test]
fn a_deliberate_difference_is_still_one() {
    let cases = all_cases();
    for (json, path, expected, reason) in DIFFERENCES {
        let case = cases.iter().find(|case| (&*case.json, &*case.path) == (*json, *path)).unwrap();
        let found = ours(case);
        assert_eq!(found.as_ref().map(|[_, raw, _]| raw.as_str()), *expected, "{path}: {reason}");
        assert_ne!(found, case.found, "{path} does not differ any more");
    }
}

#[test]
fn components_are_escaped_as_go_does() {
    for row in list(&read(PLAIN)["escape"]) {
        let component = text(&row[0]);
        assert_eq!(gjson::escape(&component), text(&row[1]), "{component:?}");
    }
}

#[test]
fn an_escaped_component_finds_exactly_its_key() {
    for row in list(&read(PLAIN)["escape"]) {
        let key = text(&row[0]);
        let json = serde_json::json!({ "other": 1, (key.clone()): "here" }).to_string();
        let path = gjson::escape(&key).into_owned();
        assert_eq!(gjson::get(&json, &path).text(), "here", "{path:?} in {json}");
    }
}

#[test]
fn validity_is_judged_as_go_does() {
    for row in list(&read(PLAIN)["valid"]) {
        let json = text(&row[0]);
        assert_eq!(gjson::valid(&json), row[1].as_bool().unwrap(), "{json:?}");
    }
}
