//! What templates make of objects of any kind, by table.

use std::sync::Arc;

use jiff::Timestamp;
use keyferry_stores::base::{
    clock::SystemClock,
    refs::{RefKind, Resolved},
};
use serde_json::json;

use super::*;
use crate::sync::{
    shelf::Sources,
    templates::{Delimiters, Pace, Templates},
};

/// The values of the store: one is written like a template, one is no text.
fn values() -> BTreeMap<String, SecretBytes> {
    let texts = [
        ("a", "1"),
        ("braces", "{{ .secret }}"),
        ("json", r#"{"deep": ["x", 2]}"#),
        ("secret", "hunter2-value"),
    ];
    let mut values: BTreeMap<String, SecretBytes> =
        texts.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect();
    values.insert("bytes".into(), SecretBytes::new(vec![0xff, 0xfe]));
    values
}

/// What ConfigMap `cm` and Secret `se` hold.
fn texts() -> BTreeMap<String, SecretBytes> {
    let texts = [
        ("base64", "NTQzMg=="),
        ("braces", "{{ .braces }}"),
        ("broken", "{{ hunter2 }}"),
        ("bytes", "{{ .bytes }}"),
        ("colons", "{{ .secret }}: x: y"),
        ("list", "[{{ .a }}, {{ .secret }}]"),
        ("map", "k-{{ .a }}: {{ .secret }}\nport: 5432\n"),
        ("nothing", "{{ if false }}x{{ end }}"),
        ("number", "7"),
        ("spaced", "hunter2 x: y"),
        ("text", "a is {{ .a }}"),
        ("yes", "yes"),
    ];
    texts.into_iter().map(|(key, value)| (key.to_string(), value.into())).collect()
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
}

fn body(value: Value) -> Map<String, Value> {
    let Value::Object(body) = value else { panic!("no object") };
    body
}

const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");
const THING: (&str, &str) = ("example.com/v1", "Thing");

/// Renders these values for an object of this kind, whose ExternalSecret has the label `l: own` and the annotation `n: own`.
fn run_with(
    (api_version, kind): (&str, &str),
    target: &Value,
    values: &BTreeMap<String, SecretBytes>,
) -> Result<Content> {
    let spec: ExternalSecretSpec = serde_json::from_value(json!({ "target": target })).unwrap();
    let (labels, annotations) = (strings(&[("l", "own")]), strings(&[("n", "own")]));
    let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
    let templates = Templates::new(&Delimiters::default(), Arc::new(clock));
    let source = |kind, name: &str| Resolved { kind, namespace: "team".into(), name: name.into() };
    let texts = Arc::new(texts());
    let sources = Sources::from([
        (source(RefKind::ConfigMap, "cm"), texts.clone()),
        (source(RefKind::Secret, "se"), texts),
    ]);
    let session = templates.session(Pace::Long);
    render_object(
        &spec,
        &ObjectKind { api_version: api_version.into(), kind: kind.into() },
        Metadata { labels: &labels, annotations: &annotations },
        values,
        Templating { session: &session, sources: &sources },
    )
}

/// What a template makes of a thing.
fn template(template: &Value) -> Result<Content> {
    run_with(THING, &json!({ "template": template }), &values())
}

/// What entries of `templateFrom` make of a thing with this body.
fn from(entries: &Value, onto: Value) -> Result<Value> {
    template(&json!({ "templateFrom": entries }))?.onto(body(onto)).map(Value::Object)
}

fn item(key: &str, scope: &str) -> Value {
    json!({ "name": "cm", "items": [{ "key": key, "templateAs": scope }] })
}

/// An entry of one item of the ConfigMap.
fn entry(target: &str, key: &str, scope: &str) -> Value {
    json!({ "target": target, "configMap": item(key, scope) })
}

fn literal(target: &str, text: &str) -> Value {
    json!({ "target": target, "literal": text })
}

/// Why entries of `templateFrom` are refused; never with a value in it.
fn refusal(entries: &Value, onto: Value) -> String {
    let error = from(entries, onto).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.kind(), Kind::Invalid, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    text
}

#[test]
fn each_target_takes_values_and_documents_in_its_own_way() {
    for (entry, expected) in [
        (json!({"literal": "x: {{ .a }}\nport: 5432"}), json!({"data": {"x": "1", "port": "5432"}})),
        (json!({"configMap": item("text", "Values")}), json!({"data": {"text": "a is 1"}})),
        (literal("DATA", "x: yes"), json!({"data": {"x": "true"}})),
        (entry("data", "number", "Values"), json!({"data": {"number": "7"}})),
        (entry("Data", "map", "KeysAndValues"), json!({"data": {"k-1": "hunter2-value", "port": "5432"}})),
        (entry("Spec", "number", "Values"), json!({"spec": {"number": "7"}})),
        (entry("spec", "text", "Values"), json!({"spec": {"text": "a is 1"}})),
        (entry("SPEC", "map", "KeysAndValues"), json!({"spec": {"k-1": "hunter2-value", "port": 5432}})),
        (literal("Spec", "[{{ .a }}]"), json!({"spec": [1]})),
        (entry("spec.x", "number", "Values"), json!({"spec": {"x": 7}})),
        (entry("spec.x", "list", "Values"), json!({"spec": {"x": [1, "hunter2-value"]}})),
        (entry("spec.x", "colons", "Values"), json!({"spec": {"x": "hunter2-value: x: y"}})),
        (entry("spec.x", "nothing", "Values"), json!({"spec": {"x": null}})),
        (
            entry("spec.x[1]", "map", "KeysAndValues"),
            json!({"spec": {"x": [null, {"k-1": "hunter2-value", "port": 5432}]}}),
        ),
        (literal("rules", "- {{ .json }}"), json!({"rules": [{"deep": ["x", 2]}]})),
        (literal("data.x", "{{ .secret }}"), json!({"data": {"x": "hunter2-value"}})),
    ] {
        assert_eq!(from(&json!([entry]), json!({})).unwrap(), expected, "{entry}");
    }
}

#[test]
fn labels_and_annotations_are_targets_of_every_kind() {
    for (target, labels, annotations) in [
        ("Labels", strings(&[("x", "1")]), strings(&[])),
        ("LABELS", strings(&[("x", "1")]), strings(&[])),
        ("annotations", strings(&[]), strings(&[("x", "1")])),
    ] {
        let content = template(&json!({"templateFrom": [literal(target, "x: '{{ .a }}'")]})).unwrap();
        assert_eq!((&content.labels, &content.annotations), (&labels, &annotations), "{target}");
        assert_eq!(content.onto(Map::new()).unwrap(), Map::new());
    }
}

#[test]
fn yaml_at_a_path_keeps_its_types() {
    for (text, expected) in [
        ("5432", json!(5432)),
        ("1.5", json!(1.5)),
        ("'5432'", json!("5432")),
        ("true", json!(true)),
        ("on", json!(true)),
        ("~", json!(null)),
        ("", json!(null)),
        ("{{ .json }}", json!({"deep": ["x", 2]})),
        ("a: {b: [1, -2, 2.5, no]}", json!({"a": {"b": [1, -2, 2.5, false]}})),
        ("- [[1]]\n- x", json!([[[1]], "x"])),
        ("|\n  x\n  y\n", json!("x\ny\n")),
    ] {
        let expected = json!({"spec": {"x": expected}});
        assert_eq!(from(&json!([literal("spec.x", text)]), json!({})).unwrap(), expected, "{text}");
    }
}

#[test]
fn maps_are_merged_one_level_deep_where_a_path_has_several_steps() {
    let onto =
        || json!({"spec": {"x": {"a": 1, "b": {"c": 2}}, "l": [{"a": 1}], "s": "text"}, "y": {"a": 1}});
    let with = |path: &str, value: Value| {
        let mut onto = onto();
        *onto.pointer_mut(path).unwrap() = value;
        onto
    };
    for (entry, expected) in [
        (literal("spec.x", "b: {d: 3}\ne: 4"), with("/spec/x", json!({"a": 1, "b": {"d": 3}, "e": 4}))),
        (literal("spec.l[0]", "b: 2"), with("/spec/l/0", json!({"a": 1, "b": 2}))),
        (literal("spec.x", "[1]"), with("/spec/x", json!([1]))),
        (literal("spec.l", "b: 2"), with("/spec/l", json!({"b": 2}))),
        (literal("spec.s", "b: 2"), with("/spec/s", json!({"b": 2}))),
        // A path of one step, and values, replace.
        (literal("y", "b: 2"), with("/y", json!({"b": 2}))),
        (literal("Spec", "b: 2"), with("/spec", json!({"b": 2}))),
        (entry("spec.x", "map", "Values"), with("/spec/x", json!({"k-1": "hunter2-value", "port": 5432}))),
        // Strings go beside what is there.
        (
            entry("Spec", "number", "Values"),
            with("/spec", json!({"x": {"a": 1, "b": {"c": 2}}, "l": [{"a": 1}], "s": "text", "number": "7"})),
        ),
    ] {
        assert_eq!(from(&json!([entry]), onto()).unwrap(), expected, "{entry}");
    }
}

#[test]
fn edits_follow_the_order_of_the_template_and_data_comes_last() {
    for (entries, expected) in [
        (json!([literal("spec.x", "1"), literal("spec.x", "2")]), json!({"spec": {"x": 2}})),
        (
            json!([literal("spec.x", "{a: 1}"), literal("spec.x", "{b: 2}")]),
            json!({"spec": {"x": {"a": 1, "b": 2}}}),
        ),
        (
            json!([literal("Spec", "{a: 1}"), literal("spec.b[1]", "2")]),
            json!({"spec": {"a": 1, "b": [null, 2]}}),
        ),
        (json!([literal("spec.b", "2"), literal("Spec", "{a: 1}")]), json!({"spec": {"a": 1}})),
        // In an entry: the ConfigMap, the Secret, the literal.
        (
            json!([{
                "target": "spec.x",
                "literal": "literal",
                "configMap": item("number", "Values"),
                "secret": {"name": "se", "items": [{"key": "yes"}]},
            }]),
            json!({"spec": {"x": "literal"}}),
        ),
        (
            json!([{
                "target": "spec.x",
                "configMap": item("number", "Values"),
                "secret": {"name": "se", "items": [{"key": "yes"}]},
            }]),
            json!({"spec": {"x": true}}),
        ),
        // The names of items play no part at a path.
        (
            json!([{"target": "spec.x", "configMap": {"name": "cm", "items": [{"key": "number"}, {"key": "list"}]}}]),
            json!({"spec": {"x": [1, "hunter2-value"]}}),
        ),
    ] {
        assert_eq!(from(&entries, json!({})).unwrap(), expected, "{entries}");
    }
    let content = template(&json!({
        "data": {"x": "own {{ .a }}", "y": "7"},
        "templateFrom": [literal("Data", "{x: first, z: '1'}"), literal("data.x", "second")],
    }));
    let expected = json!({"data": {"x": "own 1", "y": "7", "z": "1"}});
    assert_eq!(Value::Object(content.unwrap().onto(Map::new()).unwrap()), expected);
}

#[test]
fn a_value_that_is_written_like_a_template_is_not_evaluated() {
    let sources = |target: &str| {
        json!([
            entry(target, "braces", "Values"),
            {"target": target, "secret": {"name": "se", "items": [{"key": "braces"}]}},
        ])
    };
    for (target, expected) in [
        ("Data", json!({"data": {"braces": "{{ .secret }}"}})),
        ("Spec", json!({"spec": {"braces": "{{ .secret }}"}})),
    ] {
        assert_eq!(from(&sources(target), json!({})).unwrap(), expected);
        let quoted = json!([literal(target, "braces: {{ .braces | quote }}")]);
        assert_eq!(from(&quoted, json!({})).unwrap(), expected);
    }
    // This is no YAML, and so a text.
    assert_eq!(from(&sources("spec.x"), json!({})).unwrap(), json!({"spec": {"x": "{{ .secret }}"}}));
}

#[test]
fn values_are_decoded_before_they_are_put_and_documents_at_paths_are_not() {
    let decoded = |target: &str, key: &str, scope: &str, strategy: &str| {
        let entry = json!({
            "target": target,
            "valuesDecodingStrategy": strategy,
            "configMap": item(key, scope),
        });
        from(&json!([entry]), json!({})).unwrap()
    };
    assert_eq!(decoded("Data", "base64", "Values", "Base64"), json!({"data": {"base64": "5432"}}));
    assert_eq!(decoded("Spec", "base64", "Values", "Auto"), json!({"spec": {"base64": "5432"}}));
    assert_eq!(decoded("spec.x", "base64", "Values", "Base64"), json!({"spec": {"x": 5432}}));
    assert_eq!(decoded("spec.x", "base64", "KeysAndValues", "Base64"), json!({"spec": {"x": "NTQzMg=="}}));
    let literal = json!([{"literal": "x: NTQzMg==", "valuesDecodingStrategy": "Base64"}]);
    assert_eq!(from(&literal, json!({})).unwrap(), json!({"data": {"x": "5432"}}));
}

#[test]
fn without_a_template_the_values_and_all_metadata_of_the_object_go_over() {
    let mut texts = values();
    texts.remove("bytes");
    let expected = json!({
        "a": "1",
        "braces": "{{ .secret }}",
        "json": r#"{"deep": ["x", 2]}"#,
        "secret": "hunter2-value",
    });
    for (kind, onto, body_with) in [
        (CONFIG_MAP, json!({"data": {}}), json!({"data": expected})),
        (THING, json!({"spec": {}, "status": 1}), json!({"spec": {"data": expected}, "status": 1})),
        (("v2", "ConfigMap"), json!({}), json!({"spec": {"data": expected}})),
    ] {
        let content = run_with(kind, &json!({}), &texts).unwrap();
        assert_eq!(Value::Object(content.onto(body(onto)).unwrap()), body_with, "{kind:?}");
        assert_eq!(
            (content.labels, content.annotations),
            (strings(&[("l", "own")]), strings(&[("n", "own")]))
        );
    }
    let merged =
        run_with(CONFIG_MAP, &json!({}), &texts).unwrap().onto(body(json!({"data": {"z": "theirs"}})));
    assert_eq!(merged.unwrap()["data"]["z"], "theirs");
    let nothing = run_with(THING, &json!({}), &BTreeMap::new()).unwrap().onto(Map::new());
    assert_eq!(Value::Object(nothing.unwrap()), json!({"spec": {"data": {}}}));
}

#[test]
fn with_a_template_its_metadata_goes_over_as_it_is_and_the_values_only_where_they_are_rendered() {
    for more in [json!({}), json!({"mergePolicy": "Merge"}), json!({"type": "kubernetes.io/tls"})] {
        let mut yaml = json!({
            "metadata": {"labels": {"l": "{{ .a }}"}, "annotations": {"n": "{{ .a }}"}, "finalizers": ["f/g"]},
        });
        yaml.as_object_mut().unwrap().extend(body(more));
        let content = template(&yaml).unwrap();
        assert_eq!(content.labels, strings(&[("l", "{{ .a }}")]));
        assert_eq!(content.annotations, strings(&[("n", "{{ .a }}")]));
        assert_eq!(content.onto(Map::new()).unwrap(), Map::new());
    }
    let content = template(&json!({
        "metadata": {"labels": {"l": "own", "m": "own"}},
        "templateFrom": [literal("Labels", "l: rendered")],
    }));
    assert_eq!(content.unwrap().labels, strings(&[("l", "rendered"), ("m", "own")]));
    assert_eq!(template(&json!({})).unwrap(), Content::default());
}

#[test]
fn bytes_that_are_no_text_are_an_error_that_names_the_key_and_the_remedy() {
    let why =
        "has a value that is not UTF-8, which only a Secret can hold: let a template encode it with b64enc";
    for kind in [CONFIG_MAP, THING] {
        let error = run_with(kind, &json!({}), &values()).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (Kind::Invalid, format!("key \"bytes\" {why}")));
        let encoded = json!({"template": {"data": {"x": "{{ .bytes | b64enc }}"}}});
        let content = run_with(kind, &encoded, &values()).unwrap().onto(Map::new());
        assert_eq!(Value::Object(content.unwrap()), json!({"data": {"x": "//4="}}));
    }
    for target in ["Data", "Spec", "spec.x", "Annotations"] {
        assert_eq!(
            refusal(&json!([entry(target, "bytes", "Values")]), json!({})),
            format!("templateFrom[0]: configmap cm: key \"bytes\" {why}")
        );
    }
    let error = template(&json!({"data": {"x": "{{ .bytes }}"}})).unwrap_err();
    assert_eq!(error.to_string(), format!("template.data: key \"x\" {why}"));
    for target in ["Spec", "spec.x"] {
        assert_eq!(
            refusal(&json!([literal(target, "{x: !!binary /w==}")]), json!({})),
            "templateFrom[0]: literal: could not unmarshal template YAML: a value is not UTF-8"
        );
        assert!(refusal(&json!([entry(target, "bytes", "KeysAndValues")]), json!({})).contains("UTF-8"));
    }
}

