//! Record of a job that has ended, as its coordinator reads it from the dataset.

use anyhow::{Context as _, Result};
use coordinator::JobReport;

use super::state_of;
use crate::cluster::Cluster;
use crate::exit::{Code, Exit};
use crate::watch::has_ended;

/// Fetches the record of a job.
pub(super) async fn of(cluster: &Cluster, job: &str, dataset: Option<&str>) -> Result<JobReport> {
    let found = cluster.job(job, dataset).await?;
    if !has_ended(state_of(&found)) {
        let what =
            format!("job {job} has not ended, so its record is not written; `tailor job wait {job}`, then ask again");
        return Err(Exit::error(Code::Failed, what));
    }
    if found.record.is_empty() {
        let dataset = found.job.map(|job| job.dataset).unwrap_or_default();
        let what = format!("the record of job {job} does not fit an answer; it lies in {dataset}/jobs/{job}");
        return Err(Exit::error(Code::Failed, what));
    }
    serde_json::from_slice(&found.record).with_context(|| format!("read the record of job {job}"))
}
