//! Role of a worker: the real agent, which really maps and reduces, on coroutines.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::limits::MEMORY_BYTES_MIN;
use model::{ByteSize, Effort, Failure, Grant, HeldAttempt, LeaseId};
use proto::client::LeaderClient;
use proto::dispatch::{Beat, Dispatch, DispatchError, Hello, Orders, Verdict};
use proto::secret::Secret;
use proto::v1;
use storage::meta::{LeaseSettings, MetaStore};
use storage::segment::SegmentAccess;
use worker::remote::RemoteLeader;
use worker::{Agent, AgentSettings, AttemptOutcome, SlotLimits};

use super::{Env, STATE_TIMEOUT, leave, places};
use crate::clock::SimClock;
use crate::in_place::{Coroutines, Look};
use crate::network::{SimChannel, WireRequest, framed, message};
use crate::planted::PlantedBug;
use crate::port::{Message, Port, Truth};
use crate::state::StateClient;

/// Settings of a worker.
#[derive(Debug, Clone)]
pub(crate) struct WorkerRole {
    pub(crate) coordinators: Vec<String>,
    pub(crate) slots: usize,
    pub(crate) limits: SlotLimits,
    pub(crate) lease_ttl: Duration,
    pub(crate) drain_timeout: Duration,
    /// Longest computation of an attempt, beyond its waits.
    pub(crate) takes_max: Duration,
    /// Protocol version that it speaks, if not this build's.
    pub(crate) protocol: Option<u32>,
    /// Time from the start of the world during which it forges its reports, if it does.
    pub(crate) lies_for: Option<Duration>,
    pub(crate) scratch: PathBuf,
    pub(crate) planted: Option<PlantedBug>,
}

impl WorkerRole {
    pub(crate) async fn run(self, env: Env) {
        let store: Arc<dyn MetaStore> = Arc::new(StateClient::new(Arc::clone(&env.port), STATE_TIMEOUT));
        let store = crate::planted::state_of_worker(self.planted, store, &env.port);
        let settings = AgentSettings {
            limits: None,
            name: env.name.clone(),
            slots: self.slots,
            memory: ByteSize(self.slots as u64 * MEMORY_BYTES_MIN),
            scratch: self.scratch.join(format!("{}.{}", env.name, env.incarnation)),
            scratch_free_min: ByteSize(0),
            unfit_pause: AgentSettings::UNFIT_PAUSE,
            lease: LeaseSettings { ttl: self.lease_ttl, seed: env.seed },
            drain_timeout: self.drain_timeout,
            access: SegmentAccess::Ranged,
            protocol: self.protocol.unwrap_or(proto::dispatch::PROTOCOL),
            secret: Some(Secret::seeded(env.seed)),
        };
        let random = Mutex::new(fastrand::Rng::with_seed(env.seed));
        let port = Arc::clone(&env.port);
        let look = Arc::new(Slow {
            port: Arc::clone(&port),
            takes_max: self.takes_max,
            random,
            planted: self.planted,
            lies: self.lies_for.map(|until| (env.clock.clone(), until)),
        });
        let slots = Arc::new(Coroutines::new(self.limits, look));
        let agent = match self.leader(&port, Secret::seeded(env.seed)) {
            Ok(leader) => Agent::in_place(settings, leader, store, (slots, places(&port, self.planted)), &env.clock)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        let left = match agent {
            Ok(agent) => match agent.run(leave(env.left), std::future::pending()).await {
                Ok(left) => format!("{left:?}"),
                Err(error) => error.to_string(),
            },
            Err(error) => error,
        };
        port.send(Message::Truth(Truth::Left(left)));
    }

    fn leader(&self, port: &Arc<Port>, secret: Secret) -> Result<Arc<dyn Dispatch>, String> {
        let (port, protocol) = (Arc::clone(port), self.protocol);
        let bend = Arc::new(move |request| speaking(protocol, request));
        let connect = {
            let port = Arc::clone(&port);
            move |to: &str| SimChannel { port: Arc::clone(&port), to: to.to_owned(), bend: Some(bend.clone()) }
        };
        let client = LeaderClient::connecting(self.coordinators.clone(), Box::new(connect));
        let leader = RemoteLeader::new(&client.map_err(|error| error.to_string())?, secret);
        let leader = crate::planted::leader(self.planted, Arc::new(leader), &port);
        Ok(Arc::new(Overheard { inner: leader, port, is_liar: self.lies_for.is_some() }))
    }
}

/// Replaces the protocol version in a greeting.
fn speaking(protocol: Option<u32>, request: WireRequest) -> WireRequest {
    match (protocol, message::<v1::HelloRequest>(&request.body)) {
        (Some(protocol), Some(hello)) if request.method() == "Hello" => {
            WireRequest { body: framed(&v1::HelloRequest { protocol, ..hello }), ..request }
        }
        _ => request,
    }
}

/// Leader that passes each worker's report of a failed attempt to the world before it is sent.
#[derive(Debug)]
struct Overheard {
    inner: Arc<dyn Dispatch>,
    port: Arc<Port>,
    /// If set, broken invariants that the leader finds in its reports are expected.
    is_liar: bool,
}

#[async_trait]
impl Dispatch for Overheard {
    async fn hello(&self, hello: &Hello) -> Result<(), DispatchError> {
        self.inner.hello(hello).await
    }

    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, DispatchError> {
        self.inner.claim(worker, slots, wait).await
    }

