//! Decides: plans shards, assigns their tasks, judges failures. The crate does no I/O and has no clock or randomness:
//! the same state and the same event give the same effects, on every machine.
//!
//! The coordinator performs the effects and feeds their outcomes back as events.

// Turns segments and settings into a shard's plan.
pub mod plan;
// Checks that the split ranges of a segment join.
pub mod stitch;
// Numbers that decisions use.
mod policy;
// State of one task, and of all tasks of one kind.
mod task;
// State of one shard: its phases and tasks.
mod shard;
// State of one job: its life, its shards, and which of them have work.
mod job;
// Assigns open tasks to workers.
mod assign;
// Input and output of `step`.
pub mod event;
// State of all jobs and workers.
mod state;
// Views of progress for people.
pub mod view;
// Search of tasks for people.
pub mod find;
// Demand for workers, for an autoscaler.
pub mod demand;
// Conduct of workers, for people.
pub mod conduct;

#[cfg(feature = "planted")]
pub mod planted;

pub use event::{Effect, Event, ListedRuns, NextAttempt, Restored, ShardEnd, ShardOutput, TaskInput, Tried, WorkerId};
pub use job::life;
pub use policy::{Policy, Speculation, is_charged};
pub use shard::{Counts, Phase};
pub use state::{State, claim, step};

#[cfg(test)]
mod tests;
