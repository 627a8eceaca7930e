//! Level `rows`, over all windows: every reader gets one row per bucket, joined from all windows.
//!
//! The rows of each window were already compared with its points. Here they are added up once more, plainly, and
//! compared with the rows that the dataset's readers return.

use std::collections::{BTreeMap, BTreeSet};

use format::manifest::Manifest;
use format::part::{RollupColumns, RollupRow};
use model::series::canonical_sum;
use model::{RollupStep, SeriesKey, ShardId, Window};

use super::{Run, on_rollup};
use crate::buckets::merged;
use crate::catalog::overlapping;
use crate::error::DatasetError;
use crate::export::inputs;
use crate::join::Join;
use crate::merge::Merge;
use crate::rows::{Chunk, ChunkSource, Rows};

impl Run<'_> {
    /// Checks each step that several of these manifests have. Overlapping windows are skipped, because readers refuse
    /// them.
    pub(super) async fn buckets(&mut self, manifests: &[Manifest]) -> Result<(), DatasetError> {
        let mut windows: BTreeMap<ShardId, Vec<Window>> = BTreeMap::new();
        manifests.iter().for_each(|manifest| windows.entry(manifest.shard).or_default().push(manifest.window));
        if windows.values().any(|windows| !overlapping(windows).is_empty()) {
            return Ok(());
        }
        let steps: BTreeSet<RollupStep> =
            manifests.iter().flat_map(|manifest| &manifest.settings.rollups).copied().collect();
        for step in steps {
            let result = self.buckets_of(manifests, step).await;
            let place = format!("{} (rollup {step})", self.catalog.root());
            self.note_damage(&place, result)?;
        }
        Ok(())
    }

    async fn buckets_of(&mut self, manifests: &[Manifest], step: RollupStep) -> Result<(), DatasetError> {
        let place = format!("{} (rollup {step})", self.catalog.root());
        // The join must find no second row of a bucket.
        let mut readers = Join::new(merged(inputs(self.catalog, manifests, Some(step))?, Some(step)), false);
        let mut plain = Merge::new(inputs(self.catalog, manifests, Some(step))?);
        let mut open: Option<(SeriesKey, RollupRow)> = None;
        while let Some(chunk) = plain.next().await? {
            let Rows::Buckets(buckets) = &chunk.rows else { continue };
            for row in (0..buckets.len()).map(|at| buckets.row(at)) {
                match &mut open {
                    Some((key, sum)) if *key == chunk.key && sum.bucket_start_ms == row.bucket_start_ms => {
                        add(sum, &row);
                    }
                    _ => {
                        let closed = open.replace((chunk.key, row));
                        self.compare(closed, &mut readers, &place).await?;
                    }
                }
            }
        }
        self.compare(open, &mut readers, &place).await?;
        readers.finish(&mut on_rollup(&mut self.differences, &place)).await
    }

    /// Compares a row with the next row of the readers.
    async fn compare(
        &mut self,
        row: Option<(SeriesKey, RollupRow)>,
        readers: &mut Join,
        place: &str,
    ) -> Result<(), DatasetError> {
        let Some((key, row)) = row else { return Ok(()) };
        self.checked.buckets += 1;
        let mut rows = RollupColumns::default();
        rows.push(row);
        let expected = Chunk { key, metadata: None, rows: Rows::Buckets(rows) };
        readers.expect(&expected, &mut on_rollup(&mut self.differences, place)).await
    }
}

/// Adds a later share of a bucket.
fn add(sum: &mut RollupRow, share: &RollupRow) {
    sum.count += share.count;
    sum.sum = canonical_sum(sum.sum + share.sum);
    if share.min.total_cmp(&sum.min).is_lt() {
        sum.min = share.min;
    }
    if share.max.total_cmp(&sum.max).is_gt() {
        sum.max = share.max;
    }
    sum.last = share.last;
}
