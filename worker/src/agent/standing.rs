//! Registration state: the record that was written under the lease, and the greeting that the leader has heard.
//!
//! The record is put without a condition: only this process writes it, and an unknown outcome is repaired by putting
//! the same value again. It is put anew whenever it changes.

use std::sync::Arc;

use format::state_keys::StateKey;
use format::state_records::{StateRecord, WorkerRecord};
use model::LeaseId;
use storage::Outcome;
use storage::meta::{MetaError, MetaStore, Op, Txn};

/// Next step of the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Put this record into the cluster's state.
    Post(WorkerRecord),
    /// Send `hello` to the leader.
    Greet,
}

/// Steps that were completed.
#[derive(Debug, Default)]
pub(super) struct Standing {
    posted: Option<WorkerRecord>,
    is_greeted: bool,
}

impl Standing {
    /// Returns the next step; none if the cluster knows the worker as it is.
    pub(super) fn next(&self, wanted: &WorkerRecord) -> Option<Step> {
        if !self.has_posted(wanted) {
            return Some(Step::Post(wanted.clone()));
        }
        (!self.is_greeted).then_some(Step::Greet)
    }

    /// True if the record in the cluster's state equals `wanted`.
    pub(super) fn has_posted(&self, wanted: &WorkerRecord) -> bool {
        self.posted.as_ref() == Some(wanted)
    }

    /// True if the leader was greeted, so that it may be asked for work.
    pub(super) fn is_greeted(&self) -> bool {
        self.is_greeted
    }

    /// Notes that a step was completed.
    pub(super) fn done(&mut self, step: Step) {
        match step {
            Step::Post(record) => self.posted = Some(record),
            Step::Greet => self.is_greeted = true,
        }
    }

    /// Forgets all steps, because the leader does not know this worker.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Puts the record of `worker`, with one try.
pub(super) async fn post(meta: Arc<dyn MetaStore>, worker: LeaseId, record: WorkerRecord) -> Result<(), MetaError> {
    let value = record.encode().map_err(|error| MetaError::Invalid { reason: error.to_string() })?;
    let txn = Txn::when([]).then([Op::put_leased(StateKey::Worker(worker), value, worker)]);
    match meta.txn(txn).await? {
        // The write has no condition, so it cannot be refused.
        Outcome::Applied { .. } | Outcome::Refused { .. } => Ok(()),
        Outcome::Unknown { cause } => Err(cause),
    }
}
