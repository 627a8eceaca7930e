//! The agent: a worker's life in the cluster, and in `tailor run`.
//!
//! ```text
//!   start --> lease granted --> registered --> greeted --> takes work <--> unfit
//!    ^                             ^                           |
//!    |                             +---- the leader does not know us
//!    +------- lease lost ----------------------- (any state) --+
//!                                                              | asked to leave
//!                                                              v
//!                                                          draining --> lease revoked, gone
//! ```
//!
//! The time under one lease is a *shift* (`shift`): one loop that owns everything, and to which every call, attempt and
//! timer reports. A shift claims for all free slots at once, runs what it is granted, and reports to the leader.
//!
//! | what happens | the agent |
//! |---|---|
//! | the leader is away | attempts go on; finished ones are held and reported again, until the lease is lost |
//! | the lease is lost (by our own clock, or etcd says so) | stops every attempt and upload, begins a new shift |
//! | the leader does not know the worker | registers and greets again; attempts go on |
//! | the leader refuses a completion | goes on with other work; removes the run that nobody will read |
//! | the leader orders an attempt to stop | stops it at its next batch, and says so |
//! | the disk is full | takes no work and says why, until there is room |
//! | asked to leave by a signal, the leader or a spot notice | drains: finishes what is nearly done, hands back the rest |
//! | the leader speaks another protocol | ends, with the leader's sentence |

mod backoff; //  pauses between tries
mod fence; //    check that the lease still holds
mod running; //  attempts of a shift
mod shift; //    time under one lease
mod standing; // registration with the cluster
mod reporter; // reports of finished attempts
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use model::error::chain;
use model::limits::MEMORY_BYTES_MIN;
use model::{ByteSize, Clock};
use storage::Opener;
use storage::meta::{LeaseSession, LeaseSettings, MetaError, MetaStore};
use storage::segment::SegmentAccess;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::compute::InPlace;
use crate::execute::{Execute, Executor};
use crate::limits::SlotLimits;
use crate::resolve::Roots;
use backoff::Backoff;
use proto::dispatch::Dispatch;
use proto::secret::Secret;
use shift::{Shift, ShiftEnd};

/// Interval between log lines about a missing lease.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// Settings of an agent.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Name of the pod or host.
    pub name: String,
    /// Most attempts at once.
    pub slots: usize,
    /// Memory of all slots together.
    pub memory: ByteSize,
    /// Limits of each slot. Without them, its equal share of the memory; tests force rare paths with smaller ones.
    pub limits: Option<SlotLimits>,
    /// Folder for spilled data; the agent makes a subfolder of its own.
    pub scratch: PathBuf,
    /// Free bytes that `scratch` must have before work is taken.
    pub scratch_free_min: ByteSize,
    /// Pause before an unfit worker checks its machine again.
    pub unfit_pause: Duration,
    /// Timing of the lease, and the seed of every jitter.
    pub lease: LeaseSettings,
    /// Longest time for attempts that are nearly done to finish during a drain.
    pub drain_timeout: Duration,
    /// Access to segments: mapped files or ranged reads.
    pub access: SegmentAccess,
    /// Secret that each request carries, so that nobody else can act for this worker; none if the leader is in the
    /// same process.
    pub secret: Option<Secret>,
    /// Version of the worker protocol that the worker's record states: [`PROTOCOL`](proto::dispatch::PROTOCOL), except where
    /// mixed versions are tried.
    pub protocol: u32,
}

impl AgentSettings {
    /// Default of `unfit_pause`, in operation.
    pub const UNFIT_PAUSE: Duration = Duration::from_secs(5);

    /// Returns the limits of one slot: those of the settings, or its equal share of the memory.
    fn limits(&self) -> Result<SlotLimits, AgentError> {
        if let Some(limits) = self.limits {
            return Ok(limits);
        }
        let share = self.memory.0 / self.slots.max(1) as u64;
        if share < MEMORY_BYTES_MIN {
            let least = ByteSize(MEMORY_BYTES_MIN);
            return Err(AgentError::TooLittleMemory { memory: self.memory, slots: self.slots, least });
        }
        Ok(SlotLimits::within(share))
    }
}

