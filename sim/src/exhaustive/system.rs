//! State of the model, and the effect of each step.
//!
//! The model has one shard of two tasks. Revisions are a counter. A coordinator keeps what it has seen, and one
//! transaction with an unknown outcome; a copy of it may still arrive. A worker keeps the attempt that it runs, also
//! when its lease is gone.

use model::invariant::{may_complete, names_each_once, number_rises, version_follows};
use model::{AttemptId, FencingToken, Invariant, PartitionId};

use super::Guard;

/// Numbers of coordinators, workers and tasks.
const COORDINATORS: usize = 2;
const WORKERS: usize = 2;
const TASKS: usize = 2;
/// Most attempts of one task; more show nothing that two do not.
const NUMBER_MAX: u32 = 2;

/// Claims of one task by attempt number: the worker and its token.
type Claims = [Option<(usize, u64)>; NUMBER_MAX as usize];

/// State of the whole system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct System {
    revision: u64,
    /// Coordinator that leads, and its token.
    leader: Option<(usize, u64)>,
    last: [u32; TASKS],
    claims: [Claims; TASKS],
    done: [Option<AttemptId>; TASKS],
    pub(super) manifests: Vec<Vec<AttemptId>>,
    coordinators: [Coordinator; COORDINATORS],
    workers: [Worker; WORKERS],
    /// Transactions that may still arrive: copies of those whose answers were lost.
    late: Vec<Write>,
    crashes: u8,
    losses: u8,
    depositions: u8,
    expiries: u8,
    pub(super) broken: Option<Invariant>,
}

/// Coordinator with its view of the state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Coordinator {
    token: Option<u64>,
    /// Last attempt number of each task that it knows.
    seen: [u32; TASKS],
    has_committed: bool,
}

/// Worker with its running attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Worker {
    /// True if its lease is gone; the worker goes on until it notices.
    is_expired: bool,
    runs: Option<(usize, AttemptId)>,
}

/// Transaction of a coordinator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Write {
    Claim { by: u64, task: usize, worker: usize, number: u32 },
    Complete { by: u64, task: usize, attempt: AttemptId },
    Commit { by: u64, version: u32, attempts: Vec<AttemptId> },
}

/// Step that may happen next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// A coordinator is elected, and reads the state.
    Elect(usize),
    /// The leader's lease ends without its knowledge.
    Depose,
    /// A coordinator dies, and comes back with nothing in memory.
    Crash(usize),
    /// A worker's lease ends without its knowledge.
    Expire(usize),
    /// A worker notices that its lease is gone, and comes back under another.
    Return(usize),
    /// A coordinator assigns a task; its answer arrives or is lost.
    Claim { coordinator: usize, worker: usize, task: usize, answered: bool },
    /// A coordinator records a worker's completion.
    Complete { coordinator: usize, worker: usize, answered: bool },
    /// A coordinator commits the shard.
    Commit { coordinator: usize, answered: bool },
    /// A copy of a transaction arrives late.
    Arrive(usize),
}

impl System {
    /// Lists the steps that may happen now.
    pub(super) fn steps(&self, steps: &mut Vec<Step>) {
        for coordinator in 0..COORDINATORS {
            if self.leader.is_none() && self.coordinators[coordinator].token.is_none() {
                steps.push(Step::Elect(coordinator));
            }
            if self.crashes + self.depositions == 0 && self.coordinators[coordinator].token.is_some() {
                steps.push(Step::Crash(coordinator));
            }
            if self.coordinators[coordinator].token.is_some() {
                self.steps_of_leader(coordinator, steps);
            }
        }
        if self.leader.is_some() && self.crashes + self.depositions == 0 {
            steps.push(Step::Depose);
        }
        for worker in 0..WORKERS {
            match self.workers[worker].is_expired {
                true => steps.push(Step::Return(worker)),
                false if self.expiries == 0 => steps.push(Step::Expire(worker)),
                false => {}
            }
        }
        steps.extend((0..self.late.len()).map(Step::Arrive));
    }

