//! Changes that a page may ask for, where they are allowed.

use std::fmt;

/// Change that a page asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageAction {
    /// Cancels a job.
    CancelJob {
        /// Name of the job.
        job: String,
    },
    /// Runs the failed and cancelled shards of a job again.
    RetryJob {
        /// Name of the job.
        job: String,
    },
    /// Runs one shard of a job again, as a job of its own.
    ReplayShard {
        /// Name of the job.
        job: String,
        /// Name of the shard.
        shard: String,
    },
    /// Asks a worker to leave.
    DrainWorker {
        /// Name of the worker.
        worker: String,
    },
}

/// Change with its reason, and who asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRequest {
    /// Change to make.
    pub action: PageAction,
    /// Reason, as it was typed.
    pub reason: String,
    /// Role and name of who asks, as `ROLE/NAME`; none where the source's own identity counts.
    pub on_behalf_of: Option<String>,
}

impl PageAction {
    /// Name that has to be typed, so that nobody changes something by a slip of the hand.
    pub(crate) fn named(&self) -> &str {
        match self {
            Self::CancelJob { job } | Self::RetryJob { job } => job,
            Self::ReplayShard { shard, .. } => shard,
            Self::DrainWorker { worker } => worker,
        }
    }
}

impl fmt::Display for PageAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CancelJob { job } => write!(f, "cancel job {job}"),
            Self::RetryJob { job } => write!(f, "retry job {job}"),
            Self::ReplayShard { job, shard } => write!(f, "replay shard {shard} of job {job}"),
            Self::DrainWorker { worker } => write!(f, "drain worker {worker}"),
        }
    }
}