/// Error that ends an agent that was not asked to leave.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The fixed buffers of the slots alone exceed the memory.
    #[error(
        "memory of {memory} is too small for {slots} slots, each needs at least {least}; give more, or fewer slots"
    )]
    TooLittleMemory {
        /// Memory of all slots together.
        memory: ByteSize,
        /// Number of slots that share it.
        slots: usize,
        /// Least memory of each slot.
        least: ByteSize,
    },
    /// The scratch folder cannot be made.
    #[error("cannot make a scratch folder in {folder}; name another with scratch.dir, or make it writable")]
    Scratch {
        /// Folder named by `scratch.dir`.
        folder: String,
        /// Error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start the thread of a slot")]
    Thread(#[source] std::io::Error),
    /// The task that prepares the agent panicked or was aborted.
    #[error("cannot start the agent")]
    Start(#[source] tokio::task::JoinError),
    /// The cluster's state cannot be used, and waiting does not help.
    #[error("cannot register this worker")]
    State(#[source] MetaError),
    /// The leader and this build cannot work together.
    #[error("{reason}")]
    Incompatible {
        /// Sentence of the leader, for the operator.
        reason: String,
    },
}

/// Ending of an agent that was asked to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Everything was finished or handed back.
    Drained,
    /// The agent left without waiting, as it was asked to.
    AtOnce,
}

/// Worker process of a cluster: leases, claims, attempts, reports.
#[derive(Debug)]
pub struct Agent {
    settings: AgentSettings,
    leader: Arc<dyn Dispatch>,
    meta: Arc<dyn MetaStore>,
    roots: Arc<Roots>,
    execute: Arc<dyn Execute>,
    /// Free slots as permits. Attempts of a lost shift keep theirs until their threads have stopped.
    slots: Arc<Semaphore>,
    /// State of the lease: `Ok` if held, else the reason.
    lease: watch::Sender<Result<(), String>>,
}

/// Future that resolves with the reason for which the worker should leave.
type DrainWish<'a> = Pin<&'a mut (dyn Future<Output = String> + Send)>;

impl Agent {
    /// Creates an agent whose slots have threads, and starts them on the current runtime.
    ///
    /// # Errors
    /// Too little memory, no scratch folder, no threads.
    pub fn new(
        settings: AgentSettings,
        leader: Arc<dyn Dispatch>,
        meta: Arc<dyn MetaStore>,
        opener: Opener,
        clock: &dyn Clock,
    ) -> Result<Self, AgentError> {
        let slots = (settings.slots, settings.limits()?);
        let roots = Arc::new(Roots::new(opener));
        let execute = Executor::start(slots, settings.access, &settings.scratch, Arc::clone(&roots), clock)?;
        Ok(Self::with(settings, leader, meta, roots, Arc::new(execute)))
    }

    /// Creates an agent without threads; `in_place` runs the work of its slots.
    ///
    /// # Errors
    /// No scratch folder.
    pub fn in_place(
        settings: AgentSettings,
        leader: Arc<dyn Dispatch>,
        meta: Arc<dyn MetaStore>,
        (in_place, opener): (Arc<dyn InPlace>, Opener),
        clock: &dyn Clock,
    ) -> Result<Self, AgentError> {
        let roots = Arc::new(Roots::new(opener));
        let execute = Executor::in_place(in_place, &settings.scratch, Arc::clone(&roots), clock)?;
        Ok(Self::with(settings, leader, meta, roots, Arc::new(execute)))
    }

    fn with(
        settings: AgentSettings,
        leader: Arc<dyn Dispatch>,
        meta: Arc<dyn MetaStore>,
        roots: Arc<Roots>,
        execute: Arc<dyn Execute>,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(settings.slots));
        let lease = watch::Sender::new(Err("waiting for the first lease".to_owned()));
        Self { settings, leader, meta, roots, execute, slots, lease }
    }

    /// Watches the lease: `Ok` if held, else the reason. Without a lease the worker does no work.
    pub fn lease(&self) -> watch::Receiver<Result<(), String>> {
        self.lease.subscribe()
    }

    /// Works until `drain` resolves with the reason to leave; leaves without waiting when `at_once` resolves.
    ///
    /// # Errors
    /// What waiting does not mend; see [`AgentError`].
    pub async fn run(
        self,
        drain: impl Future<Output = String> + Send,
        at_once: impl Future<Output = ()> + Send,
    ) -> Result<Left, AgentError> {
        let drain = pin!(drain);
        tokio::select! {
            left = self.work(drain) => left,
            () = at_once => Ok(Left::AtOnce),
        }
    }

    async fn work(&self, mut drain: DrainWish<'_>) -> Result<Left, AgentError> {
        let mut backoff = Backoff::seeded(self.settings.lease.seed);
        loop {
            let session = tokio::select! {
                session = self.open_session(&mut backoff) => session?,
                reason = &mut drain => {
                    tracing::info!(reason, "asked to leave before any work; left");
                    return Ok(Left::Drained);
                }
            };
            self.publish_lease(Ok(()));
            match Shift::begin(self, session, backoff.seed()).run(drain.as_mut()).await? {
                ShiftEnd::Drained => return Ok(Left::Drained),
                ShiftEnd::Lost => {
                    self.publish_lease(Err("the lease was lost; asking for another".to_owned()));
                    // Pause first, so that a fleet that lost its leases together does not come back together.
                    backoff.pause().await;
                }
            }
        }
    }

    fn publish_lease(&self, holds: Result<(), String>) {
        drop(self.lease.send_replace(holds));
    }

    async fn open_session(&self, backoff: &mut Backoff) -> Result<LeaseSession, AgentError> {
        let mut warn_at = Instant::now();
        loop {
            match LeaseSession::open(Arc::clone(&self.meta), self.settings.lease).await {
                Ok(session) => return Ok(session),
                Err(error) if may_pass(&error) => {
                    if warn_at <= Instant::now() {
                        warn_at = Instant::now() + WARN_EVERY;
                        tracing::warn!(error = chain(&error), "failed to get a lease; trying again");
                    }
                    self.publish_lease(Err(format!("no lease: {}", chain(&error))));
                    backoff.pause().await;
                }
                Err(error) => return Err(AgentError::State(error)),
            }
        }
    }
}

/// True if the cluster's state may accept the same write later.
fn may_pass(error: &MetaError) -> bool {
    error.is_transient() || matches!(error, MetaError::OutOfSpace)
}
