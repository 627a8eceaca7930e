//! `tailor task`: tasks of a job, and the attempts at them. One file a verb.

mod get;
mod list;

use anyhow::Result;

use crate::exit::Code;

/// Verbs of `tailor task`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Task {
    /// List the tasks of a job, with their attempts, workers and errors; also of one that has ended
    List(list::Args),
    /// Show one task with every attempt at it that is known, also of a job that has ended
    Get(get::Args),
}

/// Runs the verb to its end.
pub(crate) async fn run(task: Task) -> Result<Code> {
    match task {
        Task::List(args) => list::run(args).await,
        Task::Get(args) => get::run(args).await,
    }
}
