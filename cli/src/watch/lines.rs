//! Text lines about a running job.

use std::collections::BTreeMap;
use std::time::Duration;

use model::ByteSize;
use proto::v1::{GetJobResponse, JobState, JobSummary, ShardState, ShardSummary};

use crate::documents::span;

/// Formats a shard on one line.
pub(super) fn shard(shard: &ShardSummary) -> String {
    let state = match shard.state() {
        ShardState::Unspecified => "in a state that this version does not know".to_owned(),
        ShardState::Mapping => {
            format!("mapping, {} of {} read", ByteSize(shard.bytes_read), ByteSize(shard.bytes))
        }
        ShardState::Reducing => format!("reducing, {} of {} parts written", shard.partitions_done, shard.partitions),
        ShardState::Committing => "committing".to_owned(),
        ShardState::Done => format!("done, v{}", shard.version),
        ShardState::Failed => format!("failed: {}", shard.cause),
        ShardState::Cancelled => "cancelled".to_owned(),
    };
    let failed = match shard.attempts_failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let waiting = match shard.waits_for.as_str() {
        "" => String::new(),
        obstacle => format!("; waiting for {obstacle}"),
    };
    format!("{state}; attempts {}{failed}{}{waiting}", shard.attempts, eta(shard))
}

fn eta(shard: &ShardSummary) -> String {
    let is_open = matches!(shard.state(), ShardState::Mapping | ShardState::Reducing | ShardState::Committing);
    if shard.eta_ms > 0 && is_open {
        format!(", ETA {}", span(Duration::from_millis(shard.eta_ms)))
    } else {
        String::new()
    }
}

/// Formats a job on one line.
pub(super) fn job(response: &GetJobResponse) -> String {
    let Some(job) = &response.job else { return String::new() };
    let state = match job.state() {
        JobState::Unspecified => "in a state that this version does not know",
        JobState::Planning => "planning",
        JobState::Running => "running",
        JobState::Cancelling => "cancelling",
        JobState::Done => "done",
        JobState::PartlyDone => "partly done",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::Unreadable => "unreadable",
    };
    let mut line = format!("{state}, shards {}/{}", job.shards_done, job.shards);
    if job.shards_failed > 0 {
        line += &format!(", {} failed", job.shards_failed);
    }
    line += &format!(", {}/{} read", ByteSize(job.bytes_read), ByteSize(job.bytes));
    // Shards run in parallel: the job takes at least as long as its slowest shard.
    if let Some(slowest) = response.shards.iter().max_by_key(|shard| shard.eta_ms) {
        line += &eta(slowest);
    }
    for (what, text) in [("waiting for", &job.waiting_for), ("cause", &job.cause)] {
        if !text.is_empty() {
            line += &format!("; {what}: {text}");
        }
    }
    line
}

/// Returns the progress of a shard in its stage, in percent.
pub(super) fn percent(shard: &ShardSummary) -> u64 {
    let share = |done: u64, all: u64| (done * 100).checked_div(all).unwrap_or(0).min(100);
    match shard.state() {
        ShardState::Mapping => share(shard.bytes_read, shard.bytes),
        ShardState::Reducing => share(shard.partitions_done.into(), shard.partitions.into()),
        ShardState::Committing | ShardState::Done => 100,
        ShardState::Unspecified | ShardState::Failed | ShardState::Cancelled => 0,
    }
}

/// State that was already printed in plain lines, so that only changes are printed: a shard that changes its state or
/// has a failed attempt; a job that changes its state, reads a further tenth or ends a shard.
#[derive(Debug, Default)]
pub(super) struct Printed {
    job: Option<(i32, u32, u32, u64, String)>,
    shards: BTreeMap<String, (i32, u32)>,
}

impl Printed {
    /// Returns a line for each change.
    pub(super) fn lines(&mut self, response: &GetJobResponse) -> Vec<String> {
        let mut lines = Vec::new();
        for told in &response.shards {
            let now = (told.state, told.attempts_failed);
            if self.shards.insert(told.shard.clone(), now) != Some(now) {
                lines.push(format!("shard {} {}", told.shard, shard(told)));
            }
        }
        if let Some(summary) = &response.job {
            let now = Some(gist(summary));
            if self.job != now {
                self.job = now;
                lines.push(format!("job {} {}", summary.job, job(response)));
            }
        }
        lines
    }
}

fn gist(job: &JobSummary) -> (i32, u32, u32, u64, String) {
    let tenths = (job.bytes_read * 10).checked_div(job.bytes).unwrap_or(0);
    (job.state, job.shards_done, job.shards_failed, tenths, job.waiting_for.clone())
}
