//! Random events in random order: nothing panics, no task is done twice, and a healthy worker brings every shard to
//! an end (LV-1).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use model::{
    AttemptId, FencingToken, JobId, LeaseId, PartitionId, Report, ShardPlan, Split, TaskId, TaskKind, TaskPath,
};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::trace::{SHARD, failure, map_report, plan, reduce_report};
use crate::event::{NextAttempt, TaskInput};
use crate::life::{JobEffect, JobEvent, UNTIL_OPENING};
use crate::{Effect, Event, ShardEnd, State, WorkerId, claim, step};

/// Random event; an attempt in it is drawn from those given so far.
#[derive(Debug, Clone)]
enum Happening {
    /// A worker, perhaps a lost one, asks for work. The claims of its grants are written at once, or stay in flight
    /// for a while.
    Claim {
        worker: u64,
        slots: usize,
        is_slow: bool,
    },
    /// The oldest claim in flight is written, or refused if its worker was lost meanwhile.
    EndClaim,
    /// Any attempt that was ever given ends, even a stale one.
    Finish {
        attempt: Index,
        guess: u64,
    },
    Fail {
        attempt: Index,
        class: &'static str,
        guess: u64,
    },
    HandBack {
        attempt: Index,
    },
    Lose {
        worker: u64,
    },
    /// Several workers are lost at one instant; the leader hears of one after another, and serves claims in between.
    LoseTogether {
        workers: BTreeSet<u64>,
    },
    Join {
        worker: u64,
    },
    /// A worker drains or is unfit, or takes work again.
    Rest {
        worker: u64,
        rests: bool,
    },
    /// Time passes, in seconds.
    Pass {
        seconds: u64,
    },
    /// An event of a shard, task or attempt that never existed.
    Nonsense {
        ordinal: u32,
        number: u32,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let class = prop::sample::select(vec![
        "transient",
        "transient",
        "throttled",
        "resource",
        "input",
        "bug",
        "cancelled",
        "run",
    ]);
    prop_oneof![
        6 => (0u64..4, 0usize..4, any::<bool>())
            .prop_map(|(worker, slots, is_slow)| Happening::Claim { worker, slots, is_slow }),
        4 => Just(Happening::EndClaim),
        2 => btree_set(0u64..4, 2..4).prop_map(|workers| Happening::LoseTogether { workers }),
        3 => (0u64..4).prop_map(|worker| Happening::Join { worker }),
        2 => (0u64..4, any::<bool>()).prop_map(|(worker, rests)| Happening::Rest { worker, rests }),
        10 => (any::<Index>(), 0u64..100).prop_map(|(attempt, guess)| Happening::Finish { attempt, guess }),
        2 => (any::<Index>(), class, 0u64..100)
            .prop_map(|(attempt, class, guess)| Happening::Fail { attempt, class, guess }),
        1 => any::<Index>().prop_map(|attempt| Happening::HandBack { attempt }),
        2 => (0u64..4).prop_map(|worker| Happening::Lose { worker }),
        3 => (0u64..60).prop_map(|seconds| Happening::Pass { seconds }),
        1 => (0u32..9, 0u32..4).prop_map(|(ordinal, number)| Happening::Nonsense { ordinal, number }),
    ]
}

/// Attempt that a worker was given.
#[derive(Debug, Clone)]
struct Given {
    worker: WorkerId,
    task: TaskPath,
    attempt: AttemptId,
    input: TaskInput,
}

/// Claim that is in flight.
#[derive(Debug)]
struct UnderWay {
    worker: WorkerId,
    task: TaskPath,
    number: u32,
    input: TaskInput,
    /// Set when the worker's lease has ended meanwhile: the claim will be refused.
    is_doomed: bool,
}

/// Scheduler under test, and the outside world as the test knows it.
struct World {
    state: State,
    now: Duration,
    plan: Arc<ShardPlan>,
    /// Offsets of all frames, and the end of the last one.
    frames: BTreeSet<u64>,
    given: Vec<Given>,
    /// Workers that have joined and were not lost.
    alive: BTreeSet<WorkerId>,
    /// Claims in flight, oldest first.
    under_way: VecDeque<UnderWay>,
    /// If set, new claims stay in flight for a while.
    is_slow: bool,
    /// Claims on record, which the journal compares.
    claims: BTreeMap<(TaskPath, AttemptId), WorkerId>,
    /// Last attempt number on record of each task.
    numbers: BTreeMap<TaskPath, u32>,
    token: u64,
    committed: bool,
    end: Option<ShardEnd>,
    job_ended: bool,
}

fn job() -> JobId {
    "j".parse().expect("a job's name")
}

impl World {
    fn apply(&mut self, event: Event) {
        match &event {
            Event::WorkerLost { worker } => self.end_lease(*worker),
            Event::WorkerJoined { worker } => drop(self.alive.insert(*worker)),
            _ => {}
        }
        for effect in step(&mut self.state, event, self.now) {
            assert!(!self.job_ended || matches!(effect, Effect::Job { .. }), "an ended job wants nothing: {effect:?}");
            match effect {
                Effect::Stop { task, attempt, .. } => drop(self.claims.remove(&(task, attempt))),
                Effect::Reopen { task, tried, .. } => {
                    assert!(self.numbers.get(&task) <= Some(&tried.last), "LS-1 holds over it");
                    self.apply(Event::Reopened { task });
                }
                Effect::Commit { output } => {
                    assert!(!self.committed, "CM-1: committed twice");
                    assert!(output.partitions.iter().map(|(part, ..)| *part).eq(output.plan.partition_ids()), "CM-1");
                    self.committed = true;
                }
                Effect::End { end, .. } => assert!(self.end.replace(end).is_none(), "a shard ends once"),
                Effect::Violated { invariant, what } => panic!("{invariant}: {what}"),
                Effect::Job { effect: JobEffect::Ended, .. } => self.job_ended = true,
                Effect::Job { .. } => {}
            }
        }
        while !self.is_slow && !self.under_way.is_empty() {
            self.end_claim();
        }
    }

