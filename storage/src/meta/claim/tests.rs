use std::sync::Arc;
use std::time::Duration;

use format::state_keys::TaskPath;
use format::state_records::{DoneRecord, FailureRecord, Text};
use model::digest::Digest;
use model::{AttemptId, LeaseId, ShardId, TaskId, Term};

use crate::meta::election::{Candidate, campaign, resign};
use crate::meta::faulty::{Faults, FaultyStore};
use crate::meta::{LeaseSession, LeaseSettings, MemoryStore, Op};

use super::*;

mod any_loss; // every result is true, whatever messages are lost

/// Term of every leader of these tests.
const TERM: Term = Term::drawn(0x5eed << 40);

/// Store with a leader.
struct Cluster {
    store: Arc<dyn MetaStore>,
    leadership: Leadership,
    leader_session: LeaseSession,
}

impl Cluster {
    async fn new() -> Self {
        let store: Arc<dyn MetaStore> = Arc::new(MemoryStore::new());
        let (leader_session, leadership) = elect(&store).await;
        Self { store, leadership, leader_session }
    }

    async fn worker(&self) -> LeaseId {
        self.store.grant(Duration::from_secs(10)).await.expect("a lease").id
    }

    async fn attempts(&self, task: &TaskPath) -> SeenAttempts {
        let entry = self.store.get(&String::from(StateKey::Attempts(task.clone()))).await.expect("memory");
        SeenAttempts::of(entry.as_ref()).expect("a record")
    }

    async fn make(&self, change: TaskChange) -> Result<Changed, ClaimError> {
        apply_one(&*self.store, &self.leadership, &change).await
    }

    async fn claim(&self, worker: LeaseId) -> Result<AttemptId, ClaimError> {
        let change = TaskChange::Claim { task: task(3), worker, shard: None, seen: self.attempts(&task(3)).await };
        match self.make(change).await? {
            Changed::Claimed { attempt, seen } => {
                assert_eq!(seen, self.attempts(&task(3)).await);
                Ok(attempt)
            }
            other => panic!("{other:?}"),
        }
    }

    async fn keys(&self) -> Vec<String> {
        self.store.list("jobs/").await.expect("memory").entries.into_iter().map(|entry| entry.key).collect()
    }
}

async fn elect(store: &Arc<dyn MetaStore>) -> (LeaseSession, Leadership) {
    let session = LeaseSession::open(Arc::clone(store), LeaseSettings::seeded(1)).await.expect("a lease");
    let record = Candidate { replica: Text::cut("c-0"), address: Text::cut("http://c-0:7070") };
    let leadership = campaign(&**store, &session, &record, TERM).await.expect("elected");
    (session, leadership)
}

fn task(ordinal: u32) -> TaskPath {
    let job = "nightly".parse().expect("a job name");
    TaskPath { job, shard: ShardId::Shared(7), task: TaskId::map(ordinal) }
}

fn done(attempt: AttemptId, last: u32) -> DoneRecord {
    DoneRecord { attempt, last, report: Digest::of(b"report"), report_bytes: 6, begun_at_ms: None }
}

/// Create revision of an attempt's claim, in this term.
fn claimed(attempt: AttemptId) -> Revision {
    Revision(attempt.token.0 - TERM.token(0).0)
}

fn complete(attempt: AttemptId, last: u32) -> TaskChange {
    TaskChange::Complete { task: task(3), done: done(attempt, last), claimed: claimed(attempt) }
}

fn hand_back(attempt: AttemptId) -> TaskChange {
    TaskChange::HandBack { task: task(3), attempt, claimed: claimed(attempt) }
}

