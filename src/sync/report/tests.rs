//! What is told, and what is not told twice.

use keyferry_stores::base::Kind;

use super::*;
use crate::cluster::{ObjectKey, StatusKind};

const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn subject() -> Subject {
    subject_of("00000000-0000-4000-8000-000000000001")
}

fn subject_of(uid: &str) -> Subject {
    Subject { kind: StatusKind::ExternalSecret, key: ObjectKey::new("team", "es"), uid: uid.into() }
}

fn finding(subject: &Subject, outcome: Outcome) -> Finding<'_> {
    let (changes, missing) = (Vec::new(), Vec::new());
    Finding {
        subject,
        of: &Noun::Secret,
        outcome,
        changes,
        missing,
        binding: None,
        version: "1-a",
        started: at(DAY),
    }
}

fn failed(what: Failed, why: &str) -> Outcome {
    Outcome::Failed(what, Error::new(Kind::Refused, why))
}

/// The condition that an outcome calls for.
fn ready_at(outcome: Outcome, now: i64) -> Condition {
    ready(&Finding { started: at(now), ..finding(&subject(), outcome) })
}

/// The status after a report on nothing known.
fn told(outcome: Outcome, started: i64) -> ExternalSecretStatus {
    let subject = subject();
    let finding = Finding { started: at(started), ..finding(&subject, outcome) };
    let patch = report(&finding, None, Stamp::Each).status.unwrap();
    serde_json::from_value(patch).unwrap()
}

fn condition(type_: &str, status: &str, since: i64) -> Condition {
    Condition {
        type_: type_.into(),
        status: status.into(),
        reason: Some("SecretSynced".into()),
        message: Some("secret synced".into()),
        last_transition_time: Some(seconds(at(since))),
    }
}

#[test]
fn every_outcome_has_its_recorded_reason_and_message() {
    let error = "SecretSyncedError";
    let table = [
        (Outcome::Done(Done::Synced), "True", "SecretSynced", "secret synced"),
        (
            Outcome::Done(Done::Retained),
            "True",
            "SecretSynced",
            "secret retained due to DeletionPolicy=Retain",
        ),
        (
            Outcome::Done(Done::Deleted),
            "True",
            "SecretDeleted",
            "secret deleted due to DeletionPolicy=Delete",
        ),
        (
            Outcome::Done(Done::Missing),
            "True",
            "SecretMissing",
            "secret will not be created due to CreationPolicy=Merge",
        ),
        (failed(Failed::Fetch, "why"), "False", error, "could not get secret data from provider: why"),
        (failed(Failed::Delete, "why"), "False", error, "could not delete secret: why"),
        (failed(Failed::Orphans, "why"), "False", error, "could not delete orphaned secrets: why"),
        (failed(Failed::Update, "why"), "False", error, "could not update secret: why"),
        (
            failed(Failed::Immutable, "why"),
            "False",
            error,
            "could not update secret, target is immutable: why",
        ),
        (failed(Failed::Ownership, "why"), "False", error, "failed to take ownership of target secret: why"),
        (failed(Failed::Owned, "why"), "False", error, "target is owned by another ExternalSecret: why"),
        (
            failed(Failed::Unsupported, "why"),
            "False",
            "Unsupported",
            "the specification asks for what is not supported: why",
        ),
    ];
    for (outcome, status, reason, message) in table {
        let told = told(outcome, DAY);
        let [ready] = told.conditions.as_slice() else { panic!("one condition is written") };
        assert_eq!(
            (ready.type_.as_str(), ready.status.as_str(), ready.reason.as_deref(), ready.message.as_deref()),
            ("Ready", status, Some(reason), Some(message))
        );
    }
}

