//! What the cluster knows of the worker: its record, on its lease, and what it said to the leader.
//!
//! The record is put without a condition: only this process writes it, and an unknown outcome is mended by putting the
//! same value again. It is put anew whenever it changes.

use std::sync::Arc;

use format::state_keys::StateKey;
use format::state_records::{StateRecord, WorkerRecord};
use model::LeaseId;
use storage::Outcome;
use storage::meta::{MetaError, MetaStore, Op, Txn};

/// What is to be done next so that the cluster knows the worker as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Put this record.
    Post(WorkerRecord),
    /// Greet the leader.
    Greet,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Standing {
    posted: Option<WorkerRecord>,
    is_greeted: bool,
}

impl Standing {
    /// The next step, if there is one.
    pub(super) fn next(&self, wanted: &WorkerRecord) -> Option<Step> {
        if !self.has_posted(wanted) {
            return Some(Step::Post(wanted.clone()));
        }
        (!self.is_greeted).then_some(Step::Greet)
    }

    /// Whether the cluster knows the worker so.
    pub(super) fn has_posted(&self, wanted: &WorkerRecord) -> bool {
        self.posted.as_ref() == Some(wanted)
    }

    /// Whether the leader was greeted: it may be asked for work.
    pub(super) fn is_greeted(&self) -> bool {
        self.is_greeted
    }

    /// A step was done.
    pub(super) fn done(&mut self, step: Step) {
        match step {
            Step::Post(record) => self.posted = Some(record),
            Step::Greet => self.is_greeted = true,
        }
    }

    /// The leader does not know us: everything is done again.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Puts the record of `worker`, once.
pub(super) async fn post(meta: Arc<dyn MetaStore>, worker: LeaseId, record: WorkerRecord) -> Result<(), MetaError> {
    let value = record.encode().map_err(|error| MetaError::Invalid { reason: error.to_string() })?;
    let txn = Txn::when([]).then([Op::put_leased(StateKey::Worker(worker), value, worker)]);
    match meta.txn(txn).await? {
        // It compares nothing, so nothing refuses it.
        Outcome::Applied { .. } | Outcome::Refused { .. } => Ok(()),
        Outcome::Unknown { cause } => Err(cause),
    }
}
