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

use model::{AttemptId, Failure};

use crate::event::{Tried, WorkerId};
use crate::shard::ShardContext;

/// Task of a shard; `R` is the report of its attempts.
#[derive(Debug)]
pub(crate) struct Task<R> {
    pub(crate) status: Status<R>,
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
    /// Message of the last failure.
    pub(crate) error: Option<Box<str>>,
    /// Bytes of input; the heaviest task goes first.
    pub(crate) bytes: u64,
}

#[derive(Debug)]
pub(crate) enum Status<R> {
    Open,
    Running(Vec<Running>),
    /// The task failed and pauses.
    Waiting {
        until: Duration,
    },
    /// The task failed from a guessed start, and waits for its left neighbour to confirm or refute the guess.
    Suspect(Box<Suspicion>),
    Done(Box<Done<R>>),
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
pub(crate) struct Done<R> {
    pub(crate) attempt: AttemptId,
    pub(crate) report: R,
    pub(crate) at: Duration,
}

impl<R> Task<R> {
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
            bytes,
        }
    }

    pub(crate) fn done(&self) -> Option<&Done<R>> {
        match &self.status {
            Status::Done(done) => Some(done),
            _ => None,
        }
    }

    pub(crate) fn report(&self) -> Option<&R> {
        self.done().map(|done| &done.report)
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
pub(crate) struct Tasks<R> {
    tasks: Vec<Task<R>>,
    open: BTreeSet<(Reverse<u64>, u32)>,
    done: usize,
    done_bytes: u64,
    running: usize,
}

impl<R> Tasks<R> {
    pub(crate) fn new(bytes: impl Iterator<Item = u64>) -> Self {
        let tasks: Vec<_> = bytes.map(Task::new).collect();
        let open = tasks.iter().enumerate().map(|(ordinal, task)| (Reverse(task.bytes), ordinal as u32)).collect();
        Self { tasks, open, done: 0, done_bytes: 0, running: 0 }
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

    pub(crate) fn are_done(&self) -> bool {
        self.done == self.tasks.len()
    }

    pub(crate) fn are_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(crate) fn get(&self, ordinal: u32) -> Option<&Task<R>> {
        self.tasks.get(ordinal as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Task<R>> {
        self.tasks.iter()
    }

    /// Returns the first open task that `worker`, which takes work, may begin.
    pub(crate) fn open_to(&self, worker: WorkerId, ctx: ShardContext<'_>) -> Option<u32> {
        let ordinals = self.open.iter().map(|(_, ordinal)| *ordinal);
        ordinals.into_iter().find(|ordinal| self.tasks[*ordinal as usize].is_for(worker, ctx))
    }

    /// Changes one task, and updates the counts and the index that follow from its status. No other function changes
    /// them.
    pub(crate) fn change<T>(&mut self, ordinal: u32, change: impl FnOnce(&mut Task<R>) -> T) -> T {
        let task = &mut self.tasks[ordinal as usize];
        let (was_done, was_running) = (task.done().is_some(), task.running().len());
        let changed = change(task);
        if matches!(&task.status, Status::Running(running) if running.is_empty()) {
            task.status = Status::Open;
        }
        let (is_done, is_running) = (task.done().is_some(), task.running().len());
        self.done = self.done + usize::from(is_done) - usize::from(was_done);
        self.running = self.running + is_running - was_running;
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
