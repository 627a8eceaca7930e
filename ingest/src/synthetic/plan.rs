//! Plan of all segments, and of the damage in them.
//!
//! A damage lies among good payloads of a segment's first chunk, far enough from the next one that a reader that has
//! lost its place finds chained frames before it meets another damage. A torn frame ends its segment.

use model::ShardId;

use super::damage::DamageKind;
use super::emission::Order;
use super::layout::Stream;
use super::random::derive;
use super::settings::GenSettings;

/// Number of good payloads between two damages: several times the number of frames that a reader must see chained.
const SPACING: usize = 4 * model::limits::RESYNC_CHAIN_FRAMES;

/// Damage with its ordinal among damages of the same kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Planted {
    pub(super) kind: DamageKind,
    pub(super) ordinal: u64,
}

/// Plan of one segment.
#[derive(Debug)]
pub(super) struct SegmentPlan<'a> {
    pub(super) key: String,
    pub(super) shard: ShardId,
    /// Source of the payloads; none for an empty segment that was asked for.
    pub(super) payloads: Option<Payloads<'a>>,
    /// Damages among the payloads of the first chunk.
    pub(super) planted: Vec<Planted>,
    /// Damage that ends the segment, if there is one.
    pub(super) ending: Option<Planted>,
}

/// Source of the payloads of a segment: a stream, and the order of its payloads in the segment.
#[derive(Debug)]
pub(super) struct Payloads<'a> {
    pub(super) stream: &'a Stream,
    pub(super) order: Order<'a>,
}

impl SegmentPlan<'_> {
    /// Returns the number of chunks, which is at least one.
    pub(super) fn chunks(&self) -> u64 {
        self.payloads.as_ref().map_or(1, |payloads| payloads.order.chunks())
    }

    /// Returns the damage that comes before the payload at `position` of the first chunk, if there is one.
    pub(super) fn planted_before(&self, position: usize) -> Option<Planted> {
        let is_place = position % SPACING == SPACING / 2;
        self.planted.get(position / SPACING).copied().filter(|_| is_place)
    }

    fn room(&self) -> usize {
        self.payloads.as_ref().map_or(0, |payloads| payloads.order.emissions(0).len() / SPACING)
    }
}

/// Error of more damage than there is room for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no room for '{kind}' number {number} among the payloads: give more points, or plant less")]
pub struct NoRoom {
    /// Name of the kind of damage that did not fit.
    pub kind: &'static str,
    /// Ordinal of that damage among its kind, counted from 1.
    pub number: u32,
}

/// Plans every segment, in the order in which they are made.
pub(super) fn plan<'a>(settings: &'a GenSettings, streams: &'a [Stream]) -> Result<Vec<SegmentPlan<'a>>, NoRoom> {
    let mut segments: Vec<_> = streams
        .iter()
        .flat_map(|stream| {
            (0..stream.segments).map(move |segment| SegmentPlan {
                key: stream.segment_key(segment),
                shard: stream.shard,
                payloads: Some(Payloads { stream, order: Order::new(settings, stream, segment) }),
                planted: Vec::new(),
                ending: None,
            })
        })
        .collect();
    plant(settings, &mut segments)?;
    Ok(segments)
}

/// Deals the damages out to the segments in turn.
fn plant(settings: &GenSettings, segments: &mut Vec<SegmentPlan<'_>>) -> Result<(), NoRoom> {
    let dealt = segments.len();
    if settings.plant.is_empty() {
        return Ok(());
    }
    let room: Vec<usize> = segments.iter().map(SegmentPlan::room).collect();
    let mut turn = 0;
    for damage in &settings.plant {
        for ordinal in 0..damage.count {
            let planted = Planted { kind: damage.kind, ordinal: u64::from(ordinal) };
            if damage.kind == DamageKind::EmptySegment {
                let shard = segments[ordinal as usize % dealt].shard;
                segments.push(empty_segment(settings, shard, ordinal));
                continue;
            }
            let takes = |index: usize| match damage.kind {
                DamageKind::TornFrame => segments[index].ending.is_none(),
                _ => segments[index].planted.len() < room[index],
            };
            let found = (turn..turn + dealt).map(|index| index % dealt).find(|index| takes(*index));
            let index = found.ok_or(NoRoom { kind: damage.kind.name(), number: ordinal + 1 })?;
            turn = index + 1;
            match damage.kind {
                DamageKind::TornFrame => segments[index].ending = Some(planted),
                _ => segments[index].planted.push(planted),
            }
        }
    }
    Ok(())
}

fn empty_segment<'a>(settings: &GenSettings, shard: ShardId, ordinal: u32) -> SegmentPlan<'a> {
    let spread = derive(settings.seed, u64::from(ordinal)) as u16;
    let key = format!("{spread:04x}/shard={shard}/topic-empty/partition-0/{ordinal:08}.seg");
    SegmentPlan { key, shard, payloads: None, planted: Vec::new(), ending: None }
}
