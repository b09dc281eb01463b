//! The CustomResourceDefinitions against the facts of ESO 2.9's (`tests/data/eso-2.9-schema.tsv`), in both directions.
//!
//! A row of the facts is `Kind@version`, path (`[]` = items, `{}` = values of a map), type, then what else holds there. A row that
//! begins with `#` is about the version: its names and its columns. Rows of providers that are not built yet are skipped, those of
//! `ProviderConfig` are not. What stands in our definitions beyond the facts is listed in `DELIBERATE`, and nothing else may.

use std::collections::BTreeSet;

use keyferry::cli::crds;
use keyferry_stores::provider::list::ProviderConfig;
use serde_json::{Map, Value, json};

use crate::plane::Plane;

const FACTS: &str = include_str!("../data/eso-2.9-schema.tsv");
const PROVIDER: &str = "spec.provider.";

/// What a definition must stay below as compact JSON: kubectl's annotation holds 262,144 bytes. Kilobytes of 1,000 bytes.
const MOST_BYTES: usize = 250_000;

/// What we say beyond ESO's definitions: kinds, path, fact, reason. The rules are those that ESO's admission webhook enforces; a
/// rule that a conformance record shows as admitted (an equal secretKey twice, a privileged template) is the reconciler's alone.
const DELIBERATE: &[(&[&str], &str, &str, &str)] = &[
    (
        &["ExternalSecret"],
        "spec",
        "cel=(has(self.data) && size(self.data) > 0) || (has(self.dataFrom) && size(self.dataFrom) > 0)",
        "reference 7.2, rule 3",
    ),
    (
        &["ExternalSecret"],
        "spec.target",
        "cel=!has(self.deletionPolicy) || self.deletionPolicy != 'Delete' || !has(self.creationPolicy) || !(self.creationPolicy in ['Merge', 'None', 'CreateOrMerge'])",
        "reference 7.2, rule 1",
    ),
    (
        &["ExternalSecret"],
        "spec.target",
        "cel=!has(self.deletionPolicy) || self.deletionPolicy != 'Merge' || !has(self.creationPolicy) || self.creationPolicy != 'None'",
        "reference 7.2, rule 2",
    ),
    (
        &["ExternalSecret"],
        "spec.dataFrom[]",
        "cel=!has(self.extract) || !has(self.find)",
        "reference 7.2, rule 6",
    ),
    (
        &["ExternalSecret"],
        "spec.dataFrom[]",
        "cel=!has(self.sourceRef) || !has(self.sourceRef.generatorRef) || !(has(self.extract) || has(self.find))",
        "reference 7.2, rule 6",
    ),
    (
        &["ExternalSecret"],
        "spec.dataFrom[]",
        "cel=has(self.extract) || has(self.find) || has(self.sourceRef)",
        "reference 7.2, rule 6",
    ),
    (
        &["SecretStore", "ClusterSecretStore"],
        "spec.refreshInterval",
        "cel=type(self) == int ? self >= 0 : duration(self) >= duration('0s')",
        "reference 7.3",
    ),
    (
        &["SecretStore", "ClusterSecretStore"],
        "spec.provider",
        "preserve-unknown-fields",
        "a provider that is not built yet is reported, and kept for the version that has it",
    ),
];

/// One fact: where, and what.
type Fact = (String, String);

/// Our definition of a kind.
fn definition(kind: &str) -> Value {
    let found = crds::all().into_iter().find(|found| found["spec"]["names"]["kind"] == kind);
    found.unwrap()
}

fn schema(definition: &Value) -> &Value {
    &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// The rows of a version, without its name.
fn rows(version: &str) -> impl Iterator<Item = (&str, Vec<&str>)> {
    FACTS.lines().filter_map(move |line| {
        let mut parts = line.strip_prefix(version)?.strip_prefix('\t')?.split('\t');
        Some((parts.next()?, parts.collect()))
    })
}

fn recorded(version: &str) -> BTreeSet<Fact> {
    let all = rows(version)
        .flat_map(|(path, facts)| facts.into_iter().map(move |fact| (path.to_string(), normal(fact))));
    all.collect()
}

/// A default in our JSON's spelling.
fn normal(fact: &str) -> String {
    match fact.strip_prefix("default=") {
        Some(default) => format!("default={}", serde_json::from_str::<Value>(default).unwrap()),
        None => fact.to_string(),
    }
}

/// The facts of a definition of ours, in the words of the record.
fn ours(definition: &Value) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    for root in ["spec", "status"] {
        read(root, &schema(definition)["properties"][root], false, &mut facts);
    }
    facts
}

