//! What became of a job, for people and programs: the object behind `-o json`, and the job's record in the dataset.

use std::time::Duration;

use format::digest::Digest;
use format::state_records::{ShardPhase, ShardRecord};
use model::{Books, JobId, JobSettings, JobSpec, ShardId, ShardPlan, StageTimes, Window};
use scheduler::{Counts, ShardEnd, ShardOutput};
use serde::{Deserialize, Serialize};

use crate::commit::loss;

/// Name and version of the object.
pub const API_VERSION: &str = "tailor/v1";

/// A finished job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobReport {
    /// [`API_VERSION`].
    pub api_version: String,
    /// `JobReport`.
    pub kind: String,
    /// The job.
    pub job: JobId,
    /// What was asked for.
    pub spec: JobSpec,
    /// 1, and 1 more each time that it was asked to try again what failed.
    pub round: u32,
    /// Why it failed as a whole, before it had shards.
    pub cause: Option<String>,
    /// What it wrote.
    pub window: Window,
    /// What shaped it.
    pub settings: JobSettings,
    /// When it began, in milliseconds since the UNIX epoch.
    pub started_at_ms: i64,
    /// How long it took.
    pub elapsed: Duration,
    /// What an operator should look at, beside what the shards warn of.
    pub warnings: Vec<String>,
    /// Every shard, in order.
    pub shards: Vec<ShardReport>,
    /// All of them together.
    pub totals: Totals,
    /// How uneven the shards are.
    pub skew: Skew,
}

/// One shard of a finished job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShardReport {
    /// The shard.
    pub shard: ShardId,
    /// How it ended.
    pub state: ShardState,
    /// Why it is not done.
    pub cause: Option<String>,
    /// The manifest that was committed.
    pub version: Option<u32>,
    /// The version that it took the place of.
    pub replaces: Option<u32>,
    /// Whether that one has the same content: what a replay proves.
    pub same_content: Option<bool>,
    /// Digest over the digests of all its parts: equal for equal content.
    pub content_digest: Option<Digest>,
    /// What an operator should look at.
    pub warnings: Vec<String>,
    /// Segments read.
    pub segments: usize,
    /// Map tasks.
    pub map_tasks: usize,
    /// Reduce tasks.
    pub partitions: u32,
    /// Attempts, and those that failed.
    pub attempts: u32,
    /// Of them, those that failed.
    pub attempts_failed: u32,
    /// From its first attempt to its end.
    pub elapsed: Duration,
    /// What was read and written.
    pub totals: Totals,
}

/// How far a shard is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShardState {
    /// It has not ended.
    Open,
    /// Its manifest is visible.
    Done,
    /// Nothing of it is visible.
    Failed,
    /// It was told to stop.
    Cancelled,
}

/// What was read and written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Where every frame and point went.
    pub books: Books,
    /// Segment bytes.
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
}

/// How uneven the shards are: by bytes read and by CPU time, the largest over the median. 1 is even.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Skew {
    /// Of segment bytes.
    pub bytes_max_over_median: Option<f64>,
    /// Of CPU time.
    pub cpu_max_over_median: Option<f64>,
}

impl Totals {
    pub(crate) fn add(&mut self, other: &Self) {
        self.books += &other.books;
        self.bytes_in += other.bytes_in;
        self.bytes_raw += other.bytes_raw;
        self.bytes_rollup += other.bytes_rollup;
        self.stages += &other.stages;
        self.rate();
    }

    /// Computes the bits from what was added up.
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
    /// What a shard read and wrote.
    pub(crate) fn of(output: &ShardOutput) -> Self {
        let mut totals = Self {
            books: output.books.clone(),
            bytes_in: output.plan.bytes(),
            stages: output.stages,
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
    /// A shard that has not ended.
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
        }
    }

    /// A shard whose report is lost, or was never written: what its record in the cluster's state says.
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

    /// Whether its manifest is visible.
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
    /// Puts the shards of a round together; `spec` is what was asked for.
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

    /// Adds what an earlier round has done and this one did not run again.
    pub(crate) fn merge(mut self, earlier: Self) -> Self {
        let is_kept = |shard: &ShardReport| self.shards.iter().all(|ours| ours.shard != shard.shard);
        let kept: Vec<_> = earlier.shards.into_iter().filter(is_kept).collect();
        kept.iter().for_each(|shard| self.totals.add(&shard.totals));
        self.shards.extend(kept);
        self.shards.sort_by_key(|shard| shard.shard);
        self.skew = Skew::of(&self.shards);
        self
    }

    /// Whether it ended since somebody cancelled it, with some of its shards done perhaps.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cause.as_ref().is_some_and(|cause| cause.starts_with("cancelled: "))
    }

    /// Whether the spec was lost with the job: its name may be taken by another one.
    pub(crate) fn has_lost_spec(&self) -> bool {
        self.spec.input.is_empty()
    }

    /// The bytes of the job's record.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).expect("a report is numbers and names")
    }

    /// Whether every shard is done.
    pub fn is_done(&self) -> bool {
        self.shards.iter().all(ShardReport::is_done)
    }
}
