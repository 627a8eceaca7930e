//! `tailor job cost`: time of slots, requests and bytes of a job, and their price; of one that runs, so far.

use anyhow::Result;
use dashboard::cost::Spending;

use crate::args::{Output, Prices};
use crate::context::ContextArgs;
use crate::documents::{self, JobCost};
use crate::exit::{Code, Exit};

/// Options of `tailor job cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    ///
    /// For example `tailor job cost nightly`.
    job: String,
    /// Dataset to look in for a job that has ended. Without it, every dataset that the cluster has worked on.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    #[command(flatten)]
    prices: Prices,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let found = args.context.cluster()?.job(&args.job, args.dataset.as_deref()).await?;
    let Some(spending) = Spending::of_job(&found) else {
        let what = format!("neither the record of job {} nor its leader tells what its workers spent", args.job);
        return Err(Exit::error(Code::Failed, what));
    };
    documents::show(args.output.style, &JobCost::of(args.job, spending, args.prices))?;
    Ok(Code::Done)
}
