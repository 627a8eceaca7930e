//! State of one task, and of all tasks of one kind in a shard.
//!
//! ```text
//!                assigned                 recorded
//!        Open ------------> Running ------------------> Done
//!         ^ ^               |  |  |                      |
//!         | |  handed back, |  |  | failed from a guess  | the stitch refutes it, or its run is lost
//!         | +-- worker lost +  |  v                      v
//!         |                    | Suspect             Reopening
//!         |             failed v  |                      |
//!         +------------------ Waiting                    |
//!         +---------- refuted ----+---------- reopened --+
//! ```
//!
//! A running task may have a second, speculative attempt beside the first. The attempt that is recorded first counts.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use model::{AttemptId, Failure, FailureClass, MapReport, ReduceReport, Report};

use crate::event::{Tried, WorkerId};
use crate::shard::ShardContext;
use crate::view::TaskCounts;

/// Task of a shard.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) status: Status,
    pub(crate) tried: Tried,
    /// Largest number of an attempt that no longer counts, because the task was done and is opened again. The
    /// completion of such an attempt may arrive a second time, because a worker repeats a report that was not answered.
    pub(crate) void: u32,
    /// Failures in a row, charged or not; they decide the pause.
    pub(crate) failures: u32,
    /// Start of the period in which stores turn the task away.
    pub(crate) throttled_since: Option<Duration>,
    /// Start of the period in which the task lacks a resource on each worker that takes work.
    pub(crate) starved_since: Option<Duration>,
    /// Workers on which the task failed for a reason that may not hold on another.
    pub(crate) avoided: BTreeSet<WorkerId>,
    /// Set when one worker failed on the task's input or over a bug: a second such failure ends the shard.
    pub(crate) is_doubted: bool,
    /// Message and class of the last failure.
    pub(crate) error: Option<Box<str>>,
    pub(crate) class: Option<FailureClass>,
    /// Bytes of input; the heaviest task goes first.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
pub(crate) enum Status {
    Open,
    Running(Vec<Running>),
    /// The task failed and pauses.
    Waiting {
        until: Duration,
    },
    /// The task failed from a guessed start, and waits for its left neighbour to confirm or refute the guess.
    Suspect(Box<Suspicion>),
    Done(Box<Done>),
    /// The task was done; its reopening is being journaled.
    Reopening,
}

/// A running attempt at a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    pub(crate) number: u32,
    /// Set once the claim is written.
    pub(crate) attempt: Option<AttemptId>,
    pub(crate) worker: WorkerId,
    pub(crate) since: Duration,
    pub(crate) is_speculative: bool,
}

#[derive(Debug)]
pub(crate) struct Suspicion {
    pub(crate) guessed: u64,
    pub(crate) worker: WorkerId,
    pub(crate) failure: Failure,
}

#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) attempt: AttemptId,
    pub(crate) report: Report,
    pub(crate) at: Duration,
    /// Worker of the attempt; none if it ended under an earlier leader.
    pub(crate) worker: Option<WorkerId>,
}

impl Task {
    fn new(bytes: u64) -> Self {
        Self {
            status: Status::Open,
            tried: Tried::default(),
            void: 0,
            failures: 0,
            throttled_since: None,
            starved_since: None,
            avoided: BTreeSet::new(),
            is_doubted: false,
            error: None,
            class: None,
            bytes,
        }
    }

    pub(crate) fn done(&self) -> Option<&Done> {
        match &self.status {
            Status::Done(done) => Some(done),
            _ => None,
        }
    }

    /// Returns the report of a map task that is done.
    pub(crate) fn map_report(&self) -> Option<&MapReport> {
        match self.done().map(|done| &done.report) {
            Some(Report::Map(report)) => Some(report),
            _ => None,
        }
    }

