//! What the API server calls a kind, and whether its objects lie in namespaces: found out by its own discovery.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyferry_stores::base::{Error, Kind, Result};
use serde::Deserialize;

use super::{feeds::ApiKind, generic::ObjectKind, kube::segment};

/// The kinds that were found. What was not found is asked for again each time: it may be installed at any moment. So there are never
/// more than the API server has.
#[derive(Debug, Default)]
pub(super) struct Kinds(Mutex<HashMap<ObjectKind, ApiKind>>);

impl Kinds {
    pub(super) fn get(&self, kind: &ObjectKind) -> Option<ApiKind> {
        self.known().get(kind).cloned()
    }

    pub(super) fn know(&self, kind: &ObjectKind, found: ApiKind) {
        self.known().insert(kind.clone(), found);
    }

    pub(super) fn forget(&self, kind: &ObjectKind) {
        self.known().remove(kind);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ObjectKind, ApiKind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of the document that lists the kinds of a group and version.
///
/// # Errors
/// `Invalid` if the apiVersion is none: nobody can serve it, and it must not become another path.
pub(super) fn document(kind: &ObjectKind) -> Result<String> {
    let path = match kind.api_version.split_once('/') {
        Some((group, version)) => {
            segment(group).and_then(|group| Ok(format!("/apis/{group}/{}", segment(version)?)))
        }
        None => segment(&kind.api_version).map(|version| format!("/api/{version}")),
    };
    path.map_err(|_| unknown(kind))
}

/// The document: an `APIResourceList`.
#[derive(Debug, Deserialize)]
pub(super) struct Served {
    resources: Option<Vec<ServedKind>>,
}

/// A kind, or a subresource of one.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ServedKind {
    /// The plural; of a subresource with its name behind a slash.
    name: String,
    kind: String,
    namespaced: bool,
}

impl Served {
    /// How objects of this kind are asked for.
    ///
    /// # Errors
    /// `Invalid` if it is not among them, or has no place in a namespace.
    pub(super) fn find(self, kind: &ObjectKind) -> Result<ApiKind> {
        let mut all = self.resources.unwrap_or_default().into_iter();
        let found = all.find(|served| *served.kind == *kind.kind && !served.name.contains('/'));
        let served = found.ok_or_else(|| unknown(kind))?;
        if !served.namespaced {
            return Err(cluster_scoped(kind));
        }
        let (group, version) = kind.api_version.split_once('/').unwrap_or(("", &kind.api_version));
        Ok(ApiKind {
            group: group.to_string().into(),
            version: version.to_string().into(),
            kind: kind.kind.to_string().into(),
            plural: served.name.into(),
        })
    }
}

/// A kind that the API server does not know.
pub(super) fn unknown(kind: &ObjectKind) -> Error {
    let ObjectKind { api_version, kind } = kind;
    let text = format!("no kind {kind:?} in {api_version:?}; is its CustomResourceDefinition installed?");
    Error::new(Kind::Invalid, text)
}

/// A kind whose objects lie in no namespace.
pub(super) fn cluster_scoped(kind: &ObjectKind) -> Error {
    let ObjectKind { api_version, kind } = kind;
    let text =
        format!("the kind {kind:?} in {api_version:?} is cluster-scoped; only a namespaced kind can be used");
    Error::new(Kind::Invalid, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an API server of version 1.36 answers, shortened.
    const CORE: &str = r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[
        {"name":"configmaps","singularName":"configmap","namespaced":true,"kind":"ConfigMap","verbs":["create","get"],"shortNames":["cm"]},
        {"name":"namespaces","singularName":"namespace","namespaced":false,"kind":"Namespace","verbs":["create"]},
        {"name":"namespaces/status","singularName":"","namespaced":false,"kind":"Namespace","verbs":["get"]},
        {"name":"replicationcontrollers/scale","singularName":"","namespaced":true,"group":"autoscaling","version":"v1","kind":"Scale","verbs":["get"]}]}"#;

    fn of(api_version: &str, kind: &str) -> ObjectKind {
        ObjectKind { api_version: api_version.into(), kind: kind.into() }
    }

    fn find(json: &str, kind: &ObjectKind) -> Result<String> {
        serde_json::from_str::<Served>(json).unwrap().find(kind).map(|found| found.path("n"))
    }

    #[test]
    fn a_kind_is_found_with_its_plural() {
        assert_eq!(find(CORE, &of("v1", "ConfigMap")).unwrap(), "/api/v1/namespaces/n/configmaps");
        let of_a_group = r#"{"resources":[{"name":"mice","kind":"Mouse","namespaced":true}]}"#;
        let path = find(of_a_group, &of("zoo.example/v1beta1", "Mouse")).unwrap();
        assert_eq!(path, "/apis/zoo.example/v1beta1/namespaces/n/mice");
    }

    #[test]
    fn what_cannot_be_a_target_is_invalid_with_the_remedy() {
        let table = [
            (CORE, "Secret", "is its CustomResourceDefinition installed?"),
            (CORE, "configmap", "is its CustomResourceDefinition installed?"),
            (CORE, "Scale", "is its CustomResourceDefinition installed?"),
            (CORE, "Namespace", "cluster-scoped"),
            (r#"{"resources":null}"#, "ConfigMap", "is its CustomResourceDefinition installed?"),
            ("{}", "ConfigMap", "is its CustomResourceDefinition installed?"),
        ];
        for (json, kind, told) in table {
            let error = find(json, &of("v1", kind)).unwrap_err();
            assert_eq!(error.kind(), Kind::Invalid, "{kind}");
            assert!(error.to_string().contains(told), "{kind}: {error}");
        }
    }

    #[test]
    fn an_api_version_never_becomes_another_path() {
        assert_eq!(document(&of("v1", "K")).unwrap(), "/api/v1");
        assert_eq!(document(&of("apps/v1", "K")).unwrap(), "/apis/apps/v1");
        for api_version in
            ["", "/", "/v1", "v1/", "..", "../v1", "a/b/c", "a/..", "v1?x", "v1#", "A/v1", "a%2fb"]
        {
            let refused = document(&of(api_version, "K")).unwrap_err();
            assert_eq!(refused.kind(), Kind::Invalid, "{api_version}");
        }
    }

    #[test]
    fn what_was_forgotten_is_not_known() {
        let (kinds, kind) = (Kinds::default(), of("v1", "ConfigMap"));
        kinds.know(&kind, ApiKind::CONFIG_MAP);
        assert!(kinds.get(&kind).is_some() && kinds.get(&of("v2", "ConfigMap")).is_none());
        kinds.forget(&kind);
        assert!(kinds.get(&kind).is_none());
    }
}
