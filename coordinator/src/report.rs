//! What became of a job, for people and programs: the object behind `-o json`, and the job's record in the dataset.

use std::time::Duration;

use format::digest::Digest;
use model::{Books, JobId, JobSettings, ShardId, ShardPlan, StageTimes, Window};
use scheduler::ShardEnd;
use serde::Serialize;

/// Name and version of the object.
pub const API_VERSION: &str = "tailor/v1";

/// A finished job.
#[derive(Debug, Clone, Serialize)]
pub struct JobReport {
    /// [`API_VERSION`].
    pub api_version: &'static str,
    /// `JobReport`.
    pub kind: &'static str,
    /// The job.
    pub job: JobId,
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
#[derive(Debug, Clone, Serialize)]
pub struct ShardReport {
    /// The shard.
    pub shard: ShardId,
    /// `done`, `failed` or `cancelled`.
    pub state: &'static str,
    /// Why it is not done.
    pub cause: Option<String>,
    /// The manifest that was committed.
    pub version: Option<u32>,
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
    /// From its first attempt to its end.
    pub elapsed: Duration,
    /// What was read and written.
    pub totals: Totals,
}

/// What was read and written.
#[derive(Debug, Clone, Default, Serialize)]
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
#[derive(Debug, Clone, Default, Serialize)]
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

impl ShardReport {
    /// A shard that has not ended.
    pub(crate) fn planned(plan: &ShardPlan) -> Self {
        Self {
            shard: plan.shard,
            state: "open",
            cause: None,
            version: None,
            content_digest: None,
            warnings: Vec::new(),
            segments: plan.segments.len(),
            map_tasks: plan.map_tasks.len(),
            partitions: plan.partitions,
            elapsed: Duration::ZERO,
            totals: Totals { bytes_in: plan.bytes(), ..Totals::default() },
        }
    }

    pub(crate) fn end(&mut self, end: &ShardEnd) {
        (self.state, self.cause, self.version) = match end {
            ShardEnd::Done { version } => ("done", None, Some(*version)),
            ShardEnd::Failed { cause } => ("failed", Some(cause.clone()), None),
            ShardEnd::Cancelled { cause } => ("cancelled", Some(cause.clone()), None),
        };
    }

    /// Whether its manifest is visible.
    pub fn is_done(&self) -> bool {
        self.state == "done"
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
    /// Whether every shard is done.
    pub fn is_done(&self) -> bool {
        self.shards.iter().all(ShardReport::is_done)
    }
}
