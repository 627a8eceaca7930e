//! Runs plans on one thread, in an order drawn from a seed, with workers that are lost and completions that come late.
//!
//! Every turn draws one thing that may happen: a worker claims, runs an attempt that it holds, a completion arrives, an
//! attempt fails for no reason, a worker is lost, or somebody who was given up speaks after all. What must hold whatever
//! happens is asserted here: attempt numbers rise (LS-1), no task is recorded done twice (LS-2), who is stale changes
//! nothing (LS-3), every shard ends (LV-1).

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::assignment::assignment;
use model::{
    AttemptId, Failure, FailureClass, FencingToken, MapReport, OrgId, ReduceReport, ShardId, ShardPlan, TaskId,
};
use scheduler::{Effect, Event, ShardEnd, ShardOutput, State, WorkerId, step};
use shard_config::ShardMap;
use worker::task::{Assignment, Progress, Stores, Surroundings};
use worker::{Outcome, Slot, SlotLimits};

use crate::random::Random;

/// Turns after which an execution counts as stuck (LV-1): plans of tests have at most some hundred tasks.
const TURNS_MAX: usize = 1_000_000;

/// Workers that are lost in one execution, at most.
const LOSSES_MAX: usize = 6;

/// Attempts that fail for no reason, at most: fewer than end a task.
const FAILURES_MAX: usize = model::limits::ATTEMPTS_PER_TASK_MAX as usize - 1;

/// Completions that are delivered a second time, at most: each is compared with the whole state.
const COPIES_MAX: usize = 20;

/// How plans are run.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// Draws what happens next.
    pub seed: u64,
    /// Workers at once.
    pub workers: usize,
    /// What bounds each.
    pub limits: SlotLimits,
}

/// What became of the plans.
#[derive(Debug, Default)]
pub struct Execution {
    /// How each shard ended, and what it would have committed.
    pub shards: BTreeMap<ShardId, (Option<ShardEnd>, Option<Box<ShardOutput>>)>,
    /// Attempts that ran.
    pub attempts: usize,
    /// Completions that were refused.
    pub refused: usize,
    /// Map attempts from a start that the stitch had found out.
    pub stitched: usize,
    /// Spills of map attempts.
    pub spills: u32,
}

/// Runs `plans` to their end.
pub fn execute(plans: Vec<ShardPlan>, stores: &Stores, shard_map: &ShardMap, conditions: Conditions) -> Execution {
    let mut executor = Executor::new(stores, shard_map, conditions);
    for plan in plans {
        executor.apply(Event::Planned { plan: Arc::new(plan) });
    }
    for _ in 0..TURNS_MAX {
        if executor.state.has_ended() {
            return executor.finish();
        }
        executor.turn();
    }
    panic!("LV-1: no end after {TURNS_MAX} turns: {:?}", executor.state);
}

struct Executor<'a> {
    stores: &'a Stores,
    shard_map: &'a ShardMap,
    limits: SlotLimits,
    random: Random,
    state: State,
    workers: Vec<Worker>,
    workers_so_far: u32,
    /// Completions on their way.
    mailbox: Vec<(WorkerId, Completion)>,
    /// Completions of those who were given up, and copies of what was delivered.
    late: Vec<Completion>,
    /// Attempts of those who were given up, still running.
    zombies: Vec<Assignment>,
    /// The last attempt number of each task.
    numbers: BTreeMap<(ShardId, TaskId), u32>,
    token: u64,
    losses: usize,
    failures: usize,
    copies: usize,
    execution: Execution,
}

struct Worker {
    id: WorkerId,
    slot: Slot,
    holds: Vec<Assignment>,
}

/// A completion, which may be delivered more than once.
#[derive(Debug, Clone)]
struct Completion {
    shard: ShardId,
    task: TaskId,
    attempt: AttemptId,
    outcome: End,
}

#[derive(Debug, Clone)]
enum End {
    Mapped(MapReport),
    Reduced(ReduceReport),
    Failed(Failure),
}

impl<'a> Executor<'a> {
    fn new(stores: &'a Stores, shard_map: &'a ShardMap, conditions: Conditions) -> Self {
        let mut executor = Self {
            stores,
            shard_map,
            limits: conditions.limits,
            random: Random::new(conditions.seed),
            state: State::default(),
            workers: Vec::new(),
            workers_so_far: 0,
            mailbox: Vec::new(),
            late: Vec::new(),
            zombies: Vec::new(),
            numbers: BTreeMap::new(),
            token: 0,
            losses: 0,
            failures: 0,
            copies: 0,
            execution: Execution::default(),
        };
        (0..conditions.workers.max(1)).for_each(|_| executor.join());
        executor
    }

    fn join(&mut self) {
        let slot = Slot::new(self.limits);
        self.workers.push(Worker { id: WorkerId(self.workers_so_far), slot, holds: Vec::new() });
        self.workers_so_far += 1;
    }

    fn turn(&mut self) {
        match self.random.below(100) {
            0..30 => self.claim(),
            30..60 => self.run(),
            60..85 => self.deliver(),
            85..90 => self.fail(),
            90..94 => self.lose(),
            94..97 => self.run_zombie(),
            _ => self.speak_late(),
        }
    }

    fn claim(&mut self) {
        let worker = self.random.below(self.workers.len());
        let (worker, slots) = (self.workers[worker].id, 1 + self.random.below(3));
        self.token += 1;
        self.apply(Event::Claim { worker, slots, token: FencingToken(self.token) });
    }

