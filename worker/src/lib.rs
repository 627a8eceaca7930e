//! Computes: map and reduce attempts, within a memory budget.
//!
//! A worker keeps nothing that a restart would miss, and writes only under its own attempt's names. Its threads run
//! one attempt at a time; contexts and arenas are kept from one to the next.

// Input and context of an attempt.
pub mod task;
// Life of a worker: lease, claims, attempts, reports, drain.
pub mod agent;
// Implementation of the leader over gRPC.
pub mod remote;
// Settings of `tailor worker`, and the server itself.
pub mod settings;
pub mod server;
// Notice before a spot machine is taken back.
mod spot;
// Turns a grant into an assignment.
mod resolve;
// Execution of granted attempts.
mod execute;
// Threads that compute.
mod compute;
mod slot;
mod map;
mod reduce;
// Runs: writing, reading, merging.
mod runs;
// Choice of the attempts that a leaving worker still finishes.
mod drain;
// Check that this machine may take work.
mod fitness;
// Limit of open files of this process.
pub mod open_files;
// Folders of attempts on this machine's disk.
mod scratch;
// Limits of one slot.
mod limits;
mod clock;
mod error;
// Metrics for a scraper.
pub mod metrics;
// Spans for a collector.
mod trace;

pub use agent::{Agent, AgentError, AgentSettings, Left};
pub use compute::{InPlace, SlotWork};
pub use error::WorkError;
pub use limits::SlotLimits;
pub use slot::{AttemptOutcome, Slot};
