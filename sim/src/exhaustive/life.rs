//! Checks every interleaving of a job's life: two coordinators, a submission that comes twice, a cancel, a retry, a lost
//! answer, and a leader that is deposed without its knowledge.
//!
//! Each coordinator moves the job by [`scheduler::life::step`], the function that a leader uses. What the effects write is
//! modelled: head and shard record in the state, records in the dataset. Work under way ends at any time; its answer may be
//! lost, and then it is done again.

mod work; // work under way, and what it writes

use std::fmt;
use std::time::Duration;

use scheduler::life::{JobEvent, Life, step};
use stateright::{Checker as _, Model, Property};

use work::{Coordinator, ShardState, Store, Work};

/// Coordinators of the model.
const COORDINATORS: usize = 2;

/// Variant of the protocol: complete, or with one guard left out to test the model itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The complete protocol.
    All,
    /// A write does not compare the leader.
    NoLeader,
    /// A request begins although another one is beginning the same job.
    NoRefusal,
    /// A request does not look for the record of a job that has ended.
    NoLook,
    /// Shards are opened before the head that lets them run is on record.
    NoRelease,
    /// A takeover does not heed that the head says cancelled.
    NoHeed,
}

/// Promise of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Promise {
    /// A job runs once, and once more for each retry.
    RunsOnce,
    /// After a cancel was answered, no shard of that round commits.
    CancelHolds,
    /// The shards of a leader run only under a head that says so.
    HeadFirst,
    /// The records of a round have the same end.
    OneEnd,
    /// In each state that waits for an answer, the work that answers is under way.
    NeverStuck,
}

impl Promise {
    const ALL: [Self; 5] = [Self::RunsOnce, Self::CancelHolds, Self::HeadFirst, Self::OneEnd, Self::NeverStuck];

    const fn name(self) -> &'static str {
        match self {
            Self::RunsOnce => "runs once",
            Self::CancelHolds => "a cancel holds",
            Self::HeadFirst => "head first",
            Self::OneEnd => "one end",
            Self::NeverStuck => "never stuck",
        }
    }
}

/// Result of a check.
#[derive(Debug)]
pub struct Explored {
    /// Number of different states.
    pub states: usize,
    /// Broken promises, each with the steps that led there.
    pub broken: Vec<(Promise, String)>,
    /// Names of the ends that some interleaving reaches.
    pub reached: Vec<&'static str>,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "life of a job: {} states, reached: {}", self.states, self.reached.join(", "))?;
        self.broken.iter().try_for_each(|(promise, steps)| write!(f, "\n{} does not hold: {steps}", promise.name()))
    }
}

/// Ends that a complete model reaches.
pub const REACHED: [&str; 4] = ["cancelled", "done", "retried", "taken over"];

/// Checks the protocol with a guard left out.
pub fn check(guard: Guard) -> Explored {
    let checker = Lives { guard }.checker().threads(1).spawn_bfs().join();
    let (mut broken, mut reached) = (Vec::new(), Vec::new());
    for (name, path) in checker.discoveries() {
        match Promise::ALL.into_iter().find(|promise| promise.name() == name) {
            Some(promise) => {
                let steps: Vec<_> = path.into_actions().iter().map(|step| format!("{step:?}")).collect();
                broken.push((promise, steps.join(", ")));
            }
            None => reached.push(name),
        }
    }
    reached.sort_unstable();
    Explored { states: checker.unique_state_count(), broken, reached }
}

/// Model of a job's life, with the guard that is left out.
#[derive(Debug, Clone, Copy)]
struct Lives {
    guard: Guard,
}

/// State of the whole model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct World {
    store: Store,
    coordinators: [Coordinator; COORDINATORS],
    submissions: u8,
    cancels: u8,
    retries: u8,
    losses: u8,
    depositions: u8,
    takeovers: u8,
    /// Round whose cancel was answered.
    cancelled: Option<u8>,
    broken: Option<Promise>,
}

