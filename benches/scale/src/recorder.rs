//! A proxy in front of the API server that records what is written and forces relists.
//!
//! It speaks plain HTTP/1.1 at 127.0.0.1 and hands every request on with its headers, the credential included: whoever reaches it is
//! who he says he is. Answers are streamed, so a watch stays one. The body of a POST, PUT or PATCH is held until it is complete, other
//! bodies are streamed too.

use std::{
    collections::HashMap,
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, HttpBody, to_bytes},
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts};
use tokio::sync::watch;

use crate::{Result, standin::OwnThread};

/// Headers of one connection, which is not the next one.
const OF_THE_CONNECTION: [HeaderName; 3] = [header::HOST, header::CONNECTION, header::TRANSFER_ENCODING];

/// What the API server writes into a watch whose resource version it no longer holds. A client lists anew after it.
const EXPIRED: &str = concat!(
    r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","#,
    r#""message":"too old resource version","reason":"Expired","code":410}}"#,
    "\n"
);

/// The proxy. It serves from its start until it is dropped; then open watches break off.
pub struct Recorder {
    shared: Arc<Shared>,
    server: OwnThread,
}

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// Each POST, PUT and PATCH.
    Writes,
    /// Nothing; the proxy costs little then.
    Nothing,
}

/// A request that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `POST`, `PUT` or `PATCH`.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// `Content-Type`, empty without one. It says of a PATCH what kind of one it is.
    pub content_type: String,
    /// The body as it was sent.
    pub body: Bytes,
}

impl Recorder {
    /// Starts in front of `server` (`https://host:port`), which has to show a certificate of `ca` (PEM); without one the system's roots
    /// count. It answers when this returns.
    ///
    /// # Errors
    /// A `ca` without a certificate, or with one that does not parse; no port, thread or runtime to be had.
    pub fn start(server: &str, ca: Option<&[u8]>, record: Record) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let shared = Arc::new(Shared {
            server: server.trim_end_matches('/').to_string(),
            client: client(ca)?,
            record,
            lists: AtomicUsize::new(0),
            opened: AtomicUsize::new(0),
            written: Mutex::default(),
            watches: Mutex::default(),
            relists: watch::Sender::new(0),
        });
        let router = Router::new().fallback(pass).with_state(shared.clone());
        Ok(Self { server: OwnThread::serve("recorder", runtime, router)?, shared })
    }

    /// The address of the proxy, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.server.address()
    }

    /// What was written since the start, in the order in which it was handed on.
    #[must_use]
    pub fn written(&self) -> Vec<Written> {
        lock(&self.shared.written).clone()
    }

    /// How many lists were handed on since the start: each GET of a collection that is no watch. A page of a list is one.
    #[must_use]
    pub fn lists(&self) -> usize {
        self.shared.lists.load(Ordering::Relaxed)
    }

    /// How many different watches were asked for since the start.
    #[must_use]
    pub fn watched(&self) -> usize {
        lock(&self.shared.watches).len()
    }

    /// How many requests for a watch were handed on since the start. After a relist a watch is asked for again when its list is
    /// complete.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.shared.opened.load(Ordering::Relaxed)
    }

    /// Ends all open watches, and answers the next request for each watch that was ever opened with `410 Gone` inside of the stream.
    /// Two calls without such a request in between are one.
    pub fn relist(&self) {
        // The lock is held until the watches are told, so a watch is either asked for before this call and ends, or meets the 410.
        let mut watches = lock(&self.shared.watches);
        watches.values_mut().for_each(|owed| *owed = true);
        self.shared.relists.send_modify(|calls| *calls += 1);
    }
}

/// The client towards the API server. Nothing is unpacked, followed or ended by it.
fn client(ca: Option<&[u8]>) -> Result<reqwest::Client> {
    let redirects = reqwest::redirect::Policy::none();
    let builder = reqwest::Client::builder().http1_only().no_proxy().no_gzip().redirect(redirects);
    let trusting = match ca {
        Some(ca) => builder.tls_certs_only(roots(ca)?),
        None => builder,
    };
    Ok(trusting.build()?)
}

