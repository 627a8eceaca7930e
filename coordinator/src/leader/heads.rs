//! Heads of jobs: written one after another, so that the last decision is the last on record.
//!
//! ```text
//! Idle --- put_head ---> UnderWay ---- put_head ----> UnderWay, again
//!  ^                        |                             |
//!  +------- written --------+ <---- written: once more ---+
//! ```
//!
//! A job that is being taken over has a head, too, so it can be cancelled before anything else of it is known.

use format::state_records::{JobHead, JobPhase, Text};
use model::JobId;
use proto::ApiError;
use scheduler::life::{HeadChange, JobEvent};
use serde_json::json;

use super::Leader;
use super::cancel;
use super::message::{Outcome, Reply};
use super::requests::Request;
use crate::journal::JournalError;

/// Write of a head that is under way.
#[derive(Default)]
pub(crate) struct HeadWrite {
    /// True if the head has changed meanwhile, and has to be written again.
    again: bool,
    /// Replies that wait for the next write.
    next_replies: Vec<Reply<()>>,
}

impl Leader {
    /// Returns the head of a job as it is by now, on record or soon.
    fn head(&self, id: &JobId) -> Option<&JobHead> {
        let live = self.jobs.get(id).map(|live| &live.head);
        live.or_else(|| self.recovering.get(id)?.head.as_ref())
    }

    /// Changes a head, and writes it. If a request asked for the change, its reply follows once the head is on record.
    pub(super) fn change_head(&mut self, id: &JobId, change: HeadChange) {
        let (reason, reply) = match self.request.take() {
            Some(Request::Cancel { reason, reply }) => (reason, Some(reply)),
            other => {
                self.request = other;
                (String::new(), None)
            }
        };
        match change {
            HeadChange::None => {}
            HeadChange::Cancel => self.mark_cancelled(id, &reason),
            HeadChange::FailPlanning => self.mark_unplanned(id),
            HeadChange::Count | HeadChange::Release => {
                if let Some(live) = self.jobs.get_mut(id) {
                    live.head.shards = live.planned.len() as u32;
                    if change == HeadChange::Release {
                        live.head.phase = JobPhase::Running;
                    }
                }
            }
        }
        self.put_head(id, reply);
    }

    fn mark_cancelled(&mut self, id: &JobId, reason: &str) {
        if let Some(live) = self.jobs.get_mut(id) {
            cancel::mark(&mut live.head, reason);
            tracing::info!(job = %id, reason, "job cancelled");
            self.note(id, "cancelled", json!({ "reason": reason }));
        } else if let Some(head) = self.recovering.get_mut(id).and_then(|recovering| recovering.head.as_mut()) {
            // Only the head is written: nothing else of the job may be readable. The replies to heartbeats tell workers
            // to stop the job's attempts.
            cancel::mark(head, reason);
            tracing::info!(job = %id, reason, "job cancelled while it is taken over");
        }
    }

    fn mark_unplanned(&mut self, id: &JobId) {
        let Some(live) = self.jobs.get_mut(id) else { return };
        let cause = live.planning_failure.take().unwrap_or_default();
        tracing::warn!(job = %id, %cause, "failed to plan the job; it ends as failed");
        live.head.cause = Some(Text::cut(&cause));
        self.note(id, "planning-failed", json!({ "cause": cause }));
    }

    /// Writes a job's head as it is now; `reply` is sent once the head is on record.
    fn put_head(&mut self, id: &JobId, reply: Option<Reply<()>>) {
        if let Some(write) = self.heads.get_mut(id) {
            write.again = true;
            write.next_replies.extend(reply);
            return;
        }
        self.write_head(id, reply.into_iter().collect());
    }

    fn write_head(&mut self, id: &JobId, replies: Vec<Reply<()>>) {
        let Some(head) = self.head(id).cloned() else {
            // The job has been archived, and its record says how it ended.
            replies.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
            return;
        };
        self.heads.insert(id.clone(), HeadWrite::default());
        let (journal, handle, job) = (self.journal.clone(), self.handle.clone(), id.clone());
        tokio::spawn(async move {
            let result = journal.insist(|| journal.put_job(&job, &head)).await;
            handle.send_outcome(Outcome::HeadPut { job, round: head.round, result, replies });
        });
    }

    /// Sends the replies that waited for a head, and writes the head again if it has changed meanwhile.
    pub(super) fn head_put(
        &mut self,
        id: &JobId,
        round: u32,
        result: Result<(), JournalError>,
        replies: Vec<Reply<()>>,
    ) {
        let write = self.heads.remove(id).unwrap_or_default();
        // Callers who get no reply ask the next leader.
        let Some(result) = self.unless_over(result) else { return };
        for reply in replies {
            let _ = reply.send(result.clone().map_err(|error| ApiError::Away { reason: error.to_string() }));
        }
        if write.again {
            self.write_head(id, write.next_replies);
        }
        if result.is_ok() {
            self.tell_job(id, Some(round), JobEvent::HeadWritten);
        }
    }
}
