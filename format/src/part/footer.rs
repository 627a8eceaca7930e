//! Footer of a part: the list of its blocks.
//!
//! ```text
//! footer := body, crc32c u32 of body and length, length of body u32, "TLRPART1"
//! body   := copy of the header, blocks, series, points: varints,
//!           smallest and largest metric: varints (only when there are blocks),
//!           10 integer columns, one number a block: first org, first metric, last org, last metric, bytes, directory bytes,
//!           series, points, smallest timestamp, largest timestamp
//! ```
//!
//! If a block starts with the last key of its predecessor, it continues that series; no other mark says so.

use std::ops::Range;

use model::{ByteRange, MetricId, SeriesKey, TimestampMs, limits};

use crate::column::{ColumnDecoder, ColumnEncoder, ColumnError, Encoding, take_bytes, varint};

use super::PartError;
use super::layout::{self, CRC_BYTES, HEADER_BYTES, MAGIC, PartBounds, PartKind, PartSummary, TRAILER_BYTES};

const COLUMNS: usize = 10;

/// Smallest block, in bytes: its two checksums and the heads of its directory. It bounds the number of blocks that a
/// footer may claim.
const BLOCK_BYTES_MIN: u64 = 16;

/// Footer's entry of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    /// Range in the object; the first block's range starts with the header.
    pub range: ByteRange,
    /// Length of the directory, in bytes.
    pub directory_bytes: usize,
    /// Key of the first series.
    pub first_key: SeriesKey,
    /// Key of the last series.
    pub last_key: SeriesKey,
    /// Series in the block, pieces included.
    pub series: usize,
    /// Points in the block.
    pub points: usize,
    /// Smallest timestamp in the block.
    pub timestamp_min_ms: TimestampMs,
    /// Largest timestamp in the block.
    pub timestamp_max_ms: TimestampMs,
}

impl BlockInfo {
    /// Bytes of the header before the block's own bytes.
    pub(super) fn header_bytes(&self) -> usize {
        if self.range.start == 0 { HEADER_BYTES } else { 0 }
    }

    /// Bytes of the block without the header.
    pub(super) fn body_bytes(&self) -> usize {
        self.range.len() as usize - self.header_bytes()
    }

    fn row(&self) -> [i64; COLUMNS] {
        [
            self.first_key.org.0 as i64,
            self.first_key.metric.0 as i64,
            self.last_key.org.0 as i64,
            self.last_key.metric.0 as i64,
            self.range.len() as i64,
            self.directory_bytes as i64,
            self.series as i64,
            self.points as i64,
            self.timestamp_min_ms,
            self.timestamp_max_ms,
        ]
    }

    /// Parses the entry of the block that starts at `offset`, if its numbers are within their limits.
    fn of_row(row: [i64; COLUMNS], offset: u64) -> Result<Self, String> {
        let [first_org, first_metric, last_org, last_metric, bytes, directory_bytes, series, points, min_ms, max_ms] =
            row;
        let within = |what: &str, number: i64, max: usize| {
            let number = usize::try_from(number).ok().filter(|number| (1..=max).contains(number));
            number.ok_or_else(|| format!("the block at offset {offset} has {what} beyond its limit of {max}"))
        };
        let bytes = within("a length", bytes, u32::MAX as usize)?;
        let range = ByteRange { start: offset, end: offset.saturating_add(bytes as u64) };
        let info = Self {
            range,
            directory_bytes: within("a directory length", directory_bytes, bytes)?,
            first_key: SeriesKey::new(first_org as u64, first_metric as u64),
            last_key: SeriesKey::new(last_org as u64, last_metric as u64),
            series: within("series", series, limits::BLOCK_SERIES_MAX)?,
            points: within("points", points, limits::BLOCK_POINTS_MAX)?,
            timestamp_min_ms: min_ms,
            timestamp_max_ms: max_ms,
        };
        if bytes < info.header_bytes() + info.directory_bytes + CRC_BYTES {
            return Err(format!("the block at offset {offset} is shorter than its directory"));
        }
        if min_ms > max_ms {
            return Err(format!("the block at offset {offset} ends before it begins"));
        }
        Ok(info)
    }
}

/// Footer of a part, with the entries of all blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartFooter {
    kind: PartKind,
    encoding: Encoding,
    summary: PartSummary,
    blocks: Vec<BlockInfo>,
}

/// Result of reading an object's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// The footer was complete.
    Footer(PartFooter),
    /// The footer is longer: read this many of the object's last bytes.
    NeedBytes(u64),
}

