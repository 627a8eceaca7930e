//! Coordinator and worker slots in one process: `tailor run`.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use format::keys;
use model::{ShardId, ShardPlan, TaskId};
use scheduler::ShardOutput;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use worker::task::{Progress, Stores, Surroundings};
use worker::{Slot, SlotLimits};

use crate::JobError;
use crate::driver::{Driver, Message};
use crate::job::{Job, Resources};
use crate::planning::{self, Planned};
use crate::report::{API_VERSION, JobReport, ShardReport, Skew, Totals};

/// Who watches a job. All calls come from the driver, in order.
pub trait Watcher: Sync {
    /// The job was planned.
    fn planned(&self, _plans: &[ShardPlan]) {}

    /// An attempt begins; it counts into what is returned.
    fn attempt_begins(&self, _shard: ShardId, _task: TaskId) -> Arc<Progress> {
        Arc::default()
    }

    /// A shard has ended.
    fn shard_ends(&self, _report: &ShardReport) {}
}

/// Runs a job to its end. A shard that fails is in the report; the others are not stopped by it.
///
/// `cancel` resolves when the operator wants the job to end: shards that have not committed then end as cancelled.
///
/// # Errors
/// [`JobError`] where the job cannot start, or cannot go on as a whole.
pub async fn run(
    job: Job,
    resources: &Resources,
    watcher: &dyn Watcher,
    cancel: impl Future<Output = String> + Send + 'static,
) -> Result<JobReport, JobError> {
    let (started, started_at_ms) = (Instant::now(), job.clock.now_ms());
    let memory_of_slot = resources.memory_of_slot()?;
    let Planned { plans, warnings } = planning::plan(&job).await?;
    watcher.planned(&plans);
    write_plans(&job, &plans).await?;

    let job = Arc::new(job);
    let (mailbox, messages) = mpsc::unbounded_channel();
    let cancelling = tokio::spawn({
        let mailbox = mailbox.clone();
        async move {
            let cause = cancel.await;
            // A driver that has ended wants nothing.
            let _ = mailbox.send(Message::Cancel { cause });
        }
    });
    let slots = start_slots(&job, resources, memory_of_slot, &mailbox)?;
    let shards = Driver::new(Arc::clone(&job), resources, watcher, mailbox).run(plans, messages).await;
    cancelling.abort();
    tokio::task::spawn_blocking(move || slots.into_iter().for_each(join)).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "wait for slots");
    });

    let shards = shards?;
    let mut totals = Totals::default();
    shards.iter().for_each(|shard| totals.add(&shard.totals));
    let report = JobReport {
        api_version: API_VERSION,
        kind: "JobReport",
        job: job.id.clone(),
        window: job.settings.window,
        settings: job.settings.clone(),
        started_at_ms,
        elapsed: started.elapsed(),
        skew: Skew::of(&shards),
        warnings,
        shards,
        totals,
    };
    if let Err(error) = write_record(&job, &report).await {
        // What was committed counts, and the caller has the report: only the dataset's own history lacks it.
        tracing::warn!(%error, job = %job.id, "write the job's record");
    }
    Ok(report)
}

async fn write_plans(job: &Job, plans: &[ShardPlan]) -> Result<(), JobError> {
    for plan in plans {
        let text = serde_json::to_vec_pretty(plan).expect("a plan is numbers and names");
        job.dataset.replace(&keys::plan(&job.id, plan.shard, format::digest::Digest::of(&text)), text).await?;
    }
    Ok(())
}

async fn write_record(job: &Job, report: &JobReport) -> Result<(), JobError> {
    let text = serde_json::to_vec_pretty(report).expect("a report is numbers and names");
    Ok(job.dataset.replace(&keys::job_record(&job.id), text).await?)
}

fn start_slots(
    job: &Arc<Job>,
    resources: &Resources,
    memory_bytes: u64,
    mailbox: &mpsc::UnboundedSender<Message>,
) -> Result<Vec<JoinHandle<()>>, JobError> {
    let start = |number: usize| {
        let (job, mailbox) = (Arc::clone(job), mailbox.clone());
        let stores = Stores {
            input: job.input.clone(),
            dataset: job.dataset.clone(),
            scratch: resources.scratch.clone(),
            local: resources.scratch.clone(),
            access: resources.access,
            runtime: Handle::current(),
        };
        let thread = std::thread::Builder::new().name(format!("slot-{number}"));
        thread.spawn(move || work(&job, stores, memory_bytes, &mailbox)).map_err(JobError::Thread)
    };
    (0..resources.workers.max(1)).map(start).collect()
}

/// One slot's life: claim, run, hand back, until there is no answer.
fn work(job: &Job, stores: Stores, memory_bytes: u64, mailbox: &mpsc::UnboundedSender<Message>) {
    let mut slot = Slot::new(SlotLimits::within(memory_bytes));
    loop {
        let (reply, given) = oneshot::channel();
        if mailbox.send(Message::Claim { reply }).is_err() {
            return;
        }
        let Ok((assignment, progress)) = given.blocking_recv() else { return };
        let shard = assignment.shard;
        let belongs = |org| job.shard_map.shard(org) == shard;
        let around = Surroundings { stores: &stores, belongs: &belongs, progress: &progress };
        let outcome = Box::new(slot.run(&assignment, &around));
        let (task, attempt) = (assignment.task, assignment.attempt);
        if mailbox.send(Message::Ended { shard, task, attempt, outcome }).is_err() {
            return;
        }
    }
}

fn join(slot: JoinHandle<()>) {
    if slot.join().is_err() {
        tracing::error!("a slot's thread panicked outside of an attempt; please report this");
    }
}

/// What a shard read and wrote.
pub(crate) fn totals(output: &ShardOutput) -> Totals {
    let mut totals = Totals {
        books: output.books.clone(),
        bytes_in: output.plan.bytes(),
        stages: output.stages,
        ..Totals::default()
    };
    for (_, _, report) in &output.partitions {
        totals.bytes_raw += report.raw.as_ref().map_or(0, |object| object.size);
        totals.bytes_rollup += report.rollups.iter().map(|rollup| rollup.object.size).sum::<u64>();
    }
    totals.rate();
    totals
}
