//! keyferry as the chart's ServiceAccount: the released program, in a process of its own.

use std::{
    fs::File,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Failure, Result, plane};

/// Names the program to measure, if it is another than the release build.
const PROGRAM: &str = "KEYFERRY_PROGRAM";
/// How long the first lists may take, or the end. Long, because it only matters when a benchmark fails.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked whether the first lists are complete.
const LOOK: Duration = Duration::from_millis(20);
/// The lines of a log that are shown with a failure.
const TAIL: usize = 20;

/// A running `keyferry controller`. Killed with this value.
pub struct Controller {
    child: Child,
    pid: u32,
    live: SocketAddr,
    metrics: SocketAddr,
    client: reqwest::Client,
    log: PathBuf,
    _dir: TempDir,
}

impl Controller {
    /// Starts the program with these flags, listening on ports of its own. Its log goes to a file.
    ///
    /// # Errors
    /// If there is no program, or it does not start.
    pub fn start(identity: &plane::Identity, flags: &[&str]) -> Result<Self> {
        let program = program(|name| std::env::var_os(name).map(PathBuf::from))?;
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("log");
        let (live, metrics) = (free_address()?, free_address()?);
        let output = File::create(&log)?;
        let mut command = Command::new(&program);
        command.arg("controller").args([format!("--live-addr={live}"), format!("--metrics-addr={metrics}")]);
        command.args(flags).env("KUBECONFIG", &identity.kubeconfig).env("AWS_EC2_METADATA_DISABLED", "true");
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let pid = child.id().ok_or("keyferry ended as it started")?;
        let client = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { child, pid, live, metrics, client, log, _dir: dir })
    }

    /// The process, for [`crate::process`].
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits until every first list is complete.
    ///
    /// # Errors
    /// If the process ends, or is not ready after two minutes; with the end of its log.
    pub async fn until_listed(&mut self) -> Result<()> {
        match tokio::time::timeout(PATIENCE, self.until_ready()).await {
            Ok(ended) => ended,
            Err(_) => Err(self.failure(&format!("not ready after {} s", PATIENCE.as_secs()))),
        }
    }

    async fn until_ready(&mut self) -> Result<()> {
        let url = format!("http://{}/readyz", self.live);
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(self.failure(&format!("ended with {status}")));
            }
            let answer = self.client.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The metrics, in Prometheus' text format.
    ///
    /// # Errors
    /// If the process does not answer.
    pub async fn metrics(&self) -> Result<String> {
        let answer = self.client.get(format!("http://{}/metrics", self.metrics)).send().await?;
        Ok(answer.error_for_status()?.text().await?)
    }

    /// All that it has logged.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// The end of its log, to be shown when a benchmark fails.
    #[must_use]
    pub fn tail(&self) -> String {
        self.log().map_or_else(|error| error.to_string(), |log| tail(&log).to_owned())
    }

    /// Tells it to end (SIGTERM) and waits; how it ended.
    ///
    /// # Errors
    /// If it has not ended after two minutes.
    pub async fn end(mut self) -> Result<ExitStatus> {
        // Only while it is not waited for: the id cannot have passed to a stranger.
        if self.child.try_wait()?.is_none() {
            let told = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await?;
            if !told.success() {
                return Err(self.failure("cannot be told to end"));
            }
        }
        match tokio::time::timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => Err(self.failure("does not end")),
        }
    }

    /// Ends it without a warning (SIGKILL) and waits until it is gone.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    fn failure(&self, what: &str) -> Failure {
        format!("keyferry {what}; the end of its log:\n{}", self.tail()).into()
    }
}

/// The size of the program that is measured, in bytes, as it lies there: symbols that were not stripped count.
///
/// # Errors
/// If there is no program.
pub fn program_size() -> Result<u64> {
    let program = program(|name| std::env::var_os(name).map(PathBuf::from))?;
    let metadata = std::fs::metadata(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(metadata.len())
}

/// The program to measure: the one that the environment names, else the release build in cargo's target directory.
fn program(environment: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf> {
    let built = || {
        let target = environment("CARGO_TARGET_DIR").unwrap_or_else(|| plane::in_repository("target"));
        target.join("release/keyferry")
    };
    let program = environment(PROGRAM).unwrap_or_else(built);
    if program.is_file() { Ok(program) } else { Err(absent(&program)) }
}

fn absent(program: &Path) -> Failure {
    let program = program.display();
    format!("{program} is not there: build it with `cargo build --release`, or name a program in {PROGRAM}")
        .into()
}

/// A port that was free a moment ago.
fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// The last lines of a log.
fn tail(log: &str) -> &str {
    let log = log.trim_end();
    let before = log.rmatch_indices('\n').nth(TAIL - 1);
    before.map_or(log, |(end, _)| &log[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_built_is_an_error_that_says_how_to_build_it() {
        let error = program(|name| (name == "CARGO_TARGET_DIR").then(|| "/nowhere".into())).unwrap_err();
        assert!(error.to_string().starts_with("/nowhere/release/keyferry is not there"), "{error}");
        assert!(error.to_string().contains("`cargo build --release`"), "{error}");
    }

    #[test]
    fn the_program_that_the_environment_names_goes_first() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other");
        std::fs::write(&other, "").unwrap();
        assert_eq!(program(|_| Some(other.clone())).unwrap(), other);
    }

    #[test]
    fn a_tail_is_the_last_twenty_lines() {
        let lines = |from: usize| (from..=30).map(|line| format!("{line}\n")).collect::<String>();
        assert_eq!(tail(&lines(1)), lines(11).trim_end());
        assert_eq!(tail("one\ntwo\n"), "one\ntwo");
        assert_eq!(tail(""), "");
    }
}
