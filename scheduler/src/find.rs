//! Search of tasks for people: filtered first, then put in order, then cut to a page. No decision depends on it.
//!
//! Only the tasks of the page are copied: a job has hundreds of thousands of them, and the leader serves nothing else
//! meanwhile.

use std::cmp::Reverse;
use std::time::Duration;

use model::{FailureClass, JobId, ShardId, TaskId};

use crate::event::WorkerId;
use crate::shard::Shard;
use crate::state::State;
use crate::task::{Status, Task};
use crate::view::{TaskState, TaskView, state_of, task_view, tasks_of};

/// Tasks to find; the default lets all through.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// State of the tasks.
    pub state: Option<TaskState>,
    /// True for only the tasks that are not done, and of which an attempt has ended before.
    pub retrying: bool,
    /// Least number of attempts.
    pub attempts_min: u32,
    /// Workers, of which one runs an attempt of the task.
    pub workers: Option<Vec<WorkerId>>,
    /// Class of the last failure; what a class holds besides does not matter.
    pub class: Option<FailureClass>,
}

/// Order of the tasks that are found; those that are equal by it are in the order of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TaskOrder {
    /// Order of shards, and of the plan in each.
    #[default]
    Plan,
    /// Longest attempt first: the one that runs, or that counts.
    Slowest,
    /// Most attempts first.
    Attempts,
    /// Those that wait first, then those that run, then open ones, then done ones; the most charged of them first, and
    /// then the one with the longest attempt.
    Urgent,
}

/// Page of the tasks that were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskPage {
    /// Number of tasks that the filter lets through.
    pub matching: u64,
    /// Number of all tasks that were looked at.
    pub all: u64,
    /// Tasks of the page, with their shards.
    pub tasks: Vec<(ShardId, TaskView)>,
}

impl TaskFilter {
    fn lets_through(&self, task: &Task) -> bool {
        let state = state_of(task);
        let is_of_class = |class: &FailureClass| {
            task.class.is_some_and(|last| std::mem::discriminant(&last) == std::mem::discriminant(class))
        };
        let runs_on = |workers: &Vec<WorkerId>| task.running().iter().any(|running| workers.contains(&running.worker));
        self.state.is_none_or(|wanted| wanted == state)
            && task.tried.last >= self.attempts_min
            && (!self.retrying || is_retrying(task, state))
            && self.class.as_ref().is_none_or(is_of_class)
            && self.workers.as_ref().is_none_or(runs_on)
    }
}

fn is_retrying(task: &Task, state: TaskState) -> bool {
    state != TaskState::Done && task.tried.last as usize > task.running().len()
}

impl State {
    /// Finds tasks of a job, or of one of its shards. Linear in the tasks that are looked at.
    pub fn find_tasks(
        &self,
        job: &JobId,
        shard: Option<ShardId>,
        filter: &TaskFilter,
        order: TaskOrder,
        (offset, limit): (usize, usize),
        now: Duration,
    ) -> TaskPage {
        let shards = self.jobs.get(job).into_iter().flat_map(|job| &job.shards);
        let (mut all, mut found) = (0, Vec::<Found<'_>>::new());
        for (id, open) in shards.filter(|(id, _)| shard.is_none_or(|shard| shard == **id)) {
            for (task_id, task) in tasks_of(open) {
                all += 1;
                if filter.lets_through(task) {
                    found.push((Reverse(rank(task, order, now)), *id, task_id, open));
                }
            }
        }
        let matching = found.len() as u64;
        keep_first(&mut found, offset.saturating_add(limit));
        let view = |(_, id, task_id, open): (_, ShardId, TaskId, &Shard)| {
            open.task(task_id).map(|task| (id, task_view(open, task_id, task)))
        };
        let tasks = found.into_iter().skip(offset).take(limit).filter_map(view).collect();
        TaskPage { matching, all, tasks }
    }
}

/// Task that was found, with its shard and its rank.
type Found<'a> = (Reverse<u128>, ShardId, TaskId, &'a Shard);

/// Puts the first `count` tasks in order and drops the others, without the cost of an order of all.
fn keep_first(found: &mut Vec<Found<'_>>, count: usize) {
    let key = |found: &Found<'_>| (found.0, found.1, found.2);
    if count < found.len() {
        found.select_nth_unstable_by_key(count, key);
        found.truncate(count);
    }
    found.sort_unstable_by_key(key);
}

/// Returns the number by which tasks are put in order, largest first.
fn rank(task: &Task, order: TaskOrder, now: Duration) -> u128 {
    match order {
        TaskOrder::Plan => 0,
        TaskOrder::Attempts => task.tried.last.into(),
        TaskOrder::Slowest => longest(task, now).as_nanos(),
        TaskOrder::Urgent => urgency(task, now),
    }
}

/// Returns the state, then the charges, then the time of the longest attempt, as one number.
fn urgency(task: &Task, now: Duration) -> u128 {
    let state: u128 = match state_of(task) {
        TaskState::Waiting => 3,
        TaskState::Running => 2,
        TaskState::Open => 1,
        TaskState::Done => 0,
    };
    let ms = longest(task, now).as_millis().min(u64::MAX.into());
    state << 96 | u128::from(task.tried.charged) << 64 | ms
}

/// Returns the time of the longest attempt that runs, or of the one that counts.
fn longest(task: &Task, now: Duration) -> Duration {
    match &task.status {
        Status::Running(running) => {
            running.iter().map(|running| now.saturating_sub(running.since)).max().unwrap_or_default()
        }
        // An older worker reports the time of the stages alone.
        Status::Done(done) => done.report.effort().map_or(done.report.stages().total().wall, |effort| effort.wall),
        _ => Duration::ZERO,
    }
}
