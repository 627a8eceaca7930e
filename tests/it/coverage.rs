//! Coverage of a dataset without a cluster: a job that runs, is killed, leaves holes, or is repaired.

use std::fs;

use serde_json::Value;
use tests::tailor::code;
use tests::{Ended, Place, SegmentBuilder};

fn coverage(place: &Place, options: &str) -> Ended {
    place.dataset_verb("coverage", &format!("--offline {options}"))
}

/// Returns the states of the shards of the only window, each once.
fn states(coverage: &Value) -> Vec<String> {
    let shards = coverage["windows"][0]["shards"].as_array().expect("shards");
    let mut states: Vec<_> = shards.iter().filter_map(|shard| shard["state"].as_str().map(str::to_owned)).collect();
    states.sort();
    states.dedup();
    states
}

#[test]
fn a_job_that_is_killed_leaves_its_window_missing_and_another_one_completes_it() {
    let place = Place::generated("--points 1500000 --orgs 1 --partitions 2 --big-share 0.5");
    let map = format!("--shard-config {}", place.input().join("shards.toml").display());
    let mut job = place.job("run", &format!("-o json --job first --workers 1 {map}")).spawn();
    let plans = place.dataset().join("jobs/first/plans");
    let planned = || fs::read_dir(&plans).into_iter().flatten().count();
    assert!(job.wait_until(|| planned() > 0), "it is planned");
    job.signal("STOP");
    assert!(place.manifest_keys().is_empty(), "the job was done before it was stopped: give it more points");
    let running = coverage(&place, "-o json").expect(code::PARTLY).json();
    assert_eq!(states(&running), ["running"], "{running:#}");
    job.signal("KILL");
    drop(job.wait());
    let lost = coverage(&place, "-o json").expect(code::PARTLY).json();
    assert_eq!(states(&lost), ["missing"], "{lost:#}");
    place.run(&format!("--job second {map}")).done();
    let told = coverage(&place, "-o json").done().json();
    assert_eq!(told["windows"][0]["plan"]["job"], "second", "{told:#}");
    let table = coverage(&place, "").done().stdout;
    assert!(table.starts_with("window all is complete: ") && table.contains("`tailor plan`"), "{table}");
}

#[test]
fn a_window_is_known_only_once_its_whole_input_was_listed() {
    let place = Place::new();
    for org in [1, 2] {
        let points: Vec<_> = (0..500).map(|at| (at, at as f64)).collect();
        let segment = SegmentBuilder::new().points((org, 1), &points).build();
        place.put_segment(&format!("shard=org-mod-0{org}/a.seg"), segment);
    }
    let window = "--window 0-3600000";
    assert_eq!(coverage(&place, window).code, Some(code::NOT_FOUND), "there is no dataset");
    place.run(&format!("--job one {window} --shard org-mod-01")).done();
    let told = coverage(&place, &format!("{window} -o json")).expect(code::NOT_FOUND).json();
    assert_eq!(told["state"], "unknown", "{told:#}");
    coverage(&place, &format!("{window} --org 1")).done();
    assert_eq!(coverage(&place, &format!("{window} --org 2")).code, Some(code::NOT_FOUND));
    place.run(&format!("--job all {window}")).done();
    coverage(&place, window).done();
    coverage(&place, &format!("{window} --org 2")).done();
    assert_eq!(coverage(&place, "--window 3600000-7200000").code, Some(code::NOT_FOUND), "nobody has run it");
    let both = coverage(&place, &format!("{window} --org 1 --shard org-mod-01"));
    assert_eq!(both.code, Some(code::USAGE), "an organisation or a shard");
}
