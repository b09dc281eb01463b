//! Logs, metrics, health: the process's own voice. Nothing here knows a kind or a store.

pub mod health;
#[cfg(test)]
pub(crate) mod leak;
pub mod logs;
pub mod metrics;
