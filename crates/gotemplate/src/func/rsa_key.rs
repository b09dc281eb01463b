//! The numbers of RSA keys: checked as Go's `crypto/rsa` checks them, with its error texts, and written as `crypto/x509`
//! writes them.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, ConcatenatingMul, Integer, NonZero, Odd, Resize};

use super::der::{self, Refused, trimmed};

/// The numbers of a private key as they are given, big-endian.
pub(super) struct RsaNumbers<'a> {
    pub(super) n: &'a [u8],
    pub(super) e: i64,
    pub(super) d: &'a [u8],
    /// Two or more, whether they are prime or not.
    pub(super) primes: Vec<&'a [u8]>,
    /// What [`RsaKey::remainders`] holds, if all of it is given.
    pub(super) remainders: Option<[&'a [u8]; 3]>,
}

/// A private key that Go takes for one. With more than two primes they need not fit the modulus, nor the private
/// exponent the public one: Go does not look.
#[derive(Clone)]
pub(super) struct RsaKey {
    pub(super) n: BoxedUint,
    pub(super) e: u32,
    pub(super) d: BoxedUint,
    pub(super) primes: Vec<BoxedUint>,
    /// `d mod p-1`, `d mod q-1` and the inverse of `q mod p`.
    pub(super) remainders: [BoxedUint; 3],
    /// For each prime after the second `d` modulo the prime less one, and the inverse of the product of those before it.
    further: Vec<[BoxedUint; 2]>,
}

/// The steps that it takes to do something with an RSA key whose modulus has so many bytes: the third power of the bits,
/// 2000 steps for 2048 of them, a million for 16384.
pub(super) fn steps_of_modulus(bytes: usize) -> u64 {
    let cube = (bytes as u128).saturating_mul(8).saturating_pow(3);
    u64::try_from(cube >> 22).unwrap_or(u64::MAX)
}

/// The steps that it takes to multiply and divide numbers that have so many bytes together.
fn steps_of_product(bytes: usize) -> u64 {
    (bytes as u64).saturating_pow(2) >> 10
}

/// The steps that it takes to find an inverse by a modulus of so many bytes: a million for 16384.
fn steps_of_inverse(bytes: usize) -> u64 {
    (bytes as u64).saturating_pow(2) >> 8
}

fn number(bytes: &[u8]) -> BoxedUint {
    match trimmed(bytes) {
        [] => BoxedUint::zero(),
        bytes => BoxedUint::from_be_slice_vartime(bytes),
    }
}

fn bytes(number: &BoxedUint) -> Vec<u8> {
    number.to_be_bytes_trimmed_vartime().into_vec()
}

/// `bigmod.NewModulus`.
fn modulus(bytes: &[u8]) -> Result<BoxedUint, Refused> {
    match trimmed(bytes) {
        [] | [1] => Err("modulus must be > 1".into()),
        bytes => Ok(number(bytes)),
    }
}

/// `Nat.SetBytes`: the number, as wide as the modulus, if it is below it.
fn below(bytes: &[u8], modulus: &BoxedUint) -> Result<BoxedUint, Refused> {
    const WORD: usize = 8;
    let wide = modulus.bits_vartime().div_ceil(8) as usize;
    if trimmed(bytes).len() > wide.next_multiple_of(WORD) {
        return Err("input overflows the modulus size".into());
    }
    let number = number(bytes);
    if number >= *modulus {
        return Err("input overflows the modulus".into());
    }
    Ok(number.resize_unchecked(modulus.bits_precision()))
}

/// The number less a small one, which it is not below.
fn less(number: &BoxedUint, small: u32) -> BoxedUint {
    number.wrapping_sub(BoxedUint::from(small))
}

/// What is left of the number; as wide as the modulus. Without a modulus nothing is left.
fn rem(number: &BoxedUint, modulus: &BoxedUint) -> BoxedUint {
    match NonZero::new(modulus.clone()).into_option() {
        Some(modulus) => number.rem(&modulus),
        None => BoxedUint::zero_with_precision(modulus.bits_precision()),
    }
}

