//! Encoder of payloads as frames, with one zstd context and one buffer for all of them.

use std::fmt;

use model::SeriesKey;
use zstd::zstd_safe::{CCtx, CParameter, compress_bound};

const ORG_ID: u8 = tag(1, VARINT);
const METRIC_ID: u8 = tag(2, VARINT);
const TIMESTAMPS: u8 = tag(3, LENGTH_DELIMITED);
const VALUES: u8 = tag(4, LENGTH_DELIMITED);
const METADATA: u8 = tag(5, LENGTH_DELIMITED);

const VARINT: u8 = 0;
const LENGTH_DELIMITED: u8 = 2;
const WORD_BYTES: usize = 8;

const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// Encodes the message `Payload` as prost does, byte for byte, and frames it. Reused for a whole segment: a new zstd
/// context per frame would cost more than the compression.
pub struct FrameEncoder {
    context: CCtx<'static>,
    content: Vec<u8>,
    body: Vec<u8>,
}

impl fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameEncoder").finish_non_exhaustive()
    }
}

impl FrameEncoder {
    /// Level of zstd that suits frames of a kilobyte: higher levels cost more and save next to nothing.
    pub const LEVEL: i32 = 1;

    /// Creates an encoder with the zstd level `level`.
    pub fn new(level: i32) -> Self {
        let mut context = CCtx::create();
        context
            .set_parameter(CParameter::CompressionLevel(level))
            .expect("zstd clamps a level that is out of its range");
        Self { context, content: Vec::new(), body: Vec::new() }
    }

    /// Appends the frame of one payload to `segment`. The columns may differ in length: damage is planted that way.
    pub fn payload(
        &mut self,
        key: SeriesKey,
        timestamps: &[i64],
        values: &[f64],
        metadata: &[u8],
        segment: &mut Vec<u8>,
    ) {
        let mut content = std::mem::take(&mut self.content);
        content.clear();
        put_number(&mut content, ORG_ID, key.org.0);
        put_number(&mut content, METRIC_ID, key.metric.0);
        put_words(&mut content, TIMESTAMPS, timestamps, |timestamp| timestamp.to_le_bytes());
        put_words(&mut content, VALUES, values, |value| value.to_le_bytes());
        if !metadata.is_empty() {
            content.push(METADATA);
            put_varint(&mut content, metadata.len() as u64);
            content.extend_from_slice(metadata);
        }
        self.content(&content, segment);
        self.content = content;
    }

    /// Appends the frame of any content to `segment`.
    pub fn content(&mut self, content: &[u8], segment: &mut Vec<u8>) {
        self.body.clear();
        self.body.reserve(compress_bound(content.len()));
        self.context.compress2(&mut self.body, content).expect("the buffer has room for the worst case");
        let length = u32::try_from(self.body.len()).expect("contents stay far below 4 GiB");
        segment.extend_from_slice(&length.to_be_bytes());
        segment.extend_from_slice(&self.body);
    }
}

/// Writes a number, unless it is zero, as proto3 does.
fn put_number(content: &mut Vec<u8>, tag: u8, number: u64) {
    if number != 0 {
        content.push(tag);
        put_varint(content, number);
    }
}

fn put_words<T: Copy>(content: &mut Vec<u8>, tag: u8, words: &[T], to_bytes: impl Fn(T) -> [u8; WORD_BYTES]) {
    if words.is_empty() {
        return;
    }
    content.push(tag);
    put_varint(content, (words.len() * WORD_BYTES) as u64);
    let start = content.len();
    content.resize(start + words.len() * WORD_BYTES, 0);
    let (slots, _) = content[start..].as_chunks_mut::<WORD_BYTES>();
    for (slot, word) in slots.iter_mut().zip(words) {
        *slot = to_bytes(*word);
    }
}

fn put_varint(content: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        content.push(number as u8 | 0x80);
        number >>= 7;
    }
    content.push(number as u8);
}
