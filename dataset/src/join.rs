//! Compares a sorted stream with known rows, both ordered by series and time, in one pass.

use model::{SeriesKey, TimestampMs};

use crate::error::DatasetError;
use crate::rows::{Chunk, ChunkSource};

/// Kind of difference between the stream and the expected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// Row that was expected but is not in the stream.
    Missing,
    /// Row in the stream that was not expected.
    Extra,
    /// Row in both, with other values.
    Changed,
    /// Metadata of a series that differs.
    Metadata,
}

/// Callback that gets every mismatch, with its row and a description.
pub(crate) type OnMismatch<'a> = dyn FnMut(Mismatch, (SeriesKey, TimestampMs), &dyn Fn() -> String) + Send + 'a;

/// Stream under comparison, with its current position.
pub(crate) struct Join {
    source: Box<dyn ChunkSource>,
    chunk: Option<Chunk>,
    at: usize,
    is_over: bool,
    metadata_of: Option<SeriesKey>,
    has_metadata: bool,
}

impl Join {
    /// Creates a join that compares rows, and metadata too if `has_metadata`.
    pub(crate) fn new(source: Box<dyn ChunkSource>, has_metadata: bool) -> Self {
        Self { source, chunk: None, at: 0, is_over: false, metadata_of: None, has_metadata }
    }

    /// Compares the next rows that should be in the stream.
    pub(crate) async fn expect(
        &mut self,
        expected: &Chunk,
        on_mismatch: &mut OnMismatch<'_>,
    ) -> Result<(), DatasetError> {
        for (row, at) in expected.rows.timestamps().iter().enumerate() {
            self.expect_row(expected, row, (expected.key, *at), on_mismatch).await?;
        }
        Ok(())
    }

    /// Ends the comparison: all remaining rows are extra.
    pub(crate) async fn finish(&mut self, on_mismatch: &mut OnMismatch<'_>) -> Result<(), DatasetError> {
        while let Some(found) = self.head().await? {
            self.report_extra(found, on_mismatch);
            self.at += 1;
        }
        Ok(())
    }

    async fn expect_row(
        &mut self,
        expected: &Chunk,
        row: usize,
        wanted: (SeriesKey, TimestampMs),
        on_mismatch: &mut OnMismatch<'_>,
    ) -> Result<(), DatasetError> {
        loop {
            match self.head().await? {
                Some(found) if found < wanted => {
                    self.report_extra(found, on_mismatch);
                    self.at += 1;
                }
                Some(found) if found == wanted => {
                    self.compare(expected, row, wanted, on_mismatch);
                    self.at += 1;
                    return Ok(());
                }
                _ => {
                    on_mismatch(Mismatch::Missing, wanted, &|| format!("expected {}", expected.rows.describe(row)));
                    return Ok(());
                }
            }
        }
    }

    /// Returns the current row of the stream, or `None` at its end.
    async fn head(&mut self) -> Result<Option<(SeriesKey, TimestampMs)>, DatasetError> {
        loop {
            if let Some(chunk) = &self.chunk
                && let Some(at) = chunk.rows.timestamps().get(self.at)
            {
                return Ok(Some((chunk.key, *at)));
            }
            if self.is_over {
                return Ok(None);
            }
            self.at = 0;
            self.chunk = self.source.next().await?;
            self.is_over = self.chunk.is_none();
        }
    }

    fn compare(
        &mut self,
        expected: &Chunk,
        row: usize,
        wanted: (SeriesKey, TimestampMs),
        on_mismatch: &mut OnMismatch<'_>,
    ) {
        let found = self.chunk.as_ref().expect("the caller compares the head");
        if !found.rows.is_same(self.at, &expected.rows, row) {
            let at = self.at;
            on_mismatch(Mismatch::Changed, wanted, &|| {
                format!("expected {}, found {}", expected.rows.describe(row), found.rows.describe(at))
            });
        }
        if !self.has_metadata || self.metadata_of == Some(expected.key) {
            return;
        }
        // A series' metadata comes with its last rows; earlier rows have nothing to compare.
        let (Some(wanted_metadata), Some(metadata)) = (&expected.metadata, &found.metadata) else { return };
        self.metadata_of = Some(expected.key);
        if metadata != wanted_metadata {
            on_mismatch(Mismatch::Metadata, wanted, &|| {
                let [expected, found] = [wanted_metadata, metadata].map(|bytes| bytes.escape_ascii());
                format!("expected metadata \"{expected}\", found \"{found}\"")
            });
        }
    }

    fn report_extra(&self, found: (SeriesKey, TimestampMs), on_mismatch: &mut OnMismatch<'_>) {
        let chunk = self.chunk.as_ref().expect("the caller reports the head");
        on_mismatch(Mismatch::Extra, found, &|| format!("found {}", chunk.rows.describe(self.at)));
    }
}
