//! Every rule about when a target is refreshed, created, written, deleted or left alone (reference 2.2, 2.4, 2.5, 2.8 – 2.10).
//!
//! Pure: what is wanted, what is there, `now`; out comes one [`Plan`]. Whoever carries it out decides nothing. The rules are the same for
//! Secrets and for objects of other kinds ([`Target`]); what is written into the latter says [`object`].
//!
//! Where ESO's behaviour is not followed, on purpose:
//! - OnChange and CreatedOnce have no timer (Appendix B5).
//! - What we own is looked up under both forms of the field manager (B2).
//! - No label is put on a Secret before it is known to be ours to write (B8); an immutable Secret is written once (B9).
//! - A Secret is deleted for a vanished entry only if it is ours, see [`may_delete`]; an orphan only if its owner reference is ours too.

pub mod object;

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::base::{Error, Kind, SecretBytes, limits::ABSENCE_CONFIRMATION, refs::Scope};

use super::{
    render::{Rendered, authorize_write},
    shape::Emptiness,
};
use crate::{
    api::{
        digest,
        external_secret::{CreationPolicy, DeletionPolicy, RefreshPolicy},
    },
    cluster::{
        CREATED_BY_LABEL, DATA_HASH_ANNOTATION, HasMeta, MANAGED_LABEL, Meta, ObjectKey, OwnerReference,
        Precondition, Secret, Unsaid,
        managed::{DigestKey, ManagedSecret},
    },
};

/// The API group of the owner of a target.
const GROUP: &str = "external-secrets.io";
/// The kind of the owner of a target.
const KIND: &str = "ExternalSecret";
/// What every field manager of an ExternalSecret starts with.
const FIELD_MANAGERS: &str = "externalsecrets.external-secrets.io/";

/// When an object was and is to be refreshed.
#[derive(Debug, Clone, Copy)]
pub struct Timing<'a> {
    /// `spec.refreshPolicy`.
    pub policy: RefreshPolicy,
    /// `spec.refreshInterval`; nothing is refreshed by time if it is zero or negative.
    pub interval: SignedDuration,
    /// The last successful refresh: the later of `status.refreshTime` and what is known in memory, since the status is not stamped at
    /// each refresh.
    pub refreshed: Option<Timestamp>,
    /// `status.syncedResourceVersion`; empty before the first sync.
    pub synced_version: &'a str,
    /// [`digest::synced_resource_version`] of the object as it is.
    pub version: &'a str,
}

impl Timing<'_> {
    /// True if the object has never been synced.
    #[must_use]
    pub fn never_synced(&self) -> bool {
        self.synced_version.is_empty() || self.refreshed.is_none()
    }

    /// True if the store must be asked (reference 2.4). A target that is not valid must be repaired whatever this says.
    #[must_use]
    pub fn should_refresh(&self, now: Timestamp) -> bool {
        match self.policy {
            RefreshPolicy::CreatedOnce => self.never_synced(),
            RefreshPolicy::OnChange => self.never_synced() || self.synced_version != self.version,
            RefreshPolicy::Periodic => self.period_is_over(now),
        }
    }

    /// See [`is_timed`].
    #[must_use]
    pub fn is_timed(&self) -> bool {
        is_timed(self.policy, self.interval)
    }

    fn period_is_over(&self, now: Timestamp) -> bool {
        if self.interval <= SignedDuration::ZERO && !self.synced_version.is_empty() {
            return false;
        }
        let Some(refreshed) = self.refreshed.filter(|_| self.synced_version == self.version) else {
            return true;
        };
        refreshed > now || now.duration_since(refreshed) > self.interval
    }
}

/// True if objects of this policy and interval are refreshed by time (reference 2.4; OnChange and CreatedOnce have no timer, Appendix B5).
#[must_use]
pub fn is_timed(policy: RefreshPolicy, interval: SignedDuration) -> bool {
    match policy {
        RefreshPolicy::Periodic => interval > SignedDuration::ZERO,
        RefreshPolicy::OnChange | RefreshPolicy::CreatedOnce => false,
    }
}

/// True if a target of this policy is nobody's business once it was written, so that it is always valid, or is never written.
#[must_use]
pub const fn is_nobodys(policy: CreationPolicy) -> bool {
    match policy {
        CreationPolicy::Orphan | CreationPolicy::None => true,
        CreationPolicy::Owner | CreationPolicy::Merge | CreationPolicy::CreateOrMerge => false,
    }
}

