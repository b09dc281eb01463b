//! What goes over the seam: keys, answers, queries, capabilities.

use std::collections::BTreeMap;

use crate::base::SecretBytes;

/// What is wanted of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Want {
    /// The value of the entry (also the source of a map: `shape` takes it apart).
    Value,
    /// What the store knows about the entry besides its value (`metadataPolicy: Fetch`): one JSON object as bytes.
    Metadata,
}

/// One read: what makes two reads the same read. `property` is here only for providers whose API takes it
/// ([`PropertyRule::OnTheWire`]); everywhere else it stays with `sync::shape` and is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemoteKey {
    /// The key, as the ExternalSecret names it.
    pub key: String,
    /// The version, if one is named.
    pub version: Option<String>,
    /// The property, where it goes on the wire.
    pub property: Option<String>,
    /// Value or metadata.
    pub want: Want,
}

impl RemoteKey {
    /// The current value of `key`.
    pub fn value(key: impl Into<String>) -> Self {
        Self { key: key.into(), version: None, property: None, want: Want::Value }
    }
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// One value. A store whose entries are JSON objects (Vault) gives the object as compact JSON: keys sorted, numbers as the
    /// store wrote them, `<`, `>` and `&` escaped as Go's `json.Marshal` does.
    Bytes(SecretBytes),
    /// Named byte fields (the `data` of a Kubernetes Secret).
    Fields(BTreeMap<String, SecretBytes>),
}

impl Payload {
    /// Bytes of plaintext held, keys included.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Fields(fields) => fields.iter().map(|(key, value)| key.len() + value.len()).sum(),
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it holds.
    pub payload: Payload,
    /// The store's own version of it, if the answer names one.
    pub version: Option<String>,
}

impl Entry {
    /// An entry of one value.
    #[must_use]
    pub fn bytes(bytes: SecretBytes) -> Self {
        Self { payload: Payload::Bytes(bytes), version: None }
    }
}

/// What to find (`dataFrom[].find`). `name` and `tags` may both be given; each provider's page says which wins, as ESO does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Query {
    /// Unanchored RE2 expression on the name.
    pub name: Option<String>,
    /// All of these tags, with equal values.
    pub tags: BTreeMap<String, String>,
    /// Root of the search.
    pub path: Option<String>,
}

/// One entry that a find yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name, as the store gives it.
    pub name: String,
    /// Its content.
    pub entry: Entry,
}

/// How a `property` is looked up in a value. One implementation, in `sync::shape`; providers only name the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyRule {
    /// A gjson path (fake).
    Path,
    /// The exact top-level field first, then a gjson path (Vault).
    FieldThenPath,
    /// The exact top-level field only (OpenBao).
    FieldOnly,
    /// The property with its dots escaped first, then as a gjson path (AWS, GCP).
    EscapedThenPath,
    /// A gjson path first, then with its dots escaped (Azure).
    PathThenEscaped,
    /// A named byte field, else a gjson path below one (Kubernetes).
    ByteField,
    /// The API takes it: it is part of [`RemoteKey`].
    OnTheWire,
}

/// How the members of an extracted JSON object become bytes. Strings lose their quotes and `null` is nothing under both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapRule {
    /// Everything else keeps the text it has in the store's answer (nearly all stores).
    Raw,
    /// Everything else is decoded and written anew, numbers as decimals of a 64-bit float (Vault).
    Decoded,
}

/// What `status.capabilities` of a store says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    ReadOnly,
    /// Writes only.
    WriteOnly,
    /// Both.
    ReadWrite,
}

impl Access {
    /// The word of the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadOnly => "ReadOnly",
            Self::WriteOnly => "WriteOnly",
            Self::ReadWrite => "ReadWrite",
        }
    }
}

/// May "not there" lead to a deletion?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// `NotFound` is proof.
    Proves,
    /// "Not there" is only ever an error (ESO's provider never says that a secret does not exist).
    ErrorOnly,
}

/// What an opened store can do: data, not behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The word for the status.
    pub access: Access,
    /// True if `find` is answered.
    pub find: bool,
    /// Keys without a version that one call reads (1 = no batch).
    pub batch: usize,
    /// How properties are looked up.
    pub property: PropertyRule,
    /// True where a missing property counts as a missing secret (fake); else it is `Invalid`.
    pub property_absence: bool,
    /// How an extracted object becomes bytes.
    pub map: MapRule,
    /// True where ESO's provider converts the names that `find` yields by itself, so that rewrites see converted names (fake, GCP,
    /// Kubernetes, CRD).
    pub find_converts: bool,
}

/// What the store's publisher grants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Calls a second to start with; also the most, since increase stops there.
    pub per_second: f64,
    /// Calls under way at once.
    pub in_flight: usize,
}
