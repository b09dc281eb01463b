//! The CRD fragment of the provider `openBao` (reference A.2).
//!
//! The paths of the logins are required in the schema, and defaulted there too: the API server fills them in before it validates. A
//! manifest that never met an API server gets the same default here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::refs::{CaProvider, SecretKeySelector};

/// A key-value engine of an OpenBao server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "[has(self.caBundle),has(self.caProvider)].filter(x,x==true).size() <= 1",
    "message": "at most one of the fields in [caBundle caProvider] may be set",
}]))]
pub struct OpenBaoConfig {
    /// How to log in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<OpenBaoAuth>,
    /// The server's URL.
    pub server: String,
    /// Where the engine is mounted; if absent, the first part of each key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Version of the key-value engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "v2"))]
    pub version: Option<OpenBaoVersion>,
    /// OpenBao's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Certificates (PEM, then base64) that the server's one is checked with; the system's if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "byte"))]
    pub ca_bundle: Option<String>,
    /// The object that holds those certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_provider: Option<CaProvider>,
}

/// Version of the key-value engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OpenBaoVersion {
    /// One value a key.
    #[serde(rename = "v1")]
    V1,
    /// Versions of each key.
    #[serde(rename = "v2")]
    V2,
}

/// How to log in: exactly one method.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "[has(self.appRole),has(self.tokenSecretRef),has(self.userPass)].filter(x,x==true).size() == 1",
    "message": "exactly one of the fields in [appRole tokenSecretRef userPass] must be set",
}]))]
pub struct OpenBaoAuth {
    /// OpenBao's namespace of the login, if it is not the store's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// A token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeySelector>,
    /// Role ID and secret ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_role: Option<OpenBaoAppRole>,
    /// Name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_pass: Option<OpenBaoUserPass>,
}

/// Role ID and secret ID; the role ID exactly once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["path", "secretRef"]))]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": "[has(self.roleId),has(self.roleRef)].filter(x,x==true).size() == 1",
    "message": "exactly one of the fields in [roleId roleRef] must be set",
}]))]
pub struct OpenBaoAppRole {
    /// Where the method is mounted.
    #[serde(default = "approle")]
    pub path: String,
    /// The role ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub role_id: Option<String>,
    /// The role ID in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_ref: Option<SecretKeySelector>,
    /// The secret ID.
    pub secret_ref: SecretKeySelector,
}

/// Name and password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("required" = ["path", "username"]))]
pub struct OpenBaoUserPass {
    /// Where the method is mounted.
    #[serde(default = "userpass")]
    pub path: String,
    /// The user's name.
    pub username: String,
    /// The password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeySelector>,
}

fn approle() -> String {
    "approle".into()
}

fn userpass() -> String {
    "userpass".into()
}
