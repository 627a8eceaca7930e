//! The reduce attempt: gathers one partition's slices of every run, merges them, writes the partition's files.
//!
//! ```text
//! slices -> [more than memory reads at once: merge groups of them to disk first] -> merge -> rollup -> encode -> write
//! ```

mod batch;
mod gather;
mod output;
mod rollup;

use daemon::trace::TARGET;
use format::keys::AttemptKeys;
use format::part::PartKind;
use model::books::ReduceBooks;
use model::{Digest, Extent, PartitionId, ReduceReport, RollupEntry, RollupStep, RunEntry, SeriesKey, Stage};
use storage::object::UPLOAD_PART_BYTES;

use crate::WorkError;
use crate::clock::StageClock;
use crate::limits::SlotLimits;
use crate::runs::{Combiner, Merger};
use crate::task::{Assignment, AttemptContext};
use batch::{Batch, Stretch};
use output::{Output, Target};
use rollup::Roller;

/// State that a slot keeps from one reduce attempt to the next.
#[derive(Debug)]
pub(crate) struct Reducer {
    limits: SlotLimits,
    batch: Batch,
}

impl Reducer {
    /// Creates a reducer within `limits`.
    pub(crate) fn new(limits: SlotLimits) -> Self {
        Self { limits, batch: Batch::new(limits.reduce_batch_points) }
    }

    /// Runs one attempt. A failed attempt leaves nothing that counts.
    ///
    /// # Errors
    /// See [`WorkError`].
    pub(crate) fn run(
        &mut self,
        assignment: &Assignment,
        partition: PartitionId,
        runs: (Digest, &[RunEntry]),
        ctx: &AttemptContext<'_>,
    ) -> Result<ReduceReport, WorkError> {
        let reduced = self.reduce(assignment, partition, runs, ctx);
        reduced.map_err(|error| error.of_runs(runs.1, &ctx.stores.scratch))
    }

    fn reduce(
        &mut self,
        assignment: &Assignment,
        partition: PartitionId,
        runs: (Digest, &[RunEntry]),
        ctx: &AttemptContext<'_>,
    ) -> Result<ReduceReport, WorkError> {
        let mut clock = StageClock::start(Stage::Read, ctx.progress);
        let gathering = tracing::info_span!(target: TARGET, "gather").entered();
        let slices = gather::locate(assignment, partition, runs, ctx)?;
        let mut combiner = Combiner::new(assignment, ctx, self.limits.reduce_budget());
        let cursors = combiner.open(partition, slices)?;
        drop(gathering);
        let merging = tracing::info_span!(target: TARGET, "merge").entered();
        let mut merger = Merger::new(cursors);
        let mut files = Files::new(assignment, partition, ctx, self.limits.upload_part_bytes());
        self.batch.reset();
        loop {
            clock.enter(Stage::Merge);
            if !self.batch.fill(&mut merger, assignment.settings.duplicates)? {
                break;
            }
            ctx.progress.check()?;
            files.write(&self.batch, &mut clock)?;
            ctx.progress.add(0, self.batch.columns.len() as u64);
        }
        drop(merging);
        let _span = tracing::info_span!(target: TARGET, "write").entered();
        clock.enter(Stage::Write);
        combiner.discard();
        files.finish(partition, clock)
    }
}

/// Files of the partition, with their counts.
struct Files {
    raw: Output,
    rollups: Vec<(RollupStep, Roller, Output, u64)>,
    books: ReduceBooks,
    extent: Option<Extent>,
}

impl Files {
    fn new(assignment: &Assignment, partition: PartitionId, ctx: &AttemptContext<'_>, raw_part_bytes: usize) -> Self {
        let settings = &assignment.settings;
        let keys = AttemptKeys {
            window: settings.window,
            shard: assignment.shard,
            job: &assignment.job,
            attempt: assignment.attempt,
        };
        let output = |key: String, kind: PartKind| {
            let stores = ctx.stores;
            let upload_part_bytes = if kind == PartKind::Raw { raw_part_bytes } else { UPLOAD_PART_BYTES };
            let (root, runtime) = (stores.dataset.clone(), stores.runtime.clone());
            let target = Target { root, key, runtime, upload_part_bytes };
            Output::new(target, kind, settings.format, settings.encoding)
        };
        let rollups = settings.rollups.iter().map(|step| {
            let key = keys.rollup(partition, *step, settings.format);
            (*step, Roller::new(*step), output(key, PartKind::Rollup(*step)), 0)
        });
        Self {
            raw: output(keys.part(partition, settings.format), PartKind::Raw),
            rollups: rollups.collect(),
            books: ReduceBooks::default(),
            extent: None,
        }
    }

