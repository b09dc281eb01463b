//! Shape against what ESO 2.9 was recorded to make of the same specs and stores.

use std::sync::Arc;

use jiff::Timestamp;
use keyferry_stores::base::clock::SystemClock;

use super::*;
use crate::sync::templates::{Delimiters, Pace, Templates};

/// The fake provider.
const FAKE: Rules = Rules {
    property: PropertyRule::Path,
    property_absence: true,
    map: MapRule::Raw,
    find_converts: true,
    absence: Absence::Proves,
};

const NESTED: &str = r#"{"user": {"first": "Ann", "age": 7, "tags": ["x", "y"], "deep": {"er": {"est": true}}}, "a.b": "dotted",
    "big": 12345678901234567890, "null": null, "empty": "", "html": "<a&b>", "list": [{"id": 1, "v": "one"}, {"id": 2, "v": "two"}]}"#;
const TYPES: &str = r#"{"str": "s", "int": 7, "float": 1.5, "exp": 1e+21, "big": 12345678901234567890, "t": true, "f": false,
    "nil": null, "obj": {"b": 1, "a": "<x>"}, "arr": [1, "2", null], "uni": "ü", "emp": ""}"#;
const MERGE: [(&str, &str); 2] = [
    ("m-a", r#"{"x": "1", "n": 5, "o": {"q": [1]}, "b": true, "z": null}"#),
    ("m-b", r#"{"y": "2", "f": 1.25}"#),
];
const CLASH: [(&str, &str); 3] =
    [("m-a", r#"{"x": "1", "y": "a"}"#), ("m-b", r#"{"x": "2"}"#), ("m-c", r#"{"x": "3"}"#)];

fn spec(yaml: &str) -> ExternalSecretSpec {
    serde_saphyr::from_str(yaml).unwrap()
}

fn templates() -> Templates {
    let clock = SystemClock::starting_at(Timestamp::UNIX_EPOCH);
    Templates::new(&Delimiters::default(), Arc::new(clock))
}

fn with_rules(change: impl FnOnce(&mut Rules)) -> Rules {
    let mut rules = FAKE;
    change(&mut rules);
    rules
}

fn reference(property: &str) -> RemoteRef {
    serde_saphyr::from_str(&format!("{{key: k, property: '{property}'}}")).unwrap()
}

fn bytes(text: &str) -> Entry {
    Entry::bytes(SecretBytes::from(text))
}

fn fields(pairs: &[(&str, &str)]) -> Entry {
    let fields = pairs.iter().map(|(key, value)| ((*key).to_string(), SecretBytes::from(*value))).collect();
    Entry { payload: Payload::Fields(fields), version: None }
}

/// A store of plain entries: every read of another key is answered with its absence, every find with all entries.
fn answers(spec: &ExternalSecretSpec, entries: &[(&str, &str)], rules: Rules) -> Answers {
    let read = |key: &str| {
        let entry = entries.iter().find(|(name, _)| *name == key).map(|(_, value)| bytes(value));
        Answer::Entry(entry.ok_or_else(|| Error::new(Kind::NotFound, "Secret does not exist")), rules)
    };
    let all = entries
        .iter()
        .map(|(name, value)| Found { name: (*name).into(), entry: bytes(value) })
        .collect::<Vec<_>>();
    let data_from = spec.data_from.iter().map(|source| match &source.extract {
        Some(extract) => read(&extract.key),
        None => Answer::Found(Ok(all.clone()), rules),
    });
    let data = spec.data.iter().map(|data| read(&data.remote_ref.key));
    Answers { data_from: data_from.collect(), data: data.collect() }
}

fn run(yaml: &str, entries: &[(&str, &str)]) -> Result<Assembled> {
    let spec = spec(yaml);
    assemble(&spec, &answers(&spec, entries, FAKE), &templates().session(Pace::Long))
}

fn shown(values: &BTreeMap<String, SecretBytes>) -> Vec<(String, String)> {
    values
        .iter()
        .map(|(key, value)| (key.clone(), String::from_utf8_lossy(value.expose()).into_owned()))
        .collect()
}

#[track_caller]
fn gives(yaml: &str, entries: &[(&str, &str)], expected: &[(&str, &str)]) {
    let expected: Vec<_> =
        expected.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect();
    assert_eq!(shown(&run(yaml, entries).unwrap().values), expected, "{yaml}");
}

#[track_caller]
fn fails(yaml: &str, entries: &[(&str, &str)], kind: Kind, text: &str) {
    let error = run(yaml, entries).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, text), "{yaml}");
}

#[test]
fn data_from_comes_in_order_and_data_comes_last() {
    let yaml =
        "{data: [{secretKey: z, remoteRef: {key: c}}], dataFrom: [{extract: {key: a}}, {extract: {key: b}}]}";
    let entries = [("a", r#"{"x": "1", "y": "1", "z": "1"}"#), ("b", r#"{"y": "2", "z": "2"}"#), ("c", "3")];
    gives(yaml, &entries, &[("x", "1"), ("y", "2"), ("z", "3")]);
}

#[test]
fn of_two_entries_with_one_secret_key_the_later_wins() {
    let yaml = "{data: [{secretKey: a, remoteRef: {key: k}}, {secretKey: a, remoteRef: {key: l}}]}";
    gives(yaml, &[("k", "v"), ("l", "w")], &[("a", "w")]);
}

#[test]
fn an_extracted_value_keeps_its_text() {
    let expected = [
        ("arr", r#"[1, "2", null]"#),
        ("big", "12345678901234567890"),
        ("emp", ""),
        ("exp", "1e+21"),
        ("f", "false"),
        ("float", "1.5"),
        ("int", "7"),
        ("nil", ""),
        ("obj", r#"{"b": 1, "a": "<x>"}"#),
        ("str", "s"),
        ("t", "true"),
        ("uni", "ü"),
    ];
    gives("{dataFrom: [{extract: {key: k}}]}", &[("k", TYPES)], &expected);
}

#[test]
fn vault_writes_numbers_and_objects_anew() {
    let rules = with_rules(|rules| rules.map = MapRule::Decoded);
    let map = map(&bytes(TYPES), &reference(""), &rules).unwrap();
    let expected =
        [("arr", r#"[1,"2",null]"#), ("big", "12345678901234567000"), ("exp", "1000000000000000000000")];
    for (key, value) in expected {
        assert_eq!(map[key].expose_str(), Some(value), "{key}");
    }
    assert_eq!(map["obj"].expose_str(), Some("{\"a\":\"\\u003cx\\u003e\",\"b\":1}"));
}

#[test]
fn keys_are_converted_by_their_strategy() {
    let entry = [("k", r#"{"a b": "1", "c/d": "2", "e$f": "3", "ok-._9": "4", "ü": "5"}"#)];
    gives(
        "{dataFrom: [{extract: {key: k}}]}",
        &entry,
        &[("a_b", "1"), ("c_d", "2"), ("e_f", "3"), ("ok-._9", "4"), ("ü", "5")],
    );
    gives(
        "{dataFrom: [{extract: {key: k, conversionStrategy: Unicode}}]}",
        &entry,
        &[("a_U0020_b", "1"), ("c_U002f_d", "2"), ("e_U0024_f", "3"), ("ok-._9", "4"), ("ü", "5")],
    );
}

#[test]
fn two_keys_that_convert_to_one_are_an_error() {
    let text = "error processing spec.dataFrom[0].extract, err: error applying conversion strategy  to keys: secret name collision \
                during conversion: a_b";
    fails("{dataFrom: [{extract: {key: k}}]}", &[("k", r#"{"a b": "1", "a/b": "2"}"#)], Kind::Invalid, text);
}

#[test]
fn values_are_decoded() {
    let entries = [
        ("std", "aGVsbG8/Pz8+"),
        ("url", "aGVsbG8_Pz8-"),
        ("plain", "hello world!"),
        ("test", "test"),
        ("nl", "aGVs\r\nbG8=\n"),
        ("bits", "aGk/aGl="),
    ];
    let yaml = |strategy: &str, keys: &[&str]| {
        let entry = |key: &&str| {
            format!("{{secretKey: {key}, remoteRef: {{key: {key}, decodingStrategy: {strategy}}}}}")
        };
        format!("{{data: [{}]}}", keys.iter().map(entry).collect::<Vec<_>>().join(", "))
    };
    gives(&yaml("None", &["nl", "std"]), &entries, &[("nl", "aGVs\r\nbG8=\n"), ("std", "aGVsbG8/Pz8+")]);
    gives(&yaml("Base64", &["nl", "std"]), &entries, &[("nl", "hello"), ("std", "hello???>")]);
    gives(&yaml("Base64", &["bits"]), &entries, &[("bits", "hi?hi")]);
    gives(&yaml("Base64URL", &["url"]), &entries, &[("url", "hello???>")]);
    let auto = [
        ("plain", "hello world!"),
        ("std", "hello???>"),
        ("test", "\u{fffd}\u{fffd}-"),
        ("url", "hello???>"),
    ];
    gives(&yaml("Auto", &["plain", "std", "test", "url"]), &entries, &auto);
}

#[test]
fn a_value_that_is_not_in_its_encoding_is_an_error_without_the_value() {
    let yaml = "{data: [{secretKey: a, remoteRef: {key: plain, decodingStrategy: Base64}}]}";
    let text = "error processing spec.data[0] (key: plain), err: error applying decoding strategy Base64 to data: illegal base64 data at \
                input byte 5";
    fails(yaml, &[("plain", "hello world!")], Kind::Invalid, text);
    for value in ["aGk", "aGk=x", "a===", "aGVsbG8_Pz8-"] {
        assert_eq!(run(yaml, &[("plain", value)]).unwrap_err().kind(), Kind::Invalid, "{value}");
    }
}

#[test]
fn every_value_of_an_extract_is_decoded() {
    let yaml = "{dataFrom: [{extract: {key: k, decodingStrategy: Base64}}]}";
    gives(yaml, &[("k", r#"{"a": "aGk=", "b": "eW8="}"#)], &[("a", "hi"), ("b", "yo")]);
    let text = "error processing spec.dataFrom[0].extract, err: error applying decoding strategy Base64 to data: failure decoding key b: \
                illegal base64 data at input byte 0";
    fails(yaml, &[("k", r#"{"a": "aGk=", "b": "?"}"#)], Kind::Invalid, text);
}

#[test]
fn null_bytes_are_refused_on_demand() {
    let yaml =
        "{data: [{secretKey: a, remoteRef: {key: z, decodingStrategy: Base64, nullBytePolicy: Fail}}]}";
    let text = "error processing spec.data[0] (key: z), err: fetched secret value for key \"a\" contains null bytes; use a text-safe \
                format such as PEM/base64 or leave nullBytePolicy unset for intentional binary data";
    fails(yaml, &[("z", "AAE=")], Kind::Invalid, text);
    gives(
        "{data: [{secretKey: a, remoteRef: {key: z, decodingStrategy: Base64}}]}",
        &[("z", "AAE=")],
        &[("a", "\0\u{1}")],
    );
}

#[test]
fn regexp_operations_run_one_after_the_other() {
    let yaml = "{dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: '^db-(.*)$', target: '${1}_db'}}, {regexp: {source: _, \
                target: .}}]}]}";
    let entries = [("k", r#"{"db-user": "u", "db-pass": "p", "x": "1"}"#)];
    gives(yaml, &entries, &[("pass.db", "p"), ("user.db", "u"), ("x", "1")]);
}

#[test]
fn of_keys_that_a_regexp_makes_equal_the_last_in_order_stays() {
    let yaml = "{dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: '[ab]', target: c}}]}]}";
    gives(yaml, &[("k", r#"{"b": "2", "a": "1"}"#)], &[("c", "2")]);
}

#[test]
fn keys_that_a_rewrite_empties_are_dropped() {
    let yaml = "{dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: a, target: ''}}]}]}";
    gives(yaml, &[("k", r#"{"a": "1", "b": "2"}"#)], &[("b", "2")]);
}

#[test]
fn a_rewritten_key_is_not_converted_but_checked() {
    let yaml = "{dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: a, target: a b}}]}]}";
    let text = "error processing spec.dataFrom[0].extract, err: invalid secret keys (TIP: use rewrite or conversionStrategy to change \
                keys): key has invalid character  , only alphanumeric, '-', '.' and '_' are allowed: a b";
    fails(yaml, &[("k", r#"{"a": "1"}"#)], Kind::Invalid, text);
}

#[test]
fn a_key_over_253_bytes_is_refused() {
    let entry = format!(r#"{{"{}": "1"}}"#, "k".repeat(254));
    let error = run("{dataFrom: [{extract: {key: k}}]}", &[("k", &entry)]).unwrap_err();
    assert!(error.to_string().contains("key has length 254 but max is 253"), "{error}");
}

#[test]
fn a_store_that_converts_in_find_does_so_before_rewrites() {
    let yaml =
        "{dataFrom: [{find: {name: {regexp: a/b}}, rewrite: [{regexp: {source: 'a/b/(.*)', target: $1}}]}]}";
    let entries = [("a/b/c", "1"), ("a/b/d", "2")];
    gives(yaml, &entries, &[("a_b_c", "1"), ("a_b_d", "2")]);
    let spec = spec(yaml);
    let rules = with_rules(|rules| rules.find_converts = false);
    let assembled =
        assemble(&spec, &answers(&spec, &entries, rules), &templates().session(Pace::Long)).unwrap();
    assert_eq!(assembled.values.keys().collect::<Vec<_>>(), ["c", "d"]);
}

#[test]
fn merge_extracts_inner_members() {
    let yaml = "{dataFrom: [{find: {name: {regexp: ^m-}}, rewrite: [{merge: {strategy: Extract}}]}]}";
    let expected =
        [("b", "true"), ("f", "1.25"), ("n", "5"), ("o", r#"{"q":[1]}"#), ("x", "1"), ("y", "2"), ("z", "")];
    gives(yaml, &MERGE, &expected);
}

#[test]
fn merge_into_one_json_key_keeps_the_others() {
    let yaml = "{dataFrom: [{find: {name: {regexp: ^m-}}, rewrite: [{merge: {strategy: JSON, into: all}}]}]}";
    let all = r#"{"b":true,"f":1.25,"n":5,"o":{"q":[1]},"x":"1","y":"2","z":null}"#;
    gives(yaml, &MERGE, &[("all", all), MERGE[0], MERGE[1]]);
}

#[test]
fn merge_conflicts_are_settled_by_policy_and_priority() {
    let yaml = |merge: &str| {
        format!("{{dataFrom: [{{find: {{name: {{regexp: ^m-}}}}, rewrite: [{{merge: {merge}}}]}}]}}")
    };
    let text = "error processing spec.dataFrom[0].find, err: error applying rewrite to keys: failed rewrite operation[0]: merge failed \
                with conflicts: x, x";
    fails(&yaml("{}"), &CLASH, Kind::Invalid, text);
    gives(&yaml("{conflictPolicy: Ignore}"), &CLASH, &[("x", "3"), ("y", "a")]);
    gives(&yaml("{conflictPolicy: Ignore, priority: [m-c, m-a]}"), &CLASH, &[("x", "1"), ("y", "a")]);
    let ignored = "{conflictPolicy: Ignore, priority: [nope, m-b], priorityPolicy: IgnoreNotFound}";
    gives(&yaml(ignored), &CLASH, &[("x", "2"), ("y", "a")]);
    let error = run(&yaml("{conflictPolicy: Ignore, priority: [nope]}"), &CLASH).unwrap_err();
    assert!(error.to_string().ends_with("merge failed with key \"nope\" not found in input map"), "{error}");
    let error = run(&yaml("{strategy: JSON, conflictPolicy: Ignore}"), &CLASH).unwrap_err();
    assert!(error.to_string().ends_with("merge failed with missing 'into' field"), "{error}");
}

#[test]
fn a_value_to_merge_that_is_no_object_is_malformed_and_not_shown() {
    let yaml = "{dataFrom: [{find: {}, rewrite: [{merge: {}}]}]}";
    let error = run(yaml, &[("m-a", "marker-value")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Malformed);
    assert!(!error.to_string().contains("marker-value"), "{error}");
}

#[test]
fn sec_08_extract_of_plain_text_says_so_without_an_excerpt() {
    let text = "error processing spec.dataFrom[0].extract, err: unable to unmarshal secret: the value is not a JSON object";
    fails("{dataFrom: [{extract: {key: k}}]}", &[("k", "plain")], Kind::Malformed, text);
}

#[test]
fn an_absent_entry_is_an_error_under_retain() {
    let yaml = "{data: [{secretKey: ok, remoteRef: {key: k}}, {secretKey: x, remoteRef: {key: gone}}]}";
    let text = "error processing spec.data[1] (key: gone), err: Secret does not exist";
    fails(yaml, &[("k", "v")], Kind::NotFound, text);
    let text = "error processing spec.dataFrom[0].extract, err: Secret does not exist";
    fails("{dataFrom: [{extract: {key: gone}}]}", &[], Kind::NotFound, text);
}

#[test]
fn an_absent_entry_is_left_out_under_delete_and_merge() {
    for policy in ["Delete", "Merge"] {
        let yaml = format!(
            "{{target: {{deletionPolicy: {policy}}}, dataFrom: [{{extract: {{key: lost}}}}], data: [{{secretKey: ok, remoteRef: {{key: \
             k}}}}, {{secretKey: x, remoteRef: {{key: gone}}}}]}}"
        );
        let assembled = run(&yaml, &[("k", "v")]).unwrap();
        assert_eq!(shown(&assembled.values), [("ok".to_string(), "v".to_string())]);
        assert_eq!(assembled.empty, None);
        let missing = [
            "secret does not exist at provider using spec.dataFrom[0]",
            "secret does not exist at provider using spec.dataFrom[1] (key=gone)",
        ];
        assert_eq!(assembled.missing, missing);
    }
}

#[test]
fn absence_counts_only_where_the_provider_proves_it() {
    let spec = spec("{target: {deletionPolicy: Delete}, data: [{secretKey: x, remoteRef: {key: gone}}]}");
    let gone = || Error::new(Kind::NotFound, "gone");
    let unproven = Rules { absence: Absence::ErrorOnly, ..FAKE };
    for answer in [Answer::Entry(Err(gone()), unproven), Answer::Failed(gone())] {
        let answers = Answers { data_from: Vec::new(), data: vec![answer] };
        assert!(assemble(&spec, &answers, &templates().session(Pace::Long)).is_err());
    }
}

#[test]
fn only_not_found_is_absence() {
    let spec = spec("{target: {deletionPolicy: Delete}, data: [{secretKey: x, remoteRef: {key: k}}]}");
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::NotFound) {
        let answers =
            Answers { data_from: Vec::new(), data: vec![Answer::Entry(Err(Error::new(kind, "no")), FAKE)] };
        assert_eq!(assemble(&spec, &answers, &templates().session(Pace::Long)).unwrap_err().kind(), kind);
    }
}

#[test]
fn emptiness_is_proven_only_if_every_entry_is_absent() {
    let delete = "target: {deletionPolicy: Delete}";
    let cases = [
        (
            format!("{{{delete}, data: [{{secretKey: a, remoteRef: {{key: gone}}}}]}}"),
            Some(Emptiness::Proven),
        ),
        (
            format!("{{{delete}, dataFrom: [{{extract: {{key: gone}}}}, {{extract: {{key: empty}}}}]}}"),
            Some(Emptiness::Unproven),
        ),
        ("{dataFrom: [{extract: {key: empty}}]}".to_string(), Some(Emptiness::Unproven)),
        ("{data: [{secretKey: a, remoteRef: {key: empty}}]}".to_string(), None),
    ];
    for (yaml, empty) in cases {
        assert_eq!(run(&yaml, &[("empty", "{}")]).unwrap().empty, empty, "{yaml}");
    }
    let spec = spec("{dataFrom: [{find: {}}]}");
    let answers = Answers { data_from: vec![Answer::Found(Ok(Vec::new()), FAKE)], data: Vec::new() };
    assert_eq!(
        assemble(&spec, &answers, &templates().session(Pace::Long)).unwrap().empty,
        Some(Emptiness::Unproven)
    );
}

#[test]
fn a_failed_find_is_an_error_with_its_place() {
    let spec = spec("{dataFrom: [{find: {name: {regexp: '(['}}}]}");
    let error = Error::new(Kind::Invalid, "could not compile find.name.regexp");
    let answers = Answers { data_from: vec![Answer::Found(Err(error), FAKE)], data: Vec::new() };
    let text = "error processing spec.dataFrom[0].find, err: error getting all secrets: could not compile find.name.regexp";
    assert_eq!(assemble(&spec, &answers, &templates().session(Pace::Long)).unwrap_err().to_string(), text);
}

#[test]
fn values_over_a_mebibyte_are_refused_with_their_size() {
    let (fits, exceeds) = ("x".repeat(SECRET_BYTES), "x".repeat(SECRET_BYTES + 1));
    let yaml = "{data: [{secretKey: a, remoteRef: {key: k}}]}";
    assert!(run(yaml, &[("k", &fits)]).is_ok());
    let error = run(yaml, &[("k", &exceeds)]).unwrap_err();
    assert_eq!(error.to_string(), "the values do not fit into a Secret (bytes=1048577, limit=1048576)");
}

#[test]
fn answers_that_do_not_match_the_spec_are_a_bug() {
    let spec = spec("{data: [{secretKey: a, remoteRef: {key: k}}]}");
    assert_eq!(
        assemble(&spec, &Answers::default(), &templates().session(Pace::Long)).unwrap_err().kind(),
        Kind::Bug
    );
    let answers = Answers { data_from: Vec::new(), data: vec![Answer::Nothing] };
    assert_eq!(assemble(&spec, &answers, &templates().session(Pace::Long)).unwrap_err().kind(), Kind::Bug);
}

#[test]
fn a_property_is_a_path_into_the_value() {
    let cases = [
        ("user.first", Some("Ann")),
        ("user.age", Some("7")),
        ("user.tags.1", Some("y")),
        ("user.tags.#", Some("2")),
        ("user.deep", Some(r#"{"er": {"est": true}}"#)),
        ("a\\.b", Some("dotted")),
        ("big", Some("12345678901234567890")),
        ("empty", Some("")),
        ("null", Some("")),
        ("html", Some("<a&b>")),
        ("list.#(id==2).v", Some("two")),
        ("list.#.v", Some(r#"["one","two"]"#)),
        ("a.b", None),
        ("nope.deeper", None),
    ];
    for (property, expected) in cases {
        let value = value(&bytes(NESTED), &reference(property), &FAKE);
        assert_eq!(value.ok().as_ref().and_then(SecretBytes::expose_str), expected, "{property}");
    }
}

#[test]
fn each_rule_has_its_own_order() {
    use PropertyRule::{EscapedThenPath, FieldOnly, FieldThenPath, Path, PathThenEscaped};
    let entry = bytes(r#"{"a.b": "field", "a": {"b": "path"}, "c": {"d": 1}, "e.f": "only"}"#);
    let cases = [
        (Path, "a.b", Some("path")),
        (FieldThenPath, "a.b", Some("field")),
        (EscapedThenPath, "a.b", Some("field")),
        (PathThenEscaped, "a.b", Some("path")),
        (FieldOnly, "a.b", Some("field")),
        (FieldOnly, "c.d", None),
        (FieldThenPath, "c.d", Some("1")),
        (EscapedThenPath, "c.d", Some("1")),
        (PathThenEscaped, "e.f", Some("only")),
        (Path, "e.f", None),
    ];
    for (rule, property, expected) in cases {
        let rules = with_rules(|rules| rules.property = rule);
        let value = value(&entry, &reference(property), &rules);
        assert_eq!(value.ok().as_ref().and_then(SecretBytes::expose_str), expected, "{rule:?} {property}");
    }
}

#[test]
fn byte_fields_are_looked_up_by_name_then_below_one() {
    let rules = with_rules(|rules| {
        rules.property = PropertyRule::ByteField;
        rules.property_absence = false;
    });
    let entry = fields(&[("a", "1"), ("b", r#"{"c":{"d":"x"}}"#), ("tls.crt", "pem")]);
    let cases = [
        ("a", Some("1")),
        ("b.c.d", Some("x")),
        ("tls.crt", Some("pem")),
        ("", Some(r#"{"a":"1","b":"{\"c\":{\"d\":\"x\"}}","tls.crt":"pem"}"#)),
        ("zz", None),
        ("b.", None),
        (".b", None),
    ];
    for (property, expected) in cases {
        let value = value(&entry, &reference(property), &rules);
        assert_eq!(value.ok().as_ref().and_then(SecretBytes::expose_str), expected, "{property}");
    }
    let whole = map(&entry, &reference(""), &rules).unwrap();
    assert_eq!(whole["tls.crt"].expose_str(), Some("pem"));
    let inner = map(&fields(&[("b", r#"{"c":"x","n":1}"#)]), &reference("b"), &rules).unwrap();
    assert_eq!(shown(&inner), [("c".to_string(), "x".to_string()), ("n".to_string(), "1".to_string())]);
}

#[test]
fn a_property_on_the_wire_is_the_answer_already() {
    let rules = with_rules(|rules| rules.property = PropertyRule::OnTheWire);
    let value = value(&bytes("answer"), &reference("any.thing"), &rules).unwrap();
    assert_eq!(value.expose_str(), Some("answer"));
}

#[test]
fn a_missing_property_is_absence_only_where_the_store_says_so() {
    let strict = with_rules(|rules| rules.property_absence = false);
    let cases = [
        (FAKE, "{}", Kind::NotFound),
        (FAKE, "plain", Kind::NotFound),
        (strict, "{}", Kind::Invalid),
        (strict, "plain", Kind::Malformed),
    ];
    for (rules, entry, kind) in cases {
        let error = value(&bytes(entry), &reference("nope"), &rules).unwrap_err();
        assert_eq!(error.kind(), kind, "{entry}");
        assert!(!error.to_string().contains("plain"), "{error}");
    }
}

#[test]
fn what_is_not_built_is_unsupported_and_named() {
    let cases = [
        ("{syncWindows: {kind: allow, windows: []}}", "spec.syncWindows is not built yet"),
        (
            "{dataFrom: [{extract: {key: k}}, {sourceRef: {generatorRef: {kind: UUID, name: u}}}]}",
            "spec.dataFrom[1].sourceRef.generatorRef is not built yet",
        ),
    ];
    for (yaml, text) in cases {
        let error = unbuilt(&spec(yaml)).unwrap();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Unsupported, text));
    }
}

#[test]
fn transform_renders_keys_with_every_function_and_go_s_own_delimiters() {
    let entries = [("k", r#"{"db user": "1", "pass": "2"}"#)];
    let yaml = |template: &str| {
        format!(
            "{{dataFrom: [{{extract: {{key: k}}, rewrite: [{{transform: {{template: '{template}'}}}}]}}]}}"
        )
    };
    gives(&yaml("{{ .value | upper | replace \" \" \"_\" }}"), &entries, &[("DB_USER", "1"), ("PASS", "2")]);
    // Of keys that become one, the last in sorted order stays.
    gives(&yaml("same"), &entries, &[("same", "2")]);
    gives(&yaml("{{ if eq .value \"pass\" }}p{{ end }}"), &entries, &[("p", "2")]);
    let place = "error processing spec.dataFrom[0].extract, err: error applying rewrite to keys: failed rewrite operation[0]: transform \
                 failed with failed to transform key: ";
    for (template, text) in [
        (
            "{{ if }}",
            "unable to parse transform template: template: transform:1: missing value for if (column 7)",
        ),
        (
            "{{ .value.x }}",
            "unable to execute transform template: template: transform:1:9: executing \"transform\" at <.value.x>: can\'t evaluate field x \
             in type string",
        ),
    ] {
        let error = run(&yaml(template), &entries).unwrap_err();
        assert_eq!((error.kind(), error.to_string()), (Kind::Invalid, format!("{place}{text}")));
    }
}

#[test]
fn sec_22_an_expression_that_would_take_the_memory_of_the_process_is_refused() {
    let yaml = "{dataFrom: [{extract: {key: k}, rewrite: [{regexp: {source: '((a{1000}){1000}){1000}', target: x}}]}]}";
    assert_eq!(run(yaml, &[("k", r#"{"x": "1"}"#)]).unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn sec_22_an_answer_that_is_nested_without_end_is_kept_as_text_and_never_followed() {
    let nested = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let entry = format!("{{\"x\": {nested}}}");
    gives("{dataFrom: [{extract: {key: k}}]}", &[("k", &entry)], &[("x", &nested)]);
    let merge = "{dataFrom: [{find: {}, rewrite: [{merge: {}}]}]}";
    assert_eq!(run(merge, &[("k", &entry)]).unwrap_err().kind(), Kind::Malformed);
    let decoded = with_rules(|rules| rules.map = MapRule::Decoded);
    assert_eq!(map(&bytes(&entry), &reference(""), &decoded).unwrap_err().kind(), Kind::Malformed);
    let path = format!("x{}", ".0".repeat(1_000));
    // Whatever it finds, it must come back.
    let _found = value(&bytes(&entry), &reference(&path), &FAKE);
}

#[test]
fn sec_23_an_expression_of_a_user_is_an_error_and_never_a_panic() {
    for source in ["(", "[", "*", "\\\\", "(?<n", "(?P<n>a)(?P<n>b)", "a{2,1}", "\\\\pX", "(?i"] {
        let yaml = format!(
            "{{dataFrom: [{{extract: {{key: k}}, rewrite: [{{regexp: {{source: \"{source}\", target: x}}}}]}}]}}"
        );
        assert_eq!(run(&yaml, &[("k", r#"{"x": "1"}"#)]).unwrap_err().kind(), Kind::Invalid, "{source}");
    }
}
