//! Ends the process at a chosen point of its work, so that tests can show what a restart makes of it. Debug builds only.
//!
//! `KEYFERRY_ABORT_AT` names the point: `after-fetch`, `before-write`, `after-write`, `before-status`, `after-status`,
//! `after-delete`. The first time it is reached the process aborts, without a word to anybody, as a killed one does.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use keyferry_stores::{
    base::{Result, refs::ServiceAccount},
    provider::env::ServiceAccountToken,
};
use serde_json::Value;

use super::{
    Cluster, Event, ObjectKey, Precondition, Secret, StatusKind, Subject, WritePermit, Writer,
    generic::{GenericObject, ObjectKind},
};

/// Names the point.
const VARIABLE: &str = "KEYFERRY_ABORT_AT";

/// A cluster that some call does not survive.
#[derive(Debug)]
struct Crashing {
    inner: Arc<dyn Cluster>,
    at: String,
}

/// The cluster as it is, unless the environment asks for an end.
#[must_use]
pub fn hooked(inner: Arc<dyn Cluster>) -> Arc<dyn Cluster> {
    match std::env::var(VARIABLE) {
        Ok(at) => Arc::new(Crashing { inner, at }),
        Err(_) => inner,
    }
}

impl Crashing {
    fn reach(&self, point: &str) {
        if self.at == point {
            tracing::warn!(point, "the process ends here, as a test asked for");
            std::process::abort();
        }
    }
}

#[async_trait]
impl Cluster for Crashing {
    async fn get_secret(&self, key: &ObjectKey) -> Result<Secret> {
        self.reach("after-fetch");
        self.inner.get_secret(key).await
    }

    async fn create_secret(&self, permit: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret> {
        self.reach("after-fetch");
        self.reach("before-write");
        let created = self.inner.create_secret(permit, secret, by).await;
        self.reach("after-write");
        created
    }

    async fn replace_secret(&self, permit: WritePermit, secret: &Secret, by: Writer<'_>) -> Result<Secret> {
        self.reach("before-write");
        let replaced = self.inner.replace_secret(permit, secret, by).await;
        self.reach("after-write");
        replaced
    }

    async fn delete_secret(&self, permit: WritePermit, key: &ObjectKey, state: &Precondition) -> Result<()> {
        let deleted = self.inner.delete_secret(permit, key, state).await;
        self.reach("after-delete");
        deleted
    }

    async fn get_object(&self, kind: &ObjectKind, key: &ObjectKey) -> Result<GenericObject> {
        self.reach("after-fetch");
        self.inner.get_object(kind, key).await
    }

    async fn create_object(
        &self,
        permit: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject> {
        self.reach("before-write");
        let created = self.inner.create_object(permit, object, by).await;
        self.reach("after-write");
        created
    }

    async fn replace_object(
        &self,
        permit: WritePermit,
        object: &GenericObject,
        by: Writer<'_>,
    ) -> Result<GenericObject> {
        self.reach("before-write");
        let replaced = self.inner.replace_object(permit, object, by).await;
        self.reach("after-write");
        replaced
    }

    async fn delete_object(
        &self,
        permit: WritePermit,
        kind: &ObjectKind,
        key: &ObjectKey,
        state: &Precondition,
    ) -> Result<()> {
        let deleted = self.inner.delete_object(permit, kind, key, state).await;
        self.reach("after-delete");
        deleted
    }

    async fn patch_status(&self, permit: WritePermit, subject: &Subject, status: Value) -> Result<String> {
        let ours = subject.kind == StatusKind::ExternalSecret;
        if ours {
            self.reach("before-status");
        }
        let patched = self.inner.patch_status(permit, subject, status).await;
        if ours {
            self.reach("after-status");
        }
        patched
    }

    async fn remove_finalizer(&self, permit: WritePermit, subject: &Subject, finalizer: &str) -> Result<()> {
        self.inner.remove_finalizer(permit, subject, finalizer).await
    }

    async fn config_map(&self, key: &ObjectKey) -> Result<BTreeMap<String, String>> {
        self.inner.config_map(key).await
    }

    async fn service_account(&self, key: &ObjectKey) -> Result<ServiceAccount> {
        self.inner.service_account(key).await
    }

    async fn token(
        &self,
        key: &ObjectKey,
        audiences: &[String],
        seconds: i64,
    ) -> Result<ServiceAccountToken> {
        self.inner.token(key, audiences, seconds).await
    }

    fn event(&self, event: Event) {
        self.inner.event(event);
    }
}