fn fail(attempt: AttemptId, charged: bool, seen: SeenAttempts) -> TaskChange {
    let failure = FailureRecord { worker: LeaseId(1), cause: Text::cut("cannot read s3://in/x.seg") };
    TaskChange::Fail { task: task(3), attempt, claimed: claimed(attempt), charged, failure, seen }
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_from_open_to_done_and_stays_there() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    let attempt = cluster.claim(worker).await.expect("open");
    assert_eq!(attempt.number, 1);
    assert_eq!(cluster.make(complete(attempt, 1)).await.expect("held"), Changed::Completed);
    assert_eq!(cluster.make(complete(attempt, 1)).await.expect("saying it again is fine"), Changed::Completed);
    assert!(matches!(cluster.claim(worker).await, Err(ClaimError::Done { by, .. }) if by == attempt));
    assert_eq!(cluster.keys().await, ["jobs/nightly/shards/org-mod-07/done/m-00003"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_twins_the_first_completion_counts_and_the_other_is_refused() {
    let cluster = Cluster::new().await;
    let slow = cluster.claim(cluster.worker().await).await.expect("open");
    let fast = cluster.claim(cluster.worker().await).await.expect("a task may have a twin");
    assert!(fast.number == 2 && fast.token > slow.token);
    cluster.make(complete(fast, 2)).await.expect("held");
    for late in [complete(slow, 2), hand_back(slow), fail(slow, true, SeenAttempts::default())] {
        assert!(matches!(cluster.make(late).await, Err(ClaimError::Done { by, .. }) if by == fast));
    }
    assert_eq!(cluster.keys().await, ["jobs/nightly/shards/org-mod-07/done/m-00003"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_returns_the_task_and_keeps_the_old_attempt_out() {
    let cluster = Cluster::new().await;
    let old = cluster.claim(cluster.worker().await).await.expect("open");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(matches!(cluster.make(complete(old, 1)).await, Err(ClaimError::Stale { .. })));
    let new = cluster.claim(cluster.worker().await).await.expect("open again");
    assert!(new.number == 2 && new.token > old.token);
    assert!(matches!(cluster.make(complete(old, 2)).await, Err(ClaimError::Stale { .. })));
    cluster.make(complete(new, 2)).await.expect("held");
    assert!(matches!(cluster.make(complete(old, 2)).await, Err(ClaimError::Done { by, .. }) if by == new));
}

#[tokio::test(start_paused = true)]
async fn only_a_failure_that_counts_charges_the_task() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    let [first, second, third] = [(), (), ()].map(|()| cluster.claim(worker));
    let (first, second, third) = (first.await.expect("open"), second.await.expect("open"), third.await.expect("open"));
    assert_eq!(cluster.make(hand_back(first)).await.expect("held"), Changed::HandedBack);
    let before = cluster.attempts(&task(3)).await;
    let after = match cluster.make(fail(second, false, before.clone())).await.expect("held") {
        Changed::Failed { seen } => seen,
        other => panic!("{other:?}"),
    };
    assert_eq!((after.record.last, after.record.charged), (3, 0));
    assert!(matches!(cluster.make(fail(third, true, before)).await, Err(ClaimError::Moved { .. })));
    cluster.make(fail(third, true, after)).await.expect("held");
    let last = cluster.attempts(&task(3)).await;
    assert_eq!((last.record.last, last.record.charged), (3, 1));
    assert!(matches!(cluster.make(fail(third, true, last)).await, Err(ClaimError::Stale { .. })));
    assert_eq!(cluster.claim(worker).await.expect("open").number, 4);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_opened_again_goes_on_counting_after_the_last_twin() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    let first = cluster.claim(worker).await.expect("open");
    let twin = cluster.claim(worker).await.expect("open");
    let known = done(first, twin.number);
    let reopen = TaskChange::Reopen { task: task(3), done: known, charged: 1, exact_start: Some(77) };
    assert!(matches!(cluster.make(reopen.clone()).await, Err(ClaimError::Moved { .. })), "it is not done yet");
    cluster.make(complete(first, twin.number)).await.expect("held");
    let seen = match cluster.make(reopen.clone()).await.expect("done") {
        Changed::Reopened { seen } => seen,
        other => panic!("{other:?}"),
    };
    assert_eq!(seen, cluster.attempts(&task(3)).await);
    assert_eq!((seen.record.last, seen.record.charged, seen.record.exact_start), (2, 1, Some(77)));
    let next = cluster.claim(worker).await.expect("open again");
    assert_eq!(next.number, 3);
    assert_eq!(cluster.attempts(&task(3)).await.record.exact_start, Some(77), "a claim keeps it");
    cluster.make(complete(next, 3)).await.expect("held");
    assert!(matches!(cluster.make(reopen).await, Err(ClaimError::Done { by, .. }) if by == next));
}

#[tokio::test(start_paused = true)]
async fn a_deposed_leader_changes_nothing() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    let attempt = cluster.claim(worker).await.expect("open");
    resign(&*cluster.store, &cluster.leadership).await.expect("resigned");
    drop(cluster.leader_session);
    let (_session, next) = elect(&cluster.store).await;
    let before = cluster.store.list("jobs/").await.expect("memory").entries;
    let claim = |ordinal| TaskChange::Claim { task: task(ordinal), worker, shard: None, seen: SeenAttempts::default() };
    for changes in [vec![complete(attempt, 1)], vec![hand_back(attempt)], vec![claim(4), complete(attempt, 1)]] {
        for refused in apply(&*cluster.store, &cluster.leadership, changes).await {
            assert!(matches!(refused, Err(ClaimError::Deposed { .. })), "{refused:?}");
        }
    }
    assert_eq!(cluster.store.list("jobs/").await.expect("memory").entries, before);
    apply_one(&*cluster.store, &next, &complete(attempt, 1)).await.expect("the attempt outlives its leader");
}

#[tokio::test(start_paused = true)]
async fn in_a_batch_only_what_cannot_be_done_is_refused() {
    let cluster = Cluster::new().await;
    let (worker, gone) = (cluster.worker().await, cluster.worker().await);
    let attempt = cluster.claim(worker).await.expect("open");
    cluster.store.revoke(gone).await.expect("memory");
    let claim =
        |ordinal, worker| TaskChange::Claim { task: task(ordinal), worker, shard: None, seen: SeenAttempts::default() };
    let stale = AttemptId { token: model::FencingToken(1), ..attempt };
    let changes = vec![
        claim(1, worker),
        claim(2, gone),
        complete(attempt, 1),
        TaskChange::HandBack { task: task(4), attempt: stale, claimed: Revision(1) },
    ];
    let results = apply(&*cluster.store, &cluster.leadership, changes).await;
    assert!(matches!(&results[0], Ok(Changed::Claimed { attempt, .. }) if attempt.number == 1), "{results:?}");
    assert!(matches!(&results[1], Err(ClaimError::Store(MetaError::LeaseGone { lease })) if *lease == gone));
    assert!(matches!(&results[2], Ok(Changed::Completed)), "{results:?}");
    assert!(matches!(&results[3], Err(ClaimError::Stale { .. })), "{results:?}");
}

#[tokio::test(start_paused = true)]
async fn as_many_changes_as_a_transaction_takes_are_one_revision() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    let claim = |ordinal| TaskChange::Claim { task: task(ordinal), worker, shard: None, seen: SeenAttempts::default() };
    let claims = apply(&*cluster.store, &cluster.leadership, (0..100).map(claim).collect()).await;
    let attempts: Vec<_> = claims
        .into_iter()
        .map(|claimed| match claimed {
            Ok(Changed::Claimed { attempt, .. }) => attempt,
            other => panic!("{other:?}"),
        })
        .collect();
    let batches: Vec<_> = attempts.chunk_by(|a, b| a.token == b.token).map(<[AttemptId]>::len).collect();
    assert_eq!(batches, [CHANGES_PER_TXN_MAX, CHANGES_PER_TXN_MAX, 100 - 2 * CHANGES_PER_TXN_MAX]);

    let before = cluster.store.list("jobs/").await.expect("memory").revision;
    let completions = attempts.iter().zip(0..).take(CHANGES_PER_TXN_MAX).map(|(attempt, ordinal)| {
        TaskChange::Complete { task: task(ordinal), done: done(*attempt, 1), claimed: claimed(*attempt) }
    });
    let completed = apply(&*cluster.store, &cluster.leadership, completions.collect()).await;
    assert!(completed.iter().all(|result| matches!(result, Ok(Changed::Completed))), "{completed:?}");
    assert_eq!(cluster.store.list("jobs/").await.expect("memory").revision, Revision(before.0 + 1));
}

#[tokio::test]
async fn a_claim_that_comes_late_finds_its_shard_over_and_leaves_nothing() {
    let cluster = Cluster::new().await;
    let worker = cluster.store.grant(Duration::from_secs(10)).await.expect("memory").id;
    let key = String::from(StateKey::Shard(task(3).job, task(3).shard));
    let put = |value: &'static str| cluster.store.txn(Txn::when([]).then([Op::put(&key, value)]));
    let Ok(Outcome::Applied { revision }) = put("running").await else { panic!("memory takes it") };
    let claim = TaskChange::Claim { task: task(3), worker, shard: Some(revision), seen: SeenAttempts::default() };
    let Ok(Outcome::Applied { .. }) = put("done").await else { panic!("memory takes it") };
    assert!(matches!(cluster.make(claim).await, Err(ClaimError::Late { .. })));
    assert_eq!(cluster.keys().await, std::slice::from_ref(&key));
}
