//! The ExternalSecret (v1): what a user asks for (reference 1.2, Appendix A.1).
//!
//! Absent stays absent: nothing is defaulted into an object by us, so that what a user keeps in Git equals what the cluster holds.
//! Durations stay text, so that a wrong one is reported on the object's status and not lost as a decoding error.

use std::collections::BTreeMap;

use keyferry_stores::base::refs::{DATA_KEY, DNS_NAME};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Words of the API.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[schemars(inline)]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// The word of the API.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

words! {
    /// Who the target belongs to. Absent means `Owner`.
    CreationPolicy {
        /// The ExternalSecret owns the Secret.
        Owner = "Owner",
        /// Nobody owns it.
        Orphan = "Orphan",
        /// Keys are merged into an existing Secret.
        Merge = "Merge",
        /// Nothing is written.
        None = "None",
        /// Created if missing, else merged.
        CreateOrMerge = "CreateOrMerge",
    }
}
words! {
    /// What happens when the store no longer has an entry. Absent means `Retain`.
    DeletionPolicy {
        /// The Secret goes when every entry is gone.
        Delete = "Delete",
        /// The keys of absent entries go.
        Merge = "Merge",
        /// It is an error, and the Secret stays.
        Retain = "Retain",
    }
}
words! {
    /// When the target is refreshed. Absent means `Periodic`.
    RefreshPolicy {
        /// Once.
        CreatedOnce = "CreatedOnce",
        /// Every refreshInterval.
        Periodic = "Periodic",
        /// When the ExternalSecret changes.
        OnChange = "OnChange",
    }
}
words! {
    /// How keys are made valid. Absent means `Default`.
    ConversionStrategy {
        /// Invalid characters become underscores.
        Default = "Default",
        /// Invalid characters become their code points.
        Unicode = "Unicode",
    }
}
words! {
    /// How values are decoded. Absent means `None`.
    DecodingStrategy {
        /// Base64 or Base64URL if it decodes, else as is.
        Auto = "Auto",
        /// Standard alphabet.
        Base64 = "Base64",
        /// URL-safe alphabet.
        Base64Url = "Base64URL",
        /// As is.
        None = "None",
    }
}
words! {
    /// Whether the value or its metadata is read. Absent means `None`.
    MetadataPolicy {
        /// The value.
        None = "None",
        /// The metadata.
        Fetch = "Fetch",
    }
}
words! {
    /// What NUL bytes do. Absent means `Ignore`.
    NullBytePolicy {
        /// They are kept.
        Ignore = "Ignore",
        /// They are an error.
        Fail = "Fail",
    }
}
words! {
    /// How values are merged. Absent means `Extract`.
    MergeStrategy {
        /// Their keys become the keys.
        Extract = "Extract",
        /// They become one JSON value.
        Json = "JSON",
    }
}
words! {
    /// What equal keys do in a merge. Absent means `Error`.
    MergeConflictPolicy {
        /// The later one wins.
        Ignore = "Ignore",
        /// They are an error.
        Error = "Error",
    }
}
words! {
    /// What a missing priority key does. Absent means `Strict`.
    MergePriorityPolicy {
        /// It is skipped.
        IgnoreNotFound = "IgnoreNotFound",
        /// It is an error.
        Strict = "Strict",
    }
}
words! {
    /// How templated and fetched data go together. Absent means `Replace`.
    MergePolicy {
        /// Only what is templated.
        Replace = "Replace",
        /// Both.
        Merge = "Merge",
    }
}
words! {
    /// How an item is used as a template. Absent means `Values`.
    TemplateScope {
        /// The value.
        Values = "Values",
        /// Keys and values.
        KeysAndValues = "KeysAndValues",
    }
}
words! {
    /// What windows do.
    SyncWindowKind {
        /// Refresh inside only.
        Allow = "allow",
        /// Refresh outside only.
        Deny = "deny",
    }
}
words! {
    /// Kind of a store. Absent means `SecretStore`.
    StoreKind {
        /// Of the same namespace.
        SecretStore = "SecretStore",
        /// Of the cluster.
        ClusterSecretStore = "ClusterSecretStore",
    }
}
words! {
    /// Kind of a generator.
    GeneratorKind {
        /// The generator of this name.
        AcrAccessToken = "ACRAccessToken",
        /// The generator of this name.
        BeyondtrustWorkloadCredentialsDynamicSecret = "BeyondtrustWorkloadCredentialsDynamicSecret",
        /// The generator of this name.
        ClusterGenerator = "ClusterGenerator",
        /// The generator of this name.
        CloudsmithAccessToken = "CloudsmithAccessToken",
        /// The generator of this name.
        EcrAuthorizationToken = "ECRAuthorizationToken",
        /// The generator of this name.
        Fake = "Fake",
        /// The generator of this name.
        GcrAccessToken = "GCRAccessToken",
        /// The generator of this name.
        GithubAccessToken = "GithubAccessToken",
        /// The generator of this name.
        GitlabDeployToken = "GitlabDeployToken",
        /// The generator of this name.
        QuayAccessToken = "QuayAccessToken",
        /// The generator of this name.
        Password = "Password",
        /// The generator of this name.
        SshKey = "SSHKey",
        /// The generator of this name.
        StsSessionToken = "STSSessionToken",
        /// The generator of this name.
        Uuid = "UUID",
        /// The generator of this name.
        VaultDynamicSecret = "VaultDynamicSecret",
        /// The generator of this name.
        Webhook = "Webhook",
        /// The generator of this name.
        Grafana = "Grafana",
        /// The generator of this name.
        Mfa = "MFA",
    }
}

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "(has(self.data) && size(self.data) > 0) || (has(self.dataFrom) && size(self.dataFrom) > 0)",
    "message": "either data or dataFrom should be specified",
}]))]
pub struct ExternalSecretSpec {
    /// The store of entries that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_store_ref: Option<SecretStoreRef>,
    /// What is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = {"creationPolicy": "Owner", "deletionPolicy": "Retain"}))]
    pub target: Option<Target>,
    /// When it is refreshed: Periodic (default), OnChange, CreatedOnce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_policy: Option<RefreshPolicy>,
    /// How often, in Go's syntax; 0 = never after the first sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "1h0m0s"))]
    pub refresh_interval: Option<String>,
    /// When periodic refreshes may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync_windows: Option<SyncWindows>,
    /// Single keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Data>,
    /// Many keys at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_from: Vec<DataFrom>,
}

