//! Content by table, and what is never written whatever asked for it.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use jiff::Timestamp;
use keyferry_stores::base::{clock::SystemClock, refs::Resolved};

use super::*;
use crate::{
    cluster::ObjectKey,
    sync::templates::{Delimiters, Pace, Templates},
};

/// The values of the store.
const STORE: [(&str, &str); 2] = [("a", "1"), ("secret", "hunter2-value")];

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretBytes> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).into())).collect()
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
}

/// Renders `{a: 1, secret: hunter2-value}` under a spec, for an object with the label `l: own` and the annotation `n: own`, with a
/// ConfigMap `cm` and a Secret `se`.
fn run(yaml: &str) -> Result<Rendered> {
    let spec: ExternalSecretSpec = serde_saphyr::from_str(yaml).unwrap();
    let (labels, annotations) = (strings(&[("l", "own")]), strings(&[("n", "own")]));
    let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
    let templates = Templates::new(&Delimiters::default(), Arc::new(clock));
    let texts = values(&[
        ("text", "a is {{ .a }}"),
        ("pairs", "k-{{ .a }}: {{ .secret }}\nfixed: 7\nflag: yes\nnone:\n"),
        ("broken", "{{ hunter2 }}"),
        ("flag", "on"),
        ("list", "[hunter2]"),
        ("base64", "x: aGk=\n"),
        ("spaced", "hunter2 x: y"),
        ("defines", "{{ define \"defines\" }}z{{ end }}b: {{ template \"defines\" . }}"),
    ]);
    let source = |kind, name: &str| Resolved { kind, namespace: "team".into(), name: name.into() };
    let sources = Sources::from([
        (source(RefKind::ConfigMap, "cm"), Arc::new(texts.clone())),
        (source(RefKind::Secret, "se"), Arc::new(texts)),
    ]);
    render(
        &spec,
        Metadata { labels: &labels, annotations: &annotations },
        &values(&STORE),
        Templating { session: &templates.session(Pace::Long), sources: &sources },
    )
}

/// What a template renders.
fn template(yaml: &str) -> Result<Rendered> {
    run(&format!("{{target: {{template: {yaml}}}}}"))
}

