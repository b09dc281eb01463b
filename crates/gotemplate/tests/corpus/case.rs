//! A case of the oracle in `tests/oracle` and what this crate makes of it. Shared with the example `oracle`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gotemplate::func::{builtin, map, yaml};
use gotemplate::{Engine, Env, Limits, MissingKey, Value};
use serde_json::Value as Json;

/// Why a case could not be read.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// What comes out, or the text of the error.
pub(crate) type Answer = Result<Vec<u8>, String>;

/// Go counts none: what a step costs is not compared here.
const STEPS: u64 = 1_000_000_000;

/// Renders a case with the system's random bytes.
///
/// # Errors
/// If the case is not of the oracle's form.
pub(crate) fn answer(case: &Json) -> Result<Answer, Failure> {
    let chance = File::open("/dev/urandom")?;
    answer_by(case, &|buffer| {
        let _ = (&chance).read_exact(buffer);
    })
}

/// Renders a case with these random bytes. A panic is an error, so that one fault does not hide the rest.
///
/// # Errors
/// If the case is not of the oracle's form.
pub(crate) fn answer_by(case: &Json, random: &dyn Fn(&mut [u8])) -> Result<Answer, Failure> {
    let text = match case["text_b64"].as_str() {
        Some(encoded) => STANDARD.decode(encoded)?,
        None => case["text"].as_str().unwrap_or_default().into(),
    };
    if let Some(into) = case["reads"].as_str() {
        return Ok(read(into, &text));
    }
    let dot = dot(&case["data"])?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(case["now"].as_u64().unwrap_or_default());
    let limits = Limits { steps: STEPS, ..Limits::default() };
    let env = Env { now: Some(now), random: Some(random), limits, ..Env::default() };
    let rendered = catch_unwind(AssertUnwindSafe(|| {
        let template = engine(case).compile(case["name"].as_str().unwrap_or("case"), &text)?;
        template.render(&dot, &env)
    }));
    Ok(rendered.map_or_else(|_| Err("panicked".into()), |result| result.map_err(|error| error.to_string())))
}

/// With every function that templates have.
pub(crate) fn engine(case: &Json) -> Engine {
    let missing_key = match case["missingkey"].as_str() {
        Some("zero") => MissingKey::Zero,
        Some("default") => MissingKey::Default,
        _ => MissingKey::Error,
    };
    let delims = &case["delims"];
    // Those added later win.
    let replaced_back = case["builtins"].as_bool().unwrap_or_default().then_some(builtin::ROWS);
    map::eso()
        .chain(replaced_back)
        .fold(Engine::new(), Engine::functions)
        .delims(delims[0].as_str().unwrap_or_default(), delims[1].as_str().unwrap_or_default())
        .missing_key(missing_key)
}

fn dot(data: &Json) -> Result<Value, Failure> {
    let mut values = BTreeMap::new();
    for (key, value) in data.as_object().into_iter().flatten() {
        values.insert(key.clone(), STANDARD.decode(value.as_str().unwrap_or_default())?);
    }
    Ok(Value::string_map(values))
}

/// A document, read into a map of strings or into anything: as `tests/oracle/documents.go` writes it.
fn read(into: &str, text: &[u8]) -> Answer {
    let env = Env { limits: Limits { steps: STEPS, ..Limits::default() }, ..Env::default() };
    let refused = |_| "refused".to_owned();
    let mut out = String::new();
    if into == "strings" {
        let entries = yaml::string_map(&env, text).map_err(refused)?;
        entries.iter().for_each(|(key, value)| out.extend([key, "=", value, "\n"]));
    } else {
        let document = yaml::document(&env, text).map_err(refused)?.map_err(refused)?;
        write(&document, &mut out);
    }
    Ok(out.into_bytes())
}

/// A value with its types. Of numbers Kubernetes knows integers of 64 bits and floats.
fn write(value: &Json, out: &mut String) {
    match value {
        Json::Null => out.push_str("<nil>"),
        Json::Bool(word) => out.push_str(&word.to_string()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => out.push_str(&whole.to_string()),
            (None, float) => {
                out.push_str(&format!("float {:016x}", float.unwrap_or_default().to_bits()));
            }
        },
        Json::String(text) => out.extend(["<", text, ">"]),
        Json::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(';');
            }
            out.push(']');
        }
        Json::Object(fields) => {
            out.push('{');
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            for (key, value) in sorted {
                out.extend(["<", key, ">:"]);
                write(value, out);
            }
            out.push('}');
        }
    }
}
