//! Row group that is being filled: its key columns as runs, the others as chunks.

use model::SeriesKey;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::schema::types::SchemaDescriptor;

use super::chunk::{ColumnChunk, EncodedColumn};
use super::ids::IdChunk;
use super::layout::{PAGE_ROWS, ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_MAX, ROW_GROUP_SERIES_MAX};
use crate::table::{Cells, ColumnKind, KEY_COLUMNS, Table};

/// Column that is not part of the key.
enum DataChunk {
    /// Column of instants or counts.
    Integers(ColumnChunk<Int64Type>),
    /// Column of values.
    Doubles(ColumnChunk<DoubleType>),
}

/// Column of metadata, with its value for the rows that follow.
struct MetadataChunk {
    chunk: ColumnChunk<ByteArrayType>,
    text: ByteArray,
}

/// Row group in progress; all columns have the same number of rows, on pages that line up.
pub(crate) struct RowGroup {
    org_ids: IdChunk,
    metric_ids: IdChunk,
    data: Vec<DataChunk>,
    metadata: Option<MetadataChunk>,
    rows: usize,
    rows_in_page: usize,
}

impl RowGroup {
    pub(crate) fn new<T: Table>(
        schema: &SchemaDescriptor,
        properties: &WriterPropertiesPtr,
        with_metadata: bool,
    ) -> Self {
        let chunk = |(index, (_, kind)): (usize, &(&str, ColumnKind))| {
            let column = schema.column(KEY_COLUMNS.len() + index);
            match kind {
                ColumnKind::Value => DataChunk::Doubles(ColumnChunk::new(column, properties.clone())),
                _ => DataChunk::Integers(ColumnChunk::new(column, properties.clone())),
            }
        };
        let data = T::COLUMNS.iter().enumerate().map(chunk).collect();
        let metadata = with_metadata.then(|| {
            let column = schema.column(KEY_COLUMNS.len() + T::COLUMNS.len());
            MetadataChunk { chunk: ColumnChunk::new(column, properties.clone()), text: ByteArray::from("") }
        });
        let (org_ids, metric_ids) = (IdChunk::default(), IdChunk::default());
        Self { org_ids, metric_ids, data, metadata, rows: 0, rows_in_page: 0 }
    }

    /// Says what the rows that follow have for metadata; nothing in a file without.
    pub(crate) fn describe(&mut self, metadata: &str) {
        if let Some(MetadataChunk { text, .. }) = &mut self.metadata {
            *text = ByteArray::from(metadata);
        }
    }

    /// The same metadata as in the row group before: a series goes on in the next one.
    pub(crate) fn describe_as(&mut self, before: &Self) {
        if let (Some(next), Some(before)) = (&mut self.metadata, &before.metadata) {
            next.text = before.text.clone();
        }
    }

    /// Counts the rows of the group.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Counts the rows that still fit on the page.
    pub(crate) fn page_room(&self) -> usize {
        PAGE_ROWS - self.rows_in_page
    }

    /// Adds rows `start..end` of `columns`, at most [`Self::page_room`] of them, and encodes the page when it is
    /// full.
    pub(crate) fn append(&mut self, key: SeriesKey, columns: &[Cells<'_>], start: usize, end: usize) -> Result<()> {
        for (chunk, cells) in self.data.iter_mut().zip(columns) {
            match (chunk, cells) {
                (DataChunk::Integers(chunk), Cells::Instants(cells)) => {
                    chunk.page().extend_from_slice(&cells[start..end]);
                }
                // Parquet stores unsigned integers as signed integers with the same bits.
                (DataChunk::Integers(chunk), Cells::Counts(cells)) => {
                    chunk.page().extend(cells[start..end].iter().map(|count| *count as i64));
                }
                (DataChunk::Doubles(chunk), Cells::Values(cells)) => chunk.page().extend_from_slice(&cells[start..end]),
                _ => unreachable!("a table's cells have the kinds that its columns declare"),
            }
        }
        self.org_ids.push(key.org.0, end - start);
        self.metric_ids.push(key.metric.0, end - start);
        if let Some(MetadataChunk { chunk, text }) = &mut self.metadata {
            chunk.page().extend(std::iter::repeat_n(text.clone(), end - start));
        }
        self.rows += end - start;
        self.rows_in_page += end - start;
        if self.rows_in_page == PAGE_ROWS { self.seal_page() } else { Ok(()) }
    }

    /// True if rows of `key` belong to the next row group. The answer must not depend on how rows were cut into
    /// appends: a series that has begun here continues here, and bytes are counted only when a page is sealed.
    pub(crate) fn is_full_for(&self, key: SeriesKey) -> bool {
        let lacks_ids =
            self.metric_ids.distinct() >= ROW_GROUP_SERIES_MAX && self.metric_ids.last() != Some(key.metric.0);
        lacks_ids || self.rows >= ROW_GROUP_ROWS_MAX || self.bytes_encoded() >= ROW_GROUP_BYTES_MAX
    }

    /// Encodes the rest, and returns the columns in the order of the schema.
    pub(crate) fn close(mut self, schema: &SchemaDescriptor) -> Result<Vec<EncodedColumn>> {
        if self.rows_in_page > 0 {
            self.seal_page()?;
        }
        let mut columns = vec![self.org_ids.close(schema.column(0))?, self.metric_ids.close(schema.column(1))?];
        for chunk in self.data {
            columns.push(match chunk {
                DataChunk::Integers(chunk) => chunk.close()?,
                DataChunk::Doubles(chunk) => chunk.close()?,
            });
        }
        if let Some(MetadataChunk { chunk, .. }) = self.metadata {
            columns.push(chunk.close()?);
        }
        Ok(columns)
    }

    fn bytes_encoded(&self) -> usize {
        let bytes = |chunk: &DataChunk| match chunk {
            DataChunk::Integers(chunk) => chunk.bytes_encoded(),
            DataChunk::Doubles(chunk) => chunk.bytes_encoded(),
        };
        let metadata = self.metadata.as_ref().map_or(0, |metadata| metadata.chunk.bytes_encoded());
        self.data.iter().map(bytes).sum::<usize>() + metadata
    }

    fn seal_page(&mut self) -> Result<()> {
        self.org_ids.seal_page();
        self.metric_ids.seal_page();
        self.rows_in_page = 0;
        if let Some(MetadataChunk { chunk, .. }) = &mut self.metadata {
            chunk.seal_page()?;
        }
        self.data.iter_mut().try_for_each(|chunk| match chunk {
            DataChunk::Integers(chunk) => chunk.seal_page(),
            DataChunk::Doubles(chunk) => chunk.seal_page(),
        })
    }
}
