//! Records of ended jobs, in their dataset. They outlive the cluster's state.

use format::keys;
use model::JobId;
use storage::{Root, StorageError};

/// Lists the jobs of which a dataset keeps a record, or the spec of a job that has not ended.
pub(crate) async fn jobs(dataset: &Root) -> Result<Vec<JobId>, StorageError> {
    let jobs = dataset.list_folder(keys::JOBS).await?;
    Ok(jobs.folders.iter().filter_map(|folder| folder.parse().ok()).collect())
}
