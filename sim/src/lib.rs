//! Seeded simulation of coordinators and workers under faults: their real code, on one thread, in simulated time.
//!
//! One seed draws the cluster, its settings, its input, its operator's wishes, and the faults. Every process runs on
//! a runtime of its own whose clock the world moves. Each request to etcd, to the object store and to other processes
//! leaves by the process's port; the world delays, loses, repeats or performs it. A witness sees every change, and
//! checks it against the named invariants ([`model::Invariant`]).
//!
//! The same seed gives the same trace, byte for byte. `make sim SEEDS=100` runs many; `cargo run -p sim -- --seed 7
//! --trace` shows one.

// Run of one seed, from its scenario to its verdict.
pub mod run;
// Scenario that a seed draws.
pub mod scenario;
// Trace of a run, in order.
pub mod trace;

// Input of the jobs.
mod workload;
// Fault rates and disruptions.
mod faults;
// Additional faults of seeds from a certain one on.
mod wider;
// Simulated time, messages in flight, and their faults.
mod world;
// Invariant violations that the product itself counts.
mod counted;
// Witness that checks the invariants.
mod witness;

// Simulated process: a runtime that is stepped, stopped and dropped.
mod process;
// Roles of processes.
mod roles;
// Port: the only way out of a process.
mod port;
// Simulated etcd.
mod state;
// Simulated object store.
mod bucket;
// Simulated network for gRPC.
mod network;
// Attempts as coroutines.
mod in_place;
// Wall clock of a machine.
mod clock;
// Panics of simulated processes.
mod panics;

// Planted bugs, to test the simulation.
pub mod planted;
// Exhaustive check of a small model.
pub mod exhaustive;

pub use planted::PlantedBug;
pub use run::{Options, RunVerdict, run};
pub use scenario::Mode;
pub use wider::FROM as WIDER_FROM;
pub use witness::Violation;
