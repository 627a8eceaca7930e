//! Gathers the slices of one partition, in source order, few enough to be merged at once.
//!
//! A shard of thousands of map tasks has thousands of slices per partition. If there are more than one merge can
//! read, groups of neighbours are merged first: merged neighbours in source order are a slice like any other.

use std::sync::Arc;

use format::keys;
use format::run::{RunIndex, SliceEntry, TRAILER_BYTES};
use model::limits::CHUNK_POINTS_MAX;
use model::{Columns, ObjectEntry, PartitionId, RunEntry};
use storage::Root;
use storage::object::{Ahead, ObjectReader, remove};

use super::merge::Merger;
use super::slice::SliceCursor;
use crate::WorkError;
use crate::limits::SlotLimits;
use crate::map::pack;
use crate::run_writer::RunWriter;
use crate::task::{Assignment, AttemptContext};

/// Divisor of a slot's memory that gives the bytes for pieces of slices being read.
const PIECES_SHARE: u64 = 4;

/// Largest piece of a slice that is read at once; a larger piece hides no more latency.
const PIECE_BYTES_MAX: u64 = 512 << 10;

/// Most run indexes that are read at once; each is one request in flight.
const INDEXES_MAX: usize = 32;

/// Bytes at a run's end that are read first; most indexes fit in them.
const TAIL_BYTES: u64 = 16 << 10;

/// Smallest piece in bytes; most bodies of a chunk fit in it.
const PIECE_BYTES_MIN: u64 = 8 << 10;

/// Keys of intermediate merged runs.
#[derive(Debug)]
pub(crate) struct MergedRuns(Vec<String>);

impl MergedRuns {
    /// Removes the intermediate runs. Leftovers of a failure go with the attempt's folder.
    pub(crate) fn discard(&self, ctx: &AttemptContext<'_>) {
        for key in &self.0 {
            if let Err(error) = remove(&ctx.stores.local, key, &ctx.stores.runtime) {
                tracing::warn!(%error, "failed to remove a merged run; it goes with the attempt's folder");
            }
        }
    }
}

/// A slice with the root and key of its run: a run of the shard, or an intermediate merged run. Runs are opened only
/// when they are merged, because a shard has more of them than a process may open files.
type Located<'a> = (&'a Root, Arc<str>, SliceEntry);

/// Opens the slices of `partition` in `runs`, in source order.
pub(crate) fn gather(
    assignment: &Assignment,
    partition: PartitionId,
    runs: &[RunEntry],
    ctx: &AttemptContext<'_>,
    limits: &SlotLimits,
) -> Result<(Vec<SliceCursor>, MergedRuns), WorkError> {
    let stores = ctx.stores;
    let runs: Vec<_> = runs.iter().map(|run| &run.object).collect();
    let mut slices = locate(partition, &stores.scratch, &runs, ctx)?;
    let mut merged = Vec::new();
    while slices.len() > limits.merge_fan_in_max {
        let mut fewer = Vec::new();
        for group in slices.chunks(limits.merge_fan_in_max) {
            let key =
                keys::merged_run(&assignment.job, assignment.shard, assignment.task, assignment.attempt, merged.len());
            let run = merge_group(partition, group, key, ctx, limits)?;
            fewer.extend(locate(partition, &stores.local, &[&run], ctx)?);
            merged.push(run.key);
        }
        slices = fewer;
    }
    Ok((open_all(&slices, ctx, limits)?, MergedRuns(merged)))
}

/// Opens slices for reading. Slices of one run are neighbours and share its reader. All reads begin before the first
/// is waited for.
fn open_all(
    slices: &[Located<'_>],
    ctx: &AttemptContext<'_>,
    limits: &SlotLimits,
) -> Result<Vec<SliceCursor>, WorkError> {
    let share = limits.memory_bytes / PIECES_SHARE / slices.len().max(1) as u64;
    let piece_bytes = share.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX) as usize;
    let stores = ctx.stores;
    let mut open: Option<(&str, Arc<ObjectReader>)> = None;
    let mut begun = Vec::with_capacity(slices.len());
    for (root, run, slice) in slices {
        let reader = match &open {
            Some((key, reader)) if *key == &**run => Arc::clone(reader),
            _ => Arc::new(ObjectReader::open(root, run, &stores.runtime)?),
        };
        open = Some((run, Arc::clone(&reader)));
        begun.push((Ahead::open(reader, slice.offset..slice.offset + slice.len, piece_bytes), *slice));
    }
    begun.into_iter().map(|(bytes, slice)| SliceCursor::open(bytes, slice)).collect()
}

