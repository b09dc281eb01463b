//! What the API server takes as a key, a label, an annotation. Its own refusal would show what was rendered.

use keyferry_stores::base::limits::SECRET_KEY_BYTES;

use super::sheet::Place;

/// The longest label value, and the longest name of a label or an annotation without its prefix.
const LABEL_BYTES: usize = 63;

/// What the API server would have against an entry in this place.
pub(super) fn fault(place: Place, key: &str, value: &[u8]) -> Option<&'static str> {
    match place {
        Place::Data => (!is_data_key(key)).then_some(
            "is none that a Secret can have: 1 to 253 letters, digits, '-', '_' and '.', not '.' and not with '..' first",
        ),
        Place::Labels if !is_qualified_name(key) => Some("is none that a label can have"),
        Place::Labels => (!is_label_value(value)).then_some(
            "is rendered to what no label can hold: at most 63 letters, digits, '-', '_' and '.', a letter or digit first and last",
        ),
        // The API server takes the prefix of an annotation in any case.
        Place::Annotations => {
            (!is_qualified_name(&key.to_ascii_lowercase())).then_some("is none that an annotation can have")
        }
    }
}

/// What the API server would have against a key of a ConfigMap.
pub(super) fn config_map_fault(key: &str) -> Option<&'static str> {
    (!is_data_key(key)).then_some(
        "is none that a ConfigMap can have: 1 to 253 letters, digits, '-', '_' and '.', not '.' and not with '..' first",
    )
}

fn is_data_key(key: &str) -> bool {
    let fits = (1..=SECRET_KEY_BYTES).contains(&key.len());
    fits && key.bytes().all(is_kept) && key != "." && !key.starts_with("..")
}

fn is_label_value(value: &[u8]) -> bool {
    value.is_empty() || is_name(value)
}

/// `name` or `prefix/name`.
fn is_qualified_name(key: &str) -> bool {
    match key.split_once('/') {
        None => is_name(key.as_bytes()),
        Some((prefix, name)) => is_domain(prefix) && is_name(name.as_bytes()),
    }
}

fn is_name(text: &[u8]) -> bool {
    text.len() <= LABEL_BYTES && is_word(text, is_kept)
}

fn is_domain(text: &str) -> bool {
    let is_kept = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    text.len() <= SECRET_KEY_BYTES && text.split('.').all(|label| is_word(label.as_bytes(), is_kept))
}

/// Begins and ends with a letter or digit, and consists of what is kept.
fn is_word(text: &[u8], is_kept: impl Fn(u8) -> bool) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    is_edge(text.first()) && is_edge(text.last()) && text.iter().all(|byte| is_kept(*byte))
}

const fn is_kept(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_take_what_the_api_server_takes() {
        let long = "x".repeat(64);
        let domain = format!("{long}.example/x");
        for (place, key, value, taken) in [
            (Place::Data, "tls.crt", "", true),
            (Place::Data, "-", "", true),
            (Place::Data, ".conf", "", true),
            (Place::Data, "", "", false),
            (Place::Data, ".", "", false),
            (Place::Data, "..conf", "", false),
            (Place::Data, "a b", "", false),
            (Place::Labels, "a", "", true),
            (Place::Labels, "example.com/x", "A.b_c-1", true),
            (Place::Labels, domain.as_str(), "", true),
            (Place::Labels, "Example.com/x", "", false),
            (Place::Labels, "example.com/", "", false),
            (Place::Labels, long.as_str(), "", false),
            (Place::Labels, "a", long.as_str(), false),
            (Place::Labels, "a", "-x", false),
            (Place::Labels, "a", "ü", false),
            (Place::Annotations, "Example.com/X_y", "anything !", true),
            (Place::Annotations, "a/b/c", "", false),
        ] {
            assert_eq!(fault(place, key, value.as_bytes()).is_none(), taken, "{place:?} {key} {value}");
        }
    }
}
