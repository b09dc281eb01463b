//! The objects of a measurement: stores, ExternalSecrets, the keys they draw.
//!
//! Everything follows from the [`Shape`]: the same shape gives the same objects on every machine, so two programs that are compared
//! have the same work. The objects are as big as those that people keep in Git and deliver with Argo CD, because what a controller
//! costs depends on what it has to decode.

use std::collections::{BTreeSet, HashSet};

use futures::{StreamExt, TryStreamExt};
use serde_json::{Value, json};

use crate::{Result, plane::Api};

/// Requests at a time while objects are created.
const CREATIONS: usize = 32;

/// The namespace of the Secret with the stores' token.
pub const ACCOUNTS: &str = "accounts";

/// The Secret with the stores' token, in [`ACCOUNTS`] under the key `token`. Those of [`Workload::with_own_tokens`] are named after it.
pub const TOKEN_SECRET: &str = "vault-token";

/// The stores' token.
pub const TOKEN: &str = "scale-token";

/// The group and version of stores and ExternalSecrets, as the API server has them in its paths.
const GROUP: &str = "/apis/external-secrets.io/v1";

/// How many objects there are, and how they lie.
#[derive(Clone, Debug)]
pub struct Shape {
    /// ExternalSecrets.
    pub objects: usize,
    /// Distinct keys to draw from. As many as there are references, or more, gives every reference its own.
    pub keys: usize,
    /// Namespaces, filled evenly.
    pub namespaces: usize,
    /// ClusterSecretStores, all of one account.
    pub stores: usize,
    /// Entries of an object.
    pub per_object: usize,
    /// `spec.refreshInterval` of each object.
    pub interval: String,
    /// Where the draw starts.
    pub seed: u64,
}

impl Shape {
    /// Ten objects for each key, three keys an object.
    #[must_use]
    pub fn shared(objects: usize) -> Self {
        let per_object = 3;
        let keys = (objects / 10).max(per_object);
        Self { objects, keys, namespaces: 20, stores: 10, per_object, interval: "1h".to_owned(), seed: 1 }
    }

    /// Every reference names a key of its own.
    #[must_use]
    pub fn unshared(objects: usize) -> Self {
        let shared = Self::shared(objects);
        Self { keys: objects * shared.per_object, ..shared }
    }
}

/// The objects of one measurement.
#[derive(Clone, Debug)]
pub struct Workload {
    shape: Shape,
    store_address: String,
    service: String,
    account: String,
    own_tokens: bool,
}

impl Workload {
    /// Objects of `shape`, whose stores are at `store_address` (`http://host:port`).
    #[must_use]
    pub fn new(shape: Shape, store_address: &str) -> Self {
        let [store_address, service, account] = [store_address, "service", "account"].map(str::to_owned);
        Self { shape, store_address, service, account, own_tokens: false }
    }

    /// Objects and keys that no workload of other services has; both are named after the service.
    #[must_use]
    pub fn of_service(self, service: &str) -> Self {
        Self { service: service.to_owned(), ..self }
    }

    /// Stores that no workload of other accounts has; they are named after the account.
    #[must_use]
    pub fn at_account(self, account: &str) -> Self {
        Self { account: account.to_owned(), ..self }
    }

    /// Stores with a Secret each that holds the token: as many identities as stores, at one server with one quota.
    #[must_use]
    pub fn with_own_tokens(self) -> Self {
        Self { own_tokens: true, ..self }
    }

    /// What it was made from.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The namespace of object `n`.
    #[must_use]
    pub fn namespace(&self, n: usize) -> String {
        namespace_of(n % self.shape.namespaces)
    }

    /// The name of object `n`, and of its Secret.
    #[must_use]
    pub fn name(&self, n: usize) -> String {
        format!("{}-{n:05}-credentials", self.service)
    }

    /// The keys of object `n`, one an entry, all distinct.
    #[must_use]
    pub fn keys(&self, n: usize) -> Vec<String> {
        self.drawn(n).into_iter().map(|number| self.key_named(number)).collect()
    }

    /// The key of entry `e` of object `n`; none if an object has no such entry.
    #[must_use]
    pub fn key(&self, n: usize, e: usize) -> Option<String> {
        self.drawn(n).get(e).map(|number| self.key_named(*number))
    }

    /// How many distinct keys the objects name: what a store must be asked at least.
    #[must_use]
    pub fn distinct_keys(&self) -> usize {
        (0..self.shape.objects).flat_map(|n| self.drawn(n)).collect::<HashSet<_>>().len()
    }

