//! Workers that are lost, alone and together, with claims under way and waiting.

use model::ByteSize;
use proptest::prelude::*;
use proto::dispatch::DispatchError;

use super::slow::Slow;
use super::*;

const WAIT: Duration = Duration::from_secs(30);

/// Submits a job of `tasks` tasks.
pub(super) async fn submit_tasks(cluster: &Cluster, handle: &Handle, tasks: usize) {
    for ordinal in 0..tasks {
        let segment = cluster.folder.path().join(format!("in/shard=org-mod-01/{ordinal:03}.seg"));
        std::fs::write(segment, [0; 100]).expect("a file");
    }
    std::fs::remove_file(cluster.folder.path().join("in/shard=org-mod-01/a.seg")).expect("it is there");
    let settings = JobSettings { split_bytes: ByteSize(100), ..JobSettings::default() };
    let spec = Box::new(JobSpec { settings, ..cluster.spec() });
    handle.ask(|reply| Ask::Submit { spec, trace: None, reply }).await.expect("a job that can be planned");
}

#[tokio::test(start_paused = true)]
async fn the_claim_of_a_worker_that_is_lost_while_it_waits_is_answered_and_gets_nothing() {
    let cluster = Cluster::start().await;
    let (leader, _leads) = cluster.lead().await;
    let stopped = join(&cluster.store).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (waiting, lease) = (leader.clone(), stopped.lease());
    let waiting = tokio::spawn(async move { waiting.claim(lease, 1, WAIT).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    stopped.close().await.expect("memory");
    let answer = tokio::time::timeout(Duration::from_secs(1), waiting).await.expect("at once").expect("no panic");
    assert!(matches!(answer, Err(DispatchError::UnknownWorker { .. })), "{answer:?}");
    // Work that comes now is for the worker that lives.
    cluster.submit(&leader).await;
    assert!(cluster.claim(&leader).await.is_some());
    let listed = leader.ask(|reply| Ask::Workers { reply }).await.expect("it leads");
    assert_eq!(listed.len(), 1, "no ghost: {listed:?}");
}

/// Loses `lost` of `workers` at one instant, while each has claims under way and one that waits.
async fn lose_together(workers: usize, lost: usize, delay_ms: u64, after_ms: u64) {
    /// More tasks than the workers take in one turn.
    const TASKS: usize = 24;
    let cluster = Cluster::on(Arc::new(Slow::new(Duration::from_millis(delay_ms)))).await;
    let (leader, _leads) = cluster.lead().await;
    let mut sessions = Vec::new();
    for _ in 0..workers {
        sessions.push(join(&cluster.store).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    submit_tasks(&cluster, &leader, TASKS).await;
    let term = leader.ask(|reply| Ask::Cluster { reply }).await.expect("it leads").token;
    let claiming: Vec<_> = sessions.iter().map(|session| session.lease()).collect();
    let claiming = claiming.into_iter().map(|lease| {
        let leader = leader.clone();
        tokio::spawn(
            async move { while leader.claim(lease, 2, WAIT).await.is_ok_and(|grants| grants.len() < TASKS) {} },
        )
    });
    let claiming: Vec<_> = claiming.collect();
    tokio::time::sleep(Duration::from_millis(after_ms)).await;
    // A whole rack: every lease ends at once, and the leader hears of one after another.
    let gone: Vec<_> = sessions.drain(..lost).collect();
    for session in &gone {
        cluster.store.revoke(session.lease()).await.expect("memory");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    claiming.iter().for_each(tokio::task::JoinHandle::abort);
    for session in &sessions {
        cluster.store.revoke(session.lease()).await.expect("memory");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The worker that is left gets every task, from the same leader.
    let mut held = std::collections::BTreeSet::new();
    while held.len() < TASKS {
        let grants = leader.claim(cluster.worker.lease(), 5, WAIT).await.expect("it leads");
        assert!(!grants.is_empty(), "LV-1: {} of {TASKS} tasks are given out", held.len());
        for grant in grants {
            assert!(held.insert(grant.task.to_string()), "{} is given out twice", grant.task);
        }
    }
    let after = leader.ask(|reply| Ask::Cluster { reply }).await.expect("the same leader leads: nothing was violated");
    assert_eq!(after.token, term);
}

fn block_on(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(test);
}

#[test]
fn nine_of_ten_workers_lost_at_once_change_no_leader() {
    block_on(lose_together(10, 9, 20, 30));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_of_any_number_of_workers_may_be_lost_at_once(
        workers in 1usize..9, share in 0usize..9, delay_ms in 0u64..40, after_ms in 0u64..200
    ) {
        block_on(lose_together(workers, share.min(workers), delay_ms, after_ms));
    }
}
