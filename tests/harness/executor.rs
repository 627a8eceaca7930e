//! Runs plans on one thread, in an order drawn from a seed, with workers that are lost and completions that come
//! late.
//!
//! Every turn draws one event: a worker claims, a worker runs an attempt, a completion arrives, an attempt fails
//! without a reason, a worker is lost, or a worker that was given up reports after all. The invariants are asserted
//! here: attempt numbers rise (LS-1), no task is recorded done twice (LS-2), a stale worker changes nothing (LS-3),
//! every shard ends (LV-1).

mod journal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use model::{
    AttemptId, Failure, FailureClass, LeaseId, OrgId, PartitionId, Report, ShardId, ShardPlan, Split, TaskPath,
};
use scheduler::life::{JobEvent, UNTIL_OPENING};
use scheduler::{Effect, Event, ShardEnd, ShardOutput, State, TaskInput, WorkerId, step};
use shard_config::ShardMap;
use worker::task::{Assignment, AttemptContext, Progress, SplitInput, Stores, Work};
use worker::{AttemptOutcome, Slot, SlotLimits};

use journal::Journal;

use crate::random::Random;

/// Turns after which an execution counts as stuck (LV-1). Plans of tests have at most some hundred tasks.
const TURNS_MAX: usize = 1_000_000;

/// Simulated duration of a turn; tasks that pause after a failure are open again some dozens of turns later.
const TURN: Duration = Duration::from_millis(100);

/// Most workers that are lost in one execution.
const LOSSES_MAX: usize = 6;

/// Most attempts that fail without a reason: fewer than end a task, even if one more is charged for a wrong guess.
const FAILURES_MAX: usize = model::limits::ATTEMPTS_PER_TASK_MAX as usize - 2;

/// Most completions that are delivered a second time; each is compared with the whole state.
const COPIES_MAX: usize = 20;

/// Conditions of an execution.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// Seed of all random choices.
    pub seed: u64,
    /// Number of workers at once.
    pub workers: usize,
    /// Limits of each worker.
    pub limits: SlotLimits,
}

/// Result of an execution.
#[derive(Debug, Default)]
pub struct Execution {
    /// AttemptOutcome of each shard, with the output that it would have committed.
    pub shards: BTreeMap<ShardId, (Option<ShardEnd>, Option<Box<ShardOutput>>)>,
    /// Number of attempts that ran.
    pub attempts: usize,
    /// Number of completions that were refused.
    pub refused: usize,
    /// Number of map attempts from a start that the stitch had found.
    pub stitched: usize,
    /// Number of spills of map attempts.
    pub spills: u32,
}

