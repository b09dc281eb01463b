//! Certificates: read as Go's `crypto/x509` does, with its error texts, put in order, and asked for their names.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::curve::Curve;
use super::der::{
    self, BMP, Element, OID, PRINTABLE, Reader, Refused, SEQUENCE, SET, UTF8, context, implicit,
};
use super::encoding::hex;
use super::growth::appended_by;
use super::pem;
use super::private_key::{EC, ED25519, RSA};
use crate::error::Fault;
use crate::func::{Args, Func};
use crate::run::{LIST_STEPS, Run};
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("filterPEM", &[Type::String, Type::String], Type::String, filter_pem),
    Func::fixed("filterCertChain", &[Type::String, Type::String], Type::String, filter_cert_chain),
    Func::fixed("certSANs", &[Type::String], Type::STRINGS, cert_sans),
];

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
    pub(super) authority_key_id: Vec<u8>,
    names: Names,
}

/// The alternative names of a subject, which have been checked.
#[derive(Clone, Debug, Default)]
struct Names {
    /// Their elements in DER.
    der: Vec<u8>,
    count: usize,
}

/// `refused` in place of what the reader says.
fn or<T>(read: Result<T, Refused>, refused: &str) -> Result<T, Refused> {
    read.map_err(|_| refused.into())
}

impl Certificate {
    /// `x509.ParseCertificate`.
    pub(super) fn parse(der: &[u8]) -> Result<Self, Refused> {
        let certificate = Self::first(der)?;
        if certificate.raw.len() == der.len() { Ok(certificate) } else { Err("x509: trailing data".into()) }
    }

    /// The certificate that the bytes begin with.
    pub(super) fn first(der: &[u8]) -> Result<Self, Refused> {
        let outer = or(Reader::new(der).expect(SEQUENCE, ""), "x509: malformed certificate")?;
        let mut fields = outer.fields();
        let mut body = or(fields.sequence(""), "x509: malformed tbs certificate")?;
        let version = version(&mut body)?;
        serial_number(&mut body)?;
        signature_algorithm(&mut body, &mut fields)?;
        let issuer = or(body.expect(SEQUENCE, ""), "x509: malformed issuer")?;
        Name::parse(issuer)?;
        validity(or(body.sequence(""), "x509: malformed validity")?)?;
        let subject = or(body.expect(SEQUENCE, ""), "x509: malformed issuer")?;
        Name::parse(subject)?;
        let public_key = public_key(&mut body)?;
        let mut certificate = Self {
            raw: outer.whole.to_vec(),
            subject: subject.whole.to_vec(),
            public_key: public_key.to_vec(),
            ..Self::default()
        };
        if version > 0 {
            certificate.read_rest(&mut body, version)?;
        }
        or(fields.bits(), "x509: malformed signature")?;
        Ok(certificate)
    }

    /// What versions 2 and 3 may add.
    fn read_rest(&mut self, body: &mut Reader<'_>, version: i64) -> Result<(), Refused> {
        or(body.present(implicit(1)), "x509: malformed issuerUniqueID")?;
        or(body.present(implicit(2)), "x509: malformed subjectUniqueID")?;
        if version < 2 {
            return Ok(());
        }
        let malformed = "x509: malformed extensions";
        let Some(extensions) = or(body.present(context(3)), malformed)? else { return Ok(()) };
        let mut extensions = or(extensions.fields().sequence(""), malformed)?;
        let mut all: Vec<Extension<'_>> = Vec::new();
        let mut seen = HashSet::new();
        while !extensions.is_empty() {
            let read = Extension::parse(or(extensions.sequence(""), "x509: malformed extension")?)?;
            if !seen.insert(read.oid) {
                let oid = der::dotted(read.oid)?;
                return Err(format!("x509: certificate contains duplicate extension with OID {oid:?}"));
            }
            all.push(read);
        }
        all.iter().try_for_each(|extension| self.read_extension(extension))
    }

