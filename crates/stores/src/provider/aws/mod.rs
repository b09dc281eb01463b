//! AWS: Secrets Manager, Parameter Store and Certificate Manager (reference 10.2).
//!
//! - `config`: the CRD fragment.
//! - `auth`: credentials, and what all calls share ([`auth::Session`]).
//! - `transport`: the SDKs on the process's HTTP client; endpoints.
//! - `error`: what the codes of AWS mean.
//! - `read`: batches, single reads and finds, the same for both services.
//! - `secrets_manager`, `parameter_store`: the calls of each.
//! - `certificate_manager`, `private_key`: the export of a certificate.

mod auth;
mod certificate_manager;
pub mod config;
mod error;
mod parameter_store;
mod private_key;
mod read;
mod secrets_manager;
#[cfg(test)]
mod tests;
mod transport;

use std::sync::Arc;

use async_trait::async_trait;

use self::{
    auth::Session,
    certificate_manager::CertificateManager,
    config::{AwsConfig, AwsSecretRef, AwsService, SessionTagsPolicy},
    parameter_store::ParameterStore,
    read::Reader,
    secrets_manager::SecretsManager,
};
use super::{Absence, Access, Budget, Consumer, Digest, Env, Problem, Provider, Store, identity_of};
use crate::base::{
    Result,
    refs::{Ref, Scope, SecretKeySelector},
};

/// The provider `aws`.
#[derive(Debug, Clone, Copy)]
pub struct Aws;

/// `BatchGetSecretValue` is granted 100 calls a second (2 000 secrets), `GetSecretValue` 10 000. The gate starts with the
/// batch's, because that is what the engine sends; a role that may not batch reads at that pace too.
const SECRETS_MANAGER_BUDGET: Budget = Budget { per_second: 100.0, in_flight: 64 };
/// `GetParameter`, `GetParameters` and `GetParametersByPath` share 40 calls a second, unless the account pays for more, which
/// cannot be seen from here.
const PARAMETER_STORE_BUDGET: Budget = Budget { per_second: 40.0, in_flight: 16 };
/// `ExportCertificate` is granted 5 calls a second.
const CERTIFICATE_MANAGER_BUDGET: Budget = Budget { per_second: 5.0, in_flight: 4 };

/// Session tags that only keyferry sets.
const RESERVED_TAGS: [&str; 3] = ["esoNamespace", "esoStoreName", "esoStoreKind"];

#[async_trait]
impl Provider for Aws {
    type Config = AwsConfig;

    const ABSENCE: Absence = Absence::Proves;

    const ACCESS: Access = Access::ReadWrite;

    fn validate(config: &AwsConfig, scope: &Scope) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(region_problem(&config.region));
        problems.extend(auth_problems(config));
        problems.extend(role_problems(config));
        problems.extend(tag_problems(config));
        problems.extend(deletion_problems(config));
        problems.extend(scope_problems(config, scope));
        problems
    }

    fn refs(config: &AwsConfig) -> Vec<Ref> {
        let Some(auth) = &config.auth else { return Vec::new() };
        if let Some(account) = auth.jwt.as_ref().and_then(|jwt| jwt.service_account_ref.as_ref()) {
            return vec![Ref::service_account("auth.jwt.serviceAccountRef", account)];
        }
        let selectors = auth.secret_ref.as_ref().map(selectors);
        let named = selectors.into_iter().flatten();
        named.filter_map(|(field, selector)| Ref::secret(field, selector?)).collect()
    }

    /// Shared by all that use the same configuration with the same credential: nothing else reaches the wire. Two things do
    /// make it the consumer's own: session tags that name the consumer, and a credential that is not known yet (whose
    /// namespace is then not part of its version).
    fn identity(config: &AwsConfig, consumer: &Consumer<'_>) -> Digest {
        let namespace = consumer.scope.consumer().unwrap_or_default();
        let unknown = consumer.versions.len() != Self::refs(config).len()
            || consumer.versions.iter().any(|version| !version.contains('/'));
        let tagged = match config.session_tags_policy.unwrap_or_default() {
            SessionTagsPolicy::None => false,
            SessionTagsPolicy::Simple | SessionTagsPolicy::Custom => true,
        };
        match (tagged, unknown) {
            (true, _) => identity_of(
                config,
                consumer,
                &["tagged", namespace, consumer.store_name, consumer.store_kind],
            ),
            (false, true) => identity_of(config, consumer, &["unknown", namespace]),
            (false, false) => identity_of(config, consumer, &["shared"]),
        }
    }

    /// Quotas hold per service, region and account of the caller. The account is known from a role's ARN; without a role, who
    /// uses the same access key, ServiceAccount or process identity is in the same account.
    fn quota(config: &AwsConfig) -> Digest {
        let service = match config.service {
            AwsService::SecretsManager => "secretsmanager",
            AwsService::ParameterStore => "ssm",
            AwsService::CertificateManager => "acm",
        };
        let account = account(config);
        Digest::of([b"aws".as_slice(), service.as_bytes(), config.region.as_bytes(), account.as_bytes()])
    }

    fn budget(config: &AwsConfig) -> Budget {
        match config.service {
            AwsService::SecretsManager => SECRETS_MANAGER_BUDGET,
            AwsService::ParameterStore => PARAMETER_STORE_BUDGET,
            AwsService::CertificateManager => CERTIFICATE_MANAGER_BUDGET,
        }
    }

    async fn open(config: AwsConfig, env: Env) -> Result<Arc<dyn Store>> {
        let prefix = config.prefix.clone().unwrap_or_default();
        let session = Arc::new(Session::open(&config, env).await?);
        Ok(match config.service {
            AwsService::SecretsManager => Arc::new(Reader { backend: SecretsManager::new(session), prefix }),
            AwsService::ParameterStore => Arc::new(Reader { backend: ParameterStore::new(session), prefix }),
            AwsService::CertificateManager => Arc::new(CertificateManager::new(session)),
        })
    }
}

