//! Go templates as ESO has them (reference 6.1): compiled once, bounded, without a door to anything.
//!
//! One [`Templates`] a process holds the functions, the delimiters, and what was compiled last. One [`Session`] serves one step of one object:
//! all of its templates together, and the documents that they render, have one limit of time, of bytes, and of work on the thread that serves
//! all objects. To read and to compile a text is such work too. An object whose templates need more is put off, and rendered anew where nobody
//! waits behind it ([`Pace`]), with what large templates were compiled to held no longer than that takes.
//!
//! What a template may use is passed in: a clock, and a source of random bytes, which is the system's unless another one is given. There is no
//! environment, no file, no network behind any function.
//!
//! Errors hold the template's text and place, and never a value: where Go's message quotes one, `<value>` stands. The text of a template
//! that lies in a Secret is a secret itself, so of those only the place is told, and they are not kept.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    collections::{BTreeMap, HashMap},
    fmt::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
use tokio::runtime::{Handle, RuntimeFlavor};

use super::recent::Recent;

/// How much the templates of an object may do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// [`limits::TEMPLATE_STEPS_IN_PLACE`], on the thread that serves all objects; the rest is put off.
    Quick,
    /// All that templates may do, for [few objects](limits::SLOW_OBJECTS), of which one renders at a time.
    Long,
}

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
    /// The value of a key of a target: the delimiters of the process, and a missing key is an error. It is called as its key is, and so may not
    /// define a template of that name.
    Target,
    /// A document of keys and values, else as [`Purpose::Target`]. It may define templates of every name (reference 6.1: its own is its whole
    /// text).
    Document,
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

/// Fills a buffer with random bytes that are good enough for keys; false if there are none.
pub type Chance = fn(&mut [u8]) -> bool;

/// The system's random bytes.
fn of_the_system(buffer: &mut [u8]) -> bool {
    aws_lc_rs::rand::fill(buffer).is_ok()
}

/// Functions, delimiters, and the templates that were compiled last.
pub struct Templates {
    target: Engine,
    rewrite: Engine,
    left: String,
    clock: Arc<dyn Clock>,
    chance: Chance,
    /// By the digest of all that they were compiled from.
    kept: Mutex<Recent<Digest, Template>>,
    /// Where long work is done, for one object at a time.
    aside: Mutex<()>,
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Templates {
    /// With the functions of ESO, these delimiters, the process's clock, and the system's random bytes.
    #[must_use]
    pub fn new(delimiters: &Delimiters, clock: Arc<dyn Clock>) -> Self {
        let rewrite = func::map::eso().fold(Engine::new(), Engine::functions);
        let target =
            rewrite.clone().delims(&delimiters.left, &delimiters.right).missing_key(MissingKey::Error);
        let standard = Delimiters::default().left;
        let left = if delimiters.left.is_empty() { standard } else { delimiters.left.clone() };
        let kept = Mutex::new(Recent::new(limits::TEMPLATES_KEPT_BYTES));
        Self { target, rewrite, left, clock, chance: of_the_system, kept, aside: Mutex::default() }
    }

    /// With another source of random bytes.
    #[must_use]
    pub fn with_chance(self, chance: Chance) -> Self {
        Self { chance, ..self }
    }

    /// The templates of one step of an object, from now.
    #[must_use]
    pub fn session(&self, pace: Pace) -> Session<'_> {
        Session {
            templates: self,
            pace,
            began: self.clock.now(),
            waited: Cell::default(),
            spent: Cell::default(),
            made: Cell::default(),
            exhausted: Cell::default(),
            put_off: Cell::default(),
            compiled: RefCell::default(),
            aside: OnceCell::new(),
        }
    }

    const fn engine(&self, purpose: Purpose) -> &Engine {
        match purpose {
            Purpose::Target | Purpose::Document => &self.target,
            Purpose::Rewrite => &self.rewrite,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Recent<Digest, Template>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what this was compiled to, unless it is a secret.
    fn keep(&self, source: &Source<'_>, template: &Template) {
        if !source.text.secret {
            let bytes = limits::TEMPLATE_KEPT_BYTES + template.weight();
            self.kept().put(source.digest, bytes, template.clone());
        }
    }
}

/// A text, and what stands for it.
struct Source<'a> {
    purpose: Purpose,
    text: Text<'a>,
    /// Of all that it is compiled from.
    digest: Digest,
}

impl<'a> Source<'a> {
    fn of(purpose: Purpose, text: Text<'a>) -> Self {
        let digest = Digest::of([&[purpose as u8][..], text.name.as_bytes(), text.bytes]);
        Self { purpose, text, digest }
    }

    /// The name of the template among those that it may define. No text holds its own digest.
    fn name(&self) -> Cow<'a, str> {
        match self.purpose {
            Purpose::Target | Purpose::Rewrite => self.text.name.into(),
            Purpose::Document => self.digest.as_bytes().iter().fold(String::new(), hexadecimal).into(),
        }
    }

