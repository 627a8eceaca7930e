//! Frames of a segment. A frame is a `u32` big-endian length, then that many bytes: one zstd frame, or several of one
//! content.
//!
//! ```text
//! segment:  frame frame frame ...
//! frame:    length u32 BE | 28 B5 2F FD ... (length bytes)
//! ```
//!
//! A segment has no index and no sync marker. A reader of a byte range owns the frames that *start* in it (PL-2). A
//! reader that starts mid-segment guesses its first frame by searching for lengths and zstd magics that chain
//! ([`find_frame`]). The guess is checked later, when the neighbours' ranges are stitched together, so a wrong guess
//! costs a re-run, never data.
//!
//! A frame that cannot be read is rejected ([`Frames::reject`]). The rejected bytes end where the frame's length
//! says, if a frame starts there or the segment ends there; else at the next place where frames chain; else at the
//! segment's end. That rule looks at the segment alone, never at the range, so any split of a segment rejects the
//! same bytes.

mod decode;
mod fault;
mod search;

use model::ByteRange;
use model::limits::FRAME_BYTES_MAX;

pub use decode::FrameDecoder;
pub use fault::FrameFault;
use search::{FrameSearch, Header};

/// First bytes of every zstd frame.
pub const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Bytes of the length before each frame's body.
pub const LENGTH_BYTES: usize = 4;

/// Random access to the bytes of one segment, wherever they lie.
pub trait SegmentBytes {
    /// Failure of the source.
    type Error;

    /// Returns the segment's size in bytes, as planned.
    fn size(&self) -> u64;

    /// Returns `len` bytes from `offset` on; fewer only if the segment ends. Later calls should ask for later
    /// offsets, because sources read ahead.
    ///
    /// # Errors
    /// The source cannot provide the bytes: the segment is gone, has changed, or is refused.
    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], Self::Error>;
}

/// Segment whose bytes are in memory.
impl SegmentBytes for &[u8] {
    type Error = std::convert::Infallible;

    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], Self::Error> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let end = start.saturating_add(len).min(self.len());
        Ok(&self[start..end])
    }
}

/// Frame as it lies in the segment, not yet decoded.
#[derive(Debug)]
pub struct Frame<'a> {
    /// Offset of the frame's length in the segment.
    pub offset: u64,
    /// zstd frame, or the fault that prevents reading it.
    pub body: Result<&'a [u8], FrameFault>,
}

/// Walks the frames that start in a range.
///
/// Call [`Self::next`]; when its frame turns out bad, here or later in decoding, call [`Self::reject`] before the next.
#[derive(Debug)]
pub struct Frames<'s, S> {
    source: &'s mut S,
    current: u64,
    next: u64,
    end: u64,
    search: FrameSearch,
}

impl<'s, S: SegmentBytes> Frames<'s, S> {
    /// Walks the frames that start in `[start, end)`; `start` must be known or assumed to be a frame's start.
    pub fn new(source: &'s mut S, start: u64, end: u64) -> Self {
        Self { source, current: start, next: start, end, search: FrameSearch::default() }
    }

    /// Walks the frames that start in `[from, end)`; the first is searched for. Returns `None` if nothing there looks
    /// like a frame.
    ///
    /// # Errors
    /// Those of the source.
    pub fn seek(source: &'s mut S, from: u64, end: u64) -> Result<Option<Self>, S::Error> {
        let mut search = FrameSearch::default();
        let first = search.find(source, from, end)?;
        Ok(first.map(|first| Self { source, current: first, next: first, end, search }))
    }

    /// Offset at which the next frame starts: the end of the last frame that this walk owns.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Returns the segment that is walked.
    pub fn source(&mut self) -> &mut S {
        self.source
    }

    /// Reads the next `len` bytes now, so that the frames in them need no further reads.
    ///
    /// # Errors
    /// Those of the source.
    pub fn make_present(&mut self, len: usize) -> Result<(), S::Error> {
        self.source.bytes(self.next, len).map(drop)
    }

    /// Returns the next frame, or `None` past the range.
    ///
    /// # Errors
    /// Those of the source. A bad frame is not an error here: its fault is in [`Frame::body`].
    #[expect(clippy::should_implement_trait, reason = "frames borrow from the source: an iterator could not lend them")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, S::Error> {
        let offset = self.next;
        if offset >= self.end {
            return Ok(None);
        }
        self.current = offset;
        let left = self.source.size() - offset;
        let header = self.source.bytes(offset, LENGTH_BYTES)?;
        let length = match read_length(header, left) {
            Ok(length) => length,
            Err(fault) => return Ok(Some(Frame { offset, body: Err(fault) })),
        };
        self.next = offset + LENGTH_BYTES as u64 + u64::from(length);
        let body = self.source.bytes(offset + LENGTH_BYTES as u64, length as usize)?;
        let body = match body {
            body if body.starts_with(&ZSTD_MAGIC) => Ok(body),
            // A reader that starts mid-segment finds frames by the magic, so this one would be found by some splits alone.
            body if is_skippable(body) => Err(FrameFault::SkippableFirst),
            _ => Err(FrameFault::NotZstd),
        };
        Ok(Some(Frame { offset, body }))
    }

    /// Rejects the current frame; returns the range of bytes that are lost with it.
    ///
    /// # Errors
    /// Those of the source.
    pub fn reject(&mut self) -> Result<ByteRange, S::Error> {
        let size = self.source.size();
        // The source is asked even at its end: if it has changed it reports that, and no frame is rejected for it.
        let is_header = Header::read(self.source, self.next)?.is_some();
        let believed = self.next > self.current && (is_header || self.next == size);
        if !believed {
            self.next = self.search.find(self.source, self.current + 1, size)?.unwrap_or(size);
        }
        Ok(ByteRange::new(self.current, self.next))
    }
}

/// True if a skippable zstd frame stands here (RFC 8878, section 3.1.2).
fn is_skippable(bytes: &[u8]) -> bool {
    matches!(bytes, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Checks a length against the limits and against the rest of the segment, before any memory is allocated.
fn read_length(header: &[u8], left: u64) -> Result<u32, FrameFault> {
    let Some(bytes) = header.first_chunk::<LENGTH_BYTES>() else {
        return Err(FrameFault::TornLength { have: header.len() });
    };
    let length = u32::from_be_bytes(*bytes);
    if length == 0 {
        Err(FrameFault::LengthZero)
    } else if length > FRAME_BYTES_MAX {
        Err(FrameFault::LengthOverLimit { length })
    } else if u64::from(length) > left - LENGTH_BYTES as u64 {
        Err(FrameFault::PastEnd { length, have: left - LENGTH_BYTES as u64 })
    } else {
        Ok(length)
    }
}

/// Finds the first offset in `[from, until)` from which [`RESYNC_CHAIN_FRAMES`](model::limits::RESYNC_CHAIN_FRAMES)
/// frames chain, or fewer that end with the segment. Bytes are read once, in order, up to at most that many of the
/// longest frames past the result.
///
/// # Errors
/// Those of the source.
pub fn find_frame<S: SegmentBytes>(source: &mut S, from: u64, until: u64) -> Result<Option<u64>, S::Error> {
    FrameSearch::default().find(source, from, until)
}

#[cfg(test)]
mod tests;
