//! Reads a range of an object in order, piece by piece, with the next piece in flight.

use std::ops::Range;
use std::sync::Arc;

use super::reader::{Flight, ObjectReader};
use crate::StorageError;

/// Range of an object that is being read. For an object in a store, one piece is always in flight, so that a merge of
/// many slices does not wait for one answer after another. Local files are read on demand: the kernel reads ahead.
#[derive(Debug)]
pub struct Ahead {
    reader: Arc<ObjectReader>,
    /// Bytes whose reading has not begun.
    left: Range<u64>,
    piece_bytes: usize,
    flight: Option<(Flight, usize)>,
}

impl Ahead {
    /// Begins to read `range`. The piece in flight and the last piece together have at most `bytes_max` bytes.
    pub fn open(reader: Arc<ObjectReader>, range: Range<u64>, bytes_max: usize) -> Self {
        let pieces = if reader.is_local() { 1 } else { 2 };
        let mut ahead = Self { reader, left: range, piece_bytes: (bytes_max / pieces).max(1), flight: None };
        ahead.begin();
        ahead
    }

    /// Returns the reader of the object.
    pub fn reader(&self) -> &ObjectReader {
        &self.reader
    }

    /// Counts the bytes that [`Self::read`] has not returned yet.
    pub fn left(&self) -> u64 {
        self.left.end - self.left.start + self.flight.as_ref().map_or(0, |(_, len)| *len as u64)
    }

    /// Appends the next piece to `buffer`; nothing at the end.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> Result<(), StorageError> {
        match self.flight.take() {
            Some((flight, _)) => {
                let piece = flight.land()?;
                self.begin();
                buffer.extend_from_slice(&piece);
                Ok(())
            }
            None => {
                let piece = self.take_piece();
                self.reader.read_at(piece.start, (piece.end - piece.start) as usize, buffer)
            }
        }
    }

    fn begin(&mut self) {
        if self.reader.is_local() || self.left.is_empty() {
            return;
        }
        let piece = self.take_piece();
        let len = (piece.end - piece.start) as usize;
        self.flight = self.reader.begin_read(piece.start, len).map(|flight| (flight, len));
    }

    fn take_piece(&mut self) -> Range<u64> {
        let end = self.left.end.min(self.left.start + self.piece_bytes as u64);
        let piece = self.left.start..end;
        self.left.start = end;
        piece
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use object_store::memory::InMemory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};
    use tokio::runtime::Runtime;

    use super::*;
    use crate::Root;

    const WAIT: Duration = Duration::from_millis(30);

    fn slow_store(runtime: &Runtime, content: &[u8]) -> Root {
        let config = ThrottleConfig { wait_get_per_call: WAIT, ..ThrottleConfig::default() };
        let root = Root::of_store("memory://", Arc::new(ThrottledStore::new(InMemory::new(), config)));
        runtime.block_on(root.replace("run", content.to_vec())).expect("memory");
        root
    }

    fn read_all(mut ahead: Ahead) -> Vec<u8> {
        let mut bytes = Vec::new();
        while ahead.left() > 0 {
            ahead.read(&mut bytes).expect("memory");
        }
        bytes
    }

    #[test]
    fn stretches_that_are_read_side_by_side_wait_for_their_store_together() {
        let runtime = Runtime::new().expect("a runtime");
        let content: Vec<u8> = (0..=255).cycle().take(64_000).collect();
        let root = slow_store(&runtime, &content);
        let reader = Arc::new(ObjectReader::open(&root, "run", runtime.handle()).expect("it opens"));
        let begun = Instant::now();
        let stretches: Vec<_> =
            (0..64).map(|at| Ahead::open(Arc::clone(&reader), at * 1000..(at + 1) * 1000, 1000)).collect();
        let read: Vec<u8> = stretches.into_iter().flat_map(read_all).collect();
        assert!(read == content, "every byte, in order");
        // Each range has two pieces: one after another they would take 128 waits, but the first pieces of all ranges
        // wait together.
        assert!(begun.elapsed() < WAIT * 100, "{:?}", begun.elapsed());
    }

    #[test]
    fn a_file_is_read_in_pieces_of_all_the_bytes_allowed() {
        let (runtime, folder) = (Runtime::new().expect("a runtime"), tempfile::tempdir().expect("a folder"));
        std::fs::write(folder.path().join("run"), [7; 2500]).expect("written");
        let root = Root::open(&folder.path().display().to_string()).expect("it opens");
        let reader = Arc::new(ObjectReader::open(&root, "run", runtime.handle()).expect("it opens"));
        let mut ahead = Ahead::open(reader, 100..2500, 1000);
        let mut pieces = Vec::new();
        while ahead.left() > 0 {
            let mut piece = Vec::new();
            ahead.read(&mut piece).expect("a file");
            pieces.push(piece.len());
        }
        assert_eq!(pieces, [1000, 1000, 400]);
    }
}
