//! PKCS#12 stores: read as `software.sslmate.com/src/go-pkcs12` reads them, with its error texts, and written as its
//! encoder `Modern2023` writes them.

use sha1::{Digest, Sha1};

use super::certificate::{chain, parse_all, pay};
use super::der::{self, BMP, Element, OCTETS, OID, Reader, Refused, SEQUENCE, SET, context, implicit};
use super::encoding::base64_encode;
use super::private_key::PrivateKey;
use super::random_bytes::random;
use super::store_cipher::{self, Digester, Password};
use super::x509::Certificate;
use super::{pem, read_key};
use crate::error::Fault;
use crate::func::{Args, Func};
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

const TEXT: Type = Type::String;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("pkcs12key", &[TEXT], TEXT, |run, args| key(run, b"", args.str(0)?)),
    Func::fixed("pkcs12keyPass", &[TEXT, TEXT], TEXT, |run, args| key(run, args.str(0)?, args.str(1)?)),
    Func::fixed("pkcs12cert", &[TEXT], TEXT, |run, args| certificates(run, b"", args.str(0)?)),
    Func::fixed("pkcs12certPass", &[TEXT, TEXT], TEXT, |run, args| {
        certificates(run, args.str(0)?, args.str(1)?)
    }),
    Func::fixed("pemToPkcs12", &[TEXT, TEXT], TEXT, |run, args| encode_first(run, args, b"")),
    Func::fixed("pemToPkcs12Pass", &[TEXT, TEXT, TEXT], TEXT, |run, args| {
        encode_first(run, args, args.str(2)?)
    }),
    Func::fixed("fullPemToPkcs12", &[TEXT, TEXT], TEXT, |run, args| encode_all(run, args, b"")),
    Func::fixed("fullPemToPkcs12Pass", &[TEXT, TEXT, TEXT], TEXT, |run, args| {
        encode_all(run, args, args.str(2)?)
    }),
    Func::fixed("pemTruststoreToPKCS12", &[TEXT], TEXT, |run, args| encode_trusted(run, args.str(0)?, b"")),
    Func::fixed("pemTruststoreToPKCS12Pass", &[TEXT, TEXT], TEXT, |run, args| {
        encode_trusted(run, args.str(0)?, args.str(1)?)
    }),
];

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 6];
const KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 1];
const SHROUDED_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2];
const CERTIFICATE_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 3];
const X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 22, 1];
const FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 20];
const LOCAL_KEY_ID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 21];
const JAVA_TRUST_STORE: &[u8] = &[0x60, 0x86, 0x48, 1, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 1, 1];
const ANY_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0];

/// What Go says when it uses a block of PEM that is not there.
const NO_BLOCK: &str = "runtime error: invalid memory address or nil pointer dereference";

/// What a store holds.
struct Store {
    key: PrivateKey,
    /// The first is the leaf.
    certificates: Vec<Certificate>,
}

fn key(run: &mut Run<'_>, password: &[u8], store: &[u8]) -> Result<Value, Fault> {
    let store = Store::decode(run, password, store);
    let store = store.map_err(|fault| wrapped("unable to decode pkcs12 with password", fault))?;
    Ok(Value::str(pem::encode("PRIVATE KEY", store.key.to_pkcs8()?)))
}

fn certificates(run: &mut Run<'_>, password: &[u8], store: &[u8]) -> Result<Value, Fault> {
    let store = Store::decode(run, password, store);
    let store = store.map_err(|fault| wrapped("unable to decode pkcs12 certificate with password", fault))?;
    let ordered = chain(&store.certificates).unwrap_or_else(|_| store.certificates.iter().collect());
    Ok(Value::str(ordered.iter().flat_map(|certificate| certificate.to_pem()).collect::<Vec<u8>>()))
}

/// A limit stays one, and before a panic there are no words.
fn wrapped(what: &str, fault: Fault) -> Fault {
    if fault.is_limit() || fault.is_panic() { fault } else { Fault::new(format!("{what}: {fault}")) }
}

const TRAILING: &str = "pkcs12: trailing data found";

/// The one element that the bytes are, or what is wrong with them.
fn only<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let mut reader = Reader::new(bytes);
    let element = read(&mut reader)?;
    reader.end(TRAILING)?;
    Ok(element)
}

/// Kind and content of a part of the store.
struct ContentInfo<'a> {
    kind: &'a [u8],
    content: &'a [u8],
}