    /// The keys that the objects name.
    #[must_use]
    pub fn all_keys(&self) -> HashSet<String> {
        (0..self.shape.objects).flat_map(|n| self.keys(n)).collect()
    }

    /// The ClusterSecretStores. They differ in nothing but their names, so all are one identity, unless they have tokens of their own.
    #[must_use]
    pub fn stores(&self) -> Vec<Value> {
        (0..self.shape.stores).map(|k| self.store(k)).collect()
    }

    /// The ExternalSecret `n`.
    #[must_use]
    pub fn object(&self, n: usize) -> Value {
        let (namespace, name) = (self.namespace(n), self.name(n));
        json!({
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": self.metadata(n, &namespace, &name),
            "spec": {
                "refreshInterval": self.shape.interval,
                "secretStoreRef": {"kind": "ClusterSecretStore", "name": self.store_name_of(n)},
                "target": {"name": name, "creationPolicy": "Owner"},
                "data": self.entries(n),
            },
        })
    }

    /// Creates all: namespaces, the token, the stores, then the objects.
    ///
    /// # Errors
    /// A request that fails, or an object that is there already.
    pub async fn create(&self, api: &Api) -> Result<()> {
        self.create_stores(api).await?;
        self.create_objects(api).await
    }

    /// Creates the objects alone, whose stores are there.
    ///
    /// # Errors
    /// As [`Workload::create`].
    pub async fn create_objects(&self, api: &Api) -> Result<()> {
        futures::stream::iter((0..self.shape.objects).map(|n| self.create_object(api, n)))
            .buffer_unordered(CREATIONS)
            .try_collect()
            .await
    }

    /// Creates what the objects need: namespaces, the token, the stores.
    ///
    /// # Errors
    /// As [`Workload::create`].
    pub async fn create_stores(&self, api: &Api) -> Result<()> {
        for name in (0..self.shape.namespaces).map(namespace_of).chain([ACCOUNTS.to_owned()]) {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            api.post("/api/v1/namespaces", &namespace).await?;
        }
        let names: BTreeSet<String> = (0..self.shape.stores.max(1)).map(|k| self.token_secret(k)).collect();
        for name in names {
            api.post(&format!("/api/v1/namespaces/{ACCOUNTS}/secrets"), &token_secret(&name)).await?;
        }
        self.add_stores(api).await
    }

    /// Creates the stores alone, beside those of another workload that has created what they need.
    ///
    /// # Errors
    /// As [`Workload::create`].
    pub async fn add_stores(&self, api: &Api) -> Result<()> {
        for store in self.stores() {
            api.post(&format!("{GROUP}/clustersecretstores?fieldManager=argocd-controller"), &store).await?;
        }
        Ok(())
    }

    /// Creates the ExternalSecret `n`.
    ///
    /// # Errors
    /// As [`Workload::create`].
    pub async fn create_object(&self, api: &Api, n: usize) -> Result<()> {
        let namespace = self.namespace(n);
        let path = format!("{GROUP}/namespaces/{namespace}/externalsecrets?fieldManager=argocd-controller");
        api.post(&path, &self.object(n)).await?;
        Ok(())
    }

    /// Asks for a sync of the ExternalSecret `n` as people do: by an annotation that it did not have with this value.
    ///
    /// # Errors
    /// A request that fails.
    pub async fn force_sync(&self, api: &Api, n: usize, value: &str) -> Result<()> {
        let (namespace, name) = (self.namespace(n), self.name(n));
        let path =
            format!("{GROUP}/namespaces/{namespace}/externalsecrets/{name}?fieldManager=kubectl-annotate");
        let annotations = json!({"metadata": {"annotations": {"force-sync": value}}});
        api.patch(&path, "application/merge-patch+json", &annotations).await?;
        Ok(())
    }

    /// Labels and annotations as Helm and Argo CD write them.
    fn metadata(&self, n: usize, namespace: &str, name: &str) -> Value {
        let release = format!("{}-{n:05}", self.service);
        json!({
            "name": name,
            "namespace": namespace,
            "labels": {
                "app.kubernetes.io/name": self.service,
                "app.kubernetes.io/instance": release,
                "app.kubernetes.io/part-of": namespace,
                "app.kubernetes.io/managed-by": "Helm",
            },
            "annotations": {
                "argocd.argoproj.io/tracking-id":
                    format!("{release}:external-secrets.io/ExternalSecret:{namespace}/{name}"),
                "checksum/config": self.checksum(n),
                "meta.helm.sh/release-name": release,
            },
        })
    }

