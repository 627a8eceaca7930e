//! The one shape of all writers: rows in, bytes out, no I/O.

use model::SeriesKey;

use crate::error::WriteError;
use crate::table::Table;

/// What a sink has written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowSummary {
    /// Series with at least one row.
    pub series: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// Bytes of the file, those already taken included.
    pub bytes: u64,
}

/// Turns rows of `T` into a file, of which the caller takes the bytes as they become final.
///
/// ```text
/// (describe, append*)*  ->  (take, describe, append*)*  ->  finish
/// ```
/// The file is every `take` and then what `finish` returns, back to back. After an error the sink is spent.
pub trait RowSink<T: Table>: Send {
    /// Tells the metadata of the series whose rows follow, as text, or as a JSON value to a sink of JSON. A sink that was
    /// made without metadata leaves it out.
    fn describe(&mut self, metadata: Option<&str>);

    /// Adds rows of one series; any number of times, sorted by (organisation, metric, timestamp) over all calls.
    ///
    /// # Errors
    /// Rows that are ragged, out of order, or that the format cannot say.
    fn append(&mut self, key: SeriesKey, rows: T::Rows<'_>) -> Result<(), WriteError>;

    /// The bytes that became final since the last call; often none.
    fn take(&mut self) -> Vec<u8>;

    /// Ends the file: its last bytes, and what was written.
    ///
    /// # Errors
    /// Those of the rows that were still held back.
    fn finish(self: Box<Self>) -> Result<(Vec<u8>, RowSummary), WriteError>;
}
