//! Records of a job: its spec, and the outcome of each round.
//!
//! Each leader that sees a round end creates a record of its own, named by the round and by that leader; records are
//! never replaced. The current one is that of the highest round, and there of the leader that was elected last. A
//! deposed leader that was stopped for a while and goes on adds a record that nobody reads; it cannot take back the
//! outcome of a later round.
//!
//! Older versions had a single `record.json`, replaced with each round. It is read if no record is of a later round.

use format::keys::RecordName;
use model::{JobId, LeaderId};
use storage::{Creation, Root, StorageError};

use crate::report::JobReport;

/// Reads the current record of a job; none if it has none.
pub(crate) async fn read(dataset: &Root, job: &JobId) -> Result<Option<JobReport>, StorageError> {
    dataset::record::current(dataset, job, |report: &JobReport| report.round).await
}

/// Creates the record of a round that has ended. An earlier record of the round by `leader` stands.
pub(crate) async fn write(
    dataset: &Root,
    job: &JobId,
    round: u32,
    leader: LeaderId,
    record: Vec<u8>,
) -> Result<(), StorageError> {
    let name = RecordName { job: job.clone(), round, leader };
    match dataset.create_exclusive(&name.to_string(), record).await? {
        // Only this leader writes under this name, so the object is our own earlier try, perhaps some seconds older.
        Creation::Ours | Creation::Taken => Ok(()),
    }
}

#[cfg(test)]
mod tests;
