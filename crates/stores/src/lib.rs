//! Secret stores behind one batch-first seam.
//!
//! Nothing here knows Kubernetes' client libraries; the `kubernetes` provider speaks REST through [`net`]. A module may use
//! only those above its own row (a test of the workspace enforces it):
//!
//! | # | module | holds |
//! |---|---|---|
//! | 0 | [`base`] | errors, secret bytes, clock, backoff, references, limits, durations; no I/O |
//! | 1 | [`net`] | shared HTTP clients, bounded answers, the one retry loop, token cache, TLS material |
//! | 2 | [`provider`] | the seam ([`provider::Provider`], [`provider::Store`]), one folder a backend, the list of all, the contract suite |
//!
//! To add a provider: one folder under `provider/`, one `mod` line and one row in the list (`docs/adding-a-provider.md`).

pub mod base;
pub mod net;
pub mod provider;