/// A store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretStoreRef {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub name: Option<String>,
    /// Its kind: SecretStore (default) or ClusterSecretStore.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<StoreKind>,
}

/// What is written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.deletionPolicy) || self.deletionPolicy != 'Delete' || !has(self.creationPolicy) || !(self.creationPolicy in ['Merge', 'None', 'CreateOrMerge'])",
        "message": "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner",
    },
    {
        "rule": "!has(self.deletionPolicy) || self.deletionPolicy != 'Merge' || !has(self.creationPolicy) || self.creationPolicy != 'None'",
        "message": "deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with",
    },
]))]
pub struct Target {
    /// Name of the Secret; the ExternalSecret's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub name: Option<String>,
    /// Who it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Owner"))]
    pub creation_policy: Option<CreationPolicy>,
    /// What happens when entries are gone from the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Retain"))]
    pub deletion_policy: Option<DeletionPolicy>,
    /// What it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// Another kind of object than a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// Never changed after its creation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub immutable: bool,
}

/// Another kind of object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// group/version.
    #[schemars(length(min = 1))]
    pub api_version: String,
    /// Kind.
    #[schemars(length(min = 1))]
    pub kind: String,
}

/// What the target looks like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Type of the Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// Template engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "v2", "enum" = ["v2"]))]
    pub engine_version: Option<String>,
    /// Labels, annotations and finalizers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
    /// Whether fetched keys stay beside templated ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Replace"))]
    pub merge_policy: Option<MergePolicy>,
    /// Templates by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, String>,
    /// Templates from elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub template_from: Vec<TemplateFrom>,
}

/// Metadata of the target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateMetadata {
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Finalizers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finalizers: Vec<String>,
}

/// Where templates come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateFrom {
    /// A ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<TemplateRef>,
    /// A Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<TemplateRef>,
    /// What they render: Data, Labels or Annotations; of other kinds than Secret also Spec or a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Data"))]
    pub target: Option<String>,
    /// The template itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literal: Option<String>,
    /// How rendered values are decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values_decoding_strategy: Option<DecodingStrategy>,
}

/// An object that holds templates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub name: String,
    /// Its keys.
    pub items: Vec<TemplateRefItem>,
}

/// A key that holds a template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TemplateRefItem {
    /// The key.
    #[schemars(length(min = 1, max = 253), regex(pattern = DATA_KEY))]
    pub key: String,
    /// How it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Values"))]
    pub template_as: Option<TemplateScope>,
}

/// When periodic refreshes may run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindows {
    /// What the windows do.
    pub kind: SyncWindowKind,
    /// The windows.
    #[schemars(length(min = 1))]
    pub windows: Vec<SyncWindow>,
}

/// One window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SyncWindow {
    /// When it opens, as a cron expression.
    #[schemars(length(min = 1), regex(pattern = SCHEDULE))]
    pub schedule: String,
    /// How long it stays open.
    pub duration: String,
}

/// One key of the target.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// The key.
    #[schemars(length(min = 1, max = 253), regex(pattern = DATA_KEY))]
    pub secret_key: String,
    /// Where its value lies.
    pub remote_ref: RemoteRef,
    /// The store, if not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceRef>,
}

/// Where a value lies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RemoteRef {
    /// The key in the store.
    pub key: String,
    /// Whether the value or its metadata is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_policy: Option<MetadataPolicy>,
    /// A part of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// The version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How keys are made valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_strategy: Option<ConversionStrategy>,
    /// How the value is decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoding_strategy: Option<DecodingStrategy>,
    /// What NUL bytes do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_byte_policy: Option<NullBytePolicy>,
}

