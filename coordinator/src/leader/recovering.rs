//! Jobs that another leader left and that cannot go on yet: their heads, the replies about them, and their end if they
//! are given up.
//!
//! ```text
//!                       read                           all of it
//! head on record -----------------> being taken over ------------> a job like any other
//!                                     |  ^      |
//!    a store is away, listed with the |  |      | its spec will never be read: tried for a minute, or cancelled
//!    reason, tried again and again    +--+      +----> failed or cancelled, on record, its name free again
//! ```
//!
//! A plan, or the report of a shard, that will never be read ends that shard alone.

use std::sync::Arc;

use format::state_records::{JobHead, JobPhase, ShardPhase};
use model::JobId;
use proto::{ApiError, v1};

use super::Leader;
use crate::history_view;
use crate::journal::FoundJob;
use crate::report::ShardReport;

/// Job that is being taken over.
pub(crate) struct Recovering {
    /// State of the job that the leader found when it began.
    pub(crate) found: Arc<FoundJob>,
    /// Head of the job by now; none if its record cannot be read.
    pub(crate) head: Option<JobHead>,
    /// Reason for which the job is not taken over yet.
    pub(crate) trouble: Option<String>,
}

impl Recovering {
    pub(crate) fn of(found: FoundJob) -> Self {
        let head = found.head.clone();
        let trouble = found.unreadable.as_ref().map(|reason| {
            format!("its head cannot be read by this version and is left alone ({reason}); let a newer coordinator lead, or remove its keys from etcd")
        });
        Self { found: Arc::new(found), head, trouble }
    }

    fn waiting_for(&self) -> String {
        match &self.trouble {
            Some(trouble) => format!("it is being taken over from another leader: {trouble}"),
            None => "it is being taken over from another leader".to_owned(),
        }
    }
}

impl Leader {
    /// True if a job's attempts are not known yet, so that nothing is said about them. The attempts of a cancelled job
    /// count as known: the replies to the next heartbeats stop them.
    pub(super) fn awaits_takeover(&self, id: &JobId) -> bool {
        awaits_takeover(&self.state, id)
    }

    /// Returns the reply to a submission of a name whose job is being taken over.
    pub(super) fn not_yet_taken_over(&self, id: &JobId) -> ApiError {
        match self.recovering.get(id).and_then(|recovering| recovering.trouble.as_ref()) {
            Some(trouble) => ApiError::Refused {
                reason: format!(
                    "there is a job {id} that cannot be taken over from another leader: {trouble}; `tailor job cancel {id}` \
                     ends it"
                ),
            },
            None => ApiError::Away { reason: format!("job {id} is still being taken over from another leader") },
        }
    }

    pub(super) fn recovering_summaries(&self) -> impl Iterator<Item = v1::JobSummary> {
        self.recovering.iter().map(|(id, recovering)| summary(id, recovering, &shards(recovering)))
    }

    pub(super) fn recovering_view(&self, id: &JobId) -> Option<v1::GetJobResponse> {
        let recovering = self.recovering.get(id)?;
        let shards = shards(recovering);
        let job = Some(summary(id, recovering, &shards));
        Some(v1::GetJobResponse { job, shards, ..Default::default() })
    }
}

/// True if a job's attempts are not known yet; see [`Leader::awaits_takeover`].
pub(super) fn awaits_takeover(state: &scheduler::State, id: &JobId) -> bool {
    state.life(id).is_some_and(|life| life.is_left_over() && !life.is_cancelled())
}

/// Summarizes the shards of a job by their records.
fn shards(recovering: &Recovering) -> Vec<v1::ShardSummary> {
    let Some(head) = &recovering.head else { return Vec::new() };
    let of_round = recovering.found.of_round(head).map(|(shard, found)| {
        let record = found.record_or_lost();
        let mut summary = history_view::shard(&ShardReport::recorded(shard, &record));
        if record.phase == ShardPhase::Committing {
            summary.state = v1::ShardState::Committing.into();
        }
        summary
    });
    of_round.collect()
}

fn summary(id: &JobId, recovering: &Recovering, shards: &[v1::ShardSummary]) -> v1::JobSummary {
    let head = recovering.head.as_ref();
    let state = match head.map(|head| head.phase) {
        Some(JobPhase::Planning) => v1::JobState::Planning,
        Some(JobPhase::Cancelling) => v1::JobState::Cancelling,
        Some(JobPhase::Running | JobPhase::Ended) | None => v1::JobState::Running,
    };
    let count = |state: v1::ShardState| shards.iter().filter(|shard| shard.state == state as i32).count() as u32;
    v1::JobSummary {
        job: id.to_string(),
        state: state.into(),
        dataset: head.map(|head| head.dataset.to_string()).unwrap_or_default(),
        submitted_at_ms: head.map(|head| head.submitted_at_ms).unwrap_or_default(),
        shards: head.map_or(0, |head| head.shards),
        shards_done: count(v1::ShardState::Done),
        shards_failed: count(v1::ShardState::Failed),
        cause: head.and_then(|head| head.cause.as_ref()).map(ToString::to_string).unwrap_or_default(),
        waiting_for: recovering.waiting_for(),
        ..v1::JobSummary::default()
    }
}