#[test]
fn errors_name_the_entry_and_the_place_and_no_value() {
    for (entries, text) in [
        (json!([literal("", "a: b")]), "templateFrom[0]: invalid path \"\": empty segment"),
        (
            json!([literal("Data", ""), literal("spec[10001]", "a: b")]),
            "templateFrom[1]: invalid path \"spec[10001]\": index 10001 exceeds maximum (10000)",
        ),
        (
            json!([entry("spec.x", "nope", "Values")]),
            "templateFrom[0]: error in configmap cm: missing key nope",
        ),
        (
            json!([{"target": "spec.x", "secret": {"name": "se", "items": [{"key": "broken"}]}}]),
            "templateFrom[0]: secret se: unable to parse template at key broken: line 1, column 4; it lies in a Secret, so its text is not shown",
        ),
        (
            json!([literal("spec.x", "{{ fail .secret }}")]),
            "templateFrom[0]: unable to execute template at key literal: template: literal:1:3: executing \"literal\" at <fail .secret>: error calling fail: <value>",
        ),
        (
            json!([literal("spec.x", "a: {{ .secret }}: b")]),
            "templateFrom[0]: literal: could not unmarshal template YAML: mapping values are not allowed in this context",
        ),
        (
            json!([literal("Spec", "x: 'y'\nz: *{{ .secret }}")]),
            "templateFrom[0]: literal: could not unmarshal template YAML: unknown anchor in the text",
        ),
        (
            json!([entry("Data", "list", "KeysAndValues")]),
            "templateFrom[0]: configmap cm: list: could not unmarshal template to 'map[string][]byte': the text is a list and not a map",
        ),
        (
            json!([{"literal": "x: {{ .secret }}", "valuesDecodingStrategy": "Base64"}]),
            "templateFrom[0]: literal: failed to decode rendered template value for key x: illegal base64 data at input byte 7",
        ),
        (
            json!([literal("Labels", "x: '{{ .secret }}!'")]),
            "templateFrom[0]: literal: key \"x\" is rendered to what no label can hold: at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last",
        ),
    ] {
        assert_eq!(refusal(&entries, json!({})), text, "{entries}");
    }
    let error = template(&json!({"data": {"x": "{{ .nope }}"}})).unwrap_err().to_string();
    assert!(error.starts_with("template.data: unable to execute template at key x: "), "{error}");
    let error = template(&json!({"engineVersion": "v1"})).unwrap_err().to_string();
    assert_eq!(error, "unsupported template engine version: v1");
}

