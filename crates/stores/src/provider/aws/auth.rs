//! Credentials (reference 10.2), and everything that calls share.
//!
//! The order is ESO's: the token of a ServiceAccount, else an access key, else the identity of the process; then the additional
//! roles one after another; then the role, with external id and session tags. What was exchanged is kept until shortly before
//! it ends, and dropped when the service says that it is no longer good.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, default_provider::credentials::DefaultCredentialsChain,
    identity::IdentityCache, provider_config::ProviderConfig, retry::RetryConfig,
    stalled_stream_protection::StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_sdk_sts::{
    Client as Sts,
    operation::{
        assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
    },
    types::Tag,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;

use super::{
    config::{AwsConfig, AwsSecretRef, SessionTagsPolicy},
    error::{Call, Said, classify, failure, own},
    transport::{Service, Transport, is_true},
};
use crate::{
    base::{
        Error, Kind, Result, limits,
        refs::{Scope, SecretKeySelector, ServiceAccountSelector},
    },
    net::{
        client::Trust,
        retry::{Retry, jitter, retry},
        token::{Fresh, Token, TokenCache},
    },
    provider::{Env, Probe, env::TokenRequest},
};

/// The session name of every assumed role; trust policies may compare it.
const SESSION: &str = "external-secrets-provider-aws";
/// Retries where `retrySettings` is given without a number, as ESO documents them.
const RETRIES: u32 = 3;
/// Annotations of a ServiceAccount, as EKS defines them.
const ROLE_ANNOTATION: &str = "eks.amazonaws.com/role-arn";
const AUDIENCE_ANNOTATION: &str = "eks.amazonaws.com/audience";
const DEFAULT_AUDIENCE: &str = "sts.amazonaws.com";

/// Where the first credential comes from.
#[derive(Debug)]
enum Source {
    /// An access key of a Secret or of the environment.
    Fixed(Credentials),
    /// The token of a ServiceAccount, exchanged for a role.
    WebIdentity { account: ServiceAccountSelector, audiences: Vec<String>, role: String },
    /// The identity of the process: profile, token file, container, instance.
    Process,
}

/// A role to assume.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Role {
    arn: String,
    external_id: Option<String>,
    tags: Vec<(String, String)>,
    transitive: Vec<String>,
}

/// A store's way to call AWS: endpoints, credentials, retries.
#[derive(Debug)]
pub(super) struct Session {
    env: Env,
    region: String,
    transport: Transport,
    source: Source,
    roles: Vec<Role>,
    tokens: TokenCache<Credentials>,
}

impl Session {
    /// Settles where credentials come from. Reads Secrets and ServiceAccounts; calls nobody.
    pub(super) async fn open(config: &AwsConfig, env: Env) -> Result<Self> {
        let transport = Transport::new(env.http.client(&Trust::default())?);
        let source = source(config, &env).await?;
        let roles = roles(config, env.credentials.scope(), &env.store_name);
        let tokens = TokenCache::new(Arc::clone(&env.clock));
        Ok(Self { region: config.region.clone(), transport, source, roles, tokens, env })
    }

    /// What a client of `service` is made of, with this session's credentials.
    pub(super) fn sdk(self: &Arc<Self>, service: Service) -> SdkConfig {
        let credentials = SharedCredentialsProvider::new(Issuer(Arc::clone(self)));
        self.settings(service, Some(credentials))
    }

    /// The SDKs' own retries, caches and stream watchdogs are off: `net::retry`, `net::token` and `net::client` do that.
    fn settings(&self, service: Service, credentials: Option<SharedCredentialsProvider>) -> SdkConfig {
        let variables = &self.env.variables;
        let mut builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(self.region.clone()))
            .http_client(self.transport.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .use_fips(is_true(variables, "AWS_USE_FIPS_ENDPOINT"))
            .use_dual_stack(is_true(variables, "AWS_USE_DUALSTACK_ENDPOINT"));
        builder.set_credentials_provider(credentials);
        builder.set_endpoint_url(service.endpoint(variables));
        builder.build()
    }

