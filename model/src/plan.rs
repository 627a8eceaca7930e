//! Plan of a shard: the immutable list of its tasks. A new plan replaces an old one; a plan is never edited.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{JobId, PartitionId, ShardId};
use crate::job::JobSettings;
use crate::range::ByteRange;
use crate::segments::{SegmentList, put_number};

/// Immutable input object, as it was when the shard was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRef {
    /// Key under the input prefix.
    pub key: String,
    /// Size of the segment in bytes.
    pub size: u64,
    /// Etag of the content; a local store derives it from size and modification time.
    pub etag: Option<String>,
}

/// Byte range of a segment: the input of one map task, or a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Position of the segment in the plan's list.
    pub segment: u32,
    /// Planned bytes. The split owns the frames that start in them (PL-2).
    pub range: ByteRange,
}

/// Splits of one map task, in source order: whole segments packed together, or one split of a large segment.
///
/// A task may read thousands of small segments and a job millions, so the splits after the first are stored as
/// numbers of a few bytes. The JSON form is an array of [`Split`]s.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Split>", into = "Vec<Split>")]
pub struct MapTask {
    first: Split,
    /// LEB128 numbers of each whole segment after the first: the distance from the previous segment's position, and
    /// the size.
    rest: Vec<u8>,
    /// Number of splits.
    count: u32,
    bytes: u64,
}

impl MapTask {
    /// Creates a task of splits in source order.
    ///
    /// # Panics
    /// If there is no split, or several of which one is not a whole segment or is out of order (PL-1).
    pub fn of(splits: Vec<Split>) -> Self {
        Self::try_from(splits).expect("a task reads one split, or whole segments in order")
    }

    /// Lists the splits in source order.
    pub fn splits(&self) -> impl Iterator<Item = Split> + '_ {
        let mut numbers = Numbers { bytes: &self.rest };
        let rest = (1..self.count).scan(self.first.segment, move |position, _| {
            *position += numbers.next() as u32;
            Some(Split { segment: *position, range: ByteRange::new(0, numbers.next()) })
        });
        std::iter::once(self.first).chain(rest)
    }

    /// Returns the first split.
    pub const fn first(&self) -> Split {
        self.first
    }

    /// True if the task reads several segments, each of them whole.
    pub const fn is_pack(&self) -> bool {
        self.count > 1
    }

    /// Counts the segment bytes that the task reads.
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

/// Reads the numbers that [`put_number`] wrote.
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

/// Tasks of one shard: a pure function of the segments and the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardPlan {
    /// Job of the shard.
    pub job: JobId,
    /// Shard that is planned.
    pub shard: ShardId,
    /// Settings that shape the output.
    pub settings: JobSettings,
    /// Input segments ordered by key; with the offset in a segment, this is source order.
    pub segments: SegmentList,
    /// Map tasks in source order.
    pub map_tasks: Vec<MapTask>,
    /// Number of partitions of the shuffle, each with a reduce task; 0 if there is nothing to map.
    pub partitions: u32,
}

impl ShardPlan {
    /// Counts the segment bytes of the whole shard.
    pub fn bytes(&self) -> u64 {
        self.segments.total_bytes()
    }

    /// Lists the partitions in order.
    pub fn partition_ids(&self) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.partitions).map(PartitionId)
    }
}
