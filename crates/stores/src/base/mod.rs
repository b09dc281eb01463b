//! What every other module stands on: values, no I/O.
//!
//! - [`error`]: the closed taxonomy. A kind is a meaning; edges decide what to do with it.
//! - [`secret`]: the one type that may hold secret bytes.
//! - [`clock`]: the one place that may ask the time.
//! - [`refs`]: references to Secrets, ConfigMaps and ServiceAccounts, and the [`refs::Scope`] that bounds them.
//! - [`duration`]: Go's duration syntax, in which the API speaks.
//! - [`pattern`]: Go's regular expressions, in which the API speaks.
//! - [`backoff`], [`limits`]: waits and bounds, each with its reason.

pub mod backoff;
pub mod clock;
pub mod duration;
pub mod error;
pub mod limits;
pub mod pattern;
pub mod refs;
pub mod secret;

pub use clock::Clock;
pub use error::{Error, Kind, Result};
pub use secret::SecretBytes;
