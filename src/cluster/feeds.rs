//! Feeds from the API server: kube's `watcher` under our own shapes.
//!
//! The watcher pages its lists by 500, resumes a cut watch where it was, lists again after a 410 and waits longer after each failure
//! ([`Growing`]). It holds one decoded page at a time; decoding has already dropped what we do not keep.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{
    StreamExt,
    stream::{self, select_all},
};
use keyferry_stores::base::{Error, Kind};
use kube::{
    Api, Resource,
    api::ObjectMeta,
    core::DynamicResourceScope,
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher::{self, Event, watcher},
    },
};
use serde::{Deserialize, Deserializer};

use super::{
    MANAGED_LABEL, StatusKind,
    generic::{ManagedObject, ObjectKind},
    identity::Uid,
    kube::KubeCluster,
    managed::{DigestKey, ManagedSecret, Printed},
    refusal::{failure, is_of_unserved_path},
    watch::{Change, Feed, Metadata, MetadataKind, Namespace, Namespaces, Pairs, RawObject, Watches},
    wire::Watchable,
};

/// What the API server is asked for.
#[derive(Debug, Clone)]
pub(super) struct ApiKind {
    pub(super) group: Cow<'static, str>,
    pub(super) version: Cow<'static, str>,
    pub(super) kind: Cow<'static, str>,
    pub(super) plural: Cow<'static, str>,
}

impl ApiKind {
    pub(super) const SECRET: Self = Self::core("Secret", "secrets");
    pub(super) const CONFIG_MAP: Self = Self::core("ConfigMap", "configmaps");
    pub(super) const SERVICE_ACCOUNT: Self = Self::core("ServiceAccount", "serviceaccounts");
    pub(super) const EVENT: Self = Self::core("Event", "events");
    const NAMESPACE: Self = Self::core("Namespace", "namespaces");

    const fn core(kind: &'static str, plural: &'static str) -> Self {
        Self::fixed("", kind, plural)
    }

    const fn fixed(group: &'static str, kind: &'static str, plural: &'static str) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed("v1"),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
        }
    }

    /// The path of the collection; an empty namespace is the whole cluster.
    pub(super) fn path(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "/api".to_string() } else { format!("/apis/{}", self.group) };
        let part = if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
        format!("{root}/{}{part}/{}", self.version, self.plural)
    }
}

impl From<StatusKind> for ApiKind {
    fn from(kind: StatusKind) -> Self {
        Self::fixed("external-secrets.io", kind.kind(), kind.plural())
    }
}

impl From<MetadataKind> for ApiKind {
    fn from(kind: MetadataKind) -> Self {
        match kind {
            MetadataKind::Secret => Self::SECRET,
            MetadataKind::ConfigMap => Self::CONFIG_MAP,
            MetadataKind::ServiceAccount => Self::SERVICE_ACCOUNT,
        }
    }
}

/// The objects of which we know that they have a status: it decides how the next one is written. A wrong guess costs a request.
#[derive(Debug, Default)]
pub(super) struct Statuses(Mutex<HashSet<u64>>);

/// Objects that are remembered; some 10 bytes each. Beyond it all are forgotten, and learned again.
const REMEMBERED: usize = 1 << 20;

impl Statuses {
    pub(super) fn know(&self, uid: &Uid) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(short(uid));
    }

    pub(super) fn is_known(&self, uid: &Uid) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&short(uid))
    }
}

/// UIDs are random; any hash of one will do.
fn short(uid: &Uid) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(uid)
}

/// Makes feeds from a cluster's client.
#[derive(Clone)]
pub struct KubeWatches(KubeCluster);

impl KubeWatches {
    pub(super) fn new(cluster: KubeCluster) -> Self {
        Self(cluster)
    }

