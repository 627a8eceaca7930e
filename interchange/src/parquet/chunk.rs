//! Column of a row group, encoded page by page into memory.
//!
//! A Parquet row group stores its columns one after the other, but rows arrive with all columns at once. So each
//! column encodes into a buffer of its own, and the row group is assembled from the buffers when it ends. In memory
//! are compressed pages, not rows.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::column::page::{CompressedPage, PageWriteSpec, PageWriter};
use parquet::column::writer::{ColumnCloseResult, ColumnWriterImpl, get_column_writer, get_typed_column_writer};
use parquet::data_type::DataType;
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::layout::PAGE_ROWS;

/// Encoded column, with its entry in the file's metadata.
pub(crate) type EncodedColumn = (Bytes, ColumnCloseResult);

/// Column in progress: one page of plain rows, and the encoded pages before it.
pub(crate) struct ColumnChunk<D: DataType> {
    page: Vec<D::T>,
    writer: ColumnWriterImpl<'static, D>,
    encoded: SharedBuffer,
}

impl<D: DataType> ColumnChunk<D> {
    pub(crate) fn new(column: ColumnDescPtr, properties: WriterPropertiesPtr) -> Self {
        let encoded = SharedBuffer::default();
        let pages = Box::new(Pages(TrackedWrite::new(encoded.clone())));
        let writer = get_typed_column_writer(get_column_writer(column, properties, pages));
        Self { page: Vec::with_capacity(PAGE_ROWS), writer, encoded }
    }

    /// Returns the page that is being filled.
    pub(crate) fn page(&mut self) -> &mut Vec<D::T> {
        &mut self.page
    }

    /// Encodes the current page.
    pub(crate) fn seal_page(&mut self) -> Result<()> {
        self.writer.write_batch(&self.page, None, None)?;
        self.page.clear();
        Ok(())
    }

    /// Counts the bytes of the encoded pages.
    pub(crate) fn bytes_encoded(&self) -> usize {
        self.writer.get_total_bytes_written() as usize
    }

    /// Encodes the last page, if rows are left, and returns the column.
    pub(crate) fn close(mut self) -> Result<EncodedColumn> {
        // An empty batch adds no page.
        self.seal_page()?;
        let close = self.writer.close()?;
        Ok((self.encoded.take(), close))
    }
}

/// Sink of a column writer, shared with us because the writer owns its sink and does not return it.
#[derive(Clone, Default)]
pub(crate) struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl SharedBuffer {
    pub(crate) fn take(&self) -> Bytes {
        // Only an allocation can have panicked under the lock, so the bytes are still valid.
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into()
    }
}

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes pages with their headers, as [`SerializedPageWriter`] does, but owns its sink.
pub(crate) struct Pages(pub(crate) TrackedWrite<SharedBuffer>);

impl PageWriter for Pages {
    fn write_page(&mut self, page: CompressedPage) -> Result<PageWriteSpec> {
        SerializedPageWriter::new(&mut self.0).write_page(page)
    }

    fn close(&mut self) -> Result<()> {
        SerializedPageWriter::new(&mut self.0).close()
    }
}
