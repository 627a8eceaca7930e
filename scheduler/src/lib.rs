//! Decides: plans shards and drives their tasks. No I/O, no clock, no randomness: the same state and the same event
//! give the same effects, on every machine.
//!
//! The coordinator performs the effects and feeds their outcomes back as events.

// From segments and settings to a shard's plan.
pub mod plan;
// Whether the ranges of a segment join.
pub mod stitch;
// One shard: its phases and tasks.
mod shard;
// What happens, and what is to be done about it.
pub mod event;
// All shards of a job, and the workers.
mod state;

pub use event::{Effect, Event, ShardEnd, ShardOutput, WorkerId};
pub use state::{State, step};

#[cfg(test)]
mod tests;