    fn steps_of_leader(&self, coordinator: usize, steps: &mut Vec<Step>) {
        let answers: &[bool] = if self.losses == 0 { &[true, false] } else { &[true] };
        for &answered in answers {
            for worker in 0..WORKERS {
                match self.workers[worker].runs {
                    Some(_) => steps.push(Step::Complete { coordinator, worker, answered }),
                    None if self.workers[worker].is_expired => {}
                    None => {
                        let tasks = (0..TASKS).filter(|task| self.coordinators[coordinator].seen[*task] < NUMBER_MAX);
                        steps.extend(tasks.map(|task| Step::Claim { coordinator, worker, task, answered }));
                    }
                }
            }
            if self.done.iter().all(Option::is_some) && !self.coordinators[coordinator].has_committed {
                steps.push(Step::Commit { coordinator, answered });
            }
        }
    }

    /// Performs a step; returns true if it changed anything.
    pub(super) fn perform(&mut self, step: Step, guard: Guard) -> bool {
        let before = self.clone();
        match step {
            Step::Elect(coordinator) => self.elect(coordinator),
            Step::Depose => {
                self.leader = None;
                self.depositions += 1;
            }
            Step::Crash(coordinator) => {
                self.crashes += 1;
                self.coordinators[coordinator] = Coordinator::default();
                self.leader = self.leader.filter(|(leader, _)| *leader != coordinator);
            }
            Step::Expire(worker) => {
                self.expiries += 1;
                self.workers[worker].is_expired = true;
                let claims = self.claims.iter_mut().flatten();
                claims.filter(|claim| claim.is_some_and(|(by, _)| by == worker)).for_each(|claim| *claim = None);
            }
            Step::Return(worker) => self.workers[worker] = Worker::default(),
            Step::Claim { coordinator, worker, task, answered } => {
                self.claim(coordinator, worker, task, answered, guard);
            }
            Step::Complete { coordinator, worker, answered } => self.complete(coordinator, worker, answered, guard),
            Step::Commit { coordinator, answered } => self.commit(coordinator, answered, guard),
            Step::Arrive(at) => {
                let write = self.late.remove(at);
                self.apply(&write, guard);
            }
        }
        *self != before
    }

    fn elect(&mut self, coordinator: usize) {
        self.revision += 1;
        self.leader = Some((coordinator, self.revision));
        self.coordinators[coordinator] =
            Coordinator { token: Some(self.revision), seen: self.last, has_committed: false };
    }

    fn claim(&mut self, coordinator: usize, worker: usize, task: usize, answered: bool, guard: Guard) {
        let me = self.coordinators[coordinator];
        let number = me.seen[task] + 1;
        let write = Write::Claim { by: me.token.unwrap_or_default(), task, worker, number };
        if !self.send(coordinator, write, answered, guard) {
            return;
        }
        // The claim is written, as the answer or a read-back has shown.
        self.coordinators[coordinator].seen[task] = number;
        if let Some((_, token)) = self.claims[task][number as usize - 1] {
            let attempt = AttemptId { number, token: FencingToken(token) };
            self.workers[worker].runs = Some((task, attempt));
        }
    }

    fn complete(&mut self, coordinator: usize, worker: usize, answered: bool, guard: Guard) {
        let Some((task, attempt)) = self.workers[worker].runs else { return };
        let by = self.coordinators[coordinator].token.unwrap_or_default();
        self.send(coordinator, Write::Complete { by, task, attempt }, answered, guard);
        // Counted or refused for good, the worker goes on with other work.
        self.workers[worker].runs = None;
    }

    fn commit(&mut self, coordinator: usize, answered: bool, guard: Guard) {
        let attempts: Vec<_> = self.done.iter().flatten().copied().collect();
        // If a manifest already names these attempts, it is found by reading back.
        if !self.manifests.contains(&attempts) {
            let by = self.coordinators[coordinator].token.unwrap_or_default();
            let version = self.manifests.len() as u32 + 1;
            self.send(coordinator, Write::Commit { by, version, attempts }, answered, guard);
        }
        self.coordinators[coordinator].has_committed = true;
    }

