//! Scripted leader and executor, over the state in memory and a paused clock.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use model::{
    AttemptId, Digest, Effort, Failure, FailureClass, FencingToken, Grant, HeldAttempt, LeaseId, MapReport,
    ObjectEntry, ShardId, TaskId, TaskKind, TaskPath,
};
use object_store::memory::InMemory;
use storage::meta::MemoryStore;
use storage::{Missing, Open, Root, StorageError};
use tokio::sync::{Notify, OwnedSemaphorePermit, oneshot, watch};
use tokio::task::JoinHandle;

use super::super::*;
use crate::slot::AttemptOutcome;
use crate::task::Progress;
use proto::dispatch::{Beat, DispatchError, Hello, Orders, Verdict};

/// Leader that grants from a list and records the calls it gets.
#[derive(Debug, Default)]
pub(super) struct FakeLeader {
    state: Mutex<LeaderState>,
    granted: Notify,
}

#[derive(Debug, Default)]
pub(super) struct LeaderState {
    pub(super) grants: VecDeque<Grant>,
    /// Calls so far, without heartbeats.
    pub(super) heard: Vec<String>,
    pub(super) beat: Beat,
    pub(super) orders: Orders,
    pub(super) workers: Vec<LeaseId>,
    pub(super) claims: usize,
    /// Error that every call gets, if set.
    pub(super) failure: Option<fn(LeaseId) -> DispatchError>,
    /// Reason for which completions are refused, if set.
    pub(super) refusal: Option<String>,
}

impl FakeLeader {
    pub(super) fn state(&self) -> MutexGuard<'_, LeaderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Grants the map task `ordinal`.
    pub(super) fn grant(&self, ordinal: u32) {
        self.grant_this(grant(ordinal));
    }

    pub(super) fn grant_this(&self, grant: Grant) {
        self.state().grants.push_back(grant);
        self.granted.notify_waiters();
    }

    fn answer<T>(&self, worker: LeaseId, answer: impl FnOnce(&mut LeaderState) -> T) -> Result<T, DispatchError> {
        let mut state = self.state();
        state.failure.map_or_else(|| Ok(answer(&mut state)), |failure| Err(failure(worker)))
    }
}

#[async_trait]
impl Dispatch for FakeLeader {
    async fn hello(&self, hello: &Hello) -> Result<(), DispatchError> {
        self.answer(hello.worker, |state| state.workers.push(hello.worker))
    }

    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, DispatchError> {
        self.answer(worker, |state| state.claims += 1)?;
        let granted = self.granted.notified();
        if self.state().grants.is_empty() {
            let _ = tokio::time::timeout(wait, granted).await;
        }
        self.answer(worker, |state| {
            let count = state.grants.len().min(slots as usize);
            state.grants.drain(..count).collect()
        })
    }

    async fn complete(
        &self,
        worker: LeaseId,
        held: &HeldAttempt,
        _report: Bytes,
        _effort: Option<Effort>,
    ) -> Result<Verdict, DispatchError> {
        self.answer(worker, |state| {
            state.heard.push(format!("complete {}", held.task.task));
            state.refusal.clone().map_or(Verdict::Counts, |reason| Verdict::Refused { reason, violates: None })
        })
    }

    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), DispatchError> {
        self.answer(worker, |state| state.heard.push(format!("fail {} {:?}", held.task.task, failure.class)))
    }

    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), DispatchError> {
        let tasks = held.iter().map(|held| held.task.task.to_string()).collect::<Vec<_>>().join(" ");
        self.answer(worker, |state| state.heard.push(format!("hand back {tasks}: {reason}")))
    }

    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, DispatchError> {
        self.answer(worker, |state| {
            state.beat = beat.clone();
            std::mem::take(&mut state.orders)
        })
    }
}

/// Ordinal of a map task that takes an hour.
pub(super) const HOUR: u32 = 0;
/// Ordinal of a map task that is nearly done from its beginning, and takes 20 s more.
pub(super) const NEARLY_DONE: u32 = 1;
/// Ordinal of a map task that finds the disk full.
pub(super) const NO_ROOM: u32 = 2;

/// Executes attempts by their ordinal: the three above, and one second for any other.
#[derive(Debug)]
struct FakeExecute;

#[async_trait]
impl Execute for FakeExecute {
    async fn run(&self, grant: &Grant, progress: &Arc<Progress>, permit: OwnedSemaphorePermit) -> AttemptOutcome {
        let ordinal = grant.task.task.ordinal;
        let mut seconds = match ordinal {
            HOUR => 3600,
            NEARLY_DONE => 20,
            _ => 1,
        };
        progress.plan(100);
        progress.add(if ordinal == NEARLY_DONE { 99 } else { 1 }, 0);
        let failed = |class, message: &str| AttemptOutcome::Failed(Failure::new(class, message));
        while seconds > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            seconds -= 1;
            if progress.check().is_err() {
                drop(permit);
                return failed(FailureClass::Cancelled, "the attempt was cancelled");
            }
        }
        drop(permit);
        if ordinal == NO_ROOM {
            return failed(FailureClass::Resource, "no space left on device");
        }
        AttemptOutcome::Mapped(MapReport {
            splits: Vec::new(),
            run: Some(ObjectEntry { key: run_key(ordinal), size: 0, digest: Digest(0) }),
            books: Default::default(),
            quarantine: None,
            time_range_ms: None,
            stages: Default::default(),
            spills: 0,
            effort: None,
        })
    }
}

