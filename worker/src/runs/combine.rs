//! Reduces the number of slices: neighbours in source order are merged, and the result is a slice like any other.
//!
//! Most chunks overlap with no chunk of another slice; they are copied without being unpacked.

use std::ops::Range;
use std::sync::Arc;

use format::column::ColumnEncoder;
use format::keys;
use model::error::chain;
use model::limits::CHUNK_POINTS_MAX;
use model::{Columns, PartitionId};
use storage::object::remove;

use super::located::{Begun, Located};
use super::merge::Merger;
use super::reads::ReadBudget;
use super::slice::SliceCursor;
use super::writer::{RunWriter, WrittenRun};
use crate::WorkError;
use crate::map::pack;
use crate::task::{Assignment, AttemptContext};

/// Combines slices of one attempt, over files in its folder.
pub(crate) struct Combiner<'a> {
    assignment: &'a Assignment,
    ctx: &'a AttemptContext<'a>,
    budget: ReadBudget,
    /// Number of the next file.
    ordinal: usize,
    /// Keys of the files that hold merged slices.
    merged: Vec<String>,
    encoder: ColumnEncoder,
    columns: Columns,
    body: Vec<u8>,
}

impl<'a> Combiner<'a> {
    /// Creates a combiner whose merges stay within `budget`.
    pub(crate) fn new(assignment: &'a Assignment, ctx: &'a AttemptContext<'a>, budget: ReadBudget) -> Self {
        let (encoder, columns) = (ColumnEncoder::new(), Columns::default());
        Self { assignment, ctx, budget, ordinal: 0, merged: Vec::new(), encoder, columns, body: Vec::new() }
    }

    /// Creates the writer of a run in the attempt's folder.
    pub(crate) fn local_run(&mut self) -> RunWriter {
        let Assignment { job, shard, task, attempt, .. } = self.assignment;
        let key = keys::merged_run(job, *shard, *task, *attempt, self.ordinal);
        self.ordinal += 1;
        RunWriter::new(&self.ctx.stores.local, key, &self.ctx.stores.runtime)
    }

    /// Opens the slices of a partition, which are in source order: as many as one merge reads, others merged first.
    pub(crate) fn open(
        &mut self,
        partition: PartitionId,
        mut slices: Vec<Located<'a>>,
    ) -> Result<Vec<SliceCursor>, WorkError> {
        loop {
            let to_read: Vec<_> = slices.iter().map(Located::to_read).collect();
            if self.budget.groups(&to_read).len() <= 1 {
                return Begun::read(&slices, self.budget, &self.ctx.stores.runtime)?.open();
            }
            slices = self.merge_groups(partition, slices)?;
        }
    }

    /// Merges groups of neighbours. While one is merged, the next is being read.
    fn merge_groups(
        &mut self,
        partition: PartitionId,
        slices: Vec<Located<'a>>,
    ) -> Result<Vec<Located<'a>>, WorkError> {
        let (ctx, half) = (self.ctx, self.budget.half());
        let runtime = &ctx.stores.runtime;
        let to_read: Vec<_> = slices.iter().map(Located::to_read).collect();
        let mut groups = half.groups(&to_read).into_iter().peekable();
        let begin = |group: &Range<usize>| {
            // A slice without a neighbour stays where it is.
            let to_merge = if group.len() > 1 { group.clone() } else { 0..0 };
            Begun::read(&slices[to_merge], half, runtime)
        };
        let mut next = groups.peek().map(begin).transpose()?;
        let mut fewer = Vec::new();
        while let Some(group) = groups.next() {
            let Some(begun) = next.take() else { break };
            next = groups.peek().map(begin).transpose()?;
            if let [single] = &slices[group.clone()] {
                fewer.push(single.clone());
                continue;
            }
            let run = self.merge_group(partition, begun.open()?)?;
            self.merged.push(run.object.key.clone());
            let (root, key): (_, Arc<str>) = (&ctx.stores.local, Arc::from(run.object.key));
            fewer.extend(run.index.slices().iter().map(|slice| Located { root, run: Arc::clone(&key), slice: *slice }));
            self.discard_all(&slices[group]);
        }
        Ok(fewer)
    }

    fn merge_group(&mut self, partition: PartitionId, cursors: Vec<SliceCursor>) -> Result<WrittenRun, WorkError> {
        let mut run = self.local_run();
        run.begin_slice(partition, 0, 0)?;
        self.write(&mut Merger::new(cursors), &mut run)?;
        Ok(run.finish()?.expect("a run with a slice has an object"))
    }

    /// Writes all series of `merger` to the open slice of `run`.
    pub(crate) fn write(&mut self, merger: &mut Merger, run: &mut RunWriter) -> Result<(), WorkError> {
        while let Some(key) = merger.next_series()? {
            run.begin_series(key, merger.metadata());
            self.write_series(merger, run)?;
            run.end_series();
            self.ctx.progress.check()?;
        }
        Ok(())
    }

    fn write_series(&mut self, merger: &mut Merger, run: &mut RunWriter) -> Result<(), WorkError> {
        self.columns.clear();
        loop {
            if self.columns.is_empty() && merger.copy_chunk(|header, body| run.chunk(header, body))? {
                continue;
            }
            let is_more = merger.next_points(&mut self.columns)?;
            let len = self.columns.len();
            // A chunk that is not full waits for more points, unless the next chunk can be copied.
            let packed = if is_more && merger.is_overlapping() { len - len % CHUNK_POINTS_MAX } else { len };
            self.pack(packed, run)?;
            if !is_more {
                return Ok(());
            }
        }
    }

    /// Packs and writes the first `count` points that were merged.
    fn pack(&mut self, count: usize, run: &mut RunWriter) -> Result<(), WorkError> {
        let Self { encoder, columns, body, .. } = self;
        let chunks = columns.timestamps[..count].chunks(CHUNK_POINTS_MAX);
        for (timestamps, values) in chunks.zip(columns.values[..count].chunks(CHUNK_POINTS_MAX)) {
            let header = pack(encoder, timestamps, values, body);
            run.chunk(&header, body)?;
        }
        columns.timestamps.drain(..count);
        columns.values.drain(..count);
        Ok(())
    }

    /// Removes the files of slices that were merged.
    fn discard_all(&mut self, slices: &[Located<'_>]) {
        let merged = std::mem::take(&mut self.merged);
        let (gone, kept) = merged.into_iter().partition(|key| slices.iter().any(|slice| *slice.run == **key));
        self.merged = kept;
        self.remove(gone);
    }

    /// Removes the files of merged slices, which have been read to their ends. Leftovers of a failure go with the
    /// attempt's folder.
    pub(crate) fn discard(&mut self) {
        let merged = std::mem::take(&mut self.merged);
        self.remove(merged);
    }

    fn remove(&self, keys: Vec<String>) {
        for key in keys {
            if let Err(error) = remove(&self.ctx.stores.local, &key, &self.ctx.stores.runtime) {
                tracing::warn!(
                    error = chain(&error),
                    "failed to remove a merged run; it goes with the attempt's folder"
                );
            }
        }
    }
}
