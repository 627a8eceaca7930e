//! One file a verb.

mod completions;
mod coordinator_server;
mod dataset;
mod doctor;
mod gen_segments;
mod import;
mod job;
mod job_options;
mod plan;
mod run;
mod shard;
mod task;
#[cfg(test)]
mod tests;
mod worker;
mod workers;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::exit::Code;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write synthetic segments, deterministic.
    #[command(name = "gen")]
    Gen(Box<gen_segments::Args>),
    /// Turn CSV or OTLP into segments.
    #[command(subcommand)]
    Import(import::Import),
    /// Run a job in this process: segments to parts, rollups and manifests.
    Run(Box<run::Args>),
    /// Show what `run` would do; writes nothing.
    Plan(Box<run::Args>),
    /// Plan, lease and commit for a cluster: one of its coordinators.
    Coordinator(Box<coordinator_server::Args>),
    /// Submit jobs to a cluster, look at them, stop them.
    #[command(subcommand)]
    Job(job::Job),
    /// Look at the shards of a job, run one again, route organisations.
    #[command(subcommand)]
    Shard(shard::Shard),
    /// Look at the tasks of a job.
    #[command(subcommand)]
    Task(task::Task),
    /// Work for a cluster; or look at its workers, drain one.
    Worker(Box<worker::Args>),
    /// Look at, check and mend what was committed.
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    /// Check that coordinators answer, and that stores do what is relied on.
    Doctor(doctor::Args),
    /// Print completions for a shell.
    Completions(completions::Args),
}

impl Command {
    /// Whether this is a server: it sets up logs as its settings say.
    pub(crate) fn is_server(&self) -> bool {
        match self {
            Self::Coordinator(_) => true,
            Self::Worker(args) => args.is_server(),
            _ => false,
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: Command) -> Result<Code> {
    match command {
        Command::Gen(args) => gen_segments::run(&args),
        Command::Import(import) => import::run(&import),
        Command::Run(args) => block_on(run::run(*args)),
        Command::Plan(args) => block_on(plan::run(*args)),
        Command::Coordinator(args) => block_on(coordinator_server::run(*args)),
        Command::Job(job) => block_on(job::run(job)),
        Command::Shard(shard) => block_on(shard::run(shard)),
        Command::Task(task) => block_on(task::run(task)),
        Command::Worker(args) => block_on(worker::run(*args)),
        Command::Dataset(dataset) => block_on(dataset::run(dataset)),
        Command::Doctor(args) => block_on(doctor::run(args)),
        Command::Completions(args) => completions::run(&args),
    }
}

/// How long threads that wait for a file or a name's address are waited for at the end.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// Drives the asynchronous part of a command. Two threads: computing has threads of its own.
fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(command);
    // A file system that hangs would hold the process for as long.
    runtime.shutdown_timeout(LEAVE_MAX);
    done
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("start the asynchronous runtime")
}
