//! The public keys of certificates, checked as Go checks them.

use super::curve::Curve;
use super::der::{self, Element, Refused};
use super::private_key::{EC, ED25519, RSA};
use super::strict::Strict;
use super::x509::algorithm;

/// Keys of `id-dsa`: RFC 3279, section 2.3.2.
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];

/// The content of the public key's bit string, after a look at the keys that are known.
pub(super) fn read<'a>(body: &mut Strict<'a>) -> Result<&'a [u8], Refused> {
    let mut info = body.sequence().ok_or("x509: malformed spki")?;
    let fields = info.sequence().ok_or("x509: malformed public key algorithm identifier")?;
    let (oid, parameters) = algorithm(fields)?;
    let (bits, unused) = info.bits().ok_or("x509: malformed subjectPublicKey")?;
    match oid {
        RSA if parameters.is_none_or(|parameters| parameters.whole != der::NULL) => {
            Err("x509: RSA key missing NULL parameters".into())
        }
        RSA => rsa(&right_aligned(bits, unused)).map(|()| bits),
        EC => {
            let name = parameters.and_then(|parameters| Strict::new(parameters.whole).oid());
            let curve = Curve::of_oid(name.ok_or("x509: invalid ECDSA parameters")?);
            let curve = curve.ok_or("x509: unsupported elliptic curve")?;
            curve.check(&right_aligned(bits, unused)).map(|()| bits)
        }
        DSA => dsa(&right_aligned(bits, unused), parameters).map(|()| bits),
        ED25519 if parameters.is_some() => Err("x509: Ed25519 key encoded with illegal parameters".into()),
        ED25519 if bits.len() != 32 => Err("x509: wrong Ed25519 public key size".into()),
        _ => Ok(bits),
    }
}

/// The bits moved to the end of their bytes.
fn right_aligned(bytes: &[u8], unused: u8) -> Vec<u8> {
    let before = std::iter::once(&0).chain(bytes);
    let both = before.zip(bytes).map(|(before, byte)| u16::from_be_bytes([*before, *byte]));
    both.map(|both| (both >> unused) as u8).collect()
}

fn dsa(bits: &[u8], parameters: Option<Element<'_>>) -> Result<(), Refused> {
    const INVALID: &str = "x509: invalid DSA parameters";
    let mut numbers = vec![Strict::new(bits).number().ok_or("x509: invalid DSA public key")?];
    let mut fields = parameters.and_then(|list| Strict::new(list.whole).sequence()).ok_or(INVALID)?;
    for _ in 0..3 {
        numbers.push(fields.number().ok_or(INVALID)?);
    }
    match numbers.iter().all(|number| number.is_positive()) {
        true => Ok(()),
        false => Err("x509: zero or negative DSA parameter".into()),
    }
}

fn rsa(bits: &[u8]) -> Result<(), Refused> {
    let mut fields = Strict::new(bits).sequence().ok_or("x509: invalid RSA public key")?;
    let modulus = fields.number().ok_or("x509: invalid RSA modulus")?;
    let exponent = fields.int().ok_or("x509: invalid RSA public exponent")?;
    if !modulus.is_positive() {
        return Err("x509: RSA modulus is not a positive number".into());
    }
    if exponent <= 0 {
        return Err("x509: RSA public exponent is not a positive number".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_moved_to_the_end_of_their_bytes() {
        assert_eq!(right_aligned(&[0b1010_0001, 0b1100_0000], 6), [0b10, 0b1000_0111]);
        assert_eq!((right_aligned(&[4, 5], 0), right_aligned(&[], 0)), (vec![4, 5], vec![]));
    }
}
