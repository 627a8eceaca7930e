//! Fake coordinator: it answers as a test says, and keeps the changes that it was asked for.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use model::JobSpec;
use proto::status::ApiError;
use proto::v1::operator_service_server::{OperatorService, OperatorServiceServer};
use proto::v1::*;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status, async_trait};

type WatchedState = Result<GetJobResponse, ApiError>;

/// Fake coordinator, which serves at a port of its own until it is dropped.
pub(super) struct Coordinator {
    address: String,
    part: Arc<Part>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Part {
    known: Mutex<Option<GetJobResponse>>,
    streams: Mutex<VecDeque<Vec<WatchedState>>>,
    changes: Mutex<Vec<String>>,
    spec: Mutex<Option<JobSpec>>,
}

/// Creates a job in a state, with one shard.
pub(super) fn job(state: JobState) -> GetJobResponse {
    let shard = ShardSummary { shard: "org-7".to_owned(), version: 1, ..ShardSummary::default() };
    let job = JobSummary { job: "nightly".to_owned(), state: state.into(), ..JobSummary::default() };
    GetJobResponse { job: Some(job), shards: vec![shard], ..GetJobResponse::default() }
}

impl Coordinator {
    pub(super) fn start() -> Self {
        let runtime = super::super::runtime().expect("a runtime");
        let part = Arc::<Part>::default();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let service = OperatorServiceServer::from_arc(part.clone());
        runtime.spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        Self { address, part, _runtime: runtime }
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Sets the answers to the next watch, after which its stream ends; the stream of the last watch stays open.
    pub(super) fn will_stream(&self, states: impl Into<Vec<WatchedState>>) {
        held(&self.part.streams).push_back(states.into());
    }

    /// Sets the one job that the coordinator knows.
    pub(super) fn knows(&self, job: GetJobResponse) {
        *held(&self.part.known) = Some(job);
    }

    /// Returns the changes that it was asked for.
    pub(super) fn changes(&self) -> Vec<String> {
        held(&self.part.changes).clone()
    }

    /// Returns the spec that was submitted last.
    pub(super) fn spec(&self) -> JobSpec {
        held(&self.part.spec).clone().expect("one was submitted")
    }
}

fn held<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds it")
}

fn answer<T: Default>() -> Result<Response<T>, Status> {
    Ok(Response::new(T::default()))
}

#[async_trait]
impl OperatorService for Part {
    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<GetJobResponse, Status>> + Send>>;

    async fn watch_job(&self, _: Request<WatchJobRequest>) -> Result<Response<Self::WatchJobStream>, Status> {
        let mut streams = held(&self.streams);
        let states = streams.pop_front().ok_or_else(|| Status::unavailable("nothing is left to tell"))?;
        let states = tokio_stream::iter(states).map(|state| state.map_err(Status::from));
        Ok(Response::new(match streams.is_empty() {
            true => Box::pin(states.chain(tokio_stream::pending())),
            false => Box::pin(states),
        }))
    }

    async fn get_job(&self, _: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let known = held(&self.known).clone();
        let unknown = || ApiError::NotFound { what: "job nightly".to_owned() };
        Ok(Response::new(known.ok_or_else(unknown)?))
    }

    async fn submit_job(&self, request: Request<SubmitJobRequest>) -> Result<Response<SubmitJobResponse>, Status> {
        let spec = JobSpec::from_bytes(&request.into_inner().spec).expect("the client sends what can be read");
        let job = spec.job.to_string();
        *held(&self.spec) = Some(spec);
        Ok(Response::new(SubmitJobResponse { job, existed: false }))
    }

    async fn cancel_job(&self, request: Request<CancelJobRequest>) -> Result<Response<CancelJobResponse>, Status> {
        let CancelJobRequest { job, reason } = request.into_inner();
        held(&self.changes).push(format!("cancel {job}: {reason}"));
        answer()
    }

    async fn replay_shard(&self, asked: Request<ReplayShardRequest>) -> Result<Response<ReplayShardResponse>, Status> {
        let ReplayShardRequest { job, shard, reason, .. } = asked.into_inner();
        held(&self.changes).push(format!("replay {job} {shard}: {reason}"));
        Ok(Response::new(ReplayShardResponse { job: format!("{job}-replay") }))
    }

    async fn plan_job(&self, _: Request<PlanJobRequest>) -> Result<Response<PlanJobResponse>, Status> {
        answer()
    }

    async fn list_jobs(&self, _: Request<ListJobsRequest>) -> Result<Response<ListJobsResponse>, Status> {
        answer()
    }

    async fn retry_job(&self, _: Request<RetryJobRequest>) -> Result<Response<RetryJobResponse>, Status> {
        answer()
    }

    async fn list_tasks(&self, _: Request<ListTasksRequest>) -> Result<Response<ListTasksResponse>, Status> {
        answer()
    }

    async fn get_task(&self, _: Request<GetTaskRequest>) -> Result<Response<GetTaskResponse>, Status> {
        answer()
    }

    async fn list_events(&self, _: Request<ListEventsRequest>) -> Result<Response<ListEventsResponse>, Status> {
        answer()
    }

    async fn list_workers(&self, _: Request<ListWorkersRequest>) -> Result<Response<ListWorkersResponse>, Status> {
        answer()
    }

    async fn drain_worker(&self, _: Request<DrainWorkerRequest>) -> Result<Response<DrainWorkerResponse>, Status> {
        answer()
    }

    async fn get_coverage(&self, _: Request<GetCoverageRequest>) -> Result<Response<GetCoverageResponse>, Status> {
        answer()
    }

    async fn get_cluster(&self, _: Request<GetClusterRequest>) -> Result<Response<GetClusterResponse>, Status> {
        answer()
    }
}
