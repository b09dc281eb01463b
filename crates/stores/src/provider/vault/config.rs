//! The CRD fragment of the provider `vault` (reference A.2).
#![expect(missing_docs, reason = "until the fragment of the API lands")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::refs::{CaProvider, SecretKeySelector, ServiceAccountSelector};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultConfig {
    pub auth: Option<VaultAuth>,
    pub server: String,
    pub path: Option<String>,
    pub version: Option<VaultVersion>,
    pub namespace: Option<String>,
    pub ca_bundle: Option<String>,
    pub ca_provider: Option<CaProvider>,
    pub tls: Option<VaultTls>,
    pub read_your_writes: Option<bool>,
    pub forward_inconsistent: Option<bool>,
    pub headers: Option<BTreeMap<String, String>>,
    pub check_and_set: Option<VaultCheckAndSet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VaultVersion {
    #[serde(rename = "v1")]
    V1,
    #[serde(rename = "v2")]
    V2,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultTls {
    pub cert_secret_ref: Option<SecretKeySelector>,
    pub key_secret_ref: Option<SecretKeySelector>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultCheckAndSet {
    pub required: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultAuth {
    pub namespace: Option<String>,
    pub token_secret_ref: Option<SecretKeySelector>,
    pub app_role: Option<VaultAppRole>,
    pub kubernetes: Option<VaultKubernetesAuth>,
    pub ldap: Option<VaultPasswordAuth>,
    pub user_pass: Option<VaultPasswordAuth>,
    pub jwt: Option<VaultJwtAuth>,
    pub cert: Option<VaultCertAuth>,
    pub iam: Option<BTreeMap<String, serde_json::Value>>,
    pub gcp: Option<BTreeMap<String, serde_json::Value>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultAppRole {
    pub path: String,
    pub role_id: Option<String>,
    pub role_ref: Option<SecretKeySelector>,
    pub secret_ref: SecretKeySelector,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultKubernetesAuth {
    pub mount_path: String,
    pub role: String,
    pub secret_ref: Option<SecretKeySelector>,
    pub service_account_ref: Option<ServiceAccountSelector>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultPasswordAuth {
    pub path: String,
    pub username: String,
    pub secret_ref: Option<SecretKeySelector>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultJwtAuth {
    pub path: String,
    pub role: Option<String>,
    pub secret_ref: Option<SecretKeySelector>,
    pub kubernetes_service_account_token: Option<VaultJwtAccount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultJwtAccount {
    pub audiences: Option<Vec<String>>,
    pub expiration_seconds: Option<i64>,
    pub service_account_ref: ServiceAccountSelector,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VaultCertAuth {
    pub path: Option<String>,
    pub vault_role: Option<String>,
    pub client_cert: Option<SecretKeySelector>,
    pub secret_ref: Option<SecretKeySelector>,
}
