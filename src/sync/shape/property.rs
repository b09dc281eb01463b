//! `property`: which part of an entry is meant (reference 10.1). The rule is the store's; the reading is the same for all.

use keyferry_stores::{
    base::{Error, Kind, Result, SecretBytes},
    provider::{Capabilities, Entry, Payload, PropertyRule},
};

use super::json;
use crate::api::external_secret::RemoteRef;

/// The value of an entry: all of it, or the part that `property` names.
///
/// # Errors
/// A property that is not there is `NotFound` where the store says that this counts as absence, else `Invalid`; `Malformed` where the
/// value is no JSON and could not have properties.
pub fn value(entry: &Entry, reference: &RemoteRef, capabilities: &Capabilities) -> Result<SecretBytes> {
    let Some(property) = reference.property.as_deref().filter(|property| !property.is_empty()) else {
        return Ok(whole(&entry.payload));
    };
    let part = match (&entry.payload, capabilities.property) {
        (payload, PropertyRule::OnTheWire) => Some(whole(payload)),
        (Payload::Fields(fields), _) => match fields.get(property) {
            Some(value) => Some(value.clone()),
            None => below(property, |name| fields.get(name)),
        },
        (Payload::Bytes(bytes), rule) => of_bytes(bytes, property, rule)?,
    };
    part.ok_or_else(|| missing(entry, property, reference, capabilities))
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
    let path = |path: &str| {
        let found = gjson::get(text, path);
        found.exists().then(|| SecretBytes::from(found.text().as_ref()))
    };
    let escaped = || path(&property.replace('.', "\\."));
    match rule {
        // A `Bytes` payload of a store with byte fields is the metadata of an entry.
        PropertyRule::Path | PropertyRule::ByteField | PropertyRule::OnTheWire => Ok(path(property)),
        PropertyRule::EscapedThenPath => Ok(escaped().or_else(|| path(property))),
        PropertyRule::PathThenEscaped => Ok(path(property).or_else(escaped)),
        PropertyRule::FieldOnly => field(bytes, property),
        PropertyRule::FieldThenPath => Ok(field(bytes, property)?.or_else(|| path(property))),
    }
}

/// The top-level field of exactly this name.
fn field(bytes: &SecretBytes, property: &str) -> Result<Option<SecretBytes>> {
    let Ok(object) = json::object(bytes.expose()) else { return Ok(None) };
    object.get(property).map(|raw| json::raw_field(raw)).transpose()
}

/// A path below a byte field: the field is what stands before the first dot.
fn below<'f>(property: &str, fields: impl Fn(&str) -> Option<&'f SecretBytes>) -> Option<SecretBytes> {
    let (name, path) =
        property.split_once('.').filter(|(name, path)| !name.is_empty() && !path.is_empty())?;
    let found = gjson::get(fields(name)?.expose_str()?, path);
    found.exists().then(|| SecretBytes::from(found.text().as_ref()))
}

fn missing(entry: &Entry, property: &str, reference: &RemoteRef, capabilities: &Capabilities) -> Error {
    if capabilities.property_absence {
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
