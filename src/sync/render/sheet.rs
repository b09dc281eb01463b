//! A target, filled from one template after the other.

use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

use gotemplate::Value;
use keyferry_stores::base::{Error, Kind, Result, SecretBytes, refs::RefKind};
use zeroize::Zeroizing;

use super::{Rendered, Templating, names, sources_in, target_of};
use crate::{
    api::external_secret::{DecodingStrategy, TemplateFrom, TemplateRef, TemplateScope},
    cluster::Unsaid,
    sync::{
        shape::decode,
        shelf::{self, Sources},
        templates::{self, Purpose, Session, Text},
    },
};

/// A part of every target that is a map of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Data,
    Labels,
    Annotations,
}

impl Place {
    /// Words are compared without case, as in ESO. `None` for what only other objects than Secrets have.
    pub(super) fn named(target: &str) -> Option<Self> {
        let places = [("data", Self::Data), ("labels", Self::Labels), ("annotations", Self::Annotations)];
        places.into_iter().find(|(word, _)| target.eq_ignore_ascii_case(word)).map(|(_, place)| place)
    }

    /// The part of a Secret.
    ///
    /// # Errors
    /// `Invalid` for what no Secret has (reference 7.2, rule 5).
    pub(super) fn of(target: &str) -> Result<Self> {
        let why = || {
            if target.is_empty() {
                return format!("invalid path {target:?}: empty segment");
            }
            format!(
                "templateFrom target={target:?} is not allowed when targeting a Secret, must be one of \"Data\", \"Annotations\" or \"Labels\""
            )
        };
        Self::named(target).ok_or_else(|| Error::new(Kind::Invalid, why()))
    }
}

/// What templates fill.
pub(super) trait Sink {
    /// A part of it.
    type Place;

    /// The part that an entry of `templateFrom` names.
    ///
    /// # Errors
    /// `Invalid` if it has no such part.
    fn place(target: &str) -> Result<Self::Place>;

    /// What is put from now on comes of this part of the template.
    fn enter(&mut self, _part: String) {}

    /// Puts a value in its place. `session` is there to read it.
    ///
    /// # Errors
    /// `Invalid` if it does not fit there.
    fn put(
        &mut self,
        place: &Self::Place,
        key: Key<'_>,
        value: SecretBytes,
        session: &Session<'_>,
    ) -> Result<()>;

    /// Puts what a template rendered in its place as it is; `None` where it is a map of strings, whose entries are put there one by one.
    fn put_document(
        &mut self,
        place: &Self::Place,
        document: &SecretBytes,
        template: &Template<'_>,
        session: &Session<'_>,
    ) -> Option<Result<()>>;
}

impl Sink for Rendered {
    type Place = Place;

    fn place(target: &str) -> Result<Place> {
        Place::of(target)
    }

    fn put(&mut self, place: &Place, key: Key<'_>, value: SecretBytes, _: &Session<'_>) -> Result<()> {
        key.check(*place, &value)?;
        self.unsaid.extend(key.unsaid());
        let into = match place {
            Place::Data => {
                self.data.insert(key.text.into(), value);
                return Ok(());
            }
            Place::Labels => &mut self.labels,
            Place::Annotations => &mut self.annotations,
        };
        let text = value.expose_str().ok_or_else(|| key.refused("has a value that is no text (UTF-8)"))?;
        self.unsaid.extend(key.template.map(|template| template.unsaid(text)));
        into.insert(key.text.into(), text.into());
        Ok(())
    }

    fn put_document(
        &mut self,
        _: &Place,
        _: &SecretBytes,
        _: &Template<'_>,
        _: &Session<'_>,
    ) -> Option<Result<()>> {
        None
    }
}

/// A target while it is filled.
pub(super) struct Sheet<'a, 't, S> {
    session: &'a Session<'t>,
    values: &'a BTreeMap<String, SecretBytes>,
    dot: OnceCell<Value>,
    sources: &'a Sources,
    pub(super) filled: S,
}

impl<'a, 't, S: Sink> Sheet<'a, 't, S> {
    /// A sheet that holds what was there before any template.
    pub(super) fn new(
        filled: S,
        values: &'a BTreeMap<String, SecretBytes>,
        templating: Templating<'a, 't>,
    ) -> Self {
        let Templating { session, sources } = templating;
        Self { session, values, dot: OnceCell::new(), sources, filled }
    }

    fn render(&self, purpose: Purpose, text: Text<'_>) -> Result<SecretBytes> {
        self.session.render(purpose, text, || self.dot.get_or_init(|| templates::dot(self.values)))
    }

    /// Renders the entries of `templateFrom` in their order.
    ///
    /// # Errors
    /// `Invalid` if one does not work, naming its position.
    pub(super) fn add_all_from(&mut self, entries: &[TemplateFrom]) -> Result<()> {
        for (i, entry) in entries.iter().enumerate() {
            self.filled.enter(part_of(i));
            self.add_from(entry).map_err(|error| error.within(part_of(i)))?;
        }
        Ok(())
    }

    /// Renders one entry of `templateFrom`: its ConfigMap, its Secret, its literal.
    fn add_from(&mut self, entry: &TemplateFrom) -> Result<()> {
        let place = S::place(target_of(entry))?;
        let decoding = entry.values_decoding_strategy;
        for (kind, source) in sources_in(entry) {
            self.add_source(&place, (kind, source), decoding)?;
        }
        let Some(literal) = entry.literal.as_deref() else { return Ok(()) };
        let text = Text { name: "literal", bytes: literal.as_bytes(), secret: false };
        self.add_document(&place, text, decoding)
    }

