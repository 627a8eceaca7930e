//! The records of jobs that have ended, in their dataset. They outlive the cluster's state.

use format::keys;
use model::JobId;
use storage::{Root, StorageError};

use crate::report::JobReport;

/// The record of a job that has ended; none where there is none.
pub(crate) async fn record(dataset: &Root, job: &JobId) -> Result<Option<JobReport>, StorageError> {
    crate::record::read(dataset, job).await
}

/// Names of the jobs that a dataset keeps anything of, be it a record or the spec of a job that has not ended.
pub(crate) async fn jobs(dataset: &Root) -> Result<Vec<JobId>, StorageError> {
    let jobs = dataset.list_folder(keys::JOBS).await?;
    Ok(jobs.folders.iter().filter_map(|folder| folder.parse().ok()).collect())
}
