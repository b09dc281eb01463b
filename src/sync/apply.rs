//! Carries a plan out: at most one write of the target, and the deletions that it asks for.
//!
//! Requests for a first sync: one POST. A target that the cache shows to be as wanted: none ([`is_current`]). Any other change:
//! GET and PUT with resourceVersion; so does a POST that met a Secret. An object of another kind is always read first: the cache holds
//! nothing of its content.

use std::sync::Arc;

use async_trait::async_trait;
use keyferry_stores::base::{Error, Kind, Result};

use super::{
    pipeline::Pipeline,
    plan::{self, Done, Failed, Owner, Plan, Target, Want, object::Manifest},
    report::{Change, Outcome},
};
use crate::{
    api::{
        digest,
        external_secret::{CreationPolicy, DeletionPolicy},
    },
    cluster::{
        CREATED_BY_LABEL, Cluster, DATA_HASH_ANNOTATION, MANAGED_LABEL, ObjectKey, Precondition, Secret,
        Unsaid, WritePermit, Writer,
        generic::GenericObject,
        managed::{self, DigestKey, Field, ManagedSecret, Tag},
        redact,
    },
};

/// The labels and annotations that keyferry itself needs.
const OURS: [&str; 3] = [MANAGED_LABEL, CREATED_BY_LABEL, DATA_HASH_ANNOTATION];

/// What is told of a failed deletion if it is not known what its reason must not hold.
pub(super) const UNTOLD: &str =
    "the API server's reason is not told: the values that it may quote could not be read";

/// What became of a plan.
#[derive(Debug)]
pub struct Applied<T = Secret> {
    /// How it ended.
    pub outcome: Outcome,
    /// What was changed, in order.
    pub changes: Vec<Change>,
    /// True if a write of the target was planned; with it, whether the target existed.
    pub bound: Option<bool>,
    /// The target as it is now, if we wrote it.
    pub written: Option<T>,
    /// The answers were empty without a proof: read again after this.
    pub confirm: Option<std::time::Duration>,
}

impl<T> Applied<T> {
    fn new(outcome: Outcome) -> Self {
        Self { outcome, changes: Vec::new(), bound: None, written: None, confirm: None }
    }

    /// A failure before any write was planned.
    pub fn failed(what: Failed, error: Error) -> Self {
        Self::new(Outcome::Failed(what, error))
    }

    /// A success that wrote nothing.
    fn done(done: Done) -> Self {
        Self::new(Outcome::Done(done))
    }

    fn wrote(change: Option<Change>, target: T, existed: bool) -> Self {
        let (changes, written) = (change.into_iter().collect(), Some(target));
        Self { changes, written, bound: Some(existed), ..Self::done(Done::Synced) }
    }

    /// The same of what is kept of the target.
    pub fn map<U>(self, keep: impl FnOnce(T) -> U) -> Applied<U> {
        let Self { outcome, changes, bound, written, confirm } = self;
        Applied { outcome, changes, bound, written: written.map(keep), confirm }
    }
}

/// What is known of a target before its content is rendered.
#[derive(Debug)]
pub enum Known<T = Secret> {
    /// Whether the cache holds it.
    Cached(bool),
    /// It was read.
    Read(Option<T>),
}

impl<T> Known<T> {
    /// True if it is there, as far as that is known.
    pub const fn is_there(&self) -> bool {
        match self {
            Self::Cached(is_there) => *is_there,
            Self::Read(have) => have.is_some(),
        }
    }
}

/// How a target is read and written.
#[async_trait]
pub trait Stored: Target<Content: Sync> + Send + Sync {
    /// GET.
    async fn read(cluster: &dyn Cluster, content: &Self::Content, key: &ObjectKey) -> Result<Self>;

