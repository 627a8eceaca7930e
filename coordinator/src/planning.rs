//! Shards to plans: the input as it lies now, and the pure planner.

use model::limits::{SHARDS_PER_JOB_MAX, TASKS_PER_JOB_MAX};
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
/// Those of discovery, and [`JobError::TooLarge`].
pub async fn plan(job: &Job) -> Result<Planned, JobError> {
    let Discovered { segments, warnings } = discover(&job.input, &job.shards).await?;
    limit("shards", segments.len(), SHARDS_PER_JOB_MAX)?;
    let plan = |(shard, segments): (ShardId, _)| {
        scheduler::plan::plan_shard(job.id.clone(), shard, job.settings.clone(), segments)
    };
    let plans: Vec<_> = segments.into_iter().map(plan).collect();
    let tasks = plans.iter().map(|plan| plan.map_tasks.len() + plan.partitions as usize).sum();
    limit("tasks", tasks, TASKS_PER_JOB_MAX)?;
    Ok(Planned { plans, warnings })
}

/// Refuses a job that its leader could not hold.
fn limit(what: &'static str, found: usize, max: usize) -> Result<(), JobError> {
    if found <= max { Ok(()) } else { Err(JobError::TooLarge { what, found, max }) }
}
