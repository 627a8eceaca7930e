//! Reasons for which a change of a task was not written, by the caller's next step.

use format::state_keys::TaskPath;
use model::{AttemptId, FencingToken};

use crate::meta::MetaError;

/// Reason for which a change was not written. Except for [`Self::Store`] all are certain: the change was not made,
/// and never will be.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another coordinator leads: stop leading, and rejoin the election.
    #[error("{task} was not changed: another coordinator leads (our token is {ours}); stop and rejoin the election")]
    Deposed {
        /// Task that was not changed.
        task: TaskPath,
        /// Token of the caller's leadership.
        ours: FencingToken,
    },
    /// The claim went with its worker's lease, or was ended: let the attempt go.
    #[error("{attempt} holds {task} no longer; whatever it does is not used")]
    Stale {
        /// Task of the attempt.
        task: TaskPath,
        /// Attempt without a claim.
        attempt: AttemptId,
    },
    /// The shard is being committed, or is over: assign nothing more of it.
    #[error("the shard of {task} has moved on; nothing more of it is given out")]
    Late {
        /// Task of that shard.
        task: TaskPath,
    },
    /// The task is done already; nothing is left to do.
    #[error("{task} is done, by {by}")]
    Done {
        /// Task that is done.
        task: TaskPath,
        /// Attempt that counts.
        by: AttemptId,
    },
    /// The task's records have changed: read them again.
    #[error("{task} is not as it was seen; read its records again")]
    Moved {
        /// Task whose records changed.
        task: TaskPath,
    },
    /// The store failed. Unless the error is certain, read the task's records again before any decision.
    #[error(transparent)]
    Store(#[from] MetaError),
}
