//! From the answers of stores to the keys and values of one Secret (reference 2.6). Pure.
//!
//! What every provider would otherwise do its own way happens here, once: `property`, whole-map reads, rewrites, key conversion and
//! validation, decoding, NUL checks, the order in which sources win. How a store differs is data ([`Rules`]).
//!
//! An entry that its store proves absent is left out where `deletionPolicy` is not Retain ([`Assembled::missing`]); everything else that
//! goes wrong is an error, and an error never becomes an empty map.

mod json;
mod keys;
mod property;
mod rewrite;
mod unbuilt;

use std::collections::BTreeMap;

use keyferry_stores::{
    base::{Error, Kind, Result, SecretBytes, limits::SECRET_BYTES},
    provider::{Absence, Capabilities, Entry, Found, MapRule, Payload, PropertyRule},
};

use super::templates::Session;
use crate::api::external_secret::{
    ConversionStrategy, Data, DataFrom, DecodingStrategy, DeletionPolicy, ExternalSecretSpec, Find,
    NullBytePolicy, RemoteRef, Rewrite,
};
pub(super) use keys::decode;
pub use property::value;
pub use unbuilt::unbuilt;

/// What of a store matters for reading its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How properties are looked up.
    pub property: PropertyRule,
    /// True where a missing property counts as a missing secret.
    pub property_absence: bool,
    /// How an extracted object becomes bytes.
    pub map: MapRule,
    /// True where the names that `find` yields are converted before any rewrite.
    pub find_converts: bool,
    /// The provider's word on absence.
    pub absence: Absence,
}

impl Rules {
    /// Those of an opened store.
    #[must_use]
    pub fn of(capabilities: &Capabilities, absence: Absence) -> Self {
        let Capabilities { property, property_absence, map, find_converts, .. } = *capabilities;
        Self { property, property_absence, map, find_converts, absence }
    }
}

/// The answer to one entry of `spec.dataFrom` or `spec.data`.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The store was not asked: it is missing, not ready, not allowed. Never counts as absence, whatever the kind of the error.
    Failed(Error),
    /// To `extract` and to `data[]`.
    Entry(Result<Entry>, Rules),
    /// To `find`.
    Found(Result<Vec<Found>>, Rules),
    /// `sourceRef.storeRef` without `find` or `extract`: asks for nothing and yields nothing.
    Nothing,
}

/// The answers to a whole spec: one an entry, in the order of the spec.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// To `spec.dataFrom`.
    pub data_from: Vec<Answer>,
    /// To `spec.data`.
    pub data: Vec<Answer>,
}

/// How sure it is that the stores hold nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emptiness {
    /// Every entry was proven absent.
    Proven,
    /// Some answer was there and empty. It takes a second read, later, to believe it.
    Unproven,
}

/// What the answers came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assembled {
    /// Keys and values.
    pub values: BTreeMap<String, SecretBytes>,
    /// A message for each entry that its store proved absent (event `MissingProviderSecret`).
    pub missing: Vec<String>,
    /// Set if there are no values.
    pub empty: Option<Emptiness>,
}

/// Puts the answers together: `dataFrom` in order, then `data` in order; the later wins. `session` renders keys.
///
/// # Errors
/// The first error in that order, with the entry it belongs to. `Bug` if there are not as many answers as entries; `Invalid` if
/// the values do not fit into a Secret.
pub fn assemble(spec: &ExternalSecretSpec, answers: &Answers, session: &Session<'_>) -> Result<Assembled> {
    let (data_from, data) = (spec.data_from.as_slice(), spec.data.as_slice());
    if (data_from.len(), data.len()) != (answers.data_from.len(), answers.data.len()) {
        return Err(Error::new(Kind::Bug, "there are not as many answers as entries"));
    }
    let mut assembly =
        Assembly { deletion: spec.deletion_policy(), values: BTreeMap::new(), missing: Vec::new() };
    for (i, (source, answer)) in data_from.iter().zip(&answers.data_from).enumerate() {
        let place = Place {
            text: format!("spec.dataFrom[{i}]{}", suffix(source)),
            missing: format!("secret does not exist at provider using spec.dataFrom[{i}]"),
        };
        assembly.add(&place, answer, many(source, answer, session))?;
    }
    for (i, (entry, answer)) in data.iter().zip(&answers.data).enumerate() {
        let key = &entry.remote_ref.key;
        let place = Place {
            text: format!("spec.data[{i}] (key: {key})"),
            // ESO says dataFrom here too, and alert rules match the text (Appendix B7: kept).
            missing: format!("secret does not exist at provider using spec.dataFrom[{i}] (key={key})"),
        };
        assembly.add(&place, answer, single(entry, answer))?;
    }
    assembly.finish(answers)
}

