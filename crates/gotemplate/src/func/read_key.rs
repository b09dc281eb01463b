//! Reading private keys as Go's `crypto/x509` and sprig do, with their error texts. What reads one pays for it first.

use super::curve::Curve;
use super::der::{self, BIT_STRING, Element, Number, OID, Reader, Refused, SEQUENCE};
use super::pem;
use super::private_key::{EC, ED25519, EcKey, PrivateKey, RSA, X25519};
use super::rsa_key::RsaNumbers;
use crate::error::Fault;
use crate::run::Run;

/// The forms in which a key may stand in DER.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Pkcs1,
    Pkcs8,
    Ec,
}

impl Form {
    /// Whether bytes have this form, whatever they say.
    fn fits(self, der: &[u8]) -> bool {
        match self {
            Self::Pkcs1 => pkcs1_fields(der).is_ok(),
            Self::Pkcs8 => pkcs8_fields(der).is_ok(),
            Self::Ec => ec_fields(der).is_ok(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pkcs1 => "PKCS1",
            Self::Pkcs8 => "PKCS8",
            Self::Ec => "EC",
        }
    }
}

/// The advice to read it as one of these, if it is one.
fn advice(der: &[u8], others: [Form; 2]) -> Option<Refused> {
    let other = others.into_iter().find(|form| form.fits(der))?.name();
    Some(format!(
        "x509: failed to parse private key (use Parse{other}PrivateKey instead for this key format)"
    ))
}

/// What a key that was read turned out to be; a fault is a limit that was reached before.
pub(super) type Read = Result<Result<PrivateKey, Refused>, Fault>;

/// Pays for what is computed to see whether the numbers of a key fit each other.
fn pay(run: &mut Run<'_>, der: &[u8]) -> Result<(), Fault> {
    const STEPS_OF_CURVE: u64 = 200;
    let inner = pkcs8_fields(der).map_or(der, |fields| fields.key);
    run.spend(pkcs1_fields(inner).map_or(STEPS_OF_CURVE, |fields| fields.rsa().steps()))
}

/// What `x509` makes of a key in the text of PEM, by the kind of its block. The text of sprig.
pub(super) fn from_pem(run: &mut Run<'_>, text: &[u8]) -> Read {
    let Some((block, _)) = pem::decode(text) else { return Ok(Err("no PEM data in input".into())) };
    pay(run, &block.bytes)?;
    Ok(of_block(&block))
}

fn of_block(block: &pem::Block) -> Result<PrivateKey, Refused> {
    let kind = String::from_utf8_lossy(&block.kind).into_owned();
    if kind == "PRIVATE KEY" {
        return of_pkcs8(&block.bytes).map_err(|refused| format!("decoding PEM as PKCS#8: {refused}"));
    }
    let Some(kind) = kind.strip_suffix(" PRIVATE KEY") else {
        return Err(format!("no private key data in PEM block of type {kind}"));
    };
    let read = match kind {
        "RSA" => pkcs1(&block.bytes),
        "EC" => ec(None, &block.bytes),
        "DSA" => dsa(&block.bytes),
        _ => return Err(format!("invalid private key type {kind} PRIVATE KEY")),
    };
    read.map_err(|refused| format!("parsing {kind} private key from PEM: {refused}"))
}

/// A key in any of the forms.
pub(super) fn any(run: &mut Run<'_>, der: &[u8]) -> Read {
    pay(run, der)?;
    Ok(of_any(der))
}

fn of_any(der: &[u8]) -> Result<PrivateKey, Refused> {
    let readers = [pkcs1, of_pkcs8, |der: &[u8]| ec(None, der)];
    let key = readers.into_iter().find_map(|read| read(der).ok());
    key.ok_or_else(|| "unable to parse private key type".into())
}

struct Pkcs8<'a> {
    algorithm: &'a [u8],
    parameters: Option<Element<'a>>,
    key: &'a [u8],
}

