//! What a job is to do, and where.

use std::sync::Arc;

use model::limits::MEMORY_BYTES_MIN;
use model::{ByteSize, Clock, JobId, JobSettings, JobSpec, ShardId};
use shard_config::ShardMap;
use storage::Root;
use storage::segment::SegmentAccess;

use crate::JobError;
use crate::bases::Bases;

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What shapes its output.
    pub settings: JobSettings,
    /// Segments.
    pub input: Root,
    /// Parts and manifests.
    pub dataset: Root,
    /// The shards to run; empty for all that have segments. A shard that is named and has none is run as empty.
    pub shards: Vec<ShardId>,
    /// Which organisation belongs where.
    pub shard_map: Arc<ShardMap>,
    /// Why, for the manifests.
    pub reason: String,
    /// Why it may replace a version whose input it does not contain.
    pub force_replace: Option<String>,
    /// The versions that it was planned over.
    pub(crate) bases: Arc<Bases>,
    /// When it was submitted, as its client says.
    pub submitted_at_ms: i64,
    /// Tells when a manifest was committed.
    pub clock: Arc<dyn Clock>,
}

impl Job {
    /// Opens what a spec names.
    ///
    /// # Errors
    /// A place that cannot be opened, or a shard map that cannot be read.
    pub async fn open(spec: &JobSpec, clock: Arc<dyn Clock>) -> Result<Self, JobError> {
        let dataset = Root::reach_or_make(&spec.dataset).await?;
        Self::reading(spec, dataset, clock).await
    }

    /// The same with a dataset at hand: a dry run must not make one.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn reading(spec: &JobSpec, dataset: Root, clock: Arc<dyn Clock>) -> Result<Self, JobError> {
        let shard_map = match spec.shard_map.as_str() {
            "" => ShardMap::default(),
            text => ShardMap::parse(text, "the job's shard map")?,
        };
        Ok(Self {
            id: spec.job.clone(),
            settings: spec.settings.clone(),
            input: Root::reach(&spec.input).await?,
            dataset,
            shards: spec.shards.clone(),
            shard_map: Arc::new(shard_map),
            reason: spec.reason.clone(),
            force_replace: spec.force_replace.clone(),
            bases: Arc::default(),
            submitted_at_ms: spec.submitted_at_ms,
            clock,
        })
    }
}

/// What a job may use; none of it shapes the output.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Attempts at once.
    pub workers: usize,
    /// For all of them together.
    pub memory: ByteSize,
    /// Runs.
    pub scratch: Root,
    /// How segments are read.
    pub access: SegmentAccess,
    /// 64 random bits, other ones for each run: its attempts are named after them.
    pub seed: u64,
}

impl Resources {
    /// What one slot may use.
    ///
    /// # Errors
    /// [`JobError::TooLittleMemory`] where fixed buffers alone would not fit.
    pub fn memory_of_slot(&self) -> Result<u64, JobError> {
        let workers = self.workers.max(1);
        let share = self.memory.0 / workers as u64;
        if share < MEMORY_BYTES_MIN {
            let least = ByteSize(MEMORY_BYTES_MIN);
            return Err(JobError::TooLittleMemory { memory: self.memory, workers, least });
        }
        Ok(share)
    }
}
