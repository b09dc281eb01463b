//! The chart: what helm makes of it, and that it grants what the process does and nothing else.
//!
//! helm comes with the local control plane, so tests that run it carry that reason to be ignored. The golden files
//! `tests/data/chart/<case>.yaml` are what `helm template` prints with the values of `<case>.values.yaml`. With
//! `KEYFERRY_WRITE=1` they, and the chart's copy of crds/, are written anew; look at the diff then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::plane::Plane;

/// Every right of the process and the code that needs it: `(API group, resource, verb, where)`.
///
/// A new request to the API server is a new row here and in the chart; a row whose code is gone goes in both.
const USED: [(&str, &str, &str, &str); 28] = [
    ("external-secrets.io", "externalsecrets", "get", "cluster::kube remove_finalizer reads the metadata"),
    ("external-secrets.io", "externalsecrets", "list", "cluster::feeds objects"),
    ("external-secrets.io", "externalsecrets", "watch", "cluster::feeds objects"),
    ("external-secrets.io", "externalsecrets", "patch", "cluster::kube remove_finalizer"),
    ("external-secrets.io", "externalsecrets/status", "patch", "cluster::kube patch_status"),
    (
        "external-secrets.io",
        "externalsecrets/finalizers",
        "update",
        "sync::plan sets blockOwnerDeletion on Secrets",
    ),
    ("external-secrets.io", "secretstores", "list", "cluster::feeds objects"),
    ("external-secrets.io", "secretstores", "watch", "cluster::feeds objects"),
    ("external-secrets.io", "secretstores/status", "patch", "cluster::kube patch_status"),
    ("external-secrets.io", "clustersecretstores", "list", "cluster::feeds objects"),
    ("external-secrets.io", "clustersecretstores", "watch", "cluster::feeds objects"),
    ("external-secrets.io", "clustersecretstores/status", "patch", "cluster::kube patch_status"),
    ("", "namespaces", "list", "cluster::feeds namespaces"),
    ("", "namespaces", "watch", "cluster::feeds namespaces"),
    ("", "secrets", "get", "cluster::kube get_secret"),
    ("", "secrets", "list", "cluster::feeds managed, metadata"),
    ("", "secrets", "watch", "cluster::feeds managed, metadata"),
    ("", "secrets", "create", "cluster::kube create_secret"),
    ("", "secrets", "update", "cluster::kube replace_secret"),
    ("", "secrets", "delete", "cluster::kube delete_secret"),
    ("", "configmaps", "get", "cluster::kube config_map"),
    ("", "configmaps", "list", "cluster::feeds metadata"),
    ("", "configmaps", "watch", "cluster::feeds metadata"),
    ("", "serviceaccounts", "get", "cluster::kube service_account"),
    ("", "serviceaccounts", "list", "cluster::feeds metadata"),
    ("", "serviceaccounts", "watch", "cluster::feeds metadata"),
    ("", "serviceaccounts/token", "create", "cluster::kube token"),
    ("", "events", "create", "cluster::kube post_event"),
];

/// Every right over a kind of objects that ExternalSecrets may fill, and the code that needs it: `(verb, where)`.
const FILLED: [(&str, &str); 6] = [
    ("get", "cluster::kube get_object"),
    ("list", "cluster::feeds targets"),
    ("watch", "cluster::feeds targets"),
    ("create", "cluster::kube create_object"),
    ("update", "cluster::kube replace_object"),
    ("delete", "cluster::kube delete_object"),
];

/// The cases with golden files.
const CASES: [&str; 3] = ["default", "scoped", "eso"];

const RELEASE: [&str; 4] = ["keyferry", "charts/keyferry", "--namespace", "keyferry-system"];

/// One rule of a role.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
}

/// A right as [`USED`] writes it.
type Right = (String, String, String);

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// True if recorded files are to be written anew.
fn writes() -> bool {
    std::env::var_os("KEYFERRY_WRITE").is_some()
}

