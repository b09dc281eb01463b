//! What an ExternalSecret says about its last reconcile: conditions, status patch, events (reference 2.2, 2.11).
//!
//! Pure. A status that would say the same again is not written; only the time of the last refresh is, now and then ([`Stamp`]).
//! Events are recorded only when something changed: ESO repeats `UpdateFailed` and `MissingProviderSecret` with every try.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};
use keyferry_stores::base::{Error, limits::MESSAGE_BYTES};
use serde_json::{Map, Value, json};

use super::plan::{Done, Failed};
use crate::{
    api::{
        digest,
        external_secret::{Condition, ExternalSecretStatus},
    },
    cluster::{Event, Subject},
};

/// The one condition type that is written.
const READY: &str = "Ready";
/// The reporting component of the events.
const COMPONENT: &str = "external-secrets";

/// What a target is, for the words that are said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noun {
    /// A Secret.
    Secret,
    /// An object of another kind.
    Object {
        /// Its kind.
        kind: Box<str>,
        /// Its name.
        name: Box<str>,
    },
}

impl Done {
    /// Reason and message of the condition, as alert rules and scripts know them.
    #[must_use]
    pub const fn words(self, of: &Noun) -> (&'static str, &'static str) {
        let ([secret, object], message) = match self {
            Self::Synced => (["SecretSynced", "ResourceSynced"], "secret synced"),
            Self::Retained => {
                (["SecretSynced", "ResourceSynced"], "secret retained due to DeletionPolicy=Retain")
            }
            Self::Deleted => {
                (["SecretDeleted", "ResourceDeleted"], "secret deleted due to DeletionPolicy=Delete")
            }
            Self::Missing => (
                ["SecretMissing", "ResourceMissing"],
                match of {
                    Noun::Secret => "secret will not be created due to CreationPolicy=Merge",
                    Noun::Object { .. } => "resource will not be created due to CreationPolicy=Merge",
                },
            ),
        };
        match of {
            Noun::Secret => (secret, message),
            Noun::Object { .. } => (object, message),
        }
    }
}

impl Failed {
    /// Reason and message of the condition; a clearer cause may follow the message.
    #[must_use]
    pub const fn words(self, of: &Noun) -> (&'static str, &'static str) {
        match (self, of) {
            (Self::Unsupported, _) => ("Unsupported", "the specification asks for what is not supported"),
            (Self::Kind, _) => ("SecretSyncedError", "invalid generic target"),
            (_, Noun::Secret) => ("SecretSyncedError", self.of_secret()),
            (_, Noun::Object { .. }) => ("ResourceSyncedError", self.of_object()),
        }
    }

    const fn of_secret(self) -> &'static str {
        match self {
            Self::Fetch | Self::Unsupported | Self::Kind => "could not get secret data from provider",
            Self::Delete => "could not delete secret",
            Self::Orphans => "could not delete orphaned secrets",
            Self::Read | Self::Update => "could not update secret",
            Self::Immutable => "could not update secret, target is immutable",
            Self::Ownership => "failed to take ownership of target secret",
            Self::Owned => "target is owned by another ExternalSecret",
        }
    }

    const fn of_object(self) -> &'static str {
        match self {
            Self::Fetch | Self::Unsupported | Self::Kind => "could not get secret data from provider",
            Self::Read => "could not get target resource",
            Self::Delete => "could not delete resource",
            Self::Orphans | Self::Update | Self::Immutable | Self::Ownership | Self::Owned => {
                "could not apply template to manifest"
            }
        }
    }
}

/// How a reconcile ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It came to its end.
    Done(Done),
    /// It did not.
    Failed(Failed, Error),
}

/// What was changed in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The target was created.
    Created,
    /// The target was changed.
    Updated,
    /// The target was deleted because the stores hold nothing any more.
    Deleted,
    /// A Secret of an earlier target name was deleted.
    OrphanDeleted,
}

