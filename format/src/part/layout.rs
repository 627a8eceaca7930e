//! Layout of a part: magic, header and sizes; kind and summary.

use model::{MetricId, OrgId, TimestampMs, time::RollupStep};
use serde::{Deserialize, Serialize};

use crate::column::Encoding;

use super::PartError;

/// First and last bytes of a part.
pub(super) const MAGIC: [u8; 8] = *b"TLRPART1";

/// Version that is written, and the newest version that is read.
pub(super) const VERSION: u8 = 1;

/// Length of the header in bytes.
pub(super) const HEADER_BYTES: usize = 16;

/// Length of a checksum in bytes.
pub(super) const CRC_BYTES: usize = 4;

/// Bytes after the footer's body: checksum, length, magic.
pub(super) const TRAILER_BYTES: usize = 16;

/// Bytes at an object's end to read first; the footer of a part of a gigabyte fits.
pub const TAIL_BYTES: u64 = 64 << 10;

/// Most metadata in one block, in bytes before compression. It bounds the bytes that a reader of one series
/// decompresses. Several of the longest metadata fit.
pub(super) const BLOCK_METADATA_BYTES_MAX: usize = 256 << 10;
const _: () = assert!(BLOCK_METADATA_BYTES_MAX >= model::limits::METADATA_BYTES_MAX);

/// Kind of the points of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartKind {
    /// Points as they were sent.
    Raw,
    /// Rows of buckets of this step.
    Rollup(RollupStep),
}

/// Counts and bounds of a part, as its manifest lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSummary {
    /// Number of series.
    pub series: u64,
    /// Number of points, or of rows of a rollup.
    pub points: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Bounds of keys and times; none if there is no point.
    pub bounds: Option<PartBounds>,
}

/// Smallest and largest organisation, metric and timestamp of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartBounds {
    /// Smallest organisation in the part.
    pub org_min: OrgId,
    /// Largest organisation in the part.
    pub org_max: OrgId,
    /// Smallest metric of any organisation.
    pub metric_min: MetricId,
    /// Largest metric of any organisation.
    pub metric_max: MetricId,
    /// First timestamp in the part.
    pub timestamp_min_ms: TimestampMs,
    /// Last timestamp in the part.
    pub timestamp_max_ms: TimestampMs,
}

/// Builds the header of a part; the footer starts with a copy of it.
pub(super) fn header(kind: PartKind, encoding: Encoding) -> [u8; HEADER_BYTES] {
    let step_ms = match kind {
        PartKind::Raw => 0,
        PartKind::Rollup(step) => u32::try_from(step.ms()).expect("a step is at most a day, and a day's ms fit in u32"),
    };
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8] = VERSION;
    header[9] = u8::from(step_ms > 0);
    header[10] = u8::from(encoding == Encoding::Pco);
    header[12..].copy_from_slice(&step_ms.to_le_bytes());
    header
}

/// Parses a header; `offset` is that of the footer with the copy, for messages.
pub(super) fn parse_header(bytes: &[u8; HEADER_BYTES], offset: u64) -> Result<(PartKind, Encoding), PartError> {
    let invalid = |fact: String| PartError::Footer { offset, fact };
    if bytes[..8] != MAGIC {
        return Err(invalid("its copy of the header has another magic".to_owned()));
    }
    if bytes[8] != VERSION {
        return Err(PartError::Version { found: bytes[8], known: VERSION });
    }
    let step_ms = u32::from_le_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
    let kind = match (bytes[9], step_ms) {
        (0, 0) => PartKind::Raw,
        (1, ms) => PartKind::Rollup(RollupStep::try_from(u64::from(ms)).map_err(|error| invalid(error.to_string()))?),
        (kind, ms) => return Err(invalid(format!("kind {kind} with a step of {ms} ms is none"))),
    };
    let encoding = match (bytes[10], bytes[11]) {
        (0, 0) => Encoding::Packed,
        (1, 0) => Encoding::Pco,
        (encoding, _) => return Err(invalid(format!("encoding {encoding} is none"))),
    };
    Ok((kind, encoding))
}

/// Splits off the checksum at the end of `bytes`. Returns the bytes before it, the stored checksum and the computed
/// one.
pub(super) fn split_crc(bytes: &[u8]) -> Option<(&[u8], u32, u32)> {
    let (body, stored) = bytes.split_last_chunk::<CRC_BYTES>()?;
    Some((body, u32::from_le_bytes(*stored), crc32c::crc32c(body)))
}