    fn read_extension(&mut self, extension: &Extension<'_>) -> Result<(), Refused> {
        let [0x55, 0x1d, number] = extension.oid else { return Ok(()) };
        let mut value = Reader::new(extension.value);
        match number {
            14 if extension.critical => {
                return Err("x509: subject key identifier incorrectly marked critical".into());
            }
            14 => self.subject_key_id = or(value.octets(), "x509: invalid subject key identifier")?.to_vec(),
            15 => {
                or(value.bits(), "x509: invalid key usage")?;
            }
            17 => self.names = Names::parse(value)?,
            19 => {
                or(value.sequence(""), "x509: invalid basic constraints")?;
            }
            35 if extension.critical => {
                return Err("x509: authority key identifier incorrectly marked critical".into());
            }
            35 => {
                let invalid = "x509: invalid authority key identifier";
                let mut fields = or(value.sequence(""), invalid)?;
                let id = or(fields.present(implicit(0)), invalid)?;
                self.authority_key_id = id.map(|id| id.content.to_vec()).unwrap_or_default();
            }
            37 => {
                or(value.sequence(""), "x509: invalid extended key usages")?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether it names no other as its authority.
    fn is_self_issued(&self) -> bool {
        self.authority_key_id.is_empty() || self.authority_key_id == self.subject_key_id
    }

    /// The text of PEM.
    pub(super) fn to_pem(&self) -> Vec<u8> {
        pem::encode("CERTIFICATE", self.raw.clone())
    }

    /// The subject as Go prints it.
    pub(super) fn subject_text(&self) -> String {
        let subject = Reader::new(&self.subject).any().and_then(Name::parse);
        subject.map(|name| name.text()).unwrap_or_default()
    }
}

fn version(body: &mut Reader<'_>) -> Result<i64, Refused> {
    let malformed = "x509: malformed version";
    let Some(version) = or(body.present(context(0)), malformed)? else { return Ok(0) };
    match or(version.fields().int(), malformed)? {
        version @ 0..=2 => Ok(version),
        i64::MIN..0 => Err(malformed.into()),
        3.. => Err("x509: invalid version".into()),
    }
}

fn serial_number(body: &mut Reader<'_>) -> Result<(), Refused> {
    let number = or(body.number(), "x509: malformed serial number")?;
    if number.is_negative() { Err("x509: negative serial number".into()) } else { Ok(()) }
}

/// It stands twice.
fn signature_algorithm(body: &mut Reader<'_>, fields: &mut Reader<'_>) -> Result<(), Refused> {
    let inner = or(body.expect(SEQUENCE, ""), "x509: malformed signature algorithm identifier")?;
    let outer = or(fields.expect(SEQUENCE, ""), "x509: malformed algorithm identifier")?;
    if inner.content != outer.content {
        return Err("x509: inner and outer signature algorithm identifiers don't match".into());
    }
    algorithm(inner.fields()).map(|_| ())
}

fn algorithm(mut fields: Reader<'_>) -> Result<(&[u8], Option<Element<'_>>), Refused> {
    let oid = or(fields.oid(), "x509: malformed OID")?;
    if fields.is_empty() {
        return Ok((oid, None));
    }
    or(fields.any(), "x509: malformed parameters").map(|parameters| (oid, Some(parameters)))
}

fn validity(mut fields: Reader<'_>) -> Result<(), Refused> {
    const UTC: u8 = 0x17;
    const GENERALIZED: u8 = 0x18;
    for _ in 0..2 {
        let (name, length) = match fields.peek() {
            Some(UTC) => ("UTCTime", 13),
            Some(GENERALIZED) => ("GeneralizedTime", 15),
            _ => return Err("x509: unsupported time format".into()),
        };
        let time = fields.any().ok().map(|time| time.content).unwrap_or_default();
        let digits = time.strip_suffix(b"Z").unwrap_or_default();
        if time.len() != length || !digits.iter().all(u8::is_ascii_digit) {
            return Err(format!("x509: malformed {name}"));
        }
    }
    Ok(())
}

/// Keys of `id-dsa`: RFC 3279, section 2.3.2.
const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1];

/// The content of the public key's bit string, after a look at the keys that are known.
fn public_key<'a>(body: &mut Reader<'a>) -> Result<&'a [u8], Refused> {
    let mut info = or(body.sequence(""), "x509: malformed spki")?;
    let fields = or(info.sequence(""), "x509: malformed public key algorithm identifier")?;
    let (oid, parameters) = algorithm(fields)?;
    let (bits, unused) = or(info.bits(), "x509: malformed subjectPublicKey")?;
    match oid {
        RSA if parameters.is_none_or(|parameters| parameters.whole != der::NULL) => {
            Err("x509: RSA key missing NULL parameters".into())
        }
        RSA => rsa_public_key(&right_aligned(bits, unused)).map(|()| bits),
        EC => {
            let is_name =
                |parameters: &Element<'_>| parameters.tag == OID && der::dotted(parameters.content).is_ok();
            let curve = parameters.filter(is_name).ok_or("x509: invalid ECDSA parameters")?;
            let curve = Curve::of_oid(curve.content).ok_or("x509: unsupported elliptic curve")?;
            curve.check(&right_aligned(bits, unused)).map(|()| bits)
        }
        DSA => dsa_public_key(&right_aligned(bits, unused), parameters).map(|()| bits),
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

fn dsa_public_key(bits: &[u8], parameters: Option<Element<'_>>) -> Result<(), Refused> {
    const INVALID: &str = "x509: invalid DSA parameters";
    let mut numbers = vec![or(Reader::new(bits).number(), "x509: invalid DSA public key")?];
    let parameters = parameters.ok_or(INVALID)?;
    let mut fields = or(Reader::new(parameters.whole).sequence(""), INVALID)?;
    for _ in 0..3 {
        numbers.push(or(fields.number(), INVALID)?);
    }
    match numbers.iter().all(|number| number.is_positive()) {
        true => Ok(()),
        false => Err("x509: zero or negative DSA parameter".into()),
    }
}

fn rsa_public_key(bits: &[u8]) -> Result<(), Refused> {
    let mut fields = or(Reader::new(bits).sequence(""), "x509: invalid RSA public key")?;
    let modulus = or(fields.number(), "x509: invalid RSA modulus")?;
    let exponent = or(fields.int(), "x509: invalid RSA public exponent")?;
    if !modulus.is_positive() {
        return Err("x509: RSA modulus is not a positive number".into());
    }
    if exponent <= 0 {
        return Err("x509: RSA public exponent is not a positive number".into());
    }
    Ok(())
}

struct Extension<'a> {
    oid: &'a [u8],
    critical: bool,
    value: &'a [u8],
}

impl<'a> Extension<'a> {
    fn parse(mut fields: Reader<'a>) -> Result<Self, Refused> {
        const BOOLEAN: u8 = 1;
        let oid = or(fields.oid(), "x509: malformed extension OID field")?;
        let malformed = "x509: malformed extension critical field";
        let critical = match or(fields.present(BOOLEAN), malformed)?.map(|critical| critical.content) {
            None | Some([0]) => false,
            Some([0xff]) => true,
            Some(_) => return Err(malformed.into()),
        };
        let value = or(fields.octets(), "x509: malformed extension value field")?;
        Ok(Self { oid, critical, value })
    }
}

const EMAIL: u8 = implicit(1);
const DNS: u8 = implicit(2);
const URI: u8 = implicit(6);
const ADDRESS: u8 = implicit(7);

impl Names {
    /// Checks the names without making them: two bytes make a name, which takes many more.
    fn parse(mut value: Reader<'_>) -> Result<Self, Refused> {
        let mut fields = or(value.sequence(""), "x509: invalid subject alternative names")?;
        let (der, mut count) = (fields.rest().to_vec(), 0);
        while !fields.is_empty() {
            count += 1;
            let name = or(fields.any(), "x509: invalid subject alternative name")?;
            let kind = match name.tag {
                EMAIL => "rfc822Name",
                DNS => "dNSName",
                URI => "uniformResourceIdentifier",
                ADDRESS => {
                    address(name.content)?;
                    continue;
                }
                _ => continue,
            };
            if !name.content.is_ascii() {
                return Err(format!("x509: SAN {kind} is malformed"));
            }
        }
        Ok(Self { der, count })
    }