fn read(path: &str, schema: &Value, required: bool, facts: &mut BTreeSet<Fact>) {
    facts.extend(said(schema, required).into_iter().map(|fact| (path.to_string(), fact)));
    let is_required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        read(&format!("{path}.{name}"), inner, is_required(name), facts);
    }
    for (member, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(member) {
            read(&format!("{path}{mark}"), inner, false, facts);
        }
    }
}

/// What one schema says of itself.
fn said(schema: &Value, required: bool) -> Vec<String> {
    let either = schema["x-kubernetes-int-or-string"] == true;
    let kind = if either { "int-or-string" } else { schema["type"].as_str().unwrap_or("any") };
    let mut facts = vec![kind.to_string()];
    let flags = [
        ("required", required),
        ("nullable", schema["nullable"] == true),
        ("preserve-unknown-fields", schema["x-kubernetes-preserve-unknown-fields"] == true),
    ];
    facts.extend(flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name.to_string()));
    for (member, name) in MEMBERS {
        facts.extend(schema.get(*member).map(|value| format!("{name}={}", spelled(value))));
    }
    facts.extend(schema.get("default").map(|value| format!("default={value}")));
    let words = |words: &Vec<Value>| words.iter().map(spelled).collect::<Vec<_>>().join("|");
    facts.extend(schema["enum"].as_array().map(|all| format!("enum={}", words(all))));
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    facts.extend(rules.map(|rule| format!("cel={}", spelled(&rule["rule"]))));
    facts
}

/// Members of a schema with one plain value, and what the record calls them.
const MEMBERS: &[(&str, &str)] = &[
    ("format", "format"),
    ("pattern", "pattern"),
    ("minLength", "minLength"),
    ("maxLength", "maxLength"),
    ("minItems", "minItems"),
    ("maxItems", "maxItems"),
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("minProperties", "minProperties"),
    ("maxProperties", "maxProperties"),
    ("x-kubernetes-list-type", "list"),
    ("x-kubernetes-map-type", "map"),
];

fn spelled(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), Into::into)
}

/// Keys of the providers that are built.
fn built() -> BTreeSet<String> {
    let schema = crds::structural::<ProviderConfig>();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

/// True unless the path lies in a provider that is not built.
fn is_built(built: &BTreeSet<String>, path: &str) -> bool {
    let key = path.strip_prefix(PROVIDER).and_then(|rest| rest.split(['.', '[', '{']).next());
    key.is_none_or(|key| built.contains(key))
}

fn deliberate(kind: &str) -> BTreeSet<Fact> {
    let rows = DELIBERATE.iter().filter(|(kinds, ..)| kinds.contains(&kind));
    rows.map(|(_, path, fact, _)| ((*path).to_string(), (*fact).to_string())).collect()
}

#[test]
fn every_field_says_what_eso_says() {
    let built = built();
    for kind in ["ExternalSecret", "SecretStore", "ClusterSecretStore"] {
        let recorded = recorded(&format!("{kind}@v1"));
        let mut wanted: BTreeSet<_> =
            recorded.into_iter().filter(|(path, _)| is_built(&built, path)).collect();
        assert!(wanted.len() > 50, "{kind}: only {} facts", wanted.len());
        wanted.extend(deliberate(kind));
        let found = ours(&definition(kind));
        let missing: Vec<_> = wanted.difference(&found).collect();
        let extra: Vec<_> = found.difference(&wanted).collect();
        assert!(missing.is_empty() && extra.is_empty(), "{kind}: missing {missing:#?}, extra {extra:#?}");
    }
}

#[test]
fn what_is_deliberate_is_not_esos_own() {
    for kind in ["ExternalSecret", "SecretStore", "ClusterSecretStore"] {
        let both: Vec<_> = recorded(&format!("{kind}@v1")).intersection(&deliberate(kind)).cloned().collect();
        assert!(both.is_empty(), "{kind}: {both:?}");
    }
}

#[test]
fn the_built_providers_are_known_to_eso() {
    let known: BTreeSet<_> = rows("SecretStore@v1").map(|(path, _)| path).collect();
    let built = built();
    for required in ["aws", "fake", "vault"] {
        assert!(built.contains(required), "{required} is gone");
    }
    for key in built {
        assert!(known.contains(format!("{PROVIDER}{key}").as_str()), "{key}");
    }
}

/// What the record says of a version itself, from our definition.
fn about(definition: &Value, version: &Value) -> Vec<String> {
    let (spec, names) = (&definition["spec"], &definition["spec"]["names"]);
    let name = format!("# {}@{}", spelled(&names["kind"]), spelled(&version["name"]));
    let list =
        |value: &Value| value.as_array().into_iter().flatten().map(spelled).collect::<Vec<_>>().join(",");
    let flag = |name: &str| if version[name] == true { "True" } else { "False" };
    let selectable: Value = version["selectableFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|field| field["jsonPath"].clone())
        .collect();
    let subresources: Vec<_> =
        version["subresources"].as_object().unwrap().keys().map(String::as_str).collect();
    let head = format!(
        "{name}\tgroup={} scope={} plural={} short={} categories={} served={} storage={} deprecated={} subresources={} selectable={}",
        spelled(&spec["group"]),
        spelled(&spec["scope"]),
        spelled(&names["plural"]),
        list(&names["shortNames"]),
        list(&names["categories"]),
        flag("served"),
        flag("storage"),
        flag("deprecated"),
        subresources.join(","),
        list(&selectable),
    );
    let columns = version["additionalPrinterColumns"].as_array().into_iter().flatten().map(|column| {
        let [title, kind, path] = ["name", "type", "jsonPath"].map(|part| spelled(&column[part]));
        format!("{name}\tcolumn {title} {kind} {path} priority=0 format=")
    });
    std::iter::once(head).chain(columns).collect()
}

#[test]
fn versions_names_and_columns_are_esos() {
    for definition in crds::all() {
        let labels = json!({ "external-secrets.io/component": "controller" });
        assert_eq!(definition["metadata"]["labels"], labels);
        for version in definition["spec"]["versions"].as_array().unwrap() {
            let prefix = format!(
                "# {}@{}\t",
                spelled(&definition["spec"]["names"]["kind"]),
                spelled(&version["name"])
            );
            let recorded = FACTS.lines().filter(|line| line.starts_with(&prefix));
            let recorded: Vec<_> = recorded.map(|line| line.split(" labels=").next().unwrap()).collect();
            assert_eq!(about(&definition, version), recorded);
        }
    }
}

/// The schema that the facts of a version describe, each field with a text of this length.
fn tree(version: &str, text: &str) -> Value {
    let mut root = json!({});
    for (path, facts) in rows(version) {
        if facts.contains(&"required") {
            let (parent, name) = path.rsplit_once('.').unwrap();
            let required = &mut node(&mut root, parent)["required"];
            let mut names = required.as_array().cloned().unwrap_or_default();
            names.push(name.into());
            *required = names.into();
        }
        let schema = node(&mut root, path);
        schema["description"] = text.into();
        for fact in &facts {
            write(schema.as_object_mut().unwrap(), fact);
        }
    }
    root
}

/// The schema at a path; made if it is not there.
fn node<'a>(root: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(root, |schema, part| {
        let name = part.trim_end_matches(['[', ']', '{', '}']);
        let (marks, schema) = (&part[name.len()..], &mut schema["properties"][name]);
        marks.chars().fold(schema, |schema, mark| match mark {
            '[' => &mut schema["items"],
            '{' => &mut schema["additionalProperties"],
            _ => schema,
        })
    })
}

