//! OpenBao, by the provider of its own (reference 10.3, "OpenBao"). Wire, logins, proofs and reads are those of
//! [`vault`](super::vault); what differs from a `vault` store is here:
//!
//! - Keys are always relative to the mount: nothing is stripped, and without `path` the mount is `kv`.
//! - A version is a number, and only version 2 of the engine has them.
//! - A property is an exact field of the entry's top level.
//! - `find` looks at one folder and not below it; names are relative to `find.path`; there are no tags.
//! - An absent entry is only ever an error (ESO never says here that a secret does not exist), so it deletes nothing.
//! - The probe looks at the mount instead of the token.
//! - ESO ignores `metadataPolicy: Fetch` and gives the value; here it is `Unsupported`, as with every store without metadata.
//!
//! It is read-only, as ESO's.

pub mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use self::config::{OpenBaoAppRole, OpenBaoAuth, OpenBaoConfig, OpenBaoUserPass, OpenBaoVersion};
use super::{
    Absence, Access, Batch, Budget, Capabilities, Consumer, Digest, Entry, Env, Found, MapRule, Probe,
    Problem, PropertyRule, Provider, Query, RemoteKey, Store, Want, identity_of_credentials,
    vault::{
        BUDGET, KvVersion, Layout, Login, Parts, RoleId, Session, Wire, password, plain_headers, problem,
        read, server, server_quota,
    },
};
use crate::base::{
    Error, Kind, Result,
    pattern::Pattern,
    refs::{Ref, Scope},
};

/// The mount of a store that names none.
const MOUNT: &str = "kv";

/// The provider `openBao`.
#[derive(Debug, Clone, Copy)]
pub struct OpenBao;

#[async_trait]
impl Provider for OpenBao {
    type Config = OpenBaoConfig;

    const ABSENCE: Absence = Absence::ErrorOnly;

    const ACCESS: Access = Access::ReadOnly;

    fn validate(config: &OpenBaoConfig, _scope: &Scope) -> Vec<Problem> {
        let mut problems = Vec::new();
        problems.extend(problem("server", server(&config.server)));
        if let Some(auth) = &config.auth {
            problems.extend(problem("auth", login(auth)));
        }
        if config.ca_bundle.is_some() && config.ca_provider.is_some() {
            problems.push(Problem::new("caBundle", "name caBundle or caProvider, not both"));
        }
        problems
    }

    fn refs(config: &OpenBaoConfig) -> Vec<Ref> {
        let ca = config.ca_provider.iter().map(|provider| Ref::ca("caProvider", provider));
        let auth = config.auth.as_ref();
        let role = auth.and_then(|auth| auth.app_role.as_ref());
        let selectors = [
            ("auth.tokenSecretRef", auth.and_then(|auth| auth.token_secret_ref.as_ref())),
            ("auth.appRole.roleRef", role.and_then(|role| role.role_ref.as_ref())),
            ("auth.appRole.secretRef", role.map(|role| &role.secret_ref)),
            ("auth.userPass.secretRef", auth.and_then(|auth| auth.user_pass.as_ref()?.secret_ref.as_ref())),
        ];
        let secrets = selectors.into_iter().filter_map(|(field, selector)| Ref::secret(field, selector?));
        ca.chain(secrets).collect()
    }

    fn identity(config: &OpenBaoConfig, consumer: &Consumer<'_>) -> Digest {
        identity_of_credentials(config, consumer, Self::refs(config).len())
    }

    fn quota(config: &OpenBaoConfig) -> Digest {
        server_quota(&config.server)
    }

    fn budget(_config: &OpenBaoConfig) -> Budget {
        BUDGET
    }

    async fn open(config: OpenBaoConfig, env: Env) -> Result<Arc<dyn Store>> {
        let layout = layout(&config);
        let session = session(config, env).await?;
        Ok(Arc::new(OpenBaoStore { layout, session }))
    }
}

fn layout(config: &OpenBaoConfig) -> Layout {
    let version = match config.version {
        Some(OpenBaoVersion::V1) => KvVersion::V1,
        Some(OpenBaoVersion::V2) | None => KvVersion::V2,
    };
    Layout::new(config.path.as_deref().filter(|path| !path.is_empty()).or(Some(MOUNT)), version)
}

