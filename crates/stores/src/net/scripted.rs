//! For tests: a loopback HTTP/1.1 server that answers by script, and a recording proxy in front of a real server.
//!
//! ```text
//! let server = Scripted::start([
//!     Exchange::get("/v1/secret/data/app").header("x-vault-token", "t").answers(Reply::json(200, r#"{"data":{}}"#)),
//!     Exchange::post("/v1/auth/login").body_contains("role").answers(Reply::status(503)).times(2),
//!     Exchange::get("/v1/list").query("after", "b").answers(Reply::cut(200, r#"{"da"#)).repeated(),
//! ]).await;
//! ... server.url() ...
//! server.finish();
//! ```
//!
//! The first exchange that matches and is not used up answers. A request that no exchange matches gets no answer at all (the
//! connection closes), and the test fails with the list of them: nothing ever turns into a 200 by accident. [`Scripted::finish`]
//! also fails for exchanges that were never asked for; a dropped server fails for unscripted requests only.
//!
//! Time-outs are tested without waiting: script [`Reply::silence`] and run the call in [`Scripted::timing_out`].
#![allow(clippy::expect_used, reason = "a test that cannot run must fail")]

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use rustls_pki_types::PrivateKeyDer;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::base::{SecretBytes, limits};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Received {
    /// Method.
    pub method: String,
    /// Path without the query, as sent (still percent-encoded).
    pub path: String,
    /// The raw query, without `?`; empty if there is none.
    pub query: String,
    /// Headers, names in lower case; the last of equal names.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Vec<u8>,
}

impl Received {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn line(&self) -> String {
        let mark = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{mark}{}", self.method, self.path, self.query)
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Whole,
    Cut,
    Closed,
    Silent,
}

impl Reply {
    /// A status with an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), way: Way::Whole }
    }

    /// A status with a body of the given type.
    pub fn body(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::status(status).header("content-type", content_type) }
    }

    /// A JSON body. It is not checked: broken JSON is a fault worth scripting.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::body(status, "application/json", body)
    }

    /// An HTML page, as a proxy would answer.
    #[must_use]
    pub fn html(status: u16) -> Self {
        Self::body(status, "text/html", "<!doctype html><html><body>no such page</body></html>")
    }

    /// A body larger than [`limits::ANSWER_BYTES`].
    #[must_use]
    pub fn huge(status: u16) -> Self {
        Self::json(status, vec![b' '; limits::ANSWER_BYTES + (2 << 20)])
    }

    /// Promises more than it sends, and closes.
    pub fn cut(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { way: Way::Cut, ..Self::json(status, body) }
    }

    /// Closes the connection without a word.
    #[must_use]
    pub fn closed() -> Self {
        Self { way: Way::Closed, ..Self::status(0) }
    }

    /// Never answers, and keeps the connection open.
    #[must_use]
    pub fn silence() -> Self {
        Self { way: Way::Silent, ..Self::status(0) }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let missing = if self.way == Way::Cut { 100 } else { 0 };
        let mut out = format!("HTTP/1.1 {} scripted\r\n", self.status);
        for (name, value) in &self.headers {
            out += &format!("{name}: {value}\r\n");
        }
        out += &format!("content-length: {}\r\n\r\n", self.body.len() + missing);
        [out.as_bytes(), &self.body].concat()
    }
}

/// One expected request and what it is answered with.
#[derive(Debug, Clone)]
pub struct Exchange {
    method: String,
    path: String,
    checks: Vec<Check>,
    reply: Reply,
    left: Left,
}

#[derive(Debug, Clone)]
enum Check {
    Header(String, String),
    NoHeader(String),
    Query(String, String),
    NoQuery(String),
    BodyContains(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Times(usize),
    Any,
}

impl Exchange {
    /// Expects a method and a path (no query; percent-encoded as on the wire). Answered with an empty 200 until
    /// [`Self::answers`] says otherwise; once, until [`Self::times`] or [`Self::repeated`] does.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        let (method, path) = (method.to_string(), path.to_string());
        Self { method, path, checks: Vec::new(), reply: Reply::status(200), left: Left::Times(1) }
    }

