//! What the end-to-end tests share: the real binary, run as an operator runs it, in a place of its own.

/// The binary, and what a run of it gave.
pub mod tailor;
/// A folder with segments and a dataset, gone with the test.
pub mod place;
/// Segments made by hand, frame by frame.
pub mod segment;
/// What a dataset holds, series by series, bit for bit.
pub mod contents;
/// Other people's data, and other people's readers.
pub mod python;

pub use contents::{Contents, contents};
pub use place::Place;
pub use segment::SegmentBuilder;
pub use tailor::{Ended, Running, Tailor, tailor};
