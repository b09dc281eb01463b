//! Carries a plan out: at most one write of the target, and the deletions that it asks for.
//!
//! Requests for a first sync: one POST. A target that the cache shows to be as wanted: none ([`is_current`]). Any other change:
//! GET and PUT with resourceVersion; so does a POST that met a Secret.

use keyferry_stores::base::{Error, Kind, Result};

use super::{
    pipeline::Pipeline,
    plan::{self, Done, Failed, Plan, Want},
    report::{Change, Outcome},
};
use crate::{
    api::{
        digest,
        external_secret::{CreationPolicy, DeletionPolicy},
    },
    cluster::{
        CREATED_BY_LABEL, DATA_HASH_ANNOTATION, MANAGED_LABEL, ObjectKey, Precondition, Secret, WritePermit,
        managed::{self, DigestKey, Field, ManagedSecret, Owner, Tag},
    },
};

/// What became of a plan.
#[derive(Debug)]
pub struct Applied {
    /// How it ended.
    pub outcome: Outcome,
    /// What was changed, in order.
    pub changes: Vec<Change>,
    /// True if a write of the target was planned; with it, whether the target existed.
    pub bound: Option<bool>,
    /// The target as it is now, if we wrote it.
    pub written: Option<Secret>,
    /// The answers were empty without a proof: read again after this.
    pub confirm: Option<std::time::Duration>,
}

impl Applied {
    fn new(outcome: Outcome) -> Self {
        Self { outcome, changes: Vec::new(), bound: None, written: None, confirm: None }
    }

    /// A failure before any write was planned.
    pub fn failed(what: Failed, error: Error) -> Self {
        Self::new(Outcome::Failed(what, error))
    }

    fn wrote(change: Change, secret: Secret, existed: bool) -> Self {
        let (changes, written) = (vec![change], Some(secret));
        Self { changes, written, bound: Some(existed), ..Self::new(Outcome::Done(Done::Synced)) }
    }
}

/// The target of a want.
fn key(want: &Want<'_>) -> ObjectKey {
    ObjectKey::new(want.owner.namespace, want.target)
}

/// Deletes orphans, then plans and writes.
pub async fn apply(
    pipeline: &Pipeline,
    want: &Want<'_>,
    cached: Option<&ManagedSecret>,
    orphans: &[ManagedSecret],
) -> Applied {
    let mut deleted = Vec::new();
    for orphan in
        orphans.iter().filter(|orphan| writes(want) && plan::is_orphan(want, orphan, &pipeline.digests))
    {
        let state = Precondition {
            uid: orphan.uid.to_string(),
            resource_version: orphan.resource_version.to_string(),
        };
        match delete(pipeline, &orphan.key, &state).await {
            Ok(()) => deleted.push(Change::OrphanDeleted),
            Err(error) => return Applied { changes: deleted, ..Applied::failed(Failed::Orphans, error) },
        }
    }
    let mut applied = write(pipeline, want, cached).await;
    applied.changes.splice(0..0, deleted);
    applied
}

/// True if the target is to hold what was rendered: the stores have values, or empty answers are merged like any others.
fn writes(want: &Want<'_>) -> bool {
    want.empty.is_none() || want.deletion == DeletionPolicy::Merge
}

async fn write(pipeline: &Pipeline, want: &Want<'_>, cached: Option<&ManagedSecret>) -> Applied {
    if writes(want) && cached.is_some_and(|cached| is_current(want, cached, &pipeline.digests)) {
        return Applied { bound: Some(true), ..Applied::new(Outcome::Done(Done::Synced)) };
    }
    let have = match first_look(pipeline, want, cached).await {
        Ok(have) => have,
        Err(error) => return Applied::failed(Failed::Update, error),
    };
    let first = execute(pipeline, want, have.as_ref()).await;
    match &first.outcome {
        Outcome::Failed(_, error) if error.kind() == Kind::Conflict && have.is_none() => {
            second_look(pipeline, want).await
        }
        Outcome::Failed(..) | Outcome::Done(_) => first,
    }
}

/// What is read before the plan: nothing for a name that the cache does not hold and that we may create.
async fn first_look(
    pipeline: &Pipeline,
    want: &Want<'_>,
    cached: Option<&ManagedSecret>,
) -> Result<Option<Secret>> {
    let reads = match (want.empty, want.deletion, want.creation) {
        (Some(_), DeletionPolicy::Retain, _) => false,
        (Some(_), DeletionPolicy::Delete, _) => true,
        (_, _, CreationPolicy::None) => false,
        (_, _, CreationPolicy::Merge) => true,
        (_, _, CreationPolicy::Owner | CreationPolicy::Orphan | CreationPolicy::CreateOrMerge) => {
            cached.is_some()
        }
    };
    if reads { read(pipeline, &key(want)).await } else { Ok(None) }
}