#[test]
fn what_stands_in_the_way_is_named_by_its_path_and_never_shown() {
    let secret = literal("Spec", "x: {{ .secret }}\nl: [{{ .secret }}]");
    for (second, onto, text) in [
        (
            literal("spec.x.y", "1"),
            json!({}),
            "templateFrom[1]: failed to set path spec.x.y: expected map at key \"y\" but found string",
        ),
        (
            literal("spec.l.y", "1"),
            json!({}),
            "templateFrom[1]: failed to set path spec.l.y: expected map at key \"y\" but found []interface {}",
        ),
        (
            literal("spec[2]", "1"),
            json!({}),
            "templateFrom[1]: failed to set path spec[2]: expected array at index 2 but found map[string]interface {}",
        ),
        (
            literal("Data", "\"{{ .secret }}\": x"),
            json!({"data": "hunter2"}),
            "templateFrom[1]: failed to set path data: expected map but found string",
        ),
        (
            literal("data.x", "1"),
            json!({"data": 1.5}),
            "templateFrom[1]: failed to set path data.x: expected map at key \"x\" but found float64",
        ),
    ] {
        assert_eq!(refusal(&json!([secret, second]), onto), text, "{second}");
    }
    let list = json!([literal("Spec", "[{{ .secret }}]"), entry("Spec", "number", "Values")]);
    assert_eq!(
        refusal(&list, json!({})),
        "templateFrom[1]: failed to set path spec: expected map but found []interface {}"
    );
    let mut texts = values();
    texts.remove("bytes");
    let error = run_with(THING, &json!({}), &texts).unwrap().onto(body(json!({"spec": {"data": true}})));
    assert_eq!(error.unwrap_err().to_string(), "failed to set path spec.data: expected map but found bool");
}

