//! The one retry loop of this crate.
