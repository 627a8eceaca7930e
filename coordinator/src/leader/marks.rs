//! Marks of the jobs that this leader runs: they keep every collector, of this cluster or another, from the jobs'
//! objects.
//!
//! A run of a job is marked as open before its plans are written, again every [`JOB_MARK_EVERY`], and as over once its
//! record is written. The mark's name comes from the job's head, so the next leader refreshes the same one.

use format::keys::{ProcessName, SCRATCH};
use format::state_records::{JobHead, JobPhase};
use futures::{StreamExt as _, stream};
use model::error::chain;
use model::limits::JOB_MARK_EVERY;
use model::{Digest, JobId};
use scheduler::life::Life;
use storage::{Opener, Root, StorageError};
use tokio::time::Instant;

use super::Leader;
use super::plans::OBJECTS_AT_ONCE;

/// Mark of one run of a job.
#[derive(Debug, Clone)]
pub(super) struct RunMark {
    dataset: Root,
    job: JobId,
    run: u64,
    /// URI of the root of all runs, if they have one of their own.
    scratch: Option<String>,
    stores: Opener,
}

impl RunMark {
    /// Creates the mark of the run that `head` belongs to. `scratch` is the root of all runs, if they have one of their
    /// own.
    fn of(job: &JobId, head: &JobHead, dataset: &Root, scratch: Option<&str>, stores: &Opener) -> Self {
        let text = format!("{job}/{}/{}/{}", head.spec, head.round, head.submitted_at_ms);
        // The number is never 0: that run is a collector's own.
        let run = Digest::of(text.as_bytes()).0 as u64 | 1;
        Self {
            dataset: dataset.clone(),
            job: job.clone(),
            run,
            scratch: scratch.map(str::to_owned),
            stores: stores.clone(),
        }
    }

    /// Marks the dataset as ours, and the run as open.
    pub(super) async fn begin(&self) -> Result<(), StorageError> {
        dataset::marks::mark_dataset(&self.dataset).await?;
        self.refresh().await
    }

    /// Marks the run as open once more.
    pub(super) async fn refresh(&self) -> Result<(), StorageError> {
        let process = self.process().await;
        dataset::marks::mark_open(&self.dataset, &self.job, self.run, process).await
    }

    /// Refreshes the mark, or logs the failure: the mark counts for many times the interval, so the next time is soon
    /// enough.
    pub(super) async fn refresh_or_warn(&self) {
        if let Err(error) = self.refresh().await {
            tracing::warn!(job = %self.job, error = chain(&error), "failed to refresh a job's mark; trying again later");
        }
    }

    /// Marks the run as over. If that fails, collectors wait until the mark is stale.
    pub(super) async fn end(&self) {
        if let Err(error) = dataset::marks::mark_over(&self.dataset, &self.job, self.run).await {
            tracing::warn!(job = %self.job, error = chain(&error), "failed to mark a job as over; its leftovers stay for an hour");
        }
    }

    /// Returns the process in whose scratch folder of the dataset the runs lie: that of an embedded job.
    async fn process(&self) -> Option<ProcessName> {
        let parent = self.dataset.local_folder()?.join(SCRATCH);
        let scratch = self.stores.reach(self.scratch.as_deref()?).await.ok()?.local_folder()?.to_owned();
        let name = scratch.strip_prefix(parent).ok()?.to_str()?;
        name.parse().ok()
    }
}

impl Leader {
    /// Returns the mark of the run that `head` belongs to.
    pub(super) fn mark(&self, id: &JobId, head: &JobHead, dataset: &Root) -> RunMark {
        RunMark::of(id, head, dataset, self.settings.scratch.as_deref(), &self.env.stores)
    }

    /// Returns the mark of a job that is live.
    pub(super) fn mark_of(&self, id: &JobId) -> Option<RunMark> {
        let live = self.jobs.get(id)?;
        Some(self.mark(id, &live.head, &live.job.dataset))
    }

    /// Refreshes the marks of the jobs, including those that are still being taken over, when it is time to.
    pub(super) fn refresh_marks(&mut self) {
        if Instant::now() < self.marks_at {
            return;
        }
        self.marks_at = Instant::now() + JOB_MARK_EVERY;
        let is_archived = |id| matches!(self.state.life(id), Some(Life::Archiving { .. }));
        let open = self.jobs.iter().filter(|(id, live)| !is_archived(id) && !live.shards.is_empty());
        let marks: Vec<RunMark> = open.filter_map(|(id, _)| self.mark_of(id)).collect();
        let recovering = self.recovering.iter().filter_map(|(id, recovering)| {
            let head = recovering.head.as_ref().filter(|head| head.phase != JobPhase::Planning)?;
            Some((id.clone(), head.clone()))
        });
        let (recovering, scratch): (Vec<_>, _) = (recovering.collect(), self.settings.scratch.clone());
        let stores = self.env.stores.clone();
        tokio::spawn(async move {
            let refresh = |mark: RunMark| async move { mark.refresh_or_warn().await };
            stream::iter(marks).for_each_concurrent(OBJECTS_AT_ONCE, refresh).await;
            for (id, head) in recovering {
                if let Ok(dataset) = stores.reach(head.dataset.as_str()).await {
                    refresh(RunMark::of(&id, &head, &dataset, scratch.as_deref(), &stores)).await;
                }
            }
        });
    }
}
