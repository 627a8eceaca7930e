//! Reader of one part in Tailor's own format: its footer, and its blocks and directories by ranged reads.

use std::ops::Range;

use bytes::Bytes;
use format::manifest::ObjectEntry;
use format::part::{Directory, PartError, PartFooter, PartKind, TAIL_BYTES, Tail, read_tail};
use model::ByteRange;

use super::{Parts, RowFilter};
use crate::error::DatasetError;

/// Part whose footer has been read.
pub(crate) struct PartReader {
    parts: Parts,
    object: ObjectEntry,
    footer: PartFooter,
    /// Bytes of the last read, with their offset.
    window: Bytes,
    window_start: u64,
}

impl PartReader {
    /// Reads the footer of `object`.
    pub(crate) async fn open(parts: &Parts, object: &ObjectEntry) -> Result<Self, DatasetError> {
        let damaged = |source| DatasetError::Part { object: parts.root().object(&object.key), source };
        let mut tail_bytes = TAIL_BYTES.min(object.size);
        loop {
            let window_start = object.size - tail_bytes;
            let window = parts.read(&object.key, ByteRange::new(window_start, object.size)).await?;
            match read_tail(&window, object.size).map_err(damaged)? {
                Tail::Footer(footer) => {
                    return Ok(Self { parts: parts.clone(), object: object.clone(), footer, window, window_start });
                }
                Tail::NeedBytes(needed) if needed > tail_bytes && needed <= object.size => tail_bytes = needed,
                Tail::NeedBytes(needed) => {
                    let fact = format!("its footer asks for {needed} bytes");
                    return Err(damaged(PartError::NotAPart { size: object.size, fact }));
                }
            }
        }
    }

    pub(crate) fn footer(&self) -> &PartFooter {
        &self.footer
    }

    /// Refuses a part whose kind differs from its manifest.
    pub(crate) fn check_kind(&self, kind: PartKind) -> Result<(), DatasetError> {
        if self.footer.kind() == kind {
            return Ok(());
        }
        let fact = format!("is a part of kind {:?}, its manifest names one of {kind:?}", self.footer.kind());
        Err(DatasetError::ObjectDamaged { object: self.name(), fact })
    }

    /// Returns the blocks that may hold wanted rows.
    pub(crate) fn blocks_of(&self, filter: &RowFilter) -> Range<usize> {
        let blocks = self.footer.blocks();
        let Some(key) = filter.key else { return 0..blocks.len() };
        let mut wanted = self.footer.blocks_of(key);
        let overlaps = |at: usize| filter.overlaps(blocks[at].timestamp_min_ms, blocks[at].timestamp_max_ms);
        while !wanted.is_empty() && !overlaps(wanted.start) {
            wanted.start += 1;
        }
        while !wanted.is_empty() && !overlaps(wanted.end - 1) {
            wanted.end -= 1;
        }
        wanted
    }

    /// Returns the bytes of a block; reads ahead, but not beyond the end of `wanted`.
    pub(crate) async fn block(&mut self, ordinal: usize, wanted: Range<usize>) -> Result<Bytes, DatasetError> {
        let range = self.footer.blocks()[ordinal].range;
        let ahead = range.start.saturating_add(self.parts.read_bytes).min(self.footer.byte_range(wanted).end);
        self.bytes(range, ahead).await
    }

    /// Returns the directory of a block.
    pub(crate) async fn directory(&mut self, ordinal: usize) -> Result<Directory, DatasetError> {
        let range = self.footer.directory_range(ordinal);
        let bytes = self.bytes(range, range.end).await?;
        Directory::open(&self.footer, ordinal, &bytes).map_err(|source| self.damaged(source))
    }

    pub(crate) fn damaged(&self, source: PartError) -> DatasetError {
        DatasetError::Part { object: self.name(), source }
    }

    fn name(&self) -> String {
        self.parts.root().object(&self.object.key)
    }

    /// Returns the bytes of `range`, from the window or by a read that continues up to `ahead`.
    async fn bytes(&mut self, range: ByteRange, ahead: u64) -> Result<Bytes, DatasetError> {
        let window_end = self.window_start + self.window.len() as u64;
        if range.start < self.window_start || window_end < range.end {
            let read = ByteRange::new(range.start, range.end.max(ahead));
            self.window = self.parts.read(&self.object.key, read).await?;
            self.window_start = range.start;
        }
        let from = (range.start - self.window_start) as usize;
        Ok(self.window.slice(from..from + range.len() as usize))
    }
}
