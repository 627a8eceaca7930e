//! Reads encoded segments, one after another.

use super::{BLOCK_ENTRIES, show_md5};
use crate::plan::SegmentRef;

/// Error of bytes that are not a list of segments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentListError {
    /// The bytes end early, or hold something that no writer writes.
    #[error("a list of segments is damaged at byte {at}")]
    Damaged {
        /// Offset of the damage.
        at: usize,
    },
    /// Two neighbouring keys are out of order.
    #[error("a list of segments is out of order at {key}")]
    Order {
        /// Second of the two keys.
        key: String,
    },
}

/// Iterator over the entries of encoded blocks, from the start of a block on.
pub(super) struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    count: usize,
    key: String,
    etag: String,
    is_over: bool,
}

impl<'a> Entries<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, count: 0, key: String::new(), etag: String::new(), is_over: false }
    }

    /// Returns the offset of the next entry.
    pub(super) const fn position(&self) -> usize {
        self.at
    }

    fn entry(&mut self) -> Option<SegmentRef> {
        if self.count.is_multiple_of(BLOCK_ENTRIES) {
            self.key.clear();
            self.etag.clear();
        }
        self.count += 1;
        let mut reader = Reader { bytes: self.bytes, at: &mut self.at };
        reader.text(&mut self.key)?;
        let size = reader.number()?;
        let etag = match reader.take(1)?[0] {
            0 => None,
            1 => Some(show_md5(u128::from_be_bytes(reader.take(16)?.try_into().ok()?))),
            2 => {
                reader.text(&mut self.etag)?;
                Some(self.etag.clone())
            }
            _ => return None,
        };
        Some(SegmentRef { key: self.key.clone(), size, etag })
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<SegmentRef, SegmentListError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over || self.at == self.bytes.len() {
            return None;
        }
        let entry = self.entry();
        self.is_over = entry.is_none();
        Some(entry.ok_or(SegmentListError::Damaged { at: self.at }))
    }
}

struct Reader<'a, 'b> {
    bytes: &'a [u8],
    at: &'b mut usize,
}

impl<'a> Reader<'a, '_> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let taken = self.bytes.get(*self.at..end)?;
        *self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// Replaces the end of `last` by the text that follows.
    fn text(&mut self, last: &mut String) -> Option<()> {
        let shared = usize::try_from(self.number()?).ok()?;
        let len = usize::try_from(self.number()?).ok()?;
        let rest = std::str::from_utf8(self.take(len)?).ok()?;
        if !last.is_char_boundary(shared) {
            return None;
        }
        last.truncate(shared);
        last.push_str(rest);
        Some(())
    }
}