/// A power by an odd modulus, in a time that tells nothing of the exponent but its width.
pub(super) fn power(base: &BoxedUint, exponent: &BoxedUint, modulus: &BoxedUint) -> Option<BoxedUint> {
    let parameters = BoxedMontyParams::new(Odd::new(modulus.clone()).into_option()?);
    Some(BoxedMontyForm::new(rem(base, modulus), &parameters).pow(exponent).retrieve())
}

/// `big.Int.ModInverse`.
fn inverse(number: &BoxedUint, modulus: &BoxedUint) -> Result<BoxedUint, Refused> {
    let inverse = NonZero::new(modulus.clone()).into_option().and_then(|modulus| {
        let reduced = number.rem(&modulus);
        reduced.invert_mod(&modulus).into_option()
    });
    inverse.ok_or_else(|| "crypto/rsa: prime factors are not relatively prime".into())
}

/// `checkPublicKey`.
fn check_public(n: &BoxedUint, e: i64) -> Result<u32, Refused> {
    if bool::from(n.is_even()) {
        return Err("crypto/rsa: public modulus is even".into());
    }
    if e < 2 {
        return Err("crypto/rsa: public exponent too small or negative".into());
    }
    if e % 2 == 0 {
        return Err("crypto/rsa: public exponent is even".into());
    }
    i32::try_from(e).map(i32::cast_unsigned).map_err(|_| "crypto/rsa: public exponent too large".into())
}

impl RsaNumbers<'_> {
    /// The steps that it takes to see whether the numbers fit each other.
    pub(super) fn steps(&self) -> u64 {
        let n = trimmed(self.n).len();
        // However short a number is, it takes a word.
        let primes = || self.primes.iter().map(|prime| trimmed(prime).len().max(8));
        let products = steps_of_product(n + trimmed(self.d).len() + primes().sum::<usize>());
        // A power by the first prime, if its inverse is not given. Primes longer than the modulus are refused before.
        let power = match self.remainders {
            None => steps_of_modulus(primes().next().unwrap_or_default().min(n)).saturating_mul(4),
            Some(_) => 0,
        };
        steps_of_modulus(n).max(power).max(products).saturating_add(self.steps_of_inverses())
    }

    /// With more than two primes an inverse is found by each but the second.
    fn steps_of_inverses(&self) -> u64 {
        let [p, _, others @ ..] = &self.primes[..] else { return 0 };
        let inverses = others.iter().chain([p]).map(|prime| steps_of_inverse(trimmed(prime).len()));
        if others.is_empty() { 0 } else { inverses.fold(0, u64::saturating_add) }
    }

    /// The key, if Go takes it for one: `PrivateKey.Precompute` and `PrivateKey.Validate`.
    pub(super) fn key(&self) -> Result<RsaKey, Refused> {
        match self.primes[..] {
            [p, q] => self.of_two(p, q),
            _ => self.of_many(),
        }
    }

    /// `NewPrivateKeyWithPrecomputation`, or `NewPrivateKey`.
    fn of_two(&self, p: &[u8], q: &[u8]) -> Result<RsaKey, Refused> {
        let [n, p, q] = [modulus(self.n)?, modulus(p)?, modulus(q)?];
        let d = below(self.d, &n)?;
        let given = match self.remainders {
            Some([dp, dq, inverse]) => Some([number(dp), number(dq), below(inverse, &p)?]),
            None => {
                for prime in [&p, &q] {
                    modulus(&bytes(&less(prime, 1)))?;
                }
                if bool::from(p.is_even()) {
                    return Err("crypto/rsa: p is even".into());
                }
                None
            }
        };
        let e = check_public(&n, self.e)?;
        // From here on no number is longer than the modulus.
        if p >= n || q >= n {
            return Err("crypto/rsa: invalid prime".into());
        }
        if !bool::from(rem(&p.concatenating_mul(&q), &n).is_zero()) {
            return Err("crypto/rsa: p * q != n".into());
        }
        let remainders = given.unwrap_or_else(|| computed(&d, &p, &q));
        let key = RsaKey { n, e, d, primes: vec![p, q], remainders, further: Vec::new() };
        key.check_remainders()?;
        key.check_sizes()?;
        Ok(key)
    }

    /// `NewPrivateKeyWithoutCRT` and `precomputeLegacy`.
    fn of_many(&self) -> Result<RsaKey, Refused> {
        let n = modulus(self.n)?;
        let d = below(self.d, &n)?;
        let e = check_public(&n, self.e)?;
        let primes: Vec<BoxedUint> = self.primes.iter().map(|prime| number(prime)).collect();
        let [p, q, others @ ..] = &primes[..] else { return Err("crypto/rsa: missing primes".into()) };
        if primes.iter().any(|prime| *prime <= BoxedUint::one()) {
            return Err("crypto/rsa: prime factor is <= 1".into());
        }
        let of_d = |prime: &BoxedUint| rem(&d, &less(prime, 1));
        let remainders = [of_d(p), of_d(q), inverse(q, p)?];
        let mut product = p.concatenating_mul(q);
        let mut further = Vec::with_capacity(others.len());
        for prime in others {
            further.push([of_d(prime), inverse(&product, prime)?]);
            product = product.concatenating_mul(prime);
        }
        Ok(RsaKey { n, e, d, primes, remainders, further })
    }
}