/// True if the target is as we left it. Only the data is compared: a label changed by hand is mended at the next refresh. Without a
/// target that we may write there is nothing to repair.
#[must_use]
pub fn target_is_valid(policy: CreationPolicy, target: Option<&ManagedSecret>) -> bool {
    is_nobodys(policy) || target.is_some_and(|target| target.managed && target.hash_true)
}

/// The ExternalSecret that wants the target.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Its namespace, which is the target's.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// Its specification, labels and annotations: what stands in them everybody may read.
    pub said: [&'a str; 3],
}

impl Owner<'_> {
    fn created_by(&self) -> String {
        digest::created_by(self.namespace, self.name)
    }

    fn reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: format!("{GROUP}/v1"),
            kind: KIND.into(),
            name: self.name.into(),
            uid: self.uid.into(),
            controller: true,
            block_owner_deletion: true,
        }
    }

    /// True if `manager` is a field manager under which this object's target is or was written.
    fn writes_as(&self, manager: &str) -> bool {
        manager == digest::field_manager(self.name) || manager == digest::short_field_manager(self.name)
    }

    /// True if the reference names this object; version and UID do not count, as in ESO: an object that was deleted and made anew
    /// takes its Secret over.
    fn is(&self, reference: &OwnerReference) -> bool {
        reference.is_external_secret() && reference.name == self.name
    }
}

/// What is wanted of a target; `C` is what goes into it.
#[derive(Debug)]
pub struct Want<'a, C = Rendered> {
    /// Who wants it.
    pub owner: Owner<'a>,
    /// Name of the target.
    pub target: &'a str,
    /// `spec.target.creationPolicy`.
    pub creation: CreationPolicy,
    /// `spec.target.deletionPolicy`.
    pub deletion: DeletionPolicy,
    /// What the stores' answers came to: `None` if there is a value to write, else how sure it is that there is none.
    pub empty: Option<Emptiness>,
    /// Since when the answers have been empty, read by read; `None` if this is the first empty read.
    pub empty_since: Option<Timestamp>,
    /// The values of the stores.
    pub values: &'a BTreeMap<String, SecretBytes>,
    /// The content.
    pub rendered: &'a C,
}

impl<C> Want<'_, C> {
    /// Namespace and name of the target.
    #[must_use]
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(self.owner.namespace, self.target)
    }

    /// True if the target is to hold what is rendered: the stores have values, or empty answers are merged like any others.
    #[must_use]
    pub fn writes(&self) -> bool {
        let has_values = self.empty.is_none() || self.deletion == DeletionPolicy::Merge;
        has_values && self.creation != CreationPolicy::None
    }

    /// The same of a target that is there or is not: into nothing, nothing is merged.
    #[must_use]
    pub fn is_filled(&self, is_there: bool) -> bool {
        self.writes() && (is_there || self.creation != CreationPolicy::Merge)
    }
}

impl<C> Clone for Want<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Want<'_, C> {}

/// What an ExternalSecret fills: a Secret, or an object of another kind.
pub trait Target: HasMeta + Sized {
    /// What goes into it.
    type Content;

    /// True if who may delete it must control it: nothing else tells that it was made for an ExternalSecret.
    const BY_CONTROLLER_ALONE: bool;

    /// What messages call it.
    fn noun(content: &Self::Content) -> &str;

    /// Its values.
    fn values(&self) -> Vec<Unsaid>;

    /// What errors about its write must not hold of what was rendered, besides its values.
    fn unsaid(content: &Self::Content) -> &[Unsaid];

    /// Plans the creation or the change of the target.
    fn plan_write(want: &Want<'_, Self::Content>, have: Option<&Self>) -> Plan<Self>;
}

impl Target for Secret {
    type Content = Rendered;
    const BY_CONTROLLER_ALONE: bool = false;

    fn noun(_: &Rendered) -> &str {
        "secret"
    }

    fn values(&self) -> Vec<Unsaid> {
        self.hidden()
    }

    fn unsaid(content: &Rendered) -> &[Unsaid] {
        &content.unsaid
    }

