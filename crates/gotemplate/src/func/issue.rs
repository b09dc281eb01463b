//! New certificates, laid out as Go's `crypto/x509` lays them out for sprig.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::der::{self, BIT_STRING, OCTETS, OID, PRINTABLE, SET, UTF8, context, implicit};
use super::distinguished_name::is_printable;
use super::encoding::base64_decode;
use super::private_key::PrivateKey;
use super::random_bytes::random;
use super::x509::Certificate;
use super::{pem, read_key};
use crate::error::Fault;
use crate::func::{Args, Func};
use crate::print;
use crate::run::Run;
use crate::types::{Kind, Type};
use crate::value::{Object, Str, Value};

const CERTIFICATE: Type = Type::Named("sprig.certificate", Kind::Struct);

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("buildCustomCert", &[Type::String, Type::String], CERTIFICATE, build_custom_cert),
    Func::fixed("genCA", &[Type::String, Type::INT], CERTIFICATE, |run, args| {
        let key = PrivateKey::generate_rsa(run, 2048)?;
        authority(run, args, &key)
    }),
    Func::fixed("genCAWithKey", &[Type::String, Type::INT, Type::String], CERTIFICATE, |run, args| {
        let key = given_key(run, args, 2)?;
        authority(run, args, &key)
    }),
    Func::fixed(
        "genSelfSignedCert",
        &[Type::String, Type::LIST, Type::LIST, Type::INT],
        CERTIFICATE,
        |run, args| {
            let key = PrivateKey::generate_rsa(run, 2048)?;
            self_signed(run, args, &key)
        },
    ),
    Func::fixed(
        "genSelfSignedCertWithKey",
        &[Type::String, Type::LIST, Type::LIST, Type::INT, Type::String],
        CERTIFICATE,
        |run, args| {
            let key = given_key(run, args, 4)?;
            self_signed(run, args, &key)
        },
    ),
    Func::fixed(
        "genSignedCert",
        &[Type::String, Type::LIST, Type::LIST, Type::INT, CERTIFICATE],
        CERTIFICATE,
        |run, args| {
            let key = PrivateKey::generate_rsa(run, 2048)?;
            signed(run, args, &key)
        },
    ),
    Func::fixed(
        "genSignedCertWithKey",
        &[Type::String, Type::LIST, Type::LIST, Type::INT, CERTIFICATE, Type::String],
        CERTIFICATE,
        |run, args| {
            let key = given_key(run, args, 5)?;
            signed(run, args, &key)
        },
    ),
];

/// A certificate and its key, as text.
struct Issued {
    certificate: Str,
    key: Str,
}

impl Object for Issued {
    fn go_type(&self) -> Type {
        CERTIFICATE
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![("Cert", self.certificate.clone().into()), ("Key", self.key.clone().into())]
    }

    fn weight(&self) -> usize {
        self.certificate.len() + self.key.len()
    }

    fn equals(&self, other: &dyn Object) -> Option<bool> {
        let any: &dyn std::any::Any = other;
        let same = |other: &Self| self.certificate == other.certificate && self.key == other.key;
        Some(any.downcast_ref().is_some_and(same))
    }
}

fn build_custom_cert(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    run.make(args.str(0)?.len().saturating_add(args.str(1)?.len()))?;
    let certificate = base64_decode(args.str(0)?).map_err(|_| "unable to decode base64 certificate")?;
    let key = base64_decode(args.str(1)?).map_err(|_| "unable to decode base64 private key")?;
    let (block, _) = pem::decode(&certificate).ok_or("unable to decode certificate")?;
    Certificate::parse(run, &block.bytes)
        .map_err(|refused| format!("error parsing certificate: decodedCert.Bytes: {refused}"))?;
    read_key::from_pem(run, &key)?.map_err(|refused| format!("error parsing private key: {refused}"))?;
    Ok(Value::object(Issued { certificate: certificate.into(), key: key.into() }))
}

fn given_key(run: &mut Run<'_>, args: Args<'_>, index: usize) -> Result<PrivateKey, Fault> {
    let key = read_key::from_pem(run, args.str(index)?)?;
    key.map_err(|refused| format!("parsing private key: {refused}").into())
}

/// Who a certificate is for, and until when.
struct Request {
    subject: Vec<u8>,
    addresses: Vec<IpAddr>,
    dns_names: Vec<Vec<u8>>,
    days: i64,
    is_authority: bool,
}

impl Request {
    fn new(name: &[u8], days: i64) -> Result<Self, Fault> {
        Ok(Self {
            subject: subject(name)?,
            addresses: Vec::new(),
            dns_names: Vec::new(),
            days,
            is_authority: false,
        })
    }

