//! Reader of one block: verifies its checksum first, then decodes series by series.

use std::borrow::Cow;

use model::{Columns, TimestampMs};

use crate::column::{ColumnDecoder, ColumnError, timestamps};

use super::directory::TimestampSource;
use super::layout::{self, PartKind, split_crc};
use super::{Directory, PartError, PartFooter, RollupColumns, SeriesEntry, rollup_codec};

/// A block, verified as a whole; its series are decoded on demand.
#[derive(Debug)]
pub struct Block<'a> {
    ordinal: usize,
    offset: u64,
    kind: PartKind,
    directory: Directory,
    metadata: Cow<'a, [u8]>,
    timestamps: &'a [u8],
    values: Cow<'a, [u8]>,
}

impl<'a> Block<'a> {
    /// Opens the block from exactly its bytes, which are its `range` in the footer.
    ///
    /// # Errors
    /// The bytes differ from those that were written, or contradict the footer.
    pub fn open(footer: &PartFooter, ordinal: usize, bytes: &'a [u8]) -> Result<Self, PartError> {
        let info = &footer.blocks()[ordinal];
        let offset = info.range.start;
        let invalid = |fact: String| PartError::Block { ordinal, offset, fact };
        if bytes.len() as u64 != info.range.len() {
            return Err(invalid(format!("it has {} bytes, {} were given", info.range.len(), bytes.len())));
        }
        let (header, block) = bytes.split_at(info.header_bytes());
        if !header.is_empty() && header != layout::header(footer.kind(), footer.encoding()) {
            return Err(invalid("the part's header before it is not the one in the footer".to_owned()));
        }
        let (body, stored, computed) = split_crc(block).expect("the footer checked that a block holds its checksum");
        if stored != computed {
            return Err(PartError::BlockChecksum { ordinal, offset, what: "the whole", stored, computed });
        }
        let (directory_bytes, rest) = body.split_at(info.directory_bytes);
        let directory = Directory::open(footer, ordinal, directory_bytes)?;
        // The directory has checked that its sections fill the block.
        let (metadata, rest) = rest.split_at(directory.metadata_stored);
        let (timestamps, values) = rest.split_at(directory.timestamp_bytes);
        let metadata = plain(metadata, directory.metadata_is_zstd, directory.metadata_bytes);
        let values = plain(values, directory.values_are_zstd, directory.value_bytes);
        Ok(Self {
            ordinal,
            offset,
            kind: footer.kind(),
            metadata: metadata.map_err(|fact| invalid(format!("its metadata {fact}")))?,
            timestamps,
            values: values.map_err(|fact| invalid(format!("its values {fact}")))?,
            directory,
        })
    }

    /// Lists the series of the block, in order.
    pub fn series(&self) -> impl ExactSizeIterator<Item = &SeriesEntry> {
        self.directory.series()
    }

    /// Returns the block's directory.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns the metadata of the series at `index`; none if a later block has it.
    pub fn metadata(&self, index: usize) -> Option<&[u8]> {
        let is_last = self.directory.entries[index].is_last;
        is_last.then(|| &self.metadata[self.directory.locations[index].metadata.clone()])
    }

    /// Appends the points of the series at `index` to `columns`.
    ///
    /// # Errors
    /// The points do not decode, do not ascend, or contradict the directory (DT-2).
    pub fn points(&self, index: usize, decoder: &mut ColumnDecoder, columns: &mut Columns) -> Result<(), PartError> {
        if self.kind != PartKind::Raw {
            return Err(self.invalid("it holds rollups, and points were asked of it".to_owned()));
        }
        self.timestamps(index, decoder, &mut columns.timestamps)?;
        self.decode_values(index, |input, n| decoder.values(input, n, &mut columns.values))
    }

    /// Appends the rows of the series at `index` to `columns`.
    ///
    /// # Errors
    /// As [`Self::points`].
    pub fn rollups(
        &self,
        index: usize,
        decoder: &mut ColumnDecoder,
        columns: &mut RollupColumns,
    ) -> Result<(), PartError> {
        if self.kind == PartKind::Raw {
            return Err(self.invalid("it holds points, and rollups were asked of it".to_owned()));
        }
        self.timestamps(index, decoder, &mut columns.bucket_start_ms)?;
        self.decode_values(index, |input, n| rollup_codec::decode(decoder, input, n, columns))
    }

    fn decode_values(
        &self,
        index: usize,
        decode: impl FnOnce(&mut &[u8], usize) -> Result<(), ColumnError>,
    ) -> Result<(), PartError> {
        let entry = &self.directory.entries[index];
        let mut input = &self.values[self.directory.locations[index].values.clone()];
        decode(&mut input, entry.points).map_err(|source| self.column_error(index, source))?;
        if input.is_empty() {
            Ok(())
        } else {
            Err(self.invalid(format!("{} bytes follow the values of {}", input.len(), entry.key)))
        }
    }

    fn timestamps(
        &self,
        index: usize,
        decoder: &mut ColumnDecoder,
        out: &mut Vec<TimestampMs>,
    ) -> Result<(), PartError> {
        let entry = &self.directory.entries[index];
        let (start, key) = (out.len(), entry.key);
        match &self.directory.locations[index].timestamps {
            // Regular timestamps ascend by construction.
            TimestampSource::Regular => {
                return match timestamps::extend_regular(entry.first_ms, entry.last_ms, entry.points, out) {
                    true => Ok(()),
                    false => Err(self.invalid(format!("the timestamps of {key} cannot be regular"))),
                };
            }
            TimestampSource::Column(range) => {
                let mut input = &self.timestamps[range.clone()];
                let decoded = decoder.timestamps(&mut input, entry.points, out);
                decoded.map_err(|source| self.column_error(index, source))?;
                if !input.is_empty() {
                    return Err(self.invalid(format!("{} bytes follow the timestamps of {key}", input.len())));
                }
            }
        }
        let decoded = &out[start..];
        if !decoded.is_sorted() {
            return Err(self.invalid(format!("the timestamps of {key} do not ascend (DT-2)")));
        }
        if (decoded.first(), decoded.last()) != (Some(&entry.first_ms), Some(&entry.last_ms)) {
            return Err(self.invalid(format!("the timestamps of {key} are not within those of its entry")));
        }
        Ok(())
    }

    fn column_error(&self, index: usize, source: ColumnError) -> PartError {
        let key = self.directory.entries[index].key;
        PartError::Column { ordinal: self.ordinal, offset: self.offset, key, source }
    }

    fn invalid(&self, fact: String) -> PartError {
        PartError::Block { ordinal: self.ordinal, offset: self.offset, fact }
    }
}

/// Returns a section as it was before compression; its length is known and bounded.
fn plain(stored: &[u8], is_zstd: bool, bytes: usize) -> Result<Cow<'_, [u8]>, String> {
    if !is_zstd {
        return Ok(Cow::Borrowed(stored));
    }
    let declared = zstd::zstd_safe::get_frame_content_size(stored).ok().flatten();
    if declared != Some(bytes as u64) {
        return Err(format!("are not a zstd frame of {bytes} bytes"));
    }
    // A new context per block is cheap against the thousands of points in it.
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(|error| format!("do not decompress: {error}"))?;
    let plain = decompressor.decompress(stored, bytes).map_err(|error| format!("do not decompress: {error}"))?;
    if plain.len() == bytes { Ok(Cow::Owned(plain)) } else { Err(format!("decompress to {} bytes", plain.len())) }
}
