//! Versions that others commit meanwhile, or that were committed before the cluster's state was lost, are never lost
//! by accident.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tests::SegmentBuilder;
use tests::cluster::job::total;
use tests::cluster::{Cluster, ClusterOptions, OwnEtcd};
use tests::tailor::code;

use super::{DATA, slow_s3};

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
fn a_job_that_was_overtaken_by_another_cluster_loses_none_of_its_input_and_a_retry_has_all() {
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

/// Digest of the content of each object that a dataset's manifests name, by key.
fn objects(manifests: &[Value]) -> BTreeMap<String, (u64, String)> {
    let mut found = BTreeMap::new();
    let entries = manifests.iter().flat_map(|listed| listed["manifest"]["partitions"].as_array().into_iter().flatten());
    for entry in entries {
        let raw = Some(&entry["raw"]).filter(|raw| !raw.is_null());
        let rollups = entry["rollups"].as_array().into_iter().flatten().map(|rollup| &rollup["object"]);
        for object in raw.into_iter().chain(rollups) {
            let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
            let known = found.insert(text("key"), (object["size"].as_u64().expect("a size"), text("digest")));
            assert!(known.is_none(), "two versions name {}", text("key"));
        }
    }
    found
}

#[test]
fn after_etcd_is_lost_the_same_job_is_submitted_again_and_overwrites_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut etcd = OwnEtcd::start(folder.path(), &[]);
    let slow = slow_s3();
    let options =
        ClusterOptions { etcd: Some(etcd.endpoint()), worker_s3: Some(slow.endpoint()), ..ClusterOptions::default() };
    let mut cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until("a shard is committed, and others are not", |job| total(job, "partitions_done") > 2);
    job.wait_until("a shard is committed", |job| {
        job["shards"].as_array().into_iter().flatten().any(|shard| shard["state"] == "done")
    });
    cluster.workers.iter_mut().chain(&mut cluster.coordinators).for_each(|server| server.kill());
    let before = job.manifests();
    etcd.lose();
    slow.set_delay(Duration::ZERO);
    cluster.coordinators.iter_mut().chain(&mut cluster.workers).for_each(|server| server.restart());
    cluster.operator.wait_workers(2);

    // The job and so all of its objects have the same names, and etcd's revisions begin anew.
    job.submit();
    job.wait_done();
    let after = job.manifests();
    assert!(!before.is_empty() && after.len() > before.len(), "{} versions, then {}", before.len(), after.len());
    let (before, after) = (objects(&before), objects(&after));
    assert!(before.iter().all(|(key, object)| after.get(key) == Some(object)), "what was committed stays");
    let tokens = after.keys().filter_map(|key| key.rsplit_once(".part").map(|(name, _)| name.to_owned()));
    for name in tokens {
        let token = name.split(".rollup").next().and_then(|name| name.rsplit('-').next()).expect("a token");
        assert!(u64::from_str_radix(token, 16).is_ok_and(|token| token >> 63 == 1), "a term is in {name}");
    }
}
