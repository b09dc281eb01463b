//! For tests: the contract that every provider keeps, checked over scripted HTTP.
//!
//! A provider's tests say how its store is opened against a scripted server and what its requests and answers look like
//! ([`Subject`]); [`check`] provokes every failure of the taxonomy and compares the kind. It also checks that no error repeats what
//! a body held, and that answers stand in the order of the keys. All failures of one run are reported together.
//!
//! ```text
//! #[tokio::test]
//! async fn the_contract_holds() {
//!     contract::check(&OverHttp).await;
//! }
//! ```
#![allow(clippy::panic, reason = "a contract that is broken must fail the test")]

use std::{fmt::Write, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Batch, Entry, Payload, Query, RemoteKey, Store};
use crate::{
    base::{Error, Kind, Result},
    net::scripted::{Exchange, Reply, Scripted},
};

/// Stands in every scripted body; no error may repeat it.
pub const MARKER: &str = "marker-of-a-secret-value";

/// The wait that a throttled answer asks for: too long to be waited out within a read.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// How one provider is spoken to.
#[async_trait]
pub trait Subject: Send + Sync {
    /// Opens a store against a server, with a credential that is good. [`super::held::Held`] makes the environment.
    ///
    /// # Errors
    /// Those of the provider; they count as the outcome of the read.
    async fn open(&self, url: &str) -> Result<Arc<dyn Store>>;

    /// What else a store asks for in the course of a read (logins): asked for any number of times.
    fn prologue(&self) -> Vec<Exchange> {
        Vec::new()
    }

    /// The request that reads one entry, still without an answer.
    fn read(&self, key: &str) -> Exchange;

    /// The answer to it, for an entry with this value.
    fn entry(&self, key: &str, value: &str) -> Reply;

    /// What the store makes of that value.
    fn payload(&self, value: &str) -> Payload {
        Payload::Bytes(value.into())
    }

    /// The exchanges that prove that an entry is absent. Each may be asked for any number of times.
    fn absent(&self, key: &str) -> Vec<Exchange>;

    /// The exchanges of a read in a place that is not there: the wrong mount, vault, project or region.
    fn elsewhere(&self, key: &str) -> Vec<Exchange>;

    /// How a fault looks here, where it is not a plain answer of HTTP.
    fn script(&self, _fault: Fault, _key: &str) -> Script {
        Script::Usual
    }

    /// The exchanges of one call of [`Store::get`] with these keys and values; `None` is an absent entry. The default reads singly.
    fn many(&self, entries: &[(&str, Option<&str>)]) -> Vec<Exchange> {
        let one = |(key, value): &(&str, Option<&str>)| match value {
            Some(value) => vec![self.read(key).answers(self.entry(key, value))],
            None => self.absent(key),
        };
        entries.iter().flat_map(one).collect()
    }

    /// A search and its first request, still without an answer; `None` if the store cannot find.
    fn find(&self) -> Option<(Query, Exchange)> {
        None
    }
}

