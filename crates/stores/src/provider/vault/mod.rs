//! HashiCorp Vault, and OpenBao spoken to as Vault (reference 10.3, the reading half).
//!
//! - `config`: the CRD fragment.
//! - `path`: where a key lies in the API. Pure.
//! - `json`: values as Go prints them. Pure.
//! - `wire`: one call, one judged answer; what answers hold.
//! - `auth`: logins.
//! - `session`: the token of a store, and the proofs behind `Forbidden` and `NotFound`.
//! - `find`: walking folders.
//!
//! `wire`, `auth`, `session` and `find` serve the provider `openBao` too.
//!
//! # Why vaultrs is not used
//!
//! Its types were tried on this code and dropped, each for a measured reason: a value comes as `serde_json::Value`, which loses number
//! literals (`1e3`, 20 digits) that ESO keeps, and leaves unwiped copies; errors hold the whole body; its middleware panics on a token
//! with a line break and puts `v1` before the path of a server's address; the login with a certificate sends `cert_name`, which the
//! server ignores with a warning, so a role is not pinned; LDAP, `X-Vault-Index`, listings with `?list=true` and paths without a mount are
//! missing. What was left were four request types of two fields.
//!
//! # What it does not do yet
//!
//! Writes. The logins `iam` and `gcp` (`Unsupported`). `kubernetes` without `serviceAccountRef` and `secretRef` is `Unsupported` too: ESO
//! would hand the operator's own token to any server that a store names. ESO's `VAULT_TOKEN` of the process is not read, for the same
//! reason: a store without `auth` calls without a token, as an agent beside the server expects.

mod auth;
pub mod config;
mod find;
mod json;
mod path;
mod session;
#[cfg(test)]
mod tests;
mod wire;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};

use self::{
    auth::Jwt,
    config::{VaultAuth, VaultConfig, VaultVersion},
    find::{below, tagged},
    wire::header,
};
pub(super) use self::{
    auth::{Login, RoleId},
    find::read,
    path::{KvVersion, Layout},
    session::{Parts, Session},
    wire::{Wire, headers as plain_headers, server},
};
use super::{
    Absence, Access, Batch, Budget, Capabilities, Consumer, Digest, Entry, Env, Found, MapRule, Probe,
    Problem, PropertyRule, Provider, Query, RemoteKey, Store, Want, identity_of_credentials,
};
use crate::{
    base::{
        Error, Kind, Result,
        pattern::Pattern,
        refs::{Ref, Scope, SecretKeySelector},
    },
    net::tls::client_identity,
};

/// Neither Vault nor OpenBao publishes a default quota: a server answers what its disks give, and an operator may set rate limits,
/// which come as 429. So the gate starts open, at what one busy server of the field's benchmarks answers, and is closed by those.
pub(super) const BUDGET: Budget = Budget { per_second: 5_000.0, in_flight: 64 };

/// Life of a token that is requested for a Kubernetes login: the shortest that the API server grants.
const ACCOUNT_TOKEN: Duration = Duration::from_secs(600);

/// The provider `vault`.
#[derive(Debug, Clone, Copy)]
pub struct Vault;

#[async_trait]
impl Provider for Vault {
    type Config = VaultConfig;

    const ABSENCE: Absence = Absence::Proves;

    const ACCESS: Access = Access::ReadWrite;