/// Writes one fact into a schema: the inverse of [`said`].
fn write(schema: &mut Map<String, Value>, fact: &str) {
    match fact.split_once('=') {
        None if fact == "int-or-string" => {
            schema.insert("anyOf".into(), json!([{ "type": "integer" }, { "type": "string" }]));
            schema.insert("x-kubernetes-int-or-string".into(), true.into());
        }
        None if fact == "preserve-unknown-fields" => {
            schema.insert("x-kubernetes-preserve-unknown-fields".into(), true.into());
        }
        None if fact == "nullable" => {
            schema.insert("nullable".into(), true.into());
        }
        None if fact == "required" || fact == "any" => {}
        None => {
            schema.insert("type".into(), fact.into());
        }
        Some(("enum", words)) => {
            schema.insert("enum".into(), words.split('|').collect());
        }
        Some(("default", value)) => {
            schema.insert("default".into(), serde_json::from_str(value).unwrap());
        }
        Some(("cel", rule)) => {
            // The record has no messages; ours take about as many bytes as the rules.
            let rule = json!({ "rule": rule, "message": rule });
            let rules = schema.entry("x-kubernetes-validations").or_insert_with(|| json!([]));
            rules.as_array_mut().unwrap().push(rule);
        }
        Some((name, value)) => {
            let member = MEMBERS.iter().find(|(_, called)| *called == name).unwrap().0;
            let value = value.parse::<i64>().map_or_else(|_| value.into(), Value::from);
            schema.insert(member.into(), value);
        }
    }
}

#[test]
fn the_tree_of_the_facts_says_all_of_them() {
    let mut found = BTreeSet::new();
    let tree = tree("SecretStore@v1", "");
    for root in ["spec", "status"] {
        read(root, &tree["properties"][root], false, &mut found);
    }
    assert_eq!(found, recorded("SecretStore@v1"));
}

/// The texts of our fields.
fn texts<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    found.extend(schema["description"].as_str());
    let fields = schema["properties"].as_object().into_iter().flatten().map(|(_, inner)| inner);
    for inner in fields.chain(schema.get("items")).chain(schema.get("additionalProperties")) {
        texts(inner, found);
    }
}

