//! What operators ask.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};
use model::{Clock, JobId, JobSpec, ShardId};
use proto::v1::operator_service_server::OperatorService;
use proto::{ApiError, convert::parsed, v1};
use storage::{Root, StorageError};
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};

use super::{Door, jobs};
use crate::error::describe;
use crate::history;
use crate::history_view;
use crate::job::Job;
use crate::leader::{Ask, Handle};
use crate::planning::{self, Planned};
use crate::report::JobReport;

/// How often a watched job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Dry runs at once.
const PLANS_AT_ONCE: usize = 2;

/// The service for operators.
#[derive(Debug)]
pub(crate) struct Operators {
    door: Door,
    clock: Arc<dyn Clock>,
    /// Room for dry runs.
    plans: Semaphore,
}

impl Operators {
    pub(crate) fn new(door: Door, clock: Arc<dyn Clock>) -> Self {
        Self { door, clock, plans: Semaphore::new(PLANS_AT_ONCE) }
    }
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OperatorService for Operators {
    async fn submit_job(&self, request: Request<v1::SubmitJobRequest>) -> Answer<v1::SubmitJobResponse> {
        let spec = Box::new(read_spec(&request.into_inner().spec)?);
        let leader = self.door.leader()?;
        Ok(Response::new(leader.ask(|reply| Ask::Submit { spec, reply }).await?))
    }

    async fn plan_job(&self, request: Request<v1::PlanJobRequest>) -> Answer<v1::PlanJobResponse> {
        let spec = read_spec(&request.into_inner().spec)?;
        let failed = |error: crate::JobError| ApiError::Refused { reason: describe(&error) };
        // A dry run looks at the input alone: the dataset need not be there.
        let dataset = Root::open(&spec.input).map_err(|error| failed(error.into()))?;
        let job = Job::reading(&spec, dataset, Arc::clone(&self.clock)).map_err(failed)?;
        // A plan may take hundreds of MiB until it is answered.
        let Ok(_room) = self.plans.try_acquire() else {
            let reason = format!("{PLANS_AT_ONCE} dry runs are under way here; try again");
            return Err(ApiError::Away { reason }.into());
        };
        let Planned { plans, warnings } = planning::plan(&job).await.map_err(failed)?;
        let shards = plans.iter().map(|plan| v1::PlannedShard {
            shard: plan.shard.to_string(),
            segments: plan.segments.len() as u64,
            bytes: plan.bytes(),
            map_tasks: plan.map_tasks.len() as u32,
            partitions: plan.partitions,
        });
        Ok(Response::new(v1::PlanJobResponse { shards: shards.collect(), warnings }))
    }

    async fn list_jobs(&self, request: Request<v1::ListJobsRequest>) -> Answer<v1::ListJobsResponse> {
        Ok(Response::new(jobs::list(&self.door.leader()?, request.into_inner()).await?))
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Answer<v1::GetJobResponse> {
        let request = request.into_inner();
        let job = parsed("job", &request.job)?;
        Ok(Response::new(look(&self.door.leader()?, &job, &request.dataset).await?))
    }

    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<v1::GetJobResponse, Status>> + Send>>;

    async fn watch_job(&self, request: Request<v1::WatchJobRequest>) -> Answer<Self::WatchJobStream> {
        let job: JobId = parsed("job", &request.into_inner().job)?;
        let first = look(&self.door.leader()?, &job, "").await?;
        let looks = stream::unfold(Some((self.door.clone(), job, Some(first))), |looking| async {
            let (door, job, at_hand) = looking?;
            let seen = match at_hand {
                Some(first) => Ok(first),
                None => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    look_again(&door, &job).await
                }
            };
            let goes_on = seen.as_ref().is_ok_and(is_open);
            Some((seen.map_err(Status::from), goes_on.then_some((door, job, None))))
        });
        Ok(Response::new(Box::pin(looks)))
    }

    async fn cancel_job(&self, request: Request<v1::CancelJobRequest>) -> Answer<v1::CancelJobResponse> {
        let request = request.into_inner();
        let (job, reason) = (parsed("job", &request.job)?, request.reason);
        self.door.leader()?.ask(|reply| Ask::Cancel { job, reason, reply }).await?;
        Ok(Response::new(v1::CancelJobResponse {}))
    }

    async fn retry_job(&self, request: Request<v1::RetryJobRequest>) -> Answer<v1::RetryJobResponse> {
        let request = request.into_inner();
        let job: JobId = parsed("job", &request.job)?;
        let leader = self.door.leader()?;
        let earlier = jobs::find_record(&leader, &job, &request.dataset).await?.map(Box::new);
        let reason = request.reason;
        let shards = leader.ask(|reply| Ask::Retry { job, reason, earlier, reply }).await?;
        Ok(Response::new(v1::RetryJobResponse { shards: shards.iter().map(ToString::to_string).collect() }))
    }

    async fn replay_shard(&self, request: Request<v1::ReplayShardRequest>) -> Answer<v1::ReplayShardResponse> {
        let request = request.into_inner();
        let job: JobId = parsed("job", &request.job)?;
        let shard: ShardId = parsed("shard", &request.shard)?;
        let leader = self.door.leader()?;
        let Some(earlier) = jobs::find_record(&leader, &job, &request.dataset).await? else {
            let what = format!("job {job} that has ended; one that runs can be waited for, or cancelled");
            return Err(ApiError::NotFound { what }.into());
        };
        if earlier.shards.iter().all(|known| known.shard != shard) {
            let what = format!("shard {shard} in job {job}; see `tailor shard list --job {job}`");
            return Err(ApiError::NotFound { what }.into());
        }
        let spec = self.replay_of(&leader, &earlier, shard, &request.reason).await?;
        let name = spec.job.to_string();
        let spec = Box::new(spec);
        leader.ask(|reply| Ask::Submit { spec, reply }).await?;
        Ok(Response::new(v1::ReplayShardResponse { job: name }))
    }

    async fn list_tasks(&self, request: Request<v1::ListTasksRequest>) -> Answer<v1::ListTasksResponse> {
        let request = request.into_inner();
        let job = parsed("job", &request.job)?;
        let shard = match request.shard.as_str() {
            "" => None,
            text => Some(parsed("shard", text)?),
        };
        Ok(Response::new(self.door.leader()?.ask(|reply| Ask::Tasks { request, job, shard, reply }).await?))
    }

    async fn list_workers(&self, _request: Request<v1::ListWorkersRequest>) -> Answer<v1::ListWorkersResponse> {
        let workers = self.door.leader()?.ask(|reply| Ask::Workers { reply }).await?;
        Ok(Response::new(v1::ListWorkersResponse { workers }))
    }

    async fn drain_worker(&self, request: Request<v1::DrainWorkerRequest>) -> Answer<v1::DrainWorkerResponse> {
        let v1::DrainWorkerRequest { worker, reason } = request.into_inner();
        let worker = self.door.leader()?.ask(|reply| Ask::Drain { worker, reason, reply }).await?;
        Ok(Response::new(v1::DrainWorkerResponse { worker: worker.to_string() }))
    }

    async fn get_cluster(&self, _request: Request<v1::GetClusterRequest>) -> Answer<v1::GetClusterResponse> {
        Ok(Response::new(self.door.leader()?.ask(|reply| Ask::Cluster { reply }).await?))
    }
}

impl Operators {
    /// The spec of the job that runs one shard of `earlier` again; its name counts on from those before.
    async fn replay_of(
        &self,
        leader: &Handle,
        earlier: &JobReport,
        shard: ShardId,
        reason: &str,
    ) -> Result<JobSpec, ApiError> {
        /// Replays of one job that names are tried for.
        const REPLAYS_MAX: u32 = 10_000;
        let dataset = Root::open(&earlier.spec.dataset).map_err(away)?;
        let taken: BTreeSet<_> = history::jobs(&dataset).await.map_err(away)?.into_iter().collect();
        let live = leader.ask(|reply| Ask::Jobs { reply }).await?;
        let is_free = |job: &JobId| !taken.contains(job) && live.iter().all(|live| live.job != job.as_str());
        let named = (1..=REPLAYS_MAX).filter_map(|ordinal| format!("{}-r{ordinal}", earlier.job).parse().ok());
        let job = named.into_iter().find(is_free).ok_or_else(|| ApiError::Refused {
            reason: format!("job {} has a name too long for a replay's, or too many replays", earlier.job),
        })?;
        Ok(JobSpec {
            job,
            shards: vec![shard],
            reason: format!("replay of {}: {reason}", earlier.job),
            replay_of: Some(earlier.job.clone()),
            submitted_at_ms: self.clock.now_ms(),
            ..earlier.spec.clone()
        })
    }
}

fn read_spec(bytes: &[u8]) -> Result<JobSpec, ApiError> {
    JobSpec::from_bytes(bytes)
        .map_err(|error| ApiError::Invalid { field: "spec".to_owned(), reason: error.to_string() })
}

fn away(error: StorageError) -> ApiError {
    ApiError::Away { reason: describe(&error) }
}

/// A job, be it live or on record.
async fn look(leader: &Handle, job: &JobId, dataset: &str) -> Result<v1::GetJobResponse, ApiError> {
    let live = leader.ask(|reply| Ask::Job { job: job.clone(), reply }).await?;
    if let Some(live) = live {
        return Ok(live);
    }
    let record = jobs::find_record(leader, job, dataset).await?;
    let missing = || ApiError::NotFound { what: format!("job {job}; see `tailor job list`") };
    record.as_ref().map(history_view::job).ok_or_else(missing)
}

async fn look_again(door: &Door, job: &JobId) -> Result<v1::GetJobResponse, ApiError> {
    look(&door.leader()?, job, "").await
}

fn is_open(job: &v1::GetJobResponse) -> bool {
    use v1::JobState::{Cancelling, Planning, Running};
    let state = job.job.as_ref().map(v1::JobSummary::state);
    matches!(state, Some(Planning | Running | Cancelling))
}
