//! `tailor coordinator`: a replica with everything around it.
//!
//! ```text
//! etcd ----> replica <---- gRPC: operators, workers, health, reflection
//!               |
//!               +--------> collector, while it leads
//! signals --> gives the office up      probes and metrics until the very end
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use daemon::{Health, ListenError, Metrics, Shutdown, etcd, listen};
use model::limits::REQUESTS_PER_CONNECTION_MAX;
use proto::v1::operator_service_server::OperatorServiceServer;
use proto::v1::worker_service_server::WorkerServiceServer;
use storage::meta::{EtcdSettings, EtcdStore, MetaError, MetaStore};
use tokio::net::TcpListener;
use tonic::service::Routes;

use crate::Env;
use crate::connections;
use crate::coordinator::Coordinator;
use crate::service::{Operators, Workers};
use crate::settings::Settings;

/// Longest time for requests to finish after resigning.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest time for a coordinator to leave: resigning, the lease, and `CLOSE_TIMEOUT`, each with a state that hangs.
pub const LEAVE_MAX: Duration = Duration::from_secs(30);

/// Error that prevents a coordinator from starting, or ends it.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The settings of etcd are invalid, or etcd refuses them.
    #[error(transparent)]
    State(#[from] MetaError),
    /// The gRPC server failed.
    #[error("serve gRPC")]
    Grpc(#[from] tonic::transport::Error),
    /// The descriptors for reflection are invalid.
    #[error("serve reflection")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until `shutdown` asks it to leave.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(settings: Settings, exporter: Metrics, shutdown: Shutdown) -> Result<(), ServeError> {
    crate::metrics::describe();
    let health = Health::new(&[etcd::CONDITION]);
    let probes = listen(settings.http_listen, "http.listen").await?;
    let requests = listen(settings.grpc_listen, "grpc.listen").await?;
    let probing = tokio::spawn(health.clone().serve(probes, exporter, Router::new(), shutdown.clone()));
    let served = tokio::select! {
        served = coordinate(settings, requests, &health, &shutdown) => served,
        () = shutdown.now() => Ok(()),
    };
    probing.abort();
    served
}

async fn coordinate(
    settings: Settings,
    requests: TcpListener,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<(), ServeError> {
    let store: Arc<dyn MetaStore> = tokio::select! {
        store = etcd::connect_patiently(health, || connect(&settings.etcd)) => Arc::new(store?),
        () = shutdown.requested() => return Ok(()),
    };
    let coordinator = Coordinator::new(settings.leader, settings.lease, settings.collector, store, Env::real());
    tokio::spawn(health.clone().follow(etcd::CONDITION, coordinator.state()));
    let serving = tokio::spawn(serve_requests(requests, coordinator.services(), shutdown.clone()));
    let requested = shutdown.clone();
    coordinator.run(Box::pin(async move { requested.requested().await })).await;
    match tokio::time::timeout(CLOSE_TIMEOUT, serving).await {
        Ok(Ok(served)) => served,
        // A client that still waits learns it from the closed connection.
        Ok(Err(_)) | Err(_) => Ok(()),
    }
}

/// Connects to etcd, and checks that no other cluster uses the namespace.
async fn connect(settings: &EtcdSettings) -> Result<EtcdStore, MetaError> {
    let store = EtcdStore::connect(settings).await?;
    crate::namespace::check(settings, &store).await?;
    Ok(store)
}

async fn serve_requests(listener: TcpListener, services: Routes, shutdown: Shutdown) -> Result<(), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<OperatorServiceServer<Operators>>().await;
    reporter.set_serving::<WorkerServiceServer<Workers>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()?;
    tonic::transport::Server::builder()
        .concurrency_limit_per_connection(REQUESTS_PER_CONNECTION_MAX)
        .max_concurrent_streams(Some(REQUESTS_PER_CONNECTION_MAX as u32))
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .tcp_nodelay(true)
        .add_routes(services)
        .add_service(health)
        .add_service(reflection)
        .serve_with_incoming_shutdown(connections::incoming(listener), async move { shutdown.requested().await })
        .await?;
    Ok(())
}
