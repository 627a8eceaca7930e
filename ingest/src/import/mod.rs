//! Imports points from other formats: files in, segments out.
//!
//! ```text
//! files -> input -> csv | otlp -> sink: payloads, segments -> receipt
//!                                   series: ids, times       -> collisions
//! ```
//!
//! - **IM-1** Every row and every value that is read is in the [`Books`]: written, blank, skipped with a reason, or refused.
//! - **IM-2** Points that share series and time with an earlier one of another value are counted and told.
//! - **IM-3** Text that is not understood is refused, with its place and the next step.
//! - **IM-4** A file is imported whole or not at all; its receipt says so, and an import can be repeated.
//! - **IM-5** The source order of the segments is the order of the input: files as given, rows as they lie. A payload's points
//!   are consecutive points of its series, and payloads of one series follow one another. So where an input has several points
//!   at one timestamp, the job's duplicate rule means what a reader of the file would expect.

// Which metric a series is: the id, and the metadata that it is the hash of.
pub mod identity;
// Where imported points go, and as what.
pub mod target;
// What was read, and what became of it.
pub mod books;
// What an import of a file left at its place.
pub mod receipt;
// Files in order, and what was imported before.
mod importing;
mod input;
mod series;
mod sink;
// Points of one series and time.
mod collisions;
#[cfg(test)]
mod testing;
// Rows of text.
pub mod csv;
// OpenTelemetry's metrics, as collectors write them.
pub mod otlp;

use std::path::PathBuf;

use storage::StorageError;

pub use self::books::{Account, Books};
pub use self::collisions::Collisions;
pub use self::csv::{BadRow, CsvSettings, CsvSummary, OnBadRow, import_csv};
pub use self::identity::SeriesIdentity;
pub use self::importing::{Notice, Outcome, Rerun};
pub use self::input::{FoundFile, FoundFiles, find_files};
pub use self::otlp::{OtlpSummary, import_otlp};
pub use self::receipt::{Done, Receipt};
pub use self::sink::Imported;
pub use self::target::{Target, shared_shard};

/// Why an import stopped. Files that were imported before it stopped stay: an import that is run again leaves them as they are.
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
    /// A path is named twice, or by two names.
    #[error("{} is named twice; its points would count twice", path.display())]
    NamedTwice {
        /// The file.
        path: PathBuf,
    },
    /// Folders without a file that is meant.
    #[error("no file ends in {endings} there ({left_out} others were left out); name the file itself to import it")]
    NoFiles {
        /// What was looked for.
        endings: String,
        /// Files that end in something else.
        left_out: usize,
    },
    /// The options contradict themselves, or the input.
    #[error("{cause}")]
    Options {
        /// How.
        cause: String,
    },
    /// The file was imported to this place before, and what is there is not what this import would write.
    #[error(
        "{} was imported to this place before, and {what}; give --replace to import it again in its place, or another --out",
        path.display()
    )]
    ImportedBefore {
        /// The file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
    /// An import of a file of that name was killed.
    #[error(
        "an import of {} to this place did not end; give --resume to remove what it left and import the file again",
        path.display()
    )]
    Unfinished {
        /// The file.
        path: PathBuf,
    },
    /// An earlier version imported a file of that name, and left no receipt.
    #[error("{object} was imported by an earlier version of tailor; remove it, or import to another place")]
    Unreceipted {
        /// Its first segment.
        object: String,
    },
    /// A receipt cannot be read.
    #[error("{object} is not a receipt of an import: {cause}; remove it, or import to another place")]
    Receipt {
        /// The object.
        object: String,
        /// Why not.
        cause: String,
    },
    /// More files were imported to one place than can be told apart.
    #[error("{place} has receipts of {files} files already; import to another place")]
    PlaceFull {
        /// The place.
        place: String,
        /// Files.
        files: u32,
    },
    /// The books do not balance: a bug of ours.
    #[error("the books of {name} do not balance ({accounts}); nothing of it was imported: report this as a bug")]
    Unbalanced {
        /// The file's name in keys.
        name: String,
        /// Both accounts.
        accounts: String,
    },
    /// More series than an import holds.
    #[error("it has more than {series} series; does a label column differ in every row?")]
    TooManySeries {
        /// The bound.
        series: usize,
    },
    /// A segment that was just written cannot be read back.
    #[error("{object} is damaged: {cause}")]
    Damaged {
        /// The segment.
        object: String,
        /// How.
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
