//! Documents about workers.

use std::time::Duration;

use model::ByteSize;
use proto::v1;
use serde::Serialize;

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
}

impl From<v1::WorkerSummary> for WorkerEntry {
    fn from(worker: v1::WorkerSummary) -> Self {
        let (since_at, since_at_ms) = instant(worker.since_ms);
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
        let mut header = vec!["WORKER", "NAME", "STATE", "RUNNING", "SLOTS", "HEARD"];
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
                format!("{} ago", span(Duration::from_millis(worker.silent_ms))),
            ];
            if is_wide {
                let memory = ByteSize(worker.memory_bytes).to_string();
                row.extend([memory, cell(worker.since_at.as_ref()), worker.version.clone()]);
            }
            row.push(worker.reason.clone().unwrap_or_default());
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
