//! Lists of runs, and tables of their slices, written as objects: once a shard, before its first reduce task is granted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use format::keys;
use model::{Digest, JobId, ShardId, TaskPath};
use scheduler::ListedRuns;
use storage::{Opener, StorageError};
use tokio::sync::{OnceCell, Semaphore};

use super::slices;

/// Most lists remembered. Beyond that all are forgotten, and written again if need be.
const LISTS_MAX: usize = 4096;

/// Lists that are written, by shard. Shards with the same list, such as those without a run, have one each.
#[derive(Debug)]
pub(crate) struct RunLists {
    stores: Opener,
    written: Mutex<HashMap<(JobId, ShardId), Written>>,
    /// Permits to make a table of slices.
    tables: Semaphore,
}

/// List of a shard, written or being written.
#[derive(Debug)]
struct Written {
    digest: Digest,
    cell: Arc<OnceCell<()>>,
}

impl RunLists {
    /// Creates the lists of a leader that has written none.
    pub(crate) fn new(stores: Opener) -> Self {
        Self { stores, written: Mutex::default(), tables: Semaphore::new(slices::TABLES_MAX) }
    }

    /// Writes the list of a shard, unless it is written. The list is named by its digest, so it never changes.
    pub(crate) async fn publish(&self, scratch: &str, task: &TaskPath, runs: &ListedRuns) -> Result<(), StorageError> {
        let cell = self.cell(task, runs.digest);
        let write = || async {
            let root = self.stores.reach_or_make(scratch).await?;
            let key = keys::run_list(&task.job, task.shard, runs.digest);
            match root.put_by_digest(&key, runs.list.to_bytes()).await {
                // Readers check the digest: the attempts that find a damaged list fail, and then the shard.
                Err(StorageError::AlreadyExists { .. }) => {}
                put => put?,
            }
            slices::publish(&root, task, runs, &self.tables).await;
            Ok(())
        };
        cell.get_or_try_init(write).await.map(drop)
    }

    /// Forgets the list of a shard that has ended: it is removed with the shard's runs, and another round writes its
    /// own.
    pub(crate) fn forget(&self, job: &JobId, shard: ShardId) {
        self.written().remove(&(job.clone(), shard));
    }

    fn cell(&self, task: &TaskPath, digest: Digest) -> Arc<OnceCell<()>> {
        let mut written = self.written();
        if written.len() > LISTS_MAX {
            written.clear();
        }
        let fresh = || Written { digest, cell: Arc::default() };
        let of_shard = written.entry((task.job.clone(), task.shard)).or_insert_with(fresh);
        if of_shard.digest != digest {
            *of_shard = fresh();
        }
        Arc::clone(&of_shard.cell)
    }

    fn written(&self) -> MutexGuard<'_, HashMap<(JobId, ShardId), Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
