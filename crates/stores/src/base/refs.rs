//! References from a store to objects in the cluster, and the scope that bounds them (reference 1.3, 3.3).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::{Error, Kind, Result};

/// A key of a Secret. Empty fields are absent fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeySelector {
    /// Name of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub name: Option<String>,
    /// Its namespace; only a cluster-scoped store may name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
    /// The key in its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DATA_KEY))]
    pub key: Option<String>,
}

/// A ServiceAccount whose token is requested.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountSelector {
    /// Name of the ServiceAccount.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub name: String,
    /// Its namespace; only a cluster-scoped store may name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
    /// Audiences of the token, besides those the store needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
}

/// Where a CA certificate lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaProvider {
    /// Kind of the object.
    #[serde(rename = "type")]
    pub kind: CaProviderType,
    /// Name of the object.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub name: String,
    /// The key that holds the PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DATA_KEY))]
    pub key: Option<String>,
    /// Its namespace; only a cluster-scoped store may, and must, name one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = DNS_LABEL))]
    pub namespace: Option<String>,
}

/// Kinds that may hold a CA certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum CaProviderType {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
}

/// Pattern of a DNS-1123 subdomain.
pub const DNS_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Pattern of a DNS-1123 label.
pub const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Pattern of a key of a Secret or ConfigMap.
pub const DATA_KEY: &str = "^[-._a-zA-Z0-9]+$";

/// Kinds of objects that a store may read with the operator's own rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RefKind {
    /// A Secret.
    Secret,
    /// A ConfigMap.
    ConfigMap,
    /// A ServiceAccount.
    ServiceAccount,
}

/// A reference as the configuration names it: kind, name and, if given, namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref {
    /// Kind of the object.
    pub kind: RefKind,
    /// The field that holds the reference, as a path below the provider's key (`auth.tokenSecretRef`), for messages.
    pub field: &'static str,
    /// Name of the object.
    pub name: String,
    /// Namespace, if the configuration names one.
    pub namespace: Option<String>,
    /// True where a cluster-scoped store must name the namespace (`caProvider`).
    pub strict: bool,
}

impl Ref {
    /// A reference to a key of a Secret; `None` if it has no name.
    #[must_use]
    pub fn secret(field: &'static str, selector: &SecretKeySelector) -> Option<Self> {
        let name = selector.name.clone()?;
        Some(Self {
            kind: RefKind::Secret,
            field,
            name,
            namespace: selector.namespace.clone(),
            strict: false,
        })
    }

    /// A reference to a ServiceAccount.
    #[must_use]
    pub fn service_account(field: &'static str, selector: &ServiceAccountSelector) -> Self {
        let (name, namespace) = (selector.name.clone(), selector.namespace.clone());
        Self { kind: RefKind::ServiceAccount, field, name, namespace, strict: false }
    }

    /// A reference to the object that holds a CA.
    #[must_use]
    pub fn ca(field: &'static str, provider: &CaProvider) -> Self {
        let kind = match provider.kind {
            CaProviderType::Secret => RefKind::Secret,
            CaProviderType::ConfigMap => RefKind::ConfigMap,
        };
        Self { kind, field, name: provider.name.clone(), namespace: provider.namespace.clone(), strict: true }
    }
}

/// A reference with its namespace settled by a [`Scope`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Resolved {
    /// Kind of the object.
    pub kind: RefKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Which namespaces the references of one store may name, minted from the object that is being reconciled. There is no way to
/// widen one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A namespaced store: its own namespace only.
    Namespace(String),
    /// A cluster-scoped store used from a namespace: the namespaces it names, else the consumer's (referent authentication).
    Cluster(String),
    /// A cluster-scoped store without a consumer (validation): only the namespaces it names.
    ClusterOnly,
}

impl Scope {
    /// The namespace of the consumer, if there is one.
    #[must_use]
    pub fn consumer(&self) -> Option<&str> {
        match self {
            Self::Namespace(namespace) | Self::Cluster(namespace) => Some(namespace),
            Self::ClusterOnly => None,
        }
    }

    /// Settles the namespace of a reference.
    ///
    /// # Errors
    /// `Refused` if a namespaced store names another namespace, or a cluster-scoped one omits a required one.
    pub fn resolve(&self, reference: &Ref) -> Result<Resolved> {
        let refuse = |what: &str| {
            Error::new(Kind::Refused, what).with("field", reference.field).with("name", &reference.name)
        };
        let namespace = match (self, reference.namespace.as_deref()) {
            (Self::Namespace(own), None) => own,
            (Self::Namespace(own), Some(named)) if own == named => own,
            (Self::Namespace(_), Some(_)) => {
                return Err(refuse(
                    "namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore",
                ));
            }
            (Self::Cluster(_) | Self::ClusterOnly, Some(named)) => named,
            (Self::Cluster(_) | Self::ClusterOnly, None) if reference.strict => {
                return Err(refuse("cluster scope requires namespace"));
            }
            (Self::Cluster(consumer), None) => consumer,
            (Self::ClusterOnly, None) => {
                return Err(refuse("the namespace is that of the consumer, and there is none"));
            }
        };
        let (kind, name) = (reference.kind, reference.name.clone());
        Ok(Resolved { kind, namespace: namespace.to_string(), name })
    }

    /// True if some reference takes the namespace of a consumer that is not there: such a store cannot be judged on its own.
    #[must_use]
    pub fn is_referent(&self, references: &[Ref]) -> bool {
        *self == Self::ClusterOnly
            && references.iter().any(|reference| reference.namespace.is_none() && !reference.strict)
    }
}

/// A ServiceAccount, as far as providers read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(namespace: Option<&str>) -> Ref {
        let selector =
            SecretKeySelector { name: Some("s".into()), namespace: namespace.map(Into::into), key: None };
        Ref::secret("auth.tokenSecretRef", &selector).unwrap()
    }

    #[test]
    fn sec_05_a_namespaced_store_reaches_its_own_namespace_only() {
        let scope = Scope::Namespace("a".into());
        assert_eq!(scope.resolve(&secret(None)).unwrap().namespace, "a");
        assert_eq!(scope.resolve(&secret(Some("a"))).unwrap().namespace, "a");
        assert_eq!(scope.resolve(&secret(Some("b"))).unwrap_err().kind(), Kind::Refused);
    }

    #[test]
    fn a_cluster_store_falls_back_to_the_consumer_but_not_for_a_ca() {
        let scope = Scope::Cluster("team".into());
        assert_eq!(scope.resolve(&secret(None)).unwrap().namespace, "team");
        assert_eq!(scope.resolve(&secret(Some("vault"))).unwrap().namespace, "vault");
        let ca =
            CaProvider { kind: CaProviderType::ConfigMap, name: "ca".into(), key: None, namespace: None };
        assert_eq!(scope.resolve(&Ref::ca("caProvider", &ca)).unwrap_err().kind(), Kind::Refused);
    }

    #[test]
    fn a_referent_store_is_known_before_it_is_opened() {
        assert!(Scope::ClusterOnly.is_referent(&[secret(None)]));
        assert!(!Scope::ClusterOnly.is_referent(&[secret(Some("vault"))]));
        assert!(!Scope::Cluster("team".into()).is_referent(&[secret(None)]));
    }
}