#[test]
fn no_path_leads_to_what_the_object_is_and_whose_it_is() {
    for path in [
        "apiVersion",
        "kind",
        "metadata",
        "metadata.name",
        "metadata.ownerReferences[0].uid",
        "metadata[0]",
        "status",
        "status.x",
    ] {
        let text = format!(
            "templateFrom[0]: invalid path {path:?}: a template may fill any field but apiVersion, kind, metadata and status"
        );
        assert_eq!(refusal(&json!([literal(path, "a: b")]), json!({})), text);
    }
    // Names have a case, and are reserved at the root alone.
    let entries = json!([literal("spec.metadata.name", "x"), literal("Status", "x")]);
    let expected = json!({"spec": {"metadata": {"name": "x"}}, "Status": "x"});
    assert_eq!(from(&entries, json!({})).unwrap(), expected);
}

/// What messages of the API server are cleaned of, besides the texts of the body.
#[test]
fn rendered_keys_labels_and_annotations_are_told_to_nobody() {
    for (entry, expected) in [
        (literal("Data", "fixed: {{ .secret }}"), vec!["fixed"]),
        (literal("Data", "{{ .secret }}: x"), vec!["hunter2-value"]),
        (literal("spec.x", "a: [{ {{ .secret }}: { b: 1 } }]"), vec!["a", "b", "hunter2-value"]),
        (literal("Spec", "{{ .secret }}: x"), vec!["hunter2-value"]),
        (entry("spec.x", "map", "Values"), vec!["k-1", "port"]),
        (literal("Labels", "x: {{ .secret }}"), vec!["hunter2-value", "x"]),
        (entry("Annotations", "text", "Values"), vec!["a is 1"]),
    ] {
        let content = template(&json!({ "templateFrom": [entry] })).unwrap();
        let mut unsaid: Vec<_> = content.unsaid.iter().map(|unsaid| unsaid.text.as_str()).collect();
        unsaid.sort_unstable();
        assert_eq!(unsaid, expected, "{entry}");
    }
}