    fn plan_write(want: &Want<'_>, have: Option<&Self>) -> Plan {
        if have.is_none() && want.rendered.frozen {
            return Plan::Refuse(vanished(want));
        }
        let secret = match desired(want, have) {
            Ok(secret) => secret,
            Err(refusal) => return Plan::Refuse(refusal),
        };
        match have {
            None => Plan::Create(Box::new(secret)),
            Some(have) if secret == *have => Plan::Unchanged,
            Some(have) if have.immutable == Some(true) && content_differs(&secret, have) => {
                plan_immutable(secret, have)
            }
            Some(_) => Plan::Replace(Box::new(secret), None),
        }
    }
}

/// A success, as it is told to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The target is as wanted, or nothing is to be written.
    Synced,
    /// The stores hold nothing, and the target stays.
    Retained,
    /// The stores hold nothing, and the target is gone.
    Deleted,
    /// creationPolicy Merge, and there is nothing to merge into.
    Missing,
}

/// What failed, as it is told to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// Getting the values.
    Fetch,
    /// Reading the target.
    Read,
    /// Deleting the target.
    Delete,
    /// Deleting orphans.
    Orphans,
    /// Rendering or writing the target.
    Update,
    /// Writing: the Secret is immutable.
    Immutable,
    /// Writing: somebody else controls the target.
    Ownership,
    /// Writing: another ExternalSecret controls the target.
    Owned,
    /// Nothing was tried: objects of other kinds than Secret are not allowed.
    Kind,
    /// Nothing was tried: the specification asks for what is not built.
    Unsupported,
}

/// A refusal of our own: we could, but must not.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// What failed.
    pub what: Failed,
    /// Why.
    pub error: Error,
}

