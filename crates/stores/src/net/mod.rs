//! Transport: what every HTTP store shares.
//!
//! - [`client`]: shared clients, requests whose answers are bounded and whose failures have a kind.
//! - [`reach`]: which addresses a store may have.
//! - [`retry`]: the one retry loop below the controllers' schedule.
//! - [`token`]: tokens, fetched once for many.
//! - [`tls`]: certificates as stores name them.
//! - `scripted` (tests): a server that answers by script, and a recording proxy.

pub mod client;
pub mod reach;
pub mod retry;
#[cfg(any(test, feature = "testing"))]
pub mod scripted;
pub mod tls;
pub mod token;
