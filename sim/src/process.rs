//! A simulated process: a runtime of its own, on the simulation's one thread and on a clock that the world moves.
//!
//! ```text
//!   down --start--> runs --pause--> stopped
//!    ^               | ^               |
//!    +----crash------+ +----resume-----+
//! ```
//!
//! A crash drops the runtime, and with it every task of the process at its current await. A process that is stopped
//! takes no step; when it goes on its clock jumps, all at once, as a machine's does under SIGCONT.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, RngSeed, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::clock::SimClock;
use crate::network::Incoming;
use crate::port::{Message, Port};
use crate::roles::{Env, Role};

/// Simulated process, up or down.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) clock: SimClock,
    /// Number of starts so far.
    pub(crate) incarnation: u32,
    life: Option<Life>,
    /// Time at which a process that is down starts again, or a stopped one continues.
    pub(crate) back_at: Option<Duration>,
    /// Time at which a process that was asked to leave is killed.
    pub(crate) kill_at: Option<Duration>,
}

/// Runtime of a process that is up.
struct Life {
    runtime: Runtime,
    /// Instant of the runtime at the world's time 0.
    base: Instant,
    port: Arc<Port>,
    inbox: mpsc::UnboundedSender<Incoming>,
    leave: Option<oneshot::Sender<String>>,
    stopped_at: Option<Duration>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.incarnation)
    }
}

impl Process {
    /// Creates a process that is down.
    pub(crate) fn new(name: &str, role: Role, clock: SimClock) -> Self {
        Self { name: name.to_owned(), role, clock, incarnation: 0, life: None, back_at: None, kill_at: None }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.life.is_some()
    }

    /// True if the process takes steps.
    pub(crate) fn runs(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.stopped_at.is_none())
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.life.as_ref().is_some_and(|life| life.stopped_at.is_some())
    }

    /// Starts the process with an empty memory.
    pub(crate) fn start(&mut self, now: Duration, seed: u64) {
        self.incarnation += 1;
        self.back_at = None;
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .rng_seed(RngSeed::from_bytes(&seed.to_le_bytes()))
            .build()
            .expect("a runtime without I/O needs nothing of the system");
        let base = runtime.block_on(async { Instant::now() });
        let (inbox, incoming) = mpsc::unbounded_channel();
        let (leave, left) = oneshot::channel();
        let port = Arc::new(Port::default());
        let env = Env {
            name: self.name.clone(),
            incarnation: self.incarnation,
            seed,
            port: Arc::clone(&port),
            clock: self.clock.clone(),
            incoming,
            left,
        };
        let main = self.role.run(env);
        runtime.spawn(main);
        // The base is the start of the world's time, by this runtime's clock.
        let base = base.checked_sub(now).unwrap_or(base);
        self.life = Some(Life { runtime, base, port, inbox, leave: Some(leave), stopped_at: None });
    }

    /// Runs until the world's time is `until`.
    pub(crate) fn step(&self, until: Duration) {
        let Some(life) = self.life.as_ref().filter(|life| life.stopped_at.is_none()) else { return };
        life.runtime.block_on(async { tokio::time::sleep_until(life.base + until).await });
        // A blocking thread would answer at a time of its own, which no seed could repeat.
        let threads = life.runtime.metrics().num_blocking_threads();
        assert_eq!(threads, 0, "{} leaves work to a thread", self.name);
    }

    /// True if nothing has arrived since the last step: only timers may be due.
    pub(crate) fn is_idle(&self) -> bool {
        self.life.as_ref().is_none_or(|life| life.runtime.metrics().global_queue_depth() == 0)
    }

    /// Takes the messages that the process has sent.
    pub(crate) fn sent(&self) -> Vec<Message> {
        self.life.as_ref().map(|life| life.port.drain()).unwrap_or_default()
    }

    /// Passes it a call, or a notice about one; returns false if the process cannot receive it.
    pub(crate) fn receive(&self, incoming: Incoming) -> bool {
        self.life.as_ref().is_some_and(|life| life.inbox.send(incoming).is_ok())
    }

    /// Asks the process to leave, as SIGTERM or a spot notice does.
    pub(crate) fn ask_to_leave(&mut self, reason: &str) {
        if let Some(leave) = self.life.as_mut().and_then(|life| life.leave.take()) {
            let _ = leave.send(reason.to_owned());
        }
    }

    /// Ends the process at its current await.
    pub(crate) fn crash(&mut self) {
        self.life = None;
    }

    /// Stops the process, as SIGSTOP does.
    pub(crate) fn stop(&mut self, now: Duration) {
        if let Some(life) = &mut self.life {
            life.stopped_at.get_or_insert(now);
        }
    }

    /// Continues the process, as SIGCONT does. Its clock jumps.
    pub(crate) fn resume(&mut self, now: Duration) {
        self.back_at = None;
        let Some(life) = &mut self.life else { return };
        if let Some(since) = life.stopped_at.take() {
            life.runtime.block_on(async { tokio::time::advance(now - since).await });
        }
    }
}
