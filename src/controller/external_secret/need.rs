//! What an object needs now: to be refreshed, to wait for its tick, or nothing. Pure.

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::provider::Digest;

use crate::{
    api::external_secret::ExternalSecretStatus,
    sync::{plan::Timing, report::Stamp, stores::StoreRef},
};

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Ask the stores.
    Refresh,
    /// Nothing before the next tick.
    Tick,
    /// Nothing before a change.
    Change,
}

/// What the answer hangs on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    /// Policy, interval, last refresh, versions.
    pub(super) timing: Timing<'a>,
    /// How much older than the last refresh its stamp may be.
    pub(super) slack: SignedDuration,
    /// True if the target is as we left it.
    pub(super) target_is_valid: bool,
    /// True if the object must be refreshed whatever its times say: its tick has come, or it fails and something changed.
    pub(super) must: bool,
}

impl Facts<'_> {
    /// The need at `now`.
    pub(super) fn need(&self, now: Timestamp) -> Need {
        let mut timing = self.timing;
        if timing.is_timed() {
            timing.interval = timing.interval.saturating_add(self.slack);
        }
        if self.must || !self.target_is_valid || timing.should_refresh(now) {
            Need::Refresh
        } else {
            self.later()
        }
    }

    /// The need once it was refreshed.
    pub(super) fn later(&self) -> Need {
        if self.timing.is_timed() { Need::Tick } else { Need::Change }
    }
}

/// How much older than the last refresh `status.refreshTime` may be.
pub(super) fn slack(stamp: Stamp) -> SignedDuration {
    match stamp {
        Stamp::Every(interval) => SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX),
        // Never: nothing is known after a restart, so everything that is older than its interval is refreshed once.
        Stamp::Each | Stamp::Never => SignedDuration::ZERO,
    }
}

/// What a status says that decisions hang on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Told {
    /// The Ready condition.
    pub(super) ready: Option<bool>,
    /// `refreshTime`.
    pub(super) refreshed: Option<Timestamp>,
    /// `syncedResourceVersion`.
    pub(super) version: String,
}

impl Told {
    /// A status that does not parse tells nothing.
    pub(super) fn of(status: Option<&[u8]>) -> Self {
        let parsed = status.and_then(|status| serde_json::from_slice::<ExternalSecretStatus>(status).ok());
        let status = parsed.unwrap_or_default();
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        Self {
            ready: ready.map(|condition| condition.status == "True"),
            refreshed: status.refresh_time.and_then(|time| time.parse().ok()),
            version: status.synced_resource_version.unwrap_or_default(),
        }
    }
}

/// What objects of one interval share whose stores are configured alike, so that one read serves all of them: the phase of their ticks.
/// `line` stands for the configuration, without versions of credentials: it is the same after a restart and after a rotation. A store that
/// is not known yet stands for itself.
pub(super) fn phase(line: Option<&Digest>, store: Option<&StoreRef>, interval: SignedDuration) -> u64 {
    let name = |store: &StoreRef| format!("{}/{}", store.kind.kind(), store.key);
    let line = line
        .map_or_else(|| store.map(name).unwrap_or_default().into_bytes(), |line| line.as_bytes().to_vec());
    let digest = Digest::of([&*line, &interval.as_nanos().to_le_bytes()]);
    digest.as_bytes().iter().take(8).fold(0, |phase, byte| phase << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::external_secret::RefreshPolicy,
        cluster::{ObjectKey, StatusKind},
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn facts(policy: RefreshPolicy, interval: i64) -> Facts<'static> {
        let interval = SignedDuration::from_secs(interval);
        let timing =
            Timing { policy, interval, refreshed: Some(at(1_000)), synced_version: "1-a", version: "1-a" };
        Facts { timing, slack: SignedDuration::from_secs(900), target_is_valid: true, must: false }
    }

    #[test]
    fn a_stamp_may_be_old_before_an_object_counts_as_due() {
        let periodic = facts(RefreshPolicy::Periodic, 60);
        assert_eq!(periodic.need(at(1_500)), Need::Tick);
        assert_eq!(periodic.need(at(1_961)), Need::Refresh);
    }

    #[test]
    fn a_broken_target_a_tick_or_a_wake_refresh_at_once_under_every_policy() {
        for policy in [RefreshPolicy::Periodic, RefreshPolicy::OnChange, RefreshPolicy::CreatedOnce] {
            let facts = facts(policy, 0);
            assert_eq!(facts.need(at(9_000_000)), Need::Change, "{policy:?}");
            assert_eq!(
                Facts { target_is_valid: false, ..facts }.need(at(1_001)),
                Need::Refresh,
                "{policy:?}"
            );
            assert_eq!(Facts { must: true, ..facts }.need(at(1_001)), Need::Refresh, "{policy:?}");
        }
    }

    #[test]
    fn slack_does_not_turn_interval_zero_into_a_timer() {
        assert_eq!(facts(RefreshPolicy::Periodic, 0).need(at(1_000_000)), Need::Change);
    }

    #[test]
    fn the_phase_of_a_tick_is_the_same_in_every_process() {
        let line = Digest::of([b"configuration".as_slice()]);
        let store = StoreRef { kind: StatusKind::SecretStore, key: ObjectKey::new("team", "s") };
        let hour = SignedDuration::from_hours(1);
        // Recorded: with another one all objects of a fleet would be read at another time after each update.
        assert_eq!(phase(Some(&line), Some(&store), hour), 13_245_398_948_091_361_723);
        assert_eq!(phase(None, Some(&store), hour), 3_381_115_758_458_368_039);
    }

    #[test]
    fn objects_of_one_configuration_tick_together_and_others_do_not() {
        let lines = ["one", "two"].map(|name| Digest::of([name.as_bytes()]));
        let store = |name| StoreRef { kind: StatusKind::SecretStore, key: ObjectKey::new("team", name) };
        let (hour, day) = (SignedDuration::from_hours(1), SignedDuration::from_hours(24));
        let of = |line: usize, name, interval| phase(Some(&lines[line]), Some(&store(name)), interval);
        assert_eq!(of(0, "s", hour), of(0, "t", hour));
        assert_ne!(of(0, "s", hour), of(1, "s", hour));
        assert_ne!(of(0, "s", hour), of(0, "s", day));
    }

    #[test]
    fn a_status_that_does_not_parse_tells_nothing() {
        assert_eq!(Told::of(Some(b"{\"conditions\": 5}")), Told::default());
        let told = Told::of(Some(
            br#"{"conditions":[{"type":"Ready","status":"False"}],"refreshTime":"1970-01-01T00:16:40Z"}"#,
        ));
        assert_eq!((told.ready, told.refreshed), (Some(false), Some(at(1_000))));
    }
}
