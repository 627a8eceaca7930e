//! The records of jobs that have ended, in their dataset. They outlive the cluster's state.

use format::keys;
use model::JobId;
use storage::{Root, StorageError};

use crate::report::JobReport;

/// The record of a job that has ended; none where there is none.
pub(crate) async fn record(dataset: &Root, job: &JobId) -> Result<Option<JobReport>, StorageError> {
    let key = keys::job_record(job);
    let bytes = match dataset.read(&key).await {
        Ok(bytes) => bytes,
        Err(StorageError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let report = serde_json::from_slice(&bytes);
    let malformed = |error: serde_json::Error| StorageError::Failed {
        operation: "read",
        object: dataset.object(&key),
        source: Box::new(error),
    };
    report.map(Some).map_err(malformed)
}

/// Names of the jobs that a dataset keeps anything of, be it a record or the spec of a job that has not ended.
pub(crate) async fn jobs(dataset: &Root) -> Result<Vec<JobId>, StorageError> {
    let folders = dataset.folders(keys::JOBS).await?;
    Ok(folders.iter().filter_map(|folder| folder.parse().ok()).collect())
}