    /// The names of one kind.
    fn of(&self, kind: u8) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        let mut fields = Reader::new(&self.der);
        while let Ok(name) = fields.any() {
            if name.tag != kind {
                continue;
            }
            names.push(match kind {
                ADDRESS => {
                    address(name.content).map(|address| address.to_string().into_bytes()).unwrap_or_default()
                }
                _ => name.content.to_vec(),
            });
        }
        names
    }
}

fn address(bytes: &[u8]) -> Result<IpAddr, Refused> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Ok(Ipv4Addr::from(four).into());
    }
    let sixteen = <[u8; 16]>::try_from(bytes);
    let sixteen = sixteen.map_err(|_| format!("x509: cannot parse IP address of length {}", bytes.len()))?;
    Ok(IpAddr::from(Ipv6Addr::from(sixteen)).to_canonical())
}

/// A distinguished name: for each attribute the content of its identifier and its text.
#[derive(Clone, Debug, Default)]
struct Name(Vec<(Vec<u8>, String)>);

/// The attributes that have names, in the order in which Go prints them from the end.
const ATTRIBUTES: &[(u8, &str)] = &[
    (6, "C"),
    (10, "O"),
    (11, "OU"),
    (7, "L"),
    (8, "ST"),
    (9, "STREET"),
    (17, "POSTALCODE"),
    (3, "CN"),
    (5, "SERIALNUMBER"),
];