fn roots(ca: &[u8]) -> Result<Vec<reqwest::Certificate>> {
    let roots = reqwest::Certificate::from_pem_bundle(ca)?;
    if roots.is_empty() {
        return Err("the ca of the api server holds no certificate".into());
    }
    Ok(roots)
}

/// What the server's threads and the benchmark share. Locks are held for moments, never while somebody waits.
struct Shared {
    server: String,
    client: reqwest::Client,
    record: Record,
    lists: AtomicUsize,
    opened: AtomicUsize,
    written: Mutex<Vec<Written>>,
    /// The watches that were opened, and whether the next request for one meets a 410.
    watches: Mutex<HashMap<Watch, bool>>,
    /// Counts the calls that end open watches.
    relists: watch::Sender<u64>,
}

/// What a watch shows: its path, its selectors and the form of the objects. One program watches the Secrets in two ways at once, and
/// each of the two is to list anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Watch {
    path: String,
    selectors: Vec<String>,
    accept: Option<HeaderValue>,
}

/// What a request is for, as far as the proxy cares.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Watch(Watch),
    List,
    Write,
    Other,
}

/// Whether a watch goes on to the API server.
enum Admitted {
    /// It does, and ends as soon as this changes.
    Until(watch::Receiver<u64>),
    /// It meets a 410.
    Expired,
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    match shared.answer(request).await {
        Ok(answer) => answer,
        Err(error) => said(StatusCode::BAD_GATEWAY, "text/plain", chain(&*error)),
    }
}

impl Shared {
    async fn answer(&self, request: Request) -> Result<Response> {
        let (head, body) = request.into_parts();
        match Asked::of(&head) {
            Asked::Watch(watch) => match self.admit(watch) {
                Admitted::Until(relist) => Ok(cut(self.hand_on(head, streamed(body)).await?, relist)),
                Admitted::Expired => Ok(said(StatusCode::OK, "application/json", EXPIRED)),
            },
            Asked::List => {
                self.lists.fetch_add(1, Ordering::Relaxed);
                self.hand_on(head, streamed(body)).await
            }
            Asked::Write => {
                let body = to_bytes(body, usize::MAX).await?;
                self.keep(&head, &body);
                self.hand_on(head, Some(body.into())).await
            }
            Asked::Other => self.hand_on(head, streamed(body)).await,
        }
    }

    fn admit(&self, watch: Watch) -> Admitted {
        let mut watches = lock(&self.watches);
        let owed = watches.entry(watch).or_default();
        if std::mem::take(owed) {
            return Admitted::Expired;
        }
        self.opened.fetch_add(1, Ordering::Relaxed);
        Admitted::Until(self.relists.subscribe())
    }

    fn keep(&self, head: &Parts, body: &Bytes) {
        if self.record == Record::Nothing {
            return;
        }
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        lock(&self.written).push(Written {
            method: head.method.to_string(),
            path: target(&head.uri).to_string(),
            content_type: content_type.unwrap_or_default().to_string(),
            body: body.clone(),
        });
    }

    async fn hand_on(&self, head: Parts, body: Option<reqwest::Body>) -> Result<Response> {
        let url = format!("{}{}", self.server, target(&head.uri));
        let request = self.client.request(head.method, url).headers(between(head.headers));
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        let (mut head, body) = http::Response::from(request.send().await?).into_parts();
        head.headers = between(head.headers);
        Ok(Response::from_parts(head, Body::new(body)))
    }
}

impl Asked {
    fn of(head: &Parts) -> Self {
        match head.method {
            Method::POST | Method::PUT | Method::PATCH => Self::Write,
            Method::GET if is_collection(head.uri.path()) => Self::of_collection(head),
            _ => Self::Other,
        }
    }

