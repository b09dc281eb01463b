//! The floor: the same writes with nothing in between.
//!
//! [`run`] is a process of its own, so that the kernel accounts for it as it does for keyferry. It opens the watches that keyferry
//! opens, through the same kube client with the same settings, then POSTs each Secret and PATCHes each status, byte for byte what
//! keyferry sent in the counting run. It decides nothing and decodes nothing but the versions that a watch begins with.
//!
//! The requests are read before the clock starts; the memory that they take is in no comparison. [`Floor`] is the process as the
//! benchmark sees it: ready, let go, done, measured while it waits, ended.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io::Write,
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
    time::Duration,
};

use bytes::Bytes;
use futures::{AsyncBufRead, AsyncBufReadExt, TryStreamExt, future::try_join_all, stream};
use http::{HeaderValue, Method, Request, header};
use kube::{
    Client, Config,
    api::{ListParams, WatchParams},
    client::Body,
    config::{KubeConfigOptions, Kubeconfig},
    core::Request as Collection,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};

use crate::{Result, clock, plane::Api, recorder::Written};

/// Objects under way at once, and so requests: what keyferry allows itself (`WRITES_IN_FLIGHT` in `crates/stores/src/base/limits.rs`).
const IN_FLIGHT: usize = 32;

/// Objects of a page of a list, as kube's watcher asks for them.
const PAGE: u32 = 500;

/// How long the API server is asked to keep a watch open, as kube's watcher does. Only a failure ends one before.
pub const WATCH_LIFE: Duration = Duration::from_secs(290);

/// How often a watch may be opened again after a failure.
const REOPENED: u64 = 2;

/// After this silence keyferry gives a connection up (`SILENCE` in `src/cluster/kube.rs`).
const SILENCE: Duration = Duration::from_secs(300);

/// keyferry's own: the API server takes the field manager of a patch from it and keeps it in the object.
const AGENT: &str = concat!("keyferry/", env!("CARGO_PKG_VERSION"));

/// How keyferry asks for answers: the Secret that it made, and of an object whose status it wrote the metadata only.
const WHOLE: &str = "application/json";
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// The process has read its requests.
const READY: &str = "ready";
/// The process may begin.
const GO: &str = "go";
/// The last write was answered; seconds from [`GO`] until the watches were open and until the end follow.
const DONE: &str = "done";

/// What keyferry watches (`watch` in `src/cli/operator.rs`).
const WATCHES: [Watch; 8] = [
    Watch::of("/apis/external-secrets.io/v1/externalsecrets"),
    Watch::of("/apis/external-secrets.io/v1/secretstores"),
    Watch::of("/apis/external-secrets.io/v1/clustersecretstores"),
    Watch { labels: Some("reconcile.external-secrets.io/managed=true"), ..Watch::of("/api/v1/secrets") },
    Watch { metadata: true, ..Watch::of("/api/v1/secrets") },
    Watch { metadata: true, ..Watch::of("/api/v1/configmaps") },
    Watch { metadata: true, ..Watch::of("/api/v1/serviceaccounts") },
    Watch::of("/api/v1/namespaces"),
];

/// A request as it goes on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// `POST` or `PATCH`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The header `Accept`.
    pub accept: String,
    /// The header `Content-Type`.
    pub content: String,
    /// The body, JSON.
    pub body: String,
}

/// The requests of one object, each sent when the one before is answered.
pub type Writes = Vec<Prepared>;

/// UIDs by `namespace/name`.
pub type Uids = HashMap<String, String>;

/// The UIDs of all ExternalSecrets.
///
/// # Errors
/// The list cannot be read.
pub async fn uids(api: &Api) -> Result<Uids> {
    let list = api.get("/apis/external-secrets.io/v1/externalsecrets").await?;
    let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text =
        |object: &Value, field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let key = |object: &Value| format!("{}/{}", text(object, "namespace"), text(object, "name"));
    Ok(items.iter().map(|object| (key(object), text(object, "uid"))).collect())
}

/// What keyferry wrote in one run, to be written again where the objects have other UIDs.
pub struct Script(Vec<Scripted>);

/// What was written for one object.
struct Scripted {
    /// `namespace/name` of the ExternalSecret.
    object: String,
    /// The UID that it had.
    uid: String,
    writes: Writes,
}

