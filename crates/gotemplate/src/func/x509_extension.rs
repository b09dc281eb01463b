//! The extensions of certificates. All that Go knows are read, and few of them kept.

use std::collections::HashSet;

use super::alternative_names::AlternativeNames;
use super::der::{OID, Refused, context, implicit};
use super::name_constraints;
use super::strict::Strict;
use super::x509::{Certificate, Objection};

/// `id-ce`: RFC 5280, section 4.2.1.
const STANDARD: &[u8] = &[0x55, 0x1d];
/// `id-pe-authorityInfoAccess`: RFC 5280, section 4.2.2.1.
const AUTHORITY_ACCESS: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1, 1];
/// A name that is a URI.
const URI: u8 = implicit(6);

pub(super) struct Extension<'a> {
    /// The content of its identifier.
    pub(super) oid: &'a [u8],
    is_critical: bool,
    value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(super) fn read(mut fields: Strict<'a>) -> Result<Self, Refused> {
        let oid = fields.oid().ok_or("x509: malformed extension OID field")?;
        let is_critical = fields.boolean().ok_or("x509: malformed extension critical field")?;
        let value = fields.octets().ok_or("x509: malformed extension value field")?;
        Ok(Self { oid, is_critical, value })
    }

    /// Puts what it says into the certificate.
    pub(super) fn put_into(&self, certificate: &mut Certificate) -> Result<(), Objection> {
        if self.oid == AUTHORITY_ACCESS {
            self.may_not_be_critical("authority info access")?;
            return Ok(authority_access(self.value).ok_or("x509: invalid authority info access")?);
        }
        let Some([number]) = self.oid.strip_prefix(STANDARD) else { return Ok(()) };
        let mut value = Strict::new(self.value);
        match number {
            14 => {
                self.may_not_be_critical("subject key identifier")?;
                let id = value.octets().ok_or("x509: invalid subject key identifier")?;
                certificate.subject_key_id = id.to_vec();
            }
            17 => certificate.names = AlternativeNames::read(value)?,
            30 => name_constraints::check(value)?,
            31 => distribution_points(value)?,
            35 => {
                self.may_not_be_critical("authority key identifier")?;
                let id = authority_key_id(value).ok_or("x509: invalid authority key identifier")?;
                certificate.authority_key_id = id.map(<[u8]>::to_vec);
            }
            other => check(*other, value)?,
        }
        Ok(())
    }

    fn may_not_be_critical(&self, name: &str) -> Result<(), Refused> {
        match self.is_critical {
            true => Err(format!("x509: {name} incorrectly marked critical")),
            false => Ok(()),
        }
    }
}

/// Checks an extension of which nothing is kept.
fn check(number: u8, mut value: Strict<'_>) -> Result<(), Refused> {
    let (read, what) = match number {
        15 => (value.bits().map(|_| ()), "key usage"),
        19 => (basic_constraints(value), "basic constraints"),
        32 => (policies(value), "certificate policies"),
        33 => (policy_mappings(value), "policy mappings extension"),
        36 => (policy_constraints(value), "policy constraints extension"),
        37 => (key_usages(value), "extended key usages"),
        54 => (value.int().map(|_| ()), "inhibit any policy extension"),
        _ => return Ok(()),
    };
    read.ok_or_else(|| format!("x509: invalid {what}"))
}

fn basic_constraints(mut value: Strict<'_>) -> Option<()> {
    const INTEGER: u8 = 2;
    let mut fields = value.sequence()?;
    fields.boolean()?;
    if fields.is_next(INTEGER) {
        fields.int().filter(|length| *length >= 0)?;
    }
    Some(())
}

fn key_usages(mut value: Strict<'_>) -> Option<()> {
    let mut usages = value.sequence()?;
    while !usages.is_empty() {
        usages.oid()?;
    }
    Some(())
}

/// None may stand twice.
fn policies(mut value: Strict<'_>) -> Option<()> {
    let mut policies = value.sequence()?;
    let mut seen = HashSet::new();
    while !policies.is_empty() {
        let oid = policies.sequence()?.element(OID)?.content;
        if !seen.insert(oid) || !is_identifier(oid) {
            return None;
        }
    }
    Some(())
}

