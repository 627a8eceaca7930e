//! Reads one slice of a run, a piece at a time, and verifies it on the way.

use format::column::{ColumnDecoder, ColumnError};
use format::run::{
    CHUNK_BODY_BYTES_MAX, ChunkHeader, HEADER_BYTES_MAX, RunError, SeriesHeader, SliceEntry, crc_append,
};
use model::{Columns, SeriesKey};
use storage::object::Ahead;

use crate::WorkError;

/// Cursor over the series and chunks of one slice.
///
/// The checksum covers the whole slice, so it is known only at the end: until then the bytes are parsed with distrust,
/// and a slice that turns out damaged fails the attempt before anything of it can count.
#[derive(Debug)]
pub(crate) struct SliceCursor {
    bytes: Ahead,
    entry: SliceEntry,
    crc: u32,
    buffer: Vec<u8>,
    at: usize,
    series: Option<SeriesHeader>,
    chunk: Option<ChunkHeader>,
}

impl SliceCursor {
    /// Opens a slice at its first series; `bytes` covers exactly the slice.
    pub(crate) fn open(bytes: Ahead, entry: SliceEntry) -> Result<Self, WorkError> {
        let mut cursor = Self { bytes, entry, crc: 0, buffer: Vec::new(), at: 0, series: None, chunk: None };
        cursor.next_series()?;
        Ok(cursor)
    }

    /// Returns the current series; none at the end of the slice.
    pub(crate) fn key(&self) -> Option<SeriesKey> {
        self.series.map(|series| series.key)
    }

    /// Appends the metadata of the series and goes to its first chunk. Call it once per series.
    pub(crate) fn begin_series(&mut self, metadata: &mut Vec<u8>) -> Result<(), WorkError> {
        let len = self.series.map_or(0, |series| series.metadata_len);
        self.fill(len)?;
        let bytes = self.buffer.get(self.at..self.at + len);
        metadata.extend_from_slice(bytes.ok_or_else(|| self.malformed("it ends inside metadata"))?);
        self.at += len;
        self.next_chunk()
    }

    /// Returns the current chunk; none at the end of the series.
    pub(crate) fn chunk(&self) -> Option<&ChunkHeader> {
        self.chunk.as_ref()
    }

    /// Appends the points of the chunk to `columns` and goes to the next.
    pub(crate) fn take_chunk(&mut self, decoder: &mut ColumnDecoder, columns: &mut Columns) -> Result<(), WorkError> {
        let Some(header) = self.chunk else { return Ok(()) };
        self.fill(header.body_len)?;
        let body = self.buffer.get(self.at..self.at + header.body_len);
        let mut body = body.ok_or_else(|| self.malformed("it ends inside a chunk"))?;
        let start = columns.len();
        let decoded = decoder.timestamps(&mut body, header.points, &mut columns.timestamps);
        let decoded = decoded.and_then(|()| decoder.values(&mut body, header.points, &mut columns.values));
        decoded.map_err(|error| self.malformed(&error.to_string()))?;
        let timestamps = &columns.timestamps[start..];
        if timestamps.first() != Some(&header.first) || timestamps.last() != Some(&header.last) {
            return Err(self.malformed("the points of a chunk are not those of its header"));
        }
        self.at += header.body_len;
        self.next_chunk()
    }

    /// Hands the chunk to `take` as it is packed, and goes to the next.
    pub(crate) fn copy_chunk(
        &mut self,
        take: impl FnOnce(&ChunkHeader, &[u8]) -> Result<(), WorkError>,
    ) -> Result<(), WorkError> {
        let Some(header) = self.chunk else { return Ok(()) };
        self.fill(header.body_len)?;
        let body = self.buffer.get(self.at..self.at + header.body_len);
        take(&header, body.ok_or_else(|| self.malformed("it ends inside a chunk"))?)?;
        self.at += header.body_len;
        self.next_chunk()
    }

    fn next_chunk(&mut self) -> Result<(), WorkError> {
        self.fill(HEADER_BYTES_MAX)?;
        self.chunk = self.parse(ChunkHeader::read)?;
        match self.chunk {
            Some(_) => Ok(()),
            None => self.next_series(),
        }
    }

    fn next_series(&mut self) -> Result<(), WorkError> {
        self.fill(HEADER_BYTES_MAX)?;
        if self.at == self.buffer.len() {
            self.series = None;
            return self.verify();
        }
        let series = self.parse(SeriesHeader::read)?;
        if self.series.is_some_and(|last| last.key >= series.key) {
            return Err(self.malformed("its series do not ascend"));
        }
        self.series = Some(series);
        Ok(())
    }

    fn verify(&self) -> Result<(), WorkError> {
        let SliceEntry { offset, crc: expected, .. } = self.entry;
        if self.crc == expected {
            return Ok(());
        }
        Err(self.error(RunError::DamagedSlice { offset, found: self.crc, expected }))
    }

    fn parse<T>(&mut self, read: impl FnOnce(&mut &[u8]) -> Result<T, ColumnError>) -> Result<T, WorkError> {
        let mut input = &self.buffer[self.at..];
        let value = read(&mut input).map_err(|error| self.malformed(&error.to_string()))?;
        self.at = self.buffer.len() - input.len();
        Ok(value)
    }

    /// Buffers at least `len` bytes, or all that are left.
    fn fill(&mut self, len: usize) -> Result<(), WorkError> {
        debug_assert!(
            len <= CHUNK_BODY_BYTES_MAX.max(model::limits::METADATA_BYTES_MAX),
            "the format bounds every length"
        );
        while self.buffer.len() - self.at < len && self.bytes.left() > 0 {
            self.buffer.drain(..self.at);
            self.at = 0;
            let start = self.buffer.len();
            self.bytes.read(&mut self.buffer)?;
            self.crc = crc_append(self.crc, &self.buffer[start..]);
        }
        Ok(())
    }

    fn malformed(&self, what: &str) -> WorkError {
        self.error(RunError::Malformed { offset: self.entry.offset, what: what.to_owned() })
    }

    fn error(&self, source: RunError) -> WorkError {
        WorkError::Run { run: self.bytes.reader().object().to_owned(), source }
    }
}
