//! Who is Ready since when, as a watch tells it.
//!
//! One LIST and then one watch of all ExternalSecrets as administrator. A line of the watch is read for its name, its status and nothing
//! else, and a status that did not change is not even parsed: what the observer costs is taken from the machine that it measures on. The
//! floor loop is watched by the same observer, so what the API server spends on it is equal on both sides.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::BytesMut;
use futures::StreamExt;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{sync::watch, task::JoinHandle};

use crate::{Result, clock, plane::Api};

/// All ExternalSecrets.
const PATH: &str = "/apis/external-secrets.io/v1/externalsecrets";

/// The API server's code for a resourceVersion that is no longer kept.
const EXPIRED: u16 = 410;

/// A watch of all ExternalSecrets. Dropping it ends the watch.
pub struct Observer {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Observer {
    /// Lists what is there and watches from then on. What is Ready already counts as Ready since now.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub async fn start(api: &Api) -> Result<Self> {
        let shared = Arc::new(Shared {
            census: Mutex::new(Census::new(clock::now())),
            changed: watch::Sender::new(()),
        });
        shared.list(api).await?;
        let task = tokio::spawn(follow(api.clone(), Arc::clone(&shared)));
        Ok(Self { shared, task })
    }

    /// How many objects have the condition Ready with the status True.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.shared.census().ready
    }

    /// How many objects have the condition Ready with the status False.
    #[must_use]
    pub fn failing(&self) -> usize {
        self.shared.census().failing
    }

    /// Waits until `count` objects are Ready; the moment at which the last of them became so. At once if they are Ready already.
    ///
    /// # Errors
    /// If that takes longer than `within`, or if the watch is lost.
    pub async fn until_ready(&self, count: usize, within: Duration) -> Result<Instant> {
        if let Ok(ended) = tokio::time::timeout(within, self.shared.until_ready(count)).await {
            return ended;
        }
        let census = self.shared.census();
        let (ready, failing, known) = (census.ready, census.failing, census.known());
        Err(format!("{ready} of {count} objects are Ready after {within:?}; {failing} of {known} fail")
            .into())
    }

    /// When an object was first seen Ready.
    #[must_use]
    pub fn became_ready(&self, namespace: &str, name: &str) -> Option<Instant> {
        self.shared.census().objects.get(&key_of(namespace, name))?.first_ready
    }

    /// How many times the status of each object (`namespace/name`) came to differ from what it was before, since the observer started.
    /// Changes that follow each other faster than the API server tells of them are counted as often as it tells.
    #[must_use]
    pub fn status_changes(&self) -> BTreeMap<String, usize> {
        self.shared.census().objects.iter().map(|(key, seen)| (key.clone(), seen.changes)).collect()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the task that watches and those who ask have in common.
struct Shared {
    census: Mutex<Census>,
    changed: watch::Sender<()>,
}

impl Shared {
    fn census(&self) -> MutexGuard<'_, Census> {
        self.census.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn until_ready(&self, count: usize) -> Result<Instant> {
        let mut changed = self.changed.subscribe();
        loop {
            let answer = self.census().answer(count);
            if let Some(answer) = answer {
                return answer;
            }
            changed.changed().await?;
        }
    }

    async fn list(&self, api: &Api) -> Result<()> {
        let mut chunks = api.stream(PATH).await?;
        let mut body = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk?);
        }
        let list: List<'_> = serde_json::from_slice(&body)?;
        self.census().take_list(&list, clock::now())?;
        self.changed.send_replace(());
        Ok(())
    }

    /// One watch, from the last known resourceVersion until the API server ends it.
    async fn watch(&self, api: &Api) -> Result<Ended> {
        let version = self.census().version.clone();
        let mut chunks =
            api.stream(&format!("{PATH}?watch=1&allowWatchBookmarks=true&resourceVersion={version}")).await?;
        let mut buffer = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            let now = clock::now();
            buffer.extend_from_slice(&chunk?);
            if self.fold(&whole_lines(&mut buffer), now)? == Flow::Expired {
                return Ok(Ended::Expired);
            }
        }
        Ok(Ended::Closed)
    }

    fn fold(&self, lines: &[u8], now: Instant) -> Result<Flow> {
        let flow = self.census().fold_lines(lines, now);
        self.changed.send_replace(());
        flow
    }
}

