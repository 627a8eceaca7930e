//! The store, or the connection to the leader, is slow, away, or silent.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::cluster::job::{task_count, total};
use tests::cluster::{Cluster, ClusterJob, ClusterOptions, shared};
use tests::proxy::{Fault, HttpProxy, Network, TcpProxy};
use tests::tailor::pause;

use super::{DATA, assert_within, slow_s3};

/// Starts a cluster whose servers all use this store.
fn cluster_on(store: &HttpProxy) -> Cluster {
    let store = Some(store.endpoint());
    Cluster::start(ClusterOptions { coordinator_s3: store.clone(), worker_s3: store, ..ClusterOptions::default() })
}

/// Asserts that a job was only delayed: no failure, no second attempt.
fn assert_nothing_again(job: &ClusterJob) {
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "no attempt is charged: {ended:#}");
    assert_eq!(total(&ended, "attempts"), task_count(&ended), "no task had a second attempt: {ended:#}");
    job.assert_committed_once();
}

/// True if some tasks are done, but not all.
fn is_under_way(job: &Value) -> bool {
    total(job, "map_tasks_done") > 2
}

#[test]
fn a_store_that_answers_503_to_three_of_ten_requests_slows_the_job_down_and_charges_no_attempt() {
    let store = slow_s3();
    let cluster = cluster_on(&store);
    let job = cluster.job_in_bucket(DATA);
    store.set_slow_down(30);
    job.submit();
    pause(Duration::from_secs(30));
    store.set_slow_down(0);
    store.set_delay(Duration::ZERO);
    job.wait_uncharged();
    job.wait_done();
    assert!(store.count(Fault::SlowDown) > 20, "only {} answers were 503", store.count(Fault::SlowDown));
    job.assert_committed_once();
}

#[test]
fn a_store_that_is_away_for_twenty_seconds_holds_the_job_up_and_charges_no_attempt() {
    let store = slow_s3();
    let cluster = cluster_on(&store);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until("some tasks are done", is_under_way);
    store.set_down(true);
    pause(Duration::from_secs(20));
    assert!(store.count(Fault::Refuse) > 0);
    store.set_down(false);
    store.set_delay(Duration::ZERO);
    job.wait_uncharged();
    job.wait_done();
    job.assert_committed_once();
}

#[test]
fn a_manifest_whose_answer_is_lost_is_recognised_and_no_version_is_skipped() {
    let store = HttpProxy::before(shared::s3(), 1);
    let cluster = cluster_on(&store);
    store.inject("PUT", "/manifests/", 3, Fault::LoseAnswer);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    assert_nothing_again(&job);
    assert_eq!(store.count(Fault::LoseAnswer), 3);
}

#[test]
fn completions_whose_transactions_lose_their_answers_are_recognised() {
    let etcd = TcpProxy::before(shared::etcd());
    let store = slow_s3();
    store.set_delay(Duration::from_millis(20));
    let options =
        ClusterOptions { etcd: Some(etcd.endpoint()), worker_s3: Some(store.endpoint()), ..ClusterOptions::default() };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    lose_answers(&job, &[&etcd]);
    assert_nothing_again(&job);
}

#[test]
fn completions_whose_answers_are_lost_on_the_way_to_the_worker_are_recognised() {
    let store = slow_s3();
    store.set_delay(Duration::from_millis(20));
    let options = ClusterOptions { is_proxied: true, worker_s3: Some(store.endpoint()), ..ClusterOptions::default() };
    let cluster = Cluster::start(options);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    lose_answers(&job, &cluster.proxies.iter().collect::<Vec<_>>());
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "no attempt is charged: {ended:#}");
    job.assert_committed_once();
}

/// Loses answers for a moment, several times while the job runs.
fn lose_answers(job: &ClusterJob, networks: &[&TcpProxy]) {
    job.wait_until("some tasks are done", is_under_way);
    let set = |network| networks.iter().for_each(|proxy| proxy.set(network));
    for _ in 0..4 {
        set(Network::LosesAnswers);
        pause(Duration::from_millis(200));
        set(Network::Fine);
        pause(Duration::from_millis(800));
    }
    assert!(networks.iter().any(|proxy| proxy.lost() > 0), "no answer was lost");
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
        let told = cluster.operator.tailor(line).run().expect(tests::tailor::code::TIMED_OUT);
        assert_within(Duration::from_secs(20), asked, "to say which store is away");
        told.says(&["s3://lake/dataset", "bucket lake of the S3 server at", gone]);
    }
    let listed = cluster.operator.tailor("job list --dataset s3://lake/dataset").run().done();
    listed.says(&["s3://lake/dataset", gone]);
}
