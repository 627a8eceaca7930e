//! Records of a job: its spec, and the outcome of each round.
//!
//! Each leader that sees a round end creates a record of its own, named by the round and by that leader; records are
//! never replaced. The current one is that of the highest round, and there of the leader that was elected last. A
//! deposed leader that was stopped for a while and goes on adds a record that nobody reads; it cannot take back the
//! outcome of a later round.
//!
//! Older versions had a single `record.json`, replaced with each round. It is read if no record is of a later round.

use format::keys::{self, RecordName};
use model::{JobId, LeaderId};
use storage::{Creation, Root, StorageError};

use crate::report::JobReport;

/// Reads the current record of a job; none if it has none.
pub(crate) async fn read(dataset: &Root, job: &JobId) -> Result<Option<JobReport>, StorageError> {
    let listed = dataset.list(&keys::records(job)).await?;
    let names = listed.iter().filter_map(|object| object.location.as_ref().parse::<RecordName>().ok());
    let current = match names.filter(|name| name.job == *job).max() {
        Some(name) => read_at(dataset, &name.to_string()).await?,
        None => None,
    };
    let legacy = read_at(dataset, &keys::legacy_record(job)).await?;
    let round = |report: &Option<JobReport>| report.as_ref().map(|report| report.round);
    Ok(if round(&legacy) > round(&current) { legacy } else { current })
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

async fn read_at(dataset: &Root, key: &str) -> Result<Option<JobReport>, StorageError> {
    let bytes = match dataset.read(key).await {
        Ok(bytes) => bytes,
        Err(StorageError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let report = serde_json::from_slice(&bytes);
    let malformed = |error: serde_json::Error| StorageError::Failed {
        operation: "read",
        object: dataset.object(key),
        source: Box::new(error),
    };
    report.map(Some).map_err(malformed)
}

#[cfg(test)]
mod tests;
