//! Reader of Parquet parts, with which `dataset verify` checks them.
//!
//! Damaged input gives an error, never a panic. Every error names the row group and the row, and one read is bounded by
//! [`PAGE_ROWS`]. Some decoders of the `parquet` crate panic on damage (an index width of 200 bits, say); [`decode`]
//! turns panics into errors. A damaged page size cannot be caught here: up to 2 GiB are allocated before the page is
//! found to be missing.

use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader as _, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::schema::printer::print_schema;
use parquet::schema::types::Type;

use super::layout::{self, PAGE_ROWS};
use crate::error::ReadError;
use crate::table::{Buffer as _, CellsMut, ColumnKind, KEY_COLUMNS, Raw, RawBuffer, Rollup, RollupBuffer, Table};

/// Rows in columns, at most [`PAGE_ROWS`] of them; reused from call to call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch<B> {
    /// Organisation of each row.
    pub org_ids: Vec<u64>,
    /// Metric of each row.
    pub metric_ids: Vec<u64>,
    /// Columns behind the key, with as many rows.
    pub rows: B,
}

/// Batch of points.
pub type RawBatch = Batch<RawBuffer>;

/// Batch of buckets.
pub type RollupBatch = Batch<RollupBuffer>;

/// Reader with one row per point.
pub type RawParquetReader<R = Bytes> = ParquetReader<Raw, R>;

/// Reader with one row per bucket.
pub type RollupParquetReader<R = Bytes> = ParquetReader<Rollup, R>;

/// Reads a file of a table, from memory or from any source of ranges.
pub struct ParquetReader<T: Table, R: ChunkReader + 'static = Bytes> {
    file: SerializedFileReader<R>,
    next_row_group: usize,
    open: Option<OpenRowGroup>,
    ids: Vec<i64>,
    table: PhantomData<fn() -> T>,
}

struct OpenRowGroup {
    number: usize,
    rows: u64,
    rows_read: u64,
    org_ids: ColumnReaderImpl<Int64Type>,
    metric_ids: ColumnReaderImpl<Int64Type>,
    /// Columns behind the key.
    columns: Vec<OpenColumn>,
}

enum OpenColumn {
    Integers(ColumnReaderImpl<Int64Type>),
    Doubles(ColumnReaderImpl<DoubleType>),
}

impl<T: Table, R: ChunkReader + 'static> ParquetReader<T, R> {
    /// Reads the footer, and checks that the columns are ours.
    ///
    /// # Errors
    /// The footer does not decode, or has another schema.
    pub fn open(source: R) -> Result<Self, ReadError> {
        let file = decode(|| SerializedFileReader::new(source)).map_err(ReadError::Footer)?;
        let found = describe(file.metadata().file_metadata().schema());
        let expected = describe(&layout::schema::<T>(false));
        if found != expected {
            return Err(ReadError::Schema { found, expected });
        }
        Ok(Self { file, next_row_group: 0, open: None, ids: Vec::new(), table: PhantomData })
    }

    /// Returns the number of rows that the footer promises.
    pub fn rows_declared(&self) -> u64 {
        u64::try_from(self.file.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Replaces `batch` with the next rows; `false` after the last. After an error the reader is spent.
    ///
    /// # Errors
    /// A page does not decode, or columns end at different rows.
    pub fn read_batch(&mut self, batch: &mut Batch<T::Buffer>) -> Result<bool, ReadError> {
        loop {
            let Some(mut group) = self.open.take().map_or_else(|| self.open_next(), |group| Ok(Some(group)))? else {
                return Ok(false);
            };
            // An error leaves the row group closed, so that a decoder that failed midway is not used again.
            if group.read_batch::<T>(batch, &mut self.ids)? {
                self.open = Some(group);
                return Ok(true);
            }
        }
    }

    fn open_next(&mut self) -> Result<Option<OpenRowGroup>, ReadError> {
        let number = self.next_row_group;
        if number >= self.file.metadata().num_row_groups() {
            return Ok(None);
        }
        self.next_row_group += 1;
        let open = decode(|| OpenRowGroup::new::<T, R>(&self.file, number));
        open.map(Some).map_err(|source| ReadError::Page { row_group: number, row: 0, source })
    }
}

impl OpenRowGroup {
    fn new<T: Table, R: ChunkReader + 'static>(
        file: &SerializedFileReader<R>,
        number: usize,
    ) -> Result<Self, ParquetError> {
        let group = file.get_row_group(number)?;
        let open = |(at, (_, kind)): (usize, &(_, ColumnKind))| OpenColumn::new(&*group, KEY_COLUMNS.len() + at, *kind);
        Ok(Self {
            number,
            rows: u64::try_from(group.metadata().num_rows()).unwrap_or(0),
            rows_read: 0,
            org_ids: column(&*group, 0)?,
            metric_ids: column(&*group, 1)?,
            columns: T::COLUMNS.iter().enumerate().map(open).collect::<Result<_, _>>()?,
        })
    }

    /// Replaces `batch` with the next rows; `false` when all declared rows have been read.
    fn read_batch<T: Table>(&mut self, batch: &mut Batch<T::Buffer>, ids: &mut Vec<i64>) -> Result<bool, ReadError> {
        let wanted = usize::try_from(self.rows - self.rows_read).unwrap_or(usize::MAX).min(PAGE_ROWS);
        if wanted == 0 {
            return Ok(false);
        }
        let lengths = decode(|| self.read_columns::<T>(batch, ids, wanted)).map_err(|source| ReadError::Page {
            row_group: self.number,
            row: self.rows_read,
            source,
        })?;
        if lengths.iter().any(|length| *length != wanted) {
            let (row_group, declared, row) = (self.number, self.rows, self.rows_read);
            return Err(ReadError::Ragged { row_group, declared, row, lengths });
        }
        self.rows_read += wanted as u64;
        Ok(true)
    }

    /// Reads up to `rows` of every column; returns the number that each column had.
    fn read_columns<T: Table>(
        &mut self,
        batch: &mut Batch<T::Buffer>,
        ids: &mut Vec<i64>,
        rows: usize,
    ) -> Result<Vec<usize>, ParquetError> {
        let mut lengths = vec![
            read_ids(&mut self.org_ids, rows, ids, &mut batch.org_ids)?,
            read_ids(&mut self.metric_ids, rows, ids, &mut batch.metric_ids)?,
        ];
        for (column, cells) in self.columns.iter_mut().zip(batch.rows.columns_mut()) {
            lengths.push(column.read(rows, ids, cells)?);
        }
        Ok(lengths)
    }
}

