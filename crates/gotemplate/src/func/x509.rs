//! Certificates, read as Go's `crypto/x509` reads them, with its error texts.

use std::collections::HashSet;

use super::alternative_names::AlternativeNames;
use super::civil::days_of_month;
use super::der::{self, Element, Refused, SEQUENCE, context, implicit};
use super::distinguished_name::DistinguishedName;
use super::strict::Strict;
use super::x509_extension::Extension;
use super::{pem, x509_key};
use crate::run::Run;
use crate::value::Value;

/// What is asked of a certificate.
#[derive(Clone, Debug, Default)]
pub(super) struct Certificate {
    /// All of it, in DER.
    pub(super) raw: Vec<u8>,
    /// The subject, in DER.
    pub(super) subject: Vec<u8>,
    /// The content of the public key's bit string.
    pub(super) public_key: Vec<u8>,
    pub(super) subject_key_id: Vec<u8>,
    /// Empty is another one than none.
    pub(super) authority_key_id: Option<Vec<u8>>,
    pub(super) names: AlternativeNames,
}

/// Why bytes are no certificate: Go's text, and what of the certificate it shows.
#[derive(Debug, PartialEq)]
pub(super) struct Objection {
    pub(super) text: Refused,
    pub(super) shown: Option<Vec<u8>>,
}

impl Objection {
    pub(super) fn showing(shown: &[u8], text: Refused) -> Self {
        Self { text, shown: Some(shown.to_vec()) }
    }

    /// The text, once the run knows what it shows.
    fn told(self, run: &mut Run<'_>) -> Refused {
        if let Some(shown) = self.shown {
            run.conceal(Value::str(shown));
        }
        self.text
    }
}

impl From<Refused> for Objection {
    fn from(text: Refused) -> Self {
        Self { text, shown: None }
    }
}

impl From<&str> for Objection {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Certificate {
    /// `x509.ParseCertificate`.
    pub(super) fn parse(run: &mut Run<'_>, der: &[u8]) -> Result<Self, Refused> {
        let certificate = Self::first(run, der)?;
        if certificate.raw.len() == der.len() { Ok(certificate) } else { Err("x509: trailing data".into()) }
    }

    /// The certificate that the bytes begin with.
    pub(super) fn first(run: &mut Run<'_>, der: &[u8]) -> Result<Self, Refused> {
        Self::read(der).map_err(|objection| objection.told(run))
    }

    fn read(der: &[u8]) -> Result<Self, Objection> {
        let outer = Strict::new(der).element(SEQUENCE).ok_or("x509: malformed certificate")?;
        let mut fields = Strict::new(outer.content);
        let mut body = fields.sequence().ok_or("x509: malformed tbs certificate")?;
        let version = version(&mut body)?;
        serial_number(&mut body)?;
        signature_algorithm(&mut body, &mut fields)?;
        name(&mut body)?;
        validity(body.sequence().ok_or("x509: malformed validity")?)?;
        let subject = name(&mut body)?;
        let public_key = x509_key::read(&mut body)?;
        let mut certificate = Self {
            raw: outer.whole.to_vec(),
            subject: subject.whole.to_vec(),
            public_key: public_key.to_vec(),
            ..Self::default()
        };
        if version > 0 {
            certificate.read_rest(&mut body, version)?;
        }
        fields.bits().ok_or("x509: malformed signature")?;
        Ok(certificate)
    }

    /// What versions 2 and 3 may add.
    fn read_rest(&mut self, body: &mut Strict<'_>, version: i64) -> Result<(), Objection> {
        body.optional(implicit(1)).ok_or("x509: malformed issuerUniqueID")?;
        body.optional(implicit(2)).ok_or("x509: malformed subjectUniqueID")?;
        if version < 2 {
            return Ok(());
        }
        let malformed = "x509: malformed extensions";
        let Some(mut list) = body.optional(context(3)).ok_or(malformed)? else { return Ok(()) };
        let mut list = list.sequence().ok_or(malformed)?;
        let mut extensions: Vec<Extension<'_>> = Vec::new();
        let mut seen = HashSet::new();
        while !list.is_empty() {
            let extension = Extension::read(list.sequence().ok_or("x509: malformed extension")?)?;
            if !seen.insert(extension.oid) {
                let oid = der::dotted(extension.oid)?;
                let text = format!("x509: certificate contains duplicate extension with OID {oid:?}");
                return Err(Objection::showing(oid.as_bytes(), text));
            }
            extensions.push(extension);
        }
        extensions.iter().try_for_each(|extension| extension.put_into(self))
    }

    /// Whether it names no other as its authority.
    pub(super) fn is_self_issued(&self) -> bool {
        self.authority_key_id.as_ref().is_none_or(|id| *id == self.subject_key_id)
    }

    /// The text of PEM.
    pub(super) fn to_pem(&self) -> Vec<u8> {
        pem::encode("CERTIFICATE", self.raw.clone())
    }

