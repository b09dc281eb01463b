//! The elliptic curves that Go's `crypto/x509` knows.

use p256::elliptic_curve::{self, Generate};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::der::{self, Refused, trimmed};
use super::random_bytes::Chance;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P224,
    P256,
    P384,
    P521,
}

/// What is known of a curve.
struct Row {
    curve: Curve,
    /// The content of the object identifier.
    oid: &'static [u8],
    /// The name in Go.
    name: &'static str,
    /// What Go calls a coordinate that is no element of the field.
    element: &'static str,
    /// The bytes of a number.
    size: usize,
    /// The modulus of the field: SEC 2, section 2.
    field: &'static [u32],
}

const F: u32 = u32::MAX;

const CURVES: &[Row] = &[
    Row {
        curve: Curve::P224,
        oid: &[0x2b, 0x81, 4, 0, 0x21],
        name: "P224",
        element: "P224Element",
        size: 28,
        field: &[F, F, F, F, 0, 0, 1],
    },
    Row {
        curve: Curve::P256,
        oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        name: "P256",
        // Go's own arithmetic of this curve, as on amd64 and arm64.
        element: "P256 element",
        size: 32,
        field: &[F, 1, 0, 0, 0, F, F, F],
    },
    Row {
        curve: Curve::P384,
        oid: &[0x2b, 0x81, 4, 0, 0x22],
        name: "P384",
        element: "P384Element",
        size: 48,
        field: &[F, F, F, F, F, F, F, F - 1, F, 0, 0, F],
    },
    Row {
        curve: Curve::P521,
        oid: &[0x2b, 0x81, 4, 0, 0x23],
        name: "P521",
        element: "P521Element",
        size: 66,
        field: &[0x1ff, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F, F],
    },
];