    /// Expects a GET.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// Expects a POST.
    #[must_use]
    pub fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    /// Only a request with this header (name in lower case).
    #[must_use]
    pub fn header(self, name: &str, value: &str) -> Self {
        self.check(Check::Header(name.to_string(), value.to_string()))
    }

    /// Only a request without this header.
    #[must_use]
    pub fn no_header(self, name: &str) -> Self {
        self.check(Check::NoHeader(name.to_string()))
    }

    /// Only a request with this decoded query parameter.
    #[must_use]
    pub fn query(self, name: &str, value: &str) -> Self {
        self.check(Check::Query(name.to_string(), value.to_string()))
    }

    /// Only a request without this query parameter.
    #[must_use]
    pub fn no_query(self, name: &str) -> Self {
        self.check(Check::NoQuery(name.to_string()))
    }

    /// Only a request whose body contains this text.
    #[must_use]
    pub fn body_contains(self, text: &str) -> Self {
        self.check(Check::BodyContains(text.to_string()))
    }

    fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// The answer.
    #[must_use]
    pub fn answers(self, reply: Reply) -> Self {
        Self { reply, ..self }
    }

    /// Expected exactly this often.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { left: Left::Times(times), ..self }
    }

    /// Answered as often as asked, also never.
    #[must_use]
    pub fn repeated(self) -> Self {
        Self { left: Left::Any, ..self }
    }

    fn takes(&self, request: &Received) -> bool {
        self.left != Left::Times(0)
            && self.method == request.method
            && self.path == request.path
            && self.checks.iter().all(|check| check.holds(request))
    }

    fn open(&self) -> Option<String> {
        match self.left {
            Left::Times(0) | Left::Any => None,
            Left::Times(left) => Some(format!("{} {} ({left} more)", self.method, self.path)),
        }
    }
}

