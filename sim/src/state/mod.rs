//! The cluster's state in the simulation: etcd's twin in memory, behind a network and a server that fail.

mod client; //  what a process holds
mod service; // what the world does with a call

use std::time::Duration;

use model::LeaseId;
use storage::meta::{Entry, Lease, Listing, MetaError, Outcome, Txn};

pub(crate) use client::StateClient;
pub(crate) use service::StateService;

/// A call.
#[derive(Debug, Clone)]
pub(crate) enum StateCall {
    Get(String),
    List(String),
    Txn(Txn),
    Grant(Duration),
    KeepAlive(LeaseId),
    Revoke(LeaseId),
}

/// Its answer.
#[derive(Debug)]
pub(crate) enum StateAnswer {
    Got(Result<Option<Entry>, MetaError>),
    Listed(Result<Listing, MetaError>),
    Txn(Result<Outcome, MetaError>),
    Granted(Result<Lease, MetaError>),
    Done(Result<(), MetaError>),
}

impl StateCall {
    /// Whether it may change something.
    pub(crate) const fn writes(&self) -> bool {
        !matches!(self, Self::Get(_) | Self::List(_))
    }
}
