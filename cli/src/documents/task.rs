//! Documents about tasks.

use std::time::Duration;

use model::ByteSize;
use proto::v1;
use serde::Serialize;

use super::attempt::{AttemptEntry, EffortEntry, class};
use super::{Document, cell, filled, span, word};
use crate::tables::Table;

/// Summary of one task.
#[derive(Debug, Serialize)]
pub(super) struct TaskEntry {
    shard: String,
    task: String,
    /// `open`, `running`, `waiting` or `done`.
    pub(super) state: String,
    pub(super) attempts: u32,
    /// Number of attempts that are charged to the task.
    pub(super) charged: u32,
    running: Vec<Running>,
    /// Error of the last attempt that failed.
    error: Option<String>,
    /// Class of that failure: `transient`, `throttled`, `resource`, `input`, `run-lost`, `cancelled` or `bug`.
    class: Option<String>,
    /// Segment bytes of a map task.
    pub(super) bytes: u64,
    /// Time until a task that waits may be tried again.
    next_try_ms: Option<u64>,
    /// Obstacle for which the task does not run.
    pub(super) waits_for: Option<String>,
    /// Attempt that counts.
    counts: Option<AttemptEntry>,
    /// Other attempts that have ended, the latest 20; of a shard that has ended.
    ended: Vec<AttemptEntry>,
}

/// Attempt that is running.
#[derive(Debug, Serialize)]
struct Running {
    attempt: u32,
    worker: String,
    worker_name: String,
    bytes: u64,
    points: u64,
    elapsed_ms: u64,
    /// True if the attempt was started beside a slow one.
    speculative: bool,
    /// Stage of the work: `read`, `decode`, `route`, `spill`, `merge`, `encode`, `rollup` or `write`.
    stage: Option<String>,
    /// Time since it last read or wrote anything.
    idle_ms: u64,
    effort: Option<EffortEntry>,
}

impl From<v1::RunningAttempt> for Running {
    fn from(running: v1::RunningAttempt) -> Self {
        Self {
            attempt: running.attempt.unwrap_or_default().number,
            worker: running.worker,
            worker_name: running.worker_name,
            bytes: running.bytes,
            points: running.points,
            elapsed_ms: running.elapsed_ms,
            speculative: running.speculative,
            stage: filled(running.stage),
            idle_ms: running.idle_ms,
            effort: running.effort.map(EffortEntry::from),
        }
    }
}

impl From<v1::TaskSummary> for TaskEntry {
    fn from(task: v1::TaskSummary) -> Self {
        Self {
            state: word(task.state().as_str_name(), "TASK_STATE_"),
            class: class(task.class()),
            shard: task.shard,
            task: task.task,
            attempts: task.attempts,
            charged: task.charged,
            running: task.running.into_iter().map(Running::from).collect(),
            error: filled(task.error),
            bytes: task.bytes,
            next_try_ms: (task.next_try_ms > 0).then_some(task.next_try_ms),
            waits_for: filled(task.waits_for),
            counts: task.counts.map(AttemptEntry::from),
            ended: task.ended.into_iter().map(AttemptEntry::from).collect(),
        }
    }
}

/// Tasks of one job.
#[derive(Debug, Serialize)]
pub(crate) struct TaskList {
    job: String,
    tasks: Vec<TaskEntry>,
    /// True if there are more tasks than the limit.
    pub(crate) more: bool,
    /// Number of tasks that the filter lets through, and of all tasks.
    pub(crate) matching: u64,
    pub(crate) all: u64,
    /// Sentences about tasks of which nothing is known any more.
    pub(crate) unknown: Vec<String>,
}

impl TaskList {
    pub(crate) fn new(job: String, list: v1::ListTasksResponse) -> Self {
        let v1::ListTasksResponse { tasks, more, matching, all, unknown } = list;
        Self { job, tasks: tasks.into_iter().map(TaskEntry::from).collect(), more, matching, all, unknown }
    }

    /// Counts the tasks that are listed.
    pub(crate) fn shown(&self) -> usize {
        self.tasks.len()
    }
}

impl Document for TaskList {
    const KIND: &'static str = "TaskList";

    fn table(&self, is_wide: bool) -> String {
        let mut header = vec!["SHARD", "TASK", "STATE", "ATTEMPTS", "CHARGED", "WORKER"];
        if is_wide {
            header.extend(["STAGE", "BYTES", "AT", "POINTS", "CLASS"]);
        }
        header.extend(["TIME", "WAITS FOR", "ERROR"]);
        let texts = ["TASK", "STATE", "WORKER", "STAGE", "CLASS", "WAITS FOR", "ERROR"];
        let mut table = Table::new(&header).text(&texts);
        for task in &self.tasks {
            table.row(task.row(is_wide));
        }
        table.to_string()
    }

    fn names(&self) -> Vec<String> {
        self.tasks.iter().map(|task| format!("{}/{}", task.shard, task.task)).collect()
    }
}

impl TaskEntry {
    /// Returns the obstacle, and the time until the next try if one is set.
    pub(super) fn waiting(&self) -> String {
        match (&self.waits_for, self.next_try_ms) {
            (Some(obstacle), Some(ms)) => format!("{obstacle}, {}", span(Duration::from_millis(ms))),
            (obstacle, _) => cell(obstacle.as_ref()),
        }
    }

    fn row(&self, is_wide: bool) -> Vec<String> {
        let of_each = |cell_of: &dyn Fn(&Running) -> String| {
            let all: Vec<_> = self.running.iter().map(cell_of).collect();
            if all.is_empty() { cell(None::<String>) } else { all.join(",") }
        };
        let worker = |running: &Running| {
            let speculative = if running.speculative { " (speculative)" } else { "" };
            format!("{}{speculative}", running.worker_name)
        };
        let mut row = vec![
            self.shard.clone(),
            self.task.clone(),
            self.state.clone(),
            self.attempts.to_string(),
            self.charged.to_string(),
            match self.counts.as_ref().and_then(AttemptEntry::ran_on) {
                Some(worker) => worker.to_owned(),
                None => of_each(&worker),
            },
        ];
        if is_wide {
            row.extend([
                of_each(&|running| cell(running.stage.as_ref())),
                ByteSize(self.bytes).to_string(),
                of_each(&|running| ByteSize(running.bytes).to_string()),
                of_each(&|running| running.points.to_string()),
                cell(self.class.as_ref()),
            ]);
        }
        let took = self.counts.as_ref().and_then(|counts| counts.effort.as_ref()).map(|effort| effort.wall_ms);
        row.push(match took {
            Some(wall_ms) => span(Duration::from_millis(wall_ms)),
            None => of_each(&|running| span(Duration::from_millis(running.elapsed_ms))),
        });
        row.push(self.waiting());
        row.push(self.error.clone().unwrap_or_default());
        row
    }
}
