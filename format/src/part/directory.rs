//! Directory of a block: its series, and the positions of their bytes.
//!
//! ```text
//! block     := directory, metadata, timestamps, values, crc32c u32 of all that stands before
//! directory := flags u8 (bit 0 metadata is zstd, bit 1 values are zstd), stored bytes of metadata and of values: varints,
//!              8 integer columns, one number a series: org, metric, points, first timestamp, last less first,
//!              metadata bytes, timestamp code, value bytes; crc32c u32 of all that stands before
//! ```
//!
//! A timestamp code is 0 when timestamps are regular (they follow from first, last and count), 1 when they are those of
//! the series before it in the block (short scraped series share theirs), else the bytes of the series' timestamp
//! column. A zstd section is one frame around the plain section. Keys ascend strictly. A series too long for one block
//! goes on as the first of the next; its metadata is with its last piece, and its earlier ones have none.

use model::{SeriesKey, TimestampMs, limits};

use crate::column::{ColumnDecoder, ColumnEncoder, ColumnError, Encoding, take_bytes, varint};

use super::footer::BlockInfo;
use super::layout::{BLOCK_METADATA_BYTES_MAX, CRC_BYTES, split_crc};
use super::{PartError, PartFooter};

const METADATA_ZSTD: u8 = 1;
const VALUES_ZSTD: u8 = 2;

/// Timestamp code of regular timestamps.
pub(super) const REGULAR: i64 = 0;
/// Timestamp code of the previous series' timestamps.
pub(super) const AS_BEFORE: i64 = 1;

/// Series in a block, or the piece of it that the block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesEntry {
    /// Organisation and metric, which identify the series.
    pub key: SeriesKey,
    /// Points, or rows of a rollup, in this block.
    pub points: usize,
    /// Timestamp of the first of them.
    pub first_ms: TimestampMs,
    /// Timestamp of the last of them.
    pub last_ms: TimestampMs,
    /// True if an earlier block holds points of the series.
    pub is_continued: bool,
    /// True if this is the series' last piece, which has the metadata.
    pub is_last: bool,
}

/// The columns of a directory.
#[derive(Debug, Default)]
pub(super) struct DirectoryColumns {
    pub(super) orgs: Vec<i64>,
    pub(super) metrics: Vec<i64>,
    pub(super) points: Vec<i64>,
    pub(super) firsts: Vec<i64>,
    pub(super) spans: Vec<i64>,
    pub(super) metadata_bytes: Vec<i64>,
    pub(super) timestamp_codes: Vec<i64>,
    pub(super) value_bytes: Vec<i64>,
}

impl DirectoryColumns {
    pub(super) fn all_mut(&mut self) -> [&mut Vec<i64>; 8] {
        [
            &mut self.orgs,
            &mut self.metrics,
            &mut self.points,
            &mut self.firsts,
            &mut self.spans,
            &mut self.metadata_bytes,
            &mut self.timestamp_codes,
            &mut self.value_bytes,
        ]
    }
}

/// Storage of a block's sections: compression and length.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sections {
    pub(super) metadata_is_zstd: bool,
    pub(super) values_are_zstd: bool,
    pub(super) metadata_stored: usize,
    pub(super) values_stored: usize,
}

/// Appends a directory with its checksum.
pub(super) fn encode(
    columns: &mut DirectoryColumns,
    sections: Sections,
    encoder: &mut ColumnEncoder,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
    out.push(flag(sections.metadata_is_zstd, METADATA_ZSTD) | flag(sections.values_are_zstd, VALUES_ZSTD));
    varint::put(out, sections.metadata_stored as u64);
    varint::put(out, sections.values_stored as u64);
    for column in columns.all_mut() {
        encoder.integers(column, Encoding::Packed, out);
    }
    let crc = crc32c::crc32c(&out[start..]);
    out.extend_from_slice(&crc.to_le_bytes());
}

/// Source of a series' timestamps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TimestampSource {
    Regular,
    /// A range of the timestamp section.
    Column(std::ops::Range<usize>),
}

/// Positions of a series' bytes in the block's sections.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) metadata: std::ops::Range<usize>,
    pub(super) timestamps: TimestampSource,
    pub(super) values: std::ops::Range<usize>,
}

/// Directory of one block.
#[derive(Debug, Clone)]
pub struct Directory {
    pub(super) entries: Vec<SeriesEntry>,
    pub(super) locations: Vec<Location>,
    pub(super) metadata_is_zstd: bool,
    pub(super) values_are_zstd: bool,
    pub(super) metadata_stored: usize,
    pub(super) values_stored: usize,
    pub(super) metadata_bytes: usize,
    pub(super) timestamp_bytes: usize,
    pub(super) value_bytes: usize,
}

