//! Checks that rows arrive sorted (DT-2): the files declare their order, and engines prune by it.

use model::SeriesKey;

use crate::error::WriteError;
use crate::sink::RowSummary;
use crate::table::{Table, TableRows as _};

/// Checks and counts the rows that enter a sink.
#[derive(Debug, Default)]
pub(crate) struct RowGate {
    last: Option<(SeriesKey, i64)>,
    summary: RowSummary,
}

impl RowGate {
    /// Counts the rows let in so far.
    pub(crate) fn summary(&self) -> RowSummary {
        self.summary
    }

    /// Lets `rows` in, if they are rectangular and come after every row before.
    pub(crate) fn admit<T: Table>(&mut self, key: SeriesKey, rows: &T::Rows<'_>) -> Result<(), WriteError> {
        let timestamps = rows.timestamps_ms();
        let columns = rows.columns();
        if columns.as_ref().iter().any(|cells| cells.len() != timestamps.len()) {
            let lengths = columns.as_ref().iter().map(|cells| cells.len()).collect();
            return Err(WriteError::Ragged { table: T::NAME, key, lengths });
        }
        let (Some(&first), Some(&last)) = (timestamps.first(), timestamps.last()) else {
            return Ok(());
        };
        if let Some(before) = self.last.filter(|before| *before > (key, first)) {
            return Err(out_of_order(key, first, before));
        }
        if let Some(at) = timestamps.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(out_of_order(key, timestamps[at + 1], (key, timestamps[at])));
        }
        let continues = self.last.is_some_and(|(last_key, _)| last_key == key);
        self.summary.series += u64::from(!continues);
        self.summary.rows += timestamps.len() as u64;
        self.last = Some((key, last));
        Ok(())
    }
}

fn out_of_order(key: SeriesKey, timestamp_ms: i64, (last_key, last_timestamp_ms): (SeriesKey, i64)) -> WriteError {
    WriteError::OutOfOrder { key, timestamp_ms, last_key, last_timestamp_ms }
}
