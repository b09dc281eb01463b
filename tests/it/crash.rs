//! A process that is killed in the middle of its work: the next one converges, and writes nothing twice.

use serde_json::Value;

use crate::keyferry::{Corner, eventually};

const STORE: &str = "
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: store}
spec:
  controller: CLASS
  provider: {fake: {data: [{key: k, value: new-value}]}}
";

/// An ExternalSecret; `kind` is its case.
fn object(case: Case) -> String {
    let (policy, refresh) = match case {
        Case::Owner => ("Owner", "Periodic"),
        Case::Merge => ("Merge", "Periodic"),
        Case::CreatedOnce => ("Owner", "CreatedOnce"),
    };
    format!(
        "
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: es}}
spec:
  secretStoreRef: {{name: store}}
  refreshPolicy: {refresh}
  target: {{creationPolicy: {policy}}}
  data: [{{secretKey: a, remoteRef: {{key: k}}}}]
"
    )
}

/// The target of a Merge, as its owner made it.
const BYSTANDER: &str = "{apiVersion: v1, kind: Secret, metadata: {name: es}, stringData: {other: theirs}}";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Owner,
    Merge,
    CreatedOnce,
}

/// The verbs with which keyferry wrote Secrets of its corner, in order.
fn writes(corner: &Corner) -> Vec<String> {
    let all = corner.plane.requests(&corner.user());
    let writes = all.into_iter().filter(|request| {
        let object = request.object_ref.clone().unwrap_or_default();
        object.resource == "secrets"
            && object.namespace == corner.name
            && ["create", "update", "patch", "delete"].contains(&&*request.verb)
    });
    writes.map(|request| request.verb).collect()
}

/// Kills a process at `point` of its first sync, and lets another go on: one write of the Secret in all, and the right content.
async fn converges(case: Case, point: &str) {
    let name = format!("crash-{}-{point}", format!("{case:?}").to_lowercase());
    let corner = Corner::new(&name);
    if case == Case::Merge {
        corner.apply(BYSTANDER);
    }
    corner.apply(STORE);
    corner.apply(&object(case));
    let mut killed = corner.start(&[], &[("KEYFERRY_ABORT_AT", point)]);
    let status = killed.until_end().await;
    assert!(!status.success(), "the process was to be killed at {point}");
    let written_before = corner.secret("es").await;
    let process = corner.start(&[], &[]);
    process.until_ready().await;
    let condition = corner.until_ready("es", "True", "SecretSynced").await;
    assert_eq!(condition["message"], "secret synced");
    let secret = corner.secret("es").await.expect("the Secret is there");
    assert_eq!(secret["data"]["a"], "bmV3LXZhbHVl");
    assert_eq!(secret["data"]["other"].is_string(), case == Case::Merge, "foreign keys stay");
    if point.starts_with("after-write") || point.ends_with("-status") {
        let before = written_before.expect("it was written before the kill");
        assert_eq!(version(&before), version(&secret), "an unchanged Secret is not written again");
    }
    assert_eq!(process.end().await.code(), Some(0));
    let expected = if case == Case::Merge { "update" } else { "create" };
    let refused_posts = usize::from(case != Case::Merge && point.starts_with("after-write"));
    let writes =
        eventually("the audit log", async || Some(writes(&corner)).filter(|writes| !writes.is_empty())).await;
    assert!(
        writes.len() <= 1 + refused_posts && writes.iter().all(|verb| verb == expected),
        "{case:?} {point}: {writes:?}"
    );
}

fn version(secret: &Value) -> &Value {
    &secret["metadata"]["resourceVersion"]
}

macro_rules! kills {
    ($($name:ident: $case:ident at $point:literal,)*) => {
        $(
            #[tokio::test]
            #[ignore = "needs the local control plane: ./justw test"]
            async fn $name() {
                converges(Case::$case, $point).await;
            }
        )*
    };
}

