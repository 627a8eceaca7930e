//! Definitions of the two tables: names and kinds of the columns, and batches of rows that are lent to a writer.

/// Kind of a column's values; no column has nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Unsigned 64-bit id.
    Id,
    /// Instant in milliseconds since the UNIX epoch, UTC.
    Instant,
    /// Unsigned 64-bit number of points.
    Count,
    /// Double; NaN payloads, -0.0 and infinities included.
    Value,
}

/// Borrowed column of a batch.
#[derive(Debug, Clone, Copy)]
pub enum Cells<'a> {
    /// Values of a [`ColumnKind::Instant`] column.
    Instants(&'a [i64]),
    /// Values of a [`ColumnKind::Count`] column.
    Counts(&'a [u64]),
    /// Values of a [`ColumnKind::Value`] column.
    Values(&'a [f64]),
}

impl Cells<'_> {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Instants(cells) => cells.len(),
            Self::Counts(cells) => cells.len(),
            Self::Values(cells) => cells.len(),
        }
    }

    /// True if there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Column of a buffer, to be filled.
#[derive(Debug)]
pub enum CellsMut<'a> {
    /// Values of a [`ColumnKind::Instant`] column.
    Instants(&'a mut Vec<i64>),
    /// Values of a [`ColumnKind::Count`] column.
    Counts(&'a mut Vec<u64>),
    /// Values of a [`ColumnKind::Value`] column.
    Values(&'a mut Vec<f64>),
}

/// Table that is exported: the key columns `org_id` and `metric_id`, then [`Table::COLUMNS`], the timestamp first.
pub trait Table: 'static {
    /// Name in the file's metadata and in messages.
    const NAME: &'static str;
    /// Columns behind the key, in file order; the first is the timestamp.
    const COLUMNS: &'static [(&'static str, ColumnKind)];
    /// Rows of one series.
    type Rows<'a>: TableRows<'a>;
    /// Rows of any series, as a reader gives them back.
    type Buffer: Buffer;
}

/// Rows of one series, lent to a writer.
pub trait TableRows<'a>: Copy {
    /// Array with one [`Cells`] for each of [`Table::COLUMNS`].
    type Columns: AsRef<[Cells<'a>]>;

    /// Returns the timestamps of the rows.
    fn timestamps_ms(&self) -> &'a [i64];

    /// Returns the rows as columns, in file order.
    fn columns(&self) -> Self::Columns;
}

/// Rows that a reader owns and fills, without their key columns.
pub trait Buffer: Default + Send {
    /// Returns one [`CellsMut`] for each of [`Table::COLUMNS`], in file order.
    fn columns_mut(&mut self) -> Vec<CellsMut<'_>>;
}

/// Columns with which every table starts.
pub(crate) const KEY_COLUMNS: [(&str, ColumnKind); 2] = [("org_id", ColumnKind::Id), ("metric_id", ColumnKind::Id)];

/// Name of the last column of a file that is made with metadata: text, empty if a series has none.
pub(crate) const METADATA: &str = "metadata";

/// Lists names and kinds of all columns of a table, key first.
pub(crate) fn all_columns<T: Table>() -> impl Iterator<Item = (&'static str, ColumnKind)> {
    KEY_COLUMNS.into_iter().chain(T::COLUMNS.iter().copied())
}

/// Table with one row per point.
#[derive(Debug, Clone, Copy)]
pub enum Raw {}

/// Points of one series, ascending in time; equal timestamps are allowed (`--duplicates keep`).
#[derive(Debug, Clone, Copy)]
pub struct RawRows<'a> {
    /// Timestamps in milliseconds since the UNIX epoch.
    pub timestamps_ms: &'a [i64],
    /// Values, as many as timestamps.
    pub values: &'a [f64],
}

impl Table for Raw {
    const NAME: &'static str = "raw";
    const COLUMNS: &'static [(&'static str, ColumnKind)] =
        &[("timestamp", ColumnKind::Instant), ("value", ColumnKind::Value)];
    type Rows<'a> = RawRows<'a>;
    type Buffer = RawBuffer;
}

impl<'a> TableRows<'a> for RawRows<'a> {
    type Columns = [Cells<'a>; 2];

    fn timestamps_ms(&self) -> &'a [i64] {
        self.timestamps_ms
    }

    fn columns(&self) -> Self::Columns {
        [Cells::Instants(self.timestamps_ms), Cells::Values(self.values)]
    }
}

/// Points that were read from a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawBuffer {
    /// Timestamps in milliseconds since the UNIX epoch.
    pub timestamps_ms: Vec<i64>,
    /// Values, bit for bit.
    pub values: Vec<f64>,
}

impl Buffer for RawBuffer {
    fn columns_mut(&mut self) -> Vec<CellsMut<'_>> {
        vec![CellsMut::Instants(&mut self.timestamps_ms), CellsMut::Values(&mut self.values)]
    }
}

/// Table with one row per bucket.
#[derive(Debug, Clone, Copy)]
pub enum Rollup {}

/// Buckets of one series, ascending in time; all columns have one length.
#[derive(Debug, Clone, Copy)]
pub struct RollupRows<'a> {
    /// First instant of each bucket, milliseconds since the UNIX epoch.
    pub bucket_start_ms: &'a [i64],
    /// Number of points in each bucket.
    pub count: &'a [u64],
    /// Sum of the points, added in time order.
    pub sum: &'a [f64],
    /// Smallest value, by IEEE total order.
    pub min: &'a [f64],
    /// Largest value, by IEEE total order.
    pub max: &'a [f64],
    /// Value of the earliest point.
    pub first: &'a [f64],
    /// Value of the latest point.
    pub last: &'a [f64],
}

impl Table for Rollup {
    const NAME: &'static str = "rollup";
    const COLUMNS: &'static [(&'static str, ColumnKind)] = &[
        ("timestamp", ColumnKind::Instant),
        ("count", ColumnKind::Count),
        ("sum", ColumnKind::Value),
        ("min", ColumnKind::Value),
        ("max", ColumnKind::Value),
        ("first", ColumnKind::Value),
        ("last", ColumnKind::Value),
    ];
    type Rows<'a> = RollupRows<'a>;
    type Buffer = RollupBuffer;
}

impl<'a> TableRows<'a> for RollupRows<'a> {
    type Columns = [Cells<'a>; 7];

    fn timestamps_ms(&self) -> &'a [i64] {
        self.bucket_start_ms
    }

    fn columns(&self) -> Self::Columns {
        [
            Cells::Instants(self.bucket_start_ms),
            Cells::Counts(self.count),
            Cells::Values(self.sum),
            Cells::Values(self.min),
            Cells::Values(self.max),
            Cells::Values(self.first),
            Cells::Values(self.last),
        ]
    }
}

/// Buckets that were read from a file; the columns are those of [`RollupRows`].
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "`RollupRows` has them")]
pub struct RollupBuffer {
    pub bucket_start_ms: Vec<i64>,
    pub count: Vec<u64>,
    pub sum: Vec<f64>,
    pub min: Vec<f64>,
    pub max: Vec<f64>,
    pub first: Vec<f64>,
    pub last: Vec<f64>,
}

impl Buffer for RollupBuffer {
    fn columns_mut(&mut self) -> Vec<CellsMut<'_>> {
        vec![
            CellsMut::Instants(&mut self.bucket_start_ms),
            CellsMut::Counts(&mut self.count),
            CellsMut::Values(&mut self.sum),
            CellsMut::Values(&mut self.min),
            CellsMut::Values(&mut self.max),
            CellsMut::Values(&mut self.first),
            CellsMut::Values(&mut self.last),
        ]
    }
}