/// A store or a generator: exactly one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct SourceRef {
    /// A store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_ref: Option<SecretStoreRef>,
    /// A generator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_ref: Option<GeneratorRef>,
}

/// A generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GeneratorRef {
    /// group/version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "generators.external-secrets.io/v1alpha1"))]
    pub api_version: Option<String>,
    /// Kind.
    pub kind: GeneratorKind,
    /// Name.
    #[schemars(length(min = 1, max = 253), regex(pattern = DNS_NAME))]
    pub name: String,
}

/// Many keys at once.
//
// The rules are several because the API server bounds what one may cost, times the items that a request can hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [
    {
        "rule": "!has(self.extract) || !has(self.find)",
        "message": "extract, find, or generatorRef cannot be set at the same time",
    },
    {
        "rule": "!has(self.sourceRef) || !has(self.sourceRef.generatorRef) || !(has(self.extract) || has(self.find))",
        "message": "extract, find, or generatorRef cannot be set at the same time",
    },
    {
        "rule": "has(self.extract) || has(self.find) || has(self.sourceRef)",
        "message": "either extract, find, or sourceRef must be set to dataFrom",
    },
]))]
pub struct DataFrom {
    /// All keys of one value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extract: Option<RemoteRef>,
    /// All values that match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<Find>,
    /// What is done to the keys, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrite: Vec<Rewrite>,
    /// The store or generator, if not the default store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SourceRef>,
}

/// What to find.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Find {
    /// Root of the search.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<FindName>,
    /// Tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// How keys are made valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion_strategy: Option<ConversionStrategy>,
    /// How values are decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoding_strategy: Option<DecodingStrategy>,
    /// What NUL bytes do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_byte_policy: Option<NullBytePolicy>,
}

/// Names to find.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FindName {
    /// An unanchored regular expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<String>,
}

/// One change of keys: exactly one of these.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct Rewrite {
    /// Values become keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<RewriteMerge>,
    /// Keys are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regexp: Option<RewriteRegexp>,
    /// Keys are rendered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<RewriteTransform>,
}

/// Values become keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteMerge {
    /// The key of the result, with strategy JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = ""))]
    pub into: Option<String>,
    /// Keys that override, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Vec<String>>,
    /// What a missing priority key does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Strict"))]
    pub priority_policy: Option<MergePriorityPolicy>,
    /// What equal keys do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Error"))]
    pub conflict_policy: Option<MergeConflictPolicy>,
    /// How values are merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Extract"))]
    pub strategy: Option<MergeStrategy>,
}

/// Keys are replaced.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteRegexp {
    /// What is replaced: a regular expression.
    pub source: String,
    /// By what.
    pub target: String,
}

/// Keys are rendered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RewriteTransform {
    /// The template; .value is the key.
    pub template: String,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalSecretStatus {
    /// Start of the last successful refresh that was written here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time", "nullable" = true))]
    pub refresh_time: Option<String>,
    /// The version of the object that was synced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synced_resource_version: Option<String>,
    /// Conditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The Secret, for service bindings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
}

/// A condition.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Type.
    #[serde(rename = "type")]
    #[schemars(extend("enum" = ["Ready", "Deleted"]))]
    pub type_: String,
    /// True, False or Unknown.
    pub status: String,
    /// Reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When the status changed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: Option<String>,
}

/// A Secret by name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Binding {
    /// Name of the Secret.
    #[serde(default)]
    #[schemars(extend("default" = ""))]
    pub name: String,
}

/// Pattern of a window's schedule.
pub const SCHEDULE: &str =
    r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every [^\s]+.*|[^\s]+( [^\s]+){4})$";

impl ExternalSecretSpec {
    /// `spec.target.creationPolicy`, `Owner` if absent.
    #[must_use]
    pub fn creation_policy(&self) -> CreationPolicy {
        self.target.as_ref().and_then(|target| target.creation_policy).unwrap_or(CreationPolicy::Owner)
    }

    /// `spec.target.deletionPolicy`, `Retain` if absent.
    #[must_use]
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.target.as_ref().and_then(|target| target.deletion_policy).unwrap_or(DeletionPolicy::Retain)
    }

    /// `spec.refreshPolicy`, `Periodic` if absent.
    #[must_use]
    pub fn refresh_policy(&self) -> RefreshPolicy {
        self.refresh_policy.unwrap_or(RefreshPolicy::Periodic)
    }

    /// The name of the target: `spec.target.name`, else that of the ExternalSecret.
    #[must_use]
    pub fn target_name<'a>(&'a self, name: &'a str) -> &'a str {
        let named = self.target.as_ref().and_then(|target| target.name.as_deref());
        named.filter(|named| !named.is_empty()).unwrap_or(name)
    }
}
