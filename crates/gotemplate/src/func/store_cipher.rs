//! The ciphers and key derivations of PKCS#12 stores: the old ones of RFC 7292 and those of PKCS#5.

use aes::{Aes128, Aes192, Aes256};
use cbc::{Decryptor, Encryptor};
use des::TdesEde3;
use hmac::{Hmac, KeyInit, Mac};
use rc2::Rc2;
use rc2::cipher::InnerIvInit;
use sha1::{Digest, Sha1};
use sha2::{Sha256, Sha512};

use super::cbc_mode;
use super::der::{self, Algorithm, Element, OCTETS, Refused};
use super::random_bytes::random;
use crate::error::Fault;
use crate::run::Run;

/// Rounds of the stores that are written.
pub(super) const ROUNDS: u32 = 2048;

/// What a derived key is for, in RFC 7292.
const FOR_KEY: u8 = 1;
const FOR_START: u8 = 2;
pub(super) const FOR_MAC: u8 = 3;

const PBE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
pub(super) const PBMAC1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 14];
const AES_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1];
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2];
const AES256: u8 = 42;

/// A password in the form of PKCS#12: two bytes a character, with two zeros behind.
pub(super) struct Password {
    characters: Vec<u8>,
    text: Vec<u8>,
}

impl Password {
    pub(super) fn new(text: &[u8]) -> Result<Self, Refused> {
        let characters = [&*bmp(text)?, &[0, 0]].concat();
        Ok(Self { characters, text: String::from_utf8_lossy(text).into_owned().into_bytes() })
    }

    /// No bytes at all.
    pub(super) fn nothing() -> Self {
        Self { characters: Vec::new(), text: Vec::new() }
    }

    /// Whether it has no characters.
    pub(super) fn is_empty(&self) -> bool {
        self.characters == [0, 0]
    }
}

/// Two bytes a character. Go puts U+FFFD for each byte that is not UTF-8.
pub(super) fn bmp(text: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut out = Vec::with_capacity(text.len() * 2);
    let beyond = "pkcs12: string contains characters that cannot be encoded in UCS-2";
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            out.extend(u16::try_from(u32::from(c)).map_err(|_| beyond)?.to_be_bytes());
        }
        out.extend([0xff, 0xfd].repeat(chunk.invalid().len()));
    }
    Ok(out)
}

/// A digest that stores use.
#[derive(Clone, Copy)]
pub(super) enum Digester {
    Sha1,
    Sha256,
    Sha512,
}

/// A row a digest: the content of its identifier, the end of that of its HMAC, the bytes of its blocks.
const DIGESTERS: &[(Digester, &[u8], u8, usize)] = &[
    (Digester::Sha1, &[0x2b, 0x0e, 3, 2, 0x1a], 7, 64),
    (Digester::Sha256, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], 9, 64),
    (Digester::Sha512, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], 11, 128),
];

impl Digester {
    pub(super) fn of_oid(oid: &[u8]) -> Option<Self> {
        DIGESTERS.iter().find(|row| row.1 == oid).map(|row| row.0)
    }

    fn of_hmac(oid: &[u8]) -> Option<Self> {
        let number = oid.strip_prefix(HMAC)?;
        DIGESTERS.iter().find(|row| number == [row.2]).map(|row| row.0)
    }

