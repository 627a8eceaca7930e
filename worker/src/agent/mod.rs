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
//! timer reports. A shift claims for all free slots at once, runs what it is granted, and tells the leader.
//!
//! | what happens | the agent |
//! |---|---|
//! | the leader is away | attempts go on; finished ones are held and told again, until the lease is lost |
//! | the lease is lost, by the store's word or by our own clock | stops every attempt, tells and uploads nothing more, begins a new shift under a new lease |
//! | the leader does not know the worker | registers and greets again; attempts go on |
//! | the leader refuses a completion | goes on with other work; removes the run that nobody will read |
//! | the leader orders an attempt to stop | stops it at its next batch, and says so |
//! | the disk is full | takes no work and says why, until there is room |
//! | asked to leave: a signal, the leader's order, a spot notice | drains: finishes what is nearly done, hands the rest back, revokes its lease |
//! | the leader speaks another protocol | ends, with the leader's sentence |

mod backoff; //  pauses between tries
mod fence; //    whether the lease still holds
mod running; //  the attempts of a shift
mod shift; //    the time under one lease
mod standing; // what the cluster knows of the worker
mod tell; //     reports of finished attempts
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use model::limits::MEMORY_BYTES_MIN;
use model::{ByteSize, Clock};
use storage::meta::{LeaseSession, LeaseSettings, MetaError, MetaStore};
use storage::segment::SegmentAccess;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::compute::InPlace;
use crate::execute::{Execute, Executor};
use crate::leader::Leader;
use crate::limits::SlotLimits;
use crate::resolve::{ByUri, Places, Roots};
use crate::secret::Secret;
use backoff::Backoff;
use shift::{Shift, ShiftEnd};

/// How often it says that it still has no lease.
const WARN_EVERY: Duration = Duration::from_secs(30);

/// How an agent works.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Its name: a pod's, a host's.
    pub name: String,
    /// Attempts at once.
    pub slots: usize,
    /// Memory of all slots together.
    pub memory: ByteSize,
    /// Where spilled data goes; the agent makes a folder of its own in it.
    pub scratch: PathBuf,
    /// What has to be free there before work is taken.
    pub scratch_free_min: ByteSize,
    /// How long an unfit worker waits before it looks again.
    pub unfit_pause: Duration,
    /// Its lease, and the seed of every jitter.
    pub lease: LeaseSettings,
    /// How long attempts that are nearly done may go on when it drains.
    pub drain_timeout: Duration,
    /// How segments are read.
    pub access: SegmentAccess,
    /// What its requests carry, so that nobody else speaks for it; none where the leader is in the same process.
    pub secret: Option<Secret>,
}

impl AgentSettings {
    /// What an unfit worker waits unless it is said otherwise.
    pub const UNFIT_PAUSE: Duration = Duration::from_secs(5);

    /// The bounds of one slot.
    fn limits(&self) -> Result<SlotLimits, AgentError> {
        let share = self.memory.0 / self.slots.max(1) as u64;
        if share < MEMORY_BYTES_MIN {
            let least = ByteSize(MEMORY_BYTES_MIN);
            return Err(AgentError::TooLittleMemory { memory: self.memory, slots: self.slots, least });
        }
        Ok(SlotLimits::within(share))
    }
}

