//! HTTP clients, shared per (CA, client certificate); answers of bounded size; failures with a kind.

use std::{
    collections::HashMap,
    error::Error as Cause,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use reqwest::{Client, Url, redirect};
use zeroize::Zeroizing;

use super::reach;
use crate::base::{Error, Kind, Result, SecretBytes, limits};

/// What makes two clients different: trust and client certificate. The proxy is the process's (`HTTPS_PROXY`), one for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// PEM of the certificate authorities to trust instead of the platform's.
    pub ca: Option<Vec<u8>>,
    /// PEM of certificate and key to present ([`super::tls::client_identity`]).
    pub client: Option<SecretBytes>,
}

/// Shared clients: one per [`Trust`], because each costs some 200 kB and its own connections; at most
/// [`limits::HTTP_CLIENTS`].
pub struct HttpPool {
    clients: Mutex<Clients>,
    lookup: reach::Lookup,
}

#[derive(Default)]
struct Clients {
    held: HashMap<[u8; 32], (Client, u64)>,
    uses: u64,
}

/// One answer, read to its end. `Debug` shows the status alone.
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body, at most [`limits::ANSWER_BYTES`]; wiped on drop.
    pub body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// How long the store asks to wait; `now` is needed for the date form of `Retry-After`.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        retry_after(&self.headers, now)
    }

    /// What a status means that nothing in the body explains, by the rules of HTTP alone. A 404 is `Invalid` here: that
    /// proves only a wrong address. A provider that recognises its store's own "not there" says `NotFound` before it asks this.
    #[must_use]
    pub fn fault(&self, now: Timestamp) -> Error {
        fault(self.status.as_u16(), self.retry_after(now))
    }
}

/// [`Answer::fault`] of a status whose answer a client of somebody else's has read.
#[must_use]
pub fn fault(status: u16, wait: Option<Duration>) -> Error {
    let (kind, what) = match status {
        200..=299 => (Kind::Malformed, "the answer of the store is not what was asked for"),
        300..=399 => (Kind::Invalid, "the store redirects to another address"),
        401 => (Kind::Unauthenticated, "the store refused the credential"),
        403 => (Kind::Forbidden, "the credential is not allowed to do this"),
        404 => (Kind::Invalid, "the store does not know the address"),
        408 | 425 => (Kind::Unavailable, "the store did not take the request"),
        409 | 412 => (Kind::Conflict, "the entry was changed by another writer"),
        429 => (Kind::Throttled, "the store asks to slow down"),
        500..=599 => (Kind::Unavailable, "the store failed"),
        _ => (Kind::Invalid, "the store refused the request"),
    };
    Error::new(kind, what).with("status", status).after(wait)
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

/// `Retry-After` in seconds or as a date, at most [`limits::RETRY_AFTER_BELIEVED`].
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
            Duration::try_from(date.duration_since(now)).unwrap_or_default()
        }
    };
    Some(wait.min(limits::RETRY_AFTER_BELIEVED))
}

impl Default for HttpPool {
    fn default() -> Self {
        Self::with_lookup(reach::system_lookup())
    }
}

impl fmt::Debug for HttpPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpPool")
    }
}

impl HttpPool {
    /// A pool that looks names up with `lookup`. The check of the addresses it yields cannot be left out.
    #[must_use]
    pub fn with_lookup(lookup: reach::Lookup) -> Self {
        Self { clients: Mutex::default(), lookup }
    }

    /// The client for this trust, made on first use.
    ///
    /// # Errors
    /// `Invalid` if the PEM does not parse.
    pub fn client(&self, trust: &Trust) -> Result<Client> {
        let id = fingerprint(trust);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.reuse(&id) {
            return Ok(client);
        }
        let client = build(trust, self.lookup.clone())?;
        clients.keep(id, client.clone());
        Ok(client)
    }
}

impl Clients {
    fn reuse(&mut self, id: &[u8; 32]) -> Option<Client> {
        self.uses += 1;
        let (client, used) = self.held.get_mut(id)?;
        *used = self.uses;
        Some(client.clone())
    }

