//! `keyferry controller`'s flags, named as in reference 8.2.
//!
//! Three sorts: flags that are honoured are fields of [`Controller`]; flags of ESO that mean nothing here are rows of
//! [`MEANINGLESS`] and are accepted with one log line; flags that promise something that is not built are rows of
//! [`UNBUILT`] and make the process refuse to start, unless they say "no".

use std::{net::SocketAddr, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use keyferry_stores::base::duration;

use crate::{
    cluster::watch::Namespaces,
    sync::report::Stamp,
    telemetry::{
        health::address,
        logs::{Level, TimeEncoding},
    },
};

/// Keeps the Secrets of a cluster equal to what external stores hold
///
/// Flags are named as those of External Secrets Operator. One that means nothing here is accepted with a line in the log; one that
/// asks for something that is not built yet is refused.
#[derive(Debug, Clone, Args)]
pub struct Controller {
    /// Address of the metrics listener.
    #[arg(long, value_name = "ADDRESS", default_value = ":8080", value_parser = address)]
    pub metrics_addr: SocketAddr,
    /// Address of the health listener (/healthz, /readyz).
    #[arg(long, value_name = "ADDRESS", default_value = ":8082", value_parser = address)]
    pub live_addr: SocketAddr,
    /// Stores whose spec.controller is empty or this are handled; all others are left alone.
    #[arg(long, value_name = "CLASS", default_value = "default")]
    pub controller_class: String,
    /// Jobs at once: an object's fetch is never counted, only its writes.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrent: u16,
    /// Requests a second to the API server; no limit unless set.
    #[arg(long, value_name = "QPS")]
    pub client_qps: Option<f32>,
    /// Requests at once above --client-qps.
    #[arg(long, value_name = "N")]
    pub client_burst: Option<u32>,
    /// Log level.
    #[arg(long, value_enum, default_value = "info")]
    pub loglevel: Level,
    /// How times are written in logs.
    #[arg(long, value_enum, default_value = "epoch")]
    pub zap_time_encoding: TimeEncoding,
    /// Watch only these namespaces (comma-separated; all if empty).
    #[arg(long, value_name = "NAMESPACE,...", default_value = "", value_parser = namespaces)]
    pub namespace: Namespaces,
    /// Handle ClusterSecretStores.
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_cluster_store_reconciler: bool,
    /// Handle SecretStores.
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_secret_store_reconciler: bool,
    /// How often a store is validated that does not say itself.
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = positive)]
    pub store_requeue_interval: Duration,
    /// Refuse stores that are not Ready.
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub enable_flood_gate: bool,
    /// Fill objects of other kinds than Secrets (spec.target.manifest): who may read the kind reads the values.
    #[arg(long, value_name = "BOOL", default_value_t = false, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set)]
    pub unsafe_allow_generic_targets: bool,
    /// How old status.refreshTime of an unchanged object may get: a duration, 0 = written at each refresh as ESO does, or never.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = stamp)]
    pub status_stamp_interval: Stamp,
    /// What begins an action in templates of targets.
    #[arg(long, value_name = "TEXT", default_value = "{{")]
    pub template_left_delimiter: String,
    /// What ends an action in templates of targets.
    #[arg(long, value_name = "TEXT", default_value = "}}")]
    pub template_right_delimiter: String,
}

/// A flag of ESO that is not a field of [`Controller`].
struct Foreign {
    name: &'static str,
    /// What to tell the user.
    about: &'static str,
    /// The value that asks for nothing.
    harmless: &'static str,
}

const fn foreign(name: &'static str, harmless: &'static str, about: &'static str) -> Foreign {
    Foreign { name, about, harmless }
}

const ALWAYS: &str = "stores, logins and reads are always shared";
const NO_CACHE: &str = "Secrets are kept as digests only, and only managed ones";
const NO_LEADER: &str = "leader election is off";
const NO_GENERATORS: &str = "generators are not built yet";
const PLAIN: &str = "metrics are served over plain HTTP";