/// How a watch came to its end.
enum Ended {
    /// As each does after some minutes.
    Closed,
    /// The API server no longer knows where it was to begin.
    Expired,
}

/// What an event asks for.
#[derive(Debug, PartialEq)]
enum Flow {
    /// Go on with the next.
    On,
    /// List again.
    Expired,
}

/// Watches for ever; what ends it stands in the census.
async fn follow(api: Api, shared: Arc<Shared>) {
    loop {
        let went = match shared.watch(&api).await {
            Ok(Ended::Expired) => shared.list(&api).await,
            Ok(Ended::Closed) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = went {
            shared.census().lost = Some(error.to_string());
            shared.changed.send_replace(());
            return;
        }
    }
}

/// All that is known of the objects.
struct Census {
    started: Instant,
    objects: HashMap<String, Seen>,
    ready: usize,
    failing: usize,
    /// Where the next watch begins. Empty before the first list.
    version: String,
    /// Why nothing more is heard.
    lost: Option<String>,
}

/// What is known of one object. It stays after the object is gone.
#[derive(Default)]
struct Seen {
    /// A hash of the status as it was written: the API server writes the fields of equal statuses in equal order.
    status: Option<u64>,
    standing: Standing,
    first_ready: Option<Instant>,
    changes: usize,
}

/// What the condition Ready says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Standing {
    /// Nothing yet, or the object is gone.
    #[default]
    Open,
    /// True, since then.
    Ready(Instant),
    /// False.
    Failing,
}

impl Census {
    fn new(started: Instant) -> Self {
        let (objects, version) = (HashMap::new(), String::new());
        Self { started, objects, ready: 0, failing: 0, version, lost: None }
    }

    /// Objects that were ever seen.
    fn known(&self) -> usize {
        self.objects.len()
    }

    /// What to tell somebody who waits for `count` Ready objects; nothing if it is to be waited on.
    fn answer(&self, count: usize) -> Option<Result<Instant>> {
        let lost = self.lost.as_ref();
        let lost = lost.map(|why| Err(format!("the watch of ExternalSecrets is lost: {why}").into()));
        self.moment_of(count).map(Ok).or(lost)
    }

    /// When the `count`-th of the objects that are Ready became so.
    fn moment_of(&self, count: usize) -> Option<Instant> {
        let Some(last) = count.checked_sub(1) else { return Some(self.started) };
        if self.ready < count {
            return None;
        }
        let mut moments: Vec<Instant> =
            self.objects.values().filter_map(|seen| seen.standing.since()).collect();
        moments.sort_unstable();
        moments.get(last).copied()
    }

    /// The first list is where counting begins; of a later one, what differs counts as if a watch had told it.
    fn take_list(&mut self, list: &List<'_>, now: Instant) -> Result<()> {
        let first = self.version.is_empty();
        let listed: HashSet<String> = list.items.iter().map(|object| object.metadata.key()).collect();
        let gone: Vec<String> = self.objects.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in gone {
            self.forget(key);
        }
        for object in &list.items {
            self.see(object, now)?;
        }
        if first {
            self.objects.values_mut().for_each(|seen| seen.changes = 0);
        }
        list.metadata.resource_version.clone_into(&mut self.version);
        Ok(())
    }

