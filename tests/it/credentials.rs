//! The objects of a cluster that stores refer to, held in memory: what a provider's tests against a real store run with.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keyferry_stores::base::clock::SystemClock;
use keyferry_stores::base::refs::{
    CaProvider, Ref, Scope, SecretKeySelector, ServiceAccount, ServiceAccountSelector,
};
use keyferry_stores::base::{Clock, Error, Kind, Result, SecretBytes};
use keyferry_stores::net::client::HttpPool;
use keyferry_stores::provider::env::{ServiceAccountToken, TokenRequest};
use keyferry_stores::provider::{Credentials, Env};

/// Makes the token of a ServiceAccount from its namespace, its name and the audiences.
pub(crate) type Tokens = Box<dyn Fn(&str, &str, &[String]) -> Result<String> + Send + Sync>;

/// A cluster in memory, seen within one scope.
pub(crate) struct InMemory {
    scope: Scope,
    secrets: BTreeMap<(String, String, String), SecretBytes>,
    accounts: BTreeMap<(String, String), BTreeMap<String, String>>,
    tokens: Tokens,
}

impl InMemory {
    /// A cluster without objects.
    pub(crate) fn new(scope: Scope) -> Self {
        let tokens: Tokens = Box::new(|_, name, _| Err(missing("serviceAccount", name)));
        Self { scope, secrets: BTreeMap::new(), accounts: BTreeMap::new(), tokens }
    }

    /// Adds a key of a Secret.
    pub(crate) fn secret(mut self, namespace: &str, name: &str, (key, value): (&str, &str)) -> Self {
        self.secrets.insert((namespace.into(), name.into(), key.into()), SecretBytes::from(value));
        self
    }

    /// Adds a ServiceAccount.
    pub(crate) fn account(mut self, namespace: &str, name: &str, annotations: &[(&str, &str)]) -> Self {
        let annotations = annotations.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string()));
        self.accounts.insert((namespace.into(), name.into()), annotations.collect());
        self
    }

    /// Sets how tokens are made.
    pub(crate) fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// The outside world with these credentials, real time, and no retries beyond the usual ones.
    pub(crate) fn env(self, store_name: &str, variables: &[(&str, &str)]) -> Env {
        let variables = variables.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string()));
        Env {
            http: Arc::new(HttpPool::default()),
            clock: Arc::new(SystemClock::new()),
            credentials: Arc::new(self),
            store_name: store_name.into(),
            variables: Arc::new(variables.collect()),
            calls: Arc::default(),
            retry: None,
        }
    }
}

impl fmt::Debug for InMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InMemory").field("scope", &self.scope).finish_non_exhaustive()
    }
}

#[async_trait]
impl Credentials for InMemory {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn secret(
        &self,
        field: &'static str,
        selector: &SecretKeySelector,
        default_key: &str,
    ) -> Result<SecretBytes> {
        let reference = Ref::secret(field, selector).ok_or_else(|| missing(field, "no name"))?;
        let found = self.scope.resolve(&reference)?;
        let key = selector.key.clone().unwrap_or_else(|| default_key.to_string());
        self.secrets
            .get(&(found.namespace, found.name.clone(), key))
            .cloned()
            .ok_or_else(|| missing(field, &found.name))
    }

    async fn ca(&self, field: &'static str, provider: &CaProvider) -> Result<Vec<u8>> {
        let found = self.scope.resolve(&Ref::ca(field, provider))?;
        let key = provider.key.clone().unwrap_or_default();
        let pem = self.secrets.get(&(found.namespace, found.name.clone(), key));
        pem.map(|pem| pem.expose().to_vec()).ok_or_else(|| missing(field, &found.name))
    }

    async fn service_account(
        &self,
        field: &'static str,
        selector: &ServiceAccountSelector,
    ) -> Result<ServiceAccount> {
        let found = self.scope.resolve(&Ref::service_account(field, selector))?;
        let annotations = self.accounts.get(&(found.namespace.clone(), found.name.clone())).cloned();
        let annotations = annotations.ok_or_else(|| missing(field, &found.name))?;
        Ok(ServiceAccount { namespace: found.namespace, name: found.name, annotations })
    }

    async fn token(&self, field: &'static str, request: &TokenRequest<'_>) -> Result<ServiceAccountToken> {
        let found = self.scope.resolve(&Ref::service_account(field, request.account))?;
        let value = (self.tokens)(&found.namespace, &found.name, request.audiences)?;
        let expires = SystemClock::new().now() + request.ttl.max(Duration::from_secs(600));
        Ok(ServiceAccountToken { value: SecretBytes::from(value), expires })
    }
}

fn missing(field: &'static str, name: &str) -> Error {
    Error::new(Kind::Unauthenticated, "the object is missing").with("field", field).with("name", name)
}
