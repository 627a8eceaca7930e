//! Commands, one file a verb.

mod completions;
mod coordinator_server;
mod dashboard;
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
mod token;
mod worker;
mod workers;

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Subcommand;

use crate::exit::Code;

/// Commands of `tailor`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Generate synthetic segments that depend only on the options
    #[command(name = "gen")]
    Gen(Box<gen_segments::Args>),
    /// Turn CSV or OTLP files into segments
    #[command(subcommand)]
    Import(import::Import),
    /// Run a job in this process: segments to parts, rollups and manifests
    Run(Box<run::Args>),
    /// Show what `run` would do; writes nothing
    Plan(Box<run::Args>),
    /// Run a coordinator: it plans, grants work and commits
    Coordinator(Box<coordinator_server::Args>),
    /// Submit, watch, cancel and retry jobs of a cluster
    #[command(subcommand)]
    Job(job::Job),
    /// Show and replay the shards of a job; route organisations
    #[command(subcommand)]
    Shard(shard::Shard),
    /// Show the tasks of a job
    #[command(subcommand)]
    Task(task::Task),
    /// Run a worker; or list and drain the workers of a cluster
    Worker(Box<worker::Args>),
    /// Read, check, export and repair committed data; collect garbage
    #[command(subcommand)]
    Dataset(dataset::Dataset),
    /// Show a cluster in a browser, or a dataset whose cluster is gone
    Dashboard(dashboard::Args),
    /// Check a cluster and its stores
    Doctor(doctor::Args),
    /// Make bearer tokens, by which coordinators know clients
    #[command(subcommand)]
    Token(token::TokenVerb),
    /// Print completions for a shell
    Completions(completions::Args),
}

impl Command {
    /// True for a server, which sets up its own logs.
    pub(crate) fn is_server(&self) -> bool {
        match self {
            Self::Coordinator(_) => true,
            Self::Worker(args) => args.is_server(),
            _ => false,
        }
    }
}

/// Runs the command to its end.
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
        Command::Dashboard(args) => block_on(dashboard::run(args)),
        Command::Doctor(args) => block_on(doctor::run(args)),
        Command::Token(verb) => token::run(&verb),
        Command::Completions(args) => completions::run(&args),
    }
}

/// Longest wait, at the end, for threads that are blocked by a file or by a name lookup.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// Runs the asynchronous part of a command on two threads; computing has threads of its own.
fn block_on<T>(command: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = runtime()?;
    let done = runtime.block_on(command);
    // Without the limit, a file system that hangs would keep the process alive.
    runtime.shutdown_timeout(LEAVE_MAX);
    done
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.context("start the asynchronous runtime")
}
