//! HTTP clients, shared per (CA, client certificate); answers of bounded size.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use http::{HeaderMap, StatusCode};
use reqwest::Client;
use zeroize::Zeroizing;

use crate::base::{Error, Kind, Result, SecretBytes, limits};

/// What makes two clients different: trust and client certificate. The proxy is the process's (`HTTPS_PROXY`), one for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// PEM of the certificate authorities to trust instead of the platform's.
    pub ca: Option<Vec<u8>>,
    /// PEM of certificate and key to present.
    pub client: Option<SecretBytes>,
}

/// Shared clients: one per [`Trust`], because each costs some 200 kB and its own connections.
#[derive(Debug, Default)]
pub struct HttpPool {
    clients: Mutex<HashMap<[u8; 32], Client>>,
}

/// One answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, at most [`limits::ANSWER_BYTES`]; wiped on drop.
    pub body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// How long the store asks to wait (`Retry-After` in seconds; the date form is read as absent).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers)
    }
}

/// `Retry-After` in seconds.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(3600)))
}

impl HttpPool {
    /// The client for this trust, made on first use.
    ///
    /// # Errors
    /// `Invalid` if the PEM does not parse.
    pub fn client(&self, trust: &Trust) -> Result<Client> {
        let id = fingerprint(trust);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&id) {
            return Ok(client.clone());
        }
        let client = build(trust)?;
        clients.insert(id, client.clone());
        Ok(client)
    }
}

fn fingerprint(trust: &Trust) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let ca = trust.ca.as_deref().unwrap_or_default();
    context.update(&(ca.len() as u64).to_le_bytes());
    context.update(ca);
    context.update(trust.client.as_ref().map(SecretBytes::expose).unwrap_or_default());
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    id
}

fn build(trust: &Trust) -> Result<Client> {
    let invalid = |what: &str, error: reqwest::Error| Error::new(Kind::Invalid, what).because(error);
    let mut builder = Client::builder()
        .use_rustls_tls()
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .timeout(limits::REQUEST_TIMEOUT)
        .pool_max_idle_per_host(32)
        .pool_idle_timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("keyferry/", env!("CARGO_PKG_VERSION")));
    if let Some(ca) = &trust.ca {
        let roots = reqwest::Certificate::from_pem_bundle(ca).map_err(|error| invalid("the CA is not PEM", error))?;
        builder = builder.tls_certs_only(roots);
    }
    if let Some(pem) = &trust.client {
        let identity = reqwest::Identity::from_pem(pem.expose())
            .map_err(|error| invalid("client certificate and key are not PEM", error))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| invalid("the TLS material does not fit", error))
}

/// Sends one request and reads its answer to the end, whatever the status.
///
/// # Errors
/// `Unavailable` for connect, TLS, time-out and a cut stream; `Malformed` for an answer over the limit.
pub async fn send(client: &Client, request: reqwest::Request) -> Result<Answer> {
    let host = request.url().host_str().unwrap_or_default().to_string();
    let answer = client.execute(request).await.map_err(|error| unavailable(&host, &error))?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = read(answer, &host).await?;
    Ok(Answer { status, headers, body })
}

async fn read(answer: reqwest::Response, host: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    let mut stream = answer.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| unavailable(host, &error))?;
        if body.len() + chunk.len() > limits::ANSWER_BYTES {
            let limit = limits::ANSWER_BYTES >> 20;
            return Err(Error::new(Kind::Malformed, "the answer is larger than the limit")
                .with("host", host)
                .with("limit_mib", limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a failed exchange means. The URL may hold a tenant's key: only the host is named.
fn unavailable(host: &str, error: &reqwest::Error) -> Error {
    let what = if error.is_timeout() {
        "the store did not answer in time"
    } else if error.is_connect() {
        "could not connect to the store"
    } else {
        "the answer of the store was cut off"
    };
    Error::new(Kind::Unavailable, what).with("host", host)
}
