//! The reconciler of SecretStores and ClusterSecretStores: one algorithm, two kinds (reference 3.1).
//!
//! A store is judged when it comes, when its specification changes, when an object that it names changes, and every
//! `refreshInterval`. The judgement shares the pool's login with the reads. The status is written only when it differs, and an event
//! is recorded only with a change (Appendix B10).

use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::Timestamp;
use keyferry_stores::{
    base::{Clock, Error, Kind, Result, limits},
    net::retry::jitter,
    provider::{Access, Env, Probe},
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{
    schedule::Schedule,
    table::Table,
    world::{SharedWorld, Signal},
};
use crate::{
    api::validate,
    cluster::{Cluster, Event, StatusKind, Subject, WritePermit, identity::Uid, watch::RawObject},
    sync::{
        gate::later,
        report::{self, StoreFinding},
        stores::{Fetcher, Opening, Probed, StoreRef, Usable},
    },
};

/// Annotation that silences maintenance warnings.
const IGNORE_MAINTENANCE: &str = "external-secrets.io/ignore-maintenance-checks";
const UNMAINTAINED: &str = "store isn't currently maintained. Please plan and prepare accordingly.";

/// The longest wait without a due store: any message ends it.
const IDLE: Duration = Duration::from_secs(3600);

/// What the reconciler works with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The API server.
    pub cluster: Arc<dyn Cluster>,
    /// What the watches tell.
    pub world: SharedWorld,
    /// The store pool.
    pub fetcher: Fetcher,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The environment of stores.
    pub env: Env,
    /// Live state for metrics: SecretStores, ClusterSecretStores.
    pub tables: [Arc<Table>; 2],
    /// `--controller-class`.
    pub class: String,
    /// Whether SecretStores and ClusterSecretStores are judged.
    pub judges: [bool; 2],
    /// `--store-requeue-interval`.
    pub interval: Duration,
}

/// What the task hears.
#[derive(Debug)]
pub enum Message {
    /// Something changed.
    Signal(Signal),
    /// A judgement ended.
    Done(StoreRef, Box<Judged>),
}

/// How a judgement ended.
#[derive(Debug)]
pub struct Judged {
    began: Timestamp,
    ready: Option<bool>,
    failed: bool,
    /// Why the store is not ready.
    error: Option<Error>,
    wait: Option<Duration>,
    written: Option<(Value, String)>,
}

/// What the store's status says already.
#[derive(Debug, Default)]
struct Known {
    status: Value,
    /// True if it says that the store gave no answer.
    unanswered: bool,
}

impl Judged {
    fn is_unanswered(&self) -> bool {
        self.error.as_ref().is_some_and(|error| error.kind().is_silence())
    }

    /// A judgement that panicked: our fault, tried again with a growing wait.
    fn panicked(store: &StoreRef, began: Timestamp) -> Self {
        tracing::error!(store = %store.key, kind = store.kind.kind(), "a judgement panicked; this is a bug of keyferry");
        Self { began, ready: None, failed: true, error: None, wait: None, written: None }
    }
}

/// What a judgement says (the table of reference 3.1).
#[derive(Debug, Clone)]
struct Verdict {
    ready: bool,
    reason: &'static str,
    message: String,
    /// The event's text; never a value.
    event: String,
    /// `None` leaves the capabilities as they were.
    access: Option<Access>,
    unmaintained: bool,
    retry: bool,
    /// Why the store is not ready.
    error: Option<Error>,
}

#[derive(Debug, Default)]
struct Record {
    busy: bool,
    again: bool,
    failures: u32,
    /// True if it gave no answer, or wants to be left alone for a while.
    unanswered: bool,
    /// When it was first looked at.
    came: Option<Timestamp>,
    judged: Option<(Uid, i64)>,
    status: Option<Value>,
    version: String,
}

/// The reconciler of both kinds.
#[derive(Debug)]
pub struct Stores {
    context: Context,
    records: HashMap<StoreRef, Record>,
    schedule: Schedule<StoreRef>,
    sender: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
}

impl Stores {
    /// A reconciler that hears from `inbox`.
    #[must_use]
    pub fn new(
        context: Context,
        inbox: (mpsc::UnboundedSender<Message>, mpsc::UnboundedReceiver<Message>),
    ) -> Self {
        let (records, schedule) = (HashMap::new(), Schedule::default());
        Self { context, records, schedule, sender: inbox.0, inbox: inbox.1 }
    }