fn account(config: &AwsConfig) -> String {
    let roles = config.role.iter().chain(config.additional_roles.iter().flatten().rev());
    if let Some(account) = roles.filter_map(|arn| arn.split(':').nth(4)).find(|account| !account.is_empty()) {
        return format!("account:{account}");
    }
    let credential = Aws::refs(config).into_iter().next();
    credential.map_or_else(
        || "process".to_string(),
        |found| format!("{:?}:{}/{}", found.kind, found.namespace.unwrap_or_default(), found.name),
    )
}

fn selectors(secret_ref: &AwsSecretRef) -> [(&'static str, Option<&SecretKeySelector>); 3] {
    [
        ("auth.secretRef.accessKeyIDSecretRef", secret_ref.access_key_id_secret_ref.as_ref()),
        ("auth.secretRef.secretAccessKeySecretRef", secret_ref.secret_access_key_secret_ref.as_ref()),
        ("auth.secretRef.sessionTokenSecretRef", secret_ref.session_token_secret_ref.as_ref()),
    ]
}

fn region_problem(region: &str) -> Option<Problem> {
    let parts: Vec<_> = region.split('-').collect();
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let is_lower =
        |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let is_region = parts.len() > 2
        && parts.iter().all(is_lower)
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && last.bytes().all(|b| b.is_ascii_digit());
    (!is_region).then(|| {
        Problem::new("region", format!("region not found: {region:?}; name one such as eu-central-1"))
    })
}

fn auth_problems(config: &AwsConfig) -> Vec<Problem> {
    let Some(auth) = &config.auth else { return Vec::new() };
    if let Some(jwt) = &auth.jwt {
        let missing = jwt.service_account_ref.as_ref().is_none_or(|account| account.name.is_empty());
        let problem =
            Problem::new("auth.jwt.serviceAccountRef", "name the ServiceAccount whose role is assumed");
        return Vec::from_iter(missing.then_some(problem));
    }
    let Some(secret_ref) = &auth.secret_ref else { return Vec::new() };
    let [id, secret, token] = selectors(secret_ref);
    let given = |part: Option<&String>| part.is_some_and(|part| !part.is_empty());
    let complete =
        |selector: &SecretKeySelector| given(selector.name.as_ref()) && given(selector.key.as_ref());
    let required = [id, secret].into_iter().filter(|(_, selector)| !selector.is_some_and(complete));
    let optional =
        [token].into_iter().filter(|(_, selector)| selector.is_some_and(|selector| !complete(selector)));
    let problem = |(field, _)| Problem::new(field, "name the Secret and the key in it");
    required.chain(optional).map(problem).collect()
}

fn role_problems(config: &AwsConfig) -> Vec<Problem> {
    let is_arn = |arn: &str| arn.is_empty() || arn.starts_with("arn:");
    let problem =
        |field: String| Problem::new(field, "give the ARN of the role (arn:aws:iam::<account>:role/<name>)");
    let additional = config.additional_roles.iter().flatten().enumerate();
    let additional =
        additional.filter(|(_, arn)| !is_arn(arn)).map(|(i, _)| problem(format!("additionalRoles[{i}]")));
    let role = config.role.iter().filter(|arn| !is_arn(arn)).map(|_| problem("role".into()));
    additional.chain(role).collect()
}

fn tag_problems(config: &AwsConfig) -> Vec<Problem> {
    let tags = config.session_tags.iter().flatten().enumerate();
    let unnamed = tags.filter(|(_, tag)| tag.key.is_empty());
    let unnamed = unnamed.map(|(i, _)| Problem::new(format!("sessionTags[{i}].key"), "give the tag a key"));
    let custom = config.custom_session_tags.iter().flatten();
    let reserved = custom.filter(|(key, _)| RESERVED_TAGS.contains(&key.as_str())).map(|(key, _)| {
        let list = RESERVED_TAGS.join(", ");
        let message =
            format!("customSessionTags cannot contain automatically injected reserved keys: {list}");
        Problem::new(format!("customSessionTags.{key}"), message)
    });
    unnamed.chain(reserved).collect()
}

fn deletion_problems(config: &AwsConfig) -> Vec<Problem> {
    let Some(deletion) = &config.secrets_manager else { return Vec::new() };
    let days = deletion.recovery_window_in_days.unwrap_or_default();
    let field = "secretsManager.recoveryWindowInDays";
    if days != 0 && deletion.force_delete_without_recovery.unwrap_or_default() {
        return vec![Problem::new(
            field,
            "cannot be combined with forceDeleteWithoutRecovery: leave one out",
        )];
    }
    if days != 0 && !(7..=30).contains(&days) {
        return vec![Problem::new(field, "must be between 7 and 30 days")];
    }
    Vec::new()
}

fn scope_problems(config: &AwsConfig, scope: &Scope) -> Vec<Problem> {
    let references = Aws::refs(config);
    if scope.is_referent(&references) {
        return Vec::new();
    }
    let refused =
        references.iter().filter_map(|reference| Some((reference, scope.resolve(reference).err()?)));
    refused.map(|(reference, error)| Problem::new(reference.field, error.to_string())).collect()
}
