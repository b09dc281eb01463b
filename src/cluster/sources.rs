//! ConfigMaps and Secrets that an object uses as templates, read within its scope: the [`Scope`] settles the namespace first, and there
//! is no way around it.
//!
//! That such an object is not there says nothing about any entry of a store: it is `Invalid`, and never `NotFound`.

use std::collections::BTreeMap;

use keyferry_stores::base::{
    Error, Kind, Result, SecretBytes,
    refs::{Ref, RefKind, Resolved, Scope},
};

use super::{Cluster, ObjectKey};

/// The texts of an object by their keys.
pub type Texts = BTreeMap<String, SecretBytes>;

/// Reads an object.
///
/// # Errors
/// `Invalid` if it is not there, in ESO's words; `Refused` if the scope does not reach it; else why it could not be read.
pub async fn read(cluster: &dyn Cluster, scope: &Scope, reference: &Ref) -> Result<Texts> {
    let at = scope.resolve(reference)?;
    texts(cluster, &at).await.map_err(|error| unread(&at, error))
}

async fn texts(cluster: &dyn Cluster, at: &Resolved) -> Result<Texts> {
    let key = ObjectKey::new(&at.namespace, &at.name);
    match at.kind {
        RefKind::Secret => Ok(cluster.get_secret(&key).await?.data),
        RefKind::ConfigMap => {
            let data = cluster.config_map(&key).await?;
            Ok(data.into_iter().map(|(key, text)| (key, SecretBytes::from(text))).collect())
        }
        RefKind::ServiceAccount => Err(Error::new(Kind::Bug, "a ServiceAccount holds no templates")),
    }
}

fn unread(at: &Resolved, error: Error) -> Error {
    let plural = match at.kind {
        RefKind::Secret => "secrets",
        RefKind::ConfigMap => "configmaps",
        RefKind::ServiceAccount => "serviceaccounts",
    };
    match error.kind() {
        Kind::NotFound => Error::new(Kind::Invalid, format!("{plural} {:?} not found", at.name)),
        Kind::Unauthenticated
        | Kind::Forbidden
        | Kind::Throttled
        | Kind::Unavailable
        | Kind::Conflict
        | Kind::Invalid
        | Kind::Unsupported
        | Kind::Refused
        | Kind::Malformed
        | Kind::Bug => error.within(format!("{plural} {:?} cannot be read", at.name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{
        Secret,
        fake::{FakeCluster, Verb},
    };

    fn reference(kind: RefKind, namespace: Option<&str>) -> Ref {
        let namespace = namespace.map(str::to_string);
        Ref { kind, field: "templateFrom", name: "tpl".into(), namespace, strict: false }
    }

    fn cluster() -> FakeCluster {
        let cluster = FakeCluster::new();
        for namespace in ["own", "other"] {
            let key = ObjectKey::new(namespace, "tpl");
            cluster.put_config_map(&key, &[("k", namespace)]);
            let data = BTreeMap::from([("k".to_string(), namespace.into())]);
            cluster.put_secret(Secret { data, ..Secret::new(&key) }, "kubectl");
        }
        cluster
    }

    #[tokio::test]
    async fn sec_05_templates_come_from_the_own_namespace_and_from_no_other() {
        let (cluster, scope) = (cluster(), Scope::Namespace("own".into()));
        for kind in [RefKind::Secret, RefKind::ConfigMap] {
            let texts = read(&cluster, &scope, &reference(kind, None)).await.unwrap();
            assert_eq!(texts["k"].expose(), b"own");
            let error = read(&cluster, &scope, &reference(kind, Some("other"))).await.unwrap_err();
            assert_eq!(error.kind(), Kind::Refused);
        }
    }

    #[tokio::test]
    async fn a_missing_object_is_told_in_esos_words_and_is_no_absent_entry() {
        let scope = Scope::Namespace("third".into());
        for (kind, text) in [
            (RefKind::ConfigMap, "configmaps \"tpl\" not found"),
            (RefKind::Secret, "secrets \"tpl\" not found"),
        ] {
            let error = read(&cluster(), &scope, &reference(kind, None)).await.unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Invalid, text));
        }
    }

    #[tokio::test]
    async fn an_api_server_that_does_not_answer_proves_nothing() {
        let cluster = cluster();
        cluster.fail_next(Verb::Get, "configmaps", Error::new(Kind::Unavailable, "down"));
        let scope = Scope::Namespace("own".into());
        let error = read(&cluster, &scope, &reference(RefKind::ConfigMap, None)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
    }
}
