//! Interface of all writers: rows in, bytes out, no I/O.

use model::SeriesKey;

use crate::error::WriteError;
use crate::table::Table;

/// Counts of a sink's rows and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowSummary {
    /// Series with at least one row.
    pub series: u64,
    /// Rows of all series.
    pub rows: u64,
    /// Bytes of the file, including those already taken.
    pub bytes: u64,
}

/// Turns rows of `T` into a file. The caller takes the bytes as they become final.
///
/// ```text
/// (describe, append*)*  ->  (take, describe, append*)*  ->  finish
/// ```
/// The file is every `take` and then what `finish` returns, back to back. After an error the sink is spent.
pub trait RowSink<T: Table>: Send {
    /// Sets the metadata of the series whose rows follow, as text, or as a JSON value for a sink of JSON. A sink that was
    /// made without metadata ignores it.
    fn describe(&mut self, metadata: Option<&str>);

    /// Adds rows of one series. May be called any number of times; rows must be sorted by (organisation, metric,
    /// timestamp) over all calls.
    ///
    /// # Errors
    /// The rows are ragged or out of order, or the format cannot express them.
    fn append(&mut self, key: SeriesKey, rows: T::Rows<'_>) -> Result<(), WriteError>;

    /// Takes the bytes that became final since the last call; often none.
    fn take(&mut self) -> Vec<u8>;

    /// Ends the file; returns its last bytes and the counts.
    ///
    /// # Errors
    /// Errors of the rows that were still buffered.
    fn finish(self: Box<Self>) -> Result<(Vec<u8>, RowSummary), WriteError>;
}
