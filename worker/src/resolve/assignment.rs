//! Builds the assignment of a task from its plan.

use model::{Grant, PartitionId, RunList, ShardPlan, Split, TaskKind};

use crate::task::{Assignment, SplitInput, Work};

/// Returns the assignment of a granted attempt. `runs` is the run list that a reduce task gathers.
///
/// # Errors
/// A message that names what the granted plan lacks.
pub(super) fn of(grant: &Grant, plan: &ShardPlan, runs: Option<&RunList>) -> Result<Assignment, String> {
    let task = grant.task.task;
    let missing = || format!("has no task {task}");
    let work = match task.kind {
        TaskKind::Map => {
            let planned = plan.map_tasks.get(task.ordinal as usize).ok_or_else(missing)?;
            let input = |split: Split| {
                let segment = plan.segments.get(split.segment as usize);
                segment.map(|segment| SplitInput { split, segment, exact_start: grant.exact_start })
            };
            Work::Map { splits: planned.splits().map(input).collect::<Option<_>>().ok_or_else(missing)? }
        }
        TaskKind::Reduce if task.ordinal >= plan.partitions => return Err(missing()),
        TaskKind::Reduce => {
            let granted = grant.runs.zip(runs);
            let (list, runs) = granted.ok_or_else(|| format!("has task {task}, which was granted without its runs"))?;
            Work::Reduce { partition: PartitionId(task.ordinal), list, runs: runs.runs.clone() }
        }
    };
    Ok(Assignment {
        job: plan.job.clone(),
        shard: plan.shard,
        task,
        attempt: grant.attempt,
        settings: plan.settings.clone(),
        partitions: plan.partitions,
        shard_bytes: plan.bytes(),
        work,
    })
}
