//! Progress of jobs, shards and tasks, for people. No decision reads it.

use std::time::Duration;

use model::{AttemptId, JobId, PartitionId, ShardId, ShardPlan, TaskId};

use crate::event::{Tried, WorkerId};
use crate::shard::{Counts, Phase, Shard};
use crate::state::State;
use crate::task::{Status, Task};

/// Progress of a shard that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardView {
    /// Phase of the shard.
    pub phase: Phase,
    /// Counts of map tasks: all, done.
    pub maps: (usize, usize),
    /// Counts of partitions: all, done.
    pub reduces: (usize, usize),
    /// Segment bytes: all, read.
    pub bytes: (u64, u64),
    /// Counts of points: read, written.
    pub points: (u64, u64),
    /// Number of running attempts.
    pub running: usize,
    /// Attempts under all leaders.
    pub counts: Counts,
}

/// Progress of a task whose shard has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Kind and ordinal of the task.
    pub task: TaskId,
    /// State, as shown to operators.
    pub state: TaskState,
    /// Numbers and charges of earlier attempts.
    pub tried: Tried,
    /// Attempts that run now.
    pub running: Vec<AttemptView>,
    /// Message of the last failure.
    pub error: Option<String>,
    /// Segment bytes of a map task; 0 for a reduce task.
    pub bytes: u64,
}

/// State of a task, as shown to operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// No attempt runs at the task.
    Open,
    /// An attempt runs at the task.
    Running,
    /// The task pauses after a failure, waits for its neighbour, or is being opened again.
    Waiting,
    /// The task's completion is on record.
    Done,
}

/// Progress of a running attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptView {
    /// Number within its task, from 1.
    pub number: u32,
    /// Set once the claim is written.
    pub attempt: Option<AttemptId>,
    /// Worker that runs the attempt.
    pub worker: WorkerId,
    /// Start, on the clock of `step`'s `now`.
    pub since: Duration,
    /// True if begun beside a slow attempt.
    pub is_speculative: bool,
}

impl State {
    /// Returns the message of the stores that turn tasks of a job away, with one of the shards concerned.
    pub fn turned_away(&self, job: &JobId) -> Option<(ShardId, &str)> {
        let shards = &self.jobs.get(job)?.shards;
        shards.iter().find_map(|(id, shard)| Some((*id, shard.turned_away()?)))
    }

    /// Lists the live workers.
    pub fn workers(&self) -> impl Iterator<Item = WorkerId> {
        self.workers.iter().copied()
    }

    /// Counts the attempts that `worker` runs.
    pub fn running_on(&self, worker: WorkerId) -> usize {
        self.jobs.values().map(|job| job.attempts_of(worker).len()).sum()
    }

    /// Lists the tasks of a job that `worker` runs.
    pub fn attempts_on(&self, job: &JobId, worker: WorkerId) -> Vec<(ShardId, TaskId)> {
        let attempts = self.jobs.get(job).map(|job| job.attempts_of(worker)).unwrap_or_default();
        attempts.into_iter().map(|(shard, task, _)| (shard, task)).collect()
    }

    /// True if the scheduler knows the attempt as running on `worker`.
    pub fn runs(&self, path: &model::TaskPath, attempt: AttemptId, worker: WorkerId) -> bool {
        let job = self.jobs.get(&path.job);
        job.and_then(|job| job.worker_of(path.shard, path.task, attempt.number)) == Some(worker)
    }

    /// Returns the attempt that counts for a task of an open shard.
    pub fn recorded(&self, path: &model::TaskPath) -> Option<AttemptId> {
        let shard = self.jobs.get(&path.job)?.shards.get(&path.shard)?;
        shard.task(path.task)?.done().map(|done| done.attempt)
    }

    /// Returns the plan of a known shard; reports of its tasks are checked against it.
    pub fn plan(&self, job: &JobId, id: ShardId) -> Option<&ShardPlan> {
        self.jobs.get(job).and_then(|job| job.shards.get(&id)).map(|shard| &**shard.plan())
    }

    /// Counts a shard's attempts so far, also after its end.
    pub fn counts(&self, job: &JobId, id: ShardId) -> Counts {
        let shard = self.jobs.get(job).and_then(|job| job.shards.get(&id));
        shard.map(Shard::counts).unwrap_or_default()
    }

    /// True if a shard is known and has not ended.
    pub fn is_open(&self, job: &JobId, id: ShardId) -> bool {
        self.jobs.get(job).and_then(|job| job.shards.get(&id)).is_some_and(|shard| !shard.has_ended())
    }

    /// Returns the progress of a shard that has not ended. Linear in its tasks: meant for people, not for each change.
    pub fn shard(&self, job: &JobId, id: ShardId) -> Option<ShardView> {
        let shard = self.jobs.get(job)?.shards.get(&id).filter(|shard| !shard.has_ended())?;
        Some(view(shard))
    }

    /// Lists the tasks of a shard that has not ended, in order.
    pub fn tasks(&self, job: &JobId, id: ShardId) -> Vec<TaskView> {
        let Some(shard) = self.jobs.get(job).and_then(|job| job.shards.get(&id)) else { return Vec::new() };
        let maps = shard.maps.iter().enumerate().map(|(at, task)| task_view(TaskId::map(at as u32), task));
        let reduces = shard.reduces.iter().enumerate();
        let reduces = reduces.map(|(at, task)| task_view(TaskId::reduce(PartitionId(at as u32)), task));
        maps.chain(reduces).collect()
    }
}

fn view(shard: &Shard) -> ShardView {
    ShardView {
        phase: shard.phase(),
        maps: (shard.maps.len(), shard.maps.done()),
        reduces: (shard.reduces.len(), shard.reduces.done()),
        bytes: (shard.bytes(), shard.maps.done_bytes()),
        points: shard.points(),
        running: shard.running(),
        counts: shard.counts(),
    }
}

fn task_view(id: TaskId, task: &Task) -> TaskView {
    let state = match task.status {
        Status::Open => TaskState::Open,
        Status::Running(_) => TaskState::Running,
        Status::Waiting { .. } | Status::Suspect(_) | Status::Reopening => TaskState::Waiting,
        Status::Done(_) => TaskState::Done,
    };
    let running = task.running().iter().map(|running| AttemptView {
        number: running.number,
        attempt: running.attempt,
        worker: running.worker,
        since: running.since,
        is_speculative: running.is_speculative,
    });
    TaskView {
        task: id,
        state,
        tried: task.tried,
        running: running.collect(),
        error: task.error.as_deref().map(str::to_owned),
        bytes: task.bytes,
    }
}
