//! The provider `kubernetes` against the real API server, with the operator's own credentials: what its answers look like, and that
//! each way to prove oneself works.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use keyferry::cluster::credentials::ScopedCredentials;
use keyferry::cluster::kube::{Connection, KubeCluster};
use keyferry_stores::base::clock::SystemClock;
use keyferry_stores::base::refs::Scope;
use keyferry_stores::base::{Kind, Result};
use keyferry_stores::net::client::HttpPool;
use keyferry_stores::provider::kubernetes::Kubernetes;
use keyferry_stores::provider::{Batch, Entry, Env, Payload, Probe, Provider, Query, RemoteKey, Store, Want};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use serde_json::{Value, json};

use crate::plane::Plane;

/// A namespace with a store and one that it reads, both of the test's own.
struct World {
    plane: Plane,
    team: String,
    remote: String,
    cluster: Arc<KubeCluster>,
}

/// Whether the test passed or not, its namespaces go.
impl Drop for World {
    fn drop(&mut self) {
        let _ = self.plane.kubectl(&["delete", "namespace", &self.team, &self.remote, "--wait=false"], "");
    }
}

impl World {
    /// Two namespaces. In the first the ServiceAccount `reader`, which may get and list Secrets in the second, as may the user of a
    /// certificate whose name is the first namespace's.
    async fn new(name: &str) -> Self {
        let plane = Plane::get();
        let connection = Connection { kubeconfig: Some(plane.kubeconfig.clone()), ..Connection::default() };
        let cluster = KubeCluster::connect(&connection, Arc::new(SystemClock::new())).await.unwrap();
        let (team, remote) = (format!("kube-{name}"), format!("kube-{name}-remote"));
        let world = Self { plane, team, remote, cluster: Arc::new(cluster) };
        for namespace in [&world.team, &world.remote] {
            world.kubectl(&["create", "namespace", namespace], "");
        }
        let (team, remote) = (&world.team, &world.remote);
        let account = format!("--serviceaccount={team}:reader");
        let user = format!("--user={team}");
        world.kubectl(&["create", "serviceaccount", "reader", "-n", team], "");
        world.kubectl(&["create", "serviceaccount", "stranger", "-n", team], "");
        world.kubectl(
            &["create", "role", "reader", "--verb=get,list", "--resource=secrets", "-n", remote],
            "",
        );
        world.kubectl(
            &["create", "rolebinding", "reader", "--role=reader", &account, &user, "-n", remote],
            "",
        );
        world
    }

    fn kubectl(&self, args: &[&str], stdin: &str) -> String {
        self.plane.kubectl(args, stdin).unwrap_or_else(|error| panic!("{args:?}: {error}"))
    }

    fn apply(&self, namespace: &str, object: &Value) {
        self.kubectl(&["apply", "-n", namespace, "-f", "-"], &object.to_string());
    }

    fn secret(&self, namespace: &str, name: &str, data: &[(&str, &str)]) {
        let data: BTreeMap<_, _> = data.iter().copied().collect();
        self.apply(
            namespace,
            &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}),
        );
    }

    fn ca(&self) -> String {
        std::fs::read_to_string(&self.plane.ca).unwrap()
    }

    fn token(&self, account: &str) -> String {
        self.kubectl(&["create", "token", account, "-n", &self.team], "").trim().to_string()
    }

    /// Certificate and key of a user, signed by the API server's CA.
    fn pair(&self, user: &str) -> (String, String) {
        let signing_key = KeyPair::from_pem(&std::fs::read_to_string(&self.plane.ca_key).unwrap()).unwrap();
        let issuer = Issuer::from_ca_cert_pem(&self.ca(), signing_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut wanted = CertificateParams::default();
        wanted.distinguished_name.push(DnType::CommonName, user);
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        (wanted.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem())
    }

    /// Opens a store; `more` goes over a configuration without a credential.
    async fn open(&self, more: Value) -> Result<Arc<dyn Store>> {
        let mut config = json!({
            "server": {"url": self.plane.server, "caBundle": STANDARD.encode(self.ca())},
            "remoteNamespace": self.remote,
        });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let scope = Scope::Namespace(self.team.clone());
        let config = serde_json::from_value(config).unwrap();
        assert_eq!(Kubernetes::validate(&config, &scope), []);
        let env = Env {
            http: Arc::new(HttpPool::default()),
            clock: Arc::new(SystemClock::new()),
            credentials: Arc::new(ScopedCredentials::new(self.cluster.clone(), scope)),
            store_name: "kube".into(),
            variables: Arc::default(),
            calls: Arc::default(),
            retry: None,
        };
        Kubernetes::open(config, env).await
    }

    /// A store of the ServiceAccount `reader`.
    async fn reader(&self) -> Arc<dyn Store> {
        self.open(json!({"auth": {"serviceAccount": {"name": "reader"}}})).await.unwrap()
    }

    /// A store of the cluster's admin, over a namespace or an address of another name.
    async fn admin(&self, more: Value) -> Arc<dyn Store> {
        self.secret(&self.team, "admin", &[("token", &self.plane.token)]);
        let mut all = json!({"auth": {"token": {"bearerToken": {"name": "admin", "key": "token"}}}});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.open(all).await.unwrap()
    }
}

