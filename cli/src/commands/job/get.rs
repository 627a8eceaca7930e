//! `tailor job get`: one job with its shards.

use anyhow::Result;

use crate::args::Output;
use crate::context::ContextArgs;
use crate::documents::{self, Job};
use crate::exit::Code;

/// Options of `tailor job get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    ///
    /// For example `tailor job get nightly`.
    job: String,
    /// Dataset to look in for a job that has ended. Without it, every dataset that the cluster has worked on.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let response = args.context.cluster()?.job(&args.job, args.dataset.as_deref()).await?;
    documents::show(args.output.style, &Job::from(response))?;
    Ok(Code::Done)
}
