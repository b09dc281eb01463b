//! How regular expressions are compiled: without a look at the machine. Left to itself, the engine asks how many processors there are, to
//! keep memory for as many searches at a time.

use regex_automata::meta::{Builder, Config, Regex};
use regex_automata::util::captures::Captures;

/// How many searches with one expression at a time find their memory kept.
const AT_ONCE: usize = 4;

/// What every expression is compiled with.
pub(crate) fn config() -> Config {
    Config::new().pool_capacity(AT_ONCE)
}

/// An expression that is a constant of ours.
#[expect(clippy::expect_used, reason = "the patterns are constants")]
pub(crate) fn constant(form: &str) -> Regex {
    Builder::new().configure(config()).build(form).expect("a valid pattern")
}

/// The groups of a match.
pub(crate) struct Groups<'t> {
    text: &'t str,
    found: Captures,
}

impl<'t> Groups<'t> {
    /// Those of the first match.
    pub(crate) fn of(regex: &'t Regex, text: &'t str) -> Option<Self> {
        Self::all(regex, text).next()
    }

    /// Those of every match.
    pub(crate) fn all(regex: &'t Regex, text: &'t str) -> impl Iterator<Item = Self> {
        regex.captures_iter(text).map(move |found| Self { text, found })
    }

    /// The whole match.
    pub(crate) fn whole(&self) -> &'t str {
        self.get(0)
    }

    /// What the group of this number matched; nothing if it matched nothing.
    pub(crate) fn get(&self, index: usize) -> &'t str {
        self.found.get_group(index).map_or("", |span| &self.text[span.range()])
    }

    /// The same by name.
    pub(crate) fn name(&self, name: &str) -> &'t str {
        self.found.get_group_by_name(name).map_or("", |span| &self.text[span.range()])
    }
}