    /// From name, addresses, DNS names and days.
    fn of_arguments(run: &mut Run<'_>, args: Args<'_>) -> Result<Self, Fault> {
        let most = run.limits().output;
        let [addresses, dns_names] = [items(run, args.value(1))?, items(run, args.value(2))?];
        let addresses = addresses.iter().map(|value| address(value, most)).collect::<Result<_, _>>()?;
        let dns_names = dns_names.iter().map(|value| dns_name(value, most)).collect::<Result<_, _>>()?;
        Ok(Self { addresses, dns_names, ..Self::new(args.str(0)?, args.int(3)?)? })
    }
}

fn items(run: &mut Run<'_>, list: &Value) -> Result<Vec<Value>, Fault> {
    let Value::List(list) = list else { return Ok(Vec::new()) };
    run.spend(list.len() as u64)?;
    Ok(list.to_vec())
}

fn shown(value: &Value, most: usize) -> Result<String, Fault> {
    Ok(String::from_utf8_lossy(&print::display_up_to(value, most)?).into_owned())
}

fn address(value: &Value, most: usize) -> Result<IpAddr, Fault> {
    let Value::Str(text) = value else {
        return Err(format!("error parsing ip: {} is not a string", shown(value, most)?).into());
    };
    let address: Option<IpAddr> = text.to_text().parse().ok();
    let address = address.ok_or_else(|| format!("error parsing ip: {}", text.to_text()))?;
    Ok(address.to_canonical())
}

fn dns_name(value: &Value, most: usize) -> Result<Vec<u8>, Fault> {
    match value {
        Value::Str(text) => Ok(text.to_vec()),
        _ => {
            Err(format!("error processing alternate dns name: {} is not a string", shown(value, most)?)
                .into())
        }
    }
}

/// The distinguished name with this common name alone; empty if that is empty.
fn subject(name: &[u8]) -> Result<Vec<u8>, Fault> {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    if name.is_empty() {
        return Ok(der::sequence(&[]));
    }
    let invalid = "error creating certificate: asn1: string not valid UTF-8";
    let text = std::str::from_utf8(name).map_err(|_| invalid)?;
    let value = der::element(if is_printable(text) { PRINTABLE } else { UTF8 }, name);
    let attribute = der::sequence(&[&der::element(OID, COMMON_NAME), &value]);
    Ok(der::sequence(&[&der::compound(SET, &[&attribute])]))
}

fn authority(run: &mut Run<'_>, args: Args<'_>, key: &PrivateKey) -> Result<Value, Fault> {
    let request = Request { is_authority: true, ..Request::new(args.str(0)?, args.int(1)?)? };
    issue(run, &request, key, None)
}

fn self_signed(run: &mut Run<'_>, args: Args<'_>, key: &PrivateKey) -> Result<Value, Fault> {
    let request = Request::of_arguments(run, args)?;
    issue(run, &request, key, None)
}

fn signed(run: &mut Run<'_>, args: Args<'_>, key: &PrivateKey) -> Result<Value, Fault> {
    let signer: &Issued = args.object(4)?;
    let (block, _) = pem::decode(&signer.certificate).ok_or("unable to decode certificate")?;
    let certificate = Certificate::parse(run, &block.bytes)
        .map_err(|refused| format!("error parsing certificate: decodedSignerCert.Bytes: {refused}"))?;
    let signer_key = read_key::from_pem(run, &signer.key)?
        .map_err(|refused| format!("error parsing private key: {refused}"))?;
    let request = Request::of_arguments(run, args)?;
    issue(run, &request, key, Some((&certificate, &signer_key)))
}

/// A certificate for the key, signed by the signer or by the key itself.
fn issue(
    run: &mut Run<'_>,
    request: &Request,
    key: &PrivateKey,
    signer: Option<(&Certificate, &PrivateKey)>,
) -> Result<Value, Fault> {
    run.spend(10_000)?;
    let failed = |text: &str| Fault::new(format!("error creating certificate: x509: {text}"));
    let signing_key = signer.map_or(key, |signer| signer.1);
    let algorithm = signing_key
        .signature_algorithm()
        .ok_or_else(|| failed("certificate private key does not implement crypto.Signer"))?;
    let public = key.public().map_err(|kind| failed(&format!("unsupported public key type: {kind}")))?;
    let own = signing_key.public().is_ok_and(|own| signer.is_none_or(|(of, _)| own.bits() == of.public_key));
    if !own {
        return Err(failed("provided PrivateKey doesn't match parent's PublicKey"));
    }
    let issuer = signer.map_or(&request.subject, |(certificate, _)| &certificate.subject);
    let authority_id = signer.filter(|_| *issuer != request.subject).map(|(of, _)| &*of.subject_key_id);
    let extensions = extensions(request, &public.bits(), authority_id.unwrap_or_default())?;
    let body = der::sequence(&[
        &der::compound(context(0), &[&der::small(2)]),
        &der::number(&random::<16>(run)?),
        &algorithm,
        issuer,
        &validity(run.now()?, request.days)?,
        &request.subject,
        &public.info(),
        &der::compound(context(3), &[&extensions]),
    ]);
    let signature = signing_key.sign(run, &body);
    let signature = signature.map_err(|fault| match fault.is_limit() || fault.is_panic() {
        true => fault,
        false => Fault::new(format!("error creating certificate: {fault}")),
    })?;
    let certificate = der::sequence(&[&body, &algorithm, &der::bits(&signature)]);
    Ok(Value::object(Issued {
        certificate: pem::encode("CERTIFICATE", certificate).into(),
        key: key.to_pem().encode().into(),
    }))
}

