//! The CRD fragment of the provider `openBao` (reference A.2).
#![expect(missing_docs, reason = "until the fragment of the API lands")]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::refs::{CaProvider, SecretKeySelector};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenBaoConfig {
    pub auth: Option<OpenBaoAuth>,
    pub server: String,
    pub path: Option<String>,
    pub version: Option<OpenBaoVersion>,
    pub namespace: Option<String>,
    pub ca_bundle: Option<String>,
    pub ca_provider: Option<CaProvider>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OpenBaoVersion {
    #[serde(rename = "v1")]
    V1,
    #[serde(rename = "v2")]
    V2,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenBaoAuth {
    pub namespace: Option<String>,
    pub token_secret_ref: Option<SecretKeySelector>,
    pub app_role: Option<OpenBaoAppRole>,
    pub user_pass: Option<OpenBaoUserPass>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenBaoAppRole {
    pub path: String,
    pub role_id: Option<String>,
    pub role_ref: Option<SecretKeySelector>,
    pub secret_ref: SecretKeySelector,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenBaoUserPass {
    pub path: String,
    pub username: String,
    pub secret_ref: Option<SecretKeySelector>,
}