fn pkcs8_fields(der: &[u8]) -> Result<Pkcs8<'_>, Refused> {
    let mut fields = Reader::new(der).sequence("pkcs8")?;
    fields.int()?;
    let (algorithm, parameters) = fields.algorithm()?;
    Ok(Pkcs8 { algorithm, parameters, key: fields.octets()? })
}

/// `x509.ParsePKCS8PrivateKey`.
pub(super) fn pkcs8(run: &mut Run<'_>, der: &[u8]) -> Read {
    pay(run, der)?;
    Ok(of_pkcs8(der))
}

fn of_pkcs8(der: &[u8]) -> Result<PrivateKey, Refused> {
    let fields =
        pkcs8_fields(der).map_err(|refused| advice(der, [Form::Ec, Form::Pkcs1]).unwrap_or(refused))?;
    let embedded = |kind: &str, refused: &str| {
        format!("x509: failed to parse {kind} private key embedded in PKCS#8: {refused}")
    };
    match fields.algorithm {
        RSA => pkcs1(fields.key).map_err(|refused| embedded("RSA", &refused)),
        EC => {
            let curve = fields.parameters.filter(|parameters| parameters.tag == OID);
            ec(curve.map(|curve| curve.content), fields.key).map_err(|refused| embedded("EC", &refused))
        }
        ED25519 => seed("Ed25519", &fields).map(PrivateKey::Ed25519),
        X25519 => seed("X25519", &fields).map(PrivateKey::X25519),
        other => Err(format!(
            "x509: PKCS#8 wrapping contained private key with unknown algorithm: {}",
            der::dotted(other)?
        )),
    }
}

fn seed(kind: &str, fields: &Pkcs8<'_>) -> Result<[u8; 32], Refused> {
    if fields.parameters.is_some() {
        return Err(format!("x509: invalid {kind} private key parameters"));
    }
    let octets = Reader::new(fields.key).octets();
    let octets = octets.map_err(|refused| format!("x509: invalid {kind} private key: {refused}"))?;
    octets.try_into().map_err(|_| match kind {
        "X25519" => "crypto/ecdh: invalid private key size".into(),
        _ => format!("x509: invalid {kind} private key length: {}", octets.len()),
    })
}

struct Pkcs1<'a> {
    /// Whether nothing follows it.
    is_all: bool,
    version: i64,
    exponent: i64,
    /// Modulus, private exponent, the first two primes, and the remainders if they are there.
    numbers: Vec<Number<'a>>,
    /// The primes after the second.
    further: Vec<Number<'a>>,
}

impl<'a> Pkcs1<'a> {
    fn rsa(&self) -> RsaNumbers<'a> {
        let number = |i: usize| self.numbers.get(i).map(|number| number.magnitude()).unwrap_or_default();
        let [n, d, p, q] = [0, 1, 2, 3].map(number);
        let primes = [p, q].into_iter().chain(self.further.iter().map(|prime| prime.magnitude())).collect();
        let remainders = (self.numbers.len() == 7).then(|| [4, 5, 6].map(number));
        RsaNumbers { n, e: self.exponent, d, primes, remainders }
    }
}

fn pkcs1_fields(der: &[u8]) -> Result<Pkcs1<'_>, Refused> {
    let mut outer = Reader::new(der);
    let mut fields = outer.sequence("pkcs1PrivateKey")?;
    let version = fields.int()?;
    let mut numbers = vec![fields.number()?];
    let exponent = fields.int()?;
    for _ in 0..3 {
        numbers.push(fields.number()?);
    }
    while numbers.len() < 7 && fields.peek() == Some(der::INTEGER) {
        numbers.push(fields.number()?);
    }
    let further = match fields.optional(SEQUENCE)? {
        Some(further) => further_primes(further.fields())?,
        None => Vec::new(),
    };
    Ok(Pkcs1 { is_all: outer.is_empty(), version, exponent, numbers, further })
}

