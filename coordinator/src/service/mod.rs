//! Services over gRPC. They convert requests, ask the leader, and convert the answers; a replica that does not lead
//! names the leader.

mod by_size;
mod change;
mod changes;
mod coverage;
mod ended;
mod events;
mod gates;
mod jobs;
mod operator;
pub(crate) mod patience;
mod scaler;
mod tasks;
mod traces;
mod views;
mod worker;

use std::sync::Arc;

use proto::ApiError;
use tokio::sync::watch;

use crate::access::Audit;
use crate::leader::Handle;
use crate::replica::Role;

pub(crate) use by_size::BySize;
pub(crate) use coverage::of_index as coverage_of_index;
pub(crate) use events::limit as events_limit;
pub(crate) use gates::{Gates, MAILBOX, NAMES as GATES};
pub(crate) use jobs::list_ended;
pub(crate) use operator::Operators;
#[cfg(test)]
pub(crate) use operator::WATCH_MAX;
pub(crate) use patience::in_time;
pub(crate) use scaler::Scaler;
pub(crate) use tasks::{LogReader, answer as task_answer, path_of as task_path, search_of as task_search};
pub(crate) use views::Views;
pub(crate) use worker::Workers;

/// Access to the leader, if it is this replica.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) role: watch::Receiver<Role>,
    /// Usability of the cluster's state: `Ok`, or the reason why not.
    pub(crate) state: watch::Receiver<Result<(), String>>,
    pub(crate) replica: Arc<str>,
    /// Limits of concurrent requests.
    pub(crate) gates: Arc<Gates>,
    /// Views that watchers share.
    pub(crate) views: Arc<Views>,
    /// Event logs that were read last.
    pub(crate) logs: Arc<LogReader>,
    /// Log of changes and of refused calls.
    pub(crate) audit: Audit,
}

impl Door {
    /// Returns the leader of this process, or the error that names another.
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
