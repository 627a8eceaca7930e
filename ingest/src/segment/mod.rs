//! Writes segments: a `FrameEncoder` turns payloads into frames, a `SegmentWriter` turns frames into one object.
//!
//! A segment appears under its key only when it is whole: small ones with one put, large ones as a multipart upload that
//! is completed last. A writer that is dropped before `SegmentWriter::finish` leaves nothing behind.

mod encode;
mod write;

pub use encode::FrameEncoder;
pub use write::{SegmentOutput, SegmentWriter};

#[cfg(test)]
mod tests;
