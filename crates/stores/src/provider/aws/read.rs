//! What both services share: which keys go into a batch call, what a failed batch call means, and a find's second half.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use async_trait::async_trait;
use futures::{StreamExt, stream};
use regex::Regex;

use super::auth::Session;
use crate::{
    base::{Error, Kind, Result, SecretBytes, limits},
    provider::{
        Access, Batch, Capabilities, Entry, Found, MapRule, Probe, PropertyRule, Query, RemoteKey, Store,
        Want,
    },
};

/// One read, with the id as it goes on the wire (prefix and key).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) id: String,
    pub(super) version: Option<String>,
    pub(super) want: Want,
}

impl Ask {
    fn current(id: String) -> Self {
        Self { id, version: None, want: Want::Value }
    }

    /// True if a batch call can ask for it.
    fn is_plain(&self) -> bool {
        self.want == Want::Value && self.version.as_deref().unwrap_or_default().is_empty()
    }
}

/// Answers of a batch call by id. An id that is not in it is read singly.
pub(super) type Batched = BTreeMap<String, Result<Entry>>;

/// The calls of one service.
#[async_trait]
pub(super) trait Backend: Send + Sync + Debug {
    /// Ids that one batch call takes.
    const BATCH: usize;

    fn session(&self) -> &Session;

    /// One value.
    async fn one(&self, ask: &Ask) -> Result<Entry>;

    /// The tags of one entry.
    async fn tags(&self, id: &str) -> Result<BTreeMap<String, String>>;

    /// Current values of at most [`Self::BATCH`] distinct ids. An error is one of the call.
    async fn batch(&self, ids: &[String]) -> Result<Batched>;

    /// The names that match, complete; with the value, where the list gives it.
    async fn find(&self, query: &Query) -> Result<Vec<(String, Option<Entry>)>>;
}

/// A service as a store.
#[derive(Debug)]
pub(super) struct Reader<B> {
    pub(super) backend: B,
    pub(super) prefix: String,
}

#[async_trait]
impl<B: Backend> Store for Reader<B> {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            access: Access::ReadWrite,
            find: true,
            batch: B::BATCH,
            property: PropertyRule::EscapedThenPath,
            property_absence: false,
            map: MapRule::Raw,
            find_converts: false,
        }
    }

    async fn get(&self, keys: &[RemoteKey]) -> Batch {
        let ask = |key: &RemoteKey| {
            let id = format!("{}{}", self.prefix, key.key);
            Ask { id, version: key.version.clone(), want: key.want }
        };
        self.read(&keys.iter().map(ask).collect::<Vec<_>>()).await
    }

    async fn find(&self, query: &Query) -> Result<Vec<Found>> {
        // The services refuse an empty path; here an empty field is an absent one.
        let query = Query { path: query.path.clone().filter(|path| !path.is_empty()), ..query.clone() };
        let (known, unread): (Vec<_>, Vec<_>) =
            self.backend.find(&query).await?.into_iter().partition(|(_, entry)| entry.is_some());
        let known = known.into_iter().filter_map(|(name, entry)| Some(Found { name, entry: entry? }));
        let mut found: Vec<_> = known.collect();
        let names: Vec<_> = unread.into_iter().map(|(name, _)| name).collect();
        for names in names.chunks(B::BATCH) {
            found.extend(self.values(names).await?);
        }
        Ok(found)
    }

    async fn probe(&self) -> Result<Probe> {
        self.backend.session().probe().await
    }
}

impl<B: Backend> Reader<B> {
    async fn read(&self, asks: &[Ask]) -> Batch {
        let ids: BTreeSet<_> = asks.iter().filter(|ask| ask.is_plain()).map(|ask| ask.id.clone()).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let batched = match self.batch(&ids).await {
            Ok(batched) => batched,
            Err(refused) => return Batch::Refused(refused),
        };
        Batch::Answers(self.rest(asks, &batched).await)
    }

    /// One batch call, if it pays. The error is its refusal.
    async fn batch(&self, ids: &[String]) -> Result<Batched> {
        if ids.len() < 2 {
            return Ok(Batched::new());
        }
        match self.backend.batch(ids).await {
            Ok(batched) => Ok(batched),
            Err(error) => failed_batch(error, ids),
        }
    }

    async fn rest(&self, asks: &[Ask], batched: &Batched) -> Vec<Result<Entry>> {
        let answers: Vec<_> = asks.iter().map(|ask| self.answer(ask, batched)).collect();
        stream::iter(answers).buffered(limits::BATCH_SINGLES).collect().await
    }

    async fn answer(&self, ask: &Ask, batched: &Batched) -> Result<Entry> {
        match batched.get(&ask.id).filter(|_| ask.is_plain()) {
            Some(answer) => answer.clone(),
            None => self.single(ask).await,
        }
    }

    async fn single(&self, ask: &Ask) -> Result<Entry> {
        match ask.want {
            Want::Value => self.backend.one(ask).await,
            Want::Metadata => Ok(Entry::bytes(json(&self.backend.tags(&ask.id).await?))),
        }
    }