    /// Whole lines of a watch, an event each.
    fn fold_lines(&mut self, lines: &[u8], now: Instant) -> Result<Flow> {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            if self.fold(&serde_json::from_slice(line)?, now)? == Flow::Expired {
                return Ok(Flow::Expired);
            }
        }
        Ok(Flow::On)
    }

    fn fold(&mut self, event: &Event<'_>, now: Instant) -> Result<Flow> {
        let object = &event.object;
        match event.kind {
            Kind::Added | Kind::Modified => self.see(object, now)?,
            Kind::Deleted => self.forget(object.metadata.key()),
            Kind::Bookmark => {}
            Kind::Error if object.code == Some(EXPIRED) => return Ok(Flow::Expired),
            Kind::Error => {
                return Err(object.message.as_deref().unwrap_or("an error without a message").into());
            }
        }
        object.metadata.resource_version.clone_into(&mut self.version);
        Ok(Flow::On)
    }

    fn see(&mut self, object: &Object<'_>, now: Instant) -> Result<()> {
        let status = object.status.map(|status| hash_of(status.get()));
        let seen = self.objects.entry(object.metadata.key()).or_default();
        if seen.status == status {
            return Ok(());
        }
        seen.status = status;
        seen.changes += 1;
        let before = seen.standing;
        seen.standing = before.after(verdict(object)?, now);
        seen.first_ready = seen.first_ready.or(seen.standing.since());
        let after = seen.standing;
        self.count(before, after);
        Ok(())
    }

    fn forget(&mut self, key: String) {
        let seen = self.objects.entry(key).or_default();
        let before = std::mem::take(&mut seen.standing);
        seen.status = None;
        self.count(before, Standing::Open);
    }

    fn count(&mut self, before: Standing, after: Standing) {
        self.ready = self.ready + usize::from(after.is_ready()) - usize::from(before.is_ready());
        self.failing = self.failing + usize::from(after.is_failing()) - usize::from(before.is_failing());
    }
}

impl Standing {
    fn is_ready(self) -> bool {
        self.since().is_some()
    }

    fn is_failing(self) -> bool {
        self == Self::Failing
    }

    fn since(self) -> Option<Instant> {
        match self {
            Self::Ready(since) => Some(since),
            Self::Open | Self::Failing => None,
        }
    }

    /// Who stays Ready is so since when it became so.
    fn after(self, verdict: Option<bool>, now: Instant) -> Self {
        match verdict {
            Some(true) => Self::Ready(self.since().unwrap_or(now)),
            Some(false) => Self::Failing,
            None => Self::Open,
        }
    }
}

/// What the condition Ready of an object says; none if it has none, or if it says neither True nor False.
fn verdict(object: &Object<'_>) -> Result<Option<bool>> {
    let Some(status) = object.status else { return Ok(None) };
    let status: Status<'_> = serde_json::from_str(status.get())?;
    let ready = status.conditions.iter().find(|condition| condition.kind == "Ready");
    Ok(ready.and_then(|condition| match condition.status.as_ref() {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }))
}

fn hash_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn key_of(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Takes all lines that are complete out of the buffer.
fn whole_lines(buffer: &mut BytesMut) -> BytesMut {
    let end = buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    buffer.split_to(end)
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(borrow)]
    object: Object<'a>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    items: Vec<Object<'a>>,
}

/// An ExternalSecret; the event of an error has a Status in its place, which alone has a code and a message.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    code: Option<u16>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata<'a> {
    namespace: &'a str,
    name: &'a str,
    resource_version: &'a str,
}

impl Metadata<'_> {
    fn key(&self) -> String {
        key_of(self.namespace, self.name)
    }
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow, default)]
    conditions: Vec<Condition<'a>>,
}

