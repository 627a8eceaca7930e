//! `tailor worker`: the agent with everything around it.
//!
//! ```text
//! etcd ----+
//! leader --+--> agent     probes and metrics until the very end
//! signals -+
//! spot ----+
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use daemon::{Health, Metrics, Shutdown};
use model::SystemClock;
use proto::client::{EndpointsError, LeaderClient};
use storage::meta::{EtcdStore, MetaError, MetaStore};
use tokio::net::TcpListener;

use crate::agent::{Agent, AgentError, AgentSettings, Left};
use crate::remote::RemoteLeader;
use crate::resolve::ByUri;
use crate::secret::Secret;
use crate::settings::Settings;
use crate::{metrics, open_files, spot};

/// Condition of readiness that holds while there is a lease: without a lease the worker does no work.
const ETCD: &str = "etcd";
const AGENT: &str = "agent";

/// Pause before another try to connect to etcd.
const CONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Time to leave beyond the drain, for threads to stop, attempts to be handed back and the lease to be revoked;
/// generous enough for a busy machine.
const LEAVE_ROOM: Duration = Duration::from_secs(15);

/// Longest time that a worker may take to leave.
pub fn leave_max(settings: &Settings) -> Duration {
    settings.agent.drain_timeout + LEAVE_ROOM
}

/// Error that prevents a worker from starting, or ends it.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address for probes and metrics cannot be bound.
    #[error("listen on {address} (http.listen)")]
    Listen {
        /// Address set as `http.listen`.
        address: std::net::SocketAddr,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// An entry of `coordinators` is not an address.
    #[error("coordinators")]
    Coordinators(#[source] EndpointsError),
    /// The system has no randomness to draw a secret from.
    #[error("draw the worker's secret: {cause}")]
    Secret {
        /// Message of the operating system.
        cause: String,
    },
    /// The settings of etcd are invalid, or etcd refuses them.
    #[error(transparent)]
    State(#[from] MetaError),
    /// The agent ended with an error.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

/// Works until `shutdown` asks the worker to leave.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(settings: Settings, exporter: Metrics, shutdown: Shutdown) -> Result<Left, ServeError> {
    metrics::describe();
    if let Some(shortage) = open_files::shortage(settings.agent.slots) {
        tracing::warn!(shortage, "the limit of open files was found too low; merges of many runs may fail");
    }
    let health = Health::new(&[ETCD, AGENT]);
    let address = settings.http_listen;
    let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
    let probes = tokio::spawn(health.clone().serve(listener, exporter, Router::new(), shutdown.clone()));
    let left = tokio::select! {
        left = work(settings, &health, &shutdown) => left,
        // No agent exists yet, so nothing has to be handed back.
        () = shutdown.now() => Ok(Left::AtOnce),
    };
    probes.abort();
    left
}

async fn work(settings: Settings, health: &Health, shutdown: &Shutdown) -> Result<Left, ServeError> {
    let client = LeaderClient::new(settings.coordinators).map_err(ServeError::Coordinators)?;
    let meta: Arc<dyn MetaStore> = tokio::select! {
        store = connect(&settings.etcd, health) => Arc::new(store?),
        () = shutdown.requested() => return Ok(Left::Drained),
    };
    let secret = Secret::draw().map_err(|source| ServeError::Secret { cause: source.to_string() })?;
    let leader = Arc::new(RemoteLeader::new(&client, secret));
    // Done on a blocking thread: the scratch folder may lie in a file system that hangs.
    let agent_settings = AgentSettings { secret: Some(secret), ..settings.agent };
    let make = move || Agent::new(agent_settings, leader, meta, Arc::new(ByUri), &SystemClock);
    let agent = tokio::select! {
        made = tokio::task::spawn_blocking(make) => made.map_err(AgentError::Start)??,
        () = shutdown.requested() => return Ok(Left::Drained),
    };
    health.set(AGENT, Ok(()));
    let telling = health.clone().follow(ETCD, agent.lease());
    let wish = {
        let health = health.clone();
        async move {
            let reason = tokio::select! {
                () = shutdown.requested() => "told to stop".to_owned(),
                reason = spot_notice(settings.spot_endpoint) => reason,
            };
            health.set(AGENT, Err(format!("draining: {reason}")));
            reason
        }
    };
    tokio::select! {
        left = agent.run(wish, shutdown.now()) => Ok(left?),
        () = telling => unreachable!("the agent, which tells, is running"),
    }
}

/// Connects to etcd, and waits until it has answered once.
async fn connect(settings: &storage::meta::EtcdSettings, health: &Health) -> Result<EtcdStore, MetaError> {
    loop {
        match EtcdStore::connect(settings).await {
            Err(error) if error.is_transient() => {
                health.set(ETCD, Err(error.to_string()));
                tokio::time::sleep(CONNECT_PAUSE).await;
            }
            connected => return connected,
        }
    }
}

async fn spot_notice(endpoint: Option<String>) -> String {
    match endpoint {
        Some(endpoint) => spot::notice(endpoint).await,
        None => std::future::pending().await,
    }
}