    /// The values of listed names. A name that is gone by now has left the answer; any other failure is the find's.
    async fn values(&self, names: &[String]) -> Result<Vec<Found>> {
        let asks: Vec<_> = names.iter().cloned().map(Ask::current).collect();
        let answers = match self.read(&asks).await {
            Batch::Answers(answers) => answers,
            Batch::Refused(_) => self.rest(&asks, &Batched::new()).await,
        };
        let mut found = Vec::with_capacity(names.len());
        for (name, answer) in names.iter().zip(answers) {
            match answer {
                Ok(entry) => found.push(Found { name: name.clone(), entry }),
                Err(error) if error.kind() == Kind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }
}

/// What a failed batch call says. Not allowed, or not there: read singly from now on. No answer, or no credential: the same
/// for every id. Anything else may be one bad id's fault: read singly this time.
fn failed_batch(error: Error, ids: &[String]) -> Result<Batched> {
    match error.kind() {
        Kind::Forbidden | Kind::Unsupported | Kind::Refused => Err(error),
        Kind::Unauthenticated | Kind::Throttled | Kind::Unavailable => {
            Ok(ids.iter().map(|id| (id.clone(), Err(error.clone()))).collect())
        }
        Kind::NotFound | Kind::Conflict | Kind::Invalid | Kind::Malformed | Kind::Bug => Ok(Batched::new()),
    }
}

/// Marks ids that a batch call was asked for and said nothing about: silence is no proof of absence.
pub(super) fn unanswered(ids: &[String], batched: &mut Batched) {
    for id in ids {
        batched.entry(id.clone()).or_insert_with(|| {
            Err(Error::new(Kind::Malformed, "the answer says nothing about an entry that was asked for")
                .with("entry", id))
        });
    }
}

/// The token of the next page. A token that comes again would be read for ever.
pub(super) fn next_page(current: Option<String>, next: Option<String>) -> Result<Option<String>> {
    let next = next.filter(|token| !token.is_empty());
    if next.is_some() && next == current {
        return Err(Error::new(Kind::Malformed, "the service gives the same page again and again"));
    }
    Ok(next)
}

/// Bounds what one find holds.
pub(super) fn within_limit(found: usize) -> Result<()> {
    if found > limits::FIND_ENTRIES {
        let limit = limits::FIND_ENTRIES;
        return Err(
            Error::new(Kind::Malformed, "find matches more entries than the limit").with("limit", limit)
        );
    }
    Ok(())
}

/// A query's conditions that are checked here.
#[derive(Debug)]
pub(super) struct Matches<'a> {
    name: Option<Regex>,
    tags: &'a BTreeMap<String, String>,
}

impl<'a> Matches<'a> {
    pub(super) fn of(query: &'a Query) -> Result<Self> {
        if query.name.is_none() && query.tags.is_empty() {
            return Err(Error::new(Kind::Invalid, "unexpected find operator"));
        }
        let compile = |expression: &String| {
            Regex::new(expression).map_err(|error| {
                let error = Error::new(Kind::Invalid, "could not compile find.name.regexp").because(error);
                error.with("regexp", expression)
            })
        };
        Ok(Self { name: query.name.as_ref().map(compile).transpose()?, tags: &query.tags })
    }

    pub(super) fn name(&self, name: &str) -> bool {
        self.name.as_ref().is_none_or(|expression| expression.is_match(name))
    }

    pub(super) fn tags(&self, tags: &BTreeMap<String, String>) -> bool {
        self.tags.iter().all(|(key, value)| tags.get(key) == Some(value))
    }
}

/// Tags as Go's `json.Marshal` writes a map of strings: sorted, and safe inside HTML.
fn json(tags: &BTreeMap<String, String>) -> SecretBytes {
    let plain = serde_json::Value::from_iter(tags.clone()).to_string();
    let mut escaped = String::with_capacity(plain.len());
    for letter in plain.chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            _ => escaped.push(letter),
        }
    }
    SecretBytes::from(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_written_as_go_writes_them() {
        let tags =
            BTreeMap::from([("b".to_string(), "<x&y>".to_string()), ("a".to_string(), "\"1\"".to_string())]);
        assert_eq!(json(&tags).expose_str(), Some(r#"{"a":"\"1\"","b":"\u003cx\u0026y\u003e"}"#));
    }

    #[test]
    fn only_a_refusal_of_the_call_stops_batching() {
        let ids = ["a".to_string()];
        for kind in Kind::ALL {
            let outcome = failed_batch(Error::new(kind, "failed"), &ids);
            let refused = matches!(kind, Kind::Forbidden | Kind::Unsupported | Kind::Refused);
            assert_eq!(outcome.is_err(), refused, "{kind:?}");
        }
    }

    #[test]
    fn a_failed_batch_call_never_answers_not_found() {
        let ids = ["a".to_string()];
        assert!(failed_batch(Error::new(Kind::NotFound, "no such operation"), &ids).unwrap().is_empty());
    }

    #[test]
    fn a_page_that_comes_again_is_malformed() {
        let token = || Some("t".to_string());
        assert_eq!(next_page(token(), token()).unwrap_err().kind(), Kind::Malformed);
        assert_eq!(next_page(None, token()).unwrap(), token());
        assert_eq!(next_page(token(), Some(String::new())).unwrap(), None);
    }

    #[test]
    fn a_tag_must_match_in_key_and_value() {
        let query = Query { tags: BTreeMap::from([("team".into(), "a".into())]), ..Query::default() };
        let matches = Matches::of(&query).unwrap();
        assert!(matches.tags(&BTreeMap::from([("team".into(), "a".into()), ("env".into(), "b".into())])));
        assert!(!matches.tags(&BTreeMap::from([("team".into(), "b".into()), ("env".into(), "a".into())])));
    }
}
