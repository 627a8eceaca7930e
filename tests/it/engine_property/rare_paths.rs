//! Paths that production reaches only with billions of points, forced with a handful; some of them at production
//! limits.

use std::time::Duration;

use model::limits::{CHUNK_POINTS_MAX, MERGE_FAN_IN_MAX, OVERLAP_POINTS_MAX};
use model::{ByteSize, DuplicateRule, JobSettings, SeriesKey, ShardId};
use storage::segment::SegmentAccess;
use tests::kept::Removal;
use tests::segments::{Message, Sent, SentSegment, decoy_frames};
use worker::SlotLimits;

use super::cases::{Case, Run};
use super::check_against_what_was_sent;
use super::place::{Execution, Place};

const SHARD: ShardId = ShardId::Shared(1);

/// Limits of production.
const ROOMY: SlotLimits = SlotLimits::within(64 << 20);

fn message(start: i64, step: i64, count: i64, value: i64) -> Message {
    let points = (0..count).map(|at| (start + at * step, ((value * 1000 + at) as f64).to_bits()));
    Message { key: SeriesKey::new(1, 1), points: points.collect(), metadata: Vec::new(), is_stored: false }
}

fn case(duplicates: DuplicateRule, messages: impl IntoIterator<Item = Message>) -> Case {
    let sent = messages.into_iter().map(Sent::Payload).collect();
    let settings = JobSettings {
        duplicates,
        rollups: vec!["1s".parse().expect("a step")],
        partition_bytes: ByteSize(1 << 30),
        ..JobSettings::default()
    };
    Case { segments: vec![SentSegment { key: format!("shard={SHARD}/0.seg"), sent }], settings }
}

/// Runs the case on two workers, and compares its output with the sent messages.
fn check(case: &Case, split_bytes: u64, limits: SlotLimits) -> (Place, Execution) {
    let place = Place::of(&case.segments);
    let execution = place.run("rare", case, &Run { split_bytes, access: SegmentAccess::Auto, workers: 2, limits });
    check_against_what_was_sent(case, &execution);
    (place, execution)
}

/// Counts the slices of the only partition, in runs that count and in others.
fn layers(execution: &Execution) -> u32 {
    let runs = execution.runs(SHARD);
    runs.iter().flat_map(|run| run.slices()).map(|slice| slice.layer + 1).max().unwrap_or(0)
}

#[test]
fn a_series_that_overlaps_itself_beyond_a_limit_is_spilled_in_layers() {
    for (_, rule) in DuplicateRule::ALL {
        // Two ranges of time, each sent over and over, with another series in between.
        let again = (0..12).flat_map(|sent| [message(0, 2, 30, sent), message(1000, 1, 30, sent)]);
        let other = Message { key: SeriesKey::new(1, 2), ..message(0, 1, 10, 1) };
        let case = case(rule, again.chain([other]));
        let limits = SlotLimits { overlap_points_max: 70, ..ROOMY };
        let (_place, execution) = check(&case, 1 << 30, limits);
        assert!(layers(&execution) > 3, "{rule}: {} layers", layers(&execution));
    }
}

#[test]
fn a_series_beyond_the_limit_of_production_is_spilled_in_layers() {
    let chunk = CHUNK_POINTS_MAX as i64;
    let payloads = OVERLAP_POINTS_MAX as i64 / chunk + 3;
    let case = case(DuplicateRule::Max, (0..payloads).map(|sent| message(sent, 3, chunk, sent * 7919 % 101)));
    let (_place, execution) = check(&case, 1 << 30, ROOMY);
    assert_eq!(layers(&execution), 2);
}

#[test]
fn more_slices_than_one_merge_reads_are_merged_in_groups() {
    for (_, rule) in DuplicateRule::ALL {
        let case = case(rule, (0..30).map(|sent| message(sent % 5, 1, 20, sent)));
        let limits = SlotLimits { merge_fan_in_max: 2, ..ROOMY };
        let (_place, execution) = check(&case, 40, limits);
        assert!(execution.runs(SHARD).len() >= 30, "a run for each frame");
        assert!(execution.shard(SHARD).attempts > 30);
    }
}

