//! A process that is killed at any moment leaves the complete manifest of a shard or none, and does not harm the next
//! run.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::place::{content_digests, number};
use tests::tailor::{code, pause};
use tests::{Place, contents};

/// Options for a second of work for a slow build, in several shards.
const DATA: &str = "--points 1500000 --orgs 6 --partitions 2 --big-share 0.2";

/// Job options that write every kind of object: runs, parts, rollups, manifests.
const OPTIONS: &str = "-o json --rollup 5m --partition-size 1MiB --workers 2";

/// Number of moments at which a run is killed.
const MOMENTS: u32 = 16;

/// Moments over a run and a little beyond, each somewhere in an interval of its own; the same in every run of the
/// test.
fn moments(whole: Duration) -> impl Iterator<Item = Duration> {
    let mut state = 0x5eed_u64;
    (0..MOMENTS).map(move |stretch| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let within = (state >> 33) as f64 / f64::from(1u32 << 31);
        whole.mul_f64(1.1 * (f64::from(stretch) + within) / f64::from(MOMENTS))
    })
}

/// Returns the digests of an undisturbed run, and its duration.
fn undisturbed(place: &Place) -> (Vec<(String, String)>, Duration) {
    let started = Instant::now();
    let report = place.job("run", OPTIONS).run().done().json();
    let elapsed = started.elapsed();
    std::fs::remove_dir_all(place.dataset()).expect("remove the dataset");
    (content_digests(&report), elapsed)
}

/// Asserts that each manifest names complete objects only.
fn assert_whole_or_nothing(place: &Place) {
    if place.manifest_keys().is_empty() {
        return;
    }
    place.dataset_verb("verify", "--level rows").done();
}

#[test]
fn a_job_killed_at_any_moment_leaves_whole_manifests_and_the_next_the_same_parts() {
    let place = Place::generated(DATA);
    let (expected, whole) = undisturbed(&place);
    let mut killed = 0;
    for moment in moments(whole) {
        let mut running = place.job("run", OPTIONS).spawn();
        pause(moment);
        killed += u32::from(running.is_running());
        running.signal("KILL");
        let _ = running.wait();
        assert_whole_or_nothing(&place);
    }
    assert!(killed >= MOMENTS / 4, "only {killed} of {MOMENTS} runs were killed before their end");
    let report = place.job("run", OPTIONS).run().done().json();
    assert_eq!(content_digests(&report), expected);
    leftovers_are_found_and_only_they_are_collected(&place);
}

/// Asserts that a collection after many killed runs finds and deletes exactly the leftovers.
fn leftovers_are_found_and_only_they_are_collected(place: &Place) {
    let (before, files) = (contents(&place.dataset()), place.files("dataset"));
    let gc = |options: &str| place.dataset_verb("gc", &format!("-o json {options}"));
    let garbage = |report: &Value| report["garbage"].as_array().map_or(0, Vec::len);

    let young = gc("").done().json();
    assert_eq!(garbage(&young), 0, "what is young may belong to a job that runs");
    assert!(number(&young, "/objects_young") > 0);
    let found = gc("--min-age 0s").done().json();
    assert!(garbage(&found) > 0);
    let told = gc("--min-age 0s --delete").expect(code::NEEDS_YES).says(&["--yes"]);
    assert_eq!(garbage(&told.json()), garbage(&found));
    assert_eq!(place.files("dataset"), files, "a dry run deletes nothing");

    assert_eq!(gc("--min-age 0s --delete --yes").done().json()["deleted"], true);
    assert_eq!(garbage(&gc("--min-age 0s").done().json()), 0);
    let is_leftover = |key: &&String| key.starts_with("scratch/") || key.contains('#');
    assert_eq!(place.files("dataset").iter().find(is_leftover), None);
    place.dataset_verb("verify", "--level rows").done();
    assert!(contents(&place.dataset()) == before, "GC-1: nothing that counts is gone");
}

#[test]
fn a_job_that_is_told_to_stop_says_what_is_done_and_leaves_nothing_half_done() {
    let place = Place::generated(DATA);
    let (expected, whole) = undisturbed(&place);
    let mut stopped = 0;
    for moment in moments(whole) {
        let running = place.job("run", OPTIONS).spawn();
        pause(moment);
        let is_begun = place.dataset().join("jobs").exists();
        running.signal("TERM");
        let ended = running.wait();
        assert_whole_or_nothing(&place);
        assert!(!place.dataset().join("scratch").exists(), "scratch is cleaned, and if it was made a moment before");
        if !is_begun || ended.code == Some(code::DONE) {
            continue;
        }
        stopped += 1;
        let ended = ended.expect(code::PARTLY).says(&["interrupted (SIGTERM)"]);
        let report = ended.json();
        for shard in report["shards"].as_array().expect("a list") {
            let is_done = shard["state"] == "done";
            assert!(is_done || shard["state"] == "cancelled", "{shard:#}");
            assert_eq!(is_done, shard["version"].is_u64(), "{shard:#}");
        }
    }
    assert!(stopped >= MOMENTS / 4, "only {stopped} of {MOMENTS} runs were stopped before their end");
    assert_eq!(content_digests(&place.job("run", OPTIONS).run().done().json()), expected);
}