impl<'a> ContentInfo<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let mut fields = reader.sequence("contentInfo")?;
        let kind = fields.oid()?;
        let content = fields.optional_content()?.unwrap_or_default();
        Ok(Self { kind, content })
    }
}

fn content_infos<'a>(reader: &mut Reader<'a>) -> Result<Vec<ContentInfo<'a>>, Refused> {
    let mut list = reader.list()?;
    let mut infos = Vec::new();
    while !list.is_empty() {
        infos.push(ContentInfo::read(&mut list)?);
    }
    Ok(infos)
}

/// The outermost shell.
struct Shell<'a> {
    version: i64,
    contents: ContentInfo<'a>,
    mac: Option<Mac<'a>>,
}

/// What proves the password.
struct Mac<'a> {
    algorithm: &'a [u8],
    parameters: Option<Element<'a>>,
    digest: &'a [u8],
    salt: &'a [u8],
    iterations: i64,
}

impl<'a> Shell<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Refused> {
        let mut fields = reader.sequence("pfxPdu")?;
        let version = fields.int()?;
        let contents = ContentInfo::read(&mut fields)?;
        let mac = fields.optional(SEQUENCE)?.map(Mac::read).transpose()?;
        Ok(Self { version, contents, mac })
    }
}

impl<'a> Mac<'a> {
    fn read(element: Element<'a>) -> Result<Self, Refused> {
        let mut fields = element.fields();
        let mut info = fields.sequence("digestInfo")?;
        let (algorithm, parameters) = info.algorithm()?;
        let digest = info.octets()?;
        let salt = fields.octets()?;
        let iterations = fields.optional_int()?.unwrap_or(1);
        Ok(Self { algorithm, parameters, digest, salt, iterations })
    }

    /// Whether the password is the one.
    fn proves(&self, run: &mut Run<'_>, message: &[u8], password: &Password) -> Result<bool, Fault> {
        let computed = match Digester::of_oid(self.algorithm) {
            Some(digester) => {
                let key =
                    digester.derive(run, password, (self.salt, self.iterations), store_cipher::FOR_MAC)?;
                digester.hmac(&key, message)?
            }
            None if self.algorithm == store_cipher::PBMAC1 => {
                store_cipher::pbmac1(run, self.parameters, message, password)?
            }
            None => {
                let name = der::dotted(self.algorithm)?;
                return Err(format!("pkcs12: MAC digest algorithm not supported: {name}").into());
            }
        };
        Ok(computed == self.digest)
    }
}

/// What a bag holds, by its kind.
struct Bag {
    kind: Vec<u8>,
    value: Vec<u8>,
}

impl Bag {
    fn read(mut fields: Reader<'_>) -> Result<Self, Refused> {
        let kind = fields.oid()?.to_vec();
        let value = fields.content()?.to_vec();
        let mut attributes = fields.optional_set()?.unwrap_or(Reader::new(&[]));
        while !attributes.is_empty() {
            let mut attribute = attributes.sequence("pkcs12Attribute")?;
            attribute.oid()?;
            attribute.any()?;
        }
        Ok(Self { kind, value })
    }
}

impl Store {
    fn decode(run: &mut Run<'_>, password: &[u8], der: &[u8]) -> Result<Self, Fault> {
        run.make(der.len().saturating_mul(2))?;
        let mut password = Password::new(password)?;
        let bags = bags(run, &mut password, der)?;
        let (mut key, mut certificates) = (None, Vec::new());
        for bag in &bags {
            match &*bag.kind {
                CERTIFICATE_BAG => certificates.push(certificate_of(run, &bag.value)?),
                KEY_BAG | SHROUDED_KEY_BAG if key.is_some() => {
                    return Err("pkcs12: expected exactly one key bag".into());
                }
                KEY_BAG => key = Some(read_key::pkcs8(run, &bag.value)??),
                SHROUDED_KEY_BAG => key = Some(shrouded_key(run, &bag.value, &password)?),
                _ => {}
            }
        }
        if certificates.is_empty() {
            return Err("pkcs12: certificate missing".into());
        }
        Ok(Self { key: key.ok_or("pkcs12: private key missing")?, certificates })
    }
}

