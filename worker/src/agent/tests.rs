//! An agent under failures, observed by the calls that its leader gets.

mod real;
mod support;

use format::state_records::WorkerRecord;
use storage::meta::MetaStore as _;
use tokio::time::Instant;

use proto::dispatch::{DispatchError, Orders};
use support::*;

use super::*;

fn away(_: model::LeaseId) -> DispatchError {
    DispatchError::Away { reason: "the test says so".to_owned() }
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_stops_every_attempt_and_the_worker_comes_back_as_another() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), 0);
    cluster.leader.grant(HOUR);
    cluster.runs(&[HOUR]).await;
    let first = cluster.leader.state().workers[0];

    cluster.meta.revoke(first).await.expect("memory");
    cluster.until("a second hello", |state| state.workers.len() == 2).await;
    cluster.leader.grant(7);
    cluster.leader.grant(8);
    cluster.hears("complete m-00007").await;
    cluster.hears("complete m-00008").await;
    let state = cluster.leader.state();
    assert_ne!(state.workers[1], first);
    assert_eq!(state.heard.len(), 2, "nothing is told of the lost attempt: {:?}", state.heard);
}

#[tokio::test(start_paused = true)]
async fn a_worker_tells_that_it_has_no_lease_until_it_has_another() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut cluster = Cluster::start(scratch.path(), 0);
    assert!(cluster.lease.borrow_and_update().is_err(), "it has none before it has one");
    cluster.lease.wait_for(Result::is_ok).await.expect("it runs");
    cluster.until("a hello", |state| state.workers.len() == 1).await;

    let first = cluster.leader.state().workers[0];
    cluster.meta.revoke(first).await.expect("memory");
    let lost = cluster.lease.wait_for(Result::is_err).await.expect("it runs").clone();
    assert_eq!(lost, Err("the lease was lost; asking for another".to_owned()));
    cluster.lease.wait_for(Result::is_ok).await.expect("it runs");
}

#[tokio::test(start_paused = true)]
async fn a_completion_is_held_while_the_leader_is_away_and_told_once_it_is_back() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), 0);
    cluster.leader.grant(NEARLY_DONE);
    cluster.runs(&[NEARLY_DONE]).await;
    cluster.leader.state().failure = Some(away);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(cluster.leader.state().heard.is_empty());

    cluster.leader.state().failure = None;
    cluster.hears("complete m-00001").await;
    cluster.leader.grant(9);
    cluster.hears("complete m-00009").await;
    assert_eq!(cluster.leader.state().workers.len(), 1, "it is the same worker");
}

#[tokio::test(start_paused = true)]
async fn a_refused_completion_removes_its_run_and_the_worker_goes_on() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), 0);
    cluster.root.create_object(&run_key(5), "a run").await.expect("memory");
    cluster.leader.state().refusal = Some("another attempt was first".to_owned());
    cluster.leader.grant(5);
    cluster.hears("complete m-00005").await;
    cluster.leader.state().refusal = None;
    cluster.leader.grant(6);
    cluster.hears("complete m-00006").await;
    let run = cluster.root.read(&run_key(5)).await;
    assert!(matches!(run, Err(storage::StorageError::NotFound { .. })), "{run:?}");
}

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_what_is_nearly_done_hands_the_rest_back_and_ends_the_lease() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut cluster = Cluster::start(scratch.path(), 0);
    cluster.leader.grant(HOUR);
    cluster.leader.grant(NEARLY_DONE);
    cluster.runs(&[HOUR, NEARLY_DONE]).await;
    let asked_at = Instant::now();

    cluster.drain("SIGTERM");
    cluster.hears("hand back m-00000: SIGTERM").await;
    cluster.until("a beat that says so", |state| state.beat.draining.as_deref() == Some("SIGTERM")).await;
    let workers = cluster.meta.list("workers/").await.expect("memory").entries;
    let record: WorkerRecord = workers[0].record().expect("a worker's record");
    assert_eq!(record.draining.map(|reason| reason.to_string()).as_deref(), Some("SIGTERM"));
    cluster.leader.grant(9);

    let left = cluster.agent.await.expect("no panic").expect("no error");
    assert_eq!(left, Left::Drained);
    assert!(asked_at.elapsed() < Duration::from_secs(30), "{:?}", asked_at.elapsed());
    let heard = cluster.leader.state().heard.clone();
    assert!(heard.contains(&"complete m-00001".to_owned()) && !heard.contains(&"complete m-00009".to_owned()));
    assert!(cluster.meta.list("workers/").await.expect("memory").entries.is_empty(), "the lease is revoked");
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_a_drain_at_once() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut cluster = Cluster::start(scratch.path(), 0);
    cluster.leader.grant(NEARLY_DONE);
    cluster.runs(&[NEARLY_DONE]).await;
    cluster.drain("SIGTERM");
    cluster.until("a beat that says so", |state| state.beat.draining.is_some()).await;
    cluster.at_once.notify_one();
    assert_eq!(cluster.agent.await.expect("no panic").expect("no error"), Left::AtOnce);
}

