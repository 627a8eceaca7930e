//! Decides: plans shards, hands out their tasks, judges failures. No I/O, no clock, no randomness: the same state and the
//! same event give the same effects, on every machine.
//!
//! The coordinator performs the effects and feeds their outcomes back as events.

// From segments and settings to a shard's plan.
pub mod plan;
// Whether the ranges of a segment join.
pub mod stitch;
// The numbers that decisions rest on.
mod policy;
// One task, and the tasks of one kind.
mod task;
// One shard: its phases and tasks.
mod shard;
// One job: its shards, and which of them have work.
mod job;
// Who gets what.
mod assign;
// What happens, and what is to be done about it.
pub mod event;
// All jobs, and the workers.
mod state;
// How far everything is, for people.
pub mod view;

#[cfg(feature = "planted")]
pub mod planted;

pub use event::{Effect, Event, ListedRuns, Restored, ShardEnd, ShardOutput, TaskInput, Tried, WorkerId};
pub use policy::{Policy, Speculation, is_charged};
pub use shard::{Counts, Phase};
pub use state::{State, step};

#[cfg(test)]
mod tests;
