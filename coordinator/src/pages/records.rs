//! Source of the dashboard over the records of one dataset alone: jobs that have ended, also when their cluster is
//! gone.

use async_trait::async_trait;
use dashboard::source::SourceKind;
use dashboard::{ActionRequest, PageSource};
use dataset::coverage::CoverageIndex;
use model::{JobId, SystemClock};
use proto::convert::parsed;
use proto::{ApiError, v1};
use storage::{Opener, Root, StorageError};

use crate::report::JobReport;
use crate::service::{
    LogReader, coverage_of_index, events_limit, in_time, list_ended, task_answer, task_path, task_search,
};
use crate::{history_view, job_events, record};

/// Records of one dataset.
#[derive(Debug)]
pub struct RecordsSource {
    stores: Opener,
    root: Root,
    coverage: CoverageIndex,
    logs: LogReader,
}

impl RecordsSource {
    /// Opens the dataset at `uri`.
    ///
    /// # Errors
    /// The place cannot be opened.
    pub async fn open(uri: &str) -> Result<Self, StorageError> {
        let stores = Opener::by_uri();
        let root = stores.reach(uri).await?;
        let coverage = CoverageIndex::new(root.clone());
        Ok(Self { stores, root, coverage, logs: LogReader::default() })
    }

    async fn record(&self, job: &JobId) -> Result<JobReport, ApiError> {
        let record = in_time("the dataset", self.root.uri(), record::read(&self.root, job)).await?;
        record.ok_or_else(|| ApiError::NotFound { what: format!("record of job {job} in {}", self.root.uri()) })
    }

    /// Error for facts that only a cluster has.
    fn no_cluster(what: &str) -> ApiError {
        ApiError::NotFound { what: format!("{what}: these pages show the records of a dataset, and ask no cluster") }
    }
}

#[async_trait]
impl PageSource for RecordsSource {
    fn kind(&self) -> SourceKind {
        SourceKind::Dataset(self.root.uri().to_owned())
    }

    async fn jobs(&self, request: v1::ListJobsRequest) -> Result<v1::ListJobsResponse, ApiError> {
        list_ended(&self.stores, self.root.uri(), &request).await
    }

    async fn job(&self, job: &str) -> Result<v1::GetJobResponse, ApiError> {
        let record = self.record(&parsed("job", job)?).await?;
        Ok(history_view::job(&record))
    }

    async fn tasks(&self, request: v1::ListTasksRequest) -> Result<v1::ListTasksResponse, ApiError> {
        let search = task_search(request)?;
        let record = self.record(&search.job).await?;
        self.logs.find(&self.root, &record, &search).await
    }

    async fn task(&self, request: v1::GetTaskRequest) -> Result<v1::GetTaskResponse, ApiError> {
        let path = task_path(&request)?;
        let attempts = self.logs.attempts(&self.root, None, &path).await?;
        task_answer(&path, attempts, None)
    }

    async fn events(&self, request: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, ApiError> {
        let job = parsed("job", &request.job)?;
        let read = job_events::read(&self.root, &job, events_limit(&request));
        let (events, more) = in_time("the event log in", self.root.uri(), read).await?;
        Ok(v1::ListEventsResponse { events, more, unknown: Vec::new() })
    }

    async fn workers(&self) -> Result<v1::ListWorkersResponse, ApiError> {
        Err(Self::no_cluster("list of workers"))
    }

    async fn cluster(&self) -> Result<v1::GetClusterResponse, ApiError> {
        Err(Self::no_cluster("leader"))
    }

    async fn coverage(&self, request: v1::GetCoverageRequest) -> Result<v1::GetCoverageResponse, ApiError> {
        if request.dataset != self.root.uri() {
            return Err(Self::no_cluster("coverage of another dataset"));
        }
        coverage_of_index(&self.coverage, self.root.uri(), &SystemClock, &request).await
    }

    async fn act(&self, request: ActionRequest) -> Result<Option<String>, ApiError> {
        let reason = format!("these pages show the records of a dataset and cannot {}", request.action);
        Err(ApiError::Refused { reason })
    }
}
