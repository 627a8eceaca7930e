//! The gRPC services. They convert, ask the leader, and convert back; a replica that does not lead names who does.

mod by_size;
mod ended;
mod gates;
mod jobs;
mod operator;
pub(crate) mod patience;
mod views;
mod worker;

use std::sync::Arc;

use proto::ApiError;
use tokio::sync::watch;

use crate::leader::Handle;
use crate::replica::Role;

pub(crate) use by_size::BySize;
pub(crate) use gates::{Gates, MAILBOX, NAMES as GATES};
pub(crate) use operator::Operators;
pub(crate) use views::Views;
pub(crate) use worker::Workers;

/// The way to the leader, if it is this replica.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) role: watch::Receiver<Role>,
    /// Whether the cluster's state can be used, and why not.
    pub(crate) state: watch::Receiver<Result<(), String>>,
    pub(crate) replica: Arc<str>,
    /// How much is served at once.
    pub(crate) gates: Arc<Gates>,
    /// What watchers share.
    pub(crate) views: Arc<Views>,
}

impl Door {
    /// The leader of this process.
    fn leader(&self) -> Result<Handle, ApiError> {
        match &*self.role.borrow() {
            Role::Leader(handle) => Ok(handle.clone()),
            Role::Follower { leader } => match &*self.state.borrow() {
                Err(reason) if leader.is_empty() => {
                    Err(ApiError::Away { reason: format!("etcd cannot be used, and nobody leads: {reason}") })
                }
                _ => Err(ApiError::NotLeader { leader: leader.clone(), replica: self.replica.to_string() }),
            },
        }
    }
}
