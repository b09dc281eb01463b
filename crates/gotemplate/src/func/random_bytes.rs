//! The rendering's source of random bytes in the form that the cryptographic crates take.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use crate::error::Fault;
use crate::run::Run;

/// Random bytes from the rendering's environment.
pub(super) struct Chance<'r, 'e>(&'r Run<'e>);

impl<'r, 'e> Chance<'r, 'e> {
    /// Fails here if there is no chance, so that it cannot fail later.
    pub(super) fn new(run: &'r Run<'e>) -> Result<Self, Fault> {
        run.random(&mut [0])?;
        Ok(Self(run))
    }
}

impl TryRng for Chance<'_, '_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, buffer: &mut [u8]) -> Result<(), Infallible> {
        // It did not fail in `new`, and an environment does not change.
        let filled = self.0.random(buffer);
        debug_assert!(filled.is_ok());
        Ok(())
    }
}

impl TryCryptoRng for Chance<'_, '_> {}

/// So many random bytes.
pub(super) fn random<const N: usize>(run: &Run<'_>) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    run.random(&mut bytes)?;
    Ok(bytes)
}