async fn read(pipeline: &Pipeline, key: &ObjectKey) -> Result<Option<Secret>> {
    match pipeline.cluster.get_secret(key).await {
        Ok(secret) => Ok(Some(secret)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The POST met a Secret that the cache did not hold.
async fn second_look(pipeline: &Pipeline, want: &Want<'_>) -> Applied {
    match read(pipeline, &key(want)).await {
        Ok(have) => execute(pipeline, want, have.as_ref()).await,
        Err(error) => Applied::failed(Failed::Update, error),
    }
}

async fn execute(pipeline: &Pipeline, want: &Want<'_>, have: Option<&Secret>) -> Applied {
    let existed = have.is_some();
    match plan::plan(want, have, pipeline.clock.now()) {
        Plan::Create(secret) => create(pipeline, want, &secret).await,
        Plan::Replace(secret, refusal) => {
            let replaced = replace(pipeline, want, &secret).await;
            match refusal {
                Some(refusal) => {
                    Applied { outcome: Outcome::Failed(refusal.what, refusal.error), ..replaced }
                }
                None => replaced,
            }
        }
        Plan::Unchanged => Applied { bound: Some(true), ..Applied::new(Outcome::Done(Done::Synced)) },
        Plan::Nothing(done) => Applied::new(Outcome::Done(done)),
        Plan::Delete(state) => vanish(pipeline, want, &state).await,
        Plan::Confirm(wait) => Applied { confirm: Some(wait), ..Applied::new(Outcome::Done(Done::Synced)) },
        Plan::Refuse(refusal) => {
            let bound = (refusal.what != Failed::Delete).then_some(existed);
            Applied { bound, ..Applied::failed(refusal.what, refusal.error) }
        }
    }
}

async fn create(pipeline: &Pipeline, want: &Want<'_>, secret: &Secret) -> Applied {
    let manager = digest::field_manager(want.owner.name);
    match pipeline.cluster.create_secret(WritePermit::sole(), secret, &manager).await {
        Ok(secret) => Applied::wrote(Change::Created, secret, false),
        Err(error) => Applied { bound: Some(false), ..Applied::failed(Failed::Update, error) },
    }
}

async fn replace(pipeline: &Pipeline, want: &Want<'_>, secret: &Secret) -> Applied {
    let manager = digest::field_manager(want.owner.name);
    match pipeline.cluster.replace_secret(WritePermit::sole(), secret, &manager).await {
        Ok(secret) => Applied::wrote(Change::Updated, secret, true),
        Err(error) => {
            // Gone since it was read: that is a lost race, not an absent entry of a store.
            let error = if error.kind() == Kind::NotFound { error.as_kind(Kind::Conflict) } else { error };
            Applied { bound: Some(true), ..Applied::failed(Failed::Update, error) }
        }
    }
}

async fn vanish(pipeline: &Pipeline, want: &Want<'_>, state: &Precondition) -> Applied {
    match delete(pipeline, &key(want), state).await {
        Ok(()) => Applied { changes: vec![Change::Deleted], ..Applied::new(Outcome::Done(Done::Deleted)) },
        Err(error) => Applied::failed(Failed::Delete, error),
    }
}

/// Deletes a Secret in exactly this state; one that is gone already is deleted.
///
/// # Errors
/// Those of the API server, and `Throttled` by the [`super::pipeline::Breaker`].
pub async fn delete(pipeline: &Pipeline, key: &ObjectKey, state: &Precondition) -> Result<()> {
    pipeline.breaker.allow(pipeline.clock.now())?;
    match pipeline.cluster.delete_secret(WritePermit::sole(), key, state).await {
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        deleted => deleted,
    }
}

/// True if the cache shows the target to be as wanted, so that no request is needed. What the cache does not hold (finalizers) is
/// never claimed to be.
#[must_use]
pub fn is_current(want: &Want<'_>, have: &ManagedSecret, digests: &DigestKey) -> bool {
    let rendered = want.rendered;
    let frozen = rendered.immutable && have.immutable;
    let writes = match want.creation {
        CreationPolicy::None => false,
        CreationPolicy::Owner
        | CreationPolicy::Orphan
        | CreationPolicy::Merge
        | CreationPolicy::CreateOrMerge => true,
    };
    writes
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
        let foreign = matches!(have.owner, None | Some(Owner::Other));
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