    pub(super) fn oid(self) -> &'static [u8] {
        DIGESTERS[self as usize].1
    }

    fn block(self) -> usize {
        DIGESTERS[self as usize].3
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    pub(super) fn hmac(self, key: &[u8], message: &[u8]) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Sha1 => hmac::<Hmac<Sha1>>(key, message),
            Self::Sha256 => hmac::<Hmac<Sha256>>(key, message),
            Self::Sha512 => hmac::<Hmac<Sha512>>(key, message),
        }
    }

    /// PBKDF2 of PKCS#5.
    fn pbkdf2(
        self,
        run: &mut Run<'_>,
        password: &Password,
        (salt, rounds): (&[u8], i64),
        length: usize,
    ) -> Result<Vec<u8>, Fault> {
        let rounds = counted(run, rounds)?;
        let further_parts = length.div_ceil(self.digest(&[]).len()).saturating_sub(1) as u64;
        run.spend(u64::from(rounds).div_ceil(2).saturating_mul(further_parts))?;
        run.make(length)?;
        let mut key = vec![0; length];
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(&password.text, salt, rounds, &mut key),
            Self::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(&password.text, salt, rounds, &mut key),
            Self::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(&password.text, salt, rounds, &mut key),
        }
        Ok(key)
    }

    /// The derivation of RFC 7292, appendix B.2, as long as the digest.
    pub(super) fn derive(
        self,
        run: &mut Run<'_>,
        password: &Password,
        (salt, rounds): (&[u8], i64),
        purpose: u8,
    ) -> Result<Vec<u8>, Fault> {
        let length = self.digest(&[]).len();
        self.derive_bytes(run, password, (salt, rounds), (purpose, length))
    }

    fn derive_bytes(
        self,
        run: &mut Run<'_>,
        password: &Password,
        (salt, rounds): (&[u8], i64),
        (purpose, length): (u8, usize),
    ) -> Result<Vec<u8>, Fault> {
        let block = self.block();
        let repeated = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().copied().cycle().take(bytes.len().div_ceil(block) * block).collect()
        };
        let mut input = [repeated(salt), repeated(&password.characters)].concat();
        let mut key = Vec::new();
        while key.len() < length {
            let rounds = counted(run, rounds)?;
            let mut hash = self.digest(&[&vec![purpose; block], &*input].concat());
            for _ in 1..rounds {
                hash = self.digest(&hash);
            }
            for part in input.chunks_mut(block) {
                add_and_one(part, &hash);
            }
            key.extend(hash);
        }
        key.truncate(length);
        Ok(key)
    }
}

/// Adds the repeated hash and one to a big-endian number that wraps around.
fn add_and_one(number: &mut [u8], hash: &[u8]) {
    let mut carry = 1;
    for i in (0..number.len()).rev() {
        let sum = u16::from(number[i]) + u16::from(hash[i % hash.len()]) + carry;
        number[i] = sum as u8;
        carry = sum >> 8;
    }
}

fn hmac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| "hmac: the key has a wrong length")?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Rounds that the run can afford. Go takes none or fewer for one.
fn counted(run: &mut Run<'_>, rounds: i64) -> Result<u32, Fault> {
    let rounds = u32::try_from(rounds.max(1)).unwrap_or(u32::MAX);
    run.spend(u64::from(rounds) / 2 + 1)?;
    Ok(rounds)
}

/// How a part is encrypted: cipher, key and start.
struct Cipher {
    kind: Kind,
    key: Vec<u8>,
    start: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Kind {
    TripleDes,
    Rc2,
    Aes,
}

fn unsupported(what: &str, oid: &[u8]) -> Fault {
    let name = der::dotted(oid).unwrap_or_default();
    format!("pkcs12: {what} {name} is not supported").into()
}

/// Go reads absent parameters as no bytes.
fn fields<'a>(parameters: Option<Element<'a>>, name: &str) -> Result<der::Reader<'a>, Refused> {
    der::Reader::new(parameters.map(|parameters| parameters.whole).unwrap_or_default()).sequence(name)
}

impl Cipher {
    fn new(run: &mut Run<'_>, algorithm: Algorithm<'_>, password: &Password) -> Result<Self, Fault> {
        let (oid, parameters) = algorithm;
        if oid == PBES2 {
            return Self::of_pbes2(run, parameters, password);
        }
        let (kind, length) = match oid.strip_prefix(PBE) {
            Some([3]) => (Kind::TripleDes, 24),
            Some([5]) => (Kind::Rc2, 16),
            Some([6]) => (Kind::Rc2, 5),
            _ => return Err(unsupported("pbe algorithm", oid)),
        };
        let mut fields = fields(parameters, "pbeParams")?;
        let salted = (fields.octets()?, fields.int()?);
        let key = Digester::Sha1.derive_bytes(run, password, salted, (FOR_KEY, length))?;
        let start = Digester::Sha1.derive_bytes(run, password, salted, (FOR_START, 8))?;
        Ok(Self { kind, key, start })
    }

