//! What processes are: coordinators, workers, and an operator who wants something of them.

mod coordinator;
mod operator;
mod worker;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::clock::SimClock;
use crate::network::Incoming;
use crate::port::Port;

pub(crate) use coordinator::CoordinatorRole;
pub(crate) use operator::{OperatorRole, Wish};
pub(crate) use worker::WorkerRole;

/// How long a call to etcd may take.
const STATE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a process is.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    Coordinator(CoordinatorRole),
    Worker(WorkerRole),
    Operator(OperatorRole),
}

/// What a process is given when it starts.
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
    /// The life of a process.
    pub(crate) fn run(&self, env: Env) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        match self {
            Self::Coordinator(role) => Box::pin(role.clone().run(env)),
            Self::Worker(role) => Box::pin(role.clone().run(env)),
            Self::Operator(role) => Box::pin(role.clone().run(env)),
        }
    }
}

impl Role {
    /// How many jobs an operator runs, replays included.
    pub(crate) fn jobs(&self) -> usize {
        let Self::Operator(operator) = self else { return 0 };
        operator.wishes.iter().filter(|(_, wish)| matches!(wish, Wish::Run(_) | Wish::Replay(..))).count()
    }
}

/// The word that a process should leave; never, if nobody says it.
async fn leave(left: oneshot::Receiver<String>) -> String {
    match left.await {
        Ok(reason) => reason,
        Err(_) => std::future::pending().await,
    }
}

/// Where a coordinator of this name is reached.
pub(crate) fn address(name: &str) -> String {
    format!("http://{name}:7070")
}
