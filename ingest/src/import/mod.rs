//! Imports points from other formats: files in, segments out.
//!
//! ```text
//! files -> input -> csv | otlp -> sink: payloads, segments -> receipt
//!                                   series: ids, times       -> collisions
//! ```
//!
//! - **IM-1** Every row and every value that is read is in the [`ImportBooks`]: written, blank, skipped with a reason, or
//!   refused.
//! - **IM-2** Points that share series and time with an earlier one of another value are counted and reported.
//! - **IM-3** Text that is not understood is refused, with its place and the next step.
//! - **IM-4** A file is imported whole or not at all; its receipt says so, and an import can be repeated.
//! - **IM-5** The source order of the segments is the order of the input: files as given, rows as in the file. A payload's
//!   points are consecutive points of its series, and payloads of one series follow one another. So if an input has several
//!   points at one timestamp, the job's duplicate rule has the effect that a reader of the file would expect.

pub mod identity; // identity of a series: the metric id, and the metadata that it is the hash of
pub mod target; //   target of the points: place, organisation and sizes
pub mod books; //    books: what was read, and what became of it
pub mod receipt; //  receipt of a file, kept beside its segments
mod importing; //    order of the files, and rules for files that were imported before
mod input;
mod series;
mod sink;
mod collisions; //   points that collide in series and time
#[cfg(test)]
mod testing;
pub mod csv; //      import of CSV
pub mod otlp; //     import of OpenTelemetry metrics, as collectors write them

use std::path::PathBuf;

use storage::StorageError;

pub use self::books::{Account, ImportBooks};
pub use self::collisions::Collisions;
pub use self::csv::{BadRow, CsvSettings, CsvSummary, OnBadRow, import_csv};
pub use self::identity::SeriesIdentity;
pub use self::importing::{ImportOutcome, Notice, Rerun};
pub use self::input::{FoundFile, FoundFiles, find_files};
pub use self::otlp::{OtlpSummary, import_otlp};
pub use self::receipt::{Done, Receipt};
pub use self::sink::Imported;
pub use self::target::{Target, shared_shard};

/// Reason for which an import stopped. Files that were imported before stay: a second run of the import leaves them
/// as they are.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input cannot be read at all: fix the path, or the file.
    #[error("cannot read {}", path.display())]
    Read {
        /// Path of the file or folder.
        path: PathBuf,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file breaks the rules of its format.
    #[error("{} is not what it should be: {cause}", path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Description of the fault, its place, and the next step.
        cause: String,
    },
    /// A row cannot be read, and rows may not be skipped.
    #[error("{0}; mend it, or skip such rows with --on-bad-row skip")]
    BadRow(BadRow),
    /// A path is named twice, or by two names.
    #[error("{} is named twice; its points would count twice", path.display())]
    NamedTwice {
        /// Path of the file.
        path: PathBuf,
    },
    /// The folders have no file with a matching ending.
    #[error("no file ends in {endings} there ({left_out} others were left out); name the file itself to import it")]
    NoFiles {
        /// Endings that were looked for.
        endings: String,
        /// Number of files with other endings.
        left_out: usize,
    },
    /// The options contradict themselves, or the input.
    #[error("{cause}")]
    Options {
        /// Description of the contradiction.
        cause: String,
    },
    /// The file was imported to this place before, and this import would write other segments.
    #[error(
        "{} was imported to this place before, and {what}; give --replace to import it again in its place, or another --out",
        path.display()
    )]
    ImportedBefore {
        /// Path of the file.
        path: PathBuf,
        /// Description of the difference.
        what: &'static str,
    },
    /// An import of a file of that name was killed.
    #[error(
        "an import of {} to this place did not end; give --resume to remove what it left and import the file again",
        path.display()
    )]
    Unfinished {
        /// Path of the file.
        path: PathBuf,
    },
    /// An earlier version imported a file of that name, and left no receipt.
    #[error("{object} was imported by an earlier version of tailor; remove it, or import to another place")]
    Unreceipted {
        /// URI of its first segment.
        object: String,
    },
    /// A receipt cannot be read.
    #[error("{object} is not a receipt of an import: {cause}; remove it, or import to another place")]
    Receipt {
        /// URI of the object.
        object: String,
        /// Description of the fault.
        cause: String,
    },
    /// More files were imported to one place than can be told apart.
    #[error("{place} has receipts of {files} files already; import to another place")]
    PlaceFull {
        /// URI of the place.
        place: String,
        /// Number of files.
        files: u32,
    },
    /// The books do not balance, which is a bug of Tailor.
    #[error("the books of {name} do not balance ({accounts}); nothing of it was imported: report this as a bug")]
    Unbalanced {
        /// Name of the file in keys.
        name: String,
        /// Accounts of rows and of values.
        accounts: String,
    },
    /// More series than an import holds.
    #[error("it has more than {series} series; does a label column differ in every row?")]
    TooManySeries {
        /// Most series that an import holds.
        series: usize,
    },
    /// A segment that was just written cannot be read back.
    #[error("{object} is damaged: {cause}")]
    Damaged {
        /// URI of the segment.
        object: String,
        /// Description of the fault.
        cause: String,
    },
    /// The folder of temporary files failed.
    #[error(
        "cannot use the folder of temporary files, to look for points of one series and time (TMPDIR names another)"
    )]
    Scratch(#[source] std::io::Error),
    /// Two series hash to one metric.
    #[error("two series have the metric id {metric}: {first} and {second}; rename one of them")]
    Collision {
        /// Metric id of both series.
        metric: model::MetricId,
        /// Metadata of one series.
        first: String,
        /// Metadata of the other series.
        second: String,
    },
    /// The object store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