    /// Ends a worker's lease, and with it the worker's claims.
    fn end_lease(&mut self, worker: WorkerId) {
        self.alive.remove(&worker);
        self.claims.retain(|_, by| *by != worker);
        self.under_way.iter_mut().filter(|claim| claim.worker == worker).for_each(|claim| claim.is_doomed = true);
    }

    /// True if the worker's lease has ended, even if the scheduler has not heard of it.
    fn is_ghost(&self, worker: WorkerId) -> bool {
        !self.alive.contains(&worker)
    }

    /// Journals or refuses the oldest claim in flight.
    fn end_claim(&mut self) {
        let Some(UnderWay { worker, task, number, input, is_doomed }) = self.under_way.pop_front() else { return };
        if is_doomed {
            return self.apply(Event::ClaimRefused { task, number });
        }
        let last = self.numbers.insert(task.clone(), number);
        assert!(last < Some(number), "LS-1: {task} as {number} after {last:?}");
        self.token += 1;
        let attempt = AttemptId { number, token: FencingToken(self.token) };
        self.claims.insert((task.clone(), attempt), worker);
        self.given.push(Given { worker, task: task.clone(), attempt, input });
        self.apply(Event::Claimed { task, attempt });
    }

    fn claim(&mut self, worker: u64, slots: usize, is_slow: bool) {
        let (worker, before) = (LeaseId(worker), self.under_way.len());
        let is_known = self.state.workers().any(|known| known == worker);
        self.is_slow = true;
        for NextAttempt { worker, task, number, input } in claim(&mut self.state, worker, slots, self.now) {
            let is_doomed = self.is_ghost(worker);
            self.under_way.push_back(UnderWay { worker, task, number, input, is_doomed });
        }
        assert!(is_known || self.under_way.len() == before, "a ghost was given work");
        self.is_slow = is_slow;
        self.apply(Event::Tick);
        self.is_slow = true;
    }

