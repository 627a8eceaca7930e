//! Tasks whose shard has ended, from the event log of their job: all that is known of them once the leader forgot them.
//!
//! A job's state holds tasks until their shard ends, and its record holds none. The log has the end of each attempt, so a
//! task is known by its attempts; one that was never tried, or whose leader died before it wrote the line, is not.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::{AttemptId, Effort, FailureClass, JobId, LeaseId, ShardId, TaskId};
use proto::v1;
use scheduler::find::TaskOrder;
use scheduler::is_charged;
use storage::{Root, StorageError};

use crate::attempt_line::{AttemptEnd, AttemptLine, DONE};
use crate::event_log::EventLog;
use crate::leader::TaskSearch;
use crate::log_pieces::{KeptLogs, ReadPieces};

/// Most attempts of a job that are kept, 150 bytes each: half as many again as a job of 300,000 tasks has.
const ATTEMPTS_MAX: usize = 500_000;
/// Most tasks in one reply, unless the request asks for fewer.
const TASKS_MAX: usize = 10_000;
/// Most attempts of one task that are listed beside the one that counts; its own page has the others.
const ATTEMPTS_LISTED_MAX: usize = 20;
/// Longest text of an error that is kept, in bytes; the page of the task has the whole.
const ERROR_BYTES_MAX: usize = 512;

/// Attempts of jobs that were asked for last, by the URI of the dataset and the job.
pub(crate) type AttemptsOfJobs = KeptLogs<(String, JobId), Vec<EndedAttempt>>;

/// Attempt that has ended, as far as a list shows it.
#[derive(Debug, Clone)]
pub(crate) struct EndedAttempt {
    shard: ShardId,
    task: TaskId,
    attempt: AttemptId,
    worker: LeaseId,
    worker_name: Arc<str>,
    outcome: AttemptEnd,
    speculative: bool,
    class: Option<FailureClass>,
    error: Option<Box<str>>,
    start_ms: i64,
    end_ms: i64,
    wall_ms: u64,
    throttled_ms: u64,
    bytes: u64,
    points: u64,
}

/// Reads the new pieces of a job's log, then finds the tasks that a search asks for. `log` has the lines that are not
/// written yet. `planned` is the number of tasks that the plans of the job or the shard have.
///
/// # Errors
/// The store failed.
pub(crate) async fn find(
    kept: &AttemptsOfJobs,
    dataset: &Root,
    log: Option<&EventLog>,
    search: &TaskSearch,
    planned: u64,
) -> Result<v1::ListTasksResponse, StorageError> {
    let in_memory = log.map(|log| log.lines_in_memory(is_end)).unwrap_or_default();
    let in_memory: Vec<_> = in_memory.iter().filter_map(|line| parsed(line)).map(EndedAttempt::from).collect();
    let entry = kept.of((dataset.uri().to_owned(), search.job.clone()));
    let mut pieces = entry.lock().await;
    read_new(&mut pieces, dataset, &search.job).await?;
    Ok(found(pieces.facts().flatten().chain(&in_memory), search, planned))
}

async fn read_new(pieces: &mut ReadPieces<Vec<EndedAttempt>>, dataset: &Root, job: &JobId) -> Result<(), StorageError> {
    let count = AtomicUsize::new(pieces.facts().map(Vec::len).sum());
    let parse = |text: &str| {
        let mut name: Arc<str> = Arc::default();
        let mut attempts = Vec::new();
        for line in text.lines().filter(|line| is_end(line)).filter_map(parsed) {
            if count.fetch_add(1, Ordering::Relaxed) >= ATTEMPTS_MAX {
                break;
            }
            let mut attempt = EndedAttempt::from(line);
            // A piece has few names, and neighbours often have the same.
            if *attempt.worker_name == *name {
                attempt.worker_name = Arc::clone(&name);
            }
            name = Arc::clone(&attempt.worker_name);
            attempts.push(attempt);
        }
        attempts.shrink_to_fit();
        attempts
    };
    pieces.read_new(dataset, job, parse).await
}

/// True if a line may be the end of an attempt. It spares the parsing of half of a large log.
fn is_end(line: &str) -> bool {
    line.contains(DONE)
}

