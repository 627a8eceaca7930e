//! Client of a cluster: finds the leader and asks it.

use std::time::Duration;

use anyhow::Result;
use proto::client::{CallPolicy, ClientSecurity, LeaderClient, Link};
use proto::status::ApiError;
use proto::v1::operator_service_client::OperatorServiceClient;
use proto::v1::{
    GetClusterRequest, GetClusterResponse, GetJobRequest, GetJobResponse, ListWorkersRequest, ListWorkersResponse,
    ShardSummary,
};

use crate::exit::{Code, Exit};

/// Client of the operators' service.
pub(crate) type Operator = OperatorServiceClient<Link>;

/// Longest time without a leader that a waiting verb tolerates: several times what a standby needs to take over.
const PATIENCE: Duration = Duration::from_secs(60);

/// Client of one cluster. Connects with the first request.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// Client that finds the leader; an answer takes at most `--request-timeout`.
    pub(crate) client: LeaderClient,
    request_timeout: Duration,
    /// Time for one coordinator, short enough that one that hangs leaves time for the others.
    call_timeout: Duration,
}

impl Cluster {
    /// Creates a client for the cluster of these coordinators, whose calls have this security.
    pub(crate) fn new(coordinators: Vec<String>, security: ClientSecurity, request_timeout: Duration) -> Result<Self> {
        let share = u32::try_from(coordinators.len().max(1)).unwrap_or(u32::MAX);
        let client = LeaderClient::secured(coordinators, security)
            .map_err(|error| Exit::error(Code::Usage, error.to_string()))?;
        Ok(Self { client, request_timeout, call_timeout: request_timeout / share }.with_patience(request_timeout))
    }

    /// Returns a client of the same cluster for a verb that waits: it tolerates a change of the leader.
    pub(crate) fn patient(&self) -> Self {
        self.with_patience(self.request_timeout.max(PATIENCE))
    }

    fn with_patience(&self, patience: Duration) -> Self {
        let policy = CallPolicy { call_timeout: self.call_timeout, patience };
        Self { client: self.client.with_policy(policy), ..self.clone() }
    }

    /// Fetches a job. A job that has ended is looked up in the history of `dataset`, too.
    pub(crate) async fn job(&self, job: &str, dataset: Option<&str>) -> Result<GetJobResponse, ApiError> {
        let dataset = dataset.unwrap_or_default().to_owned();
        let mut request = GetJobRequest { job: job.to_owned(), dataset, shards_after: String::new() };
        let mut whole = self.page_of_job(&request).await?;
        let mut more = whole.more;
        while let Some(last) = whole.shards.last().filter(|_| more) {
            request.shards_after = last.shard.clone();
            let page = self.page_of_job(&request).await?;
            more = page.more && !page.shards.is_empty();
            whole.shards.extend(page.shards);
        }
        whole.more = false;
        Ok(whole)
    }

    async fn page_of_job(&self, request: &GetJobRequest) -> Result<GetJobResponse, ApiError> {
        let ask = |mut operator: Operator| {
            let request = request.clone();
            async move { operator.get_job(request).await }
        };
        self.client.operator(ask).await
    }

    /// Fetches one shard of a job.
    pub(crate) async fn shard(&self, job: &str, shard: &str, dataset: Option<&str>) -> Result<ShardSummary> {
        shard_of(self.job(job, dataset).await?, job, shard)
    }

    /// Fetches the live workers.
    pub(crate) async fn workers(&self) -> Result<ListWorkersResponse, ApiError> {
        let mut whole = self.page_of_workers("").await?;
        while let Some(last) = whole.workers.last().filter(|_| whole.more) {
            let page = self.page_of_workers(&last.worker.clone()).await?;
            whole.more = page.more && !page.workers.is_empty();
            whole.workers.extend(page.workers);
        }
        Ok(whole)
    }

    async fn page_of_workers(&self, after: &str) -> Result<ListWorkersResponse, ApiError> {
        let request = ListWorkersRequest { after: after.to_owned() };
        let ask = |mut operator: Operator| {
            let request = request.clone();
            async move { operator.list_workers(request).await }
        };
        self.client.operator(ask).await
    }

    /// Fetches the state of the cluster: its leader, and the troubles of its stores.
    pub(crate) async fn state(&self) -> Result<GetClusterResponse, ApiError> {
        self.client.operator(|mut operator| async move { operator.get_cluster(GetClusterRequest {}).await }).await
    }
}

/// Returns the shard of that name; the error lists the shards that the job has.
pub(crate) fn shard_of(response: GetJobResponse, job: &str, shard: &str) -> Result<ShardSummary> {
    let known: Vec<_> = response.shards.iter().map(|known| known.shard.clone()).collect();
    response.shards.into_iter().find(|known| known.shard == shard).ok_or_else(|| {
        let known = if known.is_empty() { "none yet".to_owned() } else { known.join(", ") };
        Exit::error(Code::NotFound, format!("job {job} has no shard {shard}; it has {known}"))
    })
}