#[test]
fn a_success_stamps_its_start_and_version_and_a_failure_neither() {
    let done = told(Outcome::Done(Done::Synced), DAY);
    assert_eq!(done.refresh_time.as_deref(), Some("1970-01-02T00:00:00Z"));
    assert_eq!(done.synced_resource_version.as_deref(), Some("1-a"));
    let failed = told(failed(Failed::Fetch, "why"), DAY);
    assert_eq!((failed.refresh_time, failed.synced_resource_version), (None, None));
}

#[test]
fn a_patch_of_a_failure_leaves_the_last_refresh_as_it_was() {
    let subject = subject();
    let old = told(Outcome::Done(Done::Synced), 10);
    let patch = report(&finding(&subject, failed(Failed::Fetch, "why")), Some(&old), Stamp::Each).status;
    let keys: Vec<_> = patch.unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["binding", "conditions"]);
}

#[test]
fn the_transition_time_moves_only_with_the_status() {
    let was = told(Outcome::Done(Done::Synced), 10).conditions;
    let same = with_ready(&was, ready_at(Outcome::Done(Done::Synced), 20));
    assert_eq!(same, None);
    let time = |outcome| with_ready(&was, ready_at(outcome, 20)).unwrap()[0].last_transition_time.clone();
    assert_eq!(time(Outcome::Done(Done::Retained)).as_deref(), Some("1970-01-01T00:00:10Z"));
    assert_eq!(time(failed(Failed::Fetch, "why")).as_deref(), Some("1970-01-01T00:00:20Z"));
}

#[test]
fn a_changed_condition_moves_to_the_end_and_the_others_stay() {
    let was = [condition("Ready", "True", 1), condition("Other", "True", 2)];
    let now = with_ready(&was, ready_at(failed(Failed::Fetch, "why"), 3)).unwrap();
    let types: Vec<_> = now.iter().map(|condition| condition.type_.as_str()).collect();
    assert_eq!((types, &now[0]), (vec!["Other", "Ready"], &was[1]));
}

#[test]
fn a_status_that_says_the_same_is_not_written() {
    let subject = subject();
    for outcome in [Outcome::Done(Done::Synced), Outcome::Done(Done::Missing), failed(Failed::Fetch, "why")] {
        let old = told(outcome.clone(), 10);
        let again = report(&finding(&subject, outcome), Some(&old), Stamp::Never);
        assert!(again.status.is_none() && again.events.is_empty(), "{:?}", again.status);
    }
}

#[test]
fn a_new_version_a_new_binding_or_a_change_is_written_with_the_refresh_time() {
    let subject = subject();
    let old = told(Outcome::Done(Done::Synced), 10);
    let same = || finding(&subject, Outcome::Done(Done::Synced));
    for (what, finding) in [
        ("version", Finding { version: "2-a", ..same() }),
        ("binding", Finding { binding: Some("out"), ..same() }),
        ("change", Finding { changes: vec![Change::Updated], ..same() }),
    ] {
        let patch = report(&finding, Some(&old), Stamp::Never).status.unwrap();
        assert_eq!(patch["refreshTime"], "1970-01-02T00:00:00Z", "{what}");
        assert_eq!(patch["syncedResourceVersion"], finding.version, "{what}");
        assert!(patch.get("conditions").is_none(), "{what}");
    }
}

#[test]
fn a_binding_once_told_stays() {
    let subject = subject();
    let bound = Finding { binding: Some("out"), ..finding(&subject, Outcome::Done(Done::Synced)) };
    let old = report(&bound, None, Stamp::Each).status.unwrap();
    let old: ExternalSecretStatus = serde_json::from_value(old).unwrap();
    let patch = report(&finding(&subject, failed(Failed::Fetch, "why")), Some(&old), Stamp::Each).status;
    assert_eq!(patch.unwrap()["binding"]["name"], "out");
}

#[test]
fn a_change_binds_even_if_refused_and_a_creation_only_if_it_succeeds() {
    let (done, not) = (Outcome::Done(Done::Synced), failed(Failed::Owned, "why"));
    let table = [(&done, true, true), (&done, false, true), (&not, true, true), (&not, false, false)];
    for (outcome, existed, expected) in table {
        let expected = expected.then(|| "out".to_string());
        assert_eq!(binding("out", existed, outcome), expected, "{outcome:?} {existed}");
    }
}