/// Step that may happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// A coordinator is elected, and reads the state.
    Elect(usize),
    /// The leader's lease ends without its knowledge.
    Depose,
    /// An operator asks a coordinator that believes that it leads.
    Ask(usize, JobEvent),
    /// Work of a coordinator ends; its answer arrives or is lost.
    End { coordinator: usize, at: usize, answered: bool },
    /// The shard of a coordinator that runs it is committed.
    Finish(usize),
}

impl Model for Lives {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World::default()]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        if world.broken.is_none() {
            world.steps(steps);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        next.apply(step, self.guard);
        next.judge();
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn unbroken(promise: Promise) -> Property<Lives> {
            let holds: fn(&Lives, &World) -> bool = match promise {
                Promise::RunsOnce => |_, world| world.broken != Some(Promise::RunsOnce),
                Promise::CancelHolds => |_, world| world.broken != Some(Promise::CancelHolds),
                Promise::HeadFirst => |_, world| world.broken != Some(Promise::HeadFirst),
                Promise::OneEnd => |_, world| world.broken != Some(Promise::OneEnd),
                Promise::NeverStuck => |_, world| world.broken != Some(Promise::NeverStuck),
            };
            Property::always(promise.name(), holds)
        }
        let mut properties: Vec<_> = Promise::ALL.map(unbroken).into();
        properties.push(Property::sometimes("done", |_, world: &World| world.store.has_record(ShardState::Done)));
        properties.push(Property::sometimes("cancelled", |_, world: &World| {
            world.store.head.is_none() && world.store.has_record(ShardState::Cancelled)
        }));
        properties.push(Property::sometimes("retried", |_, world: &World| {
            world.store.records.iter().any(|record| record.round == 2)
        }));
        properties.push(Property::sometimes("taken over", |_, world: &World| {
            world.takeovers > 0 && world.store.head.is_none() && !world.store.records.is_empty()
        }));
        properties
    }
}

impl World {
    fn steps(&self, steps: &mut Vec<Step>) {
        for (at, coordinator) in self.coordinators.iter().enumerate() {
            if self.store.leader.is_none() && coordinator.token.is_none() {
                steps.push(Step::Elect(at));
            }
            if coordinator.token.is_none() {
                continue;
            }
            if self.submissions < 2 {
                steps.push(Step::Ask(at, JobEvent::Submitted));
            }
            if self.cancels == 0 {
                steps.push(Step::Ask(at, JobEvent::Cancelled));
            }
            if self.retries == 0 && self.store.may_be_retried() {
                steps.push(Step::Ask(at, JobEvent::Retried));
            }
            for work in 0..coordinator.work.len() {
                steps.push(Step::End { coordinator: at, at: work, answered: true });
                // A look that is not answered is only done again.
                if self.losses == 0 && !matches!(coordinator.work[work], Work::Look { .. }) {
                    steps.push(Step::End { coordinator: at, at: work, answered: false });
                }
            }
            if coordinator.may_finish() {
                steps.push(Step::Finish(at));
            }
        }
        if self.store.leader.is_some() && self.depositions == 0 {
            steps.push(Step::Depose);
        }
    }

    fn apply(&mut self, step: Step, guard: Guard) {
        match step {
            Step::Elect(at) => self.elect(at, guard),
            Step::Depose => {
                self.store.leader = None;
                self.depositions += 1;
            }
            Step::Ask(at, event) => {
                match event {
                    JobEvent::Submitted => self.submissions += 1,
                    JobEvent::Cancelled => self.cancels += 1,
                    _ => self.retries += 1,
                }
                let coordinator = &mut self.coordinators[at];
                coordinator.is_retry |= event == JobEvent::Retried;
                if guard == Guard::NoRefusal && coordinator.life == Some(Life::Beginning) {
                    coordinator.work.push(Work::Look { is_retry: event == JobEvent::Retried });
                } else {
                    coordinator.handle(event, guard);
                }
            }
            Step::End { coordinator, at, answered } => self.end(coordinator, at, answered, guard),
            Step::Finish(at) => self.finish(at, guard),
        }
        for coordinator in &mut self.coordinators {
            coordinator.work.sort_unstable();
            coordinator.work.dedup();
        }
    }