impl Refusal {
    fn new(what: Failed, why: String) -> Self {
        Self { what, error: Error::new(Kind::Refused, why) }
    }
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Plan<T = Secret> {
    /// POST this; on a conflict read what is there and plan again.
    Create(Box<T>),
    /// PUT this, which bears the resourceVersion that was read. With a refusal, metadata is brought up to date, and then the object has failed
    /// all the same.
    Replace(Box<T>, Option<Refusal>),
    /// What is there is what is wanted: no request.
    Unchanged,
    /// Nothing is to be written.
    Nothing(Done),
    /// DELETE the target in this state.
    Delete(Precondition),
    /// The stores' answers are empty, but nothing proved it: read again after this wait. Until then nothing changes, the status
    /// included.
    Confirm(Duration),
    /// Must not.
    Refuse(Refusal),
}

/// Plans for a target as it is.
#[must_use]
pub fn plan<T: Target>(want: &Want<'_, T::Content>, have: Option<&T>, now: Timestamp) -> Plan<T> {
    match (want.empty, want.deletion) {
        (Some(_), DeletionPolicy::Retain) => return Plan::Nothing(Done::Retained),
        (Some(emptiness), DeletionPolicy::Delete) => return plan_deletion(want, emptiness, have, now),
        (Some(_), DeletionPolicy::Merge) | (None, _) => {}
    }
    match (want.creation, have) {
        (CreationPolicy::None, _) => Plan::Nothing(Done::Synced),
        (CreationPolicy::Merge, None) => Plan::Nothing(Done::Missing),
        (
            CreationPolicy::Owner
            | CreationPolicy::Orphan
            | CreationPolicy::CreateOrMerge
            | CreationPolicy::Merge,
            have,
        ) => T::plan_write(want, have),
    }
}

/// The cache showed a target that keeps its content, so none was rendered; and it is gone. The next try knows that.
fn vanished(want: &Want<'_>) -> Refusal {
    let why = format!("secret {} is gone since it was seen", want.target);
    Refusal { what: Failed::Update, error: Error::new(Kind::Conflict, why) }
}

/// The stores hold nothing any more and `deletionPolicy: Delete` asks for the target to go.
fn plan_deletion<T: Target>(
    want: &Want<'_, T::Content>,
    emptiness: Emptiness,
    have: Option<&T>,
    now: Timestamp,
) -> Plan<T> {
    let refuse = |why: &str| {
        let why = format!("unable to delete {} {}: {why}", T::noun(want.rendered), want.target);
        Plan::Refuse(Refusal::new(Failed::Delete, why))
    };
    if want.creation != CreationPolicy::Owner {
        return refuse(&format!("creationPolicy={} is not Owner", want.creation.word()));
    }
    if let Some(wait) = unconfirmed(emptiness, want.empty_since, now) {
        return Plan::Confirm(wait);
    }
    match have.map(HasMeta::meta) {
        None => Plan::Nothing(Done::Deleted),
        Some(meta) if meta.deleting => Plan::Nothing(Done::Deleted),
        Some(meta) if T::BY_CONTROLLER_ALONE && meta.controller().is_none() => {
            refuse("it is not controlled by this ExternalSecret")
        }
        Some(meta) => match may_delete(&want.owner, meta) {
            Ok(()) => Plan::Delete(meta.state()),
            Err(why) => refuse(why),
        },
    }
}

/// How long to wait for a second read; `None` if the emptiness is proven or has been seen in two reads far enough apart.
fn unconfirmed(emptiness: Emptiness, since: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    // A first read in the future confirms nothing.
    let seen = since.and_then(|since| Duration::try_from(now.duration_since(since)).ok()).unwrap_or_default();
    match emptiness {
        Emptiness::Proven => None,
        Emptiness::Unproven => ABSENCE_CONFIRMATION.checked_sub(seen).filter(|wait| !wait.is_zero()),
    }
}

/// May the target be deleted because the stores hold nothing any more? Either this very object controls it (UID), or nobody does and
/// everything on it says that it is a target of this object: the managed label, no other ExternalSecret's created-by label, no data
/// written by another ExternalSecret. ESO deletes whatever bears the name; recorded is that it deletes a labelled Secret without owner.
///
/// # Errors
/// Why it must stay.
pub fn may_delete(owner: &Owner<'_>, target: &Meta) -> Result<(), &'static str> {
    if let Some(controller) = target.controller() {
        return if controller.uid == owner.uid { Ok(()) } else { Err("it is controlled by another object") };
    }
    if !target.is_managed() {
        return Err("it was not made by this ExternalSecret");
    }
    let foreign_label = target.labels.get(CREATED_BY_LABEL).is_some_and(|label| *label != owner.created_by());
    let foreign_data = target.field_owners.iter().any(|fields| {
        writes_targets(&fields.manager) && !owner.writes_as(&fields.manager) && !fields.data.is_empty()
    });
    if foreign_label || foreign_data { Err("another ExternalSecret wrote it") } else { Ok(()) }
}

/// True for the field manager of an ExternalSecret.
pub(super) fn writes_targets(manager: &str) -> bool {
    manager.starts_with(FIELD_MANAGERS)
}

/// The target is immutable and its content would change: labels, annotations and owners may still be brought up to date.
fn plan_immutable(mut secret: Secret, have: &Secret) -> Plan {
    secret.data.clone_from(&have.data);
    secret.type_.clone_from(&have.type_);
    secret.immutable = have.immutable;
    secret.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), digest::of_data(&secret.data));
    let refusal = Refusal::new(Failed::Immutable, format!("secret {} is immutable", have.meta.name));
    if secret == *have { Plan::Refuse(refusal) } else { Plan::Replace(Box::new(secret), Some(refusal)) }
}

fn content_differs(secret: &Secret, have: &Secret) -> bool {
    secret.data != have.data || secret.type_ != have.type_ || secret.immutable != have.immutable
}

/// The Secret as it is to be (reference 2.7), built onto what is there.
///
/// # Errors
/// A refusal if somebody else controls it, or if nobody may write such a Secret.
pub fn desired(want: &Want<'_>, have: Option<&Secret>) -> Result<Secret, Refusal> {
    let mut secret = have.cloned().unwrap_or_else(|| Secret::new(&want.key()));
    let frozen = want.rendered.immutable && have.is_some();
    if want.rendered.immutable {
        secret.immutable = Some(true);
    }
    if !frozen {
        fill(want, &mut secret);
    }
    take_ownership(want, "secret", &mut secret.meta)?;
    secret.meta.annotations.insert(DATA_HASH_ANNOTATION.into(), digest::of_data(&secret.data));
    let scope = Scope::Namespace(want.owner.namespace.into());
    authorize_write(&secret, &scope).map_err(|error| Refusal { what: Failed::Update, error })?;
    Ok(secret)
}

