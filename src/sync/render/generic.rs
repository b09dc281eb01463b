//! The content of an object of another kind than Secret (reference 2.12, 6.4).
//!
//! It is a list of edits, in the order of the template: what they make depends on the object that they are put onto. ConfigMaps, Secrets and
//! literals are rendered once, with the values of the stores, so what lies in a store is never a template.
//!
//! Where ESO's behaviour is not followed, on purpose: templates of ConfigMaps and Secrets go to paths too (B4); no path leads to what says
//! whose object this is; bytes that are no text are an error and not replaced; without a template the values are put beside what is merged
//! into, and do not replace it; integers stay exact up to 64 bits.

use std::{collections::BTreeMap, fmt};

use keyferry_stores::base::{Error, Kind, Result, SecretBytes};
use serde_json::{Map, Value};

use super::{
    Metadata, Templating, check_engine, names,
    path::{Path, Room, failed, map_of},
    sheet::{self, Key, Place, Sheet, Sink},
};
use crate::{
    api::external_secret::{ExternalSecretSpec, Template},
    cluster::{Unsaid, generic::ObjectKind},
    sync::{shape::unbuilt, templates::Session},
};

/// The fields under which an object of most kinds, and one of a few, has its content.
const SPEC: &str = "spec";
const DATA: &str = "data";
/// The fields that templates do not reach: what the object is, whose it is, and what it says of itself.
const RESERVED: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// What goes into an object of any kind, before it meets the one that is there.
#[derive(Clone, Default, PartialEq)]
pub struct Content {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// What is put into the body, one after the other.
    edits: Vec<Edit>,
    /// What was rendered into keys, labels and annotations.
    pub unsaid: Vec<Unsaid>,
}

/// Without what was rendered: it may hold what stores hold.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { labels, annotations, edits, unsaid: _ } = self;
        write!(
            f,
            "Content({} labels, {} annotations, {} edits)",
            labels.len(),
            annotations.len(),
            edits.len()
        )
    }
}

impl Content {
    /// The body with everything put in its place.
    ///
    /// # Errors
    /// `Invalid` where something of another type stands in the way, naming the path, never a value; or if paths make too much on their way.
    pub fn onto(&self, mut body: Map<String, Value>) -> Result<Map<String, Value>> {
        let mut room = Room::new();
        for Edit { part, change } in &self.edits {
            change.put(&mut body, &mut room).map_err(|error| match part {
                Some(part) => error.within(part),
                None => error,
            })?;
        }
        Ok(body)
    }
}

/// A change of a body, and the part of the template that it comes of.
#[derive(Clone, PartialEq)]
struct Edit {
    part: Option<String>,
    change: Change,
}

#[derive(Clone, PartialEq)]
enum Change {
    /// Strings into a map, which is made if it is not there. Their keys may be secrets.
    Strings { map: &'static [&'static str], entries: BTreeMap<String, String> },
    /// A value to a path. If it `merges`, the fields of a map are put into a map that is there.
    Value { path: Path, value: Value, merges: bool },
}

impl Change {
    fn put(&self, body: &mut Map<String, Value>, room: &mut Room) -> Result<()> {
        match self {
            Self::Strings { map, entries } => {
                let entries = entries.iter().map(|(key, text)| (key.clone(), Value::String(text.clone())));
                map_at(map, body)?.extend(entries);
            }
            Self::Value { path, value, merges } => match (path.slot(body, room)?, value) {
                (Value::Object(have), Value::Object(new)) if *merges => have.extend(new.clone()),
                (slot, value) => *slot = value.clone(),
            },
        }
        Ok(())
    }
}

/// The map under these keys. Its own entries are not told.
fn map_at<'v>(keys: &[&str], body: &'v mut Map<String, Value>) -> Result<&'v mut Map<String, Value>> {
    let mut map = body;
    for key in keys {
        let value = map.entry(*key).or_insert(Value::Null);
        map = map_of(value)
            .map_err(|found| failed(&keys.join("."), &format!("expected map but found {found}")))?;
    }
    Ok(map)
}

/// The kind of the object that a specification asks for; `None` if that is a Secret.
#[must_use]
pub fn kind_of(spec: &ExternalSecretSpec) -> Option<ObjectKind> {
    let manifest = spec.target.as_ref()?.manifest.as_ref()?;
    let (api_version, kind) = (manifest.api_version.as_str(), manifest.kind.as_str());
    let is_secret = api_version == "v1" && kind == "Secret";
    (!is_secret).then(|| ObjectKind { api_version: api_version.into(), kind: kind.into() })
}

/// Renders the content of an object of this kind.
///
/// # Errors
/// `Invalid` if the template does not work or if a value is no text, naming the entry and the place in it and never a value; `Unsupported`
/// if the specification needs what is not built; anything if [it was put off](Session::is_put_off).
pub fn render_object<'a>(
    spec: &ExternalSecretSpec,
    kind: &ObjectKind,
    metadata: Metadata<'_>,
    values: &'a BTreeMap<String, SecretBytes>,
    templating: Templating<'a, '_>,
) -> Result<Content> {
    if let Some(error) = unbuilt(spec) {
        return Err(error);
    }
    let form = Form { is_config_map: is_config_map(kind), part: None, content: Content::default() };
    match spec.target.as_ref().and_then(|target| target.template.as_ref()) {
        Some(template) => from_template(form, template, values, templating),
        None => from_values(form, metadata, values),
    }
}

fn is_config_map(kind: &ObjectKind) -> bool {
    (&*kind.api_version, &*kind.kind) == ("v1", "ConfigMap")
}

