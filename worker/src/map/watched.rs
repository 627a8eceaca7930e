//! Segment reader that counts reading as progress: an attempt that searches a long range for a frame is not stuck,
//! and can be stopped.

use format::frame::SegmentBytes;
use storage::segment::Segment;

use crate::WorkError;
use crate::task::Progress;

/// Segment with the progress counters of its reader.
#[derive(Debug)]
pub(super) struct Watched<'a> {
    segment: Segment,
    progress: &'a Progress,
    /// End of the bytes that have counted; `None` before the first read.
    counted_until: Option<u64>,
}

impl<'a> Watched<'a> {
    /// Counts bytes of `segment` in `progress` when they are read for the first time.
    pub(super) fn new(segment: Segment, progress: &'a Progress) -> Self {
        Self { segment, progress, counted_until: None }
    }

    /// Counts `bytes` that are read once more, for the quarantine.
    ///
    /// # Errors
    /// [`WorkError::Cancelled`] if the attempt should stop.
    pub(super) fn count_again(&self, bytes: u64) -> Result<(), WorkError> {
        self.progress.add(bytes, 0);
        self.progress.check()
    }
}

impl SegmentBytes for Watched<'_> {
    type Error = WorkError;

    fn size(&self) -> u64 {
        self.segment.size()
    }

    #[inline]
    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], WorkError> {
        let bytes = self.segment.bytes(offset, len).map_err(WorkError::reading)?;
        let end = offset + bytes.len() as u64;
        let counted_until = self.counted_until.unwrap_or(offset);
        if end > counted_until {
            self.progress.check()?;
            self.progress.add(end - counted_until.max(offset), 0);
            self.counted_until = Some(end);
        }
        Ok(bytes)
    }
}
