//! Acts: finds the input, plans shards, drives the scheduler, commits manifests, keeps the record of the job.
//!
//! The decisions are the scheduler's. Here its effects are performed, and their outcomes fed back as events. `tailor run`
//! is this coordinator with worker slots in the same process.

// What a job is to do, and where.
pub mod job;
// Segments under the input prefix, by shard.
pub mod discover;
// Shards to plans.
pub mod planning;
// What a worker is given.
pub mod assignment;
// Makes a shard's output visible.
mod commit;
// The loop that performs effects and feeds back events.
mod driver;
// Coordinator and worker slots in one process.
pub mod embedded;
// What became of a job, for people and programs.
pub mod report;
mod error;

pub use embedded::{Watcher, run};
pub use error::JobError;
pub use job::{Job, Resources};
pub use report::{JobReport, ShardReport};
