//! Acts: finds the input, plans shards, drives the scheduler, commits manifests, keeps the record of the job.
//!
//! The decisions are the scheduler's. Here its effects are performed, and their outcomes fed back as events. `tailor run`
//! is this coordinator with a worker in the same process; `tailor coordinator` is one of several replicas.

// What a job is to do, and where.
pub mod job;
// Segments under the input prefix, by shard.
pub mod discover;
// Segments that lie under two keys.
mod copies;
// The versions that a job was planned over.
mod bases;
// Shards to plans.
pub mod planning;
// Objects that tell whether they are whole.
mod read;
// Whether a store refuses to overwrite.
mod probe;
// Makes a shard's output visible.
mod commit;
// Input and output right before that.
mod last_look;
// The one door for durable change.
mod journal;
// The loop that performs effects and feeds back events.
mod leader;
// No other cluster's namespace in ours, nor around it.
mod namespace;
// Connections, as many as are served at once.
mod connections;
// One replica: election, leading, standing again.
mod replica;
// What needs no asking: garbage, abandoned uploads.
mod reconcile;
// The gRPC services.
pub(crate) mod service;
// What the coordinator counts.
mod metrics;
// What a coordinator is told at its start.
pub mod settings;
// `tailor coordinator`.
pub mod server;
// One coordinator without its sockets.
pub mod member;
// A job's record, one a round.
mod record;
// The records of jobs that have ended.
mod history;
// One small object for each of them, the newest first.
mod history_index;
// What happened to a job, a line an event.
mod event_log;
// Jobs that have ended, as operators see them.
mod history_view;
// Coordinator and worker in one process.
pub mod embedded;
// What became of a job, for people and programs.
pub mod report;
mod error;

pub use embedded::{Watcher, run};
pub use error::JobError;
pub use job::{Job, Resources};
pub use leader::LeaderSettings;
pub use leader::check_report;
pub use metrics::VIOLATIONS;
pub use report::{JobReport, ShardReport, ShardState};
