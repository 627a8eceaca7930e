//! Acts: finds the input, plans shards, drives the scheduler, commits manifests, keeps the record of the job.
//!
//! The decisions are the scheduler's. This crate performs its effects, and feeds the outcomes back as events. `tailor
//! coordinator` is one of several replicas; `tailor run` (crate `local`) joins the leader with a worker in one process.

// Outside world of a coordinator: clock and stores.
mod env;
// Opened job: settings and stores.
pub mod job;
// Discovery of segments under the input prefix, by shard.
pub mod discover;
// Detection of segments that lie under two keys.
mod copies;
// Versions over which a job was planned.
mod bases;
// Planning of shards.
pub mod planning;
// Repeated reads of objects that are checked by a digest.
mod read;
// Probe of a store: does it refuse to overwrite?
mod probe;
// Commit of a shard's output.
mod commit;
// Last check of input and output before a commit.
mod last_look;
// Journal, the only way of durable change.
mod journal;
// Leader: performs effects and feeds back events.
mod leader;
// Check that namespaces of clusters do not overlap.
mod namespace;
// Limit of connections.
mod connections;
// Replica: stands for election, leads, stands again.
mod replica;
// Background duties: garbage, abandoned uploads.
mod reconcile;
// Identities, roles, the audit log.
mod access;
// Services over gRPC.
pub(crate) mod service;
// Pages for people, beside the probes.
pub mod pages;
// Metrics of the coordinator.
mod metrics;
// Settings of the coordinator.
pub mod settings;
// Server of `tailor coordinator`.
pub mod server;
// Coordinator without its sockets.
mod coordinator;
// Records of a job, one per round.
mod record;
// Records of ended jobs.
mod history;
// Index of ended jobs, newest first.
mod history_index;
// Event log of a job, one line per event.
mod event_log;
// Lines about attempts in event logs.
mod attempt_line;
// Pieces of event logs that were read.
mod log_pieces;
// Attempts at a task, from an event log.
mod attempts_of_task;
// Tasks that are over, from an event log.
mod ended_tasks;
// Newest events of a job, from its leader's memory or its log.
mod job_events;
// Views of ended jobs for operators.
mod history_view;
// Indexes of the coverage of datasets.
mod coverage;
// Leader of one process, without sockets: the half of `tailor run`.
pub mod local_leader;
// Report of a job, for people and programs.
pub mod report;
mod error;

pub use access::Access;
pub use coordinator::Coordinator;
pub use env::Env;
pub use error::JobError;
pub use job::Job;
pub use leader::{LeaderSettings, Pool, Pools, PoolsError};
pub use leader::{ReportFault, check_report};
pub use metrics::VIOLATIONS;
pub use report::{JobReport, ShardReport, ShardState};
