//! Parquet: the tables for query engines, and the reader that checks them again.
//!
//! # The file
//! - **Row groups** of at most [`ROW_GROUP_ROWS_MAX`] rows, [`ROW_GROUP_SERIES_MAX`] series and about
//!   [`ROW_GROUP_BYTES_MAX`] encoded bytes. A writer holds one encoded row group and one page of plain rows, no more.
//! - **Pages** of [`PAGE_ROWS`] rows in every column, so that the pages of a row group line up; offset and column index
//!   are written, `sorting_columns` declared, and `tailor.sort` says the same to people.
//! - **Ids** are dictionary pages and runs: a series costs a few bytes, its rows nothing.
//! - **Timestamps and counts** are `DELTA_BINARY_PACKED`, then zstd: a regular series packs to a repeating pattern.
//! - **Values** are `PLAIN`, then zstd at level 1. `BYTE_STREAM_SPLIT` was measured too: 30 % larger on metrics (values
//!   repeat as a whole, and splitting their bytes hides that), and Spark's vectorised reader does not know it
//!   (SPARK-56894).
//! - **Statistics** leave NaN out of minimum and maximum and count it; -0.0 sorts before 0.0 (IEEE total order, which
//!   readers from before its definition ignore: they prune by key and time, not by value).
//!
//! # Damage
//! The `parquet` crate writes no page checksums (it can only check those of others). A flipped bit is found by zstd
//! or by the decoders only if it breaks their framing; the digest of the whole object, in our manifest, is what
//! covers the rest.

mod chunk; //  column of a row group, encoded page by page into memory
mod group; //  columns of the row group that is being filled
mod ids; //    key columns: dictionary and runs
mod layout; // schema and properties
mod reader; // reader of rows
mod writer; // writer of rows

pub use layout::{CREATED_BY, PAGE_ROWS, ROW_GROUP_BYTES_MAX, ROW_GROUP_ROWS_MAX, ROW_GROUP_SERIES_MAX, SORT_KEY};
pub use reader::{Batch, ParquetReader, RawBatch, RawParquetReader, RollupBatch, RollupParquetReader};
pub use writer::{ParquetWriter, RawParquetWriter, RollupParquetWriter};

#[cfg(test)]
mod tests;
