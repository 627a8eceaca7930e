//! Tables of slices, written as objects: once a shard, beside its list of runs.
//!
//! A reduce task that read the index of each run would send as many requests for indexes as for slices. The leader
//! reads each index once, and a reduce task two ranges of the table. A table only saves requests: if a run cannot be
//! read, there is none, and the attempts meet that run themselves.

use format::keys;
use format::run::{RunError, RunIndex, TAIL_BYTES, TRAILER_BYTES};
use format::slices::{SliceTable, is_worthwhile};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use model::error::chain;
use model::limits::REQUESTS_AT_ONCE_MAX;
use model::{ObjectEntry, TaskPath};
use scheduler::ListedRuns;
use storage::{Root, StorageError};
use tokio::sync::Semaphore;

/// Most tables that are made at once: that of a shard of 4,096 runs and 1,024 partitions has 80 MB.
pub(super) const TABLES_MAX: usize = 2;

/// Longest index that the leader reads, in bytes: that of a hundred spills of a thousand partitions, as older workers
/// write them. The length is what a worker wrote.
const INDEX_BYTES_MAX: usize = 4 << 20;

#[derive(Debug, thiserror::Error)]
enum TableError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("the index of run {run} is damaged")]
    Run {
        run: String,
        #[source]
        source: RunError,
    },
    #[error("the index of run {run} has {len} bytes, over {INDEX_BYTES_MAX}")]
    TooLong { run: String, len: usize },
}

/// Writes the table of the slices in `runs`, if it saves requests. `tables` has a permit for each table that may be made
/// at once.
pub(super) async fn publish(root: &Root, task: &TaskPath, runs: &ListedRuns, tables: &Semaphore) {
    if !is_worthwhile(runs.list.runs.len(), runs.partitions) {
        return;
    }
    let Ok(_permit) = tables.acquire().await else { return };
    if let Err(error) = write(root, task, runs).await {
        let (job, shard) = (&task.job, task.shard);
        tracing::warn!(%job, %shard, error = chain(&error), "failed to write the table of slices; each reduce task reads the index of each run instead");
    }
}

async fn write(root: &Root, task: &TaskPath, runs: &ListedRuns) -> Result<(), TableError> {
    let mut table = SliceTable::new(runs.partitions);
    let reads: Vec<_> = runs.list.runs.iter().map(|run| read_index(root, &run.object)).collect();
    let mut indexes = stream::iter(reads).buffered(REQUESTS_AT_ONCE_MAX);
    let mut at = 0;
    while let Some(index) = indexes.try_next().await? {
        table.add(at, &index);
        at += 1;
    }
    let key = keys::slice_table(&task.job, task.shard, runs.digest);
    match root.put_by_digest(&key, table.to_bytes(runs.digest)).await {
        // Another leader made it: the same runs have the same table, and readers check it.
        Ok(()) | Err(StorageError::AlreadyExists { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn read_index(root: &Root, run: &ObjectEntry) -> Result<RunIndex, TableError> {
    let broken = |source| TableError::Run { run: root.object(&run.key), source };
    let mut tail = read_tail(root, run, TAIL_BYTES).await?;
    let len = RunIndex::len_in(&tail).map_err(broken)? + TRAILER_BYTES;
    if len > INDEX_BYTES_MAX {
        return Err(TableError::TooLong { run: root.object(&run.key), len });
    }
    if len > tail.len() {
        tail = read_tail(root, run, len as u64).await?;
    }
    RunIndex::from_bytes(&tail[tail.len().saturating_sub(len)..]).map_err(broken)
}

async fn read_tail(root: &Root, run: &ObjectEntry, len: u64) -> Result<bytes::Bytes, StorageError> {
    let len = len.min(run.size);
    root.read_range(&run.key, run.size - len, len as usize).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use format::run::SliceEntry;
    use format::slices::{RowEntry, head_len};
    use model::{AttemptId, Digest, FencingToken, PartitionId, RunEntry, RunList, ShardId, TaskId};
    use object_store::memory::InMemory;

    use super::*;

    /// So many that the index is longer than the tail that is read first.
    const PARTITIONS: u32 = 1000;

    fn task() -> TaskPath {
        TaskPath { job: "j".parse().expect("a name"), shard: ShardId::Shared(1), task: TaskId::reduce(PartitionId(0)) }
    }

    /// Writes the index of a run without its slices.
    async fn write_run(root: &Root, at: u32) -> (RunEntry, RunIndex) {
        let slice = |partition| SliceEntry {
            partition: PartitionId(partition),
            spill: 0,
            layer: 0,
            crc: at ^ partition,
            offset: 8 + u64::from(partition) * 100,
            len: 100,
            points: 9,
        };
        let layers = |partition| [0, 1].map(|layer| SliceEntry { layer, ..slice(partition) });
        let index = RunIndex::new((0..PARTITIONS).flat_map(layers).collect());
        let attempt = AttemptId { number: 1, token: FencingToken(u64::from(at)) };
        let (key, bytes) = (keys::run(&task().job, task().shard, TaskId::map(at), attempt), index.to_bytes());
        let object = ObjectEntry { key: key.clone(), size: bytes.len() as u64, digest: Digest::of(&bytes) };
        root.create_object(&key, bytes).await.expect("memory");
        (RunEntry { map_task: at, object }, index)
    }

    #[tokio::test]
    async fn a_table_has_the_slices_of_all_runs_and_one_run_that_is_gone_leaves_no_table() {
        let root = Root::of_store("memory://", Arc::new(InMemory::new()));
        let (mut list, mut indexes) = (RunList::default(), Vec::new());
        for at in 0..5 {
            let (run, index) = write_run(&root, at).await;
            list.runs.push(run);
            indexes.push(index);
        }
        let runs = ListedRuns { digest: list.digest(), list, partitions: PARTITIONS };
        let key = keys::slice_table(&task().job, task().shard, runs.digest);
        let gone = runs.list.runs[3].object.key.clone();
        let kept = root.read(&gone).await.expect("it was written");
        root.remove(&gone).await.expect("memory");
        publish(&root, &task(), &runs, &Semaphore::new(TABLES_MAX)).await;
        assert!(root.read(&key).await.is_err(), "no table that lacks a run");

        root.create_object(&gone, kept).await.expect("memory");
        publish(&root, &task(), &runs, &Semaphore::new(TABLES_MAX)).await;
        publish(&root, &task(), &runs, &Semaphore::new(TABLES_MAX)).await;
        let table = root.read(&key).await.expect("a table");
        let partition = PartitionId(PARTITIONS - 1);
        let row = RowEntry::find(&table[..head_len(PARTITIONS)], runs.digest, partition).expect("its head");
        let bytes = &table[row.offset as usize..][..row.len as usize];
        let of_run =
            |(at, index): (usize, &RunIndex)| index.of_partition(partition).iter().map(|slice| (at, *slice)).collect();
        let expected: Vec<_> = indexes.iter().enumerate().flat_map(|run| -> Vec<_> { of_run(run) }).collect();
        assert_eq!(row.slices(bytes, 5), Ok(expected));
    }
}
