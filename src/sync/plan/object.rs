//! What is written into an object of another kind than Secret (reference 2.12).
//!
//! Where ESO's behaviour is not followed, on purpose: nothing is written if nothing differs; labels and annotations of others, and what
//! the object says of itself in `status`, stay.

use keyferry_stores::base::refs::Scope;
use serde_json::{Map, Value, json};

use super::{Failed, Plan, Refusal, Target, Want, relabel, take_ownership};
use crate::{
    api::{digest, external_secret::CreationPolicy},
    cluster::{
        DATA_HASH_ANNOTATION, Unsaid,
        generic::{GenericObject, ObjectKind},
    },
    sync::render::{authorize_object, generic::Content},
};

/// What is wanted of an object.
#[derive(Debug)]
pub struct Manifest {
    /// Its kind.
    pub kind: ObjectKind,
    /// What goes into it.
    pub content: Content,
}

impl Target for GenericObject {
    type Content = Manifest;
    const BY_CONTROLLER_ALONE: bool = true;

    fn noun(content: &Manifest) -> &str {
        &content.kind.kind
    }

    fn values(&self) -> Vec<Unsaid> {
        self.hidden()
    }

    fn unsaid(content: &Manifest) -> &[Unsaid] {
        &content.content.unsaid
    }

    fn plan_write(want: &Want<'_, Manifest>, have: Option<&Self>) -> Plan<Self> {
        match (desired(want, have), have) {
            (Err(refusal), _) => Plan::Refuse(refusal),
            (Ok(object), None) => Plan::Create(Box::new(object)),
            (Ok(object), Some(have)) if object == *have => Plan::Unchanged,
            (Ok(object), Some(_)) => Plan::Replace(Box::new(object), None),
        }
    }
}

/// The object as it is to be, built onto what is there.
///
/// # Errors
/// A refusal if somebody else controls it, or if the content does not fit into what is there.
pub fn desired(want: &Want<'_, Manifest>, have: Option<&GenericObject>) -> Result<GenericObject, Refusal> {
    let Manifest { kind, content } = want.rendered;
    let mut object = have.cloned().unwrap_or_else(|| GenericObject::new(kind.clone(), &want.key()));
    object.body = content.onto(base(want, have)).map_err(|error| Refusal { what: Failed::Update, error })?;
    relabel(&want.owner, &mut object.meta, &content.labels, &content.annotations);
    take_ownership(want, &kind.kind, &mut object.meta)?;
    if let Some(hash) = digest::of_content(&object.body) {
        object.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), hash);
    }
    let scope = Scope::Namespace(want.owner.namespace.into());
    authorize_object(&object, &scope).map_err(|error| Refusal { what: Failed::Update, error })?;
    Ok(object)
}

/// What the content is put onto: what is there, if it is merged into that, else nothing of it but its status.
fn base(want: &Want<'_, Manifest>, have: Option<&GenericObject>) -> Map<String, Value> {
    let merges = matches!(want.creation, CreationPolicy::Merge | CreationPolicy::CreateOrMerge);
    if let Some(have) = have.filter(|_| merges) {
        return have.body.clone();
    }
    let mut fresh = Map::from_iter([(content_field(&want.rendered.kind).to_string(), json!({}))]);
    let status = have.and_then(|have| have.body.get("status"));
    fresh.extend(status.map(|status| ("status".to_string(), status.clone())));
    fresh
}

