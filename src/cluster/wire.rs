//! The JSON of the API server, as far as we read and write it. Own shapes instead of `k8s_openapi`'s: those keep every value and a
//! tree a field for `managedFields`, which is three quarters of a cached Secret.
//!
//! What we do not name is skipped by the decoder without being built, however deep it is; so a spec of any shape comes through.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use base64::{Engine, display::Base64Display, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use keyferry_stores::base::SecretBytes;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::{Map, Value as Json, value::RawValue};
use zeroize::Zeroizing;

use super::{
    DATA_HASH_ANNOTATION, FieldOwner, Meta, ObjectKey, OwnerReference, Secret,
    generic::{GenericObject, ManagedObject, ObjectKind, wipe},
    managed::Printed,
    watch::{Gone, Metadata, Namespace, Pairs, RawObject},
};
use crate::api::digest::of_value;

/// `metadata`. `M` is how `managedFields` is read: skipped unless somebody asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default, bound = "M: DeserializeOwned + Default")]
pub(super) struct MetaWire<M = IgnoredAny> {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) uid: String,
    pub(super) resource_version: String,
    pub(super) generation: i64,
    pub(super) labels: Entries,
    pub(super) annotations: Entries,
    pub(super) finalizers: Vec<String>,
    pub(super) owner_references: Vec<OwnerWire>,
    pub(super) deletion_timestamp: Option<IgnoredAny>,
    pub(super) managed_fields: M,
}

impl<M: Default> Default for MetaWire<M> {
    fn default() -> Self {
        Self {
            name: String::new(),
            namespace: String::new(),
            uid: String::new(),
            resource_version: String::new(),
            generation: 0,
            labels: Entries::default(),
            annotations: Entries::default(),
            finalizers: Vec::new(),
            owner_references: Vec::new(),
            deletion_timestamp: None,
            managed_fields: M::default(),
        }
    }
}

/// A map of strings as pairs: nobody looks anything up in it.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        collect_map(decoder, Self::default(), |all, name, value: String| all.0.push((name, value)))
    }
}

impl Entries {
    pub(super) fn pairs(self) -> Pairs {
        self.0.into_iter().collect()
    }

    fn map(self) -> BTreeMap<String, String> {
        self.0.into_iter().collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }
}

/// Reads a map, or `null` as an empty one, by handing each entry to `take`.
fn collect_map<'de, D, A, V>(decoder: D, all: A, take: fn(&mut A, String, V)) -> Result<A, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct Each<A, V>(A, fn(&mut A, String, V), PhantomData<V>);

    impl<'de, A, V: Deserialize<'de>> Visitor<'de> for Each<A, V> {
        type Value = A;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map")
        }

        fn visit_unit<E>(self) -> Result<A, E> {
            Ok(self.0)
        }

        fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<A, M::Error> {
            while let Some((name, value)) = map.next_entry()? {
                self.1(&mut self.0, name, value);
            }
            Ok(self.0)
        }
    }
    decoder.deserialize_any(Each(all, take, PhantomData))
}

/// An owner reference.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OwnerWire {
    api_version: String,
    kind: String,
    name: String,
    uid: String,
    #[serde(skip_serializing_if = "is_false")]
    controller: bool,
    #[serde(skip_serializing_if = "is_false")]
    block_owner_deletion: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape serde asks for")]
fn is_false(value: &bool) -> bool {
    !value
}

impl From<OwnerWire> for OwnerReference {
    fn from(owner: OwnerWire) -> Self {
        let OwnerWire { api_version, kind, name, uid, controller, block_owner_deletion } = owner;
        Self { api_version, kind, name, uid, controller, block_owner_deletion }
    }
}

impl From<&OwnerReference> for OwnerWire {
    fn from(owner: &OwnerReference) -> Self {
        let OwnerReference { api_version, kind, name, uid, controller, block_owner_deletion } = owner.clone();
        Self { api_version, kind, name, uid, controller, block_owner_deletion }
    }
}