impl Change {
    /// Reason and message of the event.
    #[must_use]
    pub fn words(self, of: &Noun) -> (&'static str, String) {
        let (reason, of_secret) = match self {
            Self::Created => ("Created", "secret created"),
            Self::Updated => ("Updated", "secret updated"),
            Self::Deleted => ("Deleted", "secret deleted due to DeletionPolicy=Delete"),
            Self::OrphanDeleted => ("Deleted", "secret deleted because it was orphaned"),
        };
        let message = match of {
            Noun::Secret => of_secret.into(),
            Noun::Object { kind, name } => format!("{reason} {kind} {name}"),
        };
        (reason, message)
    }
}

/// How often `status.refreshTime` is written when nothing else changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// Never.
    Never,
    /// At each refresh, as ESO does.
    Each,
    /// Once in this time. Every object has its own ticks, spread by its UID.
    Every(Duration),
}

impl Stamp {
    /// True if a tick of the object lies between the last stamp and `now`. A last stamp in the future is always replaced: it would
    /// make the object due at each reconcile.
    fn is_due(self, uid: &str, last: Timestamp, now: Timestamp) -> bool {
        match self {
            _ if last > now => true,
            Self::Never => false,
            Self::Each => true,
            Self::Every(interval) => {
                // In whole seconds, as stamps are kept: a tick between a refresh and its truncated stamp would count twice.
                let interval = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
                let phase = phase(uid) % interval;
                let tick = |time: Timestamp| (time.as_second() - phase).div_euclid(interval);
                tick(now) > tick(last)
            }
        }
    }
}

/// A number that differs between objects and is the same after a restart.
fn phase(uid: &str) -> i64 {
    digest::of_text(uid).bytes().take(12).fold(0, |sum, byte| sum * 31 % 0xffff_ffff + i64::from(byte))
}

/// What a reconcile found out.
#[derive(Debug, Clone)]
pub struct Finding<'a> {
    /// The object.
    pub subject: &'a Subject,
    /// Its target.
    pub of: &'a Noun,
    /// How it ended.
    pub outcome: Outcome,
    /// What was changed, in order.
    pub changes: Vec<Change>,
    /// Messages about entries that their stores do not hold ([`super::shape::Assembled::missing`]).
    pub missing: Vec<String>,
    /// The name for `status.binding`, if this reconcile changed, tried to change or created the target: see [`binding`].
    pub binding: Option<&'a str>,
    /// [`digest::synced_resource_version`] of the object that was reconciled.
    pub version: &'a str,
    /// When the reconcile started: this becomes `status.refreshTime`.
    pub started: Timestamp,
}

/// The name for `status.binding` after a write to `target` was planned. As recorded: a change binds even if it was refused, a creation
/// only if it succeeded.
#[must_use]
pub fn binding(target: &str, existed: bool, outcome: &Outcome) -> Option<String> {
    let bound = match outcome {
        Outcome::Done(_) => true,
        Outcome::Failed(_, _) => existed,
    };
    bound.then(|| target.to_string())
}

/// What is to be sent.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The fields of the status to write; `None` = the status says it already.
    pub status: Option<Value>,
    /// Events, in order.
    pub events: Vec<Event>,
}

/// Turns a finding into what is to be sent.
#[must_use]
pub fn report(finding: &Finding<'_>, old: Option<&ExternalSecretStatus>, stamp: Stamp) -> Report {
    let none = ExternalSecretStatus::default();
    let old = old.unwrap_or(&none);
    let conditions = with_ready(&old.conditions, ready(finding));
    let told = conditions.is_some() || !finding.changes.is_empty();
    let status = patch(finding, old, conditions, stamp);
    let events = if told { events(finding) } else { Vec::new() };
    Report { status, events }
}

/// What a store's Ready condition is to say (reference 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreFinding<'a> {
    /// Whether it may be used.
    pub ready: bool,
    /// Reason.
    pub reason: &'a str,
    /// Message.
    pub message: &'a str,
    /// `status.capabilities`; `None` leaves them as they are.
    pub access: Option<&'a str>,
}