/// Where objects of a kind have their content.
fn content_field(kind: &ObjectKind) -> &'static str {
    match (&*kind.api_version, &*kind.kind) {
        ("v1", "ConfigMap") => "data",
        _ => "spec",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use keyferry_stores::base::SecretBytes;

    use super::*;
    use crate::{
        api::external_secret::DeletionPolicy,
        cluster::{FieldOwner, ObjectKey},
        sync::plan::Owner,
    };

    const OWNER: Owner<'static> = Owner { namespace: "team", name: "es", uid: "uid-es", said: [""; 3] };

    fn manifest(api_version: &str, kind: &str) -> Manifest {
        let kind = ObjectKind { api_version: api_version.into(), kind: kind.into() };
        Manifest { kind, content: Content::default() }
    }

    static NOTHING: BTreeMap<String, SecretBytes> = BTreeMap::new();

    fn want(manifest: &Manifest, creation: CreationPolicy) -> Want<'_, Manifest> {
        Want {
            owner: OWNER,
            target: "out",
            creation,
            deletion: DeletionPolicy::Retain,
            empty: None,
            empty_since: None,
            values: &NOTHING,
            rendered: manifest,
        }
    }

    /// An object that somebody else wrote.
    fn foreign(manifest: &Manifest, body: Value) -> GenericObject {
        let Value::Object(body) = body else { panic!("an object") };
        let key = want(manifest, CreationPolicy::Owner).key();
        let mut object = GenericObject { body, ..GenericObject::new(manifest.kind.clone(), &key) };
        (object.meta.uid, object.meta.resource_version) = ("uid-out".into(), "7".into());
        object.meta.labels.insert("theirs".into(), "1".into());
        object
    }

    #[test]
    fn a_fresh_object_has_an_empty_content_where_its_kind_has_it() {
        for (api_version, kind, body) in [
            ("v1", "ConfigMap", json!({ "data": {} })),
            ("example.com/v1", "ConfigMap", json!({ "spec": {} })),
            ("example.com/v1", "Widget", json!({ "spec": {} })),
        ] {
            let manifest = manifest(api_version, kind);
            let made = desired(&want(&manifest, CreationPolicy::Owner), None).unwrap();
            assert_eq!(Value::Object(made.body), body, "{api_version} {kind}");
            assert_eq!(made.meta.key(), ObjectKey::new("team", "out"));
        }
    }

    #[test]
    fn an_owner_replaces_the_content_and_keeps_what_the_object_says_of_itself_and_others_of_it() {
        let manifest = manifest("example.com/v1", "Widget");
        let have = foreign(&manifest, json!({ "spec": { "a": 1 }, "other": 2, "status": { "ready": true } }));
        let made = desired(&want(&manifest, CreationPolicy::Owner), Some(&have)).unwrap();
        assert_eq!(Value::Object(made.body), json!({ "spec": {}, "status": { "ready": true } }));
        assert_eq!(made.meta.labels["theirs"], "1");
        assert_eq!((made.meta.uid.as_str(), made.meta.resource_version.as_str()), ("uid-out", "7"));
    }

    #[test]
    fn what_is_merged_keeps_the_whole_object() {
        let manifest = manifest("example.com/v1", "Widget");
        let body = json!({ "spec": { "a": 1 }, "other": 2 });
        for creation in [CreationPolicy::Merge, CreationPolicy::CreateOrMerge] {
            let have = foreign(&manifest, body.clone());
            let made = desired(&want(&manifest, creation), Some(&have)).unwrap();
            assert_eq!(Value::Object(made.body), body);
            assert!(made.meta.owners.is_empty());
        }
    }

    #[test]
    fn only_the_labels_that_we_wrote_before_go() {
        let manifest = manifest("v1", "ConfigMap");
        let mut have = foreign(&manifest, json!({ "data": {} }));
        have.meta.labels.insert("ours".into(), "1".into());
        have.meta.field_owners = vec![FieldOwner {
            manager: digest::field_manager("es"),
            labels: vec!["ours".into()],
            ..FieldOwner::default()
        }];
        let made = desired(&want(&manifest, CreationPolicy::Owner), Some(&have)).unwrap();
        assert!(made.meta.labels.contains_key("theirs") && !made.meta.labels.contains_key("ours"));
    }

    #[test]
    fn what_is_as_wanted_is_not_written_again() {
        let manifest = manifest("v1", "ConfigMap");
        let want = want(&manifest, CreationPolicy::Owner);
        let Plan::Create(mut have) = GenericObject::plan_write(&want, None) else { panic!("it is created") };
        (have.meta.uid, have.meta.resource_version) = ("u".into(), "7".into());
        assert!(matches!(GenericObject::plan_write(&want, Some(&have)), Plan::Unchanged));
        let changed = GenericObject { body: Map::new(), ..*have };
        assert!(matches!(GenericObject::plan_write(&want, Some(&changed)), Plan::Replace(_, None)));
    }
}