/// One entry of `managedFields` of a Secret or another object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ManagedEntry {
    manager: String,
    subresource: String,
    fields_v1: OwnedFields,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnedFields {
    #[serde(rename = "f:data")]
    data: Keys,
    #[serde(rename = "f:metadata")]
    metadata: OwnedMetadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnedMetadata {
    #[serde(rename = "f:labels")]
    labels: Keys,
    #[serde(rename = "f:annotations")]
    annotations: Keys,
}

/// The names below a field: its entries `f:<name>`; `.`, the field itself, is left out.
#[derive(Debug, Default)]
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        collect_map(decoder, Self::default(), |keys, name, _: IgnoredAny| {
            keys.0.extend(name.strip_prefix("f:").map(str::to_string));
        })
    }
}

/// Joins the entries of one manager, in the order of their first.
fn owners(entries: Vec<ManagedEntry>) -> Vec<FieldOwner> {
    let mut owners: Vec<FieldOwner> = Vec::new();
    for entry in entries.into_iter().filter(|entry| entry.subresource.is_empty()) {
        let at = owners.iter().position(|owner| owner.manager == entry.manager).unwrap_or_else(|| {
            owners.push(FieldOwner { manager: entry.manager, ..FieldOwner::default() });
            owners.len() - 1
        });
        let OwnedFields { data, metadata } = entry.fields_v1;
        join(&mut owners[at].data, data.0);
        join(&mut owners[at].labels, metadata.labels.0);
        join(&mut owners[at].annotations, metadata.annotations.0);
    }
    owners
}

fn join(all: &mut Vec<String>, more: Vec<String>) {
    for name in more {
        if !all.contains(&name) {
            all.push(name);
        }
    }
}

impl From<MetaWire<Vec<ManagedEntry>>> for Meta {
    fn from(wire: MetaWire<Vec<ManagedEntry>>) -> Self {
        Self {
            namespace: wire.namespace,
            name: wire.name,
            uid: wire.uid,
            resource_version: wire.resource_version,
            labels: wire.labels.map(),
            annotations: wire.annotations.map(),
            owners: wire.owner_references.into_iter().map(Into::into).collect(),
            finalizers: wire.finalizers,
            deleting: wire.deletion_timestamp.is_some(),
            field_owners: owners(wire.managed_fields),
        }
    }
}

/// A Secret as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct SecretWire {
    #[serde(default)]
    metadata: MetaWire<Vec<ManagedEntry>>,
    #[serde(default, rename = "type")]
    type_: String,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    data: Data,
}

#[derive(Debug, Default)]
struct Data(BTreeMap<String, SecretBytes>);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        collect_map(decoder, Self::default(), |all, name, value: Value| {
            all.0.insert(name, value.0);
        })
    }
}

/// A base64 value, decoded from the decoder's own buffer: the encoded text is not copied.
struct Value(SecretBytes);

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }

            fn visit_unit<E>(self) -> Result<Value, E> {
                Ok(Value(SecretBytes::new(Vec::new())))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
                let bytes = STANDARD.decode(text).map_err(|_| E::custom("a value is not base64"))?;
                Ok(Value(SecretBytes::new(bytes)))
            }
        }
        decoder.deserialize_any(Text)
    }
}

impl From<SecretWire> for Secret {
    fn from(wire: SecretWire) -> Self {
        let SecretWire { metadata, type_, immutable, data } = wire;
        Self { meta: metadata.into(), type_, immutable, data: data.0 }
    }
}

/// A Secret as it is written. Without `managedFields` a PUT leaves the live ones as they are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretBody<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: MetaBody<'a>,
    #[serde(rename = "type", skip_serializing_if = "str::is_empty")]
    type_: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    immutable: Option<bool>,
    data: BTreeMap<&'a str, Encoded<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MetaBody<'a> {
    name: &'a str,
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    resource_version: &'a str,
    labels: &'a BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
    owner_references: Vec<OwnerWire>,
    finalizers: &'a [String],
}

impl<'a> From<&'a Meta> for MetaBody<'a> {
    fn from(meta: &'a Meta) -> Self {
        Self {
            name: &meta.name,
            namespace: &meta.namespace,
            uid: &meta.uid,
            resource_version: &meta.resource_version,
            labels: &meta.labels,
            annotations: &meta.annotations,
            owner_references: meta.owners.iter().map(Into::into).collect(),
            finalizers: &meta.finalizers,
        }
    }
}

