//! Runs coordinator and worker in one process: `tailor run`.
//!
//! The leader, the scheduler and the agent are those of a cluster. The state is in memory, the leader is elected
//! without a rival, and calls go from one to the other directly instead of over gRPC.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use format::state_records::Text;
use model::{ByteSize, Clock, JobSpec, Term};
use proto::v1;
use storage::meta::{LeaseSession, LeaseSettings, MemoryStore, MetaStore, Revision, election};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use worker::ByUri;
use worker::agent::{Agent, AgentError, AgentSettings, Left};

use crate::JobError;
use crate::job::{Job, Resources};
use crate::leader::{Ask, Handle, Leader, LeaderSettings};
use crate::report::JobReport;
use model::error::chain;

/// TTL of the leases. No other process can take them over, so they only have to outlast a machine that sleeps.
const LEASE: Duration = Duration::from_secs(24 * 60 * 60);
/// Interval between calls of the watcher.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Task of this process's worker, which ends when the worker has left.
type Working = JoinHandle<Result<Left, AgentError>>;

/// Observer of a job's progress.
pub trait Watcher: Sync {
    /// Called with the current state of the job.
    fn look(&self, job: &v1::GetJobResponse);
}

/// Runs a job to its end. A failed shard is in the report, and does not stop the others.
///
/// `cancel` resolves when the operator wants the job to end: shards that have not committed then end as cancelled.
///
/// # Errors
/// [`JobError`] if the job cannot start, or cannot go on as a whole.
pub async fn run(
    spec: JobSpec,
    resources: &Resources,
    clock: Arc<dyn Clock>,
    watcher: &dyn Watcher,
    cancel: impl Future<Output = String>,
) -> Result<JobReport, JobError> {
    resources.memory_of_slot()?;
    spec.validate().map_err(|error| JobError::Refused { reason: error.to_string() })?;
    let job = Job::open(&spec, Arc::clone(&clock)).await?;
    // Done before anything is written, so that an input that cannot be planned is reported as such.
    crate::discover::discover(&job.input, &job.shards).await?;

    // Revisions order the records of runs under one name: 22 bits for changes within a millisecond, the clock above
    // them.
    let first = Revision(clock.now_ms().cast_unsigned() << 22);
    let store: Arc<dyn MetaStore> = Arc::new(MemoryStore::starting_after(first));
    let lease = LeaseSettings { ttl: LEASE, seed: resources.seed };
    let (handle, dismiss, leading) = lead(Arc::clone(&store), lease, resources, Arc::clone(&clock)).await?;
    let (leave, mut working) = work(&store, lease, resources, &handle, &*clock)?;

    let watched = tokio::select! {
        watched = watch(&handle, spec, watcher, cancel) => {
            // The worker leaves before the leader: it hands back the attempts that it stops, and has finished with
            // scratch before the caller removes it. If it has left already, the send fails, which is fine.
            let _ = leave.send("the job has ended".to_owned());
            if let Err(error) = working.await {
                tracing::error!(%error, "the worker panicked; please report this");
            }
            watched
        }
        ended = &mut working => Err(worker_ended(ended)),
    };
    // The leader may have ended already, for the reason in `watched`.
    let _ = dismiss.send(());
    if let Err(error) = leading.await {
        tracing::error!(%error, "the leader panicked; please report this");
    }
    watched
}

