//! What can be wrong with the bytes of a part.

use model::SeriesKey;

use crate::column::ColumnError;

/// Bytes that are no sound part. Reading the object again settles whether the copy or the object is damaged; a damaged
/// object is replaced by a replay of its shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartError {
    /// The object is something else, or was cut short.
    #[error("the object of {size} bytes is not a whole part: {fact}; replay the shard if its manifest names it")]
    NotAPart {
        /// Size of the object in bytes.
        size: u64,
        /// What is missing or different.
        fact: String,
    },
    /// A later version wrote it.
    #[error("the part has version {found}, this build reads up to {known}; upgrade to read it")]
    Version {
        /// The part's version.
        found: u8,
        /// The newest version known here.
        known: u8,
    },
    /// The footer's bytes are not those that were written.
    #[error(
        "the footer at offset {offset} has checksum {computed:#010x}, {stored:#010x} was written; read it again, or replay the shard"
    )]
    FooterChecksum {
        /// Offset of the footer in the object.
        offset: u64,
        /// As written.
        stored: u32,
        /// Of the bytes at hand.
        computed: u32,
    },
    /// The footer contradicts itself or the object.
    #[error("the footer at offset {offset} is corrupt: {fact}; read it again, or replay the shard")]
    Footer {
        /// Offset of the footer in the object.
        offset: u64,
        /// The contradiction.
        fact: String,
    },
    /// A block's bytes are not those that were written.
    #[error(
        "{what} of block {ordinal} at offset {offset} has checksum {computed:#010x}, {stored:#010x} was written; read it again, or replay the shard"
    )]
    BlockChecksum {
        /// The block, from 0.
        ordinal: usize,
        /// Its offset in the object.
        offset: u64,
        /// Which of its checksums.
        what: &'static str,
        /// As written.
        stored: u32,
        /// Of the bytes at hand.
        computed: u32,
    },
    /// A block contradicts itself or the footer.
    #[error("block {ordinal} at offset {offset} is corrupt: {fact}; read it again, or replay the shard")]
    Block {
        /// The block, from 0.
        ordinal: usize,
        /// Its offset in the object.
        offset: u64,
        /// The contradiction.
        fact: String,
    },
    /// A column of a series does not decode.
    #[error("{key} in block {ordinal} at offset {offset} does not decode; read it again, or replay the shard")]
    Column {
        /// The block, from 0.
        ordinal: usize,
        /// Its offset in the object.
        offset: u64,
        /// The series.
        key: SeriesKey,
        /// What is wrong with the column.
        source: ColumnError,
    },
}
