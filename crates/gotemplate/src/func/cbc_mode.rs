//! Cipher block chaining, with the padding of PKCS#7.

use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

/// What Go panics with.
pub(super) const WRONG_START: &str = "cipher.NewCBCDecrypter: IV length must equal block size";

/// Encrypts whole blocks.
pub(super) fn encrypt<C: KeyIvInit + BlockModeEncrypt>(
    key: &[u8],
    start: &[u8],
    bytes: &mut [u8],
) -> Result<(), &'static str> {
    let mut cipher = C::new_from_slices(key, start).map_err(|_| WRONG_START)?;
    for block in bytes.chunks_exact_mut(C::block_size()) {
        cipher.encrypt_block(block.try_into().map_err(|_| WRONG_START)?);
    }
    Ok(())
}

/// Decrypts whole blocks.
pub(super) fn decrypt<C: KeyIvInit + BlockModeDecrypt>(
    key: &[u8],
    start: &[u8],
    bytes: &mut [u8],
) -> Result<(), &'static str> {
    decrypt_with(C::new_from_slices(key, start).map_err(|_| WRONG_START)?, bytes)
}

/// Decrypts whole blocks.
pub(super) fn decrypt_with<C: BlockModeDecrypt>(mut cipher: C, bytes: &mut [u8]) -> Result<(), &'static str> {
    for block in bytes.chunks_exact_mut(C::block_size()) {
        cipher.decrypt_block(block.try_into().map_err(|_| WRONG_START)?);
    }
    Ok(())
}

/// Fills the last block; adds one if it is full.
pub(super) fn pad(bytes: &mut Vec<u8>, block: usize) {
    let count = block - bytes.len() % block;
    bytes.extend(std::iter::repeat_n(count as u8, count));
}

/// The bytes without their padding, if there is one.
pub(super) fn unpadded(bytes: &[u8], block: usize) -> Option<&[u8]> {
    let count = usize::from(*bytes.last()?);
    let (plain, padding) = bytes.split_at_checked(bytes.len().checked_sub(count)?)?;
    let right = (1..=block).contains(&count) && padding.iter().all(|byte| usize::from(*byte) == count);
    right.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_taken_off_if_it_is_whole() {
        let mut bytes = b"abc".to_vec();
        pad(&mut bytes, 4);
        assert_eq!(unpadded(&bytes, 4), Some(&b"abc"[..]));
        pad(&mut bytes, 4);
        assert_eq!(bytes, b"abc\x01\x04\x04\x04\x04");
        for wrong in [&b"abc\0"[..], b"ab\x01\x02", b"a\x05\x05\x05\x05\x05", b"\x02", b""] {
            assert_eq!(unpadded(wrong, 4), None);
        }
    }
}