    /// One call, with the retries of the store. A credential that the service no longer takes is got anew, once.
    ///
    /// # Errors
    /// Those of the credential, and what [`failure`] makes of the call's.
    pub(super) fn call<'a, T, E, F>(
        &'a self,
        call: Call<'a>,
        send: impl Fn() -> F + Send + Sync + 'a,
    ) -> BoxFuture<'a, Result<T>>
    where
        T: Send + 'a,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send + 'a,
    {
        // Boxed: the compiler cannot see through borrowing closures that the whole is `Send`.
        async move {
            let policy = Retry::of(self.env.retry, RETRIES);
            retry(&*self.env.clock, policy, jitter, || self.attempt(call, &send)).await
        }
        .boxed()
    }

    async fn attempt<T, E, F>(&self, call: Call<'_>, send: &(impl Fn() -> F + Send + Sync)) -> Result<T>
    where
        T: Send,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let token = self.token().await?;
        let error = match self.once(call, send).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if error.kind() != Kind::Unauthenticated || !self.is_renewable() {
            return Err(error);
        }
        self.tokens.invalidate(token.generation);
        self.once(call, send).await
    }

    async fn once<T, E, F>(&self, call: Call<'_>, send: &(impl Fn() -> F + Send + Sync)) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        let answer = send().await.map_err(|error| failure(call, error));
        let answered = answer.as_ref().err().is_none_or(|error| error.kind() == Kind::NotFound);
        self.env.calls.note(call.service.counted_as(), call.action, answered);
        answer
    }

    /// False where the same credential would only be shown once more.
    fn is_renewable(&self) -> bool {
        !matches!(self.source, Source::Fixed(_)) || !self.roles.is_empty()
    }

    /// The credentials that sign requests, from the cache while they are good.
    async fn token(&self) -> Result<Token<Credentials>> {
        self.tokens.get(|| self.login()).await
    }

    async fn login(&self) -> Result<Fresh<Credentials>> {
        let value = self.obtain().await?;
        let expires = value.expiry().and_then(|expiry| Timestamp::try_from(expiry).ok());
        Ok(Fresh { value, expires })
    }

    /// Walks the chain: the source, then one role after another.
    async fn obtain(&self) -> Result<Credentials> {
        let mut credentials = match &self.source {
            Source::Fixed(credentials) => credentials.clone(),
            Source::WebIdentity { account, audiences, role } => {
                self.web_identity(account, audiences, role).await?
            }
            Source::Process => self.process().await?,
        };
        for role in &self.roles {
            credentials = self.assume(role, credentials).await?;
        }
        Ok(credentials)
    }

    async fn web_identity(
        &self,
        account: &ServiceAccountSelector,
        audiences: &[String],
        role: &str,
    ) -> Result<Credentials> {
        let request = TokenRequest { account, audiences, ttl: limits::SERVICE_ACCOUNT_TOKEN };
        let token = self.env.credentials.token("auth.jwt.serviceAccountRef", &request).await?;
        let unreadable = || Error::new(Kind::Malformed, "the ServiceAccount token is not text");
        let token = token.value.expose_str().ok_or_else(unreadable)?.to_string();
        let call = sts("AssumeRoleWithWebIdentity");
        let request = Sts::new(&self.settings(Service::Sts, None)).assume_role_with_web_identity();
        let request = request.role_arn(role).role_session_name(SESSION).web_identity_token(token);
        let answer = request.send().await.map_err(|error| failure(call, error).with("role", role))?;
        issued(call, answer.credentials)
    }

    async fn assume(&self, role: &Role, credentials: Credentials) -> Result<Credentials> {
        let call = sts("AssumeRole");
        let tags: Result<Vec<_>, _> =
            role.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tags =
            tags.map_err(|error| Error::new(Kind::Invalid, "a session tag has no key").because(error))?;
        let settings = self.settings(Service::Sts, Some(SharedCredentialsProvider::new(credentials)));
        let request = Sts::new(&settings).assume_role().role_arn(&role.arn).role_session_name(SESSION);
        let request = request
            .set_external_id(role.external_id.clone())
            .set_tags(Some(tags).filter(|tags| !tags.is_empty()))
            .set_transitive_tag_keys(Some(role.transitive.clone()).filter(|keys| !keys.is_empty()));
        let answer = request.send().await.map_err(|error| failure(call, error).with("role", &role.arn))?;
        issued(call, answer.credentials)
    }

    /// The SDK's default chain. It reads the process's environment itself; there is no way to hand it ours.
    async fn process(&self) -> Result<Credentials> {
        let config = ProviderConfig::without_region()
            .with_region(Some(Region::new(self.region.clone())))
            .with_use_fips(Some(is_true(&self.env.variables, "AWS_USE_FIPS_ENDPOINT")))
            .with_use_dual_stack(Some(is_true(&self.env.variables, "AWS_USE_DUALSTACK_ENDPOINT")))
            .with_http_client(self.transport.of_platform())
            .with_retry_config(RetryConfig::disabled());
        let chain = DefaultCredentialsChain::builder().configure(config).build().await;
        chain.provide_credentials().await.map_err(|error| no_process_identity(&error))
    }

    /// Proves the credential. An exchange is proof; a plain access key is shown to STS, which answers everybody it knows. ESO
    /// accepts a store whose keys merely exist, so only STS's own refusal fails one: an STS that is out of reach does not.
    pub(super) async fn probe(&self) -> Result<Probe> {
        let credentials = self.token().await?.value;
        if !self.roles.is_empty() || matches!(self.source, Source::WebIdentity { .. }) {
            return Ok(Probe::Ready);
        }
        let settings = self.settings(Service::Sts, Some(SharedCredentialsProvider::new(credentials)));
        let asked = Sts::new(&settings).get_caller_identity().send().await;
        match asked.map_err(|error| failure(sts("GetCallerIdentity"), error)) {
            Ok(_) => Ok(Probe::Ready),
            Err(error) if error.kind() == Kind::Unauthenticated => Err(error),
            Err(_) => Ok(Probe::Unknown(None)),
        }
    }
}

