//! Answers about tasks: from the leader while they are not over, and from their job's event log.

use model::{FailureClass, TaskPath};
use proto::convert::{FieldError, parsed};
use proto::{ApiError, page, v1};
use scheduler::find::TaskOrder;
use scheduler::view::TaskState;
use storage::Opener;

use super::jobs;
use crate::attempts_of_task as attempts;
use crate::leader::{Ask, Handle, TaskSearch};

/// Lists tasks of a job that runs.
pub(super) async fn list(leader: &Handle, request: v1::ListTasksRequest) -> Result<v1::ListTasksResponse, ApiError> {
    let search = search_of(request)?;
    let mut answer = leader.ask(|reply| Ask::Tasks { search, reply }).await?;
    answer.more |= page::cut(&mut answer.tasks);
    Ok(answer)
}

/// Returns a task with the attempts at it that are known.
pub(super) async fn get(
    leader: &Handle,
    stores: &Opener,
    request: &v1::GetTaskRequest,
) -> Result<v1::GetTaskResponse, ApiError> {
    let path = TaskPath {
        job: parsed("job", &request.job)?,
        shard: parsed("shard", &request.shard)?,
        task: parsed("task", &request.task)?,
    };
    let away = |error: storage::StorageError| ApiError::Away { reason: model::error::chain(&error) };
    let missing = || ApiError::NotFound { what: format!("task {path}; see `tailor task list`") };
    let live = leader.ask(|reply| Ask::Task { path: path.clone(), reply }).await?;
    let (known, task) = match live {
        Some(live) => {
            if !live.has_shard {
                return Err(missing());
            }
            let mut known = attempts::read(&live.dataset, Some(&live.log), &path).await.map_err(away)?;
            attempts::add(&mut known, live.task.iter().filter_map(|task| task.counts.clone()).chain(live.running));
            (known, live.task)
        }
        None => {
            let record = jobs::find_record(leader, stores, &path.job, &request.dataset).await?.ok_or_else(missing)?;
            let dataset = stores.reach(&record.spec.dataset).await.map_err(away)?;
            (attempts::read(&dataset, None, &path).await.map_err(away)?, None)
        }
    };
    let last = known.keys().map(|(_, number)| *number).max().unwrap_or_default();
    let last = task.as_ref().map_or(last, |task| task.attempts);
    if task.is_none() && known.is_empty() {
        return Err(missing());
    }
    let mut unknown = attempts::unknown(&known, last, &path.job);
    let mut records: Vec<_> = known.into_values().collect();
    if page::cut(&mut records) {
        unknown.push("later attempts do not fit an answer; they are in the event log".to_owned());
    }
    Ok(v1::GetTaskResponse { task, attempts: records, unknown })
}

fn search_of(request: v1::ListTasksRequest) -> Result<TaskSearch, ApiError> {
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
        state: match state {
            v1::TaskState::Unspecified => None,
            v1::TaskState::Open => Some(TaskState::Open),
            v1::TaskState::Running => Some(TaskState::Running),
            v1::TaskState::Waiting => Some(TaskState::Waiting),
            v1::TaskState::Done => Some(TaskState::Done),
        },
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
        },
        worker: request.worker,
        retrying: request.retrying,
        attempts_min: request.attempts_min,
        offset: request.offset,
        limit: request.limit,
    })
}
