//! The CRD fragment of the provider `fake` (reference A.2).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Values that stand in the store itself: for tests and first steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FakeConfig {
    /// Its entries.
    pub data: Vec<FakeEntry>,
    /// What validation finds: 0 ready, 1 unknown, 2 an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = null))]
    pub validation_result: Option<i64>,
}

/// One entry. `Debug` shows no value.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FakeEntry {
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
    /// Version; empty = the one that is read where no version is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl fmt::Debug for FakeEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeEntry")
            .field("key", &self.key)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}
