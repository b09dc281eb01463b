//! The objects of the cluster that a store refers to, bounded by its scope.
//!
//! Every method first lets the [`Scope`] settle the namespace and reads after that; there is no way around it, because this is the only
//! implementation of [`Credentials`] that the operator has. A missing object or key is a missing *credential* (`Unauthenticated`):
//! it comes back when the object does, and is never mistaken for a missing entry of a store.

use std::sync::Arc;

use async_trait::async_trait;
use keyferry_stores::{
    base::{
        Error, Kind, Result, SecretBytes,
        refs::{
            CaProvider, Ref, RefKind, Resolved, Scope, SecretKeySelector, ServiceAccount,
            ServiceAccountSelector,
        },
    },
    provider::env::{Credentials, ServiceAccountToken, TokenRequest},
};

use super::{Cluster, ObjectKey};

/// Credentials of one store.
#[derive(Debug, Clone)]
pub struct ScopedCredentials {
    cluster: Arc<dyn Cluster>,
    scope: Scope,
}

impl ScopedCredentials {
    /// Credentials bounded by the scope, which is minted from the object that is being reconciled.
    #[must_use]
    pub fn new(cluster: Arc<dyn Cluster>, scope: Scope) -> Self {
        Self { cluster, scope }
    }

    async fn secret_value(&self, at: &Resolved, key: &str) -> Result<SecretBytes> {
        let object = object(at);
        let read = self.cluster.get_secret(&object).await;
        let mut secret = read.map_err(|error| unread(error, "secret", &object))?;
        secret.data.remove(key).ok_or_else(|| missing_key("secret data", key))
    }

    async fn config_map_value(&self, at: &Resolved, key: &str) -> Result<Vec<u8>> {
        let object = object(at);
        let read = self.cluster.config_map(&object).await;
        let mut data = read.map_err(|error| unread(error, "configmap", &object))?;
        data.remove(key).map(String::into_bytes).ok_or_else(|| missing_key("configmap data", key))
    }

    fn account(&self, field: &'static str, selector: &ServiceAccountSelector) -> Result<ObjectKey> {
        let reference = Ref::service_account(field, selector);
        if reference.name.is_empty() {
            return Err(unnamed("serviceAccount", field));
        }
        self.scope.resolve(&reference).map(|at| object(&at))
    }
}

#[async_trait]
impl Credentials for ScopedCredentials {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    async fn secret(
        &self,
        field: &'static str,
        selector: &SecretKeySelector,
        default_key: &str,
    ) -> Result<SecretBytes> {
        let reference = Ref::secret(field, selector).filter(|reference| !reference.name.is_empty());
        let at = self.scope.resolve(&reference.ok_or_else(|| unnamed("secret", field))?)?;
        self.secret_value(&at, chosen(selector.key.as_deref(), default_key)).await
    }

    async fn ca(&self, field: &'static str, provider: &CaProvider) -> Result<Vec<u8>> {
        let reference = Ref::ca(field, provider);
        if reference.name.is_empty() {
            return Err(unnamed("caProvider", field));
        }
        let at = self.scope.resolve(&reference)?;
        let key = provider.key.as_deref().unwrap_or_default();
        match at.kind {
            RefKind::Secret => Ok(self.secret_value(&at, key).await?.expose().to_vec()),
            RefKind::ConfigMap => self.config_map_value(&at, key).await,
            RefKind::ServiceAccount => {
                Err(Error::new(Kind::Bug, "a ServiceAccount holds no CA").with("field", field))
            }
        }
    }

    async fn service_account(
        &self,
        field: &'static str,
        selector: &ServiceAccountSelector,
    ) -> Result<ServiceAccount> {
        let object = self.account(field, selector)?;
        let read = self.cluster.service_account(&object).await;
        read.map_err(|error| unread(error, "service account", &object))
    }

    async fn token(&self, field: &'static str, request: &TokenRequest<'_>) -> Result<ServiceAccountToken> {
        let object = self.account(field, request.account)?;
        let seconds = i64::try_from(request.ttl.as_secs()).unwrap_or(i64::MAX);
        let read = self.cluster.token(&object, request.audiences, seconds).await;
        read.map_err(|error| unread(error, "service account token", &object))
    }
}

fn object(at: &Resolved) -> ObjectKey {
    ObjectKey::new(&*at.namespace, &*at.name)
}

fn chosen<'a>(key: Option<&'a str>, default_key: &'a str) -> &'a str {
    key.filter(|key| !key.is_empty()).unwrap_or(default_key)
}

fn unnamed(what: &str, field: &'static str) -> Error {
    Error::new(Kind::Invalid, format!("the reference to a {what} has no name")).with("field", field)
}

/// What a failed read of a credential means, in ESO's words for Secrets. Only an absent object makes the credential missing; where
/// the API server did not answer, nothing is known about it.
fn unread(error: Error, what: &str, object: &ObjectKey) -> Error {
    let (namespace, name) = (object.namespace(), object.name());
    let sentence = format!("cannot get Kubernetes {what} \"{name}\" from namespace \"{namespace}\"");
    match error.kind() {
        Kind::NotFound => Error::new(Kind::Unauthenticated, sentence),
        Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Throttled
        | Kind::Unavailable
        | Kind::Conflict
        | Kind::Invalid
        | Kind::Unsupported
        | Kind::Refused
        | Kind::Malformed
        | Kind::Bug => error.within(sentence),
    }
}

