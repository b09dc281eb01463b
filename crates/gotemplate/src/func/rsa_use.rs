//! What is done with the private keys of RSA.

use crypto_bigint::{BoxedUint, Integer, Resize};
use rsa::{Oaep, Pkcs1v15Sign, RsaPrivateKey};
use sha2::Sha256;
use sha2::digest::{Digest, FixedOutputReset};

use super::der::Refused;
use super::random_bytes::Chance;
use super::rsa_key::{RsaKey, power, steps_of_modulus};
use crate::error::Fault;
use crate::run::Run;

/// What Go says of an operation that fails, whatever it was.
const FAILED: &str = "crypto/rsa: decryption error";

/// What Go ends with when the product of two numbers, one of them even, is a multiple of the modulus.
const EVEN: &str = "bigmod: modulus for Exp must be odd";

/// `DigestInfo` of SHA-256 up to the digest: RFC 8017, section 9.2, note 1.
const SHA256_INFO: &[u8] =
    &[0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];

impl RsaKey {
    /// The steps that it takes to sign or to decrypt. Only two primes of half of the bits make it short.
    fn steps_of_use(&self) -> u64 {
        let half = self.bits().div_ceil(2);
        let is_short = self.primes.len() == 2 && self.primes.iter().all(|prime| prime.bits_vartime() <= half);
        steps_of_modulus(self.size()).saturating_mul(if is_short { 1 } else { 8 })
    }

    /// That Go uses a key of its size.
    pub(super) fn check_size(&self) -> Result<(), Refused> {
        let bits = self.bits();
        if bits >= 1024 {
            return Ok(());
        }
        Err(format!(
            "crypto/rsa: {bits}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
        ))
    }

    /// The signature of a message: PKCS#1 1.5 with SHA-256.
    pub(super) fn sign(&self, run: &mut Run<'_>, message: &[u8]) -> Result<Vec<u8>, Fault> {
        self.check_size()?;
        run.spend(self.steps_of_use())?;
        let digest = Sha256::digest(message);
        match self.in_crate() {
            Some(key) => {
                let scheme = Pkcs1v15Sign::new::<Sha256>();
                key.sign_with_rng(&mut Chance::new(run)?, scheme, &digest).map_err(|_| FAILED.into())
            }
            None => self.sign_plainly(&digest),
        }
    }

    /// What RSA-OAEP hides, or Go's error text. A shorter text is a smaller number, as in Go. Without chance it works all
    /// the same, but the time that it takes may tell something of the key.
    pub(super) fn decrypt<D: Digest + FixedOutputReset>(
        &self,
        run: &mut Run<'_>,
        text: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        self.check_size()?;
        run.spend(self.steps_of_use())?;
        let zeros = self.size().checked_sub(text.len()).ok_or(FAILED)?;
        let whole = [&vec![0; zeros][..], text].concat();
        let plain = match (self.in_crate(), Chance::new(run)) {
            (Some(key), Ok(mut chance)) => key.decrypt_blinded(&mut chance, Oaep::<D>::new(), &whole).ok(),
            (Some(key), Err(_)) => key.decrypt(Oaep::<D>::new(), &whole).ok(),
            (None, _) if self.size() < 2 * <D as Digest>::output_size() + 2 => None,
            (None, _) => opened::<D>(&self.raised(&whole)?),
        };
        plain.ok_or_else(|| FAILED.into())
    }

    /// The key as the crate `rsa` holds it, which blinds what it does. It takes only primes whose product is the modulus.
    fn in_crate(&self) -> Option<RsaPrivateKey> {
        let bits: u32 = self.primes.iter().map(BoxedUint::bits_vartime).fold(0, u32::saturating_add);
        // So many bits cannot be the modulus's: nothing needs to be multiplied to see it.
        if bits as usize > self.bits() as usize + self.primes.len() {
            return None;
        }
        let parts = || (self.n.clone(), BoxedUint::from(self.e), self.d.clone(), self.primes.clone());
        let (n, e, d, primes) = parts();
        if let Ok(key) = RsaPrivateKey::from_components(n, e, d, primes) {
            return Some(key);
        }
        // A prime that is longer than half of the modulus.
        let (n, e, d, primes) = parts();
        RsaPrivateKey::from_components_with_wide_primes(n, e, d, primes).ok()
    }

    /// A block to the power of the private exponent, by the modulus: what Go does with more than two primes.
    fn raised(&self, block: &[u8]) -> Result<Vec<u8>, Fault> {
        let number = self.number_of(block);
        if number >= self.n {
            return Err(FAILED.into());
        }
        if self.primes.len() == 2 && self.primes.iter().any(|prime| prime.is_even().into()) {
            return Err(Fault::panic(EVEN));
        }
        let raised = power(&number, &self.d, &self.n).ok_or(FAILED)?;
        Ok(self.block_of(&raised))
    }

    fn number_of(&self, block: &[u8]) -> BoxedUint {
        BoxedUint::from_be_slice_vartime(block).resize_unchecked(self.n.bits_precision())
    }

    /// A number as a block.
    fn block_of(&self, number: &BoxedUint) -> Vec<u8> {
        let bytes = number.to_be_bytes();
        let extra = bytes.len().saturating_sub(self.size());
        bytes[extra..].to_vec()
    }