const KEY_USAGE: u8 = 15;
const SUBJECT_ALTERNATIVE_NAME: u8 = 17;
const BASIC_CONSTRAINTS: u8 = 19;
const AUTHORITY_KEY_ID: u8 = 35;
const EXTENDED_KEY_USAGE: u8 = 37;
const SUBJECT_KEY_ID: u8 = 14;

fn extension(number: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    const TRUE: &[u8] = &[1, 1, 0xff];
    der::sequence(&[
        &der::element(OID, &[0x55, 0x1d, number]),
        if critical { TRUE } else { &[] },
        &der::element(OCTETS, value),
    ])
}

fn extensions(request: &Request, public_key: &[u8], authority_id: &[u8]) -> Result<Vec<u8>, Fault> {
    const PURPOSES: [u8; 2] = [1, 2];
    // Signatures and the encipherment of keys; an authority signs certificates too. Then what bits are unused.
    let usage: &[u8] = if request.is_authority { &[2, 0b1010_0100] } else { &[5, 0b1010_0000] };
    let purposes = PURPOSES.map(|number| der::element(OID, &[0x2b, 6, 1, 5, 5, 7, 3, number]));
    let constraints: &[u8] = if request.is_authority { &[1, 1, 0xff] } else { &[] };
    let mut all = vec![
        extension(KEY_USAGE, true, &der::element(BIT_STRING, usage)),
        extension(EXTENDED_KEY_USAGE, false, &der::sequence(&[&purposes.concat()])),
        extension(BASIC_CONSTRAINTS, true, &der::sequence(&[constraints])),
    ];
    if request.is_authority {
        let id = &Sha256::digest(public_key)[..20];
        all.push(extension(SUBJECT_KEY_ID, false, &der::element(OCTETS, id)));
    }
    if !authority_id.is_empty() {
        let id = der::sequence(&[&der::element(implicit(0), authority_id)]);
        all.push(extension(AUTHORITY_KEY_ID, false, &id));
    }
    let names = alternative_names(request)?;
    if !names.is_empty() {
        let is_nameless = request.subject == der::sequence(&[]);
        all.push(extension(SUBJECT_ALTERNATIVE_NAME, is_nameless, &der::sequence(&[&names])));
    }
    Ok(der::sequence(&[&all.concat()]))
}

fn alternative_names(request: &Request) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    for name in &request.dns_names {
        if !name.is_ascii() {
            let quoted = String::from_utf8_lossy(&print::quote(name)).into_owned();
            let text = format!("x509: {quoted} cannot be encoded as an IA5String");
            return Err(format!("error creating certificate: {text}").into());
        }
        out.extend(der::element(implicit(2), name));
    }
    for address in &request.addresses {
        match address {
            IpAddr::V4(address) => out.extend(der::element(implicit(7), &address.octets())),
            IpAddr::V6(address) => out.extend(der::element(implicit(7), &address.octets())),
        }
    }
    Ok(out)
}

const NANOSECONDS_OF_A_DAY: i64 = 86_400_000_000_000;

/// From now for so many days. Beyond 292 years the number of days wraps around, as in Go.
fn validity(now: SystemTime, days: i64) -> Result<Vec<u8>, Fault> {
    let span = NANOSECONDS_OF_A_DAY.wrapping_mul(days);
    let distance = Duration::from_nanos(span.unsigned_abs());
    let end = if span < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
    let end = end.ok_or("the certificate's end cannot be represented")?;
    Ok(der::sequence(&[&time(now), &time(end)]))
}

