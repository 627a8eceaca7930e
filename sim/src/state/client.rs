//! Client of etcd in a simulated process: calls may go unanswered, and watches may fall behind.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use model::LeaseId;
use storage::meta::{Entry, Lease, Listing, MetaError, MetaStore, Outcome, Revision, Txn, Watch};
use tokio::sync::{mpsc, oneshot};

use super::{StateAnswer, StateCall};
use crate::port::{Message, Port};

/// Handle of a process to etcd.
#[derive(Debug)]
pub(crate) struct StateClient {
    port: Arc<Port>,
    /// Longest wait for an answer.
    timeout: Duration,
}

impl StateClient {
    pub(crate) fn new(port: Arc<Port>, timeout: Duration) -> Self {
        Self { port, timeout }
    }

    /// Sends a call; returns none if no answer came.
    async fn ask(&self, call: StateCall) -> Option<StateAnswer> {
        let (reply, answer) = oneshot::channel();
        self.port.send(Message::State { call, reply });
        tokio::time::timeout(self.timeout, answer).await.ok()?.ok()
    }
}

fn unanswered(operation: &'static str, object: &str) -> MetaError {
    MetaError::Unavailable { operation, object: object.to_owned(), source: "no answer".into() }
}

#[async_trait]
impl MetaStore for StateClient {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        match self.ask(StateCall::Get(key.to_owned())).await {
            Some(StateAnswer::Got(answer)) => answer,
            _ => Err(unanswered("read", key)),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        match self.ask(StateCall::List(prefix.to_owned())).await {
            Some(StateAnswer::Listed(answer)) => answer,
            _ => Err(unanswered("list", prefix)),
        }
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        match self.ask(StateCall::Txn(txn)).await {
            Some(StateAnswer::Txn(answer)) => answer,
            _ => Ok(Outcome::Unknown { cause: unanswered("change", "a transaction") }),
        }
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        match self.ask(StateCall::Grant(ttl)).await {
            Some(StateAnswer::Granted(answer)) => answer,
            _ => Err(unanswered("grant", "a lease")),
        }
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        match self.ask(StateCall::KeepAlive(lease)).await {
            Some(StateAnswer::Done(answer)) => answer,
            _ => Err(unanswered("renew", &lease.to_string())),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        match self.ask(StateCall::Revoke(lease)).await {
            Some(StateAnswer::Done(answer)) => answer,
            _ => Err(unanswered("revoke", &lease.to_string())),
        }
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        let (events, told) = mpsc::unbounded_channel();
        self.port.send(Message::Watch { prefix: prefix.to_owned(), after, events });
        // A watch resumes by itself; if its world is gone, it yields nothing more.
        let told = futures::stream::unfold(told, |mut told| async {
            match told.recv().await {
                Some(event) => Some((event, told)),
                None => std::future::pending().await,
            }
        });
        told.boxed()
    }
}
