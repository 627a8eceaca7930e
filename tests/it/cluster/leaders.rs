//! The leader is killed in each step, or hangs and comes back: the standby takes over in under ten seconds, and
//! nothing is planned, done or committed twice.

use std::time::{Duration, Instant};

use serde_json::Value;
use tests::cluster::job::{STATE_LIMIT, task_count, total};
use tests::cluster::{Cluster, ClusterJob, ClusterOptions, until};
use tests::proxy::{Fault, HttpProxy};

use super::{DATA, assert_within, slow_s3};

/// Longest time without a leader.
const TAKEOVER_LIMIT: Duration = Duration::from_secs(10);

/// Starts two coordinators and two workers, all with this store.
fn two_coordinators(store: &HttpProxy) -> Cluster {
    let store = Some(store.endpoint());
    let options =
        ClusterOptions { coordinators: 2, coordinator_s3: store.clone(), worker_s3: store, ..Default::default() };
    Cluster::start(options)
}

/// Kills the leader; the other coordinator must answer for the job in time. The killed one stays away.
fn kill_leader(cluster: &mut Cluster, job: &ClusterJob) {
    let leader = cluster.operator.wait_leader();
    cluster.coordinators[leader].kill();
    let killed = Instant::now();
    until("the standby answers", STATE_LIMIT, || job.get());
    assert_within(TAKEOVER_LIMIT, killed, "to take over");
}

/// Asserts the properties that hold after every loss of a leader.
fn assert_nothing_twice(store: &HttpProxy, job: &ClusterJob) {
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "{ended:#}");
    let again = total(&ended, "attempts").saturating_sub(task_count(&ended));
    assert!(again <= 4, "{again} attempts more than tasks; two workers ran when the leader was lost: {ended:#}");
    job.assert_committed_once();
    let plans = store.requests("PUT", "/plans/");
    assert_eq!(plans.len(), job.manifests().len(), "one plan a shard: {plans:#?}");
}

/// Submits a job, and kills the leader as soon as `is_so`.
fn kill_leader_when(what: &str, is_so: impl Fn(&Value) -> bool) {
    let store = slow_s3();
    let mut cluster = two_coordinators(&store);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until(what, is_so);
    kill_leader(&mut cluster, &job);
    store.set_delay(Duration::ZERO);
    assert_nothing_twice(&store, &job);
}

/// Kills the leader while it waits for the answer to the put of a manifest.
fn kill_leader_in_commit(fault: Fault) {
    let store = slow_s3();
    let mut cluster = two_coordinators(&store);
    store.inject("PUT", "/manifests/", 1, fault);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    store.set_delay(Duration::ZERO);
    until("a manifest is being put", STATE_LIMIT, || (store.count(fault) > 0).then_some(()));
    kill_leader(&mut cluster, &job);
    assert_nothing_twice(&store, &job);
}

#[test]
fn a_leader_killed_while_it_plans_is_replaced_and_each_shard_has_one_plan() {
    kill_leader_when("the job is being planned", |job| job["state"] == "planning");
}

#[test]
fn a_leader_killed_while_tasks_are_claimed_is_replaced_and_attempts_go_on() {
    kill_leader_when("tasks run", |job| total(job, "running") > 0);
}

#[test]
fn a_leader_killed_between_completions_is_replaced_and_none_is_lost() {
    kill_leader_when("some tasks are done", |job| total(job, "map_tasks_done") > 2);
}

#[test]
fn a_leader_killed_before_its_manifest_was_put_is_replaced_and_the_shard_is_committed_once() {
    kill_leader_in_commit(Fault::Hold);
}

#[test]
fn a_leader_killed_after_its_manifest_was_put_is_replaced_and_the_shard_is_committed_once() {
    kill_leader_in_commit(Fault::HoldAnswer);
}

#[test]
fn a_leader_that_hangs_and_comes_back_changes_nothing_any_more() {
    let store = slow_s3();
    let cluster = two_coordinators(&store);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_until("some tasks are done", |job| total(job, "map_tasks_done") > 2);
    let old = cluster.operator.wait_leader();
    cluster.coordinators[old].signal("STOP");
    let stopped = Instant::now();
    let new = until("the standby leads", STATE_LIMIT, || cluster.operator.leader().filter(|leader| *leader != old));
    assert_within(TAKEOVER_LIMIT, stopped, "to take over");
    cluster.coordinators[old].signal("CONT");
    store.set_delay(Duration::ZERO);
    assert_nothing_twice(&store, &job);
    assert_eq!(cluster.operator.wait_leader(), new, "the old leader stands by");
}