/// The body, with `$c` as the crate of the curve.
macro_rules! on {
    ($curve:expr, $c:ident => $body:expr) => {
        match $curve {
            Curve::P224 => {
                use p224 as $c;
                $body
            }
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

/// How many points the curve of such a key has, big-endian.
fn order<C: elliptic_curve::Curve>(_: Option<elliptic_curve::SecretKey<C>>) -> Vec<u8> {
    use elliptic_curve::bigint::Encoding;
    C::ORDER.to_be_bytes().as_ref().to_vec()
}

impl Curve {
    pub(super) fn of_oid(oid: &[u8]) -> Option<Self> {
        CURVES.iter().find(|row| row.oid == oid).map(|row| row.curve)
    }

    /// By its name in a JSON web key, where there is no P-224.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let plain = name.strip_prefix("P-")?;
        let row = CURVES.iter().find(|row| &row.name[1..] == plain)?;
        Some(row.curve).filter(|curve| *curve != Self::P224)
    }

    fn row(self) -> &'static Row {
        CURVES.iter().find(|row| row.curve == self).unwrap_or(&CURVES[0])
    }

    pub(super) fn oid(self) -> &'static [u8] {
        self.row().oid
    }

    /// The bytes of a coordinate or of a private key.
    pub(super) fn size(self) -> usize {
        self.row().size
    }

    /// Whether a number without leading zeros has more bits than the curve's.
    pub(super) fn overflows(self, number: &[u8]) -> bool {
        let too_high = self == Self::P521 && number.first().is_some_and(|first| *first > 1);
        number.len() > self.size() || number.len() == self.size() && too_high
    }

    /// The uncompressed public point of a private key of the curve's size: `ecdsa.ParseRawPrivateKey`.
    pub(super) fn public(self, scalar: &[u8]) -> Result<Vec<u8>, Refused> {
        let point = on!(self, c => {
            c::SecretKey::from_slice(scalar).ok().map(|key| key.public_key().to_sec1_bytes().into_vec())
        });
        point.ok_or_else(|| match self.is_multiple_of_order(scalar) {
            // What it makes of the base point is the point at infinity.
            true => "ecdsa: invalid public key encoding".into(),
            false => "input overflows the modulus".into(),
        })
    }

    fn is_multiple_of_order(self, scalar: &[u8]) -> bool {
        use num_bigint::BigUint;
        let order = on!(self, c => order(None::<c::SecretKey>));
        BigUint::from_bytes_be(scalar) % BigUint::from_bytes_be(&order) == BigUint::ZERO
    }

    /// That an uncompressed point lies on the curve: `ecdsa.ParseUncompressedPublicKey`.
    pub(super) fn check(self, point: &[u8]) -> Result<(), Refused> {
        let row = self.row();
        let Some((4, coordinates)) = point.split_first() else {
            return Err("ecdsa: invalid uncompressed public key".into());
        };
        if coordinates.len() != 2 * row.size {
            return Err(format!("invalid {} point encoding", row.name));
        }
        let field: Vec<u8> = row.field.iter().flat_map(|word| word.to_be_bytes()).collect();
        if coordinates.chunks(row.size).any(|coordinate| coordinate >= trimmed(&field)) {
            return Err(format!("invalid {} encoding", row.element));
        }
        let valid = on!(self, c => c::PublicKey::from_sec1_bytes(point).is_ok());
        if valid { Ok(()) } else { Err(format!("{} point not on curve", row.name)) }
    }

    /// A new private key.
    pub(super) fn generate(self, chance: &mut Chance<'_, '_>) -> Vec<u8> {
        on!(self, c => c::SecretKey::generate_from_rng(chance).to_bytes().to_vec())
    }

    /// What the last part of the identifier of its signatures is: the algorithm with the digest that Go takes for it.
    pub(super) fn signature(self) -> u8 {
        match self {
            Self::P224 | Self::P256 => 2,
            Self::P384 => 3,
            Self::P521 => 4,
        }
    }

    fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::P224 | Self::P256 => Sha256::digest(message).to_vec(),
            Self::P384 => Sha384::digest(message).to_vec(),
            Self::P521 => Sha512::digest(message).to_vec(),
        }
    }

    /// The signature of a message, in DER, with the digest that Go takes for the curve.
    pub(super) fn sign(self, scalar: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        let digest = self.digest(message);
        let signature = on!(self, c => {
            use c::ecdsa::signature::hazmat::PrehashSigner;
            let key = c::ecdsa::SigningKey::from_slice(scalar).ok()?;
            let signature: c::ecdsa::Signature = key.sign_prehash(&digest).ok()?;
            signature.to_bytes().to_vec()
        });
        let (r, s) = signature.split_at(self.size());
        Some(der::sequence(&[&der::number(r), &der::number(s)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_of_the_digest_that_go_takes() {
        use p224::ecdsa::signature::hazmat::PrehashVerifier;
        let scalar = [7; 28];
        let signed = Curve::P224.sign(&scalar, b"message").unwrap();
        let mut fields = der::Reader::new(&signed).sequence("").unwrap();
        let [r, s] = [0; 2].map(|_| {
            let number = fields.number().unwrap().magnitude();
            [&vec![0; 28 - number.len()][..], number].concat()
        });
        let signature = p224::ecdsa::Signature::from_slice(&[r, s].concat()).unwrap();
        let point = Curve::P224.public(&scalar).unwrap();
        let key = p224::ecdsa::VerifyingKey::from_sec1_bytes(&point).unwrap();
        key.verify_prehash(&Sha256::digest(b"message"), &signature).unwrap();
    }

    #[test]
    fn what_is_no_number_of_the_curve_is_no_key() {
        for row in CURVES {
            let curve = row.curve;
            let order = on!(curve, c => order(None::<c::SecretKey>));
            let order = trimmed(&order);
            assert_eq!(order.len(), row.size);
            let infinity = "ecdsa: invalid public key encoding";
            assert_eq!(curve.public(order).unwrap_err(), infinity, "{curve:?}");
            assert_eq!(curve.public(&vec![0; row.size]).unwrap_err(), infinity, "{curve:?}");
            assert_eq!(
                curve.public(&vec![0xff; row.size]).unwrap_err(),
                "input overflows the modulus",
                "{curve:?}"
            );
        }
    }

    #[test]
    fn a_point_has_coordinates_in_the_field_and_lies_on_the_curve() {
        for row in CURVES {
            let (curve, name) = (row.curve, row.name);
            let field: Vec<u8> = row.field.iter().flat_map(|word| word.to_be_bytes()).collect();
            let field = trimmed(&field);
            assert_eq!(field.len(), row.size);
            let mut scalar = vec![0; row.size];
            scalar[row.size - 1] = 5;
            let point = curve.public(&scalar).unwrap();
            assert_eq!(curve.check(&point), Ok(()));
            let (x, y) = (&point[1..=row.size], &point[1 + row.size..]);
            let said = |x: &[u8], y: &[u8]| curve.check(&[&[4], x, y].concat()).unwrap_err();
            assert_eq!(said(x, x), format!("{name} point not on curve"));
            assert_eq!(said(field, y), format!("invalid {} encoding", row.element));
            assert_eq!(said(x, field), format!("invalid {} encoding", row.element));
            let mut last = field.to_vec();
            last[row.size - 1] -= 1;
            assert_eq!(said(x, &last), format!("{name} point not on curve"));
            assert_eq!(said(x, &y[1..]), format!("invalid {name} point encoding"));
            assert_eq!(curve.check(&[0]).unwrap_err(), "ecdsa: invalid uncompressed public key");
        }
    }

    #[test]
    fn web_keys_know_three_curves() {
        let known = ["P-224", "P-256", "P-384", "P-521", "P-", "256"].map(Curve::of_name);
        assert_eq!(known, [None, Some(Curve::P256), Some(Curve::P384), Some(Curve::P521), None, None]);
    }
}
