//! Shards to plans: the input as it lies now, and the pure planner.

use model::{ShardId, ShardPlan};

use crate::JobError;
use crate::discover::discover;
use crate::job::Job;

/// Plans every shard of a job. Writes nothing.
///
/// # Errors
/// Those of discovery.
pub async fn plan(job: &Job) -> Result<Vec<ShardPlan>, JobError> {
    let segments = discover(&job.input, &job.shards).await?;
    let plan = |(shard, segments): (ShardId, _)| {
        scheduler::plan::plan_shard(job.id.clone(), shard, job.settings.clone(), segments)
    };
    Ok(segments.into_iter().map(plan).collect())
}
