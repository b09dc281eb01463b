//! A proxy in front of a real store, which counts what the store is asked and may refuse some of it.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};

/// A request as the store got it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// The action of an AWS service that speaks JSON (`X-Amz-Target`), without its prefix; else empty.
    pub(crate) action: String,
    pub(crate) body: String,
}

/// What the client gets instead of the store's answer.
pub(crate) enum Fault {
    /// A status and a body.
    Answer(u16, String),
    /// Half an answer, and the end of the connection.
    Cut,
    /// Another place.
    Redirect(&'static str),
}

/// The proxy; it ends with its owner.
pub(crate) struct Proxy {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    server: tokio::task::JoinHandle<()>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    seen: Arc<Mutex<Vec<Seen>>>,
    break_it: Box<Break>,
}

/// Says which answers are replaced, and by what.
type Break = dyn Fn(&Seen) -> Option<Fault> + Send + Sync;

impl Proxy {
    /// A proxy that hands everything on.
    pub(crate) async fn start(upstream: &str) -> Self {
        Self::breaking(upstream, |_| None).await
    }

    /// A proxy that refuses some requests.
    pub(crate) async fn refusing(
        upstream: &str,
        refuse: impl Fn(&Seen) -> Option<(u16, &'static str)> + Send + Sync + 'static,
    ) -> Self {
        Self::breaking(upstream, move |seen| {
            refuse(seen).map(|(status, text)| Fault::Answer(status, text.into()))
        })
        .await
    }

    /// A proxy that answers some requests itself.
    pub(crate) async fn breaking(
        upstream: &str,
        break_it: impl Fn(&Seen) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::default());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let shared = Shared {
            upstream: upstream.into(),
            client,
            seen: Arc::clone(&seen),
            break_it: Box::new(break_it),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(hand_on).with_state(Arc::new(shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, seen, server }
    }

    /// All requests so far that `only` picks.
    pub(crate) fn seen(&self, only: impl Fn(&Seen) -> bool) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|seen| only(seen)).cloned().collect()
    }

    /// How often an AWS action was asked for.
    pub(crate) fn actions(&self, action: &str) -> usize {
        self.seen(|seen| seen.action == action).len()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn hand_on(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let action = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        action: action.rsplit('.').next().unwrap_or_default().into(),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    shared.seen.lock().unwrap().push(seen.clone());
    if let Some(fault) = (shared.break_it)(&seen) {
        return broken(fault);
    }
    let mut headers = head.headers;
    headers.remove("host");
    let url = format!("{}{}", shared.upstream, head.uri);
    let answer = shared.client.request(head.method, url).headers(headers).body(body).send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers().iter().filter(|(name, _)| *name != "transfer-encoding") {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}

fn broken(fault: Fault) -> Response {
    let json = |status: u16| Response::builder().status(status).header("content-type", "application/json");
    match fault {
        Fault::Answer(status, text) => json(status).body(Body::from(text)).unwrap(),
        Fault::Redirect(place) => json(307).header("location", place).body(Body::empty()).unwrap(),
        Fault::Cut => {
            let parts = [Ok("{\"data\": "), Err(std::io::Error::other("the end"))];
            json(200).body(Body::from_stream(futures::stream::iter(parts))).unwrap()
        }
    }
}
