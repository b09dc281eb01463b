//! What objects use as templates: read when a template is rendered, and not again while the watch shows the same version.
//!
//! Only ConfigMaps stay on the shelf, and only texts within a bound. What lies in a Secret is read each time: no value outlives the job
//! that it was read for.

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

/// Objects, and the keys that are used of each.
pub type Wanted = BTreeMap<Ref, BTreeSet<String>>;

/// The texts that are used of each object, as far as it has them.
pub type Sources = BTreeMap<Resolved, Arc<Texts>>;

/// The versions of objects, as the watches showed them before the job began.
pub type Seen = HashMap<Resolved, u64>;

/// ConfigMaps by the version that was seen before they were read: what was read is that version or a later one, and a later one is seen
/// under another number.
#[derive(Debug)]
pub struct Shelf(Mutex<Recent<(Resolved, u64), Arc<Texts>>>);

impl Default for Shelf {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(limits::TEMPLATES_KEPT_BYTES)))
    }
}

impl Shelf {
    fn kept(&self) -> MutexGuard<'_, Recent<(Resolved, u64), Arc<Texts>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wanted texts; objects that are not on the shelf are read, each once. Nothing else of them is held meanwhile.
    ///
    /// # Errors
    /// As [`sources::read`]; `Invalid` if the texts are larger than templates may be.
    pub async fn read(
        &self,
        cluster: &dyn Cluster,
        scope: &Scope,
        wanted: &Wanted,
        seen: &Seen,
    ) -> Result<Sources> {
        let mut sources = Sources::new();
        let mut left = limits::TEMPLATE_BYTES;
        for (reference, keys) in wanted {
            let at = scope.resolve(reference)?;
            let version = seen.get(&at).filter(|_| at.kind == RefKind::ConfigMap);
            let place = version.map(|version| (at.clone(), *version));
            let kept = place.as_ref().and_then(|place| self.kept().get(place));
            let texts = match kept {
                Some(texts) => texts,
                None => {
                    let texts = Arc::new(sources::read(cluster, scope, reference).await?);
                    self.keep(place, &texts);
                    texts
                }
            };
            let used: Texts =
                keys.iter().filter_map(|key| Some((key.clone(), texts.get(key)?.clone()))).collect();
            let bytes = used.values().map(SecretBytes::len).sum();
            left = left.checked_sub(bytes).ok_or_else(|| too_large(&at))?;
            sources.insert(at, Arc::new(used));
        }
        Ok(sources)
    }

    fn keep(&self, place: Option<(Resolved, u64)>, texts: &Arc<Texts>) {
        if let Some(place) = place {
            let bytes = weight(&place.0, texts);
            self.kept().put(place, bytes, texts.clone());
        }
    }
}

/// What an object counts on the shelf: empty ones take room too.
fn weight(at: &Resolved, texts: &Texts) -> usize {
    let texts = texts.iter().map(|(key, text)| limits::TEXT_KEPT_BYTES + key.len() + text.len());
    limits::TEXT_KEPT_BYTES + at.namespace.len() + at.name.len() + texts.sum::<usize>()
}

/// The object with which the texts became too large.
fn too_large(at: &Resolved) -> Error {
    let word = if at.kind == RefKind::Secret { "secret" } else { "configmap" };
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

    /// How many requests it takes to read the template so often, with this version seen.
    async fn requests(kind: RefKind, times: usize, seen: impl Fn(usize) -> Option<u64>) -> usize {
        let (cluster, shelf, scope) = (FakeCluster::new(), Shelf::default(), Scope::Namespace("n".into()));
        cluster.put_config_map(&ObjectKey::new("n", "tpl"), &[("k", "v")]);
        let (namespace, name) = ("n".to_string(), "tpl".to_string());
        let data = BTreeMap::from([("k".to_string(), "v".into())]);
        cluster.put_secret(Secret { namespace, name, data, ..Secret::default() }, "kubectl");
        let wanted = Wanted::from([(reference(kind), BTreeSet::from(["k".to_string()]))]);
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
    async fn what_lies_in_a_secret_is_read_each_time_and_kept_nowhere() {
        assert_eq!(requests(RefKind::Secret, 5, |_| Some(7)).await, 5);
    }

    /// An object of this name with this content, of which these keys are wanted.
    fn config_map(cluster: &FakeCluster, name: &str, texts: &[(&str, &str)], keys: &[&str]) -> Wanted {
        cluster.put_config_map(&ObjectKey::new("n", name), texts);
        let reference = Ref { name: name.into(), ..reference(RefKind::ConfigMap) };
        Wanted::from([(reference, keys.iter().map(|key| (*key).to_string()).collect())])
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
                fits || refusal.starts_with("configmap c: with it the templates are larger"),
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
        assert!(count <= 2 * limits::TEMPLATES_KEPT_BYTES / limits::TEXT_KEPT_BYTES, "{count}");
    }
}