impl Directory {
    /// Reads a directory from exactly its bytes, which are [`PartFooter::directory_range`] of the object, and checks it
    /// against the footer.
    ///
    /// # Errors
    /// The bytes differ from those that were written, or contradict the footer.
    pub fn open(footer: &PartFooter, ordinal: usize, bytes: &[u8]) -> Result<Self, PartError> {
        let info = &footer.blocks()[ordinal];
        let invalid = |fact: String| PartError::Block { ordinal, offset: info.range.start, fact };
        let length = info.directory_bytes;
        if bytes.len() != length {
            return Err(invalid(format!("its directory has {length} bytes, {} were given", bytes.len())));
        }
        let (mut body, stored, computed) =
            split_crc(bytes).ok_or_else(|| invalid("its directory has no room for a checksum".to_owned()))?;
        if stored != computed {
            let (offset, what) = (info.range.start, "the directory");
            return Err(PartError::BlockChecksum { ordinal, offset, what, stored, computed });
        }
        let column_error =
            |source| PartError::Column { ordinal, offset: info.range.start, key: info.first_key, source };
        let (columns, sections) = decode_columns(&mut body, info.series).map_err(column_error)?;
        if !body.is_empty() {
            return Err(invalid(format!("{} bytes follow its directory's columns", body.len())));
        }
        let directory = Self::locate(&columns, sections, footer, ordinal).map_err(invalid)?;
        directory.check_against(info).map_err(invalid)?;
        Ok(directory)
    }

    /// Lists the series of the block, in order.
    pub fn series(&self) -> impl ExactSizeIterator<Item = &SeriesEntry> {
        self.entries.iter()
    }

    /// Returns the index in [`Self::series`] of `key`.
    pub fn position(&self, key: SeriesKey) -> Option<usize> {
        self.entries.binary_search_by_key(&key, |entry| entry.key).ok()
    }

    fn locate(
        columns: &DirectoryColumns,
        sections: Sections,
        footer: &PartFooter,
        ordinal: usize,
    ) -> Result<Self, String> {
        let n = columns.orgs.len();
        let mut directory = Self {
            entries: Vec::with_capacity(n),
            locations: Vec::with_capacity(n),
            metadata_is_zstd: sections.metadata_is_zstd,
            values_are_zstd: sections.values_are_zstd,
            metadata_stored: sections.metadata_stored,
            values_stored: sections.values_stored,
            metadata_bytes: 0,
            timestamp_bytes: 0,
            value_bytes: 0,
        };
        for i in 0..n {
            let mut entry = entry(columns, i)?;
            entry.is_continued = i == 0 && footer.is_continued(ordinal);
            entry.is_last = i + 1 < n || !footer.is_continued(ordinal + 1);
            let location = directory.next_location(columns, i, &entry)?;
            directory.entries.push(entry);
            directory.locations.push(location);
        }
        Ok(directory)
    }

    fn next_location(&mut self, columns: &DirectoryColumns, i: usize, entry: &SeriesEntry) -> Result<Location, String> {
        let key = entry.key;
        let metadata = extend(&mut self.metadata_bytes, columns.metadata_bytes[i], limits::METADATA_BYTES_MAX)
            .ok_or_else(|| format!("{key} has {} bytes of metadata", columns.metadata_bytes[i]))?;
        if !entry.is_last && !metadata.is_empty() {
            return Err(format!("{key} goes on in the next block and has metadata here"));
        }
        let values = extend(&mut self.value_bytes, columns.value_bytes[i], VALUE_BYTES_MAX)
            .ok_or_else(|| format!("{key} has {} bytes of values", columns.value_bytes[i]))?;
        let timestamps = match columns.timestamp_codes[i] {
            REGULAR => TimestampSource::Regular,
            AS_BEFORE => match (self.entries.last(), self.locations.last()) {
                (Some(before), Some(Location { timestamps: column @ TimestampSource::Column(_), .. }))
                    if (before.points, before.first_ms, before.last_ms)
                        == (entry.points, entry.first_ms, entry.last_ms) =>
                {
                    column.clone()
                }
                _ => return Err(format!("{key} has the timestamps of a series before it that cannot lend them")),
            },
            bytes => TimestampSource::Column(
                extend(&mut self.timestamp_bytes, bytes, VALUE_BYTES_MAX)
                    .ok_or_else(|| format!("{key} has {bytes} bytes of timestamps"))?,
            ),
        };
        Ok(Location { metadata, timestamps, values })
    }

