//! The part: one sorted output file of a partition, read by footer and ranged reads.
//!
//! ```text
//! part   := header, block*, footer
//! header := "TLRPART1", version u8 = 1, kind u8 (0 raw, 1 rollup), encoding u8 (0 packed, 1 pco), 0 u8, step_ms u32
//! ```
//!
//! Numbers of fixed size are little-endian. The first block's range starts with the header (the footer checks that of a
//! part without blocks), lengths come last, and blocks and footer join without gaps: so each byte of a part is covered
//! by a check that somebody makes. See `directory.rs` for the block and `footer.rs` for the footer.
//!
//! Life of a part: a [`PartWriter`] takes series in key order and gives finished bytes back; the caller
//! appends them to one object. A reader takes the last [`TAIL_BYTES`] to [`read_tail`], asks the [`PartFooter`] which
//! blocks hold a key, reads those in one range and [`Block::open`]s them. A part whose bytes fail a check is corrupt or
//! still being written; the error names block, offset and both checksums. Nothing is repaired here.
//!
//! The bytes depend on the series and the encoding alone: not on how points were divided among calls, nor on time
//! (DT-3).

mod block; //         reader of one block
mod block_builder; // builder of one block
mod directory; //     series of a block, and the positions of their bytes
mod error;
mod footer; //        list of the blocks
mod layout; //        magic, header, sizes
mod rollup; //        columns of a rollup
mod rollup_codec; //  bytes of a rollup's columns
mod writer;

#[cfg(test)]
mod tests;

pub use block::Block;
pub use directory::{Directory, SeriesEntry};
pub use error::PartError;
pub use footer::{BlockInfo, PartFooter, Tail, read_tail};
pub use layout::{PartBounds, PartKind, PartSummary, TAIL_BYTES};
pub use rollup::{RollupColumns, RollupRow};
pub use writer::PartWriter;
