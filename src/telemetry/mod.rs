//! Logs, metrics, health: the process's own voice. Nothing here knows a kind or a store.

pub mod health;
pub mod logs;
pub mod metrics;
