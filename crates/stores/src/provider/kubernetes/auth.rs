//! Where the API server is, whom to trust and who we are.

use http::HeaderValue;
use reqwest::Url;
use zeroize::Zeroizing;

use super::{
    config::{KubernetesAuth, KubernetesCertAuth, KubernetesConfig},
    kubeconfig,
};
use crate::{
    base::{
        Error, Kind, Result, SecretBytes, limits,
        refs::{Ref, SecretKeySelector, ServiceAccountSelector},
    },
    net::{
        client::Trust,
        tls::client_identity,
        token::{Fresh, Token, TokenCache},
    },
    provider::env::{Env, TokenRequest},
};

const AUTH_REF: &str = "authRef";
const CA_PROVIDER: &str = "server.caProvider";
const CLIENT_CERT: &str = "auth.cert.clientCert";
const CLIENT_KEY: &str = "auth.cert.clientKey";
const BEARER_TOKEN: &str = "auth.token.bearerToken";
const SERVICE_ACCOUNT: &str = "auth.serviceAccount";

/// The address where a store names none.
const DEFAULT_SERVER: &str = "kubernetes.default";

/// All that a connection needs.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) server: Url,
    pub(super) trust: Trust,
    pub(super) bearer: Bearer,
}

/// The `Authorization` of requests.
#[derive(Debug)]
pub(super) enum Bearer {
    /// None: a client certificate says who we are, or nobody does.
    Absent,
    /// A token of a Secret. A new one makes a new identity, and so another store.
    Fixed(HeaderValue),
    /// Tokens of a ServiceAccount, requested when needed.
    Requested(ServiceAccountSelector, TokenCache<HeaderValue>),
}

/// What of the cluster a configuration reads.
pub(super) fn refs(config: &KubernetesConfig) -> Vec<Ref> {
    if let Some(selector) = &config.auth_ref {
        return Ref::secret(AUTH_REF, selector).into_iter().collect();
    }
    let server =
        config.server.as_ref().filter(|server| server.ca_bundle.as_ref().is_none_or(String::is_empty));
    let ca = server.and_then(|server| Some(Ref::ca(CA_PROVIDER, server.ca_provider.as_ref()?)));
    let auth = config.auth.iter();
    let account = auth.clone().filter_map(|auth| auth.service_account.as_ref());
    let account = account.map(|account| Ref::service_account(SERVICE_ACCOUNT, account));
    let secrets = auth.flat_map(secrets).filter_map(|(field, selector)| Ref::secret(field, selector));
    ca.into_iter().chain(secrets).chain(account).collect()
}

/// The Secrets of an `auth`, with their fields.
pub(super) fn secrets(auth: &KubernetesAuth) -> Vec<(&'static str, &SecretKeySelector)> {
    let token = auth.token.iter().map(|token| (BEARER_TOKEN, &token.bearer_token));
    let pair =
        auth.cert.iter().flat_map(|cert| [(CLIENT_CERT, &cert.client_cert), (CLIENT_KEY, &cert.client_key)]);
    token.chain(pair).collect()
}

/// The address that a configuration names itself.
///
/// # Errors
/// `Invalid` if it is none.
pub(super) fn server(config: &KubernetesConfig) -> Result<Url> {
    let named = config.server.as_ref().and_then(|server| server.url.as_deref());
    address(named.filter(|url| !url.is_empty()).unwrap_or(DEFAULT_SERVER))
}

/// A URL, or host and port as clients of Kubernetes take them too. Those go over TLS, since a credential goes with them.
fn address(text: &str) -> Result<Url> {
    let full = if text.contains("://") { text.to_string() } else { format!("https://{text}") };
    let invalid = || Error::new(Kind::Invalid, "not the address of an API server: write https://host:port");
    let url = Url::parse(&full).map_err(|error| invalid().because(error))?;
    let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
    if !plain || !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(invalid());
    }
    Ok(url)
}

/// Finds the door; reads the credentials.
///
/// # Errors
/// Those of the credentials; `Invalid` for an address or a kubeconfig that is none.
pub(super) async fn door(config: &KubernetesConfig, env: &Env) -> Result<Door> {
    match &config.auth_ref {
        Some(selector) => by_kubeconfig(selector, env).await,
        None => by_fields(config, env).await,
    }
}