#[test]
fn what_the_api_server_would_refuse_and_show_is_refused_here() {
    let refused = |kind, entry: Value| {
        let target = json!({"template": {"templateFrom": [entry]}});
        let content = run_with(kind, &target, &values());
        content.err().map(|error| error.to_string())
    };
    let key = |target: &str| literal(target, "\"{{ .secret }} x\": y");
    let text = refused(CONFIG_MAP, key("Data")).unwrap();
    assert!(
        text.starts_with("templateFrom[0]: literal: a rendered key is none that a ConfigMap can have"),
        "{text}"
    );
    for target in ["Labels", "Annotations"] {
        let text = refused(THING, key(target)).unwrap();
        assert!(text.starts_with("templateFrom[0]: literal: a rendered key is none that a"), "{text}");
    }
    let spaced =
        json!({"secret": {"name": "se", "items": [{"key": "spaced", "templateAs": "KeysAndValues"}]}});
    let text = refused(CONFIG_MAP, spaced).unwrap();
    assert!(text.starts_with("templateFrom[0]: secret se: spaced: a rendered key is none"), "{text}");
    // Other kinds have other keys.
    assert_eq!(refused(THING, key("Data")), None);
    assert_eq!(refused(CONFIG_MAP, key("Spec")), None);
}

#[test]
fn what_paths_make_on_their_way_is_bounded() {
    let entries = |count: usize| {
        let entries = (0..count).map(|i| literal(&format!("spec.k{i}[10000]"), "x"));
        Value::Array(entries.collect())
    };
    assert!(from(&entries(9), json!({})).is_ok());
    let text = refusal(&entries(10), json!({}));
    assert!(
        text.starts_with(
            "templateFrom[9]: failed to set path spec.k9[10000]: the paths into this object make more"
        ),
        "{text}"
    );
    assert!(from(&json!([literal("a[10000][10000]", "x")]), json!({})).is_ok());
}