impl Script {
    /// Takes the first POST of a Secret and the first PATCH of a status of each object, in the order of the POSTs. Events and the
    /// statuses of stores are left out.
    ///
    /// # Errors
    /// A Secret without an owner or a status without a test of the UID; an object that got a Secret and no status.
    pub fn of(written: &[Written]) -> Result<Self> {
        let statuses = statuses(written)?;
        let mut known = HashSet::new();
        let mut script = Vec::with_capacity(statuses.len());
        for create in written.iter().filter(|write| creates_secret(write)) {
            let uid = owner(create)?;
            if !known.insert(uid.clone()) {
                continue;
            }
            let (object, status) =
                statuses.get(&uid).ok_or_else(|| format!("{} of {uid}: no status follows", create.path))?;
            let writes = vec![Prepared::of(create, WHOLE)?, Prepared::of(status, METADATA)?];
            script.push(Scripted { object: object.clone(), uid, writes });
        }
        Ok(Self(script))
    }

    /// How many objects are written.
    #[must_use]
    pub fn objects(&self) -> usize {
        self.0.len()
    }

    /// The same requests for objects of these UIDs. All UIDs are of one length, so the bodies are too.
    ///
    /// # Errors
    /// An object that is not there.
    pub fn with(&self, uids: &Uids) -> Result<Vec<Writes>> {
        self.0.iter().map(|scripted| scripted.with(uids)).collect()
    }
}

impl Scripted {
    fn with(&self, uids: &Uids) -> Result<Writes> {
        let uid = uids.get(&self.object).ok_or_else(|| format!("{} is not there", self.object))?;
        let renewed =
            |write: &Prepared| Prepared { body: write.body.replace(&self.uid, uid), ..write.clone() };
        Ok(self.writes.iter().map(renewed).collect())
    }
}

impl Prepared {
    fn of(write: &Written, accept: &str) -> Result<Self> {
        Ok(Self {
            method: write.method.clone(),
            path: write.path.clone(),
            accept: accept.to_owned(),
            content: write.content_type.clone(),
            body: String::from_utf8(write.body.to_vec())?,
        })
    }
}

/// The first status of each object and the object's name, by its UID.
fn statuses(written: &[Written]) -> Result<HashMap<String, (String, &Written)>> {
    let mut statuses = HashMap::new();
    for patch in written.iter().filter(|write| write.method == "PATCH") {
        if let Some(object) = object_of_status(&patch.path) {
            statuses.entry(tested(patch)?).or_insert((object, patch));
        }
    }
    Ok(statuses)
}

/// `namespace/name`, if the path is that of an ExternalSecret's status.
fn object_of_status(path: &str) -> Option<String> {
    let path = path.split('?').next()?.strip_prefix("/apis/external-secrets.io/v1/namespaces/")?;
    let (namespace, name) = path.strip_suffix("/status")?.split_once("/externalsecrets/")?;
    Some(format!("{namespace}/{name}"))
}

fn creates_secret(write: &Written) -> bool {
    let path = write.path.split('?').next().unwrap_or_default();
    write.method == "POST" && path.starts_with("/api/v1/namespaces/") && path.ends_with("/secrets")
}

/// The UID of the object that owns a Secret.
fn owner(create: &Written) -> Result<String> {
    let secret: Value = serde_json::from_slice(&create.body)?;
    let uid = secret["metadata"]["ownerReferences"][0]["uid"].as_str();
    uid.map(str::to_owned).ok_or_else(|| format!("{}: a Secret without an owner", create.path).into())
}

/// The UID that a JSON patch tests.
fn tested(patch: &Written) -> Result<String> {
    let steps: Value = serde_json::from_slice(&patch.body)?;
    let steps = steps.as_array().map(Vec::as_slice).unwrap_or_default();
    let uid =
        steps.iter().find(|step| step["path"] == "/metadata/uid").and_then(|step| step["value"].as_str());
    uid.map(str::to_owned).ok_or_else(|| format!("{}: a status without a test of the UID", patch.path).into())
}

/// How often keyferry watches each resource, as the audit log names them.
#[must_use]
pub fn watched() -> BTreeMap<&'static str, u64> {
    let mut times = BTreeMap::new();
    for watch in &WATCHES {
        *times.entry(watch.path.rsplit('/').next().unwrap_or_default()).or_default() += 1;
    }
    times
}

