//! Answers about tasks: from the leader while they are not over, and from their job's event log.

use model::{FailureClass, TaskId, TaskPath};
use proto::convert::{FieldError, parsed};
use proto::{ApiError, page, v1};
use scheduler::find::TaskOrder;
use storage::{Opener, Root};

use super::jobs;
use super::patience::in_time;
use crate::attempts_of_task::{self as attempts, LinesOfTasks};
use crate::ended_tasks::{self, AttemptsOfJobs};
use crate::event_log::EventLog;
use crate::leader::{Ask, Handle, TaskSearch};
use crate::report::JobReport;

/// Most tasks and jobs whose attempts are kept for the next look: a page is looked at once a second, or not at all.
const TASKS_KEPT_MAX: usize = 64;
const JOBS_KEPT_MAX: usize = 2;

/// Reader of event logs, which keeps the pieces that it has read for the next call.
#[derive(Debug)]
pub(crate) struct LogReader {
    tasks: LinesOfTasks,
    jobs: AttemptsOfJobs,
}

impl Default for LogReader {
    fn default() -> Self {
        Self { tasks: LinesOfTasks::new(TASKS_KEPT_MAX), jobs: AttemptsOfJobs::new(JOBS_KEPT_MAX) }
    }
}

impl LogReader {
    /// Finds tasks of a job that has ended.
    pub(crate) async fn find(
        &self,
        dataset: &Root,
        record: &JobReport,
        search: &TaskSearch,
    ) -> Result<v1::ListTasksResponse, ApiError> {
        let shards = || record.shards.iter().filter(|shard| search.shard.is_none_or(|wanted| wanted == shard.shard));
        if let Some(shard) = search.shard.filter(|_| shards().next().is_none()) {
            return Err(ApiError::NotFound { what: format!("shard {shard} of job {}", search.job) });
        }
        let planned = shards().map(|shard| shard.map_tasks as u64 + u64::from(shard.partitions)).sum();
        self.find_on_record(dataset, None, search, planned).await
    }

    async fn find_on_record(
        &self,
        dataset: &Root,
        log: Option<&EventLog>,
        search: &TaskSearch,
        planned: u64,
    ) -> Result<v1::ListTasksResponse, ApiError> {
        let found = ended_tasks::find(&self.jobs, dataset, log, search, planned);
        let mut answer = in_time("the event log in", dataset.uri(), found).await?;
        answer.more |= page::cut(&mut answer.tasks);
        Ok(answer)
    }

    /// Returns the attempts at a task that are on record.
    pub(crate) async fn attempts(
        &self,
        dataset: &Root,
        log: Option<&EventLog>,
        path: &TaskPath,
    ) -> Result<attempts::Attempts, ApiError> {
        in_time("the event log in", dataset.uri(), attempts::read(&self.tasks, dataset, log, path)).await
    }
}

/// Lists tasks of a job: those that its leader knows; of a shard or a job that has ended, those on record.
pub(super) async fn list(
    leader: &Handle,
    stores: &Opener,
    logs: &LogReader,
    request: v1::ListTasksRequest,
) -> Result<v1::ListTasksResponse, ApiError> {
    let dataset = request.dataset.clone();
    let search = search_of(request)?;
    let live = leader.ask(|reply| Ask::Tasks { search: search.clone(), reply }).await;
    match live {
        Ok(mut answer) => {
            if answer.all == 0
                && let Some(ended) = of_ended_shard(leader, logs, &search).await?
            {
                return Ok(ended);
            }
            answer.more |= page::cut(&mut answer.tasks);
            Ok(answer)
        }
        Err(missing @ ApiError::NotFound { .. }) => {
            let record = jobs::find_record(leader, stores, &search.job, &dataset).await?.ok_or(missing)?;
            let uri = &record.spec.dataset;
            let root = in_time("the dataset", uri, stores.reach(uri)).await?;
            logs.find(&root, &record, &search).await
        }
        Err(error) => Err(error),
    }
}

/// Finds tasks of a shard that has ended before its job; none if there is no such shard.
async fn of_ended_shard(
    leader: &Handle,
    logs: &LogReader,
    search: &TaskSearch,
) -> Result<Option<v1::ListTasksResponse>, ApiError> {
    let Some(shard) = search.shard else { return Ok(None) };
    let path = TaskPath { job: search.job.clone(), shard, task: TaskId::map(0) };
    let live = leader.ask(|reply| Ask::Task { path, reply }).await?;
    let job = leader.ask(|reply| Ask::Job { job: search.job.clone(), reply }).await?;
    let (Some(live), Some(job)) = (live.filter(|live| live.has_shard), job) else { return Ok(None) };
    let name = shard.to_string();
    let planned = job.shards.iter().find(|known| known.shard == name);
    let planned = planned.map_or(0, |shard| u64::from(shard.map_tasks) + u64::from(shard.partitions));
    logs.find_on_record(&live.dataset, Some(&live.log), search, planned).await.map(Some)
}