fn parsed(line: &str) -> Option<AttemptLine> {
    let line: AttemptLine = serde_json::from_str(line).ok()?;
    (line.event == DONE && line.outcome.is_some()).then_some(line)
}

impl From<AttemptLine> for EndedAttempt {
    fn from(mut line: AttemptLine) -> Self {
        line.error.truncate(line.error.floor_char_boundary(ERROR_BYTES_MAX));
        Self {
            shard: line.shard,
            task: line.task,
            attempt: line.attempt,
            worker: line.worker,
            worker_name: line.name.into(),
            outcome: line.outcome.unwrap_or(AttemptEnd::Stopped),
            speculative: line.speculative,
            class: line.class,
            error: (!line.error.is_empty()).then(|| line.error.into()),
            start_ms: line.start_ms.unwrap_or_default(),
            end_ms: line.at_ms,
            wall_ms: line.wall_ms,
            throttled_ms: line.throttled_ms,
            bytes: line.bytes,
            points: line.points,
        }
    }
}

impl EndedAttempt {
    fn counts(&self) -> bool {
        self.outcome == AttemptEnd::Counts
    }

    fn took_ms(&self) -> u64 {
        let by_clock = || u64::try_from(self.end_ms - self.start_ms).unwrap_or_default();
        if self.wall_ms > 0 || self.start_ms == 0 { self.wall_ms } else { by_clock() }
    }

    fn record(&self) -> v1::AttemptRecord {
        let (wall, throttled) = (Duration::from_millis(self.wall_ms), Duration::from_millis(self.throttled_ms));
        let effort = Effort { wall, throttled, ..Effort::default() };
        v1::AttemptRecord {
            attempt: Some(self.attempt.into()),
            worker: self.worker.to_string(),
            worker_name: self.worker_name.to_string(),
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            outcome: self.outcome.name().to_owned(),
            class: self.class.map(|class| v1::FailureClass::from(class) as i32).unwrap_or_default(),
            error: self.error.as_deref().unwrap_or_default().to_owned(),
            bytes: self.bytes,
            points: self.points,
            effort: (self.wall_ms > 0).then(|| (&effort).into()),
            speculative: self.speculative,
            ..v1::AttemptRecord::default()
        }
    }
}

/// Task with its attempts in the order in which they began.
struct EndedTask<'a>(&'a [&'a EndedAttempt]);

impl EndedTask<'_> {
    fn counting(&self) -> Option<&EndedAttempt> {
        self.0.iter().rev().find(|attempt| attempt.counts()).copied()
    }

    fn last_failure(&self) -> Option<&EndedAttempt> {
        self.0.iter().rev().find(|attempt| attempt.outcome == AttemptEnd::Failed).copied()
    }

    fn charged(&self) -> usize {
        let failed = self.0.iter().filter(|attempt| attempt.outcome == AttemptEnd::Failed);
        failed.filter(|attempt| attempt.class.is_some_and(is_charged)).count()
    }

    fn longest_ms(&self) -> u64 {
        self.0.iter().map(|attempt| attempt.took_ms()).max().unwrap_or_default()
    }

    fn state(&self) -> v1::TaskState {
        if self.counting().is_some() { v1::TaskState::Done } else { v1::TaskState::Ended }
    }

    fn is_wanted(&self, search: &TaskSearch) -> bool {
        let is_of_class = |class: &FailureClass| {
            let last = self.last_failure().and_then(|attempt| attempt.class);
            last.is_some_and(|last| std::mem::discriminant(&last) == std::mem::discriminant(class))
        };
        let ran_on = |attempt: &&EndedAttempt| {
            *attempt.worker_name == *search.worker || attempt.worker.to_string() == search.worker
        };
        // Nothing is tried again once its shard has ended.
        !search.retrying
            && search.state.is_none_or(|wanted| wanted == self.state())
            && self.0.len() >= search.attempts_min as usize
            && search.class.as_ref().is_none_or(is_of_class)
            && (search.worker.is_empty() || self.0.iter().any(ran_on))
    }

    /// Returns the number by which tasks are put in order, largest first.
    fn rank(&self, order: TaskOrder) -> (bool, u64, u64) {
        match order {
            TaskOrder::Plan => (false, 0, 0),
            TaskOrder::Attempts => (false, self.0.len() as u64, 0),
            TaskOrder::Slowest => (false, self.longest_ms(), 0),
            TaskOrder::Urgent => (self.counting().is_none(), self.charged() as u64, self.longest_ms()),
        }
    }

    fn summary(&self) -> v1::TaskSummary {
        let (first, failure) = (self.0[0], self.last_failure());
        let counting = self.counting();
        let others =
            self.0.iter().filter(|attempt| !counting.is_some_and(|counting| std::ptr::eq(counting, **attempt)));
        let mut ended: Vec<_> = others.rev().take(ATTEMPTS_LISTED_MAX).map(|attempt| attempt.record()).collect();
        ended.reverse();
        let error = failure.and_then(|attempt| attempt.error.as_deref()).unwrap_or_default();
        let class = failure.and_then(|attempt| attempt.class);
        v1::TaskSummary {
            shard: first.shard.to_string(),
            task: first.task.to_string(),
            state: self.state().into(),
            attempts: self.0.len() as u32,
            charged: self.charged() as u32,
            error: error.to_owned(),
            // A map attempt that counts has read all of its task's input.
            bytes: counting.filter(|_| first.task.kind == model::TaskKind::Map).map_or(0, |counting| counting.bytes),
            class: class.map(|class| v1::FailureClass::from(class) as i32).unwrap_or_default(),
            counts: counting.map(EndedAttempt::record),
            ended,
            ..v1::TaskSummary::default()
        }
    }
}

