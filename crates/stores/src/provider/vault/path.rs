//! Where a key lies in the API (reference 10.3, "Path building"). Pure.

use crate::base::{Error, Kind, Result};

/// Version of a key-value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::provider) enum KvVersion {
    /// Plain values, no versions, no metadata.
    V1,
    /// Versioned values below `data/`, metadata below `metadata/`.
    V2,
}

/// How the paths of one store are built: its mount, if the store names one, and the version of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::provider) struct Layout {
    mount: Option<String>,
    /// Version of the engine, as the store says. What the mount really is, a proof says (`session::prove`).
    pub(in crate::provider) version: KvVersion,
}

impl Layout {
    /// Slashes around the mount do not count; an empty mount is no mount.
    pub(in crate::provider) fn new(mount: Option<&str>, version: KvVersion) -> Self {
        let mount = mount.map(|mount| mount.trim_matches('/').to_string()).filter(|mount| !mount.is_empty());
        Self { mount, version }
    }

    /// The path of the value of `key`. A key that repeats the mount (and, for v2, `data/` after it) is taken without them;
    /// without a mount, v2 inserts `data` after the first segment unless the key has it.
    pub(in crate::provider) fn data(&self, key: &str) -> String {
        let Some(mount) = &self.mount else { return self.data_without_mount(key) };
        let rest = match key.strip_prefix(mount.as_str()).and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) if self.version == KvVersion::V2 => rest.strip_prefix("data/").unwrap_or(rest),
            Some(rest) => rest,
            None => key,
        };
        self.below(mount, "data", rest)
    }

    fn data_without_mount(&self, key: &str) -> String {
        match (self.version, key.split_once('/')) {
            (KvVersion::V1, _) => key.to_string(),
            (KvVersion::V2, _) if key.contains("/data/") => key.to_string(),
            (KvVersion::V2, Some((first, rest))) => format!("{first}/data/{rest}"),
            (KvVersion::V2, None) => format!("{key}/data"),
        }
    }

    /// The path of the value of a name that a listing gave: relative to the mount, so nothing is stripped. (ESO strips here
    /// too and so reads `x` for an entry that is called `<mount>/x`.)
    pub(in crate::provider) fn listed(&self, name: &str) -> String {
        match &self.mount {
            Some(mount) => self.below(mount, "data", name),
            None => self.data_without_mount(name),
        }
    }

    /// The path of the metadata of `key`, also the path of a listing. With a mount nothing is stripped from `key`.
    ///
    /// # Errors
    /// `Invalid` without a mount for a v2 key that has no `/data/`.
    pub(in crate::provider) fn metadata(&self, key: &str) -> Result<String> {
        match (&self.mount, self.version) {
            (Some(mount), _) => Ok(self.below(mount, "metadata", key)),
            (None, KvVersion::V1) => Ok(key.to_string()),
            (None, KvVersion::V2) if key.contains("/data/") => Ok(key.replacen("/data/", "/metadata/", 1)),
            (None, KvVersion::V2) => Err(Error::new(
                Kind::Invalid,
                "the store names no path, so the key must hold the mount and data (<mount>/data/<key>)",
            )
            .with("key", key)),
        }
    }

    fn below(&self, mount: &str, part: &str, rest: &str) -> String {
        match self.version {
            KvVersion::V1 => format!("{mount}/{rest}"),
            KvVersion::V2 => format!("{mount}/{part}/{rest}"),
        }
    }
}

/// The segments of a path, ready to be encoded. Empty ones are dropped, as the official client cleans them.
///
/// # Errors
/// `Invalid` for `.` and `..`, which would leave the mount that the store names, and for control characters, which URL parsers
/// drop in silence: the request would read another key than the one that was asked for.
pub(in crate::provider) fn segments(path: &str) -> Result<Vec<&str>> {
    let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    if segments.iter().any(|segment| matches!(*segment, "." | "..") || segment.contains(char::is_control)) {
        return Err(Error::new(
            Kind::Invalid,
            "a key may hold neither . nor .. nor control characters as a part of its path",
        ));
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(mount: &str, version: KvVersion) -> Layout {
        Layout::new(Some(mount), version)
    }

    #[test]
    fn values_lie_where_the_reference_says() {
        let cases = [
            (Some("secret"), KvVersion::V2, "app/db", "secret/data/app/db"),
            (Some("secret"), KvVersion::V2, "secret/app/db", "secret/data/app/db"),
            (Some("secret"), KvVersion::V2, "secret/data/app/db", "secret/data/app/db"),
            (Some("secret"), KvVersion::V2, "data/app", "secret/data/data/app"),
            (Some("secret"), KvVersion::V2, "secrets/app", "secret/data/secrets/app"),
            (Some("secret"), KvVersion::V1, "secret/data/app", "secret/data/app"),
            (Some("secret"), KvVersion::V1, "app", "secret/app"),
            (Some("team/kv"), KvVersion::V2, "team/kv/app", "team/kv/data/app"),
            (Some("team/kv/"), KvVersion::V2, "app", "team/kv/data/app"),
            (Some(""), KvVersion::V2, "secret/app", "secret/data/app"),
            (None, KvVersion::V2, "secret/app/db", "secret/data/app/db"),
            (None, KvVersion::V2, "secret/data/app/db", "secret/data/app/db"),
            (None, KvVersion::V2, "team/kv/data/app", "team/kv/data/app"),
            (None, KvVersion::V2, "secret", "secret/data"),
            (None, KvVersion::V1, "kv/app", "kv/app"),
        ];
        for (mount, version, key, want) in cases {
            assert_eq!(Layout::new(mount, version).data(key), want, "{mount:?} {version:?} {key}");
        }
    }

    #[test]
    fn metadata_lies_where_the_reference_says() {
        let cases = [
            (Some("secret"), KvVersion::V2, "app/db", "secret/metadata/app/db"),
            (Some("secret"), KvVersion::V2, "", "secret/metadata/"),
            (Some("secret"), KvVersion::V1, "app/", "secret/app/"),
            (None, KvVersion::V2, "secret/data/app", "secret/metadata/app"),
            (None, KvVersion::V2, "kv/data/a/data/b", "kv/metadata/a/data/b"),
            (None, KvVersion::V1, "kv/app", "kv/app"),
        ];
        for (mount, version, key, want) in cases {
            assert_eq!(
                Layout::new(mount, version).metadata(key).unwrap(),
                want,
                "{mount:?} {version:?} {key}"
            );
        }
        let error = Layout::new(None, KvVersion::V2).metadata("secret/app").unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }

    #[test]
    fn a_listed_name_that_begins_like_the_mount_is_not_stripped() {
        assert_eq!(layout("secret", KvVersion::V2).listed("secret/app"), "secret/data/secret/app");
    }

    #[test]
    fn a_key_cannot_leave_its_mount() {
        assert_eq!(segments("a//b/").unwrap(), ["a", "b"]);
        for path in ["a/../b", "./a", "a/b\n", "a\tb"] {
            assert_eq!(segments(path).unwrap_err().kind(), Kind::Invalid, "{path:?}");
        }
    }
}