    fn write(&mut self, batch: &Batch, clock: &mut StageClock) -> Result<(), WorkError> {
        clock.enter(Stage::Rollup);
        for stretch in &batch.stretches {
            self.roll_up(batch, stretch)?;
        }
        clock.enter(Stage::Encode);
        for stretch in &batch.stretches {
            self.write_raw(batch, stretch)?;
        }
        self.books.points_duplicate += batch.duplicates;
        clock.enter(Stage::Write);
        self.raw.flush()?;
        for (_, _, output, _) in &mut self.rollups {
            output.flush()?;
        }
        Ok(())
    }

    fn roll_up(&mut self, batch: &Batch, stretch: &Stretch) -> Result<(), WorkError> {
        let timestamps = &batch.columns.timestamps[stretch.points.clone()];
        let values = &batch.columns.values[stretch.points.clone()];
        for (_, roller, output, rows) in &mut self.rollups {
            roller.add(timestamps, values);
            if stretch.ends.is_some() {
                roller.close();
            }
            if !roller.rows.is_empty() {
                output.append_rows(stretch.key, &roller.rows)?;
                *rows += roller.rows.len() as u64;
                roller.rows.clear();
            }
            if stretch.ends.is_some() {
                // The raw part keeps the metadata; repeating it in a rollup of few rows would cost too much.
                output.end_series(&[]);
            }
        }
        Ok(())
    }

    fn write_raw(&mut self, batch: &Batch, stretch: &Stretch) -> Result<(), WorkError> {
        let timestamps = &batch.columns.timestamps[stretch.points.clone()];
        let values = &batch.columns.values[stretch.points.clone()];
        self.raw.append(stretch.key, timestamps, values)?;
        if let Some(ends) = &stretch.ends {
            self.raw.end_series(batch.metadata(ends));
        }
        self.books.points_written += values.len() as u64;
        self.books.points_nan += values.iter().filter(|value| value.is_nan()).count() as u64;
        self.books.series_written += u64::from(stretch.begins);
        if let [first, .., last] | [first @ last] = timestamps {
            widen(&mut self.extent, stretch, *first, *last);
        }
        Ok(())
    }

    fn finish(mut self, partition: PartitionId, mut clock: StageClock) -> Result<ReduceReport, WorkError> {
        let mut rollups = Vec::new();
        for (step, _, output, rows) in self.rollups {
            self.books.rollup_rows_written += rows;
            rollups.extend(output.finish()?.map(|object| RollupEntry { step, rows, object }));
        }
        let raw = self.raw.finish()?;
        clock.enter(Stage::Write);
        let (extent, books, stages) = (self.extent, self.books, clock.stop());
        Ok(ReduceReport { partition, raw, rollups, extent, books, stages, effort: None })
    }
}

fn widen(extent: &mut Option<Extent>, stretch: &Stretch, first_ms: i64, last_ms: i64) {
    let SeriesKey { org, metric } = stretch.key;
    let extent = extent.get_or_insert(Extent {
        series: 0,
        points: 0,
        org_min: org.0,
        org_max: org.0,
        metric_min: metric.0,
        metric_max: metric.0,
        time_min_ms: first_ms,
        time_max_ms: last_ms,
    });
    extent.series += u64::from(stretch.begins);
    extent.points += stretch.points.len() as u64;
    extent.org_max = org.0;
    extent.metric_min = extent.metric_min.min(metric.0);
    extent.metric_max = extent.metric_max.max(metric.0);
    extent.time_min_ms = extent.time_min_ms.min(first_ms);
    extent.time_max_ms = extent.time_max_ms.max(last_ms);
}