    async fn complete(
        &self,
        worker: LeaseId,
        held: &HeldAttempt,
        report: Bytes,
        effort: Option<Effort>,
    ) -> Result<Verdict, DispatchError> {
        let verdict = self.inner.complete(worker, held, report, effort).await;
        // A leader that finds a broken invariant in a report is a witness like any other.
        if let Ok(Verdict::Refused { reason, violates: Some(invariant) }) = &verdict
            && !self.is_liar
        {
            self.port.send(Message::Truth(Truth::Refuted { invariant: *invariant, what: reason.clone() }));
        }
        verdict
    }

    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), DispatchError> {
        self.port.send(Message::Truth(Truth::Failed { held: held.clone(), class: failure.class }));
        self.inner.fail(worker, held, failure).await
    }

    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), DispatchError> {
        self.inner.hand_back(worker, held, reason).await
    }

    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, DispatchError> {
        self.inner.heartbeat(worker, beat).await
    }
}

/// Attempts that take a random time.
struct Slow {
    port: Arc<Port>,
    takes_max: Duration,
    random: Mutex<fastrand::Rng>,
    planted: Option<PlantedBug>,
    /// Clock and time up to which reports are forged.
    lies: Option<(SimClock, Duration)>,
}

impl Look for Slow {
    fn takes(&self) -> Duration {
        let draw = self.random.lock().unwrap_or_else(PoisonError::into_inner).f64();
        // Most attempts are quick; a few take almost the longest time.
        self.takes_max.mul_f64(draw * draw * draw)
    }

    fn computed(&self, held: &HeldAttempt, outcome: AttemptOutcome) -> AttemptOutcome {
        let lies = self.lies.as_ref().is_some_and(|(clock, until)| clock.is_before(*until));
        let draw = if lies { self.random.lock().unwrap_or_else(PoisonError::into_inner).u8(..4) } else { 3 };
        let outcome = if draw == 0 { forged(outcome) } else { outcome };
        match self.planted {
            Some(planted) => planted.outcome(&held.task, outcome, &self.port),
            None => outcome,
        }
    }
}

/// Forges a report of work that was not done: none of the points read lies in the window, or points were counted that
/// were never written.
fn forged(outcome: AttemptOutcome) -> AttemptOutcome {
    match outcome {
        AttemptOutcome::Mapped(mut report) => {
            // Points without a time range are impossible, so the leader can refuse the report. A forged range within
            // the splits' limits could not be detected.
            (report.run, report.time_range_ms) = (None, None);
            report.books.points_early += std::mem::take(&mut report.books.points_routed);
            AttemptOutcome::Mapped(report)
        }
        AttemptOutcome::Reduced(mut report) => {
            report.raw = None;
            report.books.points_duplicate += std::mem::take(&mut report.books.points_written);
            AttemptOutcome::Reduced(report)
        }
        failed => failed,
    }
}
