//! One object's job, read as a sentence: shape what the stores answered, render the target, plan the write, apply it, report.
//!
//! A job gets its object as the watch last showed it, the digest of the target as the cache holds it, and the answers. It writes at
//! most one target and one status.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use jiff::Timestamp;
use keyferry_stores::{
    base::{Error, Kind, Result, refs::Scope},
    provider::{Absence, Entry, Query, RemoteKey, Want},
};
use serde_json::{Map, Value};

use super::{
    apply::{self, Applied, Known},
    fetch::{Answered, Ask, Delivery},
    pipeline::Pipeline,
    plan::{self, Failed, object::Manifest},
    render::{self, Metadata, Rendered, Templating, generic},
    report::{self, Noun, Outcome},
    shape::{self, Answers, Assembled, Rules},
    shelf::Seen,
    stores::{Delivered, Held, StoreRef},
    templates::Pace,
};
use crate::{
    api::{
        digest,
        external_secret::{
            CreationPolicy, DataFrom, DeletionPolicy, ExternalSecretSpec, ExternalSecretStatus,
            MetadataPolicy, RemoteRef, SecretStoreRef, SourceRef, StoreKind,
        },
        parse,
    },
    cluster::{
        Event, ObjectKey, StatusKind, Subject, WritePermit,
        generic::{GenericObject, ManagedObject, ObjectKind},
        identity::Version,
        managed::ManagedSecret,
        refusal,
        watch::RawObject,
    },
};

/// ESO's own finalizer: never added by us, taken off when the object is deleted (design section 4).
pub const ESO_FINALIZER: &str = "externalsecrets.external-secrets.io/externalsecret-cleanup";

/// One object, as known when its job starts.
#[derive(Debug, Clone)]
pub struct Object {
    /// The object.
    pub raw: RawObject,
    /// Its status, which may be younger than the one in `raw`.
    pub status: Option<Box<[u8]>>,
    /// When its reconcile began: what `refreshTime` becomes.
    pub began: Timestamp,
    /// The target, if the cache holds it.
    pub target: Option<ManagedSecret>,
    /// Other Secrets that this object controls.
    pub orphans: Vec<ManagedSecret>,
    /// When the answers were first complete and empty, without a proof of absence.
    pub empty_since: Option<Timestamp>,
    /// The versions of what it uses as templates.
    pub seen: Seen,
    /// How long its templates may take.
    pub pace: Pace,
}

impl Object {
    /// The object as events and statuses name it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject { kind: StatusKind::ExternalSecret, key: self.raw.key.clone(), uid: self.raw.uid.to_string() }
    }

    /// The object as the owner of a Secret; `uid` is the text of its UID.
    fn owner<'a>(&'a self, uid: &'a str) -> plan::Owner<'a> {
        let RawObject { key, spec, labels, annotations, .. } = &self.raw;
        let spec = std::str::from_utf8(spec).unwrap_or_default();
        let said = [spec, labels.text(), annotations.text()];
        plan::Owner { namespace: key.namespace(), name: key.name(), uid, said }
    }
}

/// One entry of the specification, in ESO's order (dataFrom, then data), and its answer.
#[derive(Debug)]
pub struct Slot {
    /// What "not there" proves at this entry's store.
    absence: Absence,
    finds: bool,
    /// How the store that answered is read; `None` if it was never opened.
    rules: Option<Rules>,
    /// The answer; `None` while it is awaited.
    pub answer: Option<Answer>,
}

/// An answer to one entry.
#[derive(Debug)]
pub enum Answer {
    /// The store's, and what counts its bytes against the plaintext budget.
    Store(Result<Answered>, Option<Arc<Held>>),
    /// The store could not be asked.
    Failed(Error),
    /// The entry asks for nothing.
    Nothing,
}

impl Slot {
    /// An entry whose store was asked.
    #[must_use]
    pub fn waiting(absence: Absence, ask: &Ask) -> Self {
        Self { absence, finds: matches!(ask, Ask::Find(_)), rules: None, answer: None }
    }

    fn answered(answer: Answer) -> Self {
        Self { absence: Absence::ErrorOnly, finds: false, rules: None, answer: Some(answer) }
    }

    /// An entry whose store cannot be asked.
    #[must_use]
    pub fn failed(error: Error) -> Self {
        Self::answered(Answer::Failed(error))
    }

