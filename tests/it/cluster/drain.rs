//! Drain of a worker: it leaves in seconds, and its tasks go on elsewhere, uncharged.

use std::time::{Duration, Instant};

use fault_proxy::FaultProxy;
use tests::cluster::job::{STATE_LIMIT, total};
use tests::cluster::{Cluster, ClusterOptions, until};

use super::{DATA, assert_within, slow_s3};

/// Longest drain; a spot notice gives two minutes.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

fn three_workers(store: &FaultProxy) -> Cluster {
    Cluster::start(ClusterOptions { workers: 3, worker_s3: Some(store.endpoint()), ..ClusterOptions::default() })
}

/// Drains the first of three workers in the middle of a task, as `ask` requests it.
fn drain_one(ask: impl FnOnce(&Cluster)) {
    let store = slow_s3();
    let mut cluster = three_workers(&store);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_running("m", "w0");
    ask(&cluster);
    let asked = Instant::now();
    assert_eq!(cluster.workers[0].wait(DRAIN_LIMIT), 0, "it leaves with exit 0:\n{}", cluster.workers[0].tail());
    assert_within(DRAIN_LIMIT, asked, "to leave");
    until("it is no longer listed", STATE_LIMIT, || (cluster.operator.active_workers() == ["w1", "w2"]).then_some(()));
    store.set_delay(Duration::ZERO);
    let ended = job.wait_done();
    assert_eq!(total(&ended, "attempts_failed"), 0, "no attempt is charged: {ended:#}");
    let left = std::fs::read_dir(cluster.path().join("w0-scratch")).expect("its scratch").count();
    assert_eq!(left, 0, "it leaves no scratch");
    job.assert_committed_once();
}

#[test]
fn a_worker_that_gets_sigterm_in_the_middle_of_a_task_leaves_in_seconds() {
    drain_one(|cluster| cluster.workers[0].signal("TERM"));
}

#[test]
fn a_worker_that_an_operator_drains_leaves_in_seconds() {
    drain_one(|cluster| {
        cluster.operator.tailor("worker drain w0 --reason maintenance --yes").run().done();
    });
}

#[test]
fn an_order_to_leave_outlives_its_leader_and_reaches_a_worker_that_was_lost() {
    let mut cluster = Cluster::start(ClusterOptions { coordinators: 2, workers: 1, ..ClusterOptions::default() });
    let leader = cluster.operator.wait_leader();
    cluster.workers[0].signal("STOP");
    cluster.operator.tailor("worker drain w0 --reason image --yes").run().done();
    cluster.coordinators[leader].kill();
    let next = until("the standby leads", STATE_LIMIT, || cluster.operator.leader().filter(|next| *next != leader));
    let order = until("the order is there", STATE_LIMIT, || {
        let listed = cluster.operator.tailor("worker list -o json").run().done().json();
        // Its lease ends meanwhile.
        Some(listed["drains"][0].clone()).filter(|order| order["is_lost"] == true)
    });
    assert_eq!((&order["name"], &order["reason"]), (&"w0".into(), &"image".into()), "{order:#}");
    cluster.workers[0].signal("CONT");
    assert_eq!(
        cluster.workers[0].wait(DRAIN_LIMIT),
        0,
        "it comes back, is told, and leaves:\n{}",
        cluster.workers[0].tail()
    );
    until("the order is carried out", STATE_LIMIT, || {
        let listed = cluster.operator.tailor("worker list -o json").run().done().json();
        listed["drains"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
    // A leader after it has none either.
    cluster.coordinators[leader].restart();
    cluster.coordinators[next].kill();
    until("the first leads again", STATE_LIMIT, || cluster.operator.leader().filter(|again| *again == leader));
    let listed = cluster.operator.tailor("worker list -o json").run().done().json();
    assert_eq!(listed["drains"], serde_json::json!([]), "{listed:#}");
}

#[test]
fn a_worker_that_gets_sigterm_twice_leaves_at_once() {
    let store = slow_s3();
    let mut cluster = three_workers(&store);
    let job = cluster.job_in_bucket(DATA);
    job.submit();
    job.wait_running("m", "w0");
    store.set_delay(Duration::from_secs(3));
    cluster.workers[0].signal("TERM");
    tests::tailor::pause(Duration::from_millis(500));
    cluster.workers[0].signal("TERM");
    cluster.workers[0].wait(Duration::from_secs(2));
    store.set_delay(Duration::ZERO);
    job.wait_done();
    job.assert_committed_once();
}
