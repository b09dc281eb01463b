//! What goes wrong: a [`Fault`] inside a function, an [`Error`] for the caller.

use std::fmt;

use crate::span::{Span, excerpt};

/// Why a function or a method gave no value. Its text is what Go's function would return as an error or panic with;
/// the engine puts the place and `error calling NAME:` before it.
#[derive(Clone, PartialEq, Eq)]
pub struct Fault {
    text: String,
    limit: bool,
    wants_steps: bool,
    panic: bool,
}

impl Fault {
    /// With Go's text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), limit: false, wants_steps: false, panic: false }
    }

    /// For a limit that was reached.
    #[must_use]
    pub fn limit(text: impl Into<String>) -> Self {
        Self { text: text.into(), limit: true, wants_steps: false, panic: false }
    }

    /// For the limit of steps.
    pub(crate) fn of_steps(text: impl Into<String>) -> Self {
        Self { wants_steps: true, ..Self::limit(text) }
    }

    /// For what ends Go's function without an error: nobody puts words before it.
    pub(crate) fn panic(text: impl Into<String>) -> Self {
        Self { panic: true, ..Self::new(text) }
    }

    pub(crate) const fn is_panic(&self) -> bool {
        self.panic
    }

    /// Whether a limit was reached.
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        self.limit
    }

    /// Whether it was the steps that ran out: with more of them the work may succeed.
    #[must_use]
    pub const fn wants_steps(&self) -> bool {
        self.wants_steps
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may hold values, and values are secrets.
        f.debug_struct("Fault").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl std::error::Error for Fault {}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Fault {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Which step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The text is no template.
    Parse,
    /// The template failed on its data.
    Execute,
    /// A limit was reached while parsing or rendering.
    Limit,
}

/// Why a template could not be compiled or rendered. Prints exactly as Go's error; the span, the excerpt and the hint
/// are extra. The text can hold values of the data, as Go's does; [`Error::without_values`] does not.
pub struct Error(Box<Detail>);

struct Detail {
    step: Step,
    text: String,
    span: Span,
    source: std::sync::Arc<[u8]>,
    hint: Option<String>,
    /// The text without values, where it holds some.
    veiled: Option<String>,
    wants_steps: bool,
}

impl Error {
    pub(crate) fn new(step: Step, text: String, span: Span, source: std::sync::Arc<[u8]>) -> Self {
        Self(Box::new(Detail { step, text, span, source, hint: None, veiled: None, wants_steps: false }))
    }

    pub(crate) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.0.hint = hint;
        self
    }

    pub(crate) fn with_veiled(mut self, text: String) -> Self {
        self.0.veiled = Some(text);
        self
    }

    pub(crate) fn wanting_steps(mut self, wants_steps: bool) -> Self {
        self.0.wants_steps = wants_steps;
        self
    }

    /// Which step failed.
    #[must_use]
    pub fn step(&self) -> Step {
        self.0.step
    }

    /// Whether it was the steps that ran out: with more of them the template may render.
    #[must_use]
    pub fn wants_steps(&self) -> bool {
        self.0.wants_steps
    }

    /// The message with `<value>` for what came from values that the template computed or was given. What stands in the
    /// template's own text is shown.
    #[must_use]
    pub fn without_values(&self) -> &str {
        self.0.veiled.as_deref().unwrap_or(&self.0.text)
    }

    /// The part of the template's text that is to blame.
    #[must_use]
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// The line to blame, with carets under the span. Holds text of the template, not of its data.
    #[must_use]
    pub fn excerpt(&self) -> String {
        excerpt(&self.0.source, self.0.span)
    }

    /// A known name that is close to the unknown one: a function, or a key of the data.
    #[must_use]
    pub fn did_you_mean(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the text: it may hold values, and values are secrets.
        f.debug_struct("Error")
            .field("step", &self.0.step)
            .field("span", &self.0.span)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {}
