//! The whole outside world of a provider. What is not here, a provider cannot reach.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{
    base::{
        Clock, Result, SecretBytes,
        refs::{CaProvider, Scope, SecretKeySelector, ServiceAccount, ServiceAccountSelector},
    },
    net::{
        client::{HttpPool, Trust},
        tls,
    },
};

use super::calls::Calls;
pub use crate::net::retry::RetrySettings;

/// Everything a provider may use.
#[derive(Debug, Clone)]
pub struct Env {
    /// Shared HTTP clients.
    pub http: Arc<HttpPool>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Objects of the cluster, bounded by the scope of the store.
    pub credentials: Arc<dyn Credentials>,
    /// The name of the store, which some stores tag their sessions with; its kind follows from the credentials' scope.
    pub store_name: Arc<str>,
    /// The process's environment variables that concern stores (`AWS_*`), read once at start.
    pub variables: Arc<BTreeMap<String, String>>,
    /// Where every call of a store's API is counted.
    pub calls: Arc<Calls>,
    /// Retries, from the store's `spec.retrySettings`; `None` where the store has none.
    pub retry: Option<RetrySettings>,
}

impl Env {
    /// Whom to trust, from a store's `caBundle` and `caProvider` (the bundle wins); `field` is the path of the latter. With
    /// neither, the platform's certificate authorities.
    ///
    /// # Errors
    /// `Invalid` for a bundle that is no certificate; those of [`Credentials::ca`].
    pub async fn trust(
        &self,
        field: &'static str,
        bundle: Option<&str>,
        provider: Option<&CaProvider>,
    ) -> Result<Trust> {
        let ca = match (bundle.filter(|bundle| !bundle.is_empty()), provider) {
            (Some(bundle), _) => Some(tls::ca_bundle(bundle.as_bytes())?),
            (None, Some(provider)) => Some(self.credentials.ca(field, provider).await?),
            (None, None) => None,
        };
        Ok(Trust { ca, client: None })
    }
}

/// A requested ServiceAccount token.
#[derive(Debug, Clone)]
pub struct ServiceAccountToken {
    /// The token.
    pub value: SecretBytes,
    /// When it ends.
    pub expires: Timestamp,
}

/// The cluster's objects that a store refers to. The scope is enforced here, once: every method resolves the selector with the
/// store's [`Scope`] before it reads.
///
/// Errors of all methods: `Refused` (scope), `Unauthenticated` (object or key is missing: the credential is missing, and comes
/// back when the object does), `Forbidden` (the operator may not read it), `Unavailable`.
#[async_trait]
pub trait Credentials: Send + Sync + Debug {
    /// The scope that bounds this store.
    fn scope(&self) -> &Scope;

    /// The value of a key of a Secret; `default_key` where the selector names none.
    async fn secret(
        &self,
        field: &'static str,
        selector: &SecretKeySelector,
        default_key: &str,
    ) -> Result<SecretBytes>;

    /// The PEM that a `caProvider` names.
    async fn ca(&self, field: &'static str, provider: &CaProvider) -> Result<Vec<u8>>;

    /// A ServiceAccount, for its annotations.
    async fn service_account(
        &self,
        field: &'static str,
        selector: &ServiceAccountSelector,
    ) -> Result<ServiceAccount>;

    /// A token of a ServiceAccount by TokenRequest, with these audiences only (empty = the API server's own).
    async fn token(&self, field: &'static str, request: &TokenRequest<'_>) -> Result<ServiceAccountToken>;
}

/// A TokenRequest.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// Whose token.
    pub account: &'a ServiceAccountSelector,
    /// Its audiences.
    pub audiences: &'a [String],
    /// Its life; the API server grants at least 600 s.
    pub ttl: Duration,
}
