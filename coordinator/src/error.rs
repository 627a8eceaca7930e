//! Errors of a job that cannot start, or cannot go on as a whole. A failed shard is not an error of the job: it is in
//! the report.

use storage::StorageError;

/// Error that stops a job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The input has no segments.
    #[error("no segments under {input}: keys must have a component shard=<name> and end in .seg; check the prefix")]
    NoInput {
        /// Input prefix, as a URI.
        input: String,
    },
    /// A key looks like a segment's but is malformed.
    #[error("segment {key} under {input}: {cause}; rename or remove it, for its points would be lost in silence")]
    BadSegmentKey {
        /// Input prefix, as a URI.
        input: String,
        /// Key of the object.
        key: String,
        /// Fault of the key.
        cause: String,
    },
    /// The input has more segments than can be planned.
    #[error(
        "{of} may have at most {max} segments, and under {input} there are more; merge small segments into larger ones, run fewer shards a job (--shard), or name a narrower --input"
    )]
    TooManySegments {
        /// Input prefix, as a URI.
        input: String,
        /// Job or shard that has too many segments.
        of: String,
        /// Number that is allowed.
        max: usize,
    },
    /// The job is larger than a leader can hold and finish.
    #[error(
        "the job has {found} {what}, over the {max} that one may have; run fewer shards at once (--shard), or larger splits"
    )]
    TooLarge {
        /// Kind of item: shards or tasks.
        what: &'static str,
        /// Number that was found.
        found: usize,
        /// Number that is allowed.
        max: usize,
    },
    /// The shard map cannot be parsed.
    #[error(transparent)]
    ShardMap(#[from] shard_config::ShardMapError),
    /// The store of the dataset breaks a promise that commits rely on.
    #[error("{reason}")]
    Store {
        /// Fault of the store, and the next step.
        reason: String,
    },
    /// A call to a store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The job was refused, or failed as a whole.
    #[error("{reason}")]
    Refused {
        /// Cause, and the next step.
        reason: String,
    },
}
