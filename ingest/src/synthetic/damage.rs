//! Bad frames and odd payloads: the form of each, and the result that a reader must reach.

use std::fmt;
use std::str::FromStr;

use format::frame::ZSTD_MAGIC;
use model::limits::{FRAME_BYTES_MAX, PAYLOAD_BYTES_MAX, SHARED_SHARDS};
use model::{SeriesKey, ShardId, TimestampMs};
use serde::{Serialize, Serializer};

use crate::segment::FrameEncoder;

/// A way in which a frame, a payload or a segment can be bad or odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// The segment ends inside its last frame.
    TornFrame,
    /// The length is three too many.
    BadLength,
    /// The length is zero.
    ZeroLength,
    /// The length is one over the limit.
    LengthOverLimit,
    /// The bytes of the body differ from those that were written.
    CorruptZstd,
    /// The body is cut in half; the length fits the half.
    TruncatedZstd,
    /// The body is text.
    NotZstd,
    /// A small body that declares a decoded size above the limit of a payload, and has it.
    Bomb,
    /// A bomb that does not declare its decoded size.
    BombUndeclared,
    /// The content is not protobuf.
    NotAPayload,
    /// A payload of an organisation of another shard.
    WrongShard,
    /// Points before 1970, in seconds, in nanoseconds, and in the year 9999.
    AbsurdTimestamps,
    /// A payload without points.
    EmptyPayload,
    /// The payload has one value fewer than timestamps.
    UnequalArrays,
    /// The payload names no organisation.
    MissingOrg,
    /// The payload names no metric.
    MissingMetric,
    /// A segment of no bytes.
    EmptySegment,
}

/// Every kind with its name and the expected result of a reader: the name of a fault
/// (`format::frame::FrameFault::name`), or the count that a sound frame's points belong to.
const KINDS: [(DamageKind, &str, &str); 17] = [
    (DamageKind::TornFrame, "torn-frame", "past-end"),
    (DamageKind::BadLength, "bad-length", "corrupt-zstd"),
    (DamageKind::ZeroLength, "zero-length", "length-zero"),
    (DamageKind::LengthOverLimit, "length-over-limit", "length-over-limit"),
    (DamageKind::CorruptZstd, "corrupt-zstd", "corrupt-zstd"),
    (DamageKind::TruncatedZstd, "truncated-zstd", "corrupt-zstd"),
    (DamageKind::NotZstd, "not-zstd", "not-zstd"),
    (DamageKind::Bomb, "bomb", "decoded-over-limit"),
    (DamageKind::BombUndeclared, "bomb-undeclared", "decoded-over-limit"),
    (DamageKind::NotAPayload, "not-a-payload", "not-a-payload"),
    (DamageKind::WrongShard, "wrong-shard", "misplaced"),
    (DamageKind::AbsurdTimestamps, "absurd-timestamps", "early-late"),
    (DamageKind::EmptyPayload, "empty-payload", "empty"),
    (DamageKind::UnequalArrays, "unequal-arrays", "unequal-arrays"),
    (DamageKind::MissingOrg, "missing-org", "missing-org"),
    (DamageKind::MissingMetric, "missing-metric", "missing-metric"),
    (DamageKind::EmptySegment, "empty-segment", "empty"),
];

/// First organisation of misplaced payloads; no other payload has this id or a larger one.
const MISPLACED_ORGS: u64 = 1 << 40;

/// Timestamps that are wrong by a unit or an epoch; the first two are early, the others late.
const ABSURD_TIMESTAMPS: [TimestampMs; 4] = [-1, 1_767_225_600, 253_402_300_799_000, 1_767_225_600_000_000_000];

const HEADER_BYTES: usize = 4;

