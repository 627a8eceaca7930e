//! Where imported points go, and as what.

use std::fmt;

use model::{OrgId, ShardId};

use crate::segment::Output;

/// Points of a payload where nothing else is asked for: some kilobytes of a frame. Of 60 points, as agents send them, a frame costs
/// a third more CPU a point and two thirds more bytes; of more, a damaged frame loses more.
pub const PAYLOAD_POINTS: usize = 1000;

/// Size after which a segment is ended and the next one begun, in bytes.
pub const SEGMENT_BYTES: u64 = 256 << 20;

/// Where imported points go, and as what.
pub struct Target<'a> {
    /// The place.
    pub output: &'a Output,
    /// Whose points they become.
    pub org: OrgId,
    /// The shard map's view of an organisation; [`shared_shard`] where there is no map.
    pub route: &'a dyn Fn(OrgId) -> ShardId,
    /// Points of a payload at the most, at least 1 and within the engine's limit.
    pub payload_points: usize,
    /// Size after which a segment is ended and the next one begun.
    pub segment_bytes: u64,
}

impl<'a> Target<'a> {
    /// With the usual sizes, and the shard by `org_id % 64`.
    pub fn new(output: &'a Output, org: OrgId) -> Self {
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

/// The shared shard of an organisation.
pub fn shared_shard(org: OrgId) -> ShardId {
    ShardId::Shared((org.0 % model::limits::SHARED_SHARDS) as u8)
}
