//! Payload of a decoded frame, read in place: the protobuf message `Payload` as slices of the decoder's buffer.
//!
//! ```text
//! Payload { uint64 org_id = 1; uint64 metric_id = 2; repeated sfixed64 timestamps = 3 [packed];
//!           repeated double values = 4 [packed]; bytes metadata = 5 }
//! ```
//!
//! Fixed-width packed arrays lie in the message as little-endian words, so a column is a slice of it. The encodings
//! that protobuf also allows (an array in several pieces, or unpacked) are rare and are gathered into a buffer of the
//! reader.

use std::ops::Range;

use model::SeriesKey;
use model::limits::{METADATA_BYTES_MAX, PAYLOAD_POINTS_MAX};

use crate::frame::FrameFault;

const WORD_BYTES: usize = 8;

/// Payload that borrows its bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Payload<'a> {
    /// Organisation and metric of the points.
    pub key: SeriesKey,
    timestamps: &'a [u8],
    values: &'a [u8],
    /// Metadata of the series; its content is opaque.
    pub metadata: &'a [u8],
}

impl Payload<'_> {
    /// Returns the number of points.
    #[inline]
    pub fn len(&self) -> usize {
        self.timestamps.len() / WORD_BYTES
    }

    /// True if there is no point.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Lists the timestamps, as sent.
    #[inline]
    pub fn timestamps(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        words(self.timestamps).map(|word| i64::from_le_bytes(*word))
    }

    /// Lists the values, as sent.
    #[inline]
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        words(self.values).map(|word| f64::from_le_bytes(*word))
    }
}

fn words(bytes: &[u8]) -> impl ExactSizeIterator<Item = &[u8; WORD_BYTES]> {
    bytes.as_chunks().0.iter()
}

/// Positions of a payload's fields, kept while its batch is in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Organisation and metric of the points.
    pub key: SeriesKey,
    timestamps: Piece,
    values: Piece,
    metadata: Range<usize>,
}

impl Layout {
    /// Returns the number of points.
    #[inline]
    pub fn len(&self) -> usize {
        self.timestamps.bytes().len() / WORD_BYTES
    }

    /// True if there is no point.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Position of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// The array lies whole in the message.
    Whole(Range<usize>),
    /// The array came in pieces, which the reader gathered in its buffer of that column.
    Gathered(Range<usize>),
}

impl Piece {
    fn bytes(&self) -> &Range<usize> {
        let (Self::Whole(range) | Self::Gathered(range)) = self;
        range
    }

    /// Adds a piece. The first stays in the message; a second copies both to the end of `gathered`, which then grows
    /// in place. The size is checked before more is copied.
    fn add(&mut self, gathered: &mut Vec<u8>, content: &[u8], piece: Range<usize>) -> Result<(), FrameFault> {
        let points = (self.bytes().len() + piece.len()) / WORD_BYTES;
        if points > PAYLOAD_POINTS_MAX {
            return Err(FrameFault::TooManyPoints { points });
        }
        match self {
            Self::Whole(range) if range.start == range.end => *self = Self::Whole(piece),
            Self::Whole(range) => {
                let start = gathered.len();
                gathered.extend_from_slice(&content[range.clone()]);
                gathered.extend_from_slice(&content[piece]);
                *self = Self::Gathered(start..gathered.len());
            }
            Self::Gathered(range) => {
                gathered.extend_from_slice(&content[piece]);
                range.end = gathered.len();
            }
        }
        Ok(())
    }
}

/// Reads the payloads of a batch, and holds the arrays that came in pieces.
#[derive(Debug, Default)]
pub struct PayloadReader {
    timestamps: Vec<u8>,
    values: Vec<u8>,
}

impl PayloadReader {
    /// Forgets the batch and keeps the memory.
    pub fn clear(&mut self) {
        self.timestamps.clear();
        self.values.clear();
    }

    /// Reads the single payload in `content`; the previous batch is forgotten.
    ///
    /// # Errors
    /// As [`Self::layout`].
    pub fn read<'a>(&'a mut self, content: &'a [u8]) -> Result<Payload<'a>, FrameFault> {
        self.clear();
        let layout = self.layout(content)?;
        Ok(self.payload(&layout, content))
    }

