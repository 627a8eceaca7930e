//! Heads of jobs: written one after another, so that what is on record last is what was decided last.
//!
//! ```text
//! Idle --- put_head ---> UnderWay ---- put_head ----> UnderWay, again
//!  ^                        |                             |
//!  +------- written --------+ <---- written: once more ---+
//! ```
//!
//! A job has a head while it is being taken over, too: it can be cancelled before anything else of it is known.

use format::state_records::{JobHead, JobPhase};
use model::JobId;
use proto::ApiError;
use scheduler::Event;

use super::Leader;
use super::message::{Outcome, Reply};
use crate::journal::JournalError;

/// A head that is being written.
#[derive(Default)]
pub(crate) struct HeadWrite {
    /// It has changed meanwhile.
    again: bool,
    /// Who is told once the next write is done.
    told_next: Vec<Reply<()>>,
}

impl Leader {
    /// The head of a job as it is by now, on record or soon.
    fn head(&self, id: &JobId) -> Option<&JobHead> {
        let live = self.jobs.get(id).map(|live| &live.head);
        live.or_else(|| self.recovering.get(id)?.head.as_ref())
    }

    /// Writes a job's head as it is now; `told` hears of it once it is on record.
    pub(super) fn put_head(&mut self, id: &JobId, told: Option<Reply<()>>) {
        if let Some(write) = self.heads.get_mut(id) {
            write.again = true;
            write.told_next.extend(told);
            return;
        }
        self.write_head(id, told.into_iter().collect());
    }

    fn write_head(&mut self, id: &JobId, told: Vec<Reply<()>>) {
        let Some(head) = self.head(id).cloned() else {
            // It has been archived, and its record says how it ended.
            told.into_iter().for_each(|reply| drop(reply.send(Ok(()))));
            return;
        };
        self.heads.insert(id.clone(), HeadWrite::default());
        let (journal, handle, job) = (self.journal.clone(), self.handle.clone(), id.clone());
        tokio::spawn(async move {
            let result = journal.insist(|| journal.put_job(&job, &head)).await;
            handle.tell(Outcome::HeadPut { job, phase: head.phase, result, told });
        });
    }

    /// A head was written, or not.
    pub(super) fn head_put(
        &mut self,
        id: &JobId,
        phase: JobPhase,
        result: Result<(), JournalError>,
        told: Vec<Reply<()>>,
    ) {
        let write = self.heads.remove(id).unwrap_or_default();
        // Who hears nothing asks the next leader.
        let Some(result) = self.unless_over(result) else { return };
        for reply in told {
            let _ = reply.send(result.clone().map_err(|error| ApiError::Away { reason: error.to_string() }));
        }
        if write.again {
            self.write_head(id, write.told_next);
        }
        if phase == JobPhase::Running {
            self.open_planned(id);
        }
    }

    /// The shards of a job are on record, and so is a head that lets them run, or that it was cancelled.
    pub(super) fn open_planned(&mut self, id: &JobId) {
        let Some(live) = self.jobs.get_mut(id) else { return };
        let planned = std::mem::take(&mut live.planned);
        if planned.is_empty() {
            return;
        }
        for shard in planned {
            self.open_shard(id, shard, None);
        }
        self.apply(Event::JobPlanned { job: id.clone() });
        self.stop_if_cancelled(id);
    }
}
