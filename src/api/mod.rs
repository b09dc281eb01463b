//! The kinds, their rules, and the digests that ESO and we put on objects.

pub mod digest;
pub mod external_secret;
pub mod parse;
pub mod store;
pub mod validate;