/// Whether the numbers of an identifier end, and do not begin with zeros; they may be of any size.
fn is_identifier(content: &[u8]) -> bool {
    let mut is_start = true;
    for byte in content {
        if is_start && *byte == 0x80 {
            return false;
        }
        is_start = byte & 0x80 == 0;
    }
    is_start && !content.is_empty()
}

fn policy_mappings(mut value: Strict<'_>) -> Option<()> {
    let mut mappings = value.sequence()?;
    while !mappings.is_empty() {
        let mut mapping = mappings.sequence()?;
        mapping.element(OID)?;
        mapping.element(OID)?;
    }
    Some(())
}

fn policy_constraints(mut value: Strict<'_>) -> Option<()> {
    let mut fields = value.sequence()?;
    for tag in [implicit(0), implicit(1)] {
        if fields.is_next(tag) {
            fields.int_of(tag)?;
        }
    }
    Some(())
}

fn authority_key_id(mut value: Strict<'_>) -> Option<Option<&[u8]>> {
    let id = value.sequence()?.optional(implicit(0))?;
    Some(id.map(Strict::rest))
}

fn authority_access(value: &[u8]) -> Option<()> {
    let mut list = Strict::new(value).sequence()?;
    while !list.is_empty() {
        let mut access = list.sequence()?;
        access.oid()?;
        access.optional(URI)?;
    }
    Some(())
}

fn distribution_points(mut value: Strict<'_>) -> Result<(), Refused> {
    let mut points = value.sequence().ok_or("x509: invalid CRL distribution points")?;
    while !points.is_empty() {
        distribution_point(&mut points).ok_or("x509: invalid CRL distribution point")?;
    }
    Ok(())
}

/// Of its names only the URIs at the beginning are read.
fn distribution_point(points: &mut Strict<'_>) -> Option<()> {
    let mut point = points.sequence()?;
    let Some(mut name) = point.optional(context(0))? else { return Some(()) };
    let mut names = name.inside(context(0))?;
    while names.is_next(URI) {
        names.element(URI)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::der;
    use super::*;

    fn put(oid: &[u8], is_critical: bool, value: &[u8]) -> Result<Certificate, Refused> {
        let mut certificate = Certificate::default();
        let put = Extension { oid, is_critical, value }.put_into(&mut certificate);
        put.map(|()| certificate).map_err(|objection| objection.text)
    }

    #[test]
    fn an_empty_key_id_of_the_authority_is_not_none() {
        let id = |value: &[u8]| put(&[0x55, 0x1d, 35], false, value).map(|read| read.authority_key_id);
        assert_eq!(id(&[0x30, 2, 0x80, 0]), Ok(Some(vec![])));
        assert_eq!((id(&[0x30, 0]), id(&[0x30, 3, 0x80, 1, 7])), (Ok(None), Ok(Some(vec![7]))));
        assert_eq!(id(&[0x30, 2, 0x80]).unwrap_err(), "x509: invalid authority key identifier");
    }

    #[test]
    fn some_may_not_be_critical() {
        let refused = |oid: &[u8]| put(oid, true, &[]).unwrap_err();
        assert_eq!(refused(&[0x55, 0x1d, 14]), "x509: subject key identifier incorrectly marked critical");
        assert_eq!(refused(AUTHORITY_ACCESS), "x509: authority info access incorrectly marked critical");
    }

    #[test]
    fn policies_have_identifiers_of_any_size_and_stand_once() {
        let read = |oids: &[&[u8]]| {
            let list: Vec<_> = oids.iter().map(|oid| der::sequence(&[&der::element(OID, oid)])).collect();
            policies(Strict::new(&der::sequence(&[&list.concat()]))).is_some()
        };
        assert!(
            read(&[]) && read(&[&[0x2a, 3], &[0x2a, 4]]) && read(&[&[0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]])
        );
        assert!(
            !read(&[&[0x2a, 3], &[0x2a, 3]])
                && !read(&[&[]])
                && !read(&[&[0x2a, 0x80, 1]])
                && !read(&[&[0x81]])
        );
    }
}