    fn validate(config: &VaultConfig, _scope: &Scope) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(problem("server", server(&config.server)));
        problems.extend(problem("headers", headers(config)));
        if let Some(auth) = &config.auth {
            problems.extend(problem("auth", login(auth)));
        }
        if client_pair(config).is_err() {
            problems.push(Problem::new("tls", "both certSecretRef and keySecretRef are needed, or neither"));
        }
        let checks = config.check_and_set.as_ref().and_then(|checks| checks.required).unwrap_or_default();
        if checks && layout(config).version == KvVersion::V1 {
            problems.push(Problem::new("checkAndSet", "needs version v2"));
        }
        problems
    }

    fn refs(config: &VaultConfig) -> Vec<Ref> {
        let ca = config.ca_provider.iter().map(|provider| Ref::ca("caProvider", provider));
        let secrets =
            selectors(config).into_iter().filter_map(|(field, selector)| Ref::secret(field, selector?));
        ca.chain(secrets).chain(accounts(config)).collect()
    }

    /// What reaches the wire is the configuration and the credentials that it names; the versions name each by namespace, name and
    /// version, so consumers in different namespaces share exactly when they hold the same credential.
    fn identity(config: &VaultConfig, consumer: &Consumer<'_>) -> Digest {
        identity_of_credentials(config, consumer, Self::refs(config).len())
    }

    fn quota(config: &VaultConfig) -> Digest {
        server_quota(&config.server)
    }

    fn budget(_config: &VaultConfig) -> Budget {
        BUDGET
    }

    async fn open(config: VaultConfig, env: Env) -> Result<Arc<dyn Store>> {
        let layout = layout(&config);
        let session = session(config, env).await?;
        Ok(Arc::new(VaultStore { layout, session }))
    }
}

/// One problem, if there is an error.
pub(super) fn problem<T>(field: &str, outcome: Result<T>) -> Option<Problem> {
    outcome.err().map(|error| Problem::new(field, error.to_string()))
}

/// All stores of one server share its budget, whichever of the two providers they use.
pub(super) fn server_quota(address: &str) -> Digest {
    let origin =
        server(address).map_or_else(|_| address.to_string(), |url| url.origin().ascii_serialization());
    Digest::of([b"vault".as_slice(), origin.as_bytes()])
}

fn layout(config: &VaultConfig) -> Layout {
    let version = match config.version {
        Some(VaultVersion::V1) => KvVersion::V1,
        Some(VaultVersion::V2) | None => KvVersion::V2,
    };
    Layout::new(config.path.as_deref(), version)
}

async fn session(config: VaultConfig, env: Env) -> Result<Session> {
    let mut trust = env.trust("caProvider", config.ca_bundle.as_deref(), config.ca_provider.as_ref()).await?;
    if let Some((certificate, key)) = client_pair(&config)? {
        let certificate = env.credentials.secret("tls.certSecretRef", certificate, "tls.crt").await?;
        let key = env.credentials.secret("tls.keySecretRef", key, "tls.key").await?;
        trust.client = Some(client_identity(&certificate, &key)?);
    }
    let headers = headers(&config)?;
    let login = config.auth.as_ref().map_or(Ok(Login::Absent), login)?;
    let login_namespace = config.auth.and_then(|auth| auth.namespace).or_else(|| config.namespace.clone());
    Ok(Session::new(Parts {
        wire: Wire {
            client: env.http.client(&trust)?,
            server: server(&config.server)?,
            headers,
            clock: env.clock.clone(),
            calls: env.calls.clone(),
        },
        namespace: config.namespace,
        login_namespace,
        ca: trust.ca,
        login,
        follows_index: config.read_your_writes.unwrap_or_default(),
        env,
    }))
}

/// The references of `tls`.
fn client_pair(config: &VaultConfig) -> Result<Option<(&SecretKeySelector, &SecretKeySelector)>> {
    let tls = config.tls.as_ref();
    let halves = tls.map(|tls| (tls.cert_secret_ref.as_ref(), tls.key_secret_ref.as_ref()));
    match halves {
        None | Some((None, None)) => Ok(None),
        Some((Some(certificate), Some(key))) => Ok(Some((certificate, key))),
        Some((Some(_), None) | (None, Some(_))) => {
            Err(Error::new(Kind::Invalid, "tls needs both certSecretRef and keySecretRef, or neither"))
        }
    }
}

/// Headers of every call.
fn headers(config: &VaultConfig) -> Result<HeaderMap> {
    let mut headers = plain_headers();
    for (name, value) in config.headers.iter().flatten() {
        let bad = |_| Error::new(Kind::Invalid, "not a name of a header").with("name", name);
        headers.insert(HeaderName::try_from(name).map_err(bad)?, header("headers", value)?);
    }
    // Only with readYourWrites, as ESO: the header asks a standby to pass on what it cannot answer consistently.
    if config.read_your_writes == Some(true) && config.forward_inconsistent == Some(true) {
        headers.insert("x-vault-inconsistent", HeaderValue::from_static("forward-active-node"));
    }
    Ok(headers)
}