async fn session(config: OpenBaoConfig, env: Env) -> Result<Session> {
    let trust = env.trust("caProvider", config.ca_bundle.as_deref(), config.ca_provider.as_ref()).await?;
    let login = config.auth.as_ref().map_or(Ok(Login::Absent), login)?;
    let login_namespace = config.auth.and_then(|auth| auth.namespace).or_else(|| config.namespace.clone());
    Ok(Session::new(Parts {
        wire: Wire {
            client: env.http.client(&trust)?,
            server: server(&config.server)?,
            headers: plain_headers(),
            clock: env.clock.clone(),
            calls: env.calls.clone(),
        },
        namespace: config.namespace,
        login_namespace,
        ca: trust.ca,
        login,
        follows_index: false,
        env,
    }))
}

/// The one configured method.
fn login(auth: &OpenBaoAuth) -> Result<Login> {
    match (&auth.token_secret_ref, &auth.app_role, &auth.user_pass) {
        (Some(token), None, None) => Ok(Login::Token(token.clone())),
        (None, Some(role), None) => app_role(role),
        (None, None, Some(user)) => user_pass(user),
        _ => Err(Error::new(Kind::Invalid, "auth needs exactly one of tokenSecretRef, appRole and userPass")),
    }
}

fn app_role(role: &OpenBaoAppRole) -> Result<Login> {
    let id = match (&role.role_id, &role.role_ref) {
        (Some(id), None) => RoleId::Given(id.clone()),
        (None, Some(selector)) => RoleId::Secret(selector.clone()),
        (Some(_), Some(_)) | (None, None) => {
            return Err(Error::new(Kind::Invalid, "auth.appRole needs exactly one of roleId and roleRef"));
        }
    };
    Ok(Login::AppRole { path: role.path.clone(), id, secret: role.secret_ref.clone() })
}

fn user_pass(user: &OpenBaoUserPass) -> Result<Login> {
    password("auth.userPass.secretRef", (&user.path, &user.username), user.secret_ref.as_ref())
}

/// An opened store.
#[derive(Debug)]
struct OpenBaoStore {
    session: Session,
    layout: Layout,
}

#[async_trait]
impl Store for OpenBaoStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            access: Access::ReadOnly,
            find: true,
            batch: 1,
            property: PropertyRule::FieldOnly,
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

    /// By name, in one folder. A folder that is proven absent holds nothing.
    async fn find(&self, query: &Query) -> Result<Vec<Found>> {
        let name = searched_name(query)?;
        let folder = query.path.as_ref().map(|path| format!("{path}/")).unwrap_or_default();
        let listed = match self.session.list(&self.layout.metadata(&folder)?, self.layout.version).await {
            Err(error) if error.kind() == Kind::NotFound => Vec::new(),
            listed => listed?,
        };
        let wanted = listed.into_iter().filter(|entry| !entry.ends_with('/') && name.is_match(entry));
        let names = wanted.map(|entry| format!("{folder}{entry}")).collect();
        let found = read(&self.session, &self.layout, names).await?;
        Ok(found.into_iter().map(|found| below(&folder, found)).collect())
    }

    async fn probe(&self) -> Result<Probe> {
        self.session.probe_mount(&self.layout.listed(""), self.layout.version).await?;
        Ok(Probe::Ready)
    }

    async fn close(&self) {
        self.session.close().await;
    }
}

impl OpenBaoStore {
    async fn one(&self, key: &RemoteKey) -> Result<Entry> {
        match key.want {
            Want::Value => {
                let version = self.version(key)?;
                self.session.value(&self.layout.listed(&key.key), version, self.layout.version).await
            }
            Want::Metadata => {
                Err(Error::new(Kind::Unsupported, "the provider reads no metadata: remove metadataPolicy"))
            }
        }
    }

    fn version<'k>(&self, key: &'k RemoteKey) -> Result<Option<&'k str>> {
        let Some(version) = key.version.as_deref() else { return Ok(None) };
        if self.layout.version == KvVersion::V1 {
            let what = "entries of a key-value engine of version 1 have no versions";
            return Err(Error::new(Kind::Invalid, what).with("key", &key.key));
        }
        match version.parse::<u64>() {
            Ok(_) => Ok(Some(version)),
            Err(_) => Err(Error::new(Kind::Invalid, "a version is a number").with("version", version)),
        }
    }
}

fn searched_name(query: &Query) -> Result<Pattern> {
    if !query.tags.is_empty() {
        return Err(Error::new(Kind::Unsupported, "the provider does not find by tags"));
    }
    let missing = || Error::new(Kind::Invalid, "find needs a name");
    Pattern::new(query.name.as_deref().ok_or_else(missing)?)
}

/// The name as the folder's listing gave it, which is how ESO names the keys.
fn below(folder: &str, found: Found) -> Found {
    let name = found.name.strip_prefix(folder).unwrap_or(&found.name).to_string();
    Found { name, ..found }
}
