//! Implements the gRPC service that operators call: checks each request, and asks the leader or reads stored records.

use std::pin::Pin;
use std::time::Duration;

use daemon::trace::TARGET;
use futures::{Stream, stream};
use model::admission::check_uri;
use model::error::chain;
use model::limits::PAGE_BYTES_MAX;
use model::{JobId, JobSpec, ShardId};
use proto::v1::operator_service_server::OperatorService;
use proto::{ApiError, convert::parsed, page, v1};
use storage::Opener;
use tokio::time::Instant;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::change::{Change, check_place};
use super::gates::{PLAN_TIME_MAX, Permit};
use super::traces::{continued, parent_of_call};
use super::views::{LOOK_EVERY, Watched};
use super::{Door, coverage, events, jobs, tasks};
use crate::Env;
use crate::access::Caller;
use crate::history_view;
use crate::job::Job;
use crate::leader::{Ask, Handle};
use crate::planning::{self, Plans};

/// Implementation of the service for operators.
#[derive(Debug)]
pub(crate) struct Operators {
    pub(crate) door: Door,
    pub(crate) env: Env,
}

/// Longest stream of a caller with an identity. Its client opens another, and so the identity is checked again.
pub(crate) const WATCH_MAX: Duration = Duration::from_secs(10 * 60);

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl OperatorService for Operators {
    async fn submit_job(&self, request: Request<v1::SubmitJobRequest>) -> Answer<v1::SubmitJobResponse> {
        let span = continued(parent_of_call(&request), tracing::info_span!(target: TARGET, parent: None, "job.submit"));
        let (mut change, request) = self.change("SubmitJob", request, |_| (String::new(), ""));
        let submitted = self.submit(request, &mut change).instrument(span).await;
        change.decided(submitted)
    }

    async fn plan_job(&self, request: Request<v1::PlanJobRequest>) -> Answer<v1::PlanJobResponse> {
        let _permit = self.door.gates.plan()?;
        let caller = Caller::of(request.extensions());
        let spec = read_spec(&request.into_inner().spec)?;
        self.check_places(&caller, "PlanJob", &spec)?;
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
        let Plans { plans, warnings } = planned.map_err(failed)?;
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
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        self.check_dataset(&caller, "ListJobs", &request.dataset)?;
        Ok(Response::new(jobs::list(&self.door.leader()?, &self.env.stores, request).await?))
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Answer<v1::GetJobResponse> {
        let _permit = self.door.gates.operator()?;
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        let job = parsed("job", &request.job)?;
        self.check_dataset(&caller, "GetJob", &request.dataset)?;
        let view = view_job(&self.door.leader()?, &self.env.stores, &job, &request.dataset).await?;
        Ok(Response::new(page_of(view, &request.shards_after)?))
    }

    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<v1::GetJobResponse, Status>> + Send>>;

    async fn watch_job(&self, request: Request<v1::WatchJobRequest>) -> Answer<Self::WatchJobStream> {
        let permit = self.door.gates.watcher()?;
        let ends_at = Caller::of(request.extensions()).role.map(|_| Instant::now() + WATCH_MAX);
        let job: JobId = parsed("job", &request.into_inner().job)?;
        let watcher = Watcher {
            view: self.door.views.watch(&job),
            door: self.door.clone(),
            stores: self.env.stores.clone(),
            job,
            _permit: permit,
        };
        let first = watcher.first_page().await?;
        let looks = stream::unfold(Some((watcher, Some(first))), move |looking| async move {
            let (watcher, at_hand) = looking?;
            if ends_at.is_some_and(|ends_at| Instant::now() >= ends_at) {
                return None;
            }
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
        let named = |request: &v1::CancelJobRequest| format!("job {}", request.job);
        let (mut change, request) = self.change("CancelJob", request, |request| (named(request), &request.reason));
        let cancelled = self.cancel(request, &mut change).await;
        change.decided(cancelled)
    }

    async fn retry_job(&self, request: Request<v1::RetryJobRequest>) -> Answer<v1::RetryJobResponse> {
        let named = |request: &v1::RetryJobRequest| format!("job {}", request.job);
        let (mut change, request) = self.change("RetryJob", request, |request| (named(request), &request.reason));
        let retried = self.retry(request, &mut change).await;
        change.decided(retried)
    }

    async fn replay_shard(&self, request: Request<v1::ReplayShardRequest>) -> Answer<v1::ReplayShardResponse> {
        let named = |request: &v1::ReplayShardRequest| format!("shard {} of job {}", request.shard, request.job);
        let span = continued(parent_of_call(&request), tracing::info_span!(target: TARGET, parent: None, "job.submit"));
        let (mut change, request) = self.change("ReplayShard", request, |request| (named(request), &request.reason));
        let replayed = self.replay(request, &mut change).instrument(span).await;
        change.decided(replayed)
    }

    async fn list_tasks(&self, request: Request<v1::ListTasksRequest>) -> Answer<v1::ListTasksResponse> {
        let _permit = self.door.gates.operator()?;
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        self.check_dataset(&caller, "ListTasks", &request.dataset)?;
        let (leader, logs) = (self.door.leader()?, &self.door.logs);
        Ok(Response::new(tasks::list(&leader, &self.env.stores, logs, request).await?))
    }

    async fn get_task(&self, request: Request<v1::GetTaskRequest>) -> Answer<v1::GetTaskResponse> {
        let _permit = self.door.gates.operator()?;
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        self.check_dataset(&caller, "GetTask", &request.dataset)?;
        Ok(Response::new(tasks::get(&self.door.leader()?, &self.env.stores, &self.door.logs, &request).await?))
    }

    async fn list_events(&self, request: Request<v1::ListEventsRequest>) -> Answer<v1::ListEventsResponse> {
        let _permit = self.door.gates.operator()?;
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        self.check_dataset(&caller, "ListEvents", &request.dataset)?;
        Ok(Response::new(events::list(&self.door.leader()?, &self.env.stores, &request).await?))
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
        let named = |request: &v1::DrainWorkerRequest| {
            let what = if request.cancel { "order to drain worker" } else { "worker" };
            format!("{what} {}", request.worker)
        };
        let (change, request) = self.change("DrainWorker", request, |request| (named(request), &request.reason));
        let drained = self.drain(request).await;
        change.decided(drained)
    }

    async fn get_coverage(&self, request: Request<v1::GetCoverageRequest>) -> Answer<v1::GetCoverageResponse> {
        let _permit = self.door.gates.operator()?;
        let caller = Caller::of(request.extensions());
        let request = request.into_inner();
        self.check_dataset(&caller, "GetCoverage", &request.dataset)?;
        Ok(Response::new(coverage::answer(&self.door.leader()?, &self.env, request).await?))
    }

    async fn get_cluster(&self, _request: Request<v1::GetClusterRequest>) -> Answer<v1::GetClusterResponse> {
        let _permit = self.door.gates.operator()?;
        Ok(Response::new(self.door.leader()?.ask(|reply| Ask::Cluster { reply }).await?))
    }
}

impl Operators {
    /// Begins a change that goes into the audit log.
    fn change<R>(
        &self,
        verb: &'static str,
        request: Request<R>,
        of: impl FnOnce(&R) -> (String, &str),
    ) -> (Change<'_>, R) {
        Change::begin(&self.door, verb, request, of)
    }

    /// Checks that this coordinator may touch the places of a spec.
    pub(super) fn check_places(&self, caller: &Caller, verb: &'static str, spec: &JobSpec) -> Result<(), ApiError> {
        for place in [("input", spec.input.as_str()), ("dataset", spec.dataset.as_str())] {
            check_place((&self.door, &self.env), caller, verb, place)?;
        }
        Ok(())
    }

    /// Checks the dataset of a request; it may be empty.
    pub(super) fn check_dataset(&self, caller: &Caller, verb: &'static str, uri: &str) -> Result<(), ApiError> {
        if uri.is_empty() {
            return Ok(());
        }
        check_uri("dataset", uri)?;
        check_place((&self.door, &self.env), caller, verb, ("dataset", uri))
    }
}

pub(super) fn read_spec(bytes: &[u8]) -> Result<JobSpec, ApiError> {
    JobSpec::from_bytes(bytes).map_err(|error| ApiError::Invalid { field: error.field(), reason: error.reason() })
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
pub(super) async fn view_job(
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
