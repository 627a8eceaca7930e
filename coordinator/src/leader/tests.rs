//! Tests of a leader with a worker that the test plays: grants, and their fate if messages are lost.

mod cancelled; //  a job is told to stop, at any time and more than once
mod conduct; //    pace and failures of workers
mod left_behind; // state that a leader leaves beside tasks
mod lost; //       workers that are lost, alone and together
mod many; //       jobs of many shards
mod slow; //       a store that takes its time
mod taken_over; // jobs whose spec, plans or dataset are gone
mod times; //      begin and end of a job and its shards under several leaders

use std::sync::Arc;
use std::time::Duration;

use format::state_keys::StateKey;
use format::state_records::{JobHead, JobPhase, StateRecord as _, Text, WorkerRecord};
use model::{Clock, Grant, JobId, JobSettings, JobSpec};
use proto::dispatch::{AttemptBeat, Beat, Dispatch as _};
use proto::{ApiError, v1};
use storage::meta::{LeaseSession, LeaseSettings, MemoryStore, MetaStore, Op, Txn, election};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::message::{Ask, Handle};
use super::{Leader, LeaderSettings};
use crate::Env;
use crate::report::JobReport;

/// Longer than any wait of the leader's for a worker that lives.
const LONG: Duration = Duration::from_secs(60);

/// Cluster with one worker, for a job of one shard and one task; tests elect the leaders.
struct Cluster {
    store: Arc<dyn MetaStore>,
    worker: LeaseSession,
    folder: TempDir,
    clock: Arc<dyn Clock>,
}

/// Clock that goes as tokio's does, which tests pause.
#[derive(Debug)]
struct PausedClock(tokio::time::Instant);

impl Clock for PausedClock {
    fn now_ms(&self) -> i64 {
        1_700_000_000_000 + self.0.elapsed().as_millis() as i64
    }
}

impl Cluster {
    async fn start() -> Self {
        Self::on(Arc::new(MemoryStore::default())).await
    }

    async fn on(store: Arc<dyn MetaStore>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // Plans are made of sizes alone: nobody reads the segment before a task runs.
        let segments = folder.path().join("in/shard=org-mod-01");
        std::fs::create_dir_all(&segments).expect("a folder");
        std::fs::write(segments.join("a.seg"), [0; 100]).expect("a file");
        let worker = join(&store).await;
        let clock = Arc::new(PausedClock(tokio::time::Instant::now()));
        Self { store, worker, folder, clock }
    }

    /// Elects a leader, which leads until the returned sender is dropped.
    async fn lead(&self) -> (Handle, oneshot::Sender<()>) {
        let session = open_session(&self.store).await;
        let me = election::Candidate { replica: Text::cut("c0"), address: Text::cut("c0:7070") };
        // No two leaders ever have the same term.
        static TERMS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
        let term = model::Term::drawn(TERMS.fetch_add(4, std::sync::atomic::Ordering::Relaxed));
        let leadership = election::campaign(&*self.store, &session, &me, term).await.expect("no rival");
        let found = super::find(&*self.store).await.expect("memory");
        let (handle, inbox) = Handle::new();
        let settings = Arc::new(LeaderSettings::default());
        let env = Env::with_clock(Arc::clone(&self.clock) as Arc<dyn model::Clock>);
        let leader = Leader::new(settings, env, Arc::clone(&self.store), leadership, &found, handle.clone());
        let (dismiss, dismissed) = oneshot::channel::<()>();
        let store = Arc::clone(&self.store);
        tokio::spawn(async move {
            let dismissed = async { drop(dismissed.await) };
            leader.run(&*store, found, &session, inbox, dismissed).await;
            session.close().await.expect("memory");
        });
        (handle, dismiss)
    }

    async fn submit(&self, handle: &Handle) {
        let spec = Box::new(self.spec());
        handle.ask(|reply| Ask::Submit { spec, trace: None, reply }).await.expect("a job that can be planned");
    }

    /// Builds the spec of the job, which has one shard of one task.
    fn spec(&self) -> JobSpec {
        let uri = |name: &str| self.folder.path().join(name).display().to_string();
        JobSpec {
            job: "j".parse().expect("a name"),
            input: uri("in"),
            dataset: uri("dataset"),
            shards: Vec::new(),
            settings: JobSettings::default(),
            shard_map: String::new(),
            reason: String::new(),
            weight: 10,
            running_max: None,
            force_replace: None,
            replay_of: None,
            submitted_by: "test".to_owned(),
            submitted_at_ms: 0,
        }
    }

    /// Returns the job as an operator sees it; none once it is archived.
    async fn view(&self, handle: &Handle) -> Option<v1::JobSummary> {
        let view = handle.ask(|reply| Ask::Job { job: job(), reply }).await.expect("it leads")?;
        view.job
    }

    async fn cancel(&self, handle: &Handle) -> Result<(), ApiError> {
        let reason = "no longer wanted".to_owned();
        handle.ask(|reply| Ask::Cancel { job: job(), reason, reply }).await
    }

