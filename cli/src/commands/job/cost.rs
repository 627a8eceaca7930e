//! `tailor job cost`: time of slots, requests and bytes of a job that has ended, and their price.

use anyhow::Result;

use super::record;
use crate::args::{Output, Prices};
use crate::context::ContextArgs;
use crate::documents::{self, JobCost};
use crate::exit::Code;

/// Options of `tailor job cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job, which has ended.
    ///
    /// For example `tailor job cost nightly`.
    job: String,
    /// Dataset to look in. Without it, every dataset that the cluster has worked on.
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
    let report = record::of(&args.context.cluster()?, &args.job, args.dataset.as_deref()).await?;
    documents::show(args.output.style, &JobCost::of(&report, args.prices))?;
    Ok(Code::Done)
}
