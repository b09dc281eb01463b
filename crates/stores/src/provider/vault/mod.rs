//! Vault
mod auth;
mod json;
mod path;
mod wire;
