//! Computes: map and reduce attempts, within a memory budget.
//!
//! A worker keeps nothing that a restart would miss, and writes only under its own attempt's names. Its threads run one
//! attempt at a time; contexts and arenas are kept from one to the next.

// What a worker is given, and what it works with.
pub mod task;
// The coordinator that leads, as a worker sees it.
pub mod leader;
// A worker's life: lease, claims, attempts, reports, drain.
pub mod agent;
// The leader over gRPC.
pub mod remote;
// What nobody else knows of a worker.
pub mod secret;
// The settings of `tailor worker`, and the server itself.
pub mod settings;
pub mod server;
// The notice before a spot machine goes.
mod spot;
// From a grant to what there is to do.
mod resolve;
// Runs granted attempts.
mod execute;
// The threads that compute.
mod compute;
mod slot;
mod map;
mod reduce;
mod run_writer;
// Which attempts a worker that leaves still finishes.
mod drain;
// Whether this machine may take work.
mod fitness;
// How many files this process may open.
pub mod open_files;
// What attempts keep on this machine's disk.
mod scratch;
// What bounds one slot.
mod limits;
mod clock;
mod error;
// What a scraper is told.
pub mod metrics;

pub use agent::{Agent, AgentError, AgentSettings, Left};
pub use compute::{InPlace, SlotWork};
pub use error::WorkError;
pub use limits::SlotLimits;
pub use resolve::{ByUri, Places};
pub use slot::{Outcome, Slot};
