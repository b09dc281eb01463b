//! Writing DER.

use super::der::{BIT_STRING, INTEGER, OID, SEQUENCE, trimmed};

/// An element with this content.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    if let Some(short) = u8::try_from(length).ok().filter(|short| *short < 0x80) {
        out.push(short);
    } else {
        let bytes = length.to_be_bytes();
        let bytes = trimmed(&bytes);
        out.push(0x80 | bytes.len() as u8);
        out.extend(bytes);
    }
    out.extend(content);
    out
}

/// An element of these elements.
pub(super) fn compound(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    element(tag, &parts.concat())
}

/// A sequence of these elements.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    compound(SEQUENCE, parts)
}

/// A number that is not negative, big-endian.
pub(super) fn number(magnitude: &[u8]) -> Vec<u8> {
    let magnitude = trimmed(magnitude);
    match magnitude.first() {
        Some(first) if first & 0x80 == 0 => element(INTEGER, magnitude),
        _ => element(INTEGER, &[&[0], magnitude].concat()),
    }
}

/// A Go `int`.
pub(super) fn int(number: i64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let is_superfluous = |pair: &[u8]| matches!(pair, [0, 0..=0x7f] | [0xff, 0x80..=0xff]);
    let extra = bytes.windows(2).take_while(|pair| is_superfluous(pair)).count();
    element(INTEGER, &bytes[extra..])
}

/// A small number.
pub(super) fn small(number: u32) -> Vec<u8> {
    self::number(&number.to_be_bytes())
}

/// Bits, all eight of each byte used.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// An algorithm with these encoded parameters.
pub(super) fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    sequence(&[&element(OID, oid), parameters])
}
