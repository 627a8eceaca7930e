//! Maps the segments of a folder as the engine does.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use format::keys::SEGMENT_EXTENSION;
use storage::segment::MappedSegment;

/// Lists the files under `folder` whose names end with `extension`, in order.
pub(crate) fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|path| path.ends_with(extension)) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Opens every segment under `folder`, one after the other.
pub(super) fn open(folder: &Path) -> Result<impl Iterator<Item = Result<MappedSegment>>> {
    Ok(files(folder, SEGMENT_EXTENSION)?.into_iter().map(|path| {
        let size = std::fs::metadata(&path)?.len();
        Ok(MappedSegment::open(&path, path.display().to_string(), size)?)
    }))
}
