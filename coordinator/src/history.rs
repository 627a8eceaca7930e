//! What is kept of a job in its dataset: records and event logs. It outlives the cluster's state.
//!
//! The log is a sequence of write-once pieces, a line an event: an object store cannot append. A leader writes its pieces
//! under its own name, so two leaders never write the same one; in order of key they are in order of time.

use std::collections::BTreeSet;

use format::keys;
use model::{JobId, LeaderId, TimestampMs};
use serde_json::{Value, json};
use storage::{Root, StorageError};

use crate::report::JobReport;

/// Lines that wait to be written, at most: past them the oldest are left out, and counted.
const LINES_MAX: usize = 10_000;

/// The events of one job since its last piece.
#[derive(Debug)]
pub(crate) struct EventLog {
    job: JobId,
    leader: LeaderId,
    ordinal: u32,
    lines: Vec<String>,
    left_out: u64,
}

impl EventLog {
    pub(crate) const fn new(job: JobId, leader: LeaderId) -> Self {
        Self { job, leader, ordinal: 0, lines: Vec::new(), left_out: 0 }
    }

    /// Notes an event; `fields` is an object.
    pub(crate) fn note(&mut self, at_ms: TimestampMs, event: &str, fields: Value) {
        if self.lines.len() == LINES_MAX {
            self.left_out += 1;
            return;
        }
        let mut line = json!({ "at_ms": at_ms, "event": event });
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        self.lines.push(line.to_string());
    }

    /// The key and bytes of the next piece, if there is anything in it.
    pub(crate) fn take_piece(&mut self) -> Option<(String, Vec<u8>)> {
        if self.lines.is_empty() {
            return None;
        }
        if self.left_out > 0 {
            self.lines.push(json!({ "event": "left-out", "lines": self.left_out }).to_string());
        }
        let mut bytes = self.lines.join("\n").into_bytes();
        bytes.push(b'\n');
        let key = keys::events(&self.job, self.leader, self.ordinal);
        self.ordinal += 1;
        (self.lines, self.left_out) = (Vec::new(), 0);
        Some((key, bytes))
    }
}

/// The record of a job that has ended; none where there is none.
pub(crate) async fn record(dataset: &Root, job: &JobId) -> Result<Option<JobReport>, StorageError> {
    crate::record::read(dataset, job).await
}

/// Names of the jobs that a dataset has a record of.
pub(crate) async fn jobs(dataset: &Root) -> Result<Vec<JobId>, StorageError> {
    let listed = dataset.list(keys::JOBS).await?;
    let job = |key: &str| {
        let (job, file) = key.strip_prefix(keys::JOBS)?.strip_prefix('/')?.split_once('/')?;
        (file == "record.json" || file.starts_with("records/")).then(|| job.parse().ok())?
    };
    let jobs: BTreeSet<_> = listed.iter().filter_map(|object| job(object.location.as_ref())).collect();
    Ok(jobs.into_iter().collect())
}
