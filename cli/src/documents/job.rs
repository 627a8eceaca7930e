//! Documents about jobs.

use model::ByteSize;
use proto::v1;
use serde::Serialize;

use super::{Document, ShardEntry, cell, fields, filled, instant, shard, word};
use crate::tables::Table;

/// Summary of one job.
#[derive(Debug, Serialize)]
struct JobEntry {
    job: String,
    /// `planning`, `running`, `cancelling`, `done`, `partly-done`, `failed` or `cancelled`.
    state: String,
    dataset: String,
    input: String,
    /// Window: `all`, or START-END in milliseconds.
    window: String,
    submitted_at: Option<String>,
    submitted_at_ms: Option<i64>,
    ended_at: Option<String>,
    ended_at_ms: Option<i64>,
    shard_count: u32,
    shards_done: u32,
    shards_failed: u32,
    bytes: u64,
    bytes_read: u64,
    /// Share of the cluster against other jobs.
    weight: i32,
    /// Former name of `weight`, kept for readers of `tailor/v1`.
    priority: i32,
    reason: Option<String>,
    /// Cause of a failure of the whole job.
    cause: Option<String>,
    /// Obstacle that holds the job up now.
    waiting_for: Option<String>,
    attempts: u64,
    attempts_failed: u64,
}

impl From<v1::JobSummary> for JobEntry {
    fn from(job: v1::JobSummary) -> Self {
        let (submitted_at, submitted_at_ms) = instant(job.submitted_at_ms);
        let (ended_at, ended_at_ms) = instant(job.ended_at_ms);
        Self {
            state: word(job.state().as_str_name(), "JOB_STATE_"),
            job: job.job,
            dataset: job.dataset,
            input: job.input,
            window: job.window,
            submitted_at,
            submitted_at_ms,
            ended_at,
            ended_at_ms,
            shard_count: job.shards,
            shards_done: job.shards_done,
            shards_failed: job.shards_failed,
            bytes: job.bytes,
            bytes_read: job.bytes_read,
            weight: job.weight,
            priority: job.weight,
            reason: filled(job.reason),
            cause: filled(job.cause),
            waiting_for: filled(job.waiting_for),
            attempts: job.attempts,
            attempts_failed: job.attempts_failed,
        }
    }
}

/// List of jobs, the latest first.
#[derive(Debug, Serialize)]
pub(crate) struct JobList {
    jobs: Vec<JobEntry>,
    /// Datasets whose history could not be read, and why.
    pub(crate) warnings: Vec<String>,
}

impl From<v1::ListJobsResponse> for JobList {
    fn from(list: v1::ListJobsResponse) -> Self {
        Self { jobs: list.jobs.into_iter().map(JobEntry::from).collect(), warnings: list.warnings }
    }
}

impl Document for JobList {
    const KIND: &'static str = "JobList";

    fn table(&self, is_wide: bool) -> String {
        let mut header = vec!["JOB", "STATE", "DONE", "FAILED", "SHARDS", "READ", "BYTES", "SUBMITTED"];
        if is_wide {
            header.extend(["ENDED", "WEIGHT", "ATTEMPTS", "DATASET", "INPUT", "WINDOW", "REASON"]);
        }
        let mut table = Table::new(&header).text(&["STATE", "DATASET", "INPUT", "WINDOW", "REASON"]);
        for job in &self.jobs {
            table.row(job.row(is_wide));
        }
        table.to_string()
    }

    fn names(&self) -> Vec<String> {
        self.jobs.iter().map(|job| job.job.clone()).collect()
    }
}

impl JobEntry {
    fn row(&self, is_wide: bool) -> Vec<String> {
        let mut row = vec![
            self.job.clone(),
            self.state.clone(),
            self.shards_done.to_string(),
            self.shards_failed.to_string(),
            self.shard_count.to_string(),
            ByteSize(self.bytes_read).to_string(),
            ByteSize(self.bytes).to_string(),
            cell(self.submitted_at.as_ref()),
        ];
        if is_wide {
            row.extend([
                cell(self.ended_at.as_ref()),
                self.weight.to_string(),
                self.attempts.to_string(),
                self.dataset.clone(),
                self.input.clone(),
                self.window.clone(),
                self.reason.clone().unwrap_or_default(),
            ]);
        }
        row
    }
}

/// Job with its shards.
#[derive(Debug, Serialize)]
pub(crate) struct Job {
    #[serde(flatten)]
    entry: JobEntry,
    shards: Vec<ShardEntry>,
    /// Record of a job that has ended, from its dataset.
    record: Option<serde_json::Value>,
}

impl From<v1::GetJobResponse> for Job {
    fn from(job: v1::GetJobResponse) -> Self {
        let unreadable = |_| String::from_utf8_lossy(&job.record).into_owned().into();
        let record = (!job.record.is_empty()).then(|| serde_json::from_slice(&job.record).unwrap_or_else(unreadable));
        Self {
            record,
            entry: job.job.unwrap_or_default().into(),
            shards: job.shards.into_iter().map(ShardEntry::from).collect(),
        }
    }
}

impl Document for Job {
    const KIND: &'static str = "Job";

    fn table(&self, is_wide: bool) -> String {
        let job = &self.entry;
        let read = format!("{} of {}", ByteSize(job.bytes_read), ByteSize(job.bytes));
        let shards = format!("{} of {} done, {} failed", job.shards_done, job.shard_count, job.shards_failed);
        let named = fields(&[
            ("job", job.job.clone()),
            ("state", job.state.clone()),
            ("waiting for", job.waiting_for.clone().unwrap_or_default()),
            ("cause", job.cause.clone().unwrap_or_default()),
            ("input", job.input.clone()),
            ("dataset", job.dataset.clone()),
            ("window", job.window.clone()),
            ("reason", job.reason.clone().unwrap_or_default()),
            ("weight", job.weight.to_string()),
            ("submitted", cell(job.submitted_at.as_ref())),
            ("ended", cell(job.ended_at.as_ref())),
            ("shards", shards),
            ("read", read),
            ("attempts", format!("{}, {} failed", job.attempts, job.attempts_failed)),
        ]);
        format!("{named}\n{}", shard::table(&self.shards, is_wide))
    }

    fn names(&self) -> Vec<String> {
        vec![self.entry.job.clone()]
    }
}
