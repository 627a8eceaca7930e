//! `tailor job list`.

use anyhow::Result;
use proto::v1::ListJobsRequest;

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, JobList};
use crate::exit::Code;

/// Options of `tailor job list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only jobs that have not ended.
    #[arg(long)]
    open: bool,
    /// A dataset whose history to look at too, beside those that the cluster has worked on.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let request = ListJobsRequest { dataset: args.dataset.unwrap_or_default(), open_only: args.open };
    let list = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.list_jobs(request).await }
    };
    let jobs = JobList::from(args.context.cluster()?.client.operator(list).await?);
    for warning in &jobs.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    documents::show(args.output.style, &jobs)?;
    Ok(Code::Done)
}