    /// What is wrong with it; `is_open` tells which names may be shown as hints.
    fn failed(&self, verb: &str, error: &gotemplate::Error, is_open: impl Fn(&str) -> bool) -> Error {
        let text = self.text;
        let what = match self.purpose {
            Purpose::Target | Purpose::Document => format!("template at key {}", text.name),
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
            let told = match self.purpose {
                Purpose::Target | Purpose::Rewrite => error.without_values().into(),
                Purpose::Document => error.without_values().replace(&*self.name(), text.name),
            };
            format!("{told}{notes}")
        };
        Error::new(Kind::Invalid, format!("unable to {verb} {what}: {why}"))
    }
}

fn hexadecimal(mut text: String, byte: &u8) -> String {
    // To write into a text cannot fail.
    let _written = write!(text, "{byte:02x}");
    text
}

/// The templates of one step of an object: one limit for all of them.
#[derive(Debug)]
pub struct Session<'t> {
    templates: &'t Templates,
    pace: Pace,
    began: Timestamp,
    /// For others to end their long work.
    waited: Cell<Duration>,
    /// Steps.
    spent: Cell<u64>,
    /// Bytes.
    made: Cell<usize>,
    /// True if the system gave no random bytes.
    exhausted: Cell<bool>,
    /// True if something was left undone for which there is another pace.
    put_off: Cell<bool>,
    compiled: RefCell<Compiled>,
    /// From the first long work to the end, so that large templates are held compiled by one object at a time. The last of all to go.
    aside: OnceCell<MutexGuard<'t, ()>>,
}

/// The templates that were compiled for an object.
#[derive(Debug, Default)]
struct Compiled {
    templates: HashMap<Digest, Template>,
    /// Of text.
    bytes: usize,
}

impl Compiled {
    fn hold(&mut self, source: &Source<'_>, template: &Template) {
        let bytes = self.bytes + source.text.bytes.len();
        if bytes <= limits::TEMPLATE_HELD_BYTES {
            self.bytes = bytes;
            self.templates.insert(source.digest, template.clone());
        }
    }
}

