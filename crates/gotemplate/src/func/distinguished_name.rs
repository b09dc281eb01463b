//! Distinguished names: who a certificate is for, and who issued it.

use super::der::{self, BMP, Element, PRINTABLE, Refused, SET, UTF8};
use super::encoding::hex;
use super::strict::Strict;

/// A distinguished name: for each attribute the content of its identifier and its text.
#[derive(Clone, Debug, Default)]
pub(super) struct DistinguishedName(Vec<(Vec<u8>, String)>);

/// The attributes that have names, in the order in which Go prints them from the end.
const ATTRIBUTES: &[(u8, &str)] = &[
    (6, "C"),
    (8, "ST"),
    (7, "L"),
    (9, "STREET"),
    (17, "POSTALCODE"),
    (10, "O"),
    (11, "OU"),
    (3, "CN"),
    (5, "SERIALNUMBER"),
];

/// Of these only the last counts.
const SINGLE: &[&str] = &["CN", "SERIALNUMBER"];

impl DistinguishedName {
    /// What stands within its sequence.
    pub(super) fn read(mut sets: Strict<'_>) -> Result<Self, Refused> {
        let invalid = "x509: invalid RDNSequence";
        let mut attributes = Vec::new();
        while !sets.is_empty() {
            let mut set = sets.inside(SET).ok_or(invalid)?;
            while !set.is_empty() {
                let mut attribute = set.sequence().ok_or_else(|| format!("{invalid}: invalid attribute"))?;
                let kind = attribute.oid().ok_or_else(|| format!("{invalid}: invalid attribute type"))?;
                let refused = format!("{invalid}: invalid attribute value");
                let value = attribute.any().ok_or_else(|| refused.clone())?;
                let text = text(value).map_err(|reason| format!("{refused}: {reason}"))?;
                attributes.push((kind.to_vec(), text));
            }
        }
        Ok(Self(attributes))
    }

    /// `pkix.Name.String`.
    pub(super) fn text(&self) -> String {
        let known = |oid: &[u8]| match oid {
            [0x55, 4, number] => ATTRIBUTES.iter().find(|row| row.0 == *number),
            _ => None,
        };
        let mut parts: Vec<String> = Vec::new();
        for (oid, text) in self.0.iter().filter(|(oid, _)| known(oid).is_none()) {
            let value = der::element(if is_printable(text) { PRINTABLE } else { UTF8 }, text.as_bytes());
            parts.push(format!("{}=#{}", der::dotted(oid).unwrap_or_default(), hex(&value)));
        }
        for (number, name) in ATTRIBUTES {
            let same = self.0.iter().filter(|(oid, _)| **oid == [0x55, 4, *number]);
            let texts: Vec<_> = same.map(|(_, text)| format!("{name}={}", escaped(text))).collect();
            match texts.last() {
                None => {}
                Some(last) if SINGLE.contains(name) => parts.push(last.clone()),
                Some(_) => parts.push(texts.join("+")),
            }
        }
        parts.reverse();
        parts.join(",")
    }
}

/// Whether Go writes it as a `PrintableString`.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte))
}

fn escaped(text: &str) -> String {
    let last = text.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.char_indices() {
        let special = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => i == 0 || i == last,
            '#' => i == 0,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The text of a string of any of its types.
fn text(value: Element<'_>) -> Result<String, Refused> {
    const NUMERIC: u8 = 0x12;
    const T61: u8 = 0x14;
    const IA5: u8 = 0x16;
    let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(byte);
    let (valid, name) = match value.tag {
        T61 => return Ok(value.content.iter().map(|byte| char::from(*byte)).collect()),
        BMP => return bmp_text(value.content),
        PRINTABLE => (value.content.iter().all(printable), "PrintableString"),
        UTF8 => (std::str::from_utf8(value.content).is_ok(), "UTF-8 string"),
        IA5 => (value.content.is_ascii(), "IA5String"),
        NUMERIC => (value.content.iter().all(|byte| byte.is_ascii_digit() || *byte == b' '), "NumericString"),
        other => return Err(format!("unsupported string type: {other}")),
    };
    if valid {
        Ok(String::from_utf8_lossy(value.content).into_owned())
    } else {
        Err(format!("invalid {name}"))
    }
}

fn bmp_text(content: &[u8]) -> Result<String, Refused> {
    let invalid = "invalid BMPString";
    if !content.len().is_multiple_of(2) {
        return Err(invalid.into());
    }
    let content = content.strip_suffix(&[0, 0]).unwrap_or(content);
    let points = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let is_character = |point: u16| !matches!(point, 0xfffe | 0xffff | 0xfdd0..=0xfdef);
    let text: Option<String> =
        points.map(|point| char::from_u32(point.into()).filter(|_| is_character(point))).collect();
    text.ok_or_else(|| invalid.into())
}

#[cfg(test)]
mod tests {
    use super::super::der::OID;
    use super::*;

    fn attribute(number: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        let attribute = der::sequence(&[&der::element(OID, &[0x55, 4, number]), &der::element(tag, value)]);
        der::compound(SET, &[&attribute])
    }

    fn shown(attributes: &[Vec<u8>]) -> Result<String, Refused> {
        DistinguishedName::read(Strict::new(&attributes.concat())).map(|name| name.text())
    }

    #[test]
    fn names_are_printed_as_go_prints_them() {
        let country = attribute(6, PRINTABLE, b"DE");
        let (first, second) = (attribute(10, UTF8, "Ü, Ltd".as_bytes()), attribute(10, PRINTABLE, b" b "));
        let (title, name) = (attribute(12, PRINTABLE, b"Dr"), attribute(3, BMP, b"\0#\0x"));
        let shown = shown(&[name, title, first, country, second]).unwrap();
        assert_eq!(shown, "CN=\\#x,O=Ü\\, Ltd+O=\\ b\\ ,C=DE,2.5.4.12=#13024472");
    }

    #[test]
    fn names_of_wrong_characters_are_refused() {
        let refused = |tag, value: &[u8]| shown(&[attribute(3, tag, value)]).unwrap_err();
        let start = "x509: invalid RDNSequence: invalid attribute value: ";
        assert_eq!(refused(PRINTABLE, b"@"), format!("{start}invalid PrintableString"));
        assert_eq!(refused(UTF8, b"\xff"), format!("{start}invalid UTF-8 string"));
        assert_eq!(refused(BMP, b"a"), format!("{start}invalid BMPString"));
        assert_eq!(refused(SET, b""), format!("{start}unsupported string type: 49"));
    }
}