    fn elect(&mut self, at: usize, guard: Guard) {
        self.store.terms += 1;
        let token = self.store.terms;
        self.store.leader = Some(token);
        self.coordinators[at] = Coordinator { token: Some(token), ..Coordinator::default() };
        if let Some(head) = self.store.head {
            self.takeovers += 1;
            self.coordinators[at].head = Some(head);
            let is_cancelled = head.is_cancelled && guard != Guard::NoHeed;
            self.coordinators[at].handle(JobEvent::Found { is_cancelled }, guard);
        }
    }

    /// Ends a piece of work: it writes if it still may, and its event follows unless the answer is lost.
    fn end(&mut self, at: usize, work: usize, answered: bool, guard: Guard) {
        let coordinator = &mut self.coordinators[at];
        let done = coordinator.work[work];
        let may_write = self.store.leader == coordinator.token || guard == Guard::NoLeader;
        let Some(event) = self.store.perform(coordinator, done, may_write, guard) else {
            // Refused: the coordinator knows that it leads no longer.
            self.coordinators[at] = Coordinator::default();
            return;
        };
        if !answered {
            self.losses += 1;
            return;
        }
        let coordinator = &mut self.coordinators[at];
        coordinator.work.remove(work);
        if done == Work::WriteHead && coordinator.head.is_some_and(|head| head.is_cancelled) {
            self.cancelled = coordinator.head.map(|head| head.round);
        }
        if let Some(event) = event {
            coordinator.handle(event, guard);
        }
    }

    fn finish(&mut self, at: usize, guard: Guard) {
        let coordinator = &mut self.coordinators[at];
        if self.store.leader != coordinator.token && guard != Guard::NoLeader {
            *coordinator = Coordinator::default();
            return;
        }
        let round = coordinator.head.map(|head| head.round);
        if round.is_some() && round == self.cancelled {
            self.broken.get_or_insert(Promise::CancelHolds);
        }
        coordinator.end_shard(ShardState::Done, guard);
    }

    fn judge(&mut self) {
        let leader = self.coordinators.iter().find(|it| it.token.is_some() && it.token == self.store.leader);
        let runs = leader.is_some_and(|leader| matches!(leader.life, Some(Life::Running { .. })));
        let head_says_so = self.store.head.is_some_and(|head| head.is_released || head.is_cancelled);
        let broken = [
            (Promise::RunsOnce, self.store.rounds > 1 + self.retries),
            (Promise::HeadFirst, runs && !head_says_so),
            (Promise::OneEnd, self.store.records.iter().any(|it| self.store.contradicts(it))),
            (Promise::NeverStuck, self.coordinators.iter().any(Coordinator::is_stuck)),
        ];
        if let Some((promise, _)) = broken.into_iter().find(|(_, is_broken)| *is_broken) {
            self.broken.get_or_insert(promise);
        }
    }
}

/// Moves a life of the model, in which time does not matter.
fn moved(life: Option<Life>, event: JobEvent) -> scheduler::life::Next {
    step(life, event, Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_interleaving_breaks_a_promise_of_a_jobs_life() {
        let checked = check(Guard::All);
        assert!(checked.broken.is_empty(), "{checked}");
        assert_eq!(checked.reached, REACHED, "{checked}");
    }

    #[test]
    fn each_guard_of_a_jobs_life_is_needed() {
        for (guard, promises) in [
            (Guard::NoLeader, &[Promise::CancelHolds, Promise::OneEnd, Promise::HeadFirst][..]),
            (Guard::NoRefusal, &[Promise::RunsOnce]),
            (Guard::NoLook, &[Promise::RunsOnce]),
            (Guard::NoRelease, &[Promise::HeadFirst]),
            (Guard::NoHeed, &[Promise::CancelHolds]),
        ] {
            let checked = check(guard);
            assert!(checked.broken.iter().any(|(broken, _)| promises.contains(broken)), "{guard:?}: {checked}");
        }
    }
}
