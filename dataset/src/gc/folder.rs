//! What only a local folder has: staging files, locks of processes that live, and folders that are empty.
//!
//! The local store writes `name#<number>` and renames it when the object is whole; a process that is killed in between
//! leaves that file for ever, and the store's own listing hides it.

use std::collections::HashSet;
use std::fs::{self, TryLockError};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use format::keys::SCRATCH;
use model::TimestampMs;
use storage::Root;

use super::{Garbage, GarbageReason, SCRATCH_LOCK};
use crate::error::DatasetError;

/// A write that is under way, or was killed.
pub(super) struct StagingFile {
    pub(super) key: String,
    pub(super) modified_ms: TimestampMs,
    size: u64,
}

impl StagingFile {
    pub(super) fn garbage(self) -> Garbage {
        Garbage { reason: GarbageReason::StagingLeftover, key: self.key, size: self.size }
    }
}

/// All staging files; none where the root is no folder.
pub(super) fn staging(root: &Root) -> Result<Vec<StagingFile>, DatasetError> {
    let mut found = Vec::new();
    if let Some(folder) = root.local_folder() {
        walk(folder, "", &mut found).map_err(|error| DatasetError::write(root.to_string(), error))?;
    }
    Ok(found)
}

/// The names of scratch folders whose process lives: it holds the lock. One that cannot be asked counts as alive.
pub(super) fn scratch_in_use(root: &Root) -> Result<HashSet<String>, DatasetError> {
    let Some(folder) = root.local_folder() else { return Ok(HashSet::new()) };
    let folders = match fs::read_dir(folder.join(SCRATCH)) {
        Ok(folders) => folders,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(HashSet::new()),
        Err(error) => return Err(DatasetError::write(root.object(SCRATCH), error)),
    };
    let held = folders.flatten().filter(|folder| is_held(&folder.path().join(SCRATCH_LOCK)));
    Ok(held.filter_map(|folder| folder.file_name().into_string().ok()).collect())
}

fn is_held(lock: &Path) -> bool {
    match storage::private::open_file(lock) {
        // Ours for a moment, and free again when the file is closed.
        Ok(file) => match file.try_lock() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            // A file system without locks: age alone tells.
            Err(TryLockError::Error(error)) => error.kind() != io::ErrorKind::Unsupported,
        },
        // Nobody holds what is no file: age alone tells. Another user's cannot be asked.
        Err(error) => {
            use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
            !matches!(error.kind(), NotFound | NotADirectory | InvalidInput)
        }
    }
}

/// Deletes one; one that is gone already is fine.
pub(super) fn remove_staging(root: &Root, key: &str) -> Result<(), DatasetError> {
    let folder = root.local_folder().expect("staging files are found in folders alone");
    match fs::remove_file(folder.join(key)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DatasetError::write(root.object(key), error)),
        _ => Ok(()),
    }
}

/// Removes the folders of an object that is gone, as far as nothing else is in them.
pub(super) fn remove_empty_folders(root: &Root, key: &str) {
    let Some(top) = root.local_folder() else { return };
    let place = top.join(key);
    // A folder that is not empty refuses, and so ends the way up.
    let mut folders = place.ancestors().skip(1).take_while(|folder| *folder != top);
    while folders.next().is_some_and(|folder| fs::remove_dir(folder).is_ok()) {}
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<StagingFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        // The kind of the entry itself: a link that leads out of the dataset is not followed.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &key, found)?;
        } else if kind.is_file() && is_staging(&name) {
            let Ok(metadata) = entry.metadata() else { continue };
            found.push(StagingFile { key, modified_ms: modified_ms(&metadata)?, size: metadata.len() });
        }
    }
    Ok(())
}

fn is_staging(name: &str) -> bool {
    let number = name.rsplit_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn modified_ms(metadata: &fs::Metadata) -> io::Result<TimestampMs> {
    let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