    /// An entry that asks for nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self::answered(Answer::Nothing)
    }

    /// Takes the answer of its store in. Ten thousand objects hold theirs at once, so only what is read again is kept.
    pub fn take(&mut self, delivered: Delivered) {
        let (Delivery { answer, capabilities, .. }, held) = delivered.into_parts();
        self.rules = capabilities.map(|capabilities| Rules::of(&capabilities, self.absence));
        self.answer = Some(Answer::Store(answer, held));
    }

    /// The error of the store that was asked.
    fn store_error(&self) -> Option<&Error> {
        match &self.answer {
            Some(Answer::Store(answer, _)) => answer.as_ref().err(),
            Some(Answer::Failed(_) | Answer::Nothing) | None => None,
        }
    }

    /// The answer as `shape` takes it. Values stay shared; only names are copied.
    fn answer(&self) -> shape::Answer {
        let unanswered =
            || shape::Answer::Failed(Error::new(Kind::Bug, "an entry was shaped before it was answered"));
        match &self.answer {
            None => unanswered(),
            Some(Answer::Failed(error)) => shape::Answer::Failed(error.clone()),
            Some(Answer::Nothing) => shape::Answer::Nothing,
            Some(Answer::Store(answer, _)) => self.told(answer),
        }
    }

    fn told(&self, answer: &Result<Answered>) -> shape::Answer {
        match (answer, self.rules) {
            (Err(error), Some(rules)) if self.finds => shape::Answer::Found(Err(error.clone()), rules),
            (Err(error), Some(rules)) => shape::Answer::Entry(Err(error.clone()), rules),
            (Err(error), None) => shape::Answer::Failed(error.clone()),
            (Ok(Answered::Entry(entry)), Some(rules)) => shape::Answer::Entry(Ok(Entry::clone(entry)), rules),
            (Ok(Answered::Found(found)), Some(rules)) => shape::Answer::Found(Ok(found.to_vec()), rules),
            (Ok(_), None) => {
                shape::Answer::Failed(Error::new(Kind::Bug, "a store that is not open has answered"))
            }
        }
    }
}

/// True if some store gave no answer, and nothing else is wrong: no news for an object whose status says so.
#[must_use]
pub fn says_only_that_stores_are_silent(slots: &[Slot]) -> bool {
    let is_silence = |error: &Error| error.kind().is_silence();
    let is_news = |error: &Error| !is_silence(error) && error.kind() != Kind::NotFound;
    let asked = slots.iter().all(|slot| !matches!(slot.answer, Some(Answer::Failed(_)) | None));
    let mut errors = slots.iter().filter_map(Slot::store_error);
    asked && errors.clone().any(is_silence) && !errors.any(is_news)
}

/// What is to be done.
#[derive(Debug)]
pub enum Job {
    /// The object is being deleted and carries ESO's finalizer.
    Clean,
    /// It cannot be synced as written.
    Fail(Failed, Error),
    /// Its answers are complete.
    Sync(Vec<Slot>),
}

/// What is kept of a target that was written.
#[derive(Debug)]
pub enum Written {
    /// A Secret.
    Secret(ManagedSecret),
    /// An object of another kind.
    Object(ObjectKind, ManagedObject),
}

/// How a job ended.
#[derive(Debug)]
pub struct Finished {
    /// When the reconcile began.
    pub began: Timestamp,
    /// Why it failed.
    pub error: Option<Error>,
    /// True if that is all: a store gave no answer.
    pub is_silence: bool,
    /// The Ready condition now; `None` if there is none.
    pub ready: Option<bool>,
    /// True if the status could not be written.
    pub untold: bool,
    /// The status as written, with its resourceVersion; `None` if nothing was written.
    pub status: Option<(Box<[u8]>, Version)>,
    /// When the object was last refreshed, if this job did it.
    pub refreshed: Option<Timestamp>,
    /// The target as we wrote it.
    pub written: Option<Written>,
    /// See [`Object::empty_since`].
    pub empty_since: Option<Timestamp>,
    /// The answers were empty without a proof: read again after this.
    pub confirm: Option<Duration>,
    /// True if nothing was done, because its templates take longer than its [`Pace`] allows.
    pub put_off: bool,
}