    /// Takes a random attempt out of a random worker's hands.
    fn take_held(&mut self) -> Option<(usize, Assignment)> {
        let worker = self.random.below(self.workers.len());
        let held = self.workers[worker].holds.len();
        let at = (held > 0).then(|| self.random.below(held))?;
        Some((worker, self.workers[worker].holds.swap_remove(at)))
    }

    fn run(&mut self) {
        let Some((worker, assignment)) = self.take_held() else { return };
        let completion = self.attempt(worker, &assignment);
        self.mailbox.push((self.workers[worker].id, completion));
    }

    fn attempt(&mut self, worker: usize, assignment: &Assignment) -> Completion {
        let belongs = |org: OrgId| self.shard_map.shard(org) == assignment.shard;
        let around = Surroundings { stores: self.stores, belongs: &belongs, progress: &Arc::new(Progress::default()) };
        let outcome = self.workers[worker].slot.run(assignment, &around);
        self.execution.attempts += 1;
        let outcome = match outcome {
            Outcome::Mapped(report) => {
                self.execution.spills += report.spills;
                End::Mapped(report)
            }
            Outcome::Reduced(report) => End::Reduced(report),
            Outcome::Failed(failure) => {
                assert_ne!(failure.class, FailureClass::Bug, "{failure}");
                End::Failed(failure)
            }
        };
        let Assignment { shard, task, attempt, .. } = *assignment;
        Completion { shard, task, attempt, outcome }
    }

    fn deliver(&mut self) {
        if self.mailbox.is_empty() {
            return;
        }
        let at = self.random.below(self.mailbox.len());
        let (_, completion) = self.mailbox.swap_remove(at);
        if self.copies < COPIES_MAX && self.random.chance(20) {
            self.copies += 1;
            self.late.push(completion.clone());
        }
        self.apply(completion.event());
    }

    /// An attempt fails before it has done anything.
    fn fail(&mut self) {
        if self.failures == FAILURES_MAX {
            return;
        }
        let Some((worker, Assignment { shard, task, attempt, .. })) = self.take_held() else { return };
        self.failures += 1;
        let failure = Failure { class: FailureClass::Transient, message: "drawn".to_owned() };
        let completion = Completion { shard, task, attempt, outcome: End::Failed(failure) };
        self.mailbox.push((self.workers[worker].id, completion));
    }

    /// A worker is given up. It does not know, and goes on; what it sent is still on its way.
    fn lose(&mut self) {
        if self.losses == LOSSES_MAX {
            return;
        }
        self.losses += 1;
        let worker = self.random.below(self.workers.len());
        let Worker { id, holds, .. } = self.workers.swap_remove(worker);
        self.zombies.extend(holds);
        let sent = self.mailbox.extract_if(.., |(sender, _)| *sender == id);
        self.late.extend(sent.map(|(_, completion)| completion));
        self.apply(Event::WorkerLost { worker: id });
        self.join();
    }

    fn run_zombie(&mut self) {
        if let Some(assignment) = self.zombies.pop() {
            let worker = self.random.below(self.workers.len());
            let completion = self.attempt(worker, &assignment);
            self.late.push(completion);
        }
    }

    fn speak_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let at = self.random.below(self.late.len());
        let completion = self.late.swap_remove(at);
        self.refuse(completion);
    }

    /// Who is stale changes nothing and causes nothing (LS-2, LS-3).
    fn refuse(&mut self, completion: Completion) {
        let before = format!("{:?}", self.state);
        let effects = step(&mut self.state, completion.event());
        assert!(effects.is_empty(), "LS-3: a stale completion of {} caused {effects:?}", completion.task);
        assert!(format!("{:?}", self.state) == before, "LS-3: a stale completion of {} was taken", completion.task);
        self.execution.refused += 1;
    }

    fn apply(&mut self, event: Event) {
        for effect in step(&mut self.state, event) {
            match effect {
                Effect::Assign { worker, shard, task, attempt, plan, input, .. } => {
                    let last = self.numbers.insert((shard, task), attempt.number);
                    assert!(last < Some(attempt.number), "LS-1: {task} of {shard}: {last:?}, then {attempt}");
                    if let scheduler::event::TaskInput::Map(splits) = &input {
                        self.execution.stitched += splits.iter().filter(|(_, exact)| exact.is_some()).count();
                    }
                    let worker = self.workers.iter_mut().find(|other| other.id == worker).expect("it just claimed");
                    worker.holds.push(assignment(&plan, task, attempt, input));
                }
                // Told to nobody: an attempt that goes on must do no harm either.
                Effect::Stop { .. } => {}
                Effect::Commit { output } => {
                    let shard = output.plan.shard;
                    let known = self.execution.shards.entry(shard).or_default();
                    assert!(known.1.replace(output).is_none(), "CM-1: {shard} was to be committed twice");
                    self.apply(Event::Committed { shard, version: 1 });
                }
                Effect::End { shard, end } => {
                    let known = self.execution.shards.entry(shard).or_default();
                    assert!(known.0.replace(end).is_none(), "{shard} ended twice");
                }
            }
        }
    }

    /// Everybody who still has something to say says it, to no effect.
    fn finish(mut self) -> Execution {
        let on_their_way: Vec<_> = self.mailbox.drain(..).map(|(_, completion)| completion).collect();
        self.late.extend(on_their_way);
        for completion in std::mem::take(&mut self.late) {
            self.refuse(completion);
        }
        self.execution
    }
}

impl Completion {
    fn event(&self) -> Event {
        let Self { shard, task, attempt, outcome } = self.clone();
        match outcome {
            End::Mapped(report) => Event::Mapped { shard, task, attempt, report },
            End::Reduced(report) => Event::Reduced { shard, task, attempt, report },
            End::Failed(failure) => Event::Failed { shard, task, attempt, failure },
        }
    }
}
