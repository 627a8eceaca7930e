//! Planted bugs: each breaks one promise, and must be found by the invariant that states it.
//!
//! They are planted at the seams, where a store, a message or an outcome passes, so the shipped code knows nothing of
//! them. Only wrong decisions of the scheduler are behind its feature `planted`. If no seed finds a bug, a check is
//! missing.

mod leader; //  calls between worker and coordinator
mod objects; // requests to the bucket
mod state; //   calls to etcd

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Invariant, TaskPath};
use proto::dispatch::Dispatch;
use storage::meta::MetaStore;
use worker::AttemptOutcome;

use crate::port::{Message, Port, Truth};
use crate::run::Options;
use crate::scenario::Mode;
use crate::witness::Violation;

thread_local! {
    /// First report of each task's attempts in this run.
    static EARLIER: RefCell<BTreeMap<TaskPath, model::MapReport>> = const { RefCell::new(BTreeMap::new()) };
}

/// Bug to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum PlantedBug {
    /// A completion is recorded for any worker, not only for the holder of the claim.
    NoTokenCheck,
    /// A transaction with an unknown outcome is sent again without reading back.
    BlindRetry,
    /// A deposed leader goes on writing.
    DeposedLeaderWrites,
    /// A task that is assigned again keeps the number of its attempt.
    NumberNotRaised,
    /// A claim does not end with its worker's lease.
    ClaimWithoutLease,
    /// A worker's record does not end with its lease.
    WorkerWithoutLease,
    /// A watch goes on after a compaction as if nothing had been missed.
    NoRelist,
    /// Lost workers are not noticed.
    DeafToLosses,
    /// A leader that takes over does not read which tasks are done.
    ForgetsDone,
    /// A worker trusts its lease even if the store says that it is lost.
    LeaseFenceOff,
    /// A manifest is put even if one exists.
    ManifestOverwrites,
    /// A create-only write that is refused counts as done.
    RefusedIsDone,
    /// A manifest leaves a partition out.
    PartitionLeftOut,
    /// A part is named before it is written.
    PartNotWritten,
    /// The collector uses an old listing of the manifests.
    OldListing,
    /// A drain counts against the tasks that it hands back.
    DrainCharges,
    /// A store that is away counts against the task.
    ThrottledCharges,
    /// The run of a refused attempt is reported by the next one.
    RefusedRunUsed,
    /// The reported first frame of a split is accepted unchecked.
    StitchOff,
    /// Points of equal time are kept in the order in which runs arrive.
    ArrivalOrder,
    /// The collector deletes foreign objects that lie in its way.
    CollectorTakesForeign,
    /// The collector does not check if a job still runs.
    CollectorIgnoresMarks,
    /// The collector does not check if a rollback reads a job's output.
    CollectorIgnoresPins,
    /// The base of a shard is noted when it commits, not when it is planned.
    BaseNotedLate,
    /// Each leader has the same term.
    TermNotDrawn,
    /// The record of a round overwrites that of another.
    RecordReplaced,
    /// Workers that are lost together make the leader count a broken invariant.
    GapIsViolated,
    /// A leader stops at a key that it does not know.
    StopsAtUnknownKey,
    /// A field that a newer version wrote is dropped.
    FieldDropped,
    /// A lost object is waited for as if its store were away.
    LossWaitedFor,
    /// Every report is accepted unchecked.
    ReportBelieved,
}

/// Expectations for a planted bug.
#[derive(Debug, Clone, Copy)]
pub struct PlantedFacts {
    /// Invariants that may find the bug.
    pub found_by: &'static [Invariant],
    /// Mode in which it is searched for.
    pub mode: Mode,
    /// Number of seeds within which it must be found.
    pub within: u64,
    /// True if it can show only in wider worlds.
    pub is_wider: bool,
}

impl std::fmt::Display for PlantedBug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self).expect("no bug is hidden from the command line");
        f.write_str(value.get_name())
    }
}