    fn entries(&self, n: usize) -> Vec<Value> {
        let keys = self.keys(n).into_iter().enumerate();
        keys.map(|(e, key)| {
            json!({"secretKey": format!("CREDENTIAL_{e}"), "remoteRef": {"key": key, "property": "value"}})
        })
        .collect()
    }

    fn store(&self, k: usize) -> Value {
        json!({
            "apiVersion": "external-secrets.io/v1",
            "kind": "ClusterSecretStore",
            "metadata": {"name": self.store_name(k)},
            "spec": {"provider": {"vault": {
                "server": self.store_address,
                "path": "secret",
                "version": "v2",
                "auth": {"tokenSecretRef": {"name": self.token_secret(k), "namespace": ACCOUNTS, "key": "token"}},
            }}},
        })
    }

    fn store_name_of(&self, n: usize) -> String {
        self.store_name(below(self.chance(n, Draw::Store, 0), self.shape.stores))
    }

    fn store_name(&self, k: usize) -> String {
        format!("{}-{k}", self.account)
    }

    /// The name of the Secret with the token of store `k`.
    fn token_secret(&self, k: usize) -> String {
        if self.own_tokens { format!("{TOKEN_SECRET}-{k}") } else { TOKEN_SECRET.to_owned() }
    }

    /// Eight credentials a service, services over forty teams.
    fn key_named(&self, number: usize) -> String {
        let (service, credential) = (number / 8, number % 8);
        format!("team-{}/{}-{service}/credentials-{credential}", service % 40, self.service)
    }

    fn checksum(&self, n: usize) -> String {
        (0..4).map(|part| format!("{:016x}", self.chance(n, Draw::Checksum, part))).collect()
    }

    /// The numbers of the keys of object `n`.
    fn drawn(&self, n: usize) -> Vec<usize> {
        let Shape { objects, keys, per_object, .. } = self.shape;
        if keys >= objects * per_object {
            return (n * per_object..(n + 1) * per_object).collect();
        }
        let mut drawn = Vec::with_capacity(per_object);
        for attempt in 0.. {
            if drawn.len() == per_object.min(keys) {
                break;
            }
            let key = below(self.chance(n, Draw::Key, attempt), keys);
            if !drawn.contains(&key) {
                drawn.push(key);
            }
        }
        drawn
    }

    /// The `i`-th number that object `n` draws for one purpose.
    fn chance(&self, n: usize, draw: Draw, i: u64) -> u64 {
        let object = splitmix64(self.shape.seed ^ splitmix64(n as u64));
        splitmix64(object ^ splitmix64(((draw as u64) << 32) | i))
    }
}

/// What a number is drawn for, so that no draw depends on another.
#[derive(Clone, Copy)]
enum Draw {
    Key = 1,
    Store = 2,
    Checksum = 3,
}

fn namespace_of(index: usize) -> String {
    format!("team-{index:02}")
}

fn token_secret(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": ACCOUNTS},
        "stringData": {"token": TOKEN},
    })
}