/// Flags that mean nothing here.
const MEANINGLESS: [Foreign; 23] = [
    foreign("metrics-cert-dir", "", PLAIN),
    foreign("metrics-cert-name", "tls.crt", PLAIN),
    foreign("metrics-key-name", "tls.key", PLAIN),
    foreign("leader-election-id", "external-secrets-controller", NO_LEADER),
    foreign("leader-election-lease-duration", "15s", NO_LEADER),
    foreign("leader-election-renew-deadline", "10s", NO_LEADER),
    foreign("leader-election-retry-period", "2s", NO_LEADER),
    foreign("enable-secrets-caching", "false", NO_CACHE),
    foreign("enable-configmaps-caching", "false", NO_CACHE),
    foreign("enable-managed-secrets-caching", "true", NO_CACHE),
    foreign("enable-secret-api-read-on-cache-mismatch", "true", NO_CACHE),
    foreign("enable-generator-state", "true", NO_GENERATORS),
    foreign("generator-gc-grace-period", "2m", NO_GENERATORS),
    foreign("enable-http2", "false", PLAIN),
    foreign("enable-vault-token-cache", "false", ALWAYS),
    foreign("vault-token-cache-size", "262144", ALWAYS),
    foreign("experimental-enable-vault-token-cache", "false", ALWAYS),
    foreign("experimental-vault-token-cache-size", "262144", ALWAYS),
    foreign("experimental-enable-doppler-oidc-cache", "false", ALWAYS),
    foreign("experimental-doppler-oidc-cache-size", "262144", ALWAYS),
    foreign("doppler-etag-cache-size", "16384", ALWAYS),
    foreign("mysterybox-tokens-cache-size", "", ALWAYS),
    foreign("mysterybox-connections-cache-size", "", ALWAYS),
];

/// Flags that promise something that is not built.
const UNBUILT: [Foreign; 7] = [
    foreign("enable-leader-election", "false", "leader election is not built yet: run one replica"),
    foreign("enable-cluster-external-secret-reconciler", "false", "ClusterExternalSecrets are not built yet"),
    foreign("enable-cluster-push-secret-reconciler", "false", "ClusterPushSecrets are not built yet"),
    foreign("enable-push-secret-reconciler", "false", "PushSecrets are not built yet"),
    foreign("enable-extended-metric-labels", "false", "extended metric labels are not built yet"),
    foreign("metrics-auth", "false", "authenticated metrics are not built yet"),
    foreign("metrics-secure", "false", "metrics over TLS are not built yet"),
];

/// The command with all flags.
#[must_use]
pub fn command(command: Command) -> Command {
    let known = Controller::augment_args(command);
    let accepted = MEANINGLESS.iter().map(|flag| arg(flag).help_heading("Accepted, without meaning here"));
    let unbuilt = UNBUILT
        .iter()
        .map(|flag| arg(flag).help_heading("Not built yet (refused unless they ask for nothing)"));
    known.args(accepted).args(unbuilt)
}

fn arg(flag: &Foreign) -> Arg {
    let boolean = matches!(flag.harmless, "true" | "false");
    let arg = Arg::new(flag.name).long(flag.name).value_name("VALUE").help(flag.about);
    if boolean {
        arg.num_args(0..=1).require_equals(true).default_missing_value("true")
    } else {
        arg.num_args(1)
    }
}

/// The flags as parsed, and what to log about the others.
///
/// # Errors
/// One line for each flag that promises what is not built.
pub fn parse(matches: &ArgMatches) -> Result<(Controller, Vec<String>), String> {
    let controller = Controller::from_arg_matches(matches).map_err(|error| error.to_string())?;
    let given = |flag: &Foreign| matches.get_one::<String>(flag.name).cloned();
    let refused: Vec<String> = UNBUILT
        .iter()
        .filter_map(|flag| {
            given(flag).filter(|value| value != flag.harmless).map(|value| refusal(flag, &value))
        })
        .collect();
    if !refused.is_empty() {
        return Err(refused.join("\n"));
    }
    let note = |flag: &Foreign| {
        given(flag).map(|value| format!("--{}={value} means nothing here: {}", flag.name, flag.about))
    };
    Ok((controller, MEANINGLESS.iter().filter_map(note).collect()))
}

fn refusal(flag: &Foreign, value: &str) -> String {
    format!("--{}={value} cannot be honoured: {}", flag.name, flag.about)
}

