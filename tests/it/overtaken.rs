//! An older job does not replace a newer version by accident: a job that was overtaken, and did not read the newer
//! version's input, is refused with the cause and the next step. If it is forced, the manifest says so.

use std::fs;

use serde_json::Value;
use tests::tailor::code;
use tests::{Ended, Place, SegmentBuilder};

/// Shard that gets another segment, far smaller than the others.
const SHARD: &str = "org-mod-63";

/// Writes a segment of one series.
fn put(place: &Place, name: &str, metric: u64) {
    let points: Vec<_> = (0..500).map(|at| (at, at as f64)).collect();
    place
        .put_segment(&format!("shard={SHARD}/{name}.seg"), SegmentBuilder::new().points((63, metric), &points).build());
}

/// Stops a job once it is planned, adds a segment that job `new` commits, and then continues `old`.
fn overtake(options: &str) -> (Place, Ended) {
    let place = Place::generated("--points 1500000 --orgs 1 --partitions 2 --big-share 0.5");
    put(&place, "a", 1);
    let mut old = place.job("run", &format!("-o json --job old --workers 1 {options}")).spawn();
    let plans = place.dataset().join("jobs/old/plans");
    let is_planned = || {
        let names = fs::read_dir(&plans).into_iter().flatten().flatten().map(|plan| plan.file_name());
        names.into_iter().any(|name| name.to_string_lossy().starts_with(SHARD))
    };
    assert!(old.wait_until(is_planned), "it is planned");
    old.signal("STOP");
    assert!(place.manifest_keys().is_empty(), "the job was done before it was stopped: give it more points");
    put(&place, "b", 2);
    place.run("--job new").done();
    old.signal("CONT");
    let ended = old.wait();
    (place, ended)
}

fn shard<'a>(report: &'a Value, name: &str) -> &'a Value {
    let shards = report["shards"].as_array().expect("a list");
    shards.iter().find(|shard| shard["shard"] == name).expect("it ran")
}

/// Reads the series that only `new` has read.
fn series_of_new(place: &Place) -> Ended {
    place.dataset_verb("cat", "--org 63 --metric 2")
}

#[test]
fn an_older_job_that_did_not_read_the_input_of_a_newer_one_is_refused() {
    let (place, ended) = overtake("");
    let ended = ended.expect(code::JOB_FAILED).says(&["v1", "job new", "shard=org-mod-63/b.seg", "--force-replace"]);
    let report = ended.json();
    for entry in report["shards"].as_array().expect("a list") {
        let is_refused = entry["shard"] == SHARD;
        assert_eq!(entry["state"], if is_refused { "failed" } else { "done" }, "{entry:#}");
    }
    series_of_new(&place).done();
    let manifests = place.manifests();
    assert!(manifests.iter().all(|manifest| manifest["shard"] != SHARD || manifest["job"] == "new"));
    place.dataset_verb("verify", "--level rows").done();
    // The current input includes all segments.
    place.run(&format!("--job again --shard {SHARD}")).done();
    series_of_new(&place).done();
}

#[test]
fn an_older_job_that_is_told_to_replace_a_newer_version_does_and_says_what_is_lost() {
    let (place, ended) = overtake("--force-replace test-data");
    let report = ended.done().json();
    let warnings = shard(&report, SHARD)["warnings"].to_string();
    for words in ["v1", "shard=org-mod-63/b.seg", "forced: test-data"] {
        assert!(warnings.contains(words), "{words}: {warnings}");
    }
    let _ = series_of_new(&place).expect(code::NOT_FOUND);
    let of_old = place.manifests().into_iter().find(|manifest| manifest["shard"] == SHARD && manifest["job"] == "old");
    let of_old = of_old.expect("it was committed");
    assert_eq!((&of_old["base"], &of_old["replaces"], &of_old["forced"]), (&0.into(), &1.into(), &"test-data".into()));
    assert!(of_old["warnings"].to_string().contains("b.seg"), "{of_old:#}");
    place.dataset_verb("verify", "--level rows").done();
}

#[test]
fn a_job_that_knew_the_version_replaces_it_with_less_and_warns() {
    let place = Place::new();
    put(&place, "a", 1);
    put(&place, "b", 2);
    place.run("--job first").done();
    fs::remove_file(place.input().join(format!("shard={SHARD}/b.seg"))).expect("remove a segment");
    let report = place.run("--job second").done().json();
    let warnings = shard(&report, SHARD)["warnings"].to_string();
    assert!(warnings.contains("v1, which this version replaces, was made of 1 segments"), "{warnings}");
    let second = place.manifests().pop().expect("it was committed");
    assert_eq!(second["replaces"], 1);
    assert!(second.get("base").is_none() && second.get("forced").is_none(), "it was planned over v1: {second:#}");
    place.dataset_verb("verify", "--level rows").done();
}
