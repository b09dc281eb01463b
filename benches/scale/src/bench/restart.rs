//! A restart: all objects are in sync, the controller ends and starts again, and nothing should be written.
//!
//! It is restarted twice: after it was told to end (SIGTERM), and after it was killed (SIGKILL). It has caught up when every first list
//! is complete and the store has been asked for the last time before a pause. Requests are counted until some time after that.
//!
//! Both runs are counted, so they go beside the audit log and use the API server's time for it: that keyferry has listed and that it
//! has caught up is told in seconds to be read, without a verdict, and is no measure of its speed. `cold` has one, without the log.
//!
//! The objects have an interval of a day, so that hardly ever one of their ticks falls into the measurement: its reads, and the stamps
//! that may follow, would come without a restart as well.

use std::time::{Duration, Instant};

use super::{
    Arguments, Row, Run,
    steady::{MEBIBYTE, STATUS, Scene},
};
use crate::{
    Result,
    audit::Counts,
    clock,
    controller::Controller,
    process::{self, Usage},
    table::{Figure, Report, Table},
    workload::Shape,
};

/// The row of this benchmark.
pub(super) const ROW: Row = Row {
    name: "restart",
    objects: 10_000,
    time: Duration::from_secs(1),
    about: "all objects are in sync, keyferry is ended and killed and starts again (T has no meaning)",
    run,
};

/// A pause of the store that is long enough to say that nothing more is asked for.
const QUIET: Duration = Duration::from_secs(2);
/// How often it is looked whether the store rests.
const LOOK: Duration = Duration::from_millis(50);
/// How long the store may be asked after a start.
const PATIENCE: Duration = Duration::from_secs(600);
/// What is written for the objects themselves.
const OBJECTS: [&str; 3] = ["secrets", "externalsecrets", STATUS];

fn run(arguments: Arguments) -> Run {
    Box::pin(measure(arguments.objects))
}

async fn measure(objects: usize) -> Result<Report> {
    let shape = Shape { interval: "24h".to_owned(), ..Shape::shared(objects) };
    let scene = Scene::set(&shape).await?;
    let controller = scene.start(&[])?;
    scene.until_in_sync(&controller).await?;
    controller.end().await?;
    let (controller, told) = restart(&scene, "SIGTERM").await?;
    controller.kill().await?;
    let (controller, killed) = restart(&scene, "SIGKILL").await?;
    controller.end().await?;
    Ok(report(&[told, killed]))
}

/// Starts the controller, which the signal has ended, and sees what it does.
async fn restart(scene: &Scene, signal: &'static str) -> Result<(Controller, Restart)> {
    let before = scene.requests()?;
    scene.store.reset();
    let begun = clock::now();
    let mut controller = scene.start(&[])?;
    controller.until_listed().await?;
    let listed = clock::now();
    let last = tokio::time::timeout(PATIENCE, until_quiet(scene, listed));
    let last = last.await.map_err(|_| format!("the store is still asked {PATIENCE:?} after the start"))?;
    let usage = process::usage(controller.pid())?;
    scene.until_at_rest(PATIENCE).await?;
    let restart = Restart {
        signal,
        listed: listed.duration_since(begun),
        caught_up: last.duration_since(begun),
        usage,
        requests: scene.requests()?.since(&before),
        reads: scene.store.read_count(),
        store_requests: scene.store.requests(),
    };
    Ok((controller, restart))
}