impl Session<'_> {
    /// Renders a template over `dot`, which is asked for only if the template holds an action.
    ///
    /// # Errors
    /// `Invalid`, in ESO's words, with the template's name and the place in it, and without any value; `Bug` if the system gives no
    /// random bytes; anything if it [is put off](Self::is_put_off).
    pub fn render<'v>(
        &self,
        purpose: Purpose,
        text: Text<'_>,
        dot: impl FnOnce() -> &'v Value,
    ) -> Result<SecretBytes> {
        let steps = text.bytes.len().div_ceil(limits::TEMPLATE_READ_STEP);
        let read = || (!self.is_plain(purpose, text.bytes)).then(|| Source::of(purpose, text));
        let Some(source) = self.weighed(steps, read)? else {
            self.check()?;
            return self.accounted(text.bytes.to_vec());
        };
        // What is not known while a template is read is a function.
        let template = self.compiled(&source)?.map_err(|error| source.failed("parse", &error, |_| true))?;
        let dot = dot();
        let rendered = self.run(gotemplate::Error::wants_steps, |env| template.render(dot, env));
        self.check()?;
        // Other maps than dot lie inside of a value, and so do their keys.
        let is_open = |name: &str| matches!(dot, Value::Map(map) if map.contains(name.as_bytes()));
        self.accounted(rendered.map_err(|error| source.failed("execute", &error, is_open))?)
    }

    /// The compiled template: from this session, from what was kept, or anew.
    fn compiled(&self, source: &Source<'_>) -> Result<Result<Template, gotemplate::Error>> {
        if let Some(template) = self.compiled.borrow().templates.get(&source.digest) {
            return Ok(Ok(template.clone()));
        }
        let kept = self.templates.kept().get(&source.digest);
        let compiled = kept.map_or_else(|| self.compile(source), |template| Ok(Ok(template)))?;
        compiled.iter().for_each(|template| self.compiled.borrow_mut().hold(source, template));
        Ok(compiled)
    }

    fn compile(&self, source: &Source<'_>) -> Result<Result<Template, gotemplate::Error>> {
        let steps = source.text.bytes.len().div_ceil(limits::TEMPLATE_COMPILED_STEP);
        let engine = self.templates.engine(source.purpose);
        let compiled = self.weighed(steps, || engine.compile(&source.name(), source.text.bytes))?;
        compiled.iter().for_each(|template| self.templates.keep(source, template));
        Ok(compiled)
    }

    /// True if there is no action in the text.
    fn is_plain(&self, purpose: Purpose, text: &[u8]) -> bool {
        let left = match purpose {
            Purpose::Target | Purpose::Document => self.templates.left.as_bytes(),
            Purpose::Rewrite => b"{{",
        };
        !text.windows(left.len()).any(|window| window == left)
    }

    /// The entries of a rendered document, which must be a YAML map of strings.
    ///
    /// # Errors
    /// `Invalid`, in ESO's words and without anything of the document; anything if it [is put off](Self::is_put_off).
    pub fn string_map(&self, document: &SecretBytes) -> Result<BTreeMap<String, SecretBytes>> {
        let read = self.run(Fault::wants_steps, |env| yaml::string_map(env, document.expose()));
        self.check()?;
        let entries = read.map_err(|why| {
            Error::new(Kind::Invalid, format!("could not unmarshal template to 'map[string][]byte': {why}"))
        })?;
        self.account(entries.iter().map(|(key, value)| key.len() + value.len()).sum())?;
        Ok(entries.into_iter().map(|(key, value)| (key, value.into())).collect())
    }

    /// The value of a rendered document: any YAML.
    ///
    /// # Errors
    /// Inside, `Invalid` if it is no YAML, in ESO's words. Outside, `Invalid` if a limit is reached or if it holds bytes that are no text, and
    /// anything if it [is put off](Self::is_put_off). Without anything of the document.
    pub fn document(&self, document: &SecretBytes) -> Result<Result<serde_json::Value>> {
        let invalid =
            |why: Fault| Error::new(Kind::Invalid, format!("could not unmarshal template YAML: {why}"));
        let read = self.run(Fault::wants_steps, |env| yaml::document(env, document.expose()));
        self.check()?;
        match read.map_err(invalid)? {
            Ok(value) => {
                self.account(weight(&value))?;
                Ok(Ok(value))
            }
            Err(why) => Ok(Err(invalid(why))),
        }
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

    /// True if an error says only that the templates take longer than their pace allows.
    pub fn is_put_off(&self) -> bool {
        self.put_off.get()
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

    /// Works at once if the steps that are left for that suffice, else at the pace of the session. Tried again is what they did not suffice
    /// for, and nothing that met another limit.
    fn run<T, E>(
        &self,
        wants_steps: impl Fn(&E) -> bool,
        work: impl Fn(&Env<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let left = limits::TEMPLATE_STEPS_IN_PLACE.saturating_sub(self.spent.get());
        let attempt = self.attempt(left, &work);
        match (attempt, self.pace) {
            (Err(error), Pace::Quick) if wants_steps(&error) => {
                self.put_off.set(true);
                Err(error)
            }
            (Err(error), Pace::Long) if wants_steps(&error) => {
                self.aside(|| self.attempt(limits::TEMPLATE_STEPS, &work))
            }
            (done, _) => done,
        }
    }

    /// Does work of so many steps, which cannot stop in its midst: at once if the steps that are left for that suffice, else at the pace of the
    /// session.
    fn weighed<T>(&self, steps: usize, work: impl FnOnce() -> T) -> Result<T> {
        self.spent.set(self.spent.get().saturating_add(steps as u64));
        match self.pace {
            _ if self.spent.get() <= limits::TEMPLATE_STEPS_IN_PLACE => Ok(work()),
            Pace::Long => Ok(self.aside(work)),
            Pace::Quick => {
                self.put_off.set(true);
                Err(Error::new(Kind::Bug, "the templates were to be put off"))
            }
        }
    }

    /// Does long work as soon as nobody else does, and holds up nothing that this thread serves.
    fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        apart(|| {
            self.aside.get_or_init(|| {
                let used = self.elapsed();
                let place = self.templates.aside.lock().unwrap_or_else(PoisonError::into_inner);
                self.waited.set(self.elapsed().saturating_sub(used));
                place
            });
            work()
        })
    }

    fn attempt<T, E>(&self, steps: u64, work: impl Fn(&Env<'_>) -> Result<T, E>) -> Result<T, E> {
        let elapsed = || self.elapsed();
        let random = |buffer: &mut [u8]| {
            let failed = !(self.templates.chance)(buffer);
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

/// The bytes that a value takes: its texts, and itself for each value in it.
fn weight(value: &serde_json::Value) -> usize {
    let inside = match value {
        serde_json::Value::String(text) => text.len(),
        serde_json::Value::Array(items) => items.iter().map(weight).sum(),
        serde_json::Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => 0,
    };
    size_of::<serde_json::Value>() + inside
}

/// Gives what else this thread serves to another one meanwhile.
fn apart<T>(work: impl FnOnce() -> T) -> T {
    let served =
        Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
    if served { tokio::task::block_in_place(work) } else { work() }
}

/// The values as templates see them: dot.
#[must_use]
pub fn dot(values: &BTreeMap<String, SecretBytes>) -> Value {
    Value::string_map(values.iter().map(|(key, value)| (key.as_str(), value.expose())))
}

#[cfg(test)]
mod tests;