/// All bags of a store. The password becomes the form of it that the store was made with.
fn bags(run: &mut Run<'_>, password: &mut Password, der: &[u8]) -> Result<Vec<Bag>, Fault> {
    let shell =
        only(der, Shell::read).map_err(|refused| format!("pkcs12: error reading P12 data: {refused}"))?;
    if shell.version != 3 {
        return Err("pkcs12: can only decode v3 PFX PDU's".into());
    }
    if shell.contents.kind != DATA {
        return Err("pkcs12: only password-protected PFX is implemented".into());
    }
    let message = only(shell.contents.content, Reader::any)?.content;
    match &shell.mac {
        None if !password.is_empty() => return Err("pkcs12: no MAC in data".into()),
        None => {}
        Some(mac) => check(run, mac, message, password)?,
    }
    let infos = only(message, content_infos)?;
    if !(1..=2).contains(&infos.len()) {
        let count = infos.len();
        return Err(format!(
            "pkcs12: expected between 1 and 2 items in the authenticated safe, but this file has {count}"
        )
        .into());
    }
    let mut bags = Vec::new();
    for info in infos {
        read_bags(run, &info, password, &mut bags)?;
    }
    Ok(bags)
}

/// Some programs take no bytes at all for the empty password, where the standard has two zeros.
fn check(run: &mut Run<'_>, mac: &Mac<'_>, message: &[u8], password: &mut Password) -> Result<(), Fault> {
    if mac.proves(run, message, password)? {
        return Ok(());
    }
    if password.is_empty() {
        *password = Password::nothing();
        if mac.proves(run, message, password)? {
            return Ok(());
        }
    }
    Err("pkcs12: decryption password incorrect".into())
}

/// Version, algorithm and what is encrypted.
fn encrypted_data<'a>(reader: &mut Reader<'a>) -> Result<(i64, der::Algorithm<'a>, &'a [u8]), Refused> {
    let mut fields = reader.sequence("encryptedData")?;
    let version = fields.int()?;
    let mut contents = fields.sequence("encryptedContentInfo")?;
    contents.oid()?;
    let algorithm = contents.algorithm()?;
    let encrypted = contents.optional(implicit(0))?.map(|part| part.content).unwrap_or_default();
    Ok((version, algorithm, encrypted))
}

fn read_bags(
    run: &mut Run<'_>,
    info: &ContentInfo<'_>,
    password: &Password,
    bags: &mut Vec<Bag>,
) -> Result<(), Fault> {
    let data = match info.kind {
        DATA => only(info.content, Reader::octets)?.to_vec(),
        ENCRYPTED_DATA => {
            let (version, algorithm, encrypted) = only(info.content, encrypted_data)?;
            if version != 0 {
                return Err("pkcs12: only version 0 of EncryptedData is supported".into());
            }
            store_cipher::decrypt(run, algorithm, encrypted, password)?
        }
        _ => {
            let known = "only data and encryptedData content types are supported in authenticated safe";
            return Err(format!("pkcs12: {known}").into());
        }
    };
    let mut reader = Reader::new(&data);
    let mut list = reader.list()?;
    pay(run, bags.len(), list.count())?;
    while !list.is_empty() {
        bags.push(Bag::read(list.sequence("safeBag")?)?);
    }
    Ok(reader.end(TRAILING)?)
}

fn certificate_of(run: &mut Run<'_>, bag: &[u8]) -> Result<Certificate, Refused> {
    let read = only(bag, |reader| {
        let mut fields = reader.sequence("certBag")?;
        let kind = fields.oid()?;
        Ok((kind, fields.explicit_octets()?))
    });
    let (kind, der) = read.map_err(|refused| format!("pkcs12: error decoding cert bag: {refused}"))?;
    if kind != X509_CERTIFICATE {
        return Err("pkcs12: only X509 certificates are supported in cert bags".into());
    }
    let (mut found, mut rest) = (Vec::new(), der);
    while !rest.is_empty() {
        let certificate = Certificate::first(run, rest)?;
        rest = &rest[certificate.raw.len()..];
        found.push(certificate);
    }
    match found.pop() {
        Some(only) if found.is_empty() => Ok(only),
        _ => Err("pkcs12: expected exactly one certificate in the certBag".into()),
    }
}

fn shrouded_key(run: &mut Run<'_>, bag: &[u8], password: &Password) -> Result<PrivateKey, Fault> {
    let read = only(bag, |reader| {
        let mut fields = reader.sequence("encryptedPrivateKeyInfo")?;
        Ok((fields.algorithm()?, fields.octets()?))
    });
    let (algorithm, encrypted) =
        read.map_err(|refused| format!("pkcs12: error decoding PKCS#8 shrouded key bag: {refused}"))?;
    let der = store_cipher::decrypt(run, algorithm, encrypted, password)
        .map_err(|fault| wrapped("pkcs12: error decrypting PKCS#8 shrouded key bag", fault))?;
    only(&der, Reader::any)
        .map_err(|refused| format!("pkcs12: error unmarshaling decrypted private key: {refused}"))?;
    read_key::pkcs8(run, &der)?
        .map_err(|refused| format!("pkcs12: error parsing PKCS#8 private key: {refused}").into())
}

