//! A shard's plan: the immutable list of its tasks. A new plan replaces, never edits.

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, PartitionId, ShardId};
use crate::job::JobSettings;
use crate::range::ByteRange;

/// One immutable input object as it was when the shard was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRef {
    /// Key under the input prefix.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// The store's word for this content; a local store makes it of size and time of change.
    pub etag: Option<String>,
}

/// A byte range of a segment: the input of one map task, or a share of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Position of the segment in the plan's list.
    pub segment: u32,
    /// The planned bytes. The split owns the frames that start in them (PL-2).
    pub range: ByteRange,
}

/// The splits of one map task: whole segments packed together, or one split of a large segment. In source order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MapTask {
    /// In source order; never empty.
    pub splits: Vec<Split>,
}

impl MapTask {
    /// Segment bytes that it reads.
    pub fn bytes(&self) -> u64 {
        self.splits.iter().map(|split| split.range.len()).sum()
    }
}

/// The tasks of one shard: a pure function of the segments and the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardPlan {
    /// The job.
    pub job: JobId,
    /// The shard.
    pub shard: ShardId,
    /// What shapes the output.
    pub settings: JobSettings,
    /// The input, ordered by key: with the offset in a segment, this is source order.
    pub segments: Vec<SegmentRef>,
    /// Map tasks in source order.
    pub map_tasks: Vec<MapTask>,
    /// How many partitions the shuffle has: one reduce task each. 0 where there is nothing to map.
    pub partitions: u32,
}

impl ShardPlan {
    /// Segment bytes of the whole shard.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// The partitions, in order.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions).map(PartitionId)
    }
}
