//! The names that an authority may give, which are checked and not kept.

use super::der::{context, implicit};
use super::encoding::hex;
use super::ip;
use super::strict::Strict;
use super::url::quoted;
use super::x509::Objection;

const EMAIL: u8 = implicit(1);
const DNS: u8 = implicit(2);
const URI: u8 = implicit(6);
const ADDRESS: u8 = implicit(7);

const INVALID: &str = "x509: invalid NameConstraints extension";

/// That Go takes them.
pub(super) fn check(value: Strict<'_>) -> Result<(), Objection> {
    let lists = lists(value).ok_or(INVALID)?;
    if lists.iter().all(|list| list.is_empty()) {
        return Err("x509: empty name constraints extension".into());
    }
    for mut list in lists {
        while !list.is_empty() {
            let name = list.sequence().and_then(|mut subtree| subtree.any()).ok_or(INVALID)?;
            check_name(name.tag, name.content)?;
        }
    }
    Ok(())
}

/// What is permitted, and what is excluded.
fn lists(mut value: Strict<'_>) -> Option<[Strict<'_>; 2]> {
    let mut fields = value.sequence().filter(|_| value.is_empty())?;
    let permitted = fields.optional(context(0))?.unwrap_or(Strict::new(&[]));
    let excluded = fields.optional(context(1))?.unwrap_or(Strict::new(&[]));
    fields.is_empty().then_some([permitted, excluded])
}

fn check_name(tag: u8, name: &[u8]) -> Result<(), Objection> {
    if tag == ADDRESS {
        return check_address(name);
    }
    if !matches!(tag, DNS | EMAIL | URI) {
        return Ok(());
    }
    let shown = quoted(name);
    if !name.is_ascii() {
        let text = format!("x509: invalid constraint value: x509: {shown} cannot be encoded as an IA5String");
        return Err(Objection::showing(name, text));
    }
    let (what, is_right) = match tag {
        DNS => ("dnsName", is_domain(name, true)),
        EMAIL if name.contains(&b'@') => ("rfc822Name", is_mailbox(name)),
        EMAIL => ("rfc822Name", is_domain(name, true)),
        _ if is_address(name) => {
            let text = format!("x509: failed to parse URI constraint {shown}: cannot be IP address");
            return Err(Objection::showing(name, text));
        }
        _ => ("URI", is_domain(name, true)),
    };
    if is_right {
        return Ok(());
    }
    Err(Objection::showing(name, format!("x509: failed to parse {what} constraint {shown}")))
}

/// An address and a mask of the same length.
fn check_address(bytes: &[u8]) -> Result<(), Objection> {
    if !matches!(bytes.len(), 8 | 32) {
        return Err(format!("x509: IP constraint contained value of length {}", bytes.len()).into());
    }
    let mask = &bytes[bytes.len() / 2..];
    let ones = mask.iter().take_while(|byte| **byte == 0xff).count();
    let mut rest = mask[ones..].iter();
    // The first byte that is not all ones ends them.
    let is_end = rest.next().is_none_or(|byte| byte.leading_ones() + byte.trailing_zeros() >= 8);
    if is_end && rest.all(|byte| *byte == 0) {
        return Ok(());
    }
    let mask = hex(mask);
    Err(Objection::showing(mask.as_bytes(), format!("x509: IP constraint contained invalid mask {mask}")))
}

/// What `net.ParseIP` reads: no zone.
fn is_address(text: &[u8]) -> bool {
    ip::parse(text).is_ok() && !text.contains(&b'%')
}

/// Whether Go takes a text for the name of a domain; one that a constraint names may begin with a dot.
pub(super) fn is_domain(name: &[u8], is_constraint: bool) -> bool {
    match name {
        [] => true,
        [.., b'.'] => false,
        [b'.', rest @ ..] if is_constraint => are_labels(rest),
        _ => are_labels(name),
    }
}

fn are_labels(name: &[u8]) -> bool {
    name.split(|byte| *byte == b'.').all(|label| !label.is_empty() && label.iter().all(u8::is_ascii_graphic))
}

