//! Transport: shared HTTP clients, bounded answers, the one retry loop below the runner, tokens, TLS material.

pub mod client;
pub mod retry;
pub mod tls;
pub mod token;
