//! Converts bytes to values and back: frames, payloads, runs, parts, manifests, and every key. Pure: no I/O, no
//! clock.
//!
//! `docs/formats.md` has the layouts; `golden/` has a folder for each released version, which every later build
//! reads.

// Keys of all objects of a dataset.
pub mod keys;
// Objects that a collector reads before it deletes anything: the dataset's marker, the marks of its jobs.
pub mod marks;
// Entries of the audit log.
pub mod audit;
// Keys of the cluster's state.
pub mod state_keys;
// Values of the cluster's state.
pub mod state_records;
// Frames of a segment: lengths, limits, and the search for the first frame of a byte range.
pub mod frame;
// Payload of one decoded frame, read in place.
pub mod payload;
// Codecs of timestamps, values and integers.
pub mod column;
// Sorted shuffle data that a map attempt writes for the reduce tasks.
pub mod run;
// Table of a shard's slices, by partition.
pub mod slices;
// Part file: writer, footer, blocks, rollup columns.
pub mod part;
// Segment lists of plans and manifests.
pub mod segments;
// Plan of a shard, as an object.
pub mod plan;
// Manifest: the parts that count for a window and a shard.
pub mod manifest;

pub use model::digest;
