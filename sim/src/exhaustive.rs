//! Every interleaving of a small model: claim, complete, expire, commit, with two coordinators and two workers.
//!
//! The model has what `storage::meta::claim` and `coordinator::commit` promise, and nothing else: each change is a transaction
//! that compares what the protocol says, sent by a coordinator that believes that it leads, and applied now, later, twice or
//! never (its answer is lost, and it is read back). What is applied is judged by the predicates of [`model::invariant`], those
//! that the code and the simulation use.

mod system; // the state, and what each step does to it

use std::fmt;
use std::time::{Duration, Instant};

use model::Invariant;
use stateright::{Checker as _, Model, Property};

use system::{Step, System};

/// The protocol, or one with a guard left out: what the model itself is tested by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Everything is compared.
    All,
    /// A completion does not compare the claim.
    NoClaim,
    /// A write does not compare the leader.
    NoLeader,
    /// A manifest is not put create-only.
    NoCreateOnly,
}

/// What was checked.
#[derive(Debug)]
pub struct Checked {
    /// Different states.
    pub states: usize,
    /// How long it took.
    pub took: Duration,
    /// What did not hold, with the steps that led there.
    pub broken: Vec<(Invariant, String)>,
    /// Whether a shard can be committed at all.
    pub commits: bool,
}

impl Checked {
    /// Whether everything holds.
    pub fn held(&self) -> bool {
        self.broken.is_empty() && self.commits
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states in {:.1?}", self.states, self.took)?;
        for (invariant, steps) in &self.broken {
            write!(f, "\n{invariant} does not hold: {steps}")?;
        }
        if self.commits { Ok(()) } else { write!(f, "\nnothing is ever committed") }
    }
}

/// Checks the protocol as it is.
pub fn check() -> Checked {
    check_with(Guard::All)
}

/// Checks it with a guard left out.
pub fn check_with(guard: Guard) -> Checked {
    let since = Instant::now();
    let checker = Protocol { guard }.checker().threads(1).spawn_bfs().join();
    let mut broken = Vec::new();
    let mut commits = false;
    for (name, path) in checker.discoveries() {
        match Invariant::ALL.into_iter().find(|invariant| invariant.id() == name) {
            Some(invariant) => {
                let steps: Vec<_> = path.into_actions().iter().map(|step| format!("{step:?}")).collect();
                broken.push((invariant, steps.join(", ")));
            }
            None => commits = true,
        }
    }
    Checked { states: checker.unique_state_count(), took: since.elapsed(), broken, commits }
}

/// The model.
#[derive(Debug, Clone, Copy)]
struct Protocol {
    guard: Guard,
}

/// That an invariant was not violated on the way here.
fn unbroken(invariant: Invariant) -> Property<Protocol> {
    let holds: fn(&Protocol, &System) -> bool = match invariant {
        Invariant::Ls1 => |_, system| system.broken != Some(Invariant::Ls1),
        Invariant::Ls2 => |_, system| system.broken != Some(Invariant::Ls2),
        Invariant::Ls3 => |_, system| system.broken != Some(Invariant::Ls3),
        Invariant::Cm1 => |_, system| system.broken != Some(Invariant::Cm1),
        _ => |_, system| system.broken != Some(Invariant::Cm3),
    };
    Property::always(invariant.id(), holds)
}

impl Model for Protocol {
    type State = System;
    type Action = Step;

    fn init_states(&self) -> Vec<System> {
        vec![System::default()]
    }

    fn actions(&self, system: &System, steps: &mut Vec<Step>) {
        if system.broken.is_none() {
            system.steps(steps);
        }
    }

    fn next_state(&self, system: &System, step: Step) -> Option<System> {
        let mut next = system.clone();
        next.take(step, self.guard).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        use Invariant::{Cm1, Cm3, Ls1, Ls2, Ls3};
        let mut properties: Vec<_> = [Ls1, Ls2, Ls3, Cm1, Cm3].map(unbroken).into();
        properties.push(Property::sometimes("commits", |_, system: &System| !system.manifests.is_empty()));
        properties
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_interleaving_breaks_a_promise() {
        let checked = check();
        assert!(checked.held(), "{checked}");
    }

    #[test]
    fn each_guard_is_needed() {
        for (guard, invariants) in [
            (Guard::NoClaim, &[Invariant::Ls3, Invariant::Ls2][..]),
            (Guard::NoLeader, &[Invariant::Ls3]),
            (Guard::NoCreateOnly, &[Invariant::Cm3]),
        ] {
            let checked = check_with(guard);
            assert!(checked.broken.iter().any(|(broken, _)| invariants.contains(broken)), "{guard:?}: {checked}");
        }
    }
}
