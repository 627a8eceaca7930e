//! Reads and checks what was committed: the library behind `tailor dataset`.
//!
//! Every verb takes a [`Catalog`] and plain options, and gives a document that serialises (`api_version` first) or a stream.
//! Readers go from manifest to parts; nobody lists data, but the collector.

// What a dataset has committed, and which of it counts.
pub mod catalog;
// What can go wrong, by what the caller does next.
pub mod error;
// Rows of one series: points or rollup buckets.
pub mod rows;
// The parts that manifests name, as sorted streams.
pub mod parts;
// Differences: classes, the first of them, totals.
pub mod report;
// The series that it holds.
pub mod series;
// One series.
pub mod cat;
// One sorted file for other tools.
pub mod export;
// What changed from one version to another.
pub mod diff;
// Whole, in order, and what the input gives.
pub mod verify;
// A plain second computation of the output.
pub mod oracle;
// A new version that names an old one's parts again.
pub mod rollback;
// The dataset's marker, and the marks of its jobs.
pub mod marks;
// What no retained manifest names.
pub mod gc;

mod buckets; // one row a bucket, whatever the windows
mod metadata; // of series, as text and as JSON
mod join; //    a stream against the rows that should be in it
mod merge; //   many sorted parts as one
mod rollup; //  rollups computed again

pub use catalog::{Catalog, Selection};
pub use error::{DatasetError, ErrorKind};
pub use parts::Parts;

#[cfg(test)]
mod fixture; // small datasets, made by hand