    fn feed<T: Watchable>(&self, kind: &ApiKind, over: &Namespaces, config: &watcher::Config) -> Feed<T> {
        let client = self.0.client();
        let parts = match over {
            Namespaces::All => vec![Api::<Watched<T>>::all_with(client.clone(), kind)],
            Namespaces::Some(names) => {
                names.iter().map(|name| Api::namespaced_with(client.clone(), name, kind)).collect()
            }
        };
        let streams = parts.into_iter().enumerate().map(|(part, api)| {
            let events = watcher(api, config.clone()).backoff(Growing::default());
            events.map(move |event| change(part, event)).boxed()
        });
        select_all(streams).boxed()
    }
}

/// kube's own waits, 0.8 s doubling to 30 s, that begin anew after two minutes without a failure. The stream around it would begin anew
/// with each message, and every try to list is one, so a kind that is not installed would be asked for every second.
#[derive(Default)]
struct Growing(watcher::DefaultBackoff);

impl Iterator for Growing {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for Growing {
    fn reset(&mut self) {}
}

impl fmt::Debug for KubeWatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KubeWatches")
    }
}

impl Watches for KubeWatches {
    fn objects(&self, kind: StatusKind, over: &Namespaces) -> Feed<RawObject> {
        let over = match kind {
            StatusKind::ExternalSecret | StatusKind::SecretStore => over,
            StatusKind::ClusterSecretStore => &Namespaces::All,
        };
        let statuses = Arc::clone(self.0.statuses());
        let feed = self.feed::<RawObject>(&kind.into(), over, &watcher::Config::default());
        let learn = move |change: &Change<RawObject>| match change {
            Change::Seen(object) | Change::Applied(object) if object.status.is_some() => {
                statuses.know(&object.uid)
            }
            Change::Begin(_)
            | Change::Seen(_)
            | Change::Listed(_)
            | Change::Applied(_)
            | Change::Deleted(_)
            | Change::Failed(..) => {}
        };
        feed.inspect(learn).boxed()
    }

    fn managed(&self, over: &Namespaces, key: &Arc<DigestKey>) -> Feed<ManagedSecret> {
        let key = Arc::clone(key);
        let printed = self.feed::<Printed>(&ApiKind::SECRET, over, &labelled());
        printed.map(move |change| change.map(|secret| secret.seal(&key))).boxed()
    }

    fn targets(&self, kind: &ObjectKind, over: &Namespaces) -> Feed<ManagedObject> {
        let tries = stream::repeat((self.0.clone(), kind.clone()));
        let tries = tries.then(|(cluster, kind)| async move { cluster.look_up(&kind).await });
        let (watches, over) = (self.clone(), over.clone());
        let follow = move |found: Result<ApiKind, Error>| match found {
            Ok(kind) => {
                let feed = watches.feed::<ManagedObject>(&kind, &over, &labelled());
                feed.chain(stream::pending()).boxed()
            }
            Err(error) => failed(over.parts(), error.within("watching the cluster")),
        };
        tries.backoff(Growing::default()).flat_map(follow).boxed()
    }

    fn metadata(&self, kind: MetadataKind, over: &Namespaces) -> Feed<Metadata> {
        let all = self.feed::<Metadata>(&kind.into(), over, &watcher::Config::default());
        match kind {
            MetadataKind::ServiceAccount => all,
            MetadataKind::Secret | MetadataKind::ConfigMap => {
                let bare = |object| Metadata { annotations: Pairs::default(), ..object };
                all.map(move |change| change.map(bare)).boxed()
            }
        }
    }

    fn namespaces(&self) -> Feed<Namespace> {
        self.feed(&ApiKind::NAMESPACE, &Namespaces::All, &watcher::Config::default())
    }
}

/// Only what bears our label.
fn labelled() -> watcher::Config {
    watcher::Config::default().labels(&format!("{MANAGED_LABEL}=true"))
}

/// None of so many parts can be watched.
fn failed<T: Send + 'static>(parts: usize, error: Error) -> Feed<T> {
    stream::iter((0..parts).map(move |part| Change::Failed(part, error.clone()))).boxed()
}

