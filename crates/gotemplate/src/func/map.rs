//! The functions that External Secrets Operator offers to its templates: one list of all topics.

use crate::func::{Func, logic, path, reflection, regex, strings, url};

/// The tables, in the order in which they are added: of two rows of one name the later wins.
static TOPICS: &[&[Func]] =
    &[strings::ROWS, regex::ROWS, path::ROWS, logic::ROWS, reflection::ROWS, url::ROWS];

/// The functions that External Secrets Operator offers, a table a topic. Those of `text/template` itself are there
/// without being asked for; `slice` is replaced.
///
/// ```
/// let engine = gotemplate::func::map::eso().fold(gotemplate::Engine::new(), gotemplate::Engine::functions);
/// let template = engine.compile("t", "{{ .name | upper }}")?;
/// let data = gotemplate::Value::string_map([("name", "ann")]);
/// assert_eq!(template.render(&data, &gotemplate::Env::default())?, b"ANN");
/// # Ok::<(), gotemplate::Error>(())
/// ```
pub fn eso() -> impl Iterator<Item = &'static [Func]> {
    TOPICS.iter().copied()
}