    /// Returns the payload that [`Self::layout`] found in `content`.
    #[inline]
    pub fn payload<'a>(&'a self, layout: &Layout, content: &'a [u8]) -> Payload<'a> {
        let column = |piece: &Piece, gathered: &'a [u8]| match piece {
            Piece::Whole(range) => &content[range.clone()],
            Piece::Gathered(range) => &gathered[range.clone()],
        };
        Payload {
            key: layout.key,
            timestamps: column(&layout.timestamps, &self.timestamps),
            values: column(&layout.values, &self.values),
            metadata: &content[layout.metadata.clone()],
        }
    }

    /// Finds the fields of the payload in `content`.
    ///
    /// # Errors
    /// The fault; nothing of a payload with a fault is used.
    pub fn layout(&mut self, content: &[u8]) -> Result<Layout, FrameFault> {
        let (mut org, mut metric) = (0, 0);
        let (mut timestamps, mut values) = (Piece::Whole(0..0), Piece::Whole(0..0));
        let mut metadata = 0..0;
        let mut wire = Wire { content, at: 0 };
        while let Some((field, kind)) = wire.tag()? {
            match (field, kind) {
                (1, WireType::Varint) => org = wire.varint()?,
                (2, WireType::Varint) => metric = wire.varint()?,
                (3, WireType::Bytes) => timestamps.add(&mut self.timestamps, content, wire.words()?)?,
                (3, WireType::Fixed64) => timestamps.add(&mut self.timestamps, content, wire.take(WORD_BYTES)?)?,
                (4, WireType::Bytes) => values.add(&mut self.values, content, wire.words()?)?,
                (4, WireType::Fixed64) => values.add(&mut self.values, content, wire.take(WORD_BYTES)?)?,
                (5, WireType::Bytes) => metadata = wire.bytes()?,
                (1..=5, _) => return Err(wire.fault("a field of another type")),
                (field, kind) => wire.skip(field, kind, 0)?,
            }
        }
        let layout = Layout { key: SeriesKey::new(org, metric), timestamps, values, metadata };
        check(&layout)?;
        Ok(layout)
    }
}

fn check(layout: &Layout) -> Result<(), FrameFault> {
    let (timestamps, values) = (layout.len(), layout.values.bytes().len() / WORD_BYTES);
    if layout.key.org.0 == 0 {
        Err(FrameFault::MissingOrg)
    } else if layout.key.metric.0 == 0 {
        Err(FrameFault::MissingMetric)
    } else if timestamps != values {
        Err(FrameFault::UnequalArrays { timestamps, values })
    } else if timestamps > PAYLOAD_POINTS_MAX {
        Err(FrameFault::TooManyPoints { points: timestamps })
    } else if layout.metadata.len() > METADATA_BYTES_MAX {
        Err(FrameFault::MetadataOverLimit { bytes: layout.metadata.len() })
    } else {
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
enum WireType {
    Varint,
    Fixed64,
    Bytes,
    GroupStart,
    GroupEnd,
    Fixed32,
}

/// Deepest nesting of groups in unknown fields; other protobuf readers have the same limit.
const GROUP_DEPTH_MAX: u32 = 100;

/// Cursor over the protobuf wire format.
struct Wire<'a> {
    content: &'a [u8],
    at: usize,
}

impl<'a> Wire<'a> {
    fn fault(&self, what: &'static str) -> FrameFault {
        FrameFault::NotPayload { what, at: self.at }
    }

    /// Reads field number and wire type of the next field; `None` at the end.
    #[inline]
    fn tag(&mut self) -> Result<Option<(u64, WireType)>, FrameFault> {
        if self.at == self.content.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let kind = match tag & 7 {
            0 => WireType::Varint,
            1 => WireType::Fixed64,
            2 => WireType::Bytes,
            3 => WireType::GroupStart,
            4 => WireType::GroupEnd,
            5 => WireType::Fixed32,
            _ => return Err(self.fault("an unknown wire type")),
        };
        match tag >> 3 {
            field @ 1..=0x1fff_ffff => Ok(Some((field, kind))),
            _ => Err(self.fault("a field number out of range")),
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, FrameFault> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.content.get(self.at) else { return Err(self.fault("the end inside a number")) };
            self.at += 1;
            // The tenth byte has room for one bit.
            if shift == 63 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.fault("a number of more than 64 bits"))
    }

    #[inline]
    fn bytes(&mut self) -> Result<Range<usize>, FrameFault> {
        let len = self.varint()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    #[inline]
    fn words(&mut self) -> Result<Range<usize>, FrameFault> {
        let bytes = self.bytes()?;
        if bytes.len().is_multiple_of(WORD_BYTES) { Ok(bytes) } else { Err(self.fault("an array of broken words")) }
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<Range<usize>, FrameFault> {
        let start = self.at;
        match start.checked_add(len).filter(|end| *end <= self.content.len()) {
            Some(end) => {
                self.at = end;
                Ok(start..end)
            }
            None => Err(self.fault("the end inside a field")),
        }
    }

    fn skip(&mut self, field: u64, kind: WireType, depth: u32) -> Result<(), FrameFault> {
        match kind {
            WireType::GroupStart => self.skip_group(field, depth + 1),
            WireType::GroupEnd => Err(self.fault("the end of a group that was not begun")),
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.take(8).map(drop),
            WireType::Bytes => self.bytes().map(drop),
            WireType::Fixed32 => self.take(4).map(drop),
        }
    }

    /// Skips the fields of a group, up to the end tag with the group's own number.
    fn skip_group(&mut self, group: u64, depth: u32) -> Result<(), FrameFault> {
        if depth > GROUP_DEPTH_MAX {
            return Err(self.fault("groups nested too deep"));
        }
        loop {
            match self.tag()? {
                Some((field, WireType::GroupEnd)) if field == group => return Ok(()),
                Some((field, kind)) => self.skip(field, kind, depth)?,
                None => return Err(self.fault("the end inside a group")),
            }
        }
    }
}

#[cfg(test)]
mod tests;
