//! A shard fails without harm to the others; a shard is run again.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::cluster::{Cluster, ClusterOptions};
use tests::tailor::code;

use super::DATA;

/// Returns a segment of some shard below `folder`.
fn a_segment(folder: &Path) -> PathBuf {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    let below = |path: &PathBuf| match path.is_dir() {
        true => Some(a_segment(path)),
        false => path.extension().is_some_and(|extension| extension == "seg").then(|| path.clone()),
    };
    entries.iter().find_map(below).expect("there is a segment")
}

/// Lists the states of the shards by name.
fn states(job: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shards = job["shards"].as_array().expect("shards");
    shards.iter().map(|shard| (text(&shard["shard"]), text(&shard["state"]))).collect()
}

#[test]
fn a_poisoned_shard_fails_alone_and_a_retry_after_repair_completes_only_it() {
    let cluster = Cluster::start(ClusterOptions::default());
    let job = cluster.job_in_folder(DATA);
    let segment = a_segment(Path::new(&job.input()));
    let good = std::fs::read(&segment).expect("read the segment");
    let mut poisoned = good.clone();
    // The bytes lie behind the length and the header of its first frame.
    poisoned[12..24].fill(0xff);
    std::fs::write(&segment, poisoned).expect("poison it");

    job.submit();
    let ended = job.wait().expect(code::PARTLY).json();
    let failed: Vec<_> = states(&ended).into_iter().filter(|(_, state)| state == "failed").collect();
    assert_eq!(failed.len(), 1, "{ended:#}");
    let shard = failed[0].0.clone();
    let is_failed = |entry: &&Value| entry["shard"] == shard.as_str();
    let entry = ended["shards"].as_array().into_iter().flatten().find(is_failed).expect("it is there");
    let cause = entry["cause"].as_str().expect("a cause");
    let key = segment.file_name().expect("a name").to_string_lossy();
    assert!(cause.contains(&*key), "the cause names the segment {key}: {cause}");
    assert_eq!(job.manifests().len(), states(&ended).len() - 1, "all other shards are committed");

    std::fs::write(&segment, good).expect("repair it");
    let retried = job.verb("retry", "--reason repaired").done().json();
    assert_eq!(retried["shards"], serde_json::json!([shard]), "only what failed");
    job.wait_done();
    job.assert_committed_once();
}

#[test]
fn a_replay_gives_a_second_version_with_the_same_content() {
    let cluster = Cluster::start(ClusterOptions::default());
    let job = cluster.job_in_folder(DATA);
    job.submit();
    let ended = job.wait_done();
    let (shard, _) = states(&ended).remove(0);
    let unconfirmed = job.tailor(&format!("shard replay {shard} --job j --reason proof")).run();
    assert_eq!(unconfirmed.code, Some(code::NEEDS_YES), "{}", unconfirmed.stderr);
    let replay = format!("shard replay {shard} --job j --reason proof --yes --wait -o json");
    let replayed = job.tailor(&replay).run().done().json();
    assert_eq!((&replayed["version"], &replayed["replaces"]), (&2.into(), &1.into()), "{replayed:#}");
    assert_eq!(replayed["same_content"], true, "{replayed:#}");
    let versions: Vec<_> = job.manifests().into_iter().filter(|listed| listed["manifest"]["shard"] == shard).collect();
    assert_eq!(versions.len(), 2, "the old version stays");
    assert_eq!(versions[0]["content_digest"], versions[1]["content_digest"]);
    job.verify("");
}

#[test]
fn a_job_that_is_submitted_again_under_its_name_changes_nothing() {
    let cluster = Cluster::start(ClusterOptions::default());
    let job = cluster.job_in_folder("--points 20000 --orgs 2 --partitions 2");
    let submitted = |again: bool| {
        let told = job.submit_with("-o json").done().json();
        assert_eq!(told["existed"], again, "{told:#}");
    };
    submitted(false);
    submitted(true);
    job.wait_done();
    submitted(true);
    job.assert_committed_once();
    let other = job.submit_with("--rollup 1h");
    assert_ne!(other.code, Some(code::DONE), "another spec under the same name: {}", other.stdout);
}
