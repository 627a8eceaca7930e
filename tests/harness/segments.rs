//! Payloads and frames, and the segments that hold them.

use format::frame::ZSTD_MAGIC;
use ingest::segment::FrameEncoder;
use model::{SeriesKey, TimestampMs};

/// Payload as it is sent. Values are bits, so that NaNs equal themselves.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Key of the series.
    pub key: SeriesKey,
    /// Points in any order.
    pub points: Vec<(TimestampMs, u64)>,
    /// Opaque metadata of the series.
    pub metadata: Vec<u8>,
    /// True if the frame stores the content uncompressed, so that bytes that look like frames can mislead a reader.
    pub is_stored: bool,
}

/// Piece of a segment.
#[derive(Debug, Clone, PartialEq)]
pub enum Sent {
    /// Frame that can be read.
    Payload(Message),
    /// Frame with a correct length and zstd's magic that cannot be read: only the frame itself goes to quarantine.
    BadFrame(Flaw),
    /// Bytes without frame structure. Only a reader of the whole segment can tell how many bytes are lost with them.
    Garbage(Vec<u8>),
}

/// Flaw of a bad frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// The zstd frame is corrupt.
    Corrupt,
    /// The content is not a message.
    NotPayload,
    /// The content has no organisation.
    MissingOrg,
    /// The message has one timestamp and two values.
    UnequalArrays,
    /// The frame declares a gigabyte.
    Bomb,
}

/// Segment with its pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct SentSegment {
    /// Key with the component `shard=<name>`.
    pub key: String,
    /// Pieces of the segment, in order.
    pub sent: Vec<Sent>,
}

impl SentSegment {
    /// Encodes the segment.
    pub fn bytes(&self) -> Vec<u8> {
        let mut encoder = FrameEncoder::new(FrameEncoder::LEVEL);
        let mut bytes = Vec::new();
        for sent in &self.sent {
            match sent {
                Sent::Payload(message) => put_payload(&mut encoder, message, &mut bytes),
                Sent::BadFrame(flaw) => put_bad_frame(&mut encoder, *flaw, &mut bytes),
                Sent::Garbage(garbage) => bytes.extend_from_slice(garbage),
            }
        }
        bytes
    }
}

/// Counts the bytes of a frame with that flaw, its length included.
pub fn bad_frame_bytes(flaw: Flaw) -> u64 {
    let mut bytes = Vec::new();
    put_bad_frame(&mut FrameEncoder::new(FrameEncoder::LEVEL), flaw, &mut bytes);
    bytes.len() as u64
}

fn put_payload(encoder: &mut FrameEncoder, message: &Message, bytes: &mut Vec<u8>) {
    let timestamps: Vec<_> = message.points.iter().map(|(at, _)| *at).collect();
    let values: Vec<_> = message.points.iter().map(|(_, bits)| f64::from_bits(*bits)).collect();
    if message.is_stored {
        let (org_id, metric_id) = (message.key.org.0, message.key.metric.0);
        let metadata = message.metadata.clone().into();
        let payload = proto::v1::Payload { org_id, metric_id, timestamps, values, metadata };
        put_frame(&stored(&prost::Message::encode_to_vec(&payload)), bytes);
    } else {
        encoder.payload(message.key, &timestamps, &values, &message.metadata, bytes);
    }
}

fn put_bad_frame(encoder: &mut FrameEncoder, flaw: Flaw, bytes: &mut Vec<u8>) {
    let key = SeriesKey::new(1, 1);
    match flaw {
        // The block has the reserved type.
        Flaw::Corrupt => put_frame(&[&ZSTD_MAGIC[..], &[0x20, 9, 0x07, 0, 0, 0, 0]].concat(), bytes),
        Flaw::NotPayload => encoder.content(&[0x0a, 0xff, 1, 2, 3], bytes),
        Flaw::MissingOrg => encoder.payload(SeriesKey::new(0, 1), &[1], &[1.0], &[], bytes),
        Flaw::UnequalArrays => encoder.payload(key, &[1], &[1.0, 2.0], &[], bytes),
        Flaw::Bomb => put_frame(&[&ZSTD_MAGIC[..], &[0xa0, 0, 0, 0, 0x40, 1, 0, 0]].concat(), bytes),
    }
}

fn put_frame(body: &[u8], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&(body.len() as u32).to_be_bytes());
    bytes.extend_from_slice(body);
}

/// Encodes `content` as a zstd frame of raw blocks (RFC 8878, section 3.1.1).
fn stored(content: &[u8]) -> Vec<u8> {
    const SINGLE_SEGMENT_WITH_SIZE_OF_4_BYTES: u8 = 0xa0;
    const BLOCK_BYTES_MAX: usize = 128 << 10;
    let mut frame = ZSTD_MAGIC.to_vec();
    frame.push(SINGLE_SEGMENT_WITH_SIZE_OF_4_BYTES);
    frame.extend_from_slice(&(content.len() as u32).to_le_bytes());
    let blocks = content.len().div_ceil(BLOCK_BYTES_MAX);
    for (at, block) in content.chunks(BLOCK_BYTES_MAX).enumerate() {
        let is_last = u32::from(at + 1 == blocks);
        let header = (block.len() as u32) << 3 | is_last;
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame
}

/// Metadata that looks like more frames than a reader requires before it accepts a frame's start.
pub fn decoy_frames() -> Vec<u8> {
    let mut bytes = Vec::new();
    for length in 0..2 * model::limits::RESYNC_CHAIN_FRAMES {
        let filler = (0..9 + length).map(|at| (at * 37 + length * 91) as u8);
        put_frame(&ZSTD_MAGIC.into_iter().chain(filler).collect::<Vec<_>>(), &mut bytes);
    }
    bytes
}
