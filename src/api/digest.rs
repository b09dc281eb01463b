//! ESO's digests, bit for bit: lower-case hex SHA3-224 of what Go's `%+v` prints (reference 1.8).
//!
//! They stand in labels, annotations and statuses of every cluster that ran ESO. A digest that differs would make each
//! object refresh once and each Secret be written once at the change-over, so they are held to recorded values.

use std::collections::BTreeMap;

use keyferry_stores::base::SecretBytes;
use serde_json::{Map, Number, Value};
use sha3::{Digest, Sha3_224};

/// What stands before the name in a field manager.
const FIELD_MANAGER_PREFIX: &str = "externalsecrets.external-secrets.io/";
/// A longer field manager is replaced by its digest form.
const FIELD_MANAGER_BYTES: usize = 63;

/// The digest of a string.
#[must_use]
pub fn of_text(text: &str) -> String {
    finish(Sha3_224::new().chain_update(text))
}

/// The digest of a Secret's data (`reconcile.external-secrets.io/data-hash`): `map[a:[49 50] b:[]]`, keys sorted. The text is fed
/// to the hash piece by piece: no second copy of the values comes to be.
#[must_use]
pub fn of_data(data: &BTreeMap<String, SecretBytes>) -> String {
    let mut hash = Sha3_224::new().chain_update("map[");
    for (i, (key, value)) in data.iter().enumerate() {
        hash.update(if i == 0 { "" } else { " " });
        hash.update(key);
        hash.update(":[");
        for (j, byte) in value.expose().iter().enumerate() {
            let (digits, first) = decimal(*byte);
            hash.update(if j == 0 { "" } else { " " });
            hash.update(&digits[first..]);
        }
        hash.update("]");
    }
    finish(hash.chain_update("]"))
}

/// The digest of what an object of any kind holds (`reconcile.external-secrets.io/data-hash`): of its `spec`, without one of its `data`.
/// `None` without either; a `null` is none.
#[must_use]
pub fn of_content(body: &Map<String, Value>) -> Option<String> {
    let present = |field: &str| body.get(field).filter(|content| !content.is_null());
    present("spec").or_else(|| present("data")).map(of_value)
}

/// The digest of a value of JSON: `map[k:v l:[a b]]`, keys sorted, texts raw. It too is fed piece by piece.
#[must_use]
pub fn of_value(value: &Value) -> String {
    let mut hash = Sha3_224::new();
    print_value(&mut hash, value);
    finish(hash)
}

/// `status.syncedResourceVersion`: the generation and the digest of `{annotations:map[…] labels:map[…]}`. Any change of spec, labels
/// or annotations changes it.
#[must_use]
pub fn synced_resource_version(
    generation: i64,
    annotations: &BTreeMap<String, String>,
    labels: &BTreeMap<String, String>,
) -> String {
    let rendered = format!("{{annotations:{} labels:{}}}", string_map(annotations), string_map(labels));
    format!("{generation}-{}", of_text(&rendered))
}

/// The value of the label `reconcile.external-secrets.io/created-by` for an ExternalSecret.
#[must_use]
pub fn created_by(namespace: &str, name: &str) -> String {
    of_text(&format!("{namespace}/{name}"))
}

/// The field manager under which the Secret of an ExternalSecret is written: `externalsecrets.external-secrets.io/<name>`, or with
/// `sha3/<digest of the name>` where that would be longer than 63 bytes.
#[must_use]
pub fn field_manager(name: &str) -> String {
    let short = short_field_manager(name);
    if short.len() <= FIELD_MANAGER_BYTES {
        short
    } else {
        format!("{FIELD_MANAGER_PREFIX}sha3/{}", of_text(name))
    }
}

/// The field manager with the name written out, whatever its length. ESO looks for what it owns under this form for names up to 63
/// bytes, though it writes under [`field_manager`] (Appendix B2); whoever looks for owned fields must know both.
#[must_use]
pub fn short_field_manager(name: &str) -> String {
    format!("{FIELD_MANAGER_PREFIX}{name}")
}

fn finish(hash: Sha3_224) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn string_map(map: &BTreeMap<String, String>) -> String {
    let pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key}:{value}")).collect();
    format!("map[{}]", pairs.join(" "))
}

fn print_value(hash: &mut Sha3_224, value: &Value) {
    match value {
        Value::Null => hash.update("<nil>"),
        Value::Bool(truth) => hash.update(if *truth { "true" } else { "false" }),
        Value::Number(number) => hash.update(printed(number)),
        Value::String(text) => hash.update(text),
        Value::Array(items) => {
            hash.update("[");
            for (i, item) in items.iter().enumerate() {
                hash.update(if i == 0 { "" } else { " " });
                print_value(hash, item);
            }
            hash.update("]");
        }
        Value::Object(fields) => {
            hash.update("map[");
            for (i, (key, field)) in fields.iter().enumerate() {
                hash.update(if i == 0 { "" } else { " " });
                hash.update(key);
                hash.update(":");
                print_value(hash, field);
            }
            hash.update("]");
        }
    }
}

/// Kubernetes reads a whole number as `int64` if it fits, everything else as `float64`.
fn printed(number: &Number) -> Vec<u8> {
    if let Some(whole) = number.as_i64() {
        return whole.to_string().into_bytes();
    }
    let float = gotemplate::Value::float(number.as_f64().unwrap_or_default());
    gotemplate::print::display(&float).unwrap_or_default()
}