/// Returns a task with the attempts at it that are known.
pub(super) async fn get(
    leader: &Handle,
    stores: &Opener,
    logs: &LogReader,
    request: &v1::GetTaskRequest,
) -> Result<v1::GetTaskResponse, ApiError> {
    let path = path_of(request)?;
    let live = leader.ask(|reply| Ask::Task { path: path.clone(), reply }).await?;
    let (known, task) = match live {
        Some(live) => {
            if !live.has_shard {
                return Err(missing(&path));
            }
            let mut known = logs.attempts(&live.dataset, Some(&live.log), &path).await?;
            attempts::add(&mut known, live.task.iter().filter_map(|task| task.counts.clone()).chain(live.running));
            (known, live.task)
        }
        None => {
            let record = jobs::find_record(leader, stores, &path.job, &request.dataset).await?;
            let uri = record.ok_or_else(|| missing(&path))?.spec.dataset;
            let dataset = in_time("the dataset", &uri, stores.reach(&uri)).await?;
            (logs.attempts(&dataset, None, &path).await?, None)
        }
    };
    answer(&path, known, task)
}

/// Reads the name of a task.
pub(crate) fn path_of(request: &v1::GetTaskRequest) -> Result<TaskPath, ApiError> {
    Ok(TaskPath {
        job: parsed("job", &request.job)?,
        shard: parsed("shard", &request.shard)?,
        task: parsed("task", &request.task)?,
    })
}

fn missing(path: &TaskPath) -> ApiError {
    ApiError::NotFound { what: format!("task {path}; see `tailor task list`") }
}

/// Builds the answer about a task, whose attempts `known` has; none if neither knows the task.
pub(crate) fn answer(
    path: &TaskPath,
    known: attempts::Attempts,
    task: Option<v1::TaskSummary>,
) -> Result<v1::GetTaskResponse, ApiError> {
    if task.is_none() && known.is_empty() {
        return Err(missing(path));
    }
    let last = known.keys().map(|(_, number)| *number).max().unwrap_or_default();
    let last = task.as_ref().map_or(last, |task| task.attempts);
    let mut unknown = attempts::unknown(&known, last, &path.job);
    let mut records: Vec<_> = known.into_values().collect();
    if page::cut(&mut records) {
        unknown.push("later attempts do not fit an answer; they are in the event log".to_owned());
    }
    Ok(v1::GetTaskResponse { task, attempts: records, unknown })
}

/// Reads a search from its request.
pub(crate) fn search_of(request: v1::ListTasksRequest) -> Result<TaskSearch, ApiError> {
    let (state, class, order) = (request.state(), request.class(), request.order());
    let known = |field: &str, number: i32, is_known: bool| {
        if is_known {
            Ok(())
        } else {
            Err(ApiError::from(FieldError::new(field, format!("{number} is not known here"))))
        }
    };
    known("state", request.state, v1::TaskState::try_from(request.state).is_ok())?;
    known("class", request.class, v1::FailureClass::try_from(request.class).is_ok())?;
    known("order", request.order, v1::TaskOrder::try_from(request.order).is_ok())?;
    Ok(TaskSearch {
        job: parsed("job", &request.job)?,
        shard: if request.shard.is_empty() { None } else { Some(parsed("shard", &request.shard)?) },
        state: (state != v1::TaskState::Unspecified).then_some(state),
        class: match class {
            v1::FailureClass::Unspecified => None,
            v1::FailureClass::Transient => Some(FailureClass::Transient),
            v1::FailureClass::Throttled => Some(FailureClass::Throttled),
            v1::FailureClass::Resource => Some(FailureClass::Resource),
            v1::FailureClass::Input => Some(FailureClass::Input { guessed: None }),
            v1::FailureClass::RunLost => Some(FailureClass::RunLost { map_task: 0 }),
            v1::FailureClass::Cancelled => Some(FailureClass::Cancelled),
            v1::FailureClass::Bug => Some(FailureClass::Bug),
        },
        order: match order {
            v1::TaskOrder::Unspecified => TaskOrder::Plan,
            v1::TaskOrder::Slowest => TaskOrder::Slowest,
            v1::TaskOrder::Attempts => TaskOrder::Attempts,
            v1::TaskOrder::Urgent => TaskOrder::Urgent,
        },
        worker: request.worker,
        retrying: request.retrying,
        attempts_min: request.attempts_min,
        offset: request.offset,
        limit: request.limit,
    })
}
