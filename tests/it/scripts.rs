//! Promises to scripts: readers may go early, `-o json` keeps its shape, and a command is refused if points would
//! come twice.

use std::io::pipe;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tests::tailor::binary;

fn tailor(folder: &Path, words: &str) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(folder).args(words.split(' ')).stderr(Stdio::piped());
    command
}

fn json(folder: &Path, words: &str) -> Value {
    let ended = tailor(folder, &format!("{words} -o json")).output().expect("it starts");
    assert_eq!(ended.status.code(), Some(0), "{words}: {}", String::from_utf8_lossy(&ended.stderr));
    serde_json::from_slice(&ended.stdout).expect("one object")
}

/// Creates a folder with `input` and `dataset`, with one committed version.
fn place() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    json(dir.path(), "gen --out input --points 20000 --orgs 1 --partitions 1 --big-share 0");
    json(dir.path(), "run --input input --dataset dataset");
    dir
}

#[test]
fn a_reader_that_has_gone_ends_a_command_without_a_word() {
    let place = place();
    for words in [
        "shard route --org 71",
        "shard route --org 71 -o json",
        "completions bash",
        "dataset manifests dataset",
        "dataset manifests dataset -o json",
        "dataset verify dataset",
        "dataset series dataset",
    ] {
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        let ended = tailor(place.path(), words).stdout(writer).output().expect("it starts");
        assert_eq!(ended.status.code(), Some(0), "{words}");
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{words}");
    }
}

#[test]
fn every_object_names_its_version_and_its_kind() {
    let place = place();
    json(place.path(), "run --input input --dataset dataset --duplicates first");
    for (words, kind) in [
        ("gen --out more --points 1000", "Gen"),
        ("plan --input input --dataset dataset", "Plan"),
        ("run --input input --dataset other", "JobReport"),
        ("shard route --org 71", "Route"),
        ("dataset verify dataset", "Verification"),
        ("dataset manifests dataset", "ManifestList"),
        ("dataset export dataset --format csv --to out.csv", "Export"),
        ("dataset diff dataset dataset", "Diff"),
        ("dataset rollback dataset --shard org-mod-07 --to 1 --yes", "Rollback"),
        ("dataset gc dataset", "Gc"),
    ] {
        let object = json(place.path(), words);
        assert_eq!(
            (object["api_version"].as_str(), object["kind"].as_str()),
            (Some("tailor/v1"), Some(kind)),
            "{words}"
        );
    }
}

#[test]
fn points_that_two_windows_hold_are_not_given_twice() {
    let place = place();
    json(place.path(), "run --input input --dataset dataset --window 2026-01-01T00:00:00Z/2h");
    for words in [
        "dataset series dataset",
        "dataset cat dataset --org 7 --metric 1",
        "dataset export dataset --format csv --to out.csv",
        "dataset diff dataset dataset",
    ] {
        let ended = tailor(place.path(), words).output().expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(1), "{words}: {said}");
        assert!(said.contains("all") && said.contains("--window"), "{words}: {said}");
        assert!(ended.stdout.is_empty() || words.contains("series"), "{words}");
    }
    json(place.path(), "dataset verify dataset --level rows");
    json(place.path(), "dataset export dataset --format csv --to out.csv --window all");
}

#[test]
fn rollups_that_were_written_as_parquet_are_verified_printed_and_exported() {
    let place = place();
    json(place.path(), "run --input input --dataset tables --format parquet --rollup 5m");
    let verified = json(place.path(), "dataset verify tables --level oracle --input input");
    assert!(verified["checked"]["rollup_rows"].as_u64().is_some_and(|rows| rows > 0), "{verified}");
    assert_eq!(verified["warnings"], Value::Array(Vec::new()));
    json(place.path(), "run --input input --dataset parts --rollup 5m");
    for dataset in ["tables", "parts"] {
        json(place.path(), &format!("dataset export {dataset} --format csv --rollup 5m --to {dataset}.csv"));
    }
    let read = |name: &str| std::fs::read(place.path().join(name)).expect("it was just written");
    assert!(read("tables.csv") == read("parts.csv"), "the format changes no row");
}
