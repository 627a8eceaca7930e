//! Turns segments and settings into a shard's plan. The function is pure, and the number of workers is left out on
//! purpose, so that the same input gives the same plan on every cluster.

use model::limits::{MAP_TASKS_PER_SHARD_MAX, PARTITIONS_PER_SHARD_MAX, SPLITS_PER_TASK_MAX};
use model::{ByteRange, JobId, JobSettings, MapTask, SegmentList, ShardId, ShardPlan, Split};

/// Segment bytes whose points one slice holds, if the planner is free to choose: a run has a slice for each partition,
/// and a reduce task reads each with a request of its own. Packed columns take about three eighths of their frames, so
/// a slice has about 1.5 MiB, and a shard of any size has one for each 4 MiB that it reads.
pub const SLICE_SEGMENT_BYTES: u64 = 4 << 20;

/// Plans a shard. Segments are put in key order, which with the offset inside one is source order.
///
/// A segment larger than a split is cut into pieces, one map task each; smaller ones are packed together whole,
/// neighbours in source order, so that the map tasks themselves are in source order (PL-1).
pub fn plan_shard(job: JobId, shard: ShardId, settings: JobSettings, segments: impl Into<SegmentList>) -> ShardPlan {
    let segments = segments.into();
    let Sizes { split_bytes, fit, partitions } = Sizes::of(&settings, segments.total_bytes());
    let map_tasks = cut(&segments, split_bytes, fit);
    ShardPlan { job, shard, settings, segments, map_tasks, partitions }
}

/// Sizes of a shard's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sizes {
    split_bytes: u64,
    fit: Fit,
    partitions: u32,
}

/// Rule for the difference between a task and the size that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// No task is larger than the bound, and a segment's last piece is its rest.
    AtMost,
    /// Tasks are as near to the size as whole segments and equal pieces allow: none leaves a run of small slices.
    Nearest,
}

impl Sizes {
    /// Chooses the sizes for a shard of `bytes`.
    ///
    /// A target that is not the default is met exactly. A default is a least size: beyond, splits and partitions grow
    /// together with the square root of the shard, so that the slices, one for each pair of them, grow in number like
    /// the shard.
    fn of(settings: &JobSettings, bytes: u64) -> Self {
        let (split, partition) = (settings.split_bytes, settings.partition_bytes);
        let balanced = || (u128::from(bytes) * u128::from(SLICE_SEGMENT_BYTES) / 2).isqrt() as u64;
        let partition_bytes =
            if partition == JobSettings::PARTITION_BYTES { partition.0.max(balanced()) } else { partition.0.max(1) };
        let partitions = match bytes.div_ceil(partition_bytes) {
            0 => 0,
            wanted => u32::try_from(wanted).unwrap_or(u32::MAX).clamp(1, PARTITIONS_PER_SHARD_MAX),
        };
        let (wanted, fit) = if split == JobSettings::SPLIT_BYTES {
            (split.0.max(u64::from(partitions) * SLICE_SEGMENT_BYTES), Fit::Nearest)
        } else {
            (split.0, Fit::AtMost)
        };
        let split_bytes = wanted.max(bytes.div_ceil(MAP_TASKS_PER_SHARD_MAX as u64)).max(1);
        Self { split_bytes, fit, partitions }
    }
}

impl Fit {
    /// True if a segment of `size` fits to `packed` bytes of others in a task of `split_bytes`.
    fn takes(self, packed: u64, size: u64, split_bytes: u64) -> bool {
        match self {
            Self::AtMost => packed.saturating_add(size) <= split_bytes,
            Self::Nearest => packed.saturating_add(size) <= split_bytes.saturating_add(size.min(split_bytes) / 2),
        }
    }

    /// Returns the bytes of each piece of a segment of `size` that is too large for one task.
    fn piece_bytes(self, size: u64, split_bytes: u64) -> u64 {
        match self {
            Self::AtMost => split_bytes,
            Self::Nearest => size.div_ceil((size + split_bytes / 2) / split_bytes),
        }
    }
}