/// The fields of a store's status to write and the status after it; `None` if it says all that already.
#[must_use]
pub fn store_status(finding: &StoreFinding<'_>, old: &Value, now: Timestamp) -> Option<(Value, Value)> {
    let conditions = old.get("conditions").cloned().unwrap_or_default();
    // Conditions of stores and of ExternalSecrets have the same fields; what does not parse is replaced.
    let conditions: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
    let ready = Condition {
        type_: READY.into(),
        status: if finding.ready { "True" } else { "False" }.into(),
        reason: Some(finding.reason.into()),
        message: Some(finding.message.into()),
        last_transition_time: Some(seconds(now)),
    };
    let mut patch = Map::new();
    if let Some(conditions) = with_ready(&conditions, ready) {
        patch.insert("conditions".into(), json!(conditions));
    }
    if finding.access.is_some_and(|access| old["capabilities"] != access) {
        patch.insert("capabilities".into(), json!(finding.access));
    }
    let mut status = old.as_object().cloned().unwrap_or_default();
    status.extend(patch.clone());
    let changed = !patch.is_empty();
    let told = (Value::Object(patch), Value::Object(status));
    changed.then_some(told)
}

/// A message with its cause, without what differs between two tries, and bounded.
#[must_use]
pub fn with_cause(message: &str, error: &Error) -> String {
    bounded(format!("{message}: {}", normalised(&error.to_string())))
}

/// The condition that the outcome calls for.
fn ready(finding: &Finding<'_>) -> Condition {
    let (status, (reason, message)) = match &finding.outcome {
        Outcome::Done(done) => ("True", done.words(finding.of)),
        Outcome::Failed(failed, _) => ("False", failed.words(finding.of)),
    };
    let message = match &finding.outcome {
        Outcome::Done(_) => message.to_string(),
        Outcome::Failed(_, error) => with_cause(message, error),
    };
    Condition {
        type_: READY.into(),
        status: status.into(),
        reason: Some(reason.into()),
        message: Some(message),
        last_transition_time: Some(seconds(finding.started)),
    }
}

/// The list with the condition in it: one a type; a condition that says the same is left alone (`None`); the transition time moves only
/// with the status; a changed condition moves to the end.
fn with_ready(old: &[Condition], mut new: Condition) -> Option<Vec<Condition>> {
    let before = old.iter().find(|condition| condition.type_ == new.type_);
    if let Some(before) = before.filter(|before| before.status == new.status) {
        if before.reason == new.reason && before.message == new.message {
            return None;
        }
        new.last_transition_time.clone_from(&before.last_transition_time);
    }
    let mut conditions: Vec<_> =
        old.iter().filter(|condition| condition.type_ != new.type_).cloned().collect();
    conditions.push(new);
    Some(conditions)
}

/// The fields to write, or `None` if the old status says it all. `binding` is always there, as in ESO's statuses.
fn patch(
    finding: &Finding<'_>,
    old: &ExternalSecretStatus,
    conditions: Option<Vec<Condition>>,
    stamp: Stamp,
) -> Option<Value> {
    let bound = old.binding.as_ref().map_or("", |binding| &binding.name);
    let binding = finding.binding.unwrap_or(bound);
    let done = matches!(finding.outcome, Outcome::Done(_));
    let version = old.synced_resource_version.as_deref();
    let changed = conditions.is_some() || binding != bound || (done && version != Some(finding.version));
    let refreshed = done && (changed || !finding.changes.is_empty() || stamp_is_due(finding, old, stamp));
    if !changed && !refreshed {
        return None;
    }
    let mut patch = json!({ "binding": { "name": binding } });
    if let Some(conditions) = conditions {
        patch["conditions"] = json!(conditions);
    }
    if refreshed {
        patch["refreshTime"] = json!(seconds(finding.started));
        patch["syncedResourceVersion"] = json!(finding.version);
    }
    Some(patch)
}

