//! Segments made by hand, frame by frame.

use ingest::segment::FrameEncoder;
use model::SeriesKey;

/// A segment that grows.
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
    /// Without a frame.
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

    /// Adds bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Adds any content in a sound zstd frame.
    #[must_use]
    pub fn content(mut self, content: &[u8]) -> Self {
        self.encoder.content(content, &mut self.bytes);
        self
    }

    /// Size so far: where the next frame will start.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The segment.
    pub fn build(self) -> Vec<u8> {
        self.bytes
    }
}
