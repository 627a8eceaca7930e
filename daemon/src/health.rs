//! HTTP probes: is the process alive, and is it ready?
//!
//! | path | answer |
//! |---|---|
//! | `/livez` | 200 while the process answers at all: restart it if it does not |
//! | `/readyz` | 200 if every condition holds, else 503 with a line `condition: reason` for each that does not |
//! | `/metrics` | metrics for Prometheus |
//!
//! Conditions are declared when the server starts and do not hold until somebody says so: a server is not ready because
//! nobody has looked yet.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::sync::watch;

use crate::accept::{Incoming, PeerAddress};
use crate::shutdown::Shutdown;
use crate::telemetry::Metrics;

/// Interval at which samples are sorted into buckets while nobody scrapes.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);

/// Most connections of probes and scrapers at once; a handful is usual.
pub const CONNECTIONS_MAX: usize = 256;

/// Conditions that a server needs to be ready. Cheap to clone; clones share the conditions.
#[derive(Debug, Clone)]
pub struct Health {
    conditions: Arc<Mutex<BTreeMap<&'static str, Result<(), String>>>>,
}

impl Health {
    /// Declares `conditions`; the process is not ready before each was set to hold.
    pub fn new(conditions: &[&'static str]) -> Self {
        let unknown = conditions.iter().map(|name| (*name, Err("not known yet".to_owned())));
        Self { conditions: Arc::new(Mutex::new(unknown.collect())) }
    }

    /// Sets a condition: it holds, or does not hold for a reason.
    pub fn set(&self, condition: &'static str, holds: Result<(), String>) {
        let before = self.lock().insert(condition, holds.clone());
        match holds {
            Err(reason) if before != Some(Err(reason.clone())) => {
                tracing::info!(condition, reason, "a condition of readiness failed; the server is not ready")
            }
            Ok(()) if before != Some(Ok(())) => tracing::info!(condition, "a condition of readiness was met"),
            _ => {}
        }
    }

    /// Sets a condition to each value of `told`, until its sender is gone.
    pub async fn follow(self, condition: &'static str, mut told: watch::Receiver<Result<(), String>>) {
        loop {
            let holds = told.borrow_and_update().clone();
            self.set(condition, holds);
            if told.changed().await.is_err() {
                return;
            }
        }
    }

    /// Lists the conditions that do not hold, with their reasons.
    pub fn missing(&self) -> Vec<(&'static str, String)> {
        let conditions = self.lock();
        conditions.iter().filter_map(|(name, holds)| Some((*name, holds.clone().err()?))).collect()
    }

    /// Serves the probes on `listener`, with the routes of `more`, which find the [`PeerAddress`] of a request, until
    /// `shutdown` reaches its last stage or the future is dropped: a server that drains is still probed.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn serve(self, listener: Incoming, metrics: Metrics, more: Router, shutdown: Shutdown) -> io::Result<()> {
        let folding = metrics.clone();
        let fold = async move {
            let mut ticks = tokio::time::interval(FOLD_INTERVAL);
            loop {
                ticks.tick().await;
                folding.fold();
            }
        };
        let routes = Router::new()
            .route("/livez", get(async || "ok\n"))
            .route("/readyz", get(async move || self.readiness()))
            .route("/metrics", get(async move || metrics.render()))
            .merge(more);
        tokio::select! {
            served = axum::serve(listener, routes.into_make_service_with_connect_info::<PeerAddress>()).into_future() => served,
            () = fold => unreachable!("it folds for ever"),
            () = shutdown.now() => Ok(()),
        }
    }

    fn readiness(&self) -> (StatusCode, String) {
        let missing = self.missing();
        if missing.is_empty() {
            return (StatusCode::OK, "ok\n".to_owned());
        }
        let lines = missing.iter().map(|(name, reason)| format!("{name}: {reason}\n"));
        (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Result<(), String>>> {
        // Each change is one insertion, so the map is consistent even after a panic.
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::accept::Purpose;
    use crate::telemetry;

    /// Returns the status line and the body of the answer at `path`.
    async fn get_at(address: std::net::SocketAddr, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).await.expect("it answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("an answer of HTTP");
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    #[tokio::test]
    async fn it_is_ready_once_every_condition_holds_and_says_which_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let listener = Incoming::new(listener, None, Purpose::Probes, CONNECTIONS_MAX).expect("an address");
        let health = Health::new(&["etcd", "store"]);
        let more = Router::new().route("/jobs", get(async || "none"));
        let (trigger, shutdown) = Shutdown::new();
        let served = tokio::spawn(health.clone().serve(listener, telemetry::for_test(), more, shutdown));

        health.set("store", Ok(()));
        let (status, body) = get_at(address, "/readyz").await;
        assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.1 503 Service Unavailable", "etcd: not known yet\n"));
        assert_eq!(get_at(address, "/livez").await.0, "HTTP/1.1 200 OK");

        health.set("etcd", Ok(()));
        assert_eq!(get_at(address, "/readyz").await, ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()));
        health.set("etcd", Err("out of space".to_owned()));
        assert_eq!(get_at(address, "/readyz").await.1, "etcd: out of space\n");
        assert_eq!(get_at(address, "/metrics").await.0, "HTTP/1.1 200 OK");
        assert_eq!(get_at(address, "/jobs").await.1, "none");

        trigger.signal();
        assert_eq!(get_at(address, "/livez").await.1, "ok\n", "a server that drains is still looked at");
        trigger.signal();
        served.await.expect("no panic").expect("a clean end");
    }
}