#[derive(Deserialize)]
struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use axum::body::Body;
    use bytes::Bytes;
    use futures::stream;
    use serde_json::{Value, json};

    use super::*;

    /// The status that the letters stand for: `T` Ready, `F` failing, `U` unknown, `e` a status without conditions, `-` none. The number
    /// makes it another status of the same verdict.
    fn status(text: &str) -> Value {
        let (verdict, number) = text.split_at(1);
        let word = match verdict {
            "T" => "True",
            "F" => "False",
            "U" => "Unknown",
            "e" => return json!({"refreshTime": number}),
            _ => return Value::Null,
        };
        json!({"conditions": [{"type": "Deleted", "status": "False"}, {"type": "Ready", "status": word}], "refreshTime": number})
    }

    fn object(name: &str, text: &str, version: usize) -> Value {
        let mut object = json!({"metadata": {"namespace": "shop", "name": name, "resourceVersion": version.to_string(),
                "managedFields": [{"manager": "someone"}]}, "spec": {"data": [{"secretKey": "\"quoted\""}]}});
        if text != "-" {
            object["status"] = status(text);
        }
        object
    }

    fn event(kind: &str, name: &str, text: &str, version: usize) -> String {
        format!("{}\n", json!({"type": kind, "object": object(name, text, version)}))
    }

    fn list(objects: &[(&str, &str)], version: usize) -> String {
        let items: Vec<Value> = objects.iter().map(|(name, text)| object(name, text, 1)).collect();
        json!({"metadata": {"resourceVersion": version.to_string()}, "items": items}).to_string()
    }

    /// A clock that is one second further at each step.
    fn at(start: Instant, step: usize) -> Instant {
        start + Duration::from_secs(step as u64)
    }

    /// A census after a list (at step 0) and events, each one second after the other.
    fn census(listed: &[(&str, &str)], events: &[(&str, &str, &str)]) -> (Census, Instant) {
        let start = clock::now();
        let mut census = Census::new(start);
        census.take_list(&serde_json::from_str(&list(listed, 7)).unwrap(), start).unwrap();
        for (step, (kind, name, text)) in events.iter().enumerate() {
            let line = event(kind, name, text, 100 + step);
            assert_eq!(census.fold_lines(line.as_bytes(), at(start, step + 1)).unwrap(), Flow::On);
        }
        (census, start)
    }

    #[test]
    fn ready_failing_and_changes_follow_the_events() {
        type Row<'a> = (
            &'a [(&'a str, &'a str)],
            &'a [(&'a str, &'a str, &'a str)],
            usize,
            usize,
            &'a [(&'a str, usize)],
        );
        let table: &[Row<'_>] = &[
            (&[], &[], 0, 0, &[]),
            (&[("a", "T1"), ("b", "F1"), ("c", "-")], &[], 1, 1, &[("a", 0), ("b", 0), ("c", 0)]),
            (&[], &[("ADDED", "a", "-")], 0, 0, &[("a", 0)]),
            (&[], &[("ADDED", "a", "-"), ("MODIFIED", "a", "T1")], 1, 0, &[("a", 1)]),
            (&[], &[("ADDED", "a", "T1")], 1, 0, &[("a", 1)]),
            (&[("a", "-")], &[("MODIFIED", "a", "T1"), ("MODIFIED", "a", "T1")], 1, 0, &[("a", 1)]),
            (&[("a", "T1")], &[("MODIFIED", "a", "T2")], 1, 0, &[("a", 1)]),
            (&[("a", "T1")], &[("MODIFIED", "a", "F1"), ("MODIFIED", "a", "T1")], 1, 0, &[("a", 2)]),
            (&[("a", "T1")], &[("MODIFIED", "a", "F1")], 0, 1, &[("a", 1)]),
            (&[("a", "F1")], &[("MODIFIED", "a", "U1"), ("MODIFIED", "a", "e1")], 0, 0, &[("a", 2)]),
            (
                &[("a", "T1"), ("b", "F1")],
                &[("DELETED", "a", "T1"), ("DELETED", "b", "F1")],
                0,
                0,
                &[("a", 0), ("b", 0)],
            ),
            (
                &[("a", "T1")],
                &[("DELETED", "a", "T1"), ("ADDED", "a", "-"), ("MODIFIED", "a", "T1")],
                1,
                0,
                &[("a", 1)],
            ),
            (&[("a", "T1")], &[("BOOKMARK", "", "-")], 1, 0, &[("a", 0)]),
        ];
        for (listed, events, ready, failing, changes) in table {
            let (census, _) = census(listed, events);
            let counted: BTreeMap<_, _> =
                census.objects.iter().map(|(key, seen)| (key.clone(), seen.changes)).collect();
            let changes = changes.iter().map(|(name, times)| (key_of("shop", name), *times)).collect();
            assert_eq!(
                (census.ready, census.failing, counted),
                (*ready, *failing, changes),
                "{listed:?} {events:?}"
            );
        }
    }

    #[test]
    fn the_moment_of_a_count_is_when_the_last_of_them_became_ready() {
        let (census, start) = census(
            &[("a", "T1"), ("b", "-"), ("c", "-")],
            &[("MODIFIED", "c", "T1"), ("MODIFIED", "b", "T1"), ("MODIFIED", "c", "T2")],
        );
        let moments: Vec<_> = (0..=4).map(|count| census.moment_of(count)).collect();
        assert_eq!(moments, [Some(start), Some(start), Some(at(start, 1)), Some(at(start, 2)), None]);
    }

    #[test]
    fn who_failed_in_between_is_ready_anew_but_was_first_ready_before() {
        let (census, start) = census(&[("a", "T1")], &[("MODIFIED", "a", "F1"), ("MODIFIED", "a", "T2")]);
        assert_eq!(census.moment_of(1), Some(at(start, 2)));
        assert_eq!(census.objects["shop/a"].first_ready, Some(start));
    }

    #[test]
    fn a_watch_goes_on_from_the_last_event_bookmarks_included() {
        assert_eq!(census(&[], &[]).0.version, "7");
        assert_eq!(census(&[], &[("ADDED", "a", "-"), ("BOOKMARK", "", "-")]).0.version, "101");
    }

    #[test]
    fn a_later_list_tells_what_the_watch_missed() {
        let (mut census, start) = census(&[("a", "T1"), ("b", "F1"), ("c", "T1")], &[]);
        let later = list(&[("a", "T1"), ("b", "T1"), ("d", "T1")], 50);
        census.take_list(&serde_json::from_str(&later).unwrap(), at(start, 9)).unwrap();
        let changes: BTreeMap<_, _> =
            census.objects.iter().map(|(key, seen)| (key.as_str(), seen.changes)).collect();
        assert_eq!(changes, BTreeMap::from([("shop/a", 0), ("shop/b", 1), ("shop/c", 0), ("shop/d", 1)]));
        assert_eq!((census.ready, census.failing, census.version.as_str()), (3, 0, "50"));
        assert_eq!(census.moment_of(3), Some(at(start, 9)));
    }

    #[test]
    fn an_expired_version_asks_for_a_list_and_other_errors_end_the_watch() {
        let error = |code: u16| {
            let status = json!({"kind": "Status", "metadata": {}, "status": "Failure", "message": "a \"reason\"", "code": code});
            format!("{}\n", json!({"type": "ERROR", "object": status}))
        };
        let (mut census, start) = census(&[], &[]);
        assert_eq!(census.fold_lines(error(410).as_bytes(), start).unwrap(), Flow::Expired);
        assert_eq!(census.fold_lines(error(500).as_bytes(), start).unwrap_err().to_string(), "a \"reason\"");
        assert_eq!(census.version, "7");
    }

    #[test]
    fn lines_are_taken_when_they_are_whole() {
        let mut buffer = BytesMut::from("one\ntwo\nthr");
        assert_eq!(whole_lines(&mut buffer), "one\ntwo\n");
        assert_eq!(whole_lines(&mut buffer), "");
        buffer.extend_from_slice(b"ee\n");
        assert_eq!(whole_lines(&mut buffer), "three\n");
        assert!(buffer.is_empty());
    }

    fn shared() -> Arc<Shared> {
        let census = Mutex::new(census(&[("a", "-"), ("b", "-")], &[]).0);
        Arc::new(Shared { census, changed: watch::Sender::new(()) })
    }

    fn observer(shared: &Arc<Shared>) -> Observer {
        Observer { shared: Arc::clone(shared), task: tokio::spawn(std::future::pending()) }
    }

    /// What an API server says to one request after the other, whatever is asked; what was asked. It holds the last answer open.
    async fn api_server(answers: Vec<String>) -> (Api, Arc<Mutex<Vec<String>>>) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
        let log = Arc::clone(&asked);
        let answer = move |uri: axum::http::Uri| {
            log.lock().unwrap().push(uri.query().unwrap_or_default().to_owned());
            let mut answers = answers.lock().unwrap();
            let said = answers.pop_front().map(|text| Ok::<_, std::io::Error>(Bytes::from(text)));
            let last = answers.is_empty();
            let rest = if last { stream::pending().left_stream() } else { stream::empty().right_stream() };
            std::future::ready(Body::from_stream(stream::iter(said).chain(rest)))
        };
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
        let no_authority = tempfile::NamedTempFile::new().unwrap();
        (Api::new(&format!("http://{address}"), no_authority.path(), "token").unwrap(), asked)
    }

    #[tokio::test]
    async fn a_watch_that_ends_is_taken_up_and_one_that_expired_lists_again() {
        let expired =
            json!({"type": "ERROR", "object": {"status": "Failure", "code": 410}}).to_string() + "\n";
        let (api, asked) = api_server(vec![
            list(&[("a", "-"), ("b", "-")], 7),
            event("MODIFIED", "a", "T1", 8),
            expired,
            list(&[("a", "T1"), ("b", "-")], 20),
            event("MODIFIED", "b", "T1", 21),
        ])
        .await;
        let observer = Observer::start(&api).await.unwrap();
        observer.until_ready(2, Duration::from_secs(60)).await.unwrap();
        let watch = |version: usize| format!("watch=1&allowWatchBookmarks=true&resourceVersion={version}");
        assert_eq!(*asked.lock().unwrap(), [String::new(), watch(7), watch(8), String::new(), watch(20)]);
        assert_eq!(observer.status_changes().into_values().collect::<Vec<_>>(), [1, 1]);
    }

    #[tokio::test]
    async fn who_waits_wakes_when_enough_are_ready() {
        let shared = shared();
        let observer = observer(&shared);
        let moment = at(clock::now(), 5);
        let tell = async {
            tokio::task::yield_now().await;
            shared.fold(event("MODIFIED", "a", "T1", 8).as_bytes(), moment).unwrap();
            tokio::task::yield_now().await;
            shared.fold(event("MODIFIED", "b", "T1", 9).as_bytes(), at(moment, 1)).unwrap();
        };
        let (seen, ()) = tokio::join!(observer.until_ready(2, Duration::from_secs(60)), tell);
        assert_eq!(seen.unwrap(), at(moment, 1));
        assert_eq!(observer.became_ready("shop", "a"), Some(moment));
        assert_eq!(observer.became_ready("shop", "c"), None);
    }

    #[tokio::test]
    async fn who_waits_in_vain_is_told_how_many_there_are() {
        let shared = shared();
        shared.fold(event("MODIFIED", "a", "F1", 8).as_bytes(), clock::now()).unwrap();
        let told = observer(&shared).until_ready(2, Duration::ZERO).await.unwrap_err();
        assert_eq!(told.to_string(), "0 of 2 objects are Ready after 0ns; 1 of 2 fail");
    }

    #[tokio::test]
    async fn who_waits_for_a_lost_watch_is_told_so() {
        let shared = shared();
        shared.census().lost = Some("connection refused".to_owned());
        let told = observer(&shared).until_ready(1, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!(told.to_string(), "the watch of ExternalSecrets is lost: connection refused");
    }
}
