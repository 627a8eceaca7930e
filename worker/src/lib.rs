//! Computes: map and reduce attempts, within a memory budget.
//!
//! A worker keeps nothing that a restart would miss, and writes only under its own attempt's names. Its threads run one
//! attempt at a time; contexts and arenas are kept from one to the next.

// What a worker is given, and what it works with.
pub mod task;
// The coordinator that leads, as a worker sees it.
pub mod leader;
// What bounds one slot.
mod limits;
mod error;
mod clock;
mod map;
mod reduce;
mod slot;
mod run_writer;
mod resolve;

pub use error::WorkError;
pub use limits::SlotLimits;
pub use resolve::{ByUri, Places};
pub use slot::{Outcome, Slot};
