//! Reads and checks committed data: the library behind `tailor dataset`.
//!
//! Every verb takes a [`Catalog`] and plain options, and returns a document that serialises (`api_version` first) or
//! a stream. Readers go from manifest to parts; only the collector lists data.

// Catalog of a dataset: manifests, and the current ones.
pub mod catalog;
// Errors, by the caller's next step.
pub mod error;
// Rows of one series: points or rollup buckets.
pub mod rows;
// Parts that manifests name, as sorted streams.
pub mod parts;
// Differences: classes, the first of them, totals.
pub mod report;
// Series of a dataset.
pub mod series;
// Reader of one series.
pub mod cat;
// Export to one sorted file for other tools.
pub mod export;
// Comparison of two versions.
pub mod diff;
// Verification: complete, in order, and as the input gives.
pub mod verify;
// Oracle: a plain second computation of the output.
pub mod oracle;
// Rollback: a new version that names an old version's parts.
pub mod rollback;
// Marker of the dataset, and marks of its jobs.
pub mod marks;
// Collector of objects that no retained manifest names.
pub mod gc;
// Coverage: complete, running, failed, with holes or missing, by window and shard.
pub mod coverage;
// Current record of a job.
pub mod record;

// One row per bucket, for any windows.
mod buckets;
// Metadata of series, as text and as JSON.
mod metadata;
// Comparison of a stream with expected rows.
mod join;
// Merge of many sorted parts.
mod merge;
// Rollups computed again.
mod rollup;

pub use catalog::{Catalog, Selection};
pub use error::{DatasetError, ErrorKind};
pub use parts::Parts;

// Small handmade datasets.
#[cfg(test)]
mod fixture;
