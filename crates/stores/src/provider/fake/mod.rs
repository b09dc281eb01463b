//! Values that stand in the store itself (reference 10.8): no network, no credential. For tests and first steps.
//!
//! Without a version the entry without one is read. A missing property counts as a missing secret, as with ESO. `find` goes by
//! name; of several versions the highest counts, compared as text.

pub mod config;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use self::config::{FakeConfig, FakeEntry};
use super::{
    Absence, Access, Batch, Budget, Capabilities, Consumer, Digest, Entry, Env, Found, MapRule, Probe,
    Problem, PropertyRule, Provider, Query, RemoteKey, Store, Want, identity_of,
};
use crate::base::{
    Error, Kind, Result, SecretBytes,
    pattern::Pattern,
    refs::{Ref, Scope},
};

/// The provider `fake`.
#[derive(Debug, Clone, Copy)]
pub struct Fake;

/// Nothing is called, so nothing is to be paced.
const BUDGET: Budget = Budget { per_second: 1e6, in_flight: 1_000 };

#[async_trait]
impl Provider for Fake {
    type Config = FakeConfig;

    const ABSENCE: Absence = Absence::Proves;

    const ACCESS: Access = Access::ReadWrite;

    const UNMAINTAINED: bool = true;

    fn validate(config: &FakeConfig, _scope: &Scope) -> Vec<Problem> {
        let known = |result: i64| (0..=2).contains(&result);
        let result = config.validation_result.filter(|result| !known(*result));
        result
            .map(|_| Problem::new("validationResult", "write 0 (ready), 1 (unknown) or 2 (error)"))
            .into_iter()
            .collect()
    }

    fn refs(_config: &FakeConfig) -> Vec<Ref> {
        Vec::new()
    }

    /// The answers stand in the configuration: equal configurations answer alike, whoever asks.
    fn identity(config: &FakeConfig, consumer: &Consumer<'_>) -> Digest {
        identity_of(config, consumer, &[])
    }

    fn quota(_config: &FakeConfig) -> Digest {
        Digest::of([b"fake".as_slice()])
    }

    fn budget(_config: &FakeConfig) -> Budget {
        BUDGET
    }

    async fn open(config: FakeConfig, _env: Env) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(FakeStore {
            result: config.validation_result.unwrap_or_default(),
            entries: indexed(config.data),
        }))
    }
}

/// Entries by key, then by version; of two with the same key and version the later counts.
type Entries = BTreeMap<String, BTreeMap<String, SecretBytes>>;

fn indexed(data: Vec<FakeEntry>) -> Entries {
    let mut entries = Entries::new();
    for FakeEntry { key, value, version } in data {
        entries.entry(key).or_default().insert(version.unwrap_or_default(), SecretBytes::from(value));
    }
    entries
}

struct FakeStore {
    result: i64,
    entries: Entries,
}

impl std::fmt::Debug for FakeStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeStore").field("entries", &self.entries.len()).finish_non_exhaustive()
    }
}

impl FakeStore {
    fn one(&self, key: &RemoteKey) -> Result<Entry> {
        if key.want == Want::Metadata {
            return Err(Error::new(
                Kind::Unsupported,
                "the fake provider keeps no metadata: remove metadataPolicy",
            ));
        }
        let version = key.version.as_deref().unwrap_or_default();
        let value = self.entries.get(&key.key).and_then(|versions| versions.get(version));
        let absent = || {
            Error::new(Kind::NotFound, "the store has no such entry")
                .with("key", &key.key)
                .with("version", version)
        };
        Ok(Entry::bytes(value.ok_or_else(absent)?.clone()))
    }
}

#[async_trait]
impl Store for FakeStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            access: Fake::ACCESS,
            find: true,
            batch: usize::MAX,
            property: PropertyRule::Path,
            property_absence: true,
            map: MapRule::Raw,
            find_converts: true,
        }
    }

    async fn get(&self, keys: &[RemoteKey]) -> Batch {
        Batch::Answers(keys.iter().map(|key| self.one(key)).collect())
    }

    async fn find(&self, query: &Query) -> Result<Vec<Found>> {
        let name = query.name.as_deref();
        let name = name.ok_or_else(|| {
            Error::new(Kind::Unsupported, "the fake provider finds by name only: set find.name.regexp")
        })?;
        let pattern = Pattern::new(name)?;
        let matching = self.entries.iter().filter(|(key, _)| pattern.is_match(key));
        let latest = matching.filter_map(|(key, versions)| Some((key, versions.last_key_value()?.1)));
        Ok(latest
            .map(|(key, value)| Found { name: key.clone(), entry: Entry::bytes(value.clone()) })
            .collect())
    }

    async fn probe(&self) -> Result<Probe> {
        let unable = || Error::new(Kind::Invalid, "unable to validate");
        match self.result {
            0 => Ok(Probe::Ready),
            1 => Ok(Probe::Unknown(Some(unable()))),
            _ => Err(unable()),
        }
    }
}
