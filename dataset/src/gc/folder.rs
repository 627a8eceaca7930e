//! Features of local folders only: staging files, and locks of live processes.
//!
//! The local store writes `name#<number>` and renames it when the object is complete. A process that is killed in
//! between leaves that file for ever, and the store's own listing hides it.

use std::fs::{self, TryLockError};
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use format::keys::{ObjectKey, ProcessName, SCRATCH, SCRATCH_LOCK};
use model::TimestampMs;
use storage::Root;

use crate::error::DatasetError;

/// File of a local folder.
pub(super) struct File {
    /// Key under the dataset.
    pub(super) key: String,
    /// Modification time in milliseconds.
    pub(super) modified_ms: TimestampMs,
    /// Size in bytes.
    pub(super) size: u64,
}

/// Parses a key, or the final key of a staging file; none if it is not ours.
pub(super) fn ours(key: &str) -> Option<ObjectKey> {
    key.parse().ok().or_else(|| object_of_staging(key)?.parse().ok())
}

/// True if a key is ours, or is the staging file of one.
pub(super) fn is_ours(key: &str) -> bool {
    ours(key).is_some()
}

/// Returns the final key of a staging file.
fn object_of_staging(key: &str) -> Option<&str> {
    let (object, number) = key.rsplit_once('#')?;
    (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(object)
}

/// Lists our staging files below a folder of a local root.
pub(super) fn staging(root: &Root, folder: &str) -> Result<Vec<File>, DatasetError> {
    let mut files = files(root, folder)?;
    files.retain(|file| object_of_staging(&file.key).is_some() && is_ours(&file.key));
    Ok(files)
}

/// Lists the files below a folder of a local root; none if the root is not a folder.
pub(super) fn files(root: &Root, folder: &str) -> Result<Vec<File>, DatasetError> {
    let mut found = Vec::new();
    if let Some(top) = root.local_folder() {
        match walk(&top.join(folder), folder, &mut found) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            walked => walked.map_err(|error| DatasetError::write(root.object(folder), error))?,
        }
    }
    Ok(found)
}

/// Lists the processes that have, or had, scratch in a local dataset.
pub(super) fn processes(root: &Root) -> Result<Vec<ProcessName>, DatasetError> {
    let Some(folder) = root.local_folder() else { return Ok(Vec::new()) };
    let entries = match fs::read_dir(folder.join(SCRATCH)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(DatasetError::write(root.object(SCRATCH), error)),
    };
    // Check the entry itself: a link must never be followed out of the dataset.
    let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok()).collect())
}

/// State of a process's scratch lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// The process lives.
    Held,
    /// The process is gone.
    Free,
    /// The lock cannot be tested, so only the age decides.
    Unknown,
}

/// Tests the lock of a process whose scratch lies, or lay, in the dataset at `root`.
pub(super) fn lock_of(root: &Root, process: ProcessName) -> Lock {
    let Some(folder) = root.local_folder() else { return Lock::Unknown };
    match storage::private::open_file(&folder.join(SCRATCH).join(process.to_string()).join(SCRATCH_LOCK)) {
        // This call holds the lock for a moment; closing the file frees it.
        Ok(file) => match file.try_lock() {
            Ok(()) => Lock::Free,
            Err(TryLockError::WouldBlock) => Lock::Held,
            Err(TryLockError::Error(_)) => Lock::Unknown,
        },
        // Without a lock file, nobody holds the lock.
        Err(error) if is_no_file(error.kind()) => Lock::Free,
        Err(_) => Lock::Unknown,
    }
}

const fn is_no_file(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidInput)
}

/// Deletes staging files; a file that is already gone is fine.
pub(super) fn remove_staging(root: &Root, keys: &[String]) -> Result<(), DatasetError> {
    let folder = root.local_folder().expect("staging files are found in folders alone");
    for key in keys {
        match fs::remove_file(folder.join(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DatasetError::write(root.object(key), error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<File>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = format!("{prefix}/{name}");
        // Check the entry itself: a link must never be followed out of the dataset.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            match walk(&entry.path(), &key, found) {
                // The file vanished during the listing.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                walked => walked?,
            }
        } else if kind.is_file() {
            let Ok(metadata) = entry.metadata() else { continue };
            found.push(File { key, modified_ms: modified_ms(&metadata)?, size: metadata.len() });
        }
    }
    Ok(())
}

fn modified_ms(metadata: &fs::Metadata) -> io::Result<TimestampMs> {
    let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
