//! What Go's `text/template` and sprig made of the cases in `tests/oracle`, against what this crate makes of them.
//! `KEYFERRY_CORPUS=strings` compares only the files whose names contain that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::Regex;
use serde_json::Value as Json;

use crate::case::{self, Answer};

/// How many failures are shown.
const SHOWN: usize = 30;

/// A case, with what Go made of it and what we make of it.
struct Compared {
    id: String,
    text: String,
    golang: Vec<u8>,
    ours: Vec<u8>,
}

/// A line of `tests/data/differences.txt`.
struct Difference {
    golang: Regex,
    ours: Regex,
    reason: String,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

pub(crate) fn topics() -> Vec<PathBuf> {
    let files = std::fs::read_dir(data()).unwrap().map(|entry| entry.unwrap().path());
    let mut topics: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect();
    topics.sort();
    topics
}

/// The cases of a file, with the files that they name among their data.
pub(crate) fn cases(topic: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(topic).unwrap();
    let mut cases: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for case in &mut cases {
        for (key, name) in case["files"].as_object().cloned().into_iter().flatten() {
            let content = std::fs::read(data().join("certificates").join(name.as_str().unwrap())).unwrap();
            case["data"][key] = STANDARD.encode(content).into();
        }
    }
    cases
}

/// What Go answered, as the lines of differences see an answer.
fn recorded(case: &Json) -> Vec<u8> {
    let text = |field: &str| Some(case[field].as_str()?.into());
    let bytes = |field: &str| Some(STANDARD.decode(case[field].as_str()?).unwrap());
    let error: Option<Vec<u8>> = text("error").or_else(|| bytes("error_b64"));
    error.map_or_else(
        || [b"out ", &*text("out").or_else(|| bytes("out_b64")).unwrap()].concat(),
        |error| [b"error ", &*error].concat(),
    )
}

/// What we answer, likewise.
fn shown(answer: Answer) -> Vec<u8> {
    match answer {
        Ok(out) => [b"out ", &*out].concat(),
        Err(error) => format!("error {error}").into_bytes(),
    }
}

/// As Go's regular expressions see bytes: each that is no UTF-8 is U+FFFD.
fn as_text(bytes: &[u8]) -> Vec<u8> {
    let chunks = bytes.utf8_chunks();
    chunks
        .map(|chunk| format!("{}{}", chunk.valid(), "\u{FFFD}".repeat(chunk.invalid().len())))
        .collect::<String>()
        .into()
}

fn compared(topic: &Path) -> Vec<Compared> {
    let name = topic.file_stem().unwrap().to_string_lossy().into_owned();
    let compare = |case: &Json| Compared {
        id: format!("{name}:{}", case["id"].as_str().unwrap()),
        text: case["text"].as_str().unwrap_or_default().into(),
        golang: recorded(case),
        ours: shown(case::answer(case).unwrap()),
    };
    cases(topic).iter().map(compare).collect()
}

/// All cases of the files whose names contain the part, a thread a file.
fn all(part: &str) -> Vec<Compared> {
    let mut topics = topics();
    topics.retain(|topic| topic.file_stem().is_some_and(|name| name.to_string_lossy().contains(part)));
    std::thread::scope(|scope| {
        let threads: Vec<_> = topics.iter().map(|topic| scope.spawn(|| compared(topic))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

impl Difference {
    /// Groups that both expressions name must hold the same text.
    fn explains(&self, case: &Compared) -> bool {
        let [of_golang, of_ours] = [&case.golang, &case.ours].map(|answer| as_text(answer));
        let both = (self.golang.captures(&of_golang), self.ours.captures(&of_ours));
        let (Some(golang), Some(ours)) = both else { return false };
        let mut names = self.golang.capture_names().flatten();
        names.all(|name| {
            ours.name(name)
                .is_none_or(|text| golang.name(name).map(|of| of.as_bytes()) == Some(text.as_bytes()))
        })
    }
}

fn differences() -> Vec<Difference> {
    let text = std::fs::read_to_string(data().join("differences.txt")).unwrap();
    let whole = |pattern: &str| Regex::new(&format!("(?s)^(?:{pattern})$")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let [golang, ours, reason] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            Difference { golang: whole(golang), ours: whole(ours), reason: reason.to_string() }
        })
        .collect()
}

/// The function that only we do not know.
fn unknown(case: &Compared) -> Option<String> {
    let missing = |answer: &[u8]| {
        let text = String::from_utf8_lossy(answer);
        let (_, rest) = text.split_once("function \"")?;
        let (name, _) = rest.split_once("\" not defined")?;
        Some(name.to_string())
    };
    if missing(&case.golang).is_none() { missing(&case.ours) } else { None }
}

fn described(case: &Compared) -> String {
    let [golang, ours] = [&case.golang, &case.ours].map(|answer| String::from_utf8_lossy(answer));
    format!("{}: {:?}\n   go {golang:?}\n ours {ours:?}\n", case.id, case.text)
}

/// How many failures there are in each file.
fn counted(wrong: &[&Compared]) -> String {
    let mut counts = BTreeMap::new();
    for case in wrong {
        *counts.entry(case.id.split(':').next()).or_insert(0) += 1;
    }
    counts.iter().map(|(topic, count)| format!("{count:6} {}\n", topic.unwrap_or_default())).collect()
}

#[test]
fn every_recorded_case_is_answered_as_go_does() {
    let differences = differences();
    let explained = |case: &Compared| differences.iter().any(|line| line.explains(case));
    let all = all(&std::env::var("KEYFERRY_CORPUS").unwrap_or_default());
    let wrong: Vec<_> = all.iter().filter(|case| case.golang != case.ours && !explained(case)).collect();
    // A function that is not there fails many cases alike: its name is enough.
    let unknown_functions: BTreeMap<_, _> =
        wrong.iter().filter_map(|case| Some((unknown(case)?, case.id.as_str()))).collect();
    let shown = wrong.iter().filter(|case| unknown(case).is_none()).take(SHOWN);
    let shown: String = shown.map(|case| described(case)).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} differ\n{shown}{}unknown functions, and where: {unknown_functions:?}",
        wrong.len(),
        all.len(),
        counted(&wrong)
    );
}

#[test]
fn each_listed_difference_is_still_one() {
    let all = all("");
    for line in differences() {
        let seen = all.iter().any(|case| case.golang != case.ours && line.explains(case));
        assert!(seen, "no recorded case shows it: {}", line.reason);
    }
}

#[test]
fn the_record_is_large() {
    let count: usize = topics().iter().map(|topic| cases(topic).len()).sum();
    assert!(count > 18_000, "{count}");
}
