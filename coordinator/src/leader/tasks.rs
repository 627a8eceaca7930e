//! Tasks and attempts that have not ended with their shard, as operators see them.

use std::time::Duration;

use model::{AttemptId, FencingToken, JobId, LeaseId, ShardId, TaskPath};
use proto::{ApiError, v1};
use scheduler::find::{TaskFilter, TaskOrder};
use scheduler::view::{AttemptView, TaskState, TaskView, TaskWait};

use super::live::Watched;
use super::message::LiveTask;
use super::{Leader, attempt_events};
use crate::attempt_line::{AttemptEnd, AttemptLine, DONE};

/// Most tasks in one reply, unless the request asks for fewer.
const TASKS_MAX: usize = 10_000;

/// Search that a request asks for.
#[derive(Debug, Clone)]
pub(crate) struct TaskSearch {
    pub(crate) job: JobId,
    pub(crate) shard: Option<ShardId>,
    pub(crate) state: Option<v1::TaskState>,
    pub(crate) class: Option<model::FailureClass>,
    /// Id or name of a worker; empty for any.
    pub(crate) worker: String,
    pub(crate) retrying: bool,
    pub(crate) attempts_min: u32,
    pub(crate) order: TaskOrder,
    pub(crate) offset: u64,
    /// Most tasks; 0 for [`TASKS_MAX`].
    pub(crate) limit: u32,
}

impl Leader {
    /// Finds tasks of a job that runs.
    pub(super) fn task_views(&self, search: &TaskSearch) -> Result<v1::ListTasksResponse, ApiError> {
        self.check_tasks_known(&search.job)?;
        let limit = if search.limit == 0 { TASKS_MAX } else { (search.limit as usize).min(TASKS_MAX) };
        let offset = usize::try_from(search.offset).unwrap_or(usize::MAX);
        let filter = TaskFilter {
            state: search.state.and_then(state_in_scheduler),
            retrying: search.retrying,
            attempts_min: search.attempts_min,
            workers: match search.state {
                // No task that the scheduler knows has ended: nobody runs such a one.
                Some(v1::TaskState::Ended) => Some(Vec::new()),
                _ => (!search.worker.is_empty()).then(|| self.workers_called(&search.worker)),
            },
            class: search.class,
        };
        let page = (offset, limit);
        let found = self.state.find_tasks(&search.job, search.shard, &filter, search.order, page, self.now());
        let more = offset.saturating_add(found.tasks.len()) < found.matching as usize;
        let summary = |(shard, view): &(ShardId, TaskView)| {
            let path = TaskPath { job: search.job.clone(), shard: *shard, task: view.task };
            self.task_summary(&path, view)
        };
        let tasks = found.tasks.iter().map(summary).collect();
        Ok(v1::ListTasksResponse { tasks, more, matching: found.matching, all: found.all, unknown: Vec::new() })
    }

    /// Returns a task that has not ended with its shard, and where its job's events are.
    pub(super) fn task_view(&self, path: &TaskPath) -> Result<Option<LiveTask>, ApiError> {
        let Some(live) = self.jobs.get(&path.job) else {
            return match self.recovering_view(&path.job) {
                Some(_) => self.check_tasks_known(&path.job).map(|()| None),
                None => Ok(None),
            };
        };
        let view = self.state.task(path);
        let running = view.iter().flat_map(|view| &view.running).map(|attempt| self.running_record(attempt));
        Ok(Some(LiveTask {
            running: running.collect(),
            task: view.as_ref().map(|view| self.task_summary(path, view)),
            has_shard: live.shards.contains_key(&path.shard),
            log: live.log.clone(),
            dataset: live.job.dataset.clone(),
        }))
    }

    /// Checks that a job runs, and that its tasks are known.
    fn check_tasks_known(&self, job: &JobId) -> Result<(), ApiError> {
        if let Some(recovering) = self.recovering_view(job) {
            let reason = recovering.job.map(|job| job.waiting_for).unwrap_or_default();
            return Err(ApiError::Refused { reason: format!("tasks of job {job} are not known yet: {reason}") });
        }
        if self.jobs.contains_key(job) {
            return Ok(());
        }
        Err(ApiError::NotFound { what: format!("job {job} that runs; see `tailor job list`") })
    }

    fn workers_called(&self, name: &str) -> Vec<LeaseId> {
        let is_called =
            |(id, live): &(&LeaseId, &super::LiveWorker)| live.record.name.as_str() == name || id.to_string() == name;
        self.workers.iter().filter(is_called).map(|(id, _)| *id).collect()
    }

    fn task_summary(&self, path: &TaskPath, task: &TaskView) -> v1::TaskSummary {
        let (waits_for, until) = task.waits_for.map_or((String::new(), None), sentence);
        let next_try = until.map(|until| until.saturating_sub(self.now()));
        v1::TaskSummary {
            shard: path.shard.to_string(),
            task: task.task.to_string(),
            state: task_state(task.state).into(),
            attempts: task.tried.last,
            charged: task.tried.charged,
            running: task.running.iter().map(|attempt| self.attempt_summary(attempt)).collect(),
            error: task.error.clone().unwrap_or_default(),
            bytes: task.bytes,
            class: task.class.map(|class| v1::FailureClass::from(class) as i32).unwrap_or_default(),
            // A pause that is over ends with the next claim.
            next_try_ms: next_try.map_or(0, |next| millis(next).max(1)),
            waits_for,
            counts: self.counting_record(path),
            ended: Vec::new(),
        }
    }

