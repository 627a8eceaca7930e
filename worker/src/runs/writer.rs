//! Writes a run: slices one after another, then the index. The object is begun with the first byte.

use format::run::{ChunkHeader, MAGIC, RunIndex, SERIES_END, SeriesHeader, SliceEntry, crc_append};
use model::{ObjectEntry, PartitionId, SeriesKey};
use storage::Root;
use storage::object::ObjectWriter;
use tokio::runtime::Handle;

use crate::WorkError;

/// Bytes that are buffered before a write to the store.
const FLUSH_BYTES: usize = 256 << 10;

/// Run that was written.
#[derive(Debug)]
pub(crate) struct WrittenRun {
    /// Key, size and digest.
    pub(crate) object: ObjectEntry,
    /// Index of its slices.
    pub(crate) index: RunIndex,
}

/// Run that is being written.
#[derive(Debug)]
pub(crate) struct RunWriter {
    root: Root,
    key: String,
    runtime: Handle,
    writer: Option<ObjectWriter>,
    upload_part_bytes: Option<usize>,
    pending: Vec<u8>,
    written: u64,
    slices: Vec<SliceEntry>,
    open: Option<SliceEntry>,
}

impl RunWriter {
    /// Creates a writer for the run at `key` under `root`.
    pub(crate) fn new(root: &Root, key: String, runtime: &Handle) -> Self {
        Self {
            root: root.clone(),
            key,
            runtime: runtime.clone(),
            writer: None,
            upload_part_bytes: None,
            pending: Vec::with_capacity(FLUSH_BYTES * 2),
            written: 0,
            slices: Vec::new(),
            open: None,
        }
    }

    /// Sets the bytes of one part of the upload, if the run is one of many parts.
    #[must_use]
    pub(crate) fn in_parts_of(self, bytes: usize) -> Self {
        Self { upload_part_bytes: Some(bytes), ..self }
    }

    /// Begins the slice of `partition` in a layer of a spill. Slices of one layer come in the order of partitions.
    pub(crate) fn begin_slice(&mut self, partition: PartitionId, spill: u32, layer: u32) -> Result<(), WorkError> {
        self.close_slice()?;
        if self.written == 0 && self.pending.is_empty() {
            self.pending.extend_from_slice(&MAGIC);
            self.flush()?;
        }
        let offset = self.written;
        self.open = Some(SliceEntry { partition, spill, layer, crc: 0, offset, len: 0, points: 0 });
        Ok(())
    }

    /// Returns the partition of the open slice.
    pub(crate) fn open_partition(&self) -> Option<PartitionId> {
        self.open.map(|slice| slice.partition)
    }

    /// Begins a series of the open slice; keys ascend.
    pub(crate) fn begin_series(&mut self, key: SeriesKey, metadata: &[u8]) {
        SeriesHeader { key, metadata_len: metadata.len() }.write(&mut self.pending);
        self.pending.extend_from_slice(metadata);
    }

    /// Adds a chunk to the series.
    pub(crate) fn chunk(&mut self, header: &ChunkHeader, body: &[u8]) -> Result<(), WorkError> {
        header.write(&mut self.pending);
        self.pending.extend_from_slice(body);
        if let Some(slice) = &mut self.open {
            slice.points += header.points as u64;
        }
        if self.pending.len() >= FLUSH_BYTES { self.flush() } else { Ok(()) }
    }

    /// Ends the open series.
    pub(crate) fn end_series(&mut self) {
        self.pending.push(SERIES_END);
    }

    /// Ends the open slice, if any.
    pub(crate) fn close_slice(&mut self) -> Result<(), WorkError> {
        self.flush()?;
        if let Some(mut slice) = self.open.take() {
            slice.len = self.written - slice.offset;
            self.slices.push(slice);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WorkError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if let Some(slice) = &mut self.open {
            slice.crc = crc_append(slice.crc, &self.pending);
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let writer = ObjectWriter::begin(&self.root, &self.key, &self.runtime)?;
                self.writer.insert(match self.upload_part_bytes {
                    Some(bytes) => writer.in_parts_of(bytes),
                    None => writer,
                })
            }
        };
        writer.write(&self.pending)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    /// Completes the run; none if no slice was begun.
    pub(crate) fn finish(mut self) -> Result<Option<WrittenRun>, WorkError> {
        self.close_slice()?;
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let index = RunIndex::new(std::mem::take(&mut self.slices));
        writer.write(&index.to_bytes())?;
        let object = writer.finish()?;
        let object = ObjectEntry { key: object.key, size: object.size, digest: object.digest };
        Ok(Some(WrittenRun { object, index }))
    }
}
