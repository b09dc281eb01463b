//! The two plain HTTP listeners: metrics, and liveness with readiness (reference 8.2).

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use super::metrics::{self, Source};

/// Ready once every first list is complete.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Every first list is complete.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once ready.
    #[must_use]
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// An address as Go writes it: `:8080` is every interface.
///
/// # Errors
/// The text, if it is no address.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let full = if text.starts_with(':') { format!("[::]{text}") } else { text.to_string() };
    full.parse().map_err(|_| format!("{text:?} is no address like :8080 or 127.0.0.1:8080"))
}

/// Binds a listener; `[::]` falls back to `0.0.0.0` where the node has no IPv6.
///
/// # Errors
/// The error of the bind.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.ip().is_unspecified() && address.is_ipv6() => {
            TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], address.port()))).await
        }
        bound => bound,
    }
}

/// Serves `/metrics` until the process ends.
///
/// # Errors
/// The error of the listener.
pub async fn serve_metrics(listener: TcpListener, sources: Vec<Arc<dyn Source>>) -> std::io::Result<()> {
    let sources: Arc<[Arc<dyn Source>]> = sources.into();
    let scrape = |State(sources): State<Arc<[Arc<dyn Source>]>>| async move {
        (
            [("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")],
            metrics::text(&sources),
        )
    };
    axum::serve(listener, Router::new().route("/metrics", get(scrape)).with_state(sources)).await
}

/// Serves `/healthz` and `/readyz` until the process ends.
///
/// # Errors
/// The error of the listener.
pub async fn serve_health(listener: TcpListener, readiness: Readiness) -> std::io::Result<()> {
    let ready = |State(readiness): State<Readiness>| async move {
        if readiness.get() {
            (StatusCode::OK, "ok")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the first lists are not complete")
        }
    };
    let router = Router::new().route("/healthz", get(async || "ok")).route("/readyz", get(ready));
    axum::serve(listener, router.with_state(readiness)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_addresses_parse() {
        assert_eq!(address(":8080").unwrap().port(), 8080);
        assert_eq!(address("127.0.0.1:0").unwrap().port(), 0);
        assert!(address("8080").is_err());
    }
}
