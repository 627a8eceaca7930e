//! What operators ask of the leader.

use std::collections::HashSet;
use std::sync::Arc;

use model::{JobId, ShardId};
use proto::ApiError;

use super::Leader;
use super::message::{Ask, Reply};
use crate::job::Job;
use crate::journal::Journal;
use crate::report::JobReport;

impl Leader {
    pub(super) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Submit { spec, reply } => self.submit(*spec, None, reply),
            Ask::Run { spec, ended, reply } => self.submit(*spec, Some(ended), reply),
            Ask::Jobs { reply } => drop(reply.send(Ok(self.job_summaries()))),
            Ask::Job { job, reply } => drop(reply.send(Ok(self.job_view(&job)))),
            Ask::Cancel { job, reason, reply } => self.cancel(&job, &reason, reply),
            Ask::Retry { job, reason, earlier, reply } => self.retry(&job, &reason, earlier, reply),
            Ask::Tasks { request, job, shard, reply } => drop(reply.send(self.task_views(&request, &job, shard))),
            Ask::Workers { reply } => drop(reply.send(Ok(self.worker_views()))),
            Ask::Drain { worker, reason, reply } => self.drain(&worker, &reason, reply),
            Ask::Undrain { worker, reason, reply } => self.undrain(&worker, &reason, reply),
            Ask::DrainOrders { reply } => drop(reply.send(Ok(self.drains.views()))),
            Ask::Cluster { reply } => drop(reply.send(Ok(self.cluster_view()))),
            Ask::OpenJobs { reply } => drop(reply.send(Ok(self.open_jobs()))),
            Ask::Datasets { reply } => read_datasets(self.journal.clone(), reply),
        }
    }

    fn open_jobs(&self) -> HashSet<String> {
        let jobs = self.jobs.keys().chain(self.recovering.keys()).chain(&self.beginning);
        jobs.map(ToString::to_string).collect()
    }

    /// Runs the shards of a job that has ended, and are not done, once more.
    fn retry(&mut self, id: &JobId, reason: &str, earlier: Option<Box<JobReport>>, reply: Reply<Vec<ShardId>>) {
        if self.jobs.contains_key(id) || self.recovering.contains_key(id) {
            let reason = format!("job {id} still runs; `tailor job wait {id}`, or cancel it first");
            let _ = reply.send(Err(ApiError::Refused { reason }));
            return;
        }
        let Some(earlier) = earlier else {
            let _ = reply.send(Err(no_job(id)));
            return;
        };
        let shards: Vec<_> = earlier.shards.iter().filter(|shard| !shard.is_done()).map(|shard| shard.shard).collect();
        if earlier.has_lost_spec() {
            let reason = format!("what job {id} was asked to do is lost; submit it again under this name or another");
            let _ = reply.send(Err(ApiError::Refused { reason }));
            return;
        }
        // One that ended before it was planned has no shard at all: all of them run.
        if shards.is_empty() && (!earlier.shards.is_empty() || earlier.cause.is_none()) {
            let reason = format!("every shard of job {id} is done; `tailor shard replay` runs one again all the same");
            let _ = reply.send(Err(ApiError::Refused { reason }));
            return;
        }
        if !self.beginning.insert(id.clone()) {
            let _ = reply.send(Err(super::jobs::just_begun(id)));
            return;
        }
        self.retry_shards(id, reason, earlier, shards, reply);
    }

    fn retry_shards(
        &self,
        id: &JobId,
        reason: &str,
        earlier: Box<JobReport>,
        shards: Vec<ShardId>,
        reply: Reply<Vec<ShardId>>,
    ) {
        let (journal, handle, clock) = (self.journal.clone(), self.handle.clone(), Arc::clone(&self.clock));
        let (id, reason) = (id.clone(), reason.to_owned());
        tokio::spawn(async move {
            let begun = super::jobs::begin_again(&journal, &earlier, &reason, clock).await;
            match begun {
                Err(error) => handle.tell(super::message::Outcome::NotBegun { job: id, error, reply }),
                Ok((job, spec, head)) => {
                    tracing::info!(job = %id, reason, shards = shards.len(), "job tried again");
                    handle.tell(super::message::Outcome::BegunAgain { job, spec, head, earlier });
                    let _ = reply.send(Ok(shards));
                }
            }
        });
    }
}

fn read_datasets(journal: Journal, reply: Reply<Vec<String>>) {
    tokio::spawn(async move {
        let datasets = journal.datasets().await;
        let _ = reply.send(datasets.map_err(|error| ApiError::Away { reason: model::error::chain(&error) }));
    });
}

pub(super) fn no_job(id: &JobId) -> ApiError {
    ApiError::NotFound { what: format!("job {id}; see `tailor job list`") }
}

/// A job with its spec and head, as one that is begun again has them.
pub(crate) type BegunAgain = (Arc<Job>, Arc<model::JobSpec>, Box<format::state_records::JobHead>);
