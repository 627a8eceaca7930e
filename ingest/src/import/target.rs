//! Target of imported points: place, organisation and sizes.

use std::fmt;

use model::{OrgId, ShardId};

use crate::segment::SegmentOutput;

/// Default number of points in a payload: a frame of some kilobytes. With 60 points, as agents send them, a point
/// costs a third more CPU and two thirds more bytes; with more points, a damaged frame loses more.
pub const PAYLOAD_POINTS: usize = 1000;

/// Size at which a segment ends and the next one begins, in bytes.
pub const SEGMENT_BYTES: u64 = 256 << 20;

/// Target of imported points.
pub struct Target<'a> {
    /// Place of the segments.
    pub output: &'a SegmentOutput,
    /// Organisation that the points are imported for.
    pub org: OrgId,
    /// Shard of an organisation by the shard map; [`shared_shard`] if there is no map.
    pub route: &'a dyn Fn(OrgId) -> ShardId,
    /// Most points in a payload; at least 1, and within the engine's limit.
    pub payload_points: usize,
    /// Size at which a segment ends and the next one begins, in bytes.
    pub segment_bytes: u64,
}

impl<'a> Target<'a> {
    /// Creates a target with the default sizes, and the shard by `org_id % 64`.
    pub fn new(output: &'a SegmentOutput, org: OrgId) -> Self {
        Self { output, org, route: &shared_shard, payload_points: PAYLOAD_POINTS, segment_bytes: SEGMENT_BYTES }
    }

    pub(super) fn shard(&self) -> ShardId {
        (self.route)(self.org)
    }
}

impl fmt::Debug for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("output", &self.output).field("org", &self.org).finish_non_exhaustive()
    }
}

/// Returns the shared shard of an organisation.
pub fn shared_shard(org: OrgId) -> ShardId {
    ShardId::Shared((org.0 % model::limits::SHARED_SHARDS) as u8)
}
