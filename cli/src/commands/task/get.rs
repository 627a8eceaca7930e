//! `tailor task get`: one task with the attempts at it.

use anyhow::Result;
use model::{ShardId, TaskId};
use proto::v1::GetTaskRequest;

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, TaskOfJob};
use crate::exit::Code;

/// Options of `tailor task get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the task.
    ///
    /// For example `tailor task get m-00012 --shard org-7 --job nightly`.
    task: TaskId,
    /// Shard of the task.
    ///
    /// For example `--shard org-7`.
    #[arg(long, value_name = "NAME")]
    shard: ShardId,
    /// Name of the job.
    ///
    /// For example `--job nightly`.
    #[arg(long, value_name = "NAME")]
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
    let (shard, task) = (args.shard.to_string(), args.task.to_string());
    let dataset = args.dataset.unwrap_or_default();
    let request = GetTaskRequest { job: args.job.clone(), shard: shard.clone(), task: task.clone(), dataset };
    let get = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.get_task(request).await }
    };
    let found = args.context.cluster()?.client.operator(get).await?;
    documents::show(args.output.style, &TaskOfJob::new((args.job, shard, task), found))?;
    Ok(Code::Done)
}
