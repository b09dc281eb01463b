//! Go templates as ESO has them (reference 6.1): compiled once, bounded, without a door to anything.
//!
//! One [`Templates`] a process holds the functions, the delimiters, and what was compiled last. One [`Session`] serves one step of one object:
//! all of its templates together, and the documents that they render, have one limit of time, of bytes, and of work on the thread that serves
//! all objects. What a template may use is passed in: the time of the process's clock, random bytes; there is no environment, no file, no
//! network behind any function.
//!
//! Errors hold the template's text and place, and never a value: where Go's message quotes one, `<value>` stands. The text of a template
//! that lies in a Secret is a secret itself, so of those only the place is told, and they are not kept.

mod seats;

use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use gotemplate::{
    Engine, Env, Fault, Limits, MissingKey, Step, Template, Value,
    func::{self, yaml},
    line_and_column,
};
use jiff::Timestamp;
use keyferry_stores::{
    base::{Clock, Error, Kind, Result, SecretBytes, limits},
    provider::Digest,
};

use self::seats::Seats;
use super::recent::Recent;

/// What stands around actions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delimiters {
    /// Before an action; empty means `{{`.
    pub left: String,
    /// After an action; empty means `}}`.
    pub right: String,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { left: "{{".into(), right: "}}".into() }
    }
}

/// What a template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The content of a target: the delimiters of the process, and a missing key is an error.
    Target,
    /// A new name for a key: always `{{ }}`, and a missing key prints as `<no value>`.
    Rewrite,
}

/// A template as somebody wrote it. Without `Debug`: the text may be a secret.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// What it is called in messages.
    pub name: &'a str,
    /// The text.
    pub bytes: &'a [u8],
    /// True if the text itself must not be shown.
    pub secret: bool,
}

/// Functions, delimiters, and the templates that were compiled last.
pub struct Templates {
    target: Engine,
    rewrite: Engine,
    left: String,
    clock: Arc<dyn Clock>,
    /// By the digest of all that they were compiled from.
    kept: Mutex<Recent<Digest, Template>>,
    seats: Seats,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Templates {
    /// With the functions of ESO, these delimiters, and the process's clock.
    #[must_use]
    pub fn new(delimiters: &Delimiters, clock: Arc<dyn Clock>) -> Self {
        let rewrite = func::map::eso().fold(Engine::new(), Engine::functions);
        let target =
            rewrite.clone().delims(&delimiters.left, &delimiters.right).missing_key(MissingKey::Error);
        let standard = Delimiters::default().left;
        let left = if delimiters.left.is_empty() { standard } else { delimiters.left.clone() };
        let kept = Mutex::new(Recent::new(limits::TEMPLATES_KEPT_BYTES));
        Self { target, rewrite, left, clock, kept, seats: Seats::new(limits::TEMPLATES_ASIDE) }
    }

    /// The templates of one step of an object, from now.
    #[must_use]
    pub fn session(&self) -> Session<'_> {
        Session {
            templates: self,
            began: self.clock.now(),
            waited: Cell::default(),
            spent: Cell::default(),
            made: Cell::default(),
            exhausted: Cell::default(),
        }
    }

    fn compiled(&self, purpose: Purpose, text: Text<'_>) -> Result<Template, gotemplate::Error> {
        let compile = || {
            let engine = match purpose {
                Purpose::Target => &self.target,
                Purpose::Rewrite => &self.rewrite,
            };
            engine.compile(text.name, text.bytes)
        };
        if text.secret {
            return compile();
        }
        let digest = Digest::of([&[purpose as u8][..], text.name.as_bytes(), text.bytes]);
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(template) = kept().get(&digest) {
            return Ok(template);
        }
        let template = compile()?;
        let bytes = limits::TEMPLATE_KEPT_BYTES + text.name.len() + text.bytes.len();
        kept().put(digest, bytes, template.clone());
        Ok(template)
    }
}

/// The templates of one step of an object: one limit for all of them.
#[derive(Debug)]
pub struct Session<'t> {
    templates: &'t Templates,
    began: Timestamp,
    /// For a place aside.
    waited: Cell<Duration>,
    /// Steps.
    spent: Cell<u64>,
    /// Bytes.
    made: Cell<usize>,
    /// True if the system gave no random bytes.
    exhausted: Cell<bool>,
}

