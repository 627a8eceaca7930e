//! Main property of the engine: for any input, splits, workers and order, the parts hold what the input gives, and
//! they are the same bytes (DT-3).

mod cases;
mod place;
mod rare_paths;

use std::collections::BTreeMap;

use format::manifest::RollupEntry;
use model::digest::Digest;
use model::{Books, ObjectEntry, ShardId};
use proptest::prelude::*;
use scheduler::ShardEnd;
use tests::executor::{Execution, execute};
use tests::expected::{self, InputCounts};
use tests::found;
use tests::segments::Sent;

use cases::{Case, Run, case, run};
use place::Place;

/// Splits of one case, roughly; more cost time and show nothing new.
const SPLITS_MAX: u64 = 200;

/// A case runs the engine three times, so a fifth of the usual number is run; `PROPTEST_CASES` can still ask for
/// more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 5, max_shrink_iters: 400, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_parts_hold_what_the_input_gives_whoever_ran_it_and_however(case in case(), runs in [run(), run()]) {
        let place = Place::of(&case.segments);
        let executions = runs.map(|run| run_by_hand(&place, &case, &run));
        for execution in &executions {
            check_against_what_was_sent(&place, &case, execution);
        }
        let [one, other] = executions.map(|execution| summary(&execution));
        prop_assert_eq!(&one, &other, "DT-3: two executions differ");
        let threads = runs[0].conditions.workers;
        prop_assert_eq!(&place.run_embedded(&case, threads), &one, "DT-3: the threads of one process give something else");
        place.verify();
    }
}

/// Runs the case with the harness' executor.
fn run_by_hand(place: &Place, case: &Case, run: &Run) -> Execution {
    let bytes: usize = case.segments.iter().map(|segment| segment.bytes().len()).sum();
    let plans = place.plan(case, run.split_bytes.max(bytes as u64 / SPLITS_MAX));
    place.forget_runs();
    execute(plans, &place.stores(run.access), &place.shard_map, run.conditions)
}

/// Result on which two executions of a case must agree.
#[derive(Debug, PartialEq)]
pub(crate) enum Summary {
    /// The shard failed; the cause may be any of several.
    Failed,
    /// Books, and the digests of raw part and rollups by partition.
    Done(Books, Vec<Vec<Digest>>),
}

fn summary(execution: &Execution) -> BTreeMap<ShardId, Summary> {
    let summary = |(shard, (end, output)): (&ShardId, &(Option<ShardEnd>, Option<Box<_>>))| {
        let output: Option<&scheduler::ShardOutput> = output.as_deref();
        let summary = match (end, output) {
            (Some(ShardEnd::Done { .. }), Some(output)) => {
                let partitions = output.partitions.iter().map(|(_, _, report)| digests(&report.raw, &report.rollups));
                Summary::Done(output.books.clone(), partitions.collect())
            }
            _ => Summary::Failed,
        };
        (*shard, summary)
    };
    execution.shards.iter().map(summary).collect()
}

fn digests<'a>(raw: &'a Option<ObjectEntry>, rollups: &'a [RollupEntry]) -> Vec<Digest> {
    let objects = raw.iter().chain(rollups.iter().map(|rollup| &rollup.object));
    objects.map(|object| object.digest).collect()
}

/// Compares each shard's parts and books with a plain computation over the sent messages.
fn check_against_what_was_sent(place: &Place, case: &Case, execution: &Execution) {
    for (shard, segments) in case.by_shard() {
        let (end, output) = &execution.shards[&shard];
        let (expected, counts) = expected::output(&case.settings, &segments);
        let has_garbage =
            segments.iter().any(|segment| segment.sent.iter().any(|sent| matches!(sent, Sent::Garbage(_))));
        let shard_bytes = segments.iter().map(|segment| segment.bytes().len() as u64).sum();
        let is_over = counts.frames_quarantined > case.bad_frames_allowed()
            || counts.bytes_quarantined > case.settings.bad_bytes_max.bytes_of(shard_bytes);
        match (end, output) {
            (Some(ShardEnd::Done { .. }), Some(output)) => {
                // Only the dataset's own oracle, which reads the segments again, can tell how many bytes are lost
                // with garbage.
                if has_garbage {
                    continue;
                }
                assert!(!is_over, "{shard} is done over {} bad frames", counts.frames_quarantined);
                let map = &output.books.map;
                let found = InputCounts {
                    frames_routed: map.frames_routed,
                    frames_quarantined: map.frames_quarantined,
                    bytes_quarantined: map.bytes_quarantined,
                    points_read: map.points_read,
                    points_early: map.points_early,
                    points_late: map.points_late,
                };
                assert_eq!(found, counts, "the books of {shard}");
                let reports = output.partitions.iter().map(|(_, _, report)| report);
                let found = place.wait(found::output(&place.dataset, reports)).expect("the parts are sound");
                assert_eq!(found, expected, "the parts of {shard}");
            }
            (Some(ShardEnd::Failed { cause }), None) => {
                assert!(is_over || has_garbage, "{shard} failed over nothing: {cause}");
            }
            other => panic!("{shard} ended as {other:?}"),
        }
    }
}
