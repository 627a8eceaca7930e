//! Roles of processes: coordinators, workers, and an operator with wishes.

mod coordinator;
mod operator;
mod worker;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use storage::{Missing, Open, Opener, Root, StorageError};
use tokio::sync::{mpsc, oneshot};

use crate::bucket::BucketClient;
use crate::clock::SimClock;
use crate::network::Incoming;
use crate::planted::PlantedBug;
use crate::port::Port;

pub(crate) use coordinator::CoordinatorRole;
pub(crate) use operator::{OperatorRole, Wish};
pub(crate) use worker::WorkerRole;

/// Longest duration of a call to etcd.
const STATE_TIMEOUT: Duration = Duration::from_secs(5);

/// Role of a process, with its settings.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Coordinator(CoordinatorRole),
    Worker(WorkerRole),
    Operator(OperatorRole),
}

/// Environment of a process at its start.
pub(crate) struct Env {
    pub(crate) name: String,
    pub(crate) incarnation: u32,
    pub(crate) seed: u64,
    pub(crate) port: Arc<Port>,
    pub(crate) clock: SimClock,
    pub(crate) incoming: mpsc::UnboundedReceiver<Incoming>,
    pub(crate) left: oneshot::Receiver<String>,
}

impl Role {
    /// Runs the process to its end.
    pub(crate) fn run(&self, env: Env) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Coordinator(role) => Box::pin(role.clone().run(env)),
            Self::Worker(role) => Box::pin(role.clone().run(env)),
            Self::Operator(role) => Box::pin(role.clone().run(env)),
        }
    }
}

impl Role {
    /// Counts the jobs that an operator runs, replays included.
    pub(crate) fn jobs(&self) -> usize {
        let Self::Operator(operator) = self else { return 0 };
        operator.wishes.iter().filter(|(_, wish)| matches!(wish, Wish::Run(_) | Wish::Replay(..))).count()
    }
}

/// Resolves with the reason when the process is asked to leave; never, if it is not.
async fn leave(left: oneshot::Receiver<String>) -> String {
    match left.await {
        Ok(reason) => reason,
        Err(_) => std::future::pending().await,
    }
}

/// Returns an opener of the places in the simulated bucket, for the process behind `port`.
fn places(port: &Arc<Port>, planted: Option<PlantedBug>) -> Opener {
    Opener::new(Arc::new(InBucket { port: Arc::clone(port), planted }))
}

/// Opens `test://PREFIX` in the bucket of the simulated world.
#[derive(Debug)]
struct InBucket {
    port: Arc<Port>,
    planted: Option<PlantedBug>,
}

#[async_trait]
impl Open for InBucket {
    async fn open(&self, uri: &str, _missing: Missing) -> Result<Root, StorageError> {
        let prefix = uri.strip_prefix("test://").unwrap_or(uri).trim_matches('/');
        let client = BucketClient::of_process(Arc::clone(&self.port), prefix, self.planted);
        Ok(Root::of_store(uri, Arc::new(client)))
    }
}

/// Returns the address of a coordinator of this name.
pub(crate) fn address(name: &str) -> String {
    format!("http://{name}:7070")
}
