//! Metrics of the coordinator. Ids are not used as labels, because there is no limit to their number; shards are named up to
//! a limit.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use metrics::{describe_counter, describe_gauge, describe_histogram};
use model::limits::SHARED_SHARDS;
use model::{Invariant, ShardId, TaskKind};

/// Counter of broken invariants, by id.
pub const VIOLATIONS: &str = "tailor_invariant_violations_total";

/// Counter of the segment bytes that were committed, by shard.
const SHARD_BYTES: &str = "tailor_shard_input_bytes_total";

/// Most organisations' own shards that a process tells apart in its metrics, as many as there are shared ones; further
/// ones share a series, because a series is kept for good.
const OWN_SHARDS_NAMED_MAX: usize = SHARED_SHARDS as usize;

/// Describes each metric; call it once.
pub(crate) fn describe() {
    describe_gauge!("tailor_is_leader", "1 while this coordinator leads");
    describe_gauge!(
        crate::leader::WORKERS_WANTED,
        "Workers that the open work needs, by pool: a total, for an autoscaler; 0 unless this coordinator leads"
    );
    describe_counter!("tailor_shards_total", "Shards that have ended, by state");
    describe_histogram!("tailor_shard_seconds", "Time from the first attempt of a shard to its end, by state");
    describe_counter!(SHARD_BYTES, "Segment bytes of the shards that were committed, by shard, without replays");
    describe_histogram!("tailor_commit_seconds", "Time of a commit, from its turn to its manifest");
    describe_histogram!(
        "tailor_leader_loop_seconds",
        "Time of a turn of the leader's loop, in which nothing else is served"
    );
    describe_counter!("tailor_tasks_done_total", "Tasks whose completion was recorded, by kind");
    describe_counter!("tailor_completions_refused_total", "Completions of attempts that no longer held their task");
    describe_counter!("tailor_reports_refused_total", "Reports that could not be of their attempt and its plan");
    describe_counter!("tailor_strangers_refused_total", "Requests that carried another secret than their worker's");
    describe_counter!("tailor_calls_refused_total", "Calls refused for their caller, or for the place that they name");
    describe_counter!("tailor_handshakes_refused_total", "TLS handshakes that failed");
    describe_counter!(
        "tailor_audit_objects_lost_total",
        "Entries of the audit log that could not be written as objects"
    );
    describe_counter!("tailor_connections_shed_total", "Connections beyond what is served at once");
    describe_counter!("tailor_requests_shed_total", "Requests beyond what is served at once, by gate");
    describe_counter!("tailor_workers_lost_total", "Workers whose lease ended while they did not drain");
    describe_counter!("tailor_garbage_objects_total", "Objects that the collector removed");
    describe_counter!("tailor_uploads_aborted_total", "Uploads that nobody finished, aborted");
    describe_counter!(
        "tailor_event_lines_dropped_total",
        "Lines of jobs' event logs that were dropped: the store was away too long, or the log too large"
    );
    describe_counter!(
        VIOLATIONS,
        "Promises that did not hold, by the id that the documents give them; one is too many"
    );
    for invariant in Invariant::ALL {
        metrics::counter!(VIOLATIONS, "id" => invariant.id()).absolute(0);
    }
    storage::describe_metrics();
    crate::leader::describe_gauges();
    for kind in [TaskKind::Map, TaskKind::Reduce] {
        metrics::counter!("tailor_tasks_done_total", "kind" => kind.name()).absolute(0);
    }
    // A histogram is served from the moment that it is named.
    drop(metrics::histogram!("tailor_commit_seconds"));
    drop(metrics::histogram!("tailor_leader_loop_seconds"));
    for state in ["done", "failed", "cancelled"] {
        drop(metrics::histogram!("tailor_shard_seconds", "state" => state));
        metrics::counter!("tailor_shards_total", "state" => state).absolute(0);
    }
    // From the start, so that the first commit is seen as a step.
    for shard in (0..SHARED_SHARDS as u8).map(ShardId::Shared) {
        count_shard_bytes(shard, 0);
    }
    count_bytes("other".to_owned(), 0);
    for gate in crate::service::GATES.into_iter().chain([crate::service::MAILBOX]) {
        metrics::counter!("tailor_requests_shed_total", "gate" => gate).absolute(0);
    }
    for reason in crate::access::REFUSALS {
        metrics::counter!("tailor_calls_refused_total", "reason" => reason).absolute(0);
    }
    metrics::gauge!("tailor_is_leader").set(0.0);
    for name in [
        "tailor_completions_refused_total",
        "tailor_reports_refused_total",
        "tailor_strangers_refused_total",
        "tailor_handshakes_refused_total",
        "tailor_audit_objects_lost_total",
        "tailor_connections_shed_total",
        "tailor_workers_lost_total",
        "tailor_garbage_objects_total",
        "tailor_uploads_aborted_total",
        "tailor_event_lines_dropped_total",
    ] {
        metrics::counter!(name).absolute(0);
    }
}

/// Counts a broken invariant and logs it. Nothing that relies on it becomes visible, and an operator must look into
/// it.
pub(crate) fn violated(invariant: Invariant, what: &str) {
    tracing::error!(%invariant, what, "found an invariant broken; see docs/reliability.md, and report this");
    metrics::counter!(VIOLATIONS, "id" => invariant.id()).increment(1);
}

/// Counts the segment bytes of a shard that was committed; 0 begins its series.
pub(crate) fn count_shard_bytes(shard: ShardId, bytes: u64) {
    static NAMED: Mutex<BTreeSet<ShardId>> = Mutex::new(BTreeSet::new());
    let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
    count_bytes(shard_label(&mut named, shard), bytes);
}

fn count_bytes(label: String, bytes: u64) {
    metrics::counter!(SHARD_BYTES, "shard" => label).increment(bytes);
}

/// Returns the label of a shard: its name, or `other` for organisations' own shards beyond [`OWN_SHARDS_NAMED_MAX`].
fn shard_label(named: &mut BTreeSet<ShardId>, shard: ShardId) -> String {
    let is_named = match shard {
        ShardId::Shared(_) => true,
        ShardId::Dedicated(_) => named.contains(&shard) || named.len() < OWN_SHARDS_NAMED_MAX && named.insert(shard),
    };
    if is_named { shard.to_string() } else { "other".to_owned() }
}

#[cfg(test)]
mod tests {
    use model::OrgId;

    use super::*;

    #[test]
    fn the_shards_that_are_told_apart_are_bounded_whatever_a_job_names() {
        let mut named = BTreeSet::new();
        let labels: BTreeSet<_> =
            (0..100_000).map(|org| shard_label(&mut named, ShardId::Dedicated(OrgId(org)))).collect();
        assert_eq!(labels.len(), OWN_SHARDS_NAMED_MAX + 1);
        let label = |named: &mut _, org| shard_label(named, ShardId::Dedicated(OrgId(org)));
        assert_eq!((label(&mut named, 3), label(&mut named, 70_000)), ("org-3".to_owned(), "other".to_owned()));
        assert_eq!(shard_label(&mut named, ShardId::Shared(7)), "org-mod-07");
    }
}
