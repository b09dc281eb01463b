//! What the stores are asked, counted in front of them: one call a distinct key and interval, however many objects ask; batches where
//! the store has them; nothing shared between identities; no store in another's way.

use std::{collections::BTreeMap, time::Duration};

use keyferry_stores::base::{Clock, clock::SystemClock};
use serde_json::json;

use crate::{
    keyferry::{Corner, eventually},
    proxy::Proxy,
};

/// The interval of objects whose ticks are not counted. An object's first tick may come at any moment of its interval, so within an hour
/// some test would meet one.
const RARE: &str = "87600h";
/// The bare credentials of an AWS store. moto takes any.
const AWS_KEYS: &str = "
apiVersion: v1
kind: Secret
metadata: {name: aws}
stringData: {id: AKIAIOSFODNN7EXAMPLE, key: any}
---
";

/// `count` ExternalSecrets, the n-th over the key that `key` names.
fn objects(count: usize, interval: &str, key: impl Fn(usize) -> String) -> String {
    let object = |n: usize| {
        json!({
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": { "name": format!("es-{n}") },
            "spec": {
                "refreshInterval": interval,
                "secretStoreRef": { "name": "store" },
                "data": [{ "secretKey": "a", "remoteRef": { "key": key(n) } }],
            },
        })
    };
    (0..count).map(|n| format!("---\n{}\n", object(n))).collect()
}

/// Waits until all ExternalSecrets of a namespace are Ready.
async fn all_ready(corner: &Corner, namespace: &str, count: usize) {
    let path = format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets");
    eventually(&format!("{count} objects to be ready"), async || {
        let list = corner.get(&path).await?;
        let ready = |object: &&serde_json::Value| {
            crate::keyferry::ready(object).is_some_and(|condition| condition["status"] == "True")
        };
        (list["items"].as_array()?.iter().filter(ready).count() == count).then_some(())
    })
    .await;
}

/// Writes keys into OpenBao.
async fn put(corner: &Corner, keys: impl IntoIterator<Item = String>) {
    let openbao = corner.plane.openbao();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for key in keys {
        let url = format!("{}/v1/secret/data/{key}", openbao.address);
        let body = json!({ "data": { "v": "value" } }).to_string();
        let put = client.post(url).header("X-Vault-Token", &openbao.token).body(body).send().await.unwrap();
        assert!(put.status().is_success());
    }
}

/// A SecretStore on OpenBao at `address`, and its token.
fn vault_store(corner: &Corner, name: &str, address: &str) -> String {
    let token = &corner.plane.openbao().token;
    format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: token}}
stringData: {{token: \"{token}\"}}
---
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: {name}}}
spec:
  controller: CLASS
  provider:
    vault:
      server: \"{address}\"
      path: secret
      auth: {{tokenSecretRef: {{name: token, key: token}}}}
"
    )
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn two_hundred_objects_over_twenty_keys_cost_twenty_reads_an_interval() {
    const INTERVAL: Duration = Duration::from_secs(5);
    let corner = Corner::new("count-vault");
    put(&corner, (0..20).map(|key| format!("count-vault/{key}"))).await;
    let proxy = Proxy::start(&corner.plane.openbao().address).await;
    let reads = || proxy.seen(|seen| seen.method == "GET" && seen.path.starts_with("/v1/secret/data/"));
    corner.apply(&vault_store(&corner, "store", &proxy.address));
    corner.apply(&objects(200, "5s", |n| format!("count-vault/{}", n % 20)));
    let _process = corner.start(&[], &[]);
    all_ready(&corner, "count-vault", 200).await;
    // How long the API server takes for the first writes is not counted; from here on every object has its tick. What is counted begins
    // between two of them, so that it is whole ticks whatever their order.
    let clock = SystemClock::new();
    between_ticks(&clock, || reads().len()).await;
    let (started, first) = (clock.now(), reads().len());
    eventually("three intervals of reads", async || (reads().len() >= first + 60).then_some(())).await;
    let intervals = clock.now().duration_since(started).as_secs_f64() / INTERVAL.as_secs_f64();
    let mut by_key: BTreeMap<String, usize> = BTreeMap::new();
    reads().into_iter().skip(first).take(60).for_each(|read| *by_key.entry(read.path).or_default() += 1);
    assert_eq!(by_key.len(), 20);
    assert!(by_key.values().all(|times| *times == 3), "every key is read once an interval: {by_key:?}");
    // From the pause to the end of the third tick; its reads lie within a tenth of the interval.
    assert!(intervals > 1.9, "three reads of each key in {intervals:.1} intervals");
}

