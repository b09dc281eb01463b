//! One reconciler a kind, what they share of the cluster, and when their objects are due.
//!
//! - [`external_secret`], [`store`]: the reconcilers.
//! - [`world`]: what the watches tell, for both. [`schedule`]: when objects are due, and when they are tried again.
//! - `slow`: objects whose templates take long. `kin`: stores of one identity, whose objects are read together. [`table`]: their objects' state, for metrics.
//!
//! Each reconciler is one task that owns its objects' state, hears one message at a time and never waits for a store or the API server.
//! They never call each other: a status that one writes reaches the other through the watch.

pub mod external_secret;
mod kin;
pub mod schedule;
mod slow;
pub mod store;
pub mod table;
mod versions;
pub mod world;