/// Where an answer belongs, for messages.
struct Place {
    text: String,
    missing: String,
}

struct Assembly {
    deletion: DeletionPolicy,
    values: keys::Values,
    missing: Vec<String>,
}

impl Assembly {
    fn add(&mut self, place: &Place, answer: &Answer, values: Result<keys::Values>) -> Result<()> {
        match values {
            Ok(values) => self.values.extend(values),
            Err(error) if self.may_lack(answer, &error) => self.missing.push(place.missing.clone()),
            Err(error) => return Err(error.within(format!("error processing {}, err", place.text))),
        }
        Ok(())
    }

    /// True if the store proved that the entry is absent, and the spec allows for it.
    fn may_lack(&self, answer: &Answer, error: &Error) -> bool {
        let proven = error.kind() == Kind::NotFound
            && match answer {
                Answer::Entry(_, rules) | Answer::Found(_, rules) => rules.absence == Absence::Proves,
                Answer::Failed(_) | Answer::Nothing => false,
            };
        proven
            && match self.deletion {
                DeletionPolicy::Delete | DeletionPolicy::Merge => true,
                DeletionPolicy::Retain => false,
            }
    }

    fn finish(self, answers: &Answers) -> Result<Assembled> {
        check_size(&self.values)?;
        let asked = answers.data_from.len() + answers.data.len();
        let proven = asked > 0 && self.missing.len() == asked;
        let emptiness = if proven { Emptiness::Proven } else { Emptiness::Unproven };
        let empty = self.values.is_empty().then_some(emptiness);
        Ok(Assembled { values: self.values, missing: self.missing, empty })
    }
}

/// Kubernetes counts the values alone, not their keys.
pub(super) fn check_size(values: &keys::Values) -> Result<()> {
    let size: usize = values.values().map(SecretBytes::len).sum();
    if size <= SECRET_BYTES {
        return Ok(());
    }
    Err(Error::new(Kind::Invalid, "the values do not fit into a Secret")
        .with("bytes", size)
        .with("limit", SECRET_BYTES))
}

fn suffix(source: &DataFrom) -> &'static str {
    match source {
        DataFrom { find: Some(_), .. } => ".find",
        DataFrom { extract: Some(_), .. } => ".extract",
        DataFrom { .. } => "",
    }
}

/// The values of one `dataFrom` entry.
fn many(source: &DataFrom, answer: &Answer, session: &Session<'_>) -> Result<keys::Values> {
    match (source, answer) {
        (_, Answer::Failed(error)) => Err(error.clone()),
        (_, Answer::Nothing) => Ok(keys::Values::new()),
        (DataFrom { find: Some(find), rewrite, .. }, Answer::Found(found, rules)) => {
            let found = found.clone().and_then(|found| names(found, find, rules));
            let values = found.map_err(|error| error.within("error getting all secrets"))?;
            Steps::of_find(find, rewrite).run(values, session)
        }
        (DataFrom { find: None, extract: Some(extract), rewrite, .. }, Answer::Entry(entry, rules)) => {
            let values = map(entry.as_ref().map_err(Clone::clone)?, extract, rules)?;
            Steps::of_extract(extract, rewrite).run(values, session)
        }
        (_, Answer::Entry(..) | Answer::Found(..)) => {
            Err(Error::new(Kind::Bug, "the answer does not fit the entry"))
        }
    }
}