/// Filters first, then puts in order, then cuts to the page.
fn found<'a>(
    attempts: impl Iterator<Item = &'a EndedAttempt>,
    search: &TaskSearch,
    planned: u64,
) -> v1::ListTasksResponse {
    // The limit is the job's, whichever shard is asked for.
    let mut kept = 0;
    let attempts = attempts.inspect(|_| kept += 1);
    let mut attempts: Vec<_> =
        attempts.filter(|attempt| search.shard.is_none_or(|shard| shard == attempt.shard)).collect();
    let is_cut = kept >= ATTEMPTS_MAX;
    attempts.sort_by_key(|attempt| (attempt.shard, attempt.task, attempt.attempt.token, attempt.attempt.number));
    // A line may be both in memory and in a piece.
    attempts.dedup_by_key(|attempt| (attempt.shard, attempt.task, attempt.attempt));
    let tasks: Vec<_> = attempts.chunk_by(|a, b| (a.shard, a.task) == (b.shard, b.task)).map(EndedTask).collect();
    let known = tasks.len() as u64;
    let mut wanted: Vec<_> = tasks.into_iter().filter(|task| task.is_wanted(search)).collect();
    // A stable sort keeps equal ones in the order of the plan.
    wanted.sort_by_cached_key(|task| Reverse(task.rank(search.order)));
    let matching = wanted.len();
    let limit = if search.limit == 0 { TASKS_MAX } else { (search.limit as usize).min(TASKS_MAX) };
    let offset = usize::try_from(search.offset).unwrap_or(usize::MAX);
    let tasks: Vec<_> = wanted.iter().skip(offset).take(limit).map(EndedTask::summary).collect();
    v1::ListTasksResponse {
        more: offset.saturating_add(tasks.len()) < matching,
        tasks,
        matching: matching as u64,
        all: planned.max(known),
        unknown: unknown(&search.job, known, planned, is_cut),
    }
}

/// Returns sentences about tasks of which nothing is known.
fn unknown(job: &JobId, known: u64, planned: u64, is_cut: bool) -> Vec<String> {
    let mut sentences = Vec::new();
    if is_cut {
        sentences
            .push(format!("{ATTEMPTS_MAX} attempts are listed; those after them are in the event log of job {job}"));
    } else if known < planned {
        let silent = planned - known;
        sentences.push(format!(
            "{silent} of {planned} tasks: the event log of job {job} has no attempt that ended; they were not tried, or their leader ended before it wrote the lines"
        ));
    }
    sentences
}

#[cfg(test)]
mod tests;