fn namespaces(text: &str) -> Result<Namespaces, String> {
    let mut names: Vec<String> =
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(Into::into).collect();
    let label = |name: &str| {
        name.len() <= 63
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    if let Some(wrong) = names.iter().find(|name| !label(name)) {
        return Err(format!("{wrong:?} is not the name of a namespace"));
    }
    names.sort();
    names.dedup();
    Ok(if names.is_empty() { Namespaces::All } else { Namespaces::Some(names) })
}

fn positive(text: &str) -> Result<Duration, String> {
    let parsed = duration::parse(text).map_err(|error| error.to_string())?;
    Duration::try_from(parsed)
        .ok()
        .filter(|wait| !wait.is_zero())
        .ok_or_else(|| format!("{text:?} must be positive"))
}

fn stamp(text: &str) -> Result<Stamp, String> {
    match text {
        "never" => Ok(Stamp::Never),
        "0" => Ok(Stamp::Each),
        _ => positive(text)
            .map(Stamp::Every)
            .map_err(|error| format!("{error}, or 0 (written at each refresh), or never")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(flags: &[&str]) -> Result<(Controller, Vec<String>), String> {
        let matches = command(Command::new("controller"))
            .try_get_matches_from(std::iter::once(&"controller").chain(flags));
        parse(&matches.map_err(|error| error.to_string())?)
    }

    #[test]
    fn every_flag_of_eso_is_known() {
        let all = [
            "metrics-addr",
            "metrics-auth",
            "metrics-secure",
            "metrics-cert-dir",
            "metrics-cert-name",
            "metrics-key-name",
            "controller-class",
            "enable-leader-election",
            "leader-election-id",
            "leader-election-lease-duration",
            "leader-election-renew-deadline",
            "leader-election-retry-period",
            "concurrent",
            "client-qps",
            "client-burst",
            "live-addr",
            "loglevel",
            "zap-time-encoding",
            "namespace",
            "enable-cluster-store-reconciler",
            "enable-secret-store-reconciler",
            "enable-cluster-external-secret-reconciler",
            "enable-cluster-push-secret-reconciler",
            "enable-push-secret-reconciler",
            "enable-secrets-caching",
            "enable-configmaps-caching",
            "enable-managed-secrets-caching",
            "enable-secret-api-read-on-cache-mismatch",
            "store-requeue-interval",
            "enable-flood-gate",
            "enable-generator-state",
            "enable-extended-metric-labels",
            "enable-http2",
            "unsafe-allow-generic-targets",
            "generator-gc-grace-period",
            "template-left-delimiter",
            "template-right-delimiter",
            "enable-vault-token-cache",
            "vault-token-cache-size",
            "experimental-enable-vault-token-cache",
            "experimental-vault-token-cache-size",
            "experimental-enable-doppler-oidc-cache",
            "experimental-doppler-oidc-cache-size",
            "doppler-etag-cache-size",
            "mysterybox-tokens-cache-size",
            "mysterybox-connections-cache-size",
        ];
        let command = command(Command::new("controller"));
        let known: Vec<_> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
        assert_eq!(all.iter().filter(|flag| !known.contains(flag)).collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn a_flag_without_meaning_is_accepted_with_one_line() {
        let (_, notes) =
            parsed(&["--enable-vault-token-cache=true", "--doppler-etag-cache-size", "5"]).unwrap();
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("enable-vault-token-cache"), "{notes:?}");
    }

    #[test]
    fn a_promise_that_cannot_be_kept_is_refused_and_its_denial_is_not() {
        let error = parsed(&["--enable-leader-election=true"]).unwrap_err();
        assert!(error.contains("--enable-leader-election=true"), "{error}");
        assert!(parsed(&["--enable-leader-election"]).is_err(), "a bare boolean flag means true");
        assert!(parsed(&["--enable-leader-election=false", "--enable-push-secret-reconciler=false"]).is_ok());
    }

    #[test]
    fn namespaces_are_a_set() {
        let (flags, _) = parsed(&["--namespace", "b, a,b"]).unwrap();
        assert_eq!(flags.namespace, Namespaces::Some(vec!["a".into(), "b".into()]));
        assert_eq!(parsed(&[]).unwrap().0.namespace, Namespaces::All);
        assert!(parsed(&["--namespace", "UPPER!"]).is_err());
    }

    #[test]
    fn delimiters_are_those_of_go_unless_they_are_set() {
        let (flags, _) = parsed(&["--template-left-delimiter", "[["]).unwrap();
        assert_eq!((&*flags.template_left_delimiter, &*flags.template_right_delimiter), ("[[", "}}"));
    }

    #[test]
    fn reconcilers_can_be_switched_off() {
        let (flags, _) = parsed(&["--enable-cluster-store-reconciler=false"]).unwrap();
        assert!(!flags.enable_cluster_store_reconciler && flags.enable_secret_store_reconciler);
    }

    #[test]
    fn generic_targets_are_off_unless_they_are_asked_for() {
        let allowed = |flags: &[&str]| parsed(flags).unwrap().0.unsafe_allow_generic_targets;
        assert!(!allowed(&[]) && !allowed(&["--unsafe-allow-generic-targets=false"]));
        assert!(allowed(&["--unsafe-allow-generic-targets"]));
        assert!(allowed(&["--unsafe-allow-generic-targets=true"]));
    }

    #[test]
    fn stamps_are_never_each_or_every() {
        let stamp =
            |text| parsed(&["--status-stamp-interval", text]).map(|(flags, _)| flags.status_stamp_interval);
        assert_eq!(stamp("never").unwrap(), Stamp::Never);
        assert_eq!(stamp("0").unwrap(), Stamp::Each);
        assert_eq!(stamp("90s").unwrap(), Stamp::Every(Duration::from_secs(90)));
        assert!(stamp("1 day").is_err() && stamp("-5m").is_err());
    }
}
