//! The elliptic curves that Go's `crypto/x509` knows, but P-224.

use super::der::{self, Refused};
use super::random_bytes::Chance;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// A row a curve: the object identifier's content, the name in Go, the bytes of a number.
const CURVES: &[(Curve, &[u8], &str, usize)] = &[
    (Curve::P256, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "P256", 32),
    (Curve::P384, &[0x2b, 0x81, 4, 0, 0x22], "P384", 48),
    (Curve::P521, &[0x2b, 0x81, 4, 0, 0x23], "P521", 66),
];

/// The body, with `$c` as the crate of the curve.
macro_rules! on {
    ($curve:expr, $c:ident => $body:expr) => {
        match $curve {
            Curve::P256 => {
                use p256 as $c;
                $body
            }
            Curve::P384 => {
                use p384 as $c;
                $body
            }
            Curve::P521 => {
                use p521 as $c;
                $body
            }
        }
    };
}

impl Curve {
    pub(super) fn of_oid(oid: &[u8]) -> Option<Self> {
        CURVES.iter().find(|row| row.1 == oid).map(|row| row.0)
    }

    /// By its name in a JSON web key.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let plain = name.strip_prefix("P-")?;
        CURVES.iter().find(|row| &row.2[1..] == plain).map(|row| row.0)
    }

    fn row(self) -> &'static (Self, &'static [u8], &'static str, usize) {
        CURVES.iter().find(|row| row.0 == self).unwrap_or(&CURVES[0])
    }

    pub(super) fn oid(self) -> &'static [u8] {
        self.row().1
    }

    /// The bytes of a coordinate or of a private key.
    pub(super) fn size(self) -> usize {
        self.row().3
    }

    /// Whether a number without leading zeros has more bits than the curve's.
    pub(super) fn overflows(self, number: &[u8]) -> bool {
        let too_high = self == Self::P521 && number.first().is_some_and(|first| *first > 1);
        number.len() > self.size() || number.len() == self.size() && too_high
    }

    /// The uncompressed public point of a private key, if it is one.
    pub(super) fn public(self, scalar: &[u8]) -> Option<Vec<u8>> {
        on!(self, c => {
            let key = c::SecretKey::from_slice(scalar).ok()?;
            Some(key.public_key().to_sec1_bytes().into_vec())
        })
    }

    /// That an uncompressed point lies on the curve.
    pub(super) fn check(self, point: &[u8]) -> Result<(), Refused> {
        if point.first() != Some(&4) {
            return Err("ecdsa: invalid uncompressed public key".into());
        }
        if point.len() != 1 + 2 * self.size() {
            return Err(format!("invalid {} point encoding", self.row().2));
        }
        let valid = on!(self, c => c::PublicKey::from_sec1_bytes(point).is_ok());
        if valid { Ok(()) } else { Err(format!("{} point not on curve", self.row().2)) }
    }

    /// A new private key.
    pub(super) fn generate(self, chance: &mut Chance<'_, '_>) -> Vec<u8> {
        use p256::elliptic_curve::Generate;
        on!(self, c => c::SecretKey::generate_from_rng(chance).to_bytes().to_vec())
    }

    /// The signature of a message, in DER, with the digest that Go takes for the curve.
    pub(super) fn sign(self, scalar: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let signature = on!(self, c => {
            use c::ecdsa::signature::Signer;
            let key = c::ecdsa::SigningKey::from_slice(scalar).ok()?;
            let signature: c::ecdsa::Signature = key.try_sign(message).ok()?;
            signature.to_bytes().to_vec()
        });
        let (r, s) = signature.split_at(self.size());
        Some(der::sequence(&[&der::number(r), &der::number(s)]))
    }
}
