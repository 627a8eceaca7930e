//! The world: simulated time, and everything that processes cannot see of each other.
//!
//! ```text
//! each quantum:  what is due arrives -> the nemesis acts -> every process runs until the quantum's end -> what they sent is
//!                given its fate, and due times
//! ```
//!
//! Nothing arrives in the quantum in which it was sent, so processes cannot observe the order in which they run
//! inside a quantum.

mod carry; //   fate of messages
mod losses; //  permanent losses, and writes of strangers
mod nemesis; // begin and end of faults

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use model::Clock as _;
use tokio::sync::oneshot;

use crate::bucket::{Bucket, ObjectCall};
use crate::clock::SimClock;
use crate::faults::{Party, Rates};
use crate::network::WireAnswer;
use crate::process::Process;
use crate::scenario::Scenario;
use crate::state::StateService;
use crate::trace::Trace;
use crate::witness::Witness;
use carry::Due;

/// Unit of simulated time; no message takes less.
pub(crate) const QUANTUM: Duration = Duration::from_millis(10);

/// First seed of a world whose machines are busy. Smaller seeds keep their meaning.
const BUSY_FROM: u64 = 200_001;
/// Quanta after which a process of a busy machine sees to its timers, if nothing arrives before.
const BUSY_QUANTA: u64 = 5;

/// Simulated world: processes, stores, messages in flight, and faults.
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) trace: Trace,
    pub(crate) witness: Witness,
    pub(crate) bucket: Arc<Mutex<Bucket>>,
    processes: Vec<Process>,
    coordinators: usize,
    clock: SimClock,
    state: StateService,
    random: fastrand::Rng,
    rates: Rates,
    queue: BinaryHeap<Reverse<Due>>,
    queued: u64,
    calls: BTreeMap<u64, OpenCall>,
    calls_begun: u64,
    /// Quanta between two steps of an idle process.
    idle_quanta: u64,
    cuts: Vec<(Party, Party, Duration)>,
    storm: (f64, Duration),
    state_away_until: Duration,
    compact_at: Option<Duration>,
    /// Set when the operator is done.
    pub(crate) is_finished: bool,
    /// Number of times that the planted bug took effect.
    pub(crate) struck: u64,
}

/// Call to a coordinator that has not been answered.
struct OpenCall {
    from: usize,
    to: usize,
    incarnation: u32,
    reply: Option<oneshot::Sender<WireAnswer>>,
}

impl World {
    /// Creates the world of a scenario, with its input in the bucket and no process up.
    pub(crate) fn new(scenario: &Scenario, is_traced: bool) -> Self {
        let clock = SimClock::new();
        let mut bucket = Bucket::default();
        for (ordinal, (key, bytes)) in scenario.workload.segments.iter().enumerate() {
            let key = format!("input/{key}");
            let put = ObjectCall::Put { key, bytes: bytes.clone().into(), create: true, id: ordinal as u64 };
            bucket.call(&put, clock.now_ms());
        }
        for (ordinal, (key, bytes)) in scenario.strangers.iter().enumerate() {
            let id = u64::MAX - ordinal as u64;
            let put = ObjectCall::Put { key: key.clone(), bytes: bytes.clone().into(), create: true, id };
            bucket.call(&put, clock.now_ms());
        }
        let process = |(name, role): &(String, _)| Process::new(name, Clone::clone(role), clock.of_machine());
        Self {
            now: Duration::ZERO,
            trace: Trace::new(is_traced),
            witness: Witness::of(&scenario.strangers, scenario.has_liar),
            bucket: Arc::new(Mutex::new(bucket)),
            processes: scenario.processes.iter().map(process).collect(),
            coordinators: scenario.coordinators,
            clock,
            state: StateService::new(),
            random: fastrand::Rng::with_seed(scenario.seed ^ 0x7a11_0f5e_ed00_0001),
            rates: scenario.rates,
            queue: BinaryHeap::new(),
            queued: 0,
            calls: BTreeMap::new(),
            calls_begun: 0,
            idle_quanta: if scenario.seed < BUSY_FROM { 1 } else { BUSY_QUANTA },
            cuts: Vec::new(),
            storm: (0.0, Duration::ZERO),
            state_away_until: Duration::ZERO,
            compact_at: None,
            is_finished: false,
            struck: 0,
        }
    }

    /// Starts every process.
    pub(crate) fn start(&mut self) {
        (0..self.processes.len()).for_each(|process| self.start_process(process));
    }

    fn start_process(&mut self, process: usize) {
        let (now, seed) = (self.now, self.random.u64(..));
        self.processes[process].start(now, seed);
        self.trace.note(format_args!("{:?} starts", self.processes[process]));
    }

    /// Lets one quantum pass.
    pub(crate) fn pass(&mut self) {
        self.trace.at(self.now);
        self.deliver();
        let until = self.now + QUANTUM;
        let mut order: Vec<usize> = (0..self.processes.len()).collect();
        self.random.shuffle(&mut order);
        self.clock.set(until);
        let quantum = (until.as_millis() / QUANTUM.as_millis()) as u64;
        for process in &order {
            let is_its_turn = (quantum + *process as u64).is_multiple_of(self.idle_quanta);
            if is_its_turn || !self.processes[*process].is_idle() {
                self.processes[*process].step(until);
            }
        }
        self.now = until;
        self.state.at(until);
        self.trace.at(until);
        for process in order {
            for message in self.processes[process].sent() {
                self.carry(process, message);
            }
        }
        self.look_at_state(None);
        self.tell_watches();
        self.give_up_calls();
    }

    /// Ends every process.
    pub(crate) fn end(&mut self) {
        self.processes.iter_mut().for_each(Process::crash);
    }

    /// True if no invariant is broken yet.
    pub(crate) fn is_sound(&self) -> bool {
        self.witness.violations.is_empty()
    }

    /// Locks the bucket, for observers outside the simulation.
    pub(crate) fn objects(&self) -> MutexGuard<'_, Bucket> {
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the changes in etcd to the witness; `by` is the coordinator that made a revision, and the revision.
    fn look_at_state(&mut self, by: Option<(&str, u64)>) {
        let changes = self.state.changes();
        for (revision, changes) in changes {
            let by = by.filter(|(_, applied)| *applied == revision.0).map(|(by, _)| by);
            for change in &changes {
                let verb = if matches!(change, storage::meta::Change::Put(_)) { "put" } else { "gone" };
                self.trace.note(format_args!("etcd {revision} {verb} {}", change.key()));
            }
            let bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
            self.witness.changed(changes, by, &bucket);
        }
    }
}
