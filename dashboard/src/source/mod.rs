//! Source of what the dashboard shows.
//!
//! | source | reads | has |
//! |---|---|---|
//! | [`ClusterSource`] | the operators' service of the leader | everything |
//!
//! Each answer is one message of the wire: views do not depend on where it came from.

mod action; // changes that a page may ask for
mod cluster;
#[cfg(test)]
pub(crate) mod simulated;

use std::fmt;

use async_trait::async_trait;
use proto::{ApiError, v1};

pub use action::{ActionRequest, PageAction};
pub use cluster::ClusterSource;

/// Origin of answers, as a page names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A cluster that lives.
    Cluster,
    /// Records in a dataset; its URI.
    Dataset(String),
}

/// Source of what the dashboard shows.
#[async_trait]
pub trait PageSource: fmt::Debug + Send + Sync {
    /// Returns the origin of the answers.
    fn kind(&self) -> SourceKind;

    /// Lists one page of jobs, latest first.
    async fn jobs(&self, request: v1::ListJobsRequest) -> Result<v1::ListJobsResponse, ApiError>;

    /// Returns a job with all its shards; its record, if it has ended.
    async fn job(&self, job: &str) -> Result<v1::GetJobResponse, ApiError>;

    /// Lists tasks of a job.
    async fn tasks(&self, request: v1::ListTasksRequest) -> Result<v1::ListTasksResponse, ApiError>;

    /// Returns a task with the attempts at it that are known, also of a job that has ended.
    async fn task(&self, request: v1::GetTaskRequest) -> Result<v1::GetTaskResponse, ApiError>;

    /// Lists the newest events of a job.
    async fn events(&self, request: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, ApiError>;

    /// Lists all workers, with the orders to leave.
    async fn workers(&self) -> Result<v1::ListWorkersResponse, ApiError>;

    /// Returns the leader, and the troubles of the stores.
    async fn cluster(&self) -> Result<v1::GetClusterResponse, ApiError>;

    /// Returns the coverage of a dataset; facts of the store may be half a minute old.
    async fn coverage(&self, request: v1::GetCoverageRequest) -> Result<v1::GetCoverageResponse, ApiError>;

    /// Makes a change; returns the name of the job that does it, if there is one.
    async fn act(&self, request: ActionRequest) -> Result<Option<String>, ApiError>;
}
