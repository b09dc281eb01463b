//! The functions that External Secrets Operator offers to its templates: one list of all topics.

use crate::func::{
    Func, certificate, chance, dates, dicts, encoding, issue, json, lists, logic, numbers, passwords, path,
    pkcs12, private_key, reflection, regex, rsa_decrypt, semver, strings, url, web_key, yaml,
};

/// The tables, in the order in which they are added: of two rows of one name the later wins.
static TOPICS: &[&[Func]] = &[
    certificate::ROWS,
    chance::ROWS,
    dates::ROWS,
    dicts::ROWS,
    encoding::ROWS,
    issue::ROWS,
    json::ROWS,
    lists::ROWS,
    logic::ROWS,
    numbers::ROWS,
    passwords::ROWS,
    path::ROWS,
    pkcs12::ROWS,
    private_key::ROWS,
    reflection::ROWS,
    regex::ROWS,
    rsa_decrypt::ROWS,
    semver::ROWS,
    strings::ROWS,
    url::ROWS,
    web_key::ROWS,
    yaml::ROWS,
];

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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_function_is_in_one_table() {
        let mut seen = HashSet::new();
        for row in eso().flatten() {
            assert!(seen.insert(row.name()), "{} is there twice", row.name());
        }
    }
}