impl Check {
    fn holds(&self, request: &Received) -> bool {
        match self {
            Self::Header(name, value) => request.headers.get(name) == Some(value),
            Self::NoHeader(name) => !request.headers.contains_key(name),
            Self::Query(name, value) => parameter(&request.query, name).as_ref() == Some(value),
            Self::NoQuery(name) => parameter(&request.query, name).is_none(),
            Self::BodyContains(text) => request.text().contains(text),
        }
    }
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{query}")).ok()?;
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The server. It ends with its owner.
#[derive(Debug)]
pub struct Scripted {
    url: String,
    script: Arc<Script>,
    task: JoinHandle<()>,
    arrivals: watch::Receiver<usize>,
    silences: watch::Receiver<usize>,
}

#[derive(Debug)]
struct Script {
    exchanges: Mutex<Vec<Exchange>>,
    received: Mutex<Vec<Received>>,
    unscripted: Mutex<Vec<String>>,
    arrivals: watch::Sender<usize>,
    silences: watch::Sender<usize>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scripted {
    /// A server without TLS.
    ///
    /// # Panics
    /// If no loopback port can be had.
    pub async fn start(exchanges: impl IntoIterator<Item = Exchange>) -> Self {
        Self::serve(exchanges, None).await
    }

    /// A server with a certificate of `authority` for `127.0.0.1` and `localhost`; with `clients`, only clients with a
    /// certificate of the same authority get in.
    ///
    /// # Panics
    /// If no loopback port can be had.
    pub async fn start_tls(
        exchanges: impl IntoIterator<Item = Exchange>,
        authority: &Authority,
        clients: bool,
    ) -> Self {
        Self::serve(exchanges, Some(authority.acceptor(clients))).await
    }

    async fn serve(exchanges: impl IntoIterator<Item = Exchange>, tls: Option<TlsAcceptor>) -> Self {
        let (listener, address) = listen().await;
        let (arrivals, seen) = watch::channel(0);
        let (silences, silent) = watch::channel(0);
        let script = Arc::new(Script {
            exchanges: Mutex::new(exchanges.into_iter().collect()),
            received: Mutex::default(),
            unscripted: Mutex::default(),
            arrivals,
            silences,
        });
        let scheme = if tls.is_some() { "https" } else { "http" };
        let task = tokio::spawn(accept(listener, script.clone(), tls));
        Self { url: format!("{scheme}://{address}"), script, task, arrivals: seen, silences: silent }
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds an exchange behind those there are.
    pub fn expect(&self, exchange: Exchange) {
        locked(&self.script.exchanges).push(exchange);
    }

    /// All requests so far, in the order they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        locked(&self.script.received).clone()
    }

    /// Waits until `count` requests have come in all.
    ///
    /// # Panics
    /// If the server is gone.
    pub async fn received(&self, count: usize) {
        self.arrivals
            .clone()
            .wait_for(|seen| *seen >= count)
            .await
            .expect("the server lives as long as its owner");
    }

    /// Runs `call` until a request of it has met [`Reply::silence`], and from then on in paused time, so that its time-outs pass
    /// at once. Needs a runtime of one thread.
    ///
    /// # Panics
    /// If time is paused already, or `call` ends without a silence.
    pub async fn timing_out<T>(&self, call: impl Future<Output = T>) -> T {
        let mut silences = self.silences.clone();
        let before = *silences.borrow();
        let mut call = std::pin::pin!(call);
        tokio::select! {
            _ = &mut call => panic!("the call ended without a silence"),
            seen = silences.wait_for(|seen| *seen > before) => drop(seen.expect("the server lives as long as its owner")),
        }
        tokio::time::pause();
        let outcome = call.await;
        tokio::time::resume();
        outcome
    }

    /// Ends the server.
    ///
    /// # Panics
    /// If a request was not in the script, or an exchange was never asked for.
    pub fn finish(self) {
        let open: Vec<_> = locked(&self.script.exchanges).iter().filter_map(Exchange::open).collect();
        self.fail_for_unscripted();
        assert!(open.is_empty(), "never asked for: {open:#?}");
    }

    /// The requests that no exchange took, for a caller that reports them itself.
    #[must_use]
    pub fn take_unscripted(&self) -> Vec<String> {
        std::mem::take(&mut *locked(&self.script.unscripted))
    }

    fn fail_for_unscripted(&self) {
        let unscripted = self.take_unscripted();
        assert!(unscripted.is_empty(), "not in the script: {unscripted:#?}");
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
        if !std::thread::panicking() {
            self.fail_for_unscripted();
        }
    }
}

impl Script {
    /// The reply to a request; `None` if the script has none.
    fn reply(&self, request: Received) -> Option<Reply> {
        let mut exchanges = locked(&self.exchanges);
        let found = exchanges.iter_mut().find(|exchange| exchange.takes(&request));
        let reply = found.map(|exchange| {
            if let Left::Times(left) = &mut exchange.left {
                *left -= 1;
            }
            exchange.reply.clone()
        });
        if reply.is_none() {
            locked(&self.unscripted).push(format!("{} {}", request.line(), request.text()));
        }
        locked(&self.received).push(request);
        self.arrivals.send_modify(|seen| *seen += 1);
        reply
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port");
    let address = listener.local_addr().expect("the listener is bound");
    (listener, address)
}

async fn accept(listener: TcpListener, script: Arc<Script>, tls: Option<TlsAcceptor>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let (script, tls) = (script.clone(), tls.clone());
        connections.spawn(async move {
            match tls {
                None => converse(socket, &script).await,
                Some(tls) => match tls.accept(socket).await {
                    Ok(socket) => converse(socket, &script).await,
                    Err(_) => Ok(()),
                },
            }
        });
    }
}

/// Answers the requests of one connection until it closes, or a reply ends it.
async fn converse(mut socket: impl AsyncRead + AsyncWrite + Unpin, script: &Script) -> io::Result<()> {
    let mut rest = Vec::new();
    while let Some((request, _)) = take_request(&mut socket, &mut rest).await? {
        let Some(reply) = script.reply(request) else { break };
        match reply.way {
            Way::Closed => break,
            Way::Silent => {
                script.silences.send_modify(|seen| *seen += 1);
                std::future::pending().await
            }
            Way::Whole => socket.write_all(&reply.bytes()).await?,
            Way::Cut => {
                socket.write_all(&reply.bytes()).await?;
                break;
            }
        }
    }
    socket.shutdown().await
}

/// Reads one request; also as it was on the wire. `None` at the end of the connection. `rest` keeps what came too early.
async fn take_request(
    socket: &mut (impl AsyncRead + Unpin),
    rest: &mut Vec<u8>,
) -> io::Result<Option<(Received, Vec<u8>)>> {
    let head = loop {
        if let Some(end) = find(rest, b"\r\n\r\n") {
            break end + 4;
        }
        if socket.read_buf(rest).await? == 0 {
            return Ok(None);
        }
    };
    let mut request = parse_head(&rest[..head])?;
    let end = loop {
        match body_end(&request, &rest[head..])? {
            Some(length) => break head + length,
            None if socket.read_buf(rest).await? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            None => {}
        }
    };
    let wire: Vec<u8> = rest.drain(..end).collect();
    request.body = if is_chunked(&request) { unchunk(&wire[head..]) } else { wire[head..].to_vec() };
    Ok(Some((request, wire)))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn parse_head(head: &[u8]) -> io::Result<Received> {
    let text = std::str::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(':'));
    Ok(Received {
        method: method.to_string(),
        path: path.to_string(),
        query: query.to_string(),
        headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_string())).collect(),
        body: Vec::new(),
    })
}

