//! What the coordinator counts. Ids are no labels: they have no end.

use metrics::{describe_counter, describe_gauge};

/// Says what each metric means, once.
pub(crate) fn describe() {
    describe_gauge!("tailor_is_leader", "1 while this coordinator leads");
    describe_counter!("tailor_shards_total", "Shards that have ended, by state");
    describe_counter!("tailor_completions_refused_total", "Completions of attempts that no longer held their task");
    describe_counter!("tailor_workers_lost_total", "Workers whose lease ended while they did not drain");
    describe_counter!("tailor_garbage_objects_total", "Objects that the collector removed");
    describe_counter!("tailor_uploads_aborted_total", "Uploads that nobody finished, aborted");
    for state in ["done", "failed", "cancelled"] {
        metrics::counter!("tailor_shards_total", "state" => state).absolute(0);
    }
    metrics::gauge!("tailor_is_leader").set(0.0);
    for name in [
        "tailor_completions_refused_total",
        "tailor_workers_lost_total",
        "tailor_garbage_objects_total",
        "tailor_uploads_aborted_total",
    ] {
        metrics::counter!(name).absolute(0);
    }
}
