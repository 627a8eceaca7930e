//! What ARCHITECTURE.md promises of the tree, kept by a test: arrows between crates, lints inherited, links that lead
//! somewhere, nothing left over.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which of our crates each crate may use. An arrow that is not here is a decision: write it down, then add it.
const ARROWS: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("proto", &["model"]),
    ("daemon", &["model"]),
    ("shard-config", &["model"]),
    ("format", &["model"]),
    ("interchange", &["model"]),
    ("scheduler", &["model"]),
    ("storage", &["model", "format"]),
    ("worker", &["model", "format", "proto", "daemon", "shard-config", "storage", "interchange"]),
    (
        "coordinator",
        &["model", "format", "proto", "daemon", "scheduler", "shard-config", "storage", "worker", "dataset"],
    ),
    ("dataset", &["model", "format", "interchange", "proto", "storage"]),
    ("ingest", &["model", "format", "storage"]),
    (
        "cli",
        &[
            "model",
            "format",
            "proto",
            "daemon",
            "shard-config",
            "storage",
            "worker",
            "coordinator",
            "interchange",
            "dataset",
            "ingest",
        ],
    ),
    (
        "bench",
        &["model", "format", "proto", "storage", "worker", "coordinator", "ingest", "dataset", "interchange"],
    ),
    (
        "tests",
        &[
            "model",
            "format",
            "proto",
            "storage",
            "scheduler",
            "shard-config",
            "worker",
            "coordinator",
            "dataset",
            "ingest",
            "interchange",
        ],
    ),
];

/// Names that only one crate may know.
const ONLY_STORAGE: [&str; 4] = ["aws_sdk_s3", "etcd_client", "LocalFileSystem", "memmap2"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of the workspace").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

/// Files below `folder` that end in one of `endings`, without what is built or fetched.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("a readable folder").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                found.extend(files(&path, endings));
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

/// The tables of dependencies of a manifest, by the table's name.
fn dependencies(manifest: &str) -> BTreeMap<String, Vec<String>> {
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut table = String::new();
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name.to_owned();
        } else if let Some((name, _)) = line.split_once(['.', ' ', '=']).filter(|_| table.ends_with("dependencies")) {
            tables.entry(table.clone()).or_default().push(name.to_owned());
        }
    }
    tables
}

#[test]
fn crates_point_at_each_other_only_as_the_architecture_says() {
    let ours: Vec<_> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in ARROWS {
        let manifest = read(&root().join(name).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} inherits the lints");
        for dependency in dependencies(&manifest).remove("dependencies").unwrap_or_default() {
            let is_foreign = !ours.contains(&dependency.as_str());
            assert!(is_foreign || allowed.contains(&dependency.as_str()), "{name} must not use {dependency}");
        }
    }
}

#[test]
fn only_storage_knows_where_bytes_live() {
    for path in files(&root(), &[".rs"]) {
        let relative = path.strip_prefix(root()).expect("below the root").to_owned();
        if relative.starts_with("storage") || relative.ends_with("it/tidy.rs") {
            continue;
        }
        let text = read(&path);
        for name in ONLY_STORAGE {
            let is_told = text.lines().any(|line| line.contains(name) && !line.trim_start().starts_with("//"));
            assert!(!is_told, "{} names {name}", relative.display());
        }
    }
}

#[test]
fn links_of_the_documents_lead_somewhere() {
    for path in files(&root(), &[".md"]) {
        let text = read(&path);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let linked = path.parent().expect("a file has a folder").join(target);
            assert!(linked.exists(), "{} links to {target}, which is not there", path.display());
        }
    }
}

#[test]
fn nothing_is_left_over() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["#[ig", "nore"].concat()];
    for path in files(&root(), &[".rs", ".sh", ".toml", ".md"]) {
        let text = read(&path);
        for mark in &marks {
            assert!(!text.contains(mark.as_str()), "{} has a {mark}", path.display());
        }
    }
}