/// Why a template is refused.
fn refusal(yaml: &str) -> String {
    let error = template(yaml).unwrap_err();
    let text = error.to_string();
    assert_ne!(error.kind(), Kind::NotFound, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    text.strip_prefix("could not apply template: ").unwrap().to_string()
}

#[test]
fn without_a_template_all_metadata_of_the_object_goes_over() {
    let rendered = run("{}").unwrap();
    let expected = Rendered {
        data: values(&STORE),
        labels: strings(&[("l", "own")]),
        annotations: strings(&[("n", "own")]),
        ..Rendered::default()
    };
    assert_eq!(rendered, expected);
}

#[test]
fn with_a_template_only_its_own_metadata_goes_over() {
    for (template, labels, annotations) in [
        ("{}", strings(&[]), strings(&[])),
        ("{metadata: {labels: {x: y}}}", strings(&[("x", "y")]), strings(&[])),
        ("{metadata: {annotations: {x: y}}}", strings(&[]), strings(&[("x", "y")])),
    ] {
        let rendered = run(&format!("{{target: {{template: {template}}}}}")).unwrap();
        assert_eq!((rendered.labels, rendered.annotations), (labels, annotations), "{template}");
    }
}

#[test]
fn values_of_the_stores_stay_only_where_nothing_replaces_them() {
    let kept = |more: &[(&str, &str)]| {
        let mut all = values(&STORE);
        all.extend(values(more));
        all
    };
    for (yaml, expected) in [
        ("{}", kept(&[])),
        ("{mergePolicy: Replace}", kept(&[])),
        ("{data: {b: text}}", values(&[("b", "text")])),
        ("{mergePolicy: Replace, data: {b: text}}", values(&[("b", "text")])),
        ("{mergePolicy: Merge, data: {b: text}}", kept(&[("b", "text")])),
        ("{mergePolicy: Merge, data: {a: text}}", kept(&[("a", "text")])),
        ("{templateFrom: [{target: Labels, literal: 'x: y'}]}", values(&[])),
        ("{templateFrom: [{configMap: {name: cm, items: []}}]}", values(&[])),
    ] {
        assert_eq!(template(yaml).unwrap().data, expected, "{yaml}");
    }
}

#[test]
fn data_labels_and_annotations_are_rendered() {
    let rendered = template(
        "{data: {b: 'x{{ .a }}', empty: '{{ if false }}x{{ end }}'}, metadata: {labels: {l: 'v{{ .a }}'}, annotations: {n: '{{ .a | quote }}'}}}",
    )
    .unwrap();
    assert_eq!(rendered.data, values(&[("b", "x1"), ("empty", "")]));
    assert_eq!(rendered.labels, strings(&[("l", "v1")]));
    assert_eq!(rendered.annotations, strings(&[("n", "\"1\"")]));
}

#[test]
fn templates_from_elsewhere_are_values_or_keys_and_values() {
    for (yaml, expected) in [
        ("{configMap: {name: cm, items: [{key: text}]}}", values(&[("text", "a is 1")])),
        ("{secret: {name: se, items: [{key: text, templateAs: Values}]}}", values(&[("text", "a is 1")])),
        (
            "{configMap: {name: cm, items: [{key: pairs, templateAs: KeysAndValues}]}}",
            values(&[("k-1", "hunter2-value"), ("fixed", "7"), ("flag", "true"), ("none", "")]),
        ),
        ("{literal: 'b: \"{{ .a }}\"'}", values(&[("b", "1")])),
        ("{literal: '{{ if false }}b: 1{{ end }}'}", values(&[])),
        (
            "{literal: '{{ range $k, $v := . }}{{ $k }}-x: {{ $v }}{{ \"\\n\" }}{{ end }}'}",
            values(&[("a-x", "1"), ("secret-x", "hunter2-value")]),
        ),
        ("{valuesDecodingStrategy: Base64, literal: 'x: aGk='}", values(&[("x", "hi")])),
        (
            "{valuesDecodingStrategy: Auto, configMap: {name: cm, items: [{key: base64}]}}",
            values(&[("base64", "x: aGk=\n")]),
        ),
    ] {
        assert_eq!(template(&format!("{{templateFrom: [{yaml}]}}")).unwrap().data, expected, "{yaml}");
    }
}

#[test]
fn later_wins_and_templates_data_over_templates_from_elsewhere() {
    let rendered = template(
        "{data: {x: own}, metadata: {labels: {l: 'own{{ .a }}'}}, templateFrom: [{literal: 'x: first'}, {literal: 'x: second'}, {literal: 'z: first'}, {target: labels, literal: 'l: other'}, {literal: 'z: second', configMap: {name: cm, items: [{key: text}]}}]}",
    )
    .unwrap();
    assert_eq!(rendered.data, values(&[("x", "own"), ("z", "second"), ("text", "a is 1")]));
    assert_eq!(rendered.labels, strings(&[("l", "own1")]));
}

#[test]
fn words_of_targets_have_no_case() {
    for (word, labels, annotations) in [
        ("Labels", strings(&[("b", "1")]), strings(&[])),
        ("labels", strings(&[("b", "1")]), strings(&[])),
        ("ANNOTATIONS", strings(&[]), strings(&[("b", "1")])),
    ] {
        let yaml = format!("{{templateFrom: [{{target: {word}, literal: 'b: {{{{ .a }}}}'}}]}}");
        let rendered = template(&yaml).unwrap();
        assert_eq!((rendered.labels, rendered.annotations), (labels, annotations), "{word}");
    }
}

#[test]
fn a_secret_has_no_paths_and_no_other_engine() {
    let only =
        "is not allowed when targeting a Secret, must be one of \"Data\", \"Annotations\" or \"Labels\"";
    for (yaml, text) in [
        (
            "{templateFrom: [{target: spec.x, literal: 'a: b'}]}",
            format!("templateFrom[0]: templateFrom target=\"spec.x\" {only}"),
        ),
        (
            "{templateFrom: [{target: Spec, literal: 'a: b'}]}",
            format!("templateFrom[0]: templateFrom target=\"Spec\" {only}"),
        ),
        (
            "{templateFrom: [{target: '', literal: 'a: b'}]}",
            "templateFrom[0]: invalid path \"\": empty segment".into(),
        ),
        ("{engineVersion: v1, data: {a: b}}", "unsupported template engine version: v1".into()),
    ] {
        assert_eq!(refusal(yaml), text);
    }
    assert!(template("{engineVersion: v2}").is_ok());
}

#[test]
fn errors_name_the_entry_and_the_place_and_no_value() {
    for (yaml, text) in [
        (
            "{data: {x: '{{ .nope }}'}}",
            "template.data: unable to execute template at key x: template: x:1:3: executing \"x\" at <.nope>: map has no entry for key \"nope\"",
        ),
        (
            "{data: {x: '{{ if }}'}}",
            "template.data: unable to parse template at key x: template: x:1: missing value for if (column 7)",
        ),
        (
            "{metadata: {labels: {x: '{{ fail .secret }}'}}}",
            "template.metadata.labels: unable to execute template at key x: template: x:1:3: executing \"x\" at <fail .secret>: error calling fail: <value>",
        ),
        (
            "{templateFrom: [{literal: ''}, {literal: '{{ range .secret }}{{ end }}'}]}",
            "templateFrom[1]: unable to execute template at key literal: template: literal:1:9: executing \"literal\" at <.secret>: range can't iterate over <value>",
        ),
        (
            "{templateFrom: [{configMap: {name: cm, items: [{key: nope}]}}]}",
            "templateFrom[0]: error in configmap cm: missing key nope",
        ),
        (
            "{templateFrom: [{secret: {name: se, items: [{key: nope}]}}]}",
            "templateFrom[0]: error in secret se: missing key nope",
        ),
        (
            "{templateFrom: [{secret: {name: se, items: [{key: broken}]}}]}",
            "templateFrom[0]: secret se: unable to parse template at key broken: line 1, column 4; it lies in a Secret, so its text is not shown",
        ),
        (
            "{templateFrom: [{configMap: {name: cm, items: [{key: list, templateAs: KeysAndValues}]}}]}",
            "templateFrom[0]: configmap cm: list: could not unmarshal template to 'map[string][]byte': the text is a list and not a map",
        ),
        (
            "{templateFrom: [{literal: 'x: {{ .secret }}', valuesDecodingStrategy: Base64}]}",
            "templateFrom[0]: literal: failed to decode rendered template value for key x: illegal base64 data at input byte 7",
        ),
    ] {
        assert_eq!(refusal(yaml), text, "{yaml}");
    }
}

#[test]
fn what_the_api_server_would_refuse_and_show_is_refused_here() {
    for yaml in [
        "{templateFrom: [{literal: '\"{{ .secret }} x\": y'}]}",
        "{templateFrom: [{literal: '\"{{ .secret }}-\": y', target: Labels}]}",
        "{templateFrom: [{literal: '\"{{ .secret }}/\": y', target: Annotations}]}",
        "{templateFrom: [{literal: '\"x\": \"{{ .secret }}!\"', target: Labels}]}",
        "{metadata: {labels: {x: '{{ .secret }}-'}}}",
        "{metadata: {labels: {x: '{{ repeat 9 .secret }}'}}}",
    ] {
        assert!(!refusal(yaml).is_empty());
    }
    let yaml = "{metadata: {labels: {example.com/x: A.b_c-1, y: ''}, annotations: {Example.com/X_y: '!'}}}";
    assert_eq!(template(yaml).unwrap().labels, strings(&[("example.com/x", "A.b_c-1"), ("y", "")]));
}

#[test]
fn a_key_that_a_document_says_itself_is_shown_and_one_that_was_rendered_is_not() {
    for (literal, shown) in [
        ("\"k one\": y", "key \"k one\""),
        ("\"{{ .a }} one\": y", "a rendered key"),
        ("k: x\n\"\": y", "a rendered key"),
    ] {
        let yaml = serde_json::json!({ "templateFrom": [{ "literal": literal }] }).to_string();
        let text = refusal(&yaml);
        assert!(text.starts_with(&format!("templateFrom[0]: literal: {shown} is none")), "{text}");
    }
    let text =
        refusal("{templateFrom: [{secret: {name: se, items: [{key: spaced, templateAs: KeysAndValues}]}}]}");
    assert!(text.starts_with("templateFrom[0]: secret se: spaced: a rendered key is none"), "{text}");
}

/// What messages of the API server are cleaned of.
#[test]
fn rendered_keys_labels_and_annotations_are_told_to_nobody_unless_their_template_says_them() {
    let unsaid = |yaml: &str| -> Vec<(String, bool)> {
        let rendered = template(yaml).unwrap();
        let each = rendered.unsaid.iter().map(|unsaid| {
            let is_said = unsaid.said.as_ref().is_some_and(|said| said.contains(unsaid.text.as_str()));
            (unsaid.text.to_string(), is_said)
        });
        each.filter(|(_, is_said)| !is_said).collect()
    };
    for (yaml, expected) in [
        ("{data: {a: '{{ .secret }}'}}", None),
        ("{literal: 'fixed: {{ .secret }}'}", None),
        ("{literal: '{{ .secret }}: x'}", Some("hunter2-value")),
        ("{target: Labels, literal: 'x: {{ .secret }}'}", Some("hunter2-value")),
        ("{target: Annotations, literal: 'x: {{ .secret }}!'}", Some("hunter2-value!")),
        ("{metadata: {labels: {x: fixed, y: '{{ .secret }}'}}}", Some("hunter2-value")),
        ("{metadata: {annotations: {x: '<{{ .secret }}>'}}}", Some("<hunter2-value>")),
        ("{target: Labels, secret: {name: se, items: [{key: flag}]}}", Some("on")),
        ("{target: Labels, configMap: {name: cm, items: [{key: flag}]}}", None),
    ] {
        let entry = yaml.starts_with("{literal") || yaml.starts_with("{target");
        let yaml = if entry { format!("{{templateFrom: [{yaml}]}}") } else { yaml.to_string() };
        let expected: Vec<_> = expected.into_iter().map(|text| (text.to_string(), false)).collect();
        assert_eq!(unsaid(&yaml), expected, "{yaml}");
    }
}

#[test]
fn debug_shows_nothing_that_was_rendered() {
    let rendered = template(
        "{templateFrom: [{literal: '{{ .secret }}: x'}], metadata: {annotations: {x: '{{ .secret }}'}}}",
    );
    assert_eq!(format!("{:?}", rendered.unwrap()), "Rendered(1 keys, 0 labels, 1 annotations)");
}

#[test]
fn an_annotation_that_is_no_text_is_refused() {
    let text = refusal("{metadata: {annotations: {x: '{{ b64dec \"/w==\" }}'}}}");
    assert_eq!(text, "template.metadata.annotations: key \"x\" has a value that is no text (UTF-8)");
}

/// To look for each key in the text of its template would take minutes.
#[test]
fn many_keys_of_a_large_document_are_rendered_at_once() {
    let (sender, rendered) = mpsc::channel();
    thread::spawn(move || {
        let padding = "x".repeat(1 << 20);
        let literal = format!(
            "{{{{/* {padding} */}}}}{{{{ range $i := until 10000 }}}}k{{{{ $i }}}}: v\n{{{{ end }}}}"
        );
        let yaml = serde_json::json!({ "templateFrom": [{ "literal": literal }] }).to_string();
        sender.send(template(&yaml).unwrap().data.len()).unwrap();
    });
    assert_eq!(rendered.recv_timeout(Duration::from_secs(60)), Ok(10_000));
}

#[test]
fn a_literal_may_define_a_template_that_is_called_literal() {
    let yaml = serde_json::json!({ "templateFrom": [{
        "literal": "{{ define \"literal\" }}x{{ end }}a: {{ template \"literal\" . }}",
        "configMap": { "name": "cm", "items": [{ "key": "defines", "templateAs": "KeysAndValues" }] },
    }] });
    assert_eq!(template(&yaml.to_string()).unwrap().data, values(&[("a", "x"), ("b", "z")]));
}

#[test]
fn what_does_not_fit_into_a_secret_is_refused_before_it_is_sent() {
    let text = refusal("{data: {x: '{{ repeat 600000 \"x\" }}', y: '{{ repeat 600000 \"x\" }}'}}");
    assert!(text.starts_with("the values do not fit into a Secret"), "{text}");
}

#[test]
fn the_objects_that_a_specification_reads_are_told_once_each() {
    let yaml = "{target: {template: {templateFrom: [{configMap: {name: c, items: []}}, {configMap: {name: c, items: []}, secret: {name: s, items: []}}, {literal: x}]}}}";
    let spec: ExternalSecretSpec = serde_saphyr::from_str(yaml).unwrap();
    let sources: Vec<_> =
        sources_of(&spec).into_iter().map(|source| (source.kind, source.name, source.namespace)).collect();
    assert_eq!(sources, [(RefKind::Secret, "s".into(), None), (RefKind::ConfigMap, "c".into(), None)]);
}

#[test]
fn type_finalizers_and_immutability_come_from_the_spec() {
    let yaml =
        "{target: {immutable: true, template: {type: kubernetes.io/tls, metadata: {finalizers: [f/g]}}}}";
    let rendered = run(yaml).unwrap();
    assert_eq!(
        (rendered.type_.as_deref(), rendered.finalizers, rendered.immutable),
        (Some("kubernetes.io/tls"), vec!["f/g".to_string()], true)
    );
    assert_eq!(run("{target: {template: {type: ''}}}").unwrap().type_, None);
}

#[test]
fn sec_06_annotations_from_elsewhere_make_no_token_either() {
    let text = "templateFrom[0]: template.type=\"kubernetes.io/service-account-token\" with templateFrom target=\"Annotations\" is not allowed";
    let token = "type: kubernetes.io/service-account-token";
    let yaml = format!("{{{token}, templateFrom: [{{target: annotations, literal: 'a: b'}}]}}");
    assert_eq!(refusal(&yaml), text);
    let yaml = format!(
        "{{{token}, metadata: {{annotations: {{kubernetes.io/service-account.name: '{{{{ .a }}}}'}}}}}}"
    );
    assert!(refusal(&yaml).ends_with("is not allowed"));
}

#[test]
fn sec_06_a_privileged_template_is_refused_in_esos_words() {
    let account = "could not apply template: template.type=\"kubernetes.io/service-account-token\" with annotation \
                   \"kubernetes.io/service-account.name\" is not allowed";
    let bootstrap =
        "could not apply template: template.type=\"bootstrap.kubernetes.io/token\" is not allowed";
    for (template, text) in [
        (
            "{type: kubernetes.io/service-account-token, metadata: {annotations: \
             {kubernetes.io/service-account.name: admin}}}",
            account,
        ),
        ("{type: bootstrap.kubernetes.io/token}", bootstrap),
    ] {
        let error = run(&format!("{{target: {{template: {template}}}}}")).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Refused, text));
    }
}

