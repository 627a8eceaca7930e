//! Errors of a run within one process, by the caller's next step.

use coordinator::JobError;
use model::ByteSize;

/// Error that prevents a job from starting in this process, or ends it as a whole.
#[derive(Debug, thiserror::Error)]
pub enum LocalRunError {
    /// The memory budget is too small for the fixed buffers of every slot.
    #[error(
        "--memory {memory} is too small for {workers} workers, each needs at least {least}; give more, or fewer --workers"
    )]
    TooLittleMemory {
        /// Memory of all slots.
        memory: ByteSize,
        /// Number of slots that share the memory.
        workers: usize,
        /// Least memory of each slot.
        least: ByteSize,
    },
    /// The worker ended with an error.
    #[error("a worker of this process ended: {reason}")]
    Worker {
        /// Error of the worker.
        reason: String,
    },
    /// The job cannot start, or failed as a whole.
    #[error(transparent)]
    Job(#[from] JobError),
}
