//! What objects use as templates: read when a template is rendered, and not again while the watch shows the same version.
//!
//! Only ConfigMaps stay on the shelf: whole, the last version that was read of each, those that were used last, within a bound. What lies
//! in a Secret is read each time: no value outlives the job that it was read for.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyferry_stores::base::{
    Error, Kind, Result, SecretBytes, limits,
    refs::{Ref, RefKind, Resolved, Scope},
};

use super::recent::Recent;
use crate::cluster::{
    Cluster,
    sources::{self, Texts},
};

/// Objects, and what is used of each.
pub type Wanted = BTreeMap<Ref, Used>;

/// What is used of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// The part of the specification that names it first: `templateFrom[1]`.
    pub part: String,
    /// Keys.
    pub keys: BTreeSet<String>,
}

/// The texts that are used of each object, as far as it has them.
pub type Sources = BTreeMap<Resolved, Arc<Texts>>;

/// The versions of objects, as the watches showed them before the job began.
pub type Seen = HashMap<Resolved, u64>;

/// A version and the texts that were read when it had been seen.
type Book = (u64, Arc<Texts>);

/// ConfigMaps with the version that was seen before they were read: what was read is that version or a later one, and a later one is seen
/// under another number.
#[derive(Debug)]
pub struct Shelf(Mutex<Recent<Resolved, Book>>);

impl Default for Shelf {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(limits::SHELF_BYTES)))
    }
}

impl Shelf {
    fn kept(&self) -> MutexGuard<'_, Recent<Resolved, Book>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wanted texts; objects that are not on the shelf in the version that was seen are read, each once. What else lies in an object is
    /// dropped before the next one is read, but for what the shelf keeps.
    ///
    /// # Errors
    /// As [`sources::read`]; `Invalid` if the texts are larger than templates may be. All name the part of the specification.
    pub async fn read(
        &self,
        cluster: &dyn Cluster,
        scope: &Scope,
        wanted: &Wanted,
        seen: &Seen,
    ) -> Result<Sources> {
        let mut sources = Sources::new();
        let mut left = limits::TEMPLATE_BYTES;
        for (reference, Used { part, keys }) in wanted {
            let at = scope.resolve(reference)?;
            let version = seen.get(&at).filter(|_| at.kind == RefKind::ConfigMap).copied();
            let texts = match version.and_then(|version| self.find(&at, version)) {
                Some(texts) => texts,
                None => {
                    let read = sources::read(cluster, scope, reference).await;
                    let texts = Arc::new(read.map_err(|error| error.within(part))?);
                    self.keep(&at, version, &texts);
                    texts
                }
            };
            let used: Texts =
                keys.iter().filter_map(|key| Some((key.clone(), texts.get(key)?.clone()))).collect();
            let bytes = used.values().map(SecretBytes::len).sum();
            left = left.checked_sub(bytes).ok_or_else(|| too_large(&at).within(part))?;
            sources.insert(at, Arc::new(used));
        }
        Ok(sources)
    }

    fn find(&self, at: &Resolved, version: u64) -> Option<Arc<Texts>> {
        self.kept().get(at).filter(|(kept, _)| *kept == version).map(|(_, texts)| texts)
    }

    /// Keeps what was read when this version had been seen, in the place of another version.
    fn keep(&self, at: &Resolved, version: Option<u64>, texts: &Arc<Texts>) {
        if let Some(version) = version {
            self.kept().put(at.clone(), weight(at, texts), (version, texts.clone()));
        }
    }
}

/// What an object counts on the shelf: empty ones take room too.
fn weight(at: &Resolved, texts: &Texts) -> usize {
    let texts = texts.iter().map(|(key, text)| limits::TEXT_KEPT_BYTES + key.len() + text.len());
    limits::TEXT_KEPT_BYTES + at.namespace.len() + at.name.len() + texts.sum::<usize>()
}

/// What an object is called in ESO's messages about templates.
pub(super) const fn word(kind: RefKind) -> &'static str {
    match kind {
        RefKind::Secret => "secret",
        RefKind::ConfigMap => "configmap",
        RefKind::ServiceAccount => "serviceaccount",
    }
}

