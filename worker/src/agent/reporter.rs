//! Reports to the leader how an attempt ended: writes the report object, then asks if the attempt counts.
//!
//! A leader that is away is asked again for as long as the lease holds; afterwards the report has no use. The
//! report's key carries the attempt's token, so writing it twice gives the same object.

use std::sync::Arc;

use bytes::Bytes;
use format::keys;
use model::limits::{FAILURE_BYTES_MAX, REPORT_BYTES_MAX};
use model::{Failure, FailureClass, Grant, HeldAttempt, LeaseId, Report};
use storage::{Creation, Root};

use super::backoff::Backoff;
use super::fence::Fence;
use crate::WorkError;
use crate::metrics::HeldCompletion;
use crate::resolve::Roots;
use crate::slot::AttemptOutcome;
use proto::dispatch::{Dispatch, DispatchError, Verdict};

/// Result of reporting an attempt to the leader.
#[derive(Debug)]
pub(super) enum Reported {
    /// The attempt is the one that counts.
    Counts,
    /// Another attempt at the task counts.
    Refused,
    /// The attempt failed, and the leader took note.
    Failed(Failure),
    /// The lease was lost before the leader knew.
    Fenced,
    /// The leader speaks another protocol.
    Incompatible {
        /// Sentence of the leader, for the operator.
        reason: String,
    },
}

/// Reports one attempt to the leader.
#[derive(Debug)]
pub(super) struct Reporter {
    pub(super) leader: Arc<dyn Dispatch>,
    pub(super) roots: Arc<Roots>,
    pub(super) fence: Fence,
    pub(super) worker: LeaseId,
    pub(super) backoff: Backoff,
}

impl Reporter {
    /// Reports how the attempt ended, for as long as the lease holds.
    pub(super) async fn report(mut self, grant: &Grant, outcome: AttemptOutcome) -> Reported {
        let held = HeldAttempt { task: grant.task.clone(), attempt: grant.attempt };
        let report = match outcome {
            AttemptOutcome::Failed(failure) => return self.fail(&held, failure).await,
            AttemptOutcome::Mapped(report) => Report::Map(report),
            AttemptOutcome::Reduced(report) => Report::Reduce(report),
        };
        if !self.fence.is_up() {
            return Reported::Fenced;
        }
        let bytes = Bytes::from(report.to_bytes());
        if bytes.len() > REPORT_BYTES_MAX {
            let message = format!(
                "the report of {} has {} bytes, over {REPORT_BYTES_MAX}: its splits are too many or its books too long; \
                 please report this",
                held.task,
                bytes.len()
            );
            return self.fail(&held, Failure::new(FailureClass::Bug, message)).await;
        }
        let written = self.write(grant, &held, bytes.clone()).await;
        let root = match written {
            Ok(root) => root,
            Err(failure) => return self.fail(&held, failure).await,
        };
        let (leader, worker) = (Arc::clone(&self.leader), self.worker);
        let verdict = self.ask(|| leader.complete(worker, &held, bytes.clone(), report.effort())).await;
        match verdict {
            Ok(Verdict::Counts) => Reported::Counts,
            Ok(Verdict::Refused { reason, .. }) => {
                tracing::info!(task = %held.task, attempt = %held.attempt, reason, "completion refused; going on with other work");
                discard(&root, &report).await;
                Reported::Refused
            }
            Err(NotReported::NotTaken { reason }) => {
                let message = format!("the report of {} is not taken: {reason}", held.task);
                self.fail(&held, Failure::new(FailureClass::Bug, message)).await
            }
            Err(NotReported::Ended(end)) => end,
        }
    }

    async fn fail(&mut self, held: &HeldAttempt, mut failure: Failure) -> Reported {
        cut(&mut failure.message);
        tracing::info!(task = %held.task, attempt = %held.attempt, class = ?failure.class, error = %failure, "attempt failed");
        let (leader, worker) = (Arc::clone(&self.leader), self.worker);
        match self.ask(|| leader.fail(worker, held, &failure)).await {
            Ok(()) => Reported::Failed(failure),
            Err(NotReported::Ended(end)) => end,
            Err(NotReported::NotTaken { reason }) => {
                // The leader takes the attempt back once no heartbeat names it.
                tracing::error!(task = %held.task, attempt = %held.attempt, reason, "the leader refused a report of a failure as invalid; please report this");
                Reported::Failed(failure)
            }
        }
    }

    /// Writes the report; returns the root under which it lies.
    async fn write(&self, grant: &Grant, held: &HeldAttempt, bytes: Bytes) -> Result<Root, Failure> {
        let failed = |error| Failure::from(WorkError::Storage(error));
        let root = self.roots.output(&grant.scratch).await.map_err(failed)?;
        let key = keys::report(&held.task, held.attempt);
        match root.create_exclusive(&key, bytes).await.map_err(failed)? {
            Creation::Ours => Ok(root),
            Creation::Taken => {
                let object = root.object(&key);
                let message = format!("{object} holds another report of this very attempt; please report this");
                Err(Failure::new(FailureClass::Bug, message))
            }
        }
    }

    /// Repeats a call until the leader answers or the lease is lost.
    async fn ask<T, F>(&mut self, call: impl Fn() -> F) -> Result<T, NotReported>
    where
        F: Future<Output = Result<T, DispatchError>>,
    {
        let mut held_completion = None;
        loop {
            if !self.fence.is_up() {
                return Err(NotReported::Ended(Reported::Fenced));
            }
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(DispatchError::Incompatible { reason }) => {
                    return Err(NotReported::Ended(Reported::Incompatible { reason }));
                }
                Err(DispatchError::NotTaken { reason }) => return Err(NotReported::NotTaken { reason }),
                // A leader that does not know this worker yet is asked again once the registration is done.
                Err(error @ (DispatchError::Away { .. } | DispatchError::UnknownWorker { .. })) => {
                    tracing::debug!(%error, "outcome of an attempt held");
                    held_completion.get_or_insert_with(HeldCompletion::begin);
                    self.backoff.pause().await;
                }
            }
        }
    }
}

/// Reason for which a report did not reach the leader, or was refused.
enum NotReported {
    /// The lease has ended, or this worker cannot speak the leader's protocol.
    Ended(Reported),
    /// The leader refuses the message, also if it is repeated.
    NotTaken {
        /// Sentence of the leader.
        reason: String,
    },
}

/// Cuts a failure's message to the length that the leader keeps.
fn cut(message: &mut String) {
    if message.len() > FAILURE_BYTES_MAX {
        message.truncate(message.floor_char_boundary(FAILURE_BYTES_MAX - 3));
        message.push_str("...");
    }
}

/// Removes a run that nobody will read. If that fails, the run is removed with the shard's other runs.
async fn discard(root: &Root, report: &Report) {
    let Report::Map(report) = report else { return };
    let Some(run) = &report.run else { return };
    if let Err(error) = root.remove(&run.key).await {
        tracing::debug!(%error, "remove the run of an attempt that does not count");
    }
}