impl PartFooter {
    /// Returns the kind of points: raw or rollup.
    pub fn kind(&self) -> PartKind {
        self.kind
    }

    /// Returns the encoding of the columns.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the counts and bounds of the part.
    pub fn summary(&self) -> PartSummary {
        self.summary
    }

    /// Lists the blocks in key order.
    pub fn blocks(&self) -> &[BlockInfo] {
        &self.blocks
    }

    /// Returns the blocks that may hold points of `key`: usually one, several for a long series.
    pub fn blocks_of(&self, key: SeriesKey) -> Range<usize> {
        let start = self.blocks.partition_point(|block| block.last_key < key);
        let end = self.blocks.partition_point(|block| block.first_key <= key);
        start..end.max(start)
    }

    /// Returns the range of the object that holds `blocks`.
    pub fn byte_range(&self, blocks: Range<usize>) -> ByteRange {
        let blocks = &self.blocks[blocks];
        match (blocks.first(), blocks.last()) {
            (Some(first), Some(last)) => ByteRange::new(first.range.start, last.range.end),
            _ => ByteRange::new(0, 0),
        }
    }

    /// Returns the range of the object that holds the directory of a block.
    pub fn directory_range(&self, ordinal: usize) -> ByteRange {
        let block = &self.blocks[ordinal];
        let start = block.range.start + block.header_bytes() as u64;
        ByteRange::new(start, start + block.directory_bytes as u64)
    }

    /// True if the block continues the last series of its predecessor.
    pub(super) fn is_continued(&self, ordinal: usize) -> bool {
        let (Some(before), Some(block)) = (ordinal.checked_sub(1).map(|i| &self.blocks[i]), self.blocks.get(ordinal))
        else {
            return false;
        };
        before.last_key == block.first_key
    }

    /// Builds a footer of `blocks`, which are in key order.
    pub(super) fn of_blocks(
        kind: PartKind,
        encoding: Encoding,
        blocks: Vec<BlockInfo>,
        metrics: Option<(MetricId, MetricId)>,
    ) -> Self {
        let continued = blocks.windows(2).filter(|pair| pair[0].last_key == pair[1].first_key).count();
        let bounds = match (blocks.first(), blocks.last(), metrics) {
            (Some(first), Some(last), Some((metric_min, metric_max))) => Some(PartBounds {
                org_min: first.first_key.org,
                org_max: last.last_key.org,
                metric_min,
                metric_max,
                timestamp_min_ms: blocks.iter().map(|b| b.timestamp_min_ms).min().unwrap_or_default(),
                timestamp_max_ms: blocks.iter().map(|b| b.timestamp_max_ms).max().unwrap_or_default(),
            }),
            _ => None,
        };
        let summary = PartSummary {
            series: blocks.iter().map(|block| block.series as u64).sum::<u64>() - continued as u64,
            points: blocks.iter().map(|block| block.points as u64).sum(),
            blocks: blocks.len() as u64,
            bounds,
        };
        Self { kind, encoding, summary, blocks }
    }

