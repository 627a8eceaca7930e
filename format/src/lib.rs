//! Bytes to values and back: frames, payloads, runs, parts, manifests, and every key. Pure: no I/O, no clock.
//!
//! `docs/formats.md` has the layouts; `golden/` has a folder for each released version, which every later build reads.

/// Every object key of a dataset, built and parsed.
pub mod keys;
/// What names a content: XXH3-128 of the bytes.
pub mod digest;
/// A segment's frames: lengths, bounds, and the first frame of a byte range.
pub mod frame;
/// One decoded frame, read in place.
pub mod payload;
/// The parts that count for a window and a shard.
pub mod manifest;