/// Waits until nothing was read for longer than the reads of one tick are apart.
async fn between_ticks(clock: &SystemClock, reads: impl Fn() -> usize) {
    let mut last = (reads(), clock.now());
    eventually("a pause between two ticks", async || {
        let (count, now) = (reads(), clock.now());
        if count != last.0 {
            last = (count, now);
        }
        (now.duration_since(last.1).as_secs() >= 1).then_some(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn the_first_sync_of_two_hundred_objects_over_twenty_keys_costs_twenty_reads() {
    let corner = Corner::new("count-first");
    put(&corner, (0..20).map(|key| format!("count-first/{key}"))).await;
    let proxy = Proxy::start(&corner.plane.openbao().address).await;
    corner.apply(&vault_store(&corner, "store", &proxy.address));
    // Without a timer, so that no tick falls into it.
    corner.apply(&objects(200, "0", |n| format!("count-first/{}", n % 20)));
    let _process = corner.start(&[], &[]);
    all_ready(&corner, "count-first", 200).await;
    assert_eq!(
        proxy.seen(|seen| seen.method == "GET" && seen.path.starts_with("/v1/secret/data/")).len(),
        20
    );
}

/// A SecretStore on Secrets Manager.
const SECRETS_MANAGER: &str = "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider:
    aws:
      service: SecretsManager
      region: eu-central-1
      auth: {secretRef: {accessKeyIDSecretRef: {name: aws, key: id}, secretAccessKeySecretRef: {name: aws, key: key}}}
";

/// Writes secrets into moto.
async fn put_secrets(corner: &Corner, names: impl IntoIterator<Item = String>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let scope = "Credential=any/20260101/eu-central-1/secretsmanager/aws4_request";
    for name in names {
        let put = client
            .post(&corner.plane.moto().address)
            .header("Authorization", format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"))
            .header("X-Amz-Target", "secretsmanager.CreateSecret")
            .header("Content-Type", "application/x-amz-json-1.1")
            .body(json!({ "Name": name, "SecretString": "value", "ClientRequestToken": format!("{name:a>32}") }).to_string());
        let put = put.send().await.unwrap();
        assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    }
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn forty_objects_over_secrets_manager_cost_two_batch_calls() {
    let corner = Corner::new("count-batch");
    put_secrets(&corner, (0..40).map(|n| format!("count-batch/{n}"))).await;
    let proxy = Proxy::start(&corner.plane.moto().address).await;
    corner.apply(&format!("{AWS_KEYS}{SECRETS_MANAGER}"));
    corner.apply(&objects(40, RARE, |n| format!("count-batch/{n}")));
    let process = corner.start(&[], &[("AWS_ENDPOINT_URL", &proxy.address)]);
    all_ready(&corner, "count-batch", 40).await;
    assert_eq!((proxy.actions("BatchGetSecretValue"), proxy.actions("GetSecretValue")), (2, 0));
    let metrics = process.metrics().await;
    let call = r#"provider="AWS/SecretsManager",call="BatchGetSecretValue",status="success""#;
    assert!(metrics.contains(&format!("externalsecret_provider_api_calls_count{{{call}}} 2")), "{metrics}");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_role_that_may_not_batch_still_syncs_with_one_read_a_key() {
    const DENIED: &str = r#"{"__type":"AccessDeniedException","message":"User is not authorized to perform: secretsmanager:BatchGetSecretValue"}"#;
    let corner = Corner::new("count-single");
    put_secrets(&corner, (0..40).map(|n| format!("count-single/{n}"))).await;
    let refuse = |seen: &crate::proxy::Seen| (seen.action == "BatchGetSecretValue").then_some((400, DENIED));
    let proxy = Proxy::refusing(&corner.plane.moto().address, refuse).await;
    corner.apply(&format!("{AWS_KEYS}{SECRETS_MANAGER}"));
    corner.apply(&objects(40, RARE, |n| format!("count-single/{n}")));
    let _process = corner.start(&[], &[("AWS_ENDPOINT_URL", &proxy.address)]);
    all_ready(&corner, "count-single", 40).await;
    assert_eq!(proxy.actions("GetSecretValue"), 40);
    assert!(proxy.actions("BatchGetSecretValue") <= 2, "the refusal is remembered");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn namespaces_whose_session_tags_differ_share_nothing() {
    const TWIN: &str = "count-tags-twin";
    let mut corner = Corner::new("count-tags");
    corner.namespace(TWIN);
    put_secrets(&corner, ["count-tags/k".to_string()]).await;
    let proxy = Proxy::start(&corner.plane.moto().address).await;
    let store = |name: &str, tags: &str| {
        format!(
            "
---
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {{name: {name}}}
spec:
  controller: CLASS
  provider:
    aws:
      service: SecretsManager
      region: eu-central-1
      role: arn:aws:iam::123456789012:role/reader
      {tags}
      auth:
        secretRef:
          accessKeyIDSecretRef: {{name: aws, namespace: NAMESPACE, key: id}}
          secretAccessKeySecretRef: {{name: aws, namespace: NAMESPACE, key: key}}
"
        )
    };
    let user = |namespace: &str, store: &str| {
        let object = objects(1, RARE, |_| "count-tags/k".into());
        object
            .replace(r#""name":"es-0""#, &format!(r#""name":"{store}","namespace":"{namespace}""#))
            .replace(r#"{"name":"store"}"#, &format!(r#"{{"kind":"ClusterSecretStore","name":"{store}"}}"#))
    };
    corner.apply(AWS_KEYS);
    corner.apply(&store("count-tags-same", ""));
    corner.apply(&store("count-tags-own", "sessionTagsPolicy: Simple"));
    let process = corner.start(&[], &[("AWS_ENDPOINT_URL", &proxy.address)]);
    process.until_ready().await;
    let reads = || proxy.actions("GetSecretValue") + proxy.actions("BatchGetSecretValue");
    let all = |store: &str| ["count-tags", TWIN].map(|namespace| user(namespace, store)).concat();
    corner.plane.kubectl(&["apply", "-f", "-"], &all("count-tags-own")).unwrap();
    all_ready(&corner, "count-tags", 1).await;
    all_ready(&corner, TWIN, 1).await;
    assert_eq!(reads(), 2, "one read for each namespace");
    let tagged = proxy.seen(|seen| seen.body.contains("Action=AssumeRole") && seen.body.contains("Tags"));
    for namespace in ["count-tags", TWIN] {
        let own = tagged.iter().filter(|seen| {
            seen.body.contains(&format!("={namespace}&")) || seen.body.ends_with(&format!("={namespace}"))
        });
        assert!(own.count() >= 1, "a session of its own for {namespace}");
    }
    let _ = corner.plane.kubectl(&["delete", "clustersecretstore", "count-tags-same", "count-tags-own"], "");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_store_that_never_answers_delays_no_object_of_another_store() {
    let corner = Corner::new("count-silent");
    put(&corner, ["count-silent/k".to_string()]).await;
    // It accepts connections, and that is all: nobody ever reads from them.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    corner.apply(&vault_store(&corner, "silent", &address));
    corner.apply(
        &objects(100, RARE, |n| format!("k{n}")).replace(r#"{"name":"store"}"#, r#"{"name":"silent"}"#),
    );
    let flags = ["--enable-flood-gate=false"];
    let process = corner.start(&flags, &[]);
    process.until_ready().await;
    corner.apply(&vault_store(&corner, "good", &corner.plane.openbao().address.clone()));
    let object = objects(1, RARE, |_| "count-silent/k".into());
    let object = object.replace("es-0", "quick").replace(r#"{"name":"store"}"#, r#"{"name":"good"}"#);
    let clock = SystemClock::new();
    let applied = clock.now();
    corner.apply(&object);
    corner.until_ready("quick", "True", "SecretSynced").await;
    let took = clock.now().duration_since(applied);
    let slow = corner.external_secret("es-0").await.unwrap();
    assert!(slow["status"].is_null(), "the silent store's objects still wait: {}", slow["status"]);
    // The silent store's time-out is 30 s; whoever waited for it would not be ready before.
    assert!(took < jiff::SignedDuration::from_secs(15), "took {took:?}");
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_repaired_credential_wakes_the_objects_that_failed() {
    let corner = Corner::new("count-repair");
    put(&corner, ["count-repair/k".to_string()]).await;
    let store = vault_store(&corner, "store", &corner.plane.openbao().address.clone());
    let token = corner.plane.openbao().token.clone();
    corner.apply(&store.replace(&format!("\"{token}\""), "\"wrong\""));
    corner.apply(&objects(3, RARE, |_| "count-repair/k".into()));
    let _process = corner.start(&["--enable-flood-gate=false"], &[]);
    for name in ["es-0", "es-1", "es-2"] {
        let condition = corner.until_ready(name, "False", "SecretSyncedError").await;
        let message = condition["message"].as_str().unwrap();
        assert!(message.starts_with("could not get secret data from provider"), "{message}");
    }
    corner.apply(&store);
    all_ready(&corner, "count-repair", 3).await;
}
