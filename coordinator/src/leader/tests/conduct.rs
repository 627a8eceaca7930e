//! Conduct of workers: what the list of workers tells of one that is slow, one that fails, one that is lost again and
//! again.

use model::books::MapBooks;
use model::{ByteRange, Effort, Failure, FailureClass, HeldAttempt, MapReport, Report, Split, SplitReport, StageTimes};
use proto::dispatch::Verdict;

use super::lost::submit_tasks;
use super::*;

/// Bytes of each segment that `submit_tasks` makes.
const BYTES: u64 = 100;

async fn claim(leader: &Handle, worker: &LeaseSession) -> HeldAttempt {
    let grants = leader.claim(worker.lease(), 1, Duration::from_secs(5)).await.expect("it leads");
    let grant = grants.into_iter().next().expect("a task is open");
    HeldAttempt { task: grant.task, attempt: grant.attempt }
}

/// Completes an attempt at a map task, as its worker does that found nothing in its segment.
async fn complete(leader: &Handle, worker: &LeaseSession, held: &HeldAttempt, took: Duration) {
    let split = Split { segment: held.task.task.ordinal, range: ByteRange::new(0, BYTES) };
    let report = Report::Map(MapReport {
        splits: vec![SplitReport { split, first: Some(0), end: BYTES }],
        run: None,
        books: MapBooks { bytes_read: BYTES, ..MapBooks::default() },
        quarantine: None,
        time_range_ms: None,
        stages: StageTimes::default(),
        spills: 0,
        effort: None,
    });
    let effort = Effort { wall: took, ..Effort::default() };
    let verdict = leader.complete(worker.lease(), held, report.to_bytes().into(), Some(effort)).await;
    assert_eq!(verdict.expect("it leads"), Verdict::Counts);
}

async fn listed(leader: &Handle, name: &str) -> v1::WorkerSummary {
    let workers = leader.ask(|reply| Ask::Workers { reply }).await.expect("it leads");
    workers.into_iter().find(|worker| worker.name == name).expect("it lives")
}

#[tokio::test(start_paused = true)]
async fn the_list_of_workers_tells_who_is_slow_who_fails_and_who_is_lost_again_and_again() {
    let cluster = Cluster::start().await;
    let (leader, _leads) = cluster.lead().await;
    let mut workers = Vec::new();
    for name in ["even-1", "even-2", "failing", "slow"] {
        workers.push(join_as(name, &cluster.store).await);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    submit_tasks(&cluster, &leader, 24).await;
    for _ in 0..3 {
        for (worker, seconds) in workers.iter().zip([2, 2, 2, 9]) {
            let held = claim(&leader, worker).await;
            complete(&leader, worker, &held, Duration::from_secs(seconds)).await;
        }
        let failing = &workers[2];
        let held = claim(&leader, failing).await;
        let failure = Failure::new(FailureClass::Resource, "no space is left on /scratch");
        leader.fail(failing.lease(), &held, &failure).await.expect("it leads");
    }
    let even = listed(&leader, "even-1").await;
    assert_eq!((even.remark.as_str(), even.attempts, even.attempts_failed), ("", 3, 0));
    let slow = listed(&leader, "slow").await;
    let [speed] = &slow.speeds[..] else { panic!("one kind of task: {:?}", slow.speeds) };
    assert_eq!((speed.kind.as_str(), speed.attempts, speed.others), ("map", 3, 3));
    assert!((speed.speed - 2.0 / 9.0).abs() < 1e-6, "{speed:?}");
    assert_eq!(slow.remark, "its map tasks take 4.5 times as long as those of the others (median of 3)");
    let failing = listed(&leader, "failing").await;
    assert_eq!(
        (failing.attempts, failing.attempts_failed, failing.failure_class()),
        (6, 3, v1::FailureClass::Resource)
    );
    assert_eq!(failing.remark, "3 of its last 6 attempts failed, of the others 0 of 9: no space is left on /scratch");

    for _ in 0..2 {
        let lost = join_as("killed", &cluster.store).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.store.revoke(lost.lease()).await.expect("memory");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let _back = join_as("killed", &cluster.store).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let killed = listed(&leader, "killed").await;
    assert_eq!(
        (killed.leases_lost, killed.remark.as_str()),
        (2, "it was lost 2 times lately: killed, or cut off from etcd")
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_attempt_a_twin_overtakes_is_slow_and_the_twins_is_not() {
    let cluster = Cluster::start().await;
    let (leader, _leads) = cluster.lead().await;
    let (fast, other, slow) = (
        join_as("fast", &cluster.store).await,
        join_as("other", &cluster.store).await,
        join_as("slow", &cluster.store).await,
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    submit_tasks(&cluster, &leader, 12).await;
    for worker in [&fast, &other, &fast, &other, &fast, &other, &fast, &other, &fast, &other] {
        let held = claim(&leader, worker).await;
        complete(&leader, worker, &held, Duration::from_secs(1)).await;
    }
    let first = claim(&leader, &slow).await;
    // A twin overtakes this attempt; the other task is taken, so that no work is open.
    let rest = claim(&leader, &other).await;
    for second in 0..60 {
        let effort = Effort { wall: Duration::from_secs(second), ..Effort::default() };
        let beat = |held: &HeldAttempt, bytes| AttemptBeat {
            held: held.clone(),
            bytes,
            points: 0,
            stage: None,
            effort,
            trace: None,
        };
        let beats = [(&slow, beat(&first, second)), (&other, beat(&rest, BYTES))];
        for (worker, attempt) in beats {
            let beat = Beat { attempts: vec![attempt], ..Beat::default() };
            leader.heartbeat(worker.lease(), &beat).await.expect("it knows the worker");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    complete(&leader, &other, &rest, Duration::from_secs(1)).await;
    let twin = claim(&leader, &fast).await;
    assert_eq!(twin.task, first.task);
    complete(&leader, &fast, &twin, Duration::from_secs(1)).await;
    let slow = listed(&leader, "slow").await;
    assert_eq!((slow.attempts, slow.attempts_overtaken, slow.attempts_failed), (1, 1, 0));
    let fast = listed(&leader, "fast").await;
    assert_eq!((fast.attempts, fast.attempts_overtaken), (6, 0));
}
