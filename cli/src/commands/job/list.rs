//! `tailor job list`: jobs, the latest first.

use anyhow::Result;
use proto::v1::{ListJobsRequest, ListJobsResponse};

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, JobList};
use crate::exit::Code;

/// Number of jobs in one request.
const PAGE_JOBS: u32 = 1000;

/// Options of `tailor job list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// List only jobs that have not ended.
    ///
    /// For example `tailor job list --open`.
    #[arg(long)]
    open: bool,
    /// Dataset whose history to list too. Without it, only datasets that the cluster has worked on.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    /// Most jobs to list, the newest first.
    ///
    /// For example `--limit 1000`.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// List every job, without a limit.
    ///
    /// For example `tailor job list --all`.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let client = args.context.cluster()?.client;
    let limit = if args.all { u32::MAX } else { args.limit };
    let dataset = args.dataset.unwrap_or_default();
    let mut list = ListJobsResponse::default();
    loop {
        let request = ListJobsRequest {
            dataset: dataset.clone(),
            open_only: args.open,
            limit: PAGE_JOBS.min(limit - list.jobs.len() as u32),
            page_token: std::mem::take(&mut list.next_page_token),
        };
        let page = |mut operator: Operator| {
            let request = request.clone();
            async move { operator.list_jobs(request).await }
        };
        let page = client.operator(page).await?;
        list.jobs.extend(page.jobs);
        // Each page names datasets that cannot be read.
        list.warnings.extend(page.warnings);
        list.next_page_token = page.next_page_token;
        if list.next_page_token.is_empty() || list.jobs.len() as u32 >= limit {
            break;
        }
    }
    list.warnings.sort();
    list.warnings.dedup();
    let is_more = !list.next_page_token.is_empty();
    let jobs = JobList::from(list);
    for warning in &jobs.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    documents::show(args.output.style, &jobs)?;
    if is_more {
        eprintln!("tailor: older jobs are not listed; give a larger --limit, or --all");
    }
    Ok(Code::Done)
}
