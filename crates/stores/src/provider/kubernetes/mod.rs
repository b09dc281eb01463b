//! The Secrets of one namespace of a cluster, this one or another (reference 10.6, the reading half).
//!
//! - `config`: the CRD fragment.
//! - `kubeconfig`: what a kubeconfig says. Pure.
//! - `auth`: where the API server is, whom to trust, who we are.
//! - `wire`: URLs, one judged call, what answers hold.
//!
//! An entry is a Secret, its payload the Secret's data. Versions are ignored, as with ESO. It speaks REST through `net`: a client
//! library of Kubernetes would bring a second transport with rules of its own.
//!
//! What it does not do yet: writes.

mod auth;
pub mod config;
mod kubeconfig;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;

use self::{
    config::KubernetesConfig,
    wire::{Call, Page, Server},
};
use super::{
    Absence, Access, Batch, Budget, Capabilities, Consumer, Digest, Entry, Env, Found, MapRule, Payload,
    Probe, Problem, PropertyRule, Provider, Query, RemoteKey, Store, Want, identity_of_credentials,
};
use crate::{
    base::{
        Error, Kind, Result, limits,
        pattern::Pattern,
        refs::{Ref, Scope, SecretKeySelector},
    },
    net::client::Answer,
};

/// The provider `kubernetes`.
#[derive(Debug, Clone, Copy)]
pub struct Kubernetes;

/// An API server publishes no quota: it serves 600 requests at once by default and gives the flows of ServiceAccounts some 245 seats of
/// them, and says 429 with `Retry-After` beyond that. We take an eighth of those seats.
const BUDGET: Budget = Budget { per_second: 500.0, in_flight: 32 };

/// The namespace that is read where a store names none.
const DEFAULT_NAMESPACE: &str = "default";

#[async_trait]
impl Provider for Kubernetes {
    type Config = KubernetesConfig;

    /// The API server says of a Secret in an absent namespace what it says of an absent Secret, and few credentials may look at
    /// namespaces; so its word proves nothing that may be acted on. ESO's reads of single values never act on it either.
    const ABSENCE: Absence = Absence::ErrorOnly;

    const ACCESS: Access = Access::ReadWrite;

    fn validate(config: &KubernetesConfig, _scope: &Scope) -> Vec<Problem> {
        if let Some(selector) = &config.auth_ref {
            return unnamed(("authRef", selector)).into_iter().collect();
        }
        let server = auth::server(config).err().map(|error| Problem::new("server.url", error.to_string()));
        let secrets = config.auth.iter().flat_map(auth::secrets).filter_map(unnamed);
        server.into_iter().chain(secrets).collect()
    }

    fn refs(config: &KubernetesConfig) -> Vec<Ref> {
        auth::refs(config)
    }

    /// What reaches the wire is the configuration and the credentials that it names.
    fn identity(config: &KubernetesConfig, consumer: &Consumer<'_>) -> Digest {
        identity_of_credentials(config, consumer, Self::refs(config).len())
    }

    /// All stores of one API server share its budget. A kubeconfig's address is not known before it is read, so there it is the file.
    fn quota(config: &KubernetesConfig) -> Digest {
        let place = match &config.auth_ref {
            Some(selector) => format!("{selector:?}"),
            None => auth::server(config).map(|url| url.origin().ascii_serialization()).unwrap_or_default(),
        };
        Digest::of([b"kubernetes".as_slice(), place.as_bytes()])
    }

    fn budget(_config: &KubernetesConfig) -> Budget {
        BUDGET
    }

    async fn open(config: KubernetesConfig, env: Env) -> Result<Arc<dyn Store>> {
        let unprepared = |error: Error| error.within("failed to prepare auth");
        let door = auth::door(&config, &env).await.map_err(unprepared)?;
        let server = Server::open(door, env).await.map_err(unprepared)?;
        let namespace = config.remote_namespace.filter(|namespace| !namespace.is_empty());
        let namespace = namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_string());
        Ok(Arc::new(KubernetesStore { server, namespace }))
    }
}

/// A reference needs a name and a key.
fn unnamed((field, selector): (&'static str, &SecretKeySelector)) -> Option<Problem> {
    let lacks = |part: &Option<String>| part.as_ref().is_none_or(String::is_empty);
    let parts = [("name", lacks(&selector.name)), ("key", lacks(&selector.key))];
    let (part, _) = parts.into_iter().find(|(_, lacks)| *lacks)?;
    Some(Problem::new(format!("{field}.{part}"), "cannot be empty"))
}

/// An opened store.
#[derive(Debug)]
struct KubernetesStore {
    server: Server,
    namespace: String,
}

#[async_trait]
impl Store for KubernetesStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            access: Kubernetes::ACCESS,
            find: true,
            batch: 1,
            property: PropertyRule::ByteField,
            property_absence: false,
            map: MapRule::Raw,
            find_converts: true,
        }
    }

    async fn get(&self, keys: &[RemoteKey]) -> Batch {
        let mut answers = Vec::with_capacity(keys.len());
        for key in keys {
            answers.push(self.one(key).await);
        }
        Batch::Answers(answers)
    }

    /// By labels, or, without any, by name. `find.path` says nothing here, as with ESO.
    async fn find(&self, query: &Query) -> Result<Vec<Found>> {
        let listed = match &query.name {
            _ if !query.tags.is_empty() => self.list(Some(&selector(query)?), |_| true).await,
            Some(name) => {
                let pattern = Pattern::new(name)?;
                self.list(None, |name| pattern.is_match(name)).await
            }
            None => Err(Error::new(Kind::Invalid, "unexpected find operator: set find.name or find.tags")),
        };
        listed.map_err(|error| error.within("unable to list secrets"))
    }

    /// Asks for the rules of the caller, and where they do not say so, for the one right that counts. An API server that does not
    /// answer proves nothing.
    async fn probe(&self) -> Result<Probe> {
        match self.may_get().await {
            Ok(true) => Ok(Probe::Ready),
            Ok(false) => Err(Error::new(Kind::Forbidden, "client is not allowed to get secrets")
                .with("namespace", &self.namespace)),
            Err(error) => Ok(Probe::Unknown(Some(error.within("could not verify if client is valid")))),
        }
    }
}

