//! The private key of an exported certificate: PKCS #8, encrypted under a passphrase that was made for the one export.
//!
//! The ASN.1 is read by `pkcs8`; key derivation and cipher are those of aws-lc-rs, which the process has anyway.

use std::num::NonZeroU32;

use aws_lc_rs::{
    cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey},
    iv::FixedLength,
    pbkdf2,
};
use pkcs8::{
    EncryptedPrivateKeyInfoRef, LineEnding, SecretDocument,
    pkcs5::{
        self,
        pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Prf},
    },
};
use zeroize::Zeroizing;

use crate::base::{Error, Kind, Result, limits};

/// The key as the PEM of plain PKCS #8. A key that is plain already is handed on.
///
/// # Errors
/// `Malformed` for anything that is no encrypted key, is encrypted in a way that the service does not use, or does not open.
pub(super) fn decrypted(pem: &str, passphrase: &[u8]) -> Result<Zeroizing<String>> {
    let (label, document) = SecretDocument::from_pem(pem).map_err(|_| malformed("is not PEM"))?;
    if label == "PRIVATE KEY" {
        return Ok(Zeroizing::new(pem.to_string()));
    }
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|_| malformed("is not an encrypted PKCS #8 key"))?;
    let pkcs5::EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(malformed("is encrypted in another way than PBES2"));
    };
    let plain = opened(parameters, info.encrypted_data.as_bytes(), passphrase)?;
    let plain = SecretDocument::try_from(plain.as_slice()).map_err(|_| malformed("does not open"))?;
    plain.to_pem("PRIVATE KEY", LineEnding::LF).map_err(|_| malformed("does not open"))
}

fn opened(parameters: &Parameters, encrypted: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let (algorithm, iv) = match parameters.encryption {
        EncryptionScheme::Aes128Cbc { iv } => (&cipher::AES_128, iv),
        EncryptionScheme::Aes192Cbc { iv } => (&cipher::AES_192, iv),
        EncryptionScheme::Aes256Cbc { iv } => (&cipher::AES_256, iv),
        // The enum is open; the service writes AES in CBC mode.
        _ => return Err(malformed("has another cipher than AES in CBC mode")),
    };
    let mut key = Zeroizing::new(vec![0; parameters.encryption.key_size()]);
    derive(&parameters.kdf, passphrase, &mut key)?;
    let mut data = Zeroizing::new(encrypted.to_vec());
    let unopened = |_| malformed("does not open");
    let key = UnboundCipherKey::new(algorithm, &key).map_err(unopened)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(unopened)?;
    let plain = key.decrypt(&mut data, DecryptionContext::Iv128(FixedLength::from(iv))).map_err(unopened)?;
    Ok(Zeroizing::new(plain.to_vec()))
}

fn derive(kdf: &Kdf, passphrase: &[u8], key: &mut [u8]) -> Result<()> {
    let Kdf::Pbkdf2(parameters) = kdf else {
        return Err(malformed("has another key derivation than PBKDF2"));
    };
    let algorithm = match parameters.prf {
        Pbkdf2Prf::HmacWithSha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Pbkdf2Prf::HmacWithSha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Pbkdf2Prf::HmacWithSha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Pbkdf2Prf::HmacWithSha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(malformed("has another hash than SHA-1 or SHA-2 in its key derivation")),
    };
    let rounds = NonZeroU32::new(parameters.iteration_count);
    let rounds = rounds.filter(|rounds| rounds.get() <= limits::KEY_DERIVATION_ROUNDS);
    let rounds = rounds.ok_or_else(|| malformed("has a key derivation beyond the limit"))?;
    pbkdf2::derive(algorithm, rounds, parameters.salt.as_ref(), passphrase, key);
    Ok(())
}

