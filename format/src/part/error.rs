//! Errors in the bytes of a part.

use model::SeriesKey;

use crate::column::ColumnError;

/// Error of a part that is not sound. Reading the object again shows if the copy or the object is damaged. A damaged
/// object is replaced by a replay of its shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// The object is not a part, or was cut short.
    #[error("the object of {size} bytes is not a whole part: {fact}; replay the shard if its manifest names it")]
    NotAPart {
        /// Size of the object in bytes.
        size: u64,
        /// Check that failed.
        fact: String,
    },
    /// A later version wrote the part.
    #[error("the part has version {found}, this build reads up to {known}; upgrade to read it")]
    Version {
        /// Version of the part.
        found: u8,
        /// Newest version known to this build.
        known: u8,
    },
    /// The footer's bytes are not those that were written.
    #[error(
        "the footer at offset {offset} has checksum {computed:#010x}, {stored:#010x} was written; read it again, or replay the shard"
    )]
    FooterChecksum {
        /// Offset of the footer in the object.
        offset: u64,
        /// Checksum as written.
        stored: u32,
        /// Checksum of the bytes that were read.
        computed: u32,
    },
    /// The footer contradicts itself or the object.
    #[error("the footer at offset {offset} is corrupt: {fact}; read it again, or replay the shard")]
    Footer {
        /// Offset of the footer in the object.
        offset: u64,
        /// Check that failed.
        fact: String,
    },
    /// A block's bytes are not those that were written.
    #[error(
        "{what} of block {ordinal} at offset {offset} has checksum {computed:#010x}, {stored:#010x} was written; read it again, or replay the shard"
    )]
    BlockChecksum {
        /// Block number, from 0.
        ordinal: usize,
        /// Offset of the block in the object.
        offset: u64,
        /// Name of the checksum.
        what: &'static str,
        /// Checksum as written.
        stored: u32,
        /// Checksum of the bytes that were read.
        computed: u32,
    },
    /// A block contradicts itself or the footer.
    #[error("block {ordinal} at offset {offset} is corrupt: {fact}; read it again, or replay the shard")]
    Block {
        /// Block number, from 0.
        ordinal: usize,
        /// Offset of the block in the object.
        offset: u64,
        /// Check that failed.
        fact: String,
    },
    /// A column of a series does not decode.
    #[error("{key} in block {ordinal} at offset {offset} does not decode; read it again, or replay the shard")]
    Column {
        /// Block number, from 0.
        ordinal: usize,
        /// Offset of the block in the object.
        offset: u64,
        /// Key of the series.
        key: SeriesKey,
        /// Error of the column's decoder.
        source: ColumnError,
    },
}
