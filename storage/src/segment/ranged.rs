//! Segment that is read by ranges, one piece ahead of the reader.

use bytes::Bytes;
use format::frame::SegmentBytes;
use model::SegmentRef;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::wait::wait;
use crate::{Root, StorageError};

/// Bytes of one ranged read, unless the reader says otherwise: large enough to hide a request's latency behind
/// decoding. Two pieces are in memory at once.
const PIECE_BYTES: u64 = 2 << 20;

/// Bytes of one read behind the range that is wanted, where its last frame ends.
const BEHIND_BYTES: u64 = 256 << 10;

/// Object with the range of it that is in memory.
#[derive(Debug)]
pub struct RangedSegment {
    root: Root,
    segment: SegmentRef,
    runtime: Handle,
    piece_bytes: u64,
    /// End of the range that is wanted.
    until: u64,
    base: u64,
    buffer: Vec<u8>,
    ahead: Option<Ahead>,
}

/// Read that is in flight.
#[derive(Debug)]
struct Ahead {
    start: u64,
    read: JoinHandle<Result<Bytes, StorageError>>,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.read.abort();
    }
}

impl RangedSegment {
    /// Opens `segment` under `root`. Nothing is read yet.
    pub fn open(root: &Root, segment: &SegmentRef, runtime: &Handle) -> Self {
        Self {
            root: root.clone(),
            segment: segment.clone(),
            runtime: runtime.clone(),
            piece_bytes: PIECE_BYTES,
            until: segment.size,
            base: 0,
            buffer: Vec::new(),
            ahead: None,
        }
    }

    /// Sets the bytes of one read, and the end of the range that is wanted: what lies behind it is read only on demand.
    #[must_use]
    pub fn in_pieces_of(self, piece_bytes: u64, until: u64) -> Self {
        let until = until.min(self.segment.size);
        Self { piece_bytes: piece_bytes.max(1), until, ..self }
    }

    fn end(&self) -> u64 {
        self.base + self.buffer.len() as u64
    }

    fn start_read(&self, start: u64) -> Ahead {
        let left = if start < self.until { self.until - start } else { BEHIND_BYTES.min(self.segment.size - start) };
        let len = self.piece_bytes.min(left) as usize;
        let (root, segment) = (self.root.clone(), self.segment.clone());
        let read = self.runtime.spawn(async move { root.read_segment(&segment, start, len).await });
        Ahead { start, read }
    }

    /// Appends the piece that follows the buffer, and starts the next.
    fn read_piece(&mut self) -> Result<(), StorageError> {
        let start = self.end();
        let mut piece = match self.ahead.take() {
            Some(ahead) if ahead.start == start => ahead,
            _ => self.start_read(start),
        };
        let read = wait(&self.runtime, &mut piece.read).unwrap_or_else(|error| {
            let object = self.root.object(&self.segment.key);
            Err(StorageError::Failed { operation: "read", object, source: Box::new(error) })
        })?;
        self.buffer.extend_from_slice(&read);
        if self.end() < self.until {
            self.ahead = Some(self.start_read(self.end()));
        }
        Ok(())
    }
}

impl SegmentBytes for RangedSegment {
    type Error = StorageError;

    fn size(&self) -> u64 {
        self.segment.size
    }

    #[inline]
    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], StorageError> {
        let end = (offset + len as u64).min(self.segment.size);
        if offset >= end {
            return Ok(&[]);
        }
        if offset < self.base || offset > self.end() {
            self.base = offset;
            self.buffer.clear();
        }
        while self.end() < end {
            // Bytes before `offset` are no longer needed, because a reader never goes back.
            self.buffer.drain(..(offset - self.base) as usize);
            self.base = offset;
            self.read_piece()?;
        }
        Ok(&self.buffer[(offset - self.base) as usize..(end - self.base) as usize])
    }
}