impl KubernetesStore {
    async fn one(&self, key: &RemoteKey) -> Result<Entry> {
        let name = key.key.as_str();
        if !is_segment(name) {
            return Err(Error::new(Kind::Invalid, format!("invalid resource name {name:?}")));
        }
        let secret = self.secret(name).await?;
        let version = secret.metadata.resource_version.clone();
        let payload = match key.want {
            Want::Value => Payload::Fields(secret.fields()),
            Want::Metadata => Payload::Bytes(secret.labels_and_annotations()?),
        };
        Ok(Entry { payload, version })
    }

    async fn secret(&self, name: &str) -> Result<wire::Secret> {
        let call = Call::read(&["api", "v1", "namespaces", &self.namespace, "secrets", name]);
        let reading = |error: Error| error.within(format!("cannot get secret {name:?}"));
        let answer = self.server.ask(&call).await.map_err(reading)?;
        if answer.status.is_success() {
            wire::secret(&answer, name).map_err(reading)
        } else if wire::says_absent(&answer, name) {
            Err(absent(name, &self.namespace))
        } else {
            Err(reading(self.server.fault(&answer)))
        }
    }

    /// All Secrets whose name is kept, page by page.
    async fn list(&self, selector: Option<&str>, keep: impl Fn(&str) -> bool + Send) -> Result<Vec<Found>> {
        let (mut found, mut visited) = (Vec::new(), 0);
        let (mut size, mut next) = (limits::LIST_PAGE, None);
        while visited <= limits::FIND_VISITED && found.len() <= limits::FIND_ENTRIES {
            let page = match self.page(selector, size, next.as_deref()).await {
                // Too large an answer: Secrets of Helm releases are some hundred kilobytes each.
                Err(error) if error.kind() == Kind::Malformed && size > 1 => {
                    size = (size / 10).max(1);
                    continue;
                }
                page => page?,
            };
            // Counted beside its items: a server must not keep us with empty pages.
            visited += 1 + page.items.len();
            found.extend(page.items.into_iter().filter(|secret| keep(&secret.metadata.name)).map(entry));
            next = page.next;
            if next.is_none() {
                return Ok(found);
            }
        }
        Err(Error::new(Kind::Malformed, "the search meets too many secrets")
            .with("limit", limits::FIND_ENTRIES))
    }

    async fn page(&self, selector: Option<&str>, size: usize, next: Option<&str>) -> Result<Page> {
        let call = Call::read(&["api", "v1", "namespaces", &self.namespace, "secrets"]);
        let call = call.query("limit", size).query_if("labelSelector", selector).query_if("continue", next);
        let answer = self.server.ask(&call).await?;
        if answer.status.is_success() { wire::page(&answer) } else { Err(self.server.fault(&answer)) }
    }

    async fn may_get(&self) -> Result<bool> {
        let namespace = &self.namespace;
        let rules = json!({"namespace": namespace});
        let rules = Call::review("SelfSubjectRulesReview", "selfsubjectrulesreviews", &rules);
        if wire::rules_allow(&self.reviewed(&rules).await?)? {
            return Ok(true);
        }
        let access =
            json!({"resourceAttributes": {"resource": "secrets", "namespace": namespace, "verb": "get"}});
        let access = Call::review("SelfSubjectAccessReview", "selfsubjectaccessreviews", &access);
        wire::access_allows(&self.reviewed(&access).await?)
    }

    async fn reviewed(&self, call: &Call) -> Result<Answer> {
        let answer = self.server.ask(call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.server.fault(&answer)) }
    }
}

/// ESO hands the API server's own sentence on; alert rules match it.
fn absent(name: &str, namespace: &str) -> Error {
    Error::new(Kind::NotFound, format!("secrets {name:?} not found")).with("namespace", namespace)
}

fn entry(secret: wire::Secret) -> Found {
    let (name, version) = (secret.metadata.name.clone(), secret.metadata.resource_version.clone());
    Found { name, entry: Entry { payload: Payload::Fields(secret.fields()), version } }
}

/// True for what can be one segment of a path, by the rule of Kubernetes' own clients.
fn is_segment(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '%'])
}

/// The label selector of a query: all tags, each equal.
///
/// # Errors
/// `Invalid` for what is no label, and could say something else in a selector.
fn selector(query: &Query) -> Result<String> {
    let plain = |text: &str, also: &str| {
        text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c) || also.contains(c))
    };
    let odd =
        query.tags.iter().find(|(name, value)| name.is_empty() || !plain(name, "/") || !plain(value, ""));
    if let Some((name, _)) = odd {
        return Err(Error::new(Kind::Invalid, "unable to validate selector tags").with("tag", name));
    }
    let terms: Vec<_> = query.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok(terms.join(","))
}
