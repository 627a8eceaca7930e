//! Names of the segments and series of an input file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use xxhash_rust::xxh3::xxh3_64;

use super::find::{FoundFile, split_ending, without_packing};
use crate::import::ImportError;

/// Input file with its names.
#[derive(Debug)]
pub(crate) struct InputFile {
    /// Path of the file; `-` is standard input.
    pub(crate) path: PathBuf,
    /// Name of the file without its endings; the default name of its series.
    pub(crate) stem: String,
    /// Name in the keys of the segments: characters that every store accepts, distinct among the files of the import.
    pub(crate) name: String,
    pub(super) is_stdin: bool,
}

/// Names the files by their path below the folder that was searched; files that would share a name, by their whole
/// path.
pub(crate) fn name_files(files: &[FoundFile], extensions: &[&str]) -> Result<Vec<InputFile>, ImportError> {
    let mut named: Vec<_> = files.iter().map(|file| of_file(file, extensions)).collect::<Result<_, _>>()?;
    let shared = shared_names(&named);
    for file in named.iter_mut().filter(|file| shared.contains_key(&file.name)) {
        file.name = clean(without_ending(&file.path.to_string_lossy(), extensions));
    }
    // Paths may differ only in characters that keys cannot have; a hash of the whole path then tells them apart.
    let shared = shared_names(&named);
    for file in named.iter_mut().filter(|file| shared.contains_key(&file.name)) {
        let hash = xxh3_64(file.path.as_os_str().as_encoded_bytes());
        file.name = format!("{}-{hash:016x}", file.name);
    }
    Ok(named)
}

fn of_file(file: &FoundFile, extensions: &[&str]) -> Result<InputFile, ImportError> {
    if file.is_stdin() {
        let name = "stdin".to_owned();
        return Ok(InputFile { path: file.path.clone(), stem: name.clone(), name, is_stdin: true });
    }
    let unreadable = || ImportError::Malformed {
        path: file.path.clone(),
        cause: "its name is not UTF-8, and names the series; rename it".to_owned(),
    };
    let name = file.path.file_name().and_then(|name| name.to_str()).ok_or_else(unreadable)?;
    let relative = file.relative.to_string_lossy();
    Ok(InputFile {
        path: file.path.clone(),
        stem: without_ending(name, extensions).to_owned(),
        name: clean(without_ending(&relative, extensions)),
        is_stdin: false,
    })
}

fn shared_names(files: &[InputFile]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    files.iter().for_each(|file| *counts.entry(file.name.clone()).or_default() += 1);
    counts.retain(|_, count| *count > 1);
    counts
}

/// Returns `name` without its known ending, else without its last one.
fn without_ending<'a>(name: &'a str, extensions: &[&str]) -> &'a str {
    split_ending(name, extensions).unwrap_or_else(|| {
        let unpacked = without_packing(name);
        let file = unpacked.rfind('/').map_or(0, |at| at + 1);
        match unpacked[file..].rfind('.') {
            Some(at) if at > 0 => &unpacked[..file + at],
            _ => unpacked,
        }
    })
}

/// Replaces characters that stores refuse or hide; a slash would create another folder.
fn clean(name: &str) -> String {
    let name = name.trim_start_matches(['/', '.']);
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const EXTENSIONS: [&str; 2] = [".csv", ".tsv"];

    fn names(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let found = |(path, relative): &(&str, &str)| FoundFile { path: path.into(), relative: relative.into() };
        let found: Vec<_> = files.iter().map(found).collect();
        let named = name_files(&found, &EXTENSIONS).expect("names in UTF-8");
        named.into_iter().map(|file| (file.stem, file.name)).collect()
    }

    #[test]
    fn a_file_is_named_after_its_path_and_its_series_after_its_name() {
        let one = |path: &str| names(&[(path, Path::new(path).file_name().unwrap().to_str().unwrap())]).remove(0);
        let pair = |stem: &str, name: &str| (stem.to_owned(), name.to_owned());
        assert_eq!(one("d/cpu.user.csv.gz"), pair("cpu.user", "cpu.user"));
        assert_eq!(one("d/CPU.CSV.ZST"), pair("CPU", "CPU"));
        assert_eq!(one("d/a b.c.txt"), pair("a b.c", "a_b.c"));
        assert_eq!(one("d.x/plain"), pair("plain", "plain"));
        assert_eq!(one("-"), pair("stdin", "stdin"));
    }

    #[test]
    fn no_two_files_share_a_name() {
        let folders = names(&[("d/day=1/data.csv", "day=1/data.csv"), ("d/day=2/data.csv", "day=2/data.csv")]);
        assert_eq!(folders.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["day_1_data", "day_2_data"]);
        let given = names(&[("a/x.csv", "x.csv"), ("b/x.csv", "x.csv"), ("y.csv", "y.csv")]);
        assert_eq!(given.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["a_x", "b_x", "y"]);
        let same = names(&[("a b.csv", "a b.csv"), ("a_b.csv", "a_b.csv"), ("a_b.tsv", "a_b.tsv")]);
        assert!(same[0].1 != same[1].1 && same[1].1 != same[2].1 && same[0].1 != same[2].1, "{same:?}");
    }
}
