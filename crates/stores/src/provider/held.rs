//! For tests: the objects of a cluster that stores refer to, held in memory, and an [`Env`] around them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;

use super::env::{Credentials, Env, ServiceAccountToken, TokenRequest};
use crate::{
    base::{
        Clock, Error, Kind, Result, SecretBytes,
        refs::{
            CaProvider, Ref, RefKind, Resolved, Scope, SecretKeySelector, ServiceAccount,
            ServiceAccountSelector,
        },
    },
    net::client::HttpPool,
};

/// Makes the token of a ServiceAccount from its namespace, its name and the audiences.
pub type Tokens = Box<dyn Fn(&str, &str, &[String]) -> Result<String> + Send + Sync>;

/// A cluster in memory, seen within one scope.
pub struct Held {
    scope: Scope,
    values: BTreeMap<(Resolved, String), SecretBytes>,
    accounts: BTreeMap<Resolved, BTreeMap<String, String>>,
    tokens: Tokens,
    clock: Arc<dyn Clock>,
}

impl Held {
    /// A cluster without objects, whose clock does not wait.
    #[must_use]
    pub fn new(scope: Scope) -> Self {
        let tokens: Tokens = Box::new(|_, name, _| Err(missing("serviceAccount", name)));
        let clock = Arc::new(LeapingClock::default());
        Self { scope, values: BTreeMap::new(), accounts: BTreeMap::new(), tokens, clock }
    }

    /// Adds a key of a Secret.
    #[must_use]
    pub fn secret(self, namespace: &str, name: &str, pair: (&str, &str)) -> Self {
        self.value(RefKind::Secret, (namespace, name), pair)
    }

    /// Adds a key of a ConfigMap.
    #[must_use]
    pub fn config_map(self, namespace: &str, name: &str, pair: (&str, &str)) -> Self {
        self.value(RefKind::ConfigMap, (namespace, name), pair)
    }

    fn value(mut self, kind: RefKind, at: (&str, &str), (key, value): (&str, &str)) -> Self {
        self.values.insert((object(kind, at), key.to_string()), SecretBytes::from(value));
        self
    }

    /// Adds a ServiceAccount.
    #[must_use]
    pub fn account(mut self, namespace: &str, name: &str, annotations: &[(&str, &str)]) -> Self {
        self.accounts.insert(object(RefKind::ServiceAccount, (namespace, name)), owned(annotations));
        self
    }

    /// Sets how tokens are made. They live as long as they are asked for.
    #[must_use]
    pub fn tokens(mut self, tokens: Tokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The outside world with these credentials, these environment variables, and no retries beyond the usual ones.
    #[must_use]
    pub fn env(self, store_name: &str, variables: &[(&str, &str)]) -> Env {
        Env {
            http: Arc::new(HttpPool::default()),
            clock: self.clock.clone(),
            credentials: Arc::new(self),
            store_name: store_name.into(),
            variables: Arc::new(owned(variables)),
            calls: Arc::default(),
            retry: None,
        }
    }

    fn read(&self, reference: &Ref, key: &str) -> Result<&SecretBytes> {
        let at = self.scope.resolve(reference)?;
        let found = self.values.get(&(at, key.to_string()));
        found.ok_or_else(|| missing(reference.field, &reference.name))
    }
}

fn object(kind: RefKind, (namespace, name): (&str, &str)) -> Resolved {
    Resolved { kind, namespace: namespace.to_string(), name: name.to_string() }
}

fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect()
}

fn missing(field: &'static str, name: &str) -> Error {
    Error::new(Kind::Unauthenticated, "the object is missing").with("field", field).with("name", name)
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("scope", &self.scope).finish_non_exhaustive()
    }
}

#[async_trait]
impl Credentials for Held {
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
        self.read(&reference, selector.key.as_deref().unwrap_or(default_key)).cloned()
    }

    async fn ca(&self, field: &'static str, provider: &CaProvider) -> Result<Vec<u8>> {
        let key = provider.key.as_deref().unwrap_or_default();
        Ok(self.read(&Ref::ca(field, provider), key)?.expose().to_vec())
    }

    async fn service_account(
        &self,
        field: &'static str,
        selector: &ServiceAccountSelector,
    ) -> Result<ServiceAccount> {
        let at = self.scope.resolve(&Ref::service_account(field, selector))?;
        let annotations = self.accounts.get(&at).cloned().ok_or_else(|| missing(field, &at.name))?;
        Ok(ServiceAccount { namespace: at.namespace, name: at.name, annotations })
    }

    async fn token(&self, field: &'static str, request: &TokenRequest<'_>) -> Result<ServiceAccountToken> {
        let at = self.scope.resolve(&Ref::service_account(field, request.account))?;
        let value = (self.tokens)(&at.namespace, &at.name, request.audiences)?;
        let expires = self.clock.now() + request.ttl;
        Ok(ServiceAccountToken { value: SecretBytes::from(value), expires })
    }
}

/// A clock that leaps over every wait.
#[derive(Debug, Default)]
pub struct LeapingClock(Mutex<Timestamp>);

impl LeapingClock {
    /// Moves on by `wait`.
    pub fn leap(&self, wait: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add(wait).unwrap_or(Timestamp::MAX);
    }
}

#[async_trait]
impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep(&self, wait: Duration) {
        self.leap(wait);
        tokio::task::yield_now().await;
    }
}
