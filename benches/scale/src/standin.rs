//! A store that speaks HashiCorp Vault KV v2, with faults and counters.
//!
//! It runs on a thread of its own with a runtime of its own, so nothing that a benchmark does delays it. Every key exists: one that was
//! never set holds a kibibyte that follows from its name. All mounts show the same keys, and every token is good. A key is compared as
//! it stands on the wire, so it should need no escapes: letters, digits, `-`, `_`, `.` and `/`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/{mount}/data/{key}` | the newest version; a query that names another one: 404 without errors |
//! | `GET /v1/auth/token/lookup-self` | a service token that never ends |
//! | `POST /v1/auth/{mount}/login`, `…/login/{user}` | such a token |
//! | `POST /v1/auth/token/revoke-self` | 204 |
//! | `GET /v1/sys/internal/ui/mounts/{path}` | a key-value engine of version 2 |
//! | anything else | 404 that says so, as where nothing is mounted |

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
    serve::ListenerExt,
};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, sync::oneshot};

use crate::{Result, clock};

/// Length of a value that nobody set, in bytes.
const VALUE_BYTES: usize = 1024;
/// Values that nobody set follow from this and their key.
const VALUES_SEED: u64 = 0x006b_6579_6665_7272;
/// Which requests fail follows from this and their number.
const FAULTS_SEED: u64 = 0x7374_616e_6469_6e01;
/// When every version was written: no reader depends on it, and an answer is the same in every run.
const CREATED: &str = "2026-01-01T00:00:00.000000000Z";

/// The stand-in. It serves from its start until it is dropped.
pub struct StandIn {
    shared: Arc<Shared>,
    server: OwnThread,
}

/// One read of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The key, without mount and `data/`.
    pub key: Arc<str>,
    /// When the request arrived.
    pub at: Instant,
    /// The status of the answer.
    pub status: u16,
}

/// How requests are answered. The default is at once and in health.
#[derive(Debug, Clone, Default)]
pub struct Behaviour {
    /// How long each answer waits. What it says is settled when the request arrives.
    pub latency: Duration,
    /// Which requests fail, if any.
    pub failing: Option<Failing>,
}

/// Failures of a share of all requests, whatever they ask for.
#[derive(Debug, Clone)]
pub struct Failing {
    /// The share that fails, 0 to 1. Which ones is the same in every run: it follows from their number since [`StandIn::behave`].
    pub share: f64,
    /// The status that they get; 500 in the place of a number that is none.
    pub status: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

impl StandIn {
    /// Starts; it answers when this returns.
    ///
    /// # Errors
    /// Where there is no port, thread or runtime to be had.
    pub fn start() -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let router = Router::new().fallback(answer).with_state(shared.clone());
        Ok(Self { shared, server: OwnThread::serve("stand-in", runtime, router)? })
    }

    /// The address of the server, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> &str {
        self.server.address()
    }

    /// Gives a key a new version with this value in its field `value`.
    pub fn set(&self, key: &str, value: &str) {
        let mut shared = self.shared.lock();
        match shared.values.get_mut(key) {
            Some(kept) => *kept = Kept { value: value.into(), version: kept.version + 1 },
            None => {
                shared.values.insert(key.into(), Kept { value: value.into(), version: 2 });
            }
        }
    }

    /// Changes how the requests are answered that arrive from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        let mut shared = self.shared.lock();
        shared.behaviour = behaviour;
        shared.since_change = 0;
    }

    /// The reads of keys since the last reset, in order of arrival.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        self.shared.lock().reads.clone()
    }

    /// How many reads of keys arrived since the last reset.
    #[must_use]
    pub fn read_count(&self) -> usize {
        self.shared.lock().reads.len()
    }

    /// How many requests of any kind arrived since the last reset.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.lock().arrivals.len()
    }

    /// When the requests of any kind arrived since the last reset, in order.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Instant> {
        self.shared.lock().arrivals.clone()
    }

    /// When the requests arrived since the last reset that read no key, such as those that judge a store, in order.
    #[must_use]
    pub fn others(&self) -> Vec<Instant> {
        self.shared.lock().others.clone()
    }

    /// Forgets what arrived. Values and behaviour stay.
    pub fn reset(&self) {
        let mut shared = self.shared.lock();
        shared.reads.clear();
        shared.arrivals.clear();
        shared.others.clear();
    }
}

