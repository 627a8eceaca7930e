//! What can be wrong with rows on their way out, and with a file on its way in.

use model::SeriesKey;
use parquet::errors::ParquetError;

/// Rows that were not written. The sink is spent: what it holds is not a whole file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A bug of the caller: the rows of a part are sorted.
    #[error(
        "DT-2: {key} at {timestamp_ms} ms comes after {last_key} at {last_timestamp_ms} ms; rows must be appended by \
         organisation, metric and time: verify the part they come from, and report this if it is sound"
    )]
    OutOfOrder {
        /// The series that came too late.
        key: SeriesKey,
        /// Its timestamp.
        timestamp_ms: i64,
        /// The series of the row before.
        last_key: SeriesKey,
        /// The timestamp of the row before.
        last_timestamp_ms: i64,
    },
    /// A bug of the caller: columns of one batch have one length.
    #[error("the {table} columns of {key} have {lengths:?} rows; give each column as many, and report this")]
    Ragged {
        /// The table.
        table: &'static str,
        /// The series.
        key: SeriesKey,
        /// The length of each column, in the order of the table.
        lengths: Vec<usize>,
    },
    /// An instant that the chosen text form cannot express.
    #[error(
        "{key} at {timestamp_ms} ms lies outside the years 0 to 9999, which RFC 3339 cannot say; write timestamps in \
         milliseconds instead"
    )]
    BeyondRfc3339 {
        /// The series.
        key: SeriesKey,
        /// Its timestamp.
        timestamp_ms: i64,
    },
    /// The encoder refused; a file of ours stays far below every limit of the format, so this is a bug.
    #[error("the Parquet encoder refused row {row}; report this with the input that caused it")]
    Encoder {
        /// Rows before it, in the whole file.
        row: u64,
        /// Its own words.
        #[source]
        source: ParquetError,
    },
}

/// A file that is not, or not any more, what our writer made.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Another program's file, or another table's.
    #[error("the Parquet file has the columns ({found}), not ({expected}); give a file that tailor exported")]
    Schema {
        /// Its columns.
        found: String,
        /// Ours.
        expected: String,
    },
    /// The columns of a row group end at different rows.
    #[error(
        "row group {row_group} declares {declared} rows and its columns hold {lengths:?} of them from row {row} on; the file \
         is damaged: export it again"
    )]
    Ragged {
        /// Position in the file.
        row_group: usize,
        /// Rows that its metadata promises.
        declared: u64,
        /// First row of the batch, within the row group.
        row: u64,
        /// Rows that each column gave.
        lengths: Vec<usize>,
    },
    /// The footer does not decode.
    #[error("the Parquet file has no readable footer; it is damaged or not Parquet: export it again")]
    Footer(#[source] ParquetError),
    /// A page does not decode.
    #[error("row group {row_group} does not decode after row {row}; the file is damaged: export it again")]
    Page {
        /// Position in the file.
        row_group: usize,
        /// Rows read before, within the row group.
        row: u64,
        /// The decoder's words.
        #[source]
        source: ParquetError,
    },
}