    /// The subject as Go prints it.
    pub(super) fn subject_text(&self) -> String {
        let subject = Strict::new(&self.subject).sequence();
        let subject = subject.and_then(|subject| DistinguishedName::read(subject).ok());
        subject.map(|name| name.text()).unwrap_or_default()
    }
}

fn version(body: &mut Strict<'_>) -> Result<i64, Refused> {
    let malformed = "x509: malformed version";
    let Some(mut version) = body.optional(context(0)).ok_or(malformed)? else { return Ok(0) };
    let number = version.int().filter(|number| *number >= 0 && version.is_empty()).ok_or(malformed)?;
    if number > 2 { Err("x509: invalid version".into()) } else { Ok(number) }
}

fn serial_number(body: &mut Strict<'_>) -> Result<(), Refused> {
    let number = body.number().ok_or("x509: malformed serial number")?;
    if number.is_negative() { Err("x509: negative serial number".into()) } else { Ok(()) }
}

/// It stands twice.
fn signature_algorithm(body: &mut Strict<'_>, fields: &mut Strict<'_>) -> Result<(), Refused> {
    let inner = body.sequence().ok_or("x509: malformed signature algorithm identifier")?;
    let outer = fields.sequence().ok_or("x509: malformed algorithm identifier")?;
    if inner.rest() != outer.rest() {
        return Err("x509: inner and outer signature algorithm identifiers don't match".into());
    }
    algorithm(inner).map(|_| ())
}

pub(super) fn algorithm(mut fields: Strict<'_>) -> Result<der::Algorithm<'_>, Refused> {
    let oid = fields.oid().ok_or("x509: malformed OID")?;
    if fields.is_empty() {
        return Ok((oid, None));
    }
    let parameters = fields.any().ok_or("x509: malformed parameters")?;
    Ok((oid, Some(parameters)))
}

/// The issuer or the subject; Go calls both the issuer.
fn name<'a>(body: &mut Strict<'a>) -> Result<Element<'a>, Refused> {
    let name = body.element(SEQUENCE).ok_or("x509: malformed issuer")?;
    DistinguishedName::read(Strict::new(name.content))?;
    Ok(name)
}

fn validity(mut fields: Strict<'_>) -> Result<(), Refused> {
    const UTC: u8 = 0x17;
    const GENERALIZED: u8 = 0x18;
    for _ in 0..2 {
        let (tag, name, digits_of_year) = match fields.rest().first() {
            Some(&UTC) => (UTC, "UTCTime", 2),
            Some(&GENERALIZED) => (GENERALIZED, "GeneralizedTime", 4),
            _ => return Err("x509: unsupported time format".into()),
        };
        let time = fields.element(tag).filter(|time| is_time(time.content, digits_of_year));
        time.ok_or_else(|| format!("x509: malformed {name}"))?;
    }
    Ok(())
}

/// Whether Go reads a time and prints it as it was: digits, and a zone. A time with two digits of the year may do without
/// its seconds.
fn is_time(text: &[u8], digits_of_year: usize) -> bool {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, zone) = text.split_at(end);
    let (year, rest) = digits.split_at(digits_of_year.min(digits.len()));
    let year = match (digits_of_year, number(year)) {
        (2, year @ 69..) => 1900 + year,
        (2, year) => 2000 + year,
        (_, year) => year,
    };
    let numbers: Vec<i64> = rest.chunks(2).map(number).collect();
    let (month, day, hour, minute, second) = match (rest.len(), &*numbers) {
        (10, [month, day, hour, minute, second]) => (month, day, hour, minute, *second),
        (8, [month, day, hour, minute]) if digits_of_year == 2 => (month, day, hour, minute, 0),
        _ => return false,
    };
    let is_date = (1..=12).contains(month) && (1..=days_of_month(year, *month)).contains(day);
    is_date && *hour < 24 && *minute < 60 && second < 60 && is_zone(zone)
}

/// The number that digits are.
fn number(digits: &[u8]) -> i64 {
    digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}

/// A zone as Go prints it: one without an offset is `Z`.
fn is_zone(text: &[u8]) -> bool {
    let offset = match text {
        b"Z" => return true,
        [b'+' | b'-', offset @ ..] => offset,
        _ => return false,
    };
    if offset.len() != 4 || !offset.iter().all(u8::is_ascii_digit) || offset == b"0000" {
        return false;
    }
    let (hours, minutes) = offset.split_at(2);
    number(hours) <= 24 && number(minutes) < 60
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_that_go_prints_again() {
        for time in
            ["260101120000Z", "2601011200Z", "260228235959+0100", "000229000000-2459", "680229000000Z"]
        {
            assert!(is_time(time.as_bytes(), 2), "{time}");
        }
        for time in ["20260101120000Z", "00000229000000Z", "99991231235959+2400"] {
            assert!(is_time(time.as_bytes(), 4), "{time}");
        }
        let refused = [
            "",
            "Z",
            "26",
            "260101120000",
            "260230120000Z",
            "260001120000Z",
            "261301120000Z",
            "260100120000Z",
            "260101240000Z",
            "260101126000Z",
            "260101120060Z",
            "260101120000+0000",
            "260101120000+0060",
            "260101120000+2500",
            "260101120000.5Z",
            "26010112000Z",
            "260101120000z",
            "260101120000Z ",
        ];
        for time in refused {
            assert!(!is_time(time.as_bytes(), 2), "{time}");
        }
        assert!(!is_time(b"202601011200Z", 4) && !is_time(b"20230229120000Z", 4));
    }

    #[test]
    fn a_version_is_a_number_and_nothing_else() {
        let version = |der: &[u8]| version(&mut Strict::new(der));
        assert_eq!((version(&[2, 1, 5]), version(&[0xa0, 3, 2, 1, 2])), (Ok(0), Ok(2)));
        for der in [&[0xa0, 4, 2, 1, 2, 0][..], &[0xa0, 3, 2, 1, 0xff], &[0xa0, 0], &[0xa0, 3, 4, 1, 2]] {
            assert_eq!(version(der).unwrap_err(), "x509: malformed version");
        }
        assert_eq!(version(&[0xa0, 3, 2, 1, 3]).unwrap_err(), "x509: invalid version");
    }
}
