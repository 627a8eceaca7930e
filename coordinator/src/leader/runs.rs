//! Lists of runs, as objects: written once a shard, before the first reduce task of it is given out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use format::keys;
use model::{Digest, TaskPath};
use scheduler::ListedRuns;
use storage::{Root, StorageError};
use tokio::sync::OnceCell;

/// Lists kept in mind, at most: past them all are forgotten, and written again if need be.
const LISTS_MAX: usize = 4096;

/// Which lists are written.
#[derive(Debug, Default)]
pub(crate) struct RunLists {
    written: Mutex<HashMap<Digest, Arc<OnceCell<()>>>>,
}

impl RunLists {
    /// Writes the list of a shard, unless it is written: what it says is named by its digest, so it never changes.
    pub(crate) async fn publish(&self, scratch: &str, task: &TaskPath, runs: &ListedRuns) -> Result<(), StorageError> {
        let cell = {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            if written.len() > LISTS_MAX {
                written.clear();
            }
            Arc::clone(written.entry(runs.digest).or_default())
        };
        let write = || async {
            let root = Root::create(scratch)?;
            let key = keys::run_list(&task.job, task.shard, runs.digest);
            root.create_once(&key, runs.list.to_bytes()).await.map(drop)
        };
        cell.get_or_try_init(write).await.map(drop)
    }
}
