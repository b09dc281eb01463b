//! Live state of one kind's objects, for metrics: a row comes with the object and goes with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::SignedDuration;

use crate::{
    cluster::ObjectKey,
    telemetry::metrics::{ObjectRow, Source},
};

/// Rows by object.
#[derive(Debug)]
pub struct Table {
    prefix: &'static str,
    rows: Mutex<HashMap<ObjectKey, Row>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Row {
    calls: u32,
    errors: u32,
    /// Of the last reconcile, in microseconds.
    duration: u32,
    ready: Option<bool>,
}

impl Table {
    /// An empty table under a metric prefix (`externalsecret`).
    #[must_use]
    pub fn new(prefix: &'static str) -> Arc<Self> {
        Arc::new(Self { prefix, rows: Mutex::default() })
    }

    fn rows(&self) -> MutexGuard<'_, HashMap<ObjectKey, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object came, and its status says this: what is known before the first reconcile.
    pub fn know(&self, key: &ObjectKey, ready: Option<bool>) {
        let mut rows = self.rows();
        let row = rows.entry(key.clone()).or_default();
        row.ready = ready.or(row.ready);
    }

    /// A reconcile ended.
    pub fn note(&self, key: &ObjectKey, took: SignedDuration, ready: Option<bool>, failed: bool) {
        let mut rows = self.rows();
        let row = rows.entry(key.clone()).or_default();
        row.calls = row.calls.saturating_add(1);
        row.errors = row.errors.saturating_add(u32::from(failed));
        row.duration = u32::try_from(took.as_micros().max(0)).unwrap_or(u32::MAX);
        row.ready = ready.or(row.ready);
    }

    /// The object is gone.
    pub fn remove(&self, key: &ObjectKey) {
        self.rows().remove(key);
    }
}

impl Source for Table {
    fn objects(&self) -> (&'static str, Vec<ObjectRow>) {
        let row = |(key, row): (&ObjectKey, &Row)| ObjectRow {
            namespace: key.namespace().to_string(),
            name: key.name().to_string(),
            calls: row.calls.into(),
            errors: row.errors.into(),
            duration: u64::from(row.duration) * 1_000,
            ready: row.ready,
        };
        (self.prefix, self.rows().iter().map(row).collect())
    }
}