/// The first configured method, in ESO's order.
fn login(auth: &VaultAuth) -> Result<Login> {
    let methods = [token, app_role, kubernetes, ldap, user_pass, jwt, certificate, cloud];
    let found = methods.iter().find_map(|method| method(auth));
    found.unwrap_or_else(|| Err(Error::new(Kind::Invalid, "no auth method is configured")))
}

fn token(auth: &VaultAuth) -> Option<Result<Login>> {
    Some(Ok(Login::Token(auth.token_secret_ref.clone()?)))
}

fn app_role(auth: &VaultAuth) -> Option<Result<Login>> {
    let role = auth.app_role.as_ref()?;
    let given = role.role_id.clone().filter(|id| !id.is_empty()).map(RoleId::Given);
    let id = given.or_else(|| role.role_ref.clone().map(RoleId::Secret));
    let id = id.ok_or_else(|| Error::new(Kind::Invalid, "auth.appRole needs roleId or roleRef"));
    Some(id.map(|id| Login::AppRole { path: role.path.clone(), id, secret: role.secret_ref.clone() }))
}

fn kubernetes(auth: &VaultAuth) -> Option<Result<Login>> {
    let method = auth.kubernetes.as_ref()?;
    let account = method.service_account_ref.clone().map(|account| Jwt::Account {
        field: "auth.kubernetes.serviceAccountRef",
        account,
        audiences: Vec::new(),
        ttl: ACCOUNT_TOKEN,
    });
    let secret = || Some(Jwt::Secret("auth.kubernetes.secretRef", method.secret_ref.clone()?, "token"));
    let own = || {
        Error::new(
            Kind::Unsupported,
            "auth.kubernetes needs serviceAccountRef: the operator's own token is not given to a server",
        )
    };
    let jwt = account.or_else(secret).ok_or_else(own);
    Some(jwt.map(|jwt| Login::Jwt { path: method.mount_path.clone(), role: Some(method.role.clone()), jwt }))
}

fn ldap(auth: &VaultAuth) -> Option<Result<Login>> {
    let method = auth.ldap.as_ref()?;
    Some(password("auth.ldap.secretRef", (&method.path, &method.username), method.secret_ref.as_ref()))
}

fn user_pass(auth: &VaultAuth) -> Option<Result<Login>> {
    let method = auth.user_pass.as_ref()?;
    Some(password("auth.userPass.secretRef", (&method.path, &method.username), method.secret_ref.as_ref()))
}

/// A login by name and password.
pub(super) fn password(
    field: &'static str,
    (path, user): (&str, &str),
    secret: Option<&SecretKeySelector>,
) -> Result<Login> {
    let missing = || Error::new(Kind::Invalid, "the login needs a password").with("field", field);
    let secret = secret.ok_or_else(missing)?.clone();
    Ok(Login::Password { path: path.into(), user: user.into(), field, secret })
}

fn jwt(auth: &VaultAuth) -> Option<Result<Login>> {
    let method = auth.jwt.as_ref()?;
    let secret = method.secret_ref.clone().map(|secret| Jwt::Secret("auth.jwt.secretRef", secret, ""));
    let account = || {
        let token = method.kubernetes_service_account_token.as_ref()?;
        let seconds = token.expiration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Some(Jwt::Account {
            field: "auth.jwt.kubernetesServiceAccountToken.serviceAccountRef",
            account: token.service_account_ref.clone(),
            audiences: token.audiences.clone().unwrap_or_else(|| vec!["vault".into()]),
            ttl: seconds.map_or(ACCOUNT_TOKEN, Duration::from_secs),
        })
    };
    let missing = || Error::new(Kind::Invalid, "auth.jwt needs secretRef or kubernetesServiceAccountToken");
    let jwt = secret.or_else(account).ok_or_else(missing);
    Some(jwt.map(|jwt| Login::Jwt { path: method.path.clone(), role: method.role.clone(), jwt }))
}

