//! Renders Go `text/template` templates, byte for byte as Go 1.26 does, with its error texts. Pure: no I/O, no
//! environment, no clock and no chance but those that the caller passes in.
//!
//! ```
//! use gotemplate::{Engine, Env, Value};
//!
//! let template = Engine::new().compile("greeting", "Hello, {{ .name | printf \"%q\" }}!")?;
//! let data = Value::string_map([("name", "Ann")]);
//! assert_eq!(template.render(&data, &Env::default())?, b"Hello, \"Ann\"!");
//! # Ok::<(), gotemplate::Error>(())
//! ```
//!
//! # Functions
//!
//! A function is a row: its name, the types that it takes and returns, and its body. The engine checks calls against
//! the row, with Go's messages, so a body sees only arguments that fit.
//!
//! ```
//! use gotemplate::{Engine, Env, Type, Value, func::Func};
//!
//! static ROWS: &[Func] = &[Func::fixed("repeat", &[Type::INT, Type::String], Type::String, |run, args| {
//!     let count = usize::try_from(args.int(0)?).map_err(|_| "strings: negative Repeat count")?;
//!     let text = args.str(1)?;
//!     run.make(text.len().saturating_mul(count))?;
//!     Ok(Value::str(text.repeat(count)))
//! })];
//! let engine = Engine::new().functions(ROWS);
//! let render = |text| engine.compile("t", text)?.render(&Value::Nil, &Env::default());
//! assert_eq!(render("{{ \"ab\" | repeat 3 }}").unwrap(), b"ababab");
//! assert_eq!(
//!     render("{{ repeat \"3\" \"ab\" }}").unwrap_err().to_string(),
//!     "template: t:1:10: executing \"t\" at <\"3\">: expected integer; found \"3\""
//! );
//! ```
//!
//! # Limits and secrets
//!
//! Every rendering is bounded by [`Limits`]; what depends on the world comes with [`Env`]. The values are secrets to the
//! crate's users: `Debug` of values and errors shows no content. An error's `Display` does, where Go's does;
//! [`Error::without_values`] says the same without.
//!
//! # Map
//!
//! `lex` cuts the text into items, `parse` makes the tree of `ast` from them, `eval` walks it and `call` calls; both need
//! `value` and `types` (what there is) and `print` (how it prints, with `float` and `quote`). `func` is the seam of
//! functions and holds the built-in ones; `run` is what they may use of the world. `error`, `span` and `hint` are about
//! what went wrong, and where, and what was perhaps meant; `veil` keeps values out of it. `number` reads constants.

pub mod func;
pub mod print;

mod ast;
mod bytes;
mod call;
mod error;
mod eval;
mod float;
mod hint;
mod interface;
mod lex;
mod list;
mod number;
mod parse;
mod pattern;
mod quote;
mod run;
mod span;
mod types;
mod value;
mod veil;

pub use error::{Error, Fault, Step};
pub use run::{Elapsed, Env, Limits, Random, Run};
pub use span::{Span, excerpt, line_and_column};
pub use types::{Float, Int, Kind, Type, Uint};
pub use value::{Bytes, List, Map, Object, Str, Value};

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// What a field of a map without that key gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingKey {
    /// No value, which prints as `<no value>`.
    #[default]
    Default,
    /// The zero of the map's values.
    Zero,
    /// An error.
    Error,
}

/// How templates are compiled: functions, delimiters, options. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    functions: HashMap<String, Arc<func::Func>>,
    left: String,
    right: String,
    missing_key: MissingKey,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// With the functions of `text/template`, `{{` and `}}`, and [`MissingKey::Default`].
    #[must_use]
    pub fn new() -> Self {
        let engine = Self {
            functions: HashMap::new(),
            left: String::new(),
            right: String::new(),
            missing_key: MissingKey::Default,
        };
        engine.functions(func::builtin::ROWS)
    }

    /// Adds functions. Those added later win over earlier ones of the same name.
    #[must_use]
    pub fn functions(mut self, rows: &[func::Func]) -> Self {
        self.functions.extend(rows.iter().map(|row| (row.name().to_owned(), Arc::new(row.clone()))));
        self
    }

    /// Sets the delimiters. An empty one means the default.
    #[must_use]
    pub fn delims(mut self, left: &str, right: &str) -> Self {
        self.left = left.to_owned();
        self.right = right.to_owned();
        self
    }

    /// Sets what a missing key gives.
    #[must_use]
    pub const fn missing_key(mut self, missing_key: MissingKey) -> Self {
        self.missing_key = missing_key;
        self
    }

    /// Compiles a template: text, or bytes that are mostly text. The name is for messages.
    ///
    /// # Errors
    /// If the text is no template, with Go's message.
    pub fn compile(&self, name: &str, text: impl AsRef<[u8]>) -> Result<Template, Error> {
        let text = text.as_ref();
        let shared: Arc<[u8]> = text.into();
        let delims = (self.left.as_str(), self.right.as_str());
        let source = parse::Source { name, text, delims, functions: &self.functions };
        let trees = parse::parse(&source).map_err(|fault| {
            let names = self.functions.keys().map(String::as_str);
            let hint = fault.unknown.as_ref().and_then(|unknown| hint::closest(unknown, names));
            Error::new(fault.step, fault.text, fault.span, Arc::clone(&shared)).with_hint(hint)
        })?;
        let main = trees.iter().position(|tree| tree.name == name.as_bytes()).unwrap_or_default();
        let compiled = eval::Compiled {
            name: name.to_owned(),
            size: AtomicUsize::new(text.len()),
            text: shared,
            trees,
            main,
            missing_key: self.missing_key,
        };
        Ok(Template(Arc::new(compiled)))
    }
}

/// A compiled template. Can be shared between threads.
#[derive(Clone)]
pub struct Template(Arc<eval::Compiled>);

impl Template {
    /// Renders the template for a value of dot.
    ///
    /// # Errors
    /// If the template fails on its data, with Go's message, or reaches a limit. There is no partial output. A panic in a
    /// function, be it of this crate or of the caller, ends the rendering with an error too, where panics unwind.
    pub fn render(&self, dot: &Value, env: &Env<'_>) -> Result<Vec<u8>, Error> {
        eval::render(&self.0, dot, &mut Run::new(env))
    }

    /// The bytes that it takes in memory, about: what a cache of templates should count.
    ///
    /// ```
    /// let compile = |text| gotemplate::Engine::new().compile("t", text);
    /// assert!(compile("{{ .a }}{{ .b }}")?.weight() > compile("some more text, but no nodes")?.weight());
    /// # Ok::<(), gotemplate::Error>(())
    /// ```
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.weight()
    }

    /// The name it was compiled under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("name", &self.0.name).finish_non_exhaustive()
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