    /// The signature of a digest, if it turns out right.
    fn sign_plainly(&self, digest: &[u8]) -> Result<Vec<u8>, Fault> {
        let filled = self.size().checked_sub(SHA256_INFO.len() + digest.len() + 3).ok_or(FAILED)?;
        let block = [&[0, 1][..], &vec![0xff; filled], &[0], SHA256_INFO, digest].concat();
        let signature = self.raised(&block)?;
        let opened = power(&self.number_of(&signature), &BoxedUint::from(self.e), &self.n).ok_or(FAILED)?;
        if self.block_of(&opened) == block { Ok(signature) } else { Err(FAILED.into()) }
    }
}

/// What a block of RSA-OAEP without a label holds: RFC 8017, section 7.1.2, step 3. All of the block is looked at before
/// anything is decided.
fn opened<D: Digest + FixedOutputReset>(block: &[u8]) -> Option<Vec<u8>> {
    let length = <D as Digest>::output_size();
    if block.len() < 2 * length + 2 {
        return None;
    }
    let (seed, data) = block[1..].split_at(length);
    let seed = masked::<D>(seed, data);
    let data = masked::<D>(data, &seed);
    let (label, rest) = data.split_at(length);
    let mut wrong = label.iter().zip(D::digest(b"")).fold(block[0], |wrong, (a, b)| wrong | (a ^ b));
    let (mut searching, mut start) = (1, 0);
    for (i, byte) in rest.iter().enumerate() {
        let is_end = u8::from(*byte == 1) & searching;
        start |= (i + 1) * usize::from(is_end);
        searching &= 1 - is_end;
        wrong |= byte * searching;
    }
    (wrong | searching == 0).then(|| rest[start..].to_vec())
}

/// The bytes under the mask that is made of a seed: RFC 8017, appendix B.2.1.
fn masked<D: Digest>(bytes: &[u8], seed: &[u8]) -> Vec<u8> {
    let blocks =
        (0_u32..).map(|count| D::new().chain_update(seed).chain_update(count.to_be_bytes()).finalize());
    bytes.iter().zip(blocks.flatten()).map(|(byte, mask)| byte ^ mask).collect()
}

#[cfg(test)]
mod tests {
    use rsa::RsaPublicKey;

    use super::super::rsa_key::tests::read;
    use super::*;
    use crate::run::Env;

    const KEYS: &[&str] =
        &["leaf.key", "primes3.key", "primes4.key", "rsa-uneven.key", "primes3-third-other.key"];

    #[test]
    fn keys_of_any_primes_sign() {
        let random = |buffer: &mut [u8]| buffer.fill(0x42);
        let env = Env { random: Some(&random), ..Env::default() };
        for name in KEYS {
            let key = read(name);
            let signature = key.sign(&mut Run::new(&env), b"message").unwrap();
            let public = RsaPublicKey::new_unchecked(key.n.clone(), BoxedUint::from(key.e));
            let digest = Sha256::digest(b"message");
            public.verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).unwrap();
            assert_eq!(key.sign_plainly(&digest).unwrap(), signature, "{name}");
        }
    }

    #[test]
    fn keys_of_other_primes_than_two_of_one_length_take_longer() {
        let steps = KEYS.iter().map(|name| read(name).steps_of_use());
        assert_eq!(steps.collect::<Vec<_>>(), [2048, 8 * 2048, 8 * 16384, 8 * 2048, 8 * 2048]);
    }

    #[test]
    fn the_crate_takes_every_key_whose_primes_make_the_modulus() {
        for name in KEYS {
            assert_eq!(read(name).in_crate().is_some(), *name != "primes3-third-other.key", "{name}");
        }
        assert!(read("rsa-tiny-e.key").in_crate().is_none());
    }

    #[test]
    fn what_is_hidden_is_found_in_either_way() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/");
        for (name, text) in [("leaf.key", "sha256"), ("primes3.key", "primes3"), ("primes4.key", "primes4")] {
            let key = read(name);
            let text = std::fs::read(format!("{path}oaep-{text}.bin")).unwrap();
            let found = opened::<Sha256>(&key.raised(&text).unwrap());
            assert_eq!(found.as_deref(), Some(&b"the hidden text"[..]), "{name}");
            let found = key.decrypt::<Sha256>(&mut Run::new(&Env::default()), &text).unwrap();
            assert_eq!(found, b"the hidden text", "{name}");
        }
    }

    #[test]
    fn a_block_with_one_wrong_byte_holds_nothing() {
        let sealed = |data: &[u8]| {
            let length = <Sha256 as Digest>::output_size();
            let (seed, data) = (vec![7; length], [&Sha256::digest(b"")[..], data].concat());
            let data = masked::<Sha256>(&data, &seed);
            [vec![0], masked::<Sha256>(&seed, &data), data].concat()
        };
        let held = |data: &[u8]| opened::<Sha256>(&sealed(data));
        assert_eq!(held(&[0, 0, 1, 5, 1, 6]).as_deref(), Some(&[5, 1, 6][..]));
        assert_eq!(held(&[1]).as_deref(), Some(&[][..]));
        assert_eq!((held(&[]), held(&[0, 0]), held(&[0, 2, 1, 5])), (None, None, None));
        let block = sealed(&[0, 1, 5]);
        assert!(opened::<Sha256>(&block).is_some());
        for i in 0..block.len() - 1 {
            let mut block = block.clone();
            block[i] ^= 0x10;
            assert_eq!(opened::<Sha256>(&block), None, "{i}");
        }
    }
}
