//! What the tests share: the real binary run as an operator runs it, and the engine driven by hand.

// The binary, and what a run of it gave.
pub mod tailor;
// A folder with segments and a dataset, gone with the test.
pub mod place;
// Segments made by hand, frame by frame.
pub mod segment;
// What a dataset holds, series by series, bit for bit.
pub mod contents;
// Coordinators, workers and an operator, as real processes.
pub mod cluster;
// What stands between processes and makes their network worse.
pub mod proxy;
// A file system that does not answer.
pub mod hang;
// Other people's data, and other people's readers.
pub mod python;

// Payloads and frames, and the segments that hold them.
pub mod segments;
// What a shard's output should be: a plain computation over what was sent.
pub mod expected;
// What a shard's parts hold.
pub mod found;
// Runs plans on one thread, in an order drawn from a seed, with workers that are lost and completions that come late.
pub mod executor;
// Numbers drawn from a seed.
pub mod random;
// What must hold of any bytes.
pub mod fuzz;

pub use contents::{Contents, contents};
pub use place::Place;
pub use segment::SegmentBuilder;
pub use tailor::{Ended, Running, Tailor, tailor};