/// Of these only the last counts.
const SINGLE: &[&str] = &["CN", "SERIALNUMBER"];

impl Name {
    fn parse(sequence: Element<'_>) -> Result<Self, Refused> {
        let invalid = "x509: invalid RDNSequence";
        let mut attributes = Vec::new();
        let mut sets = sequence.fields();
        while !sets.is_empty() {
            let mut set = or(sets.expect(SET, ""), invalid)?.fields();
            while !set.is_empty() {
                let mut attribute = or(set.sequence(""), &format!("{invalid}: invalid attribute"))?;
                let kind = or(attribute.oid(), &format!("{invalid}: invalid attribute type"))?;
                let refused = format!("{invalid}: invalid attribute value");
                let value = or(attribute.any(), &refused)?;
                let text = text(value).map_err(|reason| format!("{refused}: {reason}"))?;
                attributes.push((kind.to_vec(), text));
            }
        }
        Ok(Self(attributes))
    }

    /// `pkix.Name.String`.
    fn text(&self) -> String {
        let known = |oid: &[u8]| match oid {
            [0x55, 4, number] => ATTRIBUTES.iter().find(|row| row.0 == *number),
            _ => None,
        };
        let mut parts: Vec<String> = Vec::new();
        for (oid, text) in self.0.iter().filter(|(oid, _)| known(oid).is_none()) {
            let value = der::element(if is_printable(text) { PRINTABLE } else { UTF8 }, text.as_bytes());
            parts.push(format!("{}=#{}", der::dotted(oid).unwrap_or_default(), hex(&value)));
        }
        for (number, name) in ATTRIBUTES {
            let same = self.0.iter().filter(|(oid, _)| **oid == [0x55, 4, *number]);
            let texts: Vec<_> = same.map(|(_, text)| format!("{name}={}", escaped(text))).collect();
            match texts.last() {
                None => {}
                Some(last) if SINGLE.contains(name) => parts.push(last.clone()),
                Some(_) => parts.push(texts.join("+")),
            }
        }
        parts.reverse();
        parts.join(",")
    }
}

/// Whether Go writes it as a `PrintableString`.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte))
}

