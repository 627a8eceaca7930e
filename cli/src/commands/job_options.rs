//! Options of a job, shared by `run`, `plan` and `job submit`. They make a spec, and a spec makes a job of this
//! process.

use std::path::PathBuf;

use anyhow::Result;
use coordinator::Job;
use model::Clock as _;
use model::spec::WEIGHT_DEFAULT;
use model::{
    ByteSize, DuplicateRule, Encoding, JobId, JobSettings, JobSpec, LossMax, OnBadFrame, OutputFormat, RollupStep,
    ShardId, SystemClock, Window,
};
use shard_config::ShardMap;
use storage::Root;

use super::shard::route::read_map;
use crate::args::WindowArg;
use crate::exit::{Code, Exit};

/// Options for the input of a job, and for the shape of its output.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct JobOptions {
    /// Place of the segments: a path, file:// or s3:// URI.
    ///
    /// For example `--input s3://metrics/segments`.
    #[arg(long, value_name = "URI")]
    pub(crate) input: String,
    /// Place of parts and manifests: a path, file:// or s3:// URI.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    pub(crate) dataset: String,
    /// Event time to write: START/END or START/DURATION. Without it, everything.
    ///
    /// Ends are RFC 3339, dates (midnight UTC) or milliseconds, durations 4h or PT4H. For example `--window
    /// 2026-01-01/P1D`.
    #[arg(long, value_name = "START/END")]
    window: Option<WindowArg>,
    /// Shard to run; repeatable. Without it, every shard that has segments.
    ///
    /// For example `--shard org-mod-07 --shard org-7`.
    #[arg(long = "shard", value_name = "NAME")]
    shards: Vec<ShardId>,
    /// Step of a rollup, which divides a day; repeatable, or with commas. Without it, no rollups.
    ///
    /// For example `--rollup 5m,1h`.
    #[arg(long = "rollup", value_name = "STEP", value_delimiter = ',')]
    rollups: Vec<RollupStep>,
    /// File format of the output: part or parquet.
    ///
    /// For example `--format parquet`.
    #[arg(long, value_name = "FORMAT", default_value_t)]
    format: OutputFormat,
    /// Compression of the columns of parts: packed is fast, pco the smallest.
    ///
    /// For example `--encoding pco`.
    #[arg(long, value_name = "ENCODING", default_value_t)]
    encoding: Encoding,
    /// Name of the job. Without it, `run-` and the time.
    ///
    /// For example `--job nightly-2026-01-01`.
    #[arg(long, value_name = "NAME")]
    job: Option<JobId>,
    /// Point to keep of several with one timestamp: last, first, max, min, sum or keep.
    ///
    /// With max and min, a number wins over NaN. With last and first, a NaN in that place is kept. A sum is NaN if
    /// one of its points is. For example `--duplicates max`.
    #[arg(long, value_name = "RULE", default_value_t)]
    duplicates: DuplicateRule,
    /// Rule for a frame that cannot be read: fail stops its shard, quarantine puts the frame aside.
    ///
    /// For example `--on-bad-frame quarantine`.
    #[arg(long, value_name = "RULE", default_value_t)]
    on_bad_frame: OnBadFrame,
    /// Most frames that a shard may quarantine.
    ///
    /// For example `--bad-frames-max 10`.
    #[arg(long, value_name = "N", default_value_t = JobSettings::default().bad_frames_max)]
    bad_frames_max: u64,
    /// Most bytes that a shard may quarantine: a share of its segments, such as 1%, or a size, such as 64MiB.
    ///
    /// For example `--bad-bytes-max 64MiB`.
    #[arg(long, value_name = "SHARE|SIZE", default_value_t)]
    bad_bytes_max: LossMax,
    /// Shard map, as TOML. Without it, 64 shared shards.
    ///
    /// For example `--shard-config shards.toml`.
    #[arg(long, value_name = "FILE")]
    shard_config: Option<PathBuf>,
    /// Segment bytes that one map task reads. The default is a least size, and grows with the shard.
    ///
    /// For example `--split-size 64MiB`.
    #[arg(long, value_name = "SIZE", default_value_t = JobSettings::default().split_bytes)]
    split_size: ByteSize,
    /// Segment bytes whose points one partition should hold. The default is a least size, and grows with the shard.
    ///
    /// For example `--partition-size 256MiB`.
    #[arg(long, value_name = "SIZE", default_value_t = JobSettings::default().partition_bytes)]
    partition_size: ByteSize,
    /// Reason, kept in the manifests.
    ///
    /// For example `--reason backfill`.
    #[arg(long, value_name = "TEXT", default_value = "run", value_parser = crate::args::reason)]
    reason: String,
    /// Replace a version that was committed while the job ran, even if the job did not read all of that version's
    /// input; the text is the reason. Without it, such a shard fails and the version stays.
    ///
    /// For example `--force-replace "v7 was made of test data"`.
    #[arg(long, value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    force_replace: Option<String>,
}

impl JobOptions {
    /// Creates a job of this process. `open` opens the dataset, because `plan` must not create it.
    pub(crate) async fn job(self, open: impl FnOnce(&str) -> Result<Root>) -> Result<Job> {
        let (spec, _) = self.spec()?;
        Ok(Job::reading(&spec, open(&spec.dataset)?, &coordinator::Env::real()).await?)
    }

    /// Builds the spec and the shard map. The map is parsed here, so that an error in it names the line.
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
            weight: WEIGHT_DEFAULT,
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

/// Sorts, and removes repetitions.
fn sorted<T: Ord>(mut named: Vec<T>) -> Vec<T> {
    named.sort_unstable();
    named.dedup();
    named
}
