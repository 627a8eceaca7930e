use std::sync::Arc;
use std::time::Duration;

use format::state_records::{LeaderRecord, Text};
use model::digest::Digest;
use model::{ShardId, TaskId};

use crate::meta::election::{campaign, resign};
use crate::meta::faulty::{Faults, FaultyStore};
use crate::meta::{LeaseSession, LeaseSettings, MemoryStore};

use super::*;

/// A store with a leader and a task.
struct Cluster {
    store: Arc<dyn MetaStore>,
    leadership: Leadership,
    leader_session: LeaseSession,
    task: TaskPath,
}

impl Cluster {
    async fn new() -> Self {
        let store: Arc<dyn MetaStore> = Arc::new(MemoryStore::new());
        let (leader_session, leadership) = elect(&store).await;
        let job = "nightly".parse().expect("a job name");
        Self {
            store,
            leadership,
            leader_session,
            task: TaskPath { job, shard: ShardId::Shared(7), task: TaskId::map(3) },
        }
    }

    fn door(&self) -> TaskDoor<'_> {
        TaskDoor { store: &*self.store, leadership: self.leadership, task: &self.task }
    }

    async fn worker(&self) -> LeaseId {
        self.store.grant(Duration::from_secs(10)).await.expect("a lease").id
    }

    async fn attempts(&self) -> SeenAttempts {
        let entry = self.store.get(&String::from(StateKey::Attempts(self.task.clone()))).await.expect("memory");
        SeenAttempts::of(entry.as_ref()).expect("a record")
    }

    async fn claim(&self, worker: LeaseId) -> Result<AttemptId, ClaimError> {
        self.door().claim(worker, &self.attempts().await).await
    }
}

async fn elect(store: &Arc<dyn MetaStore>) -> (LeaseSession, Leadership) {
    let session = LeaseSession::open(Arc::clone(store), LeaseSettings::seeded(1)).await.expect("a lease");
    let record = LeaderRecord { replica: Text::cut("c-0"), address: Text::cut("http://c-0:7070") };
    let leadership = campaign(&**store, &session, &record).await.expect("elected");
    (session, leadership)
}

fn done(attempt: AttemptId) -> DoneRecord {
    DoneRecord { attempt, report: Digest::of(b"report"), report_bytes: 6 }
}

fn failure(worker: LeaseId) -> FailureRecord {
    FailureRecord { worker, cause: Text::cut("cannot read s3://in/x.seg") }
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_from_open_to_done_and_stays_there() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.worker().await, cluster.worker().await);
    let attempt = cluster.claim(one).await.expect("open");
    assert_eq!(attempt.number, 1);
    assert!(matches!(cluster.claim(two).await, Err(ClaimError::Taken { by, .. }) if by == one));
    cluster.door().complete(&done(attempt)).await.expect("held");
    cluster.door().complete(&done(attempt)).await.expect("saying it again changes nothing");
    assert!(matches!(cluster.claim(two).await, Err(ClaimError::Done { by, .. }) if by == attempt));
    let left = cluster.store.list("jobs/").await.expect("memory").entries;
    assert_eq!(
        left.iter().map(|e| e.key.as_str()).collect::<Vec<_>>(),
        ["jobs/nightly/shards/org-mod-07/done/m-00003"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_expired_lease_returns_the_task_and_keeps_the_old_attempt_out() {
    let cluster = Cluster::new().await;
    let old = cluster.claim(cluster.worker().await).await.expect("open");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(matches!(cluster.door().complete(&done(old)).await, Err(ClaimError::Stale { .. })));
    let new = cluster.claim(cluster.worker().await).await.expect("open again");
    assert!(new.number == 2 && new.token > old.token);
    assert!(matches!(cluster.door().complete(&done(old)).await, Err(ClaimError::Stale { .. })));
    cluster.door().complete(&done(new)).await.expect("held");
    assert!(matches!(cluster.door().complete(&done(old)).await, Err(ClaimError::Done { by, .. }) if by == new));
}

#[tokio::test(start_paused = true)]
async fn a_failure_charges_the_task_and_a_hand_back_does_not() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    let first = cluster.claim(worker).await.expect("open");
    cluster.door().hand_back(first).await.expect("held");
    let second = cluster.claim(worker).await.expect("open");
    let before = cluster.attempts().await.record;
    assert_eq!((before.last, before.charged), (2, 0));
    cluster.door().fail(second, &before, failure(worker)).await.expect("held");
    let after = cluster.attempts().await.record;
    assert_eq!((after.last, after.charged), (2, 1));
    assert!(matches!(cluster.door().fail(second, &after, failure(worker)).await, Err(ClaimError::Stale { .. })));
    assert_eq!(cluster.claim(worker).await.expect("open").number, 3);
}

#[tokio::test(start_paused = true)]
async fn a_deposed_leader_changes_nothing() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    let attempt = cluster.claim(worker).await.expect("open");
    resign(&*cluster.store, cluster.leadership).await.expect("resigned");
    drop(cluster.leader_session);
    let (_session, next) = elect(&cluster.store).await;
    let before = cluster.store.list("jobs/").await.expect("memory").entries;
    let old = TaskDoor { store: &*cluster.store, leadership: cluster.leadership, task: &cluster.task };
    assert!(matches!(old.complete(&done(attempt)).await, Err(ClaimError::Deposed { .. })));
    assert!(matches!(old.hand_back(attempt).await, Err(ClaimError::Deposed { .. })));
    assert!(matches!(old.claim(worker, &SeenAttempts::default()).await, Err(ClaimError::Deposed { .. })));
    assert_eq!(cluster.store.list("jobs/").await.expect("memory").entries, before);
    let new = TaskDoor { leadership: next, ..old };
    new.complete(&done(attempt)).await.expect("the attempt outlives its leader");
}

#[tokio::test(start_paused = true)]
async fn a_claim_for_a_worker_without_a_lease_is_refused() {
    let cluster = Cluster::new().await;
    let worker = cluster.worker().await;
    cluster.store.revoke(worker).await.expect("memory");
    let refused = cluster.claim(worker).await;
    assert!(matches!(refused, Err(ClaimError::Store(MetaError::LeaseGone { .. }))), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn lost_requests_and_responses_lead_to_one_attempt_and_one_done() {
    for seed in 0..200 {
        let cluster = Cluster::new().await;
        let faults = Faults { lose_request: 0.1, lose_response: 0.2, ..Faults::default() };
        let bad = FaultyStore::new(Arc::clone(&cluster.store), faults, seed);
        let door = TaskDoor { store: &bad, ..cluster.door() };
        let attempt = door.claim(cluster.worker().await, &SeenAttempts::default()).await.expect("settled");
        assert_eq!(attempt.number, 1, "seed {seed}");
        let attempts = cluster.attempts().await;
        assert_eq!(attempts.revision.map(Revision::token), Some(attempt.token), "seed {seed}: claimed once");
        door.complete(&done(attempt)).await.expect("settled");
    }
}
