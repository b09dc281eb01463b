//! The only door to the API server.
//!
//! [`Cluster`] is what `sync` and the controllers see: plain values, our own error kinds, a [`WritePermit`] on every write. [`kube`]
//! is the real one, [`fake`] the one of story tests; both obey the same contract (`tests/it/cluster_contract.rs`). [`watch::Watches`]
//! is the same over time: a feed of changes a kind, which [`mirror::Mirror`] turns into a map.
//!
//! - Between [`Cluster`] and the wire: [`gate`] (pace), `wire` (shapes), [`refusal`] (what answers mean), [`events`] (their queue),
//!   `redact` (what they must not tell).
//! - [`generic`]: objects of any other kind as targets, and what is kept of them; `kinds` finds out how the API server calls them.
//! - [`managed`]: what is kept of a Secret. [`identity`]: UIDs and versions in few bytes. [`credentials`]: what a store may read of the cluster, by
//!   scope; [`sources`]: what an object may use as templates, by scope.

#[cfg(debug_assertions)]
pub mod crash;
pub mod credentials;
pub mod events;
pub mod fake;
mod feeds;
pub mod gate;
pub mod generic;
pub mod identity;
mod kinds;
pub mod kube;
pub mod managed;
pub mod mirror;
mod redact;
pub mod refusal;
pub mod sources;
pub mod watch;
mod wire;

use std::{
    collections::BTreeMap,
    fmt::{self, Debug},
    sync::Arc,
};

use async_trait::async_trait;
use jiff::Timestamp;
use keyferry_stores::base::refs::ServiceAccount;
use keyferry_stores::base::{Error, Result, SecretBytes};
use keyferry_stores::provider::env::ServiceAccountToken;
use serde_json::Value;

use self::generic::{GenericObject, ObjectKind};
pub use self::redact::{Unsaid, redact};

/// Label on every target Secret; it selects what is watched.
pub const MANAGED_LABEL: &str = "reconcile.external-secrets.io/managed";
/// Label with the digest of the ExternalSecret that owns the Secret (creationPolicy Owner only).
pub const CREATED_BY_LABEL: &str = "reconcile.external-secrets.io/created-by";
/// Annotation with the digest of the data.
pub const DATA_HASH_ANNOTATION: &str = "reconcile.external-secrets.io/data-hash";

/// A namespaced name. Cheap to clone: everything that knows an object shares one text.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace and name, one after the other.
    text: Arc<str>,
    /// Where the name begins.
    split: u32,
}

impl ObjectKey {
    /// The object with this name in this namespace; empty for cluster-scoped kinds.
    #[must_use]
    pub fn new(namespace: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        let (namespace, name) = (namespace.as_ref(), name.as_ref());
        // Names have at most 253 bytes; an answer that holds four gigabytes of one is not read at all.
        let split = u32::try_from(namespace.len()).unwrap_or(u32::MAX);
        Self { text: [namespace, name].concat().into(), split }
    }

    /// Namespace; empty for cluster-scoped kinds.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.parts().0
    }

    /// Name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.text.split_at_checked(self.split as usize).unwrap_or((&self.text, ""))
    }
}

impl std::fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.parts() {
            ("", name) => f.write_str(name),
            (namespace, name) => write!(f, "{namespace}/{name}"),
        }
    }
}

/// An owner reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerReference {
    /// `group/version` of the owner.
    pub api_version: String,
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner.
    pub name: String,
    /// UID of the owner.
    pub uid: String,
    /// True for the one managing controller.
    pub controller: bool,
    /// True if the owner's foreground deletion waits for this object.
    pub block_owner_deletion: bool,
}

impl OwnerReference {
    /// True if the owner is an ExternalSecret, of whichever version.
    #[must_use]
    pub fn is_external_secret(&self) -> bool {
        let group = self.api_version.split_once('/').map_or("", |(group, _)| group);
        group == "external-secrets.io" && self.kind == StatusKind::ExternalSecret.kind()
    }
}