fn from_values(
    form: Form,
    metadata: Metadata<'_>,
    values: &BTreeMap<String, SecretBytes>,
) -> Result<Content> {
    let map: &'static [&'static str] = if form.is_config_map { &[DATA] } else { &[SPEC, DATA] };
    let entries = values.iter().map(|(key, value)| form.entry(map, Key::given(key), value));
    let change = Change::Strings { map, entries: entries.collect::<Result<_>>()? };
    let edits = vec![Edit { part: None, change }];
    let (labels, annotations) = (metadata.labels.clone(), metadata.annotations.clone());
    Ok(Content { labels, annotations, edits, ..Content::default() })
}

/// Its type, merge policy and finalizers are those of Secrets.
fn from_template<'a>(
    mut form: Form,
    template: &Template,
    values: &'a BTreeMap<String, SecretBytes>,
    templating: Templating<'a, '_>,
) -> Result<Content> {
    check_engine(template)?;
    let metadata = template.metadata.clone().unwrap_or_default();
    form.content.labels = metadata.labels;
    form.content.annotations = metadata.annotations;
    let mut sheet = Sheet::new(form, values, templating);
    sheet.add_all_from(&template.template_from)?;
    sheet.add_own("data", &Target::Part(Place::Data), &template.data)?;
    Ok(sheet.filled.content)
}

/// What an entry of `templateFrom` fills.
enum Target {
    /// What Secrets have too.
    Part(Place),
    /// The field `spec`: strings by key, or the whole of it.
    Spec,
    /// Any place.
    At(Path),
}

impl Target {
    fn of(target: &str) -> Result<Self> {
        if let Some(place) = Place::named(target) {
            return Ok(Self::Part(place));
        }
        if target.eq_ignore_ascii_case(SPEC) {
            return Ok(Self::Spec);
        }
        let path = Path::parse(target)?;
        if RESERVED.contains(&path.root()) {
            let why = format!(
                "invalid path {target:?}: a template may fill any field but apiVersion, kind, metadata and status"
            );
            return Err(Error::new(Kind::Invalid, why));
        }
        Ok(Self::At(path))
    }
}

/// An object while it is filled.
struct Form {
    is_config_map: bool,
    part: Option<String>,
    content: Content,
}

impl Form {
    /// A key and a text, if they fit into this map.
    fn entry(&self, map: &[&str], key: Key<'_>, value: &SecretBytes) -> Result<(String, String)> {
        if self.is_config_map && *map == [DATA] {
            names::config_map_fault(key.text).map_or(Ok(()), |why| Err(key.refused(why)))?;
        }
        Ok((key.text.into(), text_of(key, value)?))
    }

    fn put_string(&mut self, map: &'static [&'static str], key: Key<'_>, value: &SecretBytes) -> Result<()> {
        let entries = BTreeMap::from([self.entry(map, key, value)?]);
        self.content.unsaid.extend(key.unsaid());
        self.change(Change::Strings { map, entries });
        Ok(())
    }

    fn put_value(&mut self, path: Path, value: Value, merges: bool) {
        self.change(Change::Value { path, value, merges });
    }

    /// Keeps the keys of what a template rendered.
    fn keep_keys(&mut self, value: &Value, template: &sheet::Template<'_>) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    self.content.unsaid.push(template.unsaid(key));
                    self.keep_keys(value, template);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.keep_keys(item, template)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn change(&mut self, change: Change) {
        self.content.edits.push(Edit { part: self.part.clone(), change });
    }
}

impl Sink for Form {
    type Place = Target;

    fn place(target: &str) -> Result<Target> {
        Target::of(target)
    }

    fn enter(&mut self, part: String) {
        self.part = Some(part);
    }

    fn put(
        &mut self,
        target: &Target,
        key: Key<'_>,
        value: SecretBytes,
        session: &Session<'_>,
    ) -> Result<()> {
        let place = match target {
            Target::Part(Place::Data) => return self.put_string(&[DATA], key, &value),
            Target::Spec => return self.put_string(&[SPEC], key, &value),
            Target::At(path) => {
                let read = session.document(&value)?;
                // What is no YAML is a text.
                let read = read.or_else(|_| text_of(key, &value).map(Value::String))?;
                key.template.into_iter().for_each(|template| self.keep_keys(&read, template));
                self.put_value(path.clone(), read, false);
                return Ok(());
            }
            Target::Part(place) => *place,
        };
        key.check(place, &value)?;
        let text = text_of(key, &value)?;
        self.content.unsaid.extend(key.unsaid());
        self.content.unsaid.extend(key.template.map(|template| template.unsaid(&text)));
        let into =
            if place == Place::Labels { &mut self.content.labels } else { &mut self.content.annotations };
        into.insert(key.text.into(), text);
        Ok(())
    }

    fn put_document(
        &mut self,
        target: &Target,
        document: &SecretBytes,
        template: &sheet::Template<'_>,
        session: &Session<'_>,
    ) -> Option<Result<()>> {
        let (path, merges) = match target {
            Target::Part(_) => return None,
            Target::Spec => (Path::field(SPEC), false),
            Target::At(path) => (path.clone(), !path.is_single()),
        };
        let read = session.document(document).flatten();
        Some(read.map(|value| {
            self.keep_keys(&value, template);
            self.put_value(path, value, merges);
        }))
    }
}

/// The text that a value is: no object but a Secret holds bytes.
fn text_of(key: Key<'_>, value: &SecretBytes) -> Result<String> {
    let why =
        "has a value that is not UTF-8, which only a Secret can hold: let a template encode it with b64enc";
    value.expose_str().map(str::to_string).ok_or_else(|| key.refused(why))
}

#[cfg(test)]
mod tests;
