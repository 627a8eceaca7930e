//! Reads and checks what was committed: the library behind `tailor dataset`.
//!
//! Every verb takes a [`Catalog`] and plain options, and gives a document that serialises (`api_version` first) or a stream.
//! Readers go from manifest to parts; nobody lists data, but the collector.

/// What a dataset has committed, and which of it counts.
pub mod catalog;
/// What can go wrong, by what the caller does next.
pub mod error;
/// Rows of one series: points or rollup buckets.
pub mod rows;
/// Differences: classes, the first of them, totals.
pub mod report;
/// A new version that names an old one's parts again.
pub mod rollback;
/// What no retained manifest names.
pub mod gc;

mod join; //   a stream against the rows that should be in it
mod merge; //  many sorted parts as one
mod rollup; // rollups computed again

pub use catalog::{Catalog, Selection};
pub use error::{DatasetError, ErrorKind};