/// Runs helm in the tree's root; what it printed, or its complaint.
fn helm(args: &[&str]) -> Result<String, String> {
    let output = Command::new(Plane::get().helm()).args(args).current_dir(root()).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The chart without the kinds, which are compared elsewhere.
fn rendered(args: &[&str]) -> Result<String, String> {
    let template = ["template", "--set", "installCRDs=false"];
    helm(&[&template, &RELEASE[..], args].concat())
}

/// The objects in a rendered chart.
fn objects(text: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_saphyr::from_multiple(text).expect("helm prints YAML");
    all.into_iter().filter(|object| !object.is_null()).collect()
}

fn of_kind(objects: &[Value], kind: &str) -> Vec<Value> {
    objects.iter().filter(|object| object["kind"] == kind).cloned().collect()
}

/// The rights that the role of the process grants.
fn granted(args: &[&str], kind: &str) -> BTreeSet<Right> {
    let text = rendered(&[&["--show-only", "templates/rbac.yaml"], args].concat()).expect("it renders");
    let [role] = &of_kind(&objects(&text), kind)[..] else { panic!("one {kind}:\n{text}") };
    let rules: Vec<Rule> = serde_json::from_value(role["rules"].clone()).expect("rules");
    rules.iter().flat_map(rights).collect()
}

fn rights(rule: &Rule) -> impl Iterator<Item = Right> {
    let pairs = rule.api_groups.iter().flat_map(|group| rule.resources.iter().map(move |kind| (group, kind)));
    pairs.flat_map(|(group, kind)| {
        rule.verbs.iter().map(move |verb| (group.clone(), kind.clone(), verb.clone()))
    })
}

fn used() -> BTreeSet<Right> {
    USED.iter()
        .map(|(group, kind, verb, _)| (group.to_string(), kind.to_string(), verb.to_string()))
        .collect()
}

/// The rights over a kind of objects that ExternalSecrets may fill.
fn filled(group: &str, kind: &str) -> impl Iterator<Item = Right> {
    FILLED.iter().map(move |(verb, _)| (group.to_string(), kind.to_string(), (*verb).to_string()))
}

/// The arguments of the process.
fn arguments(args: &[&str]) -> Vec<String> {
    let text = rendered(&[&["--show-only", "templates/deployment.yaml"], args].concat()).expect("it renders");
    let [deployment] = &of_kind(&objects(&text), "Deployment")[..] else { panic!("one Deployment:\n{text}") };
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    serde_json::from_value(arguments).expect("arguments are texts")
}

/// The files of a folder with their text.
fn files(folder: &str) -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let paths = entries.map(|entry| entry.expect("a folder that can be listed").path());
    let text = |path: &Path| std::fs::read_to_string(path).expect("a file that can be read");
    paths.map(|path| (file_name(&path), text(&path))).collect()
}

