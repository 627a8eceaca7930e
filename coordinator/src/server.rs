//! `tailor coordinator`: a replica with everything around it.
//!
//! ```text
//! etcd ----> replica <---- gRPC: operators, workers, health, reflection
//!               |
//!               +--------> collector, while it leads
//! signals --> gives the office up      probes, metrics and pages until the very end
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use daemon::accept::Purpose;
use daemon::reread::{FileError, Reread};
use daemon::{Health, Incoming, ListenError, Metrics, Shutdown, Tls, etcd, health, listen};
use model::limits::REQUESTS_PER_CONNECTION_MAX;
use proto::externalscaler::external_scaler_server::ExternalScalerServer;
use proto::token::Tokens;
use proto::v1::operator_service_server::OperatorServiceServer;
use proto::v1::worker_service_server::WorkerServiceServer;
use storage::Opener;
use storage::meta::{EtcdSettings, EtcdStore, MetaError, MetaStore};
use tokio::task::JoinHandle;
use tonic::service::Routes;

use crate::Env;
use crate::access::Access;
use crate::connections::{self, Connections};
use crate::coordinator::Coordinator;
use crate::pages::{self, OwnServices};
use crate::service::{Operators, Scaler, Workers};
use crate::settings::{AuthSettings, Settings};

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
    /// A certificate, a key, an authority or a file of tokens cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A listener has no address.
    #[error("cannot read the address of a listener")]
    Address(#[from] std::io::Error),
    /// The gRPC server failed.
    #[error("the gRPC server failed")]
    Grpc(#[from] tonic::transport::Error),
    /// The descriptors for reflection are invalid.
    #[error("cannot serve reflection of the gRPC services")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until `shutdown` asks it to leave.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(settings: Settings, exporter: Metrics, shutdown: Shutdown) -> Result<(), ServeError> {
    crate::metrics::describe();
    let tls = Tls::load(&settings.tls)?;
    let access = access(&settings.auth)?;
    let health = Health::new(&[etcd::CONDITION]);
    let probes = listen(settings.http_listen, "http.listen").await?;
    let requests = listen(settings.grpc_listen, "grpc.listen").await?;
    settings.http_exposure.log("http.listen", settings.http_listen);
    settings.grpc_exposure.log("grpc.listen", settings.grpc_listen);
    let own = OwnServices::default();
    let (purpose, room, more) = match settings.dashboard.is_enabled {
        true => {
            let clock = Env::real().clock;
            let pages = pages::routes(&settings.dashboard, own.clone(), tls.as_ref(), access.clone(), clock);
            (Purpose::Pages, health::CONNECTIONS_MAX + pages::CONNECTIONS_MAX, pages)
        }
        false => (Purpose::Probes, health::CONNECTIONS_MAX, Router::new()),
    };
    let probes = Incoming::new(probes, tls.clone(), purpose, room)?;
    let probing = tokio::spawn(health.clone().serve(probes, exporter, more, shutdown.clone()));
    let requests = connections::incoming(requests, tls.clone())?;
    let rereading = tls.map(|tls| tokio::spawn(tls.follow()));
    let served = tokio::select! {
        served = coordinate(settings, (requests, access), own, &health, &shutdown) => served,
        () = shutdown.now() => Ok(()),
    };
    probing.abort();
    rereading.inspect(JoinHandle::abort);
    served
}

/// Builds the rule by which callers are let in, and reads its tokens again when they change.
fn access(auth: &AuthSettings) -> Result<Access, FileError> {
    if !auth.is_by_role {
        return Ok(Access::open());
    }
    let tokens = match &auth.tokens {
        None => None,
        Some(file) => {
            let named = file.clone();
            let parse = move |contents: &[Vec<u8>]| {
                let text = std::str::from_utf8(&contents[0]).map_err(|error| FileError::new(&named, error))?;
                Tokens::parse(text).map_err(|error| FileError::new(&named, error))
            };
            let tokens = Arc::new(Reread::load(vec![file.clone()], parse)?);
            tracing::info!(count = tokens.current().count(), "tokens were read");
            tokio::spawn(
                Arc::clone(&tokens).follow(|tokens| tracing::info!(count = tokens.count(), "tokens were read")),
            );
            Some(tokens)
        }
    };
    Ok(Access::by_role(auth.cluster.clone(), tokens))
}

async fn coordinate(
    settings: Settings,
    (requests, access): (Connections, Access),
    own: OwnServices,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<(), ServeError> {
    let store: Arc<dyn MetaStore> = tokio::select! {
        store = etcd::connect_patiently(health, || connect(&settings.etcd)) => Arc::new(store?),
        () = shutdown.requested() => return Ok(()),
    };
    let env = Env { stores: Opener::within(settings.allowed), ..Env::real() };
    let coordinator = Coordinator::new(settings.leader, settings.lease, settings.collector, store, env);
    let coordinator = coordinator.guarded(access);
    own.set(coordinator.unguarded());
    tokio::spawn(health.clone().follow(etcd::CONDITION, coordinator.state()));
    let services = coordinator.services_beside(public_services().await?);
    let serving = tokio::spawn(serve_requests(requests, services, shutdown.clone()));
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

/// Builds the services that are not ours: health for probes, reflection for tools.
pub(crate) async fn public_services() -> Result<Routes, ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<OperatorServiceServer<Operators>>().await;
    reporter.set_serving::<WorkerServiceServer<Workers>>().await;
    reporter.set_serving::<ExternalScalerServer<Scaler>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1()?;
    Ok(Routes::new(health).add_service(reflection))
}

async fn serve_requests(requests: Connections, services: Routes, shutdown: Shutdown) -> Result<(), ServeError> {
    tonic::transport::Server::builder()
        .concurrency_limit_per_connection(REQUESTS_PER_CONNECTION_MAX)
        .max_concurrent_streams(Some(REQUESTS_PER_CONNECTION_MAX as u32))
        .http2_keepalive_interval(Some(Duration::from_secs(10)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .add_routes(services)
        .serve_with_incoming_shutdown(requests, async move { shutdown.requested().await })
        .await?;
    Ok(())
}