    /// Renders the items of a ConfigMap or a Secret.
    ///
    /// # Errors
    /// `Invalid` if one is missing or does not work, naming the object and the item.
    fn add_source(
        &mut self,
        place: &S::Place,
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

    /// Renders a field of the template itself: texts by key.
    ///
    /// # Errors
    /// `Invalid` if one does not work, naming the field and the key.
    pub(super) fn add_own(
        &mut self,
        field: &str,
        place: &S::Place,
        texts: &BTreeMap<String, String>,
    ) -> Result<()> {
        let part = format!("template.{field}");
        self.filled.enter(part.clone());
        for (name, text) in texts {
            let text = Text { name, bytes: text.as_bytes(), secret: false };
            self.add_value(place, text, None).map_err(|error| error.within(&part))?;
        }
        Ok(())
    }

    /// A template of one value; its name is the key.
    fn add_value(
        &mut self,
        place: &S::Place,
        text: Text<'_>,
        decoding: Option<DecodingStrategy>,
    ) -> Result<()> {
        let value = self.render(Purpose::Target, text)?;
        let key = Key { text: text.name, template: Some(&Template::of(text)), is_rendered: false };
        self.filled.put(place, key, decoded(value, decoding, key)?, self.session)
    }

    /// A template of keys and values: YAML.
    fn add_document(
        &mut self,
        place: &S::Place,
        text: Text<'_>,
        decoding: Option<DecodingStrategy>,
    ) -> Result<()> {
        let document = self.render(Purpose::Document, text)?;
        let put = self.put_document(place, &document, &Template::of(text), decoding);
        put.map_err(|error| error.within(text.name))
    }

    fn put_document(
        &mut self,
        place: &S::Place,
        document: &SecretBytes,
        template: &Template<'_>,
        decoding: Option<DecodingStrategy>,
    ) -> Result<()> {
        if let Some(put) = self.filled.put_document(place, document, template, self.session) {
            return put;
        }
        for (key, value) in self.session.string_map(document)? {
            let key = Key { text: &key, template: Some(template), is_rendered: true };
            self.filled.put(place, key, decoded(value, decoding, key)?, self.session)?;
        }
        Ok(())
    }
}

/// What messages call the nth entry of `templateFrom`.
pub(super) fn part_of(n: usize) -> String {
    format!("templateFrom[{n}]")
}

/// A template whose outcome is put in its place.
pub(super) struct Template<'a> {
    text: Text<'a>,
    /// The text, if messages may show it; a copy for what outlives the rendering.
    said: OnceCell<Option<Arc<str>>>,
}

impl<'a> Template<'a> {
    fn of(text: Text<'a>) -> Self {
        Self { text, said: OnceCell::new() }
    }

    /// The text, if messages may show it.
    fn shown(&self) -> Option<&'a str> {
        let text = std::str::from_utf8(self.text.bytes);
        text.ok().filter(|_| !self.text.secret)
    }

    /// What it rendered, for messages of others to be cleaned of.
    pub(super) fn unsaid(&self, rendered: &str) -> Unsaid {
        let said = self.said.get_or_init(|| self.shown().map(Arc::from));
        Unsaid { text: Zeroizing::new(rendered.into()), said: said.clone() }
    }
}

/// A key of a target.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) text: &'a str,
    /// The template that its value was rendered from, if it was.
    pub(super) template: Option<&'a Template<'a>>,
    /// True if the template rendered the key too.
    pub(super) is_rendered: bool,
}

impl<'a> Key<'a> {
    /// A key with a value that no template made.
    pub(super) const fn given(text: &'a str) -> Self {
        Self { text, template: None, is_rendered: false }
    }

    /// The template that the key was rendered from.
    fn source(self) -> Option<&'a Template<'a>> {
        self.template.filter(|_| self.is_rendered)
    }

    /// The key, if messages may show it: one that was rendered may hold anything, unless its template says it too. To find that out takes
    /// long, so only who has a message asks.
    fn shown(self) -> Option<&'a str> {
        let says = |template: &Template<'_>| {
            !self.text.is_empty() && template.shown().is_some_and(|text| text.contains(self.text))
        };
        self.source().is_none_or(says).then_some(self.text)
    }

    /// The key, for messages of others to be cleaned of, if it was rendered.
    pub(super) fn unsaid(self) -> Option<Unsaid> {
        self.source().map(|template| template.unsaid(self.text))
    }

    /// Looks whether the API server would take this key with this value.
    ///
    /// # Errors
    /// `Invalid`, with what it would have against them.
    pub(super) fn check(self, place: Place, value: &SecretBytes) -> Result<()> {
        names::fault(place, self.text, value.expose()).map_or(Ok(()), |why| Err(self.refused(why)))
    }

    /// The error for a key that is not taken, or whose value is not.
    pub(super) fn refused(self, why: &str) -> Error {
        let called = self.shown().map_or_else(|| "a rendered key".to_string(), |key| format!("key {key:?}"));
        Error::new(Kind::Invalid, format!("{called} {why}"))
    }
}

fn decoded(value: SecretBytes, strategy: Option<DecodingStrategy>, key: Key<'_>) -> Result<SecretBytes> {
    decode(strategy, value).map_err(|error| {
        let key = key.shown().unwrap_or("<value>");
        error.within(format!("failed to decode rendered template value for key {key}"))
    })
}
