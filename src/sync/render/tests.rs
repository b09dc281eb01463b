//! Content by table, and what is never written whatever asked for it.

use super::*;

fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretBytes> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).into())).collect()
}

fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
}

/// Renders `{a: 1}` under a spec, for an object with the label `l: own` and the annotation `n: own`.
fn run(yaml: &str) -> Result<Rendered> {
    let spec: ExternalSecretSpec = serde_saphyr::from_str(yaml).unwrap();
    let (labels, annotations) = (strings(&[("l", "own")]), strings(&[("n", "own")]));
    render(&spec, Metadata { labels: &labels, annotations: &annotations }, &values(&[("a", "1")]))
}

#[test]
fn without_a_template_all_metadata_of_the_object_goes_over() {
    let rendered = run("{}").unwrap();
    let expected = Rendered {
        data: values(&[("a", "1")]),
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
    for (template, expected) in [
        ("{}", values(&[("a", "1")])),
        ("{mergePolicy: Replace}", values(&[("a", "1")])),
        ("{data: {b: text}}", values(&[("b", "text")])),
        ("{mergePolicy: Replace, data: {b: text}}", values(&[("b", "text")])),
        ("{mergePolicy: Merge, data: {b: text}}", values(&[("a", "1"), ("b", "text")])),
        ("{mergePolicy: Merge, data: {a: text}}", values(&[("a", "text")])),
    ] {
        let rendered = run(&format!("{{target: {{template: {template}}}}}")).unwrap();
        assert_eq!(rendered.data, expected, "{template}");
    }
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
fn sec_03_a_template_that_would_run_something_is_refused() {
    for template in [
        "{data: {a: '{{ getSecretKey \"x\" }}'}}",
        "{data: {a: '{{ getHostByName \"x\" }}'}}",
        "{metadata: {annotations: {a: '{{ .b }}'}}}",
        "{templateFrom: [{literal: x}]}",
    ] {
        let error = run(&format!("{{target: {{template: {template}}}}}")).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{template}");
    }
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
    let annotations = annotation.map(|name| (name.to_string(), "admin".to_string())).into_iter().collect();
    let (namespace, name) = ("team".into(), "out".into());
    Secret { namespace, name, type_: type_.into(), annotations, ..Secret::default() }
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
