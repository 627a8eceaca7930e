//! What only a local folder has: staging files of killed writes, and folders that are empty.
//!
//! The local store writes `name#<number>` and renames it when the object is whole; a process that is killed in between
//! leaves that file for ever, and the store's own listing hides it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use model::TimestampMs;
use storage::Root;

use super::{Garbage, GarbageReason};
use crate::error::DatasetError;

/// The staging files that were not written to since `young_from_ms`; none where the root is no folder.
pub(super) fn leftovers(root: &Root, young_from_ms: TimestampMs) -> Result<Vec<Garbage>, DatasetError> {
    let mut found = Vec::new();
    if let Some(folder) = root.local_folder() {
        walk(folder, "", young_from_ms, &mut found).map_err(|error| DatasetError::write(root.to_string(), error))?;
    }
    Ok(found)
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

fn walk(folder: &Path, prefix: &str, young_from_ms: TimestampMs, found: &mut Vec<Garbage>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        // The kind of the entry itself: a link that leads out of the dataset is not followed.
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), &key, young_from_ms, found)?;
        } else if kind.is_file() && is_staging(&name) {
            let Ok(metadata) = entry.metadata() else { continue };
            if modified_ms(&metadata)? <= young_from_ms {
                found.push(Garbage { reason: GarbageReason::StagingLeftover, key, size: metadata.len() });
            }
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
