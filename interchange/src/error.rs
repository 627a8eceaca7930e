//! Errors of rows that are written, and of files that are read.

use model::{Invariant, SeriesKey};
use parquet::errors::ParquetError;

/// Error of rows that were not written. The sink is unusable afterwards, and its bytes are not a whole file.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The rows are not sorted, which is a bug of the caller.
    #[error(
        "DT-2: {key} at {timestamp_ms} ms comes after {last_key} at {last_timestamp_ms} ms; rows must be appended by \
         organisation, metric and time: verify the part they come from, and report this if it is sound"
    )]
    OutOfOrder {
        /// Series of the row that came too late.
        key: SeriesKey,
        /// Timestamp of that row.
        timestamp_ms: i64,
        /// Series of the row before.
        last_key: SeriesKey,
        /// Timestamp of the row before.
        last_timestamp_ms: i64,
    },
    /// The columns of a batch differ in length, which is a bug of the caller.
    #[error("the {table} columns of {key} have {lengths:?} rows; give each column as many, and report this")]
    Ragged {
        /// Name of the table.
        table: &'static str,
        /// Key of the series.
        key: SeriesKey,
        /// Length of each column, in the order of the table.
        lengths: Vec<usize>,
    },
    /// The chosen text form cannot express the instant.
    #[error(
        "{key} at {timestamp_ms} ms lies outside the years 0 to 9999, which RFC 3339 cannot say; write timestamps in \
         milliseconds instead"
    )]
    BeyondRfc3339 {
        /// Key of the series.
        key: SeriesKey,
        /// Timestamp of the row.
        timestamp_ms: i64,
    },
    /// The encoder returned an error. Our files stay far below every limit of the format, so this is a bug.
    #[error("the Parquet encoder refused row {row}; report this with the input that caused it")]
    Encoder {
        /// Rows before it, in the whole file.
        row: u64,
        /// Error of the encoder.
        #[source]
        source: ParquetError,
    },
}

impl WriteError {
    /// Returns the invariant that the rows break, if one.
    pub const fn violates(&self) -> Option<Invariant> {
        match self {
            Self::OutOfOrder { .. } => Some(Invariant::Dt2),
            _ => None,
        }
    }
}

/// Error of a file that our writer did not write.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file is another program's, or another table's.
    #[error("the Parquet file has the columns ({found}), not ({expected}); give a file that tailor exported")]
    Schema {
        /// Columns of the file.
        found: String,
        /// Columns that are expected.
        expected: String,
    },
    /// The columns of a row group end at different rows.
    #[error(
        "row group {row_group} declares {declared} rows and its columns hold {lengths:?} of them from row {row} on; the file \
         is damaged: export it again"
    )]
    Ragged {
        /// Position of the row group in the file.
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
        /// Position of the row group in the file.
        row_group: usize,
        /// Rows read before, within the row group.
        row: u64,
        /// Error of the decoder.
        #[source]
        source: ParquetError,
    },
}