#[tokio::test(start_paused = true)]
async fn the_leaders_orders_stop_an_attempt_and_drain_the_worker() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), 0);
    cluster.leader.grant(HOUR);
    cluster.runs(&[HOUR]).await;
    cluster.leader.state().orders = Orders { stop: vec![held(HOUR)], drain: None };
    cluster.hears("fail m-00000 Cancelled").await;

    cluster.leader.state().orders = Orders { stop: Vec::new(), drain: Some("node is replaced".to_owned()) };
    assert_eq!(cluster.agent.await.expect("no panic").expect("no error"), Left::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_worker_without_room_takes_no_work_and_says_why() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), u64::MAX);
    cluster.leader.grant(7);
    cluster.until("a beat that says why", |state| state.beat.unfit.is_some()).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(cluster.leader.state().claims, 0);
    let workers = cluster.meta.list("workers/").await.expect("memory").entries;
    let record: WorkerRecord = workers[0].record().expect("a worker's record");
    assert!(record.unfit.expect("it says why").as_str().contains("are needed"));
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_makes_unfit_for_a_while() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), 0);
    cluster.leader.grant(NO_ROOM);
    cluster.hears("fail m-00002 Resource").await;
    let failed_at = Instant::now();
    cluster.leader.grant(7);
    cluster.until("a beat that says why", |state| state.beat.unfit.is_some()).await;
    cluster.hears("complete m-00007").await;
    // A claim that was in flight when the disk filled still brings work; the test only needs the worker to come back.
    cluster.until("a beat without", |state| state.beat.unfit.is_none()).await;
    assert!(failed_at.elapsed() >= AgentSettings::UNFIT_PAUSE - Duration::from_secs(1), "{:?}", failed_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_forgot_the_worker_is_greeted_again_and_attempts_go_on() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), 0);
    cluster.leader.grant(NEARLY_DONE);
    cluster.runs(&[NEARLY_DONE]).await;
    cluster.leader.state().failure = Some(|worker| DispatchError::UnknownWorker { worker });
    tokio::time::sleep(Duration::from_secs(3)).await;
    cluster.leader.state().failure = None;
    cluster.until("a second hello", |state| state.workers.len() == 2).await;
    cluster.hears("complete m-00001").await;
    let workers = cluster.leader.state().workers.clone();
    assert_eq!(workers[0], workers[1]);
}

#[tokio::test(start_paused = true)]
async fn a_leader_of_another_protocol_ends_the_worker_with_its_sentence() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let cluster = Cluster::start(scratch.path(), 0);
    let sentence = "the leader speaks worker protocol 9, this worker 2; upgrade it";
    cluster.leader.state().failure = Some(|_| DispatchError::Incompatible {
        reason: "the leader speaks worker protocol 9, this worker 2; upgrade it".to_owned(),
    });
    let error = cluster.agent.await.expect("no panic").expect_err("it cannot work");
    assert_eq!(error.to_string(), sentence);
}