/// Elects a leader, and lets it lead.
async fn lead(
    store: Arc<dyn MetaStore>,
    lease: LeaseSettings,
    resources: &Resources,
    clock: Arc<dyn Clock>,
) -> Result<(Handle, oneshot::Sender<()>, JoinHandle<()>), JobError> {
    let refused = |error: storage::meta::MetaError| JobError::Refused { reason: chain(&error) };
    let settings = Arc::new(LeaderSettings {
        scratch: Some(resources.scratch.uri().to_owned()),
        insists_on_records: false,
        ..LeaderSettings::default()
    });
    let session = LeaseSession::open(Arc::clone(&store), lease).await.map_err(refused)?;
    let me = election::Candidate { replica: Text::cut(&settings.replica), address: Text::cut(&settings.address) };
    let leadership = election::campaign(&*store, &session, &me, Term::drawn(resources.seed)).await.map_err(refused)?;
    let found = crate::leader::find(&*store).await.map_err(refused)?;
    let (handle, inbox) = Handle::new();
    let leader = Leader::new(settings, clock, Arc::clone(&store), leadership, &found, handle.clone());
    let (dismiss, dismissed) = oneshot::channel::<()>();
    let leading = tokio::spawn(async move {
        let dismissed = async {
            // A dropped sender means the same as a message.
            let _ = dismissed.await;
        };
        let ended = leader.run(&*store, found, &session, inbox, dismissed).await;
        tracing::debug!(?ended, "the leader of this process has ended");
    });
    Ok((handle, dismiss, leading))
}

/// Starts the worker of this process.
fn work(
    store: &Arc<dyn MetaStore>,
    lease: LeaseSettings,
    resources: &Resources,
    handle: &Handle,
    clock: &dyn Clock,
) -> Result<(oneshot::Sender<String>, Working), JobError> {
    let settings = AgentSettings {
        name: "embedded".to_owned(),
        slots: resources.workers.max(1),
        memory: resources.memory,
        scratch: resources.scratch.local_folder().map_or_else(std::env::temp_dir, PathBuf::from),
        scratch_free_min: ByteSize(0),
        unfit_pause: AgentSettings::UNFIT_PAUSE,
        lease,
        drain_timeout: Duration::ZERO,
        access: resources.access,
        secret: None,
    };
    let ended = |error: AgentError| JobError::Worker { reason: chain(&error) };
    let agent = Agent::new(settings, Arc::new(handle.clone()), Arc::clone(store), Arc::new(ByUri), clock);
    let agent = agent.map_err(ended)?;
    let (leave, left) = oneshot::channel();
    let working = tokio::spawn(
        agent.run(async { left.await.unwrap_or_else(|_| "the job has ended".to_owned()) }, std::future::pending()),
    );
    Ok((leave, working))
}

fn worker_ended(ended: Result<Result<Left, AgentError>, tokio::task::JoinError>) -> JobError {
    let reason = match ended {
        Ok(Ok(left)) => format!("it left while the job ran ({left:?})"),
        Ok(Err(error)) => chain(&error),
        Err(error) => format!("it panicked: {error}; please report this"),
    };
    JobError::Worker { reason }
}

/// Submits the job, and reports its progress to the watcher until it has ended.
async fn watch(
    handle: &Handle,
    spec: JobSpec,
    watcher: &dyn Watcher,
    cancel: impl Future<Output = String>,
) -> Result<JobReport, JobError> {
    let refused = |error: proto::ApiError| JobError::Refused { reason: error.to_string() };
    let job = spec.job.clone();
    let (ended, report) = oneshot::channel();
    handle.ask(|reply| Ask::Run { spec: Box::new(spec), ended, reply }).await.map_err(refused)?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut report = std::pin::pin!(report);
    let mut cancel = std::pin::pin!(cancel);
    let mut is_cancelled = false;
    loop {
        tokio::select! {
            report = &mut report => {
                let stopped = |_| JobError::Refused { reason: "the leader of this process stopped".to_owned() };
                return report.map(|report| *report).map_err(stopped);
            }
            _ = looks.tick() => {
                let job = job.clone();
                if let Ok(Some(view)) = handle.ask(|reply| Ask::Job { job, reply }).await {
                    watcher.look(&view);
                }
            }
            reason = &mut cancel, if !is_cancelled => {
                is_cancelled = true;
                let job = job.clone();
                // If the job has just ended, there is nothing to cancel.
                let _ = handle.ask(|reply| Ask::Cancel { job, reason, reply }).await;
            }
        }
    }
}
