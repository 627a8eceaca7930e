//! `tailor job compare`: two jobs that have ended, measure by measure and shard by shard.

use anyhow::Result;

use super::record;
use crate::args::{Output, Prices};
use crate::context::ContextArgs;
use crate::documents::{self, Comparison};
use crate::exit::Code;

/// Options of `tailor job compare`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job to compare with.
    ///
    /// For example `tailor job compare last-week nightly`.
    before: String,
    /// Name of the job that is compared.
    ///
    /// For example `tailor job compare last-week nightly`.
    after: String,
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
    let cluster = args.context.cluster()?;
    let before = record::of(&cluster, &args.before, args.dataset.as_deref()).await?;
    let after = record::of(&cluster, &args.after, args.dataset.as_deref()).await?;
    documents::show(args.output.style, &Comparison::of(&before, &after, args.prices))?;
    Ok(Code::Done)
}