fn is_chunked(request: &Received) -> bool {
    request.headers.get("transfer-encoding").is_some_and(|coding| coding.contains("chunked"))
}

/// Where the body ends in `bytes`; `None` if there is more to read.
fn body_end(request: &Received, bytes: &[u8]) -> io::Result<Option<usize>> {
    if is_chunked(request) {
        return Ok(find(bytes, b"0\r\n\r\n").map(|at| at + 5));
    }
    let length = request.headers.get("content-length").map_or(Ok(0), |length| length.parse());
    let length: usize = length.map_err(io::Error::other)?;
    Ok((bytes.len() >= length).then_some(length))
}

fn unchunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(line) = find(bytes, b"\r\n") {
        let size =
            std::str::from_utf8(&bytes[..line]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let (Some(size), start) = (size.unwrap_or(0).checked_sub(1), line + 2) else { break };
        out.extend_from_slice(&bytes[start..=start + size]);
        bytes = &bytes[start + size + 3..];
    }
    out
}

/// A recording proxy: hands every request on to a real server (plain HTTP) and its answer back, one connection a request.
#[derive(Debug)]
pub struct Recorder {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Starts in front of `upstream`, a `host:port` or an `http://` URL without a path.
    ///
    /// # Panics
    /// If no loopback port can be had.
    pub async fn start(upstream: &str) -> Self {
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_string();
        let (listener, address) = listen().await;
        let received = Arc::<Mutex<Vec<Received>>>::default();
        let task = tokio::spawn(relay_all(listener, upstream, received.clone()));
        Self { url: format!("http://{address}"), received, task }
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// All requests so far, in the order they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Received> {
        locked(&self.received).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay_all(listener: TcpListener, upstream: String, received: Arc<Mutex<Vec<Received>>>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let (upstream, received) = (upstream.clone(), received.clone());
        connections.spawn(async move { relay(socket, &upstream, &received).await });
    }
}

async fn relay(mut socket: TcpStream, upstream: &str, received: &Mutex<Vec<Received>>) -> io::Result<()> {
    let Some((request, wire)) = take_request(&mut socket, &mut Vec::new()).await? else { return Ok(()) };
    locked(received).push(request);
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&one_request_only(&wire)).await?;
    // The server closes after its answer, and so do we: the client opens a connection a request.
    tokio::io::copy(&mut server, &mut socket).await?;
    socket.shutdown().await
}

