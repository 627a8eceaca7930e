//! Key columns of a row group: a dictionary of ids, and runs of them.
//!
//! Rows are sorted by key, so an id column is a few long runs. It is kept as runs until the row group ends, and then
//! written as `RLE_DICTIONARY` pages, which express a run in four bytes. The `parquet` crate would hash every row to
//! find the runs again (7 ns per row and column, compared with 22 for the value itself); the code here does no work
//! per row. The pages are not compressed, because no redundancy is left. A metric id that two organisations share is
//! in the dictionary twice.

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, Type};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::TrackedWrite;
use parquet::schema::types::ColumnDescPtr;

use super::chunk::{EncodedColumn, Pages, SharedBuffer};

/// Run of equal ids in consecutive rows of one page.
#[derive(Debug, Clone, Copy)]
struct Run {
    id: u64,
    /// Position of the id in the dictionary.
    index: u32,
    rows: u32,
}

/// Id column in progress.
#[derive(Debug, Default)]
pub(crate) struct IdChunk {
    dictionary: Vec<u64>,
    runs: Vec<Run>,
    /// End of each sealed page, as a position in `runs`.
    page_ends: Vec<usize>,
}

impl IdChunk {
    /// Adds `rows` rows with `id`.
    pub(crate) fn push(&mut self, id: u64, rows: usize) {
        let rows = rows as u32;
        if self.dictionary.last() != Some(&id) {
            self.dictionary.push(id);
        }
        let page_start = self.page_ends.last().copied().unwrap_or(0);
        match self.runs[page_start..].last_mut() {
            Some(run) if run.id == id => run.rows += rows,
            _ => self.runs.push(Run { id, index: self.dictionary.len() as u32 - 1, rows }),
        }
    }

    /// Ends the current page.
    pub(crate) fn seal_page(&mut self) {
        self.page_ends.push(self.runs.len());
    }

    /// Counts the ids in the dictionary.
    pub(crate) fn distinct(&self) -> usize {
        self.dictionary.len()
    }

    /// Returns the id of the last row.
    pub(crate) fn last(&self) -> Option<u64> {
        self.dictionary.last().copied()
    }

    /// Writes the column, and empties this one for the next row group.
    pub(crate) fn close(&mut self, column: ColumnDescPtr) -> Result<EncodedColumn> {
        let buffer = SharedBuffer::default();
        let mut encoder = IdEncoder::new(buffer.clone());
        encoder.write_dictionary(&self.dictionary)?;
        let mut start = 0;
        for end in self.page_ends.drain(..) {
            encoder.write_page(&self.runs[start..end])?;
            start = end;
        }
        self.dictionary.clear();
        self.runs.clear();
        let close = encoder.close(column)?;
        Ok((buffer.take(), close))
    }
}

/// Writes the pages of one id column, and gathers their metadata.
struct IdEncoder {
    pages: Pages,
    index_bits: u8,
    column_index: ColumnIndexBuilder,
    offset_index: OffsetIndexBuilder,
    /// Smallest and largest id of each page.
    ranges: Vec<(u64, u64)>,
    rows: u64,
    /// Bytes of the dictionary page, and of all pages.
    dictionary_bytes: u64,
    bytes: u64,
}

impl IdEncoder {
    fn new(buffer: SharedBuffer) -> Self {
        Self {
            pages: Pages(TrackedWrite::new(buffer)),
            index_bits: 1,
            column_index: ColumnIndexBuilder::new(Type::INT64),
            offset_index: OffsetIndexBuilder::new(),
            ranges: Vec::new(),
            rows: 0,
            dictionary_bytes: 0,
            bytes: 0,
        }
    }

    fn write_dictionary(&mut self, ids: &[u64]) -> Result<()> {
        self.index_bits = index_bits(ids.len());
        let buf: Bytes = ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>().into();
        let size = buf.len();
        let num_values = ids.len() as u32;
        let page = Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
        self.dictionary_bytes = self.pages.write_page(CompressedPage::new(page, size))?.bytes_written;
        self.bytes = self.dictionary_bytes;
        Ok(())
    }

