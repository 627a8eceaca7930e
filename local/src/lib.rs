//! Runs coordinator and worker in one process: `tailor run`.
//!
//! The leader, the scheduler and the agent are those of a cluster. The state is in memory, the leader is elected
//! without a rival, and the worker's calls reach the leader directly instead of over gRPC.

// Life of a run: leader, worker, job, and their ends.
mod run;
// Slots, memory and folders that a run may use.
mod resources;
// Errors of a run.
mod error;

pub use error::LocalRunError;
pub use resources::Resources;
pub use run::{Watcher, run};