#[test]
fn the_refresh_time_of_an_unchanged_object_is_written_as_the_stamp_says() {
    let uid = subject().uid;
    let hour = Stamp::Every(Duration::from_secs(3_600));
    let table = [
        (Stamp::Never, DAY, DAY + 999_999, false),
        (Stamp::Each, DAY, DAY + 1, true),
        (Stamp::Each, DAY, DAY, true),
        (hour, DAY, DAY + 3_600, true),
        (hour, DAY, DAY, false),
        (Stamp::Every(Duration::ZERO), DAY, DAY + 1, true),
        (Stamp::Every(Duration::MAX), DAY, DAY + 1, false),
        (Stamp::Never, DAY + 1, DAY, true),
        (hour, DAY + 1, DAY, true),
    ];
    for (stamp, last, now, expected) in table {
        assert_eq!(stamp.is_due(&uid, at(last), at(now)), expected, "{stamp:?} {last} {now}");
    }
}

#[test]
fn an_object_that_was_never_stamped_is_stamped() {
    let subject = subject();
    let old = ExternalSecretStatus { refresh_time: None, ..told(Outcome::Done(Done::Synced), 10) };
    let patch = report(&finding(&subject, Outcome::Done(Done::Synced)), Some(&old), Stamp::Never).status;
    assert_eq!(patch.unwrap()["refreshTime"], "1970-01-02T00:00:00Z");
}

#[test]
fn stamps_of_many_objects_are_spread_over_the_interval_and_come_once_in_it() {
    let (every, minutes) = (Stamp::Every(Duration::from_secs(3_600)), 60);
    let mut by_minute = vec![0; minutes];
    for n in 0..600 {
        let uid = format!("00000000-0000-4000-8000-{n:012}");
        let due = |minute: usize| {
            let minute = i64::try_from(minute).unwrap();
            every.is_due(&uid, at(DAY + 60 * minute), at(DAY + 60 * (minute + 1)))
        };
        let due: Vec<usize> = (0..minutes).filter(|minute| due(*minute)).collect();
        assert_eq!(due.len(), 1, "{uid} in {due:?}");
        by_minute[due[0]] += 1;
    }
    let most = by_minute.iter().max().unwrap();
    assert!(*most <= 40, "{most} of 600 objects are stamped in one minute of {minutes}");
}

#[test]
fn a_stamp_that_was_cut_to_its_second_is_not_due_again() {
    let every = Stamp::Every(Duration::from_secs(60));
    for n in 0..600 {
        let uid = format!("00000000-0000-4000-8000-{n:012}");
        let mut stamps = 0;
        let mut last = at(DAY);
        for step in 1..=20 {
            let now = Timestamp::from_millisecond(DAY * 1_000 + step * 15_700).unwrap();
            if every.is_due(&uid, last, now) {
                last = seconds(now).parse().unwrap();
                stamps += 1;
            }
        }
        assert!((5..=6).contains(&stamps), "{uid}: {stamps} stamps in five intervals");
    }
}

#[test]
fn events_come_with_a_change_alone_and_in_the_order_of_what_happened() {
    let subject = subject();
    let finding = Finding {
        changes: vec![Change::OrphanDeleted, Change::Created],
        missing: vec!["secret does not exist at provider using spec.dataFrom[0]".into()],
        ..finding(&subject, Outcome::Done(Done::Synced))
    };
    let events = report(&finding, None, Stamp::Each).events;
    let shown: Vec<_> =
        events.iter().map(|event| (event.warning, event.reason, event.message.as_str())).collect();
    let missing = "secret does not exist at provider using spec.dataFrom[0]";
    assert_eq!(
        shown,
        [
            (false, "MissingProviderSecret", missing),
            (false, "Deleted", "secret deleted because it was orphaned"),
            (false, "Created", "secret created"),
        ]
    );
    let old = told(Outcome::Done(Done::Synced), 10);
    let again = Finding { changes: Vec::new(), ..finding };
    assert!(report(&again, Some(&old), Stamp::Each).events.is_empty());
}