impl Finished {
    fn of(object: &Object, told: &mut Told) -> Self {
        let written = told.applied.written.take();
        let finished = match &told.applied.outcome {
            Outcome::Failed(what, error) => {
                let is_silence = matches!(what, Failed::Fetch) && error.kind().is_silence();
                Self { is_silence, ..Self::failed(object, error.clone()) }
            }
            Outcome::Done(_) => {
                Self { ready: Some(true), refreshed: Some(object.began), ..Self::done(object) }
            }
        };
        match told.applied.confirm {
            None => Self { written, confirm: None, empty_since: None, ..finished },
            Some(wait) => {
                let empty_since = object.empty_since.or(Some(object.began));
                Self { confirm: Some(wait), empty_since, ready: None, refreshed: None, ..finished }
            }
        }
    }

    fn failed(object: &Object, error: Error) -> Self {
        Self { error: Some(error), ready: Some(false), ..Self::done(object) }
    }

    /// A job that panicked: our fault, tried again with a growing wait.
    #[must_use]
    pub fn panicked(object: &ObjectKey, began: Timestamp) -> Self {
        tracing::error!(externalsecret = %object, "a job panicked; this is a bug of keyferry");
        Self { error: Some(Error::new(Kind::Bug, "the job panicked")), ..Self::at(began) }
    }

    fn done(object: &Object) -> Self {
        Self::at(object.began)
    }

    fn at(began: Timestamp) -> Self {
        Self {
            began,
            error: None,
            is_silence: false,
            ready: None,
            untold: false,
            status: None,
            refreshed: None,
            written: None,
            empty_since: None,
            confirm: None,
            put_off: false,
        }
    }
}

/// Does one job. One that panics is a failure of its object, which is told like any other.
pub async fn pull(pipeline: &Pipeline, object: Object, job: Job) -> Finished {
    let guarded = |job| AssertUnwindSafe(work(pipeline, &object, job)).catch_unwind();
    match guarded(job).await {
        Ok(finished) => finished,
        Err(_) => {
            let panicked = Finished::panicked(&object.raw.key, object.began);
            let told = panicked.error.clone().filter(|_| !object.raw.deleting);
            let Some(error) = told else { return panicked };
            guarded(Job::Fail(Failed::Update, error)).await.unwrap_or(panicked)
        }
    }
}

async fn work(pipeline: &Pipeline, object: &Object, job: Job) -> Finished {
    match job {
        Job::Clean => clean(pipeline, object).await,
        Job::Fail(what, error) => {
            // What panics on its specification is not made to do so again.
            let of = if error.kind() == Kind::Bug { Noun::Secret } else { noun(object) };
            tell(pipeline, object, Told::failed(what, error).of(of)).await
        }
        Job::Sync(slots) => match sync(pipeline, object, slots).await {
            Ok(Some(told)) => tell(pipeline, object, told).await,
            Ok(None) => Finished { put_off: true, ..Finished::done(object) },
            Err(error) => {
                let told = Told::failed(Failed::Fetch, error).of(noun(object));
                tell(pipeline, object, told).await
            }
        },
    }
}

/// What an object whose job came to no target fills; a Secret, if its specification does not parse.
fn noun(object: &Object) -> Noun {
    let spec = parse::external_secret(&object.raw.spec).unwrap_or_default();
    noun_of(&spec, object.raw.key.name())
}

fn noun_of(spec: &ExternalSecretSpec, name: &str) -> Noun {
    match generic::kind_of(spec) {
        Some(ObjectKind { kind, .. }) => Noun::Object { kind, name: spec.target_name(name).into() },
        None => Noun::Secret,
    }
}

/// What is to be told about a job.
struct Told {
    applied: Applied<Written>,
    missing: Vec<String>,
    target: String,
    of: Noun,
}

impl Told {
    fn failed(what: Failed, error: Error) -> Self {
        let (applied, missing, target) = (Applied::failed(what, error), Vec::new(), String::new());
        Self { applied, missing, target, of: Noun::Secret }
    }

    fn of(self, of: Noun) -> Self {
        Self { of, ..self }
    }
}

