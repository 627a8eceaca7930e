//! A shard is run again, and a job is submitted again.

use serde_json::Value;
use tests::cluster::{Cluster, ClusterOptions};
use tests::tailor::code;

use super::DATA;

/// Lists the states of the shards by name.
fn states(job: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shards = job["shards"].as_array().expect("shards");
    shards.iter().map(|shard| (text(&shard["shard"]), text(&shard["state"]))).collect()
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
