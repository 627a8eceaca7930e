//! End of a job that cannot be taken over: its spec is lost, but its existence and the cause of its end go on record.

use std::time::Duration;

use format::state_records::{JobHead, JobPhase, ShardPhase};
use model::error::chain;
use model::{JobId, JobSettings, JobSpec};
use scheduler::ShardEnd;
use scheduler::life::JobEvent;
use storage::{Opener, StorageError};

use super::Leader;
use super::ends::archive;
use super::message::{ArchiveError, Handle, Outcome};
use crate::journal::{FoundJob, Journal, JournalError};
use crate::record;
use crate::report::{JobReport, ShardReport};

/// Most tries to write the record, because the dataset itself may be gone.
const RECORD_TRIES_MAX: u32 = 5;
/// Pause between two tries.
const PAUSE: Duration = Duration::from_secs(2);

impl Leader {
    /// Ends a job whose spec will never be read.
    pub(super) fn abandon(&mut self, id: &JobId) {
        let Some(recovering) = self.recovering.get(id) else { return };
        let Some(head) = recovering.head.clone() else { return };
        let cause = match (head.phase == JobPhase::Cancelling, &head.cause) {
            (true, Some(cancelled)) => cancelled.to_string(),
            _ => {
                let trouble = recovering.trouble.as_deref().unwrap_or_default();
                format!("it could not be taken over from another leader: {trouble}")
            }
        };
        tracing::warn!(job = %id, cause, "gave up a job that cannot be taken over");
        let (found, at_ms) = (std::sync::Arc::clone(&recovering.found), self.env.clock.now_ms());
        let (journal, handle, id, stores) =
            (self.journal.clone(), self.handle.clone(), id.clone(), self.env.stores.clone());
        tokio::spawn(async move {
            let result = end(
                Lost { journal: &journal, handle: &handle, id: &id, head: &head, found: &found },
                &stores,
                &cause,
                at_ms,
            )
            .await;
            handle.send_outcome(Outcome::Abandoned { job: id, result });
        });
    }

    pub(super) fn abandoned(&mut self, id: &JobId, result: Result<(), JournalError>) {
        match self.unless_over(result) {
            Some(Ok(())) => {
                self.recovering.remove(id);
                tracing::info!(job = %id, "job ended, given up");
                self.tell_job(id, None, JobEvent::Abandoned);
            }
            Some(Err(error)) => self.over = Some(format!("the end of job {id} cannot be recorded: {error}")),
            None => {}
        }
    }
}

/// Job that is given up, and its records.
#[derive(Clone, Copy)]
struct Lost<'a> {
    journal: &'a Journal,
    handle: &'a Handle,
    id: &'a JobId,
    head: &'a JobHead,
    found: &'a FoundJob,
}

/// Writes the record, if the dataset still takes one, and deletes the job's keys.
async fn end(lost: Lost<'_>, stores: &Opener, cause: &str, at_ms: i64) -> Result<(), JournalError> {
    let Lost { journal, id, .. } = lost;
    for tried in 1..=RECORD_TRIES_MAX {
        match record(lost, stores, cause, at_ms).await {
            Ok(()) => return Ok(()),
            Err(ArchiveError::Journal(error)) => return Err(error),
            Err(ArchiveError::Storage(error)) => {
                tracing::warn!(job = %id, error = chain(&error), tried, "failed to write the record of a job that was given up");
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    tracing::warn!(job = %id, cause, "failed to write any record of the job; only this log tells how it ended");
    journal.insist(|| journal.forget_job(id)).await
}

async fn record(lost: Lost<'_>, stores: &Opener, cause: &str, at_ms: i64) -> Result<(), ArchiveError> {
    let Lost { journal, handle, id, head, found } = lost;
    let dataset = stores.reach_or_make(head.dataset.as_str()).await?;
    let earlier = match record::read(&dataset, id).await {
        Ok(earlier) if head.round > 1 => earlier.filter(|earlier| !earlier.has_lost_spec()),
        Err(error @ StorageError::Failed { .. }) if error.is_store_away() => return Err(error.into()),
        Ok(_) | Err(_) => None,
    };
    let spec = earlier.as_ref().map_or_else(|| lost_spec(id, head), |earlier| earlier.spec.clone());
    let shards = found.of_round(head).map(|(shard, found)| {
        let record = found.record_or_lost();
        let mut report = ShardReport::recorded(shard, &record);
        if matches!(record.phase, ShardPhase::Running | ShardPhase::Committing) {
            let (is_cancelled, cause) = (head.phase == JobPhase::Cancelling, cause.to_owned());
            report.end(&if is_cancelled { ShardEnd::Cancelled { cause } } else { ShardEnd::Failed { cause } });
        }
        report
    });
    let elapsed = Duration::from_millis(u64::try_from(at_ms - head.submitted_at_ms).unwrap_or_default());
    let mut report = JobReport::of(&spec, head.round, shards.collect(), Vec::new(), head.submitted_at_ms, elapsed);
    report.cause = Some(cause.to_owned());
    if let Some(earlier) = earlier {
        report = report.merge(earlier);
    }
    archive(journal, &dataset, &report).await?;
    handle.coverage().ended(&dataset, &report, journal.leadership().id());
    Ok(())
}

/// Builds a spec of which only the head's part is known.
fn lost_spec(id: &JobId, head: &JobHead) -> JobSpec {
    JobSpec {
        job: id.clone(),
        input: String::new(),
        dataset: head.dataset.to_string(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: head.reason.to_string(),
        weight: model::spec::WEIGHT_DEFAULT,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: head.submitted_at_ms,
    }
}
