//! Why a job cannot start, or cannot go on as a whole. A failed shard is no error of the job: it is in the report.

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
    /// More segments than can be planned.
    #[error(
        "{of} may have at most {max} segments, and under {input} there are more; merge small segments into larger ones, run fewer shards a job (--shard), or name a narrower --input"
    )]
    TooManySegments {
        /// The input prefix.
        input: String,
        /// What has too many of them.
        of: String,
        /// How many there may be.
        max: usize,
    },
    /// More than a leader can hold, and finish.
    #[error(
        "the job has {found} {what}, over the {max} that one may have; run fewer shards at once (--shard), or larger splits"
    )]
    TooLarge {
        /// Of what: shards, tasks.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many there may be.
        max: usize,
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
    /// The shard map cannot be read.
    #[error(transparent)]
    ShardMap(#[from] shard_config::ShardMapError),
    /// The store of the dataset cannot be relied on.
    #[error("{reason}")]
    Store {
        /// What it does, and what to do.
        reason: String,
    },
    /// A store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A thread could not be started.
    #[error("start a worker thread")]
    Thread(#[source] std::io::Error),
    /// A worker could not go on.
    #[error("a worker of this process ended: {reason}")]
    Worker {
        /// Why.
        reason: String,
    },
    /// The job was refused, or failed as a whole.
    #[error("{reason}")]
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}

/// An error with the chain of its causes, on one line; a cause that its effect has told already is not told again.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
