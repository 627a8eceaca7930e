//! Segments and datasets as the binaries of releases wrote them, which must stay readable: `golden/COMMIT` holds one of
//! each (`upgrade/golden.sh` writes it).

use std::fs;
use std::path::{Path, PathBuf};

use coordinator::JobReport;
use format::keys::{JobObject, ObjectKey};
use format::plan::PlanDocument;
use model::JobSpec;
use tests::Place;
use tests::place::{content_digests, number};

/// Options with which the golden datasets were written.
const OPTIONS: &str = "--rollup 5m --job first --split-size 4KiB --partition-size 16KiB";

fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let entries = fs::read_dir(&folder).expect("the folder is in the tree");
    let releases: Vec<_> = entries.map(|entry| entry.expect("a folder").path()).collect();
    assert!(!releases.is_empty(), "a release's dataset lies in {}", folder.display());
    releases
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make a folder");
    for entry in fs::read_dir(from).expect("a golden folder") {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).expect("a golden file");
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).expect("copy a golden file");
        }
    }
}

/// Copies what a release wrote into a place of the test.
fn place_of(release: &Path) -> Place {
    let place = Place::new();
    copy(&release.join("segments"), &place.input());
    copy(&release.join("dataset"), &place.dataset());
    place
}

#[test]
fn a_dataset_of_every_release_is_verified_point_by_point() {
    for release in releases() {
        let place = place_of(&release);
        let oracle = format!("--level oracle --input {} -o json", place.input().display());
        let verified = place.dataset_verb("verify", &oracle).done().json();
        assert!(number(&verified, "/checked/points") >= 1000, "{verified:#}");
        assert_eq!(verified["differences"]["total"], 0, "{verified:#}");
    }
}

/// The writer gives the bytes that every release gave; otherwise a replay would have another content digest.
#[test]
fn a_job_that_runs_again_replaces_every_releases_version_by_the_same_content() {
    for release in releases() {
        let place = place_of(&release);
        let before = place.manifests();
        let map = place.input().join("shards.toml");
        let report = place.run(&format!("{OPTIONS} --shard-config {}", map.display())).done().json();
        for shard in report["shards"].as_array().expect("a list") {
            assert_eq!(shard["version"], 2, "{shard:#}");
            assert_eq!(shard["same_content"], true, "{shard:#}");
        }
        assert_eq!(content_digests(&report).len(), before.len());
        place.dataset_verb("verify", "--level rows").done();
    }
}

#[test]
fn every_object_of_a_job_is_known_and_read_and_written_alike() {
    for release in releases() {
        let place = place_of(&release);
        let (mut specs, mut plans, mut records) = (0, 0, 0);
        for key in place.files("dataset") {
            let Ok(parsed) = key.parse::<ObjectKey>() else { panic!("no key of today: {key}") };
            assert_eq!(parsed.to_string(), key);
            let bytes = place.object(&key);
            match parsed {
                // Two submissions are one if their specs are the same, so a spec has to come back byte for byte.
                ObjectKey::OfJob(_, JobObject::Spec(_)) => {
                    let spec: JobSpec = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{key}: {error}"));
                    assert_eq!(serde_json::to_value(&spec).expect("JSON"), json(&bytes), "{key}");
                    specs += 1;
                }
                ObjectKey::OfJob(_, JobObject::Plan(_, digest)) => {
                    let plan = PlanDocument::from_bytes(&bytes).unwrap_or_else(|error| panic!("{key}: {error}"));
                    assert_eq!(plan.to_bytes(), (bytes, digest), "{key}");
                    plans += 1;
                }
                ObjectKey::OfJob(_, JobObject::Record(..)) => {
                    let record: JobReport =
                        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{key}: {error}"));
                    assert_kept(&json(&bytes), &serde_json::to_value(&record).expect("JSON"), &key);
                    records += 1;
                }
                _ => {}
            }
        }
        assert!(specs >= 1 && plans >= 2 && records >= 1, "{specs} specs, {plans} plans, {records} records");
    }
}

/// Asserts that `after` has all that `before` has; fields may be added.
fn assert_kept(before: &serde_json::Value, after: &serde_json::Value, at: &str) {
    match (before, after) {
        (serde_json::Value::Object(before), serde_json::Value::Object(after)) => {
            for (name, value) in before {
                let kept = after.get(name).unwrap_or_else(|| panic!("{at}.{name} is gone"));
                assert_kept(value, kept, &format!("{at}.{name}"));
            }
        }
        (serde_json::Value::Array(before), serde_json::Value::Array(after)) => {
            assert_eq!(before.len(), after.len(), "{at}");
            before.iter().zip(after).for_each(|(before, after)| assert_kept(before, after, at));
        }
        _ => assert_eq!(before, after, "{at}"),
    }
}

fn json(bytes: &[u8]) -> serde_json::Value {
    serde_json::from_slice(bytes).expect("JSON")
}
