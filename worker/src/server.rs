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
use daemon::accept::Purpose;
use daemon::client::ClientIdentity;
use daemon::reread::FileError;
use daemon::{Health, Incoming, ListenError, Metrics, Shutdown, etcd, health, listen};
use model::SystemClock;
use proto::client::{EndpointsError, LeaderClient};
use storage::Opener;
use storage::meta::{EtcdStore, MetaError, MetaStore};
use tokio::task::JoinHandle;

use crate::agent::{Agent, AgentError, AgentSettings, Left};
use crate::remote::RemoteLeader;
use crate::settings::Settings;
use crate::{metrics, open_files, spot};
use proto::secret::Secret;

/// Condition of readiness: the agent runs, and is not leaving.
const AGENT: &str = "agent";

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
    /// The address for probes and metrics cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A certificate, a key, an authority or a token cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A listener has no address.
    #[error("cannot read the address of a listener")]
    Address(#[from] std::io::Error),
    /// An entry of `coordinators` is not an address.
    #[error("the setting coordinators has an entry that cannot be used")]
    Coordinators(#[source] EndpointsError),
    /// The system has no randomness to draw a secret from.
    #[error("cannot draw the worker's secret: {cause}")]
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
    metrics::size(settings.agent.slots, settings.agent.memory);
    if let Some(shortage) = open_files::shortage(settings.agent.slots) {
        tracing::warn!(shortage, "found the limit of open files too low; merges of many runs may fail");
    }
    let health = Health::new(&[etcd::CONDITION, AGENT]);
    let identity = ClientIdentity::load(&settings.files)?;
    let listener = listen(settings.http_listen, "http.listen").await?;
    settings.http_exposure.log("http.listen", settings.http_listen);
    let listener = Incoming::new(listener, identity.tls.clone(), Purpose::Probes, health::CONNECTIONS_MAX)?;
    let probes = tokio::spawn(health.clone().serve(listener, exporter, Router::new(), shutdown.clone()));
    let beside = [
        identity.tls.clone().map(|tls| tokio::spawn(tls.follow())),
        Some(tokio::spawn(identity.clone().follow_token())),
        Some(tokio::spawn(metrics::watch_memory())),
    ];
    let left = tokio::select! {
        left = work(settings, &identity, &health, &shutdown) => left,
        // No agent exists yet, so nothing has to be handed back.
        () = shutdown.now() => Ok(Left::AtOnce),
    };
    probes.abort();
    beside.iter().flatten().for_each(JoinHandle::abort);
    left
}

async fn work(
    settings: Settings,
    identity: &ClientIdentity,
    health: &Health,
    shutdown: &Shutdown,
) -> Result<Left, ServeError> {
    let client = LeaderClient::secured(settings.coordinators, identity.security()).map_err(ServeError::Coordinators)?;
    let meta: Arc<dyn MetaStore> = tokio::select! {
        store = etcd::connect_patiently(health, || EtcdStore::connect(&settings.etcd)) => Arc::new(store?),
        () = shutdown.requested() => return Ok(Left::Drained),
    };
    let secret = Secret::draw().map_err(|source| ServeError::Secret { cause: source.to_string() })?;
    let leader = Arc::new(RemoteLeader::new(&client, secret));
    // Done on a blocking thread: the scratch folder may lie in a file system that hangs.
    let agent_settings = AgentSettings { secret: Some(secret), ..settings.agent };
    let stores = Opener::within(settings.allowed);
    let make = move || Agent::new(agent_settings, leader, meta, stores, &SystemClock);
    let agent = tokio::select! {
        made = tokio::task::spawn_blocking(make) => made.map_err(AgentError::Start)??,
        () = shutdown.requested() => return Ok(Left::Drained),
    };
    health.set(AGENT, Ok(()));
    let telling = health.clone().follow(etcd::CONDITION, agent.lease());
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

async fn spot_notice(endpoint: Option<String>) -> String {
    match endpoint {
        Some(endpoint) => spot::notice(endpoint).await,
        None => std::future::pending().await,
    }
}
