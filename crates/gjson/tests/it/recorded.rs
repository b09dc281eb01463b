//! What Go's gjson v1.20.0 answered to the cases of `oracle/`, against what this crate answers; and the same cases,
//! damaged, against panics.

use std::borrow::Cow;
use std::path::PathBuf;

use gjson::Kind;
use serde_json::Value as Json;

/// The files that do not hold what this crate answers too: the functions that take no path, and the differences.
const OTHERS: [&str; 2] = ["plain", "differences"];

/// Where the crate deliberately answers something else than the module: why, and what (`None` if nothing exists). In the
/// order of `differences` in `oracle/cases.go`.
const DIFFERENCES: [(&str, Option<&str>); 4] = [
    ("a hexadecimal number is no JSON, and counts as 0", None),
    ("a null after an array that had no match is null", Some("null")),
    ("a path has a bounded depth in the JSON", None),
    ("a path has a bounded number of parts", None),
];

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
    names.retain(|name| !OTHERS.contains(&name.as_str()));
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
    value
        .exists()
        .then(|| [Cow::Borrowed(kind_name(value.kind)), value.raw.clone(), value.text()].map(Cow::into_owned))
}

#[test]
fn every_recorded_lookup_is_answered_as_go_does() {
    let mut wrong = Vec::new();
    for name in names() {
        for case in &cases(&name) {
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
    let cases = cases("differences");
    assert_eq!(cases.len(), DIFFERENCES.len());
    for (case, (reason, expected)) in cases.iter().zip(DIFFERENCES) {
        let found = gjson::get(&case.json, &case.path);
        assert_eq!(found.exists().then_some(&*found.raw), expected, "{}: {reason}", case.path);
        assert_ne!(ours(case), case.found, "{} does not differ any more", case.path);
    }
}

#[test]
fn components_are_escaped_as_go_does() {
    for row in list(&read("plain")["escape"]) {
        let component = text(&row[0]);
        assert_eq!(gjson::escape(&component), text(&row[1]), "{component:?}");
    }
}

#[test]
fn an_escaped_component_finds_exactly_its_key() {
    for row in list(&read("plain")["escape"]) {
        let key = text(&row[0]);
        let json = serde_json::json!({ "other": 1, (key.clone()): "here" }).to_string();
        let path = gjson::escape(&key).into_owned();
        assert_eq!(gjson::get(&json, &path).text(), "here", "{path:?} in {json}");
    }
}

#[test]
fn validity_is_judged_as_go_does() {
    for row in list(&read("plain")["valid"]) {
        let json = text(&row[0]);
        assert_eq!(gjson::valid(&json), row[1].as_bool().unwrap(), "{json:?}");
    }
}

/// xorshift64*: the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % bound
    }
}

/// Takes out, puts in, repeats or changes a few characters.
fn damaged(text: &str, numbers: &mut Numbers) -> String {
    const INSERTED: [&str; 30] = [
        "{", "}", "[", "]", "(", ")", "\"", "\\", ",", ":", ".", "|", "#", "@", "!", "~", "*", "?", "%", "=",
        "<", "-", "1", "n", "t", "\\u", "\\ud83d", "\u{0}", "ü", "😀",
    ];
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(letters.len() + 1);
        let end = letters.len().min(at + numbers.below(6));
        let middle: Vec<char> = match numbers.below(4) {
            0 => Vec::new(),
            1 => letters[at..end].repeat(2),
            _ => INSERTED[numbers.below(INSERTED.len())].chars().collect(),
        };
        let kept = if numbers.below(2) == 0 { at } else { end };
        letters.splice(at..kept, middle);
    }
    letters.into_iter().collect()
}

#[test]
fn no_damage_to_a_case_makes_it_panic() {
    let cases = all_cases();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    for _ in 0..60_000 {
        let json = damaged(&cases[numbers.below(cases.len())].json, &mut numbers);
        let path = damaged(&cases[numbers.below(cases.len())].path, &mut numbers);
        let _ = gjson::get(&json, &path).text();
        let _ = gjson::get(&json, &gjson::escape(&path)).text();
        gjson::valid(&json);
    }
}