/// A time as X.509 writes it: two digits of the year from 1950 to 2049, else four.
fn time(at: SystemTime) -> Vec<u8> {
    let seconds = match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
        Err(before) => {
            let before = before.duration();
            -i64::try_from(before.as_secs()).unwrap_or(i64::MAX) - i64::from(before.subsec_nanos() > 0)
        }
    };
    let (year, month, day) = date(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let rest = format!("{month:02}{day:02}{:02}{:02}{:02}Z", second / 3600, second / 60 % 60, second % 60);
    if (1950..2050).contains(&year) {
        der::element(0x17, format!("{:02}{rest}", year % 100).as_bytes())
    } else {
        der::element(0x18, format!("{year:04}{rest}").as_bytes())
    }
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    // Years begin in March, so that the leap day is the last.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let month_and_day = ((month + 2) % 12 + 1, day - (153 * month + 2) / 5 + 1);
    (era * 400 + year + i64::from(month >= 10), month_and_day.0, month_and_day.1)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signature, VerifyingKey};

    use super::*;
    use crate::run::Env;

    fn with_run<T>(body: impl FnOnce(&mut Run<'_>) -> T) -> T {
        let random = |buffer: &mut [u8]| buffer.fill(0x42);
        let now = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
        let env = Env { now, random: Some(&random), ..Env::default() };
        body(&mut Run::new(&env))
    }

    fn parsed(value: &Value) -> Certificate {
        let issued: &Issued = value.downcast().unwrap();
        Certificate::parse(&mut Run::new(&Env::default()), &pem::decode(&issued.certificate).unwrap().0.bytes)
            .unwrap()
    }

    fn request(name: &str) -> Request {
        Request { dns_names: vec![b"a.example".to_vec()], ..Request::new(name.as_bytes(), 30).unwrap() }
    }

    #[test]
    fn a_signed_certificate_names_its_authority_and_bears_its_signature() {
        let (authority_key, key) = (PrivateKey::Ed25519([1; 32]), PrivateKey::Ed25519([2; 32]));
        let wanted = Request { is_authority: true, ..request("authority") };
        let authority = with_run(|run| issue(run, &wanted, &authority_key, None)).unwrap();
        let authority = parsed(&authority);
        let signed = with_run(|run| issue(run, &request("leaf"), &key, Some((&authority, &authority_key))));
        let signed = parsed(&signed.unwrap());
        let authority_id = &Sha256::digest(&authority.public_key)[..20];
        assert_eq!(signed.authority_key_id.as_deref(), Some(authority_id));
        assert_eq!((signed.subject_key_id.len(), authority.authority_key_id), (0, None));
        assert_eq!(signed.subject_text(), "CN=leaf");
        let mut fields = der::Reader::new(&signed.raw).sequence("").unwrap();
        let (body, _, (signature, _)) =
            (fields.any().unwrap().whole, fields.any().unwrap(), fields.any().unwrap().bits().unwrap());
        let verifier = VerifyingKey::from_bytes(authority.public_key[..].try_into().unwrap()).unwrap();
        verifier.verify_strict(body, &Signature::from_slice(signature).unwrap()).unwrap();
    }

    #[test]
    fn a_key_signs_only_for_its_own_certificate() {
        let (authority_key, other) = (PrivateKey::Ed25519([1; 32]), PrivateKey::Ed25519([2; 32]));
        let authority = with_run(|run| issue(run, &request("authority"), &authority_key, None)).unwrap();
        let signed = with_run(|run| issue(run, &request("x"), &other, Some((&parsed(&authority), &other))));
        let want = "error creating certificate: x509: provided PrivateKey doesn't match parent's PublicKey";
        assert_eq!(signed.unwrap_err().to_string(), want);
        let unable = with_run(|run| issue(run, &request("x"), &PrivateKey::X25519([3; 32]), None));
        assert!(unable.unwrap_err().to_string().ends_with("does not implement crypto.Signer"));
    }

    #[test]
    fn names_of_a_nameless_subject_are_critical() {
        let holds_critical_names = |name: &str| {
            let extensions = extensions(&request(name), &[], &[]).unwrap();
            extensions.windows(8).any(|window| window == [6, 3, 0x55, 0x1d, 17, 1, 1, 0xff])
        };
        assert!(holds_critical_names(""));
        assert!(!holds_critical_names("a"));
    }

    #[test]
    fn times_are_written_with_two_digits_or_four() {
        let at = |seconds: i64| {
            let epoch = SystemTime::UNIX_EPOCH;
            let distance = Duration::from_secs(seconds.unsigned_abs());
            let der = time(if seconds < 0 { epoch - distance } else { epoch + distance });
            String::from_utf8(der[2..].to_vec()).unwrap()
        };
        assert_eq!(at(0), "700101000000Z");
        assert_eq!(at(951_782_399), "000228235959Z");
        assert_eq!(at(951_782_400), "000229000000Z");
        assert_eq!(at(2_524_607_999), "491231235959Z");
        assert_eq!(at(2_524_608_000), "20500101000000Z");
        assert_eq!(at(-1), "691231235959Z");
        assert_eq!(at(-631_152_001), "19491231235959Z");
    }
}