/// The primes of a list of primes, each with two numbers, which are read but never looked at.
fn further_primes<'a>(list: Reader<'a>) -> Result<Vec<Number<'a>>, Refused> {
    let mut each = list;
    // All of the list is looked through before any of it is read.
    while !each.is_empty() {
        each.member(SEQUENCE)?;
    }
    let mut list = list;
    let mut primes = Vec::new();
    while !list.is_empty() {
        let mut fields = list.sequence("pkcs1AdditionalRSAPrime")?;
        primes.push(fields.number()?);
        fields.number()?;
        fields.number()?;
    }
    Ok(primes)
}

/// `x509.ParsePKCS1PrivateKey`.
fn pkcs1(der: &[u8]) -> Result<PrivateKey, Refused> {
    let fields =
        pkcs1_fields(der).map_err(|refused| advice(der, [Form::Ec, Form::Pkcs8]).unwrap_or(refused))?;
    if !fields.is_all {
        return Err("asn1: syntax error: trailing data".into());
    }
    if fields.version > 1 {
        return Err("x509: unsupported private key version".into());
    }
    if !fields.numbers.iter().all(|number| number.is_positive()) {
        return Err("x509: private key contains zero or negative value".into());
    }
    if !fields.further.iter().all(|prime| prime.is_positive()) {
        return Err("x509: private key contains zero or negative prime".into());
    }
    Ok(PrivateKey::Rsa(Box::new(fields.rsa().key()?)))
}

struct Ec<'a> {
    version: i64,
    scalar: &'a [u8],
    curve: Option<&'a [u8]>,
}

fn ec_fields(der: &[u8]) -> Result<Ec<'_>, Refused> {
    let mut fields = Reader::new(der).sequence("ecPrivateKey")?;
    let version = fields.int()?;
    let scalar = fields.octets()?;
    let curve = fields.explicit(0, OID)?.map(|curve| curve.content);
    curve.map(der::dotted).transpose()?;
    if let Some(point) = fields.explicit(1, BIT_STRING)? {
        point.bits()?;
    }
    Ok(Ec { version, scalar, curve })
}

/// `x509.ParseECPrivateKey`, with the curve from elsewhere if it is given.
fn ec(curve: Option<&[u8]>, der: &[u8]) -> Result<PrivateKey, Refused> {
    let fields = ec_fields(der).map_err(|refused| {
        let advice = advice(der, [Form::Pkcs8, Form::Pkcs1]);
        advice.unwrap_or_else(|| format!("x509: failed to parse EC private key: {refused}"))
    })?;
    if fields.version != 1 {
        return Err(format!("x509: unknown EC private key version {}", fields.version));
    }
    let curve = curve.or(fields.curve).and_then(Curve::of_oid).ok_or("x509: unknown elliptic curve")?;
    let extra = fields.scalar.len().saturating_sub(curve.size());
    let (zeros, scalar) = fields.scalar.split_at(extra);
    if zeros.iter().any(|byte| *byte != 0) {
        return Err("x509: invalid private key length".into());
    }
    let scalar = [&vec![0; curve.size() - scalar.len()][..], scalar].concat();
    let point = curve.public(&scalar)?;
    Ok(PrivateKey::Ec(EcKey { curve, scalar, point }))
}

