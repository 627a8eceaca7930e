//! Metrics of a worker.
//!
//! | metric | what |
//! |---|---|
//! | `tailor_worker_attempts_total{kind,outcome}` | attempts that ended: counts, refused, failed, cancelled, handed-back, fenced, lease-lost |
//! | `tailor_worker_wasted_seconds_total{reason}` | slot time of attempts that do not count, by their outcome |
//! | `tailor_worker_stage_seconds_total{kind,stage,clock}` | time of attempts by stage: `wall`, and `cpu` of the slot's thread |
//! | `tailor_worker_attempt_seconds{kind}` | compute time of an attempt |
//! | `tailor_worker_read_bytes_total` | segment bytes read by map attempts that finished |
//! | `tailor_worker_points_total{kind}` | points read by map attempts, written by reduce attempts |
//! | `tailor_worker_spills_total` | spills of a full shuffle buffer |
//! | `tailor_worker_quarantined_frames_total` | bad frames that map attempts put aside |
//! | `tailor_worker_slots`, `tailor_worker_busy_slots` | slots, and those that compute |
//! | `tailor_worker_memory_bytes{of}` | memory: `budget` of all slots, `used` by the process |
//! | `tailor_worker_last_leader_contact_timestamp_seconds` | time of the last heartbeat that a leader answered |
//! | `tailor_worker_held_completions` | finished attempts whose report has not reached the leader |
//! | `tailor_worker_leases_lost_total` | leases that were lost, with all their attempts |
//! | `tailor_worker_unfit` | 1 while the worker takes no work because its machine cannot do it |

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use model::{ByteSize, Stage, StageTimes, TaskKind, TimestampMs};

use crate::slot::AttemptOutcome;

const ATTEMPTS: &str = "tailor_worker_attempts_total";
const WASTED: &str = "tailor_worker_wasted_seconds_total";
const STAGE_SECONDS: &str = "tailor_worker_stage_seconds_total";
const ATTEMPT_SECONDS: &str = "tailor_worker_attempt_seconds";
const READ_BYTES: &str = "tailor_worker_read_bytes_total";
const POINTS: &str = "tailor_worker_points_total";
const SPILLS: &str = "tailor_worker_spills_total";
const QUARANTINED: &str = "tailor_worker_quarantined_frames_total";
const SLOTS: &str = "tailor_worker_slots";
const MEMORY: &str = "tailor_worker_memory_bytes";
const LAST_CONTACT: &str = "tailor_worker_last_leader_contact_timestamp_seconds";
const BUSY_SLOTS: &str = "tailor_worker_busy_slots";
const HELD_COMPLETIONS: &str = "tailor_worker_held_completions";
const LEASES_LOST: &str = "tailor_worker_leases_lost_total";
const UNFIT: &str = "tailor_worker_unfit";

/// Outcome of an attempt that counts.
pub(crate) const COUNTS: &str = "counts";
/// Outcome of attempts that lost their lease.
pub(crate) const LEASE_LOST: &str = "lease-lost";
/// Outcomes of attempts, as labels; the first is the one that counts.
const OUTCOMES: [&str; 7] = [COUNTS, "refused", "failed", "cancelled", "handed-back", "fenced", LEASE_LOST];
/// Interval between looks at the memory of the process.
const MEMORY_EVERY: Duration = Duration::from_secs(5);
const KINDS: [TaskKind; 2] = [TaskKind::Map, TaskKind::Reduce];

/// Seconds for a counter, which holds whole numbers: parts of a second are kept until they make a whole one.
struct Seconds(AtomicU64);

impl Seconds {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds a time; returns the whole seconds that are to be counted now.
    fn add(&self, time: Duration) -> u64 {
        const SECOND_US: u64 = 1_000_000;
        let time_us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let before_us = self.0.fetch_add(time_us, Ordering::Relaxed);
        before_us.wrapping_add(time_us) / SECOND_US - before_us / SECOND_US
    }
}

/// Registers the description of each metric, and starts the counters at zero.
pub fn describe() {
    describe_counter!(ATTEMPTS, "Attempts that ended, by kind of task and outcome");
    describe_histogram!(ATTEMPT_SECONDS, "How long an attempt computed, by kind of task");
    describe_counter!(READ_BYTES, "Segment bytes read by map attempts that finished");
    describe_counter!(POINTS, "Points read by map attempts and written by reduce attempts that finished");
    describe_counter!(SPILLS, "How often a shuffle buffer was full");
    describe_counter!(WASTED, "Slot time of attempts that do not count, by their outcome");
    describe_counter!(STAGE_SECONDS, "Time of attempts by kind of task, stage, and clock: wall, or CPU of the slot");
    describe_counter!(QUARANTINED, "Bad frames that map attempts put aside");
    describe_gauge!(SLOTS, "Slots of this worker");
    describe_gauge!(MEMORY, "Memory: the budget of all slots, and what the process uses");
    describe_gauge!(LAST_CONTACT, "Time of the last heartbeat that a leader answered, in seconds since 1970");
    describe_gauge!(BUSY_SLOTS, "Slots that compute");
    describe_gauge!(HELD_COMPLETIONS, "Finished attempts that the leader has not heard of, for it is away");
    describe_counter!(LEASES_LOST, "Leases that were lost, and all attempts with them");
    describe_gauge!(UNFIT, "1 while no work is taken, for the machine cannot do it");
    storage::describe_metrics();
    begin_at_zero();
}

