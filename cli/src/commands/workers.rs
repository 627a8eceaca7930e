//! `tailor worker list` and `tailor worker drain`: workers of a cluster.

use std::time::Duration;

use anyhow::Result;
use proto::v1::{DrainWorkerRequest, WorkerSummary};

use crate::args::Output;
use crate::cluster::{Cluster, Operator};
use crate::confirm::Confirmation;
use crate::context::ContextArgs;
use crate::documents::{self, Drained, WorkerList};
use crate::exit::{Code, Exit};

/// Time between two looks at a worker that drains.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Verbs on workers.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum WorkerVerb {
    /// List workers that live.
    List(List),
    /// Ask a worker to leave: it finishes what is nearly done and hands the rest back.
    Drain(Drain),
}

/// Options of `tailor worker list`.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

/// Options of `tailor worker drain`.
#[derive(Debug, clap::Args)]
pub(crate) struct Drain {
    /// The worker: its id or its name.
    worker: String,
    /// Why; kept in the log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Wait until it has left.
    #[arg(long)]
    wait: bool,
    /// How long to wait; the worker goes on leaving after it.
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = model::time::parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

/// Runs a verb to its end.
pub(crate) async fn run(verb: WorkerVerb) -> Result<Code> {
    match verb {
        WorkerVerb::List(args) => list(args).await,
        WorkerVerb::Drain(args) => drain(args).await,
    }
}

async fn list(args: List) -> Result<Code> {
    let workers = WorkerList::from(args.context.cluster()?.workers().await?);
    documents::show(args.output.style, &workers)?;
    Ok(Code::Done)
}

async fn drain(args: Drain) -> Result<Code> {
    let cluster = args.context.cluster()?;
    let worker = one(cluster.workers().await?.workers, &args.worker)?;
    let what = format!(
        "worker {} ({}) will leave; {} attempts run on it, those that are not nearly done are handed back",
        worker.name, worker.worker, worker.running
    );
    args.confirmation.ask(&what, &args.worker)?;
    let request = DrainWorkerRequest { worker: worker.worker.clone(), reason: args.reason };
    let drain = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.drain_worker(request).await }
    };
    cluster.client.operator(drain).await?;
    if args.wait {
        wait(&cluster, &worker, args.timeout).await?;
    }
    documents::show(args.output.style, &Drained { worker: worker.worker, is_gone: args.wait })?;
    Ok(Code::Done)
}

/// The one worker that is meant.
fn one(workers: Vec<WorkerSummary>, name: &str) -> Result<WorkerSummary> {
    let meant: Vec<_> = workers.into_iter().filter(|worker| worker.worker == name || worker.name == name).collect();
    match <[_; 1]>::try_from(meant) {
        Ok([worker]) => Ok(worker),
        Err(none) if none.is_empty() => {
            Err(Exit::error(Code::NotFound, format!("there is no worker {name}; see `tailor worker list`")))
        }
        Err(several) => {
            let ids: Vec<_> = several.iter().map(|worker| worker.worker.as_str()).collect();
            Err(Exit::error(
                Code::Usage,
                format!("several workers are named {name}; name one by id: {}", ids.join(", ")),
            ))
        }
    }
}

/// Waits until a worker is no longer among those that live.
async fn wait(cluster: &Cluster, worker: &WorkerSummary, timeout: Option<Duration>) -> Result<()> {
    let cluster = cluster.patient();
    let left = async {
        while cluster.workers().await?.workers.iter().any(|known| known.worker == worker.worker) {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(())
    };
    let Some(timeout) = timeout else { return left.await };
    tokio::time::timeout(timeout, left).await.unwrap_or_else(|_| {
        let what = format!("worker {} had not left within {timeout:?}; it goes on leaving", worker.name);
        Err(Exit::error(Code::TimedOut, what))
    })
}
