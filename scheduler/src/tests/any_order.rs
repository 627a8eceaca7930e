//! Whatever happens in whatever order: nothing panics, no task is done twice, and a healthy worker brings every shard
//! to an end (LV-1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AttemptId, FencingToken, PartitionId, Split, TaskId};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use super::trace::{SHARD, failure, map_report, plan, reduce_report};
use crate::event::TaskInput;
use crate::{Effect, Event, ShardEnd, State, WorkerId, step};

/// Something that may happen; who and what it happens to is drawn from what there is.
#[derive(Debug, Clone)]
enum Happening {
    Claim {
        worker: u32,
        slots: usize,
    },
    /// An attempt that was ever given ends, be it stale.
    Finish {
        attempt: Index,
        guess: u64,
    },
    Fail {
        attempt: Index,
        class: &'static str,
        guess: u64,
    },
    Lose {
        worker: u32,
    },
    /// Of a shard, a task or an attempt that there never was.
    Nonsense {
        ordinal: u32,
        number: u32,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let class = prop::sample::select(vec!["transient", "transient", "resource", "input", "bug", "cancelled"]);
    prop_oneof![
        6 => (0u32..4, 0usize..4).prop_map(|(worker, slots)| Happening::Claim { worker, slots }),
        10 => (any::<Index>(), 0u64..100).prop_map(|(attempt, guess)| Happening::Finish { attempt, guess }),
        2 => (any::<Index>(), class, 0u64..100)
            .prop_map(|(attempt, class, guess)| Happening::Fail { attempt, class, guess }),
        2 => (0u32..4).prop_map(|worker| Happening::Lose { worker }),
        1 => (0u32..9, 0u32..4).prop_map(|(ordinal, number)| Happening::Nonsense { ordinal, number }),
    ]
}

/// One that was given.
#[derive(Debug, Clone)]
struct Given {
    worker: WorkerId,
    task: TaskId,
    attempt: AttemptId,
    input: TaskInput,
}

/// The scheduler, and what the world knows.
struct World {
    state: State,
    /// Where frames start, and where the last one ends.
    frames: BTreeSet<u64>,
    given: Vec<Given>,
    numbers: BTreeMap<TaskId, u32>,
    token: u64,
    committed: bool,
    end: Option<ShardEnd>,
}

impl World {
    fn apply(&mut self, event: Event) {
        for effect in step(&mut self.state, event) {
            assert!(self.end.is_none(), "an ended shard wants nothing: {effect:?}");
            match effect {
                Effect::Assign { worker, task, attempt, input, .. } => {
                    let last = self.numbers.insert(task, attempt.number);
                    assert!(last < Some(attempt.number), "LS-1: {task}");
                    self.given.push(Given { worker, task, attempt, input });
                }
                Effect::Stop { .. } => {}
                Effect::Commit { output } => {
                    assert!(!self.committed, "CM-1: committed twice");
                    assert!(output.partitions.iter().map(|(part, ..)| *part).eq(output.plan.partition_ids()), "CM-1");
                    self.committed = true;
                }
                Effect::End { end, .. } => self.end = Some(end),
            }
        }
    }

    fn claim(&mut self, worker: u32, slots: usize) {
        self.token += 1;
        self.apply(Event::Claim { worker: WorkerId(worker), slots, token: FencingToken(self.token) });
    }

    /// The true end of an attempt; where it must guess its start, `guess` says how.
    fn finished(&self, given: &Given, guess: u64) -> Event {
        let Given { task, attempt, .. } = *given;
        match &given.input {
            TaskInput::Reduce(_) => {
                let report = reduce_report(PartitionId(task.ordinal), 0);
                Event::Reduced { shard: SHARD, task, attempt, report }
            }
            TaskInput::Map(splits) => {
                let (split, exact_start) = splits[0];
                let report = map_report(split, self.frames_of(split, exact_start, guess), 0);
                Event::Mapped { shard: SHARD, task, attempt, report }
            }
        }
    }

    /// First frame and end of what a reader finds in a split.
    fn frames_of(&self, split: Split, exact_start: Option<u64>, guess: u64) -> Option<(u64, u64)> {
        let range = split.range;
        let truth = self.frames.range(range.start..).next().copied();
        let first = match exact_start {
            Some(start) => start,
            None if range.start == 0 => 0,
            // Half of the guesses are right.
            None if guess.is_multiple_of(2) => truth?,
            None => range.start + guess % range.len(),
        };
        let end = self.frames.range(range.end..).next().copied().expect("the segment's end is one of them");
        (first < range.end).then_some((first, end))
    }

    fn take(&mut self, happening: Happening) {
        match happening {
            Happening::Claim { worker, slots } => self.claim(worker, slots),
            Happening::Lose { worker } => self.apply(Event::WorkerLost { worker: WorkerId(worker) }),
            Happening::Finish { attempt, guess } if !self.given.is_empty() => {
                let event = self.finished(attempt.get(&self.given), guess);
                self.apply(event);
            }
            Happening::Fail { attempt, class, guess } if !self.given.is_empty() => {
                let Given { task, attempt, input, .. } = attempt.get(&self.given).clone();
                let is_guess =
                    matches!(&input, TaskInput::Map(splits) if splits[0].1.is_none() && splits[0].0.range.start > 0);
                let failure = failure(class, is_guess.then_some(guess));
                self.apply(Event::Failed { shard: SHARD, task, attempt, failure });
            }
            Happening::Nonsense { ordinal, number } => {
                let attempt = AttemptId { number, token: FencingToken(u64::MAX) };
                for task in [TaskId::map(ordinal), TaskId::reduce(PartitionId(ordinal))] {
                    self.apply(Event::Failed { shard: SHARD, task, attempt, failure: failure("bug", None) });
                }
                self.apply(Event::Committed { shard: model::ShardId::Shared(9), version: 7 });
            }
            Happening::Finish { .. } | Happening::Fail { .. } => {}
        }
    }

    /// From here on one worker lives, and does what it is given.
    fn run_to_the_end(&mut self) {
        for lost in 0..4 {
            self.apply(Event::WorkerLost { worker: WorkerId(lost) });
        }
        for _ in 0..1000 {
            if self.committed && self.end.is_none() {
                self.apply(Event::Committed { shard: SHARD, version: 1 });
            }
            if self.end.is_some() {
                return;
            }
            let before = self.given.len();
            self.claim(0, 2);
            for given in self.given.split_off(before) {
                assert_eq!(given.worker, WorkerId(0));
                let event = self.finished(&given, 0);
                self.apply(event);
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
    ) {
        let mut frames: BTreeSet<u64> = starts.into_iter().filter(|start| *start < size).collect();
        frames.extend([0, size]);
        let mut world = World {
            state: State::default(),
            frames,
            given: Vec::new(),
            numbers: BTreeMap::new(),
            token: 0,
            committed: false,
            end: None,
        };
        world.apply(Event::Planned { plan: Arc::new(plan(size, split, partitions)) });
        let may_fail = happenings.iter().any(|happening| matches!(happening, Happening::Fail { .. }));
        for happening in happenings {
            world.take(happening);
        }
        world.run_to_the_end();
        let is_done = matches!(world.end, Some(ShardEnd::Done { version: 1 }));
        prop_assert!(is_done || may_fail, "{:?}", world.end);
        prop_assert!(world.state.has_ended());
    }
}
