//! Main property of the engine: for any input, splits, workers and memory, the parts hold what the input gives, and
//! they are the same bytes (DT-3). Lost workers, late completions and any order of answers are the simulation's.

mod cases;
mod place;
mod rare_paths;

use std::collections::BTreeMap;

use format::manifest::PartitionEntry;
use model::digest::Digest;
use model::{Books, ShardId};
use proptest::prelude::*;
use tests::expected::{self, InputCounts};
use tests::found;
use tests::segments::Sent;

use cases::{Case, case, run};
use place::{Execution, Place, wait};

/// A case runs the engine twice, so a fifth of the usual number is run; `PROPTEST_CASES` can still ask for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 5, max_shrink_iters: 400, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_parts_hold_what_the_input_gives_whoever_ran_it_and_however(case in case(), runs in [run(), run()]) {
        let place = Place::of(&case.segments);
        let executions = ["one", "other"].map(|name| {
            let run = if name == "one" { &runs[0] } else { &runs[1] };
            place.run(name, &case, run)
        });
        for execution in &executions {
            check_against_what_was_sent(&case, execution);
            place.verify(execution);
        }
        let [one, other] = executions.each_ref().map(summary);
        prop_assert_eq!(&one, &other, "DT-3: two executions differ");
    }
}

/// Result on which two executions of a case must agree.
#[derive(Debug, PartialEq)]
enum Summary {
    /// The shard failed; the cause may be any of several.
    Failed,
    /// Books, and the digests of raw part and rollups by partition.
    Done(Books, Vec<Vec<Digest>>),
}

fn summary(execution: &Execution) -> BTreeMap<ShardId, Summary> {
    let shards = execution.report.shards.iter().map(|report| {
        let summary = match execution.manifests.get(&report.shard) {
            Some(manifest) => Summary::Done(manifest.books.clone(), manifest.partitions.iter().map(digests).collect()),
            None => Summary::Failed,
        };
        (report.shard, summary)
    });
    shards.collect()
}

fn digests(entry: &PartitionEntry) -> Vec<Digest> {
    let objects = entry.raw.iter().chain(entry.rollups.iter().map(|rollup| &rollup.object));
    objects.map(|object| object.digest).collect()
}

/// Compares each shard's parts and books with a plain computation over the sent messages.
fn check_against_what_was_sent(case: &Case, execution: &Execution) {
    for (shard, segments) in case.by_shard() {
        let report = execution.shard(shard);
        let (expected, counts) = expected::output(&case.settings, &segments);
        let has_garbage =
            segments.iter().any(|segment| segment.sent.iter().any(|sent| matches!(sent, Sent::Garbage(_))));
        let shard_bytes = segments.iter().map(|segment| segment.bytes().len() as u64).sum();
        let is_over = counts.frames_quarantined > case.bad_frames_allowed()
            || counts.bytes_quarantined > case.settings.bad_bytes_max.bytes_of(shard_bytes);
        let Some(manifest) = execution.manifests.get(&shard) else {
            assert!(!report.is_done() && (is_over || has_garbage), "{shard} failed over nothing: {:?}", report.cause);
            continue;
        };
        assert!(report.is_done(), "{shard} has a manifest and ended as {:?}", report.state);
        // Only the dataset's own oracle, which reads the segments again, can tell how many bytes are lost with garbage.
        if has_garbage {
            continue;
        }
        assert!(!is_over, "{shard} is done over {} bad frames", counts.frames_quarantined);
        let map = &manifest.books.map;
        let found = InputCounts {
            frames_routed: map.frames_routed,
            frames_quarantined: map.frames_quarantined,
            bytes_quarantined: map.bytes_quarantined,
            points_read: map.points_read,
            points_early: map.points_early,
            points_late: map.points_late,
        };
        assert_eq!(found, counts, "the books of {shard}");
        let found = wait(found::output(&execution.dataset, &manifest.partitions)).expect("the parts are sound");
        assert_eq!(found, expected, "the parts of {shard}");
    }
}