async fn by_kubeconfig(selector: &SecretKeySelector, env: &Env) -> Result<Door> {
    let file = env.credentials.secret(AUTH_REF, selector, "").await?;
    let context = kubeconfig::read(&file)?;
    let client = context.client.map(|(certificate, key)| client_identity(&certificate, &key)).transpose()?;
    let bearer = context.token.map_or(Ok(Bearer::Absent), |token| bearer(&token).map(Bearer::Fixed))?;
    Ok(Door { server: address(&context.server)?, trust: Trust { ca: context.ca, client }, bearer })
}

async fn by_fields(config: &KubernetesConfig, env: &Env) -> Result<Door> {
    let named = config.server.as_ref();
    let bundle = named.and_then(|server| server.ca_bundle.as_deref());
    let provider = named.and_then(|server| server.ca_provider.as_ref());
    let mut trust = env.trust(CA_PROVIDER, bundle, provider).await?;
    let bearer = match &config.auth {
        None => Bearer::Absent,
        Some(KubernetesAuth { token: Some(token), .. }) => {
            let token = env.credentials.secret(BEARER_TOKEN, &token.bearer_token, "").await?;
            Bearer::Fixed(bearer(&token)?)
        }
        Some(KubernetesAuth { service_account: Some(account), .. }) => {
            Bearer::Requested(account.clone(), TokenCache::new(env.clock.clone()))
        }
        Some(KubernetesAuth { cert: Some(cert), .. }) => {
            trust.client = Some(client_certificate(cert, env).await?);
            Bearer::Absent
        }
        Some(KubernetesAuth { cert: None, token: None, service_account: None }) => {
            return Err(Error::new(Kind::Invalid, "no auth provider given").with("field", "auth"));
        }
    };
    Ok(Door { server: server(config)?, trust, bearer })
}

async fn client_certificate(cert: &KubernetesCertAuth, env: &Env) -> Result<SecretBytes> {
    let certificate = env.credentials.secret(CLIENT_CERT, &cert.client_cert, "").await?;
    let key = env.credentials.secret(CLIENT_KEY, &cert.client_key, "").await?;
    client_identity(&certificate, &key)
}

/// The header of a token.
fn bearer(token: &SecretBytes) -> Result<HeaderValue> {
    let text = Zeroizing::new([b"Bearer ", token.expose().trim_ascii()].concat());
    let refuse = |_| Error::new(Kind::Unauthenticated, "the token holds characters that no token has");
    let mut value = HeaderValue::from_bytes(&text).map_err(refuse)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Bearer {
    /// The header now; `None` where there is none.
    ///
    /// # Errors
    /// Those of the request for a token.
    pub(super) async fn get(&self, env: &Env) -> Result<Option<Token<HeaderValue>>> {
        match self {
            Self::Absent => Ok(None),
            Self::Fixed(value) => Ok(Some(Token { value: value.clone(), generation: 0 })),
            Self::Requested(account, tokens) => {
                tokens.get(async || request(account, env).await).await.map(Some)
            }
        }
    }

    /// Another header in the place of one that was refused; `None` where there is none to be had.
    ///
    /// # Errors
    /// Those of the request for a token.
    pub(super) async fn another(
        &self,
        refused: &Token<HeaderValue>,
        env: &Env,
    ) -> Result<Option<Token<HeaderValue>>> {
        match self {
            Self::Absent | Self::Fixed(_) => Ok(None),
            Self::Requested(_, tokens) => {
                tokens.invalidate(refused.generation);
                self.get(env).await
            }
        }
    }
}

async fn request(account: &ServiceAccountSelector, env: &Env) -> Result<Fresh<HeaderValue>> {
    let audiences = account.audiences.as_deref().unwrap_or_default();
    let request = TokenRequest { account, audiences, ttl: limits::STORE_TOKEN };
    let token = env.credentials.token(SERVICE_ACCOUNT, &request).await?;
    Ok(Fresh { value: bearer(&token.value)?, expires: Some(token.expires) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_a_scheme_goes_over_tls() {
        let table = [
            ("kubernetes.default", "https://kubernetes.default/"),
            ("10.0.0.1:6443", "https://10.0.0.1:6443/"),
            ("api.example:443", "https://api.example/"),
            ("https://rancher.example/k8s/clusters/c-1", "https://rancher.example/k8s/clusters/c-1"),
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001/"),
        ];
        for (text, url) in table {
            assert_eq!(address(text).unwrap().as_str(), url);
        }
    }

    #[test]
    fn what_is_no_address_is_invalid() {
        for text in ["https://", "ftp://a", "https://user:password@a", "https://a?b=c", "a b"] {
            assert_eq!(address(text).unwrap_err().kind(), Kind::Invalid, "{text}");
        }
    }
}
