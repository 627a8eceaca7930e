//! Versions that others commit meanwhile are never lost by accident.

use std::path::Path;

use serde_json::Value;
use tests::SegmentBuilder;
use tests::cluster::{Cluster, ClusterOptions};
use tests::tailor::code;

/// Writes one more segment, in a shard of its own.
fn put_segment(input: &str, name: &str, metric: u64) {
    let points: Vec<_> = (0..500).map(|at| (at, at as f64)).collect();
    let folder = Path::new(input).join("shard=org-mod-63");
    std::fs::create_dir_all(&folder).expect("a folder");
    let segment = SegmentBuilder::new().points((63, metric), &points).build();
    std::fs::write(folder.join(name), segment).expect("a segment");
}

/// Returns the entry of a job's shard.
fn shard<'a>(job: &'a Value, name: &str) -> &'a Value {
    let shards = job["shards"].as_array().into_iter().flatten();
    shards.into_iter().find(|shard| shard["shard"] == name).expect("it has that shard")
}

#[test]
fn a_job_overtaken_by_another_cluster_loses_no_input_and_a_retry_has_all() {
    let mut cluster = Cluster::start(ClusterOptions { workers: 0, ..ClusterOptions::default() });
    let job = cluster.job_in_folder("--points 20000 --orgs 2 --partitions 2");
    put_segment(&job.input(), "a.seg", 1);
    job.submit();
    job.wait_until("it is planned", |job| job["state"] == "running");
    // No worker runs yet. Another segment arrives, and others read and commit it.
    put_segment(&job.input(), "b.seg", 2);
    let other = format!("run --job other --input {} --dataset {} --shard org-mod-63", job.input(), job.dataset());
    job.tailor(&other).run().done();
    cluster.add_worker();
    let ended = job.wait().expect(code::PARTLY).json();
    let refused = shard(&ended, "org-mod-63");
    let cause = refused["cause"].as_str().expect("a cause");
    for words in ["v1", "job other", "shard=org-mod-63/b.seg", "tailor job retry j", "--force-replace"] {
        assert!(cause.contains(words), "{words}: {cause}");
    }
    let series = || job.tailor(&format!("dataset cat {} --org 63 --metric 2", job.dataset())).run();
    series().done();
    job.verb("retry", "--reason again").done();
    job.wait().done();
    series().done();
    job.verify("");
}
