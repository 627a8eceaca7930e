//! Folder with segments and a dataset, removed with the test.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::tailor::{Ended, Tailor, tailor};

/// Folder in which one test works.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// Creates an empty place.
    ///
    /// # Panics
    /// There is no temporary folder.
    pub fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().expect("make a temporary folder") };
        fs::create_dir(place.input()).expect("make the input's folder");
        place
    }

    /// Creates a place with synthetic segments of `options`.
    pub fn generated(options: &str) -> Self {
        let place = Self::new();
        place.generate(options);
        place
    }

    /// Adds synthetic segments; returns their sidecar.
    pub fn generate(&self, options: &str) -> Value {
        tailor(&format!("gen --out {} -o json {options}", self.input().display())).run().done().json()
    }

    /// Returns the folder itself.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the folder of the segments.
    pub fn input(&self) -> PathBuf {
        self.path().join("in")
    }

    /// Returns the folder of the dataset.
    pub fn dataset(&self) -> PathBuf {
        self.path().join("dataset")
    }

    /// Writes a segment at `key`.
    ///
    /// # Panics
    /// The file cannot be written.
    pub fn put_segment(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let path = self.input().join(key);
        fs::create_dir_all(path.parent().expect("a key is below the input")).expect("make the segment's folder");
        fs::write(path, bytes).expect("write a segment");
    }

    /// Prepares `tailor VERB --input .. --dataset .. OPTIONS`.
    pub fn job(&self, verb: &str, options: &str) -> Tailor {
        let (input, dataset) = (self.input(), self.dataset());
        tailor(&format!("{verb} --input {} --dataset {} {options}", input.display(), dataset.display()))
    }

    /// Runs `tailor run -o json OPTIONS`.
    pub fn run(&self, options: &str) -> Ended {
        self.job("run", &format!("-o json {options}")).run()
    }

    /// Runs `tailor dataset VERB DATASET OPTIONS`.
    pub fn dataset_verb(&self, verb: &str, options: &str) -> Ended {
        tailor(&format!("dataset {verb} {} {options}", self.dataset().display())).run()
    }

    /// Lists every file under `folder` of this place, relative to it, in order.
    ///
    /// # Panics
    /// A folder cannot be read.
    pub fn files(&self, folder: &str) -> Vec<String> {
        let root = self.path().join(folder);
        let mut files = Vec::new();
        collect(&root, &root, &mut files);
        files.sort();
        files
    }

    /// Lists the keys of the manifests.
    pub fn manifest_keys(&self) -> Vec<String> {
        let is_manifest = |key: &String| key.starts_with("manifests/");
        self.files("dataset").into_iter().filter(is_manifest).collect()
    }

    /// Reads the manifests as JSON, in key order.
    pub fn manifests(&self) -> Vec<Value> {
        self.manifest_keys().iter().map(|key| self.object_json(key)).collect()
    }

    /// Reads the bytes of an object of the dataset.
    ///
    /// # Panics
    /// The object does not exist.
    pub fn object(&self, key: &str) -> Vec<u8> {
        fs::read(self.dataset().join(key)).unwrap_or_else(|error| panic!("read object {key}: {error}"))
    }

    /// Reads the bytes of a job's only record.
    ///
    /// # Panics
    /// The job has no record, or more than one.
    pub fn record(&self, job: &str) -> Vec<u8> {
        let folder = self.dataset().join(format!("jobs/{job}/records"));
        let records = fs::read_dir(&folder).unwrap_or_else(|error| panic!("list {}: {error}", folder.display()));
        let records: Vec<_> = records.map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(records.len(), 1, "{records:?}");
        fs::read(&records[0]).expect("read a record")
    }

    fn object_json(&self, key: &str) -> Value {
        serde_json::from_slice(&self.object(key)).unwrap_or_else(|error| panic!("{key} is not JSON: {error}"))
    }

    /// Asserts that a failed job left no manifest and no scratch.
    ///
    /// # Panics
    /// The job left something.
    #[track_caller]
    pub fn assert_nothing_committed(&self) {
        assert_eq!(self.manifest_keys(), [""; 0], "no manifest");
        assert!(!self.dataset().join("scratch").exists(), "scratch is cleaned: {:?}", self.files("dataset/scratch"));
    }
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("list a folder").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let relative = path.strip_prefix(root).expect("it is below the root");
            files.push(relative.to_str().expect("names are text").to_owned());
        }
    }
}

/// Returns the digest of each shard's content, from a report of `tailor run -o json`.
///
/// # Panics
/// The document is not such a report.
pub fn content_digests(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    let shards = report["shards"].as_array().expect("a report has shards");
    shards.iter().map(|shard| (text(&shard["shard"]), text(&shard["content_digest"]))).collect()
}

/// Returns a number of a JSON document, by its JSON pointer.
///
/// # Panics
/// The document has no such number.
#[track_caller]
pub fn number(document: &Value, pointer: &str) -> u64 {
    let found = document.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no number at {pointer} of {document:#}"))
}
