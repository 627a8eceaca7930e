//! Policy of assignments: which task a worker that asks for work gets.
//!
//! **Between jobs**: each slot goes to the job that has the fewest attempts for its weight, so a job of weight 20 runs
//! twice as many as one of 10, and a new job gets its share as soon as attempts end. **Inside a job**: the heaviest
//! shard first, and in it the heaviest task. **Without an open task**: a second attempt beside one that runs far longer
//! than others did.

use model::limits::OPEN_TASKS_MAX;
use model::{JobId, ShardId, TaskId};

use crate::event::{NextAttempt, WorkerId};
use crate::policy::Speculation;
use crate::shard::ShardContext;
use crate::state::State;

/// Assigns up to `slots` tasks to a worker that lives and does not rest. At most [`OPEN_TASKS_MAX`] run at once,
/// because the cluster's state is planned for as many.
pub(crate) fn claim(state: &mut State, worker: WorkerId, slots: usize, now: std::time::Duration) -> Vec<NextAttempt> {
    let (mut assigned, running) = (Vec::new(), state.running());
    if !state.workers.contains(&worker) || state.resting.contains(&worker) {
        return assigned;
    }
    while assigned.len() < slots.min(OPEN_TASKS_MAX.saturating_sub(running)) {
        let Some(next) = open_task(state, worker, now).or_else(|| slow_task(state, worker, now)) else { break };
        assigned.push(next);
    }
    assigned
}

/// Assigns an open task of the job that is furthest behind its share.
fn open_task(state: &mut State, worker: WorkerId, now: std::time::Duration) -> Option<NextAttempt> {
    // Each assignment changes a job's share, so the jobs are sorted again for each slot.
    let mut jobs: Vec<(u64, u64, &JobId)> = state
        .jobs
        .iter()
        .filter(|(_, job)| job.has_open() && job.has_room())
        .map(|(id, job)| ((job.running() as u64 * 1000) / u64::from(job.weight), job.ordinal, id))
        .collect();
    jobs.sort_unstable();
    let ids: Vec<JobId> = jobs.into_iter().map(|(_, _, id)| id.clone()).collect();
    ids.iter().find_map(|id| open_task_of(state, id, worker, now))
}

fn open_task_of(state: &mut State, id: &JobId, worker: WorkerId, now: std::time::Duration) -> Option<NextAttempt> {
    let ctx = ShardContext { now, workers: &state.workers, resting: &state.resting, policy: &state.policy };
    let job = state.jobs.get_mut(id)?;
    let shards: Vec<ShardId> = job.ready().collect();
    for id in shards {
        let assigned = job.shards.get_mut(&id).and_then(|shard| shard.claim(worker, ctx));
        job.update_ready(id);
        if let Some(NextAttempt { task, number, .. }) = &assigned {
            job.add_attempt(id, task.task, *number, worker, now);
            return assigned;
        }
    }
    None
}

/// Assigns a second attempt, on another worker, at the task that is slowest against the others of its kind.
fn slow_task(state: &mut State, worker: WorkerId, now: std::time::Duration) -> Option<NextAttempt> {
    let speculation = state.policy.speculation?;
    let (id, shard_id, task) = slowest(state, worker, now, &speculation)?;
    let job = state.jobs.get_mut(&id)?;
    let assigned = job.shards.get_mut(&shard_id)?.speculate(task, worker, now)?;
    job.add_attempt(shard_id, task, assigned.number, worker, now);
    Some(assigned)
}

fn slowest(
    state: &State,
    worker: WorkerId,
    now: std::time::Duration,
    speculation: &Speculation,
) -> Option<(JobId, ShardId, TaskId)> {
    let slow = state.jobs.iter().filter(|(_, job)| job.has_room()).flat_map(|(id, job)| {
        let medians = [model::TaskKind::Map, model::TaskKind::Reduce]
            .map(|kind| (kind, job.median(kind, speculation.finished_min)));
        job.single_attempts().filter_map(move |(shard, task, by, since)| {
            let median = medians.iter().find(|(kind, _)| *kind == task.kind)?.1?;
            let elapsed = now.saturating_sub(since);
            let is_slow = elapsed >= speculation.elapsed_min && elapsed > median * speculation.times_median;
            (is_slow && by != worker).then(|| (elapsed.as_secs_f64() / median.as_secs_f64().max(1e-3), id, shard, task))
        })
    });
    let slowest = slow.max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some((slowest.1.clone(), slowest.2, slowest.3))
}
