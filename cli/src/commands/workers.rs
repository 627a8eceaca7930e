//! `tailor worker list` and `tailor worker drain`: workers of a cluster.

use std::time::Duration;

use anyhow::Result;
use proto::v1::{DrainWorkerRequest, WorkerSummary};

use crate::args::Output;
use crate::cluster::{Cluster, Operator};
use crate::confirm::Confirmation;
use crate::context::ContextArgs;
use crate::documents::{self, Drained, Undrained, WorkerList};
use crate::exit::{Code, Exit};

/// Pause between two checks of a worker that drains.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Verbs of `tailor worker`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum WorkerVerb {
    /// List the live workers
    List(List),
    /// Ask a worker to leave: it finishes what is nearly done and hands the rest back
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
    /// Id or name of the worker.
    ///
    /// For example `tailor worker drain spot-5 --reason "new kernel"`.
    worker: String,
    /// Reason, kept in the log.
    ///
    /// For example `--reason "new kernel"`.
    #[arg(long, value_name = "TEXT", value_parser = crate::args::reason)]
    reason: String,
    /// Withdraw the order to leave. A worker that has begun to leave still leaves.
    ///
    /// For example `tailor worker drain spot-5 --reason "not needed" --cancel`.
    #[arg(long, conflicts_with = "wait")]
    cancel: bool,
    /// Wait until the worker has left. Exits 1 if it was lost instead: its lease ended before it had handed its work
    /// back.
    ///
    /// For example `--wait --timeout 5m`.
    #[arg(long)]
    wait: bool,
    /// Longest wait; the worker goes on leaving after it. Without it, until the worker has left.
    ///
    /// For example `--wait --timeout 5m`.
    #[arg(long, value_name = "DURATION", requires = "wait", value_parser = model::time::parse_duration)]
    timeout: Option<Duration>,
    #[command(flatten)]
    confirmation: Confirmation,
    #[command(flatten)]
    context: ContextArgs,
    #[command(flatten)]
    output: Output,
}

/// Runs the verb to its end.
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
    if args.cancel {
        let worker = ask(&cluster, args.worker, args.reason, true).await?;
        documents::show(args.output.style, &Undrained { worker })?;
        return Ok(Code::Done);
    }
    let worker = one(cluster.workers().await?.workers, &args.worker)?;
    let what = format!(
        "worker {} ({}) will leave; {} attempts run on it, those that are not nearly done are handed back",
        worker.name, worker.worker, worker.running
    );
    args.confirmation.ask(&what, &args.worker)?;
    ask(&cluster, worker.worker.clone(), args.reason, false).await?;
    if args.wait {
        wait(&cluster, &worker, args.timeout).await?;
    }
    documents::show(args.output.style, &Drained { worker: worker.worker, is_gone: args.wait })?;
    Ok(Code::Done)
}

/// Gives an order to leave, or withdraws it; returns the worker's id.
async fn ask(cluster: &Cluster, worker: String, reason: String, cancel: bool) -> Result<String> {
    let request = DrainWorkerRequest { worker, reason, cancel };
    let drain = |mut operator: Operator| {
        let request = request.clone();
        async move { operator.drain_worker(request).await }
    };
    Ok(cluster.client.operator(drain).await?.worker)
}

/// Returns the one worker with that id or name.
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

/// Waits until a worker has left: its order is carried out, and it is no longer among the live ones.
async fn wait(cluster: &Cluster, worker: &WorkerSummary, timeout: Option<Duration>) -> Result<()> {
    let cluster = cluster.patient();
    let left = async {
        loop {
            let list = cluster.workers().await?;
            if list.drains.iter().any(|order| order.name == worker.name && order.lost) {
                return Err(Exit::error(Code::Failed, lost(worker)));
            }
            let is_told = |known: &WorkerSummary| list.drains.iter().any(|order| order.worker == known.worker);
            let is_it =
                |known: &WorkerSummary| known.worker == worker.worker || (known.name == worker.name && is_told(known));
            if !list.workers.iter().any(is_it) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    let Some(timeout) = timeout else { return left.await };
    tokio::time::timeout(timeout, left).await.unwrap_or_else(|_| {
        let what = format!("worker {} had not left within {timeout:?}; it goes on leaving", worker.name);
        Err(Exit::error(Code::TimedOut, what))
    })
}

fn lost(worker: &WorkerSummary) -> String {
    let WorkerSummary { name, worker, .. } = worker;
    format!(
        "worker {name} ({worker}) was lost, not drained: its lease ended before it had left, and its attempts begin again \
         elsewhere. If it comes back as {name} it is told to leave again; `tailor worker drain {name} --cancel` takes that back"
    )
}
