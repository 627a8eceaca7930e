//! Record of a job that has ended: the `JobReport` that `docs/formats.md` describes, as far as pages show it.
//!
//! The record is a document of its own version, and pages are one more reader of it: they read the fields that they
//! show, and a record of an older version lacks some of them.

use std::time::Duration;

use model::{Books, Effort, StageTimes};
use serde::Deserialize;

/// Record of a job.
#[derive(Debug, Clone, Deserialize)]
pub struct JobRecord {
    /// Round: 1 after the submission, and 1 more after each retry.
    pub round: u32,
    /// Time from start to end.
    pub elapsed: Duration,
    /// Warnings, in addition to those of the shards.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Shards, in order.
    pub shards: Vec<RecordedShard>,
    /// Totals over all shards.
    pub totals: RecordedTotals,
}

/// Shard in a record.
#[derive(Debug, Clone, Deserialize)]
pub struct RecordedShard {
    /// Name of the shard.
    pub shard: String,
    /// `open`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// Digest of its content, equal for equal content.
    pub content_digest: Option<String>,
    /// Time from its first attempt to its end.
    pub elapsed: Duration,
    /// Counts of the shard.
    pub totals: RecordedTotals,
    /// Requests and time of the attempts that do not count; older records have none.
    #[serde(default)]
    pub wasted: Effort,
}

/// Counts of a shard or a job.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct RecordedTotals {
    /// Books: where every frame and point went.
    pub books: Books,
    /// Segment bytes that were read.
    pub bytes_in: u64,
    /// Bytes of raw parts.
    pub bytes_raw: u64,
    /// Bytes of rollup parts.
    pub bytes_rollup: u64,
    /// Bits of raw parts for each point in them.
    pub bits_per_point: Option<f64>,
    /// Time by stage, of the attempts that count.
    pub stages: StageTimes,
    /// Requests and time of the attempts that count; older records have none.
    #[serde(default)]
    pub effort: Effort,
}

impl JobRecord {
    /// Parses a record; none if there is none, or it is none that this version can read.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return None;
        }
        serde_json::from_slice(bytes)
            .inspect_err(|error| tracing::debug!(%error, "failed to read the record of a job"))
            .ok()
    }
}