/// What Go computes where it is not given, if `p` is odd. Its inverse is one by Fermat's little theorem, and for numbers
/// that are not prime none.
fn computed(d: &BoxedUint, p: &BoxedUint, q: &BoxedUint) -> [BoxedUint; 3] {
    let inverse = power(q, &less(p, 2), p).unwrap_or_else(BoxedUint::zero);
    [rem(d, &less(p, 1)), rem(d, &less(q, 1)), inverse]
}

fn is_one(number: &BoxedUint) -> bool {
    *number == BoxedUint::one()
}

impl RsaKey {
    /// A key that has just been made.
    pub(super) fn of_parts(parts: &impl rsa::traits::PrivateKeyParts) -> Result<Self, Refused> {
        let primes: Vec<Vec<u8>> = parts.primes().iter().map(|prime| bytes(prime)).collect();
        let [n, e, d] = [parts.n().as_ref(), parts.e(), parts.d()].map(bytes);
        let e = e.iter().fold(0, |e, byte| e << 8 | i64::from(*byte));
        let primes = primes.iter().map(Vec::as_slice).collect();
        RsaNumbers { n: &n, e, d: &d, primes, remainders: None }.key()
    }

    /// The bits of the modulus.
    pub(super) fn bits(&self) -> u32 {
        self.n.bits_vartime()
    }

    /// The bytes of the modulus.
    pub(super) fn size(&self) -> usize {
        self.bits().div_ceil(8) as usize
    }

    /// That the remainders are those of these primes, and `e` the inverse of `d`: the middle of `checkPrivateKey`.
    fn check_remainders(&self) -> Result<(), Refused> {
        let [dp, dq, inverse] = &self.remainders;
        for (prime, exponent) in self.primes.iter().zip([dp, dq]) {
            let order = less(prime, 1);
            if order <= BoxedUint::one() {
                return Err("crypto/rsa: invalid prime".into());
            }
            let is_inverse = || is_one(&rem(&exponent.concatenating_mul(BoxedUint::from(self.e)), &order));
            if *exponent >= order || !is_inverse() {
                return Err("crypto/rsa: invalid CRT exponent".into());
            }
        }
        if !is_one(&rem(&self.primes[1].concatenating_mul(inverse), &self.primes[0])) {
            return Err("crypto/rsa: invalid CRT coefficient".into());
        }
        for ((prime, exponent), name) in self.primes.iter().zip([dp, dq]).zip(["dP", "dQ"]) {
            if rem(&self.d, &less(prime, 1)) != *exponent {
                return Err(format!("crypto/rsa: d does not match {name}"));
            }
        }
        Ok(())
    }

