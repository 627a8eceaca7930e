//! Source that asks the operators' service of a cluster, wherever its leader is.

use std::fmt;

use async_trait::async_trait;
use proto::client::Connection;
use proto::v1::operator_service_client::OperatorServiceClient;
use proto::{ApiError, LeaderClient, v1};

use super::{ActionRequest, PageAction, PageSource, SourceKind};

/// Source over the operators' service.
pub struct ClusterSource<C> {
    client: LeaderClient<C>,
}

impl<C> ClusterSource<C> {
    /// Creates a source that asks by `client`. Its patience is a viewer's: a few seconds.
    pub fn new(client: LeaderClient<C>) -> Self {
        Self { client }
    }
}

impl<C> fmt::Debug for ClusterSource<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterSource").field("client", &self.client).finish()
    }
}

/// Calls one method of the service with a request that can be sent again.
macro_rules! ask {
    ($source:expr, $method:ident, $request:expr) => {{
        let request = $request;
        let call = |mut operator: OperatorServiceClient<C>| {
            let request = request.clone();
            async move { operator.$method(request).await }
        };
        $source.client.operator(call).await
    }};
}

/// Calls one method on behalf of somebody.
macro_rules! act {
    ($source:expr, $method:ident, $request:expr, $by:expr) => {{
        let (request, by) = ($request, $by.map(proto::relay::metadata).transpose()?);
        let call = |mut operator: OperatorServiceClient<C>| {
            let mut request = tonic::Request::new(request.clone());
            if let Some(by) = by.clone() {
                request.metadata_mut().insert(proto::relay::ON_BEHALF_OF, by);
            }
            async move { operator.$method(request).await }
        };
        $source.client.operator(call).await
    }};
}

#[async_trait]
impl<C> PageSource for ClusterSource<C>
where
    C: Connection<Future: Send> + Send + Sync + 'static,
{
    fn kind(&self) -> SourceKind {
        SourceKind::Cluster
    }

    async fn jobs(&self, request: v1::ListJobsRequest) -> Result<v1::ListJobsResponse, ApiError> {
        ask!(self, list_jobs, request)
    }

    async fn job(&self, job: &str) -> Result<v1::GetJobResponse, ApiError> {
        let mut request = v1::GetJobRequest { job: job.to_owned(), ..Default::default() };
        let mut whole = ask!(self, get_job, request.clone())?;
        while let Some(last) = whole.shards.last().filter(|_| whole.more) {
            request.shards_after = last.shard.clone();
            let page = ask!(self, get_job, request.clone())?;
            whole.more = page.more && !page.shards.is_empty();
            whole.shards.extend(page.shards);
        }
        Ok(whole)
    }

    async fn tasks(&self, request: v1::ListTasksRequest) -> Result<v1::ListTasksResponse, ApiError> {
        ask!(self, list_tasks, request)
    }

    async fn task(&self, request: v1::GetTaskRequest) -> Result<v1::GetTaskResponse, ApiError> {
        ask!(self, get_task, request)
    }

    async fn events(&self, request: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, ApiError> {
        ask!(self, list_events, request)
    }

    async fn workers(&self) -> Result<v1::ListWorkersResponse, ApiError> {
        let mut whole = ask!(self, list_workers, v1::ListWorkersRequest::default())?;
        while let Some(last) = whole.workers.last().filter(|_| whole.more) {
            let request = v1::ListWorkersRequest { after: last.worker.clone() };
            let page = ask!(self, list_workers, request)?;
            whole.more = page.more && !page.workers.is_empty();
            whole.workers.extend(page.workers);
        }
        Ok(whole)
    }

    async fn cluster(&self) -> Result<v1::GetClusterResponse, ApiError> {
        ask!(self, get_cluster, v1::GetClusterRequest {})
    }

    async fn coverage(&self, request: v1::GetCoverageRequest) -> Result<v1::GetCoverageResponse, ApiError> {
        ask!(self, get_coverage, request)
    }

    async fn act(&self, request: ActionRequest) -> Result<Option<String>, ApiError> {
        let ActionRequest { action, reason, on_behalf_of } = request;
        let by = on_behalf_of.as_deref();
        match action {
            PageAction::CancelJob { job } => {
                act!(self, cancel_job, v1::CancelJobRequest { job: job.clone(), reason }, by)?;
                Ok(Some(job))
            }
            PageAction::RetryJob { job } => {
                let request = v1::RetryJobRequest { job: job.clone(), reason, ..Default::default() };
                act!(self, retry_job, request, by)?;
                Ok(Some(job))
            }
            PageAction::ReplayShard { job, shard } => {
                let request = v1::ReplayShardRequest { job, shard, reason, ..Default::default() };
                Ok(Some(act!(self, replay_shard, request, by)?.job))
            }
            PageAction::DrainWorker { worker } => {
                act!(self, drain_worker, v1::DrainWorkerRequest { worker, reason, cancel: false }, by)?;
                Ok(None)
            }
        }
    }
}