/// What one field manager owns of a Secret or another object, from `metadata.managedFields` (operations `Apply` and `Update` of one manager together;
/// subresources left out).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldOwner {
    /// Name of the field manager.
    pub manager: String,
    /// Keys of `data`.
    pub data: Vec<String>,
    /// Keys of `metadata.labels`.
    pub labels: Vec<String>,
    /// Keys of `metadata.annotations`.
    pub annotations: Vec<String>,
}

/// The metadata of an object (`ObjectMeta`), as far as it is ours to read and write. Times and `managedFields` belong to the API server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// UID; empty before it exists.
    pub uid: String,
    /// resourceVersion; empty before it exists.
    pub resource_version: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Owners.
    pub owners: Vec<OwnerReference>,
    /// Finalizers.
    pub finalizers: Vec<String>,
    /// True while a deletionTimestamp is set.
    pub deleting: bool,
    /// Who owns which field; read only.
    pub field_owners: Vec<FieldOwner>,
}

impl Meta {
    /// That of an object that does not exist yet.
    #[must_use]
    pub fn new(key: &ObjectKey) -> Self {
        Self { namespace: key.namespace().into(), name: key.name().into(), ..Self::default() }
    }

    /// Namespace and name.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(&*self.namespace, &*self.name)
    }

    /// True if the label [`MANAGED_LABEL`] is `true`.
    #[must_use]
    pub fn is_managed(&self) -> bool {
        self.labels.get(MANAGED_LABEL).is_some_and(|value| value == "true")
    }

    /// The owner that controls the object.
    #[must_use]
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owners.iter().find(|owner| owner.controller)
    }

    /// The state in which the object was read.
    #[must_use]
    pub fn state(&self) -> Precondition {
        Precondition { uid: self.uid.clone(), resource_version: self.resource_version.clone() }
    }
}

impl fmt::Debug for Meta {
    /// Of labels and annotations the keys: templates may have put values of stores into them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("namespace", &self.namespace)
            .field("name", &self.name)
            .field("uid", &self.uid)
            .field("resource_version", &self.resource_version)
            .field("labels", &self.labels.keys())
            .field("annotations", &self.annotations.keys())
            .field("owners", &self.owners)
            .field("finalizers", &self.finalizers)
            .field("deleting", &self.deleting)
            .finish_non_exhaustive()
    }
}

/// What is the same of a [`Secret`] and a [`GenericObject`].
pub trait HasMeta {
    /// Its metadata.
    fn meta(&self) -> &Meta;

    /// Its metadata, to be changed.
    fn meta_mut(&mut self) -> &mut Meta;
}

/// A Secret, as far as it is ours to read and write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secret {
    /// Metadata.
    pub meta: Meta,
    /// Type; empty means `Opaque`.
    pub type_: String,
    /// Immutable.
    pub immutable: Option<bool>,
    /// Data.
    pub data: BTreeMap<String, SecretBytes>,
}

impl Secret {
    /// A Secret that does not exist yet and holds nothing.
    #[must_use]
    pub fn new(key: &ObjectKey) -> Self {
        Self { meta: Meta::new(key), ..Self::default() }
    }
}

impl HasMeta for Secret {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut Meta {
        &mut self.meta
    }
}

/// Leave to write: an epoch of leadership and a deadline. Granted always until leader election exists; asked for on every write,
/// so that none is written past it later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WritePermit {
    /// The epoch of leadership.
    pub epoch: u64,
    /// The write must be sent before this time; `None` = no limit.
    pub deadline: Option<Timestamp>,
}

impl WritePermit {
    /// The permit of a process that never shares its duty.
    #[must_use]
    pub const fn sole() -> Self {
        Self { epoch: 0, deadline: None }
    }
}

/// Kinds with a status that we write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StatusKind {
    /// `ExternalSecret`.
    ExternalSecret,
    /// `SecretStore`.
    SecretStore,
    /// `ClusterSecretStore`.
    ClusterSecretStore,
}

impl StatusKind {
    /// The kind's name in the API.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::ExternalSecret => "ExternalSecret",
            Self::SecretStore => "SecretStore",
            Self::ClusterSecretStore => "ClusterSecretStore",
        }
    }

    /// The plural in URLs.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ExternalSecret => "externalsecrets",
            Self::SecretStore => "secretstores",
            Self::ClusterSecretStore => "clustersecretstores",
        }
    }
}

