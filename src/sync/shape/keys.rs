//! Keys and values on their way into a Secret: conversion, validation, decoding, NUL check (reference 2.6.2).

use std::collections::{BTreeMap, btree_map};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use keyferry_stores::base::{Error, Kind, Result, SecretBytes, limits::SECRET_KEY_BYTES};

use crate::api::external_secret::{ConversionStrategy, DecodingStrategy};

/// Keys with their values, sorted: every step goes through them in one order, so the first error is always the same one.
pub(super) type Values = BTreeMap<String, SecretBytes>;

/// Replaces what a key of a Secret may not hold. Two keys that become one are an error.
///
/// # Errors
/// `Invalid`, naming the key.
pub(super) fn convert(strategy: Option<ConversionStrategy>, values: Values) -> Result<Values> {
    let mut converted = Values::new();
    for (key, value) in values {
        let key: String = key.chars().map(|c| character(strategy, c)).collect();
        match converted.entry(key) {
            btree_map::Entry::Vacant(free) => free.insert(value),
            btree_map::Entry::Occupied(taken) => {
                let text = format!("secret name collision during conversion: {}", taken.key());
                return Err(Error::new(Kind::Invalid, text));
            }
        };
    }
    Ok(converted)
}

fn character(strategy: Option<ConversionStrategy>, c: char) -> String {
    match strategy {
        _ if is_kept(c) => c.to_string(),
        None | Some(ConversionStrategy::Default) => "_".to_string(),
        Some(ConversionStrategy::Unicode) => format!("_U{:04x}_", u32::from(c)),
    }
}

/// Letters and numbers of any script stay, as in ESO; the API server refuses those outside of ASCII later.
fn is_kept(c: char) -> bool {
    matches!(c, '-' | '.' | '_') || c.is_alphabetic() || c.is_numeric()
}

/// Drops empty keys and refuses those that no Secret can hold.
///
/// # Errors
/// `Invalid`, naming the key.
pub(super) fn validate(mut values: Values) -> Result<Values> {
    values.remove("");
    for key in values.keys() {
        if key.len() > SECRET_KEY_BYTES {
            let shown: String = key.chars().take(SECRET_KEY_BYTES).collect();
            let length = key.len();
            let text = format!("key has length {length} but max is 253: (following is truncated): {shown}");
            return Err(Error::new(Kind::Invalid, text));
        }
        if let Some(c) = key.chars().find(|c| !is_kept(*c)) {
            let text = format!(
                "key has invalid character {c}, only alphanumeric, '-', '.' and '_' are allowed: {key}"
            );
            return Err(Error::new(Kind::Invalid, text));
        }
    }
    Ok(values)
}

/// Decodes every value.
///
/// # Errors
/// `Invalid`, naming the key whose value is not in the encoding.
pub(super) fn decode_all(strategy: Option<DecodingStrategy>, values: Values) -> Result<Values> {
    let decoded = values.into_iter().map(|(key, value)| {
        let value =
            decode(strategy, value).map_err(|error| error.within(format!("failure decoding key {key}")))?;
        Ok((key, value))
    });
    decoded.collect()
}

/// Decodes a value. Go's decoder passes over line ends and over stray bits in the last character; so does this one.
///
/// # Errors
/// `Invalid` if the value is not in the encoding; the text holds a position, nothing of the value.
pub(in crate::sync) fn decode(strategy: Option<DecodingStrategy>, value: SecretBytes) -> Result<SecretBytes> {
    match strategy {
        None | Some(DecodingStrategy::None) => Ok(value),
        Some(DecodingStrategy::Base64) => decoded(&alphabet::STANDARD, &value),
        Some(DecodingStrategy::Base64Url) => decoded(&alphabet::URL_SAFE, &value),
        Some(DecodingStrategy::Auto) => Ok(decoded(&alphabet::STANDARD, &value)
            .or_else(|_| decoded(&alphabet::URL_SAFE, &value))
            .unwrap_or(value)),
    }
}

fn decoded(alphabet: &alphabet::Alphabet, value: &SecretBytes) -> Result<SecretBytes> {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
    let text: Vec<u8> =
        value.expose().iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let text = zeroize::Zeroizing::new(text);
    let bytes = GeneralPurpose::new(alphabet, config).decode(text.as_slice()).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => text.len(),
        };
        Error::new(Kind::Invalid, format!("illegal base64 data at input byte {at}"))
    })?;
    Ok(SecretBytes::new(bytes))
}

/// Refuses values that hold a NUL byte (`nullBytePolicy: Fail`).
///
/// # Errors
/// `Invalid`, naming the key.
pub(super) fn refuse_null_bytes<'v>(
    values: impl IntoIterator<Item = (&'v String, &'v SecretBytes)>,
) -> Result<()> {
    match values.into_iter().find(|(_, value)| value.expose().contains(&0)) {
        None => Ok(()),
        Some((key, _)) => Err(Error::new(
            Kind::Invalid,
            format!(
                "fetched secret value for key {key:?} contains null bytes; use a text-safe format such as PEM/base64 or leave \
                 nullBytePolicy unset for intentional binary data"
            ),
        )),
    }
}