/// A value on its way out, encoded into the body without a text of its own.
struct Encoded<'a>(&'a [u8]);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, encoder: S) -> Result<S::Ok, S::Error> {
        encoder.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

impl<'a> From<&'a Secret> for SecretBody<'a> {
    fn from(secret: &'a Secret) -> Self {
        Self {
            api_version: "v1",
            kind: "Secret",
            metadata: (&secret.meta).into(),
            type_: &secret.type_,
            immutable: secret.immutable,
            data: secret.data.iter().map(|(name, value)| (&**name, Encoded(value.expose()))).collect(),
        }
    }
}

/// How many bytes the body of a Secret takes at most, so that its buffer never moves and leaves no copy behind.
pub(super) fn body_bytes(secret: &Secret) -> usize {
    let data: usize =
        secret.data.iter().map(|(name, value)| 6 * name.len() + value.len().div_ceil(3) * 4 + 8).sum();
    let text = |map: &BTreeMap<String, String>| -> usize {
        map.iter().map(|(name, value)| 6 * (name.len() + value.len()) + 8).sum()
    };
    let Meta { labels, annotations, owners, finalizers, .. } = &secret.meta;
    let finalizers: usize = finalizers.iter().map(|name| 6 * name.len() + 4).sum();
    let owners: usize = owners
        .iter()
        .map(|owner| {
            256 + 6 * (owner.api_version.len() + owner.kind.len() + owner.name.len() + owner.uid.len())
        })
        .sum();
    2048 + data + text(labels) + text(annotations) + finalizers + owners
}

/// An object of any kind as it is read. What stands beside the metadata is taken as it comes: by hand, because what serde makes of
/// flattened fields goes through a copy of its own, which knows less of numbers.
pub(super) struct GenericWire {
    metadata: MetaWire<Vec<ManagedEntry>>,
    body: Map<String, Json>,
}

impl<'de> Deserialize<'de> for GenericWire {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        decoder.deserialize_map(AnyFields)
    }
}

struct AnyFields;

impl<'de> Visitor<'de> for AnyFields {
    type Value = GenericWire;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<GenericWire, M::Error> {
        let mut wire = GenericWire { metadata: MetaWire::default(), body: Map::new() };
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "metadata" => wire.metadata = map.next_value()?,
                "apiVersion" | "kind" => map.next_value::<IgnoredAny>().map(|_| ())?,
                _ => drop(wire.body.insert(name, map.next_value()?)),
            }
        }
        Ok(wire)
    }
}

impl GenericWire {
    /// The object; of which kind it is was asked for.
    pub(super) fn into_object(self, kind: &ObjectKind) -> GenericObject {
        let Self { metadata, body } = self;
        GenericObject { kind: kind.clone(), meta: metadata.into(), body }
    }
}

/// An object of any kind as it is written. Without `managedFields` a PUT leaves the live ones as they are.
pub(super) struct GenericBody<'a> {
    kind: &'a ObjectKind,
    metadata: MetaBody<'a>,
    body: &'a Map<String, Json>,
}

impl<'a> From<&'a GenericObject> for GenericBody<'a> {
    fn from(object: &'a GenericObject) -> Self {
        Self { kind: &object.kind, metadata: (&object.meta).into(), body: &object.body }
    }
}

impl Serialize for GenericBody<'_> {
    fn serialize<S: Serializer>(&self, encoder: S) -> Result<S::Ok, S::Error> {
        let mut fields = encoder.serialize_map(Some(3 + self.body.len()))?;
        fields.serialize_entry("apiVersion", &*self.kind.api_version)?;
        fields.serialize_entry("kind", &*self.kind.kind)?;
        fields.serialize_entry("metadata", &self.metadata)?;
        for (name, value) in self.body {
            fields.serialize_entry(name, value)?;
        }
        fields.end()
    }
}

/// What a feed keeps of an object, and how it is read.
pub(super) trait Watchable: Clone + Send + Sized + 'static {
    /// The shape it is read in.
    type Wire: DeserializeOwned;
    /// True if only the metadata is requested.
    const METADATA_ONLY: bool;

    fn from_wire(wire: Self::Wire) -> Self;
    fn version(&self) -> String;
    fn gone(&self) -> Gone;
}