    fn check_against(&self, info: &BlockInfo) -> Result<(), String> {
        if let Some(pair) = self.entries.windows(2).find(|pair| pair[0].key >= pair[1].key) {
            return Err(format!("{} stands before {} (DT-2)", pair[0].key, pair[1].key));
        }
        let keys = (self.entries.first().map(|entry| entry.key), self.entries.last().map(|entry| entry.key));
        if keys != (Some(info.first_key), Some(info.last_key)) {
            return Err("its first and last key are not those in the footer".to_owned());
        }
        let points: usize = self.entries.iter().map(|entry| entry.points).sum();
        if points != info.points {
            return Err(format!("it holds {points} points, {} by the footer", info.points));
        }
        let times = (
            self.entries.iter().map(|entry| entry.first_ms).min(),
            self.entries.iter().map(|entry| entry.last_ms).max(),
        );
        if times != (Some(info.timestamp_min_ms), Some(info.timestamp_max_ms)) {
            return Err("its first and last timestamp are not those in the footer".to_owned());
        }
        let sections = [self.metadata_stored, self.timestamp_bytes, self.values_stored];
        let total = sections.iter().fold(info.directory_bytes + CRC_BYTES, |sum, bytes| sum.saturating_add(*bytes));
        if total != info.body_bytes() {
            return Err(format!("its sections take {total} bytes of {}", info.body_bytes()));
        }
        let plain = [
            (self.metadata_is_zstd, self.metadata_stored, self.metadata_bytes),
            (self.values_are_zstd, self.values_stored, self.value_bytes),
        ];
        if plain.iter().any(|(is_zstd, stored, bytes)| !is_zstd && stored != bytes) {
            return Err("a plain section has not the bytes that its series have".to_owned());
        }
        if self.metadata_bytes > BLOCK_METADATA_BYTES_MAX || self.value_bytes > VALUE_BYTES_MAX {
            let (metadata, values) = (self.metadata_bytes, self.value_bytes);
            return Err(format!("{metadata} bytes of metadata or {values} of values are beyond their limits"));
        }
        Ok(())
    }
}

/// Most bytes of values in a block: the worst row of a rollup takes fewer than 128, the heads of its columns fewer
/// than 512. It bounds the memory that a zstd section may ask for.
const VALUE_BYTES_MAX: usize = limits::BLOCK_POINTS_MAX * 128 + limits::BLOCK_SERIES_MAX * 512;

/// Returns the range of the next `bytes` in a section that holds `total` so far.
fn extend(total: &mut usize, bytes: i64, max: usize) -> Option<std::ops::Range<usize>> {
    let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes <= max)?;
    let start = *total;
    *total = start.checked_add(bytes)?;
    Some(start..*total)
}

fn entry(columns: &DirectoryColumns, i: usize) -> Result<SeriesEntry, String> {
    let key = SeriesKey::new(columns.orgs[i] as u64, columns.metrics[i] as u64);
    let points = usize::try_from(columns.points[i]).ok().filter(|n| (1..=limits::BLOCK_POINTS_MAX).contains(n));
    let points = points.ok_or_else(|| format!("{key} has {} points", columns.points[i]))?;
    let first_ms = columns.firsts[i];
    let last_ms = first_ms.wrapping_add(columns.spans[i]);
    if last_ms < first_ms {
        return Err(format!("{key} ends at {last_ms} ms, before it begins at {first_ms} ms"));
    }
    Ok(SeriesEntry { key, points, first_ms, last_ms, is_continued: false, is_last: true })
}

fn decode_columns(body: &mut &[u8], series: usize) -> Result<(DirectoryColumns, Sections), ColumnError> {
    let flags = take_bytes(body, 1, "a directory")?[0];
    if flags & !(METADATA_ZSTD | VALUES_ZSTD) != 0 {
        return Err(ColumnError::Unknown { what: "a set of directory flags", byte: flags });
    }
    let mut stored = || varint::take(body).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let sections = Sections {
        metadata_is_zstd: flags & METADATA_ZSTD != 0,
        values_are_zstd: flags & VALUES_ZSTD != 0,
        metadata_stored: stored()?,
        values_stored: stored()?,
    };
    let mut columns = DirectoryColumns::default();
    let mut decoder = ColumnDecoder::new();
    for column in columns.all_mut() {
        decoder.integers(body, series, column)?;
    }
    Ok((columns, sections))
}
