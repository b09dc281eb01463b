//! The pull pipeline: `fetch → shape → render → plan → apply → report`. What lies between fetch and apply is pure.

pub mod plan;
pub mod render;
pub mod report;
pub mod shape;
