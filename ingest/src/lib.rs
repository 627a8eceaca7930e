//! Makes segments: synthetic ones, and from CSV and OTLP.

// Payloads to frames, frames to objects: the writing side of `format::frame`.
pub mod segment;
// Deterministic segments of any size and shape, with damage planted where a test wants it.
pub mod synthetic;
// Points from CSV and OTLP files.
pub mod import;