impl DamageKind {
    /// Lists every kind of damage.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|(kind, ..)| *kind)
    }

    /// Returns the name of the kind on the command line and in the sidecar.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// Returns the expected result of a reader, as the sidecar names it.
    pub fn expected(self) -> &'static str {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, &'static str) {
        KINDS.iter().find(|(kind, ..)| *kind == self).expect("every kind has its row")
    }

    /// Returns the number of points that a job reads in addition because of the damage.
    pub(super) fn points(self) -> u64 {
        match self {
            Self::WrongShard => POINTS as u64,
            Self::AbsurdTimestamps => ABSURD_TIMESTAMPS.len() as u64,
            _ => 0,
        }
    }

    /// Appends the damage to `segment`, a segment of `shard`; `ordinal` numbers the damages of one kind.
    pub(super) fn write(
        self,
        shard: ShardId,
        start_ms: TimestampMs,
        ordinal: u64,
        encoder: &mut FrameEncoder,
        segment: &mut Vec<u8>,
    ) {
        let start = segment.len();
        let key = self.key(shard, ordinal);
        let timestamps: [TimestampMs; POINTS] = std::array::from_fn(|i| start_ms + 10_000 * i as i64);
        let values: [f64; POINTS] = std::array::from_fn(|i| (ordinal + i as u64) as f64);
        match self {
            Self::EmptySegment => {}
            Self::ZeroLength => segment.extend([0; HEADER_BYTES]),
            Self::NotZstd => put_frame(segment, b"this is no zstd frame"),
            Self::Bomb => put_frame(segment, &bomb(true)),
            Self::BombUndeclared => put_frame(segment, &bomb(false)),
            Self::NotAPayload => encoder.content(&[0xff; 64], segment),
            Self::EmptyPayload => encoder.payload(key, &[], &[], b"", segment),
            Self::AbsurdTimestamps => encoder.payload(key, &ABSURD_TIMESTAMPS, &values[..4], b"", segment),
            Self::UnequalArrays => encoder.payload(key, &timestamps, &values[1..], b"", segment),
            _ => encoder.payload(key, &timestamps, &values, b"", segment),
        }
        if let Some(kept) = self.spoil(&mut segment[start..]) {
            segment.truncate(start + kept);
        }
    }

    /// Turns a sound frame into the damage; returns the number of bytes to keep if the frame is cut.
    fn spoil(self, frame: &mut [u8]) -> Option<usize> {
        let body_bytes = frame.len().saturating_sub(HEADER_BYTES);
        let mut declare = |length: usize| frame[..HEADER_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
        match self {
            Self::TornFrame => return Some(HEADER_BYTES + body_bytes / 2),
            Self::BadLength => declare(body_bytes + 3),
            Self::LengthOverLimit => declare(FRAME_BYTES_MAX as usize + 1),
            Self::TruncatedZstd => {
                declare(body_bytes / 2);
                return Some(HEADER_BYTES + body_bytes / 2);
            }
            // A bit stream ends in a one bit; without it, no decoder continues.
            Self::CorruptZstd => *frame.last_mut().expect("a frame has a body") = 0,
            _ => {}
        }
        None
    }

    fn key(self, shard: ShardId, ordinal: u64) -> SeriesKey {
        let residue = match shard {
            ShardId::Shared(remainder) => u64::from(remainder),
            ShardId::Dedicated(org) => org.0 % SHARED_SHARDS,
        };
        let own_org = match shard {
            ShardId::Shared(_) => MISPLACED_ORGS + residue,
            ShardId::Dedicated(org) => org.0,
        };
        let metric = 1 + ordinal;
        match self {
            Self::WrongShard => SeriesKey::new(MISPLACED_ORGS + (residue + 1) % SHARED_SHARDS, metric),
            Self::MissingOrg => SeriesKey::new(0, metric),
            Self::MissingMetric => SeriesKey::new(own_org, 0),
            _ => SeriesKey::new(own_org, metric),
        }
    }
}

/// Points of a payload that becomes a damage.
const POINTS: usize = 40;

fn put_frame(segment: &mut Vec<u8>, body: &[u8]) {
    segment.extend_from_slice(&(body.len() as u32).to_be_bytes());
    segment.extend_from_slice(body);
}

/// Builds a zstd frame (RFC 8878) of runs of zeros, 128 KiB for four bytes, whose decoded size is twice the limit of
/// a payload.
fn bomb(is_declared: bool) -> Vec<u8> {
    const RUN_BYTES: usize = 128 << 10;
    const SIZE: usize = 2 * PAYLOAD_BYTES_MAX;
    const RUN: u32 = 1 << 1;
    let mut frame = Vec::from(ZSTD_MAGIC);
    if is_declared {
        frame.push(2 << 6 | 1 << 5); // a content size of four bytes, no window of its own
        frame.extend_from_slice(&(SIZE as u32).to_le_bytes());
    } else {
        frame.extend_from_slice(&[0, 7 << 3]); // no content size; a window of 2^17 bytes
    }
    for run in 1..=SIZE / RUN_BYTES {
        let is_last = u32::from(run == SIZE / RUN_BYTES);
        let header = (RUN_BYTES as u32) << 3 | RUN | is_last;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(0);
    }
    frame
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Error of a text that names no damage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a damage; give KIND or KIND=COUNT with one of {}", DamageKind::all().map(DamageKind::name).collect::<Vec<_>>().join(", "))]
pub struct ParseDamageError {
    text: String,
}

impl ParseDamageError {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

impl FromStr for DamageKind {
    type Err = ParseDamageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all().find(|kind| kind.name() == text).ok_or_else(|| ParseDamageError::new(text))
    }
}

impl Serialize for DamageKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
