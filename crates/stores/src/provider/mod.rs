//! The seam every store is behind, and the list of all providers.
//!
//! A provider is one folder: its configuration (the CRD fragment), its validation, its wire. The engine above sees
//! [`Store`]: batch first, one answer a key, in order.
//!
//! Whole-map reads, `property`, decoding, conversion, rewrite, merge and NUL checks are not here: `sync::shape` does them once.

pub mod aws;
pub mod calls;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
pub mod entry;
pub mod env;
pub mod fake;
#[cfg(any(test, feature = "testing"))]
pub mod held;
pub mod kubernetes;
pub mod list;
pub mod openbao;
pub mod vault;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use aws_lc_rs::digest;

use crate::base::{
    Error, Kind, Result,
    refs::{Ref, Scope},
};
pub use entry::{
    Absence, Access, Budget, Capabilities, Entry, Found, MapRule, Payload, PropertyRule, Query, RemoteKey,
    Want,
};
pub use env::{Credentials, Env, RetrySettings};

/// A 32-byte digest that names an identity or a quota. Two equal digests mean: the same bytes would go on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of labelled parts; every part is length-prefixed, so no two lists of parts collide by concatenation.
    #[must_use]
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Who asks, and what is known without a read.
#[derive(Debug, Clone, Copy)]
pub struct Consumer<'a> {
    /// The scope of the store, minted from the object that asks.
    pub scope: &'a Scope,
    /// Kind of the store (`SecretStore`, `ClusterSecretStore`).
    pub store_kind: &'a str,
    /// Name of the store.
    pub store_name: &'a str,
    /// The resolved references with their current versions, as `namespace/name@version`: a hash of UID and resourceVersion, or `?` where
    /// the object is not known. A changed credential is another identity.
    pub versions: &'a [String],
}

/// One problem of a configuration: the field and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path below the provider's key.
    pub field: String,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl Problem {
    /// A problem of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// What a probe finds out.
#[derive(Debug, Clone)]
pub enum Probe {
    /// The credential works.
    Ready,
    /// It cannot be told (reference 3.1: `ValidationUnknown` when an error comes with it).
    Unknown(Option<Error>),
}

/// One provider: a unit struct a folder, no state.
#[async_trait]
pub trait Provider: Send + Sync + 'static {
    /// The CRD fragment.
    type Config: serde::de::DeserializeOwned
        + serde::Serialize
        + schemars::JsonSchema
        + Debug
        + Clone
        + Send
        + Sync;

    /// May "not there" lead to a deletion?
    const ABSENCE: Absence;

    /// What a store of it may be used for (`status.capabilities`).
    const ACCESS: Access;

    /// True where ESO flags the provider as not maintained (an event on each validation).
    const UNMAINTAINED: bool = false;

    /// What is wrong with the configuration, without any I/O. CLI and controller both call it.
    fn validate(config: &Self::Config, scope: &Scope) -> Vec<Problem>;

    /// Objects of the cluster that it reads with the operator's rights: for scope checks, watches and the identity.
    fn refs(config: &Self::Config) -> Vec<Ref>;

    /// Everything that reaches the wire. Objects whose identity is equal share reads. The default is one identity per
    /// (configuration, credential versions, namespace of the consumer); a provider that proves more sharing says why.
    fn identity(config: &Self::Config, consumer: &Consumer<'_>) -> Digest {
        let namespace = consumer.scope.consumer().unwrap_or_default();
        identity_of(config, consumer, &[namespace])
    }

    /// The endpoint and account that share a request budget, whatever the store is called.
    fn quota(config: &Self::Config) -> Digest;

    /// The published budget of that quota.
    fn budget(config: &Self::Config) -> Budget;

    /// Opens the store; may read credentials and log in.
    ///
    /// # Errors
    /// Those of [`Credentials`] and of the login.
    async fn open(config: Self::Config, env: Env) -> Result<Arc<dyn Store>>;
}

/// An opened store; cheap to share, used from many tasks at once.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// One answer a key, in the order of `keys`, in as few calls as the API allows. Called with at most
    /// [`Capabilities::batch`] keys, and with a single key where one names a version. A refusal of a *batch call* is answered
    /// as [`Batch::Refused`]: the caller then reads singly.
    async fn get(&self, keys: &[RemoteKey]) -> Batch;

    /// All entries that match, or an error; never a part.
    ///
    /// # Errors
    /// `Unsupported` where the store cannot, `NotFound` where the folder is proven absent, the taxonomy otherwise.
    async fn find(&self, _query: &Query) -> Result<Vec<Found>> {
        Err(Error::new(Kind::Unsupported, "this provider does not support dataFrom.find"))
    }

    /// Proves the credential; reads no secret.
    ///
    /// # Errors
    /// The reason why the store cannot be used.
    async fn probe(&self) -> Result<Probe>;

    /// Ends what it holds outside (a leased token). Called once, when no object uses the store any more.
    async fn close(&self) {}
}

/// The answer to one call of [`Store::get`].
#[derive(Debug)]
pub enum Batch {
    /// One answer a key.
    Answers(Vec<Result<Entry>>),
    /// The store answers single reads, but this credential may not use the batch call.
    Refused(Error),
}

/// The default identity: configuration, credential versions, and what else the caller adds.
pub fn identity_of(config: &impl serde::Serialize, consumer: &Consumer<'_>, extra: &[&str]) -> Digest {
    // A configuration that does not serialise shares with nobody but itself; serde_json cannot fail on plain structs.
    let config = serde_json::to_vec(config).unwrap_or_default();
    let versions = consumer.versions.iter().map(String::as_bytes);
    Digest::of(
        std::iter::once(config.as_slice()).chain(versions).chain(extra.iter().map(|part| part.as_bytes())),
    )
}

/// The identity of a store whose configuration names all that it sends, so that consumers in different namespaces share exactly when
/// they hold the same credentials; `refs` is the number of its references. While one of them is not known, its version does not name
/// its namespace, so then the consumer's namespace keeps identities apart.
pub fn identity_of_credentials(
    config: &impl serde::Serialize,
    consumer: &Consumer<'_>,
    refs: usize,
) -> Digest {
    let known =
        consumer.versions.len() == refs && consumer.versions.iter().all(|version| !version.contains('?'));
    match consumer.scope.consumer() {
        Some(namespace) if !known => identity_of(config, consumer, &["unknown", namespace]),
        Some(_) | None => identity_of(config, consumer, &["shared"]),
    }
}