impl PlantedBug {
    /// Every bug that can be planted.
    pub fn all() -> &'static [Self] {
        <Self as clap::ValueEnum>::value_variants()
    }

    /// Searches from `seed` on; returns the number of seeds that took, and the violation.
    pub fn find(self, seed: u64) -> Option<(u64, Violation)> {
        let PlantedFacts { found_by, mode, within, is_wider } = self.known();
        let seed = if is_wider { seed + crate::wider::FROM } else { seed };
        (0..within).find_map(|tried| {
            let options = Options { mode, planted: Some(self), is_traced: false };
            let violations = crate::run::run(seed + tried, options).violations;
            let found = violations.into_iter().find(|violation| found_by.contains(&violation.invariant));
            found.map(|violation| (tried + 1, violation))
        })
    }

    /// Expectations for this bug: the invariants that find it, and how soon.
    pub fn known(self) -> PlantedFacts {
        use Invariant::{Cm1, Cm2, Cm3, Cm5, Dt2, Dt3, Gc1, Ls1, Ls2, Ls3, Ls4, Lv1};
        let (found_by, mode, within): (&'static [Invariant], _, _) = match self {
            Self::NoTokenCheck => (&[Ls3, Ls2], Mode::Safety, 200),
            Self::BlindRetry => (&[Ls1, Ls2, Ls3], Mode::Safety, 50),
            Self::DeposedLeaderWrites => (&[Ls3], Mode::Safety, 200),
            Self::NumberNotRaised => (&[Ls1], Mode::Safety, 20),
            Self::ClaimWithoutLease => (&[Ls3], Mode::Safety, 5),
            Self::WorkerWithoutLease => (&[Lv1], Mode::Liveness, 50),
            Self::NoRelist => (&[Lv1], Mode::Safety, 250),
            Self::DeafToLosses => (&[Lv1], Mode::Liveness, 50),
            Self::ForgetsDone => (&[Lv1, Ls2], Mode::Liveness, 50),
            Self::LeaseFenceOff => (&[Lv1, Ls3], Mode::Liveness, 250),
            Self::ManifestOverwrites => (&[Cm3], Mode::Safety, 400),
            Self::RefusedIsDone => (&[Cm1], Mode::Safety, 400),
            Self::PartitionLeftOut => (&[Cm1], Mode::Safety, 5),
            Self::PartNotWritten => (&[Cm2], Mode::Safety, 20),
            Self::OldListing => (&[Gc1], Mode::Safety, 100),
            Self::DrainCharges => (&[Ls4], Mode::Safety, 50),
            Self::ThrottledCharges => (&[Ls4], Mode::Safety, 200),
            Self::RefusedRunUsed => (&[Ls3, Cm2], Mode::Safety, 50),
            Self::StitchOff => (&[Invariant::Pl2, Dt2], Mode::Safety, 50),
            Self::ArrivalOrder => (&[Dt2, Dt3], Mode::Safety, 50),
            Self::CollectorTakesForeign => (&[Gc1], Mode::Safety, 100),
            Self::CollectorIgnoresMarks => (&[Gc1], Mode::Safety, 100),
            Self::CollectorIgnoresPins => (&[Gc1], Mode::Safety, 100),
            Self::BaseNotedLate => (&[Cm5], Mode::Safety, 250),
            Self::TermNotDrawn => (&[Ls1, Ls3, Cm2], Mode::Safety, 400),
            Self::RecordReplaced => (&[Ls3], Mode::Safety, 200),
            Self::GapIsViolated => (&[Ls1], Mode::Safety, 300),
            Self::StopsAtUnknownKey => (&[Lv1], Mode::Safety, 50),
            Self::FieldDropped => (&[Gc1], Mode::Safety, 100),
            Self::LossWaitedFor => (&[Lv1], Mode::Safety, 100),
            Self::ReportBelieved => (&[Dt2, Dt3, Cm1, Invariant::Dt1], Mode::Safety, 100),
        };
        PlantedFacts { found_by, mode, within, is_wider: self >= Self::CollectorTakesForeign }
    }

    /// Changes the outcome of an attempt, if this bug does.
    pub(crate) fn outcome(self, task: &TaskPath, outcome: AttemptOutcome, port: &Port) -> AttemptOutcome {
        match outcome {
            AttemptOutcome::Mapped(report) if self == Self::RefusedRunUsed => EARLIER.with_borrow_mut(|earlier| {
                if let Some(before) = earlier.get(task) {
                    struck(port);
                    return AttemptOutcome::Mapped(before.clone());
                }
                earlier.insert(task.clone(), report.clone());
                AttemptOutcome::Mapped(report)
            }),
            outcome => outcome,
        }
    }
}

/// Begins a run with this bug, or with none.
pub(crate) fn begin(planted: Option<PlantedBug>) {
    scheduler::planted::plant(match planted {
        Some(PlantedBug::StitchOff) => Some(scheduler::planted::Planted::StitchOff),
        Some(PlantedBug::ArrivalOrder) => Some(scheduler::planted::Planted::ArrivalOrder),
        Some(PlantedBug::GapIsViolated) => Some(scheduler::planted::Planted::GapIsViolated),
        Some(PlantedBug::ReportBelieved) => Some(scheduler::planted::Planted::ReportBelieved),
        _ => None,
    });
    objects::begin();
    EARLIER.take();
}

/// Wraps etcd for a coordinator with this bug.
pub(crate) fn state_of_coordinator(
    planted: Option<PlantedBug>,
    store: Arc<dyn MetaStore>,
    port: &Arc<Port>,
) -> Arc<dyn MetaStore> {
    match planted {
        Some(planted) if planted != PlantedBug::WorkerWithoutLease && planted != PlantedBug::LeaseFenceOff => {
            Arc::new(state::Bent::new(planted, store, Arc::clone(port)))
        }
        _ => store,
    }
}

/// Wraps etcd for a worker with this bug.
pub(crate) fn state_of_worker(
    planted: Option<PlantedBug>,
    store: Arc<dyn MetaStore>,
    port: &Arc<Port>,
) -> Arc<dyn MetaStore> {
    match planted {
        Some(planted @ (PlantedBug::WorkerWithoutLease | PlantedBug::LeaseFenceOff)) => {
            Arc::new(state::Bent::new(planted, store, Arc::clone(port)))
        }
        _ => store,
    }
}

/// Wraps the leader for a worker with this bug.
pub(crate) fn leader(planted: Option<PlantedBug>, leader: Arc<dyn Dispatch>, port: &Arc<Port>) -> Arc<dyn Dispatch> {
    match planted {
        Some(planted @ (PlantedBug::DrainCharges | PlantedBug::ThrottledCharges)) => {
            Arc::new(leader::Bent::new(planted, leader, Arc::clone(port)))
        }
        _ => leader,
    }
}

/// True if a violation that the product counts fails the run. Without a planted bug every violation does; with one,
/// only an invariant that is to find the bug, because another would hide it.
pub(crate) fn counts(planted: Option<PlantedBug>, invariant: Invariant) -> bool {
    planted.is_none_or(|planted| planted.known().found_by.contains(&invariant))
}

/// Returns the seed for a coordinator's terms.
pub(crate) fn seed_of_terms(planted: Option<PlantedBug>, seed: u64) -> u64 {
    if planted == Some(PlantedBug::TermNotDrawn) { 1 } else { seed }
}

/// Notes that the bug took effect.
fn struck(port: &Port) {
    port.send(Message::Truth(Truth::Struck));
}
