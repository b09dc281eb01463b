//! The parts of a Secret, filled from one template after the other.

use std::{cell::OnceCell, collections::BTreeMap};

use gotemplate::Value;
use keyferry_stores::base::{Error, Kind, Result, SecretBytes, refs::RefKind};

use super::{Rendered, Templating, names, sources_in};
use crate::{
    api::external_secret::{DecodingStrategy, TemplateFrom, TemplateRef, TemplateScope},
    sync::{
        shape::decode,
        shelf::Sources,
        templates::{self, Purpose, Session, Text},
    },
};

/// A part of a Secret that templates fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Data,
    Labels,
    Annotations,
}

impl Place {
    /// Words are compared without case, as in ESO. `None` for paths, which no Secret has.
    pub(super) fn of(target: &str) -> Option<Self> {
        let places = [("data", Self::Data), ("labels", Self::Labels), ("annotations", Self::Annotations)];
        places.into_iter().find(|(word, _)| target.eq_ignore_ascii_case(word)).map(|(_, place)| place)
    }
}

/// A Secret while it is filled.
pub(super) struct Sheet<'a> {
    session: Session<'a>,
    values: &'a BTreeMap<String, SecretBytes>,
    dot: OnceCell<Value>,
    sources: &'a Sources,
    pub(super) rendered: Rendered,
}

impl<'a> Sheet<'a> {
    /// A sheet that holds what was there before any template.
    pub(super) fn new(
        rendered: Rendered,
        values: &'a BTreeMap<String, SecretBytes>,
        templating: Templating<'a>,
    ) -> Self {
        let session = templating.templates.session();
        Self { session, values, dot: OnceCell::new(), sources: templating.sources, rendered }
    }

    fn render(&self, text: Text<'_>) -> Result<SecretBytes> {
        self.session.render(Purpose::Target, text, || self.dot.get_or_init(|| templates::dot(self.values)))
    }

    /// Renders one entry of `templateFrom`: its ConfigMap, its Secret, its literal.
    pub(super) fn add_from(&mut self, i: usize, entry: &TemplateFrom) -> Result<()> {
        let Some(place) = Place::of(entry.target.as_deref().unwrap_or("Data")) else { return Ok(()) };
        let decoding = entry.values_decoding_strategy;
        let within = |error: Error| error.within(format!("templateFrom[{i}]"));
        for (kind, source) in sources_in(entry) {
            self.add_source(place, (kind, source), decoding).map_err(within)?;
        }
        let Some(literal) = entry.literal.as_deref() else { return Ok(()) };
        let text = Text { name: "literal", bytes: literal.as_bytes(), secret: false };
        self.add_document(place, text, decoding).map_err(within)
    }

    fn add_source(
        &mut self,
        place: Place,
        (kind, source): (RefKind, &TemplateRef),
        decoding: Option<DecodingStrategy>,
    ) -> Result<()> {
        let known = self.sources.iter().find(|(at, _)| at.kind == kind && at.name == source.name);
        let word = if kind == RefKind::Secret { "secret" } else { "configmap" };
        let name = &source.name;
        let (_, texts) = known.ok_or_else(|| Error::new(Kind::Bug, format!("{word} {name} was not read")))?;
        for item in &source.items {
            let missing =
                || Error::new(Kind::Invalid, format!("error in {word} {name}: missing key {}", item.key));
            let bytes = texts.get(&item.key).ok_or_else(missing)?.expose();
            let text = Text { name: &item.key, bytes, secret: kind == RefKind::Secret };
            let added = match item.template_as.unwrap_or(TemplateScope::Values) {
                TemplateScope::Values => self.add_value(place, text, decoding),
                TemplateScope::KeysAndValues => self.add_document(place, text, decoding),
            };
            added.map_err(|error| error.within(format!("{word} {name}")))?;
        }
        Ok(())
    }

    /// A template of one value; its name is the key.
    pub(super) fn add_value(
        &mut self,
        place: Place,
        text: Text<'_>,
        decoding: Option<DecodingStrategy>,
    ) -> Result<()> {
        let value = self.render(text)?;
        let shown = Some(text.name);
        self.put(place, (text.name, shown), decoded(value, decoding, shown)?)
    }

    /// A template of keys and values: YAML.
    fn add_document(
        &mut self,
        place: Place,
        text: Text<'_>,
        decoding: Option<DecodingStrategy>,
    ) -> Result<()> {
        let document = self.render(text)?;
        for (key, value) in self.session.string_map(&document)? {
            // A key that the template says itself may be shown; one that was rendered may hold anything.
            let shown = says(text.bytes, key.as_bytes()).then_some(key.as_str()).filter(|_| !text.secret);
            let value = decoded(value, decoding, shown)?;
            self.put(place, (&key, shown), value)?;
        }
        Ok(())
    }

    /// Puts a value in its place; `shown` is the key as messages may show it.
    fn put(&mut self, place: Place, (key, shown): (&str, Option<&str>), value: SecretBytes) -> Result<()> {
        if let Some(why) = names::fault(place, key, value.expose()) {
            let called = shown.map_or_else(|| "a rendered key".to_string(), |key| format!("key {key:?}"));
            return Err(Error::new(Kind::Invalid, format!("{called} {why}")));
        }
        let into = match place {
            Place::Data => {
                self.rendered.data.insert(key.into(), value);
                return Ok(());
            }
            Place::Labels => &mut self.rendered.labels,
            Place::Annotations => &mut self.rendered.annotations,
        };
        into.insert(key.into(), String::from_utf8_lossy(value.expose()).into_owned());
        Ok(())
    }
}

fn decoded(
    value: SecretBytes,
    strategy: Option<DecodingStrategy>,
    shown: Option<&str>,
) -> Result<SecretBytes> {
    decode(strategy, value).map_err(|error| {
        error.within(format!(
            "failed to decode rendered template value for key {}",
            shown.unwrap_or("<value>")
        ))
    })
}

/// True if the template's text holds the key.
fn says(text: &[u8], key: &[u8]) -> bool {
    !key.is_empty() && text.windows(key.len()).any(|window| window == key)
}
