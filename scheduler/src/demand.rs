//! Demand for workers: how many a cluster needs to finish its open work in a given time, for an autoscaler.
//!
//! ```text
//! wanted = ceil(seconds of work left of one slot / (time until it is due x slots of a worker))
//! seconds of work left = units left / pace of one slot
//! ```
//!
//! A unit is a byte of input that one stage passes: a byte of a segment counts once when it is mapped, and once when its
//! partition is reduced. Running tasks count as left until they are done, so a cluster that has handed out all its tasks
//! keeps its workers. Work is due a target time after it came: were the target counted from now on, the number would
//! sink with the work that is left, and the end would never come near. The number is a total, independent of the workers
//! that exist: an autoscaler that divides it by its replicas would scale twice.

use std::collections::VecDeque;
use std::time::Duration;

use model::{TaskId, TaskKind};

use crate::shard::{Phase, Shard};
use crate::state::State;

/// Pace of one slot before anything was measured, in units a second: that of an ordinary core on small payloads.
pub const PACE_UNMEASURED: f64 = 16.0 * 1024.0 * 1024.0;

/// Time over which the pace is measured. Shorter than most jobs, and longer than most tasks, whose ends come in bursts.
const MEASURED_OVER: Duration = Duration::from_secs(5 * 60);

/// Least busy time of slots that is evidence of a pace: less than a task's time says nothing.
const EVIDENCE_MIN: Duration = Duration::from_secs(60);

/// Divisor of the target time: late work is given at least a fourth of it. Workers take minutes to start, so those that
/// were called for less time would come after the work is done.
const LATE_PART: u32 = 4;

/// Most factor by which the pace may leave the unmeasured one downwards. A stalled cluster needs an operator, not a
/// thousand workers that stall too.
const SLOWER_MAX: f64 = 8.0;

/// Work that is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenWork {
    /// Units that are not done, those of running tasks included.
    pub left: u64,
    /// Most tasks that could run at once until the end of their shards.
    pub tasks: u64,
    /// Units of the tasks that were done since the leader began, those of ended jobs included.
    pub done: u64,
    /// Time that the attempts at those tasks took, together.
    pub busy: Duration,
    /// True if a job is open, even one whose tasks are not planned yet.
    pub is_open: bool,
}

/// Looks of the leader at its work, from which the pace follows.
#[derive(Debug)]
pub struct Demand {
    /// Time in which work is to be done after it came.
    target: Duration,
    /// Time at which the open work is due, that of several jobs weighted by their units.
    due: Duration,
    samples: VecDeque<(Duration, OpenWork)>,
}

impl Demand {
    /// Creates the demand of a cluster that is to do work within `target` after it came.
    pub fn new(target: Duration) -> Self {
        Self { target, due: Duration::ZERO, samples: VecDeque::new() }
    }

    /// Notes the open work at `now`.
    pub fn note_work(&mut self, now: Duration, work: OpenWork) {
        self.set_due(now, work);
        self.samples.push_back((now, work));
        while self.samples.len() > 2 && self.samples[1].0 + MEASURED_OVER <= now {
            self.samples.pop_front();
        }
    }

    /// Moves the due time of the open work: work that came since the last sample is due after the target time, and the
    /// due time of all is the mean of both, weighted by their shares.
    fn set_due(&mut self, now: Duration, work: OpenWork) {
        let before = self.samples.back().map_or(0, |(_, last)| last.left + last.done);
        let came = (work.left + work.done).saturating_sub(before).min(work.left);
        if came > 0 {
            let share = came as f64 / work.left as f64;
            let (earlier, target) = (self.due.saturating_sub(now).as_secs_f64(), self.target.as_secs_f64());
            self.due = now + Duration::from_secs_f64(earlier * (1.0 - share) + target * share);
        }
    }

    /// Returns the pace of one busy slot, in units a second, from the tasks that were done lately. Time of attempts that
    /// still run is no evidence: their units count once they are done.
    pub fn pace(&self) -> f64 {
        let Some(((_, first), (_, last))) = self.samples.front().zip(self.samples.back()) else {
            return PACE_UNMEASURED;
        };
        let (units, seconds) = ((last.done - first.done) as f64, (last.busy - first.busy).as_secs_f64());
        // Until there is evidence, the unmeasured pace counts for the time that is missing.
        let missing = (EVIDENCE_MIN.as_secs_f64() - seconds).max(0.0);
        let measured = (units + missing * PACE_UNMEASURED) / (seconds + missing);
        measured.max(PACE_UNMEASURED / SLOWER_MAX)
    }

    /// Returns the time that one slot would need for the open work, in seconds.
    pub fn seconds_left(&self) -> f64 {
        self.samples.back().map_or(0.0, |(_, work)| work.left as f64 / self.pace())
    }

    /// Returns the number of workers with `slots` slots each that finish the open work when it is due: 0 if no job is
    /// open, else at least 1.
    pub fn workers_wanted(&self, slots: u32) -> u32 {
        let Some((now, work)) = self.samples.back().filter(|(_, work)| work.is_open) else { return 0 };
        let slots = u64::from(slots.max(1));
        let time = self.due.saturating_sub(*now).max(self.target / LATE_PART).as_secs_f64().max(1.0);
        let in_time = (self.seconds_left() / (time * slots as f64)).ceil() as u64;
        // Workers beyond the tasks would stand idle.
        let wanted = in_time.min(work.tasks.div_ceil(slots));
        u32::try_from(wanted).unwrap_or(u32::MAX).max(1)
    }
}

impl State {
    /// Sums up the open work of all jobs. Linear in the shards.
    pub fn work(&self) -> OpenWork {
        let mut work = OpenWork { done: self.units_done, busy: self.busy, ..OpenWork::default() };
        for job in self.jobs.values() {
            work.is_open = true;
            for shard in job.shards.values() {
                let (left, tasks) = shard.work_left();
                work.left += left;
                work.tasks += tasks;
            }
        }
        work
    }
}

impl Shard {
    /// Returns the units that are not done, and the most tasks that could work on them at once.
    fn work_left(&self) -> (u64, u64) {
        let maps = (self.maps.len() - self.maps.done()) as u64;
        let reduces = (self.reduces.len() - self.reduces.done()) as u64;
        let reduces_left = share(self.bytes(), reduces, self.reduces.len());
        match self.phase() {
            Phase::Mapping => (self.bytes().saturating_sub(self.maps.done_bytes()) + reduces_left, maps.max(reduces)),
            Phase::Reducing => (reduces_left, reduces),
            Phase::Committing | Phase::Ended => (0, 0),
        }
    }

    /// Returns the units of a task: the bytes that it reads of the segments, or its share of the shard's bytes.
    pub(crate) fn units_of(&self, task: TaskId) -> u64 {
        match task.kind {
            TaskKind::Map => self.task(task).map_or(0, |task| task.bytes),
            TaskKind::Reduce => share(self.bytes(), 1, self.reduces.len()),
        }
    }
}

/// Returns the part of `bytes` that `some` of `all` tasks have; nothing if there are none.
fn share(bytes: u64, some: u64, all: usize) -> u64 {
    (u128::from(bytes) * u128::from(some)).checked_div(all as u128).unwrap_or_default() as u64
}