    /// Returns the report of a reduce task that is done.
    pub(crate) fn reduce_report(&self) -> Option<&ReduceReport> {
        match self.done().map(|done| &done.report) {
            Some(Report::Reduce(report)) => Some(report),
            _ => None,
        }
    }

    pub(crate) fn running(&self) -> &[Running] {
        match &self.status {
            Status::Running(running) => running,
            _ => &[],
        }
    }

    pub(crate) fn running_as(&self, attempt: AttemptId) -> Option<Running> {
        self.running().iter().find(|running| running.attempt == Some(attempt)).copied()
    }

    /// True if `worker`, which takes work, may begin the task. If the task failed on all workers that take work, one
    /// of them may try again: if the others were lost meanwhile, or stay unfit, nobody else would ever run the task
    /// (LV-1).
    fn is_for(&self, worker: WorkerId, ctx: ShardContext<'_>) -> bool {
        !self.avoided.contains(&worker) || ctx.all_active_are_in(&self.avoided)
    }
}

/// Tasks of one kind, with an index of the open ones, heaviest first.
#[derive(Debug)]
pub(crate) struct Tasks {
    tasks: Vec<Task>,
    open: BTreeSet<(Reverse<u64>, u32)>,
    done: usize,
    done_bytes: u64,
    /// Attempts that run, and tasks at which any runs.
    running: usize,
    running_tasks: usize,
}