/// A number takes much more memory than text.
#[test]
fn what_documents_make_counts_as_what_it_takes() {
    let list = format!("[{}]", "1, ".repeat(20_000));
    let entries = |count: usize| {
        let entries = (0..count).map(|i| literal(&format!("spec.k{i}"), &list));
        Value::Array(entries.collect())
    };
    assert!(from(&entries(3), json!({})).is_ok());
    let text = refusal(&entries(10), json!({}));
    assert!(text.contains("the templates render more than they may"), "{text}");
}

#[test]
fn a_large_document_is_put_off() {
    let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
    let templates = Templates::new(&Delimiters::default(), Arc::new(clock));
    let kind = ObjectKind { api_version: "v1".into(), kind: "Thing".into() };
    let none = BTreeMap::new();
    let target = json!({"template": {"templateFrom": [literal("spec.x", &"- x\n".repeat(10_000))]}});
    let spec: ExternalSecretSpec = serde_json::from_value(json!({ "target": target })).unwrap();
    for (pace, is_put_off) in [(Pace::Quick, true), (Pace::Long, false)] {
        let (session, sources, values) = (templates.session(pace), Sources::new(), BTreeMap::new());
        let templating = Templating { session: &session, sources: &sources };
        let metadata = Metadata { labels: &none, annotations: &none };
        let content = render_object(&spec, &kind, metadata, &values, templating);
        assert_eq!((content.is_err(), session.is_put_off()), (is_put_off, is_put_off));
    }
}