    fn of_pbes2(
        run: &mut Run<'_>,
        parameters: Option<Element<'_>>,
        password: &Password,
    ) -> Result<Self, Fault> {
        let mut fields = fields(parameters, "pbes2Params")?;
        let derivation = fields.algorithm()?;
        let (oid, start) = fields.algorithm()?;
        let derivation = Derivation::read(derivation, &OF_PBES2)?;
        let length = match oid.strip_prefix(AES_CBC) {
            Some([2]) => 16,
            Some([22]) => 24,
            Some([AES256]) => 32,
            _ => return Err(unsupported("pbes2 algorithm", oid)),
        };
        let key = derivation.key(run, password, length)?;
        let start = start.map(|start| start.content.to_vec()).unwrap_or_default();
        Ok(Self { kind: Kind::Aes, key, start })
    }

    fn block(&self) -> usize {
        if matches!(self.kind, Kind::Aes) { 16 } else { 8 }
    }

    fn decrypt(&self, bytes: &mut [u8]) -> Result<(), &'static str> {
        let (key, start) = (&*self.key, &*self.start);
        match (self.kind, key.len()) {
            (Kind::TripleDes, _) => cbc_mode::decrypt::<Decryptor<TdesEde3>>(key, start, bytes),
            (Kind::Rc2, length) => {
                let cipher = Rc2::new_with_eff_key_len(key, length * 8);
                let cipher = Decryptor::inner_iv_slice_init(cipher, start);
                cbc_mode::decrypt_with(cipher.map_err(|_| cbc_mode::WRONG_START)?, bytes)
            }
            (Kind::Aes, 16) => cbc_mode::decrypt::<Decryptor<Aes128>>(key, start, bytes),
            (Kind::Aes, 24) => cbc_mode::decrypt::<Decryptor<Aes192>>(key, start, bytes),
            (Kind::Aes, _) => cbc_mode::decrypt::<Decryptor<Aes256>>(key, start, bytes),
        }
    }
}

/// What Go calls the parts of a derivation that it does not know.
struct Words {
    derivation: &'static str,
    salts: &'static str,
    digest: &'static str,
}

const OF_PBES2: Words =
    Words { derivation: "pbes2 kdf algorithm", salts: "pbes2/pbkdf2", digest: "pbes2 prf" };
const OF_PBMAC1: Words =
    Words { derivation: "PBMAC1 KDF algorithm", salts: "PBMAC1/PBKDF2", digest: "PBMAC1 PRF" };

/// Parameters of PBKDF2.
struct Derivation<'a> {
    digester: Digester,
    salt: &'a [u8],
    rounds: i64,
    /// How long the key should be, or nothing.
    length: i64,
}

impl<'a> Derivation<'a> {
    fn read((oid, parameters): Algorithm<'a>, words: &Words) -> Result<Self, Fault> {
        if oid != PBKDF2 {
            return Err(unsupported(words.derivation, oid));
        }
        let mut fields = fields(parameters, "pbkdf2Params")?;
        let salt = fields.any()?;
        let rounds = fields.int()?;
        let length = fields.optional_int()?.unwrap_or_default();
        let digest = fields.optional_algorithm()?.map(|(oid, _)| oid);
        // Go looks at the number alone.
        if salt.tag & 0x1f != OCTETS {
            return Err(format!("pkcs12: only octet string salts are supported for {}", words.salts).into());
        }
        let digester = match digest {
            None => Digester::Sha1,
            Some(oid) => Digester::of_hmac(oid).ok_or_else(|| unsupported(words.digest, oid))?,
        };
        Ok(Self { digester, salt: salt.content, rounds, length })
    }

    fn key(&self, run: &mut Run<'_>, password: &Password, length: usize) -> Result<Vec<u8>, Fault> {
        self.digester.pbkdf2(run, password, (self.salt, self.rounds), length)
    }
}

