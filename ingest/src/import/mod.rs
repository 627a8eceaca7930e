//! Imports points from other formats: files in, segments out.
//!
//! The source order of the segments is the order of the input: a payload's points are consecutive points of its series,
//! and payloads of one series follow one another. So where an input has several points at one timestamp, the job's
//! duplicate rule means what a reader of the file would expect.
//!
//! ```text
//! <out>/shard=<route(org)>/import/<stem>-NNNN.seg      one sequence for each input file
//! ```
//!
//! Nothing is left out in silence: what cannot be read is reported with its place, what is not wanted is counted.

// Which metric a series is: the id, and the metadata that it is the hash of.
pub mod identity;
// Where imported points go, and as what.
pub mod target;
mod sink;
mod input;
#[cfg(test)]
mod testing;
// Rows of text.
pub mod csv;
// OpenTelemetry's metrics, as protobuf.
pub mod otlp;

use std::path::PathBuf;

use storage::StorageError;

pub use self::csv::{BadRow, CsvSettings, CsvSummary, OnBadRow, import_csv};
pub use self::identity::SeriesIdentity;
pub use self::input::find_files;
pub use self::otlp::{OtlpSummary, import_otlp};
pub use self::sink::Imported;
pub use self::target::{Target, shared_shard};

/// Why an import stopped. What was finished before stays: files of the input are imported one after another.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input cannot be read at all: fix the path, or the file.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's word for it.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is not what it should be: {cause}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what to do.
        cause: String,
    },
    /// A row cannot be read, and rows may not be skipped.
    #[error("{0}; mend it, or skip such rows with --on-bad-row skip")]
    BadRow(BadRow),
    /// Two inputs would get the same name.
    #[error("{} and {} would both become {stem}-NNNN.seg: rename one, or import them to different places", first.display(), second.display())]
    SameStem {
        /// What they share.
        stem: String,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// An earlier import left segments of that name.
    #[error("{object} exists already: remove what was imported before, or import to another place")]
    ImportedBefore {
        /// Its first segment.
        object: String,
    },
    /// Two series hash to one metric.
    #[error("two series have the metric id {metric}: {first} and {second}; rename one of them")]
    Collision {
        /// The id.
        metric: model::MetricId,
        /// Metadata of one.
        first: String,
        /// Metadata of the other.
        second: String,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