    fn keep(&mut self, id: [u8; 32], client: Client) {
        if self.held.len() >= limits::HTTP_CLIENTS {
            let oldest = self.held.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id);
            oldest.and_then(|id| self.held.remove(&id));
        }
        self.held.insert(id, (client, self.uses));
    }
}

fn fingerprint(trust: &Trust) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for part in [trust.ca.as_deref(), trust.client.as_ref().map(SecretBytes::expose)] {
        context.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        context.update(part.unwrap_or_default());
    }
    let mut id = [0; 32];
    id.copy_from_slice(context.finish().as_ref());
    id
}

fn build(trust: &Trust, lookup: reach::Lookup) -> Result<Client> {
    let invalid = |what: &str| Error::new(Kind::Invalid, what);
    let mut builder = Client::builder()
        .use_rustls_tls()
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .timeout(limits::REQUEST_TIMEOUT)
        .pool_max_idle_per_host(limits::IDLE_CONNECTIONS)
        .pool_idle_timeout(limits::IDLE_CONNECTION_LIFE)
        .redirect(redirect::Policy::custom(within_origin))
        // reqwest repeats some failed requests by itself; there is one retry loop, and it is not that one.
        .retry(reqwest::retry::never())
        .dns_resolver(reach::Guarded(lookup))
        .user_agent(concat!("keyferry/", env!("CARGO_PKG_VERSION")));
    if let Some(ca) = &trust.ca {
        let roots = reqwest::Certificate::from_pem_bundle(ca)
            .map_err(|error| invalid("the CA is not PEM").because(error))?;
        if roots.is_empty() {
            return Err(invalid("the CA holds no certificate"));
        }
        builder = builder.tls_certs_only(roots);
    }
    if let Some(pem) = &trust.client {
        let identity = reqwest::Identity::from_pem(pem.expose())
            .map_err(|error| invalid("client certificate and key are not PEM").because(error))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| invalid("the TLS material does not fit").because(error))
}

/// Follows a redirect within one origin only: elsewhere the credential must not go, and a tenant must not lead us.
fn within_origin(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let same = attempt.previous().last().is_some_and(|from| from.origin() == attempt.url().origin());
    if same && attempt.previous().len() <= limits::REDIRECTS { attempt.follow() } else { attempt.stop() }
}

/// Sends one request and reads its answer to the end, whatever the status.
///
/// # Errors
/// `Refused` for an address that no store may have; `Unavailable` for connect, TLS, time-out and a cut stream; `Malformed` for
/// an answer over the limit or in an encoding that was not asked for; `Invalid` for a request that cannot be sent.
pub async fn send(client: &Client, request: reqwest::Request) -> Result<Answer> {
    reach::check(request.url())?;
    send_to_platform(client, request).await
}

/// [`send`] to an address that the platform gives to the process and no tenant chooses: where a process gets its own identity (the
/// metadata service of the instance or the container) is a link-local address, which [`send`] refuses.
///
/// # Errors
/// Those of [`send`], without `Refused` for an address by number.
pub async fn send_to_platform(client: &Client, request: reqwest::Request) -> Result<Answer> {
    let host = place(request.url());
    let answer = client.execute(request).await.map_err(|error| failure(&host, &error))?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    if !is_plain(&headers) {
        return Err(Error::new(Kind::Malformed, "the answer has an encoding that was not asked for")
            .with("host", host));
    }
    let body = read(answer, &host).await?;
    Ok(Answer { status, headers, body })
}

/// Host and port: all of a URL that an error names, since the path may hold a tenant's key.
fn place(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"))
}

/// True if nothing is left to decode (the client takes `Content-Encoding` away where it has decoded).
fn is_plain(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity")
}

async fn read(answer: reqwest::Response, host: &str) -> Result<Zeroizing<Vec<u8>>> {
    let told = answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
    let mut body = Zeroizing::new(Vec::with_capacity(told.min(limits::ANSWER_BYTES)));
    let mut stream = answer.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| failure(host, &error))?;
        if body.len() + chunk.len() > limits::ANSWER_BYTES {
            return Err(Error::new(Kind::Malformed, "the answer is larger than the limit")
                .with("host", host)
                .with("limit_mib", limits::ANSWER_BYTES >> 20));
        }
        append(&mut body, &chunk);
    }
    Ok(body)
}

