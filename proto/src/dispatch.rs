//! Calls of a worker to the leading coordinator, as a trait that both sides may see.
//!
//! [`Dispatch`] has two implementations: over gRPC in a cluster, and within the process in `tailor run`. Every call may
//! be repeated: the leader answers a repeated completion, failure or hand-back as it did the first time.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Effort, Failure, Grant, HeldAttempt, Invariant, LeaseId, Stage, TraceParent};

/// The version of the worker protocol that this build speaks.
pub const PROTOCOL: u32 = 2;
/// The oldest version that this build serves.
pub const PROTOCOL_MIN: u32 = 1;

/// First message of a worker: identity and capacity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Lease id, which identifies the worker.
    pub worker: LeaseId,
    /// Name of the pod or host.
    pub name: String,
    /// The version of Tailor that it runs.
    pub version: String,
    /// Most attempts at once.
    pub slots: u32,
}

/// Progress of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptBeat {
    /// Task and attempt in question.
    pub held: HeldAttempt,
    /// Segment bytes read so far (map).
    pub bytes: u64,
    /// Points read (map) or written (reduce) so far.
    pub points: u64,
    /// Stage of the work; none before the first. An older worker names none.
    pub stage: Option<Stage>,
    /// Requests and time so far. An older worker sends none.
    pub effort: Effort,
    /// Span of the attempt, if it is traced.
    pub trace: Option<TraceParent>,
}

/// Heartbeat: state of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beat {
    /// Attempts that the worker runs.
    pub attempts: Vec<AttemptBeat>,
    /// Reason for which it takes no work at the moment, if it takes none.
    pub unfit: Option<String>,
    /// Reason for which it leaves, if it does.
    pub draining: Option<String>,
}

/// Answer to a heartbeat: instructions for the worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Orders {
    /// Attempts to stop, because they no longer count.
    pub stop: Vec<HeldAttempt>,
    /// Reason to leave, if the worker should leave.
    pub drain: Option<String>,
}

/// Answer to a completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// This attempt counts for its task.
    Counts,
    /// Another attempt counts; nothing of this one will be used.
    Refused {
        /// Explanation for the worker's log.
        reason: String,
        /// Invariant that the report breaks, if one. An older leader names none.
        violates: Option<Invariant>,
    },
}

/// Failure of a call to the leader.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// There is no leader, or no way to it, or it cannot decide right now: ask again later.
    #[error("the leader cannot be asked: {reason}")]
    Away {
        /// Error of the connection or answer of the leader.
        reason: String,
    },
    /// The leader does not know this worker (yet): its registration has not reached it, or its lease has ended.
    #[error("the leader does not know worker {worker}")]
    UnknownWorker {
        /// Lease id of the worker.
        worker: LeaseId,
    },
    /// The leader cannot take this call, and will not by asking again: a message that is too large, a field that
    /// breaks a rule. Other calls go on.
    #[error("the leader does not take this: {reason}")]
    NotTaken {
        /// Sentence of the leader.
        reason: String,
    },
    /// This worker cannot work here, and will not by asking again.
    #[error("{reason}")]
    Incompatible {
        /// Sentence of the leader, with the next step.
        reason: String,
    },
}

/// Leading coordinator, as a worker asks it.
#[async_trait]
pub trait Dispatch: Send + Sync + fmt::Debug {
    /// Introduces the worker, before any other call.
    async fn hello(&self, hello: &Hello) -> Result<(), DispatchError>;

    /// Asks for up to `slots` tasks; waits up to `wait` for the first.
    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, DispatchError>;

    /// Reports a finished attempt. `report` holds the bytes of the report object, which is already written; `effort` is
    /// what the attempt took, if the worker tells.
    async fn complete(
        &self,
        worker: LeaseId,
        held: &HeldAttempt,
        report: Bytes,
        effort: Option<Effort>,
    ) -> Result<Verdict, DispatchError>;

    /// Reports a failed attempt. The call succeeds even if the leader no longer knows the attempt.
    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), DispatchError>;

    /// Hands attempts back, uncharged.
    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), DispatchError>;

    /// Sends the worker's state; returns the leader's instructions.
    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, DispatchError>;
}