    fn attempt_summary(&self, view: &AttemptView) -> v1::RunningAttempt {
        let live = self.workers.get(&view.worker);
        let watched = self.shown(view);
        v1::RunningAttempt {
            attempt: Some(id_of(view).into()),
            worker: view.worker.to_string(),
            worker_name: live.map(|live| live.record.name.to_string()).unwrap_or_default(),
            bytes: watched.map_or(0, |watched| watched.bytes),
            points: watched.map_or(0, |watched| watched.points),
            elapsed_ms: millis(self.now().saturating_sub(view.since)),
            speculative: view.is_speculative,
            stage: watched.and_then(|watched| watched.stage).map(|stage| stage.to_string()).unwrap_or_default(),
            effort: watched.map(|watched| (&watched.effort).into()),
            idle_ms: watched.map_or(0, |watched| millis(watched.changed.elapsed())),
        }
    }

    /// Returns the record of an attempt that runs.
    fn running_record(&self, view: &AttemptView) -> v1::AttemptRecord {
        let summary = self.attempt_summary(view);
        v1::AttemptRecord {
            attempt: summary.attempt,
            worker: summary.worker,
            worker_name: summary.worker_name,
            start_ms: self.env.clock.now_ms().saturating_sub_unsigned(summary.elapsed_ms),
            outcome: "running".to_owned(),
            bytes: summary.bytes,
            points: summary.points,
            effort: summary.effort,
            speculative: summary.speculative,
            stage: summary.stage,
            trace_id: attempt_events::shown(self.shown(view).and_then(|watched| watched.trace)),
            ..v1::AttemptRecord::default()
        }
    }

    /// Returns the record of the attempt that counts, from its report. The worker of an attempt that ended under an
    /// earlier leader is in the job's events alone.
    fn counting_record(&self, path: &TaskPath) -> Option<v1::AttemptRecord> {
        let done = self.state.done(path)?;
        let ago = millis(self.now().saturating_sub(done.at));
        let at_ms = self.env.clock.now_ms().saturating_sub_unsigned(ago);
        let mut line = AttemptLine::new(at_ms, DONE, path, done.attempt, done.worker.unwrap_or(LeaseId(0)));
        let live = done.worker.and_then(|worker| self.workers.get(&worker));
        line.name = live.map(|live| live.record.name.to_string()).unwrap_or_default();
        line.outcome = Some(AttemptEnd::Counts);
        line.add_report(done.report);
        line.start_ms = (line.wall_ms > 0).then(|| at_ms.saturating_sub_unsigned(line.wall_ms));
        let worker = done.worker.map(|worker| worker.to_string()).unwrap_or_default();
        Some(v1::AttemptRecord { worker, ..line.into() })
    }

    fn shown(&self, view: &AttemptView) -> Option<Watched> {
        let is_it = |(held, _): &(&model::HeldAttempt, _)| Some(held.attempt) == view.attempt;
        self.workers.get(&view.worker)?.attempts.iter().find(is_it).map(|(_, watched)| *watched)
    }
}

/// Returns the id of an attempt; its token is 0 until its claim is on record.
fn id_of(view: &AttemptView) -> AttemptId {
    view.attempt.unwrap_or(AttemptId { number: view.number, token: FencingToken(0) })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Returns the obstacle as an operator reads it, and the time at which it is over, if one is set.
fn sentence(waits_for: TaskWait) -> (String, Option<Duration>) {
    let (text, until) = match waits_for {
        TaskWait::Slot => ("a free slot of a worker", None),
        TaskWait::OtherWorker => ("a worker on which it has not failed", None),
        TaskWait::Maps => ("the map tasks of its shard", None),
        TaskWait::Pause(until) => ("the end of its pause after a failure", Some(until)),
        TaskWait::Store(until) => ("a store, which turned it away", Some(until)),
        TaskWait::Neighbour => ("the map task before it, which confirms or refutes its start", None),
        TaskWait::Record => ("the record that opens it again", None),
    };
    (text.to_owned(), until)
}

const fn state_in_scheduler(state: v1::TaskState) -> Option<TaskState> {
    match state {
        v1::TaskState::Open => Some(TaskState::Open),
        v1::TaskState::Running => Some(TaskState::Running),
        v1::TaskState::Waiting => Some(TaskState::Waiting),
        v1::TaskState::Done => Some(TaskState::Done),
        v1::TaskState::Unspecified | v1::TaskState::Ended => None,
    }
}

const fn task_state(state: TaskState) -> v1::TaskState {
    match state {
        TaskState::Open => v1::TaskState::Open,
        TaskState::Running => v1::TaskState::Running,
        TaskState::Waiting => v1::TaskState::Waiting,
        TaskState::Done => v1::TaskState::Done,
    }
}
