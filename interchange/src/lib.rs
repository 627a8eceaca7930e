//! The same rows for other tools: Parquet, CSV and JSON lines.
//!
//! Two tables leave Tailor, and their columns are fixed because scripts depend on them:
//!
//! | table | columns |
//! |---|---|
//! | [`Raw`] | `org_id`, `metric_id`, `timestamp`, `value` |
//! | [`Rollup`] | `org_id`, `metric_id`, `timestamp` (bucket start), `count`, `sum`, `min`, `max`, `first`, `last` |
//!
//! A file that is made with metadata has one more column behind them, `metadata`: what the series is called.
//!
//! Both are sorted by (`org_id`, `metric_id`, `timestamp`). A writer is a [`RowSink`]: rows go in by series, finished
//! bytes come out whenever the caller drains it, and nothing here opens a file or a socket. The same rows give the same
//! bytes, however they were cut into `append` calls and whenever the sink was drained.

// Text, one line per row.
pub mod csv;
// Text, one object per row.
pub mod jsonl;
// Errors of rows and files.
mod error;
// Check that rows arrive sorted (DT-2).
mod order;
// Columns for engines, and the reader that verifies them.
pub mod parquet;
// `RowSink`: append, take, finish.
mod sink;
// Two tables: columns, rows, cells.
mod table;

pub use error::{ReadError, WriteError};
pub use sink::{RowSink, RowSummary};
pub use table::{
    Buffer, Cells, CellsMut, ColumnKind, Raw, RawBuffer, RawRows, Rollup, RollupBuffer, RollupRows, Table, TableRows,
};