    fn of_collection(head: &Parts) -> Self {
        let pairs = || head.uri.query().unwrap_or_default().split('&');
        if !pairs().any(|pair| matches!(pair, "watch" | "watch=true" | "watch=1")) {
            return Self::List;
        }
        let selects = |pair: &&str| pair.starts_with("labelSelector=") || pair.starts_with("fieldSelector=");
        Self::Watch(Watch {
            path: head.uri.path().to_string(),
            selectors: pairs().filter(selects).map(str::to_string).collect(),
            accept: head.headers.get(header::ACCEPT).cloned(),
        })
    }
}

/// True for the path of all objects of a kind, in the cluster or in a namespace.
fn is_collection(path: &str) -> bool {
    let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let below = match *segments.as_slice() {
        ["api", _, ref below @ ..] | ["apis", _, _, ref below @ ..] => below,
        _ => return false,
    };
    match *below {
        // A namespace's own subresources look like kinds in it.
        ["namespaces", _, "status" | "finalize"] => false,
        [_] | ["namespaces", _, _] => true,
        _ => false,
    }
}

fn target(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |target| target.as_str())
}

/// The headers that go on.
fn between(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_THE_CONNECTION {
        headers.remove(name);
    }
    headers
}

fn streamed(body: Body) -> Option<reqwest::Body> {
    (!body.is_end_stream()).then(|| reqwest::Body::wrap_stream(body.into_data_stream()))
}

/// An answer whose stream ends in good order at the next relist. A client then asks for the rest of the watch, and so meets the 410.
fn cut(answer: Response, mut relist: watch::Receiver<u64>) -> Response {
    let changed = async move { relist.changed().await };
    answer.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(changed))))
}

