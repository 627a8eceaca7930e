//! Gathers the slices of one partition, in source order, few enough to be merged at once.
//!
//! A shard of thousands of map tasks has thousands of slices a partition. More than a merge reads at once are merged in
//! groups of neighbours first: a merge of neighbours in source order is a slice like any other.

use std::sync::Arc;

use format::keys;
use format::run::{RunIndex, SliceEntry, TRAILER_BYTES};
use model::limits::CHUNK_POINTS_MAX;
use model::{Columns, ObjectEntry, PartitionId, RunEntry};
use storage::Root;
use storage::object::ObjectReader;

use super::merge::Merger;
use super::slice::SliceCursor;
use crate::WorkError;
use crate::limits::SlotLimits;
use crate::map::pack;
use crate::run_writer::RunWriter;
use crate::task::{Assignment, Surroundings};

/// Part of a slot's memory for the pieces of slices that are being read.
const PIECES_SHARE: u64 = 4;

/// Largest piece of a slice that is read at once: more hides no latency.
const PIECE_BYTES_MAX: u64 = 512 << 10;

/// Smallest piece: one chunk's body fits, mostly.
const PIECE_BYTES_MIN: u64 = 8 << 10;

/// Keys of the runs that were made on the way.
#[derive(Debug)]
pub(crate) struct MergedRuns(Vec<String>);

impl MergedRuns {
    /// Removes them; what stays behind after a failure goes with the attempt's folder.
    pub(crate) fn discard(&self, around: &Surroundings<'_>) {
        for key in &self.0 {
            if let Err(error) = around.stores.runtime.block_on(around.stores.local.remove(key)) {
                tracing::warn!(%error, "remove a merged run");
            }
        }
    }
}

/// A slice, and root and key of the run it lies in: one of the shard's, or one that was merged on the way. Runs are
/// opened where they are merged, not before: a shard has more of them than a process may open files.
type Located<'a> = (&'a Root, Arc<str>, SliceEntry);

/// Opens the slices of `partition` in `runs`, in source order.
pub(crate) fn gather(
    assignment: &Assignment,
    partition: PartitionId,
    runs: &[RunEntry],
    around: &Surroundings<'_>,
    limits: &SlotLimits,
) -> Result<(Vec<SliceCursor>, MergedRuns), WorkError> {
    let stores = around.stores;
    let mut slices = Vec::new();
    for run in runs {
        slices.extend(locate(partition, &stores.scratch, &run.object, around)?);
    }
    let mut merged = Vec::new();
    while slices.len() > limits.merge_fan_in_max {
        let mut fewer = Vec::new();
        for group in slices.chunks(limits.merge_fan_in_max) {
            let key =
                keys::merged_run(&assignment.job, assignment.shard, assignment.task, assignment.attempt, merged.len());
            let run = merge_group(partition, group, key, around, limits)?;
            fewer.extend(locate(partition, &stores.local, &run, around)?);
            merged.push(run.key);
        }
        slices = fewer;
    }
    Ok((open_all(&slices, around, limits)?, MergedRuns(merged)))
}

/// Opens slices to read them; those of one run follow one another and share its reader.
fn open_all(
    slices: &[Located<'_>],
    around: &Surroundings<'_>,
    limits: &SlotLimits,
) -> Result<Vec<SliceCursor>, WorkError> {
    let share = limits.memory_bytes / PIECES_SHARE / slices.len().max(1) as u64;
    let piece_bytes = share.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX) as usize;
    let stores = around.stores;
    let mut open: Option<(&str, Arc<ObjectReader>)> = None;
    let mut cursors = Vec::with_capacity(slices.len());
    for (root, run, slice) in slices {
        let reader = match &open {
            Some((key, reader)) if *key == &**run => Arc::clone(reader),
            _ => Arc::new(ObjectReader::open(root, run, &stores.runtime)?),
        };
        open = Some((run, Arc::clone(&reader)));
        cursors.push(SliceCursor::open(reader, *slice, piece_bytes)?);
    }
    Ok(cursors)
}

/// The slices of `partition` in one run, as its index has them.
fn locate<'a>(
    partition: PartitionId,
    root: &'a Root,
    run: &ObjectEntry,
    around: &Surroundings<'_>,
) -> Result<Vec<Located<'a>>, WorkError> {
    /// Most indexes come with the first read.
    const TAIL_BYTES: u64 = 16 << 10;
    let reader = ObjectReader::open(root, &run.key, &around.stores.runtime)?;
    let broken = |source| WorkError::Run { run: reader.object().to_owned(), source };
    let read_last = |len: u64| -> Result<Vec<u8>, WorkError> {
        let mut tail = Vec::new();
        let len = len.min(run.size);
        reader.read_at(run.size - len, len as usize, &mut tail)?;
        Ok(tail)
    };
    let mut tail = read_last(TAIL_BYTES)?;
    let len = RunIndex::len_in(&tail).map_err(broken)? + TRAILER_BYTES;
    if len > tail.len() {
        tail = read_last(len as u64)?;
    }
    let start = tail.len().saturating_sub(len);
    let index = RunIndex::from_bytes(&tail[start..]).map_err(broken)?;
    let key: Arc<str> = Arc::from(run.key.as_str());
    Ok(index.of_partition(partition).iter().map(|slice| (root, Arc::clone(&key), *slice)).collect())
}

/// Merges neighbouring slices into a run of one slice.
fn merge_group(
    partition: PartitionId,
    group: &[Located<'_>],
    key: String,
    around: &Surroundings<'_>,
    limits: &SlotLimits,
) -> Result<ObjectEntry, WorkError> {
    let stores = around.stores;
    let mut merger = Merger::new(open_all(group, around, limits)?);
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
        around.progress.check()?;
    }
    let run = run.finish()?;
    Ok(run.expect("a run with a slice has an object"))
}

#[cfg(test)]
mod tests;