/// Shape, render, plan, apply. `None` if its templates take longer than the pace of the object allows: then nothing was done. An error is
/// one of getting the values.
async fn sync(pipeline: &Pipeline, object: &Object, slots: Vec<Slot>) -> Result<Option<Told>> {
    let spec = parse::external_secret(&object.raw.spec)?;
    check_asks(&spec, &slots)?;
    let Some(shaped) = shaped(pipeline, object, &spec, &slots)? else { return Ok(None) };
    let target = spec.target_name(object.raw.key.name()).to_string();
    let of = noun_of(&spec, object.raw.key.name());
    let applied = match generic::kind_of(&spec) {
        None => fill_secret(pipeline, object, (&spec, &target), &shaped).await,
        Some(kind) => fill_object(pipeline, object, (&spec, &target), (&shaped, kind)).await,
    };
    let missing = shaped.missing;
    Ok(match applied {
        Ok(applied) => applied.map(|applied| Told { applied, missing, target, of }),
        Err(error) => Some(Told { missing, ..Told::failed(Failed::Update, error).of(of) }),
    })
}

/// Renders and writes a Secret. Where nothing is to be written, or a target that is there keeps its content because it is immutable, nothing
/// is read and rendered for it: as in ESO, a broken template is then nobody's concern. `None` if it is to be put off; an error is one of
/// rendering.
async fn fill_secret(
    pipeline: &Pipeline,
    object: &Object,
    (spec, target): (&ExternalSecretSpec, &str),
    shaped: &Assembled,
) -> Result<Option<Applied<Written>>> {
    let uid = object.raw.uid.to_string();
    let immutable = spec.target.as_ref().is_some_and(|target| target.immutable);
    let blank = Rendered { immutable, ..Rendered::default() };
    let blank = want((object, &uid), (spec, target), shaped, &blank);
    let known = match known(pipeline, &blank, object.target.is_some()).await {
        Ok(known) => known,
        Err(error) => return Ok(Some(Applied::failed(Failed::Read, error))),
    };
    let render = |metadata: Metadata<'_>, templating: Templating<'_, '_>| {
        render::render(spec, metadata, &shaped.values, templating)
    };
    let frozen = Rendered { immutable, frozen: true, ..Rendered::default() };
    let (rendered, known) = match (blank.is_filled(known.is_there()), immutable && known.is_there()) {
        (false, _) => (Some(Rendered::default()), known),
        (true, true) => (Some(frozen), known),
        (true, false) => match with_templates(pipeline, object, spec, render).await {
            // The cache holds only what bears our label.
            Err(error) if immutable => match apply::look(pipeline, &blank).await {
                Ok(known) if known.is_there() => (Some(frozen), known),
                _ => return Err(error),
            },
            rendered => (rendered?, known),
        },
    };
    let Some(rendered) = rendered else { return Ok(None) };
    let want = plan::Want { rendered: &rendered, ..blank };
    let applied = apply::apply(pipeline, &want, (object.target.as_ref(), known), &object.orphans).await;
    let keep = |secret| Written::Secret(ManagedSecret::of(&secret, &pipeline.digests));
    Ok(Some(applied.map(keep)))
}

/// Renders and writes an object of another kind, likewise. `None` if it is to be put off; an error is one of rendering.
async fn fill_object(
    pipeline: &Pipeline,
    object: &Object,
    (spec, target): (&ExternalSecretSpec, &str),
    (shaped, kind): (&Assembled, ObjectKind),
) -> Result<Option<Applied<Written>>> {
    let uid = object.raw.uid.to_string();
    let manifest = Manifest { kind, content: generic::Content::default() };
    let blank = want((object, &uid), (spec, target), shaped, &manifest);
    let known = match known_object(pipeline, &blank).await {
        Ok(known) => known,
        Err(error) => return Ok(Some(Applied::failed(Failed::Read, error))),
    };
    let content = if blank.is_filled(known.is_there()) {
        let render = |metadata: Metadata<'_>, templating: Templating<'_, '_>| {
            generic::render_object(spec, &manifest.kind, metadata, &shaped.values, templating)
        };
        with_templates(pipeline, object, spec, render).await?
    } else {
        Some(generic::Content::default())
    };
    let Some(content) = content else { return Ok(None) };
    let manifest = Manifest { kind: manifest.kind.clone(), content };
    let want = plan::Want { rendered: &manifest, ..blank };
    let applied = apply::apply_object(pipeline, &want, known).await;
    let keep = |object: GenericObject| Written::Object(manifest.kind.clone(), ManagedObject::of(&object));
    // No Secret is bound.
    Ok(Some(Applied { bound: None, ..applied.map(keep) }))
}

