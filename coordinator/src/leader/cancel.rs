//! Cancels a job: its head says so with the reason, then its shards end.

use format::state_records::{JobHead, JobPhase, Text};
use model::JobId;
use scheduler::Event;

use super::Leader;

/// Bytes of a cancel's reason that each shard's cause repeats; the whole reason is in the job's head and its event log.
const SHARD_CAUSE_BYTES: usize = 128;

/// Marks a head as cancelled, with the operator's reason.
pub(super) fn mark(head: &mut JobHead, reason: &str) {
    head.phase = JobPhase::Cancelling;
    head.reason = Text::cut(reason);
    head.cause = Some(Text::cut(&cause(reason)));
}

/// Formats the cause that the record of a job gives for a cancel.
fn cause(reason: &str) -> String {
    format!("cancelled: {reason}")
}

impl Leader {
    /// True if an operator cancelled the job.
    pub(super) fn is_cancelled(&self, id: &JobId) -> bool {
        self.state.life(id).is_some_and(scheduler::life::Life::is_cancelled)
    }

    /// Ends the open shards of a job that was cancelled.
    pub(super) fn stop_shards(&mut self, id: &JobId) {
        let Some(live) = self.jobs.get(id) else { return };
        let reason = live.head.reason.as_str();
        let start = Text::<SHARD_CAUSE_BYTES>::cut(reason);
        let rest = if start.as_str().len() < reason.len() { "..." } else { "" };
        let cause = cause(&format!("{start}{rest}"));
        self.apply(Event::Cancelled { job: id.clone(), cause });
    }
}
