//! The pull pipeline and what feeds it.

pub mod fetch;
pub mod gate;
pub mod stores;