fn want<'a, C>(
    (object, uid): (&'a Object, &'a str),
    (spec, target): (&ExternalSecretSpec, &'a str),
    shaped: &'a Assembled,
    rendered: &'a C,
) -> plan::Want<'a, C> {
    plan::Want {
        owner: object.owner(uid),
        target,
        creation: spec.creation_policy(),
        deletion: spec.deletion_policy(),
        empty: shaped.empty,
        empty_since: object.empty_since,
        values: &shaped.values,
        rendered,
    }
}

/// The values. `None` if it is to be put off.
fn shaped(
    pipeline: &Pipeline,
    object: &Object,
    spec: &ExternalSecretSpec,
    slots: &[Slot],
) -> Result<Option<Assembled>> {
    let session = pipeline.templates.session(object.pace);
    match shape::assemble(spec, &answers(spec, slots), &session) {
        Err(_) if session.is_put_off() => Ok(None),
        shaped => shaped.map(Some),
    }
}

/// What is known of a Secret. Into what is not there nothing is merged; where the cache does not hold it, it is read for that.
async fn known(pipeline: &Pipeline, want: &plan::Want<'_>, is_cached: bool) -> Result<Known> {
    let decides = want.writes() && want.creation == CreationPolicy::Merge;
    if decides && !is_cached { apply::look(pipeline, want).await } else { Ok(Known::Cached(is_cached)) }
}

/// The same of an object of another kind. No cache holds its content, so it is read in any case: here or before it is written.
async fn known_object(pipeline: &Pipeline, want: &plan::Want<'_, Manifest>) -> Result<Known<GenericObject>> {
    let decides = want.writes() && want.creation == CreationPolicy::Merge;
    if decides { apply::look(pipeline, want).await } else { Ok(Known::Cached(true)) }
}