    /// Sends a transaction; returns true if it was applied. A coordinator that is refused as deposed stops.
    fn send(&mut self, coordinator: usize, write: Write, answered: bool, guard: Guard) -> bool {
        if !answered {
            // The answer is lost: the transaction may have arrived or not, and a copy of it may still come.
            self.losses += 1;
            self.late.push(write.clone());
            self.late.sort();
        }
        let stands = self.apply(&write, guard);
        let is_deposed = !self.leads(self.coordinators[coordinator].token.unwrap_or_default());
        if is_deposed && guard != Guard::NoLeader {
            self.coordinators[coordinator] = Coordinator::default();
        }
        stands
    }

    fn leads(&self, token: u64) -> bool {
        self.leader.is_some_and(|(_, leader)| leader == token)
    }

    /// Applies a transaction if its comparisons hold, and judges the result.
    fn apply(&mut self, write: &Write, guard: Guard) -> bool {
        match write {
            Write::Claim { by, task, worker, number } => self.apply_claim(*by, *task, *worker, *number, guard),
            Write::Complete { by, task, attempt } => self.apply_completion(*by, *task, *attempt, guard),
            Write::Commit { version, attempts, .. } => self.apply_commit(*version, attempts, guard),
        }
    }

    fn apply_claim(&mut self, by: u64, task: usize, worker: usize, number: u32, guard: Guard) -> bool {
        let is_leader = self.leads(by) || guard == Guard::NoLeader;
        let is_unmoved = self.last[task] + 1 == number;
        if !is_leader || !is_unmoved || self.done[task].is_some() || self.workers[worker].is_expired {
            return false;
        }
        self.judge(number_rises(self.last[task], number), Invariant::Ls1);
        self.judge(self.leads(by), Invariant::Ls3);
        self.revision += 1;
        self.last[task] = number;
        self.claims[task][number as usize - 1] = Some((worker, self.revision));
        true
    }

    fn apply_completion(&mut self, by: u64, task: usize, attempt: AttemptId, guard: Guard) -> bool {
        let is_leader = self.leads(by) || guard == Guard::NoLeader;
        let held = self.claims[task][attempt.number as usize - 1].map(|(_, token)| FencingToken(token));
        let is_held = held == Some(attempt.token) || guard == Guard::NoClaim;
        if !is_leader || !is_held || self.done[task].is_some() {
            return false;
        }
        self.judge(self.leads(by), Invariant::Ls3);
        if let Err(invariant) = may_complete(self.done[task], held, attempt) {
            self.broken = Some(invariant);
        }
        self.revision += 1;
        self.done[task] = Some(attempt);
        self.claims[task] = Claims::default();
        true
    }

    fn apply_commit(&mut self, version: u32, attempts: &[AttemptId], guard: Guard) -> bool {
        let at = version as usize - 1;
        if at < self.manifests.len() {
            if guard == Guard::NoCreateOnly {
                self.judge(false, Invariant::Cm3);
            }
            return false;
        }
        self.judge(version_follows(Some(self.manifests.len() as u32).filter(|it| *it > 0), version), Invariant::Cm3);
        let partitions = (0..attempts.len() as u32).map(PartitionId);
        self.judge(names_each_once(partitions, TASKS as u32), Invariant::Cm1);
        self.judge(self.done.iter().flatten().eq(attempts), Invariant::Cm1);
        self.judge(!self.manifests.iter().any(|manifest| manifest == attempts), Invariant::Cm3);
        self.manifests.push(attempts.to_vec());
        true
    }

    fn judge(&mut self, holds: bool, invariant: Invariant) {
        if !holds {
            self.broken.get_or_insert(invariant);
        }
    }
}
