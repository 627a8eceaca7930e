//! Current record of a job, of which readers take the fields that they need.
//!
//! Each leader that sees a round of a job end creates a record of its own. The current one is that of the highest
//! round, and there of the leader that was elected last. Older versions had a single `record.json`, which is read if no
//! record is of a later round.

use format::keys::{self, RecordName};
use model::JobId;
use serde::de::DeserializeOwned;
use storage::{Root, StorageError};

/// Reads the current record of a job; none if it has none. `round` returns the round of a record.
///
/// # Errors
/// The store failed, or the record is malformed.
pub async fn current<T: DeserializeOwned>(
    dataset: &Root,
    job: &JobId,
    round: impl Fn(&T) -> u32,
) -> Result<Option<T>, StorageError> {
    let listed = dataset.list(&keys::records(job)).await?;
    let names = listed.iter().filter_map(|object| object.location.as_ref().parse::<RecordName>().ok());
    let current = match names.filter(|name| name.job == *job).max() {
        Some(name) => at(dataset, &name.to_string()).await?,
        None => None,
    };
    let legacy = at(dataset, &keys::legacy_record(job)).await?;
    let round_of = |record: &Option<T>| record.as_ref().map(&round);
    Ok(if round_of(&legacy) > round_of(&current) { legacy } else { current })
}

/// Reads the JSON document at `key`; none if there is none.
///
/// # Errors
/// The store failed, or the document is malformed.
pub(crate) async fn at<T: DeserializeOwned>(dataset: &Root, key: &str) -> Result<Option<T>, StorageError> {
    let bytes = match dataset.read(key).await {
        Ok(bytes) => bytes,
        Err(StorageError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let malformed = |error: serde_json::Error| StorageError::Failed {
        operation: "read",
        object: dataset.object(key),
        source: Box::new(error),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(malformed)
}
