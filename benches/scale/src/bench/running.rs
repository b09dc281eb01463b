//! keyferry at work beside a control plane, and who watches how its objects fare.

use std::time::{Duration, Instant};

use crate::{
    Result,
    controller::Controller,
    observer::Observer,
    plane::{Api, Identity, Plane},
};

/// All objects may take this long and [`PATIENCE_EACH`] for each; a machine that needs longer measures nothing.
const PATIENCE: Duration = Duration::from_secs(120);
/// See [`PATIENCE`].
const PATIENCE_EACH: Duration = Duration::from_millis(100);

/// A running keyferry. Ends with this value.
pub(super) struct Running {
    controller: Controller,
    observer: Observer,
    _identity: Identity,
    plane: Plane,
}

impl Running {
    /// Starts keyferry as released, with its defaults, and the observer.
    pub(super) async fn start(plane: Plane) -> Result<Self> {
        let observer = Observer::start(plane.api()).await?;
        let identity = plane.identity(plane.server()).await?;
        let mut controller = Controller::start(&identity, &[])?;
        controller.until_listed().await?;
        Ok(Self { controller, observer, _identity: identity, plane })
    }

    /// The API server, as administrator.
    pub(super) fn api(&self) -> &Api {
        self.plane.api()
    }

    /// Waits until `count` objects are Ready.
    pub(super) async fn until_ready(&self, count: usize) -> Result<()> {
        let patience = PATIENCE + PATIENCE_EACH * u32::try_from(count)?;
        self.explained(self.observer.until_ready(count, patience).await)?;
        Ok(())
    }

    /// When an object was first seen Ready.
    pub(super) fn became_ready(&self, namespace: &str, name: &str) -> Result<Instant> {
        let seen = self.observer.became_ready(namespace, name);
        seen.ok_or_else(|| format!("{namespace}/{name} was never seen Ready").into())
    }

    /// An error gets the end of keyferry's log.
    pub(super) fn explained<T>(&self, outcome: Result<T>) -> Result<T> {
        let tail = || self.controller.tail();
        outcome.map_err(|error| format!("{error}; the end of keyferry's log:\n{}", tail()).into())
    }

    /// Tells keyferry to end, waits for it, and ends the control plane.
    pub(super) async fn end(self) -> Result<()> {
        self.controller.end().await?;
        Ok(())
    }
}
