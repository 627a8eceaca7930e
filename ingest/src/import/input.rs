//! Input files: found, named and opened, compressed or not.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use format::frame::ZSTD_MAGIC;

use super::ImportError;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Large enough that a disk or a network file system reads ahead.
const BUFFER_BYTES: usize = 256 << 10;

/// One input file and what its segments are called.
#[derive(Debug)]
pub(super) struct InputFile {
    pub(super) path: PathBuf,
    /// The file's name without its extensions.
    pub(super) stem: String,
}

/// The files that `paths` name: a file is itself, a folder every file below it that ends in one of `extensions`
/// (`.csv`), in the order of their paths.
///
/// # Errors
/// [`ImportError::Read`] for what is not there.
pub fn find_files(paths: &[PathBuf], extensions: &[&str]) -> Result<Vec<PathBuf>, ImportError> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() { add_folder(path, extensions, &mut files)? } else { files.push(path.clone()) }
    }
    Ok(files)
}

fn add_folder(folder: &Path, extensions: &[&str], files: &mut Vec<PathBuf>) -> Result<(), ImportError> {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let entries = entries.map_err(|source| ImportError::Read { path: folder.to_owned(), source })?;
    let mut paths: Vec<_> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_folder(&path, extensions, files)?;
        } else if extensions.iter().any(|extension| path.to_string_lossy().ends_with(extension)) {
            files.push(path);
        }
    }
    Ok(())
}

/// Names the files; two of one name would overwrite each other's segments.
pub(super) fn name_files(paths: &[PathBuf], extensions: &[&str]) -> Result<Vec<InputFile>, ImportError> {
    let mut named = BTreeMap::<String, &PathBuf>::new();
    let mut files = Vec::new();
    for path in paths {
        let file = InputFile { path: path.clone(), stem: stem(path, extensions) };
        if let Some(first) = named.insert(file.key_stem(), path) {
            return Err(ImportError::SameStem { stem: file.key_stem(), first: first.clone(), second: path.clone() });
        }
        files.push(file);
    }
    Ok(files)
}

fn stem(path: &Path, extensions: &[&str]) -> String {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let known = extensions.iter().find_map(|extension| name.strip_suffix(extension));
    known.unwrap_or_else(|| name.split_once('.').map_or(name.as_str(), |(stem, _)| stem)).to_owned()
}

impl InputFile {
    /// What stands in the keys of its segments: stores refuse or hide other characters.
    pub(super) fn key_stem(&self) -> String {
        let clean = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        self.stem.chars().map(clean).collect()
    }

    /// Its content: decompressed where it starts as gzip or zstd do, whatever it is called.
    pub(super) fn open(&self) -> Result<Box<dyn Read>, ImportError> {
        let open = || -> std::io::Result<Box<dyn Read>> {
            let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(&self.path)?);
            let start = file.fill_buf()?;
            let (is_gzip, is_zstd) = (start.starts_with(&GZIP_MAGIC), start.starts_with(&ZSTD_MAGIC));
            Ok(if is_gzip {
                Box::new(MultiGzDecoder::new(file))
            } else if is_zstd {
                Box::new(zstd::stream::read::Decoder::with_buffer(file)?)
            } else {
                Box::new(file)
            })
        };
        open().map_err(|source| self.cannot_read(source))
    }

    pub(super) fn cannot_read(&self, source: std::io::Error) -> ImportError {
        ImportError::Read { path: self.path.clone(), source }
    }

    pub(super) fn malformed(&self, cause: impl Into<String>) -> ImportError {
        ImportError::Malformed { path: self.path.clone(), cause: cause.into() }
    }
}