#[test]
fn more_slices_than_one_merge_reads_in_production_are_merged_in_groups() {
    let payloads = MERGE_FAN_IN_MAX as i64 + 20;
    let sent: Vec<_> = (0..payloads).map(|sent| message(sent * 5 % 100, 1, 20, sent)).collect();
    let case = case(DuplicateRule::Last, sent);
    // A spill after each frame, so that every frame leaves a slice.
    let limits = SlotLimits { memory_bytes: 1, map_batch_bytes: 1, ..ROOMY };
    let (_place, execution) = check(&case, 1 << 30, limits);
    let spills: u32 = execution.map_reports(SHARD).iter().map(|report| report.spills).sum();
    assert!(spills as usize > MERGE_FAN_IN_MAX);
}

#[test]
fn however_often_a_map_attempt_spills_its_run_has_one_slice_for_each_partition() {
    for (_, rule) in DuplicateRule::ALL {
        // Forty series, sent in turn, each payload over the end of the one before.
        let sent =
            (0..400).map(|at| Message { key: SeriesKey::new(1, at as u64 % 40 + 1), ..message(at * 7, 1, 90, at) });
        let mut case = case(rule, sent);
        case.settings.partition_bytes = ByteSize(4 << 10);
        let limits = SlotLimits { memory_bytes: 1, map_batch_bytes: 1, ..ROOMY };
        let (_place, execution) = check(&case, 1 << 30, limits);
        let spills: u32 = execution.map_reports(SHARD).iter().map(|report| report.spills).sum();
        assert!(spills >= 400, "{spills} spills");
        let runs = execution.runs(SHARD);
        assert_eq!(runs.len(), 1);
        let partitions: Vec<_> = runs[0].slices().iter().map(|slice| slice.partition).collect();
        assert!(partitions.len() > 1 && partitions.is_sorted_by(|one, next| one < next), "{partitions:?}");
        let ends = runs[0].slices().windows(2).all(|pair| pair[0].offset + pair[0].len == pair[1].offset);
        assert!(ends, "slices lie in the order of partitions");
    }
}

#[test]
fn a_duplicate_at_the_edge_of_a_batch_is_settled_by_every_rule() {
    let chunk = CHUNK_POINTS_MAX as i64;
    for (_, rule) in DuplicateRule::ALL {
        for batch in [1, 2, CHUNK_POINTS_MAX - 1, CHUNK_POINTS_MAX, CHUNK_POINTS_MAX + 1, 2 * CHUNK_POINTS_MAX] {
            // Each payload begins with the last instant of the one before; the last three have a single instant.
            let hot = (0..6).map(|sent| message(sent * (chunk - 1), 1, chunk, sent));
            let still = (0..3).map(|sent| message(6 * (chunk - 1), 0, chunk, sent));
            let after = Message { key: SeriesKey::new(1, 2), ..message(0, 1, 3, 9) };
            let case = case(rule, hot.chain(still).chain([after]));
            let (_place, execution) = check(&case, 1 << 30, SlotLimits { reduce_batch_points: batch, ..ROOMY });
            assert!(execution.shard(SHARD).attempts >= 2);
        }
    }
}

#[test]
fn frames_inside_a_payload_mislead_a_split_and_the_stitch_runs_it_again() {
    let misleading = |sent| Message { metadata: decoy_frames(), is_stored: true, ..message(sent, 1, 3, sent) };
    let case = case(DuplicateRule::Keep, (0..8).map(misleading));
    let (_place, execution) = check(&case, 100, ROOMY);
    let shard = execution.shard(SHARD);
    let tasks = shard.map_tasks as u32 + shard.partitions;
    assert!(shard.attempts > tasks, "a split believed in the frames inside a payload");
}

#[test]
fn a_job_that_has_ended_leaves_no_run_behind_however_slow_its_store_removes_them() {
    let case = case(DuplicateRule::Last, (0..4).map(|sent| message(sent, 1, 20, sent)));
    let place = Place::of(&case.segments);
    let run = Run { split_bytes: 1 << 30, access: SegmentAccess::Auto, workers: 2, limits: ROOMY };
    let execution = place.run_over("slow", &case, &run, Removal::After(Duration::from_millis(200)));
    check_against_what_was_sent(&case, &execution);
    assert_eq!(execution.runs(SHARD).len(), 0);
}
