//! `tailor task`: the tasks of a running job.

use anyhow::Result;
use clap::ValueEnum;
use model::ShardId;
use proto::v1::{ListTasksRequest, TaskState};

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, TaskList};
use crate::exit::Code;

/// Verbs of `tailor task`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Task {
    /// List the tasks of a running job, with their attempts, workers and errors
    List(Args),
}

/// Options of `tailor task list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the job.
    ///
    /// For example `--job nightly`.
    #[arg(long, value_name = "NAME")]
    job: String,
    /// Shard whose tasks to list. Without it, every shard.
    ///
    /// For example `--shard org-7`.
    #[arg(long, value_name = "NAME")]
    shard: Option<ShardId>,
    /// State of the tasks to list. Without it, every state.
    ///
    /// For example `--state running`.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// Most tasks to list.
    ///
    /// For example `--limit 100`.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

/// State of a task.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    /// Waiting for a worker.
    Open,
    /// Running: at least one attempt has not ended.
    Running,
    /// Waiting before the next try, or for a neighbour.
    Waiting,
    /// Done: an attempt has succeeded.
    Done,
}

impl From<State> for TaskState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Running => Self::Running,
            State::Waiting => Self::Waiting,
            State::Done => Self::Done,
        }
    }
}

/// Runs the verb to its end.
pub(crate) async fn run(Task::List(args): Task) -> Result<Code> {
    let request = ListTasksRequest {
        job: args.job.clone(),
        shard: args.shard.map(|shard| shard.to_string()).unwrap_or_default(),
        state: args.state.map_or(TaskState::Unspecified, TaskState::from).into(),
        limit: args.limit,
    };
    let list = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.list_tasks(request).await }
    };
    let tasks = TaskList::new(args.job, args.context.cluster()?.client.operator(list).await?);
    documents::show(args.output.style, &tasks)?;
    if tasks.more {
        crate::out::say(format_args!("tailor: there are more; give a larger --limit, a --shard or a --state"));
    }
    Ok(Code::Done)
}
