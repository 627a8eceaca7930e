//! One decoded frame, read in place: the protobuf message `Payload` as slices of the decoder's buffer.
//!
//! ```text
//! Payload { uint64 org_id = 1; uint64 metric_id = 2; repeated sfixed64 timestamps = 3 [packed];
//!           repeated double values = 4 [packed]; bytes metadata = 5 }
//! ```
//!
//! Fixed-width packed arrays lie in the message as little-endian words, so a column is a slice of it. The encodings that
//! protobuf also allows (an array in several pieces, or unpacked) are rare and are gathered into a scratch buffer.

use model::SeriesKey;
use model::limits::{METADATA_BYTES_MAX, PAYLOAD_POINTS_MAX};

use crate::frame::FrameFault;

const WORD_BYTES: usize = 8;

/// A payload, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Payload<'a> {
    /// Whose points.
    pub key: SeriesKey,
    timestamps: &'a [u8],
    values: &'a [u8],
    /// Opaque.
    pub metadata: &'a [u8],
}

impl Payload<'_> {
    /// Number of points.
    #[inline]
    pub fn len(&self) -> usize {
        self.timestamps.len() / WORD_BYTES
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// The timestamps, as sent.
    #[inline]
    pub fn timestamps(&self) -> impl ExactSizeIterator<Item = i64> + '_ {
        words(self.timestamps).map(|word| i64::from_le_bytes(*word))
    }

    /// The values, as sent.
    #[inline]
    pub fn values(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        words(self.values).map(|word| f64::from_le_bytes(*word))
    }
}

fn words(bytes: &[u8]) -> impl ExactSizeIterator<Item = &[u8; WORD_BYTES]> {
    bytes.as_chunks().0.iter()
}

/// Reads payloads; holds the scratch for arrays that come in pieces.
#[derive(Debug, Default)]
pub struct PayloadReader {
    timestamps: Vec<u8>,
    values: Vec<u8>,
}

impl PayloadReader {
    /// The payload that `content` is.
    ///
    /// # Errors
    /// The fault; nothing of a payload with a fault is used.
    pub fn read<'a>(&'a mut self, content: &'a [u8]) -> Result<Payload<'a>, FrameFault> {
        let (mut org, mut metric) = (0, 0);
        let mut metadata: &[u8] = &[];
        let mut timestamps = Column::new(&mut self.timestamps);
        let mut values = Column::new(&mut self.values);
        let mut wire = Wire { content, at: 0 };
        while let Some((field, kind)) = wire.tag()? {
            match (field, kind) {
                (1, WireType::Varint) => org = wire.varint()?,
                (2, WireType::Varint) => metric = wire.varint()?,
                (3, WireType::Bytes) => timestamps.add_packed(wire.bytes()?, wire.at)?,
                (3, WireType::Fixed64) => timestamps.add_piece(wire.take(WORD_BYTES)?),
                (4, WireType::Bytes) => values.add_packed(wire.bytes()?, wire.at)?,
                (4, WireType::Fixed64) => values.add_piece(wire.take(WORD_BYTES)?),
                (5, WireType::Bytes) => metadata = wire.bytes()?,
                (1..=5, _) => return Err(wire.fault("a field of another type")),
                (_, kind) => wire.skip(kind)?,
            }
        }
        let payload = Payload {
            key: SeriesKey::new(org, metric),
            timestamps: timestamps.finish(),
            values: values.finish(),
            metadata,
        };
        check(&payload)?;
        Ok(payload)
    }
}

fn check(payload: &Payload<'_>) -> Result<(), FrameFault> {
    let (timestamps, values) = (payload.len(), payload.values.len() / WORD_BYTES);
    if payload.key.org.0 == 0 {
        Err(FrameFault::MissingOrg)
    } else if payload.key.metric.0 == 0 {
        Err(FrameFault::MissingMetric)
    } else if timestamps != values {
        Err(FrameFault::UnequalArrays { timestamps, values })
    } else if timestamps > PAYLOAD_POINTS_MAX {
        Err(FrameFault::TooManyPoints { points: timestamps })
    } else if payload.metadata.len() > METADATA_BYTES_MAX {
        Err(FrameFault::MetadataOverLimit { bytes: payload.metadata.len() })
    } else {
        Ok(())
    }
}

/// A repeated field: the message's own bytes while it comes in one piece, a copy from the second piece on.
struct Column<'a> {
    whole: &'a [u8],
    pieces: &'a mut Vec<u8>,
}

impl<'a> Column<'a> {
    fn new(pieces: &'a mut Vec<u8>) -> Self {
        pieces.clear();
        Self { whole: &[], pieces }
    }

    fn add_packed(&mut self, bytes: &'a [u8], at: usize) -> Result<(), FrameFault> {
        if !bytes.len().is_multiple_of(WORD_BYTES) {
            return Err(FrameFault::NotPayload { what: "an array of broken words", at });
        }
        if self.whole.is_empty() && self.pieces.is_empty() {
            self.whole = bytes;
        } else {
            self.add_piece(bytes);
        }
        Ok(())
    }

    fn add_piece(&mut self, bytes: &[u8]) {
        self.pieces.extend_from_slice(self.whole);
        self.whole = &[];
        self.pieces.extend_from_slice(bytes);
    }

    fn finish(self) -> &'a [u8] {
        if self.pieces.is_empty() { self.whole } else { self.pieces }
    }
}

#[derive(Debug, Clone, Copy)]
enum WireType {
    Varint,
    Fixed64,
    Bytes,
    Fixed32,
}

/// A cursor over protobuf wire format.
struct Wire<'a> {
    content: &'a [u8],
    at: usize,
}

impl<'a> Wire<'a> {
    fn fault(&self, what: &'static str) -> FrameFault {
        FrameFault::NotPayload { what, at: self.at }
    }

    /// Field number and wire type of the next field, or `None` at the end.
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
    fn bytes(&mut self) -> Result<&'a [u8], FrameFault> {
        let len = self.varint()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], FrameFault> {
        let bytes = self.content[self.at..].get(..len).ok_or_else(|| self.fault("the end inside a field"))?;
        self.at += len;
        Ok(bytes)
    }

    fn skip(&mut self, kind: WireType) -> Result<(), FrameFault> {
        match kind {
            WireType::Varint => self.varint().map(drop),
            WireType::Fixed64 => self.take(8).map(drop),
            WireType::Bytes => self.bytes().map(drop),
            WireType::Fixed32 => self.take(4).map(drop),
        }
    }
}