fn cut(segments: &SegmentList, split_bytes: u64, fit: Fit) -> Vec<MapTask> {
    let mut tasks = Vec::new();
    let mut packed: Vec<Split> = Vec::new();
    let mut packed_bytes = 0;
    let seal = |packed: &mut Vec<Split>, tasks: &mut Vec<MapTask>| {
        if !packed.is_empty() {
            tasks.push(MapTask::of(std::mem::take(packed)));
        }
    };
    for (position, segment) in segments.iter().enumerate().filter(|(_, segment)| segment.size > 0) {
        let position = position as u32;
        if !fit.takes(packed_bytes, segment.size, split_bytes) || packed.len() == SPLITS_PER_TASK_MAX {
            seal(&mut packed, &mut tasks);
            packed_bytes = 0;
        }
        if fit.takes(0, segment.size, split_bytes) {
            packed.push(Split { segment: position, range: ByteRange::new(0, segment.size) });
            packed_bytes += segment.size;
            continue;
        }
        let piece_bytes = fit.piece_bytes(segment.size, split_bytes);
        let starts = (0..segment.size).step_by(usize::try_from(piece_bytes).unwrap_or(usize::MAX));
        for start in starts {
            let range = ByteRange::new(start, segment.size.min(start.saturating_add(piece_bytes)));
            tasks.push(MapTask::of(vec![Split { segment: position, range }]));
        }
    }
    seal(&mut packed, &mut tasks);
    tasks
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{ByteSize, SegmentRef};
    use proptest::prelude::*;

    use super::*;

    fn plan(sizes: &[u64], split_bytes: u64) -> ShardPlan {
        let segment = |(at, size): (usize, &u64)| SegmentRef { key: format!("{at:05}.seg"), size: *size, etag: None };
        let settings = JobSettings { split_bytes: ByteSize(split_bytes), ..JobSettings::default() };
        let job = "j".parse().expect("a job name");
        plan_shard(job, ShardId::Shared(1), settings, sizes.iter().enumerate().map(segment).collect::<Vec<_>>())
    }

    fn shown(plan: &ShardPlan) -> String {
        let task = |task: &MapTask| {
            let splits = task.splits().map(|split| format!("{}:{}", split.segment, split.range));
            splits.collect::<Vec<_>>().join("+")
        };
        plan.map_tasks.iter().map(task).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn small_segments_are_packed_and_large_ones_are_cut() {
        assert_eq!(
            shown(&plan(&[3, 4, 5, 0, 25, 2], 10)),
            "0:0..3+1:0..4 | 2:0..5 | 4:0..10 | 4:10..20 | 4:20..25 | 5:0..2"
        );
        assert_eq!(shown(&plan(&[], 10)), "");
        assert_eq!(plan(&[], 10).partitions, 0);
    }

    const GIB: u64 = 1 << 30;

    fn of_defaults(sizes: &[u64]) -> ShardPlan {
        plan(sizes, JobSettings::SPLIT_BYTES.0)
    }

    /// Counts map tasks, partitions, and segment bytes for each slice of a shard of `bytes` in so many segments.
    fn shape(bytes: u64, segments: u64) -> (usize, u32, u64) {
        let plan = of_defaults(&vec![bytes / segments; segments as usize]);
        let (maps, partitions) = (plan.map_tasks.len(), plan.partitions);
        (maps, partitions, bytes / (maps as u64 * u64::from(partitions)))
    }

    #[test]
    fn slices_grow_in_number_like_the_shard_and_not_like_its_square() {
        assert_eq!(shape(GIB / 2, 512), (8, 16, SLICE_SEGMENT_BYTES), "up to here, both sizes are the defaults");
        for bytes in [GIB, 8 * GIB, 100 * GIB, 1200 * GIB, 12_000 * GIB] {
            for segments in [1, 3, 64, 1000, 8192, 20_000] {
                let (maps, partitions, slice) = shape(bytes, segments);
                let found =
                    format!("{bytes} in {segments} segments: {maps} map tasks, {partitions} partitions, {slice}");
                assert!(maps <= MAP_TASKS_PER_SHARD_MAX, "{found}");
                assert!((SLICE_SEGMENT_BYTES * 2 / 3..SLICE_SEGMENT_BYTES * 3 / 2).contains(&slice), "{found}");
            }
        }
    }

    #[test]
    fn a_size_that_was_asked_for_is_met_in_a_shard_of_any_size() {
        let settings = |split: u64, partition: u64| JobSettings {
            split_bytes: ByteSize(split << 20),
            partition_bytes: ByteSize(partition << 20),
            ..JobSettings::default()
        };
        let of = |split, partition, bytes| Sizes::of(&settings(split, partition), bytes);
        let asked = |sizes: Sizes| (sizes.split_bytes >> 20, sizes.partitions);
        assert_eq!(asked(of(65, 33, 33 * GIB)), (65, 1024));
        assert_eq!(asked(of(64, 33, 33 * GIB)), (4096, 1024), "1024 partitions of 4 MiB in each run");
        assert_eq!(asked(of(128, 32, 32 * GIB)), (128, 128), "only a default grows");
        assert_eq!(of(64, 32, 0).partitions, 0);
        assert_eq!(of(64, 32, u64::MAX).partitions, 1024, "nothing overflows");
    }

    #[test]
    fn a_segment_leaves_no_small_rest_where_the_planner_chooses_the_size() {
        let mib = 1 << 20;
        let tasks = of_defaults(&[90 * mib, 130 * mib, 60 * mib, 8 * mib]).map_tasks;
        let sizes: Vec<_> = tasks.iter().map(|task| task.bytes() / mib).collect();
        assert_eq!(sizes, [90, 65, 65, 68]);
    }

    #[test]
    fn a_task_reads_no_more_segments_than_its_report_can_name() {
        let tasks = plan(&vec![1; SPLITS_PER_TASK_MAX + 1], 1 << 20).map_tasks;
        assert_eq!(tasks.iter().map(|task| task.splits().count()).collect::<Vec<_>>(), [SPLITS_PER_TASK_MAX, 1]);
    }

    proptest! {
        #[test]
        fn the_planned_ranges_of_a_segment_cover_it_exactly_once(sizes in prop::collection::vec(0u64..1000, 0..20), split in 1u64..300) {
            let plan = plan(&sizes, split);
            let mut covered = BTreeMap::new();
            let splits: Vec<_> = plan.map_tasks.iter().flat_map(|task| task.splits()).collect();
            prop_assert!(splits.is_sorted(), "map tasks are in source order");
            for split in splits {
                let at = covered.entry(split.segment).or_insert(0);
                prop_assert_eq!(*at, split.range.start, "PL-1");
                *at = split.range.end;
            }
            for (position, size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
                prop_assert_eq!(covered.get(&(position as u32)), Some(size), "PL-1");
            }
        }
    }
}
