//! The parts of a Secret, filled from one template after the other.

use std::{cell::OnceCell, collections::BTreeMap};

use gotemplate::Value;
use keyferry_stores::base::{Error, Kind, Result, SecretBytes, refs::RefKind};

use super::{Rendered, Templating, names, sources_in, target_of};
use crate::{
    api::external_secret::{DecodingStrategy, TemplateFrom, TemplateRef, TemplateScope},
    sync::{
        shape::decode,
        shelf::{self, Sources},
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
pub(super) struct Sheet<'a, 't> {
    session: &'a Session<'t>,
    values: &'a BTreeMap<String, SecretBytes>,
    dot: OnceCell<Value>,
    sources: &'a Sources,
    pub(super) rendered: Rendered,
}

impl<'a, 't> Sheet<'a, 't> {
    /// A sheet that holds what was there before any template.
    pub(super) fn new(
        rendered: Rendered,
        values: &'a BTreeMap<String, SecretBytes>,
        templating: Templating<'a, 't>,
    ) -> Self {
        let Templating { session, sources } = templating;
        Self { session, values, dot: OnceCell::new(), sources, rendered }
    }

    fn render(&self, purpose: Purpose, text: Text<'_>) -> Result<SecretBytes> {
        self.session.render(purpose, text, || self.dot.get_or_init(|| templates::dot(self.values)))
    }

    /// Renders one entry of `templateFrom`: its ConfigMap, its Secret, its literal.
    pub(super) fn add_from(&mut self, i: usize, entry: &TemplateFrom) -> Result<()> {
        let Some(place) = Place::of(target_of(entry)) else { return Ok(()) };
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
        let (word, name) = (shelf::word(kind), &source.name);
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
        let value = self.render(Purpose::Target, text)?;
        let key = Key { text: text.name, document: None };
        self.put(place, key, decoded(value, decoding, key)?)
    }

    /// A template of keys and values: YAML.
    fn add_document(
        &mut self,
        place: Place,
        text: Text<'_>,
        decoding: Option<DecodingStrategy>,
    ) -> Result<()> {
        let document = self.render(Purpose::Document, text)?;
        for (key, value) in self.session.string_map(&document)? {
            let key = Key { text: &key, document: Some(text) };
            self.put(place, key, decoded(value, decoding, key)?)?;
        }
        Ok(())
    }

    /// Puts a value in its place.
    fn put(&mut self, place: Place, key: Key<'_>, value: SecretBytes) -> Result<()> {
        if let Some(why) = names::fault(place, key.text, value.expose()) {
            let called =
                key.shown().map_or_else(|| "a rendered key".to_string(), |key| format!("key {key:?}"));
            return Err(Error::new(Kind::Invalid, format!("{called} {why}")));
        }
        let into = match place {
            Place::Data => {
                self.rendered.data.insert(key.text.into(), value);
                return Ok(());
            }
            Place::Labels => &mut self.rendered.labels,
            Place::Annotations => &mut self.rendered.annotations,
        };
        into.insert(key.text.into(), String::from_utf8_lossy(value.expose()).into_owned());
        Ok(())
    }
}

/// A key of a Secret, and the template whose document it was rendered in, if it was.
#[derive(Clone, Copy)]
struct Key<'a> {
    text: &'a str,
    document: Option<Text<'a>>,
}

impl<'a> Key<'a> {
    /// The key, if messages may show it: one that was rendered may hold anything, unless its template says it too. To find that out takes
    /// long, so only who has a message asks.
    fn shown(self) -> Option<&'a str> {
        let says = |template: Text<'_>| {
            let text = std::str::from_utf8(template.bytes);
            !template.secret && !self.text.is_empty() && text.is_ok_and(|text| text.contains(self.text))
        };
        self.document.is_none_or(says).then_some(self.text)
    }
}

fn decoded(value: SecretBytes, strategy: Option<DecodingStrategy>, key: Key<'_>) -> Result<SecretBytes> {
    decode(strategy, value).map_err(|error| {
        let key = key.shown().unwrap_or("<value>");
        error.within(format!("failed to decode rendered template value for key {key}"))
    })
}
