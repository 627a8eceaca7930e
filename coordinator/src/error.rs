//! Why a job cannot start, or cannot go on as a whole. A failed shard is no error of the job: it is in the report.

use model::ShardId;
use storage::StorageError;

/// What stops a job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Nothing to read at all.
    #[error("no segments under {input}: keys must have a component shard=<name> and end in .seg; check the prefix")]
    NoInput {
        /// The input prefix.
        input: String,
    },
    /// A key that looks like a segment's, and is malformed.
    #[error("segment {key} under {input}: {cause}; rename or remove it, for its points would be lost in silence")]
    BadSegmentKey {
        /// The input prefix.
        input: String,
        /// The key.
        key: String,
        /// What is wrong.
        cause: String,
    },
    /// The memory budget cannot hold what every slot needs.
    #[error(
        "--memory {memory} is too small for {workers} workers, each needs at least {least}; give more, or fewer --workers"
    )]
    TooLittleMemory {
        /// What was given.
        memory: model::ByteSize,
        /// Slots.
        workers: usize,
        /// Least of each.
        least: model::ByteSize,
    },
    /// A store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A thread could not be started.
    #[error("start a worker thread")]
    Thread(#[source] std::io::Error),
    /// The driver ended while shards were open: a bug.
    #[error("the job ended while shard {0} was open; please report this")]
    Abandoned(ShardId),
}