impl OpenColumn {
    fn new(group: &dyn RowGroupReader, index: usize, kind: ColumnKind) -> Result<Self, ParquetError> {
        match kind {
            ColumnKind::Id | ColumnKind::Instant | ColumnKind::Count => Ok(Self::Integers(column(group, index)?)),
            ColumnKind::Value => Ok(Self::Doubles(column(group, index)?)),
        }
    }

    fn read(&mut self, rows: usize, ids: &mut Vec<i64>, cells: CellsMut<'_>) -> Result<usize, ParquetError> {
        match (self, cells) {
            (Self::Integers(column), CellsMut::Instants(cells)) => read_cells(column, rows, cells),
            (Self::Integers(column), CellsMut::Counts(cells)) => read_ids(column, rows, ids, cells),
            (Self::Doubles(column), CellsMut::Values(cells)) => read_cells(column, rows, cells),
            _ => unreachable!("a table's buffer has the columns of the table"),
        }
    }
}

/// Runs a decoder of the `parquet` crate, and turns its panics into errors. Its data must not be used after an error.
fn decode<T>(decoder: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch_unwind(AssertUnwindSafe(decoder))
        .unwrap_or_else(|_| Err(ParquetError::General("the decoder gave up on impossible bytes".to_owned())))
}

fn column<D: DataType>(group: &dyn RowGroupReader, index: usize) -> Result<ColumnReaderImpl<D>, ParquetError> {
    Ok(get_typed_column_reader(group.get_column_reader(index)?))
}

/// Replaces `cells` with up to `rows` further cells of a column.
fn read_cells<D: DataType>(
    column: &mut ColumnReaderImpl<D>,
    rows: usize,
    cells: &mut Vec<D::T>,
) -> Result<usize, ParquetError> {
    cells.clear();
    while cells.len() < rows {
        let (records, _, _) = column.read_records(rows - cells.len(), None, None, cells)?;
        if records == 0 {
            break;
        }
    }
    Ok(cells.len())
}

/// Reads ids and counts, which Parquet stores as signed integers with the same bits.
fn read_ids(
    column: &mut ColumnReaderImpl<Int64Type>,
    rows: usize,
    signed: &mut Vec<i64>,
    ids: &mut Vec<u64>,
) -> Result<usize, ParquetError> {
    read_cells(column, rows, signed)?;
    ids.clear();
    ids.extend(signed.iter().map(|id| *id as u64));
    Ok(ids.len())
}

/// Formats the columns of a schema as text. The text must match for the typed readers to fit.
fn describe(schema: &Type) -> String {
    let mut text = Vec::new();
    print_schema(&mut text, schema);
    let text = String::from_utf8_lossy(&text);
    // The first line is the message's name, which other writers choose; the last is its brace.
    let columns = text.lines().skip(1).map(str::trim).filter(|line| *line != "}");
    columns.collect::<Vec<_>>().join(" ")
}
