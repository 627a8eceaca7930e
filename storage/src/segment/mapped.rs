//! Local segment that is mapped one window at a time: a file of any size takes no more memory than a window.
#![allow(unsafe_code, reason = "the one place that maps files")]

use std::fs::File;
use std::path::Path;

use format::frame::SegmentBytes;
use memmap2::MmapOptions;
use model::RequestKind;

use super::torn::Window;
use crate::requests::{Meter, RequestEnd};
use crate::{StorageError, private};

/// Bytes that are mapped at once: large enough that mapping costs nothing, small enough to stay out of the memory
/// budget.
const WINDOW_BYTES: u64 = 4 << 20;

/// Offsets of mappings are aligned to this; a multiple of every page size in use.
const ALIGNMENT_BYTES: u64 = 64 << 10;

/// Open file with the window of it that is mapped.
#[derive(Debug)]
pub struct MappedSegment {
    file: File,
    object: String,
    size: u64,
    base: u64,
    window: Option<Window>,
    meter: Meter,
}

impl MappedSegment {
    /// Opens the file at `path`, named `object` in messages, planned with `size` bytes.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] or [`StorageError::Changed`].
    pub fn open(path: &Path, object: String, size: u64) -> Result<Self, StorageError> {
        let file = private::open_nonblocking(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => StorageError::NotFound { object: object.clone() },
            _ => StorageError::Failed { operation: "open", object: object.clone(), source: Box::new(error) },
        })?;
        let segment = Self { file, object, size, base: 0, window: None, meter: Meter::default() };
        segment.check_size()?;
        Ok(segment)
    }

    /// Returns the same segment; each window that is mapped counts as a request by `meter`.
    pub(crate) fn counted(self, meter: &Meter) -> Self {
        Self { meter: meter.clone(), ..self }
    }

    fn failed(&self, operation: &'static str, error: std::io::Error) -> StorageError {
        StorageError::Failed { operation, object: self.object.clone(), source: Box::new(error) }
    }

    fn check_size(&self) -> Result<(), StorageError> {
        let size = self.file.metadata().map_err(|error| self.failed("stat", error))?.len();
        if size == self.size {
            return Ok(());
        }
        let what = format!("planned with {} bytes, now {size}", self.size);
        Err(StorageError::Changed { object: self.object.clone(), what })
    }

    fn map(&mut self, offset: u64, len: u64) -> Result<(), StorageError> {
        self.window = None;
        self.check_size()?;
        self.base = offset - offset % ALIGNMENT_BYTES;
        let end = (self.base + WINDOW_BYTES).max(offset + len).min(self.size);
        let mut options = MmapOptions::new();
        options.offset(self.base).len((end - self.base) as usize).populate();
        let counted = self.meter.begin(RequestKind::Get);
        // SAFETY: the mapping is read-only and private to this reader, and segments are immutable. If a writer
        // changed one anyway, the size check just made, zstd's checks, or the check of size and etag before the
        // commit would find it. A file that is cut short between that check and a read is a torn window.
        let window = unsafe { options.map(&self.file) };
        counted.end(RequestEnd::of_file(&window));
        self.window = Some(Window::new(window.map_err(|error| self.failed("map", error))?));
        Ok(())
    }

    fn holds(&self, offset: u64, end: u64) -> bool {
        let end_of = |window: &Window| self.base + window.bytes().len() as u64;
        self.window.as_ref().is_some_and(|window| self.base <= offset && end <= end_of(window))
    }

    #[cold]
    fn torn(&self) -> StorageError {
        let now = self.file.metadata().map_or_else(|error| error.to_string(), |file| format!("now {}", file.len()));
        let what = format!("planned with {} bytes, {now}", self.size);
        StorageError::Changed { object: self.object.clone(), what }
    }
}

impl SegmentBytes for MappedSegment {
    type Error = StorageError;

    fn size(&self) -> u64 {
        self.size
    }

    #[inline]
    fn bytes(&mut self, offset: u64, len: usize) -> Result<&[u8], StorageError> {
        if self.window.as_ref().is_some_and(Window::is_torn) {
            return Err(self.torn());
        }
        let end = (offset + len as u64).min(self.size);
        if offset >= end {
            return Ok(&[]);
        }
        if !self.holds(offset, end) {
            self.map(offset, end - offset)?;
        }
        let window = self.window.as_ref().map_or(&[][..], Window::bytes);
        Ok(&window[(offset - self.base) as usize..(end - self.base) as usize])
    }
}
