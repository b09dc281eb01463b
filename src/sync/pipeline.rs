//! What every job of the pull pipeline works with.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use keyferry_stores::base::{Clock, Error, Kind, Result};

use super::{report::Stamp, shelf::Shelf, templates::Templates};
use crate::cluster::{Cluster, managed::DigestKey};

/// What a job works with.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The API server.
    pub cluster: Arc<dyn Cluster>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The key of the digests that are kept of Secrets.
    pub digests: Arc<DigestKey>,
    /// When an unchanged object's refreshTime is written.
    pub stamp: Stamp,
    /// Holds deletions when too many want one.
    pub breaker: Arc<Breaker>,
    /// Functions and delimiters of templates.
    pub templates: Arc<Templates>,
    /// ConfigMaps that are used as templates.
    pub shelf: Arc<Shelf>,
    /// True if objects of other kinds than Secret may be written (`--unsafe-allow-generic-targets`).
    pub generic_targets: bool,
}

/// Deletions that may happen within [`WINDOW`], over the whole cluster.
pub(super) const DELETIONS: usize = 50;
/// The window of the breaker.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);

/// Holds deletions when too many objects want one in a short window: a store that suddenly holds nothing is more likely broken
/// than emptied. What is held is tried again and told on the object's status.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<VecDeque<Timestamp>>);

impl Breaker {
    /// Takes one of the window's deletions.
    ///
    /// # Errors
    /// `Throttled` if there is none left.
    pub fn allow(&self, now: Timestamp) -> Result<()> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|at| now.duration_since(*at) >= WINDOW) {
            recent.pop_front();
        }
        if recent.len() >= DELETIONS {
            let text =
                "the deletion is held: too many Secrets would be deleted within a minute; check the stores";
            return Err(Error::new(Kind::Throttled, text));
        }
        recent.push_back(now);
        Ok(())
    }
}
