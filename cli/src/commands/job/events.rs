//! `tailor job events`: what happened to a job, the newest first.

use anyhow::Result;
use proto::v1::ListEventsRequest;

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, EventList};
use crate::exit::Code;

/// Options of `tailor job events`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    ///
    /// For example `tailor job events nightly`.
    job: String,
    /// Dataset to look in for a job that has ended. Without it, every dataset that the cluster has worked on.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    /// Most events to list, 200 at most; the event log in the dataset has all.
    ///
    /// For example `--limit 20`.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let dataset = args.dataset.unwrap_or_default();
    let request = ListEventsRequest { job: args.job.clone(), dataset, limit: args.limit };
    let list = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.list_events(request).await }
    };
    let events = EventList::new(args.job, args.context.cluster()?.client.operator(list).await?);
    documents::show(args.output.style, &events)?;
    for sentence in &events.unknown {
        crate::out::say(format_args!("tailor: {sentence}"));
    }
    if events.more {
        let shown = events.shown();
        crate::out::say(format_args!(
            "tailor: the newest {shown} events are shown; earlier ones are in the event log, in the dataset"
        ));
    }
    Ok(Code::Done)
}
