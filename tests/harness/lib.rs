//! Shared parts of the tests: the real binary, run as an operator runs it, and the engine, driven directly.

// Binary under test, and the result of a run.
pub mod tailor;
// Folder with segments and a dataset, removed with the test.
pub mod place;
// Handmade segments, frame by frame.
pub mod segment;
// Content of a dataset, series by series, bit for bit.
pub mod contents;
// Coordinators, workers and an operator, as real processes.
pub mod cluster;
// Collector of traces.
pub mod collector;
// File system that does not answer.
pub mod hang;
// Data and readers of other projects, in Python.
pub mod python;

// Payloads and frames, and the segments that hold them.
pub mod segments;
// Expected output of a shard: a plain computation over the sent messages.
pub mod expected;
// Content of a shard's parts.
pub mod found;
// Stores that keep what the engine removes, or are slow to remove it.
pub mod kept;
// Random numbers from a seed.
pub mod random;
// Properties that hold for any bytes.
pub mod fuzz;

pub use contents::{Contents, contents};
pub use place::Place;
pub use segment::SegmentBuilder;
pub use tailor::{Ended, Running, Tailor, tailor};