fn said(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// An error with all its causes.
fn chain(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{
        TryStreamExt,
        channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded},
    };
    use kube::{
        Api, Client, Config,
        core::{ApiResource, DynamicObject},
        runtime::watcher::{self, Event, watcher},
    };

    use super::*;

    /// An API server that says what it was asked, streams its watches from the test, and has empty lists.
    struct Upstream {
        server: OwnThread,
        /// The open ends of the watches, in the order in which they were asked for.
        watches: UnboundedReceiver<UnboundedSender<&'static str>>,
    }

    type Opened = UnboundedSender<UnboundedSender<&'static str>>;

    async fn upstream(State(opened): State<Opened>, request: Request) -> Response {
        let (head, body) = request.into_parts();
        match Asked::of(&head) {
            Asked::Watch(_) => {
                let (lines, sent) = unbounded();
                opened.unbounded_send(lines).unwrap();
                Response::new(Body::from_stream(sent.map(Ok::<_, Infallible>)))
            }
            Asked::List => Response::new(Body::from(
                r#"{"kind":"SecretList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[]}"#,
            )),
            Asked::Write | Asked::Other => echo(&head, body).await,
        }
    }

    /// Status 201, header `x-answer`, and the request as text.
    async fn echo(head: &Parts, body: Body) -> Response {
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let text = format!(
            "{} {} host={} authorization={} {}",
            head.method,
            head.uri,
            header("host").unwrap_or("-"),
            header("authorization").unwrap_or("-"),
            String::from_utf8_lossy(&body)
        );
        Response::builder().status(201).header("x-answer", "yes").body(text.into()).unwrap()
    }

    impl Upstream {
        fn start() -> Self {
            let (opened, watches) = unbounded();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let router = Router::new().fallback(upstream).with_state(opened);
            Self { server: OwnThread::serve("upstream", runtime, router).unwrap(), watches }
        }

        fn recorder(&self, record: Record) -> Recorder {
            Recorder::start(self.server.address(), None, record).unwrap()
        }
    }

    fn caller() -> reqwest::Client {
        reqwest::Client::builder().no_proxy().build().unwrap()
    }

    async fn open(recorder: &Recorder, query: &str) -> reqwest::Response {
        let url = format!("{}/api/v1/secrets?watch=true{query}", recorder.address());
        let answer = caller().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer
    }

    #[tokio::test]
    async fn a_request_goes_on_with_its_headers_and_the_answer_comes_back_with_its_own() {
        let upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Nothing);
        let url = format!("{}/api/v1/namespaces/a/secrets/b?x=%20y", recorder.address());
        let request = caller().delete(url).bearer_auth("me").body("options");
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["x-answer"].as_bytes()), (201, &b"yes"[..]));
        let host = upstream.server.address().trim_start_matches("http://");
        let want = format!(
            "DELETE /api/v1/namespaces/a/secrets/b?x=%20y host={host} authorization=Bearer me options"
        );
        assert_eq!(answer.text().await.unwrap(), want);
    }

    async fn write(recorder: &Recorder) -> Vec<String> {
        let mut answers = Vec::new();
        for (method, path) in [(Method::POST, "?n=1"), (Method::PUT, "/b"), (Method::PATCH, "/b/status")] {
            let url = format!("{}/api/v1/namespaces/a/secrets{path}", recorder.address());
            let request = caller().request(method, url).header("content-type", "application/x").body("{}");
            answers.push(request.send().await.unwrap().text().await.unwrap());
        }
        caller().delete(format!("{}/api/v1/namespaces/a", recorder.address())).send().await.unwrap();
        answers
    }

    #[tokio::test]
    async fn writes_are_kept_in_their_order_and_handed_on() {
        let upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Writes);
        let answers = write(&recorder).await;
        assert!(answers.iter().all(|answer| answer.ends_with(" {}")), "{answers:?}");
        let written = |method: &str, path: &str| Written {
            method: method.into(),
            path: format!("/api/v1/namespaces/a/secrets{path}"),
            content_type: "application/x".into(),
            body: Bytes::from_static(b"{}"),
        };
        let want = [written("POST", "?n=1"), written("PUT", "/b"), written("PATCH", "/b/status")];
        assert_eq!(recorder.written(), want);
    }

    #[tokio::test]
    async fn a_recorder_of_nothing_keeps_nothing_and_hands_on() {
        let upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Nothing);
        assert!(write(&recorder).await[0].ends_with(" {}"));
        assert_eq!(recorder.written(), []);
    }

    #[tokio::test]
    async fn a_line_of_a_watch_arrives_before_the_watch_ends() {
        let mut upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Writes);
        let mut watch = open(&recorder, "").await;
        let lines = upstream.watches.next().await.unwrap();
        for line in ["first\n", "second\n"] {
            lines.unbounded_send(line).unwrap();
            assert_eq!(watch.chunk().await.unwrap().unwrap(), line);
        }
        drop(lines);
        assert_eq!(watch.chunk().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_caller_that_leaves_its_watch_ends_it_upstream() {
        let mut upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Nothing);
        let watch = open(&recorder, "").await;
        let lines = upstream.watches.next().await.unwrap();
        drop(watch);
        while !lines.is_closed() {
            tokio::task::yield_now().await;
        }
    }

    /// Two watches of one path.
    async fn open_both(recorder: &Recorder) -> [reqwest::Response; 2] {
        [open(recorder, "").await, open(recorder, "&labelSelector=a%3Db").await]
    }

    async fn texts([first, second]: [reqwest::Response; 2]) -> [String; 2] {
        [first.text().await.unwrap(), second.text().await.unwrap()]
    }

    #[tokio::test]
    async fn a_relist_ends_each_watch_and_answers_its_next_request_once_with_a_410() {
        let mut upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Nothing);
        for round in 1..=2 {
            let watches = open_both(&recorder).await;
            recorder.relist();
            assert_eq!(texts(watches).await, ["", ""]);
            assert_eq!(texts(open_both(&recorder).await).await, [EXPIRED, EXPIRED]);
            assert_eq!((recorder.watched(), recorder.watches()), (2, 2 * round));
        }
        drop(recorder);
        drop(upstream.server);
        assert_eq!(upstream.watches.by_ref().collect::<Vec<_>>().await.len(), 4);
    }

    #[tokio::test]
    async fn a_watch_that_was_never_opened_meets_no_410() {
        let mut upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Nothing);
        recorder.relist();
        let mut watch = open(&recorder, "").await;
        upstream.watches.next().await.unwrap().unbounded_send("line\n").unwrap();
        assert_eq!(watch.chunk().await.unwrap().unwrap(), "line\n");
    }

    #[tokio::test]
    async fn the_watcher_of_kube_lists_anew_after_a_relist() {
        let mut upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Nothing);
        let client = Client::try_from(Config::new(recorder.address().parse().unwrap())).unwrap();
        let kind = ApiResource {
            group: String::new(),
            version: "v1".into(),
            api_version: "v1".into(),
            kind: "Secret".into(),
            plural: "secrets".into(),
        };
        let api = Api::<DynamicObject>::all_with(client, &kind);
        let mut events = std::pin::pin!(watcher(api, watcher::Config::default()));
        for _ in 0..2 {
            assert!(matches!(events.try_next().await, Ok(Some(Event::Init))));
            assert!(matches!(events.try_next().await, Ok(Some(Event::InitDone))));
            let (_open, next) = futures::join!(
                async {
                    let open = upstream.watches.next().await;
                    recorder.relist();
                    open
                },
                events.try_next()
            );
            assert!(matches!(next, Err(watcher::Error::WatchError(gone)) if gone.code == 410));
        }
        assert_eq!(recorder.lists(), 2);
    }

    #[tokio::test]
    async fn an_api_server_that_is_not_there_is_a_502_that_says_why() {
        let upstream = Upstream::start();
        let recorder = upstream.recorder(Record::Nothing);
        drop(upstream);
        let answer = caller().get(format!("{}/version", recorder.address())).send().await.unwrap();
        assert_eq!(answer.status(), 502);
        assert!(answer.text().await.unwrap().to_lowercase().contains("connect"));
    }

    #[test]
    fn what_is_no_certificate_starts_no_recorder() {
        assert!(Recorder::start("https://127.0.0.1:1", Some(b"no pem"), Record::Nothing).is_err());
    }

    fn asked(method: Method, target: &str) -> Asked {
        let request = http::Request::builder().method(method).uri(target).body(()).unwrap();
        Asked::of(&request.into_parts().0)
    }

    #[test]
    fn a_list_is_a_get_of_a_collection_that_is_no_watch() {
        let lists = [
            "/api/v1/secrets",
            "/api/v1/namespaces",
            "/api/v1/namespaces/a/secrets?limit=500&continue=x",
            "/apis/external-secrets.io/v1/externalsecrets?watch=false",
            "/apis/external-secrets.io/v1/namespaces/a/externalsecrets?labelSelector=watch%3Dtrue",
        ];
        let others = [
            "/api",
            "/api/v1",
            "/apis/external-secrets.io/v1",
            "/api/v1/namespaces/a",
            "/api/v1/namespaces/a/status",
            "/api/v1/namespaces/a/secrets/b",
            "/apis/external-secrets.io/v1/clustersecretstores/a",
            "/apis/external-secrets.io/v1/clustersecretstores/a/status",
            "/openapi/v3/api/v1",
        ];
        for target in lists {
            assert_eq!(asked(Method::GET, target), Asked::List, "{target}");
        }
        for target in others {
            assert_eq!(asked(Method::GET, target), Asked::Other, "{target}");
        }
        assert_eq!(asked(Method::DELETE, lists[0]), Asked::Other);
        assert_eq!(asked(Method::POST, lists[0]), Asked::Write);
    }

    #[test]
    fn a_watch_is_the_same_one_from_another_version_and_another_one_with_other_selectors() {
        let first = asked(Method::GET, "/api/v1/secrets?&watch=true&labelSelector=a&resourceVersion=1");
        assert!(matches!(first, Asked::Watch(_)));
        assert_eq!(asked(Method::GET, "/api/v1/secrets?watch=1&labelSelector=a&resourceVersion=2"), first);
        assert_ne!(asked(Method::GET, "/api/v1/secrets?watch=true"), first);
    }
}