/// How often keyferry lists each resource at most while it starts beside `objects` ExternalSecrets: once for each watch, page by page.
/// Of everything else there is no more than a page: what it writes itself comes after the lists.
#[must_use]
pub fn listed(objects: usize) -> BTreeMap<&'static str, u64> {
    let pages = objects.div_ceil(PAGE as usize).max(1) as u64;
    let of = |of: &str| if of == "externalsecrets" { pages } else { 1 };
    watched().into_iter().map(|(resource, times)| (resource, times * of(resource))).collect()
}

/// How often keyferry opens watches of each resource at most in a time in which it starts: each once, again when its life is over,
/// and a few times after a failure.
#[must_use]
pub fn opened(within: Duration) -> BTreeMap<&'static str, u64> {
    let times = 1 + lives(within) + REOPENED;
    watched().into_iter().map(|(resource, watches)| (resource, watches * times)).collect()
}

/// How often keyferry opens watches of each resource again at most within a time because their lives are over.
#[must_use]
pub fn reopened(within: Duration) -> BTreeMap<&'static str, u64> {
    let times = lives(within) + 1;
    watched().into_iter().map(|(resource, watches)| (resource, watches * times)).collect()
}

/// The whole lives of a watch in a time.
fn lives(time: Duration) -> u64 {
    time.as_secs() / WATCH_LIFE.as_secs()
}

/// Writes the requests to a file, an object a line.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, objects: &[Writes]) -> Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for writes in objects {
        serde_json::to_writer(&mut file, writes)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

fn load(path: &Path) -> Result<Vec<Writes>> {
    let text = std::fs::read_to_string(path)?;
    let objects = text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>();
    objects.map_err(|error| format!("{} is not a file of requests: {error}", path.display()).into())
}

/// The floor process as the benchmark sees it.
pub struct Floor {
    child: Child,
    input: ChildStdin,
    words: Lines<BufReader<ChildStdout>>,
}

/// What the floor says of its own time, from the word to begin.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// Until every watch was open.
    pub opening: Duration,
    /// Until the last write was answered.
    pub whole: Duration,
}

impl Floor {
    /// Starts the process; it has read its requests and waits for the word.
    ///
    /// # Errors
    /// It does not start, or cannot read its requests.
    pub async fn ready(kubeconfig: &Path, requests: &Path) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("floor").arg("--kubeconfig").arg(kubeconfig).arg("--requests").arg(requests);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.kill_on_drop(true).spawn()?;
        let input = child.stdin.take().ok_or("the floor has no input")?;
        let output = child.stdout.take().ok_or("the floor has no output")?;
        let mut floor = Self { child, input, words: BufReader::new(output).lines() };
        match floor.word().await?.as_str() {
            READY => Ok(floor),
            other => Err(format!("the floor says {other:?} instead of being ready").into()),
        }
    }

    /// The process, as long as it is not ended.
    ///
    /// # Errors
    /// It has ended by itself.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| "the floor has ended".into())
    }

    /// Lets it begin.
    ///
    /// # Errors
    /// It has ended by itself.
    pub async fn go(&mut self) -> Result<()> {
        self.input.write_all(format!("{GO}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// Waits until its last write is answered. It goes on to hold its watches, so that it can be measured.
    ///
    /// # Errors
    /// It has failed; it has said why on its standard error.
    pub async fn done(&mut self) -> Result<Spans> {
        let said = self.word().await?;
        let mut words = said.split(' ');
        let (word, opening, whole) = (words.next(), words.next(), words.next());
        match (word, opening.and_then(span), whole.and_then(span)) {
            (Some(DONE), Some(opening), Some(whole)) => Ok(Spans { opening, whole }),
            _ => Err(format!("the floor says {said:?} instead of being done").into()),
        }
    }

    /// Ends it.
    ///
    /// # Errors
    /// It fails at the end.
    pub async fn end(mut self) -> Result<()> {
        drop(self.input);
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("the floor ends with {status}").into()) }
    }

    async fn word(&mut self) -> Result<String> {
        self.words.next_line().await?.ok_or_else(|| "the floor has ended".into())
    }
}

