//! State of the simulated cluster: an in-memory twin of etcd, behind a network and a server that fail.

mod client; //  client in a process
mod service; // calls, as the world performs them

use std::time::Duration;

use model::LeaseId;
use storage::meta::{Entry, Lease, Listing, MetaError, Outcome, Txn};

pub(crate) use client::StateClient;
pub(crate) use service::StateService;

/// Call to etcd.
#[derive(Debug, Clone)]
pub(crate) enum StateCall {
    Get(String),
    List(String),
    Txn(Txn),
    Grant(Duration),
    KeepAlive(LeaseId),
    Revoke(LeaseId),
}

/// Answer of etcd.
#[derive(Debug)]
pub(crate) enum StateAnswer {
    Got(Result<Option<Entry>, MetaError>),
    Listed(Result<Listing, MetaError>),
    Txn(Result<Outcome, MetaError>),
    Granted(Result<Lease, MetaError>),
    Done(Result<(), MetaError>),
}

impl StateCall {
    /// True if the call may change something.
    pub(crate) const fn writes(&self) -> bool {
        !matches!(self, Self::Get(_) | Self::List(_))
    }
}