/// Whether a text is a mailbox: RFC 2821, as Go reads it.
fn is_mailbox(text: &[u8]) -> bool {
    let domain = match text.strip_prefix(b"\"") {
        Some(quoted) => after_quoted(quoted),
        None => after_atoms(text),
    };
    let domain = domain.and_then(|rest| rest.strip_prefix(b"@"));
    domain.is_some_and(|domain| domain.is_empty() || are_labels(domain))
}

/// What follows the closing quote.
fn after_quoted(text: &[u8]) -> Option<&[u8]> {
    let is_text = |byte: u8| matches!(byte, 1..=9 | 11 | 12 | 14..=127);
    let mut bytes = text.iter();
    loop {
        match bytes.next()? {
            b'"' => return Some(bytes.as_slice()),
            b'\\' => {
                bytes.next().filter(|byte| is_text(**byte))?;
            }
            b'\t' => return None,
            byte if !is_text(*byte) => return None,
            _ => {}
        }
    }
}

/// What follows atoms with single dots between them. A backslash may stand before any character.
fn after_atoms(text: &[u8]) -> Option<&[u8]> {
    let is_atom = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    let (mut rest, mut local) = (text, Vec::new());
    while let [first, after @ ..] = rest {
        let (byte, after) = match first {
            b'\\' => after.split_first()?,
            byte if is_atom(*byte) => (byte, after),
            _ => break,
        };
        local.push(*byte);
        rest = after;
    }
    let is_right = !local.split(|byte| *byte == b'.').any(<[u8]>::is_empty);
    is_right.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::super::der;
    use super::*;

    #[test]
    fn domains_have_labels_between_their_dots() {
        for (name, is_name, is_constraint) in [
            ("", true, true),
            ("a.b", true, true),
            (".a", false, true),
            ("a.", false, false),
            (".", false, false),
            ("..a", false, false),
            ("a..b", false, false),
            ("a b", false, false),
            ("a:80", true, true),
        ] {
            let got = (is_domain(name.as_bytes(), false), is_domain(name.as_bytes(), true));
            assert_eq!(got, (is_name, is_constraint), "{name}");
        }
    }

    #[test]
    fn mailboxes_are_those_that_go_takes() {
        for name in ["a@b", "a.b@c.d", "\"a b\"@c", "\"\\\"\"@", "\"\"@a", "\\@@a", "a\\ b@c", "a@"] {
            assert!(is_mailbox(name.as_bytes()), "{name}");
        }
        for name in [
            "", "@a", ".a@b", "a.@b", "a..b@c", "a@b.", "a@.b", "a@b@c d", "\"a@b", "\"\t\"@a", "a\\",
            "\"a\\", "a b@c",
        ] {
            assert!(!is_mailbox(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn masks_are_ones_and_then_zeros() {
        let is_mask = |mask: [u8; 4]| check_address(&[&[10, 0, 0, 0], &mask[..]].concat()).is_ok();
        for mask in
            [[255, 255, 0, 0], [255, 240, 0, 0], [0; 4], [255; 4], [128, 0, 0, 0], [255, 255, 255, 254]]
        {
            assert!(is_mask(mask), "{mask:?}");
        }
        for mask in [[255, 0, 1, 0], [1, 0, 0, 0], [0xa0, 0, 0, 0], [255, 128, 128, 0]] {
            assert!(!is_mask(mask), "{mask:?}");
        }
        let refused = check_address(&[0, 0, 0, 0, 0xff, 0, 1, 0]).unwrap_err().text;
        assert_eq!(refused, "x509: IP constraint contained invalid mask ff000100");
    }

    #[test]
    fn there_is_at_least_one_constraint() {
        let list =
            |parts: &[u8]| check(Strict::new(&der::sequence(&[parts]))).map_err(|refused| refused.text);
        assert_eq!(list(&[]), Err("x509: empty name constraints extension".into()));
        assert_eq!(list(&[0xa0, 0, 0xa1, 0]), Err("x509: empty name constraints extension".into()));
        assert_eq!(list(&[0xa0, 5, 0x30, 3, 0x82, 1, b'a']), Ok(()));
        assert_eq!(
            list(&[0xa1, 5, 0x30, 3, 0x82, 1, b'.']),
            Err("x509: failed to parse dnsName constraint \".\"".into())
        );
        assert_eq!(list(&[0xa0, 2, 0x30, 0]), Err(INVALID.into()));
    }
}