fn certificate(auth: &VaultAuth) -> Option<Result<Login>> {
    let method = auth.cert.as_ref()?;
    let missing = || Error::new(Kind::Invalid, "auth.cert needs clientCert and secretRef");
    let pair = method.client_cert.clone().zip(method.secret_ref.clone()).ok_or_else(missing);
    Some(pair.map(|(certificate, key)| Login::Certificate {
        path: method.path.clone().unwrap_or_else(|| "cert".into()),
        role: method.vault_role.clone().filter(|role| !role.is_empty()),
        certificate,
        key,
    }))
}

fn cloud(auth: &VaultAuth) -> Option<Result<Login>> {
    let name = auth.iam.as_ref().map(|_| "iam").or_else(|| auth.gcp.as_ref().map(|_| "gcp"))?;
    Some(Err(
        Error::new(Kind::Unsupported, "logins by a cloud's identity are not built yet").with("auth", name)
    ))
}

fn selectors(config: &VaultConfig) -> Vec<(&'static str, Option<&SecretKeySelector>)> {
    let tls = config.tls.as_ref();
    let mut all = vec![
        ("tls.certSecretRef", tls.and_then(|tls| tls.cert_secret_ref.as_ref())),
        ("tls.keySecretRef", tls.and_then(|tls| tls.key_secret_ref.as_ref())),
    ];
    let Some(auth) = &config.auth else { return all };
    all.extend([
        ("auth.tokenSecretRef", auth.token_secret_ref.as_ref()),
        ("auth.appRole.roleRef", auth.app_role.as_ref().and_then(|method| method.role_ref.as_ref())),
        ("auth.appRole.secretRef", auth.app_role.as_ref().map(|method| &method.secret_ref)),
        ("auth.kubernetes.secretRef", auth.kubernetes.as_ref().and_then(|method| method.secret_ref.as_ref())),
        ("auth.ldap.secretRef", auth.ldap.as_ref().and_then(|method| method.secret_ref.as_ref())),
        ("auth.userPass.secretRef", auth.user_pass.as_ref().and_then(|method| method.secret_ref.as_ref())),
        ("auth.jwt.secretRef", auth.jwt.as_ref().and_then(|method| method.secret_ref.as_ref())),
        ("auth.cert.clientCert", auth.cert.as_ref().and_then(|method| method.client_cert.as_ref())),
        ("auth.cert.secretRef", auth.cert.as_ref().and_then(|method| method.secret_ref.as_ref())),
    ]);
    all
}

fn accounts(config: &VaultConfig) -> Vec<Ref> {
    let auth = config.auth.as_ref();
    let kubernetes = auth.and_then(|auth| auth.kubernetes.as_ref()?.service_account_ref.as_ref());
    let jwt = auth.and_then(|auth| auth.jwt.as_ref()?.kubernetes_service_account_token.as_ref());
    let kubernetes =
        kubernetes.map(|account| Ref::service_account("auth.kubernetes.serviceAccountRef", account));
    let jwt = jwt.map(|token| {
        Ref::service_account(
            "auth.jwt.kubernetesServiceAccountToken.serviceAccountRef",
            &token.service_account_ref,
        )
    });
    kubernetes.into_iter().chain(jwt).chain(auth.into_iter().flat_map(of_clouds)).collect()
}