/// Takes off what we wrote before and puts on what is rendered now.
fn fill(want: &Want<'_>, secret: &mut Secret) {
    for fields in secret.meta.field_owners.iter().filter(|fields| want.owner.writes_as(&fields.manager)) {
        fields.data.iter().for_each(|key| drop(secret.data.remove(key)));
    }
    match want.creation {
        CreationPolicy::Merge | CreationPolicy::CreateOrMerge => {}
        CreationPolicy::Owner | CreationPolicy::Orphan | CreationPolicy::None => secret.data.clear(),
    }
    let rendered = want.rendered;
    secret.data.extend(rendered.data.clone());
    relabel(&want.owner, &mut secret.meta, &rendered.labels, &rendered.annotations);
    if let Some(type_) = &rendered.type_ {
        secret.type_.clone_from(type_);
    }
    for finalizer in rendered.finalizers.iter().filter(|_| !secret.meta.deleting) {
        if !secret.meta.finalizers.contains(finalizer) {
            secret.meta.finalizers.push(finalizer.clone());
        }
    }
}

/// Takes off the labels and annotations that we wrote before and puts on those of now.
fn relabel(
    owner: &Owner<'_>,
    meta: &mut Meta,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
) {
    for fields in meta.field_owners.iter().filter(|fields| owner.writes_as(&fields.manager)) {
        fields.labels.iter().for_each(|key| drop(meta.labels.remove(key)));
        fields.annotations.iter().for_each(|key| drop(meta.annotations.remove(key)));
    }
    meta.labels.extend(labels.clone());
    meta.annotations.extend(annotations.clone());
}

/// Puts on the managed label; sets or takes off the owner reference and the created-by label (reference 2.8).
fn take_ownership<C>(want: &Want<'_, C>, noun: &str, meta: &mut Meta) -> Result<(), Refusal> {
    let (owner, name) = (&want.owner, want.target);
    let Meta { owners, labels, .. } = meta;
    labels.insert(MANAGED_LABEL.into(), "true".into());
    let other = owners.iter().find(|reference| reference.controller && !owner.is(reference));
    if let Some(other) = other.filter(|reference| reference.is_external_secret()) {
        let why = format!(
            "unable to mutate {noun} {name}: {noun} is owned by another ExternalSecret: {}",
            other.name
        );
        return Err(Refusal::new(Failed::Owned, why));
    }
    if want.creation != CreationPolicy::Owner {
        owners.retain(|reference| !(reference.controller && owner.is(reference)));
        labels.remove(CREATED_BY_LABEL);
        return Ok(());
    }
    if let Some(other) = other {
        let why = format!("{noun} {name} is already controlled by {} {}", other.kind, other.name);
        return Err(Refusal::new(Failed::Ownership, why));
    }
    match owners.iter_mut().find(|reference| owner.is(reference)) {
        Some(reference) => *reference = owner.reference(),
        None => owners.push(owner.reference()),
    }
    labels.insert(CREATED_BY_LABEL.into(), owner.created_by());
    Ok(())
}

/// True if a Secret of the namespace is left over from an earlier target name (reference 2.9; creationPolicy Owner only). ESO goes by
/// the label alone; labels can be copied, so the owner reference must be ours too.
#[must_use]
pub fn is_orphan(want: &Want<'_>, secret: &ManagedSecret, digests: &DigestKey) -> bool {
    let label = digests.fingerprint(want.owner.created_by().as_bytes());
    want.creation == CreationPolicy::Owner
        && *secret.key.name() != *want.target
        && secret.is_controlled_by(want.owner.uid)
        && secret.created_by(digests) == Some(label)
}

/// What to delete when the ExternalSecret itself is being deleted (reference 2.10): with `deletionPolicy: Delete` the target, if this
/// object controls it; else nothing. What Owner targets become is the garbage collector's business.
#[must_use]
pub fn on_deletion<T: Target>(
    owner: &Owner<'_>,
    deletion: DeletionPolicy,
    target: Option<&T>,
) -> Option<Precondition> {
    match deletion {
        DeletionPolicy::Delete => target
            .map(HasMeta::meta)
            .filter(|meta| meta.controller().is_some_and(|controller| controller.uid == owner.uid))
            .map(Meta::state),
        DeletionPolicy::Retain | DeletionPolicy::Merge => None,
    }
}

#[cfg(test)]
mod tests;
