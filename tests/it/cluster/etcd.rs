//! etcd is away, or full: the cluster waits and says why, loses nothing, and goes on by itself.

use std::time::Duration;

use serde_json::Value;
use tests::cluster::job::{STATE_LIMIT, total};
use tests::cluster::{Cluster, ClusterOptions, OwnEtcd, until};
use tests::tailor::pause;

use super::{DATA, slow_s3};

/// Duration of the outage: several leases.
const OUTAGE: Duration = Duration::from_secs(30);

fn cluster_on(etcd: &OwnEtcd, s3: String) -> Cluster {
    Cluster::start(ClusterOptions { etcd: Some(etcd.endpoint()), worker_s3: Some(s3), ..ClusterOptions::default() })
}

#[test]
fn an_etcd_that_is_away_for_half_a_minute_holds_the_job_up_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut etcd = OwnEtcd::start(folder.path(), &[]);
    let slow = slow_s3();
    let cluster = cluster_on(&etcd, slow.endpoint());
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until("some tasks are done", |job| total(job, "map_tasks_done") > 2);
    etcd.server.kill();
    until("what holds it up is told", OUTAGE, || {
        let told = job.verb("get", "--request-timeout 2s");
        format!("{}{}", told.stdout, told.stderr).contains("etcd").then_some(())
    });
    pause(OUTAGE);
    etcd.restart();
    slow.set_delay(Duration::ZERO);
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "no attempt is charged: {ended:#}");
    job.assert_committed_once();
}

#[test]
fn an_etcd_without_space_holds_the_job_up_until_it_is_mended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let etcd = OwnEtcd::start(folder.path(), &["--quota-backend-bytes=16777216"]);
    let slow = slow_s3();
    let cluster = cluster_on(&etcd, slow.endpoint());
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until("some tasks are done", |job| total(job, "map_tasks_done") > 2);
    etcd.fill();
    let says_so = |job: &Value| job["waiting_for"].as_str().is_some_and(|text| text.contains("space"));
    let held_up = job.wait_until("the job says that etcd is out of space", says_so);
    let done = |job: &Value| total(job, "map_tasks_done") + total(job, "partitions_done");
    until("every worker holds a completion or waits", STATE_LIMIT, || {
        let before = job.get()?;
        pause(Duration::from_secs(2));
        (done(&job.get()?) == done(&before)).then_some(())
    });
    assert_eq!(held_up["state"], "running");
    etcd.mend_space();
    slow.set_delay(Duration::ZERO);
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "no attempt is charged: {ended:#}");
    job.assert_committed_once();
}