    /// POST.
    async fn create(&self, cluster: &dyn Cluster, by: Writer<'_>) -> Result<Self>;

    /// PUT.
    async fn replace(&self, cluster: &dyn Cluster, by: Writer<'_>) -> Result<Self>;

    /// DELETE of this state.
    async fn delete(
        cluster: &dyn Cluster,
        content: &Self::Content,
        key: &ObjectKey,
        state: &Precondition,
    ) -> Result<()>;
}

#[async_trait]
impl Stored for Secret {
    async fn read(cluster: &dyn Cluster, _: &Self::Content, key: &ObjectKey) -> Result<Self> {
        cluster.get_secret(key).await
    }

    async fn create(&self, cluster: &dyn Cluster, by: Writer<'_>) -> Result<Self> {
        cluster.create_secret(WritePermit::sole(), self, by).await
    }

    async fn replace(&self, cluster: &dyn Cluster, by: Writer<'_>) -> Result<Self> {
        cluster.replace_secret(WritePermit::sole(), self, by).await
    }

    async fn delete(
        cluster: &dyn Cluster,
        _: &Self::Content,
        key: &ObjectKey,
        state: &Precondition,
    ) -> Result<()> {
        cluster.delete_secret(WritePermit::sole(), key, state).await
    }
}

#[async_trait]
impl Stored for GenericObject {
    async fn read(cluster: &dyn Cluster, content: &Manifest, key: &ObjectKey) -> Result<Self> {
        cluster.get_object(&content.kind, key).await
    }

    async fn create(&self, cluster: &dyn Cluster, by: Writer<'_>) -> Result<Self> {
        cluster.create_object(WritePermit::sole(), self, by).await
    }

    async fn replace(&self, cluster: &dyn Cluster, by: Writer<'_>) -> Result<Self> {
        cluster.replace_object(WritePermit::sole(), self, by).await
    }

    async fn delete(
        cluster: &dyn Cluster,
        content: &Manifest,
        key: &ObjectKey,
        state: &Precondition,
    ) -> Result<()> {
        cluster.delete_object(WritePermit::sole(), &content.kind, key, state).await
    }
}

/// Looks whether a target is there.
///
/// # Errors
/// Those of the API server.
pub async fn look<T: Stored>(pipeline: &Pipeline, want: &Want<'_, T::Content>) -> Result<Known<T>> {
    read(pipeline, want).await.map(Known::Read)
}

/// Deletes orphans, then plans and writes a Secret.
pub async fn apply(
    pipeline: &Pipeline,
    want: &Want<'_>,
    (cached, known): (Option<&ManagedSecret>, Known),
    orphans: &[ManagedSecret],
) -> Applied {
    let mut deleted = Vec::new();
    for orphan in
        orphans.iter().filter(|orphan| want.writes() && plan::is_orphan(want, orphan, &pipeline.digests))
    {
        match delete_orphan(pipeline, &want.owner, orphan).await {
            Ok(()) => deleted.push(Change::OrphanDeleted),
            Err(error) => return Applied { changes: deleted, ..Applied::failed(Failed::Orphans, error) },
        }
    }
    let mut applied = match cached {
        Some(cached) if want.writes() && is_current(want, cached, &pipeline.digests) => {
            Applied { bound: Some(true), ..Applied::done(Done::Synced) }
        }
        _ => write(pipeline, want, known).await,
    };
    applied.changes.splice(0..0, deleted);
    applied
}

/// Deletes an orphan as the cache knows it. The cache holds no values: those that a refusal must not tell are read if there is one.
async fn delete_orphan(pipeline: &Pipeline, owner: &Owner<'_>, orphan: &ManagedSecret) -> Result<()> {
    let (cluster, key) = (&pipeline.cluster, &orphan.key);
    let state =
        Precondition { uid: orphan.uid.to_string(), resource_version: orphan.resource_version.to_string() };
    let deletion = cluster.delete_secret(WritePermit::sole(), key, &state);
    delete(pipeline, deletion, async {
        cluster.get_secret(key).await.map(|secret| held(owner, Some(&secret)))
    })
    .await
}

/// Plans and writes an object of another kind.
pub async fn apply_object(
    pipeline: &Pipeline,
    want: &Want<'_, Manifest>,
    known: Known<GenericObject>,
) -> Applied<GenericObject> {
    write(pipeline, want, known).await
}

/// Plans and writes.
async fn write<T: Stored>(pipeline: &Pipeline, want: &Want<'_, T::Content>, known: Known<T>) -> Applied<T> {
    let have = match first_look(pipeline, want, known).await {
        Ok(have) => have,
        Err(error) => return Applied::failed(Failed::Read, error),
    };
    let first = execute(pipeline, want, have.as_ref()).await;
    match &first.outcome {
        Outcome::Failed(_, error) if error.kind() == Kind::Conflict && have.is_none() => {
            second_look(pipeline, want).await
        }
        Outcome::Failed(..) | Outcome::Done(_) => first,
    }
}

/// The target before the plan. A name that the cache does not hold, and that we may create, is not read.
async fn first_look<T: Stored>(
    pipeline: &Pipeline,
    want: &Want<'_, T::Content>,
    known: Known<T>,
) -> Result<Option<T>> {
    let is_cached = match known {
        Known::Read(have) => return Ok(have),
        Known::Cached(is_cached) => is_cached,
    };
    let reads = match (want.empty, want.deletion, want.creation) {
        (Some(_), DeletionPolicy::Retain, _) => false,
        (Some(_), DeletionPolicy::Delete, _) => true,
        (_, _, CreationPolicy::None) => false,
        (_, _, CreationPolicy::Merge) => true,
        (_, _, CreationPolicy::Owner | CreationPolicy::Orphan | CreationPolicy::CreateOrMerge) => is_cached,
    };
    if reads { read(pipeline, want).await } else { Ok(None) }
}

async fn read<T: Stored>(pipeline: &Pipeline, want: &Want<'_, T::Content>) -> Result<Option<T>> {
    match T::read(&*pipeline.cluster, want.rendered, &want.key()).await {
        Ok(target) => Ok(Some(target)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The POST met a target that was not known.
async fn second_look<T: Stored>(pipeline: &Pipeline, want: &Want<'_, T::Content>) -> Applied<T> {
    match read(pipeline, want).await {
        Ok(have) => execute(pipeline, want, have.as_ref()).await,
        Err(error) => Applied::failed(Failed::Read, error),
    }
}

async fn execute<T: Stored>(
    pipeline: &Pipeline,
    want: &Want<'_, T::Content>,
    have: Option<&T>,
) -> Applied<T> {
    let existed = have.is_some();
    match plan::plan(want, have, pipeline.clock.now()) {
        Plan::Create(target) => create(pipeline, want, &*target).await,
        Plan::Replace(target, refusal) => {
            let replaced = replace(pipeline, want, &*target, have).await;
            match refusal {
                Some(refusal) => {
                    Applied { outcome: Outcome::Failed(refusal.what, refusal.error), ..replaced }
                }
                None => replaced,
            }
        }
        Plan::Unchanged => Applied { bound: Some(true), ..Applied::done(Done::Synced) },
        Plan::Nothing(done) => Applied::done(done),
        Plan::Delete(state) => vanish(pipeline, want, &state, have).await,
        Plan::Confirm(wait) => Applied { confirm: Some(wait), ..Applied::done(Done::Synced) },
        Plan::Refuse(refusal) => {
            let bound = (refusal.what != Failed::Delete).then_some(existed);
            Applied { bound, ..Applied::failed(refusal.what, refusal.error) }
        }
    }
}

async fn create<T: Stored>(pipeline: &Pipeline, want: &Want<'_, T::Content>, target: &T) -> Applied<T> {
    let manager = digest::field_manager(want.owner.name);
    let by = Writer { manager: &manager, unsaid: &|| unsaid::<T>(want, None) };
    match target.create(&*pipeline.cluster, by).await {
        Ok(target) => Applied::wrote(Some(Change::Created), target, false),
        Err(error) => Applied { bound: Some(false), ..Applied::failed(Failed::Update, error) },
    }
}

/// What the API server's messages about a write may know besides the values of what is written.
fn unsaid<T: Target>(want: &Want<'_, T::Content>, have: Option<&T>) -> Vec<Unsaid> {
    let stores = want.values.values().map(Unsaid::value);
    // Keys that come from the stores are no secrets.
    let is_key = |unsaid: &Unsaid| unsaid.said.is_some() && want.values.contains_key(unsaid.text.as_str());
    let before = held(&want.owner, have).into_iter().filter(|unsaid| !is_key(unsaid));
    T::unsaid(want.rendered).iter().cloned().chain(stores).chain(before).collect()
}

async fn replace<T: Stored>(
    pipeline: &Pipeline,
    want: &Want<'_, T::Content>,
    target: &T,
    have: Option<&T>,
) -> Applied<T> {
    let manager = digest::field_manager(want.owner.name);
    let by = Writer { manager: &manager, unsaid: &|| unsaid(want, have) };
    match target.replace(&*pipeline.cluster, by).await {
        Ok(written) => {
            // What the API server fills in by itself may be all that differed.
            let changed = written.meta().resource_version != target.meta().resource_version;
            Applied::wrote(changed.then_some(Change::Updated), written, true)
        }
        Err(error) => {
            // Gone since it was read: that is a lost race, not an absent entry of a store.
            let error = if error.kind() == Kind::NotFound { error.as_kind(Kind::Conflict) } else { error };
            Applied { bound: Some(true), ..Applied::failed(Failed::Update, error) }
        }
    }
}

async fn vanish<T: Stored>(
    pipeline: &Pipeline,
    want: &Want<'_, T::Content>,
    state: &Precondition,
    have: Option<&T>,
) -> Applied<T> {
    let key = want.key();
    let deletion = T::delete(&*pipeline.cluster, want.rendered, &key, state);
    match delete(pipeline, deletion, async { Ok(held(&want.owner, have)) }).await {
        Ok(()) => Applied { changes: vec![Change::Deleted], ..Applied::done(Done::Deleted) },
        Err(error) => Applied::failed(Failed::Delete, error),
    }
}

/// Sends a DELETE; what is gone already is deleted. A refusal is told without what the target holds, which is asked for only then.
///
/// # Errors
/// Those of the API server, and `Throttled` by the [`super::pipeline::Breaker`].
pub async fn delete(
    pipeline: &Pipeline,
    deletion: impl Future<Output = Result<()>>,
    held: impl Future<Output = Result<Vec<Unsaid>>>,
) -> Result<()> {
    pipeline.breaker.allow(pipeline.clock.now())?;
    match deletion.await {
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        Err(error) => Err(match held.await {
            Ok(held) => redact(error, &held),
            // Who reads is told of no value: so this is none of a policy's words.
            Err(again) if again.what() == error.what() => error,
            Err(_) => error.reworded(UNTOLD),
        }),
        Ok(()) => Ok(()),
    }
}

/// What errors must not hold of a target as it is: its values, and what may have been rendered into keys, labels and annotations, of those
/// that were written for an ExternalSecret. What everybody may read was not.
pub fn held<T: Target>(owner: &Owner<'_>, target: Option<&T>) -> Vec<Unsaid> {
    let Some((target, meta)) = target.map(|target| (target, target.meta())) else { return Vec::new() };
    let said: Arc<str> = [&[owner.namespace, owner.name][..], &owner.said].concat().join("\n").into();
    let fields = meta.field_owners.iter().filter(|fields| plan::writes_targets(&fields.manager));
    let keys = fields.flat_map(|fields| fields.data.iter().chain(&fields.labels).chain(&fields.annotations));
    let theirs = keys.filter(|key| !OURS.contains(&key.as_str()));
    let texts = theirs.flat_map(|key| [Some(key), meta.labels.get(key), meta.annotations.get(key)]).flatten();
    let rendered = texts.map(|text| Unsaid { said: Some(said.clone()), ..Unsaid::secret(text) });
    target.values().into_iter().chain(rendered).collect()
}

/// True if the cache shows the target to be as wanted, so that no request is needed. What the cache does not hold (finalizers) is
/// never claimed to be.
#[must_use]
pub fn is_current(want: &Want<'_>, have: &ManagedSecret, digests: &DigestKey) -> bool {
    let rendered = want.rendered;
    let frozen = rendered.immutable && have.immutable;
    want.writes()
        && !have.deleting
        && have.managed
        && have.hash_true
        && rendered.finalizers.is_empty()
        && (!rendered.immutable || have.immutable)
        && owner_is_current(want, have, digests)
        && (frozen || content_is_current(want, have, digests))
}

fn owner_is_current(want: &Want<'_>, have: &ManagedSecret, digests: &DigestKey) -> bool {
    if want.creation != CreationPolicy::Owner {
        // Ours must come off, and another ExternalSecret's is a refusal: neither is as wanted.
        let foreign = matches!(have.owner, None | Some(managed::Owner::Other));
        return foreign && have.created_by(digests).is_none();
    }
    let label = digest::created_by(want.owner.namespace, want.owner.name);
    have.is_controlled_by(want.owner.uid)
        && have.created_by(digests) == Some(digests.fingerprint(label.as_bytes()))
}

fn content_is_current(want: &Want<'_>, have: &ManagedSecret, digests: &DigestKey) -> bool {
    let rendered = want.rendered;
    let merges = matches!(want.creation, CreationPolicy::Merge | CreationPolicy::CreateOrMerge);
    let names = [digest::field_manager(want.owner.name), digest::short_field_manager(want.owner.name)];
    let managers = names.map(|manager| digests.tag(&manager));
    let ours = |field: &Field| managers.iter().any(|manager| have.owned_by(field, *manager));
    let data = rendered.data.iter().map(|(name, value)| (name.as_str(), value.expose()));
    let labels = rendered.labels.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let annotations = rendered.annotations.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    rendered.type_.as_deref().is_none_or(|type_| have.is_of_type(type_, digests))
        && Part { have: have.data(), except: &[], digests }.holds(data, |field| merges && !ours(field))
        && Part { have: have.labels(), except: &[MANAGED_LABEL, CREATED_BY_LABEL], digests }
            .holds(labels, |field| !ours(field))
        && Part { have: have.annotations(), except: &[DATA_HASH_ANNOTATION], digests }
            .holds(annotations, |field| !ours(field))
}

/// The data, the labels or the annotations of a cached Secret.
struct Part<'a> {
    have: &'a [Field],
    /// Names that are not compared: what an object carries under our own names is never what is written under them.
    except: &'a [&'a str],
    digests: &'a DigestKey,
}

impl Part<'_> {
    /// True if every wanted value is there, and beside them only what may stay.
    fn holds<'a>(
        &self,
        wanted: impl Iterator<Item = (&'a str, &'a [u8])>,
        may_stay: impl Fn(&Field) -> bool,
    ) -> bool {
        let mut named: Vec<Tag> = self.except.iter().map(|name| self.digests.tag(name)).collect();
        for (name, value) in wanted.filter(|(name, _)| !self.except.contains(name)) {
            let name = self.digests.tag(name);
            named.push(name);
            if managed::find(self.have, name)
                .is_none_or(|field| field.digest != self.digests.fingerprint(value))
            {
                return false;
            }
        }
        named.sort_unstable();
        self.have.iter().all(|field| named.binary_search(&field.name).is_ok() || may_stay(field))
    }
}

#[cfg(test)]
mod tests;
