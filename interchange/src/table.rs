//! The two tables: what their columns are called, what they hold, and how a batch of their rows is lent to a writer.

/// What a column holds; every column is without nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// An unsigned 64-bit id.
    Id,
    /// Milliseconds since the UNIX epoch, UTC.
    Instant,
    /// An unsigned 64-bit number of points.
    Count,
    /// A double; NaN payloads, -0.0 and infinities included.
    Value,
}

/// A column of a batch, borrowed.
#[derive(Debug, Clone, Copy)]
pub enum Cells<'a> {
    /// Of a [`ColumnKind::Instant`] column.
    Instants(&'a [i64]),
    /// Of a [`ColumnKind::Count`] column.
    Counts(&'a [u64]),
    /// Of a [`ColumnKind::Value`] column.
    Values(&'a [f64]),
}

impl Cells<'_> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Instants(cells) => cells.len(),
            Self::Counts(cells) => cells.len(),
            Self::Values(cells) => cells.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A table that leaves Tailor: the key columns `org_id` and `metric_id`, then [`Table::COLUMNS`], the timestamp first.
pub trait Table: 'static {
    /// Its name, in the file's metadata and in messages.
    const NAME: &'static str;
    /// The columns behind the key, in file order; the first one is the timestamp.
    const COLUMNS: &'static [(&'static str, ColumnKind)];
    /// Rows of one series.
    type Rows<'a>: Rows<'a>;
}

/// Rows of one series, lent to a writer.
pub trait Rows<'a>: Copy {
    /// One [`Cells`] for each of [`Table::COLUMNS`].
    type Columns: AsRef<[Cells<'a>]>;

    /// When they are.
    fn timestamps_ms(&self) -> &'a [i64];

    /// The rows as columns, in file order.
    fn columns(&self) -> Self::Columns;
}

/// The columns that every table starts with.
pub(crate) const KEY_COLUMNS: [(&str, ColumnKind); 2] = [("org_id", ColumnKind::Id), ("metric_id", ColumnKind::Id)];

/// Names and kinds of all columns of a table, key first.
pub(crate) fn all_columns<T: Table>() -> impl Iterator<Item = (&'static str, ColumnKind)> {
    KEY_COLUMNS.into_iter().chain(T::COLUMNS.iter().copied())
}

/// One row a point.
#[derive(Debug, Clone, Copy)]
pub enum Raw {}

/// Points of one series, ascending in time; equal timestamps are allowed (`--duplicates keep`).
#[derive(Debug, Clone, Copy)]
pub struct RawRows<'a> {
    /// Milliseconds since the UNIX epoch.
    pub timestamps_ms: &'a [i64],
    /// As many.
    pub values: &'a [f64],
}

impl Table for Raw {
    const NAME: &'static str = "raw";
    const COLUMNS: &'static [(&'static str, ColumnKind)] =
        &[("timestamp", ColumnKind::Instant), ("value", ColumnKind::Value)];
    type Rows<'a> = RawRows<'a>;
}

impl<'a> Rows<'a> for RawRows<'a> {
    type Columns = [Cells<'a>; 2];

    fn timestamps_ms(&self) -> &'a [i64] {
        self.timestamps_ms
    }

    fn columns(&self) -> Self::Columns {
        [Cells::Instants(self.timestamps_ms), Cells::Values(self.values)]
    }
}

/// One row a bucket.
#[derive(Debug, Clone, Copy)]
pub enum Rollup {}

/// Buckets of one series, ascending in time; all columns have one length.
#[derive(Debug, Clone, Copy)]
pub struct RollupRows<'a> {
    /// First instant of each bucket, milliseconds since the UNIX epoch.
    pub bucket_start_ms: &'a [i64],
    /// Points that were aggregated.
    pub count: &'a [u64],
    /// Their sum, added in time order.
    pub sum: &'a [f64],
    /// The smallest, by IEEE total order.
    pub min: &'a [f64],
    /// The largest, by IEEE total order.
    pub max: &'a [f64],
    /// The earliest.
    pub first: &'a [f64],
    /// The latest.
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
}

impl<'a> Rows<'a> for RollupRows<'a> {
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
