//! `tailor job cancel`: stops a job.

use anyhow::Result;
use proto::v1::{CancelJobRequest, JobSummary};

use crate::args::Output;
use crate::cluster::Operator;
use crate::confirm::Confirmation;
use crate::context::ContextArgs;
use crate::documents::{self, Cancelled};
use crate::exit::Code;

/// Options of `tailor job cancel`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    ///
    /// For example `tailor job cancel nightly --reason "wrong input"`.
    job: String,
    /// Reason, kept with the job.
    ///
    /// For example `--reason "wrong input"`.
    #[arg(long, value_name = "TEXT", value_parser = crate::args::reason)]
    reason: String,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let cluster = args.context.cluster()?;
    let job = cluster.job(&args.job, None).await?.job.unwrap_or_default();
    args.confirmation.ask(&what_changes(&job), &args.job)?;
    let request = CancelJobRequest { job: args.job.clone(), reason: args.reason };
    let cancel = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.cancel_job(request).await }
    };
    cluster.client.operator(cancel).await?;
    documents::show(args.output.style, &Cancelled { job: args.job })?;
    Ok(Code::Done)
}

fn what_changes(job: &JobSummary) -> String {
    let stopped = job.shards.saturating_sub(job.shards_done + job.shards_failed);
    format!(
        "job {} into {} will be cancelled: {stopped} of its {} shards are stopped, {} that are done stay",
        job.job, job.dataset, job.shards, job.shards_done
    )
}