/// An object that an event or a status is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject {
    /// Kind.
    pub kind: StatusKind,
    /// Namespace and name.
    pub key: ObjectKey,
    /// UID: a status for an object that was deleted and made anew is refused by the API server.
    pub uid: String,
}

/// An event to record (core/v1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub subject: Subject,
    /// Reporting component (`external-secrets`, `secret-store`, `cluster-secret-store`).
    pub component: &'static str,
    /// `Warning` if true, else `Normal`.
    pub warning: bool,
    /// Reason.
    pub reason: &'static str,
    /// Message; never a value.
    pub message: String,
}

/// Who writes, and what nobody is told of the write.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// What errors must not hold besides the values of what is written; asked where there is an error.
    pub unsaid: &'a (dyn Fn() -> Vec<Unsaid> + Sync),
}

impl Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writer({})", self.manager)
    }
}

impl<'a> From<&'a str> for Writer<'a> {
    fn from(manager: &'a str) -> Self {
        Self { manager, unsaid: &Vec::new }
    }
}

impl Writer<'_> {
    /// The error of a write, without the values of what was written and without what nobody is told.
    fn refused(self, error: Error, values: Vec<Unsaid>) -> Error {
        redact(error, &[values, (self.unsaid)()].concat())
    }
}

/// What is deleted, and which state of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precondition {
    /// UID that the object must still have.
    pub uid: String,
    /// resourceVersion that the object must still have.
    pub resource_version: String,
}

/// The API server, as the pipeline and the controllers see it.
///
/// Errors of all methods: `NotFound` (the object is not there: the API server said so), `Conflict` (409: exists already, or the
/// resourceVersion is stale), `Forbidden`, `Unauthenticated`, `Throttled` (429: closes one gate for all), `Unavailable`, `Invalid`
/// (422 and 400: the API server refuses the object as written; the text is its message), `Malformed`. Methods about an object of any
/// kind: `Invalid` too if the API server does not know the kind, or if it is cluster-scoped.
#[async_trait]
pub trait Cluster: Send + Sync + Debug {
    /// A live read of a Secret.
    async fn get_secret(&self, key: &ObjectKey) -> Result<Secret>;

    /// POST. Answers with the Secret as stored.
    async fn create_secret(&self, permit: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret>;

    /// PUT with the resourceVersion in `secret`.
    async fn replace_secret(&self, permit: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret>;

    /// DELETE with preconditions.
    async fn delete_secret(&self, permit: WritePermit, key: &ObjectKey, state: &Precondition) -> Result<()>;

    /// A live read of an object of any kind.
    async fn get_object(&self, kind: &ObjectKind, key: &ObjectKey) -> Result<GenericObject>;

    /// POST. Answers with the object as stored.
    async fn create_object(
        &self,
        permit: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject>;

    /// PUT with the resourceVersion in `object`.
    async fn replace_object(
        &self,
        permit: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject>;

    /// DELETE with preconditions.
    async fn delete_object(
        &self,
        permit: WritePermit,
        kind: &ObjectKind,
        key: &ObjectKey,
        state: &Precondition,
    ) -> Result<()>;

    /// Writes fields of the status in one PATCH: each replaces what stood under its name, `null` removes it, the others stay. It tests
    /// the UID: `Conflict` if the object was deleted and made anew under the same name. Answers with the object's resourceVersion.
    async fn patch_status(&self, permit: WritePermit, subject: &Subject, status: Value) -> Result<String>;

    /// Takes one finalizer off an object that is being deleted.
    async fn remove_finalizer(&self, permit: WritePermit, subject: &Subject, finalizer: &str) -> Result<()>;

    /// The `data` of a ConfigMap.
    async fn config_map(&self, key: &ObjectKey) -> Result<BTreeMap<String, String>>;

    /// A ServiceAccount.
    async fn service_account(&self, key: &ObjectKey) -> Result<ServiceAccount>;

    /// TokenRequest.
    async fn token(&self, key: &ObjectKey, audiences: &[String], seconds: i64)
    -> Result<ServiceAccountToken>;

    /// Records an event: never waits, never fails; a full queue drops and counts.
    fn event(&self, event: Event);
}
