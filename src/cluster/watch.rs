//! What the controllers see of the cluster over time: a feed of changes a kind, and the values in it.
//!
//! A [`Feed`] begins with a complete list of every part ([`Change::Begin`], [`Change::Seen`] for each object, [`Change::Listed`]) and
//! goes on with single changes; it lists again by itself when the API server has forgotten where we were. It never ends and never
//! fails: what goes wrong comes through as [`Change::Failed`], for logs and conditions, and is tried again by kube's watcher.
//! [`super::mirror::Mirror`] turns a feed into a map.
//!
//! The values are made for being kept by the ten thousand: boxed strings, sorted pairs instead of maps (a `BTreeMap` with one entry
//! takes half a kilobyte), specs as the bytes the API server sent. `managedFields` of custom resources are skipped by the decoder.

use std::{collections::BTreeMap, fmt, iter, mem, sync::Arc};

use futures::stream::BoxStream;
use keyferry_stores::base::Error;

use super::{
    ObjectKey, StatusKind,
    generic::{ManagedObject, ObjectKind},
    identity::{Uid, Version},
    managed::{DigestKey, ManagedSecret},
};

/// The namespaces that are watched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// All of them, by one cluster-wide watch a kind.
    #[default]
    All,
    /// These, by one watch each: a process without rights over the whole cluster can run.
    Some(Vec<String>),
}

impl Namespaces {
    /// How many parts a feed over these has; each is listed and watched for itself.
    #[must_use]
    pub fn parts(&self) -> usize {
        match self {
            Self::All => 1,
            Self::Some(names) => names.len(),
        }
    }

    /// The part that holds a namespace, `None` if it is not watched.
    #[must_use]
    pub fn part(&self, namespace: &str) -> Option<usize> {
        match self {
            Self::All => Some(0),
            Self::Some(names) => names.iter().position(|name| name == namespace),
        }
    }

    /// True if the namespace is watched.
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        self.part(namespace).is_some()
    }
}

/// One step of a feed. A part is an index into [`Namespaces`].
#[derive(Debug, Clone)]
pub enum Change<T> {
    /// A list of this part begins. What is not seen until [`Change::Listed`] is gone.
    Begin(usize),
    /// An object of the list.
    Seen(T),
    /// The list of this part is complete.
    Listed(usize),
    /// An object was made or changed.
    Applied(T),
    /// An object is gone, or no longer matches the feed's label.
    Deleted(Gone),
    /// The part could not be listed or watched just now; it is tried again with a growing wait.
    Failed(usize, Error),
}

impl<T> Change<T> {
    /// The same change of another shape of the object.
    pub fn map<U>(self, shape: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Begin(part) => Change::Begin(part),
            Self::Seen(object) => Change::Seen(shape(object)),
            Self::Listed(part) => Change::Listed(part),
            Self::Applied(object) => Change::Applied(shape(object)),
            Self::Deleted(gone) => Change::Deleted(gone),
            Self::Failed(part, error) => Change::Failed(part, error),
        }
    }
}

/// An object that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Namespace and name.
    pub key: ObjectKey,
    /// Its UID.
    pub uid: Uid,
    /// The resourceVersion of the deletion.
    pub resource_version: Version,
}

/// A feed of changes. Dropping it ends its watches.
pub type Feed<T> = BoxStream<'static, Change<T>>;

/// Where feeds come from. Making a feed sends nothing; polling it does.
pub trait Watches: Send + Sync + fmt::Debug {
    /// ExternalSecrets, SecretStores or ClusterSecretStores (the last always cluster-wide, one part).
    fn objects(&self, kind: StatusKind, over: &Namespaces) -> Feed<RawObject>;

    /// Secrets with the label [`super::MANAGED_LABEL`]` = true`, as digests: no plaintext comes through.
    fn managed(&self, over: &Namespaces, key: &Arc<DigestKey>) -> Feed<ManagedSecret>;

    /// Objects of a kind with the label [`super::MANAGED_LABEL`]` = true`: nothing of their content comes through. Until the API server
    /// knows the kind, and knows it as a namespaced one, every try comes through as [`Change::Failed`] for each part.
    fn targets(&self, kind: &ObjectKind, over: &Namespaces) -> Feed<ManagedObject>;

    /// Metadata of all objects of a kind; their content is never requested.
    fn metadata(&self, kind: MetadataKind, over: &Namespaces) -> Feed<Metadata>;

    /// All namespaces with their labels, one part.
    fn namespaces(&self) -> Feed<Namespace>;
}

/// Kinds of which only the metadata is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MetadataKind {
    /// `Secret`.
    Secret,
    /// `ConfigMap`.
    ConfigMap,
    /// `ServiceAccount`.
    ServiceAccount,
}

/// A value with an identity and a version, as [`super::mirror::Mirror`] keeps it.
pub trait Versioned {
    /// Namespace and name.
    fn key(&self) -> &ObjectKey;
    /// UID.
    fn uid(&self) -> Uid;
    /// resourceVersion.
    fn resource_version(&self) -> Version;
    /// Goes on with the memory of what did not change since the state before, which gets this one's in turn; neither changes its
    /// value. So a new status alone leaves names shared and a specification where it lies, and what was decoded is free at once.
    fn take_over(&mut self, _before: &mut Self) {}
}

/// Labels or annotations: pairs sorted by key, all in one text. Each name and each value stands behind its length
/// (`3:app5:value`), so that nothing in them has to be escaped; a look-up goes through them, as there are a handful.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Pairs(Box<str>);