/// Appends; a buffer that has to move is wiped where it was.
fn append(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    let needed = body.len() + chunk.len();
    if needed > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(2 * body.capacity())));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}

/// What a failed exchange means.
fn failure(host: &str, error: &reqwest::Error) -> Error {
    if sources(error).any(|cause| cause.is::<reach::Forbidden>()) {
        return reach::refusal(host);
    }
    let tls = sources(error).find_map(tls_reason);
    let (kind, what) = match error {
        _ if tls.is_some() => (Kind::Unavailable, "the TLS connection to the store failed"),
        _ if error.is_timeout() => (Kind::Unavailable, "the store did not answer in time"),
        _ if error.is_dns() => (Kind::Unavailable, "the name of the store cannot be resolved"),
        _ if error.is_connect() => (Kind::Unavailable, "could not connect to the store"),
        _ if error.is_builder() => (Kind::Invalid, "the request cannot be sent as written"),
        _ if is_garbled(error) => (Kind::Malformed, "the answer of the store cannot be decoded"),
        _ => (Kind::Unavailable, "the answer of the store was cut off"),
    };
    let said = Error::new(kind, what).with("host", host);
    // A connection that was never there is not lost: who asks again at once asks in vain.
    let was_there = tls.is_none() && !error.is_timeout() && !error.is_connect() && !error.is_dns();
    let lost = kind == Kind::Unavailable && was_there;
    let said = if lost { said.lost() } else { said };
    // The text of a TLS error names certificates and alerts, never data.
    tls.map_or(said.clone(), |tls| said.with("reason", tls))
}

/// True if the decoder cannot make sense of what came. It says "decode" of a cut stream too, since it is what reads the stream, so
/// the error below is asked. A request that failed to be sent has no answer yet: there it is the connection that is garbled.
fn is_garbled(error: &reqwest::Error) -> bool {
    let invalid = sources(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::InvalidData);
    invalid && !error.is_request()
}

