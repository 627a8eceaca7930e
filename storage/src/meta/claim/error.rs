//! Why a change of a task was not written, by what the caller does next.

use format::state_keys::TaskPath;
use model::{AttemptId, FencingToken};

use crate::meta::MetaError;

/// Why a change was not written. All but [`Self::Store`] are certain: it does not stand, and never will.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Stop leading, and rejoin the election.
    #[error("{task} was not changed: another coordinator leads (our token is {ours}); stop and rejoin the election")]
    Deposed {
        /// The task.
        task: TaskPath,
        /// The token that we had.
        ours: FencingToken,
    },
    /// Let the attempt go: its claim went with its worker's lease, or was ended.
    #[error("{attempt} holds {task} no longer; whatever it does is not used")]
    Stale {
        /// The task.
        task: TaskPath,
        /// The attempt.
        attempt: AttemptId,
    },
    /// Give nothing of its shard out: it is being committed, or is over.
    #[error("the shard of {task} has moved on; nothing more of it is given out")]
    Late {
        /// The task.
        task: TaskPath,
    },
    /// Nothing is left to do.
    #[error("{task} is done, by {by}")]
    Done {
        /// The task.
        task: TaskPath,
        /// The attempt that counts.
        by: AttemptId,
    },
    /// Read the task's records again.
    #[error("{task} is not as it was seen; read its records again")]
    Moved {
        /// The task.
        task: TaskPath,
    },
    /// The store. Unless it is certain that nothing was changed, read the task's records again before deciding anything.
    #[error(transparent)]
    Store(#[from] MetaError),
}