/// Runs `plans` until all shards have ended.
pub fn execute(plans: Vec<ShardPlan>, stores: &Stores, shard_map: &ShardMap, conditions: Conditions) -> Execution {
    let mut executor = Executor::new(stores, shard_map, conditions);
    executor.submit(plans);
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
    workers_so_far: u64,
    plans: BTreeMap<ShardId, Arc<ShardPlan>>,
    journal: Journal,
    /// Time since the beginning.
    now: Duration,
    /// Completions in flight.
    mailbox: Vec<(WorkerId, Completion)>,
    /// Completions of workers that were given up, and copies of delivered completions.
    late: Vec<Completion>,
    /// Attempts of workers that were given up, still running.
    zombies: Vec<Assignment>,
    /// Last attempt number of each task.
    numbers: BTreeMap<TaskPath, u32>,
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

/// Completion that may be delivered more than once.
#[derive(Debug, Clone)]
struct Completion {
    task: TaskPath,
    attempt: AttemptId,
    outcome: Result<Box<Report>, Failure>,
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
            plans: BTreeMap::new(),
            journal: Journal::default(),
            now: Duration::ZERO,
            mailbox: Vec::new(),
            late: Vec::new(),
            zombies: Vec::new(),
            numbers: BTreeMap::new(),
            losses: 0,
            failures: 0,
            copies: 0,
            execution: Execution::default(),
        };
        (0..conditions.workers.max(1)).for_each(|_| executor.join());
        executor
    }

    fn submit(&mut self, plans: Vec<ShardPlan>) {
        for plan in plans {
            let (job, plan) = (plan.job.clone(), Arc::new(plan));
            for event in UNTIL_OPENING {
                self.apply(Event::Job { job: job.clone(), round: None, event });
            }
            self.plans.insert(plan.shard, Arc::clone(&plan));
            self.apply(Event::ShardPlanned { plan, restored: None });
        }
        let jobs: BTreeSet<_> = self.plans.values().map(|plan| plan.job.clone()).collect();
        for job in jobs {
            self.apply(Event::Job { job, round: None, event: JobEvent::Opened });
        }
    }

    fn join(&mut self) {
        self.workers_so_far += 1;
        let id = LeaseId(self.workers_so_far);
        self.workers.push(Worker { id, slot: Slot::new(self.limits), holds: Vec::new() });
        self.apply(Event::WorkerJoined { worker: id });
    }

    fn turn(&mut self) {
        self.now += TURN;
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
        for scheduler::NextAttempt { worker, task, number, input } in
            scheduler::claim(&mut self.state, worker, slots, self.now)
        {
            self.assign(worker, task, number, &input);
        }
    }

    /// Takes a random attempt from a random worker.
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
        let ctx = AttemptContext { stores: self.stores, belongs: &belongs, progress: &Arc::new(Progress::default()) };
        let outcome = self.workers[worker].slot.run(assignment, &ctx);
        self.execution.attempts += 1;
        let outcome = match outcome {
            AttemptOutcome::Mapped(report) => {
                self.execution.spills += report.spills;
                Ok(Box::new(Report::Map(report)))
            }
            AttemptOutcome::Reduced(report) => Ok(Box::new(Report::Reduce(report))),
            AttemptOutcome::Failed(failure) => {
                assert_ne!(failure.class, FailureClass::Bug, "{failure}");
                Err(failure)
            }
        };
        Completion { task: path_of(assignment), attempt: assignment.attempt, outcome }
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
        let Completion { task, attempt, outcome } = completion;
        match outcome {
            Ok(report) if self.journal.complete(&task, attempt) => {
                self.apply(Event::Recorded { task, attempt, report })
            }
            Err(failure) if self.journal.end(&task, attempt) => self.apply(Event::Failed { task, attempt, failure }),
            // The attempt was stopped while the completion was in flight.
            outcome => self.refuse(Completion { task, attempt, outcome }),
        }
    }

    /// Lets an attempt fail before it has done anything.
    fn fail(&mut self) {
        if self.failures == FAILURES_MAX {
            return;
        }
        let Some((worker, held)) = self.take_held() else { return };
        self.failures += 1;
        let failure = Failure::new(FailureClass::Transient, "drawn");
        let completion = Completion { task: path_of(&held), attempt: held.attempt, outcome: Err(failure) };
        self.mailbox.push((self.workers[worker].id, completion));
    }

    /// Gives up a worker. The worker does not know and goes on; its messages are still in flight.
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
        self.journal.lose(id);
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

    /// Delivers a stale report, which must change and cause nothing (LS-2, LS-3): the journal refuses completions,
    /// and the scheduler ignores failures.
    fn refuse(&mut self, Completion { task, attempt, outcome }: Completion) {
        self.execution.refused += 1;
        let Err(failure) = outcome else {
            assert!(!self.journal.complete(&task, attempt), "LS-3: a stale completion of {task} was taken");
            return;
        };
        self.apply(Event::Tick);
        let before = format!("{:?}", self.state);
        let effects = step(&mut self.state, Event::Failed { task: task.clone(), attempt, failure }, self.now);
        assert!(effects.is_empty(), "LS-3: a stale failure of {task} caused {effects:?}");
        assert!(format!("{:?}", self.state) == before, "LS-3: a stale failure of {task} was taken");
    }

    fn apply(&mut self, event: Event) {
        for effect in step(&mut self.state, event, self.now) {
            match effect {
                // The worker is not told, because an attempt that goes on must do no harm either.
                Effect::Stop { task, attempt, .. } => drop(self.journal.end(&task, attempt)),
                Effect::Reopen { task, attempt, .. } => {
                    self.journal.reopen(&task, attempt);
                    self.apply(Event::Reopened { task });
                }
                Effect::Commit { output } => {
                    let (job, shard) = (output.plan.job.clone(), output.plan.shard);
                    let known = self.execution.shards.entry(shard).or_default();
                    assert!(known.1.replace(output).is_none(), "CM-1: {shard} was to be committed twice");
                    self.apply(Event::Committed { job, shard, version: 1 });
                }
                Effect::End { shard, end, .. } => {
                    let known = self.execution.shards.entry(shard).or_default();
                    assert!(known.0.replace(end).is_none(), "{shard} ended twice");
                }
                Effect::Violated { invariant, what } => panic!("{invariant}: {what}"),
                Effect::Job { .. } => {}
            }
        }
    }

    fn assign(&mut self, worker: WorkerId, task: TaskPath, number: u32, input: &TaskInput) {
        let last = self.numbers.insert(task.clone(), number);
        assert!(last < Some(number), "LS-1: {task}: {last:?}, then {number}");
        self.execution.stitched += usize::from(matches!(input, TaskInput::Map { exact_start: Some(_) }));
        let attempt = self.journal.claim(worker, &task, number);
        let assignment = assignment(&self.plans[&task.shard], &task, attempt, input);
        let holder = self.workers.iter_mut().find(|other| other.id == worker).expect("it just claimed");
        holder.holds.push(assignment);
        self.apply(Event::Claimed { task, attempt });
    }

    /// Delivers all remaining messages, which must have no effect.
    fn finish(mut self) -> Execution {
        let on_their_way: Vec<_> = self.mailbox.drain(..).map(|(_, completion)| completion).collect();
        self.late.extend(on_their_way);
        for completion in std::mem::take(&mut self.late) {
            self.refuse(completion);
        }
        self.execution
    }
}

fn path_of(assignment: &Assignment) -> TaskPath {
    TaskPath { job: assignment.job.clone(), shard: assignment.shard, task: assignment.task }
}

fn assignment(plan: &ShardPlan, path: &TaskPath, attempt: AttemptId, input: &TaskInput) -> Assignment {
    let work = match input {
        TaskInput::Map { exact_start } => {
            let planned = &plan.map_tasks[path.task.ordinal as usize];
            let split = |split: Split| {
                let segment = plan.segments.get(split.segment as usize).expect("a task reads segments of its plan");
                SplitInput { split, segment, exact_start: *exact_start }
            };
            Work::Map { splits: planned.splits().map(split).collect() }
        }
        TaskInput::Reduce { runs } => {
            Work::Reduce { partition: PartitionId(path.task.ordinal), runs: runs.list.runs.clone() }
        }
    };
    Assignment {
        job: plan.job.clone(),
        shard: plan.shard,
        task: path.task,
        attempt,
        settings: plan.settings.clone(),
        partitions: plan.partitions,
        shard_bytes: plan.bytes(),
        work,
    }
}