impl Tasks {
    pub(crate) fn new(bytes: impl Iterator<Item = u64>) -> Self {
        let tasks: Vec<_> = bytes.map(Task::new).collect();
        let open = tasks.iter().enumerate().map(|(ordinal, task)| (Reverse(task.bytes), ordinal as u32)).collect();
        Self { tasks, open, done: 0, done_bytes: 0, running: 0, running_tasks: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.tasks.len()
    }

    pub(crate) fn done(&self) -> usize {
        self.done
    }

    /// Returns the input bytes of the tasks that are done.
    pub(crate) fn done_bytes(&self) -> u64 {
        self.done_bytes
    }

    /// Counts the attempts that run.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Counts the tasks by state.
    pub(crate) fn counts(&self) -> TaskCounts {
        let (open, running, done) = (self.open.len(), self.running_tasks, self.done);
        let waiting = self.tasks.len() - open - running - done;
        TaskCounts { open: open as u64, running: running as u64, waiting: waiting as u64, done: done as u64 }
    }

    pub(crate) fn are_done(&self) -> bool {
        self.done == self.tasks.len()
    }

    pub(crate) fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(crate) fn get(&self, ordinal: u32) -> Option<&Task> {
        self.tasks.get(ordinal as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter()
    }

    /// Returns the first open task that `worker`, which takes work, may begin.
    pub(crate) fn open_to(&self, worker: WorkerId, ctx: ShardContext<'_>) -> Option<u32> {
        let ordinals = self.open.iter().map(|(_, ordinal)| *ordinal);
        ordinals.into_iter().find(|ordinal| self.tasks[*ordinal as usize].is_for(worker, ctx))
    }

    /// Changes one task, and updates the counts and the index that follow from its status. No other function changes
    /// them.
    pub(crate) fn change<T>(&mut self, ordinal: u32, change: impl FnOnce(&mut Task) -> T) -> T {
        let task = &mut self.tasks[ordinal as usize];
        let (was_done, was_running) = (task.done().is_some(), task.running().len());
        let changed = change(task);
        if matches!(&task.status, Status::Running(running) if running.is_empty()) {
            task.status = Status::Open;
        }
        let (is_done, is_running) = (task.done().is_some(), task.running().len());
        self.done = self.done + usize::from(is_done) - usize::from(was_done);
        self.running = self.running + is_running - was_running;
        self.running_tasks = self.running_tasks + usize::from(is_running > 0) - usize::from(was_running > 0);
        match (was_done, is_done) {
            (false, true) => self.done_bytes += task.bytes,
            (true, false) => self.done_bytes -= task.bytes,
            _ => {}
        }
        let place = (Reverse(task.bytes), ordinal);
        match task.status {
            Status::Open => drop(self.open.insert(place)),
            _ => drop(self.open.remove(&place)),
        }
        changed
    }

    /// Begins an attempt; returns its number (LS-1).
    pub(crate) fn begin(&mut self, ordinal: u32, worker: WorkerId, now: Duration) -> u32 {
        self.change(ordinal, |task| {
            task.tried.last += 1;
            let number = task.tried.last;
            let is_speculative = !task.running().is_empty();
            let running = Running { number, attempt: None, worker, since: now, is_speculative };
            match &mut task.status {
                Status::Running(others) => others.push(running),
                status => *status = Status::Running(vec![running]),
            }
            number
        })
    }

    /// Records the attempt that counts; returns the attempts that ran at the task. A completed task keeps its output
    /// (LS-2), and an attempt whose task was opened again never counts a second time.
    pub(crate) fn put_done(&mut self, ordinal: u32, attempt: AttemptId, report: Report, at: Duration) -> Vec<Running> {
        if self.get(ordinal).is_none_or(|task| task.done().is_some() || attempt.number <= task.void) {
            return Vec::new();
        }
        self.change(ordinal, |task| {
            task.tried.last = task.tried.last.max(attempt.number);
            (task.failures, task.throttled_since, task.starved_since) = (0, None, None);
            let running = match std::mem::replace(&mut task.status, Status::Open) {
                Status::Running(running) => running,
                _ => Vec::new(),
            };
            let worker = running.iter().find(|running| running.attempt == Some(attempt)).map(|running| running.worker);
            task.status = Status::Done(Box::new(Done { attempt, report, at, worker }));
            running
        })
    }

    /// Restores an attempt that ran under an earlier leader.
    pub(crate) fn put_running(&mut self, ordinal: u32, running: Running) {
        if self.get(ordinal).is_none_or(|task| task.done().is_some()) {
            return;
        }
        self.change(ordinal, |task| {
            task.tried.last = task.tried.last.max(running.number);
            match &mut task.status {
                Status::Running(others) => others.push(running),
                status => *status = Status::Running(vec![running]),
            }
        });
    }

    /// Opens a task, if its status is one that `opens`.
    pub(crate) fn open_if(&mut self, ordinal: u32, opens: impl Fn(&Status) -> bool) {
        if self.get(ordinal).is_some_and(|task| opens(&task.status)) {
            self.change(ordinal, |task| task.status = Status::Open);
        }
    }

    /// Notes that an attempt's claim was written; returns false if the attempt is no longer wanted.
    pub(crate) fn claimed(&mut self, ordinal: u32, attempt: AttemptId) -> bool {
        let Some(task) = self.tasks.get_mut(ordinal as usize) else { return false };
        let Status::Running(running) = &mut task.status else { return false };
        let found = running.iter_mut().find(|running| running.number == attempt.number);
        found.map(|running| running.attempt = Some(attempt)).is_some()
    }

    /// Ends attempts and keeps only their numbers; returns true if there were any.
    pub(crate) fn drop_attempts(&mut self, ordinal: u32, is_dropped: impl Fn(&Running) -> bool) -> bool {
        if ordinal as usize >= self.tasks.len() {
            return false;
        }
        self.change(ordinal, |task| {
            let Status::Running(running) = &mut task.status else { return false };
            let before = running.len();
            running.retain(|running| !is_dropped(running));
            running.len() < before
        })
    }

    /// Lists the running attempts with the ordinals of their tasks. Linear in the number of tasks: use it when a
    /// shard ends, not for each claim.
    pub(crate) fn all_running(&self) -> impl Iterator<Item = (u32, Running)> {
        let tasks = self.tasks.iter().enumerate();
        tasks.flat_map(|(ordinal, task)| task.running().iter().map(move |running| (ordinal as u32, *running)))
    }
}
