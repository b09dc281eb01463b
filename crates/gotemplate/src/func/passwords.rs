//! Passwords and what is encrypted with them: bcrypt, htpasswd, derivePassword, AES.

use aes::Aes256;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine, alphabet};
use cbc::{Decryptor, Encryptor};
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;

use super::cbc_mode;
use super::encoding::{base64_decode, base64_encode};
use super::random_bytes::random;
use crate::error::Fault;
use crate::func::{Args, Func};
use crate::run::Run;
use crate::types::{Kind, Type};
use crate::value::Value;

/// The base64 of bcrypt.
const BASE64: GeneralPurpose = GeneralPurpose::new(&alphabet::BCRYPT, NO_PAD);

const ALGORITHM: Type = Type::Named("sprig.HashAlgorithm", Kind::String);

/// The functions of this topic.
pub static ROWS: &[Func] = &[
    Func::fixed("bcrypt", &[Type::String], Type::String, |run, args| {
        Ok(Value::str(bcrypt(run, args.str(0)?)?))
    }),
    Func::fixed("htpasswd", &[Type::String, Type::String, ALGORITHM], Type::String, htpasswd),
    Func::fixed(
        "derivePassword",
        &[Type::Uint(crate::types::Uint::Uint32), Type::String, Type::String, Type::String, Type::String],
        Type::String,
        derive_password,
    ),
    Func::fixed("encryptAES", &[Type::String, Type::String], Type::String, encrypt_aes),
    Func::fixed("decryptAES", &[Type::String, Type::String], Type::String, decrypt_aes),
];

/// Two to the power of this many rounds: sprig's.
const COST: u32 = 10;

/// The longest password that bcrypt reads whole.
const MAX_BCRYPT: usize = 72;

fn bcrypt(run: &mut Run<'_>, password: &[u8]) -> Result<Vec<u8>, Fault> {
    let failed = |text: &str| format!("failed to encrypt string with bcrypt: bcrypt: {text}").into_bytes();
    if password.len() > MAX_BCRYPT {
        return Ok(failed("password length exceeds 72 bytes"));
    }
    // Half of what it takes, so that a file may have some dozens of users.
    run.spend(25_000)?;
    // It ends with a zero byte, unless it is as long as can be.
    let mut text = [password, &[0]].concat();
    text.truncate(MAX_BCRYPT);
    let salt = random(run)?;
    let hash = bcrypt::bcrypt(COST, salt, &text);
    // The last byte of the hash is not told, by anybody.
    Ok(format!("$2a${COST:02}${}{}", BASE64.encode(salt), BASE64.encode(&hash[..23])).into_bytes())
}

fn htpasswd(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (user, password) = (args.str(0)?, args.str(1)?);
    if user.contains(&b':') {
        return Ok(Value::str([b"invalid username: ", &**user].concat()));
    }
    let hash = match args.value(2).plain() {
        Value::Str(algorithm) if &*algorithm == b"sha" => {
            [b"{SHA}", base64_encode(&Sha1::digest(&**password)).as_bytes()].concat()
        }
        _ => bcrypt(run, password)?,
    };
    Ok(Value::str([&**user, b":", &hash].concat()))
}

/// The kinds of passwords, each with the patterns that one is chosen of.
const PATTERNS: &[(&str, &[&str])] = &[
    ("maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    (
        "long",
        &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
    ),
    ("medium", &["CvcnoCvc", "CvcCvcno"]),
    ("short", &["Cvcn"]),
    ("basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    ("pin", &["nnnn"]),
];

/// The characters that a letter of a pattern stands for.
const CHARACTERS: &[(u8, &str)] = &[
    (b'C', "BCDFGHJKLMNPQRSTVWXYZ"),
    (b'v', "aeiou"),
    (b'c', "bcdfghjklmnpqrstvwxyz"),
    (b'a', "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"),
    (b'n', "0123456789"),
    (b'o', "@&%?,=[]_:-+*$#!'^~;()/."),
    (b'x', "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()"),
];

const SCOPE: &[u8] = b"com.lyndir.masterpassword";

/// The Master Password algorithm.
fn derive_password(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let Value::Uint(_, counter) = args.value(0) else { return Err("the counter is no uint32".into()) };
    let kind = args.str(1)?;
    let Some((_, patterns)) = PATTERNS.iter().find(|(name, _)| name.as_bytes() == &**kind) else {
        return Ok(Value::str([b"cannot find password template ", &**kind].concat()));
    };
    run.spend(90_000)?;
    let (password, user, site) = (args.str(2)?, args.str(3)?, args.str(4)?);
    let mut key = [0; 64];
    let salt = [SCOPE, &(user.len() as u32).to_be_bytes(), user].concat();
    let derived = scrypt::Params::new(15, 8, 2).map(|cost| scrypt::scrypt(password, &salt, &cost, &mut key));
    if !matches!(derived, Ok(Ok(()))) {
        return Ok(Value::str("failed to derive password: scrypt: parameters are too large"));
    }
    let message =
        [SCOPE, &(site.len() as u32).to_be_bytes(), site, &(*counter as u32).to_be_bytes()].concat();
    let seed = hmac_sha256(&key, &message)?;
    let pattern = patterns[usize::from(seed[0]) % patterns.len()];
    let characters = pattern.bytes().zip(&seed[1..]).map(|(letter, chance)| {
        let choice = CHARACTERS.iter().find(|row| row.0 == letter).map_or("?", |row| row.1).as_bytes();
        choice[usize::from(*chance) % choice.len()]
    });
    Ok(Value::str(characters.collect::<Vec<u8>>()))
}

fn hmac_sha256(key: &[u8], message: &[u8]) -> Result<[u8; 32], Fault> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| "hmac: the key has a wrong length")?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().into())
}

