//! api

pub mod digest;