/// Waits until the store has a pause; when it was asked last, or when the lists were complete if that was later.
async fn until_quiet(scene: &Scene, listed: Instant) -> Instant {
    loop {
        let last = scene.store.arrivals().last().map_or(listed, |last| listed.max(*last));
        if clock::now().duration_since(last) >= QUIET {
            return last;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What was seen of one restart.
struct Restart {
    /// What ended the process before.
    signal: &'static str,
    /// From the start until every first list was complete.
    listed: Duration,
    /// From the start until nothing was left to do.
    caught_up: Duration,
    /// A pause after that.
    usage: Usage,
    requests: Counts,
    reads: usize,
    /// Reads, logins and the like.
    store_requests: usize,
}

impl Restart {
    /// Writes of Secrets, ExternalSecrets and their statuses.
    fn writes_of_objects(&self) -> u64 {
        let reads = |verb: &str| ["get", "list", "watch"].contains(&verb);
        let written = |(verb, of, _): &(&str, &str, u64)| OBJECTS.contains(of) && !reads(verb);
        self.requests.rows().filter(written).map(|(.., count)| count).sum()
    }

    /// Other writes: statuses of stores, events, leases.
    fn other_writes(&self) -> u64 {
        self.requests.writes() - self.writes_of_objects()
    }

    /// No design rule calls for any of these: an object is due at once only if its last refresh is older than interval and stamp.
    fn figures(&self) -> [Figure; 3] {
        let none = |what: &str, count: f64| {
            Figure::exactly(&format!("{what} after {}", self.signal), count, "", 0.0)
        };
        [
            none("writes of objects", self.writes_of_objects() as f64),
            none("other writes", self.other_writes() as f64),
            none("store reads", self.reads as f64),
        ]
    }
}

fn report(restarts: &[Restart]) -> Report {
    let requests = restarts.iter().map(|restart| {
        let title = format!("requests of keyferry after {}", restart.signal);
        let mut table = Table::new(&title, &["verb", "resource", "count"]);
        for (verb, of, count) in restart.requests.rows() {
            table.row([verb.to_owned(), of.to_owned(), count.to_string()]);
        }
        table
    });
    Report {
        tables: requests.chain([runs(restarts)]).collect(),
        figures: restarts.iter().flat_map(Restart::figures).collect(),
    }
}

fn runs(restarts: &[Restart]) -> Table {
    let columns = [
        "ended by",
        "listed s",
        "caught up s",
        "CPU s",
        "RSS MiB",
        "peak MiB",
        "store reads",
        "store requests",
    ];
    let mut table = Table::new("restarts", &columns);
    let seconds = |time: Duration| format!("{:.2}", time.as_secs_f64());
    let memory = |bytes: u64| format!("{:.1}", bytes as f64 / MEBIBYTE);
    for restart in restarts {
        table.row([
            restart.signal.to_owned(),
            seconds(restart.listed),
            seconds(restart.caught_up),
            seconds(restart.usage.cpu),
            memory(restart.usage.resident),
            memory(restart.usage.peak),
            restart.reads.to_string(),
            restart.store_requests.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bench::steady::tests::requests, table::Verdict};

    fn missed(made: &[(&str, &str, u64)], reads: usize) -> Vec<String> {
        let usage = Usage { cpu: Duration::ZERO, resident: 0, peak: 0, anonymous: 0 };
        let restart = Restart {
            signal: "SIGTERM",
            listed: Duration::ZERO,
            caught_up: Duration::ZERO,
            usage,
            requests: requests(made),
            reads,
            store_requests: reads,
        };
        let figures = report(&[restart]).figures.into_iter();
        figures.filter(|figure| figure.verdict() == Verdict::Missed).map(|figure| figure.name).collect()
    }

    #[test]
    fn lists_watches_and_reads_of_secrets_are_no_writes() {
        let made = [("list", "secrets", 2), ("watch", STATUS, 1), ("get", "secrets", 10)];
        assert_eq!(missed(&made, 0), Vec::<String>::new());
    }

    #[test]
    fn one_write_of_an_object_is_seen_whatever_its_verb() {
        for verb in ["create", "update", "patch", "delete", "deletecollection"] {
            for of in OBJECTS {
                assert_eq!(missed(&[(verb, of, 1)], 0), ["writes of objects after SIGTERM"], "{verb} {of}");
            }
        }
    }

    #[test]
    fn other_writes_stand_apart() {
        for of in ["events", "leases", "clustersecretstores/status"] {
            assert_eq!(missed(&[("patch", of, 1)], 0), ["other writes after SIGTERM"], "{of}");
        }
    }

    #[test]
    fn a_read_of_the_store_is_seen() {
        assert_eq!(missed(&[], 1), ["store reads after SIGTERM"]);
    }
}