    /// Runs until the process ends.
    pub async fn run(mut self) {
        let (clock, back) = (self.context.clock.clone(), self.context.fetcher.back());
        loop {
            let now = clock.now();
            for (_, store) in self.schedule.take_due(now) {
                self.judge(&store);
            }
            let next = self.schedule.next().unwrap_or(Timestamp::MAX);
            let wait = Duration::try_from(next.duration_since(now)).unwrap_or_default().min(IDLE);
            tokio::select! {
                message = self.inbox.recv() => self.hear(message),
                () = back.notified() => self.judge_failing(),
                () = clock.sleep(wait) => (),
            }
        }
    }

    /// A store answers again: those that did not are judged at once, so that their objects need not wait.
    fn judge_failing(&mut self) {
        let failing = self.records.iter().filter(|(_, record)| record.unanswered);
        let stores: Vec<StoreRef> = failing.map(|(store, _)| store.clone()).collect();
        stores.iter().for_each(|store| self.judge(store));
    }

    fn hear(&mut self, message: Option<Message>) {
        match message {
            Some(Message::Signal(signal)) => self.signalled(signal),
            Some(Message::Done(store, judged)) => self.done(&store, *judged),
            None => (),
        }
    }

    fn signalled(&mut self, signal: Signal) {
        if !self.context.world.lock().is_listed() {
            return;
        }
        match signal {
            Signal::Store(store) => self.changed(&store),
            Signal::Credential(stores) => stores.iter().for_each(|store| self.judge(store)),
            Signal::Listed => {
                let stores = self.context.world.lock().stores();
                stores.iter().for_each(|store| self.changed(store));
            }
            Signal::Judged(_)
            | Signal::Target(_)
            | Signal::Object(..)
            | Signal::Objects(_)
            | Signal::Template(..)
            | Signal::Namespace(_) => (),
        }
    }

    /// A store came, changed or went; a change of its status alone is no reason to judge it.
    fn changed(&mut self, store: &StoreRef) {
        let known = self.context.world.lock().store(store).map(|raw| (raw.uid.clone(), raw.generation));
        let Some(known) = known else {
            self.records.remove(store);
            self.schedule.remove(store);
            return self.table(store).remove(&store.key);
        };
        let record = self.records.entry(store.clone()).or_default();
        if record.judged.as_ref() != Some(&known) {
            record.failures = 0;
            record.unanswered = false;
            self.judge(store);
        }
    }

    fn table(&self, store: &StoreRef) -> &Table {
        &self.context.tables[place(store)]
    }

    fn judge(&mut self, store: &StoreRef) {
        let raw = self.context.world.lock().store(store).cloned();
        let Some(raw) = raw.filter(|_| self.is_ours(store)) else { return };
        if let Some(until) = self.waits_for_references(store) {
            return self.schedule.set(store.clone(), until);
        }
        let record = self.records.entry(store.clone()).or_default();
        if std::mem::replace(&mut record.busy, true) {
            record.again = true;
            return;
        }
        record.judged = Some((raw.uid.clone(), raw.generation));
        let known = Known { status: latest_status(record, &raw), unanswered: record.unanswered };
        let (context, sender, store) = (self.context.clone(), self.sender.clone(), store.clone());
        tokio::spawn(async move {
            let began = context.clock.now();
            let judged = AssertUnwindSafe(context.judge(&store, &raw, known)).catch_unwind().await;
            let judged = judged.unwrap_or_else(|_| Judged::panicked(&store, began));
            // The receiver is gone only when the process ends.
            let _ended = sender.send(Message::Done(store, Box::new(judged)));
        });
    }

    /// A new store that names objects which were not seen yet waits for them a moment: until when, if so.
    fn waits_for_references(&mut self, store: &StoreRef) -> Option<Timestamp> {
        let now = self.context.clock.now();
        let record = self.records.entry(store.clone()).or_default();
        let until = later(*record.came.get_or_insert(now), limits::NOT_SEEN_YET);
        let waits =
            record.judged.is_none() && now < until && self.context.world.lock().lacks_references(store);
        waits.then_some(until)
    }

