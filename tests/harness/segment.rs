//! Handmade segments, frame by frame.

use ingest::segment::FrameEncoder;
use model::SeriesKey;

/// Segment under construction.
#[derive(Debug)]
pub struct SegmentBuilder {
    encoder: FrameEncoder,
    bytes: Vec<u8>,
}

impl Default for SegmentBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl SegmentBuilder {
    /// Creates a segment without frames.
    pub fn new() -> Self {
        Self { encoder: FrameEncoder::new(FrameEncoder::LEVEL), bytes: Vec::new() }
    }

    /// Adds the payload of one series.
    #[must_use]
    pub fn points(mut self, (org, metric): (u64, u64), points: &[(i64, f64)]) -> Self {
        let (timestamps, values): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
        self.encoder.payload(SeriesKey::new(org, metric), &timestamps, &values, b"", &mut self.bytes);
        self
    }

    /// Adds bytes unchanged.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds any content in a valid zstd frame.
    #[must_use]
    pub fn content(mut self, content: &[u8]) -> Self {
        self.encoder.content(content, &mut self.bytes);
        self
    }

    /// Returns the size so far, which is the offset of the next frame.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns the bytes of the segment.
    pub fn build(self) -> Vec<u8> {
        self.bytes
    }
}
