//! Plans of a job: made, recorded, and opened.
//!
//! ```text
//! segments listed -> mark (open), plan objects -> shard records -> head (running, their number) -> the scheduler's shards
//! ```

use std::sync::Arc;

use format::keys;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::error::chain;
use model::{Digest, JobId};
use scheduler::life::JobEvent;
use scheduler::{Event, Restored};
use serde_json::json;
use tracing::Instrument as _;

use super::Leader;
use super::live::LiveShard;
use super::marks::RunMark;
use super::message::{Outcome, PlannedShard, WrittenPlans};
use crate::bases::{self, Round};
use crate::error::JobError;
use crate::job::Job;
use crate::journal::{Journal, JournalError};
use crate::planning;
use crate::probe::{ProbeError, Probes};

/// Most objects read or written at once for one job.
pub(super) const OBJECTS_AT_ONCE: usize = 32;

impl Leader {
    pub(super) fn plan(&self, id: &JobId) {
        let Some(live) = self.jobs.get(id) else { return };
        let (handle, round, id) = (self.handle.clone(), live.head.round, id.clone());
        let planning = Round::of(&live.head);
        let job = Job { shards: live.shards_to_run(), ..(*live.job).clone() };
        let probes = Arc::clone(&self.probes);
        let mark = self.mark(&id, &live.head, &job.dataset);
        let span = self.planning_span(&id);
        tokio::spawn(async move {
            let planned = Box::new(plan(&job, planning, &probes, &mark).instrument(span).await);
            handle.send_outcome(Outcome::Planned { job: id, round, planned });
        });
    }

    /// Keeps the plans until they are recorded, or the reason why there are none.
    pub(super) fn planned(&mut self, id: &JobId, round: u32, planned: Result<WrittenPlans, JobError>) {
        let is_cancelled = self.is_cancelled(id);
        let Some(live) = self.jobs.get_mut(id).filter(|live| live.head.round == round) else { return };
        let event = match planned {
            Ok(WrittenPlans { shards, warnings, warned }) => {
                if !is_cancelled {
                    (live.warnings, live.head.warnings) = (warnings, warned);
                    live.planned = shards;
                }
                JobEvent::Planned
            }
            Err(error) => {
                live.planning_failure = Some(chain(&error));
                JobEvent::NotPlanned
            }
        };
        self.tell_job(id, Some(round), event);
    }

    pub(super) fn record_plans(&self, id: &JobId) {
        let Some(live) = self.jobs.get(id) else { return };
        let (journal, handle, id, round) = (self.journal.clone(), self.handle.clone(), id.clone(), live.head.round);
        let shards = live.planned.clone();
        tokio::spawn(async move {
            let result = journal.insist(|| record_plans(&journal, &id, round, &shards)).await;
            handle.send_outcome(Outcome::PlansRecorded { job: id, round, result });
        });
    }

    /// Goes on once all shards of a job are on record. The head that counts the shards is written next.
    pub(super) fn plans_recorded(&mut self, id: &JobId, round: u32, result: Result<(), JournalError>) {
        match self.unless_over(result) {
            Some(Ok(())) => {}
            Some(Err(error)) => return self.over = Some(format!("the plans of {id} cannot be recorded: {error}")),
            None => return,
        }
        let Some(live) = self.jobs.get(id) else { return };
        let (shards, bytes) = (live.planned.len(), live.planned.iter().map(|shard| shard.plan.bytes()).sum::<u64>());
        self.note(id, "planned", json!({ "shards": shards, "bytes": bytes }));
        self.tell_job(id, Some(round), JobEvent::Recorded { shards: shards as u32 });
    }

    /// Hands the shards of a job to the scheduler: those that were just recorded, or those that an earlier leader left.
    pub(super) fn open_shards(&mut self, id: &JobId) {
        let Some(live) = self.jobs.get_mut(id) else { return };
        let (planned, recovered) = (std::mem::take(&mut live.planned), live.recovered.take());
        for shard in planned {
            self.open_shard(id, shard, None);
        }
        if let Some(recovered) = recovered {
            self.open_recovered(id, *recovered);
        }
        self.tell_job(id, None, JobEvent::Opened);
    }

    pub(super) fn open_shard(&mut self, id: &JobId, planned: PlannedShard, restored: Option<Box<Restored>>) {
        let plan = Arc::clone(&planned.plan);
        if let Some(live) = self.jobs.get_mut(id) {
            let shard = LiveShard::new(planned, live.head.round);
            live.shards.insert(plan.shard, shard);
            crate::metrics::count_shard_bytes(plan.shard, 0);
        }
        self.apply(Event::ShardPlanned { plan, restored });
    }
}

/// Plans every shard, and writes the plans. A store that the commit would refuse is refused before the work. The
/// dataset is marked as ours, and the job as open, only before the first plan is written: a place whose input could not
/// be planned stays as it was.
async fn plan(job: &Job, round: Round, probes: &Probes, mark: &RunMark) -> Result<WrittenPlans, JobError> {
    match probes.check(&job.dataset).await {
        Err(error @ ProbeError::Overwrites { .. }) => return Err(JobError::Store { reason: error.to_string() }),
        // A store that is away is tried again before the commit.
        Ok(()) | Err(ProbeError::Storage(_)) => {}
    }
    // The bases are noted before the segments are listed: these plans do not know of anything that is committed after
    // this look.
    bases::note(job, round).await?;
    let planning::Plans { plans, warnings } = planning::plan(job).await?;
    mark.begin().await?;
    let written = planning::write(&job.dataset, plans).await?;
    let shards = written.into_iter().map(|(plan, digest)| PlannedShard { plan: Arc::new(plan), digest });
    let warned = write_warnings(job, &warnings).await?;
    Ok(WrittenPlans { shards: shards.collect(), warnings, warned })
}

/// Writes the warnings of planning for operators, so that the next leader can show them; returns the digest that names
/// the object.
async fn write_warnings(job: &Job, warnings: &[String]) -> Result<Option<Digest>, JobError> {
    if warnings.is_empty() {
        return Ok(None);
    }
    let bytes = serde_json::to_vec(warnings).expect("a list of texts");
    let digest = Digest::of(&bytes);
    job.dataset.put_by_digest(&keys::warnings(&job.id, digest), bytes).await?;
    Ok(Some(digest))
}

async fn record_plans(journal: &Journal, id: &JobId, round: u32, shards: &[PlannedShard]) -> Result<(), JournalError> {
    let put = |planned: PlannedShard| async move {
        let record = LiveShard::new(planned.clone(), round).record;
        journal.put_shard(id, planned.plan.shard, &record).await
    };
    stream::iter(shards.to_vec()).map(put).buffer_unordered(OBJECTS_AT_ONCE).try_collect::<()>().await
}