    /// That the key withstands what is known against keys of small numbers: the end of `checkPrivateKey`.
    fn check_sizes(&self) -> Result<(), Refused> {
        let half = i64::from(self.bits() / 2);
        let [low, high] = if self.primes[0] < self.primes[1] { [0, 1] } else { [1, 0] };
        let distance = self.primes[high].wrapping_sub(&self.primes[low]).bits_vartime();
        if distance == 0 {
            return Err("crypto/rsa: p == q".into());
        }
        if i64::from(distance) <= half - 100 {
            return Err("crypto/rsa: |p - q| too small".into());
        }
        if i64::from(self.d.bits_vartime()) <= half {
            return Err("crypto/rsa: d too small".into());
        }
        Ok(())
    }

    /// `x509.MarshalPKCS1PrivateKey`.
    pub(super) fn to_pkcs1(&self) -> Vec<u8> {
        let write = |number: &BoxedUint| der::number(&bytes(number));
        let version = der::small(u32::from(self.primes.len() > 2));
        let first = [&self.n, &BoxedUint::from(self.e), &self.d, &self.primes[0], &self.primes[1]].map(write);
        let remainders = self.remainders.each_ref().map(write);
        let further: Vec<u8> = self
            .primes
            .iter()
            .skip(2)
            .zip(&self.further)
            .flat_map(|(prime, [exponent, inverse])| {
                der::sequence(&[&write(prime), &write(exponent), &write(inverse)])
            })
            .collect();
        let further = if further.is_empty() { Vec::new() } else { der::sequence(&[&further]) };
        der::sequence(&[&version, &first.concat(), &remainders.concat(), &further])
    }

