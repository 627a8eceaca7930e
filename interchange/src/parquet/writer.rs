//! Writer of Parquet files: fills row groups, and passes each on when it is full.

use std::marker::PhantomData;
use std::mem;

use model::SeriesKey;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::SerializedFileWriter;

use super::group::RowGroup;
use super::layout;
use crate::error::WriteError;
use crate::order::RowGate;
use crate::sink::{RowSink, RowSummary};
use crate::table::{Raw, Rollup, Table, TableRows as _};

/// Writer with one row per point.
pub type RawParquetWriter = ParquetWriter<Raw>;

/// Writer with one row per bucket.
pub type RollupParquetWriter = ParquetWriter<Rollup>;

/// Writes a table as Parquet; the module describes the layout. Bytes come out one row group at a time. There are no
/// options: the file is a function of its rows.
pub struct ParquetWriter<T: Table> {
    file: SerializedFileWriter<Vec<u8>>,
    properties: WriterPropertiesPtr,
    group: RowGroup,
    with_metadata: bool,
    gate: RowGate,
    table: PhantomData<fn() -> T>,
}

impl<T: Table> ParquetWriter<T> {
    /// Creates a file without rows.
    pub fn new() -> Self {
        Self::of_schema(false)
    }

    /// A file without rows, which will have the metadata of series behind the other columns.
    pub fn with_metadata() -> Self {
        Self::of_schema(true)
    }

    fn of_schema(with_metadata: bool) -> Self {
        let properties = layout::properties::<T>();
        let file = SerializedFileWriter::new(Vec::new(), layout::schema::<T>(with_metadata), properties.clone())
            .expect("writing four bytes of magic to memory cannot fail");
        let group = RowGroup::new::<T>(file.schema_descr(), &properties, with_metadata);
        Self { file, properties, group, with_metadata, gate: RowGate::default(), table: PhantomData }
    }

    fn encoder_error(&self) -> impl Fn(ParquetError) -> WriteError + use<T> {
        let row = self.gate.summary().rows;
        move |source| WriteError::Encoder { row, source }
    }

    fn write(&mut self, key: SeriesKey, rows: &T::Rows<'_>) -> Result<(), ParquetError> {
        let columns = rows.columns();
        let (mut start, total) = (0, rows.timestamps_ms().len());
        while start < total {
            if self.group.is_full_for(key) {
                self.seal_group()?;
            }
            let end = total.min(start + self.group.page_room());
            self.group.append(key, columns.as_ref(), start, end)?;
            start = end;
        }
        Ok(())
    }

    fn seal_group(&mut self) -> Result<(), ParquetError> {
        let mut next = RowGroup::new::<T>(self.file.schema_descr(), &self.properties, self.with_metadata);
        next.describe_as(&self.group);
        let columns = mem::replace(&mut self.group, next).close(self.file.schema_descr())?;
        let mut row_group = self.file.next_row_group()?;
        for (bytes, close) in columns {
            row_group.append_column(&bytes, close)?;
        }
        row_group.close()?;
        Ok(())
    }
}

impl<T: Table> Default for ParquetWriter<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Table> RowSink<T> for ParquetWriter<T> {
    fn describe(&mut self, metadata: Option<&str>) {
        self.group.describe(metadata.unwrap_or_default());
    }

    fn append(&mut self, key: SeriesKey, rows: T::Rows<'_>) -> Result<(), WriteError> {
        let error = self.encoder_error();
        self.gate.admit::<T>(key, &rows)?;
        self.write(key, &rows).map_err(error)
    }

    fn take(&mut self) -> Vec<u8> {
        // The file writer buffers in front of the vector; flushing to a vector cannot fail.
        self.file.flush().expect("flushing to memory cannot fail");
        mem::take(self.file.inner_mut())
    }

    fn finish(mut self: Box<Self>) -> Result<(Vec<u8>, RowSummary), WriteError> {
        let error = self.encoder_error();
        if self.group.rows() > 0 {
            self.seal_group().map_err(&error)?;
        }
        self.file.finish().map_err(&error)?;
        let bytes = self.file.bytes_written() as u64;
        Ok((self.take(), RowSummary { bytes, ..self.gate.summary() }))
    }
}
