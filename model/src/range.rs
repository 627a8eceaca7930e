//! Byte ranges of a segment.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Half-open byte range `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawRange")]
pub struct ByteRange {
    /// Offset of the first byte.
    pub start: u64,
    /// Offset behind the last byte.
    pub end: u64,
}

/// Unchecked range, as parsed from JSON.
#[derive(Deserialize)]
struct RawRange {
    start: u64,
    end: u64,
}

impl TryFrom<RawRange> for ByteRange {
    type Error = String;

    fn try_from(raw: RawRange) -> Result<Self, Self::Error> {
        let RawRange { start, end } = raw;
        if start <= end { Ok(Self { start, end }) } else { Err(format!("range {start}..{end} ends before it starts")) }
    }
}

impl ByteRange {
    /// Creates `[start, end)`. An end before the start is a bug of the caller, and panics.
    pub fn new(start: u64, end: u64) -> Self {
        assert!(start <= end, "a range starts no later than it ends: {start}..{end}");
        Self { start, end }
    }

    /// Returns the length in bytes.
    pub const fn len(&self) -> u64 {
        self.end - self.start
    }

    /// True if the range holds no byte.
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// True if `offset` lies inside.
    pub const fn contains(&self, offset: u64) -> bool {
        self.start <= offset && offset < self.end
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}
