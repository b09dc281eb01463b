//! `rsaDecrypt`: RSA-OAEP.

use rsa::traits::PublicKeyParts;
use rsa::{Oaep, RsaPrivateKey};
use sha1::Sha1;
use sha2::digest::{Digest, FixedOutputReset};
use sha2::{Sha256, Sha512};

use super::private_key::{PrivateKey, check_size, steps_of_use};
use super::random_bytes::Chance;
use super::{pem, read_key};
use crate::error::Fault;
use crate::func::{Args, Func};
use crate::run::Run;
use crate::types::Type;
use crate::value::Value;

/// The functions of this topic.
pub static ROWS: &[Func] = &[Func::fixed(
    "rsaDecrypt",
    &[Type::String, Type::String, Type::String, Type::String],
    Type::String,
    rsa_decrypt,
)];

fn rsa_decrypt(run: &mut Run<'_>, args: Args<'_>) -> Result<Value, Fault> {
    let (scheme, digest, ciphertext) = (args.str(0)?, args.str(1)?, args.str(2)?);
    match &**scheme {
        b"None" => return Ok(Value::Str(ciphertext.clone())),
        b"RSA-OAEP" => {}
        other => {
            let scheme = String::from_utf8_lossy(other);
            return Err(format!("decryption scheme {scheme} is not supported").into());
        }
    }
    run.spend(20_000)?;
    let (block, _) = pem::decode(args.str(3)?).ok_or("failed to decode PEM block")?;
    let key = read_key::any(run, &block.bytes)?
        .map_err(|refused| format!("could not parse private key: {refused}"))?;
    let PrivateKey::Rsa(key) = key else { return Err("could not parse RSA private key".into()) };
    let failed = |reason: &str| Fault::new(format!("error decrypting data with RSA: {reason}"));
    check_size(&key).map_err(|refused| failed(&refused))?;
    run.spend(steps_of_use(&key))?;
    let plain = match &**digest {
        b"SHA1" => decrypt::<Sha1>(run, &key, ciphertext),
        b"SHA512" => decrypt::<Sha512>(run, &key, ciphertext),
        _ => decrypt::<Sha256>(run, &key, ciphertext),
    };
    Ok(Value::str(plain.ok_or_else(|| failed("crypto/rsa: decryption error"))?))
}

/// A shorter text is a smaller number, as in Go. Without chance it works all the same, but the time that it takes may
/// tell something of the key.
fn decrypt<D: Digest + FixedOutputReset>(
    run: &Run<'_>,
    key: &RsaPrivateKey,
    ciphertext: &[u8],
) -> Option<Vec<u8>> {
    let zeros = key.size().checked_sub(ciphertext.len())?;
    let whole = [&vec![0; zeros][..], ciphertext].concat();
    let plain = match Chance::new(run) {
        Ok(mut chance) => key.decrypt_blinded(&mut chance, Oaep::<D>::new(), &whole),
        Err(_) => key.decrypt(Oaep::<D>::new(), &whole),
    };
    plain.ok()
}
