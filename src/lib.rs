//! keyferry keeps Kubernetes Secrets equal to what external secret stores hold.
//!
//! A module may use only those above its own row (`tests/it/layers.rs` enforces it). Below all of them stand the packages
//! `keyferry-stores` (secret bytes, errors, HTTP, every provider behind one seam), `gjson` (property paths) and `gotemplate` (Go templates).
//!
//! | # | module | holds |
//! |---|---|---|
//! | 0 | [`telemetry`] | logs, metrics, health |
//! | 1 | [`api`] | the kinds, their validation, ESO's digests; no kube but the derive macros |
//! | 2 | [`cluster`] | the only door to the API server; credentials with namespace scope |
//! | 3 | [`sync`] | the pull pipeline `fetch → shape → render → plan → apply → report`, the store pool, the gate |
//! | 4 | [`controller`] | one reconciler a kind, what they share of the cluster, and when objects are due |
//! | 5 | [`cli`] | the command line and all wiring |

pub mod api;
pub mod cli;
pub mod cluster;
pub mod controller;
pub mod sync;
pub mod telemetry;