    /// False for stores of another class; a store that does not parse is ours, since somebody must say so.
    fn is_ours(&self, store: &StoreRef) -> bool {
        if !self.context.judges[place(store)] {
            return false;
        }
        let spec = self.context.world.lock().spec(store);
        let class = spec.ok().and_then(|spec| spec.controller.clone()).unwrap_or_default();
        class.is_empty() || class == self.context.class
    }

    fn done(&mut self, store: &StoreRef, judged: Judged) {
        let now = self.context.clock.now();
        if !self.records.contains_key(store) {
            return;
        }
        let took = now.duration_since(judged.began);
        self.table(store).note(&store.key, took, judged.ready, judged.failed);
        let Some(record) = self.records.get_mut(store) else { return };
        record.busy = false;
        record.failures = if judged.failed { record.failures.saturating_add(1) } else { 0 };
        let again = std::mem::take(&mut record.again);
        // What was judged may be another specification than the next: that one's silence is news.
        record.unanswered = judged.is_unanswered() && !again;
        if let Some((status, version)) = judged.written {
            record.status = Some(status);
            record.version = version;
        }
        let wait = judged.wait.unwrap_or_else(|| wait_after(judged.error.as_ref(), record.failures));
        self.schedule.set(store.clone(), later(now, wait));
        if again {
            self.judge(store);
        }
    }
}

/// How long a store waits that is not ready: longer and longer, and at least as long as it asks. One that gives no answer waits the same
/// each time, for stores that are down are asked in turns, however many want to.
fn wait_after(error: Option<&Error>, failures: u32) -> Duration {
    let tries = if error.is_some_and(|error| error.kind().is_silence()) { 1 } else { failures };
    let asked = error.and_then(Error::wait).unwrap_or_default();
    limits::NEVER_SYNCED.wait(tries, jitter()).max(asked)
}

/// The place of a store's kind in pairs of things: SecretStore, ClusterSecretStore.
fn place(store: &StoreRef) -> usize {
    usize::from(store.kind == StatusKind::ClusterSecretStore)
}

/// The status that we know: the last that we wrote, unless the watch knows a later one.
fn latest_status(record: &Record, raw: &RawObject) -> Value {
    let ours =
        record.status.as_ref().filter(|_| raw.resource_version.is_older(&record.version.as_str().into()));
    let watched = || raw.status.as_deref().and_then(|status| serde_json::from_slice(status).ok());
    ours.cloned().or_else(watched).unwrap_or_default()
}

impl Context {
    async fn judge(&self, store: &StoreRef, raw: &RawObject, known: Known) -> Judged {
        let began = self.clock.now();
        let interval = self.interval_of(store);
        let verdict = match &interval {
            Ok(_) => self.verdict(store).await,
            Err(error) => unusable(error),
        };
        let wait = interval.ok().filter(|_| !verdict.retry);
        // An outage has many words, one after the other; that the store does not answer is said once.
        let is_news =
            !(known.unanswered && verdict.error.as_ref().is_some_and(|error| error.kind().is_silence()));
        let said = match is_news {
            true => self.say(store, raw, &known.status, &verdict).await,
            false => Ok(None),
        };
        let (ready, failed, error) = (Some(verdict.ready), verdict.retry, verdict.error);
        let judged = Judged { began, ready, failed, error, wait, written: None };
        match said {
            Ok(written) => Judged { written, ..judged },
            Err(error) => {
                tracing::warn!(store = %store.key, kind = store.kind.kind(), %error, "the status could not be written");
                Judged { failed: true, error: None, wait: None, ..judged }
            }
        }
    }

    /// How often the store is judged; one that does not parse has no say in it.
    fn interval_of(&self, store: &StoreRef) -> Result<Duration> {
        let spec = self.world.lock().spec(store);
        let own = spec.map_or(Ok(None), |spec| validate::store_interval(&spec));
        own.map(|own| own.unwrap_or(self.interval))
    }