/// The kinds that crds/ holds, by name.
fn kinds() -> BTreeMap<String, Value> {
    let crds: Vec<Value> = files("crds").values().flat_map(|text| objects(text)).collect();
    crds.into_iter().map(|crd| (name(&crd), crd)).collect()
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().expect("an object has a name").to_string()
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn helm_finds_nothing_to_complain_of() {
    let verdict = helm(&["lint", "--strict", "charts/keyferry"]).expect("lint passes");
    assert!(verdict.contains("1 chart(s) linted, 0 chart(s) failed"), "{verdict}");
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn the_chart_renders_as_recorded() {
    for case in CASES {
        let values = format!("tests/data/chart/{case}.values.yaml");
        let golden = root().join(format!("tests/data/chart/{case}.yaml"));
        let now = rendered(&["--values", &values]).expect("it renders");
        if writes() {
            std::fs::write(&golden, &now).expect("a file that can be written");
        }
        let recorded = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(now == recorded, "{} is not what helm makes of {values} now:\n{now}", golden.display());
    }
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn sec_01_the_role_grants_what_the_code_uses_and_nothing_else() {
    let granted = granted(&[], "ClusterRole");
    let missing: Vec<_> = used().difference(&granted).cloned().collect();
    let idle: Vec<_> = granted.difference(&used()).cloned().collect();
    assert!(missing.is_empty(), "used and not granted: {missing:?}");
    assert!(idle.is_empty(), "granted and not used: {idle:?}");
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn a_value_that_switches_something_off_takes_its_rights_away() {
    let cluster_stores: &[&str] = &["clustersecretstores", "clustersecretstores/status", "namespaces"];
    let switches = [
        ("scopedRBAC=true", "Role", cluster_stores),
        ("processClusterStore=false", "ClusterRole", cluster_stores),
        ("processSecretStore=false", "ClusterRole", &["secretstores/status"]),
        ("openshiftFinalizers=false", "ClusterRole", &["externalsecrets/finalizers"]),
        ("rbac.serviceAccountTokenCreate=false", "ClusterRole", &["serviceaccounts/token"]),
    ];
    for (switch, role, gone) in switches {
        let stays = |(_, kind, _): &Right| !gone.contains(&&**kind);
        let expected: BTreeSet<Right> = used().into_iter().filter(stays).collect();
        assert_eq!(granted(&["--set", switch], role), expected, "{switch}");
    }
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn generic_targets_bring_their_flag_and_the_rights_over_their_kinds() {
    let further = r#"genericTargets.resources=[{"apiGroup":"example.com","resources":["gateways"]},{"apiGroup":"example.org","resources":["routes"],"verbs":["get"]}]"#;
    let route: Right = ("example.org".into(), "routes".into(), "get".into());
    let config_maps: BTreeSet<Right> = used().into_iter().chain(filled("", "configmaps")).collect();
    let all: BTreeSet<Right> =
        config_maps.iter().cloned().chain(filled("example.com", "gateways")).chain([route]).collect();
    let cases: [(&[&str], &BTreeSet<Right>, bool); 3] = [
        (&["--set", "genericTargets.enabled=true"], &config_maps, true),
        (&["--set", "genericTargets.enabled=true", "--set-json", further], &all, true),
        (&["--set-json", further], &used(), false),
    ];
    for (args, rights, allowed) in cases {
        assert_eq!(granted(args, "ClusterRole"), *rights, "{args:?}");
        let flag = "--unsafe-allow-generic-targets".to_string();
        assert_eq!(arguments(args).contains(&flag), allowed, "{args:?}");
    }
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn the_release_keyferry_makes_the_account_keyferry_in_its_namespace() {
    let text = rendered(&["--show-only", "templates/serviceaccount.yaml"]).expect("it renders");
    let [account] = &objects(&text)[..] else { panic!("one object:\n{text}") };
    assert_eq!(account["kind"], "ServiceAccount");
    assert_eq!(
        (&account["metadata"]["name"], &account["metadata"]["namespace"]),
        (&Value::from("keyferry"), &Value::from("keyferry-system"))
    );
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn a_value_that_asks_for_what_is_not_built_is_refused_by_name() {
    let refused = [
        ("replicaCount=2", "replicaCount"),
        ("leaderElect=true", "leaderElect"),
        ("extendedMetricLabels=true", "extendedMetricLabels"),
        ("processClusterExternalSecret=true", "processClusterExternalSecret"),
        ("processClusterPushSecret=true", "processClusterPushSecret"),
        ("processPushSecret=true", "processPushSecret"),
        ("metrics.listen.auth.enabled=true", "metrics.listen.auth.enabled"),
        ("metrics.listen.secure.enabled=true", "metrics.listen.secure.enabled"),
    ];
    for (setting, name) in refused {
        let complaint = rendered(&["--set", setting]).expect_err(setting);
        assert!(complaint.contains(name), "{setting}: {complaint}");
    }
}

#[test]
fn the_kinds_of_the_chart_are_those_of_crds() {
    let copy = root().join("charts/keyferry/files/crds");
    let wanted = files("crds");
    if writes() {
        let _ = std::fs::remove_dir_all(&copy);
        std::fs::create_dir_all(&copy).expect("a folder that can be made");
        wanted.iter().for_each(|(name, text)| {
            std::fs::write(copy.join(name), text).expect("a file that can be written")
        });
    }
    assert!(files("charts/keyferry/files/crds") == wanted, "{} is not a copy of crds/", copy.display());
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn every_kind_is_rendered_whole_and_stays_when_the_release_goes() {
    let text = helm(&[&["template", "--show-only", "templates/crds.yaml"], &RELEASE[..]].concat())
        .expect("it renders");
    let mut rendered: BTreeMap<String, Value> =
        objects(&text).into_iter().map(|crd| (name(&crd), crd)).collect();
    for crd in rendered.values_mut() {
        let annotations = crd["metadata"]["annotations"].as_object_mut().expect("annotations");
        assert_eq!(annotations.remove("helm.sh/resource-policy"), Some("keep".into()));
    }
    let mut expected = kinds();
    for crd in expected.values_mut() {
        let metadata = crd["metadata"].as_object_mut().expect("metadata");
        let annotations =
            metadata.entry("annotations").or_insert_with(|| Value::Object(serde_json::Map::new()));
        annotations.as_object_mut().expect("annotations").remove("helm.sh/resource-policy");
    }
    assert!(!expected.is_empty() && rendered == expected, "the chart renders other kinds than crds/ holds");
}

#[test]
#[ignore = "needs helm, which the local control plane brings: ./justw test"]
fn a_kind_that_is_not_wanted_is_left_out() {
    let args =
        ["template", "--show-only", "templates/crds.yaml", "--set", "crds.createClusterSecretStore=false"];
    let text = helm(&[&args, &RELEASE[..]].concat()).expect("it renders");
    let names: BTreeSet<String> = objects(&text).iter().map(name).collect();
    assert!(!names.contains("clustersecretstores.external-secrets.io"), "{names:?}");
    assert!(names.contains("secretstores.external-secrets.io"), "{names:?}");
}

#[test]
#[ignore = "needs the local control plane: ./justw test"]
fn the_api_server_takes_every_object_and_its_pod_is_restricted() {
    let plane = Plane::get();
    let space = Space::new(&plane, "chart-restricted");
    let text = helm(&[
        "template",
        "keyferry",
        "charts/keyferry",
        "--namespace",
        &space.name,
        "--set",
        "installCRDs=false",
    ]);
    let text = text.expect("it renders");
    plane.kubectl(&["apply", "--dry-run=server", "-f", "-"], &text).expect("every object is taken");
    // A pod is what the policy refuses; of a Deployment it only warns. Its account must exist.
    let account = of_kind(&objects(&text), "ServiceAccount");
    plane.kubectl(&["apply", "-f", "-"], &account[0].to_string()).expect("the account is made");
    let pod = pod(&of_kind(&objects(&text), "Deployment")[0], &space.name);
    plane.kubectl(&["create", "--dry-run=server", "-f", "-"], &pod.to_string()).expect("the pod is taken");
}

/// The pod that a Deployment would make.
fn pod(deployment: &Value, namespace: &str) -> Value {
    let spec = &deployment["spec"]["template"]["spec"];
    serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "keyferry", "namespace": namespace }, "spec": spec,
    })
}

/// A namespace under the strictest policy, for one test.
struct Space<'a> {
    plane: &'a Plane,
    name: String,
}

impl<'a> Space<'a> {
    fn new(plane: &'a Plane, name: &str) -> Self {
        let labels = serde_json::json!({ "pod-security.kubernetes.io/enforce": "restricted" });
        let namespace = serde_json::json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels },
        });
        plane.kubectl(&["create", "-f", "-"], &namespace.to_string()).expect("the namespace is made");
        Self { plane, name: name.into() }
    }
}

impl Drop for Space<'_> {
    fn drop(&mut self) {
        let _ = self.plane.kubectl(&["delete", "namespace", &self.name, "--wait=false"], "");
    }
}

