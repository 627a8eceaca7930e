//! How far everything is, for people: read, never decided by.

use std::time::Duration;

use model::{AttemptId, JobId, PartitionId, ShardId, ShardPlan, TaskId, TaskKind};

use crate::event::{Tried, WorkerId};
use crate::shard::{Counts, Phase, Shard};
use crate::state::State;
use crate::task::{Status, Task};

/// A shard that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardView {
    /// How far it is.
    pub phase: Phase,
    /// Map tasks, and those that are done.
    pub maps: (usize, usize),
    /// Partitions, and those that are done.
    pub reduces: (usize, usize),
    /// Segment bytes, and those that were read.
    pub bytes: (u64, u64),
    /// Points read and written.
    pub points: (u64, u64),
    /// Attempts that run.
    pub running: usize,
    /// Attempts so far.
    pub counts: Counts,
}

/// A task of a shard that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Which.
    pub task: TaskId,
    /// How far it is.
    pub state: TaskState,
    /// What it has behind it.
    pub tried: Tried,
    /// Its attempts.
    pub running: Vec<AttemptView>,
    /// How the last one failed.
    pub error: Option<String>,
    /// Segment bytes of a map task.
    pub bytes: u64,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// Nobody has it.
    Open,
    /// Somebody has it.
    Running,
    /// It rests after a failure, waits for its neighbour, or is being opened again.
    Waiting,
    /// It is on record.
    Done,
}

/// A running attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptView {
    /// Its number.
    pub number: u32,
    /// Known once its claim stands.
    pub attempt: Option<AttemptId>,
    /// Who runs it.
    pub worker: WorkerId,
    /// Since when.
    pub since: Duration,
    /// It was begun beside a slow one.
    pub is_speculative: bool,
}

impl State {
    /// What the stores say that turn tasks of a job away, with one of their shards.
    pub fn turned_away(&self, job: &JobId) -> Option<(ShardId, &str)> {
        let shards = &self.jobs.get(job)?.shards;
        shards.iter().find_map(|(id, shard)| Some((*id, shard.turned_away()?)))
    }

    /// Workers that live.
    pub fn workers(&self) -> impl Iterator<Item = WorkerId> {
        self.workers.iter().copied()
    }

    /// Attempts that `worker` runs.
    pub fn running_on(&self, worker: WorkerId) -> usize {
        self.jobs.values().map(|job| job.attempts_of(worker).len()).sum()
    }

    /// Tasks of a job that `worker` runs.
    pub fn attempts_on(&self, job: &JobId, worker: WorkerId) -> Vec<(ShardId, TaskId)> {
        let attempts = self.jobs.get(job).map(|job| job.attempts_of(worker)).unwrap_or_default();
        attempts.into_iter().map(|(shard, task, _)| (shard, task)).collect()
    }

    /// Whether the attempt runs on `worker`, as far as is known here.
    pub fn runs(&self, path: &model::TaskPath, attempt: AttemptId, worker: WorkerId) -> bool {
        let job = self.jobs.get(&path.job);
        job.and_then(|job| job.worker_of(path.shard, path.task, attempt.number)) == Some(worker)
    }

    /// The attempt that counts for a task of an open shard.
    pub fn recorded(&self, path: &model::TaskPath) -> Option<AttemptId> {
        let shard = self.jobs.get(&path.job)?.shards.get(&path.shard)?;
        match path.task.kind {
            TaskKind::Map => shard.maps.get(path.task.ordinal)?.done().map(|done| done.attempt),
            TaskKind::Reduce => shard.reduces.get(path.task.ordinal)?.done().map(|done| done.attempt),
        }
    }

    /// The plan of a shard that is known: what a report of one of its tasks is held against.
    pub fn plan(&self, job: &JobId, id: ShardId) -> Option<&ShardPlan> {
        self.jobs.get(job).and_then(|job| job.shards.get(&id)).map(|shard| &**shard.plan())
    }

    /// Attempts of a shard so far, ended or not.
    pub fn counts(&self, job: &JobId, id: ShardId) -> Counts {
        let shard = self.jobs.get(job).and_then(|job| job.shards.get(&id));
        shard.map(Shard::counts).unwrap_or_default()
    }

    /// Whether a shard is known and has not ended.
    pub fn is_open(&self, job: &JobId, id: ShardId) -> bool {
        self.jobs.get(job).and_then(|job| job.shards.get(&id)).is_some_and(|shard| !shard.has_ended())
    }

    /// A shard that has not ended. Linear in its tasks: for people, not for every change.
    pub fn shard(&self, job: &JobId, id: ShardId) -> Option<ShardView> {
        let shard = self.jobs.get(job)?.shards.get(&id).filter(|shard| !shard.has_ended())?;
        Some(view(shard))
    }

    /// Tasks of a shard that has not ended, in order.
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
        bytes: (shard.weight(), shard.maps.done_weight()),
        points: shard.points(),
        running: shard.running(),
        counts: shard.counts(),
    }
}

fn task_view<R>(id: TaskId, task: &Task<R>) -> TaskView {
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
        bytes: task.weight,
    }
}