/// This session as the SDKs' source of credentials.
#[derive(Debug)]
struct Issuer(Arc<Session>);

impl ProvideCredentials for Issuer {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match self.0.token().await {
                Ok(token) => Ok(token.value),
                Err(error) => Err(CredentialsError::provider_error(error)),
            }
        })
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .operation_attempt_timeout(limits::REQUEST_TIMEOUT)
        .build()
}

fn sts(action: &'static str) -> Call<'static> {
    Call { service: Service::Sts, action, entry: None }
}

/// The source that the configuration names; a ServiceAccount wins over an access key, as in ESO.
async fn source(config: &AwsConfig, env: &Env) -> Result<Source> {
    let auth = config.auth.clone().unwrap_or_default();
    if let Some(account) = auth.jwt.and_then(|jwt| jwt.service_account_ref) {
        return service_account(account, env).await;
    }
    match &auth.secret_ref {
        Some(secret_ref) => access_key(secret_ref, env).await,
        None => Ok(of_environment(&env.variables).map_or(Source::Process, Source::Fixed)),
    }
}

async fn service_account(account: ServiceAccountSelector, env: &Env) -> Result<Source> {
    let found = env.credentials.service_account("auth.jwt.serviceAccountRef", &account).await?;
    let annotation = |name| found.annotations.get(name).filter(|value| !value.is_empty()).cloned();
    let role = annotation(ROLE_ANNOTATION).ok_or_else(|| {
        Error::new(Kind::Invalid, "an IAM role must be associated with service account")
            .with("serviceAccount", format!("{}/{}", found.namespace, found.name))
            .with("annotation", ROLE_ANNOTATION)
    })?;
    let audience = annotation(AUDIENCE_ANNOTATION).unwrap_or_else(|| DEFAULT_AUDIENCE.to_string());
    let more = account.audiences.clone().unwrap_or_default();
    let audiences = std::iter::once(audience).chain(more).collect();
    Ok(Source::WebIdentity { account, audiences, role })
}

async fn access_key(secret_ref: &AwsSecretRef, env: &Env) -> Result<Source> {
    let id = secret_ref.access_key_id_secret_ref.clone().unwrap_or_default();
    let secret = secret_ref.secret_access_key_secret_ref.clone().unwrap_or_default();
    let id = text(env, "auth.secretRef.accessKeyIDSecretRef", &id).await?;
    let secret = text(env, "auth.secretRef.secretAccessKeySecretRef", &secret).await?;
    let token = match &secret_ref.session_token_secret_ref {
        Some(selector) => Some(text(env, "auth.secretRef.sessionTokenSecretRef", selector).await?),
        None => None,
    };
    Ok(Source::Fixed(Credentials::new(id, secret, token, None, "keyferry")))
}

/// A credential of a Secret. White space around it is never a part of it, but a common slip.
async fn text(env: &Env, field: &'static str, selector: &SecretKeySelector) -> Result<String> {
    let bytes = env.credentials.secret(field, selector, "").await?;
    let refuse = |what: &str| Error::new(Kind::Unauthenticated, what).with("field", field);
    let text = bytes.expose_str().ok_or_else(|| refuse("the credential is not text"))?.trim();
    if text.is_empty() {
        return Err(refuse("the credential is empty"));
    }
    Ok(text.to_string())
}

fn of_environment(variables: &BTreeMap<String, String>) -> Option<Credentials> {
    let variable = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
    let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
    Some(Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment"))
}

/// The roles in the order in which they are assumed. External id and tags go with the last one, `role`.
fn roles(config: &AwsConfig, scope: &Scope, store_name: &str) -> Vec<Role> {
    let named = |arn: &&String| !arn.is_empty();
    let additional = config.additional_roles.iter().flatten().filter(named);
    let additional = additional.map(|arn| Role { arn: arn.clone(), ..Role::default() });
    let last = config.role.as_ref().filter(named).map(|arn| Role {
        arn: arn.clone(),
        external_id: config.external_id.clone().filter(|id| !id.is_empty()),
        tags: session_tags(config, scope, store_name),
        transitive: config.transitive_tag_keys.clone().unwrap_or_default(),
    });
    additional.chain(last).collect()
}

fn session_tags(config: &AwsConfig, scope: &Scope, store_name: &str) -> Vec<(String, String)> {
    let own = || {
        let kind = match scope {
            Scope::Namespace(_) => "SecretStore",
            Scope::Cluster(_) | Scope::ClusterOnly => "ClusterSecretStore",
        };
        let namespace = scope.consumer().unwrap_or_default();
        [("esoNamespace", namespace), ("esoStoreName", store_name), ("esoStoreKind", kind)]
            .map(|(key, value)| (key.to_string(), value.to_string()))
    };
    match config.session_tags_policy.unwrap_or_default() {
        SessionTagsPolicy::None => {
            config.session_tags.iter().flatten().map(|tag| (tag.key.clone(), tag.value.clone())).collect()
        }
        SessionTagsPolicy::Simple => own().into(),
        SessionTagsPolicy::Custom => {
            own().into_iter().chain(config.custom_session_tags.clone().unwrap_or_default()).collect()
        }
    }
}

fn issued(call: Call<'_>, credentials: Option<aws_sdk_sts::types::Credentials>) -> Result<Credentials> {
    let unreadable = || Error::new(Kind::Malformed, format!("{}: the answer is unreadable", call.action));
    let issued = credentials.ok_or_else(unreadable)?;
    let expires = SystemTime::try_from(issued.expiration).map_err(|error| unreadable().because(error))?;
    let token = Some(issued.session_token);
    Ok(Credentials::new(issued.access_key_id, issued.secret_access_key, token, Some(expires), "keyferry"))
}

/// What it means that the process has no identity: our transport's error, STS's verdict, or nothing configured.
fn no_process_identity(error: &CredentialsError) -> Error {
    if let Some(own) = own(error) {
        return own.within("the identity of the controller");
    }
    let refused = said_by_sts(error);
    let meant = match error {
        _ if refused.is_some() => refused,
        CredentialsError::ProviderTimedOut(_) => Some(Error::new(Kind::Unavailable, "no answer in time")),
        CredentialsError::InvalidConfiguration(_) => {
            Some(Error::new(Kind::Invalid, "its configuration cannot be used"))
        }
        _ => None,
    };
    let missing = || {
        Error::new(
            Kind::Unauthenticated,
            "no credential: set auth.jwt or auth.secretRef, or give the controller a role",
        )
    };
    // The error of the chain is not kept as source: it may show the body of an answer that holds a credential.
    meant.unwrap_or_else(missing).within("the identity of the controller")
}

fn said_by_sts(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<AssumeRoleWithWebIdentityError>() {
            return Some(verdict("AssumeRoleWithWebIdentity", error));
        }
        if let Some(error) = error.downcast_ref::<AssumeRoleError>() {
            return Some(verdict("AssumeRole", error));
        }
        next = error.source();
    }
    None
}

fn verdict(action: &'static str, error: &impl ProvideErrorMetadata) -> Error {
    classify(sts(action), Said { code: error.code(), message: error.message(), ..Said::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config(more: Value) -> AwsConfig {
        let mut config = json!({"service": "SecretsManager", "region": "eu-central-1"});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(config).unwrap()
    }

    fn tags(more: Value) -> Vec<(String, String)> {
        let mut config = config(more);
        config.role = Some("arn:aws:iam::1:role/last".into());
        roles(&config, &Scope::Cluster("team".into()), "aws").remove(0).tags
    }

    fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
        tags.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
    }

    #[test]
    fn additional_roles_come_first_and_carry_nothing() {
        let config = config(json!({
            "additionalRoles": ["one", "two"], "role": "last", "externalID": "id",
            "sessionTags": [{"key": "k", "value": "v"}], "transitiveTagKeys": ["k"],
        }));
        let bare = |arn: &str| Role { arn: arn.into(), ..Role::default() };
        let last = Role {
            external_id: Some("id".into()),
            tags: pairs(&[("k", "v")]),
            transitive: vec!["k".into()],
            ..bare("last")
        };
        assert_eq!(roles(&config, &Scope::ClusterOnly, "aws"), [bare("one"), bare("two"), last]);
    }

    #[test]
    fn the_policy_says_which_tags_a_session_has() {
        let own = pairs(&[
            ("esoNamespace", "team"),
            ("esoStoreName", "aws"),
            ("esoStoreKind", "ClusterSecretStore"),
        ]);
        let given = json!([{"key": "k", "value": "v"}]);
        assert_eq!(tags(json!({"sessionTags": given})), pairs(&[("k", "v")]));
        assert_eq!(tags(json!({"sessionTags": given, "sessionTagsPolicy": "None"})), pairs(&[("k", "v")]));
        assert_eq!(tags(json!({"sessionTags": given, "sessionTagsPolicy": "Simple"})), own);
        let custom = json!({"sessionTagsPolicy": "Custom", "customSessionTags": {"b": "2", "a": "1"}});
        assert_eq!(tags(custom), [own, pairs(&[("a", "1"), ("b", "2")])].concat());
    }

    #[test]
    fn a_namespaced_store_is_tagged_as_one() {
        let config = config(json!({"role": "last", "sessionTagsPolicy": "Simple"}));
        let tags = roles(&config, &Scope::Namespace("team".into()), "aws").remove(0).tags;
        assert_eq!(tags[2], ("esoStoreKind".to_string(), "SecretStore".to_string()));
    }

    #[test]
    fn half_an_access_key_in_the_environment_is_none() {
        let variables =
            |names: &[&str]| names.iter().map(|name| ((*name).to_string(), "x".to_string())).collect();
        assert!(of_environment(&variables(&["AWS_ACCESS_KEY_ID"])).is_none());
        assert!(of_environment(&variables(&["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])).is_some());
    }

    #[test]
    fn a_process_without_identity_is_unauthenticated_and_says_what_to_do() {
        let error = no_process_identity(&CredentialsError::not_loaded_no_source());
        assert_eq!(error.kind(), Kind::Unauthenticated);
        assert!(error.to_string().contains("set auth.jwt or auth.secretRef"), "{error}");
    }

    #[test]
    fn the_verdict_of_sts_on_the_process_is_kept() {
        let denied = aws_smithy_types::error::ErrorMetadata::builder().code("AccessDenied").build();
        let denied = AssumeRoleWithWebIdentityError::generic(denied);
        assert_eq!(no_process_identity(&CredentialsError::provider_error(denied)).kind(), Kind::Forbidden);
    }
}
