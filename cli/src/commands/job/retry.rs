//! `tailor job retry`: failed and cancelled shards run again.

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
    /// Name of the job.
    ///
    /// For example `tailor job retry nightly --reason "the store is back"`.
    job: String,
    /// Reason, kept with the job.
    ///
    /// For example `--reason "the store is back"`.
    #[arg(long, value_name = "TEXT", value_parser = crate::args::reason)]
    reason: String,
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
