//! The recorded corpus: what Go makes of each case of `tests/data/*.jsonl`, the engine must make of it too, output and
//! message. `KEYFERRY_CORPUS=strings` looks only at the files whose name contains that.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gotemplate::func::map;
use gotemplate::{Engine, Env, Error, MissingKey, Value};
use regex::bytes::Regex;
use serde::{Deserialize, Deserializer};

/// How many failures are shown.
const SHOWN: usize = 30;

/// How much of a text or an answer is shown.
const WIDTH: usize = 600;

#[test]
fn every_recorded_case_is_answered_as_go_answers_it() {
    let differences = differences();
    let mut failures = Vec::new();
    let mut summary = String::new();
    let mut total = 0;
    for file in files() {
        let cases = cases(&file);
        let before = failures.len();
        failures.extend(cases.iter().filter_map(|case| case.failure(&differences)));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        writeln!(summary, "{:6} of {:6} differ in {name}", failures.len() - before, cases.len()).unwrap();
        total += cases.len();
    }
    // Functions that are not there fail many cases alike; they are shown last.
    failures.sort_by_key(|failure| failure.ends_with("not defined\n"));
    let shown: String = failures.iter().take(SHOWN).map(String::as_str).collect();
    let missing = failures.iter().filter(|failure| failure.ends_with("not defined\n")).count();
    writeln!(summary, "{:6} of {total:6} in all, {missing} for want of a function", failures.len()).unwrap();
    assert!(total > 0, "there are no cases");
    assert!(failures.is_empty(), "\n{shown}{summary}");
}

/// A recorded case. `data` and whatever ends in `_b64` is Base64; one of the last three is there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    text_b64: Option<Bytes>,
    #[serde(default)]
    data: BTreeMap<String, Bytes>,
    /// Entries of the data that are files.
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default)]
    delims: Vec<String>,
    #[serde(default)]
    missingkey: Option<String>,
    /// Seconds since 1970.
    #[serde(default)]
    now: u64,
    #[serde(default)]
    out: Option<String>,
    #[serde(default)]
    out_b64: Option<Bytes>,
    #[serde(default)]
    error: Option<String>,
}

fn default_name() -> String {
    "case".to_owned()
}

struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // Go writes `null` for an empty slice.
        let text = Option::<String>::deserialize(from)?.unwrap_or_default();
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

impl Case {
    /// How the answer differs from Go's, unless that is explained.
    fn failure(&self, differences: &[Difference]) -> Option<String> {
        let (want, got) = (self.wanted(), self.answer());
        if want == got || differences.iter().any(|difference| difference.explains(&want, &got)) {
            return None;
        }
        let text = visible(self.text().as_ref());
        Some(format!("{}\n  text {text}\n  want {}\n  got  {}\n", self.id, visible(&want), visible(&got)))
    }

    fn text(&self) -> &[u8] {
        self.text_b64.as_ref().map_or(self.text.as_bytes(), |bytes| &bytes.0)
    }

    /// Go's answer: `out` or `error`, a space, and the text.
    fn wanted(&self) -> Vec<u8> {
        match (&self.out, &self.out_b64, &self.error) {
            (Some(out), _, _) => answer("out ", out.as_bytes()),
            (_, Some(out), _) => answer("out ", &out.0),
            (_, _, Some(error)) => answer("error ", error.as_bytes()),
            _ => panic!("{} has no answer", self.id),
        }
    }

    /// The engine's answer, in the same form.
    fn answer(&self) -> Vec<u8> {
        match self.rendered() {
            Ok(out) => answer("out ", &out),
            Err(error) => answer("error ", error.to_string().as_bytes()),
        }
    }

    fn rendered(&self) -> Result<Vec<u8>, Error> {
        let mut engine = map::eso().fold(Engine::new(), Engine::functions).missing_key(self.missing_key());
        if let [left, right] = &self.delims[..] {
            engine = engine.delims(left, right);
        }
        let random = chance();
        let env = Env {
            now: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(self.now)),
            random: Some(&random),
            ..Env::default()
        };
        engine.compile(&self.name, self.text())?.render(&self.dot(), &env)
    }

    fn missing_key(&self) -> MissingKey {
        match self.missingkey.as_deref() {
            None | Some("error") => MissingKey::Error,
            Some("zero") => MissingKey::Zero,
            Some("default" | "invalid") => MissingKey::Default,
            Some(other) => panic!("{}: missingkey={other}", self.id),
        }
    }

    fn dot(&self) -> Value {
        let files = self.files.iter().map(|(key, name)| {
            let path = data_directory().join("certificates").join(name);
            (key.as_str(), fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        });
        let data = self.data.iter().map(|(key, value)| (key.as_str(), value.0.clone()));
        Value::string_map(data.chain(files))
    }
}

fn answer(kind: &str, text: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), text].concat()
}

/// Bytes that look random and are the same each time.
fn chance() -> impl Fn(&mut [u8]) {
    let state = Cell::new(0x9e37_79b9_7f4a_7c15_u64);
    move |buffer| {
        for byte in buffer {
            let mut next = state.get();
            next ^= next << 13;
            next ^= next >> 7;
            next ^= next << 17;
            state.set(next);
            *byte = next.to_le_bytes()[3];
        }
    }
}

/// On one line, and not too long.
fn visible(text: &[u8]) -> String {
    let whole = text.escape_ascii().to_string();
    // What is not ASCII is easier to read as it is.
    let whole = std::str::from_utf8(text).map_or(whole, |text| text.replace('\n', "\\n"));
    match whole.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{} …", &whole[..end]),
        None => whole,
    }
}

/// A way in which answers differ from Go's on purpose.
struct Difference {
    go: Regex,
    ours: Regex,
}

impl Difference {
    fn explains(&self, want: &[u8], got: &[u8]) -> bool {
        self.go.is_match(want) && self.ours.is_match(got)
    }
}

/// A difference a line: patterns for Go's answer and for ours, and the reason, with tabs between them.
fn differences() -> Vec<Difference> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/oracle/differences.txt");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let whole = |pattern: &str| Regex::new(&format!("(?s)^(?:{pattern})$")).unwrap();
    lines
        .map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
            [go, ours, _reason] => Difference { go: whole(go), ours: whole(ours) },
            _ => panic!("differences.txt: not three columns: {line:?}"),
        })
        .collect()
}

fn data_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

fn files() -> Vec<PathBuf> {
    let only = std::env::var("KEYFERRY_CORPUS").unwrap_or_default();
    let entries = fs::read_dir(data_directory()).unwrap().map(|entry| entry.unwrap().path());
    let is_wanted = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ending == "jsonl")
            && path.file_name().is_some_and(|name| name.to_string_lossy().contains(&only))
    };
    let mut files: Vec<PathBuf> = entries.filter(is_wanted).collect();
    files.sort();
    files
}

fn cases(file: &Path) -> Vec<Case> {
    let text = fs::read_to_string(file).unwrap();
    let parse = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", file.display()))
    };
    text.lines().map(parse).collect()
}