    /// Appends the footer's bytes.
    pub(super) fn encode(&self, encoder: &mut ColumnEncoder, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&layout::header(self.kind, self.encoding));
        for count in [self.summary.blocks, self.summary.series, self.summary.points] {
            varint::put(out, count);
        }
        if let Some(bounds) = self.summary.bounds {
            varint::put(out, bounds.metric_min.0);
            varint::put(out, bounds.metric_max.0);
        }
        for column in 0..COLUMNS {
            let numbers: Vec<i64> = self.blocks.iter().map(|block| block.row()[column]).collect();
            encoder.integers(&numbers, Encoding::Packed, out);
        }
        let length = u32::try_from(out.len() - start).expect("a footer takes a few bytes a block");
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out[start..]), &length.to_le_bytes());
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&MAGIC);
    }

    /// Parses the body of a footer that lies at `offset` and ends the object.
    fn decode(body: &[u8], offset: u64) -> Result<Self, PartError> {
        let invalid = |fact: String| PartError::Footer { offset, fact };
        let column_error = |error: ColumnError| invalid(error.to_string());
        let (header, mut rest) =
            body.split_first_chunk().ok_or_else(|| invalid("it is shorter than a header".to_owned()))?;
        let (kind, encoding) = layout::parse_header(header, offset)?;
        let mut next = || varint::take(&mut rest).map_err(column_error);
        let (count, series, points) = (next()?, next()?, next()?);
        if count > offset / BLOCK_BYTES_MIN {
            return Err(invalid(format!("{count} blocks do not fit before it")));
        }
        let metrics = if count > 0 { Some((MetricId(next()?), MetricId(next()?))) } else { None };
        let blocks = decode_blocks(&mut rest, count as usize).map_err(column_error)?;
        let mut end = 0;
        let mut infos = Vec::with_capacity(blocks.len());
        for row in blocks {
            let info = BlockInfo::of_row(row, end).map_err(invalid)?;
            end = info.range.end;
            infos.push(info);
        }
        let footer = Self::of_blocks(kind, encoding, infos, metrics);
        if !rest.is_empty() || (footer.summary.series, footer.summary.points) != (series, points) {
            return Err(invalid("its totals are not those of its blocks".to_owned()));
        }
        let blocks_end = if count == 0 { HEADER_BYTES as u64 } else { end };
        if blocks_end != offset {
            return Err(invalid(format!("its blocks end at {blocks_end}")));
        }
        footer.check_order().map_err(invalid)?;
        Ok(footer)
    }

    fn check_order(&self) -> Result<(), String> {
        let in_block = |block: &BlockInfo| match block.series {
            1 => block.first_key == block.last_key,
            _ => block.first_key < block.last_key,
        };
        let is_ordered = self.blocks.iter().all(in_block)
            && self.blocks.windows(2).all(|pair| pair[0].last_key <= pair[1].first_key);
        if is_ordered { Ok(()) } else { Err("its blocks are not in the order of keys (DT-2)".to_owned()) }
    }
}

fn decode_blocks(body: &mut &[u8], count: usize) -> Result<Vec<[i64; COLUMNS]>, ColumnError> {
    let mut decoder = ColumnDecoder::new();
    let mut rows = vec![[0; COLUMNS]; count];
    let mut numbers = Vec::new();
    for column in 0..COLUMNS {
        numbers.clear();
        decoder.integers(body, count, &mut numbers)?;
        rows.iter_mut().zip(&numbers).for_each(|(row, number)| row[column] = *number);
    }
    Ok(rows)
}

/// Reads the footer from the last bytes of an object of `size` bytes; [`super::TAIL_BYTES`] of them are usually enough.
///
/// # Errors
/// The object is not a part, was cut short, or its footer is damaged.
pub fn read_tail(tail: &[u8], size: u64) -> Result<Tail, PartError> {
    let not_a_part = |fact: &str| PartError::NotAPart { size, fact: fact.to_owned() };
    if tail.len() as u64 > size {
        return Err(not_a_part("more bytes than that were given"));
    }
    if size < (2 * HEADER_BYTES + TRAILER_BYTES) as u64 {
        return Err(not_a_part("it is shorter than an empty part"));
    }
    let Some((before, trailer)) = tail.split_last_chunk::<TRAILER_BYTES>() else {
        return Ok(Tail::NeedBytes(super::TAIL_BYTES.min(size)));
    };
    let mut trailer = trailer.as_slice();
    let mut word = || -> u32 {
        let bytes = take_bytes(&mut trailer, 4, "the trailer").expect("the trailer is two words and the magic");
        u32::from_le_bytes(bytes.try_into().expect("four bytes were taken"))
    };
    let (stored, length) = (word(), word());
    if trailer != MAGIC {
        return Err(not_a_part("it does not end with the magic of parts"));
    }
    let footer_bytes = u64::from(length) + TRAILER_BYTES as u64;
    let Some(offset) = size.checked_sub(footer_bytes) else {
        return Err(not_a_part("its footer claims to be longer"));
    };
    let Some(start) = before.len().checked_sub(length as usize) else {
        return Ok(Tail::NeedBytes(footer_bytes));
    };
    let computed = crc32c::crc32c_append(crc32c::crc32c(&before[start..]), &length.to_le_bytes());
    if stored != computed {
        return Err(PartError::FooterChecksum { offset, stored, computed });
    }
    let footer = PartFooter::decode(&before[start..], offset)?;
    if !footer.blocks.is_empty() {
        return Ok(Tail::Footer(footer));
    }
    // No block will check the header of an empty part, so it is checked here.
    match before.split_at(start).0 {
        header if header.len() < HEADER_BYTES => Ok(Tail::NeedBytes(size)),
        header if header == layout::header(footer.kind, footer.encoding) => Ok(Tail::Footer(footer)),
        _ => Err(not_a_part("its header is not the one in its footer")),
    }
}
