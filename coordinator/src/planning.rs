//! Shards to plans: the input as it lies now, and the pure planner.

use model::{ShardId, ShardPlan};

use crate::JobError;
use crate::discover::{Discovered, discover};
use crate::job::Job;

/// The plans of a job's shards.
#[derive(Debug)]
pub struct Planned {
    /// In the order of the shards.
    pub plans: Vec<ShardPlan>,
    /// What an operator should look at.
    pub warnings: Vec<String>,
}

/// Plans every shard of a job. Writes nothing.
///
/// # Errors
/// Those of discovery.
pub async fn plan(job: &Job) -> Result<Planned, JobError> {
    let Discovered { segments, warnings } = discover(&job.input, &job.shards).await?;
    let plan = |(shard, segments): (ShardId, _)| {
        scheduler::plan::plan_shard(job.id.clone(), shard, job.settings.clone(), segments)
    };
    Ok(Planned { plans: segments.into_iter().map(plan).collect(), warnings })
}
