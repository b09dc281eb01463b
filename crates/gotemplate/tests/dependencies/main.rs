//! What this crate is built from.

#[cfg(test)]
mod tree;