/// ESO's words, without the object: the sentence stands behind the store's name.
fn missing_key(what: &str, key: &str) -> Error {
    Error::new(Kind::Unauthenticated, format!("cannot find {what} for key: \"{key}\""))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use keyferry_stores::base::refs::CaProviderType;

    use super::*;
    use crate::cluster::{Secret, fake::FakeCluster};

    const NAMESPACES: [&str; 2] = ["own", "other"];

    /// A cluster with the same objects in each namespace; every value names where it lies.
    fn cluster() -> FakeCluster {
        let cluster = FakeCluster::new();
        for namespace in NAMESPACES {
            let data =
                BTreeMap::from([("k".to_string(), namespace.into()), ("d".to_string(), "default".into())]);
            let key = ObjectKey::new(namespace, "s");
            cluster.put_secret(Secret { data, ..Secret::new(&key) }, "kubectl");
            cluster.put_config_map(&key, &[("k", namespace)]);
            cluster.put_service_account(&key, &[("in", namespace)]);
        }
        cluster
    }

    fn credentials(scope: Scope) -> ScopedCredentials {
        ScopedCredentials::new(Arc::new(cluster()), scope)
    }

    fn selector(namespace: Option<&str>) -> SecretKeySelector {
        SecretKeySelector {
            name: Some("s".into()),
            namespace: namespace.map(Into::into),
            key: Some("k".into()),
        }
    }

    /// Where each way to refer to an object leads under a scope, or the kind of its refusal.
    async fn reached(scope: &Scope, namespace: Option<&str>) -> [Result<String, Kind>; 5] {
        let credentials = credentials(scope.clone());
        let owned = namespace.map(str::to_string);
        let account = ServiceAccountSelector { name: "s".into(), namespace: owned.clone(), audiences: None };
        let ca =
            |kind| CaProvider { kind, name: "s".into(), key: Some("k".into()), namespace: owned.clone() };
        let request = TokenRequest { account: &account, audiences: &[], ttl: Duration::from_secs(600) };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let kind = |error: Error| error.kind();
        [
            credentials
                .secret("f", &selector(namespace), "")
                .await
                .map(|value| text(value.expose()))
                .map_err(kind),
            credentials
                .service_account("f", &account)
                .await
                .map(|found| found.annotations["in"].clone())
                .map_err(kind),
            credentials.token("f", &request).await.map(|token| text(token.value.expose())).map_err(kind),
            credentials.ca("f", &ca(CaProviderType::Secret)).await.map(|pem| text(&pem)).map_err(kind),
            credentials.ca("f", &ca(CaProviderType::ConfigMap)).await.map(|pem| text(&pem)).map_err(kind),
        ]
    }

    #[tokio::test]
    async fn sec_05_no_reference_of_any_kind_leaves_its_scope() {
        let (own, cluster) = (Scope::Namespace("own".into()), Scope::Cluster("own".into()));
        let named = |name: &str| -> Result<&'static str, Kind> {
            NAMESPACES.into_iter().find(|n| *n == name).ok_or(Kind::Bug)
        };
        let refused = Err(Kind::Refused);
        let table = [
            (&own, None, named("own"), named("own")),
            (&own, Some("own"), named("own"), named("own")),
            (&own, Some("other"), refused, refused),
            (&cluster, None, named("own"), refused),
            (&cluster, Some("other"), named("other"), named("other")),
            (&Scope::ClusterOnly, None, refused, refused),
            (&Scope::ClusterOnly, Some("other"), named("other"), named("other")),
        ];
        for (scope, namespace, plain, strict) in table {
            let token = plain.map(|name| format!("token-of-{name}/s"));
            let (plain, strict) = (plain.map(str::to_string), strict.map(str::to_string));
            let expected = [plain.clone(), plain, token, strict.clone(), strict];
            assert_eq!(reached(scope, namespace).await, expected, "{scope:?} {namespace:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_secret_is_a_missing_credential_in_esos_words() {
        let credentials = credentials(Scope::Namespace("own".into()));
        let absent = SecretKeySelector { name: Some("gone".into()), ..selector(None) };
        let error = credentials.secret("f", &absent, "").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthenticated);
        assert_eq!(error.to_string(), r#"cannot get Kubernetes secret "gone" from namespace "own""#);
    }

    #[tokio::test]
    async fn a_missing_key_is_a_missing_credential_in_esos_words() {
        let credentials = credentials(Scope::Namespace("own".into()));
        let other = SecretKeySelector { key: Some("x".into()), ..selector(None) };
        let error = credentials.secret("f", &other, "").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unauthenticated);
        assert_eq!(error.to_string(), r#"cannot find secret data for key: "x""#);
    }

    #[tokio::test]
    async fn the_default_key_stands_in_for_none() {
        let credentials = credentials(Scope::Namespace("own".into()));
        let keyless = SecretKeySelector { key: None, ..selector(None) };
        assert_eq!(credentials.secret("f", &keyless, "d").await.unwrap().expose(), b"default");
    }

    #[tokio::test]
    async fn a_reference_without_a_name_is_invalid_before_anything_is_read() {
        let credentials = credentials(Scope::Namespace("own".into()));
        let nameless = SecretKeySelector { name: None, ..selector(None) };
        assert_eq!(credentials.secret("f", &nameless, "").await.unwrap_err().kind(), Kind::Invalid);
    }

    #[tokio::test]
    async fn an_api_server_that_does_not_answer_proves_no_missing_credential() {
        let cluster = cluster();
        cluster.fail_next(crate::cluster::fake::Verb::Get, "secrets", Error::new(Kind::Unavailable, "down"));
        let credentials = ScopedCredentials::new(Arc::new(cluster), Scope::Namespace("own".into()));
        let error = credentials.secret("f", &selector(None), "").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
    }
}
