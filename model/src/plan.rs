//! A shard's plan: the immutable list of its tasks. A new plan replaces, never edits.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, PartitionId, ShardId};
use crate::job::JobSettings;
use crate::range::ByteRange;
use crate::segments::{SegmentList, put_number};

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
///
/// A task may read thousands of small segments and a job millions, so the splits after the first are held as numbers of a
/// few bytes. In JSON it is an array of [`Split`]s.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Split>", into = "Vec<Split>")]
pub struct MapTask {
    first: Split,
    /// Of each whole segment after the first: how much further its position is than that of the one before it, and its
    /// size; LEB128.
    rest: Vec<u8>,
    /// Splits.
    count: u32,
    bytes: u64,
}

impl MapTask {
    /// A task of splits in source order.
    ///
    /// # Panics
    /// Without a split; or with several that are not whole segments, or are out of order (PL-1).
    pub fn of(splits: Vec<Split>) -> Self {
        Self::try_from(splits).expect("a task reads one split, or whole segments in order")
    }

    /// Its splits, in source order.
    pub fn splits(&self) -> impl Iterator<Item = Split> + '_ {
        let mut numbers = Numbers { bytes: &self.rest };
        let rest = (1..self.count).scan(self.first.segment, move |position, _| {
            *position += numbers.next() as u32;
            Some(Split { segment: *position, range: ByteRange::new(0, numbers.next()) })
        });
        std::iter::once(self.first).chain(rest)
    }

    /// Its first split.
    pub const fn first(&self) -> Split {
        self.first
    }

    /// Whether it reads several segments, each of them whole.
    pub const fn is_pack(&self) -> bool {
        self.count > 1
    }

    /// Segment bytes that it reads.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl TryFrom<Vec<Split>> for MapTask {
    type Error = &'static str;

    fn try_from(splits: Vec<Split>) -> Result<Self, Self::Error> {
        let first = *splits.first().ok_or("a map task reads nothing")?;
        if splits.iter().any(|split| split.range.start > split.range.end) {
            return Err("a map task reads a range that ends before it starts");
        }
        let (mut rest, mut last) = (Vec::new(), first);
        for split in &splits[1..] {
            if last.range.start != 0 || split.range.start != 0 || split.segment <= last.segment {
                return Err("a map task reads several splits that are not whole segments in order");
            }
            put_number(&mut rest, u64::from(split.segment - last.segment));
            put_number(&mut rest, split.range.end);
            last = *split;
        }
        rest.shrink_to_fit();
        let bytes = splits.iter().fold(0_u64, |sum, split| sum.saturating_add(split.range.len()));
        Ok(Self { first, rest, count: splits.len() as u32, bytes })
    }
}

impl From<MapTask> for Vec<Split> {
    fn from(task: MapTask) -> Self {
        task.splits().collect()
    }
}

impl fmt::Debug for MapTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.splits()).finish()
    }
}

/// Reads what [`put_number`] put.
struct Numbers<'a> {
    bytes: &'a [u8],
}

impl Numbers<'_> {
    fn next(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        while let Some((byte, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if *byte < 0x80 {
                break;
            }
        }
        number
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
    pub segments: SegmentList,
    /// Map tasks in source order.
    pub map_tasks: Vec<MapTask>,
    /// How many partitions the shuffle has: one reduce task each. 0 where there is nothing to map.
    pub partitions: u32,
}

impl ShardPlan {
    /// Segment bytes of the whole shard.
    pub fn bytes(&self) -> u64 {
        self.segments.total_bytes()
    }

    /// The partitions, in order.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions).map(PartitionId)
    }
}
