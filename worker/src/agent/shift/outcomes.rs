//! Handles the outcomes of attempts: first from the slot, then from the leader.

use std::sync::Arc;

use daemon::trace::TARGET;
use model::{FailureClass, Grant, HeldAttempt};
use tracing::Instrument as _;

use super::event::Event;
use super::{Phase, Shift};
use crate::agent::AgentError;
use crate::agent::backoff::Backoff;
use crate::agent::fence::Fence;
use crate::agent::reporter::{Reported, Reporter};
use crate::metrics;
use crate::slot::AttemptOutcome;
use crate::trace;

/// Outcome of an attempt that was given up before it ended.
const HANDED_BACK: &str = "handed-back";

impl Shift<'_> {
    /// Handles an attempt that has left its slot: reports it to the leader, unless the attempt was given up.
    pub(super) fn computed(&mut self, grant: Grant, mut outcome: AttemptOutcome) {
        let held = HeldAttempt { task: grant.task.clone(), attempt: grant.attempt };
        let kind = held.task.task.kind;
        let Some(attempt) = self.running.get_mut(&held) else { return };
        if attempt.phase == Phase::HandedBack {
            let took = self.running.remove(&held, HANDED_BACK);
            return metrics::attempt_ended(kind, HANDED_BACK, took);
        }
        attempt.phase = Phase::Reporting;
        let took = attempt.began_at.elapsed();
        attempt.took = Some(took);
        outcome.set_effort(attempt.progress.effort(took));
        metrics::attempt_computed(kind, &outcome, took);
        trace::computed(&attempt.span, &outcome);
        let span = tracing::info_span!(target: TARGET, parent: &attempt.span, "report");
        match &outcome {
            AttemptOutcome::Failed(failure) if failure.class == FailureClass::Resource => {
                self.become_unfit(failure.message.clone());
            }
            AttemptOutcome::Failed(_) => {}
            AttemptOutcome::Mapped(_) | AttemptOutcome::Reduced(_) => self.pace.learn(kind, took),
        }
        let reporter = Reporter {
            leader: Arc::clone(&self.agent.leader),
            roots: Arc::clone(&self.agent.roots),
            fence: Fence::of(&self.session),
            worker: self.worker(),
            backoff: Backoff::seeded(self.backoff.seed()),
        };
        self.tasks.spawn(async move { Event::Reported(held, reporter.report(&grant, outcome).instrument(span).await) });
    }

    /// Forgets an attempt whose report has ended: the leader knows of it, or never will.
    pub(super) fn reported(&mut self, held: &HeldAttempt, reported: Reported) -> Result<(), AgentError> {
        let outcome = match reported {
            Reported::Counts => metrics::COUNTS,
            Reported::Refused => "refused",
            Reported::Failed(failure) if failure.class == FailureClass::Cancelled => "cancelled",
            Reported::Failed(failure) => {
                if failure.class == FailureClass::Resource {
                    self.become_unfit(failure.message);
                }
                "failed"
            }
            Reported::Fenced => "fenced",
            Reported::Incompatible { reason } => return Err(AgentError::Incompatible { reason }),
        };
        let took = self.running.remove(held, outcome);
        metrics::attempt_ended(held.task.task.kind, outcome, took);
        Ok(())
    }
}