/// What ends an agent that was not asked to leave.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A slot's fixed buffers alone would not fit.
    #[error(
        "memory of {memory} is too small for {slots} slots, each needs at least {least}; give more, or fewer slots"
    )]
    TooLittleMemory {
        /// What was given.
        memory: ByteSize,
        /// Attempts at once.
        slots: usize,
        /// Least of each.
        least: ByteSize,
    },
    /// No place for spilled data.
    #[error("make a scratch folder in {folder}; name another with scratch.dir, or make it writable")]
    Scratch {
        /// The place.
        folder: String,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("start a slot's thread")]
    Thread(#[source] std::io::Error),
    /// It could not be made.
    #[error("start the agent")]
    Start(#[source] tokio::task::JoinError),
    /// The cluster's state cannot be used, and waiting does not help.
    #[error("register this worker")]
    State(#[source] MetaError),
    /// The leader and this build cannot work together.
    #[error("{reason}")]
    Incompatible {
        /// The leader's sentence.
        reason: String,
    },
}

/// How an agent left that was asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Everything was finished or handed back.
    Drained,
    /// It was told not to wait.
    AtOnce,
}

/// One worker of a cluster.
#[derive(Debug)]
pub struct Agent {
    settings: AgentSettings,
    leader: Arc<dyn Leader>,
    meta: Arc<dyn MetaStore>,
    roots: Arc<Roots>,
    execute: Arc<dyn Execute>,
    /// One permit a slot; attempts of a shift that was lost keep theirs until they have stopped.
    slots: Arc<Semaphore>,
    /// Whether it has a lease, and why not.
    lease: watch::Sender<Result<(), String>>,
}

/// The wish that the worker leaves, with its reason.
type DrainWish<'a> = Pin<&'a mut (dyn Future<Output = String> + Send)>;

impl Agent {
    /// An agent with its slots' threads, driven by the runtime that this is called in.
    ///
    /// # Errors
    /// Too little memory, no scratch folder, no threads.
    pub fn new(
        settings: AgentSettings,
        leader: Arc<dyn Leader>,
        meta: Arc<dyn MetaStore>,
        places: Arc<dyn Places>,
        clock: &dyn Clock,
    ) -> Result<Self, AgentError> {
        let slots = (settings.slots, settings.limits()?);
        let roots = Arc::new(Roots::new(places));
        let execute = Executor::start(slots, settings.access, &settings.scratch, Arc::clone(&roots), clock)?;
        Ok(Self::with(settings, leader, meta, roots, Arc::new(execute)))
    }

    /// An agent without threads: what its slots do is done by `in_place`.
    ///
    /// # Errors
    /// No scratch folder.
    pub fn in_place(
        settings: AgentSettings,
        leader: Arc<dyn Leader>,
        meta: Arc<dyn MetaStore>,
        in_place: Arc<dyn InPlace>,
        clock: &dyn Clock,
    ) -> Result<Self, AgentError> {
        let roots = Arc::new(Roots::new(Arc::new(ByUri)));
        let execute = Executor::in_place(in_place, &settings.scratch, Arc::clone(&roots), clock)?;
        Ok(Self::with(settings, leader, meta, roots, Arc::new(execute)))
    }

    fn with(
        settings: AgentSettings,
        leader: Arc<dyn Leader>,
        meta: Arc<dyn MetaStore>,
        roots: Arc<Roots>,
        execute: Arc<dyn Execute>,
    ) -> Self {
        let slots = Arc::new(Semaphore::new(settings.slots));
        let lease = watch::Sender::new(Err("no lease yet".to_owned()));
        Self { settings, leader, meta, roots, execute, slots, lease }
    }

    /// Whether the worker has a lease, and why not: without one it does no work.
    pub fn lease(&self) -> watch::Receiver<Result<(), String>> {
        self.lease.subscribe()
    }

    /// Works until `drain` tells why to leave; leaves without waiting when `at_once` resolves.
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
                    tracing::info!(reason, "left before any work");
                    return Ok(Left::Drained);
                }
            };
            self.tell_lease(Ok(()));
            match Shift::begin(self, session, backoff.seed()).run(drain.as_mut()).await? {
                ShiftEnd::Drained => return Ok(Left::Drained),
                ShiftEnd::Lost => {
                    self.tell_lease(Err("the lease was lost; asking for another".to_owned()));
                    // A fleet that lost its leases together does not come back together.
                    backoff.pause().await;
                }
            }
        }
    }

    fn tell_lease(&self, holds: Result<(), String>) {
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
                        tracing::warn!(error = &error as &dyn std::error::Error, "no lease yet; asking on");
                    }
                    self.tell_lease(Err(format!("no lease: {error}")));
                    backoff.pause().await;
                }
                Err(error) => return Err(AgentError::State(error)),
            }
        }
    }
}

/// Whether the cluster's state may take the same write later.
fn may_pass(error: &MetaError) -> bool {
    error.is_transient() || matches!(error, MetaError::OutOfSpace)
}
