//! Documents about tasks.

use std::time::Duration;

use model::ByteSize;
use proto::v1;
use serde::Serialize;

use super::{Document, cell, filled, span, word};
use crate::tables::Table;

/// Summary of one task.
#[derive(Debug, Serialize)]
struct TaskEntry {
    shard: String,
    task: String,
    /// `open`, `running`, `waiting` or `done`.
    state: String,
    attempts: u32,
    /// Number of attempts that are charged to the task.
    charged: u32,
    running: Vec<Running>,
    /// Error of the last attempt that failed.
    error: Option<String>,
    /// Segment bytes of a map task.
    bytes: u64,
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
        }
    }
}

impl From<v1::TaskSummary> for TaskEntry {
    fn from(task: v1::TaskSummary) -> Self {
        Self {
            state: word(task.state().as_str_name(), "TASK_STATE_"),
            shard: task.shard,
            task: task.task,
            attempts: task.attempts,
            charged: task.charged,
            running: task.running.into_iter().map(Running::from).collect(),
            error: filled(task.error),
            bytes: task.bytes,
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
}

impl TaskList {
    pub(crate) fn new(job: String, list: v1::ListTasksResponse) -> Self {
        Self { job, tasks: list.tasks.into_iter().map(TaskEntry::from).collect(), more: list.more }
    }
}

impl Document for TaskList {
    const KIND: &'static str = "TaskList";

    fn table(&self, is_wide: bool) -> String {
        let mut header = vec!["SHARD", "TASK", "STATE", "ATTEMPTS", "CHARGED", "WORKER"];
        if is_wide {
            header.extend(["BYTES", "AT", "POINTS", "ELAPSED"]);
        }
        header.push("ERROR");
        let mut table = Table::new(&header).text(&["TASK", "STATE", "WORKER", "ERROR"]);
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
            of_each(&worker),
        ];
        if is_wide {
            row.extend([
                ByteSize(self.bytes).to_string(),
                of_each(&|running| ByteSize(running.bytes).to_string()),
                of_each(&|running| running.points.to_string()),
                of_each(&|running| span(Duration::from_millis(running.elapsed_ms))),
            ]);
        }
        row.push(self.error.clone().unwrap_or_default());
        row
    }
}