fn span(seconds: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.parse().ok()?).ok()
}

/// What the floor process is told: both or neither. People do not start it, so the options are in no help.
#[derive(Debug, PartialEq, Eq, clap::Args)]
pub struct Orders {
    /// Reaches the API server as keyferry does
    #[arg(long, hide = true, required = false, requires = "requests")]
    pub kubeconfig: PathBuf,
    /// The requests to make
    #[arg(long, hide = true, required = false, requires = "kubeconfig")]
    pub requests: PathBuf,
}

/// The floor process: reads the requests, waits for the word, makes them, and waits to be measured until its input closes.
///
/// # Errors
/// A request that the API server does not accept; a watch that cannot be opened or held.
pub async fn run(orders: &Orders) -> Result<()> {
    let objects = load(&orders.requests)?;
    say(READY)?;
    if hear().await?.trim_end() != GO {
        return Ok(());
    }
    let begun = clock::now();
    let client = connect(&orders.kubeconfig).await?;
    let mut held = open_all(&client).await?;
    let opened = begun.elapsed();
    until_broken(&mut held, write_all(&client, objects)).await?;
    say(&format!("{DONE} {} {}", opened.as_secs_f64(), begun.elapsed().as_secs_f64()))?;
    hear().await?;
    Ok(())
}

fn say(words: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{words}")?;
    Ok(out.flush()?)
}

/// A line of the input; an empty one at its end.
async fn hear() -> Result<String> {
    let read = || {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    };
    Ok(tokio::task::spawn_blocking(read).await??)
}

/// The client of `KubeCluster::connect` in `src/cluster/kube.rs`, setting by setting.
async fn connect(kubeconfig: &Path) -> Result<Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let mut config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    config.read_timeout = Some(SILENCE);
    config.reset_reader_on_write = true;
    config.headers.push((header::USER_AGENT, HeaderValue::from_static(AGENT)));
    Ok(Client::try_from(config)?)
}

/// What is listed and then watched.
#[derive(Clone, Copy, Debug)]
struct Watch {
    path: &'static str,
    labels: Option<&'static str>,
    metadata: bool,
}

impl Watch {
    const fn of(path: &'static str) -> Self {
        Self { path, labels: None, metadata: false }
    }

    fn page(&self, rest: Option<&str>) -> Result<Request<Vec<u8>>> {
        let asked = ListParams { limit: Some(PAGE), ..ListParams::default() };
        let asked = ListParams { label_selector: self.labels.map(str::to_owned), ..asked };
        let asked = ListParams { continue_token: rest.map(str::to_owned), ..asked };
        let collection = Collection::new(self.path);
        Ok(if self.metadata { collection.list_metadata(&asked)? } else { collection.list(&asked)? })
    }

    fn from(&self, version: &str) -> Result<Request<Vec<u8>>> {
        let asked = WatchParams { label_selector: self.labels.map(str::to_owned), ..WatchParams::default() };
        let collection = Collection::new(self.path);
        Ok(if self.metadata {
            collection.watch_metadata(&asked, version)?
        } else {
            collection.watch(&asked, version)?
        })
    }
}

