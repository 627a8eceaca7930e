//! Documents about workers.

use std::time::Duration;

use model::ByteSize;
use proto::v1;
use serde::Serialize;

use super::attempt::class;
use super::{Document, cell, filled, instant, span};
use crate::tables::Table;

/// Summary of one worker.
#[derive(Debug, Serialize)]
struct WorkerEntry {
    worker: String,
    name: String,
    /// `active`, `draining` or `unfit`.
    state: &'static str,
    /// Reason for which the worker leaves or claims no work.
    reason: Option<String>,
    version: String,
    slots: u32,
    running: u32,
    memory_bytes: u64,
    since_at: Option<String>,
    since_at_ms: Option<i64>,
    /// Time since its last heartbeat, in milliseconds.
    silent_ms: u64,
    /// Pace against the median of the other workers, of the kinds of task of which enough is known.
    speeds: Vec<SpeedEntry>,
    /// Attempts that ended within the last half hour to hour, under this leader.
    attempts: u32,
    attempts_failed: u32,
    /// Attempts that a twin overtook.
    attempts_overtaken: u32,
    /// Leases of its name that ended in that time while it did not drain.
    leases_lost: u32,
    /// Class and message of the last failure in that time.
    class: Option<String>,
    failure: Option<String>,
    /// Reason to look at it, against what the others do.
    remark: Option<String>,
}

/// Pace of a worker at one kind of task.
#[derive(Debug, Serialize)]
struct SpeedEntry {
    /// `map` or `reduce`.
    kind: String,
    /// 1 at the median of the others, 0.5 at half their pace.
    speed: f64,
    attempts: u32,
    others: u32,
}

impl From<v1::WorkerSpeed> for SpeedEntry {
    fn from(speed: v1::WorkerSpeed) -> Self {
        Self { kind: speed.kind, speed: speed.speed, attempts: speed.attempts, others: speed.others }
    }
}

impl WorkerEntry {
    /// Speed at a kind of task, as a table shows it.
    fn speed(&self, kind: &str) -> String {
        let found = self.speeds.iter().find(|speed| speed.kind == kind);
        found.map_or_else(|| "-".to_owned(), |found| format!("{:.2}", found.speed))
    }

    /// Failures of the attempts that ended, as a table shows them.
    fn failed(&self) -> String {
        if self.attempts == 0 { "-".to_owned() } else { format!("{} of {}", self.attempts_failed, self.attempts) }
    }
}

impl From<v1::WorkerSummary> for WorkerEntry {
    fn from(worker: v1::WorkerSummary) -> Self {
        let (since_at, since_at_ms) = instant(worker.since_ms);
        let class = class(worker.failure_class());
        let (state, reason) = match (filled(worker.draining), filled(worker.unfit)) {
            (Some(draining), _) => ("draining", Some(draining)),
            (None, Some(unfit)) => ("unfit", Some(unfit)),
            (None, None) => ("active", None),
        };
        Self {
            worker: worker.worker,
            name: worker.name,
            state,
            reason,
            version: worker.version,
            slots: worker.slots,
            running: worker.running,
            memory_bytes: worker.memory_bytes,
            since_at,
            since_at_ms,
            silent_ms: worker.silent_ms,
            speeds: worker.speeds.into_iter().map(SpeedEntry::from).collect(),
            attempts: worker.attempts,
            attempts_failed: worker.attempts_failed,
            attempts_overtaken: worker.attempts_overtaken,
            leases_lost: worker.leases_lost,
            class,
            failure: filled(worker.failure),
            remark: filled(worker.remark),
        }
    }
}

/// Order to leave that is not carried out yet.
#[derive(Debug, Serialize)]
struct DrainEntry {
    name: String,
    /// Id that the worker had when it last received the order.
    worker: String,
    reason: String,
    /// True if its lease ended before it had left; the order is given again if the worker comes back.
    is_lost: bool,
}

/// Live workers, and orders to leave.
#[derive(Debug, Serialize)]
pub(crate) struct WorkerList {
    workers: Vec<WorkerEntry>,
    drains: Vec<DrainEntry>,
}

impl From<v1::ListWorkersResponse> for WorkerList {
    fn from(list: v1::ListWorkersResponse) -> Self {
        let drain = |order: v1::DrainOrder| DrainEntry {
            name: order.name,
            worker: order.worker,
            reason: order.reason,
            is_lost: order.lost,
        };
        Self {
            workers: list.workers.into_iter().map(WorkerEntry::from).collect(),
            drains: list.drains.into_iter().map(drain).collect(),
        }
    }
}

impl Document for WorkerList {
    const KIND: &'static str = "WorkerList";

    fn table(&self, is_wide: bool) -> String {
        let mut header = vec!["WORKER", "NAME", "STATE", "RUNNING", "SLOTS", "MAPS", "REDUCES", "FAILED", "HEARD"];
        if is_wide {
            header.extend(["MEMORY", "SINCE", "VERSION"]);
        }
        header.push("REASON");
        let mut table = Table::new(&header).text(&["NAME", "STATE", "REASON"]);
        for worker in &self.workers {
            let mut row = vec![
                worker.worker.clone(),
                worker.name.clone(),
                worker.state.to_owned(),
                worker.running.to_string(),
                worker.slots.to_string(),
                worker.speed("map"),
                worker.speed("reduce"),
                worker.failed(),
                format!("{} ago", span(Duration::from_millis(worker.silent_ms))),
            ];
            if is_wide {
                let memory = ByteSize(worker.memory_bytes).to_string();
                row.extend([memory, cell(worker.since_at.as_ref()), worker.version.clone()]);
            }
            let reasons: Vec<_> = worker.reason.iter().chain(&worker.remark).map(String::as_str).collect();
            row.push(reasons.join("; "));
            table.row(row);
        }
        for order in self.drains.iter().filter(|order| order.is_lost) {
            let mut row = vec![order.worker.clone(), order.name.clone(), "lost".to_owned()];
            row.resize(header.len() - 1, "-".to_owned());
            row.push(format!("to leave if it comes back: {}", order.reason));
            table.row(row);
        }
        table.to_string()
    }

    fn names(&self) -> Vec<String> {
        self.workers.iter().map(|worker| worker.name.clone()).collect()
    }
}