/// How a provider's server shows a fault.
#[derive(Debug)]
pub enum Script {
    /// As [`Fault`] says.
    Usual,
    /// By these exchanges.
    Own(Vec<Exchange>),
    /// Not at all: the protocol cannot express it, for this reason.
    Never(&'static str),
}

/// What can go wrong with any read over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection closes without a word.
    Closed,
    /// No answer, ever.
    Silent,
    /// The body ends too early.
    Cut,
    /// 200 with a page of HTML, as a portal in between would answer.
    Page,
    /// 200 with broken JSON.
    Broken,
    /// 200 with valid JSON of another shape.
    Strange,
    /// 200 with more than [`crate::base::limits::ANSWER_BYTES`].
    Huge,
    /// The credential is refused: 401.
    Unauthenticated,
    /// The credential may not do this: 403.
    Forbidden,
    /// 404 with a page of HTML: the address is wrong.
    Unknown,
    /// 409.
    Conflict,
    /// 429 with `Retry-After`.
    Throttled,
    /// 500.
    Failing,
    /// 503.
    Down,
    /// A redirect to another server.
    Redirect,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 15] = [
        Self::Closed,
        Self::Silent,
        Self::Cut,
        Self::Page,
        Self::Broken,
        Self::Strange,
        Self::Huge,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::Unknown,
        Self::Conflict,
        Self::Throttled,
        Self::Failing,
        Self::Down,
        Self::Redirect,
    ];

    /// What it means (design section 5), for every provider.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Closed | Self::Silent | Self::Cut | Self::Failing | Self::Down => Kind::Unavailable,
            Self::Page | Self::Broken | Self::Strange | Self::Huge => Kind::Malformed,
            Self::Unauthenticated => Kind::Unauthenticated,
            Self::Forbidden => Kind::Forbidden,
            Self::Unknown | Self::Redirect => Kind::Invalid,
            Self::Conflict => Kind::Conflict,
            Self::Throttled => Kind::Throttled,
        }
    }

    /// Its usual answer; `elsewhere` is another server.
    #[must_use]
    pub fn reply(self, elsewhere: &str) -> Reply {
        let body = format!(r#"{{"message":"{MARKER}","errors":["{MARKER}"],"data":{{"x":"{MARKER}"}}}}"#);
        match self {
            Self::Closed => Reply::closed(),
            Self::Silent => Reply::silence(),
            Self::Cut => Reply::cut(200, format!(r#"{{"data":"{MARKER}"#)),
            Self::Page => Reply::html(200),
            Self::Broken => Reply::json(200, format!(r#"{{"data":"{MARKER}"#)),
            Self::Strange => Reply::json(200, format!(r#"["{MARKER}"]"#)),
            Self::Huge => Reply::huge(200),
            Self::Unauthenticated => Reply::json(401, body),
            Self::Forbidden => Reply::json(403, body),
            Self::Unknown => Reply::html(404),
            Self::Conflict => Reply::json(409, body),
            Self::Throttled => {
                Reply::json(429, body).header("retry-after", &RETRY_AFTER.as_secs().to_string())
            }
            Self::Failing => Reply::json(500, body),
            Self::Down => Reply::json(503, body),
            Self::Redirect => Reply::json(302, body).header("location", elsewhere),
        }
    }
}

/// Checks a provider.
///
/// # Panics
/// If it breaks the contract; the text lists how. Needs a runtime of one thread, since it moves time.
pub async fn check(subject: &dyn Subject) {
    let mut broken = unreachable(subject).await;
    for fault in Fault::ALL {
        broken.extend(faulty_read(subject, fault).await);
        broken.extend(faulty_find(subject, fault).await);
    }
    broken.extend(absent(subject).await);
    broken.extend(elsewhere(subject).await);
    broken.extend(order(subject).await);
    assert!(broken.is_empty(), "the contract is broken:\n{}", broken.join("\n"));
}

const KEY: &str = "app";

async fn read(subject: &dyn Subject, url: &str) -> Result<Entry> {
    let store = subject.open(url).await?;
    let mut answers = ask(&*store, &[RemoteKey::value(KEY)]).await?;
    let first = answers.pop().filter(|_| answers.is_empty());
    first.unwrap_or_else(|| Err(Error::new(Kind::Bug, "one key must have one answer")))
}

async fn ask(store: &dyn Store, keys: &[RemoteKey]) -> Result<Vec<Result<Entry>>> {
    match store.get(keys).await {
        Batch::Answers(answers) => Ok(answers),
        Batch::Refused(error) => Err(error),
    }
}

async fn unreachable(subject: &dyn Subject) -> Vec<String> {
    // A server that has ended: nobody listens on its port.
    let url = Scripted::start([]).await.url().to_string();
    judge("nobody listens", Kind::Unavailable, &read(subject, &url).await)
}

/// A server that answers with `exchanges` any number of times, besides the prologue.
async fn server(subject: &dyn Subject, exchanges: Vec<Exchange>) -> Scripted {
    let all = subject.prologue().into_iter().chain(exchanges);
    Scripted::start(all.map(Exchange::repeated)).await
}

async fn faulty_read(subject: &dyn Subject, fault: Fault) -> Vec<String> {
    let elsewhere = Scripted::start([]).await;
    let exchanges = match subject.script(fault, KEY) {
        Script::Usual => vec![subject.read(KEY).answers(fault.reply(elsewhere.url()))],
        Script::Own(exchanges) => exchanges,
        Script::Never(_) => return Vec::new(),
    };
    let server = server(subject, exchanges).await;
    let outcome = match fault {
        Fault::Silent => server.timing_out(read(subject, server.url())).await,
        _ => read(subject, server.url()).await,
    };
    let name = format!("a read, {fault:?}");
    let mut broken = judge(&name, fault.kind(), &outcome);
    let told = outcome.err().and_then(|error| error.wait());
    if fault == Fault::Throttled && told != Some(RETRY_AFTER) {
        broken.push(format!("{name}: Retry-After says {RETRY_AFTER:?}, the error {told:?}"));
    }
    broken.extend(uninvited(&name, &server));
    broken.extend(uninvited(&format!("{name}, the other server"), &elsewhere));
    broken
}

async fn faulty_find(subject: &dyn Subject, fault: Fault) -> Vec<String> {
    let usual = matches!(subject.script(fault, KEY), Script::Usual);
    let Some((query, request)) = subject.find().filter(|_| usual) else { return Vec::new() };
    let elsewhere = Scripted::start([]).await;
    let server = server(subject, vec![request.answers(fault.reply(elsewhere.url()))]).await;
    let find = async || subject.open(server.url()).await?.find(&query).await;
    let outcome = match fault {
        Fault::Silent => server.timing_out(find()).await,
        _ => find().await,
    };
    let name = format!("a find, {fault:?}");
    let mut broken = judge(&name, fault.kind(), &outcome);
    broken.extend(uninvited(&name, &server));
    broken.extend(uninvited(&format!("{name}, the other server"), &elsewhere));
    broken
}

async fn absent(subject: &dyn Subject) -> Vec<String> {
    let server = server(subject, subject.absent(KEY)).await;
    let mut broken = judge("an absent entry", Kind::NotFound, &read(subject, server.url()).await);
    broken.extend(uninvited("an absent entry", &server));
    broken
}

async fn elsewhere(subject: &dyn Subject) -> Vec<String> {
    let server = server(subject, subject.elsewhere(KEY)).await;
    let mut broken = judge("a wrong place", Kind::Invalid, &read(subject, server.url()).await);
    broken.extend(uninvited("a wrong place", &server));
    broken
}

/// Answers stand in the order of the keys, whatever the order in the server's answer.
async fn order(subject: &dyn Subject) -> Vec<String> {
    let entries = [("zeta", Some("value-1")), ("gone", None), ("alpha", Some("value-3"))];
    // How many keys a call takes is known once the store is open, so the script is written after that.
    let server = server(subject, Vec::new()).await;
    let store = match subject.open(server.url()).await {
        Ok(store) => store,
        Err(error) => return vec![format!("the store does not open: {error}")],
    };
    let mut broken = Vec::new();
    for call in entries.chunks(store.capabilities().batch.min(entries.len())) {
        subject.many(call).into_iter().for_each(|exchange| server.expect(exchange.repeated()));
        let keys: Vec<_> = call.iter().map(|(key, _)| RemoteKey::value(*key)).collect();
        match ask(&*store, &keys).await {
            Ok(answers) => broken.extend(compare(subject, call, &answers)),
            Err(error) => broken.push(format!("{keys:?}: {error}")),
        }
    }
    broken.extend(uninvited("several keys", &server));
    broken
}

fn compare(
    subject: &dyn Subject,
    entries: &[(&str, Option<&str>)],
    answers: &[Result<Entry>],
) -> Vec<String> {
    if answers.len() != entries.len() {
        return vec![format!("{} keys have {} answers", entries.len(), answers.len())];
    }
    let unlike = entries.iter().zip(answers).filter(|((_, value), answer)| match (value, answer) {
        (Some(value), Ok(entry)) => entry.payload != subject.payload(value),
        (None, Err(error)) => error.kind() != Kind::NotFound,
        (Some(_), Err(_)) | (None, Ok(_)) => true,
    });
    unlike.map(|((key, _), answer)| format!("of several keys, {key} is answered with {answer:?}")).collect()
}

/// Compares the kind, and looks for what a body held.
fn judge<T>(name: &str, kind: Kind, outcome: &Result<T>) -> Vec<String> {
    match outcome {
        Ok(_) => vec![format!("{name}: succeeds, and should be {kind:?}")],
        Err(error) if error.kind() != kind => {
            vec![format!("{name}: is {:?} ({error}), and should be {kind:?}", error.kind())]
        }
        Err(error) if tells(error) => vec![format!("{name}: the error repeats the body: {error:?}")],
        Err(_) => Vec::new(),
    }
}

/// True if the error or a source of it repeats the marker, as it is or in base64.
fn tells(error: &Error) -> bool {
    let mut text = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, " {cause} {cause:?}");
        source = cause.source();
    }
    [MARKER, &STANDARD.encode(MARKER), "<html"].iter().any(|mark| text.contains(mark))
}

fn uninvited(name: &str, server: &Scripted) -> Vec<String> {
    server.take_unscripted().into_iter().map(|line| format!("{name}: not in the script: {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(error: Error) -> usize {
        judge::<()>("x", Kind::Unavailable, &Err(error)).len()
    }

    #[test]
    fn a_planted_leak_is_found_in_text_facts_and_sources() {
        let error = || Error::new(Kind::Unavailable, "the store failed");
        let encoded = STANDARD.encode(MARKER);
        let source = || std::io::Error::other(std::io::Error::other(MARKER));
        assert_eq!(judged(error()), 0);
        assert_eq!(judged(error().within(MARKER)), 1);
        assert_eq!(judged(error().with("value", encoded)), 1);
        assert_eq!(judged(error().because(source())), 1);
    }

    #[test]
    fn a_success_and_another_kind_break_the_contract() {
        assert_eq!(judge("x", Kind::Unavailable, &Ok(())).len(), 1);
        assert_eq!(judged(Error::new(Kind::NotFound, "x")), 1);
    }
}