    /// Waits until the job is over, and returns its record.
    async fn ended(&self, handle: &Handle) -> JobReport {
        for _ in 0..600 {
            if self.view(handle).await.is_none() {
                let dataset = self.folder.path().join("dataset").display().to_string();
                let root = storage::Root::open(&dataset).expect("it has a record");
                return crate::record::read(&root, &job()).await.expect("a file").expect("it has ended");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("the job does not end: {:?}", self.view(handle).await);
    }

    async fn claim(&self, handle: &Handle) -> Option<Grant> {
        let grants = handle.claim(self.worker.lease(), 1, Duration::from_secs(5)).await.expect("it leads");
        grants.into_iter().next()
    }

    /// Sends heartbeats for a while; each shows `attempts`.
    async fn beats(&self, handle: &Handle, attempts: &[AttemptBeat]) {
        let beat = Beat { attempts: attempts.to_vec(), ..Beat::default() };
        for _ in 0..LONG.as_secs() {
            handle.heartbeat(self.worker.lease(), &beat).await.expect("it knows the worker");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}

fn job() -> JobId {
    "j".parse().expect("a name")
}

/// Registers one more worker.
async fn join(store: &Arc<dyn MetaStore>) -> LeaseSession {
    join_as("w0", store).await
}

/// Registers one more worker of this name.
async fn join_as(name: &str, store: &Arc<dyn MetaStore>) -> LeaseSession {
    let worker = open_session(store).await;
    let record = WorkerRecord {
        name: Text::cut(name),
        version: Text::cut("test"),
        slots: 1,
        memory_bytes: 1 << 30,
        protocol: proto::dispatch::PROTOCOL,
        secret_sha256: None,
        draining: None,
        unfit: None,
    };
    let key = StateKey::Worker(worker.lease());
    let put = Op::put_leased(key, record.encode().expect("a small record"), worker.lease());
    store.txn(Txn::when([]).then([put])).await.expect("memory");
    worker
}

async fn open_session(store: &Arc<dyn MetaStore>) -> LeaseSession {
    let settings = LeaseSettings { ttl: Duration::from_secs(24 * 60 * 60), seed: 1 };
    LeaseSession::open(Arc::clone(store), settings).await.expect("memory")
}

fn shown(grant: &Grant) -> AttemptBeat {
    let held = model::HeldAttempt { task: grant.task.clone(), attempt: grant.attempt };
    AttemptBeat { held, bytes: 0, points: 0, stage: None, effort: model::Effort::default(), trace: None }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_its_worker_shows_is_left_to_it() {
    let cluster = Cluster::start().await;
    let (leader, _leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    let grant = cluster.claim(&leader).await.expect("the only task");
    cluster.beats(&leader, &[shown(&grant)]).await;
    assert!(cluster.claim(&leader).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_its_worker_showed_once_and_knows_no_more_is_given_again() {
    let cluster = Cluster::start().await;
    let (leader, _leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    let first = cluster.claim(&leader).await.expect("the only task");
    let beat = Beat { attempts: vec![shown(&first)], ..Beat::default() };
    leader.heartbeat(cluster.worker.lease(), &beat).await.expect("it knows the worker");
    cluster.beats(&leader, &[]).await;
    let second = cluster.claim(&leader).await.expect("the task again");
    assert!(second.attempt.number > first.attempt.number, "LS-1: {first:?}, {second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_lost_with_its_leader_is_given_again_by_the_next() {
    let cluster = Cluster::start().await;
    let (leader, leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    let first = cluster.claim(&leader).await.expect("the only task");
    drop(leads);
    let (next, _leads) = cluster.lead().await;
    cluster.beats(&next, &[]).await;
    let second = cluster.claim(&next).await.expect("the task again");
    assert!(second.attempt.number > first.attempt.number, "LS-1: {first:?}, {second:?}");
}

#[tokio::test(start_paused = true)]
async fn a_cancel_is_on_record_when_it_is_answered_whatever_is_being_written_meanwhile() {
    // The turns reach into planning, into recording the plans, and into running.
    for turns in [0, 3, 10, 20, 30, 40, 60, 100, 1000] {
        let cluster = Cluster::start().await;
        let (leader, leads) = cluster.lead().await;
        cluster.submit(&leader).await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let job: JobId = "j".parse().expect("a name");
        let reason = "no longer wanted".to_owned();
        leader.ask(|reply| Ask::Cancel { job: job.clone(), reason, reply }).await.expect("it runs");
        let head = cluster.store.get(&String::from(StateKey::Job(job.clone()))).await.expect("memory");
        let phase = head.map(|head| head.record::<JobHead>().expect("a head").phase);
        // A missing head passes, too: the job has been archived as cancelled.
        assert!(matches!(phase, None | Some(JobPhase::Cancelling)), "after {turns} turns: {phase:?}");
        drop(leads);
    }
}
