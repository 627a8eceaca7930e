//! Plans shards: lists the current input, calls the pure planner, and writes the plans as objects.

use format::keys;
use format::plan::PlanDocument;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::limits::{REQUESTS_AT_ONCE_MAX, SHARDS_PER_JOB_MAX, TASKS_PER_JOB_MAX};
use model::{Digest, ShardId, ShardPlan};
use storage::{Root, StorageError};
use tokio::sync::Semaphore;

use crate::JobError;
use crate::copies;
use crate::discover::{Discovered, discover};
use crate::job::Job;

/// Most MiB of segment lists that are written at once; each list is copied for its request.
const LISTS_MIB_MAX: u32 = 32;

/// Plans of a job's shards.
#[derive(Debug)]
pub struct Plans {
    /// Plans in the order of the shards.
    pub plans: Vec<ShardPlan>,
    /// Warnings for an operator.
    pub warnings: Vec<String>,
}

/// Plans every shard of a job, and looks for segments that were delivered twice. Writes nothing.
///
/// # Errors
/// Errors of discovery, and [`JobError::TooLarge`].
pub async fn plan(job: &Job) -> Result<Plans, JobError> {
    let Discovered { segments, mut warnings } = discover(&job.input, &job.shards).await?;
    limit("shards", segments.len(), SHARDS_PER_JOB_MAX)?;
    warnings.extend(copies::warnings(&job.input, &segments).await);
    let plan = |(shard, segments): (ShardId, _)| {
        scheduler::plan::plan_shard(job.id.clone(), shard, job.settings.clone(), segments)
    };
    let plans: Vec<_> = segments.into_iter().map(plan).collect();
    let tasks = plans.iter().map(|plan| plan.map_tasks.len() + plan.partitions as usize).sum();
    limit("tasks", tasks, TASKS_PER_JOB_MAX)?;
    Ok(Plans { plans, warnings })
}

/// Refuses a job that its leader could not hold.
fn limit(what: &'static str, found: usize, max: usize) -> Result<(), JobError> {
    if found <= max { Ok(()) } else { Err(JobError::TooLarge { what, found, max }) }
}

/// Writes the objects of plans into their dataset: long segment lists first, then the plans that name them. Returns
/// each plan with its digest, in the same order.
///
/// # Errors
/// The store failed.
pub async fn write(dataset: &Root, plans: Vec<ShardPlan>) -> Result<Vec<(ShardPlan, Digest)>, StorageError> {
    let lists = Semaphore::new(LISTS_MIB_MAX as usize);
    let write = |plan: ShardPlan| {
        let lists = &lists;
        async move {
            let document = PlanDocument::of(&plan);
            if let Some(object) = document.inputs().object() {
                let mib = u32::try_from(object.size.div_ceil(1 << 20)).unwrap_or(u32::MAX);
                let _room = lists.acquire_many(mib.min(LISTS_MIB_MAX)).await;
                dataset.write_inputs(document.inputs(), &plan.segments).await?;
            }
            let (bytes, digest) = document.to_bytes();
            dataset.put_by_digest(&keys::plan(&plan.job, plan.shard, digest), bytes).await?;
            Ok((plan, digest))
        }
    };
    stream::iter(plans).map(write).buffered(REQUESTS_AT_ONCE_MAX).try_collect().await
}
