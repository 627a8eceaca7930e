//! Turns segments and settings into a shard's plan. The function is pure, and the number of workers is left out on
//! purpose, so that the same input gives the same plan on every cluster.

use model::limits::{MAP_TASKS_PER_SHARD_MAX, PARTITIONS_PER_SHARD_MAX};
use model::{ByteRange, JobId, JobSettings, MapTask, SegmentList, ShardId, ShardPlan, Split};

/// Plans a shard. Segments are put in key order, which with the offset inside one is source order.
///
/// A segment larger than a split is cut at multiples of the split's size, one map task each; smaller ones are packed
/// together whole, neighbours in source order, so that the map tasks themselves are in source order (PL-1).
pub fn plan_shard(job: JobId, shard: ShardId, settings: JobSettings, segments: impl Into<SegmentList>) -> ShardPlan {
    let segments = segments.into();
    let bytes = segments.total_bytes();
    let split_bytes = settings.split_bytes.0.max(bytes.div_ceil(MAP_TASKS_PER_SHARD_MAX as u64)).max(1);
    let partitions = if bytes == 0 {
        0
    } else {
        let wanted = bytes.div_ceil(settings.partition_bytes.0.max(1));
        u32::try_from(wanted).unwrap_or(u32::MAX).clamp(1, PARTITIONS_PER_SHARD_MAX)
    };
    let map_tasks = cut(&segments, split_bytes);
    ShardPlan { job, shard, settings, segments, map_tasks, partitions }
}

fn cut(segments: &SegmentList, split_bytes: u64) -> Vec<MapTask> {
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
        if packed_bytes + segment.size > split_bytes {
            seal(&mut packed, &mut tasks);
            packed_bytes = 0;
        }
        if segment.size <= split_bytes {
            packed.push(Split { segment: position, range: ByteRange::new(0, segment.size) });
            packed_bytes += segment.size;
            continue;
        }
        let starts = (0..segment.size).step_by(usize::try_from(split_bytes).unwrap_or(usize::MAX));
        for start in starts {
            let range = ByteRange::new(start, segment.size.min(start.saturating_add(split_bytes)));
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