/// The object with which the texts became too large.
fn too_large(at: &Resolved) -> Error {
    let word = word(at.kind);
    let why = format!("{word} {}: with it the templates are larger than they may be together", at.name);
    Error::new(Kind::Invalid, why).with("limit", limits::TEMPLATE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{
        ObjectKey, Secret,
        fake::{FakeCluster, Verb},
    };

    fn reference(kind: RefKind) -> Ref {
        Ref { kind, field: "templateFrom", name: "tpl".into(), namespace: None, strict: false }
    }

    fn used<'a>(keys: impl IntoIterator<Item = &'a str>) -> Used {
        Used { part: "templateFrom[1]".into(), keys: keys.into_iter().map(str::to_string).collect() }
    }

    /// How many requests it takes to read the template so often, with this version seen.
    async fn requests(kind: RefKind, times: usize, seen: impl Fn(usize) -> Option<u64>) -> usize {
        let (cluster, shelf, scope) = (FakeCluster::new(), Shelf::default(), Scope::Namespace("n".into()));
        let key = ObjectKey::new("n", "tpl");
        cluster.put_config_map(&key, &[("k", "v")]);
        let data = BTreeMap::from([("k".to_string(), "v".into())]);
        cluster.put_secret(Secret { data, ..Secret::new(&key) }, "kubectl");
        let wanted = Wanted::from([(reference(kind), used(["k"]))]);
        let at = scope.resolve(&reference(kind)).unwrap();
        for i in 0..times {
            let seen: Seen = seen(i).map(|version| (at.clone(), version)).into_iter().collect();
            let sources = shelf.read(&cluster, &scope, &wanted, &seen).await.unwrap();
            assert_eq!(sources[&at]["k"].expose(), b"v");
        }
        cluster.count(Verb::Get, "configmaps") + cluster.count(Verb::Get, "secrets")
    }

    #[tokio::test]
    async fn a_config_map_is_read_once_a_version() {
        assert_eq!(requests(RefKind::ConfigMap, 5, |_| Some(7)).await, 1);
        assert_eq!(requests(RefKind::ConfigMap, 6, |i| Some(i as u64 / 2)).await, 3);
        assert_eq!(
            requests(RefKind::ConfigMap, 5, |_| None).await,
            5,
            "a version that was not seen proves nothing"
        );
    }

    #[tokio::test]
    async fn of_a_config_map_one_version_is_kept() {
        let (cluster, scope, shelf) = (FakeCluster::new(), Scope::Namespace("n".into()), Shelf::default());
        let mut sizes = Vec::new();
        for (version, text) in [(7, "old"), (8, "new")] {
            let wanted = config_map(&cluster, "c", &[("k", text)], &["k"]);
            let at = scope.resolve(wanted.keys().next().unwrap()).unwrap();
            let seen = Seen::from([(at.clone(), version)]);
            let sources = shelf.read(&cluster, &scope, &wanted, &seen).await.unwrap();
            assert_eq!(sources[&at]["k"].expose(), text.as_bytes());
            sizes.push(shelf.kept().size());
        }
        assert_eq!((sizes[0].0, sizes[0]), (1, sizes[1]));
    }

    #[tokio::test]
    async fn what_lies_in_a_secret_is_read_each_time_and_kept_nowhere() {
        assert_eq!(requests(RefKind::Secret, 5, |_| Some(7)).await, 5);
    }

    /// An object of this name with this content, of which these keys are wanted.
    fn config_map(cluster: &FakeCluster, name: &str, texts: &[(&str, &str)], keys: &[&str]) -> Wanted {
        cluster.put_config_map(&ObjectKey::new("n", name), texts);
        let reference = Ref { name: name.into(), ..reference(RefKind::ConfigMap) };
        Wanted::from([(reference, used(keys.iter().copied()))])
    }

    #[tokio::test]
    async fn of_an_object_only_what_is_used_is_held() {
        let (cluster, scope) = (FakeCluster::new(), Scope::Namespace("n".into()));
        let wanted = config_map(&cluster, "a", &[("used", "1"), ("other", "2")], &["used", "missing"]);
        let sources = Shelf::default().read(&cluster, &scope, &wanted, &Seen::new()).await.unwrap();
        let keys: Vec<_> = sources.values().flat_map(|texts| texts.keys()).collect();
        assert_eq!(keys, ["used"]);
    }

    #[tokio::test]
    async fn templates_are_bounded_together_and_what_is_not_used_does_not_count() {
        let (cluster, scope) = (FakeCluster::new(), Scope::Namespace("n".into()));
        let half = "x".repeat(limits::TEMPLATE_BYTES / 2);
        let texts = [("used", half.as_str()), ("other", half.as_str())];
        let mut wanted = Wanted::new();
        for (name, fits) in [("a", true), ("b", true), ("c", false)] {
            wanted.extend(config_map(&cluster, name, &texts, &["used"]));
            let read = Shelf::default().read(&cluster, &scope, &wanted, &Seen::new()).await;
            let refusal = read.err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(refusal.is_empty(), fits, "{name} {refusal}");
            assert!(
                fits || refusal.starts_with("templateFrom[1]: configmap c: with it the templates are larger"),
                "{refusal}"
            );
        }
    }

    #[tokio::test]
    async fn empty_objects_take_room_on_the_shelf_too() {
        let (cluster, scope, shelf) = (FakeCluster::new(), Scope::Namespace("n".into()), Shelf::default());
        for i in 0..5_000 {
            let wanted = config_map(&cluster, &format!("c{i}"), &[], &[]);
            let at = scope.resolve(wanted.keys().next().unwrap()).unwrap();
            shelf.read(&cluster, &scope, &wanted, &Seen::from([(at, 1)])).await.unwrap();
        }
        let (count, _) = shelf.kept().size();
        assert!(count <= 2 * limits::SHELF_BYTES / limits::TEXT_KEPT_BYTES, "{count}");
    }
}
