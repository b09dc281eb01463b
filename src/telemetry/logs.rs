//! JSON logs with ESO's flags for level and time (reference 8.2).
//!
//! The HTTP libraries below us log requests and answers at debug level; their targets are capped at `warn`, whatever the level, so
//! that no header and no body of a store ever reaches a log. Of a panic the place is logged, and not its text, which may show a value.

use std::{fmt, panic, str::FromStr};

use jiff::Timestamp;
use tracing_subscriber::{EnvFilter, fmt::format::Writer, fmt::time::FormatTime};

/// `--loglevel`. The words above error are zap's and mean error here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Level {
    /// Everything of ours.
    Debug,
    /// The default.
    Info,
    /// Warnings and errors.
    Warn,
    /// Errors.
    Error,
    /// Errors.
    Dpanic,
    /// Errors.
    Panic,
    /// Errors.
    Fatal,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error | Self::Dpanic | Self::Panic | Self::Fatal => "error",
        }
    }
}

/// `--zap-time-encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeEncoding {
    /// Seconds since 1970 with a fraction.
    Epoch,
    /// Milliseconds since 1970.
    Millis,
    /// Nanoseconds since 1970.
    Nano,
    /// `2026-01-02T03:04:05.000Z`.
    Iso8601,
    /// `2026-01-02T03:04:05Z`.
    Rfc3339,
    /// `2026-01-02T03:04:05.123456789Z`.
    Rfc3339nano,
}

impl TimeEncoding {
    /// The time as text.
    #[must_use]
    pub fn text(self, now: Timestamp) -> String {
        match self {
            Self::Epoch => format!("{:.6}", now.as_duration().as_secs_f64()),
            Self::Millis => now.as_millisecond().to_string(),
            Self::Nano => now.as_nanosecond().to_string(),
            Self::Iso8601 => format!("{now:.3}"),
            Self::Rfc3339 => format!("{now:.0}"),
            Self::Rfc3339nano => format!("{now:.9}"),
        }
    }
}

struct Stamp(TimeEncoding);

impl FormatTime for Stamp {
    #[expect(clippy::disallowed_methods, reason = "a log line is stamped when it is written")]
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.write_str(&self.0.text(Timestamp::now()))
    }
}

/// Libraries that would log requests, answers or tokens.
const CAPPED: &str = "hyper=warn,hyper_util=warn,reqwest=warn,h2=warn,rustls=warn,kube_client=error,kube_runtime=error,tower=warn,\
                      aws_config=warn,aws_smithy_runtime=off,aws_smithy_runtime_api=off,\
                      aws_smithy_http_client=warn,aws_sdk_secretsmanager=off,aws_sdk_ssm=off,aws_sdk_sts=off,aws_sigv4=off";

/// Starts logging to standard error, for the life of the process.
pub fn start(level: Level, encoding: TimeEncoding) {
    let filter = EnvFilter::from_str(&format!("{},{CAPPED}", level.word())).unwrap_or_default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_timer(Stamp(encoding))
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A closed standard error would be told of on standard error, and that panics.
        .log_internal_errors(false);
    // Only a second call in one process fails, and then the first one stands.
    let _first_stands = subscriber.try_init();
    log_panics();
}

fn log_panics() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string);
        tracing::error!(place, "a panic; this is a bug of keyferry");
    }));
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::Mutex,
    };

    use super::*;

    static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    /// Writes to [`LOG`].
    struct Said;

    impl Write for Said {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            LOG.lock().unwrap().write(text)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn times_are_written_as_zap_writes_them() {
        let now = Timestamp::from_nanosecond(1_767_323_045_123_456_789).unwrap();
        let cases = [
            (TimeEncoding::Epoch, "1767323045.123457"),
            (TimeEncoding::Millis, "1767323045123"),
            (TimeEncoding::Nano, "1767323045123456789"),
            (TimeEncoding::Iso8601, "2026-01-02T03:04:05.123Z"),
            (TimeEncoding::Rfc3339, "2026-01-02T03:04:05Z"),
            (TimeEncoding::Rfc3339nano, "2026-01-02T03:04:05.123456789Z"),
        ];
        for (encoding, text) in cases {
            assert_eq!(encoding.text(now), text);
        }
    }

    #[test]
    fn sec_08_a_panic_is_logged_with_its_place_and_without_its_text() {
        let subscriber = tracing_subscriber::fmt().json().with_writer(|| Said).finish();
        let others = panic::take_hook();
        log_panics();
        let panics = || panic::catch_unwind(|| panic!("{}", "hunter2"));
        assert!(tracing::subscriber::with_default(subscriber, panics).is_err());
        panic::set_hook(others);
        let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
        assert!(log.contains("logs.rs:") && !log.contains("hunter2"), "{log}");
    }

    #[test]
    fn the_filter_parses() {
        assert!(EnvFilter::from_str(&format!("debug,{CAPPED}")).is_ok());
    }
}