const BLOCK: usize = 16;

/// The password with zeros behind it, or its first 32 bytes.
fn aes_key(password: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    for (to, from) in key.iter_mut().zip(password) {
        *to = *from;
    }
    key
}

fn encrypt_aes(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (password, plain) = (args.str(0)?, args.str(1)?);
    if plain.is_empty() {
        return Ok(Value::str(""));
    }
    run.make(plain.len().saturating_mul(2))?;
    let mut bytes = plain.to_vec();
    cbc_mode::pad(&mut bytes, BLOCK);
    let start: [u8; BLOCK] = random(run)?;
    cbc_mode::encrypt::<Encryptor<Aes256>>(&aes_key(password), &start, &mut bytes)?;
    Ok(Value::str(base64_encode(&[&start, &*bytes].concat())))
}

fn decrypt_aes(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (password, text) = (args.str(0)?, args.str(1)?);
    if text.is_empty() {
        return Ok(Value::str(""));
    }
    run.make(text.len())?;
    let bytes =
        base64_decode(text).map_err(|at| Fault::new(format!("illegal base64 data at input byte {at}")))?;
    let Some((start, rest)) = bytes.split_at_checked(BLOCK) else {
        // Go reserves three bytes for four characters, so its message has that number.
        let capacity = text.len() / 4 * 3;
        return Err(
            format!("runtime error: slice bounds out of range [:{BLOCK}] with capacity {capacity}").into()
        );
    };
    if !rest.len().is_multiple_of(BLOCK) {
        return Err("crypto/cipher: input not full blocks".into());
    }
    let mut plain = rest.to_vec();
    cbc_mode::decrypt::<Decryptor<Aes256>>(&aes_key(password), start, &mut plain)?;
    let padding = usize::from(*plain.last().ok_or("runtime error: index out of range [-1]")?);
    let Some(length) = plain.len().checked_sub(padding) else {
        let beyond = padding - plain.len();
        return Err(format!("runtime error: slice bounds out of range [:-{beyond}]").into());
    };
    plain.truncate(length);
    Ok(Value::str(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Env;

    #[test]
    fn what_is_encrypted_is_decrypted_with_the_same_password_alone() {
        let random = |buffer: &mut [u8]| buffer.fill(7);
        let env = Env { random: Some(&random), ..Env::default() };
        let mut run = Run::new(&env);
        let decrypted = |run: &mut Run<'_>, key: &str, text: &Value| {
            let value = decrypt_aes(run, Args::new(&[key.into(), text.clone()]));
            let Ok(Value::Str(text)) = value else { return None };
            Some(text.to_vec())
        };
        for plain in ["x", "sixteen bytes...", "more than sixteen bytes"] {
            let encrypted = encrypt_aes(&mut run, Args::new(&["key".into(), plain.into()])).unwrap();
            assert_eq!(decrypted(&mut run, "key", &encrypted).as_deref(), Some(plain.as_bytes()));
            assert_ne!(decrypted(&mut run, "another", &encrypted).as_deref(), Some(plain.as_bytes()));
        }
    }

    #[test]
    fn hashes_of_passwords_are_charged() {
        let random = |buffer: &mut [u8]| buffer.fill(7);
        let limits = crate::Limits { steps: 30_000, ..crate::Limits::default() };
        let env = Env { random: Some(&random), limits, ..Env::default() };
        let mut run = Run::new(&env);
        assert!(bcrypt(&mut run, b"secret").unwrap().starts_with(b"$2a$10$"));
        assert!(bcrypt(&mut run, b"secret").unwrap_err().is_limit());
    }
}
