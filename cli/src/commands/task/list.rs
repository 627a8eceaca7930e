//! `tailor task list`: tasks of a job, filtered, in order; of one that has ended as far as its event log has them.

use anyhow::Result;
use clap::ValueEnum;
use model::ShardId;
use proto::v1::{FailureClass, ListTasksRequest, TaskOrder, TaskState};

use crate::args::Output;
use crate::cluster::Operator;
use crate::context::ContextArgs;
use crate::documents::{self, TaskList};
use crate::exit::Code;

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
    /// List only what is tried again: tasks that are not done, and of which an attempt has ended before.
    ///
    /// For example `tailor task list --job nightly --retrying`.
    #[arg(long)]
    retrying: bool,
    /// List the N tasks with the longest attempt, the longest first: the attempt that runs, or the one that counts.
    /// Without it, the order of the plan.
    ///
    /// For example `--slowest 20`.
    #[arg(long, value_name = "N", conflicts_with = "limit", value_parser = clap::value_parser!(u32).range(1..))]
    slowest: Option<u32>,
    /// Worker that runs an attempt of the task, by its name or id. Without it, any.
    ///
    /// For example `--worker spot-5`.
    #[arg(long, value_name = "WORKER")]
    worker: Option<String>,
    /// Class of the last failure of the task. Without it, any.
    ///
    /// For example `--class throttled`.
    #[arg(long, value_enum)]
    class: Option<Class>,
    /// Least number of attempts at the task.
    ///
    /// For example `--attempts-min 2`.
    #[arg(long, value_name = "N", default_value_t = 0)]
    attempts_min: u32,
    /// Dataset to look in for a job that has ended. Without it, every dataset that the cluster has worked on.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    /// Number of tasks to pass over, of those that the other options let through.
    ///
    /// For example `--offset 200`.
    #[arg(long, value_name = "N", default_value_t = 0)]
    offset: u64,
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
    /// Ended: its shard is over, and no attempt has succeeded.
    Ended,
}

impl From<State> for TaskState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Running => Self::Running,
            State::Waiting => Self::Waiting,
            State::Done => Self::Done,
            State::Ended => Self::Ended,
        }
    }
}

/// Class of a failure.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Class {
    /// A network failure or a lost connection.
    Transient,
    /// A store that asked for time, or was away.
    Throttled,
    /// The worker's own disk or memory.
    Resource,
    /// Bad input.
    Input,
    /// A run that is missing or damaged.
    RunLost,
    /// An order to stop.
    Cancelled,
    /// A broken invariant.
    Bug,
}

impl From<Class> for FailureClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Transient => Self::Transient,
            Class::Throttled => Self::Throttled,
            Class::Resource => Self::Resource,
            Class::Input => Self::Input,
            Class::RunLost => Self::RunLost,
            Class::Cancelled => Self::Cancelled,
            Class::Bug => Self::Bug,
        }
    }
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let order = if args.slowest.is_some() { TaskOrder::Slowest } else { TaskOrder::Unspecified };
    let request = ListTasksRequest {
        job: args.job.clone(),
        shard: args.shard.map(|shard| shard.to_string()).unwrap_or_default(),
        state: args.state.map_or(TaskState::Unspecified, TaskState::from).into(),
        limit: args.slowest.unwrap_or(args.limit),
        attempts_min: args.attempts_min,
        worker: args.worker.unwrap_or_default(),
        class: args.class.map_or(FailureClass::Unspecified, FailureClass::from).into(),
        retrying: args.retrying,
        order: order.into(),
        offset: args.offset,
        dataset: args.dataset.unwrap_or_default(),
    };
    let list = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.list_tasks(request).await }
    };
    let tasks = TaskList::new(args.job, args.context.cluster()?.client.operator(list).await?);
    documents::show(args.output.style, &tasks)?;
    for sentence in &tasks.unknown {
        crate::out::say(format_args!("tailor: {sentence}"));
    }
    if tasks.more {
        let (shown, matching, all) = (tasks.shown(), tasks.matching, tasks.all);
        crate::out::say(format_args!(
            "tailor: {shown} of {matching} tasks are shown ({all} in all); give a larger --limit, an --offset or a --shard"
        ));
    }
    Ok(Code::Done)
}
