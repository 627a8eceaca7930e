//! The options of a job, shared by `run`, `plan` and `job submit`: they make a spec, and a spec makes a job of this process.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use coordinator::Job;
use model::Clock as _;
use model::spec::PRIORITY_DEFAULT;
use model::{
    ByteSize, DuplicateRule, Encoding, JobId, JobSettings, JobSpec, LossMax, OnBadFrame, OutputFormat, RollupStep,
    ShardId, SystemClock, Window,
};
use shard_config::ShardMap;
use storage::Root;

use super::shard::route::read_map;
use crate::args::WindowArg;
use crate::exit::{Code, Exit};

/// What a job reads, and what shapes its output.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct JobOptions {
    /// Where the segments lie: a path, file:// or s3:// URI.
    #[arg(long, value_name = "URI")]
    pub(crate) input: String,
    /// Where parts and manifests go: a path, file:// or s3:// URI.
    #[arg(long, value_name = "URI")]
    pub(crate) dataset: String,
    /// Event time to write, START/END or START/DURATION; without one, everything. Ends are RFC 3339, dates (midnight UTC) or
    /// milliseconds, durations 4h or PT4H: 2026-01-01/P1D.
    #[arg(long, value_name = "START/END")]
    window: Option<WindowArg>,
    /// Shards to run; without one, all that have segments. Repeatable.
    #[arg(long = "shard", value_name = "NAME")]
    shards: Vec<ShardId>,
    /// Rollup step, such as 5m; any that divides a day. Repeatable, or with commas.
    #[arg(long = "rollup", value_name = "STEP", value_delimiter = ',')]
    rollups: Vec<RollupStep>,
    /// File format of the output: part or parquet.
    #[arg(long, value_name = "FORMAT", default_value_t)]
    format: OutputFormat,
    /// How columns of parts are compressed: packed is fast, pco the smallest.
    #[arg(long, value_name = "ENCODING", default_value_t)]
    encoding: Encoding,
    /// The job's name; without one, `run-` and the time.
    #[arg(long, value_name = "NAME")]
    job: Option<JobId>,
    /// Which of several points of one timestamp is kept: last, first, max, min, sum or keep. With max and min a number wins
    /// over NaN; last and first keep NaN where it is theirs; sum is NaN if a part is.
    #[arg(long, value_name = "RULE", default_value_t)]
    duplicates: DuplicateRule,
    /// What a frame that cannot be read does: fail stops its shard, quarantine puts it aside.
    #[arg(long, value_name = "RULE", default_value_t)]
    on_bad_frame: OnBadFrame,
    /// Most frames that a shard may quarantine.
    #[arg(long, value_name = "N", default_value_t = JobSettings::default().bad_frames_max)]
    bad_frames_max: u64,
    /// Most bytes that a shard may quarantine: a share of its segments, such as 1%, or a size, such as 64MiB.
    #[arg(long, value_name = "SHARE|SIZE", default_value_t)]
    bad_bytes_max: LossMax,
    /// The shard map; without one, 64 shared shards.
    #[arg(long, value_name = "FILE")]
    shard_config: Option<PathBuf>,
    /// Segment bytes that one map task reads.
    #[arg(long, value_name = "SIZE", default_value_t = JobSettings::default().split_bytes)]
    split_size: ByteSize,
    /// Segment bytes whose points one partition should hold.
    #[arg(long, value_name = "SIZE", default_value_t = JobSettings::default().partition_bytes)]
    partition_size: ByteSize,
    /// Why, for the manifests.
    #[arg(long, value_name = "TEXT", default_value = "run", value_parser = crate::args::reason)]
    reason: String,
    /// Replace a version that was committed while the job ran, even where the job did not read all of that version's input;
    /// without it, such a shard fails and the version stays. Example: --force-replace "v7 was made of test data".
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    force_replace: Option<String>,
}

impl JobOptions {
    /// A job of this process, with the dataset opened by `open`: `plan` must not make it.
    pub(crate) async fn job(self, open: impl FnOnce(&str) -> Result<Root>) -> Result<Job> {
        let (spec, _) = self.spec()?;
        Ok(Job::reading(&spec, open(&spec.dataset)?, Arc::new(SystemClock)).await?)
    }

    /// What is asked for, with its shard map: read here, so that a mistake in it is told with its line.
    pub(crate) fn spec(self) -> Result<(JobSpec, ShardMap)> {
        let (shard_map, text) = read_map(self.shard_config.as_deref())?;
        let submitted_at_ms = SystemClock.now_ms();
        let job = match self.job {
            Some(job) => job,
            None => format!("run-{submitted_at_ms}").parse()?,
        };
        let settings = JobSettings {
            window: self.window.map_or(Window::ALL, |window| window.0),
            duplicates: self.duplicates,
            on_bad_frame: self.on_bad_frame,
            bad_frames_max: self.bad_frames_max,
            bad_bytes_max: self.bad_bytes_max,
            rollups: sorted(self.rollups),
            format: self.format,
            encoding: self.encoding,
            split_bytes: self.split_size,
            partition_bytes: self.partition_size,
        };
        let spec = JobSpec {
            job,
            input: self.input,
            dataset: self.dataset,
            shards: sorted(self.shards),
            settings,
            shard_map: text,
            reason: self.reason,
            priority: PRIORITY_DEFAULT,
            running_max: None,
            force_replace: self.force_replace,
            replay_of: None,
            submitted_by: String::new(),
            submitted_at_ms,
        };
        spec.validate().map_err(|error| Exit::error(Code::Usage, error.to_string()))?;
        Ok((spec, shard_map))
    }
}

/// In order, each once: what is named twice is meant once.
fn sorted<T: Ord>(mut named: Vec<T>) -> Vec<T> {
    named.sort_unstable();
    named.dedup();
    named
}