#[test]
fn a_failure_is_one_warning_with_its_whole_cause() {
    let subject = subject();
    let events = report(&finding(&subject, failed(Failed::Fetch, "why")), None, Stamp::Each).events;
    let [event] = events.as_slice() else { panic!("one event") };
    assert_eq!((event.warning, event.reason, event.message.as_str()), (true, "UpdateFailed", "why"));
    assert_eq!((event.component, &event.subject), ("external-secrets", &subject));
}

#[test]
fn objects_of_other_kinds_have_words_of_their_own() {
    let object = Noun::Object { kind: "ConfigMap".into(), name: "out".into() };
    for (done, reason, message) in [
        (Done::Synced, "ResourceSynced", "secret synced"),
        (Done::Retained, "ResourceSynced", "secret retained due to DeletionPolicy=Retain"),
        (Done::Deleted, "ResourceDeleted", "secret deleted due to DeletionPolicy=Delete"),
        (Done::Missing, "ResourceMissing", "resource will not be created due to CreationPolicy=Merge"),
    ] {
        assert_eq!(done.words(&object), (reason, message));
    }
    for (failed, reason, message) in [
        (Failed::Kind, "SecretSyncedError", "invalid generic target"),
        (Failed::Fetch, "ResourceSyncedError", "could not get secret data from provider"),
        (Failed::Read, "ResourceSyncedError", "could not get target resource"),
        (Failed::Update, "ResourceSyncedError", "could not apply template to manifest"),
        (Failed::Owned, "ResourceSyncedError", "could not apply template to manifest"),
        (Failed::Delete, "ResourceSyncedError", "could not delete resource"),
        (Failed::Unsupported, "Unsupported", "the specification asks for what is not supported"),
    ] {
        assert_eq!(failed.words(&object), (reason, message));
    }
}

#[test]
fn every_change_has_its_recorded_event() {
    let table = [
        (Change::Created, "Created", "secret created", "Created ConfigMap out"),
        (Change::Updated, "Updated", "secret updated", "Updated ConfigMap out"),
        (Change::Deleted, "Deleted", "secret deleted due to DeletionPolicy=Delete", "Deleted ConfigMap out"),
        (Change::OrphanDeleted, "Deleted", "secret deleted because it was orphaned", "Deleted ConfigMap out"),
    ];
    let object = Noun::Object { kind: "ConfigMap".into(), name: "out".into() };
    for (change, reason, of_secret, of_object) in table {
        assert_eq!(change.words(&Noun::Secret), (reason, of_secret.to_string()));
        assert_eq!(change.words(&object), (reason, of_object.to_string()));
    }
}

#[test]
fn what_differs_between_two_tries_of_one_cause_is_taken_out() {
    let table = [
        (
            "failed, RequestID: 9f0c1f3e-58aa-4c63-8f5b-1d2e3f4a5b6c, api error",
            "failed, RequestID: <id>, api error",
        ),
        ("request id: abc, x", "request id: <id>, x"),
        ("x-amzn-RequestId=K3", "x-amzn-RequestId=<id>"),
        ("traceId: zz. Next", "traceId: <id>. Next"),
        ("at 2026-11-21T10:02:03.456Z and 10:02:03", "at <time> and <time>"),
        ("since 2026-11-21: gone", "since <time>: gone"),
        ("template: 12:34:56: executing \"12\"", "template: 12:34:56: executing \"12\""),
        ("could not apply template: 2026-11-21T10:02:03Z", "could not apply template: <time>"),
        ("panic at 0xc000123abc", "panic at <address>"),
        ("digest 0123456789abcdef0123", "digest <id>"),
        ("decade beefcafedeadfacedeed", "decade beefcafedeadfacedeed"),
        ("port 8080 at vault.example:8200", "port 8080 at vault.example:8200"),
        (
            "spec.data[0] (key: db/1), err: Secret does not exist",
            "spec.data[0] (key: db/1), err: Secret does not exist",
        ),
        ("größe: ü", "größe: ü"),
        ("", ""),
    ];
    for (text, expected) in table {
        assert_eq!(normalised(text), expected);
    }
}

