//! Checks the rows of one raw part in a single pass: order, partition, window, counts, and its rollups in lockstep.

use format::manifest::{Extent, Manifest, PartitionEntry};
use model::books::ReduceBooks;
use model::time::Placement;
use model::{Columns, DuplicateRule, PartitionId, RollupStep, SeriesKey, TimestampMs};

use super::on_rollup;
use crate::error::DatasetError;
use crate::join::Join;
use crate::parts::Parts;
use crate::report::{Class, Differences};
use crate::rollup::RollupBuilder;
use crate::rows::{Chunk, Rows};

/// State of the check. Rows enter by [`Self::take`], in the order of the part; [`Self::finish`] compares the counts.
pub(super) struct RowCheck<'a> {
    manifest: &'a Manifest,
    partition: PartitionId,
    place: String,
    last: Option<(SeriesKey, TimestampMs)>,
    extent: Option<Extent>,
    points_nan: u64,
    rollups: Vec<RollupCheck>,
}

/// Rollup part that is checked in lockstep.
struct RollupCheck {
    place: String,
    step: RollupStep,
    builder: RollupBuilder,
    join: Join,
    /// Number of rows that the points give.
    rows: u64,
}

impl<'a> RowCheck<'a> {
    pub(super) fn new(parts: &Parts, manifest: &'a Manifest, entry: &PartitionEntry, place: String) -> Self {
        let format = manifest.settings.format;
        let rollups = manifest.settings.rollups.iter().map(|step| {
            let named = entry.rollups.iter().find(|rollup| rollup.step == *step);
            RollupCheck {
                place: named.map_or_else(|| format!("{place} (rollup {step})"), |rollup| rollup.object.key.clone()),
                step: *step,
                builder: RollupBuilder::new(*step),
                join: Join::new(parts.rollup_of(format, Some(entry), *step), false),
                rows: 0,
            }
        });
        let rollups = rollups.collect();
        Self { manifest, partition: entry.partition, place, last: None, extent: None, points_nan: 0, rollups }
    }

    pub(super) async fn check_chunk(
        &mut self,
        chunk: &Chunk,
        differences: &mut Differences,
    ) -> Result<(), DatasetError> {
        let Rows::Points(points) = &chunk.rows else { return Ok(()) };
        let is_new = self.last.is_none_or(|(key, _)| key != chunk.key);
        if is_new {
            self.end_series(differences).await?;
            let partitions = u32::try_from(self.manifest.partitions.len()).unwrap_or(u32::MAX);
            let belongs = chunk.key.partition(partitions);
            if belongs != self.partition {
                let detail = format!("belongs to partition {belongs}, and lies in {}", self.partition);
                differences.add_series(Class::Placement, &self.place, chunk.key, detail);
            }
        }
        self.check_order(chunk.key, points, differences);
        self.count(chunk.key, points, is_new);
        for rollup in &mut self.rollups {
            rollup.builder.add(points);
            rollup.compare(chunk.key, false, differences).await?;
        }
        Ok(())
    }

    /// Returns the counts so far.
    pub(super) fn counted(&self) -> ReduceBooks {
        ReduceBooks {
            points_written: self.extent.map_or(0, |extent| extent.points),
            series_written: self.extent.map_or(0, |extent| extent.series),
            points_nan: self.points_nan,
            rollup_rows_written: self.rollups.iter().map(|rollup| rollup.rows).sum(),
            points_duplicate: 0,
        }
    }

    fn check_order(&mut self, key: SeriesKey, points: &Columns, differences: &mut Differences) {
        let keeps_all = self.manifest.settings.duplicates == DuplicateRule::Keep;
        for at in &points.timestamps {
            let row = (key, *at);
            match self.last {
                Some(last) if last > row => {
                    let detail = || format!("comes after {} at {} ms", last.0, last.1);
                    differences.add_row(Class::Order, &self.place, row, detail);
                }
                Some(last) if last == row && !keeps_all => {
                    let detail = || "comes twice, and duplicates are not kept".to_owned();
                    differences.add_row(Class::Order, &self.place, row, detail);
                }
                _ => {}
            }
            if self.manifest.window.place(*at) != Placement::Inside {
                let detail = || format!("lies outside the window {}", self.manifest.window);
                differences.add_row(Class::Extra, &self.place, row, detail);
            }
            self.last = Some(row);
        }
    }

    fn count(&mut self, key: SeriesKey, points: &Columns, is_new: bool) {
        self.points_nan += points.values.iter().filter(|value| value.is_nan()).count() as u64;
        let (org, metric) = (key.org.0, key.metric.0);
        for at in &points.timestamps {
            let extent = self.extent.get_or_insert(Extent {
                series: 0,
                points: 0,
                org_min: org,
                org_max: org,
                metric_min: metric,
                metric_max: metric,
                time_min_ms: *at,
                time_max_ms: *at,
            });
            extent.points += 1;
            extent.org_min = extent.org_min.min(org);
            extent.org_max = extent.org_max.max(org);
            extent.metric_min = extent.metric_min.min(metric);
            extent.metric_max = extent.metric_max.max(metric);
            extent.time_min_ms = extent.time_min_ms.min(*at);
            extent.time_max_ms = extent.time_max_ms.max(*at);
        }
        if let Some(extent) = self.extent.as_mut().filter(|_| is_new) {
            extent.series += 1;
        }
    }

    async fn end_series(&mut self, differences: &mut Differences) -> Result<(), DatasetError> {
        let Some((key, _)) = self.last else { return Ok(()) };
        for rollup in &mut self.rollups {
            rollup.compare(key, true, differences).await?;
        }
        Ok(())
    }

    pub(super) async fn finish(
        &mut self,
        entry: &PartitionEntry,
        differences: &mut Differences,
    ) -> Result<(), DatasetError> {
        self.end_series(differences).await?;
        for rollup in &mut self.rollups {
            rollup.join.finish(&mut on_rollup(differences, &rollup.place)).await?;
            let named = entry.rollups.iter().find(|named| named.step == rollup.step);
            let promised = named.map_or(0, |named| named.rows);
            if rollup.rows != promised {
                let detail =
                    format!("the points give {} rows of {}, the manifest says {promised}", rollup.rows, rollup.step);
                differences.add(Class::Count, &rollup.place, detail);
            }
        }
        if self.extent != entry.extent {
            let show = |extent: &Option<Extent>| extent.map_or("nothing".to_owned(), |extent| format!("{extent:?}"));
            let detail = format!("it holds {}, its manifest says {}", show(&self.extent), show(&entry.extent));
            differences.add(Class::Count, &self.place, detail);
        }
        Ok(())
    }
}

impl RollupCheck {
    /// Compares the closed buckets; at the end of a series, all of them.
    async fn compare(
        &mut self,
        key: SeriesKey,
        is_end: bool,
        differences: &mut Differences,
    ) -> Result<(), DatasetError> {
        let rows = Rows::Buckets(self.builder.take(is_end));
        self.rows += rows.len() as u64;
        let chunk = Chunk { key, metadata: None, rows };
        self.join.expect(&chunk, &mut on_rollup(differences, &self.place)).await
    }
}
