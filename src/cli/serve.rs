//! `keyferry controller`: the process around the [`Operator`].
//!
//! Everything runs until the process is told to end (SIGTERM, Ctrl-C); a part that ends before that ends the process with an error,
//! so that Kubernetes starts a new one.

use std::{process::ExitCode, sync::Arc, time::Duration};

use keyferry_stores::{
    base::{Clock, Error, Kind, Result, clock::SystemClock},
    provider::calls::Calls,
};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use super::{
    flags::Controller,
    operator::{Operator, Outside, Settings},
};
use crate::{
    cluster::{
        Cluster,
        gate::Budget,
        kube::{Connection, KubeCluster},
    },
    sync::templates::Delimiters,
    telemetry::{
        health::{self, Readiness},
        logs,
        metrics::{Figure, ObjectRow, Source},
    },
};

/// How long the stores may take to end what they hold outside, once the process is told to end.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often it is looked whether the first lists are complete.
const READY_CHECK: Duration = Duration::from_millis(100);

/// Runs the controller; `notes` are logged first.
#[must_use]
pub fn run(flags: &Controller, notes: &[String]) -> ExitCode {
    logs::start(flags.loglevel, flags.zap_time_encoding);
    notes.iter().for_each(|note| tracing::info!("{note}"));
    let ended = match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(serve(flags));
            // A template that is being rendered keeps the process no longer.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Error::new(Kind::Bug, format!("the runtime does not start: {error}"))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "keyferry ends");
            ExitCode::FAILURE
        }
    }
}

async fn serve(flags: &Controller) -> Result<()> {
    let mut ends = [SignalKind::terminate(), SignalKind::interrupt()].map(signal).into_iter();
    let (mut terminate, mut interrupt) = (ending(ends.next())?, ending(ends.next())?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let cluster = KubeCluster::connect(&connection(flags), clock.clone()).await?;
    let outside = Outside {
        cluster: door(&cluster),
        watches: Arc::new(cluster.watches()),
        clock: clock.clone(),
        variables: std::env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect(),
    };
    let mut parts = JoinSet::new();
    parts.spawn(cluster.send_events());
    let operator = Arc::new(Operator::start(settings(flags), outside, &mut parts)?);
    listen(flags, (&operator, &cluster), &clock, &mut parts).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "keyferry runs");
    let ended = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        _ = parts.join_next() => Err(Error::new(Kind::Bug, "a part of the process ended")),
    };
    tracing::info!("keyferry ends");
    parts.shutdown().await;
    if tokio::time::timeout(FAREWELL, operator.close_stores()).await.is_err() {
        tracing::warn!("some stores did not end in time; their tokens end by themselves");
    }
    ended
}

/// The cluster as the operator sees it; tests of debug builds can end the process behind it.
fn door(cluster: &KubeCluster) -> Arc<dyn Cluster> {
    let cluster: Arc<dyn Cluster> = Arc::new(cluster.clone());
    #[cfg(debug_assertions)]
    let cluster = crate::cluster::crash::hooked(cluster);
    cluster
}

fn ending(signal: Option<std::io::Result<Signal>>) -> Result<Signal> {
    let failed =
        |why: &dyn std::fmt::Display| Error::new(Kind::Bug, format!("signals cannot be heard: {why}"));
    signal.ok_or_else(|| failed(&"none"))?.map_err(|error| failed(&error))
}

fn connection(flags: &Controller) -> Connection {
    let per_second = flags.client_qps.filter(|qps| *qps > 0.0).map(f64::from);
    let budget = per_second.map(|per_second| Budget { per_second, burst: flags.client_burst.unwrap_or(1) });
    Connection { budget, ..Connection::default() }
}

fn settings(flags: &Controller) -> Settings {
    Settings {
        over: flags.namespace.clone(),
        class: flags.controller_class.clone(),
        cluster_stores: flags.enable_cluster_store_reconciler,
        stores: flags.enable_secret_store_reconciler,
        flood_gate: flags.enable_flood_gate,
        generic_targets: flags.unsafe_allow_generic_targets,
        concurrent: usize::from(flags.concurrent),
        store_interval: flags.store_requeue_interval,
        stamp: flags.status_stamp_interval,
        delimiters: Delimiters {
            left: flags.template_left_delimiter.clone(),
            right: flags.template_right_delimiter.clone(),
        },
    }
}

/// Binds both listeners, so that a taken port ends the process at once, and serves them.
async fn listen(
    flags: &Controller,
    (operator, cluster): (&Arc<Operator>, &KubeCluster),
    clock: &Arc<dyn Clock>,
    parts: &mut JoinSet<()>,
) -> Result<()> {
    let taken = |address, error: std::io::Error| {
        Error::new(Kind::Invalid, format!("cannot listen on {address}: {error}"))
    };
    let metrics = health::bind(flags.metrics_addr).await.map_err(|error| taken(flags.metrics_addr, error))?;
    let live = health::bind(flags.live_addr).await.map_err(|error| taken(flags.live_addr, error))?;
    let [stores, cluster_stores] = operator.stores.clone();
    let sources: Vec<Arc<dyn Source>> =
        vec![operator.objects.clone(), stores, cluster_stores, Arc::new(Process::new(cluster, operator))];
    let readiness = Readiness::default();
    parts.spawn(watch_readiness(operator.clone(), readiness.clone(), clock.clone()));
    parts.spawn(async move { log_end(health::serve_metrics(metrics, sources).await) });
    parts.spawn(async move { log_end(health::serve_health(live, readiness).await) });
    Ok(())
}

/// Sets the readiness once, and then stays: parts never end.
async fn watch_readiness(operator: Arc<Operator>, readiness: Readiness, clock: Arc<dyn Clock>) {
    while !operator.is_listed() {
        clock.sleep(READY_CHECK).await;
    }
    readiness.set();
    std::future::pending::<()>().await;
}

fn log_end(ended: std::io::Result<()>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a listener failed");
    }
}

/// What is counted for the process as a whole.
#[derive(Debug)]
struct Process {
    cluster: KubeCluster,
    calls: Arc<Calls>,
}

impl Process {
    fn new(cluster: &KubeCluster, operator: &Operator) -> Self {
        Self { cluster: cluster.clone(), calls: operator.calls() }
    }

    fn events(&self) -> impl Iterator<Item = Figure> {
        let counts = self.cluster.event_counts();
        let outcomes = [
            ("sent", counts.sent),
            ("folded", counts.folded),
            ("dropped", counts.crowded_out),
            ("failed", counts.failed),
        ];
        outcomes.into_iter().map(|(outcome, value)| Figure {
            name: "keyferry_events",
            help: "Events by what became of them",
            counter: true,
            labels: vec![("outcome", outcome.to_string())],
            value,
        })
    }

    fn calls(&self) -> impl Iterator<Item = Figure> {
        self.calls.all().into_iter().map(|((provider, call, succeeded), value)| Figure {
            name: "externalsecret_provider_api_calls_count",
            help: "Calls of stores' APIs",
            // A gauge for the text format alone: ESO's name lacks the suffix of counters.
            counter: false,
            labels: vec![
                ("provider", provider.to_string()),
                ("call", call.to_string()),
                ("status", if succeeded { "success" } else { "error" }.to_string()),
            ],
            value,
        })
    }
}

impl Source for Process {
    fn objects(&self) -> (&'static str, Vec<ObjectRow>) {
        ("", Vec::new())
    }

    fn figures(&self) -> Vec<Figure> {
        self.events().chain(self.calls()).collect()
    }
}
