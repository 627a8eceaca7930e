//! `tailor shard`: shards of a job, and the routing of organisations. One file a verb.

mod get;
mod list;
mod replay;
pub(crate) mod route;

use anyhow::Result;

use crate::exit::Code;

/// Verbs of `tailor shard`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Shard {
    /// List the shards of a job
    List(list::Args),
    /// Show one shard of a job
    Get(get::Args),
    /// Run one shard of a job again, into a new version beside the old
    Replay(replay::Args),
    /// Show the shard of an organisation, and the rule behind it
    Route(route::Args),
}

/// Runs the verb to its end.
pub(crate) async fn run(shard: Shard) -> Result<Code> {
    match shard {
        Shard::List(args) => list::run(args).await,
        Shard::Get(args) => get::run(args).await,
        Shard::Replay(args) => replay::run(args).await,
        Shard::Route(args) => route::run(&args),
    }
}

/// Options of verbs on the shards of a job.
#[derive(Debug, clap::Args)]
struct OfJob {
    /// Name of the job.
    ///
    /// For example `--job nightly`.
    #[arg(long, value_name = "NAME")]
    job: String,
    /// Dataset to look in for a job that has ended. Without it, every dataset that the cluster has worked on.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    #[command(flatten)]
    context: crate::context::ContextArgs,
    #[command(flatten)]
    output: crate::args::Output,
}
