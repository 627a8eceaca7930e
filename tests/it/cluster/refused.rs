//! Places that a cluster refuses because they are another cluster's, and stores that cannot be used.

use std::time::{Duration, Instant};

use tests::cluster::job::{STATE_LIMIT, total};
use tests::cluster::{Cluster, ClusterOptions, shared, until};
use tests::tailor::{code, tailor};

use super::{DATA, assert_within};

#[test]
fn a_namespace_inside_or_around_that_of_another_cluster_is_refused() {
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

#[test]
fn a_store_that_is_away_is_named_while_whoever_asked_still_listens() {
    // Nobody listens at this address: each request is refused, and tried again for most of a minute.
    let gone = "http://127.0.0.1:9";
    let cluster = Cluster::start(ClusterOptions {
        workers: 0,
        coordinator_s3: Some(gone.to_owned()),
        ..ClusterOptions::default()
    });
    let submit = "job submit --job j --input s3://lake/in --dataset s3://lake/dataset";
    for line in [submit, "job get j --dataset s3://lake/dataset"] {
        let asked = Instant::now();
        let told = cluster.operator.tailor(line).run().expect(code::TIMED_OUT);
        assert_within(Duration::from_secs(20), asked, "to say which store is away");
        told.says(&["s3://lake/dataset", "bucket lake of the S3 server at", gone]);
    }
    let listed = cluster.operator.tailor("job list --dataset s3://lake/dataset").run().done();
    listed.says(&["s3://lake/dataset", gone]);
}
