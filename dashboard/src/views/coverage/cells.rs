//! Facts of windows and shards, from the wire.

use std::collections::BTreeMap;

use model::limits::SHARED_SHARDS;
use model::{OrgId, ShardId};
use proto::v1::{ShardCoverage, WindowCoverage};
use serde::Serialize;

use crate::views::facts::{filled, word};

const STATE_PREFIX: &str = "COVERAGE_STATE_";

/// Facts of one window.
#[derive(Debug, Serialize)]
pub(super) struct WindowFacts {
    pub(super) window: String,
    /// `empty`, `complete`, `unknown`, `holes`, `running`, `missing` or `failed`.
    pub(super) state: String,
    pub(super) answer: String,
    /// Job by whose plan the window is judged.
    pub(super) plan: Option<String>,
    pub(super) shards: Vec<ShardState>,
    pub(super) notes: Vec<String>,
}

/// Facts of a shard in a window.
#[derive(Debug, Serialize)]
pub(super) struct ShardState {
    pub(super) shard: String,
    pub(super) state: String,
    /// Reason for which the shard is asked about, if an organisation is.
    pub(super) routed_because: Option<String>,
    pub(super) version: Option<u32>,
    /// Input that is read of a shard that runs, in percent; none if it is not known.
    pub(super) read_percent: Option<u64>,
    /// Job that wrote the version, and the one that tried the shard after it.
    pub(super) job: Option<String>,
    pub(super) later_job: Option<String>,
    pub(super) later_outcome: Option<String>,
    pub(super) committed_at_ms: Option<i64>,
    pub(super) frames_quarantined: u64,
    pub(super) frames_misplaced: u64,
    pub(super) segments_lacking: u64,
    pub(super) bytes_lacking: u64,
    pub(super) cause: Option<String>,
    /// Command that helps, if one does.
    pub(super) next_step: Option<String>,
}

impl WindowFacts {
    /// Reads a window of an answer about all shards, or about those of an organisation.
    pub(super) fn of(window: &WindowCoverage, org: Option<u64>) -> Self {
        Self {
            window: window.window.clone(),
            state: word(window.state().as_str_name(), STATE_PREFIX),
            answer: window.answer.clone(),
            plan: window.plan.as_ref().map(|plan| plan.job.clone()),
            shards: window.shards.iter().map(|shard| ShardState::of(shard, org)).collect(),
            notes: window.notes.clone(),
        }
    }

    /// Lists the jobs that work on shards of this window.
    pub(super) fn running_jobs(&self) -> impl Iterator<Item = &str> {
        let running = self.shards.iter().filter(|shard| shard.state == "running");
        running.filter_map(|shard| shard.later_job.as_deref())
    }

    /// Notes what the shards on which `job` works have read, in percent.
    pub(super) fn add_progress(&mut self, job: &str, read: &BTreeMap<String, u64>) {
        for shard in self.shards.iter_mut().filter(|shard| shard.state == "running") {
            if shard.later_job.as_deref() == Some(job) {
                shard.read_percent = read.get(&shard.shard).copied();
            }
        }
    }
}

impl ShardState {
    fn of(shard: &ShardCoverage, org: Option<u64>) -> Self {
        let misplaced = shard.misplaced.values();
        let mut facts = Self {
            shard: shard.shard.clone(),
            state: word(shard.state().as_str_name(), STATE_PREFIX),
            routed_because: org.map(|org| routed_because(shard, org)),
            version: (shard.version > 0).then_some(shard.version),
            read_percent: None,
            job: filled(&shard.job),
            later_job: filled(&shard.later_job),
            later_outcome: filled(&shard.later_outcome),
            committed_at_ms: shard.committed_at_ms,
            frames_quarantined: shard.frames_quarantined,
            frames_misplaced: misplaced.fold(shard.misplaced_unlisted, |sum, frames| sum.saturating_add(*frames)),
            segments_lacking: shard.segments_lacking,
            bytes_lacking: shard.bytes_lacking,
            cause: filled(&shard.cause),
            next_step: None,
        };
        facts.next_step = facts.find_next_step();
        facts
    }

    /// True if nothing is left to do.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.state.as_str(), "complete" | "empty")
    }

    /// Returns the job whose page tells more: the one that last tried a shard that is not complete, or its writer.
    pub(super) fn telling_job(&self) -> Option<&str> {
        let last = self.later_job.as_ref().filter(|_| !self.is_complete());
        last.or(self.job.as_ref()).map(String::as_str)
    }

    /// Returns the command that helps; none where nothing is to be done, or where the cause has to be found first.
    fn find_next_step(&self) -> Option<String> {
        let job = self.telling_job()?;
        match self.state.as_str() {
            "failed" => Some(format!("tailor job retry {job} --reason TEXT")),
            // Frames that lie in the wrong shard lie there again after a replay.
            "holes" if self.frames_quarantined + self.segments_lacking + self.bytes_lacking > 0 => {
                Some(format!("tailor shard replay {} --job {job} --reason TEXT", self.shard))
            }
            // The manifest of a shard that was done is gone.
            "missing" if self.later_outcome.as_deref() == Some("done") => {
                Some(format!("tailor shard replay {} --job {job} --reason TEXT", self.shard))
            }
            "running" => Some(format!("tailor job watch {job}")),
            _ => None,
        }
    }
}

/// Says why a shard is among those of an organisation.
fn routed_because(shard: &ShardCoverage, org: u64) -> String {
    let misplaced = shard.misplaced.get(&org).copied().unwrap_or_default();
    match shard.shard.parse() {
        Ok(ShardId::Dedicated(OrgId(of))) if of == org && misplaced == 0 => {
            "the shard map gives the organisation a shard of its own".to_owned()
        }
        Ok(ShardId::Shared(remainder)) if u64::from(remainder) == org % SHARED_SHARDS && misplaced == 0 => {
            format!("{org} modulo {SHARED_SHARDS} is {remainder}, and the shard map gives it no shard of its own")
        }
        _ if misplaced > 0 => format!("{misplaced} frames of it lay in this shard by mistake"),
        _ if shard.misplaced_unlisted > 0 => "misplaced frames lay in this shard, and may be of it".to_owned(),
        _ => "the shard map of a job over this window routed it here".to_owned(),
    }
}
