//! Segments as random-access bytes: mapped where they are local files, else by ranged reads; the same bytes from both.
//!
//! A segment is immutable. One that changes under a reader is an error that names it ([`StorageError::Changed`]): the
//! size is checked before every window that is mapped, and the etag with every range that is read.

mod mapped;
mod ranged;
mod torn; // mapped files that are cut short

use format::frame::SegmentBytes;
use model::SegmentRef;
use tokio::runtime::Handle;

use crate::{Root, StorageError};

pub use mapped::MappedSegment;
pub use ranged::RangedSegment;

/// Access to segments: mapped or ranged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SegmentAccess {
    /// Map segments if the root is a local folder, else use ranged reads.
    #[default]
    Auto,
    /// Use ranged reads through the object store's interface, even for a local folder.
    Ranged,
}

/// Open segment, mapped or read by ranges.
#[derive(Debug)]
pub enum Segment {
    /// Local file that is mapped.
    Mapped(MappedSegment),
    /// Object read by ranges.
    Ranged(RangedSegment),
}

impl Segment {
    /// Opens `segment` under `root`; `runtime` drives the ranged reads.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for a segment that is gone, [`StorageError::Changed`] for one of another size.
    pub fn open(
        root: &Root,
        segment: &SegmentRef,
        access: SegmentAccess,
        runtime: &Handle,
    ) -> Result<Self, StorageError> {
        match (root.local_folder(), access) {
            (Some(folder), SegmentAccess::Auto) => {
                root.check_confined(&segment.key)?;
                let path = folder.join(&segment.key);
                let mapped = MappedSegment::open(&path, root.object(&segment.key), segment.size)?;
                Ok(Self::Mapped(mapped.counted(root.meter())))
            }
            _ => Ok(Self::Ranged(RangedSegment::open(root, segment, runtime))),
        }
    }

    /// Sets the bytes of one ranged read, and the end of the range that is wanted. A mapped segment needs neither.
    #[must_use]
    pub fn in_pieces_of(self, piece_bytes: u64, until: u64) -> Self {
        match self {
            Self::Mapped(_) => self,
            Self::Ranged(segment) => Self::Ranged(segment.in_pieces_of(piece_bytes, until)),
        }
    }
}

impl SegmentBytes for Segment {
    type Error = StorageError;

    fn size(&self) -> u64 {
        match self {
            Self::Mapped(segment) => segment.size(),
            Self::Ranged(segment) => segment.size(),
        }
    }

    #[inline]
    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], StorageError> {
        match self {
            Self::Mapped(segment) => segment.bytes(offset, len),
            Self::Ranged(segment) => segment.bytes(offset, len),
        }
    }
}

#[cfg(test)]
mod tests;