/// All that is decoded of a page of a list.
#[derive(Deserialize)]
struct Page {
    metadata: Position,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Position {
    resource_version: String,
    #[serde(default, rename = "continue")]
    rest: String,
}

/// A line of a watch, as far as it is decoded: the last one, and only if the watch is to go on after it.
#[derive(Deserialize)]
struct Event {
    object: Page,
}

/// What a watch tells.
type Told = Pin<Box<dyn AsyncBufRead + Send>>;

/// Opens every watch, all at once as keyferry does, and goes on reading them.
async fn open_all(client: &Client) -> Result<JoinSet<Result<()>>> {
    let opened = try_join_all(WATCHES.iter().map(|watch| open(client, watch))).await?;
    Ok(WATCHES.iter().zip(opened).map(|(watch, opened)| hold(client.clone(), watch, opened)).collect())
}

/// Lists page by page, then watches from there; the version of the list, too.
async fn open(client: &Client, watch: &Watch) -> Result<(String, Told)> {
    let mut rest = None;
    loop {
        let page: Page = client.request(watch.page(rest.as_deref())?).await?;
        let Position { resource_version: version, rest: left } = page.metadata;
        if left.is_empty() {
            let told = follow(client, watch, &version).await?;
            return Ok((version, told));
        }
        rest = Some(left);
    }
}

async fn follow(client: &Client, watch: &Watch, version: &str) -> Result<Told> {
    Ok(Box::pin(client.request_stream(watch.from(version)?).await?))
}

/// Reads a watch line by line. One that the API server ends goes on after its last line.
async fn hold(client: Client, watch: &Watch, (mut version, mut told): (String, Told)) -> Result<()> {
    loop {
        if let Some(last) = last_line(told).await? {
            version = serde_json::from_slice::<Event>(&last)?.object.metadata.resource_version;
        }
        told = follow(&client, watch, &version).await?;
    }
}

/// Reads to the end; the last line, if there is any.
async fn last_line(mut told: impl AsyncBufRead + Unpin) -> Result<Option<Vec<u8>>> {
    let (mut last, mut line) = (None, Vec::new());
    while told.read_until(b'\n', &mut line).await? > 0 {
        line = last.replace(line).unwrap_or_default();
        line.clear();
    }
    Ok(last)
}

/// Does `work` as long as every watch is held.
async fn until_broken(held: &mut JoinSet<Result<()>>, work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        done = work => done,
        Some(broken) = held.join_next() => broken?,
    }
}

async fn write_all(client: &Client, objects: Vec<Writes>) -> Result<()> {
    let objects = stream::iter(objects.into_iter().map(Ok));
    objects.try_for_each_concurrent(IN_FLIGHT, |writes| write(client, writes)).await
}

async fn write(client: &Client, writes: Writes) -> Result<()> {
    for prepared in writes {
        send(client, prepared.request()?).await?;
    }
    Ok(())
}

impl Prepared {
    fn request(self) -> Result<Request<Body>> {
        let request = Request::builder()
            .method(Method::from_bytes(self.method.as_bytes())?)
            .uri(self.path)
            .header(header::ACCEPT, self.accept)
            .header(header::CONTENT_TYPE, self.content);
        Ok(request.body(Body::from(Bytes::from(self.body)))?)
    }
}