#[test]
fn a_store_with_every_provider_still_fits_plain_kubectl_apply() {
    let mut definition = definition("ClusterSecretStore");
    let found = definition.clone();
    let mut ours = Vec::new();
    texts(schema(&found), &mut ours);
    let average = ours.iter().map(|text| text.len()).sum::<usize>().div_ceil(ours.len());
    let tree = tree("ClusterSecretStore@v1", &"x".repeat(average));
    let provider = &tree["properties"]["spec"]["properties"]["provider"];
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["provider"] =
        provider.clone();
    let bytes = serde_json::to_vec(&definition).unwrap().len();
    assert!(bytes < MOST_BYTES, "{bytes} bytes with texts of {average} bytes");
}

/// An object of ours, of this name and specification, in the namespace of the test.
fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "external-secrets.io/v1",
        "kind": kind,
        "metadata": { "name": name, "namespace": "schema" },
        "spec": spec,
    })
}

/// The control plane with our definitions, applied as a user would.
fn established() -> Plane {
    let plane = Plane::get();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
    plane.kubectl(&["apply", "-f", folder], "").expect("plain kubectl apply takes them");
    let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f", folder];
    plane.kubectl(&wait, "").expect("the API server serves them");
    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: schema}\n";
    plane.kubectl(&["apply", "-f", "-"], namespace).expect("a namespace");
    plane
}

/// The API server's own bounds on what a rule may cost are known to nobody else.
#[test]
#[ignore = "needs the local control plane: ./justw test"]
fn the_api_server_takes_the_definitions_and_enforces_their_rules() {
    let plane = established();
    let data = json!([{ "secretKey": "a", "remoteRef": { "key": "k" } }]);
    let twice = json!([data[0], data[0]]);
    let both = json!([{ "extract": { "key": "k" }, "find": { "path": "p" } }]);
    let generator = json!({ "generatorRef": { "kind": "Password", "name": "p" } });
    let target = |creation: &str, deletion: &str| json!({ "data": data, "target": { "creationPolicy": creation, "deletionPolicy": deletion } });
    let store =
        |interval: Value| json!({ "refreshInterval": interval, "provider": { "fake": { "data": [] } } });
    let cases = [
        ("ExternalSecret", json!({ "data": data }), None),
        ("ExternalSecret", json!({ "data": twice }), None),
        ("ExternalSecret", target("Orphan", "Delete"), None),
        ("ExternalSecret", json!({ "dataFrom": [{ "sourceRef": generator }] }), None),
        ("ExternalSecret", json!({}), Some("either data or dataFrom")),
        ("ExternalSecret", target("Merge", "Delete"), Some("deletionPolicy=Delete must not")),
        ("ExternalSecret", target("None", "Merge"), Some("deletionPolicy=Merge must not")),
        ("ExternalSecret", json!({ "dataFrom": both }), Some("at the same time")),
        (
            "ExternalSecret",
            json!({ "dataFrom": [{ "find": {}, "sourceRef": generator }] }),
            Some("at the same time"),
        ),
        (
            "ExternalSecret",
            json!({ "dataFrom": [{ "rewrite": [] }] }),
            Some("either extract, find, or sourceRef"),
        ),
        ("SecretStore", store(json!(30)), None),
        ("SecretStore", store(json!("1h30m")), None),
        ("SecretStore", store(json!(-1)), Some("must not be negative")),
        ("SecretStore", store(json!("300")), Some("needs a unit")),
        ("SecretStore", json!({ "provider": {} }), Some("at least 1 properties")),
        (
            "SecretStore",
            json!({ "provider": { "fake": { "data": [] }, "unbuilt": {} } }),
            Some("at most 1 item"),
        ),
    ];
    for (kind, spec, refusal) in cases {
        let manifest = object(kind, "case", spec).to_string();
        let answer = plane.kubectl(&["create", "--dry-run=server", "-f", "-"], &manifest);
        match refusal {
            None => assert!(answer.is_ok(), "{manifest}: {answer:?}"),
            Some(text) => {
                assert!(answer.as_ref().is_err_and(|said| said.contains(text)), "{manifest}: {answer:?}")
            }
        }
    }
}

#[test]
#[ignore = "needs the local control plane: ./justw test"]
fn a_provider_that_is_not_built_is_kept_as_it_was_written() {
    let plane = established();
    let provider = json!({ "unbuilt": { "auth": { "deep": [{ "x": 1 }] } } });
    let manifest = object("SecretStore", "unbuilt", json!({ "provider": provider })).to_string();
    let answer = plane.kubectl(&["create", "--dry-run=server", "-o", "json", "-f", "-"], &manifest).unwrap();
    let kept: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(kept["spec"]["provider"], provider);
}