/// Reads what the specification uses as templates, and renders. `None` if it is to be put off.
async fn with_templates<T>(
    pipeline: &Pipeline,
    object: &Object,
    spec: &ExternalSecretSpec,
    render: impl FnOnce(Metadata<'_>, Templating<'_, '_>) -> Result<T>,
) -> Result<Option<T>> {
    let scope = Scope::Namespace(object.raw.key.namespace().into());
    let wanted = render::wanted_of(spec);
    let read = pipeline.shelf.read(&*pipeline.cluster, &scope, &wanted, &object.seen).await;
    let sources = read.map_err(|error| {
        error.within("error fetching templateFrom data").within("could not apply template")
    })?;
    let (labels, annotations) = (object.raw.labels.to_map(), object.raw.annotations.to_map());
    let metadata = Metadata { labels: &labels, annotations: &annotations };
    let session = pipeline.templates.session(object.pace);
    let templating = Templating { session: &session, sources: &sources };
    match render(metadata, templating) {
        Err(_) if session.is_put_off() => Ok(None),
        rendered => rendered.map(Some),
    }
}

/// Refuses a specification whose empty result would say nothing about any store: no store may be believed to hold nothing because
/// it was not asked.
fn check_asks(spec: &ExternalSecretSpec, slots: &[Slot]) -> Result<()> {
    let asks_nothing = slots.iter().all(|slot| matches!(slot.answer, Some(Answer::Nothing)));
    if spec.data.is_empty() && spec.data_from.is_empty() {
        return Err(Error::new(Kind::Invalid, "either data or dataFrom should be specified"));
    }
    if asks_nothing && spec.deletion_policy() == DeletionPolicy::Delete {
        let why =
            "deletionPolicy=Delete needs an entry that asks a store: dataFrom has neither extract nor find";
        return Err(Error::new(Kind::Invalid, why));
    }
    Ok(())
}

/// The slots in the two lists of the specification.
fn answers(spec: &ExternalSecretSpec, slots: &[Slot]) -> Answers {
    let (data_from, data) = slots.split_at(spec.data_from.len().min(slots.len()));
    let answers = |slots: &[Slot]| slots.iter().map(Slot::answer).collect();
    Answers { data_from: answers(data_from), data: answers(data) }
}

/// Writes the status, if it says something new, and records events.
async fn tell(pipeline: &Pipeline, object: &Object, mut told: Told) -> Finished {
    let finished = Finished::of(object, &mut told);
    let subject = object.subject();
    if told.applied.confirm.is_some()
        || finished.error.as_ref().is_some_and(|error| is_untold(&subject, error))
    {
        let done = report::change_events(&subject, &told.of, &told.applied.changes);
        done.into_iter().for_each(|event| log_and_record(pipeline, event));
        return finished;
    }
    let (annotations, labels) = (object.raw.annotations.to_map(), object.raw.labels.to_map());
    let version = digest::synced_resource_version(object.raw.generation, &annotations, &labels);
    let old = status_of(object);
    let binding =
        told.applied.bound.and_then(|existed| report::binding(&told.target, existed, &told.applied.outcome));
    let finding = report::Finding {
        subject: &subject,
        of: &told.of,
        outcome: told.applied.outcome,
        changes: told.applied.changes,
        missing: told.missing,
        binding: binding.as_deref(),
        version: &version,
        started: object.began,
    };
    let report = report::report(&finding, old.as_ref(), pipeline.stamp);
    report.events.into_iter().for_each(|event| log_and_record(pipeline, event));
    match report.status {
        Some(patch) => write_status(pipeline, object, patch, finished).await,
        None => finished,
    }
}

/// True for failures that say nothing to anybody: a lost race, which is tried again at once, and an object that goes with its
/// namespace.
fn is_untold(subject: &Subject, error: &Error) -> bool {
    let ends = refusal::is_of_ending_namespace(error);
    if ends {
        tracing::debug!(externalsecret = %subject.key, %error, "not synced: the namespace is being deleted");
    }
    ends || error.kind() == Kind::Conflict
}

fn log_and_record(pipeline: &Pipeline, event: Event) {
    let (object, reason, message) = (&event.subject.key, event.reason, &event.message);
    if event.warning {
        tracing::warn!(externalsecret = %object, reason, message);
    } else {
        tracing::debug!(externalsecret = %object, reason, message);
    }
    pipeline.cluster.event(event);
}

async fn write_status(pipeline: &Pipeline, object: &Object, patch: Value, finished: Finished) -> Finished {
    let status = merged(object.status.as_deref(), &patch);
    match pipeline.cluster.patch_status(WritePermit::sole(), &object.subject(), patch).await {
        Ok(version) => Finished { status: Some((status, version.into())), ..finished },
        // The object is gone: there is nobody to tell.
        Err(error) if error.kind() == Kind::NotFound => finished,
        Err(error) => {
            tracing::warn!(externalsecret = %object.raw.key, %error, "the status could not be written");
            Finished { error: finished.error.or(Some(error)), untold: true, ..finished }
        }
    }
}

fn status_of(object: &Object) -> Option<ExternalSecretStatus> {
    serde_json::from_slice(object.status.as_deref()?).ok()
}

/// The status after these fields were written, each in the place of what stood under its name.
fn merged(old: Option<&[u8]>, patch: &Value) -> Box<[u8]> {
    let old = old.and_then(|old| serde_json::from_slice::<Map<_, _>>(old).ok());
    let mut status = old.unwrap_or_default();
    status.extend(patch.as_object().cloned().unwrap_or_default());
    Value::Object(status).to_string().into_bytes().into_boxed_slice()
}

/// The object is being deleted: its Secret goes if the policy says so and it is ours, and ESO's finalizer comes off.
async fn clean(pipeline: &Pipeline, object: &Object) -> Finished {
    match delete_target(pipeline, object).await {
        Ok(()) => Finished::done(object),
        Err(error) => {
            tracing::warn!(externalsecret = %object.raw.key, %error, "the deleted object could not be cleaned up");
            Finished::failed(object, error)
        }
    }
}

async fn delete_target(pipeline: &Pipeline, object: &Object) -> Result<()> {
    // A specification that does not parse asks for no deletion, and must not keep the object for ever.
    let spec = parse::external_secret(&object.raw.spec).unwrap_or_default();
    if spec.deletion_policy() == DeletionPolicy::Delete {
        let key = ObjectKey::new(object.raw.key.namespace(), spec.target_name(object.raw.key.name()));
        match generic::kind_of(&spec) {
            None => delete_secret(pipeline, object, &key).await?,
            Some(kind) if pipeline.generic_targets => delete_object(pipeline, object, (&kind, &key)).await?,
            // What may not be written may not be deleted.
            Some(_) => {}
        }
    }
    pipeline.cluster.remove_finalizer(WritePermit::sole(), &object.subject(), ESO_FINALIZER).await
}

async fn delete_secret(pipeline: &Pipeline, object: &Object, key: &ObjectKey) -> Result<()> {
    let (cluster, uid) = (&pipeline.cluster, object.raw.uid.to_string());
    let target = found(cluster.get_secret(key).await)?;
    let owner = object.owner(&uid);
    let Some(state) = plan::on_deletion(&owner, DeletionPolicy::Delete, target.as_ref()) else {
        return Ok(());
    };
    let deletion = cluster.delete_secret(WritePermit::sole(), key, &state);
    apply::delete(pipeline, deletion, async { Ok(apply::held(&owner, target.as_ref())) }).await
}

async fn delete_object(
    pipeline: &Pipeline,
    object: &Object,
    (kind, key): (&ObjectKind, &ObjectKey),
) -> Result<()> {
    let (cluster, uid) = (&pipeline.cluster, object.raw.uid.to_string());
    let target = match found(cluster.get_object(kind, key).await) {
        // A kind that is not known any more has no objects; the ExternalSecret must not stay for it.
        Err(error) if error.kind() == Kind::Invalid => None,
        found => found?,
    };
    let owner = object.owner(&uid);
    let Some(state) = plan::on_deletion(&owner, DeletionPolicy::Delete, target.as_ref()) else {
        return Ok(());
    };
    let deletion = cluster.delete_object(WritePermit::sole(), kind, key, &state);
    apply::delete(pipeline, deletion, async { Ok(apply::held(&owner, target.as_ref())) }).await
}

/// What was read; `None` if it is not there.
fn found<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The store of entries that name none; `None` if the specification names none either.
#[must_use]
pub fn default_store(spec: &ExternalSecretSpec, namespace: &str) -> Option<StoreRef> {
    Some(named_store(spec.secret_store_ref.as_ref()?, namespace))
}

fn named_store(store: &SecretStoreRef, namespace: &str) -> StoreRef {
    let clustered = store.kind == Some(StoreKind::ClusterSecretStore);
    StoreRef::named(
        clustered.then_some("ClusterSecretStore"),
        store.name.as_deref().unwrap_or_default(),
        namespace,
    )
}

/// Every store that the specification names.
#[must_use]
pub fn stores_of(spec: &ExternalSecretSpec, namespace: &str) -> Vec<StoreRef> {
    let mut stores: Vec<StoreRef> = asks(spec, namespace).into_iter().map(|(store, _)| store).collect();
    stores.extend(default_store(spec, namespace));
    stores.retain(|store| !store.key.name().is_empty());
    stores.sort();
    stores.dedup();
    stores
}

/// What each entry asks of which store, in ESO's order: dataFrom, then data. A store that is not named is one with an empty name;
/// an entry without `extract` and `find` asks for nothing.
#[must_use]
pub fn asks(spec: &ExternalSecretSpec, namespace: &str) -> Vec<(StoreRef, Option<Ask>)> {
    let default = || default_store(spec, namespace).unwrap_or_else(|| StoreRef::named(None, "", namespace));
    let store = |source: Option<&SourceRef>| {
        let named = source.and_then(|source| source.store_ref.as_ref());
        named.map_or_else(default, |named| named_store(named, namespace))
    };
    let many = spec.data_from.iter().map(|entry| (store(entry.source_ref.as_ref()), ask_many(entry)));
    let single =
        spec.data.iter().map(|entry| (store(entry.source_ref.as_ref()), Some(ask_one(&entry.remote_ref))));
    many.chain(single).collect()
}

fn ask_many(entry: &DataFrom) -> Option<Ask> {
    match (&entry.find, &entry.extract) {
        (Some(find), _) => Some(Ask::Find(Query {
            name: find.name.as_ref().and_then(|name| name.regexp.clone()),
            tags: find.tags.clone(),
            path: find.path.clone(),
        })),
        (None, Some(extract)) => Some(ask_one(extract)),
        (None, None) => None,
    }
}

fn ask_one(reference: &RemoteRef) -> Ask {
    let want =
        if reference.metadata_policy == Some(MetadataPolicy::Fetch) { Want::Metadata } else { Want::Value };
    let version = reference.version.clone().filter(|version| !version.is_empty());
    Ask::Key(RemoteKey { key: reference.key.clone(), version, property: None, want })
}

#[cfg(test)]
mod tests;
