//! What a job is to do, and where.

use std::sync::Arc;

use model::limits::MEMORY_BYTES_MIN;
use model::{ByteSize, Clock, JobId, JobSettings, ShardId};
use shard_config::ShardMap;
use storage::Root;
use storage::segment::SegmentAccess;

use crate::JobError;

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
    /// Tells when a manifest was committed.
    pub clock: Arc<dyn Clock>,
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