#[test]
fn a_secret_is_no_other_kind() {
    for (target, expected) in [
        (json!({}), None),
        (json!({"manifest": {"apiVersion": "v1", "kind": "Secret"}}), None),
        (json!({"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}), Some(CONFIG_MAP)),
        (json!({"manifest": {"apiVersion": "example.com/v1", "kind": "Thing"}}), Some(THING)),
        (
            json!({"manifest": {"apiVersion": "example.com/v1", "kind": "Secret"}}),
            Some(("example.com/v1", "Secret")),
        ),
    ] {
        let spec: ExternalSecretSpec = serde_json::from_value(json!({ "target": target })).unwrap();
        let kind = |(api_version, kind): (&str, &str)| ObjectKind {
            api_version: api_version.into(),
            kind: kind.into(),
        };
        assert_eq!(kind_of(&spec), expected.map(kind), "{target}");
    }
    assert_eq!(kind_of(&ExternalSecretSpec::default()), None);
}

#[test]
fn debug_shows_nothing_that_was_rendered() {
    let content = template(&json!({
        "data": {"x": "{{ .secret }}"},
        "templateFrom": [literal("Annotations", "x: {{ .secret }}")],
    }));
    assert_eq!(format!("{:?}", content.unwrap()), "Content(0 labels, 1 annotations, 1 edits)");
}