    async fn verdict(&self, store: &StoreRef) -> Verdict {
        let usable = self.world.lock().usable(store, None, false);
        let usable = match usable {
            Ok(usable) => usable,
            Err(unusable_now) => return unusable(unusable_now.error()),
        };
        let problems = usable.config.validate(&usable.scope);
        if let Some(problem) = problems.first() {
            let key = usable.config.key();
            let text = format!("spec.provider.{key}.{}: {}", problem.field, problem.message);
            return unusable(&Error::new(Kind::Invalid, text));
        }
        if usable.scope.is_referent(&usable.config.refs()) {
            return valid(usable.config.access(), &usable);
        }
        self.probe(&usable).await
    }

    async fn probe(&self, usable: &Usable) -> Verdict {
        let opener = Opening::of(usable, &self.env, &self.cluster);
        of_probe(self.fetcher.probe(usable.target, opener).await, usable)
    }

    /// Writes the status if it differs, and records events with a change. What was written, with its resourceVersion, if something was.
    ///
    /// # Errors
    /// Those of writing it; a store that is gone needs no status.
    async fn say(
        &self,
        store: &StoreRef,
        raw: &RawObject,
        old: &Value,
        verdict: &Verdict,
    ) -> Result<Option<(Value, String)>> {
        let finding = StoreFinding {
            ready: verdict.ready,
            reason: verdict.reason,
            message: &verdict.message,
            access: verdict.access.map(Access::word),
        };
        let patch = report::store_status(&finding, old, self.clock.now());
        let Some((patch, status)) = patch else { return Ok(None) };
        let subject = Subject { kind: store.kind, key: store.key.clone(), uid: raw.uid.to_string() };
        match self.cluster.patch_status(WritePermit::sole(), &subject, patch).await {
            Ok(version) => {
                self.record_events(&subject, raw, verdict);
                Ok(Some((status, version)))
            }
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn record_events(&self, subject: &Subject, raw: &RawObject, verdict: &Verdict) {
        let component = match subject.kind {
            StatusKind::ClusterSecretStore => "cluster-secret-store",
            StatusKind::SecretStore | StatusKind::ExternalSecret => "secret-store",
        };
        let event = |warning, reason, message: &str| {
            let (subject, message) = (subject.clone(), message.to_string());
            self.cluster.event(Event { subject, component, warning, reason, message });
        };
        let normal = verdict.ready && verdict.reason == "Valid";
        if !normal {
            tracing::warn!(store = %subject.key, kind = subject.kind.kind(), reason = verdict.reason, error = verdict.event, "the store is not valid");
        }
        event(!normal, verdict.reason, &verdict.event);
        if verdict.unmaintained && raw.annotations.get(IGNORE_MAINTENANCE).is_none() {
            event(true, "StoreUnmaintained", UNMAINTAINED);
        }
    }
}

fn verdict(ready: bool, reason: &'static str, message: &str, error: Option<&Error>) -> Verdict {
    let event = error.map_or_else(|| message.to_string(), ToString::to_string);
    let message = match error {
        Some(error) => report::with_cause(message, error),
        None => message.to_string(),
    };
    let error = error.filter(|_| !ready).cloned();
    Verdict { ready, reason, message, event, access: None, unmaintained: false, retry: !ready, error }
}

/// The verdict on what a store said of itself.
fn of_probe(probed: Result<Probed>, usable: &Usable) -> Verdict {
    match probed {
        Err(error) => unusable(&error),
        Ok(Probed { probe: Err(error), .. }) => refused(&error),
        Ok(Probed { probe: Ok(Probe::Unknown(Some(error))), .. }) => undecided(&error),
        Ok(Probed { probe: Ok(Probe::Ready | Probe::Unknown(None)), capabilities }) => {
            valid(capabilities.access, usable)
        }
    }
}

fn unusable(error: &Error) -> Verdict {
    verdict(false, "InvalidProviderConfig", "unable to create client", Some(error))
}

fn refused(error: &Error) -> Verdict {
    verdict(false, "InvalidProviderConfig", "unable to validate store", Some(error))
}

fn undecided(error: &Error) -> Verdict {
    verdict(true, "ValidationUnknown", "could not determine validation status", Some(error))
}

fn valid(access: Access, usable: &Usable) -> Verdict {
    let verdict = verdict(true, "Valid", "store validated", None);
    Verdict { access: Some(access), unmaintained: usable.config.is_unmaintained(), ..verdict }
}

#[cfg(test)]
mod tests;
