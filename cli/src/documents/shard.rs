//! Documents about shards.

use std::time::Duration;

use model::ByteSize;
use proto::v1;
use serde::Serialize;

use super::{Document, cell, fields, filled, span, word};
use crate::tables::Table;

/// Summary of one shard.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ShardEntry {
    pub(crate) shard: String,
    /// `mapping`, `reducing`, `committing`, `done`, `failed` or `cancelled`.
    state: String,
    /// Cause for which the shard is not done.
    cause: Option<String>,
    /// Version of the manifest that was committed.
    pub(crate) version: Option<u32>,
    /// Digest of the content; equal for equal content.
    pub(crate) content_digest: Option<String>,
    /// Version that was replaced.
    pub(crate) replaces: Option<u32>,
    /// True if the replaced version had the same content.
    pub(crate) same_content: Option<bool>,
    segments: u64,
    bytes: u64,
    bytes_read: u64,
    map_tasks: u32,
    map_tasks_done: u32,
    partitions: u32,
    partitions_done: u32,
    running: u32,
    attempts: u32,
    attempts_failed: u32,
    points_read: u64,
    points_written: u64,
    elapsed_ms: u64,
    eta_ms: Option<u64>,
    /// Obstacle for which no attempt of the shard gets on.
    waits_for: Option<String>,
    warnings: Vec<String>,
}

impl From<v1::ShardSummary> for ShardEntry {
    fn from(shard: v1::ShardSummary) -> Self {
        let counted = |version: u32| (version > 0).then_some(version);
        Self {
            state: word(shard.state().as_str_name(), "SHARD_STATE_"),
            shard: shard.shard,
            cause: filled(shard.cause),
            version: counted(shard.version),
            content_digest: filled(shard.content_digest),
            replaces: counted(shard.replaces),
            same_content: shard.same_content,
            segments: shard.segments,
            bytes: shard.bytes,
            bytes_read: shard.bytes_read,
            map_tasks: shard.map_tasks,
            map_tasks_done: shard.map_tasks_done,
            partitions: shard.partitions,
            partitions_done: shard.partitions_done,
            running: shard.running,
            attempts: shard.attempts,
            attempts_failed: shard.attempts_failed,
            points_read: shard.points_read,
            points_written: shard.points_written,
            elapsed_ms: shard.elapsed_ms,
            eta_ms: (shard.eta_ms > 0).then_some(shard.eta_ms),
            waits_for: filled(shard.waits_for),
            warnings: shard.warnings,
        }
    }
}

/// Shards of one job.
#[derive(Debug, Serialize)]
pub(crate) struct ShardList {
    pub(crate) job: String,
    pub(crate) shards: Vec<ShardEntry>,
}

impl Document for ShardList {
    const KIND: &'static str = "ShardList";

    fn table(&self, is_wide: bool) -> String {
        table(&self.shards, is_wide)
    }

    fn names(&self) -> Vec<String> {
        self.shards.iter().map(|shard| shard.shard.clone()).collect()
    }
}

/// Formats shards as a table.
pub(super) fn table(shards: &[ShardEntry], is_wide: bool) -> String {
    let mut header = vec!["SHARD", "STATE", "READ", "BYTES", "MAP", "REDUCE", "RUNNING", "FAILED", "ETA", "VERSION"];
    if is_wide {
        header.extend(["ATTEMPTS", "SEGMENTS", "POINTS READ", "WRITTEN", "ELAPSED", "DIGEST"]);
    }
    header.push("CAUSE");
    let mut table = Table::new(&header).text(&["STATE", "DIGEST", "CAUSE"]);
    for shard in shards {
        table.row(row(shard, is_wide));
    }
    table.to_string()
}

fn row(shard: &ShardEntry, is_wide: bool) -> Vec<String> {
    let mut row = vec![
        shard.shard.clone(),
        shard.state.clone(),
        ByteSize(shard.bytes_read).to_string(),
        ByteSize(shard.bytes).to_string(),
        format!("{}/{}", shard.map_tasks_done, shard.map_tasks),
        format!("{}/{}", shard.partitions_done, shard.partitions),
        shard.running.to_string(),
        shard.attempts_failed.to_string(),
        cell(shard.eta_ms.map(|eta| span(Duration::from_millis(eta)))),
        cell(shard.version.map(|version| format!("v{version}"))),
    ];
    if is_wide {
        row.extend([
            shard.attempts.to_string(),
            shard.segments.to_string(),
            shard.points_read.to_string(),
            shard.points_written.to_string(),
            span(Duration::from_millis(shard.elapsed_ms)),
            cell(shard.content_digest.as_ref()),
        ]);
    }
    row.push(shard.cause.clone().unwrap_or_default());
    row
}

/// Shard of a job.
#[derive(Debug, Serialize)]
pub(crate) struct ShardOfJob {
    pub(crate) job: String,
    #[serde(flatten)]
    pub(crate) shard: ShardEntry,
}

impl Document for ShardOfJob {
    const KIND: &'static str = "Shard";

    fn table(&self, _is_wide: bool) -> String {
        let shard = &self.shard;
        let replaces = match (shard.replaces, shard.same_content) {
            (None, _) => String::new(),
            (Some(replaced), None) => format!("v{replaced}"),
            (Some(replaced), Some(true)) => format!("v{replaced}, the same content"),
            (Some(replaced), Some(false)) => format!("v{replaced}, other content"),
        };
        fields(&[
            ("shard", format!("{} of job {}", shard.shard, self.job)),
            ("state", shard.state.clone()),
            ("cause", shard.cause.clone().unwrap_or_default()),
            ("version", cell(shard.version.map(|version| format!("v{version}")))),
            ("replaces", replaces),
            ("digest", shard.content_digest.clone().unwrap_or_default()),
            ("segments", shard.segments.to_string()),
            ("read", format!("{} of {}", ByteSize(shard.bytes_read), ByteSize(shard.bytes))),
            ("map tasks", format!("{} of {} done", shard.map_tasks_done, shard.map_tasks)),
            ("partitions", format!("{} of {} done", shard.partitions_done, shard.partitions)),
            ("attempts", format!("{}, {} failed, {} running", shard.attempts, shard.attempts_failed, shard.running)),
            ("points", format!("{} read, {} written", shard.points_read, shard.points_written)),
            ("elapsed", span(Duration::from_millis(shard.elapsed_ms))),
            ("left", shard.eta_ms.map(|eta| span(Duration::from_millis(eta))).unwrap_or_default()),
            ("warnings", shard.warnings.join("; ")),
        ])
    }

    fn names(&self) -> Vec<String> {
        vec![self.shard.shard.clone()]
    }
}