fn stamp_is_due(finding: &Finding<'_>, old: &ExternalSecretStatus, stamp: Stamp) -> bool {
    let last = old.refresh_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    last.is_none_or(|last| stamp.is_due(&finding.subject.uid, last, finding.started))
}

fn events(finding: &Finding<'_>) -> Vec<Event> {
    let subject = finding.subject;
    let missing = finding.missing.iter().map(|message| Event {
        reason: "MissingProviderSecret",
        message: bounded(message.clone()),
        ..blank(subject)
    });
    let failure = match &finding.outcome {
        Outcome::Done(_) => None,
        Outcome::Failed(_, error) => Some(Event {
            warning: true,
            reason: "UpdateFailed",
            message: bounded(normalised(&error.to_string())),
            ..blank(subject)
        }),
    };
    missing.chain(change_events(subject, finding.of, &finding.changes)).chain(failure).collect()
}

/// The events of what was changed in the cluster.
#[must_use]
pub fn change_events(subject: &Subject, of: &Noun, changes: &[Change]) -> Vec<Event> {
    let event = |change: &Change| {
        let (reason, message) = change.words(of);
        Event { reason, message, ..blank(subject) }
    };
    changes.iter().map(event).collect()
}

fn blank(subject: &Subject) -> Event {
    let (subject, message) = (subject.clone(), String::new());
    Event { subject, component: COMPONENT, warning: false, reason: "", message }
}

/// A time as Kubernetes writes it: whole seconds, UTC.
fn seconds(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Cuts a text at the bound of messages, at a character's edge.
fn bounded(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES - 3));
        text.push_str("...");
    }
    text
}

/// Takes out what differs between two tries of one cause: UUIDs, request ids, times, pointers, long hexadecimal digests. Without it a
/// failing object would write its status with every try.
#[must_use]
pub fn normalised(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut label = String::new();
    while !rest.is_empty() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (token, after) = rest.split_at(word);
        let gap = after.find(is_word).unwrap_or(after.len());
        let bare = token.trim_end_matches([':', '.']);
        out.push_str(placeholder(bare, &label).unwrap_or(bare));
        out.push_str(&token[bare.len()..]);
        out.push_str(&after[..gap]);
        label = next_label(&label, token);
        rest = &after[gap..];
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '+')
}

/// The last two words, lower case, letters and digits alone: `request`, `id` are `requestid`.
fn next_label(before: &str, token: &str) -> String {
    let word: String =
        token.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if word == "id" { format!("{before}id") } else { word }
}

fn placeholder(bare: &str, label: &str) -> Option<&'static str> {
    let labelled = ["requestid", "traceid", "correlationid"].iter().any(|name| label.ends_with(name));
    if bare.is_empty() || label == "template" && is_place(bare) {
        None
    } else if is_uuid(bare) || labelled || is_hexadecimal(bare, 16) {
        Some("<id>")
    } else if bare.strip_prefix("0x").is_some_and(|digits| is_hexadecimal(digits, 1)) {
        Some("<address>")
    } else {
        is_time(bare).then_some("<time>")
    }
}

fn is_hexadecimal(text: &str, least: usize) -> bool {
    text.len() >= least
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && (least == 1 || text.bytes().any(|byte| byte.is_ascii_digit()))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(|part| (part.len(), is_hexadecimal(part, 1))).collect();
    parts == [(8, true), (4, true), (4, true), (4, true), (12, true)]
}

/// `NAME:LINE:COLUMN`, as behind `template:`, whatever the name looks like.
fn is_place(text: &str) -> bool {
    let mut parts = text.rsplitn(3, ':');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u32>().is_ok());
    is_number(parts.next()) && is_number(parts.next()) && parts.next().is_some()
}

/// A date, a time of day or both (`2026-11-21`, `10:02:03.5`, `2026-11-21T10:02:03Z`).
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape.starts_with("0000-00-00") || shape.starts_with("00:00:00")
}

#[cfg(test)]
mod tests;