fn change<T: Watchable>(part: usize, event: watcher::Result<Event<Watched<T>>>) -> Change<T> {
    match event {
        Ok(Event::Init) => Change::Begin(part),
        Ok(Event::InitApply(object)) => Change::Seen(object.value),
        Ok(Event::InitDone) => Change::Listed(part),
        Ok(Event::Apply(object)) => Change::Applied(object.value),
        Ok(Event::Delete(object)) => Change::Deleted(object.value.gone()),
        Err(error) => Change::Failed(part, with_remedy(cause(error)).within("watching the cluster")),
    }
}

/// A kind that the API server does not serve was not installed, or was removed.
fn with_remedy(error: Error) -> Error {
    if is_of_unserved_path(&error) {
        error.within("the kind is not installed (keyferry's own: keyferry crds | kubectl apply -f -)")
    } else {
        error
    }
}

fn cause(error: watcher::Error) -> Error {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => failure(error),
        watcher::Error::WatchError(status) => failure(kube::Error::Api(status)),
        watcher::Error::NoResourceVersion => {
            Error::new(Kind::Malformed, "the API server gave an object without a resourceVersion")
        }
    }
}

/// A watchable object in the dress that kube's watcher asks for. It reads nothing from it but the resourceVersion.
#[derive(Clone)]
struct Watched<T> {
    meta: ObjectMeta,
    value: T,
}

impl<'de, T: Watchable> Deserialize<'de> for Watched<T> {
    fn deserialize<D: Deserializer<'de>>(decoder: D) -> Result<Self, D::Error> {
        let value = T::from_wire(T::Wire::deserialize(decoder)?);
        let meta = ObjectMeta { resource_version: Some(value.version()), ..ObjectMeta::default() };
        Ok(Self { meta, value })
    }
}

impl<T> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl<T: Watchable> Resource for Watched<T> {
    type DynamicType = ApiKind;
    type Scope = DynamicResourceScope;

    fn kind(api: &ApiKind) -> Cow<'_, str> {
        Cow::Borrowed(&api.kind)
    }

    fn group(api: &ApiKind) -> Cow<'_, str> {
        Cow::Borrowed(&api.group)
    }

    fn version(api: &ApiKind) -> Cow<'_, str> {
        Cow::Borrowed(&api.version)
    }

    fn plural(api: &ApiKind) -> Cow<'_, str> {
        Cow::Borrowed(&api.plural)
    }

    fn metadata_api() -> bool {
        T::METADATA_ONLY
    }

    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
mod tests {
    use kube::core::WatchEvent;

    use super::*;

    #[test]
    fn a_watch_event_decodes_into_our_shape_with_its_raw_spec() {
        let line = r#"{"type":"MODIFIED","object":{"kind":"ExternalSecret","metadata":{"name":"e","namespace":"n",
            "resourceVersion":"5"},"spec":{"refreshInterval":"1 day","any":[1]}}}"#;
        let event: WatchEvent<Watched<RawObject>> = serde_json::from_str(line).unwrap();
        let WatchEvent::Modified(object) = event else { panic!("{event:?}") };
        assert_eq!(object.meta.resource_version.as_deref(), Some("5"));
        assert_eq!(&*object.value.spec, br#"{"refreshInterval":"1 day","any":[1]}"#);
    }

    #[test]
    fn a_page_of_a_list_decodes_into_our_shape() {
        let page = r#"{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":"c"},
            "items":[{"metadata":{"name":"s","resourceVersion":"5"},"data":{"a":"MTI="}}]}"#;
        let list: kube::core::ObjectList<Watched<Printed>> = serde_json::from_str(page).unwrap();
        let key = DigestKey::new(&[1; 32]);
        let secret = list.items[0].value.clone().seal(&key);
        assert_eq!(secret.data()[0].digest, key.fingerprint(b"12"));
    }

    #[test]
    fn paths_follow_group_and_namespace() {
        assert_eq!(ApiKind::SECRET.path("n"), "/api/v1/namespaces/n/secrets");
        let stores = ApiKind::from(StatusKind::ClusterSecretStore).path("");
        assert_eq!(stores, "/apis/external-secrets.io/v1/clustersecretstores");
    }
}
