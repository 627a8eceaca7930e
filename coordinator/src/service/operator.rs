//! Implements the gRPC service that operators call: checks each request, and asks the leader or reads stored records.

use std::collections::BTreeSet;
use std::pin::Pin;

use futures::{Stream, stream};
use model::admission::{check_name, check_reason, check_uri};
use model::limits::{PAGE_BYTES_MAX, REASON_BYTES_MAX};
use model::{JobId, JobSpec, ShardId};
use proto::v1::operator_service_server::OperatorService;
use proto::{ApiError, convert::parsed, page, v1};
use storage::Opener;
use tonic::{Request, Response, Status};

use super::gates::{PLAN_TIME_MAX, Permit};
use super::patience::in_time;
use super::views::{LOOK_EVERY, Watched};
use super::{Door, ended, jobs};
use crate::Env;
use crate::history;
use crate::history_view;
use crate::job::Job;
use crate::leader::{Ask, Handle};
use crate::planning::{self, Planned};
use crate::report::JobReport;
use model::error::chain;

/// Implementation of the service for operators.
#[derive(Debug)]
pub(crate) struct Operators {
    pub(crate) door: Door,
    pub(crate) env: Env,
}

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OperatorService for Operators {
    async fn submit_job(&self, request: Request<v1::SubmitJobRequest>) -> Answer<v1::SubmitJobResponse> {
        let _permit = self.door.gates.operator()?;
        let spec = Box::new(read_spec(&request.into_inner().spec)?);
        let leader = self.door.leader()?;
        Ok(Response::new(leader.ask(|reply| Ask::Submit { spec, reply }).await?))
    }

    async fn plan_job(&self, request: Request<v1::PlanJobRequest>) -> Answer<v1::PlanJobResponse> {
        let _permit = self.door.gates.plan()?;
        let spec = read_spec(&request.into_inner().spec)?;
        let failed = |error: crate::JobError| ApiError::Refused { reason: chain(&error) };
        // A dry run reads only the input; the dataset need not exist.
        let dataset = self.env.stores.reach(&spec.input).await.map_err(|error| failed(error.into()))?;
        let job = Job::reading(&spec, dataset, &self.env).await.map_err(failed)?;
        let planned = tokio::time::timeout(PLAN_TIME_MAX, planning::plan(&job)).await.map_err(|_| {
            let seconds = PLAN_TIME_MAX.as_secs();
            let reason =
                format!("{} cannot be listed in {seconds} s; submit the job, or name a smaller input", spec.input);
            ApiError::Refused { reason }
        })?;
        let Planned { plans, warnings } = planned.map_err(failed)?;
        let shards = plans.iter().map(|plan| v1::PlannedShard {
            shard: plan.shard.to_string(),
            segments: plan.segments.len() as u64,
            bytes: plan.bytes(),
            map_tasks: plan.map_tasks.len() as u32,
            partitions: plan.partitions,
        });
        let mut shards: Vec<_> = shards.collect();
        let mut warnings = warnings;
        let all = shards.len();
        if page::cut(&mut shards) {
            warnings.push(format!("{} of {all} shards are shown; the others do not fit an answer", shards.len()));
        }
        Ok(Response::new(v1::PlanJobResponse { shards, warnings }))
    }

    async fn list_jobs(&self, request: Request<v1::ListJobsRequest>) -> Answer<v1::ListJobsResponse> {
        let _permit = self.door.gates.operator()?;
        let request = request.into_inner();
        check_dataset(&request.dataset)?;
        Ok(Response::new(jobs::list(&self.door.leader()?, &self.env.stores, request).await?))
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Answer<v1::GetJobResponse> {
        let _permit = self.door.gates.operator()?;
        let request = request.into_inner();
        let job = parsed("job", &request.job)?;
        check_dataset(&request.dataset)?;
        let view = view_job(&self.door.leader()?, &self.env.stores, &job, &request.dataset).await?;
        Ok(Response::new(page_of(view, &request.shards_after)?))
    }

    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<v1::GetJobResponse, Status>> + Send>>;

    async fn watch_job(&self, request: Request<v1::WatchJobRequest>) -> Answer<Self::WatchJobStream> {
        let permit = self.door.gates.watcher()?;
        let job: JobId = parsed("job", &request.into_inner().job)?;
        let watcher = Watcher {
            view: self.door.views.watch(&job),
            door: self.door.clone(),
            stores: self.env.stores.clone(),
            job,
            _permit: permit,
        };
        let first = watcher.first_page().await?;
        let looks = stream::unfold(Some((watcher, Some(first))), |looking| async {
            let (watcher, at_hand) = looking?;
            let seen = match at_hand {
                Some(first) => Ok(first),
                None => {
                    tokio::time::sleep(LOOK_EVERY).await;
                    watcher.first_page().await
                }
            };
            let goes_on = seen.as_ref().is_ok_and(is_open);
            Some((seen.map_err(Status::from), goes_on.then_some((watcher, None))))
        });
        Ok(Response::new(Box::pin(looks)))
    }

    async fn cancel_job(&self, request: Request<v1::CancelJobRequest>) -> Answer<v1::CancelJobResponse> {
        let _permit = self.door.gates.operator()?;
        let request = request.into_inner();
        let (job, reason) = (parsed("job", &request.job)?, reason(request.reason)?);
        let leader = self.door.leader()?;
        let id = JobId::clone(&job);
        match leader.ask(|reply| Ask::Cancel { job, reason, reply }).await {
            // The job may have ended by now, over an earlier request of the same kind.
            Err(ApiError::NotFound { .. }) => {
                ended::cancelled(&id, jobs::find_record(&leader, &self.env.stores, &id, "").await?.as_ref())?
            }
            cancelled => cancelled?,
        }
        Ok(Response::new(v1::CancelJobResponse {}))
    }

    async fn retry_job(&self, request: Request<v1::RetryJobRequest>) -> Answer<v1::RetryJobResponse> {
        let _permit = self.door.gates.operator()?;
        let request = request.into_inner();
        let job: JobId = parsed("job", &request.job)?;
        let reason = reason(request.reason)?;
        check_dataset(&request.dataset)?;
        let leader = self.door.leader()?;
        let earlier = jobs::find_record(&leader, &self.env.stores, &job, &request.dataset).await?.map(Box::new);
        let shards = leader.ask(|reply| Ask::Retry { job, reason, earlier, reply }).await?;
        Ok(Response::new(v1::RetryJobResponse { shards: shards.iter().map(ToString::to_string).collect() }))
    }

    async fn replay_shard(&self, request: Request<v1::ReplayShardRequest>) -> Answer<v1::ReplayShardResponse> {
        let _permit = self.door.gates.operator()?;
        let request = request.into_inner();
        let job: JobId = parsed("job", &request.job)?;
        let shard: ShardId = parsed("shard", &request.shard)?;
        let reason = reason(request.reason)?;
        check_dataset(&request.dataset)?;
        let leader = self.door.leader()?;
        let live = job.clone();
        if leader.ask(|reply| Ask::Job { job: live, reply }).await?.is_some() {
            return Err(ended::not_yet(&job).into());
        }
        let Some(earlier) = jobs::find_record(&leader, &self.env.stores, &job, &request.dataset).await? else {
            return Err(ApiError::NotFound { what: format!("job {job}; see `tailor job list`") }.into());
        };
        if earlier.shards.iter().all(|known| known.shard != shard) {
            let what = format!("shard {shard} in job {job}; see `tailor shard list --job {job}`");
            return Err(ApiError::NotFound { what }.into());
        }
        let force_replace = Some(request.force_replace).filter(|given| !given.is_empty());
        let spec = self.replay_of(&leader, &earlier, shard, (&reason, force_replace)).await?;
        spec.validate().map_err(|error| ApiError::from(error.within("spec")))?;
        let name = spec.job.to_string();
        let spec = Box::new(spec);
        leader.ask(|reply| Ask::Submit { spec, reply }).await?;
        Ok(Response::new(v1::ReplayShardResponse { job: name }))
    }

    async fn list_tasks(&self, request: Request<v1::ListTasksRequest>) -> Answer<v1::ListTasksResponse> {
        let _permit = self.door.gates.operator()?;
        let request = request.into_inner();
        let job = parsed("job", &request.job)?;
        let shard = match request.shard.as_str() {
            "" => None,
            text => Some(parsed("shard", text)?),
        };
        let mut answer = self.door.leader()?.ask(|reply| Ask::Tasks { request, job, shard, reply }).await?;
        answer.more |= page::cut(&mut answer.tasks);
        Ok(Response::new(answer))
    }

    async fn list_workers(&self, request: Request<v1::ListWorkersRequest>) -> Answer<v1::ListWorkersResponse> {
        let _permit = self.door.gates.operator()?;
        let after = request.into_inner().after;
        let leader = self.door.leader()?;
        let mut workers = leader.ask(|reply| Ask::Workers { reply }).await?;
        let is_first = after.is_empty();
        // Ids are hexadecimal digits of equal length, so their text order is that of the list.
        workers.retain(|worker| is_first || worker.worker > after);
        let more = page::cut(&mut workers);
        let drains = if is_first { leader.ask(|reply| Ask::DrainOrders { reply }).await? } else { Vec::new() };
        Ok(Response::new(v1::ListWorkersResponse { workers, more, drains }))
    }

    async fn drain_worker(&self, request: Request<v1::DrainWorkerRequest>) -> Answer<v1::DrainWorkerResponse> {
        let _permit = self.door.gates.operator()?;
        let v1::DrainWorkerRequest { worker, reason: why, cancel } = request.into_inner();
        check_name("worker", &worker).map_err(ApiError::from)?;
        let reason = reason(why)?;
        let leader = self.door.leader()?;
        let worker = match cancel {
            false => leader.ask(|reply| Ask::Drain { worker, reason, reply }).await?,
            true => leader.ask(|reply| Ask::Undrain { worker, reason, reply }).await?,
        };
        Ok(Response::new(v1::DrainWorkerResponse { worker: worker.to_string() }))
    }

    async fn get_cluster(&self, _request: Request<v1::GetClusterRequest>) -> Answer<v1::GetClusterResponse> {
        let _permit = self.door.gates.operator()?;
        Ok(Response::new(self.door.leader()?.ask(|reply| Ask::Cluster { reply }).await?))
    }
}

impl Operators {
    /// Builds the spec of a job that replays one shard of `earlier`; its name counts on from earlier replays.
    async fn replay_of(
        &self,
        leader: &Handle,
        earlier: &JobReport,
        shard: ShardId,
        (reason, force_replace): (&str, Option<String>),
    ) -> Result<JobSpec, ApiError> {
        /// Most names that are tried for replays of one job.
        const REPLAYS_MAX: u32 = 10_000;
        let uri = &earlier.spec.dataset;
        let named = async { history::jobs(&self.env.stores.reach(uri).await?).await };
        let taken: BTreeSet<_> = in_time("the dataset", uri, named).await?.into_iter().collect();
        let live = leader.ask(|reply| Ask::Jobs { reply }).await?;
        let is_free = |job: &JobId| !taken.contains(job) && live.iter().all(|live| live.job != job.as_str());
        let named = (1..=REPLAYS_MAX).map(|ordinal| earlier.job.replay(ordinal));
        let job = named.into_iter().find(is_free).ok_or_else(|| ApiError::Refused {
            reason: format!("job {} has {REPLAYS_MAX} replays; submit another job instead", earlier.job),
        })?;
        Ok(JobSpec {
            job,
            shards: vec![shard],
            reason: replay_reason(&earlier.job, reason),
            // The earlier job's permission to replace does not extend to this one.
            force_replace,
            replay_of: Some(earlier.job.clone()),
            submitted_at_ms: self.env.clock.now_ms(),
            ..earlier.spec.clone()
        })
    }
}

fn read_spec(bytes: &[u8]) -> Result<JobSpec, ApiError> {
    JobSpec::from_bytes(bytes).map_err(|error| ApiError::Invalid { field: error.field(), reason: error.reason() })
}

/// Checks a reason that will be kept.
fn reason(reason: String) -> Result<String, ApiError> {
    check_reason(&reason)?;
    Ok(reason)
}

/// Checks the dataset of a request; it may be empty.
fn check_dataset(uri: &str) -> Result<(), ApiError> {
    if uri.is_empty() { Ok(()) } else { Ok(check_uri("dataset", uri)?) }
}

/// Builds the reason of a replay, cut to the length that a reason may have.
fn replay_reason(job: &JobId, reason: &str) -> String {
    let mut text = format!("replay of {job}: {reason}");
    text.truncate(text.floor_char_boundary(REASON_BYTES_MAX));
    text
}

/// Returns the page of a job's shards after the named one; the first page includes the job and its record.
fn page_of(mut view: v1::GetJobResponse, after: &str) -> Result<v1::GetJobResponse, ApiError> {
    let place = |shard: &v1::ShardSummary| shard.shard.parse::<ShardId>().ok();
    view.shards.sort_by_key(place);
    if !after.is_empty() {
        let after: ShardId = parsed("shards_after", after)?;
        view.shards.retain(|shard| place(shard) > Some(after));
    }
    if !after.is_empty() || view.record.len() > PAGE_BYTES_MAX {
        view.record.clear();
    }
    view.more = page::cut(&mut view.shards);
    Ok(view)
}

/// State of a client that watches a job.
struct Watcher {
    door: Door,
    stores: Opener,
    job: JobId,
    view: Watched,
    _permit: Permit,
}

impl Watcher {
    /// Returns the first page of the job as it is now.
    async fn first_page(&self) -> Result<v1::GetJobResponse, ApiError> {
        let view =
            self.view.see(|| async { view_job(&self.door.leader()?, &self.stores, &self.job, "").await }).await?;
        page_of(view, "")
    }
}

/// Returns a job, live or from its record.
async fn view_job(
    leader: &Handle,
    stores: &Opener,
    job: &JobId,
    dataset: &str,
) -> Result<v1::GetJobResponse, ApiError> {
    let live = leader.ask(|reply| Ask::Job { job: job.clone(), reply }).await?;
    if let Some(live) = live {
        return Ok(live);
    }
    let record = jobs::find_record(leader, stores, job, dataset).await?;
    let missing = || ApiError::NotFound { what: format!("job {job}; see `tailor job list`") };
    record.as_ref().map(history_view::job).ok_or_else(missing)
}

fn is_open(job: &v1::GetJobResponse) -> bool {
    use v1::JobState::{Cancelling, Planning, Running};
    let state = job.job.as_ref().map(v1::JobSummary::state);
    matches!(state, Some(Planning | Running | Cancelling))
}
