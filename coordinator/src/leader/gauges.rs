//! Gauges of the leader: open tasks, jobs and workers, by which alerts judge a cluster.
//!
//! They are set from time to time, from counts that the leader keeps anyway, so that no change of a task pays for them. A
//! coordinator that does not lead shows 0 for each: the sum over all coordinators is the cluster's.

use format::state_records::JobPhase;
use metrics::gauge;
use model::TaskKind;
use scheduler::view::TaskCounts;

use super::Leader;
use super::live::LiveWorker;

/// Gauge of the tasks of open shards, by kind and state.
const TASKS: &str = "tailor_tasks";
/// Gauge of the jobs that have not ended, by state.
const JOBS: &str = "tailor_jobs";
/// Gauge of the oldest submission among them.
const OLDEST: &str = "tailor_oldest_open_job_submitted_timestamp_seconds";
/// Gauge of the bytes that are left to map and to reduce.
const BACKLOG: &str = "tailor_backlog_bytes";
/// Gauge of the workers that live, by state.
const WORKERS: &str = "tailor_workers";
/// Gauge of the slots of workers that take work.
const SLOTS: &str = "tailor_workers_slots";

/// Describes the gauges, and sets each to 0.
pub(crate) fn describe() {
    metrics::describe_gauge!(TASKS, "Tasks of the shards that have not ended, by kind and state");
    metrics::describe_gauge!(JOBS, "Jobs that have not ended, by state");
    metrics::describe_gauge!(
        OLDEST,
        "Submission of the oldest job that has not ended, in seconds since 1970; 0 if none"
    );
    metrics::describe_gauge!(BACKLOG, "Segment bytes left: those to map once, and those to reduce once more");
    metrics::describe_gauge!(WORKERS, "Workers that live, by state");
    metrics::describe_gauge!(SLOTS, "Slots of the workers that take work");
    Counts::default().publish();
}

/// Counts behind the gauges.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    maps: TaskCounts,
    reduces: TaskCounts,
    /// Jobs that are planned, run, are being cancelled, are being taken over.
    jobs: [u32; 4],
    oldest_ms: i64,
    backlog: u64,
    /// Workers that take work, leave, cannot work.
    workers: [u32; 3],
    slots: u32,
}

impl Counts {
    fn publish(&self) {
        for (kind, counts) in [(TaskKind::Map, self.maps), (TaskKind::Reduce, self.reduces)] {
            let TaskCounts { open, running, waiting, done } = counts;
            for (state, count) in [("open", open), ("running", running), ("waiting", waiting), ("done", done)] {
                gauge!(TASKS, "kind" => kind.name(), "state" => state).set(count as f64);
            }
        }
        for (state, count) in ["planning", "running", "cancelling", "recovering"].into_iter().zip(self.jobs) {
            gauge!(JOBS, "state" => state).set(count);
        }
        for (state, count) in ["active", "draining", "unfit"].into_iter().zip(self.workers) {
            gauge!(WORKERS, "state" => state).set(count);
        }
        gauge!(OLDEST).set(self.oldest_ms as f64 / 1000.0);
        gauge!(BACKLOG).set(self.backlog as f64);
        gauge!(SLOTS).set(self.slots);
    }
}

/// Gauges of a leader. When it leads no longer, each is 0.
#[derive(Debug)]
pub(super) struct Gauges;

impl Drop for Gauges {
    fn drop(&mut self) {
        Counts::default().publish();
    }
}

impl Leader {
    /// Sets the gauges; `backlog` are the units of work that are left.
    pub(super) fn publish_gauges(&self, backlog: u64) {
        self.counts(backlog).publish();
    }

    fn counts(&self, backlog: u64) -> Counts {
        let (maps, reduces) = self.state.task_counts();
        let mut counts = Counts { maps, reduces, backlog, ..Counts::default() };
        for live in self.jobs.values() {
            let state = match live.head.phase {
                JobPhase::Planning => 0,
                JobPhase::Running | JobPhase::Ended => 1,
                JobPhase::Cancelling => 2,
            };
            counts.jobs[state] += 1;
        }
        counts.jobs[3] = self.recovering.len() as u32;
        let recovering = self.recovering.values().filter_map(|recovering| recovering.head.as_ref());
        let heads = self.jobs.values().map(|live| &live.head).chain(recovering);
        counts.oldest_ms = heads.map(|head| head.submitted_at_ms).min().unwrap_or_default();
        for worker in self.workers.values() {
            counts.workers[state_of(worker)] += 1;
            counts.slots += if worker.rests() { 0 } else { worker.record.slots };
        }
        counts
    }
}

/// Returns the place of a worker's state in [`Counts::workers`].
fn state_of(worker: &LiveWorker) -> usize {
    match (worker.is_leaving() || worker.drain.is_some(), worker.rests()) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    }
}
