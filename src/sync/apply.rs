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
        managed::{DigestKey, Field, ManagedSecret},
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
    for orphan in orphans.iter().filter(|orphan| writes(want) && plan::is_orphan(want, orphan)) {
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
        && owner_is_current(want, have)
        && (frozen || content_is_current(want, have, digests))
}

fn owner_is_current(want: &Want<'_>, have: &ManagedSecret) -> bool {
    if want.creation != CreationPolicy::Owner {
        // Ours must come off, and another ExternalSecret's is a refusal: neither is as wanted.
        let kept = have.owner.as_ref().is_none_or(|owner| !plan::is_of_external_secret(owner));
        return kept && have.created_by.is_none();
    }
    let ours = have.owner.as_ref().is_some_and(|owner| *owner.uid == *want.owner.uid);
    let label = digest::created_by(want.owner.namespace, want.owner.name);
    ours && have.created_by.as_deref() == Some(label.as_str())
}

fn content_is_current(want: &Want<'_>, have: &ManagedSecret, digests: &DigestKey) -> bool {
    let rendered = want.rendered;
    let merges = matches!(want.creation, CreationPolicy::Merge | CreationPolicy::CreateOrMerge);
    let type_of = |type_: &str| if type_ == "Opaque" { String::new() } else { type_.to_string() };
    let type_holds = rendered.type_.as_deref().is_none_or(|type_| type_of(type_) == *have.type_);
    let data = rendered.data.iter().map(|(name, value)| (name.as_str(), value.expose()));
    // What an object carries under our own names is never what is written under them.
    let own_label = |name: &str| [MANAGED_LABEL, CREATED_BY_LABEL].contains(&name);
    let labels = rendered.labels.iter().filter(|(name, _)| !own_label(name));
    let labels = labels.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let annotations = rendered.annotations.iter().filter(|(name, _)| *name != DATA_HASH_ANNOTATION);
    let annotations = annotations.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let ours = |field: &Field| is_ours(want, have, field);
    type_holds
        && holds(&have.data, data, digests)
        && have.data.iter().all(|field| rendered.data.contains_key(&*field.name) || merges && !ours(field))
        && holds(&have.labels, labels, digests)
        && have
            .labels
            .iter()
            .all(|field| rendered.labels.contains_key(&*field.name) || own_label(&field.name) || !ours(field))
        && holds(&have.annotations, annotations, digests)
        && have.annotations.iter().all(|field| {
            rendered.annotations.contains_key(&*field.name)
                || *field.name == *DATA_HASH_ANNOTATION
                || !ours(field)
        })
}

fn is_ours(want: &Want<'_>, have: &ManagedSecret, field: &Field) -> bool {
    let managers = [digest::field_manager(want.owner.name), digest::short_field_manager(want.owner.name)];
    managers.iter().any(|manager| have.owned_by(field, manager))
}

/// True if every wanted value is there.
fn holds<'a>(
    have: &[Field],
    mut wanted: impl Iterator<Item = (&'a str, &'a [u8])>,
    digests: &DigestKey,
) -> bool {
    wanted.all(|(name, value)| {
        have.binary_search_by(|field| (*field.name).cmp(name))
            .is_ok_and(|at| have[at].digest == digests.fingerprint(value))
    })
}

#[cfg(test)]
mod tests;
