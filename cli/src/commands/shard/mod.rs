//! `tailor shard`: shards of a job, and which shard an organisation goes to. One file a verb.

mod get;
mod list;
mod replay;
pub(crate) mod route;

use anyhow::Result;

use crate::exit::Code;

/// Verbs on shards.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Shard {
    /// List the shards of a job.
    List(list::Args),
    /// Show one shard of a job.
    Get(get::Args),
    /// Run one shard of a job again, into a new version beside the old.
    Replay(replay::Args),
    /// Tell which shard an organisation goes to, and why.
    Route(route::Args),
}

/// Runs a verb to its end.
pub(crate) async fn run(shard: Shard) -> Result<Code> {
    match shard {
        Shard::List(args) => list::run(args).await,
        Shard::Get(args) => get::run(args).await,
        Shard::Replay(args) => replay::run(args).await,
        Shard::Route(args) => route::run(&args),
    }
}

/// Which job, and how to show the result.
#[derive(Debug, clap::Args)]
struct OfJob {
    /// The job.
    #[arg(long, value_name = "NAME")]
    job: String,
    /// Where to look for a job that has ended; without it, in every dataset that the cluster has worked on.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    #[command(flatten)]
    context: crate::context::ContextArgs,
    #[command(flatten)]
    output: crate::args::Output,
}
