//! `rsaDecrypt`: RSA-OAEP.

use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::private_key::PrivateKey;
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
    let plain = match &**digest {
        b"SHA1" => key.decrypt::<Sha1>(run, ciphertext),
        b"SHA512" => key.decrypt::<Sha512>(run, ciphertext),
        _ => key.decrypt::<Sha256>(run, ciphertext),
    };
    let plain = plain.map_err(|fault| match fault.is_limit() || fault.is_panic() {
        true => fault,
        false => Fault::new(format!("error decrypting data with RSA: {fault}")),
    })?;
    Ok(Value::str(plain))
}
