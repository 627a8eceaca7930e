//! Joins rows so that readers get one row per bucket: if several windows have rows of one bucket, the rows are joined.
//!
//! A job rolls up the points in its window. If the window's ends are not multiples of the step (four-hour windows and
//! a step of a day), its first and last buckets are shared with the neighbouring windows, and each window wrote a row
//! of its own share. Every reader gets the joined row: counts and sums add, in the order of the windows; minimum and
//! maximum cover both; `first` comes from the earlier window, `last` from the later one. Rows of one window in
//! several shards, which a misplaced organisation may have, are joined in the order of the shards.

use format::part::{RollupColumns, RollupRow};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::RollupStep;
use model::series::canonical_sum;

use crate::error::DatasetError;
use crate::merge::{Input, Merge};
use crate::rows::{Chunk, ChunkSource, Rows};

/// Merges many parts into one sorted stream, as readers see it; rollups have one row per bucket.
pub(crate) fn merged(inputs: Vec<Input>, rollup: Option<RollupStep>) -> Box<dyn ChunkSource> {
    let merge = Merge::new(inputs);
    match rollup {
        None => Box::new(merge),
        Some(_) => Box::new(OneRowABucket { source: merge, held: None }),
    }
}

/// Joins neighbouring rows of one series and bucket.
struct OneRowABucket<S> {
    source: S,
    /// Previous chunk, held because the next may have more of its last bucket.
    held: Option<Chunk>,
}

impl<S: ChunkSource> OneRowABucket<S> {
    async fn next_chunk(&mut self) -> Result<Option<Chunk>, DatasetError> {
        loop {
            let Some(mut chunk) = self.source.next().await? else { return Ok(self.held.take()) };
            let Some(held) = &mut self.held else {
                self.held = Some(chunk);
                continue;
            };
            if held.key == chunk.key
                && let (Rows::Buckets(before), Rows::Buckets(rows)) = (&mut held.rows, &mut chunk.rows)
                && !take_first_into_last(before, rows)
            {
                // The whole chunk was joined into the row before.
                continue;
            }
            return Ok(self.held.replace(chunk));
        }
    }
}

impl<S: ChunkSource> ChunkSource for OneRowABucket<S> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        self.next_chunk().boxed()
    }
}

/// Joins the first row of `rows` with the last row of `before`, if both belong to one bucket; returns true if rows
/// are left.
fn take_first_into_last(before: &mut RollupColumns, rows: &mut RollupColumns) -> bool {
    let (Some(last), false) = (before.len().checked_sub(1), rows.is_empty()) else { return !rows.is_empty() };
    if before.bucket_start_ms[last] == rows.bucket_start_ms[0] {
        let joined = joined(before.row(last), rows.row(0));
        replace_last(before, joined);
        let mut left = RollupColumns::default();
        (1..rows.len()).for_each(|at| left.push(rows.row(at)));
        *rows = left;
    }
    !rows.is_empty()
}

fn replace_last(rows: &mut RollupColumns, row: RollupRow) {
    let last = rows.len() - 1;
    rows.count[last] = row.count;
    rows.sum[last] = row.sum;
    rows.min[last] = row.min;
    rows.max[last] = row.max;
    rows.first[last] = row.first;
    rows.last[last] = row.last;
}

/// Joins two shares of a bucket; the earlier share comes first.
fn joined(earlier: RollupRow, later: RollupRow) -> RollupRow {
    RollupRow {
        bucket_start_ms: earlier.bucket_start_ms,
        count: earlier.count + later.count,
        sum: canonical_sum(earlier.sum + later.sum),
        min: std::cmp::min_by(earlier.min, later.min, f64::total_cmp),
        max: std::cmp::max_by(earlier.max, later.max, f64::total_cmp),
        first: earlier.first,
        last: later.last,
    }
}

#[cfg(test)]
mod tests;
