//! The alternative names of a certificate's subject.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::der::{Refused, implicit};
use super::name_constraints::is_domain;
use super::strict::Strict;
use super::url::{Url, quoted};
use super::x509::Objection;

pub(super) const EMAIL: u8 = implicit(1);
pub(super) const DNS: u8 = implicit(2);
pub(super) const URI: u8 = implicit(6);
pub(super) const ADDRESS: u8 = implicit(7);

/// Names which have been checked.
#[derive(Clone, Debug, Default)]
pub(super) struct AlternativeNames {
    /// Their elements in DER.
    der: Vec<u8>,
    pub(super) count: usize,
}

impl AlternativeNames {
    /// Checks the names without making them: two bytes make a name, which takes many more.
    pub(super) fn read(mut value: Strict<'_>) -> Result<Self, Objection> {
        let mut fields = value.sequence().ok_or("x509: invalid subject alternative names")?;
        let (der, mut count) = (fields.rest().to_vec(), 0);
        while !fields.is_empty() {
            count += 1;
            let name = fields.any().ok_or("x509: invalid subject alternative name")?;
            match name.tag {
                EMAIL => check_letters("rfc822Name", name.content)?,
                DNS => check_letters("dNSName", name.content)?,
                URI => check_uri(name.content)?,
                ADDRESS => {
                    address(name.content)?;
                }
                _ => {}
            }
        }
        Ok(Self { der, count })
    }

    /// The names of one kind.
    pub(super) fn of(&self, kind: u8) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        let mut fields = Strict::new(&self.der);
        while let Some(name) = fields.any() {
            if name.tag != kind {
                continue;
            }
            names.push(match kind {
                ADDRESS => {
                    address(name.content).map(|address| address.to_string().into_bytes()).unwrap_or_default()
                }
                URI => Url::parse(name.content).map(|url| url.joined()).unwrap_or_default(),
                _ => name.content.to_vec(),
            });
        }
        names
    }
}

fn check_letters(kind: &str, name: &[u8]) -> Result<(), Refused> {
    if name.is_ascii() { Ok(()) } else { Err(format!("x509: SAN {kind} is malformed")) }
}

fn check_uri(name: &[u8]) -> Result<(), Objection> {
    check_letters("uniformResourceIdentifier", name)?;
    let why = match Url::parse(name) {
        Err(why) => why,
        Ok(url) if !is_domain(&url.host, false) => "invalid domain".to_owned(),
        Ok(_) => return Ok(()),
    };
    Err(Objection::showing(name, format!("x509: cannot parse URI {}: {why}", quoted(name))))
}

fn address(bytes: &[u8]) -> Result<IpAddr, Refused> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(four).into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes);
    let sixteen = sixteen.map_err(|_| format!("x509: cannot parse IP address of length {}", bytes.len()))?;
    Ok(IpAddr::from(Ipv6Addr::from(sixteen)).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::super::der;
    use super::*;

    fn read(tag: u8, name: &[u8]) -> Result<AlternativeNames, Objection> {
        AlternativeNames::read(Strict::new(&der::sequence(&[&der::element(tag, name)])))
    }

    #[test]
    fn each_name_is_counted_before_it_is_made() {
        let names = AlternativeNames::read(Strict::new(&der::sequence(&[&[0x82, 0].repeat(1000)]))).unwrap();
        assert_eq!((names.count, names.of(DNS).len(), names.of(EMAIL).len()), (1000, 1000, 0));
    }

    #[test]
    fn a_uri_is_printed_as_go_prints_it() {
        for (uri, want) in [
            ("HTTP://x/", "http://x/"),
            ("http://x/a b%20%41/?", "http://x/a%20b%20A/?"),
            ("http://x/%41!", "http://x/%41!"),
            ("a:/b#c%41", "a:/b#c%41"),
            ("urn:a b", "urn:a b"),
            ("//x", "//x"),
            ("", ""),
        ] {
            let names = read(URI, uri.as_bytes()).unwrap().of(URI);
            assert_eq!(names, [want.as_bytes()], "{uri}");
        }
    }

    #[test]
    fn what_is_quoted_of_a_uri_is_told() {
        let refused = read(URI, b"http://secret./").unwrap_err();
        assert_eq!(refused.text, r#"x509: cannot parse URI "http://secret./": invalid domain"#);
        assert_eq!(refused.shown.as_deref(), Some(&b"http://secret./"[..]));
        assert_eq!(read(URI, b"\xff").unwrap_err().text, "x509: SAN uniformResourceIdentifier is malformed");
    }
}