/// The references of logins by a cloud's identity. They are not built, and yet name objects that must stay in scope.
fn of_clouds(auth: &VaultAuth) -> Vec<Ref> {
    let iam = auth.iam.as_ref();
    let keys = iam.and_then(|iam| iam.secret_ref.as_ref());
    let gcp = auth.gcp.as_ref();
    let gcp_keys = gcp.and_then(|gcp| gcp.secret_ref.as_ref());
    let identity = gcp.and_then(|gcp| gcp.workload_identity.as_ref());
    let secrets = [
        (
            "auth.iam.secretRef.accessKeyIDSecretRef",
            keys.and_then(|keys| keys.access_key_id_secret_ref.as_ref()),
        ),
        (
            "auth.iam.secretRef.secretAccessKeySecretRef",
            keys.and_then(|keys| keys.secret_access_key_secret_ref.as_ref()),
        ),
        (
            "auth.iam.secretRef.sessionTokenSecretRef",
            keys.and_then(|keys| keys.session_token_secret_ref.as_ref()),
        ),
        (
            "auth.gcp.secretRef.secretAccessKeySecretRef",
            gcp_keys.and_then(|keys| keys.secret_access_key_secret_ref.as_ref()),
        ),
    ];
    let accounts = [
        (
            "auth.iam.jwt.serviceAccountRef",
            iam.and_then(|iam| iam.jwt.as_ref()?.service_account_ref.as_ref()),
        ),
        ("auth.gcp.serviceAccountRef", gcp.and_then(|gcp| gcp.service_account_ref.as_ref())),
        (
            "auth.gcp.workloadIdentity.serviceAccountRef",
            identity.map(|identity| &identity.service_account_ref),
        ),
    ];
    let secrets = secrets.into_iter().filter_map(|(field, selector)| Ref::secret(field, selector?));
    secrets
        .chain(
            accounts.into_iter().filter_map(|(field, account)| Some(Ref::service_account(field, account?))),
        )
        .collect()
}

/// An opened store.
#[derive(Debug)]
struct VaultStore {
    session: Session,
    layout: Layout,
}

#[async_trait]
impl Store for VaultStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            access: Access::ReadWrite,
            find: true,
            batch: 1,
            property: PropertyRule::FieldThenPath,
            property_absence: false,
            map: MapRule::Decoded,
            find_converts: false,
        }
    }

    async fn get(&self, keys: &[RemoteKey]) -> Batch {
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            answers.push(self.one(key).await);
        }
        Batch::Answers(answers)
    }

    /// By name, or, without one, by tags (custom metadata). Names are relative to the mount and hold `find.path`.
    async fn find(&self, query: &Query) -> Result<Vec<Found>> {
        if self.layout.version == KvVersion::V1 && !query.tags.is_empty() {
            return Err(Error::new(
                Kind::Unsupported,
                "cannot perform find by tag operations with kv version v1",
            ));
        }
        let pattern = query.name.as_deref().map(Pattern::new).transpose()?;
        let root = query.path.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
        let mut names = below(&self.session, &self.layout, root).await?;
        match pattern {
            Some(pattern) => names.retain(|name| pattern.is_match(name)),
            None if query.tags.is_empty() => {}
            None => names = tagged(&self.session, &self.layout, names, &query.tags).await?,
        }
        read(&self.session, &self.layout, names).await
    }

    async fn probe(&self) -> Result<Probe> {
        self.session.probe().await?;
        Ok(Probe::Ready)
    }

    async fn close(&self) {
        self.session.close().await;
    }
}

impl VaultStore {
    async fn one(&self, key: &RemoteKey) -> Result<Entry> {
        match key.want {
            Want::Value => {
                self.session
                    .value(&self.layout.data(&key.key), key.version.as_deref(), self.layout.version)
                    .await
            }
            Want::Metadata => self.metadata(&key.key).await,
        }
    }

    async fn metadata(&self, key: &str) -> Result<Entry> {
        if self.layout.version == KvVersion::V1 {
            return Err(Error::new(
                Kind::Unsupported,
                "cannot perform metadata fetch operations with kv version v1",
            ));
        }
        match self.session.read(&self.layout.metadata(key)?, None, self.layout.version).await {
            Ok(answer) => Ok(Entry::bytes(wire::metadata(&answer)?)),
            // ESO does not take absent metadata for an absent secret, so it must not lead to a deletion.
            Err(error) if error.kind() == Kind::NotFound => {
                Err(Error::new(Kind::Invalid, "secret not found").with("key", key))
            }
            Err(error) => Err(error),
        }
    }
}
