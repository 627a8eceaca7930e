//! Segments that change: their shard fails and names them, and no manifest counts points that nobody can read again.
//!
//! A job writes its plans before its first attempt begins. So a test waits for the plan of a small shard and then
//! changes a planned segment, while the large shards, which go first, keep the only worker busy.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use tests::tailor::{code, pause};
use tests::{Ended, Place, SegmentBuilder};

/// Shard whose segment changes, far smaller than the others.
const VICTIM: &str = "shard=org-mod-63/victim.seg";

/// Most runs of the race before the test gives up.
const TRIES: usize = 20;

/// True if the victim's plan is written: its name ends in its digest.
fn is_planned(place: &Place) -> bool {
    let plans = fs::read_dir(place.dataset().join("jobs/race/plans"));
    let names = plans.into_iter().flatten().flatten().map(|plan| plan.file_name());
    names.into_iter().any(|name| name.to_string_lossy().starts_with("org-mod-63-"))
}

/// Runs a job, and changes the victim's segment between its plan and its first attempt.
fn run_and_change(options: &str, change: impl Fn(&Path)) -> (Place, Ended) {
    for _ in 0..TRIES {
        let place = Place::generated("--points 1500000 --orgs 1 --partitions 2 --big-share 0.5");
        let points: Vec<_> = (0..500).map(|at| (at, at as f64)).collect();
        place.put_segment(VICTIM, SegmentBuilder::new().points((63, 1), &points).points((63, 2), &points).build());
        let mut running = place.job("run", &format!("-o json --job race --workers 1 {options}")).spawn();
        let is_planned = running.wait_until(|| is_planned(&place));
        change(&place.input().join(VICTIM));
        let is_in_time = is_planned && running.is_running();
        let ended = running.wait();
        if is_in_time && ended.code != Some(code::DONE) {
            return (place, ended);
        }
    }
    panic!("the job was done before its segment changed, {TRIES} times: give it more points");
}

fn assert_only_the_victim_failed(place: &Place, ended: Ended, words: &[&str]) {
    let ended = ended.expect(code::JOB_FAILED).says(&[VICTIM]).says(words);
    let report = ended.json();
    for shard in report["shards"].as_array().expect("a list") {
        let is_victim = shard["shard"] == "org-mod-63";
        assert_eq!(shard["state"], if is_victim { "failed" } else { "done" }, "{shard:#}");
    }
    assert!(place.manifest_keys().iter().all(|key| !key.contains("org-mod-63")), "{:?}", place.manifest_keys());
    assert!(!place.dataset().join("scratch").exists());
    place.dataset_verb("verify", "--level rows").done();
}

#[test]
fn a_segment_that_vanishes_fails_its_shard_and_is_named() {
    for options in ["", "--read ranged"] {
        let (place, ended) = run_and_change(options, |path| fs::remove_file(path).expect("remove it"));
        assert_only_the_victim_failed(&place, ended, &["does not exist"]);
    }
}

#[test]
fn a_segment_that_is_cut_short_fails_its_shard_and_is_named() {
    for options in ["", "--read ranged"] {
        let cut = |path: &Path| File::options().write(true).open(path).expect("open it").set_len(100).expect("cut it");
        let (place, ended) = run_and_change(options, cut);
        assert_only_the_victim_failed(&place, ended, &["changed while it was read"]);
    }
}

#[test]
fn a_segment_that_grows_fails_its_shard_and_is_named() {
    for options in ["", "--read ranged"] {
        let grow = |path: &Path| {
            let mut bytes = fs::read(path).expect("read it");
            bytes.extend(SegmentBuilder::new().points((63, 3), &[(0, 1.0)]).build());
            fs::write(path, bytes).expect("write it");
        };
        let (place, ended) = run_and_change(options, grow);
        assert_only_the_victim_failed(&place, ended, &["changed while it was read"]);
    }
}

#[test]
fn a_segment_rewritten_at_the_same_size_fails_its_shard_and_is_named() {
    for options in ["", "--read ranged"] {
        let rewrite = |path: &Path| {
            let (older, size) = (path.with_extension("seg.new"), fs::metadata(path).expect("its size").len());
            let points: Vec<_> = (0..500).map(|at| (at, at as f64)).collect();
            let other = SegmentBuilder::new().points((63, 1), &points).points((63, 4), &points).build();
            assert_eq!(other.len() as u64, size, "the same size, another metric");
            fs::write(&older, other).expect("write another");
            fs::rename(&older, path).expect("put it in its place");
        };
        let (place, ended) = run_and_change(options, rewrite);
        assert_only_the_victim_failed(&place, ended, &["changed while", "another etag than planned"]);
    }
}

/// A mapped file that is cut short ends most programs, because reading on is a bus error.
#[test]
fn a_segment_that_is_cut_short_while_it_is_read_fails_its_shard_and_is_named() {
    let mut cut = 0;
    for try_number in 0..TRIES as u64 {
        let place = Place::generated("--points 2000000 --orgs 1 --partitions 1 --big-share 0 --kinds noisy");
        let small = SegmentBuilder::new().points((63, 1), &[(0, 1.0)]).build();
        place.put_segment(VICTIM, small);
        let segment = place.files("in").into_iter().find(|key| key.contains("org-mod-07")).expect("the large one");
        let mut running = place.job("run", "-o json --job race --workers 1 --memory 64MiB").spawn();
        running.wait_until(|| is_planned(&place));
        pause(Duration::from_millis(5 * try_number));
        let path = place.input().join(&segment);
        File::options().write(true).open(path).expect("open it").set_len(100_000).expect("cut it");
        let ended = running.wait().expect_one_of(&[code::JOB_FAILED, code::DONE]);
        if ended.code == Some(code::JOB_FAILED) {
            cut += 1;
            let ended = ended.says(&[&segment, "changed while"]);
            let shards = ended.json()["shards"].clone();
            assert_eq!((&shards[0]["state"], &shards[1]["state"]), (&"failed".into(), &"done".into()), "{shards:#}");
            assert!(place.manifest_keys().iter().all(|key| key.contains("org-mod-63")), "{:?}", place.manifest_keys());
            assert!(!place.dataset().join("scratch").exists(), "scratch is cleaned");
        }
    }
    assert!(cut > 3, "only {cut} of {TRIES} jobs were still at it when their segment was cut");
}
