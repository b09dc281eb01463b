//! The kinds, their validation, ESO digests.

pub mod digest;
pub mod external_secret;