fn escaped(text: &str) -> String {
    let last = text.len().saturating_sub(1);
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.char_indices() {
        let special = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => i == 0 || i == last,
            '#' => i == 0,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The text of a string of any of its types.
fn text(value: Element<'_>) -> Result<String, Refused> {
    const NUMERIC: u8 = 0x12;
    const T61: u8 = 0x14;
    const IA5: u8 = 0x16;
    let printable = |byte: &u8| byte.is_ascii_alphanumeric() || b" '()+,-./:=?*&".contains(byte);
    let (valid, name) = match value.tag {
        T61 => return Ok(value.content.iter().map(|byte| char::from(*byte)).collect()),
        BMP => return bmp_text(value.content),
        PRINTABLE => (value.content.iter().all(printable), "PrintableString"),
        UTF8 => (std::str::from_utf8(value.content).is_ok(), "UTF-8 string"),
        IA5 => (value.content.is_ascii(), "IA5String"),
        NUMERIC => (value.content.iter().all(|byte| byte.is_ascii_digit() || *byte == b' '), "NumericString"),
        other => return Err(format!("unsupported string type: {other}")),
    };
    if valid {
        Ok(String::from_utf8_lossy(value.content).into_owned())
    } else {
        Err(format!("invalid {name}"))
    }
}

fn bmp_text(content: &[u8]) -> Result<String, Refused> {
    let invalid = "invalid BMPString";
    if !content.len().is_multiple_of(2) {
        return Err(invalid.into());
    }
    let content = content.strip_suffix(&[0, 0]).unwrap_or(content);
    let points = content.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
    let is_character = |point: u16| !matches!(point, 0xfffe | 0xffff | 0xfdd0..=0xfdef);
    let text: Option<String> =
        points.map(|point| char::from_u32(point.into()).filter(|_| is_character(point))).collect();
    text.ok_or_else(|| invalid.into())
}

/// The certificates from the leaf to the root. Key ids decide, as in ESO; signatures are not looked at.
pub(super) fn chain(found: &[Certificate]) -> Result<Vec<&Certificate>, Refused> {
    let mut of_id: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (i, certificate) in found.iter().enumerate() {
        let same = of_id.entry(&certificate.subject_key_id).or_default();
        // The first that is another one than itself counts, so two are enough.
        if same.len() < 2 {
            same.push(i);
        }
    }
    let issuer_of = |i: usize| {
        let same = of_id.get(&*found[i].authority_key_id).map(Vec::as_slice).unwrap_or_default();
        same.iter().copied().find(|j| *j != i)
    };
    let issuers: Vec<_> = (0..found.len()).map(issuer_of).collect();
    let named: HashSet<usize> = issuers.iter().copied().flatten().collect();
    let mut leaves = (0..found.len()).filter(|i| !named.contains(i));
    let leaf = leaves.next().ok_or("no leaf certificate found")?;
    if leaves.next().is_some() {
        return Err("found multiple leaf or disjunct certificates".into());
    }
    let mut ordered = Vec::new();
    let mut next = Some(leaf);
    while let Some(i) = next {
        if ordered.len() == found.len() {
            return Err("constructing chain resulted in cycle".into());
        }
        ordered.push(&found[i]);
        next = issuers[i];
    }
    Ok(ordered)
}

/// More certificates than any chain has, and more bags than any store.
const MAX_CHAIN: usize = 1000;

/// Pays for certificates of a chain, or for bags of a store, further to those that there are already.
pub(super) fn pay(run: &mut Run<'_>, paid: usize, more: usize) -> Result<(), Fault> {
    const EACH: u64 = 100;
    if paid.saturating_add(more) > MAX_CHAIN {
        return Err(Fault::limit(format!("more than {MAX_CHAIN} certificates")));
    }
    run.spend(more as u64 * EACH)
}

/// Each block as a certificate.
pub(super) fn parse_all(run: &mut Run<'_>, blocks: &[pem::Block]) -> Result<Vec<Certificate>, Fault> {
    pay(run, 0, blocks.len())?;
    Ok(blocks.iter().map(|block| Certificate::parse(&block.bytes)).collect::<Result<_, _>>()?)
}

/// What begins at the first block, or all of it.
fn from_first_block(text: &[u8]) -> &[u8] {
    &text[pem::find(text, b"-----BEGIN").unwrap_or_default()..]
}

fn filter_pem(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let kind = args.str(0)?.to_text().to_lowercase();
    run.make(args.str(1)?.len())?;
    let mut rest = from_first_block(args.str(1)?);
    let mut kept = Vec::with_capacity(rest.len());
    let mut buffer = Vec::new();
    while let Some((block, after)) = pem::decode_with(rest, &mut buffer) {
        if String::from_utf8_lossy(&block.kind).to_lowercase() == kind {
            block.encode_into(&mut kept);
        }
        (rest, buffer) = (after, block.bytes);
    }
    if kept.is_empty() && !rest.is_empty() {
        return Err("error filtering pem: found junk".into());
    }
    Ok(Value::str(kept))
}

fn filter_cert_chain(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let wanted = args.str(0)?;
    run.make(args.str(1)?.len())?;
    let found = parse_all(run, &pem::decode_all(args.str(1)?).0)?;
    let ordered = chain(&found)?;
    let root = ordered.iter().skip(1).position(|certificate| certificate.is_self_issued());
    let (first, last) = (&ordered[..1], &ordered[ordered.len() - 1..]);
    let kept = match &**wanted {
        b"leaf" if !first[0].is_self_issued() => first,
        b"intermediate" => &ordered[1..root.map_or(ordered.len(), |root| root + 1)],
        b"root" if last[0].is_self_issued() => last,
        _ => &[],
    };
    Ok(Value::str(kept.iter().flat_map(|certificate| certificate.to_pem()).collect::<Vec<u8>>()))
}

fn cert_sans(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    run.make(args.str(0)?.len())?;
    let (block, _) = pem::decode(from_first_block(args.str(0)?)).ok_or("failed to decode PEM block")?;
    let certificate = Certificate::parse(&block.bytes)
        .map_err(|refused| format!("failed to parse certificate: {refused}"))?;
    run.spend(LIST_STEPS + certificate.names.count as u64)?;
    let (mut names, mut portions) = (Vec::new(), Vec::new());
    for (kind, at_once) in [(DNS, true), (ADDRESS, false), (EMAIL, true), (URI, false)] {
        let before = names.len();
        names.extend(certificate.names.of(kind).into_iter().map(Value::str));
        let count = names.len() - before;
        portions.extend(if at_once { vec![count] } else { vec![1; count] });
    }
    Ok(appended_by(Type::String, names, portions.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(number: u8, tag: u8, value: &[u8]) -> Vec<u8> {
        let attribute = der::sequence(&[&der::element(OID, &[0x55, 4, number]), &der::element(tag, value)]);
        der::compound(SET, &[&attribute])
    }

    fn shown(attributes: &[Vec<u8>]) -> Result<String, Refused> {
        let name = der::sequence(&[&attributes.concat()]);
        Name::parse(Reader::new(&name).any()?).map(|name| name.text())
    }

    #[test]
    fn bits_are_moved_to_the_end_of_their_bytes() {
        assert_eq!(right_aligned(&[0b1010_0001, 0b1100_0000], 6), [0b10, 0b1000_0111]);
        assert_eq!((right_aligned(&[4, 5], 0), right_aligned(&[], 0)), (vec![4, 5], vec![]));
    }

    #[test]
    fn names_are_printed_as_go_prints_them() {
        let country = attribute(6, PRINTABLE, b"DE");
        let (first, second) = (attribute(10, UTF8, "Ü, Ltd".as_bytes()), attribute(10, PRINTABLE, b" b "));
        let (title, name) = (attribute(12, PRINTABLE, b"Dr"), attribute(3, BMP, b"\0#\0x"));
        let shown = shown(&[name, title, first, country, second]).unwrap();
        assert_eq!(shown, "CN=\\#x,O=Ü\\, Ltd+O=\\ b\\ ,C=DE,2.5.4.12=#13024472");
    }

    #[test]
    fn names_of_wrong_characters_are_refused() {
        let refused = |tag, value: &[u8]| shown(&[attribute(3, tag, value)]).unwrap_err();
        let start = "x509: invalid RDNSequence: invalid attribute value: ";
        assert_eq!(refused(PRINTABLE, b"@"), format!("{start}invalid PrintableString"));
        assert_eq!(refused(UTF8, b"\xff"), format!("{start}invalid UTF-8 string"));
        assert_eq!(refused(BMP, b"a"), format!("{start}invalid BMPString"));
        assert_eq!(refused(SET, b""), format!("{start}unsupported string type: 49"));
    }

    fn linked(subject: &str, authority: &str) -> Certificate {
        let id = |text: &str| text.as_bytes().to_vec();
        Certificate { subject_key_id: id(subject), authority_key_id: id(authority), ..Certificate::default() }
    }

    fn ordered(found: &[Certificate]) -> Result<Vec<String>, Refused> {
        let id = |link: &&Certificate| String::from_utf8_lossy(&link.subject_key_id).into_owned();
        Ok(chain(found)?.iter().map(id).collect())
    }

    #[test]
    fn each_name_is_paid_for_before_it_is_made() {
        let names = Names::parse(Reader::new(&der::sequence(&[&[0x82, 0].repeat(1000)]))).unwrap();
        assert_eq!((names.count, names.of(DNS).len(), names.of(EMAIL).len()), (1000, 1000, 0));
    }

    #[test]
    fn a_chain_is_ordered_by_key_ids() {
        let (leaf, middle, root) = (linked("l", "m"), linked("m", "r"), linked("r", "r"));
        assert_eq!(ordered(&[root.clone(), leaf.clone(), middle.clone()]).unwrap(), ["l", "m", "r"]);
        assert_eq!(ordered(std::slice::from_ref(&leaf)).unwrap(), ["l"]);
        assert!(ordered(&[leaf, root]).unwrap_err().starts_with("found multiple leaf"));
        assert_eq!(ordered(&[linked("a", "b"), linked("b", "a")]).unwrap_err(), "no leaf certificate found");
        assert_eq!(ordered(&[]).unwrap_err(), "no leaf certificate found");
        let circle = [linked("l", "a"), linked("a", "b"), linked("b", "a")];
        assert_eq!(ordered(&circle).unwrap_err(), "constructing chain resulted in cycle");
    }
}