fn encode_first(run: &mut Run<'_>, args: Args<'_>, password: &[u8]) -> Result<Value, Fault> {
    run.make(args.str(0)?.len().saturating_mul(2))?;
    let (block, _) = pem::decode(args.str(0)?).ok_or(NO_BLOCK)?;
    let leaf = Certificate::parse(run, &block.bytes)?;
    encode(run, &[leaf], args.str(1)?, password)
}

fn encode_all(run: &mut Run<'_>, args: Args<'_>, password: &[u8]) -> Result<Value, Fault> {
    let certificates = all_of(run, args.str(0)?)?;
    if certificates.is_empty() {
        return Err(NO_BLOCK.into());
    }
    encode(run, &certificates, args.str(1)?, password)
}

/// The certificates of a text that ends with the last of them: Go trips over anything behind it.
fn all_of(run: &mut Run<'_>, text: &[u8]) -> Result<Vec<Certificate>, Fault> {
    run.make(text.len().saturating_mul(2))?;
    let (blocks, rest) = pem::decode_all(text);
    let certificates = parse_all(run, &blocks)?;
    if rest.is_empty() { Ok(certificates) } else { Err(NO_BLOCK.into()) }
}

fn encode(
    run: &mut Run<'_>,
    certificates: &[Certificate],
    key: &[u8],
    password: &[u8],
) -> Result<Value, Fault> {
    let (block, _) = pem::decode(key).ok_or(NO_BLOCK)?;
    let key = read_key::any(run, &block.bytes)??;
    let password = Password::new(password)?;
    let leaf = certificates.first().ok_or(NO_BLOCK)?;
    let local_key_id = attribute(LOCAL_KEY_ID, &der::element(OCTETS, &Sha1::digest(&leaf.raw)));
    let certificate_bags: Vec<_> = certificates
        .iter()
        .enumerate()
        .map(|(i, certificate)| certificate_bag(certificate, if i == 0 { &local_key_id } else { &[] }))
        .collect();
    let key =
        key.to_pkcs8().map_err(|refused| format!("pkcs12: error encoding PKCS#8 private key: {refused}"))?;
    let (algorithm, encrypted) = store_cipher::encrypt(run, &key, &password)?;
    let shrouded = der::sequence(&[&algorithm, &der::element(OCTETS, &encrypted)]);
    let key_bag = bag(SHROUDED_KEY_BAG, &shrouded, &local_key_id);
    let parts = [
        encrypted_content(run, &certificate_bags.concat(), &password)?,
        content(DATA, &der::element(OCTETS, &der::sequence(&[&key_bag]))),
    ];
    sealed(run, &parts.concat(), &password)
}

fn encode_trusted(run: &mut Run<'_>, certificates: &[u8], password: &[u8]) -> Result<Value, Fault> {
    let certificates = all_of(run, certificates)?;
    let password = Password::new(password)?;
    let trusted = attribute(JAVA_TRUST_STORE, &der::element(OID, ANY_EXTENDED_KEY_USAGE));
    let mut bags = Vec::new();
    for certificate in &certificates {
        let name = store_cipher::bmp(certificate.subject_text().as_bytes())?;
        let name = attribute(FRIENDLY_NAME, &der::element(BMP, &name));
        // A set in DER is ordered by its members' bytes.
        let mut attributes = [trusted.clone(), name];
        attributes.sort();
        bags.extend(certificate_bag(certificate, &attributes.concat()));
    }
    let part = encrypted_content(run, &bags, &password)?;
    sealed(run, &part, &password)
}

fn attribute(kind: &[u8], value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::element(OID, kind), &der::compound(SET, &[value])])
}

fn bag(kind: &[u8], value: &[u8], attributes: &[u8]) -> Vec<u8> {
    // Without attributes the set is empty, not absent: so Go writes it.
    let parts = [der::element(OID, kind), der::element(context(0), value), der::element(SET, attributes)];
    der::element(SEQUENCE, &parts.concat())
}

fn certificate_bag(certificate: &Certificate, attributes: &[u8]) -> Vec<u8> {
    let content = der::compound(context(0), &[&der::element(OCTETS, &certificate.raw)]);
    bag(CERTIFICATE_BAG, &der::sequence(&[&der::element(OID, X509_CERTIFICATE), &content]), attributes)
}