fn malformed(what: &str) -> Error {
    Error::new(Kind::Malformed, format!("the exported private key {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Written by `openssl pkcs8 -topk8`, all with one passphrase and over one key.
    const PLAIN: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeYbBdpGw15TwxnbZ
U20C421QgXf6FVOBCH7Gxa/MFgmhRANCAAQ6wmyZesT79qY2X7vAJ0C0xLWx45Rv
OKuflp15lQwCtlneuKUI26zO3AUgi32SkxksRmePF6g8WP5xHAx+iC7F
-----END PRIVATE KEY-----
";
    const AES_256_SHA256: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAghPkJLuFljkAICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEECIJzAjRZsQcOe1GWMdDDBMEgZBt
+tS+fPbl7Z6jfFSMo3oUb+jc0tfHF1dMKjtl4qUnUVof2rD36N0M/nKiigzbrlrM
/Q2EvhQe8cgfe6jnYdzuN0tio2O6WiCJFOpsMz25hcenAzEMsRAYxCSxq5Ke28ui
mj2R2LNzpdlke3En0LVpo4n1vtWbAXjX0ntZcE8OVP57qPEptRRs0HI/P9S/kf4=
-----END ENCRYPTED PRIVATE KEY-----
";
    const AES_128_SHA1: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAj0qVD0atp2KQICCAAw
HQYJYIZIAWUDBAECBBDKdd5RpNDwqyAQIJeVW538BIGQbiLCp7RW8OdT+0U8bbvl
Wr71r3MKM+lfF0yFmyrko338KWXMnz82CR4AXYu52rtsrLfGDu3o3TocXx8qZXGW
6Xwwtq8cRGVWT3pe4KUuNNzLehHAZEpmpmTiW2yWg8rgg//SA9URDr9RViLbpphn
u9SU5nTPz9DzWb+Tx8KgzD9cTVAlLkQgdhO4VRsmIcad
-----END ENCRYPTED PRIVATE KEY-----
";
    const AES_192_SHA512: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAivo+07QjXDeAICCAAw
DAYIKoZIhvcNAgsFADAdBglghkgBZQMEARYEEIMoNzrRuwB8woMYh210u6gEgZDC
0L3r4BQuROmVgTZFPT+OOHy2qu+xM8FH0lrxYOdwDRkdKBDq9si6biXmZDvuNnjq
O2CTzh13V4g4c7K6Fqd2igakbkq0aUOXF+buje03I2LgxSDgHOo5gvn5JFV6izTx
FpZzt/jNHzfVPZm+8MieGRAWG3hL+jyuc8HFO9/QoQYCMlBif7qCeGeYYcsn5sc=
-----END ENCRYPTED PRIVATE KEY-----
";
    const SCRYPT: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHkME8GCSqGSIb3DQEFDTBCMCEGCSsGAQQB2kcECzAUBAgUKsHN0QLHBgICQAAC
AQgCAQEwHQYJYIZIAWUDBAEqBBDP7OJbOX0cHwEQ9cceiqOSBIGQtnIxmxcWjPmG
Qau27PH8Do8ybs9wvCKX9ZERNfomkv+c6yWi5Kfgc1gWOGjoV6ZAqDGxu/GW6iW9
IWlDlZ4ZE7MYxi3mDva3BXKrS7NDP4wv0lRC6B/L7FFfjXo/OGX0pbG87sFmMWqa
UbtEmSdp7lcXy/XDET0sr8f2n2/J7ck+wHCDqd02jHNefpA/hJPn
-----END ENCRYPTED PRIVATE KEY-----
";
    const PASSPHRASE: &[u8] = b"0123456789abcdef";

    #[test]
    fn a_key_opens_under_every_cipher_and_hash_that_the_service_may_use() {
        for encrypted in [AES_256_SHA256, AES_128_SHA1, AES_192_SHA512, PLAIN] {
            assert_eq!(*decrypted(encrypted, PASSPHRASE).unwrap(), PLAIN, "{encrypted}");
        }
    }

    #[test]
    fn what_does_not_open_is_malformed_and_not_shown() {
        let cut = AES_256_SHA256.replace("-----END", "AAAA\n-----END");
        let table = [
            (AES_256_SHA256, b"another".as_slice()),
            (SCRYPT, PASSPHRASE),
            ("x", PASSPHRASE),
            (&cut, PASSPHRASE),
        ];
        for (pem, passphrase) in table {
            let error = decrypted(pem, passphrase).unwrap_err();
            assert_eq!(error.kind(), Kind::Malformed, "{pem}");
            assert!(error.to_string().starts_with("the exported private key "), "{error}");
        }
    }
}