/// Kills a process right after it deleted the target of a deleted object; another one takes the finalizer off and deletes nothing more.
async fn deletes_once(case: Case) {
    let name = format!("crash-{}-after-delete", format!("{case:?}").to_lowercase());
    let corner = Corner::new(&name);
    if case == Case::Merge {
        corner.apply(BYSTANDER);
    }
    corner.apply(STORE);
    let finalizer = "{name: es, finalizers: [externalsecrets.external-secrets.io/externalsecret-cleanup]}";
    let manifest = object(case).replace("{name: es}", finalizer);
    // The kind refuses deletionPolicy Delete for a target that is not owned.
    let asks = if case == Case::Merge { "target: {" } else { "target: {deletionPolicy: Delete, " };
    corner.apply(&manifest.replace("target: {", asks));
    let process = corner.start(&[], &[]);
    corner.until_ready("es", "True", "SecretSynced").await;
    assert_eq!(process.end().await.code(), Some(0));
    let deletes = ["delete", "externalsecret", "es", "-n", &corner.name, "--wait=false"];
    corner.plane.kubectl(&deletes, "").unwrap();
    let mut killed = corner.start(&[], &[("KEYFERRY_ABORT_AT", "after-delete")]);
    if case != Case::Merge {
        assert!(!killed.until_end().await.success(), "the process was to be killed after its delete");
        assert!(corner.external_secret("es").await.is_some(), "the finalizer holds the object");
    }
    let _process = corner.start(&[], &[]);
    eventually("the object to be gone", async || corner.external_secret("es").await.is_none().then_some(()))
        .await;
    assert_eq!(corner.secret("es").await.is_some(), case == Case::Merge, "a Secret that is not ours stays");
    let deleted = writes(&corner).into_iter().filter(|verb| verb == "delete").count();
    assert!(deleted <= 1, "{deleted} deletions");
}

/// Kills a process right after the deletion that `change` leads to; another one deletes nothing more.
async fn deletes_once_for(name: &str, change: &str, reason: &str) {
    let corner = Corner::new(name);
    corner.apply(STORE);
    corner.apply(&object(Case::Owner).replace("target: {", "target: {deletionPolicy: Delete, "));
    let process = corner.start(&[], &[]);
    corner.until_ready("es", "True", "SecretSynced").await;
    assert_eq!(process.end().await.code(), Some(0));
    corner.apply(change);
    let mut killed = corner.start(&[], &[("KEYFERRY_ABORT_AT", "after-delete")]);
    assert!(!killed.until_end().await.success(), "the process was to be killed after its delete");
    let process = corner.start(&[], &[]);
    process.until_ready().await;
    corner.until_ready("es", "True", reason).await;
    eventually("the old Secret to be gone", async || corner.secret("es").await.is_none().then_some(())).await;
    let deleted = || writes(&corner).into_iter().filter(|verb| verb == "delete").count();
    eventually("the audit log", async || (deleted() > 0).then_some(())).await;
    assert_eq!(deleted(), 1);
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_owner_killed_after_it_deleted_the_secret_of_a_vanished_entry_converges() {
    let emptied = STORE.replace("{key: k, value: new-value}", "");
    let forced = object(Case::Owner)
        .replace("{name: es}", "{name: es, annotations: {force-sync: now}}")
        .replace("target: {", "target: {deletionPolicy: Delete, ");
    deletes_once_for("crash-absence", &format!("{emptied}---{forced}"), "SecretDeleted").await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_owner_killed_after_it_deleted_an_orphan_converges() {
    let renamed =
        object(Case::Owner).replace("target: {", "target: {name: renamed, deletionPolicy: Delete, ");
    deletes_once_for("crash-orphan", &renamed, "SecretSynced").await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn an_owner_killed_after_its_delete_converges() {
    deletes_once(Case::Owner).await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_created_once_killed_after_its_delete_converges() {
    deletes_once(Case::CreatedOnce).await;
}

#[tokio::test]
#[ignore = "needs the local control plane: ./justw test"]
async fn a_merge_whose_object_is_deleted_deletes_nothing() {
    deletes_once(Case::Merge).await;
}

kills! {
    an_owner_killed_after_its_fetch_converges: Owner at "after-fetch",
    an_owner_killed_before_its_post_converges: Owner at "before-write",
    an_owner_killed_before_the_answer_to_its_post_converges: Owner at "after-write",
    an_owner_killed_before_its_status_converges: Owner at "before-status",
    an_owner_killed_after_its_status_converges: Owner at "after-status",
    a_merge_killed_after_its_fetch_converges: Merge at "after-fetch",
    a_merge_killed_before_its_put_converges: Merge at "before-write",
    a_merge_killed_before_the_answer_to_its_put_converges: Merge at "after-write",
    a_merge_killed_before_its_status_converges: Merge at "before-status",
    a_merge_killed_after_its_status_converges: Merge at "after-status",
    a_created_once_killed_after_its_fetch_converges: CreatedOnce at "after-fetch",
    a_created_once_killed_before_its_post_converges: CreatedOnce at "before-write",
    a_created_once_killed_before_the_answer_to_its_post_converges: CreatedOnce at "after-write",
    a_created_once_killed_before_its_status_converges: CreatedOnce at "before-status",
    a_created_once_killed_after_its_status_converges: CreatedOnce at "after-status",
}