/// A custom resource as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct ObjectWire {
    #[serde(default)]
    metadata: MetaWire,
    #[serde(default)]
    spec: Option<Box<RawValue>>,
    #[serde(default)]
    status: Option<Box<RawValue>>,
}

impl Watchable for RawObject {
    type Wire = ObjectWire;
    const METADATA_ONLY: bool = false;

    fn from_wire(wire: ObjectWire) -> Self {
        let ObjectWire { metadata, spec, status } = wire;
        let bytes = |json: Box<RawValue>| Box::<str>::from(json).into_boxed_bytes();
        Self {
            key: ObjectKey::new(metadata.namespace, metadata.name),
            uid: metadata.uid.into(),
            resource_version: metadata.resource_version.into(),
            generation: metadata.generation,
            labels: metadata.labels.pairs(),
            annotations: metadata.annotations.pairs(),
            finalizers: metadata.finalizers.into_iter().map(Into::into).collect(),
            deleting: metadata.deletion_timestamp.is_some(),
            spec: spec.map_or_else(|| Box::from(*b"null"), bytes),
            status: status.map(bytes),
        }
    }

    fn version(&self) -> String {
        self.resource_version.to_string()
    }

    fn gone(&self) -> Gone {
        Gone::of(self)
    }
}

impl Watchable for Printed {
    type Wire = SecretWire;
    const METADATA_ONLY: bool = false;

    fn from_wire(wire: SecretWire) -> Self {
        Self::of(&wire.into())
    }

    fn version(&self) -> String {
        self.secret().resource_version.to_string()
    }

    fn gone(&self) -> Gone {
        Gone::of(self.secret())
    }
}

/// An object of any kind as a feed reads it. Only what the digest is of is kept, and unread at first: so an object of any shape and
/// depth comes through.
#[derive(Deserialize)]
pub(super) struct ManagedWire {
    #[serde(default)]
    metadata: MetaWire,
    #[serde(default)]
    spec: Option<Box<RawValue>>,
    #[serde(default)]
    data: Option<Box<RawValue>>,
}

impl Watchable for ManagedObject {
    type Wire = ManagedWire;
    const METADATA_ONLY: bool = false;

    fn from_wire(wire: ManagedWire) -> Self {
        let ManagedWire { metadata, spec, data } = wire;
        let digest = spec.or(data).and_then(digest_and_wipe);
        let annotated = metadata.annotations.get(DATA_HASH_ANNOTATION);
        let whole = annotated.is_some() && annotated == digest.as_deref();
        Self {
            key: ObjectKey::new(metadata.namespace, metadata.name),
            uid: metadata.uid.into(),
            resource_version: metadata.resource_version.into(),
            digest: digest.map(Into::into),
            whole,
        }
    }

    fn version(&self) -> String {
        self.resource_version.to_string()
    }

    fn gone(&self) -> Gone {
        Gone::of(self)
    }
}

/// The digest of a content; `None` if it is nested too deeply to be read, and then nobody made a digest of it.
fn digest_and_wipe(json: Box<RawValue>) -> Option<String> {
    let text = Zeroizing::new(Box::<str>::from(json));
    let mut content: Json = serde_json::from_str(&text).ok()?;
    let digest = of_value(&content);
    wipe(&mut content);
    Some(digest)
}

/// As the API server sends it.
impl<'de> Deserialize<'de> for RawObject {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        ObjectWire::deserialize(decoder).map(Self::from_wire)
    }
}

/// As the API server sends it.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        SecretWire::deserialize(decoder).map(Into::into)
    }
}

/// An object of which only the metadata is read (`PartialObjectMetadata`).
#[derive(Debug, Deserialize)]
pub(super) struct PartialWire {
    #[serde(default)]
    pub(super) metadata: MetaWire,
}

impl Watchable for Metadata {
    type Wire = PartialWire;
    const METADATA_ONLY: bool = true;

    fn from_wire(wire: PartialWire) -> Self {
        let MetaWire { name, namespace, uid, resource_version, annotations, .. } = wire.metadata;
        Self {
            key: ObjectKey::new(namespace, name),
            uid: uid.into(),
            resource_version: resource_version.into(),
            annotations: annotations.pairs(),
        }
    }

