//! Finds the slices of one partition in all runs of the shard, in source order: by the shard's table of slices, or by
//! the index of each run.

use std::sync::Arc;

use format::keys;
use format::run::{RunIndex, TAIL_BYTES, TRAILER_BYTES};
use format::slices::{self, PlacedSlice, RowEntry};
use model::error::chain;
use model::{Digest, ObjectEntry, PartitionId, RunEntry};
use storage::StorageError;
use storage::object::{Ahead, ObjectReader};

use crate::WorkError;
use crate::runs::Located;
use crate::task::{Assignment, AttemptContext};

/// Most run indexes that are read at once; each is one request in flight.
const INDEXES_MAX: usize = 32;

/// Finds the slices of `partition` in `runs`. The table is that of the run list with the digest `list`.
pub(crate) fn locate<'a>(
    assignment: &Assignment,
    partition: PartitionId,
    (list, runs): (Digest, &[RunEntry]),
    ctx: &'a AttemptContext<'_>,
) -> Result<Vec<Located<'a>>, WorkError> {
    let found = match by_table(assignment, partition, (list, runs), ctx)? {
        Some(found) => found,
        None => by_indexes(partition, runs, ctx)?,
    };
    let keys: Vec<Arc<str>> = runs.iter().map(|run| Arc::from(run.object.key.as_str())).collect();
    let located = |(run, slice): PlacedSlice| Located { root: &ctx.stores.scratch, run: Arc::clone(&keys[run]), slice };
    Ok(found.into_iter().map(located).collect())
}

/// Reads the partition's row of the table. None if no table is worthwhile, or if there is none: the leader is of an
/// older version, or could not read a run.
fn by_table(
    assignment: &Assignment,
    partition: PartitionId,
    (list, runs): (Digest, &[RunEntry]),
    ctx: &AttemptContext<'_>,
) -> Result<Option<Vec<PlacedSlice>>, WorkError> {
    if !slices::is_worthwhile(runs.len(), assignment.partitions) {
        return Ok(None);
    }
    let key = keys::slice_table(&assignment.job, assignment.shard, list);
    let read = || -> Result<Result<_, _>, StorageError> {
        let reader = ObjectReader::open(&ctx.stores.scratch, &key, &ctx.stores.runtime)?;
        let (mut head, mut row) = (Vec::new(), Vec::new());
        reader.read_at(0, slices::head_len(assignment.partitions), &mut head)?;
        let entry = match RowEntry::find(&head, list, partition) {
            Ok(entry) => entry,
            Err(fault) => return Ok(Err(fault)),
        };
        if entry.len > 0 {
            reader.read_at(entry.offset, entry.len as usize, &mut row)?;
        }
        Ok(entry.slices(&row, runs.len()))
    };
    match read() {
        Ok(Ok(found)) => return Ok(Some(found)),
        Ok(Err(fault)) => {
            tracing::warn!(%fault, table = key, "failed to use the table of slices; reading the index of each run instead");
        }
        Err(StorageError::NotFound { .. }) => {}
        Err(error) if error.is_store_away() => return Err(error.into()),
        Err(error) => {
            tracing::warn!(
                error = chain(&error),
                table = key,
                "failed to read the table of slices; reading the index of each run instead"
            );
        }
    }
    Ok(None)
}

/// Reads the index of each run.
fn by_indexes(
    partition: PartitionId,
    runs: &[RunEntry],
    ctx: &AttemptContext<'_>,
) -> Result<Vec<PlacedSlice>, WorkError> {
    let mut found = Vec::new();
    for (chunk, runs) in runs.chunks(INDEXES_MAX).enumerate() {
        let tails = runs.iter().map(|run| begin_tail(&run.object, TAIL_BYTES, ctx)).collect::<Result<Vec<_>, _>>()?;
        for (at, (run, tail)) in runs.iter().zip(tails).enumerate() {
            let index = read_index(&run.object, tail, ctx)?;
            let position = chunk * INDEXES_MAX + at;
            found.extend(index.of_partition(partition).iter().map(|slice| (position, *slice)));
        }
    }
    Ok(found)
}

fn read_index(run: &ObjectEntry, tail: Ahead, ctx: &AttemptContext<'_>) -> Result<RunIndex, WorkError> {
    let object = tail.reader().object().to_owned();
    let broken = |source| WorkError::Run { run: object.clone(), source };
    let mut tail = read_all(tail)?;
    let len = RunIndex::len_in(&tail).map_err(broken)? + TRAILER_BYTES;
    if len > tail.len() {
        tail = read_all(begin_tail(run, len as u64, ctx)?)?;
    }
    let start = tail.len().saturating_sub(len);
    RunIndex::from_bytes(&tail[start..]).map_err(broken)
}

/// Begins to read the last `len` bytes of a run.
fn begin_tail(run: &ObjectEntry, len: u64, ctx: &AttemptContext<'_>) -> Result<Ahead, WorkError> {
    let reader = Arc::new(ObjectReader::open(&ctx.stores.scratch, &run.key, &ctx.stores.runtime)?);
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

#[cfg(test)]
mod tests;