impl Pairs {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// All pairs in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.0;
        iter::from_fn(move || Some((cut(&mut rest)?, cut(&mut rest)?)))
    }

    /// One text in which each name and each value stands as it is.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs as a map, for pipelines that change them.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }
}

/// Cuts the first text off; `None` at the end.
fn cut<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let (length, behind) = rest.split_once(':')?;
    let (text, behind) = behind.split_at_checked(length.parse().ok()?)?;
    *rest = behind;
    Some(text)
}

impl<K: AsRef<str>, V: AsRef<str>> FromIterator<(K, V)> for Pairs {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let pairs: Vec<(K, V)> = pairs.into_iter().collect();
        let mut sorted: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        sorted.sort_unstable();
        let mut all = String::new();
        for text in sorted.into_iter().flat_map(<[&str; 2]>::from) {
            all.push_str(&text.len().to_string());
            all.push(':');
            all.push_str(text);
        }
        Self(all.into())
    }
}

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// A custom resource: metadata typed, spec and status as the JSON the API server sent. A spec of any shape comes through, so that
/// one object that does not parse delays nobody else; how it parses is the reconciler's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawObject {
    /// Namespace and name.
    pub key: ObjectKey,
    /// UID.
    pub uid: Uid,
    /// resourceVersion.
    pub resource_version: Version,
    /// Generation of the spec; 0 where the API server gives none.
    pub generation: i64,
    /// Labels.
    pub labels: Pairs,
    /// Annotations.
    pub annotations: Pairs,
    /// Finalizers.
    pub finalizers: Box<[Box<str>]>,
    /// True while a deletionTimestamp is set.
    pub deleting: bool,
    /// The spec as JSON; `null` if there is none.
    pub spec: Box<[u8]>,
    /// The status as JSON, if there is one.
    pub status: Option<Box<[u8]>>,
}

/// An object of which only the metadata is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Namespace and name.
    pub key: ObjectKey,
    /// UID.
    pub uid: Uid,
    /// resourceVersion: the version of a credential.
    pub resource_version: Version,
    /// Annotations, of ServiceAccounts only (they name cloud roles).
    pub annotations: Pairs,
}

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name (the namespace part of the key is empty).
    pub key: ObjectKey,
    /// UID.
    pub uid: Uid,
    /// resourceVersion.
    pub resource_version: Version,
    /// Labels.
    pub labels: Pairs,
}

impl Versioned for RawObject {
    fn key(&self) -> &ObjectKey {
        &self.key
    }

    fn uid(&self) -> Uid {
        self.uid.clone()
    }

    fn resource_version(&self) -> Version {
        self.resource_version.clone()
    }

    fn take_over(&mut self, before: &mut Self) {
        self.key.clone_from(&before.key);
        swap_equal(&mut self.labels, &mut before.labels);
        swap_equal(&mut self.annotations, &mut before.annotations);
        swap_equal(&mut self.finalizers, &mut before.finalizers);
        swap_equal(&mut self.spec, &mut before.spec);
    }
}

fn swap_equal<T: PartialEq>(one: &mut T, other: &mut T) {
    if one == other {
        mem::swap(one, other);
    }
}

macro_rules! versioned {
    ($($kind:ty),*) => {$(
        impl Versioned for $kind {
            fn key(&self) -> &ObjectKey {
                &self.key
            }

            fn uid(&self) -> Uid {
                self.uid.clone()
            }

            fn resource_version(&self) -> Version {
                self.resource_version.clone()
            }
        }
    )*};
}
versioned!(Metadata, Namespace, ManagedSecret, ManagedObject);

impl Gone {
    /// What is left of an object.
    pub fn of<T: Versioned>(object: &T) -> Self {
        Self { key: object.key().clone(), uid: object.uid(), resource_version: object.resource_version() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_whatever_their_order() {
        let pairs: Pairs = [("b", "2"), ("a", "1")].into_iter().collect();
        assert_eq!((pairs.get("a"), pairs.get("b"), pairs.get("c")), (Some("1"), Some("2"), None));
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "2")]);
        assert_eq!((pairs.len(), pairs.is_empty()), (2, false));
    }

    #[test]
    fn whatever_stands_in_a_pair_reads_back() {
        let texts = ["", ":", "1:a", "3:", "ä:ö", "\0", "7", "{\"a\":1}\n"];
        let all: BTreeMap<String, String> =
            texts.iter().map(|text| (format!("{text}-"), (*text).to_string())).collect();
        let pairs: Pairs = all.iter().collect();
        assert_eq!(pairs.to_map(), all);
        assert!(all.iter().all(|(name, value)| pairs.get(name) == Some(value)));
        assert_eq!((Pairs::default().len(), Pairs::default().get("")), (0, None));
    }

    #[test]
    fn pairs_take_one_text_and_three_bytes_a_name_or_value() {
        let pairs: Pairs = [("app.kubernetes.io/name", "shop"), ("team", "payments")].into_iter().collect();
        assert_eq!((size_of::<Pairs>(), pairs.0.len()), (16, 22 + 4 + 4 + 8 + 3 + 2 + 2 + 2));
    }

    #[test]
    fn an_object_takes_160_bytes_and_its_texts() {
        assert_eq!(size_of::<RawObject>(), 160);
    }

    #[test]
    fn a_list_of_namespaces_has_a_part_each() {
        let over = Namespaces::Some(vec!["a".into(), "b".into()]);
        assert_eq!((over.parts(), over.part("b"), over.contains("c")), (2, Some(1), false));
        assert_eq!((Namespaces::All.parts(), Namespaces::All.part("x")), (1, Some(0)));
    }
}
