//! `tailor job retry`.

use anyhow::Result;
use proto::v1::RetryJobRequest;

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, Retried};
use crate::exit::Code;

/// Options of `tailor job retry`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job.
    job: String,
    /// Why; kept with the job.
    #[arg(long, value_name = "TEXT", value_parser = crate::args::reason)]
    reason: String,
    /// Where to look for the job; without it, in every dataset that the cluster has worked on.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let request =
        RetryJobRequest { job: args.job.clone(), reason: args.reason, dataset: args.dataset.unwrap_or_default() };
    let retry = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.retry_job(request).await }
    };
    let retried = args.context.cluster()?.client.operator(retry).await?;
    documents::show(args.output.style, &Retried::new(args.job, retried.shards))?;
    Ok(Code::Done)
}