/// The request with `connection: close`, whatever it said.
fn one_request_only(wire: &[u8]) -> Vec<u8> {
    let head = find(wire, b"\r\n\r\n").map_or(wire.len(), |end| end + 2);
    let text = String::from_utf8_lossy(&wire[..head]);
    let kept =
        text.split_inclusive("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = kept.collect::<String>() + "connection: close\r\n";
    [head.as_bytes(), &wire[wire.len().min(text.len())..]].concat()
}

/// A certificate authority of a test.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Default for Authority {
    fn default() -> Self {
        let mut wanted = CertificateParams::default();
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        wanted.distinguished_name.push(DnType::CommonName, "scripted authority");
        let key = KeyPair::generate().expect("a key");
        let pem = wanted.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(wanted, key) }
    }
}

impl Authority {
    /// Its certificate.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Certificate and key (PEM) of a client.
    ///
    /// # Panics
    /// If no key can be made.
    #[must_use]
    pub fn client(&self, name: &str) -> (SecretBytes, SecretBytes) {
        let mut wanted = CertificateParams::default();
        wanted.distinguished_name.push(DnType::CommonName, name);
        wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let (certificate, key) = self.issue(&wanted);
        (certificate.pem().into(), key.serialize_pem().into())
    }

    fn issue(&self, wanted: &CertificateParams) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        (wanted.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    fn acceptor(&self, clients: bool) -> TlsAcceptor {
        let names = vec!["localhost".to_string(), "127.0.0.1".to_string()];
        let wanted = CertificateParams::new(names).expect("two names");
        let (certificate, key) = self.issue(&wanted);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.3");
        let builder = if clients {
            let mut roots = RootCertStore::empty();
            let own = parse_pem(&self.pem);
            roots.add(own).expect("our own certificate parses");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("one root"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS #8");
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).expect("a matching key");
        TlsAcceptor::from(Arc::new(config))
    }
}

fn parse_pem(pem: &str) -> rustls_pki_types::CertificateDer<'static> {
    use rustls_pki_types::pem::PemObject;
    rustls_pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).expect("our own PEM")
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::*;
    use crate::net::client::{Answer, HttpPool, Trust, send};

    async fn post(url: &str, body: &'static str) -> crate::base::Result<Answer> {
        let client = HttpPool::default().client(&Trust::default()).unwrap();
        let request = client.post(url).body(body).build().unwrap();
        send(&client, request).await
    }

    fn panics(finish: impl FnOnce()) -> bool {
        std::panic::catch_unwind(AssertUnwindSafe(finish)).is_err()
    }

    #[tokio::test]
    async fn the_first_exchange_that_matches_and_is_not_used_up_answers() {
        let server = Scripted::start([
            Exchange::post("/a").query("q", "x y").answers(Reply::status(201)),
            Exchange::post("/a").body_contains("b").answers(Reply::status(202)).times(2),
            Exchange::post("/a").answers(Reply::status(204)).repeated(),
        ])
        .await;
        let mut seen = Vec::new();
        for (query, body) in [("?q=x%20y", "b"), ("?q=x%20y", "b"), ("", "b"), ("", "b"), ("", "c")] {
            let answer = post(&format!("{}/a{query}", server.url()), body).await.unwrap();
            seen.push(answer.status.as_u16());
        }
        assert_eq!(seen, [201, 202, 202, 204, 204]);
        server.finish();
    }

    #[tokio::test]
    async fn a_request_that_is_not_in_the_script_fails_the_test() {
        let server = Scripted::start([]).await;
        assert!(post(server.url(), "").await.is_err());
        assert!(panics(|| server.finish()));
    }

    #[tokio::test]
    async fn an_exchange_that_is_never_asked_for_fails_the_test() {
        let server = Scripted::start([Exchange::get("/")]).await;
        assert!(panics(|| server.finish()));
    }

    #[tokio::test]
    async fn the_recorder_hands_on_and_remembers() {
        let server =
            Scripted::start([Exchange::post("/a").body_contains("text").answers(Reply::json(418, "{}"))])
                .await;
        let recorder = Recorder::start(server.url()).await;
        let answer = post(&format!("{}/a", recorder.url()), "text").await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_slice()), (418, b"{}".as_slice()));
        let lines: Vec<_> = recorder.requests().iter().map(Received::line).collect();
        assert_eq!(lines, ["POST /a"]);
        server.finish();
    }
}