/// A number that looks like chance and follows from `seed` and `n`: the `n`th one of SplitMix64 that starts at `seed`.
#[must_use]
pub fn mix(seed: u64, n: u64) -> u64 {
    let start = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let once = (start ^ (start >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

/// What the server's thread and the benchmark share. The lock is held for moments, never while somebody waits.
#[derive(Default)]
struct Shared(Mutex<Ledger>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the stand-in holds and counts.
#[derive(Default)]
struct Ledger {
    /// Keys that were set.
    values: HashMap<Arc<str>, Kept>,
    behaviour: Behaviour,
    /// Requests since the behaviour changed.
    since_change: u64,
    reads: Vec<Read>,
    arrivals: Vec<Instant>,
    /// Those that read no key.
    others: Vec<Instant>,
}

/// A key that was set.
struct Kept {
    value: Arc<str>,
    version: u64,
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Asked<'a> {
    Value { key: &'a str, version: Option<&'a str> },
    Token,
    Login,
    Revocation,
    Mount(&'a str),
    Nothing,
}

/// An answer before it goes on the wire.
struct Told {
    status: StatusCode,
    body: Option<Value>,
    retry_after: Option<u64>,
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let at = clock::now();
    let asked = Asked::of(request.method(), request.uri());
    let (told, latency) = shared.lock().take(&asked, at);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    told.response()
}

impl<'a> Asked<'a> {
    fn of(method: &Method, uri: &'a Uri) -> Self {
        let Some(path) = uri.path().strip_prefix("/v1/") else { return Self::Nothing };
        match *method {
            Method::GET => Self::read(path, uri.query().unwrap_or_default()),
            Method::POST | Method::PUT => Self::sent(path),
            _ => Self::Nothing,
        }
    }

    fn read(path: &'a str, query: &'a str) -> Self {
        if path == "auth/token/lookup-self" {
            return Self::Token;
        }
        if let Some(below) = path.strip_prefix("sys/internal/ui/mounts/") {
            return Self::Mount(below.split_once("/data/").map_or(below, |(mount, _)| mount));
        }
        let version = query.split('&').find_map(|pair| pair.strip_prefix("version="));
        match path.split_once("/data/") {
            Some((mount, key)) if !mount.is_empty() && !key.is_empty() => Self::Value { key, version },
            Some(_) | None => Self::Nothing,
        }
    }

    fn sent(path: &str) -> Self {
        let login = path.strip_prefix("auth/").and_then(|rest| rest.split_once("/login"));
        match (path, login) {
            ("auth/token/revoke-self", _) => Self::Revocation,
            (_, Some((_, rest))) if rest.is_empty() || rest.starts_with('/') => Self::Login,
            (_, Some(_) | None) => Self::Nothing,
        }
    }
}

impl Ledger {
    /// Counts a request and settles its answer, and how long that one waits.
    fn take(&mut self, asked: &Asked<'_>, at: Instant) -> (Told, Duration) {
        let number = self.since_change;
        self.since_change += 1;
        self.arrivals.push(at);
        let failing = self.behaviour.failing.as_ref().filter(|failing| failing.strikes(number));
        let told = failing.map_or_else(|| self.tell(asked), Failing::told);
        match asked {
            Asked::Value { key, .. } => {
                self.reads.push(Read { key: Arc::from(*key), at, status: told.status.as_u16() });
            }
            _ => self.others.push(at),
        }
        (told, self.behaviour.latency)
    }

    fn tell(&self, asked: &Asked<'_>) -> Told {
        match asked {
            Asked::Value { key, version } => self.value(key, *version),
            Asked::Token => Told::done(token()),
            Asked::Login => Told::done(login()),
            Asked::Revocation => Told { status: StatusCode::NO_CONTENT, body: None, retry_after: None },
            Asked::Mount(mount) => Told::done(described(mount)),
            Asked::Nothing => {
                Told::refused(StatusCode::NOT_FOUND, &["no handler for route. route entry not found."])
            }
        }
    }

    fn value(&self, key: &str, version: Option<&str>) -> Told {
        let kept = self.values.get(key);
        let newest = kept.map_or(1, |kept| kept.version);
        // Version 0 is the newest one, whichever that is.
        let wanted = version.map_or(Some(0), |version| version.parse().ok());
        if !matches!(wanted, Some(wanted) if wanted == 0 || wanted == newest) {
            return Told::refused(StatusCode::NOT_FOUND, &[]);
        }
        let value = kept.map_or_else(|| grown(key).into(), |kept| kept.value.clone());
        Told::done(entry(&value, newest))
    }
}

impl Failing {
    fn strikes(&self, number: u64) -> bool {
        // The upper 53 bits are what a double holds exactly: a fraction below 1.
        let fraction = (mix(FAULTS_SEED, number) >> 11) as f64 / (1_u64 << 53) as f64;
        fraction < self.share
    }

    fn told(&self) -> Told {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Told { retry_after: self.retry_after, ..Told::refused(status, &["the stand-in was told to fail"]) }
    }
}

impl Told {
    fn done(body: Value) -> Self {
        Self { status: StatusCode::OK, body: Some(body), retry_after: None }
    }

    fn refused(status: StatusCode, errors: &[&str]) -> Self {
        Self { status, body: Some(json!({ "errors": errors })), retry_after: None }
    }

    fn response(self) -> Response {
        let body = self.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.extend(self.retry_after.map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))));
        response
    }
}

/// The value of a key that nobody set: letters and digits that follow from the key.
fn grown(key: &str) -> String {
    const SIGNS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let seed = key.bytes().fold(VALUES_SEED, |seed, byte| mix(seed, u64::from(byte)));
    let words = (0..).map(|number| mix(seed, number).to_be_bytes());
    words.flatten().take(VALUE_BYTES).map(|byte| char::from(SIGNS[usize::from(byte % 64)])).collect()
}

/// The envelope of every answer with a body.
fn envelope(data: Value, auth: Value) -> Value {
    json!({
        "request_id": "00000000-0000-4000-8000-000000000000", "lease_id": "", "renewable": false, "lease_duration": 0,
        "data": data, "wrap_info": null, "warnings": null, "auth": auth,
    })
}

fn entry(value: &str, version: u64) -> Value {
    let metadata = json!({
        "created_time": CREATED, "custom_metadata": null, "deletion_time": "", "destroyed": false, "version": version,
    });
    envelope(json!({ "data": { "value": value }, "metadata": metadata }), Value::Null)
}

fn token() -> Value {
    let data = json!({
        "accessor": "stand-in", "creation_time": 0, "creation_ttl": 0, "display_name": "token", "entity_id": "",
        "expire_time": null, "explicit_max_ttl": 0, "id": "stand-in", "issue_time": CREATED, "meta": null,
        "num_uses": 0, "orphan": true, "path": "auth/token/create", "policies": ["default"], "renewable": false,
        "ttl": 0, "type": "service",
    });
    envelope(data, Value::Null)
}

fn login() -> Value {
    let auth = json!({
        "client_token": "stand-in", "accessor": "stand-in", "policies": ["default"], "token_policies": ["default"],
        "metadata": null, "lease_duration": 0, "renewable": false, "entity_id": "", "token_type": "service",
        "orphan": true, "num_uses": 0,
    });
    envelope(Value::Null, auth)
}

fn described(mount: &str) -> Value {
    let data = json!({
        "accessor": "stand-in", "config": { "default_lease_ttl": 0, "max_lease_ttl": 0 }, "description": "",
        "local": false, "options": { "version": "2" }, "path": format!("{mount}/"), "seal_wrap": false, "type": "kv",
        "uuid": "00000000-0000-4000-8000-000000000000",
    });
    envelope(data, Value::Null)
}

/// A server on a thread of its own, at a free port of 127.0.0.1. Dropped, it ends with its connections and all that they wait for.
pub(crate) struct OwnThread {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OwnThread {
    /// Serves `router` in `runtime`; connections are accepted when this returns.
    ///
    /// # Errors
    /// Where there is no port or thread to be had.
    pub(crate) fn serve(name: &str, runtime: Runtime, router: Router) -> Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = format!("http://{}", listener.local_addr()?);
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        // With Nagle's algorithm a small write waits for the other side's delayed acknowledgement: 40 ms that are not the program's.
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            runtime.spawn(async move { axum::serve(listener, router).await });
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Its address, `http://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(stand_in: &StandIn, path: &str) -> (u16, Value) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("{}{path}", stand_in.address())).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    fn failing(share: f64, status: u16, retry_after: Option<u64>) -> Behaviour {
        Behaviour { failing: Some(Failing { share, status, retry_after }), ..Behaviour::default() }
    }

    fn keys(stand_in: &StandIn) -> Vec<(String, u16)> {
        stand_in.reads().iter().map(|read| (read.key.to_string(), read.status)).collect()
    }

    #[test]
    fn mixed_numbers_are_those_of_splitmix64() {
        // The first three numbers of the published generator, seeded with 1234567.
        let published = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!([0, 1, 2].map(|n| mix(1_234_567, n)), published);
    }

    #[tokio::test]
    async fn a_key_that_nobody_set_holds_a_kibibyte_of_its_own() {
        let stand_in = StandIn::start().unwrap();
        let (status, body) = get(&stand_in, "/v1/secret/data/team/a").await;
        let value = body["data"]["data"]["value"].as_str().unwrap().to_string();
        assert_eq!((status, value.len(), value.is_ascii()), (200, 1024, true));
        assert_eq!(body["data"]["metadata"]["version"], 1);
        assert_eq!(body["data"]["metadata"]["created_time"], CREATED);
        assert_eq!(get(&stand_in, "/v1/other/data/team/a").await.1["data"]["data"]["value"], value);
        assert_ne!(get(&stand_in, "/v1/secret/data/team/b").await.1["data"]["data"]["value"], value);
    }

    #[tokio::test]
    async fn a_set_value_is_a_new_version() {
        let stand_in = StandIn::start().unwrap();
        stand_in.set("a", "first");
        stand_in.set("a", "say \"second\"");
        let (_, body) = get(&stand_in, "/v1/secret/data/a").await;
        assert_eq!(body["data"]["data"], json!({ "value": "say \"second\"" }));
        assert_eq!(body["data"]["metadata"]["version"], 3);
    }

    #[tokio::test]
    async fn only_the_newest_version_is_there() {
        let stand_in = StandIn::start().unwrap();
        stand_in.set("a", "second");
        let cases = [("0", 200), ("2", 200), ("1", 404), ("3", 404), ("x", 404)];
        for (version, want) in cases {
            let (status, body) = get(&stand_in, &format!("/v1/secret/data/a?version={version}")).await;
            assert_eq!(status, want, "{version}");
            assert_eq!(body.get("errors").is_some(), want == 404, "{version}");
        }
    }

    #[tokio::test]
    async fn a_token_is_good_and_never_ends() {
        let stand_in = StandIn::start().unwrap();
        let (status, body) = get(&stand_in, "/v1/auth/token/lookup-self").await;
        assert_eq!(
            (status, &body["data"]["type"], &body["data"]["ttl"]),
            (200, &json!("service"), &json!(0))
        );
        assert!(body["data"]["expire_time"].is_null());
    }

    #[tokio::test]
    async fn a_mount_is_a_key_value_engine_of_version_2() {
        let stand_in = StandIn::start().unwrap();
        for path in ["secret/data/team/a", "secret"] {
            let (status, body) = get(&stand_in, &format!("/v1/sys/internal/ui/mounts/{path}")).await;
            let data = &body["data"];
            assert_eq!(
                (status, &data["path"], &data["type"]),
                (200, &json!("secret/"), &json!("kv")),
                "{path}"
            );
            assert_eq!(data["options"], json!({ "version": "2" }));
        }
    }

    #[tokio::test]
    async fn a_path_that_is_not_served_is_no_absent_key() {
        let stand_in = StandIn::start().unwrap();
        let (status, body) = get(&stand_in, "/v1/secret/a").await;
        assert_eq!(status, 404);
        assert!(body["errors"][0].as_str().unwrap().contains("no handler for route"));
    }

    #[test]
    fn a_request_is_known_by_its_method_and_path() {
        let cases = [
            (Method::GET, "/v1/secret/data/a/data/b", Asked::Value { key: "a/data/b", version: None }),
            (Method::GET, "/v1/s/data/a?version=2", Asked::Value { key: "a", version: Some("2") }),
            (Method::GET, "/v1/team/kv/data/a", Asked::Value { key: "a", version: None }),
            (Method::GET, "/v1/secret/data/", Asked::Nothing),
            (Method::POST, "/v1/secret/data/a", Asked::Nothing),
            (Method::DELETE, "/v1/secret/data/a", Asked::Nothing),
            (Method::GET, "/v1/auth/token/lookup-self", Asked::Token),
            (Method::POST, "/v1/auth/token/revoke-self", Asked::Revocation),
            (Method::PUT, "/v1/auth/kubernetes/login", Asked::Login),
            (Method::POST, "/v1/auth/ldap/login/me", Asked::Login),
            (Method::POST, "/v1/auth/ldap/logins", Asked::Nothing),
            (Method::GET, "/v1/sys/internal/ui/mounts/team/kv/data/a", Asked::Mount("team/kv")),
            (Method::GET, "/secret/data/a", Asked::Nothing),
        ];
        for (method, uri, want) in cases {
            assert_eq!(Asked::of(&method, &Uri::from_static(uri)), want, "{method} {uri}");
        }
    }

    #[tokio::test]
    async fn a_login_grants_a_token_and_a_revocation_says_nothing() {
        let stand_in = StandIn::start().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let post = async |path: &str| {
            let url = format!("{}/v1/auth/{path}", stand_in.address());
            let answer = client.post(url).body("{}").send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        };
        let (status, body) = post("approle/login").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, body["auth"]["client_token"].as_str()), (200, Some("stand-in")));
        assert_eq!(post("token/revoke-self").await, (204, String::new()));
    }

    #[tokio::test]
    async fn requests_are_counted_by_kind_until_the_reset() {
        let stand_in = StandIn::start().unwrap();
        for path in ["/v1/s/data/b", "/v1/auth/token/lookup-self", "/v1/s/data/a", "/v1/s/data/b", "/nowhere"]
        {
            get(&stand_in, path).await;
        }
        assert_eq!(keys(&stand_in), ["b", "a", "b"].map(|key| (key.to_string(), 200)));
        assert_eq!((stand_in.read_count(), stand_in.requests()), (3, 5));
        assert!(stand_in.arrivals().is_sorted());
        assert_eq!(stand_in.arrivals()[0], stand_in.reads()[0].at);
        assert_eq!(stand_in.others(), [1, 4].map(|number| stand_in.arrivals()[number]));
        stand_in.set("a", "kept");
        stand_in.reset();
        assert_eq!((stand_in.read_count(), stand_in.requests(), stand_in.others().len()), (0, 0, 0));
        assert_eq!(get(&stand_in, "/v1/s/data/a").await.1["data"]["data"]["value"], "kept");
    }

    #[tokio::test]
    async fn a_share_of_all_requests_fails_with_a_retry_after() {
        let stand_in = StandIn::start().unwrap();
        stand_in.behave(failing(0.25, 429, Some(7)));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut told_to_wait = 0;
        for path in ["s/data/a", "auth/token/lookup-self"].into_iter().cycle().take(400) {
            let answer = client.get(format!("{}/v1/{path}", stand_in.address())).send().await.unwrap();
            let asked_to_wait = answer.headers().get(header::RETRY_AFTER).is_some_and(|after| after == "7");
            assert_eq!(asked_to_wait, answer.status() == 429);
            told_to_wait += usize::from(asked_to_wait);
        }
        let reads = keys(&stand_in).iter().filter(|(_, status)| *status == 429).count();
        assert!((70..130).contains(&told_to_wait), "{told_to_wait} of 400");
        assert!((30..70).contains(&reads), "{reads} of 200");
    }

    #[test]
    fn the_same_requests_fail_in_every_run() {
        let struck = |share| {
            let failing = Failing { share, status: 500, retry_after: None };
            (0..10_000).filter(|number| failing.strikes(*number)).collect::<Vec<_>>()
        };
        assert_eq!(struck(0.3), struck(0.3));
        assert!((2_900..3_100).contains(&struck(0.3).len()));
        assert_eq!((struck(0.0).len(), struck(1.0).len()), (0, 10_000));
    }

    #[tokio::test]
    async fn health_returns_with_the_next_behaviour() {
        let stand_in = StandIn::start().unwrap();
        stand_in.behave(failing(1.0, 503, None));
        assert_eq!(get(&stand_in, "/v1/s/data/a").await.0, 503);
        stand_in.behave(Behaviour::default());
        assert_eq!(get(&stand_in, "/v1/s/data/a").await.0, 200);
        assert_eq!(keys(&stand_in), [("a".to_string(), 503), ("a".to_string(), 200)]);
    }

    #[tokio::test]
    async fn a_slow_answer_is_counted_when_its_request_arrives_and_holds_back_no_other() {
        let stand_in = StandIn::start().unwrap();
        stand_in.behave(Behaviour { latency: Duration::from_secs(3600), failing: None });
        let slow = tokio::spawn(reqwest::get(format!("{}/v1/s/data/slow", stand_in.address())));
        while stand_in.read_count() == 0 {
            tokio::task::yield_now().await;
        }
        stand_in.behave(Behaviour::default());
        assert_eq!(get(&stand_in, "/v1/s/data/quick").await.0, 200);
        assert!(!slow.is_finished());
        assert_eq!(keys(&stand_in).len(), 2);
    }

    #[tokio::test]
    async fn a_dropped_stand_in_answers_nobody() {
        let stand_in = StandIn::start().unwrap();
        let address = stand_in.address().to_string();
        drop(stand_in);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        assert!(client.get(address).send().await.unwrap_err().is_connect());
    }
}
