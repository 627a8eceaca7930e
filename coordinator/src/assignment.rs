//! From the scheduler's effect to what a worker is given: the attempt with everything that it needs to know.

use model::{AttemptId, ObjectEntry, PartitionId, RunEntry, ShardPlan, Split, TaskId};
use scheduler::event::TaskInput;
use worker::task::{Assignment, SplitInput, Work};

/// The assignment of an attempt at a task of `plan`.
pub fn assignment(plan: &ShardPlan, task: TaskId, attempt: AttemptId, input: TaskInput) -> Assignment {
    let split_input = |(split, exact_start): (Split, Option<u64>)| SplitInput {
        split,
        segment: plan.segments[split.segment as usize].clone(),
        exact_start,
    };
    let work = match input {
        TaskInput::Map(splits) => Work::Map { splits: splits.into_iter().map(split_input).collect() },
        TaskInput::Reduce(runs) => {
            // In one process a lost run fails the attempt, whoever wrote it.
            let entry = |(map_task, object): (usize, ObjectEntry)| RunEntry { map_task: map_task as u32, object };
            let runs = runs.into_iter().enumerate().map(entry).collect();
            Work::Reduce { partition: PartitionId(task.ordinal), runs }
        }
    };
    Assignment {
        job: plan.job.clone(),
        shard: plan.shard,
        task,
        attempt,
        settings: plan.settings.clone(),
        partitions: plan.partitions,
        work,
    }
}