/// The decimal digits of a byte, right-aligned, and where they start.
fn decimal(byte: u8) -> ([u8; 3], usize) {
    let digits = [b'0' + byte / 100, b'0' + byte / 10 % 10, b'0' + byte % 10];
    let first = match byte {
        100.. => 0,
        10.. => 1,
        _ => 2,
    };
    (digits, first)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn data(pairs: &[(&str, &[u8])]) -> BTreeMap<String, SecretBytes> {
        pairs.iter().map(|(key, value)| ((*key).to_string(), SecretBytes::new(value.to_vec()))).collect()
    }

    fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
    }

    #[test]
    fn data_digests_are_those_that_eso_recorded() {
        let cases = [
            (data(&[("a", b"v")]), "9c0bfff0356efd80611a1ec73594c79465a0378528c732092a39b27c"),
            (data(&[("a", b"v"), ("b", b"w")]), "224b8f4ce5dbe98dc6f6e8d71eb246272b04900f68ad1ad7fef6282a"),
            (
                data(&[("a", "grüße\n日本 🔑\t".as_bytes()), ("e", b"")]),
                "ee80e3372e605b87c05dc0bf33ae00bfa1791ead8490098acf8c75ce",
            ),
            (data(&[("src2", br#"{"a":"2"}"#)]), "ff83c7d7d1bf29c1848bed6724deaf4e4424813fb17b6e9aa56584d2"),
        ];
        for (data, digest) in cases {
            assert_eq!(of_data(&data), digest, "{:?}", data.keys());
        }
    }

    #[test]
    fn no_data_prints_as_an_empty_map() {
        assert_eq!(of_data(&BTreeMap::new()), of_text("map[]"));
    }

    #[test]
    fn every_byte_prints_as_go_prints_it() {
        let all: Vec<u8> = (0..=255).collect();
        let printed: Vec<_> = all.iter().map(u8::to_string).collect();
        assert_eq!(of_data(&data(&[("k", &all)])), of_text(&format!("map[k:[{}]]", printed.join(" "))));
    }

    fn content(json: Value) -> Option<String> {
        let Value::Object(body) = json else { panic!("{json} is no object") };
        of_content(&body)
    }

    #[test]
    fn the_digest_of_an_object_is_that_which_eso_recorded() {
        let recorded = "2fa8cacf41f7983517f1d8145692826ed48d0f24a6f8f03d2ca11d2f";
        assert_eq!(content(json!({ "data": { "x": "v" } })).as_deref(), Some(recorded));
    }

    #[test]
    fn the_spec_is_the_content_before_the_data() {
        let data = content(json!({ "data": { "x": "v" } }));
        let spec = content(json!({ "spec": "s", "data": { "x": "v" }, "status": 1 }));
        assert_eq!(spec, Some(of_text("s")));
        assert_eq!(content(json!({ "spec": null, "data": { "x": "v" } })), data);
        assert_eq!(content(json!({ "status": {}, "binaryData": {} })), None);
    }

    #[test]
    fn values_print_as_go_prints_them() {
        for (json, printed) in [
            (json!({}), "map[]"),
            (json!([]), "[]"),
            (json!(""), ""),
            (
                json!({ "b": [1, "two", null], "a": { "c": true, "B": false } }),
                "map[a:map[B:false c:true] b:[1 two <nil>]]",
            ),
            (json!(-7), "-7"),
            (json!(i64::MAX), "9223372036854775807"),
            (json!(u64::MAX), "1.8446744073709552e+19"),
            (json!(1.0), "1"),
            (json!(1.5), "1.5"),
            (json!(-0.25), "-0.25"),
            (json!(0.0001), "0.0001"),
            (json!(0.00001), "1e-05"),
            (json!(100_000.0), "100000"),
            (json!(1_000_000.0), "1e+06"),
            (json!(1_234_567.5), "1.2345675e+06"),
            (json!(1e100), "1e+100"),
        ] {
            assert_eq!(of_value(&json), of_text(printed), "{json}");
        }
    }

    #[test]
    fn the_label_of_an_owner_is_the_recorded_one() {
        assert_eq!(
            created_by("c-data-basic", "es"),
            "e32be2491fa284d220a8cfd90ed4c405b0937d9edf820bb84bdfd812"
        );
        assert_eq!(
            created_by("c-owned-by-other-es", "first"),
            "8306ddecac9f695ba2339c022f968eba9ca7e400faea914342ece0be"
        );
    }

    #[test]
    fn the_synced_version_is_the_recorded_one() {
        let none = BTreeMap::new();
        let copied = strings(&[
            ("note", "n"),
            ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
            ("argocd.argoproj.io/sync-wave", "1"),
        ]);
        let cases = [
            (1, &none, &none, "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"),
            (2, &none, &none, "2-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2"),
            (
                1,
                &strings(&[("force-sync", "1")]),
                &none,
                "1-3cb9936e04320bcee317a9aaadf651af57f2be9c1e224eca5ace6f9f",
            ),
            (
                1,
                &copied,
                &strings(&[("team", "a"), ("app.kubernetes.io/instance", "x")]),
                "1-b957a25d3f5b3bbf20ee1bc429129c4092e3a786f53e01b5d43459cc",
            ),
        ];
        for (generation, annotations, labels, version) in cases {
            assert_eq!(synced_resource_version(generation, annotations, labels), version);
        }
    }

    #[test]
    fn a_field_manager_over_63_bytes_is_written_as_digest() {
        let fits = "n".repeat(27);
        assert_eq!(field_manager(&fits), format!("externalsecrets.external-secrets.io/{fits}"));
        let long = "n".repeat(28);
        assert_eq!(
            field_manager(&long),
            format!("externalsecrets.external-secrets.io/sha3/{}", of_text(&long))
        );
        assert_eq!(short_field_manager(&long), format!("externalsecrets.external-secrets.io/{long}"));
    }
}
