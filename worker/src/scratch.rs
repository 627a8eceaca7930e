//! Folders of attempts on this machine's disk: one folder per process, and in it one per attempt.
//!
//! ```text
//! <scratch>/tailor-<pid>-<ms>/lock                   locked for as long as the process lives, however it ends
//! <scratch>/tailor-<pid>-<ms>/<task>-<attempt>/...   gone with the attempt
//! ```
//!
//! The lock's file gets its name once it is locked, so a folder with a lock that is free belonged to a process that is
//! dead: the next process that starts in the same place removes it. The place may be shared, so the files of others are
//! neither followed, nor waited for, nor removed ([`storage::private`]).

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use model::{Clock, HeldAttempt};
use storage::{Root, StorageError, private};

/// Name of the locked file; `dataset gc` looks for it, too.
const LOCK: &str = "lock";

/// Prefix of a process's folder.
const PREFIX: &str = "tailor-";

/// Folder of this process.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    users: Users,
    _lock: File,
}

/// Attempts in each folder. Attempts at equal tasks of two shards that are claimed in one transaction have one name, and
/// share their folder; their objects lie apart.
type Users = Arc<Mutex<BTreeMap<PathBuf, usize>>>;

impl Scratch {
    /// Makes the folder in `parent`, and removes folders of this user's dead processes. May block for as long as the
    /// file system does.
    pub(crate) fn make(parent: &Path, clock: &dyn Clock) -> io::Result<Self> {
        private::make_parent(parent)?;
        remove_leftovers(parent);
        let path = parent.join(format!("{PREFIX}{}-{}", std::process::id(), clock.now_ms()));
        private::make_folder(&path)?;
        let lock = lock(&path)?;
        Ok(Self { path, users: Users::default(), _lock: lock })
    }

    /// Creates the folder of one attempt.
    pub(crate) fn of_attempt(&self, held: &HeldAttempt) -> Result<AttemptScratch, StorageError> {
        let path = self.path.join(format!("{}-{}", held.task.task, held.attempt));
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let root = Root::create(&path.display().to_string())?.uncounted();
        *users.entry(path.clone()).or_default() += 1;
        Ok(AttemptScratch { root, path, users: Arc::clone(&self.users) })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Folder of one attempt; removed when the last attempt that uses it drops this.
#[derive(Debug)]
pub(crate) struct AttemptScratch {
    /// Root of the attempt's folder.
    pub(crate) root: Root,
    path: PathBuf,
    users: Users,
}

impl Drop for AttemptScratch {
    fn drop(&mut self) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let left = users.remove(&self.path).unwrap_or_default().saturating_sub(1);
        if left == 0 {
            remove(&self.path);
        } else {
            users.insert(self.path.clone(), left);
        }
    }
}

fn lock(folder: &Path) -> io::Result<File> {
    let unnamed = folder.join("lock.new");
    let file = File::create_new(&unnamed)?;
    match file.try_lock() {
        Err(std::fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(folder = %folder.display(), "did not lock scratch, because its file system has no locks; nobody removes the scratch of a killed worker");
            return Ok(file);
        }
        locked => locked?,
    }
    std::fs::rename(unnamed, folder.join(LOCK))?;
    Ok(file)
}

fn remove_leftovers(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX) && private::is_own_folder(&path);
        // Held until the folder is gone, so that two processes that start together do not remove each other's
        // folders.
        let Some(lock) = is_ours.then(|| private::open_file(&path.join(LOCK)).ok()).flatten() else { continue };
        if lock.try_lock().is_ok() {
            tracing::info!(folder = %path.display(), "found the scratch of a dead worker; removing it");
            remove(&path);
        }
    }
}

fn remove(path: &Path) {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, folder = %path.display(), "failed to remove scratch; the next worker that starts here tries again");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use model::{AttemptId, FencingToken, ShardId, SystemClock, TaskId, TaskPath};

    use super::*;

    #[test]
    fn what_is_no_dead_workers_scratch_is_left_alone_and_not_waited_for() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let elsewhere = tempfile::tempdir().expect("a temporary folder");
        File::create_new(elsewhere.path().join(LOCK)).expect("a file");
        std::os::unix::fs::symlink(elsewhere.path(), parent.path().join("tailor-1-1")).expect("a link");
        let blocked = parent.path().join("tailor-2-2");
        std::fs::create_dir(&blocked).expect("a folder");
        let pipe = std::process::Command::new("mkfifo").arg(blocked.join(LOCK)).status();
        assert!(pipe.expect("there is mkfifo").success());
        let linked = parent.path().join("tailor-3-3");
        std::fs::create_dir(&linked).expect("a folder");
        std::os::unix::fs::symlink(elsewhere.path().join(LOCK), linked.join(LOCK)).expect("a link");

        drop(Scratch::make(parent.path(), &SystemClock).expect("a folder"));
        assert!(elsewhere.path().join(LOCK).exists(), "a link is not followed");
        assert!(blocked.exists() && linked.exists());
    }

    #[test]
    fn a_dead_workers_scratch_is_removed_and_a_living_ones_is_not() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let dead = parent.path().join("tailor-1-1");
        std::fs::create_dir_all(dead.join("left")).expect("a folder");
        File::create_new(dead.join(LOCK)).expect("a file");
        let living = Scratch::make(parent.path(), &SystemClock).expect("a folder");
        assert!(!dead.exists());

        let task = TaskPath { job: "j".parse().expect("a name"), shard: ShardId::Shared(0), task: TaskId::map(0) };
        let held = HeldAttempt { task, attempt: AttemptId { number: 1, token: FencingToken(1) } };
        let attempt = living.of_attempt(&held).expect("a folder");
        let of_other_shard =
            HeldAttempt { task: TaskPath { shard: ShardId::Shared(1), ..held.task.clone() }, attempt: held.attempt };
        let other = living.of_attempt(&of_other_shard).expect("a folder");
        remove_leftovers(parent.path());
        assert!(attempt.path.exists());
        drop(attempt);
        assert!(other.path.exists(), "an attempt of that name in another shard still works there");
        drop(other);
        drop(living);
        assert_eq!(std::fs::read_dir(parent.path()).expect("the folder").count(), 0);
    }
}