/// What TLS says is wrong. HTTP/2 keeps only the text of an alert that comes after the handshake, as one for a missing client
/// certificate does.
fn tls_reason(cause: &(dyn Cause + 'static)) -> Option<String> {
    let text = cause.to_string();
    (cause.is::<rustls::Error>() || text.starts_with("received fatal alert: ")).then_some(text)
}

/// The error and everything beneath it. An `io::Error` hides what it wraps from `source`, so it is looked into.
fn sources<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Cause + 'static)> {
    std::iter::successors(Some(error as &(dyn Cause + 'static)), |cause| beneath(*cause))
}

fn beneath<'a>(cause: &'a (dyn Cause + 'static)) -> Option<&'a (dyn Cause + 'static)> {
    let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    wrapped.map(|inner| inner as &(dyn Cause + 'static)).or_else(|| cause.source())
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Arc};

    use super::*;
    use crate::net::{
        scripted::{Authority, Exchange, Reply, Scripted},
        tls,
    };

    const MARKER: &str = "marker-of-a-secret";

    async fn get(pool: &HttpPool, trust: &Trust, url: &str) -> Result<Answer> {
        let client = pool.client(trust)?;
        let request = client.get(url).build().unwrap();
        send(&client, request).await
    }

    async fn plain(url: &str) -> Result<Answer> {
        get(&HttpPool::default(), &Trust::default(), url).await
    }

    /// What becomes of one reply.
    async fn of(reply: Reply) -> Result<Answer> {
        let server = Scripted::start([Exchange::get("/path").answers(reply)]).await;
        let answer = plain(&format!("{}/path", server.url())).await;
        server.finish();
        answer
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_end_whatever_its_status() {
        for status in [200, 404, 503] {
            let answer = of(Reply::json(status, MARKER)).await.unwrap();
            assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (status, MARKER.as_bytes()));
            assert!(!format!("{answer:?}").contains(MARKER));
        }
    }

    #[tokio::test]
    async fn a_broken_exchange_has_a_kind_and_its_text_names_the_host_alone() {
        let table = [
            ("closed", Reply::closed(), Kind::Unavailable),
            ("cut", Reply::cut(200, MARKER), Kind::Unavailable),
            ("too large", Reply::huge(200), Kind::Malformed),
            ("unasked encoding", Reply::json(200, MARKER).header("content-encoding", "br"), Kind::Malformed),
            ("not gzip", Reply::json(200, MARKER).header("content-encoding", "gzip"), Kind::Malformed),
        ];
        for (name, reply, kind) in table {
            let error = of(reply).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{name}: {error}");
            let text = error.to_string();
            assert!(text.contains("host=127.0.0.1:"), "{name}: {text}");
            assert!(!text.contains(MARKER) && !text.contains("path"), "{name}: {text}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_tells_no_length_is_cut_off_at_the_limit() {
        // Chunks of 1 MiB, one more than the limit allows.
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
        let body = chunk.repeat((limits::ANSWER_BYTES >> 20) + 1);
        let reply = Reply::body(200, "text/plain", [body.as_slice(), b"0\r\n\r\n"].concat());
        let error = of(reply.header("transfer-encoding", "chunked")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Malformed, "{error}");
    }

    #[tokio::test]
    async fn a_server_that_never_answers_is_unavailable() {
        let server = Scripted::start([Exchange::get("/").answers(Reply::silence())]).await;
        let error = server.timing_out(plain(server.url())).await.unwrap_err();
        assert_eq!(error.to_string().split(" (").next(), Some("the store did not answer in time"));
        assert_eq!(error.kind(), Kind::Unavailable);
    }

    #[tokio::test]
    async fn a_port_where_nobody_listens_is_unavailable() {
        let url = Scripted::start([]).await.url().to_string();
        let error = plain(&url).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable, "{error}");
        assert!(!error.is_lost(), "a connection that never was is not tried again at once");
    }

    #[tokio::test]
    async fn a_connection_that_breaks_under_a_request_is_lost() {
        assert!(of(Reply::closed()).await.unwrap_err().is_lost());
    }

    #[tokio::test]
    async fn a_redirect_is_followed_within_one_origin() {
        let server = Scripted::start([
            Exchange::get("/old").answers(Reply::status(307).header("location", "/new")),
            Exchange::get("/new").answers(Reply::json(200, "{}")),
        ])
        .await;
        assert_eq!(plain(&format!("{}/old", server.url())).await.unwrap().status, StatusCode::OK);
        server.finish();
    }

    #[tokio::test]
    async fn sec_12_a_redirect_elsewhere_is_not_followed() {
        let elsewhere = Scripted::start([]).await;
        for target in [elsewhere.url(), "http://169.254.169.254/latest/meta-data/"] {
            let answer = of(Reply::status(302).header("location", target)).await.unwrap();
            assert_eq!(answer.status, StatusCode::FOUND);
            assert_eq!(answer.fault(Timestamp::UNIX_EPOCH).kind(), Kind::Invalid);
        }
        elsewhere.finish();
    }

    #[tokio::test]
    async fn redirects_in_a_circle_end() {
        let back = Reply::status(307).header("location", "/path");
        let server = Scripted::start([Exchange::get("/path").answers(back).repeated()]).await;
        let answer = plain(&format!("{}/path", server.url())).await.unwrap();
        assert_eq!(answer.status, StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(server.requests().len(), 1 + limits::REDIRECTS);
    }

    #[tokio::test]
    async fn sec_12_a_metadata_address_gets_no_request() {
        let error = plain("http://169.254.169.254/latest/meta-data/").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{error}");
    }

    #[tokio::test]
    async fn sec_12_a_name_is_refused_if_one_of_its_addresses_is() {
        let (good, bad): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [169, 254, 169, 254].into());
        let server = Scripted::start([Exchange::get("/")]).await;
        let port = server.url().rsplit(':').next().unwrap().to_string();
        for (addresses, kind) in [(vec![good], None), (vec![good, bad], Some(Kind::Refused))] {
            let lookup: reach::Lookup =
                Arc::new(move |_| Box::pin(std::future::ready(Ok(addresses.clone()))));
            let url = format!("http://store.example:{port}/");
            let outcome = get(&HttpPool::with_lookup(lookup), &Trust::default(), &url).await;
            assert_eq!(outcome.err().map(|error| error.kind()), kind);
        }
        server.finish();
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_unavailable() {
        let lookup: reach::Lookup =
            Arc::new(|_| Box::pin(std::future::ready(Err(std::io::Error::other("no such name")))));
        let outcome = get(&HttpPool::with_lookup(lookup), &Trust::default(), "http://store.example/").await;
        let error = outcome.unwrap_err();
        assert_eq!(error.to_string(), "the name of the store cannot be resolved (host=store.example)");
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(!error.is_lost());
    }

    #[tokio::test]
    async fn sec_19_only_the_named_authority_is_trusted() {
        let (own, other) = (Authority::default(), Authority::default());
        let server = Scripted::start_tls([Exchange::get("/")], &own, false).await;
        let ask = async |authority: &Authority| {
            let trust = Trust { ca: Some(authority.pem().into()), client: None };
            get(&HttpPool::default(), &trust, server.url()).await
        };
        let error = ask(&other).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unavailable);
        assert!(error.to_string().starts_with("the TLS connection to the store failed"), "{error}");
        assert!(ask(&own).await.is_ok());
        server.finish();
    }

    #[tokio::test]
    async fn a_client_certificate_opens_a_server_that_asks_for_one() {
        let authority = Authority::default();
        let server = Scripted::start_tls([Exchange::get("/")], &authority, true).await;
        let (certificate, key) = authority.client("keyferry");
        let identity = tls::client_identity(&certificate, &key).unwrap();
        for (client, works) in [(None, false), (Some(identity), true)] {
            let trust = Trust { ca: Some(authority.pem().into()), client };
            let outcome = get(&HttpPool::default(), &trust, server.url()).await;
            assert_eq!(outcome.is_ok(), works, "{outcome:?}");
        }
        server.finish();
    }

    #[test]
    fn trust_that_is_no_pem_is_invalid() {
        let pool = HttpPool::default();
        let ca = |pem: &str| Trust { ca: Some(pem.into()), client: None };
        for trust in [ca(""), ca("x"), Trust { ca: None, client: Some("x".into()) }] {
            assert_eq!(pool.client(&trust).unwrap_err().kind(), Kind::Invalid);
        }
    }

    #[test]
    fn the_pool_keeps_the_clients_that_were_used_last() {
        let pool = HttpPool::default();
        let authorities: Vec<_> = (0..3).map(|_| Authority::default()).collect();
        let trust =
            |i: usize| Trust { ca: Some(authorities[i % 3].pem().repeat(1 + i / 3).into()), client: None };
        for i in 0..=limits::HTTP_CLIENTS {
            pool.client(&trust(i)).unwrap();
            pool.client(&trust(0)).unwrap();
        }
        let clients = pool.clients.lock().unwrap();
        assert_eq!(clients.held.len(), limits::HTTP_CLIENTS);
        assert!(clients.held.contains_key(&fingerprint(&trust(0))));
        assert!(!clients.held.contains_key(&fingerprint(&trust(1))));
    }

    #[test]
    fn a_status_alone_never_proves_absence() {
        let table = [
            (200, Kind::Malformed),
            (302, Kind::Invalid),
            (400, Kind::Invalid),
            (401, Kind::Unauthenticated),
            (403, Kind::Forbidden),
            (404, Kind::Invalid),
            (408, Kind::Unavailable),
            (409, Kind::Conflict),
            (410, Kind::Invalid),
            (412, Kind::Conflict),
            (429, Kind::Throttled),
            (500, Kind::Unavailable),
            (503, Kind::Unavailable),
        ];
        for (status, kind) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let answer = Answer { status, headers: HeaderMap::new(), body: Zeroizing::default() };
            assert_eq!(answer.fault(Timestamp::UNIX_EPOCH).kind(), kind, "{status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_is_believed_up_to_a_bound() {
        let now = Timestamp::from_second(784_111_777).unwrap(); // Sun, 06 Nov 1994 08:49:37 GMT
        let table = [
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(30)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("99999999", Some(limits::RETRY_AFTER_BELIEVED.as_secs())),
            ("soon", None),
            ("-1", None),
        ];
        for (text, seconds) in table {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