fn begin_at_zero() {
    for kind in KINDS {
        drop(histogram!(ATTEMPT_SECONDS, "kind" => kind.name()));
        counter!(POINTS, "kind" => kind.name()).absolute(0);
        for outcome in OUTCOMES {
            counter!(ATTEMPTS, "kind" => kind.name(), "outcome" => outcome).absolute(0);
        }
        for (stage, clock) in Stage::ALL.into_iter().flat_map(|stage| [(stage, "wall"), (stage, "cpu")]) {
            counter!(STAGE_SECONDS, "kind" => kind.name(), "stage" => stage.name(), "clock" => clock).absolute(0);
        }
    }
    for reason in &OUTCOMES[1..] {
        counter!(WASTED, "reason" => *reason).absolute(0);
    }
    for name in [READ_BYTES, SPILLS, LEASES_LOST, QUARANTINED] {
        counter!(name).absolute(0);
    }
    for name in [BUSY_SLOTS, HELD_COMPLETIONS, UNFIT, LAST_CONTACT] {
        gauge!(name).set(0.0);
    }
}

/// Sets the gauges of the worker's size.
pub(crate) fn size(slots: usize, memory: ByteSize) {
    gauge!(SLOTS).set(slots as f64);
    gauge!(MEMORY, "of" => "budget").set(memory.0 as f64);
}

/// Keeps the gauge of the memory that the process uses.
pub(crate) async fn watch_memory() {
    let mut ticks = tokio::time::interval(MEMORY_EVERY);
    loop {
        ticks.tick().await;
        memory_used();
    }
}

/// Sets the gauge of the memory that the process uses, if the system shows it.
fn memory_used() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"));
    if let Some(kib) = resident.and_then(|kib| kib.parse::<f64>().ok()) {
        gauge!(MEMORY, "of" => "used").set(kib * 1024.0);
    }
}

/// Notes that a leader answered a heartbeat.
pub(crate) fn leader_answered(at_ms: TimestampMs) {
    gauge!(LAST_CONTACT).set(at_ms as f64 / 1000.0);
}

/// Counts an attempt that ended for the cluster with `outcome`, one of [`OUTCOMES`], after it had its slot for `took`.
pub(crate) fn attempt_ended(kind: TaskKind, outcome: &'static str, took: Duration) {
    static WASTED_PARTS: [Seconds; OUTCOMES.len()] = [const { Seconds::new() }; OUTCOMES.len()];
    counter!(ATTEMPTS, "kind" => kind.name(), "outcome" => outcome).increment(1);
    let place = OUTCOMES.iter().position(|known| *known == outcome).unwrap_or_default();
    if place > 0 {
        counter!(WASTED, "reason" => outcome).increment(WASTED_PARTS[place].add(took));
    }
}

fn stages(kind: TaskKind, stages: &StageTimes) {
    static PARTS: [[[Seconds; 2]; Stage::ALL.len()]; 2] =
        [const { [const { [const { Seconds::new() }; 2] }; Stage::ALL.len()] }; 2];
    for stage in Stage::ALL {
        let time = stages.of(stage);
        let parts = &PARTS[kind as usize][stage as usize];
        for (clock, time, part) in [("wall", time.wall, &parts[0]), ("cpu", time.cpu, &parts[1])] {
            counter!(STAGE_SECONDS, "kind" => kind.name(), "stage" => stage.name(), "clock" => clock)
                .increment(part.add(time));
        }
    }
}

/// Records an attempt's compute time and result.
pub(crate) fn attempt_computed(kind: TaskKind, outcome: &AttemptOutcome, took: Duration) {
    histogram!(ATTEMPT_SECONDS, "kind" => kind.name()).record(took.as_secs_f64());
    match outcome {
        AttemptOutcome::Mapped(report) => {
            counter!(READ_BYTES).increment(report.books.bytes_read);
            counter!(POINTS, "kind" => kind.name()).increment(report.books.points_read);
            counter!(SPILLS).increment(report.spills.into());
            counter!(QUARANTINED).increment(report.books.frames_quarantined);
            stages(kind, &report.stages);
        }
        AttemptOutcome::Reduced(report) => {
            counter!(POINTS, "kind" => kind.name()).increment(report.books.points_written);
            stages(kind, &report.stages);
        }
        AttemptOutcome::Failed(_) => {}
    }
}

/// Sets the number of slots that compute.
pub(crate) fn busy_slots(count: usize) {
    gauge!(BUSY_SLOTS).set(count as f64);
}

/// Counts a lost lease.
pub(crate) fn lease_lost() {
    counter!(LEASES_LOST).increment(1);
}

/// Sets the gauge for an unfit worker.
pub(crate) fn unfit(is_unfit: bool) {
    gauge!(UNFIT).set(if is_unfit { 1.0 } else { 0.0 });
}

/// Finished attempt whose report has not reached the leader; counted for as long as this lives.
#[derive(Debug)]
pub(crate) struct HeldCompletion;

impl HeldCompletion {
    /// Counts one more held completion.
    pub(crate) fn begin() -> Self {
        gauge!(HELD_COMPLETIONS).increment(1.0);
        Self
    }
}

impl Drop for HeldCompletion {
    fn drop(&mut self) {
        gauge!(HELD_COMPLETIONS).decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_second_are_counted_once_they_make_a_whole_one() {
        let seconds = Seconds::new();
        let counted = [400, 400, 400, 2900, 0, 900].map(|ms| seconds.add(Duration::from_millis(ms)));
        assert_eq!(counted, [0, 0, 1, 3, 0, 1], "1.2 s, then 4.1 s, then 5.0 s");
    }
}
