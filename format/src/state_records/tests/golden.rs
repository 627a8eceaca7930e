//! Records as a release wrote them, and as a newer release may write them. Every version must read them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::*;

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/state").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads a record, and formats it as this version would write it.
fn read<R: StateRecord>(name: &str) -> String {
    let record = R::decode(&golden(name)).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    String::from_utf8(record.encode().expect("every record is bounded")).expect("JSON is text")
}

/// Kind of the record in a golden file: `head-least.json` and `head-full.json` are two heads.
fn kind(name: &str) -> &str {
    name.trim_end_matches(".json").trim_end_matches("-least").trim_end_matches("-full")
}

/// Names of all fields of a record; those of a record within it follow the name of that one.
fn fields(record: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut open = vec![(String::new(), serde_json::from_slice(record).expect("JSON"))];
    while let Some((place, value)) = open.pop() {
        if let serde_json::Value::Object(within) = value {
            open.extend(within.into_iter().map(|(name, value)| (format!("{place}/{name}"), value)));
        }
        names.insert(place);
    }
    names
}

/// Reads each record of a folder, formatted as this version would write it.
fn read_all(folder: &str) -> Vec<(String, String)> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/state").join(folder);
    let files = std::fs::read_dir(&path).expect("the folder is in the tree");
    let mut names: Vec<_> = files.map(|file| file.expect("a file").file_name().into_string().expect("text")).collect();
    names.sort();
    let of_kind = |name: String| {
        let file = format!("{folder}/{name}");
        let written = match kind(&name) {
            "format" => read::<FormatRecord>(&file),
            "leader" => read::<LeaderRecord>(&file),
            "worker" => read::<WorkerRecord>(&file),
            "dataset" => read::<DatasetRecord>(&file),
            "drain" => read::<DrainRecord>(&file),
            "drain-serial" => read::<DrainSerial>(&file),
            "demand" => read::<DemandRecord>(&file),
            "head" => read::<JobHead>(&file),
            "shard" => read::<ShardRecord>(&file),
            "attempts" => read::<AttemptsRecord>(&file),
            "claim" => read::<ClaimRecord>(&file),
            "done" => read::<DoneRecord>(&file),
            other => panic!("no record is called {other}"),
        };
        (name, written)
    };
    names.into_iter().map(of_kind).collect()
}

#[test]
fn what_a_release_wrote_is_read_and_written_alike() {
    let records = read_all("v1");
    assert!(records.len() >= 20, "every kind, with and without what is optional: {records:?}");
    for (name, written) in records {
        let golden = String::from_utf8(golden(&format!("v1/{name}"))).expect("JSON is text");
        assert_eq!(written, golden, "{name}");
    }
}

/// No field of a release was renamed or left out, because
/// `what_a_release_wrote_is_read_and_written_alike`; this test says that the golden files have seen every field.
/// A new field needs a new golden file beside the old ones.
#[test]
fn every_field_stands_in_a_golden_record() {
    let mut golden_fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, written) in read_all("v1") {
        golden_fields.entry(kind(&name).to_owned()).or_default().extend(fields(written.as_bytes()));
    }
    for (kind, worst) in worst_records() {
        assert_eq!(golden_fields.get(kind), Some(&fields(&worst)), "{kind}");
    }
}

#[test]
fn what_a_newer_release_writes_is_read() {
    let records = read_all("newer");
    assert!(records.len() >= 9, "every kind: {records:?}");
}

/// These two records are rewritten by every leader; a newer version must find its own fields again.
#[test]
fn what_a_newer_release_wrote_into_a_job_or_shard_is_kept_when_it_is_written_again() {
    for (name, written) in read_all("newer") {
        if ["head.json", "shard.json"].contains(&name.as_str()) {
            let golden = String::from_utf8(golden(&format!("newer/{name}"))).expect("JSON is text");
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!(json(&written), json(&golden), "{name}");
        }
    }
}
