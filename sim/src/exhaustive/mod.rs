//! Checks every interleaving of a small model: claim, complete, expire, commit, with two coordinators and two
//! workers.
//!
//! The model contains exactly the promises of `storage::meta::claim` and `coordinator::commit`: each change is a
//! transaction that compares what the protocol says. A coordinator that believes that it leads sends it, and it is
//! applied now, later, twice or never (its answer is lost, and it is read back). Applied transactions are judged by
//! the predicates of [`model::invariant`], which the code and the simulation use as well.

pub mod life; // model of a job's life
mod system; //   state of the model, and its steps

use std::fmt;
use std::time::{Duration, Instant};

use model::Invariant;
use stateright::{Checker as _, Model, Property};

use system::{Step, System};

/// Variant of the protocol: complete, or with one guard left out to test the model itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The complete protocol.
    All,
    /// A completion does not compare the claim.
    NoClaim,
    /// A write does not compare the leader.
    NoLeader,
    /// A manifest is not put create-only.
    NoCreateOnly,
}

/// Result of a check.
#[derive(Debug)]
pub struct Exploration {
    /// Number of different states.
    pub states: usize,
    /// Duration of the check.
    pub took: Duration,
    /// Broken invariants, with the steps that led there.
    pub broken: Vec<(Invariant, String)>,
    /// True if some state has a committed shard.
    pub commits: bool,
}

impl Exploration {
    /// True if no invariant is broken and a shard can be committed.
    pub fn held(&self) -> bool {
        self.broken.is_empty() && self.commits
    }
}

impl fmt::Display for Exploration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} states in {:.1?}", self.states, self.took)?;
        for (invariant, steps) in &self.broken {
            write!(f, "\n{invariant} does not hold: {steps}")?;
        }
        if self.commits { Ok(()) } else { write!(f, "\nnothing is ever committed") }
    }
}

/// Checks the complete protocol.
pub fn check() -> Exploration {
    check_with(Guard::All)
}

/// Checks the protocol with a guard left out.
pub fn check_with(guard: Guard) -> Exploration {
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
    Exploration { states: checker.unique_state_count(), took: since.elapsed(), broken, commits }
}

/// Model of the protocol, with the guard that is left out.
#[derive(Debug, Clone, Copy)]
struct Protocol {
    guard: Guard,
}

/// Property: no step up to here violated the invariant.
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
        next.perform(step, self.guard).then_some(next)
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
