//! `property`: which part of an entry is meant (reference 10.1). The rule is the store's; the reading is the same for all.

use keyferry_stores::{
    base::{Error, Kind, Result, SecretBytes},
    provider::{Entry, Payload, PropertyRule},
};

use super::{Rules, json};
use crate::api::external_secret::RemoteRef;

/// The value of an entry: all of it, or the part that `property` names.
///
/// # Errors
/// A property that is not there is `NotFound` where the store says that this counts as absence, else `Invalid`; `Malformed` where the
/// value is no JSON and could not have properties.
pub fn value(entry: &Entry, reference: &RemoteRef, rules: &Rules) -> Result<SecretBytes> {
    let Some(property) = reference.property.as_deref().filter(|property| !property.is_empty()) else {
        return Ok(whole(&entry.payload));
    };
    let part = match (&entry.payload, rules.property) {
        (payload, PropertyRule::OnTheWire) => Some(whole(payload)),
        (Payload::Fields(fields), _) => match fields.get(property) {
            Some(value) => Some(value.clone()),
            None => below(property, |name| fields.get(name))?,
        },
        (Payload::Bytes(bytes), rule) => of_bytes(bytes, property, rule)?,
    };
    part.ok_or_else(|| missing(entry, property, reference, rules))
}

/// All of an entry as one value.
pub(super) fn whole(payload: &Payload) -> SecretBytes {
    match payload {
        Payload::Bytes(bytes) => bytes.clone(),
        Payload::Fields(fields) => json::of_fields(fields),
    }
}

fn of_bytes(bytes: &SecretBytes, property: &str, rule: PropertyRule) -> Result<Option<SecretBytes>> {
    let Some(text) = bytes.expose_str() else { return Ok(None) };
    let escaped = || at_path(text, &property.replace('.', "\\."));
    let plain = || at_path(text, property);
    match rule {
        // A `Bytes` payload of a store with byte fields is the metadata of an entry.
        PropertyRule::Path | PropertyRule::ByteField | PropertyRule::OnTheWire => plain(),
        PropertyRule::EscapedThenPath => escaped()?.map_or_else(plain, |found| Ok(Some(found))),
        PropertyRule::PathThenEscaped => plain()?.map_or_else(escaped, |found| Ok(Some(found))),
        PropertyRule::FieldOnly => field(bytes, property),
        PropertyRule::FieldThenPath => field(bytes, property)?.map_or_else(plain, |found| Ok(Some(found))),
    }
}

/// What a gjson path leads to. A lookup beyond its bounds is an error: it proves no absence.
fn at_path(json: &str, path: &str) -> Result<Option<SecretBytes>> {
    let found = gjson::find(json, path)
        .map_err(|error| Error::new(Kind::Invalid, error.to_string()).with("property", path))?;
    Ok(found.exists().then(|| SecretBytes::from(found.text().as_ref())))
}

/// The top-level field of exactly this name.
fn field(bytes: &SecretBytes, property: &str) -> Result<Option<SecretBytes>> {
    let Ok(object) = json::object(bytes.expose()) else { return Ok(None) };
    object.get(property).map(|raw| json::raw_field(raw)).transpose()
}

/// A path below a byte field: the field is what stands before the first dot.
fn below<'f>(
    property: &str,
    fields: impl Fn(&str) -> Option<&'f SecretBytes>,
) -> Result<Option<SecretBytes>> {
    let parts = property.split_once('.').filter(|(name, path)| !name.is_empty() && !path.is_empty());
    let Some((name, path)) = parts else { return Ok(None) };
    match fields(name).and_then(SecretBytes::expose_str) {
        Some(json) => at_path(json, path),
        None => Ok(None),
    }
}

fn missing(entry: &Entry, property: &str, reference: &RemoteRef, rules: &Rules) -> Error {
    if rules.property_absence {
        return Error::new(Kind::NotFound, "Secret does not exist").with("property", property);
    }
    let has_properties = match &entry.payload {
        Payload::Fields(_) => true,
        Payload::Bytes(bytes) => json::is_json(bytes.expose()),
    };
    if has_properties {
        Error::new(Kind::Invalid, format!("property {property} does not exist in secret {}", reference.key))
    } else {
        Error::new(
            Kind::Malformed,
            format!("property {property} is asked for, but secret {} is not JSON", reference.key),
        )
    }
}