fn content(kind: &[u8], content: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::element(OID, kind), &der::element(context(0), content)])
}

fn encrypted_content(run: &mut Run<'_>, bags: &[u8], password: &Password) -> Result<Vec<u8>, Fault> {
    let (algorithm, encrypted) = store_cipher::encrypt(run, &der::element(SEQUENCE, bags), password)?;
    let info = der::sequence(&[&der::element(OID, DATA), &algorithm, &der::element(implicit(0), &encrypted)]);
    Ok(content(ENCRYPTED_DATA, &der::sequence(&[&der::small(0), &info])))
}

/// The whole store in base64, with what proves the password.
fn sealed(run: &mut Run<'_>, parts: &[u8], password: &Password) -> Result<Value, Fault> {
    let safe = der::element(SEQUENCE, parts);
    let salt: [u8; 16] = random(run)?;
    let rounds = store_cipher::ROUNDS;
    let digester = Digester::Sha256;
    let key = digester.derive(run, password, (&salt, rounds.into()), store_cipher::FOR_MAC)?;
    let algorithm = der::algorithm(digester.oid(), &[]);
    let digest = der::sequence(&[&algorithm, &der::element(OCTETS, &digester.hmac(&key, &safe)?)]);
    let mac = der::sequence(&[&digest, &der::element(OCTETS, &salt), &der::small(rounds)]);
    let store = der::sequence(&[&der::small(3), &content(DATA, &der::element(OCTETS, &safe)), &mac]);
    Ok(Value::str(base64_encode(&store)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    fn read(name: &str) -> Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/");
        Value::str(std::fs::read(format!("{path}{name}")).unwrap())
    }

    fn text(value: &Value) -> Vec<u8> {
        let Value::Str(text) = value else { panic!() };
        text.to_vec()
    }

    #[test]
    fn a_store_holds_what_it_was_made_of_and_opens_with_its_password_alone() {
        let random = |buffer: &mut [u8]| buffer.fill(7);
        let env = Env { random: Some(&random), ..Env::default() };
        let mut run = Run::new(&env);
        let args = [read("chain.pem"), read("ec.key")];
        let store = encode_all(&mut run, Args::new(&args), b"secret").unwrap();
        let store = super::super::encoding::base64_decode(&text(&store)).unwrap();
        assert_eq!(text(&certificates(&mut run, b"secret", &store).unwrap()), text(&args[0]));
        assert_eq!(text(&key(&mut run, b"secret", &store).unwrap()), text(&args[1]));
        let wrong = key(&mut run, b"other", &store).unwrap_err().to_string();
        assert_eq!(wrong, "unable to decode pkcs12 with password: pkcs12: decryption password incorrect");
    }

    #[test]
    fn a_store_has_so_many_bags_and_pays_for_each() {
        let bags = |count: usize| {
            let bag = der::sequence(&[&der::element(OID, &[1]), &der::element(context(0), der::NULL)]);
            der::element(OCTETS, &der::sequence(&[&bag.repeat(count)]))
        };
        let env = Env::default();
        let read = |counts: &[usize]| {
            let mut run = Run::new(&env);
            let (mut found, password) = (Vec::new(), Password::new(b"").unwrap());
            for count in counts {
                let content = bags(*count);
                let info = ContentInfo { kind: DATA, content: &content };
                read_bags(&mut run, &info, &password, &mut found)?;
            }
            Ok::<_, Fault>((found.len(), run.taken()))
        };
        assert_eq!(read(&[3, 4]), Ok((7, 700)));
        assert_eq!(read(&[501, 500]).unwrap_err().to_string(), "more than 1000 certificates");
        assert!(read(&[100_000]).unwrap_err().is_limit());
    }

    #[test]
    fn a_trust_store_names_its_certificates() {
        let random = |buffer: &mut [u8]| buffer.fill(7);
        let env = Env { random: Some(&random), ..Env::default() };
        let mut run = Run::new(&env);
        let certificates = text(&read("authorities.pem"));
        let store = encode_trusted(&mut run, &certificates, b"pw").unwrap();
        let store = super::super::encoding::base64_decode(&text(&store)).unwrap();
        let bags = bags(&mut run, &mut Password::new(b"pw").unwrap(), &store).unwrap();
        let found: Vec<_> =
            bags.iter().map(|bag| certificate_of(&mut run, &bag.value).unwrap().subject_text()).collect();
        assert_eq!(found, ["CN=intermediate", "CN=root"]);
    }
}