/// The value of one `data` entry under its key.
fn single(data: &Data, answer: &Answer) -> Result<keys::Values> {
    let (entry, rules) = match answer {
        Answer::Failed(error) => return Err(error.clone()),
        Answer::Entry(entry, rules) => (entry.as_ref().map_err(Clone::clone)?, rules),
        Answer::Found(..) | Answer::Nothing => {
            return Err(Error::new(Kind::Bug, "the answer does not fit the entry"));
        }
    };
    let reference = &data.remote_ref;
    let value = property::value(entry, reference, rules)?;
    let value = keys::decode(reference.decoding_strategy, value)
        .map_err(|error| error.within(decoding_failed(reference.decoding_strategy)))?;
    if reference.null_byte_policy == Some(NullBytePolicy::Fail) {
        keys::refuse_null_bytes([(&data.secret_key, &value)])?;
    }
    Ok(keys::Values::from([(data.secret_key.clone(), value)]))
}

/// The map that `extract` reads out of an entry.
///
/// # Errors
/// As [`value`]; `Malformed` if the value is not a JSON object.
pub fn map(entry: &Entry, reference: &RemoteRef, rules: &Rules) -> Result<BTreeMap<String, SecretBytes>> {
    let whole = reference.property.as_deref().is_none_or(str::is_empty);
    if let (Payload::Fields(fields), true) = (&entry.payload, whole) {
        return Ok(fields.clone());
    }
    let value = property::value(entry, reference, rules)?;
    let fields = json::object(value.expose())?.into_iter().map(|(key, raw)| {
        let value = match rules.map {
            MapRule::Raw => json::raw_field(raw)?,
            MapRule::Decoded => json::decoded_field(raw)?,
        };
        Ok((key, value))
    });
    fields.collect()
}

/// What `find` yields: names and whole values. Some providers of ESO convert the names at once, so that rewrites see them converted.
fn names(found: Vec<Found>, find: &Find, rules: &Rules) -> Result<keys::Values> {
    let values = found.into_iter().map(|found| (found.name, property::whole(&found.entry.payload))).collect();
    if rules.find_converts { keys::convert(find.conversion_strategy, values) } else { Ok(values) }
}

/// The steps that every map goes through.
struct Steps<'s> {
    rewrite: &'s [Rewrite],
    conversion: Option<ConversionStrategy>,
    decoding: Option<DecodingStrategy>,
    null_bytes: Option<NullBytePolicy>,
}

impl<'s> Steps<'s> {
    fn of_find(find: &Find, rewrite: &'s [Rewrite]) -> Self {
        let (conversion, decoding) = (find.conversion_strategy, find.decoding_strategy);
        Self { rewrite, conversion, decoding, null_bytes: find.null_byte_policy }
    }

    fn of_extract(extract: &RemoteRef, rewrite: &'s [Rewrite]) -> Self {
        let (conversion, decoding) = (extract.conversion_strategy, extract.decoding_strategy);
        Self { rewrite, conversion, decoding, null_bytes: extract.null_byte_policy }
    }

    /// Rewrites, or converts where nothing is rewritten; validates, decodes, looks for NUL.
    fn run(&self, values: keys::Values, session: &Session<'_>) -> Result<keys::Values> {
        let values = if self.rewrite.is_empty() {
            let strategy = self.conversion.map_or("", ConversionStrategy::word);
            keys::convert(self.conversion, values).map_err(|error| {
                error.within(format!("error applying conversion strategy {strategy} to keys"))
            })?
        } else {
            rewrite::apply(self.rewrite, values, session)
                .map_err(|error| error.within("error applying rewrite to keys"))?
        };
        let values = keys::validate(values).map_err(|error| {
            error.within("invalid secret keys (TIP: use rewrite or conversionStrategy to change keys)")
        })?;
        let values = keys::decode_all(self.decoding, values)
            .map_err(|error| error.within(decoding_failed(self.decoding)))?;
        if self.null_bytes == Some(NullBytePolicy::Fail) {
            keys::refuse_null_bytes(&values)?;
        }
        Ok(values)
    }
}

fn decoding_failed(strategy: Option<DecodingStrategy>) -> String {
    format!("error applying decoding strategy {} to data", strategy.map_or("", DecodingStrategy::word))
}

#[cfg(test)]
mod tests;
