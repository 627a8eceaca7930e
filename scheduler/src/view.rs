//! Progress of jobs, shards and tasks, for people. No decision reads it.

use std::ops::AddAssign;
use std::time::Duration;

use model::{AttemptId, FailureClass, JobId, PartitionId, Report, ShardId, ShardPlan, TaskId, TaskKind};

use crate::event::{Tried, WorkerId};
use crate::shard::{Counts, Phase, Shard};
use crate::state::State;
use crate::task::{Running, Status, Task};

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

/// Number of tasks in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TaskCounts {
    /// See [`TaskState::Open`].
    pub open: u64,
    /// See [`TaskState::Running`].
    pub running: u64,
    /// See [`TaskState::Waiting`].
    pub waiting: u64,
    /// See [`TaskState::Done`].
    pub done: u64,
}

impl AddAssign for TaskCounts {
    fn add_assign(&mut self, other: Self) {
        self.open += other.open;
        self.running += other.running;
        self.waiting += other.waiting;
        self.done += other.done;
    }
}

/// Attempt that counts for a task.
#[derive(Debug, Clone, Copy)]
pub struct DoneView<'a> {
    /// Id of the attempt.
    pub attempt: AttemptId,
    /// Report of the attempt.
    pub report: &'a Report,
    /// Time of its end, on the clock of `step`'s `now`.
    pub at: Duration,
    /// Worker that ran it; none if it ended under an earlier leader.
    pub worker: Option<WorkerId>,
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
    /// Class of the last failure, if it happened under this leader.
    pub class: Option<FailureClass>,
    /// Segment bytes of a map task; 0 for a reduce task.
    pub bytes: u64,
    /// Obstacle for which the task does not run; none if it runs or is done.
    pub waits_for: Option<TaskWait>,
}

/// Obstacle for which a task does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskWait {
    /// No worker has asked for the task yet.
    Slot,
    /// No worker has asked for it on which it has not failed.
    OtherWorker,
    /// The map tasks of the shard are not all done, of a reduce task.
    Maps,
    /// A pause after a failure, until a time on the clock of `step`'s `now`.
    Pause(Duration),
    /// A pause after a store turned the task away.
    Store(Duration),
    /// The map task before it, whose end confirms or refutes the start that was guessed.
    Neighbour,
    /// The record that opens it again.
    Record,
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

    /// Returns the message of the store that turns tasks of a shard away.
    pub fn shard_turned_away(&self, job: &JobId, shard: ShardId) -> Option<&str> {
        self.jobs.get(job)?.shards.get(&shard)?.turned_away()
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

    /// Returns a running attempt whose claim is written.
    pub fn attempt(&self, path: &model::TaskPath, attempt: AttemptId) -> Option<AttemptView> {
        let shard = self.jobs.get(&path.job)?.shards.get(&path.shard)?;
        shard.running_as(path.task, attempt).map(attempt_view)
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

    /// Counts the tasks of all shards that have not ended: map tasks, then reduce tasks. Linear in the shards.
    pub fn task_counts(&self) -> (TaskCounts, TaskCounts) {
        let shards = self.jobs.values().flat_map(|job| job.shards.values());
        let mut counts = (TaskCounts::default(), TaskCounts::default());
        for shard in shards.filter(|shard| !shard.has_ended()) {
            counts.0 += shard.maps.counts();
            counts.1 += shard.reduces.counts();
        }
        counts
    }

    /// Returns the progress of a shard that has not ended. Linear in its tasks: meant for people, not for each change.
    pub fn shard(&self, job: &JobId, id: ShardId) -> Option<ShardView> {
        let shard = self.jobs.get(job)?.shards.get(&id).filter(|shard| !shard.has_ended())?;
        Some(view(shard))
    }

    /// Lists the tasks of a shard that has not ended, in order.
    pub fn tasks(&self, job: &JobId, id: ShardId) -> Vec<TaskView> {
        let Some(shard) = self.jobs.get(job).and_then(|job| job.shards.get(&id)) else { return Vec::new() };
        tasks_of(shard).map(|(id, task)| task_view(shard, id, task)).collect()
    }

    /// Returns one task of a shard that has not ended.
    pub fn task(&self, path: &model::TaskPath) -> Option<TaskView> {
        let shard = self.jobs.get(&path.job)?.shards.get(&path.shard)?;
        shard.task(path.task).map(|task| task_view(shard, path.task, task))
    }

    /// Returns the attempt that counts for a task of an open shard.
    pub fn done(&self, path: &model::TaskPath) -> Option<DoneView<'_>> {
        let shard = self.jobs.get(&path.job)?.shards.get(&path.shard)?;
        let done = shard.task(path.task)?.done()?;
        Some(DoneView { attempt: done.attempt, report: &done.report, at: done.at, worker: done.worker })
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

const fn attempt_view(running: Running) -> AttemptView {
    let Running { number, attempt, worker, since, is_speculative } = running;
    AttemptView { number, attempt, worker, since, is_speculative }
}

/// Lists the tasks of a shard in the order of its plan: map tasks, then reduce tasks.
pub(crate) fn tasks_of(shard: &Shard) -> impl Iterator<Item = (TaskId, &Task)> {
    let maps = shard.maps.iter().enumerate().map(|(at, task)| (TaskId::map(at as u32), task));
    let reduces = shard.reduces.iter().enumerate();
    maps.chain(reduces.map(|(at, task)| (TaskId::reduce(PartitionId(at as u32)), task)))
}

/// Returns the state of a task, as operators see it.
pub(crate) const fn state_of(task: &Task) -> TaskState {
    match task.status {
        Status::Open => TaskState::Open,
        Status::Running(_) => TaskState::Running,
        Status::Waiting { .. } | Status::Suspect(_) | Status::Reopening => TaskState::Waiting,
        Status::Done(_) => TaskState::Done,
    }
}

fn waits_for(shard: &Shard, id: TaskId, task: &Task) -> Option<TaskWait> {
    match task.status {
        Status::Running(_) | Status::Done(_) => None,
        Status::Waiting { until } if task.throttled_since.is_some() => Some(TaskWait::Store(until)),
        Status::Waiting { until } => Some(TaskWait::Pause(until)),
        Status::Suspect(_) => Some(TaskWait::Neighbour),
        Status::Reopening => Some(TaskWait::Record),
        Status::Open if id.kind == TaskKind::Reduce && shard.phase() == Phase::Mapping => Some(TaskWait::Maps),
        Status::Open if !task.avoided.is_empty() => Some(TaskWait::OtherWorker),
        Status::Open => Some(TaskWait::Slot),
    }
}

pub(crate) fn task_view(shard: &Shard, id: TaskId, task: &Task) -> TaskView {
    let running = task.running().iter().copied().map(attempt_view);
    TaskView {
        task: id,
        state: state_of(task),
        tried: task.tried,
        running: running.collect(),
        error: task.error.as_deref().map(str::to_owned),
        class: task.class,
        bytes: task.bytes,
        waits_for: waits_for(shard, id, task),
    }
}
