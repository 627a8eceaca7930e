//! Search for the files and folders that a command line names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::import::ImportError;

/// Endings of compressed files. Those that cannot be unpacked are found too, so that opening them reports it.
const PACKED: [&str; 8] = [".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip", ".z", ".sz"];

/// Path that stands for standard input.
const STDIN: &str = "-";

/// Input file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Path of the file; `-` is standard input.
    pub path: PathBuf,
    /// Path below the folder that was searched; the file's name if the file itself was named.
    pub relative: PathBuf,
}

impl FoundFile {
    pub(super) fn is_stdin(&self) -> bool {
        self.path.as_os_str() == STDIN
    }
}

/// Result of the search.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundFiles {
    /// Input files in source order: as named, and within a folder by path.
    pub files: Vec<FoundFile>,
    /// Files of folders whose ending was not asked for.
    pub left_out: Vec<PathBuf>,
}

/// Finds the files that `paths` name. A file stands for itself. A folder stands for every file below it that ends in
/// one of `extensions` (`.csv`), in any case and compressed or not, in the order of their paths. `-` is standard
/// input.
///
/// # Errors
/// [`ImportError::Read`] for a path that is not there, [`ImportError::NamedTwice`] for a file that is named twice,
/// [`ImportError::NoFiles`] where nothing is found.
pub fn find_files(paths: &[PathBuf], extensions: &[&str]) -> Result<FoundFiles, ImportError> {
    let mut found = FoundFiles::default();
    for path in paths {
        let is_folder = path.as_os_str() != STDIN && metadata(path)?.is_dir();
        if is_folder {
            let mut folders = Vec::new();
            add_folder(path, path, extensions, &mut folders, &mut found)?;
        } else {
            let relative = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
            found.files.push(FoundFile { path: path.clone(), relative });
        }
    }
    refuse_repeats(&found.files)?;
    if found.files.is_empty() {
        return Err(ImportError::NoFiles { endings: extensions.join(", "), left_out: found.left_out.len() });
    }
    Ok(found)
}

fn metadata(path: &Path) -> Result<std::fs::Metadata, ImportError> {
    if path.as_os_str() == STDIN {
        return std::fs::metadata("/dev/stdin").map_err(|source| cannot_read(path, source));
    }
    std::fs::metadata(path).map_err(|source| cannot_read(path, source))
}

fn cannot_read(path: &Path, source: std::io::Error) -> ImportError {
    ImportError::Read { path: path.to_owned(), source }
}

/// Adds the files of a folder. `folders` are the canonical paths from the top to here: a link back to one of them
/// would never end.
fn add_folder(
    top: &Path,
    folder: &Path,
    extensions: &[&str],
    folders: &mut Vec<PathBuf>,
    found: &mut FoundFiles,
) -> Result<(), ImportError> {
    let canonical = folder.canonicalize().map_err(|source| cannot_read(folder, source))?;
    if folders.contains(&canonical) {
        let source = std::io::Error::other("the link leads back to a folder above it");
        return Err(cannot_read(folder, source));
    }
    folders.push(canonical);
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|source| cannot_read(folder, source))?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if metadata(&path)?.is_dir() {
            add_folder(top, &path, extensions, folders, found)?;
        } else if split_ending(&path.to_string_lossy(), extensions).is_some() {
            let relative = path.strip_prefix(top).unwrap_or(&path).to_owned();
            found.files.push(FoundFile { path, relative });
        } else {
            found.left_out.push(path);
        }
    }
    folders.pop();
    Ok(())
}

/// Refuses a file that is named twice: its points would count twice in sums.
fn refuse_repeats(files: &[FoundFile]) -> Result<(), ImportError> {
    let mut seen = BTreeSet::new();
    for file in files {
        let is_new = seen.insert(file.path.canonicalize().unwrap_or_else(|_| file.path.clone()));
        if !is_new {
            return Err(ImportError::NamedTwice { path: file.path.clone() });
        }
    }
    Ok(())
}

/// Returns `name` without its ending, if it ends in one of `extensions`, compressed or not, in any case.
pub(super) fn split_ending<'a>(name: &'a str, extensions: &[&str]) -> Option<&'a str> {
    let unpacked = without_packing(name);
    extensions.iter().find_map(|extension| strip(unpacked, extension).or_else(|| strip(name, extension)))
}

/// Returns `name` without the ending of a compression.
pub(super) fn without_packing(name: &str) -> &str {
    PACKED.iter().find_map(|ending| strip(name, ending)).unwrap_or(name)
}

fn strip<'a>(name: &'a str, ending: &str) -> Option<&'a str> {
    let at = name.len().checked_sub(ending.len())?;
    let (stem, tail) = (name.get(..at)?, name.get(at..)?);
    tail.eq_ignore_ascii_case(ending).then_some(stem)
}
