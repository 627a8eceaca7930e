//! `tailor task`: tasks of a job that runs.

use anyhow::Result;
use clap::ValueEnum;
use model::ShardId;
use proto::v1::{ListTasksRequest, TaskState};

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, TaskList};
use crate::exit::Code;

/// Verbs on tasks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Task {
    /// List the tasks of a job that runs, with their attempts, workers and errors.
    List(Args),
}

/// Options of `tailor task list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The job.
    #[arg(long, value_name = "NAME")]
    job: String,
    /// This shard alone.
    #[arg(long, value_name = "NAME")]
    shard: Option<ShardId>,
    /// Only tasks in this state.
    #[arg(long, value_enum)]
    state: Option<State>,
    /// At most so many.
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
    /// Nobody works on it.
    Open,
    /// An attempt runs.
    Running,
    /// It waits before it is tried again, or for its neighbour.
    Waiting,
    /// It is done.
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

/// Runs a verb to its end.
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