async fn answer(store: &dyn Store, key: RemoteKey) -> Result<Entry> {
    match store.get(&[key]).await {
        Batch::Answers(mut answers) => answers.remove(0),
        Batch::Refused(error) => panic!("{error}"),
    }
}

async fn one(store: &dyn Store, key: &str) -> Result<Entry> {
    answer(store, RemoteKey::value(key)).await
}

fn fields(entry: &Entry) -> BTreeMap<&str, &str> {
    match &entry.payload {
        Payload::Fields(fields) => {
            fields.iter().map(|(key, value)| (&**key, value.expose_str().unwrap())).collect()
        }
        Payload::Bytes(_) => panic!("bytes"),
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn every_kind_of_credential_opens_a_store() {
    let world = World::new("credentials").await;
    world.secret(&world.remote, "app", &[("user", "u"), ("empty", "")]);
    let (certificate, key) = world.pair(&world.team);
    world.secret(&world.team, "pair", &[("cert", &certificate), ("key", &key)]);
    world.secret(&world.team, "token", &[("token", &world.token("reader"))]);
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "clusters": [{"name": "c", "cluster": {
            "server": world.plane.server, "certificate-authority-data": STANDARD.encode(world.ca()),
        }}],
        "users": [{"name": "c", "user": {
            "client-certificate-data": STANDARD.encode(&certificate), "client-key-data": STANDARD.encode(&key),
        }}],
    });
    world.secret(&world.team, "kubeconfig", &[("config", &kubeconfig.to_string())]);
    let pair =
        json!({"clientCert": {"name": "pair", "key": "cert"}, "clientKey": {"name": "pair", "key": "key"}});
    let ways = [
        json!({"auth": {"token": {"bearerToken": {"name": "token", "key": "token"}}}}),
        json!({"auth": {"serviceAccount": {"name": "reader"}}}),
        json!({"auth": {"cert": pair}}),
        json!({"authRef": {"name": "kubeconfig", "key": "config"}, "server": null}),
    ];
    for way in ways {
        let store = world.open(way.clone()).await.unwrap();
        let entry = one(&*store, "app").await.unwrap();
        assert_eq!(fields(&entry), [("empty", ""), ("user", "u")].into(), "{way}");
        assert!(entry.version.is_some());
        assert!(matches!(store.probe().await, Ok(Probe::Ready)), "{way}");
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_server_is_trusted_by_the_authority_that_the_store_names() {
    let world = World::new("trust").await;
    world.secret(&world.remote, "app", &[]);
    world.secret(&world.team, "ca", &[("ca.crt", &world.ca())]);
    let data = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "ca"}, "data": {"ca.crt": world.ca()}});
    let url = &world.plane.server;
    let with = async |server: Value| {
        let auth = json!({"serviceAccount": {"name": "reader"}});
        let store = world.open(json!({"server": server, "auth": auth})).await?;
        one(&*store, "app").await.map(drop)
    };
    let by_config_map =
        json!({"url": url, "caProvider": {"type": "ConfigMap", "name": "ca", "key": "ca.crt"}});
    assert_eq!(with(by_config_map.clone()).await.unwrap_err().kind(), Kind::Unauthenticated);
    world.apply(&world.team, &data);
    with(by_config_map).await.unwrap();
    with(json!({"url": url, "caBundle": world.ca()})).await.unwrap();
    with(json!({"url": url, "caProvider": {"type": "Secret", "name": "ca", "key": "ca.crt"}})).await.unwrap();
    let other = rcgen::generate_simple_self_signed(["x".to_string()]).unwrap().cert.pem();
    assert_eq!(with(json!({"url": url, "caBundle": other})).await.unwrap_err().kind(), Kind::Unavailable);
    assert_eq!(
        with(json!({"url": url})).await.unwrap_err().kind(),
        Kind::Unavailable,
        "the platform's trust"
    );
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_absent_secret_and_an_absent_namespace_look_the_same() {
    let world = World::new("absent").await;
    let error = one(&*world.reader().await, "gone").await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.to_string().starts_with("secrets \"gone\" not found"), "{error}");
    let nowhere = world.admin(json!({"remoteNamespace": "kube-absent-nowhere"})).await;
    assert_eq!(one(&*nowhere, "gone").await.unwrap_err().kind(), Kind::NotFound);
    let everything = Query { name: Some(".".into()), ..Query::default() };
    assert_eq!(nowhere.find(&everything).await.unwrap(), []);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_wrong_address_is_invalid() {
    let world = World::new("address").await;
    let server = json!({"url": format!("{}/nowhere", world.plane.server), "caBundle": world.ca()});
    let store = world.admin(json!({"server": server})).await;
    assert_eq!(one(&*store, "app").await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_credential_without_rights_is_forbidden_and_a_bad_one_unauthenticated() {
    let world = World::new("rights").await;
    world.secret(&world.remote, "app", &[]);
    world.secret(&world.team, "token", &[("token", "not-a-token")]);
    let everything = Query { name: Some(".".into()), ..Query::default() };
    let stranger = world.open(json!({"auth": {"serviceAccount": {"name": "stranger"}}})).await.unwrap();
    assert_eq!(one(&*stranger, "app").await.unwrap_err().kind(), Kind::Forbidden);
    assert_eq!(stranger.find(&everything).await.unwrap_err().kind(), Kind::Forbidden);
    let told = stranger.probe().await.unwrap_err();
    assert!(told.to_string().starts_with("client is not allowed to get secrets"), "{told}");
    let bad = json!({"auth": {"token": {"bearerToken": {"name": "token", "key": "token"}}}});
    let bad = world.open(bad).await.unwrap();
    assert_eq!(one(&*bad, "app").await.unwrap_err().kind(), Kind::Unauthenticated);
    assert!(matches!(bad.probe().await, Ok(Probe::Unknown(Some(_)))));
    let gone = world.open(json!({"auth": {"serviceAccount": {"name": "gone"}}})).await;
    assert_eq!(gone.unwrap_err().kind(), Kind::Unauthenticated);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_find_goes_by_name_or_by_labels_over_all_pages() {
    let world = World::new("find").await;
    let secret = |name: &str, app: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": {"app": app}}, "stringData": {"n": name}});
    let odd = (0..600).map(|i| secret(&format!("bulk-{i}"), "bulk"));
    let items: Vec<_> = odd.chain([secret("src", "x"), secret("src2", "y")]).collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    world.kubectl(&["create", "-n", &world.remote, "-f", "-"], &list.to_string());
    let store = world.reader().await;
    let names = async |query: Query| {
        let found = store.find(&query).await.unwrap();
        found.into_iter().map(|found| found.name).collect::<Vec<_>>()
    };
    let by_name = |name: &str| Query { name: Some(name.into()), ..Query::default() };
    let by_label =
        |value: &str| Query { tags: [("app".to_string(), value.to_string())].into(), ..Query::default() };
    assert_eq!(names(by_name("^src")).await, ["src", "src2"]);
    assert_eq!(names(by_label("y")).await, ["src2"]);
    assert_eq!(names(by_name("^bulk-")).await.len(), 600);
    assert_eq!(names(by_label("bulk")).await.len(), 600);
    assert_eq!(names(by_label("none")).await, Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn metadata_are_the_labels_and_annotations_of_the_secret() {
    let world = World::new("metadata").await;
    let object = json!({"apiVersion": "v1", "kind": "Secret",
        "metadata": {"name": "app", "labels": {"app": "x"}, "annotations": {"n": "1"}}});
    world.kubectl(&["create", "-n", &world.remote, "-f", "-"], &object.to_string());
    let key = RemoteKey { want: Want::Metadata, ..RemoteKey::value("app") };
    let entry = answer(&*world.reader().await, key).await.unwrap();
    let expected = r#"{"annotations":{"n":"1"},"labels":{"app":"x"}}"#;
    assert_eq!(entry.payload, Payload::Bytes(expected.into()));
}
