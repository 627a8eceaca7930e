//! Limits of one slot: most bytes, points and slices that it handles at a time.
//!
//! No limit shapes the output: a part depends on its points alone (DT-3). So a test may shrink any limit to reach
//! with a handful of points what a production slot meets with billions.

use model::limits::{MERGE_FAN_IN_MAX, OVERLAP_POINTS_MAX};
use storage::object::UPLOAD_PART_BYTES;

use crate::runs::{ReadBudget, reads};

/// Limits of one slot. [`Self::within`] gives the values that were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotLimits {
    /// Memory budget, in bytes.
    pub memory_bytes: u64,
    /// Decoded bytes of one batch of a map attempt. The batch and its results fit the second-level cache.
    pub map_batch_bytes: usize,
    /// Most points of one series that a spill sorts at once; at least one chunk's.
    pub overlap_points_max: usize,
    /// Most slices that one merge reads at once; at least 2.
    pub merge_fan_in_max: usize,
    /// Points of one batch of a reduce attempt, roughly.
    pub reduce_batch_points: usize,
}

impl SlotLimits {
    /// Returns the limits of a slot that works within `memory_bytes`.
    pub const fn within(memory_bytes: u64) -> Self {
        Self {
            memory_bytes,
            map_batch_bytes: 128 << 10,
            overlap_points_max: OVERLAP_POINTS_MAX,
            merge_fan_in_max: MERGE_FAN_IN_MAX,
            reduce_batch_points: 16 << 10,
        }
    }

    /// Bytes of one ranged read of a segment, of which two are in memory at once.
    pub fn segment_read_bytes(&self) -> u64 {
        (self.memory_bytes / 32).clamp(2 << 20, 8 << 20)
    }

    /// Bytes of one part of the upload of a run or of raw data, of which three are in memory at once.
    pub fn upload_part_bytes(&self) -> usize {
        (self.memory_bytes / 32).clamp(UPLOAD_PART_BYTES as u64, 16 << 20) as usize
    }

    /// Counts the requests that read the slices of one partition from a store, by the lengths of the slices.
    pub fn slice_requests(&self, lens: &[u64]) -> u64 {
        reads::requests(lens, self.reduce_budget())
    }

    /// Bounds of a reduce attempt's merges: a quarter of the memory is for the slices that are being read.
    pub(crate) fn reduce_budget(&self) -> ReadBudget {
        ReadBudget { bytes: self.memory_bytes / 4, fan_in_max: self.merge_fan_in_max }
    }

    /// Bounds of the merges of a map attempt's spills, which take place beside the shuffle buffer.
    pub(crate) fn map_budget(&self) -> ReadBudget {
        ReadBudget { bytes: self.memory_bytes / 8, fan_in_max: self.merge_fan_in_max }
    }
}
