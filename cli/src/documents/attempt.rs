//! Documents about attempts at one task.

use std::collections::BTreeMap;
use std::time::Duration;

use model::ByteSize;
use proto::v1;
use serde::Serialize;

use super::task::TaskEntry;
use super::{Document, cell, fields, filled, instant, span, word};
use crate::tables::Table;

/// Requests and time of an attempt.
#[derive(Debug, Serialize)]
pub(super) struct EffortEntry {
    /// Time for which it had its slot.
    pub(super) wall_ms: u64,
    /// Requests to the job's stores, by kind.
    requests: model::Requests,
    /// Time for which requests waited because a store asked for fewer.
    throttled_ms: u64,
}

impl From<v1::Effort> for EffortEntry {
    fn from(effort: v1::Effort) -> Self {
        let (wall_ms, throttled_ms) = (effort.wall_ms, effort.throttled_ms);
        Self { wall_ms, throttled_ms, requests: model::Effort::from(effort).requests }
    }
}

/// Attempt that runs or has ended.
#[derive(Debug, Serialize)]
pub(super) struct AttemptEntry {
    attempt: u32,
    worker: Option<String>,
    worker_name: Option<String>,
    started_at: Option<String>,
    started_at_ms: Option<i64>,
    ended_at: Option<String>,
    ended_at_ms: Option<i64>,
    /// `running`, `counts`, `failed`, `handed-back`, `stopped` or `worker-lost`.
    outcome: Option<String>,
    class: Option<String>,
    error: Option<String>,
    /// Stage in which it is, or was when it ended without counting.
    stage: Option<String>,
    /// Segment bytes that a map attempt read, or bytes that a reduce attempt wrote.
    bytes: u64,
    points: u64,
    spills: u64,
    /// Wall time by stage.
    stages_ms: BTreeMap<String, u64>,
    cpu_ms: u64,
    pub(super) effort: Option<EffortEntry>,
    speculative: bool,
    /// Id of its trace; none if a collector gets none.
    trace_id: Option<String>,
}

impl From<v1::AttemptRecord> for AttemptEntry {
    fn from(record: v1::AttemptRecord) -> Self {
        let (started_at, started_at_ms) = instant(record.start_ms);
        let (ended_at, ended_at_ms) = instant(record.end_ms);
        Self {
            class: class(record.class()),
            attempt: record.attempt.unwrap_or_default().number,
            worker: filled(record.worker),
            worker_name: filled(record.worker_name),
            started_at,
            started_at_ms,
            ended_at,
            ended_at_ms,
            outcome: filled(record.outcome),
            error: filled(record.error),
            stage: filled(record.stage),
            bytes: record.bytes,
            points: record.points,
            spills: record.spills,
            stages_ms: record.stages_ms.into_iter().collect(),
            cpu_ms: record.cpu_ms,
            effort: record.effort.map(EffortEntry::from),
            speculative: record.speculative,
            trace_id: filled(record.trace_id),
        }
    }
}

/// Returns the name of a class of failure; none if there was no failure.
pub(super) fn class(class: v1::FailureClass) -> Option<String> {
    let is_known = class != v1::FailureClass::Unspecified;
    is_known.then(|| word(class.as_str_name(), "FAILURE_CLASS_"))
}

/// Task with the attempts at it.
#[derive(Debug, Serialize)]
pub(crate) struct TaskOfJob {
    job: String,
    shard: String,
    task: String,
    /// Task as it is now; none if its job or its shard has ended.
    now: Option<TaskEntry>,
    attempts: Vec<AttemptEntry>,
    /// Sentences about facts that are lost.
    unknown: Vec<String>,
}

impl TaskOfJob {
    pub(crate) fn new((job, shard, task): (String, String, String), found: v1::GetTaskResponse) -> Self {
        let attempts = found.attempts.into_iter().map(AttemptEntry::from).collect();
        Self { job, shard, task, now: found.task.map(TaskEntry::from), attempts, unknown: found.unknown }
    }
}

impl Document for TaskOfJob {
    const KIND: &'static str = "Task";

    fn table(&self, is_wide: bool) -> String {
        let of_now = |field: &dyn Fn(&TaskEntry) -> String| self.now.as_ref().map(field).unwrap_or_default();
        let named = fields(&[
            ("task", format!("{}/{} of job {}", self.shard, self.task, self.job)),
            ("state", of_now(&|task| task.state.clone())),
            ("waits for", of_now(&|task| task.waits_for.as_ref().map(|_| task.waiting()).unwrap_or_default())),
            ("attempts", of_now(&|task| format!("{}, {} charged", task.attempts, task.charged))),
            ("bytes", of_now(&|task| ByteSize(task.bytes).to_string())),
            ("not known", self.unknown.join("; ")),
        ]);
        let mut header = vec!["ATTEMPT", "OUTCOME", "WORKER", "STARTED", "TIME", "THROTTLED", "REQUESTS"];
        if is_wide {
            header.extend(["BYTES", "POINTS", "SPILLS", "CPU", "STAGES", "TRACE"]);
        }
        header.push("ERROR");
        let mut table = Table::new(&header).text(&["OUTCOME", "WORKER", "STARTED", "STAGES", "TRACE", "ERROR"]);
        for attempt in &self.attempts {
            table.row(attempt.row(is_wide));
        }
        format!("{named}\n{table}")
    }

    fn names(&self) -> Vec<String> {
        vec![format!("{}/{}", self.shard, self.task)]
    }
}

impl AttemptEntry {
    /// Returns the worker, by its name if it is known.
    pub(super) fn ran_on(&self) -> Option<&str> {
        self.worker_name.as_deref().or(self.worker.as_deref())
    }

    fn row(&self, is_wide: bool) -> Vec<String> {
        let ms = |ms: u64| span(Duration::from_millis(ms));
        let outcome = [self.outcome.as_deref(), self.class.as_deref(), self.speculative.then_some("speculative")];
        let effort = self.effort.as_ref();
        let mut row = vec![
            self.attempt.to_string(),
            outcome.into_iter().flatten().collect::<Vec<_>>().join(", "),
            cell(self.worker_name.as_ref().or(self.worker.as_ref())),
            cell(self.started_at.as_ref()),
            cell(effort.map(|effort| ms(effort.wall_ms))),
            cell(effort.map(|effort| ms(effort.throttled_ms))),
            cell(effort.map(|effort| effort.requests.total())),
        ];
        if is_wide {
            let stages: Vec<_> = self.stages_ms.iter().map(|(stage, time)| format!("{stage} {}", ms(*time))).collect();
            let stages = if stages.is_empty() { cell(self.stage.as_ref()) } else { stages.join(", ") };
            let (bytes, points) = (ByteSize(self.bytes).to_string(), self.points.to_string());
            row.extend([bytes, points, self.spills.to_string(), ms(self.cpu_ms), stages, cell(self.trace_id.as_ref())]);
        }
        row.push(self.error.clone().unwrap_or_default());
        row
    }
}