#[test]
fn a_failure_with_another_request_id_is_not_told_again() {
    let subject = subject();
    let text = |id: &str| format!("denied (RequestID: {id})");
    let old = told(failed(Failed::Fetch, &text("9f0c1f3e-58aa-4c63-8f5b-1d2e3f4a5b6c")), 10);
    let again = failed(Failed::Fetch, &text("00000000-58aa-4c63-8f5b-1d2e3f4a5b6c"));
    let report = report(&finding(&subject, again), Some(&old), Stamp::Each);
    assert!(report.status.is_none() && report.events.is_empty());
}

#[test]
fn a_message_is_cut_at_a_character() {
    let long = "ü".repeat(MESSAGE_BYTES);
    let message = with_cause("failed", &Error::new(Kind::Invalid, long));
    assert!(message.len() <= MESSAGE_BYTES && message.ends_with("ü..."), "{}", message.len());
}

fn store<'a>(ready: bool, reason: &'a str, message: &'a str, access: Option<&'a str>) -> StoreFinding<'a> {
    StoreFinding { ready, reason, message, access }
}

#[test]
fn a_store_is_told_about_once() {
    let valid = store(true, "Valid", "store validated", Some("ReadWrite"));
    let (patch, status) = store_status(&valid, &Value::Null, at(10)).unwrap();
    assert_eq!(patch, status);
    assert_eq!(status["capabilities"], "ReadWrite");
    assert_eq!(
        status["conditions"],
        json!([{ "type": "Ready", "status": "True", "reason": "Valid", "message": "store validated",
                 "lastTransitionTime": "1970-01-01T00:00:10Z" }])
    );
    assert!(store_status(&valid, &status, at(20)).is_none());
}

#[test]
fn a_store_that_fails_keeps_its_capabilities_and_its_other_conditions() {
    let valid = store(true, "Valid", "store validated", Some("ReadOnly"));
    let (_, mut status) = store_status(&valid, &Value::Null, at(10)).unwrap();
    status["conditions"].as_array_mut().unwrap().push(json!({ "type": "Other", "status": "True" }));
    let broken = store(false, "InvalidProviderConfig", "unable to validate store", None);
    let (patch, after) = store_status(&broken, &status, at(20)).unwrap();
    assert!(patch.get("capabilities").is_none());
    assert_eq!(after["capabilities"], "ReadOnly");
    assert_eq!(
        (&after["conditions"][0]["type"], &after["conditions"][1]["status"]),
        (&json!("Other"), &json!("False"))
    );
    assert_eq!(after["conditions"][1]["lastTransitionTime"], "1970-01-01T00:00:20Z");
}

#[test]
fn new_capabilities_alone_are_written_alone() {
    let valid = |access| store(true, "Valid", "store validated", Some(access));
    let (_, status) = store_status(&valid("ReadOnly"), &Value::Null, at(10)).unwrap();
    let (patch, _) = store_status(&valid("ReadWrite"), &status, at(20)).unwrap();
    assert_eq!(patch, json!({ "capabilities": "ReadWrite" }));
}

#[test]
fn conditions_of_a_store_that_do_not_parse_are_replaced() {
    let broken = json!({ "conditions": "nonsense" });
    let (patch, _) = store_status(&store(true, "Valid", "store validated", None), &broken, at(10)).unwrap();
    assert_eq!(patch["conditions"].as_array().unwrap().len(), 1);
}
