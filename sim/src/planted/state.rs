//! Planted bugs in calls to etcd and their answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use format::state_keys::{StateKey, WORKERS};
use format::state_records::{ClaimRecord, StateRecord as _};
use futures::StreamExt as _;
use model::LeaseId;
use storage::meta::{
    Change, Compare, Entry, Lease, Listing, MetaError, MetaStore, Op, Outcome, Revision, Txn, Watch, WatchEvent,
};

use super::{PlantedBug, struck};
use crate::port::Port;

/// Store behind a planted bug.
#[derive(Debug)]
pub(super) struct Bent {
    planted: PlantedBug,
    inner: Arc<dyn MetaStore>,
    port: Arc<Port>,
}

impl Bent {
    pub(super) fn new(planted: PlantedBug, inner: Arc<dyn MetaStore>, port: Arc<Port>) -> Self {
        Self { planted, inner, port }
    }

    fn bend(&self, txn: Txn) -> Txn {
        let (mut compares, ops, reads) = txn.into_parts();
        compares.retain(|compare| !self.is_left_out(compare));
        let ops: Vec<_> = ops.into_iter().map(|op| self.bend_op(op)).collect();
        Txn::when(compares).then(ops).otherwise(reads)
    }

    fn is_left_out(&self, compare: &Compare) -> bool {
        let (Compare::Created { key, .. } | Compare::Value { key, .. }) = compare else { return false };
        match self.planted {
            PlantedBug::NoTokenCheck => key.contains("/claims/"),
            PlantedBug::DeposedLeaderWrites => *key == String::from(StateKey::Leader),
            _ => false,
        }
    }

    fn bend_op(&self, op: Op) -> Op {
        let Op::Put { key, value, lease } = op else { return op };
        if self.planted == PlantedBug::FieldDropped
            && let Ok(serde_json::Value::Object(mut record)) = serde_json::from_slice(&value)
            && record.remove(crate::wider::STRANGE_FIELD).is_some()
        {
            struck(&self.port);
            let value = serde_json::to_vec(&record).unwrap_or_default().into();
            return Op::Put { key, value, lease };
        }
        match (self.planted, key.parse()) {
            (PlantedBug::ClaimWithoutLease, Ok(StateKey::Claim(..)))
            | (PlantedBug::WorkerWithoutLease, Ok(StateKey::Worker(_))) => {
                struck(&self.port);
                Op::Put { key, value, lease: None }
            }
            (PlantedBug::NumberNotRaised, Ok(StateKey::Claim(task, number))) if number > 1 => {
                struck(&self.port);
                let attempt = number - 1;
                let record = ClaimRecord::decode(&value).map(|record| ClaimRecord { attempt, ..record });
                let value = record.and_then(|record| record.encode()).map_or(value, Into::into);
                Op::Put { key: StateKey::Claim(task, attempt).into(), value, lease }
            }
            _ => Op::Put { key, value, lease },
        }
    }
}

#[async_trait]
impl MetaStore for Bent {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        let mut listing = self.inner.list(prefix).await?;
        let is_unknown = |entry: &Entry| entry.key.parse::<StateKey>().is_err();
        if self.planted == PlantedBug::StopsAtUnknownKey && listing.entries.iter().any(is_unknown) {
            struck(&self.port);
            return Err(MetaError::Invalid { reason: "a key that is not known".to_owned() });
        }
        if self.planted == PlantedBug::ForgetsDone {
            let before = listing.entries.len();
            listing.entries.retain(|entry| !entry.key.contains("/done/"));
            if listing.entries.len() < before {
                struck(&self.port);
            }
        }
        Ok(listing)
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        let txn = self.bend(txn);
        let outcome = self.inner.txn(txn.clone()).await;
        let (_, ops, _) = txn.into_parts();
        let is_of_tasks = ops
            .iter()
            .any(|op| matches!(op, Op::Put { key, .. } if key.contains("/attempts/") || key.contains("/done/")));
        match outcome {
            Ok(Outcome::Unknown { .. }) if self.planted == PlantedBug::BlindRetry && is_of_tasks => {
                struck(&self.port);
                self.inner.txn(Txn::when([]).then(ops)).await
            }
            outcome => outcome,
        }
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        self.inner.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        match self.inner.keep_alive(lease).await {
            Err(MetaError::LeaseGone { .. }) if self.planted == PlantedBug::LeaseFenceOff => {
                struck(&self.port);
                Ok(())
            }
            answer => answer,
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.inner.revoke(lease).await
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        let (planted, port) = (self.planted, Arc::clone(&self.port));
        let is_of_workers = prefix == WORKERS;
        let bent = self.inner.watch(prefix, after).filter_map(move |event| {
            let event = if is_of_workers { event.map(|event| heard(planted, event, &port)) } else { event.map(Some) };
            std::future::ready(event.transpose())
        });
        bent.boxed()
    }
}

/// Changes or drops an event of a watch.
fn heard(planted: PlantedBug, event: WatchEvent, port: &Port) -> Option<WatchEvent> {
    match (planted, event) {
        (PlantedBug::NoRelist, WatchEvent::Resync(_)) => {
            struck(port);
            None
        }
        (PlantedBug::DeafToLosses, WatchEvent::Changed { revision, mut changes }) => {
            let before = changes.len();
            changes.retain(|change| matches!(change, Change::Put(_)));
            if changes.len() < before {
                struck(port);
            }
            Some(WatchEvent::Changed { revision, changes })
        }
        (_, event) => Some(event),
    }
}