fn secret(type_: &str, annotation: Option<&str>) -> Secret {
    let mut secret = Secret { type_: type_.into(), ..Secret::new(&ObjectKey::new("team", "out")) };
    secret.meta.annotations.extend(annotation.map(|name| (name.to_string(), "admin".to_string())));
    secret
}

#[test]
fn sec_06_the_object_to_be_written_is_what_is_judged() {
    let scope = Scope::Namespace("team".into());
    let table = [
        ("", None, true),
        ("Opaque", Some(SERVICE_ACCOUNT_NAME), true),
        ("kubernetes.io/tls", None, true),
        (SERVICE_ACCOUNT_TOKEN, None, true),
        (SERVICE_ACCOUNT_TOKEN, Some("kubernetes.io/service-account.uid"), true),
        (SERVICE_ACCOUNT_TOKEN, Some(SERVICE_ACCOUNT_NAME), false),
        (BOOTSTRAP_TOKEN, None, false),
    ];
    for (type_, annotation, allowed) in table {
        let judged = authorize_write(&secret(type_, annotation), &scope).map_err(|error| error.kind());
        let expected = if allowed { Ok(()) } else { Err(Kind::Refused) };
        assert_eq!(judged, expected, "{type_} {annotation:?}");
    }
}

#[test]
fn sec_02_nothing_is_written_outside_of_the_namespace_that_asks() {
    let table = [
        (Scope::Namespace("team".into()), true),
        (Scope::Cluster("team".into()), true),
        (Scope::Namespace("other".into()), false),
        (Scope::Cluster("other".into()), false),
        (Scope::ClusterOnly, false),
    ];
    for (scope, allowed) in table {
        assert_eq!(authorize_write(&secret("", None), &scope).is_ok(), allowed, "{scope:?}");
    }
}

/// Every property that an object of this schema can have, whatever lies between.
fn properties(schema: &serde_json::Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        if let Some(properties) = value["properties"].as_object() {
            names.extend(properties.keys().cloned());
        }
        open.extend(value.as_object().into_iter().flat_map(serde_json::Map::values));
        open.extend(value.as_array().into_iter().flatten());
    }
    names
}

#[test]
fn sec_05_no_field_of_template_from_can_name_a_namespace() {
    let schema = serde_json::to_value(schemars::schema_for!(TemplateFrom)).unwrap();
    // A field that is added here must be one that leads nowhere else, or be resolved within the scope of its object.
    let known = [
        "configMap",
        "items",
        "key",
        "literal",
        "name",
        "secret",
        "target",
        "templateAs",
        "valuesDecodingStrategy",
    ];
    assert_eq!(properties(&schema), BTreeSet::from(known.map(String::from)));
}
