//! Seeded simulation of coordinators and workers under faults: their real code, on one thread, in simulated time.
//!
//! One seed draws the cluster, its settings, its input, what its operator wants, and what goes wrong. Every process runs on a
//! runtime of its own whose clock the world moves; whatever it asks of etcd, of the object store and of other processes
//! leaves by its port, and the world delays, loses, repeats or does it. A witness sees every change, and holds it against
//! the named invariants ([`model::Invariant`]).
//!
//! The same seed gives the same trace, byte for byte. `make sim SEEDS=100` runs many; `cargo run -p sim -- --seed 7 --trace`
//! shows one.

// One seed, from its scenario to its verdict.
pub mod run;
// What a seed means.
pub mod scenario;
// What happened, in order.
pub mod trace;

// The input.
mod workload;
// What may go wrong.
mod faults;
// What seeds from a certain one on have beside.
mod wider;
// Simulated time, messages on their way, and what goes wrong with them.
mod world;
// What the product itself counts as violated.
mod counted;
// Who watches over the invariants.
mod witness;

// One process: a runtime that is stepped, stopped and dropped.
mod process;
// What processes are.
mod roles;
// The one way out of a process.
mod port;
// etcd.
mod state;
// The object store.
mod bucket;
// gRPC.
mod network;
// Attempts on coroutines.
mod in_place;
// A machine's wall clock.
mod clock;
// Panics of simulated processes.
mod panics;

// Bugs on purpose.
pub mod planted;
// Every interleaving of a small model.
pub mod exhaustive;

pub use planted::Planted;
pub use run::{Options, Verdict, run};
pub use scenario::Mode;
pub use wider::FROM as WIDER_FROM;
pub use witness::Violation;