/// Sends a request; its answer is read and dropped.
async fn send(client: &Client, request: Request<Body>) -> Result<()> {
    let asked = format!("{} {}", request.method(), request.uri().path());
    let (head, body) = client.send(request).await?.into_parts();
    let body = body.collect_bytes().await?;
    if head.status.is_success() {
        return Ok(());
    }
    Err(format!("{asked}: {}: {}", head.status, String::from_utf8_lossy(&body)).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: &str = "11111111-1111-4111-8111-111111111111";
    const NEW: &str = "22222222-2222-4222-8222-222222222222";

    fn written(method: &str, path: &str, body: &Value) -> Written {
        let (method, path, content_type) =
            (method.to_owned(), path.to_owned(), "application/json".to_owned());
        Written { method, path, content_type, body: body.to_string().into() }
    }

    fn secret(uid: &str) -> Written {
        let metadata = json!({ "name": "s", "ownerReferences": [{ "name": "e", "uid": uid }] });
        written("POST", "/api/v1/namespaces/n/secrets?fieldManager=m", &json!({ "metadata": metadata }))
    }

    fn status(uid: &str, path: &str) -> Written {
        written("PATCH", path, &json!([{ "op": "test", "path": "/metadata/uid", "value": uid }]))
    }

    const STATUS: &str = "/apis/external-secrets.io/v1/namespaces/n/externalsecrets/e/status";

    #[test]
    fn a_script_holds_one_post_and_one_patch_of_each_object_and_nothing_else() {
        let store = status(OLD, "/apis/external-secrets.io/v1/clustersecretstores/s/status");
        let event = written("POST", "/api/v1/namespaces/n/events", &json!({}));
        let again = [secret(OLD), status(OLD, STATUS)];
        let all = [vec![store, event, secret(OLD), status(OLD, STATUS)], again.to_vec()].concat();
        let script = Script::of(&all).unwrap();
        let writes = script.with(&Uids::from([("n/e".into(), OLD.into())])).unwrap();
        let sent: Vec<_> =
            writes[0].iter().map(|write| (write.path.as_str(), write.accept.as_str())).collect();
        assert_eq!(script.objects(), 1);
        assert_eq!(sent, [("/api/v1/namespaces/n/secrets?fieldManager=m", WHOLE), (STATUS, METADATA)]);
    }

    #[test]
    fn a_new_uid_takes_the_place_of_the_old_one_and_changes_no_length() {
        let script = Script::of(&[secret(OLD), status(OLD, STATUS)]).unwrap();
        let bodies = |uid: &str| -> Vec<String> {
            let writes = script.with(&Uids::from([("n/e".into(), uid.into())])).unwrap();
            writes[0].iter().map(|write| write.body.clone()).collect()
        };
        let (old, new) = (bodies(OLD), bodies(NEW));
        assert!(new.iter().all(|body| body.contains(NEW) && !body.contains(OLD)), "{new:?}");
        assert!(old.iter().zip(&new).all(|(old, new)| old.len() == new.len()));
    }

    #[test]
    fn an_object_without_a_status_or_that_is_not_there_is_an_error() {
        let error = Script::of(&[secret(OLD)]).err().unwrap().to_string();
        assert!(error.ends_with("no status follows"), "{error}");
        let script = Script::of(&[secret(OLD), status(OLD, STATUS)]).unwrap();
        assert_eq!(script.with(&Uids::new()).unwrap_err().to_string(), "n/e is not there");
    }

    #[test]
    fn saved_requests_are_loaded_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("requests");
        let writes = vec![Prepared::of(&secret(OLD), WHOLE).unwrap()];
        save(&file, &[writes.clone(), writes.clone()]).unwrap();
        assert_eq!(load(&file).unwrap(), [writes.clone(), writes]);
    }

    #[tokio::test]
    async fn a_watch_is_read_to_its_last_line() {
        let last = async |told: &'static str| last_line(told.as_bytes()).await.unwrap();
        assert_eq!(last("one\ntwo\nthree\n").await.as_deref(), Some(&b"three\n"[..]));
        assert_eq!(last("one\n").await.as_deref(), Some(&b"one\n"[..]));
        assert_eq!(last("").await, None);
    }

    #[test]
    fn of_a_line_the_version_is_decoded() {
        let line = r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"},"spec":{}}}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.object.metadata.resource_version, "7");
        let page = r#"{"metadata":{"resourceVersion":"9","continue":"c"},"items":[{"spec":1}]}"#;
        let page: Page = serde_json::from_str(page).unwrap();
        assert_eq!((page.metadata.resource_version.as_str(), page.metadata.rest.as_str()), ("9", "c"));
    }

    #[test]
    fn pages_and_watches_are_asked_for_as_kube_does() {
        let managed = WATCHES[3];
        let page = managed.page(Some("c")).unwrap();
        let label = "labelSelector=reconcile.external-secrets.io%2Fmanaged%3Dtrue";
        assert_eq!(page.uri().to_string(), format!("/api/v1/secrets?&{label}&limit=500&continue=c"));
        let events = WATCHES[4].from("7").unwrap();
        let asked =
            "/api/v1/secrets?&watch=true&timeoutSeconds=290&allowWatchBookmarks=true&resourceVersion=7";
        assert_eq!(events.uri().to_string(), asked);
        assert_eq!(events.headers()[header::ACCEPT], METADATA);
        assert_eq!(watched()["secrets"], 2);
        assert!(events.uri().to_string().contains(&format!("timeoutSeconds={}&", WATCH_LIFE.as_secs())));
    }

    #[test]
    fn lists_have_pages_and_watches_have_lives() {
        let pages = [0, 500, 501, 10_000].map(|objects| listed(objects)["externalsecrets"]);
        assert_eq!(pages, [1, 1, 2, 20]);
        assert_eq!((listed(10_000)["secrets"], listed(10_000)["namespaces"]), (2, 1));
        let times = [60, 289, 290, 600].map(Duration::from_secs);
        assert_eq!(times.map(|time| reopened(time)["namespaces"]), [1, 1, 2, 3]);
        assert_eq!(times.map(|time| reopened(time)["secrets"]), [2, 2, 4, 6]);
        assert_eq!(times.map(|time| opened(time)["namespaces"]), [3, 3, 4, 5]);
        assert!(!opened(times[0]).contains_key("events"));
    }
}