/// The proof of a password by PBMAC1 of PKCS#5.
pub(super) fn pbmac1(
    run: &mut Run<'_>,
    parameters: Option<Element<'_>>,
    message: &[u8],
    password: &Password,
) -> Result<Vec<u8>, Fault> {
    let invalid = |refused| format!("error decoding PBMAC1 parameters: {refused}");
    let mut fields = fields(parameters, "pbmac1Params").map_err(invalid)?;
    let derivation = fields.algorithm().map_err(invalid)?;
    let (oid, _) = fields.algorithm().map_err(invalid)?;
    let derivation = Derivation::read(derivation, &OF_PBMAC1)?;
    let digester = Digester::of_hmac(oid).ok_or_else(|| unsupported("PBMAC1 MAC algorithm", oid))?;
    let length = usize::try_from(derivation.length).ok().filter(|length| *length > 0);
    let length = length.ok_or("pkcs12: PBMAC1 requires explicit KeyLength parameter in PBKDF2 parameters")?;
    digester.hmac(&derivation.key(run, password, length)?, message)
}

/// What an encrypted part says.
pub(super) fn decrypt(
    run: &mut Run<'_>,
    algorithm: Algorithm<'_>,
    encrypted: &[u8],
    password: &Password,
) -> Result<Vec<u8>, Fault> {
    let cipher = Cipher::new(run, algorithm, password)?;
    if cipher.start.len() != cipher.block() {
        return Err(Fault::panic(cbc_mode::WRONG_START));
    }
    if encrypted.is_empty() {
        return Err("pkcs12: empty encrypted data".into());
    }
    if !encrypted.len().is_multiple_of(cipher.block()) {
        return Err("pkcs12: input is not a multiple of the block size".into());
    }
    let mut bytes = encrypted.to_vec();
    cipher.decrypt(&mut bytes)?;
    let plain = cbc_mode::unpadded(&bytes, cipher.block());
    Ok(plain.ok_or("pkcs12: decryption error, incorrect padding")?.to_vec())
}

/// The algorithm's identifier, encoded, and the encrypted bytes: AES-256 with a key from PBKDF2 over SHA-256.
pub(super) fn encrypt(
    run: &mut Run<'_>,
    plain: &[u8],
    password: &Password,
) -> Result<(Vec<u8>, Vec<u8>), Fault> {
    const BLOCK: usize = 16;
    let (salt, start): ([u8; 16], [u8; BLOCK]) = (random(run)?, random(run)?);
    let key = Digester::Sha256.pbkdf2(run, password, (&salt, ROUNDS.into()), 32)?;
    let mut bytes = plain.to_vec();
    cbc_mode::pad(&mut bytes, BLOCK);
    cbc_mode::encrypt::<Encryptor<Aes256>>(&key, &start, &mut bytes)?;
    let digest = der::algorithm(&[HMAC, &[9]].concat(), &[]);
    let derivation = der::sequence(&[&der::element(OCTETS, &salt), &der::small(ROUNDS), &digest]);
    let scheme = der::algorithm(&[AES_CBC, &[AES256]].concat(), &der::element(OCTETS, &start));
    let parameters = der::sequence(&[&der::algorithm(PBKDF2, &derivation), &scheme]);
    Ok((der::algorithm(PBES2, &parameters), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    #[test]
    fn too_many_rounds_are_refused() {
        let env = Env::default();
        let mut run = Run::new(&env);
        let password = Password::new(b"x").unwrap();
        let derived = Digester::Sha1.derive(&mut run, &password, (b"salt", i64::MAX), FOR_MAC);
        assert!(derived.unwrap_err().is_limit());
    }

    #[test]
    fn long_keys_take_several_hashes() {
        // A key of RFC 7292 from OpenSSL's kdf: SHA-1, password "smeg", one round.
        let env = Env::default();
        let mut run = Run::new(&env);
        let password = Password::new(b"smeg").unwrap();
        let salt = [0x0a, 0x58, 0xcf, 0x64, 0x53, 0x0d, 0x82, 0x3f];
        let key = Digester::Sha1.derive_bytes(&mut run, &password, (&salt, 1), (FOR_KEY, 24)).unwrap();
        assert_eq!(super::super::encoding::hex(&key), "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
    }
}
