//! Places that a cluster refuses because they are another cluster's, and stores that cannot be used, for which it
//! waits and says so.

use std::time::Duration;

use serde_json::Value;
use tests::cluster::job::{STATE_LIMIT, total};
use tests::cluster::{Cluster, ClusterOptions, shared, until};
use tests::proxy::Fault;
use tests::tailor::{code, tailor};

use super::{DATA, slow_s3};

#[test]
fn a_namespace_inside_another_clusters_or_around_one_is_refused_when_a_coordinator_starts() {
    let cluster = Cluster::start(ClusterOptions { workers: 0, ..ClusterOptions::default() });
    cluster.operator.wait_leader();
    let ours = cluster.namespace();
    for namespace in [format!("{ours}eu/"), "/".to_owned()] {
        let line = format!(
            "coordinator --name other --grpc-listen 127.0.0.1:0 --http-listen 127.0.0.1:0 --etcd-endpoints {} --etcd-namespace \
             {namespace}",
            cluster.etcd()
        );
        let refused = tailor(&line).run().expect_one_of(&[code::FAILED, code::USAGE]);
        let _refused = refused.says(&["lies inside", "a namespace of its own"]);
    }
    assert_eq!(cluster.operator.leader(), Some(0), "the first goes on");
}

#[test]
fn credentials_that_expire_in_the_middle_are_told_and_charge_no_attempt() {
    let store = slow_s3();
    let endpoint = Some(store.endpoint());
    let options = ClusterOptions { coordinator_s3: endpoint.clone(), worker_s3: endpoint, ..ClusterOptions::default() };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until("some tasks are done", |job| total(job, "map_tasks_done") > 2);
    store.set_expired(true);
    let is_told = |job: &Value| job["waiting_for"].as_str().is_some_and(|why| why.contains("ExpiredToken"));
    job.wait_until("job get says what is wrong", is_told);
    // The pause is longer than those of four attempts, which would end a shard.
    tests::tailor::pause(Duration::from_secs(10));
    assert!(store.count(Fault::Expired) > 4);
    store.set_expired(false);
    store.set_delay(Duration::ZERO);
    job.wait_uncharged();
    job.wait_done();
    job.assert_committed_once();
}

#[test]
fn a_store_that_ignores_conditional_puts_is_refused_before_anything_is_committed() {
    let store = Some(shared::s3rver().to_owned());
    let options = ClusterOptions { coordinator_s3: store.clone(), worker_s3: store, ..ClusterOptions::default() };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_folder(DATA);
    let dataset = format!("s3://{}{}dataset", shared::bucket(), cluster.namespace());
    let submit = format!("job submit --job j --input {} --dataset {dataset}", job.input());
    job.tailor(&submit).run().done();
    let ended = until("it ends", STATE_LIMIT, || job.get().filter(|job| job["ended_at_ms"].is_i64()));
    assert_eq!(ended["state"], "failed", "{ended:#}");
    let cause = ended["cause"].as_str().expect("a cause");
    assert!(cause.contains("If-None-Match") && cause.contains(&dataset), "{cause}");
    assert_eq!(total(&ended, "attempts"), 0, "no work for nothing: {ended:#}");
}
