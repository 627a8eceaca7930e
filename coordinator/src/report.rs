//! Report of a job, for people and programs: the object behind `-o json`, and the job's record in the dataset.

use std::time::Duration;

use format::digest::Digest;
use format::state_records::{ShardPhase, ShardRecord};
use model::{Books, Effort, JobId, JobSettings, JobSpec, ShardId, ShardPlan, StageTimes, Window};
use proto::ApiError;
use scheduler::{Counts, ShardEnd, ShardOutput};
use serde::{Deserialize, Serialize};

use crate::commit::loss;

/// Name and version of the object.
pub const API_VERSION: &str = "tailor/v1";

/// Report of a finished job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobReport {
    /// [`API_VERSION`], name and version of the object.
    pub api_version: String,
    /// Always `JobReport`, the object's kind.
    pub kind: String,
    /// Name of the job.
    pub job: JobId,
    /// Spec as it was submitted.
    pub spec: JobSpec,
    /// Round: 1 after the submission, and 1 more after each retry.
    pub round: u32,
    /// Cause of a failure as a whole, before it had shards.
    pub cause: Option<String>,
    /// Window of the output.
    pub window: Window,
    /// Settings that shaped the output.
    pub settings: JobSettings,
    /// Start in milliseconds since the UNIX epoch.
    pub started_at_ms: i64,
    /// Time from start to end.
    pub elapsed: Duration,
    /// Warnings for an operator, in addition to those of the shards.
    pub warnings: Vec<String>,
    /// Reports of all shards, in order.
    pub shards: Vec<ShardReport>,
    /// Totals over all shards.
    pub totals: Totals,
    /// Measures of how uneven the shards are.
    pub skew: Skew,
}

/// Report of one shard of a finished job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShardReport {
    /// Name of the shard.
    pub shard: ShardId,
    /// Outcome of the shard.
    pub state: ShardState,
    /// Cause for which it is not done.
    pub cause: Option<String>,
    /// Version of the committed manifest.
    pub version: Option<u32>,
    /// Version that was replaced.
    pub replaces: Option<u32>,
    /// True if the replaced version has the same content, which is what a replay proves.
    pub same_content: Option<bool>,
    /// Digest over the digests of all its parts: equal for equal content.
    pub content_digest: Option<Digest>,
    /// Warnings for an operator.
    pub warnings: Vec<String>,
    /// Number of segments read.
    pub segments: usize,
    /// Number of map tasks.
    pub map_tasks: usize,
    /// Number of reduce tasks.
    pub partitions: u32,
    /// Number of attempts, failed ones included.
    pub attempts: u32,
    /// Number of failed attempts.
    pub attempts_failed: u32,
    /// Time from its first attempt to its end.
    pub elapsed: Duration,
    /// Counts of the shard.
    pub totals: Totals,
    /// Requests and slot time of the attempts that do not count, as far as the leader that ended the shard saw them.
    #[serde(default)]
    pub wasted: Effort,
}

/// State of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardState {
    /// The shard has not ended.
    Open,
    /// The shard's manifest is visible.
    Done,
    /// The shard failed; none of its output is visible.
    Failed,
    /// The shard was cancelled.
    Cancelled,
}

/// Counts of a shard or a job.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Totals {
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
    /// Bits of rollup parts for each row in them.
    pub bits_per_rollup_row: Option<f64>,
    /// Time by stage, of the attempts that count.
    pub stages: StageTimes,
    /// Requests and slot time of the attempts that count. An older version noted none.
    #[serde(default)]
    pub effort: Effort,
}

/// Measures of how uneven the shards are: the largest value over the median. 1 is even.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Skew {
    /// Ratio of segment bytes.
    pub bytes_max_over_median: Option<f64>,
    /// Ratio of CPU time.
    pub cpu_max_over_median: Option<f64>,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.books += &other.books;
        self.bytes_in += other.bytes_in;
        self.bytes_raw += other.bytes_raw;
        self.bytes_rollup += other.bytes_rollup;
        self.stages += &other.stages;
        self.effort += &other.effort;
        self.rate();
    }

    /// Computes the bits per point and per row from the sums.
    pub(crate) fn rate(&mut self) {
        let bits = |bytes: u64, count: u64| (count > 0).then(|| bytes as f64 * 8.0 / count as f64);
        self.bits_per_point = bits(self.bytes_raw, self.books.reduce.points_written);
        self.bits_per_rollup_row = bits(self.bytes_rollup, self.books.reduce.rollup_rows_written);
    }
}

impl std::fmt::Display for ShardState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

impl Totals {
    /// Computes the totals of a shard's output.
    pub(crate) fn of(output: &ShardOutput) -> Self {
        let mut totals = Self {
            books: output.books.clone(),
            bytes_in: output.plan.bytes(),
            stages: output.stages,
            effort: output.effort,
            ..Self::default()
        };
        for (_, _, report) in &output.partitions {
            totals.bytes_raw += report.raw.as_ref().map_or(0, |object| object.size);
            totals.bytes_rollup += report.rollups.iter().map(|rollup| rollup.object.size).sum::<u64>();
        }
        totals.rate();
        totals
    }
}