    fn write_page(&mut self, runs: &[Run]) -> Result<()> {
        let buf: Bytes = encode_runs(runs, self.index_bits).into();
        let size = buf.len();
        let rows: u32 = runs.iter().map(|run| run.rows).sum();
        let page = Page::DataPage {
            buf,
            num_values: rows,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = self.pages.write_page(CompressedPage::new(page, size))?;
        self.offset_index.append_row_count(i64::from(rows));
        self.offset_index.append_offset_and_size(spec.offset as i64, spec.compressed_size as i32);
        let ids = || runs.iter().map(|run| run.id);
        let (min, max) = (ids().min().unwrap_or(0), ids().max().unwrap_or(0));
        self.column_index.append(false, min.to_le_bytes().to_vec(), max.to_le_bytes().to_vec(), 0, None);
        self.ranges.push((min, max));
        self.rows += u64::from(rows);
        self.bytes += spec.bytes_written;
        Ok(())
    }

    fn close(mut self, column: ColumnDescPtr) -> Result<ColumnCloseResult> {
        self.pages.close()?;
        let ascends = self.ranges.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1);
        let order = if ascends { BoundaryOrder::ASCENDING } else { BoundaryOrder::UNORDERED };
        self.column_index.set_boundary_order(order);
        let metadata = ColumnChunkMetaData::builder(column)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_page_encoding_stats(self.encoding_stats())
            .set_total_compressed_size(self.bytes as i64)
            .set_total_uncompressed_size(self.bytes as i64)
            .set_num_values(self.rows as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(self.dictionary_bytes as i64)
            .set_statistics(self.statistics())
            .build()?;
        Ok(ColumnCloseResult {
            bytes_written: self.bytes,
            rows_written: self.rows,
            metadata,
            bloom_filter: None,
            column_index: Some(self.column_index.build()?),
            offset_index: Some(self.offset_index.build()),
        })
    }

    /// Declares that every data page is dictionary-encoded, so that engines can rule a row group out by the
    /// dictionary alone.
    fn encoding_stats(&self) -> Vec<PageEncodingStats> {
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        vec![
            stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1),
            stats(PageType::DATA_PAGE, Encoding::RLE_DICTIONARY, self.ranges.len() as i32),
        ]
    }

    /// Minimum and maximum in unsigned order, as the column's logical type has it; the bits are stored as `i64`.
    fn statistics(&self) -> Statistics {
        let min = self.ranges.iter().map(|range| range.0 as i64).min_by_key(|id| *id as u64);
        let max = self.ranges.iter().map(|range| range.1 as i64).max_by_key(|id| *id as u64);
        Statistics::Int64(ValueStatistics::new(min, max, None, Some(0), false))
    }
}

/// Counts the bits of a dictionary's largest index; never 0, which some readers do not expect.
fn index_bits(ids: usize) -> u8 {
    let largest = ids.saturating_sub(1) as u64;
    (u64::BITS - largest.leading_zeros()).max(1) as u8
}

/// Encodes the body of an `RLE_DICTIONARY` page: the width of an index, then for each run twice its length as a
/// varint, and its index in whole bytes.
fn encode_runs(runs: &[Run], index_bits: u8) -> Vec<u8> {
    let index_bytes = usize::from(index_bits.div_ceil(8));
    let mut body = Vec::with_capacity(1 + runs.len() * (3 + index_bytes));
    body.push(index_bits);
    for run in runs {
        let mut header = u64::from(run.rows) << 1;
        while header >= 0x80 {
            body.push(header as u8 | 0x80);
            header >>= 7;
        }
        body.push(header as u8);
        body.extend_from_slice(&run.index.to_le_bytes()[..index_bytes]);
    }
    body
}
