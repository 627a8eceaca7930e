//! Metrics of a worker.
//!
//! | metric | what |
//! |---|---|
//! | `tailor_worker_attempts_total{kind,outcome}` | attempts that ended: counts, refused, failed, cancelled, handed-back |
//! | `tailor_worker_attempt_seconds{kind}` | compute time of an attempt |
//! | `tailor_worker_read_bytes_total` | segment bytes read by map attempts that finished |
//! | `tailor_worker_points_total{kind}` | points read by map attempts, written by reduce attempts |
//! | `tailor_worker_spills_total` | spills of a full shuffle buffer |
//! | `tailor_worker_busy_slots` | slots that compute |
//! | `tailor_worker_held_completions` | finished attempts whose report has not reached the leader |
//! | `tailor_worker_leases_lost_total` | leases that were lost, with all their attempts |
//! | `tailor_worker_unfit` | 1 while the worker takes no work because its machine cannot do it |

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use model::TaskKind;

use crate::slot::AttemptOutcome;

const ATTEMPTS: &str = "tailor_worker_attempts_total";
const ATTEMPT_SECONDS: &str = "tailor_worker_attempt_seconds";
const READ_BYTES: &str = "tailor_worker_read_bytes_total";
const POINTS: &str = "tailor_worker_points_total";
const SPILLS: &str = "tailor_worker_spills_total";
const BUSY_SLOTS: &str = "tailor_worker_busy_slots";
const HELD_COMPLETIONS: &str = "tailor_worker_held_completions";
const LEASES_LOST: &str = "tailor_worker_leases_lost_total";
const UNFIT: &str = "tailor_worker_unfit";

/// Registers the description of each metric.
pub fn describe() {
    describe_counter!(ATTEMPTS, "Attempts that ended, by kind of task and outcome");
    describe_histogram!(ATTEMPT_SECONDS, "How long an attempt computed, by kind of task");
    describe_counter!(READ_BYTES, "Segment bytes read by map attempts that finished");
    describe_counter!(POINTS, "Points read by map attempts and written by reduce attempts that finished");
    describe_counter!(SPILLS, "How often a shuffle buffer was full");
    describe_gauge!(BUSY_SLOTS, "Slots that compute");
    describe_gauge!(HELD_COMPLETIONS, "Finished attempts that the leader has not heard of, for it is away");
    describe_counter!(LEASES_LOST, "Leases that were lost, and all attempts with them");
    describe_gauge!(UNFIT, "1 while no work is taken, for the machine cannot do it");
    storage::describe_metrics();
}

/// Counts an attempt that ended for the cluster with `outcome`.
pub(crate) fn attempt_ended(kind: TaskKind, outcome: &'static str) {
    counter!(ATTEMPTS, "kind" => name(kind), "outcome" => outcome).increment(1);
}

/// Records an attempt's compute time and result.
pub(crate) fn attempt_computed(kind: TaskKind, outcome: &AttemptOutcome, took: Duration) {
    histogram!(ATTEMPT_SECONDS, "kind" => name(kind)).record(took.as_secs_f64());
    match outcome {
        AttemptOutcome::Mapped(report) => {
            counter!(READ_BYTES).increment(report.books.bytes_read);
            counter!(POINTS, "kind" => name(kind)).increment(report.books.points_read);
            counter!(SPILLS).increment(report.spills.into());
        }
        AttemptOutcome::Reduced(report) => {
            counter!(POINTS, "kind" => name(kind)).increment(report.books.points_written)
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

const fn name(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Map => "map",
        TaskKind::Reduce => "reduce",
    }
}