    fn lose_together(&mut self, workers: &BTreeSet<u64>) {
        workers.iter().for_each(|worker| self.end_lease(LeaseId(*worker)));
        for lost in workers {
            self.apply(Event::WorkerLost { worker: LeaseId(*lost) });
            for other in workers {
                self.claim(*other, 2, true);
            }
        }
    }

    /// Returns the true end of an attempt; `guess` decides a guessed start. None if the attempt's claim is gone.
    fn finished(&mut self, given: &Given, guess: u64) -> Option<Event> {
        let Given { task, attempt, .. } = given.clone();
        self.claims.remove(&(task.clone(), attempt))?;
        self.claims.retain(|(claimed, _), _| *claimed != task);
        let report = match &given.input {
            TaskInput::Reduce { .. } => Report::Reduce(reduce_report(PartitionId(task.task.ordinal), 0)),
            TaskInput::Map { exact_start } => {
                let split = self.plan.map_tasks[task.task.ordinal as usize].first();
                Report::Map(map_report(split, self.frames_of(split, *exact_start, guess), (0, 0)))
            }
        };
        Some(Event::Recorded { task, attempt, report: Box::new(report) })
    }

    /// Returns the first frame and the end that a reader finds in a split.
    fn frames_of(&self, split: Split, exact_start: Option<u64>, guess: u64) -> Option<(u64, u64)> {
        let range = split.range;
        let truth = self.frames.range(range.start..).next().copied();
        let first = match exact_start {
            Some(start) => start,
            None if range.start == 0 => 0,
            // An even `guess` stands for a right one, so half of them are right.
            None if guess.is_multiple_of(2) => truth?,
            None => range.start + guess % range.len(),
        };
        let end = self.frames.range(range.end..).next().copied().expect("the segment's end is one of them");
        (first < range.end).then_some((first, end))
    }

    fn handle(&mut self, happening: Happening) {
        match happening {
            Happening::Claim { worker, slots, is_slow } => self.claim(worker, slots, is_slow),
            Happening::EndClaim => self.end_claim(),
            Happening::LoseTogether { workers } => self.lose_together(&workers),
            Happening::Join { worker } => self.apply(Event::WorkerJoined { worker: LeaseId(worker) }),
            Happening::Rest { worker, rests } => self.apply(Event::WorkerRests { worker: LeaseId(worker), rests }),
            Happening::Lose { worker } => self.apply(Event::WorkerLost { worker: LeaseId(worker) }),
            Happening::Pass { seconds } => {
                self.now += Duration::from_secs(seconds);
                self.apply(Event::Tick);
            }
            Happening::Finish { attempt, guess } if !self.given.is_empty() => {
                let given = attempt.get(&self.given).clone();
                if let Some(event) = self.finished(&given, guess) {
                    self.apply(event);
                }
            }
            Happening::Fail { attempt, class, guess } if !self.given.is_empty() => {
                let given = attempt.get(&self.given).clone();
                self.fail(given, class, guess);
            }
            Happening::HandBack { attempt } if !self.given.is_empty() => {
                let Given { task, attempt, .. } = attempt.get(&self.given).clone();
                if self.claims.remove(&(task.clone(), attempt)).is_some() {
                    self.apply(Event::HandedBack { task, attempt });
                }
            }
            Happening::Nonsense { ordinal, number } => {
                let attempt = AttemptId { number, token: FencingToken(u64::MAX) };
                for task in [TaskId::map(ordinal), TaskId::reduce(PartitionId(ordinal))] {
                    let task = TaskPath { job: job(), shard: SHARD, task };
                    self.apply(Event::Failed { task, attempt, failure: failure("bug", None) });
                }
                self.apply(Event::Committed { job: job(), shard: model::ShardId::Shared(9), version: 7 });
            }
            Happening::Finish { .. } | Happening::Fail { .. } | Happening::HandBack { .. } => {}
        }
    }

