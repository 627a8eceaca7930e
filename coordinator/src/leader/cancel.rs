//! Cancelling a job, whatever it is at: being begun, taken over, planned, or running; and however often it is asked for.

use format::state_records::{JobHead, JobPhase, Text};
use model::JobId;
use proto::ApiError;
use scheduler::Event;
use serde_json::json;

use super::Leader;
use super::message::Reply;

/// Bytes of a cancel's reason that each shard's cause repeats; the whole is in the job's head and its event log.
const SHARD_CAUSE_BYTES: usize = 128;

/// Marks a head as cancelled, with who said why.
fn mark(head: &mut JobHead, reason: &str) {
    head.phase = JobPhase::Cancelling;
    head.reason = Text::cut(reason);
    head.cause = Some(Text::cut(&cause(reason)));
}

/// What the record of a job says of a cancel.
fn cause(reason: &str) -> String {
    format!("cancelled: {reason}")
}

impl Leader {
    /// Stops a job. Whoever asked hears of it once it is on record: the next leader goes on with it. Asked again, the answer
    /// is the same, and the first reason stays.
    pub(super) fn cancel(&mut self, id: &JobId, reason: &str, reply: Reply<()>) {
        if self.recovering.contains_key(id) {
            return self.cancel_recovering(id, reason, reply);
        }
        if self.beginning.contains(id) {
            let _ = reply.send(Err(super::jobs::just_begun(id)));
            return;
        }
        let Some(live) = self.jobs.get_mut(id) else {
            let _ = reply.send(Err(super::ask::no_job(id)));
            return;
        };
        if live.head.phase == JobPhase::Cancelling {
            return self.put_head(id, Some(reply));
        }
        if live.has_ended {
            let reason = format!("job {id} has ended already; see `tailor job get {id}`");
            let _ = reply.send(Err(ApiError::Refused { reason }));
            return;
        }
        mark(&mut live.head, reason);
        tracing::info!(job = %id, reason, "job cancelled");
        self.note(id, "cancelled", json!({ "reason": reason }));
        self.put_head(id, Some(reply));
        self.stop_if_cancelled(id);
    }

    /// The head alone is written: nothing else of the job may be readable. Its attempts are stopped by their workers' beats.
    fn cancel_recovering(&mut self, id: &JobId, reason: &str, reply: Reply<()>) {
        let Some(recovering) = self.recovering.get_mut(id) else { return };
        let Some(head) = &mut recovering.head else {
            let reason = recovering.trouble.clone().unwrap_or_default();
            let _ = reply.send(Err(ApiError::Refused { reason }));
            return;
        };
        if head.phase != JobPhase::Cancelling {
            mark(head, reason);
            tracing::info!(job = %id, reason, "job cancelled while it is taken over");
        }
        self.put_head(id, Some(reply));
    }

    /// Ends what is open of a job that was cancelled: again, whenever more of it has become known.
    pub(super) fn stop_if_cancelled(&mut self, id: &JobId) {
        let Some(live) = self.jobs.get(id).filter(|live| live.head.phase == JobPhase::Cancelling) else { return };
        let reason = live.head.reason.as_str();
        let start = Text::<SHARD_CAUSE_BYTES>::cut(reason);
        let rest = if start.as_str().len() < reason.len() { "..." } else { "" };
        let cause = cause(&format!("{start}{rest}"));
        self.apply(Event::Cancelled { job: id.clone(), cause });
    }
}
