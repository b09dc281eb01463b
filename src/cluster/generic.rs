//! Objects of any kind as targets (`spec.target.manifest`, reference 2.12): how they are named, read and written, and what is kept of them.

use std::fmt;

use keyferry_stores::base::{Error, Kind, Result};
use serde_json::{Map, Value};
use zeroize::Zeroize;

use super::{
    DATA_HASH_ANNOTATION, HasMeta, Meta, ObjectKey,
    identity::{Uid, Version},
};
use crate::api::digest::of_content;

/// A kind as a user names it. What the API server calls it in URLs is found out there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKind {
    /// `v1`, `apps/v1`.
    pub api_version: Box<str>,
    /// `ConfigMap`.
    pub kind: Box<str>,
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.api_version, self.kind)
    }
}

/// A namespaced object of any kind, as far as it is ours to read and write.
#[derive(Clone, PartialEq)]
pub struct GenericObject {
    /// Its kind.
    pub kind: ObjectKind,
    /// Metadata. Who owns which key of `data` is not looked at.
    pub meta: Meta,
    /// Every field beside `apiVersion`, `kind` and `metadata`. It may hold what stores hold.
    pub body: Map<String, Value>,
}

impl GenericObject {
    /// An object that does not exist yet and holds nothing.
    #[must_use]
    pub fn new(kind: ObjectKind, key: &ObjectKey) -> Self {
        Self { kind, meta: Meta::new(key), body: Map::new() }
    }
}

impl HasMeta for GenericObject {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

/// Without the body: it may hold what stores hold.
impl fmt::Debug for GenericObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GenericObject({}/{})", self.kind, self.meta.key())
    }
}

/// What is kept of an object of any kind that bears the label [`MANAGED_LABEL`]: nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedObject {
    /// Namespace and name.
    pub key: ObjectKey,
    /// UID.
    pub uid: Uid,
    /// resourceVersion.
    pub resource_version: Version,
    /// The digest of its content ([`crate::api::digest::of_content`]); `None` if it has none.
    pub digest: Option<Box<str>>,
    /// True if nobody changed a value behind our back: the annotation [`super::DATA_HASH_ANNOTATION`] is the digest of the content, or the
    /// content is what the API server made of our own write.
    pub whole: bool,
}

impl ManagedObject {
    /// What is kept of an object, for our own writes' answers.
    #[must_use]
    pub fn of(object: &GenericObject) -> Self {
        let annotated = object.meta.annotations.get(DATA_HASH_ANNOTATION);
        let digest = of_content(&object.body);
        let whole = annotated.is_some() && annotated == digest.as_ref();
        let (uid, resource_version) =
            (object.meta.uid.as_str().into(), object.meta.resource_version.as_str().into());
        Self { key: object.meta.key(), uid, resource_version, digest: digest.map(Into::into), whole }
    }

    /// The same after a state that was seen before: what has the content of one that was whole is whole. The API server may fill in, drop or
    /// change fields of what we write, and then no digest of what we wrote is ever true.
    #[must_use]
    pub fn after(self, before: Option<&Self>) -> Self {
        let same = before.is_some_and(|before| before.uid == self.uid && before.digest == self.digest);
        Self { whole: self.whole || same && before.is_some_and(|before| before.whole), ..self }
    }
}

/// What stands beside the content in an object's JSON.
const BESIDE: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Refuses a content that would make another object of it: the API server takes the last of two fields of one name.
pub(super) fn check_content(object: &GenericObject) -> Result<()> {
    match BESIDE.iter().find(|field| object.body.contains_key(**field)) {
        Some(field) => {
            Err(Error::new(Kind::Invalid, format!("the content of an object cannot hold {field:?}")))
        }
        None => Ok(()),
    }
}

/// Overwrites every text in a content that is no longer needed.
pub(super) fn wipe(content: &mut Value) {
    match content {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(fields) => fields.values_mut().for_each(wipe),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::Secret;

    fn object(body: Value) -> GenericObject {
        let Value::Object(body) = body else { panic!("{body} is no object") };
        let kind = ObjectKind { api_version: "v1".into(), kind: "ConfigMap".into() };
        GenericObject { body, ..GenericObject::new(kind, &ObjectKey::new("n", "c")) }
    }

    #[test]
    fn what_the_api_server_made_of_our_write_is_whole_until_its_content_changes() {
        let seen = |uid: &str, body: Value| {
            let mut object = object(body);
            object.meta.uid = uid.into();
            ManagedObject::of(&object)
        };
        let written = ManagedObject { whole: true, ..seen("u", json!({ "spec": { "a": 1, "default": 2 } })) };
        let same = || seen("u", json!({ "spec": { "a": 1, "default": 2 }, "status": { "ready": true } }));
        assert!(!same().after(None).whole && same().after(Some(&written)).whole);
        let changed = seen("u", json!({ "spec": { "a": 1, "default": 3 } }));
        assert!(!changed.after(Some(&written)).whole);
        assert!(!seen("v", json!({ "spec": { "a": 1, "default": 2 } })).after(Some(&written)).whole);
    }

    #[test]
    fn a_changed_value_makes_the_data_hash_untrue() {
        let mut object = object(json!({ "data": { "a": "1" } }));
        assert!(!ManagedObject::of(&object).whole);
        let digest = of_content(&object.body).unwrap();
        object.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), digest);
        assert!(ManagedObject::of(&object).whole);
        object.body["data"]["a"] = json!("2");
        assert!(!ManagedObject::of(&object).whole);
        object.body.clear();
        assert!(!ManagedObject::of(&object).whole);
    }

    #[test]
    fn a_content_that_names_another_object_is_refused() {
        for field in BESIDE {
            let refused = check_content(&object(json!({ "data": {}, field: {} })));
            assert_eq!(refused.unwrap_err().kind(), Kind::Invalid, "{field}");
        }
        assert!(check_content(&object(json!({ "data": { "kind": "x" }, "spec": {} }))).is_ok());
    }

    #[test]
    fn debug_shows_keys_of_labels_and_annotations_alone() {
        let marked = || [("key".to_string(), "marker-value".to_string())].into();
        let meta = Meta { labels: marked(), annotations: marked(), ..Meta::new(&ObjectKey::new("n", "c")) };
        let shown = format!("{:?}", Secret { meta, ..Secret::default() });
        assert!(shown.matches("key").count() == 2 && !shown.contains("marker"), "{shown}");
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?}", object(json!({ "data": { "a": "marker-value" } })));
        assert_eq!(shown, "GenericObject(v1 ConfigMap/n/c)");
    }

    #[test]
    fn texts_are_overwritten_however_deep() {
        let mut content = json!({ "a": ["x", { "b": "y" }], "c": 1, "d": null, "e": "z" });
        wipe(&mut content);
        assert_eq!(content, json!({ "a": ["", { "b": "" }], "c": 1, "d": null, "e": "" }));
    }
}