impl ShardReport {
    /// Report of a shard that has not ended.
    pub(crate) fn planned(plan: &ShardPlan) -> Self {
        Self {
            shard: plan.shard,
            state: ShardState::Open,
            cause: None,
            version: None,
            replaces: None,
            same_content: None,
            content_digest: None,
            warnings: Vec::new(),
            segments: plan.segments.len(),
            map_tasks: plan.map_tasks.len(),
            partitions: plan.partitions,
            attempts: 0,
            attempts_failed: 0,
            elapsed: Duration::ZERO,
            totals: Totals { bytes_in: plan.bytes(), ..Totals::default() },
            wasted: Effort::default(),
        }
    }

    /// Report of a shard whose own report is lost, or was never written, from its record in the cluster's state.
    pub(crate) fn recorded(shard: ShardId, record: &ShardRecord) -> Self {
        Self {
            shard,
            state: match record.phase {
                ShardPhase::Running | ShardPhase::Committing => ShardState::Open,
                ShardPhase::Done => ShardState::Done,
                ShardPhase::Failed => ShardState::Failed,
                ShardPhase::Cancelled => ShardState::Cancelled,
            },
            cause: record.cause.as_ref().map(ToString::to_string),
            version: record.version,
            replaces: None,
            same_content: None,
            content_digest: None,
            warnings: Vec::new(),
            segments: 0,
            map_tasks: record.map_tasks as usize,
            partitions: record.partitions,
            attempts: 0,
            attempts_failed: 0,
            elapsed: Duration::ZERO,
            totals: Totals::default(),
            wasted: Effort::default(),
        }
    }

    pub(crate) fn end(&mut self, end: &ShardEnd) {
        (self.state, self.cause, self.version) = match end {
            ShardEnd::Done { version } => (ShardState::Done, None, Some(*version)),
            ShardEnd::Failed { cause } => (ShardState::Failed, Some(cause.clone()), None),
            ShardEnd::Cancelled { cause } => (ShardState::Cancelled, Some(cause.clone()), None),
        };
    }

    pub(crate) fn count(&mut self, counts: Counts) {
        (self.attempts, self.attempts_failed) = (counts.attempts, counts.failed);
    }

    /// True if the shard's manifest is visible.
    pub fn is_done(&self) -> bool {
        self.state == ShardState::Done
    }
}

impl Skew {
    pub(crate) fn of(shards: &[ShardReport]) -> Self {
        let bytes = shards.iter().map(|shard| shard.totals.bytes_in as f64).collect();
        let cpu = shards.iter().map(|shard| shard.totals.stages.total().cpu.as_secs_f64()).collect();
        Self { bytes_max_over_median: max_over_median(bytes), cpu_max_over_median: max_over_median(cpu) }
    }
}

fn max_over_median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let median = *figures.get(figures.len() / 2)?;
    let max = *figures.last()?;
    (median > 0.0).then(|| max / median)
}

impl JobReport {
    /// Combines the shards of a round; `spec` is the submitted spec.
    pub(crate) fn of(
        spec: &JobSpec,
        round: u32,
        shards: Vec<ShardReport>,
        warnings: Vec<String>,
        started_at_ms: i64,
        elapsed: Duration,
    ) -> Self {
        let mut totals = Totals::default();
        shards.iter().for_each(|shard| totals.add(&shard.totals));
        let mut warnings = warnings;
        warnings.extend(loss(&totals.books.map, totals.bytes_in));
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "JobReport".to_owned(),
            job: spec.job.clone(),
            spec: spec.clone(),
            round,
            cause: None,
            window: spec.settings.window,
            settings: spec.settings.clone(),
            started_at_ms,
            elapsed,
            skew: Skew::of(&shards),
            warnings,
            shards,
            totals,
        }
    }

    /// Adds the shards that an earlier round finished and this one did not run again. What the earlier round spent on the
    /// others was in vain.
    pub(crate) fn merge(mut self, earlier: Self) -> Self {
        for ours in &mut self.shards {
            let same = earlier.shards.iter().find(|shard| shard.shard == ours.shard);
            same.into_iter().for_each(|earlier| ours.wasted += &earlier.wasted);
        }
        let is_kept = |shard: &ShardReport| self.shards.iter().all(|ours| ours.shard != shard.shard);
        let kept: Vec<_> = earlier.shards.into_iter().filter(is_kept).collect();
        kept.iter().for_each(|shard| self.totals.add(&shard.totals));
        self.shards.extend(kept);
        self.shards.sort_by_key(|shard| shard.shard);
        self.skew = Skew::of(&self.shards);
        self
    }

    /// True if the job ended because it was cancelled, perhaps with some shards done.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.starts_with("cancelled: "))
    }

    /// True if the spec was lost with the job, so that its name may be reused by another job.
    pub(crate) fn has_lost_spec(&self) -> bool {
        self.spec.input.is_empty()
    }

    /// Returns the spec for a retry or a replay.
    ///
    /// # Errors
    /// Refused if the spec was lost with the job.
    pub(crate) fn known_spec(&self) -> Result<&JobSpec, ApiError> {
        if self.has_lost_spec() {
            let job = &self.spec.job;
            let reason = format!("what job {job} was asked to do is lost; submit it again under this name or another");
            return Err(ApiError::Refused { reason });
        }
        Ok(&self.spec)
    }

    /// Serialises the report as the job's record.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a report is numbers and names")
    }

    /// True if every shard is done.
    pub fn is_done(&self) -> bool {
        self.shards.iter().all(ShardReport::is_done)
    }
}