impl Session<'_> {
    /// Renders a template over `dot`, which is asked for only if the template holds an action.
    ///
    /// # Errors
    /// `Invalid`, in ESO's words, with the template's name and the place in it, and without any value; `Bug` if the system gives no
    /// random bytes.
    pub fn render<'v>(
        &self,
        purpose: Purpose,
        text: Text<'_>,
        dot: impl FnOnce() -> &'v Value,
    ) -> Result<SecretBytes> {
        if self.is_plain(purpose, text.bytes) {
            self.check()?;
            return self.accounted(text.bytes.to_vec());
        }
        let compiled = self.templates.compiled(purpose, text);
        // What is not known while a template is read is a function.
        let template = compiled.map_err(|error| failed("parse", purpose, text, &error, |_| true))?;
        let dot = dot();
        let rendered = self.run(gotemplate::Error::wants_steps, |env| template.render(dot, env));
        self.check()?;
        // Other maps than dot lie inside of a value, and so do their keys.
        let is_open = |name: &str| matches!(dot, Value::Map(map) if map.contains(name.as_bytes()));
        self.accounted(rendered.map_err(|error| failed("execute", purpose, text, &error, is_open))?)
    }

    /// True if there is no action in the text.
    fn is_plain(&self, purpose: Purpose, text: &[u8]) -> bool {
        let left = match purpose {
            Purpose::Target => self.templates.left.as_bytes(),
            Purpose::Rewrite => b"{{",
        };
        !text.windows(left.len()).any(|window| window == left)
    }

    /// The entries of a rendered document, which must be a YAML map of strings.
    ///
    /// # Errors
    /// `Invalid`, in ESO's words and without anything of the document.
    pub fn string_map(&self, document: &SecretBytes) -> Result<BTreeMap<String, SecretBytes>> {
        let read = self.run(Fault::wants_steps, |env| yaml::string_map(env, document.expose()));
        self.check()?;
        let entries = read.map_err(|why| {
            Error::new(Kind::Invalid, format!("could not unmarshal template to 'map[string][]byte': {why}"))
        })?;
        self.account(entries.values().map(String::len).sum())?;
        Ok(entries.into_iter().map(|(key, value)| (key, value.into())).collect())
    }

    fn accounted(&self, rendered: Vec<u8>) -> Result<SecretBytes> {
        let rendered = SecretBytes::new(rendered);
        self.account(rendered.len())?;
        Ok(rendered)
    }

    /// Counts bytes that were made.
    fn account(&self, bytes: usize) -> Result<()> {
        self.made.set(self.made.get().saturating_add(bytes));
        if self.made.get() <= limits::TEMPLATE_BYTES {
            return Ok(());
        }
        let error = Error::new(Kind::Invalid, "the templates render more than they may");
        Err(error.with("limit", limits::TEMPLATE_BYTES))
    }

    /// The time that was used, and not waited.
    fn elapsed(&self) -> Duration {
        let passed = self.templates.clock.now().duration_since(self.began);
        Duration::try_from(passed).unwrap_or_default().saturating_sub(self.waited.get())
    }

    /// What went wrong with all templates together, and not with the one that ran last.
    fn check(&self) -> Result<()> {
        if self.exhausted.get() {
            return Err(Error::new(Kind::Bug, "the system gives no random bytes"));
        }
        if self.elapsed() < limits::TEMPLATE_TIME {
            return Ok(());
        }
        let error = Error::new(Kind::Invalid, "the templates take longer than they may");
        Err(error.with("limit", format!("{:?}", limits::TEMPLATE_TIME)))
    }

    /// Works at once if the steps that are left for that suffice, else where nobody waits behind it. Tried again is what they did not
    /// suffice for, and nothing that met another limit.
    fn run<T, E>(
        &self,
        wants_steps: impl Fn(&E) -> bool,
        work: impl Fn(&Env<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let left = limits::TEMPLATE_STEPS_IN_PLACE.saturating_sub(self.spent.get());
        if left > 0 {
            match self.attempt(left, &work) {
                Err(error) if wants_steps(&error) => {}
                done => return done,
            }
        }
        let used = self.elapsed();
        self.templates.seats.aside(|| {
            self.waited.set(self.waited.get() + self.elapsed().saturating_sub(used));
            self.attempt(limits::TEMPLATE_STEPS, &work)
        })
    }

    fn attempt<T, E>(&self, steps: u64, work: impl Fn(&Env<'_>) -> Result<T, E>) -> Result<T, E> {
        let elapsed = || self.elapsed();
        let random = |buffer: &mut [u8]| {
            let failed = aws_lc_rs::rand::fill(buffer).is_err();
            self.exhausted.set(self.exhausted.get() || failed);
        };
        let limits = Limits {
            steps,
            output: limits::TEMPLATE_BYTES,
            time: limits::TEMPLATE_TIME.saturating_sub(elapsed()),
            ..Limits::default()
        };
        work(&Env {
            now: Some(SystemTime::from(self.templates.clock.now())),
            random: Some(&random),
            limits,
            elapsed: Some(&elapsed),
            spent: Some(&self.spent),
            ..Env::default()
        })
    }
}

/// The values as templates see them: dot.
#[must_use]
pub fn dot(values: &BTreeMap<String, SecretBytes>) -> Value {
    Value::string_map(values.iter().map(|(key, value)| (key.as_str(), value.expose())))
}

/// The error of a template; `is_open` tells which names may be shown as hints.
fn failed(
    verb: &str,
    purpose: Purpose,
    text: Text<'_>,
    error: &gotemplate::Error,
    is_open: impl Fn(&str) -> bool,
) -> Error {
    let what = match purpose {
        Purpose::Target => format!("template at key {}", text.name),
        Purpose::Rewrite => "transform template".to_string(),
    };
    let (line, column) = line_and_column(text.bytes, error.span().start);
    let column = column + 1;
    let why = if text.secret {
        format!("line {line}, column {column}; it lies in a Secret, so its text is not shown")
    } else {
        // Go tells the line alone of what it cannot parse.
        let place = (error.step() == Step::Parse).then(|| format!("column {column}"));
        let hint = error.did_you_mean().filter(|name| is_open(name));
        let hint = hint.map(|name| format!("did you mean {name:?}?"));
        let notes: Vec<String> = place.into_iter().chain(hint).collect();
        let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        format!("{}{notes}", error.without_values())
    };
    Error::new(Kind::Invalid, format!("unable to {verb} {what}: {why}"))
}

#[cfg(test)]
mod tests;
