//! A cluster under an autoscaler, second by second: slots that pass units at a pace, workers that take time to start,
//! and the rules of a horizontal pod autoscaler.

use std::collections::VecDeque;
use std::time::Duration;

use scheduler::demand::{Demand, OpenWork, PACE_UNMEASURED};

pub(crate) const MINUTE: u64 = 60;
/// Slots of a worker.
const SLOTS: u32 = 2;
/// Duration of a task; what is under way is not done.
const TASK: u64 = 40;
/// Interval between the leader's looks at its work.
const LOOK_EVERY: u64 = 5;
/// Interval between the decisions of the autoscaler.
const DECIDE_EVERY: u64 = 15;
/// Time for which the autoscaler remembers the largest wish before it removes workers.
const STABLE: u64 = 300;
/// Time that a new worker takes to start, its node included.
const START: u64 = 90;
/// Most workers that the autoscaler may have.
const REPLICAS_MAX: u32 = 500;
/// Length of a day.
const DAY: u64 = 3 * 60 * MINUTE;

/// Course of a day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Day {
    /// Units of the first job.
    pub(crate) units: u64,
    /// Tasks in which the work is left at most.
    pub(crate) tasks: u64,
    /// True pace of a slot, in units a second.
    pub(crate) pace: f64,
    pub(crate) target: Duration,
    /// Jobs that come later: second and units.
    pub(crate) more: &'static [(u64, u64)],
    /// Seconds between which nothing moves.
    pub(crate) stalls: (u64, u64),
    /// Seconds at which half the workers are reclaimed.
    pub(crate) reclaims: &'static [u64],
}

impl Day {
    pub(crate) const QUIET: Self = Self {
        units: 0,
        tasks: 100_000,
        pace: PACE_UNMEASURED,
        target: Duration::from_secs(20 * MINUTE),
        more: &[],
        stalls: (0, 0),
        reclaims: &[],
    };

    /// Returns the number of workers that finish the first job in the target time.
    pub(crate) fn needed(&self) -> u32 {
        (self.units as f64 / self.pace / self.target.as_secs_f64() / f64::from(SLOTS)).ceil() as u32
    }
}

/// Cluster at one second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) second: u64,
    pub(crate) is_open: bool,
    pub(crate) wanted: u32,
    pub(crate) replicas: u32,
}

/// Runs a day of the cluster.
pub(crate) fn run(day: Day) -> Vec<Moment> {
    let mut demand = Demand::new(day.target);
    let (mut left, mut done, mut busy_seconds) = (day.units as f64, 0.0, 0.0);
    let mut reported = OpenWork::default();
    let (mut replicas, mut ready) = (0, 0);
    let mut starting: VecDeque<u64> = VecDeque::new();
    let mut wishes: VecDeque<u32> = VecDeque::new();
    let mut moments = Vec::new();
    for second in 0..DAY {
        left += day.more.iter().filter(|(at, _)| *at == second).map(|(_, units)| *units as f64).sum::<f64>();
        if day.reclaims.contains(&second) {
            // The autoscaler's workload starts others in the place of those that went.
            starting.extend(vec![second + START; ready as usize / 2]);
            ready -= ready / 2;
        }
        while starting.front().is_some_and(|at| *at <= second) {
            starting.pop_front();
            ready += 1;
        }
        let tasks = if left > 0.0 { day.tasks } else { 0 };
        let busy = u64::from(ready * SLOTS).min(tasks);
        if !(day.stalls.0..day.stalls.1).contains(&second) {
            let passed = (busy as f64 * day.pace).min(left);
            (left, done, busy_seconds) = (left - passed, done + passed, busy_seconds + passed / day.pace);
        }
        let is_open = left > 0.0 || day.more.iter().any(|(at, _)| *at > second);
        if second % LOOK_EVERY == 0 {
            if second % TASK == 0 || left == 0.0 {
                (reported.done, reported.busy) = (done as u64, Duration::from_secs_f64(busy_seconds));
            }
            let undone = (left + done) as u64 - reported.done;
            demand.note_work(Duration::from_secs(second), OpenWork { left: undone, tasks, is_open, ..reported });
        }
        let wanted = demand.workers_wanted(SLOTS);
        if second % DECIDE_EVERY == 0 {
            wishes.push_back(wanted.min(REPLICAS_MAX));
            if wishes.len() as u64 > STABLE / DECIDE_EVERY {
                wishes.pop_front();
            }
            let wish = wishes.iter().copied().max().unwrap_or_default();
            starting.extend(vec![second + START; wish.saturating_sub(replicas) as usize]);
            for _ in wish..replicas {
                // Workers that have not started are removed first.
                if starting.pop_back().is_none() {
                    ready -= 1;
                }
            }
            replicas = wish;
        }
        moments.push(Moment { second, is_open, wanted, replicas });
    }
    moments
}