    /// `x509.MarshalPKCS1PublicKey` takes these: modulus and exponent.
    pub(super) fn public(&self) -> (Vec<u8>, i64) {
        (bytes(&self.n), self.e.into())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::private_key::PrivateKey;
    use super::super::read_key;
    use super::*;
    use crate::run::{Env, Run};

    pub(in super::super) fn read(name: &str) -> RsaKey {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificates/");
        let text = std::fs::read(format!("{path}{name}")).unwrap();
        match read_key::from_pem(&mut Run::new(&Env::default()), &text) {
            Ok(Ok(PrivateKey::Rsa(key))) => *key,
            _ => panic!("{name} is no RSA key"),
        }
    }

    /// What is said of a key with some of its numbers changed.
    fn refusal(key: &RsaKey, change: impl FnOnce(&mut RsaNumbers<'_>)) -> Option<String> {
        let [n, d] = [&key.n, &key.d].map(bytes);
        let primes: Vec<Vec<u8>> = key.primes.iter().map(bytes).collect();
        let remainders = key.remainders.each_ref().map(bytes);
        let mut numbers = RsaNumbers {
            n: &n,
            e: key.e.into(),
            d: &d,
            primes: primes.iter().map(Vec::as_slice).collect(),
            remainders: Some(remainders.each_ref().map(Vec::as_slice)),
        };
        change(&mut numbers);
        numbers.key().err()
    }

    #[test]
    fn numbers_that_do_not_fit_are_no_key() {
        let key = read("leaf.key");
        let refusal = |change: fn(&mut RsaNumbers<'_>)| refusal(&key, change);
        assert_eq!(refusal(|_| {}), None);
        assert_eq!(refusal(|key| key.remainders = None), None);
        assert_eq!(refusal(|key| key.e = 3).unwrap(), "crypto/rsa: invalid CRT exponent");
        let first = |key: &mut RsaNumbers<'_>| key.remainders.iter_mut().for_each(|all| all[0] = &[1]);
        assert_eq!(refusal(first).unwrap(), "crypto/rsa: invalid CRT exponent");
        let last = |key: &mut RsaNumbers<'_>| key.remainders.iter_mut().for_each(|all| all[2] = &[1]);
        assert_eq!(refusal(last).unwrap(), "crypto/rsa: invalid CRT coefficient");
        assert_eq!(refusal(|key| key.primes[1] = key.primes[0]).unwrap(), "crypto/rsa: p * q != n");
        assert_eq!(refusal(|key| key.primes[1] = &[]).unwrap(), "modulus must be > 1");
        assert_eq!(refusal(|key| key.d = &[3]).unwrap(), "crypto/rsa: d does not match dP");
    }

    #[test]
    fn numbers_longer_than_the_modulus_are_not_multiplied() {
        let (n, huge) = ([0xff; 256], vec![0xff; 4 << 20]);
        let refusal = |d: &[u8], primes: Vec<&[u8]>, remainders| {
            RsaNumbers { n: &n, e: 3, d, primes, remainders }.key().err().unwrap()
        };
        assert_eq!(refusal(&[1], vec![&huge, &huge], None), "crypto/rsa: invalid prime");
        assert_eq!(refusal(&huge, vec![&n, &n], None), "input overflows the modulus size");
        assert_eq!(refusal(&huge, vec![&n, &n, &n], None), "input overflows the modulus size");
        let remainders = Some([&*huge, &huge, &huge]);
        assert_eq!(refusal(&[1], vec![&[0xff], &[1, 1],], remainders), "input overflows the modulus size");
    }

    #[test]
    fn what_it_takes_grows_with_the_third_power_of_the_bits_or_the_second_of_all_primes() {
        assert_eq!([128, 256, 512].map(steps_of_modulus), [256, 2048, 16384]);
        assert_eq!(steps_of_modulus(2048), 1 << 20);
        assert_eq!(steps_of_modulus(usize::MAX), u64::MAX);
        let primes = vec![&[3][..]; 100_000];
        let many = RsaNumbers { n: &[15], e: 3, d: &[1], primes, remainders: None };
        assert!(many.steps() > 100_000_000, "{}", many.steps());
        let long = vec![7; 30_000];
        let of_two = RsaNumbers { n: &[15], e: 3, d: &[1], primes: vec![&[3], &long], remainders: None };
        let of_three = |primes| RsaNumbers { primes, n: &[15], e: 3, d: &[1], remainders: None }.steps();
        assert!(of_two.steps() < 1_000_000, "{}", of_two.steps());
        assert!(of_three(vec![&[3], &long, &[7]]) < 1_000_000);
        assert!(of_three(vec![&long, &[3], &[7]]) > 4_000_000);
        assert!(of_three(vec![&[3], &[7], &long]) > 4_000_000);
        let long = vec![7; 1 << 20];
        let long = RsaNumbers { n: &[15], e: 3, d: &[1], primes: vec![&long; 3], remainders: None };
        assert!(long.steps() > 1_000_000_000, "{}", long.steps());
    }

    #[test]
    fn powers_and_inverses_are_those_of_small_numbers() {
        let small = |number: u64| BoxedUint::from(number);
        assert_eq!(power(&small(7), &small(13), &small(15)), Some(small(7)));
        assert_eq!(power(&small(7), &small(13), &small(16)), None);
        for (number, modulus, want) in [(3, 10, 7), (13, 10, 7), (1, 2, 1), (5, 8, 5), (2, 9, 5), (7, 3, 1)] {
            assert_eq!(inverse(&small(number), &small(modulus)), Ok(small(want)), "{number} {modulus}");
            let wide = small(modulus).concatenating_mul(small(1 << 40)).concatenating_mul(small(1 << 40));
            let number = wide.wrapping_add(small(number));
            assert_eq!(inverse(&number, &small(modulus)), Ok(small(want)), "{number} {modulus}");
        }
        for (number, modulus) in [(2, 10), (0, 2), (4, 8), (9, 3)] {
            assert!(inverse(&small(number), &small(modulus)).is_err(), "{number} {modulus}");
        }
    }
}
