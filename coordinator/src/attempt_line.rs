//! Lines of a job's event log about an attempt: its begin and its end. An ended job's pages are made of them.
//!
//! A line has no more than its reader needs, because a large job has hundreds of thousands: what is 0, empty or not
//! known is left out.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{
    AttemptId, Effort, FailureClass, LeaseId, Report, RequestKind, Requests, ShardId, Stage, StageTimes, TaskId,
    TaskPath,
};
use proto::v1;
use serde::{Deserialize, Serialize};

/// Event of a line about the begin of an attempt.
pub(crate) const ASSIGNED: &str = "attempt-assigned";
/// Event of a line about the end of an attempt.
pub(crate) const DONE: &str = "attempt-done";

/// Way in which an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AttemptEnd {
    /// Its output counts.
    Counts,
    /// It failed.
    Failed,
    /// Its worker handed it back, or does not know of it.
    HandedBack,
    /// Another attempt at its task counts, or its shard is over.
    Stopped,
    /// The lease of its worker ended.
    WorkerLost,
}

impl AttemptEnd {
    /// Returns the name, as in documents.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Counts => "counts",
            Self::Failed => "failed",
            Self::HandedBack => "handed-back",
            Self::Stopped => "stopped",
            Self::WorkerLost => "worker-lost",
        }
    }
}

/// Line about an attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AttemptLine {
    pub(crate) at_ms: i64,
    pub(crate) event: String,
    pub(crate) shard: ShardId,
    pub(crate) task: TaskId,
    pub(crate) attempt: AttemptId,
    pub(crate) worker: LeaseId,
    /// Name of the worker.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) speculative: bool,
    /// Begin of the attempt, as far as its leader knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<AttemptEnd>,
    /// Class of a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) class: Option<FailureClass>,
    /// Message of a failure, or the reason for which the attempt was handed back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
    /// Stage in which an attempt was that does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<Stage>,
    /// Segment bytes that a map attempt read; bytes that a reduce attempt wrote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) bytes: u64,
    /// Points that a map attempt read, or a reduce attempt wrote.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) points: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) spills: u64,
    /// Wall time of each stage in milliseconds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) stages_ms: BTreeMap<String, u64>,
    /// CPU time of all stages in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) cpu_ms: u64,
    /// Time for which the attempt had its slot, by its worker's clock, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) wall_ms: u64,
    /// Requests to the job's stores, by kind.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) requests: BTreeMap<String, u64>,
    /// Time for which requests waited because a store asked for fewer, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) throttled_ms: u64,
    /// Id of the trace, if a collector gets it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) trace_id: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(value: &bool) -> bool {
    !*value
}

impl AttemptLine {
    /// Creates a line that names the attempt alone.
    pub(crate) fn new(at_ms: i64, event: &str, path: &TaskPath, attempt: AttemptId, worker: LeaseId) -> Self {
        Self {
            at_ms,
            event: event.to_owned(),
            shard: path.shard,
            task: path.task,
            attempt,
            worker,
            name: String::new(),
            speculative: false,
            start_ms: None,
            outcome: None,
            class: None,
            error: String::new(),
            stage: None,
            bytes: 0,
            points: 0,
            spills: 0,
            stages_ms: BTreeMap::new(),
            cpu_ms: 0,
            wall_ms: 0,
            requests: BTreeMap::new(),
            throttled_ms: 0,
            trace_id: String::new(),
        }
    }

    /// Returns the requests by kind.
    pub(crate) fn requests(&self) -> Requests {
        let mut requests = Requests::default();
        for kind in RequestKind::ALL {
            requests.add(kind, self.requests.get(kind.name()).copied().unwrap_or_default());
        }
        requests
    }

    /// Puts in the requests and the time of the attempt.
    pub(crate) fn add_effort(&mut self, effort: &Effort) {
        self.wall_ms = millis(effort.wall);
        self.throttled_ms = millis(effort.throttled);
        let kinds = RequestKind::ALL.into_iter().map(|kind| (kind.name().to_owned(), effort.requests.of(kind)));
        self.requests = kinds.filter(|(_, count)| *count > 0).collect();
    }

    /// Puts in the facts of the report of an attempt that counts.
    pub(crate) fn add_report(&mut self, report: &Report) {
        match report {
            Report::Map(report) => {
                (self.bytes, self.points) = (report.books.bytes_read, report.books.points_read);
                self.spills = report.spills.into();
            }
            Report::Reduce(report) => {
                let rollups = report.rollups.iter().map(|rollup| rollup.object.size);
                self.bytes = report.raw.iter().map(|raw| raw.size).chain(rollups).fold(0, u64::saturating_add);
                self.points = report.books.points_written;
            }
        }
        self.add_stages(report.stages());
        if let Some(effort) = report.effort() {
            self.add_effort(&effort);
        }
    }

    fn add_stages(&mut self, stages: &StageTimes) {
        let times = Stage::ALL.into_iter().map(|stage| (stage.name().to_owned(), millis(stages.of(stage).wall)));
        self.stages_ms = times.filter(|(_, ms)| *ms > 0).collect();
        self.cpu_ms = Stage::ALL.iter().fold(0, |sum: u64, stage| sum.saturating_add(millis(stages.of(*stage).cpu)));
    }
}

impl From<AttemptLine> for v1::AttemptRecord {
    fn from(line: AttemptLine) -> Self {
        let requests = line.requests();
        let (wall, throttled) = (Duration::from_millis(line.wall_ms), Duration::from_millis(line.throttled_ms));
        let effort = Effort { wall, requests, throttled };
        let is_end = line.event == DONE;
        Self {
            attempt: Some(line.attempt.into()),
            worker: line.worker.to_string(),
            worker_name: line.name,
            start_ms: if is_end { line.start_ms.unwrap_or_default() } else { line.at_ms },
            end_ms: if is_end { line.at_ms } else { 0 },
            outcome: line.outcome.map(|end| end.name().to_owned()).unwrap_or_default(),
            class: line.class.map(|class| v1::FailureClass::from(class) as i32).unwrap_or_default(),
            error: line.error,
            bytes: line.bytes,
            points: line.points,
            spills: line.spills,
            stages_ms: line.stages_ms.into_iter().collect(),
            cpu_ms: line.cpu_ms,
            effort: is_end.then(|| (&effort).into()),
            speculative: line.speculative,
            stage: line.stage.map(|stage| stage.to_string()).unwrap_or_default(),
            trace_id: line.trace_id,
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