pub(super) fn run_key(ordinal: u32) -> String {
    format!("runs/{ordinal}.run")
}

pub(super) fn grant(ordinal: u32) -> Grant {
    let task = TaskId { kind: TaskKind::Map, ordinal };
    Grant {
        task: TaskPath { job: "j".parse().expect("a job's name"), shard: ShardId::Shared(0), task },
        attempt: AttemptId { number: 1, token: FencingToken(ordinal.into()) },
        dataset: "memory://".into(),
        scratch: "memory://".into(),
        spec: Digest(0),
        plan: Digest(0),
        exact_start: None,
        runs: None,
        trace: None,
    }
}

pub(super) fn held(ordinal: u32) -> HeldAttempt {
    HeldAttempt { task: grant(ordinal).task, attempt: grant(ordinal).attempt }
}

#[derive(Debug)]
struct OneStore(Root);

#[async_trait]
impl Open for OneStore {
    async fn open(&self, _uri: &str, _missing: Missing) -> Result<Root, StorageError> {
        Ok(self.0.clone())
    }
}

/// Settings with two slots.
pub(super) fn settings(scratch: &Path, free_min: u64) -> AgentSettings {
    AgentSettings {
        limits: None,
        name: "w1".to_owned(),
        slots: 2,
        memory: ByteSize(2 * MEMORY_BYTES_MIN),
        scratch: scratch.to_owned(),
        scratch_free_min: ByteSize(free_min),
        unfit_pause: AgentSettings::UNFIT_PAUSE,
        lease: LeaseSettings::seeded(7),
        drain_timeout: Duration::from_secs(100),
        access: SegmentAccess::Auto,
        protocol: proto::dispatch::PROTOCOL,
        secret: None,
    }
}

/// Agent with two slots, at work.
pub(super) struct Cluster {
    pub(super) leader: Arc<FakeLeader>,
    pub(super) meta: MemoryStore,
    pub(super) root: Root,
    pub(super) agent: JoinHandle<Result<Left, AgentError>>,
    drain: Option<oneshot::Sender<String>>,
    pub(super) at_once: Arc<Notify>,
    pub(super) lease: watch::Receiver<Result<(), String>>,
}

impl Cluster {
    /// Starts an agent that spills into `scratch`, which must have `free_min` bytes free.
    pub(super) fn start(scratch: &Path, free_min: u64) -> Self {
        let (leader, meta) = (Arc::new(FakeLeader::default()), MemoryStore::new());
        let root = Root::of_store("memory://", Arc::new(InMemory::new()));
        let settings = settings(scratch, free_min);
        let roots = Arc::new(Roots::new(Opener::new(Arc::new(OneStore(root.clone())))));
        let as_leader = Arc::clone(&leader) as Arc<dyn Dispatch>;
        let agent = Agent::with(settings, as_leader, Arc::new(meta.clone()), roots, Arc::new(FakeExecute));
        let lease = agent.lease();
        let (drain, wish) = oneshot::channel();
        let at_once = Arc::new(Notify::new());
        let leaving = Arc::clone(&at_once);
        let agent = tokio::spawn(async move {
            let wish = async { wish.await.expect("the test holds the sender") };
            agent.run(wish, async move { leaving.notified().await }).await
        });
        Self { leader, meta, root, agent, drain: Some(drain), at_once, lease }
    }

    /// Asks the agent to leave.
    pub(super) fn drain(&mut self, reason: &str) {
        let drain = self.drain.take().expect("it is asked once");
        drain.send(reason.to_owned()).expect("the agent is at work");
    }

    /// Waits until `is_so`, for up to 200 s of the paused clock.
    pub(super) async fn until(&self, what: &str, is_so: impl Fn(&LeaderState) -> bool) {
        for _ in 0..2000 {
            if is_so(&self.leader.state()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{what} never came; the leader saw {:?}", self.leader.state());
    }

    /// Waits until the leader heard `what`.
    pub(super) async fn hears(&self, what: &str) {
        self.until(what, |state| state.heard.iter().any(|heard| heard == what)).await;
    }

    /// Waits until a heartbeat names these attempts.
    pub(super) async fn runs(&self, ordinals: &[u32]) {
        let wanted: Vec<_> = ordinals.iter().map(|ordinal| held(*ordinal)).collect();
        self.until(&format!("attempts at {ordinals:?}"), |state| {
            state.beat.attempts.iter().map(|attempt| &attempt.held).eq(&wanted)
        })
        .await;
    }
}
