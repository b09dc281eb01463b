//! What External Secrets Operator made of a hundred cases on a real API server, and that keyferry makes the same of them.
//!
//! `tests/data/conformance/README.md` says what is held to be equal. The cases share one keyferry on a control plane of its own,
//! and run beside each other, each in its own namespace.

mod api;
mod case;
mod difference;
mod observation;

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::keyferry::{Corner, install_kinds};
use crate::plane::OwnPlane;
use api::{Api, Snapshot};
use case::{Case, Step};

/// What ESO was started with when it was recorded, beside its defaults.
const FLAG: &str = "--unsafe-allow-generic-targets";
/// The value of the chart that brings the rights for it.
const VALUE: &str = "genericTargets.enabled=true";
/// Only cases whose name contains this are run.
const ONLY: &str = "KEYFERRY_CONFORMANCE";
/// Cases at the same time. They mostly wait.
const AT_ONCE: usize = 32;
/// How long a step may take to come to what is expected. Long, because it only matters when a test fails; the longest wait that is
/// right is for the garbage collector, which looks every 30 s for kinds that are new.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long what is expected must stay, unless the case says so itself.
const HOLD: Duration = Duration::from_secs(2);
/// Lines of the log that a failed case shows.
const LOG_LINES: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the local control plane: ./justw test"]
async fn eso_records_hold() {
    let only = std::env::var(ONLY).unwrap_or_default();
    let cases: Vec<_> = case::built().into_iter().filter(|case| case.name.contains(&only)).collect();
    let own = OwnPlane::start().await;
    install_kinds(&own.plane);
    let corner = Corner::on(own.plane.clone(), "conformance", &[VALUE]);
    let keyferry = corner.start_for_all(&[FLAG]);
    keyferry.until_ready().await;
    let reports = run_all(&cases, Api::new(&own.plane)).await;
    let log = keyferry.log();
    let status = keyferry.end().await;
    let failed: Vec<_> = reports.iter().filter(|report| !report.faults.is_empty()).collect();
    let text = failed.iter().map(|report| report.text(&log)).collect::<Vec<_>>().join("\n\n");
    assert!(failed.is_empty(), "{} of {} cases failed\n{text}", failed.len(), cases.len());
    assert!(status.success(), "{status}");
}

/// Runs the cases, some at a time.
async fn run_all(cases: &[Case], api: Api) -> Vec<Report> {
    let (tell, sight) = watch::channel(Arc::new(Snapshot::default()));
    let stage = Stage { api, sight };
    let run = stream::iter(cases).map(|case| stage.run(case)).buffer_unordered(AT_ONCE).collect();
    tokio::select! {
        reports = run => reports,
        () = stage.api.look(tell) => unreachable!("the stage listens"),
    }
}

/// What every case needs.
struct Stage {
    api: Api,
    sight: watch::Receiver<Arc<Snapshot>>,
}

/// What was wrong with a case: nothing if it has no faults.
struct Report {
    namespace: String,
    faults: Vec<String>,
}

impl Report {
    /// The faults, and the last that the log has to say about the namespace.
    fn text(&self, log: &str) -> String {
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&self.namespace)).collect();
        let end = &lines[lines.len().saturating_sub(LOG_LINES)..];
        [&self.faults[..], &end.iter().map(ToString::to_string).collect::<Vec<_>>()].concat().join("\n")
    }
}

impl Stage {
    async fn run(&self, case: &Case) -> Report {
        let namespace = case.namespace();
        let mut faults = Vec::new();
        faults.extend(self.api.make_namespace(&namespace, json!({ "conformance": case.name })).await.err());
        for (number, (step, expected)) in case.steps.iter().zip(&case.expected).enumerate() {
            let refused = self.act(&namespace, step).await;
            let about = format!("{} step {number}", case.name);
            let found = self.hold(case, step, expected, &refused).await;
            faults.extend(found.into_iter().map(|fault| format!("{about}: {fault}")));
        }
        self.tidy(case).await;
        Report { namespace, faults }
    }

    /// Does what a step says; what the API server refused.
    async fn act(&self, namespace: &str, step: &Step) -> Vec<String> {
        let mut refused = Vec::new();
        for object in &step.apply {
            refused.extend(self.api.apply(namespace, object).await.err());
        }
        if let Some(patch) = &step.patch {
            refused.extend(self.api.patch(namespace, patch).await.err());
        }
        if let Some(delete) = &step.delete {
            refused.extend(self.api.delete(namespace, delete).await.err());
        }
        refused
    }

    /// Waits until what is expected is there and stays as long as it must; else the differences that were seen last.
    async fn hold(&self, case: &Case, step: &Step, expected: &Value, refused: &[String]) -> Vec<String> {
        let mut view = View { sight: self.sight.clone(), case, expected, refused };
        let hold = step.hold(HOLD);
        let mut faults = vec!["was never looked at".to_owned()];
        let held = async {
            // The next look may have begun before the step was done.
            view.look().await;
            while !faults.is_empty() {
                faults = view.faults_of(hold).await;
            }
        };
        // What is there at last has the time to stay.
        let _ = tokio::time::timeout(PATIENCE + hold, held).await;
        faults
    }

    /// Removes what the case has made, as far as it is there: the ExternalSecrets first, so that nobody works in a dying namespace.
    async fn tidy(&self, case: &Case) {
        let _ = self.api.delete_all("ExternalSecret", &case.namespace()).await;
        let gone = case
            .cluster_stores()
            .into_iter()
            .map(|name| case::Delete { kind: "ClusterSecretStore".into(), name });
        for delete in gone {
            let _ = self.api.delete("", &delete).await;
        }
        let _ = self.api.delete_namespace(&case.namespace()).await;
    }
}

/// One step of a case as it is seen.
struct View<'a> {
    sight: watch::Receiver<Arc<Snapshot>>,
    case: &'a Case,
    expected: &'a Value,
    refused: &'a [String],
}

impl View<'_> {
    /// The next look at the cluster.
    async fn look(&mut self) -> Arc<Snapshot> {
        self.sight.changed().await.expect("somebody looks as long as cases run");
        Arc::clone(&self.sight.borrow_and_update())
    }

    /// What the next look finds wrong.
    async fn faults(&mut self) -> Vec<String> {
        let snapshot = self.look().await;
        let got = observation::of(&snapshot, self.case, self.refused);
        difference::between(self.expected, &got).iter().map(ToString::to_string).collect()
    }

    /// What is found wrong now, or first in this time, or by one look after it.
    async fn faults_of(&mut self, time: Duration) -> Vec<String> {
        let wrong = async {
            let mut faults = Vec::new();
            while faults.is_empty() {
                faults = self.faults().await;
            }
            faults
        };
        match tokio::time::timeout(time, wrong).await {
            Ok(faults) => faults,
            Err(_) => self.faults().await,
        }
    }
}
