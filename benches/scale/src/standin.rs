//! A store that speaks Vault KV v2.