/// Finds the slices of `partition` in `runs` by their indexes.
fn locate<'a>(
    partition: PartitionId,
    root: &'a Root,
    runs: &[&ObjectEntry],
    ctx: &AttemptContext<'_>,
) -> Result<Vec<Located<'a>>, WorkError> {
    let mut slices = Vec::new();
    for runs in runs.chunks(INDEXES_MAX) {
        let tails = runs.iter().map(|run| begin_tail(root, run, TAIL_BYTES, ctx)).collect::<Result<Vec<_>, _>>()?;
        for (run, tail) in runs.iter().zip(tails) {
            let key: Arc<str> = Arc::from(run.key.as_str());
            let index = read_index(root, run, tail, ctx)?;
            slices.extend(index.of_partition(partition).iter().map(|slice| (root, Arc::clone(&key), *slice)));
        }
    }
    Ok(slices)
}

fn read_index(root: &Root, run: &ObjectEntry, tail: Ahead, ctx: &AttemptContext<'_>) -> Result<RunIndex, WorkError> {
    let object = tail.reader().object().to_owned();
    let broken = |source| WorkError::Run { run: object.clone(), source };
    let mut tail = read_all(tail)?;
    let len = RunIndex::len_in(&tail).map_err(broken)? + TRAILER_BYTES;
    if len > tail.len() {
        tail = read_all(begin_tail(root, run, len as u64, ctx)?)?;
    }
    let start = tail.len().saturating_sub(len);
    RunIndex::from_bytes(&tail[start..]).map_err(broken)
}

/// Begins to read the last `len` bytes of a run.
fn begin_tail(root: &Root, run: &ObjectEntry, len: u64, ctx: &AttemptContext<'_>) -> Result<Ahead, WorkError> {
    let reader = Arc::new(ObjectReader::open(root, &run.key, &ctx.stores.runtime)?);
    // Opened as a single piece, because nothing follows it.
    Ok(Ahead::open(reader, run.size.saturating_sub(len)..run.size, (2 * len.min(run.size)) as usize))
}

fn read_all(mut bytes: Ahead) -> Result<Vec<u8>, WorkError> {
    let mut all = Vec::new();
    while bytes.left() > 0 {
        bytes.read(&mut all)?;
    }
    Ok(all)
}

/// Merges neighbouring slices into a run of one slice.
fn merge_group(
    partition: PartitionId,
    group: &[Located<'_>],
    key: String,
    ctx: &AttemptContext<'_>,
    limits: &SlotLimits,
) -> Result<ObjectEntry, WorkError> {
    let stores = ctx.stores;
    let mut merger = Merger::new(open_all(group, ctx, limits)?);
    let mut run = RunWriter::new(&stores.local, key, &stores.runtime);
    run.begin_slice(partition, 0, 0)?;
    let mut encoder = format::column::ColumnEncoder::new();
    let (mut columns, mut body) = (Columns::default(), Vec::new());
    while let Some(key) = merger.next_series()? {
        run.begin_series(key, merger.metadata());
        columns.clear();
        let mut is_more = true;
        while is_more {
            is_more = merger.next_points(&mut columns)?;
            let packed = if is_more { columns.len() - columns.len() % CHUNK_POINTS_MAX } else { columns.len() };
            let chunks = columns.timestamps[..packed].chunks(CHUNK_POINTS_MAX);
            for (timestamps, values) in chunks.zip(columns.values[..packed].chunks(CHUNK_POINTS_MAX)) {
                let header = pack(&mut encoder, timestamps, values, &mut body);
                run.chunk(&header, &body)?;
            }
            columns.timestamps.drain(..packed);
            columns.values.drain(..packed);
        }
        run.end_series();
        ctx.progress.check()?;
    }
    let run = run.finish()?;
    Ok(run.expect("a run with a slice has an object"))
}

#[cfg(test)]
mod tests;
