//! A shuffle of a thousand runs and 256 partitions, request by request.

use fault_proxy::FaultProxy;
use serde_json::Value;
use tests::cluster::job::total;
use tests::cluster::{Cluster, ClusterOptions, shared};
use tests::tailor::code;

/// Segments, each of which is a map task of its own.
const SEGMENTS: u64 = 1000;

/// Sums the requests of some kinds that a worker counted.
fn counted(metrics: &str, kinds: &[&str]) -> u64 {
    let is_of = |line: &&str| kinds.iter().any(|kind| line.contains(&format!("op=\"{kind}\"")));
    let lines = metrics.lines().filter(|line| line.starts_with("tailor_store_requests_total{"));
    let values = lines.filter(is_of).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum::<f64>() as u64
}

#[test]
fn a_thousand_runs_are_gathered_by_slice_and_metrics_count_each_request() {
    let store = FaultProxy::before(shared::s3());
    let options = ClusterOptions { workers: 2, worker_s3: Some(store.endpoint()), ..ClusterOptions::default() };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(&format!("--points 250000 --orgs 1 --partitions {SEGMENTS}"));
    let (input, dataset) = (job.input(), job.dataset());
    let sizes = "--split-size 3KiB --partition-size 7KiB";
    job.tailor(&format!("job submit --job j --input {input} --dataset {dataset} {sizes}")).run().done();
    // The content is that of other sizes: an undisturbed run of the defaults would have one partition.
    let ended = job.wait().expect(code::DONE).json();
    job.verify("");
    let (maps, partitions) = (total(&ended, "map_tasks"), total(&ended, "partitions"));
    assert!(maps >= SEGMENTS && partitions >= 256, "{maps} map tasks, {partitions} partitions");
    assert_eq!(total(&ended, "attempts"), maps + partitions, "{ended:#}");

    let asked = |method, part| store.count(method, part) as u64;
    let (segments, slices, tables) = (asked("GET", ".seg"), asked("GET", ".run"), asked("GET", ".table"));
    let frames_read = |manifest: &Value| manifest.pointer("/manifest/books/map/frames_read")?.as_u64();
    let frames: u64 = job.manifests().iter().filter_map(frames_read).sum();
    assert!(segments >= maps, "{segments} reads of {maps} splits");
    assert!(
        slices >= maps && slices <= frames,
        "{slices} reads of slices, of which a frame makes one at the most: {frames}"
    );
    assert!(tables <= 2 * partitions, "{tables} reads of the table for {partitions} partitions");
    let pages: Vec<_> = (0..2).map(|worker| cluster.scrape_worker(worker)).collect();
    let of = |kinds: &[&str]| pages.iter().map(|page| counted(page, kinds)).sum::<u64>();
    for (method, kinds) in
        [("GET", &["get", "list"][..]), ("PUT", &["put"]), ("HEAD", &["head"]), ("DELETE", &["delete"])]
    {
        assert_eq!(of(kinds), asked(method, ""), "{method}");
    }
    job.assert_committed_once();
}
