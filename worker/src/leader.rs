//! The worker's view of the coordinator that leads: what it asks, and what it is told.
//!
//! Two implementations: over gRPC in a cluster, and within the process in `tailor run`. Every call may be sent again: the
//! leader answers a repeated completion, failure or return as it did the first time.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Failure, Grant, HeldAttempt, LeaseId};

/// The version of the worker protocol that this build speaks.
pub const PROTOCOL: u32 = 2;
/// The oldest version that this build serves.
pub const PROTOCOL_MIN: u32 = 1;

/// Who a worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Its lease: its id.
    pub worker: LeaseId,
    /// Its name: a pod's, a host's.
    pub name: String,
    /// The version of Tailor that it runs.
    pub version: String,
    /// Attempts at once.
    pub slots: u32,
}

/// How far one attempt is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptBeat {
    /// Which.
    pub held: HeldAttempt,
    /// Segment bytes read so far (map).
    pub bytes: u64,
    /// Points read (map) or written (reduce) so far.
    pub points: u64,
}

/// How a worker does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// Every attempt that it runs.
    pub attempts: Vec<AttemptBeat>,
    /// Why it takes no work at the moment, if it does not.
    pub unfit: Option<String>,
    /// Why it leaves, if it does.
    pub draining: Option<String>,
}

/// What a worker should do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// Attempts that no longer count.
    pub stop: Vec<HeldAttempt>,
    /// It should leave, and this is why.
    pub drain: Option<String>,
}

/// Whether a completion counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This attempt is the one.
    Counts,
    /// It is not; nothing of it will be used.
    Refused {
        /// Why.
        reason: String,
    },
}

/// What the leader answers instead.
#[derive(Debug, thiserror::Error)]
pub enum LeaderError {
    /// There is no leader, or no way to it, or it cannot decide right now: ask again later.
    #[error("the leader cannot be asked: {reason}")]
    Away {
        /// Why.
        reason: String,
    },
    /// The leader does not know this worker (yet): its registration has not reached it, or its lease has ended.
    #[error("the leader does not know worker {worker}")]
    UnknownWorker {
        /// The worker.
        worker: LeaseId,
    },
    /// The leader cannot take this call, and will not by asking again: a message that is too large, a field that breaks a
    /// rule. Other calls go on.
    #[error("the leader does not take this: {reason}")]
    NotTaken {
        /// Why.
        reason: String,
    },
    /// This worker cannot work here, and will not by asking again.
    #[error("{reason}")]
    Incompatible {
        /// Why, and what to do.
        reason: String,
    },
}

/// The coordinator that leads.
#[async_trait]
pub trait Leader: Send + Sync + fmt::Debug {
    /// Says who the worker is, before anything else.
    async fn hello(&self, hello: &Hello) -> Result<(), LeaderError>;

    /// Takes up to `slots` tasks; waits up to `wait` for the first.
    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, LeaderError>;

    /// Reports a finished attempt: `report` are the bytes of its report's object, which is written already.
    async fn complete(&self, worker: LeaseId, held: &HeldAttempt, report: Bytes) -> Result<Verdict, LeaderError>;

    /// Reports a failed attempt. One that the leader knows nothing of any more is no error.
    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), LeaderError>;

    /// Hands attempts back, uncharged.
    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), LeaderError>;

    /// Tells how the worker does; brings what it should do.
    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, LeaderError>;
}