/// sprig's own form of DSA keys.
fn dsa(der: &[u8]) -> Result<PrivateKey, Refused> {
    let mut fields = Reader::new(der).sequence("DSAKeyFormat")?;
    fields.int()?;
    let mut numbers = Vec::new();
    for _ in 0..5 {
        numbers.push(der::number(fields.number()?.magnitude()));
    }
    Ok(PrivateKey::Dsa(der::sequence(&[&der::small(0), &numbers.concat()])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Env, Limits};

    #[test]
    fn each_reader_gives_advice() {
        let ec_der = der::sequence(&[&der::small(1), &der::element(der::OCTETS, &[1; 32])]);
        let advised = |refused: Refused| refused.split_once("use ").unwrap().1[..18].to_string();
        assert_eq!(of_pkcs8(&ec_der).err().map(advised).unwrap(), "ParseECPrivateKey ");
        assert_eq!(pkcs1(&ec_der).err().map(advised).unwrap(), "ParseECPrivateKey ");
        let pkcs8_der = der::sequence(&[
            &der::small(0),
            &der::algorithm(ED25519, &[]),
            &der::element(der::OCTETS, &der::element(der::OCTETS, &[1; 32])),
        ]);
        assert_eq!(ec(None, &pkcs8_der).err().map(advised).unwrap(), "ParsePKCS8PrivateK");
        assert!(matches!(of_pkcs8(&pkcs8_der), Ok(PrivateKey::Ed25519(seed)) if seed == [1; 32]));
    }

    #[test]
    fn a_key_is_paid_for_before_it_is_read() {
        let long = der::number(&[0xff; 2048]);
        let key = der::sequence(&[&der::small(0), &long, &der::small(3), &long, &long, &long]);
        let wrapped = der::sequence(&[
            &der::small(0),
            &der::algorithm(RSA, der::NULL),
            &der::element(der::OCTETS, &key),
        ]);
        let limits = Limits { steps: 500_000, ..Limits::default() };
        let env = Env { limits, ..Env::default() };
        for der in [key, wrapped] {
            let text = pem::encode("PRIVATE KEY", der.clone());
            for read in [
                any(&mut Run::new(&env), &der),
                pkcs8(&mut Run::new(&env), &der),
                from_pem(&mut Run::new(&env), &text),
            ] {
                assert!(read.is_err_and(|fault| fault.wants_steps()));
            }
        }
    }

    /// The content of a PEM text among the test data.
    fn content(name: &str) -> Vec<u8> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/");
        let text = std::fs::read(format!("{path}{name}")).unwrap();
        pem::decode(&text).unwrap().0.bytes
    }

    #[test]
    fn a_key_of_any_number_of_bits_is_read_and_written_for_its_steps() {
        let der = content("rsa-17000.key");
        let read = |steps| {
            let env = Env { limits: Limits { steps, ..Limits::default() }, ..Env::default() };
            any(&mut Run::new(&env), &der)
        };
        assert!(read(1_000_000).is_err_and(|fault| fault.wants_steps()));
        let key = read(1_200_000).unwrap().unwrap();
        assert_eq!(key.to_pem().bytes, der);
        assert_eq!(pkcs8_fields(&key.to_pkcs8().unwrap()).unwrap().key, der);
    }

    #[test]
    fn keys_of_several_primes_are_written_as_they_are_read() {
        for name in ["primes3", "primes4"] {
            let (bare, wrapped) = (content(&format!("{name}-pkcs1.key")), content(&format!("{name}.key")));
            for der in [&bare, &wrapped] {
                let key = of_any(der).unwrap();
                assert_eq!((key.to_pem().bytes, key.to_pkcs8().unwrap()), (bare.clone(), wrapped.clone()));
            }
        }
    }

    #[test]
    fn each_of_many_primes_is_paid_for_before_any_is_divided_by() {
        let one = der::sequence(&[&der::small(3), &der::small(1), &der::small(1)]);
        let numbers = [3, 5, 7, 11, 13].map(der::small).concat();
        let key = der::sequence(&[&der::small(1), &numbers, &der::sequence(&[&one.repeat(10_000)])]);
        assert!(any(&mut Run::new(&Env::default()), &key).is_err_and(|fault| fault.wants_steps()));
    }

    #[test]
    fn a_list_of_primes_holds_nothing_else() {
        let member = der::sequence(&[&der::small(3), &der::small(1), &der::small(1)]);
        let read = |list: &[u8]| further_primes(Reader::new(list)).map(|primes| primes.len());
        assert_eq!(read(&member.repeat(2)), Ok(2));
        let refused =
            [[&*member, &der::small(1)].concat(), [&member, &member[..5]].concat()].map(|list| read(&list));
        let want = ["structure error: sequence tag mismatch", "syntax error: truncated sequence"];
        assert_eq!(refused, want.map(|text| Err(format!("asn1: {text}"))));
    }
}