    fn fail(&mut self, given: Given, class: &str, guess: u64) {
        let Given { task, attempt, input, .. } = given;
        let starts = |task: &TaskPath| self.plan.map_tasks[task.task.ordinal as usize].first().range.start;
        let is_guess = matches!(input, TaskInput::Map { exact_start: None }) && starts(&task) > 0;
        let is_run = class == "run";
        if is_run && task.task.kind == TaskKind::Map || self.claims.remove(&(task.clone(), attempt)).is_none() {
            return;
        }
        let maps = self.plan.map_tasks.len() as u64;
        let detail = if is_run { Some(guess % maps) } else { is_guess.then_some(guess) };
        self.apply(Event::Failed { task, attempt, failure: failure(class, detail) });
    }

    /// Lets one worker do its work until every shard has ended. No other worker lives, except one that never takes work
    /// again if `is_one_unfit`.
    fn run_to_the_end(&mut self, is_one_unfit: bool) {
        for lost in 0..4 {
            self.apply(Event::WorkerLost { worker: LeaseId(lost) });
        }
        self.is_slow = false;
        self.apply(Event::WorkerJoined { worker: LeaseId(0) });
        if is_one_unfit {
            self.apply(Event::WorkerJoined { worker: LeaseId(9) });
            self.apply(Event::WorkerRests { worker: LeaseId(9), rests: true });
        }
        for _ in 0..1000 {
            if self.committed && self.end.is_none() {
                self.apply(Event::Committed { job: job(), shard: SHARD, version: 1 });
            }
            if self.job_ended {
                return;
            }
            let before = self.given.len();
            self.now += Duration::from_secs(5);
            self.claim(0, 2, false);
            self.is_slow = false;
            for given in self.given.split_off(before) {
                assert_eq!(given.worker, LeaseId(0));
                if let Some(event) = self.finished(&given, 0) {
                    self.apply(event);
                }
            }
        }
        panic!("LV-1: no end in sight: {:?}", self.state);
    }
}

proptest! {
    #[test]
    fn a_shard_ends_whatever_happened_before(
        size in 1u64..100,
        split in 1u64..40,
        partitions in 1u64..4,
        starts in btree_set(1u64..100, 0..20),
        happenings in vec(happening(), 0..120),
        is_one_unfit: bool,
    ) {
        let mut frames: BTreeSet<u64> = starts.into_iter().filter(|start| *start < size).collect();
        frames.extend([0, size]);
        let mut world = World {
            state: State::default(),
            now: Duration::ZERO,
            plan: Arc::new(plan(size, split, partitions)),
            frames,
            given: Vec::new(),
            alive: BTreeSet::new(),
            under_way: VecDeque::new(),
            is_slow: true,
            claims: BTreeMap::new(),
            numbers: BTreeMap::new(),
            token: 0,
            committed: false,
            end: None,
            job_ended: false,
        };
        for worker in 0..4 {
            world.apply(Event::WorkerJoined { worker: LeaseId(worker) });
        }
        for event in UNTIL_OPENING {
            world.apply(Event::Job { job: job(), round: None, event });
        }
        world.apply(Event::ShardPlanned { plan: Arc::clone(&world.plan), restored: None });
        world.apply(Event::Job { job: job(), round: None, event: JobEvent::Opened });
        let may_fail = happenings.iter().any(|happening| matches!(happening, Happening::Fail { .. }));
        for happening in happenings {
            world.handle(happening);
        }
        world.run_to_the_end(is_one_unfit);
        let is_done = matches!(world.end, Some(ShardEnd::Done { version: 1 }));
        prop_assert!(is_done || may_fail, "{:?}", world.end);
        prop_assert!(world.state.has_ended());
    }
}