/// One step of splitmix64: each bit of what it is given reaches each bit of what it gives.
fn splitmix64(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound`, as evenly as `chance` is spread.
fn below(chance: u64, bound: usize) -> usize {
    ((u128::from(chance) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn workload(shape: Shape) -> Workload {
        Workload::new(shape, "http://127.0.0.1:8200")
    }

    #[test]
    fn the_generator_gives_the_published_numbers() {
        // the first outputs of splitmix64 from the seed 1234567
        let gamma = 0x9e37_79b9_7f4a_7c15_u64;
        let numbers: Vec<u64> =
            (0..3).map(|i| splitmix64(1_234_567_u64.wrapping_add(gamma.wrapping_mul(i)))).collect();
        assert_eq!(
            numbers,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn the_same_shape_gives_the_same_objects() {
        let (one, two) = (workload(Shape::shared(200)), workload(Shape::shared(200)));
        assert!((0..200).all(|n| one.object(n) == two.object(n)));
    }

    #[test]
    fn another_seed_gives_other_keys() {
        let one = workload(Shape::shared(200));
        let other = workload(Shape { seed: 2, ..Shape::shared(200) });
        assert!((0..200).any(|n| one.keys(n) != other.keys(n)));
    }

    #[test]
    fn nearly_all_of_the_shared_keys_are_drawn() {
        for (objects, keys) in [(10, 3), (500, 50), (10_000, 1_000)] {
            let drawn = workload(Shape::shared(objects)).distinct_keys();
            assert!(drawn <= keys && drawn * 100 >= keys * 99, "{drawn} of {keys} keys are drawn");
        }
    }

    #[test]
    fn no_key_is_drawn_much_more_often_than_others() {
        let workload = workload(Shape::shared(10_000));
        let mut drawn: BTreeMap<String, usize> = BTreeMap::new();
        for key in (0..10_000).flat_map(|n| workload.keys(n)) {
            *drawn.entry(key).or_default() += 1;
        }
        assert!(
            drawn.values().all(|times| (8..=60).contains(times)),
            "30 are expected: {:?}",
            drawn.values().max()
        );
    }

    #[test]
    fn an_object_names_three_distinct_keys() {
        let workload = workload(Shape::shared(10));
        for n in 0..10 {
            let keys: BTreeSet<_> = workload.keys(n).into_iter().collect();
            assert_eq!(keys.len(), 3, "object {n}");
            assert_eq!(workload.key(n, 2), workload.keys(n).pop());
            assert_eq!(workload.key(n, 3), None);
        }
    }

    #[test]
    fn an_object_names_no_more_keys_than_there_are() {
        let workload = workload(Shape { keys: 2, ..Shape::shared(10) });
        assert_eq!(workload.keys(0).len(), 2);
    }

    #[test]
    fn unshared_references_name_a_key_each() {
        assert_eq!(workload(Shape::unshared(1_000)).distinct_keys(), 3_000);
    }

    #[test]
    fn another_service_has_other_objects_and_keys_at_the_same_stores() {
        let one = workload(Shape::shared(100));
        let other = one.clone().of_service("newcomer");
        let keys = |workload: &Workload| (0..100).flat_map(|n| workload.keys(n)).collect::<BTreeSet<_>>();
        assert!(keys(&one).is_disjoint(&keys(&other)));
        assert!((0..100).all(|n| one.name(n) != other.name(n)));
        assert_eq!(one.stores(), other.stores());
    }

    #[test]
    fn another_account_has_other_stores_for_the_same_objects() {
        let one = workload(Shape::shared(100));
        let other = one.clone().at_account("other");
        let names = |workload: &Workload| {
            let stores = workload.stores();
            stores.iter().map(|store| store["metadata"]["name"].to_string()).collect::<BTreeSet<_>>()
        };
        assert!(names(&one).is_disjoint(&names(&other)));
        assert_eq!(one.object(3)["spec"]["data"], other.object(3)["spec"]["data"]);
        assert_eq!(other.object(3)["spec"]["secretStoreRef"]["name"], other.store_name_of(3));
    }

    #[test]
    fn stores_and_namespaces_are_used_evenly() {
        let workload = workload(Shape::shared(10_000));
        let mut stores: BTreeMap<String, usize> = BTreeMap::new();
        let mut namespaces: BTreeMap<String, usize> = BTreeMap::new();
        for n in 0..10_000 {
            *stores.entry(workload.store_name_of(n)).or_default() += 1;
            *namespaces.entry(workload.namespace(n)).or_default() += 1;
        }
        assert_eq!(stores.len(), 10);
        assert!(stores.values().all(|objects| (900..=1_100).contains(objects)), "{stores:?}");
        assert_eq!(namespaces.len(), 20);
        assert!(namespaces.values().all(|&objects| objects == 500), "{namespaces:?}");
    }

    #[test]
    fn the_stores_differ_in_their_names_alone() {
        let specs: BTreeSet<String> =
            workload(Shape::shared(10)).stores().iter().map(|store| store["spec"].to_string()).collect();
        assert_eq!(specs.len(), 1);
    }

    #[test]
    fn tokens_of_their_own_tell_stores_apart() {
        let workload = workload(Shape::shared(10)).with_own_tokens();
        let token =
            |store: &Value| store["spec"]["provider"]["vault"]["auth"]["tokenSecretRef"]["name"].to_string();
        let tokens: BTreeSet<String> = workload.stores().iter().map(token).collect();
        assert_eq!(tokens.len(), 10);
    }

    #[test]
    fn an_object_is_as_big_as_those_in_git() {
        let object = workload(Shape::shared(10_000)).object(345);
        let bytes = object.to_string().len();
        assert!((900..=1_500).contains(&bytes), "{bytes} bytes: {object}");
        assert_eq!(object["metadata"]["labels"].as_object().map(serde_json::Map::len), Some(4));
        assert_eq!(object["metadata"]["annotations"].as_object().map(serde_json::Map::len), Some(3));
    }
}