    fn version(&self) -> String {
        self.resource_version.to_string()
    }

    fn gone(&self) -> Gone {
        Gone::of(self)
    }
}

impl Watchable for Namespace {
    type Wire = PartialWire;
    const METADATA_ONLY: bool = true;

    fn from_wire(wire: PartialWire) -> Self {
        let MetaWire { name, uid, resource_version, labels, .. } = wire.metadata;
        Self {
            key: ObjectKey::new("", name),
            uid: uid.into(),
            resource_version: resource_version.into(),
            labels: labels.pairs(),
        }
    }

    fn version(&self) -> String {
        self.resource_version.to_string()
    }

    fn gone(&self) -> Gone {
        Gone::of(self)
    }
}

/// A ConfigMap as it is read.
#[derive(Debug, Deserialize)]
pub(super) struct ConfigMapWire {
    #[serde(default)]
    pub(super) data: BTreeMap<String, String>,
}

/// The answer to a TokenRequest.
#[derive(Deserialize)]
pub(super) struct TokenWire {
    pub(super) status: TokenStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenStatus {
    #[serde(deserialize_with = "token_text")]
    pub(super) token: SecretBytes,
    pub(super) expiration_timestamp: Timestamp,
}

fn token_text<'de, D: Deserializer<'de>>(decoder: D) -> Result<SecretBytes, D::Error> {
    let token = String::deserialize(decoder)?;
    if token.is_empty() { Err(D::Error::custom("the token is empty")) } else { Ok(token.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s","namespace":"n","uid":"u",
        "resourceVersion":"7","creationTimestamp":"2026-11-01T10:00:00Z","deletionTimestamp":"2026-11-01T10:00:00Z",
        "labels":{"l":"1"},"ownerReferences":[{"apiVersion":"g/v1","kind":"K","name":"o","uid":"ou","controller":true}],
        "managedFields":[
          {"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1",
           "fieldsV1":{"f:data":{".":{},"f:a":{},"f:b":{}},"f:metadata":{"f:labels":{".":{},"f:l":{}}},"f:type":{}}},
          {"manager":"m","operation":"Apply","fieldsV1":{"f:data":{"f:a":{},"f:c":{}}}},
          {"manager":"m","operation":"Update","subresource":"status","fieldsV1":{"f:data":{"f:x":{}}}}]},
        "type":"Opaque","immutable":true,"data":{"a":"MTI=","b":null,"c":""}}"#;

    #[test]
    fn a_secret_is_read_with_its_owners_joined_by_manager() {
        let secret: Secret = serde_json::from_str::<SecretWire>(SECRET).unwrap().into();
        assert_eq!(
            (secret.meta.name.as_str(), secret.meta.resource_version.as_str(), secret.meta.deleting),
            ("s", "7", true)
        );
        assert_eq!(secret.data["a"].expose(), b"12");
        assert!(
            secret.data["b"].is_empty() && secret.data["c"].is_empty() && secret.meta.owners[0].controller
        );
        let owner = FieldOwner {
            manager: "m".into(),
            data: vec!["a".into(), "b".into(), "c".into()],
            labels: vec!["l".into()],
            annotations: Vec::new(),
        };
        assert_eq!(secret.meta.field_owners, [owner]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut secret: Secret = serde_json::from_str::<SecretWire>(SECRET).unwrap().into();
        let body = serde_json::to_vec(&SecretBody::from(&secret)).unwrap();
        assert!(body.len() <= body_bytes(&secret));
        let again: Secret = serde_json::from_slice::<SecretWire>(&body).unwrap().into();
        secret.meta.field_owners.clear();
        secret.meta.deleting = false;
        assert_eq!(again, secret);
    }

    #[test]
    fn a_spec_of_any_shape_and_depth_comes_through() {
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        for spec in [r#"{"a":1}"#, "7", r#""text""#, "[1,2]", "null", deep.as_str()] {
            let json = format!(r#"{{"metadata":{{"name":"x","managedFields":[{deep}]}},"spec":{spec}}}"#);
            let object = RawObject::from_wire(serde_json::from_str(&json).unwrap());
            assert_eq!(&*object.spec, spec.as_bytes());
        }
    }

    const WIDGET: &str = r#"{"apiVersion":"zoo.example/v1","kind":"Widget","metadata":{"name":"w","namespace":"n","uid":"u",
        "resourceVersion":"7","generation":3,"labels":{"l":"1"},"finalizers":["f/f"],
        "managedFields":[{"manager":"m","fieldsV1":{"f:metadata":{"f:labels":{"f:l":{}}},"f:spec":{"f:a":{}}}}]},
        "spec":{"a":[1,-2,2.5,18446744073709551615,null,true,"x"],"b":{}},"status":{"ready":true},"more":"m"}"#;

    fn widget() -> GenericObject {
        let kind = ObjectKind { api_version: "zoo.example/v1".into(), kind: "Widget".into() };
        serde_json::from_str::<GenericWire>(WIDGET).unwrap().into_object(&kind)
    }

    #[test]
    fn an_object_of_any_kind_is_read_with_every_field_beside_its_identity() {
        let object = widget();
        assert_eq!((object.meta.name.as_str(), object.meta.resource_version.as_str()), ("w", "7"));
        assert_eq!(object.body.keys().collect::<Vec<_>>(), ["more", "spec", "status"]);
        let spec = r#"{"a":[1,-2,2.5,18446744073709551615,null,true,"x"],"b":{}}"#;
        assert_eq!(object.body["spec"].to_string(), spec);
        let owner = FieldOwner { manager: "m".into(), labels: vec!["l".into()], ..FieldOwner::default() };
        assert_eq!(object.meta.field_owners, [owner]);
    }

    #[test]
    fn an_object_of_any_kind_is_written_as_it_is_read() {
        let mut object = widget();
        let body = serde_json::to_vec(&GenericBody::from(&object)).unwrap();
        let again = serde_json::from_slice::<GenericWire>(&body).unwrap().into_object(&object.kind);
        object.meta.field_owners.clear();
        assert_eq!(again, object);
        let fields: Json = serde_json::from_slice(&body).unwrap();
        assert_eq!(fields["apiVersion"], "zoo.example/v1");
        assert_eq!(fields["kind"], "Widget");
    }

    /// What a feed keeps of an object with this JSON in place of its content.
    fn kept(content: &str, hash: &str) -> ManagedObject {
        let metadata =
            format!(r#"{{"name":"w","namespace":"n","annotations":{{"{DATA_HASH_ANNOTATION}":"{hash}"}}}}"#);
        let json = format!(r#"{{"metadata":{metadata},"status":{{}}{content}}}"#);
        ManagedObject::from_wire(serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn a_feed_knows_whether_the_content_is_that_of_the_digest() {
        let hash = "2fa8cacf41f7983517f1d8145692826ed48d0f24a6f8f03d2ca11d2f";
        let table = [
            (r#","data":{"x":"v"}"#, true),
            (r#","spec":{"x":"v"},"data":{}"#, true),
            (r#","spec":null,"data":{"x":"v"}"#, true),
            (r#","spec":{},"data":{"x":"v"}"#, false),
            (r#","data":{"x":"w"}"#, false),
            ("", false),
        ];
        for (content, whole) in table {
            assert_eq!(kept(content, hash).whole, whole, "{content}");
        }
        assert!(!kept("", "").whole);
    }

    #[test]
    fn a_content_of_any_shape_and_depth_comes_through_a_feed() {
        let deep = "[".repeat(5000) + &"]".repeat(5000);
        for content in ["7", r#""text""#, "[1,2]", "null", deep.as_str()] {
            let object = kept(&format!(r#","spec":{content},"other":{deep}"#), "h");
            assert_eq!((object.key.name(), object.whole), ("w", false));
        }
    }

    #[test]
    fn null_maps_and_missing_metadata_are_empty() {
        let object: ObjectWire = serde_json::from_str(r#"{"metadata":{"labels":null}}"#).unwrap();
        assert!(RawObject::from_wire(object).labels.is_empty());
        assert!(serde_json::from_str::<SecretWire>("{}").is_ok());
    }
}
