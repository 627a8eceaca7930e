//! Bytes to values and back: frames, payloads, runs, parts, manifests, and every key. Pure: no I/O, no clock.
//!
//! `docs/formats.md` has the layouts; `golden/` has a folder for each released version, which every later build reads.

// Every object key of a dataset, built and parsed.
pub mod keys;
// What a collector reads before it deletes anything: the dataset's marker, the marks of its jobs.
pub mod marks;
// Every key of the cluster's state, built and parsed.
pub mod state_keys;
// The values of the cluster's state.
pub mod state_records;
// A segment's frames: lengths, bounds, and the first frame of a byte range.
pub mod frame;
// One decoded frame, read in place.
pub mod payload;
// Codecs of timestamps, values and integers.
pub mod column;
// Sorted shuffle data: what a map attempt leaves for the reduce tasks.
pub mod run;
// The part file: writer, footer, blocks, rollup columns.
pub mod part;
// The segments that a plan or a manifest is about.
pub mod segments;
// The tasks of a shard, as an object.
pub mod plan;
// The parts that count for a window and a shard.
pub mod manifest;

pub use model::digest;