/// Every row of [`USED`] and [`FILLED`] names code that is there: a file of the module, and in it each word that is a function's name.
#[test]
fn the_code_that_needs_a_right_is_where_the_tables_say() {
    let used = USED.iter().map(|(_, kind, verb, place)| (*kind, *verb, *place));
    let filled = FILLED.iter().map(|(verb, place)| ("what ExternalSecrets fill", *verb, *place));
    for (kind, verb, place) in used.chain(filled) {
        let (module, functions) = place.split_once(' ').expect("a module and what it does");
        let file = root().join("src").join(module.replace("::", "/")).with_extension("rs");
        assert!(file.exists(), "{verb} {kind}: {} is missing", file.display());
        let source = std::fs::read_to_string(&file).expect("a file that can be read");
        let word = functions.split([' ', ',']).next().expect("a word");
        assert!(module == "sync::plan" || source.contains(&format!("fn {word}(")), "{verb} {kind}: {place}");
    }
}

/// Golden files without values, or values without a golden file, would be tested by nobody.
#[test]
fn every_golden_file_has_its_values() {
    let there: BTreeSet<String> = files("tests/data/chart").into_keys().collect();
    let pair = |case: &str| [format!("{case}.yaml"), format!("{case}.values.yaml")];
    assert_eq!(there, CASES.iter().flat_map(|case| pair(case)).collect());
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}
